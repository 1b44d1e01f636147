//! One description of a statement's words, and four readers of it.
//!
//! Every statement describes itself once, in its `form` method, by telling a [`Form`] its words in order.
//! The same description is the parser, the printer, the reference's syntax line and the list of names that
//! the statement mentions, so they cannot disagree.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::lexer::{quote, Kind, Token};
use super::noun::Noun;
use super::number::Num;
use super::place::{Extent, Loc, Path, Range};
use super::problem::Problem;
use super::span::{Node, Span};
use crate::addr::{PageSize, Pasid, RequesterId};

pub(super) type Done = Result<(), Problem>;

/// A set of words, one of which is written.
pub trait Choice: Copy + PartialEq + Default + 'static {
    /// Every word and what it stands for.
    const WORDS: &'static [(&'static str, Self)];
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
pub(super) struct Keyword {
    /// The word.
    pub word: &'static str,
    /// What follows it in its clause.
    pub value: String,
}

/// What could stand where reading stopped.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Wanted {
    /// This word.
    Word(&'static str),
    /// Such a thing.
    Noun(Noun),
}

/// Walks a statement's words.
pub(super) struct Form<'t> {
    mode: Mode<'t>,
}

enum Mode<'t> {
    Read(Reader<'t>),
    Write(String),
    Describe(String, Vec<Keyword>),
    Visit(Vec<Mention>),
}

struct Reader<'t> {
    tokens: &'t [Token<'t>],
    at: usize,
    /// The verb, and the place after the last token.
    verb: Span,
    end: Span,
    /// The keywords that could have stood at `at`.
    tried: Vec<&'static str>,
    /// Clauses read so far, to refuse a second one.
    seen: Vec<(&'static str, Span)>,
    /// The name before `=`, until the statement takes it.
    result: Option<Name>,
    /// At the end of the line: the kind of thing that was missing.
    missing: core::cell::Cell<Option<Noun>>,
}

