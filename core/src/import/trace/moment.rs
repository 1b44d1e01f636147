//! One event of a trace with what is mapped around it: what a reader sees who steps through the trace. A function of the history and a
//! position.

use super::history::{Act, Kind, Owner, Passed, Span};
use super::live::{meets, Live};
use super::report::finding;
use super::said::{part, seconds};
use super::scenario::scenario;
use super::was::who;
use crate::spec::Lang;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

/// Events that are shown side by side: a page, which stands still while its events are stepped through.
pub const PAGE: usize = 40;
/// The most lanes of a page.
const LANES: usize = 18;

/// A moment of a trace.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct TraceMoment {
    /// The event, counted from 0, and how many there are.
    pub position: u32,
    /// How many events can be gone to.
    pub length: u32,
    /// Its line, counted from 1.
    pub line: u32,
    /// Its time in seconds; empty where the trace has none.
    pub time: String,
    /// What happened.
    pub said: String,
    /// What was wrong with it.
    pub wrong: Vec<String>,
    /// A scenario that shows it.
    pub scenario: Option<String>,
    /// The events before and after it at which something is wrong.
    pub wrong_before: Option<u32>,
    /// The next of them.
    pub wrong_after: Option<u32>,
    /// The first event that the lanes show.
    pub first: u32,
    /// How many they show.
    pub events: u32,
    /// What is mapped while they happen, the oldest first.
    pub lanes: Vec<TraceLane>,
    /// How much more is mapped then.
    pub more: String,
    /// More came than can be gone to: how much is shown; otherwise empty.
    pub cut: String,
}

/// A mapping, as long as it is there.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct TraceLane {
    /// Whose it is.
    pub owner: String,
    /// Its addresses.
    pub range: String,
    /// What else is known.
    pub about: String,
    /// The kind: buffer, memory, table or seen.
    pub kind: LaneKind,
    /// The event from which it is there, counted from the first that is shown; where it begins, the one that makes it.
    pub from: u32,
    /// The event until which it is there, counted likewise; where it ends, the one that ends it.
    pub to: u32,
    /// Whether it begins here.
    pub begins: bool,
    /// Whether it ends here.
    pub ends: bool,
    /// Until which event the IOTLB may keep what the tables have lost; as `to` where that is not known.
    pub stale: u32,
    /// Whether the present event is about it.
    pub now: bool,
    /// Events that are about it.
    pub marks: Vec<LaneMark>,
}

/// What a lane is of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "lowercase"))]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[cfg_attr(feature = "ts", ts(rename_all = "lowercase"))]
pub enum LaneKind {
    /// A mapped buffer.
    Buffer,
    /// Allocated memory.
    Memory,
    /// A range of the tables.
    Table,
    /// A translation that was seen.
    Seen,
}

/// An event on a lane.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct LaneMark {
    /// The event, counted from the first that is shown.
    pub at: u32,
    /// Whether it was refused.
    pub refused: bool,
    /// What it was.
    pub text: String,
}

/// The lanes in characters, one an event: `=` is mapped, `~` lost by the tables and perhaps not by the IOTLB, `s` synchronised, `!`
/// refused; the last line points at the present event.
impl fmt::Display for TraceMoment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.said)?;
        let names: Vec<String> =
            self.lanes.iter().map(|lane| format!("{} {}", lane.owner, lane.range)).collect();
        let width = names.iter().map(|name| columns(name)).max().unwrap_or(0);
        for (lane, name) in self.lanes.iter().zip(&names) {
            let mut strip: Vec<char> = (0..self.events)
                .map(|at| match at {
                    _ if at >= lane.from && (at < lane.to || at == lane.from) => '=',
                    _ if at >= lane.to && at < lane.stale => '~',
                    _ => ' ',
                })
                .collect();
            for mark in &lane.marks {
                if let Some(place) = strip.get_mut(mark.at as usize) {
                    *place = if mark.refused { '!' } else { 's' };
                }
            }
            let strip: String = strip.into_iter().collect();
            writeln!(f, "{name}{:1$} |{strip}| {2}", "", width - columns(name), lane.about)?;
        }
        let here = width + 2 + (self.position - self.first) as usize;
        writeln!(f, "{:here$}^ {}", "", self.position + 1)?;
        if !self.more.is_empty() {
            writeln!(f, "{}", self.more)?;
        }
        Ok(())
    }
}

/// How many columns of a terminal a text takes: a Chinese character takes two.
fn columns(text: &str) -> usize {
    text.chars().map(|c| if c >= '\u{2e80}' { 2 } else { 1 }).sum()
}

