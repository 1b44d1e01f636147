//! The bytes of a configuration space, as `lspci -xxx` and `-xxxx` print them.
//!
//! Layout by the PCI Express base specification: type 0 and type 1 headers, the list of capabilities from 34h, the
//! extended list from 100h.

use super::found::{Acs, Bar, Bdf, Bridge, Express, Extent, Found, Function, Source, Space, Window};
use super::remark::Kind;
use crate::spec::Phrase;
use alloc::format;

/// The name of a function that only its bytes speak of.
pub const UNNAMED: &str = "";

/// The bits of Access Control Services by the names that `lspci` gives them.
pub const ACS: [(&str, u16); 7] = [
    ("SrcValid", 1),
    ("TransBlk", 2),
    ("ReqRedir", 4),
    ("CmpltRedir", 8),
    ("UpstreamFwd", 0x10),
    ("EgressCtrl", 0x20),
    ("DirectTrans", 0x40),
];

/// Source validation, request and completion redirect, upstream forwarding: what Linux wants on (`REQ_ACS_FLAGS`).
pub const WANTED: u16 = 0x1d;

/// Returns the bits whose names `on` takes.
pub fn acs_bits(on: impl Fn(&str) -> bool) -> u16 {
    ACS.iter().filter(|(name, _)| on(name)).fold(0, |bits, (_, bit)| bits | bit)
}

/// Words of a space of which only a part may have been printed.
struct Bytes<'a>(&'a [u8]);

impl Bytes<'_> {
    fn u8(&self, at: usize) -> Option<u8> {
        self.0.get(at).copied()
    }
    fn u16(&self, at: usize) -> Option<u16> {
        Some(u16::from_le_bytes([self.u8(at)?, self.u8(at + 1)?]))
    }
    fn u32(&self, at: usize) -> Option<u32> {
        Some(u32::from(self.u16(at + 2)?) << 16 | u32::from(self.u16(at)?))
    }
}

/// Takes from the bytes what the texts beside them did not say: `-xxx` stands below `-v` or alone.
pub fn read(at: Bdf, bytes: &[u8], from: Source, found: &mut Found) {
    let bytes = Bytes(bytes);
    found.kind("lspci -x", from);
    // Of a function that is off not even the ids are there.
    if bytes.u16(0) == Some(u16::MAX) {
        let _ = found.function(at, from);
        no_answer(at, from, found);
        return;
    }
    let Some(function) = found.function(at, from) else { return };
    let _ = header(&bytes, from, function);
    let silent = is_silent(&bytes);
    if !silent {
        capabilities(&bytes, function);
        extended(&bytes, function);
    }
    let has = [
        ("vectors", function.msi.is_some()),
        ("acs", function.acs.is_some()),
        ("ats", function.ats.is_some()),
        ("pri", function.pri.is_some()),
        ("pasid", function.pasid.is_some()),
    ];
    for (word, _) in has.into_iter().filter(|(_, has)| *has) {
        function.cite(word, from);
    }
    if silent {
        let said = Phrase::new(
            format!("{at}: its configuration space reads as ones from the BARs on: it did not answer (D3cold?), so its BARs are not known"),
            format!("{at}：从 BAR 起配置空间读出全 1：该功能没有应答（可能处于 D3cold），BAR 无从得知"),
        );
        found.remark(Kind::Missing, from, said);
    }
}

/// A function that answers nothing: all that is read of it is ones.
pub fn no_answer(at: Bdf, from: Source, found: &mut Found) {
    let said = Phrase::new(
        format!("{at}: its configuration space reads as ones: it did not answer (D3cold?), so its BARs are not known"),
        format!("{at}：配置空间读出全 1：该功能没有应答（可能处于 D3cold），BAR 无从得知"),
    );
    found.remark_once(Kind::Missing, from, said);
}

/// Whether a function that has an id read as ones where its BARs are, which hold zeros in their lowest bits: it was off (D3cold), or went away
/// while it was read.
fn is_silent(bytes: &Bytes<'_>) -> bool {
    bytes.u16(0).is_some_and(|vendor| vendor != 0xffff) && bytes.u32(0x10) == Some(u32::MAX)
}

fn header(bytes: &Bytes<'_>, from: Source, function: &mut Function) -> Option<()> {
    let ids = (bytes.u16(0)?, bytes.u16(2)?);
    function.ids = function.ids.or(Some(ids));
    function.class = function.class.or(Some(bytes.u16(0x0a)?));
    let kind = bytes.u8(0x0e)?;
    function.multifunction = Some(kind & 0x80 != 0);
    if kind & 0x7f == 1 && function.bridge.is_none() {
        function.bridge = bridge(bytes, from);
    }
    if function.bars.is_empty() {
        bars(bytes, if kind & 0x7f == 1 { 2 } else { 6 }, from, function);
    }
    Some(())
}

