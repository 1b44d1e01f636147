//! What of a machine has no line of the scenario, or was taken without a text that says it, is said with its line.

#[path = "support/draft.rs"]
mod draft;

use iommu_core::import::{import, report, Import, Input, Kind};
use iommu_core::scenario::{parse, print};
use iommu_core::spec::Lang;

fn of(name: &str, bytes: &[u8], more: &str) -> Import {
    draft::runs(import(&[Input { name, bytes }, Input { name: "more", bytes: more.as_bytes() }]))
}

/// The lines that remarks of a kind with these words are about.
fn lines(got: &Import, kind: Kind, en: &str, zh: &str) -> Vec<usize> {
    let these =
        got.remarks.iter().filter(|r| r.kind == kind && r.what.en.contains(en) && r.what.zh.contains(zh));
    these.map(|r| r.from.map_or(0, |from| from.line)).collect()
}

const PASSED: &str = "\
iommu: Default domain type: Passthrough (set via kernel command line)
DMAR: DRHD base: 0x000000fed90000 flags: 0x1
DMAR: RMRR base: 0x0000007b800000 end: 0x0000007fffffff
pci 0000:00:02.0: [8086:10d3] type 00 class 0x020000 PCIe Root Complex Integrated Endpoint
pci 0000:00:02.0: Adding to iommu group 0
pci 0000:00:03.0: [8086:10d3] type 00 class 0x020000 PCIe Root Complex Integrated Endpoint
pci 0000:00:03.0: Adding to iommu group 1
";
const GROUPS: &str = "\
/sys/kernel/iommu_groups/0/type:identity
/sys/kernel/iommu_groups/1/type:DMA
/sys/kernel/iommu_groups/1/reserved_regions:0x00000000000a0000 0x00000000000bffff direct-relaxable
/sys/kernel/iommu_groups/1/reserved_regions:0x0000000000000000 0x0000000000ffffff direct
/sys/kernel/iommu_groups/7/reserved_regions:0x0000000002000000 0x0000000002ffffff direct
";

#[test]
fn a_direct_region_that_is_no_line_is_said_with_the_reason() {
    let got = of("log", PASSED.as_bytes(), GROUPS);
    assert_eq!(
        lines(&got, Kind::Missing, "whose the direct region 0x7b800000-0x7fffffff is", "0x7b800000"),
        [3]
    );
    assert_eq!(
        lines(&got, Kind::Left, "shares addresses with 0xa0000-0xbffff, which is written for nic1", "nic1"),
        [4]
    );
    assert_eq!(lines(&got, Kind::Left, "none of the group is among the devices", "组 7"), [5]);
    // The groups say whose the log's is.
    let whose = "/sys/kernel/iommu_groups/1/reserved_regions:0x000000007b800000 0x000000007fffffff direct\n";
    let got = of("log", PASSED.as_bytes(), whose);
    assert_eq!(lines(&got, Kind::Missing, "whose the direct region", ""), [0usize; 0]);
    assert!(got.scenario.contains("reserved nic1 0x7b80_0000"), "{}", got.scenario);
}

#[test]
fn a_group_that_is_translated_while_the_default_passes_through_is_said() {
    let got = of("log", PASSED.as_bytes(), GROUPS);
    assert_eq!(
        lines(&got, Kind::Left, "group 1 is translated (DMA), unlike the default", "组 1 做转换"),
        [2]
    );
    assert_eq!(lines(&got, Kind::Left, "group 0 is", ""), [0usize; 0]);
    let got = of("log", PASSED.replace("Passthrough", "Translated").as_bytes(), GROUPS);
    assert_eq!(lines(&got, Kind::Left, "group 0 is passed through (identity)", "组 0 直通"), [1]);
    assert_eq!(lines(&got, Kind::Left, "group 1 is", ""), [0usize; 0]);
}

