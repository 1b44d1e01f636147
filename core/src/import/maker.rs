//! Whose IOMMU a machine gets: what a unit says, otherwise what the host bridge does, otherwise what its groups show.

use super::found::{Found, Function, Maker, Source, Unit};

/// Returns whose it is, and where that is said; no line where it is a conclusion.
pub fn maker(found: &Found) -> (Option<Maker>, Option<Source>) {
    if let Some(unit) = found.units.iter().find(|u| u.maker != Maker::Other && u.maker != Maker::Virtio) {
        return (Some(unit.maker), Some(unit.from));
    }
    if let Some(unit) = found.units.first() {
        return (Some(unit.maker), Some(unit.from));
    }
    if let Some(unit) = found.functions.iter().find(|f| f.class == Some(0x0806)) {
        return (Some(Maker::Amd), Some(unit.from));
    }
    match maker_of_host(found) {
        Some(maker) => (Some(maker), None),
        None => (of_groups(found).0, None),
    }
}

/// Returns the widest addresses that a unit of VT-d translates (VT-d specification, 11.4.2: SAGAW); none where it says none.
pub fn sagaw(cap: u64) -> Option<u32> {
    [(3, 57), (2, 48), (1, 39)].iter().find(|(bit, _)| cap >> (8 + bit) & 1 == 1).map(|(_, width)| *width)
}

/// Returns whether the machine of AMD-Vi answers translation requests, and whether that is only assumed: firmware's table says so
/// (IotlbSup), or a device that has them on; a unit of which neither is told has them, one that no text names does not.
pub fn amd_translates_for_devices(found: &Found) -> (bool, bool) {
    let on = found.functions.iter().any(|f| f.ats == Some(Some(true)));
    match found.units.iter().find(|unit| unit.maker == Maker::Amd) {
        Some(unit) => (unit.iotlb.unwrap_or(true), unit.iotlb.is_none() && !on),
        None => (on, false),
    }
}

/// Returns the IOMMU whose features the machine that is written has: that of all functions which no other names, otherwise the first.
pub fn unit(found: &Found) -> Option<&Unit> {
    let maker = maker(found).0;
    let of_maker = || found.units.iter().filter(|unit| Some(unit.maker) == maker);
    of_maker().find(|unit| unit.all).or_else(|| of_maker().next())
}

/// Returns how many bits of an address the tables of the machine that is written translate.
pub fn width(found: &Found) -> u32 {
    let maker = maker(found).0;
    let unit = unit(found);
    match maker {
        // The word is written where both registers are known.
        Some(Maker::Intel) => {
            unit.filter(|unit| unit.more.is_some()).and_then(|unit| unit.cap).and_then(sagaw).unwrap_or(48)
        }
        Some(Maker::Amd | Maker::Smmu3 | Maker::Smmu2) => 48,
        // Sign-extended: half of 48 bits.
        Some(Maker::RiscV) => 47,
        // Without one an address is one of memory.
        Some(Maker::Virtio | Maker::Other) | None => 52,
    }
}

/// Returns whose it is where only groups show that there is one, and whether nothing else does: without an IOMMU Linux has none.
pub fn of_groups(found: &Found) -> (Option<Maker>, bool) {
    let named = !found.units.is_empty() || found.functions.iter().any(|f| f.class == Some(0x0806));
    // `intel_iommu=off` leaves the list empty; a script's list by group is a list of groups all the same.
    if found.groups.is_empty() || named || found.policy.off.is_some() {
        return (None, false);
    }
    // Where Linux lets messages of interrupts go, as sysfs lists it: x86's place, or one that it chose for an SMMU.
    let messages = found.reserved.iter().find(|r| r.kind == "msi").map(|r| r.range.first);
    let maker = match messages {
        Some(0x0800_0000) => Maker::Smmu3,
        _ => Maker::Intel,
    };
    let by_host = maker_of_host(found);
    (Some(by_host.unwrap_or(maker)), by_host.is_none())
}

/// Returns whose it is where no more than a host bridge says that there is one.
pub fn of_host_alone(found: &Found) -> Option<Maker> {
    let named = !found.units.is_empty() || found.functions.iter().any(|f| f.class == Some(0x0806));
    let silent = !named && found.groups.is_empty() && found.policy.off.is_none();
    maker_of_host(found).filter(|_| silent)
}

/// What a host bridge says of it; where none is read, the bridges of the chipset.
fn maker_of_host(found: &Found) -> Option<Maker> {
    let of = |wanted: u16, mask: u16| {
        let all = found.functions.iter().filter(move |f| f.class.is_some_and(|class| class & mask == wanted));
        // The bridge of QEMU's `pc`, of 1996, which has none.
        let old = |f: &Function| f.ids == Some((0x8086, 0x1237)) || f.name.contains("440FX");
        all.filter(|f| !old(f)).find_map(|f| match f.ids.map(|(vendor, _)| vendor) {
            Some(0x8086) => Some(Maker::Intel),
            Some(0x1022) => Some(Maker::Amd),
            None if f.name.contains("Intel") => Some(Maker::Intel),
            None if f.name.contains("AMD") => Some(Maker::Amd),
            _ => None,
        })
    };
    of(0x0600, 0xffff).or_else(|| of(0x0600, 0xff00).filter(|_| !found.groups.is_empty()))
}
