//! The gallery: scenarios that answer what engineers really ask, each a text of the scenario language.
//!
//! A preset's texts (title, answer, what to try, sources) are in its text; here is what the gallery needs
//! besides: its short name for links, how hard it is, and the order in which a newcomer reads; [`topics`] says what
//! each is about.

pub mod checks;
pub mod sweeps;
pub mod topics;

use crate::iommu::{Ability, Architecture, Board};
use crate::mmu::arch::NO_PORTS;
use crate::scenario::{onto, parse, print};
use crate::spec::{Phrase, Text};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// How much a reader has to know before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Difficulty {
    /// Nothing.
    Starter,
    /// What an address space, DMA and an IOMMU are.
    Working,
    /// How tables, packets and caches work.
    Deep,
}

impl Difficulty {
    /// Its short name in links.
    pub const fn name(self) -> &'static str {
        self.words().0
    }

    /// In English and Chinese.
    pub const fn words(self) -> (&'static str, &'static str) {
        match self {
            Difficulty::Starter => ("starter", "入门"),
            Difficulty::Working => ("intermediate", "进阶"),
            Difficulty::Deep => ("advanced", "深入"),
        }
    }
}

/// One scenario of the gallery.
#[derive(Clone, Copy, Debug)]
pub struct Preset {
    /// The short name in links: `#p=howto`.
    pub name: &'static str,
    /// How hard it is.
    pub difficulty: Difficulty,
    /// On which architectures it does not run as well when its `machine` line says so.
    pub limit: Option<Limit>,
    /// The text.
    pub text: &'static str,
}

/// A preset fits only some architectures.
#[derive(Clone, Copy, Debug)]
pub struct Limit {
    /// Does it fit this one, other than the one it is written for?
    fits: fn(Architecture) -> bool,
    /// Why it does not fit the others.
    pub why: Text,
}

impl PartialEq for Preset {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}
impl Eq for Preset {}

macro_rules! presets {
    ($($name:literal $difficulty:ident $($limit:ident)?;)*) => {
        &[$(Preset {
            name: $name,
            difficulty: Difficulty::$difficulty,
            limit: presets!(@ $($limit)?),
            text: include_str!(concat!($name, ".scn")),
        },)*]
    };
    (@ $limit:ident) => { Some($limit) };
    (@) => { None };
}

const NO_IOMMU: Limit = Limit {
    fits: |_| false,
    why: Text::new(
        "it is about a machine without an IOMMU: with one it would be about something else",
        "这个场景讲的是没有 IOMMU 的机器；有 IOMMU 的机器，由别的场景来讲",
    ),
};
const IO_PORTS: Limit = Limit { fits: |a| Board::of(Some(a)).cpu.has_ports(), why: NO_PORTS };
const OWN_CODES: Limit = Limit {
    fits: |_| false,
    why: Text::new(
        "it climbs the codes of one architecture; each of the others has a ladder of its own",
        "这个场景讲的是一种架构的各个错误码，其余每种架构各有自己的一篇",
    ),
};
const X86_RANGE: Limit = Limit {
    fits: |_| false,
    why: Text::new(
        "the interrupt address range 0xfee00000 to 0xfeefffff is x86's; AMD-Vi reads a device's entry before it lets its message through",
        "中断地址范围 0xfee00000 到 0xfeefffff 是 x86 独有的；AMD-Vi 则先读设备表项，再放行消息",
    ),
};
const REMAPPING: Limit = Limit {
    fits: |_| false,
    why: Text::new(
        "it turns VT-d's interrupt remapping off and on by its register; AMD-Vi does that in each device's entry, RISC-V has interrupt \
         files instead, Arm an ITS",
        "这个场景用 VT-d 的寄存器开启、关闭中断重映射；AMD-Vi 在每个设备表项里开启、关闭，RISC-V 用的是中断文件，Arm 用的是 ITS",
    ),
};
const POSTING: Limit = Limit {
    fits: |a| a.has(Ability::PostedInterrupts),
    why: Text::new(
        "it posts an interrupt to a guest, which takes a GICv4 on Arm (the machine's ITS is a GICv3's) and guest interrupt files on \
         RISC-V (the machine has files in memory, of which the hypervisor is sent a notice)",
        "这个场景向客户机投递（posted）中断，Arm 上需要 GICv4，而这里的 ITS 属于 GICv3；RISC-V 上需要客户机中断文件，而这里只有内存里的\
         中断文件，会先通知宿主机",
    ),
};
const SVA_CHECKS: Limit = Limit {
    fits: |_| false,
    why: Text::new(
        "it is about what Linux's driver for VT-d asks of a device; the drivers of the others ask for other things",
        "讲的是 Linux 的 VT-d 驱动对设备的要求；其余架构的驱动要求各不相同",
    ),
};
const RESERVED: Limit = Limit {
    fits: |a| a.has(Ability::ReservedRegions),
    why: Text::new(
        "Linux's RISC-V driver does not look for regions that firmware reserves (its operations have no get_resv_regions): it neither \
         maps them nor keeps their device from a guest",
        "Linux 的 RISC-V 驱动不查找固件保留的内存区域（没有实现 get_resv_regions）：既不映射它们，也不阻止把设备\
         交给客户机",
    ),
};
const ARM_DOORBELL: Limit = Limit {
    fits: |_| false,
    why: Text::new(
        "it maps the doorbell of an Arm ITS; RISC-V has MSI page tables for that, x86 an address range of its own",
        "这个场景映射的是 Arm ITS 的门铃页；RISC-V 为此有 MSI 页表，x86 有专门的地址范围",
    ),
};
const ARM_STREAMS: Limit = Limit {
    fits: |_| false,
    why: Text::new(
        "it is about Arm's StreamIDs and the stream table of an SMMU",
        "讲的是 Arm 的 StreamID 和 SMMU 的流表",
    ),
};
impl Preset {
    /// Does it run on this architecture when its `machine` line says so? On the one it is written for it does.
    pub fn fits(&self, architecture: Architecture) -> bool {
        self.limit.is_none_or(|limit| (limit.fits)(architecture) || self.is_written_for(architecture))
    }

