//! What the machine did, step by step: the one source of every view.
//!
//! Everything that acts (walkers, IOMMUs, engines, the OS) is generic over an [`Observer`] and tells it each
//! thing a reader would ask about. [`Off`] hears nothing and costs nothing; [`Trace`] keeps all of it.
//!
//! **Each change of memory is told**, by [`write_word`], [`write_run`] or [`write_data`], with what was there
//! before: so the state at any step is had by undoing or redoing steps ([`Trace::apply`]), never by running
//! the machine again.

use crate::addr::{Address, AnyAddr, PageSize, Pasid, PhysAddr, RequesterId};
use crate::memory::{FrameId, MemError, Memory, FRAME};
use crate::spec::{EntryType, FaultCode, Register, Rule};
use alloc::{collections::BTreeMap, string::String, vec, vec::Vec};

/// Who does a step.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, PartialOrd, Ord)]
pub enum Actor {
    /// A CPU executing a load, a store or an instruction.
    Cpu,
    /// The CPU's memory management unit, with that for guests below it.
    Mmu,
    /// The operating system of the host.
    Os,
    /// The operating system of a guest.
    Guest,
    /// A PCI function.
    Device(RequesterId),
    /// A PCI Express switch or root port.
    Switch,
    /// The root complex with the host bridge.
    RootComplex,
    /// The IOMMU.
    Iommu,
    /// The interrupt controller.
    Interrupts,
    /// The person who wrote the scenario, reaching in from outside.
    Author,
}

/// A bit set of what an access needs or a mapping allows.
#[derive(Clone, Copy, PartialEq, Eq, Default, Hash, PartialOrd, Ord)]
pub struct Perms(pub u8);

impl Perms {
    /// Nothing.
    pub const NONE: Perms = Perms(0);
    /// Read.
    pub const R: Perms = Perms(1);
    /// Write.
    pub const W: Perms = Perms(2);
    /// Execute.
    pub const X: Perms = Perms(4);
    /// Read and write.
    pub const RW: Perms = Perms(3);
    /// Read, write and execute.
    pub const RWX: Perms = Perms(7);

    /// Is everything in `other` here too?
    pub const fn has(self, other: Perms) -> bool {
        self.0 & other.0 == other.0
    }
    /// What both have.
    pub const fn and(self, other: Perms) -> Perms {
        Perms(self.0 & other.0)
    }
    /// What either has.
    pub const fn or(self, other: Perms) -> Perms {
        Perms(self.0 | other.0)
    }
    /// `part` if `on`, else nothing.
    pub const fn when(part: Perms, on: bool) -> Perms {
        if on {
            part
        } else {
            Perms::NONE
        }
    }
}

impl core::fmt::Display for Perms {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        for (bit, letter) in [(Perms::R, 'r'), (Perms::W, 'w'), (Perms::X, 'x')] {
            core::fmt::Write::write_char(f, if self.has(bit) { letter } else { '-' })?;
        }
        Ok(())
    }
}

impl core::fmt::Debug for Perms {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        core::fmt::Display::fmt(self, f)
    }
}

/// A string kept by the trace.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Hash, PartialOrd, Ord)]
pub struct NameId(pub u32);

/// A run of 64-bit words kept by the trace.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Words {
    start: u32,
    len: u16,
}

/// What stood in memory before or after a change of data.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Chunk {
    /// Bytes kept by the trace, from here, as many as the change is long.
    Bytes(u32),
    /// A whole frame kept by the memory.
    Frame(FrameId),
}

