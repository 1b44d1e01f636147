//! A request in this architecture's words, what the registers say about it, and how it is refused.

use super::config::Config;
use super::records::Event;
use super::spec::registers::control;
use crate::iommu::{Refusal, Request, RequestKind};
use crate::spec::{Bits, FaultCode, Field};
use crate::trace::Perms;

/// What the registers say that translation needs.
#[derive(Clone, Copy, Debug)]
pub struct Setup<'a> {
    /// The unit.
    pub config: &'a Config,
    /// Control.
    pub control: u64,
    /// The register that says where the device's entry is: DevTabBase, or that of a segment.
    pub table: u64,
    /// Which entry it is there.
    pub index: u16,
    /// ExclBase and ExclLimit.
    pub exclusion: [u64; 2],
    /// Look only: nothing is written.
    pub frozen: bool,
}

impl Setup<'_> {
    /// A flag of Control.
    pub fn on(&self, flag: Field) -> bool {
        self.control.is_set(flag)
    }
    /// IommuEn.
    pub fn enabled(&self) -> bool {
        self.on(control::IOMMU_EN)
    }
}

/// A request in this architecture's words.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Asked {
    /// DeviceID.
    pub device: u16,
    /// PASID, where valid.
    pub pasid: Option<u32>,
    /// User privilege, where a PASID says so.
    pub user: bool,
    /// R or W.
    pub perms: Perms,
    /// The address.
    pub at: u64,
    /// Untranslated, translation request, translated.
    pub kind: RequestKind,
    /// The data of a write that may be an interrupt message.
    pub data: Option<u32>,
    /// The address is one of interrupt messages, in either form.
    pub messages: bool,
}

/// Addresses to which a write is an interrupt message: FEEx_xxxxh, as devices write it, without the lower 20 bits;
const INTERRUPTS: u64 = 0xfee;
/// and FD_F8xx_xxxxh, HyperTransport's form of it and of EOI, without the lower 24.
const HT_INTERRUPTS: u64 = 0xfdf8;

impl Asked {
    /// Returns what a request asks of a unit.
    pub fn new(request: &Request, config: &Config) -> Self {
        let at = request.at.raw();
        let memory = matches!(request.kind, RequestKind::Untranslated) && request.pasid.is_none();
        let range = at >> 20 == INTERRUPTS || at >> 24 == HT_INTERRUPTS && config.special_ranges();
        let perms = match request.kind {
            RequestKind::Translation { no_write } => Perms::R.or(Perms::when(Perms::W, !no_write)),
            _ if request.want.has(Perms::W) => Perms::W,
            _ if request.pasid.is_some_and(|tag| tag.execute) => Perms::R.or(Perms::X),
            _ => Perms::R,
        };
        Asked {
            device: request.requester.bdf16(),
            pasid: request.pasid.map(|tag| tag.pasid.raw()),
            user: request.pasid.is_some_and(|tag| !tag.privileged),
            perms,
            at,
            kind: request.kind,
            data: request.data,
            messages: memory && range,
        }
    }
    /// Is it in the range of interrupt messages?
    pub const fn in_interrupts(&self) -> bool {
        self.messages
    }
    /// Is it in HyperTransport's form, in which the address says all?
    pub const fn in_ht_form(&self) -> bool {
        self.messages && self.at >> 24 == HT_INTERRUPTS
    }
    /// Is it an interrupt message?
    pub fn is_interrupt(&self) -> bool {
        self.in_interrupts() && self.perms.has(Perms::W)
    }
    /// Is it an ATS translation request?
    pub const fn ats(&self) -> bool {
        matches!(self.kind, RequestKind::Translation { .. })
    }
    /// Returns an event about it.
    pub fn event(&self, code: &'static FaultCode, address: u64) -> Event {
        let interrupt = self.is_interrupt();
        Event {
            device: self.device,
            pasid: self.pasid,
            user: self.user,
            interrupt,
            execute: self.perms.has(Perms::X),
            write: self.perms.has(Perms::W) && !interrupt && !self.ats(),
            translation: self.ats(),
            ..Event::new(code, address)
        }
    }
}

/// A request that was stopped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Refused {
    /// The event, if the specification has one for it.
    pub event: Option<Event>,
    /// The entry that was used says that it is not logged (SA, IG, SupIOPF).
    pub suppressed: bool,
    /// SE: it is logged once a device.
    pub once: bool,
    /// How the refusal looks to the device.
    pub refusal: Refusal,
}

impl Refused {
    /// An event that is logged.
    pub const fn with(event: Event) -> Self {
        let refusal = Refusal::CompleterAbort;
        Refused { event: Some(event), suppressed: false, once: false, refusal }
    }
}
