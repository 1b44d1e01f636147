//! What registers do and say, what commands end as, and which refusal logs what: rules one a row, from the kernels and emulators that
//! `docs/sources.md` lists, written out here apart from the product's tables.

use iommu_core::addr::{Iova, PhysAddr, RequesterId};
use iommu_core::iommu::amdvi::spec::registers::{self as reg, efr, efr2};
use iommu_core::iommu::amdvi::spec::structures::dte;
use iommu_core::iommu::amdvi::translate::Answer;
use iommu_core::iommu::amdvi::{AmdViUnit, Config, Reply};
use iommu_core::iommu::{Request, RequestKind, Unit};
use iommu_core::memory::Failure;
use iommu_core::spec::Bits;
use iommu_core::trace::{Event as Step, Off, Perms, Trace};
use proptest::prelude::*;

#[path = "support/amdvi_lab.rs"]
mod amdvi_lab;
use amdvi_lab::*;

/// Where commands are.
const COMMANDS: u64 = 0x23_0000;

fn machine() -> Machine {
    Machine::new(Config::playground())
}

/// A machine with its command buffer on, and the unit's own messages.
fn commanded() -> Machine {
    let mut m = machine();
    m.write(0x8, 8, COMMANDS | 8 << 56);
    let on = m.read(0x18, 8);
    m.write(0x18, 8, on | 1 << 12 | 1 << 4 | 1 << 3);
    m.write(0x15c, 4, 0xfee0_1000);
    m.write(0x164, 4, 0x41);
    m.write(0x158, 4, 1 << 16);
    m
}

impl Machine {
    fn write(&mut self, at: u32, bytes: u8, value: u64) {
        assert!(self.unit.write_register(&mut self.memory, at, bytes, value, &mut Off), "{at:#x}");
    }

    fn read(&self, at: u32, bytes: u8) -> u64 {
        self.unit.read_register(at, bytes, &mut Off).unwrap_or_else(|| panic!("no register at {at:#x}"))
    }

    /// Puts commands at the tail; returns the interrupts that the unit raised.
    fn command(&mut self, list: &[[u64; 2]]) -> Vec<(u32, u32)> {
        let mut tail = self.read(0x2008, 8);
        for words in list {
            self.put(COMMANDS + tail, words[0]);
            self.put(COMMANDS + tail + 8, words[1]);
            tail = (tail + 16) % 4096;
        }
        let mut trace = Trace::new();
        self.unit.write_register(&mut self.memory, 0x2008, 8, tail, &mut trace);
        raised(&trace)
    }

    /// The newest entry of the event log.
    fn logged(&self) -> Option<[u64; 2]> {
        let at = LOG + self.read(0x2018, 8).checked_sub(16)?;
        Some([self.word(at), self.word(at + 8)])
    }
}

fn raised(trace: &Trace) -> Vec<(u32, u32)> {
    let interrupts = trace.steps().iter().filter_map(|step| match step.event {
        Step::Interrupt { vector, destination, .. } => Some((vector, destination)),
        _ => None,
    });
    interrupts.collect()
}

/// Linux amd_iommu_types.h, Xen iommu-defs.h, FreeBSD amd_reg.h, VirtualBox iommu-amd.h: offset and width of each.
#[test]
fn registers_are_at_their_offsets() {
    let m = machine();
    let there: &[(u32, u8, &str)] = &[
        (0x0, 8, "DevTabBase"),
        (0x8, 8, "ComBase"),
        (0x10, 8, "EventBase"),
        (0x18, 8, "Control"),
        (0x20, 8, "ExclBase"),
        (0x28, 8, "ExclLimit"),
        (0x30, 8, "ExtFeature"),
        (0x38, 8, "PPRLogBase"),
        (0xe0, 8, "GALogBase"),
        (0xe8, 8, "GALogTailAddr"),
        (0x100, 8, "DevTabSeg1"),
        (0x108, 8, "DevTabSeg2"),
        (0x110, 8, "DevTabSeg3"),
        (0x118, 8, "DevTabSeg4"),
        (0x120, 8, "DevTabSeg5"),
        (0x128, 8, "DevTabSeg6"),
        (0x130, 8, "DevTabSeg7"),
        (0x150, 4, "MsiVector0"),
        (0x154, 4, "MsiVector1"),
        (0x158, 4, "MsiCapHeader"),
        (0x15c, 4, "MsiAddrLo"),
        (0x160, 4, "MsiAddrHi"),
        (0x164, 4, "MsiData"),
        (0x168, 4, "MsiMapCap"),
        (0x170, 8, "XTGenIntCtl"),
        (0x178, 8, "XTPPRIntCtl"),
        (0x180, 8, "XTGAIntCtl"),
        (0x1a0, 8, "ExtFeature2"),
        (0x2000, 8, "CmdBufHead"),
        (0x2008, 8, "CmdBufTail"),
        (0x2010, 8, "EventLogHead"),
        (0x2018, 8, "EventLogTail"),
        (0x2020, 8, "Status"),
        (0x2030, 8, "PPRLogHead"),
        (0x2038, 8, "PPRLogTail"),
        (0x2040, 8, "GALogHead"),
        (0x2048, 8, "GALogTail"),
    ];
    assert_eq!(reg::ALL.len(), there.len());
    for (register, (at, bytes, name)) in reg::ALL.iter().zip(there) {
        assert_eq!((register.offset, register.bytes, register.name), (*at, *bytes, *name));
        assert!(m.unit.read_register(*at, *bytes, &mut Off).is_some());
    }
    // What is not modelled has no register: hardware events, SMI filters, B logs, device-specific ones, performance, virtual IOMMUs,
    // MARC, automatic responses and warnings, counters.
    let gaps = [
        0x40, 0x50, 0x60, 0xd8, 0xf0, 0xf8, 0x138, 0x148, 0x16c, 0x190, 0x200, 0x258, 0x2050, 0x2058, 0x2070,
        0x2078,
    ];
    for at in gaps.into_iter().chain([0x2080, 0x2088, 0x2090, 0x4000, 0x4_0000]) {
        assert_eq!(m.unit.read_register(at, 4, &mut Off), None, "{at:#x}");
    }
}

