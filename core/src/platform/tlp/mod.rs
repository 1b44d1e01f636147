//! Transaction layer packets, to the bit (PCIe 6.0 section 2.2, non-flit mode).
//!
//! A header is three or four double words, as on the wire: byte 0 is bits 31:24 of the first. A PASID travels
//! in an end-end TLP prefix, one double word before the header (section 6.20).

mod wire;

#[cfg(test)]
mod tests;

pub use wire::{Header, TlpError};

use crate::addr::{BusAddr, Pasid, RequesterId};

/// The most double words of payload that a header can name.
pub const MAX_DWORDS: u16 = 1024;

/// The AT field of a memory request (section 10.2.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum AddressType {
    /// 00: to be translated.
    #[default]
    Untranslated,
    /// 01: an ATS translation request.
    TranslationRequest,
    /// 10: translated before, by ATS.
    Translated,
}

impl AddressType {
    const fn bits(self) -> u32 {
        match self {
            AddressType::Untranslated => 0,
            AddressType::TranslationRequest => 1,
            AddressType::Translated => 2,
        }
    }
}

/// What an end-end TLP prefix of type PASID says (section 6.20).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PasidPrefix {
    /// The PASID.
    pub pasid: Pasid,
    /// Privileged Mode Requested.
    pub privileged: bool,
    /// Execute Requested (meaningful on reads).
    pub execute: bool,
}

/// The status of a completion (section 2.2.9.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Status {
    /// 000, SC: successful completion.
    #[default]
    Success,
    /// 001, UR: unsupported request.
    UnsupportedRequest,
    /// 010, RRS: request retry (CRS before PCIe 6.0).
    Retry,
    /// 100, CA: completer abort.
    CompleterAbort,
}

impl Status {
    /// The three bits.
    pub const fn bits(self) -> u32 {
        match self {
            Status::Success => 0,
            Status::UnsupportedRequest => 1,
            Status::Retry => 2,
            Status::CompleterAbort => 4,
        }
    }
    /// The abbreviation that analysers use.
    pub const fn name(self) -> &'static str {
        match self {
            Status::Success => "SC",
            Status::UnsupportedRequest => "UR",
            Status::Retry => "RRS",
            Status::CompleterAbort => "CA",
        }
    }
}

/// How a message finds its way (section 2.2.8).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Routing {
    /// 000: to the root complex.
    RootComplex,
    /// 010: by requester id.
    Id(RequesterId),
    /// 100: to the other end of the link.
    Local,
}

/// Message codes used here (sections 10.3 and 10.4).
pub mod message {
    /// ATS invalidate request: to a device, with data.
    pub const INVALIDATE_REQUEST: u8 = 0x01;
    /// ATS invalidate completion: to the root complex.
    pub const INVALIDATE_COMPLETION: u8 = 0x02;
    /// Page request: to the root complex.
    pub const PAGE_REQUEST: u8 = 0x04;
    /// Page request group response: to a device.
    pub const PAGE_RESPONSE: u8 = 0x05;
}

/// What a packet is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Body {
    /// A memory read or write; which one, its type says. Naturally the address is that of the first
    /// enabled byte's double word.
    Memory {
        /// A write, with payload.
        write: bool,
        /// The address of the first double word; bits 1:0 are 0.
        address: BusAddr,
        /// The AT field.
        kind: AddressType,
        /// Double words, 1..=1024.
        dwords: u16,
        /// Enabled bytes of the first double word.
        first_be: u8,
        /// Enabled bytes of the last double word; 0 when there is only one.
        last_be: u8,
        /// NW, of a translation request: the device does not ask for write permission.
        no_write: bool,
    },
    /// An I/O read or write of one double word.
    Io {
        /// A write.
        write: bool,
        /// The port's double word; bits 1:0 are 0.
        address: u32,
        /// Enabled bytes.
        first_be: u8,
    },
    /// A configuration read or write of one double word.
    Config {
        /// A write.
        write: bool,
        /// Type 1: still to be forwarded by a bridge. Type 0: for this bus.
        forwarded: bool,
        /// Whose configuration space.
        target: RequesterId,
        /// Byte offset of the double word, 0..=0xffc.
        register: u16,
        /// Enabled bytes.
        first_be: u8,
    },
    /// A completion, with data when `dwords` is not 0.
    Completion {
        /// Who completes.
        completer: RequesterId,
        /// How.
        status: Status,
        /// Bytes that remain for the request, this packet's included, 1..=4096.
        byte_count: u16,
        /// Low seven bits of the address of the first byte.
        lower_address: u8,
        /// Double words of data, 0..=1024.
        dwords: u16,
    },
    /// A message.
    Message {
        /// Its way.
        routing: Routing,
        /// Its code.
        code: u8,
        /// The third and fourth double words; the third's upper half is the target of a message by id.
        words: [u32; 2],
        /// Double words of payload, 0..=1024.
        dwords: u16,
    },
}

