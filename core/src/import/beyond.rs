//! What the texts state and no line of a scenario can say: devices that are not on PCI,
//! reserved memory of strangers, an IOMMU that only its groups show.

use super::found::{Found, IdMap, Maker, Platform, Source};
use super::maker;
use super::plan::Plan;
use super::remark::{Kind, Remark, Remarks};
use crate::spec::Phrase;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// Returns what there is of it.
pub fn say(found: &Found, plan: &Plan) -> Vec<Remark> {
    let mut remarks = Remarks::default();
    if let (Some(maker), true) = maker::of_groups(found) {
        let said = Phrase::new(
            format!("there are groups, so there is an IOMMU; no text says whose: {} is taken", maker.name()),
            format!("有组就有 IOMMU；所给文本没有说明是哪一种，按 {} 处理", maker.name()),
        );
        remarks.of(Kind::Assumed, said);
    } else if let Some(maker) = maker::of_host_alone(found) {
        let said = Phrase::new(
            format!("no text says that there is an IOMMU; the host bridge's maker has one in most machines: {} is taken", maker.name()),
            format!("所给文本没有说明有 IOMMU；这家厂商的主桥大多带有：按 {} 处理", maker.name()),
        );
        remarks.of(Kind::Assumed, said);
    }
    for region in found.reserved.iter().filter(|region| region.group.is_none()) {
        let strangers = region.functions.iter().filter(|at| !plan.items.iter().any(|i| i.at == **at));
        let who: Vec<String> =
            strangers.map(ToString::to_string).chain(region.others.iter().cloned()).collect();
        if !who.is_empty() {
            let said = Phrase::new(
                format!(
                    "the {} region {} of {} has no line: not among the devices",
                    region.kind,
                    region.range,
                    who.join(", ")
                ),
                format!(
                    "{} 区域 {} 属于 {}，不在设备之列，未写入",
                    region.kind,
                    region.range,
                    who.join("、")
                ),
            );
            remarks.at(Kind::Left, region.from, said);
        }
    }
    ids(found, plan, &mut remarks);
    kinds(found, &mut remarks);
    for Platform { name, unit, id, from } in &found.platform {
        let said = Phrase::new(
            format!("{name} is behind {unit} as {id}: a scenario's devices are on PCI"),
            format!("{name} 在 {unit} 之后，ID 为 {id}：场景里的设备都在 PCI 上"),
        );
        remarks.at(Kind::Left, *from, said);
    }
    remarks.all()
}

/// How requester ids arrive at an IOMMU that firmware's maps are about; on a machine of the language they arrive as they are.
fn ids(found: &Found, plan: &Plan, remarks: &mut Remarks) {
    let word = match maker::maker(found).0 {
        Some(Maker::Smmu3 | Maker::Smmu2) => "StreamID",
        Some(Maker::RiscV) => "device_id",
        _ => return,
    };
    if !plan.items.iter().any(|item| item.role.is_none()) {
        of_nobody(found, word, remarks);
        return;
    }
    let Some(map) = found.ids.iter().find(|map| !map.msi) else { return };
    let mut by_id: BTreeMap<u32, (Source, Vec<&str>)> = BTreeMap::new();
    let (mut outside, mut other) = (Vec::new(), Vec::new());
    for item in plan.items.iter().filter(|item| item.role.is_none()) {
        match found.id_of(item.at) {
            Some((id, from)) => {
                if id != u32::from(item.at.id()) {
                    other.push(format!("{} {id:#x}", item.name));
                }
                by_id.entry(id).or_insert((from, Vec::new())).1.push(&item.name);
            }
            None => outside.push(item.name.clone()),
        }
    }
    if !other.is_empty() {
        let said = Phrase::new(
            format!(
                "{word}s that are not the requester ids ({}): the machine here has the requester ids",
                some(&other)
            ),
            format!("{word} 与请求者 ID 不同（{}）：这里的机器直接用请求者 ID", some(&other)),
        );
        remarks.at(Kind::Left, map.from, said);
    }
    if !outside.is_empty() {
        let said = Phrase::new(
            format!("no map of ids has {}: not behind the IOMMU there, and behind it here", some(&outside)),
            format!("没有哪条 ID 映射包含 {}：在那台机器上不经过 IOMMU，在这里经过", some(&outside)),
        );
        remarks.at(Kind::Left, map.from, said);
    }
    for (id, (from, names)) in by_id.into_iter().filter(|(_, (_, names))| names.len() > 1) {
        let names: Vec<String> = names.into_iter().map(String::from).collect();
        let said = Phrase::new(
            format!(
                "{} have one {word}, {id:#x}, so one entry and one group; here each has its own",
                some(&names)
            ),
            format!("{} 共用一个 {word} {id:#x}，因而共用表项和组；在这里各有各的", some(&names)),
        );
        remarks.at(Kind::Left, from, said);
    }
}

