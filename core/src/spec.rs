//! How a specification's own words are kept: structures with their fields, registers, fault codes, rules.
//!
//! Each architecture's room declares its structures as `static` tables of these types. A trace then keeps a
//! reference and the raw bits, and every view (inspector, text, tests) decodes from the same table.

use alloc::{string::String, vec::Vec};

/// A phrase in both languages of the page.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Text {
    /// English.
    pub en: &'static str,
    /// 中文.
    pub zh: &'static str,
}

impl Text {
    /// Both languages of a phrase.
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
    /// The phrase in one language.
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
    /// Both languages of a phrase.
    pub fn new(en: impl Into<String>, zh: impl Into<String>) -> Self {
        Phrase { en: en.into(), zh: zh.into() }
    }
    /// A name or a number: the same in both languages.
    pub fn same(name: impl Into<String>) -> Self {
        let en = name.into();
        Phrase { zh: en.clone(), en }
    }
    /// The phrase in one language.
    pub fn get(&self, lang: Lang) -> &str {
        match lang {
            Lang::En => &self.en,
            Lang::Zh => &self.zh,
        }
    }
    /// Nothing to say, in either language?
    pub fn is_empty(&self) -> bool {
        self.en.is_empty() && self.zh.is_empty()
    }
}

impl From<Text> for Phrase {
    fn from(text: Text) -> Self {
        Phrase::new(text.en, text.zh)
    }
}

/// One field of a structure in memory or of a register.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Field {
    /// The specification's abbreviation, such as `SSPTPTR`.
    pub name: &'static str,
    /// The highest bit, counted from bit 0 of the structure's first word (so 64 is bit 0 of the second).
    pub hi: u16,
    /// The lowest bit, counted the same way.
    pub lo: u16,
    /// What it means.
    pub meaning: Text,
    /// How a view shows it.
    pub kind: FieldKind,
}

/// How the value of a [`Field`] is meant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FieldKind {
    /// A number or an opaque value.
    Value,
    /// Bits `hi..=lo` of an address, in place: the address is the value shifted left by `shift`.
    Address {
        /// How far left the field's value is shifted to give the address.
        shift: u8,
    },
    /// A flag, on when 1.
    Flag,
    /// Must be zero; a unit may fault on a 1.
    Reserved,
    /// Not looked at by hardware.
    Ignored,
    /// A code with named values.
    Enum(&'static [(u64, Text)]),
}

impl Field {
    /// A plain value.
    pub const fn value(name: &'static str, hi: u16, lo: u16, en: &'static str, zh: &'static str) -> Self {
        Field { name, hi, lo, meaning: Text::new(en, zh), kind: FieldKind::Value }
    }
    /// A single-bit flag.
    pub const fn flag(name: &'static str, bit: u16, en: &'static str, zh: &'static str) -> Self {
        Field { name, hi: bit, lo: bit, meaning: Text::new(en, zh), kind: FieldKind::Flag }
    }
    /// An address whose bit `lo` is bit `shift` of the address.
    pub const fn address(
        name: &'static str,
        hi: u16,
        lo: u16,
        shift: u8,
        en: &'static str,
        zh: &'static str,
    ) -> Self {
        Field { name, hi, lo, meaning: Text::new(en, zh), kind: FieldKind::Address { shift } }
    }
    /// A code with named values.
    pub const fn code(
        name: &'static str,
        hi: u16,
        lo: u16,
        values: &'static [(u64, Text)],
        en: &'static str,
        zh: &'static str,
    ) -> Self {
        Field { name, hi, lo, meaning: Text::new(en, zh), kind: FieldKind::Enum(values) }
    }
    /// Reserved bits.
    pub const fn reserved(hi: u16, lo: u16) -> Self {
        Field {
            name: "Rsvd",
            hi,
            lo,
            meaning: Text::new("reserved, must be 0", "保留，必须为 0"),
            kind: FieldKind::Reserved,
        }
    }
    /// Bits that hardware ignores.
    pub const fn ignored(hi: u16, lo: u16) -> Self {
        Field {
            name: "IGN",
            hi,
            lo,
            meaning: Text::new("ignored by hardware", "硬件忽略"),
            kind: FieldKind::Ignored,
        }
    }
    /// The field's bits out of a structure's words; bits beyond the words, or beyond 64, read as 0.
    pub fn get(&self, words: &[u64]) -> u64 {
        let (word, bit) = (self.lo as usize / 64, self.lo % 64);
        let width = (self.hi - self.lo + 1).min(64);
        let low = words.get(word).copied().unwrap_or(0) >> bit;
        let high = match words.get(word + 1) {
            Some(next) if bit != 0 => next << (64 - bit),
            _ => 0,
        };
        (low | high) & (u64::MAX >> (64 - width))
    }
}

/// A structure in memory as its specification defines it: a root entry, a page-table entry, a descriptor.
#[derive(Debug, PartialEq, Eq)]
pub struct EntryType {
    /// The specification's name of it.
    pub name: Text,
    /// Its length in 64-bit words.
    pub words: u8,
    /// Its fields, from bit 0 up; together they cover every bit once.
    pub fields: &'static [Field],
    /// Where it is defined: document and section, such as `VT-d 9.1`.
    pub section: &'static str,
}

impl EntryType {
    /// Every field with its value in `words`.
    pub fn decode(&'static self, words: &[u64]) -> Vec<(&'static Field, u64)> {
        self.fields.iter().map(|field| (field, field.get(words))).collect()
    }

    /// Whether the fields cover each bit exactly once: what a test asks of every table.
    pub fn covers_every_bit_once(&self) -> bool {
        covers(self.fields, u16::from(self.words) * 64)
    }
}

/// Do `fields`, in order, cover bits `0..bits` exactly once?
pub fn covers(fields: &[Field], bits: u16) -> bool {
    let mut next = 0;
    for field in fields {
        if field.lo != next || field.hi < field.lo {
            return false;
        }
        next = field.hi + 1;
    }
    next == bits
}

/// A memory-mapped register.
#[derive(Debug, PartialEq, Eq)]
pub struct Register {
    /// The specification's abbreviation.
    pub name: &'static str,
    /// Offset from the unit's register base, in bytes.
    pub offset: u32,
    /// Width in bytes: 4, 8 or 16.
    pub bytes: u8,
    /// What it is.
    pub meaning: Text,
    /// Its fields from bit 0 up.
    pub fields: &'static [Field],
    /// Where it is defined.
    pub section: &'static str,
}

/// A fault reason or cause, with the architecture's own code.
#[derive(Debug, PartialEq, Eq)]
pub struct FaultCode {
    /// The architecture's number.
    pub code: u16,
    /// The specification's name, or the kernel's where the specification has only a sentence.
    pub name: &'static str,
    /// What it means.
    pub text: Text,
    /// Where it is defined.
    pub section: &'static str,
}

/// A rule of a specification that a step applied or that refused an access.
#[derive(Debug, PartialEq, Eq)]
pub struct Rule {
    /// What the rule says, as a phrase that completes "refused: ..." or "checked: ...".
    pub text: Text,
    /// Where it stands.
    pub section: &'static str,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_cut_out_of_any_word_and_across_words() {
        let f = |hi, lo| Field::value("f", hi, lo, "", "");
        let words = [0x8000_0000_0000_0001, 0x3];
        assert_eq!(f(0, 0).get(&words), 1);
        assert_eq!(f(64, 63).get(&words), 3);
        assert_eq!(f(63, 0).get(&words), words[0]);
        assert_eq!(f(127, 64).get(&words), 3);
        assert_eq!(f(200, 190).get(&words), 0);
    }
}
