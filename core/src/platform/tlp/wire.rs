//! A packet's header as the double words on the wire, and back (PCI Express Base Specification, section 2.2).

use super::{AddressType, Body, PasidPrefix, Routing, Status, Tlp, MAX_DWORDS};
use crate::addr::{BusAddr, Pasid, RequesterId};
use core::fmt;

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

const fn length(dwords: u16) -> u32 {
    (dwords & 0x3ff) as u32
}
