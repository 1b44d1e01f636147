//! One step of a trace as a sentence, in both languages, with the section of the specification behind it.

use super::ending::{plural, thousands, Ending, Kind};
use super::who::{self, Cast};
use crate::addr::{AnyAddr, Bytes, RequesterId, Space};
use crate::platform::interrupts::called;
use crate::platform::local::scratch_of;
use crate::scenario::plain::acts;
use crate::spec::{spaced, Phrase};
use crate::trace::{
    CacheKind, CacheLine, CacheOp, Chunk, CostKind, Event, InterruptKind, OwnerState, Perms, Recorded, Scope,
    Stage, Step, Trace, Verdict,
};
use alloc::{format, string::String, vec::Vec};

/// What a step means for the reader, so that a view can give it a sign and a colour.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "camelCase"))]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(rename_all = "camelCase", rename = "PageTone"))]
pub enum Tone {
    /// It goes on.
    #[default]
    Plain,
    /// Something was found, allowed or delivered.
    Good,
    /// A cache did not know.
    Miss,
    /// A cache still says what the tables no longer do.
    Stale,
    /// Something was refused or faulted.
    #[cfg_attr(feature = "serde", serde(rename = "fault"))]
    #[cfg_attr(feature = "ts", ts(rename = "fault"))]
    Refused,
    /// Something is forgotten.
    Invalidate,
    /// An interrupt.
    Interrupt,
}

/// A step in words.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Said {
    /// What happened, and why.
    pub text: Phrase,
    /// The section of the specification behind it; may be empty.
    pub section: &'static str,
    /// What it means.
    pub tone: Tone,
}

fn both(en: String, zh: String) -> Phrase {
    Phrase::new(en, zh)
}

