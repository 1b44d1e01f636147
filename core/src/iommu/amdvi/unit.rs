//! The unit: registers and caches behind the neutral interface.

use super::caches::Caches;
use super::interrupts::Interrupt;
use super::request::{Asked, Refused, Setup};
use super::spec::interrupts::int_type;
use super::spec::registers::{self as reg, control};
use super::translate::{process, Answer, Reached};
use super::Config;
use crate::addr::{AnyAddr, PhysAddr, RequesterId, Space};
use crate::iommu::atc::DeviceTlbs;
use crate::iommu::registers::RegisterFile;
use crate::iommu::{Delivery, Fault, Outcome, PageRequest, Request, RequestKind, Translation, Unit};
use crate::memory::Memory;
use crate::platform::interrupts::Controller;
use crate::spec::Bits;
use crate::trace::{Actor, Event as Step, Observer, Off, Perms, Recorded, Scope, Verdict};
use alloc::collections::BTreeSet;

/// The hardware.
#[derive(Clone, Debug)]
pub struct AmdViUnit {
    pub(super) config: Config,
    pub(super) regs: RegisterFile,
    pub(super) caches: Caches,
    /// Devices of which an IO_PAGE_FAULT was logged since their entry was forgotten (SE).
    pub(super) reported: BTreeSet<u16>,
    /// Devices that do not answer invalidations of their TLB.
    pub(super) mute: BTreeSet<u16>,
    /// TLBs of devices, while they are lent.
    pub(super) device_tlbs: DeviceTlbs,
}

/// How a request is answered.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Reply {
    /// With an address, or as an interrupt.
    Answer(Answer),
    /// Refused, and what became of the event.
    Refused(Refused, Recorded),
}

impl AmdViUnit {
    /// Returns a unit as after reset: off, caches empty.
    pub fn new(config: Config) -> Self {
        AmdViUnit {
            regs: config.registers(),
            caches: Caches::new(&config.caches),
            reported: BTreeSet::new(),
            mute: BTreeSet::new(),
            device_tlbs: DeviceTlbs::default(),
            config,
        }
    }

    /// Returns what the unit can do.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Returns what the unit remembers, for views.
    pub fn caches(&self) -> &Caches {
        &self.caches
    }

    /// Makes a device answer invalidations of its TLB, or not: then IOTLB_INV_TIMEOUT is logged.
    pub fn set_mute(&mut self, device: RequesterId, mute: bool) {
        match mute {
            true => self.mute.insert(device.bdf16()),
            false => self.mute.remove(&device.bdf16()),
        };
    }

