//! The ranges of ports and devices: windows from the root down, and BARs within them.

use super::{above_conventional, size, Line, Plan};
use crate::import::found::{Bar, Bdf, Extent, Found, Function, HostWindow, Space};
use crate::import::remark::{Kind, Remarks};
use crate::import::space::{self, line_range, MIB};
use crate::scenario::Num;
use crate::spec::Phrase;
use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;

/// The windows of ports, from the root down, and which of the host bridge's are prefetchable.
pub(super) fn windows(found: &Found, plan: &mut Plan, remarks: &mut Remarks) {
    let mut cuts: Vec<Extent> = Vec::new();
    let mut taken: Vec<(Option<usize>, Extent, Bdf)> = Vec::new();
    for i in 0..plan.items.len() {
        let Some(function) = found.at(plan.items[i].at).filter(|_| plan.items[i].role.is_some()) else {
            continue;
        };
        let behind = plan.items[i].behind;
        for window in function.bridge.iter().flat_map(|b| &b.windows).filter(|w| w.space != Space::Io) {
            let prefetch = window.space == Space::Prefetch;
            let bus = plan.map.to_bus(window.range).unwrap_or(window.range);
            let parent = behind.map(|up| plan.items[up].spans[usize::from(prefetch)]);
            let inside = match parent {
                Some(span) => span.is_some_and(|span| span.holds(bus)),
                None => plan.map.to_bus(window.range).is_some(),
            };
            let other =
                taken.iter().find(|(up, range, _)| *up == behind && range.meets(bus)).map(|(_, _, at)| *at);
            let at = function.at;
            let stranger = plan.map.of_other(at.bus, bus).filter(|_| behind.is_none());
            let not = if let Some(other) = stranger {
                Some(Phrase::new(
                    format!(
                        "{at}: the window {} is in none of its host bridge's, only in that of bus {other:02x}",
                        window.range
                    ),
                    format!("{at}：窗口 {} 不在它自己的主桥的窗口之内，只在总线 {other:02x} 的主桥的窗口之内", window.range),
                ))
            } else if !inside {
                Some(Phrase::new(
                    format!("{at}: the window {} is outside every window above it", window.range),
                    format!("{at}：窗口 {} 不在上级的任何窗口之内", window.range),
                ))
            } else if let Some(other) = other {
                Some(Phrase::new(
                    format!("{at}: the window {} shares addresses with what is at {other}", window.range),
                    format!("{at}：窗口 {} 与 {other} 的范围重叠", window.range),
                ))
            } else if bus.first % MIB != 0 || !prefetch && bus.last >> 32 != 0 {
                Some(Phrase::new(
                    format!("{at}: the window {} is not one that a bridge can forward", window.range),
                    format!("{at}：桥无法转发窗口 {}", window.range),
                ))
            } else {
                None
            };
            match &not {
                Some(what) => remarks.at(Kind::Contradiction, window.from, what.clone()),
                None => {
                    taken.push((behind, bus, at));
                    plan.items[i].spans[usize::from(prefetch)] = Some(bus);
                    if prefetch && behind.is_none() {
                        cuts.push(bus);
                    }
                }
            }
            let text = format!("window {}{}", line_range(bus), if prefetch { " prefetch" } else { "" });
            plan.items[i].lines.push(Line { text, from: Some(window.from), also: None, not });
        }
    }
    space::cut(&mut plan.map, &cuts);
}

/// The BARs of devices.
pub(super) fn bars(found: &Found, plan: &mut Plan, remarks: &mut Remarks) {
    // What is taken in each place: of devices and of the bridges beside them.
    let mut taken: Vec<(Option<usize>, bool, Extent, Bdf)> = Vec::new();
    for item in &plan.items {
        taken.extend(item.spans.iter().flatten().map(|span| (item.behind, false, *span, item.at)));
    }
    for i in 0..plan.items.len() {
        let Some(function) = found.at(plan.items[i].at) else { continue };
        if plan.items[i].role.is_some() {
            if !function.bars.is_empty() {
                let said = Phrase::new("BARs of ports", "端口自身的 BAR");
                remarks.of(Kind::Left, said);
            }
            continue;
        }
        let mut used = 0u8;
        for bar in &function.bars {
            let line = bar_line(found, function, bar, plan, i, &mut used, &mut taken, remarks);
            plan.items[i].lines.push(line);
        }
    }
}

