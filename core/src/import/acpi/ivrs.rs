//! IVRS: AMD's units, aliases of requester ids, reserved memory (AMD I/O Virtualization specification, chapter 5).

use super::super::dmesg::unit;
use super::super::found::{keep, Bdf, Extent, Found, Maker, Reserved, Source};
use super::{Bytes, Problem, HEADER};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

pub(super) fn read(table: Bytes<'_>, from: Source, found: &mut Found) -> Result<(), Problem> {
    let mut at = HEADER + 12;
    // Bounded: each turn passes a block of at least four bytes.
    while at < table.len() {
        let (kind, len) = (table.u8(at)?, usize::from(table.u16(at + 2)?));
        let block = table.structure(at, len, 4)?;
        match kind {
            0x10 => unit_block(block, 24, from, found)?,
            0x11 | 0x40 => unit_block(block, 40, from, found)?,
            0x20..=0x22 => memory(kind, block, from, found)?,
            _ => {}
        }
        at += len;
    }
    Ok(())
}

fn unit_block(block: Bytes<'_>, entries: usize, from: Source, found: &mut Found) -> Result<(), Problem> {
    let (base, segment) = (block.u64(8)?, u32::from(block.u16(16)?));
    let features = if entries == 40 { Some(block.u64(24)?) } else { None };
    let words = devices(block.from(entries)?, segment)?;
    if let Some(unit) = unit(found, Maker::Amd, Some(base), from) {
        // The same unit has a block of each kind; the newer ones say more.
        unit.more = features.or(unit.more);
        // Flags, bit 4: IotlbSup.
        unit.iotlb = Some(block.u8(1)? & 0x10 != 0);
        (unit.scope, unit.scope_from) = (words.join(", "), Some(from));
    }
    Ok(())
}

/// Whose requests come to a unit, in words.
fn devices(bytes: Bytes<'_>, segment: u32) -> Result<Vec<String>, Problem> {
    let mut out = Vec::new();
    let mut begun = None;
    let mut at = 0;
    // Bounded: each turn passes an entry of at least four bytes.
    while at < bytes.len() {
        let kind = bytes.u8(at)?;
        let len = match kind >> 6 {
            0 => 4,
            1 => 8,
            2 => 16,
            _ if kind == 0xf0 => 22 + usize::from(bytes.u8(at + 21)?),
            _ => 32,
        };
        let entry = bytes.part(at, len)?;
        let id = Bdf::of_id(segment, entry.u16(1)?);
        match kind {
            1 => out.push(format!("all of segment {segment:04x}")),
            2 | 70 => out.push(format!("{id}")),
            3 | 67 | 71 => begun = Some(id),
            4 => out.extend(begun.take().map(|first| format!("{first} to {id}"))),
            66 => out.push(format!("{id} as {}", Bdf::of_id(segment, entry.u16(5)?))),
            72 => {
                let what = match entry.u8(7)? {
                    1 => "I/O APIC",
                    2 => "HPET",
                    _ => "special device",
                };
                out.push(format!("{what} as {}", Bdf::of_id(segment, entry.u16(5)?)));
            }
            _ => {}
        }
        at += len;
    }
    Ok(out)
}

fn memory(kind: u8, block: Bytes<'_>, from: Source, found: &mut Found) -> Result<(), Problem> {
    let (flags, first, last) = (block.u8(1)?, block.u16(4)?, block.u16(6)?);
    let (start, len) = (block.u64(16)?, block.u64(24)?);
    let functions: Vec<Bdf> = match kind {
        0x20 => Vec::new(),
        0x21 => [Bdf::of_id(0, first)].into(),
        _ => found.functions.iter().map(|f| f.at).filter(|at| (first..=last).contains(&at.id())).collect(),
    };
    // Where no text has a function of the range, the range says whom it is for.
    let range_of = (kind == 0x22 && functions.is_empty())
        .then(|| format!("{} .. {}", Bdf::of_id(0, first), Bdf::of_id(0, last)));
    let others = range_of.into_iter().collect();
    // Bit 0: mapped to itself; bit 3: not to be used.
    let kind = if flags & 8 != 0 { "reserved" } else { "direct" };
    if let Some(range) = Extent::sized(start, len) {
        keep(
            &mut found.reserved,
            Reserved { range, kind: kind.into(), functions, others, group: None, from },
        );
    }
    Ok(())
}
