//! The queues that the unit writes, global errors, its own interrupts, and what a write to its registers does (IHI 0070,
//! 3.5, 3.18, 6.3 and 7).

use super::fault::{record, About, Placement, Stopped};
use super::its;
use super::shared;
use super::spec::events::{self, page_request};
use super::spec::registers::*;
use super::unit::{Resumed, SmmuUnit, ABORTED};
use crate::addr::{AnyAddr, Pasid, PhysAddr, RequesterId, Space};
use crate::iommu::registers::{RegisterFile, Registers, Write};
use crate::iommu::ring::{self, Ring};
use crate::memory::Memory;
use crate::platform::its::ITS_WINDOW;
use crate::spec::{Bits, EntryType, Field, Register};
use crate::trace::{write_data, write_run, Actor, Event, InterruptKind, Observer, Perms, Recorded};

/// A queue that the unit writes.
struct Queue {
    /// The bits of CR0 that it needs.
    on: u64,
    base: u32,
    prod: u32,
    cons: u32,
    bytes: u64,
    largest: Field,
    abort: Field,
    interrupt: Field,
    message: Message,
    /// Nothing is written until an overflow is acknowledged.
    stops: bool,
}

/// Where the message of a cause is configured, and the error of one that could not be written.
struct Message {
    address: u32,
    data: u32,
    abort: Field,
}

static EVENTS: Queue = Queue {
    on: switches::EVENTQEN.mask(),
    base: eventq_base::OFFSET,
    prod: eventq_prod::OFFSET,
    cons: eventq_cons::OFFSET,
    bytes: 32,
    largest: idr1::EVENTQS,
    abort: global_errors::EVENTQ_ABT_ERR,
    interrupt: interrupts::EVENTQ_IRQEN,
    message: Message {
        address: eventq_irq_cfg0::OFFSET,
        data: eventq_irq_cfg1::OFFSET,
        abort: global_errors::MSI_EVENTQ_ABT_ERR,
    },
    stops: false,
};
static PAGES: Queue = Queue {
    // Without translation there are no page requests (IHI 0070, 6.3.9.6).
    on: switches::PRIQEN.mask() | switches::SMMUEN.mask(),
    base: priq_base::OFFSET,
    prod: priq_prod::OFFSET,
    cons: priq_cons::OFFSET,
    bytes: 16,
    largest: idr1::PRIQS,
    abort: global_errors::PRIQ_ABT_ERR,
    interrupt: interrupts::PRIQ_IRQEN,
    message: Message {
        address: priq_irq_cfg0::OFFSET,
        data: priq_irq_cfg1::OFFSET,
        abort: global_errors::MSI_PRIQ_ABT_ERR,
    },
    // An overflow of page requests holds up later ones (IHI 0070, 8.1), one of events does not (7.4).
    stops: true,
};
static GLOBAL: Message = Message {
    address: gerror_irq_cfg0::OFFSET,
    data: gerror_irq_cfg1::OFFSET,
    abort: global_errors::MSI_GERROR_ABT_ERR,
};

/// What becomes of a record.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Queued {
    At(u32),
    Off,
    Overflow,
    Aborted,
}

impl SmmuUnit {
    /// Sets a register at its own offset, as hardware does.
    pub(super) fn put<O: Observer>(&mut self, register: &'static Register, value: u64, obs: &mut O) {
        self.set(register.offset, register.bytes, value, obs);
    }

    /// Returns the ring of a queue whose base register is at `base`.
    pub(super) fn ring(&self, base: u32, bytes: u64, largest: Field) -> Ring {
        shared::ring(self.regs.get(base, 8), self.config.idr1(largest), bytes)
    }

    /// Returns whether a queue is on, without an error that keeps it from being written (IHI 0070, 7.2.1 and 8.2).
    fn is_on(&self, queue: &Queue) -> bool {
        let active = self.regs.get(gerror::OFFSET, 4) ^ self.regs.get(gerrorn::OFFSET, 4);
        let stopped = active.is_set(queue.abort) && !self.config.quirks.full_is_abort;
        self.regs.get(cr0::OFFSET, 4) & queue.on == queue.on && !stopped
    }

