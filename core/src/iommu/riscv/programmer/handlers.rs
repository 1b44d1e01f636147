//! What the driver reads back: fault records and page requests; and the MSI page table.

use super::RiscvProgrammer;
use crate::addr::{Address, PageSize};
use crate::iommu::ats::Napot;
use crate::iommu::driver::domains::map;
use crate::iommu::driver::{Hardware, InterruptRemapping, Records};
use crate::iommu::riscv::records::{parse_fault, parse_page_request, Command};
use crate::iommu::riscv::shared;
use crate::iommu::riscv::spec::registers::{self as reg, csr, ipsr};
use crate::iommu::riscv::spec::structures::{msi_mode, msi_pte, msi_pte_mrif, MSI_PTE, MSI_PTE_MRIF};
use crate::iommu::{unsupported, DomainId, DomainKind, DriverError, DriverResult};
use crate::iommu::{FaultRecord, InterruptEntry, Message, PageRequest};
use crate::paging::builder::{MapError, Mapping};
use crate::platform::interrupts::{IMSIC, IMSIC_FILES};
use crate::spec::{Bits, Field, Register};
use crate::trace::Perms;
use alloc::vec::Vec;

/// A queue that the unit writes, by its registers.
struct Queue {
    base: &'static Register,
    head: &'static Register,
    tail: &'static Register,
    csr: &'static Register,
    pending: Field,
}

static FAULTS: Queue =
    Queue { base: &reg::FQB, head: &reg::FQH, tail: &reg::FQT, csr: &reg::FQCSR, pending: ipsr::FIP };
static PAGES: Queue =
    Queue { base: &reg::PQB, head: &reg::PQH, tail: &reg::PQT, csr: &reg::PQCSR, pending: ipsr::PIP };

impl RiscvProgrammer {
    /// Takes every record of a queue and clears its errors.
    fn take<const N: usize>(&self, hw: &mut impl Hardware, queue: &Queue) -> DriverResult<Vec<[u64; N]>> {
        self.acknowledge(hw, queue.pending);
        let mut out = Vec::new();
        let ring = shared::ring(hw.read(queue.base.offset, 8), N as u64 * 8);
        let (mut head, tail) = (hw.read(queue.head.offset, 4), hw.read(queue.tail.offset, 4));
        for _ in 0..ring.entries {
            if head == tail {
                break;
            }
            out.push(self.ordered(hw.load(ring.slot(head))?));
            head = ring.next(head);
        }
        if !out.is_empty() {
            hw.write(queue.head.offset, 4, head);
        }
        let errors = hw.read(queue.csr.offset, 4) & (csr::MF | csr::OF);
        if errors != 0 {
            hw.write(queue.csr.offset, 4, csr::EN | csr::IE | errors);
        }
        Ok(out)
    }

    /// Maps an interrupt file at its own address in a first-stage domain, so that messages reach it: what Linux
    /// does in `iommu_dma_prepare_msi`. A second-stage domain has the MSI page table for that.
    pub(super) fn map_file(&self, hw: &mut impl Hardware, id: DomainId, file: u64) -> DriverResult {
        if hw.domains().get(id)?.kind == DomainKind::Stage2 {
            return Ok(());
        }
        let at = IMSIC + file * 4096;
        let (size, perms) = (PageSize::SIZE_4K, Perms::W);
        match map(self, hw, id, Mapping { from: at, to: at, len: 4096, size, perms, user: true }) {
            Err(DriverError::Map(MapError::Mapped { .. })) => Ok(()),
            other => other,
        }
    }
}

impl RiscvProgrammer {
    /// Which file a message is to name, for an interrupt of `hart`. Under a second stage an interrupt that moves keeps its file,
    /// and so its message, where no other interrupt has it: the file moves, by its entry of the MSI page table (AIA 8.2).
    fn file_for(&self, hw: &mut impl Hardware, index: u16, hart: u32, entry: Option<InterruptEntry>) -> u32 {
        if !entry.and_then(|e| e.source).is_some_and(|device| self.has_message_table(hw, device)) {
            return hart;
        }
        let leads = |file: &u32| self.harts.get(file).copied();
        if let Some((file, _)) = self.files.get(&index) {
            let alone = self.files.iter().all(|(other, (f, _))| *other == index || f != file);
            if alone || leads(file) == Some(hart) {
                return *file;
            }
        }
        let natural = Some(hart).filter(|file| leads(file).is_none_or(|to| to == hart));
        let all = || 0..IMSIC_FILES as u32;
        let there = natural.or_else(|| all().find(|file| leads(file) == Some(hart)));
        there.or_else(|| all().find(|file| leads(file).is_none())).unwrap_or(hart)
    }
}

