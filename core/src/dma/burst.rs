//! Splitting what an engine moves into packets.

use crate::addr::{Address, BusAddr};

/// No memory request crosses a boundary of this many bytes (PCIe 6.0 section 2.2.7).
pub const BOUNDARY: u64 = 4096;

/// How many of `len` bytes at `at` lie before the next 4 KiB boundary.
pub fn to_boundary(at: u64, len: u64) -> u32 {
    (BOUNDARY - at % BOUNDARY).min(len) as u32
}

/// The packets of an access; see [`packets`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Packets {
    at: BusAddr,
    left: u32,
    limit: u32,
}

/// Splits `bytes` at `at` into packets of at most `limit` (at least 128, a multiple of 4), none of which crosses
/// a 4 KiB boundary. The first takes what leads to a double-word boundary into account: a header counts whole
/// double words.
pub fn packets(at: BusAddr, bytes: u32, limit: u32) -> Packets {
    Packets { at, left: bytes, limit: limit.max(128) & !3 }
}

impl Iterator for Packets {
    type Item = (BusAddr, u32);
    fn next(&mut self) -> Option<(BusAddr, u32)> {
        if self.left == 0 {
            return None;
        }
        let lead = (self.at.raw() & 3) as u32;
        let bytes = to_boundary(self.at.raw(), u64::from(self.left.min(self.limit - lead)));
        let packet = (self.at, bytes);
        self.at = self.at.wrapping_add(bytes.into());
        self.left -= bytes;
        Some(packet)
    }
}
