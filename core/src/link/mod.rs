//! A scenario and a position as the fragment of a URL, and back: `docs/links.md` is the specification for others.
//!
//! `#1.` + base64url(deflate(text)) + `.` + CRC-32 of the text, or `#p=PRESET[&arch=WORD]`; then `&at=STEP&depth=...&view=...
//! &lang=...&theme=...`. A link that was made once opens for ever: what is read here may grow, never shrink.
//! What a link holds is untrusted. Reading one is bounded in time and memory, runs nothing and never panics.
//!
//! New options may be added here; the meaning of a part that links already have must not change.

mod base64url;
mod crc;
mod error;
mod options;
mod position;
#[cfg(test)]
mod tests;

pub use error::{LinkError, TooLong};
pub use options::{Depth, Options, Theme, View};
pub use position::{Position, Refused};

use crate::iommu::Architecture;
use crate::scenario::presets::{by_name, Preset, PRESETS};
use crate::scenario::problem::{machine_meant, nearest};
pub use crate::scenario::MAX_TEXT;
use crate::scenario::{onto_word, UNREADABLE};
use crate::spec::Phrase;
use alloc::borrow::Cow;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;
use miniz_oxide::deflate::compress_to_vec;
use miniz_oxide::inflate::core::{decompress, inflate_flags, DecompressorOxide};
use miniz_oxide::inflate::TINFLStatus;

/// The most characters of a fragment that are looked at. A text of [`MAX_TEXT`] that does not pack needs 349,600.
pub const MAX_FRAGMENT: usize = 512 << 10;

/// The version that is written.
const VERSION: &str = "1";

/// The scenario of a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// One of the gallery, as it is written.
    Preset(&'static Preset),
    /// One of the gallery, turned to the architecture of the options.
    Turned(&'static Preset, String),
    /// A text, carried whole. It need not be a valid scenario: people share texts to ask what is wrong.
    Text(String),
}

impl Target {
    /// The scenario's text.
    pub fn text(&self) -> &str {
        match self {
            Target::Preset(preset) => preset.text,
            Target::Turned(_, text) | Target::Text(text) => text,
        }
    }
}

/// A link that could be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The scenario.
    pub target: Target,
    /// Architecture, position, depth, view, language, theme.
    pub options: Options,
    /// Parameters that are known but have a value that can't be, as written, and with an architecture the position, which is of
    /// the run on that machine: they were passed over.
    pub ignored: Vec<String>,
}

impl Link {
    /// Returns why a parameter that was passed over can't be: where the scenario asks for what that architecture lacks.
    pub fn why(&self, ignored: &str) -> Option<Phrase> {
        if let Some(at) = ignored.strip_prefix("at=") {
            let of_another = self.ignored.iter().any(|part| part.starts_with("arch="));
            return (of_another && Position::parse(at).is_some()).then(|| {
                Phrase::new("it is a place of the run on that machine", "它是那台机器上的运行中的位置")
            });
        }
        let word = ignored.strip_prefix("arch=")?;
        if Architecture::named(word).is_none() {
            return Some(match machine_meant(word) {
                Some(near) => {
                    Phrase::new(format!("did you mean `arch={near}`?"), format!("是不是 `arch={near}`？"))
                }
                None => {
                    let all = Architecture::words_of(|_| true);
                    Phrase::new(format!("it can be {}", all.en), format!("可以是 {}", all.zh))
                }
            });
        }
        match &self.target {
            Target::Preset(preset) => Some(preset.why_not()),
            _ => Some(UNREADABLE.into()),
        }
    }
}

/// The fragment, with its `#`, of a text and what is shown of it.
///
/// # Errors
/// [`TooLong`], for a text that a reader would refuse.
pub fn encode(text: &str, options: &Options) -> Result<String, TooLong> {
    if text.len() > MAX_TEXT {
        return Err(TooLong(text.len()));
    }
    let packed = base64url::encode(&compress_to_vec(text.as_bytes(), 10));
    let mut out = format!("#{VERSION}.{packed}.{:08x}", crc::crc32(text.as_bytes()));
    options.write(&mut out);
    Ok(out)
}

