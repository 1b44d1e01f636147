//! Forgetting: what each invalidation takes out of which cache (VT-d 6.5), requested by register or by queue.

use super::caches::{Index, IotlbEntry, IotlbTag};
use super::commands::{Command, Contexts, Pages, Processes, Translations};
use super::context::Kind;

use super::spec::commands as d;
use super::spec::registers::iotlb_registers::{iotlb, iva};
use super::spec::registers::*;
use super::{queues, VtdUnit};
use crate::addr::{Address, PhysAddr};
use crate::iommu::ats::{Forget, Napot};
use crate::iommu::registers::Registers;
use crate::iommu::ring::{drain, Consumer, Ring};
use crate::memory::Memory;
use crate::spec::{Bits, Rule, Text};
use crate::trace::{write_data, Actor, Event, Observer, Scope, Verdict};

static BAD_TAIL: Rule = Rule {
    text: Text::new(
        "the tail is beyond the queue or not a multiple of the descriptor",
        "队列尾越界或未按描述符对齐",
    ),
    section: "VT-d 6.5.2.10",
};
static BAD_FETCH: Rule = Rule {
    text: Text::new("the descriptor could not be read from memory", "无法从内存读取描述符"),
    section: "VT-d 6.5.2.10",
};
static BAD_TYPE: Rule = Rule {
    text: Text::new("the descriptor's type, width or granularity is invalid", "描述符的类型、位宽或粒度无效"),
    section: "VT-d 6.5.2.10",
};
static BAD_RESERVED: Rule = Rule {
    text: Text::new("a reserved field of the descriptor is not 0", "描述符的保留字段不为 0"),
    section: "VT-d 6.5.2.10",
};
static TIMED_OUT: Rule = Rule {
    text: Text::new("the device did not answer the invalidation in time", "设备未在时限内响应失效请求"),
    section: "VT-d 6.5.2.10",
};

impl Pages {
    /// Returns whether the pages have a byte of the page of 2^`shift` bytes at `page`.
    fn touch(&self, page: u64, shift: u8) -> bool {
        let bytes = 4096u64.checked_shl(u32::from(self.mask)).unwrap_or(0);
        let first = self.address & !bytes.wrapping_sub(1);
        let last = first | bytes.wrapping_sub(1);
        page <= last && (page | ((1u64 << shift) - 1)) >= first
    }
}

/// Why a descriptor stops the queue.
#[derive(Clone, Copy, Debug)]
pub enum Stop {
    /// It could not be read: IQE.
    Unread,
    /// IQE, with the cause that IQERCD holds.
    Error(u64, &'static Rule),
    /// ITE, recorded already.
    TimedOut,
}

impl Stop {
    fn rule(self) -> &'static Rule {
        match self {
            Stop::Unread => &BAD_FETCH,
            Stop::Error(_, rule) => rule,
            Stop::TimedOut => &TIMED_OUT,
        }
    }
}

const INVALID: Stop = Stop::Error(iqe::TYPE, &BAD_TYPE);

impl VtdUnit {
    fn invalidate_translations<O: Observer>(&mut self, which: Translations, obs: &mut O) {
        match which {
            Translations::All => self.forget_iotlb(|_, _| true, obs),
            Translations::Domain(did) => self.forget_iotlb(|tag, _| tag.did == did, obs),
            // First-stage and nested translations of the domain go whole: a page of the second stage may be under
            // any of them (VT-d 6.5.2.3).
            Translations::Pages(did, pages) => self.forget_iotlb(
                |tag, entry| {
                    tag.did == did
                        && (matches!(entry.kind, Kind::First | Kind::Nested)
                            || pages.touch(tag.page, tag.shift))
                },
                obs,
            ),
        }
    }

    fn forget_iotlb<O: Observer>(&mut self, matches: impl Fn(&IotlbTag, &IotlbEntry) -> bool, obs: &mut O) {
        self.caches.iotlb.entries().invalidate(matches, obs);
    }

