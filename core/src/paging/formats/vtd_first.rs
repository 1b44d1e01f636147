//! First-stage paging entries (VT-d 9.7): the layout that processes' tables have on the CPU, so that a device
//! can share them.

use crate::paging::{builder::Build, Above, Entry, Format, Want};
use crate::spec::{self, EntryType, Field, Rule, Text};
use crate::trace::Perms;

const P: u64 = fs_pte::P.mask();
const RW: u64 = fs_pte::RW.mask();
const US: u64 = fs_pte::US.mask();
const A: u64 = fs_pte::A.mask();
const D: u64 = fs_pte::D.mask();
const PS: u64 = fs_pde::PS.mask();
const EA: u64 = fs_pte::EA.mask();
const XD: u64 = fs_pte::XD.mask();
const ADDRESS: u64 = fs_pte::ADDR.mask();

/// Deviations of a particular implementation from the order or the result of VT-d's checks of paging entries.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct EntryQuirks {
    /// An entry of all ones counts as one that could not be read.
    pub all_ones_is_unreadable: bool,
    /// The right that the access needs is checked before reserved bits.
    pub rights_before_reserved: bool,
    /// The dirty bit is set only together with the accessed bit.
    pub dirty_only_with_accessed: bool,
}

impl EntryQuirks {
    /// As the specification has it.
    pub const NONE: EntryQuirks = EntryQuirks {
        all_ones_is_unreadable: false,
        rights_before_reserved: false,
        dirty_only_with_accessed: false,
    };
}

/// The format with what configures it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FirstStage {
    /// 4 or 5 (FSPM).
    pub levels: u8,
    /// Address bits at and above this are reserved.
    pub host_bits: u8,
    /// CAP.FS1GP: 1 GiB pages.
    pub page_1g: bool,
    /// WPE: supervisor writes obey R/W.
    pub write_protect: bool,
    /// NXE: bit 63 disables execution; otherwise it is ignored.
    pub no_execute: bool,
    /// SMEP: supervisor fetches from user pages are refused.
    pub smep: bool,
    /// EAFE: the extended-accessed bit is set with A.
    pub extended_accessed: bool,
    /// Accessed and dirty are written; not when only looking.
    pub update: bool,
    /// Deviations of a particular implementation.
    pub quirks: EntryQuirks,
}

/// Why an entry refuses.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FirstStageFault {
    /// P is 0.
    NotPresent,
    /// A reserved bit is 1.
    Reserved,
    /// A user request, and U/S is 0.
    Supervisor,
    /// No write permission.
    Write,
    /// No execute permission.
    Execute,
    /// Only with [`EntryQuirks::all_ones_is_unreadable`].
    Unreadable,
}

/// Rights gathered on the way down.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FirstStageState {
    /// Every entry allows writes.
    pub write: bool,
    /// Every entry allows user requests.
    pub user: bool,
    /// No entry disables execution.
    pub execute: bool,
}

impl Default for FirstStageState {
    fn default() -> Self {
        FirstStageState { write: true, user: true, execute: true }
    }
}

impl FirstStage {
    /// Returns four levels of a host of 46 bits with the settings Linux uses for a user process.
    pub const fn four_levels() -> Self {
        FirstStage {
            levels: 4,
            host_bits: 46,
            page_1g: true,
            write_protect: true,
            no_execute: true,
            smep: false,
            extended_accessed: false,
            update: true,
            quirks: EntryQuirks::NONE,
        }
    }

    /// Bits of an input address that the tables translate, the sign included.
    pub const fn input_bits(&self) -> u8 {
        12 + 9 * self.levels
    }

    fn reserved(&self, raw: u64, level: u8) -> bool {
        let mut mask = ADDRESS & !((1u64 << self.host_bits.min(52)) - 1);
        if raw & PS != 0 && level > 1 {
            // Bit 12 of a large page's entry is PAT.
            mask |= match level {
                2 => fs_pde_2m::RESERVED[0],
                3 if self.page_1g => fs_pdpe_1g::RESERVED[0],
                _ => PS,
            };
        }
        raw & mask != 0
    }

    fn denied(&self, want: Want, state: &FirstStageState) -> Option<FirstStageFault> {
        if !want.privileged && !state.user {
            return Some(FirstStageFault::Supervisor);
        }
        if want.perms.has(Perms::W) && !state.write && (!want.privileged || self.write_protect) {
            return Some(FirstStageFault::Write);
        }
        let fetch = want.perms.has(Perms::X);
        if fetch && (!state.execute || want.privileged && self.smep && state.user) {
            return Some(FirstStageFault::Execute);
        }
        None
    }
}

impl Format for FirstStage {
    type Fault = FirstStageFault;
    type State = FirstStageState;

    #[inline]
    fn levels(&self) -> u8 {
        self.levels
    }
    fn above(&self) -> Above {
        Above::Copies
    }

