//! Which lines make an idea, and which operations fold into one stop.

use super::fold::fold;
use super::reads::Fnv;
use crate::machine::Done;
use crate::scenario::outline::{Action, Outline};
use crate::scenario::plain::plain;
use crate::scenario::Scenario;
use crate::spec::Phrase;
use alloc::vec::Vec;
use core::hash::{Hash, Hasher};
use core::ops::Range;

/// A text without notes has no more ideas than this: lines are put together.
const IDEAS: usize = 20;

/// What the author wants seen at once.
#[derive(Clone, PartialEq, Debug)]
pub struct Idea {
    /// The notes; empty when it is made of lines.
    pub notes: Phrase,
    /// Its stops among [`Plan::folded`].
    pub stops: Range<usize>,
}

/// Operations that are one stop.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Folded {
    /// The operations: one, or all that repeat.
    pub operations: Range<usize>,
    /// How many more like the ones before they are; 0: it is one operation.
    pub repeats: usize,
}

/// The stops of a run above its single steps.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Plan {
    /// The ideas, in order.
    pub ideas: Vec<Idea>,
    /// The operations from the first idea on, in order.
    pub folded: Vec<Folded>,
}

impl Plan {
    /// The plan of a scenario that ran.
    pub fn of(scenario: &Scenario, done: &[Done]) -> Self {
        let looks: Vec<u64> = done.iter().map(looks).collect();
        let noted = noted(&Outline::new(scenario), done.len());
        let mut plan = Plan::default();
        for (notes, operations) in noted {
            let first = plan.folded.len();
            let folds = fold(&looks[operations.clone()], &[]).into_iter().map(|item| Folded {
                operations: operations.start + item.range.start..operations.start + item.range.end,
                repeats: item.repeats,
            });
            plan.folded.extend(folds);
            let stops = first..plan.folded.len();
            if notes.is_empty() {
                // Lines without a note: each stop is an idea.
                let each = stops.len().div_ceil(IDEAS).max(1);
                let parts = stops.clone().step_by(each).map(|at| at..(at + each).min(stops.end));
                plan.ideas.extend(parts.map(|stops| Idea { notes: Phrase::default(), stops }));
            } else {
                plan.ideas.push(Idea { notes, stops });
            }
        }
        plan
    }
    /// The operations of an idea.
    pub fn operations(&self, idea: &Idea) -> Range<usize> {
        let part = &self.folded[idea.stops.clone()];
        part.first().map_or(0, |f| f.operations.start)..part.last().map_or(0, |f| f.operations.end)
    }
}

/// Notes with the operations from there to the next note. What comes before the first note only prepares. A note that
/// no operation follows belongs to the operations before it.
fn noted(outline: &Outline, operations: usize) -> Vec<(Phrase, Range<usize>)> {
    let mut found: Vec<(Phrase, Range<usize>)> = Vec::new();
    let mut waiting = Phrase::default();
    let mut done = 0;
    for step in &outline.steps {
        for note in &step.notes {
            join(&mut waiting.en, &plain(note.pick(false).unwrap_or("")));
            join(&mut waiting.zh, &plain(note.pick(true).unwrap_or("")));
        }
        if !waiting.is_empty() {
            let notes = core::mem::take(&mut waiting);
            match (step.action, found.last_mut()) {
                (Action::Do(_), _) if done < operations => found.push((notes, done..operations)),
                (_, Some(last)) => {
                    join(&mut last.0.en, &notes.en);
                    join(&mut last.0.zh, &notes.zh);
                }
                (_, None) => waiting = notes,
            }
        }
        if let Action::Do(_) = step.action {
            done += 1;
        }
    }
    if found.is_empty() && operations > 0 {
        found.push((waiting, 0..operations));
    }
    for i in 1..found.len() {
        found[i - 1].1.end = found[i].1.start;
    }
    found
}

fn join(text: &mut alloc::string::String, more: &str) {
    if !text.is_empty() && !more.is_empty() && text.is_ascii() {
        text.push(' ');
    }
    text.push_str(more);
}

/// What an operation looks like, whatever its numbers are.
fn looks(done: &Done) -> u64 {
    let mut hash = Fnv::default();
    let out = &done.outcome;
    (done.verb, done.error.as_ref().map(|e| e.name), out.fault.map(|f| f.0.code)).hash(&mut hash);
    (out.arrived.map(|a| a.space), out.iotlb, out.interrupt.map(|i| i.2)).hash(&mut hash);
    hash.finish()
}
