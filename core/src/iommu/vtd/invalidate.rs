//! Forgetting: what each invalidation takes out of which cache (VT-d 6.5), asked for by register or by queue.

use super::caches::{self, Index};
use super::descriptors as d;

use super::regs::{bit, offset};
use super::route::Kind;
use super::Vtd;
use crate::addr::{Address, PhysAddr, RequesterId};
use crate::memory::Memory;
use crate::spec::{Rule, Text};
use crate::trace::{write_data, Actor, CacheOp, Event, Observer, Scope, Verdict};

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

/// Pages of a page-selective invalidation: 2^mask pages at `address`.
#[derive(Clone, Copy, Debug)]
struct Pages {
    first: u64,
    last: u64,
}

impl Pages {
    fn new(address: u64, mask: u8) -> Self {
        let bytes = 4096u64.checked_shl(u32::from(mask)).unwrap_or(0);
        let first = address & !bytes.wrapping_sub(1);
        Pages { first, last: first | bytes.wrapping_sub(1) }
    }
    fn touches(&self, page: u64, shift: u8) -> bool {
        page <= self.last && (page | ((1u64 << shift) - 1)) >= self.first
    }
}

/// Which of the IOTLB to take out.
#[derive(Clone, Copy, Debug)]
enum Which {
    Everything,
    Domain(u16),
    Pages(u16, Pages),
    Pasid(u16, u32),
    PasidPages(u16, u32, Pages),
}

impl Vtd {
    fn forget_iotlb<O: Observer>(&mut self, which: Which, obs: &mut O) {
        self.caches.iotlb.remove_if(
            |tag, entry| match which {
                Which::Everything => true,
                Which::Domain(did) => tag.did == did,
                Which::Pages(did, pages) => {
                    // First-stage and nested translations of the domain go whole: a page of the second stage
                    // may be under any of them (VT-d 6.5.2.3).
                    tag.did == did
                        && (matches!(entry.kind, Kind::First | Kind::Nested)
                            || pages.touches(tag.page, tag.shift))
                }
                Which::Pasid(did, pasid) => tag.did == did && tag.pasid == Some(pasid),
                Which::PasidPages(did, pasid, pages) => {
                    tag.did == did && tag.pasid == Some(pasid) && pages.touches(tag.page, tag.shift)
                }
            },
            |gone| {
                let line = caches::iotlb_line(&gone.key, &gone.value);
                caches::tell(obs, &caches::IOTLB, CacheOp::Invalidate, gone.slot, line);
            },
        );
    }

    fn forget_contexts<O: Observer>(&mut self, matches: impl Fn(u16, Option<u16>) -> bool, obs: &mut O) {
        self.caches.context.remove_if(
            |key, c| matches(key.0, (!c.scalable).then_some((c.words[1] >> 8) as u16)),
            |gone| {
                let line = caches::context_line(&gone.key, &gone.value);
                caches::tell(obs, &caches::CONTEXT_CACHE, CacheOp::Invalidate, gone.slot, line);
            },
        );
    }

    fn forget_pasids<O: Observer>(&mut self, matches: impl Fn(u16, u32) -> bool, obs: &mut O) {
        self.caches.pasid.remove_if(
            |key, e| matches(e.words[1] as u16, key.1),
            |gone| {
                let line = caches::pasid_line(&gone.key, &gone.value);
                caches::tell(obs, &caches::PASID_CACHE, CacheOp::Invalidate, gone.slot, line);
            },
        );
    }

    fn forget_interrupts<O: Observer>(&mut self, matches: impl Fn(u16) -> bool, obs: &mut O) {
        self.caches.interrupt.remove_if(
            |Index(i), _| matches(*i),
            |gone| {
                let line = caches::interrupt_line(&gone.key, &gone.value);
                caches::tell(obs, &caches::INTERRUPT_CACHE, CacheOp::Invalidate, gone.slot, line);
            },
        );
    }

    /// Empties every cache of DMA remapping.
    pub(super) fn forget_translations<O: Observer>(&mut self, obs: &mut O) {
        self.forget_contexts(|_, _| true, obs);
        self.forget_pasids(|_, _| true, obs);
        self.forget_iotlb(Which::Everything, obs);
    }

    /// CCMD was written with ICC: register-based invalidation of the context cache (VT-d 6.5.1.1).
    pub(super) fn context_command<O: Observer>(&mut self, obs: &mut O) {
        let value = self.regs.get(offset::CCMD, 8);
        if value >> 63 == 0 || self.is_on(bit::QIE) {
            return;
        }
        obs.begin(Actor::Iommu, Scope::Command { entry: &d::CONTEXT_CACHE });
        let done = self.invalidate_contexts(
            value >> 61 & 3,
            value as u16,
            (value >> 16) as u16,
            value >> 32 & 3,
            obs,
        );
        let actual = if done { value >> 61 & 3 } else { 0 };
        let after = value & !(1 << 63 | 3 << 59) | actual << 59;
        self.set_register(offset::CCMD, 8, after, obs);
        obs.end(Actor::Iommu, Verdict::Ok);
    }

