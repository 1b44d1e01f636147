//! `iommu-play gallery`: every scenario that comes with it, as JSON, and its picture, for a page that lists them.

use crate::cli::Gallery;
use crate::zh::{colon, trouble};
use iommu_core::diagram::render::{svg, SvgOptions};
use iommu_core::diagram::{layout, Layout, Model, Options};
use iommu_core::explain::check::Asked;
use iommu_core::explain::glossary::{Chapter, Term, GLOSSARY};
use iommu_core::explain::terms::{also, ADDRESSES};
use iommu_core::explain::Cast;
use iommu_core::iommu::Architecture;
use iommu_core::machine::history::Cursor;
use iommu_core::machine::run::{run_scenario, Run};
use iommu_core::machine::Record;
use iommu_core::picture::picture;
use iommu_core::scenario::outline::Texts;
use iommu_core::scenario::presets::topics::{about, Topic};
use iommu_core::scenario::presets::{checks, sweeps, Preset, PATH, PRESETS, STAGES};
use iommu_core::scenario::{parse, print_statement, Outline};
use iommu_core::spec::{FaultCode, Lang, Phrase, Text};
use iommu_core::trace::{Event, InterruptKind};
use iommu_core::view::course::operations;
use serde_json::{json, Value};
use std::path::Path;
use std::process::ExitCode;

/// Prints the gallery, and writes a picture of each scenario in both languages if a folder is named.
pub fn run(args: &Gallery, lang: Lang) -> ExitCode {
    let folder = args.pictures.as_deref();
    let card = |preset| card(preset, folder, lang);
    match PRESETS.iter().map(card).collect::<Result<Vec<Value>, String>>() {
        Ok(cards) => {
            let topics: Vec<Value> = Topic::ALL.iter().map(|t| named(t.name(), t.text())).collect();
            out!(
                "{}\n",
                json!({
                    "topics": topics,
                    "path": path(),
                    "terms": terms(),
                    "faults": faults(),
                    "scenarios": cards,
                })
            );
            ExitCode::SUCCESS
        }
        Err(why) => {
            errln!("iommu-play gallery{}{why}", colon(lang));
            ExitCode::FAILURE
        }
    }
}

/// The newcomer's path, stage by stage.
fn path() -> Vec<Value> {
    let mut names = PATH.iter();
    let stage = |(text, steps): &(Text, usize)| {
        let scenarios: Vec<&&str> = names.by_ref().take(*steps).collect();
        json!({ "en": text.en, "zh": text.zh, "scenarios": scenarios })
    };
    STAGES.iter().map(stage).collect()
}

/// The glossary, chapter by chapter.
fn terms() -> Vec<Value> {
    let term = |name: Text, meaning: Text| json!({ "name": text(name), "meaning": text(meaning), "also": also(name.en) });
    let addresses: Vec<Value> = ADDRESSES.iter().map(|(name, meaning)| term(*name, *meaning)).collect();
    let addresses =
        json!({ "title": text(Text::new("Addresses and ids", "地址与标识")), "terms": addresses });
    let term = |of: &Term| term(of.name, of.meaning);
    let chapter = |chapter: &Chapter| {
        let terms: Vec<Value> = chapter.terms.iter().map(term).collect();
        json!({ "title": text(chapter.title), "terms": terms })
    };
    core::iter::once(addresses).chain(GLOSSARY.iter().map(chapter)).collect()
}

/// Every fault code of every architecture.
fn faults() -> Vec<Value> {
    let all = Architecture::ALL.map(|a| (a.name(), a.faults()));
    let fault = |arch: &str, fault: &FaultCode| {
        json!({
            "arch": arch,
            "code": fault.code,
            "name": fault.name,
            "meaning": text(fault.text),
            "section": fault.section,
        })
    };
    all.iter().flat_map(|(arch, codes)| codes.iter().map(|code| fault(arch, code))).collect()
}

fn card(preset: &Preset, folder: Option<&Path>, lang: Lang) -> Result<Value, String> {
    let scenario = parse(preset.text).map_err(|problems| format!("{}: {problems}", preset.name))?;
    let run = run_scenario(scenario).map_err(|problems| format!("{}: {problems}", preset.name))?;
    let about = about(preset.name).ok_or_else(|| format!("{} is about nothing", preset.name))?;
    let at =
        telling(&run, about.step).ok_or_else(|| format!("{} has no step {}", preset.name, about.step))?;
    if let Some(folder) = folder {
        draw(&run, at, preset.name, folder)
            .map_err(|error| format!("{}{}{}", folder.display(), colon(lang), trouble(&error, lang)))?;
    }
    let outline = Outline::new(&run.scenario);
    let notes: Vec<Value> = outline.steps.iter().flat_map(|s| &s.notes).map(|n| both(*n)).collect();
    let (en, zh) = preset.difficulty.words();
    Ok(json!({
        "name": preset.name,
        "title": both(outline.title),
        "answer": both(outline.answer),
        "notes": notes,
        "sources": outline.sources,
        "difficulty": { "name": preset.difficulty.name(), "en": en, "zh": zh },
        "topics": about.topics.iter().map(|t| t.name()).collect::<Vec<_>>(),
        "architectures": preset.architectures().map(|a| a.name()).collect::<Vec<_>>(),
        "limit": preset.limit.map(|limit| text(limit.why)),
        "at": at,
        "says": says(&run),
        "check": question(&run, preset),
        "sweep": sweeps::sweep(preset.name).is_some(),
    }))
}

