//! AMD-Vi, the AMD I/O virtualization technology (AMD document 48882).
//!
//! * Structures, commands, log entries and registers are tables of data: [`spec`], [`faults`]; [`records`] emits and
//!   parses event log entries. Host page tables are in [`crate::paging::amdv1`].
//! * What a unit can do is its [`Config`].
//! * [`context`] finds device table entries, [`translate`] answers requests through the [`caches`], [`interrupts`]
//!   remaps messages.
//! * `queues` writes the event log and raises interrupts, `commands` obeys software.
//!
//! * The driver's side is `programmer`: which words of entries, commands and registers say what software wants.
//!
//! `docs/conformance-amd-vi.md` says what is not modelled; the feature registers say of none of it that it is there.

mod architecture;
pub mod caches;
mod commands;
pub mod config;
pub mod context;
pub mod faults;
pub mod interrupts;
mod page_requests;
mod programmer;
mod queues;
pub mod records;
pub mod request;
pub mod spec;
mod stages;
pub mod translate;
mod unit;

pub use architecture::ARCHITECTURE;
pub use config::{CacheSizes, Config};
pub use programmer::AmdViProgrammer;
pub use queues::{ring, QUEUES};
pub use unit::{AmdViUnit, Reply};

/// An AMD-Vi unit with the driver that programs it.
pub type AmdVi = crate::iommu::driver::Driven<AmdViUnit, AmdViProgrammer>;

impl AmdVi {
    /// Returns a unit as after reset, and a driver that has not started it.
    pub fn new(config: Config) -> Self {
        Self::with(AmdViUnit::new(config), AmdViProgrammer::new(config))
    }
}
