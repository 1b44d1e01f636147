//! Arrows with the same two ends are one wire; its ends get one row where the order of addresses allows it.

use super::chain::Slot;
use super::rows::{At, Rows};
use super::*;
use alloc::{collections::BTreeMap, vec, vec::Vec};

/// The most bundles that end at a fold before none of them is drawn: they would only be a thicket.
const MAX_FOLDED: usize = 8;

/// Several arrows with the same two ends.
#[derive(Clone, Debug)]
pub struct Bundle {
    pub from: At,
    pub to: At,
    /// Indices into the plan's arrows.
    pub arrows: Vec<u32>,
    /// Has an end with a letter: kept and aligned first.
    pub first: bool,
}

/// The bundles that are drawn, and the arrows that are not.
pub fn bundles(ground: &Ground, slots: &[Slot]) -> (Vec<Bundle>, Vec<u32>) {
    let model = &ground.model;
    let mut by_ends: BTreeMap<(At, At), usize> = BTreeMap::new();
    let mut bundles: Vec<Bundle> = Vec::new();
    let mut lost = Vec::new();
    for (i, arrow) in (0..).zip(&model.arrows) {
        let end = |e: End| -> Option<At> {
            let c = e.at.column.0 as usize;
            let s = slots.iter().position(|s| s.columns.contains(&c))?;
            Some((s, slots[s].end(ground, c, e.at.address)?))
        };
        let (Some(from), Some(to)) = (end(arrow.from), end(arrow.to)) else {
            lost.push(i);
            continue;
        };
        if from == to {
            // Both ends are in one fold.
            lost.push(i);
            continue;
        }
        let at = *by_ends.entry((from, to)).or_insert_with(|| {
            bundles.push(Bundle { from, to, arrows: vec![], first: false });
            bundles.len() - 1
        });
        bundles[at].arrows.push(i);
        bundles[at].first |= arrow.from.letter.is_some();
    }
    let folded = |b: &Bundle| [b.from, b.to].iter().any(|at| slots[at.0].is_fold(ground, at.1));
    let quiet = |b: &Bundle| !b.first && folded(b);
    if bundles.iter().filter(|b| quiet(b)).count() > MAX_FOLDED {
        lost.extend(bundles.iter().filter(|b| quiet(b)).flat_map(|b| &b.arrows));
        bundles.retain(|b| !quiet(b));
    }
    (bundles, lost)
}

/// Rows of all slots, with the two ends of a wire in one row as far as can be.
pub fn rows(slots: &[Slot], bundles: &[Bundle], most: i32) -> Rows {
    let mut rows = Rows::new(slots.iter().map(|s| s.elems.clone()).collect(), most);
    for pass in [true, false] {
        for b in bundles.iter().filter(|b| b.first == pass && b.from.0 != b.to.0) {
            rows.align(b.from, b.to);
        }
    }
    for _ in 0..24 {
        let Some((a, b)) = meeting(bundles, &rows) else { break };
        if !rows.part(a, b) {
            break;
        }
    }
    rows
}

/// Two ends of different wires that came to stand in one row at the two sides of a gap.
fn meeting(bundles: &[Bundle], rows: &Rows) -> Option<(At, At)> {
    let straight = |b: &Bundle| rows.row(b.from) == rows.row(b.to);
    for a in bundles.iter().filter(|b| !straight(b)) {
        for b in bundles {
            for p in [a.from, a.to] {
                for q in [b.from, b.to] {
                    if p.0.abs_diff(q.0) == 1 && rows.row(p) == rows.row(q) {
                        return Some((p, q)).filter(|_| !joined(bundles, p, q));
                    }
                }
            }
        }
    }
    None
}

fn joined(bundles: &[Bundle], p: At, q: At) -> bool {
    bundles.iter().any(|b| (b.from, b.to) == (p, q) || (b.to, b.from) == (p, q))
}
