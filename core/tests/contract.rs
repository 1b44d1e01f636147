//! What every unit with its driver does, whatever its architecture: a new one is run here as soon as it is listed in
//! `iommu/architecture.rs`. What only one has is tested in its own file.

use iommu_core::addr::{AddrRange, Iova, PageSize, Pasid, PhysAddr, RequesterId};
use iommu_core::iommu::{
    AnyIommu, Architecture, Attachment, Ctx, DeviceCaps, DomainId, DomainKind, Driver, Fault, InterruptEntry,
    Invalidation, Outcome, PageRequest, PageResponse, PasidTag, ProcessTables, Refusal, Request, RequestKind,
    Unit, UnitConfig,
};
use iommu_core::memory::Memory;
use iommu_core::paging::builder::Mapping;
use iommu_core::paging::FrameAlloc;
use iommu_core::trace::{CacheKind, CacheOp, Event, InterruptKind, Perms, Recorded, Trace};

const NIC: RequesterId = RequesterId::bdf(0, 3, 0);
const DISK: RequesterId = RequesterId::bdf(0x82, 0x1f, 7);
const ALL_CAPS: DeviceCaps = DeviceCaps { ats: true, pri: true, pasid: true, id: None };

const CONFIG: UnitConfig = UnitConfig {
    processes: true,
    width: None,
    largest_page: None,
    iotlb: None,
    device_cache: None,
    process_cache: None,
    fault_records: None,
    interrupt_remapping: true,
    accessed_dirty: false,
    caching_mode: false,
    ats: true,
    pri: true,
};

struct Machine {
    architecture: Architecture,
    unit: AnyIommu,
    memory: Memory,
    frames: FrameAlloc,
    trace: Trace,
}

macro_rules! ctx {
    ($m:ident) => {
        &mut Ctx { memory: &mut $m.memory, frames: &mut $m.frames, obs: &mut $m.trace }
    };
}

impl Machine {
    fn new(architecture: Architecture, config: &UnitConfig) -> Machine {
        let range = AddrRange::new(PhysAddr::new(0x10_0000), 0x1000_0000).unwrap();
        let mut m = Machine {
            architecture,
            unit: AnyIommu::new(architecture, config).unwrap(),
            memory: Memory::new(),
            frames: FrameAlloc::new(range),
            trace: Trace::new(),
        };
        m.unit.start(ctx!(m)).unwrap();
        m
    }

    fn map(&mut self, domain: DomainId, from: u64, to: u64, perms: Perms) {
        let mapping = Mapping { from, to, len: 0x1000, size: PageSize::SIZE_4K, perms, user: true };
        self.unit.map(ctx!(self), domain, mapping).unwrap();
    }

    fn attach(&mut self, device: RequesterId, to: Attachment) {
        self.unit.attach(ctx!(self), device, to).unwrap();
    }

    fn forget(&mut self, what: Invalidation) {
        self.unit.invalidate(ctx!(self), what).unwrap();
    }

    fn ask(&mut self, request: Request) -> Outcome {
        self.unit.translate(&mut self.memory, &request, &mut self.trace)
    }

    /// Where an access arrives, and whether the translation came from the IOTLB.
    fn arrives(&mut self, request: Request) -> (u64, bool) {
        match self.ask(request) {
            Outcome::Memory(t) => (t.to.raw(), t.cached),
            other => panic!("{:?}: {other:?}", self.architecture),
        }
    }

    fn refused(&mut self, request: Request) -> Fault {
        match self.ask(request) {
            Outcome::Fault(fault) => {
                // What is refused without a record, as an entry can say, has no code of the architecture.
                let silent = fault.code.code == 0 && fault.recorded == Recorded::None;
                let listed = silent || self.architecture.faults().contains(&fault.code);
                assert!(listed, "{:?}: {}", self.architecture, fault.code.name);
                fault
            }
            other => panic!("{:?}: {other:?}", self.architecture),
        }
    }

    /// What the caches of one kind did since a step.
    fn saw(&self, since: usize, of: CacheKind) -> Vec<CacheOp> {
        let op = |event: &Event| match event {
            Event::Cache { cache, op, .. } if cache.kind == of => Some(*op),
            _ => None,
        };
        self.trace.steps().from(since).iter().filter_map(|s| op(&s.event)).collect()
    }
}

