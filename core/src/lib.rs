//! The machine of **iommu-playground**: only bits in memory, an immutable trace of everything it did,
//! and views of that trace.
//!
//! Rooms, bottom to top; a room imports only from those above it in this list:
//!
//! * [`addr`]: one type for each address space
//! * [`memory`]: sparse physical memory
//! * [`spec`]: structures, registers, fault codes and rules in their specification's words
//! * [`budget`]: what a run may spend: work, memory, steps
//! * [`trace`]: what the machine did, step by step
//! * [`paging`]: page-table formats, the walker, the builder
//! * [`platform`]: physical address map, host bridge, PCI Express
//! * [`iommu`]: requests from devices become addresses, interrupts or faults
//! * [`mmu`]: the CPU's side: virtual addresses become physical ones
//! * [`dma`]: a device's engine: registers, descriptors, packets
//! * [`os`]: what the operating system does: the DMA API and what is under it
//! * [`scenario`]: the text language: parse, print, what is wrong and where
//! * [`machine`]: built from a scenario, run to its end, known at any step
//! * [`diagram`]: what a picture is made of, its layout on a character grid, text and SVG
//! * [`explain`]: what happened, in words; fault logs of real machines
//! * [`view`]: all that a page shows of one position of a trace
//! * [`picture`]: the machine at one position, as the parts of a picture
//! * [`places`]: where is this byte, and who can reach it
//! * [`link`]: a scenario and a position as the fragment of a URL
#![cfg_attr(not(any(feature = "std", test)), no_std)]
#![forbid(unsafe_code)]
#![deny(missing_docs)]

extern crate alloc;

pub mod addr;
pub mod budget;
pub mod diagram;
pub mod dma;
pub mod explain;
pub mod iommu;
pub mod link;
pub mod machine;
pub mod memory;
pub mod mmu;
pub mod os;
pub mod paging;
pub mod picture;
pub mod places;
pub mod platform;
pub mod scenario;
mod spans;
pub mod spec;
pub mod trace;
pub mod view;
