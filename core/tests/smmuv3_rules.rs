//! The rules of IHI 0070, one a row: which stream table entries and context descriptors are legal, what records say, how ATS
//! requests end, what registers do. They are written out here once more, apart from the product.

use iommu_core::addr::{AddrRange, Iova, PhysAddr, RequesterId};
use iommu_core::iommu::registers::Registers;
use iommu_core::iommu::smmuv3::spec::commands::{cs, opcode, sync};
use iommu_core::iommu::smmuv3::spec::registers::*;
use iommu_core::iommu::smmuv3::spec::structures::{config, eats, s1dss, s1fmt};
use iommu_core::iommu::smmuv3::spec::{cd, l1cd, ste};
use iommu_core::iommu::smmuv3::translate::Transaction;
use iommu_core::iommu::smmuv3::{ring, Config, Reply};
use iommu_core::iommu::{PageRequest, Refusal, RequestKind, Unit as _};
use iommu_core::memory::Failure;
use iommu_core::spec::{Bits, Field};
use iommu_core::trace::{Off, Perms};

#[path = "support/smmuv3_lab.rs"]
mod smmuv3_lab;
use smmuv3_lab::*;

const LEGAL: u64 = 0;
const BAD_STE: u64 = 0x04;
const BAD_CD: u64 = 0x0a;

fn with(word: &mut u32, field: Field, value: u64) {
    *word = u64::from(*word).with(field, value) as u32;
}

/// The number of the event that a read makes, 0 where it is translated.
fn outcome(lab: &mut Lab) -> u64 {
    match lab.ask(read(VA)) {
        Reply::Reached(_) => LEGAL,
        Reply::Stopped { stopped, .. } => u64::from(stopped.code.map_or(0xff, |code| code.code)),
        Reply::Stalled(..) => 0xfe,
    }
}

/// A nested stream whose tables map everything that stage 1 needs onto itself.
fn nested(unit: Config, entry: impl Fn(ste::Words) -> ste::Words) -> Lab {
    let mut lab = Lab::new(unit);
    let below = lab.frame(1);
    let leaf = simple(&mut lab, |words| entry(with_second(words, below)), |words| words);
    let second = second();
    let used = 0x1000_0000 + lab.frames.used();
    for page in (0x1000_0000..used).step_by(0x1000).chain([0x5000_0000, leaf & !0xfff]) {
        lab.map(&second, below, page, page, Perms::RW);
    }
    lab
}

type Change = fn(ste::Words) -> ste::Words;
type Unit = fn(&mut Config);

