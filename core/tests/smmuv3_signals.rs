//! How the unit says that something happened: the messages of its queues and of global errors, CMD_SYNC's three signals,
//! and registers that cannot be written while what they configure is on. Rules are written out from IHI 0070, 3.18, 4.1.2,
//! 4.7.3, 6.3, 7.2, 7.5 and 8.

use iommu_core::addr::{AddrRange, Iova, PhysAddr, RequesterId};
use iommu_core::iommu::registers::Registers;
use iommu_core::iommu::smmuv3::spec::commands::{cs, opcode, resume, sync};
use iommu_core::iommu::smmuv3::spec::registers::*;
use iommu_core::iommu::smmuv3::spec::{cd, ste};
use iommu_core::iommu::smmuv3::{Config, Reply, Resumed};
use iommu_core::iommu::{PageRequest, Unit};
use iommu_core::memory::Failure;
use iommu_core::spec::Bits;
use iommu_core::trace::{Actor, Event, InterruptKind, Off, Perms, Trace};

#[path = "support/smmuv3_lab.rs"]
mod smmuv3_lab;
use smmuv3_lab::*;

/// Where messages go.
const TARGET: u64 = 0x6000_0100;

/// The registers of a cause's message, and its bit of IRQ_CTRL.
const MESSAGES: [([u32; 3], u64, u64); 3] = [
    ([gerror_irq_cfg0::OFFSET, gerror_irq_cfg1::OFFSET, gerror_irq_cfg2::OFFSET], 0, 7),
    ([priq_irq_cfg0::OFFSET, priq_irq_cfg1::OFFSET, priq_irq_cfg2::OFFSET], 1, 6),
    ([eventq_irq_cfg0::OFFSET, eventq_irq_cfg1::OFFSET, eventq_irq_cfg2::OFFSET], 2, 5),
];

fn get(lab: &Lab, at: u32) -> u64 {
    lab.unit.file().get(at, 4)
}

/// Gives each cause a message of its own and enables `enabled`.
fn configure(lab: &mut Lab, enabled: u64) {
    lab.set(irq_ctrl::OFFSET, 4, 0);
    for (registers, bit, _) in MESSAGES {
        lab.set(registers[0], 8, TARGET + bit * 0x10);
        lab.set(registers[1], 4, 0x1234_5600 + bit);
    }
    lab.set(irq_ctrl::OFFSET, 4, enabled);
}

/// The message that a cause's target holds; it is taken away.
fn message(lab: &mut Lab, bit: u64) -> Option<u64> {
    let at = TARGET + bit * 0x10;
    let word = lab.memory.peek_u64(PhysAddr::new(at));
    lab.store(at, &[0]);
    (word != 0).then_some(word)
}

fn faulting(lab: &mut Lab) {
    let leaf = simple(lab, |w| w.with_flag(ste::S1STALLD, true), |w| w);
    lab.store(leaf, &[0]);
}

fn page_request(lab: &mut Lab, last: bool) -> bool {
    let request = PageRequest {
        requester: RequesterId::new(SID),
        pasid: None,
        at: Iova::new(VA),
        want: Perms::R,
        last,
        group: 0,
    };
    lab.unit.page_request(&mut lab.memory, &request, &mut Off)
}

/// 3.18.2: the event queue's message is sent when the queue stops being empty, with the data and at the address configured,
/// 32 bits of it, if IRQ_CTRL enables it.
#[test]
fn the_event_queue_sends_its_message_when_it_was_empty() {
    for enabled in [0, 4, 7] {
        let mut lab = Lab::new(Config::playground());
        faulting(&mut lab);
        configure(&mut lab, enabled);
        lab.store(TARGET + 0x20, &[0xffff_ffff_0000_0000]);
        lab.ask(read(VA));
        let word = lab.memory.peek_u64(PhysAddr::new(TARGET + 0x20));
        let expected = if enabled & 4 != 0 { 0xffff_ffff_1234_5602 } else { 0xffff_ffff_0000_0000 };
        assert_eq!(word, expected, "32 bits are written where it is enabled");
        assert_eq!(get(&lab, irq_ctrlack::OFFSET), enabled, "IRQ_CTRLACK follows");
        message(&mut lab, 2);
        // Not empty any more: no second message, until it was emptied.
        lab.ask(read(VA));
        assert_eq!(message(&mut lab, 2), None);
        lab.set(eventq_cons::OFFSET, 4, 2);
        lab.ask(read(VA));
        assert_eq!(message(&mut lab, 2), (enabled & 4 != 0).then_some(0x1234_5602));
    }
}

