//! Reads every collected wording, and anything else.

use super::*;
use crate::spec::Lang;
use alloc::format;
use alloc::string::{String, ToString};
use proptest::prelude::*;

const DATA: &[(&str, &str)] = &[
    ("vtd", include_str!("../../../tests/data/faultlogs/vtd.txt")),
    ("amd", include_str!("../../../tests/data/faultlogs/amd.txt")),
    ("smmu", include_str!("../../../tests/data/faultlogs/smmu.txt")),
    ("riscv", include_str!("../../../tests/data/faultlogs/riscv.txt")),
    ("qemu", include_str!("../../../tests/data/faultlogs/qemu.txt")),
];

/// One collected wording: its form and source, its lines, what must be read.
pub(super) struct Sample {
    pub(super) heading: &'static str,
    pub(super) log: String,
    expect: Vec<&'static str>,
}

pub(super) fn samples() -> Vec<Sample> {
    let mut samples: Vec<Sample> = Vec::new();
    for line in DATA.iter().flat_map(|(_, text)| text.lines()) {
        if let Some(heading) = line.strip_prefix("## ") {
            samples.push(Sample { heading, log: String::new(), expect: Vec::new() });
            continue;
        }
        let sample = samples.last_mut().expect("a heading comes first");
        match line.strip_prefix("= ") {
            Some(expect) => sample.expect.push(expect),
            None => {
                sample.log.push_str(line);
                sample.log.push('\n');
            }
        }
    }
    samples
}

/// An item as the data files write it.
fn summary(item: &Item) -> String {
    let Kind::Fault(fault) = &item.kind else {
        return match item.kind {
            Kind::Status => "status",
            Kind::Tables => "tables",
            Kind::Software => "software",
            Kind::Boot => "boot",
            _ => "unknown",
        }
        .to_string();
    };
    let arch = format!("{:?}", item.arch.unwrap()).to_lowercase();
    let mut out = match (item.arch, fault.code) {
        (_, None) => format!("{arch} -"),
        (Some(Arch::RiscV), Some(code)) => format!("{arch} {code}"),
        (_, Some(code)) => format!("{arch} {code:x}"),
    };
    let mut add = |key: &str, value: Option<String>| {
        if let Some(value) = value {
            out.push_str(&format!(" {key}{value}"));
        }
    };
    let device = fault.device.map(|d| d.raw()).filter(|_| fault.stream.is_none()).or(fault.stream);
    add("dev ", device.map(|d| format!("{d:x}")));
    add("pasid ", fault.pasid.map(|p| format!("{p:x}")));
    add("", fault.access.map(|a| format!("{a:?}").to_lowercase()));
    add("at ", fault.address.map(|a| format!("{a:x}")));
    add("second ", fault.second.map(|a| format!("{a:x}")));
    add("index ", fault.index.map(|i| format!("{i:x}")));
    add("entry ", fault.entry.map(|e| format!("{}:{:x}", e.level, e.value)));
    out
}

#[test]
fn every_collected_wording_is_read() {
    let mut used = Vec::new();
    for sample in samples() {
        let report = parse_log(&sample.log);
        let read: Vec<String> = report.items.iter().map(summary).collect();
        assert_eq!(read, sample.expect, "{}\n{}", sample.heading, sample.log);
        let form = sample.heading.split(' ').next().unwrap();
        let item = report.items.iter().find(|item| item.form.is_some_and(|f| f.name == form));
        assert!(item.is_some(), "{} is not read as {form}", sample.heading);
        used.push(form.to_string());
    }
    let log: String = CASES
        .join("\n")
        .lines()
        .filter(|line| !line.starts_with("#### "))
        .fold(String::new(), |log, line| log + line + "\n");
    used.extend(parse_log(&log).items.iter().filter_map(|item| item.form).map(|form| form.name.to_string()));
    let shown = |form: &&Form| QUIET.iter().any(|quiet| form.name.starts_with(quiet));
    let without: Vec<&str> = forms()
        .filter(|form| !shown(form))
        .map(|form| form.name)
        .filter(|&name| !used.iter().any(|u| u == name))
        .collect();
    assert!(without.is_empty(), "no sample has the forms {without:?}");
}

/// Forms that make no item of their own: they belong to the fault above or below.
const QUIET: [&str; 5] = ["trace-", "rockchip-", "xen-amd-walk", "xen-vtd-walk", "exynos-"];

