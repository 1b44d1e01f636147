//! A BAR that changes its size while the machine runs, as `pci_resize_resource` of Linux does it for a driver.

use crate::addr::AddrRange;
use crate::addr::{BusAddr, Bytes};
use crate::machine::run::{OsError, Stop};
use crate::machine::software::Named;
use crate::machine::{problem, Machine};
use crate::platform::config::{Bar, BarKind};
use crate::platform::topology::NodeId;
use crate::platform::window::Direction;
use crate::scenario::ast;
use crate::spec::{Phrase, Text};
use alloc::{format, string::String, vec::Vec};

impl Machine {
    pub(in crate::machine) fn op_resize(&mut self, op: &ast::Resize) -> Result<(), Stop> {
        let none = || {
            problem(
                op.bar.span,
                Text::new("a BAR such as `gpu.bar0` must stand here", "此处应为 BAR，如 `gpu.bar0`"),
            )
        };
        let base = op.bar.base.as_ref().ok_or_else(none)?;
        let Named::Device(device) = self.named(&base.name, op.bar.span)? else { return Err(none().into()) };
        let index: u8 =
            base.part.as_deref().and_then(|p| p.strip_prefix("bar")?.parse().ok()).ok_or_else(none)?;
        let node = self.hw.devices[device].node;
        let (id, config) = (self.hw.topology.node(node).id, &self.hw.topology.node(node).config);
        let (Some(bar), Some((_, entry))) = (config.bar(index), config.rebars().find(|(i, _)| *i == index))
        else {
            return Err(problem(
                op.bar.span,
                Text::new("this BAR is not `resizable`", "这个 BAR 不是 `resizable`"),
            )
            .into());
        };
        let (size, most) = (op.size.value, if bar.kind == BarKind::Memory64 { 1 << 62 } else { 1 << 31 });
        if !size.is_power_of_two() || !(1 << 20..=most).contains(&size) {
            return Err(problem(
                op.size.span,
                Phrase::new(
                    format!("a power of two from 1 MiB to {}", Bytes(most)),
                    format!("应为 1 MiB 至 {} 的 2 的幂", Bytes(most)),
                ),
            )
            .into());
        }
        let windows = self.windows_above(node, &bar);
        let Some(at) = self.free_place(node, &bar, size, &windows) else {
            let ranges = |to: &str| -> Vec<String> {
                windows.iter().map(|(a, b)| format!("{a:#x} {to} {b:#x}")).collect()
            };
            let name = format!("{} BAR {index}", base.name);
            let message = Phrase::new(
                format!(
                    "no space for {name} ({}) in the windows above it: {}",
                    Bytes(size),
                    ranges("to").join(", ")
                ),
                format!("{name}（{}）在上级桥的窗口（{}）里放不下", Bytes(size), ranges("到").join("、")),
            );
            return Err(Stop::Os(OsError::new("range", message)));
        };
        let control = self.hw.topology.node(node).config.read(entry + 4, 4) & !(0x3f << 8);
        self.config(id, entry + 4, 4, Some(control | (size.ilog2() - 20) << 8));
        let register = 0x10 + 4 * u16::from(index);
        self.config(id, register, 4, Some(at as u32));
        if bar.kind == BarKind::Memory64 {
            self.config(id, register + 4, 4, Some((at >> 32) as u32));
        }
        Ok(())
    }

    /// The windows directly above a function for a BAR of this kind: its port's, or the host bridge's.
    fn windows_above(&self, node: NodeId, bar: &Bar) -> Vec<(u64, u64)> {
        let span = |r: AddrRange<BusAddr>| (r.start.raw(), r.last().raw());
        let mut out: Vec<(u64, u64)> = match self.hw.topology.node(node).parent {
            Some(port) => {
                let config = &self.hw.topology.node(port).config;
                let prefetch = config.prefetch_window().filter(|_| bar.prefetch);
                prefetch.or(config.memory_window()).map(span).into_iter().collect()
            }
            None => {
                let bridge = self.hw.bridges.get(self.hw.topology.node(node).bridge);
                let all = || bridge.of(Direction::Outbound);
                let apart = bar.prefetch && all().any(|w| w.prefetch);
                all().filter(|w| w.prefetch == apart).map(|w| span(w.bus)).collect()
            }
        };
        if bar.kind == BarKind::Memory32 {
            out.iter_mut().for_each(|w| w.1 = w.1.min(u32::MAX.into()));
        }
        out
    }

    /// The first place of `size` in `windows` that no neighbour takes.
    fn free_place(&self, node: NodeId, bar: &Bar, size: u64, windows: &[(u64, u64)]) -> Option<u64> {
        let topology = &self.hw.topology;
        let mut taken: Vec<(u64, u64)> = Vec::new();
        for other in topology.beside(node) {
            let config = &topology.node(other).config;
            let bars = topology.bars(other).into_iter().filter(|b| other != node || b.index != bar.index);
            let ranges = bars.filter_map(|b| b.range());
            let bridge = topology.node(other).is_bridge();
            let below =
                [config.memory_window(), config.prefetch_window()].into_iter().flatten().filter(|_| bridge);
            taken.extend(ranges.chain(below).map(|r| (r.start.raw(), r.last().raw())));
        }
        taken.sort_unstable();
        let align = |at: u64| at.checked_next_multiple_of(size);
        windows.iter().find_map(|(first, last)| {
            // A BAR at 0 counts as not set.
            let mut at = align((*first).max(1))?;
            for (a, b) in &taken {
                if *a <= at.checked_add(size - 1)? && at <= *b {
                    at = align(b.checked_add(1)?)?;
                }
            }
            (at.checked_add(size - 1)? <= *last).then_some(at)
        })
    }
}
