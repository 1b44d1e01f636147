//! Links: a scenario and a position as the fragment of a URL, which no server ever sees.
//!
//! ```text
//! #1.<base64url of raw deflate of the scenario text>.<CRC-32 of the text, 8 hex digits>[&at=STEP&view=...&lang=...&theme=...]
//! #p=<preset>[&at=...]
//! ```
//!
//! `docs/links.md` is the contract. A damaged link says what is wrong and what could be recovered, and runs nothing.

mod base64;
mod crc;

use crate::scenario::presets::{Preset, PRESETS};
use crate::scenario::MAX_TEXT;
use alloc::{format, string::String, vec::Vec};
use core::fmt;

/// The version that this program writes.
pub const VERSION: &str = "1";
/// The longest fragment that is looked at: what the largest text could need, and some.
pub const MAX_FRAGMENT: usize = 512 << 10;

/// What a link says besides the scenario. Unknown parameters are ignored: newer links may have more.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Options {
    /// The position: a count of steps.
    pub at: Option<u32>,
    /// What to show: `diagram`, `walk` or `full`.
    pub view: Option<String>,
    /// `en` or `zh`.
    pub lang: Option<String>,
    /// `light` or `dark`.
    pub theme: Option<String>,
}

/// What a link opens.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Target {
    /// A scenario text.
    Text(String),
    /// A preset of the gallery.
    Preset(&'static Preset),
}

/// A link, read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Link {
    /// What it opens.
    pub target: Target,
    /// How.
    pub options: Options,
}

/// Why a link cannot be opened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum LinkError {
    /// There is no fragment, or it is no link of ours.
    NotALink,
    /// It was written by a newer program: the version it names.
    Version(String),
    /// It is longer than any link can be.
    TooLong(usize),
    /// A character that is not base64url, at this place of the packed part.
    Character {
        /// The character.
        found: char,
        /// How far in, from 0.
        at: usize,
    },
    /// It ends too early, or its middle is damaged. What could be recovered of the text.
    Damaged(String),
    /// It unpacks to more than the longest text.
    TooLarge,
    /// The text is not UTF-8. What of it is.
    NotText(String),
    /// The checksum does not match. The text as it was unpacked.
    Checksum {
        /// What the link says.
        said: String,
        /// What the text has.
        is: u32,
        /// The text.
        text: String,
    },
    /// There is no preset of this name. The nearest one there is.
    NoPreset(String, Option<&'static str>),
}

impl LinkError {
    /// What could be recovered of the scenario text. It is shown, never run.
    pub fn recovered(&self) -> Option<&str> {
        match self {
            LinkError::Damaged(text) | LinkError::NotText(text) | LinkError::Checksum { text, .. } => {
                Some(text).filter(|t| !t.is_empty()).map(String::as_str)
            }
            _ => None,
        }
    }
    /// The message in Chinese.
    pub fn zh(&self) -> String {
        match self {
            LinkError::NotALink => "这不是 iommu-playground 的链接".into(),
            LinkError::Version(v) => format!("链接格式版本 {v} 比本程序新"),
            LinkError::TooLong(n) => format!("链接有 {n} 个字符，超过上限 {MAX_FRAGMENT}"),
            LinkError::Character { found, at } => {
                format!("链接第 {at} 个字符 {found:?} 不属于 base64url，链接已被改动")
            }
            LinkError::Damaged(_) => "链接被截断或损坏".into(),
            LinkError::TooLarge => format!("链接解压后超过 {} KiB", MAX_TEXT >> 10),
            LinkError::NotText(_) => "链接内容不是 UTF-8 文本".into(),
            LinkError::Checksum { said, is, .. } => format!("校验和不符：链接写的是 {said}，文本是 {is:08x}"),
            LinkError::NoPreset(name, None) => format!("没有名为 {name:?} 的预设场景"),
            LinkError::NoPreset(name, Some(near)) => format!("没有名为 {name:?} 的预设场景，是否指 {near}？"),
        }
    }
}

