//! Bytes of memory at a position, with pages of tables recognised.

use super::types::{Dump, DumpRow, Hex};
use super::Viewer;
use crate::addr::PhysAddr;
use crate::spec::Lang;
use crate::trace::{Event, Trace};
use alloc::{format, string::String, vec::Vec};

/// A view holds at most so many rows.
const ROWS: u32 = 256;

impl Viewer {
    /// `rows` rows of 16 bytes from `at`, as memory stood at a position.
    pub fn dump(&mut self, position: usize, at: u64, rows: u32, lang: Lang) -> Dump {
        let at = at & !15;
        let kind = kind(self.trace(), position, at, lang);
        let touched = position.checked_sub(1).and_then(|i| range(&self.trace().steps()[..self.len()], i));
        let memory = self.memory_at(position);
        let rows = (0..u64::from(rows.min(ROWS))).map(|row| {
            let at = at.wrapping_add(row * 16);
            let mut bytes = [0; 16];
            memory.peek_bytes(PhysAddr::new(at), &mut bytes);
            DumpRow {
                at: Hex(at),
                bytes: bytes.iter().map(|b| format!("{b:02x}")).collect(),
                text: bytes
                    .iter()
                    .map(|b| if (0x20..0x7f).contains(b) { char::from(*b) } else { '.' })
                    .collect(),
                touched: touched.is_some_and(|(first, len)| {
                    first <= at.saturating_add(15) && at < first.saturating_add(len)
                }),
            }
        });
        Dump { kind, rows: rows.collect() }
    }
}

fn range(steps: &[crate::trace::Step], index: usize) -> Option<(u64, u64)> {
    match steps.get(index)?.event {
        Event::Read { pa, entry, .. } => Some((pa.raw(), u64::from(entry.words) * 8)),
        Event::Write { pa, .. } => Some((pa.raw(), 8)),
        Event::WriteRun { pa, .. } => Some((pa.raw(), 8)),
        Event::Data { pa, bytes, .. } | Event::Load { pa, bytes, .. } => Some((pa.raw(), bytes.into())),
        _ => None,
    }
}

/// What the page at `at` is, going by the last structure that was written or read in it.
fn kind(trace: &Trace, position: usize, at: u64, lang: Lang) -> String {
    let page = at >> 12;
    let steps = &trace.steps()[..position.min(trace.len())];
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

/// The pages that were written up to a position's end, for finding one's way.
pub fn pages(viewer: &mut Viewer, position: usize) -> Vec<Hex> {
    viewer.memory_at(position).pages().map(|p| Hex(p.raw())).collect()
}
