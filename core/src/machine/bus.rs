//! What a device's request meets: ports and switches, the root complex, the IOMMU, memory or another device.

use super::{Device, Hardware};
use crate::addr::{AddrRange, BusAddr, Pasid, PhysAddr, RequesterId};
use crate::dma::{Access, Bus, BusError, Inside};
use crate::iommu::{Outcome, PasidTag, Refusal, Request, RequestKind, Unit};
use crate::machine::device_memory::Stream;
use crate::memory::{MemError, Memory};
use crate::os::cache::CpuCache;
use crate::platform::bridges::BridgeId;
use crate::platform::interrupts::{Controller, Message};
use crate::platform::map::RegionKind;
use crate::platform::route::{End, Request as Routed};
use crate::platform::tlp::{AddressType, PasidPrefix, Status, Tlp};
use crate::platform::topology::NodeId;
use crate::scenario::ast::PeerRouting;
use crate::spec::{Rule, Text};
use crate::trace::{read_data, write_data, Actor, Event, InterruptKind, Observer, Perms, Trace};

static NOTHING_ANSWERS: Rule = Rule {
    text: Text::new("nothing answers at this physical address", "这个物理地址无人应答"),
    section: "PCIe 2.3.1",
};
static NO_WINDOW: Rule = Rule {
    text: Text::new(
        "no inbound window of the host bridge takes this bus address",
        "主桥没有任何上行窗口接收这个总线域地址",
    ),
    section: "devicetree: dma-ranges",
};
/// The root complex is said to forward nothing between devices.
pub static NO_PEERS: Rule = Rule {
    text: Text::new(
        "this root complex forwards no requests from device to device",
        "这个根复合体不在设备之间转发请求",
    ),
    section: "PCIe 1.3.1",
};
/// Nobody claims a bus address.
pub static NO_BAR: Rule = Rule {
    text: Text::new("no device has this bus address in a BAR", "没有设备的 BAR 占用这个总线域地址"),
    section: "PCIe 2.3.1",
};

/// How a device's own request differs from a plain one.
#[derive(Clone, Copy, Debug, Default)]
pub struct Manner {
    /// The requester id in the packet, when it is not the device's own.
    pub requester: Option<RequesterId>,
    /// Marked as translated.
    pub translated: bool,
}

/// The machine as a device sees it while it acts: everything but the device's own engine.
pub struct DeviceBus<'a> {
    /// The device.
    pub device: usize,
    /// All hardware; the acting device's engine is taken out.
    pub hw: &'a mut Hardware,
    /// Physical memory.
    pub memory: &'a mut Memory,
    /// Is the IOMMU between devices and memory?
    pub iommu_on: bool,
    /// How the device's requests differ.
    pub manner: Manner,
    /// What goes through the device.
    pub stream: Stream,
    /// Who hears.
    pub trace: &'a mut Trace,
    /// The CPU's data cache: a coherent device's accesses snoop it.
    pub cache: &'a mut CpuCache,
}

/// Where a request's data is.
enum Payload<'d> {
    /// The device writes these.
    Write(&'d [u8]),
    /// The device reads into this.
    Read(&'d mut [u8]),
}

impl Payload<'_> {
    fn len(&self) -> usize {
        match self {
            Payload::Write(d) => d.len(),
            Payload::Read(d) => d.len(),
        }
    }
    fn want(&self) -> Perms {
        match self {
            Payload::Write(_) => Perms::W,
            Payload::Read(_) => Perms::R,
        }
    }
}

