//! What context descriptors and stream table entries make of VMSAv8-64 tables, against rules written out here from DDI 0487
//! D8 and IHI 0070, 5: both halves and ignored top bytes, 52-bit outputs, limits of tables, updates by hardware in
//! stage 2, and that no translation is used for another stream than those of its tags.

use iommu_core::addr::PhysAddr;
use iommu_core::iommu::smmuv3::spec::registers::*;
use iommu_core::iommu::smmuv3::spec::structures::{config, strw};
use iommu_core::iommu::smmuv3::spec::{cd, ste};
use iommu_core::iommu::smmuv3::translate::Transaction;
use iommu_core::iommu::smmuv3::Config;
use iommu_core::iommu::RequestKind;
use iommu_core::spec::Bits;
use iommu_core::trace::Perms;
use proptest::prelude::*;

#[path = "support/smmuv3_lab.rs"]
mod smmuv3_lab;
use smmuv3_lab::*;

/// Writes tables of 4 KiB granules and 48 bits down to a leaf; returns where the leaf and the table entry above it are.
fn tables(lab: &mut Lab, root: u64, at: u64, leaf: u64) -> (u64, u64) {
    let (mut table, mut above) = (root, 0);
    for level in 0..3 {
        above = table + (at >> (39 - 9 * level) & 511) * 8;
        let old = lab.memory.peek_u64(PhysAddr::new(above));
        table = match old {
            0 => {
                let new = lab.frame(1);
                lab.store(above, &[new | 3]);
                new
            }
            word => word & 0xffff_ffff_f000,
        };
    }
    let place = table + (at >> 12 & 511) * 8;
    lab.store(place, &[leaf]);
    (place, above)
}