/// An address of 0 sends none; the interrupt is in the trace where there is one.
#[test]
fn a_message_without_address_is_not_sent() {
    for address in [0, TARGET] {
        let mut lab = Lab::new(Config::playground());
        faulting(&mut lab);
        lab.set(eventq_irq_cfg0::OFFSET, 8, address);
        lab.set(eventq_irq_cfg1::OFFSET, 4, 77);
        lab.set(irq_ctrl::OFFSET, 4, 4);
        let mut trace = Trace::new();
        lab.unit.answer(&mut lab.memory, &read(VA), &mut trace);
        let sent: Vec<u32> = trace
            .steps()
            .iter()
            .filter_map(|step| match step.event {
                Event::Interrupt { vector, kind: InterruptKind::Direct, .. } => Some(vector),
                _ => None,
            })
            .collect();
        assert_eq!(sent, if address == 0 { vec![] } else { vec![77] });
        // The entry is there before its interrupt (3.18).
        let place =
            |wanted: &dyn Fn(&Event) -> bool| trace.steps().iter().position(|step| wanted(&step.event));
        let moved = place(&|e| matches!(e, Event::Register { offset: eventq_prod::OFFSET, .. })).unwrap();
        let interrupt = place(&|e| matches!(e, Event::Interrupt { .. }));
        assert!(interrupt.is_none_or(|at| at > moved));
    }
}

/// 6.3.36: the page request queue interrupts when it stops being empty, or with LO for the last of each group, though that
/// be lost to an overflow.
#[test]
fn the_page_request_queue_sends_its_message_as_lo_says() {
    let mut lab = Lab::new(Config::playground());
    configure(&mut lab, 2);
    assert!(page_request(&mut lab, true));
    assert_eq!(message(&mut lab, 1), Some(0x1234_5601));
    assert!(page_request(&mut lab, true));
    assert_eq!(message(&mut lab, 1), None, "the queue was not empty");

    let mut lab = Lab::new(Config::playground());
    configure(&mut lab, 0);
    lab.set(priq_irq_cfg2::OFFSET, 4, 1 << 31);
    lab.set(irq_ctrl::OFFSET, 4, 2);
    // A queue of four.
    let rows = [(false, true), (true, true), (false, true), (true, true), (false, false), (true, false)];
    for (last, taken) in rows {
        assert_eq!(page_request(&mut lab, last), taken);
        assert_eq!(message(&mut lab, 1).is_some(), last, "{rows:?}");
    }
    // Lost for another reason than an overflow: none.
    lab.set(cr0::OFFSET, 4, 0x1d);
    assert!(!page_request(&mut lab, true));
    assert_eq!(message(&mut lab, 1), None);
}

/// 7.5: a global error sends its message once it is active, not again before it was acknowledged.
#[test]
fn a_global_error_sends_its_message_once() {
    for enabled in [1, 0] {
        let mut lab = Lab::new(Config::playground());
        configure(&mut lab, enabled);
        let expected = (enabled != 0).then_some(0x1234_5600);
        lab.command([0xff, 0]);
        assert_eq!(get(&lab, gerror::OFFSET), 1);
        assert_eq!(message(&mut lab, 0), expected);
        // Acknowledged with the wrong command still there: it stops again.
        lab.set(gerrorn::OFFSET, 4, 1);
        assert_eq!((get(&lab, gerror::OFFSET), get(&lab, gerrorn::OFFSET)), (0, 1));
        assert_eq!(message(&mut lab, 0), expected);
        // A second wrong command while the error is active: nothing.
        lab.command([0xff, 0]);
        assert_eq!(message(&mut lab, 0), None);
    }
}

