//! Interrupt remapping and posting (VT-d 5): a write to FEEx_xxxxh becomes an interrupt, or a fault.

use super::caches::{self, Index};

use super::faults as f;
use super::regs::{bit, offset};
use super::route::Failure;
use super::Vtd;
use crate::addr::{Address, PhysAddr, RequesterId};
use crate::iommu::{Delivery, Request, RequestKind};
use crate::memory::Memory;
use crate::spec::{EntryType, FaultCode, Field, Rule, Text};
use crate::trace::{
    write_word, Actor, CacheOp, Event, InterruptKind, Observer, Off, Perms, Scope, Stage, Verdict,
};

static SVT: &[(u64, Text)] = &[
    (0, Text::new("no source-id check", "不检查源 ID")),
    (1, Text::new("check the source id with SQ", "按 SQ 检查源 ID")),
    (2, Text::new("check the bus number against a range", "检查总线号范围")),
];
static SQ: &[(u64, Text)] = &[
    (0, Text::new("all 16 bits", "全部 16 位")),
    (1, Text::new("all but bit 2", "忽略位 2")),
    (2, Text::new("all but bits 2:1", "忽略位 2:1")),
    (3, Text::new("all but bits 2:0", "忽略位 2:0")),
];
static DLM: &[(u64, Text)] = &[
    (0, Text::new("fixed", "固定")),
    (1, Text::new("lowest priority", "最低优先级")),
    (2, Text::new("SMI", "SMI")),
    (4, Text::new("NMI", "NMI")),
    (5, Text::new("INIT", "INIT")),
    (7, Text::new("ExtINT", "ExtINT")),
];
const P: Field = Field::flag("P", 0, "present", "存在");
const FPD: Field = Field::flag("FPD", 1, "fault processing disable", "禁用错误处理");
const AVAIL: Field = Field::value("AVAIL", 11, 8, "available to software", "供软件使用");
const SID: Field = Field::value("SID", 79, 64, "source id, or start and end bus", "源 ID，或起止总线号");
const SQF: Field = Field::code("SQ", 81, 80, SQ, "source-id qualifier", "源 ID 限定");
const SVTF: Field = Field::code("SVT", 83, 82, SVT, "source validation type", "来源验证类型");

/// IRTE for remapped interrupts (VT-d 9.9).
pub static IRTE: EntryType = EntryType {
    name: Text::new("interrupt remapping table entry (remapped)", "中断重映射表项（重映射）"),
    words: 2,
    section: "VT-d 9.9",
    fields: &[
        P,
        FPD,
        Field::flag("DM", 2, "destination mode: 0 physical, 1 logical", "目标模式：0 物理，1 逻辑"),
        Field::flag("RH", 3, "redirection hint", "重定向提示"),
        Field::flag("TM", 4, "trigger mode: 0 edge, 1 level", "触发模式：0 边沿，1 电平"),
        Field::code("DLM", 7, 5, DLM, "delivery mode", "投递模式"),
        AVAIL,
        Field::reserved(14, 12),
        Field::flag("IM", 15, "mode: 0, remapped", "模式：0 为重映射"),
        Field::value("V", 23, 16, "vector", "向量"),
        Field::reserved(31, 24),
        Field::value(
            "DST",
            63,
            32,
            "destination APIC id (bits 47:40 unless EIME)",
            "目标 APIC ID（非 EIME 时为位 47:40）",
        ),
        SID,
        SQF,
        SVTF,
        Field::reserved(127, 84),
    ],
};

/// IRTE for posted interrupts (VT-d 9.10).
pub static IRTE_POSTED: EntryType = EntryType {
    name: Text::new("interrupt remapping table entry (posted)", "中断重映射表项（投递）"),
    words: 2,
    section: "VT-d 9.10",
    fields: &[
        P,
        FPD,
        Field::reserved(7, 2),
        AVAIL,
        Field::reserved(13, 12),
        Field::flag("URG", 14, "urgent: notify even when suppressed", "紧急：即使抑制也通知"),
        Field::flag("IM", 15, "mode: 1, posted", "模式：1 为投递"),
        Field::value("VV", 23, 16, "virtual vector", "虚拟向量"),
        Field::reserved(37, 24),
        Field::address("PDAL", 63, 38, 6, "posted descriptor address, bits 31:6", "投递描述符地址低位"),
        SID,
        SQF,
        SVTF,
        Field::reserved(95, 84),
        Field::address("PDAH", 127, 96, 32, "posted descriptor address, bits 63:32", "投递描述符地址高位"),
    ],
};

