//! The steps of one operation as stops: a walk is one that opens, repeats are one that opens.

use super::fold::fold;
use crate::trace::{Event, Scope, Trace, Verdict};
use alloc::vec::Vec;
use core::hash::{Hash, Hasher};
use core::ops::Range;

/// How many groups of a fold are seen when it is opened; the others are folded again.
const OPENED: usize = 16;

/// What a read stop is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Kind {
    /// One step; others that say nothing may come before it.
    Step(usize),
    /// A walk through tables, with its steps inside.
    Walk,
    /// Groups of steps like those before it, and how many.
    Repeats(usize),
}

/// A read stop: the steps it covers, of which the last is the one that is shown.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Read {
    /// What it is.
    pub kind: Kind,
    /// Its steps in the trace.
    pub steps: Range<usize>,
    inside: Vec<Node>,
    groups: usize,
}

/// A step, or a scope with what is in it.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Node {
    steps: Range<usize>,
    inside: Vec<Node>,
    looks: u64,
}

/// The stops inside the operation whose steps are `steps`, its first and last included.
pub fn of_operation(trace: &Trace, steps: Range<usize>) -> Vec<Read> {
    if steps.len() < 2 {
        return Vec::new();
    }
    let nodes = nodes(trace, steps.start + 1..steps.end - 1);
    tile(list(trace, &nodes), steps)
}

impl Read {
    /// How many stops are inside.
    pub fn children(&self, trace: &Trace) -> usize {
        match self.kind {
            Kind::Step(_) => 0,
            _ => self.open(trace).len(),
        }
    }
    /// The stops inside.
    pub fn open(&self, trace: &Trace) -> Vec<Read> {
        let found = match self.kind {
            Kind::Step(_) => return Vec::new(),
            Kind::Walk => list(trace, &self.inside),
            Kind::Repeats(times) if times > OPENED * 2 => {
                let shown = self.groups * OPENED;
                let mut found: Vec<Read> = Vec::new();
                self.inside[..shown].iter().for_each(|node| stops(trace, node, &mut found));
                let rest = &self.inside[shown..];
                found.push(repeats(rest, times - OPENED));
                found
            }
            Kind::Repeats(_) => {
                let mut found = Vec::new();
                self.inside.iter().for_each(|node| stops(trace, node, &mut found));
                found
            }
        };
        tile(found, self.steps.clone())
    }
}

/// Makes stops follow each other without a gap from the first to the last of `steps`.
fn tile(mut found: Vec<Read>, steps: Range<usize>) -> Vec<Read> {
    let mut from = steps.start;
    for read in &mut found {
        read.steps.start = from;
        from = read.steps.end;
    }
    if let Some(last) = found.last_mut() {
        last.steps.end = steps.end;
    }
    found
}

fn repeats(nodes: &[Node], times: usize) -> Read {
    let steps = nodes.first().map_or(0, |n| n.steps.start)..nodes.last().map_or(0, |n| n.steps.end);
    Read { kind: Kind::Repeats(times), steps, inside: nodes.to_vec(), groups: nodes.len() / times.max(1) }
}

/// The stops of nodes next to each other.
fn list(trace: &Trace, nodes: &[Node]) -> Vec<Read> {
    let mut found = Vec::new();
    let looks: Vec<u64> = nodes.iter().map(|n| n.looks).collect();
    let starts: Vec<u8> = nodes.iter().map(|n| start(trace, n)).collect();
    for item in fold(&looks, &starts) {
        let part = &nodes[item.range];
        if item.repeats > 0 {
            found.push(repeats(part, item.repeats));
        } else {
            part.iter().for_each(|node| stops(trace, node, &mut found));
        }
    }
    found
}

/// How well a group of steps begins with a node: best with a packet that asks for something, then with what has an inside.
fn start(trace: &Trace, node: &Node) -> u8 {
    match trace.steps()[node.steps.start].event {
        // A completion (PCIe, type 01010) ends what a request began.
        Event::Packet { header, .. } if header[0] >> 24 & 0x1f == 0b01010 => 0,
        Event::Packet { .. } => 2,
        Event::Begin(_) => 1,
        _ => 0,
    }
}

/// The stops of one node. A walk is one; another scope is the step that begins it and what is inside.
fn stops(trace: &Trace, node: &Node, found: &mut Vec<Read>) {
    let step = |at: usize| Read { kind: Kind::Step(at), steps: at..at + 1, inside: Vec::new(), groups: 0 };
    let first = node.steps.start;
    match trace.steps()[first].event {
        Event::Begin(Scope::Walk { .. }) if node.inside.len() > 1 => {
            let (steps, inside) = (node.steps.clone(), node.inside.clone());
            found.push(Read { kind: Kind::Walk, steps, inside, groups: 0 });
        }
        Event::Begin(_) => {
            found.push(step(first));
            found.extend(list(trace, &node.inside));
            let last = node.steps.end - 1;
            if last > first && worth_a_stop(trace, last) {
                found.push(step(last));
            }
        }
        _ if worth_a_stop(trace, first) => found.push(step(first)),
        _ => {}
    }
}

