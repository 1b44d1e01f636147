//! The vocabulary of steps: who acts, on what, and what came of it.

use crate::addr::{AnyAddr, PageSize, Pasid, RequesterId};
use crate::memory::FrameId;
use crate::spec::{EntryType, FaultCode, Rule, Text};

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

impl Perms {
    /// Returns the rights as they are said of a device, which reads and writes: tables that have no third right give all that
    /// may be read for execution too, which nobody wrote there.
    pub const fn of_device(self) -> Perms {
        if self.has(Perms::R) {
            self.and(Perms::RW)
        } else {
            self
        }
    }
    /// Returns the rights in Chinese words: `-w-` says nothing to those who do not know it.
    pub const fn zh(self) -> &'static str {
        match (self.has(Perms::R), self.has(Perms::W), self.has(Perms::X)) {
            (true, true, true) => "可读、写、执行",
            (true, true, false) => "读写",
            (true, false, true) => "可读、执行",
            (false, true, true) => "可写、执行",
            (true, false, false) => "只读",
            (false, true, false) => "只写",
            (false, false, true) => "只可执行",
            (false, false, false) => "不可访问",
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
    pub(super) start: u32,
    pub(super) len: u16,
}

/// What stood in memory before or after a change of data.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Chunk {
    /// Bytes kept by the trace, from here, as many as the change is long.
    Bytes(u32),
    /// A whole frame kept by the memory.
    Frame(FrameId),
}

/// What a CPU calls its second level of translation for guests: EPT, G-stage.
#[derive(PartialEq, Eq, Debug)]
pub struct GuestStage {
    /// Its name, as in a picture.
    pub name: Text,
    /// Its name within a sentence.
    pub in_a_sentence: Text,
}

impl core::hash::Hash for GuestStage {
    fn hash<H: core::hash::Hasher>(&self, state: &mut H) {
        self.name.en.hash(state);
    }
}

/// Which table walk.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Stage {
    /// The CPU's own tables (CR3, satp).
    Cpu,
    /// The CPU's second level for a guest, under the name that it has on this CPU.
    Guest(&'static GuestStage),
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

/// What a group of steps is. A scope is opened by [`Event::Begin`](super::Event::Begin) and closed by
/// [`Event::End`](super::Event::End).
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
        /// How many bits of the address are the index into the first table; 0: the index is no part of an address.
        root_bits: u8,
    },
    /// One command taken from an invalidation or command queue, or one register-based invalidation.
    Command {
        /// The command's structure.
        entry: &'static EntryType,
    },
    /// Setting something up: the text says what.
    Setup {
        /// In English.
        en: NameId,
        /// In Chinese.
        zh: NameId,
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
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "camelCase"))]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(rename_all = "camelCase", rename = "PageCacheOp"))]
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

impl CacheType {
    /// A device's own TLB, as an architecture names it.
    pub const fn device_tlb(en: &'static str, zh: &'static str) -> Self {
        let name = crate::spec::Text::new(en, zh);
        CacheType { kind: CacheKind::DeviceTlb, name, section: "PCIe 10.1" }
    }

    /// What the architecture calls the tags of a process and of a domain or a guest.
    pub fn tags(&self) -> (Text, Text) {
        let same = |word| Text::new(word, word);
        let of = |start| self.section.starts_with(start);
        match self.kind {
            CacheKind::Tlb if of("SDM") => (same("PCID"), same("VPID")),
            CacheKind::Tlb if of("APM") => (same("PCID"), same("ASID")),
            CacheKind::Tlb => (same("ASID"), same("VMID")),
            CacheKind::Iotlb if of("RISC-V") => (same("PSCID"), same("GSCID")),
            CacheKind::Iotlb if of("IHI") => (same("ASID"), same("VMID")),
            _ => (same("PASID"), Text::new("domain", "域")),
        }
    }
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
    /// Stored in a guest's interrupt file in memory (RISC-V's MRIF): it waits there for the hypervisor.
    Stored,
    /// Tells a CPU that something was posted for the guest that it runs, or stored for one.
    Notification,
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
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "camelCase"))]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(rename_all = "camelCase", rename = "PageOwner"))]
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
    #[cfg_attr(feature = "serde", serde(rename = "stale"))]
    #[cfg_attr(feature = "ts", ts(rename = "stale"))]
    StaleCached,
    /// The CPU holds newer bytes in a dirty cache line.
    #[cfg_attr(feature = "serde", serde(rename = "dirty"))]
    #[cfg_attr(feature = "ts", ts(rename = "dirty"))]
    DirtyLine,
    /// Freed.
    Freed,
}