fn each(test: impl Fn(Architecture)) {
    const { assert!(Architecture::ALL.len() >= 2) };
    Architecture::ALL.into_iter().for_each(test);
}

fn write(device: RequesterId, at: u64) -> Request {
    Request::new(device, Iova::new(at), Perms::W, 8)
}

fn page(at: u64) -> AddrRange<Iova> {
    AddrRange::new(Iova::new(at), 0x1000).unwrap()
}

#[test]
fn a_device_is_blocked_until_it_is_attached_and_its_fault_is_read_back_once() {
    each(|architecture| {
        let mut m = Machine::new(architecture, &CONFIG);
        let fault = m.refused(write(NIC, 0x5000));
        assert!(matches!(fault.recorded, Recorded::At(_)), "{architecture:?}: {fault:?}");
        // A completion with UR, or with CA where the unit aborts as a target.
        assert_ne!(fault.refusal, Refusal::NoPermission);
        let read = m.unit.take_faults(ctx!(m)).unwrap();
        assert_eq!(read.len(), 1, "{architecture:?}");
        assert_eq!((read[0].code, read[0].requester, read[0].want), (fault.code, NIC, Perms::W));
        // What the device's entry refuses need not say where: an Arm configuration event has no address.
        assert!(
            [0, 0x5000].contains(&(read[0].address & !0xfff)),
            "{architecture:?}: {:#x}",
            read[0].address
        );
        assert!(m.unit.take_faults(ctx!(m)).unwrap().is_empty());
        m.attach(NIC, Attachment::PassThrough);
        assert_eq!(m.arrives(write(NIC, 0x5123)).0, 0x5123);
        m.refused(write(DISK, 0x5123));
        m.attach(NIC, Attachment::Blocked);
        m.refused(write(NIC, 0x5123));
    });
}

#[test]
fn a_mapping_arrives_goes_stale_and_is_forgotten_in_either_stage() {
    each(|architecture| {
        for kind in [DomainKind::Stage1, DomainKind::Stage2] {
            let mut m = Machine::new(architecture, &CONFIG);
            let domain = m.unit.new_domain(ctx!(m), kind).unwrap();
            assert!(m.unit.domain_root(domain).is_some() && m.unit.domain_root(DomainId(999)).is_none());
            m.map(domain, 0x4000, 0x9000_0000, Perms::RW);
            m.map(domain, 0x7000, 0x9100_0000, Perms::R);
            for device in [NIC, DISK] {
                m.attach(device, Attachment::Domain(domain));
                assert_eq!(m.arrives(write(device, 0x4010)).0, 0x9000_0010);
                m.refused(write(device, 0x7000));
                m.refused(write(device, 0x1_0000));
            }
            assert!(m.arrives(write(NIC, 0x4010)).1, "{architecture:?}: from the IOTLB");
            m.unit.unmap(ctx!(m), domain, page(0x4000)).unwrap();
            assert!(matches!(m.unit.peek(&mut m.memory, &write(NIC, 0x4010)), Outcome::Fault(_)));
            // Nothing was invalidated: the entry still answers, and the trace says that it is stale.
            let since = m.trace.len();
            assert_eq!(m.arrives(write(NIC, 0x4010)), (0x9000_0010, true));
            assert_eq!(m.saw(since, CacheKind::Iotlb), [CacheOp::Stale], "{architecture:?} {kind:?}");
            m.forget(Invalidation::Pages(domain, page(0x8000)));
            assert_eq!(m.arrives(write(NIC, 0x4010)), (0x9000_0010, true), "another page's leaves it");
            m.forget(Invalidation::Pages(domain, page(0x4000)));
            m.refused(write(NIC, 0x4010));
            assert_eq!(m.unit.mappings(&m.memory, domain, 100).runs.len(), 1, "the read-only page is left");
        }
    });
}

