//! VMSAv8-64 translation tables (Arm ARM DDI 0487, D8): one format for CPU and SMMU, stage 1 and stage 2, with granules of
//! 4, 16 and 64 KiB, hierarchical limits, the access flag, dirty state and concatenated tables.
//!
//! Levels are counted from the last table here, as everywhere in [`paging`](super): level 1 is Arm's level 3.

use crate::paging::{builder::Build, Above, Entry, Format, Want};
use crate::spec::{self, Bits, EntryType, Rule, Text};
use crate::trace::Perms;

/// The size of a table and of the smallest page.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Granule {
    /// 4 KiB.
    K4 = 12,
    /// 16 KiB.
    K16 = 14,
    /// 64 KiB.
    K64 = 16,
}

impl Granule {
    /// Returns log2 of its bytes.
    #[inline]
    pub const fn shift(self) -> u8 {
        self as u8
    }
    /// Returns the address bits that one level resolves.
    #[inline]
    pub const fn stride(self) -> u8 {
        self.shift() - 3
    }
    /// Returns log2 of what an entry of `level` maps; level 1 maps pages.
    #[inline]
    pub const fn level_shift(self, level: u8) -> u8 {
        self.shift() + (level - 1) * self.stride()
    }
    /// Returns how many levels a stage 1 of `input_bits` has (DDI 0487 D8.2).
    pub const fn levels(self, input_bits: u8) -> u8 {
        let above = input_bits.saturating_sub(self.shift());
        let levels = above.div_ceil(self.stride());
        if levels == 0 {
            1
        } else {
            levels
        }
    }
}

/// Which translation the tables are for, and the controls that only it has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Regime {
    /// Stage 1 with two privilege levels: EL1&0, or EL2&0 with E2H.
    El1 {
        /// PAN: privileged data accesses to what unprivileged ones may access are refused.
        pan: bool,
        /// WXN: what is writable is not executable.
        wxn: bool,
    },
    /// Stage 1 with one privilege level: EL2 without E2H.
    El2 {
        /// WXN.
        wxn: bool,
    },
    /// Stage 2.
    Stage2 {
        /// XNX: XN has two bits, one for each privilege.
        xnx: bool,
    },
}

/// What hardware sets in descriptors.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Update {
    /// Nothing: an access flag that is 0 refuses.
    None,
    /// Nothing, and the access flag is not looked at (AFFD).
    Ignored,
    /// The access flag (HA).
    Access,
    /// The access flag, and dirty state where DBM allows it (HA and HD).
    AccessDirty,
}

/// Deviations of the reference that these tables are compared with; the specification has none. See
/// `docs/conformance-smmuv3.md`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Deviations {
    /// APTable is held against the access at each table, not at the leaf.
    pub limits_at_table: bool,
    /// The width of an output address is checked after access flag and permission, that of a table's not at all.
    pub size_last: bool,
    /// Blocks are taken at every level above the last.
    pub any_block: bool,
    /// Concatenated tables are not looked at: the index stays within the first one.
    pub one_table: bool,
}

/// The format with what configures it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Aarch64 {
    /// Size of tables and pages.
    pub granule: Granule,
    /// Bits of an input address: 64 - TnSZ.
    pub input_bits: u8,
    /// Levels that are walked. Fewer than the input needs means concatenated tables at the top (stage 2).
    pub levels: u8,
    /// Bits of an output address, and of a table's.
    pub output_bits: u8,
    /// What the tables are for.
    pub regime: Regime,
    /// What hardware updates.
    pub update: Update,
    /// Limits in table descriptors count (stage 1 without HPD).
    pub hierarchical: bool,
    /// Descriptors hold 52-bit addresses: bits 15:12 with a granule of 64 KiB (LPA), 9:8 else (LPA2, DS).
    pub wide: bool,
    /// Missing rights refuse. Not so for an ATS translation request, which is answered with what there is.
    pub check_perms: bool,
    /// Descriptors are big-endian.
    pub big_endian: bool,
    /// Look only: flags count as updated, but are not written.
    pub frozen: bool,
    /// Leaves are made for a device's accesses as Linux's io-pgtable-arm makes them; else for a CPU's as Linux's arch/arm64.
    pub for_devices: bool,
    /// In what the reference differs.
    pub deviations: Deviations,
}

