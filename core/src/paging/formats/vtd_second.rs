//! Second-stage paging entries (VT-d 9.8): what a hypervisor keeps for a guest, or an OS for a device.

use super::vtd_first::EntryQuirks;
use crate::paging::{builder::Build, Entry, Format, Want};
use crate::spec::{self, Bits, EntryType, Field, Rule, Text};
use crate::trace::Perms;

const R: u64 = ss_pte::R.mask();
const W: u64 = ss_pte::W.mask();
const X: u64 = ss_pte::X.mask();
const PS: u64 = ss_pde::PS.mask();
const A: u64 = ss_pte::A.mask();
const D: u64 = ss_pte::D.mask();
const SNP: u64 = ss_pte::SNP.mask();
const ADDRESS: u64 = ss_pte::ADDR.mask();
/// R, W and X together: the bits of [`Perms`].
const RIGHTS: Field = Field::value("XWR", 2, 0, "rights", "权限");

/// The format with what configures it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SecondStage {
    /// 3, 4 or 5: AW of the context or PASID-table entry plus 2.
    pub levels: u8,
    /// The host's address width: address bits at and above it are reserved.
    pub host_bits: u8,
    /// ECAP.SC: the SNP field of leaves is not reserved.
    pub snoop: bool,
    /// CAP.SSLPS bit 0: 2 MiB pages.
    pub page_2m: bool,
    /// CAP.SSLPS bit 1: 1 GiB pages.
    pub page_1g: bool,
    /// SSADE of the PASID-table entry: accessed and dirty are set.
    pub accessed_dirty: bool,
    /// SSEE of the PASID-table entry: execute permission is looked at.
    pub execute: bool,
    /// Deviations of a particular implementation.
    pub quirks: EntryQuirks,
}

/// Why an entry refuses.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SecondStageFault {
    /// R and W (and X, where it is looked at) are all 0.
    NotPresent,
    /// A reserved bit is 1.
    Reserved,
    /// The rights do not allow the access.
    Denied,
    /// Only with [`EntryQuirks::all_ones_is_unreadable`].
    Unreadable,
}

/// Rights gathered on the way down.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SecondStageState(pub Perms);

impl Default for SecondStageState {
    fn default() -> Self {
        SecondStageState(Perms::RWX)
    }
}

impl SecondStage {
    /// Returns four levels of a host of 46 bits, with all page sizes, no accessed and dirty, no quirks.
    pub const fn four_levels() -> Self {
        SecondStage {
            levels: 4,
            host_bits: 46,
            snoop: true,
            page_2m: true,
            page_1g: true,
            accessed_dirty: false,
            execute: false,
            quirks: EntryQuirks::NONE,
        }
    }

    /// Bits of an input address that the tables translate.
    pub const fn input_bits(&self) -> u8 {
        12 + 9 * self.levels
    }

    fn may_be_large(&self, level: u8) -> bool {
        level == 2 && self.page_2m || level == 3 && self.page_1g
    }

    fn is_leaf(raw: u64, level: u8) -> bool {
        level == 1 || raw & PS != 0
    }

    fn reserved(&self, raw: u64, level: u8) -> bool {
        // Bits 61:52 and 63 are ignored; 62 is reserved.
        let mut mask = ADDRESS & !((1u64 << self.host_bits.min(52)) - 1) | ss_pte::RESERVED[0];
        let leaf = Self::is_leaf(raw, level);
        if !leaf || !self.snoop {
            mask |= SNP;
        }
        if level > 1 && !self.may_be_large(level) {
            mask |= PS;
        }
        if level > 1 && leaf {
            mask |= ((1u64 << (3 + 9 * level)) - 1) & ADDRESS;
        }
        raw & mask != 0
    }

    fn looked_at(&self, perms: Perms) -> Perms {
        // Without SSEE the X bit is ignored, and what may be read may be executed.
        if self.execute || !perms.has(Perms::X) {
            perms
        } else {
            perms.and(Perms::RW).or(Perms::R)
        }
    }
}

impl Format for SecondStage {
    type Fault = SecondStageFault;
    type State = SecondStageState;

    #[inline]
    fn levels(&self) -> u8 {
        self.levels
    }

