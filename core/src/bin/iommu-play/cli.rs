//! The command line as types. Help, completions and the manual page are made from these, so that none of them can say what the
//! commands do not. Commands are in `cmd`; here is only how they are called.

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, Args, Command as Line, Error, Parser, Subcommand};
use clap_complete::Shell;
use iommu_core::diagram::render::{Charset, Theme, Wrapper};
use iommu_core::iommu::Architecture;
use iommu_core::link::{self, Position};
use iommu_core::scenario::machine_meant;
use iommu_core::spec::Lang;
use std::ffi::OsStr;
use std::path::PathBuf;

/// Runs, draws and checks scenarios of the IOMMU and DMA, explains fault logs, and replays conformance vectors.
///
/// A SCENARIO is a file, the name of a preset, or - for standard input.
#[derive(Parser, Debug)]
#[command(name = "iommu-play", version, args_override_self = true, arg_required_else_help = true)]
pub struct Cli {
    #[command(flatten)]
    pub language: Language,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What the tool does.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Run a scenario on every architecture, and print what came of each idea side by side.
    Across(Across),
    /// Say whether scenarios run and their expectations hold.
    Check(Check),
    /// Print a completion script for a shell.
    Completions {
        /// Which shell.
        shell: Shell,
    },
    /// Draw the picture of a scenario at a position.
    Draw(Draw),
    /// Say what a kernel's or an emulator's fault log means.
    Explain(Explain),
    /// Make pictures, sentences and links for documents: JSON requests on standard input, a line each, answered by lines.
    Figures,
    /// Write scenarios in canonical form: files in place, standard input to standard output.
    Fmt(Fmt),
    /// Print the scenarios that come with the tool, as JSON: texts in both languages, topics, pictures.
    Gallery(Gallery),
    /// Make a scenario of what a running system says of itself: lspci, /proc/iomem, boot log, groups, ACPI tables, device tree.
    Import(Import),
    /// Print the link that holds a scenario.
    Link(Link),
    /// Print the manual page.
    Man,
    /// Answer requests on machines that lines of JSON describe, for tests of other implementations.
    Oracle(Oracle),
    /// Compare with recorded outcomes of another implementation.
    Replay(Replay),
    /// Say what a trace of Linux's or QEMU's DMA events shows: what is mapped, leaks, unmaps of what is not mapped, what a fault needed.
    ReplayTrace(ReplayTrace),
    /// Print the names, structures, costs and faults of all architectures in one table, as Markdown.
    Rosetta(Rosetta),
    /// Say what happens in a scenario: its ideas, its lines, what is inside them, or every step of the trace.
    Run(Run),
    /// Open the page: serve it on this machine only, and print its address.
    Serve(Serve),
    /// Print the scenario that a link holds.
    Unlink(Unlink),
    /// Print all names of an address, and who can reach its byte.
    Where(Where),
}

fn language() -> impl TypedValueParser<Value = Lang> {
    PossibleValuesParser::new(["en", "zh"]).map(|word| if word == "zh" { Lang::Zh } else { Lang::En })
}
/// Reads the word of an architecture; of what else people call one it says which word is meant.
#[derive(Clone)]
struct ArchitectureWord;

impl TypedValueParser for ArchitectureWord {
    type Value = Architecture;

    fn parse_ref(&self, cmd: &Line, arg: Option<&Arg>, value: &OsStr) -> Result<Architecture, Error> {
        let word = value.to_str().unwrap_or_default();
        if let Some(architecture) = Architecture::named(word) {
            return Ok(architecture);
        }
        let known = PossibleValuesParser::new(Architecture::WORDS);
        let mut error = match known.parse_ref(cmd, arg, value) {
            Err(error) => error,
            Ok(_) => Error::new(ErrorKind::InvalidValue).with_cmd(cmd),
        };
        if let Some(meant) = machine_meant(word) {
            error.insert(ContextKind::SuggestedValue, ContextValue::String(meant.into()));
        }
        Err(error)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(Architecture::WORDS.into_iter().map(PossibleValue::new)))
    }
}

