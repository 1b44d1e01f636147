//! The RISC-V IOMMU through the neutral interface, as the machine uses it: attach, map, DMA, unmap, invalidate; faults
//! with overflow; processes, nesting, ATS and page requests; interrupts direct, remapped and posted.

use iommu_core::addr::{AddrRange, Iova, PageSize, Pasid, PhysAddr, RequesterId};
use iommu_core::iommu::riscv::{Config, Riscv};
use iommu_core::iommu::{
    Attachment, Ctx, DeviceCaps, DomainId, DomainKind, Driver, InterruptEntry, Invalidation, Message,
    Outcome, PageRequest, PageResponse, PasidTag, ProcessTables, Refusal, Request, RequestKind, Unit,
};
use iommu_core::memory::Memory;
use iommu_core::paging::builder::Mapping;
use iommu_core::paging::FrameAlloc;
use iommu_core::platform::interrupts::IMSIC;
use iommu_core::trace::{Event, InterruptKind, Perms, Recorded, Trace};

const NIC: RequesterId = RequesterId::bdf(0, 3, 0);
const DISK: RequesterId = RequesterId::bdf(0x82, 0x1f, 7);

struct Machine {
    unit: Riscv,
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
    fn new(config: Config) -> Machine {
        let range = AddrRange::new(PhysAddr::new(0x10_0000), 0x1000_0000).unwrap();
        let mut m = Machine {
            unit: Riscv::new(config),
            memory: Memory::new(),
            frames: FrameAlloc::new(range),
            trace: Trace::new(),
        };
        m.unit.start(ctx!(m)).unwrap();
        m
    }

    fn domain(&mut self, kind: DomainKind) -> DomainId {
        self.unit.new_domain(ctx!(self), kind).unwrap()
    }

    fn map(&mut self, domain: DomainId, from: u64, to: u64, perms: Perms) {
        let mapping = Mapping { from, to, len: 0x1000, size: PageSize::SIZE_4K, perms, user: true };
        self.unit.map(ctx!(self), domain, mapping).unwrap();
    }

    fn attach(&mut self, device: RequesterId, to: Attachment) {
        self.unit.attach(ctx!(self), device, to).unwrap();
    }

    fn ask(&mut self, request: Request) -> Outcome {
        self.unit.translate(&mut self.memory, &request, &mut self.trace)
    }

    fn write(&mut self, device: RequesterId, at: u64) -> Result<u64, u16> {
        self.result(Request::new(device, Iova::new(at), Perms::W, 8))
    }

    fn result(&mut self, request: Request) -> Result<u64, u16> {
        match self.ask(request) {
            Outcome::Memory(t) | Outcome::Answer(t) => Ok(t.to.raw()),
            Outcome::Fault(f) => Err(f.code.code),
            other => panic!("{other:?}"),
        }
    }

    fn causes(&mut self) -> Vec<u16> {
        self.unit.take_faults(ctx!(self)).unwrap().iter().map(|f| f.code.code).collect()
    }
}

fn range(at: u64, len: u64) -> AddrRange<Iova> {
    AddrRange::new(Iova::new(at), len).unwrap()
}

fn in_process(pasid: u32, at: u64) -> Request {
    let pasid = Some(PasidTag { pasid: Pasid::new(pasid).unwrap(), privileged: false, execute: false });
    Request { pasid, ..Request::new(NIC, Iova::new(at), Perms::W, 8) }
}

#[test]
fn every_device_is_blocked_until_it_is_attached() {
    let mut m = Machine::new(Config::playground());
    assert_eq!(m.write(NIC, 0x5000), Err(258));
    assert_eq!(m.causes(), [258]);
    m.attach(NIC, Attachment::PassThrough);
    assert_eq!(m.write(NIC, 0x5000), Ok(0x5000));
    m.attach(NIC, Attachment::Blocked);
    assert_eq!(m.write(NIC, 0x5000), Err(258));
}