const CASES: [&str; 7] = [
    include_str!("../../../tests/data/faultlogs/cases/reports.txt"),
    include_str!("../../../tests/data/faultlogs/cases/own.txt"),
    include_str!("../../../tests/data/faultlogs/cases/vtd.txt"),
    include_str!("../../../tests/data/faultlogs/cases/amd.txt"),
    include_str!("../../../tests/data/faultlogs/cases/arm.txt"),
    include_str!("../../../tests/data/faultlogs/cases/others.txt"),
    include_str!("../../../tests/data/faultlogs/cases/field.txt"),
];

#[test]
fn stamps_quotes_and_neighbours_do_not_matter() {
    let noise = "[    0.000000] Linux version 6.18.0 (gcc)\n[    0.100000] Command line: quiet\n".repeat(30);
    for sample in samples() {
        let alone: Vec<String> =
            parse_log(&sample.log).items.iter().filter(|i| known(i)).map(summary).collect();
        for prefix in ["", "> ", "> > ", "  ", "Jun 20 19:41:55 host kernel: "] {
            if sample.log.contains("kernel:") && prefix.contains("kernel")
                || sample.heading.contains("wrapped")
            {
                continue;
            }
            // A dump out of debugfs has no stamps.
            if sample.heading.contains("debugfs") && prefix.contains("kernel") {
                continue;
            }
            let mut text = noise.clone();
            for line in sample.log.lines() {
                text.push_str(&format!("{prefix}{line}\r\n"));
            }
            text.push_str(&noise);
            let read: Vec<String> = parse_log(&text).items.iter().filter(|i| known(i)).map(summary).collect();
            assert_eq!(read, alone, "{prefix:?} {}", sample.heading);
        }
    }
}

fn known(item: &Item) -> bool {
    !matches!(item.kind, Kind::Boot | Kind::Unknown { .. })
}

#[test]
fn every_vtd_reason_is_decoded_in_every_spelling() {
    for fault in crate::iommu::vtd::faults::ALL {
        let code = fault.code;
        for line in [
            format!("DMAR: [DMA Read] Request device [00:02.0] fault addr 1000 [fault reason {code:02}] x"),
            format!("DMAR: [DMA Read NO_PASID] Request device [00:02.0] fault addr 0x1000 [fault reason {code:#04x}] x"),
            format!("(XEN) [VT-D]DMAR:[DMA Read] Request device [0000:00:02.0] fault addr 1000\n(XEN) [VT-D]DMAR: reason {code:02x} - x"),
            format!("vtd_dmar_fault sid 0x10 fault {code} addr 0x1000 write 0"),
        ] {
            let report = parse_log(&line);
            let (item, read) = report.faults().next().expect(&line);
            assert_eq!(read.known, Some(*fault), "{line}");
            assert_eq!(report.items.len(), 1);
            assert!(!item.causes.is_empty());
            // A name that is the number again is not said twice.
            let said = if fault.name.ends_with('h') { format!("{code:#04x}") } else { fault.name.into() };
            assert!(item.fields.iter().any(|f| f.value.en.contains(&said)), "{line}");
        }
    }
}

#[test]
fn the_same_fault_is_folded_and_its_pattern_told() {
    let mut log = String::new();
    for i in 0..5u64 {
        log.push_str(&format!(
            "DMAR: [DMA Write NO_PASID] Request device [00:1f.2] fault addr {:#x} [fault reason 0x05] x\n",
            0xfff0_0000 + i * 0x1000
        ));
    }
    let report = parse_log(&log);
    assert_eq!(report.items.len(), 1);
    let item = &report.items[0];
    assert_eq!((item.times, item.last_line), (5, 5));
    let pattern = item.fields.iter().find(|f| f.name.en == "pattern").unwrap();
    assert!(pattern.meaning.en.contains("page by page"));
    assert_eq!(pattern.certainty, Certainty::Inferred);
}

#[test]
fn raw_words_and_their_decoded_form_are_one_item() {
    let log = "arm-smmu-v3 a: event 0x10 received:\narm-smmu-v3 a: \t0x0000010000001810\narm-smmu-v3 a: \t0x0000020000000000\n\
               arm-smmu-v3 a: \t0x00000000fff0a000\narm-smmu-v3 a: \t0x0000000000000000\n\
               arm-smmu-v3 a: event: F_TRANSLATION client: 0000:01:00.0 sid: 0x100 ssid: 0x1 iova: 0xfff0a000 ipa: 0x0\n\
               arm-smmu-v3 a: unpriv data write s1 \"Input address caused fault\" stag: 0x0\n";
    let report = parse_log(log);
    assert_eq!(report.items.len(), 1);
    assert!(report.items[0].fields.iter().any(|f| f.name.en == "client" && f.value.en == "0000:01:00.0"));
}

