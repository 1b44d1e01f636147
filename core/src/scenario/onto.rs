//! A scenario on another architecture: the same text with another word after `machine`.

use super::ast::{
    CacheKind, Declaration, Expectation, Header, Line, Machine, Operation, Scenario, Statement, TableMode,
};
use super::moved::{move_addresses, replace_word, retell};
use super::number::Num;
use super::outline::{Action, Outline};
use super::parse::{parse, parse_line};
use super::place::{Extent, Loc, Range};
use super::print::{print, print_statement};
use super::{Node, Problem, Problems, Span};
use crate::addr::PhysAddr;
use crate::iommu::{Ability, Architecture, Board};
use crate::spec::Text;
use alloc::{string::String, vec};

/// The scenario with `architecture` after `machine`, also in what its `change` lines say of that line. What that one
/// does not have (`legacy` and `scalable`) is taken out. A scenario without such a line gets one, before
/// its first declaration, unless the machine that it has without is the one.
///
/// Where the board's RAM begins above 0, so does the scenario's, and the physical addresses that it names below are moved
/// with it, in notes too.
pub fn onto(scenario: &Scenario, architecture: Architecture) -> Scenario {
    let mut out = scenario.clone();
    let outline = Outline::new(scenario);
    let from = outline.architecture();
    let modes = |a: Architecture| a.has(Ability::TableModes);
    // What has process tables without a word for it needs the word where there are two layouts.
    let scalable = modes(architecture) && from.is_some_and(|a| !modes(a)) && needs_processes(&outline);
    move_addresses(&mut out, from, architecture);
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
    if let Some(from) = from.filter(|from| *from != architecture) {
        speak(&mut out, from, architecture);
    }
    if architecture != Architecture::default() {
        on_machine_line(&mut out, |machine| machine.arch.value = Some(architecture));
    }
    if scalable {
        with_mode(&mut out, TableMode::Scalable);
    }
    out
}

/// Gives its machine a layout of tables.
pub(crate) fn with_mode(scenario: &mut Scenario, mode: TableMode) {
    on_machine_line(scenario, |machine| machine.mode = Some(Node::new(mode)));
}

/// Does it use PASIDs, stage 1 or both stages?
fn needs_processes(outline: &Outline<'_>) -> bool {
    let first = |stage: &Option<Num>| stage.is_some_and(|n| n.value == 1);
    let one = outline.steps.iter().any(|step| match &step.action {
        Action::Do(Operation::Bind(_) | Operation::Unbind(_) | Operation::ProcessEntry(_)) => true,
        Action::Do(Operation::Domain(domain)) => domain.vm.is_some() || first(&domain.stage),
        Action::Do(Operation::Dma(dma)) => dma.pasid.is_some(),
        Action::Do(Operation::Program(program)) => program.pasid.is_some(),
        Action::Do(Operation::Invalidate(op)) => {
            op.pasid.is_some() || op.cache.value == CacheKind::ProcessCache
        }
        Action::Expect(Expectation::EntryProcess(_)) => true,
        _ => false,
    });
    // Accessed and dirty bits and page requests are the units' own; with two layouts only one has them.
    let able = outline.machine.as_ref().is_some_and(|m| m.node.accessed_dirty || m.node.pri);
    one || able || outline.iommu.as_ref().is_some_and(|iommu| first(&iommu.stage))
}

/// Changes the `machine` line; a scenario without one gets it, before its first declaration and the notes on that.
fn on_machine_line(scenario: &mut Scenario, change: impl FnOnce(&mut Machine)) {
    for line in &mut scenario.lines {
        if let Some(Statement::Declaration(Declaration::Machine(machine))) = &mut line.statement {
            return change(machine);
        }
    }
    let mut machine = Machine { arch: Node::new(Some(Architecture::default())), ..Machine::default() };
    change(&mut machine);
    let head = |s: &Statement| matches!(s, Statement::Version(_) | Statement::Header(_) | Statement::Note(_));
    let note = |line: &&Line| matches!(line.statement, Some(Statement::Note(_)));
    let lines = &scenario.lines;
    let begins = lines.iter().position(|line| line.statement.as_ref().is_some_and(|s| !head(s)));
    let begins = begins.unwrap_or(lines.len());
    let at = begins - lines[..begins].iter().rev().take_while(note).count();
    let statement = Some(Statement::Declaration(Declaration::Machine(machine)));
    scenario.lines.insert(at, Line { statement, ..Line::default() });
}

/// Why a text is on no other architecture.
pub(crate) const UNREADABLE: Text = Text::new("the text has problems", "文本有问题");