fn architecture() -> impl TypedValueParser<Value = Architecture> {
    ArchitectureWord
}
fn svg_theme() -> impl TypedValueParser<Value = Theme> {
    PossibleValuesParser::new(["auto", "light", "dark"]).map(|word| match word.as_str() {
        "light" => Theme::Light,
        "dark" => Theme::Dark,
        _ => Theme::Auto,
    })
}
/// A parser of one of `words`, each of which `named` knows.
fn one_of<T>(words: &'static [&'static str], named: fn(&str) -> Option<T>) -> impl TypedValueParser<Value = T>
where
    T: Clone + Send + Sync + 'static,
{
    PossibleValuesParser::new(words).try_map(move |word| named(&word).ok_or("no such word"))
}

/// The language of what is printed.
#[derive(Args, Debug, Clone, Copy)]
pub struct Language {
    /// The language of what is printed; without, as LC_ALL, LC_MESSAGES and LANG say. Of a link: the page's.
    #[arg(long, global = true, display_order = 900, value_parser = language(), value_name = "LANGUAGE", overrides_with_all = ["zh", "en"])]
    lang: Option<Lang>,
    /// The same as --lang zh.
    #[arg(long, global = true, display_order = 901, overrides_with_all = ["lang", "en"])]
    zh: bool,
    /// The same as --lang en.
    #[arg(long, global = true, display_order = 902, overrides_with_all = ["lang", "zh"])]
    en: bool,
}

impl Language {
    /// Returns the language that the command line chose, if it did.
    pub fn given(self) -> Option<Lang> {
        match self.lang {
            Some(lang) => Some(lang),
            None if self.zh => Some(Lang::Zh),
            None if self.en => Some(Lang::En),
            None => None,
        }
    }
    /// Returns the language of what is printed.
    pub fn chosen(self) -> Lang {
        self.given().unwrap_or_else(of_the_system)
    }
}

/// The language that the system's settings name; English unless they name Chinese.
pub fn of_the_system() -> Lang {
    let set = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    let first = ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter().find_map(set).unwrap_or_default();
    if first.starts_with("zh") {
        Lang::Zh
    } else {
        Lang::En
    }
}

/// The language of a command line that may not be one: that of its help and of what is wrong with it.
pub fn of_arguments(args: &[String]) -> Lang {
    let word = |i: usize| match args[i].as_str() {
        "--zh" | "--lang=zh" => Some(Lang::Zh),
        "--en" | "--lang=en" => Some(Lang::En),
        "--lang" => match args.get(i + 1).map(String::as_str) {
            Some("zh") => Some(Lang::Zh),
            Some("en") => Some(Lang::En),
            _ => None,
        },
        _ => None,
    };
    (0..args.len()).rev().find_map(word).unwrap_or_else(of_the_system)
}

/// `across`.
#[derive(Args, Debug)]
pub struct Across {
    /// Print as JSON.
    #[arg(long)]
    pub json: bool,
    /// Only these architectures.
    #[arg(long, value_parser = architecture(), value_delimiter = ',', value_name = "ARCHITECTURES")]
    pub on: Vec<Architecture>,
    /// A file, a preset, or - for standard input.
    pub scenario: String,
}

/// `rosetta`.
#[derive(Args, Debug)]
pub struct Rosetta {
    /// Print as JSON, in both languages.
    #[arg(long)]
    pub json: bool,
    /// The page's address, put before the fragment of each link.
    #[arg(long, value_name = "URL", default_value = "")]
    pub base: String,
}