#[test]
fn either_stage_maps_and_a_stale_entry_lives_until_it_is_invalidated() {
    for (kind, cause) in [(DomainKind::Stage1, 15), (DomainKind::Stage2, 23)] {
        let mut m = Machine::new(Config::playground());
        let d = m.domain(kind);
        m.map(d, 0x4000, 0x9000_0000, Perms::RW);
        m.map(d, 0x7000, 0x9100_0000, Perms::R);
        for device in [NIC, DISK] {
            m.attach(device, Attachment::Domain(d));
            assert_eq!(m.write(device, 0x4010), Ok(0x9000_0010));
            assert_eq!(m.write(device, 0x7000), Err(cause));
        }
        m.unit.unmap(ctx!(m), d, range(0x4000, 0x1000)).unwrap();
        let request = Request::new(NIC, Iova::new(0x4010), Perms::W, 8);
        assert!(matches!(m.unit.peek(&mut m.memory, &request), Outcome::Fault(_)));
        assert_eq!(m.write(NIC, 0x4010), Ok(0x9000_0010), "stale");
        // Another page's invalidation leaves it.
        m.unit.invalidate(ctx!(m), Invalidation::Pages(d, range(0x8000, 0x1000))).unwrap();
        assert_eq!(m.write(NIC, 0x4010), Ok(0x9000_0010), "still stale");
        m.unit.invalidate(ctx!(m), Invalidation::Pages(d, range(0x4000, 0x2000))).unwrap();
        assert_eq!(m.write(NIC, 0x4010), Err(cause));
        assert_eq!(m.unit.mappings(&m.memory, d, 100).runs.len(), 1);
    }
}

#[test]
fn a_process_over_a_second_stage_is_walked_through_both() {
    let mut m = Machine::new(Config::playground());
    m.unit.set_caps(NIC, DeviceCaps { pasid: true, ats: true, pri: true, id: None });
    // The guest's memory: guest-physical 1 MiB .. 2 MiB at itself, so that its tables can be built in place.
    let guest = m.domain(DomainKind::Stage2);
    let mapping =
        Mapping { from: 0, to: 0, len: 1 << 30, size: PageSize::SIZE_1G, perms: Perms::RW, user: true };
    m.unit.map(ctx!(m), guest, mapping).unwrap();
    let tables = m.domain(DomainKind::Stage1);
    m.map(tables, 0x7000_0000, 0x2345_6000, Perms::RW);
    let root = m.unit.domain_root(tables).unwrap().raw();
    m.attach(NIC, Attachment::Domain(guest));
    assert_eq!(m.write(NIC, 0x1234), Ok(0x1234));
    assert_eq!(m.result(in_process(300, 0x7000_0008)), Err(266));
    let process = ProcessTables { root, levels: 4, asid: 1, below: Some(guest) };
    m.unit.bind(ctx!(m), NIC, Pasid::new(300).unwrap(), Some(process)).unwrap();
    assert_eq!(m.result(in_process(300, 0x7000_0008)), Ok(0x2345_6008));
    m.unit.bind(ctx!(m), NIC, Pasid::new(300).unwrap(), None).unwrap();
    assert_eq!(m.result(in_process(300, 0x7000_0008)), Err(266));
    // Without a process, the same tables nested.
    m.attach(NIC, Attachment::Nested(process));
    assert_eq!(m.write(NIC, 0x7000_0010), Ok(0x2345_6010));
    assert_eq!(m.write(NIC, 0x7000_1000), Err(15));
}

