//! The address map: RAM, windows of the host bridge, and which addresses are left for what the texts do not say.

use super::found::{Bdf, Extent, Found, HostWindow, Source, Space, MOST_SEGMENT};
use super::remark::{Kind, Remarks};
use super::roots;
use crate::scenario::Num;
use crate::spec::Phrase;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// A mebibyte: what a bridge's window for memory is a multiple of.
pub const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
/// The least RAM of a range that is written: below, there is no room for tables and buffers.
const LEAST: u64 = 16 * MIB;
/// Where RAM ends at the latest: what the kernel's own map of all memory has room for, with tables of four levels.
const HIGHEST: u64 = 1 << 46;
/// The most ranges of RAM, and windows, that a scenario is given.
const MOST: usize = 64;

/// The map that the scenario states.
#[derive(Debug, Default)]
pub struct Map {
    /// RAM, in order.
    pub ram: Vec<(Extent, Option<Source>)>,
    /// Windows of the host bridge for memory.
    pub windows: Vec<(HostWindow, bool)>,
    /// I/O ports that lead to PCI.
    pub ports: Option<(Extent, Option<Source>)>,
    /// For devices.
    pub inbound: Vec<super::found::Inbound>,
}

impl Map {
    /// Returns where on the bus addresses are that a kernel prints: those of the CPU, where windows differ.
    pub fn to_bus(&self, range: Extent) -> Option<Extent> {
        let on_cpu = self.windows.iter().find(|(w, _)| w.cpu.holds(range));
        if let Some((window, _)) = on_cpu {
            return Extent::sized(window.bus.checked_add(range.first - window.cpu.first)?, range.bytes());
        }
        // Configuration space and old programs state those of the bus.
        let bus = |w: &HostWindow| Extent::sized(w.bus, w.cpu.bytes());
        let holds = |w: &HostWindow| bus(w).is_some_and(|bus| bus.holds(range));
        self.windows.iter().any(|(w, _)| holds(w)).then_some(range)
    }

    /// Returns the other root bus to which alone a host bridge takes a bus address that a function of the root bus `own` has, where
    /// texts say to which bus each window leads.
    pub fn of_other(&self, own: u8, bus: Extent) -> Option<u8> {
        let windows = || self.windows.iter().map(|(window, _)| window);
        windows().find(|w| w.root == Some(own))?;
        let holds = |w: &&HostWindow| Extent::sized(w.bus, w.cpu.bytes()).is_some_and(|all| all.holds(bus));
        windows().find(holds)?.root.filter(|root| *root != own)
    }
}

/// Makes the map. `wanted` are the ranges of BARs and bridges, for a machine whose windows no text states.
/// `ports_wanted` are those of BARs for I/O on the root bus, for a machine of whose ports no text says which lead to PCI.
pub fn map(found: &Found, wanted: &[Extent], ports_wanted: &[Extent], remarks: &mut Remarks) -> Map {
    let mut map = Map::default();
    windows(found, wanted, &mut map, remarks);
    ram(found, &mut map, remarks);
    let window = |space: Space| found.windows.iter().filter(move |w| w.space == space);
    let ports = window(Space::Io).map(|w| (w.cpu, w.from));
    let ports = ports.chain(roots::of_roots(&found.ports).map(|r| (r.range, r.from)));
    let mut ports = ports.peekable();
    map.ports = match ports.peek() {
        None => assumed_ports(ports_wanted, remarks),
        Some(_) => ports
            .filter(|(range, _)| range.last < 0x1_0000 && range.first >= 0xd00)
            .max_by_key(|(r, _)| r.bytes())
            .map(|(range, from)| (range, Some(from))),
    };
    for window in &found.inbound {
        // Host bridges that have the same one say the same.
        if map.inbound.iter().any(|old| (old.bus, old.cpu) == (window.bus, window.cpu)) {
            continue;
        }
        let cpu = Extent::sized(window.cpu, window.bus.bytes());
        let meets = |old: &super::found::Inbound| {
            old.bus.meets(window.bus)
                || Extent::sized(old.cpu, old.bus.bytes()).zip(cpu).is_some_and(|(a, b)| a.meets(b))
        };
        if cpu.is_none() || map.inbound.iter().any(meets) {
            let said = Phrase::new(
                format!("the window for devices at bus {} shares addresses with another", window.bus),
                format!("设备侧窗口（总线 {}）与另一个窗口重叠", window.bus),
            );
            remarks.at(Kind::Contradiction, window.from, said);
        } else {
            map.inbound.push(*window);
        }
    }
    map
}

