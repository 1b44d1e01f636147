//! Structures in the order in which a trace first comes to each, with how often it does: what walks and commands are told by.

use crate::spec::EntryType;
use crate::trace::{Actor, Event, Scope, Trace};
use alloc::vec::Vec;
use core::ops::Range;

/// Structures, each once, with how often it was met.
#[derive(Clone, Debug, Default)]
pub struct Met(Vec<(&'static EntryType, u32)>);

impl Met {
    /// Counts one. Returns whether it is met for the first time.
    pub fn add(&mut self, entry: &'static EntryType) -> bool {
        match self.0.iter_mut().find(|(known, _)| core::ptr::eq(*known, entry)) {
            Some((_, times)) => *times += 1,
            None => {
                self.0.push((entry, 1));
                return true;
            }
        }
        false
    }

    /// Returns each structure with how often it was met.
    pub fn iter(&self) -> impl Iterator<Item = (&'static EntryType, u32)> + '_ {
        self.0.iter().copied()
    }

    /// Returns how many were met in all.
    pub fn total(&self) -> u32 {
        self.0.iter().map(|(_, times)| times).sum()
    }

    /// Returns what the IOMMU read for the last request of these steps, and what the interrupt controller read for the message
    /// that it was.
    pub fn for_last_request(trace: &Trace, steps: Range<usize>) -> Met {
        let asks = |at: &usize| {
            matches!(trace.steps().get(*at).map(|s| s.event), Some(Event::Begin(Scope::Translation { .. })))
        };
        let last = steps.clone().rev().find(asks).unwrap_or(steps.end);
        Met::for_requests(trace, last..steps.end).unwrap_or_default()
    }

    /// Returns the same for all requests of these steps; `None` where there are none.
    pub fn for_requests(trace: &Trace, steps: Range<usize>) -> Option<Met> {
        let mut met = None;
        let mut asked = false;
        for step in trace.steps().range(steps) {
            match step.event {
                Event::Begin(Scope::Translation { .. }) => {
                    asked = true;
                    met.get_or_insert_with(Met::default);
                }
                // What it reads for a command belongs to no request.
                Event::Begin(Scope::Command { .. }) => asked = false,
                Event::Read { entry, .. } if asked && reads_tables(step.actor) => {
                    met.get_or_insert_with(Met::default).add(entry);
                }
                _ => {}
            }
        }
        met
    }
}

/// Are the tables that it reads on the way of a request those that are compared: the IOMMU's, or an ITS's?
pub(super) fn reads_tables(actor: Actor) -> bool {
    matches!(actor, Actor::Iommu | Actor::Interrupts)
}
