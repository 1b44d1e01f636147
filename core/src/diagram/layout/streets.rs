//! Ways for the token over the grid of a picture: along wires and gutters, around what is written.
//!
//! Every cell has a price, and the token takes the cheapest way: beside a wire rather than on it, unless it goes where the
//! wire goes; boxes are dear, writing is so dear that it is crossed only where nothing else is left. Corners cost too, so
//! that ways stay straight.

use super::{Content, Layout, Role};
use crate::diagram::text::width;
use alloc::{collections::BinaryHeap, vec, vec::Vec};
use core::cmp::Reverse;

const FREE: u8 = 4;
/// So little dearer that a wire which leads straight there is taken, and one beside which there is room is not.
const WIRE: u8 = 5;
const GAP: u8 = 10;
const BORDER: u8 = 12;
const BOX: u8 = 24;
const ACTOR: u8 = 80;
const WRITING: u8 = 160;
/// What a cell costs more along which somebody has gone.
const GONE: u8 = 2;
const CORNER: u32 = 12;

/// A cell: to the right, and down.
pub type Cell = (i32, i32);

/// The prices of a picture's cells.
#[derive(Clone, Debug)]
pub struct Streets {
    width: i32,
    height: i32,
    price: Vec<u8>,
}

impl Streets {
    /// Of a layout that is complete but for the token.
    pub fn new(l: &Layout) -> Streets {
        let (width, height) = (l.width.max(1), l.height.max(1));
        let mut streets = Streets { width, height, price: vec![FREE; (width * height) as usize] };
        for p in &l.pieces {
            let inside = if p.content == Content::Gap { GAP } else { BOX };
            streets.fill(p.x, p.top / 2, p.width, (p.bottom + 1) / 2 - p.top / 2, inside);
            for x in [p.x, p.x + p.width - 1] {
                streets.fill(x, p.top / 2, 1, (p.bottom + 1) / 2 - p.top / 2, BORDER);
            }
        }
        for r in &l.rules {
            streets.fill(r.x, r.y, r.width, 1, BORDER);
        }
        for a in &l.actors {
            streets.fill(a.x, a.y, a.width, a.height, ACTOR);
        }
        for w in &l.wires {
            streets.along(&w.points, |price| *price = WIRE);
        }
        for t in &l.texts {
            // What is written on wires has no border that keeps a way off it.
            let clear = i32::from(t.role == Role::Wire);
            streets.fill(t.x - clear, t.y, self::width(&t.text) + 2 * clear, 1, WRITING);
        }
        streets
    }

    fn fill(&mut self, x: i32, y: i32, wide: i32, high: i32, price: u8) {
        self.each(x, y, wide, high, |old| *old = price);
    }

    /// Changes the prices of the cells of a rectangle, as far as it is in the picture.
    fn each(&mut self, x: i32, y: i32, wide: i32, high: i32, change: impl Fn(&mut u8)) {
        for row in y.max(0)..(y + high).min(self.height) {
            for column in x.max(0)..(x + wide).min(self.width) {
                change(&mut self.price[(row * self.width + column) as usize]);
            }
        }
    }

    /// Changes the prices of the cells along a way, leg by leg.
    fn along(&mut self, way: &[Cell], change: impl Fn(&mut u8)) {
        for leg in way.windows(2) {
            let (x, y) = (leg[0].0.min(leg[1].0), leg[0].1.min(leg[1].1));
            let (wide, high) = ((leg[0].0 - leg[1].0).abs() + 1, (leg[0].1 - leg[1].1).abs() + 1);
            self.each(x, y, wide, high, &change);
        }
    }

    /// The same picture, where somebody has gone along a way already: who comes after goes beside it where there is room.
    pub fn beside(&self, way: &[Cell]) -> Streets {
        let mut streets = self.clone();
        streets.along(way, |price| *price = price.saturating_add(GONE));
        streets
    }

    /// The cheapest way, as corners: neighbours share a row or a column; both ends are among them.
    pub fn way(&self, from: Cell, to: Cell) -> Vec<Cell> {
        let clamp = |(x, y): Cell| (x.clamp(0, self.width - 1), y.clamp(0, self.height - 1));
        let (start, goal) = (clamp(from), clamp(to));
        // A state is a cell and how it was entered: across (0) or up and down (1).
        let state = |(x, y): Cell, turn: usize| ((y * self.width + x) as usize) * 2 + turn;
        // At least what is left costs, at the cheapest price: so the first way found is the cheapest.
        let least =
            |(x, y): Cell| ((x - goal.0).unsigned_abs() + 2 * (y - goal.1).unsigned_abs()) * u32::from(FREE);
        let mut paid = vec![u32::MAX; self.price.len() * 2];
        let mut came = vec![u32::MAX; self.price.len() * 2];
        let mut open = BinaryHeap::new();
        for turn in 0..2 {
            paid[state(start, turn)] = 0;
            open.push(Reverse((least(start), 0, start, turn)));
        }
        // Bounded: every cell is closed once.
        while let Some(Reverse((_, cost, at, turn))) = open.pop() {
            if at == goal {
                return corners(self.back(&came, state(at, turn)), from, to);
            }
            if cost > paid[state(at, turn)] {
                continue;
            }
            for (dx, dy) in [(1, 0), (-1, 0), (0, 1), (0, -1)] {
                let next = (at.0 + dx, at.1 + dy);
                if clamp(next) != next {
                    continue;
                }
                let way = usize::from(dy != 0);
                // Rows are twice as far apart as columns. The goal itself may be in a box.
                let price = if next == goal { 1 } else { u32::from(self.price[state(next, 0) / 2]) };
                let cost = cost + price * if way == 1 { 2 } else { 1 } + CORNER * u32::from(way != turn);
                if cost < paid[state(next, way)] {
                    paid[state(next, way)] = cost;
                    came[state(next, way)] = state(at, turn) as u32;
                    open.push(Reverse((cost + least(next), cost, next, way)));
                }
            }
        }
        vec![from, to]
    }