    /// Puts a record into a queue, and sends its interrupt: when the queue was empty, or, of page requests with LO, for
    /// the last of a group, though it be lost to an overflow (IHI 0070, 3.18.2 and 6.3.36).
    fn enqueue<O: Observer>(
        &mut self,
        memory: &mut Memory,
        queue: &Queue,
        entry: &'static EntryType,
        words: &[u64],
        obs: &mut O,
    ) -> Queued {
        let was_empty = self
            .ring(queue.base, queue.bytes, queue.largest)
            .is_empty(self.regs.get(queue.prod, 4), self.regs.get(queue.cons, 4));
        let queued = self.write_out(memory, queue, entry, words, obs);
        let last_only = queue.stops && self.regs.get(priq_irq_cfg2::OFFSET, 4).is_set(priq_irq_cfg2::LO);
        let due = match (queued, last_only) {
            (Queued::At(_) | Queued::Overflow, true) => words[0].is_set(page_request::LAST),
            (Queued::At(_), false) => was_empty,
            _ => false,
        };
        if due && self.regs.get(irq_ctrl::OFFSET, 4).is_set(queue.interrupt) {
            self.send(memory, &queue.message, obs);
        }
        queued
    }

    fn write_out<O: Observer>(
        &mut self,
        memory: &mut Memory,
        queue: &Queue,
        entry: &'static EntryType,
        words: &[u64],
        obs: &mut O,
    ) -> Queued {
        if !self.is_on(queue) {
            return Queued::Off;
        }
        let ring = self.ring(queue.base, queue.bytes, queue.largest);
        let (prod, cons) = (self.regs.get(queue.prod, 4), self.regs.get(queue.cons, 4));
        let overflow = prod.bits(eventq_prod::OVFLG) != cons.bits(eventq_cons::OVACKFLG);
        if queue.stops && overflow {
            return Queued::Overflow;
        }
        if ring.is_full(prod, cons) {
            if self.config.quirks.full_is_abort {
                self.report_error(memory, queue.abort, obs);
                return Queued::Aborted;
            }
            if !overflow {
                let toggled = prod.with(eventq_prod::OVFLG, !prod.bits(eventq_prod::OVFLG));
                self.set(queue.prod, 4, toggled, obs);
            }
            return Queued::Overflow;
        }
        let at = ring.slot(ring.index(prod));
        let fits = self.config.reach().fits(at.raw());
        if !fits || write_run(memory, obs, Actor::Iommu, entry, at, words).is_err() {
            self.report_error(memory, queue.abort, obs);
            return Queued::Aborted;
        }
        let next = ring.next(prod) | prod & eventq_prod::OVFLG.mask();
        self.set(queue.prod, 4, next, obs);
        Queued::At(ring.index(prod) as u32)
    }

    /// Raises a global error, unless it is active already.
    pub(super) fn report_error<O: Observer>(&mut self, memory: &mut Memory, error: Field, obs: &mut O) {
        let (now, acknowledged) = (self.regs.get(gerror::OFFSET, 4), self.regs.get(gerrorn::OFFSET, 4));
        if (now ^ acknowledged).is_set(error) {
            return;
        }
        self.put(&GERROR, now ^ error.mask(), obs);
        // Another message of the same kind would be lost like the one that this error is about (IHI 0070, 7.5.1).
        let own = error.mask() == global_errors::MSI_GERROR_ABT_ERR.mask();
        if !own && self.regs.get(irq_ctrl::OFFSET, 4).is_set(interrupts::GERROR_IRQEN) {
            self.send(memory, &GLOBAL, obs);
        }
    }

    /// Interrupts: by the configured message, or by wire where none is.
    fn send<O: Observer>(&mut self, memory: &mut Memory, message: &Message, obs: &mut O) {
        let address = self.regs.get(message.address, 8).address(msi_address::ADDR);
        let data = self.regs.get(message.data, 4) as u32;
        self.message(memory, address, data, message.abort, obs);
    }

