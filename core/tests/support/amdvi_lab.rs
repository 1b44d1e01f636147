//! An AMD-Vi unit with a device table, its logs and the memory, and structures that tests change.
#![allow(dead_code)] // each test uses a part

use iommu_core::addr::{Iova, Pasid, PhysAddr, RequesterId};
use iommu_core::iommu::amdvi::records::Event;
use iommu_core::iommu::amdvi::request::Refused;
use iommu_core::iommu::amdvi::spec::registers::{self as reg, control, ring_base};
use iommu_core::iommu::amdvi::spec::structures::{dte, gcr3_root};
use iommu_core::iommu::amdvi::translate::{Answer, Reached};
use iommu_core::iommu::amdvi::{AmdViUnit, Config, Reply};
use iommu_core::iommu::{PasidTag, Request, Unit};
use iommu_core::memory::Memory;
use iommu_core::spec::{Bits, Register};
use iommu_core::trace::{Off, Perms};

pub const NIC: u16 = 0x18;
pub const TABLE: u64 = 0x10_0000;
pub const LOG: u64 = 0x20_0000;
pub const REQUESTS: u64 = 0x21_0000;
pub const GUEST_LOG: u64 = 0x22_0000;
/// Present, writable, user; and host entries that allow both.
pub const X86: u64 = 7;
pub const HOST: u64 = 3 << 61 | 1;

pub struct Machine {
    pub memory: Memory,
    pub unit: AmdViUnit,
}

impl Machine {
    pub fn new(config: Config) -> Self {
        let mut m = Machine { memory: Memory::new(), unit: AmdViUnit::new(config) };
        m.set(&reg::DEVICE_TABLE, TABLE);
        for (register, at) in
            [(&reg::EVENT_BASE, LOG), (&reg::PPR_BASE, REQUESTS), (&reg::GA_BASE, GUEST_LOG)]
        {
            m.set(register, 0u64.with_address(ring_base::BASE, at).with(ring_base::LEN, 8));
        }
        let flags = [
            control::IOMMU_EN,
            control::EVENT_LOG_EN,
            control::PPR_LOG_EN,
            control::PPR_EN,
            control::GT_EN,
            control::GA_EN,
            control::GA_LOG_EN,
        ];
        let on = flags.iter().fold(0u64, |word, flag| word.with_flag(*flag, true));
        m.set(&reg::CONTROL, on.with(control::GAM_EN, 1));
        m
    }

    pub fn set(&mut self, register: &Register, value: u64) {
        assert!(self.unit.write_register(&mut self.memory, register.offset, register.bytes, value, &mut Off));
    }

    pub fn get(&self, register: &Register) -> u64 {
        self.unit.read_register(register.offset, register.bytes, &mut Off).unwrap()
    }

    pub fn put(&mut self, at: u64, word: u64) {
        self.memory.write_u64(PhysAddr::new(at), word).unwrap();
    }

    pub fn word(&self, at: u64) -> u64 {
        self.memory.read_u64(PhysAddr::new(at)).unwrap()
    }

    pub fn entry(&mut self, words: dte::Words) {
        for (i, word) in words.into_iter().enumerate() {
            self.put(TABLE + u64::from(NIC) * 32 + i as u64 * 8, word);
        }
    }

    /// Four levels of tables that lead from an address to a page.
    pub fn path(&mut self, root: u64, at: u64, to: u64, table: impl Fn(u64, u8) -> u64, leaf: u64) {
        let mut here = root;
        for level in (1..=4u8).rev() {
            let slot = here + (at >> (3 + 9 * u32::from(level)) & 0x1ff) * 8;
            let next = root + (5 - u64::from(level)) * 0x1000;
            self.put(slot, if level == 1 { to | leaf } else { table(next, level) });
            here = next;
        }
    }

    pub fn ask(&mut self, request: &Request) -> Reply {
        self.unit.ask(&mut self.memory, request, &mut Off)
    }

    pub fn reached(&mut self, request: &Request) -> Reached {
        match self.ask(request) {
            Reply::Answer(Answer::Memory(reached)) => reached,
            other => panic!("{other:x?}"),
        }
    }

    pub fn refused(&mut self, request: &Request) -> Event {
        match self.ask(request) {
            Reply::Refused(Refused { event: Some(event), .. }, _) => event,
            other => panic!("{other:x?}"),
        }
    }
}

pub fn open() -> dte::Words {
    [dte::V, dte::TV, dte::IR, dte::IW].iter().fold(dte::ZERO, |words, flag| words.with_flag(*flag, true))
}

pub fn guest(words: dte::Words, root: u64, glx: u64) -> dte::Words {
    words
        .with_flag(dte::GV, true)
        .with(dte::GLX, glx)
        .with(dte::GCR3_A, root.bits(gcr3_root::A))
        .with(dte::GCR3_B, root.bits(gcr3_root::B))
        .with(dte::GCR3_C, root.bits(gcr3_root::C))
}

pub fn write(at: u64, pasid: Option<u32>) -> Request {
    let pasid = pasid.and_then(Pasid::new).map(|pasid| PasidTag { pasid, privileged: false, execute: false });
    Request { pasid, ..Request::new(RequesterId::new(NIC.into()), Iova::new(at), Perms::W, 8) }
}

pub const GCR3: u64 = 0x40_0000;
pub const ROOT: u64 = 0x50_0000;
