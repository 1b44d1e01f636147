//! Why a link can't be opened, or a text not become one, in both languages.

use super::{MAX_FRAGMENT, MAX_TEXT};
use crate::spec::Lang;
use alloc::format;
use alloc::string::String;
use core::fmt;

/// Why a link can't be opened. Nothing of such a link is run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkError {
    /// There is no fragment, or an empty one.
    Empty,
    /// The fragment begins with nothing that a link begins with.
    NotALink,
    /// A version this build does not know.
    UnknownVersion(String),
    /// No preset has this name.
    UnknownPreset {
        /// The name.
        name: String,
        /// One that is close.
        suggestion: Option<&'static str>,
    },
    /// The fragment is longer than any link we write: its characters.
    Oversized(usize),
    /// The end of the link is missing: it was cut.
    Truncated {
        /// What could be read.
        recovered: Option<String>,
    },
    /// A character that can't be in the packed text.
    BadCharacter {
        /// The character.
        found: char,
        /// Its place in the packed text, from 1.
        place: usize,
        /// What could be read before it.
        recovered: Option<String>,
    },
    /// What is packed is not deflate data, or not UTF-8.
    Mangled {
        /// What could be read.
        recovered: Option<String>,
    },
    /// The text does not have the checksum that the link says.
    Checksum {
        /// What the link says.
        said: u32,
        /// What the text has.
        found: u32,
        /// The text as it was read.
        recovered: Option<String>,
    },
    /// The text is longer than [`MAX_TEXT`]: inflating stopped there.
    Bomb {
        /// The first characters.
        recovered: Option<String>,
    },
}

impl LinkError {
    /// The text that could be read in spite of it: to be shown, never run.
    pub fn recovered(&self) -> Option<&str> {
        match self {
            LinkError::Truncated { recovered }
            | LinkError::BadCharacter { recovered, .. }
            | LinkError::Mangled { recovered }
            | LinkError::Checksum { recovered, .. }
            | LinkError::Bomb { recovered } => recovered.as_deref(),
            _ => None,
        }
    }

    /// What is wrong, and what to do, in the reader's language.
    pub fn message(&self, lang: Lang) -> String {
        let zh = lang == Lang::Zh;
        match self {
            LinkError::Empty if zh => "这个链接里没有场景：# 后面是空的".into(),
            LinkError::Empty => "this link holds no scenario: there is nothing after the #".into(),
            LinkError::NotALink if zh => {
                "这不是场景链接：# 后面应当以 1. 开头（场景文本）或以 p= 开头（预设场景）".into()
            }
            LinkError::NotALink => {
                "this is not a link to a scenario: after the # comes 1. (a text) or p= (a preset)".into()
            }
            LinkError::UnknownVersion(version) if zh => {
                format!("这个链接的格式版本是 {version}，本页只认识版本 1：它可能由更新的版本生成，请刷新页面")
            }
            LinkError::UnknownVersion(version) => format!(
                "this link has version {version} and this page knows version 1: a newer page may have made it, so reload"
            ),
            LinkError::UnknownPreset { name, suggestion } => {
                let near = match suggestion {
                    Some(near) if zh => format!("；是不是 `{near}`？"),
                    Some(near) => format!("; did you mean `{near}`?"),
                    None => String::new(),
                };
                if zh {
                    format!("没有名为 `{name}` 的预设场景{near}")
                } else {
                    format!("there is no preset called `{name}`{near}")
                }
            }
            LinkError::Oversized(length) if zh => {
                format!("这个链接有 {length} 个字符，超过上限 {MAX_FRAGMENT}，没有读取")
            }
            LinkError::Oversized(length) => {
                format!("this link has {length} characters, more than the {MAX_FRAGMENT} that are allowed: not read")
            }
            LinkError::Truncated { .. } if zh => "这个链接不完整：末尾被截断了，请向发送者再要一次".into(),
            LinkError::Truncated { .. } => "this link is cut: its end is missing; ask for it once more".into(),
            LinkError::BadCharacter { found, place, .. } if zh => {
                format!("这个链接已损坏：第 {place} 个字符 {found:?} 不可能出现在这里")
            }
            LinkError::BadCharacter { found, place, .. } => {
                format!("this link is damaged: character {place}, {found:?}, can't be there")
            }
            LinkError::Mangled { .. } if zh => "这个链接已损坏：其中的内容无法解压为文本".into(),
            LinkError::Mangled { .. } => "this link is damaged: what it holds does not unpack to a text".into(),
            LinkError::Checksum { said, found, .. } if zh => {
                format!("这个链接已损坏：文本的校验和是 {found:08x}，链接里写的是 {said:08x}")
            }
            LinkError::Checksum { said, found, .. } => {
                format!("this link is damaged: its text has the checksum {found:08x}, and the link says {said:08x}")
            }
            LinkError::Bomb { .. } if zh => format!("这个链接解压后超过 {} KiB，已停止解压", MAX_TEXT / 1024),
            LinkError::Bomb { .. } => {
                format!("this link unpacks to more than {} KiB: unpacking stopped there", MAX_TEXT / 1024)
            }
        }
    }
}

impl fmt::Display for LinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message(Lang::En))
    }
}

/// The text is too long for a link: its bytes, of [`MAX_TEXT`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLong(pub usize);

impl TooLong {
    /// What is wrong, in the reader's language.
    pub fn message(&self, lang: Lang) -> String {
        match lang {
            Lang::Zh => format!("文本有 {} 字节，链接最多容纳 {MAX_TEXT} 字节：请传文件", self.0),
            Lang::En => format!(
                "the text has {} bytes, and a link holds {MAX_TEXT} at most: pass it on as a file",
                self.0
            ),
        }
    }
}

impl fmt::Display for TooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message(Lang::En))
    }
}

#[cfg(feature = "std")]
impl std::error::Error for LinkError {}
#[cfg(feature = "std")]
impl std::error::Error for TooLong {}