/// `check`.
#[derive(Args, Debug)]
pub struct Check {
    /// Print the trace as JSON.
    #[arg(long)]
    pub json: bool,
    /// On this architecture instead of the one that the scenario names.
    #[arg(long, value_parser = architecture(), value_name = "ARCHITECTURE")]
    pub arch: Option<Architecture>,
    /// Files, presets, or - for standard input, which is the default.
    #[arg(value_name = "SCENARIO")]
    pub scenarios: Vec<String>,
}

/// `run`.
#[derive(Args, Debug)]
pub struct Run {
    #[command(flatten)]
    pub check: Check,
    /// How deep: idea, operation, read or step (the default): every step of the trace.
    #[arg(long)]
    pub depth: Option<String>,
}

/// `serve`.
#[derive(Args, Debug)]
pub struct Serve {
    /// The port; a few after it are tried when it is taken. 0: any that is free.
    #[arg(long, value_name = "PORT", default_value_t = 8080)]
    pub port: u16,
    /// The page in one file; without, the one that this tool was built with.
    #[arg(long, value_name = "FILE")]
    pub page: Option<PathBuf>,
    /// The position in the trace: a number, fault, or fault:CODE[:N].
    #[arg(long, value_name = "STEP", value_parser = position, requires = "scenario")]
    pub at: Option<Position>,
    /// What the page opens with: a file, a preset, or - for standard input.
    pub scenario: Option<String>,
}

/// `draw`.
#[derive(Args, Debug)]
pub struct Draw {
    /// A file, a preset, or - for standard input.
    pub scenario: String,
    /// On this architecture instead of the one that the scenario names.
    #[arg(long, value_parser = architecture(), value_name = "ARCHITECTURE")]
    pub arch: Option<Architecture>,
    /// The position in the trace: a number, fault, or fault:CODE[:N]; without, its end.
    #[arg(long, value_name = "STEP", value_parser = position)]
    pub at: Option<Position>,
    /// Draw with ASCII characters: the default.
    #[arg(long, overrides_with = "unicode")]
    ascii: bool,
    /// Draw with Unicode's box drawing characters.
    #[arg(long, overrides_with = "ascii")]
    unicode: bool,
    /// Draw as SVG.
    #[arg(long)]
    pub svg: bool,
    /// An animated SVG: of the stops between two positions, such as 40..80, or of the ideas.
    #[arg(long, value_name = "A..B|ideas", value_parser = steps, conflicts_with = "at")]
    pub steps: Option<Steps>,
    /// The ideas as a page that prints: a picture and its sentences each.
    #[arg(long, conflicts_with_all = ["at", "steps", "svg"])]
    pub handout: bool,
    /// At most this many characters wide.
    #[arg(long, value_name = "N")]
    pub width: Option<u16>,
    /// Say beside each range how long it is.
    #[arg(long)]
    pub units: bool,
    /// Put the scenario's title above.
    #[arg(long)]
    pub title: bool,
    /// As a comment of C.
    #[arg(long, overrides_with_all = ["rst", "markdown"])]
    c: bool,
    /// As a literal block of reStructuredText.
    #[arg(long, overrides_with_all = ["c", "markdown"])]
    rst: bool,
    /// As a code block of Markdown.
    #[arg(long, overrides_with_all = ["c", "rst"])]
    markdown: bool,
    /// The colours of an SVG.
    #[arg(long, value_parser = svg_theme(), default_value = "auto")]
    pub theme: Theme,
}

fn position(text: &str) -> Result<Position, String> {
    Position::parse(text)
        .ok_or_else(|| String::from("a number, fault, or fault: and a code or a name, such as fault:0x5"))
}

/// What an animated picture shows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Steps {
    /// A frame for each idea.
    Ideas,
    /// A frame for each stop between two positions.
    Between(usize, usize),
}

fn steps(text: &str) -> Result<Steps, String> {
    let between = || {
        let (from, to) = text.split_once("..")?;
        Some(Steps::Between(from.parse().ok()?, to.parse().ok()?))
    };
    match text {
        "ideas" => Ok(Steps::Ideas),
        _ => between().ok_or_else(|| String::from("two positions, such as 40..80, or: ideas")),
    }
}

