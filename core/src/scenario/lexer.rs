//! A line as tokens: words, texts in quotes, a few symbols, and the comment.

use alloc::string::String;
use alloc::vec::Vec;

use super::problem::Problem;
use super::span::Span;

/// What a token is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind {
    /// A run of characters without spaces.
    Word,
    /// A text in quotes, its escapes replaced.
    Text(String),
    /// One of [`SYMBOLS`].
    Symbol,
}

/// One token.
#[derive(Clone, Debug)]
pub(super) struct Token<'t> {
    pub kind: Kind,
    /// As written, quotes and escapes included.
    pub raw: &'t str,
    pub span: Span,
}

/// The symbols; they end a word even without a space before them. Longer ones first.
const SYMBOLS: [&str; 6] = ["->", "..", "!=", ">=", "<=", "="];

/// The tokens of one line and its comment.
pub(super) struct LexedLine<'t> {
    pub tokens: Vec<Token<'t>>,
    /// What follows `#`, without spaces at its end.
    pub comment: Option<&'t str>,
    /// The comment with its `#`.
    pub comment_span: Option<Span>,
    /// Just after the last token.
    pub end: Span,
}

/// Splits one line (without its line end) into tokens.
pub(super) fn lex(line: &str, number: u32) -> Result<LexedLine<'_>, Problem> {
    let mut tokens: Vec<Token<'_>> = Vec::new();
    let mut comment = None;
    let mut comment_span = None;
    let mut rest = line;
    let mut column = 1u32;
    let count = |s: &str| s.chars().count() as u32;
    // Bounded: the rest gets shorter.
    loop {
        let trimmed = rest.trim_start();
        column += count(&rest[..rest.len() - trimmed.len()]);
        rest = trimmed;
        let Some(first) = rest.chars().next() else { break };
        if first == '#' {
            comment = Some(rest[1..].trim_end());
            comment_span = Some(Span::new(number, column, count(rest.trim_end())));
            break;
        }
        let (kind, len) = if first == '"' {
            read_text(rest, number, column)?
        } else if let Some(symbol) = SYMBOLS.iter().find(|s| rest.starts_with(**s)) {
            (Kind::Symbol, symbol.len())
        } else {
            (Kind::Word, word_len(rest))
        };
        let raw = &rest[..len];
        let width = count(raw);
        tokens.push(Token { kind, raw, span: Span::new(number, column, width) });
        column += width;
        rest = &rest[len..];
    }
    let end =
        tokens.last().map_or(Span::new(number, 1, 0), |t| Span::new(number, t.span.column + t.span.len, 0));
    Ok(LexedLine { tokens, comment, comment_span, end })
}

/// How many bytes the word at the start of `rest` has; at least one character.
fn word_len(rest: &str) -> usize {
    rest.char_indices()
        .skip(1)
        .find(|&(at, c)| {
            c.is_whitespace() || c == '"' || c == '#' || SYMBOLS.iter().any(|s| rest[at..].starts_with(s))
        })
        .map_or(rest.len(), |(at, _)| at)
}

/// The text in quotes at the start of `rest`, and how many bytes it takes with its quotes.
fn read_text(rest: &str, line: u32, column: u32) -> Result<(Kind, usize), Problem> {
    let mut text = String::new();
    let mut chars = rest.char_indices().enumerate().skip(1);
    // Bounded: a character each turn.
    while let Some((_, (at, c))) = chars.next() {
        match c {
            '"' => return Ok((Kind::Text(text), at + 1)),
            '\\' => {
                let Some((nth, (_, escaped))) = chars.next() else { break };
                text.push(match escaped {
                    'n' => '\n',
                    't' => '\t',
                    'r' => '\r',
                    '"' | '\\' => escaped,
                    other => {
                        return Err(Problem::expected_text(
                            Span::new(line, column + nth as u32 - 1, 2),
                            "`\\n`, `\\t`, `\\r`, `\\\"` or `\\\\`",
                            " `\\n`、`\\t`、`\\r`、`\\\"` 或 `\\\\`",
                            &alloc::format!("\\{other}"),
                        ))
                    }
                });
            }
            c => text.push(c),
        }
    }
    Err(Problem::expected_text(
        Span::new(line, column + rest.chars().count() as u32, 0),
        "`\"` to end the text",
        "结束文字的 `\"`",
        "",
    ))
}

/// `text` in quotes, with the escapes that [`lex`] reads back.
pub(super) fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
