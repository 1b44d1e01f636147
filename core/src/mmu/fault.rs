//! How a translation fails on a CPU, in the words of its architecture.

use super::aarch64::{self, Abort};
use super::arch::Cpu;
use super::riscv::{self, Trap};
use super::x86::{self, Exit, NestedFault};
use crate::addr::{Address, AnyAddr, Space, VirtAddr};
use crate::memory::MemError;
use crate::paging::any::CpuTables;
use crate::paging::x86::{Manual, X86};
use crate::spec::FaultCode;
use core::fmt;

/// Why an access has no translation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MmuFault {
    /// x86-64: the address is not canonical, a general protection exception.
    NonCanonical {
        /// The address.
        at: VirtAddr,
    },
    /// x86-64: a page fault; in a guest, the guest's own.
    PageFault {
        /// What CR2 receives.
        at: VirtAddr,
        /// The error code; see [`x86::error`].
        error: u32,
    },
    /// x86-64: the guest leaves to its hypervisor.
    Ept(Exit),
    /// x86-64 of AMD: the guest leaves to its hypervisor.
    Npt(NestedFault),
    /// RISC-V: an exception.
    Trap(Trap),
    /// Arm: a data or instruction abort.
    Abort(Abort),
    /// x86-64: the memory that holds a table did not answer, a machine check.
    Memory(MemError),
}

impl Cpu {
    /// Returns the faults that an access of the CPU may take.
    pub const fn faults(self) -> &'static [&'static FaultCode] {
        match self {
            Cpu::X86 => x86::ALL,
            Cpu::Amd64 => x86::ALL_AMD,
            Cpu::Riscv => riscv::ALL,
            Cpu::Aarch64 => aarch64::ALL,
        }
    }
}

impl MmuFault {
    /// Returns the architecture's code: an exception's vector or cause, or an exit reason.
    pub fn code(&self) -> Option<&'static FaultCode> {
        Some(match self {
            MmuFault::NonCanonical { .. } => &x86::GENERAL_PROTECTION,
            MmuFault::PageFault { .. } => &x86::PAGE_FAULT,
            MmuFault::Ept(Exit::Violation { .. }) => &x86::EPT_VIOLATION,
            MmuFault::Ept(Exit::Misconfiguration { .. }) => &x86::EPT_MISCONFIGURATION,
            MmuFault::Npt(_) => &x86::NESTED_PAGE_FAULT,
            MmuFault::Trap(trap) => trap.code(),
            MmuFault::Abort(abort) => abort.code(),
            MmuFault::Memory(_) => return None,
        })
    }

    /// Returns the same as the manual has it that defines the tables of the CPU.
    pub fn code_with(&self, tables: Option<&CpuTables>) -> Option<&'static FaultCode> {
        let amd = matches!(tables, Some(CpuTables::X86(X86 { manual: Manual::Amd, .. })));
        match self {
            MmuFault::NonCanonical { .. } if amd => Some(&x86::AMD_GENERAL_PROTECTION),
            MmuFault::PageFault { .. } if amd => Some(&x86::AMD_PAGE_FAULT),
            _ => self.code(),
        }
    }

    /// Returns whether it is one that a kernel answers by making a page present.
    pub fn is_page_fault(&self) -> bool {
        match self {
            MmuFault::PageFault { .. } => true,
            MmuFault::Trap(trap) => trap.is_page_fault(),
            MmuFault::Abort(abort) => abort.is_page_fault(),
            _ => false,
        }
    }

    /// Returns the address that faulted, in its own space.
    pub fn address(&self) -> AnyAddr {
        match self {
            MmuFault::NonCanonical { at } | MmuFault::PageFault { at, .. } => at.any(),
            MmuFault::Ept(Exit::Violation { at, .. } | Exit::Misconfiguration { at }) => at.any(),
            MmuFault::Npt(NestedFault { at, .. }) => at.any(),
            MmuFault::Trap(trap) => trap.gpa.map_or(trap.at.any(), |gpa| gpa.any()),
            MmuFault::Abort(abort) => abort.ipa.map_or(abort.at.any(), |ipa| ipa.any()),
            MmuFault::Memory(error) => match error {
                MemError::Access(at) | MemError::Poison(at) => at.any(),
                MemError::Full(_) | MemError::Budget => AnyAddr { space: Space::Physical, raw: 0 },
            },
        }
    }
}

impl fmt::Display for MmuFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            MmuFault::NonCanonical { at } => write!(f, "{at} is not a canonical address (#GP)"),
            MmuFault::PageFault { at, error } => write!(f, "page fault at {at}, error code {error:#x}"),
            MmuFault::Ept(Exit::Violation { at, qualification, .. }) => {
                write!(f, "EPT violation at {at}, exit qualification {qualification:#x}")
            }
            MmuFault::Ept(Exit::Misconfiguration { at }) => write!(f, "EPT misconfiguration at {at}"),
            MmuFault::Npt(NestedFault { at, info }) => {
                write!(f, "nested page fault (VMEXIT_NPF, 400h): EXITINFO1 {info:#x}, EXITINFO2 {at}")
            }
            MmuFault::Trap(trap) => trap.fmt(f),
            MmuFault::Abort(abort) => abort.fmt(f),
            MmuFault::Memory(error) => error.fmt(f),
        }
    }
}
