//! Finding the device context and the process context (RISC-V IOMMU, "Process to locate the Device-context" and
//! "Process to locate the Process-context").

use super::access::{Place, Trouble};
use super::config::Config;
use super::entries::{self, reserved_set};
use super::faults;
use super::spec::registers::capabilities as cap;
use super::stages::{Need, Root, StageFault, Stages};
use crate::addr::{AnyAddr, Space};
use crate::memory::Memory;
use crate::spec::{FaultCode, Rule, Text};
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
    /// fctl.BE.
    pub const fn big_endian(&self) -> bool {
        self.fctl & 1 != 0
    }
    /// ddtp.iommu_mode: 0 Off, 1 Bare, 2 to 4 the levels of the directory plus 1.
    pub const fn mode(&self) -> u8 {
        (self.ddtp & 0xf) as u8
    }
    /// The indexes of a device_id, the last level's first.
    pub const fn device_index(&self, device: u32) -> [u64; 3] {
        let device = device as u64 & 0xff_ffff;
        if self.config.has(cap::MSI_FLAT) {
            [device & 0x3f, device >> 6 & 0x1ff, device >> 15 & 0x1ff]
        } else {
            [device & 0x7f, device >> 7 & 0x1ff, device >> 16 & 0xff]
        }
    }
    /// Is the device_id within the levels of the directory?
    pub const fn admits(&self, device: u32) -> bool {
        let index = self.device_index(device);
        // The reference model keeps each index in eight bits here, though the upper ones have nine.
        let mask = if self.config.quirks.device_index_truncated { 0xff } else { 0x1ff };
        match self.mode() {
            2 => index[1] & mask == 0 && index[2] & mask == 0,
            3 => index[2] & mask == 0,
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

macro_rules! flags {
    ($($name:ident $bit:literal $doc:literal;)*) => {
        $(#[doc = $doc] pub const fn $name(&self) -> bool { self.words[0] >> $bit & 1 != 0 })*
    };
}

impl Dc {
    flags! {
        ats 1 "EN_ATS.";
        pri 2 "EN_PRI.";
        t2gpa 3 "T2GPA.";
        dtf 4 "DTF.";
        pdtv 5 "PDTV.";
        prpr 6 "PRPR.";
        gade 7 "GADE.";
        sade 8 "SADE.";
        dpe 9 "DPE.";
        sbe 10 "SBE.";
        sxl 11 "SXL.";
    }
    /// iohgatp.MODE is not Bare.
    pub const fn guest(&self) -> bool {
        self.words[1] >> 60 != 0
    }
    /// iohgatp.GSCID.
    pub const fn gscid(&self) -> u16 {
        (self.words[1] >> 44) as u16
    }
    /// ta.PSCID.
    pub const fn pscid(&self) -> u32 {
        (self.words[2] >> 12 & 0xf_ffff) as u32
    }
    /// fsc.
    pub const fn fsc(&self) -> u64 {
        self.words[3]
    }
    /// MODE of fsc.
    pub const fn fsc_mode(&self) -> u64 {
        self.words[3] >> 60
    }
    /// MSI page tables are on.
    pub const fn msi(&self) -> bool {
        self.words[4] >> 60 != 0
    }
    /// The second stage as this context has it.
    pub const fn stages<'a>(&self, setup: &Setup<'a>) -> Stages<'a> {
        Stages {
            config: setup.config,
            second: Root::new(self.words[1], self.gade(), setup.big_endian()),
            first_updates: self.sade(),
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

impl Pc {
    /// ENS.
    pub const fn ens(&self) -> bool {
        self.words[0] >> 1 & 1 != 0
    }
    /// SUM.
    pub const fn sum(&self) -> bool {
        self.words[0] >> 2 & 1 != 0
    }
    /// PSCID.
    pub const fn pscid(&self) -> u32 {
        (self.words[0] >> 12 & 0xf_ffff) as u32
    }
}

macro_rules! rules {
    ($($id:ident $en:literal $zh:literal $section:literal;)*) => {
        $(static $id: Rule = Rule { text: Text::new($en, $zh), section: $section };)*
    };
}

rules! {
    NOT_VALID "V = 0: the entry is not valid" "V = 0：表项无效" "RISC-V IOMMU, process to locate a context";
    RESERVED "a reserved bit is 1" "保留位为 1" "RISC-V IOMMU, DC misconfiguration, item 1";
    NO_ATS "EN_ATS, EN_PRI or PRPR is 1 without capabilities.ATS" "不支持 ATS 而 EN_ATS、EN_PRI 或 PRPR 为 1"
        "RISC-V IOMMU, DC misconfiguration";
    ATS_PAIRS "T2GPA or EN_PRI without EN_ATS, or PRPR without EN_PRI" "T2GPA 或 EN_PRI 需要 EN_ATS，PRPR 需要 EN_PRI"
        "RISC-V IOMMU, DC misconfiguration";
    BAD_T2GPA "T2GPA without capabilities.T2GPA, or with a Bare second stage" "不支持 T2GPA，或第二级为 Bare 时 T2GPA = 1"
        "RISC-V IOMMU, DC misconfiguration";
    BAD_PDTP "the mode of the process directory is not supported" "进程目录模式不受支持" "RISC-V IOMMU, DC misconfiguration";
    BAD_FSC "the mode of the first stage is not supported" "第一级模式不受支持" "RISC-V IOMMU, DC misconfiguration";
    BAD_DPE "DPE is 1 and PDTV is 0" "PDTV = 0 而 DPE = 1" "RISC-V IOMMU, DC misconfiguration";
    BAD_HGATP "the mode of the second stage is not supported" "第二级模式不受支持" "RISC-V IOMMU, DC misconfiguration";
    BAD_MSIPTP "the mode of the MSI page table is not supported, or the second stage is Bare" "MSI 页表模式不受支持，或第二级为 Bare"
        "RISC-V IOMMU, DC misconfiguration";
    UNALIGNED "the root of the second stage is not aligned to 16 KiB" "第二级页表根未按 16 KiB 对齐"
        "RISC-V IOMMU, DC misconfiguration";
    NO_UPDATE "SADE or GADE is 1 without capabilities.AMO_HWAD" "不支持硬件更新而 SADE 或 GADE 为 1"
        "RISC-V IOMMU, DC misconfiguration";
    BAD_ENDIAN "SBE is a byte order that is not supported" "SBE 的字节序不受支持" "RISC-V IOMMU, DC misconfiguration";
    BAD_SXL "SXL = 1 is not supported" "不支持 SXL = 1" "RISC-V IOMMU, DC misconfiguration";
}

/// Is the mode of a first stage one that the unit has?
fn first_mode(config: &Config, mode: u64) -> bool {
    match mode {
        0 => true,
        8 => config.has(cap::SV39),
        9 => config.has(cap::SV48),
        10 => config.has(cap::SV57),
        _ => false,
    }
}

/// Is the mode of a process directory one that the unit has?
fn process_mode(config: &Config, mode: u64) -> bool {
    match mode {
        0 => true,
        1 => config.has(cap::PD8),
        2 => config.has(cap::PD17),
        3 => config.has(cap::PD20),
        _ => false,
    }
}

/// Why a valid device context cannot be used. 32-bit tables (GXL, SXL) are not modelled.
fn misconfigured(setup: &Setup<'_>, dc: &Dc, be_writable: bool) -> Option<&'static Rule> {
    let config = setup.config;
    let format = if config.has(cap::MSI_FLAT) { &entries::DC_EXTENDED } else { &entries::DC_BASE };
    let qos = dc.words[2] >> 40 != 0 && !config.has(cap::QOSID);
    let mode = dc.fsc_mode();
    let checks: [(bool, &'static Rule); 13] = [
        (reserved_set(format, &dc.words) || qos, &RESERVED),
        ((dc.ats() || dc.pri() || dc.prpr()) && !config.has(cap::ATS), &NO_ATS),
        (!dc.ats() && (dc.t2gpa() || dc.pri()) || !dc.pri() && dc.prpr(), &ATS_PAIRS),
        (dc.t2gpa() && (!config.has(cap::T2GPA) || !dc.guest()), &BAD_T2GPA),
        (dc.pdtv() && !process_mode(config, mode), &BAD_PDTP),
        (!dc.pdtv() && !first_mode(config, mode), &BAD_FSC),
        (!dc.pdtv() && dc.dpe(), &BAD_DPE),
        (
            match dc.words[1] >> 60 {
                0 => false,
                8 => !config.has(cap::SV39X4),
                9 => !config.has(cap::SV48X4),
                10 => !config.has(cap::SV57X4),
                _ => true,
            },
            &BAD_HGATP,
        ),
        (config.has(cap::MSI_FLAT) && (dc.words[4] >> 60 > 1 || dc.msi() && !dc.guest()), &BAD_MSIPTP),
        (dc.guest() && dc.words[1] & 3 != 0, &UNALIGNED),
        ((dc.sade() || dc.gade()) && !config.has(cap::AMO_HWAD), &NO_UPDATE),
        (dc.sbe() != setup.big_endian() && (!config.has(cap::END) || !be_writable), &BAD_ENDIAN),
        (dc.sxl(), &BAD_SXL),
    ];
    checks.iter().find(|(bad, _)| *bad).map(|(_, rule)| *rule)
}

const fn ppn(word: u64) -> u64 {
    (word >> 10 & 0xfff_ffff_ffff) << 12
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
    let root = (setup.ddtp >> 10 & 0xfff_ffff_ffff) << 12;
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
    for level in (1..usize::from(setup.mode().clamp(2, 4)) - 1).rev() {
        let pa = table.wrapping_add(index[level] * 8);
        let place = Place::physical(&entries::DDTE, level as u8 + 1, index[level] as u32, pa);
        let words = place.read(&reach, memory, obs).map_err(trouble)?;
        let raw = words[0];
        if raw & 1 == 0 {
            place.record(&words, Verdict::Refused(&NOT_VALID), obs);
            return Err(&faults::DDT_NOT_VALID);
        }
        if reserved_set(&entries::DDTE, &[raw]) {
            place.record(&words, Verdict::Refused(&RESERVED), obs);
            return Err(&faults::DDT_MISCONFIGURED);
        }
        table = ppn(raw);
        place.record(&words, Verdict::Next(any(Space::Physical, table)), obs);
    }
    let (entry, bytes) = match config.has(cap::MSI_FLAT) {
        true => (&entries::DC_EXTENDED, 64),
        false => (&entries::DC_BASE, 32),
    };
    let pa = table.wrapping_add(index[0] * bytes);
    let place = Place::physical(entry, 1, index[0] as u32, pa);
    let words = place.read(&reach, memory, obs).map_err(trouble)?;
    let dc = Dc { words };
    if words[0] & 1 == 0 {
        place.record(&words, Verdict::Refused(&NOT_VALID), obs);
        return Err(&faults::DDT_NOT_VALID);
    }
    if let Some(rule) = misconfigured(setup, &dc, config.fctl_writable & 1 != 0) {
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

/// The guest-page-fault cause of an access.
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

/// Finds the process context of a process; `perms` is what the request itself needs.
pub fn process_context<O: Observer>(
    setup: &Setup<'_>,
    dc: &Dc,
    memory: &mut Memory,
    process: u32,
    perms: Perms,
    obs: &mut O,
) -> Result<Pc, Stopped> {
    let root = (dc.fsc() & 0xfff_ffff_ffff) << 12;
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

#[allow(clippy::too_many_arguments)] // the two functions are one: the outer one tells the scope
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
    let index = [u64::from(process & 0xff), u64::from(process >> 8 & 0x1ff), u64::from(process >> 17 & 7)];
    let trouble = |trouble| match trouble {
        Trouble::Access => Stopped::from(&faults::PDT_ACCESS_FAULT),
        Trouble::Corrupt => Stopped::from(&faults::PDT_CORRUPTION),
    };
    let stages = dc.stages(setup);
    let locate = |memory: &mut Memory, at: u64, obs: &mut O| {
        // A read that the device asked for, as far as the second stage goes; the directory is never marked dirty.
        let need = Need { perms: Perms::R, privileged: false, check: true };
        stages.second(memory, at, need, obs).map(|leaf| leaf.to).map_err(|fault| match fault {
            StageFault::Memory(t) => trouble(t),
            _ => Stopped { code: guest_page_fault(perms), iotval2: at & !3 | 1 },
        })
    };
    let mut table = root;
    let reach = config.reach(dc.sbe());
    for level in (1..dc.fsc_mode().clamp(1, 3) as usize).rev() {
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
        if words[0] & 1 == 0 {
            place.record(&words, Verdict::Refused(&NOT_VALID), obs);
            return Err(Stopped::from(&faults::PDT_NOT_VALID));
        }
        if reserved_set(&entries::PDTE, &words[..1]) {
            place.record(&words, Verdict::Refused(&RESERVED), obs);
            return Err(Stopped::from(&faults::PDT_MISCONFIGURED));
        }
        table = ppn(words[0]);
        place.record(&words, Verdict::Next(any(space, table)), obs);
    }
    let at = table.wrapping_add(index[0] * 16);
    let pa = locate(memory, at, obs)?;
    let entry = &entries::PC;
    let place = Place { entry, level: 1, index: index[0] as u32, at: any(space, at), pa };
    let words = place.read(&reach, memory, obs).map_err(trouble)?;
    let pc = Pc { words: [words[0], words[1]] };
    if words[0] & 1 == 0 {
        place.record(&words, Verdict::Refused(&NOT_VALID), obs);
        return Err(Stopped::from(&faults::PDT_NOT_VALID));
    }
    if reserved_set(&entries::PC, &pc.words) || !first_mode(config, words[1] >> 60) {
        let rule = if first_mode(config, words[1] >> 60) { &RESERVED } else { &BAD_FSC };
        place.record(&words, Verdict::Refused(rule), obs);
        return Err(Stopped::from(&faults::PDT_MISCONFIGURED));
    }
    let root = (words[1] & 0xfff_ffff_ffff) << 12;
    let next = if words[1] >> 60 == 0 { Verdict::Ok } else { Verdict::Next(any(space, root)) };
    place.record(&words, next, obs);
    Ok(pc)
}
