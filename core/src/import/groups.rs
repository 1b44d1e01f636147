//! Why functions are in one IOMMU group, as Linux decides it: a shared requester id, a port on the way up that does not keep
//! requests from peers, or functions of one device that do not (`pci_device_group` in drivers/iommu/iommu.c, `pci_acs_enabled` in
//! drivers/pci/pci.c, `pci_for_each_dma_alias` in drivers/pci/search.c). The groups are those that the texts state; what is
//! computed here is only what joins them, and what of that cannot be seen is said.

use super::config::{ACS, WANTED};
use super::found::{Acs, Bdf, Express, Found, Function, Group, MOST_SEGMENT};
use crate::spec::Phrase;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// The class of a VMD (`0104`, RAID), and its vendor.
const RAID: u16 = 0x0104;
const INTEL: u16 = 0x8086;

/// A group with several functions, and why.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Joined {
    /// Its number.
    pub number: u32,
    /// Its functions.
    pub functions: Vec<Bdf>,
    /// What joins them.
    pub why: Vec<Phrase>,
    /// The ways from the root to those without others behind them, each port with what it does: `00:01.0 (no ACS) > 01:00.0`.
    pub ways: Vec<Phrase>,
}

/// Explains every group of several functions on PCI.
pub fn joined(found: &Found) -> Vec<Joined> {
    let several = found.groups.iter().filter(|group| group.functions.len() > 1);
    several.map(|group| explain(found, group)).collect()
}

fn explain(found: &Found, group: &Group) -> Joined {
    let mut members = group.functions.clone();
    members.sort();
    let mut parts: Vec<usize> = (0..members.len()).collect();
    let mut why: Vec<(Phrase, Vec<Bdf>)> = Vec::new();
    for (i, at) in members.iter().enumerate() {
        for (reason, with) in reasons(found, *at) {
            let others: Vec<usize> =
                (0..members.len()).filter(|j| *j != i && with.contains(&members[*j])).collect();
            if others.is_empty() {
                continue;
            }
            for other in others {
                let (a, b) = (parts[i], parts[other]);
                parts.iter_mut().filter(|part| **part == a).for_each(|part| *part = b);
            }
            match why.iter_mut().find(|(known, _)| *known == reason) {
                Some((_, who)) => who.push(*at),
                None => why.push((reason, [*at].into())),
            }
        }
    }
    let mut why: Vec<Phrase> = why.into_iter().map(|(reason, who)| said(&who, &reason)).collect();
    why.extend(apart(found, &members, &parts));
    let leaves = members.iter().filter(|at| !members.iter().any(|other| above(found, *other).contains(at)));
    let ways = leaves.map(|at| way(found, *at)).collect();
    Joined { number: group.number, functions: members, why, ways }
}

fn list(all: &[Bdf], between: &str) -> String {
    all.iter().map(ToString::to_string).collect::<Vec<_>>().join(between)
}

fn said(who: &[Bdf], reason: &Phrase) -> Phrase {
    Phrase::new(format!("{}: {}", list(who, ", "), reason.en), format!("{}：{}", list(who, "、"), reason.zh))
}

/// The bridges above a function, from the nearest up.
fn above(found: &Found, at: Bdf) -> Vec<Bdf> {
    let mut out: Vec<Bdf> = Vec::new();
    let mut bus = at.bus;
    // Bounded: each turn adds a bridge on a lower bus.
    while let Some(up) = found.functions.iter().find(|f| {
        f.at.segment == at.segment
            && f.bridge.as_ref().is_some_and(|b| b.secondary == bus && b.secondary > f.at.bus)
    }) {
        out.push(up.at);
        bus = up.at.bus;
    }
    out
}

/// Whether a function keeps its requests from peers.
enum Keeps {
    Yes,
    No(Phrase),
    Unknown(Phrase),
}

fn text(en: impl Into<String>, zh: impl Into<String>) -> Phrase {
    Phrase::new(en, zh)
}

