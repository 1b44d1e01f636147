//! The architectures: one enum, and for each a table of what it is called and what it can do.
//!
//! Scenarios, presets, the gallery, views, the page and the web layer read these tables; none of them names an
//! architecture. Each folder of this room states its own in a file of the same name. An architecture whose words are
//! known but of which there is no unit yet is described in this file.

use super::ring::QueueType;
use super::{amdvi, riscv, smmuv3, vtd, AnyIommu};
use crate::addr::PhysAddr;
use crate::mmu::arch::Cpu;
use crate::platform::interrupts::Controller;
use crate::spec::{FaultCode, Phrase, Text};
use crate::trace::CacheType;
use alloc::{format, string::String, vec::Vec};

/// An IOMMU architecture.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Hash)]
pub enum Architecture {
    /// Intel VT-d: what a scenario without a `machine` line has.
    #[default]
    Vtd,
    /// The RISC-V IOMMU.
    Riscv,
    /// Arm SMMUv3.
    SmmuV3,
    /// AMD-Vi, the AMD I/O virtualization technology.
    AmdVi,
}

/// What an architecture is called, and what there is of it here.
#[derive(Debug)]
pub struct Descriptor {
    /// The word after `machine`, and in expectations.
    pub word: &'static str,
    /// What people write in its place; a problem suggests `word` for what is near.
    pub other_words: &'static [&'static str],
    /// Its short name, as in a picture: `VT-d`.
    pub name: &'static str,
    /// The name by which a reader chooses it: `Intel VT-d`.
    pub label: &'static str,
    /// Its full name: `RISC-V IOMMU`.
    pub title: &'static str,
    /// What the word after `machine` means, as a sentence.
    pub machine: Text,
    /// What the word means in an expectation, as a sentence.
    pub only: Text,
    /// What it calls the things that every architecture has.
    pub terms: Terms,
    /// Its unit.
    pub unit: UnitType,
}

/// A unit of an architecture: what a machine with it is made of.
#[derive(Debug)]
pub struct UnitType {
    /// Creates a unit, or returns what the architecture does not have.
    pub new: fn(&UnitConfig) -> Result<AnyIommu, Text>,
    /// Every fault code.
    pub faults: &'static [&'static FaultCode],
    /// What it refuses a request with and records nowhere.
    pub silent: &'static [&'static FaultCode],
    /// The queues that it shares with software in memory.
    pub queues: &'static [QueueType],
    /// Bits of the id under which a device's requests arrive.
    pub id_bits: u8,
    /// What not every architecture has.
    pub abilities: &'static [Ability],
    /// The machine around it.
    pub board: Board,
}

/// What some architectures have and others do not.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ability {
    /// Two layouts of its tables, `legacy` and `scalable`, of which a machine has one.
    TableModes,
    /// Process tables unless the `machine` line says that there are none.
    Processes,
    /// A remapping table for interrupts, whose entries give vector and destination.
    InterruptTable,
    /// A message names an interrupt file of a CPU and the interrupt in it; table entries lead to whole files, and say nothing
    /// of who may send.
    InterruptFiles,
    /// An interrupt is an event of one device, told by the device's id.
    DeviceEvents,
    /// Page table entries that allow writes alone.
    WriteOnly,
    /// Interrupts that go to a guest without its host.
    PostedInterrupts,
    /// Firmware says under which id a device's requests arrive.
    IdMap,
    /// Linux shares address spaces only with devices that have ATS (and, with page requests, an IOMMU that takes them).
    SvaNeedsAts,
    /// Linux maps what firmware reserves for a device, and gives such a device to no guest (`get_resv_regions`).
    ReservedRegions,
}

/// The machine around an IOMMU.
#[derive(Clone, Copy, Debug)]
pub struct Board {
    /// The CPU.
    pub cpu: Cpu,
    /// What interrupt messages reach.
    pub interrupts: Controller,
    /// Where firmware puts the IOMMU's registers, or a device tree says that they are.
    pub registers: PhysAddr,
    /// How many bytes of them there are.
    pub register_bytes: u64,
    /// Where RAM begins, and where it ends if a scenario does not say.
    pub ram: (u64, u64),
    /// The host bridge's windows to PCI memory, unless a scenario declares some: address, the same on both sides; bytes;
    /// prefetchable.
    pub windows: &'static [(u64, u64, bool)],
}