impl Aarch64 {
    /// Returns stage 1 tables of `input_bits` as software makes them.
    pub const fn stage1(granule: Granule, input_bits: u8) -> Self {
        Aarch64 {
            granule,
            input_bits,
            levels: granule.levels(input_bits),
            output_bits: 48,
            regime: Regime::El1 { pan: false, wxn: false },
            update: Update::None,
            hierarchical: true,
            wide: false,
            check_perms: true,
            big_endian: false,
            frozen: false,
            for_devices: false,
            deviations: Deviations {
                limits_at_table: false,
                size_last: false,
                any_block: false,
                one_table: false,
            },
        }
    }

    /// Returns stage 2 tables of `input_bits` as software makes them: with up to 16 concatenated tables at the top instead
    /// of a level more (DDI 0487 D8.2.2).
    pub const fn stage2(granule: Granule, input_bits: u8) -> Self {
        let mut levels = granule.levels(input_bits);
        if levels > 1 && input_bits <= granule.level_shift(levels) + 4 {
            levels -= 1;
        }
        let regime = Regime::Stage2 { xnx: false };
        Aarch64 { levels, regime, hierarchical: false, ..Self::stage1(granule, input_bits) }
    }

    /// Returns the same for a device's accesses.
    pub const fn for_devices(self) -> Self {
        Aarch64 { for_devices: true, ..self }
    }

    /// Returns whether these are tables of stage 2.
    #[inline]
    pub const fn is_stage2(&self) -> bool {
        matches!(self.regime, Regime::Stage2 { .. })
    }

    /// Returns Arm's number of a level: 3 for the last, -1 the highest there is.
    pub const fn arm_level(level: u8) -> i8 {
        4 - level as i8
    }

    /// Returns how many index bits the top level has.
    #[inline]
    pub const fn top_bits(&self) -> u8 {
        self.input_bits.saturating_sub(self.granule.level_shift(self.levels))
    }

    /// Returns the bits of a table pointer that are the first table's address: it is aligned to its size, at least to 64
    /// bytes where its address has more than 48 bits (DDI 0487 D8.2).
    pub const fn root(&self, pointer: u64) -> u64 {
        pointer & !((8u64 << self.top_bits()) - 1)
    }

    /// Returns how many 4 KiB frames the first table takes; it is aligned to as many.
    pub const fn root_frames(&self) -> u64 {
        (8u64 << self.top_bits()).div_ceil(4096)
    }

    /// Returns whether the bits above the input are copies of its highest one (stage 1: of bit 55, whichever half) or 0
    /// (stage 2).
    pub const fn accepts(&self, address: u64) -> bool {
        let unused = 64 - self.input_bits as u32;
        if self.is_stage2() {
            unused == 0 || address >> self.input_bits == 0
        } else {
            let above = (address as i64 >> (self.input_bits - 1)) >> 1;
            above == 0 || above == -1
        }
    }

    /// Returns whether a table of `level` may hold blocks (DDI 0487 D8.3): 2 MiB and 1 GiB; 32 MiB; 512 MiB; with 52-bit
    /// addresses one level more.
    #[inline]
    pub const fn has_blocks(&self, level: u8) -> bool {
        let highest = match self.granule {
            Granule::K4 => 3,
            Granule::K16 | Granule::K64 => 2,
        };
        level > 1 && (self.deviations.any_block || level <= highest + self.wide as u8)
    }

    /// Returns log2 of what a leaf with the contiguous bit is a part of (DDI 0487 D8.7).
    pub const fn contiguous_shift(&self, raw: u64, level: u8) -> u8 {
        let shift = self.granule.level_shift(level);
        if raw & CONTIGUOUS == 0 {
            return shift;
        }
        shift
            + match (self.granule, level) {
                (Granule::K4, 1..=3) => 4,
                (Granule::K16, 1) => 7,
                (Granule::K16, 2) | (Granule::K64, 1 | 2) => 5,
                _ => 0,
            }
    }