fn windows(found: &Found, wanted: &[Extent], map: &mut Map, remarks: &mut Remarks) {
    let (inner, mut all): (Vec<HostWindow>, Vec<HostWindow>) = found
        .windows
        .iter()
        .filter(|w| w.space != Space::Io)
        // A device tree's bridges without a number have one above too, and no root bus.
        .partition(|w| w.root.is_some() && w.domain.is_some_and(|domain| domain > MOST_SEGMENT));
    for window in inner {
        let domain = window.domain.unwrap_or_default();
        let said = Phrase::new(
            format!("the window {} of segment {domain:x}: it is within a BAR of an Intel VMD, and none of a host bridge", window.cpu),
            format!("段 {domain:x} 的窗口 {}：它在 Intel VMD 的 BAR 之内，不是主桥的窗口", window.cpu),
        );
        remarks.at(Kind::Left, window.from, said);
    }
    if all.is_empty() {
        all = roots::windows(found, remarks);
    }
    // What a PC had below 1 MiB is not for BARs.
    if let Some(low) = all.iter().filter(|w| w.cpu.first < MIB).min_by_key(|w| w.cpu) {
        let said = Phrase::new(
            "the host bridge's windows below 1 MiB are left out: a PC has the old display's memory and ROMs there, and no BAR",
            "主桥在 1 MiB 以下的窗口略去：PC 在那里是旧式显存和 ROM，没有 BAR",
        );
        remarks.at(Kind::Left, low.from, said);
    }
    all.retain(|w| w.cpu.first >= MIB);
    all.sort_by_key(|w| w.cpu);
    for window in all {
        let bus = Extent::sized(window.bus, window.cpu.bytes());
        let on_bus = |old: &HostWindow| {
            Extent::sized(old.bus, old.cpu.bytes()).zip(bus).is_some_and(|(a, b)| a.meets(b))
        };
        // One bus has an address once, another bus may have it too.
        let one = |old: &HostWindow| old.domain.is_some() && old.domain == window.domain;
        let meets = |old: &HostWindow| old.cpu.meets(window.cpu) || one(old) && on_bus(old);
        if bus.is_none() || map.windows.iter().any(|(old, _)| meets(old)) {
            let said = Phrase::new(
                format!("the host bridge's window {} shares addresses with another", window.cpu),
                format!("主桥窗口 {} 与另一个窗口重叠", window.cpu),
            );
            remarks.at(Kind::Contradiction, window.from, said);
        } else if map.windows.iter().any(|(old, _)| on_bus(old)) {
            let said = Phrase::new(
                format!("the host bridge's window {} leads to bus addresses that another's leads to as well: of two PCI domains a scenario has one", window.cpu),
                format!("主桥窗口 {} 的总线地址与另一个主桥的相同：两个 PCI 域，场景只有一个", window.cpu),
            );
            remarks.at(Kind::Left, window.from, said);
        } else if map.windows.len() < MOST {
            map.windows.push((window, true));
        }
    }
    if map.windows.is_empty() && !wanted.is_empty() {
        assumed(wanted, map);
        let said = Phrase::new(
            "no text states the host bridge's windows (/proc/iomem as root, or the boot log): they are taken around BARs and bridges",
            "所给文本没有说明主桥的窗口（以 root 读的 /proc/iomem 或启动日志里有），按 BAR 和桥的范围推定",
        );
        remarks.of(Kind::Assumed, said);
    }
}

