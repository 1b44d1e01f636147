//! Transaction layer packets, to the bit (PCIe 6.0 section 2.2, non-flit mode).
//!
//! A header is three or four double words, as on the wire: byte 0 is bits 31:24 of the first. A PASID travels
//! in an end-end TLP prefix, one double word before the header (section 6.20).

use crate::addr::{BusAddr, Pasid, RequesterId};
use core::fmt;

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
    /// Who asked: the requester, also in a completion. 16 bits travel; the segment does not.
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

/// A header as it travels.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Header {
    /// The double words; the fourth is 0 when there are three.
    pub dw: [u32; 4],
    /// 3 or 4.
    pub len: u8,
    /// The PASID prefix.
    pub prefix: Option<u32>,
}

/// Why double words are not a packet of this model.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TlpError {
    /// Fmt and Type name no packet handled here: the first byte.
    Type(u8),
    /// A reserved code in a field: the field's name and value.
    Field(&'static str, u32),
    /// The prefix is not a PASID prefix.
    Prefix(u32),
}

impl fmt::Display for TlpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TlpError::Type(byte) => write!(f, "Fmt/Type {byte:#04x} is no packet handled here"),
            TlpError::Field(name, value) => write!(f, "{name} has the reserved value {value:#x}"),
            TlpError::Prefix(dw) => write!(f, "{dw:#010x} is not a PASID prefix"),
        }
    }
}