    /// Returns log2 of the reach of a leaf that translated `input` to `output`: that of its contiguous range where the
    /// translation fits one, else its own. A contiguous bit that its neighbours contradict may be ignored.
    pub const fn reach(&self, raw: u64, level: u8, input: u64, output: u64) -> u8 {
        let own = self.granule.level_shift(level);
        let range = self.contiguous_shift(raw, level);
        let between = (1u64 << range) - (1u64 << own);
        if (input ^ output) & between == 0 {
            range
        } else {
            own
        }
    }

    /// Returns the address in a descriptor.
    #[inline]
    pub const fn output(&self, raw: u64) -> u64 {
        let low = raw & ADDRESS & !((1u64 << self.granule.shift()) - 1);
        match (self.wide, self.granule) {
            (false, _) => low,
            (true, Granule::K64) => low | (raw & HIGH_64K) << 36,
            (true, _) => low | raw & HIGH_LOWER | (raw & HIGH_UPPER) << 42,
        }
    }

    #[inline]
    const fn fits(&self, to: u64) -> bool {
        to >> self.output_bits == 0
    }

    /// Returns what the leaf that a walk found allows to accesses of this privilege.
    pub fn allows(&self, state: &Aarch64State, privileged: bool) -> Perms {
        self.rights(state.leaf, state, privileged)
    }

    /// Returns whether a leaf may be written only once hardware has marked it dirty.
    #[inline]
    pub const fn is_clean(&self, raw: u64) -> bool {
        let writable = (raw & AP2 != 0) == self.is_stage2();
        matches!(self.update, Update::AccessDirty) && raw & DBM != 0 && !writable
    }

    /// Returns what a leaf allows to an access of this privilege, limits of the tables above included.
    #[inline]
    fn rights(&self, raw: u64, state: &Aarch64State, privileged: bool) -> Perms {
        self.data(raw, state, privileged).or(Perms::when(Perms::X, self.runs(raw, state, privileged)))
    }

    /// Returns whether a leaf may be written, as far as AP\[2\], DBM and the tables above say.
    #[inline]
    fn writes(&self, raw: u64, state: &Aarch64State) -> bool {
        (raw & AP2 == 0 || self.is_clean(raw)) && !state.read_only
    }

    /// Returns which data accesses a leaf allows.
    #[inline]
    fn data(&self, raw: u64, state: &Aarch64State, privileged: bool) -> Perms {
        let (read, write) = match self.regime {
            Regime::El1 { pan, .. } => {
                let user = raw & AP1 != 0 && !state.no_user;
                let data = if privileged { !(pan && user) } else { user };
                (data, data && self.writes(raw, state))
            }
            Regime::El2 { .. } => (true, self.writes(raw, state)),
            Regime::Stage2 { .. } => (raw & AP1 != 0, raw & AP2 != 0 || self.is_clean(raw)),
        };
        Perms::when(Perms::R, read).or(Perms::when(Perms::W, write))
    }

    /// Returns whether a leaf allows all that an access wants.
    #[inline]
    fn lets(&self, raw: u64, state: &Aarch64State, want: Want) -> bool {
        let data = Perms(want.perms.0 & !Perms::X.0);
        self.data(raw, state, want.privileged).has(data)
            && (data == want.perms || self.runs(raw, state, want.privileged))
    }

    /// Gathers the limits of a table descriptor; returns whether they refuse the access already, which only the reference does.
    #[cold]
    fn limit(&self, raw: u64, want: Want, state: &mut Aarch64State) -> bool {
        let read_only = raw & AP_TABLE_1 != 0;
        state.read_only |= read_only && !self.deviations.limits_at_table;
        state.no_user |= raw & AP_TABLE_0 != 0;
        state.uxn |= raw & UXN_TABLE != 0;
        state.pxn |= raw & PXN_TABLE != 0;
        self.deviations.limits_at_table && want.perms.has(Perms::W) && read_only
    }

    /// Returns what keeps a leaf from allowing an access.
    #[cold]
    fn denial(&self, raw: u64, want: Want) -> Aarch64Fault {
        let unlimited = Aarch64State::default();
        let data = Want { perms: Perms(want.perms.0 & !Perms::X.0), ..want };
        if self.lets(raw, &unlimited, want) {
            Aarch64Fault::Limited
        } else if want.perms.has(Perms::X) && self.lets(raw, &unlimited, data) {
            Aarch64Fault::NotExecutable
        } else {
            Aarch64Fault::Denied
        }
    }

