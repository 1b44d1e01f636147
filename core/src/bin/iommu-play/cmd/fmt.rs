//! `iommu-play fmt`: scenarios in their canonical text.

use super::scenario::{parsed, Source};
use crate::cli::Fmt;
use crate::zh;
use iommu_core::scenario::print;
use iommu_core::spec::Lang;
use std::process::ExitCode;

/// Runs it: files are rewritten, standard input goes to standard output.
/// Status 0 when all went well, 1 when a text is no scenario or, with `--check`, not in canonical form.
pub fn run(args: &Fmt, lang: Lang) -> ExitCode {
    let (check, zh) = (args.check, lang == Lang::Zh);
    let source = |file: &String| if file == "-" { Source::Stdin } else { Source::File(file.into()) };
    let mut files: Vec<Source> = args.files.iter().map(source).collect();
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
                    match lang {
                        Lang::En => errln!("{}: not in canonical form", file.name()),
                        Lang::Zh => errln!("{}：不是规范格式", file.name()),
                    }
                    status = ExitCode::from(1);
                }
            }
            Source::Stdin | Source::Preset(_) | Source::Turned(..) => out!("{canonical}"),
            Source::File(path) => {
                if canonical != text {
                    if let Err(error) = std::fs::write(path, canonical) {
                        errln!("{}{}{}", file.name(), zh::colon(lang), zh::trouble(&error, lang));
                        status = ExitCode::from(1);
                    }
                }
            }
        }
    }
    status
}
