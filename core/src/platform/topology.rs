//! The tree of PCI Express: the root complex, its root ports, switches, bridges and functions.

use super::bridges::BridgeId;
use super::config::{acs, command, Bar, ConfigSpace, PortType};
use crate::addr::RequesterId;
use crate::spec::{Localized, Phrase};
use alloc::{format, string::String, string::ToString, vec::Vec};
use core::fmt;

/// A port or a function of the tree.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct NodeId(pub u16);

/// One port or function.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Node {
    /// Its name.
    pub name: String,
    /// Its bus:device.function.
    pub id: RequesterId,
    /// The requester id that its requests carry instead of its own, when it is said to be another.
    pub alias: Option<RequesterId>,
    /// What it is below: a bridge, or the root complex.
    pub parent: Option<NodeId>,
    /// The host bridge that it is behind.
    pub bridge: BridgeId,
    /// Its configuration space.
    pub config: ConfigSpace,
    /// A virtual function: the physical one that makes it, and its number among those, from 0.
    pub physical: Option<(NodeId, u16)>,
}

impl Node {
    /// What kind of function it is.
    pub fn port_type(&self) -> PortType {
        self.config.port_type()
    }
    /// Is it a bridge, with a bus below it?
    pub fn is_bridge(&self) -> bool {
        self.port_type().is_bridge()
    }
}

/// Why a node cannot be where it was to be put. Names are those of the nodes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum TopologyError {
    /// The bus:device.function is in use.
    Taken {
        /// The id.
        id: RequesterId,
        /// By whom.
        by: String,
    },
    /// The parent is no bridge.
    NotABridge {
        /// The parent.
        parent: String,
    },
    /// This kind of function cannot be below that kind.
    Kind {
        /// The new node.
        name: String,
        /// What it would be below; empty for the root complex.
        parent: String,
        /// What can be there.
        allowed: &'static str,
    },
    /// Everything below a bridge is on one bus.
    Bus {
        /// The new node.
        name: String,
        /// The bus its id names.
        bus: u8,
        /// The bus it is on.
        expected: u8,
        /// The bridge.
        parent: String,
    },
    /// The bus below a bridge must have a higher number than the bus above, and no other bridge may have it.
    BusTaken {
        /// The bus.
        bus: u8,
        /// Where it is already.
        by: String,
    },
    /// At the other end of a link there is only device 0.
    OnlyDeviceZero {
        /// The new node.
        name: String,
        /// Its device number.
        device: u8,
        /// The port.
        parent: String,
    },
    /// A virtual function that its physical function does not make.
    NoVf {
        /// The virtual function.
        name: String,
        /// The id it was to have.
        id: RequesterId,
        /// The physical function.
        physical: String,
        /// The id that the physical function's registers give it; none: it is past bus ff.
        right: Option<RequesterId>,
        /// Its number among them.
        number: u16,
    },
    /// More than 4,096 nodes.
    TooMany,
}

impl fmt::Display for TopologyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TopologyError::Taken { id, by } => write!(f, "{id} is {by} already"),
            TopologyError::NotABridge { parent } => write!(f, "nothing can be behind {parent}"),
            TopologyError::Kind { name, parent, allowed } if parent.is_empty() => {
                write!(f, "{name} cannot be on the root bus: {allowed} can")
            }
            TopologyError::Kind { name, parent, allowed } => {
                write!(f, "{name} cannot be behind {parent}: {allowed} can")
            }
            TopologyError::Bus { name, bus, expected, parent } => {
                write!(f, "{name} is on bus {bus:02x}, but the bus behind {parent} is {expected:02x}")
            }
            TopologyError::BusTaken { bus, by } => write!(f, "bus {bus:02x} is {by} already"),
            TopologyError::OnlyDeviceZero { name, device, parent } => {
                write!(
                    f,
                    "{name} is device {device:02x}, but the link behind {parent} has only device 00: with `ari` at {parent} these \
                     are functions of it"
                )
            }
            TopologyError::NoVf { name, id, physical, right, number } => {
                write!(f, "{name} is {id}, but VF {number} of {physical} ")?;
                match right {
                    Some(right) => write!(f, "is {right}: its own id, `first`, and {number} times `stride`"),
                    None => write!(f, "would be past bus ff"),
                }
            }
            TopologyError::TooMany => write!(f, "more than {} functions", Topology::MAX),
        }
    }
}

