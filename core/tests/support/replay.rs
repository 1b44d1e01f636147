//! A trace that is replayed.

use iommu_core::import::trace::Replay;

/// The replay of a text up to a time in nanoseconds, or of every line of it.
pub fn replayed_until(text: &str, until: Option<u64>) -> Replay {
    let mut replay = Replay::default();
    for line in text.lines() {
        replay.line(line, until);
    }
    replay.finish(until);
    replay
}
