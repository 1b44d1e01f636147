//! Host bridges that a scenario names: their windows, what is behind which, and where two of them contradict each other.

use super::super::problem;
use super::bad_range;
use crate::addr::{AddrRange, PhysAddr, RequesterId};
use crate::iommu::Architecture;
use crate::platform::bridges::{BridgeId, Bridges};
use crate::platform::topology::{NodeId, Topology};
use crate::platform::window::{Direction, HostBridge};
use crate::scenario::ast::{self, Name};
use crate::scenario::outline::{At, Outline};
use crate::scenario::span::Node;
use crate::scenario::{Problem, Span};
use alloc::{format, vec::Vec};

/// The most bridges that a scenario may name.
const MOST: usize = 16;

/// Takes the CPU's side of a window: where, its name, its line.
type Claim<'a> = dyn FnMut(AddrRange<PhysAddr>, &str, Span) -> Result<(), Problem> + 'a;

/// The named bridges with their windows; `claim` takes the CPU's side of a window.
pub(super) fn named(outline: &Outline<'_>, claim: &mut Claim<'_>) -> Result<Vec<HostBridge>, Problem> {
    let mut all: Vec<HostBridge> = Vec::new();
    for line in &outline.bridges {
        let index = match all.iter().position(|b| b.name == line.name.value) {
            Some(index) => index,
            None if all.len() == MOST => {
                return Err(Problem::new(
                    line.name.span,
                    format!("more than {MOST} host bridges"),
                    format!("主桥超过 {MOST} 个"),
                ))
            }
            None => {
                let said = |l: &&At<'_, ast::HostBridge>| l.name.value == line.name.value;
                let segment =
                    once(outline.bridges.iter().filter(said), |l| l.segment.map(|n| (n.value, n.span)))?;
                let target = once(outline.bridges.iter().filter(said), |l| {
                    l.msi_target.as_ref().and_then(|at| Some((at.address()?, at.span)))
                })?;
                let mut bridge = HostBridge::new();
                bridge.name = line.name.value.clone();
                bridge.segment = segment.unwrap_or(0).min(255) as u8;
                bridge.msi_target = target;
                bridge.no_iommu = outline.bridges.iter().filter(said).any(|l| l.no_iommu);
                all.push(bridge);
                all.len() - 1
            }
        };
        let bridge = &mut all[index];
        let name = |bridge: &HostBridge, direction, word: &str| {
            format!("{}.{word}{}", bridge.name, bridge.of(direction).count())
        };
        let shared = |error, direction: Direction| {
            let out = problem(line.span, error);
            // The other is an earlier line of the same bridge.
            let other = outline.bridges.iter().find(|l| {
                let there = match direction {
                    Direction::Outbound => l.outbound.is_some(),
                    Direction::Inbound => l.inbound.is_some(),
                };
                there && l.name.value == line.name.value && l.span.line != line.span.line
            });
            match other {
                Some(other) => out.related(
                    other.span,
                    "another window of this bridge is here",
                    "这个主桥的另一个窗口在这里",
                ),
                None => out,
            }
        };
        if let Some(window) = &line.outbound {
            let cpu = window.cpu.addresses().ok_or_else(|| bad_range(window.cpu.span))?;
            let bus = window.bus.address().ok_or_else(|| bad_range(window.bus.span))?;
            let name = name(bridge, Direction::Outbound, "window");
            bridge
                .add(&name, Direction::Outbound, cpu.start, bus, cpu.len(), window.prefetch)
                .map_err(|e| shared(e, Direction::Outbound))?;
            claim(cpu, &name, line.span)?;
        }
        if let Some(window) = &line.inbound {
            let bus = window.bus.addresses().ok_or_else(|| bad_range(window.bus.span))?;
            let cpu = window.cpu.address().ok_or_else(|| bad_range(window.cpu.span))?;
            let name = name(bridge, Direction::Inbound, "inbound");
            bridge
                .add(&name, Direction::Inbound, cpu, bus.start, bus.len(), false)
                .map_err(|e| shared(e, Direction::Inbound))?;
        }
    }
    Ok(all)
}

