//! The host bridges of a machine: each a window onto buses of its own, in a segment, with addresses of its own.
//!
//! A bus address means something behind one bridge only: two controllers of one chip may both have RAM at 0x10_0000_0000, or
//! the same bus address may be two devices. The CPU's side is one for all, and no two bridges answer there at one address.

use super::window::{Direction, HostBridge, Window};
use crate::addr::{BusAddr, PhysAddr};
use crate::trace::Observer;
use alloc::vec::Vec;

/// Which host bridge: its place among [`Bridges`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Hash)]
pub struct BridgeId(pub u8);

/// All host bridges. The first is that which scenarios do not name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Bridges {
    first: HostBridge,
    more: Vec<HostBridge>,
}

impl Bridges {
    /// The bridge without a name, and those that have one.
    pub fn new(first: HostBridge, more: Vec<HostBridge>) -> Self {
        Bridges { first, more }
    }

    /// The bridge at a place; the first for a place that there is none at.
    pub fn get(&self, id: BridgeId) -> &HostBridge {
        usize::from(id.0).checked_sub(1).and_then(|i| self.more.get(i)).unwrap_or(&self.first)
    }

    /// Each bridge with its place.
    pub fn all(&self) -> impl Iterator<Item = (BridgeId, &HostBridge)> + '_ {
        core::iter::once(&self.first).chain(&self.more).enumerate().map(|(i, b)| (BridgeId(i as u8), b))
    }

    /// Are there bridges that a scenario names?
    pub fn named(&self) -> bool {
        !self.more.is_empty()
    }

    /// Every window, with its bridge's place.
    pub fn windows(&self) -> impl Iterator<Item = (BridgeId, &Window)> + '_ {
        self.all().flat_map(|(id, bridge)| bridge.windows().iter().map(move |w| (id, w)))
    }

    /// Outbound: behind which bridge, and where on its bus, an access of the CPU goes.
    pub fn to_bus(&self, at: PhysAddr) -> Option<(BridgeId, BusAddr)> {
        self.all().find_map(|(id, bridge)| Some((id, bridge.to_bus(at)?)))
    }

    /// [`Bridges::to_bus`], recorded.
    pub fn outbound<O: Observer>(&self, at: PhysAddr, obs: &mut O) -> Option<(BridgeId, BusAddr)> {
        let id = self.to_bus(at).map_or(BridgeId(0), |(id, _)| id);
        Some((id, self.get(id).outbound(at, obs)?))
    }

    /// The first bridge with an outbound window at a bus address of which nobody said which bus it is of.
    pub fn with_bus(&self, at: BusAddr) -> Option<BridgeId> {
        let open = |bridge: &HostBridge| bridge.of(Direction::Outbound).any(|w| w.bus.contains(at));
        self.all().find(|(_, bridge)| open(bridge)).map(|(id, _)| id)
    }
}

impl From<HostBridge> for Bridges {
    fn from(bridge: HostBridge) -> Self {
        Bridges::new(bridge, Vec::new())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::Trace;

    fn bridge(name: &str, cpu: u64) -> HostBridge {
        let mut b = HostBridge::new();
        b.name = name.into();
        b.add(name, Direction::Outbound, PhysAddr::new(cpu), BusAddr::new(0), 1 << 20, false).unwrap();
        b
    }

    #[test]
    fn the_same_bus_address_behind_two_bridges_is_two_places() {
        let all = Bridges::new(HostBridge::new(), alloc::vec![bridge("a", 1 << 32), bridge("b", 2 << 32)]);
        assert_eq!(all.to_bus(PhysAddr::new(1 << 32)), Some((BridgeId(1), BusAddr::new(0))));
        assert_eq!(all.to_bus(PhysAddr::new(2 << 32 | 5)), Some((BridgeId(2), BusAddr::new(5))));
        let back = |id| all.get(BridgeId(id)).cpu_addr(BusAddr::new(5));
        assert_eq!(
            (back(0), back(1), back(2)),
            (None, Some(PhysAddr::new(1 << 32 | 5)), Some(PhysAddr::new(2 << 32 | 5)))
        );
        assert_eq!(all.outbound(PhysAddr::new(7), &mut Trace::new()), None);
        assert_eq!(all.get(BridgeId(9)), all.get(BridgeId(0)));
    }
}