/// The step at `index` of a trace, in words.
pub fn say(trace: &Trace, index: usize, cast: &Cast) -> Said {
    let Some(step) = trace.steps().get(index) else {
        return Said { text: Phrase::default(), section: "", tone: Tone::Plain };
    };
    let ending = cast.ending(index);
    let (text, section, tone) = match step.event {
        // The end of an operation is its result.
        Event::End(_) if step.depth == 0 && ending.is_some_and(|e| !e.text.is_empty()) => {
            let ending = ending.unwrap_or(&NO_ENDING);
            (ending.text.clone(), "", ending_tone(ending.kind))
        }
        Event::Begin(scope) => (begin(trace, step, scope, cast), scope_section(scope), Tone::Plain),
        Event::End(verdict) => (end(trace, index, verdict), verdict_section(verdict), verdict_tone(verdict)),
        Event::Read { entry, index, at, pa, words, verdict, .. } => {
            let who = who::actor(step.actor, cast);
            let raw = trace.get_words(words).first().copied().unwrap_or(0);
            let (en, zh) = (entry.name.en, entry.name.zh);
            let below = |en: bool| match (at.space == Space::Physical, en) {
                (true, _) => String::new(),
                (false, true) => format!(" ({} {at})", who::space(at.space).en),
                (false, false) => format!("（{} {at}）", who::space(at.space).zh),
            };
            let (then_en, then_zh) = verdict_words(verdict);
            let text = both(
                format!("{} reads {en} {index} at {pa}{}: {raw:#x}.{}", who.en, below(true), after(&then_en)),
                format!("{}读取{}第 {index} 项，地址 {pa}{}：{raw:#x}。{then_zh}", who.zh, zh, below(false)),
            );
            let section = match verdict {
                Verdict::Refused(rule) => rule.section,
                _ => entry.section,
            };
            (text, section, if let Verdict::Refused(_) = verdict { Tone::Refused } else { Tone::Plain })
        }
        Event::Cache { cache, op, line, .. } => {
            (cached(cache.kind, cache.name.into(), op, &line), cache.section, cache_tone(op))
        }
        Event::Fault { code, requester, at, want, recorded, .. } => {
            let by = requester.map_or(Phrase::default(), |r| {
                let name = cast.device(r);
                Phrase::new(format!(" by {name}"), format!("，来自 {name}"))
            });
            let space = who::space(at.space);
            // A physical address is not what was asked for, but where the entry lies that stopped it.
            let what = if at.space == Space::Physical {
                Phrase::new(
                    format!("{}{}, stopped at {} {at}", verb(want).0, by.en, space.en),
                    format!("{}请求{}，停在{} {at}", verb(want).1, by.zh, space.zh),
                )
            } else {
                Phrase::new(
                    format!("{} of {} {at}{}", verb(want).0, space.en, by.en),
                    format!("对{} {at} 的{}请求{}", space.zh, verb(want).1, by.zh),
                )
            };
            let text = both(
                format!(
                    "Fault {:#x} ({}): {}. {}. {}",
                    code.code,
                    code.name,
                    code.text.en,
                    what.en,
                    record(recorded).0
                ),
                format!(
                    "转换错误 {:#x}（{}）：{}。{}。{}",
                    code.code,
                    code.name,
                    code.text.zh,
                    what.zh,
                    record(recorded).1
                ),
            );
            let text = both(text.en.trim_end().into(), text.zh.trim_end().into());
            (text, code.section, Tone::Refused)
        }
        Event::Check { rule, ok, value } => {
            let text = if ok {
                both(
                    format!("Checked: {} ({value:#x}).", rule.text.en),
                    format!("检查通过：{}（{value:#x}）。", rule.text.zh),
                )
            } else {
                both(
                    format!("Refused: {} ({value:#x}).", rule.text.en),
                    format!("被拒绝：{}（{value:#x}）。", rule.text.zh),
                )
            };
            (text, rule.section, if ok { Tone::Good } else { Tone::Refused })
        }
        Event::Interrupt { vector, destination, kind } => {
            let (text, tone) = interrupt(vector, destination, kind);
            (text, "", tone)
        }
        Event::Window { name, from, to, hit } => {
            (window(trace.get_name(name), from, to, hit), "", tone_of(hit))
        }
        _ => (plain(trace, step, cast), plain_section(&step.event), Tone::Plain),
    };
    // From where it went wrong, nothing that arrives is good.
    let gone_wrong = ending.and_then(|e| e.wrong_from).is_some_and(|from| index >= from);
    let moves =
        matches!(step.event, Event::Data { .. } | Event::Load { .. } | Event::End(Verdict::Leaf { .. }));
    let tone = if gone_wrong && moves { Tone::Stale } else { tone };
    // What an author wrote stays as it was written.
    let zh = if matches!(step.event, Event::Note { .. }) { text.zh } else { spaced(&text.zh) };
    Said { text: Phrase { zh, ..text }, section, tone }
}

static NO_ENDING: Ending = Ending {
    kind: Kind::Done,
    text: Phrase { en: String::new(), zh: String::new() },
    steps: 0..0,
    wrong_from: None,
};

/// What an ending means for the reader.
pub fn ending_tone(kind: Kind) -> Tone {
    match kind {
        Kind::Arrived => Tone::Good,
        Kind::Refused => Tone::Refused,
        Kind::Wrong | Kind::Lost => Tone::Stale,
        Kind::Interrupted => Tone::Interrupt,
        Kind::Done | Kind::Mapped | Kind::Unmapped | Kind::Answered => Tone::Plain,
    }
}

fn tone_of(ok: bool) -> Tone {
    if ok {
        Tone::Plain
    } else {
        Tone::Refused
    }
}

fn plain_section(event: &Event) -> &'static str {
    match event {
        Event::Write { entry: Some(entry), .. } | Event::WriteRun { entry, .. } => entry.section,
        Event::Register { register, .. } => register.section,
        Event::Packet { .. } => "PCIe 6.0 2.2",
        _ => "",
    }
}

fn scope_section(scope: Scope) -> &'static str {
    match scope {
        Scope::Command { entry } => entry.section,
        _ => "",
    }
}

