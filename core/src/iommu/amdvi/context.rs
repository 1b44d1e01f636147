//! The device table: finding and checking the entry of a device (AMD 48882, device table).

use super::faults;
use super::records::Event;
use super::request::{Asked, Refused, Setup};
use super::spec::events::hardware;
use super::spec::registers::{control, device_table, efr};
use super::spec::structures::{dte, gcr3_root, mode, DTE};
use crate::addr::{AnyAddr, Space};
use crate::iommu::fetch::{Place, Reach, ReachRules, Trouble};
use crate::iommu::traced_cache::Source;
use crate::memory::Memory;
use crate::paging::amdv1::AmdV1;
use crate::spec::{Bits, Field, Rule, Text};
use crate::trace::{Actor, Event as Step, Observer, Scope, Stage, Verdict};

/// A device table entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Dte {
    /// Its words.
    pub words: dte::Words,
}

impl Dte {
    /// Returns whether a flag, or any bit of a field, is set.
    #[inline(always)]
    pub fn is(&self, field: Field) -> bool {
        self.words.is_set(field)
    }
    /// DomainID.
    pub fn domain(&self) -> u16 {
        self.words.bits(dte::DOMAIN_ID) as u16
    }
    /// Mode: levels of the host tables.
    pub fn mode(&self) -> u64 {
        self.words.bits(dte::MODE)
    }
    /// GCR3TRP: where the GCR3 table is.
    pub fn gcr3(&self) -> u64 {
        let part = |field| self.words.bits(field);
        0u64.with(gcr3_root::A, part(dte::GCR3_A))
            .with(gcr3_root::B, part(dte::GCR3_B))
            .with(gcr3_root::C, part(dte::GCR3_C))
    }
    /// The PASID whose guest tables a request meets first, if there are any for it.
    pub fn guest(&self, setup: &Setup<'_>, asked: &Asked) -> Option<u32> {
        let without = self.is(dte::GIOV).then_some(0);
        asked.pasid.or(without).filter(|_| self.is(dte::GV) && setup.on(control::GT_EN))
    }
    /// The format of its host tables.
    pub fn host(&self, setup: &Setup<'_>) -> AmdV1 {
        let had = if setup.frozen { 0 } else { self.words.bits(dte::HAD) };
        AmdV1 {
            levels: self.mode() as u8,
            accessed: setup.config.has(efr::HA_SUP) && had & 1 != 0,
            dirty: setup.config.has(efr::HD_SUP) && had == 3,
            check_perms: true,
            loose_directories: setup.config.loose_directories,
        }
    }
}

