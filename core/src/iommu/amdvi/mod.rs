//! AMD-Vi, the AMD I/O virtualization technology (AMD document 48882).
//!
//! * Structures, commands, log entries and registers are tables of data: [`spec`], [`faults`]; [`records`] emits and
//!   parses event log entries. Host page tables are in [`crate::paging::amdv1`].
//! * What a unit can do is its [`Config`].
//! * [`context`] finds device table entries, [`translate`] answers requests through the [`caches`], [`interrupts`]
//!   remaps messages.
//! * `queues` writes the event log and raises interrupts, `commands` obeys software.
//!
//! Not built: guest translation (GCR3 tables), page requests, the GA log, segments of the device table, SMI filters,
//! performance counters; and the driver's side, so that no machine has this unit yet.

pub mod caches;
mod commands;
pub mod config;
pub mod context;
pub mod faults;
pub mod interrupts;
mod queues;
pub mod records;
pub mod request;
pub mod spec;
pub mod translate;
mod unit;

pub use config::{CacheSizes, Config};
pub use queues::{ring, QUEUES};
pub use unit::{AmdViUnit, Reply};
