//! What is said of stops that stand for several steps: a walk, repeats, an idea's end.

use crate::addr::{AnyAddr, Bytes};
use crate::explain::ending::{bytes, count, of_itself, thousands, Ending, Kind};
use crate::explain::step::walk_input;
use crate::explain::{scopes::innermost, who, Cast};
use crate::machine::check::outcome::Outcome;
use crate::spec::{spaced, Lang, Phrase};
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
    // Each text has its own word in front; the first one's is the line's.
    let (first, rest) = shown.split_first()?;
    let mut text: String = first.text.get(lang).into();
    for ending in rest {
        let (word, said) = (ending.kind.word(), ending.text.get(lang));
        let word = word.get(lang);
        text += &match lang {
            Lang::En => format!(" {word}: {said}"),
            Lang::Zh => format!("【{word}】{said}"),
        };
    }
    Some(OutcomeLine { kind: worst.kind, word: first.kind.word().get(lang).into(), text })
}

/// A walk as one line: what is looked up, the tables on the way, where it ends.
pub fn walk(trace: &Trace, steps: Range<usize>, cast: &Cast, lang: Lang) -> String {
    let begin = steps.clone().find(|at| matches!(trace.steps()[*at].event, Event::Begin(Scope::Walk { .. })));
    let Some(begin) = begin else { return String::new() };
    let Event::Begin(Scope::Walk { stage, input, .. }) = trace.steps()[begin].event else {
        return String::new();
    };
    let who = who::actor(trace.steps()[begin].actor, cast);
    let (tables, space, input) = (cast.stage(stage), input.space, walk_input(stage, input, cast));
    // A request that names no process is looked up all the same.
    let without = stage == Stage::Process && {
        let request = innermost(trace, begin, |scope| matches!(scope, Scope::Translation { .. }));
        matches!(request, Some((_, Scope::Translation { pasid: None, .. })))
    };
    let input = match without {
        true => cast.terms().no_process.into(),
        false => input,
    };
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
                    // Where nothing is translated there are no tables to lead to.
                    Verdict::Next(to) if matches!(stage, Stage::Device | Stage::Process) && to.raw != 0 => {
                        end = Some(to);
                    }
                    _ => {}
                }
            }
            Event::End(Verdict::Refused(rule)) if refused.is_none() => {
                refused = Some((cast.stage(stage), rule.text));
            }
            _ => {}
        }
    }
    let nested = reads > path.len() as u64;
    let between = cast.terms().between;
    let way = path.join(" > ");
    let (n, all) = (path.len() as u64, thousands(reads));
    match lang {
        Lang::En => {
            let entries = if n == 1 { "1 entry".into() } else { format!("{} entries", thousands(n)) };
            let more = if nested {
                format!(", {all} reads in all, since each is found by its {}", between.en)
            } else {
                String::new()
            };
            let tail = match (refused, end) {
                (Some((entry, why)), _) => format!("; refused at the {}: {}", entry.en, why.en),
                (None, Some(to)) => led(stage, to, cast).en,
                (None, None) => String::new(),
            };
            format!("{} walks {} for {}: {entries}{more}: {way}{tail}.", who.en.trim(), tables.en, input.en)
        }
        Lang::Zh => {
            let more = if nested {
                format!("，每项都在{}上，一共读 {all} 次", between.zh)
            } else {
                String::new()
            };
            let tail = match (refused, end) {
                (Some((entry, why)), _) => format!("；止于{}：{}", entry.zh, of_itself(why.zh, entry.zh)),
                (None, Some(to)) => led(stage, to, cast).zh,
                (None, None) => String::new(),
            };
            let what = match stage {
                Stage::Device => format!("按请求者 {} 查{}", input.zh, tables.zh),
                Stage::Process => format!("按 {} 查{}", input.zh, tables.zh),
                Stage::Interrupt => format!("查{}{}", tables.zh, input.zh),
                _ => format!("查{}，找{} {}", tables.zh, cast.space(space).zh, input.zh),
            };
            let way = path.join(" → ");
            spaced(&format!("{}{what}，读 {n} 项{more}：{way}{tail}。", who.zh))
        }
    }
}

/// Where a walk led: tables of devices and processes lead to other tables, whose root is no place of data.
fn led(stage: Stage, to: AnyAddr, cast: &Cast) -> Phrase {
    let space = cast.space(to.space);
    match stage {
        Stage::Device | Stage::Process => Phrase::new(
            format!("; it points at the tables at {} {to}", space.en),
            format!("；它指向的表位于{} {to}", space.zh),
        ),
        _ => Phrase::new(format!(" > {} {to}", space.en), format!(" → {} {to}", space.zh)),
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
    let (one_en, what_zh, one_zh) = if each(counts.translations) {
        ("request", "请求", "个")
    } else if each(counts.packets) {
        ("packet", "数据包", "个")
    } else if counts.copied > 0 || writes == 0 && moved > 0 {
        ("page", "", "页")
    } else if writes > n {
        ("group", "", "组")
    } else if writes > 0 {
        ("table write", "写表", "次")
    } else {
        ("time", "", "次")
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
        // How many are in each group, where that is a whole number.
        zh.push(match writes % n {
            0 => format!("每组写表 {} 次，共 {writes} 次", writes / n),
            _ => format!("写表 {writes} 次"),
        });
    }
    match lang {
        Lang::En => {
            let total = if en.is_empty() { String::new() } else { format!(": {}", en.join(", ")) };
            let many = count(n, one_en);
            let (number, noun) = many.split_once(' ').unwrap_or((&many, ""));
            format!("... and {number} more {noun} like this{total}.")
        }
        Lang::Zh => {
            // Amounts that are sums say so; a group's says how it comes about.
            let total = match zh.as_slice() {
                [] => String::new(),
                [one] if one.starts_with("每组") => format!("，{one}"),
                all => format!("，一共 {}", all.join("、")),
            };
            spaced(&format!("……同样的{what_zh}还有 {n} {one_zh}{total}。"))
        }
    }
}
