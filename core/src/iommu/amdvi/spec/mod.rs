//! AMD 48882 as data: structures, registers, commands, log entries.

pub mod commands;
pub mod events;
pub mod interrupts;
pub mod registers;
pub mod structures;
