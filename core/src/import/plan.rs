//! What of a machine the scenario says, and how: the tree of ports, devices, BARs and windows, each of which fits where it is, so
//! that the scenario runs. What does not fit is a remark and, in the scenario, a comment.

use super::config::WANTED;
use super::found::{Bar, Bdf, Express, Extent, Found, Function, Maker, Source, Space};
use super::maker::{amd_translates_for_devices, maker, unit};
use super::names::Names;
use super::regions::{regions, Region};
use super::remark::{Kind, Remark, Remarks};
use super::space::{self, line_range, Map, MIB};
use crate::scenario::Num;
use crate::spec::Phrase;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// What a port is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// A root port.
    Root,
    /// The upstream port of a switch.
    Upstream,
    /// A downstream port of a switch.
    Downstream,
}

/// A range under a port or device: a line, or a comment that says why not.
#[derive(Clone, Debug)]
pub struct Line {
    /// The statement without what is after it.
    pub text: String,
    /// Where it is from; none where it was assumed.
    pub from: Option<Source>,
    /// Where else a part of it is from.
    pub also: Option<Source>,
    /// Why it is a comment.
    pub not: Option<Phrase>,
}

/// A function in the scenario.
#[derive(Clone, Debug)]
pub struct Item {
    /// Its name.
    pub name: String,
    /// Its place.
    pub at: Bdf,
    /// As a port.
    pub role: Option<Role>,
    /// The index of the port it is behind.
    pub behind: Option<usize>,
    /// The requester id that its requests carry.
    pub alias: Option<Bdf>,
    /// Its access control keeps requests from peers.
    pub acs: bool,
    /// Windows or BARs.
    pub lines: Vec<Line>,
    /// What of its windows counts: memory, prefetchable.
    spans: [Option<Extent>; 2],
}

/// What the scenario says.
#[derive(Debug, Default)]
pub struct Plan {
    /// The address map.
    pub map: Map,
    /// Ports and devices, what is above before what is below.
    pub items: Vec<Item>,
    /// Regions that are mapped to themselves.
    pub regions: Vec<Region>,
    /// The functions that are left out, and why.
    pub left: Vec<(Bdf, Phrase)>,
    /// What is to be said.
    pub remarks: Vec<Remark>,
}

/// Makes the plan.
pub fn plan(found: &Found) -> Plan {
    let mut remarks = Remarks::default();
    let mut plan = Plan::default();
    let segment = segment(found, &mut remarks);
    tree(found, segment, &mut plan, &mut remarks);
    cut(&mut plan, &mut remarks);
    let wanted: Vec<Extent> =
        plan.items.iter().filter_map(|i| found.at(i.at)).flat_map(ranges(found)).collect();
    let root = plan.items.iter().filter(|i| i.role.is_none() && i.behind.is_none());
    let ports: Vec<Extent> = root.filter_map(|i| found.at(i.at)).flat_map(ports(found)).collect();
    plan.map = space::map(found, &wanted, &ports, &mut remarks);
    windows(found, &mut plan, &mut remarks);
    bars(found, &mut plan, &mut remarks);
    let devices = plan.items.iter().filter(|item| item.role.is_none());
    let devices: Vec<(Bdf, &str)> = devices.map(|item| (item.at, &item.name[..])).collect();
    plan.regions = regions(found, &devices, &mut remarks);
    missing(found, &plan, &mut remarks);
    plan.remarks = remarks.all();
    plan
}

/// The most ports and devices of a machine here.
const MOST: usize = 256;

/// Leaves out what is beyond the most devices: the last ones, so that what is above them stays.
fn cut(plan: &mut Plan, remarks: &mut Remarks) {
    let Some(first) = plan.items.get(MOST).map(|item| item.at) else { return };
    let count = plan.items.len() - MOST;
    plan.items.truncate(MOST);
    let said = Phrase::new(
        format!("{count} functions from {first} on: a scenario has at most {MOST} ports and devices"),
        format!("从 {first} 起的 {count} 个功能：场景最多有 {MOST} 个端口和设备"),
    );
    remarks.of(Kind::Left, said);
}

/// All memory that a function wants.
fn ranges(found: &Found) -> impl Fn(&Function) -> Vec<Extent> + '_ {
    |function| {
        let bars = function.bars.iter().filter(|b| b.space != Space::Io);
        let bars = bars.filter_map(|b| Extent::sized(b.at, size(found, function, b)));
        let windows = function.bridge.iter().flat_map(|b| &b.windows).filter(|w| w.space != Space::Io);
        bars.chain(windows.map(|w| w.range)).collect()
    }
}