/// Does a step say something that its neighbours do not?
pub fn worth_a_stop(trace: &Trace, at: usize) -> bool {
    let step = &trace.steps()[at];
    match step.event {
        Event::End(verdict) => matches!(verdict, Verdict::Leaf { .. } | Verdict::Fault(_)) && step.depth < 4,
        Event::Owner { .. } | Event::Cost { .. } => false,
        _ => true,
    }
}

/// The steps of a range as a tree.
fn nodes(trace: &Trace, range: Range<usize>) -> Vec<Node> {
    let mut found: Vec<Node> = Vec::new();
    // The scopes that are open, each with what was found in it so far.
    let mut open: Vec<(usize, Vec<Node>)> = Vec::new();
    for at in range.clone() {
        let event = &trace.steps()[at].event;
        if let Event::Begin(_) = event {
            open.push((at, Vec::new()));
            continue;
        }
        let node = match (event, open.pop()) {
            (Event::End(_), Some((begin, inside))) => scope(trace, begin..at + 1, inside),
            (_, Some(still)) => {
                open.push(still);
                Node { steps: at..at + 1, inside: Vec::new(), looks: looks(trace, at) }
            }
            (_, None) => Node { steps: at..at + 1, inside: Vec::new(), looks: looks(trace, at) },
        };
        open.last_mut().map_or(&mut found, |(_, inside)| inside).push(node);
    }
    // A trace that was cut leaves scopes open.
    // Bounded: every scope is opened once.
    while let Some((begin, inside)) = open.pop() {
        let node = scope(trace, begin..range.end, inside);
        open.last_mut().map_or(&mut found, |(_, inside)| inside).push(node);
    }
    found
}

fn scope(trace: &Trace, steps: Range<usize>, inside: Vec<Node>) -> Node {
    let mut hash = Fnv::default();
    looks(trace, steps.start).hash(&mut hash);
    inside.iter().for_each(|node| node.looks.hash(&mut hash));
    looks(trace, steps.end - 1).hash(&mut hash);
    Node { steps, inside, looks: hash.finish() }
}

/// What a step looks like, whatever its numbers are.
pub fn looks(trace: &Trace, at: usize) -> u64 {
    let step = &trace.steps()[at];
    let mut hash = Fnv::default();
    step.actor.hash(&mut hash);
    core::mem::discriminant(&step.event).hash(&mut hash);
    match step.event {
        Event::Begin(scope) => {
            core::mem::discriminant(&scope).hash(&mut hash);
            match scope {
                Scope::Walk { stage, .. } => stage.hash(&mut hash),
                Scope::Api { name, .. } => name.hash(&mut hash),
                Scope::Command { entry } => entry.name.en.hash(&mut hash),
                Scope::Transfer { want, .. } | Scope::CpuAccess { want, .. } => want.hash(&mut hash),
                _ => {}
            }
        }
        Event::End(verdict) => ending(verdict, &mut hash),
        Event::Read { entry, level, verdict, .. } => {
            (entry.name.en, level).hash(&mut hash);
            ending(verdict, &mut hash);
        }
        Event::Write { entry, .. } => entry.map(|e| e.name.en).hash(&mut hash),
        Event::WriteRun { entry, .. } => entry.name.en.hash(&mut hash),
        Event::Cache { cache, op, .. } => (cache.kind, op).hash(&mut hash),
        Event::Window { hit, .. } => hit.hash(&mut hash),
        Event::Packet { hop, header, .. } => (hop, header[0] >> 24).hash(&mut hash),
        Event::Truncated { bits, .. } => bits.hash(&mut hash),
        Event::Check { rule, ok, .. } => (rule.text.en, ok).hash(&mut hash),
        Event::Fault { code, .. } => code.code.hash(&mut hash),
        Event::Register { offset, write, .. } => (offset, write).hash(&mut hash),
        Event::Interrupt { kind, .. } => kind.hash(&mut hash),
        Event::Note { en, .. } => trace.get_name(en).hash(&mut hash),
        _ => {}
    }
    hash.finish()
}

fn ending(verdict: Verdict, hash: &mut Fnv) {
    core::mem::discriminant(&verdict).hash(hash);
    match verdict {
        Verdict::Leaf { size, perms, .. } => (size, perms).hash(hash),
        Verdict::Refused(rule) => rule.text.en.hash(hash),
        Verdict::Fault(code) => code.code.hash(hash),
        Verdict::Ok | Verdict::Next(_) => {}
    }
}

/// FNV-1a: what looks the same is folded, so a hash of looks need not withstand anybody.
pub struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Self {
        Fnv(0xcbf2_9ce4_8422_2325)
    }
}

impl Hasher for Fnv {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    fn finish(&self) -> u64 {
        self.0
    }
}
