//! The architectures of CPUs: which tables they have, and where Linux puts things in its address space.

use crate::paging::aarch64::{Aarch64, Granule};
use crate::paging::any::{CpuTables, GuestTables};
use crate::paging::{ept::Ept, npt::Npt, riscv::Riscv, x86::X86};
use crate::spec::Text;
use crate::trace::GuestStage;

/// A CPU.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cpu {
    /// x86-64 of Intel, with EPT for guests (Intel SDM).
    X86,
    /// x86-64 of AMD, with nested paging for guests (AMD APM).
    Amd64,
    /// RISC-V, RV64 with the hypervisor extension. Svade: software sets A and D, or the access faults.
    Riscv,
    /// Arm, AArch64: EL1 with tables of 4 KiB granules, EL2 below for guests.
    Aarch64,
}

/// Why a CPU reaches no I/O port: see [`Cpu::has_ports`].
pub const NO_PORTS: Text =
    Text::new("only x86 has instructions for I/O ports", "只有 x86 有访问 I/O 端口的指令");

/// Where Linux puts things, in bytes from address 0.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Layout {
    /// The direct map of all physical memory.
    pub direct_map: u64,
    /// Where `vmalloc` and `ioremap` ranges begin.
    pub vmalloc: u64,
    /// Where a process's mappings go that request no address: high in its half.
    pub user: u64,
}

impl Cpu {
    /// Returns how many levels its tables may have.
    pub const fn levels(self) -> &'static [u8] {
        match self {
            Cpu::X86 | Cpu::Amd64 => &[4, 5],
            Cpu::Riscv => &[3, 4, 5],
            Cpu::Aarch64 => &[3, 4],
        }
    }

    /// Returns the capability that would give its tables one more level, where this machine lacks one.
    pub const fn deeper(self) -> Text {
        match self {
            Cpu::Aarch64 => Text::new(
                ": a walk that begins at level -1 needs FEAT_LPA2 for 4 KiB pages, which this CPU does not have",
                "：4 KiB 页从 -1 级开始查表需要 FEAT_LPA2，这个 CPU 没有",
            ),
            _ => Text::new("", ""),
        }
    }

    /// Has it instructions for a space of I/O ports?
    pub const fn has_ports(self) -> bool {
        matches!(self, Cpu::X86 | Cpu::Amd64)
    }

    /// Returns the tables that its kernel and processes have; `None` where it has none with this many levels.
    pub fn tables(self, levels: u8) -> Option<CpuTables> {
        self.levels().contains(&levels).then_some(match self {
            Cpu::X86 => CpuTables::X86(X86::kernel(levels)),
            Cpu::Amd64 => CpuTables::X86(X86::kernel(levels).of_amd()),
            Cpu::Riscv => CpuTables::Riscv(Riscv::first(levels)),
            Cpu::Aarch64 => CpuTables::Aarch64(Aarch64::stage1(Granule::K4, 12 + 9 * levels)),
        })
    }

    /// Returns the tables that its hypervisor has for guests.
    pub const fn guest_tables(self) -> GuestTables {
        match self {
            Cpu::X86 => GuestTables::Ept(Ept::four_levels()),
            Cpu::Amd64 => GuestTables::Npt(Npt::four_levels()),
            Cpu::Riscv => GuestTables::Riscv(Riscv::second(4)),
            // KVM's default: 40 bits of guest-physical address.
            Cpu::Aarch64 => GuestTables::Aarch64(Aarch64::stage2(Granule::K4, 40)),
        }
    }

    /// Returns what these are called.
    pub const fn guest_stage(self) -> &'static GuestStage {
        self.guest_tables().stage()
    }
}

/// Returns where Linux puts things with such tables (Documentation/arch/x86/x86_64/mm.rst, Documentation/arch/riscv/vm-layout.rst).
pub const fn layout(tables: &CpuTables) -> Layout {
    let (direct_map, vmalloc, user) = match tables {
        CpuTables::X86(X86 { levels: 5, .. }) => {
            (0xff11_0000_0000_0000, 0xffa0_0000_0000_0000, 0x7f00_0000_0000)
        }
        CpuTables::X86(_) => (0xffff_8880_0000_0000, 0xffff_c900_0000_0000, 0x7f00_0000_0000),
        CpuTables::Riscv(Riscv { levels: 3, .. }) => {
            (0xffff_ffd6_0000_0000, 0xffff_ffc6_0000_0000, 0x3f_0000_0000)
        }
        CpuTables::Riscv(Riscv { levels: 5, .. }) => {
            (0xff60_0000_0000_0000, 0xff20_0000_0000_0000, 0x7f00_0000_0000)
        }
        // Documentation/arch/arm64/memory.rst.
        CpuTables::Aarch64(Aarch64 { levels: 3, .. }) => {
            (0xffff_ff80_0000_0000, 0xffff_ffc0_1000_0000, 0x7f_0000_0000)
        }
        CpuTables::Aarch64(_) => {
            (0xffff_0000_0000_0000, 0xffff_8000_1000_0000, 0xffff_0000_0000 - 0x100_0000_0000)
        }
        CpuTables::Riscv(_) => (0xffff_af80_0000_0000, 0xffff_8f80_0000_0000, 0x7f00_0000_0000),
    };
    Layout { direct_map, vmalloc, user }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_layout_fits_its_tables() {
        for cpu in [Cpu::X86, Cpu::Amd64, Cpu::Riscv, Cpu::Aarch64] {
            assert!(cpu.tables(2).is_none() && cpu.tables(6).is_none());
            for levels in cpu.levels() {
                let tables = cpu.tables(*levels).unwrap();
                let Layout { direct_map, vmalloc, user } = layout(&tables);
                for at in [direct_map, vmalloc, user] {
                    assert!(tables.accepts(at), "{cpu:?} {levels} {at:#x}");
                }
                // The kernel's half is the upper one, a process's the lower one.
                assert!(direct_map >> 63 == 1 && vmalloc >> 63 == 1 && user >> 63 == 0);
            }
        }
    }
}
