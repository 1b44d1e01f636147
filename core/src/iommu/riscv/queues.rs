//! The queues the unit writes, the interrupts it raises, and what a write to its registers does (RISC-V IOMMU,
//! "In-memory queue interface" and "Memory-mapped register interface").

use super::entries::{FAULT_RECORD, PAGE_RECORD};
use super::faults;
use super::spec::registers::{self as reg, csr};
use super::translate::Asked;
use super::{shared, Riscv};
use crate::addr::{AnyAddr, PhysAddr, RequesterId, Space};
use crate::iommu::ats::page_request_word;
use crate::iommu::registers::{RegisterFile, Registers, Write};
use crate::iommu::ring::{self, Pushed};
use crate::iommu::PageRequest;
use crate::memory::Memory;
use crate::spec::{EntryType, FaultCode};
use crate::trace::{write_data, Actor, Event, InterruptKind, Observer, Perms, Recorded};

/// A queue that the unit writes.
struct Queue {
    base: u32,
    head: u32,
    tail: u32,
    csr: u32,
    /// Bytes of a record.
    record: u64,
    entry: &'static EntryType,
    /// Its bit in ipsr.
    pending: u64,
    /// Where its vector is in icvec.
    vector: u32,
}

static FAULTS: Queue = Queue {
    base: reg::fqb::OFFSET,
    head: reg::fqh::OFFSET,
    tail: reg::fqt::OFFSET,
    csr: reg::fqcsr::OFFSET,
    record: 32,
    entry: &FAULT_RECORD,
    pending: 1 << 1,
    vector: 4,
};
static PAGES: Queue = Queue {
    base: reg::pqb::OFFSET,
    head: reg::pqh::OFFSET,
    tail: reg::pqt::OFFSET,
    csr: reg::pqcsr::OFFSET,
    record: 16,
    entry: &PAGE_RECORD,
    pending: 1 << 3,
    vector: 12,
};

/// What became of a record.
enum Queued {
    At(u32),
    Off,
    Overflow,
    MemoryFault,
}

/// What a fault record says besides cause and values.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct About {
    pub device: u32,
    pub process: Option<u32>,
    pub privileged: bool,
    pub ttyp: u64,
    pub want: Perms,
}

impl About {
    pub(super) fn of(asked: &Asked) -> Self {
        About {
            device: asked.device,
            process: asked.process,
            privileged: asked.privileged,
            ttyp: asked.ttyp(),
            want: asked.perms,
        }
    }
}

impl Riscv {
    /// Words of a structure in the byte order that fctl.BE says.
    pub(super) fn ordered<const N: usize>(&self, words: [u64; N]) -> [u64; N] {
        if self.regs.get(reg::fctl::OFFSET, 4) & 1 != 0 {
            words.map(u64::swap_bytes)
        } else {
            words
        }
    }

    /// Puts a record at the tail of a queue.
    fn enqueue<O: Observer>(
        &mut self,
        memory: &mut Memory,
        queue: &Queue,
        words: &[u64],
        obs: &mut O,
    ) -> Queued {
        let status = self.regs.get(queue.csr, 4);
        if status & csr::ON == 0 || status & csr::EN == 0 {
            return Queued::Off;
        }
        if status & csr::MF != 0 {
            return Queued::MemoryFault;
        }
        if status & csr::OF != 0 {
            return Queued::Overflow;
        }
        let ring = shared::ring(self.regs.get(queue.base, 8), queue.record);
        let (head, tail) = (self.regs.get(queue.head, 4), self.regs.get(queue.tail, 4));
        let config = self.config;
        let fits = |pa| config.fits(pa);
        let result = match ring::push(memory, ring, head, tail, queue.entry, words, fits, obs) {
            Pushed::At { index, tail } => {
                self.set(queue.tail, 4, tail, obs);
                Queued::At(index)
            }
            Pushed::Full => {
                self.raise(queue.csr, csr::OF, obs);
                Queued::Overflow
            }
            Pushed::Refused => {
                self.raise(queue.csr, csr::MF, obs);
                Queued::MemoryFault
            }
        };
        self.interrupt(memory, queue.csr, csr::IE, queue.pending, queue.vector, obs);
        result
    }