    pub(super) fn message<O: Observer>(
        &mut self,
        memory: &mut Memory,
        address: u64,
        data: u32,
        abort: Field,
        obs: &mut O,
    ) {
        if self.config.has(idr0::MSI) && address != 0 {
            let pa = PhysAddr::new(address);
            let fits = self.config.reach().fits(address);
            if !fits || write_data(memory, obs, Actor::Iommu, pa, &data.to_le_bytes()).is_err() {
                return self.report_error(memory, abort, obs);
            }
            if O::ON {
                let kind = InterruptKind::Direct;
                obs.step(Actor::Iommu, Event::Interrupt { vector: data, destination: 0, kind });
            }
        }
    }

    /// Records why a transaction was stopped, where the tables and the queue let it.
    pub(super) fn report<O: Observer>(
        &mut self,
        memory: &mut Memory,
        stopped: &Stopped,
        about: &About,
        stag: Option<u16>,
        obs: &mut O,
    ) -> Recorded {
        let code = stopped.code.unwrap_or(&ABORTED);
        let recorded = if stopped.code.is_none() {
            Recorded::None
        } else if !stopped.recorded && stag.is_none() {
            Recorded::Suppressed
        } else {
            let quirks = &self.config.quirks;
            let place = Placement {
                ipa_low_bits: quirks.ipa_low_bits,
                cdfetch_field: quirks.cdfetch_field,
                no_ttrnw: quirks.no_ttrnw,
            };
            let words = record(stopped, about, stag, place);
            if let Some(stag) = stag.filter(|_| !self.has_room()) {
                // A stalled transaction is not lost: it is tried again when there is room (IHI 0070, 3.12.2 and 7.4).
                self.pending.push(stag);
                return Recorded::None;
            }
            match self.enqueue(memory, &EVENTS, events::record(words[0]), &words, obs) {
                Queued::At(slot) => Recorded::At(slot),
                Queued::Overflow => Recorded::Overflow,
                Queued::Off | Queued::Aborted => Recorded::None,
            }
        };
        if O::ON {
            obs.step(
                Actor::Iommu,
                Event::Fault {
                    code,
                    requester: Some(RequesterId::new(about.stream)),
                    pasid: about.substream.and_then(Pasid::new),
                    at: AnyAddr { space: Space::Iova, raw: about.at },
                    want: if about.execute {
                        Perms::X
                    } else if about.read {
                        Perms::R
                    } else {
                        Perms::W
                    },
                    recorded,
                },
            );
        }
        recorded
    }

    /// Returns whether the event queue is on and not full.
    fn has_room(&self) -> bool {
        let ring = self.ring(EVENTS.base, EVENTS.bytes, EVENTS.largest);
        self.is_on(&EVENTS) && !ring.is_full(self.regs.get(EVENTS.prod, 4), self.regs.get(EVENTS.cons, 4))
    }

    /// Tries the stalled transactions again that found no room in the event queue, as though they had just arrived: what
    /// is recorded is what stops them now (IHI 0070, 3.12.2 and 7.2.1).
    fn catch_up<O: Observer>(&mut self, memory: &mut Memory, obs: &mut O) {
        // Bounded: each turn takes one of IDR5.STALL_MAX names at most; one without room ends it.
        while !self.pending.is_empty() && self.has_room() && obs.spend(1) {
            let stag = self.pending.remove(0);
            self.again(memory, stag, obs);
        }
    }

    /// Puts a page request into its queue. `false`: there was no room.
    pub(super) fn queue_page_request<O: Observer>(
        &mut self,
        memory: &mut Memory,
        words: &[u64; 2],
        obs: &mut O,
    ) -> bool {
        matches!(self.enqueue(memory, &PAGES, &events::PAGE_REQUEST, words, obs), Queued::At(_))
    }
}

