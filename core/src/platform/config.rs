//! The configuration space of one PCI function: 4,096 bytes, some of them writable (PCIe 6.0 section 7.5).
//!
//! A BAR is sized as software does it: write ones, read back which bits took them. Nothing here knows the
//! sizes otherwise: they are the bits that can be written.

mod build;
mod registers;
mod sriov;

pub use build::{BarError, BarKind, BarSpec, Ids};
pub use registers::register_at;

use crate::addr::{AddrRange, BusAddr};
use alloc::{vec, vec::Vec};

/// Bytes of a configuration space.
pub const SIZE: usize = 4096;

/// Capability ids (section 7.5.3 and 7.7).
pub mod cap {
    /// Message signalled interrupts.
    pub const MSI: u8 = 0x05;
    /// PCI Express.
    pub const PCIE: u8 = 0x10;
    /// MSI-X.
    pub const MSIX: u8 = 0x11;
}

/// Extended capability ids (section 7.8 and 10.5).
pub mod ext {
    /// Access control services.
    pub const ACS: u16 = 0x0d;
    /// Alternative routing-ID interpretation.
    pub const ARI: u16 = 0x0e;
    /// Address translation services.
    pub const ATS: u16 = 0x0f;
    /// Single root I/O virtualization.
    pub const SRIOV: u16 = 0x10;
    /// Page request interface.
    pub const PRI: u16 = 0x13;
    /// Resizable BAR.
    pub const REBAR: u16 = 0x15;
    /// Process address space id.
    pub const PASID: u16 = 0x1b;
}

/// Bits of the ACS capability and control registers (section 7.7.11).
pub mod acs {
    /// V: source validation.
    pub const SOURCE_VALIDATION: u16 = 1;
    /// B: translation blocking.
    pub const TRANSLATION_BLOCKING: u16 = 1 << 1;
    /// R: peer-to-peer request redirect.
    pub const REQUEST_REDIRECT: u16 = 1 << 2;
    /// C: peer-to-peer completion redirect.
    pub const COMPLETION_REDIRECT: u16 = 1 << 3;
    /// U: upstream forwarding.
    pub const UPSTREAM_FORWARDING: u16 = 1 << 4;
    /// E: peer-to-peer egress control.
    pub const EGRESS_CONTROL: u16 = 1 << 5;
    /// T: direct translated peer-to-peer.
    pub const DIRECT_TRANSLATED: u16 = 1 << 6;
    /// What Linux enables, and asks for before it calls devices isolated.
    pub const ISOLATION: u16 =
        SOURCE_VALIDATION | REQUEST_REDIRECT | COMPLETION_REDIRECT | UPSTREAM_FORWARDING;
}

/// Bits of the command register.
pub mod command {
    /// Answers I/O accesses.
    pub const IO: u16 = 1;
    /// Answers memory accesses.
    pub const MEMORY: u16 = 1 << 1;
    /// May send requests (as a bridge: forwards them upstream).
    pub const BUS_MASTER: u16 = 1 << 2;
}

/// What kind of function it is: Device/Port Type of the PCI Express capability (section 7.5.3.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PortType {
    /// 0: endpoint.
    Endpoint,
    /// 4: root port.
    RootPort,
    /// 5: the upstream port of a switch.
    Upstream,
    /// 6: a downstream port of a switch.
    Downstream,
    /// 7: a PCI Express to PCI bridge.
    PciBridge,
    /// 9: an endpoint integrated in the root complex.
    Integrated,
}

impl PortType {
    /// The four bits.
    pub const fn bits(self) -> u16 {
        match self {
            PortType::Endpoint => 0,
            PortType::RootPort => 4,
            PortType::Upstream => 5,
            PortType::Downstream => 6,
            PortType::PciBridge => 7,
            PortType::Integrated => 9,
        }
    }
    /// Is it a bridge, with a bus below it (header type 1)?
    pub const fn is_bridge(self) -> bool {
        !matches!(self, PortType::Endpoint | PortType::Integrated)
    }
}

