//! What a statement says with one or a few words: names, numbers, addresses, choices.

use super::*;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::addr::{Pasid, RequesterId};
use crate::scenario::lexer::{quote, Kind, Token};
use crate::scenario::noun::Noun;
use crate::scenario::number::Num;
use crate::scenario::place::{Extent, Loc, Range};
use crate::scenario::problem::Problem;
use crate::scenario::span::{Node, Span};

impl<'t> Form<'t> {
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

    /// An address.
    pub fn loc<A>(&mut self, loc: &mut Loc<A>) -> Done {
        if let (Some(each), None) = (&mut self.literal, &loc.base) {
            each(&mut loc.offset, None);
        }
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
        if let (Some(each), None) = (&mut self.literal, &range.start.base) {
            each(&mut range.start.offset, Some(&mut range.extent));
            return Ok(());
        }
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

    /// `+LENGTH`, if it is here.
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
                return Err(Problem::expected_words(span, &words, found).suggest_for(found, C::other_words()));
            };
            *choice = Node { value: *value, span };
            r.at += 1;
            r.tried.clear();
        }
        self.put_value(&choice.value.word(), &slot_of::<C>());
        C::WORDS.iter().for_each(|(word, _)| self.keyword(word));
        Ok(())
    }

    /// One of a choice's words, if one is here.
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
            let code_name = noun == Noun::Fault && is_code_name(token.raw);
            let read = if token.raw.starts_with(|c: char| c.is_ascii_digit()) && !code_name {
                Ok(Num::parse(token.raw, token.span, noun)?)
            } else if code_name || is_word(token.raw) {
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
    pub(super) fn parsed<T: ToString + Copy>(
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