/// EFR and EFR2 say what there is, bit for bit, and none of what there is not.
#[test]
fn the_feature_registers_say_what_is_there() {
    let m = machine();
    let word = m.read(0x30, 8);
    let flags = [
        (1, "PPRSup"),
        (2, "XTSup"),
        (3, "NXSup"),
        (4, "GTSup"),
        (6, "IASup"),
        (7, "GASup"),
        (37, "USSup"),
        (46, "MsiCapMmioSup"),
        (48, "GIoSup"),
        (49, "HASup"),
        (52, "HDSup"),
    ];
    let mut want = flags.iter().fold(0u64, |word, (bit, _)| word | 1 << bit);
    // HATS: six levels; GATS: five; GLXSup: three; GAMSup: one mode; DevTblSegSup: eight segments; PASMax: 20 bits.
    want |= 2 << 10 | 1 << 12 | 2 << 14 | 1 << 21 | 3 << 38 | 19 << 32;
    assert_eq!(word, want);
    assert_eq!(m.read(0x1a0, 8), 0);
    // MiscInfo as an EPYC's IVinfo has it: 48 bits of guest addresses, here 52 physical, 64 translated.
    assert_eq!(m.read(0x150, 4), 2 << 5 | 52 << 8 | 64 << 15);
}

/// A bit of Control can be set only where its feature is there: Linux learns IRTCacheDis so.
#[test]
fn control_takes_the_bits_of_features_that_are_there() {
    let mut m = machine();
    m.write(0x18, 8, u64::MAX);
    let low = 0x1fff;
    let there = low | 7 << 13 | 1 << 16 | 1 << 17 | 7 << 25 | 3 << 28 | 3 << 50 | 1 << 59;
    // DevTblSegEn 7 is more than DevTblSegSup has: it stays as it was.
    assert_eq!(m.read(0x18, 8), there);
    m.write(0x18, 8, 3 << 34);
    assert_eq!(m.read(0x18, 8), 3 << 34);
    // A unit with nothing has the rest.
    let mut bare = Config::playground();
    bare.efr = 0;
    let mut m = Machine { unit: AmdViUnit::new(bare), ..machine() };
    m.write(0x18, 8, u64::MAX);
    assert_eq!(m.read(0x18, 8), low | 1 << 59);
    for at in [0x38, 0xe0, 0x100, 0x158, 0x170, 0x2030, 0x2040] {
        assert_eq!(m.unit.read_register(at, 4, &mut Off), None, "{at:#x}");
    }
}

proptest! {
    /// Segments go by the upper bits of the DeviceID; each has a base and a size of its own.
    #[test]
    fn segments_of_the_device_table_go_by_the_upper_bits(device in any::<u16>(), enable in 0u64..4, pages in 0u64..0x200) {
        let mut m = machine();
        let on = m.read(0x18, 8);
        m.write(0x18, 8, on | enable << 34);
        let bits = 16 - enable;
        let (segment, index) = (u64::from(device) >> bits, u64::from(device) & ((1 << bits) - 1));
        let base = 0x1000_0000 + (segment << 24);
        let at = if segment == 0 { 0 } else { 0x100 + 8 * (segment as u32 - 1) };
        m.write(at, 8, base | pages);
        // V, TV, IR, IW, DomainID 9, no host tables.
        m.put(base + index * 32, 3 << 61 | 3);
        m.put(base + index * 32 + 8, 9);
        let request = Request::new(RequesterId::new(device.into()), Iova::new(0x4000), Perms::W, 8);
        let inside = index < (pages + 1) * 128;
        match m.ask(&request) {
            Reply::Answer(Answer::Memory(reached)) => prop_assert!(inside && reached.to == 0x4000),
            // A DeviceID for which there is no entry: a page fault without a domain.
            Reply::Refused(..) => {
                prop_assert!(!inside);
                prop_assert_eq!(m.logged(), Some([2 << 60 | 1 << 53 | u64::from(device), 0x4000]));
            }
            other => prop_assert!(false, "{:?}", other),
        }
    }
}

