//! What the driver reads back: fault records, page requests; and the MSI page table.

use super::{csr, reg, Riscv};
use crate::addr::{Address, Pasid, PhysAddr, RequesterId};
use crate::iommu::ats::PageRequestWord;
use crate::iommu::riscv::entries::{MSI_PTE, MSI_PTE_MRIF};
use crate::iommu::riscv::{faults, shared};
use crate::iommu::{Ctx, DomainId, DriverError, FaultRecord, InterruptEntry, Message, PageRequest};
use crate::platform::interrupts::{IMSIC, IMSIC_FILES};
use crate::trace::{write_run, Actor, Observer, Perms};
use alloc::vec::Vec;

/// A fault record out of its words.
pub fn decode_record(words: &[u64; 4]) -> Option<FaultRecord> {
    let low = words[0];
    let pasid = (low >> 32 & 1 != 0).then(|| Pasid::new((low >> 12 & 0xf_ffff) as u32)).flatten();
    Some(FaultRecord {
        code: faults::by_code((low & 0xfff) as u16)?,
        requester: RequesterId::new((low >> 40) as u32),
        pasid,
        address: words[2],
        want: match low >> 34 & 0x3f {
            1 => Perms::X,
            5 => Perms::R.or(Perms::X),
            3 | 7 => Perms::W,
            _ => Perms::R,
        },
    })
}

impl Riscv {
    fn words<const N: usize, O: Observer>(
        &self,
        ctx: &Ctx<'_, O>,
        at: PhysAddr,
    ) -> Result<[u64; N], DriverError> {
        let mut words = [0; N];
        for (i, word) in words.iter_mut().enumerate() {
            *word = ctx.memory.read_u64(at.wrapping_add(i as u64 * 8))?;
        }
        Ok(self.ordered(words))
    }

    pub(in crate::iommu::riscv) fn read_faults<O: Observer>(
        &mut self,
        ctx: &mut Ctx<'_, O>,
    ) -> Result<Vec<FaultRecord>, DriverError> {
        self.acknowledge(ctx, 1 << 1);
        let mut out = Vec::new();
        let queue = shared::ring(self.regs.get(reg::fqb::OFFSET, 8), 32);
        let (mut head, tail) = (self.regs.get(reg::fqh::OFFSET, 4), self.regs.get(reg::fqt::OFFSET, 4));
        let any = head != tail;
        while head != tail {
            out.extend(decode_record(&self.words::<4, O>(ctx, queue.slot(head))?));
            head = queue.next(head);
        }
        if any {
            self.os_write(ctx, reg::fqh::OFFSET, 4, head);
        }
        let errors = self.regs.get(reg::fqcsr::OFFSET, 4) & (csr::MF | csr::OF);
        if errors != 0 {
            self.os_write(ctx, reg::fqcsr::OFFSET, 4, csr::EN | csr::IE | errors);
        }
        Ok(out)
    }

    pub(in crate::iommu::riscv) fn read_page_requests<O: Observer>(
        &mut self,
        ctx: &mut Ctx<'_, O>,
    ) -> Result<Vec<PageRequest>, DriverError> {
        self.acknowledge(ctx, 1 << 3);
        let mut out = Vec::new();
        let queue = shared::ring(self.regs.get(reg::pqb::OFFSET, 8), 16);
        let (mut head, tail) = (self.regs.get(reg::pqh::OFFSET, 4), self.regs.get(reg::pqt::OFFSET, 4));
        let any = head != tail;
        while head != tail {
            let [low, high] = self.words::<2, O>(ctx, queue.slot(head))?;
            let PageRequestWord { at, want, last, group } = PageRequestWord::parse(high);
            out.push(PageRequest {
                requester: RequesterId::new((low >> 40) as u32),
                pasid: (low >> 32 & 1 != 0).then(|| Pasid::new((low >> 12 & 0xf_ffff) as u32)).flatten(),
                at,
                want: want.or(Perms::when(Perms::X, low >> 34 & 1 != 0)),
                last,
                group,
            });
            head = queue.next(head);
        }
        if any {
            self.os_write(ctx, reg::pqh::OFFSET, 4, head);
        }
        let errors = self.regs.get(reg::pqcsr::OFFSET, 4) & (csr::MF | csr::OF);
        if errors != 0 {
            self.os_write(ctx, reg::pqcsr::OFFSET, 4, csr::EN | csr::IE | errors);
        }
        Ok(out)
    }

    /// Gives the message for an interrupt: the interrupt file of its hart, and the identity as data. Devices under a
    /// second stage reach the file through the MSI page table; posted, it is a memory-resident interrupt file, with a
    /// notice to the hart.
    pub(in crate::iommu::riscv) fn write_msi_entry<O: Observer>(
        &mut self,
        ctx: &mut Ctx<'_, O>,
        index: u16,
        entry: Option<InterruptEntry>,
    ) -> Result<Message, DriverError> {
        let file = match entry {
            Some(e) => u64::from(e.destination),
            None => self.driver.files.get(&index).map_or(0, |f| u64::from(f.0)),
        };
        if file >= IMSIC_FILES {
            return Err(DriverError::Unsupported(
                "an interrupt file above 255 (the MSI page table has one page)",
            ));
        }
        let identity = entry.map_or(0, |e| u32::from(e.vector));
        self.driver.files.insert(index, (file as u32, identity));
        let domains: Vec<u16> = self.driver.domains.keys().copied().collect();
        for id in domains {
            self.map_file(ctx, DomainId(id), file)?;
        }
        let at = self.driver.messages.wrapping_add(file * 16);
        let page = (IMSIC >> 12) + file;
        let (kind, words) = match entry {
            None => (&MSI_PTE, [0, 0]),
            Some(InterruptEntry { posted: None, .. }) => (&MSI_PTE, [page << 10 | 3 << 1 | 1, 0]),
            Some(InterruptEntry { posted: Some(mrif), vector, .. }) => {
                let low = (mrif.raw() >> 9) << 7 | 1 << 1 | 1;
                (&MSI_PTE_MRIF, [low, page << 10 | u64::from(vector)])
            }
        };
        let was = self.words::<2, O>(ctx, at)?;
        let stored = self.ordered(words);
        if was != words {
            write_run(ctx.memory, ctx.obs, Actor::Os, kind, at, &stored)?;
            if was[0] & 1 != 0 {
                self.post_invalidation(ctx, crate::iommu::Invalidation::Interrupts)?;
            }
        }
        Ok(Message { address: IMSIC + file * 4096, data: identity })
    }
}
