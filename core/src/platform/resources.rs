//! Giving BARs and bridge windows their addresses, as firmware does.
//!
//! A BAR is at a multiple of its size, inside every window on its way: each bridge's above it, and one of
//! the host bridge's. What is given an address stays there; the rest is placed first fit, largest first.

use super::bridges::{BridgeId, Bridges};
use super::config::{Bar, BarKind};
use super::topology::{NodeId, Topology};
use super::window::{Direction, HostBridge};
use crate::addr::{AddrRange, BusAddr, Bytes, PortAddr};
use crate::spec::{Localized, Phrase};
use alloc::{boxed::Box, format, string::String, vec::Vec};
use core::fmt;

/// What is given an address before the rest is placed.
#[derive(Clone, Debug, Default)]
pub struct Fixed {
    /// BARs: whose, which, where (a bus address or a port).
    pub bars: Vec<(NodeId, u8, u64)>,
    /// VF BARs: whose, which, where the first virtual function's begins.
    pub vf_bars: Vec<(NodeId, u8, u64)>,
    /// Windows of bridges: whose, where, prefetchable.
    pub windows: Vec<(NodeId, AddrRange<BusAddr>, bool)>,
}

/// Why addresses cannot be given. `what`, `other` and `windows` are phrases such as `nic BAR 0` or `the window of rp0`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ResourceError {
    /// A BAR's address is not a multiple of its size, or a window's not of 1 MiB.
    Misaligned {
        /// What.
        what: Phrase,
        /// Its address.
        at: u64,
        /// What it must be a multiple of.
        align: u64,
    },
    /// It is outside every window that leads to it.
    Outside {
        /// What.
        what: Phrase,
        /// Its first and last address.
        range: (u64, u64),
        /// The windows it had to be in.
        windows: Phrase,
    },
    /// A 32-bit BAR, or a bridge's memory window, above 4 GiB.
    TooHigh {
        /// What.
        what: Phrase,
        /// Its last address.
        last: u64,
    },
    /// A BAR that is not prefetchable, behind a bridge whose only way to it is above 4 GiB: a bridge has 64 bits for
    /// prefetchable memory only.
    NotPrefetchable {
        /// The BAR.
        what: Phrase,
        /// The bridge's name.
        bridge: String,
    },
    /// Two of them share addresses.
    Overlap {
        /// One.
        what: Phrase,
        /// The other.
        other: Phrase,
        /// The first and last address of the other.
        range: (u64, u64),
    },
    /// No window has room.
    NoRoom {
        /// What.
        what: Phrase,
        /// Its size.
        size: u64,
        /// The windows it could be in.
        windows: Phrase,
    },
}

/// What a [`Misfit`] is about: a BAR of a function, or (none) a window of a bridge; and whether it is prefetchable.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Part {
    /// The function or bridge.
    pub node: NodeId,
    /// The BAR; none: a window.
    pub bar: Option<u8>,
    /// The BAR is one of virtual functions.
    pub of_vfs: bool,
    /// It is for prefetchable memory.
    pub prefetch: bool,
}

/// An address that cannot be given: why, and of what in the tree.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Misfit {
    /// Why.
    pub error: Box<ResourceError>,
    /// What.
    pub part: Part,
    /// What it contradicts: the window that it had to be in, or the other of two that overlap; none: the host bridge's windows.
    pub with: Option<Part>,
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl fmt::Display for ResourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.phrase().en)
    }
}

