use super::descriptor::{BYTES, DESCRIPTOR};
use super::engine::{Stop, MAX_DESCRIPTORS};
use super::registers::{control, status};
use super::*;
use crate::addr::{AddrRange, DeviceAddr, RequesterId};
use crate::platform::local::{LocalMap, Target};
use crate::trace::{Event, Off, Trace};
use alloc::collections::BTreeMap;
use proptest::prelude::*;

/// After so many bytes the bus refuses: registers that are written at random may ask for gigabytes.
const MOST: u64 = 4 << 20;

/// Flat memory behind the bus, whose pages in `bad` refuse.
#[derive(Default)]
struct Flat {
    obs: Trace,
    memory: BTreeMap<u64, u8>,
    own: BTreeMap<u64, u8>,
    bad: Vec<u64>,
    sent: Vec<(bool, u64, u32)>,
    moved: u64,
    interrupts: Vec<u16>,
}

impl Flat {
    fn check(&mut self, write: bool, access: &Access) -> Result<(), BusError> {
        let page = access.at.raw() >> 12;
        assert_eq!((access.at.raw() + u64::from(access.bytes) - 1) >> 12, page, "crosses a page");
        self.sent.push((write, access.at.raw(), access.bytes));
        self.moved += u64::from(access.bytes);
        if self.bad.contains(&page) || self.moved > MOST {
            return Err(BusError::Status(Status::UnsupportedRequest));
        }
        Ok(())
    }
    fn get(map: &BTreeMap<u64, u8>, at: u64, out: &mut [u8]) {
        for (i, byte) in out.iter_mut().enumerate() {
            *byte = map.get(&at.wrapping_add(i as u64)).copied().unwrap_or(0);
        }
    }
    fn put(map: &mut BTreeMap<u64, u8>, at: u64, data: &[u8]) {
        map.extend(data.iter().enumerate().map(|(i, b)| (at.wrapping_add(i as u64), *b)));
    }
    fn descriptor(&self, at: u64) -> Descriptor {
        let mut raw = [0; BYTES as usize];
        Flat::get(&self.memory, at, &mut raw);
        let word = |i: usize| u64::from_le_bytes(raw[i * 8..i * 8 + 8].try_into().unwrap());
        Descriptor::decode([word(0), word(1), word(2), word(3)])
    }
}

impl Bus for Flat {
    type Obs = Trace;
    fn obs(&mut self) -> &mut Trace {
        &mut self.obs
    }
    fn read(&mut self, access: &Access, out: &mut [u8]) -> Result<Option<PhysAddr>, BusError> {
        self.check(false, access)?;
        Flat::get(&self.memory, access.at.raw(), out);
        Ok(Some(PhysAddr::new(access.at.raw())))
    }
    fn write(&mut self, access: &Access, data: &[u8]) -> Result<Option<PhysAddr>, BusError> {
        self.check(true, access)?;
        Flat::put(&mut self.memory, access.at.raw(), data);
        Ok(Some(PhysAddr::new(access.at.raw())))
    }
    fn interrupt(&mut self, vector: u16) {
        self.interrupts.push(vector);
    }
    fn take(&mut self, from: Inside, out: &mut [u8]) {
        let Inside::Own(at) = from else { panic!("{from:?}") };
        Flat::get(&self.own, at, out);
    }
    fn put(&mut self, to: Inside, data: &[u8]) {
        let Inside::Own(at) = to else { panic!("{to:?}") };
        Flat::put(&mut self.own, at, data);
    }
}

fn engine() -> Engine {
    Engine::new(RequesterId::bdf(0, 3, 0), LocalMap::new(), 256, 512)
}

fn program(e: &mut Engine, control: u64, address: u64, length: u64, device: u64) {
    for (offset, value) in [(0x08, address), (0x10, length), (0x18, device), (0x20, address)] {
        e.write_register(offset, 8, value, &mut Off);
    }
    e.write_register(0x34, 4, 5, &mut Off);
    e.write_register(0, 4, control, &mut Off);
    assert!(e.write_register(0x38, 4, 1, &mut Off));
}

