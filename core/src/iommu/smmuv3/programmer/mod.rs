//! How the unit is programmed, as Linux's arm-smmu-v3 and io-pgtable-arm do it: which words of registers, entries and commands
//! say what a driver wants. It knows where it put its structures, never what the unit has cached.

mod commands;
mod contexts;
mod entry;
mod handlers;
mod its;

use self::commands::{base, emit};
use self::its::ItsDriver;
use super::config::Config;
use super::spec::commands::command;
use super::spec::registers::*;
use super::spec::structures::size;
use crate::addr::{PageSize, Pasid, PhysAddr, RequesterId};
use crate::iommu::driver::{
    domains, submit, unsupported, Commands, Contexts, Directory, Domains, DriverResult, Hardware,
    InterruptRemapping, Programmer, Records, Words,
};
use crate::iommu::ring::Ring;
use crate::iommu::{
    Attachment, DomainId, DomainKind, DriverError, FaultRecord, InterruptEntry, Invalidation, Message,
    PageRequest, PageResponse, ProcessTables,
};
use crate::paging::aarch64::{Aarch64, Granule, Update};
use crate::paging::builder::{MapError, Mapping};
use crate::platform::its::{DOORBELL, DOORBELL_IOVA};
use crate::spec::{Bits, EntryType, Text};
use crate::trace::Perms;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

/// Low bits of a StreamID that index the second level of the stream table: a PCI bus, as Linux has it.
const SPLIT: u64 = 8;
/// ASIDs: processes have the CPU's, domains of devices count from here.
const DOMAIN_ASID: u16 = 0x8000;
/// log2 of the entries of the command and page request queues: a page of 16 bytes each.
const QUEUE_BITS: u8 = 8;

/// What the driver knows.
#[derive(Clone, Debug)]
pub struct SmmuProgrammer {
    /// What the IDR registers say, and how the driver uses it.
    config: Config,
    streams: PhysAddr,
    commands: PhysAddr,
    events: PhysAddr,
    pages: PhysAddr,
    /// Tables of stream table entries, by the StreamID bits above [`SPLIT`].
    stream_tables: Directory<u32>,
    /// Tables of context descriptors, by StreamID.
    descriptors: Directory<u32>,
    /// Their leaves, by StreamID and the SubstreamID bits above.
    descriptor_leaves: Directory<(u32, u32)>,
    /// The stage 2 below a device's stage 1, while it has one.
    below: BTreeMap<u32, DomainId>,
    /// Devices that go past all tables, by their requester ids.
    past: BTreeSet<u32>,
    /// The ASID of what a StreamID's SubstreamID was bound to last.
    bound: BTreeMap<(u32, u32), u16>,
    /// Interrupts reach CPUs through this, once one is set up.
    its: Option<ItsDriver>,
}

/// Returns the tables that the driver makes: 4 KiB granules, 48 bits unless the scenario says otherwise.
pub(super) fn tables(config: &Config, kind: DomainKind) -> Aarch64 {
    let bits = config.width.min(config.address_bits());
    let made = match kind {
        DomainKind::Stage1 => Aarch64::stage1(Granule::K4, bits),
        DomainKind::Stage2 => Aarch64::stage2(Granule::K4, bits),
    };
    let update = if config.update { Update::AccessDirty } else { Update::None };
    Aarch64 { update, output_bits: config.address_bits(), ..made.for_devices() }
}

/// Returns how an address size of this many bits is encoded.
pub(super) const fn size_code(bits: u8) -> u64 {
    match bits {
        0..=32 => size::BITS_32,
        33..=36 => size::BITS_36,
        37..=40 => size::BITS_40,
        41..=42 => size::BITS_42,
        43..=44 => size::BITS_44,
        45..=48 => size::BITS_48,
        _ => size::BITS_52,
    }
}

