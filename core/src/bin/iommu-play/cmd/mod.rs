//! The subcommands, one file each. How they are called is in [`crate::cli`].

mod across;
mod draw;
mod encoding;
mod explain;
mod figures;
mod fmt;
mod gallery;
mod import;
mod link;
mod linked;
mod oracle;
mod replay;
mod replay_trace;
mod rosetta;
mod run;
mod scenario;
mod serve;
mod where_is;

use crate::cli::{of_arguments, Cli, Command};
use crate::zh;
use clap::error::ErrorKind;
use clap::{CommandFactory, FromArgMatches};
use iommu_core::spec::Lang;
use std::process::ExitCode;

/// Runs the subcommand that the command line names.
pub fn run() -> ExitCode {
    let args: Vec<String> = std::env::args_os().map(|arg| arg.to_string_lossy().into_owned()).collect();
    let lang = of_arguments(&args);
    match said_in(lang)
        .try_get_matches_from(asked_for_help(args))
        .and_then(|found| Cli::from_arg_matches(&found))
    {
        Ok(cli) => command(cli),
        Err(error)
            if error.use_stderr() && error.kind() != ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand =>
        {
            match lang {
                Lang::En => errln!("{}", error.render().to_string().trim_end()),
                Lang::Zh => errln!("{}", zh::error(&error)),
            }
            ExitCode::from(2)
        }
        Err(error) if error.use_stderr() => {
            errln!("{}", error.render().to_string().trim_end());
            ExitCode::from(2)
        }
        Err(help) => {
            let said = help.render().to_string();
            out!("{said}");
            ExitCode::SUCCESS
        }
    }
}

/// Says that no fault is the one that `--at` means.
fn no_such_fault(command: &str, lang: Lang) -> ExitCode {
    match lang {
        Lang::En => errln!("iommu-play {command}: this run has no such fault"),
        Lang::Zh => errln!("iommu-play {command}：这次运行里没有这种转换错误"),
    }
    ExitCode::FAILURE
}

/// The command line, with its help in a language.
fn said_in(lang: Lang) -> clap::Command {
    match lang {
        Lang::En => Cli::command(),
        Lang::Zh => zh::in_chinese(Cli::command()),
    }
}

/// `help COMMAND`, which takes no options, as `COMMAND --help`, which takes a language.
fn asked_for_help(args: Vec<String>) -> Vec<String> {
    let words: Vec<usize> =
        (1..args.len()).filter(|&i| !args[i].starts_with('-') && args[i - 1] != "--lang").collect();
    match words[..] {
        [first] | [first, _]
            if args[first] == "help" && words.last().is_none_or(|&i| i == first || args[i] != "help") =>
        {
            let rest = args.into_iter().enumerate().filter(|(i, _)| *i != first).map(|(_, arg)| arg);
            rest.chain(["--help".into()]).collect()
        }
        _ => args,
    }
}

fn command(cli: Cli) -> ExitCode {
    let lang = cli.language;
    match cli.command {
        Command::Across(args) => across::run(&args, lang.chosen()),
        Command::Check(args) => run::check(&args, lang.chosen()),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "iommu-play", &mut script);
            print(&script)
        }
        Command::Draw(args) => draw::run(&args, lang.chosen()),
        Command::Explain(args) => explain::run(&args, lang.chosen()),
        Command::Figures => figures::run_lines(lang.chosen()),
        Command::Fmt(args) => fmt::run(&args, lang.chosen()),
        Command::Gallery(args) => gallery::run(&args, lang.chosen()),
        Command::Import(args) => import::run(&args, lang.chosen()),
        Command::Link(args) => link::link(&args, lang.given(), lang.chosen()),
        Command::Man => man(lang.chosen()),
        Command::Oracle(args) => oracle::run(&args, lang.chosen()),
        Command::Replay(args) => replay::run(&args, lang.chosen()),
        Command::ReplayTrace(args) => replay_trace::run(&args, lang.chosen()),
        Command::Rosetta(args) => rosetta::run(&args, lang.chosen()),
        Command::Run(args) => run::run(&args, lang.chosen()),
        Command::Serve(args) => serve::run(&args, lang.given(), lang.chosen()),
        Command::Unlink(args) => link::unlink(&args, lang.chosen()),
        Command::Where(args) => where_is::run(&args, lang.chosen()),
    }
}

/// One manual page: the tool's, then that of each command.
fn man(lang: Lang) -> ExitCode {
    let mut page = Vec::new();
    let mut cli = said_in(lang);
    cli.build();
    let mut all = vec![cli.clone()];
    all.extend(cli.get_subcommands().filter(|c| c.get_name() != "help").cloned());
    for command in all {
        // Writing to a vector does not fail.
        let _ = clap_mangen::Man::new(command).render(&mut page);
    }
    match lang {
        Lang::En => print(&page),
        Lang::Zh => print(zh::headings(&String::from_utf8_lossy(&page)).as_bytes()),
    }
}

/// Prints bytes as they are; who reads may stop reading.
fn print(bytes: &[u8]) -> ExitCode {
    use std::io::Write as _;
    let _ = std::io::stdout().write_all(bytes);
    ExitCode::SUCCESS
}
