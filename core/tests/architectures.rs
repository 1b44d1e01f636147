//! Where architectures are named: in their folders and in `iommu/architecture.rs`; elsewhere only in the few places
//! listed here. A new one touches these and no other.

use iommu_core::iommu::Architecture;
use iommu_core::scenario::presets::PRESETS;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The places, and what each does there.
const PLACES: [(&str, &str); 7] = [
    ("core/src/iommu/mod.rs", "the folders of the room"),
    ("core/src/iommu/any.rs", "the one dispatch"),
    ("core/src/bin/iommu-play/cmd/replay", "recorded outcomes, a format for each source"),
    ("core/src/oracle", "what a unit of each reports of itself, and where its records are"),
    ("core/src/bin/iommu-play/cmd/oracle", "the same in lines of JSON"),
    ("core/src/explain/logs", "what kernels and emulators print, a reader for each"),
    ("core/src/import", "what firmware and kernels say of each, and the word that a scenario begins with"),
];

/// Texts, not decisions: help, scenarios that are measured, key words of a package, what a search finds, samples of logs.
const PROSE: [&str; 9] = [
    "core/src/bin/iommu-play/zh.rs",
    "core/src/scenario/words.rs",
    "tools/conformance.mjs",
    "tools/limits.mjs",
    "tools/oracle-files.mjs",
    "tools/package.mjs",
    "tools/search.mjs",
    "www/src/search/words.ts",
    "www/src/explain/samples.ts",
];

/// Rooms in which a name of an architecture is that of a CPU.
const CPUS: [&str; 2] = ["core/src/paging", "core/src/mmu"];

fn sources(folder: &Path, out: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, out);
        } else if path.extension().is_some_and(|e| e == "rs" || e == "ts" || e == "mjs") {
            out.push(path);
        }
    }
}

/// The code of a file, without comments and without the tests at its end.
fn code(text: &str) -> String {
    let text = text.split("#[cfg(test)]").next().unwrap_or("");
    let lines = text.lines().map(|line| line.split("//").next().unwrap_or(""));
    // The name of a scenario is no name of an architecture.
    let code = lines.collect::<Vec<_>>().join("\n");
    PRESETS.iter().fold(code, |code, preset| code.replace(&format!("\"{}\"", preset.name), ""))
}

/// Does the code name an architecture: as a variant, a module, or the word that a scenario writes?
fn names_one(code: &str) -> bool {
    Architecture::ALL.into_iter().any(|a| {
        let variant = format!("{a:?}");
        let module = variant.to_lowercase();
        let word = format!("\"{}\"", a.describe().word);
        code.contains(&word)
            || code
                .split(|c: char| !c.is_alphanumeric() && c != '_')
                .any(|ident| ident == variant || ident == module)
    })
}

#[test]
fn architectures_are_named_in_few_places() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut files = Vec::new();
    for folder in ["core/src", "web/src", "web-logs/src", "www/src", "tools"] {
        sources(&root.join(folder), &mut files);
    }
    assert!(files.len() > 300, "{} files", files.len());
    let mut found = BTreeSet::new();
    let mut own = 0;
    for file in files {
        let path = file.strip_prefix(&root).unwrap().to_str().unwrap().replace('\\', "/");
        if path.ends_with("/tests.rs") || !names_one(&code(&std::fs::read_to_string(&file).unwrap())) {
            continue;
        }
        let in_iommu = path.strip_prefix("core/src/iommu/");
        if in_iommu.is_some_and(|rest| rest == "architecture.rs" || rest.contains('/')) {
            own += 1;
        } else if !CPUS.iter().chain(&PROSE).any(|room| path.starts_with(room)) {
            let place = PLACES.iter().find(|(place, _)| path.starts_with(place));
            found.insert(place.map_or(path.clone(), |(place, _)| (*place).into()));
        }
    }
    let expected: BTreeSet<String> = PLACES.iter().map(|(place, _)| (*place).into()).collect();
    assert_eq!(found, expected);
    assert!(own > 2, "the test knows a name when it sees one");
}
