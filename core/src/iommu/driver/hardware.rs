//! A unit as software sees it: registers and memory. A driver reaches nothing else of it, and the compiler checks that.

use super::{Ctx, Domains, DriverError, DriverResult};
use crate::addr::{AddrRange, Address, Iova, PhysAddr};
use crate::iommu::registers::Registers;
use crate::memory::MemError;
use crate::paging::builder::{Build, Builder, Mapping};
use crate::spec::{EntryType, Register};
use crate::trace::{write_run, Actor, Observer};

/// A unit and its memory as software sees them. All writes are recorded as the operating system's.
pub trait Hardware {
    /// Reads `bytes` (4 or 8) of a register; 0 where there is none. Not recorded: reading changes nothing here.
    fn read(&self, at: u32, bytes: u8) -> u64;
    /// Writes `bytes` (4 or 8) of a register; the unit acts before this returns.
    fn write(&mut self, at: u32, bytes: u8, value: u64);
    /// Returns neighbouring frames, zeroed; the first is aligned to `align` frames.
    fn frames(&mut self, count: u64, align: u64) -> DriverResult<PhysAddr>;
    /// Writes a structure's words, recorded as one step.
    fn store(&mut self, entry: &'static EntryType, at: PhysAddr, words: &[u64]) -> DriverResult;
    /// Reads words of memory. Not recorded.
    fn load<const N: usize>(&mut self, at: PhysAddr) -> DriverResult<[u64; N]>;
    /// Maps in the tables of a root.
    fn map(&mut self, format: &impl Build, root: PhysAddr, mapping: Mapping) -> DriverResult;
    /// Clears the entries of a range in the tables of a root.
    fn unmap(&mut self, format: &impl Build, root: PhysAddr, range: &AddrRange<Iova>) -> DriverResult;
    /// Returns the domains that the driver made.
    fn domains(&self) -> &Domains;

    /// Reads a register at its own offset.
    fn of(&self, register: &Register) -> u64 {
        self.read(register.offset, register.bytes)
    }
    /// Writes a register at its own offset.
    fn set(&mut self, register: &Register, value: u64) {
        self.write(register.offset, register.bytes, value);
    }
    /// Returns a frame for a structure, zeroed.
    fn frame(&mut self) -> DriverResult<PhysAddr> {
        self.frames(1, 1)
    }
}

/// The registers of a unit, and the memory of a machine.
pub(super) struct View<'a, 'b, U, O> {
    pub unit: &'a mut U,
    pub domains: &'a Domains,
    pub ctx: &'a mut Ctx<'b, O>,
}

fn place(at: u64) -> Option<PhysAddr> {
    Some(PhysAddr::new(at))
}

impl<U: Registers, O: Observer> Hardware for View<'_, '_, U, O> {
    fn read(&self, at: u32, bytes: u8) -> u64 {
        self.unit.file().get(at, bytes)
    }

    fn write(&mut self, at: u32, bytes: u8, value: u64) {
        self.unit.write_by(self.ctx.memory, Actor::Os, at, bytes, value, self.ctx.obs);
    }

    fn frames(&mut self, count: u64, align: u64) -> DriverResult<PhysAddr> {
        let frames = &mut *self.ctx.frames;
        let at = if (count, align) == (1, 1) { frames.frame() } else { frames.frames(count, align) };
        at.ok_or(DriverError::NoFrames)
    }

    fn store(&mut self, entry: &'static EntryType, at: PhysAddr, words: &[u64]) -> DriverResult {
        Ok(write_run(self.ctx.memory, self.ctx.obs, Actor::Os, entry, at, words)?)
    }

    fn load<const N: usize>(&mut self, at: PhysAddr) -> DriverResult<[u64; N]> {
        if !self.ctx.obs.spend(N as u64) {
            return Err(MemError::Budget.into());
        }
        let mut words = [0; N];
        for (i, word) in words.iter_mut().enumerate() {
            *word = self.ctx.memory.read_u64(at.wrapping_add(i as u64 * 8))?;
        }
        Ok(words)
    }

    fn map(&mut self, format: &impl Build, root: PhysAddr, mapping: Mapping) -> DriverResult {
        let Ctx { memory, frames, obs } = &mut *self.ctx;
        let mut builder = Builder { format, frames, place, actor: Actor::Os };
        builder.map(memory, root.raw(), mapping, *obs)?;
        Ok(())
    }

    fn unmap(&mut self, format: &impl Build, root: PhysAddr, range: &AddrRange<Iova>) -> DriverResult {
        let Ctx { memory, frames, obs } = &mut *self.ctx;
        let mut builder = Builder { format, frames, place, actor: Actor::Os };
        builder.unmap(memory, root.raw(), range.start.raw(), range.len(), *obs)?;
        Ok(())
    }

    fn domains(&self) -> &Domains {
        self.domains
    }
}
