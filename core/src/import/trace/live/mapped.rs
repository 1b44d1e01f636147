//! What devices map and unmap.

use super::{owner, Live, MEMORY, MOST_LIVE, NEAR};
use crate::import::trace::finding::{Finding, Mapping, Was};
use crate::import::trace::history::{Act, Kind};
use crate::import::trace::line::{Direction, Moment, Part};
use alloc::collections::BTreeSet;

/// What an event says of the mapping that it ends: its size, where it has one, its direction, and whether it is freed or unmapped.
type End = (Option<u64>, Direction, bool);

impl Live {
    /// A list is unmapped: its entries by their physical addresses. It may have fewer segments than entries: those that were joined have
    /// no address.
    pub(super) fn unmap_list(&mut self, now: Moment, device: &str, physical: &[u64], direction: Direction) {
        let device = self.acts(device);
        let list = self.which_list(device, physical, direction);
        let addresses = self.lists.take(device, physical, list, MEMORY);
        if addresses.is_empty() {
            self.before += 1;
        }
        self.pass(now, Act::Unmap, device, addresses.first().copied().unwrap_or(0), 0);
        for address in addresses {
            self.unmap(now, device, address, Some((None, direction, false)));
        }
    }

    /// Which of the lists with these pages is unmapped, by the line that mapped it: the event does not say. One of its direction, and of
    /// several the one whose addresses the tables have just lost; else the latest, and that it is not known is counted.
    pub(super) fn which_list(
        &mut self,
        device: usize,
        physical: &[u64],
        direction: Direction,
    ) -> Option<u64> {
        let mut lines = self.lists.of(device, physical);
        let lost: BTreeSet<u64> = match lines.len() {
            0 | 1 => return lines.pop(),
            _ => {
                self.lost.iter().rev().take(NEAR).filter(|l| l.device == device).map(|l| l.address).collect()
            }
        };
        let lists = &self.lists;
        let addresses = |line: u64| physical.iter().filter_map(move |at| lists.entry(device, *at, line));
        let this_way = |line: &u64| {
            let first = addresses(*line).next().and_then(|address| self.mapped.get(&(device, address)));
            first.is_some_and(|mapping| mapping.direction == direction)
        };
        let is_lost = |line: &u64| !lost.is_empty() && addresses(*line).any(|at| lost.contains(&at));
        for fits in [&this_way as &dyn Fn(&u64) -> bool, &is_lost] {
            if lines.iter().any(fits) {
                lines.retain(fits);
            }
        }
        self.unsure += u64::from(lines.len() > 1);
        lines.first().copied()
    }

    /// The mapping that an address of a device is in.
    pub(super) fn holding(&self, device: usize, address: u64) -> Option<(usize, u64)> {
        let mut below = self.mapped.range((device, 0)..=(device, address)).rev();
        // Where none is within another, the nearest below has it or none has.
        let many = if self.nested { NEAR } else { 1 };
        below
            .by_ref()
            .take(many)
            .find(|(key, mapping)| address - key.1 < mapping.part.size)
            .map(|(key, _)| *key)
    }

    /// What an address of a device is or was; `write` where an access is known.
    pub(super) fn was(&self, device: usize, address: u64, write: Option<bool>) -> Was {
        if let Some(mapping) = self.holding(device, address).and_then(|key| self.mapped.get(&key)) {
            return mapping.at_an_access(write);
        }
        // Of several that had the address the one that was unmapped last.
        let gone = self.gone.range((device, 0)..=(device, address)).rev().take(NEAR);
        let had = gone.filter(|(key, (mapping, _))| address - key.1 < mapping.part.size);
        if let Some((_, (mapping, when))) = had.max_by_key(|(_, (_, when))| when.line) {
            return Was::Unmapped(*mapping, *when);
        }
        if self.maps == 0 && self.accesses > 0 {
            return Was::Unseen;
        }
        self.never(device, address)
    }

    /// What is not mapped, with the nearest mapping below it.
    pub(super) fn never(&self, device: usize, address: u64) -> Was {
        let below = self.mapped.range((device, 0)..=(device, address)).next_back();
        Was::Never(below.map(|(key, mapping)| (*mapping, address - key.1 - mapping.part.size)))
    }

