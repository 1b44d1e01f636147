//! The register file: what registers hold, page 0 and the part of page 1 that is there.

use super::config::Config;
use super::spec::registers::{aidr, gbpa, idr0, idr1, idr3, idr5, ALL};
use crate::spec::Register;
use alloc::vec::Vec;

/// Words of 32 bits: page 0 up to offset 0xff, then the same of page 1.
#[derive(Clone, Debug)]
pub struct Regs {
    words: [u32; 128],
}

const fn slot(at: u32) -> usize {
    (at as usize & 0xfc) / 4 + if at >= 0x1_0000 { 64 } else { 0 }
}

impl Regs {
    /// Returns the registers as after reset.
    pub fn new(config: &Config) -> Self {
        let mut regs = Regs { words: [0; 128] };
        for (at, value) in [
            (idr0::OFFSET, config.idr0),
            (idr1::OFFSET, config.idr1),
            (idr3::OFFSET, config.idr3),
            (idr5::OFFSET, config.idr5),
            (aidr::OFFSET, config.aidr),
            (gbpa::OFFSET, config.gbpa),
        ] {
            regs.put(at, 4, value.into());
        }
        regs
    }

    /// Returns the value of `bytes` (4 or 8) at the offset of a register.
    #[inline]
    pub fn get(&self, at: u32, bytes: u8) -> u64 {
        let slot = slot(at);
        let low = u64::from(self.words[slot]);
        low | if bytes == 8 { u64::from(self.words[(slot + 1) % 128]) << 32 } else { 0 }
    }

    /// Sets the value at the offset of a register, as hardware does.
    pub fn put(&mut self, at: u32, bytes: u8, value: u64) {
        let slot = slot(at);
        self.words[slot] = value as u32;
        if bytes == 8 {
            self.words[(slot + 1) % 128] = (value >> 32) as u32;
        }
    }

    /// Returns the register that has this offset.
    pub fn find(at: u32) -> Option<&'static Register> {
        ALL.iter().find(|r| (r.offset..r.offset + u32::from(r.bytes)).contains(&at)).copied()
    }

    /// Returns every register with its value.
    pub fn all(&self) -> Vec<(&'static Register, u64)> {
        ALL.iter().map(|r| (*r, self.get(r.offset, r.bytes))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_registers_share_a_word() {
        let mut seen = [false; 128];
        for register in ALL {
            // Bounded: at most two halves.
            for half in 0..register.bytes / 4 {
                let slot = slot(register.offset + u32::from(half) * 4);
                assert!(!seen[slot], "{}", register.name);
                seen[slot] = true;
            }
        }
    }
}
