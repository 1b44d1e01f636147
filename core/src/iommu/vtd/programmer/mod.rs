//! How the unit is programmed: which words of registers, entries and descriptors say what a driver wants. It knows
//! where it put its structures, never what the unit has cached.

mod commands;
mod contexts;
mod handlers;

use super::first_stage::FirstStage;
use super::second_stage::SecondStage;
use super::spec::registers::*;
use super::Config;
use crate::addr::{PageSize, PhysAddr};
use crate::iommu::driver::{Directory, Hardware, Programmer};
use crate::iommu::{unsupported, DomainId, DomainKind, DriverResult, Message};
use crate::spec::{Bits, Field, Register, Text};
use alloc::collections::BTreeMap;

/// The domain id of pass-through and of processes' own tables.
const SHARED_DOMAIN: u16 = 1;

/// The interrupt vectors of the unit's events.
const FAULT_VECTOR: u8 = 0x30;
const PAGE_REQUEST_VECTOR: u8 = 0x31;

/// What the driver knows.
#[derive(Clone, Debug)]
pub struct VtdProgrammer {
    /// What the capabilities say.
    config: Config,
    root: PhysAddr,
    queue: PhysAddr,
    /// Where wait descriptors write their status, and the last value.
    status: PhysAddr,
    sequence: u32,
    interrupts: PhysAddr,
    page_queue: PhysAddr,
    /// Context tables by bus and half.
    contexts: Directory<(u8, bool)>,
    /// PASID directories by device.
    directories: Directory<u16>,
    /// PASID tables by device and directory index.
    pasid_tables: Directory<(u16, u32)>,
    /// What was last written into PASID-table entries, by device and PASID.
    tags: BTreeMap<(u16, u32), Tag>,
}

/// What translations by a PASID-table entry are tagged with, and the tables that it leads to (VT-d 6.2.3: those of a first stage
/// are tagged with domain id and PASID, whatever the device).
#[derive(Clone, Copy, Debug)]
struct Tag {
    did: u16,
    first: Option<u64>,
    second: Option<u64>,
    present: bool,
}

impl VtdProgrammer {
    /// Returns the driver of a unit with these capabilities, which is not started.
    pub fn new(config: Config) -> Self {
        let none = PhysAddr::new(0);
        VtdProgrammer {
            config,
            root: none,
            queue: none,
            status: none,
            sequence: 0,
            interrupts: none,
            page_queue: none,
            contexts: Directory::default(),
            directories: Directory::default(),
            pasid_tables: Directory::default(),
            tags: BTreeMap::new(),
        }
    }

    /// Returns the value of IQA: one page, QS = 0.
    fn queue_base(&self) -> u64 {
        0.with_address(iqa::IQA, self.queue.raw()).with_flag(iqa::DW, self.config.scalable_mode())
    }

    fn global_command(&self, hw: &mut impl Hardware, on: Field) {
        // Status bits that stay on must be written again (VT-d 11.4.4); SRTP and SIRTP are one-shot.
        let status = hw.of(&GSTS);
        let kept = 0
            .with_flag(gcmd::TE, status.is_set(gsts::TES))
            .with_flag(gcmd::QIE, status.is_set(gsts::QIES))
            .with_flag(gcmd::IRE, status.is_set(gsts::IRES))
            .with_flag(gcmd::CFI, status.is_set(gsts::CFIS));
        hw.set(&GCMD, kept.with_flag(on, true));
    }

    /// Has an event interrupt with this vector on CPU 0, and unmasks it.
    fn event(&self, hw: &mut impl Hardware, group: [&Register; 3], vector: u8) {
        let [control, data, address] = group;
        let message = Message { address: 0xfee0_0000, data: vector.into() };
        hw.set(data, message.data.into());
        hw.set(address, message.address);
        hw.set(control, 0);
    }
}

impl Programmer for VtdProgrammer {
    type First = FirstStage;
    type Second = SecondStage;
    /// 0 is reserved for caching mode, 1 is for pass-through and for processes without a second stage, as Linux has it.
    const FIRST_DOMAIN: u16 = 2;
    const START: Text = Text::new("bring up the VT-d unit", "启用 VT-d");

    fn first(&self, _: bool) -> FirstStage {
        FirstStage {
            host_bits: self.config.host_bits,
            page_1g: self.config.first_stage_1g(),
            no_execute: true,
            ..FirstStage::four_levels()
        }
    }

    fn second(&self, _: bool) -> SecondStage {
        second_format(&self.config)
    }

    fn default_stage(&self, _: bool) -> DomainKind {
        DomainKind::Stage2
    }

