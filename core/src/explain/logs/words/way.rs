//! From a device to its page tables, by the entries that the unit's root leads to: what each architecture reads on that way.

use super::line::Asked;
use super::stage::{to_table, Any, End, Leaf, Stage, Step};
use super::Words;
use crate::addr::RequesterId;
use crate::explain::logs::dumped::Walk;
use crate::explain::logs::fault::Arch;
use crate::iommu::amdvi::spec::structures::{dte, gcr3_root, gcr3e};
use crate::iommu::riscv::spec::registers::ddtp;
use crate::iommu::riscv::spec::structures::{dc, ddte, fsc_mode, pc, pdte};
use crate::iommu::smmuv3::spec::registers::{fmt, strtab_base, strtab_base_cfg};
use crate::iommu::smmuv3::spec::structures::{config, size_bits};
use crate::iommu::smmuv3::spec::{cd, l1std, ste};
use crate::iommu::vtd::spec::registers::{rtaddr, ttm};
use crate::iommu::vtd::spec::structures::{context, pasid, pasid_dir, pgtt, sm_context, sm_root_half, tt};
use crate::paging::aarch64::{Aarch64, Granule};
use crate::paging::amdv1::AmdV1;
use crate::paging::riscv::Riscv;
use crate::paging::vtd_first::FirstStage;
use crate::paging::vtd_second::SecondStage;
use crate::paging::Want;
use crate::spec::{Bits, Field, Phrase, Text};
use crate::trace::Perms;
use alloc::format;
use alloc::vec::Vec;

const ABSENT: Text = Text::new("the entry is not there (its valid bit is 0)", "表项不存在（有效位为 0）");
const PASSED: Text = Text::new("passed through: addresses are not translated", "直通：地址不转换");
const RESERVED: Text = Text::new("a value that is reserved", "保留值");

/// A walk while it is done.
pub(super) struct Way<'a> {
    pub(super) words: &'a Words,
    pub(super) asked: Asked,
    /// What the root's registers hold.
    pub(super) root: &'a [u64],
    /// The device's own entry, where the dump gives it.
    pub(super) entry: Option<&'a [u64]>,
    pub(super) steps: Vec<Step>,
    /// What a scenario is made of.
    pub(super) walk: Walk,
}