/// Reads, writes: in both languages, as a noun phrase.
fn verb(want: Perms) -> (&'static str, &'static str) {
    if want.has(Perms::X) {
        ("Instruction fetch", "取指")
    } else if want.has(Perms::W) {
        ("Write", "写")
    } else {
        ("Read", "读")
    }
}

fn begin(trace: &Trace, step: &Step, scope: Scope, cast: &Cast) -> Phrase {
    let who = who::actor(step.actor, cast);
    match scope {
        Scope::Operation { line, .. } => {
            let text = cast.line(line);
            both(format!("Line {line}: {text}"), format!("第 {line} 行：{text}"))
        }
        Scope::Api { name, args } => {
            let args = trace.get_name(args);
            both(format!("{} calls {name}({args}).", who.en), format!("{}调用 {name}({args})。", who.zh))
        }
        Scope::CpuAccess { at, want, bytes } => {
            let space = who::space(at.space);
            both(
                format!("The CPU {} {bytes} bytes at {} {at}.", does(want), space.en),
                format!("CPU 在{} {at} {} {bytes} 字节。", space.zh, verb(want).1),
            )
        }
        Scope::Transfer { requester, at, want, bytes } => {
            let (name, space) = (cast.device(requester), who::space(at.space));
            both(
                format!("{name} {} {} at {} {at}.", does(want), Bytes(bytes), space.en),
                format!("{name} 在{} {at} {} {}。", space.zh, verb(want).1, Bytes(bytes)),
            )
        }
        Scope::Translation { requester, pasid, at, want } => {
            let (en, zh) = match pasid {
                Some(p) => (format!(" with PASID {p}"), format!("，PASID {p}")),
                None => Default::default(),
            };
            both(
                format!(
                    "The IOMMU gets a {} of {} {at} from requester {requester}{en}. Where is it?",
                    verb(want).0.to_lowercase(),
                    who::space(at.space).en
                ),
                format!(
                    "IOMMU 收到请求者 {requester} 对{} {at} 的{}请求{zh}。它在哪里？",
                    who::space(at.space).zh,
                    verb(want).1
                ),
            )
        }
        Scope::Walk { stage, input, root, .. } => {
            let (tables, input) = (who::stage(stage), walk_input(stage, input));
            both(
                format!("{} walks {} for {}, from the table at {root}.", who.en, tables.en, input.en),
                format!("{}为 {} 查{}，从位于 {root} 的表开始。", who.zh, input.zh, tables.zh),
            )
        }
        Scope::Command { entry } => both(
            format!("{} takes a command: {}.", who.en, entry.name.en),
            format!("{}取出一条命令：{}。", who.zh, entry.name.zh.trim()),
        ),
        Scope::Setup { what } => Phrase::same(trace.get_name(what)),
    }
}

/// What a walk looks up: a requester, a process, an entry of the interrupt table, or an address.
pub fn walk_input(stage: Stage, input: AnyAddr) -> Phrase {
    match stage {
        Stage::Device => {
            let requester = u32::try_from(input.raw).map(RequesterId::new);
            Phrase::same(requester.map_or_else(|_| format!("{input}"), |r| format!("{r}")))
        }
        Stage::Process => Phrase::same(format!("PASID {}", input.raw)),
        Stage::Interrupt => Phrase::new(format!("entry {}", input.raw), format!("第 {} 项", input.raw)),
        _ => Phrase::same(format!("{input}")),
    }
}

fn does(want: Perms) -> &'static str {
    if want.has(Perms::X) {
        "fetches"
    } else if want.has(Perms::W) {
        "writes"
    } else {
        "reads"
    }
}

