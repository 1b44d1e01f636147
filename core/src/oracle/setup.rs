//! What a machine is made of, and what can be wrong with it.

use crate::addr::{AddrRange, PageSize, PhysAddr};
use crate::iommu::registers::RegisterFile;
use crate::iommu::{amdvi, riscv, smmuv3, vtd, AnyIommu, Architecture};
use crate::memory::{Failure, MemError, Memory};
use crate::spec::{Localized, Phrase};
use alloc::{format, string::String, vec::Vec};
use core::fmt;

/// What a unit reports of itself, in its architecture's own registers, and what the machine around it decides.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)] // each is a register under its name; the machine's are said
pub enum Capabilities {
    /// VT-d: CAP_REG, ECAP_REG; and how many bits the host's addresses have.
    Vtd { cap: u64, ecap: u64, host_bits: u8 },
    /// RISC-V: capabilities; fctl after reset and which of its bits can be written; the reach that is reported for a first and
    /// for a second stage that is Bare.
    Riscv { capabilities: u64, fctl: u64, fctl_writable: u64, bare: [PageSize; 2] },
    /// SMMUv3: SMMU_IDR0, 1, 3 and 5, SMMU_AIDR, and SMMU_GBPA after reset.
    SmmuV3 { idr0: u32, idr1: u32, idr3: u32, idr5: u32, aidr: u32, gbpa: u32 },
    /// AMD-Vi: both extended feature registers; and whether devices may have TLBs of their own.
    AmdVi { efr: u64, efr2: u64, iotlbs: bool },
}

impl Capabilities {
    /// Returns those of the playground's unit: everything that is modelled here.
    pub fn playground(architecture: Architecture) -> Self {
        match architecture {
            Architecture::Vtd => {
                let vtd::Config { cap, ecap, host_bits, .. } = vtd::Config::playground();
                Capabilities::Vtd { cap, ecap, host_bits }
            }
            Architecture::Riscv => {
                let riscv::Config { capabilities, fctl, fctl_writable, bare, .. } =
                    riscv::Config::playground();
                Capabilities::Riscv { capabilities, fctl, fctl_writable, bare }
            }
            Architecture::SmmuV3 => {
                let smmuv3::Config { idr0, idr1, idr3, idr5, aidr, gbpa, .. } = smmuv3::Config::playground();
                Capabilities::SmmuV3 { idr0, idr1, idr3, idr5, aidr, gbpa }
            }
            Architecture::AmdVi => {
                let amdvi::Config { efr, efr2, iotlbs, .. } = amdvi::Config::playground();
                Capabilities::AmdVi { efr, efr2, iotlbs }
            }
        }
    }

    fn unit(self, caches: bool) -> AnyIommu {
        match self {
            Capabilities::Vtd { cap, ecap, host_bits } => {
                let mut config = vtd::Config { cap, ecap, host_bits, ..vtd::Config::playground() };
                if !caches {
                    config.caches = vtd::CacheSizes { context: 0, pasid: 0, iotlb: 0, interrupt: 0 };
                }
                AnyIommu::Vtd(vtd::Vtd::new(config))
            }
            Capabilities::Riscv { capabilities, fctl, fctl_writable, bare } => {
                let plain = riscv::Config::playground();
                let mut config = riscv::Config { capabilities, fctl, fctl_writable, bare, ..plain };
                if !caches {
                    config.caches = riscv::CacheSizes { ddt: 0, pdt: 0, iotlb: 0 };
                }
                AnyIommu::Riscv(riscv::Riscv::new(config))
            }
            Capabilities::SmmuV3 { idr0, idr1, idr3, idr5, aidr, gbpa } => {
                let plain = smmuv3::Config::playground();
                let mut config = smmuv3::Config { idr0, idr1, idr3, idr5, aidr, gbpa, ..plain };
                if !caches {
                    (config.caches, config.ipa_cache) = (smmuv3::CacheSizes { ste: 0, cd: 0, tlb: 0 }, false);
                }
                AnyIommu::SmmuV3(smmuv3::Smmuv3::new(config))
            }
            Capabilities::AmdVi { efr, efr2, iotlbs } => {
                let mut config = amdvi::Config { efr, efr2, iotlbs, ..amdvi::Config::playground() };
                if !caches {
                    config.caches = amdvi::CacheSizes { devices: 0, processes: 0, interrupts: 0, iotlb: 0 };
                }
                AnyIommu::AmdVi(amdvi::AmdVi::new(config))
            }
        }
    }
}

/// Which register: by its offset, or by its name in the specification.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum At {
    /// Bytes from the unit's register base.
    Offset(u32),
    /// Its name, such as `RTADDR_REG`, `ddtp`, `SMMU_STRTAB_BASE`.
    Name(String),
}

/// A write to a register by software.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RegisterWrite {
    /// Which one.
    pub at: At,
    /// How many bytes, 4 or 8; without, as many as the register has.
    pub bytes: Option<u8>,
    /// What is written.
    pub value: u64,
}

impl RegisterWrite {
    pub(super) fn resolve(&self, file: &RegisterFile) -> Result<(u32, u8), Error> {
        let (at, whole) = match &self.at {
            At::Offset(at) => {
                let (register, _) = file.find(*at).ok_or_else(|| Error::no_register(*at))?;
                (*at, register.bytes)
            }
            At::Name(name) => {
                let (register, at) = file.named(name).ok_or_else(|| Error::no_name(name))?;
                (at, register.bytes)
            }
        };
        match self.bytes.unwrap_or(whole) {
            bytes @ (4 | 8) if at % 4 == 0 => Ok((at, bytes)),
            bytes => Err(Error::width(bytes)),
        }
    }
}