#[test]
fn a_bus_whose_bridge_no_text_names_is_said_once_and_root_buses_are_none() {
    let text = "00:00.0 Host bridge: A\n01:00.0 VGA compatible controller: B\n01:00.1 Audio device: C\n\
                17:00.0 PCI bridge: D\n\tBus: primary=17, secondary=18, subordinate=18, sec-latency=0\n\
                \tCapabilities: [40] Express (v2) Root Port (Slot+), MSI 00\n18:00.0 Ethernet controller: E\n\
                40:00.0 Ethernet controller: F\n";
    let got = of(
        "lspci",
        text.as_bytes(),
        "pci_bus 0000:40: root bus resource [mem 0xc0000000-0xcfffffff window]\n",
    );
    assert_eq!(lines(&got, Kind::Assumed, "no text says which bridge leads to bus", "在哪个桥之下"), [2]);
    let got = of("lspci", text.as_bytes(), "");
    assert_eq!(lines(&got, Kind::Assumed, "no text says which bridge leads to bus", "在哪个桥之下"), [2, 8]);
}

#[test]
fn a_bridge_whose_buses_reach_beyond_those_of_the_one_above_contradicts() {
    let text = |last: &str| {
        format!(
            "17:00.0 PCI bridge: A\n\tBus: primary=17, secondary=18, subordinate=19, sec-latency=0\n\
             \tCapabilities: [40] Express (v2) Root Port (Slot+), MSI 00\n\
             18:00.0 PCI bridge: B\n\tBus: primary=18, secondary=19, subordinate={last}, sec-latency=0\n\
             \tCapabilities: [40] Express (v2) Upstream Port, MSI 00\n"
        )
    };
    let got = of("lspci", text("1a").as_bytes(), "");
    assert_eq!(
        lines(
            &got,
            Kind::Contradiction,
            "behind 18:00.0 end at 1a, those behind 17:00.0 above it at 19",
            "到 1a 为止"
        ),
        [5]
    );
    assert_eq!(lines(&of("lspci", text("19").as_bytes(), ""), Kind::Contradiction, "", ""), [0usize; 0]);
}

#[test]
fn a_bridge_that_linux_knows_to_be_from_pci_express_takes_requests_over_as_its_secondary_bus() {
    let text = |ids: &str| {
        format!(
            "00:01.0 PCI bridge [0604]: Port [8086:1901]\n\tBus: primary=00, secondary=01, subordinate=02, sec-latency=0\n\
             \tCapabilities: [a0] Express (v2) Root Port (Slot+), MSI 00\n\
             01:00.0 PCI bridge [0604]: Bridge [{ids}]\n\tBus: primary=01, secondary=02, subordinate=02, sec-latency=32\n\
             \tCapabilities: [c0] Subsystem: X\n\tIOMMU group: 2\n\
             02:01.0 FireWire (IEEE 1394) [0c00]: VIA [1106:3044]\n\tIOMMU group: 2\n"
        )
    };
    for (ids, id) in [("1b21:1080", "02:00.0"), ("3388:0021", "01:00.0")] {
        let got = of("lspci", text(ids).as_bytes(), "");
        assert!(got.scenario.contains(&format!(" alias {id}")), "{}", got.scenario);
        let why: String = got.joined.iter().flat_map(|g| &g.why).map(|why| why.en.clone()).collect();
        assert!(why.contains(&format!("whose requests all carry the id {id}")), "{why}");
    }
}

/// An IORT of an SMMUv3 and a root complex whose one mapping has these flags.
fn iort(flags: u32) -> Vec<u8> {
    let words =
        |bytes: &mut Vec<u8>, all: &[u32]| bytes.extend(all.iter().flat_map(|word| word.to_le_bytes()));
    let mut bytes = b"IORT".to_vec();
    bytes.extend([0; 32]);
    words(&mut bytes, &[2, 48, 0]);
    // The SMMUv3, 68 bytes, then the root complex, 36 bytes and its mapping.
    bytes.extend([4, 68, 0, 4]);
    words(&mut bytes, &[0, 0, 0, 0x905_0000]);
    bytes.resize(48 + 68, 0);
    bytes.extend([2, 56, 0, 4]);
    words(&mut bytes, &[1, 1, 36, 0, 0, 0, 0, 0]);
    words(&mut bytes, &[0, 0, 0x42, 48, flags]);
    bytes[4] = bytes.len() as u8;
    bytes[9] = 0u8.wrapping_sub(bytes.iter().fold(0, |sum, b| sum.wrapping_add(*b)));
    bytes
}

