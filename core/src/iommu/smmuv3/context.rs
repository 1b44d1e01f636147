//! Stream table entries and context descriptors: what their fields say together, and what makes them illegal (IHI 0070,
//! 3.3 and 5).

use super::config::Config;
use super::spec::registers::{cr2, gbpa, httu, idr0, idr1, idr3, idr5, stall, switches};
use super::spec::structures::{config, eats, s1fmt, size_bits, strw, tg, tg1};
use super::spec::{cd, ste};
use crate::paging::aarch64::{Aarch64, Deviations, Granule, Regime, Update};
use crate::spec::{Bits, Rule, Text};

/// What the registers say that translation needs.
#[derive(Clone, Copy, Debug)]
pub struct Setup<'a> {
    /// The unit.
    pub config: &'a Config,
    /// SMMU_CR0.
    pub cr0: u64,
    /// SMMU_CR2.
    pub cr2: u64,
    /// SMMU_GBPA.
    pub gbpa: u64,
    /// SMMU_STRTAB_BASE.
    pub table: u64,
    /// SMMU_STRTAB_BASE_CFG.
    pub layout: u64,
    /// Look only: nothing is written.
    pub frozen: bool,
}

impl Setup<'_> {
    /// Returns whether translation is on.
    pub fn enabled(&self) -> bool {
        self.cr0.is_set(switches::SMMUEN)
    }
    /// Returns whether transactions are aborted while translation is off.
    pub fn aborts(&self) -> bool {
        self.gbpa.is_set(gbpa::ABORT)
    }
}

/// Which accesses a translation is for: the StreamWorld (IHI 0070, 3.3.4).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum World {
    /// NS-EL1: tagged with ASID and VMID.
    El1,
    /// NS-EL2: no ASID, no VMID.
    El2,
    /// NS-EL2-E2H: tagged with an ASID.
    El2E2h,
    /// Stage 2 alone: guest-physical addresses, tagged with a VMID.
    Ipa,
}

/// A stream table entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Ste {
    /// Its words.
    pub words: ste::Words,
}

/// A context descriptor.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Cd {
    /// Its words.
    pub words: cd::Words,
    /// Where the first tables of both halves are: as TTB0 and TTB1 say, or as stage 2 said when the descriptor was read
    /// ([`ttb_eager`](super::config::Quirks::ttb_eager)).
    pub tables: [u64; 2],
}

macro_rules! rules {
    ($($id:ident $section:literal $en:literal $zh:literal;)*) => {
        $(pub(super) static $id: Rule = Rule { text: Text::new($en, $zh), section: $section };)*
    };
}

/// The table of context descriptors is nowhere.
pub(super) static WIDE_L2PTR: Rule = Rule {
    text: Text::new("L2Ptr is wider than the unit's addresses", "L2Ptr 超出 IOMMU 的地址位宽"),
    section: "IHI 0070 3.4.3",
};

/// A level 1 descriptor leads to no table.
pub static NO_TABLE: Rule = Rule {
    text: Text::new(
        "Span is 0, reserved or more than SPLIT + 1: there is no table for these StreamIDs",
        "Span 为 0、为保留值或大于 SPLIT + 1，这些 StreamID 没有下级表",
    ),
    section: "IHI 0070 5.1",
};

