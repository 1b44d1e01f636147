//! `iommu-play`: run, draw and check scenarios, and replay conformance vectors, from the command line.

mod cmd;

use std::process::ExitCode;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    cmd::run(&args)
}
