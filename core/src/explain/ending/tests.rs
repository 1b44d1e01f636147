//! Every operation of every preset, and of its suggested change, ends in a sentence that says a result.

use super::{Ending, Kind, Looks};
use crate::explain::Cast;
use crate::machine::run;
use crate::scenario::presets::{by_name, PRESETS};
use crate::scenario::{change, parse, print};
use crate::spec::Lang;
use crate::trace::{Event, InterruptKind};
use alloc::{format, string::String, vec::Vec};
use core::cell::Cell;

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

/// How many things are looked at to say what came of a text's operations, and what is said of the last.
fn looked(text: &str, may: u64) -> (u64, usize, Ending) {
    let run = run(text).unwrap();
    let looks = Looks(Cell::new(may));
    let mut cast = Cast::of_run_within(&run, text, &looks);
    (may - looks.0.get(), run.machine.trace.len(), cast.endings.pop().unwrap())
}

#[test]
fn what_came_of_operations_is_found_without_going_through_all_there_is() {
    let head = "iommu-playground 1\nmachine vt-d\nram 0 .. 3G\ndevice n 00:03.0\n";
    let lines = |n: usize, line: &dyn Fn(usize) -> String| (0..n).map(line).collect::<String>();
    let buffers = lines(2_000, &|i| format!("alloc b{i} 4K\n"));
    let texts = [
        // Buffers, and accesses to each of them.
        format!(
            "{head}iommu pass-through\nsteps\n{buffers}{}",
            lines(2_000, &|i| format!("dma n write b{i} +64\n"))
        ),
        // Tables of processes, and accesses through them: the tables are read again where they have changed.
        format!(
            "{head}{}steps\n{}{}",
            lines(20, &|i| format!("process p{i}\n")),
            lines(20, &|i| format!("map p{i} 0x40_0000 +256K rw scattered\n")),
            lines(1_000, &|i| format!("cpu write 0x40_0000 +8 {i} in p{}\n", i % 20)),
        ),
        // Lines of a cache that devices do not see.
        format!(
            "{head}iommu off\ncache non-coherent\nsteps\nalloc b 1M\n{}",
            lines(500, &|i| format!("cpu write b+{} +256 pattern\ndma n read b+{} +64\n", i * 256, i * 256)),
        ),
    ];
    for text in &texts {
        let (looks, steps, _) = looked(text, u64::MAX);
        // A few for each step (of a cache's lines, at most two thousand for each written back), and the tables once.
        assert!(looks < 200 * steps as u64 + 500_000, "{looks} looks at {steps} steps");
    }
    // Pieces that do not follow each other: each is looked up among those that went the other way.
    let apart = format!("{head}iommu off\nsteps\ndma n read 0x10_0000 +8 times 20000 stride 4096\n");
    assert!(looked(&apart, u64::MAX).2.text.en.contains("other places"));
    // When nothing more may be looked at, less is said, and nothing wrong.
    let (_, _, last) = looked(&texts[1], 1_000);
    assert!(last.text.en.contains("memory") && !last.text.en.contains("without a name"), "{}", last.text.en);
}

/// A number of packets that are for different things says how many are for what, and they add up.
#[test]
fn parts_of_packets_add_up() {
    let mut parted = 0;
    for preset in PRESETS {
        for (line, ending) in endings(preset.text) {
            let Some((_, rest)) = ending.text.zh.split_once("，共用 ") else { continue };
            let Some((all, parts)) = rest.split_once(" 个请求包（") else { continue };
            let (parts, _) = parts.split_once('）').unwrap();
            let number = |text: &str| -> u64 { text.rsplit(' ').next().unwrap().parse().unwrap() };
            let sum: u64 = parts.split('、').map(number).sum();
            assert_eq!(all.parse(), Ok(sum), "{}: {line}: {}", preset.name, ending.text.zh);
            parted += 1;
        }
    }
    assert!(parted > 2, "{parted}");
}

/// What `interrupt` promises is what the machine does: where an entry names its source others are refused, where interrupt files
/// have no senders they are not.
#[test]
fn what_is_said_of_an_interrupt_is_what_happens() {
    use crate::iommu::{Ability, Architecture};
    for architecture in Architecture::ALL {
        let word = architecture.describe().word;
        let text = format!(
            "iommu-playground 1\nmachine {word}\niommu strict\ndevice nic 00:03.0\ndevice cam 00:04.0\nsteps\n\
             domain d\nattach nic to d\nattach cam to d\ninterrupt 3 vector 0x51 cpu 1 source nic\n\
             msi nic entry 3\nmsi cam entry 3\n"
        );
        let ran = run(&text).unwrap();
        // The unit's own interrupt for a fault has another vector.
        let arrives = |done: &crate::machine::Done| {
            let trace = &ran.machine.trace;
            let steps = trace.steps().range(done.steps.clone());
            let found = steps.iter().any(|step| match step.event {
                Event::Interrupt { vector, kind, .. } => {
                    vector & 0xff == 0x51 && kind != InterruptKind::Blocked
                }
                _ => false,
            });
            found
        };
        let arrived: Vec<_> = ran.done.iter().rev().take(2).map(arrives).collect();
        let said = of(&text, "interrupt 3");
        let files = architecture.has(Ability::InterruptFiles);
        // The other device's message arrives nowhere but where nobody looks at senders.
        assert_eq!(arrived, [files, true], "{word}");
        let only =
            ["only nic may use it", "for nic alone"].iter().any(|promise| said.text.en.contains(promise));
        assert_eq!(only, !files, "{word}: {}", said.text.en);
        assert_eq!(said.text.en.contains("makes no check"), files, "{word}: {}", said.text.en);
        assert_eq!(said.text.zh.contains("不起作用"), files, "{word}: {}", said.text.zh);
    }
}

/// A cache is called what its architecture calls it, in what came of a line as in the steps.
#[test]
fn what_remembers_translations_has_its_architecture_s_name() {
    use crate::iommu::Architecture;
    for architecture in Architecture::ALL {
        let (word, name) = (architecture.describe().word, architecture.describe().terms.iotlb);
        let text = format!(
            "iommu-playground 1\nmachine {word}\niommu strict\ndevice nic 00:03.0\nsteps\nalloc buf 4K\n\
             rx = dma_map_single nic buf from-device\ndma nic write rx +64\ndma_unmap_single rx\ninvalidate iotlb\n"
        );
        for line in ["dma_unmap_single", "invalidate"] {
            let said = of(&text, line).text;
            assert!(said.en.contains(name) && said.zh.contains(name), "{word}: {}", said.en);
        }
        let ran = run(&text).unwrap();
        let caches = ran.machine.trace.steps().iter().filter_map(|step| match step.event {
            crate::trace::Event::Cache { cache, .. } if cache.kind == crate::trace::CacheKind::Iotlb => {
                Some(cache.name.en)
            }
            _ => None,
        });
        assert!(caches.clone().count() > 0 && { caches }.all(|cache| cache == name), "{word}");
    }
}
