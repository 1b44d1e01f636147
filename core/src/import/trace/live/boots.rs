//! The boots that a trace is of: times that begin anew are those of another one, which begins with nothing mapped. Within a replay the
//! times of all go on, each boot's far behind those of the one before; what is said of them has the trace's own.

use super::Live;
use crate::import::trace::line::Moment;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::ops::RangeInclusive;

/// Times that go back to so long before the trace's first one begin anew; those of CPUs that are not sorted do not.
const BACK: u64 = 10_000_000_000;
/// So far one boot's times are behind those of the one before.
const GAP: u64 = 10_000_000_000_000_000;
/// A second: so long after a boot's last event it still tells what was mapped.
pub(super) const AFTER: u64 = 1_000_000_000;
/// The most boots.
const MOST: usize = 256;

/// A boot.
#[derive(Clone, Copy, Debug)]
pub(super) struct Boot {
    /// What is added to the trace's times.
    pub ahead: u64,
    /// Its first event, and the latest, that is no fault of a log.
    pub first: Moment,
    pub last: Moment,
}

impl Live {
    /// Returns whether an event at a time of the trace's clock is of another boot than those before it.
    pub fn is_anew(&self, time: u64) -> bool {
        self.boots.len() < MOST
            && self.boots.last().is_some_and(|boot| {
                time > 0 && time.saturating_add(boot.ahead).saturating_add(BACK) < boot.first.time
            })
    }

    /// Begins another boot: nothing is mapped.
    pub fn boot(&mut self, event: Moment) {
        let spans: Vec<_> =
            self.mapped.values().chain(self.again.values().flatten()).map(|m| m.span).collect();
        for span in spans.into_iter().chain(self.tables.values().flatten().copied()) {
            self.history.end_with_next(span);
        }
        self.mapped = BTreeMap::new();
        self.again = BTreeMap::new();
        (self.repeated, self.nested) = (0, false);
        self.lists = Default::default();
        self.tables = BTreeMap::new();
        self.starts = BTreeSet::new();
        self.seen = BTreeSet::new();
        self.gone = BTreeMap::new();
        self.order.clear();
        self.waiting = Default::default();
        self.lost.clear();
        self.unmaps = BTreeMap::new();
        self.ended = BTreeMap::new();
        self.domains = BTreeMap::new();
        self.cuts = BTreeMap::new();
        self.recent.clear();
        self.failures = BTreeMap::new();
        let ahead = self.latest.saturating_add(GAP).saturating_sub(event.time);
        let first = Moment { time: event.time.saturating_add(ahead), ..event };
        self.boots.push(Boot { ahead, first, last: first });
    }

    /// Returns the lines at which times begin anew.
    pub fn anew(&self) -> impl Iterator<Item = u64> + '_ {
        self.boots.iter().skip(1).map(|boot| boot.first.line)
    }

    /// Returns where a time of the present boot is among those of the replay.
    pub fn ahead(&self, time: u64) -> u64 {
        time.saturating_add(self.boots.last().map_or(0, |boot| boot.ahead))
    }

    /// Returns where a time of a log is among those of the replay: in the present boot, unless it is in another one's and not in this.
    pub fn placed(&self, time: u64) -> u64 {
        let at = |boot: &Boot| time.saturating_add(boot.ahead);
        let within =
            |boot: &&Boot| (boot.first.time..=boot.last.time.saturating_add(AFTER)).contains(&at(boot));
        let mut latest = self.boots.iter().rev();
        // Before the first of one it may be after the last of the one before.
        let after = |boot: &&Boot| at(boot) >= boot.first.time;
        let which = latest.clone().find(within).or_else(|| latest.find(after)).or_else(|| self.boots.last());
        which.map_or(time, at)
    }

    /// Returns a time of the replay as the trace has it.
    pub fn clock(&self, time: u64) -> u64 {
        time.saturating_sub(self.of(time).map_or(0, |boot| boot.ahead))
    }

    /// The boot that a time of the replay is of.
    pub(super) fn of(&self, time: u64) -> Option<&Boot> {
        let begun = |boot: &&Boot| boot.first.time.saturating_sub(GAP / 2) <= time;
        self.boots.iter().rev().find(begun).or_else(|| self.boots.first())
    }

    /// The times that what is known of devices has for one: those of its boot up to it. A log begins long before the trace.
    pub(super) fn in_boot(&self, time: u64) -> RangeInclusive<u64> {
        let later = self.of(time).filter(|boot| boot.ahead > 0);
        later.map_or(0, |boot| boot.first.time.saturating_sub(GAP / 2))..=time
    }

    /// When the boot began that a time is of: what is earlier is of another.
    pub(super) fn since(&self, time: u64) -> u64 {
        self.of(time).map_or(0, |boot| boot.first.time)
    }
}