const PASID_PREFIX: u32 = 0x91;

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

    /// The header's bits. Values too wide for their fields lose their upper bits.
    pub fn encode(&self) -> Header {
        let tag = u32::from(self.tag);
        // T9 is bit 23, T8 bit 19 of the first double word (10-bit tags, section 2.2.6.2).
        let mut dw0 = u32::from(self.class & 7) << 20
            | (tag >> 9 & 1) << 23
            | (tag >> 8 & 1) << 19
            | u32::from(self.attr >> 2 & 1) << 18
            | u32::from(self.poisoned) << 14
            | u32::from(self.attr & 3) << 12;
        let request = |be: u32| u32::from(self.requester.bdf16()) << 16 | (tag & 0xff) << 8 | be;
        let one = |first: u8| request(u32::from(first & 0xf));
        let mut dw = [0; 4];
        let len;
        match self.body {
            Body::Memory { write, address, kind, dwords, first_be, last_be, no_write } => {
                let wide = address.raw() >> 32 != 0;
                len = if wide { 4 } else { 3 };
                dw0 |= u32::from(write) << 30 | u32::from(wide) << 29 | kind.bits() << 10 | length(dwords);
                dw[1] = request(u32::from(last_be & 0xf) << 4 | u32::from(first_be & 0xf));
                // Bit 0 of the address word is NW in a translation request (section 10.2.2).
                let low = address.raw() as u32 & !3 | u32::from(no_write);
                if wide {
                    (dw[2], dw[3]) = ((address.raw() >> 32) as u32, low);
                } else {
                    dw[2] = low;
                }
            }
            Body::Io { write, address, first_be } => {
                len = 3;
                dw0 |= u32::from(write) << 30 | 0b00010 << 24 | 1;
                (dw[1], dw[2]) = (one(first_be), address & !3);
            }
            Body::Config { write, forwarded, target, register, first_be } => {
                len = 3;
                dw0 |= u32::from(write) << 30 | (0b00100 | u32::from(forwarded)) << 24 | 1;
                dw[1] = one(first_be);
                dw[2] = u32::from(target.bdf16()) << 16 | u32::from(register) & 0xffc;
            }
            Body::Completion { completer, status, byte_count, lower_address, dwords } => {
                len = 3;
                dw0 |= u32::from(dwords > 0) << 30 | 0b01010 << 24;
                dw0 |= if dwords > 0 { length(dwords) } else { 0 };
                dw[1] =
                    u32::from(completer.bdf16()) << 16 | status.bits() << 13 | u32::from(byte_count) & 0xfff;
                dw[2] = request(0) & !0xff | u32::from(lower_address & 0x7f);
            }
            Body::Message { routing, code, words, dwords } => {
                len = 4;
                let (way, target) = match routing {
                    Routing::RootComplex => (0, None),
                    Routing::Id(id) => (2, Some(id)),
                    Routing::Local => (4, None),
                };
                dw0 |= u32::from(dwords > 0) << 30 | 1 << 29 | (0b10000 | way) << 24;
                dw0 |= if dwords > 0 { length(dwords) } else { 0 };
                dw[1] = request(u32::from(code));
                dw[2] = target.map_or(words[0], |id| u32::from(id.bdf16()) << 16 | words[0] & 0xffff);
                dw[3] = words[1];
            }
        }
        dw[0] = dw0;
        let prefix = self.pasid.map(|p| {
            PASID_PREFIX << 24
                | u32::from(p.privileged) << 21
                | u32::from(p.execute) << 20
                | p.pasid.raw() & Pasid::MAX
        });
        Header { dw, len, prefix }
    }

    /// Reads a header back.
    pub fn decode(header: &Header) -> Result<Self, TlpError> {
        let dw = header.dw;
        let kind = dw[0] >> 24;
        let (data, wide) = (kind & 0x40 != 0, kind & 0x20 != 0);
        let dwords = match dw[0] & 0x3ff {
            0 => MAX_DWORDS,
            n => n as u16,
        };
        let be = |shift: u32| (dw[1] >> shift & 0xf) as u8;
        let id = |bits: u32| RequesterId::new(bits >> 16);
        let carried = if data { dwords } else { 0 };
        let mut requester = id(dw[1]);
        let mut low_tag = dw[1] >> 8 & 0xff;
        let body = match kind & 0x1f {
            0 if kind & 0x80 == 0 => {
                let low = if wide { dw[3] } else { dw[2] };
                let high = if wide { dw[2] } else { 0 };
                let kind = match dw[0] >> 10 & 3 {
                    0 => AddressType::Untranslated,
                    1 => AddressType::TranslationRequest,
                    2 => AddressType::Translated,
                    other => return Err(TlpError::Field("AT", other)),
                };
                Body::Memory {
                    write: data,
                    address: BusAddr::new(u64::from(high) << 32 | u64::from(low & !3)),
                    kind,
                    dwords,
                    first_be: be(0),
                    last_be: be(4),
                    no_write: kind == AddressType::TranslationRequest && low & 1 != 0,
                }
            }
            0b00010 if kind & 0xa0 == 0 => Body::Io { write: data, address: dw[2] & !3, first_be: be(0) },
            t @ (0b00100 | 0b00101) if kind & 0xa0 == 0 => Body::Config {
                write: data,
                forwarded: t & 1 != 0,
                target: id(dw[2]),
                register: (dw[2] & 0xffc) as u16,
                first_be: be(0),
            },
            0b01010 if kind & 0xa0 == 0 => {
                requester = id(dw[2]);
                low_tag = dw[2] >> 8 & 0xff;
                let status = match dw[1] >> 13 & 7 {
                    0 => Status::Success,
                    1 => Status::UnsupportedRequest,
                    2 => Status::Retry,
                    4 => Status::CompleterAbort,
                    other => return Err(TlpError::Field("completion status", other)),
                };
                let byte_count = match dw[1] & 0xfff {
                    0 => 4096,
                    n => n as u16,
                };
                let lower_address = (dw[2] & 0x7f) as u8;
                Body::Completion { completer: id(dw[1]), status, byte_count, lower_address, dwords: carried }
            }
            t @ 0b10000..=0b10111 if kind & 0xa0 == 0x20 => {
                let (routing, words) = match t & 7 {
                    0 => (Routing::RootComplex, [dw[2], dw[3]]),
                    2 => (Routing::Id(id(dw[2])), [dw[2] & 0xffff, dw[3]]),
                    4 => (Routing::Local, [dw[2], dw[3]]),
                    other => return Err(TlpError::Field("message routing", other)),
                };
                Body::Message { routing, code: dw[1] as u8, words, dwords: carried }
            }
            _ => return Err(TlpError::Type(kind as u8)),
        };
        let pasid = match header.prefix {
            None => None,
            Some(prefix) if prefix >> 24 == PASID_PREFIX => Pasid::new(prefix & Pasid::MAX).map(|pasid| {
                PasidPrefix { pasid, privileged: prefix >> 21 & 1 != 0, execute: prefix >> 20 & 1 != 0 }
            }),
            Some(other) => return Err(TlpError::Prefix(other)),
        };
        Ok(Tlp {
            body,
            requester,
            tag: ((dw[0] >> 23 & 1) << 9 | (dw[0] >> 19 & 1) << 8 | low_tag) as u16,
            class: (dw[0] >> 20 & 7) as u8,
            attr: ((dw[0] >> 18 & 1) << 2 | dw[0] >> 12 & 3) as u8,
            poisoned: dw[0] >> 14 & 1 != 0,
            pasid,
        })
    }
}

