//! The one type that callers hold: an IOMMU of some architecture, and the only dispatch on which one it is.

use super::*;

macro_rules! units {
    ($($(#[$doc:meta])* $Name:ident($Type:ty),)*) => {
        /// An IOMMU of any architecture here.
        #[derive(Clone, Debug)]
        #[allow(clippy::large_enum_variant)] // there is one of them in a machine
        pub enum AnyIommu { $($(#[$doc])* $Name($Type),)* }

        impl AnyIommu {
            /// Which architecture it has.
            pub const fn architecture(&self) -> Architecture {
                match self { $(AnyIommu::$Name(_) => Architecture::$Name,)* }
            }
        }

        macro_rules! each {
            ($self:ident, $unit:ident => $body:expr) => {
                match $self { $(AnyIommu::$Name($unit) => $body,)* }
            };
        }
    };
}

units! {
    /// Intel VT-d.
    Vtd(super::vtd::Vtd),
    /// The RISC-V IOMMU.
    Riscv(super::riscv::Riscv),
}

impl Iommu for AnyIommu {
    fn translate<O: Observer>(&mut self, memory: &mut Memory, request: &Request, obs: &mut O) -> Outcome {
        each!(self, unit => unit.translate(memory, request, obs))
    }
    fn peek(&self, memory: &mut Memory, request: &Request) -> Outcome {
        each!(self, unit => unit.peek(memory, request))
    }
    fn read_register<O: Observer>(&mut self, offset: u32, bytes: u8, obs: &mut O) -> Option<u64> {
        each!(self, unit => unit.read_register(offset, bytes, obs))
    }
    fn write_register<O: Observer>(
        &mut self,
        memory: &mut Memory,
        offset: u32,
        bytes: u8,
        value: u64,
        obs: &mut O,
    ) -> bool {
        each!(self, unit => unit.write_register(memory, offset, bytes, value, obs))
    }
    fn registers(&self) -> Vec<(&'static Register, u64)> {
        each!(self, unit => unit.registers())
    }
    fn page_request<O: Observer>(&mut self, memory: &mut Memory, request: &PageRequest, obs: &mut O) -> bool {
        each!(self, unit => unit.page_request(memory, request, obs))
    }
    fn start<O: Observer>(&mut self, ctx: &mut Ctx<'_, O>) -> Result<(), DriverError> {
        each!(self, unit => unit.start(ctx))
    }
    fn new_domain<O: Observer>(
        &mut self,
        ctx: &mut Ctx<'_, O>,
        kind: DomainKind,
    ) -> Result<DomainId, DriverError> {
        each!(self, unit => unit.new_domain(ctx, kind))
    }
    fn domain_root(&self, domain: DomainId) -> Option<PhysAddr> {
        each!(self, unit => unit.domain_root(domain))
    }
    fn mappings(&self, memory: &Memory, domain: DomainId, limit: usize) -> Leaves {
        each!(self, unit => unit.mappings(memory, domain, limit))
    }
    fn set_caps(&mut self, device: RequesterId, caps: DeviceCaps) {
        each!(self, unit => unit.set_caps(device, caps))
    }
    fn attach<O: Observer>(
        &mut self,
        ctx: &mut Ctx<'_, O>,
        device: RequesterId,
        to: Attachment,
    ) -> Result<(), DriverError> {
        each!(self, unit => unit.attach(ctx, device, to))
    }
    fn bind<O: Observer>(
        &mut self,
        ctx: &mut Ctx<'_, O>,
        device: RequesterId,
        pasid: Pasid,
        tables: Option<ProcessTables>,
    ) -> Result<(), DriverError> {
        each!(self, unit => unit.bind(ctx, device, pasid, tables))
    }
    fn map<O: Observer>(
        &mut self,
        ctx: &mut Ctx<'_, O>,
        domain: DomainId,
        mapping: Mapping,
    ) -> Result<(), DriverError> {
        each!(self, unit => unit.map(ctx, domain, mapping))
    }
    fn unmap<O: Observer>(
        &mut self,
        ctx: &mut Ctx<'_, O>,
        domain: DomainId,
        range: AddrRange<Iova>,
    ) -> Result<(), DriverError> {
        each!(self, unit => unit.unmap(ctx, domain, range))
    }
    fn invalidate<O: Observer>(
        &mut self,
        ctx: &mut Ctx<'_, O>,
        what: Invalidation,
    ) -> Result<(), DriverError> {
        each!(self, unit => unit.invalidate(ctx, what))
    }
    fn set_interrupt<O: Observer>(
        &mut self,
        ctx: &mut Ctx<'_, O>,
        index: u16,
        entry: Option<InterruptEntry>,
    ) -> Result<Message, DriverError> {
        each!(self, unit => unit.set_interrupt(ctx, index, entry))
    }
    fn interrupt_message(&self, index: u16) -> Message {
        each!(self, unit => unit.interrupt_message(index))
    }
    fn take_faults<O: Observer>(&mut self, ctx: &mut Ctx<'_, O>) -> Result<Vec<FaultRecord>, DriverError> {
        each!(self, unit => unit.take_faults(ctx))
    }
    fn take_page_requests<O: Observer>(
        &mut self,
        ctx: &mut Ctx<'_, O>,
    ) -> Result<Vec<PageRequest>, DriverError> {
        each!(self, unit => unit.take_page_requests(ctx))
    }
    fn respond<O: Observer>(
        &mut self,
        ctx: &mut Ctx<'_, O>,
        request: &PageRequest,
        ok: bool,
    ) -> Result<(), DriverError> {
        each!(self, unit => unit.respond(ctx, request, ok))
    }
    fn default_stage(&self) -> DomainKind {
        each!(self, unit => unit.default_stage())
    }
    fn address_bits(&self) -> u8 {
        each!(self, unit => unit.address_bits())
    }
    fn page_sizes(&self) -> &'static [PageSize] {
        each!(self, unit => unit.page_sizes())
    }
}
