//! What an operating system does to program a unit, the same for every architecture.
//!
//! A driver has domains with their tables, directories that it makes as they are needed, and a ring of commands. It
//! sees the unit as software does, through [`Hardware`]: registers and memory, nothing else. An architecture is a
//! [`Programmer`]: which words mean what is wanted.

pub mod commands;
pub mod domains;
pub mod tables;

pub use commands::{submit, Commands, Words};
pub use domains::{Domain, Domains};
pub use tables::{Directory, Page};

use super::registers::Mmio;
use super::{
    Attachment, Ctx, DeviceCaps, DomainId, DomainKind, DriverError, FaultRecord, InterruptEntry,
    Invalidation, Iommu, Message, Outcome, PageRequest, ProcessTables, Request, Unit,
};
use crate::addr::{AddrRange, Address, Iova, PageSize, Pasid, PhysAddr, RequesterId};
use crate::memory::{MemError, Memory};
use crate::paging::builder::{Build, Mapping};
use crate::paging::leaves::Leaves;
use crate::spec::{EntryType, Register, Text};
use crate::trace::{write_run, Actor, Observer, Scope, Verdict};
use alloc::vec::Vec;
use core::ops::{Deref, DerefMut};

/// A unit and its memory as software sees them. All writes are recorded as the operating system's.
pub struct Hardware<'a, 'b, M, O> {
    mmio: &'a mut M,
    ctx: &'a mut Ctx<'b, O>,
}

impl<'a, 'b, M: Mmio, O: Observer> Hardware<'a, 'b, M, O> {
    /// Returns the view of a unit.
    pub fn new(mmio: &'a mut M, ctx: &'a mut Ctx<'b, O>) -> Self {
        Hardware { mmio, ctx }
    }

    /// Reads `bytes` (4 or 8) of a register. Not recorded: reading changes nothing here.
    pub fn read(&self, at: u32, bytes: u8) -> u64 {
        self.mmio.read(at, bytes)
    }

    /// Writes `bytes` (4 or 8) of a register; the unit acts before this returns.
    pub fn write(&mut self, at: u32, bytes: u8, value: u64) {
        self.mmio.write(self.ctx.memory, at, bytes, value, self.ctx.obs);
    }

    /// Reads a register at its own offset.
    pub fn of(&self, register: &Register) -> u64 {
        self.read(register.offset, register.bytes)
    }

    /// Writes a register at its own offset.
    pub fn set(&mut self, register: &Register, value: u64) {
        self.write(register.offset, register.bytes, value);
    }

    /// Returns a frame for a structure, zeroed.
    pub fn frame(&mut self) -> Result<PhysAddr, DriverError> {
        self.ctx.frames.frame().ok_or(DriverError::NoFrames)
    }

    /// Returns neighbouring frames, zeroed; the first is aligned to `align` frames.
    pub fn frames(&mut self, count: u64, align: u64) -> Result<PhysAddr, DriverError> {
        match (count, align) {
            (1, 1) => self.frame(),
            _ => self.ctx.frames.frames(count, align).ok_or(DriverError::NoFrames),
        }
    }

    /// Writes a structure's words, recorded as one step.
    pub fn store(
        &mut self,
        entry: &'static EntryType,
        at: PhysAddr,
        words: &[u64],
    ) -> Result<(), DriverError> {
        Ok(write_run(self.ctx.memory, self.ctx.obs, Actor::Os, entry, at, words)?)
    }

    /// Reads words of memory. Not recorded.
    pub fn load<const N: usize>(&mut self, at: PhysAddr) -> Result<[u64; N], DriverError> {
        if !self.ctx.obs.spend(N as u64) {
            return Err(MemError::Budget.into());
        }
        let mut words = [0; N];
        for (i, word) in words.iter_mut().enumerate() {
            *word = self.ctx.memory.read_u64(at.wrapping_add(i as u64 * 8))?;
        }
        Ok(words)
    }
}

/// How one architecture is programmed: its capabilities as the driver read them, where the driver put its structures,
/// and which words say what is wanted. Never what the unit has cached.
pub trait Programmer: Commands + Sized {
    /// Tables of the first stage.
    type First: Build;
    /// Tables of the second stage.
    type Second: Build;
    /// The lowest domain id that domains get.
    const FIRST_DOMAIN: u16;
    /// What bringing the unit up is called in the trace.
    const START: &'static str;

