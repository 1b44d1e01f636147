//! The unit and its driver behind the neutral interface.

use super::fault::Stopped;
use super::spec::events::page_request;
use super::translate::{process, Transaction};
use super::unit::{refusal, Reply};
use super::Smmuv3;
use crate::addr::{AddrRange, Iova, PageSize, Pasid, PhysAddr, RequesterId};
use crate::iommu::*;
use crate::memory::Memory;
use crate::paging::builder::Mapping;
use crate::paging::leaves::Leaves;
use crate::platform::its::DOORBELL;
use crate::spec::{Bits, FaultCode, Register, Text};
use crate::trace::{Actor, Event, InterruptKind, Observer, Off, Perms, Recorded};
use alloc::vec::Vec;

/// A transaction that waits for CMD_RESUME: a PCIe function sees it aborted, since nothing here can wait.
static STALLED: FaultCode = FaultCode {
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
        "中止且不记录事件：流表项如此规定，或转换未启用而 GBPA.ABORT = 1",
    ),
    section: "IHI 0070 5.2",
};

impl Smmuv3 {
    /// The StreamID of a requester: its requester id, as a device tree's `iommu-map` has it by default.
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
                    return Outcome::Answer(translation);
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
        let its = self.driver.its.as_ref().map(|its| its.its).unwrap_or_default();
        let found = its.translate(memory, requester, event, obs);
        let (vector, destination, kind) = match found {
            Ok(found) => (found.intid, found.cpu, InterruptKind::Remapped),
            Err(_) => (event, 0, InterruptKind::Blocked),
        };
        if O::ON {
            obs.step(Actor::Interrupts, Event::Interrupt { vector, destination, kind });
        }
        Outcome::Interrupt(Delivery { vector, destination, kind, memory: None })
    }
}

/// An IOMMU: the hardware's side, and what an operating system does to program it.
///
/// The two sides share nothing but memory and registers: `attach`, `map` and their kin write structures and
/// post commands; `translate` reads them.
pub trait Iommu {
    // ---- the hardware ----

    /// Answers one request, with caches, fault records and accessed/dirty updates as the architecture has them.
    fn translate<O: Observer>(&mut self, memory: &mut Memory, request: &Request, obs: &mut O) -> Outcome;

    /// What the tables in memory say at this moment, as if every cache were empty; changes nothing. This is how
    /// the use of a stale entry is known.
    fn peek(&self, memory: &mut Memory, request: &Request) -> Outcome;

    /// Reads a register. `None` where there is none.
    fn read_register<O: Observer>(&mut self, offset: u32, bytes: u8, obs: &mut O) -> Option<u64>;

    /// Writes a register, with what follows from it (commands taken from the queue, tables switched). `false`
    /// where there is none.
    fn write_register<O: Observer>(
        &mut self,
        memory: &mut Memory,
        offset: u32,
        bytes: u8,
        value: u64,
        obs: &mut O,
    ) -> bool;