    fn entry_type(&self, level: u8, raw: u64) -> &'static EntryType {
        match (level, raw & PS != 0) {
            (1, _) => &SS_PTE,
            (2, true) => &SS_PDE_2M,
            (2, false) => &SS_PDE,
            (3, true) => &SS_PDPE_1G,
            (3, false) => &SS_PDPE,
            (4, _) => &SS_PML4E,
            _ => &SS_PML5E,
        }
    }

    #[inline]
    fn decode(
        &self,
        raw: u64,
        level: u8,
        want: Want,
        state: &mut SecondStageState,
    ) -> Entry<SecondStageFault> {
        if self.quirks.all_ones_is_unreadable && raw == u64::MAX {
            return Entry::Refused(SecondStageFault::Unreadable);
        }
        let present = R | W | if self.execute { X } else { 0 };
        if raw & present == 0 {
            state.0 = Perms::NONE;
            return Entry::Refused(SecondStageFault::NotPresent);
        }
        state.0 = state.0.and(Perms(raw.bits(RIGHTS) as u8));
        if !self.execute && state.0.has(Perms::R) {
            state.0 = state.0.or(Perms::X);
        }
        let denied = !state.0.has(self.looked_at(want.perms));
        if denied && self.quirks.rights_before_reserved {
            return Entry::Refused(SecondStageFault::Denied);
        }
        if self.reserved(raw, level) {
            return Entry::Refused(SecondStageFault::Reserved);
        }
        if denied {
            return Entry::Refused(SecondStageFault::Denied);
        }
        if Self::is_leaf(raw, level) {
            Entry::Leaf(raw & ADDRESS)
        } else {
            Entry::Table(raw & ADDRESS)
        }
    }

    #[inline]
    fn touch(&self, raw: u64, leaf: bool, want: Want) -> u64 {
        if !self.accessed_dirty {
            return raw;
        }
        raw | A | if leaf && want.perms.has(Perms::W) { D } else { 0 }
    }

    fn perms(&self, state: &SecondStageState) -> Perms {
        state.0
    }

    fn rule(&self, fault: SecondStageFault) -> &'static Rule {
        match fault {
            SecondStageFault::NotPresent => &NOT_PRESENT,
            SecondStageFault::Reserved => &RESERVED,
            SecondStageFault::Denied => &DENIED,
            SecondStageFault::Unreadable => &UNREADABLE,
        }
    }
}

impl Build for SecondStage {
    fn table(&self, to: u64, _level: u8) -> u64 {
        to & ADDRESS | R | W | if self.execute { X } else { 0 }
    }
    fn leaf(&self, to: u64, level: u8, perms: Perms, _user: bool) -> u64 {
        let rights = RIGHTS.in_place(perms.0.into()) & (R | W | if self.execute { X } else { 0 });
        to & ADDRESS | rights | if level > 1 { PS } else { 0 }
    }
    fn is_mapped(&self, raw: u64, _level: u8) -> bool {
        raw & (R | W | X) != 0
    }
    fn as_table(&self, raw: u64, level: u8) -> Option<u64> {
        (raw & (R | W | X) != 0 && !Self::is_leaf(raw, level)).then_some(raw & ADDRESS)
    }
    fn max_leaf_level(&self) -> u8 {
        match (self.page_2m, self.page_1g) {
            (true, true) => 3,
            (true, false) => 2,
            _ => 1,
        }
    }
}

static NOT_PRESENT: Rule = Rule {
    text: Text::new(
        "the entry is not present (R = W = 0, so no access is allowed; legacy mode reports 0x5 or 0x6, as for a missing right)",
        "表项不存在（R = W = 0，读写都不允许；传统模式下报 0x5 或 0x6，与缺少权限相同）",
    ),
    section: "VT-d 3.7",
};
static RESERVED: Rule =
    Rule { text: Text::new("a reserved bit is 1", "保留位为 1"), section: "VT-d 9.8" };
static DENIED: Rule = Rule {
    text: Text::new("the entry does not allow this access", "表项不允许这次访问"),
    section: "VT-d 3.7",
};
static UNREADABLE: Rule = Rule {
    text: Text::new(
        "an entry of all ones counts as unreadable (quirk)",
        "全 1 的表项按读取失败处理（实现偏差）",
    ),
    section: "QEMU 10",
};

const READABLE: Field = Field::flag("R", 0, "reads allowed", "允许读");
const WRITABLE: Field = Field::flag("W", 1, "writes allowed", "允许写");
const EXECUTABLE: Field =
    Field::flag("X", 2, "execution allowed, where SSEE is 1", "允许执行（SSEE 为 1 时有效）");
const TYPE: Field = Field::value("EMT", 5, 3, "extended memory type", "扩展内存类型");
const IGNORE_PAT: Field = Field::flag("IPAT", 6, "ignore PAT", "忽略 PAT");
const TABLE: Field =
    Field::flag("PS", 7, "page size: 0, this points at a table", "页大小：0 表示指向下一级表");
