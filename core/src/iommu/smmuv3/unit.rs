//! The unit: registers, caches and stalled transactions together.

use super::caches::Caches;
use super::config::Config;
use super::context::Setup;
use super::driver::Driver;
use super::fault::Stopped;
use super::regs::Regs;
use super::spec::registers::{cr0, cr2, gbpa, strtab_base, strtab_base_cfg};
use super::translate::{process, Reached, Transaction};
use crate::addr::{AnyAddr, Iova, Pasid, RequesterId, Space};
use crate::iommu::Refusal;
use crate::memory::Memory;
use crate::trace::{Actor, Event, Observer, Recorded, Scope, Verdict};
use alloc::collections::BTreeSet;
use alloc::vec::Vec;

/// An Arm SMMUv3.
#[derive(Clone, Debug)]
pub struct Smmuv3 {
    pub(super) config: Config,
    pub(super) regs: Regs,
    pub(super) caches: Caches,
    /// Devices that do not answer invalidations of their TLB.
    pub(super) mute: BTreeSet<u32>,
    /// A CMD_ATC_INV was not answered: the next CMD_SYNC fails.
    pub(super) unanswered: bool,
    /// The StreamIDs that have a device, where commands for others are accepted without effect.
    pub(super) known: Option<BTreeSet<u32>>,
    /// Transactions that wait for CMD_RESUME.
    pub(super) waiting: Vec<Waiting>,
    /// What software decided about those that waited.
    pub(super) decided: Vec<(u16, Resumed)>,
    next_stag: u16,
    pub(super) driver: Driver,
}

/// A stalled transaction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Waiting {
    /// Its name.
    pub stag: u16,
    /// Whose it is.
    pub stream: u32,
    /// What it wants.
    pub transaction: Transaction,
}

/// What software decided about a stalled transaction (IHI 0070, 4.6).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Resumed {
    /// It is tried again.
    Retry,
    /// It is terminated with an abort.
    Abort,
    /// It is terminated as CD.A says.
    Terminate,
}

/// How a transaction is answered.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Reply {
    /// With a translation.
    Reached(Reached),
    /// It waits under this name.
    Stalled(u16, Recorded),
    /// It is terminated.
    Stopped {
        /// Why.
        stopped: Stopped,
        /// How that looks to a PCIe function.
        refusal: Refusal,
        /// What became of the record.
        recorded: Recorded,
    },
}

impl Smmuv3 {
    /// Creates a unit as after reset: translation and queues off, caches empty.
    pub fn new(config: Config) -> Self {
        Smmuv3 {
            regs: Regs::new(&config),
            caches: Caches::new(&config.caches),
            mute: BTreeSet::new(),
            unanswered: false,
            known: None,
            waiting: Vec::new(),
            decided: Vec::new(),
            next_stag: 0,
            driver: Driver::default(),
            config,
        }
    }

    /// Returns what the unit can do.
    pub fn config(&self) -> &Config {
        &self.config
    }
    /// Returns what the unit remembers, for views.
    pub fn caches(&self) -> &Caches {
        &self.caches
    }
    /// Returns the transactions that wait for CMD_RESUME.
    pub fn waiting(&self) -> &[Waiting] {
        &self.waiting
    }
    /// Takes what software decided about transactions that waited.
    pub fn take_decided(&mut self) -> Vec<(u16, Resumed)> {
        core::mem::take(&mut self.decided)
    }
    /// Makes a device answer invalidations of its TLB, or not: then the next CMD_SYNC fails.
    pub fn set_mute(&mut self, stream: u32, mute: bool) {
        if mute {
            self.mute.insert(stream);
        } else {
            self.mute.remove(&stream);
        }
    }
    /// Lists the StreamIDs that have a device: CMD_CFGI_CD of others is accepted even by a unit without stage 1, as QEMU's
    /// model does.
    pub fn set_known_streams(&mut self, streams: impl IntoIterator<Item = u32>) {
        self.known = Some(streams.into_iter().collect());
    }

    pub(super) fn release(&mut self, which: impl Fn(&Waiting) -> bool, how: Resumed) {
        let decided = &mut self.decided;
        self.waiting.retain(|waiting| {
            let hit = which(waiting);
            if hit {
                decided.push((waiting.stag, how));
            }
            !hit
        });
    }

