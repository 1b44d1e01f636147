//! The Interrupt Translation Service of a GICv3 (Arm IHI 0069): a device's message is a write of an EventID to
//! GITS_TRANSLATER; DeviceID and EventID lead through a device table, the device's interrupt translation table and a table
//! of collections to an INTID and a CPU. All three are words in memory, which commands fill.
//!
//! The specification leaves the layout and the size of the tables' entries to the implementation: these are this
//! machine's own. The DeviceID is the requester id, as a device tree's `msi-map` has it by default.

use crate::addr::{AnyAddr, PhysAddr, RequesterId, Space};
use crate::memory::Memory;
use crate::spec::{self, Bits, EntryType, Field, Lang, Rule, Text};
use crate::trace::{write_run, Actor, Event, Observer, Scope, Stage, Verdict};

/// Where the ITS's registers are, counted from those of the unit before it: this board has them behind the SMMU's two
/// pages of 64 KiB.
pub const ITS_WINDOW: u32 = 0x2_0000;
/// Where the ITS is: its registers, then 64 KiB on the page with the doorbell.
pub const ITS: u64 = SMMU + ITS_WINDOW as u64;
/// Where the SMMU's registers are: where QEMU's virt machine has them. ACPI's IORT or a device tree says so.
pub const SMMU: u64 = 0x0905_0000;
/// GITS_TRANSLATER: what a device writes an EventID to.
pub const DOORBELL: u64 = ITS + 0x1_0040;
/// Where Linux maps the doorbell for devices behind an SMMU: MSI_IOVA_BASE of arm-smmu-v3, and the register's offset.
pub const DOORBELL_IOVA: u64 = 0x0800_0040;
/// The first INTID that is an LPI.
pub const FIRST_LPI: u32 = 8192;

/// Behind the name of an entry whose layout IHI 0069 leaves to the implementation, which says its size in GITS_BASER:
/// QEMU's ITS, for one, has other sizes.
const OURS: &str = "IHI 0069: IMPLEMENTATION DEFINED, this machine's own";
/// The same of an interrupt translation table, whose size another register says.
const OUR_ITT: &str =
    "IHI 0069: IMPLEMENTATION DEFINED, this machine's own; GITS_TYPER.ITT_entry_size tells the size";

