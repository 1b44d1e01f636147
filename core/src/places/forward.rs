//! From an address to memory, by the walkers of the machine.

use super::{Of, Seen, Through};
use crate::addr::{BusAddr, DeviceAddr, GuestPhysAddr, Iova, Pasid, PhysAddr, VirtAddr};
use crate::iommu::{Outcome, PasidTag, Request, Unit};
use crate::machine::bus::{NO_BAR, NO_PEERS};
use crate::machine::Snapshot;
use crate::memory::Memory;
use crate::mmu;
use crate::paging::Want;
use crate::platform::bridges::BridgeId;
use crate::platform::local::Resolved;
use crate::platform::map::RegionKind;
use crate::platform::route::{End, Request as Routed};
use crate::platform::tlp::AddressType;
use crate::platform::topology::NodeId;
use crate::scenario::ast::PeerRouting;
use crate::spec::Phrase;
use crate::trace::{Event, Perms, Trace};
use alloc::{format, vec::Vec};

/// Where an address leads.
pub(super) struct Reach {
    pub to: Option<PhysAddr>,
    pub perms: Perms,
    pub through: Vec<Through>,
    /// Why it leads to no physical memory.
    pub thing: Phrase,
}

impl Reach {
    fn at(to: PhysAddr, perms: Perms, through: Vec<Through>) -> Self {
        Reach { to: Some(to), perms, through, thing: Phrase::default() }
    }
    fn nowhere(thing: Phrase, through: Vec<Through>) -> Self {
        Reach { to: None, perms: Perms::NONE, through, thing }
    }
}

/// Returns the entries that a trace has read, in order.
fn entries(trace: &Trace) -> Vec<Through> {
    let read = |event: Event| match event {
        Event::Read { entry, level, pa, words, .. } => Some(Through {
            entry: entry.name.into(),
            level,
            at: pa,
            raw: trace.get_words(words).first().copied().unwrap_or(0),
        }),
        _ => None,
    };
    trace.steps().iter().filter_map(|step| read(step.event)).collect()
}

pub(super) fn reach(seen: Seen<'_>, memory: &mut Memory, of: Of, address: u64) -> Reach {
    let now = seen.now;
    match of {
        Of::Physical => Reach::at(PhysAddr::new(address), Perms::RWX, Vec::new()),
        Of::Kernel => virt(memory, Some(now.kernel()), true, address),
        Of::Process(p) => virt(memory, now.processes().get(p).map(|p| p.space), false, address),
        Of::Vm(v) => guest(now, memory, v, address),
        Of::Device(device, pasid) => bus(seen, memory, device, pasid, address),
        Of::Local(device) => {
            let Some(d) = now.devices().get(device) else { return nothing() };
            match d.engine.map().resolve(DeviceAddr::new(address)) {
                Some((Resolved::Bus(at), _)) => bus(seen, memory, device, None, at.raw()),
                Some((Resolved::Own(offset), _)) => Reach::nowhere(
                    Phrase::new(
                        format!("{}'s own memory, byte {offset:#x}", d.name),
                        format!("{} 自己的内存，第 {offset:#x} 字节", d.name),
                    ),
                    Vec::new(),
                ),
                None => nothing(),
            }
        }
    }
}

fn nothing() -> Reach {
    Reach::nowhere(Phrase::new("nothing is mapped there", "那里没有映射"), Vec::new())
}

fn virt(memory: &mut Memory, space: Option<mmu::AddressSpace>, kernel: bool, address: u64) -> Reach {
    let Some(space) = space else { return nothing() };
    let mut trace = Trace::new();
    let want = Want { perms: Perms::NONE, privileged: kernel };
    match mmu::look(memory, &space, VirtAddr::new(address), want, &mut trace) {
        Ok(found) => Reach::at(found.to, found.perms, entries(&trace)),
        Err(fault) => Reach::nowhere(Phrase::same(format!("{fault}")), entries(&trace)),
    }
}

fn guest(now: Snapshot<'_>, memory: &mut Memory, vm: usize, address: u64) -> Reach {
    let Some(v) = now.vms().get(vm) else { return nothing() };
    let mut trace = Trace::new();
    let at = GuestPhysAddr::new(address);
    match mmu::look_guest(memory, &v.guest(vm), at, Want::default(), &mut trace) {
        Ok(found) => Reach::at(found.to, found.perms, entries(&trace)),
        Err(fault) => Reach::nowhere(Phrase::same(format!("{fault}")), entries(&trace)),
    }
}

