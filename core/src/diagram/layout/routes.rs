//! Which way wires go: the row in which one passes a slot, the track that each leg has in its gap.

use super::bundles::Bundle;
use super::chain::{Part, Slot};
use super::rows::Rows;
use super::streets::Cell;
use super::wires::{tracks, Leg};
use alloc::{collections::BTreeMap, vec, vec::Vec};

/// The most wires side by side in one gap.
pub const MAX_TRACKS: usize = 14;

/// The corners of a wire, and which of its ends touch a box.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Way {
    pub points: Vec<Cell>,
    pub touching: [bool; 2],
}

/// A gap between two slots, or the channel at the right of the last one.
#[derive(Clone, Copy, Debug)]
pub struct Gap {
    /// How wide it is.
    pub cells: i32,
    /// How many tracks it has.
    pub tracks: usize,
}

/// The rows and legs of all wires.
pub struct Legs {
    /// For each gap: of which bundle, and from which row to which.
    in_gap: Vec<Vec<(usize, Leg)>>,
    /// The row in which a bundle passes the slots between its ends.
    pub pass_row: BTreeMap<usize, i32>,
    /// Rows there are, with those that wires pass in.
    pub height: i32,
}

/// Legs of wires in gaps; wires that pass a slot take a row there that is free. `None` where there is no such row.
pub fn legs(slots: &[Slot], bundles: &[Bundle], rows: &Rows) -> Option<Legs> {
    let last = slots.len() - 1;
    let mut height = rows.total();
    let mut legs: Vec<Vec<(usize, Leg)>> = vec![vec![]; last + 1];
    let mut passed: Vec<(usize, i32)> = Vec::new();
    let mut pass_row: BTreeMap<usize, i32> = BTreeMap::new();
    let mut order: Vec<usize> = (0..bundles.len()).collect();
    order.sort_by_key(|&i| !bundles[i].first);
    for &i in &order {
        let b = &bundles[i];
        let (y1, y2) = (rows.row(b.from), rows.row(b.to));
        let (s1, s2) = (b.from.0, b.to.0);
        let (l, r) = (s1.min(s2), s1.max(s2));
        let leg = |from_right, to_right, from, to| Leg { from_right, to_right, from, to };
        match r - l {
            0 => legs[l].push((i, leg(false, false, y1, y2))),
            1 => legs[l].push((i, leg(s1 > s2, s2 > s1, y1, y2))),
            _ => {
                let free = |row: i32| {
                    (l + 1..r).all(|s| {
                        let taken = slots[s].parts.iter().enumerate().any(|(k, part)| {
                            let (from, h) = (rows.row((s, k)), rows.height((s, k)));
                            *part != Part::Blank && (from..from + h).contains(&row)
                        });
                        !taken && !passed.contains(&(s, row))
                    })
                };
                let wish = (y1 + y2) / 2;
                let row = (0..height + 200).filter(|r| free(*r)).min_by_key(|r| (r - wish).abs())?;
                passed.extend((l + 1..r).map(|s| (s, row)));
                height = height.max(row + 1);
                pass_row.insert(i, row);
                let forward = s1 < s2;
                let (yl, yr) = if forward { (y1, y2) } else { (y2, y1) };
                let gap = |from_right: bool, a: i32, z: i32| {
                    if from_right {
                        leg(true, false, a, z)
                    } else {
                        leg(false, true, a, z)
                    }
                };
                let (first, second) = if forward { ((yl, row), (row, yr)) } else { ((row, yl), (yr, row)) };
                legs[l].push((i, gap(!forward, first.0, first.1)));
                for legs in &mut legs[l + 1..r - 1] {
                    legs.push((i, gap(!forward, row, row)));
                }
                legs[r - 1].push((i, gap(!forward, second.0, second.1)));
            }
        }
    }
    Some(Legs { in_gap: legs, pass_row, height })
}

/// The tracks of all wires.
pub struct Routes {
    /// By gap and bundle.
    pub track: BTreeMap<(usize, usize), usize>,
    /// Bundles without one.
    pub out: Vec<usize>,
    /// How wide each gap is.
    pub gaps: Vec<Gap>,
}

/// Gives each leg a track: at most `limit` in a gap, and each gap at least as wide as `wish` says.
pub fn routes(legs: &Legs, limit: usize, wish: impl Fn(usize) -> i32) -> Routes {
    let last = legs.in_gap.len() - 1;
    let mut found = Routes { track: BTreeMap::new(), out: Vec::new(), gaps: Vec::new() };
    for (g, legs) in legs.in_gap.iter().enumerate() {
        let plain: Vec<Leg> = legs.iter().map(|l| l.1).collect();
        let (of, tracks, left_out) = tracks(&plain, limit);
        for (k, t) in of.iter().enumerate() {
            if let Some(t) = t {
                found.track.insert((g, legs[k].0), *t);
            }
        }
        found.out.extend(left_out.iter().map(|k| legs[*k].0));
        let need = if tracks > 0 { 2 * tracks as i32 + 3 } else { 0 };
        let cells = if g < last { need.max(wish(g)) } else { need };
        found.gaps.push(Gap { cells, tracks });
    }
    // One that crosses several gaps may lack a track in each of them: it is one that is not drawn.
    found.out.sort_unstable();
    found.out.dedup();
    found
}
