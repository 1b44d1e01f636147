//! Extended page tables: stage 2 of the CPU for a guest (Intel SDM volume 3C, section 28.3).

use super::{builder::Build, Entry, Format, Want};
use crate::spec::{EntryType, Field, FieldKind, Rule, Text};
use crate::trace::Perms;

const R: u64 = 1;
const W: u64 = 1 << 1;
const X: u64 = 1 << 2;
const LARGE: u64 = 1 << 7;
const A: u64 = 1 << 8;
const D: u64 = 1 << 9;

/// The format with what configures it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ept {
    /// 4 or 5.
    pub levels: u8,
    /// MAXPHYADDR.
    pub phys_bits: u8,
    /// Execute-only translations are supported (IA32_VMX_EPT_VPID_CAP bit 0).
    pub execute_only: bool,
    /// EPTP bit 6: accessed and dirty flags are used.
    pub accessed_dirty: bool,
}

impl Ept {
    /// Four levels, no accessed and dirty flags.
    pub const fn four_levels() -> Self {
        Ept { levels: 4, phys_bits: 46, execute_only: true, accessed_dirty: false }
    }
    const ADDRESS: u64 = 0x000f_ffff_ffff_f000;

    fn misconfigured(&self, raw: u64, level: u8) -> bool {
        // SDM 28.3.3.1: writable or executable without readable; reserved bits; reserved memory type.
        if raw & (R | W) == W || raw & R == 0 && raw & X != 0 && !self.execute_only {
            return true;
        }
        let mut reserved = Self::ADDRESS & !((1u64 << self.phys_bits) - 1);
        let leaf = level == 1 || raw & LARGE != 0 && level <= 3;
        if leaf {
            reserved |= match level {
                2 => 0x001f_f000,
                3 => 0x3fff_f000,
                _ => 0,
            };
            if matches!(raw >> 3 & 7, 2 | 3 | 7) {
                return true;
            }
        } else {
            // In an entry that points at a table bits 6:3 are reserved, and bit 7 too above the PDPT.
            reserved |= 0x78 | if level > 3 { LARGE } else { 0 };
        }
        raw & reserved != 0
    }
}

/// Why an entry refuses.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EptFault {
    /// EPT violation: not present, or the rights do not allow the access.
    Violation,
    /// EPT misconfiguration: the entry has a value that is not allowed.
    Misconfiguration,
}

/// Rights gathered on the way down.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EptState(pub Perms);

impl Default for EptState {
    fn default() -> Self {
        EptState(Perms::RWX)
    }
}

impl Format for Ept {
    type Fault = EptFault;
    type State = EptState;

    #[inline]
    fn levels(&self) -> u8 {
        self.levels
    }
    fn entry_type(&self, level: u8, raw: u64) -> &'static EntryType {
        match (level, raw & LARGE != 0) {
            (1, _) => &EPT_PTE,
            (2, true) => &EPT_PDE_2M,
            (3, true) => &EPT_PDPTE_1G,
            (2, false) => &EPT_PDE,
            (3, false) => &EPT_PDPTE,
            (4, _) => &EPT_PML4E,
            _ => &EPT_PML5E,
        }
    }
    #[inline]
    fn decode(&self, raw: u64, level: u8, want: Want, state: &mut EptState) -> Entry<EptFault> {
        if raw & (R | W | X) == 0 {
            state.0 = Perms::NONE;
            return Entry::Refused(EptFault::Violation);
        }
        if self.misconfigured(raw, level) {
            return Entry::Refused(EptFault::Misconfiguration);
        }
        // Bits 2:0 are read, write, execute, as in `Perms`.
        state.0 = state.0.and(Perms(raw as u8 & 7));
        if level > 1 && raw & LARGE == 0 {
            return Entry::Table(raw & Self::ADDRESS);
        }
        if !state.0.has(want.perms) {
            return Entry::Refused(EptFault::Violation);
        }
        Entry::Leaf(raw & Self::ADDRESS)
    }
    #[inline]
    fn touch(&self, raw: u64, leaf: bool, want: Want) -> u64 {
        if !self.accessed_dirty {
            return raw;
        }
        raw | A | if leaf && want.perms.has(Perms::W) { D } else { 0 }
    }
    fn perms(&self, state: &EptState) -> Perms {
        state.0
    }
    fn rule(&self, fault: EptFault) -> &'static Rule {
        match fault {
            EptFault::Violation => &VIOLATION,
            EptFault::Misconfiguration => &MISCONFIGURATION,
        }
    }
}

impl Build for Ept {
    fn table(&self, to: u64, _level: u8) -> u64 {
        to & Self::ADDRESS | R | W | X
    }
    fn leaf(&self, to: u64, level: u8, perms: Perms, _user: bool) -> u64 {
        // Memory type 6, write-back.
        to & Self::ADDRESS | u64::from(perms.0 & 7) | 6 << 3 | if level > 1 { LARGE } else { 0 }
    }
    fn is_mapped(&self, raw: u64, _level: u8) -> bool {
        raw & (R | W | X) != 0
    }
    fn as_table(&self, raw: u64, level: u8) -> Option<u64> {
        (raw & (R | W | X) != 0 && level > 1 && raw & LARGE == 0).then_some(raw & Self::ADDRESS)
    }
    fn max_leaf_level(&self) -> u8 {
        3
    }
}

