//! Finding the device context and the process context (RISC-V IOMMU, "Process to locate the Device-context" and
//! "Process to locate the Process-context").

use super::access::{Place, Trouble};
use super::config::Config;
use super::faults;
use super::spec::registers::{capabilities as cap, ddtp, fctl, mode};
use super::spec::structures::{self as entries, dc, ddte, fsc_mode, iohgatp_mode, msiptp_mode, pc, pdte};
use super::stages::{Need, Root, StageFault, Stages};
use crate::addr::{AnyAddr, Space};
use crate::memory::Memory;
use crate::spec::{Bits, FaultCode, Field, Rule, Text};
use crate::trace::{Actor, Observer, Perms, Scope, Stage, Verdict};

/// What the registers say that translation needs.
#[derive(Clone, Copy, Debug)]
pub struct Setup<'a> {
    /// The unit.
    pub config: &'a Config,
    /// fctl.
    pub fctl: u64,
    /// ddtp.
    pub ddtp: u64,
    /// Look only: nothing is written.
    pub frozen: bool,
}

impl Setup<'_> {
    /// Returns fctl.BE.
    pub fn big_endian(&self) -> bool {
        self.fctl.is_set(fctl::BE)
    }
    /// Returns ddtp.iommu_mode.
    pub fn mode(&self) -> u64 {
        self.ddtp.bits(ddtp::IOMMU_MODE)
    }
    /// Returns the indexes of a device_id, the last level's first.
    pub const fn device_index(&self, device: u32) -> [u64; 3] {
        self.config.device_index(device)
    }
    /// Returns whether the device_id is within the levels of the directory.
    pub fn admits(&self, device: u32) -> bool {
        let index = self.device_index(device);
        match self.mode() {
            mode::LEVELS_1 => index[1] == 0 && index[2] == 0,
            mode::LEVELS_2 => index[2] == 0,
            _ => true,
        }
    }
}

/// A device context; in base format the last four words are 0.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Dc {
    /// Its words: tc, iohgatp, ta, fsc, msiptp, msi_addr_mask, msi_addr_pattern, reserved.
    pub words: [u64; 8],
}

impl Dc {
    /// Returns whether a flag, or any bit of a field, is set.
    #[inline(always)]
    pub fn is(&self, field: Field) -> bool {
        self.words.is_set(field)
    }
    /// Returns whether iohgatp.MODE is not Bare.
    pub fn guest(&self) -> bool {
        self.is(dc::IOHGATP_MODE)
    }
    /// Returns iohgatp.GSCID.
    pub fn gscid(&self) -> u16 {
        self.words.bits(dc::IOHGATP_GSCID) as u16
    }
    /// Returns fsc.
    pub const fn fsc(&self) -> u64 {
        self.words[3]
    }
    /// Returns the second stage as this context has it.
    pub fn stages<'a>(&self, setup: &Setup<'a>) -> Stages<'a> {
        Stages {
            config: setup.config,
            second: Root::new(self.words[1], self.is(dc::GADE), setup.big_endian()),
            first_updates: self.is(dc::SADE),
            frozen: setup.frozen,
        }
    }
}

/// A process context.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Pc {
    /// ta and fsc.
    pub words: [u64; 2],
}

macro_rules! rules {
    ($($id:ident $en:literal $zh:literal $section:literal;)*) => {
        $(static $id: Rule = Rule { text: Text::new($en, $zh), section: $section };)*
    };
}

