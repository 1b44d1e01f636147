//! The unit: registers and caches behind the neutral interface.

use super::caches::Caches;
use super::context::Setup;
use super::faults::{ats_answer, AtsAnswer};
use super::msi;
use super::spec::registers as reg;
use super::translate::{process, Asked, Reached, Refused};
use super::Config;
use crate::addr::{PhysAddr, RequesterId};
use crate::iommu::atc::DeviceTlbs;
use crate::iommu::registers::RegisterFile;
use crate::iommu::*;
use crate::memory::Memory;
use crate::platform::interrupts::{Controller, IMSIC, IMSIC_FILES};
use crate::trace::{write_data, Actor, InterruptKind, Observer, Off, Perms, Recorded, Scope, Verdict};
use alloc::collections::BTreeSet;

/// The hardware.
#[derive(Clone, Debug)]
pub struct RiscvUnit {
    pub(super) config: Config,
    pub(super) regs: RegisterFile,
    pub(super) caches: Caches,
    /// Interrupt vectors that wait to be unmasked.
    pub(super) masked: u16,
    /// Devices that do not answer invalidations of their TLB.
    pub(super) mute: BTreeSet<u16>,
    /// TLBs of devices, while they are lent.
    pub(super) device_tlbs: DeviceTlbs,
    /// An ATS.INVAL was not answered: the next fence times out.
    pub(super) unanswered: bool,
}

/// How a request is answered on the bus.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Reply {
    /// With a translation.
    Reached(Reached),
    /// Refused.
    Refused {
        /// Why.
        refused: Refused,
        /// How the refusal looks to the device.
        refusal: Refusal,
        /// What became of the record.
        recorded: Recorded,
    },
}

impl RiscvUnit {
    /// Returns a unit as after reset: mode Off, queues off, caches empty.
    pub fn new(config: Config) -> Self {
        RiscvUnit {
            regs: config.registers(),
            caches: Caches::new(&config.caches),
            masked: 0,
            mute: BTreeSet::new(),
            device_tlbs: DeviceTlbs::default(),
            unanswered: false,
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

    /// Makes a device answer invalidations of its TLB, or not: then the fence that follows times out (cmd_to).
    pub fn set_mute(&mut self, device: RequesterId, mute: bool) {
        if mute {
            self.mute.insert(device.bdf16());
        } else {
            self.mute.remove(&device.bdf16());
        }
    }

    /// Returns what the registers say now.
    pub(super) fn setup<'a>(&self, config: &'a Config, frozen: bool) -> Setup<'a> {
        let (fctl, ddtp) = (self.regs.get(reg::fctl::OFFSET, 4), self.regs.get(reg::ddtp::OFFSET, 8));
        Setup { config, fctl, ddtp, frozen }
    }

    /// Answers a request in this architecture's own terms.
    pub fn ask<O: Observer>(&mut self, memory: &mut Memory, request: &Request, obs: &mut O) -> Reply {
        let config = self.config;
        let setup = self.setup(&config, false);
        let asked = Asked::new(request);
        if O::ON {
            let pasid = request.pasid.map(|tag| tag.pasid);
            let (requester, at, want) = (request.requester, request.address(), request.want);
            obs.begin(Actor::Iommu, Scope::Translation { requester, pasid, at, want });
        }
        let mut result = process(&setup, &mut Some(&mut self.caches), memory, &asked, obs);
        if let Ok(Reached { msi: Some(hit), .. }) = &result {
            if let (Some(mrif), Some(data), false) = (hit.mrif, request.data, asked.ats()) {
                if !msi::discards(request.at.raw(), data) {
                    let stored = self.store_message(memory, (mrif, hit.to), data, obs);
                    result = stored.and(result);
                }
            }
        }
        let reply = match result {
            Ok(reached) => Reply::Reached(reached),
            Err(refused) => {
                let Refused { code, iotval2, dtf } = refused;
                let about = asked.fault_context();
                let answer = if asked.ats() { ats_answer(code.code) } else { AtsAnswer::UnsupportedRequest };
                let (refusal, recorded) = match answer {
                    AtsAnswer::NothingGranted => {
                        let recorded = Recorded::Suppressed;
                        self.tell_fault(code, asked.iova, recorded, &about, obs);
                        (Refusal::NoPermission, recorded)
                    }
                    other => {
                        let recorded = self.report(memory, code, asked.iova, iotval2, dtf, &about, obs);
                        let abort = other == AtsAnswer::CompleterAbort;
                        (if abort { Refusal::CompleterAbort } else { Refusal::UnsupportedRequest }, recorded)
                    }
                };
                Reply::Refused { refused, refusal, recorded }
            }
        };
        if O::ON {
            let verdict = match &reply {
                Reply::Reached(r) => Verdict::Leaf { to: to_any(r), size: r.size, perms: r.rights },
                Reply::Refused { refused, .. } => Verdict::Fault(refused.code),
            };
            obs.end(Actor::Iommu, verdict);
        }
        reply
    }

