//! The queues that the unit writes, global errors, its own interrupts, and what a write to its registers does (IHI 0070,
//! 3.5, 3.18, 6.3 and 7).

use super::fault::{record, About, Placement, Stopped};
use super::regs::Regs;
use super::shared;
use super::spec::events;
use super::spec::registers::*;
use super::Smmuv3;
use crate::addr::{AnyAddr, Pasid, PhysAddr, RequesterId, Space};
use crate::iommu::ring::Ring;
use crate::memory::Memory;
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

impl Smmuv3 {
    pub(super) fn set<O: Observer>(&mut self, register: &'static Register, value: u64, obs: &mut O) {
        let (at, bytes) = (register.offset, register.bytes);
        let old = self.regs.get(at, bytes);
        self.regs.put(at, bytes, value);
        if O::ON && old != value {
            let event = Event::Register { register, offset: at, old, new: value, write: true };
            obs.step(Actor::Iommu, event);
        }
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
        let register = Regs::find(queue.prod).unwrap_or(&EVENTQ_PROD);
        if ring.is_full(prod, cons) {
            if self.config.quirks.full_is_abort {
                self.raise(memory, queue.abort, obs);
                return Queued::Aborted;
            }
            if prod.bits(eventq_prod::OVFLG) == cons.bits(eventq_cons::OVACKFLG) {
                let toggled = prod.with(eventq_prod::OVFLG, !prod.bits(eventq_prod::OVFLG));
                self.set(register, toggled, obs);
            }
            return Queued::Overflow;
        }
        let at = ring.slot(ring.index(prod));
        let fits = self.config.reach().fits(at.raw());
        if !fits || write_run(memory, obs, Actor::Iommu, entry, at, words).is_err() {
            self.raise(memory, queue.abort, obs);
            return Queued::Aborted;
        }
        let was_empty = ring.is_empty(prod, cons);
        let next = ring.next(prod) | prod & eventq_prod::OVFLG.mask();
        self.set(register, next, obs);
        if was_empty && self.regs.get(irq_ctrl::OFFSET, 4).is_set(queue.interrupt) {
            self.send(memory, &queue.message, obs);
        }
        Queued::At(ring.index(prod) as u32)
    }

    /// Raises a global error, unless it is active already.
    pub(super) fn raise<O: Observer>(&mut self, memory: &mut Memory, error: Field, obs: &mut O) {
        let (now, acknowledged) = (self.regs.get(gerror::OFFSET, 4), self.regs.get(gerrorn::OFFSET, 4));
        if (now ^ acknowledged).is_set(error) {
            return;
        }
        self.set(&GERROR, now ^ error.mask(), obs);
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
                    self.raise(memory, abort, obs);
                } else {
                    let now = self.regs.get(gerror::OFFSET, 4);
                    self.set(&GERROR, now ^ abort.mask(), obs);
                }
                return;
            }
        }
        if O::ON {
            let kind = InterruptKind::Direct;
            obs.step(Actor::Iommu, Event::Interrupt { vector: data, destination: 0, kind });
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
        let Some(code) = stopped.code else { return Recorded::None };
        let recorded = if !stopped.recorded && stag.is_none() {
            Recorded::Suppressed
        } else {
            let quirks = &self.config.quirks;
            let place = Placement {
                ipa_low_bits: quirks.ipa_low_bits,
                cdfetch_field: quirks.cdfetch_field,
                abort_class_tt: quirks.abort_class_tt,
            };
            let words = record(stopped, about, stag, place);
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

    /// Puts a page request into its queue. `false`: there was no room.
    pub(super) fn queue_page_request<O: Observer>(
        &mut self,
        memory: &mut Memory,
        words: &[u64; 2],
        obs: &mut O,
    ) -> bool {
        matches!(self.enqueue(memory, &PAGES, &events::PAGE_REQUEST, words, obs), Queued::At(_))
    }

    /// A write to a register, with what follows from it. `false` where there is none.
    pub(super) fn write_by<O: Observer>(
        &mut self,
        memory: &mut Memory,
        actor: Actor,
        at: u32,
        bytes: u8,
        value: u64,
        obs: &mut O,
    ) -> bool {
        let Some(register) = Regs::find(at).filter(|_| matches!(bytes, 4 | 8) && at % 4 == 0) else {
            return false;
        };
        if bytes > register.bytes || at - register.offset + u32::from(bytes) > u32::from(register.bytes) {
            // Eight bytes over two registers: each takes its half.
            self.write_by(memory, actor, at, 4, value & 0xffff_ffff, obs);
            return self.write_by(memory, actor, at + 4, 4, value >> 32, obs);
        }
        let low = (at - register.offset) * 8;
        let lanes = if bytes == 8 { u64::MAX } else { 0xffff_ffff } << low;
        let start = register.offset;
        let old = self.regs.get(start, register.bytes);
        let mut new = register.after_write(old, lanes, value << low);
        // GBPA takes a write only with UPDATE, which reads 0 when it is done (IHI 0070, 6.3).
        if start == gbpa::OFFSET && !value.is_set(gbpa::UPDATE) {
            new = old;
        }
        self.regs.put(start, register.bytes, new);
        if O::ON {
            obs.step(actor, Event::Register { register, offset: start, old, new, write: true });
        }
        match start {
            cr0::OFFSET => {
                self.set(&CR0ACK, new, obs);
                self.take_commands(memory, obs);
            }
            irq_ctrl::OFFSET => self.set(&IRQ_CTRLACK, new, obs),
            cmdq_prod::OFFSET | gerrorn::OFFSET => self.take_commands(memory, obs),
            _ => {}
        }
        true
    }
}