rules! {
    NOT_VALID "V = 0: the entry is not valid" "表项无效（V = 0）" "RISC-V IOMMU, process to locate a context";
    RESERVED "a reserved bit is 1" "保留位为 1" "RISC-V IOMMU, DC misconfiguration, item 1";
    NO_ATS "EN_ATS, EN_PRI or PRPR is 1 without capabilities.ATS" "不支持 ATS 而 EN_ATS、EN_PRI 或 PRPR 为 1"
        "RISC-V IOMMU, DC misconfiguration";
    ATS_PAIRS "T2GPA or EN_PRI without EN_ATS, or PRPR without EN_PRI" "T2GPA 或 EN_PRI 需要 EN_ATS，PRPR 需要 EN_PRI"
        "RISC-V IOMMU, DC misconfiguration";
    BAD_T2GPA "T2GPA without capabilities.T2GPA, or with a Bare second stage" "不支持 T2GPA，或第二阶段为 Bare 时 T2GPA = 1"
        "RISC-V IOMMU, DC misconfiguration";
    BAD_PDTP "the mode of the process directory is not supported" "进程目录模式不受支持" "RISC-V IOMMU, DC misconfiguration";
    BAD_FSC "the mode of the first stage is not supported" "第一阶段模式不受支持" "RISC-V IOMMU, DC misconfiguration";
    BAD_DPE "DPE is 1 and PDTV is 0" "PDTV = 0 而 DPE = 1" "RISC-V IOMMU, DC misconfiguration";
    BAD_HGATP "the mode of the second stage is not supported" "第二阶段模式不受支持" "RISC-V IOMMU, DC misconfiguration";
    BAD_MSIPTP "the mode of the MSI page table is not supported, or the second stage is Bare" "MSI 页表模式不受支持，或第二阶段为 Bare"
        "RISC-V IOMMU, DC misconfiguration";
    UNALIGNED "the root of the second stage is not aligned to 16 KiB" "第二阶段页表根未按 16 KiB 对齐"
        "RISC-V IOMMU, DC misconfiguration";
    NO_UPDATE "SADE or GADE is 1 without capabilities.AMO_HWAD" "不支持硬件更新而 SADE 或 GADE 为 1"
        "RISC-V IOMMU, DC misconfiguration";
    BAD_ENDIAN "SBE is a byte order that is not supported" "SBE 的字节序不受支持" "RISC-V IOMMU, DC misconfiguration";
    BAD_SXL "SXL = 1 is not supported" "不支持 SXL = 1" "RISC-V IOMMU, DC misconfiguration";
}

/// Returns whether the mode of a first stage is one that the unit has.
fn first_mode(config: &Config, mode: u64) -> bool {
    match mode {
        fsc_mode::BARE => true,
        fsc_mode::SV39 => config.has(cap::SV39),
        fsc_mode::SV48 => config.has(cap::SV48),
        fsc_mode::SV57 => config.has(cap::SV57),
        _ => false,
    }
}

/// Returns whether the mode of a process directory is one that the unit has.
fn process_mode(config: &Config, mode: u64) -> bool {
    match mode {
        fsc_mode::BARE => true,
        fsc_mode::PD8 => config.has(cap::PD8),
        fsc_mode::PD17 => config.has(cap::PD17),
        fsc_mode::PD20 => config.has(cap::PD20),
        _ => false,
    }
}

/// Returns whether the mode of a second stage is one that the unit has.
fn second_mode(config: &Config, mode: u64) -> bool {
    match mode {
        iohgatp_mode::BARE => true,
        iohgatp_mode::SV39X4 => config.has(cap::SV39X4),
        iohgatp_mode::SV48X4 => config.has(cap::SV48X4),
        iohgatp_mode::SV57X4 => config.has(cap::SV57X4),
        _ => false,
    }
}

