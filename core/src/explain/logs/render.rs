//! A report as plain text, for a terminal.

use super::report::{Certainty, Item, Kind, Report};
use crate::explain::{say, Cast};
use crate::spec::{Lang, Text};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// Returns the whole report as text; with `scenarios`, each item's scenario follows it.
///
/// Nothing in it is a control character but line breaks, whatever the log held.
pub fn render(report: &Report, lang: Lang, scenarios: bool) -> String {
    let mut out = String::new();
    for item in &report.items {
        one(&mut out, item, lang, scenarios);
    }
    stories(&mut out, report, lang);
    if report.items.is_empty() {
        out.push_str(&nothing(report, lang));
    } else if report.left_out > 0 {
        out.push_str(&match lang {
            Lang::En => format!("{} more items are left out.\n", report.left_out),
            Lang::Zh => format!("另有 {} 项未列出。\n", report.left_out),
        });
    }
    out
}

fn nothing(report: &Report, lang: Lang) -> String {
    match (report.lines, report.quiet) {
        (0, _) => Text::new("Nothing to read.\n", "没有内容。\n").get(lang).into(),
        (lines, 0) => match lang {
            Lang::En => format!(
                "Nothing about an IOMMU or DMA in {lines} {}.\n",
                if lines == 1 { "line" } else { "lines" }
            ),
            Lang::Zh => format!("{lines} 行中没有与 IOMMU 或 DMA 有关的内容。\n"),
        },
        (lines, quiet) => match lang {
            Lang::En => format!(
                "{quiet} of {lines} lines are about an IOMMU or DMA; no trouble was made out in them.\n"
            ),
            Lang::Zh if lines == quiet => format!("这 {lines} 行与 IOMMU 或 DMA 有关，没有从中认出问题。\n"),
            Lang::Zh => format!("{lines} 行中有 {quiet} 行与 IOMMU 或 DMA 有关，没有从中认出问题。\n"),
        },
    }
}

/// Microseconds after boot, in seconds.
pub(super) fn seconds(micros: u64) -> String {
    format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000)
}

/// Between the parts of a list.
const fn between(lang: Lang) -> &'static str {
    match lang {
        Lang::En => ", ",
        Lang::Zh => "、",
    }
}

/// Between a label and what it is of.
const fn colon(lang: Lang) -> &'static str {
    match lang {
        Lang::En => ": ",
        Lang::Zh => "：",
    }
}

fn head(item: &Item, lang: Lang) -> String {
    let lines = match (lang, item.lines.first == item.lines.last) {
        (Lang::En, true) => format!("line {}", item.lines.first),
        (Lang::En, false) => format!("lines {}-{}", item.lines.first, item.lines.last),
        (Lang::Zh, true) => format!("第 {} 行", item.lines.first),
        (Lang::Zh, false) => format!("第 {}-{} 行", item.lines.first, item.lines.last),
    };
    format!("{lines}{}{}\n", after_lines(lang), item.title.get(lang))
}

/// Between the lines of an item and its title, which has a colon of its own: a Chinese sentence has one.
const fn after_lines(lang: Lang) -> &'static str {
    match lang {
        Lang::En => ": ",
        Lang::Zh => "，",
    }
}

fn times(item: &Item, lang: Lang) -> Option<String> {
    if item.times < 2 {
        return None;
    }
    let mut out = match lang {
        Lang::En => format!("  {} times, last on line {}", item.times, item.last_line),
        Lang::Zh => format!("  共 {} 次，最后一次在第 {} 行", item.times, item.last_line),
    };
    if let Some((first, last)) = item.when.filter(|(first, last)| first != last) {
        out.push_str(&match lang {
            Lang::En => format!(", {} s to {} s after boot", seconds(first), seconds(last)),
            Lang::Zh => format!("，启动后 {} 秒至 {} 秒", seconds(first), seconds(last)),
        });
    }
    out.push('\n');
    Some(out)
}

