//! The specification's structures, registers, commands and fault causes, as data only: no algorithm is here.

pub mod commands;
pub mod registers;
pub mod structures;
