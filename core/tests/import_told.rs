//! What a machine from texts must not leave unsaid: what does not fit, what contradicts, and which line each was taken from.

#[path = "support/draft.rs"]
mod draft;

use iommu_core::import::{import, report, Import, Input, Kind};
use iommu_core::spec::Lang;
use std::fmt::Write;

fn of(texts: &[(&str, &str)]) -> Import {
    let inputs: Vec<Input<'_>> =
        texts.iter().map(|(name, text)| Input { name, bytes: text.as_bytes() }).collect();
    let got = import(&inputs);
    if got.found.is_empty() {
        return got;
    }
    draft::runs(got)
}

/// Whether a remark of a kind has these words, in its own language each.
fn says(got: &Import, kind: Kind, en: &str, zh: &str) -> bool {
    got.remarks.iter().any(|r| r.kind == kind && r.what.en.contains(en) && r.what.zh.contains(zh))
}

fn line<'a>(got: &'a Import, with: &str) -> &'a str {
    got.scenario
        .lines()
        .find(|line| line.trim_start().starts_with(with))
        .unwrap_or_else(|| panic!("{with}\n{}", got.scenario))
}

#[test]
fn a_machine_of_more_devices_than_a_scenario_has_is_drafted_as_far_as_it_fits() {
    let mut text = String::from(
        "00:1c.0 PCI bridge: A\n\tBus: primary=00, secondary=01, subordinate=01, sec-latency=0\n\
         \tCapabilities: [40] Express (v2) Root Port (Slot+), MSI 00\n",
    );
    for device in 0..=31 {
        for function in 0..8 {
            let _ = writeln!(text, "02:{device:02x}.{function} Ethernet controller: B");
        }
    }
    text.push_str("01:00.0 Ethernet controller: C\n");
    let got = of(&[("lspci", &text)]);
    assert!(
        says(&got, Kind::Left, "2 functions from 02:1f.6 on", "从 02:1f.6 起的 2 个功能"),
        "{:?}",
        got.remarks
    );
    assert!(got.scenario.contains("01:00.0 behind rp0"), "{}", got.scenario);
}

const BELOW_PCI: &str =
    "00:1c.0 PCI bridge: Port\n\tBus: primary=00, secondary=01, subordinate=02, sec-latency=0\n\
    \tMemory behind bridge: d0000000-d01fffff [size=2M]\n\
    \tCapabilities: [40] Express (v2) Root Port (Slot+), MSI 00\n\
    01:00.0 PCI bridge: To PCI\n\tBus: primary=01, secondary=02, subordinate=02, sec-latency=0\n\
    \tMemory behind bridge: d0000000-d00fffff [size=1M]\n\
    \tCapabilities: [40] Express (v1) PCI-Express to PCI/PCI-X Bridge, MSI 00\n\
    02:04.0 Ethernet controller: Card\n\tRegion 0: Memory at d0000000 (32-bit, non-prefetchable) [size=4K]\n\
    \tRegion 1: Memory at d0180000 (32-bit, non-prefetchable) [size=4K]\n";

#[test]
fn a_bar_behind_a_bridge_to_pci_contradicts_only_where_the_bridge_does_not_forward_it() {
    let got = of(&[("lspci", BELOW_PCI)]);
    let wrong: Vec<&str> =
        got.remarks.iter().filter(|r| r.kind == Kind::Contradiction).map(|r| &r.what.en[..]).collect();
    assert_eq!(wrong, ["02:04.0 BAR 1 at 0xd0180000: outside every window of 01:00.0"]);
    assert!(says(&got, Kind::Left, "02:04.0 BAR 0 at 0xd0000000", "02:04.0 BAR 0"), "{:?}", got.remarks);
}

#[test]
fn memory_of_a_device_tree_is_taken_or_what_is_wrong_with_it_is_said() {
    let tree = |cells: &str, node: &str| {
        format!("/dts-v1/;\n/ {{\n\t{cells}\n\t{node}\n\tpcie@1 {{ device_type = \"pci\"; #address-cells = <3>; #size-cells = <2>;\n\t\tranges = <0x02000000 0x0 0x50000000 0x0 0x50000000 0x0 0x10000000>;\n\t}};\n}};\n")
    };
    let two = "#address-cells = <2>; #size-cells = <2>;";
    // By its name alone, as sources for U-Boot have it.
    let got = of(&[("a.dts", &tree(two, "memory@80000000 { reg = <0 0x80000000 0 0x40000000>; };"))]);
    assert!(line(&got, "ram ").starts_with("ram 0x8000_0000 +1G  # a.dts:4"), "{}", got.scenario);
    // What windows take of it is a contradiction, and the rest is RAM.
    let got = of(&[(
        "a.dts",
        &tree(two, "memory@40000000 { device_type = \"memory\"; reg = <0 0x40000000 0 0x80000000>; };"),
    )]);
    assert!(says(&got, Kind::Contradiction, "RAM at 0x40000000-0xbfffffff", "重叠"));
    assert!(got.scenario.contains("ram 0x4000_0000 +256M  # a.dts:4\n"), "{}", got.scenario);
    assert!(got.scenario.contains("ram 0x6000_0000 .. 0xc000_0000  # a.dts:4\n"), "{}", got.scenario);
    assert!(!says(&got, Kind::Assumed, "no text states where RAM is", ""));
    // Cells that no row is made of.
    let got = of(&[(
        "a.dts",
        &tree(
            "#address-cells = <2>; #size-cells = <1>;",
            "memory@0 { device_type = \"memory\"; reg = <0 0 0 0x80000000>; };",
        ),
    )]);
    assert!(says(&got, Kind::Damaged, "`reg` is not of the form", "`reg` 的形式"), "{:?}", got.remarks);
}

