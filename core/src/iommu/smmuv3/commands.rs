//! The command queue: what makes the unit forget, and CMD_SYNC (IHI 0070, 4).

use super::caches::Substream;
use super::config::Config;
use super::context::World;
use super::spec::commands::{
    self, atc_inv, cfgi_cd, cfgi_ste_range, command, cs, opcode, resume, sync, tg, tlbi,
};
use super::spec::registers::*;
use super::unit::Resumed;
use super::unit::SmmuUnit;
use crate::addr::{AnyAddr, PhysAddr, Space};
use crate::iommu::ats::{Forget, Napot};
use crate::iommu::fetch::Place;
use crate::iommu::ring::{Consumer, Ring};
use crate::memory::Memory;
use crate::spec::{Bits, Rule, Text};
use crate::trace::{Actor, Observer, Scope, Verdict};

static ILLEGAL: Rule = Rule {
    text: Text::new(
        "an opcode that is not defined, or a command of a feature that the unit lacks (CERROR_ILL)",
        "未定义的操作码，或 IOMMU 不具备其功能的命令（CERROR_ILL）",
    ),
    section: "IHI 0070 7.1",
};
static UNREAD: Rule = Rule {
    text: Text::new("the queue could not be read (CERROR_ABT)", "无法读取队列（CERROR_ABT）"),
    section: "IHI 0070 7.1",
};
static UNANSWERED: Rule = Rule {
    text: Text::new(
        "a device did not answer an invalidation of its TLB (CERROR_ATC_INV_SYNC)",
        "设备未应答其 TLB 的失效请求（CERROR_ATC_INV_SYNC）",
    ),
    section: "IHI 0070 7.1",
};

/// Why the queue stopped at a command.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Halt {
    Illegal,
    Abort,
    Unanswered,
}

impl Halt {
    const fn code(self) -> u64 {
        match self {
            Halt::Illegal => cerror::ILL,
            Halt::Abort => cerror::ABT,
            Halt::Unanswered => cerror::ATC_INV_SYNC,
        }
    }
    const fn rule(self) -> &'static Rule {
        match self {
            Halt::Illegal => &ILLEGAL,
            Halt::Abort => &UNREAD,
            Halt::Unanswered => &UNANSWERED,
        }
    }
}

/// The addresses that a TLBI command names.
#[derive(Clone, Copy, Debug)]
struct Range {
    start: u64,
    last: u64,
}

impl Range {
    /// TG and TTL only let a unit forget less: what has the address is forgotten whatever its granule and level.
    fn of(words: &commands::tlbi::Words, unit: &Config) -> Self {
        let start = words.address(tlbi::ADDR);
        let granule = match words.bits(tlbi::TG) {
            _ if unit.idr3(idr3::RIL) == 0 => None,
            tg::K4 => Some(12),
            tg::K16 => Some(14),
            tg::K64 => Some(16),
            _ => None,
        };
        let Some(granule) = granule else { return Range { start, last: start | 0xfff } };
        let pages = (words.bits(tlbi::NUM) + 1) << scale(words, unit);
        // A range ends with the addresses, it does not go on at 0 (IHI 0070, 4.4.1.1).
        Range { start, last: start.saturating_add((pages << granule) - 1) }
    }

    /// Returns whether a page of 2^`shift` bytes has an address of the range.
    fn touches(&self, page: u64, shift: u8) -> bool {
        page <= self.last && self.start <= page | ((1u64 << shift) - 1)
    }
}

/// Returns SCALE: five bits, or six with IDR5.DS, of which 39 is the largest (IHI 0070, 4.4.1.1).
fn scale(words: &commands::tlbi::Words, unit: &Config) -> u64 {
    match unit.idr5(idr5::DS) {
        0 => words.bits(tlbi::SCALE) & 31,
        _ => words.bits(tlbi::SCALE).min(39),
    }
}

