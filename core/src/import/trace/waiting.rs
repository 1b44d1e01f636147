//! Ranges that the tables have lost and the IOTLB may still have: each waits for the flushes that cover it.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

/// The ranges that wait: by a power of two that they are not longer than, where they begin, and a number of their own. So a flush looks
/// only at those that it may meet.
#[derive(Debug, Default)]
pub struct Waiting {
    ranges: BTreeMap<(u32, u64, u64), (u64, u64)>,
    next: u64,
}

impl Waiting {
    /// Adds a range that the tables lost at a time, up to a limit.
    pub fn add(&mut self, time: u64, first: u64, end: u64, most: usize) {
        if self.ranges.len() < most && first < end {
            self.next += 1;
            self.ranges.insert((64 - (end - first - 1).leading_zeros(), first, self.next), (time, end));
        }
    }

    /// Takes what a flush covers out: when each of the ranges of which nothing is left began to wait.
    pub fn flush(&mut self, address: u64, end: u64) -> Vec<u64> {
        let mut done = Vec::new();
        let mut shift = 0;
        // Bounded: each turn goes on to a longer power of two.
        while let Some((longest, ..)) = self.ranges.range((shift, 0, 0)..).next().map(|(key, _)| *key) {
            let reach = 1u64.checked_shl(longest).unwrap_or(u64::MAX);
            let from = (longest, address.saturating_sub(reach), 0);
            let to = (longest, end.max(from.1), 0);
            let met = self.ranges.range(from..to).filter(|(_, (_, last))| *last > address);
            let met: Vec<_> = met.map(|(key, range)| (*key, *range)).collect();
            for ((_, first, number), (time, last)) in met {
                self.ranges.remove(&(longest, first, number));
                // What is flushed of one end is not left; a hole in the middle leaves both ends.
                let start = if (address..end).contains(&first) { end } else { first };
                let last =
                    if start == first && (address..end).contains(&(last - 1)) { address } else { last };
                if start >= last {
                    done.push(time);
                } else {
                    self.ranges.insert((longest, start, number), (time, last));
                }
            }
            shift = longest + 1;
        }
        done
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_waits_until_flushes_have_covered_all_of_it() {
        let mut waiting = Waiting::default();
        waiting.add(7, 0x1000, 0x4000, 10);
        waiting.add(8, 0x10_0000, 0x10_1000, 10);
        assert_eq!(waiting.flush(0x2000, 0x3000), [0u64; 0]);
        assert_eq!(waiting.flush(0x1000, 0x2000), [0u64; 0]);
        assert_eq!(waiting.flush(0x3000, 0x5000), [0u64; 0]);
        assert_eq!(waiting.flush(0x2000, 0x3000), [7]);
        assert_eq!(waiting.flush(0x4000, 0x10_0000), [0u64; 0]);
        waiting.add(9, 0, u64::MAX, 10);
        assert_eq!(waiting.flush(0, u64::MAX), [8, 9]);
    }
}