#[test]
fn ram_beyond_what_a_machine_here_has_is_left_out() {
    let map = "BIOS-e820: [mem 0x0000000000100000-0x000000007fffffff] usable\nBIOS-e820: [mem 0x0000000100000000-0x";
    for (last, fits) in [("00003fffffffffff", true), ("0000400000000fff", false), ("100000047dffffff", false)]
    {
        let got = of(&[("boot", &format!("{map}{last}] usable\n"))]);
        assert_eq!(!says(&got, Kind::Left, "ends above 64 TiB", "超过 64 TiB"), fits, "{last}");
    }
}

#[test]
fn each_line_cites_the_text_that_it_was_taken_from() {
    let got = of(&[
        ("boot", "DMAR: DRHD base: 0x000000fed90000 flags: 0x0\npci 0000:00:02.0: [8086:1916] type 00 class 0x030000\npci 0000:00:02.0: reg 0x10: [mem 0xde000000-0xdeffffff 64bit]\nDMAR: dmar0: reg_base_addr fed90000 ver 1:0 cap 1c0000c40660462 ecap 19e2ff0505e\n"),
        ("lspci", "00:02.0 VGA compatible controller [0300]: Intel Corporation HD 520 [8086:1916] (rev 07)\n"),
        ("sysfs", "/sys/kernel/iommu_groups/5/devices/0000:00:02.0\n/sys/kernel/iommu_groups/5/type:DMA-FQ\n"),
    ]);
    assert!(line(&got, "machine ").contains("# boot:4: Intel VT-d, cap"), "{}", got.scenario);
    assert!(line(&got, "# Intel VT-d").contains("(boot:1)"), "{}", got.scenario);
    assert!(line(&got, "iommu lazy").ends_with("# sysfs:2"), "{}", got.scenario);
    let device = line(&got, "device gpu0");
    assert!(
        device.ends_with(
            "# boot:2: Intel Corporation HD 520 [8086:1916] (rev 07) (lspci:1) (group 5, sysfs:1)"
        ),
        "{device}"
    );
    assert!(line(&got, "# group 5").contains("(DMA-FQ, sysfs:2): gpu0 (sysfs:1)"), "{}", got.scenario);
    // The size of a BAR is in another text than its address.
    let bytes = "00:02.0 VGA compatible controller: X\n00: 86 80 16 19 07 04 10 00 07 00 00 03 00 00 00 00\n10: 04 00 00 de 00 00 00 00 00 00 00 00 00 00 00 00\n20: 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00\n30: 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00\n";
    let iomem = "c0000000-dfffffff : PCI Bus 0000:00\n  de000000-deffffff : 0000:00:02.0\n";
    let got = of(&[("bytes", bytes), ("iomem", iomem)]);
    assert!(line(&got, "bar 0").ends_with("# bytes:2, iomem:2"), "{}", got.scenario);
}

const FIELDS: &str = "[000h 0000   4]  Signature : \"DMAR\"    [DMA Remapping table]\n\
    [004h 0004   4]  Table Length : 00000030\n[008h 0008   1]  Revision : 01\n\
    [009h 0009   1]  Checksum : 00     /* Incorrect checksum, should be F1 */\n\
    [00Ah 0010   6]  Oem ID : \"INTEL \"\n[010h 0016   8]  Oem Table ID : \"EDK2    \"\n\
    [018h 0024   4]  Oem Revision : 00000002\n[01Ch 0028   4]  Asl Compiler ID : \"    \"\n\
    [020h 0032   4]  Asl Compiler Revision : 01000013\n[024h 0036   1]  Host Address Width : 26\n\
    [025h 0037   1]  Flags : 01\n[026h 0038  10]  Reserved : 00 00 00 00 00 00 00 00 00 00\n";

#[test]
fn a_comment_of_iasl_is_no_end_of_the_table() {
    let got = of(&[("dmar.dsl", FIELDS)]);
    assert!(!says(&got, Kind::Damaged, "cut short", ""), "{:?}", got.remarks);
    assert!(says(&got, Kind::Damaged, "the checksum is 0x00", "校验和是 0x00"), "{:?}", got.remarks);
}

