//! The logs that the unit writes, its own interrupts, and what follows from a write to its registers (AMD 48882, event
//! logging and IOMMU MMIO registers).

use super::records::Event;
use super::spec::commands::command;
use super::spec::events::{event, PPR_ENTRY};
use super::spec::interrupts::{apic_id, GA_ENTRY};
use super::spec::registers::{self as reg, control, efr, ring_base, status, xt_interrupt};
use super::AmdViUnit;
use crate::addr::{AnyAddr, PhysAddr, RequesterId};
use crate::iommu::registers::{RegisterFile, Registers, Write};
use crate::iommu::ring::{self, Pointers, Pushed, QueueType, Ring};
use crate::memory::Memory;
use crate::platform::interrupts::{Controller, Message};
use crate::spec::{Bits, Field, Register, Text};
use crate::trace::{Actor, Event as Step, InterruptKind, Observer, Perms, Recorded};

/// All, in the order of their registers.
pub static QUEUES: [QueueType; 4] = [
    QueueType {
        name: Text::new("command buffer", "命令缓冲区"),
        section: "AMD 48882, commands",
        base: "ComBase",
        head: "CmdBufHead",
        tail: "CmdBufTail",
        ring,
        entry: command,
        pages: false,
    },
    QueueType {
        name: Text::new("event log", "事件日志"),
        section: "AMD 48882, event log",
        base: "EventBase",
        head: "EventLogHead",
        tail: "EventLogTail",
        ring,
        entry: event,
        pages: false,
    },
    QueueType {
        name: Text::new("page request log", "页请求日志"),
        section: "AMD 48882, peripheral page request log",
        base: "PPRLogBase",
        head: "PPRLogHead",
        tail: "PPRLogTail",
        ring,
        entry: |_| &PPR_ENTRY,
        pages: true,
    },
    QueueType {
        name: Text::new("GA log", "GA 日志"),
        section: "AMD 48882, guest virtual APIC log",
        base: "GALogBase",
        head: "GALogHead",
        tail: "GALogTail",
        ring: |base| Ring { bytes: 8, ..ring(base) },
        entry: |_| &GA_ENTRY,
        pages: false,
    },
];

/// A log that the unit writes: its registers, and the bits that turn it on and tell of it.
pub(super) struct Log {
    queue: &'static QueueType,
    base: &'static Register,
    head: &'static Register,
    tail: &'static Register,
    enable: Field,
    interrupt_enable: Field,
    run: Field,
    interrupt: Field,
    overflow: Field,
    /// Where its interrupt goes with IntCapXTEn.
    message: &'static Register,
}

