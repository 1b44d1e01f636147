//! The Chinese of what the product says: every preset on every architecture, step by step, with its questions, answers, pictures
//! and problems, and every answer to a log. A sentence has a space between Chinese and Latin, full-width punctuation, no English
//! word outside the term table, no word twice in a row, and none of the words that [`CHOSEN`] leaves out.

use iommu_core::diagram::render::Theme;
use iommu_core::explain::glossary::GLOSSARY;
use iommu_core::explain::logs::{parse_log, render};
use iommu_core::explain::say;
use iommu_core::explain::terms::{ADDRESSES, CHOSEN, LATIN};
use iommu_core::scenario::presets::PRESETS;
use iommu_core::scenario::{change, onto, parse, print};
use iommu_core::spec::Lang;
use iommu_core::trace::Event;
use iommu_core::view::across::across;
use iommu_core::view::export::Form;
use iommu_core::view::text::terms;
use iommu_core::view::transcript::transcript;
use iommu_core::view::types::Depth;
use iommu_core::view::Player;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::PathBuf;

fn han(c: char) -> bool {
    matches!(c, '\u{3400}'..='\u{9fff}')
}

/// What is quoted (data, code, what a kernel prints) and what a call says of itself is no Chinese: it becomes `0`.
fn prose(sentence: &str) -> String {
    let mut out = String::new();
    let mut until = None;
    let mut open = 0;
    for c in sentence.chars() {
        match (until, c) {
            (Some(')'), '(') => open += 1,
            (Some(')'), ')') if open > 0 => open -= 1,
            (Some(end), c) if c == end => until = None,
            (Some(_), _) => {}
            (None, '“' | '`' | '"') => {
                until = Some(if c == '“' { '”' } else { c });
                out.push('“');
            }
            // The arguments of a call: `dma_map_single(nic, 0x1000)`.
            (None, '(') if out.ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_') => {
                until = Some(')')
            }
            (None, c) => out.push(c),
        }
    }
    out
}

/// The numbers of a text whose digits are grouped, as in `0x1000_0000`: code may, but a sentence writes an address as pictures,
/// registers and kernels do.
fn grouped(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).filter(|word| {
        let digits = word.strip_prefix("0x").unwrap_or_default();
        digits.contains('_') && digits.chars().all(|c| c.is_ascii_hexdigit() || c == '_')
    })
}

