//! What software does to page tables: maps and unmaps by writing entries into memory, every write recorded.
//!
//! Runs of entries of one last-level table are written as one step, so that mapping costs what it writes.

use super::{Above, Format, FrameAlloc};
use crate::addr::{PageSize, PhysAddr};
use crate::memory::{MemError, Memory};
use crate::spec::{Localized, Phrase};
use crate::trace::{write_run, write_word, Actor, Observer, Perms};
use alloc::{format, string::ToString, vec::Vec};
use core::fmt;

/// How software makes entries of a format.
pub trait Build: Format {
    /// Returns an entry of `level` that points at the table at `to`.
    fn table(&self, to: u64, level: u8) -> u64;
    /// Returns an entry of `level` that maps the page at `to`.
    fn leaf(&self, to: u64, level: u8, perms: Perms, user: bool) -> u64;
    /// Does the entry map or point at anything?
    fn is_mapped(&self, raw: u64, level: u8) -> bool;
    /// Returns the table the entry points at, if it points at one.
    fn as_table(&self, raw: u64, level: u8) -> Option<u64>;
    /// Returns the highest level whose entries may map a page.
    fn max_leaf_level(&self) -> u8;
}

/// Why mapping or unmapping could not be done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MapError {
    /// An address or the length is not a multiple of the page size.
    Misaligned {
        /// The offending value.
        value: u64,
        /// The page size.
        size: PageSize,
    },
    /// The format has no page of this size.
    Size(PageSize),
    /// The input range does not fit the tables' width.
    TooWide {
        /// The last address.
        last: u64,
        /// Bits the tables translate.
        bits: u8,
    },
    /// The bits above those that the tables translate are not copies of the highest one.
    NotExtended {
        /// The address.
        at: u64,
        /// Bits the tables translate.
        bits: u8,
        /// The address with the same low bits that they take.
        right: u64,
    },
    /// Something is mapped there already.
    Mapped {
        /// The input address.
        at: u64,
        /// The entry that is there.
        raw: u64,
    },
    /// Nothing is mapped there.
    NotMapped {
        /// The input address.
        at: u64,
    },
    /// The range covers only a part of a large page.
    PartOfLargePage {
        /// The input address.
        at: u64,
        /// The page's size.
        size: PageSize,
    },
    /// No frames are left for tables.
    NoFrames,
    /// Memory refused.
    Memory(MemError),
}

impl From<MemError> for MapError {
    fn from(error: MemError) -> Self {
        MapError::Memory(error)
    }
}

impl fmt::Display for MapError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            MapError::Misaligned { value, size } => {
                write!(f, "{value:#x} is not a multiple of the page size {size}")
            }
            MapError::Size(size) => write!(f, "these tables have no pages of {size}"),
            MapError::TooWide { last, bits } => {
                write!(f, "{last:#x} does not fit the {bits} bits that these tables translate")
            }
            MapError::NotExtended { at, bits, right } => write!(
                f,
                "{at:#x} is not sign-extended (canonical): these tables translate {bits} bits, and all bits from {bits} on must be as bit {}; {right:#x} would be right, and an address of the lower half is below {:#x}",
                bits - 1,
                1u64 << (bits - 1)
            ),
            MapError::Mapped { at, raw } => write!(f, "{at:#x} is mapped already (entry {raw:#x})"),
            MapError::NotMapped { at } => write!(f, "nothing is mapped at {at:#x}"),
            MapError::PartOfLargePage { at, size } => {
                write!(f, "{at:#x} lies in a page of {size} that is only partly covered")
            }
            MapError::NoFrames => write!(f, "no memory is left for page tables"),
            MapError::Memory(error) => error.fmt(f),
        }
    }
}

impl Localized for MapError {
    fn phrase(&self) -> Phrase {
        let zh = match self {
            MapError::Misaligned { value, size } => format!("{value:#x} 不是页大小 {size} 的倍数"),
            MapError::Size(size) => format!("这些页表没有 {size} 的页"),
            MapError::TooWide { last, bits } => format!("{last:#x} 超出这些页表转换的 {bits} 位"),
            MapError::NotExtended { at, bits, right } => format!(
                "{at:#x} 没有做符号扩展（不是规范形式）：这些页表转换 {bits} 位，第 {bits} 位及以上必须都与第 {} 位相同；写成 {right:#x} 才对，低半部分的地址小于 {:#x}",
                bits - 1,
                1u64 << (bits - 1)
            ),
            MapError::Mapped { at, raw } => format!("{at:#x} 已有映射（表项 {raw:#x}）"),
            MapError::NotMapped { at } => format!("{at:#x} 处没有映射"),
            MapError::PartOfLargePage { at, size } => {
                format!("{at:#x} 在一个 {size} 的大页里，而范围只覆盖了它的一部分")
            }
            MapError::NoFrames => "没有内存可放页表".into(),
            MapError::Memory(error) => error.phrase().zh,
        };
        Phrase::new(self.to_string(), zh)
    }
}