/// What at most one of some lines may say.
fn once<'a, 's: 'a, T: Copy + PartialEq>(
    lines: impl Iterator<Item = &'a At<'s, ast::HostBridge>>,
    what: impl Fn(&ast::HostBridge) -> Option<(T, Span)>,
) -> Result<Option<T>, Problem> {
    let mut first: Option<(T, Span)> = None;
    for (value, span) in lines.filter_map(|l| what(l)) {
        match first {
            Some((before, at)) if before != value => {
                return Err(Problem::new(
                    span,
                    "another line says something else of this bridge",
                    "另一行对这个主桥的说法不同",
                )
                .related(at, "it is said here", "写在这里"))
            }
            Some(_) => {}
            None => first = Some((value, span)),
        }
    }
    Ok(first.map(|(value, _)| value))
}

/// Is this the name of a host bridge?
pub(super) fn is_bridge(outline: &Outline<'_>, name: &Name) -> bool {
    outline.bridges.iter().any(|line| line.name.value == name.value)
}

/// The line that first names a bridge.
fn line_of(outline: &Outline<'_>, name: &str) -> Option<Span> {
    outline.bridges.iter().find(|line| line.name.value == name).map(|line| line.span)
}

/// Does a line speak of the bridge without a name?
fn unnamed_line(outline: &Outline<'_>) -> Option<Span> {
    let out = outline.outbound.first().map(|w| w.span);
    out.or(outline.inbound.first().map(|w| w.span))
}

/// Is something behind the bridge without a name?
pub(super) fn is_unnamed_used(outline: &Outline<'_>) -> bool {
    let segment_of = |name: &str| {
        let mut lines = outline.bridges.iter().filter(|l| l.name.value == name);
        lines.find_map(|l| l.segment).map_or(0, |n| n.value)
    };
    let other = |behind: &Option<Name>, id: RequesterId| {
        behind.is_some()
            || outline.bridges.iter().any(|l| segment_of(&l.name.value) == u64::from(id.segment()))
    };
    let ports = outline.ports.iter().map(|p| (&p.port.behind, p.port.id.value));
    let devices = outline.devices.iter().map(|d| (&d.device.behind, d.device.id.value));
    match outline.bridges.is_empty() {
        true => !outline.devices.is_empty(),
        false => ports.chain(devices).any(|(behind, id)| !other(behind, id)),
    }
}

/// The host bridge of a port or device: the one that it is `behind`; without that the one whose segment its id names.
pub(super) fn root(
    outline: &Outline<'_>,
    bridges: &Bridges,
    behind: &Option<Name>,
    id: &Node<RequesterId>,
    parent: Option<NodeId>,
) -> Result<BridgeId, Problem> {
    if !bridges.named() || parent.is_some() {
        return Ok(BridgeId::default());
    }
    let segment = id.value.segment();
    let in_segment = |problem: Problem| {
        let lines = bridges.all().filter(|(_, b)| !b.name.is_empty() && b.segment == segment);
        lines.fold(problem, |problem, (_, b)| match line_of(outline, &b.name) {
            Some(at) => problem.related(at, "a bridge of this segment", "这个段的主桥"),
            None => problem,
        })
    };
    if let Some(name) = behind {
        let found = bridges.all().find(|(_, b)| b.name == name.value);
        let Some((at, bridge)) = found else { return Ok(BridgeId::default()) };
        if bridge.segment == segment {
            return Ok(at);
        }
        let own = bridge.segment;
        let out = Problem::new(
            id.span,
            format!(
                "{} is in segment {segment}, but the buses of {} are in segment {own}",
                id.value, bridge.name
            ),
            format!("{} 在段 {segment}，而 {} 的总线在段 {own}", id.value, bridge.name),
        );
        return Err(match line_of(outline, &bridge.name) {
            Some(at) => out.related(at, "the bridge is here", "主桥在这里"),
            None => out,
        });
    }
    let mut of: Vec<BridgeId> =
        bridges.all().filter(|(_, b)| !b.name.is_empty() && b.segment == segment).map(|(id, _)| id).collect();
    if segment == 0 && (of.is_empty() || unnamed_line(outline).is_some()) {
        return Ok(BridgeId::default());
    }
    match (of.pop(), of.is_empty()) {
        (Some(only), true) => Ok(only),
        (Some(_), false) => Err(in_segment(Problem::new(
            id.span,
            format!("several bridges have segment {segment}: say which one {} is `behind`", id.value),
            format!("段 {segment} 有多个主桥：请用 `behind` 写明 {} 接在哪一个后面", id.value),
        ))),
        (None, _) => {
            let out = Problem::new(
                id.span,
                format!("no host bridge has segment {segment}"),
                format!("没有主桥属于段 {segment}"),
            );
            let last = outline.bridges.last().map(|line| line.span);
            Err(match last {
                Some(at) => out.related(at, "the bridges are named here", "主桥在这里写明"),
                None => out,
            })
        }
    }
}

