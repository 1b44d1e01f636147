//! From a StreamID to its stream table entry, and from a SubstreamID to its context descriptor (IHI 0070, 3.3, 3.9 and 5).

use super::context::{Cd, Setup, Ste, BEYOND_SPAN, L1CD_NOT_VALID, NO_TABLE, WIDE_L2PTR};
use super::fault::Stopped;
use super::spec::registers::{cr2, fmt, idr0, idr1, strtab_base, strtab_base_cfg};
use super::spec::structures::{s1dss, s1fmt};
use super::spec::{cd, events, l1cd, l1std, ste, CD, L1CD, L1STD, STE};
use super::stages::Stages;
use crate::addr::{AnyAddr, Space};
use crate::iommu::fetch::Place;
use crate::memory::Memory;
use crate::spec::Bits;
use crate::trace::{Actor, Observer, Scope, Stage, Verdict};

const fn physical(raw: u64) -> AnyAddr {
    AnyAddr { space: Space::Physical, raw }
}

/// Finds the stream table entry of a StreamID (IHI 0070, 3.3.1 and 5.1).
pub fn find_stream<O: Observer>(
    setup: &Setup<'_>,
    memory: &Memory,
    stream: u32,
    obs: &mut O,
) -> Result<Ste, Stopped> {
    let scope = Scope::Walk {
        stage: Stage::Device,
        input: AnyAddr { space: Space::Iova, raw: stream.into() },
        root: physical(setup.table.address(strtab_base::ADDR)),
        root_bits: 0,
    };
    obs.begin(Actor::Iommu, scope);
    let result = look_for_stream(setup, memory, stream, obs);
    let verdict = match &result {
        Ok(_) => Verdict::Ok,
        Err(stopped) => stopped.verdict(),
    };
    obs.end(Actor::Iommu, verdict);
    result
}

fn look_for_stream<O: Observer>(
    setup: &Setup<'_>,
    memory: &Memory,
    stream: u32,
    obs: &mut O,
) -> Result<Ste, Stopped> {
    let (unit, layout) = (setup.config, setup.layout);
    let bits = layout.bits(strtab_base_cfg::LOG2SIZE);
    let bad_stream = || Stopped {
        recorded: setup.cr2.is_set(cr2::RECINVSID) || unit.quirks.bad_streamid_always,
        ..Stopped::new(&events::C_BAD_STREAMID)
    };
    if u64::from(stream) >> bits.min(unit.idr1(idr1::SIDSIZE)) != 0 {
        return Err(bad_stream());
    }
    let base = setup.table.address(strtab_base::ADDR);
    let reach = unit.reach();
    let stream = u64::from(stream);
    let (at, index) = if layout.bits(strtab_base_cfg::FMT) == fmt::TWO_LEVEL && unit.idr0(idr0::ST_LEVEL) != 0
    {
        let split = match layout.bits(strtab_base_cfg::SPLIT) {
            split @ (6 | 8 | 10) => split,
            _ => 6,
        };
        let aligned = (bits + 2).saturating_sub(split).max(5) + 1;
        let index = stream >> split;
        let pa = (base & !((1 << aligned) - 1)) + index * 8;
        let place = Place { entry: &L1STD, level: 2, index: index as u32, at: physical(pa), pa };
        let words = place
            .read(&reach, memory, obs)
            .map_err(|_| Stopped { address: pa, ..Stopped::new(&events::F_STE_FETCH) })?;
        let span = words[0].bits(l1std::SPAN);
        let table = words[0].address(l1std::L2PTR);
        // More than SPLIT leaves room for is as good as none.
        if !(1..=11).contains(&span) || span > split + 1 {
            place.record(&words, Verdict::Refused(&NO_TABLE), obs);
            return Err(bad_stream());
        }
        let table = table & !((1 << (span + 5)) - 1);
        let index = stream & ((1 << split) - 1);
        if index >> (span - 1) != 0 {
            place.record(&words, Verdict::Refused(&BEYOND_SPAN), obs);
            return Err(match unit.quirks.l2_range_type {
                true => Stopped::new(&events::C_BAD_STE),
                false => bad_stream(),
            });
        }
        place.record(&words, Verdict::Next(physical(table)), obs);
        (table + index * 64, index)
    } else {
        let below = 1u64.checked_shl(bits as u32 + 6).map_or(u64::MAX, |size| size - 1);
        ((base & !below) + stream * 64, stream)
    };
    let place = Place { entry: &STE, level: 1, index: index as u32, at: physical(at), pa: at };
    let words = place
        .read(&reach, memory, obs)
        .map_err(|_| Stopped { address: at, ..Stopped::new(&events::F_STE_FETCH) })?;
    let entry = Ste { words };
    match entry.check(setup) {
        Err(rule) => {
            place.record(&words, Verdict::Refused(rule), obs);
            Err(Stopped::new(&events::C_BAD_STE))
        }
        Ok(()) => {
            let space = if entry.stage2() { Space::GuestPhysical } else { Space::Physical };
            let verdict = if entry.stage1() {
                Verdict::Next(AnyAddr { space, raw: words.address(ste::S1CONTEXTPTR) })
            } else if entry.stage2() {
                Verdict::Next(physical(words.address(ste::S2TTB)))
            } else {
                Verdict::Ok
            };
            place.record(&words, verdict, obs);
            Ok(entry)
        }
    }
}

