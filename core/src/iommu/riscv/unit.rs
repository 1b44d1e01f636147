//! The unit: registers, caches and driver together, behind the neutral interface.

use super::caches::Caches;
use super::context::Setup;
use super::driver::Driver;
use super::faults::{ats_answer, AtsAnswer};
use super::msi;
use super::queues::About;
use super::spec::registers as reg;
use super::translate::{process, Asked, Reached, Refused};
use super::Config;
use crate::addr::{AddrRange, Address, Iova, PageSize, Pasid, PhysAddr, RequesterId};
use crate::iommu::registers::{RegisterFile, Registers};
use crate::iommu::*;
use crate::memory::Memory;
use crate::platform::interrupts::{IMSIC, IMSIC_FILES};
use crate::spec::Register;
use crate::trace::{Actor, Event, InterruptKind, Observer, Off, Perms, Recorded, Scope, Verdict};
use alloc::collections::BTreeSet;
use alloc::vec::Vec;

/// A RISC-V IOMMU with the software that drives it.
#[derive(Clone, Debug)]
pub struct Riscv {
    pub(super) config: Config,
    pub(super) regs: RegisterFile,
    pub(super) caches: Caches,
    /// Interrupt vectors that wait to be unmasked.
    pub(super) masked: u16,
    /// Devices that do not answer invalidations of their TLB.
    pub(super) mute: BTreeSet<u16>,
    /// An ATS.INVAL was not answered: the next fence times out.
    pub(super) unanswered: bool,
    pub(super) driver: Driver,
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

impl Riscv {
    /// A unit as after reset: mode Off, queues off, caches empty.
    pub fn new(config: Config) -> Self {
        Riscv {
            regs: config.registers(),
            caches: Caches::new(&config.caches),
            masked: 0,
            mute: BTreeSet::new(),
            unanswered: false,
            driver: Driver::default(),
            config,
        }
    }

    /// What the unit can do.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// What the unit remembers, for views.
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

