//! Arrows as wires: which leave at the same two places become one, and every wire that changes rows gets a
//! track of its own in the gap between two slots (channel routing).

use alloc::{vec, vec::Vec};

/// A wire's part in one gap: from a row at one side to a row at the same or the other side.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Leg {
    /// The side it starts at: left (`false`) or right (`true`).
    pub from_right: bool,
    /// The side it ends at.
    pub to_right: bool,
    /// The row it starts in.
    pub from: i32,
    /// The row it ends in.
    pub to: i32,
}

impl Leg {
    /// Straight across: needs no track.
    pub fn is_straight(&self) -> bool {
        self.from == self.to && self.from_right != self.to_right
    }
    fn span(&self) -> (i32, i32) {
        (self.from.min(self.to), self.from.max(self.to))
    }
    /// The rows in which it runs between the left side and its track, and between its track and the right side.
    fn stubs(&self) -> ([Option<i32>; 2], [Option<i32>; 2]) {
        let mut left = [None; 2];
        let mut right = [None; 2];
        for (k, (row, at_right)) in
            [(self.from, self.from_right), (self.to, self.to_right)].into_iter().enumerate()
        {
            if at_right {
                right[k] = Some(row);
            } else {
                left[k] = Some(row);
            }
        }
        (left, right)
    }
}

/// A track for each leg that needs one (counted from the left), and how many there are. A leg for which none of
/// `limit` tracks is free gets none: `Err` of its index, and is to be left out.
pub fn tracks(legs: &[Leg], limit: usize) -> (Vec<Option<usize>>, usize, Vec<usize>) {
    let mut of: Vec<Option<usize>> = vec![None; legs.len()];
    let mut left_out = Vec::new();
    // Short ones first: they nest inside the long ones.
    let mut order: Vec<usize> = (0..legs.len()).filter(|&i| !legs[i].is_straight()).collect();
    order.sort_by_key(|&i| (legs[i].span().1 - legs[i].span().0, i));
    let straight: Vec<i32> = legs.iter().filter(|l| l.is_straight()).map(|l| l.from).collect();
    for &i in &order {
        let leg = &legs[i];
        let mut best: Option<(usize, usize)> = None;
        for track in 0..limit {
            let mut crossings = 0;
            let mut fits = true;
            // A stub may not run along a straight wire of somebody else's; sharing the row at its own end is
            // sharing that end.
            for (j, other) in legs.iter().enumerate() {
                let Some(theirs) = of[j] else { continue };
                fits &= compatible(leg, track, other, theirs);
                crossings += crosses(leg, track, other, theirs) + crosses(other, theirs, leg, track);
            }
            crossings += straight.iter().filter(|&&r| leg.span().0 < r && r < leg.span().1).count();
            // Legs that come back to the side they started from stay near it.
            let far = if leg.from_right && leg.to_right { limit - 1 - track } else { track };
            let cost = crossings * 4 + far;
            if fits && best.is_none_or(|(c, _)| cost < c) {
                best = Some((cost, track));
            }
        }
        match best {
            Some((_, track)) => of[i] = Some(track),
            None => left_out.push(i),
        }
    }
    // Close up tracks that nobody took.
    let mut used: Vec<usize> = of.iter().flatten().copied().collect();
    used.sort_unstable();
    used.dedup();
    for t in of.iter_mut().flatten() {
        *t = used.binary_search(t).unwrap_or(0);
    }
    (of, used.len(), left_out)
}

/// May two legs have these tracks without running on top of each other?
fn compatible(a: &Leg, ta: usize, b: &Leg, tb: usize) -> bool {
    let ((a0, a1), (b0, b1)) = (a.span(), b.span());
    if ta == tb && a0 <= b1 && b0 <= a1 {
        return false;
    }
    let (al, ar) = a.stubs();
    let (bl, br) = b.stubs();
    // A stub from the left of one and a stub from the right of the other in one row must not meet.
    let meets = |l: &[Option<i32>; 2], tl: usize, r: &[Option<i32>; 2], tr: usize| {
        tl >= tr && l.iter().flatten().any(|row| r.iter().flatten().any(|other| other == row))
    };
    !(meets(&al, ta, &br, tb) || meets(&bl, tb, &ar, ta))
}

/// How many stubs of `a` cross the vertical part of `b`.
fn crosses(a: &Leg, ta: usize, b: &Leg, tb: usize) -> usize {
    let (b0, b1) = b.span();
    let (left, right) = a.stubs();
    let inside = |row: &&i32| b0 < **row && **row < b1;
    let l = if tb < ta { left.iter().flatten().filter(inside).count() } else { 0 };
    let r = if tb > ta { right.iter().flatten().filter(inside).count() } else { 0 };
    l + r
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn crossing_wires_get_two_tracks_and_straight_ones_none() {
        let leg = |from, to| Leg { from_right: false, to_right: true, from, to };
        let (of, count, out) = tracks(&[leg(1, 1), leg(2, 7), leg(6, 3)], 8);
        assert_eq!(of[0], None);
        assert_eq!(count, 2);
        assert!(of[1] != of[2] && out.is_empty());
    }

    proptest! {
        #[test]
        fn verticals_never_overlap(
            legs in proptest::collection::vec((any::<bool>(), any::<bool>(), 0i32..30, 0i32..30), 0..20),
            limit in 0usize..9,
        ) {
            let legs: Vec<Leg> = legs.into_iter()
                .map(|(from_right, to_right, from, to)| Leg { from_right, to_right, from, to }).collect();
            let (of, count, out) = tracks(&legs, limit);
            prop_assert!(count <= limit);
            for i in 0..legs.len() {
                prop_assert_eq!(of[i].is_none(), legs[i].is_straight() || out.contains(&i));
                for j in 0..i {
                    if let (Some(a), Some(b)) = (of[i], of[j]) {
                        prop_assert!(compatible(&legs[i], a, &legs[j], b));
                    }
                }
            }
        }
    }
}
