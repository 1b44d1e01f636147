//! What the driver reads back: fault records, page requests; and the interrupt remapping table.

use super::VtdProgrammer;
use crate::addr::Address;
use crate::iommu::driver::{Hardware, InterruptRemapping, Records};
use crate::iommu::vtd::interrupts::{emit_entry, message};
use crate::iommu::vtd::queues;
use crate::iommu::vtd::records::{parse_page_request, Record};
use crate::iommu::vtd::spec::interrupts::{irte, pid, IRTE, IRTE_POSTED, PID};
use crate::iommu::vtd::spec::registers::{frcd_high, fsts, FSTS, PQA, PQH, PQT, PRS};
use crate::iommu::{unsupported, DriverResult, FaultRecord, InterruptEntry, Message, PageRequest};
use crate::spec::Bits;
use alloc::vec::Vec;

/// The vector by which a CPU learns what was posted for the guest that it runs; KVM's (POSTED_INTR_VECTOR).
const NOTIFICATION: u64 = 0xf2;

impl Records for VtdProgrammer {
    /// Returns the fault interrupt's handler: each record from FRI on, then the overflow bit.
    fn take_faults(&mut self, hw: &mut impl Hardware) -> DriverResult<Vec<FaultRecord>> {
        let mut out = Vec::new();
        let count = self.config.fault_registers();
        let status = hw.of(&FSTS);
        let first = status.bits(fsts::FRI) as usize;
        // Bounded: fault registers.
        for i in 0..count {
            let at = self.config.fault_register((first + i) % count);
            let Some(record) = Record::parse([hw.read(at, 8), hw.read(at + 8, 8)]) else {
                continue;
            };
            out.extend(record.meaning());
            // F is in the last four bytes of the register.
            hw.write(at + 12, 4, frcd_high::F.mask() >> 32);
        }
        if status.is_set(fsts::PFO) || status.is_set(fsts::PPF) {
            hw.set(&FSTS, fsts::PFO.mask());
        }
        Ok(out)
    }

    fn take_page_requests(&mut self, hw: &mut impl Hardware) -> DriverResult<Vec<PageRequest>> {
        let mut out = Vec::new();
        let ring = queues::page_requests(hw.of(&PQA));
        let (mut head, tail) = (hw.of(&PQH), hw.of(&PQT));
        for _ in 0..ring.entries {
            if ring.is_empty(head, tail) {
                break;
            }
            out.push(parse_page_request(&hw.load(ring.slot(ring.index(head)))?));
            head = ring.next(head);
        }
        hw.set(&PQH, head);
        let status = hw.of(&PRS);
        if status != 0 {
            hw.set(&PRS, status);
        }
        Ok(out)
    }
}

impl InterruptRemapping for VtdProgrammer {
    /// Writes an interrupt remapping table entry and gives the message that uses it, in remappable format with a
    /// subhandle of 0 (VT-d 5.1.5.2).
    fn set_interrupt(
        &mut self,
        hw: &mut impl Hardware,
        index: u16,
        entry: Option<InterruptEntry>,
    ) -> DriverResult<Message> {
        if !self.config.interrupt_remapping() {
            return unsupported("interrupt remapping (ECAP.IR)", "中断重映射（ECAP.IR）");
        }
        if index > 255 {
            return unsupported(
                "an interrupt index above 255 (the table has one page)",
                "大于 255 的中断索引（表只有一页）",
            );
        }
        let posted = entry.and_then(|e| e.posted);
        if let Some(descriptor) = posted {
            if !self.config.posting() {
                return unsupported("interrupt posting (CAP.PI)", "posted 中断（CAP.PI）");
            }
            // A new descriptor: who is notified stays as it is where software said it.
            let words: pid::Words = hw.load(descriptor)?;
            if words.bits(pid::NV) == 0 {
                hw.store(&PID, descriptor, &words.with(pid::NV, NOTIFICATION))?;
            }
        }
        let words = entry.map_or(irte::ZERO, |e| emit_entry(&e, self.config.extended_interrupt_mode()));
        let at = self.interrupts.wrapping_add(u64::from(index) * 16);
        let was = hw.load::<1>(at)?[0];
        hw.store(if posted.is_some() { &IRTE_POSTED } else { &IRTE }, at, &words)?;
        if was.is_set(irte::P) {
            self.flush_interrupt(hw, index)?;
        }
        Ok(message(index, Some(0)))
    }

    fn interrupt_message(&self, index: u16) -> Message {
        message(index, Some(0))
    }
}
