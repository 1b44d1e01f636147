//! Texts of several boots or several machines in one paste, and of one machine at different times: what cannot be of one is said.
#![cfg(feature = "import")]

use iommu_core::import::{import, report, Import, Input};
use iommu_core::spec::Lang;

fn read(text: &str) -> Import {
    import(&[Input { name: "m", bytes: text.as_bytes() }])
}

fn told(text: &str) -> [String; 2] {
    [Lang::En, Lang::Zh].map(|lang| report(&read(text), lang).to_string())
}

const DISPLAY: &str = "\
[    0.40] pci 0000:00:03.0: [8086:4c8a] type 00 class 0x030000
[    0.41] pci 0000:00:03.0: reg 0x10: [mem 0xc0000000-0xc0ffffff 64bit]
[    0.60] pci 0000:00:03.0: Adding to iommu group 2
";
const ETHERNET: &str = "\
[    0.40] pci 0000:00:03.0: [10ec:8168] type 00 class 0x020000
[    0.41] pci 0000:00:03.0: reg 0x18: [mem 0xd1000000-0xd100ffff 64bit]
[    0.60] pci 0000:00:03.0: Adding to iommu group 9
";

#[test]
fn two_functions_at_one_place_of_boot_logs_are_a_contradiction_and_are_not_mixed() {
    let text = [DISPLAY, ETHERNET].concat();
    let [en, zh] = told(&text);
    assert!(en.contains("two functions at 00:03.0: [8086:4c8a] and [10ec:8168]; the first is kept"), "{en}");
    assert!(zh.contains("00:03.0 处有两个功能：[8086:4c8a] 和 [10ec:8168]，保留前一个"), "{zh}");
    assert!(
        en.contains("two machines, or two boots") && zh.contains("这是两台机器，或同一台机器"),
        "{en}{zh}"
    );
    let import = read(&text);
    assert_eq!(import.found.functions[0].bars.len(), 1, "{:?}", import.found.functions);
    assert_eq!(import.found.functions[0].group, Some(2));
    // The lines of the first go on where a log names it again.
    let again = read(&[DISPLAY, ETHERNET, &DISPLAY.replace("0x10", "0x18")].concat());
    assert_eq!(again.found.functions[0].bars.len(), 1, "the same range under another number is the same");
    let once = told(&[DISPLAY, DISPLAY].concat());
    assert!(!once[0].contains("Contradictions"), "{}", once[0]);
}

#[test]
fn iommus_of_two_makers_are_of_two_machines() {
    let intel = "[    0.20] DMAR: DRHD base: 0x000000fed80000 flags: 0x1\n";
    let amd = "[    0.90] pci 0000:00:00.2: AMD-Vi: Found IOMMU cap 0x40\n";
    for text in [[intel, amd].concat(), [amd, intel].concat()] {
        let [en, zh] = told(&text);
        assert!(en.contains("are both named, and no machine has both"), "{en}");
        assert!(zh.contains("没有机器兼有两者：这些文本来自两台机器"), "{zh}");
    }
    let [en, _] = told(&[intel, "[ 0.2] virtio_iommu virtio0: input address: 64 bits\n"].concat());
    assert!(!en.contains("no machine has both"), "{en}");
}

const LSPCI: &str = "\
00:03.0 VGA compatible controller [0300]: Intel Corporation Device [8086:4c8a]
\tRegion 0: Memory at b4000000 (64-bit, non-prefetchable) [size=32M]
";

#[test]
fn what_the_running_system_says_of_a_bar_is_later_than_the_boot_log_in_either_order() {
    for text in [[DISPLAY, "\n", LSPCI].concat(), [LSPCI, "\n", DISPLAY].concat()] {
        let import = read(&text);
        let bars: Vec<(u64, u64)> = import.found.functions[0].bars.iter().map(|b| (b.at, b.size)).collect();
        assert_eq!(bars, [(0xb400_0000, 32 << 20)], "{text}");
        let [en, zh] = told(&text);
        assert!(
            en.contains("00:03.0 BAR 0: 0xc0000000 +0x1000000 in the boot log, 0xb4000000 +0x2000000"),
            "{en}"
        );
        assert!(zh.contains("运行中的系统里是 0xb4000000 +0x2000000；后者更晚"), "{zh}");
    }
    let agree = LSPCI.replace("b4000000", "c0000000").replace("32M", "16M");
    let [en, _] = told(&[&agree, "\n", DISPLAY].concat());
    assert!(!en.contains("in the boot log"), "{en}");
}