static VIOLATION: Rule = Rule {
    text: Text::new(
        "EPT violation: not mapped, or not for this kind of access",
        "EPT 违例：未映射，或不允许此类访问",
    ),
    section: "SDM 3C 28.3.3.2",
};
static MISCONFIGURATION: Rule = Rule {
    text: Text::new(
        "EPT misconfiguration: the entry has a value that is not allowed",
        "EPT 配置错误：表项取值非法",
    ),
    section: "SDM 3C 28.3.3.1",
};

const RF: Field = Field::flag("R", 0, "reads allowed", "允许读");
const WF: Field = Field::flag("W", 1, "writes allowed", "允许写");
const XF: Field = Field::flag("X", 2, "execution allowed", "允许执行");
const AF: Field = Field::flag("A", 8, "accessed, where EPTP bit 6 is 1", "已访问（EPTP 位 6 为 1 时有效）");
const DF: Field = Field::flag("D", 9, "dirty, where EPTP bit 6 is 1", "脏（EPTP 位 6 为 1 时有效）");
const MEMORY_TYPES: &[(u64, Text)] = &[
    (0, Text::new("UC, uncacheable", "UC，不可缓存")),
    (1, Text::new("WC, write combining", "WC，写合并")),
    (4, Text::new("WT, write-through", "WT，直写")),
    (5, Text::new("WP, write-protected", "WP，写保护")),
    (6, Text::new("WB, write-back", "WB，回写")),
];

macro_rules! ept_table {
    ($name:ident, $en:literal, $zh:literal, $what:literal, $what_zh:literal, $large:expr) => {
        /// A structure of the SDM, section 28.3.2.
        pub static $name: EntryType = EntryType {
            name: Text::new($en, $zh),
            words: 1,
            section: "SDM 3C 28.3.2",
            fields: &[
                RF,
                WF,
                XF,
                Field::reserved(6, 3),
                $large,
                AF,
                Field::ignored(11, 9),
                Field::address("ADDR", 51, 12, 12, $what, $what_zh),
                Field::ignored(63, 52),
            ],
        };
    };
}
const LARGE_0: Field = Field::flag("PS", 7, "0: this points at a table", "0 表示指向下一级表");
const NO_LARGE: Field = Field {
    name: "Rsvd",
    hi: 7,
    lo: 7,
    meaning: Text::new("reserved, must be 0", "保留，必须为 0"),
    kind: FieldKind::Reserved,
};
ept_table!(EPT_PML5E, "EPT PML5 entry", "EPT PML5 表项", "EPT PML4 table", "EPT PML4 表地址", NO_LARGE);
ept_table!(
    EPT_PML4E,
    "EPT PML4 entry",
    "EPT PML4 表项",
    "EPT page-directory-pointer table",
    "EPT 页目录指针表地址",
    NO_LARGE
);
ept_table!(
    EPT_PDPTE,
    "EPT PDPT entry",
    "EPT 页目录指针表项",
    "EPT page directory",
    "EPT 页目录地址",
    LARGE_0
);
ept_table!(EPT_PDE, "EPT page-directory entry", "EPT 页目录项", "EPT page table", "EPT 页表地址", LARGE_0);

macro_rules! ept_leaf {
    ($name:ident, $en:literal, $zh:literal, $($middle:expr),+) => {
        /// A structure of the SDM, section 28.3.2.
        pub static $name: EntryType = EntryType {
            name: Text::new($en, $zh),
            words: 1,
            section: "SDM 3C 28.3.2",
            fields: &[
                RF,
                WF,
                XF,
                Field::code("MT", 5, 3, MEMORY_TYPES, "memory type", "内存类型"),
                Field::flag("IPAT", 6, "ignore the guest's PAT", "忽略客户机的 PAT"),
                $($middle),+,
                Field::ignored(63, 52),
            ],
        };
    };
}
const LARGE_1: Field = Field::flag("PS", 7, "1: this maps a page", "1 表示直接映射页");
ept_leaf!(
    EPT_PTE,
    "EPT page-table entry",
    "EPT 页表项",
    Field::ignored(7, 7),
    AF,
    DF,
    Field::ignored(11, 10),
    Field::address("ADDR", 51, 12, 12, "page", "页地址")
);
ept_leaf!(
    EPT_PDE_2M,
    "EPT page-directory entry (2 MiB page)",
    "EPT 页目录项（2 MiB 页）",
    LARGE_1,
    AF,
    DF,
    Field::ignored(11, 10),
    Field::reserved(20, 12),
    Field::address("ADDR", 51, 21, 21, "page", "页地址")
);
ept_leaf!(
    EPT_PDPTE_1G,
    "EPT PDPT entry (1 GiB page)",
    "EPT 页目录指针表项（1 GiB 页）",
    LARGE_1,
    AF,
    DF,
    Field::ignored(11, 10),
    Field::reserved(29, 12),
    Field::address("ADDR", 51, 30, 30, "page", "页地址")
);
