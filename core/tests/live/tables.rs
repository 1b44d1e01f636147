//! Random tables for both units: mostly right, with some words damaged.

use crate::rng::Rng;

/// Which tables.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Legacy,
    ScalableSecond,
    ScalableFirst,
}

/// What one device was given.
#[derive(Clone, Debug, Default)]
pub struct Device {
    pub sid: u16,
    pub did: u64,
    /// Input address, level and address of each leaf entry.
    pub leaves: Vec<(u64, u8, u64)>,
}

/// Tables in memory.
pub struct Tables {
    pub kind: Kind,
    pub words: Vec<(u64, u64)>,
    pub root: u64,
    pub devices: Vec<Device>,
    /// Entries with an FPD field.
    entries: Vec<u64>,
    next: u64,
}

const BASE: u64 = 0x100_0000;
/// Leaves map pages from here up to 1 GiB further.
const DATA: u64 = 0x4000_0000;

impl Tables {
    fn frame(&mut self) -> u64 {
        self.next += 0x1000;
        self.next - 0x1000
    }

    pub fn get(&self, at: u64) -> u64 {
        self.words.iter().find(|(a, _)| *a == at).map_or(0, |(_, v)| *v)
    }

    pub fn set(&mut self, at: u64, value: u64) {
        match self.words.iter_mut().find(|(a, _)| *a == at) {
            Some(word) => word.1 = value,
            None => self.words.push((at, value)),
        }
    }

    /// Right tables for both devices.
    pub fn new(rng: &mut Rng, kind: Kind, bits: u8, sids: &[u16], counts: bool) -> Tables {
        let mut t = Tables {
            kind,
            words: Vec::new(),
            root: BASE,
            devices: Vec::new(),
            entries: Vec::new(),
            next: BASE + 0x1000,
        };
        let contexts = t.frame();
        t.set(t.root, contexts | 1);
        // Now and then both devices are said to be in one domain, though their tables differ.
        let one_domain = rng.chance(15);
        for (i, sid) in sids.iter().enumerate() {
            let did = if one_domain { 0x10 } else { 0x10 + i as u64 };
            let mut device = Device { sid: *sid, did, leaves: Vec::new() };
            let levels = match kind {
                Kind::ScalableFirst => 4,
                _ if bits == 48 && rng.chance(70) => 4,
                _ => 3,
            };
            let top = t.frame();
            let devfn = u64::from(sid & 0xff);
            let pass = rng.chance(6);
            if kind == Kind::Legacy {
                let tt = if pass { 2 } else { 0 };
                t.set(contexts + devfn * 16, top | tt << 2 | 1);
                t.entries.push(contexts + devfn * 16);
                t.set(contexts + devfn * 16 + 8, did << 8 | (levels - 2));
            } else {
                let (dir, table) = (t.frame(), t.frame());
                let pasid = if rng.chance(50) { 0 } else { rng.below(0x40) };
                t.set(contexts + devfn * 32, dir | 1);
                t.set(contexts + devfn * 32 + 8, pasid);
                t.set(dir, table | 1);
                // Where it does not count, PASID 0 does.
                let entry = table + if counts { pasid } else { 0 } * 64;
                let pgtt = if pass {
                    4
                } else if kind == Kind::ScalableFirst {
                    1
                } else {
                    2
                };
                let aw = if kind == Kind::ScalableFirst { rng.pick(&[1, 2, 2, 2]) } else { levels - 2 };
                t.set(entry, pgtt << 6 | aw << 2 | 1 | if pgtt == 2 { top } else { 0 });
                t.set(entry + 8, did);
                t.entries.extend([contexts + devfn * 32, dir, entry]);
                t.set(entry + 16, if pgtt == 1 { top } else { 0 });
            }
            for _ in 0..3 + rng.below(4) {
                let leaf = rng.pick(&[1u8, 1, 1, 2, 3]).min(levels as u8);
                t.map(rng, &mut device, top, levels as u8, leaf);
            }
            t.devices.push(device);
        }
        t
    }