#[allow(clippy::too_many_arguments)]
fn bar_line(
    found: &Found,
    function: &Function,
    bar: &Bar,
    plan: &Plan,
    item: usize,
    used: &mut u8,
    taken: &mut Vec<(Option<usize>, bool, Extent, Bdf)>,
    remarks: &mut Remarks,
) -> Line {
    let (at, behind) = (function.at, plan.items[item].behind);
    let io = bar.space == Space::Io;
    let index = bar.index;
    let mask = 1u8 << index | if bar.wide { 2u8 << index } else { 0 };
    let known = size(found, function, bar);
    let legacy = io && bar.at < 0x400;
    let text = |place: u64, size: u64, prefetch: bool| {
        let mut text = format!("bar {index} {}", Num::size(size));
        for (on, word) in [(bar.wide && !io, " 64"), (prefetch, " prefetch"), (io, " io")] {
            text.push_str(if on { word } else { "" });
        }
        text + &format!(" at bus {}", Num::address(place))
    };
    let not = |kind: Kind, what: Phrase, remarks: &mut Remarks| {
        let said = Phrase::new(
            format!("{at} BAR {index} at {:#x}: {}", bar.at, what.en),
            format!("{at} BAR {index}（{:#x}）：{}", bar.at, what.zh),
        );
        remarks.at(kind, bar.from, said);
        let text = text(bar.at, known.max(1), bar.space == Space::Prefetch);
        Line { text, from: Some(bar.from), also: None, not: Some(what) }
    };
    let phrase = |en: &str, zh: &str| Phrase::new(en.to_string(), zh.to_string());
    if legacy {
        let what =
            phrase("ports below 0x400, where the fixed ones of a PC are", "0x400 以下是 PC 的固定端口");
        return not(Kind::Left, what, remarks);
    }
    if known == 0 {
        return not(Kind::Missing, phrase("no text states its size", "所给文本没有说明其大小"), remarks);
    }
    let most = if io {
        256
    } else if bar.wide {
        1 << 62
    } else {
        1 << 31
    };
    let least = if io { 4 } else { 16 };
    let bad_index = index + u8::from(bar.wide) > 5 || *used & mask != 0;
    if !known.is_power_of_two() || !(least..=most).contains(&known) || bad_index {
        return not(Kind::Contradiction, impossible(known, bad_index), remarks);
    }
    let Some(range) = Extent::sized(bar.at, known) else {
        return not(Kind::Contradiction, phrase("it runs past 64 bits", "超出 64 位"), remarks);
    };
    if bar.at % known != 0 {
        return not(
            Kind::Contradiction,
            phrase("not at a multiple of its size", "地址不是其大小的倍数"),
            remarks,
        );
    }
    if io {
        if behind.is_some() {
            return not(
                Kind::Left,
                phrase("I/O ports behind a bridge are not written", "桥下游的 I/O 端口不写入"),
                remarks,
            );
        }
        if !plan.map.ports.is_some_and(|(ports, _)| ports.holds(range)) {
            return not(
                Kind::Left,
                phrase("outside the ports that lead to PCI", "不在通往 PCI 的端口之内"),
                remarks,
            );
        }
    }
    let bus = if io { Some(range) } else { plan.map.to_bus(range) };
    let Some(bus) = bus else {
        let what = phrase("outside every window of the host bridge", "不在主桥的任何窗口之内");
        return not(Kind::Contradiction, what, remarks);
    };
    if let Some(other) = plan.map.of_other(at.bus, bus).filter(|_| behind.is_none() && !io) {
        let what = Phrase::new(
            format!("in no window of its host bridge, only in that of bus {other:02x}"),
            format!("不在它自己的主桥的窗口之内，只在总线 {other:02x} 的主桥的窗口之内"),
        );
        return not(Kind::Contradiction, what, remarks);
    }
    if !bar.wide && bus.last >> 32 != 0 {
        return not(
            Kind::Contradiction,
            phrase("32 bits, but above 4 GiB", "32 位，却在 4 GiB 以上"),
            remarks,
        );
    }
    // A bridge to conventional PCI is no line of its own: what it does not forward contradicts, what it forwards has no place
    // where a port's window has the addresses.
    if let Some(bridge) =
        above_conventional(found, function).filter(|_| plan.items[item].alias.is_some() && !io)
    {
        let windows = || bridge.bridge.iter().flat_map(|b| &b.windows).filter(|w| w.space != Space::Io);
        if windows().next().is_some() && !windows().any(|w| w.range.holds(range)) {
            let what = Phrase::new(
                format!("outside every window of {}", bridge.at),
                format!("不在 {} 的任何窗口之内", bridge.at),
            );
            return not(Kind::Contradiction, what, remarks);
        }
        let port = taken.iter().find(|(up, ports, range, of)| {
            let of = plan.items.iter().any(|i| i.at == *of && i.role.is_some());
            *up == behind && !*ports && of && range.holds(bus)
        });
        if let Some((.., port)) = port {
            let what = Phrase::new(
                format!(
                    "behind {}, a bridge to conventional PCI below {port}: the language has no place for it",
                    bridge.at
                ),
                format!("在 {port} 下游的 PCIe 转 PCI 桥 {} 之后，场景语言无法表示", bridge.at),
            );
            return not(Kind::Left, what, remarks);
        }
    }
    // Which of the windows on the way it is in decides what the line calls it.
    let prefetch = match behind {
        Some(up) => {
            let spans = plan.items[up].spans;
            let within = |i: usize| spans[i].is_some_and(|span: Extent| span.holds(bus));
            if !within(0) && !within(1) {
                let what = Phrase::new(
                    format!("outside every window of {}", plan.items[up].at),
                    format!("不在 {} 的任何窗口之内", plan.items[up].at),
                );
                return not(Kind::Contradiction, what, remarks);
            }
            within(1)
        }
        None => {
            let holds = |w: &HostWindow| Extent::sized(w.bus, w.cpu.bytes()).is_some_and(|b| b.holds(bus));
            let window = plan.map.windows.iter().find(|(w, _)| holds(w));
            if window.is_none() && !io {
                let what = phrase("across windows of the host bridge", "跨越主桥的多个窗口");
                return not(Kind::Contradiction, what, remarks);
            }
            window.is_some_and(|(w, _)| w.space == Space::Prefetch)
        }
    };
    let other = taken.iter().find(|(up, ports, range, _)| *up == behind && *ports == io && range.meets(bus));
    if let Some((.., other)) = other {
        let what = Phrase::new(
            format!("it shares addresses with what is at {other}"),
            format!("与 {other} 的范围重叠"),
        );
        return not(Kind::Contradiction, what, remarks);
    }
    if prefetch && bar.space == Space::Memory {
        let said = Phrase::new(
            format!("{at} BAR {index} at {:#x} is not prefetchable and is in a prefetchable window: its line says `prefetch`, as the window's", bar.at),
            format!("{at} BAR {index}（{:#x}）不可预取，却在可预取窗口之内：它的行随窗口写 `prefetch`", bar.at),
        );
        remarks.at(Kind::Assumed, bar.from, said);
    } else if !prefetch && bar.space == Space::Prefetch {
        let said = phrase(
            "prefetchable BARs in windows that are not: their lines have no `prefetch`, as the windows'",
            "可预取的 BAR 在不可预取的窗口之内：它们的行随窗口不写 `prefetch`",
        );
        remarks.of(Kind::Left, said);
    }
    *used |= mask;
    taken.push((behind, io, bus, at));
    let also = space::size_of(found, at, bar.at).map(|(_, from)| from).filter(|_| bar.size == 0);
    Line { text: text(bus.first, known, prefetch && !io), from: Some(bar.from), also, not: None }
}

/// Why a register cannot be as the texts say.
fn impossible(size: u64, bad_index: bool) -> Phrase {
    match bad_index {
        true => Phrase::new(
            "it takes a register that another takes, or none that there is",
            "占用了别的 BAR 的寄存器，或不存在的寄存器",
        ),
        false => Phrase::new(
            format!("{size} bytes are no size of a BAR of its kind"),
            format!("{size} 字节不是这类 BAR 可能的大小"),
        ),
    }
}