    fn entry_type(&self, level: u8, raw: u64) -> &'static EntryType {
        match (level, raw & PS != 0) {
            (1, _) => &FS_PTE,
            (2, true) => &FS_PDE_2M,
            (2, false) => &FS_PDE,
            (3, true) => &FS_PDPE_1G,
            (3, false) => &FS_PDPE,
            (4, _) => &FS_PML4E,
            _ => &FS_PML5E,
        }
    }

    #[inline]
    fn decode(&self, raw: u64, level: u8, want: Want, state: &mut FirstStageState) -> Entry<FirstStageFault> {
        if self.quirks.all_ones_is_unreadable && raw == u64::MAX {
            return Entry::Refused(FirstStageFault::Unreadable);
        }
        if raw & P == 0 {
            return Entry::Refused(FirstStageFault::NotPresent);
        }
        state.write &= raw & RW != 0;
        state.user &= raw & US != 0;
        state.execute &= !self.no_execute || raw & XD == 0;
        let denied = self.denied(want, state);
        let leaf = level == 1 || raw & PS != 0;
        // The specification decides rights from all entries together, at the leaf; QEMU at each entry, first.
        if let (Some(fault), true) = (denied, self.quirks.rights_before_reserved) {
            return Entry::Refused(fault);
        }
        if self.reserved(raw, level) {
            return Entry::Refused(FirstStageFault::Reserved);
        }
        match denied {
            Some(fault) if leaf => Entry::Refused(fault),
            _ if leaf => Entry::Leaf(raw & ADDRESS),
            _ => Entry::Table(raw & ADDRESS),
        }
    }

    #[inline]
    fn touch(&self, raw: u64, leaf: bool, want: Want) -> u64 {
        if !self.update {
            return raw;
        }
        let dirty = if leaf && want.perms.has(Perms::W) { D } else { 0 };
        if self.quirks.dirty_only_with_accessed && raw & (A | dirty) != 0 {
            return raw;
        }
        raw | A | dirty | if self.extended_accessed { EA } else { 0 }
    }

    fn perms(&self, state: &FirstStageState) -> Perms {
        Perms::R.or(Perms::when(Perms::W, state.write)).or(Perms::when(Perms::X, state.execute))
    }

    fn rule(&self, fault: FirstStageFault) -> &'static Rule {
        match fault {
            FirstStageFault::NotPresent => &NOT_PRESENT,
            FirstStageFault::Reserved => &RESERVED,
            FirstStageFault::Supervisor => &SUPERVISOR,
            FirstStageFault::Write => &WRITE,
            FirstStageFault::Execute => &EXECUTE,
            FirstStageFault::Unreadable => &UNREADABLE,
        }
    }
}

impl Build for FirstStage {
    fn table(&self, to: u64, _level: u8) -> u64 {
        to & ADDRESS | P | RW | US
    }
    fn leaf(&self, to: u64, level: u8, perms: Perms, user: bool) -> u64 {
        to & ADDRESS
            | P
            | if perms.has(Perms::W) { RW } else { 0 }
            | if user { US } else { 0 }
            | if level > 1 { PS } else { 0 }
            | if self.no_execute && !perms.has(Perms::X) { XD } else { 0 }
    }
    fn is_mapped(&self, raw: u64, _level: u8) -> bool {
        raw & P != 0
    }
    fn as_table(&self, raw: u64, level: u8) -> Option<u64> {
        (raw & P != 0 && level > 1 && raw & PS == 0).then_some(raw & ADDRESS)
    }
    fn max_leaf_level(&self) -> u8 {
        if self.page_1g {
            3
        } else {
            2
        }
    }
}

macro_rules! rule {
    ($name:ident, $section:literal, $en:literal, $zh:literal) => {
        static $name: Rule = Rule { text: Text::new($en, $zh), section: $section };
    };
}
rule!(NOT_PRESENT, "VT-d 3.6", "P = 0: the entry is not present", "表项不存在（P = 0）");
rule!(RESERVED, "VT-d 9.7", "a reserved bit is 1", "保留位为 1");
rule!(SUPERVISOR, "VT-d 3.6", "U/S = 0: not for user requests", "不允许用户态请求（U/S = 0）");
rule!(WRITE, "VT-d 3.6", "R/W = 0: no write permission", "没有写权限（R/W = 0）");
rule!(EXECUTE, "VT-d 3.6", "no execute permission (XD, SMEP)", "没有执行权限（XD、SMEP）");
rule!(
    UNREADABLE,
    "QEMU 10",
    "an entry of all ones counts as unreadable (quirk)",
    "全 1 的表项按读取失败处理（实现偏差）"
);

const PRESENT: Field = Field::flag("P", 0, "present", "存在");
const WRITABLE: Field = Field::flag("R/W", 1, "writes allowed", "允许写");
const USER: Field = Field::flag("U/S", 2, "user requests allowed", "允许用户态请求");
const WRITE_THROUGH: Field = Field::flag("PWT", 3, "page-level write-through", "页级直写");
const CACHE_DISABLE: Field = Field::flag("PCD", 4, "page-level cache disable", "页级禁用缓存");
const ACCESSED: Field = Field::flag("A", 5, "accessed: set by the walk", "已访问：由硬件置位");
const DIRTY: Field = Field::flag("D", 6, "dirty: set by a write", "脏：写入时由硬件置位");
const TABLE: Field =
    Field::flag("PS", 7, "page size: 0, this points at a table", "页大小：0 表示指向下一级表");