/// The windows of a bridge for BARs, as the scenario declares them: prefetchable or not, and the line.
pub(super) fn windows<'a>(
    outline: &'a Outline<'_>,
    bridges: &'a Bridges,
    id: BridgeId,
) -> impl Iterator<Item = (bool, Span)> + 'a {
    let unnamed = outline.outbound.iter().filter(move |_| id == BridgeId(0)).map(|w| (w.prefetch, w.span));
    let own = outline.bridges.iter().filter(move |l| l.name.value == bridges.get(id).name);
    unnamed.chain(own.filter_map(|l| Some((l.outbound.as_ref()?.prefetch, l.span))))
}

/// The line of a port or device.
fn line_of_node(outline: &Outline<'_>, topology: &Topology, node: NodeId) -> Span {
    let name = &topology.node(node).name;
    let port = outline.ports.iter().find(|p| p.port.name.value == *name).map(|p| p.port.span);
    let device = || outline.devices.iter().find(|d| d.device.name.value == *name).map(|d| d.device.span);
    port.or_else(device).unwrap_or_default()
}

/// Refuses two bridges of one segment whose buses overlap.
pub(super) fn apart(outline: &Outline<'_>, bridges: &Bridges, topology: &Topology) -> Result<(), Problem> {
    if !bridges.named() {
        return Ok(());
    }
    // The buses of each bridge in each segment: first, last, and who is on the first.
    let mut ranges: Vec<(BridgeId, u8, u8, u8, NodeId)> = Vec::new();
    for (id, node) in topology.nodes() {
        let (bus, last) = (node.id.bus(), node.config.buses().2.max(node.id.bus()));
        match ranges.iter_mut().find(|r| r.0 == node.bridge && r.1 == node.id.segment()) {
            Some(range) => {
                if bus < range.2 {
                    (range.2, range.4) = (bus, id);
                }
                range.3 = range.3.max(last);
            }
            None => ranges.push((node.bridge, node.id.segment(), bus, last, id)),
        }
    }
    let called = |id: BridgeId| match bridges.get(id).name.as_str() {
        "" => ("the host bridge", "主桥"),
        name => (name, name),
    };
    // Bounded: pairs of at most 17 bridges.
    for (i, (one, segment, first, last, node)) in ranges.iter().enumerate() {
        for (other, of, from, to, there) in &ranges[..i] {
            if segment != of || last < from || to < first {
                continue;
            }
            let (a, b) = (called(*one), called(*other));
            let out = Problem::new(
                line_of_node(outline, topology, *node),
                format!(
                    "buses {first:02x} to {last:02x} are behind {}, and buses {from:02x} to {to:02x} of the same segment behind {}: \
                     they overlap",
                    a.0, b.0
                ),
                format!(
                    "{} 后面是总线 {first:02x} 到 {last:02x}，{} 后面是同一段的总线 {from:02x} 到 {to:02x}：两者重叠",
                    a.1, b.1
                ),
            );
            return Err(out.related(
                line_of_node(outline, topology, *there),
                "the other bridge's are here",
                "另一个主桥的总线在这里",
            ));
        }
    }
    Ok(())
}

