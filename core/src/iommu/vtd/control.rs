//! What follows from a register write (VT-d 11.4).

use super::regs::Regs;
use super::spec::registers::*;
use super::Vtd;
use crate::memory::Memory;
use crate::spec::Bits;
use crate::trace::{Actor, Event, Observer};

impl Vtd {
    /// A register write by software, with what follows from it. `false` where there is no register.
    pub(super) fn write_by<O: Observer>(
        &mut self,
        memory: &mut Memory,
        actor: Actor,
        at: u32,
        bytes: u8,
        value: u64,
        obs: &mut O,
    ) -> bool {
        if !matches!(bytes, 4 | 8) || at % 4 != 0 {
            return false;
        }
        // A wide write over two narrow registers is two writes.
        let narrow =
            self.regs.find(at).is_some_and(|(r, start)| start + u32::from(r.bytes) < at + u32::from(bytes));
        if bytes == 8 && narrow {
            let low = self.write_by(memory, actor, at, 4, value & 0xffff_ffff, obs);
            return self.write_by(memory, actor, at + 4, 4, value >> 32, obs) || low;
        }
        let Some((register, start, old, new)) = self.regs.write(at, bytes, value) else { return false };
        if O::ON {
            obs.step(actor, Event::Register { register, offset: start, old, new, write: true });
        }
        let high_half = at + u32::from(bytes) == start + u32::from(register.bytes);
        match start {
            gcmd::OFFSET => self.command(memory, new, obs),
            ccmd::OFFSET if high_half => self.context_command(obs),
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
            _ if start == self.regs.iotlb() + 8 && high_half => self.iotlb_command(obs),
            _ if start >= self.config.fault_offset() => self.refresh_pending(),
            _ => {}
        }
        true
    }

    /// The global command register (VT-d 11.4.4): each bit that differs from the status, or is one-shot, acts.
    fn command<O: Observer>(&mut self, memory: &mut Memory, value: u64, obs: &mut O) {
        // The command register is write-only and reads as 0.
        self.regs.put(&GCMD, 0);
        let mut status = self.regs.of(&GSTS);
        let before = status;
        let flushes = self.config.quirks.root_pointer_flushes;
        if value.is_set(gcmd::SRTP) {
            self.root = self.regs.of(&RTADDR);
            status.set_flag(gsts::RTPS, true);
            if flushes || self.config.root_pointer_invalidates() {
                self.forget_translations(obs);
            }
        }
        if value.is_set(gcmd::SIRTP) && self.config.interrupt_remapping() {
            self.latch_interrupt_root();
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
            self.set_register(iqh::OFFSET, iqh::BYTES, 0, obs);
        }
        self.set_register(gsts::OFFSET, gsts::BYTES, status, obs);
        if changed.is_set(gsts::QIES) {
            self.run_queue(memory, obs);
        }
    }
}

impl Regs {
    /// Clears a flag of a register with a fixed offset, as hardware does; views learn of it with the next change.
    pub(super) fn clear(&mut self, register: &crate::spec::Register, flag: crate::spec::Field) {
        let value = self.of(register).with_flag(flag, false);
        self.put(register, value);
    }
}
