//! Second-stage paging entries (VT-d 9.8): what a hypervisor keeps for a guest, or an OS for a device.

use super::config::Quirks;
use crate::paging::{builder::Build, Entry, Format, Want};
use crate::spec::{EntryType, Field, Rule, Text};
use crate::trace::Perms;

const R: u64 = 1;
const W: u64 = 1 << 1;
const X: u64 = 1 << 2;
const PS: u64 = 1 << 7;
const A: u64 = 1 << 8;
const D: u64 = 1 << 9;
const SNP: u64 = 1 << 11;
const ADDRESS: u64 = 0x000f_ffff_ffff_f000;

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
    pub quirks: Quirks,
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
    /// Only with [`Quirks::all_ones_is_unreadable`].
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
    /// Four levels of a host of 46 bits, with all page sizes, no accessed and dirty, no quirks.
    pub const fn four_levels() -> Self {
        SecondStage {
            levels: 4,
            host_bits: 46,
            snoop: true,
            page_2m: true,
            page_1g: true,
            accessed_dirty: false,
            execute: false,
            quirks: Quirks::NONE,
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
        let mut mask = ADDRESS & !((1u64 << self.host_bits.min(52)) - 1) | 1 << 62;
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
            Perms(perms.0 & 3).or(Perms::R)
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
        state.0 = state.0.and(Perms(raw as u8 & 7));
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
        let rights = u64::from(perms.0) & (R | W | if self.execute { X } else { 0 });
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
    text: Text::new("R = W = 0: the entry is not present", "R = W = 0：表项不存在"),
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

const RF: Field = Field::flag("R", 0, "reads allowed", "允许读");
const WF: Field = Field::flag("W", 1, "writes allowed", "允许写");
const XF: Field = Field::flag("X", 2, "execution allowed, where SSEE is 1", "允许执行（SSEE 为 1 时有效）");
const AF: Field = Field::flag("A", 8, "accessed, where SSADE is 1", "已访问（SSADE 为 1 时有效）");
const DF: Field = Field::flag("D", 9, "dirty, where SSADE is 1", "脏（SSADE 为 1 时有效）");
const SNPF: Field =
    Field::flag("SNP", 11, "snoop: reserved where ECAP.SC is 0", "监听缓存：ECAP.SC 为 0 时保留");
const PS0: Field = Field::flag("PS", 7, "page size: 0, this points at a table", "页大小：0 表示指向下一级表");
const PS1: Field = Field::flag("PS", 7, "page size: 1, this maps a page", "页大小：1 表示直接映射页");
const EMT: Field = Field::value("EMT", 5, 3, "extended memory type", "扩展内存类型");
const IPAT: Field = Field::flag("IPAT", 6, "ignore PAT", "忽略 PAT");
const TOP: [Field; 3] = [Field::ignored(61, 52), Field::reserved(62, 62), Field::ignored(63, 63)];

macro_rules! entry {
    ($name:ident, $en:literal, $zh:literal, [$($middle:expr),+ $(,)?]) => {
        #[doc = concat!("Second-stage ", $en, " (VT-d 9.8).")]
        pub static $name: EntryType = EntryType {
            name: Text::new(concat!("second-stage ", $en), concat!("第二级", $zh)),
            words: 1,
            section: "VT-d 9.8",
            fields: &[RF, WF, XF, $($middle),+, TOP[0], TOP[1], TOP[2]],
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
                Field::ignored(6, 3),
                $bit7,
                AF,
                Field::ignored(10, 9),
                Field::reserved(11, 11),
                Field::address("ADDR", 51, 12, 12, $what, $what_zh),
            ]
        );
    };
}
table!(SS_PML5E, "PML5 entry", " PML5 表项", Field::reserved(7, 7), "PML4 table", "PML4 表地址");
table!(
    SS_PML4E,
    "PML4 entry",
    " PML4 表项",
    Field::reserved(7, 7),
    "page-directory-pointer table",
    "页目录指针表地址"
);
table!(SS_PDPE, "page-directory-pointer entry", "页目录指针表项", PS0, "page directory", "页目录地址");
table!(SS_PDE, "page-directory entry", "页目录项", PS0, "page table", "页表地址");
entry!(
    SS_PDPE_1G,
    "page-directory-pointer entry (1 GiB page)",
    "页目录指针表项（1 GiB 页）",
    [
        EMT,
        IPAT,
        PS1,
        AF,
        DF,
        Field::ignored(10, 10),
        SNPF,
        Field::reserved(29, 12),
        Field::address("ADDR", 51, 30, 30, "page", "页地址"),
    ]
);
entry!(
    SS_PDE_2M,
    "page-directory entry (2 MiB page)",
    "页目录项（2 MiB 页）",
    [
        EMT,
        IPAT,
        PS1,
        AF,
        DF,
        Field::ignored(10, 10),
        SNPF,
        Field::reserved(20, 12),
        Field::address("ADDR", 51, 21, 21, "page", "页地址"),
    ]
);
entry!(
    SS_PTE,
    "page-table entry",
    "页表项",
    [
        EMT,
        IPAT,
        Field::ignored(7, 7),
        AF,
        DF,
        Field::ignored(10, 10),
        SNPF,
        Field::address("ADDR", 51, 12, 12, "page", "页地址"),
    ]
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_cover_each_bit_once() {
        for e in [&SS_PML5E, &SS_PML4E, &SS_PDPE, &SS_PDE, &SS_PDPE_1G, &SS_PDE_2M, &SS_PTE] {
            assert!(e.covers_every_bit_once(), "{}", e.name.en);
        }
    }

    #[test]
    fn the_order_of_checks_is_the_specifications_unless_the_quirk_says_otherwise() {
        let f = SecondStage::four_levels();
        let mut state = SecondStageState::default();
        // Write-only with a reserved bit, read: present, so reserved bits decide.
        let raw = 2 | 1 << 62;
        let read = Want::user(Perms::R);
        assert_eq!(f.decode(raw, 1, read, &mut state), Entry::Refused(SecondStageFault::Reserved));
        let q = SecondStage { quirks: Quirks::QEMU_10, ..f };
        let mut state = SecondStageState::default();
        assert_eq!(q.decode(raw, 1, read, &mut state), Entry::Refused(SecondStageFault::Denied));
    }
}