#[test]
fn a_line_that_is_not_understood_names_the_nearest_form() {
    let report = parse_log(
        "DMAR: INTR_REMAP: Requester device [00:02.0] failed at INTR index 10 REMAP reason 99\nhello\n",
    );
    let nearest: Vec<_> = report
        .items
        .iter()
        .map(|item| match item.kind {
            Kind::Unknown { nearest } => nearest.map(|form| form.name),
            _ => panic!("{item:?}"),
        })
        .collect();
    assert!(nearest[0].is_some_and(|name| name.starts_with("vtd-")), "{nearest:?}");
    assert_eq!(nearest[1], None);
}

#[test]
fn boot_messages_are_no_riddles_and_reserved_regions_are_remembered() {
    let log = "[    0.006] DMAR: Host address width 39\n[    0.006] DMAR: RMRR base: 0x0000007d800000 end: 0x0000007fffffff\n\
               [    0.5] pci 0000:00:02.0: Adding to iommu group 0\n\
               [    9.0] DMAR: [DMA Read NO_PASID] Request device [00:02.0] fault addr 0x7e000000 [fault reason 0x06] x\n";
    let report = parse_log(log);
    let kinds: Vec<String> = report.items.iter().map(summary).collect();
    assert_eq!(kinds, ["boot", "vtd 6 dev 10 read at 7e000000"]);
    let item = &report.items[1];
    assert!(item.fields.iter().any(|f| f.name.en == "reserved region"));
    assert_eq!(item.causes[0].cause.id, "FIRMWARE_DEVICE");
    assert!(item.causes[0].because.contains(&Clue::InReservedRegion));
}

#[test]
fn certain_and_inferred_are_told_apart() {
    let report = parse_log("DMAR: [DMA Write] Request device [00:12.0] fault addr 0 [fault reason 05] x");
    let fields = &report.items[0].fields;
    let of = |name: &str| fields.iter().find(|f| f.name.en == name).map(|f| f.certainty);
    assert_eq!(of("fault address"), Some(Certainty::Certain));
    assert_eq!(of("the address looks like"), Some(Certainty::Inferred));
    assert_eq!(of("table indices"), Some(Certainty::Inferred));
}

#[test]
fn all_text_is_in_both_languages() {
    for sample in samples() {
        for item in parse_log(&sample.log).items {
            assert!(!item.title.en.is_empty() && !item.title.zh.is_empty());
            for field in &item.fields {
                assert!(!field.meaning.en.is_empty() && !field.meaning.zh.is_empty(), "{field:?}");
                assert!(!field.value.en.is_empty() && !field.value.zh.is_empty(), "{field:?}");
            }
        }
    }
}

#[test]
fn long_logs_give_no_more_items_than_lines() {
    let quiet = "[    1.234567] usb 1-1: new high-speed USB device number 2 using xhci_hcd\n";
    let faults: String = samples().into_iter().map(|sample| sample.log).collect();
    let near = "DMAR: Host address width 39 iommu fault addr reason Request\n";
    for unit in [
        quiet.to_string(),
        faults,
        near.to_string(),
        "Request device\n".into(),
        "event 0x10 received:\n".into(),
        "x".into(),
    ] {
        let log = unit.repeat((1 << 18) / unit.len());
        let report = parse_log(&log);
        // Each item has lines of its own; nothing multiplies.
        assert!(report.items.len() <= report.lines + 1);
        for pair in report.items.windows(2) {
            assert!(pair[0].lines.first <= pair[1].lines.first || pair[0].kind == Kind::Boot);
        }
        let _ = render(&report, Lang::Zh, false);
    }
}