/// The same register is the guest's physical address of the GCR3 table with GCR3TRPMode, which only ExtFeature2 makes settable.
#[test]
fn gcr3_tables_are_at_guest_physical_addresses_where_the_mode_says_so() {
    let mut config = Config::playground();
    config.efr2 = 1 << 3;
    for (mode, up) in [(false, 0), (true, 1u64 << 32)] {
        let mut m = Machine::new(config);
        let on = m.read(0x18, 8);
        m.write(0x18, 8, if mode { on | 1 << 58 } else { on });
        assert_eq!(m.read(0x18, 8) >> 58 & 1 == 1, mode);
        // Host tables that move everything up by 4 GiB.
        let host = 0x100_0000;
        let level = |next: u64, level: u8| next | HOST | (u64::from(level) - 1) << 9;
        let pages = [GCR3, ROOT, ROOT + 0x1000, ROOT + 0x2000, ROOT + 0x3000, ROOT + 0x4000, 0x60_0000];
        // One table of level 1 for each 2 MiB: a page of them, and the levels above are the same.
        m.put(host, level(host + 0x1000, 4));
        m.put(host + 0x1000, level(host + 0x2000, 3));
        for page in pages {
            let table = host + 0x1_0000 + (page >> 21) * 0x1000;
            m.put(host + 0x2000 + (page >> 21) * 8, level(table, 2));
            m.put(table + (page >> 12 & 0x1ff) * 8, (page + (1 << 32)) | HOST);
        }
        let entry = guest(open(), GCR3, 0).with(dte::MODE, 4).with_address(dte::HOST_ROOT, host);
        m.entry(entry.with(dte::DOMAIN_ID, 7));
        m.put(GCR3 + up + 5 * 8, ROOT | 1);
        m.path(ROOT + (1 << 32), 0x7000, 0x60_0000, |next, _| (next - (1 << 32)) | X86, X86);
        assert_eq!(m.reached(&write(0x7008, Some(5))).to, 0x1_0060_0008);
        // Without an entry there, the PASID has no tables.
        m = Machine { unit: m.unit.clone(), memory: m.memory };
        m.command_all();
        m.put(GCR3 + up + 5 * 8, 0);
        let event = m.refused(&write(0x7008, Some(5)));
        assert_eq!((event.code.code, event.pasid, event.present), (2, Some(5), false));
    }
    let mut plain = machine();
    plain.write(0x18, 8, 1 << 58);
    assert_eq!(plain.read(0x18, 8), 0);
}

impl Machine {
    /// INVALIDATE_IOMMU_ALL.
    fn command_all(&mut self) {
        self.write(0x8, 8, COMMANDS | 8 << 56);
        let on = self.read(0x18, 8);
        self.write(0x18, 8, on | 1 << 12);
        self.command(&[[8 << 60, 0]]);
    }
}

/// Version 2 tables of five levels translate 57 bits, where EFR.GATS says that they are there.
#[test]
fn guest_tables_of_five_levels_translate_57_bits() {
    let at = 0x00ff_1234_5678_9000u64;
    let five = |m: &mut Machine| {
        m.entry(guest(open(), GCR3, 0).with(dte::GUEST_MODE, 1));
        m.put(GCR3 + 5 * 8, ROOT | 1);
        m.put(ROOT + (at >> 48 & 0x1ff) * 8, (ROOT + 0x1_0000) | X86);
        m.path(ROOT + 0x1_0000, at, 0x9000_0000, |next, _| next | X86, X86);
    };
    let mut m = machine();
    five(&mut m);
    assert_eq!(m.reached(&write(at | 0x18, Some(5))).to, 0x9000_0018);
    // Not canonical: bit 56 without those above.
    let event = m.refused(&write(1 << 56, Some(5)));
    assert_eq!((event.code.code, event.pasid, event.present), (2, Some(5), false));
    let mut config = Config::playground();
    config.efr.set(efr::GATS, 0);
    let mut m = Machine::new(config);
    five(&mut m);
    assert_eq!(m.refused(&write(at, Some(5))).code.code, 1);
}