    fn address_bits(&self) -> u8 {
        let tables = 12 + 9 * self.config.deepest_second_stage();
        tables.min(self.config.max_guest_bits())
    }

    fn page_sizes(&self) -> &'static [PageSize] {
        const ALL: &[PageSize] = &[PageSize::SIZE_4K, PageSize::SIZE_2M, PageSize::SIZE_1G];
        let count = match (self.config.second_stage_2m(), self.config.second_stage_1g()) {
            (true, true) => 3,
            (true, false) => 2,
            _ => 1,
        };
        &ALL[..count]
    }

    /// VT-d 11.4.4 gives the order: fault event, queues, tables, then translation.
    fn start(&mut self, hw: &mut impl Hardware) -> DriverResult {
        let scalable = self.config.scalable_mode();
        self.root = hw.frame()?;
        self.queue = hw.frame()?;
        self.status = hw.frame()?;

        self.event(hw, [&FECTL, &FEDATA, &FEADDR], FAULT_VECTOR);

        let mode = if scalable { ttm::SCALABLE } else { ttm::LEGACY };
        let root = 0.with_address(rtaddr::RTA, self.root.raw()).with(rtaddr::TTM, mode);
        hw.set(&RTADDR, root);
        self.global_command(hw, gcmd::SRTP);

        hw.set(&IQT, 0);
        hw.set(&IQA, self.queue_base());
        self.global_command(hw, gcmd::QIE);

        if self.config.interrupt_remapping() {
            // One page: 256 entries, S = 7.
            self.interrupts = hw.frame()?;
            let table = 0
                .with_address(irta::IRTA, self.interrupts.raw())
                .with_flag(irta::EIME, self.config.extended_interrupt_mode())
                .with(irta::S, 7);
            hw.set(&IRTA, table);
            self.global_command(hw, gcmd::SIRTP);
        }
        if self.config.page_requests() && scalable {
            self.page_queue = hw.frame()?;
            hw.set(&PQH, 0);
            hw.set(&PQT, 0);
            let queue = 0.with_address(pqa::PQA, self.page_queue.raw());
            hw.set(&PQA, queue);
            self.event(hw, [&PECTL, &PEDATA, &PEADDR], PAGE_REQUEST_VECTOR);
        }
        self.post(hw, self.everything())?;
        if self.config.interrupt_remapping() {
            self.global_command(hw, gcmd::IRE);
        }
        self.global_command(hw, gcmd::TE);
        Ok(())
    }

    /// One field at a time (VT-d 11.4.4): translation, remapping of interrupts, then the queue.
    fn stop(&self, hw: &mut impl Hardware) {
        let on = |hw: &mut _, field| Hardware::of(hw, &GSTS).is_set(field);
        let (queue, remapping) = (on(hw, gsts::QIES), on(hw, gsts::IRES));
        let kept = 0.with_flag(gcmd::QIE, queue);
        hw.set(&GCMD, kept.with_flag(gcmd::IRE, remapping));
        if remapping {
            hw.set(&GCMD, kept);
        }
        hw.set(&GCMD, 0);
    }

    fn anew(&self) -> Self {
        VtdProgrammer::new(self.config)
    }

    /// With CAP.CM, as Linux does it: for second-stage tables (drivers/iommu/intel/cache.c, cache_tag_flush_range_np).
    fn remembers_absence(&self, kind: DomainKind) -> bool {
        self.config.caching_mode() && kind == DomainKind::Stage2
    }

    fn accepts_domain(&self, kind: DomainKind, id: DomainId) -> DriverResult {
        let scalable = self.config.scalable_mode();
        match kind {
            DomainKind::Stage1 if !scalable || !self.config.scalable_first_stage() => {
                unsupported("first-stage translation (ECAP.FSTS)", "第一阶段转换（ECAP.FSTS）")
            }
            DomainKind::Stage2 if scalable && !self.config.scalable_second_stage() => unsupported(
                "second-stage translation in scalable mode (ECAP.SSTS)",
                "可扩展模式下的第二阶段转换（ECAP.SSTS）",
            ),
            _ if u32::from(id.0) >= self.config.domains() => {
                unsupported("more domains (CAP.ND)", "更多的域（CAP.ND）")
            }
            _ => Ok(()),
        }
    }
}

/// Returns the second-stage tables that the driver makes.
fn second_format(config: &Config) -> SecondStage {
    SecondStage {
        levels: config.deepest_second_stage(),
        host_bits: config.host_bits,
        page_2m: config.second_stage_2m(),
        page_1g: config.second_stage_1g(),
        ..SecondStage::four_levels()
    }
}
