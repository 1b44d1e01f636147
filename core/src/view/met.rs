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

    /// Returns whether it was met.
    pub fn has(&self, entry: &'static EntryType) -> bool {
        self.0.iter().any(|(known, _)| core::ptr::eq(*known, entry))
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
        let mut met = Met::default();
        let mut asked = false;
        for step in trace.steps().range(steps) {
            match step.event {
                Event::Begin(Scope::Translation { .. }) => (met, asked) = (Met::default(), true),
                // What it reads for a command belongs to no request.
                Event::Begin(Scope::Command { .. }) => asked = false,
                Event::Read { entry, .. } if asked && reads_tables(step.actor) => {
                    met.add(entry);
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
