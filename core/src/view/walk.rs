//! The tables walked for the request in hand, as far as the trace has come.

use super::types::{GridCell, GridRow, Hex, Walk, WalkRow};
use crate::addr::{AnyAddr, Space};
use crate::explain::{say, scopes, who, Cast};
use crate::spec::Lang;
use crate::trace::{Event, Scope, Stage, Trace, Verdict};
use alloc::{format, string::String, vec::Vec};

/// The walk that the step at `index` belongs to: that of the innermost translation or CPU access around it, or of
/// the last one that ended inside the same operation.
pub fn walk(trace: &Trace, index: usize, lang: Lang) -> Option<Walk> {
    let (begin, scope) = request(trace, index)?;
    let (input, request) = match scope {
        Scope::Translation { requester, pasid, at, want } => {
            let pasid = pasid.map_or(String::new(), |p| format!(", PASID {p}"));
            (at, format!("{requester}{pasid}, {want}"))
        }
        Scope::CpuAccess { at, want, bytes } => (at, format!("CPU, {want}, {bytes} B")),
        Scope::Walk { input, .. } => (input, String::new()),
        _ => return None,
    };
    let end = scopes::extent(trace, begin).end.min(index + 1);
    let mut out = Walk {
        input: Hex(input.raw),
        space: who::space(input.space).get(lang).trim().into(),
        request,
        rows: Vec::new(),
        grid: Vec::new(),
        result: None,
        failed: false,
    };
    // The walks that are open: their stage and what they look up.
    let mut open: Vec<(Stage, AnyAddr)> = Vec::new();
    let mut group: Vec<GridCell> = Vec::new();
    let mut nested = false;
    for (i, step) in trace.steps()[begin..end].iter().enumerate().map(|(n, s)| (begin + n, s)) {
        match step.event {
            Event::Begin(Scope::Walk { stage, input, .. }) => open.push((stage, input)),
            Event::End(_) if closes_walk(trace, i) => {
                open.pop();
            }
            Event::Read { at, level, verdict, .. } => {
                let row = row(trace, i, index, &open, lang);
                let below = matches!(open.last(), Some((Stage::Second | Stage::Ept | Stage::GStage, _)));
                let above = matches!(open.last(), Some((Stage::First | Stage::Cpu, _)));
                if level > 0 && (below || above) {
                    nested |= above && at.space == Space::GuestPhysical;
                    group.push(GridCell {
                        number: 0,
                        position: i as u32 + 1,
                        first: above,
                        level,
                        current: i == index,
                        refused: matches!(verdict, Verdict::Refused(_)),
                    });
                    if above {
                        out.grid.push(GridRow { level, cells: core::mem::take(&mut group) });
                    }
                }
                out.rows.push(row);
            }
            _ => {}
        }
    }
    if !group.is_empty() {
        out.grid.push(GridRow { level: 0, cells: group });
    }
    if nested {
        for (n, cell) in out.grid.iter_mut().flat_map(|row| &mut row.cells).enumerate() {
            cell.number = n as u32 + 1;
        }
    } else {
        out.grid.clear();
    }
    if end == scopes::extent(trace, begin).end && end > begin + 1 {
        let said = say(trace, end - 1, &Cast::default());
        out.failed =
            matches!(trace.steps()[end - 1].event, Event::End(Verdict::Fault(_) | Verdict::Refused(_)));
        out.result = Some(said.text.get(lang).into());
    }
    Some(out)
}

fn is_request(scope: &Scope) -> bool {
    matches!(scope, Scope::Translation { .. } | Scope::CpuAccess { .. })
}

/// The request around a step, else the last one before it in the same operation.
fn request(trace: &Trace, index: usize) -> Option<(usize, Scope)> {
    if let Some(found) = scopes::innermost(trace, index, is_request) {
        return Some(found);
    }
    if let Some(found) = scopes::innermost(trace, index, |s| matches!(s, Scope::Walk { .. })) {
        return Some(found);
    }
    let from = scopes::around(trace, index).first().copied()?;
    let before = trace.steps().get(from..=index)?;
    let at = before.iter().rposition(|s| matches!(s.event, Event::Begin(scope) if is_request(&scope)))?;
    match before[at].event {
        Event::Begin(scope) => Some((from + at, scope)),
        _ => None,
    }
}

fn closes_walk(trace: &Trace, index: usize) -> bool {
    let opened = scopes::opener(trace, index).map(|i| trace.steps()[i].event);
    matches!(opened, Some(Event::Begin(Scope::Walk { .. })))
}

fn row(trace: &Trace, i: usize, index: usize, open: &[(Stage, AnyAddr)], lang: Lang) -> WalkRow {
    let Event::Read { entry, level, index: slot, at, pa, words, verdict } = trace.steps()[i].event else {
        unreachable!("only reads have rows")
    };
    let (text, to) = match verdict {
        Verdict::Next(to) => (String::new(), Some(to)),
        Verdict::Leaf { to, size, perms } => (format!("{size} {perms}"), Some(to)),
        Verdict::Refused(rule) => (rule.text.get(lang).into(), None),
        Verdict::Fault(code) => (code.text.get(lang).into(), None),
        Verdict::Ok => (String::new(), None),
    };
    WalkRow {
        position: i as u32 + 1,
        current: i == index,
        stage: open.last().map_or("", |o| who::stage(o.0).get(lang)).into(),
        depth: open.len().saturating_sub(1) as u8,
        entry: entry.name.get(lang).into(),
        level,
        bits: index_bits(level, slot),
        index: slot,
        at: Hex(at.raw),
        space: at.space.name().into(),
        pa: Hex(pa.raw()),
        raw: trace.get_words(words).iter().map(|w| Hex(*w)).collect(),
        verdict: text,
        to: to.map(|a| Hex(a.raw)),
        refused: matches!(verdict, Verdict::Refused(_) | Verdict::Fault(_)),
        section: entry.section.into(),
    }
}

/// Nine bits a level above the 12 of the page; a root table four times as large takes two more.
fn index_bits(level: u8, index: u32) -> String {
    if level == 0 {
        return String::new();
    }
    let low = 12 + 9 * (u32::from(level) - 1);
    let wide = if index > 511 { 2 } else { 0 };
    format!("{}:{low}", low + 8 + wide)
}
