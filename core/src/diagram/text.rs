//! Text on the character grid: how many cells it takes, what of it may be shown, where it breaks.

use alloc::{format, string::String, vec::Vec};
use unicode_width::UnicodeWidthChar;

/// How many cells a character takes: 2 for Chinese, 0 for marks that combine.
pub fn char_width(c: char) -> i32 {
    c.width().map_or(0, |w| w as i32)
}

/// How many cells a text takes.
pub fn width(text: &str) -> i32 {
    text.chars().map(char_width).sum()
}

/// A name from a scenario as it may be shown: no control, no change of direction, nothing that combines
/// (a picture is a grid of cells), runs of blanks as one, at most `limit` characters with the cut marked.
pub fn clean(text: &str, limit: usize) -> String {
    let mut out = String::new();
    let mut count = 0;
    for c in text.chars() {
        let c = if c.is_whitespace() { ' ' } else { c };
        // Right-to-left scripts would make a renderer reorder the cells after them, numbers included.
        let shown = if c.is_control() || is_format(c) || is_rtl(c) { '\u{b7}' } else { c };
        if char_width(shown) == 0 || shown == ' ' && (out.is_empty() || out.ends_with(' ')) {
            continue;
        }
        if count == limit {
            out.push('…');
            break;
        }
        out.push(shown);
        count += 1;
    }
    // Bounded: each turn takes a character.
    while out.ends_with(' ') {
        out.pop();
    }
    out
}

/// Characters that direct, join or hide others, and private or unassigned planes that fonts draw anyhow.
fn is_format(c: char) -> bool {
    matches!(c as u32, 0xad | 0x61c | 0x180e | 0x200b..=0x200f | 0x2028..=0x202e | 0x2060..=0x206f | 0xfeff
        | 0xfff9..=0xfffb | 0xe0000..=0xe0fff)
}

fn is_rtl(c: char) -> bool {
    matches!(c as u32, 0x590..=0x8ff | 0xfb1d..=0xfdff | 0xfe70..=0xfeff | 0x10800..=0x10fff | 0x1e800..=0x1efff)
}

/// Breaks a text into lines of at most `max` cells: after blanks and `_ - / , :` where it can, anywhere between
/// two Chinese characters, inside a word only when the word alone is longer. Never loses a character but blanks
/// at a break.
pub fn wrap(text: &str, max: i32) -> Vec<String> {
    let max = max.max(2);
    let mut lines = Vec::new();
    let mut line = String::new();
    let mut used = 0;
    // Where the line may break: bytes of `line`, and cells up to there.
    let mut break_at = 0;
    for c in text.chars() {
        let w = char_width(c);
        if line.chars().last().is_some_and(|before| may_break(before, c)) {
            break_at = line.len();
        }
        // Bounded: each turn cuts a piece off the word.
        while used + w > max {
            let cut = if break_at > 0 && c != ' ' { break_at } else { line.len() };
            let rest: String = line[cut..].into();
            line.truncate(cut);
            lines.push(String::from(line.trim_end()));
            line = rest;
            used = width(&line);
            break_at = 0;
        }
        if line.is_empty() && c == ' ' {
            continue;
        }
        line.push(c);
        used += w;
    }
    if !line.trim_end().is_empty() || lines.is_empty() {
        lines.push(String::from(line.trim_end()));
    }
    accompany(&mut lines, max);
    lines
}

/// A last line of one Chinese character takes the one before it along.
fn accompany(lines: &mut [String], max: i32) {
    let [.., before, last] = lines else { return };
    let wide = |c: char| char_width(c) == 2;
    let mut alone = last.chars();
    let (Some(first), None) = (alone.next(), alone.next()) else { return };
    let mut back = before.char_indices().rev();
    let (Some((at, moved)), Some((_, stays))) = (back.next(), back.next()) else { return };
    if max >= 4 && wide(first) && wide(moved) && may_break(stays, moved) {
        last.insert(0, moved);
        before.truncate(at);
        before.truncate(before.trim_end().len());
    }
}

/// May a line end between two characters? Around a Chinese one, or after what joins words; but no line ends with an
/// opening bracket or begins with what closes.
fn may_break(before: char, after: char) -> bool {
    let opens = matches!(before, '(' | '（' | '「' | '『' | '《' | '【' | '“' | '‘');
    let closes = matches!(
        after,
        ')' | ','
            | '）'
            | '」'
            | '』'
            | '》'
            | '】'
            | '”'
            | '’'
            | '，'
            | '。'
            | '、'
            | '：'
            | '；'
            | '！'
            | '？'
    );
    let between = char_width(before) == 2
        || char_width(after) == 2
        || matches!(before, ' ' | '_' | '-' | '/' | ',' | ':');
    between && !opens && !closes
}

/// An address as every view here writes it.
pub fn hex(address: u64) -> String {
    format!("{address:#x}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn chinese_takes_two_cells_and_breaks_anywhere() {
        assert_eq!(width("IO 虚拟地址"), 11);
        assert_eq!(wrap("IO 虚拟地址", 6), ["IO 虚", "拟地址"]);
        assert_eq!(wrap("dma_alloc_coherent", 10), ["dma_alloc_", "coherent"]);
        assert_eq!(wrap("a very long word", 6), ["a very", "long", "word"]);
        // No line ends with an opening bracket or begins with what closes.
        assert_eq!(wrap("总线地址（虚拟）", 10), ["总线地址", "（虚拟）"]);
        assert_eq!(wrap("地址，总线", 4), ["地", "址，", "总线"]);
        assert_eq!(wrap("总线虚拟)", 8), ["总线虚", "拟)"]);
        // No character stands alone in the last line.
        assert_eq!(wrap("客户机物理地址", 12), ["客户机物理", "地址"]);
        assert_eq!(wrap("blue 的内存", 9), ["blue 的", "内存"]);
    }

    #[test]
    fn a_hostile_name_is_tamed() {
        assert_eq!(clean("a\u{202e}b\nc\u{0}\u{301}  d\u{5d0}", 40), "a·b c· d·");
        assert_eq!(clean("abcdef", 3), "abc…");
    }

    proptest! {
        #[test]
        fn lines_fit_and_nothing_but_blanks_is_lost(text in "[ a-z_\\-0-9虚拟地址é]{0,60}", max in 2i32..30) {
            let lines = wrap(&text, max);
            for line in &lines {
                prop_assert!(width(line) <= max, "{line:?}");
            }
            let solid = |s: &str| s.replace(' ', "");
            prop_assert_eq!(solid(&lines.concat()), solid(&text));
        }
        #[test]
        fn clean_text_is_plain(text in any::<String>()) {
            let t = clean(&text, 20);
            prop_assert!(t.chars().all(|c| !c.is_control() && char_width(c) > 0));
            prop_assert!(t.chars().count() <= 21);
            prop_assert_eq!(clean(&t, 30), t);
        }
    }
}
