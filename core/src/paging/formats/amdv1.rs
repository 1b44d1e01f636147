//! Host page tables of AMD-Vi, version 1 (AMD 48882, "I/O page tables for host translations"; Linux,
//! drivers/iommu/generic_pt/fmt/amdv1.h): 1 to 6 levels, an entry names the level of the table that it points at, so that
//! levels can be skipped and a page may have any size that is a power of two.

use crate::paging::{builder::Build, Entry, Format, Want};
use crate::spec::{self, Bits, EntryType, Rule, Text};
use crate::trace::Perms;

spec::values! {
    /// The values of NextLevel.
    pub NEXT_LEVELS / next_level {
        PAGE = 0 "a page of the level's size" "本级大小的页";
        TABLE_1 = 1 "a table of level 1" "第 1 级页表";
        TABLE_2 = 2 "a table of level 2" "第 2 级页表";
        TABLE_3 = 3 "a table of level 3" "第 3 级页表";
        TABLE_4 = 4 "a table of level 4" "第 4 级页表";
        TABLE_5 = 5 "a table of level 5" "第 5 级页表";
        TABLE_6 = 6 "a table of level 6 (not allowed)" "第 6 级页表（非法）";
        SIZED_PAGE = 7 "a page whose size the address's lowest 0 says" "页大小由地址最低的 0 位表示";
    }
}

spec::structure! {
    /// An entry that maps a page.
    pub PTE / pte: 1 words, "AMD 48882, I/O page tables for host translations", "page translation entry (PTE)" "页转换表项（PTE）" {
        PR        [0]     flag "present" "存在";
        _         [4:1]   ignored;
        A         [5]     flag "accessed" "已访问";
        D         [6]     flag "dirty" "脏";
        _         [8:7]   ignored;
        NEXT_LEVEL "NextLevel" [11:9] code(NEXT_LEVELS) "0 or 7: this maps a page" "0 或 7：直接映射页";
        ADDRESS "PageAddress" [51:12] address(12) "page" "页地址";
        _         [58:52] reserved;
        U         [59]    flag "for untranslated requests only, ATS answers say so" "仅供未转换请求（ATS 应答中标明）";
        FC        [60]    flag "force coherent" "强制一致性";
        IR        [61]    flag "reads allowed" "允许读";
        IW        [62]    flag "writes allowed" "允许写";
        _         [63]    ignored;
    }
    /// An entry that points at a table.
    pub PDE / pde: 1 words, "AMD 48882, I/O page tables for host translations", "page directory entry (PDE)" "页目录项（PDE）" {
        PR        [0]     flag "present" "存在";
        _         [4:1]   ignored;
        A         [5]     flag "accessed" "已访问";
        _         [8:6]   ignored;
        NEXT_LEVEL "NextLevel" [11:9] code(NEXT_LEVELS) "level of the next table" "下一级页表的级别";
        ADDRESS "NextTableAddress" [51:12] address(12) "next table" "下一级页表";
        _         [60:52] reserved;
        IR        [61]    flag "reads allowed" "允许读";
        IW        [62]    flag "writes allowed" "允许写";
        _         [63]    ignored;
    }
}

/// The format with what configures it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AmdV1 {
    /// 1 to 6: Mode of the device table entry.
    pub levels: u8,
    /// Hardware sets A.
    pub accessed: bool,
    /// Hardware sets D.
    pub dirty: bool,
    /// Missing rights refuse; not so for those who only look.
    pub check_perms: bool,
    /// U and FC are ignored in directory entries, where they are reserved: QEMU 11.
    pub loose_directories: bool,
}

/// Why an entry refuses.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AmdV1Fault {
    /// PR is 0.
    NotPresent,
    /// A reserved bit is 1.
    Reserved,
    /// NextLevel is not below the table's own level.
    Level,
    /// NextLevel 7 with a size that is not between this level's and the next one's.
    Size,
    /// Address bits of a level that is skipped are not 0.
    Skipped,
    /// IR or IW is 0 here or above.
    Denied,
}

/// What is gathered on the way down.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AmdV1State {
    /// IR and IW of all entries so far.
    pub perms: Perms,
    /// The leaf as it was read.
    pub leaf: u64,
}

impl Default for AmdV1State {
    fn default() -> Self {
        AmdV1State { perms: Perms::RW, leaf: 0 }
    }
}

impl AmdV1 {
    /// Returns tables of this many levels that hardware does not write.
    pub const fn new(levels: u8) -> Self {
        AmdV1 { levels, accessed: false, dirty: false, check_perms: true, loose_directories: false }
    }

    /// Returns whether an address is within the width of the tables.
    pub const fn accepts(&self, at: u64) -> bool {
        self.levels >= 6 || at >> (12 + 9 * self.levels as u32) == 0
    }

    /// log2 of the size that a NextLevel 7 entry says: its address has a 0 where the page's offset ends.
    const fn sized(raw: u64) -> u8 {
        let ones = (pte::ADDRESS.get(&[raw])).trailing_ones();
        13 + if ones > 39 { 39 } else { ones } as u8
    }