impl Way<'_> {
    /// Walks.
    pub(super) fn go(&mut self, arch: Arch) -> Result<Leaf, End> {
        let (first, second) = match arch {
            Arch::VtD => self.vtd()?,
            Arch::AmdVi => self.amd()?,
            Arch::SmmuV3 => self.smmu()?,
            _ => self.riscv()?,
        };
        let want = Want::user(if self.asked.write { Perms::W } else { Perms::R });
        match (first, second) {
            (Some(first), below) => {
                first.walk(self.words, self.asked.address, want, below.as_ref(), &mut self.steps)
            }
            (None, Some(second)) => second.walk(self.words, self.asked.address, want, None, &mut self.steps),
            (None, None) => Err(End::Same(PASSED)),
        }
    }

    fn id(&self) -> RequesterId {
        self.asked.device.unwrap_or(RequesterId::bdf(0, 0, 0))
    }

    /// Reads `N` words, found through stage 2 where there is one, and notes what they say.
    fn read<const N: usize>(
        &mut self,
        name: Text,
        at: u64,
        below: Option<&Stage>,
        says: impl Fn(&[u64; N]) -> Result<u64, Text>,
    ) -> Result<[u64; N], End> {
        let at = match below {
            Some(stage) => stage.walk(self.words, at, Want::user(Perms::R), None, &mut self.steps)?.to,
            None => at,
        };
        let words = self.words.get::<N>(at)?;
        self.note(name, Some(at), words, says)
    }

    fn note<const N: usize>(
        &mut self,
        name: Text,
        at: Option<u64>,
        words: [u64; N],
        says: impl Fn(&[u64; N]) -> Result<u64, Text>,
    ) -> Result<[u64; N], End> {
        let (said, wrong) = match says(&words) {
            Ok(next) => (to_table(next), None),
            Err(text) => (text.into(), Some(text)),
        };
        self.steps.push(Step { name: name.into(), at, words: words.into(), says: said, level: None });
        match wrong {
            None => Ok(words),
            // It is how the walk ends, and no fault.
            Some(text) if text == PASSED => Err(End::Same(text)),
            Some(text) => Err(End::Refused(text.into())),
        }
    }

    /// The device's own entry: from the dump, or where the tables have it.
    fn own<const N: usize>(
        &mut self,
        name: Text,
        at: u64,
        says: impl Fn(&[u64; N]) -> Result<u64, Text>,
    ) -> Result<[u64; N], End> {
        match self.entry.and_then(|words| words.try_into().ok()) {
            Some(words) => self.note(name, None, words, says),
            None => self.read(name, at, None, says),
        }
    }

    fn vtd(&mut self) -> Result<(Option<Stage>, Option<Stage>), End> {
        let register = self.root.first().copied().unwrap_or(0);
        let scalable = match self.entry {
            Some(entry) => entry.len() == 4,
            None => register.bits(rtaddr::TTM) == ttm::SCALABLE,
        };
        self.walk.scalable = scalable;
        let id = self.id();
        let mut at = 0;
        if self.entry.is_none() {
            let place = register.address(rtaddr::RTA) + u64::from(id.bus()) * 16;
            let half = usize::from(scalable && id.devfn() >= 0x80);
            let words = self.read::<2>(ROOT_ENTRY, place, None, |words| {
                valid(words[half].is_set(sm_root_half::P), words[half].address(sm_root_half::CTP))
            })?;
            self.walk.root = Some((words[0], words[1]));
            let (size, index) = if scalable { (32, id.devfn() & 0x7f) } else { (16, id.devfn()) };
            at = words[half].address(sm_root_half::CTP) + u64::from(index) * size;
        }
        if !scalable {
            let words = self.own::<2>(CONTEXT_ENTRY, at, |words| match words.bits(context::TT) {
                _ if !words.is_set(context::P) => Err(ABSENT),
                tt::PASS_THROUGH => Err(PASSED),
                _ => Ok(words.address(context::SSPTPTR)),
            })?;
            self.walk.context = Some((words[0], words[1]));
            let stage = second(words.bits(context::AW), words.address(context::SSPTPTR));
            return Ok((None, Some(stage)));
        }
        let words = self.own::<4>(CONTEXT_ENTRY, at, |words| {
            valid(words.is_set(context::P), words.address(sm_context::PASIDDIRPTR))
        })?;
        self.walk.context = Some((words[0], words[1]));
        let process = self.asked.pasid.map_or(words.bits(sm_context::RID_PASID), u64::from);
        let at = words.address(sm_context::PASIDDIRPTR) + (process >> 6) * 8;
        let [directory] = self.read::<1>(DIRECTORY_ENTRY, at, None, |words| {
            valid(words.is_set(pasid_dir::P), words.address(pasid_dir::SMPTBLPTR))
        })?;
        self.walk.directory = Some(directory);
        let at = directory.address(pasid_dir::SMPTBLPTR) + (process & 0x3f) * 64;
        let words = self.read::<8>(PASID_ENTRY, at, None, |words| match words.bits(pasid::PGTT) {
            _ if !words.is_set(pasid::P) => Err(ABSENT),
            pgtt::SECOND => Ok(words.address(pasid::SSPTPTR)),
            pgtt::FIRST | pgtt::NESTED => Ok(words.address(pasid::FSPTPTR)),
            pgtt::PASS_THROUGH => Err(PASSED),
            _ => Err(RESERVED),
        })?;
        self.walk.process = words[..3].into();
        let levels = 4 + words.bits(pasid::FSPM).min(1) as u8;
        let first = FirstStage { levels, host_bits: 52, update: false, ..FirstStage::four_levels() };
        let first = Stage { format: Any::VtdFirst(first), root: words.address(pasid::FSPTPTR) };
        let second = second(words.bits(pasid::AW), words.address(pasid::SSPTPTR));
        Ok(match words.bits(pasid::PGTT) {
            pgtt::FIRST => (Some(first), None),
            pgtt::NESTED => (Some(first), Some(second)),
            _ => (None, Some(second)),
        })
    }

    fn amd(&mut self) -> Result<(Option<Stage>, Option<Stage>), End> {
        let base = self.root.first().map_or(0, |root| root & 0xf_ffff_ffff_f000);
        let words = self.own::<4>(DEVICE_ENTRY, base + u64::from(self.id().bdf16()) * 32, |words| {
            if !words.is_set(dte::V) || !words.is_set(dte::TV) {
                Err(Text::new("V or TV is 0: there are no tables", "V 或 TV 为 0：没有页表"))
            } else if words.is_set(dte::GV) {
                Ok(gcr3(words))
            } else if words.bits(dte::MODE) == 0 {
                Err(PASSED)
            } else {
                Ok(words.address(dte::HOST_ROOT))
            }
        })?;
        let levels = words.bits(dte::MODE).min(6) as u8;
        let root = words.address(dte::HOST_ROOT);
        let host = (levels > 0).then(|| Stage { format: Any::Amd(AmdV1::new(levels)), root });
        let pasid = self.asked.pasid.or(words.is_set(dte::GIOV).then_some(0));
        let Some(pasid) = pasid.filter(|_| words.is_set(dte::GV)) else { return Ok((None, host)) };
        let mut at = gcr3(&words);
        // Bounded: GLX has two bits.
        for level in (0..=words.bits(dte::GLX)).rev() {
            let index = u64::from(pasid) >> (9 * level) & 0x1ff;
            let [entry] = self.read::<1>(GCR3_ENTRY, at + index * 8, None, |words| {
                valid(words.is_set(gcr3e::V), words.address(gcr3e::GCR3))
            })?;
            at = entry.address(gcr3e::GCR3);
        }
        // Guest tables are those of x86, as VT-d's first stage has them.
        let levels = 4 + words.bits(dte::GUEST_MODE).min(1) as u8;
        let guest = FirstStage { levels, host_bits: 52, update: false, ..FirstStage::four_levels() };
        Ok((Some(Stage { format: Any::VtdFirst(guest), root: at }), host))
    }

    fn smmu(&mut self) -> Result<(Option<Stage>, Option<Stage>), End> {
        let base = self.root.first().map_or(0, |root| root.address(strtab_base::ADDR));
        let layout = self.root.get(1).copied().unwrap_or(0);
        let stream = u64::from(self.id().bdf16());
        let mut at = base + stream * 64;
        if self.entry.is_none() && layout.bits(strtab_base_cfg::FMT) == fmt::TWO_LEVEL {
            let split = match layout.bits(strtab_base_cfg::SPLIT) {
                split @ (6 | 8 | 10) => split,
                _ => 6,
            };
            let [entry] = self.read::<1>(STREAM_ENTRY, base + (stream >> split) * 8, None, |words| {
                valid(words.bits(l1std::SPAN) != 0, words.address(l1std::L2PTR))
            })?;
            at = entry.address(l1std::L2PTR) + (stream & ((1 << split) - 1)) * 64;
        }
        let words = self.own::<8>(STE, at, |words| match words.bits(ste::CONFIG) {
            _ if !words.is_set(ste::V) => Err(ABSENT),
            config::BYPASS => Err(PASSED),
            config::S2 => Ok(words.address(ste::S2TTB)),
            config::S1 | config::NESTED => Ok(words.address(ste::S1CONTEXTPTR)),
            _ => Err(Text::new("every transaction is terminated", "终止所有事务")),
        })?;
        let translates =
            |which| matches!(words.bits(ste::CONFIG), config::NESTED) || words.bits(ste::CONFIG) == which;
        let below = match translates(config::S2) {
            true => {
                let granule = granule(words.bits(ste::S2TG))?;
                let levels = match (granule, words.bits(ste::S2SL0)) {
                    (_, 3) => return Err(End::Refused(RESERVED.into())),
                    (Granule::K4, start) => 2 + start as u8,
                    (_, start) => 1 + start as u8,
                };
                let bits = 64 - words.bits(ste::S2T0SZ) as u8;
                let mut format = Aarch64::stage2(granule, bits).for_devices();
                (format.levels, format.output_bits) = (levels, size_bits(words.bits(ste::S2PS)));
                Some(Stage { format: Any::Arm(format), root: format.root(words.address(ste::S2TTB)) })
            }
            false => None,
        };
        if !translates(config::S1) {
            return Ok((None, below));
        }
        // A substream other than 0 is at its place in a linear table; of two levels only the first is followed.
        let number = u64::from(self.asked.pasid.unwrap_or(0));
        let mut at = words.address(ste::S1CONTEXTPTR);
        let leaf_bits = match (words.bits(ste::S1CDMAX), words.bits(ste::S1FMT)) {
            (0, _) | (_, 0) => None,
            (_, 1) => Some(6),
            _ => Some(10),
        };
        if let Some(bits) = leaf_bits {
            let [entry] =
                self.read::<1>(DESCRIPTOR_TABLE, at + (number >> bits) * 8, below.as_ref(), |words| {
                    valid(words[0] & 1 != 0, words[0] & 0xf_ffff_ffff_f000)
                })?;
            at = (entry & 0xf_ffff_ffff_f000) + (number & ((1 << bits) - 1)) * 64;
        } else {
            at += number * 64;
        }
        let upper = self.asked.address >> 55 & 1 != 0;
        let field = move |lower: Field, higher: Field| if upper { higher } else { lower };
        let (table, size) = (field(cd::TTB0, cd::TTB1), field(cd::T0SZ, cd::T1SZ));
        let off = field(cd::EPD0, cd::EPD1);
        let words = self.read::<8>(CD, at, below.as_ref(), |words| {
            if words.is_set(off) {
                return Err(Text::new(
                    "this half of the addresses is off (EPD)",
                    "地址的这一半已关闭（EPD）",
                ));
            }
            valid(words.is_set(cd::V), words.address(table))
        })?;
        // TG1 is encoded otherwise than TG0: 1 is 16 KiB, 2 is 4 KiB, 3 is 64 KiB.
        let code = match (upper, words.bits(field(cd::TG0, cd::TG1))) {
            (false, code) => code,
            (true, 1) => 2,
            (true, 2) => 0,
            (true, 3) => 1,
            _ => 3,
        };
        let bits = 64 - words.bits(size) as u8;
        let mut format = Aarch64::stage1(granule(code)?, bits).for_devices();
        format.output_bits = size_bits(words.bits(cd::IPS));
        if !format.accepts(self.asked.address) {
            return Err(End::Refused(Phrase::new(
                format!("the address has more than the {bits} bits of these tables"),
                format!("地址超出这些页表的 {bits} 位"),
            )));
        }
        let first = Stage { format: Any::Arm(format), root: format.root(words.address(table)) };
        Ok((Some(first), below))
    }

    fn riscv(&mut self) -> Result<(Option<Stage>, Option<Stage>), End> {
        let register = self.root.first().copied().unwrap_or(0);
        let id = u64::from(self.id().bdf16());
        let mut at = register.address(ddtp::PPN);
        if self.entry.is_none() {
            // Contexts of 64 bytes; those without MSI translation have 32 (RISC-V IOMMU, device directory).
            let extended = self.root.get(1) != Some(&32);
            let index = match extended {
                true => [id & 0x3f, id >> 6 & 0x1ff, id >> 15],
                false => [id & 0x7f, id >> 7 & 0x1ff, id >> 16],
            };
            let levels = match register.bits(ddtp::IOMMU_MODE) {
                0 => return Err(End::Refused(Text::new("the IOMMU is off", "IOMMU 已关闭").into())),
                1 => return Err(End::Same(PASSED)),
                mode => mode.min(4) - 1,
            };
            // Bounded: three levels.
            for level in (1..levels as usize).rev() {
                let [entry] = self.read::<1>(DIRECTORY_ENTRY, at + index[level] * 8, None, |words| {
                    valid(words.is_set(ddte::V), words.address(ddte::PPN))
                })?;
                at = entry.address(ddte::PPN);
            }
            at += index[0] * if extended { 64 } else { 32 };
        }
        let short = self.entry.map(|entry| [&entry[..4], &[0; 4]].concat());
        let words = match short {
            Some(words) => {
                self.note::<4>(DEVICE_CONTEXT, None, [words[0], words[1], words[2], words[3]], context_says)?
            }
            None => self.read::<4>(DEVICE_CONTEXT, at, None, context_says)?,
        };
        let words = [words[0], words[1], words[2], words[3], 0, 0, 0, 0];
        let second = match words.bits(dc::IOHGATP_MODE) {
            0 => None,
            mode => Some(Stage {
                format: Any::Riscv(Riscv::second(levels_of(mode)?)),
                root: words.address(dc::IOHGATP_PPN),
            }),
        };
        let (mut mode, mut root) = (words.bits(dc::FSC_MODE), words.address(dc::FSC_PPN));
        if words.is_set(dc::PDTV) {
            let number = match (self.asked.pasid, words.is_set(dc::DPE)) {
                (Some(number), _) => u64::from(number),
                (None, true) => 0,
                (None, false) => return Ok((None, second)),
            };
            let index = [number & 0xff, number >> 8 & 0x1ff, number >> 17];
            // Bounded: PD20 has three levels.
            for level in (1..mode.min(fsc_mode::PD20) as usize).rev() {
                let [entry] =
                    self.read::<1>(DIRECTORY_ENTRY, root + index[level] * 8, second.as_ref(), |words| {
                        valid(words.is_set(pdte::V), words.address(pdte::PPN))
                    })?;
                root = entry.address(pdte::PPN);
            }
            let words = self.read::<2>(PROCESS_CONTEXT, root + index[0] * 16, second.as_ref(), |words| {
                valid(words.is_set(pc::V), words.address(pc::FSC_PPN))
            })?;
            (mode, root) = (words.bits(pc::FSC_MODE), words.address(pc::FSC_PPN));
        }
        let first = match mode {
            0 => None,
            mode => Some(Stage { format: Any::Riscv(Riscv::first(levels_of(mode)?)), root }),
        };
        Ok((first, second))
    }
}

