//! Two runs side by side: which of their steps belong together, and where they first differ.
//!
//! Operations are paired by their text, in order; what is between two pairs belongs together too. Within a pair,
//! steps are paired from both ends as long as they do the same kind of thing; what is left in the middle differs.
//! Two steps do the same kind of thing when the same actor reads the same structure at the same level with the
//! same kind of outcome, asks the same cache with the same answer, and so on. Their numbers may differ: another
//! table page is no difference that a reader asks about, a missing invalidation is.

use super::types::{Comparison, OutcomeLine, Pair, Parted};
use super::Viewer;
use crate::explain::ending::{Ending, Kind};
use crate::spec::Lang;
use crate::trace::{Event, Scope, Step, Trace, Verdict};
use alloc::{format, string::String, vec, vec::Vec};

/// At most this many operations of a run are paired by their text; beyond them, one after the other.
const PAIRED: usize = 2000;

/// A run's operations: text, and the stops inside.
struct Part {
    text: String,
    stops: Vec<u32>,
    end: u32,
}

/// The steps of two runs, paired.
pub fn compare(a: &Viewer, b: &Viewer) -> Comparison {
    let (left, right) = (parts(a), parts(b));
    let mut out = Comparison { pairs: vec![Pair { a: start(a), b: start(b), same: true }], first: None };
    let (mut i, mut j) = (0, 0);
    for (x, y) in common(&left, &right).into_iter().chain([(left.len(), right.len())]) {
        // Operations that only one of the runs has: its steps alone, the other waits.
        alone(&mut out, &left[i..x], &right[j..y]);
        if let (Some(p), Some(q)) = (left.get(x), right.get(y)) {
            let ending = |run: &Viewer, at: usize| run.cast().endings.get(at).map(|e| e.text.en.clone());
            let ends = ending(a, x) == ending(b, y);
            together(&mut out, (a.trace(), p), (b.trace(), q), ends);
        }
        (i, j) = (x + 1, y + 1);
    }
    push(&mut out, a.len() as u32, b.len() as u32, true);
    out.first = out.pairs.iter().position(|p| !p.same).map(|p| p as u32);
    out
}

/// What two runs came to where they part: at the first operation that both have and that ended otherwise, in kind
/// before in words; without one, at the end.
pub fn parted(a: &Viewer, b: &Viewer, promised: bool, lang: Lang) -> Parted {
    let (left, right) = (parts(a), parts(b));
    let mut pairs: Vec<(usize, usize)> = Vec::new();
    let (mut i, mut j) = (0, 0);
    for (x, y) in common(&left, &right).into_iter().chain([(left.len(), right.len())]) {
        // A line that was changed is where the other was.
        pairs.extend((i..x).zip(j..y));
        if x < left.len() && y < right.len() {
            pairs.push((x, y));
        }
        (i, j) = (x + 1, y + 1);
    }
    let ending = |run: &'_ Viewer, at: usize| run.cast().endings.get(at).cloned();
    let both = |(x, y): &(usize, usize)| Some((ending(a, *x)?, ending(b, *y)?));
    // What only prepares is no outcome.
    let tells = |kind: Kind| !matches!(kind, Kind::Done | Kind::Mapped | Kind::Unmapped);
    let differ = |f: fn(&Ending, &Ending) -> bool| {
        pairs.iter().find(|p| both(p).is_some_and(|(x, y)| (tells(x.kind) || tells(y.kind)) && f(&x, &y)))
    };
    // Where all comes to the same, what was prepared differently: the address that a driver is given, say.
    let prepared = || pairs.iter().find(|p| both(p).is_some_and(|(x, y)| x.text.en != y.text.en));
    let found =
        differ(|x, y| x.kind != y.kind).or_else(|| differ(|x, y| x.text.en != y.text.en)).or_else(prepared);
    let shown = found.or(pairs.last()).and_then(both);
    let (x, y) = shown
        .map_or((None, None), |(x, y)| (Some(OutcomeLine::of(&x, lang)), Some(OutcomeLine::of(&y, lang))));
    let pair = found.and_then(|(p, q)| {
        let all = compare(a, b).pairs;
        all.iter().position(|pair| pair.a >= left[*p].end && pair.b >= right[*q].end).map(|n| n as u32)
    });
    let text = match (&x, &y, found) {
        (Some(x), Some(y), Some(_)) => match (promised, lang) {
            (true, Lang::En) => format!("As promised: {} Before the change: {}", y.text, x.text),
            (true, Lang::Zh) => format!("果然如此。{}【改动之前】{}", y.text, x.text),
            (false, Lang::En) => format!("On the left: {} On the right: {}", x.text, y.text),
            (false, Lang::Zh) => format!("【左边】{}【右边】{}", x.text, y.text),
        },
        _ => match lang {
            Lang::En => "Both come to the same.".into(),
            Lang::Zh => "两次的结果相同。".into(),
        },
    };
    Parted { pair, a: x, b: y, text }
}

