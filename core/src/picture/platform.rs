//! What is there before anything is mapped: RAM, windows, guests, BARs, and who acts.

use super::{Col, Painter};
use crate::addr::BusAddr;
use crate::diagram::model::{ActorId, ActorKind, ArrowKind, ArrowState, ColumnId, Place, Region, RegionKind};
use crate::platform::config::{BarKind, PortType};
use crate::platform::map::RegionKind as Physical;
use crate::platform::topology::{NodeId, Topology};
use crate::platform::window::Direction as Way;
use crate::spec::{spaced, Phrase};
use crate::trace::Perms;
use alloc::{format, string::String, vec, vec::Vec};

impl Painter<'_> {
    pub(super) fn physical(&mut self) {
        let now = self.now;
        for region in now.map().regions() {
            let (kind, label) = match region.kind {
                Physical::Ram => (RegionKind::Ram, Phrase::new("RAM", "内存")),
                Physical::Window => (RegionKind::Mmio, Phrase::new("MMIO window", "MMIO 窗口")),
                Physical::IommuRegisters => {
                    (RegionKind::Registers, Phrase::new("IOMMU registers", "IOMMU 寄存器"))
                }
                Physical::Interrupts => (RegionKind::Msi, now.interrupts().name().into()),
                Physical::Config => (RegionKind::Registers, Phrase::new("configuration space", "配置空间")),
            };
            let key = format!("pa/{}", region.name);
            self.region(
                Col::Physical,
                Region::new(key, region.range.start.raw(), region.range.last().raw(), kind, label),
            );
        }
        if let Some(pool) = now.bounce_pool() {
            let (first, last) = (pool.start.raw(), pool.last().raw());
            let label = Phrase::new("bounce pool", "回弹缓冲池");
            let region = Region::new("pa/swiotlb", first, last, RegionKind::Reserved, label);
            self.region(Col::Physical, region);
        }
        for (bridge, window) in now.bridges().windows() {
            let bus_col = Col::Bus(bridge);
            let name = window.name.clone();
            let key = format!("bus/{name}");
            let (kind, label) = match window.direction {
                Way::Outbound => (RegionKind::Mmio, Phrase::new("bridge window", "主桥窗口")),
                Way::Inbound => (RegionKind::Ram, Phrase::new("RAM, seen from the bus", "从总线看到的内存")),
            };
            let (bus, cpu, len) = (window.bus.start.raw(), window.cpu.start.raw(), window.cpu.len());
            self.region(bus_col, Region::new(key, bus, window.bus.last().raw(), kind, label));
            let offset = if bus >= cpu { format!("+{:#x}", bus - cpu) } else { format!("-{:#x}", cpu - bus) };
            let label = if bus == cpu { Phrase::default() } else { Phrase::same(offset) };
            let (from, to) = match window.direction {
                Way::Outbound => ((Col::Physical, cpu), (bus_col, bus)),
                Way::Inbound => ((bus_col, bus), (Col::Physical, cpu)),
            };
            let key = format!("window:{name}");
            self.arrow(key, from, to, len, ArrowKind::Window, ArrowState::Live, Perms::RW, label);
        }
        let name = now.cpu().guest_stage().name;
        let by = Phrase::new(format!("mapping by {}", name.en), spaced(&format!("{} 映射", name.zh)));
        for (i, vm) in now.vms().iter().enumerate() {
            for (nth, (ram, at)) in vm.rams().enumerate() {
                let (gpa, hpa, len) = (ram.start.raw(), at.raw(), ram.len());
                // Further ranges are numbered from 2 on.
                let nth = if nth == 0 { String::new() } else { format!(".{}", nth + 1) };
                let name = Phrase::new(format!("RAM of {}", vm.name), format!("{} 的内存", vm.name));
                let region = Region::new(
                    format!("pa/{}{nth}", vm.name),
                    hpa,
                    hpa + (len - 1),
                    RegionKind::Ram,
                    name.clone(),
                );
                self.region(Col::Physical, region);
                let region = Region::new(
                    format!("gpa:{0}/ram{nth}", vm.name),
                    gpa,
                    gpa + (len - 1),
                    RegionKind::Ram,
                    name,
                );
                self.region(Col::Guest(i), region);
                self.arrow(
                    format!("ept:{}{nth}", vm.name),
                    (Col::Guest(i), gpa),
                    (Col::Physical, hpa),
                    len,
                    ArrowKind::Ept,
                    ArrowState::Live,
                    Perms::RWX,
                    by.clone(),
                );
            }
        }
    }

    pub(super) fn bars(&mut self) {
        let now = self.now;
        let topology = now.topology();
        for (i, device) in now.devices().iter().enumerate() {
            let node = topology.node(device.node);
            for bar in topology.bars(device.node) {
                let label = Phrase::same(format!("{} BAR{}", device.name, bar.index));
                let last = bar.address.saturating_add(bar.size - 1);
                let key = format!("bar:{}{}", device.name, bar.index);
                if bar.kind == BarKind::Io {
                    self.region(Col::Ports, Region::new(key, bar.address, last, RegionKind::Ports, label));
                    continue;
                }
                let mut region =
                    Region::new(format!("bus/{key}"), bar.address, last, RegionKind::Bar, label.clone());
                region.owner = Phrase::same(format!("{}", node.id));
                self.region(Col::Bus(now.bridge_id(i)), region);
                if let Some(pa) = now.bridge_of(i).cpu_addr(BusAddr::new(bar.address)) {
                    let end = pa.raw().saturating_add(bar.size - 1);
                    self.region(
                        Col::Physical,
                        Region::new(format!("pa/{key}"), pa.raw(), end, RegionKind::Bar, label),
                    );
                }
            }
            for (n, (range, target)) in device.engine.map().lines().iter().enumerate() {
                let (start, last) = (range.start.raw(), range.last().raw());
                let key = format!("dev:{}/{n}", device.name);
                match target {
                    crate::platform::local::Target::Own => {
                        let label = Phrase::new("own memory", "设备自有内存");
                        self.region(
                            Col::Device(i),
                            Region::new(key, start, last, RegionKind::DeviceMemory, label),
                        );
                    }
                    crate::platform::local::Target::Bus(bus) => {
                        let label = Phrase::new("the host", "主机");
                        self.region(
                            Col::Device(i),
                            Region::new(key.clone(), start, last, RegionKind::Mmio, label),
                        );
                        let to = (self.bus_of(i), bus.raw());
                        let offset = if bus.raw() >= start {
                            format!("+{:#x}", bus.raw() - start)
                        } else {
                            format!("-{:#x}", start - bus.raw())
                        };
                        self.arrow(
                            format!("map:{key}"),
                            (Col::Device(i), start),
                            to,
                            range.len(),
                            ArrowKind::DeviceMap,
                            ArrowState::Live,
                            Perms::RW,
                            Phrase::same(offset),
                        );
                    }
                }
            }
        }
    }

    /// What root ports forward: the part of the bridge's window that is theirs.
    pub(super) fn port_windows(&mut self) {
        let topology = self.now.topology();
        for (_, node) in topology.nodes().filter(|(_, n)| n.port_type() == PortType::RootPort).take(PORTS) {
            let windows = [node.config.memory_window(), node.config.prefetch_window()];
            for (kind, window) in ["", "/prefetch"].into_iter().zip(windows) {
                let Some(window) = window else { continue };
                let (first, last) = (window.start.raw(), window.last().raw());
                let label =
                    Phrase::new(format!("window of {}", node.name), spaced(&format!("{} 的窗口", node.name)));
                let key = format!("bus/port:{}{kind}", node.name);
                self.region(Col::Bus(node.bridge), Region::new(key, first, last, RegionKind::Mmio, label));
            }
        }
    }

    pub(super) fn actors(&mut self) {
        let now = self.now;
        let topology = now.topology();
        let first = ColumnId(0);
        let cpu = Place::LeftOf(first);
        self.model.add_actor("cpu", ActorKind::Cpu, cpu, Phrase::same("CPU"), Vec::new());
        let pa = self.spaces.get(&Col::Physical).copied();
        let bus = self.first_bus();
        if let Some(pa) = pa.filter(|p| p.0 > 0) {
            let left = ColumnId(pa.0 - 1);
            self.model.add_actor(
                "mmu",
                ActorKind::Mmu,
                Place::Between(left, pa),
                Phrase::same("MMU"),
                Vec::new(),
            );
        }
        if let (Some(pa), Some(bus)) = (pa, bus) {
            // In the machine's order: memory, IOMMU, bridge, bus.
            let place = Place::Between(pa, bus);
            if let Some(architecture) = now.architecture().filter(|_| now.iommu_on()) {
                let name = Phrase::same("IOMMU");
                let line = Phrase::same(architecture.name());
                self.model.add_actor("iommu", ActorKind::Iommu, place, name, vec![line]);
            }
            let name = Phrase::new("host bridge", "主桥");
            self.model.add_actor("rc", ActorKind::RootComplex, place, name, Vec::new());
        }
        let ports = self.ports();
        let mut devices: Vec<usize> = (0..now.devices().len()).collect();
        if !ports.is_empty() {
            // Beside each other in the tree, beside each other in the picture.
            devices.sort_by_key(|d| way_down(&topology, now.devices()[*d].node));
        }
        for i in devices {
            let device = &now.devices()[i];
            let col = if self.spaces.contains_key(&Col::Device(i)) { Col::Device(i) } else { self.bus_of(i) };
            let Some(column) = self.spaces.get(&col).copied().or(pa) else { continue };
            let id = topology.node(device.node).id;
            let lines = vec![Phrase::same(format!("{id}"))];
            let name = Phrase::same(device.name.clone());
            let key = format!("dev:{}", device.name);
            let below = self.model.add_actor(key, ActorKind::Device, Place::RightOf(column), name, lines);
            let above = topology.node(device.node).parent.map(|port| port_key(&topology, port));
            if let Some((_, above)) = ports.iter().find(|(key, _)| Some(key) == above.as_ref()) {
                self.model.links.push((*above, below));
            }
        }
    }

    /// The first bus that is drawn.
    fn first_bus(&self) -> Option<ColumnId> {
        self.spaces.iter().find(|(col, _)| matches!(col, Col::Bus(_))).map(|(_, id)| *id)
    }

    /// Root ports, bridges and switches above devices, wired together: where there are any, but not a crowd of them.
    fn ports(&mut self) -> Vec<(String, ActorId)> {
        let topology = &*self.now.topology();
        let beside = |this: &Self, bridge| {
            let place = this.spaces.get(&Col::Bus(bridge)).or(this.spaces.get(&Col::Physical)).copied();
            place.map(Place::RightOf)
        };
        let mut nodes: Vec<NodeId> = topology
            .nodes()
            .filter(|(_, n)| n.is_bridge() && n.port_type() != PortType::Downstream)
            .map(|(id, _)| id)
            .collect();
        if nodes.len() > PORTS {
            return Vec::new();
        }
        nodes.sort_by_key(|n| way_down(topology, *n));
        let mut ports: Vec<(String, ActorId)> = Vec::new();
        for id in nodes {
            let node = topology.node(id);
            let Some(place) = beside(self, node.bridge) else { continue };
            let what = match node.port_type() {
                PortType::RootPort => Phrase::new("root port", "根端口"),
                PortType::Upstream => Phrase::new("switch", "交换机"),
                _ => Phrase::new("PCI bridge", "PCI 桥"),
            };
            let key = port_key(topology, id);
            let name = Phrase::same(node.name.clone());
            let actor = self.model.add_actor(key.clone(), ActorKind::Switch, place, name, vec![what]);
            let above = node.parent.map(|port| port_key(topology, port));
            if let Some((_, above)) = ports.iter().find(|(key, _)| Some(key) == above.as_ref()) {
                self.model.links.push((*above, actor));
            }
            ports.push((key, actor));
        }
        ports
    }
}

/// The most ports and switches that are drawn.
const PORTS: usize = 12;

/// The key of the box that a bridge is in: all ports of a switch are one.
pub(super) fn port_key(topology: &Topology, node: NodeId) -> String {
    let port = topology.node(node);
    let node = match (port.port_type(), port.parent) {
        (PortType::Downstream, Some(upstream)) => topology.node(upstream),
        _ => port,
    };
    format!("port:{}", node.name)
}

/// The way from the root complex down to a node: orders a tree so that what is below a port stays together.
fn way_down(topology: &Topology, node: NodeId) -> Vec<u16> {
    let mut way: Vec<u16> = topology.ancestors(node).map(|n| n.0).collect();
    way.reverse();
    way.push(node.0);
    way
}