impl Localized for ResourceError {
    fn phrase(&self) -> Phrase {
        let (en, zh) = match self {
            ResourceError::Misaligned { what, at, align } => (
                format!("{} at {at:#x} is not at a multiple of {}", what.en, Bytes(*align)),
                format!("{} 位于 {at:#x}，不是 {} 的倍数", what.zh, Bytes(*align)),
            ),
            ResourceError::Outside { what, range: (a, b), windows } => (
                format!("{} at {a:#x} to {b:#x} is outside {}", what.en, windows.en),
                format!("{} 位于 {a:#x} 到 {b:#x}，在{}之外", what.zh, windows.zh),
            ),
            ResourceError::TooHigh { what, last } => (
                format!("{} ends at {last:#x}, above what its 32 bits can say", what.en),
                format!("{} 结束于 {last:#x}，32 位放不下", what.zh),
            ),
            ResourceError::NotPrefetchable { what, bridge } => (
                format!(
                    "{} is not prefetchable: behind {bridge} it must be below 4 GiB, since a bridge's window for \
                     such memory has 32 bits, and no window leads there",
                    what.en
                ),
                format!(
                    "{} 不可预取：在 {bridge} 下面它必须位于 4 GiB 以下（桥转发这种内存的窗口只有 32 位），而那里没有窗口",
                    what.zh
                ),
            ),
            ResourceError::Overlap { what, other, range: (a, b) } => (
                format!("{} overlaps {} ({a:#x} to {b:#x})", what.en, other.en),
                format!("{} 与 {} 重叠（{a:#x} 到 {b:#x}）", what.zh, other.zh),
            ),
            ResourceError::NoRoom { what, size, windows } => (
                format!("no room for {} ({}) in {}", what.en, Bytes(*size), windows.en),
                format!("{} 中放不下 {}（{}）", windows.zh, what.zh, Bytes(*size)),
            ),
        };
        Phrase::new(en, crate::spec::spaced(&zh))
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Io,
    Memory,
    Prefetch,
}

impl Class {
    /// The least that a bridge can forward.
    const fn granule(self) -> u64 {
        match self {
            Class::Io => 4096,
            _ => 1 << 20,
        }
    }
}

#[derive(Clone, Copy)]
enum Place {
    Bar(u8),
    /// A BAR of all virtual functions, one after another.
    VfBar(u8),
    Window,
}

#[derive(Clone, Copy)]
struct Item {
    node: NodeId,
    place: Place,
    size: u64,
    align: u64,
    at: Option<u64>,
    below_4g: bool,
}

impl Item {
    fn part(&self, class: Class) -> Part {
        let bar = match self.place {
            Place::Bar(index) | Place::VfBar(index) => Some(index),
            Place::Window => None,
        };
        let of_vfs = matches!(self.place, Place::VfBar(_));
        Part { node: self.node, bar, of_vfs, prefetch: class == Class::Prefetch }
    }
}

/// A range by its first and last address.
type Span = (u64, u64);

struct Placer<'a> {
    topology: &'a mut Topology,
    fixed: &'a Fixed,
    /// The host bridge whose buses are numbered.
    bridge: BridgeId,
    /// It has a prefetchable window, so prefetchable BARs are kept apart.
    apart: bool,
}

/// Gives every BAR and every bridge window an address and writes the registers. `ports` is what of the I/O
/// space leads to PCI.
pub fn assign(
    topology: &mut Topology,
    bridges: &Bridges,
    ports: Option<AddrRange<PortAddr>>,
    fixed: &Fixed,
) -> Result<(), Misfit> {
    for (id, bridge) in bridges.all() {
        // I/O ports lead to the first bridge alone.
        assign_behind(topology, (id, bridge), ports.filter(|_| id == BridgeId(0)), fixed)?;
    }
    Ok(())
}

/// The same of what is behind one host bridge.
fn assign_behind(
    topology: &mut Topology,
    (id, bridge): (BridgeId, &HostBridge),
    ports: Option<AddrRange<PortAddr>>,
    fixed: &Fixed,
) -> Result<(), Misfit> {
    let spans = |prefetch: bool| -> Vec<Span> {
        let windows = bridge.of(Direction::Outbound).filter(|w| w.prefetch == prefetch);
        windows.map(|w| (w.bus.start.raw(), w.bus.last().raw())).collect()
    };
    let (memory, prefetch) = (spans(false), spans(true));
    let apart = !prefetch.is_empty();
    let io: Vec<Span> = ports.iter().map(|p| (p.start.raw(), p.last().raw())).collect();
    let mut placer = Placer { topology, fixed, bridge: id, apart };
    let host = match bridge.name.as_str() {
        "" => Phrase::new("the host bridge's windows", "主桥的窗口"),
        name => Phrase::new(format!("the windows of {name}"), format!("主桥 {name} 的窗口")),
    };
    placer.place(None, Class::Memory, &memory, &host)?;
    placer.place(None, Class::Prefetch, &prefetch, &host)?;
    placer.place(None, Class::Io, &io, &Phrase::new("the I/O ports", "I/O 端口"))
}