/// Lines made of the pieces that readers look for, in any order.
fn hostile() -> impl Strategy<Value = String> {
    let pieces: Vec<&'static str> = "Request device|[DMA Read|[INTR-REMAP|fault addr|fault index|[fault reason|0x|ffffffffffffffffffff|[|]|:|.|00:02.0|PASID |\
        DMAR: |Event logged [|IO_PAGE_FAULT|device=|flags=0x|address=|event 0x10 received:|\t0x0000010000000010|event: | client: | sid: |\
        Fault |devid: |iotval: |iotval2: |vtd_iova_to_slpte: detected slpte permission error (iova=0x|level=0x|pte=|vtd_dmar_fault|sid | fault | addr |\
        Root Table Address: |Device |@0x|IOVA_PFN|0x1 |\t0x3|\n|\n> |QI HEAD: |qw0 = |callbacks suppressed|1 |中|pte level: |pte value: |table entries for IOVA |\
        low |hi |context entry: |root entry: |pasid table entry[|]: |context fault: |fsr=|iova=|reason: 0x|fault 0001:02.0|smmuv3|translation failed for iova="
        .split('|')
        .collect();
    prop::collection::vec(prop::sample::select(pieces), 0..40).prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_text_is_read_without_panic(text in "\\PC*\n?\\PC*") {
        let report = parse_log(&text);
        let _ = render(&report, Lang::En, false);
    }

    #[test]
    fn any_mixture_of_the_marks_is_read_without_panic(text in hostile()) {
        let report = parse_log(&text);
        let _ = render(&report, Lang::Zh, false);
        for item in &report.items {
            prop_assert!(item.lines.first <= item.lines.last && item.lines.last <= report.lines);
        }
    }

    #[test]
    fn a_damaged_sample_is_read_without_panic(pick in 0usize..1000, at in 0usize..2000, with in "\\PC?") {
        let samples = samples();
        let mut text = samples[pick % samples.len()].log.clone();
        let mut at = at % text.len();
        while !text.is_char_boundary(at) { at -= 1; }
        text.truncate(at + text[at..].chars().next().map_or(0, |_| 0));
        text.push_str(&with);
        let _ = parse_log(&text);
    }
}

/// The causes that a single clue, or none, puts first.
fn firsts(base: &'static [&'static Cause]) -> Vec<&'static str> {
    let sets = Clue::ALL.iter().map(|&clue| [clue].into_iter().collect()).chain([Clues::default()]);
    sets.filter_map(|clues| {
        super::evidence::rank(base, clues, System::Linux).first().map(|likely| likely.cause.id)
    })
    .collect()
}

#[test]
fn every_code_of_every_architecture_has_causes_and_evidence_that_puts_one_first() {
    let mut seen = 0;
    for format in super::formats::FORMATS {
        for code in (format.codes)() {
            for pasid in [None, Some(1)] {
                let fault = Fault { code: Some(code), pasid, address: Some(0x1234_5000), ..Fault::default() };
                let base = (format.causes)(&fault);
                assert!(base.len() >= 2, "{:?} {code:#x}", base[0].id);
                for (i, cause) in base.iter().enumerate() {
                    assert!(!base[..i].contains(cause), "{code:#x} twice {}", cause.id);
                }
                // Without evidence the order is the table's; nothing is left out.
                let plain = super::evidence::rank(base, Clues::default(), System::Linux);
                assert_eq!(plain.len(), base.len().min(4));
                assert_eq!(plain[0].cause, base[0]);
                let firsts = firsts(base);
                assert!(firsts.contains(&base[0].id), "{:?} {code:#x}", base[0].id);
                seen += 1;
            }
        }
    }
    assert!(seen > 200, "{seen}");
}

#[test]
fn every_rule_can_be_met() {
    // Each cause of the table is in a base or can be brought in, else its rules say nothing.
    let mut met: Vec<&str> = Vec::new();
    let mut bases: Vec<&'static [&'static Cause]> = Vec::new();
    for format in super::formats::FORMATS {
        for code in (format.codes)() {
            for access in [None, Some(Access::Read), Some(Access::Write), Some(Access::Interrupt)] {
                for pasid in [None, Some(1)] {
                    for address in [0x1234_5000, 0x1234_5040] {
                        let fault = Fault {
                            code: Some(code),
                            pasid,
                            access,
                            address: Some(address),
                            ..Fault::default()
                        };
                        bases.push((format.causes)(&fault));
                    }
                }
            }
        }
        bases.extend(format.patterns.iter().map(|pattern| pattern.causes));
    }
    for base in bases {
        met.extend(base.iter().map(|cause| cause.id));
        for &clue in Clue::ALL {
            for system in [System::Linux, System::Xen] {
                let ranked = super::evidence::rank(base, [clue].into_iter().collect(), system);
                met.extend(ranked.iter().map(|likely| likely.cause.id));
            }
        }
    }
    // These belong to status lines, whose readers give their causes with the line.
    let of_status = [
        "UNIT_GONE",
        "RMRR_GIVEN_OUT",
        "MAPPED_TWICE",
        "STALE_ENTRY_LEFT",
        "QUEUE_MEMORY",
        "BAD_DESCRIPTOR",
        "UNKNOWN_STREAM",
        "STREAM_CONFLICT",
        "NO_TRANSLATION_YET",
        "LINK_ERROR",
    ];
    for rule in RULES {
        let id = rule.cause.id;
        assert!(met.contains(&id) || of_status.contains(&id), "{id}");
    }
}

