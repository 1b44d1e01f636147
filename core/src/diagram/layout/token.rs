//! The token's place, and the way it came.

use super::chain::Part;
use super::now::Now;
use super::streets::Cell;
use super::{PlacedInterrupt, PlacedToken, Plan};
use crate::diagram::model::*;
use crate::diagram::text::{clean, hex};
use crate::diagram::words;
use alloc::{format, vec::Vec};

/// Cells from beside a box to beyond the letter there.
const BEYOND: i32 = 3;

impl Plan {
    /// A point has a place at either side of its box.
    fn point(&self, p: Point) -> Option<[Cell; 2]> {
        let c = p.column.0 as usize;
        let s = self.slots.iter().position(|s| s.columns.contains(&c))?;
        let k = self.slots[s].end(&self.ground, c, p.address)?;
        let (mut y, h) = (self.rows.row((s, k)), self.rows.height((s, k)));
        if let Part::Piece(c, i) = self.slots[s].parts[k] {
            let piece = &self.ground.pieces[c][i];
            let (of, all) = (u128::from(piece.last - p.address), u128::from(piece.last - piece.first) + 1);
            y += (of * h.max(1) as u128 / all) as i32;
        }
        // Just outside, where nothing is written; at the picture's edge on the border.
        let frame = self.frames[s];
        let y = y + self.dy;
        let beside = |x: i32, out: i32| {
            // A letter there names the very byte: the mark stands beyond it, where a wire would begin.
            let (letter, beyond) = ((x + out, y), x + BEYOND * out);
            let taken = self.frames.iter().any(|f| (f.left - 1..=f.right + 1).contains(&beyond));
            let lettered = self.letters.values().any(|cell| *cell == letter);
            if lettered && !taken && (0..self.width).contains(&beyond) {
                beyond
            } else {
                x
            }
        };
        let (left, right) = (beside(frame.left - 1, -1), beside(frame.right + 1, 1));
        Some([(left.max(0), y), (right.min(self.width - 1), y)])
    }

    /// The places that stand for an anchor: either side of a box, or the lower border of an actor, where no name is.
    fn places(&self, anchor: Anchor) -> Option<[Cell; 2]> {
        match anchor {
            Anchor::Point(p) => self.point(p),
            Anchor::Actor(a) => {
                let (x, y, b) = self.actors.iter().find(|(_, _, b)| b.actor == usize::from(a.0))?;
                Some([(x + b.width / 2, y + b.height - 1); 2])
            }
        }
    }

    /// Where a step's token is.
    pub(super) fn token(&mut self, now: &Now<'_>) -> Option<PlacedToken> {
        let token = now.model.token.as_ref()?;
        let (path, step_from) = self.trail(&now.way, &[])?;
        let at = *path.last()?;
        let interrupt = self
            .trail(&now.interrupt, &path)
            .map(|(path, _)| PlacedInterrupt { path, label: words::INTERRUPT.get(now.lang).into() });
        let load = clean(token.load.get(now.lang), 60);
        let mut label = format!("{} {}", words::space(token.space).get(now.lang), hex(token.address));
        if !load.is_empty() {
            label = format!("{label}{}{load}", words::comma(now.lang));
        }
        let (fate, shortcut) = (token.fate, token.shortcut);
        Some(PlacedToken { at, path, step_from, label, fate, shortcut, interrupt })
    }

    /// The cells of a way, beside one that was gone before, and from which of them on it is the last leg.
    fn trail(&mut self, anchors: &[Anchor], after: &[Cell]) -> Option<(Vec<Cell>, usize)> {
        let mut stops: Vec<[Cell; 2]> = anchors.iter().filter_map(|a| self.places(*a)).collect();
        stops.dedup();
        let near = |sides: &[Cell; 2], to: Cell| {
            if (to.0 - sides[1].0).abs() < (to.0 - sides[0].0).abs() {
                sides[1]
            } else {
                sides[0]
            }
        };
        let first = stops.first()?;
        // The first stop is left on the side of the second.
        let mut at = stops.get(1).map_or(first[0], |next| near(first, next[0]));
        let mut path = alloc::vec![at];
        let mut step_from = 0;
        for stop in &stops[1..] {
            let to = near(stop, at);
            if to == at {
                continue;
            }
            step_from = path.len() - 1;
            path.extend(self.way(after, at, to).into_iter().skip(1));
            at = to;
        }
        Some((path, step_from))
    }
}