    /// Returns whether a leaf allows a fetch.
    #[inline]
    fn runs(&self, raw: u64, state: &Aarch64State, privileged: bool) -> bool {
        let set = |bit: u32| raw >> bit & 1 != 0;
        match self.regime {
            Regime::El1 { wxn, .. } => {
                let user = raw & AP1 != 0 && !state.no_user;
                let write = self.writes(raw, state);
                // What keeps from executing, one condition of the manual a term.
                !(if privileged {
                    set(53) || state.pxn || (user && write) || (wxn && write)
                } else {
                    set(54) || state.uxn || (wxn && user && write)
                })
            }
            Regime::El2 { wxn } => !(set(54) || state.uxn || (wxn && self.writes(raw, state))),
            Regime::Stage2 { xnx } => {
                raw & AP1 != 0
                    && match (xnx, (raw & XN) >> XN.trailing_zeros()) {
                        (false, xn) => xn >> 1 == 0,
                        (true, 0) => true,
                        (true, 1) => !privileged,
                        (true, 3) => privileged,
                        (true, _) => false,
                    }
            }
        }
    }
}

/// Why a descriptor refuses.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Aarch64Fault {
    /// Bit 0 is 0: translation fault.
    NotValid,
    /// A block where there are none, or a page descriptor that is none: translation fault.
    Reserved,
    /// The address is wider than the output: address size fault.
    AddressSize,
    /// AF is 0 and hardware does not set it: access flag fault.
    AccessFlag,
    /// AP or S2AP does not allow the access: permission fault.
    Denied,
    /// XN, UXN or PXN does not allow the fetch: permission fault.
    NotExecutable,
    /// A table descriptor above took the right away: permission fault.
    Limited,
}

impl Aarch64Fault {
    /// Returns which of the four kinds of fault it is.
    pub const fn kind(self) -> FaultKind {
        match self {
            Aarch64Fault::NotValid | Aarch64Fault::Reserved => FaultKind::Translation,
            Aarch64Fault::AddressSize => FaultKind::AddressSize,
            Aarch64Fault::AccessFlag => FaultKind::AccessFlag,
            _ => FaultKind::Permission,
        }
    }
}

/// The kinds of faults that a walk ends in, in the order of their priority at a level (DDI 0487 D8).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FaultKind {
    /// Translation fault.
    Translation,
    /// Address size fault.
    AddressSize,
    /// Access flag fault.
    AccessFlag,
    /// Permission fault.
    Permission,
}

/// What is gathered on the way down.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Aarch64State {
    /// The leaf as read.
    pub leaf: u64,
    /// The access that walked is privileged.
    pub privileged: bool,
    /// APTable\[1\] above: nothing is writable.
    pub read_only: bool,
    /// APTable\[0\] above: nothing for unprivileged accesses.
    pub no_user: bool,
    /// UXNTable (or XNTable) above.
    pub uxn: bool,
    /// PXNTable above.
    pub pxn: bool,
}

impl Aarch64State {
    /// Returns the rights that the walk gathered as a page descriptor that maps address 0: what a TLB keeps, so that the same
    /// rules decide about it.
    pub const fn as_leaf(&self) -> u64 {
        const fn set(word: u64, on: bool, bits: u64) -> u64 {
            if on {
                word | bits
            } else {
                word
            }
        }
        // Attributes stay; the page, and the type of a block, go. A limited right is one that is not there.
        let word = self.leaf & (LOW_ATTRIBUTES | DBM | CONTIGUOUS | XN) | VALID | TABLE | AF;
        let word = set(word, self.read_only, AP2) & !if self.read_only { DBM } else { 0 };
        let word = if self.no_user { word & !AP1 } else { word };
        set(set(word, self.uxn, 1 << 54), self.pxn, 1 << 53)
    }

    /// Returns whether the leaf is global: nG is 0.
    pub const fn global(&self) -> bool {
        self.leaf & NG == 0
    }
}

