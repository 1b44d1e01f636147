//! Which row everything is in: the columns' elements from top to bottom, with the two ends of an arrow in one
//! row wherever the order of addresses allows it.

use alloc::{vec, vec::Vec};

/// One thing in a chain of things below each other.
#[derive(Clone, Copy, Debug)]
pub struct Elem {
    /// How many rows it needs.
    pub rows: i32,
    /// How gladly it takes spare rows; 0 for not at all.
    pub stretch: u8,
}

/// The chains (one a slot), and which elements share a row.
#[derive(Clone, Debug)]
pub struct Rows {
    chains: Vec<Vec<Elem>>,
    /// Index of each chain's first element.
    base: Vec<usize>,
    /// Who is in whose row (union-find).
    group: Vec<usize>,
    /// "This one at least so many rows below that one", kept as (above, below, rows).
    apart: Vec<(usize, usize, i32)>,
    /// The result.
    rows: Vec<i32>,
    limit: i32,
}

/// An element: chain, and index in it.
pub type At = (usize, usize);

impl Rows {
    /// Starts with nothing aligned. Alignment may make the picture taller up to `most` rows; where that is 0, not out of
    /// proportion.
    pub fn new(chains: Vec<Vec<Elem>>, most: i32) -> Rows {
        let mut base = Vec::new();
        let mut count = 0;
        for chain in &chains {
            base.push(count);
            count += chain.len();
        }
        let natural = chains.iter().map(|c| c.iter().map(|e| e.rows).sum::<i32>()).max().unwrap_or(0);
        let mut rows =
            Rows { chains, base, group: (0..count).collect(), apart: vec![], rows: vec![0; count], limit: 0 };
        rows.limit = if most > 0 { natural.max(most) } else { natural + natural / 2 + 6 };
        rows.solve();
        rows
    }

    fn index(&self, at: At) -> usize {
        self.base[at.0] + at.1
    }
    fn find(&self, mut i: usize) -> usize {
        // Bounded: each turn goes nearer to the root of its group.
        while self.group[i] != i {
            i = self.group[i];
        }
        i
    }

    /// Puts two elements in one row, if that is possible.
    pub fn align(&mut self, a: At, b: At) -> bool {
        let (a, b) = (self.find(self.index(a)), self.find(self.index(b)));
        if a == b {
            return true;
        }
        self.group[b] = a;
        if self.solve() {
            return true;
        }
        self.group[b] = b;
        self.solve();
        false
    }

    /// Keeps two elements out of the same row, if that is possible.
    pub fn part(&mut self, a: At, b: At) -> bool {
        let (a, b) = (self.index(a), self.index(b));
        for (above, below) in [(a, b), (b, a)] {
            self.apart.push((above, below, 1));
            if self.solve() {
                return true;
            }
            self.apart.pop();
        }
        self.solve();
        false
    }

    /// The first row of an element.
    pub fn row(&self, at: At) -> i32 {
        self.rows[self.index(at)]
    }
    /// How many rows an element came to have.
    pub fn height(&self, at: At) -> i32 {
        if at.1 + 1 < self.chains[at.0].len() {
            self.row((at.0, at.1 + 1)) - self.row(at)
        } else {
            self.chains[at.0][at.1].rows
        }
    }
    /// Rows of all chains together.
    pub fn total(&self) -> i32 {
        let ends = self.chains.iter().enumerate().filter(|(_, c)| !c.is_empty());
        ends.map(|(i, c)| self.row((i, c.len() - 1)) + c[c.len() - 1].rows).max().unwrap_or(0)
    }