fn install(lab: &mut Lab, words: cd::Words) {
    let pointer = lab.frame(1);
    lab.store(pointer, &words);
    lab.store(STREAMS + u64::from(SID) * 64, &first_entry(pointer));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Bit 55 says which half an address is in; above the bits that T0SZ and T1SZ leave, all are as it, but for a top byte
    /// that TBI0 or TBI1 has ignored (DDI 0487 D8.2).
    #[test]
    fn a_half_has_its_own_width_and_its_own_top_byte(
        sizes in (16u64..=39, 16u64..=39), ignored: (bool, bool), off: (bool, bool),
        upper: bool, page in any::<u64>(), top: Option<u8>, stray in proptest::option::of(16u32..56),
    ) {
        let mut lab = Lab::new(Config::playground());
        let (low, high) = (lab.frame(1), lab.frame(1));
        let words = descriptor(low)
            .with(cd::T0SZ, sizes.0)
            .with(cd::T1SZ, sizes.1)
            .with(cd::TG1, 2)
            .with_flag(cd::EPD0, off.0)
            .with_flag(cd::EPD1, off.1)
            .with_flag(cd::TBI0, ignored.0)
            .with_flag(cd::TBI1, ignored.1)
            .with_address(cd::TTB1, high);
        install(&mut lab, words);
        let size = if upper { sizes.1 } else { sizes.0 };
        let inside = page & (u64::MAX >> size) & !0xfff;
        let sign = if upper { u64::MAX << (64 - size) } else { 0 };
        // The tables begin at the level that the width needs.
        let levels = (64 - size - 12).div_ceil(9);
        let root = if upper { high } else { low };
        let mut table = root;
        for level in (1..levels).rev() {
            let new = lab.frame(1);
            lab.store(table + (inside >> (12 + 9 * level) & 511) * 8, &[new | 3]);
            table = new;
        }
        lab.store(table + (inside >> 12 & 511) * 8, &[0x5000_0743]);
        let mut at = inside | sign;
        if let Some(top) = top {
            at = at & (u64::MAX >> 8) | u64::from(top) << 56;
        }
        if let Some(bit) = stray.filter(|bit| u64::from(*bit) >= 64 - size) {
            at ^= 1 << bit;
        }
        // Which half it is in now.
        let there = at >> 55 & 1 != 0;
        let (size, ignore, disabled) = match there {
            true => (sizes.1, ignored.1, off.1),
            false => (sizes.0, ignored.0, off.0),
        };
        let whole = if ignore { (at << 8) as i64 >> 8 } else { at as i64 };
        let fits = whole >> (64 - size) == -i64::from(there);
        let mapped = there == upper && whole as u64 & (u64::MAX >> size) & !0xfff == inside;
        let reply = reached(lab.ask(read(at)));
        if fits && !disabled && mapped {
            prop_assert_eq!(reply.map(|r| r.to), Some(0x5000_0000));
        } else {
            prop_assert!(reply.is_none());
            let words = lab.event().unwrap();
            // InputAddr has the top byte as it came (IHI 0070, 7.3).
            prop_assert_eq!((words[0] & 0xff, words[2]), (0x10, at));
        }
    }

    /// Of streams with other tags no translation is used, whatever the order of accesses; of those with the same it is.
    #[test]
    fn translations_serve_their_own_tags_only(order in proptest::collection::vec(0usize..14, 1..60), e2h: bool) {
        let mut lab = Lab::new(Config::playground());
        lab.set(cr0::OFFSET, 4, 0x1e);
        lab.set(cr2::OFFSET, 4, u64::from(e2h));
        lab.set(cr0::OFFSET, 4, 0x1f);
        let at = 0x1234_5000u64;
        // World, VMID, ASID, global; each leads to memory of its own.
        let mut rows = Vec::new();
        for vmid in 0..2 {
            for asid in 0..2 {
                rows.push((strw::EL1, vmid, asid));
                rows.push((strw::EL2, vmid, asid));
            }
            rows.push((u64::MAX, vmid, 0));
        }
        let mut seen = std::collections::BTreeSet::new();
        for (i, (world, vmid, asid)) in rows.iter().enumerate() {
            let (root, pointer) = (lab.frame(1), lab.frame(1));
            let entry = STREAMS + i as u64 * 64;
            let to = 0x8000_0000 | (i as u64) << 12;
            if *world == u64::MAX {
                tables(&mut lab, root, at, to | 0x7c3);
                let words = with_second(ste::ZERO.with_flag(ste::V, true).with(ste::CONFIG, config::S2), root);
                lab.store(entry, &words.with(ste::S2VMID, *vmid));
            } else {
                tables(&mut lab, root, at, to | 0xf43);
                lab.store(pointer, &descriptor(root).with(cd::ASID, *asid));
                let words = first_entry(pointer).with(ste::STRW, *world).with(ste::S2VMID, *vmid);
                lab.store(entry, &words);
            }
        }
        for i in order {
            let i = i % rows.len();
            let (world, vmid, asid) = rows[i];
            // What counts of the tags: without E2H EL2 has none, with it an ASID (IHI 0070, 3.17).
            let tags = match world {
                strw::EL1 => (0, vmid, asid),
                strw::EL2 if e2h => (1, 0, asid),
                strw::EL2 => (1, 0, 0),
                _ => (2, vmid, 0),
            };
            let kind = RequestKind::Untranslated;
            let asked = Transaction { stream: i as u32, ..transaction(None, Perms::R, at, kind) };
            let found = reached(lab.ask(asked)).unwrap();
            prop_assert_eq!(found.cached, !seen.insert(tags), "{:?}", tags);
            if !found.cached {
                prop_assert_eq!(found.to, 0x8000_0000 | (i as u64) << 12);
            }
        }
    }

    /// In stage 2 hardware sets the access flag on any access, and makes a page writable on a write where DBM lets it
    /// (IHI 0070, 3.13).
    #[test]
    fn hardware_update_in_stage_2_sets_a_and_then_d(
        ha: bool, hd: bool, ignored: bool, write: bool, flag: bool, dbm: bool, read_only: bool,
    ) {
        prop_assume!(ha || !hd);
        let mut lab = Lab::new(Config::playground());
        let root = lab.frame(1);
        let before = 0x5000_0343
            | u64::from(flag) << 10
            | u64::from(!read_only) << 7
            | u64::from(dbm) << 51;
        let (leaf, _) = tables(&mut lab, root, VA, before);
        let words = with_second(ste::ZERO.with_flag(ste::V, true).with(ste::CONFIG, config::S2), root);
        let words = words.with_flag(ste::S2HA, ha).with_flag(ste::S2HD, hd).with_flag(ste::S2AFFD, ignored);
        lab.store(STREAMS + u64::from(SID) * 64, &words);
        let perms = if write { Perms::W } else { Perms::R };
        let reply = lab.ask(transaction(None, perms, VA, RequestKind::Untranslated));
        let after = lab.memory.peek_u64(PhysAddr::new(leaf));
        let event = lab.event().map(|words| (words[0] & 0xff, words[1] >> 39 & 1, words[3]));
        if !flag && !ha && !ignored {
            prop_assert_eq!((event, after), (Some((0x12, 1, VA & !0xfff)), before));
        } else if write && read_only && !(hd && dbm) {
            prop_assert_eq!(event, Some((0x13, 1, VA & !0xfff)));
            prop_assert_eq!(after & 0x80, 0);
        } else {
            prop_assert!(reached(reply).is_some());
            let dirtied = if write && read_only { before | 0x80 } else { before };
            prop_assert_eq!(after, dirtied | u64::from(ha) << 10);
        }
    }
}