impl SmmuProgrammer {
    /// Returns the driver of a unit with these IDR registers, which is not started.
    pub fn new(config: Config) -> Self {
        let none = PhysAddr::new(0);
        SmmuProgrammer {
            config,
            streams: none,
            commands: none,
            events: none,
            pages: none,
            stream_tables: Directory::default(),
            descriptors: Directory::default(),
            descriptor_leaves: Directory::default(),
            below: BTreeMap::new(),
            past: BTreeSet::new(),
            bound: BTreeMap::new(),
            its: None,
        }
    }

    /// Tables as the driver makes them. To look, a leaf that the first access would mark counts as mapped.
    fn format(&self, kind: DomainKind, look: bool) -> Aarch64 {
        let made = tables(&self.config, kind);
        match look {
            true => Aarch64 { update: Update::Ignored, frozen: true, ..made },
            false => made,
        }
    }

    /// Maps the ITS's doorbell at Linux's MSI window, so that messages reach it: without it an MSI faults as any write
    /// does (`iommu_dma_prepare_msi`).
    fn map_doorbell(&self, hw: &mut impl Hardware, id: DomainId) -> DriverResult {
        let (from, to) = (DOORBELL_IOVA & !0xfff, DOORBELL & !0xfff);
        let (size, perms) = (PageSize::SIZE_4K, Perms::W);
        match domains::map(self, hw, id, Mapping { from, to, len: 4096, size, perms, user: true }) {
            Err(DriverError::Map(MapError::Mapped { .. })) => Ok(()),
            other => other,
        }
    }
}

impl Commands for SmmuProgrammer {
    const TAIL: (u32, u8) = (cmdq_prod::OFFSET, cmdq_prod::BYTES);
    const HEAD: (u32, u8) = (cmdq_cons::OFFSET, cmdq_cons::BYTES);
    const ONE_BY_ONE: bool = false;

    fn ring(&self) -> Ring {
        super::ring(base(self.commands, QUEUE_BITS), self.config.idr1(idr1::CMDQS), 16)
    }

    fn entry(low: u64) -> &'static EntryType {
        command(low)
    }

    fn fence(&mut self) -> Words {
        emit(commands::sync())
    }

    fn invalidation(&self, domains: &Domains, what: &Invalidation) -> DriverResult<Vec<Words>> {
        Ok(self.forget(domains, what))
    }

    fn response(&self, request: &PageRequest, response: PageResponse) -> DriverResult<Words> {
        self.answer(request, response)
    }

    fn nothing(&self) -> Words {
        emit(commands::sync())
    }

    fn stopped(&self, hw: &impl Hardware) -> u64 {
        (hw.of(&GERROR) ^ hw.of(&GERRORN)) & global_errors::CMDQ_ERR.mask()
    }

    fn go_on(&self, hw: &mut impl Hardware, errors: u64) {
        let seen = hw.of(&GERRORN);
        hw.set(&GERRORN, seen ^ errors);
    }
}

impl Programmer for SmmuProgrammer {
    type First = Aarch64;
    type Second = Aarch64;
    const FIRST_DOMAIN: u16 = 1;
    const DOMAIN_TAG: Option<u32> = Some(DOMAIN_ASID as u32);
    const START: Text = Text::new("bring up the SMMUv3", "启用 SMMUv3");

    fn first(&self, look: bool) -> Aarch64 {
        self.format(DomainKind::Stage1, look)
    }

    fn second(&self, look: bool) -> Aarch64 {
        self.format(DomainKind::Stage2, look)
    }

    fn default_stage(&self, _processes: bool) -> DomainKind {
        DomainKind::Stage1
    }

    fn address_bits(&self) -> u8 {
        self.config.width.min(self.config.address_bits())
    }

