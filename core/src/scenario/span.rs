//! Where something was written.

use core::fmt;

/// A run of characters on one line of a scenario.
///
/// Two spans always compare equal: where something was written is no part of what was written, so a
/// statement read from a text equals the same statement built by hand. Compare the fields to tell
/// places apart.
#[derive(Clone, Copy, Debug, Default, Eq)]
pub struct Span {
    /// The line, from 1; 0 in a value that was not read from a text.
    pub line: u32,
    /// The column of the first character, from 1, in Unicode characters.
    pub column: u32,
    /// How many characters.
    pub len: u32,
}

impl PartialEq for Span {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Span {
    /// `len` characters from `column` of `line`, both from 1.
    pub const fn new(line: u32, column: u32, len: u32) -> Self {
        Span { line, column, len }
    }
    /// From the first character of `self` to the last of `other`; only `self` when they are on two lines.
    pub fn to(self, other: Span) -> Span {
        if self.line != other.line {
            return self;
        }
        let start = self.column.min(other.column);
        let end = (self.column + self.len).max(other.column + other.len);
        Span { line: self.line, column: start, len: end - start }
    }
    /// The same place as byte offsets into `text`, clamped to it.
    pub fn bytes(self, text: &str) -> core::ops::Range<usize> {
        let mut start = 0;
        for _ in 1..self.line {
            match text[start..].find('\n') {
                Some(end) => start += end + 1,
                None => return text.len()..text.len(),
            }
        }
        let line = text[start..].split('\n').next().unwrap_or("");
        let at = |column: u32| {
            line.char_indices().nth(column as usize).map_or(start + line.len(), |(byte, _)| start + byte)
        };
        at(self.column.saturating_sub(1))..at(self.column.saturating_sub(1) + self.len)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// A value and where it was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Node<T> {
    /// What was written.
    pub value: T,
    /// Where.
    pub span: Span,
}

impl<T> Node<T> {
    /// `value`, written nowhere.
    pub const fn new(value: T) -> Self {
        Node { value, span: Span { line: 0, column: 0, len: 0 } }
    }
}

impl<T> core::ops::Deref for Node<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.value
    }
}
