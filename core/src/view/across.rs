//! One scenario on every architecture, idea beside idea.
//!
//! A text is turned by the word after `machine`, so its ideas keep their lines and belong together one by one. Where a preset
//! asks its question in a text of its own on another architecture, its [`crate::scenario::presets::Family`] says which idea of each
//! belongs to which. Everything that is said of an idea comes from its run; nothing here knows an architecture.

use super::met::Met;
use super::types::{Across, AcrossCell, AcrossColumn, AcrossFact, AcrossRow, Stop, Turned};
use super::walked::Walked;
use super::Player;
use crate::iommu::Architecture;
use crate::scenario::presets::{by_name, Preset, Rung};
use crate::scenario::{onto, parse, print, Outline, Problems, Scenario, UNREADABLE};
use crate::spec::{EntryType, FaultCode, Lang, Text};
use crate::trace::{Event, Recorded, Trace};
use alloc::collections::BTreeSet;
use alloc::{format, string::String, string::ToString, vec::Vec};

/// A text on one architecture.
struct On {
    architecture: Architecture,
    /// The preset that the text is, or is a turned one of.
    preset: Option<&'static Preset>,
    /// The text, or why there is none.
    text: Result<String, Text>,
}

/// A text that is to run on other architectures.
struct Source<'a> {
    text: &'a str,
    scenario: Option<Scenario>,
    /// The one that it names.
    own: Option<Architecture>,
    /// The preset that it is, where nothing but its architecture is changed: elsewhere it is that preset's text.
    preset: Option<&'static Preset>,
}

impl<'a> Source<'a> {
    /// `preset` is the one that the text is an edit of, if it is one.
    fn new(text: &'a str, preset: Option<&str>) -> Self {
        let scenario = parse(text).ok();
        let own = scenario.as_ref().and_then(|s| Outline::new(s).architecture());
        let same =
            |p: &&Preset| p.text == text || own.is_some_and(|own| p.text_on(own).as_deref() == Some(text));
        Source { text, preset: preset.and_then(by_name).filter(same), scenario, own }
    }

    fn on(&self, architecture: Architecture) -> On {
        let (preset, text) = match (self.preset, self.preset.and_then(|preset| preset.on(architecture))) {
            _ if self.own == Some(architecture) => (self.preset, Ok(self.text.into())),
            // Turned from how it is written, since a machine between may lack some of its words.
            (Some(preset), Some(there)) => (Some(there), there.text_on(architecture).ok_or(preset.why())),
            (Some(preset), None) => (Some(preset), Err(preset.why())),
            (None, _) => {
                let turned = self.scenario.as_ref().map(|s| print(&onto(s, architecture)));
                (None, turned.ok_or(UNREADABLE))
            }
        };
        On { architecture, preset, text }
    }
}

/// Returns the text `source` on one architecture, by the word after `machine`, and the preset that it is there. `preset` is the
/// one that it is an edit of, if it is one. A text of one's own is tried: what it may use that the architecture lacks is said.
pub fn turned(source: &str, preset: Option<&str>, architecture: &str, lang: Lang) -> Option<Turned> {
    let here = Source::new(source, preset);
    let there = here.on(Architecture::named(architecture)?);
    let text = there.text.ok()?;
    let ideas = (|| here.preset?.family()?.beside(here.own?, there.architecture))();
    let problems = if there.preset.is_none() { Player::open(&text).err() } else { None };
    let why = problems.map(|problems| first_of(&problems, (source, &text), lang)).unwrap_or_default();
    Some(Turned { text, preset: there.preset.map(|p| p.name.into()), why, ideas })
}

/// The first problem of a turned text, at its line in `source`, which may lack the `machine` line that was put in.
fn first_of(problems: &Problems, (source, text): (&str, &str), lang: Lang) -> String {
    let put_in = text.lines().count().saturating_sub(source.lines().count()) as u32;
    let first = super::text::troubles(&problems.0, lang).into_iter().next();
    first
        .map(|t| format!("{}:{}: {}", t.line.saturating_sub(put_in), t.column, t.message))
        .unwrap_or_default()
}