#[test]
fn a_single_mapping_of_iort_has_one_streamid_for_all() {
    let devices = "00:02.0 VGA compatible controller: A\n00:14.0 USB controller: B\n";
    let got = of("iort", &iort(1), devices);
    assert_eq!(lines(&got, Kind::Damaged, "", ""), [0usize; 0]);
    assert_eq!(
        lines(&got, Kind::Left, "gpu0, usb0 have one StreamID, 0x42", "0x42").len(),
        1,
        "{:?}",
        got.remarks
    );
    assert_eq!(lines(&got, Kind::Left, "no map of ids has", ""), [0usize; 0]);
    // Without the flag the map is of id 0 alone.
    let got = of("iort", &iort(0), devices);
    assert_eq!(lines(&got, Kind::Left, "no map of ids has gpu0, usb0", "").len(), 1, "{:?}", got.remarks);
}

#[test]
fn maps_of_ids_are_said_where_no_text_has_the_functions() {
    let tree = "/dts-v1/;\n/ {\n\t#address-cells = <2>; #size-cells = <2>;\n\
        \tsmmu: iommu@fc900000 { compatible = \"arm,smmu-v3\"; reg = <0x0 0xfc900000 0x0 0x200000>; #iommu-cells = <1>; phandle = <1>; };\n\
        \tits: msi@fe670000 { compatible = \"arm,gic-v3-its\"; reg = <0x0 0xfe670000 0x0 0x20000>; phandle = <2>; };\n\
        \tpcie@a40000000 { device_type = \"pci\"; #address-cells = <3>; #size-cells = <2>;\n\
        \t\tranges = <0x02000000 0x0 0xf0200000 0x0 0xf0200000 0x0 0xe00000>;\n\
        \t\tiommu-map = <0x0 1 0x100 0x8>, <0x9 1 0x109 0xfff7>;\n\t\tmsi-map = <0x0 2 0x0 0x1000>;\n\t};\n};\n";
    let got = of("a.dts", tree.as_bytes(), "");
    assert_eq!(
        lines(&got, Kind::Left, "requester ids 0x0 to 0x7 have the StreamIDs from 0x100 on", "0x100"),
        [8]
    );
    assert_eq!(
        lines(&got, Kind::Left, "requester ids 0x9 to 0xffff have the StreamIDs from 0x109 on", "0x109"),
        [8]
    );
    assert_eq!(lines(&got, Kind::Left, "arrive at the interrupt controller", "中断控制器"), [9]);
    let got = of("a.dts", tree.as_bytes(), "00:00.0 Ethernet controller: A\n");
    assert_eq!(lines(&got, Kind::Left, "no text has functions with them", ""), [0usize; 0]);
}

#[test]
fn windows_below_a_mebibyte_and_each_window_once() {
    let log = "\
pci_bus 0000:00: root bus resource [mem 0x000a0000-0x000bffff window]
pci_bus 0000:00: root bus resource [mem 0x90000000-0x9fffffff window]
pci_bus 0000:00: root bus resource [mem 0x90000000-0x9fffffff window]
pci_bus 0000:00: root bus resource [io  0x1000-0xffff window]
pci_bus 0000:00: root bus resource [mem 0x1000-0xffff window]
pci 0000:00:02.0: [8086:10d3] type 00 class 0x020000 PCIe Root Complex Integrated Endpoint
";
    let got = of("log", log.as_bytes(), "");
    assert_eq!(lines(&got, Kind::Left, "windows below 1 MiB", "1 MiB 以下"), [5], "{:?}", got.remarks);
    assert_eq!(lines(&got, Kind::Contradiction, "shares addresses", ""), [0usize; 0], "{:?}", got.remarks);
    assert_eq!(got.scenario.matches("bridge cpu").count(), 1, "{}", got.scenario);
}

