//! Texts of a scenario as they may be shown: anyone may have written them.

use alloc::{borrow::Cow, string::String};

/// Returns a text with characters that act, and are not seen, as `·`: controls, and what changes the direction of the
/// characters after it. Line ends and tabs stay, and so do the letters of every script.
pub fn plain(text: &str) -> Cow<'_, str> {
    if text.chars().any(acts) {
        Cow::Owned(text.chars().map(|c| if acts(c) { '\u{b7}' } else { c }).collect::<String>())
    } else {
        Cow::Borrowed(text)
    }
}

/// Returns whether a character is a control, or one that directs others (Unicode's Bidi_Control and separators of lines).
pub fn acts(c: char) -> bool {
    c.is_control() && !matches!(c, '\n' | '\t' | '\r')
        || matches!(c as u32, 0x61c | 0x200e | 0x200f | 0x2028..=0x202e | 0x2066..=0x2069 | 0xfeff)
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn nothing_that_acts_is_shown_and_every_letter_is() {
        assert_eq!(plain("a\u{202e}b\u{1b}[2J\u{0}\u{85}"), "a·b·[2J··");
        for text in ["two\n\tlines", "普通文字 é", "שלום", "می\u{200c}خواهم", "👩\u{200d}💻"]
        {
            assert_eq!(plain(text), text);
        }
    }
}