#[test]
fn stream_table_entries_are_legal_by_the_rules_of_5_2() {
    let same: Unit = |_| ();
    let rows: &[(&str, Unit, Change, u64)] = &[
        ("as it is", same, |w| w, LEGAL),
        ("V is 0", same, |w| w.with_flag(ste::V, false), BAD_STE),
        ("no stage 1", |c| with(&mut c.idr0, idr0::S1P, 0), |w| w, BAD_STE),
        ("STRW 1", same, |w| w.with(ste::STRW, 1), BAD_STE),
        ("STRW 3", same, |w| w.with(ste::STRW, 3), BAD_STE),
        ("STRW 3, no EL2", |c| with(&mut c.idr0, idr0::HYP, 0), |w| w.with(ste::STRW, 3), LEGAL),
        ("S1CDMax too large", |c| with(&mut c.idr1, idr1::SSIDSIZE, 4), |w| w.with(ste::S1CDMAX, 5), BAD_STE),
        (
            "S1CDMax, no substreams",
            |c| with(&mut c.idr1, idr1::SSIDSIZE, 0),
            |w| w.with(ste::S1CDMAX, 5),
            LEGAL,
        ),
        (
            "two levels, no CD2L",
            |c| with(&mut c.idr0, idr0::CD2L, 0),
            |w| w.with(ste::S1CDMAX, 5).with(ste::S1FMT, 1),
            BAD_STE,
        ),
        ("S1Fmt 3 is 0", same, |w| w.with(ste::S1CDMAX, 5).with(ste::S1FMT, 3).with(ste::S1DSS, 2), LEGAL),
        ("S1DSS 3 is 0", same, |w| w.with(ste::S1CDMAX, 5).with(ste::S1DSS, 3), 0x06),
        ("S1ContextPtr too wide", same, |w| w.with(ste::S1CONTEXTPTR, 1 << (48 - 6)), BAD_STE),
        ("S1STALLD", same, |w| w.with_flag(ste::S1STALLD, true), LEGAL),
        (
            "S1STALLD, no stalls",
            |c| with(&mut c.idr0, idr0::STALL_MODEL, 1),
            |w| w.with_flag(ste::S1STALLD, true),
            BAD_STE,
        ),
        ("VMID of 9 bits", |c| with(&mut c.idr0, idr0::VMID16, 0), |w| w.with(ste::S2VMID, 0x100), BAD_STE),
        ("EATS 3 is 0", same, |w| w.with(ste::EATS, 3), LEGAL),
        ("split-stage ATS with one stage", same, |w| w.with(ste::EATS, eats::SPLIT), BAD_STE),
        (
            "ATS off: EATS is not looked at",
            |c| with(&mut c.idr0, idr0::ATS, 0),
            |w| w.with(ste::EATS, eats::SPLIT),
            LEGAL,
        ),
        (
            "abort: nothing else is looked at",
            same,
            |w| w.with(ste::CONFIG, config::ABORT).with(ste::STRW, 3),
            0xff,
        ),
        (
            "bypass: nothing else is looked at",
            same,
            |w| w.with(ste::CONFIG, config::BYPASS).with(ste::STRW, 3),
            LEGAL,
        ),
    ];
    for (name, unit, change, expected) in rows {
        let mut config = Config::playground();
        unit(&mut config);
        let mut lab = Lab::new(config);
        simple(&mut lab, change, |w| w);
        assert_eq!(outcome(&mut lab), *expected, "{name}");
    }
}

#[test]
fn stage_2_is_legal_by_the_rules_of_5_2() {
    let same: Unit = |_| ();
    let rows: &[(&str, Unit, Change, u64)] = &[
        ("as it is", same, |w| w, LEGAL),
        ("no stage 2", |c| with(&mut c.idr0, idr0::S2P, 0), |w| w, BAD_STE),
        ("VMSAv8-32", same, |w| w.with_flag(ste::S2AA64, false), BAD_STE),
        ("S2TG 3", same, |w| w.with(ste::S2TG, 3), BAD_STE),
        ("no 16 KiB granule", |c| with(&mut c.idr5, idr5::GRAN16K, 0), |w| w.with(ste::S2TG, 2), BAD_STE),
        ("S2T0SZ too small", same, |w| w.with(ste::S2T0SZ, 15), BAD_STE),
        ("S2T0SZ too large", same, |w| w.with(ste::S2T0SZ, 40), BAD_STE),
        ("S2SL0 3", same, |w| w.with(ste::S2SL0, 3), BAD_STE),
        ("S2SL0 one level too low", same, |w| w.with(ste::S2SL0, 1), BAD_STE),
        ("S2TTB beyond S2PS", same, |w| w.with(ste::S2PS, 0).with(ste::S2TTB, 1 << (32 - 4)), BAD_STE),
        ("big-endian", |c| with(&mut c.idr0, idr0::TTENDIAN, 2), |w| w.with_flag(ste::S2ENDI, true), BAD_STE),
        ("S2HD alone", same, |w| w.with_flag(ste::S2HD, true), LEGAL),
        ("S2HA, no HTTU", |c| with(&mut c.idr0, idr0::HTTU, 0), |w| w.with_flag(ste::S2HA, true), BAD_STE),
        (
            "S2HD, HTTU of the access flag",
            |c| with(&mut c.idr0, idr0::HTTU, 1),
            |w| w.with_flag(ste::S2HD, true),
            BAD_STE,
        ),
        (
            "S2S, no stalls",
            |c| with(&mut c.idr0, idr0::STALL_MODEL, 1),
            |w| w.with_flag(ste::S2S, true),
            BAD_STE,
        ),
        ("no S2S, stalls forced", |c| with(&mut c.idr0, idr0::STALL_MODEL, 2), |w| w, BAD_STE),
        ("ATS and stalls", same, |w| w.with(ste::EATS, eats::FULL).with_flag(ste::S2S, true), BAD_STE),
        ("split-stage ATS", same, |w| w.with(ste::EATS, eats::SPLIT), LEGAL),
        (
            "split-stage ATS, NS1ATS",
            |c| with(&mut c.idr0, idr0::NS1ATS, 1),
            |w| w.with(ste::EATS, eats::SPLIT),
            BAD_STE,
        ),
        ("STRW is not looked at", same, |w| w.with(ste::STRW, 3), LEGAL),
    ];
    for (name, unit, change, expected) in rows {
        let mut config = Config::playground();
        unit(&mut config);
        let mut lab = nested(config, change);
        assert_eq!(outcome(&mut lab), *expected, "{name}");
    }
}