fn start(run: &Viewer) -> u32 {
    super::course::operations(run.trace(), run.cast()).first().map_or(0, |o| o.from - 1)
}

fn parts(run: &Viewer) -> Vec<Part> {
    let stops = run.stops();
    let operations = super::course::operations(run.trace(), run.cast()).into_iter();
    let part = |o: super::types::Operation| {
        let from = stops.partition_point(|s| *s < o.from);
        let to = stops.partition_point(|s| *s <= o.to);
        Part { text: o.text.trim().into(), stops: stops[from..to].to_vec(), end: o.to }
    };
    operations.map(part).collect()
}

/// The longest run of pairs of operations with the same text, both in order.
fn common(a: &[Part], b: &[Part]) -> Vec<(usize, usize)> {
    if a.len().max(b.len()) > PAIRED {
        return (0..a.len().min(b.len())).map(|i| (i, i)).collect();
    }
    let wide = b.len() + 1;
    let mut best = vec![0u16; (a.len() + 1) * wide];
    for i in (0..a.len()).rev() {
        for j in (0..b.len()).rev() {
            best[i * wide + j] = if a[i].text == b[j].text {
                best[(i + 1) * wide + j + 1] + 1
            } else {
                best[(i + 1) * wide + j].max(best[i * wide + j + 1])
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    let mut pairs = Vec::new();
    // Bounded: at most `PAIRED` operations.
    while i < a.len() && j < b.len() {
        if a[i].text == b[j].text {
            pairs.push((i, j));
            (i, j) = (i + 1, j + 1);
        } else if best[(i + 1) * wide + j] >= best[i * wide + j + 1] {
            i += 1;
        } else {
            j += 1;
        }
    }
    pairs
}

fn push(out: &mut Comparison, a: u32, b: u32, same: bool) {
    let last = out.pairs.last().map_or((0, 0), |p| (p.a, p.b));
    // Neither run goes back.
    let pair = Pair { a: a.max(last.0), b: b.max(last.1), same };
    if (pair.a, pair.b) != last {
        out.pairs.push(pair);
    }
}

/// Steps side by side of which none are said to be the same: the shorter list waits at its end.
fn beside(out: &mut Comparison, a: &[u32], b: &[u32]) {
    let last = out.pairs.last().map_or((0, 0), |p| (p.a, p.b));
    for n in 0..a.len().max(b.len()) {
        let at = |list: &[u32], rest: u32| list.get(n).or(list.last()).copied().unwrap_or(rest);
        push(out, at(a, last.0), at(b, last.1), false);
    }
}

fn alone(out: &mut Comparison, a: &[Part], b: &[Part]) {
    // Each operation's end is one of them: there is told what came of it.
    let ends = |p: &Part| p.stops.iter().copied().filter(|s| *s < p.end).chain([p.end]).collect::<Vec<_>>();
    let stops = |parts: &[Part]| parts.iter().flat_map(ends).collect::<Vec<_>>();
    beside(out, &stops(a), &stops(b));
}

/// An operation that both runs have: its steps, and its end, that is the same where the same came of it.
fn together(out: &mut Comparison, (ta, a): (&Trace, &Part), (tb, b): (&Trace, &Part), ends: bool) {
    let same = |x: u32, y: u32| match (step(ta, x), step(tb, y)) {
        (Some(p), Some(q)) => alike(p, q) && (ends || (x, y) != (a.end, b.end)),
        _ => false,
    };
    let (n, m) = (a.stops.len(), b.stops.len());
    let front = (0..n.min(m)).take_while(|k| same(a.stops[*k], b.stops[*k])).count();
    let rest = n.min(m) - front;
    let back = (0..rest).take_while(|k| same(a.stops[n - 1 - k], b.stops[m - 1 - k])).count();
    for k in 0..front {
        push(out, a.stops[k], b.stops[k], true);
    }
    beside(out, &a.stops[front..n - back], &b.stops[front..m - back]);
    for k in (0..back).rev() {
        push(out, a.stops[n - 1 - k], b.stops[m - 1 - k], true);
    }
    push(out, a.end, b.end, ends);
}

fn step(trace: &Trace, position: u32) -> Option<&Step> {
    trace.steps().get((position as usize).checked_sub(1)?)
}

/// Do two steps do the same kind of thing?
fn alike(a: &Step, b: &Step) -> bool {
    if a.actor != b.actor || core::mem::discriminant(&a.event) != core::mem::discriminant(&b.event) {
        return false;
    }
    match (a.event, b.event) {
        (Event::Begin(x), Event::Begin(y)) => scopes(&x, &y),
        (Event::End(x), Event::End(y)) => verdicts(&x, &y),
        (Event::Read { entry, level, verdict, .. }, Event::Read { entry: e, level: l, verdict: v, .. }) => {
            entry == e && level == l && verdicts(&verdict, &v)
        }
        (Event::Write { entry, .. }, Event::Write { entry: e, .. }) => entry == e,
        (Event::WriteRun { entry, new, .. }, Event::WriteRun { entry: e, new: n, .. }) => {
            entry == e && new == n
        }
        (Event::Cache { cache, op, .. }, Event::Cache { cache: c, op: o, .. }) => cache == c && op == o,
        (Event::Window { hit, .. }, Event::Window { hit: h, .. }) => hit == h,
        (Event::Packet { hop, .. }, Event::Packet { hop: h, .. }) => hop == h,
        (Event::Truncated { bits, .. }, Event::Truncated { bits: b, .. }) => bits == b,
        (Event::Check { rule, ok, .. }, Event::Check { rule: r, ok: o, .. }) => rule == r && ok == o,
        (Event::Fault { code, .. }, Event::Fault { code: c, .. }) => code == c,
        (Event::Register { offset, write, .. }, Event::Register { offset: o, write: w, .. }) => {
            offset == o && write == w
        }
        (Event::Interrupt { kind, .. }, Event::Interrupt { kind: k, .. }) => kind == k,
        _ => true,
    }
}

fn scopes(a: &Scope, b: &Scope) -> bool {
    match (a, b) {
        (Scope::Api { name, .. }, Scope::Api { name: n, .. }) => name == n,
        (Scope::Walk { stage, .. }, Scope::Walk { stage: s, .. }) => stage == s,
        (Scope::Command { entry }, Scope::Command { entry: e }) => entry == e,
        _ => core::mem::discriminant(a) == core::mem::discriminant(b),
    }
}

fn verdicts(a: &Verdict, b: &Verdict) -> bool {
    match (a, b) {
        (Verdict::Leaf { size, perms, .. }, Verdict::Leaf { size: s, perms: p, .. }) => {
            size == s && perms == p
        }
        (Verdict::Refused(x), Verdict::Refused(y)) => x == y,
        (Verdict::Fault(x), Verdict::Fault(y)) => x == y,
        _ => core::mem::discriminant(a) == core::mem::discriminant(b),
    }
}

#[cfg(test)]
mod tests {
    use crate::scenario::presets::PRESETS;
    use crate::spec::Lang;
    use crate::view::Player;

    fn preset(name: &str) -> &'static str {
        PRESETS.iter().find(|p| p.name == name).expect("a preset").text
    }

    #[test]
    fn a_run_does_not_differ_from_itself() {
        for p in PRESETS.iter().filter(|p| p.text.len() < 4000) {
            let run = Player::open(p.text).unwrap();
            let found = super::compare(&run.viewer, &run.viewer);
            assert_eq!(found.first, None, "{}", p.name);
            assert!(found.pairs.iter().all(|q| q.a == q.b), "{}", p.name);
            assert_eq!(found.pairs.last().map(|q| q.a as usize), Some(run.viewer.len()), "{}", p.name);
        }
    }

    /// Both runs go from their start to their end, never back, and stop at every stop.
    #[test]
    fn nothing_of_either_run_is_left_out() {
        for p in PRESETS {
            let a = Player::open(p.text).unwrap();
            let Some(changed) = a.head(Lang::En).changed else { continue };
            let b = Player::open(&changed).unwrap();
            let found = super::compare(&a.viewer, &b.viewer);
            assert!(found.first.is_some(), "{}: the change changes nothing", p.name);
            for w in found.pairs.windows(2) {
                assert!(w[0].a <= w[1].a && w[0].b <= w[1].b, "{}", p.name);
            }
            let last = found.pairs.last().unwrap();
            assert_eq!((last.a as usize, last.b as usize), (a.viewer.len(), b.viewer.len()), "{}", p.name);
            let start = found.pairs[0].a;
            let stepped: alloc::collections::BTreeSet<u32> = found.pairs.iter().map(|q| q.a).collect();
            let missed = a.viewer.stops().into_iter().filter(|s| *s > start && !stepped.contains(s));
            assert_eq!(missed.count(), 0, "{}", p.name);
        }
    }

    /// Every suggested change changes what comes of the run, and that is said.
    #[test]
    fn the_outcome_of_every_suggested_change_parts_from_the_first() {
        // What is counted is told by a chart: nothing else may have changed.
        let counted = |name: &str| crate::scenario::presets::sweeps::SWEEPS.iter().any(|s| s.name == name);
        let mut same = alloc::vec::Vec::new();
        for p in PRESETS.iter().filter(|p| !counted(p.name)) {
            let a = Player::open(p.text).unwrap();
            let Some(changed) = a.head(Lang::En).changed else { continue };
            let b = Player::open(&changed).unwrap();
            let parted = a.parted(&b, Lang::En);
            if parted.pair.is_none() {
                same.push(p.name);
                continue;
            }
            assert!(parted.text.starts_with("As promised: "), "{}: {}", p.name, parted.text);
            assert_eq!(a.parted(&a, Lang::En).pair, None, "{}", p.name);
        }
        // Where only what it costs changes (the reads of a walk), the same arrives at the same place.
        assert!(same.len() <= 4, "{same:?}");
    }

    /// Where outcomes part both runs stand at the end of an operation, and not inside the next one.
    #[test]
    fn where_outcomes_part_an_operation_is_over_in_both_runs() {
        for p in PRESETS {
            let a = Player::open(p.text).unwrap();
            let Some(changed) = a.head(Lang::En).changed else { continue };
            let b = Player::open(&changed).unwrap();
            let Some(pair) = a.parted(&b, Lang::En).pair else { continue };
            let pair = super::compare(&a.viewer, &b.viewer).pairs[pair as usize];
            for (run, at) in [(&a, pair.a), (&b, pair.b)] {
                let over = run.viewer.course(Lang::En).lines.iter().any(|line| line.to == at);
                assert!(over, "{} at {at}", p.name);
            }
        }
    }

    #[test]
    fn the_kernel_is_hit_where_the_write_was_refused() {
        let a = Player::open(preset("why-iommu")).unwrap();
        let b = Player::open(&a.head(Lang::En).changed.unwrap()).unwrap();
        let parted = a.parted(&b, Lang::En);
        use crate::explain::ending::Kind as K;
        assert_eq!((parted.a.unwrap().kind, parted.b.unwrap().kind), (K::Refused, K::Wrong));
        assert!(parted.text.contains("secret"), "{}", parted.text);
        // Where it parts the two are not said to be the same.
        let pairs = super::compare(&a.viewer, &b.viewer).pairs;
        assert!(!pairs[parted.pair.unwrap() as usize].same);
    }

    #[test]
    fn strict_and_lazy_differ_first_at_the_unmap() {
        let text = preset("lazy");
        let strict = text.replace("iommu lazy", "iommu strict");
        assert_ne!(text, strict);
        let (a, b) = (Player::open(text).unwrap(), Player::open(&strict).unwrap());
        let found = super::compare(&a.viewer, &b.viewer);
        let first = found.pairs[found.first.expect("they differ") as usize];
        let operations = a.viewer.course(Lang::En).lines;
        let here = operations.iter().find(|o| o.from <= first.a && first.a <= o.to).unwrap();
        assert!(here.text.trim().starts_with("dma_unmap"), "{}", here.text);
    }
}
