//! What the unit writes for software, as values: fault records (VT-d 11.4, fault recording registers) and page requests
//! (VT-d 7.4.1). What the unit emits and what the driver parses are side by side; nothing acts here.

use super::spec::commands::page_request;
use super::spec::faults;
use super::spec::registers::{frcd_high, frcd_low, INTERRUPT_INDEX};
use crate::addr::{Iova, Pasid, RequesterId};
use crate::iommu::{FaultRecord, PageRequest};
use crate::spec::Bits;
use crate::trace::Perms;

/// The values of AT in a fault record: the kind of request.
pub mod address_type {
    /// An untranslated request.
    pub const UNTRANSLATED: u8 = 0;
    /// A translation request.
    pub const TRANSLATION: u8 = 1;
    /// A translated request.
    pub const TRANSLATED: u8 = 2;
}

/// A fault record, field by field.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Record {
    /// FR.
    pub code: u8,
    /// SID.
    pub source: u16,
    /// PP: the request carried a PASID.
    pub has_pasid: bool,
    /// PV.
    pub pasid: u32,
    /// EXE.
    pub execute: bool,
    /// PRIV.
    pub privileged: bool,
    /// T: a read, or an ATS request without a right to write.
    pub read: bool,
    /// AT.
    pub address_type: u8,
    /// FI: the page; for a fault of interrupt remapping the index.
    pub place: u64,
}

impl Record {
    /// Writes the register's halves, F set.
    pub fn emit(&self) -> [u64; 2] {
        let low = if faults::is_interrupt(self.code.into()) {
            0.with(INTERRUPT_INDEX, self.place)
        } else {
            0.with_address(frcd_low::FI, self.place)
        };
        let high = 0
            .with(frcd_high::SID, self.source.into())
            .with_flag(frcd_high::PRIV, self.privileged)
            .with_flag(frcd_high::EXE, self.execute)
            .with_flag(frcd_high::PP, self.has_pasid)
            .with(frcd_high::FR, self.code.into())
            .with(frcd_high::PV, self.pasid.into())
            .with(frcd_high::AT, self.address_type.into())
            .with_flag(frcd_high::T, self.read)
            .with_flag(frcd_high::F, true);
        [low, high]
    }

    /// Reads the register's halves; `None` where they hold no record.
    pub fn parse([low, high]: [u64; 2]) -> Option<Record> {
        let code = high.bits(frcd_high::FR) as u8;
        let interrupt = faults::is_interrupt(code.into());
        high.is_set(frcd_high::F).then(|| Record {
            code,
            source: high.bits(frcd_high::SID) as u16,
            has_pasid: high.is_set(frcd_high::PP),
            pasid: high.bits(frcd_high::PV) as u32,
            execute: high.is_set(frcd_high::EXE),
            privileged: high.is_set(frcd_high::PRIV),
            read: high.is_set(frcd_high::T),
            address_type: high.bits(frcd_high::AT) as u8,
            place: if interrupt { low.bits(INTERRUPT_INDEX) } else { low.address(frcd_low::FI) },
        })
    }

    /// Returns what the driver makes of it; `None` for a code that the specification does not have.
    pub fn meaning(&self) -> Option<FaultRecord> {
        let pasid = Pasid::new(self.pasid).filter(|_| self.has_pasid);
        let execute = Perms::when(Perms::X, self.execute && pasid.is_some());
        Some(FaultRecord {
            code: faults::by_code(self.code.into())?,
            requester: RequesterId::new(self.source.into()),
            pasid,
            address: self.place,
            want: if self.read { Perms::R.or(execute) } else { Perms::W },
        })
    }
}

/// Writes the descriptor of a page request.
pub fn emit_page_request(request: &PageRequest) -> page_request::Words {
    use page_request::*;
    let words = ZERO
        .with(TYPE, 1)
        .with(RID, request.requester.bdf16().into())
        .with_address(ADDR, request.at.raw())
        .with_flag(RD, request.want.has(Perms::R))
        .with_flag(WR, request.want.has(Perms::W))
        .with_flag(LPIG, request.last)
        .with(PRGI, request.group.into());
    match request.pasid {
        None => words,
        Some(pasid) => words
            .with_flag(PP, true)
            .with(PASID, pasid.raw().into())
            .with_flag(EXE, request.want.has(Perms::X)),
    }
}

/// Reads the descriptor of a page request.
pub fn parse_page_request(words: &page_request::Words) -> PageRequest {
    use page_request::*;
    let want = Perms::when(Perms::R, words.is_set(RD)).or(Perms::when(Perms::W, words.is_set(WR)));
    PageRequest {
        requester: RequesterId::new(words.bits(RID) as u32),
        pasid: Pasid::new(words.bits(PASID) as u32).filter(|_| words.is_set(PP)),
        at: Iova::new(words.address(ADDR)),
        want: want.or(Perms::when(Perms::X, words.is_set(EXE))),
        last: words.is_set(LPIG),
        group: words.bits(PRGI) as u16,
    }
}

#[cfg(test)]
mod tests {
    use super::super::spec::commands::PAGE_REQUEST;
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_fault_record_says_what_was_recorded(
            (code, source, pasid, place) in any::<(u8, u16, u32, u64)>(),
            (has_pasid, execute, privileged, read) in any::<(bool, bool, bool, bool)>(),
            address_type in 0u8..4,
        ) {
            let interrupt = faults::is_interrupt(code.into());
            let place = if interrupt { place & 0xffff } else { place & !0xfff };
            let pasid = pasid & 0xf_ffff;
            let record = Record { code, source, has_pasid, pasid, execute, privileged, read, address_type, place };
            let words = record.emit();
            prop_assert_eq!(Record::parse(words), Some(record));
            prop_assert_eq!(Record::parse([words[0], words[1].with_flag(frcd_high::F, false)]), None);
            if let Some(meaning) = record.meaning() {
                prop_assert_eq!((meaning.code.code, meaning.address), (code.into(), place));
                prop_assert_eq!(meaning.pasid.map(Pasid::raw), has_pasid.then_some(pasid));
            }
        }

        #[test]
        fn a_page_request_says_what_was_requested(
            (source, page, last) in any::<(u16, u64, bool)>(),
            pasid in proptest::option::of(0u32..1 << 20),
            want in 0u8..8,
            group in 0u16..512,
        ) {
            let request = PageRequest {
                requester: RequesterId::new(source.into()),
                pasid: pasid.and_then(Pasid::new),
                at: Iova::new(page & !0xfff),
                // Only a request with a PASID can want to execute.
                want: Perms(if pasid.is_some() { want } else { want & 3 }),
                last,
                group,
            };
            let words = emit_page_request(&request);
            prop_assert_eq!(parse_page_request(&words), request);
            prop_assert!(!PAGE_REQUEST.reserved_set(&words, 64));
        }
    }
}
