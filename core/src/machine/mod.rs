//! The machine: built from a scenario, run to its end, and known at any step of its trace.
//!
//! * [`mod@build`]: declarations -> [`Machine`]
//! * [`mod@run`]: operations and expectations, one after another -> [`Run`]
//! * [`bus`]: what a device's request meets; [`cpu`]: what a CPU's access meets; [`device_memory`]: a device's own memory
//! * [`ops`]: the operations; [`resolve`]: the address that a name stands for
//! * [`check`]: what an operation came to, from the trace, and the expectations
//! * [`software`]: what software has set up; [`layout`]: how RAM is divided
//! * `elsewhere`: what to write after `machine` for what this one lacks
//! * [`history`] and [`mod@record`]: the state at any step, for views
//!
//! An operation is added here; what hardware or an operating system does in it belongs to their rooms, and nothing here may know
//! how it is shown.

pub mod build;
pub mod bus;
pub mod check;
pub mod cpu;
pub mod device_memory;
mod elsewhere;
pub mod history;
pub mod layout;
pub mod ops;
pub mod record;
pub mod resolve;
pub mod run;
pub mod software;

use crate::addr::{BusAddr, PhysAddr, RequesterId};
use crate::dma::Engine;
use crate::iommu::atc::Atc;
use crate::iommu::{AnyIommu, Architecture, DeviceCaps, DomainId, DriverError};
use crate::memory::{Memories, Memory};
use crate::mmu::{arch::Cpu, Mmu};
use crate::os;
use crate::platform::bridges::{BridgeId, Bridges};
use crate::platform::interrupts::Controller;
use crate::platform::map::PhysMap;
use crate::platform::topology::{NodeId, Topology};
use crate::platform::window::HostBridge;
use crate::scenario::ast::{PeerRouting, Policy};
use crate::scenario::{Problem, Span};
use crate::spec::Localized;
use crate::trace::Trace;
use alloc::{boxed::Box, string::String, vec::Vec};

pub use record::{Record, Snapshot};
pub use run::{run, Check, Done, Run};
pub use software::Software;

/// Limits of a scenario. What asks for more is refused before it starts.
pub mod limits {
    /// Operations and expectations.
    pub const OPERATIONS: usize = 20_000;
    /// Devices, ports and switches together.
    pub const NODES: usize = 256;
    /// Bytes of one transfer.
    pub const TRANSFER: u64 = 1 << 30;
    /// Bytes of one mapping in tables: 64 GiB.
    pub const MAPPING: u64 = 64 << 30;
    /// Entries that one `map` may write.
    pub const ENTRIES: u64 = 2 << 20;
    /// Bytes of a buffer.
    pub const BUFFER: u64 = 1 << 30;
    /// Bytes that one statement may copy from other memory (`of`).
    pub const COPY: u64 = 64 << 20;
    /// Times that one `dma` line may be done.
    pub const TIMES: u64 = 100_000;
    /// Frames of memory that may be written: 512 MiB.
    pub const FRAMES: u32 = 131_072;
}

/// A problem at a place of the scenario.
fn problem(span: Span, what: impl Localized) -> Problem {
    let phrase = what.phrase();
    Problem::new(span, phrase.en, phrase.zh)
}

/// What the IOMMU's driver refused, at a place of the scenario. What this unit lacks another may have.
fn driver_problem(span: Span, error: DriverError) -> Problem {
    let lacks = matches!(error, DriverError::Unsupported(_));
    let problem = problem(span, error);
    if lacks {
        problem.lacking()
    } else {
        problem
    }
}

/// The same of what the operating system refused for its driver.
fn os_problem(span: Span, error: os::OsError) -> Problem {
    match error {
        os::OsError::Driver(error) => driver_problem(span, error),
        error => problem(span, error),
    }
}

/// What is soldered together.
#[derive(Clone, Debug)]
pub struct Hardware {
    /// What answers at which physical address.
    pub map: PhysMap,
    /// The host bridges with their windows.
    pub bridges: Bridges,
    /// Ports, switches, functions.
    pub topology: Topology,
    /// The functions that scenarios name, in their order.
    pub devices: Vec<Device>,
    /// The IOMMU.
    pub iommu: Option<AnyIommu>,
    /// The CPU's architecture.
    pub cpu: Cpu,
    /// The CPU's MMU.
    pub mmu: Mmu,
    /// Where interrupt messages go.
    pub interrupts: Controller,
    /// What the root complex does with a request to another device, where the scenario says so.
    pub peers: Option<PeerRouting>,
    /// The last tag a request was given.
    pub tag: u16,
}