/// The Length field: 1024 is written as 0.
const fn length(dwords: u16) -> u32 {
    (dwords & 0x3ff) as u32
}

fn byte_enables(offset: u16, bytes: u8) -> u8 {
    let wanted = (1u16 << bytes.clamp(1, 4)) - 1;
    (wanted << (offset & 3) & 0xf) as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_headers() {
        let nic = RequesterId::bdf(1, 0, 0);
        // A 4-byte write of an MSI to 0xfee00000.
        let msi = Tlp::memory(nic, 0, true, BusAddr::new(0xfee0_0000), 4).encode();
        assert_eq!((msi.dw, msi.len), ([0x4000_0001, 0x0100_000f, 0xfee0_0000, 0], 3));
        // A 128-byte read above 4 GiB: four double words.
        let read = Tlp::memory(nic, 7, false, BusAddr::new(0x1_0000_1000), 128).encode();
        assert_eq!((read.dw, read.len), ([0x2000_0020, 0x0100_07ff, 1, 0x1000], 4));
        let tag = PasidPrefix { pasid: Pasid::new(7).unwrap(), privileged: true, execute: false };
        let with = Tlp::memory(nic, 0, false, BusAddr::new(0), 4).with_pasid(Some(tag)).encode();
        assert_eq!(with.prefix, Some(0x9120_0007));
        // A completion with 4 bytes of data.
        let read = Tlp::memory(nic, 3, false, BusAddr::new(0x1004), 4);
        let done = read.completion(RequesterId::default(), Status::Success, 4, 4, 0).encode();
        assert_eq!(done.dw, [0x4a00_0001, 0x0000_0004, 0x0100_0304, 0]);
        let ur = read.completion(RequesterId::default(), Status::UnsupportedRequest, 4, 4, 0).encode();
        assert_eq!(ur.dw, [0x0a00_0000, 0x0000_2004, 0x0100_0304, 0]);
        // Reading the vendor id of 00:03.0, and writing one byte of an I/O port.
        let cfg = Tlp::config(RequesterId::default(), 0, false, RequesterId::bdf(0, 3, 0), 0, 2, false);
        assert_eq!(cfg.encode().dw, [0x0400_0001, 0x0000_0003, 0x0018_0000, 0]);
        let io = Tlp::io(RequesterId::default(), 0, true, 0xc001, 1);
        assert_eq!(io.encode().dw, [0x4200_0001, 0x0000_0002, 0xc000, 0]);
    }

    #[test]
    fn a_full_page_is_length_zero_on_the_wire() {
        let t = Tlp::memory(RequesterId::default(), 0, true, BusAddr::new(0x1000), 4096);
        assert_eq!(t.encode().dw[0] & 0x3ff, 0);
        assert_eq!(t.span(), Some((0x1000, 4096)));
        assert_eq!(Tlp::decode(&t.encode()), Ok(t));
    }

    #[test]
    fn reserved_codes_are_refused() {
        let header = |dw0, dw1| Header { dw: [dw0, dw1, 0, 0], len: 3, prefix: None };
        assert_eq!(Tlp::decode(&header(0x1f00_0000, 0)), Err(TlpError::Type(0x1f)));
        assert_eq!(Tlp::decode(&header(0xc00, 0)), Err(TlpError::Field("AT", 3)));
        assert_eq!(Tlp::decode(&header(0x0a00_0000, 0x6000)), Err(TlpError::Field("completion status", 3)));
        let prefix = Header { prefix: Some(0x9000_0000), ..header(0, 0xf) };
        assert_eq!(Tlp::decode(&prefix), Err(TlpError::Prefix(0x9000_0000)));
    }

    fn body() -> impl Strategy<Value = Body> {
        let id = || any::<u16>().prop_map(|v| RequesterId::new(v.into()));
        let kinds = prop_oneof![
            Just(AddressType::Untranslated),
            Just(AddressType::TranslationRequest),
            Just(AddressType::Translated)
        ];
        let statuses = prop_oneof![
            Just(Status::Success),
            Just(Status::UnsupportedRequest),
            Just(Status::Retry),
            Just(Status::CompleterAbort)
        ];
        let ways = prop_oneof![Just(Routing::RootComplex), id().prop_map(Routing::Id), Just(Routing::Local)];
        prop_oneof![
            (any::<bool>(), any::<u64>(), kinds, 1..=1024u16, 0..16u8, 0..16u8, any::<bool>()).prop_map(
                |(write, address, kind, dwords, first_be, last_be, nw)| Body::Memory {
                    write,
                    address: BusAddr::new(address & !3),
                    kind,
                    dwords,
                    first_be,
                    last_be,
                    no_write: nw && kind == AddressType::TranslationRequest,
                }
            ),
            (any::<bool>(), any::<u32>(), 0..16u8).prop_map(|(write, a, first_be)| Body::Io {
                write,
                address: a & !3,
                first_be
            }),
            (any::<bool>(), any::<bool>(), id(), 0..0x400u16, 0..16u8).prop_map(
                |(write, forwarded, target, r, first_be)| Body::Config {
                    write,
                    forwarded,
                    target,
                    register: r * 4,
                    first_be
                }
            ),
            (id(), statuses, 1..=4096u16, 0..128u8, 0..=1024u16).prop_map(
                |(completer, status, byte_count, lower_address, dwords)| Body::Completion {
                    completer,
                    status,
                    byte_count,
                    lower_address,
                    dwords
                }
            ),
            (ways, any::<u8>(), any::<[u32; 2]>(), 0..=1024u16).prop_map(
                |(routing, code, mut words, dwords)| {
                    if matches!(routing, Routing::Id(_)) {
                        words[0] &= 0xffff;
                    }
                    Body::Message { routing, code, words, dwords }
                }
            ),
        ]
    }

    proptest! {
        #[test]
        fn encode_then_decode_is_the_identity(
            body in body(), requester: u16, tag in 0..1024u16, class in 0..8u8, attr in 0..8u8,
            poisoned: bool, pasid in proptest::option::of((0..=Pasid::MAX, any::<bool>(), any::<bool>())),
        ) {
            let pasid = pasid.map(|(p, privileged, execute)| PasidPrefix {
                pasid: Pasid::new(p).unwrap(), privileged, execute,
            });
            let requester = RequesterId::new(requester.into());
            let tlp = Tlp { body, requester, tag, class, attr, poisoned, pasid };
            prop_assert_eq!(Tlp::decode(&tlp.encode()), Ok(tlp));
        }

        #[test]
        fn decode_never_panics(dw: [u32; 4], len in 3..5u8, prefix: Option<u32>) {
            let _ = Tlp::decode(&Header { dw, len, prefix });
        }

        /// Byte enables name exactly the bytes asked for.
        #[test]
        fn byte_enables_cover_the_bytes(at in 0u64..1 << 40, bytes in 1u32..4000) {
            let tlp = Tlp::memory(RequesterId::default(), 0, true, BusAddr::new(at), bytes);
            prop_assert_eq!(tlp.span(), Some((at, bytes)));
            if let Body::Memory { dwords, first_be, last_be, .. } = tlp.body {
                prop_assert!(first_be != 0 && (dwords == 1) == (last_be == 0));
            }
        }
    }
}
