//! The queues that the unit writes, global errors, its own interrupts, and what a write to its registers does (IHI 0070,
//! 3.5, 3.18, 6.3 and 7).

use super::fault::{record, About, Placement, Stopped};
use super::its;
use super::shared;
use super::spec::events;
use super::spec::registers::*;
use super::unit::{SmmuUnit, ABORTED};
use crate::addr::{AnyAddr, Pasid, PhysAddr, RequesterId, Space};
use crate::iommu::registers::{RegisterFile, Registers, Write};
use crate::iommu::ring::{self, Ring};
use crate::memory::Memory;
use crate::platform::its::ITS_WINDOW;
use crate::spec::{Bits, EntryType, Field, Register};
use crate::trace::{write_data, write_run, Actor, Event, InterruptKind, Observer, Perms, Recorded};

/// A queue that the unit writes.
struct Queue {
    on: Field,
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
    on: switches::EVENTQEN,
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
    on: switches::PRIQEN,
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

/// What became of a record.
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

    /// Puts a record into a queue.
    fn enqueue<O: Observer>(
        &mut self,
        memory: &mut Memory,
        queue: &Queue,
        entry: &'static EntryType,
        words: &[u64],
        obs: &mut O,
    ) -> Queued {
        if !self.regs.get(cr0::OFFSET, 4).is_set(queue.on) {
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
        let was_empty = ring.is_empty(prod, cons);
        let next = ring.next(prod) | prod & eventq_prod::OVFLG.mask();
        self.set(queue.prod, 4, next, obs);
        if was_empty && self.regs.get(irq_ctrl::OFFSET, 4).is_set(queue.interrupt) {
            self.send(memory, &queue.message, obs);
        }
        Queued::At(ring.index(prod) as u32)
    }

    /// Raises a global error, unless it is active already.
    pub(super) fn report_error<O: Observer>(&mut self, memory: &mut Memory, error: Field, obs: &mut O) {
        let (now, acknowledged) = (self.regs.get(gerror::OFFSET, 4), self.regs.get(gerrorn::OFFSET, 4));
        if (now ^ acknowledged).is_set(error) {
            return;
        }
        self.put(&GERROR, now ^ error.mask(), obs);
        if self.regs.get(irq_ctrl::OFFSET, 4).is_set(interrupts::GERROR_IRQEN) {
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
                if abort.lo != global_errors::MSI_GERROR_ABT_ERR.lo {
                    self.report_error(memory, abort, obs);
                } else {
                    let now = self.regs.get(gerror::OFFSET, 4);
                    self.put(&GERROR, now ^ abort.mask(), obs);
                }
                return;
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
            if stag.is_some() && !self.has_room() {
                // The record of a stalled transaction waits for room instead of being lost (IHI 0070, 7.4).
                self.pending.push(words);
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
        self.regs.get(cr0::OFFSET, 4).is_set(EVENTS.on)
            && !ring.is_full(self.regs.get(EVENTS.prod, 4), self.regs.get(EVENTS.cons, 4))
    }

    /// Records the stalled transactions that waited for room in the event queue.
    fn catch_up<O: Observer>(&mut self, memory: &mut Memory, obs: &mut O) {
        // Bounded: IDR5.STALL_MAX records at most wait.
        while !self.pending.is_empty() && self.has_room() {
            let words = self.pending.remove(0);
            if !matches!(self.enqueue(memory, &EVENTS, events::record(words[0]), &words, obs), Queued::At(_))
            {
                return;
            }
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

impl Registers for SmmuUnit {
    fn file(&self) -> &RegisterFile {
        &self.regs
    }

    fn file_mut(&mut self) -> &mut RegisterFile {
        &mut self.regs
    }

    fn adjust(&mut self, write: &Write) -> u64 {
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
                ring::drain(self, memory, obs);
                self.catch_up(memory, obs);
            }
            irq_ctrl::OFFSET => self.put(&IRQ_CTRLACK, write.new, obs),
            eventq_cons::OFFSET => self.catch_up(memory, obs),
            cmdq_prod::OFFSET | gerrorn::OFFSET => ring::drain(self, memory, obs),
            at if at >= ITS_WINDOW => its::after_write(self, ITS_WINDOW, memory, at, obs),
            _ => {}
        }
    }
}