#[test]
fn groups_mean_that_there_is_an_iommu() {
    let groups = "/sys/kernel/iommu_groups/5/devices/0000:00:02.0\n/sys/kernel/iommu_groups/5/type:DMA\n";
    let region = "/sys/kernel/iommu_groups/5/reserved_regions:0x0000000008000000 0x00000000080fffff msi\n";
    let got = of(&[("a", groups)]);
    assert!(line(&got, "machine ").starts_with("machine vt-d  # assumed"), "{}", got.scenario);
    assert!(says(&got, Kind::Assumed, "there are groups, so there is an IOMMU", "有组"), "{:?}", got.remarks);
    // Where Linux puts messages of a machine whose are translated.
    let got = of(&[("a", &format!("{groups}{region}"))]);
    assert!(line(&got, "machine ").starts_with("machine smmuv3  # assumed"), "{}", got.scenario);
}

/// A table of one reserved region, for one device behind a bridge.
fn rmrr() -> Vec<u8> {
    let mut bytes = b"DMAR".to_vec();
    bytes.extend([0; 44]);
    bytes.extend([1, 0, 34, 0, 0, 0, 0, 0]);
    bytes.extend(0x7c00_0000u64.to_le_bytes());
    bytes.extend(0x7fff_ffffu64.to_le_bytes());
    bytes.extend([1, 10, 0, 0, 0, 0, 0x1c, 0, 3, 0]);
    bytes[4] = bytes.len() as u8;
    bytes[9] = 0u8.wrapping_sub(bytes.iter().fold(0, |sum, b| sum.wrapping_add(*b)));
    bytes
}

#[test]
fn a_reserved_region_keeps_the_name_of_whom_it_is_for() {
    let table = rmrr();
    let inputs = [
        Input { name: "dmar", bytes: &table },
        Input { name: "lspci", bytes: b"00:02.0 VGA compatible controller: X\n" },
    ];
    let got = import(&inputs);
    assert!(
        got.scenario.contains("# direct region of 00:1c.0/03.0 0x7c000000-0x7fffffff (dmar)"),
        "{}",
        got.scenario
    );
    assert!(
        says(&got, Kind::Left, "of 00:1c.0/03.0 has no line: not among the devices", "00:1c.0/03.0"),
        "{:?}",
        got.remarks
    );
}

const PLATFORM: &str = "/dts-v1/;\n/ {\n\t#address-cells = <2>; #size-cells = <2>;\n\
    \tmemory@80000000 { device_type = \"memory\"; reg = <0 0x80000000 0 0x40000000>; };\n\
    \tsmmu: iommu@2b400000 { compatible = \"arm,smmu-v3\"; reg = <0x0 0x2b400000 0x0 0x100000>; #iommu-cells = <1>; phandle = <0x05>; };\n\
    \treserved-memory { #address-cells=<2>; #size-cells=<2>; ranges;\n\
    \t\tfb@90000000 { reg = <0x0 0x90000000 0x0 0x800000>; iommu-addresses = <&disp 0x0 0x90000000 0x0 0x800000>; };\n\t};\n\
    \tdisp: display@1 { compatible = \"x,disp\"; iommus = <&smmu 0x42>; };\n\
    \tdma@2 { compatible = \"x,dma\"; iommus = <&gone 0x1>; };\n\
    \tpcie@40000000 { device_type = \"pci\"; #address-cells = <3>; #size-cells = <2>;\n\
    \t\tranges = <0x02000000 0x0 0x50000000 0x0 0x50000000 0x0 0x10000000>;\n\
    \t\tiommu-map = <0x0 0x05 0x100 0x100>, <0x100 0x99 0x900 0x1>;\n\t};\n};\n";

#[test]
fn what_a_device_tree_says_of_platform_devices_is_said() {
    let got = of(&[("a.dts", PLATFORM)]);
    assert!(
        says(&got, Kind::Left, "display@1 is behind iommu@2b400000 as 0x42", "display@1"),
        "{:?}",
        got.remarks
    );
    assert!(
        says(&got, Kind::Left, "of display@1 has no line: not among the devices", "display@1"),
        "{:?}",
        got.remarks
    );
    assert!(
        got.scenario.contains("# direct region of display@1 0x90000000-0x907fffff (a.dts:7)"),
        "{}",
        got.scenario
    );
}

