//! What the CMD_TLBI commands take out of the TLB, held against a list of entries with their tags, written out once more
//! from IHI 0070, 4.4: by VMID, ASID and StreamWorld, by address, by ranges with NUM, SCALE and granule, by level.
//!
//! A unit may forget more than it must. What a command must take out is gone; what no reading of it covers is still there.

use iommu_core::addr::PhysAddr;
use iommu_core::iommu::registers::Registers;
use iommu_core::iommu::smmuv3::spec::commands::{opcode, sync, tg, tlbi};
use iommu_core::iommu::smmuv3::spec::registers::*;
use iommu_core::iommu::smmuv3::spec::structures::{config, strw};
use iommu_core::iommu::smmuv3::spec::{cd, ste};
use iommu_core::iommu::smmuv3::translate::Transaction;
use iommu_core::iommu::smmuv3::{ring, Config};
use iommu_core::iommu::RequestKind;
use iommu_core::spec::Bits;
use iommu_core::trace::Perms;
use proptest::prelude::*;

#[path = "support/smmuv3_lab.rs"]
mod smmuv3_lab;
use smmuv3_lab::*;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum World {
    El1,
    El2,
    El2E2h,
    Ipa,
}

/// What the list knows of a translation in the TLB.
#[derive(Clone, Copy, Debug)]
struct Entry {
    stream: u32,
    world: World,
    vmid: u64,
    asid: u64,
    global: bool,
    from: u64,
    bytes: u64,
    /// TG of its tables.
    granule: u64,
    /// TTL of its leaf.
    level: u64,
}

/// A command, as its fields.
#[derive(Clone, Copy, Debug)]
struct Command {
    code: u8,
    vmid: u64,
    asid: u64,
    at: u64,
    granule: u64,
    num: u64,
    scale: u64,
    level: u64,
    leaf: bool,
}

const fn shift(granule: u64) -> u64 {
    match granule {
        tg::K16 => 14,
        tg::K64 => 16,
        _ => 12,
    }
}

impl Command {
    fn words(&self) -> [u64; 2] {
        [u64::from(self.code), 0]
            .with(tlbi::VMID, self.vmid)
            .with(tlbi::ASID, self.asid)
            .with(tlbi::TG, self.granule)
            .with(tlbi::NUM, self.num)
            .with(tlbi::SCALE, self.scale)
            .with(tlbi::TTL, self.level)
            .with_flag(tlbi::LEAF, self.leaf)
            .with_address(tlbi::ADDR, self.at)
    }

    /// The last address that it names.
    fn last(&self) -> u64 {
        match self.granule {
            tg::NONE => self.at | 0xfff,
            granule => self.at.saturating_add((((self.num + 1) << self.scale) << shift(granule)) - 1),
        }
    }

    /// Is the entry of the regime, guest and process that the command is about, and, where it names addresses, at one of
    /// them?
    fn may_take(&self, entry: &Entry, e2h: bool) -> bool {
        use opcode::*;
        let guest = entry.vmid == self.vmid;
        let process = entry.global || entry.asid == self.asid;
        let own = !entry.global && entry.asid == self.asid;
        let there = entry.from <= self.last() && self.at <= entry.from + (entry.bytes - 1);
        let hypervisor = entry.world == if e2h { World::El2E2h } else { World::El2 };
        let el1 = entry.world == World::El1 && guest;
        match self.code {
            TLBI_NH_ALL => el1,
            TLBI_NH_ASID => el1 && own,
            TLBI_NH_VA => el1 && process && there,
            TLBI_NH_VAA => el1 && there,
            TLBI_EL2_ALL => matches!(entry.world, World::El2 | World::El2E2h),
            TLBI_EL2_ASID => entry.world == World::El2E2h && own,
            TLBI_EL2_VA => hypervisor && (!e2h || process) && there,
            TLBI_EL2_VAA => hypervisor && there,
            TLBI_S12_VMALL => matches!(entry.world, World::El1 | World::Ipa) && guest,
            TLBI_S2_IPA => entry.world == World::Ipa && guest && there,
            _ => matches!(entry.world, World::El1 | World::Ipa),
        }
    }

    /// Hints let a unit keep what has another granule or level.
    fn must_take(&self, entry: &Entry, e2h: bool) -> bool {
        let hinted = self.granule == tg::NONE || self.granule == entry.granule;
        let at_level = self.granule == tg::NONE || self.level == 0 || self.level == entry.level;
        self.may_take(entry, e2h) && (!names_addresses(self.code) || hinted && at_level)
    }
}

fn names_addresses(code: u8) -> bool {
    use opcode::*;
    matches!(code, TLBI_NH_VA | TLBI_NH_VAA | TLBI_EL2_VA | TLBI_EL2_VAA | TLBI_S2_IPA)
}

