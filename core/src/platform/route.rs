//! How a packet finds its way: memory requests by address, up and down the tree; access control on the way.
//!
//! The trap that every IOVA allocator must know is here: an untranslated request whose address happens to lie
//! in a peer's window below the same switch goes to that peer, and the IOMMU never sees it, unless ACS sends
//! it up.

use super::bridges::BridgeId;
use super::config::{acs, BarKind, PortType};
use super::tlp::{AddressType, Header};
use super::topology::{NodeId, Topology};
use crate::addr::{BusAddr, RequesterId};
use crate::spec::{Rule, Text};
use crate::trace::{Actor, Event, Hop, Observer};
use alloc::vec::Vec;

/// One thing on the way. `None` stands for the root complex.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// The packet crosses a link.
    Link {
        /// From here.
        from: Option<NodeId>,
        /// To here.
        to: Option<NodeId>,
        /// Which way.
        hop: Hop,
    },
    /// A port applied a rule.
    Rule {
        /// The port.
        port: NodeId,
        /// The rule.
        rule: &'static Rule,
        /// Did the packet pass?
        ok: bool,
    },
}

/// Where a packet ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    /// A BAR claimed it.
    Function {
        /// Whose.
        node: NodeId,
        /// Which.
        bar: u8,
        /// Offset in it.
        offset: u64,
    },
    /// It arrived at the root complex.
    RootComplex,
    /// It was refused: completed with unsupported request, or dropped if it was a write.
    Refused(&'static Rule),
}

/// The way of a packet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Route {
    /// What it met, in order.
    pub steps: Vec<Step>,
    /// Where it ended.
    pub end: End,
    /// It was for a peer, but ACS sent it to the root complex.
    pub redirected: bool,
}

impl Route {
    /// The links only, back to front: the way of the completion. ACS redirect of completions takes the same way,
    /// since the requests went up too.
    pub fn back(&self) -> Vec<Step> {
        let turned = self.steps.iter().rev().filter_map(|step| match *step {
            Step::Link { from, to, hop } => {
                let hop = match hop {
                    Hop::Up => Hop::Down,
                    Hop::Down => Hop::Up,
                    Hop::Peer => Hop::Peer,
                };
                Some(Step::Link { from: to, to: from, hop })
            }
            Step::Rule { .. } => None,
        });
        turned.collect()
    }
}

