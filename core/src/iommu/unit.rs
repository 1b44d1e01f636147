//! The hardware's side of an IOMMU: what devices and CPUs can do to it. A unit sees requests, registers and memory; it
//! knows nothing of the driver that wrote them.

use super::atc::DeviceTlbs;
use super::registers::Registers;
use super::{Outcome, PageRequest, Request};
use crate::addr::RequesterId;
use crate::memory::Memory;
use crate::spec::Register;
use crate::trace::{Actor, Event, Observer};
use alloc::vec::Vec;

/// An IOMMU's hardware. What its registers do is said by [`Registers`].
pub trait Unit: Registers {
    /// Answers one request, with caches, fault records and accessed/dirty updates as the architecture has them.
    fn translate<O: Observer>(&mut self, memory: &mut Memory, request: &Request, obs: &mut O) -> Outcome;

    /// Returns where the TLBs of devices are lent to the unit, which sends them invalidation requests.
    fn device_tlbs(&mut self) -> &mut DeviceTlbs;

    /// Returns what the tables in memory say at this moment, as if every cache were empty; changes nothing. This is
    /// how the use of a stale entry is known.
    fn peek(&self, memory: &mut Memory, request: &Request) -> Outcome;

    /// Sets a register to a value that a trace recorded, with what the unit latches of it, and does nothing else: so a view
    /// brings a unit as after reset to a position of the trace.
    fn restore(&mut self, register: &'static Register, offset: u32, value: u64) {
        self.file_mut().put(offset, register.bytes, value);
    }

    /// Takes an interrupt message that comes past the unit, to an interrupt controller whose registers are in its window.
    /// `false`: there is none.
    fn take_message<O: Observer>(
        &self,
        _memory: &Memory,
        _from: RequesterId,
        _data: u32,
        _obs: &mut O,
    ) -> bool {
        false
    }

    /// Takes a page request from a device into the page request queue. `false`: it could not be queued, and the unit
    /// answered it itself.
    fn page_request<O: Observer>(&mut self, memory: &mut Memory, request: &PageRequest, obs: &mut O) -> bool;

    /// Returns `bytes` (4 or 8) at an offset, recorded as the CPU's read; `None` where there is no register, or for
    /// another width or alignment.
    fn read_register<O: Observer>(&self, at: u32, bytes: u8, obs: &mut O) -> Option<u64> {
        let (register, offset) = self.file().find(at).filter(|_| matches!(bytes, 4 | 8) && at % 4 == 0)?;
        if O::ON {
            let whole = self.file().get(offset, register.bytes);
            obs.step(Actor::Cpu, Event::Register { register, offset, old: whole, new: whole, write: false });
        }
        Some(self.file().get(at, bytes))
    }

    /// Writes `bytes` (4 or 8) at an offset as the CPU, with what follows from it (commands taken from the queue, tables
    /// switched). `false` where there is no register.
    fn write_register<O: Observer>(
        &mut self,
        memory: &mut Memory,
        at: u32,
        bytes: u8,
        value: u64,
        obs: &mut O,
    ) -> bool {
        self.write_by(memory, Actor::Cpu, at, bytes, value, obs)
    }

    /// Returns every register with its value now, for views.
    fn registers(&self) -> Vec<(&'static Register, u64)> {
        self.file().all()
    }
}