const CODES: [u8; 11] = [
    opcode::TLBI_NH_ALL,
    opcode::TLBI_NH_ASID,
    opcode::TLBI_NH_VA,
    opcode::TLBI_NH_VAA,
    opcode::TLBI_EL2_ALL,
    opcode::TLBI_EL2_ASID,
    opcode::TLBI_EL2_VA,
    opcode::TLBI_EL2_VAA,
    opcode::TLBI_S12_VMALL,
    opcode::TLBI_S2_IPA,
    opcode::TLBI_NSNH_ALL,
];

/// Granule, level, and the bytes of such a leaf.
const LEAVES: [(u64, u64, u64); 6] = [
    (tg::K4, 3, 1 << 12),
    (tg::K4, 2, 1 << 21),
    (tg::K4, 1, 1 << 30),
    (tg::K16, 3, 1 << 14),
    (tg::K16, 2, 1 << 25),
    (tg::K64, 3, 1 << 16),
];

/// Where a stream has its global translation.
fn global_place(stream: u64) -> u64 {
    3 << 36 | stream << 31
}

/// Writes a leaf, and the tables above it, in 48-bit tables of any granule: words only.
fn leaf(lab: &mut Lab, root: u64, (granule, level, bytes): (u64, u64, u64), at: u64, low: u64) {
    let shift = shift(granule);
    let stride = shift - 3;
    let mut table = root;
    for l in if granule == tg::K64 { 1 } else { 0 }..level {
        let place = table + (at >> (shift + stride * (3 - l)) & ((1 << stride) - 1)) * 8;
        let old = lab.memory.peek_u64(PhysAddr::new(place));
        table = match old {
            0 => {
                let pages = 1 << (shift - 12);
                let new = lab.frame(pages);
                lab.store(place, &[new | 3]);
                new
            }
            word => word & 0xffff_ffff_f000,
        };
    }
    let place = table + (at >> (shift + stride * (3 - level)) & ((1 << stride) - 1)) * 8;
    // Aligned to the largest leaf, so that every one has a place to lead to.
    lab.store(place, &[0x4000_0000 & !(bytes - 1) | low | if level == 3 { 3 } else { 1 }]);
}

/// Streams of every world over the same addresses, all of them remembered.
struct Bench {
    lab: Lab,
    entries: Vec<Entry>,
}

impl Bench {
    fn new() -> Bench {
        Bench { lab: Lab::new(Config::playground()), entries: Vec::new() }
    }

    /// One stream with two leaves of a size, one of them global.
    fn stream(
        &mut self,
        stream: u32,
        world: World,
        vmid: u64,
        asid: u64,
        nested: bool,
        kind: (u64, u64, u64),
    ) {
        let lab = &mut self.lab;
        let (root, pointer) = (lab.frame(16), lab.frame(1));
        let entry = STREAMS + u64::from(stream) * 64;
        let identity = |lab: &mut Lab| {
            let (root, below) = (lab.frame(1), lab.frame(1));
            lab.store(root, &[below | 3]);
            for i in 0..4 {
                lab.store(below + i * 8, &[i << 30 | 0x7c1]);
            }
            root
        };
        // Its own translation is where everybody's is; a global one counts for all of a guest, so each has another place.
        let ats: [u64; 2] = [1 << 36, global_place(stream.into())];
        if world == World::Ipa {
            for at in ats {
                leaf(lab, root, kind, at, 0x7c0);
            }
            let words = with_second(ste::ZERO.with_flag(ste::V, true).with(ste::CONFIG, config::S2), root);
            lab.store(entry, &words.with(ste::S2VMID, vmid));
        } else {
            let code = [0, 0, 2, 1][kind.0 as usize];
            for (at, local) in ats.into_iter().zip([0x800, 0]) {
                leaf(lab, root, kind, at, 0x740 | local);
            }
            lab.store(pointer, &descriptor(root).with(cd::ASID, asid).with(cd::TG0, code));
            let words = first_entry(pointer)
                .with(ste::S2VMID, vmid)
                .with(ste::STRW, if world == World::El1 { strw::EL1 } else { strw::EL2 });
            match nested {
                true => {
                    let below = identity(lab);
                    lab.store(entry, &with_second(words, below));
                }
                false => lab.store(entry, &words),
            }
        }
        for (at, global) in ats.into_iter().zip([false, true]) {
            // Without ASIDs nothing is global.
            let global = global && world != World::Ipa && world != World::El2;
            let (vmid, asid) = match world {
                World::El2 => (u64::MAX, u64::MAX),
                World::El2E2h => (u64::MAX, asid),
                World::Ipa => (vmid, u64::MAX),
                World::El1 => (vmid, asid),
            };
            let (granule, level, bytes) = kind;
            // A nested translation reaches as far as the smaller of both stages.
            let bytes = if nested { bytes.min(1 << 30) } else { bytes };
            self.entries.push(Entry { stream, world, vmid, asid, global, from: at, bytes, granule, level });
        }
    }

