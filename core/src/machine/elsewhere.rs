//! What one machine's IOMMU lacks another's may have: a line that was refused for it is tried on the other machines, and
//! the problem says what to write after `machine`. Nothing of the refused run is touched.

use crate::iommu::{Ability, Architecture};
use crate::scenario::ast::{Choice, Scenario, TableMode};
use crate::scenario::{onto, with_mode, Outline, Problem};
use crate::spec::Phrase;
use alloc::{format, string::String, vec::Vec};

/// Adds to a problem of what the machine lacks the machines that `does` says do it.
pub(super) fn elsewhere(problem: Problem, scenario: &Scenario, does: impl Fn(Scenario) -> bool) -> Problem {
    if !problem.lacks {
        return problem;
    }
    let able = |a: Architecture| {
        let (mut there, word) = (onto(scenario, a), a.describe().word);
        let scalable = format!("{word} {}", TableMode::Scalable.word());
        if does(there.clone()) {
            // Of the word alone where the line need not say more than it does: turning it may have put in the other.
            let more = mode(&there) == Some(TableMode::Scalable) && mode(scenario).is_none();
            return Some(if more { scalable } else { word.into() });
        }
        if !a.has(Ability::TableModes) {
            return None;
        }
        with_mode(&mut there, TableMode::Scalable);
        does(there).then_some(scalable)
    };
    let able: Vec<String> = Architecture::ALL.into_iter().filter_map(able).collect();
    problem.done_by(&Phrase::one_of(&able.iter().map(String::as_str).collect::<Vec<_>>()))
}

/// The layout of tables that its machine line names.
fn mode(scenario: &Scenario) -> Option<TableMode> {
    Outline::new(scenario).machine.and_then(|machine| machine.node.mode.as_ref().map(|mode| mode.value))
}