/// 7.5: a message that nothing takes raises its own error, which is active once, and a message about it is sent but for the
/// one of global errors themselves.
#[test]
fn a_message_that_aborts_is_a_global_error() {
    for (cause, (_, bit, error)) in MESSAGES.into_iter().enumerate() {
        let mut lab = Lab::new(Config::playground());
        faulting(&mut lab);
        configure(&mut lab, 7);
        let range = AddrRange::new(PhysAddr::new(TARGET + bit * 0x10), 16).unwrap();
        lab.memory.fail(range, Failure::Access);
        for _ in 0..2 {
            match cause {
                0 => lab.command([0xff, 0]),
                1 => {
                    page_request(&mut lab, true);
                    let prod = get(&lab, priq_prod::OFFSET);
                    lab.set(priq_cons::OFFSET, 4, prod);
                }
                _ => {
                    lab.ask(read(VA));
                    let prod = get(&lab, eventq_prod::OFFSET);
                    lab.set(eventq_cons::OFFSET, 4, prod);
                }
            }
            assert_eq!(get(&lab, gerror::OFFSET) & 1 << error, 1 << error, "active, and not toggled back");
        }
        if cause != 0 {
            assert!(message(&mut lab, 0).is_some(), "a message about the message");
        }
        // Acknowledged, the next one is an error anew.
        let now = get(&lab, gerror::OFFSET);
        if cause == 0 {
            lab.set(gerrorn::OFFSET, 4, now);
            assert_eq!(get(&lab, gerror::OFFSET) & 1 << error, 0, "toggled by the message of the next error");
        }
    }
}

/// 4.7.3: NONE, IRQ with its message at any address of 54 bits, SEV; a fourth is illegal. A message of address 0 is none.
#[test]
fn a_sync_signals_as_cs_says() {
    let command = |signal: u64, address: u64| {
        [u64::from(opcode::SYNC), 0]
            .with(sync::CS, signal)
            .with(sync::MSIDATA, 0x0bad_cafe)
            .with_address(sync::MSIADDR, address)
    };
    for (signal, address, message, wakeups) in [
        (cs::NONE, TARGET, 0, 0),
        (cs::IRQ, TARGET, 0x0bad_cafe, 0),
        (cs::IRQ, 0, 0, 0),
        (cs::SEV, TARGET, 0, 1),
    ] {
        let mut lab = Lab::new(Config::playground());
        lab.command(command(signal, address));
        assert_eq!(get(&lab, cmdq_cons::OFFSET), 1, "consumed");
        assert_eq!(lab.memory.peek_u64(PhysAddr::new(TARGET)), message);
        assert_eq!(lab.unit.wakeups(), wakeups);
        assert_eq!(get(&lab, gerror::OFFSET), 0);
    }
    let mut lab = Lab::new(Config::playground());
    lab.command(command(3, TARGET));
    assert_eq!(get(&lab, cmdq_cons::OFFSET), 1 << 24, "CERROR_ILL");

    // An address beyond what there is aborts, though its low bits are 0: the whole field says whether there is one.
    let mut lab = Lab::new(Config::playground());
    lab.command(command(cs::IRQ, 1 << 52));
    assert_eq!((get(&lab, cmdq_cons::OFFSET), get(&lab, gerror::OFFSET)), (1, 1 << 4));

    // Without IDR0.SEV a SEV is a NONE; without IDR0.MSI an IRQ is one.
    let mut config = Config::playground();
    config.idr0 &= !(idr0::SEV.mask() as u32 | idr0::MSI.mask() as u32);
    let mut lab = Lab::new(config);
    lab.command(command(cs::SEV, TARGET));
    lab.command(command(cs::IRQ, TARGET));
    assert_eq!((lab.unit.wakeups(), lab.memory.peek_u64(PhysAddr::new(TARGET))), (0, 0));
    assert_eq!(get(&lab, cmdq_cons::OFFSET), 2);
}

/// 4.1.2: software that saw the command queue full is woken when it has room again.
#[test]
fn a_full_command_queue_wakes_cpus_when_it_has_room() {
    let mut lab = Lab::new(Config::playground());
    let fill = |lab: &mut Lab, first: u64| {
        for i in 0..64 {
            lab.store(COMMANDS + i * 16, &[if i == 0 { first } else { u64::from(opcode::SYNC) }, 0]);
        }
        lab.set(cmdq_prod::OFFSET, 4, 64);
    };
    fill(&mut lab, 0xff);
    assert_eq!(lab.unit.wakeups(), 0, "it stands full");
    lab.store(COMMANDS, &[opcode::SYNC.into(), 0]);
    lab.set(gerrorn::OFFSET, 4, 1);
    assert_eq!((get(&lab, cmdq_cons::OFFSET) & 0x7f, lab.unit.wakeups()), (64, 1));
}