impl fmt::Display for LinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LinkError::NotALink => write!(f, "this is not a link of iommu-playground"),
            LinkError::Version(v) => {
                write!(f, "the link has format version {v}, which is newer than this program")
            }
            LinkError::TooLong(n) => write!(f, "the link has {n} characters; the limit is {MAX_FRAGMENT}"),
            LinkError::Character { found, at } => {
                write!(f, "character {at} of the link, {found:?}, is not base64url: the link was changed on its way")
            }
            LinkError::Damaged(_) => write!(f, "the link is cut short or damaged"),
            LinkError::TooLarge => write!(f, "the link unpacks to more than {} KiB", MAX_TEXT >> 10),
            LinkError::NotText(_) => write!(f, "the link does not hold UTF-8 text"),
            LinkError::Checksum { said, is, .. } => {
                write!(f, "the checksum does not match: the link says {said}, the text has {is:08x}")
            }
            LinkError::NoPreset(name, None) => write!(f, "there is no preset {name:?}"),
            LinkError::NoPreset(name, Some(near)) => {
                write!(f, "there is no preset {name:?}; did you mean {near}?")
            }
        }
    }
}

/// The fragment, `#` included, that holds a whole scenario text.
pub fn encode(text: &str, options: &Options) -> String {
    // Level 9: links are made rarely and read often.
    let packed = miniz_oxide::deflate::compress_to_vec(text.as_bytes(), 9);
    let mut out = format!("#{VERSION}.{}.{:08x}", base64::encode(&packed), crc::crc32(text.as_bytes()));
    out.push_str(&parameters(options));
    out
}

/// The fragment, `#` included, that names a preset.
pub fn encode_preset(name: &str, options: &Options) -> String {
    format!("#p={name}{}", parameters(options))
}

