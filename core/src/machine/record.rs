//! What a run leaves for views beside its trace: the machine as the scenario wired it, and what software did, each thing with
//! the position of the trace at which it was done. Views know no machine: a [`Snapshot`] shows them one position and
//! nothing of what came after it.

use super::software::{
    Attached, Buffer, Domain, DomainRef, Handle, Named, Owner, Process, Remap, Software, Vm,
};
use super::{Device, Hardware, Machine};
use crate::addr::{AddrRange, Pasid, PhysAddr};
use crate::iommu::{AnyIommu, Architecture, DomainId, Driver, Unit};
use crate::memory::Memory;
use crate::mmu::arch::Cpu;
use crate::mmu::AddressSpace;
use crate::paging::any::CpuTables;
use crate::paging::leaves::Leaves;
use crate::platform::bridges::{BridgeId, Bridges};
use crate::platform::interrupts::Controller;
use crate::platform::map::PhysMap;
use crate::platform::topology::{NodeId, Topology};
use crate::platform::window::HostBridge;
use crate::scenario::ast::{PeerRouting, Policy};
use crate::trace::{Actor, CacheLine, Event, Trace};
use alloc::{borrow::Cow, vec::Vec};

/// A write to the configuration space of a function.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ConfigWrite {
    /// Steps of the trace when it was done.
    pub at: usize,
    /// Whose space.
    pub node: NodeId,
    /// Where in it.
    pub offset: u16,
    /// How many bytes.
    pub bytes: u8,
    /// The value written.
    pub value: u32,
}

/// What a run leaves for views beside its trace.
#[derive(Clone, Debug)]
pub struct Record {
    architecture: Option<Architecture>,
    policy: Policy,
    /// Whether the IOMMU answers ATS requests, and whether it takes page requests.
    takes: (bool, bool),
    /// The hardware before the first step.
    wired: Hardware,
    config: Vec<ConfigWrite>,
    /// Everything in it has the positions at which it came and went.
    software: Software,
    /// What each device was attached to, in order.
    attached: Vec<Vec<Attached>>,
    /// Only its domains are read, by their ids: they never change once they are made.
    driver: Option<AnyIommu>,
}

impl Record {
    /// Returns the record of what a machine has done so far.
    pub fn of(machine: &Machine) -> Self {
        let mut attached: Vec<Vec<Attached>> = machine.wired.devices.iter().map(|_| Vec::new()).collect();
        for attachment in &machine.sw.attachments {
            if let Some(own) = attached.get_mut(attachment.device) {
                own.push(*attachment);
            }
        }
        Record {
            attached,
            architecture: machine.architecture,
            policy: machine.policy,
            takes: machine.takes,
            wired: (*machine.wired).clone(),
            config: machine.config_writes.clone(),
            software: machine.sw.clone(),
            driver: machine.hw.iommu.clone(),
        }
    }

    /// Returns what is there after `position` steps of the trace.
    pub fn at(&self, position: usize) -> Snapshot<'_> {
        Snapshot { record: self, at: position }
    }
}

/// What hardware is there, and what software has set up, at one position of a run.
#[derive(Clone, Copy, Debug)]
pub struct Snapshot<'a> {
    record: &'a Record,
    at: usize,
}

/// What the author tells.
impl Snapshot<'_> {
    /// Returns where the present idea began: the step before which its note stands, or the run's first.
    pub fn idea(self) -> usize {
        let ideas = &self.record.software.ideas;
        let next = ideas.partition_point(|begun| *begun < self.at);
        next.checked_sub(1).and_then(|last| ideas.get(last)).copied().unwrap_or(0)
    }
}