    /// Maps one random page.
    fn map(&mut self, rng: &mut Rng, device: &mut Device, top: u64, levels: u8, leaf: u8) {
        let first = self.kind == Kind::ScalableFirst;
        let width = 12 + 9 * u32::from(levels);
        let shift = 3 + 9 * u32::from(leaf);
        let drop = if rng.chance(60) { width - 33 } else { 0 };
        let mut at = rng.next() & (((1 << width) - 1) >> drop);
        at = at >> shift << shift;
        if at >> shift == 0xfee0_0000 >> shift {
            return;
        }
        let mut table = top;
        for level in (leaf + 1..=levels).rev() {
            let entry = table + (at >> (3 + 9 * u32::from(level)) & 0x1ff) * 8;
            let raw = self.get(entry);
            if raw & 1 == 0 {
                let next = self.frame();
                let rights = if first { 7 } else { 3 };
                // Now and then a table with less.
                let rights = if rng.chance(8) { rng.pick(&[1, 3, 5, rights]) } else { rights };
                self.set(entry, next | rights | 1);
                table = next;
            } else if raw >> 7 & 1 != 0 {
                return;
            } else {
                table = raw & 0xf_ffff_f000;
            }
        }
        let entry = table + (at >> shift & 0x1ff) * 8;
        if self.get(entry) != 0 {
            return;
        }
        let rights =
            if first { rng.pick(&[7u64, 7, 7, 5, 3, 1, 0]) } else { rng.pick(&[3u64, 3, 3, 1, 2, 0]) };
        let size = 1u64 << shift;
        let to = match leaf {
            // The page that holds the interrupt address range.
            _ if rng.chance(8) => 0xfee0_0000 / size * size,
            3 => DATA,
            _ => DATA + rng.below(0x4000_0000) / size * size,
        };
        self.set(entry, to | rights | if leaf > 1 { 1 << 7 } else { 0 });
        if first && at >> (width - 1) & 1 != 0 {
            at |= u64::MAX << width;
        }
        device.leaves.push((at, leaf, entry));
    }

    /// Damages some words: flips of bits that matter.
    pub fn damage(&mut self, rng: &mut Rng) {
        for _ in 0..rng.below(5) {
            let i = rng.below(self.words.len() as u64) as usize;
            let bit = match rng.below(4) {
                0 => rng.below(12),
                1 => 12 + rng.below(8),
                2 => rng.pick(&[38, 39, 40, 46, 47, 48, 49, 51]),
                _ => rng.pick(&[52, 58, 61, 62, 63, 16, 20, 21, 24]),
            };
            self.words[i].1 ^= 1 << bit;
        }
        // A word where there was none: reserved words of entries.
        if rng.chance(15) {
            let (at, _) = self.words[rng.below(self.words.len() as u64) as usize];
            let at = at ^ 8 << rng.below(3);
            let value = 1 << rng.below(64);
            self.set(at, value);
        }
        if rng.chance(20) {
            let entry = rng.pick(&self.entries);
            let fpd = self.get(entry) | 2;
            self.set(entry, fpd);
            let broken = rng.pick(&self.entries);
            let word = self.get(broken) ^ rng.pick(&[0, 1, 0x40, 0x1c]);
            self.set(broken, word);
        }
        if rng.chance(5) {
            if let Some(&(_, _, entry)) = self.devices[rng.below(2) as usize].leaves.first() {
                self.set(entry, u64::MAX);
            }
        }
        if rng.chance(4) {
            let root = self.root;
            self.set(root + 8, 1 << rng.below(64));
        }
    }

    /// An address to ask a device for: mostly a mapped one.
    pub fn address(&self, rng: &mut Rng, device: usize) -> u64 {
        let leaves = &self.devices[device].leaves;
        let at = match leaves.len() {
            0 => rng.next() >> rng.below(40),
            n => {
                let (at, leaf, _) = leaves[rng.below(n as u64) as usize];
                at + (rng.next() & ((1 << (3 + 9 * u32::from(leaf))) - 1))
            }
        };
        let at = if rng.chance(25) { at ^ 1 << (12 + rng.below(52)) } else { at } & !7;
        if at & 0xffff_ffff_fff0_0000 == 0xfee0_0000 {
            return 0x1000;
        }
        at
    }
}
