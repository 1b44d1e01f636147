//! From a function to its page tables as VT-d finds them: root and context tables, then, in scalable mode, the PASID directory and
//! table, with what stops a request there (VT-d 3.4, 7.1.3, 9.1 to 9.6). Which features the unit has no dump says: all count as there.

use super::stage::{Any, End, Stage};
use super::way::{refused, sound, Stages, Way, ABSENT, DIRECTORY_ENTRY, PASSED, RESERVED, RESERVED_BIT};
use crate::iommu::vtd::spec::registers::{rtaddr, ttm};
use crate::iommu::vtd::spec::structures::{
    aw, context, fspm, pasid, pasid_dir, pgtt, sm_context, sm_root_half, tt, CONTEXT, PASID, PASID_DIR, ROOT,
    SM_CONTEXT, SM_ROOT_HALF,
};
use crate::paging::vtd_first::FirstStage;
use crate::paging::vtd_second::SecondStage;
use crate::spec::{Bits, Text};

const ROOT_ENTRY: Text = Text::new("root entry", "根表项");
const CONTEXT_ENTRY: Text = Text::new("context entry", "上下文表项");
const PASID_ENTRY: Text = Text::new("PASID-table entry", "PASID 表项");

const ABORTED: Text =
    Text::new("abort-DMA mode (TTM): every request is blocked", "中止 DMA 模式（TTM）：阻止一切请求");
const BAD_MODE: Text = Text::new("the mode of the root table (TTM) is reserved", "根表模式（TTM）为保留值");
const LEGACY: Text =
    Text::new("legacy mode has no PASIDs: the request is blocked", "传统模式没有 PASID：阻止该请求");
const BAD_WIDTH: Text = Text::new("the address width (AW) is reserved", "地址位宽（AW）为保留值");
const NO_PASIDS: Text =
    Text::new("PASIDE is 0: requests with PASID are blocked", "PASIDE 为 0：阻止带 PASID 的请求");
const BEYOND: Text =
    Text::new("the PASID is beyond the PASID directory (PDTS)", "PASID 超出 PASID 目录（PDTS）");
const OWN_BEYOND: Text =
    Text::new("RID_PASID is beyond the PASID directory (PDTS)", "RID_PASID 超出 PASID 目录（PDTS）");
/// The widest address that there is.
const HOST_BITS: u8 = 52;

