//! Interrupt messages: passed, refused, or remapped by a table of entries of 32 or 128 bits (AMD 48882, interrupt
//! remapping).

use super::caches::{Caches, Index};
use super::context::{error_type, Dte, REACH};
use super::faults;
use super::queues::GUESTS;
use super::records::Event;
use super::request::{Asked, Refused, Setup};
use super::spec::events::request as invalid_type;
use super::spec::interrupts::*;
use super::spec::registers::{self as reg, control};
use super::spec::structures::{dte, intctl};
use super::AmdViUnit;
use crate::addr::{AnyAddr, Space};
use crate::iommu::fetch::Place;
use crate::iommu::traced_cache::{get_or_load, Source};
use crate::memory::Memory;
use crate::spec::{Bits, EntryType, Rule, Text};
use crate::trace::{
    write_data, Actor, Event as Step, InterruptKind, Observer, Recorded, Scope, Stage, Verdict,
};

/// An interrupt as it leaves the unit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Interrupt {
    /// Vector.
    pub vector: u8,
    /// APIC id.
    pub destination: u32,
    /// Logical destination.
    pub logical: bool,
    /// IntType, or the message's delivery mode.
    pub kind: u8,
    /// As the device wrote it, remapped, or posted to a guest.
    pub how: InterruptKind,
    /// For a guest: where it is posted.
    pub guest: Option<Guest>,
}

/// Where an interrupt for a guest is posted (GuestMode, AVIC).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Guest {
    /// The virtual APIC backing page.
    pub page: u64,
    /// IsRun: the guest runs on the destination, which gets a doorbell.
    pub running: bool,
    /// GATag, where an interrupt for a guest that does not run is logged (GALogIntr).
    pub log: Option<u32>,
}

/// The interrupt request register of a virtual APIC, in its backing page.
const VIRTUAL_IRR: u64 = 0x200;

macro_rules! rules {
    ($($id:ident $en:literal $zh:literal;)*) => {
        $(static $id: Rule = Rule { text: Text::new($en, $zh), section: "AMD 48882, interrupt remapping" };)*
    };
}
rules! {
    INSIDE "the index is beyond the table (IntTabLen)" "索引超出表（IntTabLen）";
    CONTROL "IntCtl is reserved, or IntTabLen is above 11" "IntCtl 为保留值，或 IntTabLen 大于 11";
    ALLOWED "the device table entry does not let this kind of interrupt through" "设备表项不放行此类中断";
    DISABLED "RemapEn = 0: the entry is not in use" "表项未启用（RemapEn = 0）";
    RESERVED "a reserved bit is 1, or IntType is reserved" "保留位为 1，或 IntType 为保留值";
    NO_GUESTS "GuestMode without guest virtual APIC (GAMEn)" "未启用客户机虚拟 APIC（GAMEn）而使用 GuestMode";
}

/// Returns a message as the device wrote it: in data and address, or in HyperTransport's form in the address alone.
pub(super) fn as_written(asked: &Asked) -> Interrupt {
    let (how, guest) = (InterruptKind::Direct, None);
    if asked.in_ht_form() {
        let of = |field| asked.at.bits(field);
        let (vector, kind) = (of(ht_message::VECTOR) as u8, of(ht_message::TYPE) as u8);
        let (destination, logical) = (of(ht_message::DESTINATION) as u32, asked.at.is_set(ht_message::DM));
        return Interrupt { vector, destination, logical, kind, how, guest };
    }
    let data = u64::from(asked.data.unwrap_or(0));
    Interrupt {
        vector: data.bits(message::VECTOR) as u8,
        destination: asked.at.bits(address::DESTINATION) as u32,
        logical: asked.at.is_set(address::DM),
        kind: data.bits(message::TYPE) as u8,
        how,
        guest,
    }
}

