//! What texts say of one thing is one thing, in whatever order they stand: units by what names them, windows by what is inside.

#[path = "support/draft.rs"]
mod draft;

use iommu_core::import::{import, Import, Input, Kind};

fn of(texts: &[&str]) -> Import {
    let text = texts.concat();
    draft::runs(import(&[Input { name: "all", bytes: text.as_bytes() }]))
}

/// Addresses of the units that are found, and features where there are any.
fn units(got: &Import) -> Vec<(Option<u64>, Option<u64>)> {
    got.found.units.iter().map(|unit| (unit.at, unit.more)).collect()
}

const FEATURES: &str =
    "AMD-Vi: Extended features (0x246577efa2254afa, 0x0): PPR NX GT [5] IA GA PC GA_vAPIC\n";
const ONE: &str = "fd200000-fd27ffff : amd_iommu\n";

#[test]
fn a_unit_is_one_whichever_text_comes_first() {
    let have = (Some(0xfd20_0000), Some(0x2465_77ef_a225_4afa));
    for named in [
        "pci 0000:00:00.2: AMD-Vi: IOMMU performance counters supported\n",
        "pci 0000:00:00.2: AMD-Vi: Found IOMMU cap 0x40\n",
        "AMD-Vi: Found IOMMU at 0000:00:00.2 cap 0x40\n",
        "",
    ] {
        for texts in [[named, FEATURES, ONE], [ONE, named, FEATURES], [named, ONE, FEATURES]] {
            assert_eq!(units(&of(&texts)), [have], "{texts:?}");
        }
    }
    let log = "arm-smmu-v3 arm-smmu-v3.0.auto: ias 48-bit, oas 48-bit (features 0x0014dfff)\n";
    let map = "2b400000-2b41ffff : arm-smmu-v3.0.auto\n2b500000-2b51ffff : arm-smmu-v3.1.auto\n";
    for texts in [[log, map], [map, log]] {
        let got: Vec<_> = units(&of(&texts)).into_iter().map(|(at, _)| at).collect();
        assert_eq!(got, [Some(0x2b40_0000), Some(0x2b50_0000)], "{texts:?}");
    }
}

#[test]
fn units_with_names_of_their_own_are_several() {
    let two =
        "pci 0000:00:00.2: AMD-Vi: Found IOMMU cap 0x40\npci 0000:40:00.2: AMD-Vi: Found IOMMU cap 0x40\n";
    let map = "fd100000-fd17ffff : amd_iommu\nf4180000-f41fffff : amd_iommu\n";
    assert_eq!(units(&of(&[two, FEATURES])).len(), 2);
    for texts in [[two, FEATURES, map], [map, two, FEATURES]] {
        let got: Vec<_> = units(&of(&texts)).into_iter().map(|(at, _)| at).collect();
        assert_eq!(got, [Some(0xfd10_0000), Some(0xf418_0000)], "{texts:?}");
    }
    // Of another maker none is the same.
    let smmu = "arm-smmu-v3 arm-smmu-v3.0.auto: ias 48-bit, oas 48-bit (features 0x0014dfff)\n";
    assert_eq!(units(&of(&[smmu, ONE])).len(), 2);
}

const LSPCI: &str = "\
00:00.0 Host bridge [0600]: Red Hat, Inc. QEMU PCIe Host bridge [1b36:0008]
00:01.0 Ethernet controller [0200]: Red Hat, Inc. Virtio network device [1af4:1041]
	Region 1: Memory at 10240000 (32-bit, non-prefetchable) [size=4K]
00:02.0 PCI bridge [0604]: Red Hat, Inc. QEMU PCIe Root port [1b36:000c] (prog-if 00 [Normal decode])
	Bus: primary=00, secondary=01, subordinate=01, sec-latency=0
	Memory behind bridge: 10000000-101fffff [size=2M] [32-bit]
	Capabilities: [54] Express (v2) Root Port (Slot+), MSI 00
01:00.0 Non-Volatile memory controller [0108]: Red Hat, Inc. QEMU NVM Express Controller [1b36:0010] (rev 02)
	Region 0: Memory at 10000000 (64-bit, non-prefetchable) [size=16K]
	Capabilities: [80] Express (v2) Endpoint, MSI 00

";
const IOMEM: &str = "\
09050000-0905ffff : pcie@10000000
10000000-3efeffff : pcie@10000000
  10000000-101fffff : PCI Bus 0000:01
    10000000-10003fff : 0000:01:00.0
  10240000-10240fff : 0000:00:01.0
40000000-bfffffff : System RAM
8000000000-ffffffffff : pcie@10000000
";

fn windows(got: &Import) -> Vec<&str> {
    got.scenario.lines().filter(|line| line.starts_with("bridge cpu ")).collect()
}

#[test]
fn the_windows_of_a_device_trees_host_bridge_have_its_nodes_name_and_its_registers_are_none() {
    for node in ["pcie@10000000", "/soc/pcie@10000000"] {
        let got = of(&[LSPCI, &IOMEM.replace("pcie@10000000", node)]);
        assert!(got.remarks.iter().all(|remark| remark.kind != Kind::Contradiction), "{:?}", got.remarks);
        let windows = windows(&got);
        assert_eq!(windows.len(), 2, "{windows:?}");
        assert!(windows[0].contains("0x1000_0000 .. 0x3eff_0000"), "{windows:?}");
        assert!(got.scenario.contains("bar 1 4K at bus 0x1024_0000"), "{}", got.scenario);
        let unsaid = got
            .remarks
            .iter()
            .filter(|r| r.kind == Kind::Assumed && r.what.en.contains("on the bus no text states"));
        assert_eq!(unsaid.count(), 2, "{:?}", got.remarks);
    }
}

#[test]
fn a_bridge_that_states_another_window_than_the_map_says_where_the_bus_has_it() {
    let other = LSPCI.replace("bridge: 10000000-101fffff", "bridge: e0000000-e01fffff");
    let got = of(&[&other, IOMEM]);
    assert!(got.remarks.iter().all(|remark| remark.kind != Kind::Contradiction), "{:?}", got.remarks);
    assert!(
        got.remarks.iter().any(|r| r.what.en.contains("taken to begin at 0xe0000000 on the bus")),
        "{:?}",
        got.remarks
    );
    assert!(windows(&got)[0].contains("bus 0xe000_0000"), "{:?}", windows(&got));
    assert!(got.scenario.contains("window 0xe000_0000 +2M"), "{}", got.scenario);
}

#[test]
fn a_listing_that_is_indented_as_a_whole_is_the_same() {
    let indented: String = IOMEM.lines().map(|line| format!("    {line}\n")).collect();
    let (plain, got) = (of(&[LSPCI, IOMEM]), of(&[LSPCI, &indented]));
    assert_eq!(windows(&got), windows(&plain));
    assert_eq!(got.scenario, plain.scenario);
}

#[test]
fn a_boot_log_of_which_no_line_tells_anything_is_said_to_be_not_understood() {
    let function = "pci 0000:00:05.0: [8086:1533] type 00 class 0x020000 PCIe Endpoint";
    let line = |stamp: &str| format!("{stamp}{function}\n{stamp}{function}\n");
    let said = |text: &str| {
        let got = of(&[text, "iommu: Default domain type: Translated\n"]);
        got.remarks
            .iter()
            .any(|r| r.what.en.contains("2 lines are not understood") && r.what.zh.contains("2 行"))
    };
    assert!(said(&line("?? ")));
    assert!(!said(&line("[    0.410000] ")));
}