#[test]
fn references_to_nothing_and_two_types_of_a_group_are_contradictions() {
    let got = of(&[("a.dts", PLATFORM)]);
    assert!(
        says(&got, Kind::Contradiction, "`iommu-map` names the phandle 0x99, which no node has", "0x99"),
        "{:?}",
        got.remarks
    );
    assert!(
        says(&got, Kind::Contradiction, "`iommus` names &gone, which no node has", "&gone"),
        "{:?}",
        got.remarks
    );
    // What leads nowhere maps nothing.
    assert_eq!(got.found.ids.len(), 1);
    let groups = "/sys/kernel/iommu_groups/4/devices/0000:00:02.0\n/sys/kernel/iommu_groups/4/type:identity\n/sys/kernel/iommu_groups/4/type:DMA\n";
    let got = of(&[("a", groups)]);
    assert!(
        says(&got, Kind::Contradiction, "group 4 is identity (a:2) and DMA", "组 4"),
        "{:?}",
        got.remarks
    );
    let said = report(&got, Lang::Zh).to_string();
    assert!(said.contains("互相矛盾"), "{said}");
}

#[test]
fn bridges_of_qemus_monitor_have_their_buses_and_windows() {
    let text = "(qemu) info pci\n  Bus  0, device   5, function 0:\n    PCI bridge: PCI device 1b36:000c\n      BUS 0.\n\
        \x20     secondary bus 1.\n      subordinate bus 1.\n      IO range [0xf000, 0x0fff]\n\
        \x20     memory range [0xfe800000, 0xfe9fffff]\n      prefetchable memory range [0xfff00000, 0x000fffff]\n\
        \x20     id \"rp0\"\n  Bus  1, device   0, function 0:\n    Class 0264: PCI device 1b36:0010\n\
        \x20     BAR0: 64 bit memory at 0xfe800000 [0xfe803fff].\n      BAR6: 32 bit memory (not mapped)\n      id \"\"\n\
        (qemu) info mtree -f\nFlatView #0\n Root memory region: system\n\
        \x20 0000000000100000-000000007fffffff (prio 0, ram): pc.ram @0000000000100000\n\
        \x20 00000000fd000000-00000000fdffffff (prio 1, ram): vga.vram\n\
        \x20 00000000fed90000-00000000fed9022f (prio 0, i/o): intel_iommu\nFlatView #1\n Root memory region: vtd-04.0-dmar\n\
        \x20 0000000080000000-00000000ffffffff (prio 0, ram): pc.ram\n";
    let got = of(&[("m", text)]);
    assert!(line(&got, "rootport rp0").starts_with("rootport rp0 00:05.0"), "{}", got.scenario);
    assert!(line(&got, "window ").starts_with("  window 0xfe80_0000 +2M  # m:8"), "{}", got.scenario);
    assert!(line(&got, "device nvme0").starts_with("device nvme0 01:00.0 behind rp0"), "{}", got.scenario);
    assert!(line(&got, "bar 0").starts_with("  bar 0 16K 64 at bus 0xfe80_0000"), "{}", got.scenario);
    assert!(line(&got, "# Intel VT-d at 0xfed9_0000").ends_with("(m:21)"), "{}", got.scenario);
    assert_eq!(got.scenario.lines().filter(|line| line.starts_with("ram ")).count(), 1, "{}", got.scenario);
}

/// A root port and a card of two functions, as `lspci -vvv` prints them: a tab is behind the name of a register.
const CARD: &str = "00:01.0 PCI bridge: Port\n\tBus: primary=00, secondary=01, subordinate=01, sec-latency=0\n\
    \tPrefetchable memory behind bridge: 90000000-91ffffff [size=32M]\n\
    \tCapabilities: [a0] Express (v2) Root Port (Slot+), MSI 00\n\
    \tCapabilities: [140 v1] Access Control Services\n\
    \t\tACSCap:\tSrcValid+ TransBlk+ ReqRedir+ CmpltRedir+ UpstreamFwd+ EgressCtrl- DirectTrans-\n\
    \t\tACSCtl:\tSrcValid- TransBlk- ReqRedir+ CmpltRedir+ UpstreamFwd+ EgressCtrl- DirectTrans-\n\
    01:00.0 Ethernet controller: One\n\tRegion 0: Memory at 90000000 (64-bit, prefetchable) [size=8M]\n\
    \tCapabilities: [a0] Express (v2) Endpoint, MSI 00\n\
    \tCapabilities: [160 v1] Single Root I/O Virtualization (SR-IOV)\n\
    \t\tInitial VFs: 64, Total VFs: 64, Number of VFs: 2, Function Dependency Link: 00\n\
    \t\tRegion 0: Memory at 0000000091800000 (64-bit, prefetchable)\n\
    \tCapabilities: [1b0 v1] Access Control Services\n\
    \t\tACSCap:\tSrcValid- TransBlk- ReqRedir- CmpltRedir- UpstreamFwd- EgressCtrl- DirectTrans-\n\
    \t\tACSCtl:\tSrcValid- TransBlk- ReqRedir- CmpltRedir- UpstreamFwd- EgressCtrl- DirectTrans-\n\
    \tCapabilities: [1d0 v1] Address Translation Service (ATS)\n\t\tATSCtl:\tEnable+, Smallest Translation Unit: 00\n\
    01:00.1 Ethernet controller: Two\n\tCapabilities: [a0] Express (v2) Endpoint, MSI 00\n\
    \tCapabilities: [1b0 v1] Access Control Services\n\
    \t\tACSCap:\tSrcValid- TransBlk- ReqRedir- CmpltRedir- UpstreamFwd- EgressCtrl- DirectTrans-\n\
    \t\tACSCtl:\tSrcValid- TransBlk- ReqRedir- CmpltRedir- UpstreamFwd- EgressCtrl- DirectTrans-\n";

