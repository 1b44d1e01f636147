//! The memory that a mapping is made of, piece by piece.

use super::super::{Env, OsError};
use crate::addr::{AddrRange, Address, PageSize, PhysAddr};
use crate::iommu::Driver;
use crate::trace::{Actor, CostKind, Event, Observer};
use alloc::{vec, vec::Vec};

/// A run of physically contiguous memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Piece {
    /// Where.
    pub at: PhysAddr,
    /// How many bytes.
    pub bytes: u64,
}

/// The memory of bytes `offset` to `offset + bytes` of pieces.
pub(super) fn part(pieces: &[Piece], offset: u64, bytes: u64) -> Vec<AddrRange<PhysAddr>> {
    let (mut skip, mut left) = (offset, bytes);
    let mut ranges = Vec::new();
    for piece in pieces {
        if skip >= piece.bytes {
            skip -= piece.bytes;
            continue;
        }
        let n = (piece.bytes - skip).min(left);
        ranges.extend(AddrRange::new(piece.at.wrapping_add(skip), n));
        left -= n;
        skip = 0;
        if left == 0 {
            break;
        }
    }
    ranges
}

/// Bytes of the whole pages that `bytes` at `at` touch.
pub(super) fn whole_pages(at: PhysAddr, bytes: u64) -> u64 {
    (at.offset(PageSize::SIZE_4K) + bytes).max(1).next_multiple_of(4096)
}

/// A copy by the CPU, through its cache, counted.
pub(super) fn copy<I: Driver, O: Observer>(
    env: &mut Env<'_, I, O>,
    from: PhysAddr,
    to: PhysAddr,
    bytes: u64,
) -> Result<(), OsError> {
    let mut data = vec![0; 4096];
    let mut done = 0;
    // Bounded: reads and writes draw.
    while done < bytes {
        let n = (bytes - done).min(4096) as usize;
        env.cache.read(env.memory, Actor::Os, from.wrapping_add(done), &mut data[..n], env.obs)?;
        env.cache.write(env.memory, Actor::Os, to.wrapping_add(done), &data[..n], env.obs)?;
        done += n as u64;
    }
    if O::ON {
        env.obs.step(Actor::Os, Event::Cost { kind: CostKind::CopiedBytes, amount: bytes });
    }
    Ok(())
}
