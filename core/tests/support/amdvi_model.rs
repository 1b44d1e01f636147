//! A second AMD-Vi unit, written from the tables of the specification as its sources state them, with every bit by its number.
#![allow(dead_code)] // each test uses a part

use std::collections::BTreeMap;

/// Memory ends here: above it nothing answers.
pub const END: u64 = 1 << 40;
pub const DEVICES: u64 = 0x10_0000;
pub const DEVICE: u64 = 0x1234;
pub const GCR3: u64 = 0x40_0000;
pub const INTERRUPTS: u64 = 0x48_0000;

/// Random numbers that a seed says (splitmix64).
pub struct Dice(pub u64);

impl Dice {
    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }
    pub fn below(&mut self, n: u64) -> u64 {
        self.roll() % n
    }
    pub fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }
}

/// What a request comes to.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Outcome {
    /// An address, with bits of R (1) and W (2) that are allowed.
    Memory(u64, u64),
    /// Vector, destination, logical, type.
    Interrupt(u64, u64, bool, u64),
    /// An event's two words; not logged.
    Event([u64; 2], bool),
}

#[derive(Clone, Copy, Debug)]
pub struct Ask {
    pub at: u64,
    pub write: bool,
    pub pasid: Option<u64>,
    pub user: bool,
    pub execute: bool,
    /// The data of an interrupt message.
    pub data: Option<u64>,
}

/// The second unit.
pub struct Model<'a> {
    pub memory: &'a BTreeMap<u64, u64>,
    /// Control bit 17.
    pub wide: bool,
    pub dte: [u64; 4],
}

/// A fault's flags: PR, PE, RZ.
pub type Flags = (u64, u64, u64);
pub enum Stop {
    Fault(Flags),
    /// Memory did not answer here.
    Memory(u64),
}

