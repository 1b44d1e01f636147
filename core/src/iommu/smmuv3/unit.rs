//! The unit: registers, caches and stalled transactions behind the neutral interface; and the ITS, which shares its
//! window of registers.

use super::caches::Caches;
use super::config::Config;
use super::context::Setup;
use super::fault::Stopped;
use super::its::its;
use super::records::emit_page_request;
use super::spec::events;
use super::spec::registers::{cr0, cr2, gbpa, strtab_base, strtab_base_cfg};
use super::translate::{process, Reached, Transaction};
use crate::addr::{AnyAddr, Iova, Pasid, PhysAddr, RequesterId, Space};
use crate::iommu::atc::DeviceTlbs;
use crate::iommu::registers::RegisterFile;
use crate::iommu::*;
use crate::memory::Memory;
use crate::platform::its::{DOORBELL, ITS_WINDOW};
use crate::spec::{FaultCode, Text};
use crate::trace::{Actor, Event, InterruptKind, Observer, Off, Perms, Recorded, Scope, Verdict};
use alloc::collections::BTreeSet;
use alloc::vec::Vec;

/// The hardware of an Arm SMMUv3.
#[derive(Clone, Debug)]
pub struct SmmuUnit {
    pub(super) config: Config,
    pub(super) regs: RegisterFile,
    pub(super) caches: Caches,
    /// Devices that do not answer invalidations of their TLB.
    pub(super) mute: BTreeSet<u32>,
    /// TLBs of devices, while they are lent.
    pub(super) device_tlbs: DeviceTlbs,
    /// A CMD_ATC_INV was not answered: the next CMD_SYNC fails.
    pub(super) unanswered: bool,
    /// The StreamIDs that have a device, where commands for others are accepted without effect.
    pub(super) known: Option<BTreeSet<u32>>,
    /// Transactions that wait for CMD_RESUME.
    pub(super) waiting: Vec<Waiting>,
    /// Those of them that the event queue had no room for.
    pub(super) pending: Vec<u16>,
    /// What software decided about those that waited.
    pub(super) decided: Vec<(u16, Resumed)>,
    next_stag: u16,
    /// Events sent to CPUs, as by SEV.
    pub(super) wakeups: u64,
}

/// A transaction that waits for CMD_RESUME: a PCIe function sees it aborted, since nothing here can wait.
pub static STALLED: FaultCode = FaultCode {
    code: 0,
    name: "stall",
    text: Text::new("the transaction is stalled until CMD_RESUME", "事务停顿，直到 CMD_RESUME"),
    section: "IHI 0070 3.12",
};

/// A transaction that is aborted without an event: no record has this number.
pub static ABORTED: FaultCode = FaultCode {
    code: 0,
    name: "abort",
    text: Text::new(
        "aborted without an event: the stream table entry says so, or translation is off and GBPA.ABORT is 1",
        "请求被中止，不记录事件（流表项设为中止，或转换未启用而 GBPA.ABORT = 1）",
    ),
    section: "IHI 0070 5.2",
};

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

/// What software decided about a stalled transaction (IHI 0070, 4.7).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Resumed {
    /// It is tried again.
    Retry,
    /// It is terminated with an abort.
    Abort,
    /// It is terminated as though it had succeeded: reads give 0, writes do nothing.
    Ignored,
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

