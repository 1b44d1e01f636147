//! `iommu-play figures`: pictures for documents. Requests and answers are JSON, a line each, so that a documentation tool makes
//! all of its pictures with one process, whatever language it is written in.

use super::linked::linked;
use super::scenario::message;
use iommu_core::diagram::render::{Charset, Theme, Wrapper};
use iommu_core::diagram::Options;
use iommu_core::iommu::Architecture;
use iommu_core::link;
use iommu_core::machine::run::run;
use iommu_core::scenario::presets::{by_name, PRESETS};
use iommu_core::scenario::{machine_meant, nearest, onto_word};
use iommu_core::spec::Lang;
use iommu_core::view::export::Form;
use iommu_core::view::types::{Course, Stop};
use iommu_core::view::Player;
use serde_json::{json, Value};
use std::collections::VecDeque;
use std::io::{BufRead, Write};
use std::process::ExitCode;

/// What is wrong with a request: where in the scenario's text, if there, and what.
pub(super) struct Wrong {
    line: u32,
    column: u32,
    pub(super) message: String,
}

impl Wrong {
    pub(super) fn request(message: String) -> Vec<Self> {
        vec![Wrong { line: 0, column: 0, message }]
    }
    pub(super) fn json(&self) -> Value {
        json!({ "line": self.line, "column": self.column, "message": self.message })
    }
}

/// Answers each line of standard input with a line: a request with a figure, a list of requests with a list. A list is a whole
/// document's, often with nobody who reads the answers before they are printed; what is wrong with it is also said on standard error,
/// and the exit status tells.
pub fn run_lines(lang: Lang) -> ExitCode {
    let mut out = std::io::stdout().lock();
    let mut status = ExitCode::SUCCESS;
    let mut runs = Runs::default();
    let mut input = std::io::stdin().lock().lines().peekable();
    let mut request = String::new();
    while let Some(line) = input.next() {
        let Ok(line) = line else { return ExitCode::FAILURE };
        request.push_str(&line);
        if request.trim().is_empty() {
            request.clear();
            continue;
        }
        let read = serde_json::from_str::<Value>(&request);
        // A list may take several lines.
        if request.trim_start().starts_with('[')
            && read.as_ref().is_err_and(serde_json::Error::is_eof)
            && input.peek().is_some()
        {
            request.push('\n');
            continue;
        }
        request.clear();
        let answer = match read {
            Ok(Value::Array(requests)) => {
                let answers: Vec<Value> =
                    requests.iter().map(|request| answer(request, lang, &mut runs)).collect();
                for (n, (request, answer)) in requests.iter().zip(&answers).enumerate() {
                    if !said(n + 1, request, answer, lang) {
                        status = ExitCode::FAILURE;
                    }
                }
                Value::Array(answers)
            }
            Ok(request) => answer(&request, lang, &mut runs),
            Err(error) => json!({ "errors": [Wrong::request(no_json(&error, lang))[0].json()] }),
        };
        // A reader that has gone wants no more.
        if writeln!(out, "{answer}").and_then(|()| out.flush()).is_err() {
            break;
        }
    }
    status
}

/// Why a line is not JSON, and where; what its reader says stays as it is.
fn no_json(error: &serde_json::Error, lang: Lang) -> String {
    let said = error.to_string();
    match lang {
        Lang::En => format!("this is not JSON: {said}"),
        Lang::Zh => {
            let what = said.split(" at line ").next().unwrap_or_default();
            format!("这不是 JSON，第 {} 行第 {} 列：{what}", error.line(), error.column())
        }
    }
}

/// The figure of a request or what is wrong with it, with the request's `id`.
fn answer(request: &Value, lang: Lang, runs: &mut Runs) -> Value {
    let mut answer = figure(request, lang, runs)
        .unwrap_or_else(|wrong| json!({ "errors": wrong.iter().map(Wrong::json).collect::<Vec<_>>() }));
    if let Some(id) = request.get("id") {
        answer["id"] = id.clone();
    }
    answer
}

