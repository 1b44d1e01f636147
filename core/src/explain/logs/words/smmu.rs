//! From a function to its page tables as an SMMUv3 finds them: the stream table and the context descriptors, with what stops a
//! transaction there (IHI 0070, 3.3, 3.9 and 5). Which features the unit has no dump says: all count as there.

use super::stage::{Any, End, Stage};
use super::way::{refused, valid, Stages, Way, ABSENT, PASSED, RESERVED};
use crate::iommu::smmuv3::spec::registers::{fmt, strtab_base, strtab_base_cfg};
use crate::iommu::smmuv3::spec::structures::{config, s1dss, s1fmt, size_bits, tg, tg1};
use crate::iommu::smmuv3::spec::{cd, l1cd, l1std, ste};
use crate::paging::aarch64::{Aarch64, Granule, Update};
use crate::spec::{Bits, Field, Text};

const STREAM_ENTRY: Text = Text::new("level 1 stream table descriptor", "一级流表描述符");
const STE: Text = Text::new("stream table entry (STE)", "流表项（STE）");
const DESCRIPTOR_TABLE: Text = Text::new("level 1 context descriptor", "一级上下文描述符");
const CD: Text = Text::new("context descriptor (CD)", "上下文描述符（CD）");

const BEYOND_TABLE: Text = Text::new(
    "the StreamID is beyond the stream table (LOG2SIZE): C_BAD_STREAMID",
    "StreamID 超出流表（LOG2SIZE）：C_BAD_STREAMID",
);
const NO_TABLE: Text = Text::new(
    "Span is 0, reserved or more than SPLIT + 1: C_BAD_STREAMID",
    "Span 为 0、为保留值或大于 SPLIT + 1：C_BAD_STREAMID",
);
const BEYOND_SPAN: Text =
    Text::new("the StreamID is beyond the Span: C_BAD_STREAMID", "StreamID 超出 Span：C_BAD_STREAMID");
const TERMINATED: Text = Text::new("every transaction is terminated", "终止所有事务");
const BAD_STAGE2: Text = Text::new(
    "S2TG, S2T0SZ, S2SL0, S2TTB or S2AA64 do not make a table: C_BAD_STE",
    "S2TG、S2T0SZ、S2SL0、S2TTB 或 S2AA64 不构成合法页表：C_BAD_STE",
);
const BAD_SUBSTREAMS: Text =
    Text::new("S1CDMax is more than there can be: C_BAD_STE", "S1CDMax 超出可能的最大值：C_BAD_STE");
const NO_SUBSTREAMS: Text = Text::new(
    "the SubstreamID (PASID) is beyond S1CDMax, or there are none: C_BAD_SUBSTREAMID",
    "SubstreamID（PASID）超出 S1CDMax，或没有 SubstreamID：C_BAD_SUBSTREAMID",
);
const ZERO_TAKEN: Text = Text::new(
    "S1DSS keeps descriptor 0 for transactions without SubstreamID: F_STREAM_DISABLED",
    "S1DSS 把 0 号描述符留给不带 SubstreamID 的事务：F_STREAM_DISABLED",
);
const WITHOUT: Text = Text::new(
    "S1DSS terminates transactions without SubstreamID: F_STREAM_DISABLED",
    "S1DSS 终止不带 SubstreamID 的事务：F_STREAM_DISABLED",
);
const NO_AA64: Text = Text::new(
    "AA64 is 0: no VMSAv8-64 tables (C_BAD_CD, or tables that are not read here)",
    "AA64 为 0：不是 VMSAv8-64 页表（C_BAD_CD，或这里不读的页表）",
);
const BAD_HALF: Text = Text::new(
    "TG, TSZ or TTB of a half do not make a table: C_BAD_CD",
    "某半部的 TG、TSZ 或 TTB 不构成合法页表：C_BAD_CD",
);
const OFF: Text = Text::new(
    "this half of the addresses is off (EPD): F_TRANSLATION",
    "地址的这一半已关闭（EPD）：F_TRANSLATION",
);
const GAP: Text = Text::new(
    "the address is in the gap between the halves that these tables translate: F_TRANSLATION",
    "地址落在这些页表所转换的两半之间：F_TRANSLATION",
);
/// The most bits of a SubstreamID.
const MOST_SUBSTREAM_BITS: u64 = 20;

