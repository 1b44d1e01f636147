//! Sentences are never empty, and both languages say the same numbers.

use super::{say, Cast};
use crate::addr::{Address, AnyAddr, Iova, PageSize, Pasid, PhysAddr, RequesterId, Space};
use crate::iommu::vtd::faults;
use crate::mmu::arch;
use crate::paging::x86;
use crate::spec::{Register, Rule, Text};
use crate::trace::*;
use alloc::{vec, vec::Vec};

static RULE: Rule = Rule { text: Text::new("it must be so", "必须如此"), section: "test 1" };
static REGISTER: Register = Register {
    name: "TEST_REG",
    offset: 0x18,
    bytes: 4,
    meaning: Text::new("a register", "寄存器"),
    fields: &[],
    rw: 0,
    w1c: 0,
    section: "test 2",
};
static CACHE: CacheType =
    CacheType { kind: CacheKind::Iotlb, name: Text::new("IOTLB", "IOTLB"), section: "test 3" };

/// The numbers of a sentence. Chinese writes the stages' numbers as words (第一阶段).
fn numbers(text: &str) -> Vec<&str> {
    let mut all: Vec<&str> = text
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|t| t.chars().any(|c| c.is_ascii_digit()))
        .collect();
    all.sort_unstable();
    all
}

/// Every kind of event, with every kind of verdict, cache operation, record, interrupt, cost and owner.
fn all_events(t: &mut Trace) -> Vec<Event> {
    let entry = &x86::PML4E;
    let requester = RequesterId::bdf(0, 3, 0);
    let at = Iova::new(0xffff_f040).any();
    let pa = PhysAddr::new(0x1234_5678);
    let words = t.words(&[0x8000_0007]);
    let name = t.name("nic");
    let chunk = Chunk::Bytes(t.bytes(b"hello"));
    let fault = faults::ALL[4];
    let verdicts = [
        Verdict::Ok,
        Verdict::Next(pa.any()),
        Verdict::Leaf { to: pa.any(), size: PageSize::SIZE_2M, perms: Perms::RW },
        Verdict::Refused(&RULE),
        Verdict::Fault(fault),
    ];
    let mut all = vec![];
    for scope in [
        Scope::Operation { index: 3, line: 17 },
        Scope::Api { name: "dma_map_single", args: name },
        Scope::CpuAccess { at: AnyAddr { space: Space::Virtual, raw: 0x7000 }, want: Perms::X, bytes: 8 },
        Scope::Transfer { requester, at, want: Perms::W, bytes: 6000 },
        Scope::Translation { requester, pasid: Pasid::new(7), at, want: Perms::R },
        Scope::Translation { requester, pasid: None, at, want: Perms::W },
        Scope::Command { entry },
        Scope::Setup { en: name, zh: name },
    ] {
        for verdict in verdicts {
            all.extend([Event::Begin(scope), Event::End(verdict)]);
        }
    }
    for stage in [
        Stage::Cpu,
        Stage::Guest(arch::Cpu::X86.guest_stage()),
        Stage::Guest(arch::Cpu::Riscv.guest_stage()),
        Stage::First,
        Stage::Second,
        Stage::Device,
        Stage::Process,
        Stage::Interrupt,
    ] {
        all.extend([
            Event::Begin(Scope::Walk { stage, input: at, root: pa.any(), root_bits: 9 }),
            Event::End(verdicts[2]),
        ]);
    }
    for verdict in verdicts {
        all.push(Event::Read { entry, level: 3, index: 5, at: pa.any(), pa, words, verdict });
        let at = AnyAddr { space: Space::GuestPhysical, raw: 0x9000 };
        all.push(Event::Read { entry, level: 3, index: 5, at, pa, words, verdict });
    }
    all.push(Event::Write { entry: Some(entry), pa, old: 1, new: 0x23 });
    all.push(Event::Write { entry: None, pa, old: 1, new: 0x23 });
    all.push(Event::WriteRun { entry, pa, old: words, new: words });
    all.push(Event::Data { pa, bytes: 5, old: chunk, new: chunk });
    all.push(Event::Load { pa, bytes: 5, value: 0x68 });
    for at in [0x40, crate::platform::local::scratch(0, 0x100)] {
        all.push(Event::OwnData { device: requester, at, bytes: 5, old: chunk, new: chunk });
        all.push(Event::OwnLoad { device: requester, at, bytes: 5, value: 0x68 });
    }
    use CacheOp::*;
    for op in [Hit, Stale, Denied, Miss, Insert, Evict, Invalidate] {
        for shift in [0, 12] {
            let line = CacheLine {
                requester: Some(requester),
                from: 0x5000,
                to: 0x6000,
                shift,
                ..Default::default()
            };
            all.push(Event::Cache { cache: &CACHE, op, slot: 2, line });
        }
    }
    for hit in [true, false] {
        all.push(Event::Window { name, from: pa.any(), to: at, hit });
        all.push(Event::Check { rule: &RULE, ok: hit, value: 0x30 });
        all.push(Event::Register { register: &REGISTER, offset: 0x18, old: 2, new: 3, write: hit });
    }
    for hop in [Hop::Up, Hop::Down, Hop::Peer] {
        let header = [0x6000_0010, 0x0018_00ff, 0, 0xffff_f040];
        all.push(Event::Packet { hop, from: name, to: name, header, dwords: 4, prefix: None, payload: 64 });
    }
    for recorded in
        [Recorded::At(1), Recorded::Overflow, Recorded::Compressed, Recorded::Suppressed, Recorded::None]
    {
        let pasid = Pasid::new(7);
        all.push(Event::Fault {
            code: fault,
            requester: Some(requester),
            pasid,
            at,
            want: Perms::W,
            recorded,
        });
    }
    use InterruptKind::*;
    for kind in [Direct, Remapped, Posted, Stored, Notification, Blocked] {
        all.push(Event::Interrupt { vector: 0x31, destination: 2, kind });
    }
    all.push(Event::Note { en: name, zh: name });
    for kind in [CostKind::Exit, CostKind::CopiedBytes, CostKind::SyncedBytes] {
        all.push(Event::Cost { kind, amount: 3 });
    }
    use OwnerState::*;
    for state in [Cpu, Device, Both, Bounced, StaleCached, DirtyLine, Freed] {
        all.push(Event::Owner { buffer: name, state });
    }
    all
}

#[test]
fn every_step_is_a_sentence_with_the_same_numbers_in_both_languages() {
    let mut trace = Trace::new();
    let events = all_events(&mut trace);
    let actors = [
        Actor::Cpu,
        Actor::Mmu,
        Actor::Os,
        Actor::Guest,
        Actor::Device(RequesterId::bdf(0, 3, 0)),
        Actor::Switch,
        Actor::RootComplex,
        Actor::Iommu,
        Actor::Interrupts,
        Actor::Author,
    ];
    for (i, event) in events.into_iter().enumerate() {
        trace.step(actors[i % actors.len()], event);
    }
    let cast = Cast { lines: vec!["dma nic".into(); 20], ..Cast::default() };
    for i in 0..trace.len() {
        let said = say(&trace, i, &cast);
        let event = trace.steps()[i].event;
        assert!(!said.text.en.trim().is_empty() && !said.text.zh.trim().is_empty(), "{event:?}");
        let en = said.text.en.replace("stage 1", "stage").replace("stage 2", "stage");
        assert_eq!(numbers(&en), numbers(&said.text.zh), "{event:?} {:?}", said.text);
        assert!(!said.text.en.contains("  ") && !said.text.zh.contains("  "), "{:?}", said.text);
    }
}
