//! The gallery: scenarios that answer what engineers really ask, each a text of the scenario language.
//!
//! A preset's texts (title, answer, what to try, sources) are in its text; here is what the gallery needs
//! besides: its short name for links, how hard it is, and the order in which a newcomer reads; [`topics`] says what
//! each is about.

pub mod topics;

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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Preset {
    /// The short name in links: `#p=howto`.
    pub name: &'static str,
    /// How hard it is.
    pub difficulty: Difficulty,
    /// Whether it runs on RISC-V as well when its `machine` line says so.
    pub riscv: bool,
    /// The text.
    pub text: &'static str,
}

macro_rules! presets {
    ($($name:literal $difficulty:ident $($riscv:ident)?;)*) => {
        &[$(Preset {
            name: $name,
            difficulty: Difficulty::$difficulty,
            riscv: presets!(@ $($riscv)?),
            text: include_str!(concat!($name, ".scn")),
        },)*]
    };
    (@ riscv) => { true };
    (@) => { false };
}

/// Every preset, in the order of the gallery.
pub const PRESETS: &[Preset] = presets! {
    "howto" Starter riscv;
    "address-space" Starter riscv;
    "first-dma" Starter;
    "mmio" Starter riscv;
    "io-ports" Starter;
    "soc" Starter;
    "bus-offset" Working;
    "bar-window" Working riscv;
    "device-map" Working riscv;
    "linked-list" Working;
    "why-iommu" Starter riscv;
    "swiotlb" Working;
    "mask" Working;
    "mask-iommu" Working riscv;
    "physical-address" Working riscv;
    "scatter-gather" Working riscv;
    "direction" Working;
    "use-after-unmap" Working riscv;
    "fault-ladder" Deep;
    "sync-for-cpu" Working riscv;
    "cache-line" Working riscv;
    "vmalloc" Working riscv;
    "ring" Deep riscv;
    "lazy" Deep riscv;
    "iotlb-reach" Deep riscv;
    "groups" Working riscv;
    "peer-to-peer" Deep riscv;
    "reserved-memory" Working riscv;
    "phantom" Working riscv;
    "interrupts" Starter riscv;
    "msi-hole" Deep;
    "forged-msi" Deep;
    "two-stages" Starter riscv;
    "relay-or-passthrough" Working riscv;
    "nested-walk" Deep riscv;
    "sva" Deep riscv;
};

/// The order in which a newcomer reads: what an address space is, what DMA is, why an IOMMU, two stages,
/// interrupts, what goes wrong.
pub const PATH: &[&str] = &[
    "address-space",
    "mmio",
    "io-ports",
    "first-dma",
    "soc",
    "bus-offset",
    "linked-list",
    "device-map",
    "why-iommu",
    "howto",
    "scatter-gather",
    "two-stages",
    "interrupts",
    "direction",
    "use-after-unmap",
    "physical-address",
];

/// The path in stages: what each asks, and how many of [`PATH`] answer it.
pub const STAGES: &[(Text, usize)] = &[
    (Text::new("What is an address space?", "什么是地址空间？"), 3),
    (Text::new("What is DMA?", "什么是 DMA？"), 5),
    (Text::new("Why an IOMMU?", "为什么需要 IOMMU？"), 3),
    (Text::new("Why two stages?", "为什么要两级转换？"), 1),
    (Text::new("What is an interrupt?", "中断是什么？"), 1),
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
