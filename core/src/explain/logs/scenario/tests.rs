//! Every scenario is a program of the language, and tells the log's own numbers.

use super::super::*;
use crate::scenario;
use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::String;

fn parsed(text: &str) {
    let parsed = scenario::parse(text).unwrap_or_else(|problem| panic!("{problem}\n{text}"));
    assert_eq!(scenario::print(&parsed), text, "not in canonical form");
}

#[test]
fn every_scenario_of_the_samples_is_in_the_language() {
    for sample in super::super::tests::samples() {
        for item in parse_log(&sample.log).items {
            if let Some(scenario) = item.scenario {
                parsed(&scenario.text);
            }
        }
    }
}

/// One log line for every code, at an address and device that suit it.
pub(super) fn vtd_line(code: u16, pasid: bool) -> String {
    let address = match code {
        0x04 | 0x83 => 0x80_0000_1000,
        0x29 => 0xfee0_0000,
        0x80 => 0x1234_0000_0000_0000,
        _ => 0x7f81_c000u64 << 8,
    };
    let access = if matches!(code, 0x05 | 0x85) { "Write" } else { "Read" };
    let pasid = match pasid {
        true => "PASID 0x2345".into(),
        false => String::from("NO_PASID"),
    };
    if crate::iommu::vtd::faults::is_interrupt(code) && code != 0x29 {
        let index = if code == 0x21 { "0xffff" } else { "0xb0" };
        return format!(
            "DMAR: [INTR-REMAP] Request device [3a:1f.2] fault index {index} [fault reason {code:#04x}] x"
        );
    }
    format!("DMAR: [DMA {access} {pasid}] Request device [3a:1f.2] fault addr {address:#x} [fault reason {code:#04x}] x")
}

/// Reasons that no scenario comes to, each with why.
const WITHOUT: &[(u16, &str)] = &[
    (0x24, "the language does not write reserved bits of an interrupt entry"),
    (0x27, "the language does not break a posted-interrupt descriptor"),
    (0x28, "the language does not break a posted-interrupt descriptor"),
    (0x43, "no unit of the playground reports it"),
    (0x74, "a first-stage entry cannot hold an address above the second stage's width here"),
    (0x77, "the guest's tables are always writable"),
    (0x7c, "walks are always snooped"),
    (0x7d, "setting accessed and dirty bits never fails"),
    (0x84, "a first-stage entry cannot hold an address above the second stage's width here"),
    (0x90, "walks are always snooped"),
    (0x91, "setting accessed and dirty bits never fails"),
];

#[test]
fn every_vtd_reason_has_a_scenario_or_a_reason_why_not() {
    let mut with = BTreeSet::new();
    for fault in crate::iommu::vtd::faults::ALL {
        for pasid in [false, true] {
            let report = parse_log(&vtd_line(fault.code, pasid));
            let (item, _) = report.faults().next().unwrap();
            if let Some(scenario) = &item.scenario {
                parsed(&scenario.text);
                assert!(scenario.text.contains("device dev 3a:1f.2"), "{}", scenario.text);
                with.insert(fault.code);
            }
        }
        let without = WITHOUT.iter().any(|(code, _)| *code == fault.code);
        assert_eq!(with.contains(&fault.code), !without, "{:#x}", fault.code);
    }
}

#[test]
fn the_scenario_tells_the_logs_device_address_pasid_and_access() {
    let report = parse_log(
        "DMAR: [DMA Write PASID 0x2] Request device [7a:02.0] fault addr 0x7f81c968d000 [fault reason 0x71] x",
    );
    let text = &report.items[0].scenario.as_ref().unwrap().text;
    for part in [
        "device dev 7a:02.0 pasid",
        "process app pasid 2",
        "dma dev write 0x7f81_c968_d000 +64 pasid 2",
        "expect fault 0x71 at 0x7f81_c968_d000",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
}

/// Runs a scenario; every expectation holds, the last fault has this code, at this requester.
fn ends_with(text: &str, code: u16) -> Result<(), String> {
    let run = crate::machine::run(text).map_err(|problems| format!("{problems}"))?;
    if let Some(check) = run.failures().next() {
        let failure = check.failure.as_ref().map_or(String::new(), |f| format!("{f:?}"));
        return Err(format!("line {}: {failure}", check.span.line));
    }
    match run.done.iter().rev().find_map(|done| done.outcome.fault) {
        Some((fault, ..)) if fault.code == code => Ok(()),
        other => Err(format!("{other:?}")),
    }
}

#[test]
fn every_vtd_scenario_ends_at_its_own_fault() {
    let mut wrong = String::new();
    for fault in crate::iommu::vtd::faults::ALL {
        for pasid in [false, true] {
            let report = parse_log(&vtd_line(fault.code, pasid));
            let (item, _) = report.faults().next().unwrap();
            let Some(scenario) = &item.scenario else { continue };
            if let Err(error) = ends_with(&scenario.text, fault.code) {
                wrong.push_str(&format!("{:#x} pasid {pasid}: {error}\n{}\n", fault.code, scenario.text));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}
