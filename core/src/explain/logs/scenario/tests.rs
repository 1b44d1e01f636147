//! Every scenario is a program of the language, and tells the log's own numbers.

use super::super::*;
use crate::scenario;
use crate::trace::{Event, Perms};
use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

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
fn words_of_a_dump_become_a_scenario_that_ends_where_they_do() {
    let log = include_str!("../../../../tests/data/faultlogs/cases/words.txt");
    let (_, log) = log.split("#### ").nth(1).unwrap().split_once('\n').unwrap();
    let report = parse_log(log);
    let ends: Vec<_> = report.items.iter().map(|item| &item.fields.last().unwrap().value.en[..]).collect();
    assert_eq!(ends, ["0x1fef5000", "0x1fef1040", "refused"]);
    for item in &report.items {
        let scenario = item.scenario.as_ref().unwrap_or_else(|| panic!("{item:?}"));
        let run = crate::machine::run(&scenario.text).unwrap();
        let last = alloc::format!("{:?}", run.done.last().unwrap().outcome).to_lowercase();
        let arrived = item.fields.last().unwrap().value.en.as_str() != "refused";
        assert_eq!(!last.contains("fault: some"), arrived, "{last}");
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

/// Runs the scenario of a log line. Every expectation holds; the last fault has the log's code, device, PASID
/// and access; and it stops at a step of the request that was refused.
fn ends_as_told(text: &str, fault: &Fault) -> Result<(), String> {
    let run = crate::machine::run(text).map_err(|problems| format!("{problems}"))?;
    if let Some(check) = run.failures().next() {
        let failure = check.failure.as_ref().map_or(String::new(), |f| format!("{f:?}"));
        return Err(format!("line {}: {failure}", check.span.line));
    }
    let steps = run.machine.trace.steps();
    let last = steps.iter().rev().find_map(|step| match step.event {
        Event::Fault { code, requester, pasid, want, .. } => Some((code, requester, pasid, want)),
        _ => None,
    });
    let Some((code, requester, pasid, want)) = last else { return Err("no fault".into()) };
    let stop = failing_step(&run.done, &run.machine.trace).ok_or("no stop")?;
    let request = run.done.iter().rev().find(|done| done.outcome.fault.is_some()).unwrap();
    if Some(code.code) != fault.code {
        return Err(format!("code {:#x}", code.code));
    }
    if fault.device.is_some() && requester != fault.device {
        return Err(format!("requester {requester:?}"));
    }
    // Some reasons are about a PASID; where the log has none, the scenario takes one. Legacy mode has none.
    let vtd = run.machine.architecture == Some(crate::iommu::Architecture::Vtd);
    let legacy = vtd && code.code <= 0x29;
    if fault.pasid.is_some() && !legacy && pasid.map(|p| p.raw()) != fault.pasid {
        return Err(format!("pasid {pasid:?}"));
    }
    let wanted = match fault.access {
        // An AtomicOp is printed as a read.
        _ if vtd && matches!(code.code, 0x05 | 0x85) => want.has(Perms::W),
        Some(Access::Write) => want.has(Perms::W),
        Some(Access::Read) => want.has(Perms::R),
        _ => true,
    };
    if !wanted {
        return Err(format!("access {want:?}"));
    }
    if !request.steps.contains(&(stop - 1)) {
        return Err(format!("stops at {stop}, outside {:?}", request.steps));
    }
    Ok(())
}

#[test]
fn every_vtd_scenario_ends_at_its_own_fault() {
    let mut wrong = String::new();
    for fault in crate::iommu::vtd::faults::ALL {
        for pasid in [false, true] {
            let report = parse_log(&vtd_line(fault.code, pasid));
            let (item, told) = report.faults().next().unwrap();
            let Some(scenario) = &item.scenario else { continue };
            if let Err(error) = ends_as_told(&scenario.text, told) {
                wrong.push_str(&format!("{:#x} pasid {pasid}: {error}\n{}\n", fault.code, scenario.text));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn every_scenario_of_the_samples_runs_as_its_log_says() {
    let mut wrong = String::new();
    for sample in super::super::tests::samples() {
        let report = parse_log(&sample.log);
        for item in report.items.iter().filter(|item| item.scenario.is_some()) {
            let text = &item.scenario.as_ref().unwrap().text;
            let result = match &item.kind {
                Kind::Fault(fault) => ends_as_told(text, fault),
                _ => crate::machine::run(text).map(|_| ()).map_err(|problems| format!("{problems}")),
            };
            if let Err(error) = result {
                wrong.push_str(&format!("{}: {error}\n{text}\n", sample.heading));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn the_tables_of_a_dump_are_walked_word_for_word() {
    let sample = |form: &str| {
        let samples = super::super::tests::samples();
        let log = samples.into_iter().find(|s| s.heading.starts_with(form)).unwrap().log;
        let report = parse_log(&log);
        let text = report.items.iter().find_map(|item| match item.kind {
            Kind::Tables | Kind::Fault(_) => item.scenario.clone(),
            _ => None,
        });
        crate::machine::run(&text.unwrap().text).unwrap()
    };
    // The page 0xffff_f000 leads through four entries to 0x1_0a0b_3000.
    let run = sample("vtd-domain-struct | Linux v5.10");
    let arrived = run.done.last().unwrap().outcome.arrived_pa().map(|pa| pa.raw());
    assert_eq!(arrived, Some(0x1_0a0b_3000));
    // With a PASID, through first-stage tables.
    let run = sample("vtd-domain-struct | Linux v6.7");
    let arrived = run.done.last().unwrap().outcome.arrived_pa().map(|pa| pa.raw());
    assert_eq!(arrived, Some(0x1_2345_6000));
    // The walk that the kernel printed ends at an empty entry of level 4.
    let run = sample("vtd-5.14 | Linux v6.1 with CONFIG_DMAR_DEBUG");
    let (code, ..) = run.done.last().unwrap().outcome.fault.unwrap();
    assert_eq!(code.code, 5);
    // The context entries lead to tables that the dump does not have.
    let run = sample("vtd-translation-struct | Linux v6.1, debugfs, legacy");
    assert!(run.done.iter().any(|done| done.outcome.fault.is_some_and(|(code, ..)| code.code == 6)));
}

/// Causes that no scenario comes to, each with why.
const WITHOUT_RISCV: &[(u16, &str)] = &[
    (4, "the engines of the playground keep their accesses aligned"),
    (6, "the engines of the playground keep their accesses aligned"),
    (20, "a log without a process_id does not say whose second stage a fetch met"),
    (261, "the driver here keeps the MSI page table where memory answers"),
    (262, "the address of a log is no interrupt file of this machine"),
    (263, "the address of a log is no interrupt file of this machine"),
    (264, "the driver here keeps interrupt files where memory answers"),
    (268, "memory of the playground corrupts no data"),
    (269, "memory of the playground corrupts no data"),
    (270, "memory of the playground corrupts no data"),
    (271, "memory of the playground corrupts no data"),
    (272, "the unit has no internal errors"),
    (273, "the unit's own messages always arrive"),
    (274, "memory of the playground corrupts no data"),
];

#[test]
fn every_riscv_scenario_ends_at_its_own_fault() {
    let mut wrong = String::new();
    for fault in crate::iommu::riscv::faults::ALL {
        let code = fault.code;
        let line = format!("riscv,iommu x: Fault {code} devid: 0x3a10 iotval: 12345000 iotval2: 0");
        let report = parse_log(&line);
        let (item, fault) = report.faults().next().unwrap();
        let without = WITHOUT_RISCV.iter().any(|(c, _)| *c == code);
        assert_eq!(item.scenario.is_none(), without, "{code}");
        let Some(scenario) = &item.scenario else { continue };
        parsed(&scenario.text);
        if let Err(error) = ends_as_told(&scenario.text, fault) {
            wrong.push_str(&format!("{code}: {error}\n{}\n", scenario.text));
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// Events that no scenario comes to, each with why.
const WITHOUT_AMD: &[(u16, &str)] = &[
    (0x5, "the driver here writes no command that the unit rejects"),
    (0x6, "the driver here keeps its commands, and what they store, where memory answers"),
    (0x7, "the devices here answer every invalidation"),
    (0xa, "the unit has no event counters"),
    (0xb, "the unit has no virtual IOMMUs"),
    (0xc, "the unit has no virtual IOMMUs"),
    (0xd, "the unit has no reverse map table (SEV-SNP)"),
    (0xe, "the unit has no reverse map table (SEV-SNP)"),
];

/// Events by name, Linux's flags and address, with a scenario.
fn amd_events() -> Vec<(&'static str, u64, u64)> {
    // The engines of the playground send their PASIDs as users, US, but where they are told to be privileged.
    let (pr, rw, pe, rz, tr, i, gn, us, nx) = (0x10, 0x20, 0x40, 0x80, 0x100, 0x8, 0x1, 0x4, 0x2);
    let user = gn | us;
    let pages = [
        0,
        rw,
        pr | pe,
        pr | rw | pe,
        pr | rz,
        pr | rw | rz,
        pr,
        pr | rw,
        user,
        user | rw,
        user | pr | rw | pe,
        user | pr | pe,
        user | pr | rz,
        user | nx,
        user | nx | pr | pe,
        gn,
        gn | pr | rw | pe,
        gn | pr | rz,
        gn | nx | pr | pe,
    ];
    let address = 0x7f81_c968_d000u64;
    let mut all: Vec<_> = pages.iter().map(|flags| ("IO_PAGE_FAULT", *flags, address)).collect();
    // Type 2, target abort, as memory that is not there answers.
    let abort = 2 << 9;
    all.extend([
        ("ILLEGAL_DEV_TABLE_ENTRY", rz, address),
        ("ILLEGAL_DEV_TABLE_ENTRY", rz | i, 0xfee0_0000),
        ("IO_PAGE_FAULT", i, 0xfee0_0000),
        ("IO_PAGE_FAULT", pr | rw | pe, 0x12_3456_789a_b000),
        ("DEV_TAB_HARDWARE_ERROR", abort, 0x3f_ffff_f000),
        ("DEV_TAB_HARDWARE_ERROR", abort | rw, 0x3f_ffff_f000),
        ("PAGE_TAB_HARDWARE_ERROR", abort, 0x3f_ffff_f000),
        ("PAGE_TAB_HARDWARE_ERROR", abort | rw, 0x3f_ffff_f000),
        ("INVALID_DEVICE_REQUEST", 0, 0xfee0_1000),
        ("INVALID_DEVICE_REQUEST", 0, 0xfd_f802_0200),
        ("INVALID_DEVICE_REQUEST", 1 << 9, address),
        ("INVALID_DEVICE_REQUEST", 2 << 9, 0xfd_fc00_0000),
        ("INVALID_DEVICE_REQUEST", 3 << 9, 0xfd_f910_0000),
        ("INVALID_DEVICE_REQUEST", 4 << 9, 0xfd_f910_0000),
        ("INVALID_DEVICE_REQUEST", 5 << 9, 0xfee0_0000),
        ("INVALID_DEVICE_REQUEST", 6 << 9, 0xfd_1234_5000),
        ("INVALID_DEVICE_REQUEST", 7 << 9, 0xfd_fc00_0000),
        ("INVALID_DEVICE_REQUEST", tr, address),
        ("INVALID_DEVICE_REQUEST", tr | 1 << 9, 0xfd_fc00_0000),
        ("INVALID_PPR_REQUEST", 0, address),
    ]);
    all
}

fn amd_line(name: &str, flags: u64, address: u64) -> String {
    let process = flags & 1 != 0 && name == "IO_PAGE_FAULT" || name == "INVALID_PPR_REQUEST";
    let pasid = if process { " pasid=0x00007" } else { "" };
    format!(
        "AMD-Vi: Event logged [{name} device=3a:02.0{pasid} domain=0x0007 address={address:#x} flags={flags:#06x}]"
    )
}

#[test]
fn every_amd_scenario_ends_at_its_own_event_with_the_logs_flags() {
    let mut wrong = String::new();
    for (name, flags, address) in amd_events() {
        let log = amd_line(name, flags, address);
        let report = parse_log(&log);
        let (item, fault) = report.faults().next().unwrap();
        let Some(scenario) = &item.scenario else {
            wrong.push_str(&format!("no scenario: {log}\n"));
            continue;
        };
        parsed(&scenario.text);
        if let Err(error) = ends_as_told(&scenario.text, fault) {
            wrong.push_str(&format!("{log}: {error}\n{}\n", scenario.text));
            continue;
        }
        // The event that the unit wrote has the flags of the log.
        let run = crate::machine::run(&scenario.text).unwrap();
        let trace = &run.machine.trace;
        let logged = trace.steps().iter().rev().find_map(|step| match step.event {
            Event::WriteRun { entry, new, .. } if entry.name.en == name => {
                Some(trace.get_words(new)[0] >> 48 & 0xfff)
            }
            _ => None,
        });
        if logged != Some(flags) {
            wrong.push_str(&format!("{log}: logged {logged:x?}\n{}\n", scenario.text));
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn every_amd_event_has_a_scenario_or_a_reason_why_not() {
    let with: BTreeSet<_> = amd_events().iter().map(|(name, ..)| *name).collect();
    for event in super::super::amd::AMD_EVENTS {
        let without = WITHOUT_AMD.iter().any(|(code, _)| *code == event.code);
        assert_eq!(with.contains(event.name), !without, "{}", event.name);
        for flags in (0..9).map(|bit| 1 << bit).filter(|_| without) {
            let report = parse_log(&amd_line(event.name, flags, 0x1000));
            assert!(report.faults().all(|(item, _)| item.scenario.is_none()), "{}", event.name);
        }
    }
    // A page fault of a translation request is not logged, and no reserved bit of an interrupt entry can be written.
    for flags in [0x100, 0x98] {
        let report = parse_log(&amd_line("IO_PAGE_FAULT", flags, 0xfee0_0000));
        assert!(report.faults().all(|(item, _)| item.scenario.is_none()), "{flags:#x}");
    }
}

/// Events that no scenario comes to, each with why.
const WITHOUT_SMMU: &[(u16, &str)] = &[
    (0x01, "the unit knows every type of transaction"),
    (0x20, "the unit keeps no two entries for one page"),
    (0x21, "the unit keeps no two entries for one stream"),
    (0x24, "page requests go to the PRI queue"),
    (0x25, "the unit has no virtual machine structures"),
];

#[test]
fn every_smmuv3_scenario_ends_at_its_own_event() {
    let mut wrong = String::new();
    for event in crate::iommu::smmuv3::spec::events::ALL {
        let code = event.code;
        for (pasid, write, second) in [(0u64, 0u64, 0u64), (0, 1, 0), (0, 0, 1), (0, 1, 1), (0x2345, 1, 0)] {
            let ssid = if pasid != 0 { 1 << 11 | pasid << 12 } else { 0 };
            let words = [
                u64::from(code) | ssid | 0x3a10 << 32,
                (1 - write) << 35 | second << 39 | 2 << 40,
                0x7f81_c968_d000,
                second * 0x7f81_c968_d000,
            ];
            let name = "arm-smmu-v3 arm-smmu-v3.0.auto:";
            let mut log = format!("{name} event {code:#04x} received:\n");
            for word in words {
                log.push_str(&format!("{name} \t{word:#018x}\n"));
            }
            let report = parse_log(&log);
            let (item, fault) = report.faults().next().unwrap();
            let without = WITHOUT_SMMU.iter().any(|(c, _)| *c == code);
            if without || (pasid, write, second) == (0, 0, 0) {
                assert_eq!(item.scenario.is_none(), without, "{code:#x}");
            }
            let Some(scenario) = &item.scenario else { continue };
            parsed(&scenario.text);
            if let Err(error) = ends_as_told(&scenario.text, fault) {
                wrong.push_str(&format!("{code:#x}: {error}\n{}\n", scenario.text));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}
