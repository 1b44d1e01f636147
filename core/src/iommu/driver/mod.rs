//! What an operating system does to program a unit, the same for every architecture.
//!
//! A driver has domains with their tables, directories that it makes as they are needed, and a ring of commands. It
//! sees the unit as software does, through [`Hardware`]: registers and memory, nothing else. An architecture is a
//! [`Programmer`]: which words mean what is wanted. Code here never reads a unit's caches or fields, and no unit calls it.

pub mod commands;
pub mod domains;
pub mod hardware;
pub mod tables;
pub mod terms;

pub use commands::{submit, Commands, Words};
pub use domains::{Domain, Domains};
pub use hardware::Hardware;
pub use tables::{Directory, Page};
pub use terms::*;

use super::registers::Registers;
use super::{Message, PageRequest, PageResponse};
use crate::addr::{AddrRange, Iova, PageSize, Pasid, PhysAddr, RequesterId};
use crate::memory::Memory;
use crate::paging::builder::{Build, MapError, Mapping};
use crate::paging::leaves::Leaves;
use crate::spec::Text;
use crate::trace::{Actor, Observer, Scope, Verdict};
use alloc::vec::Vec;
use core::ops::{Deref, DerefMut};
use hardware::View;

/// How one architecture is programmed: its capabilities as the driver read them, where the driver put its structures,
/// and which words say what is wanted. Never what the unit has cached.
pub trait Programmer: Commands + Contexts + Records {
    /// Tables of the first stage.
    type First: Build;
    /// Tables of the second stage.
    type Second: Build;
    /// The lowest domain id that domains get.
    const FIRST_DOMAIN: u16;
    /// What the number counts from that tags translations of a domain's first stage (PSCID, ASID), where that is not the domain's own.
    const DOMAIN_TAG: Option<u32> = None;
    /// What bringing the unit up is called in the trace.
    const START: Text;

    /// Returns the first stage's format. `look`: to see what is mapped, as if every access were allowed.
    fn first(&self, look: bool) -> Self::First;
    /// Returns the second stage's format, likewise.
    fn second(&self, look: bool) -> Self::Second;
    /// Returns the stage that an operating system's own domains use, as Linux decides it; `processes`: some device sends
    /// PASIDs.
    fn default_stage(&self, processes: bool) -> DomainKind;
    /// Returns how many bits of an IOVA the unit translates.
    fn address_bits(&self) -> u8;
    /// Returns the page sizes that a domain may use, smallest first.
    fn page_sizes(&self) -> &'static [PageSize];

    /// Makes root structures and queues, turns on fault reporting and translation; every device is blocked.
    fn start(&mut self, hw: &mut impl Hardware) -> DriverResult;
    /// Switches translation and queues off, as a driver does that finds the unit running.
    fn stop(&self, hw: &mut impl Hardware);
    /// Returns the driver of a kernel that has not started the unit: it knows what the capabilities say, nothing else.
    fn anew(&self) -> Self;

    /// Checks that the unit can have such a domain.
    fn accepts_domain(&self, kind: DomainKind, id: DomainId) -> DriverResult;
    /// Returns whether the unit may remember of this kind of tables that nothing was mapped: then what is newly mapped must
    /// be invalidated too.
    fn remembers_absence(&self, _kind: DomainKind) -> bool {
        false
    }
    /// Returns how many frames a root table has, and to how many it is aligned.
    fn root_frames(&self, _kind: DomainKind) -> (u64, u64) {
        (1, 1)
    }
    /// Does what every new domain needs.
    fn domain_made(&mut self, _hw: &mut impl Hardware, _id: DomainId) -> DriverResult {
        Ok(())
    }
}

/// How an architecture's device and process entries are written.
pub trait Contexts {
    /// Decides what a device's requests without PASID meet.
    fn attach(&mut self, hw: &mut impl Hardware, device: RequesterId, to: Attachment) -> DriverResult;
    /// Checks that the unit has tables of processes at all, whatever the device can do.
    fn takes_processes(&self) -> DriverResult {
        Ok(())
    }
    /// Do bound PASIDs stay bound when their device is attached to something else?
    fn keeps_processes(&self) -> bool {
        false
    }
    /// Gives a device's PASID a process's tables, or takes them away.
    fn bind(
        &mut self,
        hw: &mut impl Hardware,
        device: RequesterId,
        pasid: Pasid,
        tables: Option<ProcessTables>,
    ) -> DriverResult;
}

