//! Which scopes a step is inside.

use crate::trace::{Event, Scope, Trace};
use alloc::vec::Vec;
use core::ops::Range;

/// The step that opened the scope which the step at `index` closes.
pub fn opener(trace: &Trace, index: usize) -> Option<usize> {
    let depth = trace.steps().get(index)?.depth;
    let before = trace.steps().range(0..index);
    before.iter().rposition(|s| s.depth == depth && matches!(s.event, Event::Begin(_)))
}

/// The steps that opened the scopes around the step at `index`, outermost first; a step that opens one is inside
/// it, and so is the step that closes it.
pub fn around(trace: &Trace, index: usize) -> Vec<usize> {
    let mut found = Vec::new();
    let Some(step) = trace.steps().get(index) else { return found };
    let inside = u8::from(matches!(step.event, Event::Begin(_) | Event::End(_)));
    let mut depth = step.depth + inside;
    for i in (0..=index).rev() {
        if depth == 0 {
            break;
        }
        let s = &trace.steps()[i];
        if s.depth + 1 == depth && matches!(s.event, Event::Begin(_)) {
            found.push(i);
            depth -= 1;
        }
    }
    found.reverse();
    found
}

/// Where the scope opened at `begin` ends: one past its [`Event::End`].
pub fn extent(trace: &Trace, begin: usize) -> Range<usize> {
    let Some(step) = trace.steps().get(begin) else { return begin..begin };
    let rest = trace
        .steps()
        .from(begin)
        .iter()
        .position(|s| s.depth == step.depth && matches!(s.event, Event::End(_)));
    begin..rest.map_or(trace.len(), |n| begin + n + 1)
}

/// The innermost scope around a step that `wanted` accepts.
pub fn innermost(trace: &Trace, index: usize, wanted: impl Fn(&Scope) -> bool) -> Option<(usize, Scope)> {
    around(trace, index).into_iter().rev().find_map(|i| match trace.steps()[i].event {
        Event::Begin(scope) if wanted(&scope) => Some((i, scope)),
        _ => None,
    })
}
