//! A column's regions, which may nest, as pieces one above the other; many of them folded into few.

use super::model::{Column, RegionKind};
use alloc::{collections::BTreeMap, collections::BTreeSet, vec, vec::Vec};
use core::cmp::Reverse;

/// What a piece shows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum What {
    /// A part of a region, or all of it: an index into the column's regions.
    Region(u32),
    /// Nothing is here.
    Gap,
    /// Several regions, counted.
    Fold(Fold),
}

/// Regions that are counted instead of shown.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Fold {
    /// The regions, as indices into the column's.
    pub regions: Vec<u32>,
    /// What they all are, when they all are the same.
    pub kind: Option<RegionKind>,
}

/// A range of a column that is shown as one thing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Piece {
    /// First address.
    pub first: u64,
    /// Last address.
    pub last: u64,
    /// What it shows.
    pub what: What,
    /// Regions entirely hidden behind what is shown here.
    pub also: Vec<u32>,
    /// The region's name is written here.
    pub named: bool,
    /// The region starts here: its first address is written here.
    pub starts: bool,
}

impl Piece {
    /// Returns whether one of some addresses, which are in order, is in it.
    pub fn holds_one(&self, addresses: &[u64]) -> bool {
        let next = addresses.partition_point(|address| *address < self.first);
        addresses.get(next).is_some_and(|address| *address <= self.last)
    }
}

/// The pieces of a column, highest address first. `cuts` are addresses where a piece has to start although no
/// region does (an arrow ends there).
pub fn flatten(column: &Column, cuts: &[u64]) -> Vec<Piece> {
    // Ends may be 2^64: count in 128 bits.
    let mut changes: BTreeMap<u128, (Vec<u32>, Vec<u32>)> = BTreeMap::new();
    for (i, r) in column.regions.iter().enumerate() {
        let (first, end) = (r.first, u128::from(r.last.max(r.first)) + 1);
        changes.entry(u128::from(first)).or_default().0.push(i as u32);
        changes.entry(end).or_default().1.push(i as u32);
    }
    let cuts: BTreeSet<u128> = cuts.iter().map(|&c| u128::from(c)).collect();
    for &cut in &cuts {
        changes.entry(cut).or_default();
    }
    let mut pieces: Vec<Piece> = Vec::new();
    let mut open: BTreeSet<(u64, Reverse<u32>)> = BTreeSet::new();
    let size = |i: u32| {
        let r = &column.regions[i as usize];
        (r.last.max(r.first) - r.first, Reverse(i))
    };
    let mut starts = changes.keys().copied().skip(1);
    for (&at, (begin, end)) in &changes {
        for &i in end {
            open.remove(&size(i));
        }
        for &i in begin {
            open.insert(size(i));
        }
        let Some(next) = starts.next() else { break };
        let what = open.first().map_or(What::Gap, |(_, Reverse(i))| What::Region(*i));
        let (first, last) = (at as u64, (next - 1) as u64);
        match pieces.last_mut() {
            // A region that begins or ends behind this one is no reason to cut it.
            Some(p) if p.what == what && !cuts.contains(&at) => p.last = last,
            _ => pieces.push(Piece { first, last, what, also: vec![], named: false, starts: false }),
        }
    }
    name(column, &mut pieces);
    pieces.reverse();
    pieces
}

/// Writes each region's name at its largest piece, or at the piece that hides it.
fn name(column: &Column, pieces: &mut [Piece]) {
    let mut best: Vec<Option<usize>> = vec![None; column.regions.len()];
    for (p, piece) in pieces.iter_mut().enumerate() {
        if let What::Region(i) = piece.what {
            piece.starts = column.regions[i as usize].first == piece.first;
            best[i as usize].get_or_insert(p);
        }
    }
    for (p, piece) in pieces.iter().enumerate() {
        if let What::Region(i) = piece.what {
            let slot = &mut best[i as usize];
            if slot.is_none_or(|b| pieces[b].last - pieces[b].first < piece.last - piece.first) {
                *slot = Some(p);
            }
        }
    }
    for (i, place) in best.iter().enumerate() {
        match place {
            Some(p) => pieces[*p].named = true,
            None => {
                let first = column.regions[i].first;
                let p = pieces.partition_point(|p| p.last < first);
                if let Some(piece) = pieces.get_mut(p) {
                    piece.also.push(i as u32);
                }
            }
        }
    }
}

/// Addresses that a reader asked to see closer, first and last.
pub type Focus = (u64, u64);

