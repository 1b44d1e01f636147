use super::*;
use crate::machine::run;
use crate::scenario::presets::PRESETS;

/// Addresses worth asking about: what buffers are at, for everybody.
fn asked(machine: &crate::machine::Machine) -> Vec<u64> {
    let pieces = machine.sw.buffers.iter().flat_map(|b| b.pieces.iter().take(2).map(|p| p.0.raw() + 0x10));
    pieces.take(6).collect()
}

/// Each name of a byte leads to the same byte, and from there the first name is found again: wherever in the trace,
/// on every preset.
#[test]
fn names_of_a_byte_are_names_of_the_same_byte() {
    let mut names = 0;
    for preset in PRESETS {
        let done = run(preset.text).unwrap_or_else(|p| panic!("{}: {p}", preset.name));
        let (machine, trace) = (&done.machine, &done.machine.trace);
        let record = Record::of(machine);
        let mut cursor = Cursor::at_end(machine.memories(), trace);
        for at in [trace.len(), trace.len() * 2 / 3] {
            cursor.seek(trace, at);
            for pa in asked(machine) {
                let found = find(&record, trace, &mut cursor, Of::Physical, pa);
                for place in found.places.iter().filter(|p| !p.stale) {
                    let back = find(&record, trace, &mut cursor, place.of, place.address);
                    assert_eq!(back.pa, found.pa, "{} at {at}: {place:?}", preset.name);
                    assert!(
                        back.places.iter().any(|p| p.of == Of::Physical && p.address == pa),
                        "{} at {at}: {place:?} does not lead back",
                        preset.name
                    );
                    names += 1;
                }
            }
        }
    }
    assert!(names > 150, "{names} names are no test");
}

#[test]
fn everyone_who_can_reach_a_page_is_named_with_the_entries() {
    let sva = crate::scenario::presets::by_name("sva").unwrap();
    let done = run(sva.text).unwrap();
    let (machine, trace) = (&done.machine, &done.machine.trace);
    let record = Record::of(machine);
    let mut cursor = Cursor::at_end(machine.memories(), trace);
    // The page of alice: she, the device with her PASID, and the kernel's direct map.
    let found = find(&record, trace, &mut cursor, Of::Process(0), 0x7f00_0000_0000);
    assert_eq!(found.asked.through.len(), 4, "four levels of her own tables");
    let who: Vec<Of> = found.places.iter().map(|p| p.of).collect();
    let pasid = machine.sw.processes[0].pasid;
    assert!(who.contains(&Of::Kernel) && who.contains(&Of::Device(0, Some(pasid))), "{who:?}");
    assert!(!who.contains(&Of::Process(1)), "bob has no part in it");
    let device = found.places.iter().find(|p| p.of == Of::Device(0, Some(pasid))).unwrap();
    // Root, context, PASID directory, PASID table, then her four levels.
    assert_eq!(device.through.len(), 8, "{:?}", device.through);
}

#[test]
fn what_only_the_iotlb_says_is_stale() {
    let lazy = crate::scenario::presets::by_name("lazy").unwrap();
    let done = run(lazy.text).unwrap();
    let (machine, trace) = (&done.machine, &done.machine.trace);
    let record = Record::of(machine);
    let mut cursor = Cursor::at_end(machine.memories(), trace);
    let mut stale = 0;
    for at in 0..=trace.len() {
        cursor.seek(trace, at);
        for pa in asked(machine) {
            let found = find(&record, trace, &mut cursor, Of::Physical, pa);
            stale += found.places.iter().filter(|p| p.stale).count();
        }
        if stale > 0 {
            return;
        }
    }
    panic!("lazy unmapping leaves no stale name");
}

#[test]
fn an_address_that_leads_nowhere_says_why() {
    let done = run(crate::scenario::presets::by_name("why-iommu").unwrap().text).unwrap();
    let (machine, trace) = (&done.machine, &done.machine.trace);
    let record = Record::of(machine);
    let mut cursor = Cursor::at_end(machine.memories(), trace);
    let found = find(&record, trace, &mut cursor, Of::Device(0, None), 0xdead_0000);
    assert!(found.pa.is_none() && found.thing.en.starts_with("fault 0x"), "{found:?}");
    assert!(!found.asked.through.is_empty());
    for address in [0, u64::MAX, 1 << 63, 0x8000_0000_0000] {
        find_all(&record, trace, &mut cursor, address);
    }
}
