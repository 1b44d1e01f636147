//! The IOMMU: a request from a device becomes an address in physical memory, an interrupt, or a fault.
//!
//! Everything a caller sees is here and has no architecture in it; each architecture is one folder with its own
//! registers, tables, queues and fault codes: hardware that implements [`Unit`], and a [`driver::Programmer`] that says
//! which words mean what software wants. Code here may read and write memory and record what it does; it never calls the
//! machine, the operating system or a view.

pub mod amdvi;
pub mod any;
pub mod architecture;
pub mod atc;
pub mod ats;
pub mod cache;
pub mod driver;
pub mod fetch;
pub mod registers;
pub mod request;
pub mod ring;
pub mod riscv;
pub mod smmuv3;
pub mod traced_cache;
mod unit;
pub mod vtd;

pub use any::AnyIommu;
pub use architecture::{Ability, Architecture, Board, UnitConfig};
pub use driver::terms::*;
pub use driver::Driver;
pub use request::*;
pub use unit::Unit;

pub use crate::platform::interrupts::Message;
