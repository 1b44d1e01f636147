//! The words of x86-64 tables: entries and rules as Intel's manual names them (SDM volume 3A, 4.5 to 4.7) and as AMD's does (AMD64
//! Architecture Programmer's Manual, volume 2, 5.3, 5.4 and 5.6). The layout is one.

use crate::spec::{self, EntryType, Field, Rule, Text};

/// Why an entry refuses.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum X86Fault {
    /// P is 0.
    NotPresent,
    /// A reserved bit is 1.
    Reserved,
    /// The rights gathered on the way do not allow the access: these they allow.
    Denied,
}

/// A manual that defines x86-64 tables.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Manual {
    /// Intel's Software Developer's Manual.
    Intel,
    /// AMD's AMD64 Architecture Programmer's Manual.
    Amd,
}

impl Manual {
    /// Returns the structure that an entry of `level` is; `page`: it maps a page above the last level.
    pub const fn entry_type(self, level: u8, page: bool) -> &'static EntryType {
        let [pte, pde_2m, pde, pdpte_1g, pdpte, pml4e, pml5e] = match self {
            Manual::Intel => [&PTE, &PDE_2M, &PDE, &PDPTE_1G, &PDPTE, &PML4E, &PML5E],
            Manual::Amd => [&AMD_PTE, &AMD_PDE_2M, &AMD_PDE, &AMD_PDPE_1G, &AMD_PDPE, &AMD_PML4E, &AMD_PML5E],
        };
        match (level, page) {
            (1, _) => pte,
            (2, true) => pde_2m,
            (2, false) => pde,
            (3, true) => pdpte_1g,
            (3, false) => pdpte,
            (4, _) => pml4e,
            _ => pml5e,
        }
    }

    /// Returns the rule behind a refusal.
    pub const fn rule(self, fault: X86Fault) -> &'static Rule {
        match (self, fault) {
            (Manual::Intel, X86Fault::NotPresent) => &NOT_PRESENT,
            (Manual::Intel, X86Fault::Reserved) => &RESERVED,
            (Manual::Intel, X86Fault::Denied) => &DENIED,
            (Manual::Amd, X86Fault::NotPresent) => &AMD_NOT_PRESENT,
            (Manual::Amd, X86Fault::Reserved) => &AMD_RESERVED,
            (Manual::Amd, X86Fault::Denied) => &AMD_DENIED,
        }
    }
}

static NOT_PRESENT: Rule = Rule {
    text: Text::new("P = 0: the entry is not present", "表项不存在（P = 0）"),
    section: "SDM 3A 4.7",
};
static RESERVED: Rule =
    Rule { text: Text::new("a reserved bit is 1", "保留位为 1"), section: "SDM 3A 4.7" };
static DENIED: Rule = Rule {
    text: Text::new("the access rights do not allow this access", "访问权限不允许这次访问"),
    section: "SDM 3A 4.6",
};

const PRESENT: Field = Field::flag("P", 0, "present", "存在");
const WRITABLE: Field = Field::flag("R/W", 1, "writes allowed", "允许写");
const USER: Field = Field::flag("U/S", 2, "user accesses allowed", "允许用户态访问");
const WRITE_THROUGH: Field = Field::flag("PWT", 3, "page-level write-through", "页级直写");
const CACHE_DISABLE: Field = Field::flag("PCD", 4, "page-level cache disable", "页级禁用缓存");
const ACCESSED: Field = Field::flag("A", 5, "accessed: set by the walk", "已访问：由硬件置位");
const DIRTY: Field = Field::flag("D", 6, "dirty: set by a write", "脏：写入时由硬件置位");
const GLOBAL: Field = Field::flag("G", 8, "global: kept when CR3 changes", "全局：切换 CR3 时保留");
const EXECUTE_DISABLE: Field = Field::flag("XD", 63, "execution disabled", "禁止执行");

macro_rules! table {
    ($id:ident / $module:ident, $en:literal $zh:literal, $what:literal $what_zh:literal) => {
        spec::structure! {
            /// A structure of the SDM, section 4.5.
            pub $id / $module: 1 words, "SDM 3A 4.5", $en $zh {
                P   = PRESENT;
                RW  = WRITABLE;
                US  = USER;
                PWT = WRITE_THROUGH;
                PCD = CACHE_DISABLE;
                A   = ACCESSED;
                _    [6]     ignored;
                PS   [7]     flag "page size: 0, this points at a table" "页大小：0 表示指向下一级表";
                _    [11:8]  ignored;
                ADDR [51:12] address(12) $what $what_zh;
                _    [62:52] ignored;
                XD  = EXECUTE_DISABLE;
            }
        }
    };
}
table!(PML5E / pml5e, "PML5 entry" "PML5 表项", "PML4 table" "PML4 表地址");
table!(PML4E / pml4e, "PML4 entry" "PML4 表项", "page-directory-pointer table" "页目录指针表地址");
table!(PDPTE / pdpte, "PDPT entry" "页目录指针表项", "page directory" "页目录地址");
table!(PDE / pde, "page-directory entry" "页目录项", "page table" "页表地址");

