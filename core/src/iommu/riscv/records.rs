//! Commands and queue records as values: each is emitted and parsed here, side by side, for the driver and the unit.

use super::faults;
use super::spec::commands::{ats, iodir, iofence, iotinval, opcode, unknown};
use super::spec::structures::{fault_record, page_record, ttyp};
use crate::addr::{Pasid, RequesterId};
use crate::iommu::ats::{page_request_word, Napot, PageRequestWord};
use crate::iommu::{FaultRecord, PageRequest};
use crate::spec::{Bits, FaultCode};
use crate::trace::Perms;

/// A command.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Command {
    /// IOTINVAL.VMA and IOTINVAL.GVMA: forget translations.
    Translations {
        /// Of the second stage (GVMA), whatever is over it.
        second: bool,
        /// Only these pages (AV).
        pages: Option<Napot>,
        /// Only of this process (PSCV).
        pscid: Option<u32>,
        /// Only of this guest (GV).
        gscid: Option<u16>,
        /// Entries that point at tables too (NL).
        non_leaf: bool,
    },
    /// IOFENCE.C: earlier commands are done.
    Fence {
        /// Data to write then, and where (AV).
        write: Option<(u64, u32)>,
        /// Interrupt by wire then (WSI).
        wire: bool,
        /// Earlier reads and writes of devices are done too (PR, PW).
        drain: bool,
    },
    /// IODIR.INVAL_DDT: forget device contexts, and the process contexts below them.
    Devices {
        /// Only of this device (DV).
        device: Option<u32>,
    },
    /// IODIR.INVAL_PDT: forget a process context.
    Process {
        /// device_id.
        device: u32,
        /// process_id.
        process: u32,
    },
    /// ATS.INVAL and ATS.PRGR: a message to a device.
    Message {
        /// A Page Request Group Response (PRGR); else an invalidation of its TLB.
        response: bool,
        /// Routing id.
        rid: u16,
        /// process_id (PV).
        process: Option<u32>,
        /// What the message says.
        payload: u64,
    },
}

/// The words of a command.
pub type Words = [u64; 2];

impl Command {
    /// Forget every translation of the first stage.
    pub const FIRST: Command =
        Command::Translations { second: false, pages: None, pscid: None, gscid: None, non_leaf: false };
    /// Forget every translation that a second stage has part in.
    pub const SECOND: Command =
        Command::Translations { second: true, pages: None, pscid: None, gscid: None, non_leaf: false };
    /// A fence that does nothing.
    pub const NOTHING: Command = Command::Fence { write: None, wire: false, drain: false };

    /// Returns its words.
    pub fn emit(&self) -> Words {
        let head = |op, func: bool| unknown::ZERO.with(unknown::OPCODE, op).with(unknown::FUNC3, func.into());
        match *self {
            Command::Translations { second, pages, pscid, gscid, non_leaf } => {
                let (page, sized) = pages.map_or((0, false), |napot| napot.sized());
                head(opcode::IOTINVAL, second)
                    .with_flag(iotinval::AV, pages.is_some())
                    .with_flag(iotinval::PSCV, pscid.is_some())
                    .with(iotinval::PSCID, pscid.unwrap_or(0).into())
                    .with_flag(iotinval::GV, gscid.is_some())
                    .with(iotinval::GSCID, gscid.unwrap_or(0).into())
                    .with_flag(iotinval::NL, non_leaf)
                    .with_flag(iotinval::S, sized)
                    .with(iotinval::ADDR, page)
            }
            Command::Fence { write, wire, drain } => {
                let (at, data) = write.unwrap_or_default();
                head(opcode::IOFENCE, false)
                    .with_flag(iofence::AV, write.is_some())
                    .with_flag(iofence::WSI, wire)
                    .with_flag(iofence::PR, drain)
                    .with_flag(iofence::PW, drain)
                    .with(iofence::DATA, data.into())
                    .with_address(iofence::ADDR, at)
            }
            Command::Devices { device } => head(opcode::IODIR, false)
                .with_flag(iodir::DV, device.is_some())
                .with(iodir::DID, device.unwrap_or(0).into()),
            Command::Process { device, process } => head(opcode::IODIR, true)
                .with_flag(iodir::DV, true)
                .with(iodir::DID, device.into())
                .with(iodir::PID, process.into()),
            Command::Message { response, rid, process, payload } => head(opcode::ATS, response)
                .with(ats::RID, rid.into())
                .with_flag(ats::PV, process.is_some())
                .with(ats::PID, process.unwrap_or(0).into())
                .with(ats::PAYLOAD, payload),
        }
    }

