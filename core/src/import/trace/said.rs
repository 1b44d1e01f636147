//! Times, ranges and mappings of a trace, in words.

use super::finding::Mapping;
use super::line::{Moment, Part};
use alloc::format;
use alloc::string::String;

/// A time, in seconds.
pub(super) fn seconds(time: u64) -> String {
    format!("{}.{:06}", time / 1_000_000_000, time / 1000 % 1_000_000)
}

/// A length of time.
pub(super) fn length(nanos: u64, zh: bool) -> String {
    let (count, en, word) = match nanos {
        0..=999_999 => (nanos / 1000, "us", "微秒"),
        1_000_000..=9_999_999_999 => (nanos / 1_000_000, "ms", "毫秒"),
        _ => (nanos / 1_000_000_000, "s", "秒"),
    };
    format!("{count} {}", if zh { word } else { en })
}

/// How long something took: in lines where the trace has no times.
pub(super) fn between(then: Moment, now: Moment, zh: bool) -> String {
    let lines = now.line.saturating_sub(then.line);
    match (now.time, zh) {
        (0, false) if lines == 1 => "1 line".into(),
        (0, false) => format!("{lines} lines"),
        (0, true) => format!("{lines} 行"),
        (time, _) => length(time.saturating_sub(then.time), zh),
    }
}

/// A range, in words.
pub(super) fn part(part: &Part) -> String {
    format!("{:#x} +{:#x}", part.address, part.size)
}

/// A mapping, in words.
pub(super) fn mapping(m: &Mapping, zh: bool) -> String {
    let kind = match (m.coherent, zh) {
        (true, false) => " allocated",
        (true, true) => "，分配的内存",
        _ => "",
    };
    match zh {
        false if m.seen => format!("{}, a translation first seen on line {}", part(&m.part), m.since.line),
        true if m.seen => format!("{}，第 {} 行第一次见到的转换", part(&m.part), m.since.line),
        false => format!("{} {}{kind} (line {})", part(&m.part), m.direction.name(), m.since.line),
        true => format!("{} {}{kind}（第 {} 行）", part(&m.part), m.direction.name(), m.since.line),
    }
}
