//! The gallery: scenarios that answer what engineers really ask, each a text of the scenario language.
//!
//! A preset's texts (title, answer, what to try, sources) are in its text; here is what the gallery needs
//! besides: its short name for links, how hard it is, and the order in which a newcomer reads; [`topics`] says what
//! each is about.

pub mod checks;
pub mod sweeps;
pub mod topics;

use crate::iommu::{Ability, Architecture, Board};
use crate::scenario::{onto, parse, print};
use crate::spec::Text;
use alloc::string::String;

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
        "it is about a machine without an IOMMU: with one, the answer is another",
        "讲的是没有 IOMMU 的机器：有了 IOMMU，答案就不同了",
    ),
};
const IO_PORTS: Limit = Limit {
    fits: |a| Board::of(Some(a)).cpu.has_ports(),
    why: Text::new("only x86 has instructions for I/O ports", "只有 x86 有访问 I/O 端口的指令"),
};
const OWN_CODES: Limit = Limit {
    fits: |_| false,
    why: Text::new(
        "it climbs the codes of one architecture; each of the others has a ladder of its own",
        "讲的是一种架构的一级级错误码；其余每种架构各有自己的一篇",
    ),
};
const X86_RANGE: Limit = Limit {
    fits: |_| false,
    why: Text::new(
        "the interrupt address range FEEx_xxxxh is x86's; AMD-Vi reads a device's entry before it lets its message through",
        "中断地址范围 FEEx_xxxxh 是 x86 独有的；AMD-Vi 则先读设备表项，再放行消息",
    ),
};
const REMAPPING: Limit = Limit {
    fits: |_| false,
    why: Text::new(
        "it turns VT-d's interrupt remapping off and on by its register; AMD-Vi does that in each device's entry, RISC-V has interrupt \
         files instead, Arm an ITS",
        "它用 VT-d 的寄存器开关中断重映射；AMD-Vi 在每个设备表项里开关，RISC-V 用的是中断文件，Arm 用的是 ITS",
    ),
};
const POSTING: Limit = Limit {
    fits: |a| a.has(Ability::PostedInterrupts),
    why: Text::new(
        "it posts an interrupt to a guest, which takes a GICv4; the machine's ITS is a GICv3's",
        "它向客户机投递（posted）中断，这需要 GICv4；这里的 ITS 属于 GICv3",
    ),
};
const ARM: Limit = Limit {
    fits: |_| false,
    why: Text::new(
        "only on Arm: there the message of an interrupt is translated like any write, and StreamIDs come from firmware",
        "只有 Arm 如此：中断消息像普通写一样要经过转换，StreamID 由固件给出",
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
        Architecture::WITH_UNIT.into_iter().filter(|a| self.fits(*a))
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
    "bar-window" Working;
    "device-map" Working;
    "linked-list" Working NO_IOMMU;
    "why-iommu" Starter;
    "guest-dma" Starter;
    "which-number" Working;
    "swiotlb" Working NO_IOMMU;
    "mask" Working NO_IOMMU;
    "mask-iommu" Working;
    "physical-address" Working;
    "scatter-gather" Working;
    "direction" Working;
    "use-after-unmap" Working;
    "fault-ladder" Deep OWN_CODES;
    "sync-for-cpu" Working;
    "cache-line" Working;
    "vmalloc" Working;
    "ring" Deep;
    "lazy" Deep;
    "iotlb-reach" Deep;
    "groups" Working;
    "peer-to-peer" Deep;
    "reserved-memory" Working;
    "phantom" Working;
    "interrupts" Starter;
    "posted" Working POSTING;
    "msi-hole" Deep X86_RANGE;
    "forged-msi" Deep REMAPPING;
    "two-stages" Starter;
    "relay-or-passthrough" Working;
    "nested-walk" Deep;
    "sva" Deep;
    "msi-doorbell" Working ARM;
    "stream-id" Working ARM;
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
    /// Which idea it is, from 0, on each architecture in the order of [`Architecture::WITH_UNIT`].
    pub ideas: [Option<u8>; Architecture::UNITS],
}

macro_rules! rung {
    ($en:literal $zh:literal $($idea:tt)*) => {
        Rung { text: Text::new($en, $zh), ideas: [$(rung!(@ $idea)),*] }
    };
    (@ -) => { None };
    (@ $idea:literal) => { Some($idea) };
}

/// Every family.
pub const FAMILIES: &[Family] = &[Family {
    presets: &["fault-ladder", "fault-ladder-riscv", "fault-ladder-arm", "fault-ladder-amd"],
    rungs: &[
        rung!("every link is whole" "每一环都完好" 0 0 0 0),
        rung!("the first table of devices leads nowhere" "第一张设备表无效" 1 1 1 -),
        rung!("the device's own entry is not valid" "设备自己的表项无效" 2 2 2 -),
        rung!("a reserved bit of the device's entry is 1" "设备表项的保留位为 1" - 3 - 1),
        rung!("the device's entry has no tables to walk" "设备表项没有可查的页表" - - - 2),
        rung!("the process's entry is not valid" "进程的表项无效" - - 3 -),
        rung!("a page table entry points where no memory is" "页表项指向没有内存的地方" - 4 - 3),
        rung!("a reserved bit of a page table entry is 1" "页表项的保留位为 1" 3 - - 4),
        rung!("a page table entry is not valid" "页表项无效" - 5 4 -),
        rung!("the last entry allows no write" "最后一级表项不允许写" 4 6 5 5),
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
    (Text::new("Why two stages?", "为什么要两级转换？"), 2),
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
            assert!((3..=8).contains(&notes), "{}: {notes} notes", preset.name);
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