macro_rules! rules {
    ($($(#[$doc:meta])* $vis:vis $id:ident $en:literal $zh:literal;)*) => {
        $($(#[$doc])* $vis static $id: Rule = Rule { text: Text::new($en, $zh), section: "AMD 48882" };)*
    };
}
rules! {
    RESERVED "a reserved bit is 1" "保留位为 1";
    IDENTITY "with secure nested paging identity is illegal" "启用 SNP 时不允许直通模式（identity）";
    BAD_MODE "Mode is reserved, or has more levels than the unit" "Mode 为保留值，或级数超出 IOMMU 的支持";
    NO_GUESTS "guest translation without EFR.GTSup" "没有 EFR.GTSup 而使用客户机转换";
    BAD_GUESTS "GLX or GuestPagingMode is reserved, or more than the unit has" "GLX 或 GuestPagingMode 为保留值，或超出 IOMMU 的支持";
    INSIDE "the DeviceID is beyond the device table, or its segment (Size)" "DeviceID 超出设备表或其分段（Size）";
    BEYOND "the address is beyond 52 bits" "地址超出 52 位";
    UNREADABLE "the memory does not answer" "内存没有响应";
    CORRUPT "the data was read as corrupted" "读到的数据已损坏";
}

static RULES: ReachRules = ReachRules { beyond: &BEYOND, unreadable: &UNREADABLE, corrupt: &CORRUPT };

/// How the unit reads structures.
pub const REACH: Reach = Reach { bits: 52, big_endian: false, rules: &RULES };

/// The Type of a hardware error.
pub const fn error_type(trouble: Trouble) -> u8 {
    match trouble {
        Trouble::Access => hardware::TARGET_ABORT as u8,
        Trouble::Corrupt => hardware::DATA_ERROR as u8,
    }
}

/// Why an entry is illegal for a request. For an interrupt without a map (IV = 0) bits 127:64 do not count: all in them is
/// about addresses.
pub(super) fn illegal(setup: &Setup<'_>, asked: &Asked, entry: &Dte) -> Option<&'static Rule> {
    let config = setup.config;
    let unmapped = asked.is_interrupt() && !entry.is(dte::IV);
    let [low, addresses, interrupts, high] = entry.words;
    let counting = [low, if unmapped { 0 } else { addresses }, interrupts, high];
    if DTE.reserved_set(&counting, 64) {
        return Some(&RESERVED);
    }
    if unmapped {
        return None;
    }
    if !entry.is(dte::V) {
        return (config.snp && config.has(efr::SNP_SUP)).then_some(&IDENTITY);
    }
    if entry.is(dte::GV) {
        let bits = |field| entry.words.bits(field);
        if !config.has(efr::GT_SUP) {
            return Some(&NO_GUESTS);
        }
        if bits(dte::GLX) > config.efr.bits(efr::GLX_SUP)
            || bits(dte::GUEST_MODE) > config.efr.bits(efr::GATS)
        {
            return Some(&BAD_GUESTS);
        }
    }
    let identity = entry.is(dte::TV) && entry.mode() == mode::NONE && !entry.is(dte::GV);
    (identity && config.snp && config.has(efr::SNP_SUP)).then_some(&IDENTITY)
}

/// Refuses a request for an illegal entry.
pub(super) fn refuse(asked: &Asked) -> Refused {
    let event = asked.event(&faults::ILLEGAL_DEV_TABLE_ENTRY, asked.at);
    Refused::with(Event { reserved: true, ..event })
}

/// Refuses a request of a device for which the table has no entry.
fn beyond(asked: &Asked) -> Refused {
    let code = if asked.ats() { &faults::INVALID_DEVICE_REQUEST } else { &faults::IO_PAGE_FAULT };
    Refused::with(asked.event(code, asked.at))
}

/// Returns why the host tables of an entry cannot be walked.
pub fn bad_mode(setup: &Setup<'_>, entry: &Dte) -> Option<&'static Rule> {
    let levels = entry.mode();
    (levels == mode::RESERVED || levels > setup.config.host_levels().into()).then_some(&BAD_MODE)
}

/// The entry of a device, as the device table has it.
pub(super) struct OfDevice<'a> {
    pub setup: &'a Setup<'a>,
    pub asked: &'a Asked,
}

impl Source<Dte> for OfDevice<'_> {
    type Error = Refused;
    fn load<O: Observer>(&self, memory: &mut Memory, _: bool, obs: &mut O) -> Result<Dte, Refused> {
        let root = AnyAddr { space: Space::Physical, raw: self.setup.table.address(device_table::BASE) };
        let input = AnyAddr { space: Space::Bus, raw: self.asked.device.into() };
        obs.begin(Actor::Iommu, Scope::Walk { stage: Stage::Device, input, root, root_bits: 0 });
        let result = self.read(root.raw, memory, obs);
        obs.end(
            Actor::Iommu,
            match &result {
                Ok(_) => Verdict::Ok,
                Err(Refused { event: Some(event), .. }) => Verdict::Fault(event.code),
                Err(_) => Verdict::Refused(&INSIDE),
            },
        );
        result
    }
}

impl OfDevice<'_> {
    fn read<O: Observer>(&self, root: u64, memory: &Memory, obs: &mut O) -> Result<Dte, Refused> {
        let (device, index) = (self.asked.device, self.setup.index);
        // Size counts pages of 128 entries, less one.
        let size = self.setup.table.bits(device_table::SIZE);
        if u64::from(index) >= (size + 1) * 128 {
            if O::ON {
                obs.step(Actor::Iommu, Step::Check { rule: &INSIDE, ok: false, value: device.into() });
            }
            return Err(beyond(self.asked));
        }
        let pa = root.wrapping_add(u64::from(index) * u64::from(DTE.words) * 8);
        let place = Place::physical(&DTE, 1, device.into(), pa);
        let words = place.read(&REACH, memory, obs).map_err(|trouble| {
            let code = &faults::DEV_TAB_HARDWARE_ERROR;
            let event = Event { kind: error_type(trouble), ..self.asked.event(code, pa) };
            Refused::with(Event { domain: 0, ..event })
        })?;
        let entry = Dte { words: [words[0], words[1], words[2], words[3]] };
        if let Some(rule) = illegal(self.setup, self.asked, &entry) {
            place.record(&words, Verdict::Refused(rule), obs);
            return Err(refuse(self.asked));
        }
        place.record(&words, Verdict::Ok, obs);
        Ok(entry)
    }
}
