//! IOMMU groups: the smallest sets of functions that can be isolated from all others, computed as Linux does
//! (`pci_device_group` in drivers/iommu/iommu.c, `pci_acs_enabled` in drivers/pci/pci.c).
//!
//! Functions share a group when they share a requester id (behind a PCI bridge), or when a request of one
//! could reach another without passing the IOMMU: no ACS on the way up, or functions of one device without it.

use super::config::{acs, PortType};
use super::topology::{NodeId, Topology};
use alloc::{vec, vec::Vec};

/// The number of a group; groups are numbered in the order they were made.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct GroupId(pub u16);

/// Does the function keep its requests from peers? A port or function without the capability does not; a bit
/// that the capability lacks counts as wired on, except egress control.
fn isolates(topology: &Topology, node: NodeId) -> bool {
    let on = || match topology.node(node).config.acs() {
        Some((capability, control)) => {
            let wanted = acs::ISOLATION & (capability | acs::EGRESS_CONTROL);
            control & wanted == wanted
        }
        None => false,
    };
    match topology.node(node).port_type() {
        PortType::PciBridge => false,
        PortType::RootPort | PortType::Downstream => on(),
        PortType::Endpoint | PortType::Integrated | PortType::Upstream => {
            // What is on a conventional PCI bus has no ACS at all.
            let conventional = topology
                .node(node)
                .parent
                .is_some_and(|p| topology.node(p).port_type() == PortType::PciBridge);
            !conventional && (!topology.node(node).config.multifunction() || on())
        }
    }
}

/// Does every port from `node` up to the root keep requests from peers?
fn path_isolates(topology: &Topology, node: NodeId) -> bool {
    core::iter::once(node).chain(topology.ancestors(node)).all(|n| isolates(topology, n))
}

/// The group of every node, in the order of their ids. Call it once access control is set as it will be.
pub fn groups(topology: &Topology) -> Vec<GroupId> {
    let count = topology.nodes().count();
    let mut groups: Vec<Option<GroupId>> = vec![None; count];
    let mut next = 0;
    // Linux groups functions as it finds them: a bridge before what is behind it.
    for (node, _) in topology.nodes() {
        let group = existing(topology, &groups, node).unwrap_or_else(|| {
            let new = GroupId(next);
            next += 1;
            new
        });
        groups[usize::from(node.0)] = Some(group);
    }
    groups.into_iter().flatten().collect()
}

/// The group that a function joins, if there is one for it.
fn existing(topology: &Topology, groups: &[Option<GroupId>], node: NodeId) -> Option<GroupId> {
    let of = |n: NodeId| groups[usize::from(n.0)];
    // The highest bridge that takes requests over as its own: the function cannot be told from its alias.
    let mut lowest = node;
    for up in topology.ancestors(node) {
        if topology.node(up).port_type() == PortType::PciBridge {
            lowest = up;
            if let Some(group) = of(up) {
                return Some(group);
            }
        }
    }
    // Up from there, to where peers cannot be reached.
    // Bounded: up the tree of functions.
    while let Some(up) = topology.node(lowest).parent {
        if path_isolates(topology, up) {
            break;
        }
        lowest = up;
        if let Some(group) = of(up) {
            return Some(group);
        }
    }
    // Functions that send the same requester id.
    let requester = topology.requester(lowest);
    let mut others = topology.nodes().map(|(n, _)| n).filter(|n| *n != lowest);
    if let Some(group) = others.find_map(|n| of(n).filter(|_| topology.requester(n) == requester)) {
        return Some(group);
    }
    // Functions of the same device, where neither side keeps requests apart.
    let me = topology.node(lowest);
    if !me.config.multifunction() || isolates(topology, lowest) {
        return None;
    }
    let mut others = topology.nodes().filter(|(n, other)| {
        *n != lowest && other.id.raw() >> 3 == me.id.raw() >> 3 && !isolates(topology, *n)
    });
    others.find_map(|(n, _)| of(n))
}

#[cfg(test)]
mod tests {
    use super::super::topology::tests::{id, space, tree};
    use super::*;

    fn same(t: &Topology, a: &str, b: &str) -> bool {
        let g = groups(t);
        let of = |n: &str| g[usize::from(t.by_name(n).unwrap().0)];
        of(a) == of(b)
    }

    #[test]
    fn below_a_switch_without_acs_all_share_one_group() {
        let t = tree(false);
        assert!(same(&t, "gpu", "ssd") && same(&t, "gpu", "rp0") && same(&t, "gpu", "sw0"));
        assert!(!same(&t, "gpu", "nic"));
    }

    #[test]
    fn with_acs_on_the_whole_way_each_is_alone() {
        let mut t = tree(true);
        assert!(same(&t, "gpu", "ssd"), "the capability alone does not isolate");
        t.enable_all();
        assert!(!same(&t, "gpu", "ssd") && !same(&t, "gpu", "d0"));
        // One port without: what is behind it falls back to the switch's side, its peer stays alone.
        let d1 = t.by_name("d1").unwrap();
        t.node_mut(d1).config.set_acs(0);
        assert!(same(&t, "ssd", "d1") && !same(&t, "gpu", "ssd"));
        // The root port without: everything below falls together.
        let rp = t.by_name("rp0").unwrap();
        t.node_mut(rp).config.set_acs(0);
        assert!(same(&t, "gpu", "ssd") && same(&t, "gpu", "rp0"));
    }

    #[test]
    fn functions_of_one_device_need_acs_each() {
        for bits in [0, acs::ISOLATION] {
            let mut t = Topology::new();
            for (name, bdf) in [("a", "00:03.0"), ("b", "00:03.1")] {
                let mut c = space(PortType::Integrated);
                if bits != 0 {
                    c.add_acs(bits);
                }
                t.add(name, id(bdf), None, c).unwrap();
            }
            t.enable_all();
            assert_eq!(same(&t, "a", "b"), bits == 0);
        }
    }

    #[test]
    fn everything_behind_a_pci_bridge_is_one_group() {
        let mut t = Topology::new();
        let mut c = space(PortType::RootPort);
        c.add_acs(acs::ISOLATION);
        let rp = t.add("rp", id("00:1c.0"), None, c).unwrap();
        let br = t.add("br", id("05:00.0"), Some(rp), space(PortType::PciBridge)).unwrap();
        t.add("a", id("06:00.0"), Some(br), space(PortType::Endpoint)).unwrap();
        t.add("b", id("06:01.0"), Some(br), space(PortType::Endpoint)).unwrap();
        t.enable_all();
        assert!(same(&t, "a", "b") && same(&t, "a", "br") && !same(&t, "a", "rp"));
    }
}