const VALID: u64 = 1;
const TABLE: u64 = 1 << 1;
const AF: u64 = 1 << 10;
const DBM: u64 = 1 << 51;
const CONTIGUOUS: u64 = 1 << 52;
/// XN of stage 2; PXN and UXN of stage 1.
const XN: u64 = 0b11 << 53;
const AP1: u64 = 1 << 6;
const NG: u64 = 1 << 11;
const LOW_ATTRIBUTES: u64 = 0xfff;
/// The address; with 52 bits its uppermost four are elsewhere, by granule.
const ADDRESS: u64 = 0xffff_ffff_f000;
const HIGH_64K: u64 = 0xf << 12;
const HIGH_LOWER: u64 = 0b11 << 48;
const HIGH_UPPER: u64 = 0b11 << 8;
const PXN_TABLE: u64 = 1 << 59;
const UXN_TABLE: u64 = 1 << 60;
const AP_TABLE_0: u64 = 1 << 61;
const AP_TABLE_1: u64 = 1 << 62;
/// All of them.
const LIMITS: u64 = PXN_TABLE | UXN_TABLE | AP_TABLE_0 | AP_TABLE_1;
/// AP\[2\] of stage 1: read-only. S2AP\[1\] of stage 2: writable.
const AP2: u64 = 1 << 7;

impl Format for Aarch64 {
    type Fault = Aarch64Fault;
    type State = Aarch64State;

    #[inline]
    fn levels(&self) -> u8 {
        self.levels
    }

    #[inline]
    fn index_bits(&self, level: u8) -> u8 {
        let stride = self.granule.stride();
        match level == self.levels {
            true if self.deviations.one_table => self.top_bits().min(stride),
            true => self.top_bits(),
            false => stride,
        }
    }

    fn above(&self) -> Above {
        if self.is_stage2() {
            Above::Zeros
        } else {
            Above::Alike
        }
    }

    #[inline]
    fn index(&self, input: u64, level: u8) -> u64 {
        (input >> self.granule.level_shift(level)) & !(u64::MAX << self.index_bits(level))
    }

    #[inline]
    fn shift(&self, level: u8) -> u8 {
        self.granule.level_shift(level)
    }

    fn entry_type(&self, level: u8, raw: u64) -> &'static EntryType {
        // What is not valid says nothing of itself: above the last level it stands where a table's address would.
        match (self.is_stage2(), level, raw & TABLE != 0 || raw & VALID == 0) {
            (false, 1, _) => &S1_PAGE,
            (false, _, true) => &S1_TABLE,
            (false, _, false) => &S1_BLOCK,
            (true, 1, _) => &S2_PAGE,
            (true, _, true) => &S2_TABLE,
            (true, _, false) => &S2_BLOCK,
        }
    }

    // One read of a walk: what is rare is kept out of it, so that it is small enough for its callers.
    #[inline(always)]
    fn decode(&self, raw: u64, level: u8, want: Want, state: &mut Aarch64State) -> Entry<Aarch64Fault> {
        use Aarch64Fault::*;
        if raw & VALID == 0 {
            return Entry::Refused(NotValid);
        }
        let to = self.output(raw);
        if raw & TABLE != 0 && level > 1 {
            if self.hierarchical && raw & LIMITS != 0 && self.limit(raw, want, state) {
                return Entry::Refused(Limited);
            }
            return if self.fits(to) || self.deviations.size_last {
                Entry::Table(to)
            } else {
                Entry::Refused(AddressSize)
            };
        }
        if raw & TABLE == 0 && !self.has_blocks(level) {
            return Entry::Refused(Reserved);
        }
        let to = if level == 1 { to } else { to & !((1u64 << self.shift(level)) - 1) };
        if !self.fits(to) && !self.deviations.size_last {
            return Entry::Refused(AddressSize);
        }
        if raw & AF == 0 && matches!(self.update, Update::None) {
            return Entry::Refused(AccessFlag);
        }
        state.leaf = raw;
        state.privileged = want.privileged;
        if self.check_perms && !self.lets(raw, state, want) {
            return Entry::Refused(self.denial(raw, want));
        }
        if !self.fits(to) {
            return Entry::Refused(AddressSize);
        }
        Entry::Leaf(to)
    }

    #[inline]
    fn touch(&self, raw: u64, leaf: bool, want: Want) -> u64 {
        if self.frozen || !leaf || matches!(self.update, Update::None | Update::Ignored) {
            return raw;
        }
        let raw = raw | AF;
        if matches!(self.update, Update::Access) || raw & DBM == 0 || !want.perms.has(Perms::W) {
            raw
        } else if self.is_stage2() {
            raw | AP2
        } else {
            raw & !AP2
        }
    }

    #[inline]
    fn perms(&self, state: &Aarch64State) -> Perms {
        self.rights(state.leaf, state, state.privileged)
    }

    fn rule(&self, fault: Aarch64Fault) -> &'static Rule {
        match fault {
            Aarch64Fault::NotValid => &NOT_VALID,
            Aarch64Fault::Reserved => &RESERVED,
            Aarch64Fault::AddressSize => &ADDRESS_SIZE,
            Aarch64Fault::AccessFlag => &ACCESS_FLAG,
            Aarch64Fault::Denied if self.is_stage2() => &S2_DENIED,
            Aarch64Fault::Denied => &DENIED,
            Aarch64Fault::NotExecutable => &NOT_EXECUTABLE,
            Aarch64Fault::Limited => &LIMITED,
        }
    }

    #[inline]
    fn big_endian(&self) -> bool {
        self.big_endian
    }
}