    /// What the registers say now.
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
            let (requester, at, want) = (request.requester, request.at.any(), request.want);
            obs.begin(Actor::Iommu, Scope::Translation { requester, pasid, at, want });
        }
        let mut result = process(&setup, &mut Some(&mut self.caches), memory, &asked, obs);
        if let Ok(Reached { msi: Some(hit), .. }) = &result {
            if let (Some((mrif, _)), Some(data), false) = (hit.mrif, request.data, asked.ats()) {
                result = self.store_message(memory, &result, mrif, data, obs);
            }
        }
        let reply = match result {
            Ok(reached) => Reply::Reached(reached),
            Err(refused) => {
                let Refused { code, iotval2, dtf } = refused;
                let about = About::of(&asked);
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

    /// MRIF mode: the message becomes a pending bit in memory, and a notice where it is enabled.
    fn store_message<O: Observer>(
        &mut self,
        memory: &mut Memory,
        reached: &Result<Reached, Refused>,
        mrif: u64,
        identity: u32,
        obs: &mut O,
    ) -> Result<Reached, Refused> {
        // Identities above 2047 and 0 are taken without effect (AIA 8.3.2).
        if identity == 0 || identity > 2047 {
            return *reached;
        }
        match msi::store(&self.config, memory, mrif, identity, obs) {
            Ok(_enabled) => *reached,
            Err(code) => Err(Refused { code, iotval2: 0, dtf: false }),
        }
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
                            (_, Some(_)) => InterruptKind::Posted,
                            (Some(_), None) => InterruptKind::Remapped,
                            (None, None) => InterruptKind::Direct,
                        };
                        let destination = file.min(IMSIC_FILES) as u32;
                        let memory = Some(mrif.map_or(to, |(at, _)| PhysAddr::new(at)));
                        if O::ON {
                            obs.step(Actor::Iommu, Event::Interrupt { vector, destination, kind });
                        }
                        Outcome::Interrupt(Delivery { vector, destination, kind, memory })
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

impl Iommu for Riscv {
    fn translate<O: Observer>(&mut self, memory: &mut Memory, request: &Request, obs: &mut O) -> Outcome {
        let reply = self.ask(memory, request, obs);
        Self::outcome(request, &reply, obs)
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

    fn read_register<O: Observer>(&mut self, at: u32, bytes: u8, obs: &mut O) -> Option<u64> {
        self.read_by_cpu(at, bytes, obs)
    }

    fn write_register<O: Observer>(
        &mut self,
        memory: &mut Memory,
        at: u32,
        bytes: u8,
        value: u64,
        obs: &mut O,
    ) -> bool {
        self.write_by(memory, Actor::Cpu, at, bytes, value, obs)
    }

    fn registers(&self) -> Vec<(&'static Register, u64)> {
        self.regs.all()
    }

    fn page_request<O: Observer>(&mut self, memory: &mut Memory, request: &PageRequest, obs: &mut O) -> bool {
        self.take_page_request(memory, request, obs)
    }

    fn start<O: Observer>(&mut self, ctx: &mut Ctx<'_, O>) -> Result<(), DriverError> {
        self.bring_up(ctx)
    }

    fn new_domain<O: Observer>(
        &mut self,
        ctx: &mut Ctx<'_, O>,
        kind: DomainKind,
    ) -> Result<DomainId, DriverError> {
        self.make_domain(ctx, kind)
    }

    fn domain_root(&self, domain: DomainId) -> Option<PhysAddr> {
        self.driver.domains.get(&domain.0).map(|d| d.root)
    }

    fn mappings(&self, memory: &Memory, domain: DomainId, limit: usize) -> crate::paging::leaves::Leaves {
        self.domain_mappings(memory, domain, limit)
    }

    fn set_caps(&mut self, device: RequesterId, caps: DeviceCaps) {
        self.driver.caps.insert(device.raw(), caps);
    }

    fn attach<O: Observer>(
        &mut self,
        ctx: &mut Ctx<'_, O>,
        device: RequesterId,
        to: Attachment,
    ) -> Result<(), DriverError> {
        self.attach_device(ctx, device, to)
    }

    fn bind<O: Observer>(
        &mut self,
        ctx: &mut Ctx<'_, O>,
        device: RequesterId,
        pasid: Pasid,
        tables: Option<ProcessTables>,
    ) -> Result<(), DriverError> {
        self.bind_process(ctx, device, pasid, tables)
    }

    fn map<O: Observer>(
        &mut self,
        ctx: &mut Ctx<'_, O>,
        domain: DomainId,
        mapping: Mapping,
    ) -> Result<(), DriverError> {
        self.map_pages(ctx, domain, mapping)
    }

    fn unmap<O: Observer>(
        &mut self,
        ctx: &mut Ctx<'_, O>,
        domain: DomainId,
        range: AddrRange<Iova>,
    ) -> Result<(), DriverError> {
        self.unmap_pages(ctx, domain, range)
    }

    fn invalidate<O: Observer>(
        &mut self,
        ctx: &mut Ctx<'_, O>,
        what: Invalidation,
    ) -> Result<(), DriverError> {
        self.post_invalidation(ctx, what)
    }

    fn set_interrupt<O: Observer>(
        &mut self,
        ctx: &mut Ctx<'_, O>,
        index: u16,
        entry: Option<InterruptEntry>,
    ) -> Result<Message, DriverError> {
        self.write_msi_entry(ctx, index, entry)
    }

    fn interrupt_message(&self, index: u16) -> Message {
        let (file, identity) = self.driver.files.get(&index).copied().unwrap_or_default();
        Message { address: IMSIC + u64::from(file) * 4096, data: identity }
    }

    fn take_faults<O: Observer>(&mut self, ctx: &mut Ctx<'_, O>) -> Result<Vec<FaultRecord>, DriverError> {
        self.read_faults(ctx)
    }

    fn take_page_requests<O: Observer>(
        &mut self,
        ctx: &mut Ctx<'_, O>,
    ) -> Result<Vec<PageRequest>, DriverError> {
        self.read_page_requests(ctx)
    }

    fn respond<O: Observer>(
        &mut self,
        ctx: &mut Ctx<'_, O>,
        request: &PageRequest,
        ok: bool,
    ) -> Result<(), DriverError> {
        self.post_response(ctx, request, ok)
    }

    fn default_stage(&self) -> DomainKind {
        DomainKind::Stage1
    }

    fn address_bits(&self) -> u8 {
        // The lower half of a canonical first-stage address; the second stage takes more.
        11 + 9 * self.config.levels
    }

    fn page_sizes(&self) -> &'static [PageSize] {
        const ALL: &[PageSize] = &[PageSize::SIZE_4K, PageSize::SIZE_2M, PageSize::SIZE_1G];
        match self.config.largest_page {
            ..=20 => &ALL[..1],
            21..=29 => &ALL[..2],
            _ => ALL,
        }
    }
}