/// Which table walk.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, PartialOrd, Ord)]
pub enum Stage {
    /// The CPU's own tables (CR3, satp).
    Cpu,
    /// The CPU's second level for a guest, on x86-64 (EPT).
    Ept,
    /// The CPU's second level for a guest, on RISC-V (G-stage).
    GStage,
    /// The IOMMU's stage 1 (first-level, first-stage, process tables).
    First,
    /// The IOMMU's stage 2 (second-level, second-stage).
    Second,
    /// The IOMMU's table that finds the device (root and context tables, device directory).
    Device,
    /// The IOMMU's table that finds the process (PASID table, process directory).
    Process,
    /// The IOMMU's table for interrupts (interrupt remapping table, MSI page table).
    Interrupt,
}

/// What a group of steps is. A scope is opened by [`Event::Begin`] and closed by [`Event::End`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scope {
    /// One operation of the scenario: its index among the operations, and its line.
    Operation {
        /// Index among the operations, from 0.
        index: u32,
        /// Line in the scenario text, from 1.
        line: u32,
    },
    /// A call of an OS interface, such as `dma_map_single`, with its arguments as text.
    Api {
        /// The function's name.
        name: &'static str,
        /// Its arguments, as C would have them.
        args: NameId,
    },
    /// One access by a CPU.
    CpuAccess {
        /// The address the instruction used.
        at: AnyAddr,
        /// What the access needs.
        want: Perms,
        /// How many bytes.
        bytes: u32,
    },
    /// One transfer by a device's DMA engine, or one part of it.
    Transfer {
        /// The device.
        requester: RequesterId,
        /// The address its engine uses.
        at: AnyAddr,
        /// [`Perms::W`]: the device writes memory.
        want: Perms,
        /// How many bytes.
        bytes: u64,
    },
    /// The IOMMU answering one request.
    Translation {
        /// The requester.
        requester: RequesterId,
        /// The PASID, if the packet carries one.
        pasid: Option<Pasid>,
        /// The address in the packet.
        at: AnyAddr,
        /// What the access needs.
        want: Perms,
    },
    /// One walk through tables.
    Walk {
        /// Which.
        stage: Stage,
        /// The address (or id) that is looked up.
        input: AnyAddr,
        /// Where the first table is, in the space its pointer is in.
        root: AnyAddr,
    },
    /// One command taken from an invalidation or command queue, or one register-based invalidation.
    Command {
        /// The command's structure.
        entry: &'static EntryType,
    },
    /// Setting something up: the text says what.
    Setup {
        /// What.
        what: NameId,
    },
}

/// What a step came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Done; nothing further to say.
    Ok,
    /// The entry points at another table or structure, here.
    Next(AnyAddr),
    /// The entry maps a page: this is the address, offset included.
    Leaf {
        /// The output address.
        to: AnyAddr,
        /// The page's size.
        size: PageSize,
        /// What the whole walk so far allows.
        perms: Perms,
    },
    /// The entry, or the memory it is in, refused.
    Refused(&'static Rule),
    /// The whole scope ended in a fault with this code.
    Fault(&'static FaultCode),
}

/// What happened in a cache.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, PartialOrd, Ord)]
pub enum CacheOp {
    /// Found, and the tables still say the same.
    Hit,
    /// Found, but the tables in memory no longer say the same: use of a stale entry.
    Stale,
    /// Found, but it does not allow the access.
    Denied,
    /// Not found.
    Miss,
    /// Put in.
    Insert,
    /// Pushed out to make room.
    Evict,
    /// Taken out by an invalidation.
    Invalidate,
}

/// What a cache is for, whatever its architecture calls it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, PartialOrd, Ord)]
pub enum CacheKind {
    /// Translations of an IOMMU.
    Iotlb,
    /// Device table entries (VT-d context cache, RISC-V DDT cache).
    Device,
    /// Process table entries (VT-d PASID cache, RISC-V PDT cache).
    Process,
    /// Upper levels of page tables.
    Paging,
    /// Interrupt entries.
    Interrupt,
    /// What a device keeps of its ATS answers.
    DeviceTlb,
    /// The CPU's TLB.
    Tlb,
    /// The CPU's data cache.
    Data,
}

/// A cache, as a view names it.
#[derive(Debug, PartialEq, Eq)]
pub struct CacheType {
    /// What it is for.
    pub kind: CacheKind,
    /// The architecture's name of it.
    pub name: crate::spec::Text,
    /// Where it is described.
    pub section: &'static str,
}

/// What a cache entry is tagged with and holds: the union of what any cache here needs.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct CacheLine {
    /// The requester, where the tag has one.
    pub requester: Option<RequesterId>,
    /// The PASID, process id, PCID or ASID, where the tag has one.
    pub pasid: Option<u32>,
    /// The domain id, GSCID, VPID or VMID, where the tag has one.
    pub domain: Option<u32>,
    /// The page looked up, or 0 with `from_space` unused for directory caches.
    pub from: u64,
    /// log2 of the reach in bytes; 0 for caches that are not of pages.
    pub shift: u8,
    /// What it maps to, or the structure's first word for directory caches.
    pub to: u64,
    /// What it allows.
    pub perms: Perms,
}

