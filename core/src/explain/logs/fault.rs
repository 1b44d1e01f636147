//! A fault as a log reports it, whichever kernel or emulator printed it.

use crate::addr::RequesterId;
use crate::iommu::Architecture;
use crate::spec::{FaultCode, Text};

macro_rules! speakers {
    ($($(#[$doc:meta])* $id:ident $key:literal $name:literal;)*) => {
        /// Whose message a line is: an IOMMU architecture, or software that speaks of DMA.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
        pub enum Arch {
            $($(#[$doc])* $id,)*
        }

        impl Arch {
            /// All of them.
            pub const ALL: &'static [Arch] = &[$(Arch::$id),*];

            /// Returns its name, the same in both languages.
            pub const fn name(self) -> &'static str {
                match self { $(Arch::$id => $name,)* }
            }
            /// Returns its name for programs: lower-case letters, digits and hyphens; it does not change.
            pub const fn key(self) -> &'static str {
                match self { $(Arch::$id => $key,)* }
            }
        }
    };
}

speakers! {
    /// Intel VT-d.
    VtD "vt-d" "Intel VT-d";
    /// AMD-Vi, the AMD I/O virtualization technology.
    AmdVi "amd-vi" "AMD-Vi";
    /// Arm SMMUv3.
    SmmuV3 "smmuv3" "Arm SMMUv3";
    /// Arm SMMUv1 and v2.
    SmmuV2 "smmuv2" "Arm SMMUv2";
    /// RISC-V IOMMU.
    RiscV "riscv" "RISC-V IOMMU";
    /// virtio-iommu, the paravirtual IOMMU.
    Virtio "virtio" "virtio-iommu";
    /// MediaTek's M4U.
    MediaTek "mediatek" "MediaTek M4U";
    /// Apple's DART.
    Dart "dart" "Apple DART";
    /// Rockchip's IOMMU.
    Rockchip "rockchip" "Rockchip IOMMU";
    /// Allwinner's IOMMU.
    Allwinner "allwinner" "Allwinner IOMMU";
    /// Renesas IPMMU-VMSA.
    Renesas "renesas" "Renesas IPMMU";
    /// Samsung's System MMU.
    Exynos "exynos" "Exynos SysMMU";
    /// Texas Instruments OMAP's MMU.
    Omap "omap" "OMAP MMU";
    /// Nvidia Tegra's memory controller, behind its SMMU.
    Tegra "tegra" "Tegra memory controller";
    /// IBM Z's PCI translation.
    S390 "s390" "IBM Z PCI";
    /// POWER's enhanced error handling and its TCE tables.
    Power "power" "POWER EEH";
    /// A hypervisor that names no architecture (ESXi).
    Hypervisor "hypervisor" "VMware ESXi";
    /// Hyper-V, and Windows on top of it.
    HyperV "hyper-v" "Hyper-V / Windows";
    /// The kernel's DMA API: mapping, bouncing, its debug checks.
    DmaApi "dma-api" "DMA API";
    /// VFIO, iommufd and the groups of the IOMMU core.
    Vfio "vfio" "VFIO / IOMMU core";
    /// PCI Express itself: error reporting.
    Pcie "pcie" "PCI Express";
}

impl Arch {
    /// Returns the architecture of a machine, if it is one that a scenario can name.
    pub const fn architecture(self) -> Option<Architecture> {
        match self {
            Arch::VtD => Some(Architecture::Vtd),
            Arch::RiscV => Some(Architecture::Riscv),
            Arch::SmmuV3 => Some(Architecture::SmmuV3),
            Arch::AmdVi => Some(Architecture::AmdVi),
            _ => None,
        }
    }
    /// Returns what it calls the number of the device that sent the request.
    pub const fn device_term(self) -> Text {
        match self {
            Arch::VtD => Text::new("requester id (source-id)", "请求者 ID（source-id）"),
            Arch::AmdVi => Text::new("DeviceID", "DeviceID（设备标识）"),
            Arch::SmmuV3 | Arch::SmmuV2 => Text::new("StreamID", "StreamID（流号）"),
            Arch::RiscV => Text::new("device_id", "device_id（设备标识）"),
            _ => Text::new("device", "设备"),
        }
    }
    /// Returns what it calls the process that a request speaks for.
    pub const fn process_term(self) -> Text {
        match self {
            Arch::SmmuV3 | Arch::SmmuV2 => Text::new("SubstreamID", "SubstreamID（子流号）"),
            Arch::RiscV => Text::new("process_id", "process_id（进程标识，即 PASID）"),
            _ => Text::new("PASID", "PASID（进程地址空间 ID）"),
        }
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
    /// Returns it in words.
    pub const fn text(self) -> Text {
        match self {
            Access::Read => Text::new("read", "读"),
            Access::Write => Text::new("write", "写"),
            Access::Execute => Text::new("instruction fetch", "取指"),
            Access::Interrupt => Text::new("interrupt request", "中断请求"),
        }
    }
}

/// A refused access, as far as the log records it.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Fault {
    /// The architecture's code.
    pub code: Option<u16>,
    /// The code's entry in the architecture's table; `None` when the code is unknown or the log lost it.
    pub known: Option<&'static FaultCode>,
    /// Which device, by its PCI number.
    pub device: Option<RequesterId>,
    /// Which device, by the number that its platform gives it: a StreamID, a master, an endpoint.
    pub stream: Option<u32>,
    /// The PCI segment where it does not fit [`Fault::device`]: Intel VMD's begin at 0x10000.
    pub segment: Option<u32>,
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
    /// The flags of an AMD-Vi event: bits 59:48 of its first word.
    pub flags: Option<u16>,
}

/// A paging entry as a log shows it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Entry {
    /// Its level; 1 is the last.
    pub level: u8,
    /// The word.
    pub value: u64,
}