    pub(super) fn setup<'a>(&self, config: &'a Config, device: u16, frozen: bool) -> Setup<'a> {
        let control = self.regs.of(&reg::CONTROL);
        // Segments go by the upper bits of the DeviceID, as many as DevTblSegEn says.
        let each = 0x1_0000 >> control.bits(control::SEGMENTS);
        let (segment, index) = (u32::from(device) / each, u32::from(device) % each);
        let table = match segment {
            0 => self.regs.of(&reg::DEVICE_TABLE),
            other => self.regs.get(reg::segment_1::OFFSET + (other - 1) * 8, 8),
        };
        Setup {
            config,
            control,
            table,
            index: index as u16,
            exclusion: [self.regs.of(&reg::EXCLUSION_BASE), self.regs.of(&reg::EXCLUSION_LIMIT)],
            frozen,
        }
    }

    /// Answers a request in this architecture's own terms.
    pub fn ask<O: Observer>(&mut self, memory: &mut Memory, request: &Request, obs: &mut O) -> Reply {
        let config = self.config;
        let asked = Asked::new(request, &config);
        let setup = self.setup(&config, asked.device, false);
        if O::ON {
            let pasid = request.pasid.map(|tag| tag.pasid);
            let (requester, at, want) = (request.requester, request.address(), request.want);
            obs.begin(Actor::Iommu, Scope::Translation { requester, pasid, at, want });
        }
        let mut result = process(&setup, &mut Some(&mut self.caches), memory, &asked, obs);
        if let Ok(Answer::Interrupt(interrupt)) = result {
            result = self.post(memory, &asked, &interrupt, obs).map(|()| Answer::Interrupt(interrupt));
        }
        let reply = match result {
            Ok(answer) => Reply::Answer(answer),
            Err(refused) => {
                let recorded = match &refused.event {
                    None => Recorded::None,
                    Some(event) => {
                        let again = refused.once && !self.reported.insert(asked.device);
                        let recorded = match refused.suppressed || again {
                            true => Recorded::Suppressed,
                            false => self.log(memory, event, obs),
                        };
                        // A translation request is a read, whatever it asks for.
                        let want = if asked.ats() { Perms::R } else { asked.perms };
                        self.tell(event, want, recorded, obs);
                        recorded
                    }
                };
                Reply::Refused(refused, recorded)
            }
        };
        if O::ON {
            let verdict = match &reply {
                Reply::Answer(Answer::Memory(Reached { to, size, perms, .. })) => {
                    let to = AnyAddr { space: Space::Physical, raw: *to };
                    Verdict::Leaf { to, size: *size, perms: *perms }
                }
                Reply::Refused(Refused { event: Some(event), .. }, _) => Verdict::Fault(event.code),
                Reply::Answer(Answer::Interrupt(_)) | Reply::Refused(..) => Verdict::Ok,
            };
            obs.end(Actor::Iommu, verdict);
        }
        reply
    }

    fn outcome<O: Observer>(request: &Request, reply: &Reply, obs: &mut O) -> Outcome {
        match reply {
            Reply::Answer(Answer::Memory(Reached { to, size, perms, cached })) => {
                let to = PhysAddr::new(*to);
                let translation = Translation { to, size: *size, perms: *perms, cached: *cached };
                match request.kind {
                    RequestKind::Translation { .. } => Outcome::Answer(translation),
                    _ => Outcome::Memory(translation),
                }
            }
            Reply::Answer(Answer::Interrupt(Interrupt {
                vector,
                destination,
                kind: mode,
                how,
                guest,
                ..
            })) => {
                let (vector, destination, kind) = (u32::from(*vector), *destination, *how);
                let vectored = u64::from(*mode) <= int_type::ARBITRATED;
                if O::ON {
                    match vectored {
                        true => Controller::LocalApic.arrive(Actor::Iommu, (vector, destination), kind, obs),
                        false => obs.step(Actor::Iommu, Step::Interrupt { vector, destination, kind }),
                    }
                }
                Outcome::Interrupt(Delivery {
                    vector,
                    destination,
                    kind,
                    vectored,
                    memory: guest.map(|guest| PhysAddr::new(guest.page)),
                })
            }
            Reply::Refused(Refused { event, refusal, .. }, recorded) => {
                // Refused without an event: it has the page fault's code here.
                let code = event.map_or(&super::faults::IO_PAGE_FAULT, |event| event.code);
                Outcome::Fault(Fault { code, refusal: *refusal, recorded: *recorded })
            }
        }
    }
}

impl Unit for AmdViUnit {
    fn translate<O: Observer>(&mut self, memory: &mut Memory, request: &Request, obs: &mut O) -> Outcome {
        let reply = self.ask(memory, request, obs);
        Self::outcome(request, &reply, obs)
    }

    fn device_tlbs(&mut self) -> &mut DeviceTlbs {
        &mut self.device_tlbs
    }
    fn peek(&self, memory: &mut Memory, request: &Request) -> Outcome {
        let asked = Asked::new(request, &self.config);
        let setup = self.setup(&self.config, asked.device, true);
        let reply = match process(&setup, &mut None, memory, &asked, &mut Off) {
            Ok(answer) => Reply::Answer(answer),
            Err(refused) => Reply::Refused(refused, Recorded::None),
        };
        Self::outcome(request, &reply, &mut Off)
    }

    fn page_request<O: Observer>(&mut self, memory: &mut Memory, request: &PageRequest, obs: &mut O) -> bool {
        self.take_page_request(memory, request, obs)
    }
}