/// A link of the machine that a packet crosses.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, PartialOrd, Ord)]
pub enum Hop {
    /// From a device up towards the root complex.
    Up,
    /// From the root complex down towards a device.
    Down,
    /// From one device to another below the root complex.
    Peer,
}

/// The smallest things a reader would ask about.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Event {
    /// Opens a scope: the steps until its [`Event::End`] are inside.
    Begin(Scope),
    /// Closes the innermost scope, with what came of it.
    End(Verdict),
    /// A structure was read from memory and looked at.
    Read {
        /// The structure.
        entry: &'static EntryType,
        /// Table level for page tables (1 = the last), else 0.
        level: u8,
        /// Index in its table.
        index: u32,
        /// Its address in the space the pointer to its table is in (GPA in a nested first stage).
        at: AnyAddr,
        /// Its address in physical memory.
        pa: PhysAddr,
        /// The bits read.
        words: Words,
        /// What came of it.
        verdict: Verdict,
    },
    /// A word of memory was written.
    Write {
        /// The structure it belongs to, when known.
        entry: Option<&'static EntryType>,
        /// Where.
        pa: PhysAddr,
        /// The word before.
        old: u64,
        /// The word after.
        new: u64,
    },
    /// A run of words was written: neighbouring entries of one table.
    WriteRun {
        /// The structure each belongs to.
        entry: &'static EntryType,
        /// Where the first one is.
        pa: PhysAddr,
        /// The words before.
        old: Words,
        /// The words after.
        new: Words,
    },
    /// Bytes of data were written, within one page.
    Data {
        /// Where.
        pa: PhysAddr,
        /// How many bytes.
        bytes: u32,
        /// What was there.
        old: Chunk,
        /// What is there now.
        new: Chunk,
    },
    /// Bytes of data were read, within one page.
    Load {
        /// Where.
        pa: PhysAddr,
        /// How many bytes.
        bytes: u32,
        /// The first up to eight bytes, little-endian.
        value: u64,
    },
    /// A cache was asked or changed.
    Cache {
        /// Which.
        cache: &'static CacheType,
        /// What happened.
        op: CacheOp,
        /// Which slot of it (0 for a miss).
        slot: u32,
        /// Its tag and contents.
        line: CacheLine,
    },
    /// An address went through a window with an offset, or met none.
    Window {
        /// The window's name.
        name: NameId,
        /// The address before.
        from: AnyAddr,
        /// The address after; the same as `from` when no window matched and the access ends here.
        to: AnyAddr,
        /// Did a window match?
        hit: bool,
    },
    /// A packet crossed a link. The header is kept as its double words, as on the wire.
    Packet {
        /// Which way.
        hop: Hop,
        /// The port or device it leaves from.
        from: NameId,
        /// The port or device it arrives at.
        to: NameId,
        /// Header double words (3 or 4; a prefix is apart).
        header: [u32; 4],
        /// How many of them count.
        dwords: u8,
        /// The PASID TLP prefix, if there is one.
        prefix: Option<u32>,
        /// Bytes of payload.
        payload: u32,
    },
    /// A rule was checked.
    Check {
        /// The rule.
        rule: &'static Rule,
        /// Did it hold?
        ok: bool,
        /// The value it was held against.
        value: u64,
    },
    /// A fault was found.
    Fault {
        /// The architecture's code.
        code: &'static FaultCode,
        /// The requester, when a device caused it.
        requester: Option<RequesterId>,
        /// The PASID, if the request carried one.
        pasid: Option<Pasid>,
        /// The faulting address.
        at: AnyAddr,
        /// What the access needed.
        want: Perms,
        /// What became of its record.
        recorded: Recorded,
    },
    /// A register was read or written.
    Register {
        /// Which.
        register: &'static Register,
        /// Offset from the register base, in bytes.
        offset: u32,
        /// Its value before.
        old: u64,
        /// Its value after; the same when read.
        new: u64,
        /// Was it written?
        write: bool,
    },
    /// An interrupt reached a CPU, or was refused.
    Interrupt {
        /// The vector, or interrupt identity.
        vector: u32,
        /// Destination: APIC id, or hart and interrupt file.
        destination: u32,
        /// How it got there.
        kind: InterruptKind,
    },
    /// A plain statement, in the words of the room that made it.
    Note {
        /// English.
        en: NameId,
        /// 中文.
        zh: NameId,
    },
    /// A counted cost: an exit from a guest, a copy of bytes by a CPU.
    Cost {
        /// What is counted.
        kind: CostKind,
        /// How much.
        amount: u64,
    },
    /// A piece of memory changed hands: the lanes are drawn from these.
    Owner {
        /// The buffer.
        buffer: NameId,
        /// Its state from now on.
        state: OwnerState,
    },
}