/// HyperTransport's form of interrupts, FD_F8xx_xxxxh, in which EOIs are sent too, goes by IntCtl like messages.
#[test]
fn the_interrupt_and_eoi_range_goes_by_intctl() {
    let table = 0x60_0000u64;
    // Vector 23h, destination 2, logical, lowest priority.
    let at = 0xfd_f800_0000u64 | 0x23 << 16 | 2 << 8 | 1 << 6 | 1 << 2;
    let entry = open().with_flag(dte::IV, true).with(dte::INTTABLEN, 11).with_address(dte::INT_ROOT, table);
    let mut m = machine();
    m.entry(entry.with(dte::INTCTL, 0));
    m.refused(&write(at, None));
    assert_eq!(m.logged(), Some([8 << 60 | 5 << 57 | u64::from(NIC), at]), "INVALID_DEVICE_REQUEST, type 5");
    let mut m = machine();
    m.entry(entry.with(dte::INTCTL, 1));
    match m.ask(&write(at, None)) {
        Reply::Answer(Answer::Interrupt(i)) => {
            assert_eq!((i.vector, i.destination, i.logical, i.kind), (0x23, 2, true, 1));
        }
        other => panic!("{other:x?}"),
    }
    let mut m = machine();
    m.entry(entry.with(dte::INTCTL, 2));
    // The index is the delivery mode over the vector, as in a message's data: 123h.
    m.put(table + 0x123 * 16, 1 | 7 << 8);
    m.put(table + 0x123 * 16 + 8, 0x51);
    match m.ask(&write(at, None)) {
        Reply::Answer(Answer::Interrupt(i)) => assert_eq!((i.vector, i.destination), (0x51, 7)),
        other => panic!("{other:x?}"),
    }
    // A read is none of it; without the ranges it is memory.
    let read = Request { want: Perms::R, ..write(at, None) };
    m.refused(&read);
    assert_eq!(m.logged(), Some([8 << 60 | u64::from(NIC), at]));
    let mut config = Config::playground();
    config.efr2 = 0u64.with_flag(efr2::HT_IGNORE, true);
    let mut m = Machine::new(config);
    m.entry(entry.with(dte::INTCTL, 0));
    assert_eq!(m.reached(&read).to, at);
}

/// illumos amd_iommu_log.c: what each type of INVALID_DEVICE_REQUEST is, for transactions and for translation requests.
#[test]
fn requests_that_are_not_allowed_have_the_type_that_illumos_prints() {
    let open = open().with_flag(dte::I, true);
    let (system, ports) = (0xfd_f910_0000, 0xfd_fc00_0000);
    let untranslated = open.with_flag(dte::TV, false);
    let translate = RequestKind::Translation { no_write: false };
    let plain = RequestKind::Untranslated;
    let (r, w) = (Perms::R, Perms::W);
    let rows = [
        (open, plain, r, 0xfee0_0000u64, Some(0)),
        (open, plain, r, 0xfd_f800_0000, Some(0)),
        (open, plain, r, 0xfd_0000_0000, Some(0)),
        (open.with_flag(dte::I, false), RequestKind::Translated, r, 0x4000, Some(1)),
        (open.with_flag(dte::V, false), RequestKind::Translated, r, 0x4000, Some(1)),
        (open, RequestKind::Translated, r, 0x4000, None),
        (open, plain, w, ports, Some(2)),
        (open.with(dte::IOCTL, 1), plain, w, ports, None),
        (open.with(dte::IOCTL, 2), plain, w, ports, None),
        (untranslated.with(dte::IOCTL, 2), plain, w, ports, Some(7)),
        (open, plain, w, system, Some(3)),
        (open.with(dte::SYSMGT, 1), plain, w, system, None),
        (open.with(dte::SYSMGT, 2), plain, w, system, Some(3)),
        (open.with(dte::SYSMGT, 3), plain, w, system, None),
        (untranslated.with(dte::SYSMGT, 3), plain, w, system, Some(7)),
        (open, plain, r, system, Some(4)),
        (open.with(dte::SYSMGT, 1), plain, r, system, Some(4)),
        (open.with(dte::SYSMGT, 3), plain, r, system, None),
        (open, plain, w, 0xfd_1234_0000, Some(6)),
        (open.with_flag(dte::I, false), translate, r, 0x4000, Some(0)),
        (open.with_flag(dte::V, false), translate, r, 0x4000, Some(0)),
        (untranslated, translate, r, 0x4000, Some(0)),
        (open, translate, r, 0x4000, None),
        (open, translate, r, system, Some(1)),
        (open, translate, r, ports, Some(1)),
    ];
    for (entry, kind, want, at, refused) in rows {
        let mut m = machine();
        m.entry(entry);
        let reply = m.ask(&Request { kind, want, ..write(at, None) });
        let tr = u64::from(kind == translate);
        let wanted = refused.map(|kind| [8 << 60 | kind << 57 | tr << 56 | u64::from(NIC), at]);
        assert_eq!(m.logged(), wanted, "{kind:?} {want:?} {at:#x}: {reply:x?}");
    }
    // IoCtl = 3 is reserved: the entry is illegal, for port I/O.
    let mut m = machine();
    m.entry(open.with(dte::IOCTL, 3));
    m.refused(&write(ports, None));
    assert_eq!(m.logged(), Some([1 << 60 | 1 << 55 | 1 << 53 | u64::from(NIC), ports]));
}

