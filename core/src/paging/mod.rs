//! Page tables: how a format cuts an address and reads an entry ([`Format`]), the one walker over any format
//! ([`mod@walk`]), and the builder that maps and unmaps by writing entries into memory ([`builder`]).
//!
//! Software and "hardware" share nothing but the words in [`Memory`](crate::memory::Memory). Code here reads and writes
//! entries in memory and records it; it knows no device, no CPU register and no IOMMU.

pub mod any;
pub mod builder;
pub mod formats;
pub mod frames;
pub mod leaves;
#[cfg(test)]
mod tests;
pub mod walk;

pub use formats::{aarch64, amdv1, ept, npt, riscv, vtd_first, vtd_second, x86};
pub use frames::FrameAlloc;
pub use walk::{walk, Direct, Nested, Tables, WalkError, Walked};

use crate::addr::PageSize;
use crate::spec::{EntryType, Rule};
use crate::trace::Perms;

/// What an access needs of a mapping.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Want {
    /// Read, write, execute.
    pub perms: Perms,
    /// With supervisor privilege.
    pub privileged: bool,
}

impl Want {
    /// Returns a user access that needs `perms`.
    pub const fn user(perms: Perms) -> Self {
        Want { perms, privileged: false }
    }
    /// Returns a supervisor access that needs `perms`.
    pub const fn supervisor(perms: Perms) -> Self {
        Want { perms, privileged: true }
    }
}

/// What an entry, once decoded, says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Entry<F> {
    /// The next table is at this address (in the space that the tables' pointers are in).
    Table(u64),
    /// It maps a page that starts here. The walker takes its size from the level.
    Leaf(u64),
    /// It refuses the access.
    Refused(F),
}

/// What the bits of an input address above those that its tables translate must be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Above {
    /// Zeros.
    Zeros,
    /// Copies of the highest bit that is translated: the address is sign-extended, or canonical.
    Copies,
    /// All alike, whatever the highest translated bit is: two tables, one for each half.
    Alike,
}

/// A page-table format. Levels are counted from the bottom: level 1 tables map 4 KiB pages.
pub trait Format {
    /// Why an entry refuses an access.
    type Fault: Copy;
    /// What is gathered on the way down: rights so far, attributes of the leaf.
    type State: Copy + Default;

    /// Returns the top level.
    fn levels(&self) -> u8;
    /// Returns how many bits of the address are the index into a table of `level`.
    #[inline]
    fn index_bits(&self, _level: u8) -> u8 {
        9
    }
    /// Returns which entry of a table of `level` the address selects.
    #[inline]
    fn index(&self, input: u64, level: u8) -> u64 {
        input >> (3 + 9 * u32::from(level)) & ((1 << self.index_bits(level)) - 1)
    }
    /// Returns what the bits of an input address above those that the tables translate must be.
    fn above(&self) -> Above {
        Above::Zeros
    }
    /// Returns log2 of what one entry of a table of `level` maps.
    #[inline]
    fn shift(&self, level: u8) -> u8 {
        3 + 9 * level
    }
    /// Returns log2 of what a leaf entry of `level` maps: more where an entry can say that it is a part of a contiguous
    /// range (RISC-V Svnapot).
    #[inline]
    fn leaf_shift(&self, _raw: u64, level: u8) -> u8 {
        self.shift(level)
    }
    /// Returns the structure an entry of `level` is, for the trace.
    fn entry_type(&self, level: u8, raw: u64) -> &'static EntryType;
    /// Checks and decodes an entry.
    fn decode(&self, raw: u64, level: u8, want: Want, state: &mut Self::State) -> Entry<Self::Fault>;
    /// Returns the level of the table that an entry of `level` points at, for the address `input`: the one below, unless
    /// entries say it themselves (AMD-Vi).
    #[inline]
    fn next_level(&self, _raw: u64, level: u8, _input: u64) -> Result<u8, Self::Fault> {
        Ok(level - 1)
    }
    /// Returns the entry with its accessed and dirty bits as hardware sets them on this access; the same where the
    /// format, or the unit, leaves them alone.
    #[inline]
    fn touch(&self, raw: u64, _leaf: bool, _want: Want) -> u64 {
        raw
    }
    /// Do page walks of the stage above count as writes to it, whether they set bits or not (AMD's nested paging)?
    #[inline]
    fn walks_write(&self) -> bool {
        false
    }
    /// Returns what the walk so far allows.
    fn perms(&self, state: &Self::State) -> Perms;
    /// Returns the rule behind a refusal, for the trace.
    fn rule(&self, fault: Self::Fault) -> &'static Rule;
    /// Returns whether the entries are stored big-endian.
    #[inline]
    fn big_endian(&self) -> bool {
        false
    }
}

/// Returns the page size that one entry of `level` maps in the usual nine-bit formats.
pub const fn level_size(level: u8) -> PageSize {
    PageSize::from_shift(3 + 9 * level)
}