/// What became of the record of a fault.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Recorded {
    /// Written to this fault recording register or queue slot.
    At(u32),
    /// Not kept, because the register or queue was full: overflow is set.
    Overflow,
    /// Folded into an earlier record of the same source.
    Compressed,
    /// Not recorded, because the tables or the request say so (FPD, DTF, ATS).
    Suppressed,
    /// This kind of fault has no record.
    None,
}

/// How an interrupt was delivered.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum InterruptKind {
    /// As the device wrote it.
    Direct,
    /// As the remapping table says.
    Remapped,
    /// Posted to a running guest.
    Posted,
    /// Not delivered.
    Blocked,
}

/// What is counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, PartialOrd, Ord)]
pub enum CostKind {
    /// A guest left to the host.
    Exit,
    /// Bytes copied by a CPU.
    CopiedBytes,
    /// Bytes of cache lines written back or invalidated.
    SyncedBytes,
}

/// Who may touch a buffer, and what else holds on to it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, PartialOrd, Ord)]
pub enum OwnerState {
    /// Allocated; the CPU owns it.
    Cpu,
    /// Mapped for DMA; the device owns it.
    Device,
    /// Both may touch it (coherent allocation).
    Both,
    /// A bounce copy stands in for it.
    Bounced,
    /// Unmapped, but a translation of it may still be cached.
    StaleCached,
    /// The CPU holds newer bytes in a dirty cache line.
    DirtyLine,
    /// Freed.
    Freed,
}

/// One step: who did what, how deep in the scopes.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Step {
    /// How many scopes it is inside.
    pub depth: u8,
    /// Who.
    pub actor: Actor,
    /// What.
    pub event: Event,
}

/// Hears every step. Code that acts is generic over it, so that [`Off`] compiles to nothing.
pub trait Observer {
    /// Whether steps are heard at all: skip the work of describing them where this is `false`.
    const ON: bool;
    /// Hears one step.
    fn step(&mut self, actor: Actor, event: Event);
    /// Keeps words for a step that will name them.
    fn words(&mut self, words: &[u64]) -> Words;
    /// Keeps bytes for a step that will name them.
    fn bytes(&mut self, bytes: &[u8]) -> u32;
    /// Keeps a string for a step that will name it.
    fn name(&mut self, name: &str) -> NameId;