impl SmmuUnit {
    /// Returns the bits of a register that cannot be written now, since what they configure is on (IHI 0070, 6.3; SMMUv3.2
    /// and later ignore such writes).
    fn guarded(&self, at: u32) -> u64 {
        let (on, irq) = (self.regs.get(cr0::OFFSET, 4), self.regs.get(irq_ctrl::OFFSET, 4));
        let all = |on: bool| if on { u64::MAX } else { 0 };
        match at {
            cr1::OFFSET => {
                let queues =
                    [cr1::QUEUE_IC, cr1::QUEUE_OC, cr1::QUEUE_SH].map(|f| f.mask()).iter().sum::<u64>();
                let tables =
                    [cr1::TABLE_IC, cr1::TABLE_OC, cr1::TABLE_SH].map(|f| f.mask()).iter().sum::<u64>();
                let any =
                    [switches::EVENTQEN, switches::CMDQEN, switches::PRIQEN].iter().any(|f| on.is_set(*f));
                queues & all(any) | tables & all(on.is_set(switches::SMMUEN))
            }
            cr2::OFFSET | strtab_base::OFFSET | strtab_base_cfg::OFFSET => all(on.is_set(switches::SMMUEN)),
            cmdq_base::OFFSET | cmdq_cons::OFFSET => all(on.is_set(switches::CMDQEN)),
            eventq_base::OFFSET | eventq_prod::OFFSET => all(on.is_set(switches::EVENTQEN)),
            priq_base::OFFSET | priq_prod::OFFSET => all(on.is_set(switches::PRIQEN)),
            gerror_irq_cfg0::OFFSET | gerror_irq_cfg1::OFFSET | gerror_irq_cfg2::OFFSET => {
                all(irq.is_set(interrupts::GERROR_IRQEN))
            }
            eventq_irq_cfg0::OFFSET | eventq_irq_cfg1::OFFSET | eventq_irq_cfg2::OFFSET => {
                all(irq.is_set(interrupts::EVENTQ_IRQEN))
            }
            priq_irq_cfg0::OFFSET | priq_irq_cfg1::OFFSET | priq_irq_cfg2::OFFSET => {
                all(irq.is_set(interrupts::PRIQ_IRQEN))
            }
            _ => 0,
        }
    }
}

impl Registers for SmmuUnit {
    fn file(&self) -> &RegisterFile {
        &self.regs
    }

    fn file_mut(&mut self) -> &mut RegisterFile {
        &mut self.regs
    }

    fn adjust(&mut self, write: &Write) -> u64 {
        let guarded = if self.config.quirks.unguarded { 0 } else { self.guarded(write.offset) };
        let write = Write { new: write.old & guarded | write.new & !guarded, ..*write };
        match write.offset {
            // GBPA takes a write only with UPDATE, which reads 0 when it is done (IHI 0070, 6.3).
            gbpa::OFFSET if !write.new.is_set(gbpa::UPDATE) => write.old,
            gbpa::OFFSET => write.new.with_flag(gbpa::UPDATE, false),
            _ => write.new,
        }
    }

    fn after_write<O: Observer>(&mut self, memory: &mut Memory, write: &Write, obs: &mut O) {
        match write.offset {
            cr0::OFFSET => {
                self.put(&CR0ACK, write.new, obs);
                if write.old.is_set(switches::SMMUEN) && !write.new.is_set(switches::SMMUEN) {
                    // What is stalled ends with an abort (IHI 0070, 6.3.9.6).
                    self.release(|_| true, Resumed::Abort);
                }
                ring::drain(self, memory, obs);
                self.catch_up(memory, obs);
            }
            irq_ctrl::OFFSET => self.put(&IRQ_CTRLACK, write.new, obs),
            eventq_cons::OFFSET => self.catch_up(memory, obs),
            cmdq_prod::OFFSET => ring::drain(self, memory, obs),
            gerrorn::OFFSET => {
                ring::drain(self, memory, obs);
                self.catch_up(memory, obs);
            }
            at if at >= ITS_WINDOW => its::after_write(self, ITS_WINDOW, memory, at, obs),
            _ => {}
        }
    }
}
