//! What a running kernel prints in other forms than at its boot: addresses of more digits, messages of functions that have a driver, times
//! of any kind before a line, rows of tables that end early. None of it may change what is read, or become a fact by not being read.

#[path = "support/draft.rs"]
mod draft;

use iommu_core::explain::logs::parse_log;
use iommu_core::import::{import, Import, Input, Kind};

fn of(text: &str) -> Import {
    draft::runs(import(&[Input { name: "t", bytes: text.as_bytes() }]))
}

#[track_caller]
fn has(got: &Import, line: &str) {
    assert!(got.scenario.lines().any(|l| l.trim_start().starts_with(line)), "{line}\n{}", got.scenario);
}

fn says(got: &Import, kind: Kind, en: &str, zh: &str) -> bool {
    got.remarks.iter().any(|r| r.kind == kind && r.what.en.contains(en) && r.what.zh.contains(zh))
}

#[test]
fn a_range_of_iomem_may_end_at_an_address_of_more_digits() {
    let got = of("00100000-75c9ffff : System RAM\n\
                  100000000-404effffff : System RAM\n\
                  c0000000-febfffff : PCI Bus 0000:00\n");
    has(&got, "ram 0x1_0000_0000 .. 0x40_4f00_0000  # t:2");
    let got = of("c0000000-febfffff : PCI Bus 0000:00\n450000000-fcffffffff : PCI Bus 0000:00\n");
    has(&got, "bridge cpu 0x4_5000_0000 .. 0xfd_0000_0000 -> bus 0x4_5000_0000  # t:2");
    // A shorter end is none of these lines.
    assert!(import(&[Input { name: "t", bytes: b"100000000-4effffff : System RAM\n" }]).is_empty());
}

const BOUND: &str = "\
[    0.5] pci_bus 0000:00: root bus resource [mem 0xe0000000-0xfcffffff window]
[    0.5] pci_bus 0000:00: root bus resource [mem 0x850000000-0xfcffffffff window]
[    0.5] pci 0000:00:01.0: [1022:1483] type 01 class 0x060400 PCIe Root Port
[    0.5] pci 0000:00:01.0: PCI bridge to [bus 01]
[    0.5] pci 0000:00:01.0:   bridge window [mem 0xe0000000-0xf01fffff 64bit pref]
[    0.5] pci 0000:01:00.0: [1002:73bf] type 00 class 0x030000 PCIe Legacy Endpoint
[    0.5] pci 0000:01:00.0: BAR 0 [mem 0xe0000000-0xefffffff 64bit pref]
[    9.0] amdgpu 0000:01:00.0: BAR 0 [mem 0xe0000000-0xefffffff 64bit pref]: releasing
[    9.0] pcieport 0000:00:01.0: bridge window [mem 0x900000000-0xbffffffff 64bit pref]: assigned
[    9.0] amdgpu 0000:01:00.0: BAR 0 [mem 0xa00000000-0xbffffffff 64bit pref]: assigned
[    9.0] amdgpu 0000:01:00.0: BAR 2 [mem 0xe0000000-0xe01fffff 64bit pref]: not what Linux says
[    9.1] amdgpu 0000:01:00.0: Adding to iommu group 7
";

#[test]
fn what_the_kernel_says_of_a_function_with_a_driver_counts_as_the_last_word() {
    let got = of(BOUND);
    has(&got, "window 0x9_0000_0000 +12G prefetch  # t:9");
    has(&got, "bar 0 8G 64 prefetch at bus 0xa_0000_0000  # t:10");
    assert!(!got.scenario.contains("bar 2"), "{}", got.scenario);
    has(&got, "# group 7: gpu0 (t:12)");
}

#[test]
fn a_boot_log_is_the_same_behind_every_kind_of_time() {
    let wanted = of(BOUND).scenario;
    for stamp in [
        "",
        "[    0.302005 <    0.000001>] ",
        "[<    0.000001>] ",
        "[  +0.000001] ",
        "[Nov30 20:04] ",
        "[Mon Nov 30 20:04:56 2026] ",
        "[一 11月 30 20:04:56 2026] ",
        "[lun. nov. 30 20:04:56 2026] ",
        "2026-11-30T20:04:56,123456+01:00 ",
        "Nov 30 20:04:56 host kernel: ",
        "6,123,302005,-;",
        "<6>[    0.302005][    T1] ",
        "kern  :info  : [    0.302005] ",
        "\u{1b}[32m[    0.302005] \u{1b}[0m",
    ] {
        let lines = BOUND.lines().map(|line| format!("{stamp}{}\n", line.split_once("] ").unwrap().1));
        assert_eq!(of(&lines.collect::<String>()).scenario, wanted, "{stamp}");
    }
}

