//! Where a run was refused.

use crate::machine::Done;
use crate::trace::{Event, Trace, Verdict};

/// The position at which the read that failed is the current step: a count of steps done.
///
/// That is the last table read of the last refused request whose entry, or the memory it is in, refused; where
/// no read decided (an address too wide, a message of the wrong form), it is the check or the fault itself.
/// `None` when nothing was refused.
pub fn failing_step(done: &[Done], trace: &Trace) -> Option<usize> {
    let done = done.iter().rev().find(|done| done.outcome.fault.is_some())?;
    let steps = trace.steps().range(done.steps.clone());
    let fault = steps.iter().rposition(|step| matches!(step.event, Event::Fault { .. }))?;
    let before = steps.range(0..fault);
    let read = before.iter().rposition(|step| {
        matches!(step.event, Event::Read { verdict: Verdict::Refused(_) | Verdict::Fault(_), .. })
    });
    let check = || before.iter().rposition(|step| matches!(step.event, Event::Check { ok: false, .. }));
    Some(done.steps.start + read.or_else(check).unwrap_or(fault) + 1)
}
