//! MSI page tables: the address of a virtual interrupt file becomes that of a real one, or of a memory-resident
//! one (RISC-V IOMMU, "Process to translate addresses of MSIs"; AIA 8.4 and 8.5).

use super::access::{Place, Trouble};
use super::config::Config;
use super::context::{Dc, Setup};
use super::faults;
use super::spec::registers::capabilities as cap;
use super::spec::structures::{self as entries, dc, mrif, msi_mode, msi_pte, msi_pte_mrif};
use crate::addr::{AnyAddr, PageSize, PhysAddr, Space};
use crate::memory::Memory;
use crate::spec::{Bits, FaultCode, Rule, Text};
use crate::trace::{Actor, Observer, Scope, Stage, Verdict};

/// Where an interrupt message goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MsiHit {
    /// The address, offset included: of an interrupt file, or in MRIF mode of the notice MSI.
    pub to: u64,
    /// Number of the interrupt file.
    pub file: u64,
    /// In MRIF mode: the memory-resident interrupt file, and the notice identity.
    pub mrif: Option<(u64, u32)>,
}

/// Packs the bits of `x` that `mask` names, the lowest first.
pub const fn extract(x: u64, mask: u64) -> u64 {
    let (mut out, mut to, mut bit) = (0, 0, 0);
    // Bounded: 64 bits.
    while bit < 64 {
        if mask >> bit & 1 != 0 {
            out |= (x >> bit & 1) << to;
            to += 1;
        }
        bit += 1;
    }
    out
}

/// Returns mask and pattern of a device context, cut to the bits an address can have.
fn shape(config: &Config, dc: &Dc) -> (u64, u64, u64) {
    let all = (1u64 << (config.msi_address_bits() - 12)) - 1;
    (dc.words.bits(dc::MSI_ADDR_MASK) & all, dc.words.bits(dc::MSI_ADDR_PATTERN), all)
}

/// Returns whether the guest-physical address is that of a virtual interrupt file.
pub fn is_interrupt_file(config: &Config, dc: &Dc, gpa: u64) -> bool {
    let (mask, pattern, all) = shape(config, dc);
    dc.is(dc::MSIPTP_MODE) && (gpa >> 12 ^ pattern) & !mask & all == 0
}

/// Returns a page of the second stage is remembered only as far as it holds no interrupt file: the largest part, by factors
/// of 512, around the address that holds none.
pub fn without_interrupt_files(config: &Config, dc: &Dc, gpa: u64, size: PageSize) -> PageSize {
    if !dc.is(dc::MSIPTP_MODE) {
        return size;
    }
    let (mask, pattern, all) = shape(config, dc);
    let mut shift = size.shift();
    // Bounded: 64 bits.
    while shift > 12 {
        let inside = (1u64 << (shift - 12)) - 1;
        if (gpa >> 12 ^ pattern) & !mask & all & !inside != 0 {
            break;
        }
        shift = shift.saturating_sub(9).max(12);
    }
    PageSize::from_shift(shift)
}

macro_rules! rules {
    ($($id:ident $en:literal $zh:literal;)*) => {
        $(static $id: Rule = Rule { text: Text::new($en, $zh), section: "RISC-V IOMMU, MSI address translation" };)*
    };
}

rules! {
    NOT_VALID "V = 0: the entry is not valid" "表项无效（V = 0）";
    CUSTOM "C = 1: no custom format is defined" "未定义自定义格式（C = 1）";
    BAD_MODE "M is 0 or 2, or MRIF mode without capabilities.MSI_MRIF" "M 为 0 或 2，或不支持 MRIF 而使用 MRIF 模式";
    RESERVED "a reserved bit is 1" "保留位为 1";
}

/// Translates the address of a virtual interrupt file.
pub fn translate<O: Observer>(
    setup: &Setup<'_>,
    dc: &Dc,
    memory: &Memory,
    gpa: u64,
    obs: &mut O,
) -> Result<MsiHit, &'static FaultCode> {
    let (mask, _, _) = shape(setup.config, dc);
    let file = extract(gpa >> 12, mask);
    let root = dc.words.address(dc::MSIPTP_PPN);
    let any = |space, raw| AnyAddr { space, raw };
    let (input, table) = (any(Space::GuestPhysical, gpa), any(Space::Physical, root));
    obs.begin(Actor::Iommu, Scope::Walk { stage: Stage::Interrupt, input, root: table, root_bits: 0 });
    let result = entry(setup, memory, gpa, file, root, obs);
    obs.end(Actor::Iommu, result.as_ref().map_or_else(|code| Verdict::Fault(code), |_| Verdict::Ok));
    result
}

