//! Machines from texts of real systems (names and serial numbers taken out): what is found, said and written is kept beside the
//! texts, and every scenario runs. `UPDATE_GOLDEN=1` writes what is kept anew.

use iommu_core::import::{import, report, Import, Input, Kind};
use iommu_core::spec::Lang;
use proptest::prelude::*;
use std::path::{Path, PathBuf};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/import")
}

/// The texts, by name.
fn texts() -> Vec<(String, Vec<u8>)> {
    let entries = std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
    let mut out: Vec<_> = entries
        .filter(|path| path.extension().is_some_and(|e| e == "txt"))
        .map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), std::fs::read(&path).unwrap()))
        .collect();
    out.sort();
    out
}

fn of(name: &str, bytes: &[u8]) -> Import {
    import(&[Input { name, bytes }])
}

/// Runs a scenario to its end, with every expectation met.
fn runs(name: &str, scenario: &str) {
    let run = iommu_core::machine::run(scenario);
    let run = run.unwrap_or_else(|problems| panic!("{name}: {problems:?}\n{scenario}"));
    let failures: Vec<_> = run.failures().collect();
    assert!(failures.is_empty(), "{name}: {failures:?}\n{scenario}");
}

#[test]
fn every_text_becomes_the_scenario_that_is_kept_and_it_runs() {
    let texts = texts();
    assert!(texts.len() >= 25, "{} texts", texts.len());
    let mut wrong = Vec::new();
    for (name, bytes) in &texts {
        let got = of(name, bytes);
        assert!(!got.found.is_empty(), "{name}");
        runs(name, &got.scenario);
        assert!(got.scenario.contains("dma "), "{name}");
        let said = format!("{}\n{}\n---\n{}", report(&got, Lang::En), report(&got, Lang::Zh), got.scenario);
        let path = folder().join("golden").join(name);
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(&path, &said).unwrap();
        } else if std::fs::read_to_string(&path).ok().as_deref() != Some(&said) {
            wrong.push(name);
        }
    }
    assert!(wrong.is_empty(), "these differ (UPDATE_GOLDEN=1 writes them): {wrong:?}");
}

#[test]
fn all_texts_in_one_paste_are_one_machine_that_runs() {
    let texts = texts();
    let inputs: Vec<Input<'_>> = texts.iter().map(|(name, bytes)| Input { name, bytes }).collect();
    let got = import(&inputs);
    // They are of many machines, which is said: functions at one place, groups, windows.
    assert!(got.remarks.iter().filter(|r| r.kind == Kind::Contradiction).count() > 10);
    runs("all", &got.scenario);
}

/// The table of an IOMMU in a text of rows of bytes.
fn table(name: &str) -> Vec<u8> {
    let text = std::fs::read_to_string(folder().join(name)).unwrap();
    let lines =
        text.lines().skip_while(|line| !["DMAR @", "IVRS @"].iter().any(|mark| line.starts_with(mark)));
    let rows = lines.skip(1).map_while(|line| line.trim_start().split_once(": "));
    let bytes = rows.flat_map(|(_, row)| {
        let bytes = row.split(' ').take_while(|b| b.len() == 2);
        bytes.take(16).map(|b| u8::from_str_radix(b, 16).unwrap()).collect::<Vec<_>>()
    });
    bytes.collect()
}

const TABLES: [&str; 4] = ["dmar-laptop.txt", "dmar-server.txt", "ivrs-desktop.txt", "ivrs-desktop-old.txt"];

#[test]
fn a_table_says_the_same_as_bytes_rows_and_fields() {
    for name in TABLES {
        let bytes = table(name);
        let text = std::fs::read(folder().join(name)).unwrap();
        let (a, b) = (of(name, &bytes), of(name, &text));
        let facts = |import: &Import| {
            let found = &import.found;
            let units: Vec<_> = found.units.iter().map(|u| (u.at, u.scope.clone(), u.more)).collect();
            let reserved: Vec<_> = found.reserved.iter().map(|r| (r.range, r.functions.clone())).collect();
            (units, reserved)
        };
        assert!(!a.found.units.is_empty() && a.remarks.iter().all(|r| r.kind != Kind::Damaged), "{name}");
        assert_eq!(facts(&a), facts(&b), "{name}");
    }
    let fields = std::fs::read(folder().join("dmar-laptop-iasl-fields.txt")).unwrap();
    let (fields, bytes) = (of("f", &fields), of("b", &table("dmar-laptop.txt")));
    assert!(!fields.found.units.is_empty());
    let units =
        |import: &Import| import.found.units.iter().map(|u| (u.at, u.scope.clone())).collect::<Vec<_>>();
    assert_eq!(units(&fields), units(&bytes));
    assert!(fields.remarks.iter().all(|r| r.kind != Kind::Damaged), "{:?}", fields.remarks);
}

