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

/// What must not hold: the last expectation of each fails, with these words.
#[test]
fn an_expectation_that_does_not_hold_says_what_was_there() {
    let machine =
        "iommu-playground 1\nmachine none\nram 0 .. 3G\nbridge cpu 0xc000_0000 +256M -> bus 0xc000_0000\n\
                   bridge bus 0 +3G -> cpu 0\ndevice ep 00:01.0\n  bar 0 64K memory at bus 0xc010_0000\n\
                   device nic 00:02.0\nsteps\n";
    for (steps, words) in [
        ("cpu write 0xc010_0000 0x55 size 4\nexpect arrived nowhere", "arrived at ep"),
        ("dma nic write 0xc010_0000 +1\nexpect arrived nowhere", "arrived at ep"),
        ("dma nic write 0x1000 +1\nexpect arrived at ep.bar0", "no device took a packet"),
        ("dma nic write 0xc020_0000 +1\nexpect arrived at 0xc020_0000", "no device took a packet"),
    ] {
        let run = run(&format!("{machine}{steps}\n")).unwrap();
        let failure = run.checks.last().and_then(|check| check.failure.clone()).expect(steps);
        assert!(failure.en.contains(words), "{steps}: {}", failure.en);
    }
}

/// A bus address that no inbound window takes: the windows are named, and nothing is said of physical addresses.
#[test]
fn an_address_outside_the_windows_names_the_windows() {
    let text = "iommu-playground 1\nmachine none\nram 0 .. 4G\nbridge bus 0x4_0000_0000 +3G -> cpu 0\n\
                device xhci 01:00.0\nsteps\ndma xhci write 0xf000_0000 +16\nexpect arrived nowhere\n";
    let run = run(text).unwrap();
    assert_eq!(run.failures().count(), 0);
    let cast = iommu_core::explain::Cast::of_run(&run, text);
    let lang = iommu_core::spec::Lang::En;
    let trace = &run.machine.trace;
    let told: Vec<String> = (0..trace.len())
        .map(|i| iommu_core::explain::say(trace, i, &cast).text.get(lang).to_string())
        .collect();
    assert!(told.iter().any(|s| s.contains("0x400000000..=0x4bfffffff")), "{told:#?}");
    assert!(told.iter().any(|s| s.contains("no inbound window of the host bridge")), "{told:#?}");
    assert!(told.iter().all(|s| !s.contains("this physical address")), "{told:#?}");
}

/// A preset of which only the machine line is changed may expect what the new machine has not: the failure says what it has.
#[test]
fn an_interrupt_expected_of_another_machine_says_what_this_one_has() {
    for (name, from, en, zh) in [
        (
            "posted",
            "machine vt-d interrupt-remapping on",
            "posts no interrupts to guests",
            "不能把中断直接投递给客户机",
        ),
        ("msi-hole", "machine vt-d interrupt-remapping off", "the doorbell of the ITS", "ITS 的门铃"),
    ] {
        let text = iommu_core::scenario::presets::by_name(name).expect(name).text;
        assert!(text.contains(from), "{name}");
        let run = run(&text.replace(from, "machine smmuv3")).unwrap();
        let failure = run.failures().next().and_then(|check| check.failure.clone()).expect(name);
        assert!(failure.en.contains(en) && failure.zh.contains(zh), "{name}: {} {}", failure.en, failure.zh);
    }
}