/// A packet's header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Tlp {
    /// What it is.
    pub body: Body,
    /// The requester, also in a completion. 16 bits travel; the segment does not.
    pub requester: RequesterId,
    /// The tag, 10 bits.
    pub tag: u16,
    /// Traffic class, 0..=7.
    pub class: u8,
    /// Attr: bit 0 no snoop, bit 1 relaxed ordering, bit 2 id-based ordering.
    pub attr: u8,
    /// EP: the payload is poisoned.
    pub poisoned: bool,
    /// The PASID prefix.
    pub pasid: Option<PasidPrefix>,
}

/// No snoop, in [`Tlp::attr`].
pub const NO_SNOOP: u8 = 1;
/// Relaxed ordering, in [`Tlp::attr`].
pub const RELAXED_ORDERING: u8 = 2;

impl Tlp {
    /// A memory request for `bytes` bytes at `at`, which may be any address: whole double words with the byte
    /// enables that select them (section 2.2.5). `bytes` is clamped to 1..=4096 less what alignment takes.
    pub fn memory(requester: RequesterId, tag: u16, write: bool, at: BusAddr, bytes: u32) -> Self {
        let lead = (at.raw() & 3) as u32;
        let bytes = bytes.clamp(1, 4096 - lead);
        let dwords = (lead + bytes).div_ceil(4);
        let first = 0xf << lead & 0xf;
        let tail = (lead + bytes - 1) % 4;
        let last = 0xf >> (3 - tail);
        let (first_be, last_be) = if dwords == 1 { (first & last, 0) } else { (first, last) };
        let body = Body::Memory {
            write,
            address: BusAddr::new(at.raw() & !3),
            kind: AddressType::Untranslated,
            dwords: dwords as u16,
            first_be: first_be as u8,
            last_be: last_be as u8,
            no_write: false,
        };
        Tlp { body, requester, tag, class: 0, attr: 0, poisoned: false, pasid: None }
    }

    /// The packet with another AT field (memory requests; others are as they were). `no_write` counts for a
    /// translation request only.
    pub fn with_kind(mut self, at: AddressType, no_write: bool) -> Self {
        if let Body::Memory { kind, no_write: nw, .. } = &mut self.body {
            *kind = at;
            *nw = no_write && at == AddressType::TranslationRequest;
        }
        self
    }

    /// The packet with a PASID prefix, or without.
    pub fn with_pasid(self, pasid: Option<PasidPrefix>) -> Self {
        Tlp { pasid, ..self }
    }

    /// An I/O access of 1, 2 or 4 bytes inside one double word.
    pub fn io(requester: RequesterId, tag: u16, write: bool, port: u16, bytes: u8) -> Self {
        let body = Body::Io { write, address: u32::from(port) & !3, first_be: byte_enables(port & 3, bytes) };
        Tlp { body, requester, tag, class: 0, attr: 0, poisoned: false, pasid: None }
    }

    /// A configuration access of 1, 2 or 4 bytes inside one double word; `forwarded` makes it type 1.
    pub fn config(
        requester: RequesterId,
        tag: u16,
        write: bool,
        target: RequesterId,
        offset: u16,
        bytes: u8,
        forwarded: bool,
    ) -> Self {
        let body = Body::Config {
            write,
            forwarded,
            target: RequesterId::new(u32::from(target.bdf16())),
            register: offset & 0xffc,
            first_be: byte_enables(offset & 3, bytes),
        };
        Tlp { body, requester, tag, class: 0, attr: 0, poisoned: false, pasid: None }
    }