/// 6.3.16 to 6.3.36: without IDR0.MSI there is no message to configure, without IDR0.PRI none of page requests and no bit
/// for it; an address has no bits above the unit's.
#[test]
fn what_a_unit_lacks_is_res0() {
    for (msi, pri) in [(true, true), (true, false), (false, true), (false, false)] {
        let mut config = Config::playground();
        for (flag, on) in [(idr0::MSI, msi), (idr0::PRI, pri)] {
            if !on {
                config.idr0 &= !(flag.mask() as u32);
            }
        }
        let mut lab = Lab::new(config);
        for (registers, bit, _) in MESSAGES {
            let there = msi && (bit != 1 || pri);
            let attributes = if bit == 1 { 0x8000_003f } else { 0x3f };
            for (at, bytes, all) in [
                (registers[0], 8, 0xffff_ffff_fffc),
                (registers[1], 4, 0xffff_ffff),
                (registers[2], 4, attributes),
            ] {
                lab.set(at, bytes, u64::MAX);
                let expected = if there { all } else { 0 };
                assert_eq!(lab.unit.file().get(at, bytes), expected, "{at:#x} {msi} {pri}");
            }
        }
        lab.set(irq_ctrl::OFFSET, 4, 0xffff_ffff);
        assert_eq!(get(&lab, irq_ctrl::OFFSET), if pri { 7 } else { 5 });
        assert_eq!(get(&lab, irq_ctrlack::OFFSET), if pri { 7 } else { 5 });
        assert_eq!(get(&lab, cr0::OFFSET) >> 1 & 1, u64::from(pri));
        if !pri {
            assert!(!page_request(&mut lab, true));
        }
        // Without messages an enabled cause writes nothing.
        if !msi {
            faulting(&mut lab);
            lab.ask(read(VA));
            lab.command([0xff, 0]);
            assert!((0..3).all(|bit| message(&mut lab, bit).is_none()));
        }
    }
}

/// What a register configures keeps it from being written while it is on (SMMUv3.2 and later ignore such writes).
#[test]
fn guarded_registers_ignore_writes() {
    // Register, bytes, the register that guards it and its bits there.
    let mut rows = vec![
        (strtab_base::OFFSET, 8, cr0::OFFSET, 1),
        (strtab_base_cfg::OFFSET, 4, cr0::OFFSET, 1),
        (cr2::OFFSET, 4, cr0::OFFSET, 1),
        (cmdq_base::OFFSET, 8, cr0::OFFSET, 8),
        (cmdq_cons::OFFSET, 4, cr0::OFFSET, 8),
        (eventq_base::OFFSET, 8, cr0::OFFSET, 4),
        (eventq_prod::OFFSET, 4, cr0::OFFSET, 4),
        (priq_base::OFFSET, 8, cr0::OFFSET, 2),
        (priq_prod::OFFSET, 4, cr0::OFFSET, 2),
    ];
    for (registers, bit, _) in MESSAGES {
        rows.extend(
            [(registers[0], 8), (registers[1], 4), (registers[2], 4)]
                .map(|(at, bytes)| (at, bytes, irq_ctrl::OFFSET, 1 << bit)),
        );
    }
    for (at, bytes, guard, bits) in rows {
        for on in [true, false] {
            let mut lab = Lab::new(Config::playground());
            lab.set(cr0::OFFSET, 4, 0x1f);
            lab.set(irq_ctrl::OFFSET, 4, 7);
            if !on {
                let now = get(&lab, guard);
                lab.set(guard, 4, now & !bits);
            }
            let old = lab.unit.file().get(at, bytes);
            lab.set(at, bytes, old ^ 0x1003);
            assert_eq!(lab.unit.file().get(at, bytes) == old, on, "{at:#x} guarded by {guard:#x} {bits:#x}");
        }
    }
    // Of CR1 each half has its own guards.
    let tables = 0xfc0;
    for (on, expected) in [(0x1f, 0), (0x1e, tables), (0x01, 0x3f), (0x11, 0x3f), (0x05, 0), (0, 0xfff)] {
        let mut lab = Lab::new(Config::playground());
        lab.set(cr0::OFFSET, 4, 0);
        lab.set(cr1::OFFSET, 4, 0);
        lab.set(cr0::OFFSET, 4, on);
        lab.set(cr1::OFFSET, 4, 0xfff);
        assert_eq!(get(&lab, cr1::OFFSET), expected, "{on:#x}");
    }
}

