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

/// Folds a list of which what its items look like is known, and how well a group begins with each (0: no better than with
/// another): a group is a whole request where its items say where one begins.
pub fn fold(looks: &[u64], starts: &[u8]) -> Vec<Item> {
    let mut out = Vec::new();
    let mut at = 0;
    // Bounded: `at` moves on.
    while at < looks.len() {
        match longest(&looks[at..]).and_then(|(period, _)| begun(looks, starts, &mut out, &mut at, period)) {
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

/// Moves `at` on to where a group begins; what is passed stays as it is.
fn begun(
    looks: &[u64],
    starts: &[u8],
    out: &mut Vec<Item>,
    at: &mut usize,
    period: usize,
) -> Option<(usize, usize)> {
    let first = starts.get(*at..*at + period).unwrap_or_default();
    let best = first.iter().copied().max().unwrap_or(0);
    let shift = first.iter().position(|s| *s == best).unwrap_or(0);
    out.extend((*at..*at + shift).map(|i| Item { range: i..i + 1, repeats: 0 }));
    *at += shift;
    let rest = looks.get(*at..)?;
    let same = rest.iter().zip(rest.get(period..)?).take_while(|(a, b)| a == b).count();
    let groups = same / period + 1;
    (groups >= LEAST).then_some((period, groups))
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
            fold(&looks, &[]).into_iter().map(|i| (i.range, i.repeats)).collect();
        assert_eq!(folded, [(0..1, 0), (1..2, 0), (2..3, 0), (3..4, 0), (4..5, 0), (5..11, 3), (11..12, 0)]);
        assert_eq!(fold(&[1, 1, 1], &[]).len(), 3);
    }

    #[test]
    fn what_is_folded_begins_with_a_request() {
        // A first request that missed (9), and six that did as the ones before: packet 1, translation 2, data 3.
        let looks: Vec<u64> = [1, 9, 3].into_iter().chain([1, 2, 3].into_iter().cycle().take(18)).collect();
        let starts: Vec<u8> = looks.iter().map(|l| u8::from(*l == 1)).collect();
        let folded = fold(&looks, &starts);
        let fold = folded.iter().find(|i| i.repeats > 0).expect("they repeat");
        assert_eq!((fold.range.clone(), fold.repeats), (9..21, 4));
        assert!(folded.iter().all(|i| i.repeats > 0 || i.range.len() == 1));
    }

    proptest! {
        #[test]
        fn every_item_is_in_the_folded_list_once_and_groups_are_equal(
            looks in proptest::collection::vec(0u64..3, 0..200),
            starts in proptest::collection::vec(0u8..3, 200),
        ) {
            let mut at = 0;
            for item in fold(&looks, &starts[..looks.len()]) {
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