#[test]
fn ats_answers_what_there_is_and_page_requests_wait_in_their_queue() {
    let mut m = Machine::new(Config::playground());
    let d = m.domain(DomainKind::Stage1);
    m.map(d, 0x4000, 0x9000_0000, Perms::R);
    let ask = |at, kind| Request { kind, ..Request::new(NIC, Iova::new(at), Perms::R, 8) };
    let translation = RequestKind::Translation { no_write: false };
    m.attach(NIC, Attachment::Domain(d));
    assert_eq!(m.result(ask(0x4000, translation)), Err(260), "EN_ATS = 0");
    m.unit.set_caps(NIC, DeviceCaps { pasid: false, ats: true, pri: true, id: None });
    m.attach(NIC, Attachment::Domain(d));
    match m.ask(ask(0x4000, translation)) {
        Outcome::Answer(t) => assert_eq!((t.to.raw(), t.perms), (0x9000_0000, Perms::R)),
        other => panic!("{other:?}"),
    }
    match m.ask(ask(0x5000, translation)) {
        Outcome::Fault(f) => {
            assert_eq!(
                (f.code.code, f.refusal, f.recorded),
                (13, Refusal::NoPermission, Recorded::Suppressed)
            );
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(m.result(ask(0x9000_0000, RequestKind::Translated)), Ok(0x9000_0000));
    m.causes();
    let page = PageRequest {
        requester: NIC,
        pasid: None,
        at: Iova::new(0x5000),
        want: Perms::RW,
        last: true,
        group: 0x155,
    };
    assert!(m.unit.page_request(&mut m.memory, &page, &mut m.trace));
    assert_eq!(m.unit.take_page_requests(ctx!(m)).unwrap(), [page]);
    m.unit.respond(ctx!(m), &page, PageResponse::Success).unwrap();
    // A device that does not answer the invalidation of its TLB makes the fence time out; the driver goes on.
    m.unit.set_mute(NIC, true);
    m.unit.invalidate(ctx!(m), Invalidation::DeviceTlb(NIC, None, range(0x4000, 0x1000))).unwrap();
    m.unit.set_mute(NIC, false);
    m.map(d, 0x5000, 0x9200_0000, Perms::RW);
    assert_eq!(m.write(NIC, 0x5000), Ok(0x9200_0000));
}

#[test]
fn the_fault_queue_overflows_once_and_goes_on_when_it_is_read() {
    let mut m = Machine::new(Config { fault_slots: 4, ..Config::playground() });
    for _ in 0..5 {
        assert_eq!(m.write(NIC, 0x5000), Err(258));
    }
    let request = Request::new(NIC, Iova::new(0x5000), Perms::W, 8);
    match m.ask(request) {
        Outcome::Fault(f) => assert_eq!(f.recorded, Recorded::Overflow),
        other => panic!("{other:?}"),
    }
    assert_eq!(m.causes(), [258; 3], "one slot of four stays empty");
    m.write(NIC, 0x5000).unwrap_err();
    assert_eq!(m.causes(), [258]);
}

#[test]
fn interrupts_reach_a_hart_directly_remapped_or_a_file_in_memory() {
    let mut m = Machine::new(Config::playground());
    let entry = InterruptEntry { source: None, vector: 0x21, destination: 2, posted: None };
    let message = m.unit.set_interrupt(ctx!(m), 0, Some(entry)).unwrap();
    assert_eq!((message.address, message.data), (IMSIC + 0x2000, 0x21));
    let send = |at: u64, data| Request { data: Some(data), ..Request::new(NIC, Iova::new(at), Perms::W, 4) };
    let kind = |m: &mut Machine, at, data| match m.ask(send(at, data)) {
        Outcome::Interrupt(d) => Ok((d.vector, d.destination, d.kind)),
        Outcome::Fault(f) => Err(f.code.code),
        other => panic!("{other:?}"),
    };
    assert_eq!(kind(&mut m, message.address, 0x21), Err(258));
    m.attach(NIC, Attachment::PassThrough);
    assert_eq!(kind(&mut m, message.address, 0x21), Ok((0x21, 2, InterruptKind::Direct)));
    let d = m.domain(DomainKind::Stage2);
    m.attach(NIC, Attachment::Domain(d));
    assert_eq!(kind(&mut m, message.address, 0x21), Ok((0x21, 2, InterruptKind::Remapped)));
    assert_eq!(kind(&mut m, IMSIC + 0x5000, 0x21), Err(262));
    // Stored: into a memory-resident interrupt file.
    let mrif = PhysAddr::new(0x5000_0000);
    let entry = InterruptEntry { posted: Some(mrif), ..entry };
    m.unit.set_interrupt(ctx!(m), 0, Some(entry)).unwrap();
    assert_eq!(kind(&mut m, message.address, 70).map(|k| k.2), Ok(InterruptKind::Stored));
    assert_eq!(m.memory.peek_u64(PhysAddr::new(mrif.raw() + 16)), 1 << 6);
}

/// Under a second stage an interrupt that moves keeps its message: the entry of the MSI page table leads to the other hart's file,
/// and what the unit remembers of it is forgotten by its address (RISC-V IOMMU, "Changing MSI page table entry").
#[test]
fn a_moved_interrupt_is_the_same_message_to_another_hart() {
    let mut m = Machine::new(Config::playground());
    let d = m.domain(DomainKind::Stage2);
    m.attach(NIC, Attachment::Domain(d));
    let to = |hart| Some(InterruptEntry { source: Some(NIC), vector: 0x21, destination: hart, posted: None });
    let arrives = |m: &mut Machine, message: Message| {
        let at = Iova::new(message.address);
        match m.ask(Request { data: Some(message.data), ..Request::new(NIC, at, Perms::W, 4) }) {
            Outcome::Interrupt(d) => (d.vector, d.destination),
            other => panic!("{other:?}"),
        }
    };
    let first = m.unit.set_interrupt(ctx!(m), 3, to(1)).unwrap();
    assert_eq!(arrives(&mut m, first), (0x21, 1));
    let moved = m.unit.set_interrupt(ctx!(m), 3, to(2)).unwrap();
    assert_eq!((moved, m.unit.interrupt_message(3)), (first, first));
    // The translation was remembered: without the command it would still say hart 1.
    assert_eq!(arrives(&mut m, moved), (0x21, 2));
    // Another interrupt for hart 1 finds the file of its number taken; one for hart 2 shares the file that leads there.
    let other = m.unit.set_interrupt(ctx!(m), 4, to(1)).unwrap();
    assert_ne!(other.address, first.address);
    assert_eq!(arrives(&mut m, other), (0x21, 1));
    // Where a file has two interrupts, one moves alone, and so to another file.
    let third = m.unit.set_interrupt(ctx!(m), 5, to(1)).unwrap();
    assert_eq!(third.address, other.address);
    let apart = m.unit.set_interrupt(ctx!(m), 5, to(3)).unwrap();
    assert_ne!(apart.address, other.address);
    assert_eq!([arrives(&mut m, other), arrives(&mut m, apart)], [(0x21, 1), (0x21, 3)]);
    // Without a second stage nothing leads from one file to another: the message names the hart's own.
    m.attach(NIC, Attachment::PassThrough);
    let direct = m.unit.set_interrupt(ctx!(m), 6, to(1)).unwrap();
    assert_eq!((direct.address, arrives(&mut m, direct)), (IMSIC + 0x1000, (0x21, 1)));
    let direct = m.unit.set_interrupt(ctx!(m), 6, to(2)).unwrap();
    assert_eq!((direct.address, arrives(&mut m, direct)), (IMSIC + 0x2000, (0x21, 2)));
}

/// AIA 8.3: each identity from 0 to 2047 is stored, 0 as well, and a notice MSI follows each time, enabled or not; what is no
/// identity, and what is beside the register, is discarded.
#[test]
fn a_file_in_memory_takes_every_identity_and_gives_notice_each_time() {
    let mut m = Machine::new(Config::playground());
    let d = m.domain(DomainKind::Stage2);
    m.attach(NIC, Attachment::Domain(d));
    let mrif = PhysAddr::new(0x5000_0000);
    let entry = InterruptEntry { source: None, vector: 0x33, destination: 2, posted: Some(mrif) };
    let message = m.unit.set_interrupt(ctx!(m), 0, Some(entry)).unwrap();
    let send = |m: &mut Machine, beside: u64, data: u32| {
        let at = Iova::new(message.address + beside);
        let mut trace = Trace::new();
        let request = Request { data: Some(data), ..Request::new(NIC, at, Perms::W, 4) };
        let outcome = m.unit.translate(&mut m.memory, &request, &mut trace);
        let notices: Vec<_> = trace
            .steps()
            .iter()
            .filter_map(|step| match step.event {
                Event::Interrupt { vector, destination, kind: InterruptKind::Notification } => {
                    Some((vector, destination))
                }
                _ => None,
            })
            .collect();
        match outcome {
            Outcome::Interrupt(d) => (d.kind, notices),
            other => panic!("{other:?}"),
        }
    };
    let pending = |m: &Machine, pair: u64| m.memory.peek_u64(PhysAddr::new(mrif.raw() + pair * 16));
    for identity in [0, 1, 63, 64, 2047] {
        let before = pending(&m, u64::from(identity / 64));
        assert_eq!(send(&mut m, 0, identity), (InterruptKind::Stored, vec![(0x33, 2)]), "{identity}");
        assert_eq!(pending(&m, u64::from(identity / 64)), before | 1 << (identity % 64), "{identity}");
    }
    let all: Vec<u64> = (0..32).map(|pair| pending(&m, pair)).collect();
    for (beside, data) in [(0, 2048), (0, u32::MAX), (4, 5), (8, 5)] {
        assert_eq!(send(&mut m, beside, data), (InterruptKind::Blocked, vec![]), "{beside} {data}");
    }
    assert_eq!((0..32).map(|pair| pending(&m, pair)).collect::<Vec<_>>(), all);
}
