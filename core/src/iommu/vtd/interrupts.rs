//! Interrupt remapping and posting (VT-d 5): a write to FEEx_xxxxh becomes an interrupt, or a fault.

use super::caches::{Caches, Index};
use super::config::Config;
use super::context::Failure;
use super::spec::faults as f;
use super::spec::interrupts::*;
use super::spec::registers::{gsts, irta, GSTS, IRTA};
use super::VtdUnit;
use crate::addr::{Address, AnyAddr, PhysAddr, RequesterId, Space};
use crate::iommu::traced_cache::{self, get_or_load};
use crate::iommu::{self, Delivery, InterruptEntry, Request, RequestKind};
use crate::memory::Memory;
use crate::platform::interrupts::{self, Controller};
use crate::spec::{Bits, FaultCode, Field, Rule, Text};
use crate::trace::{write_word, Actor, Event, InterruptKind, Observer, Perms, Scope, Stage, Verdict};

static SOURCE: Rule = Rule {
    text: Text::new(
        "the requester is one that the entry allows (SVT, SQ, SID)",
        "请求者符合表项允许的来源（SVT、SQ、SID）",
    ),
    section: "VT-d 9.9",
};
static NOT_SOURCE: Rule = Rule {
    text: Text::new(
        "the requester is not one that the entry allows (SVT, SQ, SID)",
        "请求者不是表项允许的来源（SVT、SQ、SID）",
    ),
    section: "VT-d 9.9",
};
static INSIDE: Rule = Rule {
    text: Text::new("the index is inside the interrupt remapping table", "索引在中断重映射表之内"),
    section: "VT-d 5.1.4",
};
static OUTSIDE: Rule = Rule {
    text: Text::new("the index is beyond the interrupt remapping table", "索引超出中断重映射表"),
    section: "VT-d 5.1.4",
};
static WRONG_FORMAT: Rule = Rule {
    text: Text::new(
        "the request is in compatibility format, which is not let through",
        "请求为兼容格式，而这里不允许",
    ),
    section: "VT-d 5.1.4",
};
static FORMAT: Rule = Rule {
    text: Text::new(
        "the request is in remappable format, or compatibility format is let through",
        "请求为可重映射格式，或允许兼容格式",
    ),
    section: "VT-d 5.1.4",
};

type Refused = (Failure, u16);

/// An interrupt message in remappable format (VT-d 5.1.2.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Message {
    /// The index, or the first one where a subhandle is added.
    pub handle: u16,
    /// The subhandle, where SHV is 1.
    pub subhandle: Option<u16>,
}

impl Message {
    /// Reads address and data; `None` in compatibility format.
    pub fn parse(words: &MessageWords) -> Option<Message> {
        use remappable::*;
        words.is_set(FORMAT).then(|| Message {
            handle: (words.bits(HANDLE) | words.bits(HANDLE_HIGH) << HANDLE.width()) as u16,
            subhandle: words.is_set(SHV).then_some(words.bits(SUBHANDLE) as u16),
        })
    }

    /// Writes address and data.
    pub fn emit(&self) -> MessageWords {
        use remappable::*;
        ZERO.with(RANGE, 0xfee)
            .with_flag(FORMAT, true)
            .with(HANDLE, self.handle.into())
            .with(HANDLE_HIGH, u64::from(self.handle) >> HANDLE.width())
            .with_flag(SHV, self.subhandle.is_some())
            .with(SUBHANDLE, self.subhandle.unwrap_or(0).into())
    }

    /// Returns the index of the entry.
    fn index(&self) -> u32 {
        u32::from(self.handle) + u32::from(self.subhandle.unwrap_or(0))
    }
}

/// Returns the message that uses the entry at an index, in remappable format.
pub fn message(index: u16, subhandle: Option<u16>) -> iommu::Message {
    let [address, data] = Message { handle: index, subhandle }.emit();
    iommu::Message { address, data: data as u32 }
}

/// Writes an entry, for a unit in which destinations have 32 bits (`extended`) or 8.
pub fn emit_entry(entry: &InterruptEntry, extended: bool) -> irte::Words {
    let words = match entry.posted {
        Some(at) => {
            use irte_posted::*;
            let words = ZERO.with_flag(P, true).with_flag(IM, true).with(VV, entry.vector.into());
            words.with_address(PDAL, at.raw()).with_address(PDAH, at.raw())
        }
        None => {
            use irte::*;
            let id = u64::from(entry.destination);
            let destination = if extended { id } else { 0.with(NARROW_DESTINATION, id) };
            ZERO.with_flag(P, true).with(V, entry.vector.into()).with(DST, destination)
        }
    };
    match entry.source {
        None => words,
        Some(source) => words.with(irte::SVT, svt::SOURCE).with(irte::SID, source.bdf16().into()),
    }
}

