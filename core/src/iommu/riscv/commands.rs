//! The command queue: what makes the unit forget, and fences (RISC-V IOMMU, "Command-Queue").

use super::entries::{command, reserved_set};
use super::spec::registers::capabilities as cap;
use super::spec::registers::{self as reg, csr};
use super::{shared, Riscv};
use crate::addr::PhysAddr;
use crate::iommu::ats::Napot;
use crate::iommu::fetch::Place;
use crate::iommu::registers::Registers;
use crate::iommu::ring::{Consumer, Ring};
use crate::memory::Memory;
use crate::spec::{Rule, Text};
use crate::trace::{write_data, Actor, Observer, Off, Scope, Verdict};

static ILLEGAL: Rule = Rule {
    text: Text::new(
        "an opcode, a function, a reserved bit or a combination that is not defined (cmd_ill)",
        "未定义的操作码、功能、保留位或组合（cmd_ill）",
    ),
    section: "RISC-V IOMMU, command queue",
};
static UNREACHED: Rule = Rule {
    text: Text::new(
        "memory of the queue or of the fence's data refuses (cqmf)",
        "队列或栅栏数据所在内存拒绝访问（cqmf）",
    ),
    section: "RISC-V IOMMU, command queue",
};
static TIMED_OUT: Rule = Rule {
    text: Text::new(
        "a device did not answer an invalidation of its TLB (cmd_to)",
        "设备未应答其 TLB 的失效请求（cmd_to）",
    ),
    section: "RISC-V IOMMU, command queue",
};

/// Why the queue stopped at a command.
#[derive(Clone, Copy)]
pub enum Halt {
    Illegal,
    Memory,
    TimedOut,
}

impl Halt {
    /// The bit of cqcsr that says so, and the rule.
    fn reported(self) -> (u64, &'static Rule) {
        match self {
            Halt::Illegal => (csr::ILL, &ILLEGAL),
            Halt::Memory => (csr::MF, &UNREACHED),
            Halt::TimedOut => (csr::TO, &TIMED_OUT),
        }
    }
}

impl Consumer for Riscv {
    type Halt = Halt;

    fn commands(&self) -> Option<(Ring, u64, u64)> {
        let status = self.regs.get(reg::cqcsr::OFFSET, 4);
        let stopped = status & (csr::MF | csr::TO | csr::ILL) != 0;
        let runs = status & csr::ON != 0 && status & csr::EN != 0 && !stopped;
        let ring = shared::ring(self.regs.get(reg::cqb::OFFSET, 8), 16);
        runs.then(|| (ring, self.regs.get(reg::cqh::OFFSET, 4), self.regs.get(reg::cqt::OFFSET, 4)))
    }

    fn obey<O: Observer>(
        &mut self,
        memory: &mut Memory,
        at: PhysAddr,
        index: u32,
        obs: &mut O,
    ) -> Result<(), Halt> {
        // Which command it is decides how it is recorded: look first.
        let place = |low| Place::physical(command(low), 0, index, at.raw());
        let reach = self.config.reach(self.regs.get(reg::fctl::OFFSET, 4) & 1 != 0);
        let words = place(0).read(&reach, memory, &mut Off).map_err(|_| Halt::Memory)?;
        let place = place(words[0]);
        if O::ON {
            obs.begin(Actor::Iommu, Scope::Command { entry: place.entry });
        }
        let legal = self.legal_command(words[0], words[1]);
        place.record(&words, if legal { Verdict::Ok } else { Verdict::Refused(&ILLEGAL) }, obs);
        let result = if legal { self.act(memory, words[0], words[1], obs) } else { Err(Halt::Illegal) };
        obs.end(
            Actor::Iommu,
            result.map_or_else(|halt| Verdict::Refused(halt.reported().1), |()| Verdict::Ok),
        );
        result
    }

    fn advance<O: Observer>(&mut self, head: u64, obs: &mut O) {
        self.set(reg::cqh::OFFSET, 4, head, obs);
    }

    fn halt<O: Observer>(&mut self, memory: &mut Memory, halt: Halt, obs: &mut O) {
        self.raise(reg::cqcsr::OFFSET, halt.reported().0, obs);
        self.interrupt(memory, reg::cqcsr::OFFSET, csr::IE, 1, 0, obs);
    }
}

