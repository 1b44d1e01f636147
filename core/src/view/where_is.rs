//! Where is this byte, for the page and the command line.

use super::types::{Hex, WhereName, WhereStep, Whereabouts};
use crate::machine::history::Cursor;
use crate::machine::software::Named;
use crate::machine::{Record, Snapshot};
use crate::places::{self, Found, Of, Place};
use crate::spec::Lang;
use crate::trace::Trace;
use alloc::{format, string::String, vec::Vec};

/// The query: a number, in somebody's space or everybody's; or a name that the scenario gave, with an offset.
fn asked(now: Snapshot<'_>, what: &str, of: Option<Of>) -> Vec<(Of, u64)> {
    let text: String = what.trim().chars().filter(|c| *c != '_').collect();
    let number = |text: &str| match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(hex) => u64::from_str_radix(hex, 16).ok(),
        None => text.parse().ok(),
    };
    if let Some(address) = number(&text) {
        return of
            .map_or_else(|| Of::all(now), |of| alloc::vec![of])
            .into_iter()
            .map(|of| (of, address))
            .collect();
    }
    let (name, offset) = match text.split_once('+') {
        Some((name, offset)) => (name, number(offset)),
        None => (text.as_str(), Some(0)),
    };
    // Names keep their underscores.
    let name = what.trim().split('+').next().map_or(name, str::trim);
    let (Some(offset), Some(named)) = (offset, now.named(name)) else { return Vec::new() };
    let found = match named {
        Named::Buffer(b) => now.buffer(b).and_then(|b| b.pa(offset)).map(|pa| (Of::Physical, pa.raw())),
        Named::Handle(h) => now
            .handle(h)
            .and_then(|handle| handle.dma(offset).map(|at| (Of::Device(handle.device, None), at.raw()))),
        Named::Remap(r) => now.remap(r).map(|r| (Of::Kernel, r.va.raw().wrapping_add(offset))),
        _ => None,
    };
    found.into_iter().collect()
}

/// Whose space a word names: `kernel`, `physical`, a process, a guest, a device.
pub fn owner(now: Snapshot<'_>, word: &str) -> Option<Of> {
    match (word, now.named(word)) {
        ("kernel", None) => Some(Of::Kernel),
        ("physical", None) => Some(Of::Physical),
        (_, Some(Named::Process(p))) => Some(Of::Process(p)),
        (_, Some(Named::Vm(v))) => Some(Of::Vm(v)),
        (_, Some(Named::Device(d))) => Some(Of::Device(d, None)),
        _ => None,
    }
}

/// Whose addresses a column of the picture holds at a position.
pub fn of_column(now: Snapshot<'_>, key: &str) -> Option<Of> {
    let devices = 0..now.devices().len();
    match key.split_once(':') {
        None if key == "va" => Some(Of::Kernel),
        None if key == "pa" => Some(Of::Physical),
        // The bus has the addresses of the domain that was attached first; without domains they are everybody's.
        None if key == "bus" => {
            let device = now.first_attached().or(devices.clone().next())?;
            let above = now.stage1_of(device);
            let guest = now.guest_domains().find(|guest| Some(guest.index) == above);
            Some(guest.map_or(Of::Device(device, None), |guest| Of::Vm(guest.vm)))
        }
        // A host bridge of a name has the addresses of the first device behind it.
        Some(("bus", name)) => {
            let behind = |d: &usize| now.bridges().get(now.bridge_id(*d)).name == name;
            devices.clone().find(behind).map(|d| Of::Device(d, None))
        }
        Some(("va", name)) => now.processes().iter().position(|p| p.name == name).map(Of::Process),
        Some(("gpa", name)) => now.vms().iter().position(|v| v.name == name).map(Of::Vm),
        Some(("dev", name)) => now.device(name).map(Of::Local),
        Some(("iova", name)) => now.device(name).map(|d| Of::Device(d, None)),
        // A guest's own domain: of a device that is in it.
        Some(("inner", name)) => {
            let domain = now.guest_domains().find(|guest| guest.name == name)?.index;
            devices.clone().find(|d| now.stage1_of(*d) == Some(domain)).map(|d| Of::Device(d, None))
        }
        _ => None,
    }
}

/// What an address of somebody's is, and who can reach its byte.
pub fn names(
    record: &Record,
    trace: &Trace,
    cursor: &mut Cursor,
    of: Of,
    address: u64,
    lang: Lang,
) -> Whereabouts {
    let found = places::find(record, trace, cursor, of, address);
    told(record.at(cursor.position()), &found, lang)
}

/// Every reading of the query that leads somewhere; when none does and there is one reading, that one, with why.
pub fn whereabouts(
    record: &Record,
    trace: &Trace,
    cursor: &mut Cursor,
    what: &str,
    of: Option<Of>,
    lang: Lang,
) -> Vec<Whereabouts> {
    let now = record.at(cursor.position());
    let asked = asked(now, what, of);
    let only = asked.len() == 1;
    let found = asked.into_iter().map(|(of, address)| places::find(record, trace, cursor, of, address));
    // A physical address where nothing answers is a number and no more.
    let somewhere = |found: &Found| match found.asked.of {
        Of::Physical => found.pa.is_some_and(|pa| now.map().find(pa).is_some()),
        _ => found.pa.is_some(),
    };
    let mut out: Vec<Found> = Vec::new();
    for found in found.filter(|found| only || somewhere(found)) {
        // Two readings that are names of one byte are reported once.
        let known =
            |f: &Found| f.places.iter().any(|p| (p.of, p.address) == (found.asked.of, found.asked.address));
        if !out.iter().any(known) {
            out.push(found);
        }
    }
    out.iter().map(|found| told(now, found, lang)).collect()
}

fn told(now: Snapshot<'_>, found: &Found, lang: Lang) -> Whereabouts {
    Whereabouts {
        asked: name(now, &found.asked, lang),
        pa: found.pa.map(|pa| Hex(pa.raw())),
        thing: found.thing.get(lang).into(),
        names: found.places.iter().map(|place| name(now, place, lang)).collect(),
    }
}

fn name(now: Snapshot<'_>, place: &Place, lang: Lang) -> WhereName {
    let through = place.through.iter().map(|t| WhereStep {
        entry: t.entry.get(lang).into(),
        level: t.level,
        at: Hex(t.at.raw()),
        raw: Hex(t.raw),
    });
    let perms = match place.of {
        Of::Device(..) | Of::Local(_) => place.perms.of_device(),
        _ => place.perms,
    };
    WhereName {
        text: place.say(now).get(lang).into(),
        address: Hex(place.address),
        perms: match lang {
            Lang::En => format!("{perms}"),
            Lang::Zh => perms.zh().into(),
        },
        stale: place.stale,
        through: through.collect(),
    }
}