impl Way<'_> {
    pub(super) fn smmu(&mut self) -> Result<Stages, End> {
        let at = match self.entry {
            Some(_) => 0,
            None => self.stream()?,
        };
        let substream = self.asked.pasid.map(u64::from);
        let words = self.own::<8>(STE, at, |words| ste_says(words, substream.is_some()))?;
        let (first, second) = stages(&words);
        let below = second.then(|| second_stage(&words)).flatten();
        if !first {
            return Ok((None, below));
        }
        // Which descriptor (IHI 0070, 3.9); what is reserved is as "terminate".
        let many = words.bits(ste::S1CDMAX);
        let number = match (substream, words.bits(ste::S1DSS)) {
            (Some(number), _) if many == 0 || number >> many != 0 => return refused(NO_SUBSTREAMS),
            (Some(0), s1dss::SUBSTREAM_0) => return refused(ZERO_TAKEN),
            (Some(number), _) => number,
            (None, _) if many == 0 => 0,
            (None, s1dss::BYPASS) => return Ok((None, below)),
            (None, s1dss::SUBSTREAM_0) => 0,
            (None, _) => return refused(WITHOUT),
        };
        let at = self.descriptor(&words, number, below.as_ref())?;
        let input = self.asked.address;
        let upper = input >> 55 & 1 != 0;
        let words = self.read::<8>(CD, at, below.as_ref(), |words| {
            if !words.is_set(cd::V) {
                return Err(ABSENT);
            }
            if !words.is_set(cd::AA64) {
                return Err(NO_AA64);
            }
            for half in [false, true] {
                if !words.is_set(of(half).off) {
                    tables(words, half).ok_or(BAD_HALF)?;
                }
            }
            match words.is_set(of(upper).off) {
                true => Err(OFF),
                false => Ok(words.address(of(upper).table)),
            }
        })?;
        let Some(format) = tables(&words, upper) else { return refused(BAD_HALF) };
        // Without an ignored top byte (DDI 0487 D8.2).
        let whole = match words.is_set(of(upper).ignored) {
            true => (input << 8) as i64 >> 8,
            false => input as i64,
        };
        if whole >> format.input_bits.min(63) != -i64::from(upper) {
            return refused(GAP);
        }
        self.asked.address = whole as u64;
        let root = format.root(words.address(of(upper).table));
        Ok((Some(Stage::new(Any::Arm(format), root)), below))
    }

    /// Where the stream table entry is (IHI 0070, 3.3.1 and 5.1). What is reserved of FMT is as a linear table.
    fn stream(&mut self) -> Result<u64, End> {
        let base = self.root.first().map_or(0, |root| root.address(strtab_base::ADDR));
        let stream = u64::from(self.number());
        // Without the second register the table counts as linear, and as large as it has to be.
        let Some(layout) = self.root.get(1).copied() else { return Ok(base + stream * 64) };
        let bits = layout.bits(strtab_base_cfg::LOG2SIZE);
        if stream >> bits != 0 {
            return refused(BEYOND_TABLE);
        }
        if layout.bits(strtab_base_cfg::FMT) != fmt::TWO_LEVEL {
            let below = 1u64.checked_shl(bits as u32 + 6).map_or(u64::MAX, |size| size - 1);
            return Ok((base & !below) + stream * 64);
        }
        let split = match layout.bits(strtab_base_cfg::SPLIT) {
            split @ (6 | 8 | 10) => split,
            _ => 6,
        };
        let aligned = (bits + 2).saturating_sub(split).max(5) + 1;
        let (at, index) =
            ((base & !((1 << aligned) - 1)) + (stream >> split) * 8, stream & ((1 << split) - 1));
        let table = |words: &[u64; 1]| {
            let span = words.bits(l1std::SPAN);
            // More than SPLIT leaves room for is as good as none.
            if !(1..=11).contains(&span) || span > split + 1 {
                Err(NO_TABLE)
            } else if index >> (span - 1) != 0 {
                Err(BEYOND_SPAN)
            } else {
                Ok(words.address(l1std::L2PTR) & !((1 << (span + 5)) - 1))
            }
        };
        let entry = self.read::<1>(STREAM_ENTRY, at, None, table)?;
        Ok(table(&entry).unwrap_or(0) + index * 64)
    }

    /// Where the context descriptor of this number is (IHI 0070, 3.9 and 5.3).
    fn descriptor(&mut self, words: &[u64; 8], number: u64, below: Option<&Stage>) -> Result<u64, End> {
        let pointer = words.address(ste::S1CONTEXTPTR);
        let bits = match words.bits(ste::S1FMT) {
            _ if words.bits(ste::S1CDMAX) == 0 => 0,
            s1fmt::TWO_LEVEL_4K => 6,
            s1fmt::TWO_LEVEL_64K => 10,
            _ => return Ok(pointer + number * 64),
        };
        if bits == 0 {
            return Ok(pointer + number * 64);
        }
        let [entry] = self.read::<1>(DESCRIPTOR_TABLE, pointer + (number >> bits) * 8, below, |words| {
            valid(words.is_set(l1cd::V), words.address(l1cd::L2PTR))
        })?;
        Ok(entry.address(l1cd::L2PTR) + (number & ((1 << bits) - 1)) * 64)
    }
}

/// Whether stage 1 and stage 2 translate.
fn stages(words: &[u64; 8]) -> (bool, bool) {
    let config = words.bits(ste::CONFIG);
    (matches!(config, config::S1 | config::NESTED), matches!(config, config::S2 | config::NESTED))
}

