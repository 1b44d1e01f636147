//! The map inside a device: what its own engine emits, before anything reaches the bus.
//!
//! A GPU, say, sees its own memory at 0..256 GiB and the host above that, at an offset.

use crate::addr::{AddrRange, Address, AnyAddr, BusAddr, DeviceAddr, RequesterId};
use crate::spec::{Localized, Phrase};
use crate::trace::{Actor, Event, Observer};
use alloc::{format, string::ToString, vec::Vec};
use core::fmt;

/// Where a device keeps what is written to the registers behind a BAR that are not its engine's: above all of its
/// memory, apart for each BAR.
pub const fn scratch(bar: u8, offset: u64) -> u64 {
    (1 << 50) + ((bar as u64) << 40) + offset
}

/// The BAR and the offset of a register, if that is what is at this place of a device's own memory.
pub const fn scratch_of(at: u64) -> Option<(u8, u64)> {
    if at >> 50 == 0 {
        return None;
    }
    let offset = at - (1 << 50);
    Some(((offset >> 40) as u8, offset & ((1 << 40) - 1)))
}

/// Where a line of the map leads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Target {
    /// The device's own memory; its offset there is the address itself less the line's start.
    Own,
    /// The bus, from this address on.
    Bus(BusAddr),
}

/// Where one device-local address leads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Resolved {
    /// This offset in the device's own memory.
    Own(u64),
    /// This address on the bus.
    Bus(BusAddr),
}

/// Why a line cannot be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LocalError {
    /// It overlaps this one.
    Overlap(AddrRange<DeviceAddr>),
    /// It runs past the end of the bus's 64 bits.
    TooFar,
}

impl fmt::Display for LocalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LocalError::Overlap(old) => write!(f, "overlaps {old} of the device's map"),
            LocalError::TooFar => write!(f, "leads past the end of 64 bits on the bus"),
        }
    }
}

impl Localized for LocalError {
    fn phrase(&self) -> Phrase {
        let zh = match self {
            LocalError::Overlap(old) => format!("与设备地址映射中的 {old} 重叠"),
            LocalError::TooFar => "在总线上超出 64 位".into(),
        };
        Phrase::new(self.to_string(), zh)
    }
}

/// A device's map. Without any line its engine emits bus addresses as they are.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct LocalMap {
    lines: Vec<(AddrRange<DeviceAddr>, Target)>,
}

impl LocalMap {
    /// No lines: device-local addresses are bus addresses.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a line.
    pub fn add(&mut self, range: AddrRange<DeviceAddr>, target: Target) -> Result<(), LocalError> {
        if let Some((old, _)) = self.lines.iter().find(|(old, _)| old.overlaps(&range)) {
            return Err(LocalError::Overlap(*old));
        }
        if let Target::Bus(bus) = target {
            bus.raw().checked_add(range.len() - 1).ok_or(LocalError::TooFar)?;
        }
        self.lines.push((range, target));
        self.lines.sort();
        Ok(())
    }

    /// Every line, by address.
    pub fn lines(&self) -> &[(AddrRange<DeviceAddr>, Target)] {
        &self.lines
    }

    /// Where `at` leads, and how many bytes from there on lead on without a break. `None`: nowhere.
    pub fn resolve(&self, at: DeviceAddr) -> Option<(Resolved, u64)> {
        if self.lines.is_empty() {
            // The bytes up to the end of the space; all 2^64 of them, from 0 on, are one more than a number holds.
            return Some((Resolved::Bus(BusAddr::new(at.raw())), (u64::MAX - at.raw()).saturating_add(1)));
        }
        let (range, target) = self.lines.iter().find(|(range, _)| range.contains(at))?;
        let offset = at.raw() - range.start.raw();
        let to = match target {
            Target::Own => Resolved::Own(offset),
            Target::Bus(bus) => Resolved::Bus(bus.checked_add(offset)?),
        };
        Some((to, range.len() - offset))
    }

