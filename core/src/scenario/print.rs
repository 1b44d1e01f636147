//! [`Scenario`] to its canonical text: one space between words, indented by what belongs to what, comments
//! and order kept, at most one empty line in a row.

use alloc::string::String;

use super::ast::{Declaration, Scenario, Statement};
use super::form::Form;

/// The canonical text of one statement, without indentation.
pub fn print_statement(statement: &Statement) -> String {
    let mut statement = statement.clone();
    let mut form = Form::writer(statement.verb());
    // Writing has nothing to refuse.
    let _ = statement.form(&mut form);
    form.into_text()
}

/// The canonical text of a scenario; ends with a line end.
pub fn print(scenario: &Scenario) -> String {
    let mut out = String::new();
    let mut in_steps = false;
    let mut empty = true;
    for (i, line) in scenario.lines.iter().enumerate() {
        if line.statement.is_none() && line.comment.is_none() {
            // Empty lines: none at the beginning, one in a row; those at the end are cut below.
            if !empty {
                out.push('\n');
            }
            empty = true;
            continue;
        }
        empty = false;
        // A comment of its own and a note stand as far in as the statement after them.
        let leader = scenario.lines[i..]
            .iter()
            .find_map(|l| l.statement.as_ref().filter(|s| !matches!(s, Statement::Note(_))));
        if matches!(line.statement, Some(Statement::Steps)) {
            in_steps = true;
        }
        out.push_str(match leader {
            Some(statement) => indent(statement),
            None if in_steps => "  ",
            None => "",
        });
        if let Some(statement) = &line.statement {
            out.push_str(&print_statement(statement));
            if line.comment.is_some() {
                out.push_str("  ");
            }
        }
        if let Some(comment) = &line.comment {
            out.push('#');
            out.extend(comment.trim_end().chars().map(|c| if c == '\n' { ' ' } else { c }));
        }
        out.push('\n');
    }
    if empty {
        out.truncate(out.trim_end_matches('\n').len());
        if !out.is_empty() {
            out.push('\n');
        }
    }
    out
}

/// How far in a statement is.
fn indent(statement: &Statement) -> &'static str {
    use Declaration as D;
    match statement {
        Statement::Operation(_) => "  ",
        Statement::Expect(_) => "  ",
        Statement::Declaration(D::Bar(_) | D::Sriov(_) | D::VfBar(_) | D::Local(_)) => "  ",
        Statement::Declaration(D::Engine(_) | D::Vectors(_) | D::Window(_)) => "  ",
        _ => "",
    }
}
