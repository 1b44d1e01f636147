//! A report as plain text, for a terminal.

use super::items::{Certainty, Item, Kind, Report};
use crate::explain::{say, Cast};
use crate::spec::{Lang, Text};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// The whole report. `log` is the text that it was made from; lines that are not understood are quoted from it.
/// With `scenarios`, each item's scenario follows it.
pub fn render(report: &Report, log: &str, lang: Lang, scenarios: bool) -> String {
    let mut out = String::new();
    let lines: Vec<&str> = log.lines().collect();
    for item in &report.items {
        one(&mut out, item, &lines, lang, scenarios);
    }
    if report.items.is_empty() {
        out.push_str(Text::new("Nothing to read.\n", "没有内容。\n").get(lang));
    }
    out
}

fn one(out: &mut String, item: &Item, log: &[&str], lang: Lang, scenarios: bool) {
    let lines = match (lang, item.lines.first == item.lines.last) {
        (Lang::En, true) => format!("line {}", item.lines.first),
        (Lang::En, false) => format!("lines {}-{}", item.lines.first, item.lines.last),
        (Lang::Zh, true) => format!("第 {} 行", item.lines.first),
        (Lang::Zh, false) => format!("第 {}-{} 行", item.lines.first, item.lines.last),
    };
    out.push_str(&format!("{lines}: {}\n", item.title.get(lang)));
    if let Kind::Unknown { nearest } = item.kind {
        let text = log.get(item.lines.first - 1).map_or("", |line| line.trim());
        let short: String = text.chars().take(160).collect();
        out.push_str(&format!("  > {short}\n"));
        if let Some(form) = nearest {
            let label = Text::new("nearest known form", "最接近的已知格式").get(lang);
            out.push_str(&format!("  {label}: {}\n    ({})\n", form.wording, form.source));
        }
    }
    for field in &item.fields {
        let mark = match field.certainty {
            Certainty::Certain => ' ',
            Certainty::Inferred => '~',
        };
        let (value, meaning) = (field.value.get(lang), field.meaning.get(lang));
        out.push_str(&format!("{mark} {}: {value}", field.name.get(lang)));
        if meaning != value {
            out.push_str(&format!("  {}{meaning}", if lang == Lang::En { "- " } else { "— " }));
        }
        out.push('\n');
    }
    if !item.repeats.is_empty() {
        let text = match lang {
            Lang::En => format!("  and {} times more below\n", item.repeats.len()),
            Lang::Zh => format!("  下文又出现 {} 次\n", item.repeats.len()),
        };
        out.push_str(&text);
    }
    if !item.causes.is_empty() {
        let label =
            Text::new("usual causes (inferred), likeliest first:", "常见原因（推断），可能性由高到低：")
                .get(lang);
        out.push_str(&format!("~ {label}\n"));
        for (i, cause) in item.causes.iter().enumerate() {
            let tell = Text::new("how to tell", "如何判断").get(lang);
            out.push_str(&format!(
                "    {}. {}\n       {tell}: {}\n",
                i + 1,
                cause.text.get(lang),
                cause.how_to_tell.get(lang)
            ));
        }
    }
    if let Some(scenario) = item.scenario.as_ref().filter(|_| scenarios) {
        let label = match item.kind {
            Kind::Tables => Text::new("scenario with these tables:", "含这些表的场景："),
            _ => Text::new("scenario that ends at the same fault:", "以相同错误结束的场景："),
        }
        .get(lang);
        out.push_str(&format!("  {label}\n"));
        for line in scenario.text.lines() {
            out.push_str(&format!("    {line}\n"));
        }
        if let Some(sentence) = last_sentence(&scenario.text, lang) {
            out.push_str(&format!("  {sentence}\n"));
        }
    }
    if !matches!(item.kind, Kind::Other) {
        out.push('\n');
    }
}

/// Runs the scenario and says the step at which it was refused.
fn last_sentence(text: &str, lang: Lang) -> Option<String> {
    let run = crate::machine::run(text).ok()?;
    let at = super::failing_step(&run)?;
    let cast = Cast::of(&run.machine, text);
    let said = say(&run.machine.trace, at - 1, &cast);
    let sentence = said.text.get(lang);
    let total = run.machine.trace.len();
    Some(match lang {
        Lang::En => format!("stops at step {at} of {total}: {sentence}"),
        Lang::Zh => format!("停在第 {at} 步（共 {total} 步）：{sentence}"),
    })
}
