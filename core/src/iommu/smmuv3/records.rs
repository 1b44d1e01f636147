//! Event records and page requests as values, written by the unit and read by software (IHI 0070, 7.3 and 8).

use super::spec::events::{self, configuration, page_request, translation};
use crate::addr::{Iova, Pasid, RequesterId};
use crate::iommu::{FaultRecord, PageRequest};
use crate::spec::Bits;
use crate::trace::Perms;

/// Returns what an event says; `None` where its number is that of no event.
pub fn parse_event(words: &configuration::Words) -> Option<FaultRecord> {
    let code = events::by_code(words.bits(configuration::NUMBER) as u16)?;
    let substream = words.bits(configuration::SSID) as u32;
    // C_BAD_SUBSTREAMID has no SSV: its SubstreamID always counts (IHI 0070, 7.3.9).
    let substream_valid = words.is_set(configuration::SSV) || code.code == events::C_BAD_SUBSTREAMID.code;
    Some(FaultRecord {
        code,
        requester: RequesterId::new(words.bits(configuration::SID) as u32),
        pasid: substream_valid.then(|| Pasid::new(substream)).flatten(),
        address: words.bits(translation::INPUT),
        want: match (words.is_set(translation::IND), words.is_set(translation::RNW)) {
            (true, _) => Perms::X,
            (false, true) => Perms::R,
            // A translation request always asks for reads (IHI 0070, 7.3.6).
            (false, false) if code.code == events::F_BAD_ATS_TREQ.code => Perms::R,
            (false, false) => Perms::W,
        },
    })
}

/// Returns the words of a page request.
pub fn emit_page_request(request: &PageRequest) -> page_request::Words {
    page_request::ZERO
        .with(page_request::SID, request.requester.raw().into())
        .with_flag(page_request::SSV, request.pasid.is_some())
        .with(page_request::SSID, request.pasid.map_or(0, |p| p.raw().into()))
        .with_flag(page_request::R, request.want.has(Perms::R))
        .with_flag(page_request::W, request.want.has(Perms::W))
        .with_flag(page_request::X, request.want.has(Perms::X))
        .with_flag(page_request::LAST, request.last)
        .with(page_request::PRGINDEX, request.group.into())
        .with_address(page_request::ADDR, request.at.raw())
}

/// Returns the page request that words say.
pub fn parse_page_request(words: &page_request::Words) -> PageRequest {
    let substream = words.bits(page_request::SSID) as u32;
    PageRequest {
        requester: RequesterId::new(words.bits(page_request::SID) as u32),
        pasid: words.is_set(page_request::SSV).then(|| Pasid::new(substream)).flatten(),
        at: Iova::new(words.address(page_request::ADDR)),
        want: Perms::when(Perms::R, words.is_set(page_request::R))
            .or(Perms::when(Perms::W, words.is_set(page_request::W)))
            .or(Perms::when(Perms::X, words.is_set(page_request::X))),
        last: words.is_set(page_request::LAST),
        group: words.bits(page_request::PRGINDEX) as u16,
    }
}

#[cfg(test)]
mod tests {
    use super::super::fault::{record, About, Placement, Stopped};
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_page_request_is_read_as_it_was_written(
            requester: u16, pasid in proptest::option::of(0u32..1 << 20), page in 0u64..1 << 52,
            want in 0u8..8, last: bool, group in 0u16..512,
        ) {
            let request = PageRequest {
                requester: RequesterId::new(requester.into()),
                pasid: pasid.and_then(Pasid::new),
                at: Iova::new(page << 12),
                want: Perms(want),
                last,
                group,
            };
            prop_assert_eq!(parse_page_request(&emit_page_request(&request)), request);
        }

        #[test]
        fn an_event_says_who_wanted_what_where(
            index in 0usize..events::ALL.len(), stream in 0u32..1 << 24, substream in proptest::option::of(0u32..1 << 20),
            at: u64, read: bool,
        ) {
            let code = events::ALL[index];
            let about = About { stream, substream, at, read, privileged: false, execute: false };
            let words = record(&Stopped::new(code), &about, None, Placement::default());
            let found = parse_event(&words).unwrap();
            prop_assert_eq!((found.code, found.requester.raw()), (code, stream));
            let expected = match code.code {
                0x06 | 0x07 => None,
                0x08 => Some(substream.unwrap_or(0)),
                _ => substream,
            };
            prop_assert_eq!(found.pasid.map(|p| p.raw()), expected);
            if matches!(code.code, 0x10..=0x13) {
                prop_assert_eq!((found.address, found.want == Perms::R), (at, read));
            }
        }
    }
}
