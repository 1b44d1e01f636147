//! The subcommands, one file each.

mod replay;

use std::process::ExitCode;

const USAGE: &str = "usage: iommu-play COMMAND ...

  replay [--show N] FILE.jsonl ...   compare with recorded outcomes of another implementation
";

/// Runs the subcommand that `args` name.
pub fn run(args: &[String]) -> ExitCode {
    match args.split_first().map(|(first, rest)| (first.as_str(), rest)) {
        Some(("replay", rest)) => replay::run(rest),
        Some(("-h" | "--help" | "help", _)) => {
            print!("{USAGE}");
            ExitCode::SUCCESS
        }
        Some((other, _)) => {
            eprintln!("iommu-play: there is no command '{other}'\n\n{USAGE}");
            ExitCode::from(2)
        }
        None => {
            eprint!("{USAGE}");
            ExitCode::from(2)
        }
    }
}