/// What does not change while a scenario runs.
impl<'a> Snapshot<'a> {
    /// Returns the architecture of the IOMMU, if there is one.
    pub fn architecture(self) -> Option<Architecture> {
        self.record.architecture
    }
    /// Returns what the operating system does with the IOMMU.
    pub fn policy(self) -> Policy {
        self.record.policy
    }
    /// Returns whether the IOMMU answers ATS requests, and whether it takes page requests.
    pub fn takes(self) -> (bool, bool) {
        self.record.takes
    }
    /// Returns whether an IOMMU is between devices and memory.
    pub fn iommu_on(self) -> bool {
        self.record.wired.iommu.is_some() && self.record.policy != Policy::Off
    }
    /// Returns what answers at which physical address.
    pub fn map(self) -> &'a PhysMap {
        &self.record.wired.map
    }
    /// Returns the host bridges with their windows.
    pub fn bridges(self) -> &'a Bridges {
        &self.record.wired.bridges
    }
    /// Returns which host bridge a device is behind.
    pub fn bridge_id(self, device: usize) -> BridgeId {
        self.record.wired.bridge_id(device)
    }
    /// Returns the host bridge that a device is behind.
    pub fn bridge_of(self, device: usize) -> &'a HostBridge {
        self.record.wired.bridge_of(device)
    }
    /// Returns whether the IOMMU translates what a device sends, as far as the system knows.
    pub fn is_translated(self, device: usize) -> bool {
        self.iommu_on() && !self.bridge_of(device).no_iommu
    }
    /// Returns what the root complex does with requests from device to device, where the scenario says so.
    pub fn peers(self) -> Option<PeerRouting> {
        self.record.wired.peers
    }
    /// Returns the CPU's architecture.
    pub fn cpu(self) -> Cpu {
        self.record.wired.cpu
    }
    /// Returns where interrupt messages go.
    pub fn interrupts(self) -> &'a Controller {
        &self.record.wired.interrupts
    }
    /// Returns the devices, in the scenario's order, as they are before the first step.
    pub fn devices(self) -> &'a [Device] {
        &self.record.wired.devices
    }
    /// Returns the index of the device with this name.
    pub fn device(self, name: &str) -> Option<usize> {
        self.devices().iter().position(|d| d.name == name)
    }
    /// Returns the kernel's address space.
    pub fn kernel(self) -> AddressSpace {
        self.record.software.kernel
    }
    /// Returns the format of the CPU's tables.
    pub fn format(self) -> CpuTables {
        self.record.software.format()
    }
    /// Returns the processes: they are there from the beginning.
    pub fn processes(self) -> &'a [Process] {
        &self.record.software.processes
    }
    /// Returns the virtual machines: they are there from the beginning.
    pub fn vms(self) -> &'a [Vm] {
        &self.record.software.vms
    }
    /// Returns where the bounce pool is: it is there from the beginning.
    pub fn bounce_pool(self) -> Option<AddrRange<PhysAddr>> {
        self.record.software.dma.api.swiotlb()?.range()
    }
    /// Returns whether an address is in the bounce pool.
    pub fn bounces_at(self, at: PhysAddr) -> bool {
        self.bounce_pool().is_some_and(|pool| pool.contains(at))
    }
    /// Returns whether the kernel uses virtual addresses that have names anywhere in the run.
    pub fn uses_kernel_addresses(self) -> bool {
        let software = &self.record.software;
        software.buffers.iter().any(|b| b.owner == Owner::Kernel && b.va.is_some())
            || !software.remaps.is_empty()
    }
    /// Returns whether a process is bound to a device's PASID anywhere in the run.
    pub fn uses_pasid(self, process: usize) -> bool {
        self.record.software.bindings.iter().any(|b| b.process == Some(process))
    }
}

/// A domain whose tables a guest's kernel made for devices: stage 1 above the guest's memory map.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct GuestDomain<'a> {
    /// Its index among the domains that the scenario named.
    pub index: usize,
    /// Its name.
    pub name: &'a str,
    /// Which guest.
    pub vm: usize,
    /// Where its tables begin: a guest-physical address.
    pub root: u64,
}

/// What is so at this position.
impl<'a> Snapshot<'a> {
    fn is_there(self, born: usize, died: usize) -> bool {
        born <= self.at && died > self.at
    }