    /// Returns the command that the words say; `None` where opcode, function or their combination with operands is
    /// not defined.
    pub fn parse(words: &Words) -> Option<Self> {
        let second = words.is_set(unknown::FUNC3);
        let given = |flag, field| words.is_set(flag).then(|| words.bits(field));
        if words.bits(unknown::FUNC3) > 1 {
            return None;
        }
        Some(match words.bits(unknown::OPCODE) {
            opcode::IOTINVAL => Command::Translations {
                second,
                pages: words
                    .is_set(iotinval::AV)
                    .then(|| Napot::from_sized(words.bits(iotinval::ADDR), words.is_set(iotinval::S))),
                pscid: given(iotinval::PSCV, iotinval::PSCID).map(|id| id as u32),
                gscid: given(iotinval::GV, iotinval::GSCID).map(|id| id as u16),
                non_leaf: words.is_set(iotinval::NL),
            },
            opcode::IOFENCE if !second => Command::Fence {
                write: given(iofence::AV, iofence::DATA)
                    .map(|data| (words.address(iofence::ADDR), data as u32)),
                wire: words.is_set(iofence::WSI),
                drain: words.is_set(iofence::PR) || words.is_set(iofence::PW),
            },
            opcode::IODIR if !second => match words.bits(iodir::PID) {
                0 => Command::Devices { device: given(iodir::DV, iodir::DID).map(|id| id as u32) },
                _ => return None,
            },
            opcode::IODIR => Command::Process {
                device: given(iodir::DV, iodir::DID)? as u32,
                process: words.bits(iodir::PID) as u32,
            },
            opcode::ATS => Command::Message {
                response: second,
                rid: words.bits(ats::RID) as u16,
                process: given(ats::PV, ats::PID).map(|id| id as u32),
                payload: words.bits(ats::PAYLOAD),
            },
            _ => return None,
        })
    }
}

/// What a fault record says besides cause and values.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct FaultContext {
    /// device_id.
    pub device: u32,
    /// process_id.
    pub process: Option<u32>,
    /// Supervisor privilege.
    pub privileged: bool,
    /// TTYP.
    pub ttyp: u64,
    /// What the access needed.
    pub want: Perms,
}

/// Returns the words of a fault record: of a message iotval is the message code, 04h (Page Request), not its address.
pub fn emit_fault(code: &FaultCode, iotval: u64, iotval2: u64, of: &FaultContext) -> fault_record::Words {
    fault_record::ZERO
        .with(fault_record::CAUSE, code.code.into())
        .with(fault_record::TTYP, of.ttyp)
        .with(fault_record::DID, of.device.into())
        .with_flag(fault_record::PV, of.process.is_some())
        .with(fault_record::PID, of.process.unwrap_or(0).into())
        .with_flag(fault_record::PRIV, of.privileged && of.process.is_some())
        .with(fault_record::IOTVAL, if of.ttyp == ttyp::MESSAGE { 4 } else { iotval })
        .with(fault_record::IOTVAL2, iotval2)
}

/// Returns what the words of a fault record say; `None` for a cause that is not defined.
pub fn parse_fault(words: &fault_record::Words) -> Option<FaultRecord> {
    let process = words.is_set(fault_record::PV).then(|| words.bits(fault_record::PID) as u32);
    Some(FaultRecord {
        code: faults::by_code(words.bits(fault_record::CAUSE) as u16)?,
        requester: RequesterId::new(words.bits(fault_record::DID) as u32),
        pasid: process.and_then(Pasid::new),
        address: words.bits(fault_record::IOTVAL),
        want: match words.bits(fault_record::TTYP) {
            ttyp::FETCH => Perms::X,
            ttyp::TRANSLATED_FETCH => Perms::R.or(Perms::X),
            ttyp::WRITE | ttyp::TRANSLATED_WRITE => Perms::W,
            _ => Perms::R,
        },
    })
}

/// Returns the words of a page request record.
pub fn emit_page_request(request: &PageRequest) -> page_record::Words {
    let words = [0, page_request_word(request)].with(page_record::DID, request.requester.raw().into());
    match request.pasid {
        None => words,
        Some(pasid) => words
            .with_flag(page_record::PV, true)
            .with(page_record::PID, pasid.raw().into())
            .with_flag(page_record::EXEC, request.want.has(Perms::X)),
    }
}