#[test]
fn a_normal_boot_of_thousands_of_lines_shows_one_card() {
    let mut log = String::from("[    0.000000] Linux version 6.12.0\n");
    for line in include_str!("../../../tests/data/faultlogs/boot.txt").lines() {
        log.push_str(line);
        log.push('\n');
        for i in 0..110 {
            log.push_str(&format!(
                "[    1.{i:06}] usb 1-{i}: new high-speed USB device number {i} using xhci_hcd\n"
            ));
        }
    }
    assert!(log.lines().count() > 4800);
    let report = parse_log(&log);
    let kinds: Vec<String> = report.items.iter().map(summary).collect();
    assert_eq!(kinds, ["boot"]);
    assert!(report.stories.is_empty());
}

#[test]
fn presets_that_answers_name_are_there() {
    let log: String = CASES
        .join("\n")
        .lines()
        .filter(|line| !line.starts_with("#### "))
        .fold(String::new(), |log, line| log + line + "\n");
    let mut seen = 0;
    for item in parse_log(&log).items {
        if let Some(preset) = item.preset {
            assert!(crate::scenario::presets::by_name(preset).is_some(), "{preset}");
            seen += 1;
        }
    }
    assert!(seen > 50, "{seen}");
    for preset in ["msi-doorbell", "sync-for-cpu"] {
        assert!(crate::scenario::presets::by_name(preset).is_some(), "{preset}");
    }
}

/// Every code of a ladder's rungs is told of, in their order, and no other; all that leave one line are named.
#[test]
fn the_rungs_that_a_log_leads_to_are_those_of_the_ladders() {
    use crate::machine::run::run;
    use crate::trace::Event;
    for (_, preset, codes) in super::story::LADDERS {
        let text = crate::scenario::presets::by_name(preset).unwrap().text;
        let trace = run(text).unwrap().machine.trace;
        let met = trace.steps().iter().filter_map(|step| match step.event {
            Event::Fault { code, .. } => Some(code.code),
            _ => None,
        });
        let said: Vec<u16> = codes.iter().copied().filter(|code| *code != 0).collect();
        assert_eq!(met.collect::<Vec<u16>>(), said, "{preset}");
    }
    let rungs = |log: &str| -> Vec<(String, &str)> {
        let report = parse_log(log);
        report.items[0].rungs.iter().map(|rung| (rung.at.clone(), rung.name.en)).collect()
    };
    let rung = |at: &str, name| (String::from(at), name);
    let vtd = "DMAR: [DMA Write NO_PASID] Request device [00:03.0] fault addr 0x100000 [fault reason 0x05] PTE Write access is not set";
    let (gone, read_only) = ("a page table entry is not valid", "the last entry allows no write");
    assert_eq!(
        rungs(vtd),
        [rung("#p=fault-ladder&at=fault:0x5", gone), rung("#p=fault-ladder&at=fault:0x5:2", read_only)]
    );
    // A read, whose code is another: the same link, and none about writing.
    let read = "DMAR: [DMA Read NO_PASID] Request device [00:03.0] fault addr 0x100000 [fault reason 0x06] PTE Read access is not set";
    assert_eq!(rungs(read), [rung("#p=fault-ladder&at=fault:0x5", gone)]);
    for (cause, count) in [(13, 2), (5, 1)] {
        let read =
            rungs(&format!("riscv,iommu 3010000.iommu: Fault {cause} devid: 0x18 iotval: 100000 iotval2: 0"));
        assert_eq!(read.len(), count, "{read:?}");
        assert!(read.iter().all(|(_, name)| !name.contains("write")), "{read:?}");
    }
    let riscv = "riscv,iommu 3010000.iommu: Fault 15 devid: 0x18 iotval: 100000 iotval2: 0";
    assert_eq!(rungs(riscv).len(), 3);
    let amd = |flags: &str| {
        rungs(&format!("pci 0000:00:03.0: AMD-Vi: Event logged [IO_PAGE_FAULT domain=0x0002 address=0x100000 flags={flags}]"))
    };
    let ladder = "#p=fault-ladder-amd&at=fault:0x2";
    assert_eq!(
        amd("0x0020"),
        [rung(&format!("{ladder}:3"), gone), rung(ladder, "the device's entry has no tables to walk")]
    );
    assert_eq!(amd("0x0070"), [rung(&format!("{ladder}:4"), read_only)]);
    // An interrupt is refused by no page table.
    assert!(amd("0x0008").is_empty());
}

