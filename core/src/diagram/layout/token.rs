//! The token's place, and the way it came.

use super::chain::{Part, Slot};
use super::rows::Rows;
use super::streets::{Cell, Streets};
use super::{Layout, PlacedToken, Scene};
use crate::diagram::model::*;
use crate::diagram::text::{clean, hex};
use crate::diagram::words;
use alloc::{format, vec::Vec};

/// So many stages of the way are shown: a long one would only be a thicket.
const STAGES: usize = 4;

/// Where the parts of the slots came to stand.
pub struct Grid<'a> {
    pub slots: &'a [Slot],
    pub rows: &'a Rows,
    /// Left and right border of each slot.
    pub sides: &'a [(i32, i32)],
    /// Rows above the slots.
    pub dy: i32,
}

impl Grid<'_> {
    /// A point has a place at either side of its box.
    fn point(&self, scene: &Scene<'_>, width: i32, p: Point) -> Option<[Cell; 2]> {
        let c = p.column.0 as usize;
        let s = self.slots.iter().position(|s| s.columns.contains(&c))?;
        let k = self.slots[s].end(scene, c, p.address)?;
        let (mut y, h) = (self.rows.row((s, k)), self.rows.height((s, k)));
        if let Part::Piece(c, i) = self.slots[s].parts[k] {
            let piece = &scene.pieces[c][i];
            let (of, all) = (u128::from(piece.last - p.address), u128::from(piece.last - piece.first) + 1);
            y += (of * h.max(1) as u128 / all) as i32;
        }
        // Just outside, where nothing is written; at the picture's edge on the border.
        let (left, right) = self.sides[s];
        Some([((left - 1).max(0), y + self.dy), ((right + 1).min(width - 1), y + self.dy)])
    }
}

/// The places that stand for an anchor: either side of a box, or the lower border of an actor, where no name is.
fn places(scene: &Scene<'_>, layout: &Layout, grid: &Grid<'_>, anchor: Anchor) -> Option<[Cell; 2]> {
    match anchor {
        Anchor::Point(p) => grid.point(scene, layout.width, p),
        Anchor::Actor(a) => {
            let key = &scene.stage.model.actors.get(a.0 as usize)?.key;
            let a = layout.actors.iter().find(|a| a.key == *key)?;
            Some([(a.x + a.width / 2, a.y + a.height - 1); 2])
        }
    }
}

/// Puts the token on a layout that is complete but for it.
pub fn place(scene: &Scene<'_>, layout: &Layout, grid: &Grid<'_>) -> Option<PlacedToken> {
    let token = scene.stage.model.token.as_ref()?;
    let mut stops: Vec<[Cell; 2]> =
        token.path.iter().filter_map(|a| places(scene, layout, grid, *a)).collect();
    if token.path.last() != Some(&token.at) {
        stops.extend(places(scene, layout, grid, token.at));
    }
    stops.dedup();
    let stops = stops.split_off(stops.len().saturating_sub(STAGES + 1));
    let streets = Streets::new(layout);
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
        path.extend(streets.way(at, to).into_iter().skip(1));
        at = to;
    }
    let load = clean(token.load.get(scene.options.lang), 60);
    let mut label = format!("{} {}", words::space(token.space).get(scene.options.lang), hex(token.address));
    if !load.is_empty() {
        label = format!("{label}, {load}");
    }
    Some(PlacedToken { at, path, step_from, label, fate: token.fate, shortcut: token.shortcut })
}
