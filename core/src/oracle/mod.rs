//! An oracle for those who build IOMMUs: memory, registers and a request in, the outcome with every read out.
//!
//! A [`Setup`] says what a unit reports of itself, what is in memory, and which registers software writes, in order. An
//! [`Oracle`] of it answers requests as the specification says, and each [`Answer`] has what was read and written on the way and
//! the record that software finds. Nothing is set up that was not written: a register that is left out has its value of reset,
//! memory that is left out reads as 0.
//!
//! ```
//! use iommu_core::addr::{Iova, RequesterId};
//! use iommu_core::iommu::{Architecture, Outcome, Request};
//! use iommu_core::oracle::{Access, At, Oracle, RegisterWrite, Setup};
//! use iommu_core::trace::Perms;
//!
//! // VT-d, legacy mode: root entry of bus 0, context entry of 00:04.0, three levels of tables.
//! let mut setup = Setup::new(Architecture::Vtd);
//! setup.memory = vec![
//!     (0x1000, 0x2001),
//!     (0x2000 + 0x20 * 16, 0x3001),
//!     (0x2000 + 0x20 * 16 + 8, 1 << 8 | 1),
//!     (0x3000, 0x4003),
//!     (0x4000, 0x5003),
//!     (0x5000 + 8, 0x8_0003),
//! ];
//! let write = |name: &str, value| RegisterWrite { at: At::Name(name.into()), bytes: None, value };
//! setup.registers = vec![write("RTADDR_REG", 0x1000), write("GCMD_REG", 1 << 30), write("GCMD_REG", 1 << 31)];
//! let mut oracle = Oracle::new(setup)?;
//!
//! let request = Request::new(RequesterId::bdf(0, 4, 0), Iova::new(0x1234), Perms::R, 8);
//! let answer = oracle.ask(&request);
//! assert!(matches!(answer.outcome, Outcome::Memory(to) if to.to.raw() == 0x8_0234));
//! assert_eq!(answer.steps.iter().filter(|step| matches!(step, Access::Read { .. })).count(), 5);
//!
//! let beside = Request::new(RequesterId::bdf(0, 4, 0), Iova::new(0x5234), Perms::R, 8);
//! let answer = oracle.ask(&beside);
//! // The fault recording register: the page; and F, a read, reason 6, source 0020h.
//! assert_eq!(answer.record, [0x5000, 0xc000_0006_0000_0020]);
//! # Ok::<(), iommu_core::oracle::Error>(())
//! ```
//!
//! The command `iommu-play oracle` speaks the same as lines of JSON; `docs/oracle.md` is their form. Both have a [`VERSION`].

mod answer;
mod setup;

pub use answer::{Access, Answer};
pub use setup::{At, Capabilities, Error, Place, RegisterWrite, Setup};

use crate::addr::PhysAddr;
use crate::budget::Limits;
use crate::iommu::registers::Registers;
use crate::iommu::{AnyIommu, Architecture, Request, Unit};
use crate::memory::Memory;
use crate::trace::Trace;

/// The version of what goes in and comes out. It changes when what was right before is no longer, or means something else; a
/// field that is added changes nothing.
pub const VERSION: u32 = 1;

/// What one write or request may take, so that no setup makes an oracle endless.
const LIMITS: Limits = Limits { work: 2_000_000, bytes: 64 << 20, steps: 200_000 };

/// A machine of a [`Setup`] that answers requests.
#[derive(Clone, Debug)]
pub struct Oracle {
    setup: Setup,
    memory: Memory,
    unit: AnyIommu,
}

impl Oracle {
    /// Makes the machine: memory is filled, then registers are written in order.
    ///
    /// # Errors
    /// The setup has what the machine has not, and where it says so.
    pub fn new(setup: Setup) -> Result<Self, Error> {
        let (memory, unit) = (setup.new_memory()?, setup.new_unit()?);
        let mut oracle = Oracle { setup, memory, unit };
        oracle.start()?;
        Ok(oracle)
    }

    /// Takes memory and unit back to what the setup says, caches empty.
    ///
    /// # Errors
    /// None that [`Oracle::new`] did not return before.
    pub fn reset(&mut self) -> Result<(), Error> {
        (self.memory, self.unit) = (self.setup.new_memory()?, self.setup.new_unit()?);
        self.start()
    }

    fn start(&mut self) -> Result<(), Error> {
        for (index, write) in self.setup.registers.clone().iter().enumerate() {
            self.write_register(write).map_err(|error| error.at(Place::Register(index)))?;
        }
        Ok(())
    }

    /// Returns which architecture it has.
    pub fn architecture(&self) -> Architecture {
        self.unit.architecture()
    }

    /// Writes a register as software does, with what follows: commands are taken, tables are switched. Returns what that read and
    /// wrote.
    ///
    /// # Errors
    /// There is no such register, or what follows has no end.
    pub fn write_register(&mut self, write: &RegisterWrite) -> Result<Answer<()>, Error> {
        let (at, bytes) = write.resolve(self.unit.file())?;
        let mut trace = Trace::with_limits(LIMITS);
        if !self.unit.write_register(&mut self.memory, at, bytes, write.value, &mut trace) {
            return Err(Error::no_register(at));
        }
        if trace.exhausted().is_some() {
            return Err(Error::endless());
        }
        Ok(Answer::of((), &trace, &self.unit))
    }

    /// Writes a word of memory, as a CPU does.
    ///
    /// # Errors
    /// Memory does not take it, or the address is none of a word.
    pub fn write_word(&mut self, at: u64, word: u64) -> Result<(), Error> {
        setup::put(&mut self.memory, at, word)
    }

    /// Returns a word of memory; 0 where nothing was written.
    pub fn word(&self, at: u64) -> u64 {
        self.memory.peek_u64(PhysAddr::new(at))
    }

    /// Returns `bytes` (4 or 8) of a register, by offset.
    pub fn register(&self, at: u32, bytes: u8) -> Option<u64> {
        self.unit.read_register(at, bytes, &mut crate::trace::Off)
    }

    /// Returns what a register holds, by offset or name, in its own width.
    ///
    /// # Errors
    /// There is no such register.
    pub fn read(&self, at: &At) -> Result<u64, Error> {
        let (at, bytes) =
            RegisterWrite { at: at.clone(), bytes: None, value: 0 }.resolve(self.unit.file())?;
        self.register(at, bytes).ok_or_else(|| Error::no_register(at))
    }

    /// Answers one request. What it leaves behind stays: accessed and dirty bits, records, entries of caches where the setup has
    /// caches.
    pub fn ask(&mut self, request: &Request) -> Answer {
        let mut trace = Trace::with_limits(LIMITS);
        let outcome = self.unit.translate(&mut self.memory, request, &mut trace);
        Answer::of(outcome, &trace, &self.unit)
    }
}

#[cfg(test)]
mod tests;