    fn invalidate_contexts<O: Observer>(&mut self, g: u64, did: u16, sid: u16, fm: u64, obs: &mut O) -> bool {
        match g {
            1 => self.forget_contexts(|_, _| true, obs),
            // In scalable mode entries have no domain id: all of them go.
            2 => self.forget_contexts(|_, d| d.is_none_or(|d| d == did), obs),
            3 => {
                let mask = !([0, 4, 6, 7][fm as usize & 3]);
                self.forget_contexts(|s, _| s & mask == sid & mask, obs);
            }
            _ => return false,
        }
        true
    }

    /// The IOTLB register was written with IVT: register-based invalidation (VT-d 6.5.1.2).
    pub(super) fn iotlb_command<O: Observer>(&mut self, obs: &mut O) {
        let at = self.regs.iotlb();
        let value = self.regs.get(at + 8, 8);
        if value >> 63 == 0 || self.is_on(bit::QIE) {
            return;
        }
        obs.begin(Actor::Iommu, Scope::Command { entry: &d::IOTLB });
        let iva = self.regs.get(at, 8);
        let g = value >> 60 & 3;
        let done = self.invalidate_iotlb(g, (value >> 32) as u16, iva & !0xfff, (iva & 0x3f) as u8, obs);
        let actual = if done { g } else { 0 };
        let after = value & !(1 << 63 | 3 << 57) | actual << 57;
        self.set_register(at + 8, 8, after, obs);
        obs.end(Actor::Iommu, Verdict::Ok);
    }

    fn invalidate_iotlb<O: Observer>(&mut self, g: u64, did: u16, address: u64, am: u8, obs: &mut O) -> bool {
        let which = match g {
            1 => Which::Everything,
            2 => Which::Domain(did),
            3 if am <= self.config.max_address_mask() => Which::Pages(did, Pages::new(address, am)),
            _ => return false,
        };
        self.forget_iotlb(which, obs);
        true
    }

    fn wide(&self) -> bool {
        self.config.scalable_mode() && self.regs.get(offset::IQA, 8) >> 11 & 1 != 0
    }

    /// Takes descriptors from the queue until it is empty or an error stops it (VT-d 6.5.2).
    pub(super) fn run_queue<O: Observer>(&mut self, memory: &mut Memory, obs: &mut O) {
        if !self.is_on(bit::QIE) || self.regs.get(offset::FSTS, 4) & (bit::IQE | bit::ITE) != 0 {
            return;
        }
        let iqa = self.regs.get(offset::IQA, 8);
        let size = 4096u64 << (iqa & 7);
        let step = if self.wide() { 32 } else { 16 };
        let tail = self.regs.get(offset::IQT, 8);
        if tail >= size || tail % step != 0 {
            self.queue_error(1, &BAD_TAIL, obs);
            return;
        }
        // Each round moves the head by one descriptor, so there are at most as many as the queue holds.
        for _ in 0..size / step {
            let head = self.regs.get(offset::IQH, 8);
            if head == tail || !self.one_descriptor(memory, iqa & !0xfff, head, step, obs) {
                return;
            }
            self.set_register(offset::IQH, 8, (head + step) % size, obs);
        }
    }

    fn queue_error<O: Observer>(&mut self, cause: u64, rule: &'static Rule, obs: &mut O) {
        if O::ON {
            obs.step(Actor::Iommu, Event::Check { rule, ok: false, value: self.regs.get(offset::IQT, 8) });
        }
        let before = self.regs.get(offset::FSTS, 4);
        let record = self.regs.get(offset::IQERCD, 8) & !0xf | cause;
        self.set_register(offset::IQERCD, 8, record, obs);
        self.set_register(offset::FSTS, 4, before | bit::IQE, obs);
        self.fault_event(before, obs);
    }

