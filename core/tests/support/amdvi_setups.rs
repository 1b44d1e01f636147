//! Random set-ups of an AMD-Vi unit, half of the time damaged, and requests that mostly meet what is mapped.

use super::amdvi_model::{Ask, Dice, END, GCR3, INTERRUPTS};
use std::collections::BTreeMap;

/// A random set-up: memory, the device's entry, and requests that mostly meet what is mapped.
pub struct Setup {
    pub memory: BTreeMap<u64, u64>,
    pub dte: [u64; 4],
    pub wide: bool,
    pub asks: Vec<Ask>,
}

/// Where the next table is.
pub struct Tables {
    pub next: u64,
}

impl Tables {
    pub fn page(&mut self) -> u64 {
        self.next += 0x1000;
        self.next
    }
}

/// A path of version 1 tables that leads from `at` to a page, levels skipped where the address allows it, and damage where
/// `damage` says one in so many.
#[allow(clippy::too_many_arguments)]
pub fn host_path(
    dice: &mut Dice,
    memory: &mut BTreeMap<u64, u64>,
    tables: &mut Tables,
    root: u64,
    mode: u64,
    at: u64,
    to: u64,
    damage: u64,
) {
    let (mut level, mut table) = (mode, root);
    loop {
        let shift = 12 + 9 * (level - 1);
        let slot = table + (at >> shift & if level == 6 { 0x7f } else { 0x1ff }) * 8;
        let mut rights = 3u64 << 61;
        if dice.one_in(damage) {
            rights = dice.below(4) << 61;
        }
        let size = dice.below(9);
        let leaf = level == 1 || damage < 1000 && dice.one_in(6);
        let mut entry = if leaf && size != 0 && damage < 1000 && dice.one_in(3) {
            // The size in the address: a 0 where the page's offset ends, ones below.
            let size = (shift + size).min(63);
            (to & !((1 << size) - 1) | ((1u64 << (size - 1)) - 1)) & 0x000f_ffff_ffff_f000 | 7 << 9 | 1
        } else if leaf {
            to & !((1 << shift) - 1) | 1
        } else {
            let mut next = level - 1;
            while next > 1 && at >> (12 + 9 * (next - 1)) & 0x1ff == 0 && dice.one_in(2) {
                next -= 1;
            }
            let old = memory.get(&slot).copied().unwrap_or(0);
            let page = if old & 1 == 1 && old >> 9 & 7 == next {
                old & 0x000f_ffff_ffff_f000
            } else {
                tables.page()
            };
            page | next << 9 | 1
        };
        entry |= rights;
        let (next, page) = (entry >> 9 & 7, entry & 0x000f_ffff_ffff_f000);
        if dice.one_in(damage * 2) {
            entry ^= 1 << dice.below(64);
        }
        memory.insert(slot, entry);
        if leaf {
            return;
        }
        (level, table) = (next, page);
    }
}

