//! How the unit is programmed: which words of registers, contexts and commands say what a driver wants. It knows where
//! it put its structures, never what the unit has cached.

mod commands;
mod contexts;
mod handlers;

use super::config::Config;
use super::records::Command;
use super::spec::registers::{self as reg, capabilities as cap, csr, ddtp, fctl, icvec, queue_base};
use crate::addr::{PageSize, PhysAddr};
use crate::iommu::driver::{Directory, Hardware, Programmer};
use crate::iommu::{unsupported, DomainId, DomainKind, DriverResult};
use crate::paging::riscv::{Riscv as Tables, Role};
use crate::spec::{Bits, Field, Text};
use alloc::collections::BTreeMap;

/// PSCIDs: processes have their PASID, domains of devices count from here.
const DOMAIN_PSCID: u32 = 0x8_0000;
/// Log2 of the entries of the command and page request queues: a page of 16 bytes each.
const QUEUE_BITS: u32 = 8;

/// What the driver knows.
#[derive(Clone, Debug)]
pub struct RiscvProgrammer {
    /// What the capabilities say, and how the driver uses them.
    config: Config,
    /// fctl.BE: structures are big-endian.
    big_endian: bool,
    directory: PhysAddr,
    commands: PhysAddr,
    /// Where fences write, and the last value.
    fence: PhysAddr,
    sequence: u32,
    faults: PhysAddr,
    pages: PhysAddr,
    /// MSI page table: one for all second-stage domains.
    messages: PhysAddr,
    /// Pages of the device directory, by level and the device_id bits above it.
    devices: Directory<(u8, u32)>,
    /// Process directories by device: the pages, by level and the process_id bits above it.
    processes: Directory<(u32, u8, u32)>,
    /// The second stage under a device's directory of processes, while it has one.
    below: BTreeMap<u32, DomainId>,
    /// The PSCIDs of what a device's PASIDs stood for last.
    bound: BTreeMap<(u32, u32), u32>,
    /// The interrupt file, and the identity, that an interrupt index was given: of a device under a second stage, the file at
    /// the guest's address.
    files: BTreeMap<u16, (u32, u32)>,
    /// Where the MSI page table leads from such a file: the file of which hart.
    harts: BTreeMap<u32, u32>,
}

/// Returns the value of a queue's base register.
fn base(at: PhysAddr, log2: u32) -> u64 {
    0u64.with_address(queue_base::PPN, at.raw()).with(queue_base::LOG2SZ, u64::from(log2) - 1)
}

impl RiscvProgrammer {
    /// Returns the driver of a unit with these capabilities, which is not started.
    pub fn new(config: Config) -> Self {
        let none = PhysAddr::new(0);
        RiscvProgrammer {
            config,
            big_endian: config.fctl.is_set(fctl::BE),
            directory: none,
            commands: none,
            fence: none,
            sequence: 0,
            faults: none,
            pages: none,
            messages: none,
            devices: Directory::default(),
            processes: Directory::default(),
            below: BTreeMap::new(),
            bound: BTreeMap::new(),
            files: BTreeMap::new(),
            harts: BTreeMap::new(),
        }
    }

    /// Clears a pending interrupt of the unit.
    fn acknowledge(&self, hw: &mut impl Hardware, pending: Field) {
        if hw.read(reg::ipsr::OFFSET, 4).is_set(pending) {
            hw.write(reg::ipsr::OFFSET, 4, pending.mask());
        }
    }

    /// The words in the unit's byte order, or back.
    fn ordered<const N: usize>(&self, words: [u64; N]) -> [u64; N] {
        if self.big_endian {
            words.map(u64::swap_bytes)
        } else {
            words
        }
    }

    fn tables(&self, made: Tables) -> Tables {
        Tables { update: self.config.update, ..made }
    }
}

impl Programmer for RiscvProgrammer {
    type First = Tables;
    type Second = Tables;
    const FIRST_DOMAIN: u16 = 1;
    const DOMAIN_TAG: Option<u32> = Some(DOMAIN_PSCID);
    const START: Text = Text::new("bring up the RISC-V IOMMU", "启用 RISC-V IOMMU");

    fn first(&self, look: bool) -> Tables {
        let made = self.tables(Tables::first(self.config.levels));
        match look {
            // Entries that the first access would update count as mapped.
            true => Tables { update: true, frozen: true, role: Role::First { sum: true }, ..made },
            false => made,
        }
    }

