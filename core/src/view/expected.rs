//! What the scenario expects, with what became of it, at its place in the course.

use super::types::Expected;
use crate::machine::{Check, Done};
use crate::spec::Lang;
use alloc::{string::String, vec::Vec};

/// Every expectation in order; `lines` are the scenario's.
pub fn expected(checks: &[Check], done: &[Done], lines: &[String], lang: Lang) -> Vec<Expected> {
    let one = |check: &Check| Expected {
        line: check.span.line,
        column: check.span.column,
        len: check.span.len,
        text: lines.get(check.span.line.saturating_sub(1) as usize).map_or("", |l| l.trim()).into(),
        at: check.operation.and_then(|o| done.get(o)).map_or(0, |d| d.steps.end as u32),
        elsewhere: check.elsewhere,
        failure: check.failure.as_ref().map(|f| if lang == Lang::Zh { f.zh.clone() } else { f.en.clone() }),
    };
    checks.iter().map(one).collect()
}