pub(super) static EVENTS: Log = Log {
    queue: &QUEUES[1],
    base: &reg::EVENT_BASE,
    head: &reg::EVENT_HEAD,
    tail: &reg::EVENT_TAIL,
    enable: control::EVENT_LOG_EN,
    interrupt_enable: control::EVENT_INT_EN,
    run: status::EVENT_RUN,
    interrupt: status::EVENT_INT,
    overflow: status::EVENT_OVERFLOW,
    message: &reg::XT_GENERAL,
};
pub(super) static PAGE_REQUESTS: Log = Log {
    queue: &QUEUES[2],
    base: &reg::PPR_BASE,
    head: &reg::PPR_HEAD,
    tail: &reg::PPR_TAIL,
    enable: control::PPR_LOG_EN,
    interrupt_enable: control::PPR_INT_EN,
    run: status::PPR_RUN,
    interrupt: status::PPR_INT,
    overflow: status::PPR_OVERFLOW,
    message: &reg::XT_PPR,
};
pub(super) static GUESTS: Log = Log {
    queue: &QUEUES[3],
    base: &reg::GA_BASE,
    head: &reg::GA_HEAD,
    tail: &reg::GA_TAIL,
    enable: control::GA_LOG_EN,
    interrupt_enable: control::GA_INT_EN,
    run: status::GA_RUN,
    interrupt: status::GA_INT,
    overflow: status::GA_OVERFLOW,
    message: &reg::XT_GA,
};
static LOGS: [&Log; 3] = [&EVENTS, &PAGE_REQUESTS, &GUESTS];

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
        self.put(memory, &EVENTS, &event.emit(), obs)
    }

    /// Writes an entry into a log, as far as it is there for it.
    pub(super) fn put<O: Observer>(
        &mut self,
        memory: &mut Memory,
        log: &'static Log,
        words: &[u64],
        obs: &mut O,
    ) -> Recorded {
        if !self.control(log.enable) {
            return Recorded::None;
        }
        let ring = (log.queue.ring)(self.regs.of(log.base));
        let (head, tail) = (self.regs.of(log.head), self.regs.of(log.tail));
        if !self.status(log.run) {
            // Stopped by an overflow: entries are lost until software restarts the log, and a full log says so again.
            if ring.is_full(head, tail) {
                self.overflow(log, obs);
            }
            return Recorded::Overflow;
        }
        let entry = (log.queue.entry)(words[0]);
        match ring::push(memory, ring, head, tail, entry, words, |at| at >> 52 == 0, obs) {
            Pushed::At { index, tail } => {
                self.set(log.tail.offset, 8, tail, obs);
                self.mark(log.interrupt, true, obs);
                if self.control(log.interrupt_enable) {
                    self.interrupt(log.message, obs);
                }
                Recorded::At(index)
            }
            Pushed::Full => {
                self.overflow(log, obs);
                self.mark(log.run, false, obs);
                Recorded::Overflow
            }
            Pushed::Refused => Recorded::None,
        }
    }

    /// Says that an entry was lost, once until software has seen it.
    fn overflow<O: Observer>(&mut self, log: &Log, obs: &mut O) {
        if !self.status(log.overflow) {
            self.mark(log.overflow, true, obs);
            if self.control(log.interrupt_enable) {
                self.interrupt(log.message, obs);
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
                    at: AnyAddr { space: event.address_space(), raw: event.address },
                    want,
                    recorded,
                },
            );
        }
    }

    /// Sends the unit's own message: as `xt` says with IntCapXTEn, else by its MSI capability where that is enabled.
    pub(super) fn interrupt<O: Observer>(&mut self, xt: &Register, obs: &mut O) {
        if !O::ON {
            return;
        }
        if self.control(control::INTCAP_XT) {
            let word = self.regs.of(xt);
            let id = 0u64
                .with(apic_id::LOW, word.bits(xt_interrupt::DESTINATION))
                .with(apic_id::HIGH, word.bits(xt_interrupt::DESTINATION_HIGH));
            let (vector, destination) = (word.bits(xt_interrupt::VECTOR) as u32, id as u32);
            let kind = InterruptKind::Direct;
            return Controller::LocalApic.arrive(Actor::Iommu, (vector, destination), kind, obs);
        }
        if !self.regs.of(&reg::MSI_CAP).is_set(reg::msi_cap::EN) {
            return;
        }
        let address = self.regs.of(&reg::MSI_ADDR_HIGH) << 32 | self.regs.of(&reg::MSI_ADDR_LOW);
        let data = self.regs.of(&reg::MSI_DATA) as u32;
        if let Some(to) = Controller::LocalApic.decode(Message { address, data }) {
            Controller::LocalApic.arrive(Actor::Iommu, to, InterruptKind::Direct, obs);
        }
    }

    /// Starts a ring anew.
    fn empty<O: Observer>(&mut self, head: u32, tail: u32, obs: &mut O) {
        self.set(head, 8, 0, obs);
        self.set(tail, 8, 0, obs);
    }

    /// Starts and stops buffer and log as Control says, on a write that changed it.
    fn switch<O: Observer>(&mut self, old: u64, new: u64, obs: &mut O) {
        let logs = LOGS.map(|log| (log.enable, log.run));
        for (enable, run) in [(control::CMD_BUF_EN, status::CMD_RUN)].into_iter().chain(logs) {
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
            at => LOGS
                .iter()
                .any(|log| [log.base.offset, log.tail.offset].contains(&at) && self.status(log.run)),
        };
        if running {
            return write.old;
        }
        let at = write.offset;
        if at == reg::control::OFFSET
            && write.new.bits(control::SEGMENTS) > self.config.efr.bits(efr::SEGMENTS)
        {
            // More segments than the unit has.
            return write.new.with(control::SEGMENTS, write.old.bits(control::SEGMENTS));
        }
        if [reg::command_head::OFFSET, reg::command_tail::OFFSET].contains(&at) {
            return ring(self.regs.of(&reg::COMMAND_BASE)).wrap(write.new);
        }
        match LOGS.iter().find(|log| [log.head.offset, log.tail.offset].contains(&at)) {
            Some(log) => (log.queue.ring)(self.regs.of(log.base)).wrap(write.new),
            None => write.new,
        }
    }

    fn after_write<O: Observer>(&mut self, memory: &mut Memory, write: &Write, obs: &mut O) {
        match write.offset {
            reg::command_base::OFFSET if !self.status(status::CMD_RUN) => {
                self.empty(reg::command_head::OFFSET, reg::command_tail::OFFSET, obs);
            }
            reg::control::OFFSET => {
                self.switch(write.old, write.new, obs);
                ring::drain(self, memory, obs);
            }
            reg::command_tail::OFFSET if write.last => ring::drain(self, memory, obs),
            at => {
                let log = LOGS.into_iter().find(|log| log.base.offset == at && !self.status(log.run));
                if let Some(log) = log {
                    self.empty(log.head.offset, log.tail.offset, obs);
                }
            }
        }
    }
}

/// Where a store of COMPLETION_WAIT goes.
pub(super) const fn physical(at: u64) -> PhysAddr {
    PhysAddr::new(at)
}
