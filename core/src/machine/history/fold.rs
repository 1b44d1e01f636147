//! Caches and registers as their events make them, moved forward and back at the cost of the steps between.

use crate::addr::RequesterId;
use crate::spec::Register;
use crate::trace::{Actor, CacheKind, CacheLine, CacheOp, CacheType, Event, Step, Trace};
use alloc::{collections::BTreeMap, vec::Vec};

/// A slot of a cache, and whose: of devices' own TLBs only.
pub type Place = (Option<RequesterId>, u32);

/// Returns where an entry is that was seen in `slot` of a cache.
pub fn place(cache: &CacheType, slot: u32, line: &CacheLine) -> Place {
    (line.requester.filter(|_| cache.kind == CacheKind::DeviceTlb), slot)
}

/// One cache with what is in it at a position.
#[derive(Clone, Debug, PartialEq)]
pub struct CacheState {
    /// Which.
    pub cache: &'static CacheType,
    /// Its entries by slot; those of several devices' TLBs, which have one name, by whose they are.
    pub lines: BTreeMap<Place, CacheLine>,
    /// Hits (stale and denied ones included) so far.
    pub hits: u64,
    /// Misses so far.
    pub misses: u64,
    /// The step that used it first, as an index.
    first: usize,
}

/// A register with its value: the IOMMU's, or the engine's of a device.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct RegisterState {
    /// Whose it is; none for the IOMMU's.
    pub device: Option<RequesterId>,
    /// Which.
    pub register: &'static Register,
    /// Its value.
    pub value: u64,
}

/// What stood where a step put something else or nothing.
#[derive(Clone, Copy, Debug)]
enum Before {
    Line(Option<CacheLine>),
    Register(Option<RegisterState>),
}

/// Every cache and every register that was used by a position.
#[derive(Clone, Debug, Default)]
pub struct Fold {
    caches: Vec<CacheState>,
    /// By whose they are and their offsets: several devices have the same ones.
    registers: BTreeMap<(Option<RequesterId>, u32), RegisterState>,
    before: Vec<Before>,
    at: usize,
}

impl Fold {
    /// Moves to the position after `to` steps.
    pub fn seek(&mut self, trace: &Trace, to: usize) {
        let to = to.min(trace.len());
        // Bounded: steps of the trace.
        while self.at < to {
            self.redo(&trace.steps()[self.at]);
            self.at += 1;
        }
        // Bounded: steps of the trace.
        while self.at > to {
            self.at -= 1;
            self.undo(&trace.steps()[self.at]);
        }
    }

    /// The caches used so far, in the order of their first use.
    pub fn caches(&self) -> &[CacheState] {
        // They were put in in that order; those that are used later only wait for their time to come again.
        &self.caches[..self.caches.partition_point(|c| c.first < self.at)]
    }

    /// The registers read or written so far, with their values: the IOMMU's, then each device's, by offset.
    pub fn registers(&self) -> impl Iterator<Item = RegisterState> + '_ {
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

    fn redo(&mut self, step: &Step) {
        match step.event {
            Event::Cache { cache, op, slot, line } => {
                let slot = place(cache, slot, &line);
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
                let device = owner(step);
                let now = RegisterState { device, register, value: new };
                let before = self.registers.insert((device, offset), now);
                self.before.push(Before::Register(before));
            }
            _ => {}
        }
    }

    fn undo(&mut self, step: &Step) {
        match step.event {
            Event::Cache { cache, op, slot, line } => {
                let slot = place(cache, slot, &line);
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
                Some(Before::Register(Some(value))) => {
                    _ = self.registers.insert((owner(step), offset), value)
                }
                _ => _ = self.registers.remove(&(owner(step), offset)),
            },
            _ => {}
        }
    }
}

/// An engine records its registers itself; the IOMMU's are recorded by it or by their writer.
fn owner(step: &Step) -> Option<RequesterId> {
    match step.actor {
        Actor::Device(requester) => Some(requester),
        _ => None,
    }
}