#[test]
fn a_contiguous_transfer_moves_data_page_by_page_and_interrupts() {
    let (mut e, mut bus) = (engine(), Flat::default());
    let data: Vec<u8> = (0..6000u32).map(|i| i as u8).collect();
    bus.put(Inside::Own(0x40), &data);
    program(&mut e, control::WRITE.mask() | control::IRQ.mask(), 0x1800, 6000, 0x40);
    assert!(e.busy());
    assert!(!e.write_register(0x38, 4, 1, &mut Off), "busy");
    assert_eq!(e.run(&mut bus), Progress::Done);
    let mut out = vec![0; 6000];
    Flat::get(&bus.memory, 0x1800, &mut out);
    assert_eq!(out, data);
    assert_eq!(bus.sent, [(true, 0x1800, 0x800), (true, 0x2000, 6000 - 0x800)]);
    assert_eq!((e.moved(), e.error(), &bus.interrupts[..]), (6000, 0, &[5][..]));
    assert_eq!(e.read_register(4, 4, &mut Off), status::DONE.mask());
    assert_eq!(e.run(&mut bus), Progress::Idle);
}

#[test]
fn an_abort_says_how_much_was_moved_and_where_it_stopped() {
    let (mut e, mut bus) = (engine(), Flat { bad: vec![3], ..Flat::default() });
    program(&mut e, 0, 0x1f00, 0x3000, 0);
    let refused = BusError::Status(Status::UnsupportedRequest);
    assert_eq!(e.run(&mut bus), Progress::Stopped(Stop::Bus(refused)));
    assert_eq!((e.moved(), e.error()), (0x1100, 1));
    assert_eq!(e.read_register(0x40, 8, &mut Off), 0x3000);
    assert_eq!(e.read_register(0x28, 8, &mut Off), 0x1100);
    e.write_register(4, 4, 6, &mut Off);
    assert_eq!(e.read_register(4, 4, &mut Off), 0);
}

#[test]
fn a_blind_device_carries_on_after_a_dropped_write() {
    let (mut e, mut bus) = (engine(), Flat { bad: vec![2], ..Flat::default() });
    bus.put(Inside::Own(0), &[7; 0x3000]);
    program(&mut e, control::WRITE.mask() | control::BLIND.mask(), 0x1000, 0x3000, 0);
    assert_eq!(e.run(&mut bus), Progress::Done);
    assert_eq!(e.moved(), 0x2000);
    assert_eq!(bus.memory.get(&0x3fff), Some(&7));
}

#[test]
fn a_linked_list_is_fetched_walked_and_marked_done() {
    let (mut e, mut bus) = (engine(), Flat { obs: Trace::new(), ..Flat::default() });
    let ring = [(0x8000u64, Some(0x8fe0u64)), (0x8fe0, Some(0x7000)), (0x7000, None)];
    for (i, (at, next)) in ring.iter().enumerate() {
        let d = Descriptor {
            address: 0x2_0000 + i as u64 * 0x2f0,
            length: 100 * (i as u32 + 1),
            write: i != 1,
            interrupt: i == 0,
            device: i as u64 * 0x1000,
            next: *next,
            ..Descriptor::default()
        };
        Flat::put(&mut bus.memory, *at, &d.bytes());
    }
    bus.put(Inside::Own(0), &[1; 100]);
    bus.put(Inside::Own(0x2000), &[3; 300]);
    program(&mut e, control::LIST.mask() | control::IRQ.mask(), 0x8000, 0, 0);
    assert_eq!(e.run(&mut bus), Progress::Done);
    assert_eq!((e.moved(), e.descriptors(), &bus.interrupts[..]), (600, 3, &[5, 5][..]));
    assert!(ring.iter().all(|(at, _)| bus.descriptor(*at).done));
    assert_eq!(bus.memory.get(&(0x2_0000 + 2 * 0x2f0 + 299)), Some(&3));
    let reads = bus
        .obs
        .steps()
        .iter()
        .filter(|s| matches!(s.event, Event::Read { entry, .. } if core::ptr::eq(entry, &DESCRIPTOR)));
    assert_eq!(reads.count(), 3);
}

