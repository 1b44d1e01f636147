//! Fault recording (VT-d 7.2): registers with compression and overflow, the fault event, and what a refused
//! request is answered on the bus.

use super::faults;
use super::regs::{bit, offset};
use super::route::Failure;
use super::Vtd;
use crate::addr::{AnyAddr, Pasid, RequesterId, Space};
use crate::iommu::{Fault, Refusal, Request, RequestKind};
use crate::spec::{FaultCode, Rule, Text};
use crate::trace::{Actor, Event, InterruptKind, Observer, Perms, Recorded, Verdict};

static NOT_MASKED: Rule = Rule {
    text: Text::new("the event's interrupt is not masked (IM = 0)", "事件中断未屏蔽（IM = 0）"),
    section: "VT-d 7.3",
};

/// What a record says of the request.
#[derive(Clone, Copy, Debug)]
pub(super) struct About {
    pub requester: RequesterId,
    pub pasid: Option<Pasid>,
    pub at: u64,
    pub want: Perms,
    pub privileged: bool,
    pub kind: RequestKind,
}

impl About {
    pub fn of(request: &Request) -> Self {
        About {
            requester: request.requester,
            pasid: request.pasid.map(|tag| tag.pasid),
            at: request.at.raw(),
            want: match request.pasid {
                Some(tag) if tag.execute && request.want.has(Perms::R) => request.want.or(Perms::X),
                _ => request.want,
            },
            privileged: request.pasid.is_some_and(|tag| tag.privileged),
            kind: request.kind,
        }
    }
}

/// How the request is refused on the bus (VT-d 7.1.3, the columns by request type).
fn refusal(code: &FaultCode, kind: RequestKind) -> Refusal {
    match kind {
        RequestKind::Translation { .. } => match code.code {
            // Not present, or the rights are missing: an answer without rights.
            0x04 | 0x05 | 0x06 | 0x71 | 0x75 | 0x76 | 0x77 | 0x79 | 0x80..=0x86 => Refusal::NoPermission,
            // Not present structures, and what the entries say the device may not do.
            0x01 | 0x02 | 0x0d | 0x30..=0x33 | 0x39 | 0x41 | 0x44..=0x48 | 0x51 | 0x59 | 0x5c | 0x5d => {
                Refusal::UnsupportedRequest
            }
            _ => Refusal::CompleterAbort,
        },
        _ => Refusal::UnsupportedRequest,
    }
}

impl Vtd {
    /// Ends a request in a fault: records it where that is to be, and tells it.
    pub(super) fn refuse<O: Observer>(&mut self, failure: Failure, about: &About, obs: &mut O) -> Fault {
        let code = failure.code;
        let refusal = refusal(code, about.kind);
        let quiet = failure.silent
            || failure.fpd && faults::is_qualified(code.code)
            // A translation request that is answered without rights is no fault to report (VT-d 7.1.3).
            || refusal == Refusal::NoPermission;
        let recorded = if quiet {
            Recorded::Suppressed
        } else {
            let interrupt = faults::is_interrupt(code.code);
            let low = if interrupt { about.at << 48 } else { about.at & !0xfff };
            let type_bits = match about.kind {
                RequestKind::Untranslated => 0,
                RequestKind::Translation { .. } => 1,
                RequestKind::Translated => 2,
            };
            let mut high = u64::from(about.requester.bdf16()) | u64::from(code.code) << 32 | type_bits << 60;
            high |= failure.given;
            if let Some(pasid) = about.pasid {
                high |= 1 << 31 | u64::from(pasid.raw()) << 40 | u64::from(about.privileged) << 29;
                high |= u64::from(about.want.has(Perms::X)) << 30;
            }
            if !interrupt && !about.want.has(Perms::W) {
                high |= 1 << 62;
            }
            self.record(low, high, obs)
        };
        if O::ON {
            let at = AnyAddr { space: Space::Iova, raw: about.at };
            let (requester, pasid) = (Some(about.requester), about.pasid);
            let want = about.want;
            obs.step(Actor::Iommu, Event::Fault { code, requester, pasid, at, want, recorded });
        }
        Fault { code, refusal, recorded }
    }

