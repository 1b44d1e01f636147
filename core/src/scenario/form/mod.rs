//! One description of a statement's words, and four readers of it.
//!
//! Every statement describes itself once, in its `form` method, by telling a [`Form`] its words in order.
//! The same description is the parser, the printer, the reference's syntax line and the list of names that
//! the statement mentions, so they cannot disagree.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::addr::PageSize;
use crate::scenario::lexer::Token;
use crate::scenario::noun::{is_name_of_any_length, Noun};
use crate::scenario::number::Num;
use crate::scenario::place::Extent;
use crate::scenario::problem::Problem;
use crate::scenario::span::{Node, Span};

mod clauses;
mod reader;
mod values;

use reader::Reader;

pub(in crate::scenario) type Done = Result<(), Problem>;

/// A set of words, one of which is written.
pub trait Choice: Copy + PartialEq + Default + 'static {
    /// Every word and what it stands for.
    const WORDS: &'static [(&'static str, Self)];
    /// Returns the words that people write for it in vain, each with the one to suggest.
    fn other_words() -> impl Iterator<Item = (&'static str, &'static str)> {
        core::iter::empty()
    }
    /// The word that stands for `self`.
    fn word(self) -> &'static str {
        Self::WORDS.iter().find(|(_, v)| *v == self).map_or("", |(w, _)| w)
    }
}

/// A name that a statement mentions, and as what.
#[derive(Clone, Debug, PartialEq)]
pub struct Mention {
    /// The name.
    pub name: String,
    /// What follows its dot.
    pub part: Option<String>,
    /// As what: [`Noun::NewName`] gives the name, [`Noun::Address`] begins an address, others name a thing.
    pub role: Noun,
    /// Where.
    pub span: Span,
}

/// A name: letters, digits, `_` and `-`, a letter first.
pub type Name = Node<String>;

/// A keyword in the description of a statement.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::scenario) struct Keyword {
    /// The word.
    pub word: &'static str,
    /// What follows it in its clause.
    pub value: String,
}

/// What could stand where reading stopped.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::scenario) enum Wanted {
    /// This word.
    Word(&'static str),
    /// Such a thing.
    Noun(Noun),
}

/// What is done with an address that is written as a number, and with what says how far from it.
pub(in crate::scenario) type Literal<'t> = &'t mut dyn FnMut(&mut Num, Option<&mut Extent>);

/// Walks a statement's words.
pub(in crate::scenario) struct Form<'t> {
    mode: Mode<'t>,
    /// While visiting: what is done with each address that is written as a number.
    literal: Option<Literal<'t>>,
}

enum Mode<'t> {
    Read(Reader<'t>),
    Write(String),
    Describe(String, Vec<Keyword>),
    Visit(Vec<Mention>),
}

/// Is `text` a name?
pub(in crate::scenario) fn is_name(text: &str) -> bool {
    text.len() <= crate::scenario::MAX_NAME && is_name_of_any_length(text)
}

/// Is `text` a word of a specification?
pub(in crate::scenario) fn is_word(text: &str) -> bool {
    text.len() <= crate::scenario::MAX_NAME
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'))
}

/// Is `text` a code as VT-d writes those of interrupts, `22h`? It is the name of the fault, too.
pub(in crate::scenario) fn is_code_name(text: &str) -> bool {
    let digits = text.strip_suffix('h').unwrap_or("");
    text.len() <= 5 && !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_hexdigit())
}

/// Names that would read as something else.
pub(in crate::scenario) const RESERVED: [&str; 4] = ["none", "any", "pass-through", "blocked"];