/// What is wrong with a sentence's form, and where.
fn faults(sentence: &str, names: &HashSet<String>, linux: bool) -> Vec<String> {
    let text = prose(sentence);
    let chars: Vec<char> = text.chars().collect();
    if !chars.iter().copied().any(han) {
        let words = chars.split(|c| !c.is_ascii_alphabetic()).filter(|w| w.len() > 2).count();
        return if words > 4 && !linux { vec!["all English".into()] } else { Vec::new() };
    }
    let mut found = Vec::new();
    let around = |i: usize| chars[i.saturating_sub(6)..(i + 7).min(chars.len())].iter().collect::<String>();
    for i in 1..chars.len() {
        let (a, b) = (chars[i - 1], chars[i]);
        if han(a) && b.is_ascii_alphanumeric() || a.is_ascii_alphanumeric() && han(b) {
            found.push(format!("no space: {}", around(i)));
        }
        let next = chars.get(i + 1).copied().unwrap_or(' ');
        let ends = (!linux || han(a) || han(next))
            && matches!(b, ',' | ';' | ':' | '?' | '!')
            && (next == ' ' || han(next));
        if ends && (han(a) || a.is_ascii_alphanumeric() || a == ')' || a == ' ') {
            found.push(format!("half-width: {}", around(i)));
        }
        if han(a) && matches!(b, '(' | '.') || matches!(a, ')' | '.') && han(b) {
            found.push(format!("half-width: {}", around(i)));
        }
        let wide = |c| matches!(c, '，' | '。' | '：' | '；' | '、' | '（' | '）' | '？');
        if a == ' ' && wide(b) || wide(a) && b == ' ' || i > 1 && han(chars[i - 2]) && a == ' ' && han(b) {
            found.push(format!("a space too many: {}", around(i)));
        }
        // 天天 is a word; 项项 and 错误错误 are not.
        let pair = i >= 3 && chars[i - 3] == chars[i - 1] && chars[i - 2] == b && a != b;
        let around_it: String = chars[i.saturating_sub(3)..=i].iter().collect();
        let a_word = ["一级一级", "一步一步", "一页一页"].contains(&around_it.as_str());
        if pair && han(a) && han(b) && !a_word
            || a == b && matches!(a, '的' | '项' | '了' | '是' | '在' | '表' | '从')
        {
            found.push(format!("doubled: {}", around(i)));
        }
    }
    for word in text.split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/'))) {
        let word = word.trim_matches(['-', '.', '/']);
        let lower = word.len() > 2 && word.chars().all(|c| c.is_ascii_lowercase() || c == '-');
        let capital = word.len() > 2 && word[1..].chars().all(|c| c.is_ascii_lowercase()) && word.is_ascii();
        if !linux
            && (lower || capital && word.starts_with(|c: char| c.is_ascii_uppercase()))
            && !names.contains(word)
            && !LATIN.contains(&word)
        {
            found.push(format!("English: {word}"));
        }
    }
    found.extend(grouped(&text).map(|address| format!("grouped: {address}")));
    // A colon announces one thing: a sentence with two has no head.
    for sentence in text.split(['。', '？', '！', '—', '；']).filter(|s| s.matches('：').count() > 1) {
        let from = sentence.find('：').unwrap();
        found.push(format!("two colons: {}", sentence[from..].chars().take(20).collect::<String>()));
    }
    // A fault is 转换错误; 故障 is in the names of what records it, as in VT-d's registers.
    for (at, word) in text.match_indices("故障") {
        let (before, after) = (&text[..at], &text[at + word.len()..]);
        let names = ["记录", "队列", "日志", "状态", "事件", "溢出", "待处理", "处理"];
        if !before.ends_with("链路") && !names.iter().any(|name| after.starts_with(name)) {
            found.push(format!("fault is 转换错误: {word}{}", after.chars().take(4).collect::<String>()));
        }
    }
    for choice in CHOSEN {
        found.extend(
            choice.never.iter().filter(|w| text.contains(**w)).map(|w| format!("{} is {w}", choice.en)),
        );
    }
    found
}

/// Sentences by what is wrong with them, each kind with a few of them.
#[derive(Default)]
struct Found(BTreeMap<String, BTreeSet<String>>, usize);

impl Found {
    /// Looks at each line; `linux`: its English words are those of kernels and their tools, and only whole sentences count.
    fn look(&mut self, place: &str, text: &str, names: &HashSet<String>, linux: bool) {
        for sentence in text.lines() {
            self.1 += 1;
            for fault in faults(sentence, names, linux) {
                self.0.entry(fault).or_default().insert(format!("{place}: {}", sentence.trim()));
            }
        }
    }
    fn none(self) {
        let mut out = String::new();
        for (fault, sentences) in &self.0 {
            out += &format!("{fault} ({})\n", sentences.len());
            sentences.iter().take(3).for_each(|s| out += &format!("    {s}\n"));
        }
        println!("{} sentences", self.1);
        assert!(out.is_empty(), "{} kinds\n{out}", self.0.len());
    }
}

/// The Latin words of a scenario outside its texts: names are its own.
fn names(text: &str) -> HashSet<String> {
    let word = |c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/'));
    text.split(word)
        .filter(|w| !w.is_empty())
        .flat_map(|w| [w.to_string(), w.trim_matches(['-', '.']).into()])
        .collect()
}

/// The parts of a picture that are text: between tags, without what is folded away.
fn svg_texts(svg: &str) -> impl Iterator<Item = &str> {
    svg.split('>')
        .filter_map(|part| part.split_once('<').map(|(text, _)| text))
        .filter(|t| !t.trim().is_empty() && !t.contains("var(--"))
}

/// The texts of a value with Chinese in them.
fn strings(value: &Value) -> Box<dyn Iterator<Item = &str> + '_> {
    match value {
        Value::String(text) => Box::new(Some(&**text).into_iter().filter(|text| text.chars().any(han))),
        Value::Array(all) => Box::new(all.iter().flat_map(strings)),
        Value::Object(all) => Box::new(all.values().flat_map(strings)),
        _ => Box::new(std::iter::empty()),
    }
}

