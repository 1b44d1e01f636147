//! The scenario language: lines that a person can read in a link, a diff or a forum post.
//!
//! [`parse`] reads a text into a [`Scenario`], [`print()`] writes its canonical text, and
//! `parse(print(x)) == x`. Comments and order are kept. Every statement describes its words once (its
//! `form`); parser, printer, [reference](mod@reference) and [name lookup](mentions()) all follow that description.
//! The reference is `docs/scenario-language.md`.
//!
//! Limits, refused with a message: [`MAX_TEXT`] bytes, [`MAX_LINES`] lines, [`MAX_STEPS`] steps,
//! [`MAX_NAME`] characters of a name.
//!
//! The language is changed here and only here; a statement's meaning is [`crate::machine`]'s, and nothing may be run.

pub mod absent;
pub mod ast;
mod change;
pub mod edit;
pub mod editor;
mod faults;
mod form;
mod lexer;
mod moved;
mod names;
pub mod noun;
mod number;
mod onto;
pub mod outline;
mod parse;
mod place;
pub mod plain;
pub mod presets;
mod print;
pub mod problem;
pub mod reference;
pub mod span;
mod words;

#[cfg(test)]
mod tests;

pub use ast::{Scenario, Statement};
pub use change::change;
pub use form::Mention;
pub use names::{mentions, symbols, NameKind, Symbol};
pub use number::Num;
pub use onto::{onto, onto_word};
pub(crate) use onto::{with_mode, UNREADABLE};
pub use outline::Outline;
pub use parse::{parse, parse_all};
pub use print::{print, print_statement};
pub use problem::{machine_meant, nearest, Bilingual, Problem, Problems};
pub use span::{Node, Span};

/// The word that begins every scenario.
pub const MAGIC: &str = "iommu-playground";
/// The first version of the language.
pub const VERSION: u32 = 1;
/// The newest version: a device's masks are 32 bits until its driver says otherwise, `dma_set_mask` is the streaming mask
/// alone, SVA is granted where Linux grants it, and a device with page requests sends one by itself.
pub const NEWEST: u32 = 2;
/// The longest text, in bytes.
pub const MAX_TEXT: usize = 256 << 10;
/// The most lines.
pub const MAX_LINES: usize = 32 << 10;
/// The most operations and expectations.
pub const MAX_STEPS: usize = 20_000;
/// The longest name, in characters.
pub const MAX_NAME: usize = 40;
/// After this many problems the rest of the text is not read.
pub const MAX_PROBLEMS: usize = 100;
