//! Arm SMMUv3 (Arm IHI 0070): stream table, context descriptors, two stages of VMSAv8-64 tables, commands and events.
//!
//! What is modelled: non-secure streams of PCIe functions; every STE and CD field of stages 1 and 2, substreams, ATS, PRI,
//! stalls, hardware update of access flag and dirty state, ranges. Not modelled: secure and realm state, VMSAv8-32 tables,
//! MPAM, ATOS, VMS, ECMDQ.

mod architecture;
pub mod caches;
mod commands;
pub mod config;
pub mod context;
pub mod fault;
mod its;
pub mod lookup;
mod programmer;
mod queues;
mod records;
mod shared;
pub mod spec;
pub mod stages;
pub mod translate;
mod unit;

pub use architecture::ARCHITECTURE;
pub use config::{CacheSizes, Config, Quirks};
pub use programmer::SmmuProgrammer;
pub use shared::{ring, QUEUES};
pub use unit::{Reply, Resumed, SmmuUnit, Waiting};

/// An SMMUv3 with its driver.
pub type Smmuv3 = super::driver::Driven<SmmuUnit, SmmuProgrammer>;

impl Smmuv3 {
    /// Returns a unit as after reset, and its driver.
    pub fn new(config: Config) -> Self {
        super::driver::Driven::with(SmmuUnit::new(config), SmmuProgrammer::new(config))
    }
}
