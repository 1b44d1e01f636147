//! What happened, in words: a step as a sentence ([`step`]), an operation's result ([`ending`]), a packet field by field ([`packet`]), the scopes a
//! step is inside ([`scopes`]); the architectures' words for one idea ([`terms`]); fault logs of real machines read and explained ([`logs`]).
//!
//! Sentences are changed here, in both languages; nothing here may decide what happened: it reads the trace.

pub mod check;
pub mod ending;
pub mod glossary;
pub mod logs;
pub mod marks;
pub mod packet;
pub mod scopes;
pub mod step;
pub mod terms;
#[cfg(test)]
mod tests;
pub mod who;

pub use step::{say, Said, Tone};
pub use who::Cast;