    fn forget_contexts<O: Observer>(&mut self, matches: impl Fn(u16, Option<u16>) -> bool, obs: &mut O) {
        self.caches.context.invalidate(|key, context| matches(key.0, context.domain()), obs);
    }

    fn forget_pasids<O: Observer>(&mut self, matches: impl Fn(u16, u32) -> bool, obs: &mut O) {
        self.caches.pasid.invalidate(|key, entry| matches(entry.domain(), key.1), obs);
    }

    fn forget_interrupts<O: Observer>(&mut self, matches: impl Fn(u16) -> bool, obs: &mut O) {
        self.caches.interrupt.invalidate(|Index(i), _| matches(*i), obs);
    }

    /// Empties every cache of DMA remapping.
    pub(super) fn forget_translations<O: Observer>(&mut self, obs: &mut O) {
        self.forget_contexts(|_, _| true, obs);
        self.forget_pasids(|_, _| true, obs);
        self.forget_iotlb(|_, _| true, obs);
    }

    /// CCMD was written with ICC: register-based invalidation of the context cache (VT-d 6.5.1.1).
    pub(super) fn context_command<O: Observer>(&mut self, obs: &mut O) {
        let value = self.regs.of(&CCMD);
        if !value.is_set(ccmd::ICC) || self.is_on(gsts::QIES) {
            return;
        }
        obs.begin(Actor::Iommu, Scope::Command { entry: &d::CONTEXT_CACHE });
        let (domain, source) = (value.bits(ccmd::DID) as u16, value.bits(ccmd::SID) as u16);
        let which = Contexts::new(value.bits(ccmd::CIRG), domain, source, value.bits(ccmd::FM) as u8);
        if let Some(which) = which {
            self.invalidate_contexts(which, obs);
        }
        let actual = if which.is_some() { value.bits(ccmd::CIRG) } else { 0 };
        let after = value.with_flag(ccmd::ICC, false).with(ccmd::CAIG, actual);
        self.set(CCMD.offset, CCMD.bytes, after, obs);
        obs.end(Actor::Iommu, Verdict::Ok);
    }

    fn invalidate_contexts<O: Observer>(&mut self, which: Contexts, obs: &mut O) {
        match which {
            Contexts::All => self.forget_contexts(|_, _| true, obs),
            // In scalable mode entries have no domain id: all of them go.
            Contexts::Domain(did) => self.forget_contexts(|_, d| d.is_none_or(|d| d == did), obs),
            Contexts::Source { source, mask } => {
                let mask = !([0, 4, 6, 7][usize::from(mask & 3)]);
                self.forget_contexts(|s, _| s & mask == source & mask, obs);
            }
        }
    }

    /// The IOTLB register was written with IVT: register-based invalidation (VT-d 6.5.1.2).
    pub(super) fn iotlb_command<O: Observer>(&mut self, obs: &mut O) {
        let at = self.config.iotlb_offset();
        let value = self.regs.get(at + 8, 8);
        if !value.is_set(iotlb::IVT) || self.is_on(gsts::QIES) {
            return;
        }
        obs.begin(Actor::Iommu, Scope::Command { entry: &d::IOTLB });
        let address = self.regs.get(at, 8);
        let pages = Pages { address: address.address(iva::ADDR), mask: address.bits(iva::AM) as u8 };
        let which = Translations::new(value.bits(iotlb::IIRG), value.bits(iotlb::DID) as u16, pages);
        let which = which.filter(|which| self.within_mask(which));
        if let Some(which) = which {
            self.invalidate_translations(which, obs);
        }
        let actual = if which.is_some() { value.bits(iotlb::IIRG) } else { 0 };
        let after = value.with_flag(iotlb::IVT, false).with(iotlb::IAIG, actual);
        self.set(at + 8, 8, after, obs);
        obs.end(Actor::Iommu, Verdict::Ok);
    }

