//! The numbers that the structure of the code is held to; CONTRIBUTING.md names them and says how to print them:
//! `cargo test -p iommu-core --test structure -- --nocapture`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The rooms in which structures have words: there fields are read and written by name only.
const BY_NAME: [&str; 4] = ["iommu", "paging", "mmu", "dma"];

/// Code lines of `core/src/iommu` with VT-d and RISC-V, their tables, and what they share, at most; lowered when it falls.
/// (90 of them keep address spaces of two devices apart, and forget those of one alone; the devices' own TLBs came from the room of DMA.
/// 38 switch a running unit off for the kernel that takes over.)
const IOMMU_LINES: usize = 10_374;

/// Circles that are known, each by one of its files; the list only gets shorter.
const KNOWN_CIRCLES: [&str; 0] = [];

type Module = Vec<String>;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Every Rust file below a folder that is not only tests, with its code: no comments, and no tests at its end.
fn sources(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut out = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            out.extend(sources(&path));
        } else if path.extension().is_some_and(|e| e == "rs") && !path.ends_with("tests.rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            let end = text.find("#[cfg(test)]\nmod tests {").unwrap_or(text.len());
            let code: Vec<_> =
                text[..end].lines().map(|l| l.split("//").next().unwrap_or("").trim_end()).collect();
            out.push((path, code.join("\n")));
        }
    }
    out
}

