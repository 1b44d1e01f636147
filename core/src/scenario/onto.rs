//! A scenario on another architecture: the same text with another word after `machine`.

use super::ast::{Arch, Declaration, Header, Machine, Scenario, Statement};
use super::parse::parse_line;
use super::print::print_statement;

/// The scenario with `arch` after `machine`, also in what its `change` lines say of that line. What only VT-d has
/// (`legacy`, `scalable`, caching mode) is taken out.
pub fn onto(scenario: &Scenario, arch: Arch) -> Scenario {
    let mut out = scenario.clone();
    for line in &mut out.lines {
        match &mut line.statement {
            Some(Statement::Declaration(Declaration::Machine(machine))) => turn(machine, arch),
            Some(Statement::Header(Header::Change(change))) => {
                for text in [&mut change.from, &mut change.to] {
                    let mut parsed = parse_line(text);
                    if let Ok(Statement::Declaration(Declaration::Machine(machine))) = &mut parsed {
                        turn(machine, arch);
                        text.value = parsed.as_ref().map(print_statement).unwrap_or_default();
                    }
                }
            }
            _ => {}
        }
    }
    out
}

fn turn(machine: &mut Machine, arch: Arch) {
    machine.arch.value = arch;
    if arch != Arch::VtD {
        machine.mode = None;
        machine.caching_mode = false;
    }
}

#[cfg(test)]
mod tests {
    use crate::scenario::ast::Arch;
    use crate::scenario::{onto, parse, print};

    #[test]
    fn only_the_machine_changes() {
        let text = "iommu-playground 1\nchange \"machine vt-d scalable iotlb 8\" -> \"machine vt-d scalable iotlb 9\"\n\
            change \"ram 0 .. 1G\" -> \"\"\nmachine vt-d scalable iotlb 8\nram 0 .. 1G\nsteps\n";
        let there = print(&onto(&parse(text).unwrap(), Arch::RiscV));
        assert_eq!(there, text.replace("vt-d scalable", "riscv"));
        assert_eq!(print(&onto(&parse(&there).unwrap(), Arch::VtD)), text.replace(" scalable", ""));
    }
}