/// Returns the text `source` on every architecture, idea beside idea. `preset` is the one that it is, turned or not, if it is one.
pub fn across(source: &str, preset: Option<&str>, lang: Lang) -> Across {
    let mut columns = Vec::new();
    let mut lanes: Vec<Vec<AcrossCell>> = Vec::new();
    let asked = Source::new(source, preset);
    for on in Architecture::ALL.map(|architecture| asked.on(architecture)) {
        let (mut why, mut cells) = (String::new(), Vec::new());
        let text = on.text.map_err(|reason| why = reason.get(lang).into()).ok();
        match text.as_deref().map(Player::open) {
            Some(Ok(run)) => cells = ideas(&run, lang),
            Some(Err(problems)) => {
                why = first_of(&problems, (source, text.as_deref().unwrap_or_default()), lang)
            }
            None => {}
        }
        let described = on.architecture.describe();
        columns.push(AcrossColumn {
            name: described.word.into(),
            title: described.label.into(),
            preset: on.preset.filter(|_| why.is_empty()).map(|preset| preset.name.into()),
            text: text.filter(|_| why.is_empty()),
            why,
        });
        lanes.push(cells);
    }
    let mut rows = match preset.and_then(by_name).and_then(Preset::family) {
        Some(family) => {
            let row = |rung: &Rung| {
                let row = row_of(rung.text.get(lang), &lanes, |n| rung.ideas[n]);
                AcrossRow { gap: rung.gap.get(lang).into(), ..row }
            };
            family.rungs.iter().map(row).collect()
        }
        None => by_index(&lanes),
    };
    mark(&mut rows);
    Across { columns, rows }
}

/// Rows of texts whose ideas follow each other alike.
fn by_index(lanes: &[Vec<AcrossCell>]) -> Vec<AcrossRow> {
    let count = lanes.iter().map(Vec::len).max().unwrap_or(0);
    let row = |index: usize| {
        let note = lanes.iter().find_map(|lane| lane.get(index)).map_or("", |cell| &cell.note);
        row_of(note, lanes, |_| Some(index as u8))
    };
    (0..count).map(row).collect()
}

fn row_of(text: &str, lanes: &[Vec<AcrossCell>], idea: impl Fn(usize) -> Option<u8>) -> AcrossRow {
    let cell = |(n, lane): (usize, &Vec<AcrossCell>)| lane.get(usize::from(idea(n)?)).cloned();
    AcrossRow {
        text: text.to_string(),
        cells: lanes.iter().enumerate().map(cell).collect(),
        gap: String::new(),
    }
}

/// Marks each fact of which two columns have different values, and the ends that are not of one kind.
pub fn mark(rows: &mut [AcrossRow]) {
    for row in rows {
        let values = |cells: &[Option<AcrossCell>], name: &str| -> BTreeSet<String> {
            let facts = cells.iter().flatten().flat_map(|cell| &cell.facts);
            facts.filter(|fact| fact.name == name).map(|fact| fact.value.clone()).collect()
        };
        let cells = row.cells.clone();
        for fact in row.cells.iter_mut().flatten().flat_map(|cell| &mut cell.facts) {
            fact.differs = values(&cells, &fact.name).len() > 1;
        }
        // The words of an end are each machine's own; what kind of an end it is can be compared.
        let ends = |cell: &AcrossCell| cell.outcome.as_ref().map(|end| end.word.clone());
        let all: BTreeSet<_> = cells.iter().flatten().map(ends).collect();
        row.cells.iter_mut().flatten().for_each(|cell| cell.outcome_differs = all.len() > 1);
    }
}

/// The ideas of one run, each with what came of it.
fn ideas(run: &Player, lang: Lang) -> Vec<AcrossCell> {
    let trace = run.viewer.trace();
    let tables = Walked::of(trace);
    let cell = |stop: Stop| AcrossCell {
        at: stop.to,
        note: stop.sentence.clone(),
        facts: facts(run, trace, &tables, &stop, lang),
        outcome: stop.outcome,
        outcome_differs: false,
    };
    run.ideas(lang).into_iter().map(cell).collect()
}

