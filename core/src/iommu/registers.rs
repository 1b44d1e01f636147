//! The registers of a unit: what software may do to them, and what follows.
//!
//! An architecture declares each register once, as a [`Register`] that says what software may do to its bits; this file
//! keeps the values, splits wide and half accesses, applies the access and records every change. What hardware does on a write is the
//! architecture's hook, [`Registers::after_write`].

use crate::memory::Memory;
use crate::spec::{Bits, Field, Register};
use crate::trace::{Actor, Event, Observer};
use alloc::vec::Vec;

#[derive(Clone, Copy, Debug)]
struct Declared {
    register: &'static Register,
    offset: u32,
    /// Bits of this unit's register that software can change at all.
    there: u64,
    shown: bool,
}

/// A write by software to one register.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Write {
    /// The register.
    pub register: &'static Register,
    /// Where the register starts, in bytes from the unit's register base.
    pub offset: u32,
    /// Its value before.
    pub old: u64,
    /// Its value now.
    pub new: u64,
    /// The write reached the register's last byte: of two halves, it is the second.
    pub last: bool,
}

/// The values of a unit's registers, and what software may do to each.
#[derive(Clone, Debug, Default)]
pub struct RegisterFile {
    declared: Vec<Declared>,
    /// For each four bytes, one more than the index in `declared`; 0 where there is no register.
    index: Vec<u16>,
    words: Vec<u32>,
}

impl RegisterFile {
    /// Returns a file without registers.
    pub fn new() -> Self {
        RegisterFile::default()
    }

    /// Declares a register at its own offset.
    pub fn declare(&mut self, register: &'static Register) {
        self.declare_at(register, register.offset, u64::MAX, true);
    }

    /// Declares a register of which this unit has only the bits of `there`: the others hold what reset gave them.
    pub fn declare_part(&mut self, register: &'static Register, there: u64) {
        self.declare_at(register, register.offset, there, true);
    }

    /// Declares a register at another offset than its own, one of an array or where a capability says, with the bits
    /// of it that this unit has. Views list it if it is `shown`.
    pub fn declare_at(&mut self, register: &'static Register, offset: u32, there: u64, shown: bool) {
        let (first, count) = (offset as usize / 4, usize::from(register.bytes).div_ceil(4));
        if self.words.len() < first + count {
            self.words.resize(first + count, 0);
            self.index.resize(first + count, 0);
        }
        self.declared.push(Declared { register, offset, there, shown });
        self.index[first..first + count].fill(self.declared.len() as u16);
    }

    /// Returns the value of `bytes` (4 or 8) at an offset; 0 where there is no register.
    pub fn get(&self, at: u32, bytes: u8) -> u64 {
        let word = |i: usize| self.words.get(i).copied().map_or(0, u64::from);
        let i = at as usize / 4;
        word(i) | if bytes == 8 { word(i + 1) << 32 } else { 0 }
    }

    /// Sets the value of `bytes` (4 or 8) at an offset, whatever software may do there. Not recorded: see
    /// [`Registers::set`].
    pub fn put(&mut self, at: u32, bytes: u8, value: u64) {
        let i = at as usize / 4;
        if let Some(word) = self.words.get_mut(i) {
            *word = value as u32;
        }
        if let Some(word) = self.words.get_mut(i + 1).filter(|_| bytes == 8) {
            *word = (value >> 32) as u32;
        }
    }

    /// Clears and sets bits at an offset, whatever software may do there. Not recorded.
    pub fn change(&mut self, at: u32, bytes: u8, clear: u64, set: u64) {
        self.put(at, bytes, self.get(at, bytes) & !clear | set);
    }

    /// Returns the value of a register at its own offset.
    pub fn of(&self, register: &Register) -> u64 {
        self.get(register.offset, register.bytes)
    }

    /// Sets a register at its own offset. Not recorded.
    pub fn store(&mut self, register: &Register, value: u64) {
        self.put(register.offset, register.bytes, value);
    }

    /// Clears a flag of a register at its own offset. Not recorded: views learn of it with the next change.
    pub fn clear(&mut self, register: &Register, flag: Field) {
        self.store(register, self.of(register).with_flag(flag, false));
    }

    fn declared(&self, at: u32) -> Option<&Declared> {
        let id = usize::from(*self.index.get(at as usize / 4)?);
        self.declared.get(id.checked_sub(1)?)
    }