    pub(super) fn map(
        &mut self,
        now: Moment,
        device: usize,
        part: Part,
        direction: Direction,
        coherent: bool,
        seen: bool,
    ) {
        let last = part.address.saturating_add(part.size.saturating_sub(1));
        // A device without an IOMMU may have one buffer mapped twice; with one, each mapping has addresses of its own.
        let old = self.mapped.range((device, 0)..=(device, last)).next_back();
        let old = old.filter(|(key, old)| {
            old.part.address.saturating_add(old.part.size) > part.address && key.0 == device
        });
        if let Some((_, old)) = old.map(|(key, old)| (*key, *old)) {
            self.nested = true;
            if !(are_direct(&old.part, &part)) {
                let name = self.name(device).into();
                self.find(now, Finding::Overlaps { device: name, new: part, old });
            }
        }
        self.gone.remove(&(device, part.address));
        self.ended.remove(&(device, part.address));
        if self.mapped.len() + self.repeated < MOST_LIVE {
            let kind = match (seen, coherent) {
                (true, _) => Kind::Seen,
                (_, true) => Kind::Memory,
                _ => Kind::Buffer,
            };
            let span = self.history.begin(owner(device), kind, part, direction);
            let mapping =
                Mapping { part, direction, coherent, since: now, synced: None, seen, lost: None, span };
            if let Some(old) = self.mapped.insert((device, part.address), mapping) {
                if are_direct(&old.part, &part) {
                    self.again.entry((device, part.address)).or_default().push(old);
                    self.repeated += 1;
                } else {
                    self.history.end(old.span);
                }
            }
            self.starts.insert((part.address, device));
            if seen {
                self.seen.insert((part.address, device));
            }
            self.most = self.most.max(self.mapped.len() + self.repeated);
        } else {
            self.over += 1;
        }
    }

    /// Takes away the mapping that begins at an address; of several the one that is of this size and direction, else the latest.
    pub(super) fn take(&mut self, key: (usize, u64), with: Option<End>) -> Option<Mapping> {
        let mut mapping = self.mapped.remove(&key)?;
        let Some(all) = self.again.get_mut(&key) else {
            self.starts.remove(&(key.1, key.0));
            return Some(mapping);
        };
        let fits = |one: &Mapping| {
            with.is_none_or(|(size, direction, coherent)| {
                size.is_none_or(|size| size == one.part.size)
                    && (direction, coherent) == (one.direction, one.coherent)
            })
        };
        if !fits(&mapping) {
            if let Some(one) = all.iter_mut().rev().find(|one| fits(one)) {
                core::mem::swap(one, &mut mapping);
            }
        }
        if let Some(left) = all.pop() {
            self.repeated -= 1;
            self.mapped.insert(key, left);
        }
        if all.is_empty() {
            self.again.remove(&key);
        }
        Some(mapping)
    }

    /// Unmaps; `with` the size, where the event has one, and the direction that it says.
    pub(super) fn unmap(&mut self, now: Moment, device: usize, address: u64, with: Option<End>) {
        self.near(now, Some(device), address, with.and_then(|(size, ..)| size).unwrap_or(1));
        let Some(mapping) = self.take((device, address), with) else {
            // What was mapped before the trace began is not known; what was unmapped in it is.
            let was = self.was(device, address, None);
            // A list's event has no sizes: that of what was there.
            let had = match &was {
                Was::Unmapped(mapping, _) => mapping.part.size,
                _ => 0,
            };
            let size = with.and_then(|(size, ..)| size).unwrap_or(had);
            if matches!(was, Was::Never(_) | Was::Unseen) {
                self.before += 1;
                let part = Part { address, physical: None, size };
                self.was_mapped(device, part, now);
                if self.ended.len() < MEMORY {
                    self.ended.insert((device, address), (part, now));
                }
                return;
            }
            let name = self.name(device).into();
            self.find(now, Finding::NotMapped { device: name, address, size, was });
            return;
        };
        if let Some(at) = self.unmaps.get_mut(&(address >> 12)) {
            *at = self.events;
        }
        if let Some(loss) = mapping.lost.filter(|loss| loss.of_several > 0) {
            self.was_of(device, &mapping, loss);
        }
        self.history.end(mapping.span);
        self.seen.remove(&(address, device));
        if let Some(physical) = mapping.part.physical {
            self.lists.remove(device, physical, mapping.since.line, address);
        }
        if let Some((size, direction, coherent)) = with {
            let size = size.unwrap_or(mapping.part.size);
            if (size, direction, coherent) != (mapping.part.size, mapping.direction, mapping.coherent) {
                let name = self.name(device).into();
                self.find(now, Finding::Differs { device: name, mapping, size, direction, coherent });
            }
        }
        if self.gone.insert((device, address), (mapping, now)).is_none() {
            self.order.push_back((device, address));
            if self.order.len() > MEMORY {
                if let Some(oldest) = self.order.pop_front() {
                    self.gone.remove(&oldest);
                }
            }
        }
    }
}

/// Without an IOMMU a buffer has one address for a device: the memory's own, or one at a distance that all have (`dma-ranges`, the bit
/// of memory encryption). An IOMMU gives each mapping addresses of its own.
fn are_direct(one: &Part, other: &Part) -> bool {
    let distance = |part: &Part| part.physical.map(|physical| part.address.wrapping_sub(physical));
    distance(one).is_some() && distance(one) == distance(other)
}
