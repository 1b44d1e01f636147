//! The gallery: scenarios that answer what engineers really ask, each a text of the scenario language.
//!
//! A preset's texts (title, answer, what to try, sources) are in its text; here is what the gallery needs
//! besides: its short name for links, how hard it is, and the order in which a newcomer reads; [`topics`] says what
//! each is about.

pub mod checks;
pub mod sweeps;
pub mod topics;

use crate::iommu::{Ability, Architecture, Board};
use crate::spec::Text;

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
const WRITE_ONLY: Limit = Limit {
    fits: |a| a.has(Ability::WriteOnly),
    why: Text::new(
        "a page table entry of RISC-V or of Arm's stage 1 cannot allow writes alone",
        "RISC-V 和 Arm 第一级的页表项都不能只允许写",
    ),
};
const VTD_CODES: Limit = Limit {
    fits: |_| false,
    why: Text::new(
        "it climbs VT-d's fault codes; Arm and AMD-Vi have ladders of their own, RISC-V's codes are in the walk of any faulting \
         scenario",
        "讲的是 VT-d 的一级级错误码；Arm 与 AMD-Vi 各有自己的一篇，RISC-V 的错误码可在任何出错的场景里看到",
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
const AMD: Limit = Limit {
    fits: |_| false,
    why: Text::new("it climbs AMD-Vi's events", "讲的是 AMD-Vi 的一种种事件"),
};

impl Preset {
    /// Does it run on this architecture when its `machine` line says so? On the one it is written for it does.
    pub fn fits(&self, architecture: Architecture) -> bool {
        self.limit.is_none_or(|limit| (limit.fits)(architecture) || self.written_for() == Some(architecture))
    }

    /// The architecture that its text names: none where it is about a machine without an IOMMU.
    fn written_for(&self) -> Option<Architecture> {
        let words = self.text.lines().find_map(|line| line.strip_prefix("machine "))?;
        Architecture::named(words.split(' ').next()?)
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
    "direction" Working WRITE_ONLY;
    "use-after-unmap" Working;
    "fault-ladder" Deep VTD_CODES;
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
    "interrupts" Starter POSTING;
    "msi-hole" Deep X86_RANGE;
    "forged-msi" Deep REMAPPING;
    "two-stages" Starter;
    "relay-or-passthrough" Working;
    "nested-walk" Deep;
    "sva" Deep;
    "msi-doorbell" Working ARM;
    "stream-id" Working ARM;
    "fault-ladder-arm" Deep ARM;
    "fault-ladder-amd" Deep AMD;
};

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
    use crate::scenario::{change, parse, print, Outline};

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
