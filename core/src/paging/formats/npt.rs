//! Nested page tables: stage 2 of an AMD CPU for a guest (AMD64 Architecture Programmer's Manual, volume 2, nested paging).
//! They are ordinary x86-64 tables; every access of a guest counts as one in user mode, and those of its page walks as
//! writes.

use super::x86::{X86Fault, X86State, X86};
use crate::paging::{builder::Build, Entry, Format, Want};
use crate::spec::{EntryType, Rule};
use crate::trace::Perms;

/// The format with what configures it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Npt {
    /// The tables as a host's own would be.
    pub tables: X86,
}

impl Npt {
    /// Returns four levels; accessed and dirty bits are set.
    pub const fn four_levels() -> Self {
        Npt { tables: X86 { smep: false, smap: false, ..X86::kernel(4).of_amd() } }
    }
}

impl Format for Npt {
    type Fault = X86Fault;
    type State = X86State;

    #[inline]
    fn levels(&self) -> u8 {
        self.tables.levels
    }
    fn entry_type(&self, level: u8, raw: u64) -> &'static EntryType {
        self.tables.entry_type(level, raw)
    }
    #[inline]
    fn decode(&self, raw: u64, level: u8, want: Want, state: &mut X86State) -> Entry<X86Fault> {
        self.tables.decode(raw, level, Want::user(want.perms), state)
    }
    #[inline]
    fn touch(&self, raw: u64, leaf: bool, want: Want) -> u64 {
        self.tables.touch(raw, leaf, want)
    }
    #[inline]
    fn walks_write(&self) -> bool {
        true
    }
    fn perms(&self, state: &X86State) -> Perms {
        self.tables.perms(state)
    }
    fn rule(&self, fault: X86Fault) -> &'static Rule {
        self.tables.rule(fault)
    }
}

impl Build for Npt {
    fn table(&self, to: u64, level: u8) -> u64 {
        self.tables.table(to, level)
    }
    fn leaf(&self, to: u64, level: u8, perms: Perms, _: bool) -> u64 {
        self.tables.leaf(to, level, perms, true)
    }
    fn is_mapped(&self, raw: u64, level: u8) -> bool {
        self.tables.is_mapped(raw, level)
    }
    fn as_table(&self, raw: u64, level: u8) -> Option<u64> {
        self.tables.as_table(raw, level)
    }
    fn max_leaf_level(&self) -> u8 {
        self.tables.max_leaf_level()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guest_is_a_user_whatever_its_privilege() {
        let (npt, mut state) = (Npt::four_levels(), X86State::default());
        let want = Want::supervisor(Perms::R);
        let kernel_only = npt.tables.leaf(0x1000, 1, Perms::RW, false);
        assert_eq!(npt.decode(kernel_only, 1, want, &mut state), Entry::Refused(X86Fault::Denied));
        let leaf = npt.leaf(0x1000, 1, Perms::RW, false);
        assert_eq!(npt.decode(leaf, 1, want, &mut X86State::default()), Entry::Leaf(0x1000));
    }
}