macro_rules! large_page {
    ($id:ident / $module:ident, $en:literal $zh:literal, $lo:literal, $reserved:literal) => {
        spec::structure! {
            /// A structure of the SDM, section 4.5.
            pub $id / $module: 1 words, "SDM 3A 4.5", $en $zh {
                P   = PRESENT;
                RW  = WRITABLE;
                US  = USER;
                PWT = WRITE_THROUGH;
                PCD = CACHE_DISABLE;
                A   = ACCESSED;
                D   = DIRTY;
                PS   [7]             flag "page size: 1, this maps a page" "页大小：1 表示直接映射页";
                G   = GLOBAL;
                _    [11:9]          ignored;
                PAT  [12]            flag "memory type, with PCD and PWT" "与 PCD、PWT 一起决定内存类型";
                _    [$reserved:13]  reserved;
                ADDR [51:$lo]        address($lo) "page" "页地址";
                _    [58:52]         ignored;
                PK   [62:59]         value "protection key" "保护键";
                XD  = EXECUTE_DISABLE;
            }
        }
    };
}
large_page!(PDPTE_1G / pdpte_1g, "PDPT entry (1 GiB page)" "页目录指针表项（1 GiB 页）", 30, 29);
large_page!(PDE_2M / pde_2m, "page-directory entry (2 MiB page)" "页目录项（2 MiB 页）", 21, 20);

spec::structure! {
    /// A structure of the SDM, section 4.5.
    pub PTE / pte: 1 words, "SDM 3A 4.5", "page-table entry" "页表项" {
        P   = PRESENT;
        RW  = WRITABLE;
        US  = USER;
        PWT = WRITE_THROUGH;
        PCD = CACHE_DISABLE;
        A   = ACCESSED;
        D   = DIRTY;
        PAT  [7]     flag "memory type, with PCD and PWT" "与 PCD、PWT 一起决定内存类型";
        G   = GLOBAL;
        _    [11:9]  ignored;
        ADDR [51:12] address(12) "page" "页地址";
        _    [58:52] ignored;
        PK   [62:59] value "protection key" "保护键";
        XD  = EXECUTE_DISABLE;
    }
}

const TABLES: &str = "AMD APM volume 2, 5.3";
const FIELDS: &str = "AMD APM volume 2, 5.4";
const PROTECTION: &str = "AMD APM volume 2, 5.6";

/// Bit 63, which Intel calls XD.
const NO_EXECUTE: Field = Field::flag("NX", 63, "execution disabled", "禁止执行");

/// Returns the fields of a structure, the last one, bit 63, by AMD's name.
const fn named<const N: usize>(fields: &[Field]) -> [Field; N] {
    let mut out = [NO_EXECUTE; N];
    let mut i = 0;
    // Bounded: at compile time.
    while i + 1 < fields.len() {
        out[i] = fields[i];
        i += 1;
    }
    out
}

macro_rules! entries {
    ($($ID:ident / $fields:ident: $count:literal of $INTEL:ident, $en:literal $zh:literal;)*) => {$(
        static $fields: [Field; $count] = named($INTEL.fields);
        static $ID: EntryType = EntryType {
            name: Text::new($en, $zh),
            words: $INTEL.words,
            fields: &$fields,
            section: TABLES,
        };
    )*};
}

entries! {
    AMD_PML5E / PML5E_FIELDS: 12 of PML5E, "PML5 entry (PML5E)" "PML5 表项（PML5E）";
    AMD_PML4E / PML4E_FIELDS: 12 of PML4E, "PML4 entry (PML4E)" "PML4 表项（PML4E）";
    AMD_PDPE / PDPE_FIELDS: 12 of PDPTE, "page-directory-pointer entry (PDPE)" "页目录指针项（PDPE）";
    AMD_PDPE_1G / PDPE_1G_FIELDS: 16 of PDPTE_1G, "page-directory-pointer entry (PDPE, 1 GiB page)" "页目录指针项（PDPE，1 GiB 页）";
    AMD_PDE / PDE_FIELDS: 12 of PDE, "page-directory entry (PDE)" "页目录项（PDE）";
    AMD_PDE_2M / PDE_2M_FIELDS: 16 of PDE_2M, "page-directory entry (PDE, 2 MiB page)" "页目录项（PDE，2 MiB 页）";
    AMD_PTE / PTE_FIELDS: 14 of PTE, "page-table entry (PTE)" "页表项（PTE）";
}

static AMD_NOT_PRESENT: Rule = Rule {
    text: Text::new("P = 0: the entry is not present", "表项不存在（P = 0）"),
    section: FIELDS,
};
static AMD_RESERVED: Rule =
    Rule { text: Text::new("a reserved bit is 1", "保留位为 1"), section: FIELDS };
static AMD_DENIED: Rule = Rule {
    text: Text::new("the access rights do not allow this access", "访问权限不允许这次访问"),
    section: PROTECTION,
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amd_s_entries_are_intel_s_under_amd_s_names() {
        let (intel, amd) = (Manual::Intel, Manual::Amd);
        for level in 1..=5 {
            for page in [false, true] {
                let (theirs, ours) = (intel.entry_type(level, page), amd.entry_type(level, page));
                assert!(ours.section.starts_with("AMD") && theirs.section.starts_with("SDM"));
                assert!(ours.covers_every_bit_once() && ours.fields.len() == theirs.fields.len());
                let names =
                    |entry: &EntryType| entry.fields.iter().map(|field| field.name).collect::<Vec<_>>();
                let (mut ours, theirs) = (names(ours), names(theirs));
                assert_eq!((ours.pop(), theirs.last()), (Some("NX"), Some(&"XD")));
                assert_eq!(ours, theirs[..theirs.len() - 1]);
            }
        }
        for fault in [X86Fault::NotPresent, X86Fault::Reserved, X86Fault::Denied] {
            assert_eq!(amd.rule(fault).text, intel.rule(fault).text);
            assert!(amd.rule(fault).section.starts_with("AMD"));
        }
    }
}
