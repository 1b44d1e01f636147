//! Who stands where: boxes of actors in the machine's order, and the heads of the columns.

use super::actors::{flow, measure, Sized};
use super::chain::{inner_width, Part, Slot};
use super::rows::Rows;
use super::*;
use crate::diagram::text::{clean, width, wrap};
use alloc::{format, string::String, vec, vec::Vec};

/// Boxes of actors: beside the slots, in the gaps between them, or in heads and tails of columns.
pub struct Seats {
    /// The CPU's side.
    pub left: Vec<Sized>,
    /// The devices' side: ports and switches by how far they are from the bridge, each with what is below it in the next.
    pub right: Vec<Vec<Sized>>,
    /// By gap, left to right.
    pub between: Vec<Vec<Sized>>,
    /// By column, where slots stand below each other: before it, and after it.
    pub heads: Vec<Vec<Sized>>,
    /// After a column.
    pub tails: Vec<Vec<Sized>>,
}

/// How many links there are above each actor.
fn depths(model: &Model) -> Vec<usize> {
    let above = |a: usize| model.links.iter().find(|l| usize::from(l.1 .0) == a).map(|l| usize::from(l.0 .0));
    let depth = |a: usize| core::iter::successors(above(a), |a| above(*a)).take(16).count();
    (0..model.actors.len()).map(depth).collect()
}

/// Seats every actor.
pub fn seats(ground: &Ground, mode: Mode, groups: &[Vec<usize>]) -> Seats {
    let model = &ground.model;
    let last = groups.len() - 1;
    let columns = model.columns.len().max(1);
    let mut seats = Seats {
        left: vec![],
        right: vec![],
        between: vec![vec![]; groups.len()],
        heads: vec![vec![]; columns],
        tails: vec![vec![]; columns],
    };
    let slot_of = |c: ColumnId| groups.iter().position(|g| g.contains(&(c.0 as usize)));
    let depths = depths(model);
    for (i, actor) in model.actors.iter().enumerate() {
        let between = matches!(actor.place, Place::Between(..)) && last > 0;
        let cap = if mode.stacked {
            16
        } else if between {
            10
        } else {
            14
        };
        let boxed = measure(ground, i, cap, ground.options.tight && mode.stacked);
        let at = |c: ColumnId| (c.0 as usize).min(columns - 1);
        match (actor.place, mode.stacked) {
            (Place::LeftOf(_), false) => seats.left.push(boxed),
            (Place::Between(a, b), false) if last > 0 => {
                let (a, b) = (slot_of(a).unwrap_or(0), slot_of(b).unwrap_or(last));
                seats.between[a.min(b).min(last - 1)].push(boxed);
            }
            (Place::RightOf(_) | Place::Between(..), false) => {
                let lanes = seats.right.len().max(depths[i] + 1);
                seats.right.resize_with(lanes, Vec::new);
                seats.right[depths[i]].push(boxed);
            }
            (Place::LeftOf(c) | Place::Between(_, c), true) => seats.heads[at(c)].push(boxed),
            (Place::RightOf(c), true) => seats.tails[at(c)].push(boxed),
        }
    }
    seats
}

/// The heads of all columns.
pub struct Heads {
    /// Lines of each column's head, in English and in Chinese.
    pub lines: Vec<[Vec<(Role, String)>; 2]>,
    /// Boxes in each column's head and tail, where slots stand below each other.
    pub boxes: Vec<Vec<(i32, i32, Sized)>>,
    /// Boxes below each column.
    pub tails: Vec<Vec<(i32, i32, Sized)>>,
    /// Cells inside the borders of each slot.
    pub inner: Vec<i32>,
    /// Rows of each head, by slot and column in it.
    pub rows: Vec<Vec<i32>>,
    /// Rows of each tail.
    pub tail_rows: Vec<Vec<i32>>,
    /// Rows of the first head of every slot.
    pub band: i32,
}

/// A column's head in lines.
fn lines(column: &Column, lang: Lang, room: i32) -> Vec<(Role, String)> {
    let title = wrap(&clean(column.title.get(lang), 60), room.min(24));
    let owner = clean(column.owner.get(lang), 80);
    let mut lines: Vec<(Role, String)> =
        title.into_iter().filter(|t| !t.is_empty()).map(|t| (Role::Column, t)).collect();
    if !owner.is_empty() {
        lines.extend(wrap(&owner, room).into_iter().map(|t| (Role::Owner, t)));
    }
    lines
}

/// A column's name and whose it is in one line, where that fits.
fn in_one(lines: &mut Vec<(Role, String)>, room: i32) {
    let [(Role::Column, name), (Role::Owner, owner)] = &lines[..] else { return };
    let both = format!("{name} · {owner}");
    if width(&both) <= room {
        *lines = vec![(Role::Column, both)];
    }
}

