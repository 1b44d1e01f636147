//! A fault as a log tells it, whichever kernel or emulator printed it.

use crate::addr::RequesterId;
use crate::spec::{FaultCode, Text};

/// Whose words a line speaks.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Arch {
    /// Intel VT-d.
    VtD,
    /// AMD-Vi, the AMD I/O virtualization technology.
    AmdVi,
    /// Arm SMMUv3.
    SmmuV3,
    /// Arm SMMUv1 and v2.
    SmmuV2,
    /// RISC-V IOMMU.
    RiscV,
}

impl Arch {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Arch::VtD => "Intel VT-d",
            Arch::AmdVi => "AMD-Vi",
            Arch::SmmuV3 => "Arm SMMUv3",
            Arch::SmmuV2 => "Arm SMMUv2",
            Arch::RiscV => "RISC-V IOMMU",
        }
    }
    /// What the architecture calls the number of the device that asked.
    pub const fn device_term(self) -> Text {
        match self {
            Arch::VtD => Text::new("requester id (source-id)", "请求者 ID（source-id）"),
            Arch::AmdVi => Text::new("DeviceID", "DeviceID（设备号）"),
            Arch::SmmuV3 | Arch::SmmuV2 => Text::new("StreamID", "StreamID（流号）"),
            Arch::RiscV => Text::new("device_id", "device_id（设备号）"),
        }
    }
    /// What the architecture calls the process that a request speaks for.
    pub const fn process_term(self) -> Text {
        match self {
            Arch::VtD | Arch::AmdVi => Text::new("PASID", "PASID（进程地址空间 ID）"),
            Arch::SmmuV3 | Arch::SmmuV2 => Text::new("SubstreamID", "SubstreamID（子流号）"),
            Arch::RiscV => Text::new("process_id", "process_id（进程号）"),
        }
    }
    /// Does the machine run this architecture, so that a fault can be shown as a walk?
    pub const fn runs(self) -> bool {
        matches!(self, Arch::VtD | Arch::RiscV)
    }
}

/// What the device wanted.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Access {
    /// To read memory.
    Read,
    /// To write memory.
    Write,
    /// To fetch instructions.
    Execute,
    /// To raise an interrupt.
    Interrupt,
}

impl Access {
    /// In words.
    pub const fn text(self) -> Text {
        match self {
            Access::Read => Text::new("read", "读"),
            Access::Write => Text::new("write", "写"),
            Access::Execute => Text::new("instruction fetch", "取指"),
            Access::Interrupt => Text::new("interrupt request", "中断请求"),
        }
    }
}

/// A refused access, as far as the log tells it.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Fault {
    /// The architecture's code.
    pub code: Option<u16>,
    /// The code's entry in the architecture's table; `None` when the code is unknown or the log lost it.
    pub known: Option<&'static FaultCode>,
    /// Who asked.
    pub device: Option<RequesterId>,
    /// For which process.
    pub pasid: Option<u32>,
    /// What for.
    pub access: Option<Access>,
    /// At which address. VT-d records only its page.
    pub address: Option<u64>,
    /// At which guest-physical address, when a second stage refused.
    pub second: Option<u64>,
    /// Which entry of the interrupt remapping table.
    pub index: Option<u16>,
    /// The paging entry that refused, when the log shows it.
    pub entry: Option<Entry>,
}

/// A paging entry as a log shows it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Entry {
    /// Its level; 1 is the last.
    pub level: u8,
    /// The word.
    pub value: u64,
}
