//! A unit with a linear stream table, its queues and the memory, and structures that tests change.
#![allow(dead_code)] // each test uses a part

use iommu_core::addr::{AddrRange, PageSize, PhysAddr};
use iommu_core::iommu::registers::Registers;
use iommu_core::iommu::smmuv3::spec::registers::*;
use iommu_core::iommu::smmuv3::spec::structures::config;
use iommu_core::iommu::smmuv3::spec::{cd, ste};
use iommu_core::iommu::smmuv3::translate::{Reached, Transaction};
use iommu_core::iommu::smmuv3::{ring, Config, Reply, SmmuUnit};
use iommu_core::iommu::RequestKind;
use iommu_core::memory::Memory;
use iommu_core::paging::aarch64::{Aarch64, Granule};
use iommu_core::paging::builder::{Build, Builder, Mapping};
use iommu_core::paging::FrameAlloc;
use iommu_core::spec::Bits;
use iommu_core::trace::{Actor, Off, Perms};

pub const STREAMS: u64 = 0x10_0000;
pub const COMMANDS: u64 = 0x20_0000;
pub const EVENTS: u64 = 0x21_0000;
pub const PAGES: u64 = 0x22_0000;
pub const SID: u32 = 0x18;
pub const VA: u64 = 0x7f12_3456_7000;

/// A unit with a linear stream table, its queues and the memory.
pub struct Lab {
    pub unit: SmmuUnit,
    pub memory: Memory,
    pub frames: FrameAlloc,
}

impl Lab {
    pub fn new(config: Config) -> Lab {
        let range = AddrRange::new(PhysAddr::new(0x1000_0000), 0x1000_0000).unwrap();
        let mut lab =
            Lab { unit: SmmuUnit::new(config), memory: Memory::new(), frames: FrameAlloc::new(range) };
        lab.set(strtab_base::OFFSET, 8, STREAMS);
        lab.set(strtab_base_cfg::OFFSET, 4, 8);
        lab.set(cmdq_base::OFFSET, 8, COMMANDS | 6);
        lab.set(eventq_base::OFFSET, 8, EVENTS | 6);
        lab.set(priq_base::OFFSET, 8, PAGES | 2);
        lab.set(cr2::OFFSET, 4, cr2::RECINVSID.mask());
        lab.set(cr0::OFFSET, 4, 0x1f);
        lab
    }

    pub fn set(&mut self, at: u32, bytes: u8, value: u64) {
        self.unit.write_by(&mut self.memory, Actor::Cpu, at, bytes, value, &mut Off);
    }

    pub fn store(&mut self, at: u64, words: &[u64]) {
        for (i, word) in words.iter().enumerate() {
            self.memory.write_u64(PhysAddr::new(at + i as u64 * 8), *word).unwrap();
        }
    }

    pub fn frame(&mut self, pages: u64) -> u64 {
        self.frames.frames(pages, pages).unwrap().raw()
    }

    pub fn map<F: Build>(&mut self, format: &F, root: u64, from: u64, to: u64, perms: Perms) {
        let place = |at| Some(PhysAddr::new(at));
        let mapping = Mapping { from, to, len: 0x1000, size: PageSize::SIZE_4K, perms, user: true };
        let frames = &mut self.frames;
        // What is mapped already stays: tables can share a page.
        let _ = Builder { format, frames, place, actor: Actor::Os }.map(
            &mut self.memory,
            root,
            mapping,
            &mut Off,
        );
    }

    pub fn command(&mut self, words: [u64; 2]) {
        let ring = ring(COMMANDS | 6, 19, 16);
        let prod = self.unit.file().get(cmdq_prod::OFFSET, 4);
        let at = ring.slot(ring.index(prod)).raw();
        self.store(at, &words);
        self.set(cmdq_prod::OFFSET, 4, ring.next(prod));
    }

    pub fn ask(&mut self, transaction: Transaction) -> Reply {
        self.unit.answer(&mut self.memory, &transaction, &mut Off)
    }

    /// The words of the newest event.
    pub fn event(&self) -> Option<[u64; 4]> {
        let ring = ring(EVENTS | 6, 19, 32);
        let prod = self.unit.file().get(eventq_prod::OFFSET, 4);
        let last = prod.checked_sub(1)?;
        let at = ring.slot(ring.index(last)).raw();
        Some(std::array::from_fn(|i| self.memory.peek_u64(PhysAddr::new(at + i as u64 * 8))))
    }
}

pub fn first() -> Aarch64 {
    Aarch64::stage1(Granule::K4, 48).for_devices()
}

pub fn second() -> Aarch64 {
    Aarch64::stage2(Granule::K4, 48).for_devices()
}

pub fn transaction(substream: Option<u32>, perms: Perms, at: u64, kind: RequestKind) -> Transaction {
    Transaction { stream: SID, substream, privileged: false, perms, at, kind }
}

pub fn read(at: u64) -> Transaction {
    transaction(None, Perms::R, at, RequestKind::Untranslated)
}

pub fn descriptor(root: u64) -> cd::Words {
    cd::ZERO
        .with_flag(cd::V, true)
        .with_flag(cd::AA64, true)
        .with_flag(cd::A, true)
        .with_flag(cd::R, true)
        .with_flag(cd::EPD1, true)
        .with(cd::T0SZ, 16)
        .with(cd::IPS, 5)
        .with_address(cd::TTB0, root)
}

pub fn first_entry(pointer: u64) -> ste::Words {
    let words = ste::ZERO.with_flag(ste::V, true).with(ste::CONFIG, config::S1);
    words.with_address(ste::S1CONTEXTPTR, pointer)
}

pub fn with_second(words: ste::Words, root: u64) -> ste::Words {
    words
        .with(ste::CONFIG, if words.bits(ste::CONFIG) == config::S1 { config::NESTED } else { config::S2 })
        .with(ste::S2T0SZ, 16)
        .with(ste::S2SL0, 2)
        .with(ste::S2PS, 5)
        .with_flag(ste::S2AA64, true)
        .with_flag(ste::S2R, true)
        .with_address(ste::S2TTB, root)
}

/// One descriptor and one page; returns where its leaf descriptor is.
pub fn simple(
    lab: &mut Lab,
    entry: impl Fn(ste::Words) -> ste::Words,
    words: impl Fn(cd::Words) -> cd::Words,
) -> u64 {
    let (root, pointer) = (lab.frame(1), lab.frame(1));
    lab.map(&first(), root, VA, 0x5000_0000, Perms::RW);
    lab.store(pointer, &words(descriptor(root)));
    lab.store(STREAMS + u64::from(SID) * 64, &entry(first_entry(pointer)));
    let mut table = root;
    for level in (2..=4u32).rev() {
        let at = table + (VA >> (3 + 9 * level) & 511) * 8;
        table = lab.memory.peek_u64(PhysAddr::new(at)) & 0xffff_ffff_f000;
    }
    table + (VA >> 12 & 511) * 8
}

pub fn reached(reply: Reply) -> Option<Reached> {
    match reply {
        Reply::Reached(reached) => Some(reached),
        _ => None,
    }
}
