//! The commands of the invalidation queue as values (VT-d 6.5.2, 7.6): [`Command::emit`] is what software writes,
//! [`Command::parse`] is what the unit reads. They are side by side so that they cannot disagree; nothing acts here.

use super::spec::commands as d;
use super::spec::commands::{granularity, kind, pasid_cache_granularity, pasid_granularity};
use crate::spec::{Bits, EntryType};

/// The words of a descriptor; the upper two are 0 in a queue of 128-bit descriptors.
pub type Words = [u64; 4];

/// 2^`mask` pages around `address`, which is a page's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pages {
    /// The address of one of them.
    pub address: u64,
    /// AM.
    pub mask: u8,
}

/// Which context entries.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Contexts {
    /// All of them.
    All,
    /// Those of a domain.
    Domain(u16),
    /// Those of a source id, `mask` saying how many of the low bits of its function number do not count.
    Source {
        /// The source id.
        source: u16,
        /// FM.
        mask: u8,
    },
}

/// Which translations, whatever their PASID.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Translations {
    /// All of them.
    All,
    /// Those of a domain.
    Domain(u16),
    /// Those of pages of a domain.
    Pages(u16, Pages),
}

/// Which PASID-table entries.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Processes {
    /// All of them.
    All,
    /// Those of a domain.
    Domain(u16),
    /// That of a PASID of a domain.
    One(u16, u32),
}

/// One command.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Command {
    /// Forget context entries.
    Contexts(Contexts),
    /// Forget PASID-table entries.
    Processes(Processes),
    /// Forget translations.
    Translations(Translations),
    /// Forget translations of a PASID of a domain: all of them, or those of pages.
    PasidTranslations(u16, u32, Option<Pages>),
    /// Have a device forget translations of its own.
    DeviceTlb {
        /// The device.
        source: u16,
        /// Those of a PASID.
        pasid: Option<u32>,
        /// G: those of every PASID.
        global: bool,
        /// The page number; where `several`, the ones below its lowest zero say how many pages.
        page: u64,
        /// S.
        several: bool,
    },
    /// Forget interrupt remapping entries: all, or 2^mask of them around an index.
    Interrupts(Option<(u16, u8)>),
    /// Say when everything before it is done.
    Wait {
        /// IF: by an interrupt.
        interrupt: bool,
        /// SW: by writing a word to an address.
        status: Option<(u64, u32)>,
        /// FN: nothing after it begins before.
        fence: bool,
    },
    /// The answer to a group of page requests.
    PageResponse {
        /// The device.
        source: u16,
        /// The PASID of the requests.
        pasid: Option<u32>,
        /// PRGI.
        group: u16,
        /// LPIG.
        last: bool,
        /// RC.
        code: u8,
    },
}

impl Contexts {
    /// Returns what a granularity with its operands means; `None` where it is reserved.
    pub const fn new(granularity: u64, domain: u16, source: u16, mask: u8) -> Option<Self> {
        match granularity {
            granularity::GLOBAL => Some(Contexts::All),
            granularity::DOMAIN => Some(Contexts::Domain(domain)),
            granularity::SELECTIVE => Some(Contexts::Source { source, mask }),
            _ => None,
        }
    }
}

impl Translations {
    /// Returns what a granularity with its operands means; `None` where it is reserved.
    pub const fn new(granularity: u64, domain: u16, pages: Pages) -> Option<Self> {
        match granularity {
            granularity::GLOBAL => Some(Translations::All),
            granularity::DOMAIN => Some(Translations::Domain(domain)),
            granularity::SELECTIVE => Some(Translations::Pages(domain, pages)),
            _ => None,
        }
    }
}