/// An interrupt that no switch lets through is not mapped; IntCtl = 0 has a type of its own; IG silences page faults.
#[test]
fn interrupts_that_are_stopped_log_what_stopped_them() {
    let device = u64::from(NIC);
    let entry =
        open().with_flag(dte::IV, true).with(dte::INTTABLEN, 4).with_address(dte::INT_ROOT, 0x60_0000);
    let entry = entry.with(dte::DOMAIN_ID, 9);
    let fault = |rest: u64| Some([2 << 60 | rest | 1 << 51 | 9 << 32 | device, 0xfee0_0000]);
    // Entry, data, what is logged.
    let rows = [
        (entry.with(dte::INTCTL, 0), 0x31, Some([8 << 60 | 5 << 57 | device, 0xfee0_0000])),
        (entry.with(dte::INTCTL, 1), 0x31, None),
        (entry.with(dte::INTCTL, 2), 0x3, fault(0)),
        (entry.with(dte::INTCTL, 2), 0x31, fault(0)),
        (entry.with(dte::INTCTL, 2).with_flag(dte::IG, true), 0x31, None),
        (entry.with(dte::INTCTL, 3), 0x31, Some([1 << 60 | 1 << 55 | 1 << 51 | device, 0xfee0_0000])),
        (
            entry.with(dte::INTCTL, 2).with(dte::INTTABLEN, 12),
            0x31,
            Some([1 << 60 | 1 << 55 | 1 << 51 | device, 0xfee0_0000]),
        ),
        (entry.with(dte::INTCTL, 2), 4 << 8, fault(0)),
        (entry.with(dte::INTCTL, 2).with_flag(dte::NMI_PASS, true), 4 << 8, None),
        (entry.with(dte::INTCTL, 2), 5 << 8, fault(0)),
        (entry.with(dte::INTCTL, 2).with_flag(dte::INIT_PASS, true), 5 << 8, None),
        (entry.with(dte::INTCTL, 2), 7 << 8, fault(0)),
        (entry.with(dte::INTCTL, 2).with_flag(dte::EINT_PASS, true), 7 << 8, None),
        (entry.with(dte::INTCTL, 2), 2 << 8, fault(0)),
        (entry.with(dte::INTCTL, 2), 3 << 8, fault(0)),
    ];
    for (words, data, wanted) in rows {
        let mut m = machine();
        m.entry(words);
        let reply = m.ask(&Request { data: Some(data), bytes: 4, ..write(0xfee0_0000, None) });
        assert_eq!(m.logged(), wanted, "{data:#x} {words:x?}: {reply:x?}");
    }
    // SupIOPF of the entry itself silences it too; a reserved IntType is there and has RZ = 1.
    for (low, wanted) in [(2, None), (1 | 2 << 2, fault(1 << 52 | 1 << 55)), (3 | 2 << 2, None)] {
        let mut m = machine();
        m.entry(entry.with(dte::INTCTL, 2));
        m.put(0x60_0000 + 3 * 16, low);
        m.ask(&Request { data: Some(3), bytes: 4, ..write(0xfee0_0000, None) });
        assert_eq!(m.logged(), wanted, "{low:#x}");
    }
}

/// With IRTCacheDis an entry that changed counts at once; else after INVALIDATE_INTERRUPT_TABLE.
#[test]
fn interrupt_entries_are_cached_but_with_irtcachedis() {
    for off in [false, true] {
        let mut m = commanded();
        let on = m.read(0x18, 8);
        m.write(0x18, 8, if off { on | 1 << 59 } else { on });
        let entry =
            open().with_flag(dte::IV, true).with(dte::INTTABLEN, 4).with_address(dte::INT_ROOT, 0x60_0000);
        m.entry(entry.with(dte::INTCTL, 2));
        let message = Request { data: Some(3), bytes: 4, ..write(0xfee0_0000, None) };
        let vector = |m: &mut Machine| match m.ask(&message) {
            Reply::Answer(Answer::Interrupt(i)) => i.vector,
            other => panic!("{other:x?}"),
        };
        m.put(0x60_0000 + 3 * 16, 1);
        m.put(0x60_0000 + 3 * 16 + 8, 0x51);
        assert_eq!(vector(&mut m), 0x51);
        m.put(0x60_0000 + 3 * 16 + 8, 0x52);
        assert_eq!(vector(&mut m), if off { 0x52 } else { 0x51 });
        m.command(&[[5 << 60 | u64::from(NIC), 0]]);
        assert_eq!(vector(&mut m), 0x52);
    }
}

/// A device that does not answer: an event with the command's address once the time is over; with InvTimeOut = 0 the buffer waits.
#[test]
fn a_device_that_does_not_answer_is_reported_when_its_time_is_over() {
    let mut m = commanded();
    m.unit.set_mute(RequesterId::new(NIC.into()), true);
    let on = m.read(0x18, 8);
    m.write(0x18, 8, on | 4 << 5);
    let invalidate = [4 << 60 | u64::from(NIC) << 32 | u64::from(NIC), 0x4000];
    let wait = [1 << 60 | 0x30_0000 | 1, 0x77];
    m.command(&[[8 << 60, 0], invalidate, wait]);
    assert_eq!(m.logged(), Some([7 << 60 | u64::from(NIC), COMMANDS + 16]));
    assert_eq!((m.word(0x30_0000), m.read(0x2000, 8)), (0x77, 48), "the buffer goes on");
    // Without a limit it stands at the command, running, until the device answers.
    m.write(0x18, 8, on);
    let wait = [1 << 60 | 0x30_0000 | 1, 0x78];
    m.command(&[invalidate, wait]);
    assert_eq!((m.word(0x30_0000), m.read(0x2000, 8)), (0x77, 48));
    assert_eq!((m.read(0x2018, 8), m.read(0x2020, 8) >> 4 & 1), (16, 1), "nothing more is logged; CmdBufRun");
    m.unit.set_mute(RequesterId::new(NIC.into()), false);
    m.command(&[]);
    assert_eq!((m.word(0x30_0000), m.read(0x2000, 8)), (0x78, 80));
}