#[test]
fn the_first_flag_of_a_register_counts_and_regions_of_virtual_functions_are_no_bars() {
    for text in [CARD.to_owned(), CARD.replace(":\t", ": ")] {
        let got = of(&[("lspci", &text)]);
        let at = |place: &str| got.found.functions.iter().find(|f| f.at.to_string() == place).unwrap();
        let acs = at("00:01.0").acs.unwrap();
        assert_eq!((acs.can, acs.on), (0x1f, Some(0x1c)));
        let port = got.scenario.lines().find(|line| line.contains(" rp0 ")).unwrap();
        assert!(!port.contains(" acs"), "{port}");
        let card = at("01:00.0");
        assert_eq!(card.ats, Some(Some(true)));
        assert_eq!(
            card.bars.iter().map(|b| (b.index, b.at, b.size)).collect::<Vec<_>>(),
            [(0, 0x9000_0000, 8 << 20)]
        );
        assert_eq!(card.virtual_functions, Some(64));
    }
}

#[test]
fn an_acs_capability_without_a_bit_keeps_requests_apart_and_one_without_its_registers_is_unknown() {
    let ids =
        "/sys/kernel/iommu_groups/1/devices/0000:01:00.0\n/sys/kernel/iommu_groups/1/devices/0000:01:00.1\n";
    let why = |text: &str| {
        let got = of(&[("lspci", text), ("groups", ids)]);
        let [group] = &got.joined[..] else { panic!("{:?}", got.joined) };
        group.why.iter().map(|why| why.en.clone()).collect::<Vec<_>>().join("\n")
    };
    let empty = why(CARD);
    assert!(!empty.contains("functions of the device"), "{empty}");
    let lines = CARD.lines().filter(|line| !line.contains("\tACSC"));
    let short = why(&lines.map(|line| format!("{line}\n")).collect::<String>());
    assert!(
        short.contains("which most likely do not keep requests from each other (no text says which bits"),
        "{short}"
    );
}

/// A device tree with an IOMMU, a host bridge with these properties, and three functions.
fn mapped(compatible: &str, properties: &str) -> Import {
    let text = format!(
        "/dts-v1/;\n/ {{\n#address-cells = <2>; #size-cells = <2>;\n\
         memory@80000000 {{ device_type = \"memory\"; reg = <0 0x80000000 0 0x80000000>; }};\n\
         iommu@2b400000 {{ compatible = \"{compatible}\"; reg = <0 0x2b400000 0 0x20000>; #iommu-cells = <1>; phandle = <0x10>; }};\n\
         pcie@40000000 {{ compatible = \"pci-host-ecam-generic\"; device_type = \"pci\"; #address-cells = <3>; #size-cells = <2>;\n\
         ranges = <0x2000000 0 0x50000000 0 0x50000000 0 0x8000000>;\n{properties}\n}};\n}};\n"
    );
    let functions =
        "00:01.0 Ethernet controller: A\n00:02.0 Ethernet controller: B\n81:00.0 Ethernet controller: C\n";
    of(&[("dts", &text), ("lspci", functions)])
}

#[test]
fn ids_of_firmware_are_masked_and_are_no_lines_that_a_machine_would_fail_by() {
    let ids = |compatible: &str, properties: &str| -> Vec<String> {
        let got = mapped(compatible, properties);
        let lines = got.scenario.lines().filter(|line| line.contains("iommu-map "));
        lines.map(|line| line.split("  #").next().unwrap().to_owned()).collect()
    };
    let starts = |found: Vec<String>, want: &[&str]| {
        assert!(
            found.len() == want.len() && found.iter().zip(want).all(|(a, b)| a.starts_with(b)),
            "{found:?}"
        );
    };
    let mask = "iommu-map = <0x0 0x10 0x0 0x10000>; iommu-map-mask = <0xff00>;";
    starts(ids("arm,smmu-v3", mask), &["# iommu-map nic0 -> 0;", "# iommu-map nic1 -> 0;"]);
    starts(
        ids("arm,smmu-v3", "iommu-map = <0x0 0x10 0x7 0x1>; iommu-map-mask = <0x0>;").split_off(2),
        &["# iommu-map nic2 -> 7;"],
    );
    starts(
        ids("arm,smmu-v3", "iommu-map = <0x0 0x10 0x10000 0x8000>;").split_off(1),
        &["# iommu-map nic1 -> 0x1_0010;"],
    );
    starts(
        ids("riscv,iommu", "iommu-map = <0x0 0x10 0x800000 0x10000>;").split_off(2),
        &["# iommu-map nic2 -> 0x80_8100;"],
    );
}