/// All ports that a function wants.
fn ports(found: &Found) -> impl Fn(&Function) -> Vec<Extent> + '_ {
    |function| {
        let bars = function.bars.iter().filter(|b| b.space == Space::Io);
        bars.filter_map(|b| Extent::sized(b.at, size(found, function, b))).collect()
    }
}

fn size(found: &Found, function: &Function, bar: &Bar) -> u64 {
    match bar.size {
        0 => space::size_of(found, function.at, bar.at).map_or(0, |(size, _)| size),
        size => size,
    }
}

/// The segment that the scenario is about: that of most functions.
fn segment(found: &Found, remarks: &mut Remarks) -> u32 {
    let mut counts: BTreeMap<u32, usize> = BTreeMap::new();
    for function in &found.functions {
        *counts.entry(function.at.segment).or_default() += 1;
    }
    let most = counts.iter().max_by_key(|(segment, count)| (**count, core::cmp::Reverse(**segment)));
    let chosen = most.map_or(0, |(segment, _)| *segment);
    for (segment, count) in counts.iter().filter(|(segment, _)| **segment != chosen) {
        let said = Phrase::new(
            format!("segment {segment:04x} with {count} functions: a scenario has one segment"),
            format!("段 {segment:04x}（{count} 个功能）：一个场景只有一个段"),
        );
        remarks.of(Kind::Left, said);
    }
    chosen
}

fn tree(found: &Found, segment: u32, plan: &mut Plan, remarks: &mut Remarks) {
    let mut names = Names::default();
    // Below which port a bus is, or which requester id is carried from it.
    let mut ports: BTreeMap<u8, usize> = BTreeMap::new();
    let mut aliases: BTreeMap<u8, Bdf> = BTreeMap::new();
    let mut lost_buses: Vec<u8> = Vec::new();
    for function in found.functions.iter().filter(|f| f.at.segment == segment) {
        let at = function.at;
        let behind = ports.get(&at.bus).copied();
        let alias = aliases.get(&at.bus).copied();
        if function.class == Some(0x0806) {
            plan.left.push((at, IS_IOMMU.into()));
            continue;
        }
        let above = behind.and_then(|i| plan.items[i].role);
        let role = if function.is_bridge() { role(found, function, above, alias, remarks) } else { Ok(None) };
        let role = role.and_then(|role| fits(function, role, above).map(|()| role));
        let bridge = function.bridge.as_ref();
        let parent = above_conventional(found, function).and_then(|f| Some((f.at, f.bridge.as_ref()?)));
        if let (Some((up, over)), Some(bridge)) = (parent, bridge) {
            if bridge.subordinate > over.subordinate && over.subordinate >= over.secondary {
                let said = Phrase::new(
                    format!("the buses behind {at} end at {:02x}, those behind {up} above it at {:02x}: what is beyond is not reached", bridge.subordinate, over.subordinate),
                    format!("{at} 之后的总线到 {:02x} 为止，而它上级的 {up} 之后只到 {:02x}：超出的部分访问不到", bridge.subordinate, over.subordinate),
                );
                remarks.at(Kind::Contradiction, bridge.from, said);
            }
        }
        let taken = bridge
            .filter(|b| b.secondary != 0)
            .and_then(|b| ports.get(&b.secondary))
            .map(|i| plan.items[*i].at);
        let role = match (role, taken, bridge) {
            (Ok(Some(_)), Some(other), Some(bridge)) => Err(contradiction(
                function,
                Phrase::new(
                    format!("{at} and {other} both lead to bus {:02x}", bridge.secondary),
                    format!("{at} 和 {other} 都通往总线 {:02x}", bridge.secondary),
                ),
                remarks,
            )),
            (Ok(Some(_)), None, Some(bridge)) if bridge.secondary <= at.bus && bridge.secondary != 0 => {
                Err(contradiction(
                    function,
                    Phrase::new(
                        format!("the bus behind {at} is {:02x}, not above its own", bridge.secondary),
                        format!("{at} 后面的总线是 {:02x}，不大于它自己的总线", bridge.secondary),
                    ),
                    remarks,
                ))
            }
            (role, ..) => role,
        };
        match role {
            Ok(role) => {
                let name = match role {
                    Some(Role::Root) => names.next("rp"),
                    Some(Role::Upstream) => names.next("sw"),
                    Some(Role::Downstream) => names.next("dp"),
                    None => names.device(function),
                };
                if let (Some(_), Some(bridge)) = (role, bridge.filter(|b| b.secondary != 0)) {
                    ports.insert(bridge.secondary, plan.items.len());
                }
                let lost = behind.is_none() && alias.is_none() && !found.is_root(segment, at.bus);
                if lost && lost_buses.last() != Some(&at.bus) {
                    lost_buses.push(at.bus);
                    let said = Phrase::new(
                        format!("no text says which bridge leads to bus {:02x} (lspci -vv): {at} and others of it are on the root bus here", at.bus),
                        format!("所给文本没有说明总线 {:02x} 在哪个桥之下（lspci -vv 可知）：{at} 等放在根总线上", at.bus),
                    );
                    remarks.at(Kind::Assumed, function.from, said);
                }
                let acs = isolates(function);
                plan.items.push(Item {
                    name,
                    at,
                    role,
                    behind,
                    alias,
                    acs,
                    lines: Vec::new(),
                    spans: [None; 2],
                });
            }
            Err(why) => {
                if let Some(bridge) = bridge.filter(|b| b.secondary > at.bus) {
                    let own = function.takes_over_as();
                    let conventional = !matches!(
                        function.express,
                        Some(Express::RootPort | Express::Upstream | Express::Downstream)
                    );
                    if conventional {
                        let last = bridge.subordinate.max(bridge.secondary);
                        for bus in bridge.secondary..=last {
                            aliases.insert(bus, alias.unwrap_or(own));
                        }
                    }
                }
                plan.left.push((at, why));
            }
        }
    }
}

