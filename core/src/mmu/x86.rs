//! How a translation fails on x86-64: exceptions with their error code, exits from a guest with their qualification.

use crate::addr::{GuestPhysAddr, VirtAddr};
use crate::paging::x86::{X86Fault, X86};
use crate::paging::Want;
use crate::spec::{FaultCode, Text};
use crate::trace::Perms;

/// Bits of the page-fault error code (SDM 3A 4.7).
pub mod error {
    /// The page was present: rights were the reason.
    pub const P: u32 = 1;
    /// The access was a write.
    pub const WR: u32 = 1 << 1;
    /// The access was in user mode.
    pub const US: u32 = 1 << 2;
    /// A reserved bit was 1.
    pub const RSVD: u32 = 1 << 3;
    /// The access was an instruction fetch (only with NXE or SMEP).
    pub const ID: u32 = 1 << 4;
}

/// Bits of the exit qualification of an EPT violation (SDM 3C 28.2.1, table 28-7).
pub mod exit {
    /// A read.
    pub const READ: u64 = 1;
    /// A write.
    pub const WRITE: u64 = 1 << 1;
    /// An instruction fetch.
    pub const FETCH: u64 = 1 << 2;
    /// All entries on the way allow reads (then bit 4 writes, bit 5 execution).
    pub const READABLE: u64 = 1 << 3;
    /// The guest linear address field is valid.
    pub const LINEAR: u64 = 1 << 7;
    /// The access was to what the linear address maps to, not to an entry of the guest's tables.
    pub const DATA: u64 = 1 << 8;
}

/// An exit from a guest to its hypervisor.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Exit {
    /// Exit reason 48.
    Violation {
        /// The guest-physical address.
        at: GuestPhysAddr,
        /// The virtual address whose translation needed it.
        linear: Option<VirtAddr>,
        /// The exit qualification; see [`exit`].
        qualification: u64,
    },
    /// Exit reason 49.
    Misconfiguration {
        /// The guest-physical address.
        at: GuestPhysAddr,
    },
}

/// Bits of EXITINFO1 of a nested page fault, above those of [`error`] (APM volume 2, nested paging).
pub mod exitinfo1 {
    /// The access was to the guest's final physical address.
    pub const FINAL: u64 = 1 << 32;
    /// The access was to one of the guest's page tables.
    pub const TABLES: u64 = 1 << 33;
}

/// An exit from a guest of an AMD CPU: VMEXIT_NPF.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NestedFault {
    /// EXITINFO2: the guest-physical address.
    pub at: GuestPhysAddr,
    /// EXITINFO1: an error code as of a page fault, with [`exitinfo1`].
    pub info: u64,
}

/// Interrupt vector 13.
pub static GENERAL_PROTECTION: FaultCode = VECTOR_13;
/// Interrupt vector 14.
pub static PAGE_FAULT: FaultCode = VECTOR_14;

const VECTOR_13: FaultCode = FaultCode {
    code: 13,
    name: "general-protection",
    text: Text::new(
        "general protection (#GP): the address is not canonical",
        "通用保护异常（#GP）：地址不是规范形式（canonical）",
    ),
    section: "SDM 3A 6.15",
};
const VECTOR_14: FaultCode = FaultCode {
    code: 14,
    name: "page-fault",
    text: Text::new("page fault (#PF)", "缺页异常（#PF，向量 14）"),
    section: "SDM 3A 4.7",
};
/// Exit reason 48.
pub static EPT_VIOLATION: FaultCode = FaultCode {
    code: 48,
    name: "ept-violation",
    text: Text::new("EPT violation: the guest exits", "EPT 违例：发生 VM exit"),
    section: "SDM 3C 28.3.3.2",
};
/// Exit reason 49.
pub static EPT_MISCONFIGURATION: FaultCode = FaultCode {
    code: 49,
    name: "ept-misconfiguration",
    text: Text::new("EPT misconfiguration: the guest exits", "EPT 配置错误：发生 VM exit"),
    section: "SDM 3C 28.3.3.1",
};

/// Every one of a CPU with EPT.
pub static ALL: &[&FaultCode] = &[&GENERAL_PROTECTION, &PAGE_FAULT, &EPT_VIOLATION, &EPT_MISCONFIGURATION];
/// Interrupt vector 13, as AMD's manual has it.
pub static AMD_GENERAL_PROTECTION: FaultCode =
    FaultCode { section: "APM volume 2, #GP (vector 13)", ..VECTOR_13 };
/// Interrupt vector 14, as AMD's manual has it.
pub static AMD_PAGE_FAULT: FaultCode = FaultCode { section: "APM volume 2, #PF (vector 14)", ..VECTOR_14 };

/// Every one of a CPU with nested paging.
pub static ALL_AMD: &[&FaultCode] = &[&AMD_GENERAL_PROTECTION, &AMD_PAGE_FAULT, &NESTED_PAGE_FAULT];

/// Exit code 400h.
pub static NESTED_PAGE_FAULT: FaultCode = FaultCode {
    code: 0x400,
    name: "nested-page-fault",
    text: Text::new(
        "nested page fault (VMEXIT_NPF): the guest exits",
        "嵌套缺页（VMEXIT_NPF）：发生 VM exit",
    ),
    section: "AMD APM volume 2, nested paging",
};

/// Returns EXITINFO1 of a nested page fault. `tables`: the access was to one of the guest's page tables, which counts as a
/// write.
pub fn exit_info(fault: X86Fault, want: Want, tables: bool) -> u64 {
    let perms = if tables { Perms::RW } else { want.perms };
    let code = error_code(&X86::kernel(4), fault, Want::user(perms));
    u64::from(code) | if tables { exitinfo1::TABLES } else { exitinfo1::FINAL }
}

/// Returns the error code of a page fault.
pub fn error_code(format: &X86, fault: X86Fault, want: Want) -> u32 {
    let when = |bit, on| if on { bit } else { 0 };
    when(error::P, fault != X86Fault::NotPresent)
        | when(error::RSVD, fault == X86Fault::Reserved)
        | when(error::WR, want.perms.has(Perms::W))
        | when(error::US, !want.privileged)
        | when(error::ID, want.perms.has(Perms::X) && (format.nxe || format.smep))
}

/// Returns the exit qualification of an EPT violation. `data` says, when the access comes from a virtual address,
/// whether it is to what that maps to.
pub fn qualification(want: Perms, allowed: Perms, data: Option<bool>) -> u64 {
    u64::from(want.0 & 7)
        | (u64::from(allowed.0 & 7) * exit::READABLE)
        | if data.is_some() { exit::LINEAR } else { 0 }
        | if data == Some(true) { exit::DATA } else { 0 }
}