impl Draw {
    /// Returns the characters to draw with.
    pub fn charset(&self) -> Charset {
        if self.unicode {
            Charset::Unicode
        } else {
            Charset::Ascii
        }
    }
    /// Returns what the text is wrapped in.
    pub fn wrapper(&self) -> Wrapper {
        match (self.c, self.rst, self.markdown) {
            (true, ..) => Wrapper::C,
            (_, true, _) => Wrapper::Rst,
            (.., true) => Wrapper::Markdown,
            _ => Wrapper::Plain,
        }
    }
}

/// `explain`.
#[derive(Args, Debug)]
pub struct Explain {
    /// Print a scenario that shows the fault, too.
    #[arg(long)]
    pub scenario: bool,
    /// Print the report as JSON.
    #[arg(long)]
    pub json: bool,
    /// Print the schema of the report's JSON.
    #[arg(long, conflicts_with_all = ["file", "json", "scenario", "tables"])]
    pub schema: bool,
    /// Write the tables of forms, causes and JSON fields into these documents, between their marks.
    #[arg(long, value_name = "DOCUMENT", num_args = 1.., conflicts_with_all = ["file", "json", "scenario"])]
    pub tables: Vec<String>,
    /// A log; without, or with -, standard input.
    pub file: Option<String>,
}

/// `fmt`.
#[derive(Args, Debug)]
pub struct Fmt {
    /// Change nothing; exit with 1 when a scenario is not in canonical form.
    #[arg(long)]
    pub check: bool,
    /// Files, or - for standard input, which is the default.
    #[arg(value_name = "FILE")]
    pub files: Vec<String>,
}

/// `gallery`.
#[derive(Args, Debug)]
pub struct Gallery {
    /// Also write a picture of each scenario, in both languages, to this folder.
    #[arg(long, value_name = "FOLDER")]
    pub pictures: Option<PathBuf>,
}

/// `import`.
#[derive(Args, Debug)]
pub struct Import {
    /// Print what was found and what is missing, not the scenario.
    #[arg(long)]
    pub report: bool,
    /// Texts or tables, in any mixture; without, or with -, standard input.
    #[arg(value_name = "FILE")]
    pub files: Vec<String>,
}

/// `link`.
#[derive(Args, Debug)]
pub struct Link {
    /// A file, a preset, or - for standard input.
    pub scenario: String,
    /// The page's address, put before the fragment.
    #[arg(long, value_name = "URL", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub base: Option<String>,
    /// The architecture that the scenario is turned to.
    #[arg(long, value_parser = architecture(), value_name = "ARCHITECTURE")]
    pub arch: Option<Architecture>,
    /// The position in the trace: a number, fault, or fault:CODE[:N].
    #[arg(long, value_name = "STEP", value_parser = position)]
    pub at: Option<Position>,
    /// What the page shows.
    #[arg(long, value_parser = one_of(&["diagram", "walk", "full"], link::View::named))]
    pub view: Option<link::View>,
    /// How deep the page stops.
    #[arg(long, value_parser = one_of(&["idea", "operation", "read"], link::Depth::named))]
    pub depth: Option<link::Depth>,
    /// The page's colours.
    #[arg(long, value_parser = one_of(&["auto", "light", "dark"], link::Theme::named))]
    pub theme: Option<link::Theme>,
    /// Carry a preset's text, not its name.
    #[arg(long)]
    pub whole: bool,
    /// Do not check that the text is a scenario.
    #[arg(long)]
    pub unchecked: bool,
}

/// `unlink`.
#[derive(Args, Debug)]
pub struct Unlink {
    /// A link, its fragment, or - for standard input.
    pub url: String,
    /// Print what could be read of a damaged link; the exit code still tells.
    #[arg(long)]
    pub recover: bool,
}

