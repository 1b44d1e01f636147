//! `iommu-play run` and `iommu-play check`: runs scenarios; says what happened, as deep as is wanted, or only whether
//! expectations hold.

use super::scenario::{named, tell};
use iommu_core::explain::{say, Cast};
use iommu_core::machine::run::{run_scenario, Run};
use iommu_core::spec::Lang;
use iommu_core::view::export::trace_json;
use iommu_core::view::transcript::transcript;
use iommu_core::view::types::Depth;
use iommu_core::view::Player;
use std::process::ExitCode;

/// How deep the run is told: a depth of the page, or every step of the trace.
#[derive(Clone, Copy)]
enum Told {
    Depth(Depth),
    Steps,
}

/// Runs every scenario of `args`. `quiet`: only what does not hold is told.
pub fn run(args: &[String], quiet: bool) -> ExitCode {
    let (mut zh, mut as_json, mut sources) = (false, false, Vec::new());
    let mut told = Told::Steps;
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--zh" => zh = true,
            "--json" => as_json = true,
            "--depth" => told = depth(args.next().map(String::as_str).unwrap_or_default()),
            other if other.starts_with("--depth=") => told = depth(&other["--depth=".len()..]),
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
                    let cast = Cast::of_run(&run, &text);
                    out!("{}", trace_json(&run.machine.trace, &run.checks, &cast, lang));
                } else if !quiet {
                    match (told, Player::open(&text)) {
                        (Told::Depth(depth), Ok(player)) => out!("{}", transcript(&player, depth, lang)),
                        _ => steps(&run, &text, lang),
                    }
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

/// The depth that a word names; another word falls back to ideas, and that is said.
fn depth(word: &str) -> Told {
    if word == "step" {
        return Told::Steps;
    }
    Told::Depth(Depth::named(word).unwrap_or_else(|| {
        let words: Vec<&str> = Depth::WORDS.iter().map(|(word, _)| *word).collect();
        errln!(
            "iommu-play: there is no depth `{word}`: it is one of {}, step; showing ideas",
            words.join(", ")
        );
        Depth::Idea
    }))
}

fn steps(run: &Run, text: &str, lang: Lang) {
    let trace = &run.machine.trace;
    let cast = Cast::of_run(run, text);
    for (at, step) in trace.steps().iter().enumerate() {
        let said = say(trace, at, &cast);
        outln!("{:>6} {}{}", at + 1, "  ".repeat(step.depth.into()), said.text.get(lang));
    }
}
