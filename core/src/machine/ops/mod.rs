//! The operations of a scenario, each as methods of [`Machine`](super::Machine) in the file of what it works on. Only here does
//! an operation's clause meet the machine: what a bus, a CPU or an IOMMU does of its own accord is in their rooms.

pub mod ats;
pub mod author;
pub mod buffer;
pub mod content;
pub mod cpu;
pub mod device;
pub mod device_tlb;
pub mod dma_api;
pub mod domain;
pub mod entry;
pub mod iommu;
mod kexec;
pub mod mapping;
mod resize;
pub mod unit;
