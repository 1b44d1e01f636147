//! What the commands that take scenarios share: reading them, and telling what is wrong with them.

use super::encoding::utf8;
use iommu_core::iommu::Architecture;
use iommu_core::scenario::presets::{Preset, PRESETS};
use iommu_core::scenario::{parse, Problem, Problems, Scenario};
use iommu_core::spec::Lang;
use iommu_core::view::across::turned;
use std::path::PathBuf;

/// Where a text comes from.
pub enum Source {
    /// Standard input.
    Stdin,
    /// A file.
    File(PathBuf),
    /// A preset of the gallery.
    Preset(&'static Preset),
    /// One of these on another architecture, with the `machine` line that it did not have: lines count one more below it.
    Turned(Box<Source>, &'static str),
}

impl Source {
    /// What messages call it.
    pub fn name(&self) -> String {
        match self {
            Source::Stdin => "<stdin>".into(),
            Source::File(path) => path.display().to_string(),
            Source::Preset(preset) => preset.name.into(),
            Source::Turned(source, word) => format!("{}+\"machine {word}\"", source.name()),
        }
    }

    fn read(&self) -> std::io::Result<String> {
        match self {
            Source::Stdin => std::io::read_to_string(utf8(std::io::stdin().lock())?),
            Source::File(path) => {
                std::io::read_to_string(utf8(std::io::BufReader::new(std::fs::File::open(path)?))?)
            }
            Source::Preset(preset) => Ok(preset.text.into()),
            Source::Turned(source, _) => source.read(),
        }
    }
}

/// The text of a scenario; why it cannot be read goes to standard error.
pub fn read(source: &Source, zh: bool) -> Option<String> {
    source
        .read()
        .map_err(|error| match zh {
            false => errln!("{}: {error}", source.name()),
            true if error.kind() == std::io::ErrorKind::NotFound => {
                errln!("{}：没有这个文件，也没有这个名字的预设", source.name())
            }
            true => errln!("{}：{}", source.name(), crate::zh::io(&error)),
        })
        .ok()
}

/// A scenario and its text; what is wrong goes to standard error.
pub fn parsed(source: &Source, zh: bool) -> Option<(String, Scenario)> {
    let text = read(source, zh)?;
    let scenario = checked(source, &text, zh)?;
    Some((text, scenario))
}

/// The scenario of a text; what is wrong goes to standard error.
pub fn checked(source: &Source, text: &str, zh: bool) -> Option<Scenario> {
    let said = |problems: Problems| problems.0.iter().for_each(|problem| tell(source, text, problem, zh));
    parse(text).map_err(said).ok()
}

/// What a problem says, in a language.
pub fn message(problem: &Problem, lang: Lang) -> String {
    match lang {
        Lang::Zh => problem.zh(),
        Lang::En => problem.to_string(),
    }
}

/// One problem, with its line and a mark under the characters that are wrong.
pub fn tell(source: &Source, text: &str, problem: &Problem, zh: bool) {
    let message = message(problem, if zh { Lang::Zh } else { Lang::En });
    errln!("{}:{message}", source.name());
    let Some(line) = text.split('\n').nth((problem.span.line as usize).saturating_sub(1)) else { return };
    // Wide characters take two columns on a terminal.
    let width = |part: String| part.chars().map(|c| if c < '\u{1100}' { 1 } else { 2 }).sum::<usize>();
    let skip = (problem.span.column as usize).saturating_sub(1);
    let before = width(line.chars().take(skip).collect());
    let marked = width(line.chars().skip(skip).take(problem.span.len as usize).collect()).max(1);
    errln!("  | {}\n  | {}{}", line.trim_end_matches('\r'), " ".repeat(before), "^".repeat(marked));
}

/// A preset, a file or standard input, as an argument names it: where it is from, its text, the scenario.
pub fn named(argument: &str, zh: bool) -> Option<(Source, String, Scenario)> {
    let preset = PRESETS.iter().find(|p| p.name == argument);
    let source = match preset {
        Some(preset) => Source::Preset(preset),
        None if argument == "-" => Source::Stdin,
        None => Source::File(argument.into()),
    };
    let (text, scenario) = parsed(&source, zh)?;
    Some((source, text, scenario))
}

/// The same on an architecture, if one is asked for; why it does not run there goes to standard error.
pub fn named_on(
    argument: &str,
    architecture: Option<Architecture>,
    lang: Lang,
) -> Option<(Source, String, Scenario)> {
    let (source, text, scenario) = named(argument, lang == Lang::Zh)?;
    let Some(architecture) = architecture else { return Some((source, text, scenario)) };
    let preset = match source {
        Source::Preset(preset) => Some(preset),
        _ => None,
    };
    let word = architecture.describe().word;
    let Some(there) = turned(&text, preset.map(|p| p.name), word, lang) else {
        let why = preset.map(|preset| preset.why_not().get(lang).to_string()).unwrap_or_default();
        match lang {
            Lang::En => errln!("{}: does not run on {word}: {why}", source.name()),
            Lang::Zh => errln!("{} 不能在 {word} 上运行：{why}", source.name()),
        }
        return None;
    };
    let scenario = parse(&there.text).ok()?;
    let source = match there.text.lines().count() > text.lines().count() {
        true => Source::Turned(Box::new(source), word),
        false => source,
    };
    Some((source, there.text, scenario))
}
