//! A device's own TLB: what each architecture calls it, and which calls of the kernel make it forget.

use iommu_core::explain::Cast;
use iommu_core::iommu::Architecture;
use iommu_core::machine::{run, Run};
use iommu_core::trace::{CacheKind, CacheOp, Event, Scope};

/// A machine with ATS, a device that has a translation in its TLB, and what happens then.
fn scenario(version: u8, architecture: Architecture, policy: &str, before: &str, then: &str) -> String {
    let word = match architecture {
        Architecture::Vtd => "vt-d scalable",
        other => other.describe().word,
    };
    format!(
        "iommu-playground {version}\nmachine {word} ats\niommu {policy}\ndevice gpu 00:02.0 pasid ats\n\
         vm blue ram 0 +16M\nsteps\n{before}\nats gpu 0x10_0000\ndma gpu write 0x10_0000 +64\n{then}\n"
    )
}

fn runs(text: &str) -> Run {
    run(text).unwrap_or_else(|problems| panic!("{problems}\n{text}"))
}

/// What was done with the device's own TLB, in the order of the steps.
fn used(run: &Run) -> Vec<(&'static str, &'static str, CacheOp)> {
    let of = |event| match event {
        Event::Cache { cache, op, .. } if cache.kind == CacheKind::DeviceTlb => {
            Some((cache.name.en, cache.name.zh, op))
        }
        _ => None,
    };
    run.machine.trace.steps().iter().filter_map(|step| of(step.event)).collect()
}

const OWN: &str = "domain d\nattach gpu to d\nmap d 0x10_0000 +4K rw";

#[test]
fn it_has_its_architecture_s_name_in_traces_and_in_what_came_of_a_line() {
    for architecture in Architecture::ALL {
        let terms = &architecture.describe().terms;
        let text = scenario(2, architecture, "strict", OWN, "invalidate device-tlb of gpu");
        let run = runs(&text);
        let used = used(&run);
        let ops: Vec<_> = used.iter().map(|used| used.2).collect();
        assert_eq!(ops, [CacheOp::Insert, CacheOp::Hit, CacheOp::Invalidate], "{text}");
        for (en, zh, _) in used {
            assert_eq!((en, zh), (terms.device_tlb.name.en, terms.device_tlb.name.zh), "{text}");
            assert_ne!(en, terms.iotlb, "one name for two caches: {text}");
        }
        let cast = Cast::of_run(&run, &text);
        let said = &cast.endings.last().unwrap().text;
        assert!(said.en.contains(terms.device_tlb.name.en), "{}", said.en);
        assert!(said.zh.contains(terms.device_tlb.name.zh), "{}", said.zh);
    }
    let names = Architecture::ALL.map(|a| a.describe().terms.device_tlb.name.en);
    assert_eq!(names, ["Device-TLB", "DevATC", "ATC", "IOTLB (in the device)"]);
}

/// Each call takes the translation out of the TLB of the device that had it. In version 1 it stayed, and was used.
#[test]
fn what_is_unmapped_or_detached_is_forgotten_by_the_device_too() {
    let nested = "domain inner in blue\nattach gpu to inner\nmap inner 0x10_0000 +4K -> 0x20_0000 rw";
    for (policy, before, then) in [
        ("strict", OWN, "unmap d 0x10_0000 +4K"),
        ("lazy", OWN, "unmap d 0x10_0000 +4K\nflush"),
        ("strict", OWN, "domain e\nattach gpu to e"),
        ("strict", OWN, "attach gpu to blocked"),
        ("strict", OWN, "detach gpu"),
        ("strict", "attach gpu to blue", "unmap blue 0x10_0000 +4K"),
        ("strict", nested, "unmap inner 0x10_0000 +4K"),
        ("strict", nested, "unmap blue 0x20_0000 +4K"),
    ] {
        for architecture in Architecture::ALL {
            for version in [1, 2] {
                let then = format!("{then}\ndma gpu write 0x10_0000 +64");
                let text = scenario(version, architecture, policy, before, &then);
                let ops: Vec<_> = used(&runs(&text)).iter().map(|used| used.2).collect();
                let wanted = match version {
                    1 => CacheOp::Stale,
                    _ => CacheOp::Invalidate,
                };
                assert_eq!(ops, [CacheOp::Insert, CacheOp::Hit, wanted], "{text}");
            }
        }
    }
}

