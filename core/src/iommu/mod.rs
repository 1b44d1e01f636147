//! The IOMMU: a request from a device becomes an address in physical memory, an interrupt, or a fault.
//!
//! Everything a caller sees is here and has no architecture in it; each architecture is one folder with its own
//! registers, tables, queues and fault codes, and implements [`Iommu`].

pub mod any;
pub mod architecture;
pub mod ats;
pub mod cache;
pub mod driver;
pub mod fetch;
pub mod registers;
pub mod ring;
pub mod riscv;
pub mod smmuv3;
pub mod traced_cache;
mod unit;
pub mod vtd;

pub use any::AnyIommu;
pub use architecture::{Ability, Architecture, Board, UnitConfig};
pub use unit::Unit;

use crate::addr::{AddrRange, Iova, PageSize, Pasid, PhysAddr, RequesterId};
use crate::memory::{MemError, Memory};
use crate::paging::builder::{MapError, Mapping};
use crate::paging::leaves::Leaves;
use crate::paging::FrameAlloc;
pub use crate::platform::interrupts::Message;
use crate::spec::{FaultCode, Localized, Phrase, Register, Text};
use crate::trace::{InterruptKind, Observer, Perms, Recorded};
use alloc::{format, string::ToString, vec::Vec};
use core::fmt;

/// The PASID of a request, with the two bits that travel with it (PCIe 6.0 section 6.20).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PasidTag {
    /// The PASID.
    pub pasid: Pasid,
    /// Privileged Mode Requested.
    pub privileged: bool,
    /// Execute Requested (meaningful on reads).
    pub execute: bool,
}

/// The address type of a request (PCIe 6.0 section 10.2.1, the AT field).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum RequestKind {
    /// AT = 00: the address is to be translated.
    #[default]
    Untranslated,
    /// AT = 01: an ATS translation request.
    Translation {
        /// The device does not ask for write permission.
        no_write: bool,
    },
    /// AT = 10: the address was translated before, by ATS.
    Translated,
}

/// What a device asks of the IOMMU.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Request {
    /// Who asks.
    pub requester: RequesterId,
    /// For which process, if the packet says so.
    pub pasid: Option<PasidTag>,
    /// The address.
    pub at: Iova,
    /// [`Perms::R`] or [`Perms::W`].
    pub want: Perms,
    /// Untranslated, translation request, or translated.
    pub kind: RequestKind,
    /// How many bytes the access has; 4 for a message.
    pub bytes: u32,
    /// The data of a write of four bytes: what an interrupt message carries.
    pub data: Option<u32>,
}

impl Request {
    /// An untranslated access of `bytes` without a PASID.
    pub const fn new(requester: RequesterId, at: Iova, want: Perms, bytes: u32) -> Self {
        Request { requester, pasid: None, at, want, kind: RequestKind::Untranslated, bytes, data: None }
    }
}

/// What the IOMMU answers.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Outcome {
    /// The access goes on to this physical address.
    Memory(Translation),
    /// It was an interrupt message, and this became of it.
    Interrupt(Delivery),
    /// The answer to an ATS translation request; `perms` may be nothing.
    Answer(Translation),
    /// The access is refused.
    Fault(Fault),
}

/// A translation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Translation {
    /// The address, offset included. For an ATS answer that gives guest-physical addresses (T2GPA), that.
    pub to: PhysAddr,
    /// The reach: the smallest page of the stages involved.
    pub size: PageSize,
    /// What the mapping allows.
    pub perms: Perms,
    /// It came from a cache.
    pub cached: bool,
}

/// What became of an interrupt message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Delivery {
    /// Vector, or interrupt identity.
    pub vector: u32,
    /// APIC id; or hart and guest interrupt file.
    pub destination: u32,
    /// Direct, remapped, or posted.
    pub kind: InterruptKind,
    /// Where it is written when it is delivered through memory: an interrupt file, a posted-interrupt
    /// descriptor, a memory-resident interrupt file.
    pub memory: Option<PhysAddr>,
}

/// How a request is refused on the bus.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// Completion status UR, unsupported request.
    UnsupportedRequest,
    /// Completion status CA, completer abort.
    CompleterAbort,
    /// Completion status SC with no permission granted (ATS).
    NoPermission,
}

/// A fault, in the architecture's own code.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Fault {
    /// The code.
    pub code: &'static FaultCode,
    /// How the request is refused on the bus.
    pub refusal: Refusal,
    /// What became of its record.
    pub recorded: Recorded,
}

/// A domain: one translation context that devices are attached to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct DomainId(pub u16);

impl fmt::Display for DomainId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Which stage's format a domain's tables have.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DomainKind {
    /// The format that processes' tables have too.
    Stage1,
    /// The format that hypervisors use for guests.
    Stage2,
}

