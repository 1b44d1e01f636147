//! First-stage paging entries (VT-d 9.7): the layout that processes' tables have on the CPU, so that a device
//! can share them.

use super::config::Quirks;
use crate::paging::{builder::Build, Entry, Format, Want};
use crate::spec::{EntryType, Field, Rule, Text};
use crate::trace::Perms;

const P: u64 = 1;
const RW: u64 = 1 << 1;
const US: u64 = 1 << 2;
const A: u64 = 1 << 5;
const D: u64 = 1 << 6;
const PS: u64 = 1 << 7;
const EA: u64 = 1 << 10;
const XD: u64 = 1 << 63;
const ADDRESS: u64 = 0x000f_ffff_ffff_f000;

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
    pub quirks: Quirks,
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
    /// Only with [`Quirks::all_ones_is_unreadable`].
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
    /// Four levels of a host of 46 bits with the settings Linux uses for a user process.
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
            quirks: Quirks::NONE,
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
                2 => 0x001f_e000,
                3 if self.page_1g => 0x3fff_e000,
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
rule!(NOT_PRESENT, "VT-d 3.6", "P = 0: the entry is not present", "P = 0：表项不存在");
rule!(RESERVED, "VT-d 9.7", "a reserved bit is 1", "保留位为 1");
rule!(SUPERVISOR, "VT-d 3.6", "U/S = 0: not for user requests", "U/S = 0：不允许用户态请求");
rule!(WRITE, "VT-d 3.6", "R/W = 0: no write permission", "R/W = 0：没有写权限");
rule!(EXECUTE, "VT-d 3.6", "no execute permission (XD, SMEP)", "没有执行权限（XD、SMEP）");
rule!(
    UNREADABLE,
    "QEMU 10",
    "an entry of all ones counts as unreadable (quirk)",
    "全 1 的表项按读取失败处理（实现偏差）"
);

const PF: Field = Field::flag("P", 0, "present", "存在");
const RWF: Field = Field::flag("R/W", 1, "writes allowed", "允许写");
const USF: Field = Field::flag("U/S", 2, "user requests allowed", "允许用户态请求");
const PWT: Field = Field::flag("PWT", 3, "page-level write-through", "页级直写");
const PCD: Field = Field::flag("PCD", 4, "page-level cache disable", "页级禁用缓存");
const AF: Field = Field::flag("A", 5, "accessed: set by the walk", "已访问：由硬件置位");
const DF: Field = Field::flag("D", 6, "dirty: set by a write", "脏：写入时由硬件置位");
const PS0: Field = Field::flag("PS", 7, "page size: 0, this points at a table", "页大小：0 表示指向下一级表");
const PS1: Field = Field::flag("PS", 7, "page size: 1, this maps a page", "页大小：1 表示直接映射页");
const GF: Field = Field::flag("G", 8, "global (ignored by remapping hardware)", "全局（重映射硬件忽略）");
const EAF: Field =
    Field::flag("EA", 10, "extended accessed, where EAFE is 1", "扩展访问位（EAFE 为 1 时有效）");
const PAT: Field = Field::flag("PAT", 12, "memory type, with PCD and PWT", "与 PCD、PWT 一起决定内存类型");
const XDF: Field = Field::flag("XD", 63, "execution disabled, where NXE is 1", "禁止执行（NXE 为 1 时有效）");

macro_rules! entry {
    ($name:ident, $en:literal, $zh:literal, [$($middle:expr),+ $(,)?]) => {
        #[doc = concat!("First-stage ", $en, " (VT-d 9.7).")]
        pub static $name: EntryType = EntryType {
            name: Text::new(concat!("first-stage ", $en), concat!("第一级", $zh)),
            words: 1,
            section: "VT-d 9.7",
            fields: &[PF, RWF, USF, PWT, PCD, AF, $($middle),+, Field::ignored(62, 52), XDF],
        };
    };
}
macro_rules! table {
    ($name:ident, $en:literal, $zh:literal, $bit7:expr, $what:literal, $what_zh:literal) => {
        entry!(
            $name,
            $en,
            $zh,
            [
                Field::ignored(6, 6),
                $bit7,
                Field::ignored(9, 8),
                EAF,
                Field::ignored(11, 11),
                Field::address("ADDR", 51, 12, 12, $what, $what_zh),
            ]
        );
    };
}
table!(FS_PML5E, "PML5 entry", " PML5 表项", Field::reserved(7, 7), "PML4 table", "PML4 表地址");
table!(
    FS_PML4E,
    "PML4 entry",
    " PML4 表项",
    Field::reserved(7, 7),
    "page-directory-pointer table",
    "页目录指针表地址"
);
table!(FS_PDPE, "page-directory-pointer entry", "页目录指针表项", PS0, "page directory", "页目录地址");
table!(FS_PDE, "page-directory entry", "页目录项", PS0, "page table", "页表地址");
entry!(
    FS_PDPE_1G,
    "page-directory-pointer entry (1 GiB page)",
    "页目录指针表项（1 GiB 页）",
    [
        DF,
        PS1,
        GF,
        Field::ignored(9, 9),
        EAF,
        Field::ignored(11, 11),
        PAT,
        Field::reserved(29, 13),
        Field::address("ADDR", 51, 30, 30, "page", "页地址"),
    ]
);
entry!(
    FS_PDE_2M,
    "page-directory entry (2 MiB page)",
    "页目录项（2 MiB 页）",
    [
        DF,
        PS1,
        GF,
        Field::ignored(9, 9),
        EAF,
        Field::ignored(11, 11),
        PAT,
        Field::reserved(20, 13),
        Field::address("ADDR", 51, 21, 21, "page", "页地址"),
    ]
);
entry!(
    FS_PTE,
    "page-table entry",
    "页表项",
    [
        DF,
        Field::flag("PAT", 7, "memory type, with PCD and PWT", "与 PCD、PWT 一起决定内存类型"),
        GF,
        Field::ignored(9, 9),
        EAF,
        Field::ignored(11, 11),
        Field::address("ADDR", 51, 12, 12, "page", "页地址"),
    ]
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_cover_each_bit_once() {
        for e in [&FS_PML5E, &FS_PML4E, &FS_PDPE, &FS_PDE, &FS_PDPE_1G, &FS_PDE_2M, &FS_PTE] {
            assert!(e.covers_every_bit_once(), "{}", e.name.en);
        }
    }
}
