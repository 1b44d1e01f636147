//! Scenarios that say what the machine must do, one property each; their own `expect` lines are the test.

use iommu_core::machine::run;
use std::{fs, path::Path};

#[test]
fn every_scenario_holds() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/machine");
    let mut names: Vec<_> = fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
    names.sort();
    assert!(names.len() >= 30);
    let mut bad = Vec::new();
    for path in names {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let text = fs::read_to_string(&path).unwrap();
        match run(&text) {
            Err(problems) => bad.push(format!("{name}: does not run: {problems}")),
            Ok(run) => {
                assert!(!run.checks.is_empty(), "{name} expects nothing");
                for check in run.failures() {
                    bad.push(format!("{name}:{}: {:?}", check.span.line, check.failure));
                }
            }
        }
    }
    assert!(bad.is_empty(), "{}", bad.join("\n"));
}
