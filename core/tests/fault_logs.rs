//! Fault logs from the field, each with the whole answer that they get, in both languages.
//!
//! The inputs are in `data/faultlogs/cases`; `UPDATE_GOLDEN=1` writes the answers beside them.

use iommu_core::explain::logs::{parse_log, render};
use iommu_core::spec::Lang;
use std::fmt::Write;
use std::path::PathBuf;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/faultlogs/cases")
}

/// The cases of a file: heading and log.
fn cases(file: &str) -> Vec<(String, String)> {
    let text = std::fs::read_to_string(folder().join(file)).unwrap();
    let mut cases: Vec<(String, String)> = Vec::new();
    for line in text.lines() {
        match line.strip_prefix("#### ") {
            Some(heading) => cases.push((heading.into(), String::new())),
            None => {
                let (_, log) = cases.last_mut().expect("a heading comes first");
                log.push_str(line);
                log.push('\n');
            }
        }
    }
    cases
}

const FILES: [&str; 4] = ["vtd", "amd", "arm", "others"];

#[test]
fn every_case_has_its_whole_answer() {
    for file in FILES {
        for (lang, tag) in [(Lang::En, "en"), (Lang::Zh, "zh")] {
            let mut out = String::new();
            for (heading, log) in cases(&format!("{file}.txt")) {
                let _ = writeln!(out, "#### {heading}\n{}", render(&parse_log(&log), lang, false));
            }
            let path = folder().join(format!("{file}.{tag}.golden"));
            if std::env::var_os("UPDATE_GOLDEN").is_some() {
                std::fs::write(&path, &out).unwrap();
            }
            let golden = std::fs::read_to_string(&path).unwrap_or_default();
            for (case, expect) in out.split("#### ").zip(golden.split("#### ")) {
                assert_eq!(case, expect, "{}", path.display());
            }
            assert_eq!(out.len(), golden.len(), "{}", path.display());
        }
    }
}

#[test]
fn no_control_character_reaches_a_terminal() {
    for file in FILES {
        for (heading, log) in cases(&format!("{file}.txt")) {
            for lang in [Lang::En, Lang::Zh] {
                let text = render(&parse_log(&log), lang, false);
                assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "{heading}");
            }
        }
    }
}
