//! Arrows with the same two ends are one wire; its ends get one row where the order of addresses allows it.

use super::chain::Slot;
use super::rows::{At, Rows};
use super::*;
use alloc::{collections::BTreeMap, vec, vec::Vec};

/// The most bundles that end at a fold before none of them is drawn: they would only be a thicket.
const MAX_FOLDED: usize = 8;

/// Several arrows with the same two ends.
pub struct Bundle {
    pub from: At,
    pub to: At,
    pub arrows: Vec<u32>,
    /// Ends with a letter, something lit: kept and aligned first.
    pub first: bool,
}

impl Bundle {
    /// Is any of its arrows there at this step?
    pub fn is_shown(&self, scene: &Scene<'_>) -> bool {
        self.there(scene) > 0
    }
    /// How many of its arrows are there at this step.
    pub fn there(&self, scene: &Scene<'_>) -> usize {
        self.arrows.iter().filter(|a| scene.stage.arrows[**a as usize]).count()
    }
}

/// The bundles that are drawn, and how many arrows of this step are not.
pub fn bundles(scene: &Scene<'_>, slots: &[Slot]) -> (Vec<Bundle>, usize) {
    let model = &scene.stage.model;
    let mut by_ends: BTreeMap<(At, At), usize> = BTreeMap::new();
    let mut bundles: Vec<Bundle> = Vec::new();
    let mut lost = 0;
    for (i, arrow) in model.arrows.iter().enumerate() {
        let end = |e: End| -> Option<At> {
            let c = e.at.column.0 as usize;
            let s = slots.iter().position(|s| s.columns.contains(&c))?;
            Some((s, slots[s].end(scene, c, e.at.address)?))
        };
        let (Some(from), Some(to)) = (end(arrow.from), end(arrow.to)) else {
            lost += usize::from(scene.stage.arrows[i]);
            continue;
        };
        if from == to {
            // Both ends are in one fold.
            lost += usize::from(scene.stage.arrows[i]);
            continue;
        }
        let first = arrow.from.letter.is_some() || scene.lit_arrows.contains_key(&(i as u32));
        let at = *by_ends.entry((from, to)).or_insert_with(|| {
            bundles.push(Bundle { from, to, arrows: vec![], first: false });
            bundles.len() - 1
        });
        bundles[at].arrows.push(i as u32);
        bundles[at].first |= first && arrow.from.letter.is_some();
    }

    let folded = |b: &Bundle| [b.from, b.to].iter().any(|at| slots[at.0].is_fold(scene, at.1));
    let quiet =
        |b: &Bundle| !b.first && folded(b) && !b.arrows.iter().any(|a| scene.lit_arrows.contains_key(a));
    if bundles.iter().filter(|b| quiet(b)).count() > MAX_FOLDED {
        lost += bundles.iter().filter(|b| quiet(b)).map(|b| b.there(scene)).sum::<usize>();
        bundles.retain(|b| !quiet(b));
    }
    (bundles, lost)
}

/// Rows of all slots, with the two ends of a wire in one row as far as can be.
pub fn rows(slots: &[Slot], bundles: &[Bundle]) -> Rows {
    let mut rows = Rows::new(slots.iter().map(|s| s.elems.clone()).collect());
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
