//! What QEMU's SMMUv3 cannot be asked, by properties: substreams, two levels of context descriptors, nesting, ATS, page
//! requests, stalls, the contiguous bit, hardware update; and any contents of registers and tables.

use iommu_core::addr::{Iova, Pasid, PhysAddr, RequesterId};
use iommu_core::iommu::registers::Registers;
use iommu_core::iommu::smmuv3::spec::commands::{opcode, resume};
use iommu_core::iommu::smmuv3::spec::registers::*;
use iommu_core::iommu::smmuv3::spec::structures::{eats, s1dss, s1fmt};
use iommu_core::iommu::smmuv3::spec::{cd, events, l1cd, ste};
use iommu_core::iommu::smmuv3::translate::Transaction;
use iommu_core::iommu::smmuv3::{Config, Reply, Resumed};
use iommu_core::iommu::{PageRequest, RequestKind, Unit};
use iommu_core::spec::Bits;
use iommu_core::trace::{Event, Off, Perms, Trace};
use proptest::prelude::*;

#[path = "support/smmuv3_lab.rs"]
mod smmuv3_lab;
use smmuv3_lab::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// Every SubstreamID finds the descriptor at the place that S1Fmt and S1CDMax give it, in the words of this test.
    #[test]
    fn substreams_lead_to_their_own_tables(
        log2 in 1u64..=20, format in 0u64..3, dss in 0u64..3,
        number in proptest::option::of(0u32..1 << 21), nested: bool,
    ) {
        let mut lab = Lab::new(Config::playground());
        let below = lab.frame(1);
        let index = u64::from(number.unwrap_or(0));
        let (leaf_bits, count) = match format {
            s1fmt::TWO_LEVEL_4K => (6, 1u64 << log2.saturating_sub(6)),
            s1fmt::TWO_LEVEL_64K => (10, 1 << log2.saturating_sub(10)),
            _ => (20, 1 << log2),
        };
        // Where the tables are; under stage 2 they appear elsewhere.
        let window = if nested { 1u64 << 40 } else { 0 };
        let bytes = if leaf_bits == 20 { count * 64 } else { count * 8 };
        let table = 0x4000_0000u64;
        let leaf = 0x6000_0000u64;
        let root = lab.frame(1);
        lab.map(&first(), root, VA, 0x5000_0000, Perms::RW);
        let place = match leaf_bits {
            20 => table + index * 64,
            bits => {
                let entry = 0u64.with_flag(l1cd::V, true).with_address(l1cd::L2PTR, leaf | window);
                if index >> bits < count {
                    lab.store(table + (index >> bits) * 8, &[entry]);
                }
                leaf + (index & ((1 << bits) - 1)) * 64
            }
        };
        prop_assume!(bytes < 1 << 28);
        lab.store(place, &descriptor(root));
        let words = first_entry(table | window)
            .with(ste::S1FMT, format)
            .with(ste::S1CDMAX, log2)
            .with(ste::S1DSS, dss);
        let words = if nested { with_second(words, below) } else { words };
        lab.store(STREAMS + u64::from(SID) * 64, &words);
        if nested {
            // Stage 2 shows the tables at the window, everything else where it is.
            for at in [table + (index >> 10) * 8, table + (index >> 6) * 8, place] {
                let page = at & !0xfff;
                lab.map(&second(), below, window | page, page, Perms::R);
            }
            let mut table = root;
            for level in (1..=4u32).rev() {
                lab.map(&second(), below, table, table, Perms::R);
                let at = table + (VA >> (3 + 9 * level) & 511) * 8;
                table = lab.memory.peek_u64(PhysAddr::new(at)) & 0xffff_ffff_f000;
            }
            lab.map(&second(), below, 0x5000_0000, 0x5000_0000, Perms::RW);
            lab.map(&second(), below, VA, VA, Perms::RW);
        }
        let reply = lab.ask(transaction(number, Perms::R, VA, RequestKind::Untranslated));
        let event = lab.event().map(|words| words[0] & 0xff);
        match (number, dss) {
            (Some(n), _) if u64::from(n) >> log2 != 0 => prop_assert_eq!(event, Some(0x08)),
            (Some(0), s1dss::SUBSTREAM_0) | (None, s1dss::TERMINATE) => {
                prop_assert_eq!(event, Some(u64::from(events::F_STREAM_DISABLED.code)));
            }
            (None, s1dss::BYPASS) => prop_assert_eq!(reached(reply).map(|r| r.to), Some(VA)),
            _ => prop_assert_eq!(reached(reply).map(|r| r.to), Some(0x5000_0000), "{:?} {:?}", reply, event),
        }
    }

    /// Both stages together are one after the other; a walk from empty caches reads 24 descriptors.
    #[test]
    fn nested_is_stage_1_and_then_stage_2(page in 0u64..1 << 30, host in 0u64..1 << 30) {
        let mut lab = Lab::new(Config::playground());
        let (root, pointer, below) = (lab.frame(1), lab.frame(1), lab.frame(1));
        let (va, ipa, pa) = (page << 12, 1 << 42 | page << 12, 1 << 43 | host << 12);
        lab.map(&first(), root, va, ipa, Perms::RW);
        lab.store(pointer, &descriptor(root));
        let (format, mut table) = (second(), root);
        lab.map(&format, below, pointer, pointer, Perms::R);
        for level in (1..=4u32).rev() {
            lab.map(&format, below, table, table, Perms::R);
            let at = table + (va >> (3 + 9 * level) & 511) * 8;
            table = lab.memory.peek_u64(PhysAddr::new(at)) & 0xffff_ffff_f000;
        }
        lab.map(&format, below, ipa, pa, Perms::RW);
        lab.store(STREAMS + u64::from(SID) * 64, &with_second(first_entry(pointer), below));
        let mut trace = Trace::new();
        let reply = lab.unit.answer(&mut lab.memory, &read(va | 0x123), &mut trace);
        prop_assert_eq!(reached(reply).map(|r| r.to), Some(pa | 0x123));
        let tables = trace.steps().iter().filter(|step| matches!(step.event, Event::Read { entry, .. }
            if iommu_core::paging::aarch64::is_descriptor(entry)));
        // Four more lead to the context descriptor.
        prop_assert_eq!(tables.count(), 24 + 4);
    }

    /// A device that asks beforehand is told what its access would meet.
    #[test]
    fn ats_answers_what_an_access_would_find(write: bool, mode in 0u64..2, at in 0u64..0x1000) {
        let mut lab = Lab::new(Config::playground());
        simple(&mut lab, |w| w.with(ste::EATS, mode), |w| w);
        let perms = if write { Perms::W } else { Perms::R };
        let plain = lab.ask(transaction(None, perms, VA | at, RequestKind::Untranslated));
        let asked = lab.ask(transaction(None, perms, VA | at, RequestKind::Translation { no_write: !write }));
        let translated = lab.ask(transaction(None, perms, 0x5000_0000 | at, RequestKind::Translated));
        if mode == eats::FULL {
            prop_assert_eq!(reached(asked).map(|r| r.to), reached(plain).map(|r| r.to));
            prop_assert_eq!(reached(translated).map(|r| r.to), Some(0x5000_0000 | at));
            prop_assert_eq!(lab.event(), None);
        } else {
            prop_assert_eq!((reached(asked), reached(translated)), (None, None));
            prop_assert_eq!(lab.event().map(|w| w[0] & 0xff), Some(u64::from(events::F_TRANSL_FORBIDDEN.code)));
        }
    }

    /// Page requests are queued in order until there is no room; what is lost shows in the overflow flag.
    #[test]
    fn page_requests_fill_their_queue(groups in proptest::collection::vec(0u16..512, 1..8)) {
        let mut lab = Lab::new(Config::playground());
        for (i, group) in groups.iter().enumerate() {
            let request = PageRequest {
                requester: RequesterId::new(SID),
                pasid: Pasid::new(i as u32),
                at: Iova::new(VA),
                want: Perms::RW,
                last: true,
                group: *group,
            };
            let taken = lab.unit.page_request(&mut lab.memory, &request, &mut Off);
            prop_assert_eq!(taken, i < 4);
            if taken {
                let word = lab.memory.peek_u64(PhysAddr::new(PAGES + i as u64 * 16 + 8));
                prop_assert_eq!((word & 0x1ff, word >> 12), (u64::from(*group), VA >> 12));
            }
        }
        let prod = lab.unit.file().get(priq_prod::OFFSET, 4);
        prop_assert_eq!(prod >> 31 != 0, groups.len() > 4);
    }

    /// A stalled transaction waits under the name in its event, until software decides; no more wait than STALL_MAX.
    #[test]
    fn stalls_end_as_software_says(count in 1usize..20, ends in proptest::collection::vec(0u8..3, 20), all: bool) {
        let mut lab = Lab::new(Config::playground());
        let leaf = simple(&mut lab, |w| w, |w| w.with_flag(cd::S, true));
        lab.store(leaf, &[0]);
        let room = lab.unit.config().idr5(idr5::STALL_MAX) as usize;
        let mut names = Vec::new();
        for i in 0..count {
            match lab.ask(read(VA)) {
                Reply::Stalled(name, _) => {
                    prop_assert!(i < room);
                    let words = lab.event().unwrap();
                    prop_assert_eq!((words[1] & 0xffff, words[1] >> 31 & 1), (u64::from(name), 1));
                    names.push(name);
                }
                other => prop_assert!(i >= room, "{:?}", other),
            }
        }
        prop_assert_eq!(lab.unit.waiting().len(), names.len());
        let mut expected = Vec::new();
        if all {
            lab.command([u64::from(opcode::STALL_TERM) | u64::from(SID) << 32, 0]);
            expected.extend(names.iter().map(|name| (*name, Resumed::Abort)));
        } else {
            for (name, end) in names.iter().zip(&ends) {
                let words = [u64::from(opcode::RESUME) | u64::from(SID) << 32, 0]
                    .with(resume::STAG, (*name).into())
                    .with_flag(resume::AC, *end == 0)
                    .with_flag(resume::AB, *end == 1);
                lab.command(words);
                expected.push((*name, [Resumed::Retry, Resumed::Abort, Resumed::Abort][usize::from(*end)]));
            }
        }
        prop_assert_eq!(lab.unit.take_decided(), expected);
        prop_assert!(lab.unit.waiting().is_empty());
    }

    /// With the contiguous bit one walk serves 16 pages; without it only its own.
    #[test]
    fn the_contiguous_bit_reaches_16_pages(there: bool, other in 0u64..16) {
        let mut lab = Lab::new(Config::playground());
        let leaf = simple(&mut lab, |w| w, |w| w);
        let (start, page) = (VA & !0xffff, VA >> 12 & 15);
        for i in 0..16 {
            let word = (0x5000_0000 + i * 0x1000) | 0x743 | u64::from(there) << 52;
            lab.store(leaf - page * 8 + i * 8, &[word]);
        }
        prop_assert_eq!(reached(lab.ask(read(VA))).map(|r| r.to), Some(0x5000_0000 + page * 0x1000));
        let again = reached(lab.ask(read(start + other * 0x1000))).unwrap();
        prop_assert_eq!(again.to, 0x5000_0000 + other * 0x1000);
        prop_assert_eq!(again.cached, there || other == page);
    }

    /// Hardware sets the access flag on any access, and makes a page writable on a write where DBM lets it.
    #[test]
    fn hardware_update_sets_a_and_then_d(ha: bool, hd: bool, write: bool, flag: bool, dbm: bool, read_only: bool) {
        prop_assume!(ha || !hd);
        let mut lab = Lab::new(Config::playground());
        let leaf = simple(&mut lab, |w| w, |w| w.with_flag(cd::HA, ha).with_flag(cd::HD, hd));
        let before = 0x5000_0343 | u64::from(flag) << 10 | u64::from(read_only) << 7 | u64::from(dbm) << 51;
        lab.store(leaf, &[before]);
        let perms = if write { Perms::W } else { Perms::R };
        let reply = lab.ask(transaction(None, perms, VA, RequestKind::Untranslated));
        let after = lab.memory.peek_u64(PhysAddr::new(leaf));
        let event = lab.event().map(|words| words[0] & 0xff);
        if !flag && !ha {
            prop_assert_eq!((event, after), (Some(0x12), before));
        } else if write && read_only && !(hd && dbm) {
            prop_assert_eq!(event, Some(0x13));
            prop_assert_eq!(after & 0x80, 0x80);
        } else {
            prop_assert!(reached(reply).is_some());
            let cleaned = if write && read_only { before & !0x80 } else { before };
            prop_assert_eq!(after, cleaned | 0x400);
        }
    }

    /// Whatever registers and tables hold, every request is answered and every command taken or refused.
    #[test]
    fn nothing_in_registers_or_memory_breaks_the_unit(
        writes in proptest::collection::vec((0u32..0x2_0140, any::<u64>(), any::<bool>()), 0..40),
        words in proptest::collection::vec((0u64..0x4000, any::<u64>()), 0..200),
        requests in proptest::collection::vec((0u32..300, any::<u64>(), any::<bool>(), any::<Option<u32>>()), 1..20),
    ) {
        let mut lab = Lab::new(Config::playground());
        for (at, word) in words {
            lab.store(STREAMS + at * 8, &[word]);
        }
        // What is on guards its registers.
        lab.set(cr0::OFFSET, 4, 0);
        for (at, value, wide) in writes {
            let at = if at % 3 == 0 { at & !3 } else { at & 0xfc };
            let value = if value % 4 == 0 { value & 0xffff_ffff | STREAMS } else { value };
            lab.set(at, if wide { 8 } else { 4 }, value);
        }
        lab.set(cr0::OFFSET, 4, 0x1f);
        for (stream, at, write, substream) in requests {
            let perms = if write { Perms::W } else { Perms::R };
            let asked = Transaction { stream, substream, ..transaction(None, perms, at, RequestKind::Untranslated) };
            lab.ask(asked);
            lab.ask(Transaction { kind: RequestKind::Translation { no_write: !write }, ..asked });
        }
    }
}

/// The overflow flag of the event queue toggles once, and software makes the two equal again.
#[test]
fn a_full_event_queue_says_that_it_lost_some() {
    let mut lab = Lab::new(Config::playground());
    let leaf = simple(&mut lab, |w| w.with_flag(ste::S1STALLD, true), |w| w);
    lab.store(leaf, &[0]);
    for i in 0..70u64 {
        lab.ask(read(VA));
        let prod = lab.unit.file().get(eventq_prod::OFFSET, 4);
        assert_eq!((prod & 0xffff, prod >> 31), ((i + 1).min(64), u64::from(i >= 64)));
    }
    let prod = lab.unit.file().get(eventq_prod::OFFSET, 4);
    lab.set(eventq_cons::OFFSET, 4, prod);
    lab.ask(read(VA));
    assert_eq!(lab.unit.file().get(eventq_prod::OFFSET, 4), prod + 1);
}