pub fn setup(seed: u64) -> Setup {
    let mut dice = Dice(seed);
    let mut memory = BTreeMap::new();
    let mut tables = Tables { next: 0x100_0000 };
    let damage = if dice.one_in(2) { 12 } else { 100_000 };
    let guests = dice.one_in(2);
    let mode = if dice.one_in(if guests { 2 } else { 8 }) { 0 } else { dice.below(6) + 1 };
    let root = tables.page();
    let mut d = [3 | mode << 9 | root | 3 << 61, dice.below(0x1_0000), 0, 0];
    let glx = dice.below(3);
    let five = dice.below(2);
    if guests {
        d[0] |= 1 << 55 | glx << 56 | dice.below(2) << 54 | (GCR3 >> 12 & 7) << 58;
        d[1] |= (GCR3 >> 15 & 0xffff) << 16 | (GCR3 >> 31) << 43;
        d[2] |= five << 54;
    }
    // IV, IntTabLen, the table, pass bits, IntCtl.
    let log2 = dice.below(12);
    d[2] |= dice.below(8).min(1) | log2 << 1 | INTERRUPTS | dice.below(8) << 56;
    d[2] |= [0, 1, 2, 2, 2, 2][dice.below(6) as usize] << 60;
    let wide = dice.one_in(2);
    if dice.one_in(6) {
        d[1] |= 1 << 34;
    }
    if dice.one_in(6) {
        d[2] |= 1 << 5;
    }
    if damage < 100 && dice.one_in(3) {
        d[dice.below(4) as usize] ^= 1 << dice.below(64);
    }
    // No exclusion range, no request for it; SE would take a history; HAD is left to another test.
    d[0] &= !(3 << 7);
    d[1] &= !(1 << 33);
    let mut asks = Vec::new();
    for _ in 0..6 {
        let pasid = [0, 1, dice.below(1 << (9 * (glx + 1)).min(20))][dice.below(3) as usize];
        let width = if mode == 0 { 48 } else { (12 + 9 * mode).min(57) };
        let mut at = dice.roll() >> (64 - width) & !0xfff;
        // Zeros in the middle, so that levels can be skipped.
        at &= !(0x1ff << (12 + 9 * dice.below(5)));
        if at >> 20 == 0xfee || dice.one_in(4) {
            at &= 0xf_ffff_f000 & !0xf_0000_0000;
        }
        if at >> 20 == 0xfee {
            at = 0x5000;
        }
        let to = 0x8_0000_0000 + (dice.below(1 << 18) << 12);
        let mut target = to;
        if guests {
            at &= if five == 1 { (1 << 56) - 1 } else { (1 << 47) - 1 };
            let mut table = GCR3;
            for level in (0..=glx).rev() {
                let slot = table + (pasid >> (9 * level) & 0x1ff) * 8;
                let old = memory.get(&slot).copied().unwrap_or(0);
                table = if old & 1 == 1 { old & 0x000f_ffff_ffff_f000 } else { tables.page() };
                let mut entry = table | 1;
                if dice.one_in(damage * 2) {
                    entry ^= 1 << dice.below(64);
                }
                memory.insert(slot, entry);
            }
            // Nested, the guest's tables are low, where few host levels reach them too.
            let nested = mode != 0;
            let reach = if mode == 1 { 1 << 21 } else { 1 << 30 };
            target = if nested { dice.below(reach) & !0xfff } else { to };
            let mut gpa = table;
            for level in (1..=4 + five).rev() {
                let here = if nested {
                    let place = tables.page();
                    let whole = 100_000;
                    let below = (gpa % reach) & !0xfff;
                    host_path(&mut dice, &mut memory, &mut tables, root, mode, below, place, whole);
                    if level == 4 + five {
                        // The root in the GCR3 entry is what the guest believes.
                        let slot_of = memory
                            .iter()
                            .find(|(_, entry)| **entry & 0x000f_ffff_ffff_f001 == gpa | 1)
                            .map(|(slot, _)| *slot);
                        if let Some(slot) = slot_of {
                            let entry = memory[&slot];
                            memory.insert(slot, entry & !0x000f_ffff_ffff_f000 | below);
                        }
                    }
                    place
                } else {
                    gpa
                };
                let shift = 12 + 9 * (level - 1);
                let slot = here + (at >> shift & 0x1ff) * 8;
                let large = matches!(level, 2 | 3) && dice.one_in(8);
                let next = tables.page();
                let mut entry = 7 | if level == 1 || large {
                    target & !((1 << shift) - 1) | if large { 0x80 } else { 0 }
                } else {
                    next % if nested { reach } else { END }
                };
                if dice.one_in(damage) {
                    entry ^= [1 << 1, 1 << 2, 1 << 63, 1][dice.below(4) as usize];
                }
                if dice.one_in(damage * 3) {
                    entry ^= 1 << dice.below(64);
                }
                memory.insert(slot, entry);
                if level == 1 || large {
                    break;
                }
                gpa = next % if nested { reach } else { END };
            }
        }
        if mode != 0 {
            let (input, to) = if guests { (target, to) } else { (at, to) };
            if mode == 6 || input >> (12 + 9 * mode) == 0 {
                host_path(&mut dice, &mut memory, &mut tables, root, mode, input, to, damage);
            }
        }
        let mut ask = Ask {
            at: at | (dice.below(0x200) * 8),
            write: dice.one_in(2),
            pasid: None,
            user: false,
            execute: false,
            data: None,
        };
        if guests && !dice.one_in(4) || dice.one_in(12) {
            (ask.pasid, ask.user) = (Some(pasid), dice.one_in(2));
            ask.execute = !ask.write && dice.one_in(3);
        }
        asks.push(ask);
        if dice.one_in(3) {
            asks.push(Ask { at: dice.roll() & !7 & ((1 << 56) - 1), ..ask });
        }
        // A message.
        let index = if dice.one_in(4) { dice.below(0x800) } else { dice.below(1 << log2) };
        let entry = INTERRUPTS + if wide { index * 16 } else { index / 2 * 8 };
        let mut low = dice.roll() & if wide { 0xffff_ff63 } else { 0x00ff_ff63_00ff_ff63 };
        if !dice.one_in(4) {
            low |= 0x1_0000_0001;
        }
        if wide {
            low &= 0xffff_ffff;
        }
        if damage < 100 && dice.one_in(3) {
            low ^= 1 << dice.below(32);
        }
        memory.insert(entry, low);
        if wide {
            memory.insert(entry + 8, dice.roll() & 0xff00_0000_0000_00ff);
        }
        let kind = if dice.one_in(4) { dice.below(8) } else { index >> 8 & 7 };
        let data = index & 0xff | kind << 8;
        let at = 0xfee0_0000 | dice.below(0x100) << 12 | dice.below(2) << 2;
        asks.push(Ask { at, write: true, data: Some(data), pasid: None, user: false, execute: false });
    }
    Setup { memory, dte: d, wide, asks }
}
