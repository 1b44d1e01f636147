//! `iommu-play link` and `iommu-play unlink`: a scenario as a link, and back.

use super::scenario::named;
use iommu_core::link::{decode, encode, encode_preset, Options, Target};
use std::process::ExitCode;

/// Prints the fragment that holds a scenario; for a preset's name, the short one.
pub fn link(args: &[String]) -> ExitCode {
    let [source] = args else {
        eprintln!("usage: iommu-play link SCENARIO");
        return ExitCode::from(2);
    };
    let Some((from, text, _)) = named(source, false) else { return ExitCode::FAILURE };
    match from {
        super::scenario::Source::Preset(preset) => {
            println!("{}", encode_preset(preset.name, &Options::default()))
        }
        _ => println!("{}", encode(&text, &Options::default())),
    }
    ExitCode::SUCCESS
}

/// Prints the scenario text that a link holds.
pub fn unlink(args: &[String]) -> ExitCode {
    let [url] = args else {
        eprintln!("usage: iommu-play unlink URL");
        return ExitCode::from(2);
    };
    match decode(url) {
        Ok(link) => {
            match link.target {
                Target::Text(text) => print!("{text}"),
                Target::Preset(preset) => print!("{}", preset.text),
            }
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("iommu-play unlink: {error}");
            if let Some(text) = error.recovered() {
                eprintln!("what could be recovered:\n{text}");
            }
            ExitCode::FAILURE
        }
    }
}