    /// Opens a scope.
    fn begin(&mut self, actor: Actor, scope: Scope) {
        if Self::ON {
            self.step(actor, Event::Begin(scope));
        }
    }
    /// Closes the innermost scope.
    fn end(&mut self, actor: Actor, verdict: Verdict) {
        if Self::ON {
            self.step(actor, Event::End(verdict));
        }
    }
}

/// Hears nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Off;

impl Observer for Off {
    const ON: bool = false;
    fn step(&mut self, _: Actor, _: Event) {}
    fn words(&mut self, _: &[u64]) -> Words {
        Words::default()
    }
    fn bytes(&mut self, _: &[u8]) -> u32 {
        0
    }
    fn name(&mut self, _: &str) -> NameId {
        NameId(0)
    }
}

/// Keeps every step.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    steps: Vec<Step>,
    words: Vec<u64>,
    bytes: Vec<u8>,
    names: Vec<String>,
    by_name: BTreeMap<String, NameId>,
    depth: u8,
    limit: usize,
    lost: bool,
}

impl Trace {
    /// The limit of steps of a new trace.
    pub const DEFAULT_LIMIT: usize = 2_000_000;

    /// An empty trace.
    pub fn new() -> Self {
        Trace { limit: Self::DEFAULT_LIMIT, ..Trace::default() }
    }
    /// An empty trace that keeps at most `limit` steps.
    pub fn with_limit(limit: usize) -> Self {
        Trace { limit, ..Trace::default() }
    }
    /// All steps, in order.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }
    /// How many steps there are.
    pub fn len(&self) -> usize {
        self.steps.len()
    }
    /// Is there no step?
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }
    /// Were steps dropped because the limit was reached?
    pub fn lost_steps(&self) -> bool {
        self.lost
    }
    /// Forgets all steps but keeps the room they took, so that a reused trace allocates nothing.
    pub fn clear(&mut self) {
        self.steps.clear();
        self.words.clear();
        self.bytes.clear();
        self.depth = 0;
        self.lost = false;
    }
    /// The words that a step names.
    pub fn get_words(&self, words: Words) -> &[u64] {
        let start = words.start as usize;
        self.words.get(start..start + words.len as usize).unwrap_or(&[])
    }
    /// `len` bytes that a step names.
    pub fn get_bytes(&self, start: u32, len: usize) -> &[u8] {
        self.bytes.get(start as usize..start as usize + len).unwrap_or(&[])
    }
    /// The string that a step names.
    pub fn get_name(&self, name: NameId) -> &str {
        self.names.get(name.0 as usize).map_or("", String::as_str)
    }

    /// Brings `memory` from the state after step `from` (as a count of steps done) to the state after `to`.
    pub fn seek(&self, memory: &mut Memory, from: usize, to: usize) {
        let (from, to) = (from.min(self.len()), to.min(self.len()));
        if to >= from {
            for step in &self.steps[from..to] {
                self.apply(memory, step, true);
            }
        } else {
            for step in self.steps[to..from].iter().rev() {
                self.apply(memory, step, false);
            }
        }
    }

    /// Redoes (`forward`) or undoes the change of memory that `step` made, if it made one.
    pub fn apply(&self, memory: &mut Memory, step: &Step, forward: bool) {
        // Nothing here can fail: the machine made the same change within the limits before.
        match step.event {
            Event::Write { pa, old, new, .. } => {
                let _ = memory.write_u64(pa, if forward { new } else { old });
            }
            Event::WriteRun { pa, old, new, .. } => {
                for (i, &word) in self.get_words(if forward { new } else { old }).iter().enumerate() {
                    let _ = memory.write_u64(pa.wrapping_add(i as u64 * 8), word);
                }
            }
            Event::Data { pa, bytes, old, new } => match if forward { new } else { old } {
                Chunk::Frame(frame) => memory.place_frame(pa, frame),
                Chunk::Bytes(start) => {
                    let _ = memory.write_bytes(pa, self.get_bytes(start, bytes as usize));
                }
            },
            _ => {}
        }
    }
}

