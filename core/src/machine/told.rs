//! What the rooms below refuse with, in the reader's other language. They speak English (`Display`); here is the Chinese.

use crate::addr::Bytes;
use crate::iommu::DriverError;
use crate::memory::MemError;
use crate::os;
use crate::os::pages::NoPages;
use crate::paging::builder::MapError;
use crate::platform::local::LocalError;
use crate::platform::map::Overlap;
use crate::platform::resources::ResourceError;
use crate::platform::topology::{Topology, TopologyError};
use crate::platform::window::WindowError;
use crate::scenario::{Problem, Span};
use alloc::format;
use alloc::string::{String, ToString};
use core::fmt::Display;

/// Something that went wrong and can be told in both languages.
pub(super) trait Told: Display {
    /// In Chinese.
    fn zh(&self) -> String;
}

/// A problem at a place of the scenario.
pub(super) fn problem(span: Span, what: impl Told) -> Problem {
    Problem::new(span, what.to_string(), what.zh())
}

/// Short messages that need no values.
const PAIRS: &[(&str, &str)] = &[
    ("a block is below 4 GiB", "一个块小于 4 GiB"),
    ("there are 65536 I/O ports: 0 to 0xffff", "I/O 端口有 65536 个：0 到 0xffff"),
    ("an access here has 1, 2 or 4 bytes", "这里的访问是 1、2 或 4 字节"),
    ("an address must stand here", "此处应为地址"),
    ("the pool runs past the end of 64 bits", "缓冲池超出 64 位地址空间"),
    ("this is past the end of the buffer", "超出了缓冲区末尾"),
    ("a DMA address from `dma_map_...` must stand here", "此处应为 `dma_map_...` 得到的 DMA 地址"),
    ("this range is empty", "这个范围是空的"),
    ("this range is empty or runs past the end of 64 bits", "范围为空，或超出 64 位地址空间"),
    ("no memory is left for page tables in this guest", "这个客户机里没有内存可放页表"),
    ("no memory is left", "没有内存可用"),
    ("which PASID? Write `pasid N`", "哪个 PASID？请写 `pasid N`"),
    ("which device's? Write `of DEVICE`", "哪个设备的？请写 `of 设备名`"),
    ("there is no register this far up", "这么高的偏移处没有寄存器"),
    ("an index is at most 65535", "索引最大 65535"),
    ("a range", "此处应为范围"),
    // What a unit may lack (`DriverError::Unsupported`).
    ("(there is none)", "（没有 IOMMU）"),
    ("a PASID this large (ECAP.PSS)", "这么大的 PASID（ECAP.PSS）"),
    ("a first-stage domain as second stage", "把第一级的域用作第二级"),
    ("an interrupt index above 255 (the table has one page)", "大于 255 的中断索引（表只有一页）"),
    (
        "an interrupt file above 255 (the MSI page table has one page)",
        "大于 255 的中断文件（MSI 页表只有一页）",
    ),
    ("first-stage tables of this depth (CAP.FS5LP)", "这么多级的第一级页表（CAP.FS5LP）"),
    ("first-stage translation (ECAP.FSTS)", "第一级转换（ECAP.FSTS）"),
    ("first-stage translation in legacy mode", "传统模式下的第一级转换"),
    ("interrupt posting (CAP.PI)", "中断投递（CAP.PI）"),
    ("interrupt remapping (ECAP.IR)", "中断重映射（ECAP.IR）"),
    ("more domains (CAP.ND)", "更多的域（CAP.ND）"),
    ("more domains (GSCID has 16 bits)", "更多的域（GSCID 只有 16 位）"),
    ("nested translation in legacy mode", "传统模式下的嵌套转换"),
    (
        "nesting over this domain (ECAP.NEST, a stage 2 domain)",
        "在这个域之上嵌套（ECAP.NEST，需为第二级的域）",
    ),
    ("page requests (ECAP.PRS)", "页请求（ECAP.PRS）"),
    ("page requests (capabilities.ATS)", "页请求（capabilities.ATS）"),
    ("pass-through (ECAP.PT)", "直通（ECAP.PT）"),
    (
        "a process over another second stage than its device's (there is one iohgatp a device)",
        "进程的第二级与其设备的不同（每个设备只有一个 iohgatp）",
    ),
    ("processes for a device without PASID (DC.tc.PDTV = 0)", "没有 PASID 的设备上的进程（DC.tc.PDTV = 0）"),
    ("second-stage translation in scalable mode (ECAP.SSTS)", "可扩展模式下的第二级转换（ECAP.SSTS）"),
];

/// The Chinese of a short message; names of capabilities stay as they are.
fn pair(en: &str) -> &str {
    PAIRS.iter().find(|(e, _)| *e == en).map_or(en, |(_, zh)| zh)
}

impl Told for str {
    fn zh(&self) -> String {
        pair(self).into()
    }
}

impl<T: Told + ?Sized> Told for &T {
    fn zh(&self) -> String {
        (**self).zh()
    }
}

/// A message with values, written in both languages where it is made.
pub(super) struct Both(pub String, pub String);

impl Display for Both {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.0.fmt(f)
    }
}
impl Told for Both {
    fn zh(&self) -> String {
        self.1.clone()
    }
}