/// A request of a device, as the root complex meets it.
fn bus(seen: Seen<'_>, memory: &mut Memory, device: usize, pasid: Option<Pasid>, address: u64) -> Reach {
    let now = seen.now;
    let Some(d) = now.devices().get(device) else { return nothing() };
    let at = BusAddr::new(address);
    // What a switch turns around never comes to the IOMMU.
    let topology = now.topology();
    let request = Routed { requester: d.requester, at, kind: AddressType::Untranslated };
    match topology.route_up(d.node, request).end {
        End::Function { node, bar, .. } => return bar_of(now, node, bar),
        End::Refused(rule) => return Reach::nowhere(rule.text.into(), Vec::new()),
        End::RootComplex => {}
    }
    let (peers, dropped) = (now.peers(), now.peers() == Some(PeerRouting::Dropped));
    let id = now.bridge_id(device);
    let bridge = now.bridges().get(id);
    let down = || match topology.route_down(id, at).end {
        _ if dropped => Reach::nowhere(NO_PEERS.text.into(), Vec::new()),
        End::Function { node, bar, .. } => bar_of(now, node, bar),
        _ => Reach::nowhere(NO_BAR.text.into(), Vec::new()),
    };
    if bridge.msi_target == Some(at) {
        return Reach::nowhere(Phrase::new("an interrupt message", "中断消息"), Vec::new());
    }
    if peers == Some(PeerRouting::Forwarded) && topology.is_past_the_root(d.node, at) {
        return down();
    }
    // What a window or the IOMMU leads to another device's place meets the root complex too.
    let shut = |to: PhysAddr| dropped && now.map().find(to).is_some_and(|r| r.kind == RegionKind::Window);
    let Some(unit) = seen.unit.filter(|_| !d.bypass && !bridge.no_iommu) else {
        if bridge.cpu_addr(at).is_some() {
            return down();
        }
        return match bridge.to_phys(at) {
            Some(pa) if shut(pa) => Reach::nowhere(NO_PEERS.text.into(), Vec::new()),
            Some(pa) => Reach::at(pa, Perms::RW, Vec::new()),
            None => nothing(),
        };
    };
    // On a copy, for a request may change registers and memory; its caches are empty, so the tables alone answer.
    let (mut cold, mut copy, mut trace) = (unit.clone(), memory.clone(), Trace::new());
    let mut ask = |want| {
        trace.clear();
        let mut request = Request::new(d.requester, Iova::new(address), want, 1);
        request.pasid = pasid.map(|pasid| PasidTag { pasid, privileged: false, execute: false });
        (cold.translate(&mut copy, &request, &mut trace), entries(&trace))
    };
    let (read, through) = ask(Perms::R);
    let (write, of_write) = ask(Perms::W);
    if let (Outcome::Memory(t), _) | (_, Outcome::Memory(t)) = (&read, &write) {
        if shut(t.to) {
            return Reach::nowhere(NO_PEERS.text.into(), through);
        }
    }
    match (read, write) {
        (Outcome::Memory(t), Outcome::Memory(_)) => Reach::at(t.to, Perms::RW, through),
        (Outcome::Memory(t), _) => Reach::at(t.to, Perms::R, through),
        (_, Outcome::Memory(t)) => Reach::at(t.to, Perms::W, of_write),
        (Outcome::Fault(fault), _) => Reach::nowhere(
            Phrase::new(
                format!("fault {:#x}: {}", fault.code.code, fault.code.text.en),
                format!("转换错误 {:#x}：{}", fault.code.code, fault.code.text.zh),
            ),
            through,
        ),
        _ => Reach::nowhere(Phrase::new("an interrupt message", "中断消息"), through),
    }
}

/// A BAR of the function at `node`: no physical memory.
fn bar_of(now: Snapshot<'_>, node: NodeId, bar: u8) -> Reach {
    let name = now.devices().iter().find(|d| d.node == node).map_or("", |d| d.name.as_str());
    Reach::nowhere(Phrase::new(format!("BAR {bar} of {name}"), format!("{name} 的 BAR {bar}")), Vec::new())
}

/// The device behind a host bridge, and its BAR, that a bus address belongs to.
pub(super) fn claimed(now: Snapshot<'_>, bridge: BridgeId, at: BusAddr) -> Option<(&str, u8)> {
    use crate::platform::config::BarKind;
    let topology = now.topology();
    now.devices().iter().filter(|d| topology.node(d.node).bridge == bridge).find_map(|d| {
        let bars = topology.bars(d.node);
        let hit = bars.iter().find(|b| b.kind != BarKind::Io && at.raw().wrapping_sub(b.address) < b.size);
        hit.map(|b| (d.name.as_str(), b.index))
    })
}