#[test]
fn a_table_cut_anywhere_is_a_message_with_its_offset_and_no_facts() {
    for name in TABLES {
        let bytes = table(name);
        for len in 4..bytes.len() {
            let got = of(name, &bytes[..len]);
            let damaged = got.remarks.iter().find(|r| r.kind == Kind::Damaged);
            let said = &damaged.unwrap_or_else(|| panic!("{name} cut to {len}")).what;
            assert!(said.en.contains("offset 0x") && said.zh.contains("偏移 0x"), "{said:?}");
            assert!(got.found.units.is_empty() && got.found.reserved.is_empty(), "{name} cut to {len}");
        }
    }
}

#[test]
fn a_changed_byte_is_a_wrong_checksum() {
    for name in TABLES {
        let bytes = table(name);
        for at in (36..bytes.len()).chain([8, 9]) {
            let mut bytes = bytes.clone();
            bytes[at] ^= 0x10;
            let got = of(name, &bytes);
            let said = got.remarks.iter().find(|r| r.kind == Kind::Damaged).map(|r| r.what.en.clone());
            assert!(said.is_some_and(|said| said.contains("offset 0x")), "{name} at {at}");
            if !got.found.is_empty() {
                runs(name, &got.scenario);
            }
        }
    }
}

#[test]
fn a_port_on_a_bus_of_conventional_pci_is_left_out_as_a_contradiction() {
    let text = "00:1e.0 PCI bridge: Example PCIe to PCI bridge\n\
        \tBus: primary=00, secondary=02, subordinate=03, sec-latency=0\n\
        \tCapabilities: [40] Express (v1) PCI-Express to PCI/PCI-X Bridge, MSI 00\n\
        02:00.0 PCI bridge: Example port\n\
        \tBus: primary=02, secondary=03, subordinate=03, sec-latency=0\n\
        \tCapabilities: [40] Express (v2) Root Port (Slot+), MSI 00\n\
        03:00.0 Ethernet controller: Example\n";
    let got = of("lspci", text.as_bytes());
    runs("lspci", &got.scenario);
    let said = |r: &&iommu_core::import::Remark| r.what.en.contains("02:00.0 is a port of PCI Express");
    assert!(got.remarks.iter().any(|r| said(&r)), "{:?}", got.remarks);
}

#[test]
fn contradictions_are_shown() {
    let text = "\
00:00.0 0600: 8086:0c00
00:1c.0 0604: 8086:8c10
\tBus: primary=00, secondary=01, subordinate=01, sec-latency=0
\tMemory behind bridge: f0000000-f00fffff [size=1M]
\tCapabilities: [40] Express (v2) Root Port (Slot+), MSI 00
00:1d.0 0604: 8086:8c12
\tBus: primary=00, secondary=01, subordinate=01, sec-latency=0
\tMemory behind bridge: f0080000-f017ffff [size=1M]
\tCapabilities: [40] Express (v2) Root Port (Slot+), MSI 00
01:00.0 0200: 8086:1533
\tRegion 0: Memory at e0000000 (32-bit, non-prefetchable) [size=1M]
\tRegion 2: Memory at f0000000 (32-bit, non-prefetchable) [size=64K]
\tRegion 3: Memory at f0008000 (32-bit, non-prefetchable) [size=32K]
01:00.0 0300: 10de:1c03
e0000000-ffffffff : PCI Bus 0000:00
";
    let got = of("paste", text.as_bytes());
    let said: Vec<_> =
        got.remarks.iter().filter(|r| r.kind == Kind::Contradiction).map(|r| r.what.en.as_str()).collect();
    for part in [
        "two functions at 01:00.0",
        "00:1d.0 and 00:1c.0 both lead to bus 01",
        "01:00.0 BAR 0 at 0xe0000000: outside every window of 00:1c.0",
        "01:00.0 BAR 3 at 0xf0008000: it shares addresses",
    ] {
        assert!(said.iter().any(|said| said.contains(part)), "{part}: {said:#?}");
    }
    runs("contradictions", &got.scenario);
    assert!(got.scenario.contains("bar 2 64K at bus 0xf000_0000") && got.scenario.contains("#   bar 0"));
}

