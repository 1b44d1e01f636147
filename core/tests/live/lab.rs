//! QEMU and our unit side by side: the same tables, the same registers, the same requests.

use crate::qemu::{Qemu, RAM_END, SLOTS, UNIT};
use crate::tables::Kind;
use iommu_core::addr::{AddrRange, Iova, PhysAddr, RequesterId};
use iommu_core::iommu::vtd::walk::{INTERRUPT_FIRST, INTERRUPT_LAST};
use iommu_core::iommu::vtd::{CacheSizes, Config, Quirks, Vtd};
use iommu_core::iommu::{Outcome, Request, Unit};
use iommu_core::memory::{Failure, Memory};
use iommu_core::trace::{Event, Off, Perms, Trace, Verdict};

pub const TE: u32 = 1 << 31;
pub const SRTP: u32 = 1 << 30;
pub const QIE: u32 = 1 << 26;
pub const IRE: u32 = 1 << 25;
pub const SIRTP: u32 = 1 << 24;

/// Where the devices' pattern comes from and where reads are dumped.
const SCRATCH: u64 = 0x80_0000;
const PATTERN: u64 = 0x5a5a_1234_c3c3_9876;

pub struct Lab {
    pub qemu: Qemu,
    pub unit: Vtd,
    pub memory: Memory,
    pub config: Config,
    pub kind: Kind,
    /// Bits of GCMD that are on.
    on: u32,
    dirty: Vec<u64>,
    pub requests: u64,
    pub translated: u64,
    pub faults: std::collections::BTreeMap<u64, u64>,
    pub seed: u64,
}

/// What a unit shows after a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Shown {
    pub status: u64,
    pub reason: u64,
    pub info: u64,
    pub source: u64,
    pub read: bool,
    pub pasid: Option<u64>,
    pub pasid_field: u64,
}

/// Deviations of QEMU 10.0 that 11.1 has no longer.
const GONE_IN_11: &[&str] = &["records_rid_pasid", "rid_pasid_without_support"];

impl Lab {
    pub fn new(kind: Kind, bits: u8, scalable: bool, seed: u64) -> Lab {
        // QEMU 11 has these two under the names that they kept.
        let eleven = crate::qemu::version().is_ok_and(|v| crate::qtest::is_11(&v));
        let (scalable_mode, first_stage) = match eleven {
            true => ("scalable-mode=on", "fsts=on"),
            false => ("x-scalable-mode=on", "x-flts=on"),
        };
        let unit = format!("intel-iommu,intremap=on,aw-bits={bits}");
        let device = match kind {
            // Legacy tables on a unit that could do more.
            Kind::Legacy if scalable => format!("{unit},{scalable_mode}"),
            Kind::Legacy => unit,
            Kind::ScalableSecond => format!("{unit},{scalable_mode}"),
            Kind::ScalableFirst => format!("{unit},{scalable_mode},{first_stage}"),
        };
        let mut qemu = Qemu::start(&device);
        // One deviation can be left out, to see that this comparison notices.
        let mut quirks = Quirks::QEMU_10;
        for name in if eleven { GONE_IN_11 } else { &[] } {
            assert!(quirks.set(name, false), "there is no deviation {name}");
        }
        if let Ok(name) = std::env::var("QEMU_LIVE_WITHOUT") {
            assert!(quirks.set(&name, false), "there is no deviation {name}");
        }
        let config = Config {
            cap: qemu.read64(UNIT + 8),
            ecap: qemu.read64(UNIT + 0x10),
            host_bits: bits,
            // QEMU keeps no PASID-table entries and no interrupt entries.
            caches: CacheSizes { context: 256, pasid: 0, iotlb: 1024, interrupt: 0 },
            quirks,
        };
        let mut memory = Memory::new();
        // Nothing answers beyond RAM, but the local APIC's window: as memory it reads as 0.
        for (from, to) in [(RAM_END, INTERRUPT_FIRST), (INTERRUPT_LAST + 1, u64::MAX)] {
            memory.fail(AddrRange::new(PhysAddr::new(from), to - from).unwrap(), Failure::Access);
        }
        let unit = Vtd::new(config);
        let mut lab = Lab {
            qemu,
            unit,
            memory,
            config,
            kind,
            on: 0,
            dirty: vec![],
            requests: 0,
            translated: 0,
            faults: Default::default(),
            seed,
        };
        // The devices' buffers get the pattern that their writes will carry.
        lab.qemu.write64(SCRATCH, PATTERN);
        for device in 0..SLOTS.len() {
            lab.qemu.dma_read(device, SCRATCH, 0);
        }
        lab
    }

