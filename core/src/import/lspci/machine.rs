//! `lspci` for programs: `-mm`, a line of quoted words for each function, and `-vmm`, a line for each fact (lspci(8)). Both become the
//! headline that `lspci` prints otherwise.

use super::names::bracketed;
use crate::import::found::{Bdf, Source};
use alloc::format;
use alloc::string::{String, ToString};

/// What such a listing says of a function.
#[derive(Debug, Default)]
pub(super) struct Listed {
    /// Where it is, as printed.
    pub(super) place: String,
    class: String,
    vendor: String,
    name: String,
    revision: String,
    pub(super) driver: Option<String>,
    pub(super) group: Option<u32>,
    /// Where it begins.
    pub(super) from: Source,
}

impl Listed {
    /// `Slot:` begins a function; without a second `m`, `Device:` does, which also names it.
    pub(super) fn begins(line: &str, from: Source) -> Option<Listed> {
        let (key, place) = fact(line)?;
        (matches!(key, "Slot" | "Device") && Bdf::parse(place).is_some()).then(|| Listed {
            place: place.into(),
            from,
            ..Listed::default()
        })
    }

    /// Reads a line of a function that began; returns whether it is one.
    pub(super) fn takes(&mut self, line: &str) -> bool {
        let Some((key, value)) = fact(line) else { return false };
        let to = match key {
            "Class" => &mut self.class,
            "Vendor" => &mut self.vendor,
            "Device" => &mut self.name,
            "Rev" => &mut self.revision,
            "Driver" => self.driver.get_or_insert_with(String::new),
            "IOMMUGroup" => {
                self.group = self.group.or(value.parse().ok());
                return true;
            }
            "SVendor" | "SDevice" | "ProgIf" | "Module" | "NUMANode" | "DTNode" | "PhySlot" => return true,
            _ => return false,
        };
        if to.is_empty() {
            *to = value.into();
        }
        true
    }

    /// `00:02.0 "VGA compatible controller" "Intel Corporation" "UHD Graphics" -r02 "Vendor" "Subsystem"`.
    pub(super) fn of_line(line: &str, from: Source) -> Option<Listed> {
        let (place, rest) = line.split_once(' ')?;
        let _ = Bdf::parse(place)?;
        // Without quotes around each word (an old `-m` has them too) it is no such line.
        let (class, rest) = quoted(rest)?;
        let (vendor, rest) = quoted(rest)?;
        let (name, rest) = quoted(rest)?;
        let revision = rest.split_whitespace().find_map(|word| word.strip_prefix("-r")).unwrap_or("");
        let revision = revision.to_string();
        Some(Listed { place: place.into(), class, vendor, name, revision, from, ..Listed::default() })
    }

    /// The headline as `lspci -nn` has it; none where the listing ends before the class.
    pub(super) fn headline(&self) -> Option<String> {
        let plain = |text: &str| text.len() == 4 && text.bytes().all(|b| b.is_ascii_hexdigit());
        if self.class.is_empty() {
            return None;
        }
        let (vendor, name) = (&self.vendor, &self.name);
        let what = match (bracketed(vendor), bracketed(name)) {
            (Some((vendor, v)), Some((name, d))) => format!("{vendor} {name} [{v}:{d}]"),
            _ if plain(vendor) && plain(name) => format!("{vendor}:{name}"),
            _ => format!("{vendor} {name}"),
        };
        let revision = match self.revision.as_str() {
            "" => String::new(),
            revision => format!(" (rev {revision})"),
        };
        Some(format!("{} {}: {}{revision}", self.place, self.class, what.trim()))
    }
}

/// `Key:<tab>value`; a copy may have made spaces of the tab.
fn fact(line: &str) -> Option<(&str, &str)> {
    let (key, value) = line.split_once(':')?;
    let is_key = !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphabetic());
    (is_key && value.starts_with(['\t', ' '])).then(|| (key, value.trim()))
}

/// A word in quotes, in which a backslash keeps the character behind it, and what follows.
fn quoted(text: &str) -> Option<(String, &str)> {
    let inside = text.trim_start().strip_prefix('"')?;
    let mut word = String::new();
    let mut kept = false;
    for (at, c) in inside.char_indices() {
        match c {
            '"' if !kept => return Some((word, &inside[at + 1..])),
            '\\' if !kept => kept = true,
            _ => {
                word.push(c);
                kept = false;
            }
        }
    }
    None
}
