//! Which ranges of `/proc/iomem` and `/proc/ioports` are a host bridge's windows: with ACPI they have the name of the root bus, with a
//! device tree that of the bridge's node, and only what is below a root port has the name of a bus.

use super::found::{Bdf, Found, HostWindow, Range, Space, Window};
use super::remark::{Kind, Remarks};
use super::scan::hex;
use crate::spec::Phrase;
use alloc::format;
use alloc::vec::Vec;

/// More than the registers of a host bridge have, which older kernels name after its node too.
const MORE: u64 = 16 << 20;

/// The ranges of host bridges: outermost, or within one that firmware reserves, which is no bus.
pub fn of_roots(ranges: &[Range]) -> impl Iterator<Item = &Range> {
    let mut outer: Option<&Range> = None;
    ranges.iter().filter(move |range| {
        if range.depth == 0 {
            outer = Some(range);
        }
        let within = |o: &Range| o.from.file == range.from.file && o.range.holds(range.range);
        let reserved = outer.is_some_and(|o| !is_bus(o) && !is_node(&o.name) && within(o));
        is_bus(range) && (range.depth == 0 || range.depth == 1 && reserved)
    })
}

fn is_bus(range: &Range) -> bool {
    range.name.starts_with("PCI Bus")
}

/// The name of a host bridge's node in a device tree: `pcie@10000000`, of older kernels with its path.
fn is_node(name: &str) -> bool {
    let last = name.rsplit('/').next().unwrap_or(name);
    last.starts_with("pci") && last.contains('@') && !name.contains(' ')
}

/// The windows of host bridges of a device tree: ranges of the name of a node that has something of PCI inside.
fn of_nodes(ranges: &[Range]) -> Vec<&Range> {
    let of_pci = |range: &Range| is_bus(range) || Bdf::parse(&range.name).is_some();
    let nodes = || ranges.iter().enumerate().filter(|(_, range)| range.depth == 0 && is_node(&range.name));
    let has = |at: usize| ranges.iter().skip(at + 1).take_while(|range| range.depth > 0).any(of_pci);
    let bridge = |range: &Range| nodes().any(|(at, one)| one.name == range.name && has(at));
    let mut out: Vec<&Range> = Vec::new();
    for (at, range) in nodes() {
        if has(at) || range.range.bytes() >= MORE && bridge(range) {
            out.push(range);
        }
    }
    out
}

/// Returns the windows for memory. With ACPI the bus has the addresses of the CPU; with a device tree it may have others, which are
/// known where a bridge states as its window what `/proc/iomem` has elsewhere.
pub fn windows(found: &Found, remarks: &mut Remarks) -> Vec<HostWindow> {
    let window = |range: &Range| HostWindow {
        cpu: range.range,
        bus: range.range.first,
        space: Space::Memory,
        domain: None,
        root: range.name.rsplit(':').next().filter(|bus| bus.len() == 2).and_then(hex).map(|bus| bus as u8),
        from: range.from,
    };
    let mut all: Vec<HostWindow> = of_roots(&found.memory).map(window).collect();
    let nodes = of_nodes(&found.memory);
    for node in &nodes {
        let bus = on_bus(found, node, &nodes);
        let (en, zh) = match bus {
            Some(bus) => (
                format!("taken to begin at {bus:#x} on the bus, as the window of a bridge below states where /proc/iomem has another address"),
                format!("按总线地址 {bus:#x} 起处理：下游桥的窗口写的是它，/proc/iomem 里是另一个地址"),
            ),
            None => (
                "which addresses it has on the bus no text states (the device tree, or the boot log): the CPU's are taken".into(),
                "所给文本没有说明它在总线上的地址（设备树或启动日志里有），按 CPU 的地址处理".into(),
            ),
        };
        let said = Phrase::new(
            format!("the host bridge's window {}: {en}", node.range),
            format!("主桥窗口 {}：{zh}", node.range),
        );
        remarks.at(Kind::Assumed, node.from, said);
        all.push(HostWindow { bus: bus.unwrap_or(node.range.first), root: None, ..window(node) });
    }
    all
}

/// The address on the bus at which a host bridge's window begins, by a bridge right below it: its configuration space has that of the
/// bus, the kernel's map that of the CPU.
fn on_bus(found: &Found, node: &Range, nodes: &[&Range]) -> Option<u64> {
    let below = found.memory.iter().filter(|r| r.depth == 1 && r.from.file == node.from.file && is_bus(r));
    below.filter(|range| node.range.holds(range.range)).find_map(|range| {
        let number = range.name.rsplit(':').next().and_then(hex)?;
        let bridges = found.functions.iter().filter_map(|function| function.bridge.as_ref());
        let mut windows = bridges.filter(|b| u64::from(b.secondary) == number).flat_map(|b| &b.windows);
        // What is in a window of the CPU's is no address of another kind.
        let other = |w: &Window| !nodes.iter().any(|node| node.range.holds(w.range));
        let same = |w: &&Window| w.space != Space::Io && w.range.bytes() == range.range.bytes() && other(w);
        windows.find(same)?.range.first.checked_sub(range.range.first - node.range.first)
    })
}