    fn rights(raw: u64) -> Perms {
        Perms::when(Perms::R, raw.is_set(pte::IR)).or(Perms::when(Perms::W, raw.is_set(pte::IW)))
    }

    /// A reserved bit is 1.
    fn is_reserved(&self, raw: u64) -> bool {
        let leaf = matches!(raw.bits(pte::NEXT_LEVEL), next_level::PAGE | next_level::SIZED_PAGE);
        raw & if leaf || self.loose_directories { pte::RESERVED[0] } else { pde::RESERVED[0] } != 0
    }

    /// Why an entry does not fit into a table of `level`.
    fn misfit(&self, raw: u64, level: u8) -> Option<AmdV1Fault> {
        match raw.bits(pte::NEXT_LEVEL) {
            next_level::PAGE => None,
            next_level::SIZED_PAGE => {
                let (size, this) = (Self::sized(raw), self.shift(level));
                (size <= this || size >= this + 9).then_some(AmdV1Fault::Size)
            }
            next => (next >= u64::from(level)).then_some(AmdV1Fault::Level),
        }
    }
}

impl Format for AmdV1 {
    type Fault = AmdV1Fault;
    type State = AmdV1State;

    #[inline]
    fn levels(&self) -> u8 {
        self.levels
    }
    #[inline]
    fn index_bits(&self, level: u8) -> u8 {
        // 64 - 57 bits are left for the sixth level.
        if level >= 6 {
            7
        } else {
            9
        }
    }
    #[inline]
    fn leaf_shift(&self, raw: u64, level: u8) -> u8 {
        match raw.bits(pte::NEXT_LEVEL) {
            next_level::SIZED_PAGE => Self::sized(raw),
            _ => self.shift(level),
        }
    }
    fn entry_type(&self, level: u8, raw: u64) -> &'static EntryType {
        match raw.bits(pte::NEXT_LEVEL) {
            // What is not present says nothing of itself: above the last level it stands where a table's address would.
            _ if level > 1 && !raw.is_set(pte::PR) => &PDE,
            next_level::PAGE | next_level::SIZED_PAGE => &PTE,
            _ => &PDE,
        }
    }
    #[inline]
    fn decode(&self, raw: u64, level: u8, want: Want, state: &mut AmdV1State) -> Entry<AmdV1Fault> {
        if !raw.is_set(pte::PR) {
            return Entry::Refused(AmdV1Fault::NotPresent);
        }
        if self.is_reserved(raw) {
            return Entry::Refused(AmdV1Fault::Reserved);
        }
        state.perms = state.perms.and(Self::rights(raw));
        if self.check_perms && !state.perms.has(want.perms.and(Perms::RW)) {
            return Entry::Refused(AmdV1Fault::Denied);
        }
        if let Some(fault) = self.misfit(raw, level) {
            return Entry::Refused(fault);
        }
        match raw.bits(pte::NEXT_LEVEL) {
            next_level::PAGE | next_level::SIZED_PAGE => {
                state.leaf = raw;
                Entry::Leaf(raw.address(pte::ADDRESS))
            }
            _ => Entry::Table(raw.address(pde::ADDRESS)),
        }
    }
    #[inline]
    fn next_level(&self, raw: u64, level: u8, input: u64) -> Result<u8, AmdV1Fault> {
        let next = raw.bits(pde::NEXT_LEVEL) as u8;
        // The address bits of the levels between have no table: they must be 0.
        let skipped = input & ((1 << self.shift(level)) - 1);
        if next + 1 < level && skipped >> self.shift(next + 1) != 0 {
            return Err(AmdV1Fault::Skipped);
        }
        Ok(next)
    }
    #[inline]
    fn touch(&self, raw: u64, leaf: bool, want: Want) -> u64 {
        let dirty = self.dirty && leaf && want.perms.has(Perms::W);
        raw | pte::A.in_place(self.accessed.into()) | pte::D.in_place(dirty.into())
    }
    fn perms(&self, state: &AmdV1State) -> Perms {
        state.perms
    }
    fn rule(&self, fault: AmdV1Fault) -> &'static Rule {
        match fault {
            AmdV1Fault::NotPresent => &NOT_PRESENT,
            AmdV1Fault::Reserved => &RESERVED,
            AmdV1Fault::Level => &LEVEL,
            AmdV1Fault::Size => &SIZE,
            AmdV1Fault::Skipped => &SKIPPED,
            AmdV1Fault::Denied => &DENIED,
        }
    }
}