    /// Primary fault logging (VT-d 7.2.1): the record goes to the next register, unless it is folded into one of
    /// the same source, or there is no room.
    fn record<O: Observer>(&mut self, low: u64, high: u64, obs: &mut O) -> Recorded {
        let status = self.regs.get(offset::FSTS, 4);
        if status & bit::PFO != 0 {
            return Recorded::Overflow;
        }
        let count = self.config.fault_registers();
        let taken = |unit: &Self, i: usize| unit.regs.get(unit.regs.fault_register(i) + 8, 8);
        let pending = (0..count).map(|i| taken(self, i)).any(|h| h >> 63 != 0 && h & 0xffff == high & 0xffff);
        if pending {
            return Recorded::Compressed;
        }
        let next = self.next_fault % count;
        if taken(self, next) >> 63 != 0 {
            self.set_register(offset::FSTS, 4, status | bit::PFO, obs);
            return Recorded::Overflow;
        }
        let at = self.regs.fault_register(next);
        self.set_register(at, 8, low, obs);
        self.set_register(at + 8, 8, high | 1 << 63, obs);
        self.next_fault = (next + 1) % count;
        let first = status & bit::PPF == 0;
        let index = if first { (next as u64) << 8 } else { status & 0xff00 };
        self.set_register(offset::FSTS, 4, status & !0xff00 | index | bit::PPF, obs);
        if first {
            self.fault_event(status, obs);
        }
        Recorded::At(next as u32)
    }

    /// Raises the fault event, unless software still has one to serve (VT-d 7.3).
    pub(super) fn fault_event<O: Observer>(&mut self, before: u64, obs: &mut O) {
        if before & (bit::PFO | bit::PPF | bit::IQE | bit::ITE) == 0 {
            self.event(offset::FECTL, obs);
        }
    }

    /// Sends the interrupt of a control/data/address register group, or leaves it pending while masked.
    pub(super) fn event<O: Observer>(&mut self, control: u32, obs: &mut O) {
        let masked = self.regs.get(control, 4) & bit::IM != 0;
        if O::ON {
            obs.step(Actor::Iommu, Event::Check { rule: &NOT_MASKED, ok: !masked, value: u64::from(masked) });
        }
        if masked {
            let value = self.regs.get(control, 4) | bit::IP;
            self.set_register(control, 4, value, obs);
            return;
        }
        self.regs.change(control, 4, bit::IP, 0);
        let data = self.regs.get(control + 4, 4);
        let address = self.regs.get(control + 8, 4);
        if O::ON {
            let (vector, destination) = ((data & 0xff) as u32, (address >> 12 & 0xff) as u32);
            obs.step(Actor::Iommu, Event::Interrupt { vector, destination, kind: InterruptKind::Direct });
        }
    }

    /// Sets a register as hardware does, and tells it.
    pub(super) fn set_register<O: Observer>(&mut self, at: u32, bytes: u8, new: u64, obs: &mut O) {
        let old = self.regs.get(at, bytes);
        self.regs.set(at, bytes, new);
        if let (true, Some((register, start))) = (O::ON && old != new, self.regs.find(at)) {
            obs.step(Actor::Iommu, Event::Register { register, offset: start, old, new, write: true });
        }
    }

    /// PPF follows the F fields (VT-d 11.4, fault status register).
    pub(super) fn refresh_pending(&mut self) {
        let any = (0..self.config.fault_registers())
            .any(|i| self.regs.get(self.regs.fault_register(i) + 8, 8) >> 63 != 0);
        self.regs.change(offset::FSTS, 4, bit::PPF, if any { bit::PPF } else { 0 });
        let left = self.regs.get(offset::FSTS, 4) & (bit::PFO | bit::PPF | bit::IQE | bit::ITE);
        if left == 0 {
            self.regs.change(offset::FECTL, 4, bit::IP, 0);
        }
    }

    /// Closes the scope of a request.
    pub(super) fn close<O: Observer>(obs: &mut O, verdict: Verdict) {
        obs.end(Actor::Iommu, verdict);
    }
}