/// Returns whether a command names a granule, but neither a range nor a level, which is reserved (IHI 0070, 4.4.1.1).
fn names_a_granule_only(words: &commands::tlbi::Words, unit: &Config) -> bool {
    let granule = words.bits(tlbi::TG);
    // Level 1 has no blocks of 16 KiB granules, unless addresses have 52 bits.
    let no_level = match words.bits(tlbi::TTL) {
        0 => true,
        1 => granule == tg::K16 && unit.idr5(idr5::DS) == 0,
        _ => false,
    };
    granule != tg::NONE && words.bits(tlbi::NUM) == 0 && scale(words, unit) == 0 && no_level
}

impl SmmuUnit {
    fn one_command<O: Observer>(
        &mut self,
        memory: &mut Memory,
        pa: PhysAddr,
        index: u32,
        obs: &mut O,
    ) -> Result<(), Halt> {
        let pa = pa.raw();
        // Which command it is decides how it is recorded: look first.
        let at = AnyAddr { space: Space::Physical, raw: pa };
        let place = |low| Place { entry: command(low), level: 0, index, at, pa };
        let reach = self.config.reach();
        let words = place(0).read(&reach, memory, &mut crate::trace::Off).map_err(|_| Halt::Abort);
        let words = match words {
            Ok(words) => words,
            Err(halt) => {
                place(0).record(&[0; 8], Verdict::Refused(halt.rule()), obs);
                return Err(halt);
            }
        };
        let place = place(words[0]);
        if O::ON {
            obs.begin(Actor::Iommu, Scope::Command { entry: place.entry });
        }
        let command = [words[0], words[1]];
        let result = match self.legal(&command) {
            false => {
                place.record(&words, Verdict::Refused(&ILLEGAL), obs);
                Err(Halt::Illegal)
            }
            true => {
                place.record(&words, Verdict::Ok, obs);
                self.carry_out(memory, &command, obs)
            }
        };
        obs.end(Actor::Iommu, result.map_or_else(|halt| Verdict::Refused(halt.rule()), |()| Verdict::Ok));
        result
    }

    /// Does the unit have what the command is for? (IHI 0070, 4)
    fn legal(&self, words: &[u64; 2]) -> bool {
        use opcode::*;
        let unit = &self.config;
        let accepts = unit.quirks.commands_accepted;
        let insecure = !words.is_set(cfgi_cd::SSEC);
        let ranged =
            matches!(words[0] as u8, TLBI_NH_VA | TLBI_NH_VAA | TLBI_EL2_VA | TLBI_EL2_VAA | TLBI_S2_IPA);
        if ranged && !accepts && unit.idr3(idr3::RIL) != 0 && names_a_granule_only(words, unit) {
            return false;
        }
        match words[0] as u8 {
            PREFETCH_CONFIG | PREFETCH_ADDR => accepts || insecure,
            CFGI_STE | CFGI_STE_RANGE => insecure,
            CFGI_CD | CFGI_CD_ALL => {
                let stream = words.bits(cfgi_cd::SID) as u32;
                let known = self.known.as_ref().is_none_or(|known| known.contains(&stream));
                insecure && (unit.has(idr0::S1P) || !known)
            }
            TLBI_NH_ALL | TLBI_NH_ASID | TLBI_NH_VA | TLBI_NH_VAA => unit.has(idr0::S1P),
            TLBI_S12_VMALL | TLBI_S2_IPA => unit.has(idr0::S2P),
            TLBI_NSNH_ALL => true,
            TLBI_EL2_ALL | TLBI_EL2_ASID | TLBI_EL2_VA | TLBI_EL2_VAA => accepts || unit.has(idr0::HYP),
            TLBI_EL3_ALL | TLBI_EL3_VA => accepts,
            ATC_INV => accepts || insecure && unit.has(idr0::ATS),
            PRI_RESP => accepts || insecure && unit.has(idr0::PRI),
            RESUME | STALL_TERM => accepts || insecure && unit.can_stall(),
            SYNC => accepts || words.bits(sync::CS) <= cs::SEV,
            _ => false,
        }
    }