/// What is said of the groups of a text, by number.
fn groups(text: &str) -> Vec<(u32, Vec<String>)> {
    let got = of("groups", text.as_bytes());
    assert!(got.joined.iter().all(|g| g
        .why
        .iter()
        .chain(&g.ways)
        .all(|p| !p.en.is_empty() && !p.zh.is_empty())));
    got.joined.iter().map(|g| (g.number, g.why.iter().map(|p| p.en.clone()).collect())).collect()
}

/// A root port, what is behind it, and their groups; `acs` are the lines of the port's ACS.
fn behind_a_port(acs: &str) -> String {
    format!(
        "00:01.0 0604: 8086:1901
\tBus: primary=00, secondary=01, subordinate=01, sec-latency=0
\tIOMMU group: 1
\tCapabilities: [88] Express (v2) Root Port (Slot+), MSI 00
{acs}
01:00.0 0300: 10de:1c03
\tIOMMU group: 1
\tCapabilities: [78] Express (v2) Legacy Endpoint, MSI 00
01:00.1 0403: 10de:10f1
\tIOMMU group: 1
\tCapabilities: [78] Express (v2) Endpoint, MSI 00
"
    )
}

#[test]
fn a_group_says_which_port_does_not_keep_requests_apart_and_by_which_bits() {
    let said = groups(&behind_a_port(""));
    assert_eq!(said.len(), 1);
    assert!(said[0]
        .1
        .iter()
        .any(|w| w.starts_with("01:00.0, 01:00.1: behind 00:01.0") && w.contains("(no ACS)")));
    assert!(said[0].1.iter().any(|w| w.contains("functions of the device 01:00") && w.contains("(no ACS)")));
    let off = "\tCapabilities: [100 v1] Access Control Services
\t\tACSCap:\tSrcValid+ TransBlk+ ReqRedir+ CmpltRedir+ UpstreamFwd- EgressCtrl- DirectTrans-
\t\tACSCtl:\tSrcValid+ TransBlk- ReqRedir- CmpltRedir- UpstreamFwd- EgressCtrl- DirectTrans-";
    let said = groups(&behind_a_port(off));
    assert!(said[0].1[0].contains("ACS with ReqRedir, CmpltRedir off"), "{said:?}");
    // With them on, nothing in the texts joins the port with what is behind it, which is said.
    let on = off.replace("ReqRedir- CmpltRedir-", "ReqRedir+ CmpltRedir+");
    let said = groups(&behind_a_port(&on));
    assert!(said[0].1.iter().any(|w| w.contains("00:01.0 | 01:00.0 01:00.1 cannot be seen")), "{said:?}");
}

#[test]
fn what_is_behind_a_conventional_bridge_shares_its_id() {
    let text = "00:1c.0 0604: 8086:a110
\tBus: primary=00, secondary=02, subordinate=03, sec-latency=0
\tCapabilities: [40] Express (v2) Root Port (Slot+), MSI 00
02:00.0 0604: 1b21:1080
\tBus: primary=02, secondary=03, subordinate=03, sec-latency=0
\tCapabilities: [40] Express (v1) PCI-Express to PCI/PCI-X Bridge, MSI 00
\tIOMMU group: 7
03:00.0 0401: 1102:0007
\tIOMMU group: 7
03:01.0 0c00: 1106:3044
\tIOMMU group: 7
";
    let said = groups(text);
    let why = &said[0].1;
    assert!(
        why.iter().any(|w| w.starts_with("03:00.0, 03:01.0: behind") && w.contains("the id 03:00.0")),
        "{why:?}"
    );
    assert!(why.iter().all(|w| !w.contains("cannot be seen")), "{why:?}");
    let got = of("bridge", text.as_bytes());
    assert!(
        got.scenario.contains("device serial0") || got.scenario.contains("alias 03:00.0"),
        "{}",
        got.scenario
    );
}

