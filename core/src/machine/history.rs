//! The state at any step, had from the trace alone: memory by undoing and redoing, caches and registers by
//! folding their events. The machine is never run again.

use crate::addr::PhysAddr;
use crate::memory::Memory;
use crate::spec::Register;
use crate::trace::{CacheLine, CacheOp, CacheType, Event, Trace};
use alloc::{collections::BTreeMap, vec::Vec};

/// Memory, standing at one position of a trace, that can be moved to any other.
#[derive(Clone, Debug)]
pub struct Cursor {
    memory: Memory,
    at: usize,
}

impl Cursor {
    /// Memory as it stood after the last step of its trace.
    pub fn at_end(memory: Memory, trace: &Trace) -> Self {
        Cursor { memory, at: trace.len() }
    }
    /// Memory as it stood after `steps` steps.
    pub fn seek(&mut self, trace: &Trace, steps: usize) -> &Memory {
        let steps = steps.min(trace.len());
        trace.seek(&mut self.memory, self.at, steps);
        self.at = steps;
        &self.memory
    }
    /// As [`Cursor::seek`], for what needs to borrow memory mutably though it leaves it as it is (a walk).
    pub fn seek_mut(&mut self, trace: &Trace, steps: usize) -> &mut Memory {
        self.seek(trace, steps);
        &mut self.memory
    }
    /// The position: a count of steps done.
    pub fn position(&self) -> usize {
        self.at
    }
    /// The same, for walkers that take memory by `&mut` although they only look. Whoever changes it breaks time.
    pub(crate) fn memory_mut(&mut self) -> &mut Memory {
        &mut self.memory
    }
    /// Memory where it stands now.
    pub fn memory(&self) -> &Memory {
        &self.memory
    }
}

/// One cache with what is in it at a position.
#[derive(Clone, Debug, PartialEq)]
pub struct CacheState {
    /// Which.
    pub cache: &'static CacheType,
    /// Its entries by slot.
    pub lines: BTreeMap<u32, CacheLine>,
    /// The last thing that happened in it, with its slot and line, if that was at the position itself.
    pub now: Option<(CacheOp, u32, CacheLine)>,
    /// Hits (stale and denied ones included) so far.
    pub hits: u64,
    /// Misses so far.
    pub misses: u64,
}

/// Every cache that was touched in the first `steps` steps.
pub fn caches(trace: &Trace, steps: usize) -> Vec<CacheState> {
    let mut all: Vec<CacheState> = Vec::new();
    let steps = steps.min(trace.len());
    for (i, step) in trace.steps()[..steps].iter().enumerate() {
        let Event::Cache { cache, op, slot, line } = step.event else { continue };
        let place = all.iter().position(|c| core::ptr::eq(c.cache, cache)).unwrap_or_else(|| {
            all.push(CacheState { cache, lines: BTreeMap::new(), now: None, hits: 0, misses: 0 });
            all.len() - 1
        });
        let state = &mut all[place];
        match op {
            CacheOp::Hit | CacheOp::Stale | CacheOp::Denied => state.hits += 1,
            CacheOp::Miss => state.misses += 1,
            CacheOp::Insert => {
                state.lines.insert(slot, line);
            }
            CacheOp::Evict | CacheOp::Invalidate => {
                state.lines.remove(&slot);
            }
        }
        if i + 1 == steps {
            state.now = Some((op, slot, line));
        }
    }
    all
}

/// The registers that were read or written in the first `steps` steps, with their values then.
pub fn registers(trace: &Trace, steps: usize) -> Vec<(&'static Register, u64)> {
    let mut all: BTreeMap<u32, (&'static Register, u64)> = BTreeMap::new();
    for step in &trace.steps()[..steps.min(trace.len())] {
        if let Event::Register { register, offset, new, .. } = step.event {
            all.insert(offset, (register, new));
        }
    }
    all.into_values().collect()
}

/// The last step at or before `steps` that wrote the word at `pa`, as an index into the trace.
pub fn last_write(trace: &Trace, steps: usize, pa: PhysAddr) -> Option<usize> {
    let word = pa.raw() & !7;
    trace.steps()[..steps.min(trace.len())].iter().rposition(|step| match step.event {
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
