//! A cursor over one line, with the few readers that kernel messages need. Nothing here allocates or fails loudly.

use crate::addr::RequesterId;

/// The rest of a line, from left to right.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scan<'a>(pub(super) &'a str);

impl<'a> Scan<'a> {
    /// What follows the next occurrence of `word`.
    pub(super) fn after(self, word: &str) -> Option<Self> {
        self.0.find(word).map(|at| Scan(&self.0[at + word.len()..]))
    }

    /// What comes before the next occurrence of `word`.
    pub(super) fn before(self, word: &str) -> Option<Self> {
        self.0.find(word).map(|at| Scan(&self.0[..at]))
    }

    /// Does the text begin with `word`, spaces aside?
    pub(super) fn starts(self, word: &str) -> bool {
        self.0.trim_start().starts_with(word)
    }

    /// The next run of characters that are none of ` ,;]()` and control characters.
    pub(super) fn word(self) -> &'a str {
        let text = self.0.trim_start();
        let end = text.find(|c: char| c.is_control() || " ,;]()".contains(c)).unwrap_or(text.len());
        &text[..end]
    }

    /// A hexadecimal number, with or without `0x`, whatever follows it: for the few messages that lack a space.
    pub(super) fn loose_hex(self) -> Option<u64> {
        let text = self.0.trim_start();
        let text = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")).unwrap_or(text);
        let end = text.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(text.len());
        u64::from_str_radix(&text[..end], 16).ok()
    }

    /// A hexadecimal number, with or without `0x`.
    pub(super) fn hex(self) -> Option<u64> {
        let text = self.0.trim_start();
        let text = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")).unwrap_or(text);
        digits(text, 16)
    }

    /// A number: hexadecimal after `0x`, else decimal.
    pub(super) fn number(self) -> Option<u64> {
        let text = self.0.trim_start();
        match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
            Some(hex) => digits(hex, 16),
            None => digits(text, 10),
        }
    }

    /// Where a device stands on its bus: `bb:dd.f`, `ssss:bb:dd.f`, with `0x` before any part (Linux v5.14),
    /// or with a colon before the function (QEMU).
    pub(super) fn device(self) -> Option<Device<'a>> {
        let text = self.0.trim_start_matches(['[', ' ', '\t']);
        let end = text
            .find(|c: char| !(c.is_ascii_hexdigit() || matches!(c, ':' | '.' | 'x' | 'X')))
            .unwrap_or(text.len());
        let text = text[..end].trim_end_matches([':', '.']);
        let mut parts = [0u32; 4];
        let mut n = 0;
        for part in text.split([':', '.']) {
            let digits = part.strip_prefix("0x").or_else(|| part.strip_prefix("0X")).unwrap_or(part);
            if n == 4 || digits.is_empty() || digits.len() > 8 {
                return None;
            }
            parts[n] = u32::from_str_radix(digits, 16).ok()?;
            n += 1;
        }
        let [bus, device, function] = match n {
            3 => [parts[0], parts[1], parts[2]],
            4 => [parts[1], parts[2], parts[3]],
            _ => return None,
        };
        if bus > 255 || device > 31 || function > 7 {
            return None;
        }
        let segment = if n == 4 { parts[0] } else { 0 };
        // A segment above 255 (Intel VMD invents 0x10000 and up) is kept in the text only.
        let segment24 = if segment > 255 { 0 } else { segment };
        let id = RequesterId::new(segment24 << 16 | bus << 8 | device << 3 | function);
        Some(Device { id, text, segment })
    }
}

/// A device as a line names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Device<'a> {
    /// Its number.
    pub(super) id: RequesterId,
    /// As written.
    pub(super) text: &'a str,
    /// Its segment, which may be wider than `id` holds.
    pub(super) segment: u32,
}

impl Device<'_> {
    /// The segment, if `id` does not hold it.
    pub(super) fn wide_segment(&self) -> Option<u32> {
        (self.segment > 255).then_some(self.segment)
    }
}

/// The number at the start of `text`, if it ends where a number may: one that runs into letters, or into the marks of
/// somebody who hid its end, is not known.
fn digits(text: &str, radix: u32) -> Option<u64> {
    let end = text.find(|c: char| !c.is_digit(radix)).unwrap_or(text.len());
    match text[end..].chars().next() {
        Some(c) if c.is_alphanumeric() || matches!(c, '_' | '*' | '?' | '#' | '…') => None,
        _ => u64::from_str_radix(&text[..end], radix).ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_read_in_every_spelling() {
        let id = |text| Scan(text).device().map(|d| (d.id.raw(), d.text, d.segment));
        assert_eq!(id("[00:02.0] fault"), Some((0x10, "00:02.0", 0)));
        assert_eq!(id("[0x00:0x02.0] fault"), Some((0x10, "0x00:0x02.0", 0)));
        assert_eq!(id("[[42:00.1] fault"), Some((0x4201, "42:00.1", 0)));
        assert_eq!(id("0000:06:00.0 pasid"), Some((0x600, "0000:06:00.0", 0)));
        assert_eq!(id("10000:e1:00.0:"), Some((0xe100, "10000:e1:00.0", 0x10000)));
        assert_eq!(id("03:00:00, iova"), Some((0x300, "03:00:00", 0)));
        for bad in ["", "xyz", "00:20.0", "1:2:3:4:5", "00:02", "100:00.0", "fffffffff:0.0"] {
            assert_eq!(id(bad), None, "{bad}");
        }
    }

    #[test]
    fn numbers_stop_where_their_digits_stop_and_nowhere_else() {
        assert_eq!(Scan(" 0xfe]").hex(), Some(0xfe));
        assert_eq!(Scan("12] x").number(), Some(12));
        assert_eq!(Scan("12] x").hex(), Some(0x12));
        assert_eq!(Scan("0x12345678123456789").hex(), None);
        assert_eq!(Scan("").number(), None);
        for hidden in ["ffxxxxxx", "0xff****", "0xXXXX", "12_", "0xdead…", "0x1slpte"] {
            assert_eq!(Scan(hidden).hex(), None, "{hidden}");
        }
    }
}