fn end(trace: &Trace, index: usize, verdict: Verdict) -> Phrase {
    let opened = super::scopes::opener(trace, index).and_then(|i| match trace.steps()[i].event {
        Event::Begin(Scope::Translation { at, .. } | Scope::Walk { input: at, .. }) => Some(at),
        Event::Begin(Scope::CpuAccess { at, .. }) => Some(at),
        _ => None,
    });
    match (verdict, opened) {
        (Verdict::Leaf { to, size, perms }, Some(from)) => both(
            format!(
                "{} {from} is {} {to} (page of {size}, {perms}).",
                capital(who::space(from.space).en),
                who::space(to.space).en
            ),
            format!(
                "{} {from} 就是{} {to}（{size} 页，{perms}）。",
                who::space(from.space).zh,
                who::space(to.space).zh
            ),
        ),
        // What ends without a record may have no number.
        (Verdict::Fault(code), _) if code.code == 0 => {
            both(format!("It ends: {}.", code.text.en), format!("到此结束：{}。", code.text.zh))
        }
        (Verdict::Fault(code), _) => both(
            format!("It ends in fault {:#x}: {}.", code.code, code.text.en),
            format!("以转换错误 {:#x} 结束：{}。", code.code, code.text.zh),
        ),
        (Verdict::Ok, _) => finished(trace, index),
        (other, _) => {
            let (en, zh) = verdict_words(other);
            both(en, zh)
        }
    }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or(String::new(), |c| c.to_uppercase().chain(letters).collect())
}

fn verdict_words(verdict: Verdict) -> (String, String) {
    match verdict {
        Verdict::Ok => Default::default(),
        Verdict::Next(to) => (
            format!("It points on to {} {to}.", who::space(to.space).en),
            format!("它指向{} {to}。", who::space(to.space).zh),
        ),
        Verdict::Leaf { to, size, perms } => (
            format!("It maps a page of {size} ({perms}): the address is {} {to}.", who::space(to.space).en),
            format!("它映射一个 {size} 页（{perms}）：得到{} {to}。", who::space(to.space).zh),
        ),
        Verdict::Refused(rule) => {
            let (en, zh) = (rule.text.en, rule.text.zh);
            // A rule that says so itself.
            let en = en.strip_prefix("the request was refused: ").unwrap_or(en);
            let zh = zh.strip_prefix("请求被拒绝：").unwrap_or(zh);
            (format!("Refused: {en}."), format!("被拒绝：{zh}。"))
        }
        Verdict::Fault(code) => {
            (format!("Fault: {}.", code.text.en), format!("转换错误：{}。", code.text.zh))
        }
    }
}

fn verdict_section(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Refused(rule) => rule.section,
        Verdict::Fault(code) => code.section,
        _ => "",
    }
}

fn verdict_tone(verdict: Verdict) -> Tone {
    match verdict {
        Verdict::Leaf { .. } => Tone::Good,
        Verdict::Refused(_) | Verdict::Fault(_) => Tone::Refused,
        _ => Tone::Plain,
    }
}

fn cache_tone(op: CacheOp) -> Tone {
    match op {
        CacheOp::Hit => Tone::Good,
        CacheOp::Miss => Tone::Miss,
        CacheOp::Stale => Tone::Stale,
        CacheOp::Denied => Tone::Refused,
        CacheOp::Invalidate | CacheOp::Evict => Tone::Invalidate,
        CacheOp::Insert => Tone::Plain,
    }
}

/// What a cache line says: `0x1000 -> 0x2000`, or whose entry it is.
pub fn line(line: &CacheLine) -> String {
    if line.shift > 0 {
        return format!("{:#x} -> {:#x}", line.from, line.to);
    }
    line.requester.map_or_else(|| format!("{:#x}", line.to), |r: RequesterId| format!("{r}"))
}

