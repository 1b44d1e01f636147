//! Numbers and words out of lines.

use super::found::Extent;
use crate::explain::logs::bare;
use alloc::borrow::Cow;

/// Returns a hexadecimal number, with or without `0x`; `_` may stand between digits.
pub fn hex(text: &str) -> Option<u64> {
    let text = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")).unwrap_or(text);
    if text.is_empty() || text.len() > 16 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    u64::from_str_radix(text, 16).ok()
}

/// Returns a number as C and device trees write it: hexadecimal after `0x`, otherwise decimal.
pub fn number(text: &str) -> Option<u64> {
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) => hex(digits),
        None => text.parse().ok(),
    }
}

/// Returns the range `FIRST-LAST`, both hexadecimal.
pub fn extent(text: &str) -> Option<Extent> {
    let (first, last) = text.split_once('-')?;
    Extent::new(hex(first)?, hex(last)?)
}

/// Returns what is after `mark`.
pub fn after<'a>(text: &'a str, mark: &str) -> Option<&'a str> {
    text.find(mark).map(|at| &text[at + mark.len()..])
}

/// Returns what is between two marks.
pub fn between<'a>(text: &'a str, open: &str, close: &str) -> Option<&'a str> {
    let rest = after(text, open)?;
    Some(&rest[..rest.find(close)?])
}

/// Returns the digits that a text begins with, as a decimal number.
pub fn leading(text: &str) -> Option<u64> {
    let text = text.trim_start();
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text[..end].parse().ok()
}

/// Returns a word up to a space, comma or bracket.
pub fn word(text: &str) -> &str {
    let text = text.trim_start();
    // Nearly every line is ASCII, whose characters need no decoding.
    let ends = |b: u8| b.is_ascii_whitespace() || matches!(b, b',' | b')' | b']' | b';');
    match text.bytes().position(|b| ends(b) || !b.is_ascii()) {
        None => text,
        Some(end) if text.as_bytes()[end].is_ascii() => &text[..end],
        Some(_) => {
            let end = text.find(|c: char| c.is_whitespace() || u8::try_from(c).is_ok_and(ends));
            &text[..end.unwrap_or(text.len())]
        }
    }
}

/// Returns a size such as `16K`, `8G`, `128`.
pub fn size(text: &str) -> Option<u64> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let number: u64 = text[..end].parse().ok()?;
    let shift = match &text[end..] {
        "" => 0,
        "K" => 10,
        "M" => 20,
        "G" => 30,
        "T" => 40,
        "P" => 50,
        "E" => 60,
        _ => return None,
    };
    number.checked_mul(1u64 << shift)
}

/// Returns a line without what logs put before a message and around it: dates, hosts, times of any form, colours. The reader of
/// fault logs knows them all, and a line means the same here.
pub fn message(line: &str) -> Cow<'_, str> {
    bare(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_what_is_left_without_its_stamps() {
        let said = "pci 0000:00:01.0: [8086:1901] type 01 class 0x060400";
        for before in [
            "",
            "[    0.400000] ",
            "[    0.400000][    T1] ",
            "[Mon Nov 30 12:00:01 2026] ",
            "kern  :info  : [    0.400000] ",
            "kern  :info  : [Mon Nov 30 12:00:01 2026] ",
            "<6>[    0.400000] ",
            "Nov 30 12:00:01 host kernel: [    0.400000] ",
            "Nov 30 12:00:01 host kernel: ",
        ] {
            let line = [before, said].concat();
            assert_eq!(message(&line), said, "{before}");
        }
        assert_eq!(message("[Firmware Bug]: x"), "[Firmware Bug]: x");
    }
}