    /// Returns whether its text names this architecture, so that it runs there as it is written.
    pub fn is_written_for(&self, architecture: Architecture) -> bool {
        self.written_for() == Some(architecture)
    }

    /// The architecture that its text names: none where it is about a machine without an IOMMU.
    fn written_for(&self) -> Option<Architecture> {
        let words = self.text.lines().find_map(|line| line.strip_prefix("machine "))?;
        Architecture::named(words.split(' ').next()?)
    }

    /// Returns its text on `architecture`: as it is written where it is written for it, else turned; `None` where it does not fit.
    pub fn text_on(&self, architecture: Architecture) -> Option<String> {
        if !self.fits(architecture) {
            return None;
        }
        if self.is_written_for(architecture) {
            return Some(self.text.into());
        }
        Some(print(&onto(&parse(self.text).ok()?, architecture)))
    }

    /// Returns why it does not run on every architecture; an empty text where it does.
    pub fn why(&self) -> Text {
        self.limit.map_or(Text::new("", ""), |limit| limit.why)
    }

    /// Returns why it does not run on some architectures, and on which it does; an empty text where it runs on all.
    pub fn why_not(&self) -> Phrase {
        let why = self.why();
        let there = Architecture::words_of(|a| self.fits(a));
        match (why.en.is_empty(), there.en.is_empty()) {
            (true, _) => Phrase::default(),
            // It names none: it is about a machine without one.
            (_, true) => Phrase::new(
                format!("{}; it runs as it is written, on a machine without an IOMMU", why.en),
                format!("{}。这个场景不能换到别的架构上", why.zh),
            ),
            _ => Phrase::new(
                format!("{}; {} can run it", why.en, there.en),
                format!("{}；可用的架构有 {}", why.zh, there.zh),
            ),
        }
    }

    /// Returns the preset that asks its question on `architecture`: itself where it fits, else one of its family, which does
    /// so in a text of its own; `None` where there is neither.
    pub fn on(&'static self, architecture: Architecture) -> Option<&'static Preset> {
        if self.fits(architecture) {
            return Some(self);
        }
        self.family()?.presets.iter().filter_map(|name| by_name(name)).find(|other| other.fits(architecture))
    }

    /// Returns the family that it belongs to, if it is in one.
    pub fn family(&self) -> Option<&'static Family> {
        FAMILIES.iter().find(|family| family.presets.contains(&self.name))
    }

    /// The architectures that it runs on when its `machine` line says so: none where it is about a machine without
    /// an IOMMU.
    pub fn architectures(&self) -> impl Iterator<Item = Architecture> + '_ {
        Architecture::ALL.into_iter().filter(|a| self.fits(*a))
    }
}