impl Command {
    /// Reads a descriptor. `None`: its type or its granularity is reserved. Reserved fields are the caller's to check.
    pub fn parse(words: &Words) -> Option<Command> {
        Some(match d::kind_of(words[0]) {
            kind::CONTEXT_CACHE => {
                use d::context_cache::*;
                let (domain, source) = (words.bits(DID) as u16, words.bits(SID) as u16);
                Command::Contexts(Contexts::new(words.bits(G), domain, source, words.bits(FM) as u8)?)
            }
            kind::PASID_CACHE => {
                use d::pasid_cache::*;
                let (domain, pasid) = (words.bits(DID) as u16, words.bits(PASID) as u32);
                Command::Processes(match words.bits(G) {
                    pasid_cache_granularity::DOMAIN => Processes::Domain(domain),
                    pasid_cache_granularity::PASID => Processes::One(domain, pasid),
                    pasid_cache_granularity::GLOBAL => Processes::All,
                    _ => return None,
                })
            }
            kind::IOTLB => {
                use d::iotlb::*;
                let pages = Pages { address: words.address(ADDR), mask: words.bits(AM) as u8 };
                Command::Translations(Translations::new(words.bits(G), words.bits(DID) as u16, pages)?)
            }
            kind::PASID_IOTLB => {
                use d::pasid_iotlb::*;
                let pages = match words.bits(G) {
                    pasid_granularity::ALL => None,
                    pasid_granularity::PAGES => {
                        Some(Pages { address: words.address(ADDR), mask: words.bits(AM) as u8 })
                    }
                    _ => return None,
                };
                Command::PasidTranslations(words.bits(DID) as u16, words.bits(PASID) as u32, pages)
            }
            kind::DEVICE_TLB => {
                use d::device_tlb::*;
                let (source, several) = (words.bits(SID) as u16, words.is_set(S));
                Command::DeviceTlb { source, pasid: None, global: false, page: words.bits(ADDR), several }
            }
            kind::PASID_DEVICE_TLB => {
                use d::pasid_device_tlb::*;
                let (source, several) = (words.bits(SID) as u16, words.is_set(S));
                let pasid = Some(words.bits(PASID) as u32);
                let (page, global) = (words.bits(ADDR), words.is_set(G));
                Command::DeviceTlb { source, pasid, global, page, several }
            }
            kind::INTERRUPT_CACHE => {
                use d::interrupt_cache::*;
                let some = (words.bits(IIDX) as u16, words.bits(IM) as u8);
                Command::Interrupts(words.is_set(G).then_some(some))
            }
            kind::WAIT => {
                use d::wait::*;
                let status = (words.address(STADDR), words.bits(STDATA) as u32);
                let status = words.is_set(SW).then_some(status);
                Command::Wait { interrupt: words.is_set(IF), status, fence: words.is_set(FN) }
            }
            kind::PAGE_RESPONSE => {
                use d::page_response::*;
                Command::PageResponse {
                    source: words.bits(RID) as u16,
                    pasid: words.is_set(PP).then_some(words.bits(PASID) as u32),
                    group: words.bits(PRGI) as u16,
                    last: words.is_set(LPIG),
                    code: words.bits(RC) as u8,
                }
            }
            _ => return None,
        })
    }

