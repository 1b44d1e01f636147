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
