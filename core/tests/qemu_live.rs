//! Our VT-d unit against a running QEMU: random tables from a seed, the same in both, request by request.
//!
//! `QEMU_LIVE_WITHOUT=deviation` leaves one out, to see that the comparison notices.
//! Without QEMU this is skipped with a loud line; with `CI` set it fails instead. A run is the same each time, so that
//! a change is what breaks it; `QEMU_LIVE_SEED=random` goes hunting, `QEMU_LIVE_SEED=0x...` repeats a find.
#![cfg(unix)]

#[path = "live/lab.rs"]
mod lab;
#[path = "live/qemu.rs"]
mod qemu;
#[path = "live/qtest.rs"]
mod qtest;
#[path = "live/rng.rs"]
mod rng;
#[path = "live/tables.rs"]
mod tables;

use lab::{render, Lab, IRE, QIE, SIRTP, TE};
use qemu::SLOTS;
use rng::Rng;
use tables::{Kind, Tables};

/// It once found a bit of an absent feature that did something.
const SEED: u64 = 0x18eb_aa8a_8ad9_93f5;
const SETUPS: usize = 56;
const REQUESTS: usize = 10;
const STALE: usize = 24;
const QUEUE: u64 = 0x102_0000 + 0xd_0000;
const INTERRUPTS: u64 = QUEUE + 0x2000;
const STATUS: u64 = QUEUE + 0x1000;

fn sids() -> Vec<u16> {
    SLOTS.iter().map(|slot| u16::from(*slot) << 3).collect()
}

/// Random tables, each request from empty caches.
fn cold(lab: &mut Lab, rng: &mut Rng, bits: u8) {
    for _ in 0..SETUPS {
        let mut tables =
            Tables::new(rng, lab.kind, bits, &sids(), lab.config.quirks.rid_pasid_without_support);
        if rng.chance(70) {
            tables.damage(rng);
        }
        for (at, word) in tables.words.clone() {
            lab.word(at, word);
        }
        lab.point_at(tables.root);
        lab.command(TE, 0);
        for _ in 0..REQUESTS {
            let device = rng.below(2) as usize;
            let at = tables.address(rng, device);
            lab.request(device, at, rng.chance(50), true);
            lab.point_at(tables.root);
        }
        lab.compare_words(&tables.words);
        lab.command(0, TE);
        lab.clean();
    }
}

struct Queue {
    tail: u64,
    wide: bool,
    sequence: u64,
}

impl Queue {
    fn start(lab: &mut Lab) -> Queue {
        let wide = lab.kind != Kind::Legacy;
        lab.reg64(0x88, 0);
        lab.reg64(0x90, QUEUE | u64::from(wide) << 11);
        lab.command(QIE, 0);
        Queue { tail: 0, wide, sequence: 0 }
    }

    fn put(&mut self, lab: &mut Lab, low: u64, high: u64) {
        let size = if self.wide { 32 } else { 16 };
        lab.word(QUEUE + self.tail, low);
        lab.word(QUEUE + self.tail + 8, high);
        for i in 2..size / 8 {
            lab.word(QUEUE + self.tail + i * 8, 0);
        }
        self.tail = (self.tail + size) % 4096;
    }

    /// Posts a descriptor and a wait descriptor, and looks at the head and at the status written.
    fn post(&mut self, lab: &mut Lab, low: u64, high: u64) {
        self.put(lab, low, high);
        self.sequence += 1;
        let sequence = self.sequence;
        self.put(lab, 5 | 1 << 5 | sequence << 32, STATUS);
        lab.reg64(0x88, self.tail);
        lab.compare_register(0x80, u64::MAX, "queue head");
        lab.compare_words(&[(STATUS, 0)]);
        assert_eq!(lab.qemu.read64(STATUS) & 0xffff_ffff, sequence);
    }
}

/// An entry changes without invalidation, DMA; invalidation by queue, DMA.
fn stale(lab: &mut Lab, rng: &mut Rng, bits: u8) {
    let mut queue = Queue::start(lab);
    for _ in 0..STALE {
        let mut tables =
            Tables::new(rng, lab.kind, bits, &sids(), lab.config.quirks.rid_pasid_without_support);
        for (at, word) in tables.words.clone() {
            lab.word(at, word);
        }
        lab.point_at(tables.root);
        lab.command(TE, 0);
        for device in 0..2 {
            let leaves = tables.devices[device].leaves.clone();
            let Some(&(at, leaf, entry)) = leaves.first() else { continue };
            let ask = at + (rng.next() & 0xff8);
            for write in [false, true] {
                lab.request(device, ask, write, false);
            }
            // The entry changes: other page, other rights, or gone.
            let old = tables.get(entry);
            let new = match rng.below(4) {
                0 => 0,
                1 => old ^ 2,
                2 => old | if lab.kind == Kind::ScalableFirst { 7 } else { 3 },
                _ => old ^ 1 << (3 + 9 * u64::from(leaf) + rng.below(3)).min(29),
            };
            tables.set(entry, new);
            // Accessed and dirty bits were set meanwhile: take what stands there now into account.
            lab.word(entry, new);
            for write in [true, false, true] {
                lab.request(device, ask, write, false);
            }
            let did = tables.devices[device].did;
            let (low, high) = match rng.below(4) {
                0 => (2 | 1 << 4, 0),
                1 => (2 | 2 << 4 | did << 16, 0),
                2 => (2 | 3 << 4 | did << 16, (ask & !0xfff) | rng.below(4)),
                // Another domain: nothing of this one may go.
                _ => (2 | 2 << 4 | (did ^ 0x40) << 16, 0),
            };
            queue.post(lab, low, high);
            for write in [false, true] {
                lab.request(device, ask, write, false);
            }
            // The context entry goes, is invalidated, and comes back.
            let size = if lab.kind == Kind::Legacy { 16 } else { 32 };
            let context = (tables.get(tables.root) & !0xfff) + u64::from(tables.devices[device].sid) * size;
            let word = tables.get(context);
            lab.word(context, 0);
            lab.request(device, ask, true, false);
            queue.post(lab, 1 | 3 << 4 | u64::from(tables.devices[device].sid) << 32, 0);
            queue.post(lab, 2 | 2 << 4 | did << 16, 0);
            lab.request(device, ask, true, false);
            lab.word(context, word);
            lab.request(device, ask, true, false);
        }
        // A read of the interrupt address range.
        lab.request(0, 0xfee0_1000, false, false);
        let places: Vec<_> = tables.words.iter().filter(|(at, _)| *at != 0).copied().collect();
        lab.compare_words(&places);
        lab.command(0, TE);
        lab.clean();
    }
}