/// Does the entry let this requester use it?
pub fn source_allowed(words: &irte::Words, requester: RequesterId, bus_range_swapped: bool) -> bool {
    let (sid, allowed) = (requester.bdf16(), words.bits(irte::SID) as u16);
    match words.bits(irte::SVT) {
        svt::ANY => true,
        svt::SOURCE => {
            let ignored = match words.bits(irte::SQ) {
                sq::ALL => 0,
                sq::BUT_2 => 0b100,
                sq::BUT_2_1 => 0b110,
                _ => 0b111,
            };
            sid | ignored == allowed | ignored
        }
        svt::BUS_RANGE => {
            let [end, start] = allowed.to_le_bytes();
            let (start, end) = if bus_range_swapped { (end, start) } else { (start, end) };
            (start..=end).contains(&requester.bus())
        }
        _ => false,
    }
}

/// Returns an interrupt as a message in compatibility format says.
fn direct(address: u64, data: u32) -> Delivery {
    let words: MessageWords = [address, data.into()];
    Delivery {
        vector: words.bits(compatible::VECTOR) as u32,
        destination: words.bits(compatible::DESTINATION) as u32,
        kind: InterruptKind::Direct,
        vectored: Controller::LocalApic.has_vector(interrupts::Message { address, data }),
        memory: None,
    }
}

/// Remaps interrupts as the unit's registers say.
#[derive(Clone, Copy, Debug)]
pub(super) struct Remapper<'a> {
    pub config: &'a Config,
    /// GSTS.
    pub status: u64,
    /// IRTA as latched by SIRTP.
    pub root: u64,
    /// Look only: nothing is changed.
    pub look: bool,
}

impl VtdUnit {
    pub(super) fn remapper(&self, look: bool) -> Remapper<'_> {
        Remapper { config: &self.config, status: self.regs.of(&GSTS), root: self.interrupt_root, look }
    }

    /// Latches the interrupt remapping table address (SIRTP).
    pub(super) fn latch_interrupt_root(&mut self) {
        self.interrupt_root = self.regs.of(&IRTA);
    }
}

/// An entry of the table that is wanted.
struct EntryAt<'a>(&'a Remapper<'a>, u16);

impl traced_cache::Source<irte::Words> for EntryAt<'_> {
    type Error = Refused;
    fn load<O: Observer>(&self, memory: &mut Memory, _: bool, obs: &mut O) -> Result<irte::Words, Refused> {
        self.0.read_irte(memory, self.1, obs)
    }
}

