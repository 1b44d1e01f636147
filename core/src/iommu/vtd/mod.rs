//! Intel VT-d: the Intel Virtualization Technology for Directed I/O architecture specification, revision 4.
//!
//! * Structures, registers, commands and fault reasons are tables of data: [`spec`], [`first_stage`], [`second_stage`].
//! * [`commands`], [`records`] and [`interrupts`] turn values into the words of a table and back.
//! * What a unit can do is its [`Config`]; in what an implementation deviates is its [`Quirks`].
//! * [`context`] finds the tables of a request, [`walk`] walks them; `translate` does both through [`caches`].
//! * `fault_log` writes faults, `invalidate` and `control` obey software, `page_requests` queues page requests.
//! * `programmer` is the operating system's side: it reaches the unit through registers and memory only.

mod architecture;
pub mod caches;
pub mod commands;
pub mod config;
pub mod context;
mod control;
mod fault_log;
pub mod features;
pub mod interrupts;
mod invalidate;
mod page_requests;
mod programmer;
mod queues;
pub mod records;
mod regs;
pub mod spec;
mod translate;
pub mod walk;

pub use crate::paging::{vtd_first as first_stage, vtd_second as second_stage};
pub use architecture::ARCHITECTURE;
pub use config::{CacheSizes, Config, Quirks};
pub use queues::QUEUES;
pub use spec::faults;

pub use programmer::VtdProgrammer;

use super::atc::DeviceTlbs;
use super::driver::Driven;
use super::registers::RegisterFile;
use super::{Outcome, PageRequest, Request, Unit};
use crate::addr::RequesterId;
use crate::memory::Memory;
use crate::spec::Register;
use crate::trace::Observer;
use alloc::collections::BTreeSet;
use caches::Caches;

/// A VT-d unit with the driver that programs it.
pub type Vtd = Driven<VtdUnit, VtdProgrammer>;

impl Vtd {
    /// Returns a unit as after reset, and a driver that has not started it.
    pub fn new(config: Config) -> Self {
        Self::with(VtdUnit::new(config), VtdProgrammer::new(config))
    }
}

/// The hardware.
#[derive(Clone, Debug)]
pub struct VtdUnit {
    config: Config,
    regs: RegisterFile,
    /// RTADDR as latched by SRTP.
    root: u64,
    /// IRTA as latched by SIRTP.
    interrupt_root: u64,
    /// The fault recording register to use next.
    next_fault: usize,
    caches: Caches,
    /// Devices that do not answer invalidations of their TLB.
    mute: BTreeSet<u16>,
    /// TLBs of devices, while they are lent.
    device_tlbs: DeviceTlbs,
}

impl VtdUnit {
    /// Returns a unit as after reset: translation off, caches empty.
    pub fn new(config: Config) -> Self {
        VtdUnit {
            regs: config.registers(),
            root: 0,
            interrupt_root: 0,
            next_fault: 0,
            caches: Caches::new(&config.caches),
            mute: BTreeSet::new(),
            device_tlbs: DeviceTlbs::default(),
            config,
        }
    }

    /// Returns what the unit can do.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Returns what the unit remembers, for views.
    pub fn caches(&self) -> &Caches {
        &self.caches
    }

    /// Makes a device answer invalidations of its TLB, or not: then each one ends in a time-out (ITE).
    pub fn set_mute(&mut self, device: RequesterId, mute: bool) {
        if mute {
            self.mute.insert(device.bdf16());
        } else {
            self.mute.remove(&device.bdf16());
        }
    }

    /// Empties every cache at once, as a reset of the unit does; registers stay.
    pub fn drop_caches(&mut self) {
        self.caches = Caches::new(&self.config.caches);
    }
}

impl Unit for VtdUnit {
    fn restore(&mut self, register: &'static Register, offset: u32, value: u64) {
        self.regs.put(offset, register.bytes, value);
        if offset == spec::registers::GCMD.offset {
            self.latch_roots(value);
            self.regs.store(&spec::registers::GCMD, 0);
        }
    }
    fn translate<O: Observer>(&mut self, memory: &mut Memory, request: &Request, obs: &mut O) -> Outcome {
        self.answer(memory, request, obs)
    }

    fn device_tlbs(&mut self) -> &mut DeviceTlbs {
        &mut self.device_tlbs
    }
    fn peek(&self, memory: &mut Memory, request: &Request) -> Outcome {
        self.look(memory, request)
    }

    fn page_request<O: Observer>(&mut self, memory: &mut Memory, request: &PageRequest, obs: &mut O) -> bool {
        self.take_page_request(memory, request, obs)
    }
}
