//! Our SMMUv3 against a running QEMU: random tables from a seed, the same in both, request by request, from empty caches and
//! in sequences with stale entries and command errors.
//!
//! `QEMU_LIVE_WITHOUT=deviation` leaves one out, to see that the comparison notices; `docs/conformance-smmuv3.md` lists them.
//! Without QEMU this is skipped with a loud line; with `CI` set it fails instead. A run is the same each time, so that
//! a change is what breaks it; `QEMU_LIVE_SEED=random` goes hunting, `QEMU_LIVE_SEED=0x...` repeats a find.
#![cfg(unix)]

#[path = "live/arm_lab.rs"]
mod arm_lab;
#[path = "live/arm_tables.rs"]
mod arm_tables;
#[path = "live/qtest.rs"]
mod qtest;
#[path = "live/rng.rs"]
mod rng;
#[path = "live/virt.rs"]
mod virt;

use arm_lab::Lab;
use arm_tables::{Stages, Stream, Tables};
use iommu_core::iommu::smmuv3::spec::commands::{cfgi_cd, cfgi_ste, opcode, tg, tlbi};
use iommu_core::spec::Bits;
use rng::Rng;

const SEED: u64 = 0x5eed_0a12_57a6_e003;
const REQUESTS: usize = 10;

/// How many random tables a run makes: for requests from empty caches, and for sequences.
const fn counts(stages: Stages) -> (usize, usize) {
    match stages {
        // Stage 1 has the most to get wrong, and what Linux uses.
        Stages::One => (230, 36),
        Stages::Two => (110, 36),
        // What is remembered of two stages has the most rules.
        Stages::Nested => (230, 100),
    }
}

/// Random tables, each request from empty caches.
fn cold(lab: &mut Lab, rng: &mut Rng) {
    let setups = counts(lab.stages).0;
    for setup in 0..setups {
        let mut tables = Tables::new(rng, lab.stages, setup > setups / 3);
        if rng.chance(65) {
            tables.damage(rng);
        }
        lab.point_at(&tables);
        for _ in 0..REQUESTS {
            let device = rng.below(2) as usize;
            let at = tables.address(rng, device);
            lab.flush();
            lab.request(device, at, rng.chance(50));
        }
        lab.clean();
    }
}

/// A command that may make the unit forget what it knows of a stream, or not.
fn forget(rng: &mut Rng, lab: &Lab, stream: &Stream, at: u64) -> [u64; 2] {
    let plain = |code: u8| [u64::from(code), 0];
    let first = [opcode::TLBI_NH_ALL, opcode::TLBI_NH_ASID, opcode::TLBI_NH_VA, opcode::TLBI_NH_VAA];
    let second = [opcode::TLBI_S12_VMALL, opcode::TLBI_S2_IPA];
    let code = match lab.stages {
        Stages::One => rng.pick(&first),
        Stages::Two => rng.pick(&second),
        Stages::Nested if rng.chance(60) => rng.pick(&first),
        Stages::Nested => rng.pick(&second),
    };
    match rng.below(6) {
        0 => plain(opcode::TLBI_NSNH_ALL),
        1 => plain(opcode::CFGI_STE).with(cfgi_ste::SID, stream.sid.into()).with_flag(cfgi_ste::LEAF, true),
        2 if lab.stages != Stages::Two => plain(opcode::CFGI_CD).with(cfgi_cd::SID, stream.sid.into()),
        // Somebody else's ASID or VMID now and then: nothing of this one may go.
        _ => {
            let command = plain(code)
                .with(tlbi::ASID, stream.asid ^ u64::from(rng.chance(15)))
                .with(tlbi::VMID, stream.vmid ^ u64::from(rng.chance(15)));
            if rng.chance(60) {
                return command.with_address(tlbi::ADDR, (at & !0xfff) ^ (u64::from(rng.chance(15)) << 21));
            }
            // A range that begins some pages below; one of a single page without its level is reserved.
            let (granule, shift) = rng.pick(&[(tg::K4, 12), (tg::K16, 14), (tg::K64, 16)]);
            command
                .with(tlbi::TG, granule)
                .with(tlbi::NUM, 1 + rng.below(31))
                .with(tlbi::SCALE, rng.below(8))
                .with_address(tlbi::ADDR, (at >> shift).saturating_sub(rng.below(24)) << shift)
        }
    }
}

/// An entry changes without invalidation, DMA; a command, DMA.
fn stale(lab: &mut Lab, rng: &mut Rng) {
    for _ in 0..counts(lab.stages).1 {
        let tables = Tables::new(rng, lab.stages, true);
        lab.point_at(&tables);
        lab.flush();
        for device in 0..2 {
            let stream = tables.streams[device].clone();
            let Some(&(input, leaf)) = stream.leaves.first() else { continue };
            let at = input | rng.next() & 0xffc;
            for write in [false, true] {
                lab.request(device, at, write);
            }
            let old = tables.get(leaf);
            lab.word(leaf, rng.pick(&[0, old ^ 0x80, old ^ 0x40, old ^ 1 << 20]));
            for write in [true, false] {
                lab.request(device, at, write);
            }
            let command = forget(rng, lab, &stream, at);
            lab.commands(&[command]);
            for write in [false, true] {
                lab.request(device, at, write);
            }
            // The stream's entry goes, is forgotten, and comes back.
            lab.word(leaf, old);
            lab.word(stream.entry, 0);
            lab.request(device, at, false);
            let config = [u64::from(opcode::CFGI_STE), 0].with(cfgi_ste::SID, stream.sid.into());
            lab.commands(&[config, [u64::from(opcode::TLBI_NSNH_ALL), 0]]);
            lab.request(device, at, true);
            lab.word(stream.entry, tables.get(stream.entry));
            lab.request(device, at, true);
        }
        lab.clean();
    }
}

/// Commands that are wrong stop the queue, in both at the same place, until software replaces them.
fn command_errors(lab: &mut Lab) {
    for wrong in [0xff, 0x7f] {
        lab.commands(&[[u64::from(opcode::TLBI_NSNH_ALL), 0], [wrong, 0], [u64::from(opcode::SYNC), 0]]);
        assert!(lab.stopped(), "{wrong:#x} stops the queue");
        lab.repair();
        assert!(!lab.stopped(), "the queue goes on");
    }
}

#[test]
fn our_unit_and_qemus_say_the_same() {
    let version = match virt::version() {
        Ok(version) => version,
        Err(why) => {
            assert!(std::env::var_os("CI").is_none(), "CI must compare with QEMU: {why}");
            eprintln!("\n*** SKIPPED: nothing was compared with QEMU: {why} ***\n");
            return;
        }
    };
    let seed = qtest::seed(SEED);
    println!("{version}; QEMU_LIVE_SEED={seed:#x}");
    let mut total = 0;
    for stages in [Stages::One, Stages::Two, Stages::Nested] {
        let mut rng = Rng(seed ^ (stages as u64) << 48);
        let mut lab = Lab::new(stages, seed);
        cold(&mut lab, &mut rng);
        stale(&mut lab, &mut rng);
        command_errors(&mut lab);
        let events: Vec<String> = lab.events.iter().map(|(code, n)| format!("{code:x}h x{n}")).collect();
        println!(
            "stage {}: {} requests agree, {} translated, {} left out, events {}; {} commands to QEMU",
            stages.name(),
            lab.requests,
            lab.translated,
            lab.left_out,
            events.join(" "),
            lab.qemu.commands,
        );
        assert!(lab.translated > lab.requests / 8 && lab.left_out < lab.requests / 20);
        total += lab.requests;
    }
    println!("{total} requests");
    assert!(total >= 8000);
}
