//! The gallery runs: every expectation holds on each architecture that a preset fits, the same data arrives there,
//! and carrying out its own `change` makes some expectation fail.

use iommu_core::iommu::Architecture;
use iommu_core::machine::run::run_scenario;
use iommu_core::machine::Run;
use iommu_core::scenario::ast::Scenario;
use iommu_core::scenario::presets::{Preset, PRESETS};
use iommu_core::scenario::{change, onto, parse, print_statement, Outline};

/// The preset as it is written, and on every other architecture that it fits.
fn variants(preset: &Preset) -> Vec<(String, Scenario)> {
    let written = parse(preset.text).unwrap_or_else(|p| panic!("{}: {p}", preset.name));
    let own = Outline::new(&written).machine.map_or(Some(Architecture::default()), |m| m.arch.value);
    let others = preset.architectures().filter(|a| Some(*a) != own);
    let on = |a: Architecture| (format!("{} on {}", preset.name, a.name()), onto(&written, a));
    let others: Vec<_> = others.map(on).collect();
    [(preset.name.to_string(), written)].into_iter().chain(others).collect()
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

/// What is in each buffer, and what each device received last: where it lies may differ, what it is may not.
fn arrived(run: &Run) -> Vec<(String, Vec<u8>)> {
    let machine = &run.machine;
    let buffers = machine.sw.buffers.iter().map(|buffer| {
        let mut bytes = Vec::new();
        for (at, len) in &buffer.pieces {
            let from = bytes.len();
            bytes.resize(from + (*len).min(1 << 20) as usize, 0);
            machine.memory.peek_bytes(*at, &mut bytes[from..]);
        }
        (buffer.name.clone(), bytes)
    });
    let devices = machine.hw.devices.iter().map(|device| (device.name.clone(), device.received.clone()));
    buffers.chain(devices).collect()
}

#[test]
fn the_same_data_arrives_on_every_architecture() {
    let mut compared = 0;
    for preset in PRESETS {
        let runs = variants(preset).into_iter().map(|(name, s)| (run(&name, s).unwrap(), name));
        let runs: Vec<(Run, String)> = runs.collect();
        let [(written, _), others @ ..] = &runs[..] else { unreachable!("a preset is a variant of itself") };
        for (other, name) in others {
            assert_eq!(written.machine.trace.exhausted(), other.machine.trace.exhausted());
            let (here, there) = (arrived(written), arrived(other));
            assert_eq!(here.len(), there.len(), "{name}");
            for (here, there) in here.iter().zip(&there) {
                assert_eq!(here.0, there.0, "{name}");
                // Descriptors hold addresses, which differ; so does what was read of them. Where no entry allows writes alone, a
                // card reads what it may only write.
                let differs = preset.name == "ring" || preset.name == "direction" && here.0 == "nic";
                if !differs {
                    assert!(here.1 == there.1, "{name}: {} differs", here.0);
                }
                compared += here.1.iter().filter(|byte| **byte != 0).count();
            }
        }
    }
    assert!(compared > 1000, "{compared} bytes are no comparison");
}

/// Questions that are asked on all four: a family asks one.
#[test]
fn most_questions_are_asked_on_every_architecture() {
    let everywhere = |preset: &&'static Preset| Architecture::ALL.into_iter().all(|a| preset.on(a).is_some());
    let first =
        |preset: &&'static Preset| preset.family().is_none_or(|family| family.presets[0] == preset.name);
    let asked: Vec<&str> =
        PRESETS.iter().filter(everywhere).filter(first).map(|preset| preset.name).collect();
    assert!(asked.len() >= 28, "{}: {asked:?}", asked.len());
    // Where one does not run, it says why.
    for preset in PRESETS.iter().filter(|preset| !everywhere(preset)) {
        assert!(!preset.why().en.is_empty() && !preset.why().zh.is_empty(), "{}", preset.name);
    }
}
