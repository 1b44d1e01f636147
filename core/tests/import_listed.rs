//! A machine of lists: `lspci` for programs, and the groups as `ls`, `tree`, `head`, `find` and scripts print them.

#[path = "support/draft.rs"]
mod draft;

use iommu_core::import::{import, Import, Input};

fn of(text: &str) -> Import {
    let got = import(&[Input { name: "in", bytes: text.as_bytes() }]);
    assert!(!got.found.is_empty(), "{text}");
    draft::runs(got)
}

/// The groups, each with its functions and other devices, in words.
fn groups(got: &Import) -> Vec<String> {
    let all = got.found.groups.iter().map(|group| {
        let mut members: Vec<String> = group.functions.iter().map(ToString::to_string).collect();
        members.extend(group.others.iter().cloned());
        let kind = group.kind.as_ref().map_or(String::new(), |(kind, _)| format!(" {kind}"));
        format!("{}{kind}: {}", group.number, members.join(" "))
    });
    all.collect()
}

/// A function's name, class, ids, driver and group.
fn told(got: &Import, at: &str) -> String {
    let function = got.found.functions.iter().find(|f| f.at.to_string() == at);
    let function = function.unwrap_or_else(|| panic!("{at}"));
    let ids = function.ids.map_or(String::new(), |(v, d)| format!("{v:04x}:{d:04x}"));
    let class = function.class.map_or(String::new(), |class| format!("{class:04x}"));
    let driver = function.driver.clone().unwrap_or_default();
    format!("{}|{class}|{ids}|{driver}|{:?}|{}", function.name, function.group, function.from.line)
}

#[test]
fn lspci_for_programs_is_lspci() {
    let facts = "Slot:\t00:01.0\nClass:\tPCI bridge [0604]\nVendor:\tMaker [8086]\nDevice:\tPort (x16) [1901]\nRev:\t07\n\
        Driver:\tpcieport\nIOMMUGroup:\t1\n\nSlot:\t01:00.0\nClass:\tVGA compatible controller [0300]\n\
        Vendor:\tOther [10de]\nDevice:\tCard [Name] [1b80]\nSVendor:\tThird [1043]\nSDevice:\tDevice [8591]\n\
        Module:\tmodule\nIOMMUGroup:\t1\n\nSlot:\t02:00.0\n";
    // A copy makes spaces of tabs and puts empty lines between, an older form calls the place a device, and the end may be lost.
    let copies = [
        facts.to_string(),
        facts.replace('\t', " "),
        facts.replace('\n', "\n\n"),
        facts.replace("Slot:", "Device:"),
        facts.replace('\n', "\r\n"),
    ];
    for text in copies {
        let got = of(&text);
        assert_eq!(groups(&got), ["1: 00:01.0 01:00.0"], "{text}");
        let line = |n: usize| if text.contains("\n\n\n") { 2 * n - 1 } else { n };
        let port =
            format!("Maker Port (x16) [8086:1901] (rev 07)|0604|8086:1901|pcieport|Some(1)|{}", line(1));
        assert_eq!(told(&got, "00:01.0"), port);
        let card = format!("Other Card [Name] [10de:1b80]|0300|10de:1b80||Some(1)|{}", line(9));
        assert_eq!(told(&got, "01:00.0"), card);
        assert!(told(&got, "02:00.0").ends_with(&format!("|None|{}", line(18))), "{text}");
    }
    let quoted = of(
        "00:01.0 \"PCI bridge [0604]\" \"Maker [8086]\" \"Port \\\"x16\\\" [1901]\" -r07 -p00 \"\" \"\"\n\
        0000:01:00.0 \"0300\" \"10de\" \"1b80\" -ra1 \"1043\" \"8591\"\n\
        02:00.0 \"Ethernet controller\" \"Maker\" \"Card\" \"\" \"\"\n\
        03:00.0 \"Ethernet controller\" \"cut",
    );
    assert_eq!(told(&quoted, "00:01.0"), "Maker Port \"x16\" [8086:1901] (rev 07)|0604|8086:1901||None|1");
    assert_eq!(told(&quoted, "01:00.0"), "10de:1b80 (rev a1)|0300|10de:1b80||None|2");
    assert_eq!(told(&quoted, "02:00.0"), "Maker Card|0200|||None|3");
}