/// `windows` with the ranges that there are.
fn with_ranges(windows: &Phrase, spans: &[Span]) -> Phrase {
    let ranges =
        |to: &str| -> Vec<String> { spans.iter().map(|(a, b)| format!("{a:#x} {to} {b:#x}")).collect() };
    match spans.is_empty() {
        true => Phrase::new(format!("{} (there is none)", windows.en), format!("{}（没有）", windows.zh)),
        false => Phrase::new(
            format!("{} ({})", windows.en, ranges("to").join(", ")),
            format!("{}（{}）", windows.zh, ranges("到").join("、")),
        ),
    }
}

impl Placer<'_> {
    fn class(&self, bar: &Bar) -> Class {
        match bar.kind {
            BarKind::Io => Class::Io,
            _ if bar.prefetch && self.apart => Class::Prefetch,
            _ => Class::Memory,
        }
    }

    /// What wants an address directly below `parent`.
    fn items(&self, parent: Option<NodeId>, class: Class) -> Vec<Item> {
        let mut items = Vec::new();
        let below = self.topology.children(parent).filter(|n| self.topology.node(*n).bridge == self.bridge);
        for node in below {
            for bar in self.topology.node(node).config.bars().iter().filter(|b| self.class(b) == class) {
                let fixed = self.fixed.bars.iter().find(|(n, i, _)| *n == node && *i == bar.index);
                items.push(Item {
                    node,
                    place: Place::Bar(bar.index),
                    size: bar.size,
                    align: bar.size,
                    at: fixed.map(|(_, _, at)| *at),
                    below_4g: bar.kind == BarKind::Memory32,
                });
            }
            // Room for as many as there can be, however many are wanted; at a multiple of one function's size.
            let total = self.topology.node(node).config.sriov().map_or(0, |s| s.total);
            for bar in self.topology.node(node).config.vf_bars().iter().filter(|b| self.class(b) == class) {
                let fixed = self.fixed.vf_bars.iter().find(|(n, i, _)| *n == node && *i == bar.index);
                items.push(Item {
                    node,
                    place: Place::VfBar(bar.index),
                    size: bar.size.saturating_mul(total.into()),
                    align: bar.size,
                    at: fixed.map(|(_, _, at)| *at),
                    below_4g: bar.kind == BarKind::Memory32,
                });
            }
            if self.topology.node(node).is_bridge() {
                items.extend(self.window(node, class));
            }
        }
        items
    }

    /// The window that a bridge needs.
    fn window(&self, bridge: NodeId, class: Class) -> Option<Item> {
        let granule = class.granule();
        let make = |at: Option<u64>, size: u64, align: u64| Item {
            node: bridge,
            place: Place::Window,
            size,
            align,
            at,
            below_4g: class == Class::Memory,
        };
        let fixed = self.fixed.windows.iter().find(|(n, _, prefetch)| {
            *n == bridge
                && match class {
                    Class::Io => false,
                    Class::Memory => !prefetch,
                    Class::Prefetch => *prefetch,
                }
        });
        if let Some((_, range, _)) = fixed {
            return Some(make(Some(range.start.raw()), range.len(), granule));
        }
        let items = self.items(Some(bridge), class);
        let (given, free): (Vec<_>, Vec<_>) = items.into_iter().partition(|i| i.at.is_some());
        let align = free.iter().map(|i| i.align).max().unwrap_or(granule).max(granule);
        let size = packed(&free).checked_next_multiple_of(granule)?;
        let start = given.iter().filter_map(|i| i.at).min();
        match start {
            None if free.is_empty() => None,
            None => Some(make(None, size, align)),
            Some(start) => {
                // Around what is given, with room after it for the rest.
                let start = start & !(granule - 1);
                let end = given.iter().filter_map(|i| i.at?.checked_add(i.size)).max()?;
                let end = match free.is_empty() {
                    true => end,
                    false => end.checked_next_multiple_of(align)?.checked_add(size)?,
                };
                Some(make(Some(start), end.checked_next_multiple_of(granule)? - start, granule))
            }
        }
    }

    fn name(&self, item: &Item) -> Phrase {
        let node = &self.topology.node(item.node).name;
        match item.place {
            Place::Bar(index) => Phrase::same(format!("{node} BAR {index}")),
            Place::VfBar(index) => Phrase::same(format!("{node} VF BAR {index}")),
            Place::Window => Phrase::new(format!("the window of {node}"), format!("{node} 的窗口")),
        }
    }

    /// The first BAR below `bridge` of this class, and what it is called.
    fn bar_below(&self, bridge: NodeId, class: Class) -> Option<Item> {
        self.items(Some(bridge), class).into_iter().find_map(|item| match item.place {
            Place::Bar(_) | Place::VfBar(_) => Some(item),
            Place::Window => self.bar_below(item.node, class),
        })
    }

    /// The error of an item, with the BAR behind it where that is the cause.
    fn misfit(&self, item: &Item, class: Class, with: Option<Part>, error: ResourceError) -> Misfit {
        let declared = self.fixed.windows.iter().any(|(n, _, prefetch)| *n == item.node && !prefetch);
        let window = item.below_4g && matches!(item.place, Place::Window) && !declared;
        if let Some(bar) = self.bar_below(item.node, class).filter(|_| window) {
            let high = match &error {
                ResourceError::TooHigh { .. } => true,
                ResourceError::NoRoom { .. } => bar.at.is_none(),
                _ => false,
            };
            let bridge = self.topology.node(item.node).name.clone();
            let prefetch = self.fixed.windows.iter().find(|(n, ..)| *n == item.node);
            if high {
                let with = prefetch
                    .map(|_| Part { node: item.node, bar: None, of_vfs: false, prefetch: true })
                    .or(with);
                let error = ResourceError::NotPrefetchable { what: self.name(&bar), bridge };
                return Misfit { error: Box::new(error), part: bar.part(class), with };
            }
        }
        Misfit { error: Box::new(error), part: item.part(class), with }
    }

    fn place(
        &mut self,
        parent: Option<NodeId>,
        class: Class,
        spans: &[Span],
        windows: &Phrase,
    ) -> Result<(), Misfit> {
        let mut items = self.items(parent, class);
        // What has its address first; then by alignment, so that little is lost to it.
        items.sort_by_key(|i| (i.at.is_none(), core::cmp::Reverse(i.align)));
        let mut taken: Vec<(Span, Item)> = Vec::new();
        let within =
            parent.map(|node| Part { node, bar: None, of_vfs: false, prefetch: class == Class::Prefetch });
        for item in items {
            let what = self.name(&item);
            let start = match item.at {
                Some(at) => at,
                None => free(&item, spans, &taken).ok_or_else(|| {
                    let windows = with_ranges(windows, spans);
                    let error = ResourceError::NoRoom { what: what.clone(), size: item.size, windows };
                    // With room below 4 GiB, size is the cause, not the bits.
                    let low = spans.iter().any(|(a, _)| *a >> 32 == 0);
                    match low {
                        true => self.misfit(&Item { below_4g: false, ..item }, class, within, error),
                        false => self.misfit(&item, class, within, error),
                    }
                })?,
            };
            let last = start.saturating_add(item.size - 1);
            let mut with = within;
            let error = if start & (item.align - 1) != 0 {
                Some(ResourceError::Misaligned { what: what.clone(), at: start, align: item.align })
            } else if item.below_4g && last >> 32 != 0 {
                Some(ResourceError::TooHigh { what: what.clone(), last })
            } else if !spans.iter().any(|(a, b)| *a <= start && last <= *b) {
                let windows = with_ranges(windows, spans);
                Some(ResourceError::Outside { what: what.clone(), range: (start, last), windows })
            } else if let Some((range, other)) = taken.iter().find(|((a, b), _)| *a <= last && start <= *b) {
                with = Some(other.part(class));
                Some(ResourceError::Overlap { what: what.clone(), other: self.name(other), range: *range })
            } else {
                None
            };
            if let Some(error) = error {
                return Err(self.misfit(&item, class, with, error));
            }
            taken.push(((start, last), item));
            let config = &mut self.topology.node_mut(item.node).config;
            match item.place {
                Place::Bar(index) => config.set_bar(index, start),
                Place::VfBar(index) => config.set_vf_bar(index, start),
                Place::Window => {
                    let range = AddrRange::new(BusAddr::new(start), item.size);
                    match class {
                        Class::Memory => config.set_memory_window(range),
                        Class::Prefetch => config.set_prefetch_window(range),
                        Class::Io => config.set_io_window(Some(start as u16..=last as u16)),
                    }
                    self.place(Some(item.node), class, &[(start, last)], &what)?;
                }
            }
        }
        Ok(())
    }
}

