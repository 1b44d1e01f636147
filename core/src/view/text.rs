//! What a scenario's text says about itself, what is wrong with it, and what could be written.

use super::types::{
    Card, CardArchitecture, Coloured, Head, NoteLine, Offer, OfferWord, Poked, TermUse, Trouble, Variant,
};
use crate::diagram::text::clean;
use crate::explain::marks;
use crate::iommu::Architecture;
use crate::scenario::editor::{complete, highlight, Class};
use crate::scenario::outline::Texts;
use crate::scenario::plain::plain;
use crate::scenario::{change, edit, presets, print, Outline, Problem, Scenario};
use crate::spec::Lang;
use alloc::{string::String, vec::Vec};

fn pick(texts: Texts, lang: Lang) -> String {
    plain(texts.pick(lang == Lang::Zh).unwrap_or("")).into_owned()
}

/// What a scenario says about itself.
pub fn head(scenario: &Scenario, lang: Lang) -> Head {
    let outline = Outline::new(scenario);
    let notes = outline
        .steps
        .iter()
        .flat_map(|s| s.notes.iter().map(|n| NoteLine { line: s.span.line, text: pick(*n, lang) }));
    Head {
        // The one text that a page puts into one line, its tab and its links: no control, no change of direction, and
        // not a thousand marks on one letter, which take a browser minutes to lay out.
        title: clean(&pick(outline.title, lang), TITLE),
        machine: outline.architecture().map_or("none", |a| a.describe().word).into(),
        answer: pick(outline.answer, lang),
        try_this: pick(outline.try_this, lang),
        changed: if outline.changes.is_empty() { None } else { change(scenario).ok().map(|s| print(&s)) },
        sources: outline.sources.iter().map(|source| plain(source).into_owned()).collect(),
        notes: notes.collect(),
    }
}

/// The longest title that is shown, in characters.
const TITLE: usize = 200;

/// The gallery.
pub fn gallery(lang: Lang) -> Vec<Card> {
    let cards = presets::PRESETS.iter().map(|p| {
        let (en, zh) = p.difficulty.words();
        let title = crate::scenario::parse(p.text).map(|s| head(&s, lang).title).unwrap_or_default();
        Card {
            name: p.name.into(),
            title,
            difficulty: if lang == Lang::Zh { zh } else { en }.into(),
            path: presets::PATH.iter().position(|n| *n == p.name).map(|i| i as u32 + 1),
            architectures: Architecture::ALL
                .into_iter()
                .filter(|a| p.on(*a).is_some())
                .map(|a| CardArchitecture {
                    name: a.describe().word.into(),
                    title: a.describe().label.into(),
                })
                .collect(),
            text: p.text.into(),
        }
    });
    cards.collect()
}

/// The texts that a run can be compared with.
pub fn variants(source: &str) -> Vec<Variant> {
    let all = edit::variants(source).into_iter();
    all.map(|edit::Variant { label, text }| Variant { label, text }).collect()
}

/// The text with a `poke` line before a line, or after it and what is expected of it.
pub fn with_poke(source: &str, line: u32, after: bool, at: u64, value: u64, why: &str) -> Poked {
    let (text, line) = edit::with_poke(source, line, after, at, value, why);
    Poked { text, line }
}

/// The terms of the glossary that a text uses, each once.
pub fn terms(text: &str, lang: Lang) -> Vec<TermUse> {
    let units = |to: usize| text[..to].encode_utf16().count() as u32;
    let used = marks::terms(text, lang).into_iter().map(|used| TermUse {
        from: units(used.range.start),
        to: units(used.range.end),
        name: used.name.get(lang).into(),
        meaning: used.meaning.get(lang).into(),
    });
    used.collect()
}

/// Problems for the editor.
pub fn troubles(problems: &[Problem], lang: Lang) -> Vec<Trouble> {
    // A problem quotes what it found.
    let message =
        |p: &Problem| plain(if lang == Lang::Zh { &p.message.zh } else { &p.message.en }).into_owned();
    let troubles = problems.iter().map(|p| Trouble {
        line: p.span.line,
        column: p.span.column,
        len: p.span.len,
        message: message(p),
        suggestion: p.suggestion.clone(),
    });
    troubles.collect()
}

/// What could be written at a place.
pub fn offer(text: &str, line: u32, column: u32, lang: Lang) -> Offer {
    let found = complete(text, line, column);
    let words = found.items.into_iter().map(|c| OfferWord {
        word: c.word,
        detail: c.detail,
        meaning: c.meaning.get(lang).into(),
    });
    Offer { column: found.replace.column, words: words.collect() }
}

/// The classes of characters.
pub fn colours(text: &str) -> Vec<Coloured> {
    let runs = highlight(text).into_iter().map(|(span, class)| Coloured {
        line: span.line,
        column: span.column,
        len: span.len,
        class: match class {
            Class::Verb => "verb",
            Class::Keyword => "keyword",
            Class::Number => "number",
            Class::Text => "text",
            Class::Name => "name",
            Class::Symbol => "symbol",
            Class::Comment => "comment",
        }
        .into(),
    });
    runs.collect()
}
