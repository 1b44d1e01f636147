//! What is wrong with a scenario, where, and what would be right: in English and Chinese.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use super::noun::Noun;
use super::span::Span;
use crate::iommu::Architecture;
use crate::spec::Phrase;

/// One message in both languages.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Bilingual {
    /// English.
    pub en: String,
    /// 中文.
    pub zh: String,
}

impl Bilingual {
    /// Both texts.
    pub fn new(en: impl Into<String>, zh: impl Into<String>) -> Self {
        Bilingual { en: en.into(), zh: zh.into() }
    }
}

/// One thing wrong with a scenario: where, what, and what would be right.
///
/// [`fmt::Display`] gives the English message with its place, as compilers do: `3:8: expected ...`.
#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    /// The characters that are wrong.
    pub span: Span,
    /// What is wrong.
    pub message: Bilingual,
    /// The words that would be right here, when they can be listed; for completion.
    pub expected: Vec<&'static str>,
    /// A word close to what was written: "did you mean".
    pub suggestion: Option<String>,
    /// The machine lacks what the line asks for, and another may have it.
    pub lacks: bool,
    /// Another place that has to do with it (the first of two same names), and why.
    pub related: Option<alloc::boxed::Box<(Span, Bilingual)>>,
}

impl Problem {
    /// A problem at `span`, in both languages.
    pub fn new(span: Span, en: impl Into<String>, zh: impl Into<String>) -> Self {
        Problem {
            span,
            message: Bilingual::new(en, zh),
            expected: Vec::new(),
            suggestion: None,
            lacks: false,
            related: None,
        }
    }
    /// The same problem, of what this machine lacks and another may have.
    #[must_use]
    pub fn lacking(mut self) -> Self {
        self.lacks = true;
        self
    }
    /// The same problem, with the machines that can do it, by what to write after `machine`; none, and nothing is added.
    #[must_use]
    pub fn done_by(mut self, machines: &Phrase) -> Self {
        if !machines.en.is_empty() {
            self.message.en += &alloc::format!("; after `machine`, {} can do it", machines.en);
            self.message.zh += &alloc::format!("；`machine` 后面换成 {} 就可以", machines.zh);
        }
        self
    }
    /// The same problem, pointing at a second place too.
    #[must_use]
    pub fn related(mut self, span: Span, en: impl Into<String>, zh: impl Into<String>) -> Self {
        self.related = Some(alloc::boxed::Box::new((span, Bilingual::new(en, zh))));
        self
    }
    /// The same problem, with the nearest of `words` to `written` as its suggestion, if one is near.
    #[must_use]
    pub fn suggest<'w>(mut self, written: &str, words: impl IntoIterator<Item = &'w str>) -> Self {
        self.suggestion = nearest(written, words).map(ToString::to_string);
        self
    }

    /// The same problem, with the word to suggest for the nearest of `others`, if that is nearer to `written` than what is
    /// expected: people write `arm` where `smmuv3` is meant.
    #[must_use]
    pub(super) fn suggest_for(
        mut self,
        written: &str,
        others: impl Iterator<Item = (&'static str, &'static str)>,
    ) -> Self {
        let own = self.expected.iter().map(|word| (*word, *word));
        let words: Vec<(&str, &str)> = own.chain(others).collect();
        if let Some(near) = nearest(written, words.iter().map(|(word, _)| *word)) {
            let meant = words.iter().find(|(word, _)| *word == near);
            self.suggestion = meant.map(|(_, meant)| (*meant).to_string());
        }
        self
    }

    /// `noun` was expected and `found` (empty: the end of the line) was written.
    pub(super) fn expected_noun(span: Span, noun: Noun, found: &str) -> Self {
        use super::{noun::is_name_of_any_length, MAX_NAME};
        if noun.is_name() && found.len() > MAX_NAME && is_name_of_any_length(found) {
            let long = found.len();
            return Self::new(
                span,
                alloc::format!("a name has at most {MAX_NAME} characters; this one has {long}"),
                alloc::format!("名称最多 {MAX_NAME} 个字符，这里有 {long} 个"),
            );
        }
        let (en, zh) = noun.describe();
        Self::expected_text(span, en, zh, found)
    }

    /// What `en` and `zh` describe was expected and `found` (empty: the end of the line) was written.
    pub(super) fn expected_text(span: Span, en: &str, zh: &str, found: &str) -> Self {
        let (found_en, found_zh) = found_words(found);
        Self::new(
            span,
            alloc::format!("expected {en}, found {found_en}"),
            alloc::format!("这里应为{zh}，写的却是{found_zh}"),
        )
    }

    /// Says of a word that did not fit what the machine lacks, if it is a word of that list.
    pub(super) fn point_at_absent(mut self, word: &str) -> Self {
        if let Some(absent) = super::absent::of(word) {
            let (what, instead, page) = (absent.what, absent.instead, super::absent::PAGE);
            self.message.en +=
                &alloc::format!(". This machine does not do it: {} {} (see {page})", what.en, instead.en);
            self.message.zh +=
                &alloc::format!("。这台机器不做这件事：{}{}（见 {page}）", what.zh, instead.zh);
            self.suggestion = None;
        }
        self
    }
    /// One of `words` was expected.
    pub(super) fn expected_words(span: Span, words: &[&'static str], found: &str) -> Self {
        let (found_en, found_zh) = found_words(found);
        let mut problem = if words.is_empty() {
            Self::new(
                span,
                alloc::format!("expected the end of the line, found {found_en}"),
                alloc::format!("这一行应当到此为止，后面却还有{found_zh}"),
            )
        } else {
            let list = Phrase::one_of(words);
            Self::new(
                span,
                alloc::format!("expected {}, found {found_en}", list.en),
                alloc::format!("这里应为 {}，写的却是{found_zh}", list.zh),
            )
        };
        problem.expected = words.to_vec();
        let problem = problem.suggest(found, words.iter().copied()).point_at_absent(found);
        // Where architectures may stand, so may what else people call them.
        match Architecture::WORDS.iter().all(|word| words.contains(word)) {
            true => problem.suggest_for(found, Architecture::other_words()),
            false => problem,
        }
    }
}