#[test]
fn context_descriptors_are_legal_by_the_rules_of_5_4() {
    type Change = fn(cd::Words) -> cd::Words;
    let same: Unit = |_| ();
    let none: Unit = |c| with(&mut c.idr0, idr0::STALL_MODEL, 1);
    let rows: &[(&str, Unit, Change, u64)] = &[
        ("as it is", same, |w| w, LEGAL),
        ("V is 0", same, |w| w.with_flag(cd::V, false), BAD_CD),
        ("VMSAv8-32", same, |w| w.with_flag(cd::AA64, false), BAD_CD),
        ("A is 0, TERM_MODEL", same, |w| w.with_flag(cd::A, false), BAD_CD),
        ("A is 0", |c| with(&mut c.idr0, idr0::TERM_MODEL, 0), |w| w.with_flag(cd::A, false), LEGAL),
        ("S, no stalls", none, |w| w.with_flag(cd::S, true), BAD_CD),
        ("no S, stalls forced", |c| with(&mut c.idr0, idr0::STALL_MODEL, 2), |w| w, BAD_CD),
        ("HA, no HTTU", |c| with(&mut c.idr0, idr0::HTTU, 0), |w| w.with_flag(cd::HA, true), BAD_CD),
        (
            "HD, HTTU of the access flag",
            |c| with(&mut c.idr0, idr0::HTTU, 1),
            |w| w.with_flag(cd::HD, true),
            BAD_CD,
        ),
        ("HD alone", same, |w| w.with_flag(cd::HD, true), LEGAL),
        ("ASID of 9 bits", |c| with(&mut c.idr0, idr0::ASID16, 0), |w| w.with(cd::ASID, 0x100), BAD_CD),
        ("T0SZ too small", same, |w| w.with(cd::T0SZ, 15), BAD_CD),
        ("T0SZ too large", same, |w| w.with(cd::T0SZ, 40), BAD_CD),
        ("T0SZ of 48, small tables", |c| with(&mut c.idr3, idr3::STT, 1), |w| w.with(cd::T0SZ, 48), 0x10),
        ("TG0 3", same, |w| w.with(cd::TG0, 3), BAD_CD),
        ("TTB0 beyond IPS", same, |w| w.with(cd::IPS, 0).with(cd::TTB0, 1 << (32 - 4)), BAD_CD),
        ("big-endian", |c| with(&mut c.idr0, idr0::TTENDIAN, 2), |w| w.with_flag(cd::ENDI, true), BAD_CD),
        ("EPD0: T0SZ is not looked at", same, |w| w.with(cd::T0SZ, 15).with_flag(cd::EPD0, true), 0x10),
        ("TG1 0 of a half that is on", same, |w| w.with_flag(cd::EPD1, false).with(cd::T1SZ, 16), BAD_CD),
    ];
    for (name, unit, change, expected) in rows {
        let mut config = Config::playground();
        unit(&mut config);
        let mut lab = Lab::new(config);
        simple(&mut lab, |w| w, change);
        assert_eq!(outcome(&mut lab), *expected, "{name}");
    }
    let mut lab = Lab::new(Config::playground());
    simple(&mut lab, |w| w.with_flag(ste::S1STALLD, true), |w| w.with_flag(cd::S, true));
    assert_eq!(outcome(&mut lab), BAD_CD, "S and S1STALLD");
}

