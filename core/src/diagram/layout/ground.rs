//! Columns as pieces: the first pass. It sees everything that a run ever shows, and no step.

use super::Options;
use crate::diagram::model::Model;
use crate::diagram::pieces::{self, Piece};
use crate::spec::Lang;
use alloc::vec::Vec;

/// Of what a column may show, one part in so many is kept for ranges that the token is in.
const PARTS: u16 = 3;

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
        for (c, pinned) in pinned.iter_mut().enumerate() {
            let here = model.met.iter().filter(|at| usize::from(at.column.0) == c).map(|at| at.address);
            pinned.extend(here.take(usize::from(budget / PARTS)));
        }
        for ends in cuts.iter_mut().chain(&mut pinned) {
            ends.sort_unstable();
            ends.dedup();
        }
        let pieces = model.columns.iter().enumerate().map(|(c, column)| {
            let focus = options.focus.as_ref().filter(|f| f.0 == column.key).map(|f| (f.1, f.2));
            let keep = |p: &Piece| p.holds_one(&pinned[c]);
            let all = pieces::flatten(column, &cuts[c]);
            pieces::fold(column, all, usize::from(budget.max(4)), focus, keep)
        });
        let pieces = pieces.collect();
        Ground { model, options: options.clone(), pieces, ends: cuts }
    }
}