fn bridge(bytes: &Bytes<'_>, from: Source) -> Option<Bridge> {
    let (secondary, subordinate) = (bytes.u8(0x19)?, bytes.u8(0x1a)?);
    let mut windows = alloc::vec::Vec::new();
    let mut add = |space, first: u64, last: u64| {
        windows.extend(Extent::new(first, last).map(|range| Window { space, range, from }));
    };
    let (low, high) = (u64::from(bytes.u8(0x1c)?), u64::from(bytes.u8(0x1d)?));
    if (low, high) != (0, 0) {
        add(Space::Io, (low & 0xf0) << 8, (high & 0xf0) << 8 | 0xfff);
    }
    let (low, high) = (u64::from(bytes.u16(0x20)?), u64::from(bytes.u16(0x22)?));
    if (low, high) != (0, 0) {
        add(Space::Memory, (low & 0xfff0) << 16, (high & 0xfff0) << 16 | 0xf_ffff);
    }
    let (low, high) = (u64::from(bytes.u16(0x24)?), u64::from(bytes.u16(0x26)?));
    let wide = low & 0xf == 1;
    let upper = |at| if wide { bytes.u32(at).map(u64::from) } else { Some(0) };
    let (low_upper, high_upper) = (upper(0x28)?, upper(0x2c)?);
    if (low & 0xfff0, high & 0xfff0, high_upper) != (0, 0, 0) {
        let first = low_upper << 32 | (low & 0xfff0) << 16;
        add(Space::Prefetch, first, high_upper << 32 | (high & 0xfff0) << 16 | 0xf_ffff);
    }
    Some(Bridge { secondary, subordinate, windows, from })
}

fn bars(bytes: &Bytes<'_>, count: u8, from: Source, function: &mut Function) {
    let mut index = 0;
    // Bounded: at most six registers.
    while index < count {
        let at = 0x10 + 4 * usize::from(index);
        // All ones are no BAR: the function did not answer.
        let Some(low) = bytes.u32(at).filter(|low| *low != u32::MAX) else { return };
        let io = low & 1 != 0;
        let wide = !io && low & 6 == 4;
        let high = if wide { bytes.u32(at + 4).unwrap_or(0) } else { 0 };
        let address = u64::from(high) << 32 | u64::from(low & if io { !3 } else { !0xf });
        if address != 0 {
            let space = match (io, low & 8 != 0) {
                (true, _) => Space::Io,
                (_, true) => Space::Prefetch,
                _ => Space::Memory,
            };
            // A register holds no size: it would have to be written to.
            function.bars.push(Bar { index, space, wide, at: address, size: 0, from });
        }
        index += 1 + u8::from(wide);
    }
}

fn capabilities(bytes: &Bytes<'_>, function: &mut Function) {
    // Bit 4 of the status: there is a list. Where it is clear, it is known that there is none.
    let Some(status) = bytes.u16(6) else { return };
    if status & 0x10 == 0 {
        function.listed |= bytes.u16(0).is_some_and(|vendor| vendor != 0 && vendor != 0xffff);
        return;
    }
    let mut at = usize::from(bytes.u8(0x34).unwrap_or(0) & 0xfc);
    // A list may be a ring.
    for _ in 0..48 {
        let (Some(id), Some(next)) = (bytes.u8(at), bytes.u8(at + 1)) else { return };
        if at < 0x40 {
            return;
        }
        function.listed |= bytes.0.len() > 0x100;
        match id {
            0x05 => {
                let count = bytes.u16(at + 2).map(|control| 1 << (control >> 1 & 7));
                function.msi = function.msi.or(count);
            }
            0x10 => {
                let kind = bytes.u16(at + 2).and_then(|flags| express(flags >> 4 & 0xf));
                function.express = function.express.or(kind);
            }
            0x11 => {
                let count = bytes.u16(at + 2).map(|control| (control & 0x7ff) + 1);
                function.msix = function.msix.or(count);
            }
            _ => {}
        }
        at = usize::from(next & 0xfc);
    }
}

/// The device/port type of the PCI Express capabilities register.
const fn express(kind: u16) -> Option<Express> {
    Some(match kind {
        0 | 1 => Express::Endpoint,
        4 => Express::RootPort,
        5 => Express::Upstream,
        6 => Express::Downstream,
        7 => Express::ToPci,
        8 => Express::FromPci,
        9 | 10 => Express::Integrated,
        _ => return None,
    })
}

fn extended(bytes: &Bytes<'_>, function: &mut Function) {
    let mut at = 0x100;
    // As many as fit 4 KiB; a list may be a ring.
    for _ in 0..480 {
        let Some(head) = bytes.u32(at).filter(|head| *head != 0 && *head != u32::MAX) else { return };
        let control = bytes.u16(at + 6);
        let on = |bit: u16| Some(control.map(|control| control & bit != 0));
        match head as u16 {
            0x000d => {
                let acs = Acs { can: bytes.u16(at + 4).unwrap_or(0), on: control };
                function.acs.get_or_insert(acs);
            }
            0x000f => function.ats = function.ats.or(on(0x8000)),
            0x0010 => function.virtual_functions = function.virtual_functions.or(bytes.u16(at + 0x0e)),
            // The control of a page request is at 4.
            0x0013 => {
                function.pri = function.pri.or(Some(bytes.u16(at + 4).map(|control| control & 1 != 0)));
            }
            0x001b => function.pasid = function.pasid.or(on(1)),
            _ => {}
        }
        at = (head >> 20) as usize & 0xffc;
        if at < 0x100 {
            return;
        }
    }
}
