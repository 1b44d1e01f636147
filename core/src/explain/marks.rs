//! Where a sentence uses terms of the glossary, so that a page can mark them.

use super::glossary::{Term, GLOSSARY};
use super::terms::ADDRESSES;
use crate::spec::{Lang, Text};
use alloc::{string::String, vec::Vec};
use core::ops::Range;

/// A term used in a text: its place in characters, the term's name and its meaning.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Used {
    /// Where, in bytes of the text.
    pub range: Range<usize>,
    /// The term, as the glossary has it.
    pub name: Text,
    /// What it means.
    pub meaning: Text,
}

/// What stands in brackets and is no name of its term, but says of what it is one.
const OF: [&str; 2] = ["of the IOMMU", "DMA"];

/// Every name of a term as it may stand in a sentence: what is before a bracket, what is in it, what commas part.
fn names(name: &str) -> impl Iterator<Item = &str> {
    let (first, rest) = name.split_at(name.find(['(', '（']).unwrap_or(name.len()));
    let part = |text| str::split(text, ['(', ')', '（', '）', ',', '，', '、', ';', '；']);
    let rest = part(rest).map(str::trim).filter(|n| !OF.contains(n));
    part(first).map(str::trim).chain(rest).filter(|n| n.len() > 1)
}

/// All terms: of the glossary, and the names of addresses.
fn all() -> impl Iterator<Item = (Text, Text)> {
    let glossary = GLOSSARY.iter().flat_map(|chapter| chapter.terms);
    glossary.map(|Term { name, meaning }| (*name, *meaning)).chain(ADDRESSES.iter().copied())
}

/// The first use of each term in a text, in order; of terms that overlap the longest.
pub fn terms(text: &str, lang: Lang) -> Vec<Used> {
    let mut found: Vec<Used> = Vec::new();
    for (name, meaning) in all() {
        // An English word may stand in a Chinese text too.
        let here = names(name.get(lang)).chain(names(name.en).filter(|_| lang == Lang::Zh));
        let first = here.filter_map(|n| find(text, n)).min_by_key(|r| (r.start, text.len() - r.end));
        if let Some(range) = first {
            found.push(Used { range, name, meaning });
        }
    }
    found.sort_by_key(|used| (used.range.start, core::cmp::Reverse(used.range.end)));
    let mut kept: Vec<Used> = Vec::new();
    for used in found {
        let free = kept.last().is_none_or(|last| last.range.end <= used.range.start);
        let told = kept.iter().any(|k| k.name == used.name);
        if free && !told {
            kept.push(used);
        }
    }
    kept
}

/// Where a name stands in a text as a word: its own case for abbreviations, any for words; an English plural counts.
fn find(text: &str, name: &str) -> Option<Range<usize>> {
    let abbreviation = name.chars().any(|c| c.is_ascii_uppercase());
    let ascii = name.is_ascii();
    let lower: String = if abbreviation || !ascii { text.into() } else { text.to_ascii_lowercase() };
    let mut from = 0;
    // Bounded: `from` moves on through the text.
    while let Some(at) = lower.get(from..)?.find(name) {
        let start = from + at;
        let mut end = start + name.len();
        if !ascii {
            return Some(start..end);
        }
        for plural in ["s", "es"] {
            let rest = &lower[end..];
            if rest.starts_with(plural) && !word(rest[plural.len()..].chars().next()) {
                end += plural.len();
                break;
            }
        }
        if !word(lower[..start].chars().next_back()) && !word(lower[end..].chars().next()) {
            return Some(start..end);
        }
        from = start + name.len();
    }
    None
}

/// Does a Latin word go on with this character?
fn word(c: Option<char>) -> bool {
    c.is_some_and(|c| c.is_ascii_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str, lang: Lang) -> Vec<&str> {
        terms(text, lang).into_iter().map(|used| &text[used.range]).collect()
    }

    #[test]
    fn terms_are_whole_words_and_each_is_marked_once() {
        assert_eq!(
            words("The MMU looks it up in page tables; a page table is memory. IOTLBs differ.", Lang::En),
            ["MMU", "page tables", "IOTLBs"]
        );
        assert_eq!(words("MMUX and doorbells", Lang::En), ["doorbells"]);
        assert_eq!(words("memory-mapped I/O", Lang::En), ["memory-mapped I/O"]);
        let told = |text, name| terms(text, Lang::En).iter().any(|used| used.name.en.starts_with(name));
        assert!(told("DMA begins", "DMA (") && !told("DMA begins", "coherent"));
        assert!(told("page tables of the IOMMU", "IOMMU") && !told("tables of the IOMMU", "pass-through"));
        assert!(told("in pass-through", "pass-through"));
        assert!(words("把 IOVA 拿去查页表。", Lang::Zh).contains(&"页表"));
        assert!(terms("", Lang::En).is_empty());
    }

    #[test]
    fn every_note_of_the_gallery_is_searched_without_overlaps() {
        use crate::scenario::presets::PRESETS;
        for preset in PRESETS {
            for lang in [Lang::En, Lang::Zh] {
                let found = terms(preset.text, lang);
                assert!(found.windows(2).all(|w| w[0].range.end <= w[1].range.start), "{}", preset.name);
                assert!(found.iter().all(|u| preset.text.is_char_boundary(u.range.end)));
            }
        }
    }
}
