//! The subcommands, one file each. How they are called is in [`crate::cli`].

mod across;
mod draw;
mod explain;
mod fmt;
mod gallery;
mod link;
mod replay;
mod run;
mod scenario;
mod where_is;

use crate::cli::{Cli, Command};
use clap::{CommandFactory, Parser};
use std::process::ExitCode;

/// Runs the subcommand that the command line names.
pub fn run() -> ExitCode {
    match Cli::try_parse() {
        Ok(cli) => command(cli.command),
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

fn command(command: Command) -> ExitCode {
    match command {
        Command::Across(args) => across::run(&args),
        Command::Check(args) => run::check(&args),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "iommu-play", &mut script);
            print(&script)
        }
        Command::Draw(args) => draw::run(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Fmt(args) => fmt::run(&args),
        Command::Gallery(args) => gallery::run(&args),
        Command::Link(args) => link::link(&args),
        Command::Man => man(),
        Command::Replay(args) => replay::run(&args),
        Command::Run(args) => run::run(&args),
        Command::Unlink(args) => link::unlink(&args),
        Command::Where(args) => where_is::run(&args),
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
