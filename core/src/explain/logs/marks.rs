//! Which of many words occur in a line, in one pass over it.
//!
//! A table of all pairs of bytes says at once that most places of a line begin none of the words.

use alloc::vec;
use alloc::vec::Vec;

/// A set of words to look for.
pub(super) struct Marks {
    /// For each pair of bytes: 0, or 1 + the bucket of words that have this pair at their chosen place.
    table: Vec<u16>,
    /// Word number, the word, and where in it the pair is.
    buckets: Vec<Vec<(u16, &'static [u8], u8)>>,
}

impl Marks {
    /// The words, numbered from 0 in their order. Words shorter than two bytes are never found.
    pub(super) fn new(words: impl Iterator<Item = &'static str>) -> Self {
        let mut marks = Marks { table: vec![0; 1 << 16], buckets: Vec::new() };
        for (number, word) in words.enumerate() {
            let bytes = word.as_bytes();
            let Some(at) =
                (0..bytes.len().saturating_sub(1)).min_by_key(|&i| common(bytes[i]) + common(bytes[i + 1]))
            else {
                continue;
            };
            let slot = &mut marks.table[usize::from(bytes[at]) << 8 | usize::from(bytes[at + 1])];
            if *slot == 0 {
                marks.buckets.push(Vec::new());
                *slot = marks.buckets.len() as u16;
            }
            marks.buckets[usize::from(*slot) - 1].push((number as u16, bytes, at as u8));
        }
        marks
    }

    /// Puts into `found` the numbers of the words that occur in `text`, in rising order, each once.
    pub(super) fn find(&self, text: &str, found: &mut Vec<u16>) {
        found.clear();
        let bytes = text.as_bytes();
        for at in 0..bytes.len().saturating_sub(1) {
            let slot = self.table[usize::from(bytes[at]) << 8 | usize::from(bytes[at + 1])];
            if slot == 0 {
                continue;
            }
            for &(number, word, offset) in &self.buckets[usize::from(slot) - 1] {
                let Some(from) = at.checked_sub(usize::from(offset)) else { continue };
                if bytes[from..].starts_with(word) && !found.contains(&number) {
                    found.push(number);
                }
            }
        }
        found.sort_unstable();
    }
}

/// How often a byte is met in a log, roughly: the rarer the pair, the fewer places are looked at twice.
fn common(byte: u8) -> u8 {
    match byte {
        b' ' | b'e' | b'0' => 9,
        b'x' => 8,
        b'a'..=b'z' => 6,
        b'1'..=b'9' | b':' | b'.' => 7,
        b'A'..=b'Z' => 3,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const WORDS: [&str; 6] = ["Request device", "vest", "ab", "ba", " @0x", "Re"];

    proptest! {
        #[test]
        fn it_finds_what_contains_finds(text in "[abRequest dvic@0x]{0,60}") {
            let mut found = Vec::new();
            Marks::new(WORDS.into_iter()).find(&text, &mut found);
            let plain: Vec<u16> =
                WORDS.iter().enumerate().filter(|(_, word)| text.contains(**word)).map(|(i, _)| i as u16).collect();
            prop_assert_eq!(found, plain);
        }
    }
}