/// Does with a message what the device table entry says.
pub(super) fn remap<O: Observer>(
    setup: &Setup<'_>,
    caches: &mut Option<&mut Caches>,
    memory: &mut Memory,
    asked: &Asked,
    entry: &Dte,
    obs: &mut O,
) -> Result<Interrupt, Refused> {
    let written = as_written(asked);
    if !entry.is(dte::IV) {
        return Ok(written);
    }
    let check = |rule, ok: bool, value: u64, obs: &mut O| {
        if O::ON && !ok {
            obs.step(Actor::Iommu, Step::Check { rule, ok, value });
        }
        ok
    };
    let control = entry.words.bits(dte::INTCTL);
    let log2 = entry.words.bits(dte::INTTABLEN);
    if !check(&CONTROL, control != intctl::RESERVED && log2 <= 11, entry.words[2], obs) {
        let event = asked.event(&faults::ILLEGAL_DEV_TABLE_ENTRY, asked.at);
        return Err(Refused::with(Event { reserved: true, ..event }));
    }
    let by_flag = |flag| if entry.is(flag) { intctl::FORWARD } else { intctl::ABORT };
    let what = match (u64::from(written.kind), written.logical) {
        (int_type::FIXED | int_type::ARBITRATED, _) => control,
        (int_type::NMI, false) => by_flag(dte::NMI_PASS),
        (int_type::INIT, false) => by_flag(dte::INIT_PASS),
        (int_type::EXTINT, false) => by_flag(dte::EINT_PASS),
        // SMI, reserved delivery modes, and logical destinations of the others have no switch here.
        _ => intctl::ABORT,
    };
    let domain = entry.domain();
    let fault = Event { domain, ..asked.event(&faults::IO_PAGE_FAULT, asked.at) };
    let stop = |event| {
        let suppressed = event_is_fault(&event) && entry.is(dte::IG);
        Refused { suppressed, ..Refused::with(event) }
    };
    if !check(&ALLOWED, what != intctl::ABORT, entry.words[2], obs) {
        // Only IntCtl = 0 has a type there; what no switch lets through is not mapped.
        return Err(if u64::from(written.kind) > int_type::ARBITRATED {
            stop(fault)
        } else {
            let event = asked.event(&faults::INVALID_DEVICE_REQUEST, asked.at);
            Refused::with(Event { kind: invalid_type::INTERRUPT as u8, ..event })
        });
    }
    if what == intctl::FORWARD {
        return Ok(written);
    }
    // Bits 10:0 of the data: vector and delivery mode.
    let low = 0u64.with(message::VECTOR, written.vector.into()).with(message::TYPE, written.kind.into());
    let index = low as u16;
    if !check(&INSIDE, u64::from(index) < 1 << log2, index.into(), obs) {
        return Err(stop(fault));
    }
    let cache = caches.as_deref_mut().map(|c| &mut c.interrupts);
    let cache = cache.filter(|_| !setup.on(control::IRT_CACHE_DIS));
    let source = OfIndex { setup, asked, entry, index };
    let words =
        get_or_load(cache, Index(asked.device, index), &source, memory, obs).map_err(|mut refused| {
            refused.suppressed |= refused.event.is_some_and(|event| stop(event).suppressed);
            refused
        })?;
    Ok(interrupt(setup, &words))
}

fn event_is_fault(event: &Event) -> bool {
    event.code == &faults::IO_PAGE_FAULT
}

/// What a good entry says.
fn interrupt(setup: &Setup<'_>, words: &[u64; 2]) -> Interrupt {
    let kind = words.bits(irte128::INT_TYPE) as u8;
    let (logical, how) = (words.is_set(irte128::DM), InterruptKind::Remapped);
    if !setup.on(control::GA_EN) {
        let (vector, destination) =
            (words.bits(irte32::VECTOR) as u8, words.bits(irte32::DESTINATION) as u32);
        return Interrupt { vector, destination, logical, kind, how, guest: None };
    }
    // All 32 bits, whatever XTEn says: software without it leaves the upper ones 0.
    let destination = 0u64
        .with(apic_id::LOW, words.bits(irte128::DESTINATION))
        .with(apic_id::HIGH, words.bits(irte128::DESTINATION_HIGH)) as u32;
    let vector = words.bits(irte128::VECTOR) as u8;
    if words.is_set(irte128::GUEST_MODE) {
        let guest = Guest {
            page: words.address(irte_guest::GA_ROOT),
            running: words.is_set(irte_guest::IS_RUN),
            log: words.is_set(irte_guest::GA_LOG_INTR).then(|| words.bits(irte_guest::GA_TAG) as u32),
        };
        let (kind, how, guest) = (0, InterruptKind::Posted, Some(guest));
        return Interrupt { vector, destination, logical: false, kind, how, guest };
    }
    Interrupt { vector, destination, logical, kind, how, guest: None }
}

/// The entry at an index of a device's table.
struct OfIndex<'a> {
    setup: &'a Setup<'a>,
    asked: &'a Asked,
    entry: &'a Dte,
    index: u16,
}

impl Source<[u64; 2]> for OfIndex<'_> {
    type Error = Refused;
    fn load<O: Observer>(&self, memory: &mut Memory, _: bool, obs: &mut O) -> Result<[u64; 2], Refused> {
        let raw = self.entry.words.address(dte::INT_ROOT);
        let root = AnyAddr { space: Space::Physical, raw };
        let input = AnyAddr { space: Space::Bus, raw: self.index.into() };
        obs.begin(Actor::Iommu, Scope::Walk { stage: Stage::Interrupt, input, root, root_bits: 0 });
        let result = self.read(raw, memory, obs);
        let verdict = result.as_ref().map_or_else(
            |refused| refused.event.map_or(Verdict::Ok, |event| Verdict::Fault(event.code)),
            |_| Verdict::Ok,
        );
        obs.end(Actor::Iommu, verdict);
        result
    }
}

