//! DMAR: Intel's remapping units, reserved memory, and whose they are (VT-d specification, chapter 8).

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
    // Bounded: each turn passes a structure of at least four bytes.
    while at < table.len() {
        let (kind, len) = (table.u16(at)?, usize::from(table.u16(at + 2)?));
        let structure = table.structure(at, len, 4)?;
        match kind {
            0 => drhd(structure, from, found)?,
            1 => rmrr(structure, from, found)?,
            _ => {}
        }
        at += len;
    }
    Ok(())
}

fn drhd(structure: Bytes<'_>, from: Source, found: &mut Found) -> Result<(), Problem> {
    let (flags, segment, base) = (structure.u8(4)?, structure.u16(6)?, structure.u64(8)?);
    let scopes = scopes(structure.from(16)?, u32::from(segment))?;
    let mut words: Vec<String> = scopes.iter().map(|scope| scope.text()).collect();
    if flags & 1 != 0 {
        words.push(format!("all others of segment {segment:04x}"));
    }
    if let Some(unit) = unit(found, Maker::Intel, Some(base), "", from) {
        unit.all |= flags & 1 != 0;
        (unit.scope, unit.scope_from) = (words.join(", "), Some(from));
    }
    Ok(())
}

fn rmrr(structure: Bytes<'_>, from: Source, found: &mut Found) -> Result<(), Problem> {
    let (segment, base, limit) = (structure.u16(6)?, structure.u64(8)?, structure.u64(16)?);
    let scopes = scopes(structure.from(24)?, u32::from(segment))?;
    let functions: Vec<Bdf> = scopes.iter().filter_map(|scope| scope.function(found)).collect();
    let others = scopes.iter().filter(|scope| scope.function(found).is_none()).map(|scope| scope.text());
    let others = others.collect();
    match Extent::new(base, limit) {
        Some(range) => {
            found
                .reserved
                .retain(|old| old.range != range || !old.functions.is_empty() || old.group.is_some());
            keep(
                &mut found.reserved,
                Reserved { range, kind: "direct".into(), functions, others, group: None, from },
            );
        }
        None => {
            let said = Phrase::new(
                format!("a reserved region ends at {limit:#x}, before it begins at {base:#x}"),
                format!("一个保留区域结束于 {limit:#x}，早于其起点 {base:#x}"),
            );
            found.remark(Kind::Contradiction, from, said);
        }
    }
    Ok(())
}

/// A device scope: a bus to start from, and device and function at each bridge on the way.
struct Scope {
    kind: u8,
    segment: u32,
    bus: u8,
    path: Vec<(u8, u8)>,
}

impl Scope {
    fn text(&self) -> String {
        let path: Vec<String> =
            self.path.iter().map(|(device, function)| format!("{device:02x}.{function:x}")).collect();
        let place = format!("{:02x}:{}", self.bus, path.join("/"));
        match self.kind {
            1 => place,
            2 => format!("below {place}"),
            3 => format!("I/O APIC {place}"),
            4 => format!("HPET {place}"),
            _ => format!("namespace {place}"),
        }
    }

    /// The function at the end of the path, by the buses of the bridges that were read; of a path of one step, without them.
    fn function(&self, found: &Found) -> Option<Bdf> {
        let mut bus = self.bus;
        let (last, way) = self.path.split_last()?;
        if !matches!(self.kind, 1 | 2) {
            return None;
        }
        for (device, function) in way {
            let bridge = Bdf { segment: self.segment, bus, device: *device, function: *function };
            bus = found.at(bridge)?.bridge.as_ref()?.secondary;
        }
        Some(Bdf { segment: self.segment, bus, device: last.0, function: last.1 })
    }
}

fn scopes(bytes: Bytes<'_>, segment: u32) -> Result<Vec<Scope>, Problem> {
    let mut out = Vec::new();
    let mut at = 0;
    // Bounded: each turn passes a structure of at least six bytes.
    while at < bytes.len() {
        let (kind, len) = (bytes.u8(at)?, usize::from(bytes.u8(at + 1)?));
        let scope = bytes.structure(at, len, 6)?;
        let path = scope.from(6)?.all.chunks_exact(2).map(|step| (step[0] & 31, step[1] & 7)).collect();
        out.push(Scope { kind, segment, bus: scope.u8(5)?, path });
        at += len;
    }
    Ok(out)
}