fn entry<O: Observer>(
    setup: &Setup<'_>,
    memory: &Memory,
    gpa: u64,
    file: u64,
    root: u64,
    obs: &mut O,
) -> Result<MsiHit, &'static FaultCode> {
    let pa = root | file << 4;
    let mut place = Place::physical(&entries::MSI_PTE, 1, file as u32, pa);
    let words =
        place.read(&setup.config.reach(setup.big_endian()), memory, obs).map_err(
            |trouble| match trouble {
                Trouble::Access => &faults::MSI_ACCESS_FAULT,
                Trouble::Corrupt => &faults::MSI_CORRUPTION,
            },
        )?;
    let mode = words.bits(msi_pte::M);
    if mode == msi_mode::MRIF {
        place.entry = &entries::MSI_PTE_MRIF;
    }
    let known = match mode {
        msi_mode::BASIC => true,
        msi_mode::MRIF => setup.config.has(cap::MSI_MRIF),
        _ => false,
    };
    let refused = if !words.is_set(msi_pte::V) {
        Some((&NOT_VALID, &faults::MSI_NOT_VALID))
    } else if words.is_set(msi_pte::C) {
        Some((&CUSTOM, &faults::MSI_MISCONFIGURED))
    } else if !known {
        Some((&BAD_MODE, &faults::MSI_MISCONFIGURED))
    } else if place.entry.reserved_set(&words, 64) {
        Some((&RESERVED, &faults::MSI_MISCONFIGURED))
    } else {
        None
    };
    if let Some((rule, code)) = refused {
        place.record(&words, Verdict::Refused(rule), obs);
        return Err(code);
    }
    let hit = if mode == msi_mode::BASIC {
        MsiHit { to: words.address(msi_pte::PPN) | gpa & 0xfff, file, mrif: None }
    } else {
        let identity = words.bits(msi_pte_mrif::NID_HIGH) << 10 | words.bits(msi_pte_mrif::NID_LOW);
        let mrif = words.address(msi_pte_mrif::MRIF_ADDRESS);
        MsiHit { to: words.address(msi_pte_mrif::NPPN), file, mrif: Some((mrif, identity as u32)) }
    };
    place.record(&words, Verdict::Next(AnyAddr { space: Space::Physical, raw: hit.to }), obs);
    Ok(hit)
}

/// Returns whether a write to a page in MRIF mode is accepted and discarded: one beside seteipnum_le (that for big-endian data is
/// not there), or an identity above 2047 (AIA, "MSI PTE, MRIF mode").
pub const fn discards(at: u64, data: u32) -> bool {
    at & 0xffc != 0 || data > 2047
}

/// Stores an identity in a memory-resident interrupt file: sets its pending bit. Identities are 0 to 2047: 0 is as good as any
/// (AIA 8.3.1). Whether it is enabled does not count: a notice MSI follows always (AIA 8.3.2).
pub fn store<O: Observer>(
    config: &Config,
    memory: &mut Memory,
    file: u64,
    identity: u32,
    obs: &mut O,
) -> Result<(), &'static FaultCode> {
    let pair = file + u64::from(identity / 64) * 16;
    let place = Place::physical(&entries::MRIF, 0, identity / 64, pair);
    // The interrupt file is little-endian whatever fctl.BE says (AIA 8.3.1).
    let words = place.read(&config.reach(false), memory, obs).map_err(|trouble| match trouble {
        Trouble::Access => &faults::MRIF_ACCESS_FAULT,
        Trouble::Corrupt => &faults::MRIF_CORRUPTION,
    })?;
    place.record(&words, Verdict::Ok, obs);
    let bit = 1u64 << (identity % 64);
    let at = PhysAddr::new(pair);
    crate::trace::write_word(
        memory,
        obs,
        Actor::Iommu,
        Some(&entries::MRIF),
        at,
        words.bits(mrif::EIP) | bit,
    )
    .map_err(|_| &faults::MRIF_ACCESS_FAULT)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extract_packs_named_bits() {
        assert_eq!(extract(0b1010_0110, 0b1010_0110), 0b1111);
        assert_eq!(extract(0b0010_0100, 0b1010_0110), 0b0110);
        assert_eq!(extract(u64::MAX, 0), 0);
    }
}