/// The beginning of what was found, for a message.
pub(super) fn cut(found: &str) -> String {
    let mut short: String = found.chars().take(40).collect();
    if short.len() < found.len() {
        short.push('…');
    }
    short
}

/// What was found, as words of a sentence.
fn found_words(found: &str) -> (String, String) {
    if found.is_empty() {
        return ("the end of the line".into(), "行尾".into());
    }
    let short = cut(found);
    (alloc::format!("`{short}`"), alloc::format!(" `{short}`"))
}

impl Problem {
    /// The Chinese message with its place.
    pub fn zh(&self) -> String {
        let mut out = alloc::format!("{}: {}", self.span, self.message.zh);
        if let Some(word) = &self.suggestion {
            out.push_str(&alloc::format!("；是不是 `{word}`？"));
        }
        if let Some(related) = &self.related {
            out.push_str(&alloc::format!("（{}：{}）", related.0, related.1.zh));
        }
        out
    }
}

impl Problems {
    /// The Chinese messages, a line each.
    pub fn zh(&self) -> String {
        let lines: Vec<String> = self.0.iter().map(Problem::zh).collect();
        lines.join("\n")
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.span, self.message.en)?;
        if let Some(word) = &self.suggestion {
            write!(f, "; did you mean `{word}`?")?;
        }
        if let Some(related) = &self.related {
            let (span, why) = &**related;
            write!(f, " ({}: {})", span, why.en)?;
        }
        Ok(())
    }
}

/// Everything wrong with a scenario, in the order of the text; never empty.
#[derive(Clone, Debug, PartialEq)]
pub struct Problems(pub Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str("\n")?;
            }
            problem.fmt(f)?;
        }
        Ok(())
    }
}

#[cfg(feature = "std")]
impl std::error::Error for Problem {}
#[cfg(feature = "std")]
impl std::error::Error for Problems {}

/// The word of `words` nearest to `written`: at most a third of its letters (and at least one) away.
pub fn nearest<'w>(written: &str, words: impl IntoIterator<Item = &'w str>) -> Option<&'w str> {
    if written.is_empty() || written.len() > 64 {
        return None;
    }
    let written = written.to_ascii_lowercase();
    words
        .into_iter()
        .map(|word| (distance(&written, &word.to_ascii_lowercase()), word))
        .filter(|(d, word)| *d <= 1.max(word.chars().count().max(written.chars().count()) / 3))
        .min_by_key(|(d, _)| *d)
        .map(|(_, word)| word)
}

/// The word after `machine` that is near to what someone wrote: people write `arm` where `smmuv3` is meant.
pub fn machine_meant(written: &str) -> Option<&'static str> {
    let own = Architecture::WORDS.into_iter().map(|word| (word, word));
    let known: Vec<(&str, &str)> = own.chain(Architecture::other_words()).collect();
    let near = nearest(written, known.iter().map(|(word, _)| *word))?;
    known.iter().find(|(word, _)| *word == near).map(|(_, meant)| *meant)
}

/// How many letters must be put in, taken out, changed or swapped with their neighbour to turn `a` into
/// `b` (the restricted Damerau-Levenshtein distance).
fn distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.chars().collect();
    let b: Vec<char> = b.chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = Vec::with_capacity(b.len() + 1);
        row.push(i);
        for j in 1..=b.len() {
            let change = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = change.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(before[j - 2] + 1);
            }
            row.push(best);
        }
        before = core::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_near_or_none() {
        let words = ["device", "domain", "dma", "doorbell"];
        assert_eq!(nearest("devcie", words), Some("device"));
        assert_eq!(nearest("domian", words), Some("domain"));
        assert_eq!(nearest("dam", words), Some("dma"));
        assert_eq!(nearest("zebra", words), None);
        assert_eq!(nearest("", words), None);
    }
}