/// 7.2.1: while an abort of the event queue is not acknowledged nothing is recorded.
#[test]
fn an_aborted_event_queue_waits_for_its_acknowledgement() {
    let mut lab = Lab::new(Config::playground());
    faulting(&mut lab);
    let range = AddrRange::new(PhysAddr::new(EVENTS), 32).unwrap();
    lab.memory.fail(range, Failure::Access);
    lab.ask(read(VA));
    assert_eq!((get(&lab, gerror::OFFSET), get(&lab, eventq_prod::OFFSET)), (1 << 2, 0));
    // Elsewhere it could be written, but the error is active.
    lab.set(cr0::OFFSET, 4, 0x1b);
    lab.set(eventq_base::OFFSET, 8, EVENTS + 0x1000);
    lab.set(cr0::OFFSET, 4, 0x1f);
    lab.ask(read(VA));
    assert_eq!(get(&lab, eventq_prod::OFFSET), 0);
    lab.set(gerrorn::OFFSET, 4, 1 << 2);
    lab.ask(read(VA));
    assert_eq!(get(&lab, eventq_prod::OFFSET), 1);
}

/// A queue of two events and three stalled reads: the third has no record yet.
fn three_stalled() -> (Lab, u64) {
    let mut lab = Lab::new(Config::playground());
    lab.set(cr0::OFFSET, 4, 0x1b);
    lab.set(eventq_base::OFFSET, 8, EVENTS | 1);
    lab.set(cr0::OFFSET, 4, 0x1f);
    let leaf = simple(&mut lab, |w| w, |w| w.with_flag(cd::S, true));
    let word = lab.memory.peek_u64(PhysAddr::new(leaf));
    lab.store(leaf, &[0]);
    for _ in 0..3 {
        assert!(matches!(lab.ask(read(VA)), Reply::Stalled(..)));
    }
    assert_eq!((get(&lab, eventq_prod::OFFSET), lab.unit.waiting().len()), (2, 3), "full, without overflow");
    lab.store(leaf + 8, &[word]);
    (lab, leaf)
}

/// 3.12.2: a stalled transaction that found no room is tried again when there is some, as though it had just arrived.
#[test]
fn a_stall_without_a_record_is_tried_again() {
    // It faults as before: the record comes.
    let (mut lab, _) = three_stalled();
    lab.set(eventq_cons::OFFSET, 4, 1);
    assert_eq!((get(&lab, eventq_prod::OFFSET), lab.unit.waiting().len()), (3, 3));
    let slot = EVENTS;
    let words: [u64; 2] = std::array::from_fn(|i| lab.memory.peek_u64(PhysAddr::new(slot + i as u64 * 8)));
    assert_eq!((words[0] & 0xff, words[1] & 0xffff, words[1] >> 31 & 1), (0x10, 2, 1), "under its own name");

    // The page was mapped meanwhile: it goes through, and nothing is recorded.
    let (mut lab, leaf) = three_stalled();
    let word = lab.memory.peek_u64(PhysAddr::new(leaf + 8));
    lab.store(leaf, &[word]);
    lab.set(eventq_cons::OFFSET, 4, 1);
    assert_eq!((get(&lab, eventq_prod::OFFSET), lab.unit.waiting().len()), (2, 2));
    assert_eq!(lab.unit.take_decided(), [(2, Resumed::Retry)]);

    // The stream was taken away meanwhile: it ends, with the record of that.
    let (mut lab, _) = three_stalled();
    lab.store(STREAMS + u64::from(SID) * 64, &[0]);
    lab.command([u64::from(opcode::CFGI_STE) | u64::from(SID) << 32, 0]);
    lab.command([u64::from(opcode::SYNC), 0]);
    lab.set(eventq_cons::OFFSET, 4, 1);
    assert_eq!(lab.unit.take_decided(), [(2, Resumed::Abort)]);
    assert_eq!(
        (get(&lab, eventq_prod::OFFSET), lab.memory.peek_u64(PhysAddr::new(EVENTS)) & 0xff),
        (3, 0x04)
    );
}