/// Posted-interrupt descriptor (VT-d 9.11).
pub static PID: EntryType = EntryType {
    name: Text::new("posted-interrupt descriptor", "投递中断描述符"),
    words: 8,
    section: "VT-d 9.11",
    fields: &[
        Field::value("PIR0", 63, 0, "posted requests, vectors 0 to 63", "待处理向量 0–63"),
        Field::value("PIR1", 127, 64, "vectors 64 to 127", "待处理向量 64–127"),
        Field::value("PIR2", 191, 128, "vectors 128 to 191", "待处理向量 128–191"),
        Field::value("PIR3", 255, 192, "vectors 192 to 255", "待处理向量 192–255"),
        Field::flag("ON", 256, "outstanding notification", "通知未完成"),
        Field::flag("SN", 257, "suppress notification", "抑制通知"),
        Field::reserved(271, 258),
        Field::value("NV", 279, 272, "notification vector", "通知向量"),
        Field::reserved(287, 280),
        Field::value("NDST", 319, 288, "notification destination", "通知目标"),
        Field::reserved(383, 320),
        Field::reserved(447, 384),
        Field::reserved(511, 448),
    ],
};

static SOURCE: Rule = Rule {
    text: Text::new(
        "the requester is one that the entry allows (SVT, SQ, SID)",
        "请求者符合表项允许的来源（SVT、SQ、SID）",
    ),
    section: "VT-d 9.9",
};
static INSIDE: Rule = Rule {
    text: Text::new("the index is inside the interrupt remapping table", "索引在中断重映射表之内"),
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

/// A request as its address and data say (VT-d 5.1.2.2, 5.1.5.2).
struct Message {
    index: u32,
    subhandle: bool,
    remappable: bool,
}

impl Message {
    fn decode(address: u64, data: u32) -> Self {
        let handle = (address >> 5 & 0x7fff | (address >> 2 & 1) << 15) as u32;
        let subhandle = address & 1 << 3 != 0;
        let index = if subhandle { handle + (data & 0xffff) } else { handle };
        Message { index, subhandle, remappable: address & 1 << 4 != 0 }
    }
}

/// Does the entry let this requester use it?
pub fn source_allowed(words: &[u64; 2], requester: RequesterId, bus_range_swapped: bool) -> bool {
    let (sid, allowed) = (requester.bdf16(), words[1] as u16);
    match words[1] >> 18 & 3 {
        0 => true,
        1 => {
            let mask = [0xffff, 0xfffb, 0xfff9, 0xfff8][(words[1] >> 16 & 3) as usize];
            sid & mask == allowed & mask
        }
        2 => {
            let (start, end) = (allowed >> 8, allowed & 0xff);
            let (start, end) = if bus_range_swapped { (end, start) } else { (start, end) };
            (start..=end).contains(&(sid >> 8))
        }
        _ => false,
    }
}

fn direct(address: u64, data: u32) -> Delivery {
    Delivery {
        vector: data & 0xff,
        destination: (address >> 12 & 0xff) as u32,
        kind: InterruptKind::Direct,
        memory: None,
    }
}

impl Vtd {
    /// Takes a request to the interrupt address range.
    pub(super) fn remap<O: Observer>(
        &mut self,
        memory: &mut Memory,
        request: &Request,
        obs: &mut O,
    ) -> Result<Delivery, Refused> {
        let message = self.accept(request, obs)?;
        let Some(message) = message else { return Ok(direct(request.at.raw(), request.data.unwrap_or(0))) };
        let index = message.index as u16;
        let words = self.irte(memory, index, obs)?;
        self.use_irte(memory, request, &message, words, true, obs)
    }

    /// As [`Vtd::remap`], caches apart and nothing changed.
    pub(super) fn peek_interrupt(&self, memory: &mut Memory, request: &Request) -> Result<Delivery, Failure> {
        let message = self.accept(request, &mut Off).map_err(|(failure, _)| failure)?;
        let Some(message) = message else { return Ok(direct(request.at.raw(), request.data.unwrap_or(0))) };
        let words = self.read_irte(memory, message.index as u16, &mut Off).map_err(|(failure, _)| failure)?;
        self.use_irte(memory, request, &message, words, false, &mut Off).map_err(|(failure, _)| failure)
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
        if !self.is_on(bit::IRE) {
            return Ok(None);
        }
        let message = Message::decode(request.at.raw(), data);
        let passes =
            self.config.quirks.compatibility_interrupts_pass || self.is_on(bit::CFI) && !self.extended_mode();
        let ok = message.remappable || passes;
        if O::ON {
            obs.step(Actor::Iommu, Event::Check { rule: &FORMAT, ok, value: request.at.raw() });
        }
        if !message.remappable {
            return if ok { Ok(None) } else { fail(&f::IR_25, 0) };
        }
        if message.subhandle && data >> 16 != 0 && !self.config.quirks.message_reserved_last {
            return fail(&f::IR_20, 0);
        }
        let inside = message.index < 2 << (self.interrupt_root & 0xf);
        if O::ON {
            obs.step(
                Actor::Iommu,
                Event::Check { rule: &INSIDE, ok: inside, value: u64::from(message.index) },
            );
        }
        if !inside {
            return fail(&f::IR_21, message.index as u16);
        }
        Ok(Some(message))
    }

    fn extended_mode(&self) -> bool {
        self.interrupt_root >> 11 & 1 != 0
    }

    /// The entry, from the cache or from memory.
    fn irte<O: Observer>(&mut self, memory: &Memory, index: u16, obs: &mut O) -> Result<[u64; 2], Refused> {
        let key = Index(index);
        if let Some((slot, words)) = self.caches.interrupt.get(&key) {
            if O::ON {
                let now = self.read_irte(memory, index, &mut Off);
                let op = if now == Ok(words) { CacheOp::Hit } else { CacheOp::Stale };
                caches::tell(obs, &caches::INTERRUPT_CACHE, op, slot, caches::interrupt_line(&key, &words));
            }
            return Ok(words);
        }
        if O::ON {
            let line = crate::trace::CacheLine { from: u64::from(index), ..Default::default() };
            caches::tell(obs, &caches::INTERRUPT_CACHE, CacheOp::Miss, 0, line);
        }
        let words = self.read_irte(memory, index, obs)?;
        let (slot, gone) = self.caches.interrupt.insert(key, words);
        if let Some(gone) = gone.filter(|g| g.key != key) {
            let line = caches::interrupt_line(&gone.key, &gone.value);
            caches::tell(obs, &caches::INTERRUPT_CACHE, CacheOp::Evict, gone.slot, line);
        }
        if let Some(slot) = slot {
            let line = caches::interrupt_line(&key, &words);
            caches::tell(obs, &caches::INTERRUPT_CACHE, CacheOp::Insert, slot, line);
        }
        Ok(words)
    }

    /// Reads the entry and checks what does not depend on the request.
    fn read_irte<O: Observer>(&self, memory: &Memory, index: u16, obs: &mut O) -> Result<[u64; 2], Refused> {
        let table = self.interrupt_root & !0xfff & ((1u64 << self.config.host_bits) - 1);
        let pa = PhysAddr::new(table).wrapping_add(u64::from(index) * 16);
        if O::ON {
            let (input, root) = (super::translate::id(u64::from(index)), PhysAddr::new(table).any());
            obs.begin(Actor::Iommu, Scope::Walk { stage: Stage::Interrupt, input, root, root_bits: 0 });
        }
        let read = (memory.read_u64(pa), memory.read_u64(pa.wrapping_add(8)));
        let result = match read {
            (Ok(low), Ok(high)) => self.check_irte(&[low, high]).map(|()| [low, high]),
            _ => Err(Failure::new(&f::IR_23, false)),
        };
        if O::ON {
            let words = [read.0.unwrap_or(0), read.1.unwrap_or(0)];
            let entry = if words[0] >> 15 & 1 != 0 { &IRTE_POSTED } else { &IRTE };
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
        let fail = |code| Err(Failure::new(code, words[0] & 2 != 0));
        if words[0] & 1 == 0 {
            return fail(&f::IR_22);
        }
        let posted = words[0] >> 15 & 1 != 0;
        let quirks = &self.config.quirks;
        let bad = if posted && self.config.posting() {
            IRTE_POSTED.reserved_set(words, 64)
        } else {
            // Without EIME only DST[15:8] is an APIC id.
            let narrow = !self.extended_mode() && !quirks.destination_reserved_ignored;
            let destination = narrow && words[0] & 0xffff_00ff_0000_0000 != 0;
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
        words: [u64; 2],
        change: bool,
        obs: &mut O,
    ) -> Result<Delivery, Refused> {
        let index = message.index as u16;
        let fpd = words[0] & 2 != 0;
        let ok = source_allowed(&words, request.requester, self.config.quirks.bus_range_swapped);
        if O::ON {
            let value = u64::from(request.requester.bdf16());
            obs.step(Actor::Iommu, Event::Check { rule: &SOURCE, ok, value });
        }
        if !ok {
            return Err((Failure::new(&f::IR_26, fpd), index));
        }
        // Only with the quirk: the specification checks the message first.
        if message.subhandle && request.data.unwrap_or(0) >> 16 != 0 {
            return Err((Failure::new(&f::IR_20, false), 0));
        }
        if words[0] >> 15 & 1 != 0 && self.config.posting() {
            return self.post(memory, &words, change, obs).map_err(|code| (Failure::new(code, fpd), index));
        }
        let destination = (words[0] >> 32) as u32;
        let destination = if self.extended_mode() { destination } else { destination >> 8 & 0xff };
        let vector = (words[0] >> 16 & 0xff) as u32;
        Ok(Delivery { vector, destination, kind: InterruptKind::Remapped, memory: None })
    }

    /// Posts to a descriptor (VT-d 5.2.3, 5.2.5): sets the vector's bit, and notifies unless that was done
    /// already or is suppressed.
    fn post<O: Observer>(
        &self,
        memory: &mut Memory,
        words: &[u64; 2],
        change: bool,
        obs: &mut O,
    ) -> Result<Delivery, &'static FaultCode> {
        let at = PhysAddr::new(words[1] >> 32 << 32 | words[0] >> 38 << 6);
        let mut pid = [0; 8];
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
        let vector = words[0] >> 16 & 0xff;
        let urgent = words[0] >> 14 & 1 != 0;
        let notify = pid[4] & 1 == 0 && (urgent || pid[4] & 2 == 0);
        if change {
            let word = vector as usize / 64;
            let mut set = |i: usize, new: u64| {
                let pa = at.wrapping_add(i as u64 * 8);
                write_word(memory, obs, Actor::Iommu, Some(&PID), pa, new).map(|_| ()).map_err(|_| &f::IR_27)
            };
            set(word, pid[word] | 1 << (vector % 64))?;
            if notify {
                set(4, pid[4] | 1)?;
            }
        }
        let destination = (pid[4] >> 32) as u32;
        if O::ON && notify {
            let kind = InterruptKind::Remapped;
            let vector = (pid[4] >> 16 & 0xff) as u32;
            obs.step(Actor::Iommu, Event::Interrupt { vector, destination, kind });
        }
        Ok(Delivery { vector: vector as u32, destination, kind: InterruptKind::Posted, memory: Some(at) })
    }

    /// Latches the interrupt remapping table address (SIRTP).
    pub(super) fn latch_interrupt_root(&mut self) {
        self.interrupt_root = self.regs.get(offset::IRTA, 8);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_cover_each_bit_once() {
        for entry in [&IRTE, &IRTE_POSTED, &PID] {
            assert!(entry.covers_every_bit_once(), "{}", entry.name.en);
        }
    }

    #[test]
    fn the_source_check_knows_its_three_kinds() {
        let id = |raw| RequesterId::new(raw);
        let entry = |svt: u64, sq: u64, sid: u64| [1, svt << 18 | sq << 16 | sid];
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
}