    /// Every register with its value now, for views.
    fn registers(&self) -> Vec<(&'static Register, u64)>;

    /// Takes a page request from a device into the page request queue. `false`: it could not be queued, and the
    /// unit answered it itself.
    fn page_request<O: Observer>(&mut self, memory: &mut Memory, request: &PageRequest, obs: &mut O) -> bool;

    // ---- the operating system's driver ----

    /// Brings the unit up: root structures, queues, fault reporting, translation on. Every device is blocked.
    fn start<O: Observer>(&mut self, ctx: &mut Ctx<'_, O>) -> Result<(), DriverError>;

    /// Makes a domain with empty tables.
    fn new_domain<O: Observer>(
        &mut self,
        ctx: &mut Ctx<'_, O>,
        kind: DomainKind,
    ) -> Result<DomainId, DriverError>;

    /// The root table of a domain.
    fn domain_root(&self, domain: DomainId) -> Option<PhysAddr>;

    /// Tells the driver what a device can do; counts from the next `attach` or `bind` on.
    fn set_caps(&mut self, device: RequesterId, caps: DeviceCaps);

    /// What a domain's tables map in `memory`, and where the tables are; at most `limit` table pages are read.
    fn mappings(&self, memory: &Memory, domain: DomainId, limit: usize) -> Leaves;

    /// Decides what a device's requests without PASID meet.
    fn attach<O: Observer>(
        &mut self,
        ctx: &mut Ctx<'_, O>,
        device: RequesterId,
        to: Attachment,
    ) -> Result<(), DriverError>;

    /// Gives a device's PASID a process's tables, or takes them away.
    fn bind<O: Observer>(
        &mut self,
        ctx: &mut Ctx<'_, O>,
        device: RequesterId,
        pasid: Pasid,
        tables: Option<ProcessTables>,
    ) -> Result<(), DriverError>;

    /// Maps in a domain. Does not invalidate anything.
    fn map<O: Observer>(
        &mut self,
        ctx: &mut Ctx<'_, O>,
        domain: DomainId,
        mapping: Mapping,
    ) -> Result<(), DriverError>;

    /// Clears the entries of a range of a domain. Does not invalidate anything: that is [`Iommu::invalidate`].
    fn unmap<O: Observer>(
        &mut self,
        ctx: &mut Ctx<'_, O>,
        domain: DomainId,
        range: AddrRange<Iova>,
    ) -> Result<(), DriverError>;

    /// Posts the command (or commands) that make the unit forget, and waits for them.
    fn invalidate<O: Observer>(
        &mut self,
        ctx: &mut Ctx<'_, O>,
        what: Invalidation,
    ) -> Result<(), DriverError>;

    /// Writes interrupt entry `index`, or clears it, and gives the message a device must send to use it.
    fn set_interrupt<O: Observer>(
        &mut self,
        ctx: &mut Ctx<'_, O>,
        index: u16,
        entry: Option<InterruptEntry>,
    ) -> Result<Message, DriverError>;

    /// The message that a device must send to use interrupt entry `index`, whatever stands there.
    fn interrupt_message(&self, index: u16) -> Message;

    /// Reads and clears the fault records, as the fault interrupt's handler does.
    fn take_faults<O: Observer>(&mut self, ctx: &mut Ctx<'_, O>) -> Result<Vec<FaultRecord>, DriverError>;

    /// Reads the page requests that wait in the queue.
    fn take_page_requests<O: Observer>(
        &mut self,
        ctx: &mut Ctx<'_, O>,
    ) -> Result<Vec<PageRequest>, DriverError>;

    /// Posts the command that answers a group of page requests; `ok` says the pages are there now.
    fn respond<O: Observer>(
        &mut self,
        ctx: &mut Ctx<'_, O>,
        request: &PageRequest,
        ok: bool,
    ) -> Result<(), DriverError>;

    /// The stage that an operating system's own domains use, as Linux decides it.
    fn default_stage(&self) -> DomainKind;

    /// Bits of an IOVA that this unit translates.
    fn address_bits(&self) -> u8;

    /// The page sizes that a domain may use, smallest first.
    fn page_sizes(&self) -> &'static [PageSize];
}

impl Iommu for Smmuv3 {
    fn translate<O: Observer>(&mut self, memory: &mut Memory, request: &Request, obs: &mut O) -> Outcome {
        let asked = self.transaction(request);
        let reply = self.answer(memory, &asked, obs);
        self.outcome(memory, request, &reply, obs)
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

    fn read_register<O: Observer>(&mut self, offset: u32, bytes: u8, obs: &mut O) -> Option<u64> {
        self.read(offset, bytes, obs)
    }

    fn write_register<O: Observer>(
        &mut self,
        memory: &mut Memory,
        offset: u32,
        bytes: u8,
        value: u64,
        obs: &mut O,
    ) -> bool {
        self.write(memory, offset, bytes, value, obs)
    }

    fn registers(&self) -> Vec<(&'static Register, u64)> {
        self.regs.all()
    }

    fn page_request<O: Observer>(&mut self, memory: &mut Memory, request: &PageRequest, obs: &mut O) -> bool {
        let words = [0; 2]
            .with(page_request::SID, request.requester.raw().into())
            .with_flag(page_request::SSV, request.pasid.is_some())
            .with(page_request::SSID, request.pasid.map_or(0, |p| p.raw().into()))
            .with_flag(page_request::R, request.want.has(Perms::R))
            .with_flag(page_request::W, request.want.has(Perms::W))
            .with_flag(page_request::X, request.want.has(Perms::X))
            .with_flag(page_request::LAST, request.last)
            .with(page_request::PRGINDEX, request.group.into())
            .with_address(page_request::ADDR, request.at.raw());
        self.queue_page_request(memory, &words, obs)
    }

    fn start<O: Observer>(&mut self, ctx: &mut Ctx<'_, O>) -> Result<(), DriverError> {
        self.bring_up(ctx)
    }

    fn new_domain<O: Observer>(
        &mut self,
        ctx: &mut Ctx<'_, O>,
        kind: DomainKind,
    ) -> Result<DomainId, DriverError> {
        self.make_domain(ctx, kind)
    }

    fn domain_root(&self, domain: DomainId) -> Option<PhysAddr> {
        self.driver.domains.get(&domain.0).map(|d| d.root)
    }

    fn set_caps(&mut self, device: RequesterId, caps: DeviceCaps) {
        self.driver.caps.insert(device.raw(), caps);
    }

    fn mappings(&self, memory: &Memory, domain: DomainId, limit: usize) -> Leaves {
        self.domain_mappings(memory, domain, limit)
    }

    fn attach<O: Observer>(
        &mut self,
        ctx: &mut Ctx<'_, O>,
        device: RequesterId,
        to: Attachment,
    ) -> Result<(), DriverError> {
        self.attach_device(ctx, device, to)
    }

    fn bind<O: Observer>(
        &mut self,
        ctx: &mut Ctx<'_, O>,
        device: RequesterId,
        pasid: Pasid,
        tables: Option<ProcessTables>,
    ) -> Result<(), DriverError> {
        self.bind_process(ctx, device, pasid, tables)
    }

    fn map<O: Observer>(
        &mut self,
        ctx: &mut Ctx<'_, O>,
        domain: DomainId,
        mapping: crate::paging::builder::Mapping,
    ) -> Result<(), DriverError> {
        self.map_pages(ctx, domain, mapping)
    }

    fn unmap<O: Observer>(
        &mut self,
        ctx: &mut Ctx<'_, O>,
        domain: DomainId,
        range: AddrRange<Iova>,
    ) -> Result<(), DriverError> {
        self.unmap_pages(ctx, domain, range)
    }

    fn invalidate<O: Observer>(
        &mut self,
        ctx: &mut Ctx<'_, O>,
        what: Invalidation,
    ) -> Result<(), DriverError> {
        self.post_invalidation(ctx, what)
    }

    fn set_interrupt<O: Observer>(
        &mut self,
        ctx: &mut Ctx<'_, O>,
        index: u16,
        entry: Option<InterruptEntry>,
    ) -> Result<Message, DriverError> {
        self.write_its_entry(ctx, index, entry)
    }

    fn interrupt_message(&self, index: u16) -> Message {
        self.its_message(index)
    }

    fn take_faults<O: Observer>(&mut self, ctx: &mut Ctx<'_, O>) -> Result<Vec<FaultRecord>, DriverError> {
        self.read_faults(ctx)
    }

    fn take_page_requests<O: Observer>(
        &mut self,
        ctx: &mut Ctx<'_, O>,
    ) -> Result<Vec<PageRequest>, DriverError> {
        self.read_page_requests(ctx)
    }

    fn respond<O: Observer>(
        &mut self,
        ctx: &mut Ctx<'_, O>,
        request: &PageRequest,
        ok: bool,
    ) -> Result<(), DriverError> {
        self.post_response(ctx, request, ok)
    }

    fn default_stage(&self) -> DomainKind {
        DomainKind::Stage1
    }

    fn address_bits(&self) -> u8 {
        self.config.width.min(self.config.address_bits())
    }

    fn page_sizes(&self) -> &'static [PageSize] {
        const ALL: &[PageSize] = &[PageSize::SIZE_4K, PageSize::SIZE_2M, PageSize::SIZE_1G];
        match self.config.largest_page {
            ..=20 => &ALL[..1],
            21..=29 => &ALL[..2],
            _ => ALL,
        }
    }
}