    fn second(&self, look: bool) -> Tables {
        let made = self.tables(Tables::second(self.config.levels));
        match look {
            true => Tables { update: true, frozen: true, ..made },
            false => made,
        }
    }

    fn default_stage(&self, _: bool) -> DomainKind {
        DomainKind::Stage1
    }

    fn address_bits(&self) -> u8 {
        // The lower half of a canonical first-stage address; the second stage takes more.
        11 + 9 * self.config.levels
    }

    fn page_sizes(&self) -> &'static [PageSize] {
        const ALL: &[PageSize] = &[PageSize::SIZE_4K, PageSize::SIZE_2M, PageSize::SIZE_1G];
        match self.config.largest_page {
            ..=20 => &ALL[..1],
            21..=29 => &ALL[..2],
            _ => ALL,
        }
    }

    /// RISC-V IOMMU, "Guidelines for initialization": interrupts, queues, then the directory.
    fn start(&mut self, hw: &mut impl Hardware) -> DriverResult {
        self.directory = hw.frame()?;
        self.commands = hw.frame()?;
        self.fence = hw.frame()?;
        self.faults = hw.frame()?;
        self.messages = hw.frame()?;
        // Interrupts by wire: causes 0 (commands), 1 (faults), 3 (page requests).
        if self.config.fctl_writable.is_set(fctl::WSI) {
            let value = hw.read(reg::fctl::OFFSET, 4).with_flag(fctl::WSI, true);
            hw.write(reg::fctl::OFFSET, 4, value);
        }
        let vectors = 0u64.with(icvec::CIV, 0).with(icvec::FIV, 1).with(icvec::PIV, 3);
        hw.write(reg::icvec::OFFSET, 8, vectors);
        hw.write(reg::cqb::OFFSET, 8, base(self.commands, QUEUE_BITS));
        hw.write(reg::cqt::OFFSET, 4, 0);
        hw.write(reg::cqcsr::OFFSET, 4, csr::EN | csr::IE);
        let slots = self.config.fault_slots.clamp(2, 128).next_power_of_two().trailing_zeros();
        hw.write(reg::fqb::OFFSET, 8, base(self.faults, slots));
        hw.write(reg::fqh::OFFSET, 4, 0);
        hw.write(reg::fqcsr::OFFSET, 4, csr::EN | csr::IE);
        if self.config.has(cap::ATS) {
            self.pages = hw.frame()?;
            hw.write(reg::pqb::OFFSET, 8, base(self.pages, QUEUE_BITS));
            hw.write(reg::pqh::OFFSET, 4, 0);
            hw.write(reg::pqcsr::OFFSET, 4, csr::EN | csr::IE);
        }
        let directory = 0u64.with_address(ddtp::PPN, self.directory.raw());
        hw.write(reg::ddtp::OFFSET, 8, directory.with(ddtp::IOMMU_MODE, reg::mode::LEVELS_3));
        self.post(hw, &[commands::devices(None), Command::FIRST, Command::SECOND])
    }

    /// As Linux's `riscv_iommu_disable`: the directory's mode Off, then the queues.
    fn stop(&self, hw: &mut impl Hardware) {
        hw.write(reg::ddtp::OFFSET, 8, 0u64.with(ddtp::IOMMU_MODE, reg::mode::OFF));
        for queue in [reg::cqcsr::OFFSET, reg::fqcsr::OFFSET, reg::pqcsr::OFFSET] {
            hw.write(queue, 4, 0);
        }
    }

    fn anew(&self) -> Self {
        RiscvProgrammer::new(self.config)
    }

    fn accepts_domain(&self, _: DomainKind, id: DomainId) -> DriverResult {
        match id.0 {
            u16::MAX => unsupported("more domains (GSCID has 16 bits)", "更多的域（GSCID 只有 16 位）"),
            _ => Ok(()),
        }
    }

    fn root_frames(&self, kind: DomainKind) -> (u64, u64) {
        match kind {
            DomainKind::Stage1 => (1, 1),
            // The root of an x4 table is four pages, aligned to their size.
            DomainKind::Stage2 => (4, 4),
        }
    }

    fn domain_made(&mut self, hw: &mut impl Hardware, id: DomainId) -> DriverResult {
        self.files.values().try_for_each(|file| self.map_file(hw, id, u64::from(file.0)))
    }
}
