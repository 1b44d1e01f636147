//! What the driver reads back: fault records, page requests; and the interrupt remapping table.

use crate::addr::{Address, Iova, Pasid, PhysAddr, RequesterId};
use crate::iommu::vtd::irte::{IRTE, IRTE_POSTED};
use crate::iommu::vtd::regs::{bit, offset};
use crate::iommu::vtd::{faults, Vtd};
use crate::iommu::{Ctx, DriverError, FaultRecord, InterruptEntry, Message, PageRequest};
use crate::trace::{write_run, Actor, Observer, Perms};
use alloc::vec::Vec;

/// A fault record out of its register's halves.
pub fn decode_record(low: u64, high: u64) -> Option<FaultRecord> {
    let code = faults::by_code((high >> 32 & 0xff) as u16)?;
    let interrupt = faults::is_interrupt(code.code);
    let pasid = (high >> 31 & 1 != 0).then(|| Pasid::new((high >> 40 & 0xf_ffff) as u32)).flatten();
    let execute = Perms::when(Perms::X, high >> 30 & 1 != 0 && pasid.is_some());
    Some(FaultRecord {
        code,
        requester: RequesterId::new((high & 0xffff) as u32),
        pasid,
        address: if interrupt { low >> 48 } else { low & !0xfff },
        want: if high >> 62 & 1 != 0 { Perms::R.or(execute) } else { Perms::W },
    })
}

impl Vtd {
    /// The fault interrupt's handler: each record from FRI on, then the overflow bit.
    pub(in crate::iommu::vtd) fn read_faults<O: Observer>(
        &mut self,
        ctx: &mut Ctx<'_, O>,
    ) -> Vec<FaultRecord> {
        let mut out = Vec::new();
        let count = self.config.fault_registers();
        let status = self.regs.get(offset::FSTS, 4);
        let first = (status >> 8 & 0xff) as usize;
        for i in 0..count {
            let at = self.regs.fault_register((first + i) % count);
            let (low, high) = (self.regs.get(at, 8), self.regs.get(at + 8, 8));
            if high >> 63 == 0 {
                continue;
            }
            out.extend(decode_record(low, high));
            self.os_write(ctx, at + 12, 4, 1 << 31);
        }
        if status & (bit::PFO | bit::PPF) != 0 {
            self.os_write(ctx, offset::FSTS, 4, bit::PFO);
        }
        out
    }

    pub(in crate::iommu::vtd) fn read_page_requests<O: Observer>(
        &mut self,
        ctx: &mut Ctx<'_, O>,
    ) -> Result<Vec<PageRequest>, DriverError> {
        let mut out = Vec::new();
        let pqa = self.regs.get(offset::PQA, 8);
        let size = 4096u64 << (pqa & 7);
        let tail = self.regs.get(offset::PQT, 8) % size;
        let mut head = self.regs.get(offset::PQH, 8) % size;
        while head != tail {
            let at = PhysAddr::new(pqa & !0xfff).wrapping_add(head);
            let (low, high) = (ctx.memory.read_u64(at)?, ctx.memory.read_u64(at.wrapping_add(8))?);
            let pasid = (low >> 8 & 1 != 0).then(|| Pasid::new((low >> 32 & 0xf_ffff) as u32)).flatten();
            out.push(PageRequest {
                requester: RequesterId::new((low >> 16 & 0xffff) as u32),
                pasid,
                at: Iova::new(high & !0xfff),
                want: Perms((high & 3) as u8).or(Perms::when(Perms::X, low >> 52 & 1 != 0)),
                last: high >> 2 & 1 != 0,
                group: (high >> 3 & 0x1ff) as u16,
            });
            head = (head + 32) % size;
        }
        self.os_write(ctx, offset::PQH, 8, head);
        let status = self.regs.get(offset::PRS, 4);
        if status != 0 {
            self.os_write(ctx, offset::PRS, 4, status);
        }
        Ok(out)
    }

    /// Writes an interrupt remapping table entry and gives the message that uses it, in remappable format with a
    /// subhandle of 0 (VT-d 5.1.5.2).
    pub(in crate::iommu::vtd) fn write_interrupt_entry<O: Observer>(
        &mut self,
        ctx: &mut Ctx<'_, O>,
        index: u16,
        entry: Option<InterruptEntry>,
    ) -> Result<Message, DriverError> {
        if !self.config.interrupt_remapping() {
            return Err(DriverError::Unsupported("interrupt remapping (ECAP.IR)"));
        }
        if index > 255 {
            return Err(DriverError::Unsupported("an interrupt index above 255 (the table has one page)"));
        }
        let posted = entry.is_some_and(|e| e.posted.is_some());
        if posted && !self.config.posting() {
            return Err(DriverError::Unsupported("interrupt posting (CAP.PI)"));
        }
        let words = entry.map_or([0, 0], |e| self.irte_words(&e));
        let at = self.driver.interrupts.wrapping_add(u64::from(index) * 16);
        let was = ctx.memory.read_u64(at)?;
        write_run(ctx.memory, ctx.obs, Actor::Os, if posted { &IRTE_POSTED } else { &IRTE }, at, &words)?;
        if was & 1 != 0 {
            self.flush_interrupt(ctx, index)?;
        }
        let handle = u64::from(index & 0x7fff) << 5 | u64::from(index >> 15) << 2;
        Ok(Message { address: 0xfee0_0000 | handle | 1 << 4 | 1 << 3, data: 0 })
    }

    fn irte_words(&self, entry: &InterruptEntry) -> [u64; 2] {
        let source = entry.source.map_or(0, |s| 1 << 18 | u64::from(s.bdf16()));
        let vector = u64::from(entry.vector) << 16;
        match entry.posted {
            Some(at) => {
                let at = at.raw();
                [1 | 1 << 15 | vector | (at >> 6 & 0x3ff_ffff) << 38, source | at >> 32 << 32]
            }
            None => {
                let id = u64::from(entry.destination);
                let id = if self.config.extended_interrupt_mode() { id } else { (id & 0xff) << 8 };
                [1 | vector | id << 32, source]
            }
        }
    }
}
