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
mod driver;
pub mod fault;
mod iommu;
mod queues;
mod regs;
mod shared;
pub mod spec;
pub mod stages;
pub mod translate;
mod unit;

pub use architecture::{ARCHITECTURE, BOARD};
pub use config::{CacheSizes, Config, Quirks};
pub use shared::{ring, QUEUES};
pub use unit::{Reply, Resumed, Smmuv3, Waiting};
