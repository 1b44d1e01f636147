//! Caches and registers as their events make them, moved forward and back at the cost of the steps between.

use crate::spec::Register;
use crate::trace::{CacheLine, CacheOp, CacheType, Event, Trace};
use alloc::{collections::BTreeMap, vec::Vec};

/// One cache with what is in it at a position.
#[derive(Clone, Debug, PartialEq)]
pub struct CacheState {
    /// Which.
    pub cache: &'static CacheType,
    /// Its entries by slot.
    pub lines: BTreeMap<u32, CacheLine>,
    /// Hits (stale and denied ones included) so far.
    pub hits: u64,
    /// Misses so far.
    pub misses: u64,
    /// The step that used it first, as an index.
    first: usize,
}

/// What stood where a step put something else or nothing.
#[derive(Clone, Copy, Debug)]
enum Before {
    Line(Option<CacheLine>),
    Register(Option<(&'static Register, u64)>),
}

/// Every cache and every register that was used by a position.
#[derive(Clone, Debug, Default)]
pub struct Fold {
    caches: Vec<CacheState>,
    registers: BTreeMap<u32, (&'static Register, u64)>,
    before: Vec<Before>,
    at: usize,
}

impl Fold {
    /// Moves to the position after `to` steps.
    pub fn seek(&mut self, trace: &Trace, to: usize) {
        let to = to.min(trace.len());
        while self.at < to {
            self.redo(&trace.steps()[self.at].event);
            self.at += 1;
        }
        while self.at > to {
            self.at -= 1;
            self.undo(&trace.steps()[self.at].event);
        }
    }

    /// The caches used so far, in the order of their first use.
    pub fn caches(&self) -> &[CacheState] {
        // They were put in in that order; those that are used later only wait for their time to come again.
        &self.caches[..self.caches.partition_point(|c| c.first < self.at)]
    }

    /// The registers read or written so far, with their values, by offset.
    pub fn registers(&self) -> impl Iterator<Item = (&'static Register, u64)> + '_ {
        self.registers.values().copied()
    }

    fn cache(&mut self, cache: &'static CacheType) -> &mut CacheState {
        let known = self.caches.iter().position(|c| core::ptr::eq(c.cache, cache));
        let place = known.unwrap_or_else(|| {
            let state = CacheState { cache, lines: BTreeMap::new(), hits: 0, misses: 0, first: self.at };
            self.caches.push(state);
            self.caches.len() - 1
        });
        &mut self.caches[place]
    }

    fn redo(&mut self, event: &Event) {
        match *event {
            Event::Cache { cache, op, slot, line } => {
                let state = self.cache(cache);
                let before = match op {
                    CacheOp::Hit | CacheOp::Stale | CacheOp::Denied => return state.hits += 1,
                    CacheOp::Miss => return state.misses += 1,
                    CacheOp::Insert => state.lines.insert(slot, line),
                    CacheOp::Evict | CacheOp::Invalidate => state.lines.remove(&slot),
                };
                self.before.push(Before::Line(before));
            }
            Event::Register { register, offset, new, .. } => {
                let before = self.registers.insert(offset, (register, new));
                self.before.push(Before::Register(before));
            }
            _ => {}
        }
    }

    fn undo(&mut self, event: &Event) {
        match *event {
            Event::Cache { cache, op, slot, .. } => {
                let changes = matches!(op, CacheOp::Insert | CacheOp::Evict | CacheOp::Invalidate);
                let before = if changes { self.before.pop() } else { None };
                let state = self.cache(cache);
                match (op, before) {
                    (CacheOp::Hit | CacheOp::Stale | CacheOp::Denied, _) => state.hits -= 1,
                    (CacheOp::Miss, _) => state.misses -= 1,
                    (_, Some(Before::Line(Some(line)))) => _ = state.lines.insert(slot, line),
                    _ => _ = state.lines.remove(&slot),
                }
            }
            Event::Register { offset, .. } => match self.before.pop() {
                Some(Before::Register(Some(value))) => _ = self.registers.insert(offset, value),
                _ => _ = self.registers.remove(&offset),
            },
            _ => {}
        }
    }
}