    fn carry_out<O: Observer>(
        &mut self,
        memory: &mut Memory,
        words: &[u64; 2],
        obs: &mut O,
    ) -> Result<(), Halt> {
        use opcode::*;
        let together = self.config.quirks.config_together;
        let stream = words.bits(cfgi_cd::SID) as u32;
        match words[0] as u8 {
            CFGI_STE => self.caches.forget_streams(|s| s == stream, obs),
            CFGI_STE_RANGE => {
                let mask = (2u64 << words.bits(cfgi_ste_range::RANGE)) - 1;
                let hit = |s: u32| u64::from(s) & !mask == u64::from(stream) & !mask;
                self.caches.forget_streams(hit, obs);
            }
            CFGI_CD if !together => {
                let number = words.bits(cfgi_cd::SSID) as u32;
                self.caches.cd.invalidate(|key, _| *key == Substream(stream, number), obs);
            }
            CFGI_CD | CFGI_CD_ALL if together => self.caches.forget_streams(|s| s == stream, obs),
            CFGI_CD | CFGI_CD_ALL => self.caches.cd.invalidate(|key, _| key.0 == stream, obs),
            TLBI_NH_ALL..=TLBI_NSNH_ALL => self.forget(words, obs),
            // Without translation it does nothing (IHI 0070, 6.3.9.6).
            ATC_INV if self.regs.get(cr0::OFFSET, 4).is_set(switches::SMMUEN) => {
                self.invalidation_request(words, obs);
            }
            RESUME if self.config.can_stall() => {
                let stag = words.bits(resume::STAG) as u16;
                let how = match (words.is_set(resume::AC), words.is_set(resume::AB)) {
                    (true, _) => Resumed::Retry,
                    (false, false) if !self.config.has(idr0::TERM_MODEL) => Resumed::Ignored,
                    _ => Resumed::Abort,
                };
                self.release(|waiting| waiting.stream == stream && waiting.stag == stag, how);
            }
            STALL_TERM if self.config.can_stall() => {
                self.release(|waiting| waiting.stream == stream, Resumed::Abort);
            }
            SYNC => return self.sync(memory, words, obs),
            // Prefetching is a hint. What a device is sent is its own affair.
            _ => {}
        }
        Ok(())
    }

    /// CMD_ATC_INV: a device is sent an invalidation request, which it answers or not.
    fn invalidation_request<O: Observer>(&mut self, words: &[u64; 2], obs: &mut O) {
        let stream = words.bits(atc_inv::SID) as u32;
        if self.mute.contains(&stream) {
            self.unanswered = true;
            return;
        }
        let order = words.bits(atc_inv::SIZE).min(52) as u8;
        let page = words.address(atc_inv::ADDR) >> 12 & !((1 << order) - 1);
        let pasid = words.is_set(atc_inv::SSV).then(|| words.bits(atc_inv::SSID) as u32);
        let global = words.is_set(atc_inv::GLOBAL);
        let request = Forget { pasid, global, pages: Napot { page, order } };
        self.device_tlbs.forget_by_id(stream, &request, obs);
    }