/// Returns the moment of an event; none where the trace has no such event.
pub fn moment(live: &Live, position: usize, lang: Lang) -> Option<TraceMoment> {
    shown_from(live, position, position / PAGE * PAGE, lang)
}

/// Returns the moment of the last event, with those before it; none where the trace has no events.
pub fn last(live: &Live, lang: Lang) -> Option<TraceMoment> {
    let events = live.history.passed().len();
    shown_from(live, events.checked_sub(1)?, events.saturating_sub(PAGE), lang)
}

fn shown_from(live: &Live, position: usize, first: usize, lang: Lang) -> Option<TraceMoment> {
    let zh = lang == Lang::Zh;
    let history = &live.history;
    let passed = history.passed();
    let event = passed.get(position)?;
    let shown = passed.get(first..passed.len().min(first + PAGE))?;
    let here = |line: u64| line == u64::from(event.line);
    let found: Vec<_> = live.found.iter().filter(|(now, _)| here(now.line)).collect();
    let wrongs = |before: bool| {
        let lines = live.found.iter().map(|(now, _)| now.line);
        let wanted =
            lines.filter(
                |line| if before { *line < u64::from(event.line) } else { *line > u64::from(event.line) },
            );
        let line = if before { wanted.max() } else { wanted.min() };
        line.map(|line| history.of_line(line)).filter(|at| *at < passed.len()).map(|at| at as u32)
    };
    let (lanes, more) = lanes(live, position, first, shown, zh);
    Some(TraceMoment {
        position: position as u32,
        length: passed.len() as u32,
        line: event.line,
        time: if live.timed() { seconds(live.clock(event.time)) } else { String::new() },
        said: said(live, position, event, zh),
        wrong: found.iter().map(|(now, one)| finding(*now, one, zh)).collect(),
        scenario: found.iter().find_map(|(now, one)| scenario(*now, one)),
        wrong_before: wrongs(true),
        wrong_after: wrongs(false),
        first: first as u32,
        events: shown.len() as u32,
        lanes,
        more,
        cut: match (history.is_full(), zh) {
            (false, _) => String::new(),
            (true, false) => format!("the first {} of {} events", passed.len(), live.events),
            (true, true) => format!("只显示 {} 个事件中的前 {} 个", live.events, passed.len()),
        },
    })
}

fn name(live: &Live, owner: Owner, zh: bool) -> String {
    match (owner, zh) {
        (Owner::Device(device), _) => who(live.name(usize::from(device)), zh).into(),
        (Owner::Nobody, false) => "a process".into(),
        (Owner::Nobody, true) => "进程".into(),
        (Owner::Tables, false) => "IOMMU tables".into(),
        (Owner::Tables, true) => "IOMMU 页表".into(),
    }
}