    /// Returns the first stage's format. `look`: to see what is mapped, as if every access were allowed.
    fn first(&self, look: bool) -> Self::First;
    /// Returns the second stage's format, likewise.
    fn second(&self, look: bool) -> Self::Second;
    /// Returns the stage that an operating system's own domains use, as Linux decides it.
    fn default_stage(&self) -> DomainKind;
    /// Returns how many bits of an IOVA the unit translates.
    fn address_bits(&self) -> u8;
    /// Returns the page sizes that a domain may use, smallest first.
    fn page_sizes(&self) -> &'static [PageSize];

    /// Makes root structures and queues, turns on fault reporting and translation; every device is blocked.
    fn start<M: Mmio, O: Observer>(&mut self, hw: &mut Hardware<'_, '_, M, O>) -> Result<(), DriverError>;

    /// Checks that the unit can have such a domain.
    fn accepts_domain(&self, kind: DomainKind, id: DomainId) -> Result<(), DriverError>;
    /// Returns how many frames a root table has, and to how many it is aligned.
    fn root_frames(&self, _kind: DomainKind) -> (u64, u64) {
        (1, 1)
    }
    /// Does what every new domain needs.
    fn domain_made<M: Mmio, O: Observer>(
        &mut self,
        _domains: &Domains,
        _hw: &mut Hardware<'_, '_, M, O>,
        _id: DomainId,
    ) -> Result<(), DriverError> {
        Ok(())
    }

    /// Decides what a device's requests without PASID meet.
    fn attach<M: Mmio, O: Observer>(
        &mut self,
        domains: &Domains,
        hw: &mut Hardware<'_, '_, M, O>,
        device: RequesterId,
        to: Attachment,
    ) -> Result<(), DriverError>;
    /// Gives a device's PASID a process's tables, or takes them away.
    fn bind<M: Mmio, O: Observer>(
        &mut self,
        domains: &Domains,
        hw: &mut Hardware<'_, '_, M, O>,
        device: RequesterId,
        pasid: Pasid,
        tables: Option<ProcessTables>,
    ) -> Result<(), DriverError>;

    /// Returns the commands that make the unit forget.
    fn invalidation(&self, domains: &Domains, what: &Invalidation) -> Result<Vec<Words>, DriverError>;
    /// Returns the command that answers a group of page requests.
    fn response(&self, request: &PageRequest, ok: bool) -> Result<Words, DriverError>;

    /// Reads and clears the fault records.
    fn take_faults<M: Mmio, O: Observer>(
        &mut self,
        hw: &mut Hardware<'_, '_, M, O>,
    ) -> Result<Vec<FaultRecord>, DriverError>;
    /// Reads the page requests that wait.
    fn take_page_requests<M: Mmio, O: Observer>(
        &mut self,
        hw: &mut Hardware<'_, '_, M, O>,
    ) -> Result<Vec<PageRequest>, DriverError>;

    /// Writes interrupt entry `index`, or clears it; returns the message that uses it. An architecture that remaps no
    /// interrupts leaves this and [`Programmer::interrupt_message`] as they are.
    fn set_interrupt<M: Mmio, O: Observer>(
        &mut self,
        _domains: &Domains,
        _hw: &mut Hardware<'_, '_, M, O>,
        _index: u16,
        _entry: Option<InterruptEntry>,
    ) -> Result<Message, DriverError> {
        Err(DriverError::Unsupported(Text::new("interrupt remapping", "中断重映射")))
    }
    /// Returns the message that uses interrupt entry `index`, whatever is in it.
    fn interrupt_message(&self, _index: u16) -> Message {
        Message { address: 0, data: 0 }
    }
}

/// A unit with the driver that programs it. The two share memory and registers, nothing else: the unit derefs to its
/// hardware, and the driver's part is reached through [`Iommu`].
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

impl<U: Unit, P: Programmer> Iommu for Driven<U, P> {
    fn translate<O: Observer>(&mut self, memory: &mut Memory, request: &Request, obs: &mut O) -> Outcome {
        self.unit.translate(memory, request, obs)
    }

    fn peek(&self, memory: &mut Memory, request: &Request) -> Outcome {
        self.unit.peek(memory, request)
    }

    fn read_register<O: Observer>(&mut self, at: u32, bytes: u8, obs: &mut O) -> Option<u64> {
        self.unit.read_by_cpu(at, bytes, obs)
    }

    fn write_register<O: Observer>(
        &mut self,
        memory: &mut Memory,
        at: u32,
        bytes: u8,
        value: u64,
        obs: &mut O,
    ) -> bool {
        self.unit.write_by(memory, Actor::Cpu, at, bytes, value, obs)
    }

    fn registers(&self) -> Vec<(&'static Register, u64)> {
        self.unit.file().all()
    }

    fn page_request<O: Observer>(&mut self, memory: &mut Memory, request: &PageRequest, obs: &mut O) -> bool {
        self.unit.page_request(memory, request, obs)
    }