/// What is compared of an idea.
fn facts(run: &Player, trace: &Trace, tables: &Walked, stop: &Stop, lang: Lang) -> Vec<AcrossFact> {
    let (from, to) = (stop.from as usize, stop.to as usize);
    let inside = run.done.iter().filter(|d| d.steps.start >= from && d.steps.end <= to);
    let mut commands = 0;
    let mut fault = None;
    let mut walked = Met::default();
    for done in inside {
        walked = Met::for_requests(trace, done.steps.clone()).unwrap_or(walked);
        commands += done.outcome.counts.invalidations;
        fault = done.outcome.fault.or(fault);
    }
    let mut out = Vec::new();
    let mut fact = |name: Text, value: String| {
        out.push(AcrossFact { name: name.get(lang).into(), value, differs: false });
    };
    fact(TABLES, named(&walked, lang));
    fact(READS, walked.total().to_string());
    fact(
        BYTES,
        match tables.bytes(to) / 1024 {
            0 => UNWALKED.get(lang).into(),
            kib => format!("{kib} KiB"),
        },
    );
    fact(COMMANDS, commands.to_string());
    let said = fault.map(|(code, ..)| match run.viewer.cast().architecture {
        Some(architecture) => fault_title(architecture, code, lang),
        None => code.name.into(),
    });
    // What nobody records nobody can read.
    let mut faults = trace.steps().range(from..to).iter().filter_map(|step| match step.event {
        Event::Fault { recorded, .. } => Some(recorded == Recorded::Suppressed),
        _ => None,
    });
    let said = match (faults.next(), faults.all(|suppressed| suppressed)) {
        (Some(true), true) => Some(UNRECORDED.get(lang).into()),
        _ => said,
    };
    fact(FAULT, said.unwrap_or_else(|| NONE.get(lang).into()));
    out
}

const TABLES: Text = Text::new("tables walked", "查了哪些表");
const READS: Text = Text::new("table entries read for it", "读了多少个表项");
const BYTES: Text = Text::new("tables that requests walk here, in memory", "请求查到的表占多少内存");
const COMMANDS: Text = Text::new("commands to the IOMMU", "发给 IOMMU 的命令数");
const FAULT: Text = Text::new("the fault says", "转换错误");
const UNWALKED: Text =
    Text::new("none: no request walks a table in this run", "没有：这次运行里没有请求查表");
const UNRECORDED: Text = Text::new("none recorded", "没有记录");
const NONE: Text = Text::new("none", "无");

/// What was read, in order, each with how often.
fn named(met: &Met, lang: Lang) -> String {
    let name = |(entry, times): (&EntryType, u32)| match times {
        1 => short(entry.name.get(lang)),
        _ => format!("{} × {times}", short(entry.name.get(lang))),
    };
    let all: Vec<String> = met.iter().map(name).collect();
    if all.is_empty() {
        return NONE.get(lang).into();
    }
    all.join(" → ")
}

/// A fault's number with its name: `event 0x10: F_TRANSLATION`.
pub(super) fn fault_title(architecture: Architecture, fault: &FaultCode, lang: Lang) -> String {
    let between = Text::new(": ", "：").get(lang);
    format!("{}{between}{}", architecture.fault_number(fault).get(lang).trim(), fault.name)
}