const IS_IOMMU: crate::spec::Text =
    crate::spec::Text::new("the IOMMU itself: the `machine` line", "IOMMU 本身：即 `machine` 一行");
const TO_PCI: crate::spec::Text = crate::spec::Text::new(
    "a bridge to conventional PCI, which the language does not have: what is behind it is on the root bus with its alias",
    "场景语言不能表示 PCIe 转 PCI 桥：桥下游的设备放在根总线上，并带别名",
);

fn contradiction(function: &Function, what: Phrase, remarks: &mut Remarks) -> Phrase {
    remarks.at(Kind::Contradiction, function.from, what.clone());
    what
}

/// What a bridge is in the scenario.
fn role(
    found: &Found,
    function: &Function,
    above: Option<Role>,
    alias: Option<Bdf>,
    remarks: &mut Remarks,
) -> Result<Option<Role>, Phrase> {
    let at = function.at;
    let is_port =
        matches!(function.express, Some(Express::RootPort | Express::Upstream | Express::Downstream));
    if let Some(alias) = alias.filter(|_| is_port) {
        return Err(contradiction(
            function,
            Phrase::new(
                format!("{at} is a port of PCI Express, and on a bus of conventional PCI ({alias})"),
                format!("{at} 是 PCI Express 端口，却在传统 PCI 总线上（{alias}）"),
            ),
            remarks,
        ));
    }
    match function.express {
        Some(Express::RootPort) => return Ok(Some(Role::Root)),
        Some(Express::Upstream) => return Ok(Some(Role::Upstream)),
        Some(Express::Downstream) => return Ok(Some(Role::Downstream)),
        Some(Express::ToPci | Express::FromPci) => return Err(TO_PCI.into()),
        Some(Express::Endpoint | Express::Integrated) | None => {}
    }
    if alias.is_some() || function.listed {
        return Err(TO_PCI.into());
    }
    let below = function.bridge.as_ref().map(|b| b.secondary);
    let bridges = found.functions.iter().any(|f| Some(f.at.bus) == below && f.is_bridge());
    let (role, en, zh) = match above {
        None => (Role::Root, "a root port", "根端口"),
        Some(Role::Upstream) => (Role::Downstream, "a switch's downstream port", "交换机的下游端口"),
        Some(_) if bridges => (Role::Upstream, "a switch's upstream port", "交换机的上游端口"),
        Some(_) => return Err(TO_PCI.into()),
    };
    let said = Phrase::new(
        format!("no text says what kind of bridge {at} is (lspci -vv as root): taken as {en}"),
        format!("所给文本没有说明 {at} 是哪种桥（以 root 运行 lspci -vv 可知），当作{zh}"),
    );
    remarks.at(Kind::Assumed, function.from, said);
    Ok(Some(role))
}

/// Whether a function can be where its bus is.
fn fits(function: &Function, role: Option<Role>, above: Option<Role>) -> Result<(), Phrase> {
    let text = |en: &str, zh: &str| Err(Phrase::new(en.to_string(), zh.to_string()));
    match (role, above) {
        (Some(Role::Root), Some(_)) => text("a root port behind another port", "根端口在另一个端口下游"),
        (Some(Role::Upstream | Role::Downstream), None) => {
            text("a switch's port on the root bus", "交换机的端口直接在根总线上")
        }
        (Some(Role::Downstream), Some(Role::Upstream)) => Ok(()),
        (Some(Role::Downstream), _) => text("a downstream port outside a switch", "下游端口不在交换机内"),
        (_, Some(Role::Upstream)) => text("a function on a switch's inner bus", "交换机内部总线上的功能"),
        (_, Some(_)) if function.at.device != 0 => text(
            "a device number above 0 behind a port (a virtual function, or ARI), which the machine here does not have",
            "端口下游设备号大于 0（虚拟功能或 ARI），这里的机器没有",
        ),
        _ => Ok(()),
    }
}