    /// Writes a descriptor: which one it is, and its words. IOTLB invalidations drain reads and writes, as Linux's do.
    pub fn emit(&self) -> (&'static EntryType, Words) {
        const NEW: Words = [0; 4];
        match *self {
            Command::Contexts(which) => {
                use d::context_cache::*;
                let words = NEW.with(TYPE, kind::CONTEXT_CACHE);
                let words = match which {
                    Contexts::All => words.with(G, granularity::GLOBAL),
                    Contexts::Domain(domain) => words.with(G, granularity::DOMAIN).with(DID, domain.into()),
                    Contexts::Source { source, mask } => {
                        words.with(G, granularity::SELECTIVE).with(SID, source.into()).with(FM, mask.into())
                    }
                };
                (&d::CONTEXT_CACHE, words)
            }
            Command::Processes(which) => {
                use d::pasid_cache::*;
                use pasid_cache_granularity as granularity;
                let words = NEW.with(TYPE, kind::PASID_CACHE);
                let words = match which {
                    Processes::All => words.with(G, granularity::GLOBAL),
                    Processes::Domain(domain) => words.with(G, granularity::DOMAIN).with(DID, domain.into()),
                    Processes::One(domain, pasid) => {
                        words.with(G, granularity::PASID).with(DID, domain.into()).with(PASID, pasid.into())
                    }
                };
                (&d::PASID_CACHE, words)
            }
            Command::Translations(which) => {
                use d::iotlb::*;
                let words = NEW.with(TYPE, kind::IOTLB).with_flag(DR, true).with_flag(DW, true);
                let words = match which {
                    Translations::All => words.with(G, granularity::GLOBAL),
                    Translations::Domain(domain) => {
                        words.with(G, granularity::DOMAIN).with(DID, domain.into())
                    }
                    Translations::Pages(domain, pages) => words
                        .with(G, granularity::SELECTIVE)
                        .with(DID, domain.into())
                        .with_address(ADDR, pages.address)
                        .with(AM, pages.mask.into()),
                };
                (&d::IOTLB, words)
            }
            Command::PasidTranslations(domain, pasid, pages) => {
                use d::pasid_iotlb::*;
                let words =
                    NEW.with(TYPE, kind::PASID_IOTLB).with(DID, domain.into()).with(PASID, pasid.into());
                let words = match pages {
                    None => words.with(G, pasid_granularity::ALL),
                    Some(pages) => words
                        .with(G, pasid_granularity::PAGES)
                        .with_address(ADDR, pages.address)
                        .with(AM, pages.mask.into()),
                };
                (&d::PASID_IOTLB, words)
            }
            Command::DeviceTlb { source, pasid: None, page, several, .. } => {
                use d::device_tlb::*;
                let words = NEW.with(TYPE, kind::DEVICE_TLB).with(SID, source.into());
                (&d::DEVICE_TLB, words.with(ADDR, page).with_flag(S, several))
            }
            Command::DeviceTlb { source, pasid: Some(pasid), global, page, several } => {
                use d::pasid_device_tlb::*;
                let words = NEW.with(TYPE, kind::PASID_DEVICE_TLB).with(SID, source.into());
                let words = words.with(PASID, pasid.into()).with(ADDR, page);
                (&d::PASID_DEVICE_TLB, words.with_flag(S, several).with_flag(G, global))
            }
            Command::Interrupts(which) => {
                use d::interrupt_cache::*;
                let words = NEW.with(TYPE, kind::INTERRUPT_CACHE);
                let words = match which {
                    None => words,
                    Some((index, mask)) => {
                        words.with_flag(G, true).with(IIDX, index.into()).with(IM, mask.into())
                    }
                };
                (&d::INTERRUPT_CACHE, words)
            }
            Command::Wait { interrupt, status, fence } => {
                use d::wait::*;
                let words = NEW.with(TYPE, kind::WAIT).with_flag(IF, interrupt).with_flag(FN, fence);
                let words = match status {
                    None => words,
                    Some((at, data)) => {
                        words.with_flag(SW, true).with_address(STADDR, at).with(STDATA, data.into())
                    }
                };
                (&d::WAIT, words)
            }
            Command::PageResponse { source, pasid, group, last, code } => {
                use d::page_response::*;
                let words =
                    NEW.with(TYPE, kind::PAGE_RESPONSE).with(RID, source.into()).with(RC, code.into());
                let words = words.with_flag(PP, pasid.is_some()).with(PASID, pasid.unwrap_or(0).into());
                (&d::PAGE_RESPONSE, words.with_flag(LPIG, last).with(PRGI, group.into()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pages() -> impl Strategy<Value = Pages> {
        (any::<u64>(), 0u8..64).prop_map(|(address, mask)| Pages { address: address & !0xfff, mask })
    }
    fn pasid() -> impl Strategy<Value = u32> {
        0u32..1 << 20
    }
    fn command() -> impl Strategy<Value = Command> {
        let id = any::<u16>;
        prop_oneof![
            Just(Command::Contexts(Contexts::All)),
            id().prop_map(|d| Command::Contexts(Contexts::Domain(d))),
            (id(), 0u8..4).prop_map(|(source, mask)| Command::Contexts(Contexts::Source { source, mask })),
            Just(Command::Processes(Processes::All)),
            id().prop_map(|d| Command::Processes(Processes::Domain(d))),
            (id(), pasid()).prop_map(|(d, p)| Command::Processes(Processes::One(d, p))),
            Just(Command::Translations(Translations::All)),
            id().prop_map(|d| Command::Translations(Translations::Domain(d))),
            (id(), pages()).prop_map(|(d, p)| Command::Translations(Translations::Pages(d, p))),
            (id(), pasid(), proptest::option::of(pages()))
                .prop_map(|(d, p, pages)| Command::PasidTranslations(d, p, pages)),
            (id(), proptest::option::of((pasid(), any::<bool>())), any::<u64>(), any::<bool>()).prop_map(
                |(source, of, page, several)| {
                    let (pasid, global) = (of.map(|of| of.0), of.is_some_and(|of| of.1));
                    Command::DeviceTlb { source, pasid, global, page: page >> 12, several }
                }
            ),
            proptest::option::of((id(), 0u8..32)).prop_map(Command::Interrupts),
            (any::<bool>(), proptest::option::of((any::<u64>(), any::<u32>())), any::<bool>()).prop_map(
                |(interrupt, status, fence)| {
                    Command::Wait { interrupt, status: status.map(|(at, data)| (at & !3, data)), fence }
                }
            ),
            (id(), proptest::option::of(pasid()), 0u16..512, any::<bool>(), 0u8..16).prop_map(
                |(source, pasid, group, last, code)| {
                    Command::PageResponse { source, pasid, group, last, code }
                }
            ),
        ]
    }

    proptest! {
        #[test]
        fn what_software_emits_the_unit_parses(command in command()) {
            let (entry, words) = command.emit();
            prop_assert_eq!(Command::parse(&words), Some(command));
            prop_assert!(core::ptr::eq(d::of_kind(d::kind_of(words[0])).unwrap(), entry));
            prop_assert!(!entry.reserved_set(&words, 64));
            prop_assert!(entry.words == 4 || words[2..] == [0, 0]);
        }

        #[test]
        fn what_is_parsed_is_emitted_with_the_same_meaning(words: [u64; 4], kind in 0u64..16) {
            let words = words.with(d::unknown::TYPE, kind).with(d::unknown::TYPE_HIGH, 0);
            if let Some(command) = Command::parse(&words) {
                prop_assert_eq!(Command::parse(&command.emit().1), Some(command));
            }
        }
    }
}
