//! Walkers written by hand over one flat array of words: what ours is held against.

use crate::setup::FORMAT;

const MASK: u64 = 0x000f_ffff_ffff_f000;

/// The least that a walk can be: four loads, four tests of the present bit.
#[inline]
pub fn bare(words: &[u64], root: u64, at: u64) -> Option<u64> {
    let mut table = root;
    for shift in [39, 30, 21, 12] {
        let entry = *words.get(((table + (at >> shift & 511) * 8) >> 3) as usize)?;
        if entry & 1 == 0 {
            return None;
        }
        table = entry & MASK;
    }
    Some(table | at & 0xfff)
}

/// What our walker is held against: written by hand for this one format over one flat array, with every check that
/// the format asks for: canonical form, present, reserved bits by level, large pages, rights gathered on the way and
/// decided at the leaf.
#[inline]
pub fn floor(words: &[u64], root: u64, at: u64) -> Option<u64> {
    let above = MASK & !((1 << FORMAT.phys_bits) - 1);
    if (at << 16) as i64 >> 16 != at as i64 {
        return None;
    }
    let (mut table, mut rights) = (root, u64::MAX);
    for (level, reserved_large) in [(4u32, 0x80), (3, 0x3fff_e000), (2, 0x001f_e000), (1, 0)] {
        let shift = 3 + 9 * level;
        let entry = *words.get(((table + (at >> shift & 511) * 8) >> 3) as usize)?;
        let large = entry & 0x80 != 0;
        if entry & 1 == 0 || entry & (above | if large { reserved_large } else { 0 }) != 0 {
            return None;
        }
        rights &= entry;
        table = entry & MASK;
        if level == 1 || large {
            // A user read needs U/S in every entry.
            let mask = (1 << shift) - 1;
            return (rights & 4 != 0).then_some(table & !mask | at & mask);
        }
    }
    None
}

/// Our nested walk's floor: the same walk by hand, each table's address and the result taken through the second
/// tables, every entry of both with all its checks.
#[inline]
pub fn nested_floor(words: &[u64], guest_root: u64, ept_root: u64, at: u64) -> Option<u64> {
    let mut table = guest_root;
    let above = MASK & !((1 << FORMAT.phys_bits) - 1);
    if (at << 16) as i64 >> 16 != at as i64 {
        return None;
    }
    let mut rights = u64::MAX;
    for (level, reserved_large) in [(4u32, 0x80), (3, 0x3fff_e000), (2, 0x001f_e000), (1, 0)] {
        let shift = 3 + 9 * level;
        let place = ept_floor(words, ept_root, table + (at >> shift & 511) * 8)?;
        let entry = *words.get((place >> 3) as usize)?;
        let large = entry & 0x80 != 0;
        if entry & 1 == 0 || entry & (above | if large { reserved_large } else { 0 }) != 0 {
            return None;
        }
        rights &= entry;
        table = entry & MASK;
        if level == 1 || large {
            let mask = (1 << shift) - 1;
            return if rights & 4 != 0 {
                ept_floor(words, ept_root, table & !mask | at & mask)
            } else {
                None
            };
        }
    }
    None
}

/// A read through EPT: rights in bits 2:0, misconfigured combinations, memory type and reserved bits.
#[inline]
pub fn ept_floor(words: &[u64], root: u64, at: u64) -> Option<u64> {
    let above = MASK & !((1 << FORMAT.phys_bits) - 1);
    let (mut table, mut rights) = (root, 7);
    for (level, reserved_large) in [(4u32, 0xf8), (3, 0x3fff_f000), (2, 0x001f_f000), (1, 0)] {
        let shift = 3 + 9 * level;
        let entry = *words.get(((table + (at >> shift & 511) * 8) >> 3) as usize)?;
        let leaf = level == 1 || entry & 0x80 != 0;
        let reserved = above | if leaf { reserved_large } else { 0xf8 };
        // Writable but not readable is a misconfiguration, and so are memory types 2, 3 and 7 of a leaf.
        let type_bad = leaf && 0b1000_1100 >> (entry >> 3 & 7) & 1 != 0;
        if entry & 7 == 0 || entry & 3 == 2 || entry & reserved != 0 || type_bad {
            return None;
        }
        rights &= entry;
        table = entry & MASK;
        if leaf {
            let mask = (1 << shift) - 1;
            return (rights & 1 != 0).then_some(table & !mask | at & mask);
        }
    }
    None
}