impl Told for MemError {
    fn zh(&self) -> String {
        match self {
            MemError::Access(at) => format!("{at} 处的内存拒绝访问"),
            MemError::Poison(at) => format!("{at} 处的数据已损坏"),
            MemError::Full(frames) => format!("模拟的内存已用完（上限 {frames} 页）"),
            MemError::Budget => "运行已达上限".into(),
        }
    }
}

impl Told for MapError {
    fn zh(&self) -> String {
        match self {
            MapError::Misaligned { value, size } => format!("{value:#x} 不是页大小 {size} 的倍数"),
            MapError::Size(size) => format!("这些页表没有 {size} 的页"),
            MapError::TooWide { last, bits } => format!("{last:#x} 超出这些页表转换的 {bits} 位"),
            MapError::Mapped { at, raw } => format!("{at:#x} 已有映射（表项 {raw:#x}）"),
            MapError::NotMapped { at } => format!("{at:#x} 处没有映射"),
            MapError::PartOfLargePage { at, size } => {
                format!("{at:#x} 在一个 {size} 的大页里，而范围只覆盖了它的一部分")
            }
            MapError::NoFrames => "没有内存可放页表".into(),
            MapError::Memory(error) => error.zh(),
        }
    }
}

impl Told for DriverError {
    fn zh(&self) -> String {
        match self {
            DriverError::Map(error) => error.zh(),
            DriverError::NoFrames => "没有内存可放 IOMMU 的结构".into(),
            DriverError::Memory(error) => error.zh(),
            DriverError::Unsupported(what) => format!("这个 IOMMU 不支持：{}", pair(what)),
            DriverError::NoDomain(id) => format!("没有域 {id}"),
        }
    }
}

impl Told for NoPages {
    fn zh(&self) -> String {
        match self {
            NoPages::Full { bytes, from, to } => {
                format!("内存不足：{from:#x}..={to:#x} 中没有空闲的 {bytes} 字节")
            }
            NoPages::NotRam(range) => format!("{range} 不全是内存"),
            NoPages::InUse(range) => format!("{range} 中有一部分已被占用"),
        }
    }
}

impl<A: crate::addr::Address> Told for Overlap<A> {
    fn zh(&self) -> String {
        format!("{} 与 {} 的地址范围重叠", self.new.0, self.old.0)
    }
}

impl Told for WindowError {
    fn zh(&self) -> String {
        match self {
            WindowError::Range { name } => format!("{name} 为空，或超出 64 位地址空间"),
            WindowError::Cpu(new, old, at) => format!("{new} 与 {old}（{at}）占用相同的物理地址"),
            WindowError::Bus(new, old, at) => format!("{new} 与 {old}（{at}）占用相同的总线域地址"),
        }
    }
}

impl Told for TopologyError {
    fn zh(&self) -> String {
        match self {
            TopologyError::Taken { id, by } => format!("{id} 已经是 {by}"),
            TopologyError::NotABridge { parent } => format!("{parent} 后面不能接任何东西"),
            TopologyError::Kind { name, parent, allowed } if parent.is_empty() => {
                format!("{name} 不能直接在根总线上：只能是 {allowed}")
            }
            TopologyError::Kind { name, parent, allowed } => {
                format!("{name} 不能接在 {parent} 后面：只能是 {allowed}")
            }
            TopologyError::Bus { name, bus, expected, parent } => {
                format!("{name} 写的是总线 {bus:02x}，而 {parent} 后面的总线是 {expected:02x}")
            }
            TopologyError::BusTaken { bus, by } => format!("总线 {bus:02x} 已经是 {by} 的"),
            TopologyError::OnlyDeviceZero { name, device, parent } => {
                format!("{name} 是设备 {device:02x}，而 {parent} 后面的链路上只有设备 00")
            }
            TopologyError::TooMany => format!("功能超过 {} 个", Topology::MAX),
        }
    }
}

impl Told for ResourceError {
    fn zh(&self) -> String {
        match self {
            ResourceError::Misaligned { what, at, align } => {
                format!("{what} 位于 {at:#x}，不是 {} 的倍数", Bytes(*align))
            }
            ResourceError::Outside { what, range: (a, b), windows } => {
                format!("{what} 位于 {a:#x}..={b:#x}，在 {windows} 之外")
            }
            ResourceError::TooHigh { what, last } => format!("{what} 结束于 {last:#x}，32 位放不下"),
            ResourceError::Overlap { what, other, range: (a, b) } => {
                format!("{what} 与 {other} 重叠（{a:#x}..={b:#x}）")
            }
            ResourceError::NoRoom { what, size, windows } => {
                format!("{windows} 中放不下 {what}（{}）", Bytes(*size))
            }
        }
    }
}

impl Told for LocalError {
    fn zh(&self) -> String {
        match self {
            LocalError::Overlap(old) => format!("与设备地址映射中的 {old} 重叠"),
            LocalError::TooFar => "在总线上超出 64 位".into(),
        }
    }
}

impl Told for os::OsError {
    fn zh(&self) -> String {
        match self {
            os::OsError::Driver(error) => error.zh(),
            os::OsError::Memory(error) => error.zh(),
            os::OsError::NoPages(error) => error.zh(),
            // The others have a rule in both languages.
            other => other.rule().text.zh.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_messages_stand_once_and_differ() {
        for (i, (en, zh)) in PAIRS.iter().enumerate() {
            assert!(en != zh && !zh.is_ascii(), "{en}");
            assert!(PAIRS[..i].iter().all(|(e, _)| e != en), "{en} stands twice");
        }
    }
}