/// Does the code shift or mask the words of a structure by a number? Such an expression begins with a name that words have
/// here (`words[1]`, `raw`, `pte`), followed by an operator and a literal.
fn handles_bits(line: &str) -> bool {
    const WORDS: [&str; 14] = [
        "words", "word", "raw", "dir", "pid", "dc", "pc", "pte", "entry", "low", "high", "control", "leaf",
        "status",
    ];
    [">>", "<<", "&"].iter().any(|operator| {
        line.match_indices(operator).any(|(at, _)| {
            let right = line[at + operator.len()..].trim_start_matches([' ', '!', '(']);
            let left = line[..at].trim_end();
            let left =
                left.strip_suffix(']').map_or(left, |l| l.rsplit_once('[').map_or(l, |(name, _)| name));
            let name = left.rsplit(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or("");
            right.starts_with(|c: char| c.is_ascii_digit()) && WORDS.contains(&name)
        })
    })
}

#[test]
fn words_of_structures_are_read_and_written_by_name() {
    assert!(handles_bits("let levels = 2 + (words[0] >> 2 & 7) as u8;"));
    assert!(handles_bits("if raw & 0x78 != 0 {") && handles_bits("x = self.words[1] & !1"));
    assert!(
        !handles_bits("words.bits(context::TT)")
            && !handles_bits("raw & PRESENT")
            && !handles_bits("(gpa >> 12)")
    );
    let mut found = Vec::new();
    for room in BY_NAME {
        for (path, code) in sources(&root().join("core/src").join(room)) {
            // The tables themselves.
            if !path.components().any(|part| part.as_os_str() == "spec") {
                let lines = code.lines().filter(|line| handles_bits(line));
                found.extend(lines.map(|line| format!("{}: {}", path.display(), line.trim())));
            }
        }
    }
    println!("expressions that shift or mask words by a number: {}", found.len());
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn the_code_of_the_room_of_iommus_stays_small() {
    let mut counts = BTreeMap::<String, usize>::new();
    let room = root().join("core/src/iommu");
    for (path, code) in sources(&room) {
        let inside = path.strip_prefix(&room).unwrap();
        let part = match inside.components().count() {
            1 => "shared".to_string(),
            _ => inside.components().next().unwrap().as_os_str().to_string_lossy().into_owned(),
        };
        *counts.entry(part).or_default() += code.lines().filter(|line| !line.trim().is_empty()).count();
    }
    println!("code lines of core/src/iommu: {counts:?}");
    let lines: usize = ["shared", "driver", "vtd", "riscv"].iter().filter_map(|part| counts.get(*part)).sum();
    println!("of VT-d, RISC-V and what they share: {lines}");
    assert!(lines <= IOMMU_LINES, "{lines} lines");
}

/// The paths that a `use` names: those in braces one by one.
fn expand(path: &str) -> Vec<String> {
    let Some((before, rest)) = path.split_once('{') else {
        return vec![path.split(" as ").next().unwrap_or("").trim().to_string()];
    };
    let inside = rest.rsplit_once('}').map_or(rest, |(inside, _)| inside);
    let (mut depth, mut parts) = (0, vec![String::new()]);
    for c in inside.chars() {
        depth += i32::from(c == '{') - i32::from(c == '}');
        match (c, depth) {
            (',', 0) => parts.push(String::new()),
            _ => parts.last_mut().unwrap().push(c),
        }
    }
    let parts = parts.iter().filter(|part| !part.trim().is_empty());
    parts.flat_map(|part| expand(&format!("{before}{}", part.trim()))).collect()
}

/// All paths in the code that begin at `crate`, `self` or `super`.
fn paths(code: &str) -> Vec<String> {
    let mut out = Vec::new();
    for statement in code.split(';') {
        let statement = statement.split_whitespace().collect::<Vec<_>>().join(" ");
        match statement
            .rsplit_once("use ")
            .filter(|(before, _)| before.is_empty() || before.ends_with([' ', '}', ']']))
        {
            Some((_, path)) => out.extend(expand(path)),
            None => {
                let path = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
                out.extend(statement.split(|c| !path(c)).filter(|p| p.contains("::")).map(str::to_string));
            }
        }
    }
    out.retain(|p| ["crate::", "self::", "super::"].iter().any(|start| p.starts_with(start)));
    out
}

/// The groups of files that import each other in a circle. A module and those inside it are one.
fn circles(folder: &Path) -> Vec<BTreeSet<String>> {
    let mut files = BTreeMap::<Module, String>::new();
    for (path, code) in sources(folder) {
        let inside = path.strip_prefix(folder).unwrap().with_extension("");
        let mut module: Module = inside.iter().map(|part| part.to_string_lossy().into_owned()).collect();
        if matches!(module.last().map(String::as_str), Some("mod" | "lib" | "main")) {
            module.pop();
        }
        if module.first().map(String::as_str) != Some("bin") {
            files.insert(module, code);
        }
    }
    let mut edges = BTreeMap::<&Module, BTreeSet<&Module>>::new();
    for (module, code) in &files {
        for path in paths(code) {
            let mut parts = path.split("::").peekable();
            let mut at = match parts.next() {
                Some("crate") => Vec::new(),
                Some("super") => module[..module.len().saturating_sub(1)].to_vec(),
                _ => module.clone(),
            };
            while parts.next_if_eq(&"super").is_some() {
                at.pop();
            }
            for part in parts {
                at.push(part.to_string());
                if !files.contains_key(&at) {
                    at.pop();
                    break;
                }
            }
            if let Some((to, _)) = files.get_key_value(&at) {
                if !module.starts_with(to) && !to.starts_with(module) {
                    edges.entry(module).or_default().insert(to);
                }
            }
        }
    }
    // Two files are in one circle when each is reached from the other.
    let reach = |from: &Module| {
        let (mut seen, mut left) = (BTreeSet::new(), vec![from]);
        while let Some(at) = left.pop() {
            for to in edges.get(at).into_iter().flatten() {
                if seen.insert(*to) {
                    left.push(to);
                }
            }
        }
        seen.into_iter().cloned().collect::<BTreeSet<Module>>()
    };
    let reached: BTreeMap<_, _> = files.keys().map(|file| (file, reach(file))).collect();
    let mut out = BTreeSet::new();
    for (file, seen) in reached.iter().filter(|(file, seen)| seen.contains(**file)) {
        let circle = seen.iter().filter(|other| reached[other].contains(*file));
        out.insert(circle.map(|module| module.join("::")).collect::<BTreeSet<_>>());
    }
    out.into_iter().collect()
}

#[test]
fn imports_run_one_way() {
    let (core, bench) = (circles(&root().join("core/src")), circles(&root().join("bench/src")));
    println!("import circles: {core:?} {bench:?}");
    let new: Vec<_> = core.iter().filter(|c| !KNOWN_CIRCLES.iter().any(|known| c.contains(*known))).collect();
    assert!(new.is_empty() && bench.is_empty(), "{new:?} {bench:?}");
}