/// What nobody has to forget stays: other pages, other domains, and what is left to steps on purpose.
#[test]
fn what_is_still_mapped_or_told_to_stay_is_kept() {
    for (policy, then, last) in [
        ("strict", "unmap d 0x20_0000 +4K", CacheOp::Hit),
        ("strict", "domain e\nmap e 0x10_0000 +4K rw\nunmap e 0x10_0000 +4K", CacheOp::Hit),
        ("strict", "unmap d 0x10_0000 +4K no-invalidate", CacheOp::Stale),
        ("lazy", "unmap d 0x10_0000 +4K", CacheOp::Stale),
    ] {
        for architecture in Architecture::ALL {
            let before = format!("{OWN}\nmap d 0x20_0000 +4K rw");
            let then = format!("{then}\ndma gpu write 0x10_0000 +64");
            let text = scenario(2, architecture, policy, &before, &then);
            let ops: Vec<_> = used(&runs(&text)).iter().map(|used| used.2).collect();
            assert_eq!(ops, [CacheOp::Insert, CacheOp::Hit, last], "{text}");
        }
    }
}

/// How many translations of a PASID the devices forgot.
fn forgotten(run: &Run, pasid: u32) -> usize {
    let of_it = run.machine.trace.steps().iter().filter(|step| {
        matches!(step.event, Event::Cache { cache, op: CacheOp::Invalidate, line, .. }
            if cache.kind == CacheKind::DeviceTlb && line.pasid == Some(pasid))
    });
    of_it.count()
}

/// A process stays bound over an attachment, but what the device has of it goes with a command that has no PASID, where the range has
/// it: PCIe has no request for translations without a PASID alone.
#[test]
fn what_a_process_has_there_goes_with_what_a_command_without_its_pasid_names() {
    const TRANSLATED: &str =
        "bind gpu to app\nmap app 0x7f00_0000_0000 +4K rw\nats gpu 0x7f00_0000_0000 pasid 7";
    for architecture in Architecture::ALL {
        for (process, attach, then, gone) in [
            ("process app pasid 7", OWN, "domain e\nattach gpu to e", 1),
            ("process app pasid 7", OWN, "unmap d 0x10_0000 +4K", 0),
            ("process app pasid 7", OWN, "map d 0x7f00_0000_0000 +4K rw\nunmap d 0x7f00_0000_0000 +4K", 1),
            ("process app pasid 7\nprocess b pasid 8", OWN, "bind gpu to b\nunbind gpu pasid 8", 0),
            ("process app pasid 7", OWN, "attach gpu to blocked", 1),
            ("process app pasid 7", OWN, "detach gpu", 1),
            ("process app in blue pasid 7", "attach gpu to blue", "unmap blue 0x20_0000 +4K", 1),
        ] {
            let before = format!("{attach}\n{TRANSLATED}");
            let text = scenario(2, architecture, "strict", &before, then)
                .replace("steps\n", &format!("{process}\nsteps\n"));
            assert_eq!(forgotten(&runs(&text), 7), gone, "{text}");
        }
    }
}

/// A command names an aligned power of two of pages. What the device has of those goes, also what software did not mean.
#[test]
fn the_device_forgets_the_range_that_the_command_says() {
    let before = "domain d\nattach gpu to d\nmap d 0x40_0000 +32K rw\nats gpu 0x40_0000 +32K";
    for architecture in Architecture::ALL {
        for (gone, bytes) in [("0x40_1000", "4K"), ("0x40_1000", "12K"), ("0x40_3000", "8K")] {
            let text = scenario(2, architecture, "strict", before, &format!("unmap d {gone} +{bytes}"))
                .replace("\nats gpu 0x10_0000\ndma gpu write 0x10_0000 +64", "");
            let run = runs(&text);
            let mut pages: Vec<u64> = run
                .machine
                .trace
                .steps()
                .iter()
                .filter_map(|step| match step.event {
                    Event::Cache { cache, op: CacheOp::Invalidate, line, .. }
                        if cache.kind == CacheKind::DeviceTlb =>
                    {
                        Some(line.from >> 12)
                    }
                    _ => None,
                })
                .collect();
            pages.sort_unstable();
            let wanted = match (gone, bytes) {
                (_, "4K") => 0x401..0x402,
                (_, "12K") => 0x400..0x404,
                _ => 0x400..0x408,
            };
            assert_eq!(pages, wanted.collect::<Vec<u64>>(), "{text}");
        }
    }
}

