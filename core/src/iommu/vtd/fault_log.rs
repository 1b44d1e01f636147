//! Fault recording (VT-d 7.2): registers with compression and overflow, the fault event, and what a refused
//! request is answered on the bus.

use super::context::Failure;
use super::records::{address_type, Record};
use super::spec::faults;
use super::spec::interrupts::{compatible, MessageWords};
use super::spec::registers::*;
use super::VtdUnit;
use crate::addr::{AnyAddr, Pasid, RequesterId, Space};
use crate::iommu::registers::Registers;
use crate::iommu::{Fault, Refusal, Request, RequestKind};
use crate::platform::interrupts::Controller;
use crate::spec::{Bits, FaultCode, Register, Rule, Text};
use crate::trace::{Actor, Event, InterruptKind, Observer, Perms, Recorded, Verdict};

static MASKED: Rule = Rule {
    text: Text::new("the event's interrupt is masked (IM = 1)", "事件中断已屏蔽（IM = 1）"),
    section: "VT-d 7.3",
};
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

/// Returns how the request is refused on the bus (VT-d 7.1.3, the columns by request type).
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

impl VtdUnit {
    /// Ends a request in a fault: writes its record where there is to be one, and traces it.
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
            let pasid = about.pasid.map(Pasid::raw);
            let record = Record {
                code: code.code as u8,
                source: about.requester.bdf16(),
                has_pasid: pasid.is_some() || failure.given.is_some_and(|given| given.present),
                pasid: pasid.or(failure.given.map(|given| given.value)).unwrap_or(0),
                execute: pasid.is_some() && about.want.has(Perms::X),
                privileged: pasid.is_some() && about.privileged,
                read: !interrupt && !about.want.has(Perms::W),
                address_type: match about.kind {
                    RequestKind::Untranslated => address_type::UNTRANSLATED,
                    RequestKind::Translation { .. } => address_type::TRANSLATION,
                    RequestKind::Translated => address_type::TRANSLATED,
                },
                place: about.at,
            };
            self.record(&record, obs)
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
    fn record<O: Observer>(&mut self, record: &Record, obs: &mut O) -> Recorded {
        let status = self.regs.of(&FSTS);
        if status.is_set(fsts::PFO) {
            return Recorded::Overflow;
        }
        let count = self.config.fault_registers();
        let high_half = |unit: &Self, i: usize| unit.regs.get(unit.config.fault_register(i) + 8, 8);
        let same_source =
            |high: u64| high.is_set(frcd_high::F) && high.bits(frcd_high::SID) == u64::from(record.source);
        if (0..count).any(|i| same_source(high_half(self, i))) {
            return Recorded::Compressed;
        }
        let next = self.next_fault % count;
        if high_half(self, next).is_set(frcd_high::F) {
            self.set(fsts::OFFSET, fsts::BYTES, status.with_flag(fsts::PFO, true), obs);
            return Recorded::Overflow;
        }
        let at = self.config.fault_register(next);
        let [low, high] = record.emit();
        self.set(at, 8, low, obs);
        self.set(at + 8, 8, high, obs);
        self.next_fault = (next + 1) % count;
        let first = !status.is_set(fsts::PPF);
        let index = if first { next as u64 } else { status.bits(fsts::FRI) };
        let pending = status.with(fsts::FRI, index).with_flag(fsts::PPF, true);
        self.set(fsts::OFFSET, fsts::BYTES, pending, obs);
        if first {
            self.fault_event(status, obs);
        }
        Recorded::At(next as u32)
    }

    /// Raises the fault event, unless software still has one to serve (VT-d 7.3).
    pub(super) fn fault_event<O: Observer>(&mut self, before: u64, obs: &mut O) {
        if !to_serve(before) {
            self.event(&FECTL, obs);
        }
    }

    /// Sends the interrupt of an event, whose data and address registers follow the control register, or leaves it
    /// pending while masked.
    pub(super) fn event<O: Observer>(&mut self, control: &Register, obs: &mut O) {
        let value = self.regs.of(control);
        let masked = value.is_set(event_control::IM);
        if O::ON {
            let rule = if masked { &MASKED } else { &NOT_MASKED };
            obs.step(Actor::Iommu, Event::Check { rule, ok: !masked, value: u64::from(masked) });
        }
        if masked {
            let pending = value.with_flag(event_control::IP, true);
            self.set(control.offset, control.bytes, pending, obs);
            return;
        }
        self.regs.clear(control, event_control::IP);
        let data = self.regs.get(control.offset + 4, 4);
        let address = self.regs.get(control.offset + 8, 4);
        if O::ON {
            let message: MessageWords = [address, data];
            let vector = message.bits(compatible::VECTOR) as u32;
            let destination = message.bits(compatible::DESTINATION) as u32;
            Controller::LocalApic.arrive(Actor::Iommu, (vector, destination), InterruptKind::Direct, obs);
        }
    }

    /// PPF follows the F fields (VT-d 11.4, fault status register).
    pub(super) fn refresh_pending(&mut self) {
        let any = (0..self.config.fault_registers())
            .any(|i| self.regs.get(self.config.fault_register(i) + 8, 8).is_set(frcd_high::F));
        let status = self.regs.of(&FSTS).with_flag(fsts::PPF, any);
        self.regs.store(&FSTS, status);
        if !to_serve(status) {
            self.regs.clear(&FECTL, event_control::IP);
        }
    }

    /// Closes the scope of a request.
    pub(super) fn close<O: Observer>(obs: &mut O, verdict: Verdict) {
        obs.end(Actor::Iommu, verdict);
    }
}

/// Returns whether the fault status holds something that raised the fault event (VT-d 7.3).
fn to_serve(status: u64) -> bool {
    [fsts::PFO, fsts::PPF, fsts::IQE, fsts::ITE].into_iter().any(|flag| status.is_set(flag))
}