/// A real boot, 5,000 lines of it: of all that a kernel says only the card is shown.
#[test]
fn a_real_boot_shows_its_iommu_in_one_card_and_nothing_else() {
    let real = include_str!("../../../tests/data/faultlogs/boot-6.1.txt");
    let mut log = String::from("[    0.011000] DMAR: RMRR base: 0x0000007b000000 end: 0x0000007f7fffff\n");
    for (i, line) in real.lines().enumerate() {
        log.push_str(line);
        log.push('\n');
        for call in 0..8 {
            let at = format!("[    9.{i:03}{call:03}]");
            log.push_str(&format!(
                "{at} initcall pci_driver_{i}_init+0x0/0x1a returned 0 after {call} usecs\n"
            ));
        }
    }
    assert!(log.lines().count() > 5_000);
    let report = parse_log(&log);
    assert_eq!(report.items.iter().map(summary).collect::<Vec<_>>(), ["boot"]);
    assert!(report.stories.is_empty());
    let says: Vec<(&str, &str)> =
        report.items[0].fields.iter().map(|field| (field.name.en, field.value.en.as_str())).collect();
    for want in [
        ("IOMMU", "on"),
        ("default domain", "translated"),
        ("invalidation", "strict"),
        ("group type", "DMA"),
        ("groups", "7"),
        ("reserved by firmware", "0x7b000000 .. 0x7f7fffff"),
        ("interrupt remapping", "on"),
    ] {
        assert!(says.contains(&want), "{want:?} {says:?}");
    }
    assert!(says.len() <= 12, "{says:?}");
}

#[test]
fn binary_garbage_ends_in_nothing_found() {
    let mut seed = 0x1234_5678_9abc_def0u64;
    let mut bytes = Vec::new();
    for _ in 0..200_000 {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        bytes.push((seed >> 56) as u8);
    }
    bytes[1000..1200].fill(0);
    let report = parse_log(&String::from_utf8_lossy(&bytes));
    assert!(!report.understood());
    assert!(render(&report, Lang::En, false).starts_with("Nothing about an IOMMU"));
}

#[test]
fn nuls_and_half_characters_are_nothing() {
    for bytes in [vec![0; 100_000], vec![0xff; 5_000], b"\xe4\xb8\n\xe4\0\x80\n\xf0\x9f\x98".to_vec()] {
        let report = parse_log(&String::from_utf8_lossy(&bytes));
        assert!(report.items.is_empty(), "{:?}", report.items);
    }
}

/// Sentences that have the words of messages.
const PROSE: &str = include_str!("../../../tests/data/faultlogs/prose.txt");

#[test]
fn prose_is_never_claimed() {
    for line in PROSE.lines() {
        let report = parse_log(line);
        for item in &report.items {
            assert!(matches!(item.kind, Kind::Unknown { nearest: None }), "{line}: {}", item.title.en);
        }
        // In a long log not a word of it is shown.
        let long = format!("{}{line}\n", "usb 1-1: new high-speed USB device\n".repeat(60));
        assert_eq!(parse_log(&long).items, [], "{line}");
    }
}