    /// The earliest row of each group; `false` if the wishes contradict each other or cost too many rows.
    fn solve(&mut self) -> bool {
        let count = self.group.len();
        let root: Vec<usize> = (0..count).map(|i| self.find(i)).collect();
        let mut edges: Vec<(usize, usize, i32)> = Vec::with_capacity(count);
        for (c, chain) in self.chains.iter().enumerate() {
            for i in 1..chain.len() {
                let at = self.base[c] + i;
                edges.push((root[at - 1], root[at], chain[i - 1].rows));
            }
        }
        edges.extend(self.apart.iter().map(|&(a, b, n)| (root[a], root[b], n)));
        let mut waits = vec![0u32; count];
        let mut out: Vec<Vec<(usize, i32)>> = vec![Vec::new(); count];
        for &(a, b, n) in &edges {
            waits[b] += 1;
            out[a].push((b, n));
        }
        let mut ready: Vec<usize> = (0..count).filter(|&i| root[i] == i && waits[i] == 0).collect();
        let groups = (0..count).filter(|&i| root[i] == i).count();
        let mut early = vec![0i32; count];
        let mut done = 0;
        // Bounded: every node is ready once.
        while let Some(i) = ready.pop() {
            done += 1;
            for &(next, n) in &out[i] {
                early[next] = early[next].max(early[i] + n);
                waits[next] -= 1;
                if waits[next] == 0 {
                    ready.push(next);
                }
            }
        }
        if done < groups || early.iter().any(|&r| r > self.limit && self.limit > 0) {
            return false;
        }
        let mut shared = vec![0u32; count];
        for &r in &root {
            shared[r] += 1;
        }
        let mut fixed: Vec<bool> = (0..count).map(|i| shared[root[i]] > 1).collect();
        for &(a, b, _) in &self.apart {
            fixed[a] = true;
            fixed[b] = true;
        }
        for i in 0..count {
            self.rows[i] = early[root[i]];
        }
        self.spread(&fixed);
        true
    }

    /// Gives spare rows to those that take them gladly: gaps first, then large regions.
    fn spread(&mut self, fixed: &[bool]) {
        for (c, chain) in self.chains.iter().enumerate() {
            let base = self.base[c];
            let mut from = 0;
            for k in 1..chain.len() {
                let spare = self.rows[base + k] - self.rows[base + k - 1] - chain[k - 1].rows;
                if spare > 0 {
                    let best = (from..k).max_by_key(|&j| (chain[j].stretch, j)).unwrap_or(k - 1);
                    for j in best + 1..k {
                        self.rows[base + j] += spare;
                    }
                }
                if fixed[base + k] {
                    from = k;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ends_of_an_arrow_share_a_row_and_a_gap_takes_the_spare_rows() {
        let e = |rows, stretch| Elem { rows, stretch };
        let mut r =
            Rows::new(vec![vec![e(1, 0), e(2, 1), e(1, 4), e(1, 0)], vec![e(1, 0), e(8, 1), e(1, 0)]], 0);
        assert!(r.align((0, 3), (1, 2)));
        assert_eq!((r.row((0, 3)), r.row((1, 2))), (9, 9));
        assert_eq!(r.height((0, 1)), 2);
        assert_eq!(r.height((0, 2)), 6);
        assert!(!r.align((0, 0), (1, 2)), "would cross");
    }

    proptest! {
        #[test]
        fn order_and_room_are_kept_whatever_is_aligned(
            chains in proptest::collection::vec(proptest::collection::vec((1i32..4, 0u8..3), 1..12), 1..5),
            wishes in proptest::collection::vec((0usize..5, 0usize..12, 0usize..5, 0usize..12, any::<bool>()), 0..30),
        ) {
            let chains: Vec<Vec<Elem>> = chains.iter()
                .map(|c| c.iter().map(|&(rows, stretch)| Elem { rows, stretch }).collect()).collect();
            let mut r = Rows::new(chains.clone(), 0);
            let mut together = vec![];
            for (a, i, b, j, align) in wishes {
                let (a, b) = (a % chains.len(), b % chains.len());
                let (p, q) = ((a, i % chains[a].len()), (b, j % chains[b].len()));
                if align {
                    if r.align(p, q) {
                        together.push((p, q));
                    }
                } else {
                    r.part(p, q);
                }
            }
            for (p, q) in together {
                prop_assert_eq!(r.row(p), r.row(q));
            }
            for (c, chain) in chains.iter().enumerate() {
                for (i, elem) in chain.iter().enumerate() {
                    prop_assert!(r.height((c, i)) >= elem.rows);
                }
            }
        }
    }
}
