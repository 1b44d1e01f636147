//! What only AMD-Vi has, and no recording covers: guest tables by GCR3, alone and nested; guest-mode interrupts and their
//! log; page requests; the exclusion range; accessed and dirty bits; what features forbid.

use iommu_core::addr::{Iova, Pasid, RequesterId};
use iommu_core::iommu::amdvi::spec::registers::{self as reg, control, status};
use iommu_core::iommu::amdvi::spec::structures::dte;
use iommu_core::iommu::amdvi::translate::Answer;
use iommu_core::iommu::amdvi::{Config, Reply};
use iommu_core::iommu::{PageRequest, Request, RequestKind, Unit};
use iommu_core::spec::Bits;
use iommu_core::trace::{Event as Step, InterruptKind, Off, Perms, Trace};
use proptest::prelude::*;

#[path = "support/amdvi_lab.rs"]
mod amdvi_lab;
use amdvi_lab::*;

proptest! {
    /// Nine bits of a PASID a level, and a page fault of the PASID where there is no place for it or no entry.
    #[test]
    fn a_pasid_finds_its_tables_through_one_to_three_levels(glx in 0u64..3, pasid in 0u32..1 << 20, at in 0u64..1 << 47) {
        let mut m = Machine::new(Config::playground());
        m.entry(guest(open(), GCR3, glx));
        m.path(ROOT, at, 0x9000_0000, |next, _| next | X86, X86);
        let mut table = GCR3;
        for level in (0..=glx).rev() {
            let slot = table + (u64::from(pasid) >> (9 * level) & 0x1ff) * 8;
            let next = if level == 0 { ROOT } else { table + 0x1000 };
            m.put(slot, next | 1);
            table = next;
        }
        let request = write(at, Some(pasid));
        if u64::from(pasid) >> (9 * (glx + 1)) == 0 {
            prop_assert_eq!(m.reached(&request).to, 0x9000_0000 | at & 0xfff);
            // Another PASID in the same table has none.
            let event = m.refused(&write(at, Some(pasid ^ 1)));
            prop_assert_eq!((event.pasid, event.present, event.address), (Some(pasid ^ 1), false, at & !0xfff));
        } else {
            let event = m.refused(&request);
            prop_assert_eq!((event.code.code, event.pasid, event.present), (2, Some(pasid), false));
        }
    }
}

/// A guest's tables, at guest-physical addresses, over host tables that move everything up by 4 GiB, read by pages.
fn nested() -> Machine {
    let mut m = Machine::new(Config::playground());
    let host = 0x100_0000;
    m.entry(
        guest(open(), GCR3, 0).with(dte::MODE, 4).with_address(dte::HOST_ROOT, host).with(dte::DOMAIN_ID, 7),
    );
    m.put(GCR3 + 5 * 8, ROOT | 1);
    let up = 1 << 32;
    for page in 0..=4 {
        let at = ROOT + page * 0x1000;
        m.path(host, at, at + up, |next, level| next | HOST | (u64::from(level) - 1) << 9, HOST);
    }
    m.path(host, 0x60_0000, 0x9000_0000, |next, level| next | HOST | (u64::from(level) - 1) << 9, HOST);
    // The paths above share one table each level: the last one is right for all, since they are 2 MiB apart at most.
    m.path(ROOT + up, 0x7f00_0000_1000, 0x60_0000, |next, _| (next - up) | X86, X86);
    m
}

