//! What is said of stops that stand for several steps: a walk, repeats, an idea's end.

use crate::addr::Bytes;
use crate::explain::ending::{bytes, count, thousands, Ending, Kind};
use crate::explain::step::walk_input;
use crate::explain::{who, Cast};
use crate::machine::check::outcome::Outcome;
use crate::spec::Lang;
use crate::trace::{Event, Scope, Stage, Trace, Verdict};
use crate::view::types::OutcomeLine;
use alloc::{format, string::String, vec::Vec};
use core::ops::Range;

/// Lines by their numbers.
pub fn lines(first: u32, last: u32, operations: usize, lang: Lang) -> String {
    match (operations, lang) {
        (1, Lang::En) => format!("Line {first}."),
        (1, Lang::Zh) => format!("第 {first} 行。"),
        (n, Lang::En) => format!("Lines {first} to {last}: {}.", count(n as u64, "operation")),
        (n, Lang::Zh) => format!("第 {first} 到 {last} 行：{} 个操作。", n as u64),
    }
}

/// Lines like those before them.
pub fn more_lines(times: usize, lines: String, lang: Lang) -> String {
    match lang {
        Lang::En => format!("... and {} more like these. {lines}", thousands(times as u64)),
        Lang::Zh => format!("……另有 {} 组同样的操作。{lines}", times as u64),
    }
}

/// What came of several operations: what tells most, and what came before it when that is of another kind.
pub fn outcome(endings: &[Ending], lang: Lang) -> Option<OutcomeLine> {
    let weight = |kind: Kind| match kind {
        Kind::Wrong | Kind::Lost | Kind::Refused | Kind::Arrived | Kind::Interrupted => 3,
        Kind::Answered => 2,
        Kind::Mapped | Kind::Unmapped => 1,
        Kind::Done => 0,
    };
    let most = endings.iter().map(|e| weight(e.kind)).max()?;
    let telling: Vec<&Ending> = endings.iter().filter(|e| weight(e.kind) == most).collect();
    // The last of each kind, in the order in which they happened.
    let mut last: Vec<&Ending> = Vec::new();
    for ending in telling {
        last.retain(|e| e.kind != ending.kind);
        last.push(ending);
    }
    let shown = &last[last.len().saturating_sub(2)..];
    let worst = shown.iter().max_by_key(|e| e.kind)?;
    let text: Vec<&str> = shown.iter().map(|e| e.text.get(lang)).collect();
    let between = if lang == Lang::Zh { "" } else { " " };
    Some(OutcomeLine { kind: worst.kind, word: worst.kind.word().get(lang).into(), text: text.join(between) })
}