impl Localized for TopologyError {
    fn phrase(&self) -> Phrase {
        let zh = match self {
            TopologyError::Taken { id, by } => format!("{id} 已经是 {by}"),
            TopologyError::NotABridge { parent } => format!("{parent} 后面不能接任何东西"),
            TopologyError::Kind { name, parent, allowed } if parent.is_empty() => {
                format!("{name} 不能直接在根总线上：只能是 {allowed}")
            }
            TopologyError::Kind { name, parent, allowed } => {
                format!("{name} 不能接在 {parent} 后面：只能是 {allowed}")
            }
            TopologyError::Bus { name, bus, expected, parent } => {
                format!("{name} 写的是总线 {bus:02x}，而 {parent} 后面的总线是 {expected:02x}")
            }
            TopologyError::BusTaken { bus, by } => format!("总线 {bus:02x} 已经是 {by} 的"),
            TopologyError::OnlyDeviceZero { name, device, parent } => {
                format!("{name} 是设备 {device:02x}，而 {parent} 后面的链路上只有设备 00（在 {parent} 上写 `ari`，它们就是设备 00 的功能）")
            }
            TopologyError::NoVf { name, id, physical, right, number } => match right {
                Some(right) => format!(
                    "{name} 写的是 {id}，而 {physical} 的第 {number} 个 VF 是 {right}：自身 ID 加 `first`，再加 {number} 个 `stride`"
                ),
                None => format!("{name} 写的是 {id}，而 {physical} 的第 {number} 个 VF 超出总线 ff"),
            },
            TopologyError::TooMany => format!("功能超过 {} 个", Topology::MAX),
        };
        Phrase::new(self.to_string(), zh)
    }
}

/// The tree. Nodes are added from the root down.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Topology {
    nodes: Vec<Node>,
}

impl Topology {
    /// The most nodes.
    pub const MAX: usize = 4096;

    /// Only the root complex.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a port or function. `parent` is none on the root bus. The first child of a bridge gives the bus
    /// below it its number.
    pub fn add(
        &mut self,
        name: &str,
        id: RequesterId,
        parent: Option<NodeId>,
        config: ConfigSpace,
    ) -> Result<NodeId, TopologyError> {
        self.add_behind(name, id, (BridgeId::default(), parent), config)
    }

    /// The same behind a host bridge, where there are several; what is below a port is behind the port's.
    pub fn add_behind(
        &mut self,
        name: &str,
        id: RequesterId,
        (bridge, parent): (BridgeId, Option<NodeId>),
        config: ConfigSpace,
    ) -> Result<NodeId, TopologyError> {
        let node = self.put(name, id, (bridge, parent), config, None)?;
        self.mark_multifunction(id);
        Ok(node)
    }

    /// Adds virtual function `number` of a physical one, on the link that this is on. It does not make a device one of several
    /// functions (Linux, `pci_iov_add_virtfn`: `virtfn->multifunction = 0`).
    pub fn add_virtual(
        &mut self,
        name: &str,
        id: RequesterId,
        (physical, number): (NodeId, u16),
        config: ConfigSpace,
    ) -> Result<NodeId, TopologyError> {
        let above = self.node(physical);
        let (own, place) = (above.id, (above.bridge, above.parent));
        let sriov = above.config.sriov();
        let bdf = own.raw() as u16;
        let right = sriov
            .filter(|s| {
                u32::from(bdf) + u32::from(s.first) + u32::from(s.stride) * u32::from(number) <= 0xffff
            })
            .map(|s| RequesterId::new(u32::from(own.segment()) << 16 | u32::from(s.routing_id(bdf, number))));
        if right != Some(id) {
            let (name, physical) = (name.into(), above.name.clone());
            return Err(TopologyError::NoVf { name, id, physical, right, number });
        }
        self.put(name, id, place, config, Some((physical, number)))
    }