/// Folds pieces (highest address first) until about `budget` are left. `pinned` says which addresses ranges must
/// stay to be seen; in `focus` more is seen, outside it less.
pub fn fold(
    column: &Column,
    pieces: Vec<Piece>,
    budget: usize,
    focus: Option<Focus>,
    pinned: impl Fn(&Piece) -> bool,
) -> Vec<Piece> {
    if pieces.len() <= budget && focus.is_none() {
        return pieces;
    }
    let in_focus = |p: &Piece| focus.is_none_or(|(first, last)| p.first <= last && first <= p.last);
    // Whole classes are shown while they fit: a few buffers among many would look like all of them.
    let class: Vec<u8> = pieces
        .iter()
        .map(|p| match &p.what {
            _ if pinned(p) => 0,
            What::Region(i) if in_focus(p) => match column.regions[*i as usize].kind {
                _ if !p.named && !p.starts => 5,
                RegionKind::Ram | RegionKind::Mmio | RegionKind::Msi | RegionKind::DeviceMemory => 1,
                RegionKind::Bar | RegionKind::Buffer | RegionKind::Bounce | RegionKind::Ports => 2,
                RegionKind::Queue | RegionKind::Registers | RegionKind::Reserved | RegionKind::Hole => 3,
                RegionKind::Table => 4,
            },
            _ if in_focus(p) => 6,
            _ => 7,
        })
        .collect();
    let mut keep_below = 1;
    let mut kept = class.iter().filter(|c| **c == 0).count();
    for c in 1..=6 {
        let more = class.iter().filter(|k| **k == c).count();
        if kept + more > budget {
            break;
        }
        kept += more;
        keep_below = c + 1;
    }
    // Runs of what is left, each with whether it is in focus.
    let mut runs: Vec<(usize, usize, bool)> = Vec::new();
    for (i, piece) in pieces.iter().enumerate() {
        if class[i] < keep_below {
            continue;
        }
        let near = in_focus(piece);
        match runs.last_mut() {
            Some(run) if run.1 == i && run.2 == near => run.1 = i + 1,
            _ => runs.push((i, i + 1, near)),
        }
    }
    let hidden: usize = runs.iter().filter(|r| r.2).map(|r| r.1 - r.0).sum();
    // Where there is hardly any room, a run is one.
    let room = budget.saturating_sub(kept).max(if budget < 6 { 1 } else { 4 });
    let group = hidden.div_ceil(room).max(2);
    let mut out = Vec::new();
    let mut next = 0;
    for (from, to, near) in runs {
        out.extend_from_slice(&pieces[next..from]);
        let step = if near { group } else { to - from };
        for part in pieces[from..to].chunks(step.max(1)) {
            out.extend(folded(column, part));
        }
        next = to;
    }
    out.extend_from_slice(&pieces[next..]);
    out
}

/// Several neighbouring pieces as one; as they are when that would hide no region, or only one.
fn folded(column: &Column, part: &[Piece]) -> Vec<Piece> {
    let mut regions: Vec<u32> = Vec::new();
    for p in part {
        // A region is counted where its name would have been.
        if let (What::Region(i), true) = (&p.what, p.named) {
            regions.push(*i);
        }
        regions.extend_from_slice(&p.also);
    }
    if part.len() < 2 || regions.is_empty() {
        return part.to_vec();
    }
    let kind = column.regions[regions[0] as usize].kind;
    let same = regions.iter().all(|i| column.regions[*i as usize].kind == kind);
    vec![Piece {
        first: part[part.len() - 1].first,
        last: part[0].last,
        what: What::Fold(Fold { regions, kind: same.then_some(kind) }),
        also: vec![],
        named: false,
        starts: true,
    }]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagram::model::{Region, Space};
    use crate::spec::Phrase;
    use proptest::prelude::*;

    fn column(ranges: &[(u64, u64)]) -> Column {
        let regions = ranges.iter().enumerate();
        let regions = regions.map(|(i, &(first, last))| {
            Region::new(alloc::format!("{i}"), first, last, RegionKind::Buffer, Phrase::same("b"))
        });
        Column {
            key: "pa".into(),
            space: Space::Physical,
            title: Phrase::default(),
            owner: Phrase::default(),
            regions: regions.collect(),
            reached: false,
        }
    }

    #[test]
    fn a_buffer_in_ram_cuts_it_in_three() {
        let c = column(&[(0, u64::MAX), (0x1000, 0x1fff), (0x1000, 0x1fff)]);
        let p = flatten(&c, &[0x1800]);
        let short: Vec<_> = p.iter().map(|p| (p.first, p.what.clone(), p.also.len())).collect();
        let want = [
            (0x2000, What::Region(0), 0),
            (0x1800, What::Region(2), 0),
            (0x1000, What::Region(2), 1),
            (0, What::Region(0), 0),
        ];
        assert_eq!(short, want);
    }

    proptest! {
        #[test]
        fn every_region_is_named_hidden_or_counted_once(
            ranges in proptest::collection::vec((0u64..5000, 1u64..900), 0..120),
            budget in 1usize..30,
            focus in proptest::option::of((0u64..3000, 0u64..3000)),
        ) {
            let ranges: Vec<_> = ranges.iter().map(|(a, n)| (*a, a + n)).collect();
            let c = column(&ranges);
            let all = flatten(&c, &[17, 400]);
            let focus = focus.map(|(a, n)| (a, a + n));
            let pieces = fold(&c, all.clone(), budget, focus, |p| p.first == 400);
            for pair in pieces.windows(2) {
                prop_assert_eq!(pair[1].last.wrapping_add(1), pair[0].first);
            }
            let mut seen: Vec<u32> = pieces.iter().flat_map(|p| {
                let mut v = p.also.clone();
                match &p.what {
                    What::Region(i) if p.named => v.push(*i),
                    What::Fold(f) => v.extend_from_slice(&f.regions),
                    _ => {}
                }
                v
            }).collect();
            seen.sort_unstable();
            let want: Vec<u32> = (0..ranges.len() as u32).collect();
            prop_assert_eq!(seen, want);
        }
    }
}
