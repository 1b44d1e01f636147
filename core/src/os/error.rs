//! What the operating system refuses with.

use super::iova::NoIova;
use super::pages::NoPages;
use super::swiotlb::Full;
use crate::addr::{AddrRange, BusAddr, Bytes, PhysAddr, RequesterId};
use crate::iommu::DriverError;
use crate::memory::MemError;
use crate::spec::{Localized, Phrase, Rule, Text};
use alloc::{format, string::String, string::ToString, vec::Vec};
use core::fmt;

/// Why a call failed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum OsError {
    /// `dma_map_single` on vmalloc memory: its pages are not neighbours.
    Vmalloc,
    /// `dma_map_single` on the kernel stack.
    Stack,
    /// The call was given no bytes.
    Empty,
    /// The device cannot reach the address: its mask is too narrow, and there is no bounce pool.
    Mask {
        /// The DMA address.
        at: BusAddr,
        /// How many bytes.
        bytes: u64,
        /// The mask.
        mask: u64,
    },
    /// No inbound window of the host bridge leads to this memory.
    NoWindow(PhysAddr),
    /// The bounce pool has no room.
    SwiotlbFull(Full),
    /// The IOVA space has no room.
    NoIova(NoIova),
    /// Memory has no room.
    NoPages(NoPages),
    /// The IOMMU's driver failed.
    Driver(DriverError),
    /// Memory failed.
    Memory(MemError),
    /// Nothing is mapped for the device at this address.
    NotMapped(BusAddr),
    /// No such device is known.
    NoDevice(RequesterId),
    /// There is no IOMMU, or it is off.
    NoIommu,
    /// The device cannot do it; the text names what it lacks.
    DeviceLacks(Text),
    /// The group of a device cannot be given away: these functions of it have other drivers.
    NotViable {
        /// The group.
        group: u16,
        /// Their names.
        others: Vec<String>,
    },
    /// The PASID is in use by the device.
    PasidBusy(u32),
    /// The device's own memory has no room, and other memory is not taken instead.
    PoolFull {
        /// Bytes requested.
        bytes: u64,
        /// The memory.
        pool: AddrRange<PhysAddr>,
    },
    /// The device has memory of its own already.
    PoolBusy,
    /// The device cannot be bound to a process: the text says what is missing.
    NoSva(Text),
}

/// The most bytes of one bounce buffer.
const MOST: u64 = super::swiotlb::SEGMENT as u64 * super::swiotlb::SLOT;

impl OsError {
    /// A short name, as `expect error` takes it.
    pub fn name(&self) -> &'static str {
        match self {
            OsError::Vmalloc => "vmalloc",
            OsError::Stack => "stack",
            OsError::Empty => "empty",
            OsError::Mask { .. } => "mask",
            OsError::NoWindow(_) => "no-window",
            OsError::SwiotlbFull(_) => "swiotlb-full",
            OsError::NoIova(_) => "no-space",
            OsError::NoPages(_) => "no-memory",
            OsError::Driver(_) => "driver",
            OsError::Memory(_) => "memory",
            OsError::NotMapped(_) => "not-mapped",
            OsError::NoDevice(_) => "no-device",
            OsError::NoIommu => "no-iommu",
            OsError::DeviceLacks(_) => "unsupported",
            OsError::NotViable { .. } => "not-viable",
            OsError::PasidBusy(_) => "pasid-busy",
            OsError::PoolFull { .. } => "no-memory",
            OsError::PoolBusy => "busy",
            OsError::NoSva(_) => "no-sva",
        }
    }

    /// Every name that [`OsError::name`] gives.
    pub const NAMES: [&'static str; 18] = [
        "vmalloc",
        "stack",
        "empty",
        "mask",
        "no-window",
        "swiotlb-full",
        "no-space",
        "no-memory",
        "driver",
        "memory",
        "not-mapped",
        "no-device",
        "no-iommu",
        "unsupported",
        "not-viable",
        "pasid-busy",
        "busy",
        "no-sva",
    ];

    /// The rule that a trace gives.
    pub fn rule(&self) -> &'static Rule {
        let at = Self::NAMES.iter().position(|n| *n == self.name()).unwrap_or(0);
        &RULES[at]
    }
}

