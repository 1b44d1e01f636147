//! The values of the registers at their offsets, with the bits that software may write (VT-d 11.4).

use super::config::Config;
pub use super::registers::{FRCD, IOTLB, IVA, REGISTERS};
use crate::spec::Register;
use alloc::{vec, vec::Vec};

/// Offsets of the registers whose place is fixed.
#[allow(missing_docs)] // the names are the specification's
pub mod offset {
    pub const VER: u32 = 0x00;
    pub const CAP: u32 = 0x08;
    pub const ECAP: u32 = 0x10;
    pub const GCMD: u32 = 0x18;
    pub const GSTS: u32 = 0x1c;
    pub const RTADDR: u32 = 0x20;
    pub const CCMD: u32 = 0x28;
    pub const FSTS: u32 = 0x34;
    pub const FECTL: u32 = 0x38;
    pub const FEDATA: u32 = 0x3c;
    pub const FEADDR: u32 = 0x40;
    pub const FEUADDR: u32 = 0x44;
    pub const PMEN: u32 = 0x64;
    pub const PLMBASE: u32 = 0x68;
    pub const PLMLIMIT: u32 = 0x6c;
    pub const PHMBASE: u32 = 0x70;
    pub const PHMLIMIT: u32 = 0x78;
    pub const IQH: u32 = 0x80;
    pub const IQT: u32 = 0x88;
    pub const IQA: u32 = 0x90;
    pub const ICS: u32 = 0x9c;
    pub const IECTL: u32 = 0xa0;
    pub const IEDATA: u32 = 0xa4;
    pub const IEADDR: u32 = 0xa8;
    pub const IEUADDR: u32 = 0xac;
    pub const IQERCD: u32 = 0xb0;
    pub const IRTA: u32 = 0xb8;
    pub const PQH: u32 = 0xc0;
    pub const PQT: u32 = 0xc8;
    pub const PQA: u32 = 0xd0;
    pub const PRS: u32 = 0xdc;
    pub const PECTL: u32 = 0xe0;
    pub const PEDATA: u32 = 0xe4;
    pub const PEADDR: u32 = 0xe8;
    pub const PEUADDR: u32 = 0xec;
}

/// One bit of GSTS and GCMD.
#[allow(missing_docs)] // the names are the specification's
pub mod bit {
    pub const CFI: u64 = 1 << 23;
    pub const SIRTP: u64 = 1 << 24;
    pub const IRE: u64 = 1 << 25;
    pub const QIE: u64 = 1 << 26;
    pub const WBF: u64 = 1 << 27;
    pub const SRTP: u64 = 1 << 30;
    pub const TE: u64 = 1 << 31;
    pub const PFO: u64 = 1;
    pub const PPF: u64 = 1 << 1;
    pub const IQE: u64 = 1 << 4;
    pub const ITE: u64 = 1 << 6;
    pub const IP: u64 = 1 << 30;
    pub const IM: u64 = 1 << 31;
}

/// The registers' values.
#[derive(Clone, Debug)]
pub struct Regs {
    bytes: Vec<u8>,
    fault: u32,
    faults: usize,
    iotlb: u32,
}

impl Regs {
    /// As after reset.
    pub fn new(config: &Config) -> Self {
        let (fault, faults, iotlb) = (config.fault_offset(), config.fault_registers(), config.iotlb_offset());
        let end = (fault + faults as u32 * 16).max(iotlb + 16).max(0x100) as usize;
        let mut regs = Regs { bytes: vec![0; end], fault, faults, iotlb };
        regs.set(offset::VER, 4, 0x10);
        regs.set(offset::CAP, 8, config.cap);
        regs.set(offset::ECAP, 8, config.ecap);
        for control in [offset::FECTL, offset::IECTL, offset::PECTL] {
            regs.set(control, 4, bit::IM);
        }
        regs
    }

    /// The value at an offset, whatever software may see of it.
    pub fn get(&self, at: u32, bytes: u8) -> u64 {
        let mut value = 0;
        for i in 0..usize::from(bytes) {
            value |= u64::from(self.bytes.get(at as usize + i).copied().unwrap_or(0)) << (8 * i);
        }
        value
    }

    /// Sets the value at an offset, as hardware does.
    pub fn set(&mut self, at: u32, bytes: u8, value: u64) {
        for i in 0..usize::from(bytes) {
            if let Some(byte) = self.bytes.get_mut(at as usize + i) {
                *byte = (value >> (8 * i)) as u8;
            }
        }
    }

    /// Changes bits at an offset, as hardware does.
    pub fn change(&mut self, at: u32, bytes: u8, clear: u64, set: u64) {
        self.set(at, bytes, self.get(at, bytes) & !clear | set);
    }

