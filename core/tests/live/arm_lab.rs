//! QEMU and our unit side by side: the same tables, the same registers, the same commands and requests.

use crate::arm_tables::{Stages, Tables, STREAMS};
use crate::virt::{Virt, RAM, SLOTS, UNIT};
use iommu_core::addr::{AddrRange, Address, PhysAddr};
use iommu_core::iommu::registers::Registers;
use iommu_core::iommu::smmuv3::spec::commands::opcode;
use iommu_core::iommu::smmuv3::spec::registers::*;
use iommu_core::iommu::smmuv3::translate::Transaction;
use iommu_core::iommu::smmuv3::{ring, CacheSizes, Config, Quirks, Reply, SmmuUnit};
use iommu_core::iommu::RequestKind;
use iommu_core::memory::{Failure, Memory};
use iommu_core::trace::{Actor, Event, Off, Perms, Trace, Verdict};
use std::collections::BTreeMap;

const COMMANDS: u64 = 0x4410_0000;
const EVENTS: u64 = 0x4420_0000;
const QUEUE: u64 = 8;
/// Where the devices' pattern comes from and where reads are dumped.
const SCRATCH: u64 = 0x4430_0000;
const PATTERN: u32 = 0xc3c3_9876;

pub struct Lab {
    pub qemu: Virt,
    pub unit: SmmuUnit,
    pub memory: Memory,
    pub stages: Stages,
    dirty: Vec<u64>,
    pub requests: u64,
    pub translated: u64,
    /// Requests that would have reached devices of the board.
    pub left_out: u64,
    pub events: BTreeMap<u64, u64>,
    seed: u64,
    /// What was done since the last flush, for a report.
    recent: Vec<String>,
}

impl Lab {
    pub fn new(stages: Stages, seed: u64) -> Lab {
        let mut qemu = Virt::start(stages.name());
        // One deviation can be left out, to see that this comparison notices.
        let mut quirks = Quirks::MODEL;
        if let Ok(name) = std::env::var("QEMU_LIVE_WITHOUT") {
            *quirks.by_name(&name).unwrap_or_else(|| panic!("there is no deviation {name}")) = false;
        }
        let mut read = |register: u32| qemu.read32(UNIT + u64::from(register));
        let config = Config {
            idr0: read(idr0::OFFSET),
            idr1: read(idr1::OFFSET),
            idr3: read(idr3::OFFSET),
            idr5: read(idr5::OFFSET),
            aidr: read(aidr::OFFSET),
            gbpa: read(gbpa::OFFSET),
            ipa_cache: true,
            caches: CacheSizes { ste: 256, cd: 256, tlb: 4096 },
            quirks,
            ..Config::playground()
        };
        let mut memory = Memory::new();
        memory.fail(AddrRange::new(PhysAddr::new(RAM.1), u64::MAX - RAM.1).unwrap(), Failure::Access);
        let mut unit = SmmuUnit::new(config);
        unit.set_known_streams(SLOTS.map(|slot| u32::from(slot) << 3).into_iter().chain([0]));
        let mut lab = Lab {
            qemu,
            unit,
            memory,
            stages,
            dirty: vec![],
            requests: 0,
            translated: 0,
            left_out: 0,
            events: BTreeMap::new(),
            seed,
            recent: vec![],
        };
        // The devices' buffers get the pattern that their writes will carry.
        lab.qemu.write32(SCRATCH, PATTERN);
        for device in 0..SLOTS.len() {
            lab.qemu.dma_read(device, SCRATCH, 0);
        }
        lab.register(cmdq_base::OFFSET, 8, COMMANDS | QUEUE);
        lab.register(eventq_base::OFFSET, 8, EVENTS | QUEUE);
        lab.register(cr2::OFFSET, 4, 0);
        lab.register(cr0::OFFSET, 4, 0xc);
        lab
    }

    /// Writes a word in both memories.
    pub fn word(&mut self, at: u64, value: u64) {
        self.qemu.write64(at, value);
        let _ = self.memory.write_u64(PhysAddr::new(at), value);
        self.dirty.push(at);
        self.recent.push(format!("word at {at:#x}: {value:#x}"));
    }