    /// Returns what the registers say now.
    pub(super) fn setup<'a>(&self, config: &'a Config, frozen: bool) -> Setup<'a> {
        Setup {
            config,
            cr0: self.regs.get(cr0::OFFSET, 4),
            cr2: self.regs.get(cr2::OFFSET, 4),
            gbpa: self.regs.get(gbpa::OFFSET, 4),
            table: self.regs.get(strtab_base::OFFSET, 8),
            layout: self.regs.get(strtab_base_cfg::OFFSET, 4),
            frozen,
        }
    }

    /// Answers a transaction in this architecture's own terms.
    pub fn answer<O: Observer>(&mut self, memory: &mut Memory, asked: &Transaction, obs: &mut O) -> Reply {
        let config = self.config;
        let setup = self.setup(&config, false);
        if O::ON {
            let pasid = asked.substream.and_then(Pasid::new);
            let at = AnyAddr { space: Space::Iova, raw: Iova::new(asked.at).raw() };
            let requester = RequesterId::new(asked.stream);
            obs.begin(Actor::Iommu, Scope::Translation { requester, pasid, at, want: asked.perms });
        }
        let reply = match process(&setup, &mut Some(&mut self.caches), memory, asked, obs) {
            Ok(reached) => Reply::Reached(reached),
            Err(stopped) => self.stop(memory, stopped, asked, obs),
        };
        if O::ON {
            let verdict = match &reply {
                Reply::Reached(r) => {
                    let space = if r.guest_physical { Space::GuestPhysical } else { Space::Physical };
                    Verdict::Leaf { to: AnyAddr { space, raw: r.to }, size: r.size, perms: r.rights }
                }
                Reply::Stopped { stopped, .. } => stopped.verdict(),
                Reply::Stalled(..) => Verdict::Ok,
            };
            obs.end(Actor::Iommu, verdict);
        }
        reply
    }

    fn stop<O: Observer>(
        &mut self,
        memory: &mut Memory,
        stopped: Stopped,
        asked: &Transaction,
        obs: &mut O,
    ) -> Reply {
        let refusal = refusal(&stopped, asked);
        if refusal == Refusal::NoPermission {
            // An ATS translation request that finds nothing is answered, not recorded (IHI 0070, 3.9.1).
            let about = asked.about();
            let unrecorded = Stopped { recorded: false, ..stopped };
            let recorded = self.report(memory, &unrecorded, &about, None, obs);
            return Reply::Stopped { stopped, refusal, recorded };
        }
        let room = self.waiting.len() < self.config.idr5(super::spec::registers::idr5::STALL_MAX) as usize;
        if stopped.stalls && self.config.can_stall() && !asked.ats() && room {
            let stag = self.next_stag;
            self.next_stag = self.next_stag.wrapping_add(1);
            let recorded = self.report(memory, &stopped, &asked.about(), Some(stag), obs);
            self.waiting.push(Waiting { stag, stream: asked.stream, transaction: *asked });
            return Reply::Stalled(stag, recorded);
        }
        let recorded = self.report(memory, &stopped, &asked.about(), None, obs);
        Reply::Stopped { stopped, refusal, recorded }
    }
}

/// Returns how a stopped transaction looks to a PCIe function (IHI 0070, 3.9.1).
pub(super) fn refusal(stopped: &Stopped, asked: &Transaction) -> Refusal {
    let code = stopped.code.map_or(0, |code| code.code);
    match (asked.ats(), code) {
        (true, 0x10..=0x13) => Refusal::NoPermission,
        (true, 0x03 | 0x09 | 0x0b) => Refusal::CompleterAbort,
        (true, _) => Refusal::UnsupportedRequest,
        (false, _) => Refusal::CompleterAbort,
    }
}

impl Smmuv3 {
    /// Reads a register. `None` where there is none.
    pub fn read<O: Observer>(&mut self, at: u32, bytes: u8, obs: &mut O) -> Option<u64> {
        let register = Regs::find(at).filter(|_| matches!(bytes, 4 | 8) && at % 4 == 0)?;
        if O::ON {
            let whole = self.regs.get(register.offset, register.bytes);
            let offset = register.offset;
            obs.step(Actor::Cpu, Event::Register { register, offset, old: whole, new: whole, write: false });
        }
        Some(self.regs.get(at, bytes))
    }

    /// Writes a register, with what follows from it. `false` where there is none.
    pub fn write<O: Observer>(
        &mut self,
        memory: &mut Memory,
        at: u32,
        bytes: u8,
        value: u64,
        obs: &mut O,
    ) -> bool {
        self.write_by(memory, Actor::Cpu, at, bytes, value, obs)
    }
}