/// What a transaction's SubstreamID, or its absence, leads to (IHI 0070, 3.9).
pub enum Substream {
    /// The context descriptor of this number.
    Descriptor(u32),
    /// Around stage 1.
    Bypass,
}

/// Decides which context descriptor a transaction uses.
pub fn substream(setup: &Setup<'_>, entry: &Ste, number: Option<u32>) -> Result<Substream, Stopped> {
    let many = entry.substreams(setup.config);
    match number {
        Some(number) if u64::from(number) >> many != 0 || many == 0 => {
            Err(Stopped::new(&events::C_BAD_SUBSTREAMID))
        }
        // Descriptor 0 is for transactions without a SubstreamID then.
        Some(0) if entry.words.bits(ste::S1DSS) == s1dss::SUBSTREAM_0 => {
            Err(Stopped::new(&events::F_STREAM_DISABLED))
        }
        Some(number) => Ok(Substream::Descriptor(number)),
        None if many == 0 => Ok(Substream::Descriptor(0)),
        None => match entry.words.bits(ste::S1DSS) {
            s1dss::BYPASS => Ok(Substream::Bypass),
            s1dss::SUBSTREAM_0 => Ok(Substream::Descriptor(0)),
            // What is reserved is as "terminate".
            _ => Err(Stopped::new(&events::F_STREAM_DISABLED)),
        },
    }
}

/// Finds the context descriptor of a SubstreamID (IHI 0070, 3.9 and 5.3), its pointers translated by stage 2 where that
/// is on.
pub fn find_descriptor<O: Observer>(
    setup: &Setup<'_>,
    stages: &mut Stages<'_, '_>,
    memory: &mut Memory,
    entry: &Ste,
    number: u32,
    obs: &mut O,
) -> Result<Cd, Stopped> {
    let space = if entry.stage2() { Space::GuestPhysical } else { Space::Physical };
    let scope = Scope::Walk {
        stage: Stage::Process,
        input: AnyAddr { space: Space::Iova, raw: number.into() },
        root: AnyAddr { space, raw: entry.words.address(ste::S1CONTEXTPTR) },
        root_bits: 0,
    };
    obs.begin(Actor::Iommu, scope);
    let result = look_for_descriptor(setup, stages, memory, entry, number, space, obs);
    let verdict = match &result {
        Ok(_) => Verdict::Ok,
        Err(stopped) => stopped.verdict(),
    };
    obs.end(Actor::Iommu, verdict);
    result
}

