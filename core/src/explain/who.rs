//! Who and what a trace speaks of, by the names a reader knows.

use super::ending::kind::Ending;
use crate::addr::{GuestPhysAddr, PhysAddr, RequesterId, Space};
use crate::iommu::architecture::{Board, Terms};
use crate::iommu::Architecture;
use crate::machine::Machine;
use crate::platform::interrupts::Controller;
use crate::scenario::plain::plain;
use crate::spec::{Phrase, Text};
use crate::trace::{Actor, Stage};
use alloc::{format, string::String, vec::Vec};

/// The names that a scenario gave.
#[derive(Clone, Debug, Default)]
pub struct Cast {
    /// Devices by their requester ids.
    pub devices: Vec<(RequesterId, String)>,
    /// The scenario's lines.
    pub lines: Vec<String>,
    /// The RAM of guests: where it is for the host, how many bytes, and where it is for the guest.
    pub guests: Vec<(PhysAddr, u64, GuestPhysAddr)>,
    /// The architecture of the IOMMU, if there is one.
    pub architecture: Option<Architecture>,
    /// What came of each operation, in order; empty where nobody found out.
    pub endings: Vec<Ending>,
}

impl Cast {
    /// What the IOMMU of this machine calls things; without one, what the first architecture does.
    pub fn terms(&self) -> &'static Terms {
        &self.architecture.unwrap_or_default().describe().terms
    }

    /// The names of a machine's devices, and the lines of the text it was made from.
    pub fn of(machine: &Machine, text: &str) -> Self {
        Cast {
            devices: machine.hw.devices.iter().map(|d| (d.requester, d.name.clone())).collect(),
            lines: text.lines().map(|line| plain(line).into_owned()).collect(),
            guests: { machine.sw.vms.iter() }
                .flat_map(|vm| vm.rams().map(|(ram, at)| (at, ram.len(), ram.start)))
                .collect(),
            architecture: machine.architecture,
            endings: Vec::new(),
        }
    }
    /// What came of the operation that a step is in.
    pub fn ending(&self, step: usize) -> Option<&Ending> {
        let next = self.endings.partition_point(|ending| ending.steps.end <= step);
        self.endings.get(next).filter(|ending| ending.steps.start <= step)
    }
    /// A device's name, or its requester id.
    pub fn device(&self, requester: RequesterId) -> String {
        let known = self.devices.iter().find(|d| d.0 == requester);
        known.map_or_else(|| format!("{requester}"), |d| d.1.clone())
    }
    /// The address by which a guest knows a physical one of its RAM.
    pub fn guest_physical(&self, at: PhysAddr) -> Option<GuestPhysAddr> {
        self.guests.iter().find_map(|(host, bytes, guest)| {
            let offset = at.raw().checked_sub(host.raw()).filter(|offset| offset < bytes)?;
            Some(GuestPhysAddr::new(guest.raw().wrapping_add(offset)))
        })
    }
    /// Which tables, as this machine has them.
    pub fn stage(&self, of: Stage) -> Text {
        match of {
            Stage::Device => self.terms().device_tables,
            Stage::Process => self.terms().process_tables,
            Stage::Interrupt => self.terms().interrupt_tables,
            other => stage(other),
        }
    }
    /// What interrupts reach on this machine.
    pub fn controller(&self) -> Controller {
        Board::of(self.architecture).interrupts
    }
    /// An address space, before an address.
    pub fn space(&self, of: Space) -> Text {
        match of {
            Space::GuestPhysical => self.terms().between,
            other => space(other),
        }
    }
    /// A line of the scenario, counted from 1, without its indent.
    pub fn line(&self, line: u32) -> &str {
        self.lines.get((line as usize).wrapping_sub(1)).map_or("", |l| l.trim())
    }
}

/// Who acts, at the beginning of a sentence.
pub fn actor(actor: Actor, cast: &Cast) -> Phrase {
    match actor {
        Actor::Cpu => Phrase::new("The CPU", "CPU "),
        Actor::Mmu => Phrase::new("The MMU", "MMU "),
        Actor::Os => Phrase::new("The operating system", "操作系统"),
        Actor::Guest => Phrase::new("The guest", "客户机"),
        Actor::Device(id) => {
            let name = cast.device(id);
            Phrase::new(name.clone(), format!("{name} "))
        }
        Actor::Switch => Phrase::new("The switch", "交换机"),
        Actor::RootComplex => Phrase::new("The root complex", "根复合体"),
        Actor::Iommu => Phrase::new("The IOMMU", "IOMMU "),
        Actor::Interrupts => Phrase::new("The interrupt controller", "中断控制器"),
        Actor::Author => Phrase::new("The scenario", "模拟器直接"),
    }
}

/// An address space, before an address.
pub fn space(space: Space) -> Text {
    match space {
        Space::Virtual => Text::new("virtual address", "虚拟地址"),
        Space::GuestPhysical => Text::new("guest-physical address", "客户机物理地址"),
        Space::Physical => Text::new("physical address", "物理地址"),
        Space::Bus => Text::new("bus address", "总线域地址"),
        Space::Iova => Text::new("IOVA", "IOVA"),
        Space::Device => Text::new("device-local address", "设备本地地址"),
        Space::Port => Text::new("I/O port", "I/O 端口"),
    }
}

/// Which tables.
pub fn stage(stage: Stage) -> Text {
    match stage {
        Stage::Cpu => Text::new("the CPU's page tables", "CPU 页表"),
        Stage::Guest(tables) => tables.in_a_sentence,
        Stage::First => Text::new("stage 1", "第一阶段页表"),
        Stage::Second => Text::new("stage 2", "第二阶段页表"),
        Stage::Device => Text::new("the device tables", "设备的表项"),
        Stage::Process => Text::new("the process tables", "PASID 表"),
        Stage::Interrupt => Text::new("the interrupt tables", "中断重映射表"),
    }
}
