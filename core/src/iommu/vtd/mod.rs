//! Intel VT-d: the Intel Virtualization Technology for Directed I/O architecture specification, revision 4.
//!
//! * Structures, registers, commands and fault reasons are tables of data: [`spec`], [`first_stage`], [`second_stage`].
//! * [`commands`], [`records`] and [`interrupts`] turn values into the words of a table and back.
//! * What a unit can do is its [`Config`]; in what an implementation deviates is its [`Quirks`].
//! * [`context`] finds the tables of a request, [`walk`] walks them; `translate` does both through [`caches`].
//! * `fault_log` writes faults, `invalidate` and `control` obey software, `page_requests` queues page requests.
//! * `driver` is the operating system's side: it shares nothing with the rest but memory and registers.

mod architecture;
pub mod caches;
pub mod commands;
pub mod config;
pub mod context;
mod control;
mod driver;
mod fault_log;
pub mod features;
pub mod first_stage;
pub mod interrupts;
mod invalidate;
mod page_requests;
mod queues;
pub mod records;
mod regs;
pub mod second_stage;
pub mod spec;
mod translate;
pub mod walk;

pub use architecture::ARCHITECTURE;
pub use config::{CacheSizes, Config, Quirks};
pub use queues::QUEUES;
pub use spec::faults;

use super::*;
use crate::trace::{Actor, Event};
use alloc::collections::BTreeSet;
use caches::Caches;
use driver::Driver;
use regs::Regs;

/// A VT-d unit with the software that drives it.
#[derive(Clone, Debug)]
pub struct Vtd {
    config: Config,
    regs: Regs,
    /// RTADDR as latched by SRTP.
    root: u64,
    /// IRTA as latched by SIRTP.
    interrupt_root: u64,
    /// The fault recording register to use next.
    next_fault: usize,
    caches: Caches,
    /// Devices that do not answer invalidations of their TLB.
    mute: BTreeSet<u16>,
    driver: Driver,
}

impl Vtd {
    /// A unit as after reset: translation off, caches empty.
    pub fn new(config: Config) -> Self {
        Vtd {
            regs: Regs::new(&config),
            root: 0,
            interrupt_root: 0,
            next_fault: 0,
            caches: Caches::new(&config.caches),
            mute: BTreeSet::new(),
            driver: Driver::default(),
            config,
        }
    }

    /// What the unit can do.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// What the unit remembers, for views.
    pub fn caches(&self) -> &Caches {
        &self.caches
    }

    /// Makes a device answer invalidations of its TLB, or not: then each one ends in a time-out (ITE).
    pub fn set_mute(&mut self, device: RequesterId, mute: bool) {
        if mute {
            self.mute.insert(device.bdf16());
        } else {
            self.mute.remove(&device.bdf16());
        }
    }

    /// Empties every cache at once, as a reset of the unit does; registers stay.
    pub fn drop_caches(&mut self) {
        self.caches = Caches::new(&self.config.caches);
    }
}

impl Iommu for Vtd {
    fn translate<O: Observer>(&mut self, memory: &mut Memory, request: &Request, obs: &mut O) -> Outcome {
        self.answer(memory, request, obs)
    }

    fn peek(&self, memory: &mut Memory, request: &Request) -> Outcome {
        self.look(memory, request)
    }

    fn read_register<O: Observer>(&mut self, at: u32, bytes: u8, obs: &mut O) -> Option<u64> {
        let (register, start) = self.regs.find(at).filter(|_| matches!(bytes, 4 | 8) && at % 4 == 0)?;
        let value = self.regs.get(at, bytes);
        if O::ON {
            let whole = self.regs.get(start, register.bytes);
            let event = Event::Register { register, offset: start, old: whole, new: whole, write: false };
            obs.step(Actor::Cpu, event);
        }
        Some(value)
    }

    fn write_register<O: Observer>(
        &mut self,
        memory: &mut Memory,
        at: u32,
        bytes: u8,
        value: u64,
        obs: &mut O,
    ) -> bool {
        self.write_by(memory, Actor::Cpu, at, bytes, value, obs)
    }

    fn registers(&self) -> Vec<(&'static Register, u64)> {
        self.regs.all()
    }

    fn page_request<O: Observer>(&mut self, memory: &mut Memory, request: &PageRequest, obs: &mut O) -> bool {
        self.take_page_request(memory, request, obs)
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

    fn mappings(&self, memory: &Memory, domain: DomainId, limit: usize) -> crate::paging::leaves::Leaves {
        self.domain_mappings(memory, domain, limit)
    }

    fn set_caps(&mut self, device: RequesterId, caps: DeviceCaps) {
        self.driver.caps.insert(device.bdf16(), caps);
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
        self.bind_pasid(ctx, device, pasid, tables)
    }

    fn map<O: Observer>(
        &mut self,
        ctx: &mut Ctx<'_, O>,
        domain: DomainId,
        mapping: Mapping,
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
        self.write_interrupt_entry(ctx, index, entry)
    }

    fn interrupt_message(&self, index: u16) -> Message {
        interrupts::message(index, None)
    }

    fn take_faults<O: Observer>(&mut self, ctx: &mut Ctx<'_, O>) -> Result<Vec<FaultRecord>, DriverError> {
        Ok(self.read_faults(ctx))
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
        DomainKind::Stage2
    }

    fn address_bits(&self) -> u8 {
        let tables = 12 + 9 * self.config.deepest_second_stage();
        tables.min(self.config.max_guest_bits())
    }

    fn page_sizes(&self) -> &'static [PageSize] {
        const ALL: &[PageSize] = &[PageSize::SIZE_4K, PageSize::SIZE_2M, PageSize::SIZE_1G];
        let count = match (self.config.second_stage_2m(), self.config.second_stage_1g()) {
            (true, true) => 3,
            (true, false) => 2,
            _ => 1,
        };
        &ALL[..count]
    }
}
