//! `iommu-play draw`: the picture of a scenario at a position, of a range of steps, or of its ideas.

use super::no_such_fault;
use super::scenario::{named_on, tell};
use crate::cli::{Draw, Steps};
use iommu_core::diagram::Options;
use iommu_core::machine::run::run_scenario;
use iommu_core::spec::Lang;
use iommu_core::view::{export::Form, Player};
use std::process::ExitCode;

/// Draws what `args` say.
pub fn run(args: &Draw, lang: Lang) -> ExitCode {
    let zh = lang == Lang::Zh;
    // A picture that is looked at is drawn as on the page; text that is read in a file has room.
    let picture = args.svg || args.steps.is_some();
    let drawn = if picture { Player::as_on_the_page(lang) } else { Options { lang, ..Options::default() } };
    let mut options = Options { units: args.units, title: args.title, ..drawn };
    if let Some(width) = args.width {
        (options.width, options.most) = (width, width);
    }
    let Some((source, text_of, scenario)) = named_on(&args.scenario, args.arch, lang) else {
        return ExitCode::FAILURE;
    };
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
    let mut player = Player::of(run, &text_of);
    if args.handout {
        out!("{}", player.handout(lang));
        return ExitCode::SUCCESS;
    }
    let form = match args.svg {
        true => Form::Svg,
        false => Form::Text(args.charset(), args.wrapper()),
    };
    let drawn = match args.steps {
        Some(Steps::Ideas) => player.film_of_ideas(args.theme, &options),
        Some(Steps::Between(from, to)) => player.film(from, to, args.theme, &options),
        None => {
            let at = match &args.at {
                None => Some(usize::MAX),
                Some(at) => at.among(&player.course(lang).marks).map(|at| at as usize),
            };
            let Some(at) = at else { return no_such_fault("draw", lang) };
            player.draw(at, form, args.theme, &options)
        }
    };
    out!("{drawn}");
    ExitCode::SUCCESS
}