    fn page_sizes(&self) -> &'static [PageSize] {
        const ALL: &[PageSize] = &[PageSize::SIZE_4K, PageSize::SIZE_2M, PageSize::SIZE_1G];
        match self.config.largest_page {
            ..=20 => &ALL[..1],
            21..=29 => &ALL[..2],
            _ => ALL,
        }
    }

    /// In the order of Linux's `arm_smmu_device_reset`: tables, commands, events, page requests, interrupts, translation.
    fn start(&mut self, hw: &mut impl Hardware) -> DriverResult {
        let bits = self.config.idr1(idr1::SIDSIZE);
        let descriptors = 8u64 << (bits - SPLIT.min(bits));
        let pages = descriptors.div_ceil(4096);
        self.streams = hw.frames(pages, pages)?;
        self.commands = hw.frame()?;
        self.events = hw.frame()?;
        // Write-back, inner shareable, for tables and queues.
        let attributes = 0u64
            .with(cr1::TABLE_SH, 3)
            .with(cr1::TABLE_OC, 1)
            .with(cr1::TABLE_IC, 1)
            .with(cr1::QUEUE_SH, 3)
            .with(cr1::QUEUE_OC, 1)
            .with(cr1::QUEUE_IC, 1);
        hw.set(&CR1, attributes);
        hw.set(&CR2, 0u64.with_flag(cr2::PTM, true).with_flag(cr2::RECINVSID, true));
        let table = 0u64.with_address(strtab_base::ADDR, self.streams.raw()).with_flag(strtab_base::RA, true);
        hw.set(&STRTAB_BASE, table);
        let layout = 0u64
            .with(strtab_base_cfg::FMT, fmt::TWO_LEVEL)
            .with(strtab_base_cfg::SPLIT, SPLIT)
            .with(strtab_base_cfg::LOG2SIZE, bits);
        hw.set(&STRTAB_BASE_CFG, layout);
        hw.set(&CMDQ_BASE, base(self.commands, QUEUE_BITS));
        hw.set(&CMDQ_PROD, 0);
        hw.set(&CMDQ_CONS, 0);
        let mut on = 0u64.with_flag(switches::CMDQEN, true);
        hw.set(&CR0, on);
        submit(self, hw, &self.all())?;
        hw.set(&EVENTQ_BASE, base(self.events, self.config.event_queue.min(7)));
        hw.set(&EVENTQ_PROD, 0);
        hw.set(&EVENTQ_CONS, 0);
        on.set_flag(switches::EVENTQEN, true);
        hw.set(&CR0, on);
        if self.config.has(idr0::PRI) {
            self.pages = hw.frame()?;
            hw.set(&PRIQ_BASE, base(self.pages, QUEUE_BITS));
            hw.set(&PRIQ_PROD, 0);
            hw.set(&PRIQ_CONS, 0);
            on.set_flag(switches::PRIQEN, true);
            hw.set(&CR0, on);
        }
        if self.config.has(idr0::ATS) {
            on.set_flag(switches::ATSCHK, true);
            hw.set(&CR0, on);
        }
        let interrupts = 0u64
            .with_flag(interrupts::EVENTQ_IRQEN, true)
            .with_flag(interrupts::GERROR_IRQEN, true)
            .with_flag(interrupts::PRIQ_IRQEN, self.config.has(idr0::PRI));
        hw.set(&IRQ_CTRL, interrupts);
        on.set_flag(switches::SMMUEN, true);
        hw.set(&CR0, on);
        Ok(())
    }

    /// As Linux's `arm_smmu_device_reset` for a unit that is on: what comes meanwhile is aborted.
    fn stop(&self, hw: &mut impl Hardware) {
        let abort = hw.of(&GBPA).with_flag(gbpa::ABORT, true).with_flag(gbpa::UPDATE, true);
        hw.set(&GBPA, abort);
        hw.set(&CR0, 0);
    }

    fn anew(&self) -> Self {
        SmmuProgrammer::new(self.config)
    }

    fn accepts_domain(&self, _: DomainKind, id: DomainId) -> DriverResult {
        match id.0 >= DOMAIN_ASID {
            true => unsupported(
                "more domains (half of the 16 bits of an ASID are for processes)",
                "更多的域（16 位 ASID 有一半留给进程）",
            ),
            false => Ok(()),
        }
    }

    fn root_frames(&self, kind: DomainKind) -> (u64, u64) {
        let pages = tables(&self.config, kind).root_frames();
        (pages, pages)
    }

    fn domain_made(&mut self, hw: &mut impl Hardware, id: DomainId) -> DriverResult {
        match self.its.is_some() {
            true => self.map_doorbell(hw, id),
            false => Ok(()),
        }
    }
}

