//! The recorded outcomes of QEMU's VT-d unit agree with ours, and the comparison can tell when they do not.

use std::path::Path;
use std::process::{Command, Output};

fn replay(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_iommu-play")).arg("replay").args(args).output().expect("iommu-play runs")
}

fn sample() -> String {
    format!("{}/tests/data/vtd/sample.jsonl", env!("CARGO_MANIFEST_DIR"))
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn every_recorded_outcome_agrees() {
    let mut files = vec![sample()];
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/conformance/vtd/open.jsonl");
    if shared.exists() {
        files.push(shared.to_string_lossy().into_owned());
    }
    for file in files {
        let out = replay(&["--show", "3", &file]);
        assert!(out.status.success(), "{}", text(&out));
        assert!(text(&out).contains(" agree, 0 differ, 0 skipped"), "{}", text(&out));
    }
}

#[test]
fn interrupts_and_legacy_translation_agree_with_two_more_emulators() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/vtd/interrupts.jsonl");
    let shared =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/conformance/vtd-interrupts/open.jsonl");
    for file in [data, shared].into_iter().filter(|file| file.exists()) {
        let out = replay(&["--show", "3", &file.to_string_lossy()]);
        assert!(out.status.success(), "{}", text(&out));
        assert!(text(&out).contains(" agree, 0 differ, 0 skipped"), "{}", text(&out));
        assert!(text(&out).contains("noted two-faults: 2 as expected"), "{}", text(&out));
    }
}

#[test]
fn a_wrong_outcome_is_found_and_shown_with_our_walk() {
    let good = std::fs::read_to_string(sample()).expect("sample");
    let first = good.lines().find(|line| line.contains("\"pa\":\"0x")).expect("a line with an address");
    let at = first.find("\"pa\":\"0x").expect("an address") + 8;
    let mut bad = first.to_owned();
    bad.insert(at, '1');
    let path = std::env::temp_dir().join(format!("iommu-play-{}.jsonl", std::process::id()));
    std::fs::write(&path, bad).expect("temporary file");
    let out = replay(&["--show", "1", &path.to_string_lossy()]);
    std::fs::remove_file(&path).expect("temporary file");
    assert!(!out.status.success());
    let text = text(&out);
    assert!(text.contains(" 1 differ,") && text.contains("read root entry"), "{text}");
}

#[test]
fn each_deviation_that_the_sample_shows_is_needed() {
    // The others need another device than the one recorded with, or show only in the live test.
    for name in ["legacy_codes_in_scalable_mode", "rights_before_reserved"] {
        let out = replay(&["--without", name, &sample()]);
        assert!(!out.status.success(), "{name}: {}", text(&out));
    }
    assert!(!replay(&["--without", "nonsense", &sample()]).status.success());
}

#[test]
fn bad_files_are_refused_with_their_line() {
    let path = std::env::temp_dir().join(format!("iommu-play-bad-{}.jsonl", std::process::id()));
    for (content, message) in
        [("{", "line 1"), ("{\"arch\":\"vax\"}", "unknown arch"), ("{\"arch\":\"vt-d\"}", "not a number")]
    {
        std::fs::write(&path, content).expect("temporary file");
        let out = replay(&[&path.to_string_lossy()]);
        assert!(!out.status.success());
        assert!(String::from_utf8_lossy(&out.stderr).contains(message), "{content}: {out:?}");
    }
    std::fs::remove_file(&path).expect("temporary file");
}