    fn one_descriptor<O: Observer>(
        &mut self,
        memory: &mut Memory,
        queue: u64,
        head: u64,
        step: u64,
        obs: &mut O,
    ) -> bool {
        let pa = PhysAddr::new(queue.wrapping_add(head));
        let mut words = [0; 4];
        let count = step as usize / 8;
        for (i, word) in words[..count].iter_mut().enumerate() {
            match memory.read_u64(pa.wrapping_add(i as u64 * 8)) {
                Ok(value) => *word = value,
                Err(_) => {
                    self.queue_error(2, &BAD_FETCH, obs);
                    return false;
                }
            }
        }
        let kind = d::kind(words[0]);
        let known = d::of_type(kind);
        let (entry, needs_wide) = known.unwrap_or((&d::UNKNOWN, false));
        obs.begin(Actor::Iommu, Scope::Command { entry });
        let problem = if known.is_none() || needs_wide && step == 16 {
            Some((3, &BAD_TYPE))
        } else if entry.reserved_set(&words, 64) || !needs_wide && (words[2] | words[3]) != 0 {
            Some((4, &BAD_RESERVED))
        } else {
            None
        };
        if O::ON {
            let verdict = problem.map_or(Verdict::Ok, |(_, rule)| Verdict::Refused(rule));
            let shown = obs.words(&words[..usize::from(entry.words).min(count)]);
            let index = (head / step) as u32;
            obs.step(
                Actor::Iommu,
                Event::Read { entry, level: 0, index, at: pa.any(), pa, words: shown, verdict },
            );
        }
        let problem = match problem {
            None => self.obey(memory, kind, &words, obs).err(),
            other => other,
        };
        match problem {
            None => obs.end(Actor::Iommu, Verdict::Ok),
            Some((0, rule)) => obs.end(Actor::Iommu, Verdict::Refused(rule)),
            Some((cause, rule)) => {
                self.queue_error(cause, rule, obs);
                obs.end(Actor::Iommu, Verdict::Refused(rule));
            }
        }
        problem.is_none()
    }

    /// Does what a well-formed descriptor says; else the cause for IQERCD (0: ITE) and the rule.
    fn obey<O: Observer>(
        &mut self,
        memory: &mut Memory,
        kind: u64,
        words: &[u64; 4],
        obs: &mut O,
    ) -> Result<(), (u64, &'static Rule)> {
        let [low, high, ..] = *words;
        let g = low >> 4 & 3;
        let did = (low >> 16) as u16;
        let pasid = (low >> 32 & 0xf_ffff) as u32;
        let (address, am) = (high & !0xfff, (high & 0x3f) as u8);
        let done = match kind {
            1 => self.invalidate_contexts(g, did, (low >> 32) as u16, low >> 48 & 3, obs),
            2 => self.invalidate_iotlb(g, did, address, am, obs),
            3 => return self.device_tlb(RequesterId::new((low >> 32) as u32 & 0xffff), obs),
            4 => {
                let (index, count) = ((low >> 32 & 0xffff) as u32, 1u32 << (low >> 27 & 0x1f).min(16));
                let first = index & !(count - 1);
                let all = low >> 4 & 1 == 0;
                self.forget_interrupts(|i| all || (first..first + count).contains(&u32::from(i)), obs);
                true
            }
            5 => return self.wait(memory, low, high, obs),
            6 => {
                let which = match g {
                    2 => Some(Which::Pasid(did, pasid)),
                    3 => Some(Which::PasidPages(did, pasid, Pages::new(address, am))),
                    _ => None,
                };
                if let Some(which) = which {
                    self.forget_iotlb(which, obs);
                }
                which.is_some()
            }
            7 => {
                match g {
                    0 => self.forget_pasids(|d, _| d == did, obs),
                    1 => self.forget_pasids(|d, p| d == did && p == pasid, obs),
                    3 => self.forget_pasids(|_, _| true, obs),
                    _ => return Err((3, &BAD_TYPE)),
                }
                true
            }
            8 => return self.device_tlb(RequesterId::new((low >> 16) as u32 & 0xffff), obs),
            // A page group response goes on to the device.
            _ => true,
        };
        if done {
            Ok(())
        } else {
            Err((3, &BAD_TYPE))
        }
    }

    /// The device answers an invalidation of its TLB, or a time-out is found (ITE).
    fn device_tlb<O: Observer>(
        &mut self,
        device: RequesterId,
        obs: &mut O,
    ) -> Result<(), (u64, &'static Rule)> {
        if !self.mute.contains(&device.bdf16()) {
            return Ok(());
        }
        let before = self.regs.get(offset::FSTS, 4);
        let record = self.regs.get(offset::IQERCD, 8) & !(0xffff << 32) | u64::from(device.bdf16()) << 32;
        self.set_register(offset::IQERCD, 8, record, obs);
        self.set_register(offset::FSTS, 4, before | bit::ITE, obs);
        self.fault_event(before, obs);
        Err((0, &TIMED_OUT))
    }

    fn wait<O: Observer>(
        &mut self,
        memory: &mut Memory,
        low: u64,
        high: u64,
        obs: &mut O,
    ) -> Result<(), (u64, &'static Rule)> {
        if low >> 5 & 1 != 0 {
            let data = ((low >> 32) as u32).to_le_bytes();
            write_data(memory, obs, Actor::Iommu, PhysAddr::new(high), &data).map_err(|_| (2, &BAD_FETCH))?;
        }
        if low >> 4 & 1 != 0 && self.regs.get(offset::ICS, 4) & 1 == 0 {
            self.set_register(offset::ICS, 4, 1, obs);
            self.event(offset::IECTL, obs);
        }
        Ok(())
    }
}