fn cached(kind: CacheKind, name: Phrase, op: CacheOp, entry: &CacheLine) -> Phrase {
    let of = wanted(kind, entry);
    let what = if entry.shift > 0 { Phrase::same(line(entry)) } else { of.clone() };
    let (en, zh) = match op {
        CacheOp::Hit => (
            format!("hits: it knows {}, so nothing is read", what.en),
            format!("命中：记着 {}，不必再读表", what.zh),
        ),
        CacheOp::Stale => (
            format!("has a stale hit: it still says {}, but the tables no longer do", what.en),
            format!("陈旧命中：它还记着 {}，但表中已不是这样", what.zh),
        ),
        CacheOp::Denied => (
            format!("hits {}, which does not allow this access", what.en),
            format!("命中 {}，但不允许这次访问", what.zh),
        ),
        CacheOp::Miss => {
            (format!("misses: it knows nothing of {}", of.en), format!("未命中：没有 {} 的记录", of.zh))
        }
        CacheOp::Insert => (format!("now remembers {}", what.en), format!("记下 {}", what.zh)),
        CacheOp::Evict => {
            (format!("pushes out {} to make room", what.en), format!("为腾出位置挤掉 {}", what.zh))
        }
        CacheOp::Invalidate => (format!("forgets {}", what.en), format!("作废 {}", what.zh)),
    };
    both(format!("The {} {en}.", name.en), format!("{}{zh}。", name.zh))
}

/// What a cache was asked for: a page's address, a requester and its process, an entry of the interrupt table.
fn wanted(kind: CacheKind, entry: &CacheLine) -> Phrase {
    match (kind, entry.shift, entry.requester, entry.pasid) {
        (CacheKind::Interrupt, 0, ..) => {
            Phrase::new(format!("entry {}", entry.from), format!("第 {} 项", entry.from))
        }
        (CacheKind::Process, 0, Some(requester), Some(pasid)) => {
            Phrase::new(format!("{requester} with PASID {pasid}"), format!("{requester} 的 PASID {pasid}"))
        }
        (_, 0, ..) => Phrase::same(line(entry)),
        _ => Phrase::same(format!("{:#x}", entry.from)),
    }
}

/// A sentence after another one.
fn after(sentence: &str) -> String {
    if sentence.is_empty() {
        String::new()
    } else {
        format!(" {sentence}")
    }
}

/// The end of a scope that found nothing to complain about.
fn finished(trace: &Trace, index: usize) -> Phrase {
    let opened = super::scopes::opener(trace, index).map(|i| trace.steps()[i].event);
    match opened {
        Some(Event::Begin(Scope::Api { name, .. })) => {
            both(format!("{name} returns."), format!("{name} 返回。"))
        }
        Some(Event::Begin(Scope::Transfer { bytes, .. })) => {
            both(format!("The transfer of {} is over.", Bytes(bytes)), format!("{} 传送完毕。", Bytes(bytes)))
        }
        Some(Event::Begin(Scope::Command { entry })) => both(
            format!("The command is carried out: {}.", entry.name.en),
            format!("命令已执行：{}。", entry.name.zh),
        ),
        Some(Event::Begin(Scope::CpuAccess { .. })) => Phrase::new("The access is over.", "访问结束。"),
        Some(Event::Begin(Scope::Walk { .. })) => Phrase::new("The walk is over.", "查表结束。"),
        Some(Event::Begin(Scope::Setup { .. })) => Phrase::new("That is set up.", "设置好了。"),
        _ => Phrase::new("That is over.", "到此结束。"),
    }
}

fn window(name: &str, from: AnyAddr, to: AnyAddr, hit: bool) -> Phrase {
    let (a, b) = (who::space(from.space), who::space(to.space));
    if hit {
        both(
            format!("{name}: {} {from} becomes {} {to}.", a.en, b.en),
            format!("{name}：{} {from} 变成{} {to}。", a.zh, b.zh),
        )
    } else {
        both(
            format!("{name}: nothing answers at {} {from}.", a.en),
            format!("{name}：{} {from} 处无人应答。", a.zh),
        )
    }
}