/// What an architecture calls the things that every architecture has.
#[derive(Debug)]
#[allow(missing_docs)] // `explain::terms` says of each what it means
pub struct Terms {
    pub requester: &'static str,
    pub process: &'static str,
    /// What is looked up among the processes for a request that names none.
    pub no_process: Text,
    pub domain: Text,
    pub device_entry: &'static str,
    pub process_entry: &'static str,
    pub stage1: &'static str,
    pub stage2: &'static str,
    /// The addresses that stage 2 translates.
    pub between: Text,
    pub iotlb: &'static str,
    pub device_cache: Text,
    /// The TLB of a device that has one: its name, and what traces name it by.
    pub device_tlb: CacheType,
    pub commands: &'static str,
    pub faults: &'static str,
    pub page_requests: &'static str,
    pub interrupts: &'static str,
    /// What is walked for a device, for a process, for an interrupt, in a sentence.
    pub device_tables: Text,
    pub process_tables: Text,
    pub interrupt_tables: Text,
}

/// What a unit shall be able to do, in words that every architecture has an answer to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct UnitConfig {
    /// Process tables: PASIDs, stage 1, nesting. Without, devices meet stage 2 only (VT-d legacy mode).
    pub processes: bool,
    /// Address bits that a domain's tables translate: 39, 48 or 57.
    pub width: Option<u8>,
    /// The largest page: log2.
    pub largest_page: Option<u8>,
    /// Entries of the IOTLB.
    pub iotlb: Option<u16>,
    /// Entries of the device table cache.
    pub device_cache: Option<u16>,
    /// Entries of the process table cache.
    pub process_cache: Option<u16>,
    /// Fault recording registers, or slots of the fault queue.
    pub fault_records: Option<u16>,
    /// Interrupt remapping.
    pub interrupt_remapping: bool,
    /// Hardware sets accessed and dirty bits of stage 2.
    pub accessed_dirty: bool,
    /// Not-present entries may be cached.
    pub caching_mode: bool,
    /// It answers ATS translation requests, and lets translated requests pass.
    pub ats: bool,
    /// It takes page requests.
    pub pri: bool,
}

impl Architecture {
    /// Returns a fault's number as the architecture's documents write it: a decimal cause, or a hexadecimal code; of what ends
    /// without a record, that there is none.
    pub fn fault_number(self, code: &FaultCode) -> Phrase {
        let digits = self.fault_digits(code);
        match self {
            Architecture::SmmuV3 if !code.has_number() => Phrase::new("no event", "没有事件"),
            Architecture::Riscv => Phrase::new(format!("cause {digits}"), format!("原因码 {digits} ")),
            Architecture::SmmuV3 | Architecture::AmdVi => {
                Phrase::new(format!("event {digits}"), format!("事件 {digits} "))
            }
            _ => Phrase::new(format!("fault {digits}"), format!("错误码 {digits} ")),
        }
    }

    /// Returns a code in the digits in which its specification writes it; the name, where it has none.
    pub fn fault_digits(self, fault: &FaultCode) -> String {
        match self {
            _ if !fault.has_number() => fault.name.into(),
            _ => self.code_digits(fault.code.into()),
        }
    }
    /// A fault's number as its specification writes it.
    pub fn code_digits(self, code: u64) -> String {
        match self {
            Architecture::Riscv => format!("{code}"),
            _ => format!("{code:#x}"),
        }
    }
    /// Every architecture, in the order in which they are listed and printed.
    pub const ALL: [Architecture; 4] =
        [Architecture::Vtd, Architecture::Riscv, Architecture::SmmuV3, Architecture::AmdVi];

    /// The word of each.
    pub const WORDS: [&'static str; Self::ALL.len()] = {
        let (mut out, mut i) = ([""; Self::ALL.len()], 0);
        // Bounded: at compile time.
        while i < out.len() {
            out[i] = Self::ALL[i].describe().word;
            i += 1;
        }
        out
    };

