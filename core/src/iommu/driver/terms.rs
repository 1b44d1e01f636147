//! The words in which an operating system says what it wants of any unit: domains, attachments, what to forget. Types
//! only; which bits they become is each architecture's programmer.

use crate::addr::{AddrRange, Iova, Pasid, PhysAddr, RequesterId};
use crate::memory::{MemError, Memory};
use crate::paging::builder::MapError;
use crate::paging::FrameAlloc;
use crate::spec::{spaced, FaultCode, Localized, Phrase, Text};
use crate::trace::Perms;
use alloc::{format, string::ToString};
use core::fmt;

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
    /// The ASID by which the CPU tags them.
    pub asid: u16,
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
    /// The id under which firmware says its requests arrive, where that is not its requester id (`iommu-map`).
    pub id: Option<u32>,
}

/// Why software could not do what was requested.
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
    /// The machine has no IOMMU.
    NoIommu,
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
            DriverError::NoIommu => write!(f, "this machine has no IOMMU: its `machine` line can name one"),
        }
    }
}

impl Localized for DriverError {
    fn phrase(&self) -> Phrase {
        let zh = match self {
            DriverError::Map(error) => error.phrase().zh,
            DriverError::NoFrames => "没有内存可放 IOMMU 的结构".into(),
            DriverError::Memory(error) => error.phrase().zh,
            DriverError::Unsupported(what) => spaced(&format!("这个 IOMMU 不支持{}", what.zh)),
            DriverError::NoDomain(id) => format!("没有域 {id}"),
            DriverError::NoIommu => "这台机器没有 IOMMU，可以在 `machine` 那一行写上一种".into(),
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

/// What a driver's call returns.
pub type DriverResult<T = ()> = Result<T, DriverError>;

/// Returns the refusal of what the unit cannot do; the text names the capability it lacks.
pub const fn unsupported<T>(en: &'static str, zh: &'static str) -> DriverResult<T> {
    Err(DriverError::Unsupported(Text::new(en, zh)))
}
