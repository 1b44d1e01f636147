//! Random stream tables, context descriptors and VMSAv8-64 tables for both units: mostly right, with some words damaged,
//! never by an encoding that the specification reserves.

use crate::rng::Rng;
use crate::virt::{RAM, SLOTS};
use iommu_core::iommu::smmuv3::spec::structures::{config, l1std};
use iommu_core::iommu::smmuv3::spec::{cd, ste};
use iommu_core::paging::aarch64::{Aarch64, Granule};
use iommu_core::paging::Format;
use iommu_core::spec::Bits;
use std::collections::BTreeMap;

/// Which stages the unit has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stages {
    One,
    Two,
    Nested,
}

impl Stages {
    /// As QEMU's property has it.
    pub const fn name(self) -> &'static str {
        match self {
            Stages::One => "1",
            Stages::Two => "2",
            Stages::Nested => "nested",
        }
    }
    /// What a stream table entry may say.
    const fn configs(self) -> &'static [u64] {
        match self {
            Stages::One => &[config::S1, config::S1, config::S1, config::S1, config::BYPASS, config::ABORT],
            Stages::Two => &[config::S2, config::S2, config::S2, config::S2, config::BYPASS, config::ABORT],
            Stages::Nested => &[config::S1, config::S2, config::NESTED, config::NESTED, config::NESTED],
        }
    }
}

/// Where tables are: bits 12 to 26 of an address can change without leaving RAM.
const TABLES: u64 = 0x4800_0000;
/// Leaves map pages from here up.
const DATA: (u64, u64) = (0x9000_0000, 0xd000_0000);
/// The level 1 of a stream table of two levels, or all of a linear one.
pub const STREAMS: u64 = 0x4600_0000;

/// What one device was given.
#[derive(Clone, Debug, Default)]
pub struct Stream {
    pub sid: u32,
    pub entry: u64,
    pub descriptor: u64,
    pub asid: u64,
    pub vmid: u64,
    /// Input address and the address of the leaf descriptor.
    pub leaves: Vec<(u64, u64)>,
    /// Words that damage can hit: where, and which bits.
    targets: Vec<(u64, &'static [u8])>,
}

/// Tables in memory. QEMU 10 that once had a stream table of two levels takes every later one for such: linear ones come
/// first.
#[derive(Default)]
pub struct Tables {
    pub words: BTreeMap<u64, u64>,
    pub streams: Vec<Stream>,
    /// STRTAB_BASE_CFG.
    pub layout: u64,
    next: u64,
}

const LEAF: &[u8] = &[0, 6, 7, 10, 44, 45, 46, 47];
const TABLE: &[u8] = &[0, 12, 16, 18, 21, 24, 32, 36, 40, 44, 47];
const FIRST_TABLE: &[u8] = &[0, 12, 16, 21, 32, 40, 44, 47, 61, 62];

const fn code(granule: Granule) -> (u64, u64) {
    match granule {
        Granule::K4 => (0, 2),
        Granule::K64 => (1, 3),
        Granule::K16 => (2, 1),
    }
}

impl Tables {
    pub fn new(rng: &mut Rng, stages: Stages, two_levels: bool) -> Tables {
        let mut out = Tables { next: TABLES, ..Tables::default() };
        for slot in SLOTS {
            let sid = u32::from(slot) << 3;
            let entry = match two_levels {
                false => STREAMS + u64::from(sid) * 64,
                true => {
                    let split = 6;
                    let at = STREAMS + (u64::from(sid) >> split) * 8;
                    let old = out.get(at);
                    let table = if old != 0 { old.address(l1std::L2PTR) } else { out.alloc(1) };
                    let span = rng.pick(&[split + 1, split + 1, split + 1, 4, 0]);
                    out.set(at, 0u64.with(l1std::SPAN, span).with_address(l1std::L2PTR, table));
                    table + (u64::from(sid) & 63) * 64
                }
            };
            out.layout = if two_levels { 1 << 16 | 6 << 6 | 8 } else { rng.pick(&[8, 8, 6, 5]) };
            let stream = out.stream(rng, stages, sid, entry);
            out.streams.push(stream);
        }
        out
    }

    pub fn get(&self, at: u64) -> u64 {
        self.words.get(&at).copied().unwrap_or(0)
    }
    pub fn set(&mut self, at: u64, word: u64) {
        self.words.insert(at, word);
    }
    /// Pages of 64 KiB, aligned to a power of two of them.
    fn alloc(&mut self, pages: u64) -> u64 {
        let size = pages << 16;
        let at = self.next.next_multiple_of(size);
        self.next = at + size;
        at
    }

    fn data(rng: &mut Rng) -> u64 {
        match rng.chance(8) {
            true => RAM.1 + rng.below(1 << 34),
            false => DATA.0 + rng.below(DATA.1 - DATA.0),
        }
    }

