//! Small changes of a text, made for a page that knows nothing of the language: what a run can be compared with, and a word
//! of memory written between two lines. What is not changed stays as it was written.

use super::ast::{Choice, Declaration, Operation, Page, Policy, Scenario, Statement};
use super::parse::parse_all;
use super::print::print_statement;
use crate::addr::PageSize;
use alloc::{format, string::String, vec::Vec};

/// A text that differs in one word, or in one kind of word.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Variant {
    /// What makes it another one: words of the language.
    pub label: String,
    /// The text.
    pub text: String,
}

/// The texts to compare a run with: each other policy of the IOMMU, each other page size of the first mapping that has one,
/// Access Control Services at every port or at none. None for a text that cannot be read.
pub fn variants(source: &str) -> Vec<Variant> {
    let (scenario, problems) = parse_all(source);
    if !problems.is_empty() {
        return Vec::new();
    }
    let policies = Policy::WORDS.iter().map(|(word, policy)| {
        let text = first(source, &scenario, |statement| match statement {
            Statement::Declaration(Declaration::Iommu(iommu)) => {
                iommu.policy.value = *policy;
                if *policy != Policy::Lazy {
                    iommu.flush = None;
                }
                true
            }
            _ => false,
        });
        (format!("iommu {word}"), text)
    });
    let pages = [Page(PageSize::SIZE_4K), Page(PageSize::SIZE_2M)].into_iter().map(|page| {
        let text = first(source, &scenario, |statement| {
            let written = match statement {
                Statement::Operation(Operation::Map(map)) => &mut map.page,
                Statement::Declaration(Declaration::Vm(vm)) => &mut vm.page,
                _ => return false,
            };
            written.as_mut().map(|written| written.value = page).is_some()
        });
        (format!("page {page}"), text)
    });
    let services = [true, false].into_iter().map(|on| {
        let text = every(source, &scenario, |statement| match statement {
            Statement::Declaration(
                Declaration::RootPort(port) | Declaration::Switch(port) | Declaration::DownstreamPort(port),
            ) => {
                port.acs = on;
                true
            }
            _ => false,
        });
        ((if on { "acs" } else { "no acs" }).into(), text)
    });
    let all = policies.chain(pages).chain(services);
    all.filter_map(|(label, text)| text.filter(|text| text != source).map(|text| Variant { label, text }))
        .collect()
}

/// The text with a `poke` line before a line (from 1), or after it and after what is expected of it. Also the number of the
/// new line.
pub fn with_poke(source: &str, line: u32, after: bool, at: u64, value: u64, why: &str) -> (String, u32) {
    let (scenario, _) = parse_all(source);
    let mut lines: Vec<&str> = source.split('\n').collect();
    let mut index = (line.saturating_sub(1) as usize).min(lines.len());
    let indent: String =
        lines.get(index).map_or("", |l| l).chars().take_while(|c| c.is_whitespace()).collect();
    if after {
        // What belongs to the line: expectations, comments, empty lines.
        index += 1;
        let belongs = |line: &super::ast::Line| matches!(line.statement, None | Some(Statement::Expect(_)));
        // Bounded: once for each line of the text, which has a limit of its own.
        while index < lines.len() && scenario.lines.get(index).is_some_and(belongs) {
            index += 1;
        }
    }
    let index = index.min(lines.len());
    let poke = format!("{indent}poke {at:#x} {value:#x} # {why}");
    lines.insert(index, &poke);
    (lines.join("\n"), index as u32 + 1)
}

/// The text with the first statement changed for which `turn` says that it changed it.
fn first(source: &str, scenario: &Scenario, mut turn: impl FnMut(&mut Statement) -> bool) -> Option<String> {
    let mut done = false;
    changed(source, scenario, |statement| {
        !done && {
            done = turn(statement);
            done
        }
    })
}

/// The text with every statement changed for which `turn` says that it changed it.
fn every(source: &str, scenario: &Scenario, turn: impl FnMut(&mut Statement) -> bool) -> Option<String> {
    changed(source, scenario, turn)
}

fn changed(
    source: &str,
    scenario: &Scenario,
    mut turn: impl FnMut(&mut Statement) -> bool,
) -> Option<String> {
    let mut out = String::new();
    let mut from = 0;
    let mut any = false;
    for line in &scenario.lines {
        let Some(mut statement) = line.statement.clone() else { continue };
        if !turn(&mut statement) {
            continue;
        }
        any = true;
        // One that says the same stays as it was written.
        if line.statement.as_ref() == Some(&statement) {
            continue;
        }
        let place = line.span.bytes(source);
        out.push_str(source.get(from..place.start)?);
        out.push_str(&print_statement(&statement));
        from = place.end;
    }
    out.push_str(source.get(from..)?);
    any.then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::{parse, presets::PRESETS};

    #[test]
    fn a_variant_can_be_read_and_differs_where_it_says() {
        for preset in PRESETS {
            for variant in variants(preset.text) {
                assert!(parse(&variant.text).is_ok(), "{}: {}", preset.name, variant.label);
                assert_ne!(variant.text, preset.text);
            }
        }
        let text = "iommu-playground 1\n# mine\niommu   strict # not \"iommu off\"\nsteps\n";
        let all = variants(text);
        let labels: Vec<&str> = all.iter().map(|v| v.label.as_str()).collect();
        assert_eq!(labels, ["iommu off", "iommu pass-through", "iommu lazy"]);
        assert_eq!(all[2].text, text.replace("iommu   strict", "iommu lazy"));
        assert!(variants("iommu-playground 1\nstpes\n").is_empty());
    }

    #[test]
    fn a_word_is_written_before_a_line_or_after_all_that_belongs_to_it() {
        let text = "iommu-playground 1\nsteps\n  alloc a 4K\n  expect fault none\n\n  free a\n";
        let (before, line) = with_poke(text, 3, false, 0x1000, 3, "x");
        assert_eq!((line, before.lines().nth(2)), (3, Some("  poke 0x1000 0x3 # x")));
        let (after, line) = with_poke(text, 3, true, 0x1000, 3, "x");
        assert_eq!((line, after.lines().nth(5)), (6, Some("  poke 0x1000 0x3 # x")));
        // A line that is not there is the end.
        assert!(with_poke(text, 99, true, 0, 0, "").0.ends_with("poke 0x0 0x0 # "));
    }
}
