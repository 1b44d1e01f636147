//! Whatever a person can type: a message, or a run; never a panic, never a hang, within the limits.
//!
//! Texts are made from the scenarios that the tests and the page have, by cutting, doubling, swapping and
//! misspelling their lines and numbers. They parse often enough that the machine is reached.

use iommu_core::budget::Limits;
use iommu_core::machine::run;
use iommu_core::spec::Lang;
use iommu_core::view::Player;
use proptest::prelude::*;
use std::{fs, path::Path, sync::OnceLock};

/// The lines of every scenario that texts are made from.
fn seeds() -> &'static [Vec<String>] {
    static SEEDS: OnceLock<Vec<Vec<String>>> = OnceLock::new();
    SEEDS.get_or_init(read)
}

fn read() -> Vec<Vec<String>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    for folder in ["tests/machine", "src/scenario/presets"] {
        let mut here: Vec<_> = fs::read_dir(root.join(folder))
            .into_iter()
            .flatten()
            .filter_map(|e| Some(e.ok()?.path()))
            .filter(|p| p.extension().is_some_and(|e| e == "scn"))
            .collect();
        here.sort();
        files.extend(here);
    }
    files.iter().map(|p| fs::read_to_string(p).unwrap().lines().map(String::from).collect()).collect()
}

/// One change of a text.
#[derive(Clone, Debug)]
enum Change {
    /// A line goes.
    Cut(usize),
    /// A line comes twice, the second time elsewhere.
    Double(usize, usize),
    /// Two lines change places.
    Swap(usize, usize),
    /// A line of another scenario comes in.
    Graft(usize, usize, usize),
    /// A number becomes another.
    Number(usize, usize, String),
    /// A word becomes one from elsewhere.
    Word(usize, usize, usize),
    /// Two words of a line change places.
    Words(usize, usize, usize),
}

fn number() -> impl Strategy<Value = String> {
    let special = prop_oneof![
        Just("0".to_string()),
        Just("1".to_string()),
        Just("0xffff_ffff_ffff_ffff".to_string()),
        Just("0xffff_ffff_ffff_f000".to_string()),
        Just("0x8000_0000_0000_0000".to_string()),
        Just("0xfee0_0000".to_string()),
        Just("0x1_0000_0000".to_string()),
        Just("1T".to_string()),
        Just("4095".to_string()),
        Just("4097".to_string()),
    ];
    prop_oneof![
        special,
        any::<u64>().prop_map(|n| n.to_string()),
        (0u64..1 << 33).prop_map(|n| format!("{n:#x}"))
    ]
}

fn change() -> impl Strategy<Value = Change> {
    let n = || any::<usize>();
    prop_oneof![
        1 => n().prop_map(Change::Cut),
        1 => (n(), n()).prop_map(|(a, b)| Change::Double(a, b)),
        1 => (n(), n()).prop_map(|(a, b)| Change::Swap(a, b)),
        2 => (n(), n(), n()).prop_map(|(a, b, c)| Change::Graft(a, b, c)),
        4 => (n(), n(), number()).prop_map(|(a, b, c)| Change::Number(a, b, c)),
        1 => (n(), n(), n()).prop_map(|(a, b, c)| Change::Word(a, b, c)),
        1 => (n(), n(), n()).prop_map(|(a, b, c)| Change::Words(a, b, c)),
    ]
}

fn apply(lines: &mut Vec<String>, all: &[Vec<String>], change: &Change) {
    if lines.len() < 3 {
        return;
    }
    // The first line says the version: without it nothing runs.
    let line = |n: usize, lines: &[String]| 1 + n % (lines.len() - 1);
    let is_number = |w: &&str| w.trim_start_matches('+').starts_with(|c: char| c.is_ascii_digit());
    match change {
        Change::Cut(a) => {
            let at = line(*a, lines);
            lines.remove(at);
        }
        Change::Double(a, b) => {
            let (from, to) = (line(*a, lines), line(*b, lines));
            let copy = lines[from].clone();
            lines.insert(to, copy);
        }
        Change::Swap(a, b) => {
            let (a, b) = (line(*a, lines), line(*b, lines));
            lines.swap(a, b);
        }
        Change::Graft(a, b, c) => {
            let other = &all[b % all.len()];
            let to = line(*a, lines);
            lines.insert(to, other[line(*c, other)].clone());
        }
        Change::Number(a, b, new) => {
            let at = line(*a, lines);
            let words: Vec<&str> = lines[at].split(' ').collect();
            let places: Vec<usize> = (0..words.len()).filter(|i| is_number(&words[*i])).collect();
            if let Some(place) = places.get(b % places.len().max(1)) {
                let plus = if words[*place].starts_with('+') { "+" } else { "" };
                let new = format!("{plus}{new}");
                let mut words: Vec<String> = words.iter().map(|w| w.to_string()).collect();
                words[*place] = new;
                lines[at] = words.join(" ");
            }
        }
        Change::Word(a, b, c) => {
            let (at, from) = (line(*a, lines), line(*c, lines));
            let other: Vec<String> = lines[from].split_whitespace().map(String::from).collect();
            let mut words: Vec<String> = lines[at].split_whitespace().map(String::from).collect();
            if !words.is_empty() && !other.is_empty() {
                let place = b % words.len();
                words[place] = other[c % other.len()].clone();
                lines[at] = words.join(" ");
            }
        }
        Change::Words(a, b, c) => {
            let at = line(*a, lines);
            let mut words: Vec<String> = lines[at].split_whitespace().map(String::from).collect();
            if !words.is_empty() {
                let (b, c) = (b % words.len(), c % words.len());
                words.swap(b, c);
                lines[at] = words.join(" ");
            }
        }
    }
}

/// What one operation may draw beyond the limit that it meets, before its loops end.
const SLACK: u64 = 2 << 20;

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), ..ProptestConfig::default() })]

    #[test]
    fn a_mutated_scenario_runs_or_says_why_not(which: usize, changes in proptest::collection::vec(change(), 1..6)) {
        let all = seeds();
        let mut lines = all[which % all.len()].clone();
        for change in &changes {
            apply(&mut lines, all, change);
        }
        let text = lines.join("\n");
        match run(&text) {
            // Counted, and not timed: what the run drew, and that it stopped where it had drawn all.
            Ok(run) => {
                let budget = run.machine.trace.budget();
                prop_assert!(run.machine.trace.len() as u64 <= Limits::HERE.steps + 64);
                prop_assert!(budget.work() <= Limits::HERE.work + SLACK, "{}", budget.work());
                prop_assert!(budget.bytes() <= Limits::HERE.bytes + SLACK, "{}", budget.bytes());
                prop_assert_eq!(budget.exhausted().is_some(), run.stopped.is_some());
                if which % LOOKED_AT == 0 || cases() > 1_000 {
                    look_at(Player::of(run, &text));
                }
            }
            Err(problems) => prop_assert!(!problems.0.is_empty() && !problems.to_string().is_empty()),
        }
    }
}

/// Every so many of the texts that run are looked at too, as a page does; all where many are tried.
const LOOKED_AT: usize = 8;

/// What a page shows of a run at its end.
fn look_at(mut player: Player) {
    let end = player.viewer.len();
    let course = player.course(Lang::En);
    assert_eq!(course.length as usize, end);
    player.viewer.view(end, Lang::Zh);
    player.scene(end, 100, None, Lang::En);
}

/// How many texts: `PROPTEST_CASES` says, 300 by default.
fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(300)
}
