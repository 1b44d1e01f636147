//! What moved and what was refused in the steps of one operation.

use crate::addr::{AnyAddr, PhysAddr, RequesterId};
use crate::spans::Spans;
use crate::spec::{FaultCode, Phrase, Rule, Text};
use crate::trace::{
    Actor, CacheKind, CacheOp, CacheType, CostKind, Event, Hop, InterruptKind, OwnerState, Recorded, Scope,
    Stage, Trace, Verdict,
};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::ops::Range;

/// Bytes that are next to each other in physical memory, moved by one actor in one direction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Piece {
    /// Where.
    pub at: PhysAddr,
    /// How many bytes.
    pub bytes: u64,
    /// Memory was written.
    pub write: bool,
    /// The first step that moved some of them.
    pub step: usize,
}

/// So many packets, and what for.
pub type Purpose = (u64, Text);

/// Says what packets were for.
pub fn purposes(parts: &[Purpose]) -> Phrase {
    let en: Vec<String> = parts.iter().map(|(n, what)| format!("{n} {}", what.en)).collect();
    let zh: Vec<String> = parts.iter().map(|(n, what)| format!("{} {n}", what.zh)).collect();
    Phrase::new(en.join(", "), zh.join("、"))
}

impl Piece {
    /// The first address behind it.
    pub fn end(&self) -> PhysAddr {
        PhysAddr::new(self.at.raw().saturating_add(self.bytes))
    }
}