#[test]
fn nested_translation_reads_host_tables_for_every_table_of_the_guest() {
    let mut m = nested();
    let mut trace = Trace::new();
    let reply = m.unit.ask(&mut m.memory, &write(0x7f00_0000_1234, Some(5)), &mut trace);
    match reply {
        Reply::Answer(Answer::Memory(reached)) => assert_eq!(reached.to, 0x9000_0234),
        other => panic!("{other:x?}"),
    }
    let reads = trace.steps().iter().filter(|step| matches!(step.event, Step::Read { .. })).count();
    // The device table entry and the GCR3 entry, then 4 x 4 + 4 + 4.
    assert_eq!(reads, 2 + 24);
    // What the host's tables refuse is about a guest-physical address: GN = 0, with the DomainID.
    // Its entry is the first of its table: a multiple of 2 MiB.
    let slot = 0x100_0000 + 3 * 0x1000;
    let mut fresh = nested();
    fresh.put(slot, 0);
    let event = fresh.refused(&write(0x7f00_0000_1234, Some(5)));
    assert_eq!((event.pasid, event.domain, event.address, event.present), (None, 7, 0x60_0000, false));
}

#[test]
fn without_a_pasid_guest_tables_are_used_only_where_giov_says_so() {
    let mut m = Machine::new(Config::playground());
    m.path(ROOT, 0x4000, 0x9000_0000, |next, _| next | X86, X86);
    m.put(GCR3, ROOT | 1);
    m.entry(guest(open(), GCR3, 0));
    // Mode 0: as it is.
    assert_eq!(m.reached(&write(0x4000, None)).to, 0x4000);
    m = Machine::new(Config::playground());
    m.path(ROOT, 0x4000, 0x9000_0000, |next, _| next | X86, X86);
    m.put(GCR3, ROOT | 1);
    m.entry(guest(open(), GCR3, 0).with_flag(dte::GIOV, true));
    assert_eq!(m.reached(&write(0x4000, None)).to, 0x9000_0000);
    assert_eq!(m.refused(&write(0x5000, None)).pasid, Some(0));
    // A PASID without guest tables.
    m = Machine::new(Config::playground());
    m.entry(open());
    assert_eq!(m.refused(&write(0x4000, Some(9))).pasid, Some(9));
}

#[test]
fn the_exclusion_range_passes_for_those_that_may() {
    let mut m = Machine::new(Config::playground());
    m.set(&reg::EXCLUSION_LIMIT, 0x5000);
    m.set(&reg::EXCLUSION_BASE, 0x4000 | 1);
    let closed = open().with(dte::MODE, 4).with_address(dte::HOST_ROOT, 0x100_0000);
    m.entry(closed.with_flag(dte::EX, true));
    for (at, passes) in [(0x3fff, false), (0x4000, true), (0x5ff8, true), (0x6000, false)] {
        let passed = matches!(m.ask(&write(at, None)), Reply::Answer(Answer::Memory(r)) if r.to == at);
        assert_eq!(passed, passes, "{at:#x}");
    }
    let mut m = Machine::new(Config::playground());
    m.set(&reg::EXCLUSION_LIMIT, 0x5000);
    m.set(&reg::EXCLUSION_BASE, 0x4000 | 1);
    m.entry(closed);
    m.refused(&write(0x4000, None));
    m.set(&reg::EXCLUSION_BASE, 0x4000 | 3);
    assert_eq!(m.reached(&write(0x4000, None)).to, 0x4000);
}

#[test]
fn accessed_and_dirty_bits_are_set_as_had_says() {
    for (had, read, written) in [(0u64, 0u64, 0u64), (1, 0x20, 0x20), (3, 0x20, 0x60)] {
        let mut m = Machine::new(Config::playground());
        let root = 0x100_0000;
        m.path(root, 0x4000, 0x9000_0000, |next, level| next | HOST | (u64::from(level) - 1) << 9, HOST);
        m.entry(open().with(dte::MODE, 4).with_address(dte::HOST_ROOT, root).with(dte::HAD, had));
        let leaf = root + 3 * 0x1000 + 4 * 8;
        m.reached(&Request { want: Perms::R, ..write(0x4000, None) });
        assert_eq!(m.word(leaf) & 0x60, read, "HAD {had}");
        m.reached(&write(0x4000, None));
        assert_eq!(m.word(leaf) & 0x60, written, "HAD {had}");
        assert_eq!(m.word(root) & 0x20, read, "tables are marked too");
    }
}

