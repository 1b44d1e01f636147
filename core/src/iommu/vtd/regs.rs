//! The registers of a unit, with those whose place its capabilities say (VT-d 11.4).

use super::config::Config;
use super::spec::registers::iotlb_registers::{IOTLB, IVA};
use super::spec::registers::{event_control, fault_registers, ver, ALL, CAP, ECAP, FECTL, IECTL, PECTL, VER};
use crate::iommu::registers::RegisterFile;
use crate::spec::Bits;

impl Config {
    /// Returns the registers as after reset.
    pub fn registers(&self) -> RegisterFile {
        let mut file = RegisterFile::new();
        ALL.iter().for_each(|register| file.declare(register));
        file.declare_at(&IVA, self.iotlb_offset(), u64::MAX, true);
        file.declare_at(&IOTLB, self.iotlb_offset() + 8, u64::MAX, true);
        // Two halves a fault recording register; views list those that have a name of their own.
        // Bounded: fault registers.
        for half in 0..2 * self.fault_registers() {
            let register = fault_registers::ALL[half % fault_registers::ALL.len()];
            let offset = self.fault_offset() + 8 * half as u32;
            file.declare_at(register, offset, u64::MAX, half < fault_registers::ALL.len());
        }
        file.store(&VER, 0.with(ver::MAX, 1));
        file.store(&CAP, self.cap);
        file.store(&ECAP, self.ecap);
        for control in [&FECTL, &IECTL, &PECTL] {
            file.store(control, 0.with_flag(event_control::IM, true));
        }
        file
    }

    /// Returns the offset of fault recording register `i`.
    pub const fn fault_register(&self, i: usize) -> u32 {
        self.fault_offset() + 16 * i as u32
    }
}

#[cfg(test)]
mod tests {
    use super::super::spec::registers::{FSTS, RTADDR};
    use super::super::VtdUnit;
    use super::*;
    use crate::iommu::registers::Registers;
    use crate::memory::Memory;
    use crate::trace::{Actor, Off};

    #[test]
    fn read_only_bits_stay_and_ones_clear() {
        let (mut unit, mut memory) = (VtdUnit::new(Config::playground()), Memory::new());
        let mut write = |unit: &mut VtdUnit, at, bytes, value| {
            unit.write_by(&mut memory, Actor::Cpu, at, bytes, value, &mut Off)
        };
        let cap = unit.file().of(&CAP);
        write(&mut unit, CAP.offset, 8, 0);
        assert_eq!(unit.file().of(&CAP), cap);
        unit.file_mut().store(&FSTS, 0x11);
        write(&mut unit, FSTS.offset, 4, 0x01);
        assert_eq!(unit.file().of(&FSTS), 0x10);
        // The high half alone.
        write(&mut unit, RTADDR.offset + 4, 4, 0x1234);
        assert_eq!(unit.file().of(&RTADDR), 0x1234_0000_0000);
        assert!(!write(&mut unit, 0x60, 4, 1));
    }
}
