//! What follows from a register write (VT-d 11.4).

use super::config::Config;
use super::regs::{bit, offset};
use super::Vtd;
use crate::memory::Memory;
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
            offset::GCMD => self.command(memory, new, obs),
            offset::CCMD if high_half => self.context_command(obs),
            offset::FSTS => {
                self.refresh_pending();
                // Clearing the error lets the queue go on (VT-d 6.5.2.10).
                self.run_queue(memory, obs);
            }
            offset::FECTL | offset::IECTL | offset::PECTL if new & (bit::IM | bit::IP) == bit::IP => {
                self.event(start, obs);
            }
            offset::ICS if new & 1 == 0 => self.regs.change(offset::IECTL, 4, bit::IP, 0),
            offset::PRS if new & 1 == 0 => self.regs.change(offset::PECTL, 4, bit::IP, 0),
            offset::IQT => self.run_queue(memory, obs),
            _ if start == self.regs.iotlb() + 8 && high_half => self.iotlb_command(obs),
            _ if start >= self.config.fault_offset() => self.refresh_pending(),
            _ => {}
        }
        true
    }

    /// The global command register (VT-d 11.4.4): each bit that differs from the status, or is one-shot, acts.
    fn command<O: Observer>(&mut self, memory: &mut Memory, value: u64, obs: &mut O) {
        // The command register is write-only and reads as 0.
        self.regs.set(offset::GCMD, 4, 0);
        let mut status = self.regs.get(offset::GSTS, 4);
        let before = status;
        let flushes = self.config.quirks.root_pointer_flushes;
        if value & bit::SRTP != 0 {
            self.root = self.regs.get(offset::RTADDR, 8);
            status |= bit::SRTP;
            if flushes || self.config.cap >> 63 != 0 {
                self.forget_translations(obs);
            }
        }
        if value & bit::SIRTP != 0 && self.config.interrupt_remapping() {
            self.latch_interrupt_root();
            status |= bit::SIRTP;
        }
        let may = |c: &Config, b: u64| match b {
            bit::IRE => c.interrupt_remapping(),
            bit::QIE => c.queued_invalidation(),
            _ => true,
        };
        for b in [bit::TE, bit::QIE, bit::IRE, bit::CFI] {
            if may(&self.config, b) {
                status = status & !b | value & b;
            }
        }
        let changed = before ^ status;
        if changed & bit::TE != 0 && flushes {
            self.forget_translations(obs);
        }
        if changed & bit::QIE != 0 && status & bit::QIE == 0 {
            self.set_register(offset::IQH, 8, 0, obs);
        }
        self.set_register(offset::GSTS, 4, status, obs);
        if changed & bit::QIE != 0 {
            self.run_queue(memory, obs);
        }
    }
}