/// Descriptors that are wrong stop the queue with IQE, in both at the same place.
fn queue_errors(lab: &mut Lab) {
    for (low, high) in
        [(0xf, 0), (2, 0), (2 | 1 << 4 | 1 << 40, 0), (1 | 1 << 4, 1), (5 | 1 << 20, 0), (6 | 1 << 4, 0)]
    {
        lab.command(0, QIE);
        let mut queue = Queue::start(lab);
        queue.put(lab, 5 | 1 << 5 | 7 << 32, STATUS);
        queue.put(lab, low, high);
        queue.put(lab, 5 | 1 << 5 | 8 << 32, STATUS);
        lab.reg64(0x88, queue.tail);
        lab.compare_register(0x80, u64::MAX, "queue head at a wrong descriptor");
        lab.compare_register(0x34, 0xff, "fault status at a wrong descriptor");
        assert_eq!(lab.qemu.read32(qemu::UNIT + 0x34) & 0x10, 0x10, "{low:#x} stops the queue");
        // A descriptor that does nothing takes its place, and the queue goes on.
        let head = lab.qemu.read64(qemu::UNIT + 0x80);
        lab.word(QUEUE + head, 5 | 1 << 5 | 9 << 32);
        lab.word(QUEUE + head + 8, STATUS);
        lab.reg32(0x34, 0x10);
        lab.reg64(0x88, queue.tail);
        lab.compare_register(0x80, u64::MAX, "queue head after the repair");
        lab.compare_words(&[(STATUS, 0)]);
    }
}

/// Interrupt remapping, through the devices' own MSIs (whose data has 16 bits: fault 20h cannot be reached).
fn interrupts(lab: &mut Lab, rng: &mut Rng) {
    // 16 entries.
    lab.reg64(0xb8, INTERRUPTS | 3);
    lab.command(SIRTP, 0);
    lab.command(IRE, 0);
    for _ in 0..160 {
        let device = rng.below(2) as usize;
        let sid = u64::from(SLOTS[device]) << 3;
        let index = rng.below(18);
        if index < 16 {
            let mut low = 1 | rng.below(0x100) << 16 | rng.below(0x100) << 40;
            let allowed = rng.pick(&[sid, sid ^ 4, sid ^ 8, 0x28, 0x300, 0x0003]);
            let mut high = allowed | rng.below(4) << 16 | rng.below(4) << 18;
            if rng.chance(20) {
                low ^= 1 << rng.pick(&[0, 1, 12, 14, 15, 24, 31, 35, 50]);
            }
            if rng.chance(10) {
                high ^= 1 << (20 + rng.below(44));
            }
            lab.word(INTERRUPTS + index * 16, low);
            lab.word(INTERRUPTS + index * 16 + 8, high);
        }
        let shv = rng.chance(50);
        let (handle, data) = if shv { (index / 2, (index - index / 2) as u32) } else { (index, 0) };
        let address = 0xfee0_0000 | handle << 5 | u64::from(!rng.chance(5)) << 4 | u64::from(shv) << 3;
        lab.interrupt(device, address, data);
    }
    lab.command(0, IRE);
    lab.clean();
}

#[test]
fn our_unit_and_qemus_say_the_same() {
    let version = match qemu::version() {
        Ok(version) => version,
        Err(why) => {
            assert!(std::env::var_os("CI").is_none(), "CI must compare with QEMU: {why}");
            eprintln!("\n*** SKIPPED: nothing was compared with QEMU: {why} ***\n");
            return;
        }
    };
    let seed = qtest::seed(SEED);
    println!("{version}; QEMU_LIVE_SEED={seed:#x}");
    let started = std::time::Instant::now();
    let mut total = 0;
    for (kind, bits, scalable) in [
        (Kind::Legacy, 39, false),
        (Kind::Legacy, 48, false),
        (Kind::Legacy, 48, true),
        (Kind::ScalableSecond, 48, true),
        (Kind::ScalableFirst, 48, true),
    ] {
        let mut rng = Rng(seed ^ (u64::from(bits) << 56) ^ (kind as u64) << 48 ^ u64::from(scalable) << 40);
        let mut lab = Lab::new(kind, bits, scalable, seed);
        cold(&mut lab, &mut rng, bits);
        stale(&mut lab, &mut rng, bits);
        queue_errors(&mut lab);
        interrupts(&mut lab, &mut rng);
        let codes: Vec<String> = lab.faults.iter().map(|(code, n)| format!("{code:x}h x{n}")).collect();
        println!(
            "{kind:?} {bits}: {} requests agree, {} translated, faults {}; {} commands, {:.1} s",
            lab.requests,
            lab.translated,
            codes.join(" "),
            lab.qemu.commands,
            started.elapsed().as_secs_f32()
        );
        total += lab.requests;
    }
    println!("{total} requests");
    assert!(total >= 2000);
}