impl fmt::Display for OsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OsError::Vmalloc => write!(f, "rejecting DMA map of vmalloc memory"),
            OsError::Stack => write!(f, "rejecting DMA map of the kernel stack"),
            OsError::Empty => write!(f, "there is nothing to map: 0 bytes"),
            OsError::Mask { at, bytes, mask } => {
                write!(f, "DMA addr {at}+{bytes} overflow (mask {mask:#x})")
            }
            OsError::NoWindow(at) => {
                write!(f, "no inbound window of the host bridge leads to physical address {at}")
            }
            OsError::SwiotlbFull(full) if full.bytes > MOST => {
                write!(f, "{full}; one mapping takes at most 128 slots (256 KiB), however empty the pool is")
            }
            OsError::SwiotlbFull(full) => full.fmt(f),
            OsError::NoIova(none) => none.fmt(f),
            OsError::NoPages(none) => none.fmt(f),
            OsError::Driver(error) => error.fmt(f),
            OsError::Memory(error) => error.fmt(f),
            OsError::NotMapped(at) => write!(f, "nothing is mapped at DMA address {at}"),
            OsError::NoDevice(id) => write!(f, "there is no device {id}"),
            OsError::NoIommu => write!(f, "there is no IOMMU, or it is off"),
            OsError::DeviceLacks(what) => write!(f, "the device has no {}", what.en),
            OsError::NotViable { group, others } => {
                write!(f, "group {group} is not viable: ")?;
                for (i, other) in others.iter().enumerate() {
                    write!(f, "{}{other}", if i > 0 { ", " } else { "" })?;
                }
                write!(f, " must go to the same guest or have no driver")
            }
            OsError::PasidBusy(pasid) => write!(f, "PASID {pasid} of the device is bound already"),
            OsError::PoolFull { bytes, pool } => {
                write!(
                    f,
                    "the device's own memory {pool} has no {} free, and no other is taken instead",
                    Bytes(*bytes)
                )
            }
            OsError::PoolBusy => write!(f, "the device has memory of its own already"),
            OsError::NoSva(why) => write!(f, "the device cannot share a process's address space: {}", why.en),
        }
    }
}

impl Localized for OsError {
    fn phrase(&self) -> Phrase {
        let zh = match self {
            OsError::Vmalloc => "拒绝对 vmalloc 内存做 DMA 映射".into(),
            OsError::Stack => "拒绝对内核栈做 DMA 映射".into(),
            OsError::Empty => "没有可映射的内容：0 字节".into(),
            OsError::Mask { at, bytes, mask } => format!("DMA 地址 {at}+{bytes} 超出掩码 {mask:#x}"),
            OsError::NoWindow(at) => format!("没有主桥上行窗口能到达物理地址 {at}"),
            OsError::SwiotlbFull(Full { bytes, total, used }) => {
                let most = if *bytes > MOST {
                    "；一次映射最多 128 个槽（256 KiB），池再空也不行"
                } else {
                    ""
                };
                format!("回弹缓冲池（swiotlb）放不下：需要连续的 {bytes} 字节，池里 {total} 个槽中有 {used} 个在用{most}")
            }
            OsError::NoIova(NoIova { pages, limit }) => {
                format!("{limit:#x} 以下没有连续 {pages} 页空闲的 IOVA")
            }
            OsError::NoPages(error) => error.phrase().zh,
            OsError::Driver(error) => error.phrase().zh,
            OsError::Memory(error) => error.phrase().zh,
            OsError::NotMapped(at) => format!("DMA 地址 {at} 处没有映射"),
            OsError::NoDevice(id) => format!("没有设备 {id}"),
            OsError::NoIommu => "没有 IOMMU，或未启用".into(),
            OsError::DeviceLacks(what) => format!("设备没有 {}", what.zh),
            OsError::NotViable { group, others } => {
                format!(
                    "IOMMU 组 {group} 不能分配：{} 也必须交给同一个客户机，或者不绑定驱动",
                    others.join("、")
                )
            }
            OsError::PasidBusy(pasid) => format!("设备的 PASID {pasid} 已经绑定"),
            OsError::PoolFull { bytes, pool } => {
                format!("设备专用内存 {pool} 里没有空闲的 {}，也不会改用其他内存", Bytes(*bytes))
            }
            OsError::PoolBusy => "设备已经有专用内存".into(),
            OsError::NoSva(why) => {
                crate::spec::spaced(&format!("设备不能共享进程的地址空间，因为{}", why.zh))
            }
        };
        Phrase::new(self.to_string(), zh)
    }
}

