//! Which numbers of a text move with its RAM, and which do not.

use super::literal;
use crate::iommu::Architecture;
use crate::scenario::ast::Vm;
use crate::scenario::onto::onto_word;
use crate::scenario::{parse, Outline};
use alloc::{format, string::String, vec::Vec};

/// A text on an SMMUv3, whose RAM begins at 1 GiB, after its first lines.
fn on_arm(lines: &str) -> String {
    let text = format!("iommu-playground 2\nmachine vt-d\n{lines}");
    onto_word(&text, "smmuv3").unwrap()
}

/// A length, a size or a number that is written as a place is stays as it is.
#[test]
fn only_places_move() {
    let there = on_arm(
        "ram 0 .. 3G\ndevice nic 00:03.0\nsteps\n  alloc b 256M at 256M\n  domain d\n  map d 256M +256M -> 256M page 2M\n\
         \x20 dma nic write 256M +64\n  poke 0x1000_0000 0x1000_0000\n",
    );
    for line in [
        "alloc b 256M at 0x5000_0000",
        "map d 0x5000_0000 +256M -> 0x5000_0000 page 2M",
        "dma nic write 0x5000_0000 +64",
        "poke 0x5000_0000 0x1000_0000",
    ] {
        assert!(there.contains(line), "{line} in {there}");
    }
}

/// Without a `ram` line there is the board's own, which begins elsewhere too.
#[test]
fn ram_that_is_not_said_moves_too() {
    let text = "device nic 00:03.0\nsteps\n  alloc b 4K at 0x1000_0000\n  fill 0x1000_0008 \"hi\"\n";
    let there = on_arm(text);
    assert!(there.contains("alloc b 4K at 0x5000_0000"), "{there}");
    assert!(there.contains("fill 0x5000_0008 \"hi\""), "{there}");
    assert!(crate::machine::run(&there).is_ok(), "{there}");
    // What was written for that board stays.
    let own = format!("iommu-playground 2\nmachine smmuv3\n{}", text.replace("0x1000", "0x3000"));
    assert!(onto_word(&own, "smmuv3").unwrap().contains("at 0x3000_0000"));
}

/// Addresses that are mapped to themselves stay so, whatever address of the range a device uses.
#[test]
fn a_mapping_to_itself_moves_as_a_whole() {
    let text = "ram 0 .. 3G\ndevice nic 00:03.0\nsteps\n  domain d\n  attach nic to d\n  note \"It writes 0x10001100.\"\n\
        \x20 map d 0x1000_0000 +8K -> 0x1000_0000\n  dma nic write 0x1000_1100 +8\n  expect fault none\n";
    let there = on_arm(text);
    assert!(there.contains("dma nic write 0x5000_1100 +8"), "{there}");
    assert!(there.contains("It writes 0x50001100."), "{there}");
    let run = crate::machine::run(&there).unwrap();
    assert!(run.checks.iter().all(|check| check.failure.is_none()), "{there}");
}

/// Physical addresses are also those that firmware reserves, and those of devices that nobody translates.
#[test]
fn what_is_reserved_passed_through_or_translated_is_physical() {
    let there = on_arm(
        "iommu pass-through\ndevice nic 00:03.0 ats\ndevice own 00:04.0\nreserved nic 0x200_0000 +64K\nsteps\n\
         \x20 dma nic write 0x200_0010 +8\n  dma own read 0x300_0000 +8\n  domain d\n  attach own to d\n  dma own read 0x400_0000 +8\n\
         \x20 dma own read 0x500_0000 +8 translated\n  attach own to pass-through\n  dma own read 0x600_0000 +8\n",
    );
    for line in [
        "reserved nic 0x4200_0000 +64K",
        "dma nic write 0x4200_0010 +8",
        "dma own read 0x4300_0000 +8",
        "dma own read 0x400_0000 +8",
        "dma own read 0x4500_0000 +8 translated",
        "dma own read 0x4600_0000 +8",
    ] {
        assert!(there.contains(line), "{line} in {there}");
    }
}

#[test]
fn physical_addresses_move_with_the_ram_and_those_of_guests_do_not() {
    let text = "iommu-playground 1\nmachine vt-d\nram 0 .. 1G\nvm blue ram 0 +64M at 0x2000_0000\nsteps\n\
        \x20 cpu write 0x20_0000 1 size 4\n  domain d\n  map d 0x10_0000 +4K -> 0x30_0000 rw\n  domain inner in blue\n\
        \x20 map inner 0x10_0000 +4K -> 0x40_0000 rw\n  expect translation d 0x10_0000 -> 0x30_0000\n";
    let there = onto_word(text, "smmuv3").unwrap();
    assert!(there.contains("cpu write 0x4020_0000 1 size 4"), "{there}");
    assert!(there.contains("map d 0x10_0000 +4K -> 0x4030_0000 rw"), "{there}");
    assert!(there.contains("map inner 0x10_0000 +4K -> 0x40_0000 rw"), "{there}");
    assert!(there.contains("vm blue ram 0 +64M at 0x6000_0000"), "{there}");
}

/// A guest that is not where the host is on one machine is not there on another: its device could write the tables.
#[test]
fn no_guest_of_a_preset_lies_over_what_the_host_writes() {
    use crate::trace::{Actor, Event};
    let mut met = 0;
    for preset in crate::scenario::presets::PRESETS {
        for text in Architecture::ALL.iter().filter_map(|a| preset.text_on(*a)) {
            let scenario = parse(&text).unwrap();
            let at = |vm: &Vm| Some((literal(vm.at.as_ref()?)?.value, vm.ram.as_ref()?.addresses()?.len()));
            let guests: Vec<_> = Outline::new(&scenario).vms.iter().filter_map(|vm| at(vm)).collect();
            if guests.is_empty() {
                continue;
            }
            met += 1;
            let trace = crate::machine::run(&text).unwrap().machine.trace;
            for step in trace.steps().iter().filter(|step| step.actor == Actor::Os) {
                let (Event::Write { pa, .. } | Event::WriteRun { pa, .. }) = step.event else { continue };
                let inside = guests.iter().any(|(from, bytes)| pa.raw().wrapping_sub(*from) < *bytes);
                assert!(!inside, "{}: {pa} is a guest's\n{text}", preset.name);
            }
        }
    }
    assert!(met > 4, "{met}");
}