/// `oracle`.
#[derive(Args, Debug)]
pub struct Oracle {
    /// Leave the accesses out of the answers.
    #[arg(long)]
    pub brief: bool,
    /// Compare what the lines expect with the answers, and print how much agrees.
    #[arg(long, requires = "files")]
    pub check: bool,
    /// Compare with these answers of another program instead, a line for each line that asks.
    #[arg(long, value_name = "ANSWERS.jsonl", requires = "check")]
    pub answers: Option<String>,
    /// Print this many differences.
    #[arg(long, value_name = "N", default_value_t = 0, requires = "check")]
    pub show: u64,
    /// Lines that ask; without, or with -, standard input.
    #[arg(value_name = "FILE.jsonl")]
    pub files: Vec<String>,
}

/// `replay`.
#[derive(Args, Debug)]
pub struct Replay {
    /// Print this many differences, and what was skipped.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub show: u64,
    /// Do not take this deviation of the other implementation into account; may be repeated.
    #[arg(long, value_name = "DEVIATION")]
    pub without: Vec<String>,
    /// Compare what the specification says: outcomes in which a note names a deviation are skipped.
    #[arg(long)]
    pub specification: bool,
    /// Recorded outcomes, one setup a line.
    #[arg(value_name = "FILE.jsonl", required = true)]
    pub files: Vec<String>,
}

/// `replay-trace`.
#[derive(Args, Debug)]
pub struct ReplayTrace {
    /// Stop at this time of the trace, in seconds, and say and draw what is mapped then.
    #[arg(long, value_name = "SECONDS")]
    pub at: Option<f64>,
    /// What trace, trace-cmd report, perf script or qemu -trace printed; without, or with -, standard input.
    pub file: Option<String>,
}

/// `where`.
#[derive(Args, Debug)]
pub struct Where {
    /// A file, a preset, or - for standard input.
    pub scenario: String,
    /// A number, or a name that the scenario gave: 0x1234_5000, rx, buf+0x40.
    pub address: String,
    /// On this architecture instead of the one that the scenario names.
    #[arg(long, value_parser = architecture(), value_name = "ARCHITECTURE")]
    pub arch: Option<Architecture>,
    /// Whose address a number is: kernel, physical, or the name of a process, a guest, a device; without, everybody's in turn.
    #[arg(long, value_name = "OWNER")]
    pub of: Option<String>,
    /// The position in the trace: a number, fault, or fault:CODE[:N]; without, its end.
    #[arg(long, value_name = "STEP", value_parser = position)]
    pub at: Option<Position>,
    /// Print as JSON.
    #[arg(long)]
    pub json: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent_and_every_option_has_its_help() {
        let mut cli = Cli::command();
        cli.build();
        cli.clone().debug_assert();
        for command in cli.get_subcommands().filter(|c| c.get_name() != "help") {
            assert!(command.get_about().is_some(), "{}", command.get_name());
            for arg in command.get_arguments() {
                assert!(arg.get_help().is_some(), "{} {}", command.get_name(), arg.get_id());
            }
        }
    }

    #[test]
    fn the_last_of_repeated_and_opposed_options_counts() {
        let draw = |args: &[&str]| match Cli::try_parse_from([&["iommu-play", "draw"], args].concat())
            .map(|cli| (cli.command, cli.language))
        {
            Ok((Command::Draw(draw), language)) => (draw, language),
            other => panic!("{other:?}"),
        };
        let (both, language) =
            draw(&["-", "--unicode", "--ascii", "--at", "3", "--at=4", "--zh", "--lang", "en"]);
        assert_eq!(
            (both.charset(), both.at, language.chosen()),
            (Charset::Ascii, Some(Position::Step(4)), Lang::En)
        );
        let (both, language) = draw(&["-", "--c", "--markdown", "--lang=en", "--zh"]);
        assert_eq!((both.wrapper(), language.chosen()), (Wrapper::Markdown, Lang::Zh));
    }
}
