//! What was read, in words of one language: sections of items, each with the line it is about. A terminal prints it
//! ([`Display`](core::fmt::Display)), the page takes it as JSON.

use crate::scenario::plain::acts;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

/// What is said of texts.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct Account {
    /// The first has no heading.
    pub sections: Vec<AccountSection>,
}

/// Items under one heading.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct AccountSection {
    /// What they are; empty above the first.
    pub heading: String,
    /// Whether they tell of something wrong: damage, a contradiction, a misuse.
    pub wrong: bool,
    /// The items.
    pub items: Vec<AccountItem>,
}

/// One thing that is said.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct AccountItem {
    /// A sentence.
    pub text: String,
    /// The line it is about, counted from 1; none where it is about the whole or about a table in binary.
    pub line: Option<u32>,
    /// Where that is, as a terminal says it: `machine.txt:12`; empty where there is none.
    pub place: String,
    /// What belongs to it, a line each.
    pub details: Vec<String>,
    /// A scenario that shows it.
    pub scenario: Option<String>,
}

impl AccountItem {
    /// Returns one about the whole.
    pub fn new(text: impl Into<String>) -> Self {
        AccountItem {
            text: text.into(),
            line: None,
            place: String::new(),
            details: Vec::new(),
            scenario: None,
        }
    }

    /// Returns it about a line.
    pub fn at(self, line: u64, place: impl Into<String>) -> Self {
        AccountItem { line: u32::try_from(line).ok().filter(|line| *line > 0), place: place.into(), ..self }
    }
}

impl AccountSection {
    /// Returns one with these items.
    pub fn new(heading: impl Into<String>, wrong: bool, items: Vec<AccountItem>) -> Self {
        AccountSection { heading: heading.into(), wrong, items }
    }
}

impl Account {
    /// Returns one of these sections, without the empty ones; what came from texts of others is made harmless in it.
    pub fn new(sections: Vec<AccountSection>) -> Self {
        let mut account = Account { sections };
        account.sections.retain(|section| !section.items.is_empty());
        let items = account.sections.iter_mut().flat_map(|section| &mut section.items);
        for text in items.flat_map(|i| [&mut i.text, &mut i.place].into_iter().chain(&mut i.details)) {
            text.retain(|c| !c.is_control() && !acts(c));
        }
        account
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A name in another language is none of it: no heading has one.
        let zh = self.sections.iter().any(|section| section.heading.chars().any(|c| c >= '\u{2e80}'));
        for section in &self.sections {
            let indent = if section.heading.is_empty() { "" } else { "  " };
            if !section.heading.is_empty() {
                writeln!(f, "\n{}", section.heading)?;
            }
            for item in &section.items {
                let place = match (item.place.as_str(), zh) {
                    ("", _) => String::new(),
                    (place, false) => alloc::format!(" ({place})"),
                    (place, true) => alloc::format!("（{place}）"),
                };
                writeln!(f, "{indent}{}{place}", item.text)?;
                for detail in &item.details {
                    writeln!(f, "{indent}  {detail}")?;
                }
            }
        }
        Ok(())
    }
}

/// Returns the declarations of these in TypeScript.
#[cfg(feature = "ts")]
pub fn typescript() -> String {
    use ts_rs::TS;
    let all = [Account::decl(), AccountSection::decl(), AccountItem::decl()];
    all.iter().map(|decl| alloc::format!("export {decl}\n")).collect()
}