    /// Raises an interrupt of the unit itself, once until software clears it in ipsr.
    pub(super) fn interrupt<O: Observer>(
        &mut self,
        memory: &mut Memory,
        csr: u32,
        enable: u64,
        pending: u64,
        vector: u32,
        obs: &mut O,
    ) {
        if self.regs.get(reg::ipsr::OFFSET, 4) & pending != 0 || self.regs.get(csr, 4) & enable == 0 {
            return;
        }
        self.raise(reg::ipsr::OFFSET, pending, obs);
        let vector = (self.regs.get(reg::icvec::OFFSET, 8) >> vector & 0xf) as u32;
        if self.regs.get(reg::fctl::OFFSET, 4) & 0b10 != 0 {
            if O::ON {
                let kind = InterruptKind::Direct;
                obs.step(Actor::Iommu, Event::Interrupt { vector, destination: 0, kind });
            }
            return;
        }
        self.send(memory, vector, obs);
    }

    /// Writes the message of an interrupt vector, or keeps it while the vector is masked.
    fn send<O: Observer>(&mut self, memory: &mut Memory, vector: u32, obs: &mut O) {
        let at = reg::MSI_TABLE + vector * 16;
        if self.regs.get(at + 12, 4) & 1 != 0 {
            self.masked |= 1 << vector;
            return;
        }
        self.masked &= !(1 << vector);
        let (address, data) = (self.regs.get(at, 8), self.regs.get(at + 8, 4) as u32);
        let bytes = self.word(data);
        let pa = PhysAddr::new(address);
        let stored = self.config.fits(address) && write_data(memory, obs, Actor::Iommu, pa, &bytes).is_ok();
        if !stored {
            self.report(memory, &faults::MSI_WRITE_FAULT, address, 0, false, &About::default(), obs);
        } else if O::ON {
            let kind = InterruptKind::Direct;
            obs.step(Actor::Iommu, Event::Interrupt { vector: data, destination: 0, kind });
        }
    }

    /// Four bytes in the byte order that fctl.BE says.
    pub(super) fn word(&self, data: u32) -> [u8; 4] {
        if self.regs.get(reg::fctl::OFFSET, 4) & 1 != 0 {
            data.to_be_bytes()
        } else {
            data.to_le_bytes()
        }
    }

    /// Records a fault, unless DTF or the state of the queue says otherwise.
    #[allow(clippy::too_many_arguments)] // each is one part of the record
    pub(super) fn report<O: Observer>(
        &mut self,
        memory: &mut Memory,
        code: &'static FaultCode,
        iotval: u64,
        iotval2: u64,
        dtf: bool,
        about: &About,
        obs: &mut O,
    ) -> Recorded {
        let recorded = if dtf && !faults::ignores_dtf(code.code) {
            Recorded::Suppressed
        } else {
            let mut low = u64::from(code.code) | about.ttyp << 34 | u64::from(about.device) << 40;
            if let Some(process) = about.process {
                low |= u64::from(process) << 12 | 1 << 32 | u64::from(about.privileged) << 33;
            }
            let words = self.ordered([low, 0, iotval, iotval2]);
            match self.enqueue(memory, &FAULTS, &words, obs) {
                Queued::At(slot) => Recorded::At(slot),
                Queued::Overflow => Recorded::Overflow,
                Queued::Off | Queued::MemoryFault => Recorded::None,
            }
        };
        self.tell_fault(code, iotval, recorded, about, obs);
        recorded
    }

    pub(super) fn tell_fault<O: Observer>(
        &self,
        code: &'static FaultCode,
        iotval: u64,
        recorded: Recorded,
        about: &About,
        obs: &mut O,
    ) {
        if O::ON {
            obs.step(
                Actor::Iommu,
                Event::Fault {
                    code,
                    requester: (about.ttyp != 0).then(|| RequesterId::new(about.device)),
                    pasid: about.process.and_then(crate::addr::Pasid::new),
                    at: AnyAddr { space: Space::Iova, raw: iotval },
                    want: about.want,
                    recorded,
                },
            );
        }
    }

