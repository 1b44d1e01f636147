//! Making a configuration space: ids, BARs, capabilities.

use super::{cap, ext, ConfigSpace, PortType, MSI_WIDE};
use crate::addr::Bytes;
use crate::spec::{Localized, Phrase};
use alloc::format;
use core::fmt;

/// What identifies a function.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ids {
    /// Vendor ID.
    pub vendor: u16,
    /// Device ID.
    pub device: u16,
    /// Class Code: base class, sub-class, programming interface.
    pub class: u32,
}

/// What a BAR claims.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BarKind {
    /// Memory, anywhere below 4 GiB.
    Memory32,
    /// Memory, anywhere.
    Memory64,
    /// I/O ports.
    Io,
}

/// A BAR to be made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BarSpec {
    /// What it claims.
    pub kind: BarKind,
    /// Prefetchable (memory only).
    pub prefetch: bool,
    /// Bytes: a power of two.
    pub size: u64,
}

/// Why a BAR cannot be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BarError {
    /// The header has no such BAR, or a 64-bit one does not fit there.
    NoRoom {
        /// The BAR.
        index: u8,
    },
    /// This BAR is in use already, itself or as the upper half of the one before.
    Taken {
        /// The BAR.
        index: u8,
    },
    /// The size is not a power of two in range.
    Size {
        /// What was requested.
        size: u64,
        /// The smallest size.
        least: u64,
        /// The largest size.
        most: u64,
    },
}

impl fmt::Display for BarError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BarError::NoRoom { index } => write!(f, "there is no room for BAR {index}"),
            BarError::Taken { index } => write!(f, "BAR {index} is in use already"),
            BarError::Size { size, least, most } => {
                write!(f, "{} is not a power of two from {} to {}", Bytes(*size), Bytes(*least), Bytes(*most))
            }
        }
    }
}

impl Localized for BarError {
    fn phrase(&self) -> Phrase {
        let zh = match self {
            BarError::NoRoom { index } => format!("放不下 BAR {index}"),
            BarError::Taken { index } => format!("BAR {index} 已被占用"),
            BarError::Size { size, least, most } => {
                format!("{} 不是 {} 到 {} 之间的 2 的幂", Bytes(*size), Bytes(*least), Bytes(*most))
            }
        };
        Phrase::new(format!("{self}"), zh)
    }
}

impl ConfigSpace {
    /// A function's space with its header, no BARs, no capabilities; all decoding off, as after reset.
    pub fn new(port: PortType, ids: Ids) -> Self {
        let mut c = ConfigSpace::blank(port);
        c.put(0, 2, ids.vendor.into());
        c.put(2, 2, ids.device.into());
        c.put(8, 4, ids.class << 8 | 1);
        // Memory, I/O, bus master, parity response, SERR#, INTx disable; the error bits of Status clear by 1.
        c.allow(4, 2, 0x0547);
        c.clears[7] = 0xf9;
        // Cache line size and interrupt line are software's scratch pads.
        c.allow(0x0c, 1, 0xff);
        c.allow(0x3c, 1, 0xff);
        if port.is_bridge() {
            c.put(0x0e, 1, 1);
            c.allow(0x18, 4, 0x00ff_ffff);
            c.allow(0x1c, 2, 0xf0f0);
            c.clears[0x1f] = 0xf9;
            c.allow(0x20, 4, 0xfff0_fff0);
            c.allow(0x24, 4, 0xfff0_fff0);
            c.put(0x24, 4, 0x0001_0001); // 64-bit prefetchable
            c.allow(0x28, 4, u32::MAX);
            c.allow(0x2c, 4, u32::MAX);
            c.allow(0x3e, 2, 0x0043);
            c.set_memory_window(None);
            c.set_prefetch_window(None);
            c.set_io_window(None);
        }
        c
    }

    pub(super) fn allow(&mut self, offset: u16, bytes: u8, mask: u32) {
        // Bounded: at most eight bytes.
        for i in 0..bytes {
            self.writable[usize::from(offset) + usize::from(i)] |= (mask >> (8 * u32::from(i))) as u8;
        }
    }

    /// Makes a BAR. It is at 0 until an address is written.
    pub fn add_bar(&mut self, index: u8, spec: BarSpec) -> Result<(), BarError> {
        self.add_bar_register(0x10, self.bar_count(), index, spec)
    }