#[test]
fn an_interrupt_for_a_guest_is_posted_and_logged_while_the_guest_does_not_run() {
    let mut m = Machine::new(Config::playground());
    let (table, page) = (0x60_0000u64, 0x70_0000u64);
    let entry = open().with_flag(dte::IV, true).with(dte::INTTABLEN, 4).with_address(dte::INT_ROOT, table);
    m.entry(entry.with(dte::INTCTL, 2));
    let message = Request { data: Some(3), bytes: 4, ..write(0xfee0_0000, None) };
    // Guest mode, GALogIntr, tag 0xabcd, vector 0x51.
    let low = 1 | 1 << 2 | 1 << 7 | 0xabcd << 32;
    m.put(table + 3 * 16, low);
    m.put(table + 3 * 16 + 8, 0x51 | page);
    for round in 1..=2 {
        match m.ask(&message) {
            Reply::Answer(Answer::Interrupt(i)) => {
                assert_eq!((i.vector, i.how), (0x51, InterruptKind::Posted));
            }
            other => panic!("{other:x?}"),
        }
        assert_eq!(m.word(page + 0x200 + 2 * 16), 1 << (0x51 % 32));
        assert_eq!(m.get(&reg::GA_TAIL), round * 8);
        assert_eq!(m.word(GUEST_LOG + (round - 1) * 8), 1 << 60 | u64::from(NIC) << 32 | 0xabcd);
    }
    assert!(m.get(&reg::STATUS).is_set(status::GA_INT));
    // Running: the doorbell is enough.
    let mut m2 = Machine::new(Config::playground());
    m2.entry(entry.with(dte::INTCTL, 2));
    m2.put(table + 3 * 16, low | 1 << 6);
    m2.put(table + 3 * 16 + 8, 0x51 | page);
    m2.ask(&message);
    assert_eq!(m2.get(&reg::GA_TAIL), 0);
    // Without GAMEn guest mode is refused, RZ = 1.
    let mut m3 = Machine::new(Config::playground());
    let on = m3.get(&reg::CONTROL);
    m3.set(&reg::CONTROL, on.with(control::GAM_EN, 0));
    m3.entry(entry.with(dte::INTCTL, 2));
    m3.put(table + 3 * 16, low);
    let event = m3.refused(&message);
    assert_eq!((event.interrupt, event.present, event.reserved), (true, true, true));
}

#[test]
fn page_requests_wait_in_their_log_until_it_is_full_and_start_again() {
    let mut m = Machine::new(Config::playground());
    let request = PageRequest {
        requester: RequesterId::new(NIC.into()),
        pasid: Pasid::new(5),
        at: Iova::new(0x4000),
        want: Perms::RW,
        last: true,
        group: 9,
    };
    m.entry(open());
    assert!(
        !m.unit.page_request(&mut m.memory, &request, &mut Off),
        "a device without an IOTLB has none to make"
    );
    // PASID and PPRTag (its bit 9 says the last) are where page requests have them.
    assert_eq!(m.word(LOG), 9 << 60 | 0x209 << 32 | 5 << 16 | u64::from(NIC), "INVALID_PPR_REQUEST");
    assert_eq!(m.word(LOG + 8), 0x4000);
    // Nor has a PASID without guest tables.
    let mut m = Machine::new(Config::playground());
    let entry = open().with_flag(dte::I, true).with_flag(dte::PPR, true);
    m.entry(entry);
    assert!(!m.unit.page_request(&mut m.memory, &request, &mut Off));
    assert_eq!(m.word(LOG) >> 60, 9);
    let mut m = Machine::new(Config::playground());
    m.entry(guest(entry, GCR3, 0));
    for _ in 0..255 {
        assert!(m.unit.page_request(&mut m.memory, &request, &mut Off));
    }
    assert!(!m.unit.page_request(&mut m.memory, &request, &mut Off));
    let state = m.get(&reg::STATUS);
    assert!(state.is_set(status::PPR_OVERFLOW) && !state.is_set(status::PPR_RUN));
    // Read, cleared, off and on.
    let tail = m.get(&reg::PPR_TAIL);
    m.set(&reg::PPR_HEAD, tail);
    m.set(&reg::STATUS, 0u64.with_flag(status::PPR_OVERFLOW, true));
    assert!(!m.unit.page_request(&mut m.memory, &request, &mut Off), "not before it is turned on again");
    let on = m.get(&reg::CONTROL);
    m.set(&reg::CONTROL, on.with_flag(control::PPR_LOG_EN, false));
    m.set(&reg::CONTROL, on);
    assert!(m.unit.page_request(&mut m.memory, &request, &mut Off));
}