fn interrupt(vector: u32, destination: u32, kind: InterruptKind) -> (Phrase, Tone) {
    let (en, zh, tone) = match kind {
        InterruptKind::Direct => ("as the device wrote it", "按设备所写", Tone::Interrupt),
        InterruptKind::Remapped => ("as the remapping table says", "按重映射表", Tone::Interrupt),
        InterruptKind::Posted => ("posted to a running guest", "直接投递给运行中的客户机", Tone::Interrupt),
        InterruptKind::Blocked => ("blocked: it is not delivered", "被拦下，没有投递", Tone::Refused),
    };
    let number = called(vector);
    let text = both(
        format!("Interrupt: {} to CPU {destination}, {en}.", number.en),
        format!("中断：{}，目标 CPU {destination}，{zh}。", number.zh),
    );
    (text, tone)
}

fn record(recorded: Recorded) -> (String, String) {
    match recorded {
        Recorded::At(slot) => {
            (format!("It is recorded in slot {slot}."), format!("已记入第 {slot} 个记录。"))
        }
        Recorded::Overflow => ("There is no room to record it: overflow.".into(), "记录已满：溢出。".into()),
        Recorded::Compressed => ("It is folded into an earlier record.".into(), "并入先前的记录。".into()),
        Recorded::Suppressed => ("Its record is suppressed.".into(), "记录被抑制。".into()),
        Recorded::None => Default::default(),
    }
}

/// A place of a device's own memory: an offset, or a register that is not its engine's.
fn own_place(at: u64) -> Phrase {
    match scratch_of(at) {
        Some((bar, offset)) => both(
            format!("its registers behind BAR {bar} at +{offset:#x}"),
            format!("自己 BAR {bar} 后的寄存器 +{offset:#x} "),
        ),
        None => both(format!("its own memory at {at:#x}"), format!("自己的内存 {at:#x} ")),
    }
}