impl SmmuUnit {
    /// Creates a unit as after reset: translation and queues off, caches empty.
    pub fn new(config: Config) -> Self {
        SmmuUnit {
            regs: config.registers(),
            caches: Caches::new(&config.caches),
            mute: BTreeSet::new(),
            device_tlbs: DeviceTlbs::default(),
            unanswered: false,
            known: None,
            waiting: Vec::new(),
            pending: Vec::new(),
            decided: Vec::new(),
            next_stag: 0,
            wakeups: 0,
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
    /// Returns how many events the unit has sent to CPUs that wait for one (WFE): by CMD_SYNC with CS = SEV, and when a
    /// full command queue has room again (IHI 0070, 4.1.2 and 4.7.3).
    pub fn wakeups(&self) -> u64 {
        self.wakeups
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
        let (decided, pending) = (&mut self.decided, &mut self.pending);
        self.waiting.retain(|waiting| {
            let hit = which(waiting);
            if hit {
                decided.push((waiting.stag, how));
                pending.retain(|stag| *stag != waiting.stag);
            }
            !hit
        });
    }

    /// Tries a stalled transaction again that has no record yet. It keeps its name where it stalls once more.
    pub(super) fn again<O: Observer>(&mut self, memory: &mut Memory, stag: u16, obs: &mut O) {
        let Some(i) = self.waiting.iter().position(|waiting| waiting.stag == stag) else { return };
        let asked = self.waiting.remove(i).transaction;
        match self.attempt(memory, &asked, Some(stag), obs) {
            Reply::Stalled(..) => {}
            Reply::Reached(_) => self.decided.push((stag, Resumed::Retry)),
            Reply::Stopped { .. } => self.decided.push((stag, Resumed::Abort)),
        }
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
        self.attempt(memory, asked, None, obs)
    }

    /// Answers a transaction; where it stalls, under the name `again` if it had one.
    fn attempt<O: Observer>(
        &mut self,
        memory: &mut Memory,
        asked: &Transaction,
        again: Option<u16>,
        obs: &mut O,
    ) -> Reply {
        let config = self.config;
        let setup = self.setup(&config, false);
        if O::ON {
            let pasid = asked.substream.and_then(Pasid::new);
            let at = asked.kind.address(Iova::new(asked.at));
            let requester = RequesterId::new(asked.stream);
            // A translation request is a read that may be answered with rights to write.
            let want = if asked.ats() { Perms::R } else { asked.perms };
            obs.begin(Actor::Iommu, Scope::Translation { requester, pasid, at, want });
        }
        let reply = match process(&setup, &mut Some(&mut self.caches), memory, asked, obs) {
            Ok(reached) => Reply::Reached(reached),
            Err(stopped) => self.stop(memory, stopped, asked, again, obs),
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
        again: Option<u16>,
        obs: &mut O,
    ) -> Reply {
        let refusal = refusal(&stopped, asked);
        let own = stopped.code.is_some_and(|code| code.code == events::F_BAD_ATS_TREQ.code);
        if asked.ats() && !own {
            // A failed ATS translation request is answered, not recorded, but where ATS is refused (IHI 0070, 3.9.1.2).
            let recorded = self.report(memory, &stopped.unrecorded(), &asked.about(), None, obs);
            return Reply::Stopped { stopped, refusal, recorded };
        }
        let room = self.waiting.len() < self.config.idr5(super::spec::registers::idr5::STALL_MAX) as usize;
        if stopped.stalls && self.config.can_stall() && !asked.ats() && room {
            let stag = again.unwrap_or_else(|| self.free_stag());
            let recorded = self.report(memory, &stopped, &asked.about(), Some(stag), obs);
            self.waiting.push(Waiting { stag, stream: asked.stream, transaction: *asked });
            return Reply::Stalled(stag, recorded);
        }
        let recorded = self.report(memory, &stopped, &asked.about(), None, obs);
        Reply::Stopped { stopped, refusal, recorded }
    }
}

impl SmmuUnit {
    /// Returns a name that no stalled transaction has (IHI 0070, 3.12.2).
    fn free_stag(&mut self) -> u16 {
        // Bounded: IDR5.STALL_MAX transactions at most wait.
        while self.waiting.iter().any(|waiting| waiting.stag == self.next_stag) {
            self.next_stag = self.next_stag.wrapping_add(1);
        }
        let stag = self.next_stag;
        self.next_stag = self.next_stag.wrapping_add(1);
        stag
    }
}

/// Returns how a stopped transaction looks to a PCIe function (IHI 0070, 3.9.1.2).
pub(super) fn refusal(stopped: &Stopped, asked: &Transaction) -> Refusal {
    let code = stopped.code.map_or(0, |code| code.code);
    match (asked.ats(), code) {
        (true, 0x10..=0x13) => Refusal::NoPermission,
        // ATS is off for the stream, or the stream for everything.
        (true, 0 | 0x05) => Refusal::UnsupportedRequest,
        (true, _) => Refusal::CompleterAbort,
        (false, _) => Refusal::CompleterAbort,
    }
}

impl SmmuUnit {
    /// The StreamID of a requester is its requester id: so this board is wired.
    fn transaction(&self, request: &Request) -> Transaction {
        Transaction::new(request, request.requester.raw())
    }

    fn outcome<O: Observer>(
        &self,
        memory: &Memory,
        request: &Request,
        reply: &Reply,
        obs: &mut O,
    ) -> Outcome {
        match reply {
            Reply::Stalled(_, recorded) => Outcome::Fault(Fault {
                code: &STALLED,
                refusal: Refusal::CompleterAbort,
                recorded: *recorded,
            }),
            Reply::Stopped { stopped: Stopped { code, .. }, refusal, recorded } => Outcome::Fault(Fault {
                code: code.unwrap_or(&ABORTED),
                refusal: *refusal,
                recorded: *recorded,
            }),
            Reply::Reached(r) => {
                let perms = r.rights.and(Perms(Perms::R.0 | Perms::X.0));
                let perms = perms.or(Perms::when(Perms::W, r.dirty && r.rights.has(Perms::W)));
                let to = PhysAddr::new(r.to);
                let translation = Translation { to, size: r.size, perms, cached: r.cached };
                if matches!(request.kind, RequestKind::Translation { .. }) {
                    // A device may fetch instructions only where it requested that.
                    let execute = request.pasid.is_some_and(|tag| tag.execute);
                    let perms = perms.and(if execute { Perms::RWX } else { Perms::RW });
                    return Outcome::Answer(Translation { perms, ..translation });
                }
                match request.data.filter(|_| r.to == DOORBELL && request.want.has(Perms::W)) {
                    None => Outcome::Memory(translation),
                    Some(event) => self.deliver(memory, request.requester, event, obs),
                }
            }
        }
    }

    /// A write to GITS_TRANSLATER: the ITS turns DeviceID and EventID into an interrupt, or drops it.
    fn deliver<O: Observer>(
        &self,
        memory: &Memory,
        requester: RequesterId,
        event: u32,
        obs: &mut O,
    ) -> Outcome {
        let found = its(&self.regs, ITS_WINDOW).translate(memory, requester, event, obs);
        let (vector, destination, kind) = match found {
            Ok(found) => (found.intid, found.cpu, InterruptKind::Remapped),
            Err(_) => (event, 0, InterruptKind::Blocked),
        };
        if O::ON {
            obs.step(Actor::Interrupts, Event::Interrupt { vector, destination, kind });
        }
        Outcome::Interrupt(Delivery { vector, destination, kind, vectored: true, memory: None })
    }
}

impl Unit for SmmuUnit {
    fn translate<O: Observer>(&mut self, memory: &mut Memory, request: &Request, obs: &mut O) -> Outcome {
        let asked = self.transaction(request);
        let reply = self.answer(memory, &asked, obs);
        self.outcome(memory, request, &reply, obs)
    }

    fn device_tlbs(&mut self) -> &mut DeviceTlbs {
        &mut self.device_tlbs
    }
    fn peek(&self, memory: &mut Memory, request: &Request) -> Outcome {
        let asked = self.transaction(request);
        let setup = self.setup(&self.config, true);
        let reply = match process(&setup, &mut None, memory, &asked, &mut Off) {
            Ok(reached) => Reply::Reached(reached),
            Err(stopped) => {
                let refusal = refusal(&stopped, &asked);
                Reply::Stopped { stopped, refusal, recorded: Recorded::None }
            }
        };
        self.outcome(memory, request, &reply, &mut Off)
    }

    fn take_message<O: Observer>(&self, memory: &Memory, from: RequesterId, data: u32, obs: &mut O) -> bool {
        self.deliver(memory, from, data, obs);
        true
    }

    fn page_request<O: Observer>(&mut self, memory: &mut Memory, request: &PageRequest, obs: &mut O) -> bool {
        self.queue_page_request(memory, &emit_page_request(request), obs)
    }
}
