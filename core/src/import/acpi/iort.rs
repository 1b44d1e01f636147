//! IORT: Arm's SMMUs, root complexes, and how requester ids become StreamIDs (Arm DEN0049).

use super::super::found::{keep, Bdf, Extent, Found, IdMap, Maker, Reserved, Source};
use super::super::units::unit;
use super::{Bytes, Problem};
use alloc::format;
use alloc::vec::Vec;

pub(super) fn read(table: Bytes<'_>, from: Source, found: &mut Found) -> Result<(), Problem> {
    let (count, mut at) = (table.u32(36)?, table.u32(40)? as usize);
    let mut memory = Vec::new();
    for _ in 0..count.min(4096) {
        let (kind, len) = (table.u8(at)?, usize::from(table.u16(at + 1)?));
        let node = table.structure(at, len, 16)?;
        match kind {
            2 => root_complex(table, node, from, found)?,
            3 => {
                let _ = unit(found, Maker::Smmu2, Some(node.u64(16)?), "", from);
            }
            4 => {
                let _ = unit(found, Maker::Smmu3, Some(node.u64(16)?), "", from);
            }
            6 => memory.push(node),
            _ => {}
        }
        at += len;
    }
    // Whose a StreamID is the root complexes say.
    for node in memory {
        reserved(node, from, found)?;
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
        // A single mapping (flag 0) has one output for whatever comes in.
        let single = map.u32(16)? & 1 != 0;
        let (base, count, mask) = if single { (0, 1, 0) } else { (base, ids.saturating_add(1), u32::MAX) };
        keep(&mut found.ids, IdMap { segment, base, count, mask, output, msi: kind == 0, from });
        if kind != 0 {
            let at = table.u64(to + 16)?;
            let maker = if kind == 4 { Maker::Smmu3 } else { Maker::Smmu2 };
            if let Some(unit) = unit(found, maker, Some(at), "", from) {
                if !unit.scope.is_empty() {
                    unit.scope.push_str(", ");
                }
                unit.scope += &match single {
                    true => format!("segment {segment:04x}: all as {output:#x}"),
                    false => format!("segment {segment:04x}: {base:#x} +{count:#x} as {output:#x}"),
                };
            }
        }
        at += 20;
    }
    Ok(())
}

/// A node of reserved memory: regions, and the StreamIDs that they are for, each mapped by itself or in a row.
fn reserved(node: Bytes<'_>, from: Source, found: &mut Found) -> Result<(), Problem> {
    let (maps, mut map_at) = (node.u32(8)?, node.u32(12)? as usize);
    let (mut functions, mut others) = (Vec::new(), Vec::new());
    for _ in 0..maps.min(4096) {
        let map = node.part(map_at, 20)?;
        let (first, more) = (map.u32(8)?, map.u32(4)?);
        let of = |at: &Bdf| found.id_of(*at).is_some_and(|(id, _)| id.wrapping_sub(first) <= more);
        let before = functions.len();
        functions.extend(found.functions.iter().map(|f| f.at).filter(of));
        if functions.len() == before {
            others.push(match more {
                0 => format!("StreamID {first:#x}"),
                more => format!("StreamIDs {first:#x} to {:#x}", first.saturating_add(more)),
            });
        }
        map_at += 20;
    }
    let (count, mut at) = (node.u32(20)?, node.u32(24)? as usize);
    for _ in 0..count.min(4096) {
        let region = node.part(at, 20)?;
        if let Some(range) = Extent::sized(region.u64(0)?, region.u64(8)?) {
            keep(
                &mut found.reserved,
                Reserved {
                    range,
                    kind: "direct".into(),
                    functions: functions.clone(),
                    others: others.clone(),
                    group: None,
                    from,
                },
            );
        }
        at += 20;
    }
    Ok(())
}