impl Hardware {
    /// Which host bridge a device is behind.
    pub fn bridge_id(&self, device: usize) -> BridgeId {
        self.devices.get(device).map_or(BridgeId(0), |d| self.topology.node(d.node).bridge)
    }
    /// The host bridge that a device is behind.
    pub fn bridge_of(&self, device: usize) -> &HostBridge {
        self.bridges.get(self.bridge_id(device))
    }
    /// Where the CPU finds a bus address: behind a device's bridge, or, where it is nobody's in particular, the first that has it.
    pub fn cpu_addr(&self, device: Option<usize>, at: BusAddr) -> Option<PhysAddr> {
        let id = match device {
            Some(device) => self.bridge_id(device),
            None => self.bridges.with_bus(at)?,
        };
        self.bridges.get(id).cpu_addr(at)
    }
}

/// One device.
#[derive(Clone, Debug)]
pub struct Device {
    /// Its name.
    pub name: String,
    /// Its place in the tree.
    pub node: NodeId,
    /// What its requests carry as requester id.
    pub requester: RequesterId,
    /// Address bits that it drives.
    pub bits: u8,
    /// Its requests do not meet the IOMMU.
    pub bypass: bool,
    /// What it can do towards an IOMMU.
    pub caps: DeviceCaps,
    /// Its accesses see the CPU's cache.
    pub coherent: bool,
    /// Its DMA engine; taken out while it runs.
    pub engine: Engine,
    /// Its own memory; BARs that are memory lie there too, one after another.
    pub memory: Memory,
    /// For each BAR: the engine's registers, or memory at this offset of the device's own.
    pub bars: [Option<BarUse>; 6],
    /// What it received last.
    pub received: Vec<u8>,
    /// Interrupt vectors.
    pub vectors: u16,
    /// What it keeps of its ATS answers.
    pub tlb: Atc,
}

/// What is behind a BAR.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BarUse {
    /// The DMA engine's registers, then scratch registers.
    Registers,
    /// The device's own memory from here on.
    Memory(u64),
}

/// Everything, at the end of what has run so far.
#[derive(Clone, Debug)]
pub struct Machine {
    /// The architecture of the IOMMU, if there is one.
    pub architecture: Option<Architecture>,
    /// What the operating system does with the IOMMU.
    pub policy: Policy,
    /// Whether the IOMMU answers ATS requests, and whether it takes page requests.
    pub takes: (bool, bool),
    /// Whether interrupt remapping was not left out of the IOMMU.
    pub remaps: bool,
    /// The version of the language that the scenario is written in.
    pub version: u64,
    /// Physical memory.
    pub memory: Memory,
    /// The hardware.
    pub hw: Hardware,
    /// The hardware as it was before the first step, for views.
    pub wired: Box<Hardware>,
    /// What was written to configuration space.
    pub config_writes: Vec<record::ConfigWrite>,
    /// The software.
    pub sw: Software,
    /// What it did.
    pub trace: Trace,
}

impl Machine {
    /// Is an IOMMU between devices and memory?
    pub fn iommu_on(&self) -> bool {
        self.hw.iommu.is_some() && self.policy != Policy::Off
    }
    /// All memory, as it is at the end.
    pub fn memories(&self) -> Memories {
        let own = self.hw.devices.iter().map(|d| (d.requester, d.memory.clone())).collect();
        Memories { host: self.memory.clone(), own }
    }
    /// All memory, taken out of a machine that runs no more.
    pub fn take_memories(&mut self) -> Memories {
        let own = self.hw.devices.iter_mut().map(|d| (d.requester, core::mem::take(&mut d.memory))).collect();
        Memories { host: core::mem::take(&mut self.memory), own }
    }
    /// The device with this name.
    pub fn device(&self, name: &str) -> Option<usize> {
        self.hw.devices.iter().position(|d| d.name == name)
    }
    /// The device at this place of the tree.
    pub fn device_at(&self, node: NodeId) -> Option<usize> {
        self.hw.devices.iter().position(|d| d.node == node)
    }
    /// The bus address of a BAR as configuration space has it.
    pub fn bar(&self, device: usize, index: u8) -> Option<(BusAddr, u64)> {
        let node = self.hw.devices.get(device)?.node;
        let bar = self.hw.topology.bar(node, index)?;
        Some((BusAddr::new(bar.address), bar.size))
    }
    /// The domain that requests of a device without PASID are translated in, if there is one.
    pub fn domain_of(&self, device: usize) -> Option<DomainId> {
        self.sw.attached.get(device).copied().flatten()
    }
}
