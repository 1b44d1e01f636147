//! Texts of kernels and tools of all ages: what older and newer ones print differently is read all the same.

#[path = "support/draft.rs"]
mod draft;

use iommu_core::import::{import, Import, Input, Kind};

fn of(name: &str, text: &str) -> Import {
    draft::runs(import(&[Input { name, bytes: text.as_bytes() }]))
}

#[track_caller]
fn has(got: &Import, line: &str) {
    assert!(got.scenario.lines().any(|l| l.trim_start().starts_with(line)), "{line}\n{}", got.scenario);
}

fn remarks(got: &Import, kind: Kind) -> Vec<&str> {
    got.remarks.iter().filter(|r| r.kind == kind).map(|r| &r.what.en[..]).collect()
}

fn why(got: &Import) -> String {
    got.joined.iter().flat_map(|group| &group.why).map(|why| format!("{}\n", why.en)).collect()
}

const LINUX_3: &str = "\
[    0.000000] BIOS-e820: 0000000000000000 - 000000000009fc00 (usable)
[    0.000000] BIOS-e820: 0000000000100000 - 00000000bf780000 (usable)
[    0.000000] BIOS-e820: 00000000bf780000 - 00000000bfa00000 (reserved)
[    0.000000] BIOS-e820: 0000000100000000 - 0000000240000000 (usable)
[    0.053457] dmar: Host address width 36
[    0.053459] dmar: DRHD base: 0x000000fed90000 flags: 0x0
[    0.053466] dmar: IOMMU 0: reg_base_addr fed90000 ver 1:0 cap c0000020e60262 ecap f0101a
[    0.053473] dmar: RMRR base: 0x000000bf800000 end: 0x000000bf9fffff
[    0.090000] pci_bus 0000:00: root bus resource [mem 0xbfa00000-0xfeafffff]
[    0.100000] pci 0000:00:02.0: [8086:0166] type 00 class 0x030000
[    0.100000] pci 0000:00:02.0: reg 0x10: [mem 0xf0000000-0xf03fffff 64bit]
[    0.100000] pci 0000:00:1e.0: [8086:244e] type 01 class 0x060401
[    0.100000] pci 0000:00:1e.0: PCI bridge to [bus 03] (subtractive decode)
[    0.100000] pci 0000:00:1e.0:   bridge window [mem 0xf0500000-0xf05fffff]
[    0.100000] pci 0000:00:1e.0:   bridge window [io  0x0000-0x0cf7] (subtractive decode)
[    0.100000] pci 0000:00:1e.0:   bridge window [mem 0xbfa00000-0xfeafffff] (subtractive decode)
";

#[test]
fn the_boot_log_of_linux_3_names_its_iommus_its_ram_and_the_windows_of_a_subtractive_bridge() {
    let got = of("log", LINUX_3);
    has(&got, "machine vt-d legacy width 39 page 4K  # log:7");
    has(&got, "ram 0x10_0000 .. 0xbf78_0000  # log:2");
    has(&got, "ram 0x1_0000_0000 +5G  # log:4");
    has(&got, "window 0xf050_0000 +1M  # log:14");
    has(&got, "bar 0 4M 64 at bus 0xf000_0000  # log:11");
    assert!(got.scenario.contains("direct region 0xbf800000-0xbf9fffff (log:8)"), "{}", got.scenario);
    assert_eq!(remarks(&got, Kind::Contradiction), [""; 0]);
}

#[test]
fn amd_vi_is_found_in_logs_without_its_register_and_with_the_function_before_it() {
    let got = of(
        "log",
        "BIOS-e820: [mem 0x0000000000100000-0x00000000bfffffff]    3.0 GB System RAM\n\
         AMD-Vi: Found IOMMU at 0000:00:00.2 cap 0x40\nAMD-Vi: Extended features:  PreF PPR GT IA\n\
         AMD-Vi: Lazy IO/TLB flushing enabled\n",
    );
    has(&got, "machine amd-vi ats  # log:2");
    has(&got, "ram 0x10_0000 .. 0xc000_0000  # log:1");
    has(&got, "iommu lazy");
    let newer = of("log", "pci 0000:00:00.2: AMD-Vi: Found IOMMU cap 0x40\npci 0000:00:00.2: AMD-Vi: Extended features (0x58f77ef22294ade):\nAMD-Vi: IO/TLB flush on unmap enabled\n");
    assert_eq!(newer.found.units[0].more, Some(0x58f_77ef_2229_4ade));
    assert!(newer.found.policy.lazy.as_ref().is_some_and(|(lazy, _)| !lazy));
}

const LINUX_6_10: &str = "\
pci_bus 0000:00: root bus resource [mem 0xc0000000-0xfebfffff window]
pci 0000:00:1e.0: [1b36:0001] type 01 class 0x060400 conventional PCI bridge
pci 0000:00:1e.0: PCI bridge to [bus 01]
pci 0000:00:1e.0:   bridge window [mem 0xfe400000-0xfe5fffff]
pci 0000:01:01.0: [8086:100e] type 00 class 0x020000 conventional PCI endpoint
pci 0000:01:01.0: BAR 0 [mem 0xfe400000-0xfe41ffff]
pci 0000:01:02.0: [8086:100e] type 00 class 0x020000 conventional PCI endpoint
pci 0000:00:1e.0: Adding to iommu group 4
pci 0000:01:01.0: Adding to iommu group 4
pci 0000:01:02.0: Adding to iommu group 4
";