    /// Writes a word in both memories.
    pub fn word(&mut self, at: u64, value: u64) {
        self.qemu.write64(at, value);
        let _ = self.memory.write_u64(PhysAddr::new(at), value);
        self.dirty.push(at);
    }

    /// Makes every word written since the last time 0 again.
    pub fn clean(&mut self) {
        let mut dirty = std::mem::take(&mut self.dirty);
        dirty.sort_unstable();
        dirty.dedup();
        for at in dirty {
            self.qemu.write64(at, 0);
            let _ = self.memory.write_u64(PhysAddr::new(at), 0);
        }
    }

    pub fn reg64(&mut self, at: u32, value: u64) {
        self.qemu.write64(UNIT + u64::from(at), value);
        self.unit.write_register(&mut self.memory, at, 8, value, &mut Off);
    }
    pub fn reg32(&mut self, at: u32, value: u32) {
        self.qemu.write32(UNIT + u64::from(at), value);
        self.unit.write_register(&mut self.memory, at, 4, u64::from(value), &mut Off);
    }

    /// Writes the global command register with what is on, plus or minus.
    pub fn command(&mut self, set: u32, clear: u32) {
        self.on = (self.on | set) & !clear & !(SRTP | SIRTP);
        self.reg32(0x18, self.on | set);
    }

    /// Sets the root pointer, which empties QEMU's caches (and ours, by the quirk).
    pub fn point_at(&mut self, root: u64) {
        let ttm = if self.kind == Kind::Legacy { 0 } else { 1 << 10 };
        self.reg64(0x20, root | ttm);
        self.command(SRTP, 0);
    }

    fn theirs(&mut self) -> Shown {
        let status = u64::from(self.qemu.read32(UNIT + 0x34)) & 0xff;
        if status == 0 {
            return Shown { status, reason: 0, info: 0, source: 0, read: false, pasid: None, pasid_field: 0 };
        }
        let at = UNIT + u64::from(self.config.fault_offset());
        let (low, high) = (self.qemu.read64(at), self.qemu.read64(at + 8));
        Self::shown(status, low, high)
    }

    fn ours(&mut self) -> Shown {
        let read = |at, bytes| self.unit.read_register(at, bytes, &mut Off).unwrap_or(0);
        let status = read(0x34, 4) & 0xff;
        let at = self.config.fault_offset();
        let (low, high) = (read(at, 8), read(at + 8, 8));
        Self::shown(status, low, high)
    }

    fn shown(status: u64, low: u64, high: u64) -> Shown {
        if high >> 63 == 0 {
            return Shown { status, reason: 0, info: 0, source: 0, read: false, pasid: None, pasid_field: 0 };
        }
        Shown {
            status,
            reason: high >> 32 & 0xff,
            info: low,
            source: high & 0xffff,
            read: high >> 62 & 1 != 0,
            pasid: (high >> 31 & 1 != 0).then_some(high >> 40 & 0xf_ffff),
            pasid_field: high >> 40 & 0xf_ffff,
        }
    }

    /// Clears the fault record and the overflow bit on both sides.
    fn clear(&mut self) {
        self.reg64(self.config.fault_offset() + 8, 1 << 63);
        self.reg32(0x34, 0x11);
    }

    /// Reads the record on both sides and fails the test, with both, if they are not the same.
    fn compare(&mut self, what: &str, trace: &Trace) -> Shown {
        let (theirs, ours) = (self.theirs(), self.ours());
        if theirs != ours {
            panic!(
                "seed {:#x}: {what}\n  QEMU: {theirs:x?}\n  ours: {ours:x?}\n{}",
                self.seed,
                crate::render(trace)
            );
        }
        if theirs.status != 0 {
            *self.faults.entry(theirs.reason).or_default() += 1;
            self.clear();
        }
        theirs
    }