#[test]
fn what_is_kept_does_not_grow_with_the_log() {
    let mut reader = LogReader::new();
    for i in 0..12_000u64 {
        reader.line(&format!("DMAR: [DMA Read NO_PASID] Request device [{:02x}:{:02x}.0] fault addr {:#x} [fault reason 0x06] x", i % 256, i / 256 % 32, i << 12));
        reader.line("what is no fault, an iommu error aside: DMAR: error");
        reader.line(
            "map: IOMMU: iova=0x00000000fffff000 - 0x0000000100000000 paddr=0x0000000002ebe000 size=4096",
        );
    }
    let report = reader.finish();
    assert!(report.items.len() <= 2_200, "{}", report.items.len());
    assert!(report.left_out > 0);
    assert!(report.stories.len() <= 24);
}

/// A request that was refused before any page table was read was not refused for what is in page tables.
#[test]
fn no_table_is_blamed_where_none_was_read() {
    for code in ["0x04", "0x80", "0x83"] {
        let log = format!("DMAR: [DMA Read NO_PASID] Request device [02:00.0] fault addr 0x8000000000 [fault reason {code}] x\n");
        let report = parse_log(&log);
        let item = &report.items[0];
        assert!(item.fields.iter().any(|field| field.value.en.contains("before any page table")), "{code}");
        for likely in &item.causes {
            let ids = ["CORRUPTED", "BAD_ENTRY", "NOT_FLUSHED", "TABLE_UNREADABLE"];
            assert!(!ids.contains(&likely.cause.id), "{code}: {}", likely.cause.id);
        }
        // Linux gives out no address above a domain's width, whatever the mask (drivers/iommu/dma-iommu.c,
        // iommu_dma_alloc_iova).
        let width = item.causes.iter().find(|likely| likely.cause.id == "TOO_WIDE").unwrap();
        assert!(width.cause.text.en.contains("however large"), "{code}");
    }
}

/// Behind a PCIe-to-PCI bridge requests carry the number of its secondary bus (Linux, pci_for_each_dma_alias).
#[test]
fn a_bridge_does_not_lend_its_own_number() {
    let report =
        parse_log("DMAR: [DMA Read] Request device [02:00.0] fault addr 0x1000 [fault reason 0x06] x\n");
    let id = report.items[0].fields.iter().find(|field| field.value.en == "02:00.0").unwrap();
    assert!(id.meaning.en.contains("neither the device's own nor the bridge's"), "{}", id.meaning.en);
}

#[test]
fn the_second_line_of_an_event_says_what_it_has() {
    let text = "arm-smmu-v3 c000000.smmuv3: unpriv data read s2 \"Input address caused fault\" stag: 0x0\n";
    let report = parse_log(text);
    assert!(report.understood());
    let value = |name: &str| {
        let field = report.items[0].fields.iter().find(|field| field.name.en == name);
        field.map(|field| field.value.en.clone())
    };
    assert_eq!((value("access").as_deref(), value("stage").as_deref()), (Some("read"), Some("2")));
    // Below its first line it is part of the same event.
    let first = "arm-smmu-v3 c000000.smmuv3: event: F_TRANSLATION client: 0000:00:04.0 sid: 0x20 ssid: 0x0 iova: 0x12345678 ipa: 0x12345000\n";
    assert_eq!(parse_log(&format!("{first}{text}")).items.len(), 1);
}

#[test]
fn what_qemu_writes_into_amd_flags_is_not_read_as_the_specification_says() {
    let log =
        "AMD-Vi: Event logged [IO_PAGE_FAULT device=0000:00:04.0 domain=0x0000 address=0x0 flags=0x0009]\n";
    let report = parse_log(log);
    for field in &report.items[0].fields {
        assert!(!field.meaning.en.contains("interrupt request"), "{}", field.meaning.en);
    }
}

#[test]
fn one_request_that_wants_all_of_a_pool_is_no_leak() {
    let log =
        "e1000 0000:00:03.0: swiotlb buffer is full (sz: 262144 bytes), total 128 (slots), used 1 (slots)\n";
    let causes = &parse_log(log).items[0].causes;
    assert_eq!(causes[0].cause.id, "SWIOTLB_SMALL");
}

/// Numbers of a dump are whatever a text says.
#[test]
fn a_dump_of_a_queue_may_state_any_number() {
    let most = u64::MAX;
    for (head, tail) in [(0, most), (most, 0), (most, most), (511, 512)] {
        let log = format!("CMD Buffer Head Offset:{head} Tail Offset:{tail}\n  {most}: 1 2 3 4\n511: ffffffffffffffff 1 1 1\n");
        let report = parse_log(&log);
        assert_eq!(report.items[0].form.map(|form| form.name), Some("amd-cmdbuf"));
    }
}