#[test]
fn a_machine_answers_translation_requests_only_if_something_says_so() {
    let unit = "00:00.2 IOMMU [0806]: AMD IOMMU [1022:1631]\n";
    has(&of(unit), "machine amd-vi  #");
    let on = "01:00.0 VGA compatible controller [0300]: AMD [1002:73bf]\n\
              \tCapabilities: [2d0] Address Translation Service (ATS)\n\t\tATSCtl:\tEnable+, Smallest Translation Unit: 00\n";
    has(&of(&format!("{unit}{on}")), "machine amd-vi ats  #");
    let got = of("[    0.5] AMD-Vi: Found IOMMU at 0000:00:00.2 cap 0x40\n");
    has(&got, "machine amd-vi ats  #");
    assert!(says(&got, Kind::Assumed, "IotlbSup", "IotlbSup"), "{:?}", got.remarks);
}

#[test]
fn ports_that_no_text_places_are_taken_around_bars() {
    let bar = "00:1f.2 SATA controller [0106]: Intel [8086:2922]\n\tRegion 4: I/O ports at c040 [size=32]\n";
    let got = of(bar);
    has(&got, "ports 0xc000 +4K  # assumed");
    has(&got, "bar 4 32 io at bus 0xc040  # t:2");
    assert!(says(&got, Kind::Assumed, "which I/O ports lead to PCI", "哪些 I/O 端口通往 PCI"));
    let got = of(&format!("{bar}\n0d00-0fff : PCI Bus 0000:00\n"));
    assert!(says(&got, Kind::Left, "outside the ports that lead to PCI", "不在通往 PCI 的端口之内"));
}

#[test]
fn a_bar_in_a_window_of_another_host_bridge_alone_contradicts() {
    let text = "pci_bus 0000:00: root bus resource [mem 0x80000000-0x8fffffff window]\n\
                pci_bus 0000:40: root bus resource [mem 0x90000000-0x9fffffff window]\n\
                pci 0000:40:01.0: [1022:1483] type 00 class 0x020000 PCIe Root Complex Integrated Endpoint\n\
                pci 0000:40:01.0: BAR 0 [mem 0x90000000-0x90003fff 64bit]\n\
                pci 0000:40:01.0: BAR 2 [mem 0x80200000-0x80203fff 64bit]\n";
    let got = of(text);
    has(&got, "bar 0 16K 64 at bus 0x9000_0000  # t:4");
    assert!(says(&got, Kind::Contradiction, "40:01.0 BAR 2", "总线 00 的主桥"), "{:?}", got.remarks);
    // The same as `/proc/iomem` says it.
    let lspci = "40:01.0 Ethernet controller [0200]: X [1022:1483]\n\tRegion 2: Memory at 80200000 (64-bit, non-prefetchable) [size=16K]\n\n\
                 80000000-8fffffff : PCI Bus 0000:00\n90000000-9fffffff : PCI Bus 0000:40\n";
    assert!(says(&of(lspci), Kind::Contradiction, "40:01.0 BAR 2", "总线 00 的主桥"));
    // A window of both bridges is neither's alone.
    let both = format!("{text}pci_bus 0000:40: root bus resource [mem 0x80000000-0x8fffffff window]\n");
    assert!(!says(&of(&both), Kind::Contradiction, "40:01.0 BAR 2", ""));
}

const TABLES: &str = "\
Device 0000:00:04.0 @0x5445000
IOVA_PFN\t\tPML5E\t\t\tPML4E\t\t\tPDPE\t\t\tPDE\t\t\tPTE
0x0000000080000 |\t0x0000000000000000\t0x000000001fef4003\t0x0000000080000083
0x00000000ffe00 |\t0x0000000000000000\t0x000000001fef4003\t0x000000001fef3003\t0x000000013fe00083
0x00000000ffc00 |\t0x0000000000000000\t0x000000001fef4003\t0x000000001fef3003\t0x000000001fef2003\t0x000000001fef6001
";

/// How the walks of a paste end, in both languages.
fn ends(text: &str) -> String {
    let report = parse_log(text);
    let fields = report.items.iter().flat_map(|item| &item.fields);
    let ends = fields.filter(|field| field.name.en == "ends at");
    ends.map(|field| format!("{}: {} / {}\n", field.value.en, field.meaning.en, field.meaning.zh)).collect()
}

#[test]
fn rows_of_large_pages_have_no_words_below_the_leaf() {
    let got =
        ends(&format!("{TABLES}walk 00:04.0 0xffc00123\nwalk 00:04.0 0xffe12345\nwalk 00:04.0 0x81234567\n"));
    let lines: Vec<&str> = got.lines().collect();
    for (line, (to, size)) in
        lines.iter().zip([("0x1fef6123", "4K"), ("0x13fe12345", "2M"), ("0x81234567", "1G")])
    {
        assert!(line.starts_with(to) && line.contains(size), "{line}");
    }
    assert_eq!(lines.len(), 3);
}

#[test]
fn a_row_that_is_not_understood_never_makes_a_page_unmapped() {
    let missing = "walk 00:04.0 0x12345000\n";
    assert!(ends(&format!("{TABLES}{missing}")).contains("it is not mapped"));
    for row in ["0x0000000012345 |\t0x12**\n", "0x0000000012345 |\t0x0\t0x1\n"] {
        let got = ends(&format!("{TABLES}{row}{missing}"));
        assert!(got.starts_with("not known") && got.contains("没有读懂"), "{got}");
    }
    // Rows behind a line that is none belong to nobody for certain.
    let got = ends(&format!(
        "{TABLES}some other line of a DMA log\n0x0000000012345 |\t0x0\t0x1003\t0x2083\n{missing}"
    ));
    assert!(got.starts_with("not known"), "{got}");
}