impl Riscv {
    fn legal_command(&self, low: u64, high: u64) -> bool {
        let config = &self.config;
        if reserved_set(command(low), &[low, high]) {
            return false;
        }
        let device = (low >> 40) as u32;
        let process = low >> 12 & 0xf_ffff;
        let known =
            |pid: u64| pid >> 8 == 0 || pid >> 17 == 0 && config.has(cap::PD17) || config.has(cap::PD20);
        match (low & 0x7f, low >> 7 & 7) {
            (1, 0 | 1) => {
                (config.has(cap::NL) || low >> 34 & 1 == 0) && (config.has(cap::S) || high >> 9 & 1 == 0)
            }
            (2, 0) => self.regs.get(reg::fctl::OFFSET, 4) & 0b10 != 0 || low >> 11 & 1 == 0,
            (3, 0) => process == 0,
            (3, 1) => low >> 33 & 1 != 0 && known(process) && device >> 24 == 0,
            (4, 0 | 1) => config.has(cap::ATS),
            _ => false,
        }
    }

    /// Does what a legal command says.
    fn act<O: Observer>(
        &mut self,
        memory: &mut Memory,
        low: u64,
        high: u64,
        obs: &mut O,
    ) -> Result<(), Halt> {
        match (low & 0x7f, low >> 7 & 7) {
            (1, func) => self.invalidate_pages(low, high, func == 1, obs),
            (2, _) => return self.fence(memory, low, high, obs),
            (3, 0) => {
                let device = (low >> 33 & 1 != 0).then_some((low >> 40) as u32);
                let hit = |key: u32| device.is_none_or(|d| d == key);
                self.caches.ddt.invalidate(|key, _| hit(key.0), obs);
                self.caches.pdt.invalidate(|key, _| hit(key.0), obs);
            }
            (3, _) => {
                let (device, process) = ((low >> 40) as u32, (low >> 12 & 0xf_ffff) as u32);
                self.caches.pdt.invalidate(|key, _| key.0 == device && key.1 == process, obs);
            }
            (4, 0) if self.mute.contains(&((low >> 40) as u16)) => self.unanswered = true,
            // ATS.INVAL and ATS.PRGR are messages to the device; what it keeps is the device's own affair.
            _ => {}
        }
        Ok(())
    }

    /// IOTINVAL.VMA and IOTINVAL.GVMA. Entries hold both stages together, so a guest-physical address cannot be
    /// matched against those of two stages: they all go.
    fn invalidate_pages<O: Observer>(&mut self, low: u64, high: u64, second: bool, obs: &mut O) {
        let bit = |n: u32| low >> n & 1 != 0;
        let (av, pscv, gv) = (bit(10), bit(32), bit(33));
        let gscid = (low >> 44) as u16;
        let pscid = (low >> 12 & 0xf_ffff) as u32;
        let page = high >> 10 << 12;
        let span = Napot::from_sized(high >> 10, high >> 9 & 1 != 0).span();
        self.caches.iotlb.entries().invalidate(
            |tag, entry| {
                let reach = span | ((1u64 << tag.shift) - 1);
                let address = !av || tag.page & !reach == page & !reach;
                if second {
                    let guest = tag.gscid.is_some_and(|g| !gv || g == gscid);
                    guest && (tag.pscid.is_some() || !gv || address)
                } else {
                    let guest = if gv { tag.gscid == Some(gscid) } else { tag.gscid.is_none() };
                    let process = !pscv || tag.pscid == Some(pscid) && !entry.global;
                    guest && process && address
                }
            },
            obs,
        );
    }

    fn fence<O: Observer>(
        &mut self,
        memory: &mut Memory,
        low: u64,
        high: u64,
        obs: &mut O,
    ) -> Result<(), Halt> {
        if core::mem::take(&mut self.unanswered) {
            return Err(Halt::TimedOut);
        }
        if low >> 10 & 1 != 0 {
            let at = (high & 0x3fff_ffff_ffff_ffff) << 2;
            let bytes = self.word((low >> 32) as u32);
            let stored = self.config.fits(at)
                && write_data(memory, obs, Actor::Iommu, PhysAddr::new(at), &bytes).is_ok();
            if !stored {
                return Err(Halt::Memory);
            }
        }
        if low >> 11 & 1 != 0 && self.regs.get(reg::cqcsr::OFFSET, 4) & csr::FENCE == 0 {
            self.raise(reg::cqcsr::OFFSET, csr::FENCE, obs);
            self.interrupt(memory, reg::cqcsr::OFFSET, csr::IE, 1, 0, obs);
        }
        Ok(())
    }
}
