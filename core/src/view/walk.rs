//! The tables walked for the request in hand, as far as the trace has come.

use super::types::{GridCell, GridRow, Hex, Walk, WalkRow};
use crate::addr::{AnyAddr, Space};
use crate::explain::step::{rights, verb};
use crate::explain::{say, scopes, Cast};
use crate::platform::its;
use crate::spec::{Lang, Phrase};
use crate::trace::{Event, Scope, Stage, Trace, Verdict};
use alloc::{format, string::String, vec::Vec};

/// A walk that is open: its stage, what it looks up, where its root is, and by how many bits that is indexed.
type Open = (Stage, AnyAddr, AnyAddr, u8);

/// The walk that the step at `index` belongs to: that of the innermost translation or CPU access around it, or of
/// the last one that ended inside the same operation.
pub fn walk(trace: &Trace, index: usize, cast: &Cast, lang: Lang) -> Option<Walk> {
    let (begin, scope) = request(trace, index)?;
    let (input, request) = match scope {
        Scope::Translation { requester, pasid, at, want } => {
            let id = cast.terms().process;
            let (en, zh) =
                pasid.map_or(Default::default(), |p| (format!(", {id} {p}"), format!("，{id} {p}")));
            let zh = format!("（请求者 {requester}{zh}，{}）", verb(want).1);
            (at, Phrase::new(format!(" ({requester}{en}, {want})"), zh))
        }
        Scope::CpuAccess { at, want, bytes } => {
            let zh = format!("（CPU，{} {bytes} 字节）", verb(want).1);
            (at, Phrase::new(format!(" (CPU, {want}, {bytes} B)"), zh))
        }
        Scope::Walk { input, .. } => (input, Phrase::default()),
        _ => return None,
    };
    let end = scopes::extent(trace, begin).end.min(index + 1);
    let mut out = Walk {
        input: Hex(input.raw),
        space: cast.space(input.space).get(lang).trim().into(),
        request: request.get(lang).into(),
        rows: Vec::new(),
        grid: Vec::new(),
        result: None,
        failed: false,
    };
    let mut open: Vec<Open> = Vec::new();
    let mut group: Vec<GridCell> = Vec::new();
    let mut nested = false;
    for (i, step) in trace.steps().range(begin..end).iter().enumerate().map(|(n, s)| (begin + n, s)) {
        match step.event {
            Event::Begin(Scope::Walk { stage, input, root, root_bits }) => {
                open.push((stage, input, root, root_bits));
            }
            Event::End(_) if closes_walk(trace, i) => {
                open.pop();
            }
            Event::Read { at, level, verdict, .. } => {
                let row = row(trace, i, index, &open, (cast, lang));
                let below = matches!(open.last(), Some((Stage::Second | Stage::Guest(_), ..)));
                let above = matches!(open.last(), Some((Stage::First | Stage::Cpu, ..)));
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
    let before = trace.steps().range(from..index + 1);
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

fn row(trace: &Trace, i: usize, index: usize, open: &[Open], (cast, lang): (&Cast, Lang)) -> WalkRow {
    let Event::Read { entry, level, index: slot, at, pa, words, verdict } = trace.steps()[i].event else {
        unreachable!("only reads have rows")
    };
    let (text, to) = match verdict {
        Verdict::Next(to) => (String::new(), Some(to)),
        Verdict::Leaf { to, size, perms } => {
            let perms = rights(trace, i, perms);
            let text = Phrase::new(format!("{size} {perms}"), format!("{size} 页，{}", perms.zh()));
            (text.get(lang).into(), Some(to))
        }
        Verdict::Refused(rule) => (rule.text.get(lang).into(), None),
        Verdict::Fault(code) => (code.text.get(lang).into(), None),
        Verdict::Ok => (String::new(), None),
    };
    WalkRow {
        position: i as u32 + 1,
        current: i == index,
        stage: open.last().map_or("", |o| cast.stage(o.0).get(lang)).into(),
        depth: open.len().saturating_sub(1) as u8,
        entry: entry.name.get(lang).into(),
        level,
        bits: open.last().map_or(String::new(), |(_, _, root, root_bits)| {
            let in_root = at.raw.wrapping_sub(u64::from(slot) * 8) == root.raw;
            index_bits(level, if in_root { *root_bits } else { 9.min(*root_bits) })
        }),
        leaf: matches!(verdict, Verdict::Leaf { .. }),
        input: open.last().map(|o| Hex(o.1.raw)),
        index: slot,
        at: Hex(at.raw),
        space: at.space.name().into(),
        pa: Hex(pa.raw()),
        raw: trace.get_words(words).iter().map(|w| Hex(*w)).collect(),
        verdict: text,
        to: to.map(|a| Hex(a.raw)),
        refused: matches!(verdict, Verdict::Refused(_) | Verdict::Fault(_)),
        section: its::section(entry.section, lang).into(),
    }
}

/// The bits of the address that are the index at a level: those above the levels below, of nine bits each, and the 12
/// of the page. None for directories, which are indexed by ids.
fn index_bits(level: u8, bits: u8) -> String {
    if level == 0 || bits == 0 {
        return String::new();
    }
    let low = 12 + 9 * (u32::from(level) - 1);
    format!("{}:{low}", low + u32::from(bits) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::run::run;

    #[test]
    fn the_indexes_are_cut_out_of_the_address_that_is_looked_up() {
        for (machine, root) in [("vt-d", "47:39"), ("riscv", "49:39")] {
            let text = format!(
                "iommu-playground 1\nmachine {machine} width 48\niommu strict\nram 0 .. 8G\ndevice nic 00:03.0\n\
                 vm blue ram 0 +64M at 0x1_0000_0000\nsteps\nattach nic to blue\ndma nic write 0x12_3450 +8\n"
            );
            let run = run(&text).unwrap();
            let trace = &run.machine.trace;
            let walk = (0..trace.len())
                .rev()
                .filter_map(|i| walk(trace, i, &Cast::default(), Lang::En))
                .find(|w| w.rows.iter().any(|r| r.leaf))
                .expect("the DMA walks");
            let rows: Vec<_> = walk.rows.iter().filter(|r| !r.bits.is_empty()).collect();
            assert_eq!(rows[0].bits, root, "{machine}");
            for row in rows {
                assert_eq!(row.input, Some(Hex(0x12_3450)), "{machine}");
                let (hi, lo) = row.bits.split_once(':').unwrap();
                let (hi, lo): (u32, u32) = (hi.parse().unwrap(), lo.parse().unwrap());
                assert_eq!(
                    0x12_3450u64 >> lo & ((1 << (hi - lo + 1)) - 1),
                    u64::from(row.index),
                    "{machine} {lo}"
                );
            }
        }
    }
}