#[test]
fn what_has_no_address_and_what_does_not_answer_is_said() {
    let got = of("01:00.0 3D controller [0302]: NVIDIA [10de:1d10] (rev ff) (prog-if ff)\n\t!!! Unknown header type 7f\n");
    assert!(
        says(&got, Kind::Missing, "01:00.0: its configuration space reads as ones", "D3cold"),
        "{:?}",
        got.remarks
    );
    let got = of("01:00.0 3D controller [0302]: NVIDIA [10de:1d10] (rev ff)\n00: ff ff ff ff ff ff ff ff ff ff ff ff ff ff ff ff\n");
    let silent = got.remarks.iter().filter(|r| r.what.en.contains("reads as ones"));
    assert_eq!(silent.count(), 1, "{:?}", got.remarks);
    let got = of("02:00.0 Ethernet controller [0200]: X [8086:1533]\n\tRegion 0: Memory at <unassigned> (64-bit, non-prefetchable) [disabled]\n\
                  \tRegion 2: Memory at <ignored> (32-bit, non-prefetchable)\n");
    for (en, zh) in [
        ("BAR 0 has no address: <unassigned>", "BAR 0 没有地址"),
        ("BAR 2 has no address: <ignored>", "BAR 2 没有地址"),
    ] {
        assert!(says(&got, Kind::Missing, en, zh), "{:?}", got.remarks);
    }
}

#[test]
fn what_the_kernel_finds_no_place_for_is_said_unless_it_finds_one_later() {
    let head = "pci 0000:00:02.0: [1022:1483] type 00 class 0x020000 PCIe Root Complex Integrated Endpoint\n";
    let failed = "pci 0000:00:02.0: BAR 4 [mem size 0x00100000 64bit]: can't assign; no space\n\
                  pci 0000:00:02.0: BAR 4 [mem size 0x00100000 64bit]: failed to assign\n";
    let got = of(&format!("{head}{failed}"));
    assert!(says(&got, Kind::Contradiction, "00:02.0 BAR 4: the kernel found no place", "没有为它找到地址"));
    assert_eq!(got.remarks.iter().filter(|r| r.what.en.contains("no place")).count(), 1);
    let got =
        of(&format!("{head}{failed}pci 0000:00:02.0: BAR 4 [mem 0x90000000-0x900fffff 64bit]: assigned\n"));
    assert!(!says(&got, Kind::Contradiction, "no place", ""), "{:?}", got.remarks);
    let got = of(&format!("{head}pci 0000:00:02.0: can't claim BAR 0 [mem 0x90000000-0x90003fff 64bit]: address conflict with PCI Bus 0000:40 [mem 0x90000000-0x900fffff]\n"));
    assert!(
        says(&got, Kind::Contradiction, "which conflicts with PCI Bus 0000:40", "PCI Bus 0000:40 [mem"),
        "{:?}",
        got.remarks
    );
}

#[test]
fn the_unit_of_all_other_functions_gives_the_machine_its_features() {
    let got = of("DMAR: DRHD base: 0x000000fed90000 flags: 0x0\n\
                  DMAR: dmar0: reg_base_addr fed90000 ver 4:0 cap 1c0000c40660462 ecap 69e2ff0505e\n\
                  DMAR: DRHD base: 0x000000fed91000 flags: 0x1\n\
                  DMAR: dmar1: reg_base_addr fed91000 ver 1:0 cap d2008c40660462 ecap f050da\n");
    has(&got, "machine vt-d legacy");
    assert!(!got.scenario.contains(" ats"), "{}", got.scenario);
    assert!(says(&got, Kind::Left, "2 IOMMUs", "取 0xfed91000 处的"), "{:?}", got.remarks);
}

#[test]
fn a_window_below_what_firmware_reserves_is_the_host_bridges() {
    let got = of("fd000000-ffffffff : Reserved\n  fd000000-fd7fffff : PCI Bus 0000:00\n    fd400000-fd6fffff : PCI Bus 0000:04\n");
    has(&got, "bridge cpu 0xfd00_0000 +8M -> bus 0xfd00_0000  # t:2");
    assert!(!got.scenario.contains("0xfd40_0000"), "{}", got.scenario);
}

#[test]
fn groups_of_two_kinds_are_listed_where_no_text_has_the_default() {
    let kinds = "/sys/kernel/iommu_groups/51/type:DMA-FQ\n/sys/kernel/iommu_groups/60/type:identity\n";
    assert!(
        says(&of(kinds), Kind::Left, "group 60 is passed through", "组 60 直通"),
        "{:?}",
        of(kinds).remarks
    );
    let one = "/sys/kernel/iommu_groups/60/type:identity\n";
    assert!(!says(&of(one), Kind::Left, "group 60", ""));
}
