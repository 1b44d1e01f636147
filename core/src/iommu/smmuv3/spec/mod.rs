//! SMMUv3 as its specification lays it out (Arm IHI 0070): registers, structures in memory, commands, records. Data only.

pub mod commands;
pub mod events;
pub mod registers;
pub mod structures;

pub use structures::{cd, l1cd, l1std, ste, CD, L1CD, L1STD, STE};
