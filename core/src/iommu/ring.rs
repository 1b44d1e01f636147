//! The queues that software and a unit share in memory: rings of entries of one size, with a head from which entries
//! are taken and a tail at which they are put.
//!
//! An architecture declares its queues as [`QueueType`]s; views decode them from the values of registers and memory.
//! Units and drivers put and take entries by [`push`] and [`drain`].

use crate::addr::PhysAddr;
use crate::memory::Memory;
use crate::spec::{EntryType, Text};
use crate::trace::{write_run, Actor, Observer};

/// What head and tail registers hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Pointers {
    /// The index of an entry, put into the address in place of its low bits (RISC-V).
    Index,
    /// An offset in bytes, added to the address (VT-d, AMD-Vi).
    Bytes,
    /// The index of an entry with a wrap bit above it, which distinguishes a full ring from an empty one (SMMUv3).
    Wrapping,
}

/// Where a queue is and how large.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ring {
    /// The physical address of entry 0.
    pub at: u64,
    /// How many entries there are room for, a power of two; on RISC-V up to 2^32.
    pub entries: u64,
    /// Bytes of an entry.
    pub bytes: u64,
    /// What its head and tail hold.
    pub pointers: Pointers,
}

impl Ring {
    /// Returns the pointer's part that counts: what lies beyond the ring is cut off.
    pub const fn wrap(&self, pointer: u64) -> u64 {
        match self.pointers {
            Pointers::Index => pointer & (self.entries - 1),
            Pointers::Bytes => pointer & (self.entries * self.bytes - 1),
            Pointers::Wrapping => pointer & (self.entries * 2 - 1),
        }
    }
    /// Returns the index of the entry that a head or tail points at.
    pub const fn index(&self, pointer: u64) -> u64 {
        match self.pointers {
            Pointers::Index | Pointers::Wrapping => pointer & (self.entries - 1),
            Pointers::Bytes => self.wrap(pointer) / self.bytes,
        }
    }
    /// Returns the physical address of the entry at an index.
    pub const fn slot(&self, index: u64) -> PhysAddr {
        match self.pointers {
            Pointers::Index => PhysAddr::new(self.at | (index * self.bytes)),
            _ => PhysAddr::new(self.at.wrapping_add(index * self.bytes)),
        }
    }
    /// Returns the pointer to the entry after the one that `pointer` points at.
    pub const fn next(&self, pointer: u64) -> u64 {
        match self.pointers {
            Pointers::Bytes => self.wrap(pointer + self.bytes),
            _ => self.wrap(pointer + 1),
        }
    }
    /// Returns whether nothing waits between head and tail.
    pub const fn is_empty(&self, head: u64, tail: u64) -> bool {
        self.wrap(head) == self.wrap(tail)
    }
    /// Returns whether no entry can be put: one slot stays free, unless pointers have a wrap bit.
    pub const fn is_full(&self, head: u64, tail: u64) -> bool {
        match self.pointers {
            Pointers::Wrapping => self.wrap(head ^ tail) == self.entries,
            _ => self.next(tail) == self.wrap(head),
        }
    }
    /// Returns how many entries wait between head and tail.
    pub const fn waiting(&self, head: u64, tail: u64) -> u64 {
        let around = match self.pointers {
            Pointers::Wrapping => self.entries * 2,
            _ => self.entries,
        };
        match self.pointers {
            Pointers::Bytes => (self.index(tail) + around - self.index(head)) % around,
            _ => (self.wrap(tail) + around - self.wrap(head)) % around,
        }
    }
}

/// A queue as its specification declares it.
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
    pub ring: fn(u64) -> Ring,
    /// Which structure an entry with this first word is.
    pub entry: fn(u64) -> &'static EntryType,
    /// What waits in it are the page requests of devices.
    pub pages: bool,
}

/// What became of an entry that was to be put into a ring.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Pushed {
    /// It is at this index; the tail moves on to this pointer, which the caller writes.
    At {
        /// The index.
        index: u32,
        /// The tail after it.
        tail: u64,
    },
    /// There was no room. What follows (a bit that says so, an entry lost) is the architecture's.
    Full,
    /// Memory did not take it.
    Refused,
}

