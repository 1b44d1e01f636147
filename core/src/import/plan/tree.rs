//! The tree of ports and devices: which function has which line, and behind what.

use super::{above_conventional, Item, Plan, Role};
use crate::import::config::WANTED;
use crate::import::found::{Bdf, Express, Found, Function};
use crate::import::names::Names;
use crate::import::remark::{Kind, Remarks};
use crate::spec::Phrase;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;

/// The segment that the scenario is about: that of most functions.
pub(super) fn segment(found: &Found, remarks: &mut Remarks) -> u32 {
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

pub(super) fn tree(found: &Found, segment: u32, plan: &mut Plan, remarks: &mut Remarks) {
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
            "a device number above 0 behind a port (a virtual function, a function by ARI, or conventional PCI): it is not written",
            "端口下游设备号大于 0（虚拟功能、ARI 或传统 PCI），没有写入",
        ),
        _ => Ok(()),
    }
}

/// Whether a function keeps its requests from peers, as `pci_acs_enabled` decides: a bit that it lacks counts as on, so a
/// capability without a bit keeps them too; one of which the texts say nothing more does not.
fn isolates(function: &Function) -> bool {
    function.acs.is_some_and(|acs| match acs.on {
        Some(on) => WANTED & acs.can & !on == 0,
        None => acs.can != 0,
    })
}
