//! IVRS: AMD's units, aliases of requester ids, reserved memory (AMD I/O Virtualization specification, chapter 5).

use super::super::found::{keep, Bdf, Extent, Found, Maker, Reserved, Source};
use super::super::remark::Kind;
use super::super::units::unit;
use super::{Bytes, Problem, HEADER};
use crate::spec::Phrase;
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
    if let Some(unit) = unit(found, Maker::Amd, Some(base), "", from) {
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
            3 | 71 => begun = Some((id, None)),
            67 => begun = Some((id, Some(Bdf::of_id(segment, entry.u16(5)?)))),
            4 => out.extend(begun.take().map(|(first, alias)| match alias {
                Some(alias) => format!("{first} to {id} as {alias}"),
                None => format!("{first} to {id}"),
            })),
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
    let (flags, first, last, segment) =
        (block.u8(1)?, block.u16(4)?, block.u16(6)?, u32::from(block.u16(8)?));
    let (start, len) = (block.u64(16)?, block.u64(24)?);
    let (first, last) = match kind {
        0x20 => (0, u16::MAX),
        0x21 => (first, first),
        _ => (first, last),
    };
    let of = |at: &Bdf| at.segment == segment && (first..=last).contains(&at.id());
    let (first, last) = (Bdf::of_id(segment, first), Bdf::of_id(segment, last));
    let functions: Vec<Bdf> = match kind {
        0x20 => Vec::new(),
        0x21 => [first].into(),
        _ => found.functions.iter().map(|f| f.at).filter(of).collect(),
    };
    // Where no text has a function of the range, the range says whom it is for.
    let others = match kind {
        0x20 => [format!("all of segment {segment:04x}")].into(),
        0x22 if functions.is_empty() => [format!("{first} .. {last}")].into(),
        _ => Vec::new(),
    };
    // Bit 0: mapped to itself; bit 3: excluded from translation, for which Linux maps it to itself too (init_unity_map_range in
    // drivers/iommu/amd/init.c). One of neither says nothing.
    if flags & 9 == 0 {
        return Ok(());
    }
    let kind = "direct".into();
    match Extent::sized(start, len) {
        Some(range) => {
            keep(&mut found.reserved, Reserved { range, kind, functions, others, group: None, from })
        }
        None => {
            let said = Phrase::new(
                format!("a region for devices from {start:#x} has {len:#x} bytes"),
                format!("从 {start:#x} 起的设备区域长度为 {len:#x} 字节"),
            );
            found.remark(Kind::Contradiction, from, said);
        }
    }
    Ok(())
}
