//! One step of a trace as a sentence, in both languages, with the section of the specification behind it.

use super::ending::{bytes as sized, plural, thousands, Ending, Kind};
use super::who::{self, Cast};
use crate::addr::{AnyAddr, Bytes, PhysAddr, RequesterId, Space};
use crate::iommu::Ability;
use crate::platform::interrupts::Controller;
use crate::platform::local::scratch_of;
use crate::scenario::plain::acts;
use crate::spec::{spaced, FaultCode, Lang, Phrase, Text};
use crate::trace::{
    Actor, CacheKind, CacheLine, CacheOp, CacheType, Chunk, CostKind, Event, InterruptKind, OwnerState,
    Perms, Recorded, Scope, Stage, Step, Trace, Verdict,
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
    let step_index = index;
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
        Event::Begin(scope) => (begin(trace, index, scope, cast), scope_section(scope), Tone::Plain),
        Event::End(verdict) => {
            (end(trace, index, verdict, cast), verdict_section(verdict), verdict_tone(verdict))
        }
        Event::Read { entry, index, at, pa, words, verdict, .. } => {
            let who = who::actor(step.actor, cast);
            // Descriptors of an engine are counted from 1, as where they are stored.
            let counted = entry.section.starts_with("dma-engine");
            let index = index + u32::from(counted);
            let raw = trace.get_words(words).first().copied().unwrap_or(0);
            let below = match at.space {
                Space::Physical => Phrase::default(),
                space => {
                    let space = cast.space(space);
                    Phrase::new(format!(" ({} {at})", space.en), format!("，即{} {at}", space.zh))
                }
            };
            let said = match verdict {
                Verdict::Leaf { to, size, perms } => {
                    Verdict::Leaf { to, size, perms: rights(trace, step_index, perms) }
                }
                other => other,
            };
            let (then_en, then_zh) = verdict_words(said, cast);
            // Where the value leads belongs to it; that it was refused is said by itself.
            let joint =
                if matches!(verdict, Verdict::Next(_) | Verdict::Leaf { .. }) { "，" } else { "。" };
            let text = both(
                format!(
                    "{} reads {} {index} at {pa}{}: {raw:#x}.{}",
                    who.en,
                    entry.name.en,
                    below.en,
                    after(&then_en)
                ),
                format!(
                    "{}读{}：值为 {raw:#x}{joint}{then_zh}",
                    who.zh,
                    match super::scopes::innermost(trace, step_index, |s| matches!(s, Scope::Command { .. }))
                    {
                        Some((_, Scope::Command { entry: command })) if command.name == entry.name => {
                            // A name with its meaning in brackets is inside of brackets here.
                            let name = entry.name.zh.trim().replace('（', "，").replace('）', "");
                            format!("队列第 {index} 项（{name}，位于 {pa}{}）", below.zh)
                        }
                        _ if counted => format!("第 {index} 个{}（位于 {pa}{}）", entry.name.zh, below.zh),
                        _ => nth(entry.name.zh, index, &format!("{pa}{}", below.zh)),
                    }
                ),
            );
            let section = match verdict {
                Verdict::Refused(rule) => rule.section,
                _ => entry.section,
            };
            (text, section, if let Verdict::Refused(_) = verdict { Tone::Refused } else { Tone::Plain })
        }
        Event::Cache { cache, op, line, .. } => {
            (cached(cache, op, &line, cast), cache.section, cache_tone(op))
        }
        Event::Fault { code, requester, at, want, recorded, .. } => {
            let text =
                fault(trace, index, (code, cast), requester.map(|r| cast.device(r)), at, want, recorded);
            let text = both(text.en.trim_end().into(), text.zh.trim_end().into());
            (text, code.section, Tone::Refused)
        }
        Event::Truncated { from, to, bits } => {
            let who = who::actor(step.actor, cast);
            let text = both(
                format!("{} has {bits} address bits: of {from} only {to} leaves it.", who.en),
                format!("{} 只有 {bits} 位地址：{from} 只有 {to} 发得出去。", who.zh),
            );
            (text, "Documentation/core-api/dma-api.rst", Tone::Refused)
        }
        Event::Check { rule, ok, value } => {
            let word =
                if ok { Text::new("Checked", "检查通过") } else { Text::new("Refused", "被拒绝") };
            // A value joins the bracket that the rule ends with.
            let with = match (rule.text.en.strip_suffix(')'), rule.text.zh.strip_suffix('）')) {
                (Some(en), Some(zh)) => {
                    both(format!("{en}; {value:#x})"), format!("{zh}；值为 {value:#x}）"))
                }
                _ => both(
                    format!("{} ({value:#x})", rule.text.en),
                    format!("{}（值为 {value:#x}）", rule.text.zh),
                ),
            };
            let text = both(format!("{}: {}.", word.en, with.en), format!("{}：{}。", word.zh, with.zh));
            (text, rule.section, if ok { Tone::Good } else { Tone::Refused })
        }
        Event::Interrupt { vector, destination, kind } => {
            let (text, tone) = interrupt(vector, destination, kind, cast);
            (text, "", tone)
        }
        Event::Window { name, from, to, hit } => {
            (window(trace.get_name(name), from, to, hit, cast), "", tone_of(hit))
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
pub fn verb(want: Perms) -> (&'static str, &'static str) {
    if want.has(Perms::X) {
        ("Instruction fetch", "取指")
    } else if want.has(Perms::W) {
        ("Write", "写")
    } else {
        ("Read", "读")
    }
}

/// Before the address of an access: to where, or from where.
fn toward(want: Perms) -> &'static str {
    if want.has(Perms::W) {
        "向"
    } else {
        "从"
    }
}

/// An entry of a table, a structure or a command, by its number: 页表第 3 项（位于 0x1000）.
fn nth(name: &str, index: impl core::fmt::Display, place: &str) -> String {
    let (base, more) =
        name.split_once('（').map_or((name, ""), |(base, more)| (base, more.trim_end_matches('）')));
    let more = if more.is_empty() { String::new() } else { format!("{more}，") };
    match base.strip_suffix('项') {
        Some(table) => format!("{table}第 {index} 项（{more}位于 {place}）"),
        None => format!(" {index} 号{base}（{more}位于 {place}）"),
    }
}

/// A refused translation: who wanted what, why not, and where that is recorded.
fn fault(
    trace: &Trace,
    index: usize,
    (code, cast): (&FaultCode, &Cast),
    by: Option<String>,
    at: AnyAddr,
    want: Perms,
    recorded: Recorded,
) -> Phrase {
    let space = cast.space(at.space);
    let by_en = by.as_ref().map_or(String::new(), |name| format!(" by {name}"));
    let who_zh = by.map_or(String::new(), |name| format!("{name} "));
    let (noun, does_zh) = verb(want);
    let why_zh = code.text.zh;
    let what = if matches!(at.space, Space::Physical | Space::GuestPhysical) {
        // That is not what was requested, but where the entry lies that stopped it, or what the first stage made of it.
        Phrase::new(
            format!("{noun}{by_en}, stopped at {} {at}", space.en),
            format!("{who_zh}的{does_zh}请求停在{} {at}", space.zh),
        )
    } else if let Some(message) = message_of(trace, index, at) {
        // A message that was refused for its form names no entry: its address is all there is.
        match message.refused {
            false => Phrase::new(
                format!("Entry {}, named{by_en}", at.raw),
                format!("{who_zh}的中断消息指明第 {} 项", at.raw),
            ),
            true => Phrase::new(
                format!("Interrupt message to {}{by_en}", message.to),
                format!("{who_zh}写到 {} 的中断消息被拒绝", message.to),
            ),
        }
    } else {
        Phrase::new(
            format!("{noun} of {} {at}{by_en}", space.en),
            format!("{who_zh}{does_zh}{} {at}", space.zh),
        )
    };
    let record = record(recorded);
    let number = code.numbered(digits(cast, code));
    let of_zh = match message_of(trace, index, at) {
        Some(_) => "中断重映射出错，错误码",
        None => "转换错误",
    };
    if let Some(named) = exception(code) {
        let number = if named {
            Phrase::default()
        } else {
            Phrase::new(format!(" {}", number.en), format!(" {}", number.zh))
        };
        return both(
            format!("Exception{} of the CPU: {}. {}. {}", number.en, code.text.en, what.en, record.0),
            format!("CPU 异常{}：{}，得到{why_zh}。{}", number.zh, what.zh, record.1),
        );
    }
    both(
        format!("Fault {}: {}. {}. {}", number.en, code.text.en, what.en, record.0),
        format!("{of_zh} {}：{}，{why_zh}。{}", number.zh, what.zh, record.1),
    )
}

/// An interrupt message: where it was written to, and whether it was refused before an entry was looked for.
struct Message {
    to: AnyAddr,
    refused: bool,
}

/// The interrupt message that a fault is about, if its address is the index of an interrupt entry.
fn message_of(trace: &Trace, index: usize, at: AnyAddr) -> Option<Message> {
    let request = super::scopes::innermost(trace, index, |scope| matches!(scope, Scope::Translation { .. }));
    let (begin, Scope::Translation { at: to, .. }) = request? else { return None };
    let mut inside = trace.steps().range(begin..index).iter();
    let refused =
        inside.any(|step| matches!(step.event, Event::Check { ok: false, value, .. } if value == to.raw));
    (at.raw < 1 << 16 && to.raw >> 20 == 0xfee).then_some(Message { to, refused })
}

/// Is the translation that begins at `index` that of an interrupt message: does an interrupt come of it, or a fault of its entry?
fn is_message(trace: &Trace, index: usize) -> bool {
    let depth = trace.steps()[index].depth;
    let inside = trace.steps().range(index + 1..trace.len()).iter();
    { inside }.take_while(|step| step.depth > depth).take(MESSAGE).any(|step| match step.event {
        Event::Begin(Scope::Walk { stage: Stage::Interrupt, .. }) | Event::Interrupt { .. } => true,
        Event::Cache { cache, .. } => cache.kind == CacheKind::Interrupt,
        Event::Fault { at, .. } => at.raw < 1 << 16,
        _ => false,
    })
}

/// At most this many steps of a translation are looked at for what becomes of a message.
const MESSAGE: usize = 64;

/// A code in the digits of its architecture.
fn digits(cast: &Cast, code: &FaultCode) -> String {
    cast.architecture.unwrap_or_default().fault_digits(code)
}

/// Is it an exception of a CPU, and does its text have its name and its number?
fn exception(code: &FaultCode) -> Option<bool> {
    let of = |manuals: [&str; 2]| manuals.iter().any(|manual| code.section.starts_with(manual));
    let named = of(["SDM ", "APM "]);
    (named || of(["RISC-V Privileged ", "Arm ARM "])).then_some(named)
}

/// Whether the step that recorded this fault is in the scope which the step at `index` closes.
fn said_before(trace: &Trace, index: usize, code: &FaultCode) -> bool {
    let Some(begin) = super::scopes::opener(trace, index) else { return false };
    let inside = trace.steps().range(begin..index);
    // The fault's own step, or the read of the entry that refused.
    let said = |step: &Step| match step.event {
        Event::Fault { code: c, .. } => c.code == code.code,
        Event::Read { verdict: Verdict::Fault(c), .. } => c.code == code.code,
        _ => false,
    };
    let found = inside.iter().any(said);
    found
}

fn begin(trace: &Trace, index: usize, scope: Scope, cast: &Cast) -> Phrase {
    let step = &trace.steps()[index];
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
        // On the bus, the CPU's accesses are those to configuration space: by function and offset.
        Scope::CpuAccess { at, want, bytes } if at.space == Space::Bus => {
            let (id, offset) = (RequesterId::new((at.raw >> 12) as u32), at.raw & 0xfff);
            let name = cast.device(id);
            let of = if name == format!("{id}") { name } else { format!("{name} ({id})") };
            both(
                format!(
                    "The CPU {} {} at +{offset:#x} of the configuration space of {of}.",
                    does(want),
                    sized(bytes.into()).en
                ),
                format!(
                    "CPU {} {} 的配置空间 +{offset:#x}，{bytes} 字节。",
                    verb(want).1,
                    of.replace(" (", "（").replace(')', "）")
                ),
            )
        }
        Scope::CpuAccess { at, want, bytes } => {
            let space = cast.space(at.space);
            both(
                format!("The CPU {} {} at {} {at}.", does(want), sized(bytes.into()).en, space.en),
                format!("CPU {}{} {at} {} {bytes} 字节。", toward(want), space.zh, verb(want).1),
            )
        }
        Scope::Transfer { requester, at, want, bytes } => {
            let (name, space) = (cast.device(requester), cast.space(at.space));
            both(
                format!("{name} {} {} at {} {at}.", does(want), Bytes(bytes), space.en),
                format!("{name} {}{} {at} {} {}。", toward(want), space.zh, verb(want).1, sized(bytes).zh),
            )
        }
        Scope::Translation { requester, pasid, at, want } => {
            let (en, zh) = match pasid {
                Some(p) => {
                    let id = cast.terms().process;
                    (format!(" with {id} {p}"), format!("（{id} {p}）"))
                }
                None => Default::default(),
            };
            let message = at.raw >> 20 == 0xfee && is_message(trace, index);
            let (then_en, then_zh) = match message {
                _ if at.space == Space::Physical => {
                    ("The device has translated it before (ATS).", "设备此前已经转换过这个地址（ATS）")
                }
                true => (
                    "It is an interrupt message: its address is not translated.",
                    "这是中断消息，地址不做转换",
                ),
                false => ("Where is it?", "IOMMU 开始转换"),
            };
            both(
                format!(
                    "The IOMMU gets a {} of {} {at} from requester {requester}{en}. {then_en}",
                    verb(want).0.to_lowercase(),
                    cast.space(at.space).en
                ),
                format!(
                    "请求者 {requester}{zh} 要{}{} {at}：{then_zh}。",
                    verb(want).1,
                    cast.space(at.space).zh
                ),
            )
        }
        Scope::Walk { stage, input, root, .. } => {
            let (tables, for_what) = (cast.stage(stage), walk_input(stage, input, cast));
            let (tables_zh, from) = (tables.zh, format!("从 {root} 处的表查起"));
            let zh = match stage {
                Stage::Device => format!("{}按请求者 {} 查{tables_zh}，{from}。", who.zh, for_what.zh),
                Stage::Process => format!("{}按 {} 查{tables_zh}，{from}。", who.zh, for_what.zh),
                Stage::Interrupt => format!("{}查{tables_zh}{}，{from}。", who.zh, for_what.zh),
                _ => {
                    format!(
                        "{}查{tables_zh}，找{} {}，{from}。",
                        who.zh,
                        cast.space(input.space).zh,
                        for_what.zh
                    )
                }
            };
            both(format!("{} walks {} for {}, from the table at {root}.", who.en, tables.en, for_what.en), zh)
        }
        Scope::Command { entry } => both(
            format!("{} takes a command: {}.", who.en, entry.name.en),
            format!("{}取出一条命令：{}。", who.zh, entry.name.zh.trim()),
        ),
        Scope::Setup { en, zh } => Phrase::new(trace.get_name(en), trace.get_name(zh)),
    }
}