#[test]
fn a_function_that_read_as_ones_has_no_bars_and_that_is_said() {
    let off = "\
01:00.1 Audio device: A [1002:ab28]
00: 02 10 28 ab ff ff 10 00 00 00 03 04 10 00 80 00
10: ff ff ff ff ff ff ff ff ff ff ff ff ff ff ff ff
";
    let got = of("a.lspci", off.as_bytes(), "");
    assert_eq!(lines(&got, Kind::Missing, "did not answer (D3cold?)", "D3cold"), [2], "{:?}", got.remarks);
    assert!(!got.scenario.contains("bar "), "{}", got.scenario);
    // Of one that answers the BARs count.
    let on = off.replace("10: ff ff ff ff ff ff ff ff", "10: 04 00 00 b0 00 00 00 00");
    let got = of("a.lspci", on.as_bytes(), "");
    assert_eq!(lines(&got, Kind::Missing, "did not answer", ""), [0usize; 0]);
    assert!(got.scenario.contains("bar 0 ") && got.scenario.contains("0xb000_0000"), "{}", got.scenario);
}

#[test]
fn a_bar_that_its_window_calls_prefetchable_is_said_to_be_none() {
    let text = "\
00:01.0 PCI bridge [0604]: Intel [8086:1901]
\tBus: primary=00, secondary=01, subordinate=01, sec-latency=0
\tPrefetchable memory behind bridge: 00000000b0000000-00000000b00fffff [size=1M] [64-bit]
\tCapabilities: [a0] Express (v2) Root Port (Slot+), MSI 00
01:00.0 Ethernet controller [0200]: Intel [8086:1533]
\tRegion 0: Memory at b0000000 (64-bit, KIND) [size=512K]
";
    let said = |kind: &str| {
        let got = of("a.lspci", text.replace("KIND", kind).as_bytes(), "");
        assert!(got.scenario.contains("bar 0 512K 64 prefetch at bus 0xb000_0000"), "{}", got.scenario);
        lines(&got, Kind::Assumed, "BAR 0 at 0xb0000000 is not prefetchable", "不可预取")
    };
    assert_eq!(said("non-prefetchable"), [6]);
    assert_eq!(said("prefetchable"), [0usize; 0]);
}

#[test]
fn a_comment_that_is_too_long_ends_between_words_and_says_so() {
    let name = "word ".repeat(60);
    let text = format!("00:02.0 Ethernet controller [0200]: {name}[8086:1533]\n");
    let got = of("a.lspci", text.as_bytes(), "");
    let line = got.scenario.lines().find(|line| line.contains("00:02.0")).unwrap();
    assert!(line.ends_with("word ...") && line.len() < 260, "{line}");
}

#[test]
fn what_a_boot_log_takes_back_is_not_kept() {
    let log = "\
pci 0000:00:1c.0: [8086:9d10] type 01 class 0x060400 PCIe Root Port
pci 0000:00:1c.0: PCI bridge to [bus 01]
pci 0000:01:00.0: [8086:1521] type 00 class 0x020000 PCIe Endpoint
pci 0000:01:00.1: [8086:1521] type 00 class 0x020000 PCIe Endpoint
pci 0000:00:1c.0: Adding to iommu group 4
pci 0000:01:00.0: Adding to iommu group 5
pci 0000:01:00.1: Adding to iommu group 5
pci 0000:01:00.1: Removing from iommu group 5
pci 0000:01:00.1: Adding to iommu group 6
";
    let got = of("log", log.as_bytes(), "");
    assert_eq!(lines(&got, Kind::Contradiction, "is in group", ""), [0usize; 0], "{:?}", got.remarks);
    assert!(got.joined.is_empty() && got.scenario.contains("# group 6: "), "{}", got.scenario);
}