    fn set_e2h(&mut self, on: bool) {
        self.lab.set(cr0::OFFSET, 4, 0x1e);
        self.lab.set(cr2::OFFSET, 4, cr2::RECINVSID.mask() | u64::from(on));
        self.lab.set(cr0::OFFSET, 4, 0x1f);
    }

    /// Accesses an entry; returns whether the TLB had it.
    fn touch(&mut self, entry: &Entry) -> bool {
        let kind = RequestKind::Untranslated;
        let asked = Transaction { stream: entry.stream, ..transaction(None, Perms::R, entry.from, kind) };
        let reply = self.lab.ask(asked);
        reached(reply).unwrap_or_else(|| panic!("{entry:x?}: {reply:?}")).cached
    }

    /// Accesses all of the worlds that `e2h` leaves there are, so that the TLB has them.
    fn fill(&mut self, e2h: bool) {
        self.set_e2h(e2h);
        let absent = if e2h { World::El2 } else { World::El2E2h };
        for entry in self.entries.clone().iter().filter(|entry| entry.world != absent) {
            self.touch(entry);
        }
    }

    /// Gives a command with the whole TLB filled, and looks what is left.
    fn holds(&mut self, command: &Command, e2h: bool) -> Result<(), TestCaseError> {
        self.fill(!e2h);
        self.fill(e2h);
        self.lab.command(command.words());
        let active =
            self.lab.unit.file().get(gerror::OFFSET, 4) ^ self.lab.unit.file().get(gerrorn::OFFSET, 4);
        prop_assert_eq!(active, 0, "the command is legal");
        for now in [e2h, !e2h] {
            self.set_e2h(now);
            let absent = if now { World::El2 } else { World::El2E2h };
            let hypervisor = |world| matches!(world, World::El2 | World::El2E2h);
            for entry in self.entries.clone() {
                // The others were looked at the first time.
                if entry.world == absent || now != e2h && !hypervisor(entry.world) {
                    continue;
                }
                let there = self.touch(&entry);
                let (must, may) = (command.must_take(&entry, e2h), command.may_take(&entry, e2h));
                prop_assert!(!(must && there), "{:x?} must take {:x?}", command, entry);
                prop_assert!(may || there, "{:x?} must leave {:x?}", command, entry);
            }
        }
        Ok(())
    }
}

fn bench(kinds: &[usize]) -> Bench {
    let mut bench = Bench::new();
    let kind = |i: usize| LEAVES[kinds[i % kinds.len()]];
    let mut i = 0;
    let mut next = || {
        i += 1;
        i as u32
    };
    for vmid in 1..3 {
        for asid in 1..3 {
            let stream = next();
            bench.stream(stream, World::El1, vmid, asid, false, kind(stream as usize));
        }
        let stream = next();
        bench.stream(stream, World::El1, vmid, 3, true, LEAVES[0]);
        // Stage 2 tables of this bench have granules of 4 KiB.
        let stream = next();
        bench.stream(stream, World::Ipa, vmid, 0, false, LEAVES[kinds[0] % 3]);
    }
    for asid in 1..3 {
        let stream = next();
        bench.stream(stream, World::El2E2h, 0, asid, false, kind(stream as usize));
    }
    let stream = next();
    bench.stream(stream, World::El2, 0, 0, false, kind(stream as usize));
    bench
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn commands_take_what_they_must_and_nothing_else(
        kinds in proptest::collection::vec(0usize..6, 1..5),
        code in proptest::sample::select(&CODES[..]),
        (vmid, asid) in (1u64..4, 1u64..4),
        (place, back, granule, num, scale) in (0u64..24, 0u64..40, 0u64..4, 0u64..32, 0u64..12),
        (level, leaf, e2h) in (0u64..4, any::<bool>(), any::<bool>()),
    ) {
        let mut bench = bench(&kinds);
        let at = if place <= 15 { global_place(place) } else { 1 << 36 };
        // Level 1 has no blocks of 16 KiB granules, and what names a granule names a range or a level too.
        let level = if granule == tg::NONE || granule == tg::K16 && level == 1 { 0 } else { level };
        let num = if granule == tg::NONE { 0 } else { num };
        let scale = if granule == tg::NONE { 0 } else { scale };
        let num = if granule != tg::NONE && (num, scale, level) == (0, 0, 0) { 1 } else { num };
        // An address must be aligned to what the level says, or the range is unpredictable.
        let align = match (granule, level) {
            (tg::K4, 1) => 30,
            (tg::K4, 2) => 21,
            (tg::K16, 2) => 25,
            (tg::K64, 1) => 42,
            (tg::K64, 2) => 29,
            (granule, _) => shift(granule),
        };
        let at = (at - (back << shift(granule)) + (back & 3) * 0x1000) >> align << align;
        let command = Command { code, vmid, asid, at, granule, num, scale, level, leaf };
        bench.holds(&command, e2h)?;
    }
}

