//! What goes to a terminal. A scenario, a link or a log may hold characters that command a terminal (escape sequences)
//! or reorder what a reader sees; they are shown as `\u{1b}`, so that text stays text.

use iommu_core::scenario::plain::acts;
use std::fmt::{Display, Write as _};

/// Returns `text` with characters that act, and are not seen, written as escapes. Line ends and tabs stay.
pub fn shown(text: &impl Display) -> String {
    let text = text.to_string();
    if !text.chars().any(acts) {
        return text;
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if acts(c) {
            let _ = write!(out, "{}", c.escape_unicode());
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::shown;

    #[test]
    fn nothing_that_acts_gets_through() {
        assert_eq!(shown(&"a\u{1b}]0;title\u{7}b\n\tc"), "a\\u{1b}]0;title\\u{7}b\n\tc");
        assert_eq!(shown(&"\u{202e}abc\u{2066}\u{9b}2J"), "\\u{202e}abc\\u{2066}\\u{9b}2J");
        assert_eq!(shown(&"普通文字 é"), "普通文字 é");
    }
}