    /// Returns what else people call them, each with the word that is written.
    pub fn other_words() -> impl Iterator<Item = (&'static str, &'static str)> {
        let all = Self::ALL.into_iter().map(Self::describe);
        all.flat_map(|this| this.other_words.iter().map(|other| (*other, this.word)))
    }

    /// Returns its table.
    pub const fn describe(self) -> &'static Descriptor {
        match self {
            Architecture::Vtd => &vtd::ARCHITECTURE,
            Architecture::Riscv => &riscv::ARCHITECTURE,
            Architecture::SmmuV3 => &smmuv3::ARCHITECTURE,
            Architecture::AmdVi => &amdvi::ARCHITECTURE,
        }
    }

    /// Returns the words of those of which something holds, as a choice: "`a`, `b` or `c`".
    pub fn words_of(holds: impl Fn(Self) -> bool) -> Phrase {
        let words = Self::ALL.into_iter().filter(|a| holds(*a)).map(|a| a.describe().word);
        Phrase::one_of(&words.collect::<Vec<_>>())
    }

    /// Returns the architecture that is written so.
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|a| a.describe().word == word)
    }

    /// Returns its short name, as in a picture.
    pub const fn name(self) -> &'static str {
        self.describe().name
    }

    /// Does its unit have this?
    pub fn has(self, ability: Ability) -> bool {
        self.describe().unit.abilities.contains(&ability)
    }

    /// Returns every fault code of its unit.
    pub const fn faults(self) -> &'static [&'static FaultCode] {
        self.describe().unit.faults
    }

    /// Returns every fault that an access on a machine with it may take, of the unit or of the CPU.
    pub fn all_faults(self) -> impl Iterator<Item = &'static FaultCode> {
        let UnitType { faults, silent, board, .. } = &self.describe().unit;
        faults.iter().chain(*silent).chain(board.cpu.faults()).copied()
    }

    /// May one of them be called so?
    pub fn has_fault(self, name: &str) -> bool {
        self.all_faults().any(|fault| fault.is_called(name))
    }

    /// Returns the queues that its unit shares with software in memory.
    pub const fn queues(self) -> &'static [QueueType] {
        self.describe().unit.queues
    }
}

impl Board {
    /// A PC without an IOMMU.
    pub const PC: Board = Board {
        cpu: Cpu::X86,
        interrupts: Controller::LocalApic,
        registers: PhysAddr::new(0xfed9_0000),
        register_bytes: 4096,
        // 3 GiB below the usual hole.
        ram: (0, 3 << 30),
        windows: &[(0xe000_0000, 256 << 20, false)],
    };

    /// Returns the machine around the IOMMU of an architecture; without one, a PC.
    pub fn of(architecture: Option<Architecture>) -> Board {
        architecture.map_or(Self::PC, |a| a.describe().unit.board)
    }
}

impl AnyIommu {
    /// Creates a unit, or returns what the architecture does not have.
    pub fn new(architecture: Architecture, config: &UnitConfig) -> Result<Self, Text> {
        (architecture.describe().unit.new)(config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_different_and_no_term_is_missing() {
        for (i, a) in Architecture::ALL.into_iter().enumerate() {
            let this = a.describe();
            for b in &Architecture::ALL[..i] {
                let other = b.describe();
                assert!(this.word != other.word && this.name != other.name && this.title != other.title);
            }
            assert_eq!(Architecture::named(this.word), Some(a));
            assert!(!a.faults().is_empty() && !a.queues().is_empty());
        }
        assert_eq!(Architecture::ALL[0], Architecture::default());
        assert_eq!(Architecture::named("Intel"), None);
    }

    #[test]
    fn every_unit_starts_and_says_which_it_is() {
        let config = UnitConfig {
            processes: true,
            width: None,
            largest_page: None,
            iotlb: None,
            device_cache: None,
            process_cache: None,
            fault_records: None,
            interrupt_remapping: true,
            accessed_dirty: false,
            caching_mode: false,
            ats: false,
            pri: false,
        };
        for architecture in Architecture::ALL {
            assert_eq!(AnyIommu::new(architecture, &config).unwrap().architecture(), architecture);
        }
    }
}
