//! What of a machine the scenario says, and how: the tree of ports, devices, BARs and windows, each of which fits where it is, so
//! that the scenario runs. What does not fit is a remark and, in the scenario, a comment.

mod ranges;
mod tree;

use super::found::{Bar, Bdf, Extent, Found, Function, Maker, Source, Space};
use super::maker::{amd_translates_for_devices, maker, unit};
use super::regions::{regions, Region};
use super::remark::{Kind, Remark, Remarks};
use super::space::{self, Map};
use crate::spec::Phrase;
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
    let segment = tree::segment(found, &mut remarks);
    tree::tree(found, segment, &mut plan, &mut remarks);
    cut(&mut plan, &mut remarks);
    let wanted: Vec<Extent> =
        plan.items.iter().filter_map(|i| found.at(i.at)).flat_map(ranges(found)).collect();
    let root = plan.items.iter().filter(|i| i.role.is_none() && i.behind.is_none());
    let ports: Vec<Extent> = root.filter_map(|i| found.at(i.at)).flat_map(ports(found)).collect();
    plan.map = space::map(found, &wanted, &ports, &mut remarks);
    ranges::windows(found, &mut plan, &mut remarks);
    ranges::bars(found, &mut plan, &mut remarks);
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

/// The bridge whose secondary bus a function is on.
fn above_conventional<'a>(found: &'a Found, function: &Function) -> Option<&'a Function> {
    let leads = |f: &&Function| {
        f.at.segment == function.at.segment
            && f.bridge.as_ref().is_some_and(|b| b.secondary == function.at.bus && b.secondary != 0)
    };
    found.functions.iter().find(leads)
}

/// What no text said of the whole.
fn missing(found: &Found, plan: &Plan, remarks: &mut Remarks) {
    let mut say = |en: &str, zh: &str| remarks.of(Kind::Missing, Phrase::new(en.to_string(), zh.to_string()));
    let nothing = found.functions.is_empty() && found.units.is_empty() && found.groups.is_empty();
    if nothing && found.memory.is_empty() && found.ram.is_empty() && found.quiet > 0 && !found.is_empty() {
        let (en, zh) = (
            format!(
                "{} lines are not understood: they tell nothing of what is read here, or begin with no stamp that is known",
                found.quiet
            ),
            format!("{} 行无法识别：内容不在读取之列，或开头不是已知的时间戳", found.quiet),
        );
        say(&en, &zh);
    }
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