impl<'t> Reader<'t> {
    fn peek(&self) -> Option<&'t Token<'t>> {
        self.tokens.get(self.at)
    }
    fn found(&self) -> (Span, &'t str) {
        self.peek().map_or((self.end, ""), |t| (t.span, t.raw))
    }
    fn expected(&self, noun: Noun) -> Problem {
        let (span, found) = self.found();
        if found.is_empty() {
            self.missing.set(Some(noun));
        }
        Problem::expected_noun(span, noun, found)
    }
    fn is(&self, word: &str) -> bool {
        self.peek().is_some_and(|t| t.raw == word)
    }
    fn take_word(&mut self, noun: Noun) -> Result<&'t Token<'t>, Problem> {
        match self.peek() {
            Some(token) if token.kind == Kind::Word => {
                self.at += 1;
                Ok(token)
            }
            _ => Err(self.expected(noun)),
        }
    }
    /// Takes `word` if it comes next; remembers that it could have.
    fn take_if(&mut self, word: &'static str) -> Option<Span> {
        if self.is(word) {
            let span = self.found().0;
            self.at += 1;
            return Some(span);
        }
        self.tried.push(word);
        None
    }
    /// Takes `word` as the key of a clause, which may stand only once.
    fn take_key(&mut self, word: &'static str) -> Result<Option<Span>, Problem> {
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
    fn location<A>(&mut self) -> Result<Loc<A>, Problem> {
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
    fn extent(&mut self) -> Result<Extent, Problem> {
        if self.take_if("..").is_some() {
            let token = self.take_word(Noun::Address)?;
            return Ok(Extent::End(Num::parse(token.raw, token.span, Noun::Address)?));
        }
        self.length().map(Extent::Length)
    }
    fn length(&mut self) -> Result<Num, Problem> {
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

/// Is `text` a name?
pub(super) fn is_name(text: &str) -> bool {
    text.len() <= super::MAX_NAME
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

/// Names that would read as something else.
pub(super) const RESERVED: [&str; 4] = ["none", "any", "pass-through", "blocked"];

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
        }
    }
    /// Writes the words after the verb `verb`.
    pub fn writer(verb: &str) -> Self {
        Form { mode: Mode::Write(verb.to_string()) }
    }
    /// Describes the words after the verb `verb`.
    pub fn describer(verb: &str) -> Self {
        Form { mode: Mode::Describe(verb.to_string(), Vec::new()) }
    }
    /// Collects names.
    pub fn visitor() -> Self {
        Form { mode: Mode::Visit(Vec::new()) }
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

    /// Notes a keyword of the description.
    pub fn keyword(&mut self, word: &'static str) {
        if let Mode::Describe(_, keywords) = &mut self.mode {
            keywords.push(Keyword { word, value: String::new() });
        }
    }
    /// Describes `word` and the value that `form` describes, which follows it.
    fn describe_clause(&mut self, word: &'static str, form: impl FnOnce(&mut Self) -> Done) -> Done {
        let Mode::Describe(out, keywords) = &mut self.mode else { return Ok(()) };
        out.push_str(word);
        let (start, nth) = (out.len(), keywords.len());
        keywords.push(Keyword { word, value: String::new() });
        form(self)?;
        if let Mode::Describe(out, keywords) = &mut self.mode {
            if let (Some(value), Some(keyword)) = (out.get(start..), keywords.get_mut(nth)) {
                keyword.value = value.trim().to_string();
            }
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

    /// The name before `=`.
    pub fn result(&mut self, name: &mut Name) -> Done {
        match &mut self.mode {
            Mode::Read(r) => match r.result.take() {
                Some(given) => *name = given,
                None => {
                    return Err(Problem::new(
                        r.verb,
                        "this call gives an address: name it, as in `rx = ...`",
                        "这个调用返回一个地址：请给它取名，如 `rx = ...`",
                    ))
                }
            },
            Mode::Write(out) => *out = alloc::format!("{} = {out}", name.value),
            Mode::Describe(out, _) => *out = alloc::format!("NAME = {out}"),
            Mode::Visit(list) => list.push(Mention {
                name: name.value.clone(),
                part: None,
                role: Noun::NewName,
                span: name.span,
            }),
        }
        Ok(())
    }

    /// A word or symbol that must stand here.
    pub fn word(&mut self, word: &'static str) -> Done {
        if let Mode::Read(r) = &mut self.mode {
            if !r.is(word) {
                let (span, found) = r.found();
                let mut words = core::mem::take(&mut r.tried);
                words.push(word);
                return Err(Problem::expected_words(span, &words, found));
            }
            r.at += 1;
            r.tried.clear();
        }
        self.put(word);
        if word.starts_with(|c: char| c.is_alphabetic()) || word == "->" {
            self.keyword(word);
        }
        Ok(())
    }

    /// A name, as `role`.
    pub fn name(&mut self, role: Noun, name: &mut Name) -> Done {
        match &mut self.mode {
            Mode::Read(r) => {
                let token = r.take_word(role)?;
                let plain = is_name(token.raw);
                let reserved = role == Noun::NewName && RESERVED.contains(&token.raw);
                let bdf = role == Noun::DeviceOrBdf && RequesterId::parse(token.raw).is_some();
                if reserved {
                    return Err(Problem::new(
                        token.span,
                        alloc::format!("`{}` is a word of the language and cannot be a name", token.raw),
                        alloc::format!("`{}` 是语言的关键字，不能用作名称", token.raw),
                    ));
                }
                if !plain && !bdf {
                    return Err(Problem::expected_noun(token.span, role, token.raw));
                }
                *name = Node { value: token.raw.to_string(), span: token.span };
                r.tried.clear();
            }
            Mode::Visit(list) => {
                list.push(Mention { name: name.value.clone(), part: None, role, span: name.span })
            }
            _ => self.put_value(&name.value.clone(), role.slot()),
        }
        Ok(())
    }

    /// A number, as `noun`.
    pub fn num(&mut self, noun: Noun, num: &mut Num) -> Done {
        if let Mode::Read(r) = &mut self.mode {
            let token = r.take_word(noun)?;
            *num = Num::parse(token.raw, token.span, noun)?;
            r.tried.clear();
        }
        self.put_value(num, noun.slot());
        Ok(())
    }

    /// A text in quotes, as `noun`.
    pub fn text(&mut self, noun: Noun, text: &mut Node<String>) -> Done {
        if let Mode::Read(r) = &mut self.mode {
            match r.peek() {
                Some(Token { kind: Kind::Text(value), span, .. }) => {
                    *text = Node { value: value.clone(), span: *span };
                    r.at += 1;
                    r.tried.clear();
                }
                _ => return Err(r.expected(noun)),
            }
        }
        self.put_value(&quote(&text.value), noun.slot());
        Ok(())
    }

    /// Is a text in quotes next, or being written (`there`)? Described as an alternative.
    pub fn starts_text(&mut self, there: bool) -> bool {
        match &self.mode {
            Mode::Read(r) => r.peek().is_some_and(|t| matches!(t.kind, Kind::Text(_))),
            _ => there,
        }
    }

    /// Appends to the syntax line only.
    pub fn describe(&mut self, text: &str) -> bool {
        if let Mode::Describe(out, _) = &mut self.mode {
            out.push(' ');
            out.push_str(text);
            return true;
        }
        false
    }

    /// An address.
    pub fn loc<A>(&mut self, loc: &mut Loc<A>) -> Done {
        match &mut self.mode {
            Mode::Read(r) => {
                *loc = r.location()?;
                r.tried.clear();
            }
            Mode::Visit(list) => {
                if let Some(base) = &loc.base {
                    list.push(Mention {
                        name: base.name.clone(),
                        part: base.part.clone(),
                        role: Noun::Address,
                        span: base.span,
                    });
                }
            }
            Mode::Write(out) => {
                out.push(' ');
                out.push_str(&loc.to_string());
            }
            Mode::Describe(out, _) => out.push_str(" ADDRESS"),
        }
        Ok(())
    }

    /// An address and how far from it: `0x1000 +4K` or `0x1000 .. 0x2000`.
    pub fn range<A>(&mut self, range: &mut Range<A>) -> Done {
        self.loc(&mut range.start)?;
        match &mut self.mode {
            Mode::Read(r) => {
                range.extent = r.extent()?;
                r.tried.clear();
                let last = r.tokens[r.at - 1].span;
                range.span = range.start.span.to(last);
                if range.start.base.is_none() {
                    let start = range.start.offset.value;
                    match range.len_at(start) {
                        None => {
                            return Err(Problem::new(
                                range.span,
                                "the range ends before it begins",
                                "范围的结束地址不在起始地址之后",
                            ))
                        }
                        Some(len) if start.checked_add(len - 1).is_none() => {
                            return Err(Problem::new(
                                range.span,
                                "the range runs past the end of 64 bits",
                                "范围超出 64 位地址空间",
                            ))
                        }
                        Some(_) => {}
                    }
                }
            }
            Mode::Write(out) => match &range.extent {
                Extent::Length(len) => *out = alloc::format!("{out} +{len}"),
                Extent::End(end) => *out = alloc::format!("{out} .. {end}"),
            },
            Mode::Describe(out, _) => out.push_str(" +LENGTH"),
            Mode::Visit(_) => {}
        }
        Ok(())
    }

    /// `+LENGTH`, if it stands here.
    pub fn opt_length(&mut self, len: &mut Option<Num>) -> Done {
        match &mut self.mode {
            Mode::Read(r) => {
                if r.peek().is_some_and(|t| t.kind == Kind::Word && t.raw.starts_with('+')) {
                    if let Some(first) = len {
                        let (span, _) = r.found();
                        return Err(Problem::new(span, "the length is given twice", "长度写了两次").related(
                            first.span,
                            "the first is here",
                            "第一次在这里",
                        ));
                    }
                    *len = Some(r.length()?);
                }
            }
            Mode::Write(out) => {
                if let Some(len) = len {
                    *out = alloc::format!("{out} +{len}");
                }
            }
            Mode::Describe(out, _) => out.push_str(" [+LENGTH]"),
            Mode::Visit(_) => {}
        }
        Ok(())
    }

    /// One of a choice's words, which must stand here.
    pub fn choice<C: Choice>(&mut self, choice: &mut Node<C>) -> Done {
        if let Mode::Read(r) = &mut self.mode {
            let (span, found) = r.found();
            let Some((_, value)) = C::WORDS.iter().find(|(w, _)| *w == found) else {
                let mut words = core::mem::take(&mut r.tried);
                words.extend(C::WORDS.iter().map(|(w, _)| *w));
                return Err(Problem::expected_words(span, &words, found));
            };
            *choice = Node { value: *value, span };
            r.at += 1;
            r.tried.clear();
        }
        self.put_value(&choice.value.word(), &slot_of::<C>());
        C::WORDS.iter().for_each(|(word, _)| self.keyword(word));
        Ok(())
    }

    /// One of a choice's words, if one stands here.
    pub fn opt_choice<C: Choice>(&mut self, choice: &mut Option<Node<C>>) -> Done {
        match &mut self.mode {
            Mode::Read(r) => {
                let (span, found) = r.found();
                match C::WORDS.iter().find(|(w, _)| *w == found) {
                    None => r.tried.extend(C::WORDS.iter().map(|(w, _)| *w)),
                    Some((word, value)) => {
                        if let Some(first) = choice {
                            return Err(Problem::new(
                                span,
                                alloc::format!(
                                    "`{word}` comes after `{}`: only one of them fits",
                                    first.value.word()
                                ),
                                alloc::format!(
                                    "前面已写 `{}`，这里又写 `{word}`：只能选一个",
                                    first.value.word()
                                ),
                            )
                            .related(
                                first.span,
                                "the first is here",
                                "第一次在这里",
                            ));
                        }
                        *choice = Some(Node { value: *value, span });
                        r.at += 1;
                    }
                }
            }
            Mode::Write(out) => {
                if let Some(choice) = choice {
                    out.push(' ');
                    out.push_str(choice.value.word());
                }
            }
            Mode::Describe(out, _) => {
                *out = alloc::format!("{out} [{}]", slot_of::<C>());
                C::WORDS.iter().for_each(|(word, _)| self.keyword(word));
            }
            Mode::Visit(_) => {}
        }
        Ok(())
    }

    /// A word that may stand here.
    pub fn flag(&mut self, word: &'static str, flag: &mut bool) -> Done {
        match &mut self.mode {
            Mode::Read(r) => {
                if r.take_key(word)?.is_some() {
                    *flag = true;
                }
            }
            Mode::Write(out) => {
                if *flag {
                    *out = alloc::format!("{out} {word}");
                }
            }
            Mode::Describe(out, _) => {
                *out = alloc::format!("{out} [{word}]");
                self.keyword(word);
            }
            Mode::Visit(_) => {}
        }
        Ok(())
    }

    /// A clause: `key` and what `form` describes, if `key` stands here.
    pub fn clause<T: Default>(
        &mut self,
        key: &'static str,
        value: &mut Option<T>,
        form: impl FnOnce(&mut Self, &mut T) -> Done,
    ) -> Done {
        match &mut self.mode {
            Mode::Read(r) => {
                if r.take_key(key)?.is_some() {
                    r.tried.clear();
                    let mut read = T::default();
                    form(self, &mut read)?;
                    *value = Some(read);
                }
            }
            Mode::Write(_) => {
                if let Some(value) = value {
                    self.put(key);
                    form(self, value)?;
                }
            }
            Mode::Describe(out, _) => {
                out.push_str(" [");
                self.describe_clause(key, |f| form(f, &mut T::default()))?;
                if let Mode::Describe(out, _) = &mut self.mode {
                    out.push(']');
                }
            }
            Mode::Visit(_) => {
                if let Some(value) = value {
                    form(self, value)?;
                }
            }
        }
        Ok(())
    }

    /// The clauses at the end of a line, in any order.
    pub fn clauses(&mut self, mut each: impl FnMut(&mut Self) -> Done) -> Done {
        loop {
            let before = match &mut self.mode {
                Mode::Read(r) => {
                    r.tried.clear();
                    r.at
                }
                _ => return each(self),
            };
            each(self)?;
            match &self.mode {
                Mode::Read(r) if r.at != before && r.peek().is_some() => {}
                _ => return Ok(()),
            }
        }
    }

    /// Either `none_word` alone (`None`), or `key` and what `form` describes.
    pub fn either<T: Default>(
        &mut self,
        none_word: &'static str,
        key: &'static str,
        value: &mut Option<T>,
        form: impl FnOnce(&mut Self, &mut T) -> Done,
    ) -> Done {
        match &mut self.mode {
            Mode::Read(r) => {
                if r.take_if(none_word).is_some() {
                    r.tried.clear();
                    *value = None;
                    return Ok(());
                }
                self.word(key)?;
                let mut read = T::default();
                form(self, &mut read)?;
                *value = Some(read);
            }
            Mode::Describe(out, _) => {
                *out = alloc::format!("{out} {none_word} | ");
                self.keyword(none_word);
                self.describe_clause(key, |f| form(f, &mut T::default()))?;
            }
            Mode::Write(_) | Mode::Visit(_) => match value {
                None => self.put(none_word),
                Some(value) => {
                    self.put(key);
                    form(self, value)?;
                }
            },
        }
        Ok(())
    }

    /// Does a number come next, or is one being written (`there`)?
    pub fn starts_number(&mut self, there: bool) -> bool {
        match &self.mode {
            Mode::Read(r) => r.peek().is_some_and(|t| t.raw.starts_with(|c: char| c.is_ascii_digit())),
            _ => there,
        }
    }

    /// Does one of `words` come next, or is one being written (`there`)?
    pub fn starts_with_word(&mut self, words: &[&'static str], there: bool) -> bool {
        match &mut self.mode {
            Mode::Read(r) => words.iter().any(|w| r.is(w)),
            _ => there,
        }
    }

    /// A number, if one comes next.
    pub fn opt_number_here(&mut self, noun: Noun, num: &mut Option<Num>) -> Done {
        if self.starts_number(num.is_some()) {
            let mut read = num.unwrap_or_default();
            self.num(noun, &mut read)?;
            *num = Some(read);
        }
        Ok(())
    }

    /// A number or a word of a specification (letters, digits, `_`, `-`, `.`), held in a `T`.
    pub fn number_or_word<T>(
        &mut self,
        noun: Noun,
        value: &mut T,
        split: impl FnOnce(&T) -> Result<Num, Name>,
        join: impl FnOnce(Result<Num, Name>) -> T,
    ) -> Done {
        if let Mode::Read(r) = &mut self.mode {
            let token = r.take_word(noun)?;
            let word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
            let read = if token.raw.starts_with(|c: char| c.is_ascii_digit()) {
                Ok(Num::parse(token.raw, token.span, noun)?)
            } else if token.raw.starts_with(|c: char| c.is_ascii_alphabetic())
                && token.raw.chars().all(word)
                && token.raw.len() <= super::MAX_NAME
            {
                Err(Node { value: token.raw.to_string(), span: token.span })
            } else {
                return Err(Problem::expected_noun(token.span, noun, token.raw));
            };
            r.tried.clear();
            *value = join(read);
            return Ok(());
        }
        match split(value) {
            Ok(num) => self.put_value(&num, noun.slot()),
            Err(name) => self.put_value(&name.value, noun.slot()),
        }
        Ok(())
    }

    /// One address or more, up to one of `ends`.
    pub fn locs_until<A>(
        &mut self,
        locs: &mut Vec<Loc<A>>,
        ends: impl Iterator<Item = &'static str> + Clone,
    ) -> Done {
        match &mut self.mode {
            Mode::Read(_) => loop {
                let mut loc = Loc::default();
                self.loc(&mut loc)?;
                locs.push(loc);
                let Mode::Read(r) = &self.mode else { return Ok(()) };
                if r.peek().is_none() || ends.clone().any(|end| r.is(end)) {
                    return Ok(());
                }
            },
            Mode::Describe(out, _) => out.push_str(" ADDRESS..."),
            _ => locs.iter_mut().try_for_each(|loc| self.loc(loc))?,
        }
        Ok(())
    }

    /// A clause with a number.
    pub fn opt_num(&mut self, key: &'static str, noun: Noun, num: &mut Option<Num>) -> Done {
        self.clause(key, num, |f, n| f.num(noun, n))
    }
    /// A clause with a name.
    pub fn opt_name(&mut self, key: &'static str, role: Noun, name: &mut Option<Name>) -> Done {
        self.clause(key, name, |f, n| f.name(role, n))
    }

    /// A bus:device.function.
    pub fn bdf(&mut self, id: &mut Node<RequesterId>) -> Done {
        self.parsed(Noun::Bdf, id, RequesterId::parse)
    }
    /// A PASID.
    pub fn pasid(&mut self, pasid: &mut Node<Pasid>) -> Done {
        self.parsed(Noun::Pasid, pasid, |raw| {
            let num = Num::parse(raw, Span::default(), Noun::Pasid).ok()?;
            Pasid::new(num.value as u32)
        })
    }
    /// A page size.
    pub fn page(&mut self, size: &mut Node<Page>) -> Done {
        self.parsed(Noun::Page, size, |raw| {
            Page::ALL.into_iter().find(|(word, _)| *word == raw).map(|(_, page)| page)
        })
    }
    /// One word that `parse` reads and `Display` writes.
    fn parsed<T: ToString + Copy>(
        &mut self,
        noun: Noun,
        node: &mut Node<T>,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Done {
        if let Mode::Read(r) = &mut self.mode {
            let token = r.take_word(noun)?;
            let value =
                parse(token.raw).ok_or_else(|| Problem::expected_noun(token.span, noun, token.raw))?;
            *node = Node { value, span: token.span };
            r.tried.clear();
        }
        self.put_value(&node.value, noun.slot());
        Ok(())
    }
}

/// The words of a choice as the syntax line shows them: `read|write`.
fn slot_of<C: Choice>() -> String {
    let words: Vec<&str> = C::WORDS.iter().map(|(w, _)| *w).collect();
    words.join("|")
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
