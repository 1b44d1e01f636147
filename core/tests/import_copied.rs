//! What a copy does to a text: quotes, numbers of lines, names of files, stamps of other tools, indentation that is lost. What it says of
//! the machine is the same.
#![cfg(feature = "import")]

use iommu_core::import::{import, report, Import, Input};
use iommu_core::spec::Lang;

const IOMEM: &str = "\
00001000-0009ffff : System RAM
00100000-6fffffff : System RAM
  02000000-02ffffff : Kernel code
a0000000-efffffff : PCI Bus 0000:00
  a0000000-a01fffff : PCI Bus 0000:02
    a0000000-a0007fff : 0000:02:00.0
      a0000000-a0007fff : ahci
  e0000000-e000ffff : 0000:00:17.0
fed92000-fed92fff : dmar0
100000000-2ffffffff : System RAM
";

const BOOT: [&str; 5] = [
    "BIOS-e820: [mem 0x0000000000100000-0x000000006fffffff] usable",
    "DMAR: dmar0: reg_base_addr fed92000 ver 1:0 cap d2008c40660462 ecap f050da",
    "pci 0000:00:17.0: [8086:06d2] type 00 class 0x010601 conventional PCI endpoint",
    "pci_bus 0000:00: root bus resource [mem 0xa0000000-0xefffffff window]",
    "pci 0000:00:17.0: Adding to iommu group 4",
];

fn read(text: &str) -> Import {
    import(&[Input { name: "m", bytes: text.as_bytes() }])
}

fn told(text: &str) -> [String; 2] {
    [Lang::En, Lang::Zh].map(|lang| report(&read(text), lang).to_string())
}

/// The scenario without the comments, which name lines.
fn stated(text: &str) -> Vec<String> {
    let scenario = read(text).scenario;
    let stated = scenario.lines().map(|line| line.split("  #").next().unwrap_or(line).to_string());
    stated.filter(|line| !line.starts_with('#')).collect()
}

fn each(text: &str, with: impl Fn(usize, &str) -> String) -> String {
    text.lines().enumerate().map(|(n, line)| with(n, line) + "\n").collect()
}

#[test]
fn an_iomem_is_the_same_quoted_counted_named_and_without_indentation() {
    let whole = stated(IOMEM);
    assert!(
        whole.iter().any(|line| line == "bridge cpu 0xa000_0000 .. 0xf000_0000 -> bus 0xa000_0000"),
        "{whole:?}"
    );
    for copied in [
        each(IOMEM, |_, line| format!("> {line}")),
        each(IOMEM, |_, line| format!(">> {line}")),
        each(IOMEM, |_, line| format!("> > {line}")),
        each(IOMEM, |_, line| format!("/proc/iomem:{line}")),
        each(IOMEM, |n, line| format!("/proc/iomem:{}:{line}", n + 1)),
        each(IOMEM, |n, line| format!("{:6}\t{line}", n + 1)),
        each(IOMEM, |_, line| format!("    {line}")),
        each(IOMEM, |_, line| line.trim_start().to_string()),
    ] {
        assert_eq!(stated(&copied), whole, "{copied}");
        let [en, _] = told(&copied);
        assert!(!en.contains("Contradictions"), "{en}");
    }
}

const LSPCI: &str = "\
00:1c.0 PCI bridge: Maker Device 7a38
\tBus: primary=00, secondary=02, subordinate=02, sec-latency=0
\tMemory behind bridge: a0000000-a01fffff [size=2M]
\tCapabilities: <access denied>

02:00.0 SATA controller: Maker Device 06d2
\tRegion 0: Memory at a0000000 (64-bit, non-prefetchable) [size=32K]
00: 34 12 d2 06 06 04 10 00 00 01 06 01 10 00 00 00
10: 04 00 00 a0 00 00 00 00 00 00 00 00 00 00 00 00
";