#[test]
fn every_preset_reads_as_chinese() {
    let mut found = Found::default();
    let (mut once, mut steps) = (HashSet::new(), HashSet::new());
    for preset in PRESETS {
        let scenario = parse(preset.text).unwrap();
        for architecture in preset.architectures() {
            let own = onto(&scenario, architecture);
            let changed = change(&own).ok();
            for (scenario, which) in [(Some(own), ""), (changed, " changed")] {
                let Some(scenario) = scenario else { continue };
                let text = print(&scenario);
                let Ok(mut player) = Player::open(&text) else { continue };
                let mut names = names(&text);
                for step in player.viewer.trace().steps().iter() {
                    if let Event::Register { register, .. } = step.event {
                        names.insert(register.name.into());
                    }
                }
                let codes = architecture.faults().iter().flat_map(|code| code.name.split([' ', '/', '-']));
                names.extend(codes.map(String::from));
                names.extend(["guest-page", "load-page-fault", "store-page-fault"].map(String::from));
                let place = format!("{}{which} {architecture:?}", preset.name);
                let mut look = |text: &str| {
                    // A line of the scenario is quoted whole.
                    if text.starts_with("第 ") && text.contains(" 行：") {
                        return;
                    }
                    if once.insert(text.to_string()) {
                        found.look(&place, text, &names, false);
                    }
                };
                let head = player.head(Lang::Zh);
                [&head.title, &head.answer, &head.try_this].into_iter().for_each(|t| look(t));
                for at in 0..player.viewer.len() {
                    let said = say(player.viewer.trace(), at, player.viewer.cast()).text.zh;
                    if !steps.insert(said.clone()) {
                        continue;
                    }
                    look(&said);
                    for used in terms(&said, Lang::Zh) {
                        look(&used.meaning);
                    }
                    if let Some(question) = player.question(at, Lang::Zh) {
                        look(&question.text);
                        question.choices.iter().for_each(|choice| look(choice));
                    }
                }
                let course = player.course(Lang::Zh);
                for stop in course.ideas.iter().chain(&course.operations) {
                    look(&stop.sentence);
                    stop.outcome.iter().for_each(|outcome| look(&outcome.text));
                }
                course.checks.iter().flat_map(|check| &check.failure).for_each(|failure| look(failure));
                if let Some(check) = player.check(preset.name, Lang::Zh) {
                    look(&check.text);
                    check.choices.iter().for_each(|c| [&c.text, &c.reason].into_iter().for_each(|t| look(t)));
                }
                course.stopped.iter().for_each(|trouble| look(&trouble.message));
                // What is inside a line, as it is told without the page; what is quoted of the scenario is no Chinese.
                if which.is_empty() {
                    let inside = transcript(&player, Depth::Read, Lang::Zh);
                    let ideas = transcript(&player, Depth::Idea, Lang::Zh);
                    inside
                        .lines()
                        .chain(ideas.lines())
                        .filter(|line| line.chars().any(han))
                        .for_each(|line| look(line.trim()));
                }
                let length = player.viewer.len();
                let stops: Vec<usize> =
                    course.ideas.iter().map(|idea| idea.to as usize).chain([length]).collect();
                for at in stops {
                    // All that stands beside the picture: tables, caches, queues, registers and their bits.
                    let view = serde_json::to_value(player.viewer.view(at, Lang::Zh)).unwrap();
                    strings(&view).for_each(&mut look);
                    let options =
                        iommu_core::diagram::layout::Options { lang: Lang::Zh, ..Default::default() };
                    let picture = player.draw(at, Form::Svg, Theme::Light, &options);
                    svg_texts(&picture).for_each(&mut look);
                }
            }
        }
    }
    found.none();
}

#[test]
fn every_answer_to_a_log_reads_as_chinese() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/faultlogs/cases");
    let mut found = Found::default();
    for file in ["vtd", "amd", "arm", "others", "field", "reports", "own"] {
        let text = std::fs::read_to_string(folder.join(format!("{file}.txt"))).unwrap();
        for case in text.split("#### ").skip(1) {
            let (heading, log) = case.split_once('\n').unwrap();
            let answer = render(&parse_log(log), Lang::Zh, false);
            // What a log said is quoted: the line itself, and values.
            for line in answer.lines().filter(|line| !line.starts_with("  > ")) {
                found.look(heading, line, &HashSet::new(), true);
            }
        }
    }
    found.none();
}

