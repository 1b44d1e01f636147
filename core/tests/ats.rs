//! Translation requests that come to nothing: a page that is not there is answered, without rights; a device that may not request is
//! refused.

use iommu_core::explain::Cast;
use iommu_core::iommu::Architecture;
use iommu_core::machine::{run, Run};
use iommu_core::platform::tlp::{Body, Header, Status, Tlp};
use iommu_core::spec::Lang;
use iommu_core::trace::{CacheKind, CacheOp, Event, Perms, Recorded};
use iommu_core::view::across::across;

fn text(architecture: Architecture, policy: &str, steps: &str) -> String {
    let word = match architecture {
        Architecture::Vtd => "vt-d scalable",
        other => other.describe().word,
    };
    format!(
        "iommu-playground 2\nmachine {word} ats\niommu {policy}\ndevice gpu 00:02.0 pasid ats\n\
         process app pasid 7\nsteps\n{steps}\n"
    )
}

fn runs(text: &str) -> Run {
    run(text).unwrap_or_else(|problems| panic!("{problems}\n{text}"))
}

/// Status and double words of data of the last completion that reached the device.
fn completion(run: &Run) -> (Status, u16) {
    let mut packets = run.machine.trace.steps().iter().filter_map(|step| match step.event {
        Event::Packet { header, dwords, prefix, .. } => {
            match Tlp::decode(&Header { dw: header, len: dwords, prefix }).unwrap().body {
                Body::Completion { status, dwords, .. } => Some((status, dwords)),
                _ => None,
            }
        }
        _ => None,
    });
    packets.next_back().expect("a completion")
}

fn faults(run: &Run) -> Vec<(&'static str, Perms, Recorded)> {
    let of = |event| match event {
        Event::Fault { code, want, recorded, .. } => Some((code.name, want, recorded)),
        _ => None,
    };
    run.machine.trace.steps().iter().filter_map(|step| of(step.event)).collect()
}

fn kept(run: &Run) -> usize {
    let is = |event: &Event| matches!(event, Event::Cache { cache, op: CacheOp::Insert, .. } if cache.kind == CacheKind::DeviceTlb);
    run.machine.trace.steps().iter().filter(|step| is(&step.event)).count()
}

fn ending(run: &Run, text: &str) -> [String; 2] {
    let cast = Cast::of_run(run, text);
    let said = &cast.endings.last().unwrap().text;
    [said.en.clone(), said.zh.clone()]
}

/// Where no page is the answer is a completion of eight bytes without rights, of which nobody keeps a record (VT-d 7.1.3; IHI 0070, 3.9.1.2).
#[test]
fn a_page_that_is_not_there_is_answered_without_rights_and_without_a_record() {
    const OWN: &str = "domain d\nattach gpu to d\nmap d 0x20_0000 +4K rw";
    const PROCESS: &str = "bind gpu to app";
    for architecture in Architecture::ALL {
        for (before, request) in [(OWN, "ats gpu 0x10_0000"), (PROCESS, "ats gpu 0x10_0000 pasid 7")] {
            let text = text(architecture, "strict", &format!("{before}\n{request}"));
            let run = runs(&text);
            assert_eq!(completion(&run), (Status::Success, 2), "{text}");
            let told = faults(&run);
            assert_eq!(told.len(), 1, "{text}\n{told:?}");
            assert_eq!((told[0].1, told[0].2), (Perms::R, Recorded::Suppressed), "{text}\n{told:?}");
            assert_eq!(kept(&run), 0, "{text}");
            let [en, zh] = ending(&run, &text);
            assert!(en.contains("leads nowhere now: gpu keeps nothing"), "{en}");
            assert!(zh.contains("不对应任何地方"), "{zh}");
        }
    }
}

