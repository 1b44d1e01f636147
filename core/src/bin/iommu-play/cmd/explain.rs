//! `iommu-play explain`: fault logs on standard input, explained.

use iommu_core::explain::logs::{parse_log, render, Kind};
use iommu_core::spec::Lang;
use std::io::{Read, Write};
use std::process::ExitCode;

/// Runs it with the arguments after its name. Status 0 when something about an IOMMU was understood, 1 when
/// nothing was, 2 when it was called wrongly.
pub fn run(args: &[String]) -> ExitCode {
    explain(args).unwrap_or_else(|error| {
        errln!("iommu-play explain: {error}");
        ExitCode::from(2)
    })
}

fn explain(args: &[String]) -> Result<ExitCode, String> {
    let (mut lang, mut scenarios, mut file) = (Lang::En, false, None);
    for arg in args {
        match arg.as_str() {
            "--zh" => lang = Lang::Zh,
            "--en" => lang = Lang::En,
            "--scenario" => scenarios = true,
            "-" => file = None,
            flag if flag.starts_with('-') => return Err(format!("unknown option `{flag}`")),
            path if file.is_none() => file = Some(path),
            more => return Err(format!("one file at a time: `{more}` is a second one")),
        }
    }
    let mut bytes = Vec::new();
    match file {
        Some(path) => bytes = std::fs::read(path).map_err(|error| format!("{path}: {error}"))?,
        None => {
            std::io::stdin().read_to_end(&mut bytes).map_err(|error| format!("standard input: {error}"))?;
        }
    }
    // A kernel log may hold bytes that are no UTF-8.
    let log = String::from_utf8_lossy(&bytes);
    let report = parse_log(&log);
    let text = render(&report, &log, lang, scenarios);
    // A closed pipe (`| head`) is no error.
    let _ = std::io::stdout().write_all(text.as_bytes());
    let understood = report.items.iter().any(|i| !matches!(i.kind, Kind::Unknown { .. } | Kind::Other));
    Ok(ExitCode::from(u8::from(!understood)))
}
