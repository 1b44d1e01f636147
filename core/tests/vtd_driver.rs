//! The VT-d unit through the neutral interface, as the machine uses it: attach, map, DMA, unmap, invalidate;
//! faults with compression and overflow; ATS and page requests; interrupts remapped, refused and posted.

use iommu_core::addr::{AddrRange, Iova, PageSize, Pasid, PhysAddr, RequesterId};
use iommu_core::iommu::vtd::{Config, Vtd};
use iommu_core::iommu::{
    Attachment, Ctx, Delivery, DeviceCaps, DomainId, DomainKind, Driver, DriverError, InterruptEntry,
    Invalidation, Outcome, PageRequest, PageResponse, PasidTag, ProcessTables, Request, RequestKind, Unit,
};
use iommu_core::memory::Memory;
use iommu_core::paging::builder::Mapping;
use iommu_core::paging::FrameAlloc;
use iommu_core::trace::{CacheOp, Event, InterruptKind, Perms, Recorded, Trace};

const NIC: RequesterId = RequesterId::bdf(0, 3, 0);
const DISK: RequesterId = RequesterId::bdf(0x12, 0x1f, 7);

struct Machine {
    unit: Vtd,
    memory: Memory,
    frames: FrameAlloc,
    trace: Trace,
}

/// What software works with, out of a [`Machine`].
macro_rules! ctx {
    ($m:ident) => {
        &mut Ctx { memory: &mut $m.memory, frames: &mut $m.frames, obs: &mut $m.trace }
    };
}