#[test]
fn ids_that_a_machine_here_has_otherwise_are_said_with_their_line() {
    let got = mapped("arm,smmu-v3", "iommu-map = <0x8 0x10 0x12345 0x1>, <0x10 0x10 0x12345 0x1>;");
    assert!(
        says(
            &got,
            Kind::Left,
            "StreamIDs that are not the requester ids (nic0 0x12345, nic1 0x12345)",
            "StreamID 与请求者 ID 不同"
        ),
        "{:?}",
        got.remarks
    );
    assert!(
        says(&got, Kind::Left, "nic0, nic1 have one StreamID, 0x12345", "nic0, nic1 共用一个 StreamID"),
        "{:?}",
        got.remarks
    );
    assert!(
        says(&got, Kind::Left, "no map of ids has nic2: not behind the IOMMU there", "nic2"),
        "{:?}",
        got.remarks
    );
    let place = got.remarks.iter().find(|r| r.what.en.contains("have one StreamID")).and_then(|r| r.from);
    assert_eq!(place.map(|from| got.found.place(from)), Some("dts:8".to_owned()));
    let riscv = mapped("riscv,iommu", "iommu-map = <0x0 0x10 0x1000000 0x10000>;");
    assert!(says(&riscv, Kind::Left, "device_ids that are not", "device_id 与"), "{:?}", riscv.remarks);
    let same = mapped("arm,smmu-v3", "iommu-map = <0x0 0x10 0x0 0x10000>;");
    assert!(!same.remarks.iter().any(|r| r.what.en.contains("StreamID") || r.what.en.contains("map of ids")));
}

#[test]
fn large_regions_are_cut_to_what_a_machine_here_maps_and_what_is_cut_is_said() {
    let with = |regions: &[(u64, u64)], cap: &str| {
        let mut text = format!("00:02.0 VGA compatible controller: GPU\n{cap}");
        text.push_str("/sys/kernel/iommu_groups/1/devices/0000:00:02.0\n");
        for (first, last) in regions {
            let _ = writeln!(
                text,
                "/sys/kernel/iommu_groups/1/reserved_regions:{first:#018x} {last:#018x} direct"
            );
        }
        of(&[("sys", &text)])
    };
    // Of all sizes: the draft runs (`of` runs it), and says where the line was read.
    for last in [0x7fff_ffff, 0xffff_ffff, 0xf_ffff_ffff, 0xfff_ffff_ffff, 0xffff_ffff_ffff, u64::MAX] {
        let got = with(&[(0, last)], "");
        assert!(line(&got, "reserved gpu0").starts_with("reserved gpu0 0 +1G  # sys:3: direct"));
        let left = format!("0x40000000-{last:#x} of the direct region of group 1");
        assert!(
            says(&got, Kind::Left, &left, "场景最多为这类区域建立 1 GiB 的恒等映射"),
            "{:?}",
            got.remarks
        );
        assert!(line(&got, "# direct region of group 1 0x40000000-").ends_with("(sys:3)"));
    }
    // All of them together have as much.
    let got = with(&[(0x1000_0000, 0x3fff_ffff), (0x8000_0000, 0x9fff_ffff), (0xa000_0000, 0xa000_0fff)], "");
    let lines = || got.scenario.lines().filter(|line| line.starts_with("reserved"));
    assert_eq!((lines().count(), got.remarks.iter().filter(|r| r.what.en.contains("1 GiB")).count()), (2, 2));
    // Addresses that the tables do not translate.
    let width = "DMAR: dmar0: reg_base_addr fed90000 ver 1:0 cap 1c0000c40660262 ecap 19e2ff0505e\n";
    let got = with(&[(0x7f_ffff_f000, 0x80_0000_0fff), (0x90_0000_0000, 0x90_0000_0fff)], width);
    assert!(line(&got, "reserved gpu0").starts_with("reserved gpu0 0x7f_ffff_f000 +4K"), "{}", got.scenario);
    assert!(
        says(&got, Kind::Left, "0x8000000000-0x8000000fff of the", "只有 39 位地址"),
        "{:?}",
        got.remarks
    );
    assert!(
        says(&got, Kind::Left, "0x9000000000-0x9000000fff of the", "只有 39 位地址"),
        "{:?}",
        got.remarks
    );
    let got = with(&[(0x1000_0800, 0x1000_0fff)], "");
    assert!(says(&got, Kind::Left, "not of whole pages", "不是整数个 4 KiB 页"), "{:?}", got.remarks);
}