    /// Returns the register that has this offset, and where it starts.
    pub fn find(&self, at: u32) -> Option<(&'static Register, u32)> {
        self.declared(at).map(|d| (d.register, d.offset))
    }

    /// Returns the register that has this name, in any case, and where it starts.
    pub fn named(&self, name: &str) -> Option<(&'static Register, u32)> {
        let found = self.declared.iter().find(|d| d.register.name.eq_ignore_ascii_case(name));
        found.map(|d| (d.register, d.offset))
    }

    /// Returns every register that views show with its value, in the order of declaration.
    pub fn all(&self) -> Vec<(&'static Register, u64)> {
        let shown = self.declared.iter().filter(|d| d.shown);
        shown.map(|d| (d.register, self.get(d.offset, d.register.bytes))).collect()
    }

    /// Returns what a write of `bytes` at `at` makes of the register there, its access applied; nothing is changed yet.
    fn written(&self, at: u32, bytes: u8, value: u64) -> Option<Write> {
        let &Declared { register, offset, there, .. } = self.declared(at)?;
        let shift = (at - offset) * 8;
        let lanes = (u64::MAX >> (64 - 8 * u32::from(bytes.clamp(1, 8)))).checked_shl(shift).unwrap_or(0);
        let value = value.checked_shl(shift).unwrap_or(0);
        let old = self.get(offset, register.bytes);
        let new = register.after_write(old, lanes & there, value);
        let last = at + u32::from(bytes) >= offset + u32::from(register.bytes);
        Some(Write { register, offset, old, new, last })
    }
}

/// A unit with a [`RegisterFile`]. An architecture gives the file and the hooks; accesses are done here.
pub trait Registers {
    /// Returns the registers.
    fn file(&self) -> &RegisterFile;

    /// Returns the registers, to change them as hardware does.
    fn file_mut(&mut self) -> &mut RegisterFile;

    /// Returns what the register holds after a write that would give it `write.new`, where more than its access
    /// decides: values that are not legal, bits that follow others.
    fn adjust(&mut self, write: &Write) -> u64 {
        write.new
    }

    /// Does what follows from a write by software, once it is made and recorded.
    fn after_write<O: Observer>(&mut self, memory: &mut Memory, write: &Write, obs: &mut O);

    /// Writes `bytes` (4 or 8) at an offset as software does, recorded, with what follows from it. An access over two
    /// registers is one to each. `false` where there is no register.
    fn write_by<O: Observer>(
        &mut self,
        memory: &mut Memory,
        actor: Actor,
        at: u32,
        bytes: u8,
        value: u64,
        obs: &mut O,
    ) -> bool {
        if !matches!(bytes, 4 | 8) || at % 4 != 0 {
            return false;
        }
        let Some((register, offset)) = self.file().find(at) else { return false };
        if offset + u32::from(register.bytes) < at + u32::from(bytes) {
            self.write_by(memory, actor, at, 4, value & 0xffff_ffff, obs);
            self.write_by(memory, actor, at + 4, 4, value >> 32, obs);
            return true;
        }
        let Some(write) = self.file().written(at, bytes, value) else { return false };
        let write = Write { new: self.adjust(&write), ..write };
        let Write { register, offset, old, new, .. } = write;
        self.file_mut().put(offset, register.bytes, new);
        if O::ON {
            obs.step(actor, Event::Register { register, offset, old, new, write: true });
        }
        self.after_write(memory, &write, obs);
        true
    }

    /// Sets `bytes` (4 or 8) at an offset as hardware does; a change is recorded.
    fn set<O: Observer>(&mut self, at: u32, bytes: u8, new: u64, obs: &mut O) {
        self.set_by(Actor::Iommu, at, bytes, new, obs);
    }

    /// Sets them as hardware beside the IOMMU does, whose registers are in the same file.
    fn set_by<O: Observer>(&mut self, actor: Actor, at: u32, bytes: u8, new: u64, obs: &mut O) {
        let old = self.file().get(at, bytes);
        self.file_mut().put(at, bytes, new);
        if let Some((register, offset)) = self.file().find(at).filter(|_| O::ON && old != new) {
            obs.step(actor, Event::Register { register, offset, old, new, write: true });
        }
    }