#[test]
fn all_machines_side_by_side_read_as_chinese() {
    let mut found = Found::default();
    for name in ["fault-ladder", "nested-walk", "direction", "lazy", "interrupts", "why-iommu"] {
        let preset = PRESETS.iter().find(|p| p.name == name).unwrap();
        let names = names(preset.text);
        let table = serde_json::to_value(across(preset.text, Some(name), Lang::Zh)).unwrap();
        strings(&table).for_each(|text| found.look(name, text, &names, true));
    }
    found.none();
}

/// An address has one spelling beside the picture, in both languages: what is said groups no digits.
#[test]
fn no_sentence_of_a_preset_groups_the_digits_of_an_address() {
    let (mut found, mut sentences) = (BTreeSet::new(), 0);
    for preset in PRESETS {
        let scenario = parse(preset.text).unwrap();
        for architecture in preset.architectures() {
            let Ok(player) = Player::open(&print(&onto(&scenario, architecture))) else { continue };
            for lang in [Lang::En, Lang::Zh] {
                let (head, course) = (player.head(lang), player.course(lang));
                let mut said = vec![head.title, head.answer, head.try_this];
                for stop in course.ideas.into_iter().chain(course.operations) {
                    let quoted = ["line ", "第 "].iter().any(|line| stop.sentence.starts_with(line));
                    said.extend((!quoted).then_some(stop.sentence));
                    said.extend(stop.outcome.map(|outcome| outcome.text));
                }
                said.extend(course.checks.into_iter().filter_map(|check| check.failure));
                said.extend(course.stopped.into_iter().map(|trouble| trouble.message));
                sentences += said.len();
                for text in said {
                    found.extend(
                        grouped(&prose(&text)).map(|word| format!("{}: {word}: {text}", preset.name)),
                    );
                }
            }
        }
    }
    assert!(sentences > 5000, "{sentences}");
    assert!(found.is_empty(), "{found:#?}");
}

/// The documents in Chinese: their words are those of the table, and they are set as the sentences are.
#[test]
fn the_documents_read_as_chinese() {
    let mut found = Found::default();
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut documents = vec![root.join("README.zh.md")];
    documents.extend(std::fs::read_dir(root.join("docs")).unwrap().map(|entry| entry.unwrap().path()));
    documents.retain(|path| path.to_string_lossy().ends_with(".zh.md"));
    assert!(documents.len() > 6, "{documents:?}");
    for path in documents {
        let (text, mut code) = (std::fs::read_to_string(&path).unwrap(), false);
        for line in text.lines() {
            code ^= line.trim_start().starts_with("```");
            // Code, pictures, and the marks of Markdown.
            if code || line.starts_with("    ") {
                continue;
            }
            // The cells of a table are texts by themselves; the address of a link is none.
            for cell in line.replace("**", "").replace("<br>", "|").split('|') {
                let mut text = String::new();
                for (i, part) in cell.split("](").enumerate() {
                    text += if i == 0 { part } else { part.split_once(')').map_or("", |(_, rest)| rest) };
                }
                let text = text.replace(['[', ']', '↗'], "");
                found.look(&path.file_name().unwrap().to_string_lossy(), text.trim(), &HashSet::new(), true);
            }
        }
    }
    found.none();
}

#[test]
fn the_glossary_reads_as_chinese() {
    let mut found = Found::default();
    let none = HashSet::new();
    for chapter in GLOSSARY {
        found.look("glossary", chapter.title.zh, &none, false);
        for term in chapter.terms {
            found.look(
                term.name.en,
                term.meaning.zh,
                &names(&format!("{} {}", term.name.en, term.name.zh)),
                false,
            );
        }
    }
    for (name, meaning) in &ADDRESSES {
        found.look(name.en, meaning.zh, &none, false);
    }
    found.none();
}

/// What a reader is told of one machine by all its sentences holds for the terms: each is named once.
#[test]
fn a_choice_is_made_once() {
    let mut seen = BTreeSet::new();
    for choice in CHOSEN {
        assert!(seen.insert(choice.en), "{}", choice.en);
        assert!(!choice.why.is_empty());
        for never in choice.never {
            assert!(!choice.zh.contains(never), "{}: {never}", choice.en);
        }
    }
}