/// What an event did, in a sentence.
fn said(live: &Live, position: usize, event: &Passed, zh: bool) -> String {
    let history = &live.history;
    let who = name(live, event.owner, zh);
    let made = history.made(position);
    let unmade: Vec<&Span> = history.unmade(position).collect();
    let at = event.address;
    let range = match event.size {
        0 => format!("{at:#x}"),
        size => format!("{at:#x} +{size:#x}"),
    };
    let physical = |span: Option<&Span>| span.and_then(|span| span.part().physical);
    let way = |span: Option<&Span>| span.map_or("", |span| span.direction.name());
    let verb = |write: Option<bool>| match (write, zh) {
        (Some(true), false) => "writes",
        (Some(false), false) => "reads",
        (None, false) => "accesses",
        (Some(true), true) => "写",
        (Some(false), true) => "读",
        (None, true) => "访问",
    };
    let age = |span: &Span| position - span.begin();
    match (event.act, zh) {
        (Act::TableMap, false) => match physical(made.first()) {
            Some(to) => format!("The tables get {range}, to physical {to:#x}."),
            None => format!("The tables get {range}."),
        },
        (Act::TableMap, true) => match physical(made.first()) {
            Some(to) => format!("页表加入 {range}，指向物理地址 {to:#x}。"),
            None => format!("页表加入 {range}。"),
        },
        (Act::TableUnmap, false) => format!("The tables lose {range}."),
        (Act::TableUnmap, true) => format!("页表去掉 {range}。"),
        (Act::Map, false) if made.len() > 1 => {
            format!(
                "{who} maps a list of {} parts, {} bytes in all, {}.",
                made.len(),
                event.size,
                way(made.first())
            )
        }
        (Act::Map, true) if made.len() > 1 => {
            format!("{who} 映射一个列表，共 {} 段、{} 字节，{}。", made.len(), event.size, way(made.first()))
        }
        (Act::Map, false) => match physical(made.first()) {
            Some(to) => format!("{who} maps {range}, to physical {to:#x}, {}.", way(made.first())),
            None => format!("{who} maps {range}, {}.", way(made.first())),
        },
        (Act::Map, true) => match physical(made.first()) {
            Some(to) => format!("{who} 映射 {range}，指向物理地址 {to:#x}，{}。", way(made.first())),
            None => format!("{who} 映射 {range}，{}。", way(made.first())),
        },
        (Act::Alloc, false) => format!("{who} gets memory for DMA at {range}."),
        (Act::Alloc, true) => format!("{who} 得到 DMA 内存 {range}。"),
        (Act::Unmap | Act::Free, false) => {
            let verb = if event.act == Act::Free { "frees" } else { "unmaps" };
            match unmade.as_slice() {
                [] if at == 0 && event.size == 0 => {
                    format!("{who} {verb} a list, of which this trace shows no mapping.")
                }
                [] => format!("{who} {verb} {range}."),
                [one] => format!(
                    "{who} {verb} {}, which was mapped {} events before.",
                    part(&one.part()),
                    age(one)
                ),
                all => format!("{who} {verb} {} parts.", all.len()),
            }
        }
        (Act::Unmap | Act::Free, true) => {
            let verb = if event.act == Act::Free { "释放" } else { "解除映射" };
            match unmade.as_slice() {
                [] if at == 0 && event.size == 0 => {
                    format!("{who} {verb}一个列表，这份跟踪记录里没有它的映射。")
                }
                [] => format!("{who} {verb} {range}。"),
                [one] => format!("{who} {verb} {}，它在 {} 个事件之前映射。", part(&one.part()), age(one)),
                all => format!("{who} {verb} {} 段。", all.len()),
            }
        }
        (Act::Sync, false) => format!("{who} synchronises {range} between CPU and device."),
        (Act::Sync, true) => format!("{who} 在 CPU 与设备之间同步 {range}。"),
        (Act::Fault(write), false) => format!("{who} {} {range}, and is refused.", verb(write)),
        (Act::Fault(write), true) => format!("{who} {} {range}，被拒绝。", verb(write)),
        (Act::Access(write), false) => {
            format!("{who} {} {range}: {}.", verb(write), reached(live, position, event, zh))
        }
        (Act::Access(write), true) => {
            format!("{who} {} {range}，{}。", verb(write), reached(live, position, event, zh))
        }
        (Act::Attach, false) => format!("{who} is attached to a domain, or leaves one."),
        (Act::Attach, true) => format!("{who} 接入一个域，或离开它。"),
        (Act::Failed, false) => format!("{who} asks for a mapping or for memory, which fails."),
        (Act::Failed, true) => format!("{who} 请求映射或内存，失败。"),
        (Act::Group, false) => format!("{who} comes into an IOMMU group, or leaves one."),
        (Act::Group, true) => format!("{who} 加入一个 IOMMU 组，或离开它。"),
        (Act::Bounced, false) => format!("{who} bounces {} bytes.", event.size),
        (Act::Bounced, true) => format!("{who} 有 {} 字节经过回弹缓冲区。", event.size),
        (Act::Flush, false) if event.size > 0 => format!("The IOTLB forgets {range}."),
        (Act::Flush, true) if event.size > 0 => format!("IOTLB 失效 {range}。"),
        (Act::Flush, false) => "The IOTLB forgets.".into(),
        (Act::Flush, true) => "IOTLB 失效。".into(),
    }
}

/// Where a translated access went.
fn reached(live: &Live, position: usize, event: &Passed, zh: bool) -> String {
    let at = event.address;
    let holds =
        |span: &&Span| span.owner != Owner::Tables && at.wrapping_sub(span.part().address) < span.part().size;
    let span = live.history.during(position, position + 1).filter(holds).last();
    let physical = span.and_then(|span| Some(span.part().physical? + (at - span.part().address)));
    match (physical, zh) {
        (Some(to), false) => format!("physical {to:#x}"),
        (Some(to), true) => format!("物理地址 {to:#x}"),
        (None, false) => "it is translated".into(),
        (None, true) => "得到转换".into(),
    }
}