/// The fragment, with its `#`, of a preset and what is shown of it. The architecture that it is written for needs no word.
pub fn encode_preset(preset: &Preset, options: &Options) -> String {
    let mut out = format!("#p={}", preset.name);
    let arch = options.arch.filter(|arch| !preset.is_written_for(*arch));
    Options { arch, ..options.clone() }.write(&mut out);
    out
}

/// Reads a fragment (with its `#` or without), or a whole URL.
///
/// What mail programs, forums and chat do to a link is undone where it can be told apart: percent encoding, line breaks
/// and spaces, `&amp;`, punctuation after the end. The checksum tells whether that was right.
///
/// # Errors
/// A [`LinkError`], with the text that could be recovered, if any.
pub fn decode(input: &str) -> Result<Link, LinkError> {
    if input.len() > MAX_FRAGMENT {
        return Err(LinkError::Oversized(input.chars().count()));
    }
    let clean = cleaned(input);
    let fragment = match clean.split_once('#') {
        Some((_, fragment)) => fragment,
        None if clean.contains("://") => "",
        None => &clean,
    };
    let mut parts = fragment.split('&');
    let head = parts.next().unwrap_or("");
    let target = match (head, head.strip_prefix("p="), head.split_once('.')) {
        ("", ..) => return Err(LinkError::Empty),
        (_, Some(name), _) => Target::Preset(preset(name)?),
        (_, _, Some((VERSION, packed))) => Target::Text(unpacked(packed)?),
        (_, _, Some((version, _))) if version.len() <= 3 && number(version) => {
            return Err(LinkError::UnknownVersion(version.into()))
        }
        // Cut right after the version.
        (VERSION, ..) => return Err(LinkError::Truncated { recovered: None }),
        _ => return Err(LinkError::NotALink),
    };
    let (mut options, mut ignored) = Options::read(parts);
    let target = match (target, options.arch) {
        (Target::Preset(preset), Some(arch)) => match turned(preset, arch) {
            Some(target) => target,
            // It does not run there: it is opened as it is written, and that is said.
            None => {
                ignored.push(format!("arch={}", arch.describe().word));
                Target::Preset(preset)
            }
        },
        (Target::Text(text), Some(arch)) => Target::Text(match onto_word(&text, arch.describe().word) {
            Ok(there) => there,
            Err(_) => {
                ignored.push(format!("arch={}", arch.describe().word));
                text
            }
        }),
        (target, _) => target,
    };
    let other_machine = ignored.iter().any(|part| part.starts_with("arch="));
    if let Some(at) = options.at.take_if(|_| other_machine) {
        ignored.push(format!("at={at}"));
    }
    if !matches!(target, Target::Turned(..)) {
        options.arch = None;
    }
    Ok(Link { target, options, ignored })
}

/// A preset on an architecture: turned, or the one of its family that is written for it.
fn turned(preset: &'static Preset, arch: Architecture) -> Option<Target> {
    let there = preset.on(arch)?;
    if there.is_written_for(arch) {
        return Some(Target::Preset(there));
    }
    Some(Target::Turned(there, there.text_on(arch)?))
}

fn number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

fn preset(name: &str) -> Result<&'static Preset, LinkError> {
    by_name(name).ok_or_else(|| LinkError::UnknownPreset {
        name: name.chars().take(40).collect(),
        suggestion: nearest(name, PRESETS.iter().map(|p| p.name)),
    })
}