impl OfIndex<'_> {
    fn read<O: Observer>(&self, root: u64, memory: &Memory, obs: &mut O) -> Result<[u64; 2], Refused> {
        let wide = self.setup.on(control::GA_EN);
        let index = u64::from(self.index);
        let event = |code, at| Event { domain: self.entry.domain(), ..self.asked.event(code, at) };
        // Entries of 32 bits are read two at a time.
        let at = root.wrapping_add(if wide { index * 16 } else { index / 2 * 8 });
        let mut place = Place::physical(if wide { &IRTE128 } else { &IRTE32 }, 1, self.index.into(), at);
        let read = place.read(&REACH, memory, obs).map_err(|trouble| {
            let address = if wide { at } else { at | ((index % 2) * 4) };
            let kind = error_type(trouble);
            Refused::with(Event { kind, ..event(&faults::PAGE_TAB_HARDWARE_ERROR, address) })
        })?;
        let words = match wide {
            true => [read[0], read[1]],
            false => [read[0] >> (index % 2 * 32) & 0xffff_ffff, 0],
        };
        let guest = words.is_set(irte128::GUEST_MODE);
        if wide && guest {
            place.entry = &IRTE_GUEST;
        }
        let shown = [words[0], words[1], 0, 0, 0, 0, 0, 0];
        let fault = event(&faults::IO_PAGE_FAULT, self.asked.at);
        let suppressed = words.is_set(irte128::SUP_IOPF);
        if !words.is_set(irte128::REMAP_EN) {
            place.record(&shown, Verdict::Refused(&DISABLED), obs);
            return Err(Refused { suppressed, ..Refused::with(fault) });
        }
        if let Some(rule) = self.illegal(place.entry, &words, wide, guest) {
            place.record(&shown, Verdict::Refused(rule), obs);
            let event = Event { present: true, reserved: true, ..fault };
            return Err(Refused { suppressed, ..Refused::with(event) });
        }
        place.record(&shown, Verdict::Ok, obs);
        Ok(words)
    }

    fn illegal(&self, entry: &EntryType, words: &[u64; 2], wide: bool, guest: bool) -> Option<&'static Rule> {
        if guest && (!wide || !self.setup.on(control::GAM_EN)) {
            return Some(&NO_GUESTS);
        }
        let kind = words.bits(irte128::INT_TYPE);
        // Reserved bits of 128-bit entries are not checked.
        let reserved = !wide && entry.reserved_set(&words[..usize::from(entry.words)], 64);
        (reserved || !guest && kind > int_type::ARBITRATED).then_some(&RESERVED)
    }
}

impl AmdViUnit {
    /// Posts an interrupt for a guest: sets its bit in the request register of the virtual APIC's backing page; where the
    /// guest does not run and its entry says so, the GA log tells the hypervisor.
    pub(super) fn post<O: Observer>(
        &mut self,
        memory: &mut Memory,
        asked: &Asked,
        interrupt: &Interrupt,
        obs: &mut O,
    ) -> Result<(), Refused> {
        let Some(guest) = interrupt.guest else { return Ok(()) };
        let (bank, bit) = (u64::from(interrupt.vector / 32), interrupt.vector % 32);
        let at = guest.page.wrapping_add(VIRTUAL_IRR + bank * 16);
        let pa = crate::addr::PhysAddr::new(at);
        let result = memory.read_u64(pa).and_then(|word| {
            let pending = word.bits(vapic_irr::IRR) | 1 << bit;
            crate::trace::write_word(
                memory,
                obs,
                Actor::Iommu,
                Some(&VAPIC_IRR),
                pa,
                word.with(vapic_irr::IRR, pending),
            )
        });
        result.map_err(|error| {
            let kind = error_type(error.into());
            Refused::with(Event { kind, ..asked.event(&faults::PAGE_TAB_HARDWARE_ERROR, at) })
        })?;
        if let Some(tag) = guest.log.filter(|_| !guest.running) {
            let entry = 0u64
                .with(ga_entry::GA_TAG, tag.into())
                .with(ga_entry::DEVICE_ID, asked.device.into())
                .with(ga_entry::CODE, 1);
            if matches!(self.put(memory, &GUESTS, &[entry], obs), Recorded::At(_)) {
                self.store_tail(memory, obs);
            }
        }
        Ok(())
    }
    /// Stores the tail of the GA log where software wants it (GALogTailAddr), so that it need not read the register.
    fn store_tail<O: Observer>(&mut self, memory: &mut Memory, obs: &mut O) {
        let at = self.regs.of(&reg::GA_TAIL_AT).address(reg::ga_tail_at::ADDR);
        if at != 0 {
            let tail = self.regs.of(&reg::GA_TAIL).to_le_bytes();
            // Where memory does not answer, the register still says it.
            let _ = write_data(memory, obs, Actor::Iommu, crate::addr::PhysAddr::new(at), &tail);
        }
    }
}