/// Returns what the words of a page request record say.
pub fn parse_page_request(words: &page_record::Words) -> PageRequest {
    let PageRequestWord { at, want, last, group } = PageRequestWord::parse(words[1]);
    let process = words.is_set(page_record::PV).then(|| words.bits(page_record::PID) as u32);
    PageRequest {
        requester: RequesterId::new(words.bits(page_record::DID) as u32),
        pasid: process.and_then(Pasid::new),
        at,
        want: want.or(Perms::when(Perms::X, words.is_set(page_record::EXEC))),
        last,
        group,
    }
}

#[cfg(test)]
mod tests {
    use super::super::spec::commands::{command, UNKNOWN_COMMAND};
    use super::*;
    use proptest::prelude::*;

    fn id(bits: u32) -> impl Strategy<Value = Option<u32>> {
        proptest::option::of(0u32..1 << bits)
    }

    fn any_command() -> impl Strategy<Value = Command> {
        let pages = proptest::option::of((any::<u64>(), 0u8..=52).prop_map(|(page, order)| {
            let page = page & 0xf_ffff_ffff_ffff;
            Napot { page: if order == 52 { 0 } else { page >> order << order }, order }
        }));
        prop_oneof![
            (any::<[bool; 2]>(), pages, id(20), id(16)).prop_map(
                |([second, non_leaf], pages, pscid, gscid)| {
                    let pscid = pscid.filter(|_| !second);
                    Command::Translations { second, pages, pscid, gscid: gscid.map(|g| g as u16), non_leaf }
                }
            ),
            (proptest::option::of((0u64..1 << 62, any::<u32>())), any::<[bool; 2]>()).prop_map(
                |(write, [wire, drain])| {
                    Command::Fence { write: write.map(|(at, data)| (at << 2, data)), wire, drain }
                }
            ),
            id(24).prop_map(|device| Command::Devices { device }),
            (0u32..1 << 24, 0u32..1 << 20).prop_map(|(device, process)| Command::Process { device, process }),
            (any::<bool>(), any::<u16>(), id(20), any::<u64>()).prop_map(
                |(response, rid, process, payload)| { Command::Message { response, rid, process, payload } }
            ),
        ]
    }

    proptest! {
        #[test]
        fn a_command_is_parsed_as_it_was_emitted(c in any_command()) {
            let words = c.emit();
            prop_assert_eq!(Command::parse(&words), Some(c));
            let entry = command(words[0]);
            prop_assert!(!core::ptr::eq(entry, &UNKNOWN_COMMAND) && !entry.reserved_set(&words, 64));
        }

        #[test]
        fn a_fault_record_is_parsed_as_it_was_emitted(
            cause in 0usize..faults::ALL.len(), device in 0u32..1 << 24, process in id(20), kind in 1u64..10,
            at in any::<u64>(), at2 in any::<u64>(), privileged in any::<bool>(),
        ) {
            let context = FaultContext { device, process, privileged, ttyp: kind, want: Perms::NONE };
            let words = emit_fault(faults::ALL[cause], at, at2, &context);
            let parsed = parse_fault(&words).unwrap();
            prop_assert_eq!(parsed.code, faults::ALL[cause]);
            // Of a message it is the message code.
            let at = if kind == ttyp::MESSAGE { 4 } else { at };
            prop_assert_eq!((parsed.requester.raw(), parsed.address), (device, at));
            prop_assert_eq!(parsed.pasid.map(|p| p.raw()), process);
            prop_assert!(!super::super::spec::structures::FAULT_RECORD.reserved_set(&words, 64));
        }

        #[test]
        fn a_page_request_is_parsed_as_it_was_emitted(
            device in 0u32..1 << 24, process in id(20), page in 0u64..1 << 52, want in 0u8..8, last in any::<bool>(),
            group in 0u16..512,
        ) {
            let pasid = process.and_then(Pasid::new);
            // Execute goes with a PASID.
            let want = if pasid.is_some() { Perms(want) } else { Perms(want & 3) };
            let at = crate::addr::Iova::new(page << 12);
            let request = PageRequest { requester: RequesterId::new(device), pasid, at, want, last, group };
            prop_assert_eq!(parse_page_request(&emit_page_request(&request)), request);
        }
    }
}