    /// Returns whether the address mask is one that CAP.MAMV allows.
    fn within_mask(&self, which: &Translations) -> bool {
        match which {
            Translations::Pages(_, pages) => pages.mask <= self.config.max_address_mask(),
            _ => true,
        }
    }

    /// Takes descriptors from the queue until it is empty or an error stops it (VT-d 6.5.2).
    pub(super) fn run_queue<O: Observer>(&mut self, memory: &mut Memory, obs: &mut O) {
        if self.queue_may_run(obs) {
            drain(self, memory, obs);
        }
    }

    /// Returns whether the queue is on and its tail where a descriptor can end. If not, that is an error of its own.
    fn queue_may_run<O: Observer>(&mut self, obs: &mut O) -> bool {
        let Some((ring, _, tail)) = self.commands() else { return false };
        let inside = ring.wrap(tail) == tail && tail % ring.bytes == 0;
        if !inside {
            self.queue_error(iqe::TAIL, &BAD_TAIL, obs);
        }
        inside
    }

    fn queue_error<O: Observer>(&mut self, cause: u64, rule: &'static Rule, obs: &mut O) {
        if O::ON {
            obs.step(Actor::Iommu, Event::Check { rule, ok: false, value: self.regs.of(&IQT) });
        }
        let before = self.regs.of(&FSTS);
        let record = self.regs.of(&IQERCD).with(iqercd::IQEI, cause);
        self.set(IQERCD.offset, IQERCD.bytes, record, obs);
        self.set(FSTS.offset, FSTS.bytes, before.with_flag(fsts::IQE, true), obs);
        self.fault_event(before, obs);
    }
}

impl Consumer for VtdUnit {
    type Halt = Stop;

    fn commands(&self) -> Option<(Ring, u64, u64)> {
        let status = self.regs.of(&FSTS);
        let stopped = status.is_set(fsts::IQE) || status.is_set(fsts::ITE);
        let ring = queues::commands(self.regs.of(&IQA), self.config.scalable_mode());
        (self.is_on(gsts::QIES) && !stopped).then(|| (ring, self.regs.of(&IQH), self.regs.of(&IQT)))
    }

    fn obey<O: Observer>(
        &mut self,
        memory: &mut Memory,
        at: PhysAddr,
        index: u32,
        obs: &mut O,
    ) -> Result<(), Stop> {
        let ring = queues::commands(self.regs.of(&IQA), self.config.scalable_mode());
        let mut words = [0; 4];
        let count = ring.bytes as usize / 8;
        for (i, word) in words[..count].iter_mut().enumerate() {
            let read = memory.read_u64(at.wrapping_add(i as u64 * 8));
            *word = read.map_err(|_| Stop::Unread)?;
        }
        let known = d::of_kind(d::kind_of(words[0]));
        let entry = known.unwrap_or(&d::UNKNOWN);
        let needs_wide = entry.words == 4;
        obs.begin(Actor::Iommu, Scope::Command { entry });
        let problem = if known.is_none() || needs_wide && count < 4 {
            Some(INVALID)
        } else if entry.reserved_set(&words, 64) || !needs_wide && words[2..] != [0, 0] {
            Some(Stop::Error(iqe::RESERVED, &BAD_RESERVED))
        } else {
            None
        };
        if O::ON {
            let verdict = problem.map_or(Verdict::Ok, |stop| Verdict::Refused(stop.rule()));
            let words = obs.words(&words[..usize::from(entry.words).min(count)]);
            let read = Event::Read { entry, level: 0, index, at: at.any(), pa: at, words, verdict };
            obs.step(Actor::Iommu, read);
        }
        match problem {
            Some(stop) => Err(stop),
            None => Command::parse(&words).ok_or(INVALID).and_then(|c| self.execute(memory, c, obs)),
        }
        .map(|()| obs.end(Actor::Iommu, Verdict::Ok))
    }