    /// The device-local address of a bus address: the inverse.
    pub fn of_bus(&self, at: BusAddr) -> Option<DeviceAddr> {
        if self.lines.is_empty() {
            return Some(DeviceAddr::new(at.raw()));
        }
        self.lines.iter().find_map(|(range, target)| match target {
            Target::Bus(bus) => {
                let there = AddrRange::new(*bus, range.len())?;
                range.start.checked_add(there.offset_of(at)?)
            }
            Target::Own => None,
        })
    }

    /// The device-local address of a place in its own memory: the inverse.
    pub fn of_own(&self, at: u64) -> Option<DeviceAddr> {
        self.lines.iter().find_map(|(range, target)| match target {
            Target::Own if at < range.len() => range.start.checked_add(at),
            _ => None,
        })
    }

    /// [`LocalMap::resolve`], recorded.
    pub fn cross<O: Observer>(
        &self,
        device: RequesterId,
        at: DeviceAddr,
        obs: &mut O,
    ) -> Option<(Resolved, u64)> {
        let to = self.resolve(at);
        if O::ON && !self.lines.is_empty() {
            let (name, there): (_, AnyAddr) = match to {
                Some((Resolved::Bus(bus), _)) => ("device map: host", bus.any()),
                Some((Resolved::Own(own), _)) => ("device map: own memory", DeviceAddr::new(own).any()),
                None => ("device map", at.any()),
            };
            let name = obs.name(name);
            let hit = to.is_some();
            obs.step(Actor::Device(device), Event::Window { name, from: at.any(), to: there, hit });
        }
        to
    }
}

impl PartialOrd for Target {
    fn partial_cmp(&self, other: &Self) -> Option<core::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Target {
    fn cmp(&self, other: &Self) -> core::cmp::Ordering {
        let key = |t: &Target| match t {
            Target::Own => None,
            Target::Bus(bus) => Some(*bus),
        };
        key(self).cmp(&key(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(start: u64, len: u64) -> AddrRange<DeviceAddr> {
        AddrRange::new(DeviceAddr::new(start), len).unwrap()
    }

    #[test]
    fn own_memory_below_and_the_host_above() {
        let gib = 1u64 << 30;
        let mut map = LocalMap::new();
        map.add(range(256 * gib, 4 * gib), Target::Bus(BusAddr::new(0))).unwrap();
        map.add(range(0, 256 * gib), Target::Own).unwrap();
        assert_eq!(map.resolve(DeviceAddr::new(5)), Some((Resolved::Own(5), 256 * gib - 5)));
        let host = DeviceAddr::new(256 * gib + 0x1000);
        assert_eq!(map.resolve(host), Some((Resolved::Bus(BusAddr::new(0x1000)), 4 * gib - 0x1000)));
        assert_eq!(map.of_bus(BusAddr::new(0x1000)), Some(host));
        assert_eq!(map.resolve(DeviceAddr::new(260 * gib)), None);
        assert_eq!(map.of_own(5), Some(DeviceAddr::new(5)));
        assert_eq!(map.of_own(256 * gib), None);
        assert_eq!(
            map.add(range(255 * gib, 2 * gib), Target::Own),
            Err(LocalError::Overlap(range(0, 256 * gib)))
        );
        let far = Target::Bus(BusAddr::new(u64::MAX));
        assert_eq!(map.add(range(1 << 60, 2), far), Err(LocalError::TooFar));
    }

    #[test]
    fn registers_behind_bars_are_apart_from_memory_and_from_each_other() {
        assert_eq!(scratch_of((1 << 50) - 1), None);
        for (bar, offset) in [(0, 0), (5, (1 << 40) - 1)] {
            assert_eq!(scratch_of(scratch(bar, offset)), Some((bar, offset)));
        }
    }

    #[test]
    fn without_lines_a_device_emits_bus_addresses() {
        let at = DeviceAddr::new(0x1234);
        assert!(matches!(LocalMap::new().resolve(at), Some((Resolved::Bus(b), _)) if b.raw() == 0x1234));
    }
}