impl Contexts for SmmuProgrammer {
    fn attach(&mut self, hw: &mut impl Hardware, device: RequesterId, to: Attachment) -> DriverResult {
        self.attach_device(hw, device, to)
    }

    fn bind(
        &mut self,
        hw: &mut impl Hardware,
        device: RequesterId,
        pasid: Pasid,
        tables: Option<ProcessTables>,
    ) -> DriverResult {
        self.bind_process(hw, device, pasid, tables)
    }
}

impl Records for SmmuProgrammer {
    fn take_faults(&mut self, hw: &mut impl Hardware) -> DriverResult<Vec<FaultRecord>> {
        self.read_events(hw)
    }

    fn take_page_requests(&mut self, hw: &mut impl Hardware) -> DriverResult<Vec<PageRequest>> {
        self.read_page_requests(hw)
    }
}

impl InterruptRemapping for SmmuProgrammer {
    /// Gives an interrupt its EventID: the ITS is set up on first use, the device and the event are mapped by commands,
    /// and the doorbell is mapped in every domain.
    fn set_interrupt(
        &mut self,
        hw: &mut impl Hardware,
        index: u16,
        entry: Option<InterruptEntry>,
    ) -> DriverResult<Message> {
        let its = match &mut self.its {
            Some(its) => its,
            None => {
                let its = ItsDriver::start(hw)?;
                let ids: Vec<DomainId> = hw.domains().ids().collect();
                ids.into_iter().try_for_each(|id| self.map_doorbell(hw, id))?;
                self.its.insert(its)
            }
        };
        match entry {
            Some(InterruptEntry { posted: Some(_), .. }) => {
                return unsupported(
                    "posted interrupts: that takes a GICv4, and this ITS is a GICv3's",
                    "posted 中断：那需要 GICv4，而这里的 ITS 属于 GICv3",
                )
            }
            Some(entry) => {
                let Some(source) = entry.source else {
                    return unsupported(
                        "an interrupt of no device: an ITS maps the events of one device, so say which with `source`",
                        "不属于任何设备的中断：ITS 按设备映射事件，请用 `source` 写明是哪个设备",
                    );
                };
                let device = source.raw();
                its.map_event(hw, device, index, u32::from(entry.vector), entry.destination)?;
            }
            None => its.discard(hw, index)?,
        }
        Ok(self.interrupt_message(index))
    }

    /// The SMMU remembers nothing of interrupts; what the ITS does of each CPU's collection, a command makes it forget.
    fn forget_interrupts(&mut self, hw: &mut impl Hardware) -> DriverResult<bool> {
        match &mut self.its {
            Some(its) => its.forget(hw).map(|()| true),
            None => unsupported(
                "a cache of interrupts: it remaps none, and the ITS has none to forget until `interrupt` sets one up",
                "中断缓存：它不做中断重映射；ITS 要等 `interrupt` 设置了中断之后才有可失效的内容",
            ),
        }
    }

    /// The message of an interrupt: its EventID, written to the doorbell as the device sees it.
    fn interrupt_message(&self, index: u16) -> Message {
        let its = self.its.as_ref();
        let event = its.map_or(u32::from(index), |its| its.event(index));
        // Who goes past all tables finds the doorbell where it is (`iommu_dma_prepare_msi` maps it for others only).
        let started = self.commands.raw() != 0;
        let past = its.and_then(|its| its.device(index)).is_some_and(|device| self.past.contains(&device));
        Message { address: if past || !started { DOORBELL } else { DOORBELL_IOVA }, data: event }
    }
}