impl Observer for Trace {
    const ON: bool = true;

    fn step(&mut self, actor: Actor, event: Event) {
        if let Event::End(_) = event {
            self.depth = self.depth.saturating_sub(1);
        }
        if self.steps.len() < self.limit {
            self.steps.push(Step { depth: self.depth, actor, event });
        } else {
            self.lost = true;
        }
        if let Event::Begin(_) = event {
            self.depth = self.depth.saturating_add(1);
        }
    }

    fn words(&mut self, words: &[u64]) -> Words {
        if self.steps.len() >= self.limit {
            return Words::default();
        }
        let start = self.words.len() as u32;
        self.words.extend_from_slice(words);
        Words { start, len: words.len() as u16 }
    }

    fn bytes(&mut self, bytes: &[u8]) -> u32 {
        if self.steps.len() >= self.limit {
            return 0;
        }
        let start = self.bytes.len() as u32;
        self.bytes.extend_from_slice(bytes);
        start
    }

    fn name(&mut self, name: &str) -> NameId {
        if let Some(&id) = self.by_name.get(name) {
            return id;
        }
        let id = NameId(self.names.len() as u32);
        self.names.push(name.into());
        self.by_name.insert(name.into(), id);
        id
    }
}

impl<O: Observer> Observer for &mut O {
    const ON: bool = O::ON;
    fn step(&mut self, actor: Actor, event: Event) {
        (**self).step(actor, event);
    }
    fn words(&mut self, words: &[u64]) -> Words {
        (**self).words(words)
    }
    fn bytes(&mut self, bytes: &[u8]) -> u32 {
        (**self).bytes(bytes)
    }
    fn name(&mut self, name: &str) -> NameId {
        (**self).name(name)
    }
}

/// Writes a word and tells it. Returns the word before.
pub fn write_word<O: Observer>(
    memory: &mut Memory,
    obs: &mut O,
    actor: Actor,
    entry: Option<&'static EntryType>,
    pa: PhysAddr,
    new: u64,
) -> Result<u64, MemError> {
    let old = memory.write_u64(pa, new)?;
    if O::ON {
        obs.step(actor, Event::Write { entry, pa: PhysAddr::new(pa.raw() & !7), old, new });
    }
    Ok(old)
}

/// Writes a run of words (entries of one table, or one structure of several words) and tells it as one step.
pub fn write_run<O: Observer>(
    memory: &mut Memory,
    obs: &mut O,
    actor: Actor,
    entry: &'static EntryType,
    pa: PhysAddr,
    words: &[u64],
) -> Result<(), MemError> {
    let mut before = [0; 512];
    // A table has 512 entries; longer runs are told in pieces.
    for (piece, part) in words.chunks(before.len()).enumerate() {
        let base = pa.wrapping_add(piece as u64 * FRAME);
        for (i, &word) in part.iter().enumerate() {
            before[i] = memory.write_u64(base.wrapping_add(i as u64 * 8), word)?;
        }
        if O::ON {
            let (old, new) = (obs.words(&before[..part.len()]), obs.words(part));
            obs.step(actor, Event::WriteRun { entry, pa: base, old, new });
        }
    }
    Ok(())
}

