//! The smallest things a reader would ask about, and the step that holds one.

use super::terms::*;
use crate::addr::{AnyAddr, BusAddr, Pasid, PhysAddr, RequesterId};
use crate::spec::{EntryType, FaultCode, Register, Rule};

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
    /// Bytes of a device's own memory were written, within one page of it.
    OwnData {
        /// Whose memory.
        device: RequesterId,
        /// Where in it: an offset in bytes, or a register behind a BAR ([`crate::platform::local::scratch`]).
        at: u64,
        /// How many bytes.
        bytes: u32,
        /// What was there.
        old: Chunk,
        /// What is there now.
        new: Chunk,
    },
    /// Bytes of a device's own memory were read, within one page of it.
    OwnLoad {
        /// Whose memory.
        device: RequesterId,
        /// Where in it.
        at: u64,
        /// How many bytes.
        bytes: u32,
        /// The first up to eight bytes, little-endian.
        value: u64,
    },
    /// A cache was looked up or changed.
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
    /// A device has fewer address bits than an address of its: the upper ones never leave it (Linux, core-api/dma-api.rst,
    /// on DMA masks).
    Truncated {
        /// The address that it was given.
        from: BusAddr,
        /// What is left of that.
        to: BusAddr,
        /// How many address bits it has.
        bits: u8,
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
