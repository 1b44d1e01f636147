//! From a function to its page tables as a RISC-V IOMMU finds them: the device directory and the process directory, with what stops a
//! request there (RISC-V IOMMU, "Process to translate an IOVA", steps 1 to 16). Which features the unit has no dump says: all count
//! as there.

use super::stage::{Any, End, Stage};
use super::way::{refused, sound, Stages, Way, DIRECTORY_ENTRY, PASSED, RESERVED, RESERVED_BIT};
use crate::iommu::riscv::spec::registers::{ddtp, mode};
use crate::iommu::riscv::spec::structures::{
    dc, ddte, fsc_mode, iohgatp_mode, pc, pdte, DC_BASE, DDTE, PC, PDTE,
};
use crate::paging::riscv::{Riscv, Role};
use crate::spec::{Bits, Text};

const DEVICE_CONTEXT: Text = Text::new("device context", "设备上下文");
const PROCESS_CONTEXT: Text = Text::new("process context", "进程上下文");

const OFF: Text = Text::new("the IOMMU is off", "IOMMU 已关闭");
const WIDE_DEVICE: Text = Text::new(
    "the device_id is beyond the levels of the directory: cause 260",
    "device_id 超出目录的级数：原因 260",
);
const WIDE_PROCESS: Text = Text::new(
    "the process_id is beyond the levels of its directory: cause 260",
    "process_id 超出其目录的级数：原因 260",
);
const NO_PROCESSES: Text = Text::new(
    "PDTV is 0: requests with a process_id (PASID) are not allowed, cause 260",
    "PDTV 为 0：不允许带 process_id（PASID）的请求，原因 260",
);
const ATS_PAIRS: Text = Text::new(
    "T2GPA or EN_PRI without EN_ATS, or PRPR without EN_PRI",
    "T2GPA 或 EN_PRI 需要 EN_ATS，PRPR 需要 EN_PRI",
);
const BAD_T2GPA: Text = Text::new("T2GPA with a Bare second stage", "第二阶段为 Bare 而 T2GPA = 1");
const BAD_DPE: Text = Text::new("DPE is 1 and PDTV is 0", "PDTV = 0 而 DPE = 1");
const BAD_MODE: Text = Text::new(
    "the mode of the first stage or of the process directory is reserved",
    "第一阶段或进程目录的模式为保留值",
);
const BAD_SECOND: Text = Text::new("the mode of the second stage is reserved", "第二阶段的模式为保留值");
const UNALIGNED: Text =
    Text::new("the root of the second stage is not aligned to 16 KiB", "第二阶段页表根未按 16 KiB 对齐");
const NARROW: Text =
    Text::new("SXL is 1: 32-bit tables, which are not read here", "SXL 为 1：32 位页表，这里不读");

