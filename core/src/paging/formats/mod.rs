//! The table formats, of CPUs and of IOMMUs: the same walker and builder serve them all.
//!
//! **Allowed here:** the entries field by field, how they are read and made, and why they refuse. **Not here:** who walks
//! them.

pub mod aarch64;
pub mod amdv1;
pub mod ept;
pub mod npt;
pub mod riscv;
pub mod vtd_first;
pub mod vtd_second;
pub mod x86;
mod x86_words;