#[test]
fn what_a_line_says_of_capabilities_has_the_line_of_each() {
    let text = "01:00.0 Ethernet controller: Card\n\tCapabilities: [50] MSI: Enable- Count=1/8 Maskable+ 64bit+\n\
        \tCapabilities: [70] Express (v2) Endpoint, MSI 00\n\
        \tCapabilities: [1b0 v1] Address Translation Service (ATS)\n\t\tATSCtl:\tEnable+, Smallest Translation Unit: 00\n";
    let got = of(&[("vv", text)]);
    assert_eq!(line(&got, "device "), "device nic0 01:00.0 ats  # vv:1, ats vv:4: Card");
    assert_eq!(line(&got, "vectors "), "  vectors 8  # vv:2");
}

/// A DMAR table with one unit, as its bytes.
fn dmar() -> Vec<u8> {
    let mut bytes = b"DMAR".to_vec();
    bytes.extend(64u32.to_le_bytes());
    bytes.extend([1, 0]);
    bytes.extend(b"VENDORMACHINE ");
    bytes.resize(36, 0);
    bytes.extend([38, 1]);
    bytes.resize(48, 0);
    bytes.extend([0, 0, 16, 0, 1, 0, 0, 0]);
    bytes.extend(0xfed9_1000u64.to_le_bytes());
    let sum = bytes.iter().fold(0u8, |sum, byte| sum.wrapping_add(*byte));
    bytes[9] = sum.wrapping_neg();
    bytes
}

/// Rows of 16 bytes as a program prints them: how it writes offsets, and in words of how many bytes.
fn dumped(bytes: &[u8], offset: fn(usize) -> String, word: usize) -> String {
    let mut out = String::new();
    for (i, row) in bytes.chunks(16).enumerate() {
        let words = row.chunks(word).map(|w| w.iter().rev().map(|b| format!("{b:02x}")).collect::<String>());
        let _ = writeln!(out, "{} {}", offset(i * 16), words.collect::<Vec<_>>().join(" "));
    }
    out + &offset(bytes.len()) + "\n"
}

#[test]
fn a_table_is_read_from_whatever_dumps_it() {
    let bytes = dmar();
    let octal = |at: usize| format!("{at:07o}");
    let mut plain = String::new();
    for row in bytes.chunks(30) {
        let _ = writeln!(plain, "{}", row.iter().map(|b| format!("{b:02x}")).collect::<String>());
    }
    for (program, text) in [
        ("od -A x -t x1", dumped(&bytes, |at| format!("{at:06x}"), 1)),
        ("od -t x1", dumped(&bytes, octal, 1)),
        ("od -A d -t x1", dumped(&bytes, |at| format!("{at:07}"), 1)),
        ("od -t x2", dumped(&bytes, octal, 2)),
        ("od -t x4", dumped(&bytes, octal, 4)),
        ("od -t x8", dumped(&bytes, octal, 8)),
        ("hexdump", dumped(&bytes, |at| format!("{at:07x}"), 2)),
        ("xxd -e", dumped(&bytes, |at| format!("{at:08x}:"), 4)),
        ("xxd -p", plain),
    ] {
        let got = of(&[("dump", &text)]);
        let at: Vec<_> = got.found.units.iter().map(|unit| unit.at).collect();
        assert_eq!(at, [Some(0xfed9_1000)], "{program}\n{text}{:?}", got.remarks);
        assert!(!got.remarks.iter().any(|r| r.kind == Kind::Damaged), "{program} {:?}", got.remarks);
    }
}

#[test]
fn a_cpus_map_is_no_machine_and_what_shows_one_is_said() {
    for text in [
        "(qemu) info mem\n0000000000400000-0000000000401000 0000000000001000 ur-\n",
        "0000000000400000-0000000000401000 0000000000001000 ur-\n",
        "fffffe0000000000: 000000000fe00000 -G-DA---W\n",
    ] {
        let text = format!("00:02.0 Ethernet controller: A\n{text}");
        let got = of(&[("monitor", &text)]);
        assert!(
            says(&got, Kind::Left, "`info pci` and `info mtree -f` show", "与设备无关"),
            "{text}{:?}",
            got.remarks
        );
        assert_eq!(got.found.memory.len() + got.found.ram.len(), 0);
    }
}

/// A blob of a device tree of these nodes: `+name` begins one, `-` ends it, `name=` has the bytes behind it.
fn blob(tokens: &[(&str, &[u8])]) -> Vec<u8> {
    let (mut tree, mut names) = (Vec::new(), Vec::new());
    for (token, value) in tokens {
        let word = |number: usize| (number as u32).to_be_bytes();
        if let Some(name) = token.strip_prefix('+') {
            tree.extend(word(1));
            tree.extend(name.bytes().chain([0]));
        } else if *token == "-" {
            tree.extend(word(2));
        } else {
            tree.extend([word(3), word(value.len()), word(names.len())].concat());
            tree.extend(*value);
            names.extend(token.bytes().chain([0]));
        }
        tree.resize(tree.len().next_multiple_of(4), 0);
    }
    tree.extend(9u32.to_be_bytes());
    let (start, length) = (40, 40 + tree.len() + names.len());
    let header = [0xd00d_feed, length as u32, start, start + tree.len() as u32, 0, 17, 16, 0, 0, 0];
    let mut out: Vec<u8> = header.iter().flat_map(|word| word.to_be_bytes()).collect();
    out.extend(tree);
    out.extend(names);
    out
}

