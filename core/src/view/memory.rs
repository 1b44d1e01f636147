//! Bytes of memory at a position, with pages of tables recognised.

use super::types::{Dump, DumpRow, Hex};
use super::Viewer;
use crate::addr::{PhysAddr, RequesterId};
use crate::platform::local::scratch_of;
use crate::spec::{Lang, Phrase};
use crate::trace::{Event, Trace};
use alloc::{format, string::String};

/// A view holds at most this many rows.
const ROWS: u32 = 256;

/// How much a view shows.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// How many rows, at most 256.
    pub rows: u32,
    /// How many bytes in each: 8 or 16.
    pub across: u8,
}

impl Viewer {
    /// Memory around what was touched last, as it stood at a position.
    pub fn dump_touched(&mut self, position: usize, shape: Shape, lang: Lang) -> Dump {
        let last = (0..position.min(self.len())).rev().find_map(|i| touched(self.trace(), i));
        let (of, at) = last.map_or((None, 0), |t| (t.of, t.at));
        self.dump_around(position, of, at, shape, lang)
    }

    /// Memory around an address: from a little before it, so that it is seen among its neighbours, but in its page.
    pub fn dump_around(
        &mut self,
        position: usize,
        of: Option<RequesterId>,
        at: u64,
        shape: Shape,
        lang: Lang,
    ) -> Dump {
        let first = (at & !15).saturating_sub(0x40).max(at & !0xfff);
        self.dump(position, of, first, shape, lang)
    }

    /// Memory from `at` (from the beginning of a row), physical memory or a device's own, as it stood at a position.
    pub fn dump(
        &mut self,
        position: usize,
        of: Option<RequesterId>,
        at: u64,
        shape: Shape,
        lang: Lang,
    ) -> Dump {
        let across = if shape.across > 8 { 16 } else { 8 };
        let at = at & !(across - 1);
        let step = position.checked_sub(1).and_then(|i| touched(self.trace(), i)).filter(|t| t.of == of);
        let kind = match of {
            None => kind(self.trace(), position, at, lang),
            Some(_) => registers(at).map_or(String::new(), |p| p.get(lang).into()),
        };
        self.cursor.seek(&self.trace, position);
        let memory = match of {
            None => Some(self.cursor.memory()),
            Some(device) => self.cursor.own(device),
        };
        let rows = (0..u64::from(shape.rows.min(ROWS))).map(|row| {
            let at = at.wrapping_add(row * across);
            let mut bytes = [0; 16];
            let bytes = &mut bytes[..across as usize];
            if let Some(memory) = memory {
                memory.peek_bytes(PhysAddr::new(at), bytes);
            }
            DumpRow {
                at: Hex(at),
                bytes: bytes.iter().map(|b| format!("{b:02x}")).collect(),
                text: bytes
                    .iter()
                    .map(|b| if (0x20..0x7f).contains(b) { char::from(*b) } else { '.' })
                    .collect(),
                touched: step.as_ref().is_some_and(|t| {
                    t.at <= at.saturating_add(across - 1) && at < t.at.saturating_add(t.bytes)
                }),
            }
        });
        Dump { requester: of.map(RequesterId::raw), kind, rows: rows.collect() }
    }
}

/// A range of memory that a step touched.
pub(super) struct Touched {
    /// A device's own memory; none for physical memory.
    pub of: Option<RequesterId>,
    /// Its first address.
    pub at: u64,
    /// How many bytes.
    pub bytes: u64,
}

/// What a step touched.
pub(super) fn touched(trace: &Trace, index: usize) -> Option<Touched> {
    let (of, at, bytes) = match trace.steps().get(index)?.event {
        Event::OwnData { device, at, bytes, .. } | Event::OwnLoad { device, at, bytes, .. } => {
            (Some(device), at, bytes.into())
        }
        Event::Read { pa, entry, .. } => (None, pa.raw(), u64::from(entry.words) * 8),
        Event::Write { pa, .. } => (None, pa.raw(), 8),
        Event::WriteRun { pa, new, .. } => (None, pa.raw(), trace.get_words(new).len() as u64 * 8),
        Event::Data { pa, bytes, .. } | Event::Load { pa, bytes, .. } => (None, pa.raw(), bytes.into()),
        _ => return None,
    };
    Some(Touched { of, at, bytes })
}

/// What the registers of a device that are not its engine's are called.
fn registers(at: u64) -> Option<Phrase> {
    let (bar, _) = scratch_of(at)?;
    Some(Phrase::new(
        format!("Registers behind BAR {bar} that are not the engine's"),
        format!("BAR {bar} 里不属于 DMA 引擎的寄存器"),
    ))
}

/// What the page at `at` is, going by the last structure that was written or read in it.
fn kind(trace: &Trace, position: usize, at: u64, lang: Lang) -> String {
    let page = at >> 12;
    let steps = trace.steps().range(0..position.min(trace.len()));
    let found = steps.iter().rev().find_map(|s| match s.event {
        Event::Read { entry, pa, .. }
        | Event::Write { entry: Some(entry), pa, .. }
        | Event::WriteRun { entry, pa, .. }
            if pa.raw() >> 12 == page =>
        {
            Some(entry.name.get(lang))
        }
        _ => None,
    });
    found.unwrap_or("").into()
}
