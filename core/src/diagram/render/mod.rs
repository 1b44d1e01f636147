//! From a [`Layout`](super::Layout) to text and SVG.

pub mod palette;
pub mod svg;
pub mod text;
pub mod wrapper;

pub use palette::{stylesheet, Theme};
pub use svg::{svg, SvgOptions};
pub use text::{text, Charset};
pub use wrapper::{wrapped, Wrapper};