    /// The completion of this request: `bytes` bytes of data are in this packet, `remain` (these included) are
    /// still to come; `offset` bytes of it came before. Status other than success carries no data.
    pub fn completion(
        &self,
        completer: RequesterId,
        status: Status,
        bytes: u16,
        remain: u16,
        offset: u16,
    ) -> Self {
        let ok = status == Status::Success;
        let (start, data) = match self.body {
            Body::Memory { write: false, address, first_be, .. } => {
                (address.raw() + u64::from(first_be.trailing_zeros().min(3)) + u64::from(offset), true)
            }
            Body::Io { write: false, .. } | Body::Config { write: false, .. } => (0, true),
            _ => (0, false),
        };
        let data = data && ok && bytes > 0;
        let body = Body::Completion {
            completer,
            status,
            byte_count: if matches!(self.body, Body::Memory { .. }) { remain.clamp(1, 4096) } else { 4 },
            lower_address: (start & 0x7f) as u8,
            dwords: if data { ((start as u16 & 3) + bytes).div_ceil(4).clamp(1, MAX_DWORDS) } else { 0 },
        };
        Tlp { body, poisoned: false, pasid: None, ..*self }
    }

    /// Enabled bytes of a memory, I/O or configuration request, counted as the address says: the first byte's
    /// address and how many bytes reach from it to the last enabled one.
    pub fn span(&self) -> Option<(u64, u32)> {
        let (base, first_be, last_be, dwords) = match self.body {
            Body::Memory { address, dwords, first_be, last_be, .. } => {
                (address.raw(), first_be, last_be, dwords)
            }
            Body::Io { address, first_be, .. } => (u64::from(address), first_be, 0, 1),
            Body::Config { register, first_be, .. } => (u64::from(register), first_be, 0, 1),
            _ => return None,
        };
        if first_be == 0 {
            return Some((base, 0));
        }
        let lead = first_be.trailing_zeros();
        let top = |be: u8| 8 - u32::from(be & 0xf).leading_zeros().saturating_sub(24);
        let end = if dwords == 1 { top(first_be) } else { u32::from(dwords - 1) * 4 + top(last_be) };
        Some((base + u64::from(lead), end.saturating_sub(lead)))
    }

    /// The short name that analysers use: `MRd(64)`, `MWr(32)`, `CplD`.
    pub fn name(&self) -> &'static str {
        match self.body {
            Body::Memory { write, address, .. } => match (write, address.raw() >> 32 != 0) {
                (false, false) => "MRd(32)",
                (false, true) => "MRd(64)",
                (true, false) => "MWr(32)",
                (true, true) => "MWr(64)",
            },
            Body::Io { write: false, .. } => "IORd",
            Body::Io { write: true, .. } => "IOWr",
            Body::Config { write: false, forwarded: false, .. } => "CfgRd0",
            Body::Config { write: false, forwarded: true, .. } => "CfgRd1",
            Body::Config { write: true, forwarded: false, .. } => "CfgWr0",
            Body::Config { write: true, forwarded: true, .. } => "CfgWr1",
            Body::Completion { dwords: 0, .. } => "Cpl",
            Body::Completion { .. } => "CplD",
            Body::Message { dwords: 0, .. } => "Msg",
            Body::Message { .. } => "MsgD",
        }
    }

    /// Does the header carry payload after it? In double words.
    pub fn payload_dwords(&self) -> u16 {
        match self.body {
            Body::Memory { write: true, dwords, .. } => dwords,
            Body::Io { write: true, .. } | Body::Config { write: true, .. } => 1,
            Body::Completion { dwords, .. } | Body::Message { dwords, .. } => dwords,
            _ => 0,
        }
    }
}

/// The Length field: 1024 is written as 0.
fn byte_enables(offset: u16, bytes: u8) -> u8 {
    let wanted = (1u16 << bytes.clamp(1, 4)) - 1;
    (wanted << (offset & 3) & 0xf) as u8
}
