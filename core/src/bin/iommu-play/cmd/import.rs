//! `iommu-play import`: a scenario from what a running system says of itself.

use super::encoding::utf8;
use crate::cli::Import;
use crate::zh;
use iommu_core::import::{import, report, Input};
use iommu_core::spec::Lang;
use std::io::{BufReader, Read};
use std::process::ExitCode;

/// Bytes of a text that are read.
const MOST: u64 = 64 << 20;

/// Runs it: the scenario goes to standard output, what is to be said about it to standard error. Status 0 when a machine was
/// recognised, 1 when none was, 2 when a file could not be read.
pub fn run(args: &Import, lang: Lang) -> ExitCode {
    let mut names: Vec<&str> = args.files.iter().map(String::as_str).collect();
    if names.is_empty() {
        names.push("-");
    }
    let mut texts = Vec::new();
    for name in names {
        match read(name) {
            Ok(bytes) => texts.push((short(name, lang), bytes)),
            Err(error) => {
                match lang {
                    Lang::En => errln!("iommu-play import: {name}: {error}"),
                    Lang::Zh => errln!("iommu-play import：{name}：{}", zh::io(&error)),
                }
                return ExitCode::from(2);
            }
        }
    }
    let inputs: Vec<Input<'_>> = texts.iter().map(|(name, bytes)| Input { name, bytes }).collect();
    let import = import(&inputs);
    if args.report {
        out!("{}", report(&import, lang));
    } else {
        out!("{}", import.scenario);
        eprint!("{}", crate::terminal::shown(&report(&import, lang).to_string()));
    }
    ExitCode::from(u8::from(import.found.is_empty()))
}

fn read(name: &str) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    match name {
        "-" => utf8(std::io::stdin().lock())?.take(MOST).read_to_end(&mut bytes)?,
        path => utf8(BufReader::new(std::fs::File::open(path)?))?.take(MOST).read_to_end(&mut bytes)?,
    };
    Ok(bytes)
}

/// The last part of a path: what comments name.
fn short(name: &str, lang: Lang) -> String {
    match (name, lang) {
        ("-", Lang::En) => "input".into(),
        ("-", Lang::Zh) => "输入".into(),
        _ => name.rsplit('/').next().unwrap_or(name).into(),
    }
}