    /// Writes a register on both sides.
    pub fn register(&mut self, at: u32, bytes: u8, value: u64) {
        match bytes {
            8 => self.qemu.write64(UNIT + u64::from(at), value),
            _ => self.qemu.write32(UNIT + u64::from(at), value as u32),
        }
        self.unit.write_by(&mut self.memory, Actor::Cpu, at, bytes, value, &mut Off);
    }

    fn ours(&self, at: u32) -> u64 {
        self.unit.file().get(at, 4)
    }

    fn theirs(&mut self, at: u32) -> u64 {
        u64::from(self.qemu.read32(UNIT + u64::from(at)))
    }

    /// Makes every word written since the last time 0 again.
    pub fn clean(&mut self) {
        self.register(cr0::OFFSET, 4, 0xc);
        let mut dirty = std::mem::take(&mut self.dirty);
        dirty.sort_unstable();
        dirty.dedup();
        for at in dirty {
            self.qemu.write64(at, 0);
            let _ = self.memory.write_u64(PhysAddr::new(at), 0);
        }
    }

    /// Fills memory and turns translation on.
    pub fn point_at(&mut self, tables: &Tables) {
        for (at, word) in &tables.words {
            self.word(*at, *word);
        }
        self.register(strtab_base::OFFSET, 8, STREAMS);
        self.register(strtab_base_cfg::OFFSET, 4, tables.layout);
        self.register(cr0::OFFSET, 4, 0xd);
    }

    /// Puts commands into the queue, on both sides, and compares how far they came.
    pub fn commands(&mut self, list: &[[u64; 2]]) {
        let ring = ring(COMMANDS | QUEUE, 19, 16);
        let mut prod = self.ours(cmdq_prod::OFFSET);
        for command in list {
            let at = ring.slot(ring.index(prod));
            for (i, word) in command.iter().enumerate() {
                let at = at.wrapping_add(i as u64 * 8);
                self.qemu.write64(at.raw(), *word);
                let _ = self.memory.write_u64(at, *word);
            }
            prod = ring.next(prod);
        }
        self.register(cmdq_prod::OFFSET, 4, prod);
        self.recent.push(format!("commands {list:x?}"));
        self.compare_queue(&format!("commands {list:x?}"));
    }

    fn compare_queue(&mut self, what: &str) {
        for at in [cmdq_cons::OFFSET, gerror::OFFSET, gerrorn::OFFSET] {
            let (theirs, ours) = (self.theirs(at), self.ours(at));
            assert_eq!(theirs, ours, "seed {:#x}: {what}: register {at:#x}", self.seed);
        }
    }

    pub fn stopped(&self) -> bool {
        self.ours(gerror::OFFSET) != self.ours(gerrorn::OFFSET)
    }

    /// A CMD_SYNC takes the place of the command that stopped the queue, and the queue goes on.
    pub fn repair(&mut self) {
        let ring = ring(COMMANDS | QUEUE, 19, 16);
        let at = ring.slot(ring.index(self.ours(cmdq_cons::OFFSET))).raw();
        self.word(at, opcode::SYNC.into());
        self.word(at + 8, 0);
        let seen = self.ours(gerror::OFFSET);
        self.register(gerrorn::OFFSET, 4, seen);
        self.compare_queue("after the repair");
    }

    /// Empties all caches.
    pub fn flush(&mut self) {
        let all = u64::from(opcode::CFGI_STE_RANGE);
        self.commands(&[[all, 31], [opcode::TLBI_NSNH_ALL.into(), 0], [opcode::SYNC.into(), 0]]);
        self.recent.clear();
    }