    /// One 8-byte request by a device, on both sides. With `dump`, what a read brought is looked at too: that
    /// switches translation off and on, and so empties QEMU's caches.
    pub fn request(&mut self, device: usize, at: u64, write: bool, dump: bool) {
        self.requests += 1;
        let sid = u32::from(SLOTS[device]) << 3;
        let want = if write { Perms::W } else { Perms::R };
        let request = Request::new(RequesterId::new(sid), Iova::new(at), want, 8);
        let mut trace = Trace::new();
        let outcome = self.unit.translate(&mut self.memory, &request, &mut trace);
        let to = match outcome {
            Outcome::Memory(t) => Some(t.to.raw()),
            _ => None,
        };
        let in_ram = to.filter(|to| (0x10_0000..RAM_END - 8).contains(to) && !self.is_table(*to));
        let mark = 0xd00d_0000_0000_0000 | self.requests;
        if let Some(to) = in_ram {
            self.word(to, mark);
        }
        let what = format!("{:?} {want} of {at:#x} by device {device}; ours: {outcome:?}", self.kind);
        if write {
            self.qemu.dma_write(device, at, 0);
        } else {
            self.qemu.dma_read(device, at, 0x100);
        }
        let shown = self.compare(&what, &trace);
        let Some(to) = in_ram else { return };
        assert_eq!(shown.status, 0);
        self.translated += 1;
        let got = if write {
            let got = self.qemu.read64(to);
            let _ = self.memory.write_u64(PhysAddr::new(to), got);
            (got, PATTERN)
        } else if dump {
            self.command(0, TE);
            self.qemu.dma_write(device, SCRATCH + 0x100, 0x100);
            let got = self.qemu.read64(SCRATCH + 0x100);
            self.command(TE, 0);
            (got, mark)
        } else {
            return;
        };
        if got.0 != got.1 {
            let text = crate::render(&trace);
            panic!("seed {:#x}: {what}\n  QEMU did not use {to:#x}: {got:x?}\n{text}", self.seed);
        }
    }

    fn is_table(&self, to: u64) -> bool {
        (0x100_0000..0x110_0000).contains(&to) || (SCRATCH..SCRATCH + 0x1_0000).contains(&to)
    }

    /// One message-signalled interrupt by a device, on both sides.
    pub fn interrupt(&mut self, device: usize, address: u64, data: u32) {
        self.requests += 1;
        let sid = u32::from(SLOTS[device]) << 3;
        let mut request = Request::new(RequesterId::new(sid), Iova::new(address), Perms::W, 4);
        request.data = Some(data);
        let mut trace = Trace::new();
        let outcome = self.unit.translate(&mut self.memory, &request, &mut trace);
        self.qemu.send_msi(device, address, data);
        let what = format!("MSI {address:#x} data {data:#x} by device {device}; ours: {outcome:?}");
        self.compare(&what, &trace);
    }

    /// Compares tables word by word: accessed and dirty bits.
    pub fn compare_words(&mut self, words: &[(u64, u64)]) {
        for (at, _) in words {
            let (theirs, ours) = (self.qemu.read64(*at), self.memory.peek_u64(PhysAddr::new(*at)));
            assert_eq!(
                theirs, ours,
                "seed {:#x}: the word at {at:#x}: QEMU {theirs:#x}, ours {ours:#x}",
                self.seed
            );
        }
    }

    /// Compares a register.
    pub fn compare_register(&mut self, at: u32, mask: u64, what: &str) {
        let theirs = self.qemu.read64(UNIT + u64::from(at)) & mask;
        let ours = self.unit.read_register(at, 8, &mut Off).unwrap_or(0) & mask;
        assert_eq!(
            theirs, ours,
            "seed {:#x}: {what}: register {at:#x}: QEMU {theirs:#x}, ours {ours:#x}",
            self.seed
        );
    }
}

/// The steps that matter of a trace, for a report.
pub fn render(trace: &Trace) -> String {
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