    /// Takes a page request (RISC-V IOMMU, "Page-Request-Queue" and "PCIe ATS and Page Request handling").
    pub(super) fn take_page_request<O: Observer>(
        &mut self,
        memory: &mut Memory,
        request: &PageRequest,
        obs: &mut O,
    ) -> bool {
        let device = request.requester.raw() & 0xff_ffff;
        let process = request.pasid.map(|p| p.raw());
        let about = About { device, process, privileged: false, ttyp: 9, want: request.want };
        // The message code stands in iotval: 04h, Page Request.
        let refuse = |unit: &mut Self, memory: &mut Memory, code, dtf, obs: &mut O| {
            unit.report(memory, code, 4, 0, dtf, &about, obs);
            false
        };
        let config = self.config;
        let setup = self.setup(&config, false);
        match setup.mode() {
            0 => return refuse(self, memory, &faults::ALL_DISALLOWED, false, obs),
            1 => return refuse(self, memory, &faults::DISALLOWED, false, obs),
            _ if !setup.admits(device) => return refuse(self, memory, &faults::DISALLOWED, false, obs),
            _ => {}
        }
        let dc = match super::context::device_context(&setup, memory, device, obs) {
            Ok(dc) => dc,
            Err(code) => return refuse(self, memory, code, false, obs),
        };
        if !dc.pri() {
            return refuse(self, memory, &faults::DISALLOWED, dc.dtf(), obs);
        }
        let mut low = u64::from(device) << 40;
        if let Some(process) = process {
            let execute = request.want.has(Perms::X);
            low |= u64::from(process) << 12 | 1 << 32 | u64::from(execute) << 34;
        }
        let words = self.ordered([low, page_request_word(request)]);
        matches!(self.enqueue(memory, &PAGES, &words, obs), Queued::At(_))
    }

    /// A cause that is still there when its pending bit is cleared sets it again.
    fn raise_again<O: Observer>(&mut self, memory: &mut Memory, obs: &mut O) {
        let on = |regs: &RegisterFile, at, bits| regs.get(at, 4) & bits != 0;
        if on(&self.regs, reg::cqcsr::OFFSET, csr::MF | csr::TO | csr::ILL | csr::FENCE) {
            self.interrupt(memory, reg::cqcsr::OFFSET, csr::IE, 1, 0, obs);
        }
        for queue in [&FAULTS, &PAGES] {
            if on(&self.regs, queue.csr, csr::MF | csr::OF) {
                self.interrupt(memory, queue.csr, csr::IE, queue.pending, queue.vector, obs);
            }
        }
    }
}

impl Registers for Riscv {
    fn file(&self) -> &RegisterFile {
        &self.regs
    }

    fn file_mut(&mut self) -> &mut RegisterFile {
        &mut self.regs
    }

    fn adjust(&mut self, write: &Write) -> u64 {
        let Write { offset: at, old, new, .. } = *write;
        match at {
            // A mode that is not defined leaves the register as it was.
            reg::ddtp::OFFSET if new & 0xf > 4 => old,
            reg::cqt::OFFSET | reg::fqh::OFFSET | reg::pqh::OFFSET => {
                let base = if at == reg::cqt::OFFSET { at - 12 } else { at - 8 };
                shared::ring(self.regs.get(base, 8), 1).index(new)
            }
            reg::cqcsr::OFFSET | reg::fqcsr::OFFSET | reg::pqcsr::OFFSET => {
                if new & csr::EN != 0 && old & csr::ON == 0 {
                    // Turning a queue on empties it.
                    let empty = match at {
                        reg::cqcsr::OFFSET => reg::cqh::OFFSET,
                        reg::fqcsr::OFFSET => reg::fqt::OFFSET,
                        _ => reg::pqt::OFFSET,
                    };
                    self.regs.put(empty, 4, 0);
                }
                // A queue is active as soon as it is enabled.
                new & !csr::ON | (new & csr::EN) * csr::ON
            }
            _ => new,
        }
    }

    fn after_write<O: Observer>(&mut self, memory: &mut Memory, write: &Write, obs: &mut O) {
        match write.offset {
            reg::ipsr::OFFSET => self.raise_again(memory, obs),
            reg::cqt::OFFSET | reg::cqcsr::OFFSET => ring::drain(self, memory, obs),
            at if at >= reg::MSI_TABLE
                && at % reg::MSI_BYTES == reg::msi_vec_ctl_0::OFFSET % reg::MSI_BYTES =>
            {
                let vector = (at - reg::MSI_TABLE) / reg::MSI_BYTES;
                if self.masked >> vector & 1 != 0 {
                    self.send(memory, vector, obs);
                }
            }
            _ => {}
        }
    }
}