#[test]
fn identity_is_illegal_with_secure_nested_paging_and_guests_without_their_feature() {
    use iommu_core::iommu::amdvi::spec::registers::efr;
    let mut config = Config::playground();
    config.snp = true;
    for words in [open(), dte::ZERO] {
        let mut m = Machine::new(config);
        m.entry(words);
        assert!(matches!(m.ask(&write(0x4000, None)), Reply::Answer(_)), "without SNPSup: {words:x?}");
        let mut m = Machine::new(Config { efr: config.efr.with_flag(efr::SNP_SUP, true), ..config });
        m.entry(words);
        assert_eq!(m.refused(&write(0x4000, None)).code.code, 1);
    }
    let mut m =
        Machine::new(Config { efr: config.efr.with_flag(efr::GT_SUP, false), ..Config::playground() });
    m.entry(guest(open(), GCR3, 0));
    assert_eq!(m.refused(&write(0x4000, Some(1))).code.code, 1);
}

#[test]
fn a_translation_request_is_answered_with_the_rights_there_are() {
    let mut m = Machine::new(Config::playground());
    let root = 0x100_0000;
    m.path(root, 0x4000, 0x9000_0000, |next, level| next | HOST | (u64::from(level) - 1) << 9, 1 << 61 | 1);
    let entry = open().with(dte::MODE, 4).with_address(dte::HOST_ROOT, root);
    let ask = Request { kind: RequestKind::Translation { no_write: false }, ..write(0x4000, None) };
    m.entry(entry.with_flag(dte::I, true));
    assert_eq!(m.reached(&ask).perms.and(Perms::RW), Perms::R);
    let mut m = Machine::new(Config::playground());
    m.entry(entry);
    let event = m.refused(&ask);
    assert_eq!((event.code.code, event.translation), (8, true), "I = 0: INVALID_DEVICE_REQUEST");
}

proptest! {
    /// Whatever is in memory and registers, a request has an answer.
    #[test]
    fn any_tables_registers_and_requests_are_answered(
        words in proptest::array::uniform4(any::<u64>()), fill in any::<u64>(), at in any::<u64>(), pasid in any::<u32>(),
        values in proptest::array::uniform8(any::<u64>()), kind in 0u8..4,
    ) {
        let mut m = Machine::new(Config::playground());
        let registers = [&reg::EXCLUSION_BASE, &reg::EXCLUSION_LIMIT, &reg::CONTROL, &reg::COMMAND_BASE, &reg::COMMAND_HEAD,
            &reg::COMMAND_TAIL, &reg::EVENT_HEAD, &reg::STATUS];
        m.entry(words);
        for i in 0..512 {
            m.put((words[0] & 0xf_ffff_ffff_f000) + i * 8, fill.rotate_left(i as u32));
        }
        for (register, value) in registers.into_iter().zip(values) {
            m.set(register, value);
        }
        let request = match kind {
            0 => write(at, None),
            1 => write(at, Some(pasid & 0xf_ffff)),
            2 => Request { data: Some(pasid), bytes: 4, ..write(0xfee0_0000 | at & 0xf_ffff, None) },
            _ => Request { kind: RequestKind::Translation { no_write: pasid & 1 != 0 }, ..write(at, None) },
        };
        m.ask(&request);
        m.ask(&request);
    }
}
