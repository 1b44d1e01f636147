//! A device's own TLB: what each architecture calls it, and which calls of the kernel make it forget.

use iommu_core::explain::Cast;
use iommu_core::iommu::Architecture;
use iommu_core::machine::{run, Run};
use iommu_core::trace::{CacheKind, CacheOp, Event};

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

/// A process stays bound over an attachment, and its translations with it; not where nothing gets through any more, nor where the
/// guest's memory below it goes.
#[test]
fn what_a_process_has_there_goes_with_what_is_below_it() {
    const TRANSLATED: &str =
        "bind gpu to app\nmap app 0x7f00_0000_0000 +4K rw\nats gpu 0x7f00_0000_0000 pasid 7";
    for architecture in Architecture::ALL {
        for (process, attach, then, gone) in [
            ("process app pasid 7", OWN, "domain e\nattach gpu to e", 0),
            ("process app pasid 7", OWN, "unmap d 0x10_0000 +4K", 0),
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