#[test]
fn a_text_is_the_same_with_marks_colours_and_characters_of_the_web() {
    let text = format!("{LSPCI}\n{IOMEM}");
    let whole = stated(&text);
    assert!(whole.iter().any(|line| line.starts_with("  bar 0 32K 64 at ")), "{whole:?}");
    assert!(told(&text)[0].contains("hidden"), "{}", told(&text)[0]);
    for copied in [
        format!("\u{feff}{text}"),
        format!("[CODE]{text}[/CODE]\n"),
        format!("<pre>{text}</pre>\n"),
        // `script`, at each of several commands; `grep --color=always`.
        each(&text, |_, line| format!("\x1b[?2004l\r{line}\r")),
        text.replace("System RAM", "\x1b[01;31m\x1b[KSystem RAM\x1b[m\x1b[K")
            .replace("PCI", "\x1b[01;31mPCI\x1b[0m"),
        text.replace('<', "&lt;").replace('>', "&gt;"),
        each(&text, |_, line| format!("{line}\n")),
        each(&text, |_, line| format!("\t{line}")),
        each(&text, |_, line| format!("    {line}")),
    ] {
        assert_eq!(stated(&copied), whole, "{copied}");
        assert!(told(&copied)[0].contains("hidden"), "{copied}");
    }
}

#[test]
fn a_part_of_an_iomem_keeps_the_depth_that_its_indentation_says() {
    // The window above it is not in the paste: this one is not the host bridge's.
    let part = "a0000000-efffffff : PCI Bus 0000:00\n  a0000000-a01fffff : PCI Bus 0000:02\n";
    assert!(stated(part).iter().any(|line| line.contains("0xa000_0000 .. 0xf000_0000")));
    let below = "00100000-6fffffff : System RAM\n  a0000000-a01fffff : PCI Bus 0000:02\n";
    assert!(stated(below).iter().all(|line| !line.contains("0xa000_0000 +2M")), "{:?}", stated(below));
}

#[test]
fn a_boot_log_is_the_same_under_the_stamps_of_other_tools() {
    let plain = |n: usize, line: &str| format!("[    0.{n:06}] {line}");
    let boot = BOOT.join("\n");
    let whole = stated(&each(&boot, plain));
    assert!(whole.iter().any(|line| line.starts_with("machine vt-d")), "{whole:?}");
    for stamped in [
        each(&boot, |n, line| format!("[    0.{n:06}@3] {line}")),
        each(&boot, |_, line| format!("Tue 2026-03-03 08:15:42 CET box kernel: {line}")),
        each(&boot, |_, line| format!("[3月03 08:15] {line}")),
        each(&boot, |_, line| format!("[Mar03 08:15] {line}")),
        each(&boot, |n, line| format!("logs/box.txt:{}:{}", n + 7, plain(n, line))),
        each(&boot, |n, line| format!("{:6}\t{}", n + 1, plain(n, line))),
    ] {
        assert_eq!(stated(&stamped), whole, "{stamped}");
    }
}

#[test]
fn a_policy_that_groups_differ_in_is_said_of_each_that_is_not_the_scenarios() {
    let groups = "/sys/kernel/iommu_groups/3/type:DMA\n/sys/kernel/iommu_groups/4/type:DMA-FQ\n\
        /sys/kernel/iommu_groups/3/devices/0000:00:17.0\n/sys/kernel/iommu_groups/4/devices/0000:00:14.0\n";
    assert!(stated(groups).iter().any(|line| line == "iommu lazy"));
    let [en, zh] = told(groups);
    assert!(en.contains("group 3 is strict (DMA)") && !en.contains("group 4 is"), "{en}");
    assert!(zh.contains("组 3 是 strict（DMA）"), "{zh}");
}

#[test]
fn an_iommu_that_only_a_host_bridges_maker_suggests_is_said_to_be_assumed() {
    let of = |name: &str| {
        format!("00:00.0 Host bridge: Intel Corporation {name}\n00:03.0 Ethernet controller: x\n")
    };
    let real = of("Device 9b61 (rev 0c)");
    assert!(stated(&real).iter().any(|line| line == "machine vt-d"));
    let [en, zh] = told(&real);
    assert!(en.contains("no text says that there is an IOMMU"), "{en}");
    assert!(zh.contains("所给文本没有说明有 IOMMU"), "{zh}");
    // QEMU's `pc` has none.
    let old = of("440FX - 82441FX PMC [Natoma] (rev 02)");
    assert!(stated(&old).iter().any(|line| line == "machine none"), "{:?}", stated(&old));
    // Where there is a group there is one, and the bridge says whose.
    let grouped = real + "/sys/kernel/iommu_groups/1/devices/0000:00:03.0\n";
    assert!(!told(&grouped)[0].contains("no text says that there is an IOMMU"));
}