rules! {
    BEYOND_SPAN "IHI 0070 5.1" "the StreamID is beyond the Span" "StreamID 超出 Span 范围";
    STE_NOT_VALID "IHI 0070 5.2" "V is 0: the entry is not valid" "流表项无效（V = 0）";
    NO_STAGE "IHI 0070 5.2" "Config uses a stage that the unit does not have" "Config 使用了 IOMMU 不具备的阶段";
    BAD_SUBSTREAMS "IHI 0070 5.2" "S1CDMax or S1Fmt is more than the unit has" "S1CDMax 或 S1Fmt 超出 IOMMU 的能力";
    WIDE_POINTER "IHI 0070 3.4.3" "S1ContextPtr is wider than the unit's addresses" "S1ContextPtr 超出 IOMMU 的地址位宽";
    WIDE_VMID "IHI 0070 5.2" "S2VMID has more than 8 bits, the unit's VMIDs have not" "S2VMID 超过 8 位，而 IOMMU 的 VMID 只有 8 位";
    WIDE_ASID "IHI 0070 5.4" "ASID has more than 8 bits, the unit's ASIDs have not" "ASID 超过 8 位，而 IOMMU 的 ASID 只有 8 位";
    BAD_STALL "IHI 0070 5.2" "stall settings do not fit IDR0.STALL_MODEL" "停顿设置与 IDR0.STALL_MODEL 不符";
    BAD_WORLD "IHI 0070 5.2" "STRW is reserved or more than the unit has" "STRW 保留或超出 IOMMU 的能力";
    BAD_ATS "IHI 0070 5.2" "EATS does not fit Config and the unit" "EATS 与 Config 或 IOMMU 不符";
    BAD_STAGE2 "IHI 0070 5.2" "S2TG, S2T0SZ, S2SL0, S2TTB or S2AA64 do not make a table" "S2TG、S2T0SZ、S2SL0、S2TTB 或 S2AA64 不构成合法页表";
    BAD_UPDATE "IHI 0070 5.2" "hardware update is more than IDR0.HTTU" "硬件更新设置超出 IDR0.HTTU";
    BAD_ENDIAN "IHI 0070 5.2" "the byte order is not among IDR0.TTENDIAN" "字节序不在 IDR0.TTENDIAN 之列";
    L1CD_NOT_VALID "IHI 0070 5.3" "V is 0: there are no descriptors for these SubstreamIDs" "这些 SubstreamID 没有描述符（V = 0）";
    CD_NOT_VALID "IHI 0070 5.4" "V is 0: the descriptor is not valid" "描述符无效（V = 0）";
    NO_AA64 "IHI 0070 5.4" "AA64 is 0: the unit has VMSAv8-64 tables only" "IOMMU 仅支持 VMSAv8-64 页表（AA64 = 0）";
    BAD_TERMINATE "IHI 0070 5.4" "A is 0, but IDR0.TERM_MODEL wants aborts" "A = 0，但 IDR0.TERM_MODEL 要求中止";
    CD_STALL "IHI 0070 5.4" "S does not fit IDR0.STALL_MODEL and STE.S1STALLD" "S 与 IDR0.STALL_MODEL、STE.S1STALLD 不符";
    CD_UPDATE "IHI 0070 5.4" "HA or HD is more than IDR0.HTTU" "HA 或 HD 超出 IDR0.HTTU";
    CD_TABLE "IHI 0070 5.4" "TG, TSZ or TTB of a half do not make a table" "某半部的 TG、TSZ 或 TTB 不构成合法页表";
    CD_ENDIAN "IHI 0070 5.4" "the byte order is not among IDR0.TTENDIAN" "字节序不在 IDR0.TTENDIAN 之列";
}

/// Returns the granule of TG0 and S2TG, if the unit has it.
fn granule(config: &Config, code: u64) -> Option<Granule> {
    let (granule, field) = match code {
        tg::K4 => (Granule::K4, idr5::GRAN4K),
        tg::K64 => (Granule::K64, idr5::GRAN64K),
        tg::K16 => (Granule::K16, idr5::GRAN16K),
        _ => return None,
    };
    (config.idr5(field) != 0).then_some(granule)
}

/// Returns what TG0 would say of a granule that TG1 says.
const fn as_tg0(code: u64) -> u64 {
    match code {
        tg1::K16 => tg::K16,
        tg1::K4 => tg::K4,
        tg1::K64 => tg::K64,
        _ => 3,
    }
}

fn endian_fits(config: &Config, big: bool) -> bool {
    match config.idr0(idr0::TTENDIAN) {
        0 => true,
        3 => big,
        _ => !big,
    }
}

/// Returns the largest TnSZ.
fn largest_tsz(config: &Config, granule: Granule) -> u64 {
    match (config.idr3(idr3::STT) != 0, granule) {
        (false, _) => 39,
        (true, Granule::K64) => 47,
        (true, _) => 48,
    }
}

/// Returns whether these tables can hold 52-bit addresses: with granules of 64 KiB, or where DS of the structure says so.
fn large(granule: Granule, config: &Config, ds: bool) -> bool {
    granule == Granule::K64 || config.idr5(idr5::DS) != 0 && ds
}

fn limit_48(large: bool, bits: u8) -> u8 {
    if large {
        bits
    } else {
        bits.min(48)
    }
}