impl DeviceBus<'_> {
    fn me(&self) -> &Device {
        &self.hw.devices[self.device]
    }
    fn actor(&self) -> Actor {
        Actor::Device(self.me().requester)
    }

    /// One packet, there and (for a read) back.
    fn packet(
        &mut self,
        mut at: BusAddr,
        pasid: Option<PasidPrefix>,
        mut payload: Payload<'_>,
    ) -> Result<Option<PhysAddr>, BusError> {
        if !self.trace.spend(1) {
            return Err(BusError::Budget);
        }
        let node = self.me().node;
        if self.me().bits < 64 && at.raw() >> self.me().bits != 0 {
            // The wires are not there: the packet goes somewhere else.
            let (from, bits) = (at, self.me().bits);
            at = BusAddr::new(from.raw() & ((1 << bits) - 1));
            self.trace.step(self.actor(), Event::Truncated { from, to: at, bits });
        }
        if !self.hw.topology.is_there(node) {
            return Err(BusError::NoFunction);
        }
        if !self.hw.topology.node(node).config.bus_master() {
            return Err(BusError::NoBusMaster);
        }
        let requester = self.manner.requester.unwrap_or_else(|| self.me().requester);
        let write = matches!(payload, Payload::Write(_));
        let bytes = payload.len() as u32;
        self.hw.tag = (self.hw.tag + 1) & 0x3ff;
        let known = self.device_tlb(at, bytes, pasid.map(|p| p.pasid), payload.want());
        let at = known.unwrap_or(at);
        let translated = self.manner.translated || known.is_some();
        // A translated request carries no PASID: the answer it comes from was for that process already.
        let pasid = pasid.filter(|_| !translated);
        let kind = if translated { AddressType::Translated } else { AddressType::Untranslated };
        let tlp =
            Tlp::memory(requester, self.hw.tag, write, at, bytes).with_kind(kind, false).with_pasid(pasid);
        let route = self.hw.topology.route_up(node, Routed { requester, at, kind });
        self.hw.topology.tell(&route.steps, &tlp.encode(), if write { bytes } else { 0 }, self.trace);
        let result = match route.end {
            End::Function { node, bar, offset, .. } => {
                self.peer(node, bar, offset, &mut payload).map(|()| None)
            }
            End::RootComplex => self.root_complex(requester, at, pasid, translated, &mut payload),
            End::Refused(_) => Err(Status::UnsupportedRequest),
        };
        if !write {
            let status = result.as_ref().err().copied().unwrap_or(Status::Success);
            let completer = match route.end {
                End::Function { node, .. } => self.hw.topology.node(node).id,
                _ => RequesterId::default(),
            };
            let data = if status == Status::Success { bytes as u16 } else { 0 };
            let completion = tlp.completion(completer, status, data, bytes as u16, 0);
            self.hw.topology.tell(&route.back(), &completion.encode(), data.into(), self.trace);
        }
        result.map_err(BusError::Status)
    }

    /// What the device's own TLB says of an access, if it knows: hit, stale or denied, as the tables are now.
    fn device_tlb(&mut self, at: BusAddr, bytes: u32, pasid: Option<Pasid>, want: Perms) -> Option<BusAddr> {
        let translated = self.manner.translated;
        let device = &mut self.hw.devices[self.device];
        if !device.caps.ats || translated || device.tlb.is_empty() {
            return None;
        }
        let mut request = Request::new(device.requester, at.as_iova(), want, bytes);
        request.pasid = pasid.map(|pasid| PasidTag { pasid, privileged: false, execute: false });
        let (memory, unit) = (&mut *self.memory, self.hw.iommu.as_ref());
        let now = || match unit?.peek(memory, &request) {
            Outcome::Memory(t) => Some(t.to),
            _ => None,
        };
        let (to, _) = device.tlb.find(pasid, at.as_iova(), want, now, self.trace)?;
        Some(BusAddr::new(to.raw()))
    }

    /// A request that arrived at the root complex.
    fn root_complex(
        &mut self,
        requester: RequesterId,
        at: BusAddr,
        pasid: Option<PasidPrefix>,
        translated: bool,
        payload: &mut Payload<'_>,
    ) -> Result<Option<PhysAddr>, Status> {
        let data = match payload {
            Payload::Write(d) if d.len() == 4 => Some(u32::from_le_bytes([d[0], d[1], d[2], d[3]])),
            _ => None,
        };
        let bridge = self.hw.bridge_of(self.device);
        let bypass = self.me().bypass || bridge.no_iommu;
        if let Some(data) = data.filter(|_| bridge.msi_target == Some(at)) {
            self.taken_by_the_bridge(data);
            return Ok(None);
        }
        if self.past_the_iommu(requester, at, translated) {
            return self.down(self.hw.bridge_id(self.device), at, payload);
        }
        let pa = match &mut self.hw.iommu {
            Some(iommu) if self.iommu_on && !bypass => {
                let request = Request {
                    requester,
                    pasid: pasid.map(|p| PasidTag {
                        pasid: p.pasid,
                        privileged: p.privileged,
                        execute: p.execute,
                    }),
                    at: at.as_iova(),
                    want: payload.want(),
                    kind: if translated { RequestKind::Translated } else { RequestKind::Untranslated },
                    bytes: payload.len() as u32,
                    data,
                };
                match iommu.translate(self.memory, &request, self.trace) {
                    Outcome::Memory(t) | Outcome::Answer(t) => t.to,
                    // The unit has recorded the interrupt itself.
                    Outcome::Interrupt(_) => return Ok(None),
                    Outcome::Fault(fault) => {
                        return Err(match fault.refusal {
                            Refusal::CompleterAbort => Status::CompleterAbort,
                            Refusal::UnsupportedRequest | Refusal::NoPermission => Status::UnsupportedRequest,
                        })
                    }
                }
            }
            _ => {
                // With no remapping, a write to the range is an interrupt as it is: local APICs listen on the
                // bus (SDM 3A 11.11), interrupt files are in physical memory (AIA 3.5).
                if let (Controller::LocalApic, Some(data)) = (self.hw.interrupts, data) {
                    if self.interrupt(at.raw(), data) {
                        return Ok(None);
                    }
                }
                // The address of another device: the root complex turns the request around, as it does what an IOMMU lets
                // through to such a place.
                let id = self.hw.bridge_id(self.device);
                if self.hw.bridges.get(id).cpu_addr(at).is_some() {
                    return self.down(id, at, payload);
                }
                let Some(pa) = self.hw.bridges.get(id).inbound(at, self.trace) else {
                    return Err(self.refused(&NO_WINDOW, at.raw()));
                };
                if let (Controller::Imsic | Controller::Its, Some(data)) = (self.hw.interrupts, data) {
                    if self.interrupt(pa.raw(), data) {
                        return Ok(None);
                    }
                }
                pa
            }
        };
        self.at_physical(pa, payload)
    }

    /// A root port whose ACS redirects no peer-to-peer requests leads straight to another device, in a root complex that is
    /// said to forward (PCIe 6.12.1.1).
    fn past_the_iommu(&self, requester: RequesterId, at: BusAddr, translated: bool) -> bool {
        if self.hw.peers != Some(PeerRouting::Forwarded) || translated || requester != self.me().requester {
            return false;
        }
        self.hw.topology.is_past_the_root(self.me().node, at)
    }

    fn nothing(&mut self, at: u64) -> Status {
        self.refused(&NOTHING_ANSWERS, at)
    }
    fn refused(&mut self, rule: &'static Rule, at: u64) -> Status {
        self.trace.step(Actor::RootComplex, Event::Check { rule, ok: false, value: at });
        Status::UnsupportedRequest
    }

    /// Delivers a write of four bytes to the interrupt controller, if that is what it is.
    fn interrupt(&mut self, address: u64, data: u32) -> bool {
        let (controller, message) = (self.hw.interrupts, Message { address, data });
        let Some((vector, destination)) = controller.decode(message) else {
            return false;
        };
        let from = self.manner.requester.unwrap_or_else(|| self.me().requester);
        let unit = self.hw.iommu.as_ref();
        if unit.is_some_and(|unit| unit.take_message(self.memory, from, data, self.trace)) {
            return true;
        }
        let kind = InterruptKind::Direct;
        match controller.has_vector(message) {
            true => controller.arrive(Actor::Interrupts, (vector, destination), kind, self.trace),
            false => self.trace.step(Actor::Interrupts, Event::Interrupt { vector, destination, kind }),
        }
        true
    }

    /// Memory, or a window that leads down to another device.
    fn at_physical(&mut self, pa: PhysAddr, payload: &mut Payload<'_>) -> Result<Option<PhysAddr>, Status> {
        let actor = self.actor();
        let region = self.hw.map.find(pa).map(|r| r.kind);
        match region {
            Some(RegionKind::Ram) => {
                let range = AddrRange::new(pa, payload.len().max(1) as u64);
                if let Some(range) = range.filter(|_| self.me().coherent) {
                    let write = matches!(payload, Payload::Write(_));
                    // A line that cannot be written back stays: memory refuses the access itself next.
                    let _ = self.cache.snoop(self.memory, range, write, self.trace);
                }
                let done = match payload {
                    Payload::Write(data) => write_data(self.memory, self.trace, actor, pa, data),
                    Payload::Read(out) => read_data(self.memory, self.trace, actor, pa, out),
                };
                match done {
                    Ok(()) => Ok(Some(pa)),
                    Err(MemError::Poison(_)) => Err(Status::CompleterAbort),
                    Err(_) => Err(self.nothing(pa.raw())),
                }
            }
            Some(RegionKind::Window) => {
                let Some((bridge, bus)) = self.hw.bridges.outbound(pa, self.trace) else {
                    return Err(self.nothing(pa.raw()));
                };
                self.down(bridge, bus, payload)
            }
            _ => Err(self.nothing(pa.raw())),
        }
    }

    /// A message that the host bridge takes itself: its interrupt controller counts it by its data, and interrupts CPU 0.
    fn taken_by_the_bridge(&mut self, data: u32) {
        let controller = self.hw.interrupts;
        let vector = controller.number(u64::from(data & 0xff)) as u32;
        controller.arrive(Actor::RootComplex, (vector, 0), InterruptKind::Direct, self.trace);
    }

    /// Down from a host bridge, to the device that has this bus address in a BAR.
    fn down(
        &mut self,
        bridge: BridgeId,
        bus: BusAddr,
        payload: &mut Payload<'_>,
    ) -> Result<Option<PhysAddr>, Status> {
        if self.hw.peers == Some(PeerRouting::Dropped) {
            return Err(self.refused(&NO_PEERS, bus.raw()));
        }
        let route = self.hw.topology.route_down(bridge, bus);
        let write = matches!(payload, Payload::Write(_));
        let bytes = payload.len() as u32;
        let tlp = Tlp::memory(self.me().requester, self.hw.tag, write, bus, bytes);
        self.hw.topology.tell(&route.steps, &tlp.encode(), if write { bytes } else { 0 }, self.trace);
        match route.end {
            End::Function { node, bar, offset, .. } => self.peer(node, bar, offset, payload).map(|()| None),
            _ => Err(self.refused(&NO_BAR, bus.raw())),
        }
    }

    /// Another device's BAR.
    fn peer(&mut self, node: NodeId, bar: u8, offset: u64, payload: &mut Payload<'_>) -> Result<(), Status> {
        let Some(peer) = self.hw.devices.iter().position(|d| d.node == node) else {
            return Err(Status::UnsupportedRequest);
        };
        let device = &mut self.hw.devices[peer];
        // A peer's write to a register BAR lands in the scratch registers behind it; it starts no engine.
        let at = device.behind(bar, offset);
        match payload {
            Payload::Write(data) => {
                device.received = data.to_vec();
                device.own_write(at, data, self.trace)
            }
            Payload::Read(out) => device.own_read(at, out, self.trace),
        }
        .map_err(|_| Status::CompleterAbort)
    }
}

