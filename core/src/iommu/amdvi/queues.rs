//! The logs that the unit writes, its own interrupts, and what follows from a write to its registers (AMD 48882, event
//! logging and IOMMU MMIO registers).

use super::records::Event;
use super::spec::commands::command;
use super::spec::events::event;
use super::spec::registers::{self as reg, control, ring_base, status};
use super::AmdViUnit;
use crate::addr::{AnyAddr, PhysAddr, RequesterId, Space};
use crate::iommu::registers::{RegisterFile, Registers, Write};
use crate::iommu::ring::{self, Pointers, Pushed, QueueType, Ring};
use crate::memory::Memory;
use crate::platform::interrupts::{Controller, Message};
use crate::spec::{Bits, Field, Text};
use crate::trace::{Actor, Event as Step, InterruptKind, Observer, Perms, Recorded};

/// All, in the order of their registers.
pub static QUEUES: [QueueType; 2] = [
    QueueType {
        name: Text::new("command buffer", "命令缓冲区"),
        section: "AMD 48882, commands",
        base: "ComBase",
        head: "CmdBufHead",
        tail: "CmdBufTail",
        ring,
        entry: command,
    },
    QueueType {
        name: Text::new("event log", "事件日志"),
        section: "AMD 48882, event log",
        base: "EventBase",
        head: "EventLogHead",
        tail: "EventLogTail",
        ring,
        entry: event,
    },
];

/// The ring that a base register says. Lengths below 256 entries are reserved; they count as 256.
pub fn ring(base: u64) -> Ring {
    let log2 = base.bits(ring_base::LEN).max(8);
    Ring { at: base.address(ring_base::BASE), entries: 1 << log2, bytes: 16, pointers: Pointers::Bytes }
}

impl AmdViUnit {
    pub(super) fn control(&self, flag: Field) -> bool {
        self.regs.get(reg::control::OFFSET, 8).is_set(flag)
    }

    pub(super) fn status(&self, flag: Field) -> bool {
        self.regs.get(reg::status::OFFSET, 8).is_set(flag)
    }

    /// Sets or clears flags of Status.
    pub(super) fn mark<O: Observer>(&mut self, flag: Field, on: bool, obs: &mut O) {
        let value = self.regs.get(reg::status::OFFSET, 8).with_flag(flag, on);
        self.set(reg::status::OFFSET, 8, value, obs);
    }

    /// Writes an event, as far as the log is there for it.
    pub(super) fn log<O: Observer>(&mut self, memory: &mut Memory, event: &Event, obs: &mut O) -> Recorded {
        if !self.control(control::EVENT_LOG_EN) {
            return Recorded::None;
        }
        let log = ring(self.regs.of(&reg::EVENT_BASE));
        let (head, tail) = (self.regs.of(&reg::EVENT_HEAD), self.regs.of(&reg::EVENT_TAIL));
        if !self.status(status::EVENT_RUN) {
            // Stopped by an overflow: events are lost until software restarts the log, and a full log says so again.
            if log.is_full(head, tail) {
                self.overflow(obs);
            }
            return Recorded::Overflow;
        }
        let words = event.emit();
        let entry = super::spec::events::event(words[0]);
        match ring::push(memory, log, head, tail, entry, &words, |at| at >> 52 == 0, obs) {
            Pushed::At { index, tail } => {
                self.set(reg::event_tail::OFFSET, 8, tail, obs);
                self.mark(status::EVENT_INT, true, obs);
                if self.control(control::EVENT_INT_EN) {
                    self.interrupt(obs);
                }
                Recorded::At(index)
            }
            Pushed::Full => {
                self.overflow(obs);
                self.mark(status::EVENT_RUN, false, obs);
                Recorded::Overflow
            }
            Pushed::Refused => Recorded::None,
        }
    }

    /// Says that an event was lost, once until software has seen it.
    fn overflow<O: Observer>(&mut self, obs: &mut O) {
        if !self.status(status::EVENT_OVERFLOW) {
            self.mark(status::EVENT_OVERFLOW, true, obs);
            if self.control(control::EVENT_INT_EN) {
                self.interrupt(obs);
            }
        }
    }