impl Build for Aarch64 {
    fn table(&self, to: u64, _level: u8) -> u64 {
        0u64.with_flag(s1_table::VALID, true)
            .with_flag(s1_table::TABLE, true)
            .with_address(s1_table::NEXT, to)
    }

    fn leaf(&self, to: u64, level: u8, perms: Perms, user: bool) -> u64 {
        let page = level == 1;
        let write = perms.has(Perms::W);
        if self.is_stage2() {
            // io-pgtable-arm: write-back memory, inner shareable, accessed.
            return 0u64
                .with_flag(s2_page::VALID, true)
                .with_flag(s2_page::TYPE, page)
                .with(s2_page::MEM_ATTR, 0xf)
                .with(s2_page::S2AP, u64::from(perms.has(Perms::R)) | u64::from(write) << 1)
                .with(s2_page::SH, shareability::INNER)
                .with_flag(s2_page::AF, true)
                .with_address(s2_page::OA, to);
        }
        let leaf = 0u64
            .with_flag(s1_page::VALID, true)
            .with_flag(s1_page::TYPE, page)
            .with(s1_page::SH, shareability::INNER)
            .with_flag(s1_page::AF, true)
            .with_flag(s1_page::NG, self.for_devices || user)
            .with(s1_page::AP, u64::from(self.for_devices || user) | u64::from(!write) << 1)
            .with_address(s1_page::OA, to);
        if self.for_devices {
            // MAIR index 1 is write-back memory there.
            return leaf.with(s1_page::ATTR_INDX, 1);
        }
        // Linux marks what it may write with DBM, and keeps the other privilege from executing it.
        let run = perms.has(Perms::X);
        leaf.with_flag(s1_page::DBM, write)
            .with_flag(s1_page::UXN, !(user && run))
            .with_flag(s1_page::PXN, user || !run)
    }

    fn is_mapped(&self, raw: u64, _level: u8) -> bool {
        raw & VALID != 0
    }

    fn as_table(&self, raw: u64, level: u8) -> Option<u64> {
        (raw & (VALID | TABLE) == VALID | TABLE && level > 1).then(|| self.output(raw))
    }

    fn max_leaf_level(&self) -> u8 {
        (1..=self.levels).rev().find(|&level| level == 1 || self.has_blocks(level)).unwrap_or(1)
    }
}

macro_rules! rules {
    ($($id:ident $en:literal $zh:literal;)*) => {
        $(static $id: Rule = Rule { text: Text::new($en, $zh), section: "Arm ARM DDI 0487, D8" };)*
    };
}