/// The text on the architecture that is written `word`. A word that is none is a problem that names the nearest.
pub fn onto_word(text: &str, word: &str) -> Result<String, Problems> {
    let Some(architecture) = Architecture::named(word) else {
        let problem = Problem::expected_words(Span::default(), &Architecture::WORDS, word);
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

/// Calls what remembers translations by the new machine's name in what is told of the scenario, where it has the old one's. A
/// name that is a part of another's (Arm's `TLB`) may mean another thing; a text that has several names compares machines.
fn speak(scenario: &mut Scenario, from: Architecture, to: Architecture) {
    let name = |a: Architecture| a.describe().terms.iotlb;
    let plain = |a: &Architecture| {
        !Architecture::ALL.iter().any(|b| name(*b) != name(*a) && name(*b).contains(name(*a)))
    };
    let has = |text: &str, a: Architecture| replace_word(text, name(a), "") != text;
    if !plain(&from) {
        return;
    }
    retell(scenario, |text| {
        let ours =
            has(text, from) && !Architecture::ALL.iter().any(|a| *a != from && plain(a) && has(text, *a));
        ours.then(|| replace_word(text, name(from), name(to)))
    });
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
}

#[cfg(test)]
mod tests {
    use super::onto_word;
    use crate::iommu::Architecture;
    use crate::scenario::{onto, parse, print};
    use alloc::string::ToString;

    #[test]
    fn what_has_process_tables_by_itself_needs_the_word_for_them_on_vt_d() {
        let text = "iommu-playground 1\nmachine riscv\ndevice nic 00:03.0 pasid\nprocess app\nsteps\n  bind nic to app\n";
        let there = onto_word(text, "vt-d").unwrap();
        assert_eq!(there, text.replace("riscv", "vt-d scalable"));
        assert_eq!(onto_word(&there, "amd-vi").unwrap(), text.replace("riscv", "amd-vi"));
        let plain = text.replace("  bind nic to app\n", "");
        assert_eq!(onto_word(&plain, "vt-d").unwrap(), plain.replace("riscv", "vt-d"));
    }

    #[test]
    fn a_scenario_without_a_machine_line_gets_one() {
        let text = "iommu-playground 1\ntitle \"a\"\n\niommu strict\nram 0 .. 1G\nsteps\n";
        assert_eq!(onto_word(text, "vt-d").unwrap(), text);
        let there = onto_word(text, "riscv").unwrap();
        assert_eq!(there, text.replace("\niommu strict", "\nmachine riscv\niommu strict"));
        let none = "iommu-playground 1\n";
        assert_eq!(onto_word(none, "amd-vi").unwrap(), "iommu-playground 1\nmachine amd-vi\n");
    }

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
                assert_eq!(problems.0[0].expected.len(), Architecture::ALL.len() + 1, "{word}");
            }
        }
        for (line, meant) in [
            ("fault riscv 15 arm 0x10", "smmuv3"),
            ("fault vt-d 5 amd 0x2", "amd-vi"),
            ("count reads = 3 on intel", "vt-d"),
        ] {
            let scenario = text.to_string() + "flush\nexpect " + line + "\n";
            assert_eq!(parse(&scenario).unwrap_err().0[0].suggestion.as_deref(), Some(meant), "{line}");
        }
        for word in ["x", "mips", "power", "sparc", "s390", "loongarch", "zebra", "iommu", "swiotlb"] {
            let problems = parse(&text.replace("riscv", word)).unwrap_err();
            assert_eq!(problems.0[0].suggestion, None, "{word}");
        }
        assert!(onto_word("machine", "vt-d").is_err());
    }

    #[test]
    fn what_is_told_calls_the_cache_of_translations_by_the_machine_s_name() {
        let text = "iommu-playground 1\ntitle \"IOTLB reach\"\ntitle.zh \"IOTLB 能覆盖多少\"\nsource \"VT-d: IOTLB\"\nmachine vt-d iotlb 8\nram 0 .. 2G\n\
            steps\n  note \"The IOTLB misses; SWIOTLB is another thing.\"\n  invalidate iotlb\n  note \"VT-d's IOTLB, RISC-V's IOATC.\"\n  flush\n";
        for (word, name) in [("riscv", "IOATC"), ("smmuv3", "TLB"), ("amd-vi", "IOMMU TLB")] {
            let there = onto_word(text, word).unwrap();
            for said in [
                format!("title \"{name} reach\""),
                format!("title.zh \"{name} 能覆盖多少\""),
                format!("The {name} misses; SWIOTLB is another thing."),
                "source \"VT-d: IOTLB\"".into(),
                "VT-d's IOTLB, RISC-V's IOATC.".into(),
                format!("machine {word} iotlb 8"),
                "invalidate iotlb".into(),
            ] {
                assert!(there.contains(&said), "{word}: {said} in {there}");
            }
            if word != "smmuv3" {
                assert_eq!(onto_word(&there, "vt-d").unwrap(), text, "{word}");
            }
        }
        assert_eq!(onto_word(text, "vt-d").unwrap(), text);
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
