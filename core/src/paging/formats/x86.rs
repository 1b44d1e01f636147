//! x86-64 page tables, 4 and 5 levels (Intel SDM volume 3A, section 4.5; the VT-d first-stage tables have the
//! same layout, VT-d 9.7 and 9.8).

pub use super::x86_words::*;
use crate::paging::{builder::Build, Above, Entry, Format, Want};
use crate::spec::{EntryType, Rule};
use crate::trace::Perms;

/// Present.
pub const P: u64 = pte::P.mask();
/// Writes allowed.
pub const RW: u64 = pte::RW.mask();
/// User accesses allowed.
pub const US: u64 = pte::US.mask();
/// Accessed.
pub const A: u64 = pte::A.mask();
/// Dirty.
pub const D: u64 = pte::D.mask();
/// Page size: this entry maps a page, and not a table.
pub const PS: u64 = pde::PS.mask();
/// Global.
pub const G: u64 = pte::G.mask();
/// Execute disable.
pub const XD: u64 = pte::XD.mask();

/// The format with what configures it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct X86 {
    /// 4, or 5 with CR4.LA57.
    pub levels: u8,
    /// MAXPHYADDR: address bits at and above it are reserved. At most 52.
    pub phys_bits: u8,
    /// EFER.NXE: bit 63 disables execution; otherwise it is reserved.
    pub nxe: bool,
    /// CR0.WP: supervisor writes to read-only pages are refused too.
    pub wp: bool,
    /// CR4.SMEP: supervisor fetches from user pages are refused.
    pub smep: bool,
    /// CR4.SMAP (with EFLAGS.AC clear): supervisor data accesses to user pages are refused.
    pub smap: bool,
    /// 1 GiB pages are supported (CPUID 80000001H:EDX.Page1GB); otherwise PS in a PDPTE is reserved.
    pub page_1g: bool,
    /// Accessed and dirty bits are set by this walk.
    pub accessed_dirty: bool,
    /// Whose manual entries and rules are told by: the layout is the same.
    pub manual: Manual,
}

impl X86 {
    /// Returns what a 64-bit kernel runs with, at `levels` levels.
    pub const fn kernel(levels: u8) -> Self {
        X86 {
            levels,
            phys_bits: 46,
            nxe: true,
            wp: true,
            smep: true,
            smap: true,
            page_1g: true,
            accessed_dirty: true,
            manual: Manual::Intel,
        }
    }

    /// Returns the same tables in AMD's words.
    pub const fn of_amd(self) -> Self {
        X86 { manual: Manual::Amd, ..self }
    }

    /// The address bits of an entry.
    pub const ADDRESS: u64 = pte::ADDR.mask();

    /// Returns whether `address` is canonical: the bits above the top level are copies of the highest translated one.
    pub const fn canonical(&self, address: u64) -> bool {
        let unused = 64 - (12 + 9 * self.levels as u32);
        ((address << unused) as i64 >> unused) as u64 == address
    }

    fn reserved(&self, raw: u64, level: u8) -> bool {
        let above = Self::ADDRESS & !((1u64 << self.phys_bits) - 1);
        let mut mask = above | if self.nxe { 0 } else { XD };
        if raw & PS != 0 {
            mask |= match level {
                // Bit 7 is PAT here, and bit 12 in the two below.
                1 => 0,
                2 => pde_2m::RESERVED[0],
                3 => pdpte_1g::RESERVED[0],
                // PML4E and PML5E: bit 7 is reserved.
                _ => PS,
            };
            if level == 3 && !self.page_1g {
                mask |= PS;
            }
        }
        raw & mask != 0
    }
}

/// What is gathered on the way down.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct X86State {
    /// Every entry allows writes.
    pub write: bool,
    /// Every entry allows user accesses.
    pub user: bool,
    /// No entry disables execution.
    pub execute: bool,
    /// The leaf is global.
    pub global: bool,
}

impl Default for X86State {
    fn default() -> Self {
        X86State { write: true, user: true, execute: true, global: false }
    }
}

impl Format for X86 {
    type Fault = X86Fault;
    type State = X86State;

    #[inline]
    fn levels(&self) -> u8 {
        self.levels
    }
    fn above(&self) -> Above {
        Above::Copies
    }

    fn entry_type(&self, level: u8, raw: u64) -> &'static EntryType {
        self.manual.entry_type(level, raw & PS != 0)
    }

    #[inline]
    fn decode(&self, raw: u64, level: u8, want: Want, state: &mut X86State) -> Entry<X86Fault> {
        if raw & P == 0 {
            return Entry::Refused(X86Fault::NotPresent);
        }
        if self.reserved(raw, level) {
            return Entry::Refused(X86Fault::Reserved);
        }
        state.write &= raw & RW != 0;
        state.user &= raw & US != 0;
        state.execute &= !self.nxe || raw & XD == 0;
        if level > 1 && raw & PS == 0 {
            return Entry::Table(raw & Self::ADDRESS);
        }
        state.global = raw & G != 0;
        // SDM 4.6.1: rights are decided at the leaf, from all entries together.
        let read_ok = if want.privileged { !(self.smap && state.user) } else { state.user };
        let write_ok = read_ok && (state.write || want.privileged && !self.wp);
        let fetch_ok = state.execute && if want.privileged { !(self.smep && state.user) } else { state.user };
        let denied = want.perms.has(Perms::R) && !read_ok
            || want.perms.has(Perms::W) && !write_ok
            || want.perms.has(Perms::X) && !fetch_ok;
        if denied {
            return Entry::Refused(X86Fault::Denied);
        }
        // Bit 12 of a large page's entry is PAT and not part of the address; the walker masks it.
        Entry::Leaf(raw & Self::ADDRESS)
    }

    #[inline]
    fn touch(&self, raw: u64, leaf: bool, want: Want) -> u64 {
        if !self.accessed_dirty {
            return raw;
        }
        raw | A | if leaf && want.perms.has(Perms::W) { D } else { 0 }
    }

    fn perms(&self, state: &X86State) -> Perms {
        Perms::R.or(Perms::when(Perms::W, state.write)).or(Perms::when(Perms::X, state.execute))
    }

    fn rule(&self, fault: X86Fault) -> &'static Rule {
        self.manual.rule(fault)
    }
}

impl Build for X86 {
    fn table(&self, to: u64, _level: u8) -> u64 {
        // Rights are decided by the leaf: the tables above allow everything.
        to & Self::ADDRESS | P | RW | US
    }
    fn leaf(&self, to: u64, level: u8, perms: Perms, user: bool) -> u64 {
        to & Self::ADDRESS
            | P
            | if perms.has(Perms::W) { RW } else { 0 }
            | if user { US } else { 0 }
            | if level > 1 { PS } else { 0 }
            | if self.nxe && !perms.has(Perms::X) { XD } else { 0 }
    }
    fn is_mapped(&self, raw: u64, _level: u8) -> bool {
        raw & P != 0
    }
    fn as_table(&self, raw: u64, level: u8) -> Option<u64> {
        (raw & P != 0 && level > 1 && raw & PS == 0).then_some(raw & Self::ADDRESS)
    }
    fn max_leaf_level(&self) -> u8 {
        if self.page_1g {
            3
        } else {
            2
        }
    }
}
