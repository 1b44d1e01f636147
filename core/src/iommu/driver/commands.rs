//! Posting commands: entries written at the tail of the unit's command ring, a fence behind them, the tail register,
//! and what stopped the queue replaced by a command that does nothing.

use super::{Domains, DriverResult, Hardware, Invalidation};
use crate::iommu::ring::Ring;
use crate::iommu::{PageRequest, PageResponse};
use crate::spec::EntryType;
use alloc::vec::Vec;

/// The words of a command, the first one first; a ring with shorter entries takes what fits.
pub type Words = [u64; 4];

/// The command ring as a driver sees it: memory that it made, and registers.
pub trait Commands {
    /// Where software writes the tail: offset and width in bytes.
    const TAIL: (u32, u8);
    /// Where the unit says which command is next: offset and width in bytes.
    const HEAD: (u32, u8);
    /// The tail is moved after each command, not once after all.
    const ONE_BY_ONE: bool;

    /// Returns the ring, where the driver put it.
    fn ring(&self) -> Ring;

    /// Returns which structure a command with this first word is.
    fn entry(low: u64) -> &'static EntryType;

    /// Returns the command behind which all earlier ones are done; each has a number of its own.
    fn fence(&mut self) -> Words;

    /// Returns the commands that make the unit forget.
    fn invalidation(&self, domains: &Domains, what: &Invalidation) -> DriverResult<Vec<Words>>;

    /// Returns the command that answers a group of page requests.
    fn response(&self, request: &PageRequest, response: PageResponse) -> DriverResult<Words>;

    /// Returns the command that does nothing, in place of one that stopped the queue.
    fn nothing(&self) -> Words;

    /// Returns the words in the byte order that the unit reads.
    fn stored(&self, words: Words) -> Words {
        words
    }

    /// Returns the error bits that keep the queue stopped; 0 while it runs.
    fn stopped(&self, hw: &impl Hardware) -> u64;

    /// Clears the error bits, so that the queue goes on.
    fn go_on(&self, hw: &mut impl Hardware, errors: u64);

    /// Does what is left to do once all commands are done.
    fn settled(&self, _hw: &mut impl Hardware) {}
}

/// Posts commands and a fence, and waits for them: when this returns the unit has done what they say.
pub fn submit<C: Commands>(queue: &mut C, hw: &mut impl Hardware, list: &[Words]) -> DriverResult {
    let fence = queue.fence();
    let ring = queue.ring();
    let mut waiting = 0;
    let mut tail = hw.read(C::TAIL.0, C::TAIL.1);
    for words in list.iter().chain([&fence]) {
        write(queue, hw, ring, tail, *words)?;
        tail = ring.next(tail);
        waiting += 1;
        if C::ONE_BY_ONE {
            hw.write(C::TAIL.0, C::TAIL.1, tail);
            recover(queue, hw, ring, core::mem::take(&mut waiting))?;
        }
    }
    if waiting != 0 {
        hw.write(C::TAIL.0, C::TAIL.1, tail);
        recover(queue, hw, ring, waiting)?;
    }
    queue.settled(hw);
    Ok(())
}

fn write<C: Commands>(
    queue: &C,
    hw: &mut impl Hardware,
    ring: Ring,
    pointer: u64,
    words: Words,
) -> DriverResult {
    let count = (ring.bytes as usize / 8).min(words.len());
    let at = ring.slot(ring.index(pointer));
    hw.store(C::entry(words[0]), at, &queue.stored(words)[..count])
}

/// Replaces each command that stops the queue, at most as many as were posted.
fn recover<C: Commands>(queue: &C, hw: &mut impl Hardware, ring: Ring, posted: usize) -> DriverResult {
    // Bounded: commands that were posted at once.
    for _ in 0..posted {
        let errors = queue.stopped(hw);
        if errors == 0 {
            break;
        }
        let head = hw.read(C::HEAD.0, C::HEAD.1);
        write(queue, hw, ring, head, queue.nothing())?;
        queue.go_on(hw, errors);
    }
    Ok(())
}
