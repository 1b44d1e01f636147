//! The trace is the whole truth: undone to its beginning, memory is empty; redone, it is what the machine left.

use iommu_core::diagram::model::{Anchor, Token};
use iommu_core::diagram::Model;
use iommu_core::machine::history::Cursor;
use iommu_core::machine::{run, Record, Run};
use iommu_core::memory::Memory;
use iommu_core::picture::picture;
use iommu_core::places::{find_all, Found};
use iommu_core::scenario::presets::PRESETS;
use iommu_core::spec::Phrase;
use std::collections::BTreeSet;

/// Every word that is not zero.
fn words(memory: &Memory) -> Vec<(u64, u64)> {
    let pages: Vec<_> = memory.pages().collect();
    let all = pages.iter().flat_map(|p| (0..512).map(move |i| p.wrapping_add_words(i)));
    all.map(|at| (at.raw(), memory.peek_u64(at))).filter(|w| w.1 != 0).collect()
}

trait Words {
    fn wrapping_add_words(&self, words: u64) -> Self;
}

impl Words for iommu_core::addr::PhysAddr {
    fn wrapping_add_words(&self, words: u64) -> Self {
        Self::new(self.raw() + words * 8)
    }
}

#[test]
fn undoing_every_step_empties_memory_and_redoing_restores_it() {
    let mut devices_with_memory = 0;
    for preset in PRESETS {
        let run = run(preset.text).expect(preset.name);
        let trace = &run.machine.trace;
        let end = words(&run.machine.memory);
        let mut cursor = Cursor::at_end(run.machine.memories(), trace);
        let start = words(cursor.seek(trace, 0));
        assert!(
            start.is_empty(),
            "{}: words that no step wrote: {:x?}",
            preset.name,
            &start[..start.len().min(8)]
        );
        for device in &run.machine.hw.devices {
            let own = cursor.own(device.requester).map(words).unwrap_or_default();
            assert!(own.is_empty(), "{}: {}'s own memory: {own:x?}", preset.name, device.name);
        }
        assert_eq!(words(cursor.seek(trace, trace.len())), end, "{}", preset.name);
        for device in &run.machine.hw.devices {
            let own = cursor.own(device.requester).map(words).unwrap_or_default();
            assert_eq!(own, words(&device.memory), "{}: {}'s own memory", preset.name, device.name);
            devices_with_memory += usize::from(!own.is_empty());
        }
    }
    assert!(devices_with_memory > 2, "{devices_with_memory}");
}

#[test]
fn the_same_scenario_gives_the_same_trace() {
    for preset in PRESETS {
        let (one, two) = (run(preset.text).expect(preset.name), run(preset.text).expect(preset.name));
        assert!(one.machine.trace.steps() == two.machine.trace.steps(), "{}", preset.name);
    }
}

/// What a picture shows in the columns that `like` has too: which columns there are is a matter of the whole run.
fn shown(model: &Model, like: &Model) -> BTreeSet<String> {
    let has = |key: &str| like.columns.iter().any(|c| c.key == key);
    let column = |id: iommu_core::diagram::model::ColumnId| &model.columns[usize::from(id.0)].key;
    let mut out = BTreeSet::new();
    for c in model.columns.iter().filter(|c| has(&c.key)) {
        out.extend(c.regions.iter().map(|r| format!("{} {r:x?}", c.key)));
    }
    for a in &model.arrows {
        let (from, to) = (column(a.from.at.column), column(a.to.at.column));
        if has(from) && has(to) {
            let (at, lands) = (a.from.at.address, a.to.at.address);
            out.insert(format!(
                "{} {from} {at:x} -> {to} {lands:x} {:x} {:?} {}",
                a.key, a.len, a.state, a.perms
            ));
        }
    }
    // The token goes by names: a column that comes later moves the numbers of the others.
    if let Some(Token { at, address, space, fate, .. }) = &model.token {
        match at {
            Anchor::Point(at) if has(column(at.column)) => {
                out.insert(format!(
                    "token {address:x} {space:?} {fate:?} at {} {:x}",
                    column(at.column),
                    at.address
                ));
            }
            Anchor::Actor(id) => {
                out.insert(format!(
                    "token {address:x} {space:?} {fate:?} at {}",
                    model.actors[usize::from(id.0)].key
                ));
            }
            Anchor::Point(_) => {}
        }
    }
    out
}

struct Views<'a> {
    run: &'a Run,
    record: Record,
    cursor: Cursor,
}

impl<'a> Views<'a> {
    fn of(run: &'a Run) -> Self {
        let cursor = Cursor::at_end(run.machine.memories(), &run.machine.trace);
        Views { run, record: Record::of(&run.machine), cursor }
    }
    fn at(&mut self, position: usize, addresses: &[u64]) -> (Model, Vec<Vec<Found>>) {
        let trace = &self.run.machine.trace;
        self.cursor.seek(trace, position);
        let model = picture(&self.record, trace, &mut self.cursor, Phrase::default());
        let found = addresses.iter().map(|at| find_all(&self.record, trace, &mut self.cursor, *at));
        (model, found.collect())
    }
}

/// A view of a position knows nothing of what comes later: a run that ends earlier shows the same there.
#[test]
fn what_a_position_shows_does_not_depend_on_what_comes_after_it() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/machine");
    let files = std::fs::read_dir(folder).unwrap().map(|f| f.unwrap().path());
    let files = files.map(|f| (f.display().to_string(), std::fs::read_to_string(f).unwrap()));
    let texts = PRESETS.iter().map(|p| (p.name.to_string(), p.text.to_string())).chain(files);
    let (mut compared, mut things) = (0, 0);
    for (name, text) in texts {
        let whole = run(&text).unwrap_or_else(|p| panic!("{name}: {p}"));
        let mut after = Views::of(&whole);
        let addresses: Vec<u64> = whole
            .machine
            .sw
            .buffers
            .iter()
            .take(3)
            .filter_map(|b| b.pieces.first())
            .map(|p| p.0.raw() + 8)
            .collect();
        let lines: Vec<&str> = text.lines().collect();
        let first = lines.iter().position(|l| l.trim() == "steps").expect(&name) + 1;
        let steps = lines.len() - first;
        // Short ones are cut before every line.
        let cuts = if steps < 30 { (1..steps).collect() } else { vec![steps / 3, steps / 2, steps * 5 / 6] };
        for cut in cuts {
            let mut cut = lines[..first + cut].to_vec();
            // A note is the next statement's.
            while cut.last().is_some_and(|line| line.trim().starts_with("note")) {
                cut.pop();
            }
            let cut = cut.join("\n") + "\n";
            let part = run(&cut).unwrap_or_else(|p| panic!("{name}: {p}\n{cut}"));
            let length = part.machine.trace.len();
            assert!(part.machine.trace.steps() == whole.machine.trace.steps().range(0..length), "{name}");
            let mut before = Views::of(&part);
            for position in [length, length * 2 / 3] {
                let (now, found) = before.at(position, &addresses);
                let (then, found_then) = after.at(position, &addresses);
                assert_eq!(shown(&now, &now), shown(&then, &now), "{name} at {position} of {length}");
                assert_eq!(found, found_then, "{name} at {position} of {length}");
                (compared, things) = (compared + 1, things + shown(&now, &now).len());
            }
        }
    }
    assert!(compared > 250 && things > 2000, "{compared} positions, {things} things");
}