#[test]
fn a_list_that_loops_or_is_misaligned_ends_with_an_error() {
    let (mut e, mut bus) = (engine(), Flat::default());
    let d = Descriptor { next: Some(0x8000), ..Descriptor::default() };
    Flat::put(&mut bus.memory, 0x8000, &d.bytes());
    program(&mut e, control::LIST.mask(), 0x8000, 0, 0);
    assert_eq!(e.run(&mut bus), Progress::Stopped(Stop::BadDescriptor));
    assert_eq!(e.descriptors(), MAX_DESCRIPTORS);
    program(&mut e, control::LIST.mask(), 0x8008, 0, 0);
    assert_eq!(e.run(&mut bus), Progress::Stopped(Stop::BadDescriptor));
}

#[test]
fn a_fault_in_a_list_is_written_into_its_descriptor() {
    let (mut e, mut bus) = (engine(), Flat { bad: vec![0x20], ..Flat::default() });
    let d = Descriptor { address: 0x1_ff80, length: 0x100, next: Some(0x9000), ..Descriptor::default() };
    Flat::put(&mut bus.memory, 0x8000, &d.bytes());
    program(&mut e, control::LIST.mask(), 0x8000, 0, 0);
    assert!(matches!(e.run(&mut bus), Progress::Stopped(Stop::Bus(_))));
    let after = bus.descriptor(0x8000);
    assert_eq!((after.done, after.error, e.moved()), (true, 1, 0x80));
}

#[test]
fn device_local_addresses_go_through_the_devices_map() {
    let mut map = LocalMap::new();
    let line = |start, len| AddrRange::new(DeviceAddr::new(start), len).unwrap();
    map.add(line(0, 1 << 38), Target::Own).unwrap();
    map.add(line(1 << 38, 0x2000), Target::Bus(BusAddr::new(0x5_0000))).unwrap();
    let mut e = Engine::new(RequesterId::bdf(0, 3, 0), map, 256, 512);
    let mut bus = Flat::default();
    bus.put(Inside::Own(0), &[9; 0x2000]);
    program(&mut e, control::WRITE.mask() | control::LOCAL.mask(), (1 << 38) + 0x800, 0x1000, 0);
    assert_eq!(e.run(&mut bus), Progress::Done);
    assert_eq!(bus.sent, [(true, 0x5_0800, 0x800), (true, 0x5_1000, 0x800)]);
    program(&mut e, control::WRITE.mask() | control::LOCAL.mask(), 0x9000, 0x10, 0);
    assert_eq!(e.run(&mut bus), Progress::Done);
    assert_eq!((bus.sent.len(), bus.own.get(&0x9000)), (2, Some(&9)));
    program(&mut e, control::WRITE.mask() | control::LOCAL.mask(), (1 << 38) + 0x1800, 0x1000, 0);
    assert_eq!(e.run(&mut bus), Progress::Stopped(Stop::Unmapped));
    assert_eq!(e.moved(), 0x800);
}

#[test]
fn structures_cover_each_bit_once() {
    for r in registers::ALL {
        assert_eq!(registers::at(r.offset), Some(*r));
    }
}

proptest! {
    #[test]
    fn packets_tile_the_access(at in 0u64..1 << 40, bytes in 0u32..20_000, limit in 0u32..5000) {
        let mut next = at;
        for (from, n) in packets(BusAddr::new(at), bytes, limit) {
            prop_assert_eq!(from.raw(), next);
            prop_assert!(n > 0 && n <= limit.max(128) && from.raw() >> 12 == (from.raw() + u64::from(n) - 1) >> 12);
            next += u64::from(n);
        }
        prop_assert_eq!(next, at + u64::from(bytes));
    }

    #[test]
    fn descriptors_round_trip(address: u64, length: u32, flags: [bool; 4], device: u64, next: Option<u64>, error in 0u8..8) {
        let [write, local, interrupt, done] = flags;
        let d = Descriptor { address, length, write, local, interrupt, device, next, done, error };
        prop_assert_eq!(Descriptor::decode(d.encode()), d);
    }

    /// Registers take anything without a panic, and a transfer moves exactly what it says.
    #[test]
    fn registers_never_panic(ops in proptest::collection::vec((0u32..0x60, 0u8..10, 0u64..0x4000), 0..60)) {
        let (mut e, mut bus) = (engine(), Flat { bad: vec![1], ..Flat::default() });
        for (offset, bytes, value) in ops {
            if e.write_register(offset, bytes, value, &mut Off) {
                e.run(&mut bus);
            }
            e.read_register(offset, bytes, &mut Off);
        }
    }
}