impl Machine {
    fn new(config: Config) -> Machine {
        let range = AddrRange::new(PhysAddr::new(0x10_0000), 0x1000_0000).unwrap();
        let mut m = Machine {
            unit: Vtd::new(config),
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

    fn ask(&mut self, request: Request) -> Outcome {
        self.unit.translate(&mut self.memory, &request, &mut self.trace)
    }

    fn write(&mut self, device: RequesterId, at: u64) -> Outcome {
        self.ask(Request::new(device, Iova::new(at), Perms::W, 8))
    }

    fn to(&mut self, device: RequesterId, at: u64) -> Option<u64> {
        match self.write(device, at) {
            Outcome::Memory(t) => Some(t.to.raw()),
            _ => None,
        }
    }

    fn code(&mut self, device: RequesterId, at: u64) -> u16 {
        match self.write(device, at) {
            Outcome::Fault(f) => f.code.code,
            other => panic!("{other:?}"),
        }
    }

    fn saw(&self, wanted: CacheOp) -> usize {
        self.trace
            .steps()
            .iter()
            .filter(|s| matches!(s.event, Event::Cache { op, .. } if op == wanted))
            .count()
    }
}

fn page(at: u64) -> AddrRange<Iova> {
    AddrRange::new(Iova::new(at), 0x1000).unwrap()
}

#[test]
fn a_device_is_blocked_mapped_stale_and_forgotten_in_both_modes() {
    for config in [Config::legacy(), Config::playground()] {
        let scalable = config.scalable_mode();
        let mut m = Machine::new(config);
        // Nothing attached: the root entry of the bus is not present.
        assert_eq!(m.code(NIC, 0x5000), if scalable { 0x39 } else { 1 });
        let domain = m.unit.new_domain(ctx!(m), DomainKind::Stage2).unwrap();
        m.unit.attach(ctx!(m), NIC, Attachment::Domain(domain)).unwrap();
        assert_eq!(m.code(DISK, 0x5000), if scalable { 0x39 } else { 1 });
        assert_eq!(m.code(RequesterId::bdf(0, 4, 0), 0x5000), if scalable { 0x41 } else { 2 });
        m.map(domain, 0x5000, 0x8000_0000, Perms::RW);
        assert_eq!(m.to(NIC, 0x5123), Some(0x8000_0123));
        // Unmapped, not invalidated: the IOTLB still knows the page, and the trace says that it is stale.
        m.unit.unmap(ctx!(m), domain, page(0x5000)).unwrap();
        let before = m.saw(CacheOp::Stale);
        assert_eq!(m.to(NIC, 0x5123), Some(0x8000_0123));
        assert_eq!(m.saw(CacheOp::Stale), before + 1);
        m.unit.invalidate(ctx!(m), Invalidation::Pages(domain, page(0x5000))).unwrap();
        assert_eq!(m.code(NIC, 0x5123), if scalable { 0x79 } else { 5 });
        // Pass-through and back to blocked.
        m.unit.attach(ctx!(m), NIC, Attachment::PassThrough).unwrap();
        assert_eq!(m.to(NIC, 0x9999_0000), Some(0x9999_0000));
        m.unit.attach(ctx!(m), NIC, Attachment::Blocked).unwrap();
        assert_eq!(m.code(NIC, 0x9999_0000), if scalable { 0x41 } else { 2 });
    }
}

#[test]
fn first_stage_nested_and_pasid_in_scalable_mode() {
    let mut m = Machine::new(Config::playground());
    let one = m.unit.new_domain(ctx!(m), DomainKind::Stage1).unwrap();
    let guest = m.unit.new_domain(ctx!(m), DomainKind::Stage2).unwrap();
    m.unit.set_caps(NIC, DeviceCaps { pasid: true, ..DeviceCaps::default() });
    m.unit.attach(ctx!(m), NIC, Attachment::Domain(one)).unwrap();
    m.map(one, 0x7000, 0x8000_0000, Perms::RW);
    assert_eq!(m.to(NIC, 0x7008), Some(0x8000_0008));
    assert_eq!(m.code(NIC, 1 << 50), 0x80);
    // A guest's process: its tables at guest-physical addresses, of which the host maps the first 2 MiB.
    for at in (0..0x20_0000).step_by(0x1000) {
        m.map(guest, at, 0x4000_0000 + at, Perms::RW);
    }
    let (root, pdpt, pd, pt) = (0x10000, 0x11000, 0x12000, 0x13000);
    for (table, next) in [(root, pdpt), (pdpt, pd), (pd, pt), (pt, 0x20000)] {
        let entry = PhysAddr::new(0x4000_0000 + table);
        m.memory.write_u64(entry, next | 7).unwrap();
    }
    let tables = ProcessTables { root, levels: 4, asid: 1, below: Some(guest) };
    let pasid = Pasid::new(70_000).unwrap();
    m.unit.bind(ctx!(m), NIC, pasid, Some(tables)).unwrap();
    let mut request = Request::new(NIC, Iova::new(0x10), Perms::W, 8);
    request.pasid = Some(PasidTag { pasid, privileged: false, execute: false });
    let start = m.trace.len();
    assert!(matches!(m.ask(request), Outcome::Memory(t) if t.to.raw() == 0x4002_0010));
    let reads = m
        .trace
        .steps()
        .from(start)
        .iter()
        .filter(|s| matches!(s.event, Event::Read { level, .. } if level > 0))
        .count();
    // 24 for 4 levels over 4, and each of the four guest tables' pages asked for writing once more: their dirty
    // bit, and the accessed bit in the guest's entry (SSADE is on).
    assert!(reads >= 24, "{reads}");
    // The guest's entries are marked accessed, its leaf dirty.
    assert_eq!(m.memory.peek_u64(PhysAddr::new(0x4000_0000 + pt)) & 0x60, 0x60);
    assert_eq!(m.memory.peek_u64(PhysAddr::new(0x4000_0000 + pd)) & 0x60, 0x20);
    // Again, warm: one IOTLB hit and no walk.
    let start = m.trace.len();
    assert!(matches!(m.ask(request), Outcome::Memory(t) if t.cached));
    assert!(!m.trace.steps().from(start).iter().any(|s| matches!(s.event, Event::Read { .. })));
    m.unit.bind(ctx!(m), NIC, pasid, None).unwrap();
    assert!(matches!(m.ask(request), Outcome::Fault(f) if f.code.code == 0x59));
    // The device without PASID enable: SCT.6.
    m.unit.set_caps(NIC, DeviceCaps::default());
    m.unit.attach(ctx!(m), NIC, Attachment::Nested(tables)).unwrap();
    assert!(matches!(m.ask(request), Outcome::Fault(f) if f.code.code == 0x45));
    assert_eq!(m.to(NIC, 0x10), Some(0x4002_0010));
}

#[test]
fn faults_are_recorded_folded_and_overflow_and_are_read_back() {
    let mut config = Config::playground();
    // Two fault recording registers (CAP.NFR).
    config.cap &= !(0xff << 40);
    config.cap |= 1 << 40;
    let mut m = Machine::new(config);
    let domain = m.unit.new_domain(ctx!(m), DomainKind::Stage2).unwrap();
    let devices: Vec<_> = (3..6).map(|n| RequesterId::bdf(0, n, 0)).collect();
    for device in &devices {
        m.unit.attach(ctx!(m), *device, Attachment::Domain(domain)).unwrap();
    }
    let recorded = |outcome| match outcome {
        Outcome::Fault(f) => f.recorded,
        other => panic!("{other:?}"),
    };
    let o = m.write(devices[0], 0x1234_5678);
    assert_eq!(recorded(o), Recorded::At(0));
    let o = m.write(devices[0], 0x9000);
    assert_eq!(recorded(o), Recorded::Compressed);
    let o = m.write(devices[1], 0xa000);
    assert_eq!(recorded(o), Recorded::At(1));
    let o = m.write(devices[2], 0xb000);
    assert_eq!(recorded(o), Recorded::Overflow);
    let interrupts = m
        .trace
        .steps()
        .iter()
        .filter(|s| matches!(s.event, Event::Interrupt { vector: 0x30, kind: InterruptKind::Direct, .. }))
        .count();
    assert_eq!(interrupts, 1, "one fault event for the first record");
    let faults = m.unit.take_faults(ctx!(m)).unwrap();
    assert_eq!(faults.len(), 2);
    assert_eq!(
        (faults[0].requester, faults[0].address, faults[0].code.code),
        (devices[0], 0x1234_5000, 0x79)
    );
    assert_eq!((faults[1].want, faults[1].pasid), (Perms::W, None));
    assert!(m.unit.take_faults(ctx!(m)).unwrap().is_empty());
    let o = m.write(devices[2], 0xb000);
    assert_eq!(recorded(o), Recorded::At(0));
}

#[test]
fn ats_answers_and_translated_requests() {
    let mut m = Machine::new(Config::playground());
    let domain = m.unit.new_domain(ctx!(m), DomainKind::Stage2).unwrap();
    m.map(domain, 0x5000, 0x8000_0000, Perms::R);
    m.unit.attach(ctx!(m), NIC, Attachment::Domain(domain)).unwrap();
    let mut request = Request::new(NIC, Iova::new(0x5000), Perms::R, 8);
    request.kind = RequestKind::Translation { no_write: false };
    assert!(matches!(m.ask(request), Outcome::Fault(f) if f.code.code == 0x44), "DTE is 0");
    m.unit.set_caps(NIC, DeviceCaps { ats: true, pri: true, pasid: false, id: None });
    m.unit.attach(ctx!(m), NIC, Attachment::Domain(domain)).unwrap();
    assert!(
        matches!(m.ask(request), Outcome::Answer(t) if t.to.raw() == 0x8000_0000 && !t.perms.has(Perms::W))
    );
    request.at = Iova::new(0x6000);
    // Not mapped: an answer without rights, and nothing recorded.
    assert!(matches!(m.ask(request), Outcome::Fault(f) if f.recorded == Recorded::Suppressed));
    request.kind = RequestKind::Translated;
    request.at = Iova::new(0x8000_0010);
    assert!(matches!(m.ask(request), Outcome::Memory(t) if t.to.raw() == 0x8000_0010));
    // The device does not answer an invalidation: a time-out, and the driver goes on.
    m.unit.set_mute(NIC, true);
    m.unit.invalidate(ctx!(m), Invalidation::DeviceTlb(NIC, None, page(0x5000))).unwrap();
    assert!(m.trace.steps().iter().any(
        |s| matches!(s.event, Event::Register { register, new, .. } if register.name == "FSTS_REG" && new & 0x40 != 0)
    ));
    m.unit.invalidate(ctx!(m), Invalidation::All).unwrap();
}

#[test]
fn an_answer_that_grants_writes_sets_the_dirty_bit_in_one_walk() {
    let mut m = Machine::new(Config::playground());
    let domain = m.unit.new_domain(ctx!(m), DomainKind::Stage1).unwrap();
    m.unit.set_caps(NIC, DeviceCaps { ats: true, pri: false, pasid: false, id: None });
    m.unit.attach(ctx!(m), NIC, Attachment::Domain(domain)).unwrap();
    let leaf = |m: &Machine, start: usize| {
        let reads: Vec<_> = m
            .trace
            .steps()
            .from(start)
            .iter()
            .filter_map(|s| match s.event {
                Event::Read { level, pa, .. } if level > 0 => Some(pa),
                _ => None,
            })
            .collect();
        (reads.len(), *reads.last().unwrap())
    };
    for (at, read_first) in [(0x5000, false), (0x6000, true)] {
        m.map(domain, at, 0x8000_0000, Perms::RW);
        let mut request = Request::new(NIC, Iova::new(at), Perms::R, 8);
        if read_first {
            // A read leaves an entry in the IOTLB, with D still 0 in memory.
            let start = m.trace.len();
            assert!(matches!(m.ask(request), Outcome::Memory(_)));
            let (_, pte) = leaf(&m, start);
            assert_eq!(m.memory.peek_u64(pte) & 0x60, 0x20);
        }
        request.kind = RequestKind::Translation { no_write: false };
        let start = m.trace.len();
        assert!(matches!(m.ask(request), Outcome::Answer(t) if t.perms.has(Perms::W)));
        let (reads, pte) = leaf(&m, start);
        assert_eq!(reads, 4);
        assert_eq!(m.memory.peek_u64(pte) & 0x60, 0x60);
    }
}

#[test]
fn page_requests_queue_overflow_and_are_answered() {
    let mut m = Machine::new(Config::playground());
    m.unit.attach(ctx!(m), NIC, Attachment::PassThrough).unwrap();
    let mut ask = PageRequest {
        requester: NIC,
        pasid: None,
        at: Iova::new(0x7000),
        want: Perms::RW,
        last: true,
        group: 5,
    };
    assert!(!m.unit.page_request(&mut m.memory, &ask, &mut m.trace), "PRE is 0");
    m.unit.set_caps(NIC, DeviceCaps { ats: true, pri: true, pasid: true, id: None });
    m.unit.attach(ctx!(m), NIC, Attachment::PassThrough).unwrap();
    for i in 0..127 {
        ask.group = i;
        ask.pasid = Pasid::new(u32::from(i));
        assert!(m.unit.page_request(&mut m.memory, &ask, &mut m.trace), "{i}");
    }
    assert!(!m.unit.page_request(&mut m.memory, &ask, &mut m.trace), "the queue is full");
    let got = m.unit.take_page_requests(ctx!(m)).unwrap();
    assert_eq!(got.len(), 127);
    assert_eq!(got[126], ask);
    m.unit.respond(ctx!(m), &ask, PageResponse::Success).unwrap();
    assert!(m.unit.page_request(&mut m.memory, &ask, &mut m.trace));
}

#[test]
fn interrupts_are_remapped_refused_forged_and_posted() {
    let mut m = Machine::new(Config::playground());
    let entry = InterruptEntry { source: Some(NIC), vector: 0x41, destination: 3, posted: None };
    let message = m.unit.set_interrupt(ctx!(m), 9, Some(entry)).unwrap();
    // What a scenario sends by the number of the entry is what the driver programs into the device.
    assert_eq!(m.unit.interrupt_message(9), message);
    let mut request = Request::new(NIC, Iova::new(message.address), Perms::W, 4);
    request.data = Some(message.data);
    let sent = |vector, destination, kind, memory| {
        Outcome::Interrupt(Delivery { vector, destination, kind, vectored: true, memory })
    };
    assert_eq!(m.ask(request), sent(0x41, 3, InterruptKind::Remapped, None));
    // Forged by another device; in compatibility format; beyond the table; an entry that is not there.
    let code = |outcome| match outcome {
        Outcome::Fault(f) => f.code.code,
        other => panic!("{other:?}"),
    };
    let o = m.ask(Request { requester: DISK, ..request });
    assert_eq!(code(o), 0x26);
    let o = m.ask(Request { at: Iova::new(0xfee0_3000), data: Some(0x41), ..request });
    assert_eq!(code(o), 0x25);
    let o = m.ask(Request { data: Some(0x300), ..request });
    assert_eq!(code(o), 0x21);
    let o = m.ask(Request { data: Some(1), ..request });
    assert_eq!(code(o), 0x22);
    let o = m.ask(Request { data: Some(0x10000), ..request });
    assert_eq!(code(o), 0x20);
    let o = m.ask(Request { want: Perms::R, data: None, ..request });
    assert_eq!(code(o), 0x29);
    // Posted: the vector's bit, and one notification until software clears ON.
    let pid = m.frames.frame().unwrap();
    let notify = 0xf2 << 16 | 7 << 32;
    m.memory.write_u64(PhysAddr::new(pid.raw() + 32), notify).unwrap();
    let entry = InterruptEntry { posted: Some(pid), ..entry };
    m.unit.set_interrupt(ctx!(m), 9, Some(entry)).unwrap();
    let notified = |m: &Machine| {
        m.trace
            .steps()
            .iter()
            .filter(|s| matches!(s.event, Event::Interrupt { vector: 0xf2, destination: 7, .. }))
            .count()
    };
    assert_eq!(m.ask(request), sent(0x41, 7, InterruptKind::Posted, Some(pid)));
    assert_eq!(m.memory.peek_u64(PhysAddr::new(pid.raw() + 8)), 2);
    assert_eq!(m.memory.peek_u64(PhysAddr::new(pid.raw() + 32)), notify | 1);
    assert_eq!(notified(&m), 1);
    m.ask(request);
    assert_eq!(notified(&m), 1);
    // The whole story can be undone.
    let mut memories = iommu_core::memory::Memories { host: m.memory, ..Default::default() };
    m.trace.seek(&mut memories, m.trace.len(), 0);
    assert_eq!(memories.host.peek_u64(PhysAddr::new(pid.raw() + 8)), 0);
}

#[test]
fn register_based_invalidation_works_while_the_queue_is_off() {
    let mut m = Machine::new(Config::legacy());
    let domain = m.unit.new_domain(ctx!(m), DomainKind::Stage2).unwrap();
    m.unit.attach(ctx!(m), NIC, Attachment::Domain(domain)).unwrap();
    m.map(domain, 0x5000, 0x8000_0000, Perms::RW);
    assert!(m.to(NIC, 0x5000).is_some());
    m.unit.unmap(ctx!(m), domain, page(0x5000)).unwrap();
    // Queued invalidation off, translation and interrupt remapping stay on.
    m.unit.write_register(&mut m.memory, 0x18, 4, 1 << 31 | 1 << 25, &mut m.trace);
    m.unit.write_register(&mut m.memory, 0xf0, 8, 0x5000, &mut m.trace);
    let command = 1 << 63 | 3 << 60 | u64::from(domain.0) << 32;
    m.unit.write_register(&mut m.memory, 0xf8, 8, command, &mut m.trace);
    let after = m.unit.read_register(0xf8, 8, &mut m.trace).unwrap();
    assert_eq!((after >> 63, after >> 57 & 3), (0, 3));
    assert_eq!(m.code(NIC, 0x5000), 5);
    m.unit.write_register(&mut m.memory, 0x28, 8, 1 << 63 | 1 << 61, &mut m.trace);
    assert_eq!(m.unit.read_register(0x28, 8, &mut m.trace).unwrap() >> 59, 0b00101);
}

#[test]
fn what_the_unit_lacks_is_said() {
    let mut m = Machine::new(Config::legacy());
    let error = m.unit.new_domain(ctx!(m), DomainKind::Stage1).unwrap_err();
    assert!(matches!(error, DriverError::Unsupported(_)));
    assert!(m.unit.attach(ctx!(m), NIC, Attachment::Domain(DomainId(77))).is_err());
    assert!(m.unit.set_interrupt(ctx!(m), 300, None).is_err());
}
