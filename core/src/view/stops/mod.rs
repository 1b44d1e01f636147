//! Where the reader stops, at three depths: ideas, operations, reads.
//!
//! * [`plan`]: which lines make an idea, which operations fold
//! * [`reads`]: the steps of one operation, walks and repeats folded
//! * [`fold`]: what repeats, in any list
//! * `sentences`: what is said of a walk, of what repeats, of an idea's end
//!
//! The stops of a list follow each other without a gap; the last one of every depth is at the end of the run.

pub mod fold;
pub mod plan;
pub mod reads;
mod sentences;
#[cfg(test)]
mod tests;

use super::types::{Depth, OutcomeLine, Stop};
use super::Player;
use crate::explain::ending::Ending;
use crate::explain::say;
use crate::spec::Lang;
use alloc::vec::Vec;
use core::ops::Range;
use reads::{Kind, Read};

impl Player {
    /// The position before the first idea.
    pub fn start(&self) -> u32 {
        let first = self.plan.ideas.first().map(|idea| self.plan.operations(idea).start);
        let first = first.and_then(|at| self.done.get(at)).or(self.done.first());
        first.map_or(0, |done| done.steps.start as u32)
    }

    /// The stops of who is shown ideas.
    pub fn ideas(&self, lang: Lang) -> Vec<Stop> {
        let ideas = self.plan.ideas.iter().map(|idea| {
            let (operations, notes) = (self.plan.operations(idea), idea.notes.get(lang));
            let outcome = sentences::outcome(self.endings(operations.clone()), lang);
            let sentence = match &outcome {
                _ if !notes.is_empty() => notes.into(),
                Some(outcome) if operations.len() == 1 => outcome.text.clone(),
                _ => self.lines(operations.clone(), lang),
            };
            let (first, children) = (idea.stops.start as u32, idea.stops.len() as u32);
            Stop { depth: Depth::Idea, sentence, outcome, first, children, ..self.stop(operations) }
        });
        self.to_the_end(ideas.collect())
    }

    /// The stops of who is shown operations, from the first idea on.
    pub fn operations(&self, lang: Lang) -> Vec<Stop> {
        let stops = self.plan.folded.iter().map(|folded| {
            let operations = folded.operations.clone();
            if folded.repeats == 0 {
                return self.operation(operations.start, lang);
            }
            Stop {
                depth: Depth::Operation,
                sentence: sentences::more_lines(folded.repeats, self.lines(operations.clone(), lang), lang),
                outcome: sentences::outcome(self.endings(operations.clone()), lang),
                children: operations.len() as u32,
                repeats: folded.repeats as u32,
                ..self.stop(operations)
            }
        });
        self.to_the_end(stops.collect())
    }

    /// The positions of who is shown reads, from the first idea on.
    pub fn reads(&self) -> Vec<u32> {
        let first = self.plan.folded.first().map_or(0, |f| f.operations.start);
        let trace = self.viewer.trace();
        let operations = self.done[first.min(self.done.len())..].iter();
        let reads = operations.flat_map(|done| match reads::of_operation(trace, done.steps.clone()) {
            reads if reads.is_empty() => alloc::vec![done.steps.end as u32],
            reads => reads.iter().map(|read| read.steps.end as u32).collect(),
        });
        let mut found: Vec<u32> = reads.collect();
        if let Some(last) = found.last_mut() {
            *last = trace.len() as u32;
        }
        found
    }