#[test]
fn groups_are_read_as_every_tool_lists_them() {
    let expected = ["1 DMA-FQ: 00:01.0 01:00.0", "7: 00:02.0 fd4c0000.gpu"];
    let kind = "/sys/kernel/iommu_groups/1/type:DMA-FQ\n";
    let tree = "/sys/kernel/iommu_groups/\n├── 1\n│   ├── devices\n\
        │   │   ├── 0000:00:01.0 -> ../../../../devices/x/0000:00:01.0\n\
        │   │   └── 0000:01:00.0 -> ../../../../devices/x/0000:01:00.0\n│   ├── reserved_regions\n│   └── type\n└── 7\n\
        \u{20}   ├── devices\n    │   ├── 0000:00:02.0 -> ../../../../devices/x/0000:00:02.0\n\
        \u{20}   │   └── fd4c0000.gpu -> ../../../../devices/platform/fd4c0000.gpu\n    └── type\n\n2 directories\n";
    let ascii = tree.replace("│   ", "|   ").replace("├── ", "|-- ").replace("└── ", "`-- ");
    let long = "/sys/kernel/iommu_groups/1/devices:\ntotal 0\n\
        lrwxrwxrwx 1 root root 0 Nov 30 12:00 0000:00:01.0 -> ../../../../devices/x/0000:00:01.0\n\
        lrwxrwxrwx 1 root root 0 Nov 30 12:00 0000:01:00.0 -> ../../../../devices/x/0000:01:00.0\n\n\
        /sys/kernel/iommu_groups/7/devices:\n\
        lrwxrwxrwx 1 root root 0 Nov 30 12:00 0000:00:02.0 -> ../../../../devices/x/0000:00:02.0\n\
        lrwxrwxrwx 1 root root 0 Nov 30 12:00 fd4c0000.gpu -> ../../../../devices/x/fd4c0000.gpu\n";
    let columns = "/sys/kernel/iommu_groups/:\n1  7\n\n/sys/kernel/iommu_groups/1:\ndevices  reserved_regions  type\n\n\
        /sys/kernel/iommu_groups/1/devices:\n0000:00:01.0  0000:01:00.0\n\n\
        /sys/kernel/iommu_groups/7/devices:\n0000:00:02.0@\nfd4c0000.gpu@\n";
    let paths = "/sys/kernel/iommu_groups/1/devices\n/sys/kernel/iommu_groups/1/devices/0000:00:01.0\n\
        /sys/kernel/iommu_groups/1/devices/0000:01:00.0:\n/sys/kernel/iommu_groups/7/type\n\
        ./7/devices/0000:00:02.0\n7/devices/fd4c0000.gpu -> ../../../../devices/x/fd4c0000.gpu\n";
    let command = "root@host:~# ls /sys/kernel/iommu_groups/1/devices/\n0000:00:01.0  0000:01:00.0\n\
        root@host:~# ls /sys/kernel/iommu_groups/7/devices\n0000:00:02.0  fd4c0000.gpu\nroot@host:~#\n";
    for text in [tree, &ascii, long, columns, paths, command] {
        let last = [text, kind].concat();
        assert_eq!(groups(&of(&last)), expected, "{last}");
        let first = [kind, text].concat();
        assert_eq!(groups(&of(&first)), expected, "{first}");
        // Whatever of it is left, nothing is made up: each group holds what the whole has.
        for cut in (0..text.len()).filter(|cut| text.is_char_boundary(*cut)) {
            let got = import(&[Input { name: "in", bytes: &text.as_bytes()[..cut] }]);
            let functions = got.found.functions.iter().map(|f| (f.at.to_string(), f.group));
            for (at, group) in functions {
                let whole = if at == "00:02.0" { Some(7) } else { Some(1) };
                assert_eq!(group, whole, "{at}\n{}", &text[..cut]);
            }
        }
    }
    let head = "==> /sys/kernel/iommu_groups/1/type <==\nDMA-FQ\n\n==> /sys/kernel/iommu_groups/1/reserved_regions <==\n\
        0x00000000fee00000 0x00000000feefffff msi\n\n==> /sys/kernel/iommu_groups/7/type <==\nno such\n";
    let got = of(head);
    assert_eq!(groups(&got), ["1 DMA-FQ: "]);
    assert_eq!((got.found.reserved.len(), got.found.reserved[0].group), (1, Some(1)));
    let links = "lrwxrwxrwx 1 root root 0 Nov 30 12:00 /sys/bus/pci/devices/0000:00:01.0/iommu_group -> ../../../kernel/iommu_groups/1\n\
        /sys/devices/x/0000:00:02.0/iommu_group -> ../../../kernel/iommu_groups/7\n";
    assert_eq!(groups(&of(links)), ["1: 00:01.0", "7: 00:02.0"]);
    let scripts = "IOMMU Group 1: 0000:00:01.0 0000:01:00.0\nIOMMU Group 7:\n  0000:00:02.0\n\
        IOMMU Group 8 :\n\t-> 00:14.0 USB controller: Maker Device (rev 07)\n";
    assert_eq!(groups(&of(scripts)), ["1: 00:01.0 01:00.0", "7: 00:02.0", "8: 00:14.0"]);
}

#[test]
fn what_only_names_the_folder_of_groups_is_no_machine() {
    for text in [
        "see /sys/kernel/iommu_groups\nand fd4c0000.gpu\n",
        "find /sys/kernel/iommu_groups -type l\n0000.1\n",
        "cat /sys/kernel/iommu_groups/1/type\nhello\n-- \nName\n",
        "-- \n1\n",
    ] {
        let got = import(&[Input { name: "in", bytes: text.as_bytes() }]);
        assert!(got.found.is_empty() && got.found.groups.is_empty(), "{text}");
    }
}