/// Says what is wrong with one of a list; whether it is a figure.
fn said(number: usize, request: &Value, answer: &Value, lang: Lang) -> bool {
    let named = ["preset", "link"].iter().find_map(|key| request.get(key).and_then(Value::as_str));
    let name = match named {
        Some(name) => format!("{number} ({name})"),
        None => number.to_string(),
    };
    let (error, warning, figure) = match lang {
        Lang::En => ("error: figure ", "warning: figure ", ": "),
        Lang::Zh => ("错误：第 ", "警告：第 ", " 张图："),
    };
    for (kind, word) in [("errors", error), ("stopped", warning), ("warnings", warning)] {
        for wrong in answer.get(kind).and_then(Value::as_array).into_iter().flatten() {
            let message = wrong.get("message").and_then(Value::as_str).unwrap_or_default();
            let line = wrong.get("line").and_then(Value::as_u64).unwrap_or(0);
            let place = match (kind, lang) {
                // The message of an error begins with its place.
                ("warnings", Lang::En) if line > 0 => format!("line {line}: "),
                ("warnings", Lang::Zh) if line > 0 => format!("第 {line} 行："),
                _ => String::new(),
            };
            errln!("{word}{name}{figure}{place}{message}");
        }
    }
    answer.get("errors").is_none()
}

/// The text of a request: a preset's, or its own; on the machine that it wants.
fn text_of(request: &Value, lang: Lang) -> Result<(String, Option<&'static str>), Vec<Wrong>> {
    let word = |key: &str| request.get(key).and_then(Value::as_str);
    let arch = match word("arch").map(|word| (word, Architecture::named(word))) {
        None => None,
        Some((_, Some(arch))) => Some(arch),
        Some((word, None)) => {
            let message = unknown_near(word, machine_meant(word), lang);
            return Err(Wrong::request(message));
        }
    };
    if let Some(name) = word("preset") {
        let names: Vec<&str> = PRESETS.iter().map(|p| p.name).collect();
        let preset = by_name(name).ok_or_else(|| Wrong::request(unknown(name, &names, lang)))?;
        let Some(arch) = arch else { return Ok((preset.text.into(), Some(preset.name))) };
        let there = preset.on(arch).and_then(|p| Some((p.text_on(arch)?, p.name)));
        let (text, name) = there.ok_or_else(|| Wrong::request(preset.why_not().get(lang).into()))?;
        return Ok((text, Some(name)));
    }
    let Some(text) = word("scenario") else {
        let needed = match lang {
            Lang::En => "a request needs `preset`, `scenario` or `link`",
            Lang::Zh => "请求需要 `preset`、`scenario` 或 `link`",
        };
        return Err(Wrong::request(needed.into()));
    };
    match arch {
        None => Ok((text.into(), None)),
        Some(arch) => {
            onto_word(text, arch.describe().word).map(|text| (text, None)).map_err(|p| wrong(&p.0, lang))
        }
    }
}

fn unknown(word: &str, known: &[&str], lang: Lang) -> String {
    unknown_near(word, nearest(word, known.iter().copied()), lang)
}

fn unknown_near(word: &str, near: Option<&str>, lang: Lang) -> String {
    match (lang, near) {
        (Lang::En, Some(near)) => format!("nothing is called `{word}`; did you mean `{near}`?"),
        (Lang::En, None) => format!("nothing is called `{word}`"),
        (Lang::Zh, Some(near)) => format!("没有叫 `{word}` 的；是不是想写 `{near}`？"),
        (Lang::Zh, None) => format!("没有叫 `{word}` 的"),
    }
}

fn wrong(problems: &[iommu_core::scenario::Problem], lang: Lang) -> Vec<Wrong> {
    let one = |p: &iommu_core::scenario::Problem| Wrong {
        line: p.span.line,
        column: p.span.column,
        message: message(p, lang),
    };
    problems.iter().map(one).collect()
}

/// The position that `at` means: a number, `start`, `end` (without: that), `fault`, `fault:CODE` or `fault:NAME`.
fn place(request: &Value, course: &Course, lang: Lang) -> Result<u32, Vec<Wrong>> {
    let choices = ["start", "end", "fault", "fault:0x5"];
    match request.get("at") {
        None | Some(Value::Null) => Ok(course.length),
        Some(Value::Number(n)) => Ok(n.as_u64().unwrap_or(0).min(course.length.into()) as u32),
        Some(Value::String(word)) => match word.as_str() {
            "start" => Ok(course.start),
            "end" => Ok(course.length),
            word => match link::Position::parse(word).map(|position| position.among(&course.marks)) {
                Some(at) => Ok(at.map_or(course.length, |at| at.min(course.length))),
                None => Err(Wrong::request(unknown(word, &choices, lang))),
            },
        },
        Some(other) => Err(Wrong::request(unknown(&other.to_string(), &choices, lang))),
    }
}