#[test]
fn what_joins_a_group_and_cannot_be_seen_is_said() {
    let said = groups("IOMMU Group 1 01:00.0 VGA compatible controller [0300]: x [10de:1b81]\nIOMMU Group 1 02:00.0 Audio device [0403]: y [10de:10f0]\n");
    assert!(said[0].1[0].contains("no text says which bridge leads to bus 01"), "{said:?}");
}

#[test]
fn the_documents_show_what_comes_out() {
    for (name, file) in [("input", "import.md"), ("输入", "import.zh.md")] {
        let text = std::fs::read_to_string(folder().join("../../../docs").join(file)).unwrap();
        let quoted = || text.lines().filter_map(|line| line.strip_prefix("    "));
        let log: String =
            quoted().filter(|line| line.starts_with("[ ")).map(|line| format!("{line}\n")).collect();
        let shown: Vec<&str> = quoted().filter(|line| line.contains(&format!("# {name}:"))).collect();
        let got = of(name, log.as_bytes());
        assert_eq!(shown.len(), 6, "{file}");
        for line in shown {
            assert!(got.scenario.lines().any(|l| l == line), "{file}: {line}\n{}", got.scenario);
        }
    }
}

#[test]
fn text_of_a_paste_stays_on_its_line() {
    let text = "03:00.0 Ethernet controller: x\"\u{1b}[31m\u{7}\nsteps\ndma nic read 0\n";
    let got = of("a\nb\u{1b}", text.as_bytes());
    runs("marks", &got.scenario);
    assert_eq!(got.scenario.lines().filter(|line| line.trim() == "steps").count(), 1);
    let plain = |text: &str| text.chars().all(|c| c == '\n' || !c.is_control());
    assert!(
        plain(&got.scenario)
            && plain(&report(&got, Lang::En).to_string())
            && plain(&report(&got, Lang::Zh).to_string())
    );
}

/// Lines of all texts, to be mixed.
fn lines() -> Vec<String> {
    let all = texts()
        .into_iter()
        .flat_map(|(_, bytes)| String::from_utf8_lossy(&bytes).lines().map(String::from).collect::<Vec<_>>());
    all.collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn lines_in_any_mixture_run(picks in prop::collection::vec((0usize..1 << 20, 1usize..40), 1..24)) {
        let lines = lines();
        let mut text = String::new();
        for (start, count) in picks {
            let start = start % lines.len();
            for line in &lines[start..(start + count).min(lines.len())] {
                text.push_str(line);
                text.push('\n');
            }
        }
        let got = of("mixture", text.as_bytes());
        if !got.found.is_empty() {
            runs("mixture", &got.scenario);
        }
    }

    #[test]
    fn bytes_changed_anywhere_run(
        which in 0usize..64, changes in prop::collection::vec((0usize..1 << 20, any::<u8>()), 1..40)
    ) {
        let texts = texts();
        let (name, mut bytes) = texts[which % texts.len()].clone();
        for (at, byte) in changes {
            let at = at % bytes.len();
            bytes[at] = byte;
        }
        let got = of(&name, &bytes);
        if !got.found.is_empty() {
            runs(&name, &got.scenario);
        }
    }

    #[test]
    fn any_bytes_are_read(bytes in prop::collection::vec(any::<u8>(), 0..600), signature in 0usize..6) {
        let mut text = [&b"DMAR"[..], b"IVRS", b"IORT", b"RIMT", b"MCFG", b""][signature].to_vec();
        text.extend(&bytes);
        let got = of("any", &text);
        let _ = report(&got, Lang::Zh);
        // And with a length that fits, so that the structures are read.
        if text.len() >= 36 {
            let len = text.len() as u32;
            text[4..8].copy_from_slice(&len.to_le_bytes());
            let got = of("any", &text);
            if !got.found.is_empty() {
                runs("any", &got.scenario);
            }
        }
    }
}