/// Tables of a process, as stage 1.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ProcessTables {
    /// The root table: physical, or guest-physical when `below` is given.
    pub root: u64,
    /// Levels of the tables.
    pub levels: u8,
    /// The stage 2 below.
    pub below: Option<DomainId>,
}

/// What a device's requests without PASID meet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Attachment {
    /// Every request faults.
    Blocked,
    /// Addresses are physical already.
    PassThrough,
    /// The domain's tables, whichever stage they are.
    Domain(DomainId),
    /// A guest's own tables as stage 1 over the domain as stage 2.
    Nested(ProcessTables),
}

/// What to forget.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Invalidation {
    /// Everything.
    All,
    /// All translations.
    Translations,
    /// What was cached of every device's own entry.
    Devices,
    /// What was cached of every PASID's entry.
    Processes,
    /// What was cached of a device's own entry (context entry, device context).
    Device(RequesterId),
    /// What was cached of a PASID of a device (PASID-table entry, process context).
    Process(RequesterId, Pasid),
    /// All translations of a domain.
    Domain(DomainId),
    /// The translations of these pages of a domain.
    Pages(DomainId, AddrRange<Iova>),
    /// All stage 1 translations of a PASID in a domain.
    PasidAll(DomainId, Pasid),
    /// The stage 1 translations of these pages.
    PasidPages(DomainId, Pasid, AddrRange<Iova>),
    /// What a device's own TLB (ATC) holds of these pages.
    DeviceTlb(RequesterId, Option<Pasid>, AddrRange<Iova>),
    /// Interrupt entries.
    Interrupts,
}

/// An entry for interrupt remapping.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct InterruptEntry {
    /// The only requester allowed to use it, when checked.
    pub source: Option<RequesterId>,
    /// Vector, or interrupt identity, to deliver.
    pub vector: u8,
    /// APIC id; or hart and guest interrupt file.
    pub destination: u32,
    /// Post to this descriptor instead of interrupting a CPU at once.
    pub posted: Option<PhysAddr>,
}

/// A fault as the OS reads it back from the unit's registers or queue.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct FaultRecord {
    /// The code.
    pub code: &'static FaultCode,
    /// The requester.
    pub requester: RequesterId,
    /// The PASID, if recorded.
    pub pasid: Option<Pasid>,
    /// The address as recorded.
    pub address: u64,
    /// What the access needed.
    pub want: Perms,
}

/// What a device can do, as far as its table entry must say so.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct DeviceCaps {
    /// It sends translation requests and keeps answers in a TLB of its own.
    pub ats: bool,
    /// It sends page requests.
    pub pri: bool,
    /// It sends PASIDs.
    pub pasid: bool,
}

/// A page request (PCIe 6.0 section 10.4): the device asks software to make a page present.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PageRequest {
    /// Who asks.
    pub requester: RequesterId,
    /// For which process.
    pub pasid: Option<Pasid>,
    /// The page.
    pub at: Iova,
    /// What the device wants to do.
    pub want: Perms,
    /// The last request of its group: software answers the group.
    pub last: bool,
    /// Page request group index, 9 bits.
    pub group: u16,
}

/// Why software could not do as asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DriverError {
    /// Mapping failed.
    Map(MapError),
    /// No memory is left for the unit's structures.
    NoFrames,
    /// Memory refused.
    Memory(MemError),
    /// The unit cannot do this; the text names the capability it lacks.
    Unsupported(Text),
    /// There is no such domain.
    NoDomain(DomainId),
}

impl From<MapError> for DriverError {
    fn from(error: MapError) -> Self {
        DriverError::Map(error)
    }
}

impl From<MemError> for DriverError {
    fn from(error: MemError) -> Self {
        DriverError::Memory(error)
    }
}

impl fmt::Display for DriverError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DriverError::Map(error) => error.fmt(f),
            DriverError::NoFrames => write!(f, "no memory is left for the IOMMU's structures"),
            DriverError::Memory(error) => error.fmt(f),
            DriverError::Unsupported(what) => write!(f, "this IOMMU does not support {}", what.en),
            DriverError::NoDomain(id) => write!(f, "there is no domain {id}"),
        }
    }
}

impl Localized for DriverError {
    fn phrase(&self) -> Phrase {
        let zh = match self {
            DriverError::Map(error) => error.phrase().zh,
            DriverError::NoFrames => "没有内存可放 IOMMU 的结构".into(),
            DriverError::Memory(error) => error.phrase().zh,
            DriverError::Unsupported(what) => format!("这个 IOMMU 不支持：{}", what.zh),
            DriverError::NoDomain(id) => format!("没有域 {id}"),
        };
        Phrase::new(self.to_string(), zh)
    }
}

/// What software works with: the memory, frames for structures, and who hears of it.
pub struct Ctx<'a, O> {
    /// Physical memory.
    pub memory: &'a mut Memory,
    /// Frames for tables and queues, zeroed.
    pub frames: &'a mut FrameAlloc,
    /// Who hears of every write.
    pub obs: &'a mut O,
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