fn parameters(options: &Options) -> String {
    let mut out = String::new();
    if let Some(at) = options.at {
        out.push_str(&format!("&at={at}"));
    }
    for (key, value) in [("view", &options.view), ("lang", &options.lang), ("theme", &options.theme)] {
        // Values are words; anything else would not survive a URL and is left out.
        if let Some(value) =
            value.as_ref().filter(|v| v.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'))
        {
            out.push_str(&format!("&{key}={value}"));
        }
    }
    out
}

/// Reads a URL, or a fragment with or without its `#`.
pub fn decode(url: &str) -> Result<Link, LinkError> {
    let fragment = url.trim();
    let fragment = fragment.split_once('#').map_or(fragment, |(_, f)| f);
    if fragment.len() > MAX_FRAGMENT {
        return Err(LinkError::TooLong(fragment.len()));
    }
    let (head, rest) = fragment.split_once('&').unwrap_or((fragment, ""));
    let options = options(rest);
    if let Some(name) = head.strip_prefix("p=") {
        let preset = PRESETS.iter().find(|p| p.name == name);
        let near = || crate::scenario::problem::nearest(name, PRESETS.iter().map(|p| p.name));
        let preset = preset.ok_or_else(|| LinkError::NoPreset(crop(name), near()))?;
        return Ok(Link { target: Target::Preset(preset), options });
    }
    let (version, body) = head.split_once('.').ok_or(LinkError::NotALink)?;
    if version != VERSION {
        let number = !version.is_empty() && version.len() <= 4 && version.bytes().all(|b| b.is_ascii_digit());
        return Err(if number { LinkError::Version(version.into()) } else { LinkError::NotALink });
    }
    let (packed, said) = body.rsplit_once('.').unwrap_or((body, ""));
    let bytes = base64::decode(packed).map_err(|(at, found)| LinkError::Character { found, at })?;
    let text = inflate(&bytes)?;
    let is = crc::crc32(text.as_bytes());
    if u32::from_str_radix(said, 16) != Ok(is) || said.len() != 8 {
        return Err(LinkError::Checksum { said: crop(said), is, text });
    }
    Ok(Link { target: Target::Text(text), options })
}

/// What a message quotes of a link.
fn crop(text: &str) -> String {
    text.chars().take(40).collect()
}

fn options(rest: &str) -> Options {
    let mut out = Options::default();
    for (key, value) in rest.split('&').filter_map(|p| p.split_once('=')) {
        let word = || Some(String::from(value)).filter(|v| v.len() <= 16);
        match key {
            "at" => out.at = value.parse().ok(),
            "view" => out.view = word(),
            "lang" => out.lang = word(),
            "theme" => out.theme = word(),
            _ => {}
        }
    }
    out
}

/// Inflates at most the longest text; says what could be had of a damaged one.
fn inflate(packed: &[u8]) -> Result<String, LinkError> {
    use miniz_oxide::inflate::{decompress_to_vec_with_limit, TINFLStatus};
    let text = |bytes: Vec<u8>| match String::from_utf8(bytes) {
        Ok(text) => Ok(text),
        Err(error) => {
            let good = error.utf8_error().valid_up_to();
            let mut bytes = error.into_bytes();
            bytes.truncate(good);
            Err(String::from_utf8(bytes).unwrap_or_default())
        }
    };
    match decompress_to_vec_with_limit(packed, MAX_TEXT) {
        Ok(bytes) => text(bytes).map_err(LinkError::NotText),
        Err(error) if error.status == TINFLStatus::HasMoreOutput => Err(LinkError::TooLarge),
        Err(error) => Err(LinkError::Damaged(text(error.output).unwrap_or_else(|good| good))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn presets_have_short_links_and_scenarios_middling_ones() {
        for preset in PRESETS {
            let link = encode_preset(preset.name, &Options::default());
            assert!(link.len() < 60, "{link}");
            assert_eq!(decode(&link).map(|l| l.target), Ok(Target::Preset(preset)));
        }
        let howto = PRESETS[0].text;
        let link = encode(howto, &Options::default());
        assert!(link.len() < howto.len(), "{} of {}", link.len(), howto.len());
    }

    #[test]
    fn a_damaged_link_says_what_is_wrong_and_keeps_what_it_can() {
        let link = encode("iommu-playground 1\ntitle \"x\"\nmachine vt-d\n", &Options::default());
        let cut = &link[..link.len() * 2 / 3];
        assert!(
            matches!(decode(cut), Err(LinkError::Damaged(_) | LinkError::Checksum { .. })),
            "{:?}",
            decode(cut)
        );
        let wrong = link.replace(&link[link.len() - 8..], "00000000");
        match decode(&wrong) {
            Err(error @ LinkError::Checksum { .. }) => {
                assert!(error.recovered().unwrap().starts_with("iommu-playground 1"))
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(decode("#2.abc.00000000"), Err(LinkError::Version("2".into())));
        assert_eq!(decode(""), Err(LinkError::NotALink));
        assert_eq!(decode("#1.a b.00000000"), Err(LinkError::Character { found: ' ', at: 1 }));
        assert!(matches!(decode("#p=howtoo"), Err(LinkError::NoPreset(_, Some("howto")))));
    }

    #[test]
    fn a_bomb_does_not_go_off() {
        let packed = miniz_oxide::deflate::compress_to_vec(&alloc::vec![b' '; 64 << 20], 9);
        let link = format!("#1.{}.00000000", base64::encode(&packed));
        assert_eq!(decode(&link), Err(LinkError::TooLarge));
        let long = format!("#1.{}", "A".repeat(MAX_FRAGMENT));
        assert!(matches!(decode(&long), Err(LinkError::TooLong(_))));
    }

    proptest! {
        #[test]
        fn what_is_packed_comes_back(text in "\\PC{0,400}", at in proptest::option::of(any::<u32>())) {
            let options = Options { at, lang: Some("zh".into()), ..Options::default() };
            let link = decode(&encode(&text, &options)).unwrap();
            prop_assert_eq!(link, Link { target: Target::Text(text), options });
        }
        #[test]
        fn nothing_panics(text in "\\PC{0,200}") {
            let _ = decode(&text);
            let _ = decode(&format!("#1.{text}"));
        }
        #[test]
        fn one_changed_character_never_opens_as_something_else(text in "[a-z \\n]{20,200}", place in 0usize..1000, with in "[A-Za-z0-9_-]") {
            let link = encode(&text, &Options::default());
            let place = 3 + place % (link.len() - 3);
            let mut changed = link.clone();
            changed.replace_range(place..=place, &with);
            if changed != link {
                match decode(&changed) {
                    Ok(Link { target: Target::Text(t), .. }) => prop_assert_eq!(t, text),
                    Ok(_) => prop_assert!(false),
                    Err(_) => {}
                }
            }
        }
    }
}
