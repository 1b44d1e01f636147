//! The specification's tables: structures, commands, registers, fault codes. Data only, nothing that acts.

mod structures;

pub use structures::*;