/// Each illegal command stops the buffer where it is, until CmdBufEn goes 0 and 1; what is behind it waits.
#[test]
fn illegal_commands_stop_the_buffer_until_it_is_restarted() {
    let rows = [
        ([0, 0], "no opcode"),
        ([6 << 60, 0], "PREFETCH_IOMMU_PAGES without PreFSup"),
        ([9 << 60, 0], "INSERT_GUEST_EVENT"),
        ([10 << 60, 0], "RESET_VMMIO"),
        ([15 << 60, 0], "no such opcode"),
        ([1 << 60 | 1 << 52, 0], "reserved bits"),
        ([2 << 60 | 1 << 16, 0], "reserved bits"),
        ([2 << 60, 1], "reserved bits"),
        ([3 << 60 | 1 << 20, 0], "reserved bits"),
        ([3 << 60, 1 << 3], "reserved bits"),
        ([4 << 60, 1 << 1], "reserved bits"),
        ([5 << 60, 1], "reserved bits"),
        ([7 << 60, 1 << 63], "reserved bits"),
        ([8 << 60 | 1, 0], "reserved bits"),
    ];
    for (words, why) in rows {
        let mut m = commanded();
        let raised = m.command(&[[8 << 60, 0], words, [1 << 60 | 0x30_0000 | 1, 0x77]]);
        assert_eq!(m.logged(), Some([5 << 60, COMMANDS + 16]), "{why}");
        assert_eq!(
            (m.read(0x2000, 8), m.read(0x2020, 8) >> 4 & 1),
            (16, 0),
            "{why}: head stays, CmdBufRun = 0"
        );
        assert_eq!((raised, m.word(0x30_0000)), (vec![(0x41, 1)], 0), "{why}: one interrupt for the event");
        // A new tail alone does nothing.
        m.command(&[[8 << 60, 0]]);
        assert_eq!(m.read(0x2000, 8), 16, "{why}");
        m.put(COMMANDS + 16, 1 << 60);
        m.put(COMMANDS + 24, 0);
        let on = m.read(0x18, 8);
        m.write(0x18, 8, on & !(1 << 12));
        m.write(0x18, 8, on);
        assert_eq!((m.read(0x2000, 8), m.word(0x30_0000)), (64, 0x77), "{why}: restarted");
    }
    // INVALIDATE_IOTLB_PAGES without IotlbSup, COMPLETE_PPR_REQUEST without PPRSup, INVALIDATE_IOMMU_ALL without IASup.
    let mut bare = Config::playground();
    (bare.iotlbs, bare.efr) = (false, 0);
    for opcode in [4u64, 7, 8] {
        let mut m = Machine { unit: AmdViUnit::new(bare), ..machine() };
        m.write(0x8, 8, COMMANDS | 8 << 56);
        m.write(0x10, 8, LOG | 8 << 56);
        m.write(0x18, 8, 1 | 1 << 2 | 1 << 12);
        m.command(&[[opcode << 60, 0]]);
        assert_eq!(m.logged(), Some([5 << 60, COMMANDS]), "{opcode}");
    }
}

/// A store of COMPLETION_WAIT that memory does not take, and a buffer that memory does not give: COMMAND_HARDWARE_ERROR, target abort.
#[test]
fn commands_that_memory_does_not_answer_stop_the_buffer() {
    let nowhere = 0x7_0000_0000u64;
    let mut m = commanded();
    let range = iommu_core::addr::AddrRange::new(PhysAddr::new(nowhere), 0x1000).unwrap();
    m.memory.fail(range, Failure::Access);
    m.command(&[[1 << 60 | nowhere | 1, 0x77]]);
    assert_eq!(m.logged(), Some([6 << 60 | 2 << 57, nowhere]));
    assert_eq!((m.read(0x2000, 8), m.read(0x2020, 8) >> 4 & 1), (0, 0));
    let mut m = commanded();
    m.memory.fail(range, Failure::Access);
    let on = m.read(0x18, 8);
    m.write(0x18, 8, on & !(1 << 12));
    m.write(0x8, 8, nowhere | 8 << 56);
    m.write(0x18, 8, on);
    m.write(0x2008, 8, 16);
    assert_eq!(m.logged(), Some([6 << 60 | 2 << 57, nowhere]));
}

/// COMPLETION_WAIT stores, and interrupts, where both are wanted; its own status bit is cleared by writing 1.
#[test]
fn completion_wait_stores_and_interrupts() {
    let mut m = commanded();
    assert_eq!(m.command(&[[1 << 60 | 0x30_0000 | 1, 0x1122_3344_5566_7788]]), []);
    assert_eq!(m.word(0x30_0000), 0x1122_3344_5566_7788);
    assert_eq!(m.command(&[[1 << 60 | 2, 0]]), [(0x41, 1)]);
    assert_eq!(m.read(0x2020, 8) >> 2 & 1, 1);
    m.write(0x2020, 8, 1 << 2);
    assert_eq!(m.read(0x2020, 8) >> 2 & 1, 0);
    // Without ComWaitIntEn the bit alone.
    let on = m.read(0x18, 8);
    m.write(0x18, 8, on & !(1 << 4));
    assert_eq!(m.command(&[[1 << 60 | 3 | 0x30_0000, 5]]), []);
    assert_eq!((m.read(0x2020, 8) >> 2 & 1, m.word(0x30_0000)), (1, 5));
}

