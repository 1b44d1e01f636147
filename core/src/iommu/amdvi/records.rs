//! Event log entries as values, emitted and parsed side by side.

use super::faults;
use super::spec::events::{
    command_error, dev_tab_error, illegal_dte, invalid_ppr, invalid_request, io_page_fault as io, ppr,
    ppr_code, unknown,
};
use crate::addr::{Iova, Pasid, RequesterId, Space};
use crate::iommu::PageRequest;
use crate::spec::{Bits, FaultCode};
use crate::trace::Perms;

/// An event with all that its entry may say.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Event {
    /// Which event.
    pub code: &'static FaultCode,
    /// DeviceID.
    pub device: u16,
    /// DomainID.
    pub domain: u16,
    /// GN with the PASID: the address is a guest's.
    pub pasid: Option<u32>,
    /// NX: execution was requested.
    pub execute: bool,
    /// US: user privilege.
    pub user: bool,
    /// I: an interrupt.
    pub interrupt: bool,
    /// PR: the entry is present.
    pub present: bool,
    /// RW: a write.
    pub write: bool,
    /// PE: permission denied.
    pub denied: bool,
    /// RZ: a reserved bit is not zero.
    pub reserved: bool,
    /// TR: a translation request.
    pub translation: bool,
    /// Type: of a hardware error, or of an invalid request.
    pub kind: u8,
    /// PPRTag of a page request: its group,
    pub group: u16,
    /// and whether it is the last of it.
    pub last: bool,
    /// Address.
    pub address: u64,
    /// It is a guest-physical one, which the host's tables refused. No bit of the entry says so: GN is 0.
    pub between: bool,
}

/// The words of an entry.
pub type Words = [u64; 2];

impl Event {
    /// What kind of address it tells: the device's, or where the entry or the command lies that could not be read or used.
    pub(super) fn address_space(&self) -> Space {
        let of_memory = [
            &faults::DEV_TAB_HARDWARE_ERROR,
            &faults::PAGE_TAB_HARDWARE_ERROR,
            &faults::ILLEGAL_COMMAND_ERROR,
            &faults::COMMAND_HARDWARE_ERROR,
            &faults::IOTLB_INV_TIMEOUT,
        ];
        let memory = of_memory.iter().any(|known| known.code == self.code.code);
        if memory {
            Space::Physical
        } else if self.between {
            Space::GuestPhysical
        } else {
            Space::Iova
        }
    }
    /// Returns an event of which nothing but code and address is known.
    pub const fn new(code: &'static FaultCode, address: u64) -> Self {
        Event {
            code,
            device: 0,
            domain: 0,
            pasid: None,
            execute: false,
            user: false,
            interrupt: false,
            present: false,
            write: false,
            denied: false,
            reserved: false,
            translation: false,
            kind: 0,
            group: 0,
            last: false,
            address,
            between: false,
        }
    }

    /// Returns its words; what the entry of this code has no field for is left out.
    pub fn emit(&self) -> Words {
        let code = self.code.code;
        let words = unknown::ZERO.with(unknown::CODE, code.into()).with(unknown::ADDRESS, self.address);
        if code == faults::ILLEGAL_COMMAND_ERROR.code {
            return words;
        }
        if code == faults::COMMAND_HARDWARE_ERROR.code {
            return words.with(command_error::TYPE, self.kind.into());
        }
        let words = words.with(io::DEVICE_ID, self.device.into());
        if code == faults::IOTLB_INV_TIMEOUT.code {
            return words;
        }
        let pasid = self.pasid.unwrap_or(0);
        if code == faults::INVALID_PPR_REQUEST.code {
            return words
                .with(invalid_ppr::PASID, pasid.into())
                .with(invalid_ppr::PASID_HIGH, u64::from(pasid >> 16))
                .with(invalid_ppr::TAG, self.group.into())
                .with_flag(invalid_ppr::LAST, self.last);
        }
        let words = words.with_flag(io::TR, self.translation);
        if code == faults::DEV_TAB_HARDWARE_ERROR.code {
            return words
                .with_flag(io::I, self.interrupt)
                .with_flag(io::RW, self.write)
                .with(dev_tab_error::TYPE, self.kind.into());
        }
        let words =
            words.with_flag(io::GN, self.pasid.is_some()).with(io::PASID_HIGH, u64::from(pasid >> 16));
        let domain = if self.pasid.is_some() { u64::from(pasid) } else { self.domain.into() };
        if code == faults::INVALID_DEVICE_REQUEST.code {
            return words
                .with(invalid_request::PASID, pasid.into())
                .with_flag(invalid_request::US, self.user)
                .with(invalid_request::TYPE, self.kind.into());
        }
        let words = words.with_flag(io::I, self.interrupt).with_flag(io::RW, self.write);
        if code == faults::ILLEGAL_DEV_TABLE_ENTRY.code {
            return words.with(illegal_dte::PASID, pasid.into()).with_flag(io::RZ, self.reserved);
        }
        let words = words.with(io::DOMAIN, domain);
        if code == faults::PAGE_TAB_HARDWARE_ERROR.code {
            return words.with(dev_tab_error::TYPE, self.kind.into());
        }
        words
            .with_flag(io::NX, self.execute)
            .with_flag(io::US, self.user)
            .with_flag(io::PR, self.present)
            .with_flag(io::PE, self.denied)
            .with_flag(io::RZ, self.reserved)
    }

