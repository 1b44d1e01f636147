//! The one walker: from a root, an index at a time, over words in memory.
//!
//! Table pointers live in the space that [`Tables`] knows how to locate: [`Direct`] for tables at physical
//! addresses, [`Nested`] for tables at guest-physical addresses, each of which is itself walked through
//! stage 2. With 4 levels over 4 that makes 24 reads: each of the 4 table addresses and the final address
//! costs 4, and the 4 entries themselves. They are counted because they happen.

use super::{Entry, Format, Want};
use crate::addr::{AnyAddr, PageSize, PhysAddr, Space};
use crate::memory::{MemError, Memory};
use crate::spec::{Rule, Text};
use crate::trace::{Actor, Event, Observer, Perms, Scope, Stage, Verdict};

/// How a walk ended well.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Walked<S> {
    /// The output address, offset included.
    pub to: u64,
    /// The size of the page that was found.
    pub size: PageSize,
    /// The leaf entry as it was read, before any accessed or dirty update.
    pub raw: u64,
    /// The level of the leaf.
    pub level: u8,
    /// What the format gathered.
    pub state: S,
    /// How many entries were read, those of nested stages included.
    pub reads: u32,
}

/// How a walk ended badly: `F` is the format's fault, `T` the fault of locating a table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WalkError<F, T> {
    /// An entry refused the access.
    Entry {
        /// The entry's level.
        level: u8,
        /// The entry's address, in the tables' space.
        at: u64,
        /// What was read.
        raw: u64,
        /// Why.
        fault: F,
    },
    /// The entry's address, in the tables' space, could not be turned into a physical one.
    Table {
        /// The entry's level.
        level: u8,
        /// The entry's address, in the tables' space.
        at: u64,
        /// Why.
        fault: T,
    },
    /// The entry could not be read or written in memory.
    Memory {
        /// The entry's level.
        level: u8,
        /// The entry's address, in the tables' space.
        at: u64,
        /// Why.
        error: MemError,
    },
}

/// Where tables live: turns the address of an entry into a physical one.
pub trait Tables {
    /// Why it could not.
    type Fault: Copy;
    /// The space that table pointers are in.
    const SPACE: Space;
    /// Returns the physical address of the entry at `at`, and whether it may be written there without asking again.
    /// With `update` the entry is about to be written (an accessed or dirty bit): stage 2 must allow that,
    /// and marks its own page dirty.
    fn locate<O: Observer>(
        &mut self,
        memory: &mut Memory,
        at: u64,
        update: bool,
        reads: &mut u32,
        obs: &mut O,
    ) -> Result<Located, Self::Fault>;
}

/// Where an entry was found to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Located {
    /// Its physical address.
    pub pa: PhysAddr,
    /// Its page may be written, and is already marked dirty where stage 2 does so.
    pub writable: bool,
}

/// Tables at physical addresses.
#[derive(Clone, Copy, Debug, Default)]
pub struct Direct;

/// That which cannot happen: locating a table at a physical address never fails.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Never {}

impl Tables for Direct {
    type Fault = Never;
    const SPACE: Space = Space::Physical;
    #[inline]
    fn locate<O: Observer>(
        &mut self,
        _: &mut Memory,
        at: u64,
        _: bool,
        _: &mut u32,
        _: &mut O,
    ) -> Result<Located, Never> {
        Ok(Located { pa: PhysAddr::new(at), writable: true })
    }
}

/// Tables at guest-physical addresses, below which `format` rooted at `root` is stage 2.
#[derive(Clone, Copy, Debug)]
pub struct Nested<'a, F> {
    /// The format of stage 2.
    pub format: &'a F,
    /// Its root table.
    pub root: PhysAddr,
    /// Who walks, for the trace.
    pub actor: Actor,
    /// Which stage it is, for the trace.
    pub stage: Stage,
}

impl<F: Format> Tables for Nested<'_, F> {
    type Fault = WalkError<F::Fault, Never>;
    const SPACE: Space = Space::GuestPhysical;
    fn locate<O: Observer>(
        &mut self,
        memory: &mut Memory,
        at: u64,
        update: bool,
        reads: &mut u32,
        obs: &mut O,
    ) -> Result<Located, Self::Fault> {
        // A table access by the walker is a user-mode read (or write, for A/D) as far as stage 2 goes.
        let update = update || self.format.walks_write();
        let want = Want::user(Perms::R.or(Perms::when(Perms::W, update)));
        let how = Walker { actor: self.actor, stage: self.stage };
        let input = AnyAddr { space: Space::GuestPhysical, raw: at };
        let walked = walk(self.format, &mut Direct, memory, how, self.root.raw(), input, want, obs)?;
        *reads += walked.reads;
        let dirty = self.format.touch(walked.raw, true, Want::user(Perms::RW)) == walked.raw;
        let writable = update || dirty && self.format.perms(&walked.state).has(Perms::W);
        Ok(Located { pa: PhysAddr::new(walked.to), writable })
    }
}

/// Who walks, and which stage it is: what the trace says of a walk.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Walker {
    /// Who.
    pub actor: Actor,
    /// Which stage.
    pub stage: Stage,
}

pub(super) static UNREADABLE: Rule = Rule {
    text: Text::new("the memory that should hold the entry did not answer", "应存放该表项的内存没有响应"),
    section: "memory",
};
static UNREACHABLE: Rule = Rule {
    text: Text::new(
        "the table's own address leads nowhere: the stage below, or the width of physical addresses, refuses it",
        "查不到页表：它的地址没有通过第二阶段，或超出物理地址宽度",
    ),
    section: "nested translation",
};

