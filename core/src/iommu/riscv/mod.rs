//! The RISC-V IOMMU (RISC-V IOMMU Architecture Specification, version 1.0).
//!
//! * Structures, registers, commands and fault causes are tables of data: [`spec`], [`faults`]; [`records`] emits and parses commands
//!   and records.
//! * What a unit can do is its [`Config`]; in what an implementation deviates is its [`Quirks`].
//! * [`context`] finds device and process contexts, [`stages`] walks both stages, [`msi`] the MSI page tables;
//!   [`translate`] follows the specification's numbered steps through the [`caches`].
//! * `queues` writes fault records and page requests and raises interrupts, `commands` obeys software.
//! * `programmer` is the operating system's side: it reaches the unit through registers and memory only.
//!
//! 32-bit tables (Sv32, GXL, SXL), QoS ids, performance counters and the debug interface are not modelled.

pub mod access;
mod architecture;
pub mod caches;
mod commands;
pub mod config;
pub mod context;
pub mod faults;
pub mod msi;
mod programmer;
mod queues;
pub mod records;
mod shared;
pub mod spec;
pub mod stages;
pub mod translate;
mod unit;

pub use architecture::ARCHITECTURE;
pub use config::{CacheSizes, Config, Quirks};
pub use programmer::RiscvProgrammer;
pub use shared::QUEUES;
pub use unit::{Reply, RiscvUnit};

/// A RISC-V IOMMU with the driver that programs it.
pub type Riscv = crate::iommu::driver::Driven<RiscvUnit, RiscvProgrammer>;

impl Riscv {
    /// Returns a unit as after reset, and a driver that has not started it.
    pub fn new(config: Config) -> Self {
        Self::with(RiscvUnit::new(config), RiscvProgrammer::new(config))
    }
}