#[test]
fn a_device_tree_is_read_as_a_blob_as_it_is_as_text() {
    let cells = |words: &[u32]| words.iter().flat_map(|word| word.to_be_bytes()).collect::<Vec<u8>>();
    let (two, three) = (cells(&[2]), cells(&[3]));
    let bytes = blob(&[
        ("+", &[]),
        ("#address-cells", &two),
        ("#size-cells", &two),
        ("+memory@80000000", &[]),
        ("device_type", b"memory\0"),
        ("reg", &cells(&[0, 0x8000_0000, 0, 0x4000_0000])),
        ("-", &[]),
        ("+iommu@2b400000", &[]),
        ("compatible", b"vendor,smmu\0arm,smmu-v3\0"),
        ("reg", &cells(&[0, 0x2b40_0000, 0, 0x2_0000])),
        ("#iommu-cells", &cells(&[1])),
        ("phandle", &cells(&[0x10])),
        ("-", &[]),
        ("+pcie@40000000", &[]),
        ("device_type", b"pci\0"),
        ("#address-cells", &three),
        ("#size-cells", &two),
        ("ranges", &cells(&[0x200_0000, 0, 0x5000_0000, 0, 0x5000_0000, 0, 0x800_0000])),
        ("iommu-map", &cells(&[0, 0x10, 0x100, 0x1_0000])),
        ("-", &[]),
        ("-", &[]),
    ]);
    let hex = dumped(&bytes, |at| format!("{at:08x}"), 1);
    for input in [&bytes[..], hex.as_bytes()] {
        let got = import(&[Input { name: "fdt", bytes: input }]);
        assert!(got.remarks.iter().all(|r| r.kind != Kind::Damaged), "{:?}", got.remarks);
        assert!(line(&got, "ram ").starts_with("ram 0x8000_0000 +1G  # fdt"), "{}", got.scenario);
        assert!(line(&got, "machine ").starts_with("machine smmuv3"), "{}", got.scenario);
        assert!(line(&got, "bridge cpu").starts_with("bridge cpu 0x5000_0000 +128M"), "{}", got.scenario);
        assert_eq!(got.found.ids.len(), 1);
    }
    // Cut anywhere, nothing of it is used, and it is said where.
    for len in 4..bytes.len() {
        let got = import(&[Input { name: "fdt", bytes: &bytes[..len] }]);
        assert!(got.found.units.is_empty(), "{len}");
        assert!(says(&got, Kind::Damaged, "device tree, offset", "设备树，偏移"), "{len} {:?}", got.remarks);
    }
    // A byte that is another is never more than a message.
    for at in 0..bytes.len() {
        let mut bytes = bytes.clone();
        bytes[at] ^= 0xff;
        let _ = import(&[Input { name: "fdt", bytes: &bytes }]);
    }
}

#[test]
fn what_is_behind_a_vmd_has_its_own_segment_and_the_id_of_the_vmd() {
    let log = "pci 0000:00:0e.0: [8086:9a0b] type 00 class 0x010400 PCIe Root Complex Integrated Endpoint\n\
        pci 0000:00:0e.0: BAR 0 [mem 0x603c000000-0x603dffffff 64bit]\n\
        pci_bus 10000:e0: root bus resource [bus e0-ff]\n\
        pci_bus 10000:e0: root bus resource [mem 0x50000000-0x51ffffff]\n\
        pci 10000:e0:06.0: [8086:9a09] type 01 class 0x060400 PCIe Root Port\n\
        pci 10000:e1:00.0: [144d:a80a] type 00 class 0x010802 PCIe Endpoint\n\
        pci 10000:e0:06.0: PCI bridge to [bus e1]\n\
        pci 0000:00:0e.0: Adding to iommu group 1\n\
        pci 10000:e0:06.0: Adding to iommu group 1\n\
        pci 10000:e1:00.0: Adding to iommu group 1\n";
    let got = of(&[("dmesg", log)]);
    // The domain's window is within a BAR, and no window of the host bridge: none is made up, and no BAR is outside of it.
    assert!(!got.scenario.contains("0x5000_0000"), "{}", got.scenario);
    assert!(!got.remarks.iter().any(|r| r.kind == Kind::Contradiction), "{:?}", got.remarks);
    assert!(says(&got, Kind::Left, "the window 0x50000000-0x51ffffff of segment 10000", "段 10000 的窗口"));
    let said = report(&got, Lang::En).to_string();
    assert!(said.contains("10000:e0:06.0, 10000:e1:00.0: behind an Intel VMD (segment 10000)"), "{said}");
    assert!(!said.contains("what joins"), "{said}");
}
