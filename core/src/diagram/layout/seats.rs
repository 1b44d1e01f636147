//! Who stands where before anything is drawn: boxes of actors, and the heads of the columns.

use super::actors::{flow, measure, Sized};
use super::chain::inner_width;
use super::*;
use crate::diagram::text::{clean, wrap};
use alloc::{string::String, vec, vec::Vec};

/// Boxes of actors: beside the slots, in the gaps between them, or above.
pub struct Seats {
    pub left: Vec<Sized>,
    pub right: Vec<Sized>,
    /// By gap.
    pub between: Vec<Vec<Sized>>,
    /// By column.
    pub above: Vec<Vec<Sized>>,
}

/// Seats every actor.
pub fn seats(scene: &Scene<'_>, mode: Mode, groups: &[Vec<usize>]) -> Seats {
    let model = &scene.stage.model;
    let last = groups.len() - 1;
    let mut seats = Seats {
        left: vec![],
        right: vec![],
        between: vec![vec![]; groups.len()],
        above: vec![vec![]; model.columns.len().max(1)],
    };
    let slot_of = |c: ColumnId| groups.iter().position(|g| g.contains(&(c.0 as usize)));
    for (i, actor) in model.actors.iter().enumerate() {
        let boxed = measure(scene, i, if mode.sides { 14 } else { 16 }, scene.options.tight && !mode.sides);
        match (actor.place, mode.sides) {
            (Place::LeftOf(_), true) => seats.left.push(boxed),
            (Place::RightOf(_), true) => seats.right.push(boxed),
            (Place::Between(..), true) if last == 0 => seats.right.push(boxed),
            (Place::Between(a, b), true) => {
                let (a, b) = (slot_of(a).unwrap_or(0), slot_of(b).unwrap_or(last));
                seats.between[a.min(b).min(last.saturating_sub(1))].push(boxed);
            }
            (Place::LeftOf(c) | Place::RightOf(c) | Place::Between(_, c), false) => {
                let at = (c.0 as usize).min(seats.above.len() - 1);
                seats.above[at].push(boxed);
            }
        }
    }
    seats
}

/// The heads of all columns.
pub struct Heads {
    /// Lines of each column's head.
    pub lines: Vec<Vec<(Role, String)>>,
    /// Boxes in each column's head, where slots stand below each other.
    pub boxes: Vec<Vec<(i32, i32, Sized)>>,
    /// Cells inside the borders of each slot.
    pub inner: Vec<i32>,
    /// Rows of each head, by slot and column in it.
    pub rows: Vec<Vec<i32>>,
    /// Rows of the first head of every slot.
    pub band: i32,
}

/// Widths of slots, and what stands in their heads. Boxes above columns go into heads in stacked mode.
pub fn heads(scene: &Scene<'_>, mode: Mode, groups: &[Vec<usize>], seats: &mut Seats, gutter: i32) -> Heads {
    let model = &scene.stage.model;
    let lang = scene.options.lang;
    let max = i32::from(scene.options.width);
    let columns = model.columns.len();
    let (mut lines, mut boxes) = (vec![vec![]; columns], vec![vec![]; columns]);
    let (mut inners, mut head_rows) = (Vec::new(), Vec::new());
    for columns in groups {
        let mut inner = inner_width(scene, columns, mode);
        if mode.stacked {
            // Boxes of actors stand above the columns, left of the wires' channel.
            let boxes = seats.above.iter().flatten().map(|b| b.width - gutter - 2).max().unwrap_or(0);
            inner = inner.max(boxes).min(max - gutter - 2 - 8);
        }
        inners.push(inner);
        let mut rows = Vec::new();
        for &c in columns {
            let room = if mode.stacked { inner + 2 } else { inner + 4 };
            let column = &model.columns[c];
            let title = wrap(&clean(column.title.get(lang), 60), room.min(24));
            let owner = clean(column.owner.get(lang), 80);
            lines[c] = title.into_iter().filter(|t| !t.is_empty()).map(|t| (Role::Column, t)).collect();
            if !owner.is_empty() {
                lines[c].extend(wrap(&owner, room).into_iter().map(|t| (Role::Owner, t)));
            }
            let mut tall = 0;
            if mode.stacked {
                (boxes[c], tall) = flow(core::mem::take(&mut seats.above[c]), gutter + inner + 2);
            }
            rows.push(lines[c].len() as i32 + tall);
        }
        head_rows.push(rows);
    }
    // The first heads are as high as the highest of them, or as the boxes in the gaps.
    let high = seats.between.iter().map(|b| b.iter().map(|b| b.height).sum::<i32>()).max().unwrap_or(0);
    let band = head_rows.iter().map(|r| r[0]).max().unwrap_or(0).max(high)
        + i32::from(!mode.stacked && !scene.options.tight);
    for rows in &mut head_rows {
        rows[0] = band;
    }
    Heads { lines, boxes, inner: inners, rows: head_rows, band }
}
