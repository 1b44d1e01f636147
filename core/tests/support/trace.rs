//! Traces that are replayed whole, and the lines of their events.

#[path = "replay.rs"]
pub mod replay;

use iommu_core::import::trace::Replay;

/// The replay of a text, every line of which is taken.
#[track_caller]
pub fn replayed(text: &str) -> Replay {
    replay::replayed_until(text, None)
}

/// The line of an event, so many microseconds after 10 s.
pub fn event(time: u32, rest: &str) -> String {
    format!("dd-1 [001] ..... 10.{time:06}: {rest}\n")
}
