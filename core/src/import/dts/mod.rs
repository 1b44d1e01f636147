//! The text of a device tree (`dtc -I fs -O dts /proc/device-tree`): RAM, host bridges with their windows both ways, IOMMUs, and
//! how requester ids are mapped.

mod parse;

use super::dmesg::{host, unit};
use super::found::{keep, Extent, Found, HostWindow, IdMap, Inbound, Maker, Range, Source, Space};
use super::remark::Kind;
use crate::spec::Phrase;
use alloc::format;
use alloc::vec::Vec;
use parse::{parse, Cell, Node, Property};

/// Reads a text whose first line is `from`.
pub fn read(text: &str, from: Source, found: &mut Found) {
    let nodes = match parse(text) {
        Ok(nodes) => nodes,
        Err(wrong) => {
            let what = match wrong.found.is_empty() {
                true => Phrase::new("the device tree ends inside a node", "设备树在某个节点内中断"),
                false => Phrase::new(
                    format!("the device tree cannot be read here: `{}`", wrong.found),
                    format!("设备树此处无法读取：`{}`", wrong.found),
                ),
            };
            found.remark(Kind::Damaged, Source { line: from.line + wrong.line - 1, ..from }, what);
            return;
        }
    };
    found.kind("device tree", from);
    let tree = Tree { nodes: &nodes, from };
    for (at, node) in nodes.iter().enumerate() {
        // What is switched off is not there.
        if node.property("status").is_some_and(|p| p.texts.first().is_some_and(|t| t == "disabled")) {
            continue;
        }
        tree.unit(at, node, found);
        let texts =
            |name: &str, text: &str| node.property(name).is_some_and(|p| p.texts.iter().any(|t| t == text));
        if texts("device_type", "memory") {
            tree.memory(at, node, found);
        }
        if texts("device_type", "pci") && node.property("ranges").is_some() {
            tree.bridge(at, node, found);
        }
    }
}

/// What is done with a row of windows: its flags, the bus address, the CPU's, the length.
type Add<'a> = dyn FnMut(u32, u64, u64, u64, Source, &mut Found) + 'a;

struct Tree<'a> {
    nodes: &'a [Node],
    from: Source,
}