rules! {
    NOT_VALID "bit 0 is 0: the descriptor is not valid (translation fault)" "描述符无效（第 0 位为 0）";
    RESERVED "a block at a level that has none, or a reserved page descriptor (translation fault)"
        "该级不允许块描述符，或使用了保留的页描述符（转换错误）";
    ADDRESS_SIZE "the address is wider than the output (address size fault)" "地址超出输出位宽（地址大小错误）";
    ACCESS_FLAG "AF is 0 and hardware does not set it here (access flag fault)" "AF = 0，且此处硬件不置位（访问标志错误）";
    DENIED "AP does not allow this access (permission fault)" "AP 不允许这次访问（权限错误）";
    S2_DENIED "S2AP does not allow this access (permission fault)" "S2AP 不允许这次访问（权限错误）";
    NOT_EXECUTABLE "the page is not executable for this fetch (permission fault)" "该页对这次取指不可执行（权限错误）";
    LIMITED "a table descriptor on the way takes the right away: APTable, UXNTable or PXNTable (permission fault)"
        "途中的表描述符收回了权限：APTable、UXNTable 或 PXNTable（权限错误）";
}

spec::values! {
    /// The values of SH.
    pub SHAREABILITY / shareability {
        NONE = 0 "non-shareable" "不可共享";
        OUTER = 2 "outer shareable" "外部可共享";
        INNER = 3 "inner shareable" "内部可共享";
    }
    /// The values of AP\[2:1\].
    pub AP_VALUES / ap {
        PRIVILEGED_RW = 0 "read and write, privileged only" "仅特权可读写";
        RW = 1 "read and write for all" "所有特权级可读写";
        PRIVILEGED_RO = 2 "read only, privileged only" "仅特权可读";
        RO = 3 "read only for all" "所有特权级只读";
    }
    /// The values of APTable.
    pub AP_TABLE_VALUES / ap_table {
        NONE = 0 "no limit" "无限制";
        NO_USER = 1 "nothing for unprivileged accesses" "非特权不可访问";
        READ_ONLY = 2 "read only" "只读";
        READ_ONLY_NO_USER = 3 "read only, nothing for unprivileged accesses" "只读，且非特权不可访问";
    }
    /// The values of S2AP.
    pub S2AP_VALUES / s2ap {
        NONE = 0 "no access" "不可访问";
        R = 1 "read only" "只读";
        W = 2 "write only" "只写";
        RW = 3 "read and write" "可读写";
    }
}

macro_rules! stage1_leaf {
    ($($id:ident / $module:ident $en:literal $zh:literal;)*) => {
        spec::structure! {$(
            /// A stage 1 leaf (Arm ARM DDI 0487, D8.3).
            pub $id / $module: 1 words, "Arm ARM DDI 0487, D8.3", $en $zh {
                VALID     [0]     flag "valid" "有效";
                TYPE      [1]     flag "1 for a page, 0 for a block" "1 为页，0 为块";
                ATTR_INDX "AttrIndx" [4:2] value "which memory type of MAIR" "MAIR 中的内存类型序号";
                NS        [5]     flag "non-secure" "非安全";
                AP        [7:6]   code(AP_VALUES) "access permissions, AP[2:1]" "访问权限 AP[2:1]";
                SH        [9:8]   code(SHAREABILITY) "shareability" "可共享性";
                AF        [10]    flag "access flag" "访问标志";
                NG        "nG" [11] flag "not global: for one ASID" "非全局：只属于一个 ASID";
                OA        [47:12] address(12) "output address" "输出地址";
                _         [49:48] ignored;
                GP        [50]    flag "guarded page" "受保护页（BTI）";
                DBM       [51]    flag "dirty bit modifier: a write may make it writable" "脏位修饰：写访问可使其变为可写";
                CONTIGUOUS "Contiguous" [52] flag "part of a contiguous range" "连续区域的一部分";
                PXN       [53]    flag "not executable for privileged accesses" "特权不可执行";
                UXN       [54]    flag "not executable for unprivileged accesses (XN at EL2)" "非特权不可执行（EL2 为 XN）";
                SW        [58:55] value "for software" "供软件使用";
                PBHA      [62:59] value "page-based hardware attributes" "基于页的硬件属性";
                _         [63]    ignored;
            }
        )*}
    };
}
stage1_leaf! {
    S1_PAGE / s1_page "stage 1 page descriptor" "第一阶段页描述符";
    S1_BLOCK / s1_block "stage 1 block descriptor" "第一阶段块描述符";
}