/// With IntCapXTEn the unit's own interrupts go where the XT registers say, each log where its own does.
#[test]
fn the_units_own_interrupts_go_where_x2apic_registers_say() {
    let mut m = commanded();
    let on = m.read(0x18, 8);
    // GAIntEn too.
    m.write(0x18, 8, on | 1 << 51 | 1 << 29);
    // Vector at 39:32, destination at 31:8 and 63:56.
    let at = |vector: u64, id: u64| vector << 32 | (id & 0xff_ffff) << 8 | id >> 24 << 56;
    m.write(0x170, 8, at(0x61, 0x0102_0304));
    m.write(0x178, 8, at(0x62, 5));
    m.write(0x180, 8, at(0x63, 6));
    assert_eq!(m.command(&[[1 << 60 | 2, 0]]), [(0x61, 0x0102_0304)]);
    // An event.
    let mut trace = Trace::new();
    m.entry(open().with_flag(dte::TV, false));
    m.unit.ask(&mut m.memory, &write(0x4000, None), &mut trace);
    assert_eq!(raised(&trace), [(0x61, 0x0102_0304)]);
    // An interrupt for a guest that does not run: the GA log; and the log's tail is stored where software wants it.
    m.write(0xe8, 8, 0x31_0000);
    let table = 0x60_0000u64;
    let entry = open().with_flag(dte::IV, true).with(dte::INTTABLEN, 4).with_address(dte::INT_ROOT, table);
    m.entry(entry.with(dte::INTCTL, 2));
    m.command(&[[2 << 60 | u64::from(NIC), 0]]);
    m.put(table + 3 * 16, 1 | 1 << 2 | 1 << 7 | 0xabcd << 32);
    m.put(table + 3 * 16 + 8, 0x51 | 0x70_0000);
    let mut trace = Trace::new();
    let message = Request { data: Some(3), bytes: 4, ..write(0xfee0_0000, None) };
    m.unit.ask(&mut m.memory, &message, &mut trace);
    assert_eq!(raised(&trace), [(0x63, 6)]);
    assert_eq!((m.read(0x2048, 8), m.word(0x31_0000)), (8, 8));
}

/// An event log that is full stops, says so once, and starts again when it is turned off and on.
#[test]
fn an_event_log_that_is_full_stops_until_it_is_restarted() {
    let mut m = commanded();
    m.entry(open().with_flag(dte::TV, false));
    for i in 1..=255u64 {
        m.ask(&write(0x4000, None));
        assert_eq!(m.read(0x2018, 8), i * 16);
    }
    assert_eq!(m.read(0x2020, 8) & 0xb, 0b1010, "EventLogInt, EventLogRun");
    m.ask(&write(0x4000, None));
    assert_eq!(m.read(0x2020, 8) & 0xb, 0b0011, "EventOverflow, and the log does not run");
    m.write(0x2020, 8, 3);
    m.write(0x2010, 8, 255 * 16);
    m.ask(&write(0x4000, None));
    assert_eq!(m.read(0x2018, 8), 255 * 16, "not before it is restarted");
    let on = m.read(0x18, 8);
    m.write(0x18, 8, on & !(1 << 2));
    m.write(0x18, 8, on);
    m.ask(&write(0x4000, None));
    assert_eq!((m.read(0x2018, 8), m.read(0x2020, 8) >> 3 & 1), (0, 1), "written behind the last, and round");
}

/// SE logs a device's first page fault only, SA none; forgetting the entry starts anew.
#[test]
fn se_logs_once_and_sa_never() {
    let mut m = commanded();
    let closed = open().with_flag(dte::TV, false);
    m.entry(closed.with_flag(dte::SE, true));
    for _ in 0..3 {
        m.refused(&write(0x4000, None));
    }
    assert_eq!(m.read(0x2018, 8), 16);
    m.command(&[[2 << 60 | u64::from(NIC), 0]]);
    m.refused(&write(0x4000, None));
    assert_eq!(m.read(0x2018, 8), 32);
    m.entry(closed.with_flag(dte::SA, true));
    m.command(&[[2 << 60 | u64::from(NIC), 0]]);
    m.refused(&write(0x4000, None));
    assert_eq!(m.read(0x2018, 8), 32);
}

/// Mode 7 and more levels than HATS says: the entry is illegal, for its level and no reserved bit (RZ = 0).
#[test]
fn modes_go_as_far_as_hats_says() {
    for hats in 0..3u64 {
        for mode in 0..8u64 {
            let mut config = Config::playground();
            config.efr.set(efr::HATS, hats);
            let mut m = Machine::new(config);
            m.entry(open().with(dte::MODE, mode).with_address(dte::HOST_ROOT, 0x100_0000));
            m.ask(&write(0x4000, None));
            let code = m.logged().map(|[low, _]| (low >> 60, low >> 55 & 1));
            let wanted = match mode {
                0 => None,
                _ if mode <= hats + 4 && mode != 7 => Some((2, 0)),
                _ => Some((1, 0)),
            };
            assert_eq!(code, wanted, "HATS {hats}, Mode {mode}");
        }
    }
}

