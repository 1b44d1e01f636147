//! What the texts state and no line of a scenario can say: devices that are not on PCI,
//! reserved memory of strangers, an IOMMU that only its groups show.

use super::found::{Found, Platform};
use super::maker;
use super::plan::Plan;
use super::remark::{Kind, Remark, Remarks};
use crate::spec::Phrase;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// Returns what there is of it.
pub fn say(found: &Found, plan: &Plan) -> Vec<Remark> {
    let mut remarks = Remarks::default();
    if let (Some(maker), true) = maker::of_groups(found) {
        let said = Phrase::new(
            format!("there are groups, so there is an IOMMU; no text says whose: {} is taken", maker.name()),
            format!("有组就有 IOMMU；没有文本说明是哪一种：取 {}", maker.name()),
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
    for Platform { name, unit, id, from } in &found.platform {
        let said = Phrase::new(
            format!("{name} is behind {unit} as {id}: a scenario's devices are on PCI"),
            format!("{name} 在 {unit} 之后，ID 为 {id}：场景里的设备都在 PCI 上"),
        );
        remarks.at(Kind::Left, *from, said);
    }
    remarks.all()
}
