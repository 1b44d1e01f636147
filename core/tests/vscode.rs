//! The package for VS Code and others that read TextMate grammars is the parser's own: its grammar and its snippets are written from the
//! table of statements (`UPDATE_DOCS=1` writes them), so that they name every word of the language and none besides.

use iommu_core::iommu::Architecture;
use iommu_core::scenario::reference::{reference, Entry, Section};
use serde_json::{json, Map, Value};
use std::collections::BTreeSet;

fn path(name: &str) -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../packages/vscode").join(name)
}

/// A word of the language as a regular expression; between the words of a verb there may be more space.
fn pattern(word: &str) -> String {
    word.split(' ').map(|part| part.replace('.', "\\.").replace('-', "\\-")).collect::<Vec<_>>().join("\\s+")
}

/// Words as one alternative, the longest first, so that none hides another that begins like it.
fn any_of<'a>(words: impl Iterator<Item = &'a str>) -> String {
    let mut words: Vec<&str> = words.collect::<BTreeSet<_>>().into_iter().collect();
    words.sort_by_key(|word| std::cmp::Reverse(word.len()));
    words.into_iter().map(pattern).collect::<Vec<_>>().join("|")
}

fn scope(section: Section) -> &'static str {
    match section {
        Section::Header => "keyword.control.header.scn",
        Section::Machine => "storage.type.declaration.scn",
        Section::Operations => "support.function.operation.scn",
        Section::Expectations => "keyword.other.expectation.scn",
    }
}

fn grammar(entries: &[Entry]) -> Value {
    let mut patterns = vec![
        json!({ "name": "comment.line.number-sign.scn", "match": "#.*$" }),
        json!({ "name": "string.quoted.double.scn", "begin": "\"", "end": "\"|$",
                "patterns": [{ "name": "constant.character.escape.scn", "match": "\\\\." }] }),
    ];
    for section in Section::ALL {
        let verbs = any_of(entries.iter().filter(|e| e.section == section).map(|e| e.verb));
        let begins = format!("^\\s*(?:([\\w.\\-]+)\\s*(=)\\s*)?({verbs})(?![\\w.\\-])");
        patterns.push(json!({ "match": begins, "captures": {
            "1": { "name": "variable.other.scn" },
            "2": { "name": "keyword.operator.scn" },
            "3": { "name": scope(section) },
        } }));
    }
    let keys = any_of(entries.iter().flat_map(|e| e.keys.iter().map(|k| k.word)));
    let number = "(?<![\\w.\\-])(?:[0-9a-fA-F]{1,4}:)?[0-9a-fA-F]{2}:[0-9a-fA-F]{2}\\.[0-7](?![\\w.])|\
                  (?<![\\w.\\-])(?:0x[0-9a-fA-F_]+|[0-9][0-9_]*)[KMGT]?(?![\\w.])";
    patterns.extend([
        json!({ "name": "constant.numeric.scn", "match": number }),
        json!({ "name": "keyword.operator.scn", "match": "->|\\.\\.|[+=]" }),
        json!({ "name": "constant.language.scn", "match": format!("(?<![\\w.\\-])(?:{keys})(?![\\w.\\-])") }),
    ]);
    json!({
        "name": "iommu-playground scenario",
        "scopeName": "source.scn",
        "fileTypes": ["scn"],
        "patterns": patterns,
    })
}

fn snippets(entries: &[Entry]) -> Value {
    let plain = |text: &str| text.replace('\\', "\\\\").replace('$', "\\$").replace('}', "\\}");
    let mut out = Map::new();
    for entry in entries {
        out.insert(
            entry.verb.into(),
            json!({
                "prefix": entry.verb,
                "body": plain(entry.example),
                "description": format!("{}\n{}", entry.syntax, entry.meaning.en),
            }),
        );
    }
    let machines = Architecture::WORDS.join(",");
    out.insert(
        "scenario".into(),
        json!({
            "prefix": "scenario",
            "body": [
                "iommu-playground 1", "title \"${1:What happens?}\"", format!("machine ${{2|{machines}|}}"),
                "iommu ${3|strict,lazy,passthrough,off|}", "ram 0 .. 1G", "device ${4:nic} 00:03.0", "steps", "  alloc buf 4K",
                "  rx = dma_map_single $4 buf from-device", "  dma $4 write rx data \"hello\"", "  expect data buf = \"hello\"", "$0",
            ],
            "description": "A whole scenario: one device writes into one buffer.",
        }),
    );
    Value::Object(out)
}

fn held(name: &str, value: &Value) {
    let own = format!("{}\n", serde_json::to_string_pretty(value).unwrap());
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::create_dir_all(path(name).parent().unwrap()).unwrap();
        std::fs::write(path(name), own).unwrap();
    } else {
        let there = std::fs::read_to_string(path(name)).unwrap();
        assert!(there == own, "packages/vscode/{name} is out of date: run with UPDATE_DOCS=1");
    }
}

#[test]
fn grammar_and_snippets_are_written_from_the_table_of_statements() {
    let entries = reference();
    held("syntaxes/scn.tmLanguage.json", &grammar(&entries));
    held("snippets/scn.json", &snippets(&entries));
}

/// What is published names every word, by what it says itself: the files are read, not made anew.
#[test]
fn every_word_of_the_language_is_named_in_what_is_published() {
    let read = |name: &str| -> Value {
        serde_json::from_str(&std::fs::read_to_string(path(name)).unwrap()).unwrap()
    };
    let (grammar, snippets) = (read("syntaxes/scn.tmLanguage.json"), read("snippets/scn.json"));
    let matches: Vec<String> = grammar["patterns"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|pattern| pattern["match"].as_str().map(String::from))
        .collect();
    let named: BTreeSet<&str> = matches.iter().flat_map(|text| text.split(['|', '(', ')', ':'])).collect();
    let mut words = 0;
    for entry in reference() {
        assert!(named.contains(pattern(entry.verb).as_str()), "{} is in no pattern", entry.verb);
        assert_eq!(snippets[entry.verb]["prefix"], entry.verb);
        for key in &entry.keys {
            assert!(named.contains(pattern(key.word).as_str()), "{} of {}", key.word, entry.verb);
        }
        words += 1 + entry.keys.len();
    }
    assert!(words > 150, "{words}");
    // What a snippet writes is a scenario, with each choice's first word.
    let body: Vec<&str> =
        snippets["scenario"]["body"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    let text = body.join("\n");
    let text = text
        .replace("${1:What happens?}", "What happens?")
        .replace(&format!("${{2|{}|}}", Architecture::WORDS.join(",")), "riscv")
        .replace("${3|strict,lazy,passthrough,off|}", "strict")
        .replace("${4:nic}", "nic")
        .replace("$4", "nic")
        .replace("$0", "");
    let ran = iommu_core::machine::run::run(&text).unwrap_or_else(|problems| panic!("{problems:?}"));
    assert!(ran.failures().next().is_none() && ran.stopped.is_none());
}