/// Where a structure is defined, as it is said in a language: a citation is the same in each, what is said of one is not.
pub fn section(section: &'static str, lang: Lang) -> &'static str {
    match (lang, section) {
        (Lang::Zh, OURS) => "IHI 0069：由实现定义，这是本机自己的格式",
        (Lang::Zh, OUR_ITT) => {
            "IHI 0069：由实现定义，这是本机自己的格式；大小由 GITS_TYPER.ITT_entry_size 给出"
        }
        _ => section,
    }
}

spec::structure! {
    /// Level 1 entry of the device table (IHI 0069, GITS_BASER.Indirect): its layout is architected.
    pub L1_DEVICE / l1_device: 1 words, "IHI 0069", "level 1 device table entry" "一级设备表项" {
        _     [11:0]  ignored;
        TABLE "Physical_Address" [51:12] address(12) "page of device table entries" "设备表项所在页";
        _     [62:52] ignored;
        V "Valid" [63] flag "valid" "有效";
    }
    /// Device table entry (IHI 0069: implementation defined).
    pub DEVICE / device: 1 words, OURS, "device table entry" "设备表项" {
        V       [0]     flag "valid" "有效";
        SIZE    "Size" [5:1] value "EventIDs have Size + 1 bits" "EventID 有 Size + 1 位";
        _       [7:6]   ignored;
        ITT     "ITT_addr" [51:8] address(8) "interrupt translation table" "中断转换表";
        _       [63:52] ignored;
    }
    /// Entry of an interrupt translation table (IHI 0069: implementation defined).
    pub INTERRUPT / interrupt: 1 words, OUR_ITT, "interrupt translation entry" "中断转换表项" {
        V       [0]     flag "valid" "有效";
        PHYSICAL [1]    flag "a physical LPI" "物理 LPI";
        INTID   "pINTID" [25:2] value "interrupt" "中断号";
        _       [31:26] ignored;
        ICID    [47:32] value "collection" "集合";
        _       [63:48] ignored;
    }
    /// Entry of the table of collections (IHI 0069: implementation defined).
    pub COLLECTION / collection: 1 words, OURS, "collection table entry" "集合表项" {
        V       [0]     flag "valid" "有效";
        RDBASE  "RDbase" [16:1] value "redistributor: a CPU" "重分发器：某个处理器";
        _       [63:17] ignored;
    }
}

const CODE: Field = Field::value("Command", 7, 0, "which command", "命令码");
const DEVICE_ID: Field = Field::value("DeviceID", 63, 32, "device", "设备");
const EVENT_ID: Field = Field::value("EventID", 95, 64, "event", "事件");

/// The commands that the tables are filled by.
pub mod code {
    /// Waits for earlier commands to take effect at a CPU.
    pub const SYNC: u64 = 0x05;
    /// Gives a device its interrupt translation table.
    pub const MAPD: u64 = 0x08;
    /// Sends a collection to a CPU.
    pub const MAPC: u64 = 0x09;
    /// Maps an event to an INTID and a collection.
    pub const MAPTI: u64 = 0x0a;
    /// Forgets what is cached of an event.
    pub const INV: u64 = 0x0c;
    /// Forgets what is cached of all interrupts of a collection.
    pub const INVALL: u64 = 0x0d;
    /// Takes an event's mapping away.
    pub const DISCARD: u64 = 0x0f;
}

spec::structure! {
    /// MAPD (IHI 0069).
    pub MAPD / mapd: 4 words, "IHI 0069", "MAPD" "MAPD（映射设备）" {
        COMMAND = CODE;
        _      [31:8]    ignored;
        DEVICE = DEVICE_ID;
        SIZE "Size" [68:64] value "EventIDs have Size + 1 bits" "EventID 有 Size + 1 位";
        _      [127:69]  ignored;
        _      [135:128] ignored;
        ITT "ITT_addr" [179:136] address(8) "interrupt translation table" "中断转换表";
        _      [190:180] ignored;
        V      [191]     flag "map, or unmap" "映射或解除";
        _      [255:192] ignored;
    }
    /// MAPC (IHI 0069).
    pub MAPC / mapc: 4 words, "IHI 0069", "MAPC" "MAPC（映射集合）" {
        COMMAND = CODE;
        _      [63:8]    ignored;
        _      [127:64]  ignored;
        ICID   [143:128] value "collection" "集合";
        RDBASE "RDbase" [178:144] value "redistributor: a CPU" "重分发器：某个处理器";
        _      [190:179] ignored;
        V      [191]     flag "map, or unmap" "映射或解除";
        _      [255:192] ignored;
    }
    /// MAPTI (IHI 0069).
    pub MAPTI / mapti: 4 words, "IHI 0069", "MAPTI" "MAPTI（映射事件）" {
        COMMAND = CODE;
        _      [31:8]    ignored;
        DEVICE = DEVICE_ID;
        EVENT  = EVENT_ID;
        INTID  "pINTID" [127:96] value "interrupt" "中断号";
        ICID   [143:128] value "collection" "集合";
        _      [191:144] ignored;
        _      [255:192] ignored;
    }
    /// DISCARD and INV (IHI 0069).
    pub DISCARD / discard: 4 words, "IHI 0069", "DISCARD" "DISCARD（取消事件映射）" {
        COMMAND = CODE;
        _      [31:8]    ignored;
        DEVICE = DEVICE_ID;
        EVENT  = EVENT_ID;
        _      [127:96]  ignored;
        _      [191:128] ignored;
        _      [255:192] ignored;
    }
    /// INVALL (IHI 0069).
    pub INVALL / invall: 4 words, "IHI 0069", "INVALL" "INVALL（失效集合）" {
        COMMAND = CODE;
        _      [63:8]    ignored;
        _      [127:64]  ignored;
        ICID   [143:128] value "collection" "集合";
        _      [191:144] ignored;
        _      [255:192] ignored;
    }
    /// SYNC (IHI 0069).
    pub SYNC / sync: 4 words, "IHI 0069", "SYNC" "SYNC（同步）" {
        COMMAND = CODE;
        _      [63:8]    ignored;
        _      [127:64]  ignored;
        _      [143:128] ignored;
        RDBASE "RDbase" [178:144] value "redistributor: a CPU" "重分发器：某个处理器";
        _      [191:179] ignored;
        _      [255:192] ignored;
    }
}

/// Returns the layout of a command.
pub fn command(low: u64) -> &'static EntryType {
    match low & 0xff {
        code::MAPD => &MAPD,
        code::MAPC => &MAPC,
        code::MAPTI => &MAPTI,
        code::SYNC => &SYNC,
        code::INVALL => &INVALL,
        _ => &DISCARD,
    }
}