/// Puts an entry at the tail of a ring as the unit does, recorded; `fits` says which addresses the unit can write.
#[allow(clippy::too_many_arguments)] // a ring with both pointers, and an entry with its words
pub fn push<O: Observer>(
    memory: &mut Memory,
    ring: Ring,
    head: u64,
    tail: u64,
    entry: &'static EntryType,
    words: &[u64],
    fits: impl Fn(u64) -> bool,
    obs: &mut O,
) -> Pushed {
    if ring.is_full(head, tail) {
        return Pushed::Full;
    }
    let index = ring.index(tail);
    let pa = ring.slot(index);
    if fits(crate::addr::Address::raw(pa)) && write_run(memory, obs, Actor::Iommu, entry, pa, words).is_ok() {
        Pushed::At { index: index as u32, tail: ring.next(tail) }
    } else {
        Pushed::Refused
    }
}

/// A unit that takes commands from a ring.
pub trait Consumer {
    /// Why a command stops the queue.
    type Halt;

    /// Returns the ring with its head and tail; `None` while the queue is off or stopped.
    fn commands(&self) -> Option<(Ring, u64, u64)>;

    /// Reads the command at this index, records it and does what it says.
    fn obey<O: Observer>(
        &mut self,
        memory: &mut Memory,
        at: PhysAddr,
        index: u32,
        obs: &mut O,
    ) -> Result<(), Self::Halt>;

    /// Moves the head past a command that was obeyed.
    fn advance<O: Observer>(&mut self, head: u64, obs: &mut O);

    /// Stops the queue at a command, with the error that software reads.
    fn halt<O: Observer>(&mut self, memory: &mut Memory, halt: Self::Halt, obs: &mut O);
}

/// Takes commands until the queue is empty, off or stopped.
pub fn drain<U: Consumer, O: Observer>(unit: &mut U, memory: &mut Memory, obs: &mut O) {
    // Each round moves the head by one entry. A head between entries never meets the tail: one turn is enough.
    let rounds = unit.commands().map_or(0, |(ring, ..)| ring.entries);
    for _ in 0..rounds {
        let Some((ring, head, tail)) = unit.commands() else { return };
        if ring.is_empty(head, tail) || !obs.spend(1) {
            return;
        }
        let index = ring.index(head);
        match unit.obey(memory, ring.slot(index), index as u32, obs) {
            Ok(()) => unit.advance(ring.next(head), obs),
            Err(halt) => return unit.halt(memory, halt, obs),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::Field;
    use crate::trace::Off;
    use proptest::prelude::*;

    static ENTRY: EntryType = EntryType {
        name: Text::new("entry", ""),
        words: 2,
        fields: &[Field::value("all", 63, 0, "", ""), Field::value("rest", 127, 64, "", "")],
        section: "",
    };

    fn ring(pointers: Pointers, log2: u32) -> Ring {
        Ring { at: 0x1_0000, entries: 1 << log2, bytes: 16, pointers }
    }

    proptest! {
        #[test]
        fn a_ring_gives_back_what_was_put_in_order(
            kind in 0usize..3, log2 in 1u32..5, ops in proptest::collection::vec(any::<bool>(), 1..200),
        ) {
            let pointers = [Pointers::Index, Pointers::Bytes, Pointers::Wrapping][kind];
            let ring = ring(pointers, log2);
            let room = ring.entries - u64::from(pointers != Pointers::Wrapping);
            let (mut head, mut tail, mut put, mut taken) = (0, 0, 0u64, 0u64);
            let mut memory = Memory::new();
            for is_put in ops {
                prop_assert_eq!(ring.waiting(head, tail), put - taken);
                prop_assert_eq!(ring.is_full(head, tail), put - taken == room);
                prop_assert_eq!(ring.is_empty(head, tail), put == taken);
                if is_put {
                    match push(&mut memory, ring, head, tail, &ENTRY, &[put, !put], |_| true, &mut Off) {
                        Pushed::At { tail: next, index } => {
                            prop_assert_eq!(u64::from(index), put % ring.entries);
                            (tail, put) = (next, put + 1);
                        }
                        other => prop_assert_eq!((other, put - taken), (Pushed::Full, room)),
                    }
                } else if !ring.is_empty(head, tail) {
                    prop_assert_eq!(memory.read_u64(ring.slot(ring.index(head))).ok(), Some(taken));
                    (head, taken) = (ring.next(head), taken + 1);
                }
            }
        }
    }

    #[test]
    fn memory_that_does_not_fit_refuses() {
        let mut memory = Memory::new();
        let pushed = push(&mut memory, ring(Pointers::Bytes, 2), 0, 16, &ENTRY, &[1, 2], |_| false, &mut Off);
        assert_eq!(pushed, Pushed::Refused);
    }
}