/// UXNTable, PXNTable and APTable of a table take rights away below it, unless HAD0 has them off (DDI 0487 D8.4).
#[test]
fn limits_of_tables_count_unless_they_are_off() {
    for limit in 59..63 {
        for off in [false, true] {
            for (perms, privileged) in
                [(Perms::R, false), (Perms::W, false), (Perms::X, false), (Perms::X, true)]
            {
                let mut lab = Lab::new(Config::playground());
                let root = lab.frame(1);
                // A page that users may read and write; or, to be executed by the kernel, one that is the kernel's.
                let leaf = if privileged { 0x5000_0783 } else { 0x5000_0743 };
                let (_, above) = tables(&mut lab, root, VA, leaf);
                let table = lab.memory.peek_u64(PhysAddr::new(above));
                lab.store(above, &[table | 1 << limit]);
                install(&mut lab, descriptor(root).with_flag(cd::HAD0, off));
                let asked =
                    Transaction { privileged, ..transaction(None, perms, VA, RequestKind::Untranslated) };
                let refused = match limit {
                    59 => perms == Perms::X && privileged,
                    60 => perms == Perms::X && !privileged,
                    // No access for users: what they may execute is up to UXN alone.
                    61 => !privileged && perms != Perms::X,
                    _ => perms == Perms::W,
                };
                let event = match reached(lab.ask(asked)) {
                    Some(_) => 0,
                    None => lab.event().unwrap()[0] & 0xff,
                };
                let expected = if refused && !off { 0x13 } else { 0 };
                assert_eq!(event, expected, "bit {limit}, HAD {off}, {perms}, privileged {privileged}");
            }
        }
    }
}

/// With IDR5.DS and CD.DS the bits 9:8 of a descriptor of a 4 KiB granule are address bits 51:50, and 49:48 are where they are;
/// without, 9:8 are shareability and 49:48 are RES0, thus ignored.
#[test]
fn outputs_have_52_bits_by_feature_and_field() {
    for (unit, field) in [(false, false), (true, false), (true, true)] {
        let mut config = Config::playground();
        config.idr5 = config.idr5 & !7 | 6;
        if unit {
            config.idr5 |= idr5::DS.mask() as u32;
        }
        let mut lab = Lab::new(config);
        let root = lab.frame(1);
        let (leaf, _) = tables(&mut lab, root, VA, 0x5000_0443 | 3 << 8);
        install(&mut lab, descriptor(root).with(cd::IPS, 6).with_flag(cd::DS, field));
        let wide = unit && field;
        let to = if wide { 0xc_0000_5000_0000 } else { 0x5000_0000 };
        assert_eq!(reached(lab.ask(read(VA))).map(|r| r.to), Some(to), "{unit} {field}");
        lab.store(leaf, &[0x5000_0443 | 3 << 48]);
        lab.command([0x30, 0]);
        let reply = reached(lab.ask(read(VA))).map(|r| r.to);
        let expected = if wide { 0x3_0000_5000_0000 } else { 0x5000_0000 };
        assert_eq!(reply, Some(expected), "{unit} {field}");
    }
}