/// Of several pages those that are there are kept, and the line says how many.
#[test]
fn of_several_pages_those_that_are_there_are_kept() {
    for architecture in Architecture::ALL {
        let steps = "domain d\nattach gpu to d\nmap d 0x1000 +8K rw\nats gpu 0x1000 +16K";
        let text = text(architecture, "strict", steps);
        let run = runs(&text);
        assert_eq!((kept(&run), faults(&run).len()), (2, 2), "{text}");
        let [en, zh] = ending(&run, &text);
        assert!(
            en.contains("knows now where 2 of the 4 pages") && en.ends_with("the others lead nowhere."),
            "{en}"
        );
        assert!(zh.contains("4 页中有 2 页"), "{zh}");
    }
}

/// Each unit refuses in its own way: whether it is to be asked without translation at all, and whether it keeps a record of that
/// (IHI 0070, 3.9.1.2: a stream that goes around both stages is refused, with an event; one that is blocked without).
#[test]
fn a_device_that_may_not_request_is_refused_with_an_error() {
    use Architecture::{AmdVi, Riscv, SmmuV3, Vtd};
    use Status::{CompleterAbort, Success, UnsupportedRequest};
    const BLOCKED: &str = "attach gpu to blocked\n";
    for (architecture, before, status, fault) in [
        (Vtd, "", Success, None),
        (Riscv, "", Success, None),
        (AmdVi, "", Success, None),
        (SmmuV3, "", UnsupportedRequest, Some(("F_BAD_ATS_TREQ", true))),
        (Vtd, BLOCKED, UnsupportedRequest, Some(("SCT.2", true))),
        (Riscv, BLOCKED, UnsupportedRequest, Some(("DDT entry not valid", true))),
        (SmmuV3, BLOCKED, UnsupportedRequest, Some(("abort", false))),
        (AmdVi, BLOCKED, CompleterAbort, Some(("INVALID_DEVICE_REQUEST", true))),
    ] {
        let text = text(architecture, "pass-through", &format!("{before}ats gpu 0x10_0000"));
        let run = runs(&text);
        let told = faults(&run);
        let seen = told.first().map(|told| (told.0, matches!(told.2, Recorded::At(_))));
        assert_eq!(
            (completion(&run).0, seen, told.len()),
            (status, fault, usize::from(fault.is_some())),
            "{text}"
        );
        assert!(told.iter().all(|told| told.1 == Perms::R), "{text}\n{told:?}");
        assert_eq!(kept(&run), usize::from(status == Success), "{text}");
        let [en, zh] = ending(&run, &text);
        assert_eq!(en.contains("refuses gpu's translation request"), status != Success, "{text}{en}");
        assert_eq!(zh.contains("拒绝了 gpu 的转换请求"), status != Success, "{text}{zh}");
        if status != Success {
            assert_eq!(completion(&run).1, 0, "an error has no data: {text}");
        }
    }
}

/// All machines side by side do not give the name of a fault that nobody records.
#[test]
fn side_by_side_a_request_without_a_page_says_that_nothing_is_recorded() {
    let said = |steps: &str| -> Vec<String> {
        let text = text(
            Architecture::Riscv,
            "strict",
            &format!("note \"One idea.\"\ndomain d\nattach gpu to d\n{steps}"),
        );
        let rows = across(&text, None, Lang::En).rows;
        let cells = rows.iter().flat_map(|row| row.cells.iter().flatten());
        let facts = cells.flat_map(|cell| &cell.facts).filter(|fact| fact.name == "the fault says");
        facts.map(|fact| fact.value.clone()).collect()
    };
    let of = |steps| said(steps).into_iter().collect::<std::collections::BTreeSet<_>>();
    assert_eq!(of("ats gpu 0x10_0000"), ["none recorded".to_string()].into());
    assert_eq!(of("map d 0x10_0000 +4K rw\nats gpu 0x10_0000"), ["none".to_string()].into());
    // What is recorded beside it is given.
    let both = of("ats gpu 0x10_0000\ndma gpu write 0x10_0000 +4");
    assert!(both.len() == 3 || both.len() == 4, "{both:?}");
    assert!(both.iter().all(|said| !said.starts_with("none")), "{both:?}");
}
