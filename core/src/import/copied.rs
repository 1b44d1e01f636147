//! What a copy does to a line: the marks of a mail, of `cat -n` and of forums, colours, what a terminal is told, characters as HTML writes
//! them. Out comes the line as it was.

use crate::explain::logs::shown;
use alloc::borrow::Cow;

/// The line as it was printed.
pub(super) fn original(line: &str) -> Cow<'_, str> {
    match shown(line) {
        Cow::Borrowed(line) => Cow::Borrowed(unmarked(line)),
        Cow::Owned(line) => Cow::Owned(unmarked(&line).into()),
    }
}

/// What is put around a whole text in forums; what follows on the same line is its first.
const OPENINGS: [&str; 4] = ["[code]", "<pre>", "<code>", "```"];

/// A line without what a mail or `cat -n` puts in front: `> `, a number and a tab.
fn unmarked(line: &str) -> &str {
    let mut line = line.trim_matches('\r');
    for opening in OPENINGS {
        let head = line.get(..opening.len()).filter(|head| head.eq_ignore_ascii_case(opening));
        line = head.map_or(line, |head| &line[head.len()..]);
    }
    // Bounded: each turn takes a mark away.
    while let Some(rest) =
        line.strip_prefix("> ").or_else(|| line.strip_prefix('>').filter(|rest| rest.starts_with('>')))
    {
        line = rest;
    }
    let numbered = line.split_once('\t').filter(|(number, _)| {
        number.len() >= 6
            && number.ends_with(|c: char| c.is_ascii_digit())
            && number.trim_start_matches(' ').bytes().all(|b| b.is_ascii_digit())
    });
    numbered.map_or(line, |(_, rest)| rest)
}