/// Writes bytes of data and tells them, one step for each page touched.
pub fn write_data<O: Observer>(
    memory: &mut Memory,
    obs: &mut O,
    actor: Actor,
    pa: PhysAddr,
    bytes: &[u8],
) -> Result<(), MemError> {
    let mut done = 0;
    while done < bytes.len() {
        let at = pa.wrapping_add(done as u64);
        let n = ((FRAME - at.raw() % FRAME) as usize).min(bytes.len() - done);
        let part = &bytes[done..done + n];
        if !O::ON {
            memory.write_bytes(at, part)?;
        } else if n == FRAME as usize {
            let old = Chunk::Frame(memory.frame_at(at));
            memory.write_bytes(at, part)?;
            let new = Chunk::Frame(memory.frame_at(at));
            obs.step(actor, Event::Data { pa: at, bytes: n as u32, old, new });
        } else {
            let mut before = vec![0; n];
            memory.peek_bytes(at, &mut before);
            memory.write_bytes(at, part)?;
            let (old, new) = (Chunk::Bytes(obs.bytes(&before)), Chunk::Bytes(obs.bytes(part)));
            obs.step(actor, Event::Data { pa: at, bytes: n as u32, old, new });
        }
        done += n;
    }
    Ok(())
}

/// Reads bytes of data and tells it, one step for each page touched.
pub fn read_data<O: Observer>(
    memory: &Memory,
    obs: &mut O,
    actor: Actor,
    pa: PhysAddr,
    out: &mut [u8],
) -> Result<(), MemError> {
    let mut done = 0;
    while done < out.len() {
        let at = pa.wrapping_add(done as u64);
        let n = ((FRAME - at.raw() % FRAME) as usize).min(out.len() - done);
        memory.read_bytes(at, &mut out[done..done + n])?;
        if O::ON {
            let mut first = [0; 8];
            let k = n.min(8);
            first[..k].copy_from_slice(&out[done..done + k]);
            obs.step(actor, Event::Load { pa: at, bytes: n as u32, value: u64::from_le_bytes(first) });
        }
        done += n;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn undoing_and_redoing_steps_moves_memory_in_time(
            ops in proptest::collection::vec((0u64..0x4000, proptest::collection::vec(any::<u8>(), 1..9000)), 1..12),
            to in 0usize..40,
        ) {
            let mut memory = Memory::new();
            let mut trace = Trace::new();
            let mut states = vec![];
            let look = |m: &Memory| { let mut b = vec![0; 0x8000]; m.peek_bytes(PhysAddr::new(0), &mut b); b };
            states.push((0, look(&memory)));
            for (at, bytes) in &ops {
                if bytes.len() < 100 {
                    write_word(&mut memory, &mut trace, Actor::Os, None, PhysAddr::new(*at & !7), 0x55aa).unwrap();
                } else {
                    write_data(&mut memory, &mut trace, Actor::Os, PhysAddr::new(*at), bytes).unwrap();
                }
                states.push((trace.len(), look(&memory)));
            }
            let (count, want) = &states[to % states.len()];
            let end = trace.len();
            trace.seek(&mut memory, end, *count);
            prop_assert_eq!(&look(&memory), want);
            trace.seek(&mut memory, *count, end);
            prop_assert_eq!(&look(&memory), &states.last().unwrap().1);
        }
    }

    #[test]
    fn scopes_nest_and_the_limit_loses_steps_loudly() {
        let mut t = Trace::with_limit(3);
        let op = Scope::Operation { index: 0, line: 1 };
        t.begin(Actor::Os, op);
        t.step(Actor::Os, Event::Cost { kind: CostKind::Exit, amount: 1 });
        t.end(Actor::Os, Verdict::Ok);
        assert_eq!(t.steps().iter().map(|s| s.depth).collect::<Vec<_>>(), [0, 1, 0]);
        assert!(!t.lost_steps());
        t.begin(Actor::Os, op);
        assert!(t.lost_steps());
    }

    #[test]
    fn a_step_stays_small() {
        assert!(core::mem::size_of::<Step>() <= 104, "{}", core::mem::size_of::<Step>());
    }
}