fn look_for_descriptor<O: Observer>(
    setup: &Setup<'_>,
    stages: &mut Stages<'_, '_>,
    memory: &mut Memory,
    entry: &Ste,
    number: u32,
    space: Space,
    obs: &mut O,
) -> Result<Cd, Stopped> {
    let unit = setup.config;
    let reach = unit.reach();
    let pointer = entry.words.address(ste::S1CONTEXTPTR);
    let fetched = |at: u64| Stopped { address: at, ..Stopped::new(&events::F_CD_FETCH) };
    let leaf_bits = match entry.words.bits(ste::S1FMT) {
        s1fmt::TWO_LEVEL_4K => 6,
        s1fmt::TWO_LEVEL_64K => 10,
        _ => 0,
    };
    let number = u64::from(number);
    let (table, index) = if leaf_bits != 0 && entry.substreams(unit) != 0 {
        let index = number >> leaf_bits;
        let at = pointer + index * 8;
        let pa = stages.descriptor(memory, at, obs)?;
        let place = Place { entry: &L1CD, level: 2, index: index as u32, at: AnyAddr { space, raw: at }, pa };
        let words = place.read(&reach, memory, obs).map_err(|_| fetched(at))?;
        if !words[0].is_set(l1cd::V) {
            place.record(&words, Verdict::Refused(&L1CD_NOT_VALID), obs);
            return Err(Stopped::new(&events::C_BAD_SUBSTREAMID));
        }
        let table = words[0].address(l1cd::L2PTR);
        if table >> unit.address_bits() != 0 {
            place.record(&words, Verdict::Refused(&WIDE_L2PTR), obs);
            return Err(Stopped::new(&events::C_BAD_SUBSTREAMID));
        }
        place.record(&words, Verdict::Next(AnyAddr { space, raw: table }), obs);
        (table, number & ((1 << leaf_bits) - 1))
    } else {
        (pointer, number)
    };
    let at = table + index * 64;
    let pa = stages.descriptor(memory, at, obs)?;
    let place = Place { entry: &CD, level: 1, index: index as u32, at: AnyAddr { space, raw: at }, pa };
    let words = place.read(&reach, memory, obs).map_err(|_| fetched(pa))?;
    let mut found = Cd { words, tables: [words.address(cd::TTB0), words.address(cd::TTB1)] };
    if let Err(rule) = found.check(setup, entry) {
        // The model translates the lower half's table before it looks at the upper half.
        if unit.quirks.ttb_eager && stages.second.is_some() {
            eager(setup, stages, memory, entry, &mut found, true, obs)?;
        }
        place.record(&words, Verdict::Refused(rule), obs);
        return Err(Stopped::new(&events::C_BAD_CD));
    }
    if unit.quirks.ttb_eager && stages.second.is_some() {
        eager(setup, stages, memory, entry, &mut found, false, obs)?;
    }
    place.record(&words, Verdict::Ok, obs);
    Ok(found)
}

/// Translates the first tables of both halves, as [`ttb_eager`](super::config::Quirks::ttb_eager) says. With `illegal` only
/// those that come before the half that is not legal.
fn eager<O: Observer>(
    setup: &Setup<'_>,
    stages: &mut Stages<'_, '_>,
    memory: &mut Memory,
    entry: &Ste,
    found: &mut Cd,
    illegal: bool,
    obs: &mut O,
) -> Result<(), Stopped> {
    if illegal {
        let lower_alone = Cd { words: found.words.with_flag(cd::EPD1, true), ..*found };
        if found.words.is_set(cd::EPD0) || lower_alone.check(setup, entry).is_err() {
            return Ok(());
        }
        stages.first_table(memory, found.tables[0], obs)?;
        return Ok(());
    }
    for (table, off) in found.tables.iter_mut().zip([cd::EPD0, cd::EPD1]) {
        if !found.words.is_set(off) {
            *table = stages.first_table(memory, *table, obs)?;
        }
    }
    Ok(())
}