impl Ste {
    /// Returns Config.
    pub fn config(&self) -> u64 {
        self.words.bits(ste::CONFIG)
    }
    /// Returns whether stage 1 translates.
    pub fn stage1(&self) -> bool {
        matches!(self.config(), config::S1 | config::NESTED)
    }
    /// Returns whether stage 2 translates.
    pub fn stage2(&self) -> bool {
        matches!(self.config(), config::S2 | config::NESTED)
    }
    /// Returns whether every transaction is terminated.
    pub fn aborts(&self) -> bool {
        self.config() < config::BYPASS
    }
    /// Returns the StreamWorld (IHI 0070, 3.3.4).
    pub fn world(&self, setup: &Setup<'_>) -> World {
        if self.config() == config::S2 {
            return World::Ipa;
        }
        match self.words.bits(ste::STRW) {
            strw::EL2 if !self.stage2() && setup.config.has(idr0::HYP) => {
                if setup.cr2.is_set(cr2::E2H) {
                    World::El2E2h
                } else {
                    World::El2
                }
            }
            _ => World::El1,
        }
    }
    /// Returns the VMID that translations are tagged with, where the unit has stage 2.
    pub fn vmid(&self, config: &Config) -> Option<u16> {
        config.has(idr0::S2P).then(|| self.words.bits(ste::S2VMID) as u16)
    }
    /// Returns log2 of the number of context descriptors: 0 where the unit has no SubstreamIDs, whatever S1CDMax says.
    pub fn substreams(&self, config: &Config) -> u64 {
        if config.idr1(idr1::SSIDSIZE) == 0 && !config.quirks.cd_max_always {
            return 0;
        }
        self.words.bits(ste::S1CDMAX)
    }
    /// Returns EATS as it counts: what is reserved is as none, and what ends in stage 2 needs CR0.ATSCHK (IHI 0070, 3.9.1).
    pub fn ats(&self, setup: &Setup<'_>) -> u64 {
        match self.words.bits(ste::EATS) {
            _ if !setup.config.has(idr0::ATS) => eats::NONE,
            eats::FULL => eats::FULL,
            eats::SPLIT if setup.cr0.is_set(switches::ATSCHK) => eats::SPLIT,
            _ => eats::NONE,
        }
    }
    /// Returns the bits of stage 2's output.
    fn second_bits(&self, config: &Config, large: bool) -> u8 {
        limit_48(large, size_bits(self.words.bits(ste::S2PS)).min(config.address_bits()))
    }

    /// Returns the tables of stage 2; `None` where the entry does not describe any.
    pub fn second(&self, setup: &Setup<'_>) -> Option<Aarch64> {
        let unit = setup.config;
        let granule = granule(unit, self.words.bits(ste::S2TG))?;
        let large = large(granule, unit, self.words.is_set(ste::S2DS));
        // With 52-bit addresses S2SL0 has a third bit for granules of 4 KiB, and its last value for those of 16 KiB.
        let above = large && self.words.is_set(ste::S2SL0_2);
        let levels = match (granule, self.words.bits(ste::S2SL0)) {
            (Granule::K4, 0) if above => 5,
            (Granule::K4, _) if above => return None,
            (Granule::K4, 3) if unit.idr3(idr3::STT) != 0 => 1,
            (Granule::K16, 3) if large => 4,
            (_, 3) => return None,
            (Granule::K4, sl0) => 2 + sl0 as u8,
            (_, sl0) => 1 + sl0 as u8,
        };
        let update = match (self.words.is_set(ste::S2HD), self.words.is_set(ste::S2HA)) {
            _ if unit.updates() == httu::NONE => Update::None,
            (true, true) => Update::AccessDirty,
            (_, true) => Update::Access,
            _ => Update::None,
        };
        let update = match update {
            Update::None if self.words.is_set(ste::S2AFFD) => Update::Ignored,
            update => update,
        };
        Some(Aarch64 {
            granule,
            input_bits: 64 - self.words.bits(ste::S2T0SZ) as u8,
            levels,
            output_bits: self.second_bits(unit, large),
            regime: Regime::Stage2 { xnx: unit.idr3(idr3::XNX) != 0 },
            update,
            hierarchical: false,
            wide: large && unit.address_bits() == 52,
            check_perms: true,
            big_endian: self.words.is_set(ste::S2ENDI),
            frozen: setup.frozen,
            for_devices: true,
            deviations: deviations(unit),
        })
    }