/// Returns why a valid device context cannot be used. 32-bit tables (GXL, SXL) are not modelled.
fn misconfigured(setup: &Setup<'_>, context: &Dc, be_writable: bool) -> Option<&'static Rule> {
    let config = setup.config;
    let has = |flag| config.has(flag);
    let is = |field| context.is(field);
    let words = &context.words;
    let (format, msi) = if has(cap::MSI_FLAT) {
        (&entries::DC_EXTENDED, words.bits(dc::MSIPTP_MODE))
    } else {
        (&entries::DC_BASE, msiptp_mode::OFF)
    };
    let qos = (is(dc::TA_RCID) || is(dc::TA_MCID)) && !has(cap::QOSID);
    let mode = words.bits(dc::FSC_MODE);
    // The root of an x4 table is aligned to its 16 KiB.
    let unaligned = words.address(dc::IOHGATP_PPN) & 0x3fff != 0;
    let checks: [(bool, &'static Rule); 13] = [
        (format.reserved_set(words, 64) || qos, &RESERVED),
        ((is(dc::EN_ATS) || is(dc::EN_PRI) || is(dc::PRPR)) && !has(cap::ATS), &NO_ATS),
        (!is(dc::EN_ATS) && (is(dc::T2GPA) || is(dc::EN_PRI)) || !is(dc::EN_PRI) && is(dc::PRPR), &ATS_PAIRS),
        (is(dc::T2GPA) && (!has(cap::T2GPA) || !context.guest()), &BAD_T2GPA),
        (is(dc::PDTV) && !process_mode(config, mode), &BAD_PDTP),
        (!is(dc::PDTV) && !first_mode(config, mode), &BAD_FSC),
        (!is(dc::PDTV) && is(dc::DPE), &BAD_DPE),
        (!second_mode(config, words.bits(dc::IOHGATP_MODE)), &BAD_HGATP),
        (msi > msiptp_mode::FLAT || msi != msiptp_mode::OFF && !context.guest(), &BAD_MSIPTP),
        (context.guest() && unaligned, &UNALIGNED),
        ((is(dc::SADE) || is(dc::GADE)) && !has(cap::AMO_HWAD), &NO_UPDATE),
        (is(dc::SBE) != setup.big_endian() && (!has(cap::END) || !be_writable), &BAD_ENDIAN),
        (is(dc::SXL), &BAD_SXL),
    ];
    checks.iter().find(|(bad, _)| *bad).map(|(_, rule)| *rule)
}

fn any(space: Space, raw: u64) -> AnyAddr {
    AnyAddr { space, raw }
}

/// Finds the device context of a device.
pub fn device_context<O: Observer>(
    setup: &Setup<'_>,
    memory: &Memory,
    device: u32,
    obs: &mut O,
) -> Result<Dc, &'static FaultCode> {
    let root = setup.ddtp.address(ddtp::PPN);
    let input = any(Space::Bus, u64::from(device));
    obs.begin(
        Actor::Iommu,
        Scope::Walk { stage: Stage::Device, input, root: any(Space::Physical, root), root_bits: 0 },
    );
    let result = descend_device(setup, memory, device, root, obs);
    obs.end(Actor::Iommu, result.as_ref().map_or_else(|code| Verdict::Fault(code), |_| Verdict::Ok));
    result
}

fn descend_device<O: Observer>(
    setup: &Setup<'_>,
    memory: &Memory,
    device: u32,
    root: u64,
    obs: &mut O,
) -> Result<Dc, &'static FaultCode> {
    let config = setup.config;
    let index = setup.device_index(device);
    let trouble = |trouble| match trouble {
        Trouble::Access => &faults::DDT_ACCESS_FAULT,
        Trouble::Corrupt => &faults::DDT_CORRUPTION,
    };
    let mut table = root;
    let reach = config.reach(setup.big_endian());
    let levels = setup.mode().clamp(mode::LEVELS_1, mode::LEVELS_3) - mode::LEVELS_1 + 1;
    // Bounded: levels.
    for level in (1..levels as usize).rev() {
        let pa = table.wrapping_add(index[level] * 8);
        let place = Place::physical(&entries::DDTE, level as u8 + 1, index[level] as u32, pa);
        let words = place.read(&reach, memory, obs).map_err(trouble)?;
        if !words.is_set(ddte::V) {
            place.record(&words, Verdict::Refused(&NOT_VALID), obs);
            return Err(&faults::DDT_NOT_VALID);
        }
        if entries::DDTE.reserved_set(&words, 64) {
            place.record(&words, Verdict::Refused(&RESERVED), obs);
            return Err(&faults::DDT_MISCONFIGURED);
        }
        table = words.address(ddte::PPN);
        place.record(&words, Verdict::Next(any(Space::Physical, table)), obs);
    }
    let entry = if config.has(cap::MSI_FLAT) { &entries::DC_EXTENDED } else { &entries::DC_BASE };
    let pa = table.wrapping_add(index[0] * u64::from(entry.words) * 8);
    let place = Place::physical(entry, 1, index[0] as u32, pa);
    let words = place.read(&reach, memory, obs).map_err(trouble)?;
    let dc = Dc { words };
    if !words.is_set(dc::V) {
        place.record(&words, Verdict::Refused(&NOT_VALID), obs);
        return Err(&faults::DDT_NOT_VALID);
    }
    if let Some(rule) = misconfigured(setup, &dc, config.fctl_writable.is_set(fctl::BE)) {
        place.record(&words, Verdict::Refused(rule), obs);
        return Err(&faults::DDT_MISCONFIGURED);
    }
    place.record(&words, Verdict::Ok, obs);
    Ok(dc)
}

/// A fault with the second value that its record carries.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Stopped {
    /// The cause.
    pub code: &'static FaultCode,
    /// iotval2.
    pub iotval2: u64,
}

impl From<&'static FaultCode> for Stopped {
    fn from(code: &'static FaultCode) -> Self {
        Stopped { code, iotval2: 0 }
    }
}

