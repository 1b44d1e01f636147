//! Phrases in both languages of the page.

use alloc::string::String;

/// A phrase in both languages of the page.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Text {
    /// English.
    pub en: &'static str,
    /// 中文.
    pub zh: &'static str,
}

impl Text {
    /// Returns both languages of a phrase.
    pub const fn new(en: &'static str, zh: &'static str) -> Self {
        Text { en, zh }
    }
}

/// The languages of the page.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Hash)]
pub enum Lang {
    /// English.
    #[default]
    En,
    /// 中文.
    Zh,
}

impl Text {
    /// Returns the phrase in one language.
    pub const fn get(&self, lang: Lang) -> &'static str {
        match lang {
            Lang::En => self.en,
            Lang::Zh => self.zh,
        }
    }
}

/// A phrase in both languages that was put together at run time.
#[derive(Clone, PartialEq, Eq, Debug, Default, Hash)]
pub struct Phrase {
    /// English.
    pub en: String,
    /// 中文.
    pub zh: String,
}

impl Phrase {
    /// Returns both languages of a phrase.
    pub fn new(en: impl Into<String>, zh: impl Into<String>) -> Self {
        Phrase { en: en.into(), zh: zh.into() }
    }
    /// Returns a name or a number: the same in both languages.
    pub fn same(name: impl Into<String>) -> Self {
        let en = name.into();
        Phrase { zh: en.clone(), en }
    }
    /// Returns words that a scenario may have as a choice: "`a`, `b` or `c`".
    pub fn one_of(words: &[&str]) -> Self {
        let list = |comma: &str, or: &str| {
            let mut out = String::new();
            for (i, word) in words.iter().enumerate() {
                if i > 0 {
                    out += if i + 1 == words.len() { or } else { comma };
                }
                out = out + "`" + word + "`";
            }
            out
        };
        Phrase::new(list(", ", " or "), list("、", " 或 "))
    }
    /// Returns the phrase in one language.
    pub fn get(&self, lang: Lang) -> &str {
        match lang {
            Lang::En => &self.en,
            Lang::Zh => &self.zh,
        }
    }
    /// Returns whether there is nothing to say, in either language.
    pub fn is_empty(&self) -> bool {
        self.en.is_empty() && self.zh.is_empty()
    }
}

impl From<Text> for Phrase {
    fn from(text: Text) -> Self {
        Phrase::new(text.en, text.zh)
    }
}

/// A sentence whose hexadecimal numbers are in one piece, `0x10000000` as pictures, registers and kernels write it: the text of a
/// scenario may group digits. What is quoted stays.
pub fn ungrouped(sentence: &str) -> String {
    let mut out = String::with_capacity(sentence.len());
    let (mut number, mut quote) = (false, None);
    // Bounded: once for each letter of a sentence.
    for (at, c) in sentence.char_indices() {
        match (quote, c) {
            (Some(end), c) if c == end => quote = None,
            (None, '`' | '"') => quote = Some(c),
            (None, '“') => quote = Some('”'),
            _ => {}
        }
        number = if number { c.is_ascii_hexdigit() || c == '_' } else { c == 'x' && out.ends_with('0') };
        let inside = sentence[at + c.len_utf8()..].starts_with(|next: char| next.is_ascii_hexdigit());
        if !(c == '_' && number && quote.is_none() && inside) {
            out.push(c);
        }
    }
    out
}

/// A Chinese sentence with a space between Chinese and Latin letters or digits, and none between Chinese characters or beside
/// full-width punctuation: parts that were put together know nothing of each other.
pub fn spaced(sentence: &str) -> String {
    let han = |c: char| matches!(c, '\u{3400}'..='\u{9fff}');
    let wide = |c: char| matches!(c, '，' | '。' | '：' | '；' | '、' | '（' | '）' | '？' | '！');
    let mut out = String::with_capacity(sentence.len() + 16);
    let mut last = ' ';
    let mut letters = sentence.chars().peekable();
    // Bounded: once for each letter of a sentence.
    while let Some(c) = letters.next() {
        let next = letters.peek().copied().unwrap_or(' ');
        // Curved quotes have their own room beside Chinese.
        let quoted = han(last) && next == '“' || last == '”' && han(next);
        if c == ' ' && (wide(last) || wide(next) || quoted || han(last) && han(next)) {
            continue;
        }
        if han(last) && c.is_ascii_alphanumeric() || last.is_ascii_alphanumeric() && han(c) {
            out.push(' ');
        }
        out.push(c);
        last = c;
    }
    out
}

/// What can be said in both languages of the page: errors of every room state their own.
pub trait Localized {
    /// Returns it in both languages.
    fn phrase(&self) -> Phrase;
}

impl Localized for Text {
    fn phrase(&self) -> Phrase {
        (*self).into()
    }
}

impl Localized for Phrase {
    fn phrase(&self) -> Phrase {
        self.clone()
    }
}

impl<T: Localized + ?Sized> Localized for &T {
    fn phrase(&self) -> Phrase {
        (**self).phrase()
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_number_is_in_one_piece_but_where_it_is_quoted() {
        let cases = [
            ("maps 0x1000_0000 to 0xffff_c900_0000_0000.", "maps 0x10000000 to 0xffffc90000000000."),
            ("`dma nic write 0x1000_0000`: 0x1_0000", "`dma nic write 0x1000_0000`: 0x10000"),
            ("写“0x1_0”到 0x2_0", "写“0x1_0”到 0x20"),
            ("FRCD_REG, 0xFEEx_xxxx, 0x10_ and dma_0x", "FRCD_REG, 0xFEEx_xxxx, 0x10_ and dma_0x"),
        ];
        for (said, want) in cases {
            assert_eq!(super::ungrouped(said), want);
        }
    }

    #[test]
    fn chinese_and_latin_are_apart_and_chinese_is_not() {
        let cases = [
            ("IOTLB未命中：没有 3 的记录", "IOTLB 未命中：没有 3 的记录"),
            ("CPU 的 14 字节 位于 0x2000（alice 的页）。", "CPU 的 14 字节位于 0x2000（alice 的页）。"),
            ("从 0x9000（池） 读到了 4 KiB ，共3个", "从 0x9000（池）读到了 4 KiB，共 3 个"),
            ("得到 \"a b\"，在PASID 表项处", "得到 \"a b\"，在 PASID 表项处"),
        ];
        for (said, want) in cases {
            assert_eq!(super::spaced(said), want);
            assert_eq!(super::spaced(want), want);
        }
    }
}