    /// Holds the entry against the rules (IHI 0070, 5.2): the first one that it breaks.
    pub(super) fn check(&self, setup: &Setup<'_>) -> Result<(), &'static Rule> {
        let (w, unit) = (&self.words, setup.config);
        if !w.is_set(ste::V) {
            return Err(&STE_NOT_VALID);
        }
        let (first, second) = (self.stage1(), self.stage2());
        if !first && !second {
            return Ok(());
        }
        if first && !unit.has(idr0::S1P) || second && !unit.has(idr0::S2P) {
            return Err(&NO_STAGE);
        }
        if second {
            self.check_second(setup)?;
        }
        if first || unit.quirks.s2only_s1_fields {
            let many = self.substreams(unit) != 0;
            let two_levels = matches!(w.bits(ste::S1FMT), s1fmt::TWO_LEVEL_4K | s1fmt::TWO_LEVEL_64K);
            if self.substreams(unit) > unit.idr1(idr1::SSIDSIZE)
                || many && two_levels && !unit.has(idr0::CD2L)
            {
                return Err(&BAD_SUBSTREAMS);
            }
            let pointer = w.address(ste::S1CONTEXTPTR);
            if first && pointer >> unit.address_bits() != 0 && !unit.quirks.wide_pointers {
                return Err(&WIDE_POINTER);
            }
            if w.is_set(ste::S1STALLD) && unit.stall_model() != stall::BOTH {
                return Err(&BAD_STALL);
            }
        }
        if first && !second && unit.has(idr0::HYP) && !matches!(w.bits(ste::STRW), strw::EL1 | strw::EL2) {
            return Err(&BAD_WORLD);
        }
        if unit.has(idr0::ATS) {
            let split = w.bits(ste::EATS) == eats::SPLIT;
            let stalls = second && w.is_set(ste::S2S);
            if split && (!(first && second) || unit.has(idr0::NS1ATS) || stalls)
                || w.bits(ste::EATS) == eats::FULL && stalls
            {
                return Err(&BAD_ATS);
            }
        }
        // Of streams of EL2 the VMID is not looked at.
        let vmid =
            unit.has(idr0::S2P) && self.world(setup) != World::El2 && self.world(setup) != World::El2E2h;
        if vmid && !unit.has(idr0::VMID16) && w.bits(ste::S2VMID) > 0xff {
            return Err(&WIDE_VMID);
        }
        Ok(())
    }

    fn check_second(&self, setup: &Setup<'_>) -> Result<(), &'static Rule> {
        let (w, unit) = (&self.words, setup.config);
        if !w.is_set(ste::S2AA64) {
            return Err(&BAD_STAGE2);
        }
        let format = self.second(setup).ok_or(&BAD_STAGE2)?;
        let granule = format.granule;
        let tsz = w.bits(ste::S2T0SZ);
        // IAS is OAS where tables are VMSAv8-64 only (IHI 0070, 3.4).
        let widest = if unit.quirks.s2t0sz_by_s2ps { format.output_bits } else { unit.address_bits() };
        let lowest = 64 - u64::from(limit_48(large(granule, unit, w.is_set(ste::S2DS)), widest));
        let resolved = i16::from(format.input_bits) - i16::from(granule.level_shift(format.levels));
        if w.address(ste::S2TTB) >> format.output_bits != 0
            || tsz > largest_tsz(unit, granule)
            || tsz < lowest
            || resolved > i16::from(granule.stride()) + 4
            || resolved <= 0 && !unit.quirks.any_block
        {
            return Err(&BAD_STAGE2);
        }
        if !endian_fits(unit, w.is_set(ste::S2ENDI)) {
            return Err(&BAD_ENDIAN);
        }
        let stalls = w.is_set(ste::S2S);
        if stalls && unit.stall_model() == stall::NONE || !stalls && unit.stall_model() == stall::FORCED {
            return Err(&BAD_STALL);
        }
        let (ha, hd) = (w.is_set(ste::S2HA), w.is_set(ste::S2HD));
        let asked = if hd { httu::DIRTY } else { u64::from(ha) };
        if !unit.quirks.commands_accepted && asked > unit.updates() {
            return Err(&BAD_UPDATE);
        }
        Ok(())
    }
}

fn deviations(unit: &Config) -> Deviations {
    Deviations {
        limits_at_table: unit.quirks.aptable_early,
        size_last: unit.quirks.addrsize_late,
        any_block: unit.quirks.any_block,
        one_table: unit.quirks.one_table,
    }
}

/// One half of the addresses that a context descriptor translates.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Half {
    /// Its tables.
    pub format: Aarch64,
    /// 0 the lower half, 1 the upper.
    pub index: usize,
}

impl Cd {
    /// Returns ASID.
    pub fn asid(&self) -> u16 {
        self.words.bits(cd::ASID) as u16
    }
    /// Returns the bits of stage 1's output.
    fn output_bits(&self, unit: &Config, large: bool) -> u8 {
        limit_48(large, size_bits(self.words.bits(cd::IPS)).min(unit.address_bits()))
    }

