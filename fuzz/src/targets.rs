//! What is fuzzed: one function for each thing that reads what others wrote. None may panic, hang or take more than its limits;
//! what else must hold is asserted here. `core/tests/fuzz_targets.rs` runs the same with the corpus, without a fuzzer.

use iommu_core::addr::{Iova, Pasid, RequesterId};
use iommu_core::budget::Limits;
use iommu_core::explain::logs::render;
use iommu_core::import::trace::{explain, Replay};
use iommu_core::import::{import, report, Input};
use iommu_core::iommu::{Architecture, PasidTag, Request, RequestKind};
use iommu_core::link::{decode, encode, LinkError, Options};
use iommu_core::machine::run::run_within;
use iommu_core::oracle::{At, Oracle, RegisterWrite, Setup};
use iommu_core::scenario::parse;
use iommu_core::scenario::print;
use iommu_core::spec::Lang;
use iommu_core::trace::Perms;
use iommu_core::view::Player;

/// What takes any bytes.
pub type Target = fn(&[u8]);

/// Every target with its name.
pub const ALL: [(&str, Target); 7] = [
    ("parser", parser),
    ("runner", runner),
    ("links", links),
    ("logs", logs),
    ("imports", imports),
    ("traces", traces),
    ("oracle", oracle),
];

const LANGS: [Lang; 2] = [Lang::En, Lang::Zh];

/// A text is parsed and printed the same again, or every problem stands on a line of it.
pub fn parser(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    match parse(&text) {
        Ok(scenario) => {
            let printed = print(&scenario);
            let again = parse(&printed).unwrap_or_else(|problems| panic!("{problems}\n{printed}"));
            assert_eq!(print(&again), printed);
        }
        Err(problems) => {
            assert!(!problems.0.is_empty() && !problems.to_string().is_empty());
            let lines = text.lines().count() as u32 + 1;
            assert!(problems.0.iter().all(|problem| problem.span.line <= lines));
        }
    }
}

/// A scenario runs within its limits, and is shown at its end in both languages.
pub fn runner(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let Ok(scenario) = parse(&text) else { return };
    let limits = Limits { work: 200_000, bytes: 8 << 20, steps: 20_000 };
    let Ok(run) = run_within(scenario, limits) else { return };
    assert!(run.machine.trace.len() as u64 <= limits.steps + 64);
    let mut player = Player::of(run, &text);
    let end = player.viewer.len();
    for lang in LANGS {
        player.viewer.view(end, lang);
        player.scene(end, 100, None, lang);
    }
}

/// A link is decoded or its damage is said; what was decoded is encoded to a link that holds the same text.
pub fn links(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    match decode(&text) {
        Ok(link) => {
            let text = link.target.text();
            if let Ok(again) = encode(text, &Options::default()) {
                assert_eq!(decode(&again).ok().as_ref().map(|link| link.target.text()), Some(text));
            }
        }
        Err(error) => said(&error),
    }
}

fn said(error: &LinkError) {
    assert!(LANGS.iter().all(|lang| !error.message(*lang).is_empty()));
    let _ = error.recovered();
}

/// A log is read and told in both languages; items stand on its lines.
pub fn logs(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let report = explain(&text);
    for lang in LANGS {
        render(&report, lang, true);
    }
}

/// What a running system said becomes a scenario that parses.
pub fn imports(data: &[u8]) {
    let made = import(&[Input { name: "paste", bytes: data }]);
    for lang in LANGS {
        report(&made, lang);
    }
    if !made.scenario.is_empty() {
        parse(&made.scenario).unwrap_or_else(|problems| panic!("{problems}\n{}", made.scenario));
    }
}

/// A trace of DMA events is followed line by line.
pub fn traces(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut replay = Replay::default();
    for line in text.lines() {
        replay.line(line, None);
    }
    replay.finish(None);
    for lang in LANGS {
        replay.report(lang);
    }
}

/// A machine of these bytes: which architecture, words of memory, registers, requests. It answers the same again.
pub fn oracle(data: &[u8]) {
    let mut bytes = data.iter().copied();
    let mut take = |n: u32| -> Option<u64> {
        let mut word = 0;
        for i in 0..n {
            word |= u64::from(bytes.next()?) << (8 * i);
        }
        Some(word)
    };
    let Some(first) = take(1) else { return };
    let mut setup = Setup::new(Architecture::ALL[(first & 3) as usize]);
    setup.caches = first & 4 != 0;
    let mut requests = Vec::new();
    // Bounded: each round takes bytes.
    while let Some(tag) = take(1) {
        match tag & 3 {
            0 | 1 => {
                let (Some(at), Some(word)) = (take(2), take(8)) else { break };
                setup.memory.push((at * 8, word));
            }
            2 => {
                let (Some(at), Some(value)) = (take(2), take(8)) else { break };
                let bytes = Some(if tag & 4 != 0 { 8 } else { 4 });
                setup.registers.push(RegisterWrite { at: At::Offset(at as u32 & !3), bytes, value });
            }
            _ => {
                let (Some(requester), Some(at), Some(data)) = (take(3), take(8), take(4)) else { break };
                let want = [Perms::R, Perms::W, Perms::R.or(Perms::X), Perms::W][(tag >> 2 & 3) as usize];
                let kind = match tag >> 4 & 3 {
                    0 | 3 => RequestKind::Untranslated,
                    1 => RequestKind::Translation { no_write: data & 1 != 0 },
                    _ => RequestKind::Translated,
                };
                let tagged =
                    |pasid| PasidTag { pasid, privileged: data >> 30 & 1 != 0, execute: want.has(Perms::X) };
                let pasid = Pasid::new(data as u32 & 0xf_ffff).filter(|_| tag & 0x40 != 0).map(tagged);
                let data = (tag & 0x80 != 0 && want == Perms::W).then_some(data as u32);
                let plain = Request::new(RequesterId::new(requester as u32), Iova::new(at), want, 4);
                requests.push(Request { pasid, kind, data, ..plain });
            }
        }
    }
    let Ok(mut machine) = Oracle::new(setup) else { return };
    let first: Vec<_> = requests.iter().map(|request| machine.ask(request)).collect();
    machine.reset().expect("it was made before");
    let second: Vec<_> = requests.iter().map(|request| machine.ask(request)).collect();
    assert_eq!(first, second);
}