impl<'t> Form<'t> {
    /// Reads `tokens`; `result` is the name before `=`.
    pub fn reader(tokens: &'t [Token<'t>], verb: Span, end: Span, result: Option<Name>) -> Self {
        Form {
            mode: Mode::Read(Reader {
                tokens,
                at: 0,
                verb,
                end,
                tried: Vec::new(),
                seen: Vec::new(),
                result,
                missing: Default::default(),
            }),
            literal: None,
        }
    }
    /// Writes the words after the verb `verb`.
    pub fn writer(verb: &str) -> Self {
        Form { mode: Mode::Write(verb.to_string()), literal: None }
    }
    /// Describes the words after the verb `verb`.
    pub fn describer(verb: &str) -> Self {
        Form { mode: Mode::Describe(verb.to_string(), Vec::new()), literal: None }
    }
    /// Collects names.
    pub fn visitor() -> Self {
        Form { mode: Mode::Visit(Vec::new()), literal: None }
    }
    /// Does `each` to the addresses that are written as numbers.
    pub fn literals(each: Literal<'t>) -> Self {
        Form { mode: Mode::Visit(Vec::new()), literal: Some(each) }
    }
    /// What was written.
    pub fn into_text(self) -> String {
        match self.mode {
            Mode::Write(text) => text,
            _ => String::new(),
        }
    }
    /// What was described: the syntax line, and the keywords in order.
    pub fn into_description(self) -> (String, Vec<Keyword>) {
        match self.mode {
            Mode::Describe(text, keywords) => (text, keywords),
            _ => Default::default(),
        }
    }
    /// The names found.
    pub fn into_mentions(self) -> Vec<Mention> {
        match self.mode {
            Mode::Visit(mentions) => mentions,
            _ => Vec::new(),
        }
    }
    /// For completion: whatever name is before `=` will do.
    pub fn assume_result(&mut self) {
        if let Mode::Read(r) = &mut self.mode {
            r.result = Some(Name::default());
        }
    }
    /// What could stand at the end of the line, after reading ended with `result`.
    pub fn into_wanted(self, result: &Done) -> Vec<Wanted> {
        let Mode::Read(r) = self.mode else { return Vec::new() };
        // Reading stopped before the end: at a word that does not fit.
        if r.peek().is_some() {
            return Vec::new();
        }
        let words = match result {
            Err(problem) if !problem.expected.is_empty() => problem.expected.clone(),
            _ => r.tried.iter().copied().filter(|w| r.seen.iter().all(|(s, _)| s != w)).collect(),
        };
        words.into_iter().map(Wanted::Word).chain(r.missing.get().map(Wanted::Noun)).collect()
    }
    /// Refuses what is left over.
    pub fn finish(&mut self) -> Done {
        let Mode::Read(r) = &mut self.mode else { return Ok(()) };
        if let Some(result) = &r.result {
            return Err(Problem::new(
                result.span,
                "this statement gives nothing that could take a name",
                "这条语句没有可以命名的结果",
            ));
        }
        if r.peek().is_some() {
            let (span, found) = r.found();
            return Err(Problem::expected_words(span, &r.tried, found));
        }
        Ok(())
    }

    fn put(&mut self, word: &str) {
        if let Mode::Write(out) | Mode::Describe(out, _) = &mut self.mode {
            out.push(' ');
            out.push_str(word);
        }
    }
    /// Writes `value`, or describes `slot`.
    fn put_value(&mut self, value: &dyn ToString, slot: &str) {
        match &mut self.mode {
            Mode::Write(out) => {
                out.push(' ');
                out.push_str(&value.to_string());
            }
            Mode::Describe(out, _) => {
                out.push(' ');
                out.push_str(slot);
            }
            _ => {}
        }
    }
}

/// A page size that tables can map: 4 KiB, 2 MiB, 1 GiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page(pub PageSize);

impl Page {
    const ALL: [(&'static str, Page); 3] =
        [("4K", Page(PageSize::SIZE_4K)), ("2M", Page(PageSize::SIZE_2M)), ("1G", Page(PageSize::SIZE_1G))];
}

impl Default for Page {
    fn default() -> Self {
        Page(PageSize::SIZE_4K)
    }
}

impl core::fmt::Display for Page {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(Self::ALL.iter().find(|(_, p)| p == self).map_or("4K", |(w, _)| w))
    }
}