/// What the run says in words and codes that someone may search for: what the kernel prints, faults by code and name.
fn says(run: &Run) -> Vec<Value> {
    let trace = &run.machine.trace;
    let mut found: Vec<Value> = Vec::new();
    for step in trace.steps() {
        let said = match step.event {
            Event::Note { en, zh } => json!({ "en": trace.get_name(en), "zh": trace.get_name(zh) }),
            Event::Fault { code, .. } => json!({
                "en": format!("fault {:#x} {}: {}", code.code, code.name, code.text.en),
                "zh": format!("{:#x} {}：{}", code.code, code.name, code.text.zh),
            }),
            _ => continue,
        };
        if !found.contains(&said) {
            found.push(said);
        }
    }
    found
}

/// The question at the end of a scenario of the path, with the machine's answer; `null` for the others.
fn question(run: &Run, preset: &Preset) -> Value {
    let cast = Cast::of_run(run, preset.text);
    let trace = &run.machine.trace;
    let cursor = || Cursor::at_end(run.machine.memories(), trace);
    let record = Record::of(&run.machine);
    let asked = Asked { record: &record, cursor: &cursor, trace, cast: &cast, done: &run.done };
    let phrase = |p: &Phrase| json!({ "en": p.en, "zh": p.zh });
    checks::check(preset.name).and_then(|about| asked.check(about)).map_or(Value::Null, |check| {
        let choices = check.choices.iter().map(|choice| {
            json!({ "text": phrase(&choice.text), "right": choice.right, "reason": phrase(&choice.reason) })
        });
        json!({ "text": phrase(&check.text), "choices": choices.collect::<Vec<_>>() })
    })
}

fn text(text: Text) -> Value {
    json!({ "en": text.en, "zh": text.zh })
}

fn both(texts: Texts) -> Value {
    json!({ "en": texts.pick(false), "zh": texts.pick(true) })
}

fn named(name: &str, text: Text) -> Value {
    json!({ "name": name, "en": text.en, "zh": text.zh })
}

/// The position in the operation `step` that shows the most of it: its fault, else where its last bytes or its
/// interrupt arrive, else its end.
fn telling(run: &Run, step: &str) -> Option<usize> {
    let is_step = |text: Option<String>| text.is_some_and(|text| text == step);
    let mut lines = run.scenario.lines.iter().rev();
    let line = lines.find(|line| is_step(line.statement.as_ref().map(print_statement)))?.span.line;
    let trace = &run.machine.trace;
    let operation = operations(trace, &Default::default()).into_iter().find(|o| o.line == line)?;
    let (from, to) = (operation.from as usize, operation.to as usize);
    let last = |wanted: fn(&Event) -> bool| (from..to).rev().find(|at| wanted(&trace.steps()[at - 1].event));
    last(|e| matches!(e, Event::Fault { .. } | Event::Interrupt { kind: InterruptKind::Blocked, .. }))
        .or_else(|| last(|e| matches!(e, Event::Data { .. } | Event::Interrupt { .. })))
        .or(Some(to))
}

/// Writes the picture of one position, in each language.
fn draw(run: &Run, at: usize, name: &str, folder: &Path) -> std::io::Result<()> {
    let trace = &run.machine.trace;
    let mut cursor = Cursor::at_end(run.machine.memories(), trace);
    cursor.seek(trace, at);
    let model = picture(&Record::of(&run.machine), trace, &mut cursor, Phrase::default());
    for (lang, suffix) in [(Lang::En, "en"), (Lang::Zh, "zh")] {
        let options = SvgOptions { lang, ..SvgOptions::default() };
        std::fs::write(
            folder.join(format!("{name}.{suffix}.svg")),
            svg(&card_sized(&model, lang), &options),
        )?;
    }
    Ok(())
}

/// The narrowest layout that is not higher than wide: few pieces a column, since a card is small. Cells are twice
/// as high as wide.
fn card_sized(model: &Model, lang: Lang) -> Layout {
    let mut widths = (88..=160).step_by(12).map(|width| {
        layout(model, None, &Options { width, lang, tight: true, budget: 6, ..Options::default() })
    });
    let mut last = Layout::default();
    for picture in &mut widths {
        let fits = picture.height <= picture.width * 2 / 5;
        last = picture;
        if fits {
            break;
        }
    }
    last
}