    fn put(
        &mut self,
        name: &str,
        id: RequesterId,
        (bridge, parent): (BridgeId, Option<NodeId>),
        config: ConfigSpace,
        physical: Option<(NodeId, u16)>,
    ) -> Result<NodeId, TopologyError> {
        let bridge = parent.map_or(bridge, |parent| self.node(parent).bridge);
        if self.nodes.len() >= Self::MAX {
            return Err(TopologyError::TooMany);
        }
        if let Some(old) = self.nodes.iter().find(|n| n.id == id) {
            return Err(TopologyError::Taken { id, by: old.name.clone() });
        }
        self.check_place(name, id, parent, config.port_type(), physical.is_some())?;
        let node = NodeId(self.nodes.len() as u16);
        self.nodes.push(Node { name: name.into(), id, alias: None, parent, bridge, config, physical });
        if let Some(bridge) = parent {
            let primary = self.node(bridge).id.bus();
            self.node_mut(bridge).config.set_buses(primary, id.bus(), id.bus());
            self.raise_subordinates(bridge, id.bus());
        }
        Ok(node)
    }

    fn check_place(
        &self,
        name: &str,
        id: RequesterId,
        parent: Option<NodeId>,
        kind: PortType,
        virtual_function: bool,
    ) -> Result<(), TopologyError> {
        let wrong = |parent: &str, allowed| {
            Err(TopologyError::Kind { name: name.into(), parent: parent.into(), allowed })
        };
        let Some(parent) = parent else {
            if matches!(kind, PortType::Upstream | PortType::Downstream) {
                return wrong("", "a device or a root port");
            }
            return match self.nodes.iter().find(|n| n.is_bridge() && same_bus(n.config.buses().1, n, id)) {
                Some(n) if id.bus() != 0 => {
                    Err(TopologyError::BusTaken { bus: id.bus(), by: self.behind(n) })
                }
                _ => Ok(()),
            };
        };
        let above = self.node(parent);
        match (above.port_type(), kind) {
            (PortType::Endpoint | PortType::Integrated, _) => {
                return Err(TopologyError::NotABridge { parent: above.name.clone() })
            }
            (PortType::Upstream, PortType::Downstream) => {}
            (PortType::Upstream, _) => return wrong(&above.name, "a switch's downstream port"),
            (_, PortType::Downstream | PortType::RootPort) => {
                return wrong(&above.name, "a device, a switch or a bridge")
            }
            _ => {}
        }
        let secondary = above.config.buses().1;
        if secondary != 0 && secondary != id.bus() {
            let parent = above.name.clone();
            return Err(TopologyError::Bus { name: name.into(), bus: id.bus(), expected: secondary, parent });
        }
        if secondary == 0 {
            let user = self.nodes.iter().find(|n| same_bus(n.id.bus(), n, id));
            if let Some(user) = user {
                return Err(TopologyError::BusTaken { bus: id.bus(), by: self.bus_of(user) });
            }
            if id.bus() <= above.id.bus() {
                let by = self.bus_of(above);
                return Err(TopologyError::BusTaken { bus: id.bus(), by });
            }
        }
        let link = matches!(above.port_type(), PortType::RootPort | PortType::Downstream);
        // A virtual function has the id that it has, reached or not.
        if link && id.device() != 0 && !above.config.can_forward_ari() && !virtual_function {
            let parent = above.name.clone();
            return Err(TopologyError::OnlyDeviceZero { name: name.into(), device: id.device(), parent });
        }
        Ok(())
    }

    fn behind(&self, bridge: &Node) -> String {
        alloc::format!("behind {}", bridge.name)
    }
    fn bus_of(&self, node: &Node) -> String {
        match node.parent {
            Some(parent) => self.behind(self.node(parent)),
            None => "the root bus".into(),
        }
    }

    fn raise_subordinates(&mut self, from: NodeId, bus: u8) {
        let mut next = Some(from);
        // Bounded: up the tree of functions.
        while let Some(at) = next {
            let node = self.node_mut(at);
            let (primary, secondary, subordinate) = node.config.buses();
            node.config.set_buses(primary, secondary, subordinate.max(bus));
            next = node.parent;
        }
    }