    /// The stops inside a stop: they begin where it does and end where it does. Nothing when it has none.
    pub fn inside(&self, depth: Depth, from: u32, to: u32, lang: Lang) -> Vec<Stop> {
        let covers = |stop: &Stop| stop.from == from && stop.to == to;
        if depth == Depth::Idea {
            let Some(idea) = self.ideas(lang).into_iter().find(covers) else { return Vec::new() };
            let first = idea.first as usize;
            return self.operations(lang)[first..first + idea.children as usize].to_vec();
        }
        if depth == Depth::Operation {
            let fold = self.plan.folded.iter().find(|folded| {
                let stop = self.stop(folded.operations.clone());
                folded.repeats > 0 && stop.from == from && self.end(stop.to) == self.end(to)
            });
            if let Some(fold) = fold {
                let each = fold.operations.clone().map(|at| self.operation(at, lang));
                return each.collect();
            }
        }
        let trace = self.viewer.trace();
        let Some(done) = self.done.iter().find(|d| d.steps.end > from as usize) else { return Vec::new() };
        let mut list = reads::of_operation(trace, done.steps.clone());
        if depth == Depth::Read {
            list = match find(trace, list, from as usize..to as usize) {
                Some(read) => read.open(trace),
                None => Vec::new(),
            };
        }
        list.iter().map(|read| self.read(read, lang)).collect()
    }

    fn end(&self, to: u32) -> u32 {
        let last = self.done.last().map_or(0, |d| d.steps.end as u32);
        if to >= last {
            self.viewer.len() as u32
        } else {
            to
        }
    }

    /// The last stop is at the last position.
    fn to_the_end(&self, mut stops: Vec<Stop>) -> Vec<Stop> {
        if let Some(last) = stops.last_mut() {
            last.to = self.viewer.len() as u32;
        }
        stops
    }

    fn stop(&self, operations: Range<usize>) -> Stop {
        let (first, last) = (self.done.get(operations.start), self.done.get(operations.end.wrapping_sub(1)));
        Stop {
            from: first.map_or(0, |d| d.steps.start as u32),
            to: last.map_or(0, |d| d.steps.end as u32),
            line: first.map_or(0, |d| d.span.line),
            ..Stop::default()
        }
    }

    fn operation(&self, at: usize, lang: Lang) -> Stop {
        let steps = self.done[at].steps.clone();
        let children = reads::of_operation(self.viewer.trace(), steps).len() as u32;
        let ending = self.endings(at..at + 1).first();
        let (sentence, outcome) = match ending {
            Some(ending) => (ending.text.get(lang).into(), Some(OutcomeLine::of(ending, lang))),
            None => (self.lines(at..at + 1, lang), None),
        };
        Stop { depth: Depth::Operation, sentence, outcome, children, ..self.stop(at..at + 1) }
    }

    fn endings(&self, operations: Range<usize>) -> &[Ending] {
        let all = &self.viewer.cast().endings;
        all.get(operations.start.min(all.len())..operations.end.min(all.len())).unwrap_or(&[])
    }

    /// Lines that nobody wrote a note for.
    fn lines(&self, operations: Range<usize>, lang: Lang) -> alloc::string::String {
        let line = |at: usize| self.done.get(at).map_or(0, |d| d.span.line);
        sentences::lines(
            line(operations.start),
            line(operations.end.saturating_sub(1)),
            operations.len(),
            lang,
        )
    }

    fn read(&self, read: &Read, lang: Lang) -> Stop {
        let (trace, cast) = (self.viewer.trace(), self.viewer.cast());
        let (sentence, repeats) = match read.kind {
            Kind::Step(at) => (say(trace, at, cast).text.get(lang).into(), 0),
            Kind::Walk => (sentences::walk(trace, read.steps.clone(), cast, lang), 0),
            Kind::Repeats(times) => (sentences::more(trace, read.steps.clone(), times, lang), times as u32),
        };
        Stop {
            depth: Depth::Read,
            from: read.steps.start as u32,
            to: read.steps.end as u32,
            sentence,
            children: read.children(trace) as u32,
            repeats,
            ..Stop::default()
        }
    }
}

/// The read stop with these steps, however deep.
fn find(trace: &crate::trace::Trace, list: Vec<Read>, steps: Range<usize>) -> Option<Read> {
    let mut list = list;
    // Bounded: scopes inside each other.
    loop {
        let read = list.into_iter().find(|r| r.steps.start <= steps.start && steps.end <= r.steps.end)?;
        if read.steps == steps {
            return Some(read);
        }
        list = read.open(trace);
    }
}
