//! The picture: what it is made of ([`model`]).
//!
//! The ancestor is the figure of Linux's DMA-API-HOWTO: a column for each address space, boxes for regions,
//! arrows for mappings with letters at both ends, the CPU at the left, devices at the right.

pub mod model;

pub use model::Model;