#[test]
fn a_conventional_bridge_that_the_kernel_names_is_no_port() {
    let got = of("log", LINUX_6_10);
    assert!(!remarks(&got, Kind::Assumed).iter().any(|said| said.contains("what kind of bridge")));
    assert!(why(&got).contains("behind the conventional PCI bridge 00:1e.0"), "{}", why(&got));
    has(&got, "device nic0 01:01.0 alias 00:1e.0");
    has(&got, "device nic1 01:02.0 alias 00:1e.0");
}

#[test]
fn bars_that_lspci_marks_are_bars() {
    let got = of(
        "lspci",
        "00:02.0 Network controller: Cavium, Inc. THUNDERX\n\
         \tRegion 0: [enhanced] Memory at 843000000000 (64-bit, non-prefetchable) [size=1G]\n\
         00:04.0 Ethernet controller: I350 Virtual Function\n\
         \t[virtual] Memory at 4000000000 (64-bit, prefetchable) [size=16K]\n\
         \t[virtual] Memory at 4000020000 (64-bit, prefetchable) [size=16K]\n\
         00:1f.1 IDE interface: ICH\n\
         \tRegion 0: [virtual] Memory at 000001f0 (32-bit, non-prefetchable) [size=8]\n",
    );
    has(&got, "bar 0 1G 64 at bus 0x8430_0000_0000  # lspci:2");
    has(&got, "bar 0 16K 64 at bus 0x40_0000_0000  # lspci:4");
    has(&got, "bar 2 16K 64 at bus 0x40_0002_0000  # lspci:5");
    let left = remarks(&got, Kind::Left);
    assert!(
        left.iter().any(|said| said.starts_with("00:1f.1 BAR 0 at 0x1f0: ports below 0x400")),
        "{left:?}"
    );
    assert_eq!(remarks(&got, Kind::Contradiction), [""; 0]);
}

#[test]
fn a_function_without_capabilities_has_no_acs_for_certain() {
    let two = |status: &str| {
        format!(
            "00:1f.0 ISA bridge: LPC\n\tStatus: {status} 66MHz- UDF-\n\tIOMMU group: 3\n\
             00:1f.2 Memory controller: PMC\n\tStatus: {status} 66MHz- UDF-\n\tIOMMU group: 3\n"
        )
    };
    let sure = why(&of("lspci", &two("Cap-")));
    assert!(sure.contains("which do not keep requests from each other (no ACS)"), "{sure}");
    let not = why(&of("lspci", &two("Cap+")));
    assert!(not.contains("most likely"), "{not}");
    // The same of the bytes: bit 4 of the status.
    let bytes = |status: &str| {
        let row = format!("00: 86 80 45 a1 07 00 {status} 02 31 00 01 06 00 00 80 00\n");
        format!("00:1f.0 ISA bridge: LPC\n{row}\tIOMMU group: 3\n00:1f.2 Memory controller: PMC\n{row}\tIOMMU group: 3\n")
    };
    assert!(why(&of("lspci", &bytes("00"))).contains("(no ACS)"));
    assert!(!why(&of("lspci", &bytes("10"))).contains("(no ACS)"));
}

#[test]
fn ram_that_a_driver_added_is_ram() {
    let got = of(
        "iomem",
        "00100000-75daffff : System RAM\n4080000000-807fffffff : CXL Window 0\n  4080000000-807fffffff : region0\n\
         \x20   4080000000-807fffffff : dax0.0\n      4080000000-807fffffff : System RAM (kmem)\n",
    );
    has(&got, "ram 0x40_8000_0000 +256G  # iomem:5");
}

#[test]
fn two_pci_domains_may_have_one_bus_address() {
    let bridge = |at: u32, cpu: &str| {
        format!("\tpcie@{at} {{ device_type = \"pci\"; #address-cells = <3>; #size-cells = <2>;\n\t\tranges = <0x02000000 0x0 0x40000000 {cpu} 0x0 0x40000000>;\n\t\tdma-ranges = <0x42000000 0 0 0 0 0x10 0>;\n\t}};\n")
    };
    let tree = |second: &str| {
        let (one, two) = (bridge(1, "0x80 0x40000000"), bridge(2, second));
        format!("/dts-v1/;\n/ {{\n\t#address-cells = <2>; #size-cells = <2>;\n{one}{two}}};\n")
    };
    let got = of("a.dts", &tree("0x90 0x40000000"));
    assert_eq!(remarks(&got, Kind::Contradiction), [""; 0]);
    let left = remarks(&got, Kind::Left);
    assert!(left.iter().any(|said| said.contains("of two PCI domains a scenario has one")), "{left:?}");
    has(&got, "bridge cpu 0x80_4000_0000 +1G -> bus 0x4000_0000");
    // The CPU's addresses are all of one map.
    let got = of("a.dts", &tree("0x80 0x50000000"));
    assert_eq!(remarks(&got, Kind::Contradiction).len(), 1);
}
