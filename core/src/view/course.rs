//! What does not change with the position: lines, marks, lanes.

use super::stops::reads::worth_a_stop;
use super::types::{Course, Lane, LaneSpan, Mark, Operation, OwnMemory};
use super::Viewer;
use crate::addr::RequesterId;
use crate::explain::step::owner;
use crate::explain::Tone;
use crate::explain::{scopes, Cast};
use crate::link::{Position, Refused};
use crate::spec::{Lang, Phrase};
use crate::trace::{CacheOp, Event, InterruptKind, NameId, OwnerState, Scope, Trace};
use alloc::{collections::BTreeMap, format, string::String, vec::Vec};

impl Viewer {
    /// The whole course of the run, without what only a player knows: ideas, operations, what was expected.
    pub fn course(&self, lang: Lang) -> Course {
        let trace = self.trace();
        let lines = operations(trace, self.cast());
        Course {
            start: lines.first().map_or(0, |o| o.from - 1),
            length: trace.len() as u32,
            ideas: Vec::new(),
            operations: Vec::new(),
            lines,
            marks: marks(trace),
            lanes: lanes(trace, lang),
            in_cache: in_cache(self.cast(), lang),
            memories: memories(trace, self.cast()),
            checks: Vec::new(),
            stopped: None,
            refused: None,
        }
    }

    /// The positions that are worth a stop, in order: all that is done, without the ends of scopes that say nothing.
    pub fn stops(&self) -> Vec<u32> {
        let stops = (0..self.trace().len()).filter(|at| worth_a_stop(self.trace(), *at));
        stops.map(|at| at as u32 + 1).collect()
    }
}

/// "In the IOTLB", with the word of the machine that ran.
fn in_cache(cast: &Cast, lang: Lang) -> String {
    let cache = cast.terms().iotlb;
    Phrase::new(format!("in the {cache}"), format!("在 {cache} 中")).get(lang).into()
}

/// The operations of a run, in order.
pub fn operations(trace: &Trace, cast: &Cast) -> Vec<Operation> {
    let mut all: Vec<Operation> = Vec::new();
    let mut next = 0;
    // Bounded: `next` moves on through the trace.
    while let Some(n) =
        trace.steps().from(next).iter().position(|s| matches!(s.event, Event::Begin(Scope::Operation { .. })))
    {
        let begin = next + n;
        let extent = scopes::extent(trace, begin);
        if let Event::Begin(Scope::Operation { line, .. }) = trace.steps()[begin].event {
            let text = cast.line(line).into();
            all.push(Operation { from: begin as u32 + 1, to: extent.end as u32, line, text });
        }
        next = extent.end.max(begin + 1);
    }
    all
}

/// Misses, stale hits, faults, invalidations, interrupts.
pub fn marks(trace: &Trace) -> Vec<Mark> {
    let steps = trace.steps().iter().enumerate();
    let marks = steps.filter_map(|(i, s)| {
        let tone = match s.event {
            Event::Cache { op: CacheOp::Miss, .. } => Tone::Miss,
            Event::Cache { op: CacheOp::Stale, .. } => Tone::Stale,
            Event::Cache { op: CacheOp::Invalidate, .. } => Tone::Invalidate,
            Event::Fault { .. } => Tone::Refused,
            Event::Interrupt { kind: InterruptKind::Blocked, .. } => Tone::Refused,
            Event::Interrupt { .. } => Tone::Interrupt,
            _ => return None,
        };
        let fault = match s.event {
            Event::Fault { code, .. } => Some(code),
            _ => None,
        };
        // What ends without a record has no number by which it could be named.
        let code = fault.filter(|fault| fault.has_number()).map(|fault| fault.code);
        let name = fault.map(|code| code.name.into());
        Some(Mark { at: i as u32 + 1, tone, code, name })
    });
    marks.collect()
}

impl Mark {
    /// Is it the fault that is meant? Case and punctuation of its name do not count.
    pub fn is_fault(&self, meant: &Refused) -> bool {
        let bare = |s: &str| {
            let letters = s.chars().filter(|c| c.is_ascii_alphanumeric());
            letters.map(|c| c.to_ascii_lowercase()).collect::<String>()
        };
        match meant {
            Refused::Code(code) => self.code == Some(*code),
            Refused::Name(meant) => self.name.as_ref().is_some_and(|name| bare(name) == bare(meant)),
        }
    }
}

impl Position {
    /// Returns the count of steps among the marks of a run; without such a fault, `None`.
    pub fn among(&self, marks: &[Mark]) -> Option<u32> {
        let nth = |is: &dyn Fn(&&Mark) -> bool, n| marks.iter().filter(is).nth(n).map(|mark| mark.at);
        match self {
            Position::Step(step) => Some(*step),
            Position::Fault => nth(&|mark| mark.tone == Tone::Refused, 0),
            Position::Which(fault, n) => nth(&|mark| mark.is_fault(fault), *n as usize - 1),
        }
    }
}

/// The devices whose own memory is read or written, in the order of that.
fn memories(trace: &Trace, cast: &Cast) -> Vec<OwnMemory> {
    let mut found: Vec<RequesterId> = Vec::new();
    for step in trace.steps() {
        if let Event::OwnData { device, .. } | Event::OwnLoad { device, .. } = step.event {
            if !found.contains(&device) {
                found.push(device);
            }
        }
    }
    let name = |device| cast.devices.iter().find(|(id, _)| *id == device).map(|(_, name)| name.clone());
    let own = found
        .into_iter()
        .map(|device| OwnMemory { requester: device.raw(), name: name(device).unwrap_or_default() });
    own.collect()
}

fn lanes(trace: &Trace, lang: Lang) -> Vec<Lane> {
    let mut order: Vec<NameId> = Vec::new();
    let mut changes: BTreeMap<NameId, Vec<(u32, OwnerState)>> = BTreeMap::new();
    for (i, step) in trace.steps().iter().enumerate() {
        if let Event::Owner { buffer, state } = step.event {
            if !changes.contains_key(&buffer) {
                order.push(buffer);
            }
            changes.entry(buffer).or_default().push((i as u32 + 1, state));
        }
    }
    let end = trace.len() as u32;
    let lane = |name: NameId| {
        let changes = &changes[&name];
        let ends = changes.iter().skip(1).map(|c| c.0).chain([end]);
        let spans = changes.iter().zip(ends);
        Lane {
            name: trace.get_name(name).into(),
            spans: spans
                .map(|((from, state), to)| LaneSpan {
                    from: *from,
                    to,
                    state: *state,
                    text: owner(*state).get(lang).into(),
                })
                .collect(),
            // The player knows where buffers are.
            cached: Vec::new(),
        }
    };
    order.into_iter().map(lane).collect()
}

/// The position at which each operation is over.
pub(super) fn ends(trace: &Trace) -> Vec<usize> {
    operations(trace, &Cast::default()).into_iter().map(|o| o.to as usize).collect()
}