/// Every preset, in the order of the gallery.
pub const PRESETS: &[Preset] = presets! {
    "howto" Starter;
    "address-space" Starter;
    "pointer" Starter NO_IOMMU;
    "first-dma" Starter NO_IOMMU;
    "mmio" Starter;
    "io-ports" Starter IO_PORTS;
    "soc" Starter NO_IOMMU;
    "bus-offset" Working NO_IOMMU;
    "inbound-window" Working NO_IOMMU;
    "two-controllers" Working NO_IOMMU;
    "bar-window" Working;
    "resize-bar" Working;
    "vf-ari" Working;
    "device-map" Working;
    "linked-list" Working NO_IOMMU;
    "why-iommu" Starter;
    "guest-dma" Starter;
    "which-number" Working;
    "swiotlb" Working NO_IOMMU;
    "bounce-limit" Working NO_IOMMU;
    "bounce-offset" Deep NO_IOMMU;
    "mask" Working NO_IOMMU;
    "mask-default" Working NO_IOMMU;
    "mask-window" Working NO_IOMMU;
    "mask-iommu" Working;
    "iova-full" Working;
    "physical-address" Working;
    "virtio-addresses" Working;
    "scatter-gather" Working;
    "direction" Working;
    "use-after-unmap" Working;
    "kexec" Deep;
    "fault-ladder" Deep OWN_CODES;
    "sync-for-cpu" Working;
    "cache-line" Working;
    "vmalloc" Working;
    "ring" Deep;
    "lazy" Deep;
    "iotlb-reach" Deep;
    "groups" Working;
    "peer-to-peer" Deep;
    "root-ports" Deep;
    "peer-bar" Deep;
    "reserved-memory" Working RESERVED;
    "guest-hole" Working;
    "phantom" Working;
    "interrupts" Starter;
    "posted" Working POSTING;
    "msi-hole" Deep X86_RANGE;
    "forged-msi" Deep REMAPPING;
    "two-stages" Starter;
    "relay-or-passthrough" Working;
    "nested-walk" Deep;
    "sva" Deep;
    "sva-refused" Deep SVA_CHECKS;
    "msi-doorbell" Working ARM_DOORBELL;
    "stream-id" Working ARM_STREAMS;
    "fault-ladder-arm" Deep OWN_CODES;
    "fault-ladder-amd" Deep OWN_CODES;
    "fault-ladder-riscv" Deep OWN_CODES;
};

/// Presets that ask one question in texts of their own, because what they break has another shape on each architecture.
#[derive(Debug)]
pub struct Family {
    /// The presets.
    pub presets: &'static [&'static str],
    /// Which idea of each stands beside which, in order.
    pub rungs: &'static [Rung],
}

/// Ideas of several texts that show the same.
#[derive(Debug)]
pub struct Rung {
    /// What they show.
    pub text: Text,
    /// Which idea it is, from 0, on each architecture in the order of [`Architecture::ALL`].
    pub ideas: [Option<u8>; Architecture::ALL.len()],
    /// Why some architectures have none; empty where all have one.
    pub gap: Text,
}

impl Family {
    /// Returns for each idea on one architecture, from 0, the one on another that shows the same, if one does.
    pub fn beside(&self, from: Architecture, to: Architecture) -> Option<Vec<Option<u32>>> {
        let at = |architecture| Architecture::ALL.iter().position(|a| *a == architecture);
        let (from, to) = (at(from)?, at(to)?);
        let last = self.rungs.iter().filter_map(|rung| rung.ideas[from]).max()?;
        let beside =
            |idea| self.rungs.iter().find(|rung| rung.ideas[from] == Some(idea))?.ideas[to].map(u32::from);
        Some((0..=last).map(beside).collect())
    }
}

macro_rules! rung {
    ($en:literal $zh:literal $a:tt $b:tt $c:tt $d:tt) => { rung!($en $zh $a $b $c $d, "" "") };
    ($en:literal $zh:literal $a:tt $b:tt $c:tt $d:tt, $gap:literal $gap_zh:literal) => {
        Rung {
            text: Text::new($en, $zh),
            ideas: [rung!(@ $a), rung!(@ $b), rung!(@ $c), rung!(@ $d)],
            gap: Text::new($gap, $gap_zh),
        }
    };
    (@ -) => { None };
    (@ $idea:literal) => { Some($idea) };
}