impl Bus for DeviceBus<'_> {
    type Obs = Trace;
    fn obs(&mut self) -> &mut Trace {
        self.trace
    }

    fn read(&mut self, access: &Access, out: &mut [u8]) -> Result<Option<PhysAddr>, BusError> {
        let mut first = None;
        let mut done = 0;
        for (at, bytes) in access.packets() {
            let part = out.get_mut(done..done + bytes as usize).ok_or(BusError::Poisoned)?;
            let pa = self.packet(at, access.pasid, Payload::Read(part))?;
            first = first.or(pa);
            done += bytes as usize;
        }
        Ok(first)
    }

    fn write(&mut self, access: &Access, data: &[u8]) -> Result<Option<PhysAddr>, BusError> {
        let mut first = None;
        let mut done = 0;
        for (at, bytes) in access.packets() {
            let part = data.get(done..done + bytes as usize).ok_or(BusError::Poisoned)?;
            let pa = self.packet(at, access.pasid, Payload::Write(part))?;
            first = first.or(pa);
            done += bytes as usize;
        }
        Ok(first)
    }

    fn interrupt(&mut self, vector: u16) {
        let node = self.me().node;
        let Some(msi) = self.hw.topology.node(node).config.msi().filter(|m| m.enabled) else {
            return;
        };
        // The low bits of the data select the vector of a function that has several (PCIe 6.1.4.5).
        let data = u32::from(msi.data).wrapping_add(u32::from(vector % msi.vectors.max(1)));
        self.message(BusAddr::new(msi.address), data);
    }

    fn take(&mut self, from: Inside, out: &mut [u8]) {
        self.hw.devices[self.device].take(from, &self.stream, out, self.trace);
    }
    fn put(&mut self, to: Inside, data: &[u8]) {
        self.hw.devices[self.device].put(to, &mut self.stream, data, self.trace);
    }
}

impl DeviceBus<'_> {
    /// An interrupt message: a write of four bytes.
    pub fn message(&mut self, at: BusAddr, data: u32) {
        let bytes = data.to_le_bytes();
        // Whatever becomes of it, a device that writes is never notified.
        let _ = self.packet(at, None, Payload::Write(&bytes));
    }
}
