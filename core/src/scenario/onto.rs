//! A scenario on another architecture: the same text with another word after `machine`.

use super::ast::{Declaration, Header, Machine, Name, Operation, Scenario, Statement};
use super::number::Num;
use super::outline::{Action, Outline};
use super::parse::{parse, parse_line};
use super::place::{Extent, Loc, Range};
use super::print::{print, print_statement};
use super::{Problem, Problems, Span};
use crate::addr::PhysAddr;
use crate::iommu::{Ability, Architecture, Board};
use alloc::{string::String, string::ToString, vec, vec::Vec};

/// The scenario with `architecture` after `machine`, also in what its `change` lines say of that line. What that one
/// does not have (`legacy` and `scalable`, caching mode) is taken out.
///
/// Where the board's RAM begins above 0, so does the scenario's, and the physical addresses that it names below are moved
/// with it, in notes too.
pub fn onto(scenario: &Scenario, architecture: Architecture) -> Scenario {
    let mut out = scenario.clone();
    move_addresses(&mut out, Board::of(Some(architecture)).ram.0);
    for line in &mut out.lines {
        match &mut line.statement {
            Some(Statement::Declaration(declaration)) => turn(declaration, architecture),
            Some(Statement::Header(Header::Change(change))) => {
                for text in [&mut change.from, &mut change.to] {
                    let mut parsed = parse_line(text);
                    if let Ok(Statement::Declaration(declaration)) = &mut parsed {
                        turn(declaration, architecture);
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
        let problem = Problem::expected_words(Span::default(), &Architecture::WORDS, word)
            .suggest_for(word, Architecture::other_words());
        return Err(Problems(vec![problem]));
    };
    Ok(print(&onto(&parse(text)?, architecture)))
}

fn turn(declaration: &mut Declaration, architecture: Architecture) {
    match declaration {
        Declaration::Machine(machine) => turn_machine(machine, architecture),
        Declaration::Ram(ram) => move_ram(&mut ram.range, Board::of(Some(architecture)).ram.0),
        _ => {}
    }
}

/// Moves the physical addresses below `begin` that the scenario gives its buffers, wherever they stand in its text.
fn move_addresses(scenario: &mut Scenario, begin: u64) {
    let outline = Outline::new(scenario);
    if begin == 0 || outline.rams.iter().all(|ram| ram.range.addresses().is_none_or(|r| r.start.raw() != 0)) {
        return;
    }
    let host = |name: &Name| outline.processes.iter().any(|p| p.name.value == name.value && p.vm.is_none());
    let mut moved: Vec<Num> = Vec::new();
    for step in &outline.steps {
        let place = match &step.action {
            Action::Do(Operation::Alloc(alloc)) if alloc.owner.is_none() => alloc.at.as_ref(),
            Action::Do(Operation::Map(map)) if host(&map.space) => map.to.as_ref(),
            _ => None,
        };
        moved.extend(place.filter(|at| at.base.is_none() && at.offset.value < begin).map(|at| at.offset));
    }
    let words: Vec<_> =
        moved.iter().map(|n| (n.to_string(), Num::hex(begin + n.value).to_string())).collect();
    for line in scenario.lines.iter_mut().filter(|_| !words.is_empty()) {
        let Some(statement) = &line.statement else { continue };
        let text = print_statement(statement);
        let there = words.iter().fold(text.clone(), |text, (old, new)| replace_word(&text, old, new));
        if let Ok(statement) = parse_line(&there) {
            line.statement = Some(statement).filter(|_| there != text).or(line.statement.take());
        }
    }
}

/// Replaces a number where it stands as a word of its own.
fn replace_word(text: &str, old: &str, new: &str) -> String {
    let part = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric() || c == '_');
    let (mut out, mut rest) = (String::new(), text);
    // Bounded: each turn takes a word off the line.
    while let Some(at) = rest.find(old) {
        let (before, after) = (&rest[..at], &rest[at + old.len()..]);
        let whole =
            !part(before.chars().next_back().or(out.chars().next_back())) && !part(after.chars().next());
        out.push_str(before);
        out.push_str(if whole { new } else { old });
        rest = after;
    }
    out + rest
}

/// RAM from address 0 begins where the board's begins: what is above stays where it is; RAM that would be gone is moved.
fn move_ram(range: &mut Range<PhysAddr>, begin: u64) {
    let Some(old) = range.addresses().filter(|r| begin != 0 && r.start.raw() == 0) else { return };
    let end = if old.len() > begin { old.len() } else { begin + old.len() };
    range.start = Loc::literal(Num::hex(begin));
    range.extent = Extent::End(Num::hex(end));
}

fn turn_machine(machine: &mut Machine, architecture: Architecture) {
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
        // What people call them otherwise; never another one.
        let called = [
            (
                "smmuv3",
                "arm ARM arm64 aarch64 armv3 armv8 armv9 smmu SMMU smmu-v3 smmuv2 smmu3 gic gicv3 its",
            ),
            ("vt-d", "vtd VT-D intel x86 x86-64 vt-x dmar intel-iommu"),
            ("amd-vi", "amd AMD amdvi amd-v amd-iommu"),
            ("riscv", "risc risc-v riscv64 rv64 riscv-iommu"),
        ];
        for (meant, words) in called {
            for word in words.split(' ') {
                let problems = onto_word(text, word).unwrap_err();
                assert_eq!(problems.0[0].suggestion.as_deref(), Some(meant), "{word}");
                let scenario = text.replace("riscv", word);
                let problems = parse(&scenario).unwrap_err();
                assert_eq!(problems.0[0].suggestion.as_deref(), Some(meant), "{word}");
                assert_eq!(problems.0[0].expected.len(), Architecture::UNITS + 1, "{word}");
            }
        }
        for word in ["x", "mips", "power", "sparc", "s390", "loongarch", "zebra", "iommu", "swiotlb"] {
            let problems = parse(&text.replace("riscv", word)).unwrap_err();
            assert_eq!(problems.0[0].suggestion, None, "{word}");
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
