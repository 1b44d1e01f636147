//! `iommu-play`: run, draw and check scenarios, and replay conformance vectors, from the command line.

/// Prints a line of text for a reader. Whoever reads may stop reading (`| head`): that is no error.
macro_rules! outln {
    ($($part:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stdout(), "{}", crate::terminal::shown(&format_args!($($part)*)));
    }};
}
/// Prints what programs read too, a scenario or a picture: as it is, unless it goes to a terminal.
macro_rules! out {
    ($($part:tt)*) => {{
        use std::io::{IsTerminal as _, Write as _};
        let _ = match std::io::stdout().is_terminal() {
            true => write!(std::io::stdout(), "{}", crate::terminal::shown(&format_args!($($part)*))),
            false => write!(std::io::stdout(), $($part)*),
        };
    }};
}
/// Prints a message's line to standard error.
macro_rules! errln {
    ($($part:tt)*) => {
        eprintln!("{}", crate::terminal::shown(&format_args!($($part)*)))
    };
}

mod cli;
mod cmd;
mod terminal;
mod zh;

use std::process::ExitCode;

fn main() -> ExitCode {
    cmd::run()
}
