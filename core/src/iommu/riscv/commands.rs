//! The command queue: what makes the unit forget, and fences (RISC-V IOMMU, "Command-Queue").

use super::records::Command;
use super::spec::commands::{command, iotinval};
use super::spec::registers::capabilities as cap;
use super::spec::registers::{self as reg, csr, fctl, icvec, ipsr};
use super::{shared, RiscvUnit};
use crate::addr::PhysAddr;
use crate::iommu::ats::{parse_invalidation, Napot};
use crate::iommu::fetch::Place;
use crate::iommu::registers::Registers;
use crate::iommu::ring::{Consumer, Ring};
use crate::memory::Memory;
use crate::spec::{Bits, Rule, Text};
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
    /// Returns the bit of cqcsr that says so, and the rule.
    fn reported(self) -> (u64, &'static Rule) {
        match self {
            Halt::Illegal => (csr::ILL, &ILLEGAL),
            Halt::Memory => (csr::MF, &UNREACHED),
            Halt::TimedOut => (csr::TO, &TIMED_OUT),
        }
    }
}

impl Consumer for RiscvUnit {
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
        let reach = self.config.reach(self.fctl(fctl::BE));
        let words = place(0).read(&reach, memory, &mut Off).map_err(|_| Halt::Memory)?;
        let place = place(words[0]);
        if O::ON {
            obs.begin(Actor::Iommu, Scope::Command { entry: place.entry });
        }
        let legal = self.legal(&[words[0], words[1]]);
        place.record(&words, if legal.is_some() { Verdict::Ok } else { Verdict::Refused(&ILLEGAL) }, obs);
        let result = match legal {
            Some(command) => self.act(memory, &command, obs),
            None => Err(Halt::Illegal),
        };
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
        self.interrupt(memory, reg::cqcsr::OFFSET, ipsr::CIP, icvec::CIV, obs);
    }
}

impl RiscvUnit {
    /// The command, if this unit takes it.
    fn legal(&self, words: &[u64; 2]) -> Option<Command> {
        if command(words[0]).reserved_set(words, 64) {
            return None;
        }
        let has = |flag| self.config.has(flag);
        let legal = |command: &Command| match *command {
            Command::Translations { non_leaf, .. } => {
                (has(cap::NL) || !non_leaf) && (has(cap::S) || !words.is_set(iotinval::S))
            }
            Command::Fence { wire, .. } => !wire || self.fctl(fctl::WSI),
            Command::Devices { .. } => true,
            Command::Process { process, .. } => {
                process >> 8 == 0 || process >> 17 == 0 && has(cap::PD17) || has(cap::PD20)
            }
            Command::Message { .. } => has(cap::ATS),
        };
        Command::parse(words).filter(legal)
    }

    /// Does what a legal command says.
    fn act<O: Observer>(&mut self, memory: &mut Memory, command: &Command, obs: &mut O) -> Result<(), Halt> {
        match *command {
            Command::Translations { second, pages, pscid, gscid, .. } => {
                self.forget_translations(second, pages, pscid, gscid, obs);
            }
            Command::Fence { write, wire, .. } => return self.fence(memory, write, wire, obs),
            Command::Devices { device } => {
                let hit = |key: u32| device.is_none_or(|d| d == key);
                self.caches.ddt.invalidate(|key, _| hit(key.0), obs);
                self.caches.pdt.invalidate(|key, _| hit(key.0), obs);
            }
            Command::Process { device, process } => {
                self.caches.pdt.invalidate(|key, _| key.0 == device && key.1 == process, obs);
            }
            Command::Message { response: false, rid, .. } if self.mute.contains(&rid) => {
                self.unanswered = true;
            }
            Command::Message { response: false, rid, process, payload } => {
                self.device_tlbs.forget(rid, &parse_invalidation(payload, process), obs);
            }
            // ATS.PRGR is an answer to the device.
            Command::Message { .. } => {}
        }
        Ok(())
    }

    /// IOTINVAL.VMA and IOTINVAL.GVMA. Entries hold both stages together, so a guest-physical address cannot be
    /// matched against those of two stages: they all go.
    fn forget_translations<O: Observer>(
        &mut self,
        second: bool,
        pages: Option<Napot>,
        pscid: Option<u32>,
        gscid: Option<u16>,
        obs: &mut O,
    ) {
        self.caches.iotlb.entries().invalidate(
            |tag, entry| {
                let address = pages.is_none_or(|pages| {
                    let reach = pages.span() | ((1u64 << tag.shift) - 1);
                    tag.page & !reach == pages.address() & !reach
                });
                if second {
                    let guest = tag.gscid.is_some_and(|g| gscid.is_none_or(|wanted| g == wanted));
                    guest && (tag.pscid.is_some() || gscid.is_none() || address)
                } else {
                    let process = pscid.is_none_or(|p| tag.pscid == Some(p) && !entry.global);
                    tag.gscid == gscid && process && address
                }
            },
            obs,
        );
    }

    fn fence<O: Observer>(
        &mut self,
        memory: &mut Memory,
        write: Option<(u64, u32)>,
        wire: bool,
        obs: &mut O,
    ) -> Result<(), Halt> {
        if core::mem::take(&mut self.unanswered) {
            return Err(Halt::TimedOut);
        }
        if let Some((at, data)) = write {
            let bytes = self.word(data);
            let stored = self.config.fits(at)
                && write_data(memory, obs, Actor::Iommu, PhysAddr::new(at), &bytes).is_ok();
            if !stored {
                return Err(Halt::Memory);
            }
        }
        if wire && self.regs.get(reg::cqcsr::OFFSET, 4) & csr::FENCE == 0 {
            self.raise(reg::cqcsr::OFFSET, csr::FENCE, obs);
            self.interrupt(memory, reg::cqcsr::OFFSET, ipsr::CIP, icvec::CIV, obs);
        }
        Ok(())
    }
}