impl Way<'_> {
    pub(super) fn riscv(&mut self) -> Result<Stages, End> {
        let words = match self.entry {
            Some(entry) => {
                let four = [entry[0], entry[1], entry[2], entry[3]];
                self.note::<4>(DEVICE_CONTEXT, None, four, context_says)?
            }
            None => {
                let at = self.device()?;
                self.read::<4>(DEVICE_CONTEXT, at, None, context_says)?
            }
        };
        let second = match words.bits(dc::IOHGATP_MODE) {
            iohgatp_mode::BARE => None,
            mode => {
                let update = words.is_set(dc::GADE);
                let format = Riscv { update, frozen: true, ..Riscv::second(levels_of(mode)?) };
                Some(Stage::new(Any::Riscv(format), words.address(dc::IOHGATP_PPN)))
            }
        };
        let process = self.asked.pasid.map(u64::from);
        let mode = words.bits(dc::FSC_MODE);
        let wide = match mode {
            fsc_mode::PD8 => process.is_some_and(|process| process >> 8 != 0),
            fsc_mode::PD17 => process.is_some_and(|process| process >> 17 != 0),
            _ => false,
        };
        let (mut mode, mut root) = (mode, words.address(dc::FSC_PPN));
        if words.is_set(dc::PDTV) {
            if wide {
                return refused(WIDE_PROCESS);
            }
            let without = words.is_set(dc::DPE).then_some(0);
            match process.or(without).filter(|_| mode != fsc_mode::BARE) {
                Some(number) => {
                    let found = self.process(&words, number, second.as_ref())?;
                    (mode, root) = (found.bits(pc::FSC_MODE), found.address(pc::FSC_PPN));
                }
                None => return Ok((None, second)),
            }
        } else if process.is_some() {
            return refused(NO_PROCESSES);
        }
        let first = match mode {
            fsc_mode::BARE => None,
            mode => {
                let format = Riscv {
                    update: words.is_set(dc::SADE),
                    big_endian: words.is_set(dc::SBE),
                    frozen: true,
                    role: Role::First { sum: false },
                    ..Riscv::first(levels_of(mode)?)
                };
                Some(Stage::new(Any::Riscv(format), root))
            }
        };
        Ok((first, second))
    }

    /// Where the device context is.
    fn device(&mut self) -> Result<u64, End> {
        let register = self.root.first().copied().unwrap_or(0);
        let id = u64::from(self.number());
        // Contexts of 64 bytes; those without MSI translation have 32 (RISC-V IOMMU, device directory).
        let extended = self.root.get(1) != Some(&32);
        let index = match extended {
            true => [id & 0x3f, id >> 6 & 0x1ff, id >> 15],
            false => [id & 0x7f, id >> 7 & 0x1ff, id >> 16],
        };
        let levels = match register.bits(ddtp::IOMMU_MODE) {
            mode::OFF => return refused(OFF),
            mode::BARE => return Err(End::Same(PASSED)),
            found @ mode::LEVELS_1..=mode::LEVELS_3 => (found - mode::LEVELS_1 + 1) as usize,
            _ => return refused(RESERVED),
        };
        if index[levels..].iter().any(|above| *above != 0) {
            return refused(WIDE_DEVICE);
        }
        let mut at = register.address(ddtp::PPN);
        // Bounded: three levels.
        for level in (1..levels).rev() {
            let [entry] = self.read::<1>(DIRECTORY_ENTRY, at + index[level] * 8, None, |words| {
                let next = words.address(ddte::PPN);
                sound(words.is_set(ddte::V), DDTE.reserved_set(words, 64), next)
            })?;
            at = entry.address(ddte::PPN);
        }
        Ok(at + index[0] * if extended { 64 } else { 32 })
    }

    /// The context of a process; with SBE its directory is big-endian.
    fn process(&mut self, context: &[u64; 4], number: u64, below: Option<&Stage>) -> Result<[u64; 2], End> {
        let big = context.is_set(dc::SBE);
        let order = |value: u64| if big { value.swap_bytes() } else { value };
        let mut table = context.address(dc::FSC_PPN);
        let index = [number & 0xff, number >> 8 & 0x1ff, number >> 17];
        // Bounded: PD20 has three levels.
        for level in (1..context.bits(dc::FSC_MODE).min(fsc_mode::PD20) as usize).rev() {
            let [stored] = self.read::<1>(DIRECTORY_ENTRY, table + index[level] * 8, below, |stored| {
                let words = stored.map(order);
                sound(words.is_set(pdte::V), PDTE.reserved_set(&words, 64), words.address(pdte::PPN))
            })?;
            table = order(stored).address(pdte::PPN);
        }
        let stored = self.read::<2>(PROCESS_CONTEXT, table + index[0] * 16, below, |stored| {
            let words = stored.map(order);
            let next = sound(words.is_set(pc::V), PC.reserved_set(&words, 64), words.address(pc::FSC_PPN))?;
            match words.bits(pc::FSC_MODE) {
                fsc_mode::BARE | fsc_mode::SV39..=fsc_mode::SV57 => Ok(next),
                _ => Err(BAD_MODE),
            }
        })?;
        Ok(stored.map(order))
    }
}

/// What a device context says, and what makes it misconfigured (RISC-V IOMMU, device context, configuration checks).
fn context_says(words: &[u64; 4]) -> Result<u64, Text> {
    let is = |field| words.is_set(field);
    let guest = is(dc::IOHGATP_MODE);
    let (first, second) = (words.address(dc::FSC_PPN), words.address(dc::IOHGATP_PPN));
    let next = sound(is(dc::V), false, if is(dc::FSC_MODE) { first } else { second })?;
    let mode = words.bits(dc::FSC_MODE);
    let modes = match is(dc::PDTV) {
        true => mode <= fsc_mode::PD20,
        false => matches!(mode, fsc_mode::BARE | fsc_mode::SV39..=fsc_mode::SV57),
    };
    let second_mode = words.bits(dc::IOHGATP_MODE);
    let second_known =
        matches!(second_mode, iohgatp_mode::BARE | iohgatp_mode::SV39X4..=iohgatp_mode::SV57X4);
    let lone = !is(dc::EN_ATS) && (is(dc::T2GPA) || is(dc::EN_PRI)) || !is(dc::EN_PRI) && is(dc::PRPR);
    let checks = [
        (DC_BASE.reserved_set(words, 64), RESERVED_BIT),
        (lone, ATS_PAIRS),
        (is(dc::T2GPA) && !guest, BAD_T2GPA),
        (!modes, BAD_MODE),
        (!is(dc::PDTV) && is(dc::DPE), BAD_DPE),
        (!second_known, BAD_SECOND),
        (guest && second % (16 << 10) != 0, UNALIGNED),
        (is(dc::SXL), NARROW),
    ];
    match checks.iter().find(|(bad, _)| *bad) {
        Some((_, why)) => Err(*why),
        None => Ok(next),
    }
}

/// Sv39, Sv48, Sv57 are modes 8, 9, 10, with or without x4.
fn levels_of(mode: u64) -> Result<u8, End> {
    match mode {
        fsc_mode::SV39..=fsc_mode::SV57 => Ok(mode as u8 - 5),
        _ => refused(RESERVED),
    }
}