/// The lanes of a page, and what is said of mappings that have none.
fn lanes(live: &Live, position: usize, first: usize, shown: &[Passed], zh: bool) -> (Vec<TraceLane>, String) {
    let history = &live.history;
    let end = first + shown.len();
    let there: Vec<&Span> = history.during(first, end).collect();
    // Which mapping each event is about, by its place among those.
    let about: Vec<Option<usize>> =
        shown.iter().enumerate().map(|(n, event)| target(event, first + n, &there)).collect();
    // What the page's events are about comes before what only goes on: all of it has its lane, as far as there is room.
    let moves = |(at, span): &(usize, &Span)| {
        span.begin() >= first || span.end().is_some_and(|at| at < end) || about.contains(&Some(*at))
    };
    let (mut moving, still): (Vec<_>, Vec<_>) = there.into_iter().enumerate().partition(moves);
    // Where there is not room for all, what was synchronised or refused has its lane.
    moving.sort_by_key(|(at, _)| !about.contains(&Some(*at)));
    let room = LANES.saturating_sub(moving.len());
    let left = moving.len().saturating_sub(LANES) + still.len().saturating_sub(room);
    let mut taken: Vec<(usize, &Span)> =
        still.into_iter().take(room).chain(moving.into_iter().take(LANES)).collect();
    taken.sort_by_key(|(_, span)| (span.owner == Owner::Tables, span.begin()));
    let lane = |(at, span): (usize, &Span)| {
        let marks = shown.iter().enumerate().filter(|(n, _)| about.get(*n) == Some(&Some(at)));
        let marks = marks.map(|(n, event)| LaneMark {
            at: n as u32,
            refused: matches!(event.act, Act::Fault(_)),
            text: said(live, first + n, event, zh),
        });
        let marks: Vec<LaneMark> = marks.collect();
        let now = marks.iter().any(|mark| first + mark.at as usize == position);
        lane(
            live,
            span,
            (first, end),
            now || span.begin() == position || span.end() == Some(position),
            marks,
            zh,
        )
    };
    let lanes = taken.into_iter().map(lane).collect();
    let more = match (left, zh) {
        (0, _) => String::new(),
        (_, false) => format!("and {left} more mappings without a lane here"),
        (_, true) => format!("另有 {left} 个映射这里没有画出"),
    };
    (lanes, more)
}

/// Which mapping an event is about that makes or ends none: a synchronisation or a refused access. The one that is there; of those
/// that are gone the last.
fn target(event: &Passed, at: usize, there: &[&Span]) -> Option<usize> {
    if !matches!(event.act, Act::Sync | Act::Fault(_)) {
        return None;
    }
    let holds = |span: &Span| {
        let part = span.part();
        let over = event.address.checked_sub(part.address);
        // What an IOMMU refuses or not is a page.
        let page = matches!(event.act, Act::Fault(_)) && meets(&part, event.address);
        let has = page || over.is_some_and(|over| over < part.size);
        span.owner == event.within && span.begin() <= at && has
    };
    let holding = there.iter().enumerate().filter(|(_, span)| holds(span));
    holding.max_by_key(|(_, span)| span.end().unwrap_or(usize::MAX)).map(|(n, _)| n)
}

fn lane(
    live: &Live,
    span: &Span,
    (first, end): (usize, usize),
    now: bool,
    marks: Vec<LaneMark>,
    zh: bool,
) -> TraceLane {
    let history = &live.history;
    let begins = span.begin() >= first;
    let ends = span.end().filter(|at| *at < end);
    let to = ends.unwrap_or(end);
    let stale = match ends {
        Some(at) if span.kind == Kind::Table && history.flushes() => {
            history.flush_after(at, end, span.part().address).unwrap_or(end)
        }
        _ => to,
    };
    let about = match span.part().physical {
        Some(at) if zh => format!("物理地址 {at:#x}"),
        Some(at) => format!("physical {at:#x}"),
        None => String::new(),
    };
    let way = match span.kind {
        Kind::Buffer | Kind::Memory => span.direction.name(),
        Kind::Table | Kind::Seen => "",
    };
    let about = [way, &about].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ");
    TraceLane {
        owner: name(live, span.owner, zh),
        range: part(&span.part()),
        about,
        kind: match span.kind {
            Kind::Buffer => LaneKind::Buffer,
            Kind::Memory => LaneKind::Memory,
            Kind::Table => LaneKind::Table,
            Kind::Seen => LaneKind::Seen,
        },
        from: span.begin().max(first).saturating_sub(first) as u32,
        to: (to - first) as u32,
        begins,
        ends: ends.is_some(),
        stale: (stale - first) as u32,
        now,
        marks,
    }
}