/// The cause that fits what the access needs: of the fetch, the read, the write.
pub fn by_need(perms: Perms, codes: [&'static FaultCode; 3]) -> &'static FaultCode {
    if perms.has(Perms::X) {
        codes[0]
    } else if perms.has(Perms::R) {
        codes[1]
    } else {
        codes[2]
    }
}

/// Returns the guest-page-fault cause of an access.
pub fn guest_page_fault(perms: Perms) -> &'static FaultCode {
    by_need(
        perms,
        [
            &faults::INSTRUCTION_GUEST_PAGE_FAULT,
            &faults::READ_GUEST_PAGE_FAULT,
            &faults::WRITE_GUEST_PAGE_FAULT,
        ],
    )
}

/// Returns the indexes of a process_id, the last level's first.
pub const fn process_index(process: u32) -> [u64; 3] {
    let process = process as u64;
    [process & 0xff, process >> 8 & 0x1ff, process >> 17 & 7]
}

/// Finds the process context of a process; `perms` is what the request itself needs.
pub fn process_context<O: Observer>(
    setup: &Setup<'_>,
    dc: &Dc,
    memory: &mut Memory,
    process: u32,
    perms: Perms,
    obs: &mut O,
) -> Result<Pc, Stopped> {
    let root = dc.words.address(dc::FSC_PPN);
    let space = if dc.guest() { Space::GuestPhysical } else { Space::Physical };
    let input = any(Space::Bus, u64::from(process));
    obs.begin(
        Actor::Iommu,
        Scope::Walk { stage: Stage::Process, input, root: any(space, root), root_bits: 0 },
    );
    let result = descend_process(setup, dc, memory, process, perms, root, space, obs);
    obs.end(Actor::Iommu, result.as_ref().map_or_else(|stop| Verdict::Fault(stop.code), |_| Verdict::Ok));
    result
}

#[allow(clippy::too_many_arguments)] // the two functions are one: the outer one records the scope
fn descend_process<O: Observer>(
    setup: &Setup<'_>,
    dc: &Dc,
    memory: &mut Memory,
    process: u32,
    perms: Perms,
    root: u64,
    space: Space,
    obs: &mut O,
) -> Result<Pc, Stopped> {
    let config = setup.config;
    let index = process_index(process);
    let trouble = |trouble| match trouble {
        Trouble::Access => Stopped::from(&faults::PDT_ACCESS_FAULT),
        Trouble::Corrupt => Stopped::from(&faults::PDT_CORRUPTION),
    };
    let stages = dc.stages(setup);
    let locate = |memory: &mut Memory, at: u64, obs: &mut O| {
        // A read that the device requested, as far as the second stage goes; the directory is never marked dirty.
        let need = Need { perms: Perms::R, privileged: false, check: true };
        stages.second(memory, at, need, obs).map(|leaf| leaf.to).map_err(|fault| match fault {
            StageFault::Memory(t) => trouble(t),
            _ => Stopped { code: guest_page_fault(perms), iotval2: at & !3 | 1 },
        })
    };
    let mut table = root;
    let reach = config.reach(dc.is(dc::SBE));
    let levels = dc.words.bits(dc::FSC_MODE).clamp(fsc_mode::PD8, fsc_mode::PD20) as usize;
    // Bounded: levels.
    for level in (1..levels).rev() {
        let at = table.wrapping_add(index[level] * 8);
        let pa = locate(memory, at, obs)?;
        let place = Place {
            entry: &entries::PDTE,
            level: level as u8 + 1,
            index: index[level] as u32,
            at: any(space, at),
            pa,
        };
        let words = place.read(&reach, memory, obs).map_err(trouble)?;
        if !words.is_set(pdte::V) {
            place.record(&words, Verdict::Refused(&NOT_VALID), obs);
            return Err(Stopped::from(&faults::PDT_NOT_VALID));
        }
        if entries::PDTE.reserved_set(&words, 64) {
            place.record(&words, Verdict::Refused(&RESERVED), obs);
            return Err(Stopped::from(&faults::PDT_MISCONFIGURED));
        }
        table = words.address(pdte::PPN);
        place.record(&words, Verdict::Next(any(space, table)), obs);
    }
    let at = table.wrapping_add(index[0] * 16);
    let pa = locate(memory, at, obs)?;
    let entry = &entries::PC;
    let place = Place { entry, level: 1, index: index[0] as u32, at: any(space, at), pa };
    let words = place.read(&reach, memory, obs).map_err(trouble)?;
    let pc = Pc { words: [words[0], words[1]] };
    if !words.is_set(pc::V) {
        place.record(&words, Verdict::Refused(&NOT_VALID), obs);
        return Err(Stopped::from(&faults::PDT_NOT_VALID));
    }
    let known = first_mode(config, words.bits(pc::FSC_MODE));
    if entries::PC.reserved_set(&pc.words, 64) || !known {
        let rule = if known { &RESERVED } else { &BAD_FSC };
        place.record(&words, Verdict::Refused(rule), obs);
        return Err(Stopped::from(&faults::PDT_MISCONFIGURED));
    }
    let root = any(space, words.address(pc::FSC_PPN));
    let next = if words.is_set(pc::FSC_MODE) { Verdict::Next(root) } else { Verdict::Ok };
    place.record(&words, next, obs);
    Ok(pc)
}
