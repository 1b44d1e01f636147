//! RIMT: RISC-V's IOMMUs, root complexes, and how requester ids become device ids (RISC-V IO Mapping Table specification).

use super::super::found::{keep, Bdf, Found, IdMap, Maker, Source};
use super::super::units::unit;
use super::{Bytes, Problem};
use alloc::format;

pub(super) fn read(table: Bytes<'_>, from: Source, found: &mut Found) -> Result<(), Problem> {
    let (count, mut at) = (table.u32(36)?, table.u32(40)? as usize);
    for _ in 0..count.min(4096) {
        let (kind, len) = (table.u8(at)?, usize::from(table.u16(at + 2)?));
        let node = table.structure(at, len, 8)?;
        match kind {
            0 => iommu(node, from, found)?,
            1 => root_complex(table, node, from, found)?,
            _ => {}
        }
        at += len;
    }
    Ok(())
}

fn iommu(node: Bytes<'_>, from: Source, found: &mut Found) -> Result<(), Problem> {
    let (base, flags) = (node.u64(16)?, node.u32(24)?);
    let (segment, bdf) = (node.u16(32)?, node.u16(34)?);
    // One on PCI has no fixed address.
    let on_pci = flags & 1 != 0;
    if let Some(unit) = unit(found, Maker::RiscV, (!on_pci).then_some(base), "", from) {
        if on_pci {
            unit.scope = format!("itself {}", Bdf::of_id(u32::from(segment), bdf));
            unit.scope_from = Some(from);
        }
    }
    Ok(())
}

fn root_complex(table: Bytes<'_>, node: Bytes<'_>, from: Source, found: &mut Found) -> Result<(), Problem> {
    let (segment, mut at, count) = (node.u16(14)?, usize::from(node.u16(16)?), node.u16(18)?);
    for _ in 0..count {
        let map = node.part(at, 20)?;
        let (base, ids, output, to) = (map.u32(0)?, map.u32(4)?, map.u32(8)?, map.u32(12)? as usize);
        let kind = table.u8(to)?;
        if kind != 0 {
            return Err(map.problem(
                12,
                format!("ids are mapped to the node at {to:#x}, which is no IOMMU"),
                format!("ID 映射到 {to:#x} 处的节点，它不是 IOMMU"),
            ));
        }
        let segment = u32::from(segment);
        keep(&mut found.ids, IdMap { segment, base, count: ids, mask: u32::MAX, output, msi: false, from });
        at += 20;
    }
    Ok(())
}
