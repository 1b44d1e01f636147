//! `iommu-play draw`: the picture of a scenario at a position.

use super::scenario::{named, tell};
use crate::cli::Draw;
use iommu_core::diagram::Options;
use iommu_core::machine::history::Cursor;
use iommu_core::machine::run::run_scenario;
use iommu_core::machine::Record;
use iommu_core::picture::picture;
use iommu_core::view::export::{self, Form};
use std::process::ExitCode;

/// Draws what `args` say.
pub fn run(args: &Draw) -> ExitCode {
    let (lang, zh) = (args.language.chosen(), args.language.is_zh());
    let mut options = Options { lang, units: args.units, title: args.title, ..Options::default() };
    options.width = args.width.unwrap_or(options.width);
    let Some((source, text_of, scenario)) = named(&args.scenario, zh) else { return ExitCode::FAILURE };
    let run = match run_scenario(scenario) {
        Ok(run) => run,
        Err(problems) => {
            problems.0.iter().for_each(|p| tell(&source, &text_of, p, zh));
            return ExitCode::FAILURE;
        }
    };
    if let Some(problem) = &run.stopped {
        tell(&source, &text_of, problem, zh);
    }
    let trace = &run.machine.trace;
    let at = args.at.unwrap_or(usize::MAX).min(trace.len());
    let mut cursor = Cursor::at_end(run.machine.memories(), trace);
    cursor.seek(trace, at);
    let model = picture(&Record::of(&run.machine), trace, &mut cursor, export::title(&run.scenario));
    let form = match args.svg {
        true => Form::Svg,
        false => Form::Text(args.charset(), args.wrapper()),
    };
    out!("{}", export::draw(&model, form, args.theme, &options));
    ExitCode::SUCCESS
}
