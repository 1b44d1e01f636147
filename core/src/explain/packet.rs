//! A packet's header, field by field.

use crate::platform::tlp::{AddressType, Body, Header, Routing, Tlp};
use alloc::{format, string::String, string::ToString, vec, vec::Vec};

/// The short name that analysers use; the first byte when it is none of ours.
pub fn name(dw: [u32; 4], len: u8, prefix: Option<u32>) -> String {
    match Tlp::decode(&Header { dw, len, prefix }) {
        Ok(tlp) => tlp.name().into(),
        Err(_) => format!("{:#04x}", dw[0] >> 24),
    }
}

/// The fields as PCIe 6.0 section 2.2 names them, with their values.
pub fn fields(dw: [u32; 4], len: u8, prefix: Option<u32>) -> Vec<(&'static str, String)> {
    let Ok(tlp) = Tlp::decode(&Header { dw, len, prefix }) else { return Vec::new() };
    let mut out = vec![("Fmt/Type", format!("{:#04x} {}", dw[0] >> 24, tlp.name()))];
    let bytes = |be: u8| format!("{:04b}", be & 0xf);
    match tlp.body {
        Body::Memory { address, kind, dwords, first_be, last_be, .. } => {
            out.push(("Address", format!("{address}")));
            let at = match kind {
                AddressType::Untranslated => "00 untranslated",
                AddressType::TranslationRequest => "01 translation request",
                AddressType::Translated => "10 translated",
            };
            out.push(("AT", at.into()));
            out.push(("Length", format!("{dwords} DW")));
            out.push(("First DW BE", bytes(first_be)));
            out.push(("Last DW BE", bytes(last_be)));
        }
        Body::Io { address, first_be, .. } => {
            out.push(("Address", format!("{address:#x}")));
            out.push(("First DW BE", bytes(first_be)));
        }
        Body::Config { target, register, first_be, .. } => {
            out.push(("Destination", target.to_string()));
            out.push(("Register", format!("{register:#x}")));
            out.push(("First DW BE", bytes(first_be)));
        }
        Body::Completion { completer, status, byte_count, lower_address, dwords } => {
            out.push(("Completer", completer.to_string()));
            out.push(("Status", status.name().into()));
            out.push(("Byte Count", byte_count.to_string()));
            out.push(("Lower Address", format!("{lower_address:#x}")));
            out.push(("Length", format!("{dwords} DW")));
        }
        Body::Message { routing, code, dwords, .. } => {
            let routing = match routing {
                Routing::RootComplex => "000 to the root complex".into(),
                Routing::Id(id) => format!("010 by ID {id}"),
                Routing::Local => "100 local".into(),
            };
            out.push(("Routing", routing));
            out.push(("Message Code", format!("{code:#04x}")));
            out.push(("Length", format!("{dwords} DW")));
        }
    }
    out.push(("Requester ID", tlp.requester.to_string()));
    out.push(("Tag", format!("{:#x}", tlp.tag)));
    out.push(("TC", tlp.class.to_string()));
    if let Some(p) = tlp.pasid {
        out.push(("PASID", p.pasid.to_string()));
        out.push(("Privileged Mode Requested", u8::from(p.privileged).to_string()));
        out.push(("Execute Requested", u8::from(p.execute).to_string()));
    }
    out
}
