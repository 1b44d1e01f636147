//! The written reference of the scenario language: its examples run, and its tables are the language's own.

use iommu_core::machine::run::run_scenario;
use iommu_core::scenario::{parse, print, reference};

const MARK: &str =
    "<!-- reference: written by `UPDATE_DOCS=1 cargo test -p iommu-core --test scenario_docs` -->\n";

fn path(name: &str) -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(name)
}

/// The fenced blocks of a Markdown text: what is written after the fence, and the lines inside.
fn blocks(text: &str) -> Vec<(String, String)> {
    let mut out = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some(info) = line.strip_prefix("```") {
            let body: Vec<&str> = lines.by_ref().take_while(|l| *l != "```").collect();
            out.push((info.to_string(), body.join("\n") + "\n"));
        }
    }
    out
}

/// Runs a text; everything in it must be done, and every expectation hold. What is wrong, if anything.
fn wrong(text: &str) -> Option<String> {
    let run =
        match parse(text).map_err(|p| p.to_string()).and_then(|s| run_scenario(s).map_err(|p| p.to_string()))
        {
            Ok(run) => run,
            Err(problem) => return Some(format!("{problem}\n{text}")),
        };
    let failed: Vec<_> = run
        .failures()
        .map(|c| format!("line {}: {}", c.span.line, c.failure.as_ref().map_or("", |f| f.en.as_str())))
        .collect();
    let refused: Vec<_> =
        run.done.iter().filter_map(|d| d.error.as_ref().map(|e| e.message.en.as_str())).collect();
    if !refused.is_empty() && !text.contains("expect error") {
        return Some(format!("{}\n{text}", refused.join("\n")));
    }
    (!failed.is_empty()).then(|| format!("{}\n{text}", failed.join("\n")))
}

/// The example of every statement, in what stands around it in `data/language/around.txt`.
#[test]
fn the_example_of_every_statement_runs() {
    let around = include_str!("data/language/around.txt");
    let around: Vec<(Vec<&str>, &str)> = around
        .split("\n== ")
        .skip(1)
        .map(|block| block.split_once('\n').map(|(verbs, body)| (verbs.split(' ').collect(), body)).unwrap())
        .collect();
    for (verbs, _) in &around {
        for verb in verbs {
            let known =
                reference::reference().iter().any(|e| key(e.verb) == *verb || e.verb.starts_with(verb));
            assert!(known, "around.txt speaks of `{verb}`, which is no statement");
        }
    }
    let mut problems = Vec::new();
    for entry in reference::reference() {
        let (verb, example) = (key(entry.verb), entry.example);
        let first = entry.verb.split(' ').next().unwrap();
        let body = around.iter().find(|(verbs, _)| verbs.iter().any(|v| *v == verb || *v == first));
        let body = body.map_or_else(|| "@\nsteps\n".to_string(), |(_, body)| body.to_string());
        let text = match entry.verb {
            "iommu-playground" => format!("{example}\nsteps\n"),
            _ => format!("iommu-playground 1\n{}", body.replace('@', example)),
        };
        problems.extend(wrong(&text));
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

/// `expect fault` -> `expect-fault`.
fn key(verb: &str) -> String {
    verb.replace(' ', "-")
}

#[test]
fn the_reference_is_the_languages_own() {
    for (name, zh) in [("scenario-language.md", false), ("scenario-language.zh.md", true)] {
        let text = std::fs::read_to_string(path(name)).unwrap();
        let (prose, written) = text.split_once(MARK).expect("the mark");
        let own = format!("\n{}", reference::markdown(zh));
        let own = format!("{}\n", own.trim_end());
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(path(name), format!("{prose}{MARK}{own}")).unwrap();
        } else {
            assert!(written == own, "docs/{name} is out of date: run with UPDATE_DOCS=1");
        }
    }
}

#[test]
fn the_page_of_what_is_not_done_is_the_parsers_own() {
    for (name, zh) in [("not-done.md", false), ("not-done.zh.md", true)] {
        let own = iommu_core::scenario::absent::markdown(zh);
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(path(name), own).unwrap();
        } else {
            assert!(
                std::fs::read_to_string(path(name)).unwrap() == own,
                "docs/{name} is out of date: run with UPDATE_DOCS=1"
            );
        }
    }
}

#[test]
fn the_examples_read_and_are_canonical_and_the_problems_are_as_told() {
    for name in ["scenario-language.md", "scenario-language.zh.md"] {
        let text = std::fs::read_to_string(path(name)).unwrap();
        let blocks = blocks(&text);
        let mut problems = 0;
        for (i, (info, body)) in blocks.iter().enumerate() {
            match info.as_str() {
                "scenario" => {
                    let scenario = parse(body).unwrap_or_else(|p| panic!("{name}: {p}\n{body}"));
                    assert_eq!(&print(&scenario), body, "{name}");
                    assert_eq!(wrong(body), None, "{name}");
                }
                "scenario-problem" => {
                    problems += 1;
                    let found = parse(body).expect_err(body);
                    let (info, told) = &blocks[i + 1];
                    match info.as_str() {
                        "problem" => assert_eq!(format!("{found}\n"), *told, "{name}"),
                        "problem-zh" => assert_eq!(format!("{}\n", found.zh()), *told, "{name}"),
                        other => panic!("{name}: `{other}` after a scenario-problem"),
                    }
                }
                _ => {}
            }
        }
        assert!(problems >= 2, "{name}");
    }
}