#[test]
fn root_ports_whose_acs_linux_turns_on_otherwise_have_it() {
    let log = "\
pci 0000:00:1c.0: [8086:9d10] type 01 class 0x060400 PCIe Root Port
pci 0000:00:1c.0: PCI bridge to [bus 01]
pci 0000:00:1c.0: Intel SPT PCH root port ACS workaround enabled
pci 0000:01:00.0: [8086:1521] type 00 class 0x020000 PCIe Endpoint
";
    let scenario = of("log", log.as_bytes(), "").scenario;
    assert!(scenario.contains("rootport rp0 00:1c.0 acs  # log:1"), "{scenario}");
    assert!(!of("log", log.replace("workaround", "").as_bytes(), "").scenario.contains(" acs"));
}

#[test]
fn newest_kernels_name_an_iommu_of_amd_by_its_counters() {
    let log = "\
pci 0000:00:00.2: [1022:1481] type 00 class 0x080600 conventional PCI endpoint
pci 0000:00:00.2: AMD-Vi: IOMMU performance counters supported
";
    let got = of("log", log.as_bytes(), "");
    assert_eq!(got.found.units.len(), 1);
    assert!(got.scenario.contains("machine amd-vi"), "{}", got.scenario);
    assert_eq!(lines(&got, Kind::Missing, "no IOMMU is named", ""), [0usize; 0]);
}

#[test]
fn comments_of_bars_stand_as_the_canonical_form_has_them() {
    let log = "\
pci_bus 0000:00: root bus resource [mem 0x90000000-0x9fffffff window]
pci 0000:00:02.0: [8086:10d3] type 00 class 0x020000 PCIe Root Complex Integrated Endpoint
pci 0000:00:02.0: BAR 0 [mem 0x10000000-0x1000ffff]
pci 0000:00:02.0: BAR 1 [mem 0x90000000-0x9000ffff]
pci 0000:00:02.0: BAR 2 [mem 0x20000000-0x2000ffff]
pci 0000:00:03.0: [8086:10d3] type 00 class 0x020000 PCIe Root Complex Integrated Endpoint
pci 0000:00:03.0: BAR 0 [mem 0x10000000-0x1000ffff]
";
    for vectors in
        ["", "00:03.0 Ethernet controller: A\n\tCapabilities: [d0] MSI: Enable+ Count=1/8 Maskable- 64bit+\n"]
    {
        let scenario = of("log", log.as_bytes(), vectors).scenario;
        assert!(scenario.contains("#   bar 0"), "{scenario}");
        assert_eq!(print(&parse(&scenario).unwrap()), scenario);
    }
}

#[test]
fn a_name_in_another_language_changes_no_brackets() {
    let text = "00:02.0 Ethernet controller [0200]: 名字 [8086:1533]\n00:02.0 Ethernet controller [0200]: 二 [8086:1534]\n";
    let got = of("a.lspci", text.as_bytes(), "");
    let [en, zh] = [Lang::En, Lang::Zh].map(|lang| report(&got, lang).to_string());
    assert!(en.contains("二") && en.contains(" (a.lspci:2)") && !en.contains('（'), "{en}");
    assert!(zh.contains("（a.lspci:2）"), "{zh}");
}

#[test]
fn the_largest_size_that_lspci_prints_is_one() {
    let text = "00:02.0 Ethernet controller: A [8086:1533]\n\tRegion 0: Memory at 8000000000000000 (64-bit, prefetchable) [size=8E]\n";
    let got = of("a.lspci", text.as_bytes(), "");
    assert_eq!(lines(&got, Kind::Missing, "no text states its size", ""), [0usize; 0], "{:?}", got.remarks);
    assert_eq!(got.found.functions[0].bars[0].size, 1 << 63);
}