impl Build for AmdV1 {
    fn table(&self, to: u64, level: u8) -> u64 {
        // As Linux has it: tables allow everything, pages decide.
        0u64.with_flag(pde::PR, true)
            .with(pde::NEXT_LEVEL, u64::from(level) - 1)
            .with_address(pde::ADDRESS, to)
            .with_flag(pde::IR, true)
            .with_flag(pde::IW, true)
    }
    fn leaf(&self, to: u64, _: u8, perms: Perms, _: bool) -> u64 {
        0u64.with_flag(pte::PR, true)
            .with_address(pte::ADDRESS, to)
            .with_flag(pte::FC, true)
            .with_flag(pte::IR, perms.has(Perms::R))
            .with_flag(pte::IW, perms.has(Perms::W))
    }
    fn is_mapped(&self, raw: u64, _: u8) -> bool {
        raw.is_set(pte::PR)
    }
    fn as_table(&self, raw: u64, level: u8) -> Option<u64> {
        // Linux makes tables of the next level only.
        (raw.is_set(pde::PR) && raw.bits(pde::NEXT_LEVEL) + 1 == u64::from(level) && level > 1)
            .then(|| raw.address(pde::ADDRESS))
    }
    fn max_leaf_level(&self) -> u8 {
        3
    }
}

macro_rules! rules {
    ($($id:ident $en:literal $zh:literal;)*) => {
        $(static $id: Rule = Rule {
            text: Text::new($en, $zh),
            section: "AMD 48882, I/O page tables for host translations",
        };)*
    };
}
rules! {
    NOT_PRESENT "PR = 0: the entry is not present" "表项不存在（PR = 0）";
    RESERVED "a reserved bit is 1" "保留位为 1";
    LEVEL "NextLevel is not below the level of the table" "NextLevel 不低于本表级别";
    SIZE "the page's size is not between this level's and the next one's" "页大小不在本级与上一级之间";
    SKIPPED "address bits of a skipped level are not 0" "被跳过级别的地址位不为 0";
    DENIED "IR or IW is 0 here or above" "本级或上级的 IR、IW 为 0";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::addr::{AnyAddr, PhysAddr, Space};
    use crate::memory::Memory;
    use crate::paging::{walk, walk::Walker, Direct};
    use crate::trace::{Actor, Off, Stage};

    fn reach(memory: &mut Memory, levels: u8, at: u64, perms: Perms) -> Result<(u64, u8), AmdV1Fault> {
        let how = Walker { actor: Actor::Iommu, stage: Stage::Second };
        let input = AnyAddr { space: Space::Iova, raw: at };
        match walk(&AmdV1::new(levels), &mut Direct, memory, how, 0x1000, input, Want::user(perms), &mut Off)
        {
            Ok(found) => Ok((found.to, found.size.shift())),
            Err(crate::paging::WalkError::Entry { fault, .. }) => Err(fault),
            Err(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn levels_are_skipped_where_the_address_has_zeros_and_sizes_are_in_the_address() {
        let mut memory = Memory::new();
        let mut put = |at: u64, raw: u64| memory.write_u64(PhysAddr::new(at), raw).unwrap();
        let all = 0x6000_0000_0000_0001;
        // Level 4, entry 0: a table of level 2; there a page of 2 MiB, and one of 8 MiB.
        put(0x1000, all | 0x2000 | 2 << 9);
        put(0x2000 + 8, all | 0x4000_0000);
        put(0x2000 + 4 * 8, all | 0x8000_0000 | 0x3f_f000 | 7 << 9);
        put(0x2000 + 5 * 8, all | 0x2000 | 2 << 9);
        put(0x2000 + 6 * 8, all & !(1 << 62));
        put(0x2000 + 7 * 8, all | 1 << 52);
        put(0x2000 + 8 * 8, all | 0xf000 | 7 << 9);
        let mut go = |at, perms| reach(&mut memory, 4, at, perms);
        assert_eq!(go(0x20_1234, Perms::R), Ok((0x4000_1234, 21)));
        assert_eq!(go(0x80_1234, Perms::W), Ok((0x8000_1234, 23)));
        assert_eq!(go(0x4020_1234, Perms::R), Err(AmdV1Fault::Skipped));
        assert_eq!(go(0xa0_0000, Perms::R), Err(AmdV1Fault::Level));
        assert_eq!(go(0xc0_0000, Perms::R), Ok((0, 21)));
        assert_eq!(go(0xc0_0000, Perms::W), Err(AmdV1Fault::Denied));
        assert_eq!(go(0xe0_0000, Perms::R), Err(AmdV1Fault::Reserved));
        assert_eq!(go(0x100_0000, Perms::R), Err(AmdV1Fault::Size));
        assert_eq!(go(0, Perms::R), Err(AmdV1Fault::NotPresent));
    }

    #[test]
    fn every_raw_entry_at_every_level_is_decided() {
        for level in 1..=6 {
            for bits in 0..1u64 << 10 {
                let raw = 1 | bits << 9 | (bits & 1) << 40 | (0x000f_ffff_0000_0000 * (bits >> 9));
                let (format, mut state) = (AmdV1::new(6), AmdV1State::default());
                if let Entry::Table(_) = format.decode(raw | 3 << 61, level, Want::user(Perms::R), &mut state)
                {
                    assert!(
                        format.next_level(raw, level, u64::MAX).is_ok_and(|next| next < level)
                            || format.next_level(raw, level, 0).is_ok_and(|next| next < level)
                    );
                }
                assert!(format.leaf_shift(raw, level) <= 57);
            }
        }
    }
}