    /// Writes the descriptors down to a leaf; `None` where another leaf is in the way.
    #[allow(clippy::too_many_arguments)] // where, in which format, and what: each is one thing
    fn map(
        &mut self,
        rng: &mut Rng,
        stream: &mut Stream,
        format: &Aarch64,
        root: u64,
        input: u64,
        level: u8,
        leaf: u64,
    ) -> Option<u64> {
        let first = !format.is_stage2();
        let mut table = root;
        for above in (level + 1..=format.levels).rev() {
            let at = table + format.index(input, above) * 8;
            let word = self.get(at);
            table = match word & 3 {
                0 => {
                    let next = self.alloc(1);
                    let limits = if first && rng.chance(6) { 1 << (61 + rng.below(2)) } else { 0 };
                    self.set(at, next | 3 | limits);
                    stream.targets.push((at, if first { FIRST_TABLE } else { TABLE }));
                    next
                }
                3 => word & 0xffff_ffff_f000,
                _ => return None,
            };
        }
        let at = table + format.index(input, level) * 8;
        if self.get(at) != 0 {
            return None;
        }
        self.set(at, leaf | if level == 1 { 3 } else { 1 });
        stream.targets.push((at, LEAF));
        Some(at)
    }

    fn leaf_level(rng: &mut Rng, format: &Aarch64) -> u8 {
        let highest = if format.granule == Granule::K4 { 3 } else { 2 };
        match rng.chance(70) {
            true => 1,
            false => (1 + rng.below(highest) as u8).min(format.levels),
        }
    }

    fn stream(&mut self, rng: &mut Rng, stages: Stages, sid: u32, entry: u64) -> Stream {
        let (asid, vmid) = (rng.below(1 << 16), rng.below(1 << 16));
        let mut out = Stream { sid, entry, asid, vmid, ..Stream::default() };
        let chosen = rng.pick(stages.configs());
        let mut words = ste::ZERO.with_flag(ste::V, true).with(ste::CONFIG, chosen);
        let second = chosen & 2 != 0 && chosen >= config::BYPASS;
        let first = chosen & 1 != 0 && chosen >= config::BYPASS;
        let mut below = None;
        if second {
            let granule = rng.pick(&[Granule::K4, Granule::K4, Granule::K16, Granule::K64]);
            let format = Aarch64::stage2(granule, rng.pick(&[36, 40, 42, 44]));
            let root = self.alloc(16);
            let start = format.levels as u64 - if granule == Granule::K4 { 2 } else { 1 };
            words = words
                .with(ste::S2VMID, vmid)
                .with(ste::S2T0SZ, 64 - u64::from(format.input_bits))
                .with(ste::S2SL0, start)
                .with(ste::S2TG, code(granule).0)
                .with(ste::S2PS, rng.pick(&[4, 4, 4, 5]))
                .with_flag(ste::S2AA64, true)
                .with_flag(ste::S2AFFD, rng.chance(20))
                .with_flag(ste::S2R, rng.chance(80))
                .with_address(ste::S2TTB, root);
            below = Some((format, root));
        }
        if first {
            out.descriptor = self.alloc(1);
            words = words.with_address(ste::S1CONTEXTPTR, out.descriptor);
            self.descriptor(rng, &mut out, below.is_some());
        }
        let mut inputs = Vec::new();
        if first {
            inputs = core::mem::take(&mut out.leaves);
        }
        if let Some((format, root)) = below {
            // Descriptors and tables of stage 1 are at guest-physical addresses that are the physical ones.
            let region = format.granule.level_shift(2);
            let mut at = TABLES;
            while first && at < self.next.max(TABLES + 1) + (1 << region) {
                self.map(rng, &mut out, &format, root, at, 2, (at >> region << region) | 0x4c0 | 0x3c);
                at += 1 << region;
            }
            // What stage 1 leads to, or what the device says itself.
            let mut wanted: Vec<u64> =
                inputs.iter().map(|(_, leaf)| self.get(*leaf) & 0xffff_ffff_f000).collect();
            if !first {
                wanted = (0..6).map(|_| rng.below(1 << format.input_bits.min(42))).collect();
            }
            for ipa in wanted {
                let level = Self::leaf_level(rng, &format);
                let mask = (1u64 << format.granule.level_shift(level)) - 1;
                let rights = rng.pick(&[0xc0, 0xc0, 0xc0, 0x40, 0x80, 0]);
                let flag = u64::from(rng.chance(90)) << 10;
                let leaf = Self::data(rng) & !mask | rights | flag | 0x3c;
                let ipa = ipa & ((1 << format.input_bits) - 1);
                let found = self.map(rng, &mut out, &format, root, ipa, level, leaf);
                if let (Some(at), false) = (found, first) {
                    out.leaves.push((ipa & !mask, at));
                }
            }
        }
        out.leaves.extend(inputs);
        for (i, word) in words.into_iter().enumerate() {
            self.set(entry + i as u64 * 8, word);
        }
        out
    }

