//! What the driver reads back: fault records, page requests; and the interrupt remapping table.

use crate::addr::Address;
use crate::iommu::vtd::interrupts::{emit_entry, message};
use crate::iommu::vtd::records::{parse_page_request, Record};
use crate::iommu::vtd::spec::interrupts::{irte, IRTE, IRTE_POSTED};
use crate::iommu::vtd::spec::registers::{frcd_high, fsts, FSTS, PQA, PQH, PQT, PRS};
use crate::iommu::vtd::{queues, Vtd};
use crate::iommu::{Ctx, DriverError, FaultRecord, InterruptEntry, Message, PageRequest};
use crate::spec::{Bits, Text};
use crate::trace::{write_run, Actor, Observer};
use alloc::vec::Vec;

impl Vtd {
    /// The fault interrupt's handler: each record from FRI on, then the overflow bit.
    pub(in crate::iommu::vtd) fn read_faults<O: Observer>(
        &mut self,
        ctx: &mut Ctx<'_, O>,
    ) -> Vec<FaultRecord> {
        let mut out = Vec::new();
        let count = self.config.fault_registers();
        let status = self.regs.of(&FSTS);
        let first = status.bits(fsts::FRI) as usize;
        for i in 0..count {
            let at = self.regs.fault_register((first + i) % count);
            let Some(record) = Record::parse([self.regs.get(at, 8), self.regs.get(at + 8, 8)]) else {
                continue;
            };
            out.extend(record.meaning());
            // F is in the last four bytes of the register.
            self.os_write(ctx, at + 12, 4, frcd_high::F.mask() >> 32);
        }
        if status.is_set(fsts::PFO) || status.is_set(fsts::PPF) {
            self.os_set(ctx, &FSTS, fsts::PFO.mask());
        }
        out
    }

    pub(in crate::iommu::vtd) fn read_page_requests<O: Observer>(
        &mut self,
        ctx: &mut Ctx<'_, O>,
    ) -> Result<Vec<PageRequest>, DriverError> {
        let mut out = Vec::new();
        let ring = queues::page_requests(self.regs.of(&PQA));
        let (mut head, tail) = (self.regs.of(&PQH), self.regs.of(&PQT));
        while !ring.is_empty(head, tail) {
            let at = ring.slot(ring.index(head));
            let mut words = [0; 4];
            for (i, word) in words.iter_mut().enumerate() {
                *word = ctx.memory.read_u64(at.wrapping_add(i as u64 * 8))?;
            }
            out.push(parse_page_request(&words));
            head = ring.next(head);
        }
        self.os_set(ctx, &PQH, head);
        let status = self.regs.of(&PRS);
        if status != 0 {
            self.os_set(ctx, &PRS, status);
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
            return Err(DriverError::Unsupported(Text::new(
                "interrupt remapping (ECAP.IR)",
                "中断重映射（ECAP.IR）",
            )));
        }
        if index > 255 {
            return Err(DriverError::Unsupported(Text::new(
                "an interrupt index above 255 (the table has one page)",
                "大于 255 的中断索引（表只有一页）",
            )));
        }
        let posted = entry.is_some_and(|e| e.posted.is_some());
        if posted && !self.config.posting() {
            return Err(DriverError::Unsupported(Text::new(
                "interrupt posting (CAP.PI)",
                "中断投递（CAP.PI）",
            )));
        }
        let words = entry.map_or(irte::ZERO, |e| emit_entry(&e, self.config.extended_interrupt_mode()));
        let at = self.driver.interrupts.wrapping_add(u64::from(index) * 16);
        let was = ctx.memory.read_u64(at)?;
        write_run(ctx.memory, ctx.obs, Actor::Os, if posted { &IRTE_POSTED } else { &IRTE }, at, &words)?;
        if was.is_set(irte::P) {
            self.flush_interrupt(ctx, index)?;
        }
        Ok(message(index, Some(0)))
    }
}
