//! IORT: Arm's SMMUs, root complexes, and how requester ids become StreamIDs (Arm DEN0049).

use super::super::dmesg::unit;
use super::super::found::{keep, Extent, Found, IdMap, Maker, Reserved, Source};
use super::{Bytes, Problem};
use alloc::format;

pub(super) fn read(table: Bytes<'_>, from: Source, found: &mut Found) -> Result<(), Problem> {
    let (count, mut at) = (table.u32(36)?, table.u32(40)? as usize);
    for _ in 0..count.min(4096) {
        let (kind, len) = (table.u8(at)?, usize::from(table.u16(at + 1)?));
        let node = table.structure(at, len, 16)?;
        match kind {
            2 => root_complex(table, node, from, found)?,
            3 => {
                let _ = unit(found, Maker::Smmu2, Some(node.u64(16)?), from);
            }
            4 => {
                let _ = unit(found, Maker::Smmu3, Some(node.u64(16)?), from);
            }
            6 => reserved(node, from, found)?,
            _ => {}
        }
        at += len;
    }
    Ok(())
}

fn root_complex(table: Bytes<'_>, node: Bytes<'_>, from: Source, found: &mut Found) -> Result<(), Problem> {
    let segment = node.u32(28)?;
    let (count, mut at) = (node.u32(8)?, node.u32(12)? as usize);
    for _ in 0..count.min(4096) {
        let map = node.part(at, 20)?;
        let (base, ids, output, to) = (map.u32(0)?, map.u32(4)?, map.u32(8)?, map.u32(12)? as usize);
        // The node that the ids arrive at: an ITS group takes them for interrupts.
        let kind = table.u8(to)?;
        if !matches!(kind, 0 | 3 | 4) {
            return Err(map.problem(
                12,
                format!("ids are mapped to the node at {to:#x}, which is of kind {kind}, no SMMU and no ITS group"),
                format!("ID 映射到 {to:#x} 处的节点，其类型为 {kind}，既不是 SMMU 也不是 ITS 组"),
            ));
        }
        let count = ids.saturating_add(1);
        keep(&mut found.ids, IdMap { segment, base, count, mask: u32::MAX, output, msi: kind == 0, from });
        if kind != 0 {
            let at = table.u64(to + 16)?;
            let maker = if kind == 4 { Maker::Smmu3 } else { Maker::Smmu2 };
            if let Some(unit) = unit(found, maker, Some(at), from) {
                if !unit.scope.is_empty() {
                    unit.scope.push_str(", ");
                }
                unit.scope += &format!("segment {segment:04x}: {base:#x} +{count:#x} as {output:#x}");
            }
        }
        at += 20;
    }
    Ok(())
}

fn reserved(node: Bytes<'_>, from: Source, found: &mut Found) -> Result<(), Problem> {
    let (count, mut at) = (node.u32(20)?, node.u32(24)? as usize);
    for _ in 0..count.min(4096) {
        let region = node.part(at, 20)?;
        if let Some(range) = Extent::sized(region.u64(0)?, region.u64(8)?) {
            keep(
                &mut found.reserved,
                Reserved {
                    range,
                    kind: "direct".into(),
                    functions: [].into(),
                    others: [].into(),
                    group: None,
                    from,
                },
            );
        }
        at += 20;
    }
    Ok(())
}
