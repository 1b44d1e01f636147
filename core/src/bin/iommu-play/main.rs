//! `iommu-play`: run, draw and check scenarios, and replay conformance vectors, from the command line.

/// Prints a line. Whoever reads may stop reading (`| head`): that is no error.
macro_rules! outln {
    ($($part:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stdout(), $($part)*);
    }};
}
/// The same, without the end of the line.
macro_rules! out {
    ($($part:tt)*) => {{
        use std::io::Write as _;
        let _ = write!(std::io::stdout(), $($part)*);
    }};
}

mod cmd;

use std::process::ExitCode;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    cmd::run(&args)
}
