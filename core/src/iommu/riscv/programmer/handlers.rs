//! What the driver reads back: fault records and page requests; and the MSI page table.

use super::RiscvProgrammer;
use crate::addr::{Address, PageSize};
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
        let file = match entry {
            Some(e) => u64::from(e.destination),
            None => self.files.get(&index).map_or(0, |f| u64::from(f.0)),
        };
        if file >= IMSIC_FILES {
            return unsupported(
                "an interrupt file above 255 (the MSI page table has one page)",
                "大于 255 的中断文件（MSI 页表只有一页）",
            );
        }
        let identity = entry.map_or(0, |e| u32::from(e.vector));
        self.files.insert(index, (file as u32, identity));
        let ids: Vec<_> = hw.domains().ids().collect();
        ids.into_iter().try_for_each(|id| self.map_file(hw, id, file))?;
        let at = self.messages.wrapping_add(file * u64::from(MSI_PTE.words) * 8);
        let page = IMSIC + file * 4096;
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
                self.post(hw, &[Command::SECOND])?;
            }
        }
        Ok(Message { address: page, data: identity })
    }

    fn interrupt_message(&self, index: u16) -> Message {
        let (file, identity) = self.files.get(&index).copied().unwrap_or_default();
        Message { address: IMSIC + u64::from(file) * 4096, data: identity }
    }
}
