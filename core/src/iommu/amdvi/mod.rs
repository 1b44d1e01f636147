//! AMD-Vi, the AMD I/O virtualization technology (AMD document 48882).
//!
//! Structures, commands, log entries and registers as tables of data: [`spec`], [`faults`]; host page tables are in
//! [`crate::paging::amdv1`]. There is no unit behind them yet.

pub mod faults;
pub mod spec;
