//! PCIe words that every unit reads and writes: naturally aligned ranges, page requests and their responses (PCIe,
//! Address Translation Services and Page Request Interface).

use super::{PageRequest, PageResponse};
use crate::addr::{AddrRange, Iova};
use crate::spec::{self, Bits};
use crate::trace::Perms;

spec::values! {
    /// Response codes of a page request group response (PCIe, Page Request Interface), which VT-d, AMD-Vi and RISC-V take as
    /// they are: the payload of RISC-V's ATS.PRGR is as the PCIe specification has it (RISC-V IOMMU, IOMMU PCIe ATS
    /// commands), its code in 47:44.
    pub RESPONSES / response_code {
        SUCCESS = 0 "success" "成功";
        INVALID_REQUEST = 1 "invalid request" "无效请求";
        RESPONSE_FAILURE = 15 "response failure" "响应失败";
    }
}

spec::structure! {
    /// The second doubleword of a page request (PCIe, Page Request Interface).
    pub REQUEST / request: 1 words, "PCIe, Page Request Interface", "page request" "页请求" {
        RW   [1:0]   value "1: read requested, 2: write requested" "1：请求读，2：请求写";
        L    [2]     flag "last request of its group" "组内最后一个请求";
        PRGI [11:3]  value "page request group index" "页请求组索引";
        PAGE [63:12] address(12) "page" "页地址";
    }
    /// The payload of an invalidation request to a device (PCIe, Address Translation Services).
    pub INVALIDATION / invalidation: 1 words, "PCIe, Address Translation Services", "invalidation request" "失效请求" {
        G    [0]     flag "global: of every PASID" "全局：所有 PASID";
        _    [10:1]  ignored;
        S    [11]    flag "more than one page, in the page number's low ones" "多页，由页号低位的 1 编码";
        PAGE [63:12] value "page number" "页号";
    }
    /// The payload of a page request group response (PCIe, Page Request Interface).
    pub RESPONSE / response: 1 words, "PCIe, Page Request Interface", "page request group response" "页请求组响应" {
        _           [31:0]  ignored;
        PRGI        [40:32] value "page request group index" "页请求组索引";
        _           [43:41] reserved;
        CODE        [47:44] code(RESPONSES) "response code" "响应码";
        DESTINATION [63:48] value "requester id" "请求者 ID";
    }
}

/// How many invalidation requests a device takes at a time here: as many as its ATS capability can say, where that is written as 0.
pub const INVALIDATIONS: u8 = 32;

/// A naturally aligned power of two of 4 KiB pages (NAPOT).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Napot {
    /// The number of its first page.
    pub page: u64,
    /// log2 of how many pages it has: 0 to 52.
    pub order: u8,
}

impl Napot {
    /// Returns the smallest one that covers a range.
    pub fn covering(range: &AddrRange<Iova>) -> Self {
        let (first, last) = (range.start.raw() >> 12, range.last().raw() >> 12);
        let order = (64 - (first ^ last).leading_zeros()) as u8;
        Napot { page: if order >= 52 { 0 } else { first >> order << order }, order: order.min(52) }
    }
    /// Returns the address of its first byte.
    pub const fn address(&self) -> u64 {
        self.page << 12
    }
    /// Returns the page number as a request with a size bit has it, and that bit: ones below the lowest 0 say how
    /// many pages there are.
    pub const fn sized(&self) -> (u64, bool) {
        match self.order {
            0 => (self.page, false),
            order => (self.page | ((1 << (order - 1)) - 1), true),
        }
    }
    /// Returns the range that a page number and its size bit say.
    pub const fn from_sized(page: u64, sized: bool) -> Self {
        if !sized {
            return Napot { page, order: 0 };
        }
        let ones = page.trailing_ones();
        let order = if ones + 1 > 52 { 52 } else { ones + 1 };
        Napot { page: if order == 52 { 0 } else { page >> order << order }, order: order as u8 }
    }
    /// Returns the bits of an address that count inside the range: one less than its size in bytes.
    pub const fn span(&self) -> u64 {
        u64::MAX >> (52 - if self.order > 52 { 52 } else { self.order })
    }
}