impl Records for RiscvProgrammer {
    fn take_faults(&mut self, hw: &mut impl Hardware) -> DriverResult<Vec<FaultRecord>> {
        Ok(self.take(hw, &FAULTS)?.iter().filter_map(parse_fault).collect())
    }

    fn take_page_requests(&mut self, hw: &mut impl Hardware) -> DriverResult<Vec<PageRequest>> {
        Ok(self.take(hw, &PAGES)?.iter().map(parse_page_request).collect())
    }
}

impl InterruptRemapping for RiscvProgrammer {
    /// Gives the message for an interrupt: the interrupt file of its hart, and the identity as data. Devices under a
    /// second stage reach the file through the MSI page table; posted, it is a memory-resident interrupt file, with a
    /// notice to the hart.
    fn set_interrupt(
        &mut self,
        hw: &mut impl Hardware,
        index: u16,
        entry: Option<InterruptEntry>,
    ) -> DriverResult<Message> {
        let hart = entry.map(|e| e.destination);
        let file = match hart {
            Some(hart) => u64::from(self.file_for(hw, index, hart, entry)),
            None => self.files.get(&index).map_or(0, |f| u64::from(f.0)),
        };
        if hart.map_or(file, u64::from) >= IMSIC_FILES {
            return unsupported(
                "an interrupt file above 255 (the MSI page table has one page)",
                "大于 255 的中断文件（MSI 页表只有一页）",
            );
        }
        // What the device was given stays in it, whatever becomes of the entry.
        let known = self.files.get(&index).map_or(0, |known| known.1);
        let identity = entry.map_or(known, |e| u32::from(e.vector));
        self.files.insert(index, (file as u32, identity));
        let ids: Vec<_> = hw.domains().ids().collect();
        ids.into_iter().try_for_each(|id| self.map_file(hw, id, file))?;
        let at = self.messages.wrapping_add(file * u64::from(MSI_PTE.words) * 8);
        let message = Message { address: IMSIC + file * 4096, data: identity };
        // An entry that leads elsewhere is another interrupt's, whose devices have the table; this one has no need of it.
        if hart.is_some_and(|hart| file == u64::from(hart))
            && self.harts.get(&(file as u32)).is_some_and(|to| Some(*to) != hart)
        {
            return Ok(message);
        }
        let page = IMSIC + hart.map_or(file, u64::from) * 4096;
        match hart {
            Some(hart) => self.harts.insert(file as u32, hart),
            None => self.harts.remove(&(file as u32)),
        };
        let valid = msi_pte::ZERO.with_flag(msi_pte::V, true);
        let (kind, words) = match entry {
            None => (&MSI_PTE, msi_pte::ZERO),
            Some(InterruptEntry { posted: None, .. }) => {
                (&MSI_PTE, valid.with(msi_pte::M, msi_mode::BASIC).with_address(msi_pte::PPN, page))
            }
            Some(InterruptEntry { posted: Some(mrif), vector, .. }) => (
                &MSI_PTE_MRIF,
                valid
                    .with(msi_pte_mrif::M, msi_mode::MRIF)
                    .with_address(msi_pte_mrif::MRIF_ADDRESS, mrif.raw())
                    .with(msi_pte_mrif::NID_LOW, vector.into())
                    .with_address(msi_pte_mrif::NPPN, page),
            ),
        };
        let was = self.ordered(hw.load::<2>(at)?);
        if was != words {
            hw.store(kind, at, &self.ordered(words))?;
            if was.is_set(msi_pte::V) {
                // "Changing MSI page table entry": IOTINVAL.GVMA by the address of the file, for each GSCID that has the table.
                let domains = hw.domains();
                let second: Vec<_> = domains.ids().filter(|id| domains.is_second(*id)).collect();
                let pages = Some(Napot { page: message.address >> 12, order: 0 });
                let forget = |id: DomainId| Command::Translations {
                    second: true,
                    pages,
                    pscid: None,
                    gscid: Some(id.0),
                    non_leaf: false,
                };
                self.post(hw, &second.into_iter().map(forget).collect::<Vec<_>>())?;
            }
        }
        Ok(message)
    }

    fn interrupt_message(&self, index: u16) -> Message {
        let (file, identity) = self.files.get(&index).copied().unwrap_or_default();
        Message { address: IMSIC + u64::from(file) * 4096, data: identity }
    }
}
