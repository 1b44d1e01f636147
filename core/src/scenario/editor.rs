//! What an editor asks about a text that is being written: what could come next, and what each word is.

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::form::{Form, Wanted};
use super::lexer::{lex, Kind};
use super::names::symbols;
use super::noun::Noun;
use super::parse::{find_verb, parse_all};
use super::reference::{reference, Entry, Section};
use super::span::Span;
use crate::spec::Text;

/// Something that could stand at a place.
#[derive(Clone, Debug, PartialEq)]
pub struct Completion {
    /// The word.
    pub word: String,
    /// What follows it, or what it names: `BITS`, `device`.
    pub detail: String,
    /// What it means.
    pub meaning: Text,
}

/// What could stand at a place, and the characters that it would replace.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Completions {
    /// The beginning of a word that is written already; may be empty.
    pub replace: Span,
    /// What could stand there, in the order of the reference; names last.
    pub items: Vec<Completion>,
    /// What kind of thing is expected, when it is one that is not listed (a number, an address).
    pub expected: Option<Text>,
}

/// What could stand in `text` at `line` and `column` (both from 1; the cursor is before that character).
pub fn complete(text: &str, line: u32, column: u32) -> Completions {
    let whole = text.split('\n').nth(line.saturating_sub(1) as usize).unwrap_or("");
    let before: String = whole.chars().take(column.saturating_sub(1) as usize).collect();
    let mut out = Completions { replace: Span::new(line, column, 0), ..Completions::default() };
    // In a comment or an open text there is nothing to complete.
    let Ok(mut lexed) = lex(&before, line) else { return out };
    if lexed.comment.is_some() {
        return out;
    }
    let mut started = String::new();
    if !before.ends_with(char::is_whitespace) {
        if lexed.tokens.last().is_some_and(|t| t.kind != Kind::Word) {
            // Right after a text or a symbol the next word needs no space.
        } else if let Some(last) = lexed.tokens.pop() {
            started = last.raw.to_string();
            out.replace = last.span;
            lexed.end = Span::new(line, last.span.column, 0);
        }
    }
    let tokens = match &lexed.tokens[..] {
        [_, equals, rest @ ..] if equals.raw == "=" => rest,
        tokens => tokens,
    };
    let entries = reference();
    let offer = |out: &mut Completions, word: &str, detail: &str, meaning: Text| {
        if word.starts_with(started.as_str()) && out.items.iter().all(|item| item.word != word) {
            out.items.push(Completion { word: word.into(), detail: detail.into(), meaning });
        }
    };
    let named = lexed.tokens.len() != tokens.len();
    let Ok(((verb, make), used)) = find_verb(tokens, lexed.end, &None) else {
        verbs(&entries, tokens, named, in_steps(text, line), &mut |word, detail, meaning| {
            offer(&mut out, word, detail, meaning);
        });
        return out;
    };
    if used == tokens.len() {
        // A verb that is the beginning of others too: `bridge`.
        verbs(&entries, tokens, named, in_steps(text, line), &mut |word, detail, meaning| {
            offer(&mut out, word, detail, meaning);
        });
    }
    let mut form = Form::reader(&tokens[used..], Span::default(), lexed.end, None);
    form.assume_result();
    // Where reading stops for want of more is where the cursor is.
    let result = make().form(&mut form);
    let entry = entries.iter().find(|e| e.verb == verb);
    for wanted in form.into_wanted(&result) {
        match wanted {
            Wanted::Word(word) => {
                let key = entry.and_then(|e| e.keys.iter().find(|k| k.word == word));
                offer(
                    &mut out,
                    word,
                    key.map_or("", |k| &k.value),
                    key.map_or(Text::new("", ""), |k| k.meaning),
                );
            }
            Wanted::Noun(noun) => {
                let (en, zh) = noun.describe();
                out.expected = Some(Text::new(en, zh));
                let (scenario, _) = parse_all(text);
                for symbol in symbols(&scenario).iter().filter(|s| s.kind.fits(noun)) {
                    let (en, zh) = symbol.kind.words();
                    offer(&mut out, &symbol.name, "", Text::new(en, zh));
                }
                if noun == Noun::Attachment {
                    offer(
                        &mut out,
                        "pass-through",
                        "",
                        Text::new("addresses are physical already", "地址已是物理地址"),
                    );
                    offer(&mut out, "blocked", "", Text::new("every request faults", "所有请求都出错"));
                }
            }
        }
    }
    out
}