macro_rules! from {
    ($($Variant:ident($Type:ty)),*) => { $(
        impl From<$Type> for OsError {
            fn from(error: $Type) -> Self {
                OsError::$Variant(error)
            }
        }
    )* };
}
from!(SwiotlbFull(Full), NoIova(NoIova), NoPages(NoPages), Driver(DriverError), Memory(MemError));

macro_rules! rules {
    ($(($en:literal, $zh:literal, $section:literal)),* $(,)?) => {
        [$(Rule { text: Text::new($en, $zh), section: $section }),*]
    };
}
static RULES: [Rule; 18] = rules![
    (
        "vmalloc memory is not physically contiguous: dma_map_single refuses it",
        "vmalloc 的内存物理上不连续，dma_map_single 不接受",
        "dma-api-howto: what memory is DMA'able"
    ),
    ("the stack is not for DMA", "栈内存不能用于 DMA", "dma-api-howto: what memory is DMA'able"),
    ("a mapping has at least one byte", "映射至少要有一个字节", "dma-api"),
    (
        "the address must be within the device's DMA mask",
        "地址必须在设备的 DMA 掩码之内",
        "dma-api-howto: DMA addressing capabilities"
    ),
    (
        "an inbound window of the host bridge must lead to the memory",
        "必须有主桥上行窗口能到达这块内存",
        "devicetree: dma-ranges"
    ),
    (
        "the bounce pool has no run of free slots that is long enough",
        "回弹缓冲池里没有足够长的连续空闲槽",
        "kernel/dma/swiotlb.c"
    ),
    ("the IOVA space has no room", "IOVA 空间已满", "drivers/iommu/iova.c"),
    ("memory has no room", "内存不足", "page allocator"),
    ("the IOMMU's driver failed", "IOMMU 驱动失败", "drivers/iommu"),
    ("memory failed", "内存出错", "memory"),
    ("only what is mapped can be unmapped or synchronised", "只能对已映射的地址解除映射或同步", "dma-api"),
    ("the device must exist", "设备必须存在", "dma-api"),
    ("there must be an IOMMU that is on", "必须有已启用的 IOMMU", "drivers/iommu"),
    ("the device lacks the capability", "设备缺少所需能力", "PCIe 7.8"),
    ("a group is given away as a whole", "一个 IOMMU 组必须整体分配", "vfio: groups"),
    ("a PASID of a device has one address space", "设备的一个 PASID 只对应一个地址空间", "iommu: SVA"),
    ("a device has one memory of its own", "设备只能有一块专用内存", "kernel/dma/coherent.c"),
    (
        "SVA needs what the IOMMU's driver checks",
        "IOMMU 驱动要求的 SVA 条件没有满足",
        "drivers/iommu/intel/svm.c"
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_listed_once() {
        for (i, name) in OsError::NAMES.iter().enumerate() {
            assert_eq!(OsError::NAMES.iter().position(|n| n == name), Some(i));
        }
        for error in [
            OsError::Stack,
            OsError::NoIommu,
            OsError::DeviceLacks(Text::new("x", "x")),
            OsError::PasidBusy(1),
        ] {
            assert!(OsError::NAMES.contains(&error.name()));
        }
    }
}
