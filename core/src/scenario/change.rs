//! A scenario's own counter-example: its `change` lines carried out.

use super::ast::{Header, Line, Scenario, Statement};
use super::parse::parse_line;
use super::problem::Problem;

/// The scenario with its `change` lines carried out (and taken out): the same machine with its cause removed,
/// in which some `expect` must fail.
///
/// # Errors
/// A `change` whose first text is not one line of the scenario and only one, or whose second is no statement.
pub fn change(scenario: &Scenario) -> Result<Scenario, Problem> {
    let mut out = scenario.clone();
    let is_change = |line: &Line| matches!(line.statement, Some(Statement::Header(Header::Change(_))));
    out.lines.retain(|line| !is_change(line));
    for line in &scenario.lines {
        let Some(Statement::Header(Header::Change(change))) = &line.statement else { continue };
        let from =
            parse_line(&change.from).map_err(|problem| Problem { span: change.from.span, ..problem })?;
        let mut found = out.lines.iter_mut().filter(|line| line.statement.as_ref() == Some(&from));
        let (Some(target), None) = (found.next(), found.next()) else {
            return Err(Problem::new(
                change.from.span,
                "this must be one line of the scenario, and only one",
                "它必须是场景中的某一行，而且只能对应一行",
            ));
        };
        target.statement = if change.to.is_empty() {
            None
        } else {
            Some(parse_line(&change.to).map_err(|problem| Problem { span: change.to.span, ..problem })?)
        };
    }
    Ok(out)
}