/// What a walk looks up: a requester, a process, an entry of the interrupt table, or an address.
pub fn walk_input(stage: Stage, input: AnyAddr, cast: &Cast) -> Phrase {
    match stage {
        Stage::Device => {
            let requester = u32::try_from(input.raw).map(RequesterId::new);
            Phrase::same(requester.map_or_else(|_| format!("{input}"), |r| format!("{r}")))
        }
        Stage::Process => Phrase::same(format!("{} {}", cast.terms().process, input.raw)),
        // Where the address of the message chooses the entry, it is that which is looked up.
        Stage::Interrupt if input.space != Space::Bus => {
            let space = cast.space(input.space);
            Phrase::new(format!("{} {input}", space.en), format!("，找{} {input}", space.zh))
        }
        // An event is a number of the device's own.
        Stage::Interrupt if cast.architecture.is_some_and(|a| a.has(Ability::DeviceEvents)) => {
            Phrase::new(format!("event {}", input.raw), format!("，找事件 {}", input.raw))
        }
        Stage::Interrupt => Phrase::new(format!("entry {}", input.raw), format!("第 {} 项", input.raw)),
        // The same number may be an address of several spaces; Chinese says which before the verb's object.
        _ => Phrase::new(format!("{} {input}", cast.space(input.space).en), format!("{input}")),
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

fn end(trace: &Trace, index: usize, verdict: Verdict, cast: &Cast) -> Phrase {
    let opened = super::scopes::opener(trace, index).and_then(|i| match trace.steps()[i].event {
        Event::Begin(Scope::Translation { at, .. } | Scope::Walk { input: at, .. }) => Some(at),
        Event::Begin(Scope::CpuAccess { at, .. }) => Some(at),
        _ => None,
    });
    match (verdict, opened) {
        (Verdict::Leaf { to, size, perms }, Some(from)) => {
            let perms = rights(trace, index, perms);
            // A request that was translated before.
            if from == to {
                let at = cast.space(from.space);
                return both(
                    format!("{} {from} stays as it is (page of {size}, {perms}).", capital(at.en)),
                    format!("{} {from} 不变（{size} 页，{}）。", at.zh, perms.zh()),
                );
            }
            let same = match from.raw == to.raw {
                true => Text::new(", the same number", "，数字不变"),
                false => Text::new("", ""),
            };
            both(
                format!(
                    "{} {from} translates to {} {to}{} (page of {size}, {perms}).",
                    capital(cast.space(from.space).en),
                    cast.space(to.space).en,
                    same.en
                ),
                format!(
                    "{} {from} 转换为{} {to}{}（{size} 页，{}）。",
                    cast.space(from.space).zh,
                    cast.space(to.space).zh,
                    same.zh,
                    perms.zh()
                ),
            )
        }
        // What ends without a record may have no number.
        (Verdict::Fault(code), _) if !code.has_number() => {
            both(format!("It ends: {}.", code.text.en), format!("到此结束：{}。", code.text.zh))
        }
        // What the fault's own step said is not said again.
        (Verdict::Fault(code), _) if exception(code).is_some() => {
            both(format!("It ends: {}.", code.text.en), format!("结果：{}。", code.text.zh))
        }
        (Verdict::Fault(code), _) if said_before(trace, index, code) => {
            let digits = digits(cast, code);
            both(format!("It ends in fault {digits}."), format!("结果：错误码 {digits}。"))
        }
        (Verdict::Fault(code), _) => both(
            format!("It ends in fault {}: {}.", digits(cast, code), code.text.en),
            format!("结果：错误码 {}，{}。", digits(cast, code), code.text.zh),
        ),
        (Verdict::Next(to), None) => {
            let space = cast.space(to.space);
            let dma = if to.space == Space::Physical { "" } else { "（DMA 地址）" };
            both(format!("It returns {} {to}.", space.en), format!("返回{} {to}{dma}。", space.zh))
        }
        (Verdict::Ok, _) => finished(trace, index),
        (other, _) => {
            let (en, zh) = verdict_words(other, cast);
            both(en, zh)
        }
    }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or(String::new(), |c| c.to_uppercase().chain(letters).collect())
}

/// Rights as they are said: a device asks to read and write, and the tables that say no more than that give no third right.
pub fn rights(trace: &Trace, index: usize, perms: Perms) -> Perms {
    let asked = super::scopes::innermost(trace, index, |s| matches!(s, Scope::Translation { .. }));
    match asked {
        Some((_, Scope::Translation { want, .. })) if !want.has(Perms::X) => perms.of_device(),
        _ => perms,
    }
}

fn verdict_words(verdict: Verdict, cast: &Cast) -> (String, String) {
    match verdict {
        Verdict::Ok => Default::default(),
        Verdict::Next(to) => (
            format!("It points on to {} {to}.", cast.space(to.space).en),
            format!("指向{} {to}。", cast.space(to.space).zh),
        ),
        Verdict::Leaf { to, size, perms } => (
            format!("It maps a page of {size} ({perms}): the address is {} {to}.", cast.space(to.space).en),
            format!("映射一个 {size} 页（{}），位于{} {to}。", perms.zh(), cast.space(to.space).zh),
        ),
        Verdict::Refused(rule) => {
            let (en, zh) = (rule.text.en, rule.text.zh);
            // A rule that says so itself.
            let en = en.strip_prefix("the request was refused: ").unwrap_or(en);
            let zh = zh.strip_prefix("请求被拒绝：").unwrap_or(zh);
            (format!("Refused: {en}."), format!("被拒绝：{zh}。"))
        }
        Verdict::Fault(code) => (format!("Fault: {}.", code.text.en), format!("出错：{}。", code.text.zh)),
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

fn cached(cache: &CacheType, op: CacheOp, entry: &CacheLine, cast: &Cast) -> Phrase {
    let kind = cache.kind;
    let of = wanted(kind, entry, cast);
    let what = match (kind, entry.shift) {
        (CacheKind::Interrupt, 0) => of.clone(),
        (_, 0) if matches!(op, CacheOp::Insert | CacheOp::Evict | CacheOp::Invalidate) => {
            Phrase::new(of.en.clone(), format!("{} 的条目", of.zh))
        }
        (_, 0) => of.clone(),
        // A line of data is known by its address: what is in it is no address.
        (CacheKind::Data, shift) => {
            let size = Bytes(1 << shift.min(63));
            both(
                format!("the line at {:#x} ({size})", entry.from),
                format!("{:#x} 那一行（{}）", entry.from, sized(size.0).zh),
            )
        }
        (_, shift) => {
            let (line, size) = (line(entry), Bytes(1 << shift.min(63)));
            both(format!("{line} (page of {size})"), format!("{}（{size} 页）", line.replace("->", "→")))
        }
    };
    let (en, zh) = match op {
        CacheOp::Hit => (
            match kind {
                CacheKind::Data => format!("hits {}: the bytes come from it, not from memory", what.en),
                _ => format!("hits: it knows {}, so nothing is read", what.en),
            },
            match kind {
                CacheKind::Data => format!("命中 {}：直接返回缓存里的数据，不读内存", what.zh),
                _ => format!("命中：{}，不必再查表", what.zh),
            },
        ),
        CacheOp::Stale => (
            match kind {
                CacheKind::Data => format!("hits {}, a stale one: memory has other bytes by now", what.en),
                _ => format!("has a stale hit: it still says {}, but the tables no longer do", what.en),
            },
            match kind {
                CacheKind::Data => format!("命中 {}，但这一行是陈旧的：内存里已是另外的数据", what.zh),
                _ => format!("命中了陈旧条目 {}：表已经改了", what.zh),
            },
        ),
        CacheOp::Denied => (
            format!("hits {}, which does not allow this access", what.en),
            format!("命中 {}，但不允许这次访问", what.zh),
        ),
        CacheOp::Miss => {
            let whose = whose(cache, entry);
            let none = match kind {
                CacheKind::Interrupt => format!("没有{}", of.zh),
                CacheKind::Data => format!("没有 {} 那一行", of.zh),
                _ => format!("没有 {}{} 的条目", of.zh, whose.zh),
            };
            (format!("misses: it knows nothing of {}{}", of.en, whose.en), format!("未命中：{none}"))
        }
        CacheOp::Insert => (format!("now remembers {}", what.en), format!("记下 {}", what.zh)),
        CacheOp::Evict => {
            (format!("pushes out {} to make room", what.en), format!("淘汰 {}，腾出位置", what.zh))
        }
        CacheOp::Invalidate => (format!("forgets {}", what.en), format!("清除 {}", what.zh)),
    };
    both(format!("The {} {en}.", cache.name.en), format!("{}{zh}。", cache.name.zh))
}

/// Whose page it is, as the tag of a line says: others may have lines for the same address.
fn whose(cache: &CacheType, entry: &CacheLine) -> Phrase {
    if entry.shift == 0 || cache.kind == CacheKind::Data {
        return Phrase::default();
    }
    let (process, domain) = cache.tags();
    let tags = [(domain, entry.domain), (process, entry.pasid)];
    let said = |lang| {
        let tags = tags.iter().filter_map(|(name, n)| n.map(|n| format!("{} {n}", name.get(lang))));
        tags.collect::<Vec<_>>().join(Text::new(", ", "、").get(lang))
    };
    match said(Lang::En) {
        none if none.is_empty() => Phrase::default(),
        en => both(format!(" ({en})"), format!("（{}）", said(Lang::Zh))),
    }
}

/// What a cache was asked for: a page's address, a requester and its process, an entry of the interrupt table.
fn wanted(kind: CacheKind, entry: &CacheLine, cast: &Cast) -> Phrase {
    match (kind, entry.shift, entry.requester, entry.pasid) {
        (CacheKind::Interrupt, 0, ..) => {
            Phrase::new(format!("entry {}", entry.from), format!("第 {} 项", entry.from))
        }
        (CacheKind::Process, 0, Some(requester), Some(pasid)) => {
            let id = cast.terms().process;
            Phrase::new(format!("{requester} with {id} {pasid}"), format!("{requester}（{id} {pasid}）"))
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
        Some(Event::Begin(Scope::Transfer { bytes, .. })) => both(
            format!("The transfer of {} is over.", Bytes(bytes)),
            format!("{} 传送完毕。", sized(bytes).zh),
        ),
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

fn window(name: &str, from: AnyAddr, to: AnyAddr, hit: bool, cast: &Cast) -> Phrase {
    let (a, b) = (cast.space(from.space), cast.space(to.space));
    let name = window_name(name);
    if hit && name.en == OWN_MEMORY {
        both(
            format!("{OWN_MEMORY}: {} {from} is there.", a.en),
            format!("设备内部的映射：{} {from} 就在设备自己的内存里。", a.zh),
        )
    } else if hit && from.raw == to.raw {
        both(
            format!("{}: {} {from} is {} {to}, the same number.", name.en, a.en, b.en),
            format!("{}：{} {from} 对应{} {to}，数字不变。", name.zh, a.zh, b.zh),
        )
    } else if hit {
        both(
            format!("{}: {} {from} becomes {} {to}.", name.en, a.en, b.en),
            format!("{}：{} {from} 变为{} {to}。", name.zh, a.zh, b.zh),
        )
    } else {
        both(
            format!("{}: nothing answers at {} {from}.", name.en, a.en),
            format!("{}：{} {from} 处没有应答。", name.zh, a.zh),
        )
    }
}

const OWN_MEMORY: &str = "The device's own map, to its own memory";

/// A window of the host bridge by its number and way; another one by its own name.
fn window_name(name: &str) -> Phrase {
    let number = |rest: &str| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_digit());
    if let Some(n) = name.strip_prefix("window").filter(|n| number(n)) {
        return both(format!("Outbound window {n} of the host bridge"), format!("主桥下行窗口 {n}"));
    }
    if let Some(n) = name.strip_prefix("inbound").filter(|n| number(n)) {
        return both(format!("Inbound window {n} of the host bridge"), format!("主桥上行窗口 {n}"));
    }
    if let Some(windows) = name.strip_prefix("host bridge (") {
        let (en, windows) = (name.replace("-0x", " to 0x"), windows.replace("-0x", " 到 0x"));
        let zh = windows.trim_end_matches(')').replace(", ", "、").replace(": ", "：");
        let zh = zh.replace("inbound", "上行窗口 ").replace("window", "下行窗口 ");
        return both(en, format!("主桥（{zh}）"));
    }
    match name {
        "host bridge" => both(name.into(), "主桥".into()),
        "device map" => both("The device's own map".into(), "设备内部的映射".into()),
        "device map: host" => {
            both("The device's own map, to the host".into(), "设备内部的映射（主机内存）".into())
        }
        "device map: own memory" => both(OWN_MEMORY.into(), "设备内部的映射（自己的内存）".into()),
        _ => Phrase::same(name),
    }
}

/// The place of a packet's end: the root complex has no name of its own.
pub fn end_of_link(name: &str) -> Phrase {
    match name {
        "root complex" => Phrase::new(name, "根复合体"),
        _ => Phrase::same(name),
    }
}

fn interrupt(vector: u32, destination: u32, kind: InterruptKind, cast: &Cast) -> (Phrase, Tone) {
    let (en, zh) = match kind {
        InterruptKind::Direct => ("not remapped".into(), "（不经重映射）".into()),
        InterruptKind::Remapped => {
            let tables = cast.terms().interrupt_tables;
            let says = if tables.en.ends_with('s') { "say" } else { "says" };
            (format!("as {} {says}", tables.en), format!("（由{}决定）", tables.zh))
        }
        InterruptKind::Stored => (
            "stored in a memory-resident interrupt file (MRIF)".into(),
            "，存进驻留内存的中断文件（MRIF）".into(),
        ),
        InterruptKind::Posted => {
            ("posted to a running guest".into(), "，直接投递给运行中的客户机（posted）".into())
        }
        InterruptKind::Notification if cast.controller() == Controller::Imsic => {
            ("to notify it of what was stored".into(), "，通知它有中断存进了中断文件".into())
        }
        InterruptKind::Notification => {
            ("to notify it of what was posted".into(), "，通知它有中断投递给了客户机".into())
        }
        // What was refused has neither vector nor CPU.
        InterruptKind::Blocked => {
            let text =
                Phrase::new("The interrupt is blocked: it is not delivered.", "中断被拦截，没有送达。");
            return (text, Tone::Refused);
        }
    };
    let number = cast.controller().called(vector);
    let text = both(
        format!("Interrupt: {} to CPU {destination}, {en}.", number.en),
        format!("中断：{} 送往 CPU {destination}{zh}。", number.zh),
    );
    (text, Tone::Interrupt)
}

fn record(recorded: Recorded) -> (String, String) {
    match recorded {
        Recorded::At(slot) => {
            (format!("It is recorded in slot {slot}."), format!("已记入 {slot} 号故障记录。"))
        }
        Recorded::Overflow => {
            ("There is no room to record it: overflow.".into(), "故障记录已满：溢出。".into())
        }
        Recorded::Compressed => {
            ("It is folded into an earlier record.".into(), "已并入先前的故障记录。".into())
        }
        Recorded::Suppressed => ("Its record is suppressed.".into(), "按设置不作记录。".into()),
        Recorded::None => Default::default(),
    }
}

/// A place of a device's own memory: an offset, or a register that is not its engine's.
fn own_place(at: u64) -> Phrase {
    match scratch_of(at) {
        Some((bar, offset)) => both(
            format!("its registers behind BAR {bar} at +{offset:#x}"),
            format!("自己的寄存器（BAR {bar} + {offset:#x}）"),
        ),
        None => both(format!("its own memory at {at:#x}"), format!("自己的内存 {at:#x}")),
    }
}

fn plain(trace: &Trace, step: &Step, cast: &Cast) -> Phrase {
    let who = who::actor(step.actor, cast);
    match step.event {
        Event::Write { entry, pa, old, new } => {
            let name = entry.map_or(Phrase::new("8 bytes", "8 字节"), |e| e.name.into());
            let at = seen_at(step, pa, cast);
            both(
                format!("{} writes {} at {}: {}.", who.en, name.en, at.en, becomes(old, new).en),
                format!("{}在{}写{}：{}。", who.zh, at.zh, name.zh, becomes(old, new).zh),
            )
        }
        Event::WriteRun { entry, pa, new, .. } => {
            let words = trace.get_words(new);
            let (name, size) = (entry.name, usize::from(entry.words.max(1)));
            // One descriptor in a queue of wider ones: the rest of its place is 0 (VT-d, invalidation queue).
            let padded = size > 1 && words.len() == 2 * size && words[size..].iter().all(|w| *w == 0);
            let count = if padded && words[0] != 0 { 1 } else { words.len() / size };
            let at = seen_at(step, pa, cast);
            if count > 1 {
                let many = plural(name.en);
                return both(
                    format!("{} writes {} {many} from {} on.", who.en, thousands(count as u64), at.en),
                    format!("{}从{}起写 {count} 个{}。", who.zh, at.zh, name.zh),
                );
            }
            // One structure: what is written, in the order in which it is in memory.
            let values: Vec<String> = words.iter().map(|w| format!("{w:#x}")).collect();
            let (value, value_zh) = (values.join(" "), values.join("、"));
            let order = match words.len() {
                0 | 1 => Phrase::default(),
                n => Phrase::new(
                    format!("its {n} values of 64 bits, the lowest address first, are "),
                    format!("{n} 个 64 位值从低地址起是 "),
                ),
            };
            both(
                format!("{} writes {} at {}: {}{value}.", who.en, name.en, at.en, order.en),
                format!("{}在{}写{}：{}{value_zh}。", who.zh, at.zh, name.zh, order.zh),
            )
        }
        Event::Data { pa, bytes, new, .. } => {
            let what = text_of(trace, new, bytes);
            both(
                format!("{} puts {} into memory at {pa}{}.", who.en, Bytes(bytes.into()), what.en),
                format!("{}把 {} 写入内存 {pa}{}。", who.zh, sized(bytes.into()).zh, what.zh),
            )
        }
        Event::Load { pa, bytes, value } => both(
            format!(
                "{} takes {} from memory at {pa}{}.",
                who.en,
                Bytes(bytes.into()),
                first_of(bytes, value).en
            ),
            format!("{}从内存 {pa} 读出 {}{}。", who.zh, sized(bytes.into()).zh, first_of(bytes, value).zh),
        ),
        Event::OwnData { at, bytes, new, .. } => {
            let (what, place) = (text_of(trace, new, bytes), own_place(at));
            both(
                format!("{} puts {} into {}{}.", who.en, Bytes(bytes.into()), place.en, what.en),
                format!("{}把 {} 写入{}{}。", who.zh, sized(bytes.into()).zh, place.zh, what.zh),
            )
        }
        Event::OwnLoad { at, bytes, value, .. } => {
            let place = own_place(at);
            both(
                format!(
                    "{} takes {} from {}{}.",
                    who.en,
                    Bytes(bytes.into()),
                    place.en,
                    first_of(bytes, value).en
                ),
                format!(
                    "{}从{}读出 {}{}。",
                    who.zh,
                    place.zh,
                    sized(bytes.into()).zh,
                    first_of(bytes, value).zh
                ),
            )
        }
        Event::Packet { from, to, header, dwords, prefix, payload, .. } => {
            let name = spelled(&super::packet::name(header, dwords, prefix));
            let (from, to) = (end_of_link(trace.get_name(from)), end_of_link(trace.get_name(to)));
            let load = match payload {
                0 => Phrase::default(),
                n => Phrase::new(format!(", {}", Bytes(n.into())), format!("，{}", sized(n.into()).zh)),
            };
            both(
                format!("Packet {}{}: {} to {}.", name.en, load.en, from.en, to.en),
                format!("TLP {}{}：从 {} 到 {}。", name.zh, load.zh, from.zh, to.zh),
            )
        }
        Event::Register { register, old, new, write, .. } => {
            let name = register.name;
            // A device's registers change by packets as well as by its own doing.
            if let Actor::Device(_) = step.actor {
                return match write {
                    true => both(
                        format!("{}'s register {name}: {}.", who.en, becomes(old, new).en),
                        format!("{}的寄存器 {name}：{}。", who.zh, becomes(old, new).zh),
                    ),
                    false => both(
                        format!("{}'s register {name} is read: {new:#x}.", who.en),
                        format!("{}的寄存器 {name} 被读取：值为 {new:#x}。", who.zh),
                    ),
                };
            }
            if write {
                both(
                    format!("{} writes register {name}: {}.", who.en, becomes(old, new).en),
                    format!("{}写寄存器 {name}：{}。", who.zh, becomes(old, new).zh),
                )
            } else {
                both(
                    format!("{} reads register {name}: {new:#x}.", who.en),
                    format!("{}读寄存器 {name}：{new:#x}。", who.zh),
                )
            }
        }
        // An error's words are no sentence yet.
        Event::Note { en, zh } => {
            let whole = |text: &str, stop: &str| match text.chars().next_back() {
                Some(last) if last.is_alphanumeric() || matches!(last, '）' | ')') => {
                    format!("{text}{stop}")
                }
                _ => text.into(),
            };
            both(whole(trace.get_name(en), "."), whole(trace.get_name(zh), "。"))
        }
        Event::Cost { kind, amount } => match kind {
            CostKind::Exit => {
                let times = if amount == 1 { "exit" } else { "exits" };
                both(format!("{amount} {times} from the guest."), format!("VM exit {amount} 次。"))
            }
            CostKind::CopiedBytes => {
                both(format!("The CPU copies {}.", Bytes(amount)), format!("CPU 拷贝 {}。", sized(amount).zh))
            }
            CostKind::SyncedBytes => both(
                format!("Cache lines are synchronised: {}.", Bytes(amount)),
                format!("同步缓存行：{}。", sized(amount).zh),
            ),
        },
        Event::Owner { buffer, state } => {
            let (name, state) = (trace.get_name(buffer), owner(state));
            both(format!("{name}: {}.", state.en), format!("{name}：{}。", state.zh))
        }
        _ => Phrase::default(),
    }
}

/// What writing changed: a value that is as it was does not become.
fn becomes(old: u64, new: u64) -> Phrase {
    match old == new {
        true => both(format!("{new:#x}, as before"), format!("仍是 {new:#x}")),
        false => both(format!("{old:#x} becomes {new:#x}"), format!("{old:#x} 变为 {new:#x}")),
    }
}

/// Where a word is written: a guest knows it by another address than the host.
fn seen_at(step: &Step, pa: PhysAddr, cast: &Cast) -> Phrase {
    match cast.guest_physical(pa).filter(|_| step.actor == Actor::Guest) {
        Some(guest) => both(
            format!("{} {guest} (physical {pa})", cast.terms().between.en),
            format!("{} {guest}（物理地址 {pa}）", cast.terms().between.zh),
        ),
        None => both(format!("{pa}"), format!(" {pa} ")),
    }
}

/// What was read: all of it as a number, or the first eight bytes of more, as text where they are text.
fn first_of(bytes: u32, value: u64) -> Phrase {
    let first = value.to_le_bytes();
    let text =
        core::str::from_utf8(&first).ok().filter(|text| text.bytes().all(|b| matches!(b, b' '..=b'~')));
    match (bytes, text) {
        (0..=8, _) => both(format!(": {value:#x}"), format!("：{value:#x}")),
        (_, Some(text)) => both(format!(", beginning with \"{text}\""), format!("，开头是“{text}”")),
        (_, None) => {
            both(format!(", the first 8 as a number {value:#x}"), format!("，前 8 字节的值是 {value:#x}"))
        }
    }
}

/// An analyser's name of a packet with the width of its address in words: a number in brackets reads as a length.
fn spelled(name: &str) -> Phrase {
    match name.strip_suffix(')').and_then(|name| name.split_once('(')) {
        Some((name, bits @ ("32" | "64"))) => {
            both(format!("{name} ({bits}-bit address)"), format!("{name}（{bits} 位地址）"))
        }
        _ => Phrase::same(name),
    }
}

/// The state of a buffer, as a sentence's end.
pub fn owner(state: OwnerState) -> Phrase {
    match state {
        OwnerState::Cpu => Phrase::new("the CPU owns it", "归 CPU 所有"),
        OwnerState::Device => Phrase::new("the device owns it", "归设备所有"),
        OwnerState::Both => Phrase::new("CPU and device may both use it", "CPU 与设备都可使用"),
        OwnerState::Bounced => Phrase::new("a bounce copy stands in for it", "由回弹副本代替"),
        OwnerState::StaleCached => Phrase::new(
            "unmapped, but a translation may still be cached",
            "已解除映射，但缓存里可能还有它的条目",
        ),
        OwnerState::DirtyLine => {
            Phrase::new("newer bytes are in a dirty cache line", "较新的数据还在脏缓存行里")
        }
        OwnerState::Freed => Phrase::new("freed", "已释放"),
    }
}

/// Data that is text, as text: `: "hello"`.
fn text_of(trace: &Trace, chunk: Chunk, bytes: u32) -> Phrase {
    let Chunk::Bytes(start) = chunk else { return Phrase::default() };
    let bytes = trace.get_bytes(start, bytes as usize);
    let bytes = bytes.strip_suffix(&[0]).unwrap_or(bytes);
    match core::str::from_utf8(bytes) {
        Ok(text) if (1..=64).contains(&bytes.len()) && !text.chars().any(acts) => {
            Phrase::new(format!(": \"{text}\""), format!("：“{text}”"))
        }
        _ => Phrase::default(),
    }
}