/// Every family.
pub const FAMILIES: &[Family] = &[Family {
    presets: &["fault-ladder", "fault-ladder-riscv", "fault-ladder-arm", "fault-ladder-amd"],
    rungs: &[
        rung!("every link is whole" "每一环都完好" 0 0 0 0),
        rung!(
            "the first table of devices leads nowhere" "设备表的第一级表项无效" 1 1 1 -,
            "its table of devices has one level" "它的设备表只有一级"
        ),
        rung!("the table of the device's entry is where no memory is" "设备表项所在的表指向没有内存的地方" 2 2 2 1),
        rung!("the device's own entry is not valid" "设备自己的表项无效" 3 3 3 2),
        rung!(
            "a reserved bit of the device's entry is 1" "设备表项的保留位为 1" 4 4 - 3,
            "it ignores reserved bits (RES0) of this entry" "它不检查表项中的保留位（RES0）"
        ),
        rung!(
            "the device's entry has no tables to walk" "设备表项没有可查的页表" - - - 4,
            "its entry has a mode without translation, which is no fault" "它的表项有“不转换”的模式，那不算错误"
        ),
        rung!(
            "the process's entry is not valid" "进程的表项无效" - - 4 -,
            "on this ladder the device's entry leads to page tables directly" "这一篇里设备表项直接指向页表"
        ),
        rung!("a page table entry points where no memory is" "页表项指向没有内存的地方" 5 5 5 5),
        rung!(
            "a reserved bit of a page table entry is 1" "页表项的保留位为 1" 6 6 - 6,
            "it ignores reserved bits (RES0) of page table entries" "它不检查页表项中的保留位（RES0）"
        ),
        rung!("a page table entry is not valid" "页表项无效" 7 7 6 7),
        rung!("the last entry allows no write" "最后一级表项不允许写" 8 8 7 8),
    ],
}];

/// The order in which a newcomer reads: from what an address space is to reading a fault.
pub const PATH: &[&str] = &[
    "address-space",
    "pointer",
    "mmio",
    "io-ports",
    "first-dma",
    "bus-offset",
    "device-map",
    "linked-list",
    "swiotlb",
    "why-iommu",
    "guest-dma",
    "howto",
    "scatter-gather",
    "which-number",
    "two-stages",
    "nested-walk",
    "interrupts",
    "forged-msi",
    "sync-for-cpu",
    "lazy",
    "use-after-unmap",
];

/// The path in stages: what each asks, and how many of [`PATH`] answer it.
pub const STAGES: &[(Text, usize)] = &[
    (Text::new("What is an address space?", "什么是地址空间？"), 4),
    (Text::new("What is DMA?", "什么是 DMA？"), 5),
    (Text::new("Why an IOMMU?", "为什么需要 IOMMU？"), 5),
    (Text::new("Why two stages?", "为什么要两阶段转换？"), 2),
    (Text::new("What is an interrupt?", "中断是什么？"), 2),
    (Text::new("What goes wrong?", "会出什么错？"), 3),
];

/// The preset called `name`.
pub fn by_name(name: &str) -> Option<&'static Preset> {
    PRESETS.iter().find(|preset| preset.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::{change, Outline};

    #[test]
    fn every_preset_is_canonical_and_complete_in_both_languages() {
        for preset in PRESETS {
            let scenario = parse(preset.text).unwrap_or_else(|p| panic!("{}:\n{p}", preset.name));
            assert_eq!(print(&scenario), preset.text, "{}", preset.name);
            let outline = Outline::new(&scenario);
            for texts in [outline.title, outline.answer, outline.try_this] {
                assert!(texts.text.is_some() && texts.zh.is_some(), "{}", preset.name);
            }
            assert!(!outline.sources.is_empty() && !outline.changes.is_empty(), "{}", preset.name);
            let changed = change(&scenario).unwrap_or_else(|p| panic!("{}: {p}", preset.name));
            parse(&print(&changed)).unwrap_or_else(|p| panic!("{}, changed:\n{p}", preset.name));
            let notes: usize = outline.steps.iter().map(|s| s.notes.len()).sum();
            // A ladder has as many as its architecture has rungs.
            let most = if preset.family().is_some() { 10 } else { 8 };
            assert!((3..=most).contains(&notes), "{}: {notes} notes", preset.name);
            for note in outline.steps.iter().flat_map(|s| &s.notes) {
                assert!(note.text.is_some() && note.zh.is_some(), "{}: {note:?}", preset.name);
            }
        }
    }

    #[test]
    fn names_are_short_and_the_path_exists() {
        for (i, preset) in PRESETS.iter().enumerate() {
            assert!(preset.name.len() <= 24);
            assert!(PRESETS[..i].iter().all(|p| p.name != preset.name));
        }
        for name in PATH {
            assert!(by_name(name).is_some(), "{name}");
        }
        assert_eq!(STAGES.iter().map(|(_, steps)| steps).sum::<usize>(), PATH.len());
    }
}