    /// The CMD_TLBI commands (IHI 0070, 4.4).
    fn forget<O: Observer>(&mut self, words: &[u64; 2], obs: &mut O) {
        use opcode::*;
        let unit = self.config;
        if unit.quirks.commands_accepted && matches!(words[0] as u8, TLBI_EL3_ALL..=TLBI_EL2_VAA) {
            return;
        }
        let code = words[0] as u8;
        let (vmid, asid) = (words.bits(tlbi::VMID) as u16, words.bits(tlbi::ASID) as u16);
        // Without stage 2 there are no VMIDs.
        let guest = |tag: Option<u16>| !unit.has(idr0::S2P) || tag == Some(vmid);
        let range = Range::of(words, &unit);
        let any_stage = unit.quirks.vaa_any_stage;
        let el2 = |world| matches!(world, World::El2 | World::El2E2h);
        // CR2.E2H says which of the two a command by address is about (IHI 0070, 4.4.2.8 and 4.4.2.9).
        let e2h = self.regs.get(cr2::OFFSET, 4).is_set(cr2::E2H);
        let now = |world| world == if e2h { World::El2E2h } else { World::El2 };
        self.caches.tlb.entries().invalidate(
            |tag, _| {
                let el1 = tag.world == World::El1 && guest(tag.vmid);
                let page = range.touches(tag.page, tag.shift);
                let of_asid = tag.asid.is_none_or(|a| a == asid);
                match code {
                    TLBI_NH_ALL => el1,
                    TLBI_NH_ASID => el1 && tag.asid == Some(asid),
                    TLBI_NH_VA => el1 && of_asid && page,
                    TLBI_NH_VAA => (el1 || any_stage && tag.vmid == Some(vmid)) && page,
                    TLBI_EL2_ALL => el2(tag.world),
                    TLBI_EL2_ASID => tag.world == World::El2E2h && tag.asid == Some(asid),
                    TLBI_EL2_VA => now(tag.world) && of_asid && page,
                    TLBI_EL2_VAA => now(tag.world) && page,
                    TLBI_S12_VMALL => !el2(tag.world) && tag.vmid == Some(vmid),
                    TLBI_S2_IPA => tag.world == World::Ipa && tag.vmid == Some(vmid) && page,
                    _ => !el2(tag.world),
                }
            },
            obs,
        );
    }

    fn sync<O: Observer>(&mut self, memory: &mut Memory, words: &[u64; 2], obs: &mut O) -> Result<(), Halt> {
        if core::mem::take(&mut self.unanswered) {
            return Err(Halt::Unanswered);
        }
        match words.bits(sync::CS) {
            cs::IRQ => {
                let (address, data) = (words.address(sync::MSIADDR), words.bits(sync::MSIDATA) as u32);
                self.message(memory, address, data, global_errors::MSI_CMDQ_ABT_ERR, obs);
            }
            cs::SEV => self.wake(),
            _ => {}
        }
        Ok(())
    }

    /// Sends an event to CPUs, where the unit can.
    fn wake(&mut self) {
        self.wakeups += u64::from(self.config.has(idr0::SEV));
    }
}

impl Consumer for SmmuUnit {
    type Halt = Halt;

    fn commands(&self) -> Option<(Ring, u64, u64)> {
        let active = self.regs.get(gerror::OFFSET, 4) ^ self.regs.get(gerrorn::OFFSET, 4);
        let on = self.regs.get(cr0::OFFSET, 4).is_set(switches::CMDQEN);
        let ring = self.ring(cmdq_base::OFFSET, 16, idr1::CMDQS);
        let (head, tail) = (self.regs.get(cmdq_cons::OFFSET, 4), self.regs.get(cmdq_prod::OFFSET, 4));
        (on && !active.is_set(global_errors::CMDQ_ERR)).then_some((ring, head, tail))
    }

    fn obey<O: Observer>(
        &mut self,
        memory: &mut Memory,
        at: PhysAddr,
        index: u32,
        obs: &mut O,
    ) -> Result<(), Halt> {
        self.one_command(memory, at, index, obs)
    }

    fn advance<O: Observer>(&mut self, head: u64, obs: &mut O) {
        let ring = self.ring(cmdq_base::OFFSET, 16, idr1::CMDQS);
        if ring.is_full(self.regs.get(cmdq_cons::OFFSET, 4), self.regs.get(cmdq_prod::OFFSET, 4)) {
            // Software may have waited for room (IHI 0070, 4.1.2).
            self.wake();
        }
        let next = self.regs.get(cmdq_cons::OFFSET, 4).with(cmdq_cons::RD, head);
        self.put(&CMDQ_CONS, next, obs);
    }

    fn halt<O: Observer>(&mut self, memory: &mut Memory, halt: Halt, obs: &mut O) {
        let cons = self.regs.get(cmdq_cons::OFFSET, 4).with(cmdq_cons::ERR, halt.code());
        self.put(&CMDQ_CONS, cons, obs);
        self.report_error(memory, global_errors::CMDQ_ERR, obs);
    }
}