impl Remapper<'_> {
    /// Takes a request to the interrupt address range. Without caches it looks at memory only.
    pub fn remap<O: Observer>(
        &self,
        caches: &mut Option<&mut Caches>,
        memory: &mut Memory,
        request: &Request,
        obs: &mut O,
    ) -> Result<Delivery, Refused> {
        let message = self.accept(request, obs)?;
        let Some(message) = message else { return Ok(direct(request.at.raw(), request.data.unwrap_or(0))) };
        let index = message.index() as u16;
        let cache = caches.as_mut().map(|caches| &mut caches.interrupt);
        let words = get_or_load(cache, Index(index), &EntryAt(self, index), memory, obs)?;
        self.use_irte(memory, request, &message, words, obs)
    }

    /// Decodes the message. `None`: it passes as it is.
    fn accept<O: Observer>(&self, request: &Request, obs: &mut O) -> Result<Option<Message>, Refused> {
        let fail = |code: &'static FaultCode, index| Err((Failure::new(code, false), index));
        let data = match request.data {
            Some(data)
                if request.bytes == 4
                    && request.want.has(Perms::W)
                    && request.kind == RequestKind::Untranslated =>
            {
                data
            }
            _ => {
                let quiet = self.config.quirks.interrupt_range_reads_pass;
                return Err((Failure { silent: quiet, ..Failure::new(&f::IR_29, false) }, 0));
            }
        };
        if !self.status.is_set(gsts::IRES) {
            return Ok(None);
        }
        let words: MessageWords = [request.at.raw(), data.into()];
        let message = Message::parse(&words);
        let passes = self.config.quirks.compatibility_interrupts_pass
            || self.status.is_set(gsts::CFIS) && !self.extended_mode();
        let ok = message.is_some() || passes;
        if O::ON {
            let rule = if ok { &FORMAT } else { &WRONG_FORMAT };
            obs.step(Actor::Iommu, Event::Check { rule, ok, value: request.at.raw() });
        }
        let Some(message) = message else {
            return if ok { Ok(None) } else { fail(&f::IR_25, 0) };
        };
        let reserved = message.subhandle.is_some() && words.is_set(remappable::DATA_HIGH);
        if reserved && !self.config.quirks.message_reserved_last {
            return fail(&f::IR_20, 0);
        }
        let inside = message.index() < 2 << self.root.bits(irta::S);
        if O::ON {
            obs.step(
                Actor::Iommu,
                Event::Check {
                    rule: if inside { &INSIDE } else { &OUTSIDE },
                    ok: inside,
                    value: u64::from(message.index()),
                },
            );
        }
        if !inside {
            return fail(&f::IR_21, message.index() as u16);
        }
        Ok(Some(message))
    }

    fn extended_mode(&self) -> bool {
        self.root.is_set(irta::EIME)
    }

    /// Reads the entry and checks what does not depend on the request.
    fn read_irte<O: Observer>(&self, memory: &Memory, index: u16, obs: &mut O) -> Result<[u64; 2], Refused> {
        let table = self.root.address(irta::IRTA) & ((1u64 << self.config.host_bits) - 1);
        let pa = PhysAddr::new(table).wrapping_add(u64::from(index) * 16);
        if O::ON {
            let (input, root) =
                (AnyAddr { space: Space::Bus, raw: u64::from(index) }, PhysAddr::new(table).any());
            obs.begin(Actor::Iommu, Scope::Walk { stage: Stage::Interrupt, input, root, root_bits: 0 });
        }
        let read = (memory.read_u64(pa), memory.read_u64(pa.wrapping_add(8)));
        let result = match read {
            (Ok(low), Ok(high)) => self.check_irte(&[low, high]).map(|()| [low, high]),
            _ => Err(Failure::new(&f::IR_23, false)),
        };
        if O::ON {
            let words = [read.0.unwrap_or(0), read.1.unwrap_or(0)];
            let entry = if words.is_set(irte::IM) { &IRTE_POSTED } else { &IRTE };
            let verdict = match &result {
                Ok(_) => Verdict::Ok,
                Err(failure) => Verdict::Fault(failure.code),
            };
            let words = obs.words(&words);
            let (at, index) = (pa.any(), u32::from(index));
            obs.step(Actor::Iommu, Event::Read { entry, level: 0, index, at, pa, words, verdict });
            obs.end(Actor::Iommu, verdict);
        }
        result.map_err(|failure| (failure, index))
    }

    fn check_irte(&self, words: &[u64; 2]) -> Result<(), Failure> {
        let fail = |code| Err(Failure::new(code, words.is_set(irte::FPD)));
        if !words.is_set(irte::P) {
            return fail(&f::IR_22);
        }
        let posted = words.is_set(irte::IM);
        let quirks = &self.config.quirks;
        let bad = if posted && self.config.posting() {
            IRTE_POSTED.reserved_set(words, 64)
        } else {
            // Without EIME only DST[15:8] is an APIC id.
            let narrow = !self.extended_mode() && !quirks.destination_reserved_ignored;
            let id = words.bits(irte::DST);
            let destination = narrow && id != id & NARROW_DESTINATION.mask();
            let mode = posted && !quirks.destination_reserved_ignored;
            mode || destination || IRTE.reserved_set(words, 64)
        };
        if bad {
            return fail(&f::IR_24);
        }
        Ok(())
    }

    fn use_irte<O: Observer>(
        &self,
        memory: &mut Memory,
        request: &Request,
        message: &Message,
        words: irte::Words,
        obs: &mut O,
    ) -> Result<Delivery, Refused> {
        let index = message.index() as u16;
        let fpd = words.is_set(irte::FPD);
        let ok = source_allowed(&words, request.requester, self.config.quirks.bus_range_swapped);
        if O::ON {
            let value = u64::from(request.requester.bdf16());
            let rule = if ok { &SOURCE } else { &NOT_SOURCE };
            obs.step(Actor::Iommu, Event::Check { rule, ok, value });
        }
        if !ok {
            return Err((Failure::new(&f::IR_26, fpd), index));
        }
        // Only with the quirk: the specification checks the message first.
        let data: MessageWords = [request.at.raw(), request.data.unwrap_or(0).into()];
        if message.subhandle.is_some() && data.is_set(remappable::DATA_HIGH) {
            return Err((Failure::new(&f::IR_20, false), 0));
        }
        if words.is_set(irte::IM) && self.config.posting() {
            return self.post(memory, &words, obs).map_err(|code| (Failure::new(code, fpd), index));
        }
        let id = words.bits(irte::DST);
        let destination = if self.extended_mode() { id } else { id.bits(NARROW_DESTINATION) } as u32;
        let vector = words.bits(irte::V) as u32;
        let vectored = words.bits(irte::DLM) <= dlm::LOWEST;
        Ok(Delivery { vector, destination, kind: InterruptKind::Remapped, vectored, memory: None })
    }

    /// Posts to a descriptor (VT-d 5.2.3, 5.2.5): sets the vector's bit, and notifies unless that was done
    /// already or is suppressed.
    fn post<O: Observer>(
        &self,
        memory: &mut Memory,
        words: &irte::Words,
        obs: &mut O,
    ) -> Result<Delivery, &'static FaultCode> {
        let at = PhysAddr::new(words.address(irte_posted::PDAH) | words.address(irte_posted::PDAL));
        let mut pid = pid::ZERO;
        for (i, word) in pid.iter_mut().enumerate() {
            *word = memory.read_u64(at.wrapping_add(i as u64 * 8)).map_err(|_| &f::IR_27)?;
        }
        let bad = PID.reserved_set(&pid, 64);
        if O::ON {
            let verdict = if bad { Verdict::Fault(&f::IR_28) } else { Verdict::Ok };
            let words = obs.words(&pid);
            let read = Event::Read { entry: &PID, level: 0, index: 0, at: at.any(), pa: at, words, verdict };
            obs.step(Actor::Iommu, read);
        }
        if bad {
            return Err(&f::IR_28);
        }
        let vector = words.bits(irte_posted::VV);
        let urgent = words.is_set(irte_posted::URG);
        let notify = !pid.is_set(pid::ON) && (urgent || !pid.is_set(pid::SN));
        if !self.look {
            let mut set = |word: usize, words: &pid::Words| {
                let pa = at.wrapping_add(word as u64 * 8);
                let new = words[word];
                write_word(memory, obs, Actor::Iommu, Some(&PID), pa, new).map(|_| ()).map_err(|_| &f::IR_27)
            };
            let request = Field::flag("PIR", vector as u16, "", "");
            set(vector as usize / 64, &pid.with_flag(request, true))?;
            if notify {
                set(pid::ON.lo as usize / 64, &pid.with_flag(pid::ON, true))?;
            }
        }
        let destination = pid.bits(pid::NDST) as u32;
        if O::ON && notify {
            let kind = InterruptKind::Notification;
            let vector = pid.bits(pid::NV) as u32;
            Controller::LocalApic.arrive(Actor::Iommu, (vector, destination), kind, obs);
        }
        let (vector, kind) = (vector as u32, InterruptKind::Posted);
        Ok(Delivery { vector, destination, kind, vectored: true, memory: Some(at) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_source_check_knows_its_three_kinds() {
        let id = |raw| RequesterId::new(raw);
        let entry = |svt: u64, sq: u64, sid: u64| {
            irte::ZERO.with(irte::SVT, svt).with(irte::SQ, sq).with(irte::SID, sid)
        };
        assert!(source_allowed(&entry(0, 0, 0), id(0x1234), false));
        assert!(
            source_allowed(&entry(1, 0, 0x18), id(0x18), false)
                && !source_allowed(&entry(1, 0, 0x18), id(0x1c), false)
        );
        assert!(
            source_allowed(&entry(1, 1, 0x18), id(0x1c), false)
                && !source_allowed(&entry(1, 1, 0x18), id(0x19), false)
        );
        assert!(source_allowed(&entry(1, 3, 0x18), id(0x1f), false));
        assert!(
            source_allowed(&entry(2, 0, 0x0305), id(0x0400), false)
                && !source_allowed(&entry(2, 0, 0x0305), id(0x0600), false)
        );
        assert!(!source_allowed(&entry(3, 0, 0), id(0), false));
    }

    proptest! {
        #[test]
        fn a_message_names_the_entry_that_it_was_made_for(handle: u16, subhandle: Option<u16>) {
            let message = Message { handle, subhandle };
            let words = message.emit();
            prop_assert_eq!(Message::parse(&words), Some(message));
            prop_assert!(!REMAPPABLE.reserved_set(&words, 64));
        }

        #[test]
        fn an_entry_says_what_the_driver_meant(
            source: Option<u16>, vector: u8, destination: u32, posted: Option<u64>, extended: bool,
        ) {
            let posted = posted.map(|at| PhysAddr::new(at & 0xf_ffff_ffff_ffc0));
            let source = source.map(|id| RequesterId::new(id.into()));
            let words = emit_entry(&InterruptEntry { source, vector, destination, posted }, extended);
            prop_assert!(words.is_set(irte::P));
            prop_assert_eq!(words.bits(irte::V), u64::from(vector));
            match posted {
                Some(at) => {
                    let (high, low) = (words.address(irte_posted::PDAH), words.address(irte_posted::PDAL));
                    prop_assert_eq!(high | low, at.raw());
                    prop_assert!(!IRTE_POSTED.reserved_set(&words, 64));
                }
                None => {
                    let id = words.bits(irte::DST);
                    let id = if extended { id } else { id.bits(NARROW_DESTINATION) };
                    prop_assert_eq!(id, u64::from(destination) & if extended { 0xffff_ffff } else { 0xff });
                    prop_assert!(!IRTE.reserved_set(&words, 64));
                }
            }
            if let Some(source) = source {
                prop_assert!(source_allowed(&words, source, false));
            }
        }
    }
}
