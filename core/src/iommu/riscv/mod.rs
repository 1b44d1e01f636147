//! The RISC-V IOMMU (RISC-V IOMMU Architecture Specification, version 1.0).
//!
//! * Structures, registers, commands and fault causes are tables of data: [`spec`], [`entries`], [`faults`].
//! * What a unit can do is its [`Config`]; in what an implementation deviates is its [`Quirks`].
//! * [`context`] finds device and process contexts, [`stages`] walks both stages, [`msi`] the MSI page tables;
//!   [`translate`] follows the specification's numbered steps through the [`caches`].
//! * `queues` writes fault records and page requests and raises interrupts, `commands` obeys software.
//! * `driver` is the operating system's side: it shares nothing with the rest but memory and registers.
//!
//! 32-bit tables (Sv32, GXL, SXL), QoS ids, performance counters and the debug interface are not modelled.

pub mod access;
mod architecture;
pub mod caches;
mod commands;
pub mod config;
pub mod context;
mod driver;
pub mod entries;
pub mod faults;
pub mod msi;
mod queues;
mod shared;
pub mod spec;
pub mod stages;
pub mod translate;
mod unit;

pub use architecture::ARCHITECTURE;
pub use config::{CacheSizes, Config, Quirks};
pub use shared::QUEUES;
pub use unit::{Reply, Riscv};