    fn mark_multifunction(&mut self, id: RequesterId) {
        let same = |n: &&mut Node| n.physical.is_none() && n.id.raw() >> 3 == id.raw() >> 3;
        let mut slot: Vec<_> = self.nodes.iter_mut().filter(same).collect();
        if slot.len() > 1 {
            slot.iter_mut().for_each(|n| n.config.set_multifunction());
        }
    }

    /// Every node, in the order they were added.
    pub fn nodes(&self) -> impl Iterator<Item = (NodeId, &Node)> + '_ {
        self.nodes.iter().enumerate().map(|(i, n)| (NodeId(i as u16), n))
    }
    /// A node. Ids come from [`Topology::add`] only.
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[usize::from(id.0)]
    }
    /// A node, to be changed.
    pub fn node_mut(&mut self, id: NodeId) -> &mut Node {
        &mut self.nodes[usize::from(id.0)]
    }
    /// The node with this bus:device.function.
    pub fn by_id(&self, id: RequesterId) -> Option<NodeId> {
        self.nodes().find(|(_, n)| n.id == id).map(|(i, _)| i)
    }
    /// The node with this name.
    pub fn by_name(&self, name: &str) -> Option<NodeId> {
        self.nodes().find(|(_, n)| n.name == name).map(|(i, _)| i)
    }
    /// What is directly below a bridge, or on the root bus, in the order they were added.
    pub fn children(&self, parent: Option<NodeId>) -> impl Iterator<Item = NodeId> + '_ {
        self.nodes().filter(move |(_, n)| n.parent == parent).map(|(i, _)| i)
    }
    /// What is beside a node: below the same bridge, or on the same root bus; the node itself among it.
    pub fn beside(&self, node: NodeId) -> impl Iterator<Item = NodeId> + '_ {
        let (parent, bridge) = (self.node(node).parent, self.node(node).bridge);
        self.children(parent).filter(move |n| self.node(*n).bridge == bridge)
    }
    /// The bridges above a node, from the nearest up to the root port.
    pub fn ancestors(&self, of: NodeId) -> impl Iterator<Item = NodeId> + '_ {
        core::iter::successors(self.node(of).parent, |at| self.node(*at).parent)
    }

    /// The requester id that a node's requests carry when they reach the root complex: its own, what it is said
    /// to be, or, below a PCI Express to PCI bridge, the bridge's secondary bus with device and function 0
    /// (PCIe to PCI bridge specification 1.0, section 2.3).
    pub fn requester(&self, of: NodeId) -> RequesterId {
        if let Some(alias) = self.node(of).alias {
            return alias;
        }
        let bridge = self.ancestors(of).filter(|b| self.node(*b).port_type() == PortType::PciBridge).last();
        match bridge {
            Some(bridge) => {
                let bridge = self.node(bridge);
                let bus = RequesterId::bdf(bridge.config.buses().1, 0, 0).raw();
                RequesterId::new(u32::from(bridge.id.segment()) << 16 | bus)
            }
            None => self.node(of).id,
        }
    }

    /// Every id that a node's requests may carry, in the order that Linux attaches them: its own, then, where it has one, its
    /// alias (`pci_for_each_dma_alias`).
    pub fn requesters(&self, of: NodeId) -> impl Iterator<Item = RequesterId> {
        let (own, alias) = (self.node(of).id, self.requester(of));
        (own != alias).then_some(own).into_iter().chain([alias])
    }

    /// The BARs of a function where they are now. A virtual function has none of its own: its physical function's VF BARs
    /// have a part for each (PCIe 6.0 section 9.3.3.14).
    pub fn bars(&self, of: NodeId) -> Vec<Bar> {
        let node = self.node(of);
        let Some((physical, number)) = node.physical else { return node.config.bars() };
        let mut bars = self.node(physical).config.vf_bars();
        for bar in bars.iter_mut().filter(|bar| bar.address != 0) {
            bar.address = bar.address.wrapping_add(bar.size.wrapping_mul(number.into()));
        }
        bars
    }

    /// The BAR at `index` of a function.
    pub fn bar(&self, of: NodeId, index: u8) -> Option<Bar> {
        self.bars(of).into_iter().find(|bar| bar.index == index)
    }

    /// Is the function there? A virtual one is while its physical function has VF Enable on and counts it.
    pub fn is_there(&self, node: NodeId) -> bool {
        let Some((physical, number)) = self.node(node).physical else { return true };
        self.node(physical).config.sriov().is_some_and(|s| s.enabled && number < s.count)
    }

    /// Do its memory BARs answer?
    pub fn memory_enabled(&self, of: NodeId) -> bool {
        match self.node(of).physical {
            None => self.node(of).config.memory_enabled(),
            Some((physical, _)) => {
                self.is_there(of) && self.node(physical).config.sriov().is_some_and(|s| s.memory)
            }
        }
    }

    /// Do configuration requests reach it? Below a link only device 0 is asked, unless its port forwards for alternative
    /// routing ids (PCIe 6.0 section 6.13).
    pub fn is_configured(&self, node: NodeId) -> bool {
        let at = self.node(node);
        let reached = at.parent.is_none_or(|port| {
            let port = &self.node(port).config;
            let link = matches!(port.port_type(), PortType::RootPort | PortType::Downstream);
            !link || at.id.device() == 0 || port.forwards_ari()
        });
        reached && self.is_there(node)
    }

    /// Turns on what firmware and the operating system turn on: memory, I/O and bus mastering everywhere, and
    /// the four ACS controls that Linux asks for wherever the capability is (`pci_enable_acs`).
    /// Then alternative routing ids, and the virtual functions that were declared, where they are reached.
    pub fn enable_all(&mut self) {
        for node in &mut self.nodes {
            node.config.enable_ari_forwarding();
        }
        for at in (0..self.nodes.len()).map(|at| NodeId(at as u16)) {
            let declared =
                self.nodes.iter().filter(|n| n.physical.is_some_and(|(of, _)| of == at)).count() as u16;
            if declared > 0 {
                let ari = self.node(at).parent.is_some_and(|port| self.node(port).config.forwards_ari());
                self.node_mut(at).config.enable_vfs(declared, ari);
            }
        }
        let reached: Vec<bool> = self.nodes().map(|(at, _)| self.is_configured(at)).collect();
        for (node, _) in self.nodes.iter_mut().zip(reached).filter(|(_, reached)| *reached) {
            let on = command::IO | command::MEMORY | command::BUS_MASTER;
            let value = node.config.command() | on;
            node.config.write(4, 2, value.into());
            node.config.set_acs(acs::ISOLATION);
        }
    }
}