    fn advance<O: Observer>(&mut self, head: u64, obs: &mut O) {
        self.set(IQH.offset, IQH.bytes, head, obs);
    }

    fn halt<O: Observer>(&mut self, _: &mut Memory, stop: Stop, obs: &mut O) {
        if let Stop::Error(cause, rule) = stop {
            self.queue_error(cause, rule, obs);
        }
        match stop {
            // No scope was begun.
            Stop::Unread => self.queue_error(iqe::FETCH, &BAD_FETCH, obs),
            _ => obs.end(Actor::Iommu, Verdict::Refused(stop.rule())),
        }
    }
}

impl VtdUnit {
    /// Does what a command says.
    fn execute<O: Observer>(
        &mut self,
        memory: &mut Memory,
        command: Command,
        obs: &mut O,
    ) -> Result<(), Stop> {
        match command {
            Command::Contexts(which) => self.invalidate_contexts(which, obs),
            Command::Translations(which) if !self.within_mask(&which) => return Err(INVALID),
            Command::Translations(which) => self.invalidate_translations(which, obs),
            Command::PasidTranslations(did, pasid, pages) => self.forget_iotlb(
                |tag, _| {
                    tag.did == did
                        && tag.pasid == Some(pasid)
                        && pages.is_none_or(|pages| pages.touch(tag.page, tag.shift))
                },
                obs,
            ),
            Command::Processes(which) => self.forget_pasids(
                |d, p| match which {
                    Processes::All => true,
                    Processes::Domain(did) => d == did,
                    Processes::One(did, pasid) => d == did && p == pasid,
                },
                obs,
            ),
            Command::Interrupts(None) => self.forget_interrupts(|_| true, obs),
            Command::Interrupts(Some((index, mask))) => {
                let count = 1u32 << mask.min(16);
                let first = u32::from(index) & !(count - 1);
                self.forget_interrupts(|i| (first..first + count).contains(&u32::from(i)), obs);
            }
            Command::DeviceTlb { source, pasid, global, page, several } => {
                let request = Forget { pasid, global, pages: Napot::from_sized(page, several) };
                return self.device_tlb(source, &request, obs);
            }
            Command::Wait { interrupt, status, .. } => return self.wait(memory, interrupt, status, obs),
            // Goes on to the device.
            Command::PageResponse { .. } => {}
        }
        Ok(())
    }

    /// A device is sent an invalidation of its TLB. It answers, or a time-out is found (ITE).
    fn device_tlb<O: Observer>(&mut self, source: u16, request: &Forget, obs: &mut O) -> Result<(), Stop> {
        if !self.mute.contains(&source) {
            self.device_tlbs.forget(source, request, obs);
            return Ok(());
        }
        let before = self.regs.of(&FSTS);
        let record = self.regs.of(&IQERCD).with(iqercd::ITESID, source.into());
        self.set(IQERCD.offset, IQERCD.bytes, record, obs);
        self.set(FSTS.offset, FSTS.bytes, before.with_flag(fsts::ITE, true), obs);
        self.fault_event(before, obs);
        Err(Stop::TimedOut)
    }

    fn wait<O: Observer>(
        &mut self,
        memory: &mut Memory,
        interrupt: bool,
        status: Option<(u64, u32)>,
        obs: &mut O,
    ) -> Result<(), Stop> {
        if let Some((at, data)) = status {
            write_data(memory, obs, Actor::Iommu, PhysAddr::new(at), &data.to_le_bytes())
                .map_err(|_| Stop::Error(iqe::FETCH, &BAD_FETCH))?;
        }
        let done = self.regs.of(&ICS);
        if interrupt && !done.is_set(ics::IWC) {
            self.set(ICS.offset, ICS.bytes, done.with_flag(ics::IWC, true), obs);
            self.event(&IECTL, obs);
        }
        Ok(())
    }
}
