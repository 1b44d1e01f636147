//! The picture: what it is made of ([`model`]), where everything stands on a grid of characters ([`mod@layout`]),
//! and how that is written down ([`render`]).
//!
//! The ancestor is the figure of Linux's DMA-API-HOWTO: a column for each address space, boxes for regions,
//! arrows for mappings with letters at both ends, the CPU at the left, devices at the right.
//!
//! What is drawn, and where, is changed here; nothing here may know of a machine, a trace or a scenario.

pub mod layout;
pub mod model;
mod pieces;
pub mod render;
#[cfg(test)]
mod sample;
#[cfg(test)]
pub(crate) mod tests;
pub mod text;
pub(crate) mod union;
pub mod words;

pub use layout::{layout, Layout, Options, Plan};
pub use model::Model;