/// Whether a function keeps its requests from peers, as `pci_acs_enabled` decides: a bit that it lacks counts as on, so a
/// capability without a bit keeps them too; one of which the texts say nothing more does not.
pub fn isolates(function: &Function) -> bool {
    function.acs.is_some_and(|acs| match acs.on {
        Some(on) => WANTED & acs.can & !on == 0,
        None => acs.can != 0,
    })
}

/// The windows of ports, from the root down, and which of the host bridge's are prefetchable.
fn windows(found: &Found, plan: &mut Plan, remarks: &mut Remarks) {
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
fn bars(found: &Found, plan: &mut Plan, remarks: &mut Remarks) {
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
            let holds = |w: &super::found::HostWindow| {
                Extent::sized(w.bus, w.cpu.bytes()).is_some_and(|b| b.holds(bus))
            };
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
    }
    *used |= mask;
    taken.push((behind, io, bus, at));
    let also = space::size_of(found, at, bar.at).map(|(_, from)| from).filter(|_| bar.size == 0);
    Line { text: text(bus.first, known, prefetch && !io), from: Some(bar.from), also, not: None }
}

/// The bridge whose secondary bus a function is on.
fn above_conventional<'a>(found: &'a Found, function: &Function) -> Option<&'a Function> {
    let leads = |f: &&Function| {
        f.at.segment == function.at.segment
            && f.bridge.as_ref().is_some_and(|b| b.secondary == function.at.bus && b.secondary != 0)
    };
    found.functions.iter().find(leads)
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

/// What no text said of the whole.
fn missing(found: &Found, plan: &Plan, remarks: &mut Remarks) {
    let mut say = |en: &str, zh: &str| remarks.of(Kind::Missing, Phrase::new(en.to_string(), zh.to_string()));
    if found.functions.is_empty() {
        say("no functions: `lspci -vvv`", "所给文本没有设备；可补上 `lspci -vvv` 的输出");
    }
    if found.units.is_empty() && !found.is_empty() {
        say(
            "no IOMMU is named: the boot log, or the table DMAR, IVRS, IORT or RIMT",
            "所给文本没有提到 IOMMU；可补上启动日志，或 DMAR、IVRS、IORT、RIMT 表",
        );
    }
    if found.groups.is_empty() && !found.functions.is_empty() {
        say(
            "no IOMMU groups: /sys/kernel/iommu_groups",
            "所给文本没有 IOMMU 组；可补上 /sys/kernel/iommu_groups 的内容",
        );
    }
    if maker(found).0 == Some(Maker::Amd) && amd_translates_for_devices(found).1 {
        let said = Phrase::new(
            "no text says whether the IOMMU lets devices have TLBs (IotlbSup in the table IVRS): `ats` is taken",
            "所给文本没有说明 IOMMU 是否允许设备 TLB（IVRS 表的 IotlbSup），按允许处理，写上 `ats`",
        );
        remarks.of(Kind::Assumed, said);
    }
    let denied = found.functions.iter().filter(|f| f.denied).count();
    if denied > 0 {
        let said = Phrase::new(
            format!("the capabilities of {denied} functions were hidden: lspci was not run as root"),
            format!("{denied} 个功能的能力被隐藏：lspci 不是以 root 运行"),
        );
        remarks.of(Kind::Missing, said);
    }
    for (at, why) in &plan.left {
        let from = found.at(*at).map_or(Source::default(), |f| f.from);
        let said = Phrase::new(format!("{at}: {}", why.en), format!("{at}：{}", why.zh));
        remarks.at(Kind::Left, from, said);
    }
    if found.units.len() > 1 {
        let at = unit(found).and_then(|unit| unit.at);
        let (en, zh) = at
            .map_or_else(Default::default, |at| (format!(": that at {at:#x}"), format!("：取 {at:#x} 处的")));
        let said = Phrase::new(
            format!("{} IOMMUs; a scenario has one, which all devices are behind{en}", found.units.len()),
            format!("{} 个 IOMMU；场景只有一个，所有设备都在其后{zh}", found.units.len()),
        );
        remarks.of(Kind::Left, said);
    }
}