/// How much room items take, one after another, largest alignment first.
fn packed(items: &[Item]) -> u64 {
    let mut sorted: Vec<_> = items.iter().collect();
    sorted.sort_by_key(|i| core::cmp::Reverse(i.align));
    sorted.iter().fold(0u64, |at, i| {
        at.checked_next_multiple_of(i.align).and_then(|at| at.checked_add(i.size)).unwrap_or(u64::MAX >> 1)
    })
}

/// The first place for an item in `spans` that nothing has taken.
fn free<T>(item: &Item, spans: &[Span], taken: &[(Span, T)]) -> Option<u64> {
    for (first, last) in spans {
        let last = if item.below_4g { (*last).min(0xffff_ffff) } else { *last };
        // A BAR at 0 counts as not set.
        let mut at = (*first).max(1).checked_next_multiple_of(item.align)?;
        // Bounded: each turn passes a span that is taken.
        while let Some(end) = at.checked_add(item.size - 1).filter(|end| *end <= last) {
            match taken.iter().find(|((a, b), _)| *a <= end && at <= *b) {
                None => return Some(at),
                Some(((_, b), _)) => {
                    match b.checked_add(1).and_then(|n| n.checked_next_multiple_of(item.align)) {
                        Some(next) => at = next,
                        None => break,
                    }
                }
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::config::{BarSpec, PortType};
    use super::super::topology::tests::{id, space, tree};
    use super::*;
    use crate::addr::PhysAddr;
    use proptest::prelude::*;

    fn host() -> HostBridge {
        let mut b = HostBridge::new();
        let out = Direction::Outbound;
        b.add("low", out, PhysAddr::new(0xc000_0000), BusAddr::new(0x8000_0000), 1 << 28, false).unwrap();
        b.add("high", out, PhysAddr::new(1 << 38), BusAddr::new(1 << 38), 1 << 36, true).unwrap();
        b
    }

    fn bar(t: &mut Topology, name: &str, index: u8, kind: BarKind, prefetch: bool, size: u64) -> NodeId {
        let node = t.by_name(name).unwrap();
        t.node_mut(node).config.add_bar(index, BarSpec { kind, prefetch, size }).unwrap();
        node
    }

    fn ports() -> Option<AddrRange<PortAddr>> {
        AddrRange::new(PortAddr::new(0xc000), 0x3000)
    }

    #[test]
    fn bars_are_placed_inside_every_window_on_their_way() {
        let mut t = tree(false);
        let gpu = bar(&mut t, "gpu", 0, BarKind::Memory32, false, 64 << 10);
        bar(&mut t, "gpu", 2, BarKind::Memory64, true, 8 << 30);
        bar(&mut t, "gpu", 5, BarKind::Io, false, 128);
        bar(&mut t, "ssd", 0, BarKind::Memory64, false, 16 << 10);
        let nic = bar(&mut t, "nic", 0, BarKind::Memory32, false, 64 << 10);
        let fixed = Fixed { bars: [(nic, 0, 0x8001_0000)].into(), ..Fixed::default() };
        assign(&mut t, &host().into(), ports(), &fixed).unwrap();
        let at = |node, i| t.node(node).config.bar(i).unwrap();
        assert_eq!(at(nic, 0).address, 0x8001_0000);
        assert_eq!(at(gpu, 2).address, 1 << 38);
        for up in t.ancestors(gpu) {
            let c = &t.node(up).config;
            assert!(c.memory_window().unwrap().contains_range(&at(gpu, 0).range().unwrap()));
            assert!(c.prefetch_window().unwrap().contains_range(&at(gpu, 2).range().unwrap()));
            assert!(c.io_window().unwrap().contains(&(at(gpu, 5).address as u16)));
        }
    }

    #[test]
    fn what_does_not_fit_is_said_with_both_names() {
        let mut t = tree(false);
        let gpu = bar(&mut t, "gpu", 0, BarKind::Memory32, false, 1 << 20);
        let nic = bar(&mut t, "nic", 0, BarKind::Memory32, false, 64 << 10);
        let (rp, d0) = (t.by_name("rp0").unwrap(), t.by_name("d0").unwrap());
        let window = |n, at, len| (n, AddrRange::new(BusAddr::new(at), len).unwrap(), false);
        let mut go = |bars: &[(NodeId, u8, u64)], windows: &[(NodeId, AddrRange<BusAddr>, bool)]| {
            let fixed = Fixed { bars: bars.into(), windows: windows.into(), ..Fixed::default() };
            assign(&mut t, &host().into(), ports(), &fixed).map_err(|e| e.to_string())
        };
        let msg = |r: Result<(), String>| r.unwrap_err();
        assert_eq!(
            msg(go(&[(nic, 0, 0x8000_8000)], &[])),
            "nic BAR 0 at 0x80008000 is not at a multiple of 64 KiB"
        );
        assert_eq!(
            msg(go(&[(nic, 0, 0x7000_0000)], &[])),
            "nic BAR 0 at 0x70000000 to 0x7000ffff is outside the host bridge's windows (0x80000000 to 0x8fffffff)"
        );
        assert_eq!(
            msg(go(&[(nic, 0, 1 << 38)], &[])),
            "nic BAR 0 ends at 0x400000ffff, above what its 32 bits can say"
        );
        assert_eq!(
            msg(go(&[(gpu, 0, 0x8080_0000)], &[window(d0, 0x8010_0000, 1 << 20)])),
            "gpu BAR 0 at 0x80800000 to 0x808fffff is outside the window of d0 (0x80100000 to 0x801fffff)"
        );
        assert_eq!(
            msg(go(&[(nic, 0, 0x8010_0000)], &[window(rp, 0x8010_0000, 1 << 20)])),
            "nic BAR 0 overlaps the window of rp0 (0x80100000 to 0x801fffff)"
        );
        let big = bar(&mut t, "ssd", 0, BarKind::Memory32, false, 1 << 29);
        let _ = big;
        let e = assign(&mut t, &host().into(), ports(), &Fixed::default()).unwrap_err().to_string();
        assert_eq!(
            e,
            "no room for the window of rp0 (513 MiB) in the host bridge's windows (0x80000000 to 0x8fffffff)"
        );
    }

    #[test]
    fn a_prefetchable_bar_without_such_a_window_goes_to_memory() {
        let mut b = HostBridge::new();
        let at = 0x8000_0000;
        b.add("low", Direction::Outbound, PhysAddr::new(at), BusAddr::new(at), 1 << 28, false).unwrap();
        let mut t = Topology::new();
        t.add("x", id("00:01.0"), None, space(PortType::Integrated)).unwrap();
        let x = bar(&mut t, "x", 0, BarKind::Memory64, true, 1 << 20);
        assign(&mut t, &b.into(), None, &Fixed::default()).unwrap();
        assert_eq!(t.node(x).config.bar(0).unwrap().address, at);
    }

    proptest! {
        /// Whatever BARs there are: all in their windows, none overlapping.
        #[test]
        fn bars_never_overlap(bars in proptest::collection::vec((0..3usize, 0..3u8, any::<bool>(), any::<bool>(), 4..26u32), 0..9)) {
            let mut t = tree(false);
            for (who, index, wide, prefetch, log) in bars {
                let node = t.by_name(["gpu", "ssd", "nic"][who]).unwrap();
                let kind = if wide { BarKind::Memory64 } else { BarKind::Memory32 };
                let _ = t.node_mut(node).config.add_bar(index * 2, BarSpec { kind, prefetch, size: 1 << log });
            }
            if assign(&mut t, &host().into(), None, &Fixed::default()).is_ok() {
                let mut ranges = alloc::vec::Vec::new();
                for (node, n) in t.nodes() {
                    for bar in n.config.bars() {
                        let range = bar.range().unwrap();
                        prop_assert!(bar.address % bar.size == 0);
                        for up in t.ancestors(node) {
                            let c = &t.node(up).config;
                            let inside = |w: Option<AddrRange<BusAddr>>| w.is_some_and(|w| w.contains_range(&range));
                            prop_assert!(inside(c.memory_window()) || bar.prefetch && inside(c.prefetch_window()));
                        }
                        for old in &ranges {
                            prop_assert!(!range.overlaps(old));
                        }
                        ranges.push(range);
                    }
                }
            }
        }
    }
}