/// Walks `input` through tables of `format` whose first one is at `root` (in the space of `tables`).
///
/// The output is in the space that the tables are in: stage 1 of a guest keeps its tables at guest-physical
/// addresses and gives guest-physical ones; the caller takes the result through stage 2.
///
/// The caller has checked what comes before the first table: canonical form, width, the root pointer itself.
#[allow(clippy::too_many_arguments, clippy::type_complexity)] // one walker for all: each argument is one thing
#[inline]
pub fn walk<F: Format, T: Tables, O: Observer>(
    format: &F,
    tables: &mut T,
    memory: &mut Memory,
    how: Walker,
    root: u64,
    input: AnyAddr,
    want: Want,
    obs: &mut O,
) -> Result<Walked<F::State>, WalkError<F::Fault, T::Fault>> {
    if O::ON {
        let root = AnyAddr { space: T::SPACE, raw: root };
        let root_bits = format.index_bits(format.levels());
        obs.begin(how.actor, Scope::Walk { stage: how.stage, input, root, root_bits });
    }
    let result = descend(format, tables, memory, how, root, input.raw, want, obs);
    if O::ON {
        let verdict = match &result {
            Ok(walked) => Verdict::Leaf {
                to: AnyAddr { space: T::SPACE, raw: walked.to },
                size: walked.size,
                perms: format.perms(&walked.state),
            },
            Err(WalkError::Entry { fault, .. }) => Verdict::Refused(format.rule(*fault)),
            Err(WalkError::Table { .. }) => Verdict::Refused(&UNREACHABLE),
            Err(WalkError::Memory { .. }) => Verdict::Refused(&UNREADABLE),
        };
        obs.end(how.actor, verdict);
    }
    result
}

#[allow(clippy::too_many_arguments, clippy::type_complexity)]
#[inline]
fn descend<F: Format, T: Tables, O: Observer>(
    format: &F,
    tables: &mut T,
    memory: &mut Memory,
    how: Walker,
    root: u64,
    input: u64,
    want: Want,
    obs: &mut O,
) -> Result<Walked<F::State>, WalkError<F::Fault, T::Fault>> {
    let mut state = F::State::default();
    let mut reads = 0;
    let mut table = root;
    let mut level = format.levels();
    // Bounded: levels.
    loop {
        let index = format.index(input, level);
        let at = table.wrapping_add(index * 8);
        let located = tables
            .locate(memory, at, false, &mut reads, obs)
            .map_err(|fault| WalkError::Table { level, at, fault })?;
        let pa = located.pa;
        let raw = memory.read_u64(pa).map_err(|error| {
            tell(obs, how, format, level, index, T::SPACE, at, pa, 0, Verdict::Refused(&UNREADABLE));
            WalkError::Memory { level, at, error }
        })?;
        let raw = if format.big_endian() { raw.swap_bytes() } else { raw };
        reads += 1;
        let mut entry = format.decode(raw, level, want, &mut state);
        let mut below = 0;
        if let (Entry::Table(_), 2..) = (entry, level) {
            match format.next_level(raw, level, input) {
                Ok(next) => below = next,
                Err(fault) => entry = Entry::Refused(fault),
            }
        }
        let shift = format.leaf_shift(raw, level);
        let mask = (1u64 << shift) - 1;
        if O::ON {
            let verdict = match entry {
                Entry::Table(next) => Verdict::Next(AnyAddr { space: T::SPACE, raw: next }),
                Entry::Leaf(page) => Verdict::Leaf {
                    to: AnyAddr { space: T::SPACE, raw: page & !mask | input & mask },
                    size: PageSize::from_shift(shift),
                    perms: format.perms(&state),
                },
                Entry::Refused(fault) => Verdict::Refused(format.rule(fault)),
            };
            tell(obs, how, format, level, index, T::SPACE, at, pa, raw, verdict);
        }
        let (leaf, next) = match entry {
            Entry::Refused(fault) => return Err(WalkError::Entry { level, at, raw, fault }),
            Entry::Table(next) => (false, next),
            Entry::Leaf(page) => (true, page),
        };
        let touched = format.touch(raw, leaf, want);
        if touched != raw {
            // Hardware keeps the translation it has just made. Only where that does not allow the write as it
            // is stage 2 walked again: to refuse it, or to mark the table's page dirty.
            if !located.writable {
                tables.locate(memory, at, true, &mut reads, obs).map_err(|fault| WalkError::Table {
                    level,
                    at,
                    fault,
                })?;
            }
            let stored = if format.big_endian() { touched.swap_bytes() } else { touched };
            let entry = Some(format.entry_type(level, touched));
            crate::trace::write_word(memory, obs, how.actor, entry, pa, stored)
                .map_err(|error| WalkError::Memory { level, at, error })?;
        }
        if leaf {
            let to = next & !mask | input & mask;
            return Ok(Walked { to, size: PageSize::from_shift(shift), raw, level, state, reads });
        }
        if level == 1 {
            // A format must not answer `Table` at the last level; refuse to loop if one does.
            return Ok(Walked { to: next, size: PageSize::from_shift(shift), raw, level, state, reads });
        }
        table = next;
        level = below;
    }
}

#[allow(clippy::too_many_arguments)]
#[inline]
fn tell<F: Format, O: Observer>(
    obs: &mut O,
    how: Walker,
    format: &F,
    level: u8,
    index: u64,
    space: Space,
    at: u64,
    pa: PhysAddr,
    raw: u64,
    verdict: Verdict,
) {
    if O::ON {
        let words = obs.word(raw);
        let at = AnyAddr { space, raw: at };
        let entry = format.entry_type(level, raw);
        obs.step(how.actor, Event::Read { entry, level, index: index as u32, at, pa, words, verdict });
    }
}