impl Model<'_> {
    pub fn read(&self, at: u64) -> Result<u64, Stop> {
        match at < END {
            true => Ok(self.memory.get(&at).copied().unwrap_or(0)),
            false => Err(Stop::Memory(at)),
        }
    }

    /// Version 1 tables: address, log2 of the page's size, rights.
    pub fn host(&self, at: u64, want: u64) -> Result<(u64, u64, u64), Stop> {
        let mode = self.dte[0] >> 9 & 7;
        if mode < 6 && at >> (12 + 9 * mode) != 0 {
            return Err(Stop::Fault((0, 0, 0)));
        }
        let (mut level, mut table, mut rights) = (mode, self.dte[0] & 0x000f_ffff_ffff_f000, 3);
        loop {
            let shift = 12 + 9 * (level - 1);
            let index = at >> shift & if level == 6 { 0x7f } else { 0x1ff };
            let entry = self.read(table + index * 8)?;
            if entry & 1 == 0 {
                return Err(Stop::Fault((0, 0, 0)));
            }
            let next = entry >> 9 & 7;
            let page = next == 0 || next == 7;
            if entry & if page { 0x07f0_0000_0000_0000 } else { 0x1ff0_0000_0000_0000 } != 0 {
                return Err(Stop::Fault((1, 0, 1)));
            }
            rights &= entry >> 61 & 3;
            if rights & want != want {
                return Err(Stop::Fault((1, 1, 0)));
            }
            let size = match next {
                0 => shift,
                7 => {
                    let mut size = 13;
                    while entry >> (size - 1) & 1 == 1 && size < 52 {
                        size += 1;
                    }
                    if size <= shift || size >= shift + 9 {
                        return Err(Stop::Fault((1, 0, 0)));
                    }
                    size
                }
                _ if next >= level => return Err(Stop::Fault((1, 0, 0))),
                _ => 0,
            };
            if page {
                let offset = (1 << size) - 1;
                return Ok((entry & 0x000f_ffff_ffff_f000 & !offset | at & offset, size, rights));
            }
            for skipped in next + 1..level {
                if at >> (12 + 9 * (skipped - 1)) & 0x1ff != 0 {
                    return Err(Stop::Fault((1, 0, 0)));
                }
            }
            (level, table) = (next, entry & 0x000f_ffff_ffff_f000);
        }
    }

    pub fn nested(&self) -> bool {
        self.dte[0] >> 9 & 7 != 0
    }

    /// Where an entry of the guest's tables is; `want` is 1 to read it, 3 to set its A or D.
    pub fn below(&self, at: u64, want: u64) -> Result<u64, (Option<u64>, Stop)> {
        if !self.nested() {
            return Ok(at);
        }
        self.host(at, want).map(|(pa, ..)| pa).map_err(|stop| (Some(at), stop))
    }

    /// Version 2 tables. An error that comes from below is about a guest-physical address.
    pub fn guest(&self, root: u64, ask: &Ask) -> Result<(u64, u64), (Option<u64>, Stop)> {
        let levels = 4 + (self.dte[2] >> 54 & 3);
        let bits = 12 + 9 * levels;
        let fault = |flags| Err((None, Stop::Fault(flags)));
        let upper = (ask.at as i64) >> (bits - 1);
        if upper != 0 && upper != -1 {
            return fault((0, 0, 0));
        }
        let (mut table, mut write, mut user, mut execute) = (root, true, true, true);
        for level in (1..=levels).rev() {
            let shift = 12 + 9 * (level - 1);
            let place = table + (ask.at >> shift & 0x1ff) * 8;
            let at = self.below(place, 1)?;
            let entry = self.read(at).map_err(|stop| (None, stop))?;
            if entry & 1 == 0 {
                return fault((0, 0, 0));
            }
            let large = entry & 0x80 != 0;
            let reserved = match level {
                2 if large => 0x001f_e000,
                3 if large => 0x3fff_e000,
                4 | 5 => 0x80,
                _ => 0,
            };
            if entry & reserved != 0 {
                return fault((1, 0, 1));
            }
            write &= entry & 2 != 0;
            user &= entry & 4 != 0;
            execute &= entry >> 63 == 0;
            if level != 1 && !large {
                if entry & 0x20 == 0 {
                    self.below(place, 3)?;
                }
                table = entry & 0x000f_ffff_ffff_f000;
                continue;
            }
            let (read, fetch) = (user || !ask.user, execute && (user || !ask.user));
            let denied = if ask.write { !(read && write) } else { !read || ask.execute && !fetch };
            if denied {
                return fault((1, 1, 0));
            }
            if entry & 0x20 == 0 || ask.write && entry & 0x40 == 0 {
                self.below(place, 3)?;
            }
            let offset = (1 << shift) - 1;
            let to = entry & 0x000f_ffff_ffff_f000 & !offset | ask.at & offset;
            return Ok((to, 1 | u64::from(write) << 1));
        }
        unreachable!()
    }

    pub fn device(&self) -> u64 {
        DEVICE
    }

    pub fn answer(&self, ask: &Ask) -> Outcome {
        let d = &self.dte;
        let (rw, gn) = (u64::from(ask.write && ask.data.is_none()), u64::from(ask.pasid.is_some()));
        let interrupt = u64::from(ask.data.is_some());
        let pasid = ask.pasid.unwrap_or(0);
        let of = |pasid: u64| self.device() | (pasid >> 16) << 16;
        // ILLEGAL_DEV_TABLE_ENTRY.
        let illegal = |rz: u64| {
            let low = of(pasid) | (pasid & 0xffff) << 32 | gn << 48 | interrupt << 51 | rw << 53 | rz << 55;
            [low | 1 << 60, ask.at]
        };
        let mapped = d[2] & 1 != 0;
        let unmapped = ask.data.is_some() && !mapped;
        let damaged = d[0] & (0x1f << 2 | 1 << 63) != 0
            || !unmapped && d[1] & 1 << 42 != 0
            || d[2] & 3 << 52 != 0
            || d[3] & (0x7fff | 0x3f << 48) != 0;
        if damaged {
            return Outcome::Event(illegal(1), false);
        }
        let valid = d[0] & 1 != 0;
        if !unmapped && valid && d[0] >> 55 & 1 == 1 && (d[0] >> 56 & 3 == 3 || d[2] >> 54 & 3 > 1) {
            return Outcome::Event(illegal(1), false);
        }
        if let Some(data) = ask.data {
            return self.message(ask, data, illegal(1));
        }
        if !valid {
            return Outcome::Memory(ask.at, 3);
        }
        let domain = d[1] & 0xffff;
        let quiet = d[1] >> 34 & 1 == 1;
        let (nx, us) = (u64::from(ask.execute), u64::from(ask.pasid.is_some() && ask.user));
        // IO_PAGE_FAULT with a domain (GN = 0), or with a PASID.
        let fault = |who: Option<u64>, address: u64, us: u64, (pr, pe, rz): Flags| {
            let (gn, number) = who.map_or((0, domain), |pasid| (1, pasid));
            let low = of(who.unwrap_or(0)) | (number & 0xffff) << 32 | gn << 48 | nx << 49 | us << 50;
            Outcome::Event([low | pr << 52 | rw << 53 | pe << 54 | rz << 55 | 2 << 60, address], quiet)
        };
        // PAGE_TAB_HARDWARE_ERROR: target abort.
        let memory = |who: Option<u64>, address: u64, rw: u64| {
            let (gn, number) = who.map_or((0, domain), |pasid| (1, pasid));
            let low = of(who.unwrap_or(0)) | (number & 0xffff) << 32 | gn << 48 | rw << 53;
            Outcome::Event([low | 2 << 57 | 4 << 60, address], false)
        };
        let plain = |flags| fault(ask.pasid, ask.at, us, flags);
        if d[0] & 2 == 0 {
            return plain((0, 0, 0));
        }
        if d[0] >> 9 & 7 == 7 {
            return Outcome::Event(illegal(0), false);
        }
        let own = d[0] >> 61 & 3;
        let want = if ask.write { 2 } else { 1 };
        if own & want == 0 {
            return plain((1, 1, 0));
        }
        let guests = d[0] >> 55 & 1 == 1;
        let who = if guests { ask.pasid.or((d[0] >> 54 & 1 == 1).then_some(0)) } else { None };
        let Some(pasid) = who else {
            if ask.pasid.is_some() {
                return plain((0, 0, 0));
            }
            if !self.nested() {
                return Outcome::Memory(ask.at, own);
            }
            return match self.host(ask.at, want) {
                Ok((to, _, rights)) => Outcome::Memory(to, rights & own),
                Err(Stop::Fault(flags)) => fault(None, ask.at & !0xfff, 0, flags),
                Err(Stop::Memory(at)) => memory(None, at, rw),
            };
        };
        let page = ask.at & !0xfff;
        // A request without a PASID is no user's as far as the event says; the tables take it for a kernel's.
        let mine = |flags| fault(Some(pasid), page, us, flags);
        // The canonical form is looked at before there are tables.
        let bits = 12 + 9 * (4 + (d[2] >> 54 & 3));
        let upper = (ask.at as i64) >> (bits - 1);
        if upper != 0 && upper != -1 {
            return mine((0, 0, 0));
        }
        let levels = (d[0] >> 56 & 3) + 1;
        if pasid >> (9 * levels) != 0 {
            return mine((0, 0, 0));
        }
        let mut table = (d[0] >> 58 & 7) << 12 | (d[1] >> 16 & 0xffff) << 15 | d[1] >> 43 << 31;
        for level in (1..=levels).rev() {
            let at = table + (pasid >> (9 * (level - 1)) & 0x1ff) * 8;
            let entry = match self.read(at) {
                Ok(entry) => entry,
                Err(_) => return memory(Some(pasid), at, rw),
            };
            if entry & 1 == 0 {
                return mine((0, 0, 0));
            }
            if entry >> 52 != 0 {
                return mine((1, 0, 1));
            }
            table = entry & 0x000f_ffff_ffff_f000;
        }
        let (to, rights) = match self.guest(table, ask) {
            Ok(found) => found,
            Err((None, Stop::Fault(flags))) => return mine(flags),
            Err((None, Stop::Memory(at))) => return memory(Some(pasid), at, rw),
            // What is refused below is read, whatever the request does.
            Err((Some(at), Stop::Fault(flags))) => {
                let Outcome::Event([low, _], quiet) = fault(None, 0, 0, flags) else { unreachable!() };
                return Outcome::Event([low & !(1 << 53), at & !0xfff], quiet);
            }
            Err((Some(_), Stop::Memory(at))) => return memory(None, at, 0),
        };
        if !self.nested() {
            return Outcome::Memory(to, rights & own);
        }
        match self.host(to, want) {
            Ok((to, _, below)) => Outcome::Memory(to, rights & below & own),
            Err(Stop::Fault(flags)) => fault(None, to & !0xfff, 0, flags),
            Err(Stop::Memory(at)) => memory(None, at, rw),
        }
    }

    pub fn message(&self, ask: &Ask, data: u64, illegal: [u64; 2]) -> Outcome {
        let d = &self.dte;
        let (kind, logical) = (data >> 8 & 7, ask.at >> 2 & 1 == 1);
        let written = Outcome::Interrupt(data & 0xff, ask.at >> 12 & 0xff, logical, kind);
        if d[2] & 1 == 0 {
            return written;
        }
        let (control, log2) = (d[2] >> 60 & 3, d[2] >> 1 & 0xf);
        if control == 3 || log2 > 11 {
            return Outcome::Event(illegal, false);
        }
        let domain = d[1] & 0xffff;
        let fault = |(pr, rz): (u64, u64), quiet: bool| {
            let low = self.device() | domain << 32 | 1 << 51 | pr << 52 | rz << 55 | 2 << 60;
            Outcome::Event([low, ask.at], quiet)
        };
        let silent = d[2] >> 5 & 1 == 1;
        let passes = match kind {
            0 | 1 => control != 0,
            _ if logical => false,
            4 => d[2] >> 58 & 1 == 1,
            5 => d[2] >> 56 & 1 == 1,
            7 => d[2] >> 57 & 1 == 1,
            _ => false,
        };
        if !passes && kind <= 1 {
            return Outcome::Event([self.device() | 5 << 57 | 8 << 60, ask.at], false);
        }
        if !passes {
            return fault((0, 0), silent);
        }
        if kind > 1 || control == 1 {
            return written;
        }
        let index = data & 0x7ff;
        if index >= 1 << log2 {
            return fault((0, 0), silent);
        }
        let root = d[2] & 0x000f_ffff_ffff_ffc0;
        let (at, logged) = match self.wide {
            true => (root + index * 16, root + index * 16),
            false => (root + index / 2 * 8, root + index * 4),
        };
        let (Ok(low), Ok(high)) = (self.read(at), self.read(if self.wide { at + 8 } else { at })) else {
            let low = self.device() | domain << 32 | 1 << 51 | 2 << 57 | 4 << 60;
            return Outcome::Event([low, logged], false);
        };
        let low = if self.wide { low } else { low >> (index % 2 * 32) & 0xffff_ffff };
        let silent = silent || low >> 1 & 1 == 1;
        if low & 1 == 0 {
            return fault((0, 0), silent);
        }
        // GAMEn is 0 here: there is no guest mode.
        if low >> 7 & 1 == 1 || !self.wide && low >> 24 != 0 || low >> 2 & 7 > 1 {
            return fault((1, 1), silent);
        }
        let logical = low >> 6 & 1 == 1;
        match self.wide {
            false => Outcome::Interrupt(low >> 16 & 0xff, low >> 8 & 0xff, logical, low >> 2 & 7),
            true => {
                let id = low >> 8 & 0xff_ffff | high >> 56 << 24;
                Outcome::Interrupt(high & 0xff, id, logical, low >> 2 & 7)
            }
        }
    }
}