fn plain(trace: &Trace, step: &Step, cast: &Cast) -> Phrase {
    let who = who::actor(step.actor, cast);
    match step.event {
        Event::Write { entry, pa, old, new } => {
            let name = entry.map_or(Phrase::new("a word", "一个字"), |e| e.name.into());
            both(
                format!("{} writes {} at {pa}: {old:#x} becomes {new:#x}.", who.en, name.en),
                format!("{}写{}，地址 {pa}：{old:#x} 变为 {new:#x}。", who.zh, name.zh),
            )
        }
        Event::WriteRun { entry, pa, new, .. } => {
            let words = trace.get_words(new);
            let (name, count) = (entry.name, words.len() / usize::from(entry.words.max(1)));
            if count > 1 {
                let (many, count) = (plural(name.en), thousands(count as u64));
                return both(
                    format!("{} writes {count} {many} from {pa} on.", who.en),
                    format!("{}从 {pa} 起写 {count} 个{}。", who.zh, name.zh),
                );
            }
            // One structure: what is written, highest word first, as the specification draws it.
            let value = words.iter().rev().map(|w| format!("{w:#x}")).collect::<Vec<_>>().join(" ");
            both(
                format!("{} writes {} at {pa}: {value}.", who.en, name.en),
                format!("{}写{}，地址 {pa}：{value}。", who.zh, name.zh),
            )
        }
        Event::Data { pa, bytes, new, .. } => {
            let what = text_of(trace, new, bytes);
            both(
                format!("{} puts {} into memory at {pa}{what}.", who.en, Bytes(bytes.into())),
                format!("{}把 {} 写入内存 {pa}{what}。", who.zh, Bytes(bytes.into())),
            )
        }
        Event::Load { pa, bytes, value } => both(
            format!("{} takes {} from memory at {pa}: {value:#x}.", who.en, Bytes(bytes.into())),
            format!("{}从内存 {pa} 读出 {}：{value:#x}。", who.zh, Bytes(bytes.into())),
        ),
        Event::OwnData { at, bytes, new, .. } => {
            let (what, place) = (text_of(trace, new, bytes), own_place(at));
            both(
                format!("{} puts {} into {}{what}.", who.en, Bytes(bytes.into()), place.en),
                format!("{}把 {} 写入{}{what}。", who.zh, Bytes(bytes.into()), place.zh),
            )
        }
        Event::OwnLoad { at, bytes, value, .. } => {
            let place = own_place(at);
            both(
                format!("{} takes {} from {}: {value:#x}.", who.en, Bytes(bytes.into()), place.en),
                format!("{}从{}读出 {}：{value:#x}。", who.zh, place.zh, Bytes(bytes.into())),
            )
        }
        Event::Packet { from, to, header, dwords, prefix, payload, .. } => {
            let name = super::packet::name(header, dwords, prefix);
            let (from, to) = (trace.get_name(from), trace.get_name(to));
            let load = if payload > 0 { format!(", {}", Bytes(payload.into())) } else { String::new() };
            both(
                format!("Packet {name}{load}: {from} to {to}."),
                format!("数据包 {name}{load}：从 {from} 到 {to}。"),
            )
        }
        Event::Register { register, old, new, write, .. } => {
            let name = register.name;
            if write {
                both(
                    format!("{} writes register {name}: {old:#x} becomes {new:#x}.", who.en),
                    format!("{}写寄存器 {name}：{old:#x} 变为 {new:#x}。", who.zh),
                )
            } else {
                both(
                    format!("{} reads register {name}: {new:#x}.", who.en),
                    format!("{}读寄存器 {name}：{new:#x}。", who.zh),
                )
            }
        }
        Event::Note { en, zh } => Phrase::new(trace.get_name(en), trace.get_name(zh)),
        Event::Cost { kind, amount } => match kind {
            CostKind::Exit => {
                let times = if amount == 1 { "exit" } else { "exits" };
                both(format!("{amount} {times} from the guest."), format!("客户机退出 {amount} 次。"))
            }
            CostKind::CopiedBytes => {
                both(format!("The CPU copies {}.", Bytes(amount)), format!("CPU 拷贝 {}。", Bytes(amount)))
            }
            CostKind::SyncedBytes => both(
                format!("Cache lines are synchronised: {}.", Bytes(amount)),
                format!("同步缓存行：{}。", Bytes(amount)),
            ),
        },
        Event::Owner { buffer, state } => {
            let (name, state) = (trace.get_name(buffer), owner(state));
            both(format!("{name}: {}.", state.en), format!("{name}：{}。", state.zh))
        }
        _ => Phrase::default(),
    }
}

/// The state of a buffer, as a sentence's end.
pub fn owner(state: OwnerState) -> Phrase {
    match state {
        OwnerState::Cpu => Phrase::new("the CPU owns it", "归 CPU 所有"),
        OwnerState::Device => Phrase::new("the device owns it", "归设备所有"),
        OwnerState::Both => Phrase::new("CPU and device may both use it", "CPU 与设备都可使用"),
        OwnerState::Bounced => Phrase::new("a bounce copy stands in for it", "由回弹副本代替"),
        OwnerState::StaleCached => {
            Phrase::new("unmapped, but a translation may still be cached", "已解除映射，但转换可能仍在缓存中")
        }
        OwnerState::DirtyLine => {
            Phrase::new("newer bytes are in a dirty cache line", "较新的数据还在脏缓存行里")
        }
        OwnerState::Freed => Phrase::new("freed", "已释放"),
    }
}

/// Data that is text, as text: `: "hello"`.
fn text_of(trace: &Trace, chunk: Chunk, bytes: u32) -> String {
    let Chunk::Bytes(start) = chunk else { return String::new() };
    let bytes = trace.get_bytes(start, bytes as usize);
    let bytes = bytes.strip_suffix(&[0]).unwrap_or(bytes);
    match core::str::from_utf8(bytes) {
        Ok(text) if (1..=64).contains(&bytes.len()) && !text.chars().any(acts) => {
            format!(": \"{text}\"")
        }
        _ => String::new(),
    }
}