/// What to map.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Mapping {
    /// First input address.
    pub from: u64,
    /// First output address.
    pub to: u64,
    /// How many bytes.
    pub len: u64,
    /// The pages to use.
    pub size: PageSize,
    /// What they allow.
    pub perms: Perms,
    /// User accesses are allowed, where the format distinguishes users from supervisors.
    pub user: bool,
}

/// Writes tables of one format, whose frames come from one allocator.
///
/// `place` turns the address of a table, in the space that its pointers are in, into a physical one: the
/// identity for a host's tables, a guest's layout for tables at guest-physical addresses.
pub struct Builder<'a, F, P> {
    /// The format.
    pub format: &'a F,
    /// Where frames for new tables come from, in the tables' space.
    pub frames: &'a mut FrameAlloc,
    /// Where a table is in physical memory.
    pub place: P,
    /// Who writes, for the trace.
    pub actor: Actor,
}

impl<F: Build, P: Fn(u64) -> Option<PhysAddr>> Builder<'_, F, P> {
    /// Maps, refusing where something is mapped already. What was mapped before the refusal stays.
    pub fn map<O: Observer>(
        &mut self,
        memory: &mut Memory,
        root: u64,
        mapping: Mapping,
        obs: &mut O,
    ) -> Result<(), MapError> {
        let leaf = self.leaf_level(mapping.size)?;
        for value in [mapping.from, mapping.to, mapping.len] {
            if value & mapping.size.mask() != 0 {
                return Err(MapError::Misaligned { value, size: mapping.size });
            }
        }
        self.check_width(mapping.from, mapping.len)?;
        let step = mapping.size.bytes();
        let mut done = 0;
        let mut run = Vec::new();
        // Bounded: `write_run` draws.
        while done < mapping.len {
            let at = mapping.from + done;
            let table = self.descend(memory, root, at, leaf, true, obs)?;
            let first = self.format.index(at, leaf);
            let count = (512 - first % 512).min((mapping.len - done) / step);
            run.clear();
            // Bounded: entries of one table.
            for i in 0..count {
                let raw = self.entry(memory, table, first + i)?;
                if self.format.is_mapped(raw, leaf) {
                    return Err(MapError::Mapped { at: at + i * step, raw });
                }
                let to = mapping.to + done + i * step;
                run.push(self.swap(self.format.leaf(to, leaf, mapping.perms, mapping.user)));
            }
            let pa = self.locate(table + first * 8)?;
            let entry = self.format.entry_type(leaf, self.swap(run[0]));
            write_run(memory, obs, self.actor, entry, pa, &run)?;
            done += count * step;
        }
        Ok(())
    }

    /// Unmaps whole pages, of whatever sizes are there; tables stay in place, empty. Refuses holes.
    pub fn unmap<O: Observer>(
        &mut self,
        memory: &mut Memory,
        root: u64,
        from: u64,
        len: u64,
        obs: &mut O,
    ) -> Result<(), MapError> {
        self.check_width(from, len)?;
        let mut done = 0;
        // Bounded: `write_run` draws.
        while done < len {
            let at = from + done;
            let (level, table) = self.find(memory, root, at)?;
            let step = 1u64 << self.format.shift(level);
            let size = PageSize::from_shift(self.format.shift(level));
            if at & size.mask() != 0 || len - done < step {
                return Err(MapError::PartOfLargePage { at, size });
            }
            let first = self.format.index(at, level);
            let limit = (512 - first % 512).min((len - done) / step);
            let mut count = 0;
            // Bounded: entries of one table.
            while count < limit {
                let raw = self.entry(memory, table, first + count)?;
                if !self.format.is_mapped(raw, level) || self.format.as_table(raw, level).is_some() {
                    break;
                }
                count += 1;
            }
            let pa = self.locate(table + first * 8)?;
            let entry = self.format.entry_type(level, self.entry(memory, table, first)?);
            write_run(memory, obs, self.actor, entry, pa, &[0; 512][..count as usize])?;
            done += count * step;
        }
        Ok(())
    }

    /// Returns the leaf entry that maps `at`: its level, physical address and bits.
    pub fn lookup(&self, memory: &Memory, root: u64, at: u64) -> Result<(u8, PhysAddr, u64), MapError> {
        let (level, table) = self.find(memory, root, at)?;
        let index = self.format.index(at, level);
        Ok((level, self.locate(table + index * 8)?, self.entry(memory, table, index)?))
    }

    fn leaf_level(&self, size: PageSize) -> Result<u8, MapError> {
        (1..=self.format.max_leaf_level())
            .find(|level| self.format.shift(*level) == size.shift())
            .ok_or(MapError::Size(size))
    }

    fn check_width(&self, from: u64, len: u64) -> Result<(), MapError> {
        let top = self.format.levels();
        // The root table may be wider than nine bits (RISC-V x4): query the format for its last index.
        let bits = self.format.shift(top) + (64 - self.format.index(u64::MAX, top).leading_zeros()) as u8;
        let last =
            from.checked_add(len.saturating_sub(1)).ok_or(MapError::TooWide { last: u64::MAX, bits })?;
        let unused = 64 - u32::from(bits);
        let extended = |a: u64| ((a << unused) as i64 >> unused) as u64;
        let upper = |a: u64| unused != 0 && a >> bits == u64::MAX >> bits;
        // Bounded: two addresses.
        for at in [from, last] {
            let fits = unused == 0
                || match self.format.above() {
                    Above::Zeros => at >> bits == 0,
                    Above::Copies => extended(at) == at,
                    Above::Alike => at >> bits == 0 || upper(at),
                };
            match self.format.above() {
                _ if fits => {}
                Above::Copies if at >> bits == 0 || upper(at) => {
                    return Err(MapError::NotExtended { at, bits, right: extended(at) })
                }
                _ => return Err(MapError::TooWide { last: at, bits }),
            }
        }
        Ok(())
    }

    fn swap(&self, raw: u64) -> u64 {
        if self.format.big_endian() {
            raw.swap_bytes()
        } else {
            raw
        }
    }

    fn locate(&self, at: u64) -> Result<PhysAddr, MapError> {
        (self.place)(at).ok_or(MapError::Memory(MemError::Access(PhysAddr::new(at))))
    }

    fn entry(&self, memory: &Memory, table: u64, index: u64) -> Result<u64, MapError> {
        Ok(self.swap(memory.read_u64(self.locate(table + index * 8)?)?))
    }

    /// Returns the table of `level` on the way to `at`, made where it is missing.
    fn descend<O: Observer>(
        &mut self,
        memory: &mut Memory,
        root: u64,
        at: u64,
        level: u8,
        make: bool,
        obs: &mut O,
    ) -> Result<u64, MapError> {
        let mut table = root;
        let mut here = self.format.levels();
        // Bounded: levels.
        while here > level {
            let index = self.format.index(at, here);
            let raw = self.entry(memory, table, index)?;
            table = match self.format.as_table(raw, here) {
                Some(next) => next,
                None if self.format.is_mapped(raw, here) => return Err(MapError::Mapped { at, raw }),
                None if !make => return Err(MapError::NotMapped { at }),
                None => {
                    let next = self.frames.frame().ok_or(MapError::NoFrames)?.raw();
                    let raw = self.format.table(next, here);
                    let pa = self.locate(table + index * 8)?;
                    let entry = Some(self.format.entry_type(here, raw));
                    write_word(memory, obs, self.actor, entry, pa, self.swap(raw))?;
                    next
                }
            };
            here -= 1;
        }
        Ok(table)
    }

    /// Returns the level and table of the leaf that maps `at`.
    fn find(&self, memory: &Memory, root: u64, at: u64) -> Result<(u8, u64), MapError> {
        let mut table = root;
        let mut level = self.format.levels();
        // Bounded: levels.
        loop {
            let raw = self.entry(memory, table, self.format.index(at, level))?;
            match self.format.as_table(raw, level) {
                Some(next) if level > 1 => {
                    table = next;
                    level -= 1;
                }
                _ if self.format.is_mapped(raw, level) => return Ok((level, table)),
                _ => return Err(MapError::NotMapped { at }),
            }
        }
    }
}

/// Returns the number of table frames that mapping `len` bytes with pages of `size` takes at most, the root apart.
pub fn tables_needed(len: u64, size: PageSize, levels: u8) -> u64 {
    let mut entries = len.div_ceil(size.bytes());
    let mut tables = 0;
    // Bounded: levels.
    for _ in 1..levels {
        entries = entries.div_ceil(512) + 1;
        tables += entries;
    }
    tables
}
