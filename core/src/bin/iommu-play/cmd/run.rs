//! `iommu-play run` and `iommu-play check`: runs scenarios; tells each step, or only whether expectations hold.

use super::scenario::{named, tell};
use iommu_core::explain::{say, Cast};
use iommu_core::machine::run::{run_scenario, Run};
use iommu_core::spec::Lang;
use serde_json::json;
use std::process::ExitCode;

/// Runs every scenario of `args`. `quiet`: only what does not hold is told.
pub fn run(args: &[String], quiet: bool) -> ExitCode {
    let (mut zh, mut as_json, mut sources) = (false, false, Vec::new());
    for arg in args {
        match arg.as_str() {
            "--zh" => zh = true,
            "--json" => as_json = true,
            other if other.starts_with("--") => {
                eprintln!("iommu-play: there is no option {other}");
                return ExitCode::from(2);
            }
            other => sources.push(other.to_string()),
        }
    }
    if sources.is_empty() {
        sources.push("-".into());
    }
    let mut good = true;
    for source in &sources {
        let Some((from, text, scenario)) = named(source, zh) else {
            good = false;
            continue;
        };
        match run_scenario(scenario) {
            Err(problems) => {
                problems.0.iter().for_each(|p| tell(&from, &text, p, zh));
                good = false;
            }
            Ok(run) => {
                if as_json {
                    println!("{}", in_json(&run, &text, zh));
                } else if !quiet {
                    steps(&run, &text, zh);
                }
                for check in run.failures() {
                    let failure = check.failure.as_ref();
                    let message = failure.map_or("", |f| if zh { &f.zh } else { &f.en });
                    eprintln!("{}:{}: {message}", from.name(), check.span);
                    good = false;
                }
                if quiet && !as_json {
                    println!(
                        "{}: {} expectations, {} failed",
                        from.name(),
                        run.checks.len(),
                        run.failures().count()
                    );
                }
            }
        }
    }
    if good {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn cast(run: &Run, text: &str) -> Cast {
    Cast {
        devices: run.machine.hw.devices.iter().map(|d| (d.requester, d.name.clone())).collect(),
        lines: text.lines().map(str::to_string).collect(),
    }
}

fn steps(run: &Run, text: &str, zh: bool) {
    let trace = &run.machine.trace;
    let cast = cast(run, text);
    let lang = if zh { Lang::Zh } else { Lang::En };
    for (at, step) in trace.steps().iter().enumerate() {
        let said = say(trace, at, &cast);
        println!("{:>6} {}{}", at + 1, "  ".repeat(step.depth.into()), said.text.get(lang));
    }
}

fn in_json(run: &Run, text: &str, zh: bool) -> serde_json::Value {
    let trace = &run.machine.trace;
    let cast = cast(run, text);
    let lang = if zh { Lang::Zh } else { Lang::En };
    let steps: Vec<_> = trace
        .steps()
        .iter()
        .enumerate()
        .map(|(at, step)| json!({ "position": at + 1, "depth": step.depth, "sentence": say(trace, at, &cast).text.get(lang) }))
        .collect();
    let checks: Vec<_> = run
        .checks
        .iter()
        .map(|c| json!({ "line": c.span.line, "holds": c.failure.is_none(), "why": c.failure.as_ref().map(|f| if zh { &f.zh } else { &f.en }) }))
        .collect();
    json!({ "steps": steps, "expectations": checks })
}