/// What a machine is made of.
#[derive(Clone, PartialEq, Debug)]
pub struct Setup {
    /// What its unit reports of itself.
    pub unit: Capabilities,
    /// Its caches have the playground's sizes; otherwise it remembers nothing.
    pub caches: bool,
    /// Address and value of each word of memory that is not 0.
    pub memory: Vec<(u64, u64)>,
    /// Where memory fails: from, how many bytes, and how. The first that holds an address decides.
    pub failures: Vec<(u64, u64, Failure)>,
    /// What software writes to registers, in order.
    pub registers: Vec<RegisterWrite>,
}

impl Setup {
    /// Returns a machine with the playground's unit, nothing in memory and no register written.
    pub fn new(architecture: Architecture) -> Self {
        let unit = Capabilities::playground(architecture);
        Setup { unit, caches: false, memory: Vec::new(), failures: Vec::new(), registers: Vec::new() }
    }

    pub(super) fn new_memory(&self) -> Result<Memory, Error> {
        let mut memory = Memory::new();
        for (index, &(at, word)) in self.memory.iter().enumerate() {
            put(&mut memory, at, word).map_err(|error| error.at(Place::Word(index)))?;
        }
        for (index, &(from, bytes, how)) in self.failures.iter().enumerate() {
            let range = AddrRange::new(PhysAddr::new(from), bytes);
            let range = range.filter(|_| bytes > 0).ok_or_else(|| Error::range(index))?;
            memory.fail(range, how);
        }
        Ok(memory)
    }

    pub(super) fn new_unit(&self) -> Result<AnyIommu, Error> {
        match self.unit {
            Capabilities::Vtd { host_bits, .. } if !(32..=52).contains(&host_bits) => {
                Err(Error::host_bits(host_bits))
            }
            unit => Ok(unit.unit(self.caches)),
        }
    }
}

/// Writes a word where words begin.
pub(super) fn put(memory: &mut Memory, at: u64, word: u64) -> Result<(), Error> {
    if at % 8 != 0 {
        return Err(Error::no_word(at));
    }
    let at = PhysAddr::new(at);
    memory.write_u64(at, word).map(|_| ()).map_err(|error| Error::memory(&error, at.raw()))
}

/// Which part of a setup an error is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    /// What the unit reports.
    Unit,
    /// A word of memory, by its index.
    Word(usize),
    /// A range that fails, by its index.
    Failure(usize),
    /// A register that is written, by its index.
    Register(usize),
}

/// What is wrong, where, in both languages.
#[derive(Clone, PartialEq, Debug)]
pub struct Error {
    /// Where, if it is about a setup.
    pub place: Option<Place>,
    what: Phrase,
}

impl Error {
    fn new(en: String, zh: String) -> Self {
        Error { place: None, what: Phrase::new(en, zh) }
    }
    pub(super) fn at(mut self, place: Place) -> Self {
        self.place = Some(place);
        self
    }
    pub(super) fn no_register(at: u32) -> Self {
        Self::new(
            format!("this unit has no register at offset {at:#x}"),
            format!("这个 IOMMU 在偏移 {at:#x} 处没有寄存器"),
        )
    }
    fn no_name(name: &str) -> Self {
        Self::new(format!("this unit has no register {name:?}"), format!("这个 IOMMU 没有寄存器 {name:?}"))
    }
    fn width(bytes: u8) -> Self {
        Self::new(
            format!("registers are written by 4 or 8 bytes from an offset that 4 divides, not by {bytes}"),
            format!("寄存器每次写 4 或 8 字节，偏移须为 4 的倍数；这里是 {bytes} 字节"),
        )
    }
    fn no_word(at: u64) -> Self {
        Self::new(
            format!("words of memory are at multiples of 8, {at:#x} is none"),
            format!("内存的字位于 8 的倍数处，{at:#x} 不是"),
        )
    }
    fn range(index: usize) -> Self {
        let error = Self::new(
            "this range has no byte, or ends beyond the last address".into(),
            "这个范围没有字节，或超出了最后一个地址".into(),
        );
        error.at(Place::Failure(index))
    }
    fn host_bits(bits: u8) -> Self {
        let error = Self::new(
            format!("a host's addresses have 32 to 52 bits, not {bits}"),
            format!("主机地址有 32 到 52 位，不是 {bits} 位"),
        );
        error.at(Place::Unit)
    }
    fn memory(error: &MemError, at: u64) -> Self {
        match error {
            // A setup's failures come after its words: what refuses here is a later write.
            MemError::Access(_) | MemError::Poison(_) => Self::new(
                format!("memory at {at:#x} does not take writes"),
                format!("{at:#x} 处的内存不接受写入"),
            ),
            other => Error { place: None, what: other.phrase() },
        }
    }
    pub(super) fn endless() -> Self {
        Self::new(
            "what follows from this write does not end within 200,000 steps".into(),
            "这次写入引起的动作超过 20 万步仍未结束".into(),
        )
    }
}

impl Localized for Error {
    fn phrase(&self) -> Phrase {
        self.what.clone()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what.en)
    }
}

impl core::error::Error for Error {}
