//! The specification's tables: structures, commands, registers, fault codes. Data only, nothing that acts.

pub mod commands;
pub mod faults;
pub mod interrupts;
pub mod registers;
pub mod structures;
