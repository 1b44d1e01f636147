//! The subcommands, one file each. How they are called is in [`crate::cli`].

mod across;
mod draw;
mod explain;
mod figures;
mod fmt;
mod gallery;
mod import;
mod link;
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
    let cli = if lang == Lang::Zh { zh::in_chinese(Cli::command()) } else { Cli::command() };
    match cli.try_get_matches().and_then(|found| Cli::from_arg_matches(&found)) {
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
            out!("{}", help.render());
            ExitCode::SUCCESS
        }
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
        Command::Man => man(),
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
fn man() -> ExitCode {
    let mut page = Vec::new();
    let mut cli = Cli::command();
    cli.build();
    let mut all = vec![cli.clone()];
    all.extend(cli.get_subcommands().filter(|c| c.get_name() != "help").cloned());
    for command in all {
        // Writing to a vector does not fail.
        let _ = clap_mangen::Man::new(command).render(&mut page);
    }
    print(&page)
}

/// Prints bytes as they are; who reads may stop reading.
fn print(bytes: &[u8]) -> ExitCode {
    use std::io::Write as _;
    let _ = std::io::stdout().write_all(bytes);
    ExitCode::SUCCESS
}