/// A base address register as it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bar {
    /// 0..=5; a 64-bit BAR takes the next one too.
    pub index: u8,
    /// What it claims.
    pub kind: BarKind,
    /// Prefetchable.
    pub prefetch: bool,
    /// Bytes.
    pub size: u64,
    /// What is written in it, without the flag bits: a bus address, or a port.
    pub address: u64,
}

impl Bar {
    /// The bus addresses that a memory BAR claims.
    pub fn range(&self) -> Option<AddrRange<BusAddr>> {
        if self.kind == BarKind::Io {
            return None;
        }
        AddrRange::new(BusAddr::new(self.address), self.size)
    }
}

/// What software has programmed for message signalled interrupts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MsiState {
    /// MSI Enable.
    pub enabled: bool,
    /// Vectors that software allows, a power of two.
    pub vectors: u16,
    /// Message Address.
    pub address: u64,
    /// Message Data of vector 0; further vectors add to its low bits.
    pub data: u16,
    /// Its address may have 64 bits.
    pub wide: bool,
}

/// Of Message Control: 64-bit Address Capable.
const MSI_WIDE: u32 = 1 << 7;

/// A configuration space.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConfigSpace {
    bytes: Vec<u8>,
    /// Bits that a write changes.
    writable: Vec<u8>,
    /// Bits that a write of 1 clears.
    clears: Vec<u8>,
    port: PortType,
    /// End of the used part of the first 256 bytes, for the next capability.
    next_cap: u16,
    /// Where the last capability's pointer to the next one is.
    cap_link: u16,
    /// The same for extended capabilities.
    next_ext: u16,
    ext_link: Option<u16>,
}

impl ConfigSpace {
    fn blank(port: PortType) -> Self {
        ConfigSpace {
            bytes: vec![0; SIZE],
            writable: vec![0; SIZE],
            clears: vec![0; SIZE],
            port,
            next_cap: 0x40,
            cap_link: 0x34,
            next_ext: 0x100,
            ext_link: None,
        }
    }

    /// What kind of function it is.
    pub fn port_type(&self) -> PortType {
        self.port
    }

    /// Reads 1, 2 or 4 bytes. An access that is not aligned to its size, or is outside, reads all ones, as an
    /// unsupported request does.
    pub fn read(&self, offset: u16, bytes: u8) -> u32 {
        match self.slot(offset, bytes) {
            Some(at) => self.bytes[at].iter().rev().fold(0, |v, b| v << 8 | u32::from(*b)),
            None => u32::MAX >> (32 - 8 * u32::from(bytes.clamp(1, 4))),
        }
    }

    /// Writes 1, 2 or 4 bytes; read-only bits stay, write-1-to-clear bits are cleared. Does nothing where
    /// [`ConfigSpace::read`] reads ones.
    pub fn write(&mut self, offset: u16, bytes: u8, value: u32) {
        let Some(at) = self.slot(offset, bytes) else { return };
        for (i, at) in at.enumerate() {
            let new = (value >> (8 * i)) as u8;
            let (old, mask) = (self.bytes[at], self.writable[at]);
            self.bytes[at] = (old & !mask | new & mask) & !(new & self.clears[at]);
        }
        if let Some(entry) = self.rebar_at(offset) {
            self.resize(entry);
        }
    }