    /// The cells that led to a state, first to last.
    fn back(&self, came: &[u32], mut state: usize) -> Vec<Cell> {
        let mut cells = Vec::new();
        // Bounded: back along the way that was found.
        loop {
            let cell = (state / 2) as i32;
            cells.push((cell % self.width, cell / self.width));
            match came[state] {
                u32::MAX => break,
                before => state = before as usize,
            }
        }
        cells.reverse();
        cells
    }
}

/// Only where the way turns, and its ends as they were asked for.
fn corners(cells: Vec<Cell>, from: Cell, to: Cell) -> Vec<Cell> {
    let mut out = vec![from];
    for w in cells.windows(3) {
        if (w[0].0 == w[1].0) != (w[1].0 == w[2].0) {
            out.push(w[1]);
        }
    }
    out.push(to);
    out.dedup();
    out
}

#[cfg(test)]
mod tests {
    use super::super::{Label, Of, Role, Wire};
    use super::*;
    use crate::diagram::model::{ArrowKind, ArrowState};
    use crate::trace::Perms;
    use alloc::string::ToString;

    fn written(x: i32, y: i32, text: &str) -> Label {
        Label { x, y, middle: 4 * y + 2, text: text.to_string(), role: Role::Name, of: Of::All }
    }

    fn empty() -> Layout {
        Layout { width: 30, height: 12, ..Layout::default() }
    }

    #[test]
    fn a_way_goes_around_what_is_written() {
        let mut l = empty();
        l.texts = vec![written(5, 5, "a long name here")];
        let way = Streets::new(&l).way((10, 2), (10, 9));
        for s in way.windows(2) {
            assert!(s[0].0 == s[1].0 || s[0].1 == s[1].1, "{way:?}");
            let (top, bottom) = (s[0].1.min(s[1].1), s[0].1.max(s[1].1));
            let crosses = s[0].0 == s[1].0 && (5..21).contains(&s[0].0) && (top..=bottom).contains(&5);
            assert!(!crosses, "{way:?}");
        }
        assert_eq!((way.first(), way.last()), (Some(&(10, 2)), Some(&(10, 9))));
    }

    #[test]
    fn a_way_goes_with_a_wire_that_leads_straight_there_and_else_beside_it() {
        let with = |points: &[Cell]| {
            let mut l = empty();
            l.wires = vec![Wire {
                points: points.to_vec(),
                keys: vec![],
                kind: ArrowKind::Stage2,
                state: ArrowState::Live,
                perms: Perms::RW,
                label: Default::default(),
                touch: None,
                touching: [true; 2],
            }];
            Streets::new(&l).way((2, 3), points[points.len() - 1])
        };
        assert_eq!(with(&[(2, 3), (27, 3)]), [(2, 3), (27, 3)]);
        let way = with(&[(2, 3), (20, 3), (20, 9), (27, 9)]);
        let upright = way.windows(2).find(|s| s[0].0 == s[1].0).map(|s| s[0].0);
        assert!(upright.is_some_and(|x| x != 20), "{way:?}");
    }

    #[test]
    fn who_comes_after_goes_beside_whom_it_follows() {
        let streets = Streets::new(&empty());
        let first = streets.way((25, 6), (2, 6));
        assert_eq!(first, [(25, 6), (2, 6)]);
        let second = streets.beside(&first).way((25, 6), (4, 2));
        let cells = |way: &[Cell]| -> Vec<Cell> {
            let leg = |s: &[Cell]| {
                let ((a, b), (c, d)) = (s[0], s[1]);
                (a.min(c)..=a.max(c)).flat_map(move |x| (b.min(d)..=b.max(d)).map(move |y| (x, y)))
            };
            way.windows(2).flat_map(leg).collect()
        };
        let (first, second) = (cells(&first), cells(&second));
        assert_eq!(second.iter().filter(|cell| first.contains(cell)).count(), 1, "{second:?}");
    }

    #[test]
    fn ends_outside_and_one_cell_pictures_are_no_trouble() {
        assert_eq!(Streets::new(&Layout::default()).way((0, 0), (0, 0)), [(0, 0)]);
        let way = Streets::new(&empty()).way((-3, 2), (99, 2));
        assert_eq!((way[0], way[way.len() - 1]), ((-3, 2), (99, 2)));
    }
}
