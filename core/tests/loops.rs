//! Every loop of the core that may be long draws from the budget, or says why it is short: nothing that a scenario says
//! makes a run endless. A new loop has to do one of the two.

use std::path::{Path, PathBuf};

/// The rooms in which a run goes on. Elsewhere counting loops go over what a run has left behind, which is bounded by it.
const RUN: [&str; 9] =
    ["memory.rs", "trace/", "paging/", "platform/", "mmu/", "iommu/", "dma/", "os/", "machine/"];

/// What draws: a budget itself, and what does nothing without drawing.
const DRAWS: [&str; 6] =
    [".spend(", ".keep(", "room(memory, obs", "hw.load(", "Self::words::<", "write_run("];

fn sources(folder: &Path, out: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, out);
        } else if path.extension().is_some_and(|e| e == "rs") {
            out.push(path);
        }
    }
}

/// Whether a line begins a loop that is looked at; `counting` ones too where a run goes on.
fn begins(line: &str, counting: bool) -> bool {
    let line = line.trim_start();
    let code = line.split_once(": ").filter(|(l, _)| l.starts_with('\'')).map_or(line, |(_, rest)| rest);
    if code.starts_with("//") {
        return false;
    }
    let open = code.starts_with("while ") || code.ends_with("loop {");
    open || counting && code.starts_with("for ") && counts(code)
}

/// Whether a `for` goes through numbers up to one that is computed: not a literal, and not the length of what is there.
fn counts(code: &str) -> bool {
    let Some((_, range)) = code.split_once(" in ") else { return false };
    let range = range.trim_end_matches('{').trim();
    // A slice of a list is no range of numbers.
    let Some((start, end)) = range.split_once("..").filter(|(start, _)| !start.contains('[')) else {
        return false;
    };
    let end = end.trim_start_matches('=').trim_end_matches(".rev()").trim_end_matches(')');
    let literal = end.chars().all(|c| c.is_ascii_digit() || c == '_');
    !(start.is_empty() || end.is_empty() || literal || end.contains(".len("))
}

/// The text of the loop that begins at a line: to the brace that closes its body.
fn body<'a>(lines: &[&'a str]) -> Vec<&'a str> {
    let indent = |line: &str| line.len() - line.trim_start().len();
    let own = indent(lines[0]);
    let end = lines.iter().skip(1).position(|l| indent(l) == own && l.trim_start().starts_with('}'));
    lines[..end.map_or(lines.len(), |n| n + 2)].to_vec()
}

/// The loops that neither draw nor say why they are short, and how many draw and say so.
fn judge(name: &str, text: &str) -> (Vec<String>, usize, usize) {
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or("");
    let lines: Vec<&str> = text.lines().collect();
    let counting = RUN.iter().any(|room| name.starts_with(room));
    let (mut wrong, mut drawing, mut short) = (Vec::new(), 0, 0);
    for at in (0..lines.len()).filter(|at| begins(lines[*at], counting)) {
        let above = at.checked_sub(1).map_or("", |n| lines[n]);
        if body(&lines[at..]).iter().any(|line| DRAWS.iter().any(|draw| line.contains(draw))) {
            drawing += 1;
        } else if above.trim_start().starts_with("// Bounded: ") {
            short += 1;
        } else {
            wrong.push(format!("{name}:{}: {}", at + 1, lines[at].trim()));
        }
    }
    (wrong, drawing, short)
}

#[test]
fn every_loop_draws_from_the_budget_or_says_why_it_is_short() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut paths = Vec::new();
    sources(&src, &mut paths);
    let (mut wrong, mut drawing, mut short) = (Vec::new(), 0, 0);
    for path in paths {
        let name = path.strip_prefix(&src).unwrap().to_string_lossy().replace('\\', "/");
        // The command line tool reads files, and hands texts to the core.
        if name.starts_with("bin/") || name.ends_with("tests.rs") || name.contains("/tests/") {
            continue;
        }
        let (more, d, s) = judge(&name, &std::fs::read_to_string(&path).unwrap());
        wrong.extend(more);
        (drawing, short) = (drawing + d, short + s);
    }
    assert!(
        wrong.is_empty(),
        "these loops neither draw (`spend`, `keep`) nor say `// Bounded: why.` in the line above:\n{}",
        wrong.join("\n"),
    );
    // The sources were really looked through.
    assert!(drawing >= 10 && short >= 60, "{drawing} draw, {short} are short");
}

#[test]
fn a_loop_that_may_be_endless_is_found() {
    let loops = |text: &str| judge("machine/x.rs", text).0.len();
    assert_eq!(loops("fn f() {\n    while at < end {\n        at += step;\n    }\n    spend(1);\n}\n"), 1);
    assert_eq!(loops("fn f() {\n    for i in 0..times {\n        act(i);\n    }\n}\n"), 1);
    assert_eq!(loops("fn f() {\n    let end = loop {\n        act();\n    };\n}\n"), 1);
    assert_eq!(loops("fn f() {\n    'out: while a != b {\n        act();\n    }\n}\n"), 1);
    let fine = "fn f() {\n    for i in 0..4 {\n    }\n    for i in 0..all.len() {\n    }\n    for x in &all[1..n] {\n    }\n    \
        // Bounded: levels.\n    while level > 0 {\n    }\n    for i in 0..times {\n        if !obs.spend(1) {\n            break;\n        }\n    }\n}\n";
    assert_eq!(loops(fine), 0);
    assert_eq!(judge("view/x.rs", "fn f() {\n    for i in 0..steps {\n    }\n}\n").0.len(), 0);
}
