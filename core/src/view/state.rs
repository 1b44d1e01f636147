//! Caches and registers at a position.

use super::bits;
use super::history::CacheState;
use super::types::{Cache, CacheRow, Entry, Hex};
use crate::explain::step::line;
use crate::spec::{Lang, Register};
use crate::trace::{CacheLine, CacheOp, Event};
use alloc::{format, string::String, vec::Vec};

/// A page shows so many entries of one cache.
const SHOWN: usize = 64;

/// Every cache that was used so far; `current` is the step that led here.
pub fn caches(all: &[CacheState], current: Option<&Event>, lang: Lang) -> Vec<Cache> {
    let show = |c: &CacheState| {
        let now = match current {
            Some(Event::Cache { cache, op, slot, line }) if core::ptr::eq(*cache, c.cache) => {
                Some((*op, *slot, *line))
            }
            _ => None,
        };
        let mut lines: Vec<CacheRow> = Vec::new();
        // What was taken out or not found in this very step has no entry any more, but is what the reader looks for.
        if let Some((op @ (CacheOp::Evict | CacheOp::Invalidate | CacheOp::Miss), slot, gone)) = now {
            lines.push(CacheRow { slot, tag: tag(&gone), holds: line(&gone), now: Some(op.into()) });
        }
        let touched = |slot| now.filter(|n| n.1 == slot && n.0 != CacheOp::Miss).map(|n| n.0.into());
        let entries = c.lines.iter().map(|(slot, l)| (*slot, l, touched(*slot)));
        let (hot, cold): (Vec<_>, Vec<_>) = entries.partition(|e| e.2.is_some());
        let rest = hot.into_iter().chain(cold).take(SHOWN);
        lines.extend(rest.map(|(slot, l, now)| CacheRow {
            slot,
            tag: tag(l),
            holds: line(l) + &perms(l),
            now,
        }));
        Cache {
            name: c.cache.name.get(lang).into(),
            section: c.cache.section.into(),
            hits: c.hits as u32,
            misses: c.misses as u32,
            lines,
            more: c.lines.len().saturating_sub(SHOWN) as u32,
        }
    };
    all.iter().map(show).collect()
}

fn perms(line: &CacheLine) -> String {
    if line.shift > 0 {
        format!(" {}", line.perms)
    } else {
        String::new()
    }
}

fn tag(line: &CacheLine) -> String {
    let mut parts: Vec<String> = Vec::new();
    parts.extend(line.requester.map(|r| format!("{r}")));
    parts.extend(line.domain.map(|d| format!("domain {d}")));
    parts.extend(line.pasid.map(|p| format!("PASID {p}")));
    parts.join(", ")
}

/// Registers with their values.
pub fn registers(all: Vec<(&'static Register, u64)>, lang: Lang) -> Vec<Entry> {
    let show = |(r, value): (&'static Register, u64)| {
        let entry = bits::register(r, r.offset, None, value, lang);
        Entry { at: Hex(r.offset.into()), ..entry }
    };
    all.into_iter().map(show).collect()
}