fn context_says(words: &[u64; 4]) -> Result<u64, Text> {
    let all = [words[0], words[1], words[2], words[3], 0, 0, 0, 0];
    let (first, second) = (all.address(dc::FSC_PPN), all.address(dc::IOHGATP_PPN));
    valid(all.is_set(dc::V), if all.is_set(dc::FSC_MODE) { first } else { second })
}

/// Sv39, Sv48, Sv57 are modes 8, 9, 10, with or without x4.
fn levels_of(mode: u64) -> Result<u8, End> {
    match mode {
        8..=10 => Ok(mode as u8 - 5),
        _ => Err(End::Refused(RESERVED.into())),
    }
}

fn granule(code: u64) -> Result<Granule, End> {
    match code {
        0 => Ok(Granule::K4),
        1 => Ok(Granule::K64),
        2 => Ok(Granule::K16),
        _ => Err(End::Refused(RESERVED.into())),
    }
}

fn gcr3(words: &[u64; 4]) -> u64 {
    let part = |field| words.bits(field);
    let root = 0u64.with(gcr3_root::A, part(dte::GCR3_A)).with(gcr3_root::B, part(dte::GCR3_B));
    root.with(gcr3_root::C, part(dte::GCR3_C))
}

/// Tables of the second stage; AW is the number of levels less two.
fn second(width: u64, root: u64) -> Stage {
    let levels = (width as u8 + 2).clamp(2, 5);
    let format = SecondStage { levels, host_bits: 52, ..SecondStage::four_levels() };
    Stage { format: Any::VtdSecond(format), root }
}

fn valid(is: bool, next: u64) -> Result<u64, Text> {
    if is {
        Ok(next)
    } else {
        Err(ABSENT)
    }
}

const ROOT_ENTRY: Text = Text::new("root entry", "根表项");
const CONTEXT_ENTRY: Text = Text::new("context entry", "上下文表项");
const DIRECTORY_ENTRY: Text = Text::new("directory entry", "目录项");
const PASID_ENTRY: Text = Text::new("PASID-table entry", "PASID 表项");
const DEVICE_ENTRY: Text = Text::new("device table entry (DTE)", "设备表项（DTE）");
const GCR3_ENTRY: Text = Text::new("guest CR3 table entry", "客户机 CR3 表项");
const STREAM_ENTRY: Text = Text::new("level 1 stream table descriptor", "一级流表描述符");
const STE: Text = Text::new("stream table entry (STE)", "流表项（STE）");
const DESCRIPTOR_TABLE: Text = Text::new("level 1 context descriptor", "一级上下文描述符");
const CD: Text = Text::new("context descriptor (CD)", "上下文描述符（CD）");
const DEVICE_CONTEXT: Text = Text::new("device context", "设备上下文");
const PROCESS_CONTEXT: Text = Text::new("process context", "进程上下文");