#[test]
fn a_level_1_descriptor_that_points_too_far_is_a_bad_substream() {
    let mut lab = Lab::new(Config::playground());
    simple(&mut lab, |w| w.with(ste::S1CDMAX, 8).with(ste::S1FMT, s1fmt::TWO_LEVEL_4K), |w| w);
    let pointer = lab
        .memory
        .peek_u64(PhysAddr::new(STREAMS + u64::from(SID) * 64))
        .bits(Field::value("", 51, 6, "", ""))
        << 6;
    lab.store(pointer, &[0u64.with_flag(l1cd::V, true).with_address(l1cd::L2PTR, 1 << 50)]);
    let with_one = transaction(Some(3), Perms::R, VA, RequestKind::Untranslated);
    lab.ask(with_one);
    assert_eq!(lab.event().map(|words| words[0] & 0xff), Some(0x08));
}

#[test]
fn a_table_that_cannot_be_read_is_of_class_tt() {
    let mut lab = Lab::new(Config::playground());
    simple(&mut lab, |w| w, |w| w.with_address(cd::TTB0, 0x7000_0000));
    lab.memory.fail(AddrRange::new(PhysAddr::new(0x7000_0000), 0x1000).unwrap(), Failure::Access);
    lab.ask(read(VA));
    let words = lab.event().unwrap();
    assert_eq!((words[0] & 0xff, words[1] >> 40 & 3, words[1] >> 39 & 1), (0x0b, 1, 0));
    assert_eq!(words[3], 0x7000_0000 + (VA >> 39 & 511) * 8);
}

#[test]
fn records_say_what_the_stream_table_entry_made_of_a_transaction() {
    // PRIVCFG 3: privileged. An unprivileged read counts, and is recorded, as a privileged one.
    let mut lab = Lab::new(Config::playground());
    let leaf = simple(&mut lab, |w| w.with(ste::PRIVCFG, 3), |w| w);
    lab.store(leaf, &[0]);
    lab.ask(read(VA));
    assert_eq!(lab.event().map(|words| words[1] >> 33 & 1), Some(1));
}

#[test]
fn a_refused_table_says_whether_it_was_to_be_read_or_written() {
    for update in [false, true] {
        // Stage 2 lets the table be read or not, and never written: setting AF is a write.
        let mut lab = nested(Config::playground(), |w| w);
        let entry: ste::Words = std::array::from_fn(|i| {
            lab.memory.peek_u64(PhysAddr::new(STREAMS + u64::from(SID) * 64 + i as u64 * 8))
        });
        let pointer = entry.address(ste::S1CONTEXTPTR);
        let words: cd::Words =
            std::array::from_fn(|i| lab.memory.peek_u64(PhysAddr::new(pointer + i as u64 * 8)));
        lab.store(pointer, &words.with_flag(cd::HA, true));
        let mut table = words.address(cd::TTB0);
        for level in (2..=4u32).rev() {
            table = lab.memory.peek_u64(PhysAddr::new(table + (VA >> (3 + 9 * level) & 511) * 8))
                & 0xffff_ffff_f000;
        }
        let leaf = table + (VA >> 12 & 511) * 8;
        let word = lab.memory.peek_u64(PhysAddr::new(leaf));
        lab.store(leaf, &[word & !(1 << 10)]);
        // The leaf of stage 2 that maps this table.
        let mut below = entry.address(ste::S2TTB);
        for level in (2..=4u32).rev() {
            below = lab.memory.peek_u64(PhysAddr::new(below + (leaf >> (3 + 9 * level) & 511) * 8))
                & 0xffff_ffff_f000;
        }
        let at = below + (leaf >> 12 & 511) * 8;
        let old = lab.memory.peek_u64(PhysAddr::new(at)) & !0xc0;
        lab.store(at, &[old | if update { 0x40 } else { 0 }]);
        lab.ask(read(VA));
        let words = lab.event().unwrap();
        assert_eq!((words[0] & 0xff, words[1] >> 39 & 1, words[1] >> 40 & 3), (0x13, 1, 1), "{words:x?}");
        assert_eq!(words[1] >> 44 & 1, u64::from(!update), "TTRnW");
        assert_eq!(words[3], leaf & !0xfff, "the IPA of the descriptor");
    }
}

