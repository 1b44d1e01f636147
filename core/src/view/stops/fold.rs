//! What repeats, folded: after the second of equal groups, one item stands for all that follow.

use alloc::vec::Vec;
use core::ops::Range;

/// The longest group that is recognised.
const PERIOD: usize = 16;
/// Fewer equal groups than this are not folded.
const LEAST: usize = 4;
/// Groups that stay as they are.
const SHOWN: usize = 2;

/// An item of a folded list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Item {
    /// The items of the list that it stands for.
    pub range: Range<usize>,
    /// How many equal groups they are; 0: it is one item as it was.
    pub repeats: usize,
}

/// Folds a list of which only what its items look like is known.
pub fn fold(looks: &[u64]) -> Vec<Item> {
    let mut out = Vec::new();
    let mut at = 0;
    // Bounded: `at` moves on.
    while at < looks.len() {
        match longest(&looks[at..]) {
            Some((period, groups)) => {
                let shown = period * SHOWN;
                out.extend((at..at + shown).map(|i| Item { range: i..i + 1, repeats: 0 }));
                out.push(Item { range: at + shown..at + period * groups, repeats: groups - SHOWN });
                at += period * groups;
            }
            None => {
                out.push(Item { range: at..at + 1, repeats: 0 });
                at += 1;
            }
        }
    }
    out
}

/// The repetition at the start of `looks` that covers most: the length of its group, and how many there are.
fn longest(looks: &[u64]) -> Option<(usize, usize)> {
    let mut best = None;
    for period in 1..=PERIOD.min(looks.len() / LEAST) {
        let same = (0..looks.len() - period).take_while(|i| looks[*i] == looks[i + period]).count();
        let groups = same / period + 1;
        if groups >= LEAST && best.is_none_or(|(p, g)| period * groups > p * g) {
            best = Some((period, groups));
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_repeats_often_is_folded_after_the_second() {
        let looks = [9, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2, 7];
        let folded: Vec<(Range<usize>, usize)> =
            fold(&looks).into_iter().map(|i| (i.range, i.repeats)).collect();
        assert_eq!(folded, [(0..1, 0), (1..2, 0), (2..3, 0), (3..4, 0), (4..5, 0), (5..11, 3), (11..12, 0)]);
        assert_eq!(fold(&[1, 1, 1]).len(), 3);
    }

    proptest! {
        #[test]
        fn every_item_is_in_the_folded_list_once_and_groups_are_equal(
            looks in proptest::collection::vec(0u64..3, 0..200),
        ) {
            let mut at = 0;
            for item in fold(&looks) {
                prop_assert_eq!(item.range.start, at);
                at = item.range.end;
                if let Some(period) = item.range.len().checked_div(item.repeats) {
                    prop_assert_eq!(period * item.repeats, item.range.len());
                    let before = &looks[item.range.start - period..item.range.start];
                    for group in looks[item.range].chunks(period) {
                        prop_assert_eq!(group, before);
                    }
                }
            }
            prop_assert_eq!(at, looks.len());
        }
    }
}
