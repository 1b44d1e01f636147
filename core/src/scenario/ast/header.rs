//! Texts about the scenario.

use alloc::string::String;

use crate::scenario::form::{Done, Form};
use crate::scenario::noun::Noun;
use crate::scenario::span::Node;

/// A text in quotes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Text {
    /// The text.
    pub text: Node<String>,
}

impl Text {
    pub(super) fn form(&mut self, f: &mut Form<'_>) -> Done {
        f.text(Noun::Text, &mut self.text)
    }
}

/// `change "iommu strict" -> "iommu lazy"`: one line, in its canonical text, becomes another; an empty text
/// takes the line out.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Change {
    /// The line as it is.
    pub from: Node<String>,
    /// What is there instead.
    pub to: Node<String>,
}

impl Change {
    pub(super) fn form(&mut self, f: &mut Form<'_>) -> Done {
        f.text(Noun::Text, &mut self.from)?;
        f.word("->")?;
        f.text(Noun::Text, &mut self.to)
    }
}