impl Way<'_> {
    pub(super) fn vtd(&mut self) -> Result<Stages, End> {
        let register = self.root.first().copied().unwrap_or(0);
        let scalable = match self.entry {
            Some(entry) => entry.len() == 4,
            None => match register.bits(rtaddr::TTM) {
                ttm::LEGACY => false,
                ttm::SCALABLE => true,
                ttm::ABORT => return refused(ABORTED),
                _ => return refused(BAD_MODE),
            },
        };
        if !scalable && self.asked.pasid.is_some() {
            return refused(LEGACY);
        }
        self.walk.scalable = scalable;
        let at = match self.entry {
            Some(_) => 0,
            None => self.context_table(register, scalable)?,
        };
        if scalable {
            self.scalable(at)
        } else {
            self.legacy(at)
        }
    }

    /// Where the context entry is.
    fn context_table(&mut self, register: u64, scalable: bool) -> Result<u64, End> {
        let id = self.function()?;
        let place = register.address(rtaddr::RTA) + u64::from(id.bus()) * 16;
        let half = usize::from(scalable && id.devfn() >= 0x80);
        let words = self.read::<2>(ROOT_ENTRY, place, None, |words| {
            let entry = words[half];
            let bad = match scalable {
                true => SM_ROOT_HALF.reserved_set(&[entry], HOST_BITS),
                false => ROOT.reserved_set(words, HOST_BITS),
            };
            sound(entry.is_set(sm_root_half::P), bad, entry.address(sm_root_half::CTP))
        })?;
        self.walk.root = Some((words[0], words[1]));
        let (size, index) = if scalable { (32, id.devfn() & 0x7f) } else { (16, id.devfn()) };
        Ok(words[half].address(sm_root_half::CTP) + u64::from(index) * size)
    }

    fn legacy(&mut self, at: u64) -> Result<Stages, End> {
        let words = self.own::<2>(CONTEXT_ENTRY, at, |words| {
            let through = words.bits(context::TT) == tt::PASS_THROUGH;
            // Of what passes through the pointer does not count.
            let host = if through { 64 } else { HOST_BITS };
            let next = words.address(context::SSPTPTR);
            sound(words.is_set(context::P), CONTEXT.reserved_set(words, host), next)?;
            match words.bits(context::TT) {
                tt::MULTI_LEVEL | tt::DEVICE_TLB | tt::PASS_THROUGH if !is_width(words.bits(context::AW)) => {
                    Err(BAD_WIDTH)
                }
                tt::PASS_THROUGH => Err(PASSED),
                tt::MULTI_LEVEL | tt::DEVICE_TLB => Ok(next),
                _ => Err(RESERVED),
            }
        })?;
        self.walk.context = Some((words[0], words[1]));
        Ok((None, Some(second(words.bits(context::AW), words.address(context::SSPTPTR)))))
    }

    fn scalable(&mut self, at: u64) -> Result<Stages, End> {
        let asked = self.asked.pasid.map(u64::from);
        let words = self.own::<4>(CONTEXT_ENTRY, at, |words| {
            let next = words.address(sm_context::PASIDDIRPTR);
            sound(words.is_set(sm_context::P), SM_CONTEXT.reserved_set(words, HOST_BITS), next)?;
            // 2^(PDTS+7) directory entries of 64 PASIDs each.
            let beyond = |pasid: u64| pasid >> (words.bits(sm_context::PDTS) + 13) != 0;
            match asked {
                _ if beyond(words.bits(sm_context::RID_PASID)) => Err(OWN_BEYOND),
                Some(_) if !words.is_set(sm_context::PASIDE) => Err(NO_PASIDS),
                Some(pasid) if beyond(pasid) => Err(BEYOND),
                _ => Ok(next),
            }
        })?;
        self.walk.context = Some((words[0], words[1]));
        let process = asked.unwrap_or(words.bits(sm_context::RID_PASID));
        let at = words.address(sm_context::PASIDDIRPTR) + (process >> 6) * 8;
        let [directory] = self.read::<1>(DIRECTORY_ENTRY, at, None, |words| {
            let next = words.address(pasid_dir::SMPTBLPTR);
            sound(words.is_set(pasid_dir::P), PASID_DIR.reserved_set(words, HOST_BITS), next)
        })?;
        self.walk.directory = Some(directory);
        let at = directory.address(pasid_dir::SMPTBLPTR) + (process & 0x3f) * 64;
        let words = self.read::<8>(PASID_ENTRY, at, None, pasid_says)?;
        self.walk.process = words[..3].into();
        let first = FirstStage {
            levels: 4 + words.bits(pasid::FSPM).min(1) as u8,
            host_bits: HOST_BITS,
            write_protect: words.is_set(pasid::WPE),
            no_execute: words.is_set(pasid::NXE),
            update: false,
            ..FirstStage::four_levels()
        };
        let first = Stage::new(Any::VtdFirst(first), words.address(pasid::FSPTPTR));
        let second = second(words.bits(pasid::AW), words.address(pasid::SSPTPTR));
        Ok(match words.bits(pasid::PGTT) {
            pgtt::FIRST => (Some(first), None),
            pgtt::NESTED => (Some(first), Some(second)),
            _ => (None, Some(second)),
        })
    }
}

fn pasid_says(words: &[u64; 8]) -> Result<u64, Text> {
    let kind = words.bits(pasid::PGTT);
    if !words.is_set(pasid::P) {
        return Err(ABSENT);
    }
    if PASID.reserved_set(words, HOST_BITS) {
        return Err(RESERVED_BIT);
    }
    if matches!(kind, pgtt::SECOND | pgtt::NESTED) && !is_width(words.bits(pasid::AW)) {
        return Err(BAD_WIDTH);
    }
    let paging = matches!(words.bits(pasid::FSPM), fspm::LEVELS_4 | fspm::LEVELS_5);
    match kind {
        pgtt::FIRST | pgtt::NESTED if !paging => Err(RESERVED),
        pgtt::SECOND => Ok(words.address(pasid::SSPTPTR)),
        pgtt::FIRST | pgtt::NESTED => Ok(words.address(pasid::FSPTPTR)),
        pgtt::PASS_THROUGH => Err(PASSED),
        _ => Err(RESERVED),
    }
}

fn is_width(code: u64) -> bool {
    (aw::LEVELS_3..=aw::LEVELS_5).contains(&code)
}

/// Tables of the second stage; AW is the number of levels less two.
fn second(width: u64, root: u64) -> Stage {
    let levels = (width as u8 + 2).clamp(3, 5);
    let format = SecondStage { levels, host_bits: HOST_BITS, ..SecondStage::four_levels() };
    Stage::new(Any::VtdSecond(format), root)
}