/// How what the unit records for software is read.
pub trait Records {
    /// Reads and clears the fault records.
    fn take_faults(&mut self, hw: &mut impl Hardware) -> DriverResult<Vec<FaultRecord>>;
    /// Reads the page requests that wait.
    fn take_page_requests(&mut self, hw: &mut impl Hardware) -> DriverResult<Vec<PageRequest>>;
}

/// How entries for interrupts are written: of architectures whose interrupt messages need one.
pub trait InterruptRemapping {
    /// Writes interrupt entry `index`, or clears it; returns the message that uses it.
    fn set_interrupt(
        &mut self,
        hw: &mut impl Hardware,
        index: u16,
        entry: Option<InterruptEntry>,
    ) -> DriverResult<Message>;
    /// Returns the message that uses interrupt entry `index`, whatever is in it.
    fn interrupt_message(&self, index: u16) -> Message;
    /// Makes an interrupt controller that takes commands of its own forget; `false` where the unit's own commands do that.
    fn forget_interrupts(&mut self, _hw: &mut impl Hardware) -> DriverResult<bool> {
        Ok(false)
    }
}

/// What an operating system does with an IOMMU of any architecture.
pub trait Driver {
    /// Brings the unit up: root structures, queues, fault reporting, translation on. Every device is blocked.
    fn start<O: Observer>(&mut self, ctx: &mut Ctx<'_, O>) -> DriverResult;
    /// Brings a running unit up for another kernel: translation off, then as [`Driver::start`]. What the old tables held is
    /// lost to devices; domain ids go on from where they were.
    fn restart<O: Observer>(&mut self, ctx: &mut Ctx<'_, O>) -> DriverResult;

    /// Makes a domain with empty tables.
    fn new_domain<O: Observer>(&mut self, ctx: &mut Ctx<'_, O>, kind: DomainKind) -> DriverResult<DomainId>;
    /// Returns the root table of a domain.
    fn domain_root(&self, domain: DomainId) -> Option<PhysAddr>;
    /// Returns what a domain's tables map in `memory`, and where the tables are; at most `limit` table pages are read.
    fn mappings(&self, memory: &Memory, domain: DomainId, limit: usize) -> Leaves;
    /// Returns the number that tags translations of a domain in place of its own.
    fn domain_tag(&self, domain: DomainId) -> Option<u32>;
    /// Maps in a domain. Does not invalidate anything.
    fn map<O: Observer>(&mut self, ctx: &mut Ctx<'_, O>, id: DomainId, mapping: Mapping) -> DriverResult;
    /// Clears the entries of a range of a domain. Does not invalidate anything: that is [`Driver::invalidate`].
    fn unmap<O: Observer>(
        &mut self,
        ctx: &mut Ctx<'_, O>,
        id: DomainId,
        range: AddrRange<Iova>,
    ) -> DriverResult;

    /// Records what a device can do; counts from the next `attach` or `bind` on.
    fn set_caps(&mut self, device: RequesterId, caps: DeviceCaps);
    /// Decides what a device's requests without PASID meet.
    fn attach<O: Observer>(
        &mut self,
        ctx: &mut Ctx<'_, O>,
        device: RequesterId,
        to: Attachment,
    ) -> DriverResult;
    /// Checks that the unit has tables of processes at all, whatever the device can do.
    fn takes_processes(&self) -> DriverResult;
    /// Do bound PASIDs stay bound when their device is attached to something else?
    fn keeps_processes(&self) -> bool;
    /// Gives a device's PASID a process's tables, or takes them away.
    fn bind<O: Observer>(
        &mut self,
        ctx: &mut Ctx<'_, O>,
        device: RequesterId,
        pasid: Pasid,
        tables: Option<ProcessTables>,
    ) -> DriverResult;

    /// Posts the command (or commands) that make the unit forget, and waits for them.
    fn invalidate<O: Observer>(&mut self, ctx: &mut Ctx<'_, O>, what: Invalidation) -> DriverResult;
    /// Reads and clears the fault records, as the fault interrupt's handler does.
    fn take_faults<O: Observer>(&mut self, ctx: &mut Ctx<'_, O>) -> DriverResult<Vec<FaultRecord>>;
    /// Reads the page requests that wait in the queue.
    fn take_page_requests<O: Observer>(&mut self, ctx: &mut Ctx<'_, O>) -> DriverResult<Vec<PageRequest>>;
    /// Posts the command that answers a group of page requests.
    fn respond<O: Observer>(
        &mut self,
        ctx: &mut Ctx<'_, O>,
        request: &PageRequest,
        response: PageResponse,
    ) -> DriverResult;

    /// Returns the stage that an operating system's own domains use, as Linux decides it; `processes`: some device sends
    /// PASIDs.
    fn default_stage(&self, processes: bool) -> DomainKind;
    /// Returns how many bits of an IOVA this unit translates.
    fn address_bits(&self) -> u8;
    /// Returns the page sizes that a domain may use, smallest first.
    fn page_sizes(&self) -> &'static [PageSize];
}

/// A unit with the driver that programs it. The two share memory and registers, nothing else: the unit derefs to its
/// hardware, and the driver's part is reached through [`Driver`].
#[derive(Clone, Debug)]
pub struct Driven<U, P> {
    unit: U,
    programmer: P,
    domains: Domains,
}

impl<U, P> Driven<U, P> {
    /// Returns a unit with a driver that has not started it yet.
    pub fn with(unit: U, programmer: P) -> Self {
        Driven { unit, programmer, domains: Domains::default() }
    }
}

impl<U, P> Deref for Driven<U, P> {
    type Target = U;
    fn deref(&self) -> &U {
        &self.unit
    }
}

impl<U, P> DerefMut for Driven<U, P> {
    fn deref_mut(&mut self) -> &mut U {
        &mut self.unit
    }
}

impl<U: Registers, P> Driven<U, P> {
    /// Returns the programmer, and all that it sees of the unit.
    fn parts<'a, 'b, O>(&'a mut self, ctx: &'a mut Ctx<'b, O>) -> (&'a mut P, View<'a, 'b, U, O>) {
        (&mut self.programmer, View { unit: &mut self.unit, domains: &self.domains, ctx })
    }
}

impl<U: Registers, P: InterruptRemapping> Driven<U, P> {
    /// Writes interrupt entry `index`, or clears it, and returns the message that a device must send to use it.
    pub fn set_interrupt<O: Observer>(
        &mut self,
        ctx: &mut Ctx<'_, O>,
        index: u16,
        entry: Option<InterruptEntry>,
    ) -> DriverResult<Message> {
        let (programmer, mut hw) = self.parts(ctx);
        programmer.set_interrupt(&mut hw, index, entry)
    }

    /// Returns the message that a device must send to use interrupt entry `index`, whatever is in it.
    pub fn interrupt_message(&self, index: u16) -> Message {
        self.programmer.interrupt_message(index)
    }

    /// Makes an interrupt controller that takes commands of its own forget; `false` where the unit's own commands do that.
    pub fn forget_interrupts<O: Observer>(&mut self, ctx: &mut Ctx<'_, O>) -> DriverResult<bool> {
        let (programmer, mut hw) = self.parts(ctx);
        programmer.forget_interrupts(&mut hw)
    }
}

impl<U: Registers, P: Programmer> Driver for Driven<U, P> {
    fn start<O: Observer>(&mut self, ctx: &mut Ctx<'_, O>) -> DriverResult {
        if O::ON {
            let (en, zh) = (ctx.obs.name(P::START.en), ctx.obs.name(P::START.zh));
            ctx.obs.begin(Actor::Os, Scope::Setup { en, zh });
        }
        let (programmer, mut hw) = self.parts(ctx);
        programmer.start(&mut hw)?;
        ctx.obs.end(Actor::Os, Verdict::Ok);
        Ok(())
    }

    fn restart<O: Observer>(&mut self, ctx: &mut Ctx<'_, O>) -> DriverResult {
        if O::ON {
            let en = ctx.obs.name("switch the unit off: it is still translating for the old kernel");
            let zh = ctx.obs.name("关闭 IOMMU：它还在替旧内核转换地址");
            ctx.obs.begin(Actor::Os, Scope::Setup { en, zh });
        }
        let (programmer, mut hw) = self.parts(ctx);
        programmer.stop(&mut hw);
        ctx.obs.end(Actor::Os, Verdict::Ok);
        self.programmer = self.programmer.anew();
        self.start(ctx)
    }

    fn new_domain<O: Observer>(&mut self, ctx: &mut Ctx<'_, O>, kind: DomainKind) -> DriverResult<DomainId> {
        let id = self.domains.next(P::FIRST_DOMAIN);
        self.programmer.accepts_domain(kind, id)?;
        let (frames, align) = self.programmer.root_frames(kind);
        let root = self.parts(ctx).1.frames(frames, align)?;
        self.domains.insert(id, Domain { kind, root });
        let (programmer, mut hw) = self.parts(ctx);
        programmer.domain_made(&mut hw, id)?;
        Ok(id)
    }

    fn domain_root(&self, domain: DomainId) -> Option<PhysAddr> {
        self.domains.get(domain).ok().map(|domain| domain.root)
    }

    fn mappings(&self, memory: &Memory, domain: DomainId, limit: usize) -> Leaves {
        self.domains.mappings(&self.programmer, memory, domain, limit)
    }

    fn domain_tag(&self, domain: DomainId) -> Option<u32> {
        P::DOMAIN_TAG.filter(|_| !self.domains.is_second(domain)).map(|tag| tag | u32::from(domain.0))
    }

    fn map<O: Observer>(&mut self, ctx: &mut Ctx<'_, O>, id: DomainId, mapping: Mapping) -> DriverResult {
        let Domain { kind, .. } = self.domains.get(id)?;
        if self.programmer.page_sizes().last().is_some_and(|largest| *largest < mapping.size) {
            return Err(MapError::Size(mapping.size).into());
        }
        let (programmer, mut hw) = self.parts(ctx);
        domains::map(programmer, &mut hw, id, mapping)?;
        if self.programmer.remembers_absence(kind) {
            if let Some(pages) = AddrRange::new(Iova::new(mapping.from), mapping.len) {
                self.invalidate(ctx, Invalidation::Pages(id, pages))?;
            }
        }
        Ok(())
    }

    fn unmap<O: Observer>(
        &mut self,
        ctx: &mut Ctx<'_, O>,
        id: DomainId,
        range: AddrRange<Iova>,
    ) -> DriverResult {
        let Domain { kind, root } = self.domains.get(id)?;
        let (programmer, mut hw) = self.parts(ctx);
        match kind {
            DomainKind::Stage1 => hw.unmap(&programmer.first(false), root, &range),
            DomainKind::Stage2 => hw.unmap(&programmer.second(false), root, &range),
        }
    }

    fn set_caps(&mut self, device: RequesterId, caps: DeviceCaps) {
        self.domains.set_caps(device, caps);
    }

    fn attach<O: Observer>(
        &mut self,
        ctx: &mut Ctx<'_, O>,
        device: RequesterId,
        to: Attachment,
    ) -> DriverResult {
        let (programmer, mut hw) = self.parts(ctx);
        programmer.attach(&mut hw, device, to)
    }

    fn takes_processes(&self) -> DriverResult {
        self.programmer.takes_processes()
    }

    fn keeps_processes(&self) -> bool {
        self.programmer.keeps_processes()
    }

    fn bind<O: Observer>(
        &mut self,
        ctx: &mut Ctx<'_, O>,
        device: RequesterId,
        pasid: Pasid,
        tables: Option<ProcessTables>,
    ) -> DriverResult {
        let (programmer, mut hw) = self.parts(ctx);
        programmer.bind(&mut hw, device, pasid, tables)
    }

    fn invalidate<O: Observer>(&mut self, ctx: &mut Ctx<'_, O>, what: Invalidation) -> DriverResult {
        let commands = self.programmer.invalidation(&self.domains, &what)?;
        let (programmer, mut hw) = self.parts(ctx);
        submit(programmer, &mut hw, &commands)
    }

    fn take_faults<O: Observer>(&mut self, ctx: &mut Ctx<'_, O>) -> DriverResult<Vec<FaultRecord>> {
        let (programmer, mut hw) = self.parts(ctx);
        programmer.take_faults(&mut hw)
    }

    fn take_page_requests<O: Observer>(&mut self, ctx: &mut Ctx<'_, O>) -> DriverResult<Vec<PageRequest>> {
        let (programmer, mut hw) = self.parts(ctx);
        programmer.take_page_requests(&mut hw)
    }

    fn respond<O: Observer>(
        &mut self,
        ctx: &mut Ctx<'_, O>,
        request: &PageRequest,
        response: PageResponse,
    ) -> DriverResult {
        let command = self.programmer.response(request, response)?;
        let (programmer, mut hw) = self.parts(ctx);
        submit(programmer, &mut hw, &[command])
    }

    fn default_stage(&self, processes: bool) -> DomainKind {
        self.programmer.default_stage(processes)
    }

    fn address_bits(&self) -> u8 {
        self.programmer.address_bits()
    }

    fn page_sizes(&self) -> &'static [PageSize] {
        self.programmer.page_sizes()
    }
}