/// Maps of ids where no text has the functions: which ids they are of, and what the others are.
fn of_nobody(found: &Found, word: &str, remarks: &mut Remarks) {
    // As many as a board has host bridges, with some to spare.
    for map in found.ids.iter().take(64) {
        let IdMap { base, count, mask, output, .. } = *map;
        let last = base.saturating_add(count.saturating_sub(1));
        let bits = if mask == u32::MAX { String::new() } else { format!(" & {mask:#x}") };
        let (en, zh) = match map.msi {
            true => (
                format!("arrive at the interrupt controller as {output:#x} on"),
                format!("到达中断控制器时从 {output:#x} 起"),
            ),
            false => {
                (format!("have the {word}s from {output:#x} on"), format!("的 {word} 从 {output:#x} 起"))
            }
        };
        let said = Phrase::new(
            format!("requester ids{bits} {base:#x} to {last:#x} {en}: no text has functions with them"),
            format!("请求者 ID{bits} {base:#x} 至 {last:#x} {zh}：所给文本没有这些 ID 的功能"),
        );
        remarks.at(Kind::Left, map.from, said);
    }
}

/// Groups that are not treated as the default says, which is all that a scenario has.
fn kinds(found: &Found, remarks: &mut Remarks) {
    // Where no text has the default it is what the groups are, as the scenario's policy takes it.
    let translated = || {
        found.policy.lazy.is_some()
            || found.groups.iter().flat_map(|group| &group.kind).any(|(kind, _)| kind.starts_with("DMA"))
    };
    let passes = match &found.policy.domain {
        Some((default, _)) => default.starts_with("Passthrough"),
        None => !translated(),
    };
    // The same of when the IOTLB forgets.
    let of_kind =
        |wanted: &str| found.groups.iter().flat_map(|group| &group.kind).any(|(kind, _)| kind == wanted);
    let lazy = found.policy.lazy.map_or_else(|| of_kind("DMA-FQ"), |(lazy, _)| lazy);
    for group in &found.groups {
        let Some((kind, from)) = &group.kind else { continue };
        let (en, zh) = match (passes, kind.starts_with("DMA"), kind == "identity") {
            (true, true, _) => ("translated", "做转换"),
            (false, _, true) => ("passed through", "直通"),
            (false, true, _) if lazy && kind == "DMA" => ("strict", "是 strict"),
            (false, true, _) if !lazy && kind == "DMA-FQ" => ("lazy", "是 lazy"),
            _ => continue,
        };
        let number = group.number;
        let said = Phrase::new(
            format!(
                "group {number} is {en} ({kind}), unlike the default: a scenario has one for all devices"
            ),
            format!("组 {number} {zh}（{kind}），与默认不同：场景里所有设备按同一种处理"),
        );
        remarks.at(Kind::Left, *from, said);
    }
}

/// The first of a list.
fn some(all: &[String]) -> String {
    let more = if all.len() > 8 { " ..." } else { "" };
    all.iter().take(8).cloned().collect::<Vec<_>>().join(", ") + more
}