/// 6.3.9.6: turning translation off ends all that is stalled with an abort; their names are free again, and what had no record
/// never gets one.
#[test]
fn turning_translation_off_ends_stalls() {
    let (mut lab, _) = three_stalled();
    lab.set(cr0::OFFSET, 4, 0x1e);
    assert!(lab.unit.waiting().is_empty());
    assert_eq!(lab.unit.take_decided(), [0, 1, 2].map(|stag| (stag, Resumed::Abort)));
    lab.set(eventq_cons::OFFSET, 4, 2);
    lab.set(cr0::OFFSET, 4, 0x1f);
    assert_eq!(get(&lab, eventq_prod::OFFSET), 2);
}

/// 4.7.1: STREAM and name must both fit; a name is not given twice while it is in use; without TERM_MODEL a terminated
/// transaction may end as though it had succeeded.
#[test]
fn resume_needs_stream_and_name() {
    let command = |stream: u32, stag: u16, retry: bool, abort: bool| {
        [u64::from(opcode::RESUME) | u64::from(stream) << 32, 0]
            .with(resume::STAG, stag.into())
            .with_flag(resume::AC, retry)
            .with_flag(resume::AB, abort)
    };
    let stalled = |config| {
        let mut lab = Lab::new(config);
        let leaf = simple(&mut lab, |w| w, |w| w.with_flag(cd::S, true));
        lab.store(leaf, &[0]);
        lab.ask(read(VA));
        lab
    };
    let mut lab = stalled(Config::playground());
    lab.command(command(SID + 1, 0, true, false));
    lab.command(command(SID, 1, true, false));
    assert_eq!((lab.unit.waiting().len(), lab.unit.take_decided().len()), (1, 0), "neither is it");
    lab.command(command(SID, 0, false, false));
    assert_eq!(lab.unit.take_decided(), [(0, Resumed::Abort)], "TERM_MODEL is 1");

    let mut config = Config::playground();
    config.idr0 &= !(idr0::TERM_MODEL.mask() as u32);
    for (abort, end) in [(false, Resumed::Ignored), (true, Resumed::Abort)] {
        let mut lab = stalled(config);
        lab.command(command(SID, 0, false, abort));
        assert_eq!(lab.unit.take_decided(), [(0, end)]);
    }

    // 2^16 names later the first one still waits.
    let mut lab = stalled(Config::playground());
    for _ in 0..0x1_0001u32 {
        let Reply::Stalled(stag, _) = lab.ask(read(VA)) else { panic!("it stalls") };
        assert_ne!(stag, 0);
        lab.command(command(SID, stag, true, false));
        let prod = get(&lab, eventq_prod::OFFSET);
        lab.unit.write_by(&mut lab.memory, Actor::Cpu, eventq_cons::OFFSET, 4, prod, &mut Off);
    }
}

/// 3.9.1.4 and 7.1: a CMD_SYNC behind an invalidation that a device did not answer fails with CERROR_ATC_INV_SYNC, without its
/// signal, and goes on once that is acknowledged; without translation the invalidation is nothing to wait for (6.3.9.6).
#[test]
fn a_sync_fails_behind_a_device_that_does_not_answer() {
    for translating in [true, false] {
        let mut lab = Lab::new(Config::playground());
        lab.unit.set_mute(SID, true);
        if !translating {
            lab.set(cr0::OFFSET, 4, 0x1e);
        }
        lab.command([u64::from(opcode::ATC_INV) | u64::from(SID) << 32, 52]);
        let done = [u64::from(opcode::SYNC), 0]
            .with(sync::CS, cs::IRQ)
            .with(sync::MSIDATA, 1)
            .with_address(sync::MSIADDR, TARGET);
        lab.command(done);
        let sent = lab.memory.peek_u64(PhysAddr::new(TARGET));
        let expected = if translating { (1 | 3 << 24, 1, 0) } else { (2, 0, 1) };
        assert_eq!((get(&lab, cmdq_cons::OFFSET), get(&lab, gerror::OFFSET), sent), expected);
        if translating {
            lab.set(gerrorn::OFFSET, 4, 1);
            assert_eq!(get(&lab, cmdq_cons::OFFSET) & 0xfffff, 2, "the same CMD_SYNC");
            assert_eq!(lab.memory.peek_u64(PhysAddr::new(TARGET)), 1);
        }
    }
}
