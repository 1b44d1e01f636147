//! Columns as pieces: the first pass. It sees everything that a run ever shows, and no step.

use super::Options;
use crate::diagram::model::{Model, USED};
use crate::diagram::pieces::{self, Piece};
use crate::spec::Lang;
use alloc::vec::Vec;

/// Of what a column may show, one part in so many is kept for ranges that the token is in; and for so many in any case: what an
/// idea is about is seen.
const PARTS: u16 = 3;
const LEAST: u16 = 4;

/// A measure in the language in which it is larger: so places do not depend on the language.
pub fn both(measure: impl Fn(Lang) -> i32) -> i32 {
    measure(Lang::En).max(measure(Lang::Zh))
}

/// All there is to place.
#[derive(Clone, Debug)]
pub struct Ground {
    /// Everything that any step has.
    pub model: Model,
    /// How to draw.
    pub options: Options,
    /// Rows are not short: a fold's address may have one.
    pub spare: bool,
    /// Rows are so short that what can share one does: names and addresses, a column's name and whose it is.
    pub scant: bool,
    /// Each column's pieces, highest address first.
    pub pieces: Vec<Vec<Piece>>,
    /// The addresses of each column at which arrows end, in order.
    pub ends: Vec<Vec<u64>>,
}

impl Ground {
    /// Cuts and folds the columns of a model to about `budget` pieces each.
    pub fn new(model: Model, options: &Options, budget: u16) -> Ground {
        let mut cuts: Vec<Vec<u64>> = model.columns.iter().map(|_| Vec::new()).collect();
        let mut pinned: Vec<Vec<u64>> = cuts.clone();
        for end in model.arrows.iter().flat_map(|a| [a.from, a.to]) {
            let column = end.at.column.0 as usize;
            let Some(cuts) = cuts.get_mut(column) else { continue };
            cuts.push(end.at.address);
            if end.letter.is_some() {
                pinned[column].push(end.at.address);
            }
        }
        // A few of the ranges that the token is ever in: where these are many, the one at hand is named on the fold.
        let few = usize::from((budget / PARTS).max(LEAST));
        for (c, pinned) in pinned.iter_mut().enumerate() {
            let here = model.met.iter().filter(|at| usize::from(at.column.0) == c).map(|at| at.address);
            pinned.extend(here.take(few));
        }
        // And of those where an address led to nothing.
        for (pinned, column) in pinned.iter_mut().zip(&model.columns) {
            let used = column.regions.iter().filter(|r| r.key.starts_with(USED)).map(|r| r.first);
            pinned.extend(used.take(few));
        }
        for ends in cuts.iter_mut().chain(&mut pinned) {
            ends.sort_unstable();
            ends.dedup();
        }
        let pieces = model.columns.iter().enumerate().map(|(c, column)| {
            let focus = options.focus.as_ref().filter(|f| f.0 == column.key).map(|f| (f.1, f.2));
            let keep = |p: &Piece| p.holds_one(&pinned[c]);
            let all = pieces::flatten(column, &cuts[c]);
            pieces::fold(column, all, usize::from(budget.max(3)), focus, keep)
        });
        let pieces = pieces.collect();
        Ground {
            model,
            options: options.clone(),
            spare: options.tight && !options.low,
            scant: false,
            pieces,
            ends: cuts,
        }
    }
}
