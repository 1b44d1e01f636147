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
