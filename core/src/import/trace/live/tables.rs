//! What the tables get and lose, and what a flush makes the IOTLB forget. The events do not say whose tables it is.

use super::{Live, MOST_LIVE, TABLES};
use crate::import::trace::finding::{Finding, Loss, Mapping, Was};
use crate::import::trace::history::Act;
use crate::import::trace::line::Moment;
use alloc::collections::BTreeSet;
use alloc::vec::Vec;

/// Within how many events an unmap of a device follows that of the tables.
const SOON: u64 = 1000;
/// The bits of the largest page that an access may have been translated by.
const LARGEST: u32 = 40;

/// A mapping of a device whose range the tables have lost.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lost {
    pub(super) event: u64,
    pub(super) device: usize,
    pub(super) address: u64,
    since: Moment,
    now: Moment,
    iova: u64,
    size: u64,
    /// Several devices have the address mapped: the event at which the tables lost it.
    others: Option<u64>,
}

impl Live {
    /// Says of mappings that the tables lost a while ago that they are still there.
    pub(super) fn in_use(&mut self) {
        // Bounded: each turn takes one away.
        while let Some(lost) = self.lost.front().copied().filter(|lost| lost.event + SOON < self.events) {
            self.lost.pop_front();
            let mapping = self.mapped.get(&(lost.device, lost.address)).copied();
            // Another device that unmapped the same address since: it was its tables that lost it.
            let others = lost
                .others
                .is_some_and(|then| self.unmaps.get(&(lost.iova >> 12)).is_some_and(|at| *at >= then));
            if let Some(mapping) = mapping.filter(|mapping| mapping.since == lost.since && !others) {
                let device = self.name(lost.device).into();
                self.find(lost.now, Finding::UnderUse { device, mapping, iova: lost.iova, size: lost.size });
            }
        }
    }

    /// What a flush of a range makes the IOTLB forget: what begins in it, and the larger pages that its first one is in.
    pub(super) fn forgotten(&self, address: u64, end: u64) -> Vec<(u64, usize)> {
        if self.seen.is_empty() {
            return Vec::new();
        }
        let mut out: Vec<(u64, usize)> =
            self.seen.range((address, 0)..(end.max(address), 0)).copied().collect();
        let mut start = address;
        for shift in 12..=LARGEST {
            let larger = address >> shift << shift;
            if larger < start {
                start = larger;
                let of = self.seen.range((larger, 0)..=(larger, usize::MAX)).copied();
                out.extend(of.filter(|(at, device)| {
                    self.mapped.get(&(*device, *at)).is_some_and(|known| address - at < known.part.size)
                }));
            }
        }
        out
    }

    /// The tables lose a range. The DMA API does that before it says that a mapping is unmapped, so what devices have mapped there
    /// is in use only if that does not follow soon.
    pub(super) fn table_unmap(&mut self, now: Moment, iova: u64, size: u64, done: u64) {
        self.history.pass(now, Act::TableUnmap, TABLES, iova, done);
        if done != size {
            self.find(now, Finding::TablesDiffer { iova, size, done });
        }
        if done == 0 {
            return;
        }
        // A driver that cannot split a large page takes all of it away.
        let (iova, size) = match done > size && done.is_power_of_two() {
            true => (iova & !(done - 1), done),
            false => (iova, size.max(done)),
        };
        let end = iova.saturating_add(size);
        let inside: Vec<u64> = self.tables.range(iova..end.max(iova + 1)).map(|(at, _)| *at).collect();
        for at in inside {
            let Some(spans) = self.tables.get_mut(&at) else { continue };
            // Of several the latest: what lives long was mapped before.
            if let Some(span) = spans.pop() {
                self.history.end(span);
            }
            if spans.is_empty() {
                self.tables.remove(&at);
            }
        }
        self.waiting.add(now.time, iova, end.max(iova.saturating_add(1)), MOST_LIVE);
        let inside = || self.starts.range((iova, 0)..(end.max(iova), 0));
        let first = inside().next().map(|(_, device)| *device);
        let several = inside().any(|(_, device)| Some(*device) != first);
        let others = several.then_some(self.events);
        if several {
            let _ = self.unmaps.entry(iova >> 12).or_insert(0);
        }
        // Where several have it, whose it was says the unmap that follows, unless there are as many losses as devices.
        let keys: Vec<(usize, u64)> = inside().map(|(at, device)| (*device, *at)).collect();
        let before = |key: &(usize, u64)| self.mapped.get(key)?.lost.map(|lost| lost.of_several);
        let devices = keys.iter().map(|(device, _)| device).collect::<BTreeSet<_>>().len() as u32;
        let losses = 1 + keys.iter().filter_map(before).max().unwrap_or(0);
        let of_several = if losses < devices { losses } else { 0 };
        for key in keys {
            if let Some(mapping) = self.mapped.get_mut(&key) {
                mapping.lost = Some(Loss { when: now, first: iova, end, of_several });
            }
        }
        let inside = || self.starts.range((iova, 0)..(end.max(iova), 0));
        let mapped = inside().filter_map(|(at, device)| Some((*device, self.mapped.get(&(*device, *at))?)));
        self.lost.extend(mapped.map(|(device, m)| Lost {
            event: self.events,
            device,
            address: m.part.address,
            since: m.since,
            now,
            iova,
            size,
            others,
        }));
    }

    /// A device unmaps what the tables of one of several had lost: it was its own, and that of no other.
    pub(super) fn was_of(&mut self, device: usize, own: &Mapping, loss: Loss) {
        let keys: Vec<(usize, u64)> =
            self.starts.range((loss.first, 0)..(loss.end, 0)).map(|(at, other)| (*other, *at)).collect();
        let mut kept = Vec::new();
        for key in keys.into_iter().filter(|key| key.0 != device) {
            let Some(mapping) = self.mapped.get_mut(&key) else { continue };
            let Some(lost) = &mut mapping.lost else { continue };
            lost.of_several = lost.of_several.saturating_sub(1);
            if lost.of_several == 0 {
                mapping.lost = None;
                kept.push(mapping.since);
            }
        }
        for (_, finding) in &mut self.found {
            let Finding::Fault { was, write, .. } = finding else { continue };
            let was = was.core_mut();
            let Was::Perhaps(mapping, when) = was else { continue };
            if mapping.since == own.since {
                *was = Was::Lost(*mapping, *when);
            } else if kept.contains(&mapping.since) {
                *was = mapping.at_an_access(*write);
            }
        }
    }

    /// The tables get a range: what they had lost of it is there again.
    pub(super) fn found_again(&mut self, iova: u64, size: u64) {
        let end = iova.saturating_add(size);
        let again: Vec<(u64, usize)> = self.starts.range((iova, 0)..(end, 0)).copied().collect();
        for (at, device) in again {
            if let Some(mapping) = self.mapped.get_mut(&(device, at)) {
                mapping.lost = None;
            }
        }
    }
}