    /// Records in the trace what became of an event.
    pub(super) fn tell<O: Observer>(&self, event: &Event, want: Perms, recorded: Recorded, obs: &mut O) {
        if O::ON {
            obs.step(
                Actor::Iommu,
                Step::Fault {
                    code: event.code,
                    requester: Some(RequesterId::new(event.device.into())),
                    pasid: event.pasid.and_then(crate::addr::Pasid::new),
                    at: AnyAddr { space: Space::Iova, raw: event.address },
                    want,
                    recorded,
                },
            );
        }
    }

    /// Sends the unit's own message, where its MSI capability is enabled.
    pub(super) fn interrupt<O: Observer>(&mut self, obs: &mut O) {
        if !self.regs.of(&reg::MSI_CAP).is_set(reg::msi_cap::EN) || !O::ON {
            return;
        }
        let address = self.regs.of(&reg::MSI_ADDR_HIGH) << 32 | self.regs.of(&reg::MSI_ADDR_LOW);
        let data = self.regs.of(&reg::MSI_DATA) as u32;
        if let Some((vector, destination)) = Controller::LocalApic.decode(Message { address, data }) {
            obs.step(Actor::Iommu, Step::Interrupt { vector, destination, kind: InterruptKind::Direct });
        }
    }

    /// Starts a ring anew.
    fn empty<O: Observer>(&mut self, head: u32, tail: u32, obs: &mut O) {
        self.set(head, 8, 0, obs);
        self.set(tail, 8, 0, obs);
    }

    /// Starts and stops buffer and log as Control says, on a write that changed it.
    fn switch<O: Observer>(&mut self, old: u64, new: u64, obs: &mut O) {
        for (enable, run) in
            [(control::CMD_BUF_EN, status::CMD_RUN), (control::EVENT_LOG_EN, status::EVENT_RUN)]
        {
            let on = |word: u64| word.is_set(enable) && word.is_set(control::IOMMU_EN);
            if on(old) != on(new) {
                self.mark(run, on(new), obs);
            }
        }
    }
}

impl Registers for AmdViUnit {
    fn file(&self) -> &RegisterFile {
        &self.regs
    }

    fn file_mut(&mut self) -> &mut RegisterFile {
        &mut self.regs
    }

    fn adjust(&mut self, write: &Write) -> u64 {
        // What the unit itself moves, or relies on, is not to be written while it runs: such writes do nothing here.
        let running = match write.offset {
            reg::command_base::OFFSET | reg::command_head::OFFSET => self.status(status::CMD_RUN),
            reg::event_base::OFFSET | reg::event_tail::OFFSET => self.status(status::EVENT_RUN),
            _ => false,
        };
        if running {
            return write.old;
        }
        let base = match write.offset {
            reg::command_head::OFFSET | reg::command_tail::OFFSET => &reg::COMMAND_BASE,
            reg::event_head::OFFSET | reg::event_tail::OFFSET => &reg::EVENT_BASE,
            _ => return write.new,
        };
        ring(self.regs.of(base)).wrap(write.new)
    }

    fn after_write<O: Observer>(&mut self, memory: &mut Memory, write: &Write, obs: &mut O) {
        match write.offset {
            reg::command_base::OFFSET if !self.status(status::CMD_RUN) => {
                self.empty(reg::command_head::OFFSET, reg::command_tail::OFFSET, obs);
            }
            reg::event_base::OFFSET if !self.status(status::EVENT_RUN) => {
                self.empty(reg::event_head::OFFSET, reg::event_tail::OFFSET, obs);
            }
            reg::control::OFFSET => {
                self.switch(write.old, write.new, obs);
                ring::drain(self, memory, obs);
            }
            reg::command_tail::OFFSET if write.last => ring::drain(self, memory, obs),
            _ => {}
        }
    }
}

/// Where a store of COMPLETION_WAIT goes.
pub(super) const fn physical(at: u64) -> PhysAddr {
    PhysAddr::new(at)
}
