//! From a [`Layout`](super::Layout) to text and SVG.

pub mod text;
pub mod wrapper;

pub use text::{text, Charset};
pub use wrapper::{wrapped, Wrapper};