/// Refuses two functions of different segments that the one IOMMU of this machine could not tell apart: where ids have 16 bits,
/// hardware has a unit for each segment.
pub(super) fn one_unit(
    outline: &Outline<'_>,
    architecture: Option<Architecture>,
    bridges: &Bridges,
    topology: &Topology,
) -> Result<(), Problem> {
    let short = architecture.is_some_and(|a| a.describe().unit.id_bits <= 16);
    if !bridges.named() || !short {
        return Ok(());
    }
    let behind = |node: NodeId| !bridges.get(topology.node(node).bridge).no_iommu;
    let nodes = || topology.nodes().map(|(id, _)| id).filter(|n| behind(*n));
    // Bounded: pairs of at most 256 nodes.
    for (i, node) in nodes().enumerate() {
        let id = topology.requester(node);
        for other in nodes().take(i) {
            let old = topology.requester(other);
            if old.bdf16() != id.bdf16() || old.segment() == id.segment() {
                continue;
            }
            let unit = "the machine has one IOMMU, which sees 16 bits of them (hardware has a unit for each segment)";
            let out = Problem::new(
                line_of_node(outline, topology, node),
                format!("{id} and {old} differ in the segment alone, and {unit}: use other bus numbers, or `no-iommu` at one bridge"),
                format!(
                    "{id} 和 {old} 只有段不同，而这台机器只有一个 IOMMU，只看 16 位（真实硬件每个段有自己的 IOMMU）：请换总线号，或在其中一个主桥写 `no-iommu`"
                ),
            );
            return Err(out.related(
                line_of_node(outline, topology, other),
                "the other is here",
                "另一个在这里",
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::machine::run;
    use alloc::{format, string::ToString};

    /// The first problem of a machine, and the line that it relates to.
    fn refused(machine: &str) -> (alloc::string::String, Option<u32>) {
        let text = format!("iommu-playground 2\nram 0 .. 1G\n{machine}\nsteps\n  alloc buf 4K\n");
        let problems = run(&text).map(|_| ()).expect_err(&text);
        let first = &problems.0[0];
        assert!(!first.message.zh.is_empty());
        (first.message.en.to_string(), first.related.as_ref().map(|r| r.0.line))
    }

    #[test]
    fn what_two_bridges_cannot_share_is_named_with_both_lines() {
        let one = "bridge a cpu 0x8000_0000 +64M -> bus 0x8000_0000";
        let cases = [
            // Windows at the same physical addresses.
            (format!("{one}\nbridge b segment 1 cpu 0x8200_0000 +64M -> bus 0"), "overlaps", Some(3)),
            // One bridge, the same bus addresses twice.
            (format!("{one}\nbridge a cpu 0x9000_0000 +64M -> bus 0x8100_0000"), "share bus addresses", Some(3)),
            (format!("{one}\nbridge a segment 1\nbridge a segment 2"), "something else", Some(4)),
            // A segment without a bridge, and one that is not the bridge's.
            (format!("{one}\ndevice d 0002:01:00.0"), "no host bridge has segment 2", Some(3)),
            (format!("{one}\ndevice d 0002:01:00.0 behind a"), "is in segment 2, but the buses of a", Some(3)),
            (format!("{one}\nbridge b\ndevice d 01:00.0"), "several bridges have segment 0", Some(4)),
            // The same buses twice in one segment.
            (
                format!("{one}\nbridge b\ndevice d 01:00.0 behind a\ndevice e 03:00.0 behind a\ndevice f 02:00.0 behind b"),
                "they overlap",
                Some(5),
            ),
            // One unit sees 16 bits of a requester id.
            (
                format!("{one}\nbridge b segment 1\ndevice d 01:00.0 behind a\ndevice e 0001:01:00.0 behind b"),
                "differ in the segment alone",
                Some(5),
            ),
            (format!("{one}\nbridge b segment 256"), "segment", None),
            (format!("{one}\ndevice a 01:00.0"), "taken by a host bridge", Some(3)),
        ];
        for (machine, says, line) in cases {
            let (en, related) = refused(&machine);
            assert!(en.contains(says), "{machine}\n{en}");
            assert_eq!(related, line, "{machine}\n{en}");
        }
    }

    #[test]
    fn an_msi_target_that_does_not_fit_is_an_error_of_the_step() {
        let machine = |target: &str| {
            format!(
                "iommu-playground 2\nmachine none\nram 0 .. 1G\nbridge a cpu 0x8000_0000 +64M -> bus 0x8000_0000 msi-target {target}\n\
                 device d 01:00.0 behind a\n  bar 0 64K\n  vectors 1 msi32\nsteps\n  alloc b 4K\n  program d write b.pa +64 interrupt 0x41\n"
            )
        };
        let ok = |text: &str| run(text).unwrap().failures().count() == 0;
        assert!(ok(&(machine("0xf_ffff_fffc") + "  expect error msi-32\n")));
        assert!(ok(
            &(machine("0xffff_fffc") + "  expect error none\n  doorbell d\n  expect interrupt vector 0x41\n")
        ));
    }
}
