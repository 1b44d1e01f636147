//! What an operation came to, read from its steps in the trace: the answer to every `expect`.

use crate::addr::{Address, AnyAddr, PhysAddr, RequesterId};
use crate::spec::FaultCode;
use crate::trace::{
    Actor, CacheKind, CacheOp, CostKind, Event, Hop, InterruptKind, Perms, Recorded, Scope, Steps, Verdict,
};
use core::ops::Range;

/// How often things happened in some steps.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// Table entries read, of all tables.
    pub reads: u64,
    /// IOTLB hits, stale ones and denied ones included.
    pub iotlb_hits: u64,
    /// IOTLB misses.
    pub iotlb_misses: u64,
    /// Requests the IOMMU answered with an address.
    pub translations: u64,
    /// Request packets (completions apart).
    pub packets: u64,
    /// Copies by a CPU.
    pub copies: u64,
    /// Bytes copied by a CPU.
    pub copied: u64,
    /// Exits from a guest.
    pub exits: u64,
    /// Faults recorded.
    pub faults: u64,
    /// Interrupts delivered.
    pub interrupts: u64,
    /// Invalidation commands.
    pub invalidations: u64,
    /// Bytes that a device moved to or from memory.
    pub transferred: u64,
}

impl Counts {
    /// Adds what another part of the run came to.
    pub fn add(&mut self, more: &Counts) {
        // All fields by name, so that a new one is not forgotten.
        let Counts {
            reads,
            iotlb_hits,
            iotlb_misses,
            translations,
            packets,
            copies,
            copied,
            exits,
            faults,
            interrupts,
            invalidations,
            transferred,
        } = *more;
        self.reads += reads;
        self.iotlb_hits += iotlb_hits;
        self.iotlb_misses += iotlb_misses;
        self.translations += translations;
        self.packets += packets;
        self.copies += copies;
        self.copied += copied;
        self.exits += exits;
        self.faults += faults;
        self.interrupts += interrupts;
        self.invalidations += invalidations;
        self.transferred += transferred;
    }
}

/// What in a device took the first byte of an access that came to it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Taker {
    /// Its memory, behind a BAR.
    Memory(RequesterId),
    /// A register of its engine.
    Register,
}

/// What one operation came to.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Outcome {
    /// The last fault: its code, address, and what the access wanted.
    pub fault: Option<(&'static FaultCode, AnyAddr, Perms)>,
    /// The last CPU access ended here (data moved), or a device's first byte did.
    pub arrived: Option<AnyAddr>,
    /// The first packet that a device took, by what is behind its BAR.
    pub taken: Option<Taker>,
    /// What the IOTLB said first.
    pub iotlb: Option<CacheOp>,
    /// The last interrupt.
    pub interrupt: Option<(u32, u32, InterruptKind)>,
    /// How the requests of a device went: up, or (turned around on the way) to a peer.
    pub route: Option<Hop>,
    /// A request that went up came down again to another device.
    pub came_down: bool,
    /// How often things happened.
    pub counts: Counts,
}

/// Is the packet with this first header double word a request, and not a completion?
/// (PCIe 6.0 section 2.2.1: Fmt in 31:29, Type in 28:24; completions are Type 0 1010 and 0 1011.)
fn is_request(dw0: u32) -> bool {
    !matches!(dw0 >> 24 & 0x1f, 0b0_1010 | 0b0_1011)
}

impl Outcome {
    /// Reads the steps `range` of a trace.
    pub fn of(steps: Steps<'_>, range: Range<usize>) -> Self {
        let mut out = Outcome::default();
        let mut went_up = false;
        let mut translating = 0u32;
        // Who sent the packet that is on its way: what comes next in another device is its arrival.
        let mut sender: Option<Actor> = None;
        for step in steps.range(range.clone()) {
            match step.event {
                Event::Packet { .. } => {}
                Event::OwnData { device, .. } | Event::OwnLoad { device, .. } => {
                    if sender.take().is_some_and(|from| from != Actor::Device(device)) {
                        out.taken.get_or_insert(Taker::Memory(device));
                    }
                }
                Event::Register { .. } => {
                    if sender.take().is_some_and(|from| {
                        from != step.actor && !matches!(step.actor, Actor::Iommu | Actor::Interrupts)
                    }) {
                        out.taken.get_or_insert(Taker::Register);
                    }
                }
                _ => sender = None,
            }
            match step.event {
                Event::Begin(Scope::Translation { .. }) => translating += 1,
                Event::End(Verdict::Leaf { .. }) if step.actor == Actor::Iommu && translating > 0 => {
                    // Walks inside end with a leaf too; the translation itself is counted where it opened.
                }
                // An interrupt controller takes commands too, which make nobody forget a translation.
                Event::Begin(Scope::Command { .. }) if step.actor == Actor::Iommu => {
                    out.counts.invalidations += 1;
                }
                Event::Read { .. } => out.counts.reads += 1,
                Event::Cache { cache, op, .. } if cache.kind == CacheKind::Iotlb => match op {
                    CacheOp::Hit | CacheOp::Stale | CacheOp::Denied => {
                        out.counts.iotlb_hits += 1;
                        out.iotlb.get_or_insert(op);
                    }
                    CacheOp::Miss => {
                        out.counts.iotlb_misses += 1;
                        out.iotlb.get_or_insert(op);
                    }
                    _ => {}
                },
                Event::Packet { hop, header, .. } if is_request(header[0]) => {
                    out.counts.packets += 1;
                    sender.get_or_insert(step.actor);
                    if hop == Hop::Peer || matches!(step.actor, Actor::Device(_)) && out.route.is_none() {
                        out.route = Some(hop);
                    }
                    went_up |= hop == Hop::Up;
                    if went_up && step.actor == Actor::RootComplex {
                        out.came_down = true;
                    }
                }
                Event::Data { pa, bytes, .. } | Event::Load { pa, bytes, .. } => {
                    if let Actor::Device(_) = step.actor {
                        out.counts.transferred += u64::from(bytes);
                    }
                    if !matches!(step.actor, Actor::Author | Actor::Os | Actor::Guest)
                        && out.arrived.is_none()
                    {
                        out.arrived = Some(pa.any());
                    }
                }
                Event::Cost { kind, amount } => match kind {
                    CostKind::Exit => out.counts.exits += amount,
                    CostKind::CopiedBytes => {
                        out.counts.copies += 1;
                        out.counts.copied += amount;
                    }
                    CostKind::SyncedBytes => {}
                },
                Event::Fault { code, at, want, recorded, .. } => {
                    out.fault = Some((code, at, want));
                    if matches!(recorded, Recorded::At(_)) {
                        out.counts.faults += 1;
                    }
                }
                Event::Interrupt { vector, destination, kind } => {
                    // The notification is how a posted interrupt is delivered, not what the device sent.
                    if kind != InterruptKind::Notification {
                        out.interrupt = Some((vector, destination, kind));
                    }
                    if kind != InterruptKind::Blocked {
                        out.counts.interrupts += 1;
                    }
                }
                _ => {}
            }
        }
        out.counts.translations = u64::from(translating);
        out
    }

    /// The physical address the first byte arrived at, if it arrived in memory.
    pub fn arrived_pa(&self) -> Option<PhysAddr> {
        self.arrived.filter(|a| a.space == PhysAddr::SPACE).map(|a| PhysAddr::new(a.raw))
    }
}
