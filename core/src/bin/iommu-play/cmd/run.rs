//! `iommu-play run` and `iommu-play check`: runs scenarios; tells each step, or only whether expectations hold.

use super::scenario::{named, tell};
use iommu_core::explain::{say, Cast};
use iommu_core::machine::run::{run_scenario, Run};
use iommu_core::spec::Lang;
use iommu_core::view::export::trace_json;
use std::process::ExitCode;

/// Runs every scenario of `args`. `quiet`: only what does not hold is told.
pub fn run(args: &[String], quiet: bool) -> ExitCode {
    let (mut zh, mut as_json, mut sources) = (false, false, Vec::new());
    for arg in args {
        match arg.as_str() {
            "--zh" => zh = true,
            "--json" => as_json = true,
            other if other.starts_with("--") => {
                errln!("iommu-play: there is no option {other}");
                return ExitCode::from(2);
            }
            other => sources.push(other.to_string()),
        }
    }
    if sources.is_empty() {
        sources.push("-".into());
    }
    let lang = if zh { Lang::Zh } else { Lang::En };
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
                    let cast = Cast::of(&run.machine, &text);
                    out!("{}", trace_json(&run.machine.trace, &run.checks, &cast, lang));
                } else if !quiet {
                    steps(&run, &text, lang);
                }
                if let Some(problem) = &run.stopped {
                    tell(&from, &text, problem, zh);
                    good = false;
                }
                for check in run.failures() {
                    let failure = check.failure.as_ref();
                    let message = failure.map_or("", |f| if zh { &f.zh } else { &f.en });
                    errln!("{}:{}: {message}", from.name(), check.span);
                    good = false;
                }
                if quiet && !as_json {
                    outln!(
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

fn steps(run: &Run, text: &str, lang: Lang) {
    let trace = &run.machine.trace;
    let cast = Cast::of(&run.machine, text);
    for (at, step) in trace.steps().iter().enumerate() {
        let said = say(trace, at, &cast);
        outln!("{:>6} {}{}", at + 1, "  ".repeat(step.depth.into()), said.text.get(lang));
    }
}
