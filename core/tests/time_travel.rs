//! The trace is the whole truth: undone to its beginning, memory is empty; redone, it is what the machine left.

use iommu_core::machine::history::Cursor;
use iommu_core::machine::run;
use iommu_core::memory::Memory;
use iommu_core::scenario::presets::PRESETS;

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