/// The ports around those of BARs, in steps of 4 KiB as bridges forward them.
fn assumed_ports(wanted: &[Extent], remarks: &mut Remarks) -> Option<(Extent, Option<Source>)> {
    let fit = || wanted.iter().filter(|range| range.first >= 0x1000 && range.last < 0x1_0000);
    let first = fit().map(|range| range.first & !0xfff).min()?;
    let last = fit().map(|range| range.last | 0xfff).max()?;
    let said = Phrase::new(
        "no text states which I/O ports lead to PCI (/proc/ioports, or the boot log): they are taken around BARs",
        "所给文本没有说明哪些 I/O 端口通往 PCI（/proc/ioports 或启动日志里有），按 BAR 的范围推定",
    );
    remarks.of(Kind::Assumed, said);
    Some((Extent { first, last }, None))
}

/// Windows around ranges, as whole mebibytes.
fn assumed(wanted: &[Extent], map: &mut Map) {
    let mut around: Vec<Extent> = wanted
        .iter()
        .filter(|range| range.first >= MIB)
        .map(|range| Extent { first: range.first & !(MIB - 1), last: range.last | (MIB - 1) })
        .collect();
    around.sort();
    let mut joined: Vec<Extent> = Vec::new();
    for range in around {
        match joined.last_mut() {
            // With what is between them, where that is little.
            Some(last) if range.first <= last.last.saturating_add(16 * MIB) => {
                last.last = last.last.max(range.last)
            }
            _ => joined.push(range),
        }
    }
    for cpu in joined.into_iter().take(MOST) {
        let window = HostWindow {
            cpu,
            bus: cpu.first,
            space: Space::Memory,
            domain: None,
            root: None,
            from: Source::default(),
        };
        map.windows.push((window, false));
    }
}

fn ram(found: &Found, map: &mut Map, remarks: &mut Remarks) {
    // Some of it a driver adds, and stands in brackets: `(kmem)` of CXL and DAX, `(virtio_mem)`.
    let of_map = found.memory.iter().filter(|r| r.name == "System RAM" || r.name.starts_with("System RAM ("));
    let mut all: Vec<(Extent, Source)> = of_map.map(|r| (r.range, r.from)).collect();
    if all.is_empty() {
        all = found.ram.iter().map(|r| (r.range, r.from)).collect();
    }
    all.sort();
    let mut low = false;
    for (range, from) in all {
        if range.last < MIB || range.bytes() < LEAST {
            low = true;
            continue;
        }
        if range.last >= HIGHEST {
            let said = Phrase::new(
                format!("RAM at {range} ends above 64 TiB, where a machine here has none; it is left out"),
                format!("{range} 的内存超过 64 TiB，这里的机器没有那么高的内存，未写入"),
            );
            remarks.at(Kind::Left, from, said);
            continue;
        }
        let taken = map.ram.iter().any(|(old, _)| old.meets(range));
        let windows: Vec<Extent> =
            map.windows.iter().map(|(w, _)| w.cpu).filter(|cpu| cpu.meets(range)).collect();
        if let Some(window) = windows.first() {
            let said = Phrase::new(
                format!("RAM at {range} and the host bridge's window {window} share addresses"),
                format!("{range} 的内存与主桥窗口 {window} 重叠"),
            );
            remarks.at(Kind::Contradiction, from, said);
        }
        // What is beside the windows is RAM all the same.
        let pieces = beside(range, &windows).into_iter().filter(|piece| piece.bytes() >= LEAST);
        if !taken {
            let room = MOST.saturating_sub(map.ram.len());
            map.ram.extend(pieces.take(room).map(|piece| (piece, Some(from))));
        }
    }
    if low {
        let said = Phrase::new(
            "pieces of RAM below address 1 MiB, or smaller than 16 MiB, are left out",
            "1 MiB 地址以下、或小于 16 MiB 的内存片段未写入",
        );
        remarks.of(Kind::Left, said);
    }
    if map.ram.is_empty() {
        let range = free(map);
        map.ram.push((range, None));
        let said = Phrase::new(
            format!("no text states where RAM is (/proc/iomem as root, or the boot log): {range} is taken"),
            format!("所给文本没有说明内存在哪里（以 root 读的 /proc/iomem 或启动日志里有），按 {range} 处理"),
        );
        remarks.of(Kind::Assumed, said);
    }
}

