//! A scenario on another architecture: the same text with another word after `machine`.

use super::ast::{Declaration, Header, Machine, Scenario, Statement};
use super::parse::{parse, parse_line};
use super::print::{print, print_statement};
use super::{Problem, Problems, Span};
use crate::iommu::{Ability, Architecture};
use alloc::{string::String, vec};

/// The scenario with `architecture` after `machine`, also in what its `change` lines say of that line. What that one
/// does not have (`legacy` and `scalable`, caching mode) is taken out.
pub fn onto(scenario: &Scenario, architecture: Architecture) -> Scenario {
    let mut out = scenario.clone();
    for line in &mut out.lines {
        match &mut line.statement {
            Some(Statement::Declaration(Declaration::Machine(machine))) => turn(machine, architecture),
            Some(Statement::Header(Header::Change(change))) => {
                for text in [&mut change.from, &mut change.to] {
                    let mut parsed = parse_line(text);
                    if let Ok(Statement::Declaration(Declaration::Machine(machine))) = &mut parsed {
                        turn(machine, architecture);
                        text.value = parsed.as_ref().map(print_statement).unwrap_or_default();
                    }
                }
            }
            _ => {}
        }
    }
    out
}

/// The text on the architecture that is written `word`. A word that is none is a problem that names the nearest.
pub fn onto_word(text: &str, word: &str) -> Result<String, Problems> {
    let Some(architecture) = Architecture::named(word) else {
        let problem = Problem::expected_words(Span::default(), &Architecture::WORDS, word);
        return Err(Problems(vec![problem]));
    };
    Ok(print(&onto(&parse(text)?, architecture)))
}

fn turn(machine: &mut Machine, architecture: Architecture) {
    machine.arch.value = Some(architecture);
    if !architecture.has(Ability::TableModes) {
        machine.mode = None;
    }
    if !architecture.has(Ability::CachingMode) {
        machine.caching_mode = false;
    }
}

#[cfg(test)]
mod tests {
    use super::onto_word;
    use crate::iommu::Architecture;
    use crate::scenario::{onto, parse, print};

    #[test]
    fn a_word_that_is_no_architecture_is_a_problem_and_never_another_one() {
        let text = "iommu-playground 1\nmachine riscv\nsteps\n";
        assert_eq!(onto_word(text, "vt-d").unwrap(), text.replace("riscv", "vt-d"));
        for (word, nearest) in [("vtd", Some("vt-d")), ("risc-v", Some("riscv")), ("", None), ("none", None)]
        {
            let problems = onto_word(text, word).unwrap_err();
            assert_eq!(problems.0[0].suggestion.as_deref(), nearest, "{word}");
        }
        assert!(onto_word("machine", "vt-d").is_err());
    }

    #[test]
    fn only_the_machine_changes() {
        let text = "iommu-playground 1\nchange \"machine vt-d scalable iotlb 8\" -> \"machine vt-d scalable iotlb 9\"\n\
            change \"ram 0 .. 1G\" -> \"\"\nmachine vt-d scalable iotlb 8\nram 0 .. 1G\nsteps\n";
        let there = print(&onto(&parse(text).unwrap(), Architecture::Riscv));
        assert_eq!(there, text.replace("vt-d scalable", "riscv"));
        assert_eq!(print(&onto(&parse(&there).unwrap(), Architecture::Vtd)), text.replace(" scalable", ""));
    }
}