/// As `pci_acs_enabled` decides, but for quirks.
fn keeps(found: &Found, function: &Function) -> Keeps {
    match function.express {
        Some(Express::ToPci | Express::FromPci) => {
            return Keeps::No(text("a bridge to conventional PCI", "通往传统 PCI 的桥"));
        }
        Some(Express::Endpoint | Express::Integrated | Express::Upstream) if !several(found, function) => {
            return Keeps::Yes
        }
        None if function.listed && function.is_bridge() => {
            return Keeps::No(text("a bridge of conventional PCI", "传统 PCI 的桥"));
        }
        None if !function.is_bridge() && !several(found, function) && !function.listed => return Keeps::Yes,
        _ => {}
    }
    match function.acs {
        None if function.denied || !function.listed => Keeps::Unknown(text(
            "no text says whether it has ACS: lspci -vvv as root does",
            "所给文本没有说明是否有 ACS；以 root 运行 lspci -vvv 可知",
        )),
        None => Keeps::No(text("no ACS", "没有 ACS")),
        Some(Acs { can: 0, on: None }) => Keeps::Unknown(text(
            "no text says which bits its ACS has: lspci -vvv as root does",
            "所给文本没有说明其 ACS 有哪些位；以 root 运行 lspci -vvv 可知",
        )),
        Some(acs) => {
            // A bit that the capability lacks counts as on, so one without any keeps requests apart (`pci_acs_flags_enabled`).
            let lacks = WANTED & acs.can & !acs.on.unwrap_or(acs.can);
            let names: Vec<&str> =
                ACS.iter().filter(|(_, bit)| lacks & bit != 0).map(|(name, _)| *name).collect();
            match names.is_empty() {
                true => Keeps::Yes,
                false => Keeps::No(text(
                    format!("ACS with {} off", names.join(", ")),
                    format!("ACS 的 {} 未开启", names.join("、")),
                )),
            }
        }
    }
}

/// Whether a function's device has others.
fn several(found: &Found, function: &Function) -> bool {
    let other = |f: &Function| f.at != function.at && f.at.same_device(function.at);
    function.multifunction == Some(true) || found.functions.iter().any(other)
}

/// What may put a function into a group with others: why, and with whom.
fn reasons(found: &Found, at: Bdf) -> Vec<(Phrase, Vec<Bdf>)> {
    let mut out = Vec::new();
    let Some(function) = found.at(at) else { return out };
    let up = above(found, at);
    // The highest bridge to conventional PCI: what is behind it cannot be told from it.
    let conventional = |f: &Function| {
        matches!(f.express, Some(Express::ToPci | Express::FromPci))
            || f.express.is_none() && f.listed && f.is_bridge()
    };
    let bridge = up.iter().rev().find(|b| found.at(**b).is_some_and(conventional));
    if let Some(bridge) = bridge {
        let id = found.at(*bridge).map_or(*bridge, Function::takes_over_as);
        let reason = text(
            format!("behind the conventional PCI bridge {bridge}, whose requests all carry the id {id}"),
            format!("在传统 PCI 桥 {bridge} 下游，那里的请求都带 ID {id}"),
        );
        let mut with: Vec<Bdf> =
            found.functions.iter().map(|f| f.at).filter(|o| above(found, *o).contains(bridge)).collect();
        with.push(*bridge);
        out.push((reason, with));
    }
    // Behind a VMD requests carry its id (`pci_real_dma_dev` in arch/x86/pci/common.c): all of its domain, with it.
    if at.segment > MOST_SEGMENT {
        let reason = text(
            format!(
                "behind an Intel VMD (segment {:x}), where all requests carry the VMD's own id",
                at.segment
            ),
            format!("在 Intel VMD 之后（段 {:x}），那里的请求都带 VMD 自身的 ID", at.segment),
        );
        let is_vmd = |f: &Function| {
            f.at.segment <= MOST_SEGMENT
                && f.class == Some(RAID)
                && f.ids.is_none_or(|(vendor, _)| vendor == INTEL)
        };
        let with = found.functions.iter().filter(|f| f.at.segment == at.segment || is_vmd(f));
        out.push((reason, with.map(|f| f.at).collect()));
        return out;
    }
    // A port on the way up that does not keep requests apart: all below it, with it.
    if let Some(near) = up.first() {
        let open = up.iter().find_map(|port| match keeps(found, found.at(*port)?) {
            Keeps::Yes => None,
            Keeps::No(why) => Some((port, why, true)),
            Keeps::Unknown(why) => Some((port, why, false)),
        });
        if let Some((port, why, sure)) = open {
            let reason = match sure {
                true => text(
                    format!("behind {near}; requests can turn around below the IOMMU at {port} ({})", why.en),
                    format!("在 {near} 下游；请求可在 IOMMU 之下的 {port} 处折返（{}）", why.zh),
                ),
                false => text(
                    format!("behind {near}; most likely requests can turn around at {port} ({})", why.en),
                    format!("在 {near} 下游；请求很可能会在 {port} 处折返（{}）", why.zh),
                ),
            };
            out.push((reason, [*near].into()));
        }
    }
    // Functions of one device, where neither keeps requests from the other.
    if several(found, function) {
        let (why, sure) = match keeps(found, function) {
            Keeps::Yes => return out,
            Keeps::No(why) => (why, true),
            Keeps::Unknown(why) => (why, false),
        };
        let open =
            |f: &&Function| f.at != at && f.at.same_device(at) && !matches!(keeps(found, f), Keeps::Yes);
        let with: Vec<Bdf> = found.functions.iter().filter(open).map(|f| f.at).collect();
        let device = format!("{:02x}:{:02x}", at.bus, at.device);
        let reason = match sure {
            true => text(
                format!("functions of the device {device}, which do not keep requests from each other ({})", why.en),
                format!("同属设备 {device} 的功能，彼此之间不隔离（{}）", why.zh),
            ),
            false => text(
                format!("functions of the device {device}, which most likely do not keep requests from each other ({})", why.en),
                format!("同属设备 {device} 的功能，彼此之间很可能不隔离（{}）", why.zh),
            ),
        };
        out.push((reason, with));
    }
    out
}

