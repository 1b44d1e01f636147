//! What may be there or not: flags, keywords with what follows them, lists.

use super::*;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::scenario::lexer::Kind;
use crate::scenario::noun::Noun;
use crate::scenario::number::Num;
use crate::scenario::place::Loc;

impl<'t> Form<'t> {
    /// Notes a keyword of the description.
    pub fn keyword(&mut self, word: &'static str) {
        if let Mode::Describe(_, keywords) = &mut self.mode {
            keywords.push(Keyword { word, value: String::new() });
        }
    }

    /// Describes `word` and the value that `form` describes, which follows it.
    pub(super) fn describe_clause(
        &mut self,
        word: &'static str,
        form: impl FnOnce(&mut Self) -> Done,
    ) -> Done {
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

    /// What was read must be right: `wrong` says what is not.
    pub fn refuse(&mut self, wrong: impl FnOnce() -> Option<Problem>) -> Done {
        match self.mode {
            Mode::Read(_) => wrong().map_or(Ok(()), Err),
            _ => Ok(()),
        }
    }

    /// A word that may stand here.
    pub fn flag(&mut self, word: &'static str, flag: &mut bool) -> Done {
        let mut node = Node::new(*flag);
        self.flag_at(word, &mut node)?;
        *flag = node.value;
        Ok(())
    }

    /// The same, where a problem may point at it.
    pub fn flag_at(&mut self, word: &'static str, flag: &mut Node<bool>) -> Done {
        match &mut self.mode {
            Mode::Read(r) => {
                if let Some(span) = r.take_key(word)? {
                    *flag = Node { value: true, span };
                }
            }
            Mode::Write(out) => {
                if flag.value {
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

    /// A clause: `key` and what `form` describes, if `key` is here.
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
        // Bounded: each turn takes a word of the line.
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

    /// One address or more, up to one of `ends`.
    pub fn locs_until<A>(
        &mut self,
        locs: &mut Vec<Loc<A>>,
        ends: impl Iterator<Item = &'static str> + Clone,
    ) -> Done {
        match &mut self.mode {
            // Bounded: each turn takes a word of the line.
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
}