#[test]
fn ats_requests_end_as_3_9_1_2_says() {
    let wanted = |kind| Transaction { kind, ..read(VA) };
    let request = wanted(RequestKind::Translation { no_write: true });
    let translated = wanted(RequestKind::Translated);
    let refusal = |reply: Reply| match reply {
        Reply::Stopped { refusal, .. } => Some(refusal),
        _ => None,
    };
    let number = |lab: &Lab| lab.event().map(|words| words[0] & 0xff);

    let mut off = Lab::new(Config::playground());
    off.set(cr0::OFFSET, 4, 0xc);
    assert_eq!(refusal(off.ask(request)), Some(Refusal::UnsupportedRequest));
    assert_eq!(number(&off), Some(0x05));
    off.ask(translated);
    assert_eq!(number(&off), Some(0x07), "translated transactions are refused while translation is off");

    let rows: [(u64, Refusal, Option<u64>); 3] = [
        (config::ABORT, Refusal::UnsupportedRequest, None),
        (config::BYPASS, Refusal::UnsupportedRequest, Some(0x05)),
        (config::S1, Refusal::UnsupportedRequest, Some(0x05)),
    ];
    for (kind, expected, event) in rows {
        let mut lab = Lab::new(Config::playground());
        simple(&mut lab, |w| w.with(ste::CONFIG, kind), |w| w);
        assert_eq!(refusal(lab.ask(request)), Some(expected));
        assert_eq!(number(&lab), event, "Config {kind}");
    }

    let mut lab = Lab::new(Config::playground());
    simple(&mut lab, |w| w.with(ste::EATS, eats::FULL), |w| w.with_flag(cd::V, false));
    assert_eq!(refusal(lab.ask(request)), Some(Refusal::CompleterAbort));
    assert_eq!(number(&lab), None, "a configuration error is answered, not recorded");

    let mut lab = Lab::new(Config::playground());
    simple(&mut lab, |w| w.with_flag(ste::V, false), |w| w);
    lab.ask(translated);
    assert_eq!(number(&lab), None, "nor is that of a translated transaction");

    // What ends in stage 2 needs ATSCHK.
    for check in [false, true] {
        let mut lab = nested(Config::playground(), |w| w.with(ste::EATS, eats::SPLIT));
        lab.set(cr0::OFFSET, 4, if check { 0x1f } else { 0x0f });
        assert_eq!(reached(lab.ask(request)).is_some(), check);
    }
}

/// What records of refused ATS, of streams without a descriptor 0, and of wrong SubstreamIDs have, and what they have not
/// (7.3.6 to 7.3.9).
#[test]
fn records_have_the_fields_of_their_sections() {
    let substream = Some(5);
    let stream = u64::from(SID) << 32;
    let wanted =
        |kind, substream| Transaction { kind, substream, perms: Perms::R, privileged: true, ..read(VA) };
    // F_BAD_ATS_TREQ: StreamID, SubstreamID with SSV, the address.
    let mut lab = Lab::new(Config::playground());
    simple(&mut lab, |w| w.with(ste::S1CDMAX, 4), |w| w);
    lab.ask(wanted(RequestKind::Translation { no_write: true }, substream));
    assert_eq!(lab.event(), Some([0x05 | 1 << 11 | 5 << 12 | stream, 0, VA, 0]));
    // F_TRANSL_FORBIDDEN: StreamID, RnW, the address; nothing of substream or privilege.
    lab.ask(wanted(RequestKind::Translated, substream));
    assert_eq!(lab.event(), Some([0x07 | stream, 1 << 35, VA, 0]));
    // F_STREAM_DISABLED: the StreamID.
    let mut lab = Lab::new(Config::playground());
    simple(&mut lab, |w| w.with(ste::S1CDMAX, 4).with(ste::S1DSS, s1dss::SUBSTREAM_0), |w| w);
    lab.ask(wanted(RequestKind::Untranslated, Some(0)));
    assert_eq!(lab.event(), Some([0x06 | stream, 0, 0, 0]));
    // C_BAD_SUBSTREAMID: the SubstreamID without SSV.
    lab.ask(wanted(RequestKind::Untranslated, Some(0x1_2345)));
    assert_eq!(lab.event(), Some([0x08 | 0x1_2345 << 12 | stream, 0, 0, 0]));
}

