//! The host bridge's windows: physical addresses become bus addresses on the way out, bus addresses physical
//! ones on the way in, each with its own offset.
//!
//! Outbound windows are what a device tree calls `ranges`, inbound ones `dma-ranges`. On a PC both are the
//! identity; on the Raspberry Pi 4 physical 0x6_0000_0000 leads to bus 0xf800_0000, and RAM at physical 0 is
//! seen by devices at bus 0x4_0000_0000.

use crate::addr::{AddrRange, Address, BusAddr, PhysAddr};
use crate::spec::{Localized, Phrase};
use crate::trace::{Actor, Event, Observer};
use alloc::{format, string::String, string::ToString, vec::Vec};
use core::fmt;

/// Which way accesses go through a window.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Direction {
    /// From the CPU to the bus.
    Outbound,
    /// From the bus to memory.
    Inbound,
}

/// One window: `len` bytes that are at `cpu` on the CPU's side and at `bus` on the bus.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Window {
    /// Its name.
    pub name: String,
    /// Which way.
    pub direction: Direction,
    /// The CPU's side.
    pub cpu: AddrRange<PhysAddr>,
    /// The bus's side; as long as `cpu`.
    pub bus: AddrRange<BusAddr>,
    /// Prefetchable BARs belong here.
    pub prefetch: bool,
}

impl Window {
    /// The bus address of a physical one inside.
    pub fn to_bus(&self, at: PhysAddr) -> Option<BusAddr> {
        self.bus.start.checked_add(self.cpu.offset_of(at)?)
    }
    /// The physical address of a bus one inside.
    pub fn to_phys(&self, at: BusAddr) -> Option<PhysAddr> {
        self.cpu.start.checked_add(self.bus.offset_of(at)?)
    }
}

/// Why a window cannot be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum WindowError {
    /// Empty, or past the end of 64 bits on one side.
    Range {
        /// Its name.
        name: String,
    },
    /// Two windows of one direction share addresses on the CPU's side.
    Cpu(String, String, AddrRange<PhysAddr>),
    /// Two windows of one direction share addresses on the bus.
    Bus(String, String, AddrRange<BusAddr>),
}

impl fmt::Display for WindowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WindowError::Range { name } => {
                write!(f, "{name} is empty or runs past the end of 64 bits")
            }
            WindowError::Cpu(new, old, at) => {
                write!(f, "{new} and {old} ({at}) share physical addresses")
            }
            WindowError::Bus(new, old, at) => write!(f, "{new} and {old} ({at}) share bus addresses"),
        }
    }
}

impl Localized for WindowError {
    fn phrase(&self) -> Phrase {
        let zh = match self {
            WindowError::Range { name } => format!("{name} 为空，或超出 64 位地址空间"),
            WindowError::Cpu(new, old, at) => format!("{new} 与 {old}（{at}）占用相同的物理地址"),
            WindowError::Bus(new, old, at) => format!("{new} 与 {old}（{at}）占用相同的总线域地址"),
        };
        Phrase::new(self.to_string(), zh)
    }
}

/// A host bridge.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct HostBridge {
    /// Its name; empty where a machine has one that no line names.
    pub name: String,
    /// The PCI segment of the buses below it.
    pub segment: u8,
    /// The bus address at which it takes interrupt messages itself; none: they go on to the interrupt controller.
    pub msi_target: Option<BusAddr>,
    /// No IOMMU translates what devices below it send.
    pub no_iommu: bool,
    windows: Vec<Window>,
}

impl HostBridge {
    /// A bridge without windows: outbound nothing passes; inbound every address passes as it is
    /// (see [`HostBridge::to_phys`]).
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a window of `len` bytes.
    pub fn add(
        &mut self,
        name: &str,
        direction: Direction,
        cpu: PhysAddr,
        bus: BusAddr,
        len: u64,
        prefetch: bool,
    ) -> Result<(), WindowError> {
        let (Some(cpu), Some(bus)) = (AddrRange::new(cpu, len), AddrRange::new(bus, len)) else {
            return Err(WindowError::Range { name: name.into() });
        };
        for old in self.windows.iter().filter(|w| w.direction == direction) {
            // The same memory may be seen at two places of the bus, but an access of the CPU goes one way.
            if direction == Direction::Outbound && old.cpu.overlaps(&cpu) {
                return Err(WindowError::Cpu(name.into(), old.name.clone(), old.cpu));
            }
            if old.bus.overlaps(&bus) {
                return Err(WindowError::Bus(name.into(), old.name.clone(), old.bus));
            }
        }
        self.windows.push(Window { name: name.into(), direction, cpu, bus, prefetch });
        Ok(())
    }