    /// Returns the tables of a half, where it is on and its fields make some.
    pub fn half(&self, setup: &Setup<'_>, world: World, index: usize) -> Option<Aarch64> {
        let (w, unit) = (&self.words, setup.config);
        let upper = index == 1;
        let (off, size, code, had) = if upper {
            (cd::EPD1, cd::T1SZ, as_tg0(w.bits(cd::TG1)), cd::HAD1)
        } else {
            (cd::EPD0, cd::T0SZ, w.bits(cd::TG0), cd::HAD0)
        };
        if w.is_set(off) || upper && world == World::El2 {
            return None;
        }
        let granule = granule(unit, code)?;
        let large = large(granule, unit, w.is_set(cd::DS));
        let input_bits = 64 - w.bits(size) as u8;
        let update = match (w.is_set(cd::HD), w.is_set(cd::HA)) {
            (true, true) => Update::AccessDirty,
            (_, true) => Update::Access,
            _ if w.is_set(cd::AFFD) => Update::Ignored,
            _ => Update::None,
        };
        let regime = match world {
            World::El2 => Regime::El2 { wxn: w.is_set(cd::WXN) },
            _ => Regime::El1 { pan: w.is_set(cd::PAN), wxn: w.is_set(cd::WXN) },
        };
        Some(Aarch64 {
            granule,
            input_bits,
            levels: granule.levels(input_bits),
            output_bits: self.output_bits(unit, large),
            regime,
            update,
            hierarchical: !w.is_set(had),
            wide: large && unit.address_bits() == 52,
            check_perms: true,
            big_endian: w.is_set(cd::ENDI),
            frozen: setup.frozen,
            for_devices: true,
            deviations: deviations(unit),
        })
    }

    /// Returns the half that an address is in, and the address without an ignored top byte (DDI 0487 D8.2); `None` where
    /// it is in the gap between them, or its half is off.
    pub fn select(&self, setup: &Setup<'_>, world: World, at: u64) -> Option<(Half, u64)> {
        let upper = at >> 55 & 1 != 0;
        let ignored = if upper && !setup.config.quirks.tbi0_for_both { cd::TBI1 } else { cd::TBI0 };
        let whole = if self.words.is_set(ignored) { (at << 8) as i64 >> 8 } else { at as i64 };
        let index = usize::from(upper);
        let format = self.half(setup, world, index)?;
        let above = whole >> format.input_bits.min(63);
        (above == -i64::from(upper)).then_some((Half { format, index }, whole as u64))
    }

    /// Holds the descriptor against the rules (IHI 0070, 5.4).
    pub(super) fn check(&self, setup: &Setup<'_>, entry: &Ste) -> Result<(), &'static Rule> {
        let (w, unit) = (&self.words, setup.config);
        if !w.is_set(cd::V) {
            return Err(&CD_NOT_VALID);
        }
        if !w.is_set(cd::AA64) {
            return Err(&NO_AA64);
        }
        if !w.is_set(cd::A) && unit.has(idr0::TERM_MODEL) {
            return Err(&BAD_TERMINATE);
        }
        let stalls = w.is_set(cd::S);
        if stalls && (unit.stall_model() == stall::NONE || entry.words.is_set(ste::S1STALLD))
            || !stalls && unit.stall_model() == stall::FORCED
        {
            return Err(&CD_STALL);
        }
        let (ha, hd) = (w.is_set(cd::HA), w.is_set(cd::HD));
        let asked = if hd { httu::DIRTY } else { u64::from(ha) };
        if asked > unit.updates() {
            return Err(&CD_UPDATE);
        }
        let world = entry.world(setup);
        if world != World::El2 && !unit.has(idr0::ASID16) && w.bits(cd::ASID) > 0xff {
            return Err(&WIDE_ASID);
        }
        for (index, (off, size, table)) in
            [(cd::EPD0, cd::T0SZ, cd::TTB0), (cd::EPD1, cd::T1SZ, cd::TTB1)].into_iter().enumerate()
        {
            if w.is_set(off) || index == 1 && world == World::El2 {
                continue;
            }
            let Some(format) = self.half(setup, world, index) else { return Err(&CD_TABLE) };
            let tsz = w.bits(size);
            let large = large(format.granule, unit, w.is_set(cd::DS));
            let lowest = if large && unit.idr5(idr5::VAX) != 0 { 12 } else { 16 };
            if tsz < lowest
                || tsz > largest_tsz(unit, format.granule)
                || w.address(table) >> format.output_bits != 0
            {
                return Err(&CD_TABLE);
            }
            if !endian_fits(unit, w.is_set(cd::ENDI)) {
                return Err(&CD_ENDIAN);
            }
        }
        Ok(())
    }
}
