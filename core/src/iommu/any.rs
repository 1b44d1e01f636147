//! The one type that callers hold: an IOMMU of some architecture. The only list of architectures there is.

use super::*;

macro_rules! units {
    ($($(#[$doc:meta])* $Name:ident($Type:ty),)*) => {
        /// An IOMMU of any architecture here.
        #[derive(Clone, Debug)]
        #[allow(clippy::large_enum_variant)] // there is one of them in a machine
        pub enum AnyIommu { $($(#[$doc])* $Name($Type),)* }

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

/// An architecture that there is a unit of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Architecture {
    /// Intel VT-d.
    Vtd,
    /// The RISC-V IOMMU.
    Riscv,
}

impl Architecture {
    /// Its name in a picture.
    pub const fn name(self) -> &'static str {
        match self {
            Architecture::Vtd => "VT-d",
            Architecture::Riscv => "RISC-V",
        }
    }
    /// Does a unit have process tables unless it is said that it has none? VT-d's mode of old has none.
    pub const fn has_processes(self) -> bool {
        match self {
            Architecture::Vtd => false,
            Architecture::Riscv => true,
        }
    }
}

/// What a unit shall be able to do, in words that every architecture has an answer to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct UnitConfig {
    /// Process tables: PASIDs, stage 1, nesting. Without, devices meet stage 2 only (VT-d legacy mode).
    pub processes: bool,
    /// Address bits that a domain's tables translate: 39, 48 or 57.
    pub width: Option<u8>,
    /// The largest page: log2.
    pub largest_page: Option<u8>,
    /// Entries of the IOTLB.
    pub iotlb: Option<u16>,
    /// Entries of the device table cache.
    pub device_cache: Option<u16>,
    /// Entries of the process table cache.
    pub process_cache: Option<u16>,
    /// Fault recording registers, or slots of the fault queue.
    pub fault_records: Option<u16>,
    /// Interrupt remapping.
    pub interrupt_remapping: bool,
    /// Hardware sets accessed and dirty bits of stage 2.
    pub accessed_dirty: bool,
    /// Not-present entries may be cached.
    pub caching_mode: bool,
    /// It answers ATS translation requests, and lets translated requests pass.
    pub ats: bool,
    /// It takes page requests.
    pub pri: bool,
}

impl AnyIommu {
    /// Which architecture it has.
    pub const fn architecture(&self) -> Architecture {
        match self {
            AnyIommu::Vtd(_) => Architecture::Vtd,
            AnyIommu::Riscv(_) => Architecture::Riscv,
        }
    }
    /// A unit. The error names what the architecture does not have.
    pub fn new(arch: Architecture, config: &UnitConfig) -> Result<Self, &'static str> {
        match arch {
            Architecture::Vtd => vtd_unit(config).map(AnyIommu::Vtd),
            Architecture::Riscv => riscv_unit(config).map(AnyIommu::Riscv),
        }
    }
}

fn vtd_unit(config: &UnitConfig) -> Result<super::vtd::Vtd, &'static str> {
    let mut out = super::vtd::Config::playground();
    let set = |word: &mut u64, bit: u32, on: bool| *word = *word & !(1 << bit) | u64::from(on) << bit;
    if !config.processes {
        // Legacy mode: no SMTS, and nothing that needs it.
        for bit in [26, 29, 30, 31, 34, 40, 43, 45, 46, 47] {
            set(&mut out.ecap, bit, false);
        }
    }
    match config.width {
        None | Some(48) => {}
        // SAGAW has the 39-bit tables only, and MGAW says 39.
        Some(39) => out.cap = out.cap & !(0x1f << 8) & !(0x3f << 16) | 0b0010 << 8 | 38 << 16,
        Some(57) => out.cap = out.cap & !(0x1f << 8) & !(0x3f << 16) | 0b1110 << 8 | 56 << 16 | 1 << 60,
        Some(_) => return Err("VT-d tables translate 39, 48 or 57 bits"),
    }
    if let Some(largest) = config.largest_page {
        set(&mut out.cap, 34, largest >= 21);
        set(&mut out.cap, 35, largest >= 30);
    }
    if let Some(records) = config.fault_records {
        if !(1..=256).contains(&records) {
            return Err("VT-d has 1 to 256 fault recording registers");
        }
        out.cap = out.cap & !(0xff << 40) | u64::from(records - 1) << 40;
    }
    // DT: device TLBs; PRS: page requests, which need process tables.
    set(&mut out.ecap, 2, config.ats);
    set(&mut out.ecap, 29, config.pri && config.processes);
    set(&mut out.cap, 7, config.caching_mode);
    set(&mut out.ecap, 3, config.interrupt_remapping);
    set(&mut out.ecap, 45, config.accessed_dirty && config.processes);
    let caches = &mut out.caches;
    caches.iotlb = config.iotlb.unwrap_or(caches.iotlb);
    caches.context = config.device_cache.unwrap_or(caches.context);
    caches.pasid = config.process_cache.unwrap_or(caches.pasid);
    Ok(super::vtd::Vtd::new(out))
}

fn riscv_unit(config: &UnitConfig) -> Result<super::riscv::Riscv, &'static str> {
    use super::riscv::spec::registers::capabilities as cap;
    use crate::spec::{Bits, Field};
    let mut out = super::riscv::Config::playground();
    let drop = |word: &mut u64, flags: &[Field]| flags.iter().for_each(|flag| word.set_flag(*flag, false));
    if !config.processes {
        drop(&mut out.capabilities, &[cap::PD8, cap::PD17, cap::PD20]);
    }
    out.levels = match config.width {
        None | Some(48) => 4,
        Some(39) => 3,
        Some(57) => 5,
        Some(_) => return Err("RISC-V tables translate 39, 48 or 57 bits"),
    };
    if let Some(largest) = config.largest_page {
        out.largest_page = largest;
    }
    if let Some(records) = config.fault_records {
        if !(2..=128).contains(&records) || !records.is_power_of_two() {
            return Err("the RISC-V fault queue here has 2 to 128 records, a power of two");
        }
        out.fault_slots = records;
    }
    if config.caching_mode {
        return Err("the RISC-V IOMMU never caches entries that are not valid (no caching mode)");
    }
    if !config.ats {
        drop(&mut out.capabilities, &[cap::ATS, cap::T2GPA]);
    }
    if !config.interrupt_remapping {
        drop(&mut out.capabilities, &[cap::MSI_FLAT, cap::MSI_MRIF]);
    }
    out.update = config.accessed_dirty;
    let caches = &mut out.caches;
    caches.iotlb = config.iotlb.unwrap_or(caches.iotlb);
    caches.ddt = config.device_cache.unwrap_or(caches.ddt);
    caches.pdt = config.process_cache.unwrap_or(caches.pdt);
    Ok(super::riscv::Riscv::new(out))
}