/// What of a range is in none of others.
fn beside(range: Extent, others: &[Extent]) -> Vec<Extent> {
    let mut pieces = Vec::from([range]);
    for other in others {
        let cut = |piece: Extent| {
            let before =
                other.first.checked_sub(1).and_then(|last| Extent::new(piece.first, last.min(piece.last)));
            let after =
                other.last.checked_add(1).and_then(|first| Extent::new(first.max(piece.first), piece.last));
            [before, after].into_iter().flatten()
        };
        pieces = pieces.into_iter().flat_map(cut).collect();
    }
    pieces
}

/// Addresses for RAM where no window is: below the lowest, or above all.
fn free(map: &Map) -> Extent {
    let lowest = map.windows.iter().map(|(w, _)| w.cpu.first).min().unwrap_or(3 * GIB);
    let end = lowest.min(3 * GIB) & !(MIB - 1);
    if end >= GIB / 2 {
        return Extent { first: 0, last: end - 1 };
    }
    let highest = map.windows.iter().map(|(w, _)| w.cpu.last).max().unwrap_or(0);
    let start = (highest.min(u64::MAX >> 1) | (GIB - 1)) + 1;
    Extent { first: start, last: start + 2 * GIB - 1 }
}

/// Cuts the windows of the host bridge so that what bridges forward as prefetchable is in windows of its own.
pub fn cut(map: &mut Map, prefetch: &[Extent]) {
    if prefetch.is_empty() {
        return;
    }
    let mut out = Vec::new();
    for (window, known) in map.windows.drain(..) {
        let (mut at, end) = (window.bus, window.bus + (window.cpu.last - window.cpu.first));
        let mut piece = |first: u64, last: u64, space: Space| {
            let start = window.cpu.first + (first - window.bus);
            let cpu = Extent { first: start, last: start + (last - first) };
            out.push((HostWindow { cpu, bus: first, space, ..window }, known));
        };
        let mut inside: Vec<Extent> =
            prefetch.iter().filter(|p| window.bus <= p.first && p.last <= end).copied().collect();
        inside.sort();
        let mut over = false;
        for range in inside {
            if range.first > at {
                piece(at, range.first - 1, Space::Memory);
            }
            piece(range.first, range.last, Space::Prefetch);
            match range.last.checked_add(1) {
                Some(next) => at = next,
                None => over = true,
            }
        }
        if !over && at <= end {
            piece(at, end, Space::Memory);
        }
    }
    map.windows = out;
}

/// The BARs of functions that are named in `/proc/iomem`: their sizes.
pub fn size_of(found: &Found, at: Bdf, address: u64) -> Option<(u64, Source)> {
    let name = at.whole();
    let ranges = found.memory.iter().chain(&found.ports);
    ranges.clone().find(|r| r.name == name && r.range.first == address).map(|r| (r.range.bytes(), r.from))
}

/// A range as the language writes it: with its length where that is a round one, otherwise with its end.
pub fn line_range(range: Extent) -> String {
    let length = Num::size(range.bytes()).to_string();
    match range.last.checked_add(1).filter(|_| !range.bytes().is_power_of_two() && length.len() > 3) {
        Some(end) => format!("{} .. {}", Num::address(range.first), Num::address(end)),
        None => format!("{} +{length}", Num::address(range.first)),
    }
}