/// Is bus `bus` of a node's segment the one that `id` is on?
fn same_bus(bus: u8, node: &Node, id: RequesterId) -> bool {
    bus == id.bus() && node.id.segment() == id.segment()
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::config::Ids;
    use super::*;

    /// A space with ids that do not matter.
    pub fn space(port: PortType) -> ConfigSpace {
        ConfigSpace::new(port, Ids { vendor: 0x1af4, device: 0x1000, class: 0 })
    }

    pub fn id(text: &str) -> RequesterId {
        RequesterId::parse(text).unwrap()
    }

    /// rp0 - sw0 - (d0 - gpu, d1 - ssd); nic on the root bus.
    pub fn tree(with_acs: bool) -> Topology {
        let mut t = Topology::new();
        let port = |t: &mut Topology, name: &str, bdf: &str, kind, parent: Option<NodeId>| {
            let mut c = space(kind);
            if with_acs && matches!(kind, PortType::RootPort | PortType::Downstream) {
                c.add_acs(acs::ISOLATION | acs::TRANSLATION_BLOCKING | acs::DIRECT_TRANSLATED);
            }
            t.add(name, id(bdf), parent, c).unwrap()
        };
        let rp = port(&mut t, "rp0", "00:1c.0", PortType::RootPort, None);
        let sw = port(&mut t, "sw0", "01:00.0", PortType::Upstream, Some(rp));
        let d0 = port(&mut t, "d0", "02:00.0", PortType::Downstream, Some(sw));
        let d1 = port(&mut t, "d1", "02:01.0", PortType::Downstream, Some(sw));
        port(&mut t, "gpu", "03:00.0", PortType::Endpoint, Some(d0));
        port(&mut t, "ssd", "04:00.0", PortType::Endpoint, Some(d1));
        port(&mut t, "nic", "00:03.0", PortType::Integrated, None);
        t
    }

    #[test]
    fn buses_are_numbered_as_the_ids_say() {
        let t = tree(false);
        let buses = |name: &str| t.node(t.by_name(name).unwrap()).config.buses();
        assert_eq!(buses("rp0"), (0, 1, 4));
        assert_eq!(buses("sw0"), (1, 2, 4));
        assert_eq!(buses("d0"), (2, 3, 3));
        assert_eq!(buses("d1"), (2, 4, 4));
    }

    #[test]
    fn what_cannot_be_is_said() {
        let mut t = tree(false);
        let at = |t: &Topology, name: &str| t.by_name(name);
        let e = |t: &mut Topology, name: &str, bdf: &str, kind, parent| {
            t.add(name, id(bdf), parent, space(kind)).unwrap_err().to_string()
        };
        let (ep, down) = (PortType::Endpoint, PortType::Downstream);
        let (rp0, d0, gpu, sw0) = (at(&t, "rp0"), at(&t, "d0"), at(&t, "gpu"), at(&t, "sw0"));
        assert_eq!(e(&mut t, "x", "03:00.0", ep, d0), "03:00.0 is gpu already");
        assert_eq!(e(&mut t, "x", "05:00.0", ep, gpu), "nothing can be behind gpu");
        assert_eq!(e(&mut t, "x", "05:00.0", ep, d0), "x is on bus 05, but the bus behind d0 is 03");
        assert_eq!(
            e(&mut t, "x", "03:01.0", ep, d0),
            "x is device 01, but the link behind d0 has only device 00: with `ari` at d0 these are functions of it"
        );
        assert_eq!(
            e(&mut t, "x", "02:02.0", ep, sw0),
            "x cannot be behind sw0: a switch's downstream port can"
        );
        assert_eq!(
            e(&mut t, "x", "01:01.0", down, rp0),
            "x cannot be behind rp0: a device, a switch or a bridge can"
        );
        assert_eq!(
            e(&mut t, "x", "05:00.0", down, None),
            "x cannot be on the root bus: a device or a root port can"
        );
        let d2 = Some(t.add("d2", id("02:02.0"), sw0, space(down)).unwrap());
        assert_eq!(e(&mut t, "x", "04:00.1", ep, d2), "bus 04 is behind d1 already");
        assert_eq!(e(&mut t, "x", "04:00.1", ep, None), "bus 04 is behind d1 already");
        let rp1 = Some(t.add("rp1", id("00:1d.0"), None, space(PortType::RootPort)).unwrap());
        assert_eq!(e(&mut t, "x", "00:00.0", ep, rp1), "bus 00 is the root bus already");
    }

    #[test]
    fn two_functions_of_a_device_say_so() {
        let mut t = Topology::new();
        let a = t.add("a", id("00:03.0"), None, space(PortType::Integrated)).unwrap();
        assert!(!t.node(a).config.multifunction());
        let b = t.add("b", id("00:03.1"), None, space(PortType::Integrated)).unwrap();
        assert!(t.node(a).config.multifunction() && t.node(b).config.multifunction());
    }

    #[test]
    fn behind_a_pci_bridge_requests_carry_the_bridges_id() {
        let mut t = Topology::new();
        let rp = t.add("rp", id("00:1c.0"), None, space(PortType::RootPort)).unwrap();
        let br = t.add("br", id("05:00.0"), Some(rp), space(PortType::PciBridge)).unwrap();
        let a = t.add("a", id("06:04.0"), Some(br), space(PortType::Endpoint)).unwrap();
        assert_eq!(t.requester(a), id("06:00.0"));
        assert_eq!(t.requester(br), id("05:00.0"));
        t.node_mut(a).alias = Some(id("05:00.0"));
        assert_eq!(t.requester(a), id("05:00.0"));
    }
}