macro_rules! rules {
    ($($id:ident $en:literal $zh:literal;)*) => {
        $(static $id: Rule = Rule { text: Text::new($en, $zh), section: "IHI 0069" };)*
    };
}
rules! {
    OFF "the ITS is not enabled (GITS_CTLR.Enabled): messages are dropped" "ITS 未启用（GITS_CTLR.Enabled）：消息被丢弃";
    NO_DEVICE "the device is not mapped: no MAPD" "还没有用 MAPD 映射过这个设备";
    NO_EVENT "the event is beyond the device's table, or not mapped: no MAPTI" "事件超出该设备的表，或未映射：没有 MAPTI";
    NO_COLLECTION "the collection is not mapped: no MAPC" "集合未映射：没有 MAPC";
    UNREAD "memory of the table does not answer" "页表所在内存无响应";
}

/// What a message came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Translated {
    /// The interrupt: an LPI.
    pub intid: u32,
    /// The CPU.
    pub cpu: u32,
}

/// The hardware: where its tables are, as its GITS_BASER registers say, and nothing cached.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Its {
    /// GITS_CTLR.Enabled: without it, messages are dropped.
    pub enabled: bool,
    /// Level 1 of the device table.
    pub devices: PhysAddr,
    /// The table of collections.
    pub collections: PhysAddr,
}

/// DeviceIDs that a page of the device table has.
const PER_PAGE: u64 = 512;