/// A walk as one line: what is looked up, the tables on the way, where it ends.
pub fn walk(trace: &Trace, steps: Range<usize>, cast: &Cast, lang: Lang) -> String {
    let begin = steps.clone().find(|at| matches!(trace.steps()[*at].event, Event::Begin(Scope::Walk { .. })));
    let Some(begin) = begin else { return String::new() };
    let Event::Begin(Scope::Walk { stage, input, .. }) = trace.steps()[begin].event else {
        return String::new();
    };
    let who = who::actor(trace.steps()[begin].actor, cast);
    let (tables, input) = (who::stage(stage), walk_input(stage, input));
    let depth = trace.steps()[begin].depth;
    let (mut path, mut reads, mut refused) = (Vec::new(), 0u64, None);
    let mut end = None;
    for step in trace.steps().range(begin..steps.end) {
        match step.event {
            Event::Read { entry, at, verdict, .. } => {
                reads += 1;
                if step.depth != depth + 1 {
                    continue;
                }
                path.push(format!("{:#x}", at.raw));
                match verdict {
                    Verdict::Refused(rule) => refused = Some((entry.name, rule.text)),
                    Verdict::Fault(code) => refused = Some((entry.name, code.text)),
                    Verdict::Leaf { to, .. } => end = Some(to),
                    Verdict::Next(to) if matches!(stage, Stage::Device | Stage::Process) => end = Some(to),
                    _ => {}
                }
            }
            Event::End(Verdict::Refused(rule)) if refused.is_none() => {
                refused = Some((who::stage(stage), rule.text));
            }
            _ => {}
        }
    }
    let nested = reads > path.len() as u64;
    let way = path.join(" > ");
    let (n, all) = (path.len() as u64, thousands(reads));
    match lang {
        Lang::En => {
            let entries = if n == 1 { "1 entry".into() } else { format!("{} entries", thousands(n)) };
            let more = if nested {
                format!(", {all} reads in all, since each is at a guest-physical address")
            } else {
                String::new()
            };
            let tail = match (refused, end) {
                (Some((entry, why)), _) => format!("; refused at the {}: {}", entry.en, why.en),
                (None, Some(to)) => format!(" > {} {to}", who::space(to.space).en),
                (None, None) => String::new(),
            };
            format!("{} walks {} for {}: {entries}{more}: {way}{tail}.", who.en.trim(), tables.en, input.en)
        }
        Lang::Zh => {
            let more = if nested {
                format!("，每项都在客户机物理地址上，一共读 {all} 次")
            } else {
                String::new()
            };
            let tail = match (refused, end) {
                (Some((entry, why)), _) => format!("；在{}处被拒绝：{}", entry.zh, why.zh),
                (None, Some(to)) => format!(" > {} {to}", who::space(to.space).zh),
                (None, None) => String::new(),
            };
            let tables = if tables.zh.starts_with(|c: char| c.is_ascii()) {
                format!(" {}", tables.zh)
            } else {
                tables.zh.into()
            };
            format!("{} 为 {} 查{tables}，共 {n} 项{more}：{way}{tail}。", who.zh.trim(), input.zh)
        }
    }
}

/// Steps like those before them: what they are, how many, how much in all.
pub fn more(trace: &Trace, steps: Range<usize>, times: usize, lang: Lang) -> String {
    let counts = Outcome::of(trace.steps(), steps.clone()).counts;
    let part = trace.steps().range(steps);
    let own = part.iter().map(|s| match s.event {
        Event::OwnData { bytes, .. } | Event::OwnLoad { bytes, .. } => u64::from(bytes),
        _ => 0,
    });
    let copied = part.iter().map(|s| match s.event {
        Event::Data { bytes, .. } => u64::from(bytes),
        _ => 0,
    });
    let moved = match (counts.transferred, own.sum::<u64>()) {
        (0, 0) => copied.sum(),
        (0, own) => own,
        (moved, _) => moved,
    };
    let writes =
        part.iter().filter(|s| matches!(s.event, Event::Write { .. } | Event::WriteRun { .. })).count()
            as u64;
    let n = times as u64;
    let each = |total: u64| total > 0 && total % n == 0;
    let (one_en, one_zh) = if each(counts.translations) {
        ("request", "个请求")
    } else if each(counts.packets) {
        ("packet", "个数据包")
    } else if counts.copied > 0 || writes == 0 && moved > 0 {
        ("page", "页")
    } else if writes > 0 {
        ("table write", "次写表")
    } else {
        ("time", "次")
    };
    let mut en = Vec::new();
    let mut zh = Vec::new();
    if moved > 0 {
        let b = if moved % 1024 == 0 { format!("{}", Bytes(moved)) } else { bytes(moved).en };
        en.push(b);
        zh.push(if moved % 1024 == 0 { format!("{}", Bytes(moved)) } else { bytes(moved).zh });
    }
    if counts.reads > 0 {
        en.push(count(counts.reads, "table read"));
        zh.push(format!("查表 {} 次", counts.reads));
    }
    if writes > n {
        en.push(count(writes, "table write"));
        zh.push(format!("写表 {} 次", writes));
    }
    match lang {
        Lang::En => {
            let total = if en.is_empty() { String::new() } else { format!(": {}", en.join(", ")) };
            let many = count(n, one_en);
            let (number, noun) = many.split_once(' ').unwrap_or((&many, ""));
            format!("... and {number} more {noun} like this{total}.")
        }
        Lang::Zh => {
            let total = if zh.is_empty() { String::new() } else { format!("：{}", zh.join("，")) };
            format!("……同样的还有 {} {one_zh}{total}。", n)
        }
    }
}