    /// Sets bits of the four bytes at an offset as hardware does; a change is recorded.
    fn raise<O: Observer>(&mut self, at: u32, bits: u64, obs: &mut O) {
        let value = self.file().get(at, 4) | bits;
        self.set(at, 4, value, obs);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::Text;
    use crate::trace::{Off, Trace};

    const fn register(name: &'static str, offset: u32, bytes: u8, rw: u64, w1c: u64) -> Register {
        Register { name, offset, bytes, meaning: Text::new("", ""), fields: &[], rw, w1c, section: "" }
    }
    static WIDE: Register = register("wide", 0, 8, u64::MAX, 0);
    static LOW: Register = register("low", 8, 4, 0xf0, 0x3);
    static HIGH: Register = register("high", 12, 4, 0, 0);
    static FAR: Register = register("far", 0x100, 4, 1, 0);

    #[derive(Default)]
    struct Unit {
        file: RegisterFile,
        seen: Vec<(u32, bool)>,
    }

    impl Registers for Unit {
        fn file(&self) -> &RegisterFile {
            &self.file
        }
        fn file_mut(&mut self) -> &mut RegisterFile {
            &mut self.file
        }
        fn after_write<O: Observer>(&mut self, _: &mut Memory, write: &Write, _: &mut O) {
            self.seen.push((write.offset, write.last));
        }
    }

    fn unit() -> Unit {
        let mut unit = Unit::default();
        unit.file.declare_part(&WIDE, 0x00ff_0000_0000_00ff);
        unit.file.declare(&LOW);
        unit.file.declare(&HIGH);
        unit.file.declare_at(&FAR, 0x40, u64::MAX, false);
        unit
    }

    #[test]
    fn only_declared_bits_change_and_ones_clear() {
        let (mut unit, mut memory) = (unit(), Memory::new());
        unit.file.put(8, 4, 0x7);
        assert!(unit.write_by(&mut memory, Actor::Cpu, 8, 4, 0xfff1, &mut Off));
        assert_eq!(unit.file.get(8, 4), 0xf6);
        assert!(unit.write_by(&mut memory, Actor::Cpu, 12, 4, 1, &mut Off));
        assert_eq!(unit.file.get(12, 4), 0);
        assert!(!unit.write_by(&mut memory, Actor::Cpu, 0x20, 4, 1, &mut Off));
        assert!(!unit.write_by(&mut memory, Actor::Cpu, 8, 2, 1, &mut Off));
        assert!(!unit.write_by(&mut memory, Actor::Cpu, 9, 4, 1, &mut Off));
    }

    #[test]
    fn a_half_leaves_the_other_and_a_wide_write_is_two() {
        let (mut unit, mut memory, mut trace) = (unit(), Memory::new(), Trace::new());
        unit.write_by(&mut memory, Actor::Cpu, 0, 8, u64::MAX, &mut trace);
        unit.write_by(&mut memory, Actor::Cpu, 4, 4, 0, &mut trace);
        assert_eq!(unit.file.get(0, 8), 0xff);
        unit.write_by(&mut memory, Actor::Cpu, 8, 8, 0xf0, &mut trace);
        // From the middle of one register into the next.
        unit.write_by(&mut memory, Actor::Cpu, 4, 8, 0, &mut trace);
        let seen = [(0, true), (0, true), (8, true), (12, true), (0, true), (8, true)];
        assert_eq!(unit.seen, seen);
        unit.write_by(&mut memory, Actor::Cpu, 0, 4, 0, &mut trace);
        assert_eq!(unit.seen.last(), Some(&(0, false)));
        assert_eq!(trace.len(), 7, "each register's write is recorded once");
    }

    #[test]
    fn hardware_records_changes_only_and_views_see_what_is_shown() {
        let (mut unit, mut trace) = (unit(), Trace::new());
        unit.set(12, 4, 0, &mut trace);
        assert_eq!(trace.len(), 0);
        unit.raise(12, 4, &mut trace);
        assert_eq!((trace.len(), unit.file.get(12, 4)), (1, 4));
        assert_eq!(unit.file.find(0x40), Some((&FAR, 0x40)));
        let names: Vec<_> = unit.file.all().iter().map(|(r, v)| (r.name, *v)).collect();
        assert_eq!(names, [("wide", 0), ("low", 0), ("high", 4)]);
    }
}
