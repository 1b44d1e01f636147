//! Everything that tables map, read from memory as it is: for pictures, and for "who can reach this page".

use super::builder::Build;
use super::Want;
use crate::addr::{PageSize, PhysAddr};
use crate::memory::Memory;
use crate::trace::Perms;
use alloc::vec::Vec;

/// A run of pages, contiguous on both sides, with the same rights and page size.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Run {
    /// First input address.
    pub from: u64,
    /// First output address.
    pub to: u64,
    /// How many bytes.
    pub len: u64,
    /// The size of its pages.
    pub size: PageSize,
    /// What the entries on the way allow.
    pub perms: Perms,
    /// Where the first page's entry is.
    pub entry: PhysAddr,
}

/// The runs that the tables rooted at `root` map, in input order, and the pages the tables themselves are in.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Leaves {
    /// The mappings.
    pub runs: Vec<Run>,
    /// The physical addresses of the table pages, the root first.
    pub tables: Vec<PhysAddr>,
    /// The limit was reached: there is more.
    pub more: bool,
}

/// Reads all tables of `format` from `root` on. `place` turns a table's address into a physical one, as for the
/// [`Builder`](super::builder::Builder). At most `limit` table pages are read, so that a loop in the tables or a
/// forest of them ends.
pub fn leaves<F: Build>(
    format: &F,
    memory: &Memory,
    root: u64,
    place: impl Fn(u64) -> Option<PhysAddr>,
    limit: usize,
) -> Leaves {
    let mut out = Leaves::default();
    let top = format.levels();
    visit(format, memory, root, top, 0, F::State::default(), &place, limit, &mut out);
    out
}

#[allow(clippy::too_many_arguments)]
fn visit<F: Build>(
    format: &F,
    memory: &Memory,
    table: u64,
    level: u8,
    base: u64,
    state: F::State,
    place: &impl Fn(u64) -> Option<PhysAddr>,
    limit: usize,
    out: &mut Leaves,
) {
    let Some(table_pa) = place(table) else { return };
    if out.tables.len() >= limit {
        out.more = true;
        return;
    }
    out.tables.push(table_pa);
    let shift = format.shift(level);
    // The root table of the RISC-V x4 formats has 2,048 entries: query the format for the last index.
    let last = if level == format.levels() { format.index(u64::MAX, level) } else { 511 };
    // Bounded: entries of one table, and at most `limit` tables.
    for index in 0..=last {
        let Some(pa) = place(table + index * 8) else { return };
        let raw = memory.peek_u64(pa);
        let raw = if format.big_endian() { raw.swap_bytes() } else { raw };
        if !format.is_mapped(raw, level) {
            continue;
        }
        let from = base | index << shift;
        // Ask the format itself, wanting nothing, so that rights gather as they do in a walk. RISC-V shows a page of
        // users to users only, so query as either.
        let mut here = state;
        let mut entry = format.decode(raw, level, Want::supervisor(Perms::NONE), &mut here);
        if matches!(entry, super::Entry::Refused(_)) {
            here = state;
            entry = format.decode(raw, level, Want::user(Perms::NONE), &mut here);
        }
        match entry {
            super::Entry::Table(next) if level > 1 => {
                visit(format, memory, next, level - 1, from, here, place, limit, out);
            }
            super::Entry::Leaf(page) => {
                let len = 1u64 << shift;
                let to = page & !(len - 1);
                let (size, perms) = (PageSize::from_shift(shift), format.perms(&here));
                match out.runs.last_mut() {
                    Some(run)
                        if run.size == size
                            && run.perms == perms
                            && run.from.wrapping_add(run.len) == from
                            && run.to.wrapping_add(run.len) == to =>
                    {
                        run.len += len;
                    }
                    _ => out.runs.push(Run { from, to, len, size, perms, entry: pa }),
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::builder::{Builder, Mapping};
    use super::super::x86::X86;
    use super::super::FrameAlloc;
    use super::*;
    use crate::addr::AddrRange;
    use crate::trace::{Actor, Off};

    #[test]
    fn runs_merge_where_both_sides_are_contiguous() {
        let format = X86::kernel(4);
        let mut memory = Memory::new();
        let mut frames = FrameAlloc::new(AddrRange::new(PhysAddr::new(0x10_0000), 1 << 24).unwrap());
        let root = frames.frame().unwrap().raw();
        let place = |at| Some(PhysAddr::new(at));
        let mut b = Builder { format: &format, frames: &mut frames, place, actor: Actor::Os };
        let page = PageSize::SIZE_4K;
        let mut map = |from, to, len, perms| {
            let m = Mapping { from, to, len, size: page, perms, user: true };
            b.map(&mut memory, root, m, &mut Off).unwrap();
        };
        map(0x1f_f000, 0x8000, 0x2000, Perms::RW); // across two last-level tables
        map(0x20_1000, 0xa000, 0x1000, Perms::R); // other rights
        map(0x20_2000, 0x4000, 0x1000, Perms::R); // elsewhere
        let found = leaves(&format, &memory, root, place, 100);
        let flat: Vec<_> = found.runs.iter().map(|r| (r.from, r.to, r.len, r.perms)).collect();
        assert_eq!(
            flat,
            [
                (0x1f_f000, 0x8000, 0x2000, Perms::RW),
                (0x20_1000, 0xa000, 0x1000, Perms::R),
                (0x20_2000, 0x4000, 0x1000, Perms::R)
            ]
        );
        assert_eq!((found.tables.len(), found.more), (5, false));
        assert!(leaves(&format, &memory, root, place, 2).more);
    }
}
