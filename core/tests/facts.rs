//! What sentences once said wrongly, in both languages: each of these is something that a reader would take for a fact.

use iommu_core::addr::Space;
use iommu_core::explain::say;
use iommu_core::scenario::onto;
use iommu_core::scenario::presets::{by_name, PRESETS};
use iommu_core::spec::Phrase;
use iommu_core::trace::{Actor, CacheKind, CacheOp, Event, InterruptKind, Scope, Verdict};
use iommu_core::view::Player;
use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

/// Every step of every preset on every architecture, with its sentences; each sentence once.
fn steps(mut look: impl FnMut(&Player, usize, Event, &Phrase)) {
    let mut seen = BTreeSet::new();
    for preset in PRESETS {
        let scenario = iommu_core::scenario::parse(preset.text).unwrap();
        for architecture in preset.architectures() {
            let text = iommu_core::scenario::print(&onto(&scenario, architecture));
            let player = Player::open(&text).unwrap();
            let trace = player.viewer.trace();
            for (at, step) in trace.steps().iter().enumerate() {
                let said = say(trace, at, player.viewer.cast()).text;
                if seen.insert(said.zh.clone()) {
                    look(&player, at, step.event, &said);
                }
            }
        }
    }
    assert!(seen.len() > 3000, "{}", seen.len());
}

fn without(said: &Phrase, words: &[&str]) {
    for word in words {
        assert!(!said.en.contains(word) && !said.zh.contains(word), "{word}: {said:?}");
    }
}

fn digits(text: &str) -> usize {
    text.chars().filter(char::is_ascii_digit).count()
}

#[test]
fn what_a_step_says_is_what_it_did() {
    let mut rules: BTreeMap<&str, BTreeSet<bool>> = BTreeMap::new();
    let mut met: BTreeMap<&str, usize> = BTreeMap::new();
    steps(|player, at, event, said| {
        let trace = player.viewer.trace();
        let mut meet = |what| *met.entry(what).or_default() += 1;
        match event {
            // A check that failed does not say in words that it held.
            Event::Check { rule, ok, .. } => {
                meet(if ok { "checked" } else { "refused" });
                rules.entry(rule.text.en).or_default().insert(ok);
            }
            // A hit in a CPU's data cache has to do with no table.
            Event::Cache { cache, op: CacheOp::Hit | CacheOp::Stale, .. }
                if cache.kind == CacheKind::Data =>
            {
                meet("data cache");
                without(said, &["table", "表"]);
            }
            // The index of an interrupt entry is no address.
            Event::Cache { cache, .. } if cache.kind == CacheKind::Interrupt => {
                meet("interrupt cache");
                without(said, &["0x"]);
            }
            // Whose page is missing: others may have an entry for the same address.
            Event::Cache { cache, op: CacheOp::Miss, line, .. } if line.shift > 0 => {
                let (process, domain) = cache.tags();
                for (name, number) in [(process, line.pasid), (domain, line.domain)] {
                    let Some(number) = number else { continue };
                    meet("whose");
                    assert!(said.en.contains(&format!("{} {number}", name.en)), "{said:?}");
                    assert!(said.zh.contains(&format!("{} {number}", name.zh)), "{said:?}");
                }
            }
            // What is written as it was does not become.
            Event::Write { old, new, .. } | Event::Register { old, new, write: true, .. } if old == new => {
                meet("unchanged");
                without(said, &["becomes", "变为"]);
            }
            // What was refused has neither a vector nor a CPU.
            Event::Interrupt { kind: InterruptKind::Blocked, .. } => {
                meet("blocked");
                assert_eq!((digits(&said.en), digits(&said.zh)), (0, 0), "{said:?}");
            }
            // No device wrote what the IOMMU itself sends.
            Event::Interrupt { .. } if trace.steps()[at].actor == Actor::Iommu => {
                meet("interrupt");
                without(said, &["as the device wrote", "按设备所写", "照设备所写"]);
            }
            // Configuration space is reached by a function and an offset, not by an address on the bus.
            Event::Begin(Scope::CpuAccess { at, .. }) if at.space == Space::Bus => {
                meet("configuration");
                without(said, &["bus address", "总线域地址"]);
                assert!(said.zh.contains("配置空间") && said.en.contains("configuration space"), "{said:?}");
            }
            // VT-d's legacy mode reports a page that is not there as a missing right: it is said where it is seen.
            Event::Read { entry, verdict: Verdict::Refused(rule), .. }
                if rule.text.en.starts_with("the entry is not present (R = W = 0")
                    && entry.section.starts_with("VT-d") =>
            {
                meet("not present");
                assert!(said.zh.contains("传统模式") && said.en.contains("legacy mode"), "{said:?}");
            }
            // A fault of an interrupt message is about no IOVA; one that was blocked for its form names no entry.
            Event::Fault { code, at, .. } if (0x20..0x28).contains(&code.code) && at.raw < 1 << 16 => {
                let vtd = code.section.starts_with("VT-d");
                if vtd {
                    meet("interrupt fault");
                    without(said, &["IOVA"]);
                    if code.code == 0x25 {
                        meet("compatibility format");
                        without(said, &["Entry 0", "第 0 项"]);
                        assert!(said.zh.contains("0xfee") && said.en.contains("0xfee"), "{said:?}");
                    }
                }
            }
            _ => {}
        }
    });
    for (rule, said) in rules {
        assert_eq!(said.len(), 1, "said of what holds and of what does not: {rule}");
    }
    let wanted = [
        "checked",
        "refused",
        "data cache",
        "interrupt cache",
        "whose",
        "unchanged",
        "blocked",
        "interrupt",
        "configuration",
        "not present",
        "interrupt fault",
        "compatibility format",
    ];
    for what in wanted {
        assert!(met.contains_key(what), "{what} is met nowhere: {met:?}");
    }
}