    /// Every window, in the order they were added.
    pub fn windows(&self) -> &[Window] {
        &self.windows
    }
    /// The windows of one direction.
    pub fn of(&self, direction: Direction) -> impl Iterator<Item = &Window> + '_ {
        self.windows.iter().filter(move |w| w.direction == direction)
    }
    /// Are there inbound windows? Without any, RAM is at the same addresses on the bus.
    pub fn inbound_identity(&self) -> bool {
        self.of(Direction::Inbound).next().is_none()
    }

    /// Outbound: where on the bus an access of the CPU goes.
    pub fn to_bus(&self, at: PhysAddr) -> Option<BusAddr> {
        self.of(Direction::Outbound).find_map(|w| w.to_bus(at))
    }

    /// Inbound: which physical address a device's access arrives at. Where an outbound window is, the bridge
    /// does not answer: that bus address belongs to a device.
    pub fn to_phys(&self, at: BusAddr) -> Option<PhysAddr> {
        if self.of(Direction::Outbound).any(|w| w.bus.contains(at)) {
            return None;
        }
        if self.inbound_identity() {
            return Some(PhysAddr::new(at.raw()));
        }
        self.of(Direction::Inbound).find_map(|w| w.to_phys(at))
    }

    /// The address that software must give a device so that its access arrives at `at`: the inverse of
    /// [`HostBridge::to_phys`], Linux's `phys_to_dma`. Of two windows that lead to the same memory it is the first, as
    /// `translate_phys_to_dma` goes through `dma_range_map`.
    pub fn dma_addr(&self, at: PhysAddr) -> Option<BusAddr> {
        let bus = if self.inbound_identity() {
            BusAddr::new(at.raw())
        } else {
            self.of(Direction::Inbound).find_map(|w| w.to_bus(at))?
        };
        (self.to_phys(bus) == Some(at)).then_some(bus)
    }

    /// Where the CPU finds a BAR: the inverse of [`HostBridge::to_bus`], Linux's `pci_bus_address` backwards.
    pub fn cpu_addr(&self, at: BusAddr) -> Option<PhysAddr> {
        self.of(Direction::Outbound).find_map(|w| w.to_phys(at))
    }

    /// [`HostBridge::to_bus`], recorded.
    pub fn outbound<O: Observer>(&self, at: PhysAddr, obs: &mut O) -> Option<BusAddr> {
        let window = self.of(Direction::Outbound).find(|w| w.cpu.contains(at));
        let to = window.and_then(|w| w.to_bus(at));
        self.tell(Direction::Outbound, window, at, to, obs);
        to
    }

    /// [`HostBridge::to_phys`], recorded; the identity of a bridge without inbound windows is not.
    pub fn inbound<O: Observer>(&self, at: BusAddr, obs: &mut O) -> Option<PhysAddr> {
        let to = self.to_phys(at);
        if to.is_none() || !self.inbound_identity() {
            let window = self.of(Direction::Inbound).find(|w| to.is_some() && w.bus.contains(at));
            self.tell(Direction::Inbound, window, at, to, obs);
        }
        to
    }

    /// Records where an address went; where it went nowhere, which windows there are.
    fn tell<A: Address, B: Address, O: Observer>(
        &self,
        direction: Direction,
        window: Option<&Window>,
        from: A,
        to: Option<B>,
        obs: &mut O,
    ) {
        if !O::ON {
            return;
        }
        let name = match window {
            Some(window) => obs.name(&window.name),
            None => obs.name(&self.without(direction)),
        };
        let hit = to.is_some();
        let to = to.map_or(from.any(), B::any);
        obs.step(Actor::RootComplex, Event::Window { name, from: from.any(), to, hit });
    }

    /// The bridge, with the ranges that its windows of a direction take, for an address outside of them.
    fn without(&self, direction: Direction) -> String {
        let mut text = match self.name.is_empty() {
            true => String::from("host bridge"),
            false => format!("host bridge {}", self.name),
        };
        for (i, window) in self.of(direction).take(NAMED + 1).enumerate() {
            let range = match direction {
                Direction::Inbound => window.bus.to_string(),
                Direction::Outbound => window.cpu.to_string(),
            };
            let (first, name) = (if i == 0 { " (" } else { ", " }, &window.name);
            text += &if i < NAMED { format!("{first}{name}: {range}") } else { String::from(", …") };
        }
        if text.contains('(') {
            text.push(')');
        }
        text
    }
}