#[test]
fn what_a_register_has_and_the_scenario_does_not_is_said() {
    let text = "00:00.0 Host bridge: Intel Corporation Device 9b61\n00:02.0 VGA compatible controller: x\n\
        \tRegion 0: Memory at d0000000 (32-bit, prefetchable) [size=16M]\n\tRegion 3: Memory at <invalid-value> (32-bit, non-prefetchable)\n";
    let [en, zh] = told(text);
    assert!(
        en.contains("prefetchable BARs in windows that are not")
            && en.contains("00:02.0 BAR 3 has no address: <invalid-value>"),
        "{en}"
    );
    assert!(zh.contains("可预取的 BAR 在不可预取的窗口之内"), "{zh}");
}

#[test]
fn a_list_by_group_ends_where_another_text_or_a_heading_begins() {
    let first = "IOMMU Group 3:\n\t00:17.0 SATA controller [0106]: Maker [1234:06d2]\n";
    let rest = "02:00.0 Ethernet controller [0200]: Maker [1234:7a38]\n";
    for heading in [
        "### Group 4 ###\n",
        "## IOMMU group: 4\n",
        "iommu_group 4:\n",
        "IOMMU-Gruppe 4:\n",
        "root@box:~# lspci -nn\n",
    ] {
        let text = format!("{first}{heading}    {rest}");
        let said = read(&text).scenario;
        let other = said.lines().find(|line| line.contains("02:00.0")).unwrap_or_default();
        assert!(said.contains("(group 3)") && !other.contains("group 3"), "{heading}: {said}");
    }
    // The functions of a group, as scripts of two other kinds print them.
    for text in [
        "Group:  3   0000:00:17.0 SATA controller [0106]: Maker [1234:06d2]   Driver: ahci\nGroup:  3   0000:02:00.0 Ethernet controller [0200]: Maker [1234:7a38]   Driver: \n",
        "Group 3:\t[1234:06d2]     00:17.0  SATA controller                  Maker\n\t\t[1234:7a38] [R] 02:00.0  Ethernet controller    Maker\n",
    ] {
        let said = read(text).scenario;
        assert!(said.lines().any(|line| line.starts_with("# group 3: sata0 nic0")), "{said}");
        assert!(!said.contains("Driver"), "{said}");
    }
}

#[test]
fn what_lspci_lists_counts_wherever_the_boot_log_stands() {
    let listed = "00:17.0 SATA controller [0106]: Maker [1234:06d2]\n\tRegion 0: Memory at a0000000 (32-bit, non-prefetchable) [size=32K]\n\n";
    let logged = "[    0.4] pci 0000:00:17.0: [1234:06d2] type 00 class 0x010601\n[    0.4] pci 0000:00:17.0: reg 0x10: [mem 0xb0000000-0xb0003fff]\n";
    for text in [format!("{listed}{logged}"), format!("{logged}{listed}")] {
        assert!(
            stated(&text).iter().any(|line| line.contains("bar 0 32K at ") && line.contains("0xa000_0000")),
            "{:?}",
            stated(&text)
        );
        let [en, zh] = told(&text);
        assert!(
            en.contains(
                "00:17.0 BAR 0: 0xb0000000 +0x4000 in the boot log, 0xa0000000 +0x8000 in the running system"
            ),
            "{en}"
        );
        assert!(zh.contains("00:17.0 BAR 0：启动日志里是"), "{zh}");
    }
    let same = logged.replace("0xb0000000-0xb0003fff", "0xa0000000-0xa0007fff");
    assert!(!told(&format!("{listed}{same}"))[0].contains("in the boot log,"));
}

#[test]
fn spaces_that_do_not_break_are_spaces() {
    let boot = BOOT.map(|line| format!("[    0.1] {line}\n")).concat();
    assert_eq!(stated(&boot.replace(' ', "\u{a0}")), stated(&boot));
    assert_eq!(stated(&IOMEM.replace(' ', "\u{a0}")), stated(IOMEM));
}