    fn start<O: Observer>(&mut self, ctx: &mut Ctx<'_, O>) -> Result<(), DriverError> {
        if O::ON {
            let what = ctx.obs.name(P::START);
            ctx.obs.begin(Actor::Os, Scope::Setup { what });
        }
        self.programmer.start(&mut Hardware::new(&mut self.unit, ctx))?;
        ctx.obs.end(Actor::Os, Verdict::Ok);
        Ok(())
    }

    fn new_domain<O: Observer>(
        &mut self,
        ctx: &mut Ctx<'_, O>,
        kind: DomainKind,
    ) -> Result<DomainId, DriverError> {
        self.domains.make(&mut self.programmer, &mut Hardware::new(&mut self.unit, ctx), kind)
    }

    fn domain_root(&self, domain: DomainId) -> Option<PhysAddr> {
        self.domains.get(domain).ok().map(|domain| domain.root)
    }

    fn set_caps(&mut self, device: RequesterId, caps: DeviceCaps) {
        self.domains.set_caps(device, caps);
    }

    fn mappings(&self, memory: &Memory, domain: DomainId, limit: usize) -> Leaves {
        self.domains.mappings(&self.programmer, memory, domain, limit)
    }

    fn attach<O: Observer>(
        &mut self,
        ctx: &mut Ctx<'_, O>,
        device: RequesterId,
        to: Attachment,
    ) -> Result<(), DriverError> {
        self.programmer.attach(&self.domains, &mut Hardware::new(&mut self.unit, ctx), device, to)
    }

    fn bind<O: Observer>(
        &mut self,
        ctx: &mut Ctx<'_, O>,
        device: RequesterId,
        pasid: Pasid,
        tables: Option<ProcessTables>,
    ) -> Result<(), DriverError> {
        self.programmer.bind(&self.domains, &mut Hardware::new(&mut self.unit, ctx), device, pasid, tables)
    }

    fn map<O: Observer>(
        &mut self,
        ctx: &mut Ctx<'_, O>,
        domain: DomainId,
        mapping: Mapping,
    ) -> Result<(), DriverError> {
        self.domains.map(&self.programmer, &mut Hardware::new(&mut self.unit, ctx), domain, mapping)
    }

    fn unmap<O: Observer>(
        &mut self,
        ctx: &mut Ctx<'_, O>,
        domain: DomainId,
        range: AddrRange<Iova>,
    ) -> Result<(), DriverError> {
        self.domains.unmap(&self.programmer, &mut Hardware::new(&mut self.unit, ctx), domain, range)
    }

    fn invalidate<O: Observer>(
        &mut self,
        ctx: &mut Ctx<'_, O>,
        what: Invalidation,
    ) -> Result<(), DriverError> {
        let commands = self.programmer.invalidation(&self.domains, &what)?;
        submit(&mut self.programmer, &mut Hardware::new(&mut self.unit, ctx), &commands)
    }

    fn set_interrupt<O: Observer>(
        &mut self,
        ctx: &mut Ctx<'_, O>,
        index: u16,
        entry: Option<InterruptEntry>,
    ) -> Result<Message, DriverError> {
        self.programmer.set_interrupt(&self.domains, &mut Hardware::new(&mut self.unit, ctx), index, entry)
    }

    fn interrupt_message(&self, index: u16) -> Message {
        self.programmer.interrupt_message(index)
    }

    fn take_faults<O: Observer>(&mut self, ctx: &mut Ctx<'_, O>) -> Result<Vec<FaultRecord>, DriverError> {
        self.programmer.take_faults(&mut Hardware::new(&mut self.unit, ctx))
    }

    fn take_page_requests<O: Observer>(
        &mut self,
        ctx: &mut Ctx<'_, O>,
    ) -> Result<Vec<PageRequest>, DriverError> {
        self.programmer.take_page_requests(&mut Hardware::new(&mut self.unit, ctx))
    }

    fn respond<O: Observer>(
        &mut self,
        ctx: &mut Ctx<'_, O>,
        request: &PageRequest,
        ok: bool,
    ) -> Result<(), DriverError> {
        let command = self.programmer.response(request, ok)?;
        submit(&mut self.programmer, &mut Hardware::new(&mut self.unit, ctx), &[command])
    }

    fn default_stage(&self) -> DomainKind {
        self.programmer.default_stage()
    }

    fn address_bits(&self) -> u8 {
        self.programmer.address_bits()
    }

    fn page_sizes(&self) -> &'static [PageSize] {
        self.programmer.page_sizes()
    }
}
