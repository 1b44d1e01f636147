//! The words that a picture adds of its own.

use super::model::{ArrowKind, RegionKind, Space};
use crate::spec::{Lang, Text};
use crate::trace::{OwnerState, Perms};
use alloc::{format, string::String};

/// The usual words on an arrow, in two lines: above and below it.
pub fn arrow(kind: ArrowKind) -> [Text; 2] {
    match kind {
        ArrowKind::Mmu => [Text::new("virtual", "虚拟"), Text::new("mapping", "映射")],
        ArrowKind::Ept => [Text::new("mapping", "EPT"), Text::new("by EPT", "映射")],
        ArrowKind::Window => [Text::new("offset by", "主桥"), Text::new("bridge", "偏移")],
        ArrowKind::Stage1 | ArrowKind::Stage2 => {
            [Text::new("mapping", "IOMMU"), Text::new("by IOMMU", "映射")]
        }
        ArrowKind::Nested => [Text::new("nested by", "IOMMU"), Text::new("IOMMU", "嵌套映射")],
        ArrowKind::Identity => [Text::new("the same", "地址"), Text::new("address", "不变")],
        ArrowKind::DeviceMap => [Text::new("device's", "设备"), Text::new("own map", "自身映射")],
        ArrowKind::Copy => [Text::new("copied by", "由 CPU"), Text::new("the CPU", "拷贝")],
        ArrowKind::Interrupt => [Text::new("interrupt", "中断"), Text::new("remapping", "重映射")],
    }
}

/// What an interrupt is called that came after a transfer.
pub const INTERRUPT: Text = Text::new("interrupt", "中断");

/// What a region is, one of them and several.
pub fn region(kind: RegionKind) -> [Text; 2] {
    let (one, many, zh) = match kind {
        RegionKind::Ram => ("RAM", "ranges of RAM", "RAM"),
        RegionKind::Mmio => ("MMIO", "MMIO ranges", "MMIO"),
        RegionKind::Bar => ("BAR", "BARs", "BAR"),
        RegionKind::Buffer => ("buffer", "buffers", "缓冲区"),
        RegionKind::Bounce => ("bounce buffer", "bounce buffers", "回弹缓冲区"),
        RegionKind::Table => ("table", "tables", "页表"),
        RegionKind::Queue => ("queue", "queues", "队列"),
        RegionKind::Registers => ("register block", "register blocks", "寄存器"),
        RegionKind::Msi => ("MSI window", "MSI windows", "MSI 窗口"),
        RegionKind::Ports => ("I/O ports", "I/O port ranges", "I/O 端口"),
        RegionKind::Reserved => ("reserved", "reserved ranges", "保留区"),
        RegionKind::Hole => ("hole", "holes", "空洞"),
        RegionKind::DeviceMemory => ("device memory", "device memories", "设备内存"),
    };
    [Text::new(one, zh), Text::new(many, zh)]
}

/// How many regions of one kind, or of several, stand folded together.
pub fn folded(count: usize, kind: Option<RegionKind>, lang: Lang) -> String {
    let [one, many] = kind.map_or([Text::new("region", "区域"), Text::new("regions", "区域")], region);
    match lang {
        Lang::En => format!("{count} {}", if count == 1 { one } else { many }.get(lang)),
        Lang::Zh => format!("{count} 个{}", one.get(lang)),
    }
}

/// One of several that stand folded together.
pub fn of(one: &str, many: &str, lang: Lang) -> String {
    match lang {
        Lang::En => format!("{one} of {many}"),
        Lang::Zh => format!("{one}（共 {many}）"),
    }
}

/// Whose turn a buffer is, in a word.
pub fn owner(state: OwnerState) -> Text {
    match state {
        OwnerState::Cpu => Text::new("CPU's", "属 CPU"),
        OwnerState::Device => Text::new("device's", "属设备"),
        OwnerState::Both => Text::new("shared", "共享"),
        OwnerState::Bounced => Text::new("bounced", "在回弹缓冲区"),
        OwnerState::StaleCached => Text::new("still cached", "缓存未失效"),
        OwnerState::DirtyLine => Text::new("dirty in cache", "脏缓存行"),
        OwnerState::Freed => Text::new("freed", "已释放"),
    }
}

/// The name of an address in a space.
pub fn space(space: Space) -> Text {
    match space {
        Space::Virtual => Text::new("virtual address", "虚拟地址"),
        Space::GuestPhysical => Text::new("guest-physical address", "客户机物理地址"),
        Space::Physical => Text::new("physical address", "物理地址"),
        Space::Bus => Text::new("bus address", "总线域地址"),
        Space::Iova => Text::new("IOVA", "IOVA"),
        Space::Device => Text::new("device-local address", "设备本地地址"),
        Space::Port => Text::new("I/O port", "I/O 端口"),
    }
}

/// Between the parts of a list.
pub const fn comma(lang: Lang) -> &'static str {
    match lang {
        Lang::En => ", ",
        Lang::Zh => "，",
    }
}

/// Rights in brackets, after what they are of.
pub fn rights(perms: Perms, lang: Lang) -> String {
    match lang {
        Lang::En => format!(" ({perms})"),
        Lang::Zh => format!("（{}）", perms.zh()),
    }
}

/// Two parts of a phrase as one: with a blank unless Chinese characters meet.
pub fn join(a: &str, b: &str) -> String {
    let wide = |c: Option<char>| c.is_some_and(|c| super::text::char_width(c) == 2);
    let blank = if wide(a.chars().last()) && wide(b.chars().next()) { "" } else { " " };
    format!("{a}{blank}{b}")
}