#[test]
fn every_invalidation_is_taken_and_the_broad_ones_make_the_next_access_walk() {
    each(|architecture| {
        let mut m = Machine::new(architecture, &CONFIG);
        let kind = m.unit.default_stage(true);
        let domain = m.unit.new_domain(ctx!(m), kind).unwrap();
        m.map(domain, 0x4000, 0x9000_0000, Perms::RW);
        m.unit.set_caps(NIC, ALL_CAPS);
        m.attach(NIC, Attachment::Domain(domain));
        m.arrives(write(NIC, 0x4000));
        let pasid = Pasid::new(5).unwrap();
        for what in [
            Invalidation::Device(NIC),
            Invalidation::Process(NIC, pasid),
            Invalidation::PasidAll(domain, pasid),
            Invalidation::PasidPages(domain, pasid, page(0x4000)),
            Invalidation::DeviceTlb(NIC, None, page(0x4000)),
            Invalidation::DeviceTlb(NIC, Some(pasid), page(0x4000)),
        ] {
            m.forget(what);
            assert_eq!(m.arrives(write(NIC, 0x4000)).0, 0x9000_0000, "{architecture:?}: {what:?}");
        }
        for what in [Invalidation::All, Invalidation::Translations, Invalidation::Domain(domain)] {
            m.arrives(write(NIC, 0x4000));
            m.forget(what);
            assert!(!m.arrives(write(NIC, 0x4000)).1, "{architecture:?}: {what:?} leaves the entry");
        }
        for what in [Invalidation::All, Invalidation::Devices, Invalidation::Device(NIC)] {
            m.forget(what);
            let since = m.trace.len();
            m.arrives(write(NIC, 0x4000));
            let ops = m.saw(since, CacheKind::Device);
            assert!(ops.contains(&CacheOp::Miss), "{architecture:?}: {what:?} leaves the device's entry");
        }
        m.forget(Invalidation::Processes);
        m.forget(Invalidation::Interrupts);
    });
}

#[test]
fn a_device_asks_for_translations_and_pages_once_it_may() {
    each(|architecture| {
        let mut m = Machine::new(architecture, &CONFIG);
        let domain = m.unit.new_domain(ctx!(m), DomainKind::Stage1).unwrap();
        m.map(domain, 0x4000, 0x9000_0000, Perms::R);
        m.attach(NIC, Attachment::Domain(domain));
        let translation = RequestKind::Translation { no_write: false };
        let ask = |at, kind| Request { kind, ..Request::new(NIC, Iova::new(at), Perms::R, 8) };
        let want = PageRequest {
            requester: NIC,
            pasid: None,
            at: Iova::new(0x5000),
            want: Perms::RW,
            last: true,
            group: 0x155,
        };
        m.refused(ask(0x4000, translation));
        // What says whether a page request is taken is the device's entry or the queue alone.
        let taken = m.unit.page_request(&mut m.memory, &want, &mut m.trace);
        assert_eq!(m.unit.take_page_requests(ctx!(m)).unwrap().len(), usize::from(taken), "{architecture:?}");
        m.unit.set_caps(NIC, DeviceCaps { pasid: false, ..ALL_CAPS });
        m.attach(NIC, Attachment::Domain(domain));
        match m.ask(ask(0x4000, translation)) {
            Outcome::Answer(t) => assert_eq!((t.to.raw(), t.perms), (0x9000_0000, Perms::R)),
            other => panic!("{architecture:?}: {other:?}"),
        }
        let fault = m.refused(ask(0x5000, translation));
        assert_eq!((fault.refusal, fault.recorded), (Refusal::NoPermission, Recorded::Suppressed));
        assert_eq!(m.arrives(ask(0x9000_0010, RequestKind::Translated)).0, 0x9000_0010);
        for group in [0x155, 0, 0x1ff] {
            let want = PageRequest { group, ..want };
            assert!(m.unit.page_request(&mut m.memory, &want, &mut m.trace));
            assert_eq!(m.unit.take_page_requests(ctx!(m)).unwrap(), [want], "{architecture:?}");
            m.unit.respond(ctx!(m), &want, PageResponse::Success).unwrap();
        }
        assert!(m.unit.take_page_requests(ctx!(m)).unwrap().is_empty());
    });
}