/// `input` without what was done to it on its way here.
fn cleaned(input: &str) -> Cow<'_, str> {
    let edge = |c: char| c.is_whitespace() || ",;:!?'\")]}>，。；：！？）】》」』”’".contains(c);
    let start = |c: char| c.is_whitespace() || "<(['\"".contains(c);
    // A full stop at the end is a sentence's: a link's own stop is before its checksum.
    let end = |c: char| edge(c) || c == '.';
    let trimmed = input.trim_start_matches(start).trim_end_matches(end);
    if !trimmed.contains(|c: char| c == '%' || c.is_whitespace() || c == ';') {
        return Cow::Borrowed(trimmed);
    }
    // What was encoded on the way (`%22`, `%E2%80%9D`) is undone before the ends are looked at.
    let plain = percent_decoded(trimmed).replace("&amp;", "&");
    let plain: String = plain.chars().filter(|c| !c.is_whitespace()).collect();
    Cow::Owned(plain.trim_start_matches(start).trim_end_matches(end).to_string())
}

/// Percent encoding undone; what is no UTF-8 then is replaced, since nothing but ASCII is in a link.
fn percent_decoded(text: &str) -> String {
    let digit = |b: Option<&u8>| b.and_then(|b| char::from(*b).to_digit(16));
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    // Bounded: `at` moves on through the fragment, which is at most 524,288 bytes.
    while let Some(&byte) = bytes.get(at) {
        match (byte, digit(bytes.get(at + 1)), digit(bytes.get(at + 2))) {
            (b'%', Some(high), Some(low)) => {
                out.push((high << 4 | low) as u8);
                at += 3;
            }
            _ => {
                out.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// The text of `base64url.crc`.
fn unpacked(packed: &str) -> Result<String, LinkError> {
    let (packed, said) = match packed.split_once('.') {
        Some((packed, said)) => (packed, Some(said)),
        None => (packed, None),
    };
    let (bytes, bad) = base64url::decode(packed);
    let (status, text) = inflated(&bytes);
    let recovered = || Some(String::from_utf8_lossy(&text).into_owned()).filter(|t| !t.is_empty());
    if let Some(index) = bad {
        let found = packed[index..].chars().next().unwrap_or('\u{fffd}');
        // Before it, all is ASCII: bytes are characters.
        return Err(LinkError::BadCharacter { found, place: index + 1, recovered: recovered() });
    }
    match status {
        TINFLStatus::Done => {}
        TINFLStatus::HasMoreOutput => return Err(LinkError::Bomb { recovered: recovered() }),
        // The data ended before its end: cut, unless a checksum follows it.
        TINFLStatus::FailedCannotMakeProgress | TINFLStatus::NeedsMoreInput if said.is_none() => {
            return Err(LinkError::Truncated { recovered: recovered() })
        }
        _ => return Err(LinkError::Mangled { recovered: recovered() }),
    }
    let said = match said {
        Some(said) if said.len() == 8 => {
            u32::from_str_radix(said, 16).ok().filter(|_| !said.starts_with('+'))
        }
        None => return Err(LinkError::Truncated { recovered: recovered() }),
        Some(said) if said.len() < 8 && said.bytes().all(|b| b.is_ascii_hexdigit()) => {
            return Err(LinkError::Truncated { recovered: recovered() })
        }
        Some(_) => None,
    };
    let Some(said) = said else { return Err(LinkError::Mangled { recovered: recovered() }) };
    let found = crc::crc32(&text);
    if said != found {
        return Err(LinkError::Checksum { said, found, recovered: recovered() });
    }
    match core::str::from_utf8(&text) {
        Ok(text) => Ok(text.to_string()),
        Err(_) => Err(LinkError::Mangled { recovered: recovered() }),
    }
}

/// Raw deflate (RFC 1951) undone, to [`MAX_TEXT`] bytes: how it ended, and what came out until then.
fn inflated(bytes: &[u8]) -> (TINFLStatus, Vec<u8>) {
    let mut out = vec![0; MAX_TEXT];
    let mut state = alloc::boxed::Box::<DecompressorOxide>::default();
    let whole = inflate_flags::TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;
    let (status, _, written) = decompress(&mut state, bytes, &mut out, 0, whole);
    out.truncate(written);
    (status, out)
}