    /// The entry of the Resizable BAR capability whose control register is at `offset`.
    fn rebar_at(&self, offset: u16) -> Option<u16> {
        if offset < 0x100 {
            return None;
        }
        let entry = (offset & !3).checked_sub(4)?;
        self.rebars().find(|(_, at)| *at == entry).map(|(_, at)| at)
    }
    /// The BARs that can be resized, each with its entry of the capability.
    pub fn rebars(&self) -> impl Iterator<Item = (u8, u16)> + '_ {
        let at = self.find_ext(ext::REBAR);
        let count = at.map_or(0, |at| (self.read(at + 8, 4) >> 5 & 7) as u16);
        let first = at.map_or(0, |at| at + 4);
        (0..count).map(move |nth| {
            let entry = first + 8 * nth;
            ((self.read(entry + 4, 4) & 7) as u8, entry)
        })
    }

    fn slot(&self, offset: u16, bytes: u8) -> Option<core::ops::Range<usize>> {
        let (at, n) = (usize::from(offset), usize::from(bytes));
        (matches!(n, 1 | 2 | 4) && at % n == 0 && at + n <= SIZE).then(|| at..at + n)
    }

    fn get16(&self, offset: u16) -> u16 {
        self.read(offset, 2) as u16
    }
    /// Puts bits past the write mask: what firmware and reset do.
    fn put(&mut self, offset: u16, bytes: u8, value: u32) {
        // Bounded: at most eight bytes.
        for i in 0..bytes {
            self.bytes[usize::from(offset) + usize::from(i)] = (value >> (8 * u32::from(i))) as u8;
        }
    }

    // ---- the header ----

    /// The command register.
    pub fn command(&self) -> u16 {
        self.get16(4)
    }
    /// Memory accesses are answered (or forwarded down).
    pub fn memory_enabled(&self) -> bool {
        self.command() & command::MEMORY != 0
    }
    /// I/O accesses are answered (or forwarded down).
    pub fn io_enabled(&self) -> bool {
        self.command() & command::IO != 0
    }
    /// Requests may be sent (or forwarded up).
    pub fn bus_master(&self) -> bool {
        self.command() & command::BUS_MASTER != 0
    }
    /// More than one function in this device.
    pub fn multifunction(&self) -> bool {
        self.bytes[0x0e] & 0x80 != 0
    }
    /// Sets the header's multifunction bit.
    pub fn set_multifunction(&mut self) {
        self.bytes[0x0e] |= 0x80;
    }

    /// Every BAR.
    pub fn bars(&self) -> Vec<Bar> {
        let mut bars = Vec::new();
        let mut index = 0;
        // Bounded: six BARs.
        while index < self.bar_count() {
            let bar = self.bar(index);
            index += if bar.is_some_and(|b| b.kind == BarKind::Memory64) { 2 } else { 1 };
            bars.extend(bar);
        }
        bars
    }

    fn bar_count(&self) -> u8 {
        if self.port.is_bridge() {
            2
        } else {
            6
        }
    }

    /// The BAR at `index`: its size is what its writable bits say.
    pub fn bar(&self, index: u8) -> Option<Bar> {
        if index >= self.bar_count() {
            return None;
        }
        self.bar_register(0x10 + 4 * u16::from(index), index)
    }

    /// The BAR whose register is at `at`.
    fn bar_register(&self, at: u16, index: u8) -> Option<Bar> {
        let word = |bytes: &[u8], at: u16| {
            (0..4).rev().fold(0u32, |v, i| v << 8 | u32::from(bytes[usize::from(at) + i]))
        };
        let raw = word(&self.bytes, at);
        let mut mask = u64::from(word(&self.writable, at));
        let mut address = u64::from(raw) & mask;
        let kind = match (raw & 1, raw >> 1 & 3) {
            (1, _) => BarKind::Io,
            (_, 2) => BarKind::Memory64,
            _ => BarKind::Memory32,
        };
        if kind == BarKind::Memory64 {
            mask |= u64::from(word(&self.writable, at + 4)) << 32;
            address |= u64::from(word(&self.bytes, at + 4)) << 32;
        }
        if mask == 0 {
            return None;
        }
        let size = 1 << mask.trailing_zeros();
        Some(Bar { index, kind, prefetch: kind != BarKind::Io && raw & 8 != 0, size, address })
    }

    /// Writes a BAR's address, as firmware does: through the register, in one or two writes.
    pub fn set_bar(&mut self, index: u8, address: u64) {
        if let Some(bar) = self.bar(index) {
            self.set_bar_register(0x10 + 4 * u16::from(index), bar.kind, address);
        }
    }

    fn set_bar_register(&mut self, at: u16, kind: BarKind, address: u64) {
        self.write(at, 4, address as u32);
        if kind == BarKind::Memory64 {
            self.write(at + 4, 4, (address >> 32) as u32);
        }
    }

    // ---- a bridge's header ----

    /// A bridge's bus numbers: primary (above it), secondary (below it), subordinate (the highest below it).
    pub fn buses(&self) -> (u8, u8, u8) {
        (self.bytes[0x18], self.bytes[0x19], self.bytes[0x1a])
    }
    /// Sets a bridge's bus numbers.
    pub fn set_buses(&mut self, primary: u8, secondary: u8, subordinate: u8) {
        for (at, bus) in [(0x18, primary), (0x19, secondary), (0x1a, subordinate)] {
            self.write(at, 1, bus.into());
        }
    }
    /// A bridge's memory window: what it forwards down. `None` when its base is above its limit.
    pub fn memory_window(&self) -> Option<AddrRange<BusAddr>> {
        let base = u64::from(self.get16(0x20) & 0xfff0) << 16;
        let limit = u64::from(self.get16(0x22) & 0xfff0) << 16 | 0xf_ffff;
        window(base, limit)
    }
    /// A bridge's prefetchable memory window, 64 bits wide.
    pub fn prefetch_window(&self) -> Option<AddrRange<BusAddr>> {
        let upper = |at| u64::from(self.read(at, 4)) << 32;
        let base = upper(0x28) | u64::from(self.get16(0x24) & 0xfff0) << 16;
        let limit = upper(0x2c) | u64::from(self.get16(0x26) & 0xfff0) << 16 | 0xf_ffff;
        window(base, limit)
    }
    /// A bridge's I/O window.
    pub fn io_window(&self) -> Option<core::ops::RangeInclusive<u16>> {
        let base = u16::from(self.bytes[0x1c] & 0xf0) << 8;
        let limit = u16::from(self.bytes[0x1d] & 0xf0) << 8 | 0xfff;
        (base <= limit).then_some(base..=limit)
    }
    /// Writes the memory window's registers; `None` closes it (base above limit). The range is rounded out to
    /// 1 MiB, the least a bridge can forward.
    pub fn set_memory_window(&mut self, range: Option<AddrRange<BusAddr>>) {
        let (base, limit) = range.map_or((0xfff0, 0), |r| {
            ((r.start.raw() >> 16) as u16 & 0xfff0, (r.last().raw() >> 16) as u16 & 0xfff0)
        });
        self.write(0x20, 2, base.into());
        self.write(0x22, 2, limit.into());
    }
    /// Writes the prefetchable window's registers, as [`ConfigSpace::set_memory_window`] does.
    pub fn set_prefetch_window(&mut self, range: Option<AddrRange<BusAddr>>) {
        let (base, limit) = range.map_or((0xfff0_0000, 0), |r| (r.start.raw(), r.last().raw()));
        self.write(0x24, 2, (base >> 16) as u32 & 0xfff0);
        self.write(0x26, 2, (limit >> 16) as u32 & 0xfff0);
        self.write(0x28, 4, (base >> 32) as u32);
        self.write(0x2c, 4, (limit >> 32) as u32);
    }
    /// Writes the I/O window's registers, rounded out to 4 KiB; `None` closes it.
    pub fn set_io_window(&mut self, range: Option<core::ops::RangeInclusive<u16>>) {
        let (base, limit) = range.map_or((0xf0, 0), |r| ((r.start() >> 8) as u8, (r.end() >> 8) as u8));
        self.write(0x1c, 1, (base & 0xf0).into());
        self.write(0x1d, 1, (limit & 0xf0).into());
    }

    // ---- capabilities ----

    /// The capabilities in the order of their list, with their offsets.
    pub fn capabilities(&self) -> Vec<(u8, u16)> {
        let mut found = Vec::new();
        let mut at = u16::from(self.bytes[0x34]);
        // Bounded: at most 48 found.
        while at >= 0x40 && found.len() < 48 {
            found.push((self.bytes[usize::from(at)], at));
            at = u16::from(self.bytes[usize::from(at) + 1]);
        }
        found
    }
    /// The extended capabilities in the order of their list, with their offsets.
    pub fn extended(&self) -> Vec<(u16, u16)> {
        let mut found = Vec::new();
        let mut at = 0x100;
        // Bounded: at most 64 found.
        while at >= 0x100 && found.len() < 64 {
            let header = self.read(at & 0xffc, 4);
            if header == 0 {
                break;
            }
            found.push((header as u16, at));
            at = (header >> 20) as u16;
        }
        found
    }
    /// Where a capability is.
    pub fn find(&self, id: u8) -> Option<u16> {
        self.capabilities().iter().find(|(found, _)| *found == id).map(|(_, at)| *at)
    }
    /// Where an extended capability is.
    pub fn find_ext(&self, id: u16) -> Option<u16> {
        self.extended().iter().find(|(found, _)| *found == id).map(|(_, at)| *at)
    }

    /// What MSI is set to, if the function has it.
    pub fn msi(&self) -> Option<MsiState> {
        let at = self.find(cap::MSI)?;
        let control = self.get16(at + 2);
        let wide = u32::from(control) & MSI_WIDE != 0;
        Some(MsiState {
            enabled: control & 1 != 0,
            vectors: 1 << (control >> 4 & 7).min(5),
            address: if wide { u64::from(self.read(at + 8, 4)) << 32 } else { 0 }
                | u64::from(self.read(at + 4, 4)),
            data: self.get16(at + if wide { 12 } else { 8 }),
            wide,
        })
    }
    /// Programs MSI as an operating system does: address, data, enable. A function without 64-bit addresses keeps the low half.
    pub fn set_msi(&mut self, address: u64, data: u16, enable: bool) {
        let Some(at) = self.find(cap::MSI) else { return };
        self.write(at + 4, 4, address as u32);
        let wide = u32::from(self.get16(at + 2)) & MSI_WIDE != 0;
        if wide {
            self.write(at + 8, 4, (address >> 32) as u32);
        }
        self.write(at + if wide { 12 } else { 8 }, 2, data.into());
        let control = self.get16(at + 2) & !1 | u16::from(enable);
        self.write(at + 2, 2, control.into());
    }
    /// Is MSI-X enabled, and not masked as a whole?
    pub fn msix_enabled(&self) -> bool {
        self.find(cap::MSIX).is_some_and(|at| self.get16(at + 2) & 0xc000 == 0x8000)
    }
    /// Max_Payload_Size in bytes; 128 without the capability.
    pub fn max_payload(&self) -> u32 {
        self.find(cap::PCIE).map_or(128, |at| 128 << (self.get16(at + 8) >> 5 & 7).min(5))
    }
    /// Max_Read_Request_Size in bytes; 512 without the capability.
    pub fn max_read_request(&self) -> u32 {
        self.find(cap::PCIE).map_or(512, |at| 128 << (self.get16(at + 8) >> 12 & 7).min(5))
    }
    /// Sets Max_Payload_Size and Max_Read_Request_Size, in bytes (rounded down to 128 << n).
    pub fn set_sizes(&mut self, payload: u32, read: u32) {
        let Some(at) = self.find(cap::PCIE) else { return };
        let code = |bytes: u32| (bytes.clamp(128, 4096).ilog2() - 7) as u16;
        let control = self.get16(at + 8) & !0x70e0 | code(payload) << 5 | code(read) << 12;
        self.write(at + 8, 2, control.into());
    }
    /// The ACS capability's bits and its control's bits, if the function has it.
    pub fn acs(&self) -> Option<(u16, u16)> {
        let at = self.find_ext(ext::ACS)?;
        Some((self.get16(at + 4), self.get16(at + 6)))
    }
    /// Writes the ACS control register; bits that the capability lacks stay 0.
    pub fn set_acs(&mut self, control: u16) {
        if let Some(at) = self.find_ext(ext::ACS) {
            self.write(at + 6, 2, control.into());
        }
    }
    /// Is this ACS control bit on?
    pub fn acs_on(&self, bit: u16) -> bool {
        self.acs().is_some_and(|(_, control)| control & bit != 0)
    }
    fn enable_bit(&self, id: u16, offset: u16, bit: u16) -> bool {
        self.find_ext(id).is_some_and(|at| self.get16(at + offset) & bit != 0)
    }
    /// ATS Enable.
    pub fn ats_enabled(&self) -> bool {
        self.enable_bit(ext::ATS, 6, 1 << 15)
    }
    /// Page Request Interface enable.
    pub fn pri_enabled(&self) -> bool {
        self.enable_bit(ext::PRI, 4, 1)
    }
    /// PASID Enable.
    pub fn pasid_enabled(&self) -> bool {
        self.enable_bit(ext::PASID, 6, 1)
    }
    /// Turns ATS, PRI or PASID (by its extended capability id) on or off, as the operating system does.
    pub fn enable(&mut self, id: u16, on: bool) {
        let Some(at) = self.find_ext(id) else { return };
        let (offset, bit) = match id {
            ext::ATS => (6, 1 << 15),
            ext::PRI => (4, 1),
            ext::PASID => (6, 1),
            _ => return,
        };
        let control = self.get16(at + offset) & !bit | if on { bit } else { 0 };
        self.write(at + offset, 2, control.into());
    }
}