    /// MRIF mode: the message becomes a pending bit in memory, and then a notice MSI to whom software named: a little-endian word
    /// at the page of NPPN, which is an interrupt file's as a rule, but may be any page (AIA, "MSI PTE, MRIF mode").
    fn store_message<O: Observer>(
        &mut self,
        memory: &mut Memory,
        ((mrif, notice), to): ((u64, u32), u64),
        identity: u32,
        obs: &mut O,
    ) -> Result<(), Refused> {
        msi::store(&self.config, memory, mrif, identity, obs).map_err(|code| Refused {
            code,
            iotval2: 0,
            dtf: false,
        })?;
        let file = to.wrapping_sub(IMSIC) >> 12;
        if file >= IMSIC_FILES {
            // What does not arrive there is nobody's fault: the message is stored.
            let _ = write_data(memory, obs, Actor::Iommu, PhysAddr::new(to), &notice.to_le_bytes());
        } else if O::ON {
            let (destination, kind) = (file as u32, InterruptKind::Notification);
            Controller::Imsic.arrive(Actor::Iommu, (notice, destination), kind, obs);
        }
        Ok(())
    }

    fn outcome<O: Observer>(request: &Request, reply: &Reply, obs: &mut O) -> Outcome {
        match reply {
            Reply::Refused { refused, refusal, recorded } => {
                Outcome::Fault(Fault { code: refused.code, refusal: *refusal, recorded: *recorded })
            }
            Reply::Reached(r) => {
                let perms = Perms::when(Perms::W, r.dirty && r.rights.has(Perms::W))
                    .or(r.rights.and(Perms(Perms::R.0 | Perms::X.0)));
                let to = PhysAddr::new(r.to);
                let translation = Translation { to, size: r.size, perms, cached: r.cached };
                if matches!(request.kind, RequestKind::Translation { .. }) {
                    return Outcome::Answer(translation);
                }
                let file = r.to.wrapping_sub(IMSIC) >> 12;
                let write = request.want.has(Perms::W) && request.bytes == 4;
                let mrif = r.msi.and_then(|hit| hit.mrif);
                match request.data.filter(|_| write && (file < IMSIC_FILES || mrif.is_some())) {
                    None => Outcome::Memory(translation),
                    Some(vector) => {
                        let kind = match (r.msi, mrif) {
                            (_, Some(_)) if msi::discards(request.at.raw(), vector) => InterruptKind::Blocked,
                            (_, Some(_)) => InterruptKind::Stored,
                            (Some(_), None) => InterruptKind::Remapped,
                            (None, None) => InterruptKind::Direct,
                        };
                        let destination = file.min(IMSIC_FILES) as u32;
                        let memory = Some(mrif.map_or(to, |(at, _)| PhysAddr::new(at)));
                        if O::ON {
                            Controller::Imsic.arrive(Actor::Iommu, (vector, destination), kind, obs);
                        }
                        Outcome::Interrupt(Delivery { vector, destination, kind, vectored: true, memory })
                    }
                }
            }
        }
    }
}

fn to_any(reached: &Reached) -> crate::addr::AnyAddr {
    let space = match reached.guest_physical {
        true => crate::addr::Space::GuestPhysical,
        false => crate::addr::Space::Physical,
    };
    crate::addr::AnyAddr { space, raw: reached.to }
}

impl Unit for RiscvUnit {
    fn translate<O: Observer>(&mut self, memory: &mut Memory, request: &Request, obs: &mut O) -> Outcome {
        let reply = self.ask(memory, request, obs);
        Self::outcome(request, &reply, obs)
    }

    fn device_tlbs(&mut self) -> &mut DeviceTlbs {
        &mut self.device_tlbs
    }
    fn peek(&self, memory: &mut Memory, request: &Request) -> Outcome {
        let setup = self.setup(&self.config, true);
        let asked = Asked::new(request);
        let reply = match process(&setup, &mut None, memory, &asked, &mut Off) {
            Ok(reached) => Reply::Reached(reached),
            Err(refused) => Reply::Refused {
                refused,
                refusal: match ats_answer(refused.code.code) {
                    AtsAnswer::NothingGranted if asked.ats() => Refusal::NoPermission,
                    AtsAnswer::CompleterAbort if asked.ats() => Refusal::CompleterAbort,
                    _ => Refusal::UnsupportedRequest,
                },
                recorded: Recorded::None,
            },
        };
        Self::outcome(request, &reply, &mut Off)
    }

    fn page_request<O: Observer>(&mut self, memory: &mut Memory, request: &PageRequest, obs: &mut O) -> bool {
        self.take_page_request(memory, request, obs)
    }
}