    /// Makes a BAR of the `count` whose registers begin at `first`.
    pub(super) fn add_bar_register(
        &mut self,
        first: u16,
        count: u8,
        index: u8,
        spec: BarSpec,
    ) -> Result<(), BarError> {
        let wide = spec.kind == BarKind::Memory64;
        let last = index.checked_add(wide.into()).ok_or(BarError::NoRoom { index })?;
        if last >= count {
            return Err(BarError::NoRoom { index });
        }
        let taken = |index: u8| {
            let at = usize::from(first) + 4 * usize::from(index);
            // A large 64-bit BAR has no writable bit in its lower half, but it has flags.
            self.writable[at..at + 4].iter().chain(&self.bytes[at..at + 4]).any(|b| *b != 0)
        };
        if let Some(index) = (index..=last).find(|i| taken(*i)) {
            return Err(BarError::Taken { index });
        }
        let (least, most) = match spec.kind {
            BarKind::Io => (4, 256),
            BarKind::Memory32 => (16, 1 << 31),
            BarKind::Memory64 => (16, 1 << 62),
        };
        if !spec.size.is_power_of_two() || !(least..=most).contains(&spec.size) {
            return Err(BarError::Size { size: spec.size, least, most });
        }
        let at = first + 4 * u16::from(index);
        let mask = !(spec.size - 1);
        let flags = match spec.kind {
            BarKind::Io => 1,
            BarKind::Memory32 => u32::from(spec.prefetch) << 3,
            BarKind::Memory64 => 4 | u32::from(spec.prefetch) << 3,
        };
        self.put(at, 4, flags);
        self.allow(at, 4, mask as u32);
        if wide {
            self.allow(at + 4, 4, (mask >> 32) as u32);
        }
        Ok(())
    }

    /// Appends a capability of `len` bytes; `None` when the first 256 bytes are full.
    fn add_cap(&mut self, id: u8, len: u16) -> Option<u16> {
        let at = self.next_cap;
        if at + len > 0x100 {
            return None;
        }
        self.put(at, 1, id.into());
        self.put(self.cap_link, 1, at.into());
        self.bytes[6] |= 0x10;
        self.cap_link = at + 1;
        self.next_cap = (at + len).next_multiple_of(4);
        Some(at)
    }

    /// Appends an extended capability of `len` bytes.
    pub(super) fn add_ext(&mut self, id: u16, version: u32, len: u16) -> Option<u16> {
        let at = self.next_ext;
        if usize::from(at + len) > super::SIZE {
            return None;
        }
        self.put(at, 4, u32::from(id) | version << 16);
        if let Some(link) = self.ext_link {
            let header = self.read(link, 4) | u32::from(at) << 20;
            self.put(link, 4, header);
        }
        self.ext_link = Some(at);
        self.next_ext = (at + len).next_multiple_of(16);
        Some(at)
    }

    /// PCI Express: device/port type, and the largest payload it supports, in bytes.
    pub fn add_pcie(&mut self, max_payload: u32) {
        let port = self.port.bits();
        let Some(at) = self.add_cap(cap::PCIE, 0x3c) else { return };
        self.put(at + 2, 2, u32::from(2 | port << 4));
        let supported = max_payload.clamp(128, 4096).ilog2() - 7;
        // Extended tags and role-based error reporting.
        self.put(at + 4, 4, supported | 0x8020);
        // Max read request 512 after reset; relaxed ordering and no snoop allowed.
        self.put(at + 8, 2, 0x2810);
        self.allow(at + 8, 2, 0x7fff);
        self.clears[usize::from(at) + 10] = 0x0f;
        self.allow(at + 0x28, 2, 0xffff);
    }

    /// MSI with up to `vectors` (rounded up to a power of two, at most 32): with addresses of 64 bits, or, in its short form
    /// without the upper address register, of 32.
    pub fn add_msi(&mut self, vectors: u16, wide: bool) {
        let Some(at) = self.add_cap(cap::MSI, if wide { 0x10 } else { 0xc }) else { return };
        let log = vectors.clamp(1, 32).next_power_of_two().ilog2();
        self.put(at + 2, 2, log << 1 | if wide { MSI_WIDE } else { 0 });
        self.allow(at + 2, 2, 0x71);
        self.allow(at + 4, 4, !3);
        if wide {
            self.allow(at + 8, 4, u32::MAX);
        }
        self.allow(at + if wide { 12 } else { 8 }, 2, 0xffff);
    }

