//! The queues the unit writes, the interrupts it raises, and what a write to its registers does (RISC-V IOMMU,
//! "In-memory queue interface" and "Memory-mapped register interface").

use super::faults;
use super::records::{emit_fault, emit_page_request, FaultContext};
use super::spec::registers::{self as reg, csr, fctl, icvec, ipsr};
use super::spec::structures::{dc, ttyp, FAULT_RECORD, PAGE_RECORD};
use super::{shared, RiscvUnit};
use crate::addr::{AnyAddr, PhysAddr, RequesterId, Space};
use crate::iommu::registers::{RegisterFile, Registers, Write};
use crate::iommu::ring::{self, Pushed};
use crate::iommu::PageRequest;
use crate::memory::Memory;
use crate::platform::interrupts::{Controller, Message};
use crate::spec::{Bits, EntryType, FaultCode, Field, Register};
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
    pending: Field,
    /// Where its vector is in icvec.
    vector: Field,
}

static FAULTS: Queue = Queue {
    base: reg::fqb::OFFSET,
    head: reg::fqh::OFFSET,
    tail: reg::fqt::OFFSET,
    csr: reg::fqcsr::OFFSET,
    record: 32,
    entry: &FAULT_RECORD,
    pending: ipsr::FIP,
    vector: icvec::FIV,
};
static PAGES: Queue = Queue {
    base: reg::pqb::OFFSET,
    head: reg::pqh::OFFSET,
    tail: reg::pqt::OFFSET,
    csr: reg::pqcsr::OFFSET,
    record: 16,
    entry: &PAGE_RECORD,
    pending: ipsr::PIP,
    vector: icvec::PIV,
};

/// What became of a record.
enum Queued {
    At(u32),
    Off,
    Overflow,
    MemoryFault,
}

impl RiscvUnit {
    /// Returns a flag of fctl.
    pub(super) fn fctl(&self, flag: Field) -> bool {
        self.regs.get(reg::fctl::OFFSET, 4).is_set(flag)
    }

    /// Words of a structure in the byte order that fctl.BE says.
    pub(super) fn ordered<const N: usize>(&self, words: [u64; N]) -> [u64; N] {
        if self.fctl(fctl::BE) {
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
        self.interrupt(memory, queue.csr, queue.pending, queue.vector, obs);
        result
    }

    /// Raises an interrupt of the unit itself, once until software clears it in ipsr.
    pub(super) fn interrupt<O: Observer>(
        &mut self,
        memory: &mut Memory,
        csr: u32,
        pending: Field,
        vector: Field,
        obs: &mut O,
    ) {
        if self.regs.get(reg::ipsr::OFFSET, 4).is_set(pending) || self.regs.get(csr, 4) & csr::IE == 0 {
            return;
        }
        self.raise(reg::ipsr::OFFSET, pending.mask(), obs);
        let vector = self.regs.get(reg::icvec::OFFSET, 8).bits(vector) as u32;
        if self.fctl(fctl::WSI) {
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
        let of =
            |register: &Register| self.regs.get(register.offset + vector * reg::MSI_BYTES, register.bytes);
        if of(&reg::MSI_VEC_CTL_0).is_set(reg::msi_vec_ctl_0::M) {
            self.masked |= 1 << vector;
            return;
        }
        let (address, data) = (of(&reg::MSI_ADDR_0), of(&reg::MSI_DATA_0) as u32);
        self.masked &= !(1 << vector);
        let bytes = self.word(data);
        let pa = PhysAddr::new(address);
        let stored = self.config.fits(address) && write_data(memory, obs, Actor::Iommu, pa, &bytes).is_ok();
        if !stored {
            self.report(memory, &faults::MSI_WRITE_FAULT, address, 0, false, &FaultContext::default(), obs);
        } else if O::ON {
            let kind = InterruptKind::Direct;
            match Controller::Imsic.decode(Message { address, data }) {
                Some(to) => Controller::Imsic.arrive(Actor::Iommu, to, kind, obs),
                None => obs.step(Actor::Iommu, Event::Interrupt { vector: data, destination: 0, kind }),
            }
        }
    }

    /// Returns four bytes in the byte order that fctl.BE says.
    pub(super) fn word(&self, data: u32) -> [u8; 4] {
        if self.fctl(fctl::BE) {
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
        about: &FaultContext,
        obs: &mut O,
    ) -> Recorded {
        let recorded = if dtf && !faults::ignores_dtf(code.code) {
            Recorded::Suppressed
        } else {
            let words = self.ordered(emit_fault(code, iotval, iotval2, about));
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
        about: &FaultContext,
        obs: &mut O,
    ) {
        if O::ON {
            // A translation request that may write too is refused where it may not even read.
            let want = if about.ttyp == ttyp::ATS { Perms::R } else { about.want };
            obs.step(
                Actor::Iommu,
                Event::Fault {
                    code,
                    requester: (about.ttyp != ttyp::NONE).then(|| RequesterId::new(about.device)),
                    pasid: about.process.and_then(crate::addr::Pasid::new),
                    at: AnyAddr { space: Space::Iova, raw: iotval },
                    want,
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
        let ttyp = ttyp::MESSAGE;
        let about = FaultContext { device, process, privileged: false, ttyp, want: request.want };
        let refuse = |unit: &mut Self, memory: &mut Memory, code, dtf, obs: &mut O| {
            unit.report(memory, code, request.at.raw(), 0, dtf, &about, obs);
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
        if !dc.is(dc::EN_PRI) {
            return refuse(self, memory, &faults::DISALLOWED, dc.is(dc::DTF), obs);
        }
        let requester = RequesterId::new(device);
        let words = self.ordered(emit_page_request(&PageRequest { requester, ..*request }));
        matches!(self.enqueue(memory, &PAGES, &words, obs), Queued::At(_))
    }

    /// A cause that is still there when its pending bit is cleared sets it again.
    fn raise_again<O: Observer>(&mut self, memory: &mut Memory, obs: &mut O) {
        let on = |regs: &RegisterFile, at, bits| regs.get(at, 4) & bits != 0;
        if on(&self.regs, reg::cqcsr::OFFSET, csr::MF | csr::TO | csr::ILL | csr::FENCE) {
            self.interrupt(memory, reg::cqcsr::OFFSET, ipsr::CIP, icvec::CIV, obs);
        }
        for queue in [&FAULTS, &PAGES] {
            if on(&self.regs, queue.csr, csr::MF | csr::OF) {
                self.interrupt(memory, queue.csr, queue.pending, queue.vector, obs);
            }
        }
    }
}

impl Registers for RiscvUnit {
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
            reg::ddtp::OFFSET if new.bits(reg::ddtp::IOMMU_MODE) > reg::mode::LEVELS_3 => old,
            reg::cqt::OFFSET | reg::fqh::OFFSET | reg::pqh::OFFSET => {
                let base = match at {
                    reg::cqt::OFFSET => reg::cqb::OFFSET,
                    reg::fqh::OFFSET => reg::fqb::OFFSET,
                    _ => reg::pqb::OFFSET,
                };
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
                new & !csr::ON | ((new & csr::EN) * csr::ON)
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