macro_rules! rules {
    ($($(#[$doc:meta])* $name:ident: $en:literal, $zh:literal, $section:literal;)*) => {
        $($(#[$doc])* pub static $name: Rule = Rule { text: Text::new($en, $zh), section: $section };)*
    };
}

rules! {
    /// Bus Master Enable of the requester or a bridge is 0.
    NO_BUS_MASTER: "Bus Master Enable is 0: no requests go up", "不转发上行请求（Bus Master Enable 为 0）", "PCIe 7.5.1.1.3";
    /// A virtual function that its physical one does not make at present.
    NO_FUNCTION: "the virtual function is not there (VF Enable is 0, or NumVFs does not count it)", "虚拟功能不存在（VF Enable 为 0，或 NumVFs 未把它算在内）", "PCIe 9.3.3.3";
    /// Nobody claims the address.
    UNCLAIMED: "no BAR and no window claims this address", "没有 BAR 或窗口认领该地址", "PCIe 2.3.1";
    /// A bridge does not forward up what lies in its own window.
    OWN_WINDOW: "the address lies in the port's own window: it is not forwarded up", "地址落在端口自身的窗口内：不向上转发", "PCIe 7.5.1.3";
    /// A switch turned the request around.
    PEER: "the address lies in a peer's window: the switch turns it around", "地址落在同级设备的窗口内，由交换机就地转发", "PCIe 6.12";
    /// ACS R.
    REDIRECT: "ACS request redirect: the peer-to-peer request goes up to the root complex", "ACS 打开了请求重定向，对等传输（P2P）请求上送到根复合体", "PCIe 6.12.1.1";
    /// ACS U.
    FORWARD: "ACS upstream forwarding: what is for the port's own window goes up", "ACS 上游转发：目标为本端口的请求继续上行", "PCIe 6.12.1.1";
    /// ACS T.
    DIRECT: "ACS direct translated: a translated request may go to a peer", "ACS 已转换直达：已转换请求可直接到同级设备", "PCIe 6.12.1.1";
    /// ACS B.
    BLOCKED: "ACS translation blocking: a translated request does not pass", "ACS 转换拦截：已转换请求不得通过", "PCIe 6.12.1.1";
    /// ACS V.
    SOURCE: "ACS source validation: the requester's bus is not below the port", "ACS 来源验证：请求者的总线号不在端口之下", "PCIe 6.12.1.1";
}

/// A request as routing sees it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Request {
    /// The requester id in its header: usually the sender's own.
    pub requester: RequesterId,
    /// The address.
    pub at: BusAddr,
    /// The AT field.
    pub kind: AddressType,
}

impl Topology {
    /// The way of a memory request that `from` sends.
    pub fn route_up(&self, from: NodeId, request: Request) -> Route {
        let mut way = Way { topology: self, steps: Vec::new(), redirected: false };
        let end = way.climb(from, request);
        Route { steps: way.steps, end, redirected: way.redirected }
    }

    /// The way of a memory request from a host bridge down to the function that claims `at`.
    pub fn route_down(&self, bridge: BridgeId, at: BusAddr) -> Route {
        let mut way = Way { topology: self, steps: Vec::new(), redirected: false };
        let end = way.descend(bridge, None, at, Hop::Down);
        Route { steps: way.steps, end, redirected: false }
    }

    /// Would a root complex that forwards lead a request of `from` straight to another device? Where the root port above it
    /// redirects no peer-to-peer requests, and a BAR claims the address (PCIe 6.12.1.1).
    pub fn is_past_the_root(&self, from: NodeId, at: BusAddr) -> bool {
        let Some(port) = self.ancestors(from).last() else { return false };
        let redirects = self.node(port).config.acs_on(acs::REQUEST_REDIRECT);
        let down = self.route_down(self.node(from).bridge, at);
        !redirects && matches!(down.end, End::Function { .. })
    }

    /// The way from the root complex to a node: of completions, messages and configuration requests.
    pub fn route_to(&self, to: NodeId) -> Route {
        let mut above: Vec<_> = self.ancestors(to).collect();
        above.reverse();
        above.push(to);
        let mut from = None;
        let steps = above.into_iter().map(|to| {
            let link = Step::Link { from, to: Some(to), hop: Hop::Down };
            from = Some(to);
            link
        });
        Route { steps: steps.collect(), end: End::RootComplex, redirected: false }
    }

    /// Who claims an I/O port: the node, the BAR, the offset.
    pub fn claim_io(&self, port: u16) -> Option<(NodeId, u8, u64)> {
        let open = |n: &NodeId| {
            self.ancestors(*n).all(|up| {
                let c = &self.node(up).config;
                c.io_enabled() && c.io_window().is_some_and(|w| w.contains(&port))
            })
        };
        self.nodes().filter(|(n, node)| node.config.io_enabled() && open(n)).find_map(|(n, node)| {
            let bars = node.config.bars();
            let bar = bars.iter().find(|b| {
                b.kind == BarKind::Io && u64::from(port).wrapping_sub(b.address) < b.size && b.address != 0
            })?;
            Some((n, bar.index, u64::from(port) - bar.address))
        })
    }

    /// The memory BAR of `node` that claims `at`.
    fn claim(&self, node: NodeId, at: BusAddr) -> Option<(u8, u64)> {
        if !self.memory_enabled(node) {
            return None;
        }
        // A BAR at 0 was never set.
        self.bars(node)
            .iter()
            .filter(|b| b.address != 0)
            .find_map(|b| Some((b.index, b.range()?.offset_of(at)?)))
    }

    /// Does the bridge forward `at` down?
    fn forwards(&self, bridge: NodeId, at: BusAddr) -> bool {
        let config = &self.node(bridge).config;
        let windows = [config.memory_window(), config.prefetch_window()];
        config.memory_enabled() && windows.iter().flatten().any(|w| w.contains(at))
    }

    /// A node as the trace names it.
    fn trace_name<O: Observer>(&self, node: Option<NodeId>, obs: &mut O) -> crate::trace::NameId {
        obs.name(node.map_or("root complex", |n| &self.node(n).name))
    }

    /// Who acts when a packet leaves `node`.
    fn actor(&self, node: Option<NodeId>) -> Actor {
        match node {
            None => Actor::RootComplex,
            Some(n) if self.node(n).is_bridge() => Actor::Switch,
            Some(n) => Actor::Device(self.node(n).id),
        }
    }

    /// Records a packet's way.
    pub fn tell<O: Observer>(&self, steps: &[Step], header: &Header, payload: u32, obs: &mut O) {
        if !O::ON {
            return;
        }
        for step in steps {
            match *step {
                Step::Link { from, to, hop } => {
                    let (name_from, name_to) = (self.trace_name(from, obs), self.trace_name(to, obs));
                    let packet = Event::Packet {
                        hop,
                        from: name_from,
                        to: name_to,
                        header: header.dw,
                        dwords: header.len,
                        prefix: header.prefix,
                        payload,
                    };
                    obs.step(self.actor(from), packet);
                }
                Step::Rule { port, rule, ok } => {
                    let value = u64::from(self.node(port).id.raw());
                    obs.step(self.actor(Some(port)), Event::Check { rule, ok, value });
                }
            }
        }
    }
}

struct Way<'a> {
    topology: &'a Topology,
    steps: Vec<Step>,
    redirected: bool,
}

impl Way<'_> {
    fn link(&mut self, from: Option<NodeId>, to: Option<NodeId>, hop: Hop) {
        self.steps.push(Step::Link { from, to, hop });
    }

    fn rule(&mut self, port: NodeId, rule: &'static Rule, ok: bool) {
        self.steps.push(Step::Rule { port, rule, ok });
    }

    fn refuse(&mut self, port: NodeId, rule: &'static Rule) -> End {
        self.rule(port, rule, false);
        End::Refused(rule)
    }

    fn climb(&mut self, from: NodeId, request: Request) -> End {
        let tree = self.topology;
        if !tree.is_there(from) {
            return self.refuse(from, &NO_FUNCTION);
        }
        if !tree.node(from).config.bus_master() {
            return self.refuse(from, &NO_BUS_MASTER);
        }
        if let Some(end) = self.sibling(from, request) {
            return end;
        }
        let mut at = from;
        let mut asked_up = false;
        // Bounded: up the tree of functions.
        while let Some(port) = tree.node(at).parent {
            self.link(Some(at), Some(port), Hop::Up);
            let config = &tree.node(port).config;
            if !config.bus_master() {
                return self.refuse(port, &NO_BUS_MASTER);
            }
            let kind = config.port_type();
            let ingress = matches!(kind, PortType::RootPort | PortType::Downstream);
            if ingress {
                if let Some(end) = self.access_control(port, request) {
                    return end;
                }
            }
            if kind == PortType::Downstream {
                let peer = tree
                    .children(tree.node(port).parent)
                    .find(|p| *p != port && tree.forwards(*p, request.at));
                if let Some(peer) = peer {
                    let translated = request.kind == AddressType::Translated;
                    let direct = translated && config.acs_on(acs::DIRECT_TRANSLATED);
                    if !config.acs_on(acs::REQUEST_REDIRECT) || direct {
                        self.rule(port, if direct { &DIRECT } else { &PEER }, true);
                        self.link(Some(port), Some(peer), Hop::Peer);
                        return self.descend(tree.node(peer).bridge, Some(peer), request.at, Hop::Down);
                    }
                    self.rule(port, &REDIRECT, true);
                    self.redirected = true;
                    asked_up = true;
                }
            }
            if !asked_up && tree.forwards(port, request.at) {
                if !ingress || !config.acs_on(acs::UPSTREAM_FORWARDING) {
                    return self.refuse(port, &OWN_WINDOW);
                }
                self.rule(port, &FORWARD, true);
                self.redirected = true;
                asked_up = true;
            }
            at = port;
        }
        self.link(Some(at), None, Hop::Up);
        End::RootComplex
    }

    /// Source validation and translation blocking, where the port has them on.
    fn access_control(&mut self, port: NodeId, request: Request) -> Option<End> {
        let config = &self.topology.node(port).config;
        if config.acs_on(acs::SOURCE_VALIDATION) {
            let (_, secondary, subordinate) = config.buses();
            if !(secondary..=subordinate).contains(&request.requester.bus()) {
                return Some(self.refuse(port, &SOURCE));
            }
        }
        let translated = request.kind != AddressType::Untranslated;
        if translated && config.acs_on(acs::TRANSLATION_BLOCKING) {
            return Some(self.refuse(port, &BLOCKED));
        }
        None
    }

    /// Those who hear the request before any port does: other functions of the same device that ACS does not
    /// keep apart, and everything on the same conventional PCI bus.
    fn sibling(&mut self, from: NodeId, request: Request) -> Option<End> {
        let tree = self.topology;
        let me = tree.node(from);
        let shared = me.parent.is_some_and(|p| tree.node(p).port_type() == PortType::PciBridge);
        let apart = me.config.acs_on(acs::REQUEST_REDIRECT);
        // A link has one device below it, whose functions may have further device numbers (ARI).
        let link = me
            .parent
            .is_some_and(|p| matches!(tree.node(p).port_type(), PortType::RootPort | PortType::Downstream));
        let hears = |other: &NodeId| {
            let id = tree.node(*other).id;
            let device = link || id.device() == me.id.device();
            let one = id.bus() == me.id.bus() && id.segment() == me.id.segment() && device;
            *other != from && (shared || !apart && one)
        };
        let siblings = tree.beside(from).filter(hears);
        let (peer, (bar, offset)) =
            siblings.into_iter().find_map(|s| Some((s, tree.claim(s, request.at)?)))?;
        if tree.node(peer).is_bridge() {
            return None;
        }
        self.link(Some(from), Some(peer), Hop::Peer);
        Some(End::Function { node: peer, bar, offset })
    }

    fn descend(&mut self, bridge: BridgeId, mut at: Option<NodeId>, address: BusAddr, hop: Hop) -> End {
        let tree = self.topology;
        let below = |at| tree.children(at).filter(|n| tree.node(*n).bridge == bridge);
        // The deepest tree has a bridge for each bus.
        for _ in 0..=256 {
            let claimed = below(at).find_map(|n| Some((n, tree.claim(n, address)?)));
            if let Some((node, (bar, offset))) = claimed {
                self.link(at, Some(node), hop);
                return End::Function { node, bar, offset };
            }
            let bridges = below(at).filter(|n| tree.node(*n).is_bridge());
            match bridges.into_iter().find(|n| tree.forwards(*n, address)) {
                Some(bridge) => {
                    self.link(at, Some(bridge), hop);
                    at = Some(bridge);
                }
                None => break,
            }
        }
        if let Some(port) = at {
            self.rule(port, &UNCLAIMED, false);
        }
        End::Refused(&UNCLAIMED)
    }
}

#[cfg(test)]
mod tests {
    use super::super::config::{command, BarSpec};
    use super::super::resources::{assign, Fixed};
    use super::super::tlp::Tlp;
    use super::super::topology::tests::{id, space, tree};
    use super::super::window::{Direction, HostBridge};
    use super::*;
    use crate::addr::PhysAddr;
    use crate::trace::Trace;
    use proptest::prelude::*;

    fn built(with_acs: bool) -> (Topology, NodeId, NodeId) {
        let mut t = tree(with_acs);
        for name in ["gpu", "ssd", "nic"] {
            let n = t.by_name(name).unwrap();
            let spec = BarSpec { kind: BarKind::Memory32, prefetch: false, size: 64 << 10 };
            t.node_mut(n).config.add_bar(0, spec).unwrap();
        }
        let mut b = HostBridge::new();
        let at = 0x8000_0000;
        b.add("low", Direction::Outbound, PhysAddr::new(at), BusAddr::new(at), 1 << 28, false).unwrap();
        assign(&mut t, &b.into(), None, &Fixed::default()).unwrap();
        t.enable_all();
        let (gpu, ssd) = (t.by_name("gpu").unwrap(), t.by_name("ssd").unwrap());
        (t, gpu, ssd)
    }

    fn bar(t: &Topology, n: NodeId) -> BusAddr {
        BusAddr::new(t.node(n).config.bar(0).unwrap().address)
    }

    fn request(t: &Topology, from: NodeId, at: BusAddr, kind: AddressType) -> Request {
        Request { requester: t.node(from).id, at, kind }
    }

    #[test]
    fn a_switch_turns_a_peer_request_around_unless_acs_redirects_it() {
        let (t, gpu, ssd) = built(false);
        let to = bar(&t, gpu);
        let r = t.route_up(ssd, request(&t, ssd, to, AddressType::Untranslated));
        assert_eq!(r.end, End::Function { node: gpu, bar: 0, offset: 0 });
        assert!(!r.redirected && r.steps.iter().any(|s| matches!(s, Step::Link { hop: Hop::Peer, .. })));

        let (t, gpu, ssd) = built(true);
        let r = t.route_up(ssd, request(&t, ssd, bar(&t, gpu), AddressType::Untranslated));
        assert_eq!((r.end, r.redirected), (End::RootComplex, true));
        let r = t.route_down(BridgeId(0), bar(&t, gpu));
        assert_eq!(r.end, End::Function { node: gpu, bar: 0, offset: 0 });
    }

    #[test]
    fn translated_requests_may_go_direct_or_be_blocked() {
        let (mut t, gpu, ssd) = built(true);
        let to = bar(&t, gpu);
        let d1 = t.by_name("d1").unwrap();
        t.node_mut(d1).config.set_acs(acs::ISOLATION | acs::DIRECT_TRANSLATED);
        let r = t.route_up(ssd, request(&t, ssd, to, AddressType::Translated));
        assert!(matches!(r.end, End::Function { .. }));
        t.node_mut(d1).config.set_acs(acs::ISOLATION | acs::TRANSLATION_BLOCKING);
        let r = t.route_up(ssd, request(&t, ssd, to, AddressType::Translated));
        assert_eq!(r.end, End::Refused(&BLOCKED));
    }

    #[test]
    fn a_forged_requester_is_caught_by_source_validation() {
        for with_acs in [false, true] {
            let (t, _, ssd) = built(with_acs);
            let forged = Request {
                requester: id("00:03.0"),
                at: BusAddr::new(0x1000),
                kind: AddressType::Untranslated,
            };
            let end = t.route_up(ssd, forged).end;
            assert_eq!(end, if with_acs { End::Refused(&SOURCE) } else { End::RootComplex });
        }
    }

    #[test]
    fn without_bus_mastering_nothing_goes_up() {
        let (mut t, _, ssd) = built(false);
        for who in ["ssd", "d1", "rp0"] {
            let n = t.by_name(who).unwrap();
            let before = t.node(n).config.command();
            t.node_mut(n).config.write(4, 2, u32::from(before & !command::BUS_MASTER));
            let r = t.route_up(ssd, request(&t, ssd, BusAddr::new(0x1000), AddressType::Untranslated));
            assert_eq!(r.end, End::Refused(&NO_BUS_MASTER), "{who}");
            t.node_mut(n).config.write(4, 2, before.into());
        }
    }

    #[test]
    fn an_address_in_the_switchs_range_that_no_port_claims_is_refused() {
        let (t, gpu, ssd) = built(false);
        let inside = BusAddr::new(bar(&t, ssd).raw() + (64 << 10));
        let r = t.route_up(ssd, request(&t, ssd, inside, AddressType::Untranslated));
        assert_eq!(r.end, End::Refused(&OWN_WINDOW));
        let r = t.route_up(gpu, request(&t, gpu, inside, AddressType::Untranslated));
        assert_eq!(r.end, End::Refused(&UNCLAIMED));
        assert_eq!(t.route_down(BridgeId(0), BusAddr::new(0xfff_f000)).end, End::Refused(&UNCLAIMED));
    }

    #[test]
    fn functions_of_one_device_reach_each_other_without_acs() {
        let mut t = Topology::new();
        let spec = BarSpec { kind: BarKind::Memory32, prefetch: false, size: 4096 };
        let mut make = |name: &str, bdf: &str, at| {
            let mut c = space(PortType::Integrated);
            c.add_bar(0, spec).unwrap();
            c.set_bar(0, at);
            c.add_acs(acs::ISOLATION);
            t.add(name, id(bdf), None, c).unwrap()
        };
        let a = make("a", "00:03.0", 0x8000_0000);
        let b = make("b", "00:03.1", 0x8000_1000);
        t.enable_all();
        let go = |t: &Topology| t.route_up(a, request(t, a, bar(t, b), AddressType::Untranslated)).end;
        assert_eq!(go(&t), End::RootComplex);
        t.node_mut(a).config.set_acs(0);
        assert_eq!(go(&t), End::Function { node: b, bar: 0, offset: 0 });
    }

    #[test]
    fn every_link_is_told_with_the_header() {
        let (t, _, ssd) = built(false);
        let r = t.route_up(ssd, request(&t, ssd, BusAddr::new(0x1000), AddressType::Untranslated));
        let header = Tlp::memory(t.node(ssd).id, 1, false, BusAddr::new(0x1000), 64).encode();
        let mut trace = Trace::new();
        t.tell(&r.steps, &header, 0, &mut trace);
        let names: Vec<_> = trace
            .steps()
            .iter()
            .filter_map(|s| match s.event {
                Event::Packet { from, to, .. } => Some((trace.get_name(from), trace.get_name(to))),
                _ => None,
            })
            .collect();
        assert_eq!(names, [("ssd", "d1"), ("d1", "sw0"), ("sw0", "rp0"), ("rp0", "root complex")]);
        assert_eq!(r.back().len(), 4);
        assert_eq!(t.route_to(ssd).steps, r.back());
    }

    proptest! {
        /// Down then up: whatever the root complex can reach, it reaches by a chain of links; nothing panics.
        #[test]
        fn routes_are_chains(at in 0x7fff_0000u64..0x9000_1000, with_acs: bool) {
            let (t, gpu, ssd) = built(with_acs);
            for r in [t.route_down(BridgeId(0), BusAddr::new(at)),
                      t.route_up(ssd, request(&t, ssd, BusAddr::new(at), AddressType::Untranslated)),
                      t.route_up(gpu, request(&t, gpu, BusAddr::new(at), AddressType::Untranslated))] {
                let links: Vec<_> = r.steps.iter().filter_map(|s| match s {
                    Step::Link { from, to, .. } => Some((*from, *to)),
                    _ => None,
                }).collect();
                for pair in links.windows(2) {
                    prop_assert_eq!(pair[0].1, pair[1].0);
                }
            }
        }
    }
}
