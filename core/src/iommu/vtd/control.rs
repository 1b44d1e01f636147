//! What follows from a register write (VT-d 11.4).

use super::spec::registers::*;
use super::VtdUnit;
use crate::iommu::registers::{RegisterFile, Registers, Write};
use crate::memory::Memory;
use crate::spec::Bits;
use crate::trace::Observer;

impl Registers for VtdUnit {
    fn file(&self) -> &RegisterFile {
        &self.regs
    }

    fn file_mut(&mut self) -> &mut RegisterFile {
        &mut self.regs
    }

    fn after_write<O: Observer>(&mut self, memory: &mut Memory, write: &Write, obs: &mut O) {
        let Write { register, offset, new, last, .. } = *write;
        match offset {
            gcmd::OFFSET => self.command(memory, new, obs),
            ccmd::OFFSET if last => self.context_command(obs),
            fsts::OFFSET => {
                self.refresh_pending();
                // Clearing the error lets the queue go on (VT-d 6.5.2.10).
                self.run_queue(memory, obs);
            }
            fectl::OFFSET | iectl::OFFSET | pectl::OFFSET
                if new.is_set(event_control::IP) && !new.is_set(event_control::IM) =>
            {
                self.event(register, obs);
            }
            ics::OFFSET if !new.is_set(ics::IWC) => self.regs.clear(&IECTL, event_control::IP),
            prs::OFFSET if !new.is_set(prs::PPR) => self.regs.clear(&PECTL, event_control::IP),
            iqt::OFFSET => self.run_queue(memory, obs),
            _ if offset == self.config.iotlb_offset() + 8 && last => self.iotlb_command(obs),
            _ if offset >= self.config.fault_offset() => self.refresh_pending(),
            _ => {}
        }
    }
}

impl VtdUnit {
    /// Latches the tables' roots that a command sets (SRTP, SIRTP).
    pub(super) fn latch_roots(&mut self, command: u64) {
        if command.is_set(gcmd::SRTP) {
            self.root = self.regs.of(&RTADDR);
        }
        if command.is_set(gcmd::SIRTP) && self.config.interrupt_remapping() {
            self.latch_interrupt_root();
        }
    }

    /// The global command register (VT-d 11.4.4): each bit that differs from the status, or is one-shot, acts.
    fn command<O: Observer>(&mut self, memory: &mut Memory, value: u64, obs: &mut O) {
        // The command register is write-only and reads as 0.
        self.regs.store(&GCMD, 0);
        let mut status = self.regs.of(&GSTS);
        let before = status;
        let flushes = self.config.quirks.root_pointer_flushes;
        self.latch_roots(value);
        if value.is_set(gcmd::SRTP) {
            status.set_flag(gsts::RTPS, true);
            if flushes || self.config.root_pointer_invalidates() {
                self.forget_translations(obs);
            }
        }
        if value.is_set(gcmd::SIRTP) && self.config.interrupt_remapping() {
            status.set_flag(gsts::IRTPS, true);
        }
        status.set_flag(gsts::TES, value.is_set(gcmd::TE));
        status.set_flag(gsts::CFIS, value.is_set(gcmd::CFI));
        if self.config.queued_invalidation() {
            status.set_flag(gsts::QIES, value.is_set(gcmd::QIE));
        }
        if self.config.interrupt_remapping() {
            status.set_flag(gsts::IRES, value.is_set(gcmd::IRE));
        }
        let changed = before ^ status;
        if changed.is_set(gsts::TES) && flushes {
            self.forget_translations(obs);
        }
        if changed.is_set(gsts::QIES) && !status.is_set(gsts::QIES) {
            self.set(iqh::OFFSET, iqh::BYTES, 0, obs);
        }
        self.set(gsts::OFFSET, gsts::BYTES, status, obs);
        if changed.is_set(gsts::QIES) {
            self.run_queue(memory, obs);
        }
    }
}