/// An invalidation request as it comes over the link.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Forget {
    /// The PASID of its prefix. Without one the request is about every translation of the range, those of PASIDs too
    /// (Linux, arm_smmu_atc_inv_to_cmd): there is none for those without a PASID alone.
    pub pasid: Option<u32>,
    /// Global Invalidate: with a prefix, the translations of every PASID.
    pub global: bool,
    /// The pages.
    pub pages: Napot,
}

/// Returns the payload of an invalidation request to a device: the range, with its size bit.
pub fn invalidation_payload(range: &AddrRange<Iova>) -> u64 {
    let (page, sized) = Napot::covering(range).sized();
    0.with(invalidation::PAGE, page).with_flag(invalidation::S, sized)
}

/// Returns what a payload and the PASID beside it ask a device for.
pub fn parse_invalidation(payload: u64, pasid: Option<u32>) -> Forget {
    let pages = Napot::from_sized(payload.bits(invalidation::PAGE), payload.is_set(invalidation::S));
    Forget { pasid, global: payload.is_set(invalidation::G), pages }
}

/// Returns the payload of a Page Request Group Response: index, response code, destination.
pub fn response_payload(request: &PageRequest, response: PageResponse) -> u64 {
    0.with(response::PRGI, request.group.into())
        .with(response::CODE, response as u64)
        .with(response::DESTINATION, request.requester.bdf16().into())
}

/// Returns the second doubleword of a page request: page, group index, last, and what is wanted.
pub fn page_request_word(request: &PageRequest) -> u64 {
    0.with_address(request::PAGE, request.at.raw())
        .with(request::PRGI, request.group.into())
        .with_flag(request::L, request.last)
        .with(request::RW, request.want.0.into())
}

/// What the second doubleword of a page request says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PageRequestWord {
    /// The page.
    pub at: Iova,
    /// Read and write, as wanted.
    pub want: Perms,
    /// The last request of its group.
    pub last: bool,
    /// Page request group index.
    pub group: u16,
}

impl PageRequestWord {
    /// Returns what the doubleword says.
    pub fn parse(word: u64) -> Self {
        PageRequestWord {
            at: Iova::new(word.address(request::PAGE)),
            want: Perms(word.bits(request::RW) as u8),
            last: word.is_set(request::L),
            group: word.bits(request::PRGI) as u16,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::addr::RequesterId;
    use proptest::prelude::*;

    fn range(start: u64, len: u64) -> AddrRange<Iova> {
        AddrRange::new(Iova::new(start), len).unwrap()
    }

    #[test]
    fn a_range_is_covered_by_the_smallest_aligned_power_of_two() {
        let cover = |start, len| Napot::covering(&range(start, len));
        assert_eq!(cover(0x5000, 0x1000), Napot { page: 5, order: 0 });
        assert_eq!(cover(0x5000, 0x2000), Napot { page: 4, order: 2 });
        assert_eq!(cover(0x4000, 0x2000), Napot { page: 4, order: 1 });
        assert_eq!(cover(0, u64::MAX), Napot { page: 0, order: 52 });
        assert_eq!(cover(0x4000, 0x2000).sized(), (4, true));
        assert_eq!(cover(0x4000, 0x4000).sized(), (5, true));
        assert_eq!(cover(0x5000, 0x1000).sized(), (5, false));
    }

    proptest! {
        #[test]
        fn a_sized_page_number_says_its_range(start in any::<u64>(), len in 1u64..1 << 40) {
            let Some(range) = AddrRange::new(Iova::new(start), len) else { return Ok(()) };
            let napot = Napot::covering(&range);
            let (page, sized) = napot.sized();
            prop_assert_eq!(Napot::from_sized(page, sized), napot);
            let (first, last) = (napot.address(), napot.address() | napot.span());
            prop_assert_eq!(napot.span().count_ones(), 12 + u32::from(napot.order));
            prop_assert!(first <= range.start.raw() && range.last().raw() <= last);
        }

        #[test]
        fn a_page_request_word_is_parsed_as_written(word in any::<u64>()) {
            let parsed = PageRequestWord::parse(word);
            let PageRequestWord { at, want, last, group } = parsed;
            let request = PageRequest { requester: RequesterId::new(0), pasid: None, at, want, last, group };
            prop_assert_eq!(page_request_word(&request), word);
        }
    }
}
