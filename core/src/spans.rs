//! Ranges of physical memory that are looked up by address, without going through all of them.

use alloc::vec::Vec;

/// A range, and what it is of.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Span {
    first: u64,
    /// The first address behind it.
    end: u64,
    of: usize,
}

/// Ranges in the order of their addresses.
#[derive(Clone, Debug, Default)]
pub struct Spans {
    all: Vec<Span>,
    /// How far any range up to each reaches: none of them holds an address that is not below that.
    reach: Vec<u64>,
}

impl Spans {
    /// Returns the ranges: first address, length in bytes, and what each is of.
    pub fn new(ranges: impl Iterator<Item = (u64, u64, usize)>) -> Self {
        let mut all: Vec<Span> =
            ranges.map(|(first, len, of)| Span { first, end: first.saturating_add(len), of }).collect();
        all.sort_unstable();
        let mut far = 0;
        let reach = all.iter().map(|span| {
            far = span.end.max(far);
            far
        });
        let reach = reach.collect();
        Spans { all, reach }
    }

    /// Returns whether one range begins at or before `first` and goes on to `end` at least.
    pub fn hold(&self, first: u64, end: u64) -> bool {
        let before = self.all.partition_point(|span| span.first <= first);
        before.checked_sub(1).is_some_and(|last| self.reach[last] >= end)
    }

    /// Returns what the ranges at an address are of, in no order, and adds how many were looked at to `looks`.
    pub fn at<'a>(&'a self, at: u64, looks: &'a mut u64) -> impl Iterator<Item = usize> + 'a {
        let before = self.all.partition_point(|span| span.first <= at);
        let near = (0..before).rev().take_while(move |i| self.reach[*i] > at);
        near.inspect(|_| *looks += 1).filter(move |i| self.all[*i].end > at).map(|i| self.all[i].of)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_finds_what_going_through_all_finds(
            ranges in proptest::collection::vec((0u64..64, 0u64..16), 0..24), at in 0u64..80, len in 0u64..8,
        ) {
            let spans = Spans::new(ranges.iter().enumerate().map(|(i, (first, len))| (*first, *len, i)));
            let holds = |r: &(u64, u64)| r.0 <= at && at + len <= r.0 + r.1;
            prop_assert_eq!(spans.hold(at, at + len), ranges.iter().any(holds));
            let mut looks = 0;
            let mut found: Vec<usize> = spans.at(at, &mut looks).collect();
            found.sort_unstable();
            let all = (0..ranges.len()).filter(|i| ranges[*i].0 <= at && at < ranges[*i].0 + ranges[*i].1);
            prop_assert_eq!(found, all.collect::<Vec<_>>());
        }
    }

    #[test]
    fn ranges_elsewhere_are_not_looked_at() {
        let spans = Spans::new((0..100_000).map(|i| (i * 4096, 4096, i as usize)));
        let mut looks = 0;
        assert_eq!(spans.at(50_000 * 4096 + 7, &mut looks).collect::<Vec<_>>(), [50_000]);
        assert!(looks <= 2, "{looks}");
    }
}