const PAGE: Field = Field::flag("PS", 7, "page size: 1, this maps a page", "页大小：1 表示直接映射页");
const GLOBAL: Field = Field::flag("G", 8, "global (ignored by remapping hardware)", "全局（重映射硬件忽略）");
const EXTENDED_ACCESSED: Field =
    Field::flag("EA", 10, "extended accessed, where EAFE is 1", "扩展访问位（EAFE 为 1 时有效）");
const EXECUTE_DISABLE: Field =
    Field::flag("XD", 63, "execution disabled, where NXE is 1", "禁止执行（NXE 为 1 时有效）");

macro_rules! table {
    ($id:ident / $module:ident, $en:literal $zh:literal, $what:literal $what_zh:literal, $($bit_7:tt)*) => {
        spec::structure! {
            #[doc = concat!("The ", $en, " (VT-d 9.7).")]
            pub $id / $module: 1 words, "VT-d 9.7", $en $zh {
                P   = PRESENT;
                RW  = WRITABLE;
                US  = USER;
                PWT = WRITE_THROUGH;
                PCD = CACHE_DISABLE;
                A   = ACCESSED;
                _    [6]     ignored;
                $($bit_7)*
                _    [9:8]   ignored;
                EA  = EXTENDED_ACCESSED;
                _    [11]    ignored;
                ADDR [51:12] address(12) $what $what_zh;
                _    [62:52] ignored;
                XD  = EXECUTE_DISABLE;
            }
        }
    };
}
table!(
    FS_PML5E / fs_pml5e,
    "first-stage PML5 entry" "第一阶段 PML5 表项",
    "PML4 table" "PML4 表地址",
    _ [7] reserved;
);
table!(
    FS_PML4E / fs_pml4e,
    "first-stage PML4 entry" "第一阶段 PML4 表项",
    "page-directory-pointer table" "页目录指针表地址",
    _ [7] reserved;
);
table!(
    FS_PDPE / fs_pdpe,
    "first-stage page-directory-pointer entry" "第一阶段页目录指针表项",
    "page directory" "页目录地址",
    PS = TABLE;
);
table!(
    FS_PDE / fs_pde,
    "first-stage page-directory entry" "第一阶段页目录项",
    "page table" "页表地址",
    PS = TABLE;
);

macro_rules! large_page {
    ($id:ident / $module:ident, $en:literal $zh:literal, $lo:literal, $reserved:literal) => {
        spec::structure! {
            #[doc = concat!("The ", $en, " (VT-d 9.7).")]
            pub $id / $module: 1 words, "VT-d 9.7", $en $zh {
                P   = PRESENT;
                RW  = WRITABLE;
                US  = USER;
                PWT = WRITE_THROUGH;
                PCD = CACHE_DISABLE;
                A   = ACCESSED;
                D   = DIRTY;
                PS  = PAGE;
                G   = GLOBAL;
                _    [9]            ignored;
                EA  = EXTENDED_ACCESSED;
                _    [11]           ignored;
                PAT  [12]           flag "memory type, with PCD and PWT" "与 PCD、PWT 一起决定内存类型";
                _    [$reserved:13] reserved;
                ADDR [51:$lo]       address($lo) "page" "页地址";
                _    [62:52]        ignored;
                XD  = EXECUTE_DISABLE;
            }
        }
    };
}
large_page!(
    FS_PDPE_1G / fs_pdpe_1g,
    "first-stage page-directory-pointer entry (1 GiB page)" "第一阶段页目录指针表项（1 GiB 页）",
    30, 29
);
large_page!(
    FS_PDE_2M / fs_pde_2m,
    "first-stage page-directory entry (2 MiB page)" "第一阶段页目录项（2 MiB 页）",
    21, 20
);

spec::structure! {
    /// The first-stage page-table entry (VT-d 9.7).
    pub FS_PTE / fs_pte: 1 words, "VT-d 9.7", "first-stage page-table entry" "第一阶段页表项" {
        P   = PRESENT;
        RW  = WRITABLE;
        US  = USER;
        PWT = WRITE_THROUGH;
        PCD = CACHE_DISABLE;
        A   = ACCESSED;
        D   = DIRTY;
        PAT  [7]     flag "memory type, with PCD and PWT" "与 PCD、PWT 一起决定内存类型";
        G   = GLOBAL;
        _    [9]     ignored;
        EA  = EXTENDED_ACCESSED;
        _    [11]    ignored;
        ADDR [51:12] address(12) "page" "页地址";
        _    [62:52] ignored;
        XD  = EXECUTE_DISABLE;
    }
}