    /// Returns what the words of an entry say; `None` for a code that is not defined.
    pub fn parse(words: &Words) -> Option<Self> {
        let code = faults::by_code(words.bits(unknown::CODE) as u16)?;
        let mut event = Event::new(code, words.bits(unknown::ADDRESS));
        let is = |field| words.is_set(field);
        if [5, 6, 10].contains(&code.code) {
            event.kind = if code.code == 6 { words.bits(command_error::TYPE) as u8 } else { 0 };
            return Some(event);
        }
        event.device = words.bits(io::DEVICE_ID) as u16;
        if code == &faults::IOTLB_INV_TIMEOUT {
            return Some(event);
        }
        if code == &faults::INVALID_PPR_REQUEST {
            let pasid = words.bits(invalid_ppr::PASID_HIGH) << 16 | words.bits(invalid_ppr::PASID);
            event.pasid = (pasid != 0).then_some(pasid as u32);
            (event.group, event.last) = (words.bits(invalid_ppr::TAG) as u16, is(invalid_ppr::LAST));
            return Some(event);
        }
        event.translation = is(io::TR);
        if code != &faults::DEV_TAB_HARDWARE_ERROR && is(io::GN) {
            event.pasid = Some((words.bits(io::PASID_HIGH) << 16 | words.bits(io::DOMAIN)) as u32);
        }
        match code.code {
            8 => {
                event.user = is(invalid_request::US);
                event.kind = words.bits(invalid_request::TYPE) as u8;
                return Some(event);
            }
            2 | 4 if event.pasid.is_none() => event.domain = words.bits(io::DOMAIN) as u16,
            _ => {}
        }
        (event.interrupt, event.write) = (is(io::I), is(io::RW));
        match code.code {
            3 | 4 => event.kind = words.bits(dev_tab_error::TYPE) as u8,
            1 => event.reserved = is(io::RZ),
            _ => {
                (event.execute, event.user, event.present) = (is(io::NX), is(io::US), is(io::PR));
                (event.denied, event.reserved) = (is(io::PE), is(io::RZ));
            }
        }
        Some(event)
    }
}

/// Returns the words of a page request log entry.
pub fn emit_page_request(request: &PageRequest) -> Words {
    let pasid = u64::from(request.pasid.map_or(0, |pasid| pasid.raw()));
    ppr::ZERO
        .with(ppr::DEVICE_ID, request.requester.bdf16().into())
        .with(ppr::PASID, pasid)
        .with(ppr::PASID_HIGH, pasid >> 16)
        .with_flag(ppr::GN, request.pasid.is_some())
        .with(ppr::TAG, request.group.into())
        .with_flag(ppr::LAST, request.last)
        .with_flag(ppr::READ, request.want.has(Perms::R))
        .with_flag(ppr::WRITE, request.want.has(Perms::W))
        // What a process's pages are asked for with is user privilege: Linux takes US = 0 for a supervisor's request.
        .with_flag(ppr::US, request.pasid.is_some())
        .with(ppr::CODE, ppr_code::PAGE_SERVICE_REQUEST)
        .with(ppr::ADDRESS, request.at.raw() & !0xfff)
}

/// Returns what the words of a page request log entry say.
pub fn parse_page_request(words: &Words) -> PageRequest {
    let pasid = words.bits(ppr::PASID_HIGH) << 16 | words.bits(ppr::PASID);
    PageRequest {
        requester: RequesterId::new(words.bits(ppr::DEVICE_ID) as u32),
        pasid: Pasid::new(pasid as u32).filter(|_| words.is_set(ppr::GN)),
        at: Iova::new(words.bits(ppr::ADDRESS)),
        want: Perms::when(Perms::R, words.is_set(ppr::READ))
            .or(Perms::when(Perms::W, words.is_set(ppr::WRITE))),
        last: words.is_set(ppr::LAST),
        group: words.bits(ppr::TAG) as u16,
    }
}

#[cfg(test)]
mod tests {
    use super::super::spec::events::event;
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_entry_is_parsed_and_what_was_emitted_comes_back(low in any::<u64>(), at in any::<u64>()) {
            let Some(parsed) = Event::parse(&[low, at]) else { return Ok(()) };
            let words = parsed.emit();
            prop_assert_eq!(Event::parse(&words), Some(parsed));
            if parsed.code.code < 10 {
                prop_assert!(!event(words[0]).reserved_set(&words, 64), "{:x?} {:?}", words, parsed);
            }
        }
    }

    proptest! {
        #[test]
        fn a_page_request_comes_back(
            device in any::<u16>(), pasid in any::<u32>(), page in any::<u64>(), group in 0u16..512, bits in 0u8..8,
        ) {
            let want = Perms(bits & 3);
            let request = PageRequest {
                requester: RequesterId::new(device.into()),
                pasid: Pasid::new(pasid & 0xf_ffff).filter(|_| bits & 4 != 0),
                at: Iova::new(page & !0xfff),
                want,
                last: pasid & 1 != 0,
                group,
            };
            prop_assert_eq!(parse_page_request(&emit_page_request(&request)), request);
        }
    }

    #[test]
    fn a_write_without_permission_reads_as_linux_prints_it() {
        let fault = Event {
            device: 0x20,
            domain: 0x5d3e,
            write: true,
            present: true,
            denied: true,
            ..Event::new(&faults::IO_PAGE_FAULT, 0x1000)
        };
        // flags=0x0070, as `iommu_print_event` cuts them out of bits 59:48.
        assert_eq!(fault.emit(), [0x2070_5d3e_0000_0020, 0x1000]);
    }
}
