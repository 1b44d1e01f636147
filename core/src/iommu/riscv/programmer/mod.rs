//! How the unit is programmed: which words of registers, contexts and commands say what a driver wants. It knows where
//! it put its structures, never what the unit has cached.

mod contexts;
mod handlers;

use super::config::Config;
use super::records::Command;
use super::shared;
use super::spec::commands::command;
use super::spec::registers::{self as reg, capabilities as cap, csr, ddtp, fctl, icvec, ipsr, queue_base};
use crate::addr::{PageSize, Pasid, PhysAddr, RequesterId};
use crate::iommu::ats::{invalidation_payload, response_payload, Napot};
use crate::iommu::driver::{submit, Commands, Directory, Domains, Hardware, Programmer, Words};
use crate::iommu::registers::Mmio;
use crate::iommu::ring::Ring;
use crate::iommu::{
    Attachment, DomainId, DomainKind, DriverError, FaultRecord, InterruptEntry, Invalidation, Message,
    PageRequest, ProcessTables,
};
use crate::paging::riscv::{Riscv as Tables, Role};
use crate::platform::interrupts::IMSIC;
use crate::spec::{Bits, EntryType, Field, Text};
use crate::trace::Observer;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

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
    /// The interrupt file, and the identity, that an interrupt index was given.
    files: BTreeMap<u16, (u32, u32)>,
}

/// Forgets device contexts, and with them process contexts: of one device, or of all.
fn devices(device: Option<RequesterId>) -> Command {
    Command::Devices { device: device.map(|d| d.raw() & 0xff_ffff) }
}

/// Forgets the context of a process of a device.
fn process(device: RequesterId, process: u32) -> Command {
    Command::Process { device: device.raw() & 0xff_ffff, process }
}

/// Forgets translations of a first stage, whole or some pages.
fn first(gscid: Option<DomainId>, pscid: u32, pages: Option<Napot>) -> Command {
    let (pscid, gscid) = (Some(pscid), gscid.map(|id| id.0));
    Command::Translations { second: false, pages, pscid, gscid, non_leaf: false }
}

fn emit(command: &Command) -> Words {
    let [low, high] = command.emit();
    [low, high, 0, 0]
}

/// The value of a queue's base register.
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
            files: BTreeMap::new(),
        }
    }

    fn post<M: Mmio, O: Observer>(
        &mut self,
        hw: &mut Hardware<'_, '_, M, O>,
        list: &[Command],
    ) -> Result<(), DriverError> {
        let words: Vec<Words> = list.iter().map(emit).collect();
        submit(self, hw, &words)
    }

    /// Clears a pending interrupt of the unit.
    fn acknowledge<M: Mmio, O: Observer>(&self, hw: &mut Hardware<'_, '_, M, O>, pending: Field) {
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

    /// The command for translations of a domain: of a second stage, or of a first stage by PSCID.
    fn of_domain(&self, domains: &Domains, id: DomainId, pages: Option<Napot>) -> Command {
        match domains.is_second(id) {
            true => {
                Command::Translations { second: true, pages, pscid: None, gscid: Some(id.0), non_leaf: false }
            }
            false => first(None, DOMAIN_PSCID | u32::from(id.0), pages),
        }
    }

    /// The commands for a process's translations: it is tagged with its PSCID, and with the GSCID where it has a
    /// second stage; either way it goes.
    fn of_process(
        &self,
        domains: &Domains,
        id: DomainId,
        process: u32,
        pages: Option<Napot>,
    ) -> [Option<Command>; 2] {
        let nested = domains.is_second(id).then(|| first(Some(id), process, pages));
        [Some(first(None, process, pages)), nested]
    }

    /// The pages of a range; `None` where only all of the address space can be forgotten.
    fn napot(&self, range: &crate::addr::AddrRange<crate::addr::Iova>) -> Option<Napot> {
        Some(Napot::covering(range)).filter(|napot| napot.order == 0 || self.config.has(cap::S))
    }
}

impl Commands for RiscvProgrammer {
    const TAIL: (u32, u8) = (reg::cqt::OFFSET, reg::cqt::BYTES);
    const HEAD: (u32, u8) = (reg::cqh::OFFSET, reg::cqh::BYTES);
    const ONE_BY_ONE: bool = true;

    fn ring(&self) -> Ring {
        shared::ring(base(self.commands, QUEUE_BITS), 16)
    }

    fn entry(low: u64) -> &'static EntryType {
        command(low)
    }

    fn fence(&mut self) -> Words {
        self.sequence = self.sequence.wrapping_add(1);
        // Earlier reads and writes of devices are done when the fence is.
        let write = Some((self.fence.raw(), self.sequence));
        emit(&Command::Fence { write, wire: false, drain: true })
    }

    fn nothing(&self) -> Words {
        emit(&Command::NOTHING)
    }

    fn stored(&self, words: Words) -> Words {
        self.ordered(words)
    }

    fn stopped<M: Mmio, O: Observer>(&self, hw: &Hardware<'_, '_, M, O>) -> u64 {
        hw.read(reg::cqcsr::OFFSET, 4) & (csr::MF | csr::TO | csr::ILL)
    }

    fn go_on<M: Mmio, O: Observer>(&self, hw: &mut Hardware<'_, '_, M, O>, errors: u64) {
        hw.write(reg::cqcsr::OFFSET, 4, csr::EN | csr::IE | errors);
    }

    fn settled<M: Mmio, O: Observer>(&self, hw: &mut Hardware<'_, '_, M, O>) {
        self.acknowledge(hw, ipsr::CIP);
    }
}

impl Programmer for RiscvProgrammer {
    type First = Tables;
    type Second = Tables;
    const FIRST_DOMAIN: u16 = 1;
    const START: &'static str = "bring up the RISC-V IOMMU";

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

