//! A device tree, as text (`dtc -I fs -O dts /proc/device-tree`) or as the blob of `/sys/firmware/fdt`: RAM, host bridges with their
//! windows both ways, IOMMUs, and how requester ids are mapped.

mod blob;
mod parse;

use super::dmesg::host;
use super::found::{
    keep, Extent, Found, HostWindow, IdMap, Inbound, Maker, Platform, Range, Reserved, Source, Space,
};
use super::remark::Kind;
use super::units::unit;
use crate::spec::Phrase;
use alloc::format;
use alloc::vec::Vec;
pub use blob::MAGIC;
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
    take(&nodes, from, found);
}

/// Reads a blob.
pub fn read_blob(bytes: &[u8], from: Source, found: &mut Found) {
    match blob::parse(bytes) {
        // Of what has no lines the place is the first, as it is of a dump.
        Ok(nodes) => take(&nodes, from, found),
        Err((offset, what)) => {
            let said = Phrase::new(
                format!("device tree, offset {offset:#x}: {}", what.en),
                format!("设备树，偏移 {offset:#x}：{}", what.zh),
            );
            found.remark(Kind::Damaged, from, said);
        }
    }
}

/// Takes what nodes say.
fn take(nodes: &[Node], from: Source, found: &mut Found) {
    found.kind("device tree", from);
    let tree = Tree { nodes, from };
    for (at, node) in nodes.iter().enumerate() {
        // What is switched off is not there.
        if node.property("status").is_some_and(|p| p.texts.first().is_some_and(|t| t == "disabled")) {
            continue;
        }
        tree.unit(at, node, found);
        let texts =
            |name: &str, text: &str| node.property(name).is_some_and(|p| p.texts.iter().any(|t| t == text));
        let named = node.name == "memory" || node.name.starts_with("memory@");
        let below_root = node.parent.is_some_and(|parent| nodes[parent].parent.is_none());
        if texts("device_type", "memory") || named && below_root {
            tree.memory(at, node, found);
        }
        tree.platform(node, found);
        tree.reserved(at, node, found);
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
        if let Some(unit) = unit(found, maker, registers, "", from) {
            if unit.scope.is_empty() {
                (unit.scope, unit.scope_from) = (node.name.clone(), Some(from));
            }
        }
    }

    fn memory(&self, at: usize, node: &Node, found: &mut Found) {
        let Some(reg) = node.property("reg") else { return };
        let (address, size) = self.cells(node.parent);
        if rows(reg, address + size).is_none() {
            unread("reg", self.source(reg), found);
        }
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
        // Without a number Linux gives each host bridge a domain of its own.
        let domain = node.number("linux,pci-domain").or(Some(0x1_0000 + at as u32));
        each("ranges", found, &mut |flags, bus, cpu, len, from, found| {
            let space = match (flags >> 24 & 3, flags >> 30 & 1) {
                (1, _) => Space::Io,
                (_, 1) => Space::Prefetch,
                _ => Space::Memory,
            };
            if let Some(range) = Extent::sized(cpu, len).filter(|_| space != Space::Io) {
                host(found, HostWindow { cpu: range, bus, space, domain, root: None, from });
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
            let mask = node.number(if msi { "msi-map-mask" } else { "iommu-map-mask" }).unwrap_or(u32::MAX);
            // First id, the unit's phandle, what the first becomes there, how many.
            let rows = map.cells.chunks(4).map(|row| match row {
                [Cell::Number(base), to, Cell::Number(output), Cell::Number(count)] => {
                    Some((*base, to, *output, *count))
                }
                _ => None,
            });
            match rows.collect::<Option<Vec<_>>>() {
                Some(rows) => {
                    for (base, to, output, count) in rows {
                        if self.target(name, to, from, found).is_none() {
                            continue;
                        }
                        keep(&mut found.ids, IdMap { segment, base, count, mask, output, msi, from });
                    }
                }
                None => unread(name, from, found),
            }
        }
    }
}

impl Tree<'_> {
    /// The node that a reference names; where there is none, that is said.
    fn target(&self, name: &str, to: &Cell, from: Source, found: &mut Found) -> Option<usize> {
        let node = match to {
            Cell::Number(handle) => {
                let has = |node: &Node| {
                    node.number("phandle").or_else(|| node.number("linux,phandle")) == Some(*handle)
                };
                self.nodes.iter().position(has)
            }
            // Where a preprocessor was needed the word is none of the tree.
            Cell::Word(word) => {
                let label = word.strip_prefix('&').unwrap_or(word);
                self.nodes.iter().position(|node| node.labels.iter().any(|have| have == label))
            }
        };
        if node.is_none() {
            let (en, zh) = match to {
                Cell::Number(handle) => (format!("the phandle {handle:#x}"), format!("phandle {handle:#x}")),
                Cell::Word(word) => (word.clone(), word.clone()),
            };
            let said = Phrase::new(
                format!("`{name}` names {en}, which no node has"),
                format!("`{name}` 引用了 {zh}，没有哪个节点有它"),
            );
            found.remark_once(Kind::Contradiction, from, said);
        }
        node
    }

    /// A device that is not on PCI: what its `iommus` says.
    fn platform(&self, node: &Node, found: &mut Found) {
        let Some(iommus) = node.property("iommus") else { return };
        let from = self.source(iommus);
        let mut rest = &iommus.cells[..];
        // Bounded: each turn takes a cell.
        while let Some((to, after)) = rest.split_first() {
            let Some(unit) = self.target("iommus", to, from, found) else { return };
            let unit = &self.nodes[unit];
            let count = (unit.number("#iommu-cells").unwrap_or(0) as usize).min(after.len());
            let (ids, after) = after.split_at(count);
            let id = |cell: &Cell| match cell {
                Cell::Number(value) => format!("{value:#x}"),
                Cell::Word(word) => word.clone(),
            };
            let ids: Vec<_> = ids.iter().map(id).collect();
            let ids = if ids.is_empty() { "?".into() } else { ids.join(" ") };
            let (name, unit) = (node.name.clone(), unit.name.clone());
            keep(&mut found.platform, Platform { name, unit, id: ids, from });
            rest = after;
        }
    }

    /// Memory that is reserved for devices at certain addresses of theirs (Devicetree schema, reserved-memory).
    fn reserved(&self, at: usize, node: &Node, found: &mut Found) {
        let Some(property) = node.property("iommu-addresses") else { return };
        let from = self.source(property);
        let (address, size) = self.cells(self.nodes[at].parent);
        let memory = self.reg(at);
        if property.cells.len() % (1 + address + size) != 0 || address + size == 0 {
            unread("iommu-addresses", from, found);
            return;
        }
        for row in property.cells.chunks(1 + address + size) {
            let Some(device) = self.target("iommu-addresses", &row[0], from, found) else { continue };
            let number = |cell: &Cell| match cell {
                Cell::Number(value) => *value,
                Cell::Word(_) => 0,
            };
            let numbers: Vec<u32> = row[1..].iter().map(number).collect();
            let (start, len) = (join(&numbers[..address]), join(&numbers[address..]));
            let Some(range) = Extent::sized(start, len) else { continue };
            // Only what is mapped to itself is `direct`.
            let same = memory.iter().any(|(first, _)| *first == start);
            let kind = if same { "direct" } else { "reserved" };
            let others = [self.nodes[device].name.clone()].into();
            keep(
                &mut found.reserved,
                Reserved { range, kind: kind.into(), functions: [].into(), others, group: None, from },
            );
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