#[test]
fn a_process_has_tables_of_its_own_until_it_is_unbound() {
    each(|architecture| {
        let mut m = Machine::new(architecture, &CONFIG);
        // The process's tables are those of a first-stage domain that no device is attached to.
        let process = m.unit.new_domain(ctx!(m), DomainKind::Stage1).unwrap();
        m.map(process, 0x7000_0000, 0x2345_6000, Perms::RW);
        let root = m.unit.domain_root(process).unwrap().raw();
        let tables = ProcessTables { root, levels: 4, asid: 1, below: None };
        let pasid = Pasid::new(300).unwrap();
        let own = Request {
            pasid: Some(PasidTag { pasid, privileged: false, execute: false }),
            ..write(NIC, 0x7000_0008)
        };
        let domain = m.unit.new_domain(ctx!(m), DomainKind::Stage1).unwrap();
        m.map(domain, 0x4000, 0x9000_0000, Perms::RW);
        m.unit.set_caps(NIC, ALL_CAPS);
        m.attach(NIC, Attachment::Domain(domain));
        m.refused(own);
        m.unit.bind(ctx!(m), NIC, pasid, Some(tables)).unwrap();
        assert_eq!(m.arrives(own).0, 0x2345_6008, "{architecture:?}");
        assert!(m.arrives(own).1);
        assert_eq!(m.arrives(write(NIC, 0x4000)).0, 0x9000_0000, "requests without a PASID meet the domain");
        m.refused(Request { at: Iova::new(0x4000), ..own });
        m.unit.bind(ctx!(m), NIC, pasid, None).unwrap();
        m.refused(own);
    });
}

#[test]
fn an_interrupt_message_is_remapped_for_the_device_that_it_was_made_for() {
    each(|architecture| {
        let mut m = Machine::new(architecture, &CONFIG);
        let entry = InterruptEntry { source: Some(NIC), vector: 0x41, destination: 3, posted: None };
        // An architecture may leave this to the interrupt controller.
        let Ok(message) = m.unit.set_interrupt(ctx!(m), 9, Some(entry)) else { return };
        let domain = m.unit.new_domain(ctx!(m), DomainKind::Stage2).unwrap();
        m.attach(NIC, Attachment::Domain(domain));
        let send = Request {
            data: Some(message.data),
            ..Request::new(NIC, Iova::new(message.address), Perms::W, 4)
        };
        match m.ask(send) {
            Outcome::Interrupt(d) => {
                // A controller may count its message-signalled interrupts from a base of its own (LPIs: 8192).
                let vector = d.vector & 0x1fff;
                assert_eq!((vector, d.destination, d.kind), (0x41, 3, InterruptKind::Remapped));
            }
            other => panic!("{architecture:?}: {other:?}"),
        }
        m.unit.set_interrupt(ctx!(m), 9, None).unwrap();
        match m.ask(send) {
            Outcome::Fault(fault) => assert!(architecture.faults().contains(&fault.code)),
            // The write itself arrives; the controller behind has no interrupt for it.
            Outcome::Interrupt(d) => assert_eq!(d.kind, InterruptKind::Blocked, "{architecture:?}"),
            other => panic!("{architecture:?}: {other:?}"),
        }
    });
}

#[test]
fn registers_read_as_they_are_listed_and_read_only_ones_stay() {
    each(|architecture| {
        let mut m = Machine::new(architecture, &CONFIG);
        let listed = m.unit.registers();
        assert!(listed.len() > 10, "{architecture:?}: {}", listed.len());
        let mut read = 0;
        for (register, value) in listed {
            // Those of an array, or at a place that a capability says, have another offset than their own.
            if m.unit.read_register(register.offset, register.bytes, &mut m.trace) == Some(value) {
                read += 1;
            }
            if register.rw == 0 && register.w1c == 0 && !register.fields.is_empty() {
                let now = |m: &Machine| {
                    m.unit.registers().iter().find(|(r, _)| r.name == register.name).map(|(_, value)| *value)
                };
                let before = now(&m);
                m.unit.write_register(&mut m.memory, register.offset, register.bytes, !value, &mut m.trace);
                assert_eq!(before, now(&m), "{architecture:?}: {}", register.name);
            }
        }
        assert!(read > 10, "{architecture:?}: {read}");
        assert_eq!(m.unit.read_register(0xffff_fff0, 4, &mut m.trace), None);
    });
}
