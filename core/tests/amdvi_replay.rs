//! Recorded outcomes of other AMD IOMMUs agree with ours, event words included, and the comparison can tell when they do not.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn replay(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_iommu-play")).arg("replay").args(args).output().expect("iommu-play runs")
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_path_buf()
}

fn data(name: &str) -> String {
    root().join("tests/data/amdvi").join(name).to_string_lossy().into_owned()
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn every_recorded_outcome_agrees() {
    let mut files: Vec<_> = ["translations.jsonl", "messages.jsonl", "events.jsonl"].map(data).into();
    for folder in ["amd-vi", "amd-vi-events"] {
        let all = std::fs::read_dir(root().join("../../shared/conformance").join(folder));
        let paths = all.into_iter().flatten().flatten().map(|entry| entry.path());
        files.extend(
            paths
                .filter(|p| p.extension().is_some_and(|e| e == "jsonl"))
                .map(|p| p.to_string_lossy().into_owned()),
        );
    }
    for file in files {
        let out = replay(&["--show", "3", &file]);
        assert!(out.status.success(), "{}", text(&out));
        assert!(text(&out).contains(" agree, 0 differ, 0 skipped"), "{}", text(&out));
    }
}

#[test]
fn the_log_that_runs_on_after_an_overflow_is_noted() {
    let out = text(&replay(&[&data("events.jsonl")]));
    assert!(out.contains("noted log-run: "), "{out}");
}

/// Changes one thing of a file, and expects it to be found.
fn changed(file: &str, from: &str, to: &str, shown: &str) {
    let good = std::fs::read_to_string(data(file)).expect("sample");
    let line = good.lines().find(|line| line.contains(from)).expect("a line to change");
    let name = format!("iommu-play-amdvi-{}-{}.jsonl", std::process::id(), from.len());
    let path = std::env::temp_dir().join(name);
    std::fs::write(&path, line.replacen(from, to, 1)).expect("temporary file");
    let out = replay(&["--show", "1", &path.to_string_lossy()]);
    std::fs::remove_file(&path).expect("temporary file");
    assert!(!out.status.success());
    assert!(text(&out).contains(" 1 differ,") && text(&out).contains(shown), "{}", text(&out));
}

#[test]
fn a_wrong_outcome_is_found_and_shown_with_our_walk() {
    changed("translations.jsonl", "\"pa\":\"0x", "\"pa\":\"0x1", "read device table entry");
    // One flag of an event: PR.
    changed("events.jsonl", "\"event\":[\"0x2030", "\"event\":[\"0x2020", "Second walk");
    changed(
        "events.jsonl",
        "\"suppressed\":true",
        "\"event\":[\"0x2000000000000000\",\"0x0\"]",
        "Suppressed",
    );
    // Where the command buffer stands.
    changed("events.jsonl", "\"head\":\"0x10\"", "\"head\":\"0x20\"", "register CmdBufTail");
}

#[test]
fn bad_files_are_refused_with_their_line() {
    let path = std::env::temp_dir().join(format!("iommu-play-amdvi-bad-{}.jsonl", std::process::id()));
    for (content, message) in [
        ("{\"arch\":\"amd-vi\"}", "no \"requests\" list"),
        ("{\"arch\":\"amd-vi\",\"kind\":\"commands\",\"mem\":[],\"regs\":[]}", "no \"steps\" list"),
        ("{\"arch\":\"amd-vi\",\"mem\":[],\"regs\":[],\"requests\":[{\"devid\":1,\"addr\":\"0x0\",\"op\":\"z\"}]}", "op \"z\""),
    ] {
        std::fs::write(&path, content).expect("temporary file");
        let out = replay(&[&path.to_string_lossy()]);
        assert!(!out.status.success());
        assert!(String::from_utf8_lossy(&out.stderr).contains(message), "{content}: {out:?}");
    }
    std::fs::remove_file(&path).expect("temporary file");
}