/// So many windows are named where an address is in none.
const NAMED: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::Trace;
    use proptest::prelude::*;

    /// The Raspberry Pi 4: MMIO and RAM both at other addresses on the bus.
    fn pi() -> HostBridge {
        let mut b = HostBridge::new();
        let (out, inb) = (Direction::Outbound, Direction::Inbound);
        b.add("pcie", out, PhysAddr::new(0x6_0000_0000), BusAddr::new(0xf800_0000), 0x400_0000, false)
            .unwrap();
        b.add("ram", inb, PhysAddr::new(0), BusAddr::new(0x4_0000_0000), 0x1_0000_0000, false).unwrap();
        b
    }

    #[test]
    fn the_raspberry_pi_4_kind_has_an_offset_in_both_directions() {
        let b = pi();
        assert_eq!(b.to_bus(PhysAddr::new(0x6_0000_1000)), Some(BusAddr::new(0xf800_1000)));
        assert_eq!(b.cpu_addr(BusAddr::new(0xf800_1000)), Some(PhysAddr::new(0x6_0000_1000)));
        assert_eq!(b.dma_addr(PhysAddr::new(0x1234)), Some(BusAddr::new(0x4_0000_1234)));
        assert_eq!(b.to_phys(BusAddr::new(0x4_0000_1234)), Some(PhysAddr::new(0x1234)));
        // A driver that hands out physical addresses misses every window.
        let mut trace = Trace::new();
        assert_eq!(b.inbound(BusAddr::new(0x1234), &mut trace), None);
        assert!(matches!(trace.steps()[0].event, Event::Window { hit: false, .. }));
    }

    #[test]
    fn on_a_pc_the_inbound_side_is_the_identity_except_where_devices_are() {
        let mut b = HostBridge::new();
        let at = 0xc000_0000;
        b.add("pci", Direction::Outbound, PhysAddr::new(at), BusAddr::new(at), 1 << 28, false).unwrap();
        assert_eq!(b.to_phys(BusAddr::new(0x1000)), Some(PhysAddr::new(0x1000)));
        assert_eq!(b.to_phys(BusAddr::new(at)), None);
        assert_eq!(b.dma_addr(PhysAddr::new(at)), None);
    }

    #[test]
    fn windows_may_not_share_addresses() {
        let mut b = pi();
        let e = b.add("x", Direction::Outbound, PhysAddr::new(0), BusAddr::new(0xf8ff_0000), 1 << 20, false);
        assert!(matches!(e, Err(WindowError::Bus(new, old, _)) if new == "x" && old == "pcie"));
        let e = b.add("x", Direction::Inbound, PhysAddr::new(u64::MAX), BusAddr::new(0), 2, false);
        assert!(matches!(e, Err(WindowError::Range { .. })));
    }

    proptest! {
        #[test]
        fn each_direction_is_its_own_inverse(
            windows in proptest::collection::vec((any::<bool>(), 0u64..1 << 20, 0u64..1 << 20, 1u64..1 << 12), 0..10),
            probes in proptest::collection::vec(0u64..1 << 20, 50),
        ) {
            let mut b = HostBridge::new();
            for (i, (out, cpu, bus, len)) in windows.into_iter().enumerate() {
                let direction = if out { Direction::Outbound } else { Direction::Inbound };
                let _ = b.add(&i.to_string(), direction, PhysAddr::new(cpu), BusAddr::new(bus), len, false);
            }
            for p in probes {
                let (pa, ba) = (PhysAddr::new(p), BusAddr::new(p));
                if let Some(bus) = b.to_bus(pa) {
                    prop_assert_eq!(b.cpu_addr(bus), Some(pa));
                }
                if let Some(cpu) = b.cpu_addr(ba) {
                    prop_assert_eq!(b.to_bus(cpu), Some(ba));
                }
                if let Some(bus) = b.dma_addr(pa) {
                    prop_assert_eq!(b.to_phys(bus), Some(pa));
                }
                if let Some(cpu) = b.to_phys(ba) {
                    // Another window may lead there too, and come first.
                    let back = b.dma_addr(cpu).and_then(|at| b.to_phys(at));
                    let first = b.of(Direction::Inbound).find_map(|w| w.to_bus(cpu));
                    let hidden = first.is_some_and(|at| b.to_phys(at).is_none());
                    prop_assert!(hidden || back == Some(cpu));
                }
            }
        }
    }
}