impl Its {
    fn read<O: Observer>(
        memory: &Memory,
        entry: &'static EntryType,
        (level, index): (u8, u64),
        at: PhysAddr,
        judge: impl Fn(u64) -> Verdict,
        obs: &mut O,
    ) -> Result<u64, &'static Rule> {
        let read = memory.read_u64(at);
        let verdict = match read {
            Ok(word) => judge(word),
            Err(_) => Verdict::Refused(&UNREAD),
        };
        let word = read.unwrap_or(0);
        if O::ON {
            let words = obs.word(word);
            let (index, place) = (index as u32, AnyAddr { space: Space::Physical, raw: at.raw() });
            let event = Event::Read { entry, level, index, at: place, pa: at, words, verdict };
            obs.step(Actor::Interrupts, event);
        }
        match verdict {
            Verdict::Refused(rule) => Err(rule),
            _ => Ok(word),
        }
    }

    /// Translates a message: DeviceID and EventID to INTID and CPU.
    pub fn translate<O: Observer>(
        &self,
        memory: &Memory,
        requester: RequesterId,
        event: u32,
        obs: &mut O,
    ) -> Result<Translated, &'static Rule> {
        if O::ON {
            obs.begin(
                Actor::Interrupts,
                Scope::Walk {
                    stage: Stage::Interrupt,
                    input: AnyAddr { space: Space::Bus, raw: event.into() },
                    root: AnyAddr { space: Space::Physical, raw: self.devices.raw() },
                    root_bits: 0,
                },
            );
        }
        let result = match self.enabled {
            true => self.look_up(memory, requester, event, obs),
            false => Err(Self::refused(&OFF, event, obs)),
        };
        if O::ON {
            let verdict = match result {
                Ok(_) => Verdict::Ok,
                Err(rule) => Verdict::Refused(rule),
            };
            obs.end(Actor::Interrupts, verdict);
        }
        result
    }

    /// A message that is dropped before an entry says so.
    fn refused<O: Observer>(rule: &'static Rule, event: u32, obs: &mut O) -> &'static Rule {
        if O::ON {
            obs.step(Actor::Interrupts, Event::Check { rule, ok: false, value: event.into() });
        }
        rule
    }

    fn look_up<O: Observer>(
        &self,
        memory: &Memory,
        requester: RequesterId,
        event: u32,
        obs: &mut O,
    ) -> Result<Translated, &'static Rule> {
        let next = |valid: bool, rule: &'static Rule, raw: u64| match valid {
            true => Verdict::Next(AnyAddr { space: Space::Physical, raw }),
            false => Verdict::Refused(rule),
        };
        let id = u64::from(requester.raw());
        let (above, below) = (id / PER_PAGE, id % PER_PAGE);
        let at = PhysAddr::new(self.devices.raw() + above * 8);
        let judge = |w: u64| next(w.is_set(l1_device::V), &NO_DEVICE, w.address(l1_device::TABLE));
        let word = Self::read(memory, &L1_DEVICE, (2, above), at, judge, obs)?;
        let at = PhysAddr::new(word.address(l1_device::TABLE) + below * 8);
        let judge = |w: u64| next(w.is_set(device::V), &NO_DEVICE, w.address(device::ITT));
        let word = Self::read(memory, &DEVICE, (1, below), at, judge, obs)?;
        let inside = u64::from(event) >> (word.bits(device::SIZE) + 1) == 0;
        if !inside {
            return Err(Self::refused(&NO_EVENT, event, obs));
        }
        let at = PhysAddr::new(word.address(device::ITT) + u64::from(event) * 8);
        let judge = |w: u64| match w.is_set(interrupt::V) {
            true => Verdict::Ok,
            false => Verdict::Refused(&NO_EVENT),
        };
        let word = Self::read(memory, &INTERRUPT, (0, event.into()), at, judge, obs)?;
        let collection = word.bits(interrupt::ICID);
        let at = PhysAddr::new(self.collections.raw() + collection * 8);
        let judge = |w: u64| match w.is_set(collection::V) {
            true => Verdict::Ok,
            false => Verdict::Refused(&NO_COLLECTION),
        };
        let found = Self::read(memory, &COLLECTION, (0, collection), at, judge, obs)?;
        Ok(Translated {
            intid: word.bits(interrupt::INTID) as u32,
            cpu: found.bits(collection::RDBASE) as u32,
        })
    }

    /// Obeys a command: the entry that it fills is written into memory. What it cannot reach it leaves alone, as the
    /// specification lets it: commands report errors by a system error only.
    pub fn obey<O: Observer>(&self, memory: &mut Memory, words: &[u64; 4], obs: &mut O) {
        if O::ON {
            obs.begin(Actor::Interrupts, Scope::Command { entry: command(words[0]) });
        }
        let write = |memory: &mut Memory, entry: &'static EntryType, at: u64, word: u64, obs: &mut O| {
            // Nothing is reported where memory refuses.
            let _ = write_run(memory, obs, Actor::Interrupts, entry, PhysAddr::new(at), &[word]);
        };
        match words[0] & 0xff {
            code::MAPD => {
                if let Some(at) = self.device_entry(memory, words.bits(mapd::DEVICE)) {
                    let entry = match words.is_set(mapd::V) {
                        true => 0u64
                            .with_flag(device::V, true)
                            .with(device::SIZE, words.bits(mapd::SIZE))
                            .with_address(device::ITT, words.address(mapd::ITT)),
                        false => 0,
                    };
                    write(memory, &DEVICE, at, entry, obs);
                }
            }
            code::MAPC => {
                let entry = match words.is_set(mapc::V) {
                    true => {
                        0u64.with_flag(collection::V, true).with(collection::RDBASE, words.bits(mapc::RDBASE))
                    }
                    false => 0,
                };
                let at = self.collections.raw() + words.bits(mapc::ICID) * 8;
                write(memory, &COLLECTION, at, entry, obs);
            }
            code::MAPTI => {
                let entry = 0u64
                    .with_flag(interrupt::V, true)
                    .with_flag(interrupt::PHYSICAL, true)
                    .with(interrupt::INTID, words.bits(mapti::INTID))
                    .with(interrupt::ICID, words.bits(mapti::ICID));
                if let Some(at) =
                    self.event_entry(memory, words.bits(mapti::DEVICE), words.bits(mapti::EVENT))
                {
                    write(memory, &INTERRUPT, at, entry, obs);
                }
            }
            code::DISCARD => {
                if let Some(at) =
                    self.event_entry(memory, words.bits(discard::DEVICE), words.bits(discard::EVENT))
                {
                    write(memory, &INTERRUPT, at, 0, obs);
                }
            }
            // SYNC, INV and INVALL are about caches, which there are none of.
            _ => {}
        }
        obs.end(Actor::Interrupts, Verdict::Ok);
    }

    fn device_entry(&self, memory: &Memory, id: u64) -> Option<u64> {
        let above = memory.peek_u64(PhysAddr::new(self.devices.raw() + id / PER_PAGE * 8));
        above.is_set(l1_device::V).then(|| above.address(l1_device::TABLE) + id % PER_PAGE * 8)
    }

    fn event_entry(&self, memory: &Memory, id: u64, event: u64) -> Option<u64> {
        let entry = memory.peek_u64(PhysAddr::new(self.device_entry(memory, id)?));
        let inside = entry.is_set(device::V) && event >> (entry.bits(device::SIZE) + 1) == 0;
        inside.then(|| entry.address(device::ITT) + event * 8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::Off;

    #[test]
    fn a_message_needs_device_event_and_collection() {
        let mut memory = Memory::new();
        let its = Its { enabled: true, devices: PhysAddr::new(0x1000), collections: PhysAddr::new(0x2000) };
        let device = RequesterId::bdf(0, 3, 0);
        let look = |memory: &Memory, event| its.translate(memory, device, event, &mut Off);
        assert_eq!(look(&memory, 0), Err(&NO_DEVICE));
        let page = 0u64.with_flag(l1_device::V, true).with_address(l1_device::TABLE, 0x3000);
        memory.write_u64(PhysAddr::new(0x1000), page).unwrap();
        assert_eq!(look(&memory, 0), Err(&NO_DEVICE));
        let id = u64::from(device.raw());
        let mapd = [code::MAPD, 0, 0, 0]
            .with(mapd::DEVICE, id)
            .with(mapd::SIZE, 4)
            .with_address(mapd::ITT, 0x4000)
            .with_flag(mapd::V, true);
        its.obey(&mut memory, &mapd, &mut Off);
        assert_eq!(look(&memory, 0), Err(&NO_EVENT));
        let mapti = [code::MAPTI, 0, 0, 0]
            .with(mapti::DEVICE, id)
            .with(mapti::EVENT, 7)
            .with(mapti::INTID, 8200)
            .with(mapti::ICID, 3);
        its.obey(&mut memory, &mapti, &mut Off);
        assert_eq!(look(&memory, 7), Err(&NO_COLLECTION));
        let mapc = [code::MAPC, 0, 0, 0].with(mapc::ICID, 3).with(mapc::RDBASE, 2).with_flag(mapc::V, true);
        its.obey(&mut memory, &mapc, &mut Off);
        assert_eq!(look(&memory, 7), Ok(Translated { intid: 8200, cpu: 2 }));
        assert_eq!(look(&memory, 6), Err(&NO_EVENT));
        assert_eq!(look(&memory, 32), Err(&NO_EVENT));
        let discard = [code::DISCARD, 0, 0, 0].with(discard::DEVICE, id).with(discard::EVENT, 7);
        its.obey(&mut memory, &discard, &mut Off);
        assert_eq!(look(&memory, 7), Err(&NO_EVENT));
    }
}
