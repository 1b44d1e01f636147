//! What else may be said of a refused address: that a mapping failed, and which devices have one number.

use super::Live;
use crate::import::found::Bdf;
use crate::import::trace::finding::Was;
use crate::import::trace::line::Moment;
use alloc::string::String;
use alloc::vec::Vec;

/// The page that a mapping which failed has for an address (DMA_MAPPING_ERROR), and the one that an allocation has.
const FAILED: [u64; 2] = [!0xfff, 0];

impl Live {
    /// Returns the devices with a function's number, in whichever segment.
    pub fn segments(&self, at: Bdf) -> Vec<&str> {
        let same = |name: &&String| Bdf::parse(name).is_some_and(|one| one.id() == at.id());
        let acted =
            |name: &&String| self.numbers.get(*name).is_some_and(|device| self.acted.contains(device));
        self.names.iter().filter(same).filter(acted).map(String::as_str).collect()
    }

    /// Returns those of a number in words.
    pub(super) fn of_any_segment(&self, name: &str) -> String {
        Bdf::parse(name).map_or_else(String::new, |at| self.segments(at).join(", "))
    }

    /// Returns what a refused address was, where it is what a mapping of the device that failed has for one.
    pub(super) fn or_failed(&self, now: Moment, device: usize, address: u64, was: Was) -> Was {
        let never = matches!(was.core(), Was::Never(_)) && FAILED.contains(&(address & !0xfff));
        let failed = self.failures.get(&device).filter(|at| never && at.time <= now.time);
        failed.map_or(was, |at| Was::Failed(*at))
    }
}