#[test]
fn the_record_of_a_stalled_transaction_waits_for_room() {
    let mut lab = Lab::new(Config::playground());
    let leaf = simple(&mut lab, |w| w, |w| w.with_flag(cd::S, true));
    lab.store(leaf, &[0]);
    // A queue of two events.
    lab.set(cr0::OFFSET, 4, 0x1b);
    lab.set(eventq_base::OFFSET, 8, EVENTS | 1);
    lab.set(cr0::OFFSET, 4, 0x1f);
    for _ in 0..3 {
        lab.ask(read(VA));
    }
    let prod = |lab: &Lab| lab.unit.file().get(eventq_prod::OFFSET, 4);
    assert_eq!((prod(&lab), lab.unit.waiting().len()), (2, 3), "full, without overflow");
    lab.set(eventq_cons::OFFSET, 4, 1);
    assert_eq!(prod(&lab), 3, "the third is recorded as soon as there is room");
}

#[test]
fn what_bypasses_translation_is_held_against_the_width() {
    let wide = Transaction { at: 1 << 48, ..read(VA) };
    let narrow = Transaction { at: (1 << 48) - 8, ..read(VA) };
    let mut lab = Lab::new(Config::playground());
    simple(&mut lab, |w| w.with(ste::CONFIG, config::BYPASS), |w| w);
    assert!(reached(lab.ask(narrow)).is_some());
    lab.ask(wide);
    assert_eq!(lab.event().map(|w| (w[0] & 0xff, w[1] >> 40 & 3, w[1] >> 39 & 1)), Some((0x11, 2, 0)));
    // Translation off: no event.
    let mut off = Lab::new(Config::playground());
    off.set(cr0::OFFSET, 4, 0xc);
    assert!(reached(off.ask(narrow)).is_some());
    assert!(reached(off.ask(wide)).is_none() && off.event().is_none());
}

#[test]
fn an_overflow_of_page_requests_holds_up_later_ones() {
    let mut lab = Lab::new(Config::playground());
    let request = |group| PageRequest {
        requester: RequesterId::new(SID),
        pasid: None,
        at: Iova::new(VA),
        want: Perms::R,
        last: true,
        group,
    };
    let ask = |lab: &mut Lab, group| lab.unit.page_request(&mut lab.memory, &request(group), &mut Off);
    // A queue of four.
    let taken: Vec<bool> = (0..5).map(|group| ask(&mut lab, group)).collect();
    assert_eq!(taken, [true, true, true, true, false]);
    let get = |lab: &Lab| lab.unit.file().get(priq_prod::OFFSET, 4);
    assert_eq!(get(&lab) >> 31, 1);
    // Room alone is not enough; the acknowledgement is.
    lab.set(priq_cons::OFFSET, 4, 2);
    assert!(!ask(&mut lab, 5));
    lab.set(priq_cons::OFFSET, 4, 2 | 1 << 31);
    assert!(ask(&mut lab, 6));
}

#[test]
fn gbpa_takes_a_write_with_update_only() {
    let mut lab = Lab::new(Config::playground());
    lab.set(cr0::OFFSET, 4, 0xc);
    let abort = gbpa::ABORT.mask();
    let now = |lab: &Lab| lab.unit.file().get(gbpa::OFFSET, 4);
    lab.set(gbpa::OFFSET, 4, abort);
    assert!(!now(&lab).is_set(gbpa::ABORT));
    assert!(reached(lab.ask(read(0x1234))).is_some_and(|r| r.to == 0x1234));
    lab.set(gbpa::OFFSET, 4, abort | gbpa::UPDATE.mask());
    assert!(now(&lab).is_set(gbpa::ABORT) && !now(&lab).is_set(gbpa::UPDATE));
    assert!(matches!(lab.ask(read(0x1234)), Reply::Stopped { stopped, .. } if stopped.code.is_none()));
}

