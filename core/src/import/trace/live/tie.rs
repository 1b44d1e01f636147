//! Of what the times alone do not say whether it came before a refused access or after it, and which refused accesses the trace is too
//! short for. `printk` cuts a time to the microsecond, a trace rounds it or has nanoseconds.

use super::boots::{Boot, AFTER};
use super::refused::meets;
use super::{owner, Live};
use crate::import::trace::finding::{Finding, Was};
use crate::import::trace::history::{Act, Owner};
use crate::import::trace::line::{Moment, Part};

/// A microsecond.
const US: u64 = 1000;
/// The most events that are looked at for one refused access, and the most of these that wait.
const MOST: usize = 256;

/// A refused access that a log tells of, and what may have come before it though it is later among the events.
#[derive(Clone, Copy, Debug)]
pub(super) struct Recent {
    time: u64,
    /// Where it is among the findings.
    found: usize,
    space: usize,
    address: u64,
}

/// Whether of an event's time and a log's the order is not known.
const fn are_near(of_log: u64, of_event: u64) -> bool {
    match of_event.checked_sub(of_log) {
        // Rounded up, where it has no nanoseconds.
        Some(US) => of_event % US == 0,
        Some(later) => later < US,
        None => false,
    }
}

impl Live {
    /// Takes note of an event that is no fault.
    pub(super) fn lasts(&mut self, now: Moment) {
        self.begins(now);
        if let Some(boot) = self.boots.last_mut().filter(|boot| now.time >= boot.last.time) {
            boot.last = now;
        }
    }

    /// Takes note of the event with which the trace begins, before it is read.
    pub fn begins(&mut self, now: Moment) {
        if self.boots.is_empty() {
            self.boots.push(Boot { ahead: 0, first: now, last: now });
        }
    }

    /// Returns the time of the first event of the present boot.
    pub fn first(&self) -> u64 {
        self.boots.last().map_or(0, |boot| boot.first.time)
    }

    /// What is known of a time at which the trace was not yet, or no longer.
    pub(super) fn outside(&self, time: u64) -> Option<Was> {
        let Boot { first, last, .. } = *self.of(time)?;
        let closed = self.closed || time < self.first();
        if time < first.time && !are_near(time, first.time) {
            return Some(Was::Before(first));
        }
        (closed && time > last.time.saturating_add(AFTER)).then_some(Was::After(last))
    }

    /// The event of which it is not known whether a refused access was before it, and which made its address what it was or would have.
    /// Later ones are still to come.
    pub(super) fn tied(&mut self, now: Moment, device: usize, address: u64, was: &Was) -> Option<Moment> {
        if self.recent.len() < MOST {
            let found = self.found.len();
            self.recent.push(Recent { time: now.time, found, space: self.space(device), address });
        }
        if let Some(at) = was.turned().filter(|at| are_near(now.time, at.time)) {
            return Some(at);
        }
        // What stands above it and is later.
        let (first, _) = self.history.around(now.time)?;
        let after = self.history.passed().iter().skip(first).take(MOST);
        let ours = owner(self.space(device));
        let part = |address, size| Part { address, physical: None, size };
        let mut near = after.filter(|p| are_near(now.time, p.time)).filter(|p| match p.act {
            Act::Map | Act::Alloc | Act::Unmap | Act::Free => p.within == ours,
            Act::TableMap | Act::TableUnmap => p.owner == Owner::Tables,
            _ => false,
        });
        let one = near.find(|p| meets(&part(p.address, p.size), address))?;
        Some(Moment { time: one.time, line: u64::from(one.line) })
    }

    /// A range of a device, or of tables, becomes mapped or is no longer.
    pub(super) fn near(&mut self, now: Moment, device: Option<usize>, address: u64, size: u64) {
        if self.recent.is_empty() {
            return;
        }
        self.recent.retain(|one| now.time <= one.time || are_near(one.time, now.time));
        let part = Part { address, physical: None, size };
        for one in &self.recent {
            let here = device.is_none_or(|device| device == one.space) && meets(&part, one.address);
            if !here || !are_near(one.time, now.time) {
                continue;
            }
            if let Some((_, Finding::Fault { tied, .. })) = self.found.get_mut(one.found) {
                *tied = tied.or(Some(now));
            }
        }
    }
}
