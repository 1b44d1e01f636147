//! What an operation came to, read from the trace, and the expectations that are held against it. Nothing here changes the
//! machine.

pub mod expect;
pub mod outcome;
pub mod packets;
