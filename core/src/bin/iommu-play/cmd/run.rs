//! `iommu-play run` and `iommu-play check`: runs scenarios; says what happened, as deep as is wanted, or only whether
//! expectations hold.

use super::scenario::{named_on, tell};
use crate::cli::Check;
use iommu_core::explain::{say, Cast};
use iommu_core::machine::run::{run_scenario, Run};
use iommu_core::spec::Lang;
use iommu_core::view::export::trace_json;
use iommu_core::view::text::troubles;
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

/// Says only what does not hold in each scenario.
pub fn check(args: &Check, lang: Lang) -> ExitCode {
    all(args, Told::Steps, true, lang)
}

/// Says what happens in each scenario.
pub fn run(args: &crate::cli::Run, lang: Lang) -> ExitCode {
    all(&args.check, args.depth.as_deref().map_or(Told::Steps, |word| depth(word, lang)), false, lang)
}

fn all(args: &Check, told: Told, quiet: bool, lang: Lang) -> ExitCode {
    let (zh, as_json) = (lang == Lang::Zh, args.json);
    let standard_input = [String::from("-")];
    let sources = if args.scenarios.is_empty() { &standard_input[..] } else { &args.scenarios };
    let mut good = true;
    for source in sources {
        let Some((from, text, scenario)) = named_on(source, args.arch, lang) else {
            good = false;
            continue;
        };
        match run_scenario(scenario) {
            Err(problems) => {
                if as_json {
                    let found = serde_json::json!({ "problems": troubles(&problems.0, lang) });
                    out!("{found}\n");
                }
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
                    let (name, all, failed) = (from.name(), run.checks.len(), run.failures().count());
                    let elsewhere = match (run.checks.iter().filter(|check| check.elsewhere).count(), zh) {
                        (0, _) => String::new(),
                        (n, false) => format!(", {n} for other machines"),
                        (n, true) => format!("，{n} 条是给别的机器的"),
                    };
                    match (zh, failed) {
                        (false, _) => outln!("{name}: {all} expectations, {failed} failed{elsewhere}"),
                        (true, 0) if elsewhere.is_empty() => outln!("{name}：{all} 条期望，全部成立"),
                        (true, 0) => outln!("{name}：{all} 条期望，没有不成立的{elsewhere}"),
                        (true, _) => outln!("{name}：{all} 条期望，{failed} 条不成立{elsewhere}"),
                    }
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
fn depth(word: &str, lang: Lang) -> Told {
    if word == "step" {
        return Told::Steps;
    }
    Told::Depth(Depth::named(word).unwrap_or_else(|| {
        let words: Vec<&str> = Depth::WORDS.iter().map(|(word, _)| *word).collect();
        match lang {
            Lang::En => errln!(
                "iommu-play: there is no depth `{word}`: it is one of {}, step; showing ideas",
                words.join(", ")
            ),
            Lang::Zh => errln!(
                "iommu-play：没有 `{word}` 这个深度：可以是 {}、step；现在按要点（idea）显示",
                words.join("、")
            ),
        }
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
