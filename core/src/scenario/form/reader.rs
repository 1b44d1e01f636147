//! Where reading a line is, and what could have been there.

use super::*;
use alloc::string::ToString;
use alloc::vec::Vec;

use crate::scenario::lexer::{Kind, Token};
use crate::scenario::noun::Noun;
use crate::scenario::number::Num;
use crate::scenario::place::{Extent, Loc, Path};
use crate::scenario::problem::Problem;
use crate::scenario::span::Span;

/// Where reading is.
pub(super) struct Reader<'t> {
    pub(super) tokens: &'t [Token<'t>],
    pub(super) at: usize,
    /// The verb, and the place after the last token.
    pub(super) verb: Span,
    pub(super) end: Span,
    /// The keywords that could have stood at `at`.
    pub(super) tried: Vec<&'static str>,
    /// Clauses read so far, to refuse a second one.
    pub(super) seen: Vec<(&'static str, Span)>,
    /// The name before `=`, until the statement takes it.
    pub(super) result: Option<Name>,
    /// At the end of the line: the kind of thing that was missing.
    pub(super) missing: core::cell::Cell<Option<Noun>>,
}

impl<'t> Reader<'t> {
    pub(super) fn peek(&self) -> Option<&'t Token<'t>> {
        self.tokens.get(self.at)
    }
    pub(super) fn found(&self) -> (Span, &'t str) {
        self.peek().map_or((self.end, ""), |t| (t.span, t.raw))
    }
    pub(super) fn expected(&self, noun: Noun) -> Problem {
        let (span, found) = self.found();
        if found.is_empty() {
            self.missing.set(Some(noun));
        }
        Problem::expected_noun(span, noun, found)
    }
    pub(super) fn is(&self, word: &str) -> bool {
        self.peek().is_some_and(|t| t.raw == word)
    }
    pub(super) fn take_word(&mut self, noun: Noun) -> Result<&'t Token<'t>, Problem> {
        match self.peek() {
            Some(token) if token.kind == Kind::Word => {
                self.at += 1;
                Ok(token)
            }
            _ => Err(self.expected(noun)),
        }
    }
    /// Takes `word` if it comes next; remembers that it could have.
    pub(super) fn take_if(&mut self, word: &'static str) -> Option<Span> {
        if self.is(word) {
            let span = self.found().0;
            self.at += 1;
            return Some(span);
        }
        self.tried.push(word);
        None
    }
    /// Takes `word` as the key of a clause, which may stand only once.
    pub(super) fn take_key(&mut self, word: &'static str) -> Result<Option<Span>, Problem> {
        let Some(span) = self.take_if(word) else { return Ok(None) };
        if let Some((_, first)) = self.seen.iter().find(|(w, _)| *w == word) {
            return Err(Problem::new(
                span,
                alloc::format!("`{word}` is given twice"),
                alloc::format!("`{word}` 写了两次"),
            )
            .related(*first, "the first is here", "第一次在这里"));
        }
        self.seen.push((word, span));
        Ok(Some(span))
    }
    pub(super) fn location<A>(&mut self) -> Result<Loc<A>, Problem> {
        let token = self.take_word(Noun::Address)?;
        let (start, offset) = match token.raw.split_once('+') {
            Some((start, offset)) => (start, Some(offset)),
            None => (token.raw, None),
        };
        let width = start.chars().count() as u32;
        let span = Span { len: width, ..token.span };
        if start.starts_with(|c: char| c.is_ascii_digit()) {
            if let Some(length) = offset {
                let at = Span::new(span.line, span.column + width, token.span.len - width);
                return Err(Problem::new(
                    at,
                    alloc::format!("a length is a word of its own: write a space before `+{length}`"),
                    alloc::format!("长度要单独成词：请在 `+{length}` 前加空格"),
                ));
            }
            return Ok(Loc::literal(Num::parse(start, span, Noun::Address)?));
        }
        let (name, part) = match start.split_once('.') {
            Some((name, part)) => (name, Some(part)),
            None => (start, None),
        };
        let part_ok = part.is_none_or(|p| {
            !p.is_empty() && p.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
        });
        if !is_name(name) || !part_ok {
            return Err(Problem::expected_noun(token.span, Noun::Address, token.raw));
        }
        let path = Path { name: name.to_string(), part: part.map(ToString::to_string), span };
        let offset = match offset {
            Some(raw) => {
                let at = Span::new(span.line, span.column + width + 1, token.span.len - width - 1);
                let offset = Num::parse(raw, at, Noun::Number)?;
                if offset.value == 0 {
                    Num::default()
                } else {
                    offset
                }
            }
            None => Num::default(),
        };
        let mut loc = Loc::named(path, offset);
        loc.span = token.span;
        Ok(loc)
    }
    pub(super) fn extent(&mut self) -> Result<Extent, Problem> {
        if self.take_if("..").is_some() {
            let token = self.take_word(Noun::Address)?;
            return Ok(Extent::End(Num::parse(token.raw, token.span, Noun::Address)?));
        }
        self.length().map(Extent::Length)
    }
    pub(super) fn length(&mut self) -> Result<Num, Problem> {
        let (span, found) = self.found();
        let Some(digits) = found.strip_prefix('+') else { return Err(self.expected(Noun::Length)) };
        let mut len = Num::parse(digits, Span { len: span.len, ..span }, Noun::Size).map_err(|p| {
            if digits.is_empty() {
                self.expected(Noun::Length)
            } else {
                p
            }
        })?;
        len.span = span;
        if len.value == 0 {
            return Err(Problem::new(span, "a length of 0 holds nothing", "长度为 0，什么也不包含"));
        }
        self.at += 1;
        Ok(len)
    }
}
