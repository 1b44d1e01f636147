//! From a function to its page tables as AMD-Vi finds them: the device table, and of a PASID the guest CR3 tables, with what stops a
//! request there (AMD 48882, device table entry, guest CR3 table). Which features the unit has no dump says: all count as there.

use super::stage::{Any, End, Stage};
use super::way::{refused, sound, Stages, Way, FORWARDED, PASSED, RESERVED_BIT};
use crate::iommu::amdvi::spec::registers::device_table;
use crate::iommu::amdvi::spec::structures::{dte, gcr3_root, gcr3e, glx, guest_mode, mode, DTE, GCR3E};
use crate::paging::amdv1::AmdV1;
use crate::paging::vtd_first::FirstStage;
use crate::spec::{Bits, Text};
use crate::trace::Perms;

const DEVICE_ENTRY: Text = Text::new("device table entry (DTE)", "设备表项（DTE）");
const GCR3_ENTRY: Text = Text::new("guest CR3 table entry", "客户机 CR3 表项");

const INSIDE: Text = Text::new(
    "the DeviceID is beyond the device table (Size of its register)",
    "DeviceID 超出设备表（其寄存器的 Size）",
);
const NO_TABLES: Text = Text::new("TV is 0: there is no translation information", "TV 为 0：没有转换信息");
const BAD_MODE: Text = Text::new("Mode is reserved", "Mode 为保留值");
const BAD_GUESTS: Text = Text::new("GLX or GuestPagingMode is reserved", "GLX 或 GuestPagingMode 为保留值");
const RIGHTS: Text = Text::new("IR or IW of the entry forbids the access", "该表项的 IR、IW 不允许这次访问");
const NO_GUEST: Text =
    Text::new("GV is 0: there are no guest tables for a PASID", "GV 为 0：没有供 PASID 使用的客户机页表");
const BEYOND: Text =
    Text::new("the GCR3 table has no place for the PASID (GLX)", "GCR3 表容不下该 PASID（GLX）");

impl Way<'_> {
    pub(super) fn amd(&mut self) -> Result<Stages, End> {
        let register = self.root.first().copied().unwrap_or(0);
        let id = u64::from(self.function()?.bdf16());
        // Size counts pages of 128 entries, less one.
        if self.entry.is_none() && id >= (register.bits(device_table::SIZE) + 1) * 128 {
            return refused(INSIDE);
        }
        let asked = self.asked;
        let at = register.address(device_table::BASE) + id * 32;
        let words = self.own::<4>(DEVICE_ENTRY, at, |words| {
            let guest = words.is_set(dte::GV);
            let bad_guests =
                words.bits(dte::GLX) == glx::RESERVED || words.bits(dte::GUEST_MODE) > guest_mode::LEVELS_5;
            if DTE.reserved_set(words, 64) {
                Err(RESERVED_BIT)
            } else if !words.is_set(dte::V) {
                Err(FORWARDED)
            } else if guest && bad_guests {
                Err(BAD_GUESTS)
            } else if !words.is_set(dte::TV) {
                Err(NO_TABLES)
            } else if words.bits(dte::MODE) == mode::RESERVED {
                Err(BAD_MODE)
            } else if !words.is_set(if asked.write { dte::IW } else { dte::IR }) {
                Err(RIGHTS)
            } else if asked.pasid.is_some() && !guest {
                Err(NO_GUEST)
            } else if guest && (asked.pasid.is_some() || words.is_set(dte::GIOV)) {
                Ok(gcr3(words))
            } else if words.bits(dte::MODE) == mode::NONE {
                Err(PASSED)
            } else {
                Ok(words.address(dte::HOST_ROOT))
            }
        })?;
        self.limit = Perms::when(Perms::R, words.is_set(dte::IR))
            .or(Perms::when(Perms::W, words.is_set(dte::IW)))
            .or(Perms::X);
        let levels = words.bits(dte::MODE) as u8;
        let root = words.address(dte::HOST_ROOT);
        let host = (levels > 0).then(|| Stage::new(Any::Amd(AmdV1::new(levels)), root));
        let pasid = asked.pasid.or(words.is_set(dte::GIOV).then_some(0));
        match pasid.filter(|_| words.is_set(dte::GV)) {
            Some(pasid) => Ok((Some(self.guest(&words, pasid.into())?), host)),
            None => Ok((None, host)),
        }
    }

    /// The guest tables of a PASID.
    fn guest(&mut self, words: &[u64; 4], pasid: u64) -> Result<Stage, End> {
        let top = words.bits(dte::GLX);
        if pasid >> (9 * (top + 1)) != 0 {
            return refused(BEYOND);
        }
        let mut at = gcr3(words);
        // Bounded: GLX has two bits.
        for level in (0..=top).rev() {
            let index = pasid >> (9 * level) & 0x1ff;
            let [entry] = self.read::<1>(GCR3_ENTRY, at + index * 8, None, |words| {
                let next = words.address(gcr3e::GCR3);
                sound(words.is_set(gcr3e::V), GCR3E.reserved_set(words, 64), next)
            })?;
            at = entry.address(gcr3e::GCR3);
        }
        // Guest tables are those of x86, as VT-d's first stage has them.
        let levels = 4 + words.bits(dte::GUEST_MODE) as u8;
        let guest = FirstStage { levels, host_bits: 52, update: false, ..FirstStage::four_levels() };
        Ok(Stage::new(Any::VtdFirst(guest), at))
    }
}

fn gcr3(words: &[u64; 4]) -> u64 {
    let part = |field| words.bits(field);
    let root = 0u64.with(gcr3_root::A, part(dte::GCR3_A)).with(gcr3_root::B, part(dte::GCR3_B));
    root.with(gcr3_root::C, part(dte::GCR3_C))
}