/// A name without what stands in brackets after it.
fn short(name: &str) -> String {
    name.split(" (").next().unwrap_or(name).split('（').next().unwrap_or(name).trim().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::presets::PRESETS;

    fn values<'a>(row: &'a AcrossRow, name: &Text) -> Vec<Option<&'a str>> {
        let fact =
            |cell: &'a AcrossCell| cell.facts.iter().find(|f| f.name == name.en).map(|f| f.value.as_str());
        row.cells.iter().map(|cell| cell.as_ref().and_then(fact)).collect()
    }

    #[test]
    fn every_preset_has_a_cell_for_each_idea_where_it_runs_and_a_reason_where_not() {
        for preset in PRESETS {
            let across = across(preset.text, Some(preset.name), Lang::En);
            assert_eq!(across.columns.len(), Architecture::ALL.len(), "{}", preset.name);
            for (n, (column, architecture)) in across.columns.iter().zip(Architecture::ALL).enumerate() {
                let runs = preset.on(architecture).is_some();
                assert_eq!(column.why.is_empty(), runs, "{} on {}: {}", preset.name, column.name, column.why);
                assert_eq!(across.rows.iter().any(|row| row.cells[n].is_some()), runs, "{}", preset.name);
                let Some(text) = &column.text else { continue };
                // Each idea of each text stands in one row.
                let ideas = Player::open(text).unwrap().ideas(Lang::En);
                let ends: Vec<u32> =
                    across.rows.iter().filter_map(|r| r.cells[n].as_ref()).map(|c| c.at).collect();
                assert_eq!(ends, ideas.iter().map(|s| s.to).collect::<Vec<_>>(), "{}", preset.name);
            }
        }
    }

    /// What an operation of many packets read is what its sentence says it read.
    #[test]
    fn the_reads_are_those_of_the_whole_operation() {
        let reach = by_name("iotlb-reach").unwrap();
        let across = across(reach.text, Some(reach.name), Lang::En);
        let reads: Vec<_> = across.rows.iter().map(|row| values(row, &READS)).collect();
        for (row, of_tables) in reads.iter().zip([None, Some("256"), Some("3"), Some("192"), Some("2")]) {
            assert!(row.iter().all(|reads| of_tables.is_none_or(|n| *reads == Some(n))), "{reads:?}");
        }
    }

    #[test]
    fn a_cold_translation_costs_what_each_machine_s_tables_ask_for() {
        let howto = by_name("nested-walk").unwrap();
        let across = across(howto.text, Some(howto.name), Lang::En);
        let reads: Vec<_> = across.rows.iter().map(|row| values(row, &READS)).collect();
        assert!(reads.iter().any(|row| row.iter().flatten().collect::<BTreeSet<_>>().len() > 1), "{reads:?}");
        // What differs is marked, what does not is not.
        for fact in across.rows.iter().flat_map(|row| row.cells.iter().flatten().map(move |c| (row, c))) {
            for f in &fact.1.facts {
                let same = fact.0.cells.iter().flatten().flat_map(|c| &c.facts).filter(|g| g.name == f.name);
                assert_eq!(f.differs, same.clone().any(|g| g.value != f.value));
            }
        }
    }

    #[test]
    fn a_ladder_s_rungs_stand_side_by_side() {
        let ladder = by_name("fault-ladder").unwrap();
        let across = across(ladder.text, Some(ladder.name), Lang::En);
        let last = values(across.rows.last().unwrap(), &FAULT);
        assert!(last.iter().all(Option::is_some), "{last:?}");
        assert!(last[0].unwrap().contains("05h") || last[0].unwrap().contains("0x5"), "{last:?}");
        assert_eq!(across.columns[1].preset.as_deref(), Some("fault-ladder-riscv"));
    }

    #[test]
    fn a_rung_of_a_ladder_leads_to_the_one_that_shows_the_same() {
        let ladder = by_name("fault-ladder").unwrap();
        let ideas = |to| super::turned(ladder.text, Some(ladder.name), to, Lang::En).unwrap().ideas.unwrap();
        // AMD-Vi has one table of devices: nothing stands beside the second.
        let amd = [Some(0), None, Some(1), Some(2), Some(3), Some(5), Some(6), Some(7), Some(8)];
        assert_eq!(ideas("amd-vi"), amd);
        assert_eq!(ideas("vt-d"), (0..9).map(Some).collect::<Vec<_>>());
        let howto = by_name("howto").unwrap();
        assert_eq!(super::turned(howto.text, Some(howto.name), "riscv", Lang::En).unwrap().ideas, None);
    }

    #[test]
    fn a_text_of_one_s_own_is_turned_and_one_that_cannot_be_says_why() {
        let own = "iommu-playground 1\nmachine vt-d\nram 0 .. 3G\ndevice nic 00:03.0\nsteps\n  domain d\n  attach nic to d\n  dma nic write 0x1000 +4\n";
        let across = super::across(own, None, Lang::Zh);
        assert!(
            across.columns.iter().all(|c| c.why.is_empty() && c.preset.is_none()),
            "{:?}",
            across.columns
        );
        let there = |text, word| super::turned(text, None, word, Lang::En).unwrap();
        assert_eq!(there(own, "riscv").why, "");
        let registers =
            own.replace("domain d\n", "register read GCMD_REG\n").replace("  attach nic to d\n", "");
        assert_eq!(
            there(&registers, "riscv").why,
            "6:17: this IOMMU has no register `GCMD_REG`: it is one of VT-d's (global command; VT-d 11.4); after `machine`, `vt-d` can do it"
        );
        let silent = registers.replace("machine vt-d\n", "");
        assert!(
            there(&silent, "riscv").why.starts_with("5:17: this IOMMU has no register"),
            "{:?}",
            there(&silent, "riscv")
        );
        let broken = super::across("machine vt-d\nsteps\n  nonsense\n", None, Lang::En);
        assert!(broken.columns.iter().all(|c| !c.why.is_empty()), "{:?}", broken.columns);
    }
}