fn window(base: u64, limit: u64) -> Option<AddrRange<BusAddr>> {
    let len = limit.checked_sub(base)?.checked_add(1)?;
    AddrRange::new(BusAddr::new(base), len)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn nic() -> ConfigSpace {
        let mut c = ConfigSpace::new(PortType::Endpoint, Ids { vendor: 0x1af4, device: 1, class: 0x02_0000 });
        c.add_bar(0, BarSpec { kind: BarKind::Memory32, prefetch: false, size: 64 << 10 }).unwrap();
        c.add_bar(2, BarSpec { kind: BarKind::Memory64, prefetch: true, size: 8 << 30 }).unwrap();
        c.add_bar(4, BarSpec { kind: BarKind::Io, prefetch: false, size: 32 }).unwrap();
        c
    }

    #[test]
    fn a_bar_is_sized_by_writing_ones() {
        let mut c = nic();
        c.write(0x10, 4, u32::MAX);
        assert_eq!(c.read(0x10, 4), 0xffff_0000);
        c.write(0x18, 4, u32::MAX);
        c.write(0x1c, 4, u32::MAX);
        assert_eq!((c.read(0x18, 4), c.read(0x1c, 4)), (0xc, 0xffff_fffe));
        c.write(0x20, 4, u32::MAX);
        assert_eq!(c.read(0x20, 4), 0xffff_ffe1);
        c.write(0x14, 4, u32::MAX);
        assert_eq!(c.read(0x14, 4), 0, "a BAR that is not there");
        c.set_bar(2, 0x12_0000_0000);
        let bar = c.bar(2).unwrap();
        assert_eq!((bar.address, bar.size, bar.prefetch), (0x12_0000_0000, 8 << 30, true));
        assert_eq!(c.bars().len(), 3);
    }

    #[test]
    fn bars_that_cannot_be_are_refused() {
        let mut c = nic();
        let m32 = |size| BarSpec { kind: BarKind::Memory32, prefetch: false, size };
        let m64 = BarSpec { kind: BarKind::Memory64, prefetch: false, size: 4096 };
        assert_eq!(c.add_bar(0, m32(4096)), Err(BarError::Taken { index: 0 }));
        assert_eq!(c.add_bar(3, m32(4096)), Err(BarError::Taken { index: 3 }));
        assert_eq!(c.add_bar(1, m64), Err(BarError::Taken { index: 2 }));
        assert_eq!(c.add_bar(5, m64), Err(BarError::NoRoom { index: 5 }));
        assert_eq!(c.add_bar(6, m32(4096)), Err(BarError::NoRoom { index: 6 }));
        assert_eq!(c.add_bar(1, m32(5000)), Err(BarError::Size { size: 5000, least: 16, most: 1 << 31 }));
        let io = BarSpec { kind: BarKind::Io, prefetch: false, size: 512 };
        assert_eq!(c.add_bar(1, io), Err(BarError::Size { size: 512, least: 4, most: 256 }));
    }

    #[test]
    fn status_bits_clear_by_one_and_ids_stay() {
        let mut c = nic();
        c.put(6, 2, 0xf910);
        c.write(6, 2, 0x8000);
        assert_eq!(c.read(6, 2), 0x7910);
        c.write(0, 4, 0);
        assert_eq!(c.read(0, 4), 0x0001_1af4);
        assert_eq!(c.read(1, 2), 0xffff);
        assert_eq!(c.read(4094, 4), u32::MAX);
        c.write(4, 2, 0xffff);
        assert_eq!(c.command(), 0x0547);
    }

    #[test]
    fn capabilities_form_two_lists() {
        let mut c = nic();
        c.add_pcie(512);
        c.add_msi(4, true);
        c.add_msix(8, 0, 0x8000, 0x9000);
        c.add_acs(acs::ISOLATION);
        c.add_ats(32);
        c.add_pri(64);
        c.add_pasid(20);
        let ids: Vec<_> = c.capabilities().iter().map(|(id, _)| *id).collect();
        assert_eq!(ids, [cap::PCIE, cap::MSI, cap::MSIX]);
        let ids: Vec<_> = c.extended().iter().map(|(id, _)| *id).collect();
        assert_eq!(ids, [ext::ACS, ext::ATS, ext::PRI, ext::PASID]);
        assert!(c.read(6, 2) & 0x10 != 0);
        c.set_msi(0xfee0_1000, 0x41, true);
        let want = MsiState { enabled: true, vectors: 1, address: 0xfee0_1000, data: 0x41, wide: true };
        assert_eq!(c.msi(), Some(want));
        c.set_acs(0xffff);
        assert_eq!(c.acs(), Some((acs::ISOLATION, acs::ISOLATION)));
        for id in [ext::ATS, ext::PRI, ext::PASID] {
            c.enable(id, true);
        }
        assert!(c.ats_enabled() && c.pri_enabled() && c.pasid_enabled());
        c.set_sizes(256, 1024);
        assert_eq!((c.max_payload(), c.max_read_request()), (256, 1024));
    }

    #[test]
    fn a_bridge_has_windows_of_a_mebibyte() {
        let mut c = ConfigSpace::new(PortType::RootPort, Ids { vendor: 0x8086, device: 2, class: 0x06_0400 });
        assert_eq!((c.memory_window(), c.prefetch_window(), c.io_window()), (None, None, None));
        let range = |start, len| AddrRange::new(BusAddr::new(start), len);
        c.set_memory_window(range(0x8010_0000, 0x1000));
        assert_eq!(c.memory_window(), range(0x8010_0000, 1 << 20));
        c.set_prefetch_window(range(0x40_0000_0000, 1 << 33));
        assert_eq!(c.prefetch_window(), range(0x40_0000_0000, 1 << 33));
        c.set_io_window(Some(0xc000..=0xc01f));
        assert_eq!(c.io_window(), Some(0xc000..=0xcfff));
        c.set_prefetch_window(None);
        assert_eq!(c.prefetch_window(), None);
    }

    proptest! {
        #[test]
        fn no_access_panics_and_only_writable_bits_change(ops in proptest::collection::vec((any::<u16>(), any::<u8>(), any::<u32>()), 0..40)) {
            let mut c = nic();
            c.add_pcie(128);
            c.add_msi(1, true);
            let before = c.clone();
            for (offset, bytes, value) in ops {
                c.write(offset, bytes, value);
                let _ = (c.read(offset, bytes), c.bars(), c.capabilities(), c.extended(), c.msi());
            }
            for i in 0..SIZE {
                prop_assert_eq!(c.bytes[i] & !c.writable[i] & !c.clears[i], before.bytes[i] & !c.writable[i] & !c.clears[i]);
            }
        }
    }
}
