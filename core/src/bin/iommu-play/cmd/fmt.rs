//! `iommu-play fmt`: scenarios in their canonical text.

use super::scenario::{parsed, Source};
use iommu_core::scenario::print;
use std::process::ExitCode;

/// Runs it with the arguments after its name: files are rewritten, standard input goes to standard output.
/// Status 0 when all went well, 1 when a text is no scenario or, with `--check`, not in canonical form, 2 when it
/// was called wrongly.
pub fn run(args: &[String]) -> ExitCode {
    let (mut check, mut zh, mut files) = (false, false, Vec::new());
    for arg in args {
        match arg.as_str() {
            "--check" => check = true,
            "--zh" => zh = true,
            "-" => files.push(Source::Stdin),
            flag if flag.starts_with('-') => {
                errln!("iommu-play fmt: unknown option `{flag}`");
                return ExitCode::from(2);
            }
            path => files.push(Source::File(path.into())),
        }
    }
    if files.is_empty() {
        files.push(Source::Stdin);
    }
    let mut status = ExitCode::SUCCESS;
    for file in files {
        let Some((text, scenario)) = parsed(&file, zh) else {
            status = ExitCode::from(1);
            continue;
        };
        let canonical = print(&scenario);
        match &file {
            _ if check => {
                if canonical != text {
                    errln!("{}: not in canonical form", file.name());
                    status = ExitCode::from(1);
                }
            }
            Source::Stdin | Source::Preset(_) => out!("{canonical}"),
            Source::File(path) => {
                if canonical != text {
                    if let Err(error) = std::fs::write(path, canonical) {
                        errln!("{}: {error}", file.name());
                        status = ExitCode::from(1);
                    }
                }
            }
        }
    }
    status
}