fn one(out: &mut String, item: &Item, lang: Lang, scenarios: bool) {
    out.push_str(&head(item, lang));
    if let Kind::Unknown { nearest } = item.kind {
        out.push_str(&format!("  > {}\n", item.quote));
        if let Some(form) = nearest {
            let label = Text::new("nearest known form", "最接近的已知格式").get(lang);
            let by = form.printed_by(lang);
            let by = if lang == Lang::En { format!("({by})") } else { format!("见于 {by}") };
            out.push_str(&format!("  {label}{}{}\n    {by}\n", colon(lang), form.plain()));
        }
    }
    if let Some(times) = times(item, lang) {
        out.push_str(&times);
    }
    let dash = if lang == Lang::En { "- " } else { "— " };
    for field in &item.fields {
        let mark = match field.certainty {
            Certainty::Certain => ' ',
            Certainty::Inferred => '~',
        };
        let (value, meaning) = (field.value.get(lang), field.meaning.get(lang));
        out.push_str(&format!("{mark} {}{}{value}", field.name.get(lang), colon(lang)));
        if meaning != value {
            out.push_str(&format!("  {dash}{meaning}"));
        }
        out.push('\n');
    }
    causes(out, item, lang);
    if let Some(preset) = item.preset {
        let label = Text::new("shown by the preset", "对应的预设场景").get(lang);
        out.push_str(&format!("  {label}{}{preset}\n", colon(lang)));
    }
    for rung in &item.rungs {
        let Some((preset, at)) = of_a_fragment(&rung.at) else { continue };
        let label = Text::new(
            "draws a rung of the ladder of faults where the same link is broken",
            "画出预设场景里断在同一处的那一步",
        )
        .get(lang);
        let in_chinese = Text::new("", " --lang zh").get(lang);
        out.push_str(&format!("  {label}{}iommu-play draw {preset} --at {at}{in_chinese}", colon(lang)));
        // Several leave one line: what is broken tells them apart.
        if item.rungs.len() > 1 {
            out.push_str(&format!("  # {}", rung.name.get(lang)));
        }
        out.push('\n');
    }
    if let Some(scenario) = item.scenario.as_ref().filter(|_| scenarios) {
        let label = match item.kind {
            Kind::Tables => Text::new("scenario with these tables:", "含这些表的场景："),
            _ => Text::new("scenario that ends at the same fault:", "以同一转换错误结束的场景："),
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
    out.push('\n');
}

/// The preset and the position of a fragment: who reads a terminal has no page that it belongs to.
fn of_a_fragment(fragment: &str) -> Option<(&str, &str)> {
    fragment.strip_prefix("#p=")?.split_once("&at=")
}

fn causes(out: &mut String, item: &Item, lang: Lang) {
    if item.causes.is_empty() {
        return;
    }
    let many = Text::new("causes (inferred), likeliest first:", "推断的起因，可能性由高到低：").get(lang);
    let one = Text::new("cause (inferred):", "推断的起因：").get(lang);
    out.push_str(&format!("~ {}\n", if item.causes.len() == 1 { one } else { many }));
    let tell = Text::new("signs and checks", "特征与查法").get(lang);
    for (i, likely) in item.causes.iter().enumerate() {
        out.push_str(&format!("    {}. {}\n", i + 1, likely.cause.text.get(lang)));
        for (clues, label) in [
            (&likely.because, Text::new("for it", "佐证")),
            (&likely.despite, Text::new("against it", "反证")),
        ] {
            if clues.is_empty() {
                continue;
            }
            let said: Vec<&str> = clues.iter().map(|clue| clue.text().get(lang)).collect();
            out.push_str(&format!(
                "       {}{}{}\n",
                label.get(lang),
                colon(lang),
                said.join(if lang == Lang::En { "; " } else { "；" })
            ));
        }
        let how = likely.cause.how_to_tell(item.system, lang);
        out.push_str(&format!("       {tell}{}{how}\n", colon(lang)));
        let taught_by = likely.cause.taught_by(item.arch, lang);
        if !taught_by.is_empty() {
            let label = Text::new("known from", "来源").get(lang);
            out.push_str(&format!("       {label}{}{}\n", colon(lang), taught_by.join(between(lang))));
        }
    }
}

fn stories(out: &mut String, report: &Report, lang: Lang) {
    for story in &report.stories {
        let label = Text::new("One story", "前后经过").get(lang);
        out.push_str(&format!("{label}{}{}\n", colon(lang), story.title.get(lang)));
        for moment in &story.moments {
            let line = match lang {
                Lang::En => format!("line {}", moment.line),
                Lang::Zh => format!("第 {} 行", moment.line),
            };
            let time = moment.time.map_or(String::new(), |time| format!(" [{}]", seconds(time)));
            out.push_str(&format!("  {line}{time}{}{}\n", after_lines(lang), moment.text.get(lang)));
        }
        out.push('\n');
    }
}

/// Runs the scenario and says the step at which it was refused.
fn last_sentence(text: &str, lang: Lang) -> Option<String> {
    let run = crate::machine::run(text).ok()?;
    let at = super::failing_step(&run.done, &run.machine.trace)?;
    let cast = Cast::of(&run.machine, text);
    let said = say(&run.machine.trace, at - 1, &cast);
    let sentence = said.text.get(lang);
    let total = run.machine.trace.len();
    Some(match lang {
        Lang::En => format!("stops at step {at} of {total}: {sentence}"),
        Lang::Zh => format!("停在第 {at} 步（共 {total} 步）：{sentence}"),
    })
}