    /// MSI-X with `vectors` (1..=2048), its table and pending bits in BAR `bar` at these offsets.
    pub fn add_msix(&mut self, vectors: u16, bar: u8, table: u32, pending: u32) {
        let Some(at) = self.add_cap(cap::MSIX, 12) else { return };
        self.put(at + 2, 2, u32::from(vectors.clamp(1, 2048) - 1));
        self.allow(at + 2, 2, 0xc000);
        self.put(at + 4, 4, table & !7 | u32::from(bar & 7));
        self.put(at + 8, 4, pending & !7 | u32::from(bar & 7));
    }

    /// ACS with these capability bits, all controls off.
    pub fn add_acs(&mut self, bits: u16) {
        let Some(at) = self.add_ext(ext::ACS, 1, 8) else { return };
        self.put(at + 4, 2, (bits & 0x7f).into());
        self.allow(at + 6, 2, (bits & 0x7f).into());
    }

    /// Resizable BARs (PCIe 7.8.6): each of these memory BARs takes every size from 1 MiB up.
    pub fn add_rebar(&mut self, bars: &[u8]) {
        let Some(at) = self.add_ext(ext::REBAR, 1, 4 + 8 * bars.len() as u16).filter(|_| !bars.is_empty())
        else {
            return;
        };
        // Bounded: six BARs.
        for (nth, index) in (0..).zip(bars) {
            let Some(bar) = self.bar(*index) else { continue };
            let entry = at + 4 + 8 * nth;
            self.put(entry, 4, !0xf);
            let count = if nth == 0 { (bars.len() as u32) << 5 } else { 0 };
            let size = bar.size.ilog2().saturating_sub(20);
            self.put(entry + 4, 4, u32::from(*index) | count | size << 8);
            self.allow(entry + 4, 4, 0x3f << 8);
        }
    }

    /// A BAR claims as many bytes as its control register of the Resizable BAR capability says.
    pub(super) fn resize(&mut self, entry: u16) {
        let control = self.read(entry + 4, 4);
        let (index, log) = (control & 7, 20 + (control >> 8 & 0x3f));
        let at = 0x10 + 4 * index as u16;
        let Some(bar) = self.bar(index as u8) else { return };
        let most = if bar.kind == BarKind::Memory64 { 62 } else { 31 };
        let mask = !((1u64 << log.min(most)) - 1);
        for (offset, mask) in [(at, mask as u32), (at + 4, (mask >> 32) as u32)] {
            if offset == at || bar.kind == BarKind::Memory64 {
                let place = usize::from(offset);
                let flags = self.bytes[place] & if offset == at { 0xf } else { 0 };
                self.writable[place..place + 4].copy_from_slice(&mask.to_le_bytes());
                // Bits that are no longer of the address are lost.
                let kept = self.read(offset, 4) & mask;
                self.put(offset, 4, kept | u32::from(flags));
            }
        }
    }

    /// ATS with an invalidate queue of `depth` (1..=32).
    pub fn add_ats(&mut self, depth: u8) {
        let Some(at) = self.add_ext(ext::ATS, 1, 8) else { return };
        // Depth 32 is written as 0; bit 5, page aligned request.
        self.put(at + 4, 2, u32::from(depth.clamp(1, 32) & 31) | 1 << 5);
        self.allow(at + 6, 2, 0x801f);
    }

    /// PRI with this many outstanding page requests.
    pub fn add_pri(&mut self, capacity: u32) {
        let Some(at) = self.add_ext(ext::PRI, 1, 16) else { return };
        self.allow(at + 4, 2, 1);
        self.put(at + 6, 2, 0x100); // stopped
        self.clears[usize::from(at) + 6] = 3;
        self.put(at + 8, 4, capacity);
        self.allow(at + 12, 4, u32::MAX);
    }

    /// PASID of up to `bits` (0..=20), with execute and privileged mode.
    pub fn add_pasid(&mut self, bits: u8) {
        let Some(at) = self.add_ext(ext::PASID, 1, 8) else { return };
        self.put(at + 4, 2, u32::from(bits.min(20)) << 8 | 6);
        self.allow(at + 6, 2, 7);
    }
}