/// What cannot be explained: the parts that nothing joins.
fn apart(found: &Found, members: &[Bdf], parts: &[usize]) -> Option<Phrase> {
    let mut names: Vec<usize> = parts.to_vec();
    names.sort_unstable();
    names.dedup();
    if names.len() < 2 {
        return None;
    }
    let of = |name: usize| -> Vec<Bdf> {
        members.iter().zip(parts).filter(|(_, part)| **part == name).map(|(at, _)| *at).collect()
    };
    let en: Vec<String> = names.iter().map(|name| list(&of(*name), " ")).collect();
    // A bus whose bridge no text names.
    let lost = members.iter().find(|at| at.bus != 0 && above(found, **at).is_empty());
    let (because, zh) = match lost {
        Some(at) => (
            format!("no text says which bridge leads to bus {:02x} (lspci -vv)", at.bus),
            format!("其中没有说明总线 {:02x} 在哪个桥之下（lspci -vv 可知）", at.bus),
        ),
        None => (
            "a quirk of Linux (an alias of requester ids, a missing ACS that is known of the device) or firmware".into(),
            "Linux 的特例（请求者 ID 的别名、已知某设备缺少 ACS）或固件".into(),
        ),
    };
    Some(text(
        format!("what joins {} cannot be seen in the texts: {because}", en.join(" | ")),
        format!("从所给文本看不出 {} 为什么在一个组里：{zh}", en.join(" 与 ")),
    ))
}

/// The way from the root to a function.
fn way(found: &Found, at: Bdf) -> Phrase {
    let mut way: Vec<Bdf> = above(found, at);
    way.reverse();
    way.push(at);
    let step = |at: &Bdf, zh: bool| {
        let keeps = found.at(*at).map_or(Keeps::Yes, |function| keeps(found, function));
        let why = match &keeps {
            Keeps::Yes => return at.to_string(),
            Keeps::No(why) => why,
            Keeps::Unknown(_) if zh => return format!("{at}（？）"),
            Keeps::Unknown(_) => return format!("{at} (?)"),
        };
        if zh {
            format!("{at}（{}）", why.zh)
        } else {
            format!("{at} ({})", why.en)
        }
    };
    let all = |zh: bool| way.iter().map(|at| step(at, zh)).collect::<Vec<_>>().join(" > ");
    text(all(false), all(true))
}