/// INVALIDATE_IOMMU_PAGES: S and the address's ones say how many pages; GN and PASID whose; another domain's stay.
#[test]
fn invalidations_reach_the_pages_that_they_name() {
    let fresh = |page: u64| {
        let mut m = commanded();
        let root = 0x100_0000;
        for at in 0..16u64 {
            let leaf = |next: u64, level: u8| next | HOST | (u64::from(level) - 1) << 9;
            m.path(root, at << 12, 0x9000_0000 + (at << 12), leaf, HOST);
        }
        let entry = open().with(dte::MODE, 4).with_address(dte::HOST_ROOT, root);
        m.entry(entry.with(dte::DOMAIN_ID, 9));
        m.reached(&write(page << 12, None));
        m
    };
    let domain = 9u64 << 32;
    // Command's words, pages that it makes forgotten of the first 16.
    type Row = ([u64; 2], fn(u64) -> bool);
    let rows: [Row; 8] = [
        ([3 << 60 | domain, 5 << 12], |page| page == 5),
        ([3 << 60 | domain, 4 << 12 | 1], |page| page / 2 == 2),
        ([3 << 60 | domain, 5 << 12 | 1], |page| page / 4 == 1),
        ([3 << 60 | domain, 0xb << 12 | 1], |page| page / 8 == 1),
        ([3 << 60 | domain, 0x7fff_ffff_ffff_f003], |_| true),
        ([3 << 60 | 8 << 32, 0x7fff_ffff_ffff_f003], |_| false),
        ([3 << 60 | domain, 0x7fff_ffff_ffff_f007], |_| false),
        ([8 << 60, 0], |_| true),
    ];
    for (words, forgets) in rows {
        for page in 0..16 {
            let mut m = fresh(page);
            m.command(&[words]);
            let cached = m.reached(&write(page << 12, None)).cached;
            assert_eq!(cached, !forgets(page), "{words:x?} page {page}");
        }
    }
}

proptest! {
    /// Whatever software writes anywhere, whatever is in memory: the unit answers, and obeys or stops.
    #[test]
    fn any_registers_tables_commands_and_logs_are_survived(
        writes in proptest::collection::vec((any::<u8>(), any::<u64>(), any::<bool>()), 1..24),
        fill in any::<u64>(), base in 0u64..1 << 20, at in any::<u64>(), device in any::<u16>(),
        kind in 0u8..5, data in any::<u32>(), efr in any::<u64>(), efr2 in any::<u64>(), all in any::<bool>(),
    ) {
        let mut config = Config::playground();
        if all {
            (config.efr, config.efr2) = (efr, efr2);
        }
        let mut m = Machine { unit: AmdViUnit::new(config), ..machine() };
        // Memory repeats itself: what is read as an entry is one of a few words, and points into the same pages.
        for i in 0..4096u64 {
            m.put((base << 12) + i * 8, fill.rotate_left((i * 7 % 64) as u32) & !(0x000f_fff0_0000_0000) | i & 1);
        }
        let pick = |which: u8| reg::ALL[usize::from(which) % reg::ALL.len()];
        for (which, value, near) in writes {
            let register = pick(which);
            let value = if near { value & !0x000f_ffff_ffff_f000 | base << 12 } else { value };
            m.unit.write_register(&mut m.memory, register.offset, register.bytes, value, &mut Off);
        }
        let on = m.unit.read_register(0x18, 8, &mut Off).unwrap_or(0);
        m.unit.write_register(&mut m.memory, 0x18, 8, on | 0x1005 | u64::from(data) << 13, &mut Off);
        m.unit.write_register(&mut m.memory, 0x2008, 8, u64::from(data), &mut Off);
        let kinds = [
            RequestKind::Untranslated,
            RequestKind::Translated,
            RequestKind::Translation { no_write: data & 1 != 0 },
        ];
        let pasid = (kind > 2).then_some(data & 0xf_ffff);
        let request = Request {
            requester: RequesterId::new(device.into()),
            kind: kinds[usize::from(kind) % 3],
            data: Some(data),
            bytes: 4,
            want: if data & 2 != 0 { Perms::R } else { Perms::W },
            ..write(if data & 4 != 0 { 0xfee0_0000 | at & 0xf_fff0 } else { at }, pasid)
        };
        for _ in 0..2 {
            m.ask(&request);
            m.unit.peek(&mut m.memory, &request);
        }
        let page = iommu_core::iommu::PageRequest {
            requester: RequesterId::new(device.into()),
            pasid: None,
            at: Iova::new(at),
            want: Perms::RW,
            last: true,
            group: (data & 0x1ff) as u16,
        };
        m.unit.page_request(&mut m.memory, &page, &mut Off);
    }
}
