//! The queues that software and a unit share in memory: where their registers say they are, and what is in them.
//!
//! Each architecture lists its own; who shows them needs their registers' values and memory, and knows no
//! architecture.

use super::{riscv, vtd};
use crate::spec::{EntryType, Text};

/// A ring of entries in memory with a head, from which entries are taken, and a tail, at which they are put.
#[derive(Debug)]
pub struct QueueType {
    /// What it is called.
    pub name: Text,
    /// The section that describes it.
    pub section: &'static str,
    /// The name of the register with its address and size.
    pub base: &'static str,
    /// The name of the register with its head.
    pub head: &'static str,
    /// The name of the register with its tail.
    pub tail: &'static str,
    /// What the value of the base register says.
    pub shape: fn(u64) -> Shape,
    /// The index that the value of the head or tail register says.
    pub index: fn(Shape, u64) -> u64,
    /// The physical address of the entry at an index.
    pub slot: fn(Shape, u64) -> u64,
    /// Which structure an entry with this first word is.
    pub entry: fn(u64) -> &'static EntryType,
}

/// Where a queue is and how large.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Shape {
    /// The physical address of entry 0.
    pub at: u64,
    /// How many entries there are room for; on RISC-V up to 2^32.
    pub entries: u64,
    /// Bytes of an entry.
    pub bytes: u64,
}

/// The queues of all architectures.
pub fn queues() -> impl Iterator<Item = &'static QueueType> {
    vtd::QUEUES.iter().chain(&riscv::QUEUES)
}
