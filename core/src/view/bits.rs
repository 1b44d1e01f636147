//! Structures and registers field by field.

use super::types::{Entry, Field, Hex};
use crate::platform::its;
use crate::spec::{EntryType, Field as SpecField, FieldKind, Lang, Register};
use crate::trace::{Event, Trace};
use alloc::{format, string::String, vec::Vec};

/// What the step at `index` read or wrote.
pub fn entry(trace: &Trace, index: usize, lang: Lang) -> Option<Entry> {
    match trace.steps().get(index)?.event {
        Event::Read { entry, pa, words, .. } => {
            Some(structure(entry, pa.raw(), trace.get_words(words), &[], lang))
        }
        Event::Write { entry: Some(entry), pa, old, new } => {
            // A structure of several words, of which one was written: show that word's fields.
            if entry.words > 1 {
                return Some(word(entry, pa.raw(), old, new, lang));
            }
            Some(structure(entry, pa.raw(), &[new], &[old], lang))
        }
        Event::WriteRun { entry, pa, old, new } => {
            let n = usize::from(entry.words.max(1));
            let (old, new) = (trace.get_words(old), trace.get_words(new));
            let first = |w: &[u64]| w.get(..n.min(w.len())).unwrap_or(&[]).to_vec();
            Some(structure(entry, pa.raw(), &first(new), &first(old), lang))
        }
        Event::Register { register, offset, old, new, write } => {
            Some(self::register(register, offset, if write { Some(old) } else { None }, new, lang))
        }
        _ => None,
    }
}

/// A structure with its words.
pub fn structure(entry: &'static EntryType, at: u64, words: &[u64], before: &[u64], lang: Lang) -> Entry {
    Entry {
        name: entry.name.get(lang).into(),
        meaning: String::new(),
        at: Hex(at),
        register: false,
        words: words.iter().map(|w| Hex(*w)).collect(),
        before: before.iter().map(|w| Hex(*w)).collect(),
        fields: fields(entry.fields, words, before, lang),
        section: its::section(entry.section, lang).into(),
    }
}

/// One word out of a structure of several: which one follows from its address, since structures are aligned.
fn word(entry: &'static EntryType, at: u64, old: u64, new: u64, lang: Lang) -> Entry {
    let which = (at / 8 % u64::from(entry.words.next_power_of_two())) as usize;
    let mut now = alloc::vec![0; which];
    now.push(new);
    let mut before = alloc::vec![0; which];
    before.push(old);
    let mut out = structure(entry, at, &now, &before, lang);
    let range = which as u16 * 64..which as u16 * 64 + 64;
    out.fields.retain(|f| range.contains(&f.lo));
    out.words = alloc::vec![Hex(new)];
    out.before = alloc::vec![Hex(old)];
    out
}

/// A register with its value.
pub fn register(
    register: &'static Register,
    offset: u32,
    before: Option<u64>,
    now: u64,
    lang: Lang,
) -> Entry {
    let before: Vec<u64> = before.into_iter().collect();
    Entry {
        name: register.name.into(),
        meaning: register.meaning.get(lang).into(),
        at: Hex(offset.into()),
        register: true,
        words: alloc::vec![Hex(now)],
        before: before.iter().map(|w| Hex(*w)).collect(),
        fields: fields(register.fields, &[now], &before, lang),
        section: register.section.into(),
    }
}

fn fields(fields: &'static [SpecField], words: &[u64], before: &[u64], lang: Lang) -> Vec<Field> {
    let known = words.len() as u16 * 64;
    let fields = fields.iter().filter(|f| f.lo < known);
    fields
        .map(|f| {
            let value = f.get(words);
            Field {
                name: f.name.into(),
                hi: f.hi,
                lo: f.lo,
                value: Hex(value),
                shown: shown(f, value, lang),
                meaning: f.meaning.get(lang).into(),
                dull: matches!(f.kind, FieldKind::Reserved | FieldKind::Ignored),
                changed: !before.is_empty() && f.get(before) != value,
            }
        })
        .collect()
}

fn shown(field: &SpecField, value: u64, lang: Lang) -> String {
    match field.kind {
        FieldKind::Address { shift } => format!("{:#x}", value << shift.min(63)),
        FieldKind::Enum(names) => {
            let name = names.iter().find(|n| n.0 == value).map_or("?", |n| n.1.get(lang));
            format!("{value} {name}")
        }
        FieldKind::Flag => format!("{value}"),
        _ if value < 10 => format!("{value}"),
        _ => format!("{value:#x}"),
    }
}