    fn descriptor(&mut self, rng: &mut Rng, out: &mut Stream, nested: bool) {
        let mut words = cd::ZERO
            .with_flag(cd::V, true)
            .with_flag(cd::AA64, true)
            .with_flag(cd::A, true)
            .with_flag(cd::R, rng.chance(80))
            .with_flag(cd::AFFD, rng.chance(20))
            .with_flag(cd::HAD0, rng.chance(10))
            .with_flag(cd::HAD1, rng.chance(10))
            .with(cd::IPS, rng.pick(&[4, 4, 4, 5]))
            .with(cd::ASID, out.asid);
        let halves = rng.pick(&[1u8, 1, 2, 3]);
        for half in 0..2u32 {
            let (off, size, tg, table) = match half {
                0 => (cd::EPD0, cd::T0SZ, cd::TG0, cd::TTB0),
                _ => (cd::EPD1, cd::T1SZ, cd::TG1, cd::TTB1),
            };
            if halves >> half & 1 == 0 {
                words = words.with_flag(off, true);
                continue;
            }
            let granule = rng.pick(&[Granule::K4, Granule::K4, Granule::K16, Granule::K64]);
            let format = Aarch64::stage1(granule, rng.pick(&[32, 36, 39, 42, 48]));
            let root = self.alloc(1);
            let (low, high) = code(granule);
            words = words
                .with(size, 64 - u64::from(format.input_bits))
                .with(tg, if half == 0 { low } else { high })
                .with_address(table, root);
            for _ in 0..4 {
                let level = Self::leaf_level(rng, &format);
                let mask = (1u64 << granule.level_shift(level)) - 1;
                let above = if half == 0 { 0 } else { u64::MAX << format.input_bits };
                let input = rng.below(1 << format.input_bits) & !mask | above;
                // Under stage 2 the output is guest-physical: somewhere a stage 2 of 36 bits reaches.
                let to = if nested { rng.below(1 << 35) | 1 << 35 } else { Self::data(rng) };
                let rights = rng.pick(&[0x40, 0x40, 0x40, 0xc0, 0, 0x80]);
                let flag = u64::from(rng.chance(90)) << 10;
                let leaf = to & !mask | rights | flag | 0x300 | u64::from(rng.chance(70)) << 11;
                if let Some(at) = self.map(rng, out, &format, root, input, level, leaf) {
                    out.leaves.push((input, at));
                }
            }
        }
        for (i, word) in words.into_iter().enumerate() {
            self.set(out.descriptor + i as u64 * 8, word);
        }
    }

    /// Changes one thing that software could have got wrong.
    pub fn damage(&mut self, rng: &mut Rng) {
        let stream = self.streams[rng.below(2) as usize].clone();
        let field = |tables: &mut Self, at: u64, count: usize, change: &dyn Fn(&mut [u64; 8])| {
            let mut words = [0; 8];
            for (i, word) in words.iter_mut().enumerate().take(count) {
                *word = tables.get(at + i as u64 * 8);
            }
            change(&mut words);
            for (i, word) in words.into_iter().enumerate().take(count) {
                tables.set(at + i as u64 * 8, word);
            }
        };
        let n = rng.next();
        match rng.below(10) {
            0 => field(self, stream.entry, 8, &|w| w.set_flag(ste::V, false)),
            1 => field(self, stream.entry, 8, &|w| {
                // A stage 2 that was never described would be one of VMSAv8-32.
                let choices = if w.is_set(ste::S2AA64) { 5 } else { 3 };
                w.set(ste::CONFIG, [0, 4, 5, 6, 7][(n % choices) as usize]);
            }),
            2 => field(self, stream.entry, 8, &|w| w[0] ^= 1 << [12, 20, 32, 40, 45][(n % 5) as usize]),
            3 if stream.descriptor != 0 => field(self, stream.descriptor, 8, &|w| match n % 6 {
                0 => w.set_flag(cd::V, false),
                1 => w.set_flag(cd::AA64, false),
                2 => w.set_flag(cd::A, false),
                3 => w.set(cd::IPS, n >> 8 & 3),
                4 => w[1] ^= 1 << [16, 21, 32, 40, 45][(n >> 8) as usize % 5],
                _ => w.set(cd::T0SZ, 16 + (n >> 8) % 24),
            }),
            _ => {
                if let Some((at, bits)) = stream.targets.get(n as usize % stream.targets.len().max(1)) {
                    let word = self.get(*at) ^ 1 << rng.pick(bits);
                    self.set(*at, word);
                }
            }
        }
    }

    /// An address for a request of a device: of a leaf, near one, or anywhere.
    pub fn address(&self, rng: &mut Rng, device: usize) -> u64 {
        let stream = &self.streams[device];
        let offset = rng.next() & 0xffc;
        if stream.leaves.is_empty() {
            return (DATA.0 + rng.below(DATA.1 - DATA.0)) & !3;
        }
        let at = rng.pick(&stream.leaves).0 | offset;
        match rng.below(20) {
            0 | 1 => at ^ 1 << (12 + rng.below(36)),
            2 => rng.next() & !3,
            _ => at,
        }
    }
}
