//! Tables that no public dump was found of, written by their specification; those of real machines are in `tests/import`.

use super::super::found::{Bdf, Maker};
use super::super::{read, Found, Input, Kind};
use alloc::vec::Vec;

/// A table of a signature and what follows its header, with its length and checksum right.
fn table(signature: &[u8; 4], body: &[u8]) -> Vec<u8> {
    let mut out = signature.to_vec();
    out.extend((36 + body.len() as u32).to_le_bytes());
    out.extend([1, 0]);
    out.extend(b"VENDORMACHINE ");
    out.resize(36, 0);
    out.extend(body);
    let sum = out.iter().fold(0u8, |sum, byte| sum.wrapping_add(*byte));
    out[9] = sum.wrapping_neg();
    out
}

fn words(values: &[u32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

fn found(bytes: &[u8]) -> Found {
    read(&[Input { name: "table", bytes }])
}

/// An ITS group at 48, an SMMUv3 at 72, a root complex that maps to it.
fn iort() -> Vec<u8> {
    let mut body = words(&[3, 48, 0]);
    let node = |kind: u8, len: u16, maps: u32, at: u32| {
        let mut node = [kind].to_vec();
        node.extend(len.to_le_bytes());
        node.push(0);
        node.extend(words(&[0, maps, at]));
        node
    };
    body.extend(node(0, 24, 0, 0));
    body.extend(words(&[1, 0]));
    let mut smmu = node(4, 68, 0, 0);
    smmu.extend(0x905_0000u64.to_le_bytes());
    smmu.resize(68, 0);
    body.extend(smmu);
    let mut complex = node(2, 76, 2, 36);
    complex.extend(words(&[0, 0, 0, 1, 64]));
    complex.extend(words(&[0, 0xff, 0x1000, 72, 0]));
    complex.extend(words(&[0x100, 0xff, 0x2000, 48, 0]));
    body.extend(complex);
    table(b"IORT", &body)
}

#[test]
fn iort_maps_requester_ids_to_stream_ids() {
    let found = found(&iort());
    assert!(found.remarks.is_empty(), "{:?}", found.remarks);
    assert_eq!(found.units.len(), 1);
    assert_eq!((found.units[0].maker, found.units[0].at), (Maker::Smmu3, Some(0x905_0000)));
    let of = |bus: u8, msi: bool| {
        let at = Bdf { segment: 1, bus, ..Bdf::default() };
        found.ids.iter().filter(|map| map.msi == msi).find_map(|map| map.of(at))
    };
    assert_eq!((of(0, false), of(1, false), of(1, true)), (Some(0x1000), None, Some(0x2000)));
}

#[test]
fn a_map_to_what_is_no_unit_is_a_message_with_its_offset() {
    let mut bytes = iort();
    // The first map leads to the root complex itself.
    let at = bytes.len() - 40 + 12;
    bytes[at] = 140;
    let sum = bytes.iter().fold(0u8, |sum, byte| sum.wrapping_add(*byte));
    bytes[9] = bytes[9].wrapping_sub(sum);
    let found = found(&bytes);
    let said = &found.remarks[0];
    assert!(said.kind == Kind::Damaged && said.what.en.contains("offset 0xbc"), "{said:?}");
}

#[test]
fn rimt_maps_requester_ids_to_device_ids() {
    let mut body = words(&[2, 48, 0]);
    body.extend([0, 1, 40, 0, 0, 0, 1, 0]);
    body.extend(b"RSCV0002");
    body.extend(0x301_0000u64.to_le_bytes());
    body.extend(words(&[0, 0, 0, 0]));
    body.extend([1, 1, 40, 0, 0, 0, 2, 0]);
    body.extend(words(&[0, 2 << 16, 20 | 1 << 16]));
    body.extend(words(&[0, 0x100, 0x40, 48, 0]));
    let bytes = table(b"RIMT", &body);
    let got = found(&bytes);
    assert!(got.remarks.is_empty(), "{:?}", got.remarks);
    assert_eq!((got.units[0].maker, got.units[0].at), (Maker::RiscV, Some(0x301_0000)));
    let at = Bdf { segment: 2, device: 3, ..Bdf::default() };
    assert_eq!(got.ids[0].of(at), Some(0x58));
    // Cut anywhere, nothing of it is used.
    for len in 4..bytes.len() {
        let cut = found(&bytes[..len]);
        assert!(cut.units.is_empty() && cut.remarks[0].kind == Kind::Damaged, "{len}");
    }
}

/// An IVRS with a unit whose devices are these, and a region: its kind, flags, first and last device, segment, start and length.
fn ivrs(
    devices: &[u8],
    (kind, flags, first, last): (u8, u8, u16, u16),
    segment: u16,
    range: (u64, u64),
) -> Vec<u8> {
    let mut body = [0; 12].to_vec();
    body.extend([0x10, 0]);
    body.extend((24 + devices.len() as u16).to_le_bytes());
    body.extend([2, 0, 0x40, 0]);
    body.extend(0xfeb8_0000u64.to_le_bytes());
    body.extend(segment.to_le_bytes());
    body.extend([0; 6]);
    body.extend(devices);
    body.extend([kind, flags, 32, 0]);
    body.extend([first, last, segment, 0, 0, 0].iter().flat_map(|word| word.to_le_bytes()));
    body.extend(range.0.to_le_bytes());
    body.extend(range.1.to_le_bytes());
    table(b"IVRS", &body)
}

#[test]
fn ranges_with_an_alias_and_regions_of_each_kind_and_segment_are_read() {
    // Ranges: 00:01.0 to ff:1f.6, and 03:00.0 to 03:1f.7 under the id 00:14.5.
    let devices = [3, 8, 0, 0, 4, 0xfe, 0xff, 0, 0x43, 0, 3, 0, 0, 0xa5, 0, 0, 4, 0xff, 3, 0];
    let scope = "0002:00:01.0 to 0002:ff:1f.6, 0002:03:00.0 to 0002:03:1f.7 as 0002:00:14.5";
    // Excluded from translation, which is as mapped to itself; of one device, of a range that no text has, of all.
    for (kind, flags, functions, others) in [
        (0x21, 8, "0002:00:02.0", ""),
        (0x21, 7, "0002:00:02.0", ""),
        (0x22, 8, "", "0002:00:02.0 .. 0002:00:03.0"),
        (0x20, 1, "", "all of segment 0002"),
    ] {
        let got = found(&ivrs(&devices, (kind, flags, 0x10, 0x18), 2, (0x7000_0000, 0x10_0000)));
        assert!(got.remarks.is_empty(), "{:?}", got.remarks);
        assert_eq!(got.units[0].scope, scope);
        let [region] = &got.reserved[..] else { panic!("{:?}", got.reserved) };
        let named: Vec<_> = region.functions.iter().map(|at| alloc::format!("{at}")).collect();
        assert_eq!((named.join(", ").as_str(), region.others.join(", ").as_str()), (functions, others));
        assert_eq!((region.kind.as_str(), region.range.last), ("direct", 0x700f_ffff));
    }
    // Neither: it says nothing. One that runs past 64 bits is no region.
    assert!(found(&ivrs(&devices, (0x21, 6, 0x10, 0), 0, (0x7000_0000, 0x1000))).reserved.is_empty());
    let past = found(&ivrs(&devices, (0x21, 1, 0x10, 0), 0, (u64::MAX - 0xfff, 0x2000)));
    assert!(past.reserved.is_empty() && past.remarks[0].kind == Kind::Contradiction, "{:?}", past.remarks);
}

#[test]
fn memory_of_an_rmr_is_for_the_functions_of_its_stream_ids_in_whatever_order_the_texts_come() {
    let mut bytes = iort();
    let base = bytes.len() as u32;
    // A node of reserved memory: two ids, one of a function that is there; one region of 2 GiB.
    let mut node = [6, 88, 0, 1].to_vec();
    node.extend(words(&[0, 2, 48, 0, 1, 28]));
    node.extend(0x8000_0000u64.to_le_bytes());
    node.extend(0x8000_0000u64.to_le_bytes());
    node.extend(words(&[0]));
    node.extend(words(&[0, 0, 0x1018, 72, 1, 0, 0, 0x1ff8, 72, 1]));
    assert_eq!((node.len(), base % 4), (88, 0));
    bytes.extend(node);
    bytes[4..8].copy_from_slice(&(base + 88).to_le_bytes());
    bytes[36] = 4;
    bytes[9] = 0;
    bytes[9] = bytes.iter().fold(0u8, |sum, byte| sum.wrapping_add(*byte)).wrapping_neg();
    let table = Input { name: "iort", bytes: &bytes };
    let functions = Input { name: "lspci", bytes: b"0001:00:03.0 Ethernet controller: A\n" };
    for inputs in [[table, functions], [functions, table]] {
        let got = super::super::import(&inputs);
        let [region] = &got.found.reserved[..] else { panic!("{:?}", got.found) };
        assert_eq!(region.functions, [Bdf { segment: 1, device: 3, ..Bdf::default() }]);
        assert_eq!(region.others, ["StreamID 0x1ff8"]);
        assert!(got.scenario.contains("reserved nic0 0x8000_0000 +1G  # iort: direct"), "{}", got.scenario);
        crate::machine::run(&got.scenario).unwrap();
    }
}