/// A picture of fixed colours has them as attributes alone: what makes PDF or shows EPUB often knows no custom properties of style
/// sheets, and would draw all in black.
fn plain(svg: String, theme: Theme) -> String {
    let sheet = svg.find("<style>").zip(svg.find("</style>\n"));
    match (theme, sheet) {
        (Theme::Light | Theme::Dark, Some((from, to))) if from < to => {
            let rest = svg.get(to + "</style>\n".len()..).unwrap_or_default();
            [svg.get(..from).unwrap_or_default(), rest].concat()
        }
        _ => svg,
    }
}

/// A scenario that ran.
pub(super) struct Ran {
    text: String,
    lang: Lang,
    player: Player,
    pub(super) course: Course,
    stopped: Vec<Value>,
}

/// The last scenarios that ran: a document shows many steps of a few.
#[derive(Default)]
pub(super) struct Runs(VecDeque<Ran>);

impl Runs {
    /// As many are kept; each takes what its trace and memory take.
    const KEPT: usize = 8;

    /// The run of a text, which goes to the front.
    pub(super) fn of(&mut self, text: &str, lang: Lang) -> Result<&mut Ran, Vec<Wrong>> {
        let known = self.0.iter().position(|ran| ran.lang == lang && ran.text == text);
        let ran = match known.and_then(|at| self.0.remove(at)) {
            Some(ran) => ran,
            None => {
                let ran = run(text).map_err(|problems| wrong(&problems.0, lang))?;
                let stopped = ran.stopped.iter().flat_map(|p| wrong(std::slice::from_ref(p), lang));
                let stopped = stopped.map(|wrong| wrong.json()).collect();
                let player = Player::of(ran, text);
                let course = player.course(lang);
                Ran { text: text.into(), lang, player, course, stopped }
            }
        };
        self.0.truncate(Self::KEPT - 1);
        self.0.push_front(ran);
        self.0.front_mut().ok_or_else(Vec::new)
    }
}

fn figure(request: &Value, lang: Lang, runs: &mut Runs) -> Result<Value, Vec<Wrong>> {
    let lang = match request.get("lang").and_then(Value::as_str) {
        Some("zh") => Lang::Zh,
        Some("en") => Lang::En,
        _ => lang,
    };
    let theme = match request.get("theme").and_then(Value::as_str) {
        Some("light") => Theme::Light,
        Some("dark") => Theme::Dark,
        _ => Theme::Auto,
    };
    if let Some(address) = request.get("link").and_then(Value::as_str) {
        return linked(address, lang, runs);
    }
    let (text, preset) = text_of(request, lang)?;
    let Ran { player, course, stopped, .. } = runs.of(&text, lang)?;
    let at = place(request, course, lang)?;
    let head = player.head(lang);
    let ideas = &course.ideas;
    let told: Option<&Stop> =
        ideas.iter().rev().find(|idea| idea.from < at || idea.to <= at).or(ideas.first());
    let failed = course.checks.iter().filter_map(|check| {
        let message = check.failure.clone()?;
        Some(Wrong { line: check.line, column: check.column, message }.json())
    });
    let warnings: Vec<Value> = failed.collect();
    let options =
        link::Options { at: Some(link::Position::Step(at)), lang: Some(lang), ..link::Options::default() };
    let fragment = match preset.and_then(by_name) {
        Some(preset) => {
            let arch = request.get("arch").and_then(Value::as_str).and_then(Architecture::named);
            Some(link::encode_preset(preset, &link::Options { arch, ..options }))
        }
        None => link::encode(&text, &options).ok(),
    };
    let tight = Options { lang, tight: true, ..Options::default() };
    let mut roomy = Options { lang, ..Options::default() };
    if let Some(width) = request.get("width").and_then(Value::as_u64) {
        roomy.width = width.min(u64::from(u16::MAX)) as u16;
    }
    let position = at as usize;
    Ok(json!({
        "title": head.title,
        "sentence": told.map(|stop| stop.sentence.clone()).unwrap_or_default(),
        "outcome": told.and_then(|stop| stop.outcome.as_ref()).map(|outcome| outcome.text.clone()).unwrap_or_default(),
        "at": at,
        "fragment": fragment,
        "svg": plain(player.draw(position, Form::Svg, theme, &tight), theme),
        "text": player.draw(position, Form::Text(Charset::Ascii, Wrapper::Plain), theme, &roomy),
        "stopped": stopped,
        "warnings": warnings,
    }))
}
