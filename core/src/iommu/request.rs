//! What crosses the bus between devices, the unit and memory: requests, answers, faults. Nothing here knows an
//! architecture, and nothing here does anything: types only.

use crate::addr::{Address, AnyAddr, Iova, PageSize, Pasid, PhysAddr, RequesterId, Space};
use crate::spec::FaultCode;
use crate::trace::{InterruptKind, Perms, Recorded};

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
        /// The device requests no write permission.
        no_write: bool,
    },
    /// AT = 10: the address was translated before, by ATS.
    Translated,
}

impl RequestKind {
    /// Returns the address of a request of this kind in the space that it is of: what was translated before is physical, where
    /// no table's entry lets ATS answer with less (RISC-V T2GPA, SMMUv3 EATS = 0b10; no driver here writes one).
    pub fn address(self, at: Iova) -> AnyAddr {
        match self {
            RequestKind::Translated => AnyAddr { space: Space::Physical, raw: at.raw() },
            _ => at.any(),
        }
    }
}

/// A request from a device to the IOMMU.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Request {
    /// The device that requests.
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
    /// Returns an untranslated access of `bytes` without a PASID.
    pub const fn new(requester: RequesterId, at: Iova, want: Perms, bytes: u32) -> Self {
        Request { requester, pasid: None, at, want, kind: RequestKind::Untranslated, bytes, data: None }
    }

    /// Returns the address in the space that it is of.
    pub fn address(&self) -> AnyAddr {
        self.kind.address(self.at)
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
    /// The vector counts: that of an NMI, SMI, INIT or ExtINT is looked at by nobody.
    pub vectored: bool,
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

/// How software answers a group of page requests (PCIe 6.0 section 10.4.2): the response code, which VT-d, AMD-Vi and RISC-V
/// take as it is; an SMMU has codes of its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PageResponse {
    /// Every page of the group is there now.
    Success = 0,
    /// A page of the group cannot be had: it is not there, or does not allow the access. The device may ask again.
    InvalidRequest = 1,
    /// The system cannot answer, now or later: nothing more is answered until the device's page requests are reset.
    ResponseFailure = 15,
}

/// A page request (PCIe 6.0 section 10.4): the device requests software to make a page present.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PageRequest {
    /// The device that requests.
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