/// Each command at an address of everybody's, in both settings of E2H: none is left to chance.
#[test]
fn every_command_takes_its_own() {
    for code in CODES {
        for e2h in [false, true] {
            let mut bench = bench(&[0]);
            let command = Command {
                code,
                vmid: 1,
                asid: 1,
                at: 1 << 36,
                granule: tg::NONE,
                num: 0,
                scale: 0,
                level: 0,
                leaf: true,
            };
            let taken = bench.entries.iter().filter(|entry| command.must_take(entry, e2h)).count();
            assert!(taken != 0 && taken < bench.entries.len(), "{code:#x} takes {taken}");
            bench.holds(&command, e2h).unwrap();
        }
    }
}

/// A range that would run past the last address ends there: nothing of the lower half goes (IHI 0070, 4.4.1.1).
#[test]
fn a_range_ends_with_the_addresses() {
    let mut lab = Lab::new(Config::playground());
    let (root, upper, pointer) = (lab.frame(1), lab.frame(1), lab.frame(1));
    let top = 0u64.wrapping_sub(0x1000);
    leaf(&mut lab, root, LEAVES[0], 0, 0x740);
    leaf(&mut lab, upper, LEAVES[0], top & 0xffff_ffff_ffff, 0x740);
    let words = descriptor(root)
        .with_flag(cd::EPD1, false)
        .with(cd::T1SZ, 16)
        .with(cd::TG1, 2)
        .with_address(cd::TTB1, upper);
    lab.store(pointer, &words);
    lab.store(STREAMS + u64::from(SID) * 64, &first_entry(pointer));
    let mut had = |at| reached(lab.ask(read(at))).unwrap().cached;
    had(0);
    had(top);
    assert!(had(0) && had(top));
    let command = [u64::from(opcode::TLBI_NH_VAA), 0]
        .with(tlbi::TG, tg::K4)
        .with(tlbi::NUM, 31)
        .with_address(tlbi::ADDR, top);
    lab.command(command);
    let mut had = |at| reached(lab.ask(read(at))).unwrap().cached;
    assert!(!had(top) && had(0));
}

/// A granule without a range or a level is reserved: CERROR_ILL, and nothing is forgotten (IHI 0070, 4.4.1.1). A unit
/// without ranges does not look at these fields.
#[test]
fn a_granule_alone_is_illegal() {
    for (granule, level, legal) in [
        (tg::NONE, 0, true),
        (tg::K4, 0, false),
        (tg::K4, 3, true),
        (tg::K16, 0, false),
        // Treated as 0, since 16 KiB granules have no blocks at level 1.
        (tg::K16, 1, false),
        (tg::K64, 0, false),
        (tg::K64, 2, true),
    ] {
        for code in CODES {
            for ranges in [true, false] {
                let mut config = Config::playground();
                if !ranges {
                    config.idr3 &= !(idr3::RIL.mask() as u32);
                }
                let mut lab = Lab::new(config);
                let words = [u64::from(code), 0].with(tlbi::TG, granule).with(tlbi::TTL, level);
                lab.command(words);
                let legal = legal || !ranges || !names_addresses(code);
                let cons = lab.unit.file().get(cmdq_cons::OFFSET, 4);
                assert_eq!(cons, if legal { 1 } else { 1 << 24 }, "{code:#x} {granule} {level} {ranges}");
            }
        }
    }
}

/// With 52-bit addresses SCALE has a sixth bit, of which 39 is the most (IHI 0070, 4.4.1.1).
#[test]
fn scale_has_a_sixth_bit_with_52_bits_only() {
    for (ds, scale, forgotten) in [(false, 32 + 1, false), (true, 32 + 1, true), (true, 63, true)] {
        let mut config = Config::playground();
        if ds {
            config.idr5 = config.idr5 & !7 | 6 | idr5::DS.mask() as u32;
        }
        let mut lab = Lab::new(config);
        simple(&mut lab, |w| w, |w| w);
        lab.ask(read(VA));
        // From 0 on: with five bits SCALE is 1, four pages.
        let command = [u64::from(opcode::TLBI_NH_VAA), 0]
            .with(tlbi::TG, tg::K4)
            .with(tlbi::NUM, 16)
            .with(tlbi::SCALE, scale)
            .with_address(tlbi::ADDR, 0x1000);
        lab.command(command);
        assert_eq!(!reached(lab.ask(read(VA))).unwrap().cached, forgotten, "{ds} {scale}");
    }
    let _ = (sync::CS, ring);
}