/// What happened in one operation.
#[derive(Clone, Debug, Default)]
pub struct Evidence {
    /// What devices moved to and from memory.
    pub moved: Vec<Piece>,
    /// What a CPU moved to and from memory.
    pub stored: Vec<Piece>,
    /// Devices whose own memory or registers took or gave bytes: who, where, how many bytes, written.
    pub own: Vec<(RequesterId, u64, u64, bool)>,
    /// A register of a device that was written or read, and its value.
    pub register: Option<(&'static str, u64, bool)>,
    /// The fault that ended it: the code, the address, what became of its record.
    pub fault: Option<(&'static FaultCode, AnyAddr, Recorded)>,
    /// The entry that refused, and why.
    pub refusing: Option<(Phrase, Phrase)>,
    /// A check that did not hold.
    pub check: Option<&'static Rule>,
    /// Why a device's engine ended before it was done.
    pub stopped: Option<&'static Rule>,
    /// How many address bits a device has that was given an address of more.
    pub truncated: Option<u8>,
    /// Why an interrupt controller took no interrupt.
    pub dropped: Option<&'static Rule>,
    /// No window matched, here.
    pub unanswered: Option<AnyAddr>,
    /// The first step at which a translation came out of a cache and the tables said otherwise.
    pub stale: Option<usize>,
    /// The last interrupt that was part of the request itself.
    pub interrupt: Option<(u32, u32, InterruptKind)>,
    /// Lines of the CPU's data cache that were hit: the step, the line's address and first word.
    pub line_hits: Vec<(usize, u64, u64)>,
    /// Lines of the CPU's data cache that were put in or changed.
    pub line_inserts: usize,
    /// Lines of the CPU's data cache that were dropped.
    pub line_drops: usize,
    /// Entries that caches of the IOMMU forgot.
    pub forgotten: u64,
    /// Those, by the cache that they were in.
    pub losers: Vec<(&'static CacheType, u64)>,
    /// Translations that a device keeps in its own TLB from now on.
    pub kept: u64,
    /// Words written into tables.
    pub entries: u64,
    /// The last single word written: where, before, after.
    pub word: Option<(PhysAddr, u64, u64)>,
    /// The first register that was written, what was in it, and what is in it then: not always what was written.
    pub set: Option<(&'static str, u64, u64)>,
    /// The last state that a buffer came to.
    pub owner: Option<OwnerState>,
    /// Bytes copied by a CPU, bytes of cache lines synchronised, exits of a guest.
    pub copied: u64,
    /// See `copied`.
    pub synced: u64,
    /// See `copied`.
    pub exits: u64,
    /// Commands that the IOMMU took.
    pub commands: u64,
    /// Requests that the IOMMU answered.
    pub translations: u64,
    /// Table entries read.
    pub reads: u64,
    /// Translations that the IOTLB did not have.
    pub iotlb_misses: u64,
    /// Those of them that led to the device's own tables, not through page tables.
    pub device_reads: u64,
    /// Request packets.
    pub packets: u64,
    /// Those by which devices wrote, interrupts among them.
    pub written: u64,
    /// Those by which devices read.
    pub fetched: u64,
    /// Those that went down to a device.
    pub commanded: u64,
    /// What the last API call or translation gave.
    pub given: Option<AnyAddr>,
    /// What the last answered translation or walk gave.
    pub leaf: Option<AnyAddr>,
}

impl Evidence {
    /// Gathers it from the steps `range` of a trace.
    pub fn of(trace: &Trace, range: Range<usize>) -> Self {
        let mut out = Evidence::default();
        let end = range.end.min(trace.len());
        // The depth of the walk of the device's own tables that is open.
        let mut device_walk = None;
        for at in range.start.min(end)..end {
            let step = &trace.steps()[at];
            match step.event {
                Event::Data { pa, bytes, .. } => match step.actor {
                    Actor::Device(_) => add(&mut out.moved, pa, bytes, true, at),
                    Actor::Iommu => {}
                    _ => add(&mut out.stored, pa, bytes, true, at),
                },
                Event::Load { pa, bytes, .. } => match step.actor {
                    Actor::Device(_) => add(&mut out.moved, pa, bytes, false, at),
                    Actor::Iommu => {}
                    _ => add(&mut out.stored, pa, bytes, false, at),
                },
                Event::OwnData { device, at, bytes, .. } => out.own.push((device, at, bytes.into(), true)),
                Event::OwnLoad { device, at, bytes, .. } => out.own.push((device, at, bytes.into(), false)),
                Event::Register { register, new, write, .. } if matches!(step.actor, Actor::Device(_)) => {
                    out.register = Some((register.name, new, write));
                }
                Event::Register { register, new, write, .. } if step.actor == Actor::Os => {
                    out.register = Some((register.name, new, write));
                }
                Event::Fault { code, at, recorded, .. } => out.fault = Some((code, at, recorded)),
                Event::Read { entry, verdict, .. } => {
                    out.reads += 1;
                    out.device_reads += u64::from(device_walk.is_some());
                    let why = match verdict {
                        Verdict::Refused(rule) => rule.text,
                        Verdict::Fault(code) => code.text,
                        _ => continue,
                    };
                    out.refusing = Some((entry.name.into(), why.into()));
                }
                Event::Check { rule, ok: false, .. } if step.actor == Actor::Interrupts => {
                    out.dropped = Some(rule);
                }
                Event::Check { rule, ok: false, .. } => out.check = Some(rule),
                Event::End(Verdict::Refused(rule)) if matches!(step.actor, Actor::Device(_)) => {
                    out.stopped = Some(rule);
                }
                Event::Truncated { bits, .. } => out.truncated = Some(bits),
                Event::Window { from, hit: false, .. } => out.unanswered = Some(from),
                Event::Interrupt { vector, destination, kind }
                    // A fault has its own interrupt and posting its notification, which are not what the request was for.
                    if kind != InterruptKind::Notification && (out.refusing.is_none() && out.check.is_none() || kind == InterruptKind::Blocked) => {
                        out.interrupt = Some((vector, destination, kind));
                    }
                Event::Cache { cache, op, line, .. } => {
                    out.cache(cache, op, line.from, line.to, at)
                }
                Event::Write { pa, old, new, .. } => {
                    out.entries += 1;
                    out.word = Some((pa, old, new));
                }
                Event::Register { register, old, new, write: true, .. } if out.set.is_none() => {
                    out.set = Some((register.name, old, new));
                }
                Event::WriteRun { entry, new, .. } => {
                    out.entries += trace.get_words(new).len() as u64 / u64::from(entry.words.max(1));
                }
                Event::Owner { state, .. } => out.owner = Some(state),
                Event::Cost { kind, amount } => match kind {
                    CostKind::CopiedBytes => out.copied += amount,
                    CostKind::SyncedBytes => out.synced += amount,
                    CostKind::Exit => out.exits += amount,
                },
                Event::Begin(Scope::Command { .. }) => out.commands += 1,
                Event::Begin(Scope::Translation { .. }) => out.translations += 1,
                Event::Packet { header, hop, .. } if !matches!(header[0] >> 24 & 0x1f, 0b0_1010 | 0b0_1011) => {
                    out.packets += 1;
                    let way = match (hop, header[0] >> 30 & 1) {
                        (Hop::Down, _) => &mut out.commanded,
                        (_, 0) => &mut out.fetched,
                        _ => &mut out.written,
                    };
                    *way += 1;
                }
                Event::Begin(Scope::Walk { stage: Stage::Device | Stage::Process, .. }) => {
                    device_walk.get_or_insert(step.depth);
                }
                Event::End(_) if device_walk == Some(step.depth) => device_walk = None,
                Event::End(Verdict::Next(to)) if step.depth == 1 => out.given = Some(to),
                Event::End(Verdict::Leaf { to, .. }) => out.leaf = Some(to),
                _ => {}
            }
        }
        out
    }

    fn cache(&mut self, cache: &'static CacheType, op: CacheOp, from: u64, to: u64, at: usize) {
        match (cache.kind, op) {
            (CacheKind::Data, CacheOp::Hit) => self.line_hits.push((at, from, to)),
            (CacheKind::Data, CacheOp::Insert) => self.line_inserts += 1,
            (CacheKind::Data, CacheOp::Invalidate) => self.line_drops += 1,
            (CacheKind::Iotlb, CacheOp::Miss) => self.iotlb_misses += 1,
            (CacheKind::Tlb, _) => {}
            (_, CacheOp::Stale) => {
                self.stale.get_or_insert(at);
            }
            (_, CacheOp::Invalidate) => {
                self.forgotten += 1;
                match self.losers.iter_mut().find(|(loser, _)| core::ptr::eq(*loser, cache)) {
                    Some((_, count)) => *count += 1,
                    None => self.losers.push((cache, 1)),
                }
            }
            (CacheKind::DeviceTlb, CacheOp::Insert) => self.kept += 1,
            _ => {}
        }
    }

    /// Returns where devices moved bytes the other way: for those that write, what they fetched to know what to do.
    pub fn lists(&self, write: bool) -> Spans {
        let other = self.moved.iter().filter(|p| p.write != write);
        Spans::new(other.map(|p| (p.at.raw(), p.bytes, 0)))
    }

    /// Returns what the request packets were for, where that accounts for all of them: how many, and each purpose in both languages.
    pub fn purposes(&self, write: bool) -> Vec<Purpose> {
        let lists = self.lists(write);
        let interrupts = u64::from(self.interrupt.is_some_and(|(.., kind)| kind != InterruptKind::Blocked));
        let writes = self.written.saturating_sub(interrupts);
        // A device that writes reports, too, where it fetched what it was to do.
        let listed = |p: &&Piece| write && p.write && lists.hold(p.at.raw(), p.end().raw());
        let reports = self.moved.iter().filter(listed).count() as u64;
        let (read, wrote) = match write {
            true => (Text::new("to fetch descriptors", "取描述符"), Text::new("with data", "写数据")),
            false => (Text::new("to read", "读"), Text::new("to write", "写")),
        };
        let data = (if write { writes.saturating_sub(reports) } else { writes }, wrote);
        let fetched = (self.fetched, read);
        let (first, second) = if write { (data, fetched) } else { (fetched, data) };
        let all = [
            first,
            second,
            (reports, Text::new("to report on them", "写回完成状态")),
            (self.commanded, Text::new("for the doorbell", "敲门铃")),
            (interrupts, Text::new("an interrupt", "发中断")),
        ];
        let parts: Vec<Purpose> = all.into_iter().filter(|(n, _)| *n > 0).collect();
        if parts.iter().map(|(n, _)| n).sum::<u64>() == self.packets {
            parts
        } else {
            Vec::new()
        }
    }

    /// Returns what devices moved to (`write`) or from memory, without what they report where they fetched what to do.
    pub fn data(&self, write: bool) -> Vec<&Piece> {
        let lists = self.lists(write);
        let all = || self.moved.iter().filter(|p| p.write == write);
        let data: Vec<&Piece> = all().filter(|p| !lists.hold(p.at.raw(), p.end().raw())).collect();
        if data.is_empty() {
            all().collect()
        } else {
            data
        }
    }
}

/// Adds bytes to the last piece when they follow it.
fn add(pieces: &mut Vec<Piece>, at: PhysAddr, bytes: u32, write: bool, step: usize) {
    match pieces.last_mut() {
        Some(last) if last.write == write && last.at.raw().wrapping_add(last.bytes) == at.raw() => {
            last.bytes += u64::from(bytes);
        }
        _ => pieces.push(Piece { at, bytes: bytes.into(), write, step }),
    }
}
