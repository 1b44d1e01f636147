//! From requester and PASID to the tables that translate: root and context tables (VT-d 3.4.3, 3.4.4), then, in
//! scalable mode, PASID directory and PASID table.

use super::first_stage::FirstStage;
use super::second_stage::SecondStage;
use super::spec::faults as f;
use super::spec::registers::{rtaddr, ttm};
use super::spec::structures::*;
use super::{config::Config, features};
use crate::addr::{Address, AnyAddr, GuestPhysAddr, PhysAddr, RequesterId, Space};
use crate::memory::Memory;
use crate::spec::{Bits, EntryType, FaultCode, Rule, Text};
use crate::trace::{Actor, Event, Observer, Scope, Stage, Verdict};

/// What the TTM field of the root table address register selects (VT-d 11.4.5).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// Root and context entries of 128 bits.
    Legacy,
    /// Scalable mode: PASID tables.
    Scalable,
    /// Every request is blocked, silently.
    Abort,
    /// A reserved value, or scalable mode on a unit without it.
    Invalid,
}

/// A refusal on the way.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Failure {
    /// The reason.
    pub code: &'static FaultCode,
    /// An FPD field that says not to record it, if it is a qualified fault, was seen.
    pub fpd: bool,
    /// It is never recorded: abort-DMA mode, or a quirk.
    pub silent: bool,
    /// What a record says of the PASID of a request that carries none: nothing, unless a quirk does.
    pub given: Option<GivenPasid>,
}

/// The PASID fields of a fault record, for a request that carries no PASID.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct GivenPasid {
    /// PP.
    pub present: bool,
    /// PV.
    pub value: u32,
}

impl Failure {
    pub(super) const fn new(code: &'static FaultCode, fpd: bool) -> Self {
        Failure { code, fpd, silent: false, given: None }
    }
}

/// A context entry that was found present and well-formed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Context {
    /// Its words; a legacy one has two, the rest is 0.
    pub words: [u64; 4],
    /// It is a scalable-mode one.
    pub scalable: bool,
}

impl Context {
    /// Returns FPD.
    pub fn fpd(&self) -> bool {
        self.words.is_set(sm_context::FPD)
    }
    /// Returns the domain id; in scalable mode it is in PASID-table entries.
    pub fn domain(&self) -> Option<u16> {
        (!self.scalable).then(|| self.words.bits(context::DID) as u16)
    }
    /// Returns whether the device may send translation and translated requests.
    pub fn allows_ats(&self) -> bool {
        if self.scalable {
            self.words.is_set(sm_context::DTE)
        } else {
            self.words.bits(context::TT) == tt::DEVICE_TLB
        }
    }
    fn in_directory(&self, pasid: u32) -> bool {
        // 2^(PDTS+7) directory entries of 64 PASIDs each.
        u64::from(pasid) < 1 << (self.words.bits(sm_context::PDTS) + 13)
    }
}

/// A PASID-table entry that was found present and well-formed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Process {
    /// The entry's words.
    pub words: [u64; 8],
    /// FPD of the context entry, the directory entry or the entry itself.
    pub fpd: bool,
}

impl Process {
    /// Returns the domain id.
    pub fn domain(&self) -> u16 {
        self.words.bits(pasid::DID) as u16
    }
}

/// PASID-table entries in a table of 4 KiB.
pub(super) const PASIDS_IN_TABLE: u32 = 64;

/// Returns the levels of the second stage that an AW field means.
fn levels(aw: u64) -> u8 {
    2 + aw as u8
}

/// How a request is translated.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Not at all.
    PassThrough,
    /// First stage only.
    First,
    /// Second stage only.
    Second,
    /// First stage over second stage.
    Nested,
}

/// The tables that translate a request, and what goes with them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Route {
    /// Domain id.
    pub did: u16,
    /// The PASID whose entry was used, in scalable mode.
    pub pasid: Option<u32>,
    /// How.
    pub kind: Kind,
    /// The first table of the first stage.
    pub first_root: u64,
    /// The first stage.
    pub first: FirstStage,
    /// The first table of the second stage.
    pub second_root: u64,
    /// The second stage.
    pub second: SecondStage,
    /// An FPD field was 1.
    pub fpd: bool,
    /// Found in scalable mode.
    pub scalable: bool,
    /// SRE: supervisor requests are allowed.
    pub supervisor: bool,
    /// ERE: execute requests are allowed.
    pub execute: bool,
    /// Bits of the canonical check: FSPM's, unless a quirk takes them from AW.
    pub canonical_bits: u8,
}

