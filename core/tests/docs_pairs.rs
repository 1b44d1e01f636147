//! The documents in Chinese have what the English ones have: the same sections, examples and tables.

use std::fs::read_to_string;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// What a document is made of: the levels of its headings, its examples, and the rows of each table, section by section.
#[derive(PartialEq, Debug)]
struct Shape {
    headings: Vec<usize>,
    examples: usize,
    rows: Vec<usize>,
}

fn shape(text: &str) -> Shape {
    let mut shape = Shape { headings: Vec::new(), examples: 0, rows: Vec::new() };
    let (mut inside, mut in_table) = (false, false);
    for line in text.lines() {
        if line.starts_with("```") {
            inside = !inside;
            shape.examples += usize::from(inside);
        }
        if inside {
            continue;
        }
        if line.starts_with('#') {
            shape.headings.push(line.bytes().take_while(|b| *b == b'#').count());
        }
        match (line.starts_with('|'), in_table) {
            (true, true) => *shape.rows.last_mut().expect("a table") += 1,
            (true, false) => shape.rows.push(1),
            _ => {}
        }
        in_table = line.starts_with('|');
    }
    shape
}

/// Documents whose readers work on the project itself, or that are in both languages already.
const ENGLISH_ONLY: &[&str] = &["performance", "pictures", "sources", "terms"];

#[test]
fn every_document_is_as_complete_in_chinese() {
    let mut pairs = vec![(root().join("README.md"), root().join("README.zh.md"))];
    for entry in std::fs::read_dir(root().join("docs")).expect("documents") {
        let path = entry.expect("a file").path();
        let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default().to_string();
        let Some(stem) = name.strip_suffix(".md").filter(|stem| !stem.ends_with(".zh")) else { continue };
        if !ENGLISH_ONLY.contains(&stem) {
            pairs.push((path.clone(), path.with_file_name(format!("{stem}.zh.md"))));
        }
    }
    let mut wrong = String::new();
    for (en, zh) in pairs {
        let name = zh.file_name().unwrap().to_string_lossy().into_owned();
        let Ok(chinese) = read_to_string(&zh) else {
            wrong += &format!("{name} is missing\n");
            continue;
        };
        let english = read_to_string(&en).unwrap();
        let (mut want, got) = (shape(&english), shape(&chinese));
        if name == "fault-logs.zh.md" {
            // The table of JSON fields is that of the schema, which is English.
            want.rows.remove(want.rows.iter().position(|rows| (40..70).contains(rows)).expect("the fields"));
        }
        if want != got {
            wrong += &format!("{name}:\n  {want:?}\n  {got:?}\n");
        }
        let other = en.file_name().unwrap().to_string_lossy().into_owned();
        assert!(chinese.contains(&format!("({other})")), "{name} does not lead to {other}");
        assert!(english.contains(&format!("({name})")), "{other} does not lead to {name}");
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}
