//! The recorded outcomes of the RISC-V IOMMU reference model agree with ours, and the comparison can tell when they
//! do not.

use std::path::Path;
use std::process::{Command, Output};

fn replay(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_iommu-play")).arg("replay").args(args).output().expect("iommu-play runs")
}

fn sample() -> String {
    format!("{}/tests/data/riscv/sample.jsonl", env!("CARGO_MANIFEST_DIR"))
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn every_recorded_outcome_agrees() {
    let mut files = vec![sample()];
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/conformance/riscv/open.jsonl");
    if shared.exists() {
        files.push(shared.to_string_lossy().into_owned());
    }
    for file in files {
        let out = replay(&["--show", "3", &file]);
        assert!(out.status.success(), "{}", text(&out));
        assert!(text(&out).contains(" agree, 0 differ, 0 skipped"), "{}", text(&out));
        assert!(text(&out).contains("noted ats-w") && text(&out).contains(" left out"), "{}", text(&out));
    }
}

/// The model's outcomes for changed copies of the published setups: bits of tables and of capabilities flipped, requests
/// varied, MSI page-table entries in MRIF mode. Four of the five kinds of notes are among them.
#[test]
fn every_outcome_of_changed_setups_agrees() {
    let file = format!("{}/tests/data/riscv/mutated.jsonl", env!("CARGO_MANIFEST_DIR"));
    let out = replay(&["--show", "3", &file]);
    assert!(out.status.success(), "{}", text(&out));
    assert!(text(&out).contains(" agree, 0 differ, 0 skipped"), "{}", text(&out));
    for note in ["ats-w", "bare-trunc", "mrif-trunc"] {
        assert!(text(&out).contains(&format!("noted {note}: ")), "{note}: {}", text(&out));
    }
}

/// The sample's first outcome with a physical address, changed by `edit`, must be found.
fn must_differ(name: &str, edit: impl Fn(&str) -> String) {
    let good = std::fs::read_to_string(sample()).expect("sample");
    let bad: String = good.lines().map(|line| edit(line) + "\n").collect();
    assert_ne!(good, bad, "{name} changes nothing");
    let path = std::env::temp_dir().join(format!("iommu-play-riscv-{name}-{}.jsonl", std::process::id()));
    std::fs::write(&path, bad).expect("temporary file");
    let out = replay(&["--show", "1", &path.to_string_lossy()]);
    std::fs::remove_file(&path).expect("temporary file");
    assert!(!out.status.success(), "{name}: {}", text(&out));
    assert!(text(&out).contains("recorded:") && text(&out).contains("ours:"), "{}", text(&out));
}

#[test]
fn wrong_addresses_causes_tags_and_accesses_are_found() {
    must_differ("pa", |line| line.replace("\"pa\":\"0x", "\"pa\":\"0x1"));
    must_differ("cause", |line| line.replace("\"cause\":13,", "\"cause\":15,"));
    must_differ("tag", |line| line.replace("\"pscv\":1", "\"pscv\":0"));
    must_differ("acc", |line| line.replace("[\"a\",", "[\"r\","));
    must_differ("perm", |line| line.replace("\"perm\":\"rw-\"", "\"perm\":\"r--\""));
    must_differ("record", |line| line.replace("\"rec\":[\"0x", "\"rec\":[\"0x1"));
}
