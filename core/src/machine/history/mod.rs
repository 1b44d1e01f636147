//! Reconstructs memory, caches and registers at any step from the trace alone, by undoing and redoing the steps between
//! two positions. The machine is never run again.

mod fold;
mod landmarks;

use crate::addr::{PhysAddr, RequesterId};
use crate::memory::{Memories, Memory};
use crate::trace::{Event, Trace};
use alloc::vec::Vec;

use fold::Fold;
pub use fold::{place, CacheState, RegisterState};
use landmarks::Landmarks;
pub use landmarks::TablePage;

/// Memory, caches and registers, standing at one position of a trace, that can be moved to any other.
#[derive(Clone, Debug)]
pub struct Cursor {
    memories: Memories,
    at: usize,
    /// Moved only when it is looked at.
    fold: Fold,
    landmarks: Landmarks,
}

impl Cursor {
    /// All memory as it stood after the last step of its trace.
    pub fn at_end(memories: Memories, trace: &Trace) -> Self {
        Cursor { memories, at: trace.len(), fold: Fold::default(), landmarks: Landmarks::new(trace) }
    }
    /// Physical memory as it stood after `steps` steps.
    pub fn seek(&mut self, trace: &Trace, steps: usize) -> &Memory {
        let steps = steps.min(trace.len());
        trace.seek(&mut self.memories, self.at, steps);
        self.at = steps;
        &self.memories.host
    }
    /// The position: a count of steps done.
    pub fn position(&self) -> usize {
        self.at
    }
    /// The caches used so far.
    pub fn caches(&mut self, trace: &Trace) -> &[CacheState] {
        self.fold.seek(trace, self.at);
        self.fold.caches()
    }
    /// The registers that were read or written so far, with their values now.
    pub fn registers(&mut self, trace: &Trace) -> Vec<RegisterState> {
        self.fold.seek(trace, self.at);
        self.fold.registers().collect()
    }
    /// The pages of tables read up to the end of the operation that the position is in, by address.
    pub fn tables(&self) -> Vec<TablePage> {
        self.landmarks.tables(self.at)
    }
    /// Memory and the caches used so far, for walkers that take memory by `&mut` although they only look. Callers
    /// must not change it: other positions follow from it.
    pub(crate) fn look(&mut self, trace: &Trace) -> (&mut Memory, &[CacheState]) {
        self.fold.seek(trace, self.at);
        (&mut self.memories.host, self.fold.caches())
    }
    /// Physical memory at the present position.
    pub fn memory(&self) -> &Memory {
        &self.memories.host
    }
    /// A device's own memory at the present position; `None` when nothing was ever written there.
    pub fn own(&self, device: RequesterId) -> Option<&Memory> {
        self.memories.own.get(&device)
    }
}

/// The last step at or before `steps` that wrote the word at `pa`, as an index into the trace.
pub fn last_write(trace: &Trace, steps: usize, pa: PhysAddr) -> Option<usize> {
    let word = pa.raw() & !7;
    trace.steps().range(0..steps.min(trace.len())).iter().rposition(|step| match step.event {
        Event::Write { pa, .. } => pa.raw() == word,
        Event::WriteRun { pa, new, .. } => {
            let bytes = trace.get_words(new).len() as u64 * 8;
            word.wrapping_sub(pa.raw()) < bytes
        }
        Event::Data { pa, bytes, .. } => {
            word.wrapping_add(7) >= pa.raw() && word < pa.raw().saturating_add(u64::from(bytes))
        }
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::run;
    use crate::scenario::presets::PRESETS;

    /// Wherever a cursor comes from, it finds what one that came straight from the start finds.
    #[test]
    fn every_position_is_the_same_from_wherever_it_is_reached() {
        for preset in PRESETS {
            let machine =
                run(preset.text).map(|r| r.machine).unwrap_or_else(|p| panic!("{}: {p:?}", preset.name));
            let trace = &machine.trace;
            let mut cursor = Cursor::at_end(machine.memories(), trace);
            let mut at = 7;
            for _ in 0..60 {
                at = (at * 31 + 17) % (trace.len() + 1);
                cursor.seek(trace, at);
                let mut fresh = Fold::default();
                fresh.seek(trace, at);
                assert_eq!(cursor.caches(trace), fresh.caches(), "{} at {at}", preset.name);
                assert_eq!(
                    cursor.registers(trace),
                    fresh.registers().collect::<Vec<_>>(),
                    "{} at {at}",
                    preset.name
                );
            }
        }
    }
}