fn ste_says(words: &[u64; 8], substream: bool) -> Result<u64, Text> {
    let (first, second) = stages(words);
    match words.bits(ste::CONFIG) {
        _ if !words.is_set(ste::V) => Err(ABSENT),
        0..config::BYPASS => Err(TERMINATED),
        _ if second && second_stage(words).is_none() => Err(BAD_STAGE2),
        _ if first && words.bits(ste::S1CDMAX) > MOST_SUBSTREAM_BITS => Err(BAD_SUBSTREAMS),
        // A SubstreamID needs a stage 1 to be of use (IHI 0070, 3.9).
        _ if !first && substream => Err(NO_SUBSTREAMS),
        config::BYPASS => Err(PASSED),
        config::S2 => Ok(words.address(ste::S2TTB)),
        config::S1 | config::NESTED => Ok(words.address(ste::S1CONTEXTPTR)),
        _ => Err(RESERVED),
    }
}

/// Stage 2 of an entry, where its fields make one (IHI 0070, 5.2).
fn second_stage(words: &[u64; 8]) -> Option<Stage> {
    let granule = granule(words.bits(ste::S2TG))?;
    let large = granule == Granule::K64 || words.is_set(ste::S2DS);
    let above = large && words.is_set(ste::S2SL0_2);
    let levels = match (granule, words.bits(ste::S2SL0)) {
        (Granule::K4, 0) if above => 5,
        (Granule::K4, _) if above => return None,
        (Granule::K4, 3) => 1,
        (Granule::K16, 3) if large => 4,
        (_, 3) => return None,
        (Granule::K4, start) => 2 + start as u8,
        (_, start) => 1 + start as u8,
    };
    let size = words.bits(ste::S2T0SZ);
    let input_bits = input_bits(size, granule, large)?;
    let output_bits = output_bits(words.bits(ste::S2PS), large);
    // Up to 16 tables side by side at the top.
    let resolved = i16::from(input_bits) - i16::from(granule.level_shift(levels));
    let fits = resolved > 0 && resolved <= i16::from(granule.stride()) + 4;
    let table = words.address(ste::S2TTB);
    if !words.is_set(ste::S2AA64) || !fits || table >> output_bits != 0 {
        return None;
    }
    let format = Aarch64 {
        levels,
        output_bits,
        update: update(words.is_set(ste::S2HA), words.is_set(ste::S2HD), words.is_set(ste::S2AFFD)),
        wide: large && output_bits == 52,
        big_endian: words.is_set(ste::S2ENDI),
        frozen: true,
        ..Aarch64::stage2(granule, input_bits).for_devices()
    };
    Some(Stage::new(Any::Arm(format), format.root(table)))
}

/// The fields of one half of a context descriptor.
struct Half {
    off: Field,
    size: Field,
    table: Field,
    ignored: Field,
    flat: Field,
}

fn of(upper: bool) -> Half {
    match upper {
        false => Half { off: cd::EPD0, size: cd::T0SZ, table: cd::TTB0, ignored: cd::TBI0, flat: cd::HAD0 },
        true => Half { off: cd::EPD1, size: cd::T1SZ, table: cd::TTB1, ignored: cd::TBI1, flat: cd::HAD1 },
    }
}

/// The tables of a half, where its fields make some (IHI 0070, 5.4).
fn tables(words: &[u64; 8], upper: bool) -> Option<Aarch64> {
    let half = of(upper);
    let granule = match upper {
        false => granule(words.bits(cd::TG0))?,
        true => match words.bits(cd::TG1) {
            tg1::K4 => Granule::K4,
            tg1::K16 => Granule::K16,
            tg1::K64 => Granule::K64,
            _ => return None,
        },
    };
    let large = granule == Granule::K64 || words.is_set(cd::DS);
    let input_bits = input_bits(words.bits(half.size), granule, large)?;
    let output_bits = output_bits(words.bits(cd::IPS), large);
    (words.address(half.table) >> output_bits == 0).then(|| Aarch64 {
        output_bits,
        update: update(words.is_set(cd::HA), words.is_set(cd::HD), words.is_set(cd::AFFD)),
        hierarchical: !words.is_set(half.flat),
        wide: large && output_bits == 52,
        big_endian: words.is_set(cd::ENDI),
        frozen: true,
        ..Aarch64::stage1(granule, input_bits).for_devices()
    })
}

/// The bits of an input address whose size field is this; none where it is out of range.
fn input_bits(size: u64, granule: Granule, large: bool) -> Option<u8> {
    let lowest = if large { 12 } else { 16 };
    let largest = if granule == Granule::K64 { 47 } else { 48 };
    (lowest..=largest).contains(&size).then_some(64 - size as u8)
}

fn output_bits(size: u64, large: bool) -> u8 {
    size_bits(size).min(if large { 52 } else { 48 })
}

fn update(access: bool, dirty: bool, ignored: bool) -> Update {
    match (access, dirty) {
        (true, true) => Update::AccessDirty,
        (true, false) => Update::Access,
        (false, _) if ignored => Update::Ignored,
        (false, _) => Update::None,
    }
}

fn granule(code: u64) -> Option<Granule> {
    match code {
        tg::K4 => Some(Granule::K4),
        tg::K64 => Some(Granule::K64),
        tg::K16 => Some(Granule::K16),
        _ => None,
    }
}