#[test]
fn texts_keep_to_what_their_words_mean() {
    for preset in PRESETS {
        // PCIe has no lines for addresses.
        assert!(!preset.text.contains("address line"), "{}", preset.name);
    }
    let text = |name: &str| by_name(name).unwrap().text;
    // A hole is where nothing is mapped, and in this scenario it is what is.
    assert!(!text("reserved-memory").contains('洞'));
    // What a network card sends is no TLP.
    assert!(text("swiotlb").contains("网络包"));
    // The device of a guest is a real one that it was given, not one that is emulated for it.
    assert!(text("two-stages").contains("直通给虚拟机的设备"));
}

/// The first commands that a reader copies lead to something that is mapped.
#[test]
fn where_of_the_readme_is_somewhere() {
    for readme in ["README.md", "README.zh.md"] {
        let path = format!("{}/../{readme}", env!("CARGO_MANIFEST_DIR"));
        let document = std::fs::read_to_string(path).unwrap();
        let mut commands = 0;
        for line in document.lines().filter_map(|l| l.split("iommu-play where ").nth(1)) {
            let args = line.split(['#', '`']).next().unwrap().split_whitespace();
            let out =
                Command::new(env!("CARGO_BIN_EXE_iommu-play")).arg("where").args(args).output().unwrap();
            let said = String::from_utf8(out.stdout).unwrap();
            assert!(out.status.success(), "{readme}: {line}");
            for word in ["---", "fault 0x", "转换错误 0x", "无权限"] {
                assert!(!said.contains(word), "{readme}: {line}: {said}");
            }
            commands += 1;
        }
        assert!(commands > 0, "{readme}");
    }
}

/// What a scenario proposes to try is what then happens.
#[test]
fn a_guest_behind_the_iommu_reaches_its_own_memory_and_no_other() {
    let scenario = iommu_core::scenario::parse(by_name("guest-dma").unwrap().text).unwrap();
    let changed = iommu_core::scenario::print(&iommu_core::scenario::change(&scenario).unwrap());
    let run = iommu_core::machine::run(&changed).unwrap();
    let dma: Vec<bool> =
        { run.done.iter() }.filter(|d| d.verb == "dma").map(|d| d.outcome.fault.is_some()).collect();
    assert_eq!(dma, [false, true, true]);
}

/// A structure's words are said in the order in which they are in memory.
#[test]
fn words_of_a_structure_follow_their_addresses() {
    let mut structures = 0;
    steps(|player, at, event, said| {
        let Event::WriteRun { entry, new, .. } = event else { return };
        let words = player.viewer.trace().get_words(new);
        if said.zh.contains("从低地址起是") {
            structures += 1;
            let written: Vec<String> = words.iter().map(|w| format!("{w:#x}")).collect();
            assert!(said.zh.contains(&written.join("、")), "{at} {}: {said:?}", entry.name.en);
            assert!(said.en.contains(&written.join(" ")), "{at} {}: {said:?}", entry.name.en);
        }
    });
    assert!(structures > 20, "{structures}");
}

/// A guest writes its tables by the addresses that it knows; a number beside the name of a packet is no length.
#[test]
fn numbers_say_what_they_are() {
    let mut guests = 0;
    steps(|player, at, event, said| {
        let step = &player.viewer.trace().steps()[at];
        match event {
            Event::Write { pa, .. } | Event::WriteRun { pa, .. } if step.actor == Actor::Guest => {
                guests += 1;
                let known = player.viewer.cast().guest_physical(pa).unwrap();
                let between = player.viewer.cast().terms().between.zh;
                assert!(said.zh.contains(&format!("{between} {known}（物理地址 {pa}）")), "{said:?}");
            }
            Event::Packet { .. } => without(said, &["(32)", "(64)"]),
            Event::Cache { cache, line, .. } if cache.kind != CacheKind::Data && line.shift > 0 => {
                let sized =
                    said.zh.contains(" 页）") || said.zh.contains("未命中") || said.zh.contains("不允许");
                assert!(sized, "{said:?}");
            }
            Event::Load { bytes, .. } if bytes > 8 => {
                assert!(said.zh.contains("前 8 字节") || said.zh.contains("开头是"), "{said:?}");
            }
            _ => {}
        }
    });
    assert!(guests > 10, "{guests}");
}
