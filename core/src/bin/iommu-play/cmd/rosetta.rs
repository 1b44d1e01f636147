//! `iommu-play rosetta`: all architectures in one table.

use crate::cli::Rosetta;
use iommu_core::spec::Lang;
use iommu_core::view::rosetta::{rosetta, Machines};
use std::process::ExitCode;

/// Prints the table; as JSON in both languages.
pub fn run(args: &Rosetta, lang: Lang) -> ExitCode {
    let machines = Machines::run();
    if args.json {
        let (en, zh) = (rosetta(&machines, Lang::En), rosetta(&machines, Lang::Zh));
        outln!("{}", serde_json::json!({ "en": en, "zh": zh }));
    } else {
        out!("{}", rosetta(&machines, lang).markdown(&args.base));
    }
    ExitCode::SUCCESS
}