/// The device forgets while the unit carries the command out: after it was written, before the command behind it, which waits, is
/// done.
#[test]
fn the_device_forgets_inside_the_command_and_before_the_wait() {
    for architecture in Architecture::ALL {
        for (version, then) in [
            (1, "invalidate device-tlb of gpu"),
            (2, "invalidate device-tlb of gpu"),
            (2, "unmap d 0x10_0000 +4K"),
            (2, "detach gpu"),
        ] {
            let text = scenario(version, architecture, "strict", OWN, then);
            let run = runs(&text);
            let (mut inside, mut seen, mut waits) = (Vec::new(), 0, 0);
            for step in run.machine.trace.steps() {
                match step.event {
                    Event::Begin(scope) => inside.push(scope),
                    Event::End(_) => waits += usize::from(seen == 1 && is_command(inside.pop())),
                    Event::Cache { cache, op: CacheOp::Invalidate, .. }
                        if cache.kind == CacheKind::DeviceTlb =>
                    {
                        assert!(is_command(inside.last().copied()), "{text}");
                        seen += 1;
                    }
                    _ => {}
                }
            }
            // Its own end, and that of the wait.
            assert!(seen == 1 && waits >= 2, "{seen} {waits} {text}");
        }
    }
}

fn is_command(scope: Option<Scope>) -> bool {
    matches!(scope, Some(Scope::Command { .. }))
}

/// AMD-Vi's command says how many requests the device may have under way: what its ATS capability says, as Linux sets it, where 0
/// is 32. Of VT-d's field five bits are left of that number, so that 0 stands for it there too.
#[test]
fn the_command_says_how_many_requests_a_device_takes_at_a_time() {
    for (architecture, command, word) in [
        (Architecture::AmdVi, "INVALIDATE_IOTLB_PAGES", 0x4000_0010_2000_0010),
        (Architecture::Vtd, "device-TLB invalidate descriptor", 0x0000_0010_0000_0003),
    ] {
        let text = scenario(2, architecture, "strict", OWN, "invalidate device-tlb of gpu");
        let run = runs(&text);
        let trace = &run.machine.trace;
        let words = trace.steps().iter().find_map(|step| match step.event {
            Event::Read { entry, words, .. } if entry.name.en == command => Some(trace.get_words(words)),
            _ => None,
        });
        assert_eq!(words.map(|words| words[0]), Some(word), "{text}");
    }
}

/// A unit without ATS knows no such command: its queue stops at it, and the line does not say that something was forgotten.
#[test]
fn a_unit_without_ats_refuses_to_pass_a_request_on() {
    for architecture in [Architecture::Riscv, Architecture::SmmuV3, Architecture::AmdVi] {
        let word = architecture.describe().word;
        let said = |ats: &str| {
            let text = format!(
                "iommu-playground 2\nmachine {word} {ats}\ndevice gpu 00:02.0 ats\nsteps\ninvalidate device-tlb of gpu\n"
            );
            let cast = Cast::of_run(&runs(&text), &text);
            let said = &cast.endings.last().unwrap().text;
            (said.en.clone(), said.zh.clone())
        };
        let (en, zh) = said("");
        assert!(en.starts_with("The IOMMU refuses the command, and nothing is forgotten: "), "{en}");
        assert!(en.ends_with("where its `machine` line has `ats`."), "{en}");
        assert!(zh.starts_with("IOMMU 拒绝执行这条命令") && zh.contains("`ats`"), "{zh}");
        assert!(said("ats").0.contains("has forgotten 0 entries"), "{}", said("ats").0);
    }
}