/// Verbs that could begin a line, or go on after the first word of one.
fn verbs(
    entries: &[Entry],
    tokens: &[super::lexer::Token<'_>],
    named: bool,
    in_steps: bool,
    offer: &mut dyn FnMut(&str, &str, Text),
) {
    for entry in entries {
        let fits = match entry.section {
            Section::Header => entry.verb.starts_with("note") || !in_steps,
            Section::Machine => !in_steps,
            Section::Operations | Section::Expectations => in_steps,
        };
        if !fits || (named && !entry.syntax.starts_with("NAME = ")) {
            continue;
        }
        let same = entry.verb.split(' ').zip(tokens).take_while(|(word, token)| *word == token.raw).count();
        if let Some(word) = entry.verb.split(' ').nth(same).filter(|_| same == tokens.len()) {
            offer(word, "", entry.meaning);
        }
    }
}

/// Does `line` stand after `steps`?
fn in_steps(text: &str, line: u32) -> bool {
    text.split('\n')
        .take(line.saturating_sub(1) as usize)
        .any(|l| l.split('#').next().unwrap_or("").trim() == "steps")
}

/// What a word is, for colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// The word or words that a statement begins with.
    Verb,
    /// A keyword of the statement.
    Keyword,
    /// A number, a length, a bus:device.function.
    Number,
    /// A text in quotes.
    Text,
    /// A name.
    Name,
    /// `->`, `..` and their like.
    Symbol,
    /// A comment.
    Comment,
}

/// What each word of a text is, in order. A line that cannot be cut into words has none.
pub fn highlight(text: &str) -> Vec<(Span, Class)> {
    let entries = reference();
    let keys: BTreeMap<&str, &Entry> = entries.iter().map(|e| (e.verb, e)).collect();
    let mut out = Vec::new();
    for (i, line) in text.split('\n').enumerate() {
        let number = i as u32 + 1;
        let Ok(lexed) = lex(line, number) else { continue };
        let skip = if lexed.tokens.get(1).is_some_and(|t| t.raw == "=") { 2 } else { 0 };
        let found = find_verb(lexed.tokens.get(skip..).unwrap_or(&[]), lexed.end, &None).ok();
        let (verb, used) = found.map_or(("", 0), |((verb, _), used)| (verb, used));
        for (nth, token) in lexed.tokens.iter().enumerate() {
            let class = match token.kind {
                Kind::Text(_) => Class::Text,
                Kind::Symbol => Class::Symbol,
                Kind::Word if nth >= skip && nth < skip + used => Class::Verb,
                Kind::Word if keys.get(verb).is_some_and(|e| e.keys.iter().any(|k| k.word == token.raw)) => {
                    Class::Keyword
                }
                Kind::Word if token.raw.trim_start_matches('+').starts_with(|c: char| c.is_ascii_digit()) => {
                    Class::Number
                }
                Kind::Word => Class::Name,
            };
            out.push((token.span, class));
        }
        out.extend(lexed.comment_span.map(|span| (span, Class::Comment)));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "iommu-playground 1
device nic 00:03.0
device nice 00:04.0
vm blue
process db in blue
steps
alloc buf 4K
";

    /// The words that could stand at the end of `line`, added to the text.
    fn words(line: &str) -> Vec<String> {
        let text = alloc::format!("{TEXT}{line}");
        complete(&text, 8, line.chars().count() as u32 + 1).items.into_iter().map(|i| i.word).collect()
    }

    #[test]
    fn what_could_come_next_is_offered() {
        assert_eq!(words("  dm")[..2], ["dma_alloc_coherent", "dma_free_coherent"]);
        assert_eq!(words("cpu "), ["read", "write", "evict", "in", "out", "config-read", "config-write"]);
        assert_eq!(words("cpu w"), ["write"]);
        assert_eq!(words("dma "), ["nic", "nice"]);
        assert_eq!(words("dma nic "), ["read", "write"]);
        assert_eq!(words("dma nic write "), ["local", "nic", "nice", "buf"]);
        assert_eq!(words("dma nic write buf pa"), ["pasid"]);
        assert_eq!(words("dma nic write buf pasid 1 p"), ["privileged"]);
        assert_eq!(words("attach nic to "), ["blue", "pass-through", "blocked"]);
        assert_eq!(
            words("rx = "),
            [
                "dma_alloc_coherent",
                "dma_map_single",
                "dma_map_page",
                "dma_map_sg",
                "dma_map_resource",
                "ioremap"
            ]
        );
        assert_eq!(words("rx = dma_map_single nic buf "), ["to-device", "from-device", "bidirectional"]);
        assert_eq!(words("expect iotlb "), ["hit", "miss", "stale"]);
        assert_eq!(words("alloc x 4K # dma"), Vec::<String>::new());
        assert_eq!(words("note \"dma"), Vec::<String>::new());
        assert!(words("").contains(&"expect".to_string()));
        assert!(!words("").contains(&"ram".to_string()));
        let at = complete(TEXT, 2, 12);
        assert_eq!(at.expected.map(|e| e.en), Some(Noun::Bdf.describe().0));
    }

    #[test]
    fn words_have_their_colours() {
        let text = "rx = dma_map_single nic buf +4K to-device # 网";
        let classes: Vec<Class> = highlight(text).into_iter().map(|(_, c)| c).collect();
        use Class::*;
        assert_eq!(classes, [Name, Symbol, Verb, Name, Name, Number, Keyword, Comment]);
        let (span, _) = highlight(text)[7];
        assert_eq!(&text[span.bytes(text)], "# 网");
    }
}
