//! The values of the registers at their offsets, with the bits that software may write (VT-d 11.4).

use super::config::Config;
use super::spec::registers::iotlb_registers::{IOTLB, IVA};
use super::spec::registers::{event_control, fault_registers, ver, ALL, CAP, ECAP, FECTL, IECTL, PECTL, VER};
use crate::spec::{Bits, Register};
use alloc::{vec, vec::Vec};

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
        regs.put(&VER, 0.with(ver::MAX, 1));
        regs.put(&CAP, config.cap);
        regs.put(&ECAP, config.ecap);
        for control in [&FECTL, &IECTL, &PECTL] {
            regs.put(control, 0.with_flag(event_control::IM, true));
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

    /// Returns the value of a register with a fixed offset.
    pub fn of(&self, register: &Register) -> u64 {
        self.get(register.offset, register.bytes)
    }

    /// Sets a register with a fixed offset, as hardware does.
    pub fn put(&mut self, register: &Register, value: u64) {
        self.set(register.offset, register.bytes, value);
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
            let half = (at - self.fault) / 8;
            let register = fault_registers::ALL[half as usize % fault_registers::ALL.len()];
            return Some((register, self.fault + 8 * half));
        }
        let found = ALL.iter().find(|r| at >= r.offset && at < r.offset + u32::from(r.bytes));
        found.map(|r| (*r, r.offset))
    }

    /// Writes as software does. Gives the register's start and its value before and after.
    pub fn write(&mut self, at: u32, bytes: u8, value: u64) -> Option<(&'static Register, u32, u64, u64)> {
        let (register, start) = self.find(at)?;
        let shift = (at - start) * 8;
        let width = u64::MAX >> (64 - 8 * u32::from(bytes.clamp(1, 8)));
        let lanes = width.checked_shl(shift).unwrap_or(0);
        let value = value.checked_shl(shift).unwrap_or(0) & lanes;
        let old = self.get(start, register.bytes);
        let new = register.after_write(old, lanes, value);
        self.set(start, register.bytes, new);
        Some((register, start, old, new))
    }

    /// Every register with its value.
    pub fn all(&self) -> Vec<(&'static Register, u64)> {
        let mut out: Vec<_> = ALL.iter().map(|r| (*r, self.of(r))).collect();
        out.push((&IVA, self.get(self.iotlb, 8)));
        out.push((&IOTLB, self.get(self.iotlb + 8, 8)));
        for (half, register) in fault_registers::ALL.iter().enumerate().take(2 * self.faults) {
            out.push((register, self.get(self.fault + 8 * half as u32, 8)));
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::super::spec::registers::{FSTS, RTADDR};
    use super::*;

    #[test]
    fn read_only_bits_stay_and_ones_clear() {
        let mut regs = Regs::new(&Config::playground());
        let cap = regs.of(&CAP);
        regs.write(CAP.offset, 8, 0);
        assert_eq!(regs.of(&CAP), cap);
        regs.put(&FSTS, 0x13);
        regs.write(FSTS.offset, 4, 0x11);
        assert_eq!(regs.of(&FSTS), 2);
        // The high half alone.
        regs.write(RTADDR.offset + 4, 4, 0x1234);
        assert_eq!(regs.of(&RTADDR), 0x1234_0000_0000);
        assert!(regs.write(0x60, 4, 1).is_none());
    }
}
