//! The statements of the language as a table: for completion, and for the written reference.

use alloc::string::String;
use alloc::vec::Vec;

use super::ast::Statement;
use super::form::{Form, Keyword};
use super::parse::verbs;
use super::words;
use crate::iommu::Architecture;
use crate::spec::Text;

/// Where a statement is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Section {
    /// What the scenario is and teaches.
    Header,
    /// The machine and its software, before `steps`.
    Machine,
    /// What is done, after `steps`.
    Operations,
    /// What must hold, after an operation.
    Expectations,
}

impl Section {
    /// Every section, in order.
    pub const ALL: [Section; 4] =
        [Section::Header, Section::Machine, Section::Operations, Section::Expectations];
    /// Its heading.
    pub const fn heading(self) -> Text {
        match self {
            Section::Header => Text::new("What the scenario teaches", "场景说明"),
            Section::Machine => Text::new("The machine and its software", "机器与软件"),
            Section::Operations => Text::new("Operations", "操作"),
            Section::Expectations => Text::new("Expectations", "期望"),
        }
    }
    fn of(statement: &Statement) -> Section {
        match statement {
            Statement::Version(_) | Statement::Header(_) | Statement::Note(_) => Section::Header,
            Statement::Declaration(_) | Statement::Steps => Section::Machine,
            Statement::Operation(_) => Section::Operations,
            Statement::Expect(_) => Section::Expectations,
        }
    }
}

/// One statement of the language.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The word or words it begins with.
    pub verb: &'static str,
    /// Where it is.
    pub section: Section,
    /// What it does.
    pub meaning: Text,
    /// Its words: `device NAME BDF [behind PORT] [mask BITS] ...`.
    pub syntax: String,
    /// A line.
    pub example: &'static str,
    /// Its keywords, in order.
    pub keys: Vec<Key>,
}

/// A keyword of a statement.
#[derive(Clone, Debug, PartialEq)]
pub struct Key {
    /// The word.
    pub word: &'static str,
    /// What follows it: `BITS`; empty when nothing does.
    pub value: String,
    /// What it means.
    pub meaning: Text,
}

/// Every statement, in the order of the reference.
pub fn reference() -> Vec<Entry> {
    verbs()
        .map(|(verb, make)| {
            let mut form = Form::describer(verb);
            // Describing has nothing to refuse.
            let mut statement = make();
            let _ = statement.form(&mut form);
            let (syntax, keywords) = form.into_description();
            let (meaning, example) = words::VERBS
                .iter()
                .find(|(v, ..)| *v == verb)
                .map_or((Text::new("", ""), ""), |(_, meaning, example)| (*meaning, *example));
            let keys = keywords.into_iter().map(|Keyword { word, value }| Key {
                meaning: key(verb, word),
                word,
                value,
            });
            Entry { verb, section: Section::of(&statement), meaning, syntax, example, keys: keys.collect() }
        })
        .collect()
}

/// What `word` means in a line of `verb`.
fn key(verb: &str, word: &str) -> Text {
    let find =
        |verb: &str| words::KEYS.iter().find(|(v, w, _)| *v == verb && *w == word).map(|(.., text)| *text);
    let architecture = || {
        let found = Architecture::named(word)?.describe();
        Some(if verb == "machine" { found.machine } else { found.only })
    };
    // A line for all verbs that begin alike: `expect entry`.
    let family = || find(verb.rsplit_once(' ')?.0);
    find(verb).or_else(family).or_else(|| find("")).or_else(architecture).unwrap_or(Text::new("", ""))
}

/// The reference as Markdown, for `docs/`: every statement with its syntax, meaning, example and keywords.
pub fn markdown(zh: bool) -> String {
    let pick = |text: Text| if zh { text.zh } else { text.en };
    let entries = reference();
    let mut out = String::new();
    for section in Section::ALL {
        out.push_str(&alloc::format!("## {}\n\n", pick(section.heading())));
        for entry in entries.iter().filter(|e| e.section == section) {
            out.push_str(&alloc::format!(
                "### `{}`\n\n{}\n\n```text\n{}\n```\n\n```scenario-line\n{}\n```\n\n",
                entry.verb,
                pick(entry.meaning),
                entry.syntax,
                entry.example
            ));
            if entry.keys.is_empty() {
                continue;
            }
            out.push_str(if zh {
                "| 关键字 | 含义 |\n|---|---|\n"
            } else {
                "| keyword | meaning |\n|---|---|\n"
            });
            for key in &entry.keys {
                let gap = if key.value.is_empty() { "" } else { " " };
                let value = key.value.replace('|', "\\|");
                out.push_str(&alloc::format!("| `{}{gap}{value}` | {} |\n", key.word, pick(key.meaning)));
            }
            out.push('\n');
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeSet;

    #[test]
    fn every_statement_and_keyword_has_its_meaning_and_none_is_left_over() {
        let reference = reference();
        let verbs: Vec<_> = reference.iter().map(|e| e.verb).collect();
        let documented: Vec<_> = words::VERBS.iter().map(|(v, ..)| *v).collect();
        assert_eq!(verbs, documented);
        let mut used = BTreeSet::new();
        for entry in &reference {
            for key in &entry.keys {
                assert!(!key.meaning.en.is_empty(), "`{}` of `{}` has no meaning", key.word, entry.verb);
                let said = |verb: &str| words::KEYS.iter().any(|(v, w, _)| *v == verb && *w == key.word);
                let family = entry.verb.rsplit_once(' ').map_or("", |(family, _)| family);
                used.insert((*[entry.verb, family].iter().find(|v| said(v)).unwrap_or(&""), key.word));
            }
        }
        for (verb, word, _) in words::KEYS {
            assert!(used.contains(&(*verb, *word)), "`{word}` of `{verb}` is no keyword");
        }
    }

    /// What says how one machine has a thing and how another has it says it of all.
    #[test]
    fn a_meaning_that_compares_machines_leaves_none_out() {
        let all = || Architecture::ALL.into_iter().map(Architecture::name);
        for (verb, meaning, example) in words::VERBS {
            for text in [meaning.en, meaning.zh] {
                let named = all().filter(|name| text.contains(name)).count();
                assert!(named <= 1 || named == Architecture::ALL.len(), "`{verb}`: {text}");
            }
            let words: Vec<_> = example.split(' ').collect();
            let named = Architecture::WORDS.iter().filter(|word| words.contains(word)).count();
            assert!(named <= 1 || named == Architecture::ALL.len(), "`{verb}`: {example}");
        }
    }

    #[test]
    fn examples_are_canonical_lines_of_their_statement() {
        for entry in reference() {
            let statement = super::super::parse::parse_line(entry.example).expect(entry.example);
            assert_eq!(statement.verb(), entry.verb);
            assert_eq!(super::super::print_statement(&statement), entry.example);
        }
    }
}
