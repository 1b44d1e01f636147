//! `iommu-play draw`: the picture of a scenario at a position.

use super::scenario::{named, tell};
use iommu_core::diagram::render::{Charset, Theme, Wrapper};
use iommu_core::diagram::Options;
use iommu_core::machine::history::Cursor;
use iommu_core::machine::run::run_scenario;
use iommu_core::picture::picture;
use iommu_core::spec::Lang;
use iommu_core::view::export::{self, Form};
use std::process::ExitCode;

const USAGE: &str = "usage: iommu-play draw PRESET|FILE|- [--at STEP] [--ascii|--unicode|--svg]
       [--lang en|zh] [--width N] [--units] [--title] [--c|--rst|--markdown] [--theme auto|light|dark]";

/// Draws what `args` say.
pub fn run(args: &[String]) -> ExitCode {
    let mut source = None;
    let (mut at, mut svg, mut charset, mut lang) = (usize::MAX, false, Charset::Ascii, Lang::En);
    let (mut wrapper, mut theme, mut options) = (Wrapper::Plain, Theme::Auto, Options::default());
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        let mut value = || args.next().map(String::as_str).unwrap_or("");
        match arg.as_str() {
            "--at" => match value().parse() {
                Ok(n) => at = n,
                Err(_) => return usage("--at takes a position: a number"),
            },
            "--width" => match value().parse() {
                Ok(n) => options.width = n,
                Err(_) => return usage("--width takes a number of characters"),
            },
            "--lang" => match value() {
                "en" => lang = Lang::En,
                "zh" => lang = Lang::Zh,
                _ => return usage("--lang takes en or zh"),
            },
            "--theme" => match value() {
                "auto" => theme = Theme::Auto,
                "light" => theme = Theme::Light,
                "dark" => theme = Theme::Dark,
                _ => return usage("--theme takes auto, light or dark"),
            },
            "--ascii" => charset = Charset::Ascii,
            "--unicode" => charset = Charset::Unicode,
            "--svg" => svg = true,
            "--units" => options.units = true,
            "--title" => options.title = true,
            "--c" => wrapper = Wrapper::C,
            "--rst" => wrapper = Wrapper::Rst,
            "--markdown" => wrapper = Wrapper::Markdown,
            other if other.starts_with("--") => return usage(&format!("there is no option {other}")),
            other => source = Some(other.to_string()),
        }
    }
    let Some(source) = source else { return usage("which scenario?") };
    let zh = lang == Lang::Zh;
    let Some((source, text_of, scenario)) = named(&source, zh) else { return ExitCode::FAILURE };
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
    let at = at.min(trace.len());
    let mut cursor = Cursor::at_end(run.machine.memories(), trace);
    cursor.seek(trace, at);
    let model = picture(&run.machine, trace, &mut cursor, export::title(&run.scenario));
    options.lang = lang;
    let form = match svg {
        true => Form::Svg,
        false => Form::Text(charset, wrapper),
    };
    out!("{}", export::draw(&model, form, theme, &options));
    ExitCode::SUCCESS
}

fn usage(why: &str) -> ExitCode {
    errln!("iommu-play draw: {why}\n{USAGE}");
    ExitCode::from(2)
}
