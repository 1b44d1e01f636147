//! The subcommands, one file each.

mod draw;
mod explain;
mod fmt;
mod gallery;
mod link;
mod replay;
mod run;
mod scenario;
mod where_is;

use std::process::ExitCode;

const USAGE: &str = "usage: iommu-play COMMAND ...

  check [--zh] [--json] [SCENARIO ...]  whether scenarios run and their expectations hold
  draw SCENARIO [--at STEP] [--ascii|--unicode] [--lang zh] [--width N]  the picture at a position
  explain [--zh] [--scenario] [--json] [FILE]  what a kernel's or an emulator's fault log means (standard input, or FILE)
  fmt [--check] [--zh] [FILE ...]     scenarios in canonical form: files in place, standard input to standard output
  gallery                             the scenarios that come with it, as JSON: texts in both languages, topics, pictures
  link SCENARIO [--at STEP] [--base URL] [--lang zh] [--whole] ...  the link that holds a scenario
  replay [--show N] FILE.jsonl ...   compare with recorded outcomes of another implementation
  run [--depth idea|operation|read|step] [--zh] [--json] [SCENARIO ...]  what happens in a scenario, in words: its ideas,
                                      its lines, what is inside them, or (without --depth) every step of the trace
  where SCENARIO ADDRESS [--of OWNER] [--at STEP] [--json]  all names of an address, and who can reach its byte
  unlink URL|- [--recover] [--zh]     the scenario that a link holds

A SCENARIO is a file, the name of a preset, or - for standard input.
";

/// Runs the subcommand that `args` name.
pub fn run(args: &[String]) -> ExitCode {
    match args.split_first().map(|(first, rest)| (first.as_str(), rest)) {
        Some(("check", rest)) => run::run(rest, true),
        Some(("draw", rest)) => draw::run(rest),
        Some(("explain", rest)) => explain::run(rest),
        Some(("fmt", rest)) => fmt::run(rest),
        Some(("gallery", rest)) => gallery::run(rest),
        Some(("link", rest)) => link::link(rest),
        Some(("unlink", rest)) => link::unlink(rest),
        Some(("replay", rest)) => replay::run(rest),
        Some(("where", rest)) => where_is::run(rest),
        Some(("run", rest)) => run::run(rest, false),
        Some(("-h" | "--help" | "help", _)) => {
            out!("{USAGE}");
            ExitCode::SUCCESS
        }
        Some((other, _)) => {
            errln!("iommu-play: there is no command '{other}'\n\n{USAGE}");
            ExitCode::from(2)
        }
        None => {
            errln!("{}", USAGE.trim_end());
            ExitCode::from(2)
        }
    }
}
