//! What the driver reads back: events and page requests; and the interrupt remapping tables.

use super::{commands, AmdViProgrammer, INTERRUPTS_LOG2};
use crate::addr::{Address, Iova, Pasid, PhysAddr, RequesterId};
use crate::iommu::amdvi::queues::ring;
use crate::iommu::amdvi::records::{parse_page_request, Event, Words};
use crate::iommu::amdvi::spec::interrupts::{apic_id, irte128, irte_guest, IRTE128, IRTE_GUEST};
use crate::iommu::amdvi::spec::registers::{self as reg, control, status};
use crate::iommu::amdvi::spec::structures::{dte, DTE};
use crate::iommu::driver::{Hardware, InterruptRemapping, Records};
use crate::iommu::{unsupported, DriverResult, FaultRecord, InterruptEntry, Message, PageRequest};
use crate::spec::{Bits, Field, Register};
use crate::trace::Perms;
use alloc::vec::Vec;

/// A log by its registers, with what says that it overflowed.
struct Log {
    base: &'static Register,
    head: &'static Register,
    tail: &'static Register,
    enable: Field,
    overflow: Field,
    interrupt: Field,
}

static EVENTS: Log = Log {
    base: &reg::EVENT_BASE,
    head: &reg::EVENT_HEAD,
    tail: &reg::EVENT_TAIL,
    enable: control::EVENT_LOG_EN,
    overflow: status::EVENT_OVERFLOW,
    interrupt: status::EVENT_INT,
};
static REQUESTS: Log = Log {
    base: &reg::PPR_BASE,
    head: &reg::PPR_HEAD,
    tail: &reg::PPR_TAIL,
    enable: control::PPR_LOG_EN,
    overflow: status::PPR_OVERFLOW,
    interrupt: status::PPR_INT,
};

impl AmdViProgrammer {
    /// Takes every entry of a log; one that overflowed is turned off and on, as Linux restarts it.
    fn take(hw: &mut impl Hardware, log: &Log) -> DriverResult<Vec<Words>> {
        let mut out = Vec::new();
        let seen = hw.of(&reg::STATUS);
        if seen.is_set(log.interrupt) {
            hw.set(&reg::STATUS, 0u64.with_flag(log.interrupt, true));
        }
        let ring = ring(hw.of(log.base));
        let (mut head, tail) = (hw.of(log.head), hw.of(log.tail));
        for _ in 0..ring.entries {
            if ring.is_empty(head, tail) {
                break;
            }
            out.push(hw.load(ring.slot(ring.index(head)))?);
            head = ring.next(head);
        }
        if !out.is_empty() {
            hw.set(log.head, head);
        }
        if seen.is_set(log.overflow) {
            let on = hw.of(&reg::CONTROL);
            hw.set(&reg::CONTROL, on.with_flag(log.enable, false));
            hw.set(&reg::STATUS, 0u64.with_flag(log.overflow, true));
            hw.set(&reg::CONTROL, on);
        }
        Ok(out)
    }

    /// The interrupt table of a device, made with what everyone may use.
    fn table_of(&mut self, hw: &mut impl Hardware, device: RequesterId) -> DriverResult<PhysAddr> {
        if let Some(table) = self.own_interrupts.get(&device.bdf16()) {
            return Ok(*table);
        }
        let table = hw.frames(2, 1)?;
        self.own_interrupts.insert(device.bdf16(), table);
        for (index, entry) in self.anyone.clone() {
            write(hw, table, index, Some(entry))?;
        }
        let at = self.place(hw, device)?;
        let was: dte::Words = hw.load(at)?;
        hw.store(&DTE, at, &was.with_address(dte::INT_ROOT, table.raw()))?;
        self.post(hw, &[commands::device(device.bdf16()), commands::interrupts(device.bdf16())])?;
        Ok(table)
    }
}

/// Writes an interrupt table entry; returns whether one in use was there.
fn write(
    hw: &mut impl Hardware,
    table: PhysAddr,
    index: u16,
    entry: Option<InterruptEntry>,
) -> DriverResult<bool> {
    let at = table.wrapping_add(u64::from(index) * 16);
    let was: [u64; 2] = hw.load(at)?;
    let posted = entry.and_then(|entry| entry.posted);
    let words = match entry {
        None => irte128::ZERO,
        Some(InterruptEntry { vector, destination, .. }) => {
            let id = u64::from(destination);
            let words = irte128::ZERO
                .with_flag(irte128::REMAP_EN, true)
                .with(irte128::DESTINATION, id.bits(apic_id::LOW))
                .with(irte128::DESTINATION_HIGH, id.bits(apic_id::HIGH))
                .with(irte128::VECTOR, vector.into());
            match posted {
                None => words,
                Some(page) => words
                    .with_flag(irte_guest::GUEST_MODE, true)
                    .with_flag(irte_guest::GA_LOG_INTR, true)
                    .with_flag(irte_guest::IS_RUN, true)
                    .with_address(irte_guest::GA_ROOT, page.raw()),
            }
        }
    };
    hw.store(if posted.is_some() { &IRTE_GUEST } else { &IRTE128 }, at, &words)?;
    Ok(was.is_set(irte128::REMAP_EN))
}

/// What an event says of a fault.
fn fault(words: &Words) -> Option<FaultRecord> {
    let event = Event::parse(words)?;
    Some(FaultRecord {
        code: event.code,
        requester: RequesterId::new(event.device.into()),
        pasid: event.pasid.and_then(Pasid::new),
        address: Iova::new(event.address).raw(),
        want: if event.write || event.interrupt { Perms::W } else { Perms::R },
    })
}

impl Records for AmdViProgrammer {
    fn take_faults(&mut self, hw: &mut impl Hardware) -> DriverResult<Vec<FaultRecord>> {
        Ok(Self::take(hw, &EVENTS)?.iter().filter_map(fault).collect())
    }

    fn take_page_requests(&mut self, hw: &mut impl Hardware) -> DriverResult<Vec<PageRequest>> {
        Ok(Self::take(hw, &REQUESTS)?.iter().map(parse_page_request).collect())
    }
}

impl InterruptRemapping for AmdViProgrammer {
    /// Writes an entry of 128 bits into the table of the device that may use it, or into every table. The message says the
    /// index as its data.
    fn set_interrupt(
        &mut self,
        hw: &mut impl Hardware,
        index: u16,
        entry: Option<InterruptEntry>,
    ) -> DriverResult<Message> {
        if !self.config.remapping {
            return unsupported("interrupt remapping (IV = 0)", "中断重映射（IV = 0）");
        }
        if index >> INTERRUPTS_LOG2 != 0 {
            return unsupported(
                "an interrupt index above 511 (IntTabLen)",
                "大于 511 的中断索引（IntTabLen）",
            );
        }
        let own = match entry {
            Some(InterruptEntry { source: Some(device), .. }) => {
                let table = self.table_of(hw, device)?;
                [(device.bdf16(), table)].into()
            }
            _ => {
                match entry {
                    Some(entry) => self.anyone.insert(index, entry),
                    None => self.anyone.remove(&index),
                };
                write(hw, self.interrupts, index, entry)?;
                self.own_interrupts.iter().map(|(device, table)| (*device, *table)).collect::<Vec<_>>()
            }
        };
        for (_, table) in own {
            write(hw, table, index, entry)?;
        }
        let list: Vec<_> = self.attached.keys().map(|device| commands::interrupts(*device)).collect();
        self.post(hw, &list)?;
        Ok(self.interrupt_message(index))
    }

    fn interrupt_message(&self, index: u16) -> Message {
        Message { address: 0xfee0_0000, data: index.into() }
    }
}