    /// Offset of fault recording register `i`.
    pub fn fault_register(&self, i: usize) -> u32 {
        self.fault + 16 * i as u32
    }

    /// Offset of IVA; the IOTLB register is 8 bytes on.
    pub fn iotlb(&self) -> u32 {
        self.iotlb
    }

    /// The register that holds the byte at `at`, and the offset where it starts.
    pub fn find(&self, at: u32) -> Option<(&'static Register, u32)> {
        if at >= self.iotlb && at < self.iotlb + 16 {
            let high = at >= self.iotlb + 8;
            return Some(if high { (&IOTLB, self.iotlb + 8) } else { (&IVA, self.iotlb) });
        }
        if at >= self.fault && ((at - self.fault) / 16) < self.faults as u32 {
            let i = (at - self.fault) / 16;
            let (low, high) = &FRCD[i as usize % FRCD.len()];
            let start = self.fault + 16 * i;
            return Some(if at >= start + 8 { (high, start + 8) } else { (low, start) });
        }
        let found = REGISTERS.iter().find(|r| at >= r.offset && at < r.offset + u32::from(r.bytes));
        found.map(|r| (r, r.offset))
    }

    /// The bits of the register that software may write, and those that a 1 clears.
    pub fn masks(&self, start: u32) -> (u64, u64) {
        use offset::*;
        if start == self.iotlb {
            return (0xffff_ffff_ffff_f07f, 0);
        }
        if start == self.iotlb + 8 {
            return (0xb003_ffff_0000_0000, 0);
        }
        if start >= self.fault && (start - self.fault) / 16 < self.faults as u32 {
            return (0, if start % 16 == 8 { 1 << 63 } else { 0 });
        }
        match start {
            GCMD => (0xff80_0000, 0),
            RTADDR => (0xffff_ffff_ffff_fc00, 0),
            CCMD => (0xe000_0003_ffff_ffff, 0),
            FSTS => (0, 0x71),
            FECTL | IECTL | PECTL => (bit::IM, 0),
            FEDATA | IEDATA | PEDATA => (0xffff, 0),
            FEADDR | IEADDR | PEADDR => (0xffff_fffc, 0),
            FEUADDR | IEUADDR | PEUADDR => (0xffff_ffff, 0),
            IQT => (0x7_fff0, 0),
            IQA => (0xffff_ffff_ffff_f807, 0),
            ICS => (0, 1),
            IRTA => (0xffff_ffff_ffff_f80f, 0),
            PQH | PQT => (0x7_ffe0, 0),
            PQA => (0xffff_ffff_ffff_f007, 0),
            PRS => (0, 3),
            _ => (0, 0),
        }
    }

    /// Writes as software does. Gives the register's start and its value before and after.
    pub fn write(&mut self, at: u32, bytes: u8, value: u64) -> Option<(&'static Register, u32, u64, u64)> {
        let (register, start) = self.find(at)?;
        let shift = (at - start) * 8;
        let width = u64::MAX >> (64 - 8 * u32::from(bytes.clamp(1, 8)));
        let lanes = width.checked_shl(shift).unwrap_or(0);
        let value = value.checked_shl(shift).unwrap_or(0) & lanes;
        let (writable, clears) = self.masks(start);
        let old = self.get(start, register.bytes);
        let writable = writable & lanes;
        let new = (old & !writable | value & writable) & !(clears & value);
        self.set(start, register.bytes, new);
        Some((register, start, old, new))
    }

    /// Every register with its value.
    pub fn all(&self) -> Vec<(&'static Register, u64)> {
        let mut out: Vec<_> = REGISTERS.iter().map(|r| (r, self.get(r.offset, r.bytes))).collect();
        out.push((&IVA, self.get(self.iotlb, 8)));
        out.push((&IOTLB, self.get(self.iotlb + 8, 8)));
        for (i, (low, high)) in FRCD.iter().enumerate().take(self.faults) {
            out.push((low, self.get(self.fault_register(i), 8)));
            out.push((high, self.get(self.fault_register(i) + 8, 8)));
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn read_only_bits_stay_and_ones_clear() {
        let mut regs = Regs::new(&Config::playground());
        let cap = regs.get(offset::CAP, 8);
        regs.write(offset::CAP, 8, 0);
        assert_eq!(regs.get(offset::CAP, 8), cap);
        regs.set(offset::FSTS, 4, 0x13);
        regs.write(offset::FSTS, 4, 0x11);
        assert_eq!(regs.get(offset::FSTS, 4), 2);
        // The high half alone.
        regs.write(offset::RTADDR + 4, 4, 0x1234);
        assert_eq!(regs.get(offset::RTADDR, 8), 0x1234_0000_0000);
        assert!(regs.write(0x60, 4, 1).is_none());
    }
}
