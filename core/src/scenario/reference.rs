//! The statements of the language as a table: for completion, and for checking the written reference.

use alloc::string::String;
use alloc::vec::Vec;

use super::form::Form;
use super::parse::verbs;

/// One statement of the language.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The word or words it begins with.
    pub verb: &'static str,
    /// Its words: `device NAME BDF [behind PORT] [mask BITS] ...`.
    pub syntax: String,
}

/// Every statement, in the order of the reference.
pub fn reference() -> Vec<Entry> {
    verbs()
        .map(|(verb, make)| {
            let mut form = Form::describer(verb);
            let _ = make().form(&mut form);
            Entry { verb, syntax: form.into_text() }
        })
        .collect()
}