/// Reads the tables, as configured, from memory.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    /// The unit.
    pub config: &'a Config,
    /// The root table address register as latched by SRTP.
    pub rtaddr: u64,
    /// Look only: nothing is changed, accessed and dirty bits neither.
    pub look: bool,
}

static UNREADABLE: Rule = Rule {
    text: Text::new("the memory that should hold the entry did not answer", "应存放该表项的内存没有响应"),
    section: "VT-d 7.1.3",
};
static CHECK: Rule =
    Rule { text: Text::new("the entry's fields are valid", "表项字段合法"), section: "VT-d 7.1.3" };

/// One entry's place, for reading it and for telling it.
struct Place {
    entry: &'static EntryType,
    index: u32,
    pa: u64,
}

impl Reader<'_> {
    /// Returns what TTM selects.
    pub fn mode(&self) -> Mode {
        match self.rtaddr.bits(rtaddr::TTM) {
            ttm::LEGACY => Mode::Legacy,
            ttm::SCALABLE if self.config.scalable_mode() => Mode::Scalable,
            ttm::ABORT => Mode::Abort,
            _ => Mode::Invalid,
        }
    }

    fn legacy_codes(&self, scalable: bool) -> bool {
        !scalable || self.config.quirks.legacy_codes_in_scalable_mode
    }

    fn tell<O: Observer>(obs: &mut O, place: &Place, words: &[u64], verdict: Verdict) {
        if O::ON {
            let words = obs.words(words);
            let pa = PhysAddr::new(place.pa);
            let (entry, index) = (place.entry, place.index);
            obs.step(Actor::Iommu, Event::Read { entry, level: 0, index, at: pa.any(), pa, words, verdict });
        }
    }

    fn refused(code: &'static FaultCode) -> Verdict {
        Verdict::Fault(code)
    }

    fn load<O: Observer>(&self, memory: &Memory, obs: &mut O, place: &Place, words: &mut [u64]) -> bool {
        for (i, word) in words.iter_mut().enumerate() {
            match memory.read_u64(PhysAddr::new(place.pa.wrapping_add(i as u64 * 8))) {
                Ok(value) => *word = value,
                Err(_) => {
                    Self::tell(obs, place, &[], Verdict::Refused(&UNREADABLE));
                    return false;
                }
            }
        }
        true
    }

    /// Finds the context entry of a requester.
    pub fn context<O: Observer>(
        &self,
        memory: &Memory,
        requester: RequesterId,
        scalable: bool,
        obs: &mut O,
    ) -> Result<Context, Failure> {
        if O::ON {
            let input = AnyAddr { space: Space::Bus, raw: u64::from(requester.bdf16()) };
            let root = PhysAddr::new(self.rtaddr.address(rtaddr::RTA)).any();
            obs.begin(Actor::Iommu, Scope::Walk { stage: Stage::Device, input, root, root_bits: 0 });
        }
        let found = self.find_context(memory, requester, scalable, obs);
        obs.end(
            Actor::Iommu,
            match &found {
                Ok(_) => Verdict::Ok,
                Err(failure) => Verdict::Fault(failure.code),
            },
        );
        found
    }

    fn find_context<O: Observer>(
        &self,
        memory: &Memory,
        requester: RequesterId,
        scalable: bool,
        obs: &mut O,
    ) -> Result<Context, Failure> {
        let legacy = self.legacy_codes(scalable);
        let pick = |a: &'static FaultCode, b: &'static FaultCode| if legacy { a } else { b };
        let host = self.config.host_bits;
        let root_table = self.rtaddr.address(rtaddr::RTA) & ((1u64 << host) - 1);

        // Root entry: 16 bytes a bus (VT-d 9.1, 9.2).
        let bus = u64::from(requester.bus());
        let entry = if scalable { &SM_ROOT } else { &ROOT };
        let place = Place { entry, index: bus as u32, pa: root_table.wrapping_add(bus * 16) };
        let mut root = [0; 2];
        if !self.load(memory, obs, &place, &mut root) {
            return Err(Failure::new(pick(&f::LRT_1, &f::SRT_1), false));
        }
        let upper = scalable && requester.devfn() >= 0x80;
        let half = root[usize::from(upper)];
        let fail = |obs: &mut _, code| {
            Self::tell(obs, &place, &root, Self::refused(code));
            Err(Failure::new(code, false))
        };
        if !half.is_set(sm_root_half::P) {
            return fail(obs, pick(&f::LRT_2, &f::SRT_2));
        }
        let bad = if scalable && !self.config.quirks.root_checks_both_halves {
            SM_ROOT_HALF.reserved_set(&[half], host)
        } else {
            entry.reserved_set(&root, host)
        };
        if bad {
            return fail(obs, pick(&f::LRT_3, &f::SRT_3));
        }
        let table = half.address(sm_root_half::CTP);
        Self::tell(obs, &place, &root, Verdict::Next(PhysAddr::new(table).any()));

        // Context entry: 16 bytes a function, or 32 bytes and half as many a table (VT-d 9.3, 9.4).
        let (entry, size, index) = if scalable {
            (&SM_CONTEXT, 4, u64::from(requester.devfn() & 0x7f))
        } else {
            (&CONTEXT, 2, u64::from(requester.devfn()))
        };
        let place = Place { entry, index: index as u32, pa: table.wrapping_add(index * size as u64 * 8) };
        let mut words = [0; 4];
        if !self.load(memory, obs, &place, &mut words[..size]) {
            return Err(Failure::new(pick(&f::LCT_1, &f::SCT_1), false));
        }
        let context = Context { words, scalable };
        let fail = |obs: &mut _, code| {
            Self::tell(obs, &place, &words[..size], Self::refused(code));
            Err(Failure::new(code, context.fpd()))
        };
        if !words.is_set(context::P) {
            return fail(obs, pick(&f::LCT_2, &f::SCT_2));
        }
        let absent = scalable
            && !self.config.quirks.absent_features_ignored
            && features::uses_absent(self.config, &features::CONTEXT_FEATURES, &words);
        let quirks = &self.config.quirks;
        let mut used = words;
        if !scalable && words.bits(context::TT) == tt::PASS_THROUGH && !quirks.pass_through_pointer_checked {
            used.set(context::SSPTPTR, 0);
        }
        if absent || entry.reserved_set(&used[..size], host) {
            let fpd = context.fpd() && !quirks.context_reserved_recorded;
            let code = pick(&f::LCT_3, &f::SCT_3);
            return fail(obs, code).map_err(|failure: Failure| Failure { fpd, ..failure });
        }
        if !scalable {
            let supported = match words.bits(context::TT) {
                tt::MULTI_LEVEL => true,
                tt::DEVICE_TLB => self.config.device_tlb(),
                tt::PASS_THROUGH => self.config.pass_through(),
                _ => false,
            };
            let levels = levels(words.bits(context::AW));
            if !supported || !self.config.second_stage_levels(levels) {
                return fail(obs, &f::LCT_4);
            }
            let next = PhysAddr::new(words.address(context::SSPTPTR)).any();
            Self::tell(obs, &place, &words[..size], Verdict::Next(next));
            return Ok(context);
        }
        if !self.config.quirks.directory_size_ignored && !context.in_directory(self.rid_pasid(&context)) {
            return fail(obs, &f::SCT_9);
        }
        let directory = PhysAddr::new(words.address(sm_context::PASIDDIRPTR)).any();
        Self::tell(obs, &place, &words[..size], Verdict::Next(directory));
        Ok(context)
    }

    /// Returns the route of a legacy-mode context entry.
    pub fn legacy_route(&self, context: &Context) -> Route {
        let words = &context.words;
        let kind = if words.bits(context::TT) == tt::PASS_THROUGH { Kind::PassThrough } else { Kind::Second };
        Route {
            did: words.bits(context::DID) as u16,
            pasid: None,
            kind,
            first_root: 0,
            first: FirstStage::four_levels(),
            second_root: words.address(context::SSPTPTR),
            second: self.second(levels(words.bits(context::AW)), false, false, false),
            fpd: context.fpd(),
            scalable: false,
            supervisor: false,
            execute: false,
            canonical_bits: 48,
        }
    }

    fn second(&self, levels: u8, scalable: bool, accessed_dirty: bool, execute: bool) -> SecondStage {
        let quirks = self.config.quirks;
        SecondStage {
            levels,
            host_bits: self.config.host_bits,
            snoop: self.config.snoop_control()
                || quirks.snoop_bit_free_in_scalable && self.config.scalable_mode(),
            page_2m: self.config.second_stage_2m(),
            page_1g: self.config.second_stage_1g(),
            accessed_dirty: accessed_dirty && scalable && !self.look,
            execute,
            quirks: quirks.entries(),
        }
    }

    /// Finds the PASID-table entry of a PASID of a device, and from it the route.
    pub fn process<O: Observer>(
        &self,
        memory: &Memory,
        context: &Context,
        pasid: u32,
        obs: &mut O,
    ) -> Result<Process, Failure> {
        if O::ON {
            let input = AnyAddr { space: Space::Bus, raw: u64::from(pasid) };
            let root = PhysAddr::new(context.words.address(sm_context::PASIDDIRPTR)).any();
            obs.begin(Actor::Iommu, Scope::Walk { stage: Stage::Process, input, root, root_bits: 0 });
        }
        let found = self.find_process(memory, context, pasid, obs);
        obs.end(
            Actor::Iommu,
            match &found {
                Ok(_) => Verdict::Ok,
                Err(failure) => Verdict::Fault(failure.code),
            },
        );
        found
    }

    /// Returns the PASID of requests without one (scalable mode): RID_PASID, where the unit has that (VT-d 9.4).
    pub fn rid_pasid(&self, context: &Context) -> u32 {
        match self.config.rid_pasid_support() || self.config.quirks.rid_pasid_without_support {
            true => context.words.bits(sm_context::RID_PASID) as u32,
            false => 0,
        }
    }

    /// Returns whether the PASID is inside the directory of the context entry.
    pub fn in_directory(&self, context: &Context, pasid: u32) -> bool {
        self.config.quirks.directory_size_ignored || context.in_directory(pasid)
    }

    fn find_process<O: Observer>(
        &self,
        memory: &Memory,
        context: &Context,
        pasid: u32,
        obs: &mut O,
    ) -> Result<Process, Failure> {
        let quirks = self.config.quirks;
        let host = self.config.host_bits;
        // PASID-directory entry: 8 bytes for 64 PASIDs (VT-d 9.5).
        let index = u64::from(pasid / PASIDS_IN_TABLE) & 0x3fff;
        let directory = context.words.address(sm_context::PASIDDIRPTR);
        let entry = &PASID_DIR;
        let place = Place { entry, index: index as u32, pa: directory.wrapping_add(index * 8) };
        let mut dir = [0];
        if !self.load(memory, obs, &place, &mut dir) {
            return Err(Failure::new(&f::SPD_1, context.fpd()));
        }
        let fpd = context.fpd() || dir.is_set(pasid_dir::FPD) && !quirks.pasid_fpd_only_for_walks;
        let fail = |obs: &mut _, code| {
            Self::tell(obs, &place, &dir, Self::refused(code));
            Err(Failure::new(code, fpd))
        };
        if !dir.is_set(pasid_dir::P) {
            return fail(obs, &f::SPD_2);
        }
        if !quirks.pasid_reserved_ignored && entry.reserved_set(&dir, host) {
            return fail(obs, &f::SPD_3);
        }
        let table = dir.address(pasid_dir::SMPTBLPTR);
        Self::tell(obs, &place, &dir, Verdict::Next(PhysAddr::new(table).any()));

        // PASID-table entry: 64 bytes (VT-d 9.6).
        let index = u64::from(pasid % PASIDS_IN_TABLE);
        let entry = &PASID;
        let place = Place { entry, index: index as u32, pa: table.wrapping_add(index * 64) };
        let mut words = [0; 8];
        if !self.load(memory, obs, &place, &mut words) {
            return Err(Failure::new(&f::SPT_1, fpd));
        }
        let fpd = fpd || words.is_set(pasid::FPD) && !quirks.pasid_fpd_only_for_walks;
        let fail = |obs: &mut _, code| {
            Self::tell(obs, &place, &words, Self::refused(code));
            Err(Failure::new(code, fpd))
        };
        let typed = self.type_supported(&words);
        if quirks.pasid_type_before_present && !typed {
            return fail(obs, &f::SPT_4);
        }
        if !words.is_set(pasid::P) {
            return fail(obs, &f::SPT_2);
        }
        let reserved = entry.reserved_set(&words, host)
            || features::uses_absent(self.config, &features::PASID_FEATURES, &words);
        if !quirks.pasid_reserved_ignored && reserved {
            return fail(obs, &f::SPT_3);
        }
        if !typed {
            return fail(obs, &f::SPT_4);
        }
        if O::ON {
            obs.step(Actor::Iommu, Event::Check { rule: &CHECK, ok: true, value: words[0] });
        }
        // The first-stage tables of a nested entry are at a guest-physical address (VT-d 9.6).
        let next = match words.bits(pasid::PGTT) {
            pgtt::FIRST => PhysAddr::new(words.address(pasid::FSPTPTR)).any(),
            pgtt::NESTED => GuestPhysAddr::new(words.address(pasid::FSPTPTR)).any(),
            _ => PhysAddr::new(words.address(pasid::SSPTPTR)).any(),
        };
        Self::tell(obs, &place, &words, Verdict::Next(next));
        let fpd = context.fpd() || dir.is_set(pasid_dir::FPD) || words.is_set(pasid::FPD);
        Ok(Process { words, fpd })
    }

    fn type_supported(&self, words: &[u64; 8]) -> bool {
        let c = self.config;
        let second = c.second_stage_levels(levels(words.bits(pasid::AW)));
        let first = match words.bits(pasid::FSPM) {
            fspm::LEVELS_4 => true,
            fspm::LEVELS_5 => c.first_stage_5_level(),
            _ => false,
        };
        match words.bits(pasid::PGTT) {
            pgtt::FIRST => c.scalable_first_stage() && first,
            pgtt::SECOND => c.scalable_second_stage() && second,
            pgtt::NESTED => c.nested() && first && second,
            pgtt::PASS_THROUGH => c.pass_through(),
            _ => false,
        }
    }

    /// Returns the route of a PASID-table entry.
    pub fn scalable_route(&self, process: &Process, id: u32) -> Route {
        let Process { words, fpd } = process;
        let kind = match words.bits(pasid::PGTT) {
            pgtt::FIRST => Kind::First,
            pgtt::SECOND => Kind::Second,
            pgtt::NESTED => Kind::Nested,
            _ => Kind::PassThrough,
        };
        let second_levels = levels(words.bits(pasid::AW));
        let first = FirstStage {
            levels: 4 + words.bits(pasid::FSPM) as u8,
            host_bits: self.config.host_bits,
            page_1g: self.config.first_stage_1g(),
            write_protect: words.is_set(pasid::WPE),
            no_execute: words.is_set(pasid::NXE),
            smep: words.is_set(pasid::SMEP),
            extended_accessed: words.is_set(pasid::EAFE) && self.config.extended_accessed(),
            update: !self.look,
            quirks: self.config.quirks.entries(),
        };
        let canonical_bits = if self.config.quirks.canonical_width_from_aw {
            (12 + 9 * second_levels).min(self.config.max_guest_bits())
        } else {
            first.input_bits()
        };
        // Where a feature is not there its bit is reserved; a unit that does not look at it does not act on it.
        let accessed_dirty = words.is_set(pasid::SSADE) && self.config.second_stage_accessed_dirty();
        let execute = words.is_set(pasid::SSEE) && self.config.execute_requests();
        Route {
            did: process.domain(),
            pasid: Some(id),
            kind,
            first_root: words.address(pasid::FSPTPTR),
            first,
            second_root: words.address(pasid::SSPTPTR),
            second: self.second(second_levels, true, accessed_dirty, execute),
            fpd: *fpd,
            scalable: true,
            supervisor: words.is_set(pasid::SRE),
            execute: words.is_set(pasid::ERE),
            canonical_bits,
        }
    }
}
