//! Every operation of every preset, and of its suggested change, ends in a sentence that says a result.

use super::Kind;
use crate::explain::Cast;
use crate::machine::run;
use crate::scenario::presets::{by_name, PRESETS};
use crate::scenario::{change, parse, print};
use crate::spec::Lang;
use alloc::{string::String, vec::Vec};

fn endings(text: &str) -> Vec<(String, super::Ending)> {
    let run = run(text).unwrap();
    let cast = Cast::of_run(&run, text);
    let lines = run.done.iter().map(|d| cast.line(d.span.line).into()).collect::<Vec<String>>();
    lines.into_iter().zip(cast.endings).collect()
}

fn changed(name: &str) -> String {
    print(&change(&parse(by_name(name).unwrap().text).unwrap()).unwrap())
}

#[test]
fn every_operation_of_every_preset_says_a_result_in_both_languages() {
    for preset in PRESETS {
        for text in [preset.text.into(), changed(preset.name)] {
            for (line, ending) in endings(&text) {
                for lang in [Lang::En, Lang::Zh] {
                    let said = ending.text.get(lang);
                    let who = alloc::format!("{}: {line}: {said}", preset.name);
                    assert!(said.len() > 8, "{who}");
                    assert!(!said.contains("Done") && !said.contains("完成。"), "{who}");
                    assert!(said.ends_with(if lang == Lang::En { '.' } else { '。' }), "{who}");
                    assert!(!said.contains("  ") && !said.contains(" ,") && !said.contains(" 。"), "{who}");
                    assert!(!said.contains(line.as_str()), "{who}");
                }
            }
        }
    }
}

/// What `line` of a text came to.
fn of(text: &str, line: &str) -> super::Ending {
    let all = endings(text);
    all.into_iter().rev().find(|(l, _)| l.starts_with(line)).unwrap_or_else(|| panic!("{line}")).1
}

#[test]
fn data_that_is_where_it_must_not_be_is_wrong() {
    let preset = |name| by_name(name).unwrap().text;
    assert_eq!(of(preset("lazy"), "dma nic write rx data \"stale\"").kind, Kind::Wrong);
    assert_eq!(of(preset("lazy"), "dma nic write rx data \"first\"").kind, Kind::Arrived);
    assert_eq!(of(preset("lazy"), "dma nic write rx data \"never\"").kind, Kind::Refused);
    assert_eq!(of(preset("why-iommu"), "dma nic write 0x1000_0000").kind, Kind::Refused);
    assert_eq!(of(&changed("why-iommu"), "dma nic write 0x1000_0000").kind, Kind::Wrong);
    assert_eq!(of(preset("mask"), "dma nic write rx data \"packet\"").kind, Kind::Wrong);
    assert_eq!(of(preset("sync-for-cpu"), "cpu read buf").kind, Kind::Answered);
    assert_eq!(of(preset("cache-line"), "cpu evict").kind, Kind::Lost);
    assert_eq!(of(&changed("cache-line"), "cpu evict").kind, Kind::Done);
    assert_eq!(of(preset("bus-offset"), "dma usb write buf.pa").kind, Kind::Lost);
    assert_eq!(of(&changed("use-after-unmap"), "dma nic write rx data \"too late\"").kind, Kind::Wrong);
}

#[test]
fn the_second_read_without_sync_is_of_an_old_copy() {
    let text = by_name("sync-for-cpu").unwrap().text;
    let kinds: Vec<Kind> =
        endings(text).iter().filter(|(l, _)| l == "cpu read buf").map(|(_, e)| e.kind).collect();
    assert_eq!(kinds, [Kind::Answered, Kind::Wrong, Kind::Answered]);
}

#[test]
fn numbers_and_plurals_read_as_english() {
    assert_eq!(super::plural("page-directory entry (2 MiB page)"), "page-directory entries (2 MiB page)");
    assert_eq!(super::plural("PDPT entry (1 GiB page)"), "PDPT entries (1 GiB page)");
    assert_eq!(super::count(1, "page"), "1 page");
    assert_eq!(super::count(1500, "packet"), "1,500 packets");
    assert_eq!(super::thousands(1_234_567), "1,234,567");
    assert_eq!(super::thousands(12_345), "12,345");
    assert_eq!(super::bytes(13).en, "13 bytes");
    assert_eq!(super::bytes(4096).zh, "4 KiB");
}