    /// Returns the functions and bridges, with what configuration space says by now.
    pub fn topology(self) -> Cow<'a, Topology> {
        let mut topology = Cow::Borrowed(&self.record.wired.topology);
        for write in self.record.config.iter().take_while(|write| write.at <= self.at) {
            topology.to_mut().node_mut(write.node).config.write(write.offset, write.bytes, write.value);
        }
        topology
    }

    /// Returns the buffers that are not freed, with their indexes.
    pub fn buffers(self) -> impl DoubleEndedIterator<Item = (usize, &'a Buffer)> {
        let all = self.record.software.buffers.iter().enumerate();
        all.filter(move |(_, b)| self.is_there(b.born, b.died))
    }
    /// Returns every buffer that was made by now, freed ones included.
    pub fn made_buffers(self) -> impl DoubleEndedIterator<Item = &'a Buffer> {
        self.record.software.buffers.iter().filter(move |b| b.born <= self.at)
    }
    /// Returns the buffer of an index, if it was made by now.
    pub fn buffer(self, index: usize) -> Option<&'a Buffer> {
        self.record.software.buffers.get(index).filter(|b| b.born <= self.at)
    }
    /// Returns whether a buffer was made by now.
    pub fn is_made(self, buffer: &Buffer) -> bool {
        buffer.born <= self.at
    }
    /// Returns whether a buffer is freed by now.
    pub fn is_freed(self, buffer: &Buffer) -> bool {
        buffer.died <= self.at
    }

    /// Returns the DMA handles that are mapped.
    pub fn handles(self) -> impl DoubleEndedIterator<Item = &'a Handle> {
        self.record.software.handles.iter().filter(move |h| self.is_there(h.born, h.died))
    }
    /// Returns every DMA handle that was made by now, unmapped ones included.
    pub fn made_handles(self) -> impl DoubleEndedIterator<Item = &'a Handle> {
        self.record.software.handles.iter().filter(move |h| h.born <= self.at)
    }
    /// Returns the handle of an index, if it was made by now.
    pub fn handle(self, index: usize) -> Option<&'a Handle> {
        self.record.software.handles.get(index).filter(|h| h.born <= self.at)
    }
    /// Returns whether a handle is mapped still.
    pub fn is_mapped(self, handle: &Handle) -> bool {
        handle.died > self.at
    }

    /// Returns the ranges that `ioremap` made.
    pub fn remaps(self) -> impl DoubleEndedIterator<Item = &'a Remap> {
        self.record.software.remaps.iter().filter(move |r| r.born <= self.at)
    }
    /// Returns the `ioremap`ped range of an index, if it was made by now.
    pub fn remap(self, index: usize) -> Option<&'a Remap> {
        self.record.software.remaps.get(index).filter(|r| r.born <= self.at)
    }
    /// Returns the domains that the scenario named.
    pub fn domains(self) -> impl DoubleEndedIterator<Item = &'a Domain> {
        self.record.software.domains.iter().filter(move |d| d.born <= self.at)
    }
    /// Returns the domains whose tables a guest's kernel made for devices.
    pub fn guest_domains(self) -> impl Iterator<Item = GuestDomain<'a>> + 'a {
        self.domains().enumerate().filter_map(|(index, domain)| match domain.kind {
            DomainRef::Guest { vm, tables } => {
                Some(GuestDomain { index, name: &domain.name, vm, root: tables.root })
            }
            DomainRef::Host(_) => None,
        })
    }
    /// Returns what a device was attached to last.
    fn attached(self, device: usize) -> Option<&'a Attached> {
        let own = self.record.attached.get(device)?;
        own.partition_point(|a| a.at <= self.at).checked_sub(1).map(|last| &own[last])
    }
    /// Returns the guest's domain, by its index, whose tables are a device's first stage.
    pub fn stage1_of(self, device: usize) -> Option<usize> {
        self.attached(device).and_then(|a| a.stage1)
    }
    /// Returns the first device that was attached to a domain.
    pub fn first_attached(self) -> Option<usize> {
        let mut attached = self.record.software.attachments.iter().take_while(|a| a.at <= self.at);
        attached.find(|a| a.domain.is_some()).map(|a| a.device)
    }

    /// Returns what a name stands for.
    pub fn named(self, name: &str) -> Option<Named> {
        let known = self.record.software.namings.iter().rev();
        known.filter(|n| n.at <= self.at).find(|n| n.name == name).map(|n| n.named)
    }

    /// Returns the host domain that a device's requests without PASID meet.
    pub fn domain_of(self, device: usize) -> Option<DomainId> {
        self.attached(device).and_then(|a| a.domain)
    }
    /// Returns the guest whose memory map a domain is.
    pub fn guest_of(self, domain: DomainId) -> Option<&'a Vm> {
        self.vms().iter().find(|vm| vm.domain == Some(domain))
    }
    /// Returns the PASIDs that are bound, each with its device and its process.
    pub fn bindings(self) -> Vec<(usize, Pasid, usize)> {
        let mut bound: Vec<(usize, Pasid, usize)> = Vec::new();
        for b in self.record.software.bindings.iter().filter(|b| b.at <= self.at) {
            bound.retain(|known| (known.0, known.1) != (b.device, b.pasid));
            bound.extend(b.process.map(|process| (b.device, b.pasid, process)));
        }
        bound
    }

    /// Returns what the tables of a device's domain map, reading at most `limit` table pages.
    pub fn mappings(self, memory: &Memory, domain: DomainId, limit: usize) -> Leaves {
        let driver = self.record.driver.as_ref();
        driver.map_or_else(Leaves::default, |driver| driver.mappings(memory, domain, limit))
    }

    /// Returns whether a cached translation is of requests without PASID in a domain.
    pub fn translates(self, domain: DomainId, line: &CacheLine) -> bool {
        match self.record.driver.as_ref().and_then(|driver| driver.domain_tag(domain)) {
            Some(tag) => line.pasid == Some(tag),
            None => line.domain.is_none_or(|id| id == u32::from(domain.0)) && line.pasid.is_none(),
        }
    }

    /// Returns the IOMMU with the registers it has by now, as the trace has them, and with empty caches: the tables in memory
    /// alone answer.
    pub fn unit(self, trace: &Trace) -> Option<AnyIommu> {
        let mut unit = self.record.wired.iommu.clone().filter(|_| self.iommu_on())?;
        for step in trace.steps().range(0..self.at.min(trace.len())) {
            if let Event::Register { register, offset, new, .. } = step.event {
                if !matches!(step.actor, Actor::Device(_)) {
                    unit.restore(register, offset, new);
                }
            }
        }
        Some(unit)
    }
}