    /// One request of four bytes by a device, on both sides.
    pub fn request(&mut self, device: usize, at: u64, write: bool) {
        let stream = u32::from(SLOTS[device]) << 3;
        let perms = if write { Perms::W } else { Perms::R };
        let kind = RequestKind::Untranslated;
        let asked = Transaction { stream, substream: None, privileged: false, perms, at, kind };
        let mut trace = Trace::new();
        let before = self.ours(eventq_prod::OFFSET);
        let reply = self.unit.answer(&mut self.memory, &asked, &mut trace);
        let to = match &reply {
            // What the model's memory core holds against a cached entry's rights: nothing moves, nothing is recorded.
            Reply::Reached(r) if r.cached && !r.rights.has(perms) => None,
            Reply::Reached(r) => Some(r.to),
            _ => None,
        };
        // Devices of the board answer there.
        if to.is_some_and(|to| to < RAM.0 || to >= 0x40_0000_0000) {
            self.left_out += 1;
            return self.flush();
        }
        self.requests += 1;
        let what = format!(
            "stage {} {perms} of {at:#x} by stream {stream:#x}; ours: {reply:x?}\n  since the last flush:\n    {}\n{}",
            self.stages.name(),
            self.recent.join("\n    "),
            render(&trace)
        );
        self.recent.push(format!("{perms} of {at:#x} by {stream:#x}: {reply:x?}"));
        let in_ram = to.filter(|to| *to < RAM.1 && *to >= 0x5000_0000);
        let mark = 0xd00d_0000 | self.requests as u32;
        if let Some(to) = in_ram {
            self.dirty.push(to & !7);
            self.qemu.write32(to, mark);
        }
        if write {
            self.qemu.dma_write(device, at, 0);
        } else {
            self.qemu.dma_read(device, at, 0x100);
        }
        self.compare_events(before, &what);
        if let Some(to) = in_ram {
            self.translated += 1;
            let (got, want) = if write {
                (self.qemu.read32(to), PATTERN)
            } else {
                // Past the unit, which forgets nothing by being off for a moment.
                self.qemu.write32(UNIT + u64::from(cr0::OFFSET), 0xc);
                self.qemu.dma_write(device, SCRATCH + 0x100, 0x100);
                self.qemu.write32(UNIT + u64::from(cr0::OFFSET), 0xd);
                (self.qemu.read32(SCRATCH + 0x100), mark)
            };
            assert_eq!(got, want, "seed {:#x}: QEMU did not use {to:#x}: {what}", self.seed);
        }
    }

    /// Compares what was recorded; then all events count as read.
    fn compare_events(&mut self, before: u64, what: &str) {
        let (theirs, ours) = (self.theirs(eventq_prod::OFFSET), self.ours(eventq_prod::OFFSET));
        let ring = ring(EVENTS | QUEUE, 19, 32);
        let at = ring.slot(ring.index(before)).raw();
        let qemu: Vec<u64> = (0..4).map(|i| self.qemu.read64(at + i * 8)).collect();
        let own: Vec<u64> = (0..4).map(|i| self.memory.peek_u64(PhysAddr::new(at + i * 8))).collect();
        if theirs != ours || ours != before && qemu != own {
            panic!(
                "seed {:#x}: {what}\n  before {before:#x}\n  QEMU: {theirs:#x} {qemu:x?}\n  ours: {ours:#x} {own:x?}",
                self.seed
            );
        }
        if ours != before {
            *self.events.entry(own[0] & 0xff).or_default() += 1;
            self.register(eventq_cons::OFFSET, 4, ours);
        }
        self.compare_queue(what);
    }
}

/// The steps that matter of a trace, for a report.
fn render(trace: &Trace) -> String {
    let mut out = String::new();
    for step in trace.steps() {
        if let Event::Read { entry, level, index, pa, words, verdict, .. } = &step.event {
            let words = trace.get_words(*words);
            let verdict = match verdict {
                Verdict::Fault(code) => format!("fault {:#x}", code.code),
                Verdict::Refused(rule) => rule.text.en.to_owned(),
                other => format!("{other:?}"),
            };
            out += &format!("  {} level {level} [{index}] at {pa}: {words:x?} -> {verdict}\n", entry.name.en);
        } else if let Event::Cache { cache, op, .. } = &step.event {
            out += &format!("  {}: {op:?}\n", cache.name.en);
        }
    }
    out
}
