//! The recorded outcomes of QEMU's SMMUv3 agree with ours, cold and in sequences, and the comparison can tell when they do
//! not.

use std::process::{Command, Output};

fn replay(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_iommu-play")).arg("replay").args(args).output().expect("iommu-play runs")
}

fn data(name: &str) -> String {
    format!("{}/tests/data/smmuv3/{name}.jsonl", env!("CARGO_MANIFEST_DIR"))
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The files in the tree.
fn files() -> [String; 2] {
    [data("sample"), data("sequences")]
}

#[test]
fn every_recorded_outcome_agrees() {
    for file in files() {
        let out = replay(&["--show", "3", &file]);
        assert!(out.status.success(), "{file}: {} {}", text(&out), String::from_utf8_lossy(&out.stderr));
        assert!(text(&out).contains(", 0 differ, 0 skipped"), "{}", text(&out));
    }
}

/// Where the recording notes no difference, the specification alone gives the outcome.
#[test]
fn without_a_note_the_specification_says_the_same() {
    for file in files() {
        let out = replay(&["--show", "3", "--specification", &file]);
        assert!(out.status.success(), "{file}: {}", text(&out));
        assert!(text(&out).contains(", 0 differ, "), "{}", text(&out));
    }
}

/// Each deviation that a recording notes is needed for it.
#[test]
fn each_noted_deviation_is_needed() {
    let sample = data("sample");
    for name in [
        "nested-tt-as-s1",
        "tt-base-only",
        "ttb-eager",
        "ipa-low-bits",
        "cdfetch-field",
        "s2only-wide-silent",
        "addrsize-late",
        "s2t0sz-by-s2ps",
        "s2only-s1-fields",
        "l2-range-type",
    ] {
        let out = replay(&["--without", name, &sample]);
        assert!(!out.status.success(), "{name}: {}", text(&out));
    }
    assert!(!replay(&["--without", "nonsense", &sample]).status.success());
}

/// A copy of a file, changed by `edit`, must be found to differ.
fn must_differ(file: &str, name: &str, edit: impl Fn(&str) -> String) {
    let good = std::fs::read_to_string(data(file)).expect("data");
    let bad: String = good.lines().map(|line| edit(line) + "\n").collect();
    assert_ne!(good, bad, "{name} changes nothing");
    let path = std::env::temp_dir().join(format!("iommu-play-smmuv3-{name}-{}.jsonl", std::process::id()));
    std::fs::write(&path, bad).expect("temporary file");
    let out = replay(&["--show", "1", &path.to_string_lossy()]);
    std::fs::remove_file(&path).expect("temporary file");
    assert!(!out.status.success(), "{name}: {}", text(&out));
    assert!(text(&out).contains("recorded:") && text(&out).contains("ours:"), "{}", text(&out));
}

#[test]
fn wrong_addresses_records_reads_and_registers_are_found() {
    must_differ("sample", "pa", |line| line.replace("\"pa\":\"0x", "\"pa\":\"0x1"));
    must_differ("sample", "record", |line| line.replace("\"words\":[\"0x10\"", "\"words\":[\"0x11\""));
    must_differ("sample", "read", |line| line.replace("[\"s1\",\"0x", "[\"s1\",\"0x1"));
    must_differ("sequences", "stale", |line| line.replace("\"pa\":\"0x", "\"pa\":\"0x1"));
    must_differ("sequences", "cons", |line| line.replace("\"cons\":\"0x", "\"cons\":\"0x1"));
}
