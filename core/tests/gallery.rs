//! The gallery runs: every expectation holds on each architecture that a preset fits, and carrying out its own
//! `change` makes some expectation fail.

use iommu_core::machine::run::run_scenario;
use iommu_core::machine::Run;
use iommu_core::scenario::ast::{Arch, Declaration, Scenario, Statement};
use iommu_core::scenario::presets::{Preset, PRESETS};
use iommu_core::scenario::{change, parse, print_statement};

/// Whether the machine has a RISC-V unit yet.
const RISCV: bool = false;

/// The preset as it is written, and on the other architectures it says it fits.
fn variants(preset: &Preset) -> Vec<(String, Scenario)> {
    let written = parse(preset.text).unwrap_or_else(|p| panic!("{}: {p}", preset.name));
    let mut out = vec![(preset.name.to_string(), written.clone())];
    if preset.riscv && RISCV {
        let mut riscv = written;
        for line in &mut riscv.lines {
            if let Some(Statement::Declaration(Declaration::Machine(machine))) = &mut line.statement {
                machine.arch.value = Arch::RiscV;
                machine.mode = None;
            }
        }
        out.push((format!("{} on RISC-V", preset.name), riscv));
    }
    out
}

fn run(name: &str, scenario: Scenario) -> Result<Run, String> {
    run_scenario(scenario).map_err(|problems| format!("{name}: {problems}"))
}

/// The expectations that did not hold, as messages.
fn failures(name: &str, run: &Run) -> Vec<String> {
    run.failures()
        .map(|check| {
            let line = run.scenario.lines.iter().find(|l| l.span.line == check.span.line);
            let text = line.and_then(|l| l.statement.as_ref()).map(print_statement).unwrap_or_default();
            let why = check.failure.as_ref().map_or("", |f| f.en.as_str());
            format!("{name}:{}: `{text}`: {why}", check.span.line)
        })
        .collect()
}

#[test]
fn every_expectation_of_the_gallery_holds() {
    let mut wrong = Vec::new();
    for preset in PRESETS {
        for (name, scenario) in variants(preset) {
            match run(&name, scenario) {
                Ok(run) => {
                    assert!(!run.checks.is_empty(), "{name} expects nothing");
                    wrong.extend(failures(&name, &run));
                }
                Err(problem) => wrong.push(problem),
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn taking_the_cause_away_makes_an_expectation_fail() {
    let mut wrong = Vec::new();
    for preset in PRESETS {
        for (name, scenario) in variants(preset) {
            let changed = change(&scenario).unwrap_or_else(|p| panic!("{name}: {p}"));
            match run(&name, changed) {
                Ok(run) if failures(&name, &run).is_empty() => wrong.push(format!("{name}: nothing fails")),
                Ok(_) => {}
                Err(problem) => wrong.push(format!("changed: {problem}")),
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