    fn default_stage(&self) -> DomainKind {
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
    fn start<M: Mmio, O: Observer>(&mut self, hw: &mut Hardware<'_, '_, M, O>) -> Result<(), DriverError> {
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
        self.post(hw, &[devices(None), Command::FIRST, Command::SECOND])
    }

    fn accepts_domain(&self, _: DomainKind, id: DomainId) -> Result<(), DriverError> {
        match id.0 {
            u16::MAX => Err(DriverError::Unsupported(Text::new(
                "more domains (GSCID has 16 bits)",
                "更多的域（GSCID 只有 16 位）",
            ))),
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

    fn domain_made<M: Mmio, O: Observer>(
        &mut self,
        domains: &Domains,
        hw: &mut Hardware<'_, '_, M, O>,
        id: DomainId,
    ) -> Result<(), DriverError> {
        self.files.values().try_for_each(|file| self.map_file(domains, hw, id, u64::from(file.0)))
    }

    fn attach<M: Mmio, O: Observer>(
        &mut self,
        domains: &Domains,
        hw: &mut Hardware<'_, '_, M, O>,
        device: RequesterId,
        to: Attachment,
    ) -> Result<(), DriverError> {
        self.write_device(domains, hw, device, to)
    }

    fn bind<M: Mmio, O: Observer>(
        &mut self,
        domains: &Domains,
        hw: &mut Hardware<'_, '_, M, O>,
        device: RequesterId,
        pasid: Pasid,
        tables: Option<ProcessTables>,
    ) -> Result<(), DriverError> {
        self.write_process_of(domains, hw, device, pasid.raw(), tables)
    }

    fn invalidation(&self, domains: &Domains, what: &Invalidation) -> Result<Vec<Words>, DriverError> {
        let list = match *what {
            Invalidation::All => [Some(devices(None)), Some(Command::FIRST), Some(Command::SECOND)],
            Invalidation::Translations => [Some(Command::FIRST), Some(Command::SECOND), None],
            // IODIR.INVAL_DDT forgets the process contexts of its devices too; for these alone it wants a device.
            Invalidation::Devices | Invalidation::Processes => [Some(devices(None)), None, None],
            Invalidation::Device(device) => [Some(devices(Some(device))), None, None],
            Invalidation::Process(device, pasid) => [Some(process(device, pasid.raw())), None, None],
            Invalidation::Domain(id) => [Some(self.of_domain(domains, id, None)), None, None],
            Invalidation::Pages(id, range) => {
                [Some(self.of_domain(domains, id, self.napot(&range))), None, None]
            }
            Invalidation::PasidAll(id, pasid) => {
                let [one, other] = self.of_process(domains, id, pasid.raw(), None);
                [one, other, None]
            }
            Invalidation::PasidPages(id, pasid, range) => {
                let [one, other] = self.of_process(domains, id, pasid.raw(), self.napot(&range));
                [one, other, None]
            }
            Invalidation::DeviceTlb(device, pasid, range) => {
                let (rid, process) = (device.bdf16(), pasid.map(|p| p.raw()));
                let payload = invalidation_payload(&range);
                [Some(Command::Message { response: false, rid, process, payload }), None, None]
            }
            Invalidation::Interrupts => [Some(Command::SECOND), None, None],
        };
        Ok(list.iter().flatten().map(emit).collect())
    }

    fn response(&self, request: &PageRequest, ok: bool) -> Result<Words, DriverError> {
        if !self.config.has(cap::ATS) {
            return Err(DriverError::Unsupported(Text::new(
                "page requests (capabilities.ATS)",
                "页请求（capabilities.ATS）",
            )));
        }
        let (rid, process) = (request.requester.bdf16(), request.pasid.map(|p| p.raw()));
        let payload = response_payload(request, ok);
        Ok(emit(&Command::Message { response: true, rid, process, payload }))
    }

    fn take_faults<M: Mmio, O: Observer>(
        &mut self,
        hw: &mut Hardware<'_, '_, M, O>,
    ) -> Result<Vec<FaultRecord>, DriverError> {
        self.read_faults(hw)
    }

    fn take_page_requests<M: Mmio, O: Observer>(
        &mut self,
        hw: &mut Hardware<'_, '_, M, O>,
    ) -> Result<Vec<PageRequest>, DriverError> {
        self.read_page_requests(hw)
    }

    fn set_interrupt<M: Mmio, O: Observer>(
        &mut self,
        domains: &Domains,
        hw: &mut Hardware<'_, '_, M, O>,
        index: u16,
        entry: Option<InterruptEntry>,
    ) -> Result<Message, DriverError> {
        self.write_msi_entry(domains, hw, index, entry)
    }

    fn interrupt_message(&self, index: u16) -> Message {
        let (file, identity) = self.files.get(&index).copied().unwrap_or_default();
        Message { address: IMSIC + u64::from(file) * 4096, data: identity }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::addr::{AddrRange, Iova};

    #[test]
    fn pages_are_forgotten_by_range_where_the_unit_can_and_else_as_a_whole() {
        let range = AddrRange::new(Iova::new(0x4000), 0x4000).unwrap();
        let what = Invalidation::Pages(DomainId(7), range);
        let pages = |config| {
            let words = RiscvProgrammer::new(config).invalidation(&Domains::default(), &what).unwrap();
            match Command::parse(&[words[0][0], words[0][1]]) {
                Some(Command::Translations { pages, pscid: Some(0x8_0007), gscid: None, .. }) => pages,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(pages(Config::playground()), Some(Napot { page: 4, order: 2 }));
        let mut config = Config::playground();
        config.capabilities.set_flag(cap::S, false);
        assert_eq!(pages(config), None);
    }
}