macro_rules! stage2_leaf {
    ($($id:ident / $module:ident $en:literal $zh:literal;)*) => {
        spec::structure! {$(
            /// A stage 2 leaf (Arm ARM DDI 0487, D8.3).
            pub $id / $module: 1 words, "Arm ARM DDI 0487, D8.3", $en $zh {
                VALID     [0]     flag "valid" "有效";
                TYPE      [1]     flag "1 for a page, 0 for a block" "1 为页，0 为块";
                MEM_ATTR  "MemAttr" [5:2] value "memory type" "内存类型";
                S2AP      [7:6]   code(S2AP_VALUES) "access permissions" "访问权限";
                SH        [9:8]   code(SHAREABILITY) "shareability" "可共享性";
                AF        [10]    flag "access flag" "访问标志";
                _         [11]    ignored;
                OA        [47:12] address(12) "output address" "输出地址";
                _         [50:48] ignored;
                DBM       [51]    flag "dirty bit modifier: a write may make it writable" "脏位修饰：写访问可使其变为可写";
                CONTIGUOUS "Contiguous" [52] flag "part of a contiguous range" "连续区域的一部分";
                XN        [54:53] value "not executable; bit 53 counts with XNX only" "不可执行；第 53 位仅在 XNX 时有效";
                SW        [58:55] value "for software" "供软件使用";
                PBHA      [62:59] value "page-based hardware attributes" "基于页的硬件属性";
                _         [63]    ignored;
            }
        )*}
    };
}
stage2_leaf! {
    S2_PAGE / s2_page "stage 2 page descriptor" "第二阶段页描述符";
    S2_BLOCK / s2_block "stage 2 block descriptor" "第二阶段块描述符";
}

spec::structure! {
    /// A stage 1 table descriptor (Arm ARM DDI 0487, D8.3).
    pub S1_TABLE / s1_table: 1 words, "Arm ARM DDI 0487, D8.3", "stage 1 table descriptor" "第一阶段表描述符" {
        VALID   [0]     flag "valid" "有效";
        TABLE   [1]     flag "points at a table" "指向下一级表";
        _       [11:2]  ignored;
        NEXT "NextTable" [47:12] address(12) "the next table" "下一级表地址";
        _       [58:48] ignored;
        PXNTABLE "PXNTable" [59] flag "nothing below is executable for privileged accesses" "其下特权不可执行";
        UXNTABLE "UXNTable" [60] flag "nothing below is executable for unprivileged accesses" "其下非特权不可执行";
        APTABLE "APTable" [62:61] code(AP_TABLE_VALUES) "limits for all below" "对其下全部的限制";
        NSTABLE "NSTable" [63] flag "tables below are non-secure" "其下的表为非安全";
    }

    /// A stage 2 table descriptor (Arm ARM DDI 0487, D8.3).
    pub S2_TABLE / s2_table: 1 words, "Arm ARM DDI 0487, D8.3", "stage 2 table descriptor" "第二阶段表描述符" {
        VALID   [0]     flag "valid" "有效";
        TABLE   [1]     flag "points at a table" "指向下一级表";
        _       [11:2]  ignored;
        NEXT "NextTable" [47:12] address(12) "the next table" "下一级表地址";
        _       [63:48] ignored;
    }
}

/// Returns whether an entry belongs to these tables, whose levels Arm counts from the top.
pub fn is_descriptor(entry: &'static EntryType) -> bool {
    [&S1_PAGE, &S1_BLOCK, &S1_TABLE, &S2_PAGE, &S2_BLOCK, &S2_TABLE]
        .iter()
        .any(|own| core::ptr::eq(*own, entry))
}

/// Returns whether an entry belongs to tables of stage 2.
pub fn is_stage2(entry: &'static EntryType) -> bool {
    [&S2_PAGE, &S2_BLOCK, &S2_TABLE].iter().any(|own| core::ptr::eq(*own, entry))
}

#[cfg(test)]
mod tests;