/// Widths of slots, and what stands in their heads. Boxes of columns go into heads and tails in stacked mode.
pub fn heads(ground: &Ground, mode: Mode, groups: &[Vec<usize>], seats: &mut Seats, gutter: i32) -> Heads {
    let model = &ground.model;
    let max = i32::from(ground.options.width);
    let columns = model.columns.len();
    let mut heads = Heads {
        lines: vec![Default::default(); columns],
        boxes: vec![vec![]; columns],
        tails: vec![vec![]; columns],
        inner: vec![],
        rows: vec![],
        tail_rows: vec![],
        band: 0,
    };
    for columns in groups {
        let mut inner = inner_width(ground, columns, mode);
        if mode.stacked {
            // Boxes of actors stand above the columns, left of the wires' channel.
            let boxes = seats.heads.iter().chain(&seats.tails).flatten();
            let boxes = boxes.map(|b| b.width - gutter - 2).max().unwrap_or(0);
            inner = inner.max(boxes).min(max - gutter - 2 - 8);
        }
        heads.inner.push(inner);
        let (mut rows, mut tails) = (Vec::new(), Vec::new());
        for &c in columns {
            let room = if mode.stacked { inner + 2 } else { inner + 4 };
            heads.lines[c] = [Lang::En, Lang::Zh].map(|lang| lines(&model.columns[c], lang, room));
            if ground.scant {
                for lines in &mut heads.lines[c] {
                    in_one(lines, room);
                }
            }
            let (mut tall, mut low) = (0, 0);
            if mode.stacked {
                let room = gutter + inner + 2;
                (heads.boxes[c], tall) = flow(core::mem::take(&mut seats.heads[c]), room);
                (heads.tails[c], low) = flow(core::mem::take(&mut seats.tails[c]), room);
            }
            rows.push(heads.lines[c].iter().map(|l| l.len() as i32).max().unwrap_or(0) + tall);
            tails.push(low);
        }
        heads.rows.push(rows);
        heads.tail_rows.push(tails);
    }
    // The first heads are as high as the highest of them, or as the boxes in the gaps.
    let high = seats.between.iter().map(|b| size(mode, b).1).max().unwrap_or(0);
    heads.band = heads.rows.iter().map(|r| r[0]).max().unwrap_or(0).max(high)
        + i32::from(!mode.stacked && !ground.options.tight);
    for rows in &mut heads.rows {
        rows[0] = heads.band;
    }
    heads
}

/// The cells across and down that the boxes of a gap take.
pub fn size(mode: Mode, boxes: &[Sized]) -> (i32, i32) {
    let (widths, heights) = (boxes.iter().map(|b| b.width), boxes.iter().map(|b| b.height));
    if mode.narrow {
        return (widths.max().unwrap_or(-2), heights.sum());
    }
    (widths.map(|w| w + 1).sum::<i32>() - 1, heights.max().unwrap_or(0))
}

/// The row of the middle of a column's box.
fn middle(slots: &[Slot], rows: &Rows, column: ColumnId, band: i32) -> i32 {
    let mut span: Option<(i32, i32)> = None;
    for (s, slot) in slots.iter().enumerate() {
        for (k, part) in slot.parts.iter().enumerate() {
            if let Part::Top(i) | Part::Line(i, _) = part {
                if *i == usize::from(column.0) {
                    let row = rows.row((s, k));
                    span = Some(span.map_or((row, row), |(a, _)| (a, row)));
                }
            }
        }
    }
    let (top, bottom) = span.unwrap_or((band, band));
    (top + bottom + 1) / 2
}

/// The rows of boxes in lanes beside the slots: each about where its address space is, below each other without
/// overlap, and what has others below it in the next lane at their middle.
pub fn lanes(
    ground: &Ground,
    lanes: &[Vec<Sized>],
    slots: &[Slot],
    rows: &Rows,
    band: i32,
    dy: i32,
) -> Vec<Vec<i32>> {
    let model = &ground.model;
    let mut at: Vec<Vec<i32>> = lanes.iter().map(|l| vec![0; l.len()]).collect();
    for lane in (0..lanes.len()).rev() {
        let boxes = &lanes[lane];
        let wish = |b: &Sized| {
            let below = |l: &&(ActorId, ActorId)| usize::from(l.0 .0) == b.actor;
            let children = model.links.iter().filter(below).filter_map(|l| {
                let child = usize::from(l.1 .0);
                let (next, tops) = (lanes.get(lane + 1)?, at.get(lane + 1)?);
                let k = next.iter().position(|c| c.actor == child)?;
                Some(tops[k] + next[k].height / 2)
            });
            let children: Vec<i32> = children.collect();
            let center = if children.is_empty() {
                let (Place::LeftOf(c) | Place::RightOf(c) | Place::Between(_, c)) =
                    model.actors[b.actor].place;
                middle(slots, rows, c, band) + dy
            } else {
                children.iter().sum::<i32>() / children.len() as i32
            };
            center - b.height / 2
        };
        let wishes: Vec<i32> = boxes.iter().map(wish).collect();
        // In their order; those that crowd spread around their mean.
        let count = boxes.len().max(1) as i32;
        let total: i32 = boxes.iter().map(|b| b.height + 1).sum::<i32>() - 1;
        let mean = wishes.iter().zip(boxes).map(|(w, b)| w + b.height / 2).sum::<i32>() / count;
        let mut order: Vec<usize> = (0..boxes.len()).collect();
        if model.links.is_empty() {
            order.sort_by_key(|&i| wishes[i]);
        }
        let crowded = order.windows(2).any(|w| wishes[w[0]] + boxes[w[0]].height >= wishes[w[1]]);
        let mut next = band + dy;
        if crowded {
            next = next.max(mean - total / 2);
        }
        for i in order {
            let y = if crowded { next } else { wishes[i].max(next) };
            at[lane][i] = y;
            next = y + boxes[i].height + 1;
        }
    }
    at
}