#[test]
fn a_sync_writes_its_message_and_an_error_waits_for_its_acknowledgement() {
    let mut lab = Lab::new(Config::playground());
    let done = [u64::from(opcode::SYNC), 0]
        .with(sync::CS, cs::IRQ)
        .with(sync::MSIDATA, 0x1234_5678)
        .with_address(sync::MSIADDR, 0x6000_0040);
    lab.command(done);
    assert_eq!(lab.memory.peek_u64(PhysAddr::new(0x6000_0040)) as u32, 0x1234_5678);
    let get = |lab: &Lab, at| lab.unit.file().get(at, 4);
    // A command that is none: the queue stands at it with its code until GERRORN is made equal.
    lab.command([0xff, 0]);
    lab.command([u64::from(opcode::SYNC), 0]);
    assert_eq!(get(&lab, cmdq_cons::OFFSET), 1 | 1 << 24);
    assert_eq!(get(&lab, gerror::OFFSET) ^ get(&lab, gerrorn::OFFSET), 1);
    let ring = ring(COMMANDS | 6, 19, 16);
    lab.store(ring.slot(1).raw(), &[u64::from(opcode::SYNC), 0]);
    let seen = get(&lab, gerror::OFFSET);
    lab.set(gerrorn::OFFSET, 4, seen);
    assert_eq!(get(&lab, cmdq_cons::OFFSET) & 0xfffff, 3);
    // A queue that cannot be read: CERROR_ABT.
    lab.memory.fail(AddrRange::new(PhysAddr::new(COMMANDS), 0x1000).unwrap(), Failure::Access);
    lab.unit.write_by(&mut lab.memory, iommu_core::trace::Actor::Cpu, cmdq_prod::OFFSET, 4, 4, &mut Off);
    assert_eq!(get(&lab, cmdq_cons::OFFSET), 3 | 2 << 24);
}

/// Offsets as section 6.2 of the specification lists them.
#[test]
fn registers_are_at_their_offsets() {
    let expected: [(&str, u32, u8); 39] = [
        ("SMMU_IDR0", 0x0, 4),
        ("SMMU_IDR1", 0x4, 4),
        ("SMMU_IDR2", 0x8, 4),
        ("SMMU_IDR3", 0xc, 4),
        ("SMMU_IDR4", 0x10, 4),
        ("SMMU_IDR5", 0x14, 4),
        ("SMMU_IIDR", 0x18, 4),
        ("SMMU_AIDR", 0x1c, 4),
        ("SMMU_CR0", 0x20, 4),
        ("SMMU_CR0ACK", 0x24, 4),
        ("SMMU_CR1", 0x28, 4),
        ("SMMU_CR2", 0x2c, 4),
        ("SMMU_STATUSR", 0x40, 4),
        ("SMMU_GBPA", 0x44, 4),
        ("SMMU_AGBPA", 0x48, 4),
        ("SMMU_IRQ_CTRL", 0x50, 4),
        ("SMMU_IRQ_CTRLACK", 0x54, 4),
        ("SMMU_GERROR", 0x60, 4),
        ("SMMU_GERRORN", 0x64, 4),
        ("SMMU_GERROR_IRQ_CFG0", 0x68, 8),
        ("SMMU_GERROR_IRQ_CFG1", 0x70, 4),
        ("SMMU_GERROR_IRQ_CFG2", 0x74, 4),
        ("SMMU_STRTAB_BASE", 0x80, 8),
        ("SMMU_STRTAB_BASE_CFG", 0x88, 4),
        ("SMMU_CMDQ_BASE", 0x90, 8),
        ("SMMU_CMDQ_PROD", 0x98, 4),
        ("SMMU_CMDQ_CONS", 0x9c, 4),
        ("SMMU_EVENTQ_BASE", 0xa0, 8),
        ("SMMU_EVENTQ_IRQ_CFG0", 0xb0, 8),
        ("SMMU_EVENTQ_IRQ_CFG1", 0xb8, 4),
        ("SMMU_EVENTQ_IRQ_CFG2", 0xbc, 4),
        ("SMMU_PRIQ_BASE", 0xc0, 8),
        ("SMMU_PRIQ_IRQ_CFG0", 0xd0, 8),
        ("SMMU_PRIQ_IRQ_CFG1", 0xd8, 4),
        ("SMMU_PRIQ_IRQ_CFG2", 0xdc, 4),
        ("SMMU_EVENTQ_PROD", 0x100a8, 4),
        ("SMMU_EVENTQ_CONS", 0x100ac, 4),
        ("SMMU_PRIQ_PROD", 0x100c8, 4),
        ("SMMU_PRIQ_CONS", 0x100cc, 4),
    ];
    let own: Vec<_> = ALL.iter().map(|r| (r.name, r.offset, r.bytes)).collect();
    for row in &expected {
        assert!(own.contains(row), "{row:x?}");
    }
    assert_eq!(own.len(), expected.len());
}