const PAGE: Field = Field::flag("PS", 7, "page size: 1, this maps a page", "页大小：1 表示直接映射页");
const ACCESSED: Field = Field::flag("A", 8, "accessed, where SSADE is 1", "已访问（SSADE 为 1 时有效）");
const DIRTY: Field = Field::flag("D", 9, "dirty, where SSADE is 1", "脏（SSADE 为 1 时有效）");
const SNOOP: Field =
    Field::flag("SNP", 11, "snoop: reserved where ECAP.SC is 0", "监听缓存：ECAP.SC 为 0 时保留");

macro_rules! table {
    ($id:ident / $module:ident, $en:literal $zh:literal, $what:literal $what_zh:literal, $($bit_7:tt)*) => {
        spec::structure! {
            #[doc = concat!("The ", $en, " (VT-d 9.8).")]
            pub $id / $module: 1 words, "VT-d 9.8", $en $zh {
                R  = READABLE;
                W  = WRITABLE;
                X  = EXECUTABLE;
                _    [6:3]   ignored;
                $($bit_7)*
                A  = ACCESSED;
                _    [10:9]  ignored;
                _    [11]    reserved;
                ADDR [51:12] address(12) $what $what_zh;
                _    [61:52] ignored;
                _    [62]    reserved;
                _    [63]    ignored;
            }
        }
    };
}
table!(
    SS_PML5E / ss_pml5e,
    "second-stage PML5 entry" "第二阶段 PML5 表项",
    "PML4 table" "PML4 表地址",
    _ [7] reserved;
);
table!(
    SS_PML4E / ss_pml4e,
    "second-stage PML4 entry" "第二阶段 PML4 表项",
    "page-directory-pointer table" "页目录指针表地址",
    _ [7] reserved;
);
table!(
    SS_PDPE / ss_pdpe,
    "second-stage page-directory-pointer entry" "第二阶段页目录指针表项",
    "page directory" "页目录地址",
    PS = TABLE;
);
table!(
    SS_PDE / ss_pde,
    "second-stage page-directory entry" "第二阶段页目录项",
    "page table" "页表地址",
    PS = TABLE;
);

macro_rules! page {
    ($id:ident / $module:ident, $en:literal $zh:literal, $lo:literal, { $($bit_7:tt)* } { $($reserved:tt)* }) => {
        spec::structure! {
            #[doc = concat!("The ", $en, " (VT-d 9.8).")]
            pub $id / $module: 1 words, "VT-d 9.8", $en $zh {
                R    = READABLE;
                W    = WRITABLE;
                X    = EXECUTABLE;
                EMT  = TYPE;
                IPAT = IGNORE_PAT;
                $($bit_7)*
                A    = ACCESSED;
                D    = DIRTY;
                _    [10]     ignored;
                SNP  = SNOOP;
                $($reserved)*
                ADDR [51:$lo] address($lo) "page" "页地址";
                _    [61:52]  ignored;
                _    [62]     reserved;
                _    [63]     ignored;
            }
        }
    };
}
page!(
    SS_PDPE_1G / ss_pdpe_1g,
    "second-stage page-directory-pointer entry (1 GiB page)" "第二阶段页目录指针表项（1 GiB 页）",
    30, { PS = PAGE; } { _ [29:12] reserved; }
);
page!(
    SS_PDE_2M / ss_pde_2m,
    "second-stage page-directory entry (2 MiB page)" "第二阶段页目录项（2 MiB 页）",
    21, { PS = PAGE; } { _ [20:12] reserved; }
);
page!(SS_PTE / ss_pte, "second-stage page-table entry" "第二阶段页表项", 12, { _ [7] ignored; } {});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_checks_is_the_specifications_unless_the_quirk_says_otherwise() {
        let f = SecondStage::four_levels();
        let mut state = SecondStageState::default();
        // Write-only with a reserved bit, read: present, so reserved bits decide.
        let raw = W | ss_pte::RESERVED[0];
        let read = Want::user(Perms::R);
        assert_eq!(f.decode(raw, 1, read, &mut state), Entry::Refused(SecondStageFault::Reserved));
        let q =
            SecondStage { quirks: EntryQuirks { rights_before_reserved: true, ..EntryQuirks::NONE }, ..f };
        let mut state = SecondStageState::default();
        assert_eq!(q.decode(raw, 1, read, &mut state), Entry::Refused(SecondStageFault::Denied));
    }
}