impl Tree<'_> {
    fn source(&self, property: &Property) -> Source {
        Source { line: self.from.line + property.line - 1, ..self.from }
    }

    /// How many cells an address and a size have below a node (Devicetree specification, 2.3.5).
    fn cells(&self, at: Option<usize>) -> (usize, usize) {
        let node = at.and_then(|at| self.nodes.get(at));
        let of = |name, default| node.and_then(|n| n.number(name)).unwrap_or(default).min(4) as usize;
        (of("#address-cells", 2), of("#size-cells", 1))
    }

    /// The address on the parent's side of each node on the way up; none where a `ranges` does not lead there.
    fn up(&self, mut node: usize, mut address: u64) -> Option<u64> {
        // Bounded: up the tree.
        while let Some(parent) = self.nodes[node].parent {
            let above = &self.nodes[parent];
            if above.parent.is_none() {
                return Some(address);
            }
            let ranges = above.property("ranges")?;
            if !ranges.cells.is_empty() {
                let (child, size) = self.cells(Some(parent));
                let (outer, _) = self.cells(above.parent);
                let rows = rows(ranges, child + outer + size)?;
                address = rows.iter().find_map(|row| {
                    let start = join(&row[..child]);
                    let offset = address.checked_sub(start)?;
                    (offset < join(&row[child + outer..]))
                        .then(|| join(&row[child..child + outer]).wrapping_add(offset))
                })?;
            }
            node = parent;
        }
        Some(address)
    }

    /// The first range of `reg`.
    fn reg(&self, at: usize) -> Vec<(u64, u64)> {
        let node = &self.nodes[at];
        let (address, size) = self.cells(node.parent);
        let rows = node.property("reg").and_then(|reg| rows(reg, address + size)).unwrap_or_default();
        let pairs = rows.iter().map(|row| (join(&row[..address]), join(&row[address..])));
        pairs.filter_map(|(start, len)| Some((self.up(at, start)?, len))).collect()
    }

    fn unit(&self, at: usize, node: &Node, found: &mut Found) {
        const NAMES: [(&str, Maker); 7] = [
            ("arm,smmu-v3", Maker::Smmu3),
            ("arm,mmu-500", Maker::Smmu2),
            ("arm,smmu-v2", Maker::Smmu2),
            ("arm,smmu-v1", Maker::Smmu2),
            ("riscv,iommu", Maker::RiscV),
            ("riscv,pci-iommu", Maker::RiscV),
            ("virtio,pci-iommu", Maker::Virtio),
        ];
        let maker = NAMES.iter().find(|(name, _)| node.compatible(name)).map(|(_, maker)| *maker);
        let maker = maker.or_else(|| node.property("#iommu-cells").map(|_| Maker::Other));
        let Some(maker) = maker else { return };
        let from = Source { line: self.from.line + node.line - 1, ..self.from };
        let registers = self.reg(at).first().map(|(start, _)| *start).filter(|start| *start != 0);
        if let Some(unit) = unit(found, maker, registers, from) {
            if unit.scope.is_empty() {
                unit.scope = node.name.clone();
            }
        }
    }

    fn memory(&self, at: usize, node: &Node, found: &mut Found) {
        let Some(reg) = node.property("reg") else { return };
        for (start, len) in self.reg(at) {
            if let Some(range) = Extent::sized(start, len) {
                keep(
                    &mut found.ram,
                    Range { depth: 0, range, name: node.name.clone(), from: self.source(reg) },
                );
            }
        }
    }

    /// A host bridge: `ranges`, `dma-ranges`, `iommu-map`, `msi-map`.
    fn bridge(&self, at: usize, node: &Node, found: &mut Found) {
        let segment = node.number("linux,pci-domain").unwrap_or(0);
        let outer = self.cells(node.parent).0;
        let size = node.number("#size-cells").unwrap_or(2).min(4) as usize;
        // A PCI address has three cells: what space, and 64 bits.
        let each = |name: &str, found: &mut Found, add: &mut Add<'_>| {
            let Some(property) = node.property(name).filter(|p| !p.cells.is_empty()) else { return };
            let from = self.source(property);
            match rows(property, 3 + outer + size) {
                Some(rows) => {
                    for row in rows {
                        let cpu = join(&row[3..3 + outer]);
                        let Some(cpu) = self.up(at, cpu) else { continue };
                        add(row[0], join(&row[1..3]), cpu, join(&row[3 + outer..]), from, found);
                    }
                }
                None => unread(name, from, found),
            }
        };
        each("ranges", found, &mut |flags, bus, cpu, len, from, found| {
            let space = match (flags >> 24 & 3, flags >> 30 & 1) {
                (1, _) => Space::Io,
                (_, 1) => Space::Prefetch,
                _ => Space::Memory,
            };
            if let Some(range) = Extent::sized(cpu, len).filter(|_| space != Space::Io) {
                host(found, HostWindow { cpu: range, bus, space, from });
            }
        });
        each("dma-ranges", found, &mut |_, bus, cpu, len, from, found| {
            if let Some(bus) = Extent::sized(bus, len) {
                keep(&mut found.inbound, Inbound { bus, cpu, from });
            }
        });
        for (name, msi) in [("iommu-map", false), ("msi-map", true)] {
            let Some(map) = node.property(name).filter(|p| !p.cells.is_empty()) else { continue };
            let from = self.source(map);
            // First id, the unit's phandle, what the first becomes there, how many.
            let rows = map.cells.chunks(4).map(|row| match row {
                [Cell::Number(base), _, Cell::Number(output), Cell::Number(count)] => {
                    Some((*base, *output, *count))
                }
                _ => None,
            });
            match rows.collect::<Option<Vec<_>>>() {
                Some(rows) => {
                    for (base, output, count) in rows {
                        keep(&mut found.ids, IdMap { segment, base, count, output, msi, from });
                    }
                }
                None => unread(name, from, found),
            }
        }
    }
}

fn unread(name: &str, from: Source, found: &mut Found) {
    let what = Phrase::new(
        format!("`{name}` is not of the form that is read (numbers only, in whole rows); it is left out"),
        format!("`{name}` 的形式无法读取（只认数字，且须成整行），未采用"),
    );
    found.remark(Kind::Damaged, from, what);
}

/// The numbers of a property in rows of a length; none where a word is among them or a row is not whole.
fn rows(property: &Property, len: usize) -> Option<Vec<Vec<u32>>> {
    if len == 0 || property.cells.len() % len != 0 {
        return None;
    }
    let numbers = property.cells.iter().map(|cell| match cell {
        Cell::Number(value) => Some(*value),
        Cell::Word(_) => None,
    });
    let numbers: Vec<u32> = numbers.collect::<Option<_>>()?;
    Some(numbers.chunks(len).map(|row| row.to_vec()).collect())
}

/// Cells as one number; what is above 64 bits is lost.
fn join(cells: &[u32]) -> u64 {
    cells.iter().fold(0, |value, cell| value << 32 | u64::from(*cell))
}
