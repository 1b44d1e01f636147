//! The stages of translation, without caches: host page tables (version 1), and a guest's page tables (version 2) found by
//! PASID in GCR3 tables, alone or over host tables (AMD 48882, address translation).

use super::caches::{GuestRoot, Process};
use super::context::{error_type, Dte, REACH};
use super::faults;
use super::records::Event;
use super::request::{Asked, Setup};
use super::spec::registers::{control, efr};
use super::spec::structures::{dte, gcr3e, mode, GCR3E};
use crate::addr::{AnyAddr, PageSize, Space};
use crate::iommu::fetch::Place;
use crate::iommu::traced_cache::{get_or_load, Source, TracedCache};
use crate::memory::{MemError, Memory};
use crate::paging::amdv1::{AmdV1, AmdV1Fault};
use crate::paging::walk::{Located, Nested, Never, Tables, Walked, Walker};
use crate::paging::x86::{Manual, X86Fault, X86State, X86};
use crate::paging::{walk, Direct, Format, WalkError, Want};
use crate::spec::{Bits, Rule, Text};
use crate::trace::{Actor, Event as Step, Observer, Off, Perms, Scope, Stage, Verdict};

/// A translation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reached {
    /// The address, offset included.
    pub to: u64,
    /// Its reach.
    pub size: PageSize,
    /// What is allowed.
    pub perms: Perms,
    /// It came from the IOTLB.
    pub cached: bool,
}

impl Reached {
    /// Returns an address that stays as it is.
    pub fn untouched(to: u64, perms: Perms) -> Self {
        Reached { to, size: PageSize::SIZE_4K, perms, cached: false }
    }
}

static WIDTH: Rule = Rule {
    text: Text::new("the address is beyond the width of Mode", "地址超出 Mode 的位宽"),
    section: "AMD 48882",
};
static CANONICAL: Rule = Rule {
    text: Text::new("the address is not canonical", "地址不是规范形式（canonical）"),
    section: "AMD 48882",
};
static VALID: Rule = Rule {
    text: Text::new("V = 0: the PASID has no tables", "该 PASID 没有页表（V = 0）"),
    section: "AMD 48882, guest CR3 table",
};
static RESERVED: Rule =
    Rule { text: Text::new("a reserved bit is 1", "保留位为 1"), section: "AMD 48882, guest CR3 table" };
static PASIDS: Rule = Rule {
    text: Text::new("the GCR3 table has no place for the PASID (GLX)", "GCR3 表容不下该 PASID（GLX）"),
    section: "AMD 48882, guest CR3 table",
};

/// Records a check that failed.
pub(super) fn check<O: Observer>(rule: &'static Rule, ok: bool, value: u64, obs: &mut O) -> bool {
    if O::ON && !ok {
        obs.step(Actor::Iommu, Step::Check { rule, ok, value });
    }
    ok
}

/// The result of a walk, and whether a write need not set D any more.
pub(super) type Found = Result<(Reached, bool), Event>;

/// Through the stages that an entry has for a request: `guest` is the PASID whose tables come first.
pub(super) fn resolve<O: Observer>(
    setup: &Setup<'_>,
    processes: Option<&mut TracedCache<Process>>,
    memory: &mut Memory,
    asked: &Asked,
    entry: &Dte,
    guest: Option<u32>,
    obs: &mut O,
) -> Found {
    match guest {
        None => host(setup, memory, asked, entry, asked.at, Space::Iova, obs),
        Some(pasid) => Guest { setup, asked, entry, pasid }.resolve(processes, memory, obs),
    }
}

/// Through the host tables.
fn host<O: Observer>(
    setup: &Setup<'_>,
    memory: &mut Memory,
    asked: &Asked,
    entry: &Dte,
    at: u64,
    space: Space,
    obs: &mut O,
) -> Found {
    let mut format = entry.host(setup);
    format.check_perms = !asked.ats();
    let page = at & !0xfff;
    // Its addresses are a guest's physical ones, or IOVAs: GN = 0, with the DomainID.
    let event = |code, address| Event {
        domain: entry.domain(),
        pasid: None,
        user: false,
        between: space == Space::GuestPhysical,
        ..asked.event(code, address)
    };
    let fault = event(&faults::IO_PAGE_FAULT, page);
    if !check(&WIDTH, format.accepts(at), at, obs) {
        return Err(fault);
    }
    let how = Walker { actor: Actor::Iommu, stage: Stage::Second };
    let input = AnyAddr { space, raw: at };
    let root = entry.words.address(dte::HOST_ROOT);
    let want = Want::user(asked.perms);
    match walk(&format, &mut Direct, memory, how, root, input, want, obs) {
        Ok(found) => {
            let perms = format.perms(&found.state);
            let write = Want::user(Perms::W);
            let now = format.touch(found.raw, true, want);
            let dirty = format.touch(now, true, write) == now;
            Ok((Reached { to: found.to, size: found.size, perms, cached: false }, dirty))
        }
        Err(WalkError::Entry { fault: why, .. }) => Err(of_host(fault, why)),
        Err(WalkError::Table { fault: never, .. }) => match never {},
        Err(WalkError::Memory { at, error, .. }) => {
            Err(unreadable(event(&faults::PAGE_TAB_HARDWARE_ERROR, at), error))
        }
    }
}

/// What an entry of host tables that refuses adds to an event.
const fn of_host(fault: Event, why: AmdV1Fault) -> Event {
    match why {
        AmdV1Fault::NotPresent => fault,
        AmdV1Fault::Denied => Event { present: true, denied: true, ..fault },
        AmdV1Fault::Reserved => Event { present: true, reserved: true, ..fault },
        AmdV1Fault::Level | AmdV1Fault::Size | AmdV1Fault::Skipped => Event { present: true, ..fault },
    }
}

fn unreadable(event: Event, error: MemError) -> Event {
    Event { kind: error_type(error.into()), ..event }
}

impl Source<GuestRoot> for Guest<'_> {
    type Error = Event;
    fn load<O: Observer>(&self, memory: &mut Memory, _: bool, obs: &mut O) -> Result<GuestRoot, Event> {
        Ok(GuestRoot { root: self.root(memory, obs)?, domain: self.entry.domain() })
    }
}

/// Tables of a guest, at guest-physical addresses that the width of Mode bounds.
struct Below<'a>(Nested<'a, AmdV1>);

impl Tables for Below<'_> {
    type Fault = WalkError<AmdV1Fault, Never>;
    const SPACE: Space = Space::GuestPhysical;
    fn locate<O: Observer>(
        &mut self,
        memory: &mut Memory,
        at: u64,
        update: bool,
        reads: &mut u32,
        obs: &mut O,
    ) -> Result<Located, Self::Fault> {
        let host = self.0.format;
        if !check(&WIDTH, host.accepts(at), at, obs) {
            let fault = AmdV1Fault::NotPresent;
            return Err(WalkError::Entry { level: host.levels, at, raw: 0, fault });
        }
        self.0.locate(memory, at, update, reads, obs)
    }
}

/// A request for the tables of a guest, by PASID.
struct Guest<'a> {
    setup: &'a Setup<'a>,
    asked: &'a Asked,
    entry: &'a Dte,
    pasid: u32,
}

impl Guest<'_> {
    /// An event about the guest's own address: GN = 1.
    fn event(&self, code: &'static crate::spec::FaultCode, address: u64) -> Event {
        Event { pasid: Some(self.pasid), domain: 0, ..self.asked.event(code, address) }
    }

    fn fault(&self) -> Event {
        self.event(&faults::IO_PAGE_FAULT, self.asked.at & !0xfff)
    }

    fn nested(&self) -> bool {
        self.entry.mode() != mode::NONE
    }

    fn format(&self) -> X86 {
        X86 {
            levels: 4 + self.entry.words.bits(dte::GUEST_MODE) as u8,
            phys_bits: 52,
            nxe: self.setup.config.has(efr::NX_SUP),
            wp: true,
            smep: false,
            smap: false,
            page_1g: true,
            accessed_dirty: !self.setup.frozen,
            manual: Manual::Amd,
        }
    }

    fn resolve<O: Observer>(
        &self,
        processes: Option<&mut TracedCache<Process>>,
        memory: &mut Memory,
        obs: &mut O,
    ) -> Found {
        let format = self.format();
        if !check(&CANONICAL, format.canonical(self.asked.at), self.asked.at, obs) {
            return Err(self.fault());
        }
        let key = Process(self.asked.device, self.pasid);
        let root = get_or_load(processes, key, self, memory, obs)?.root;
        let mut perms = self.asked.perms;
        let mut found = self.walk(&format, root, perms, memory, obs);
        if let (Err(Event { denied: true, .. }), true) = (&found, self.asked.ats() && perms.has(Perms::W)) {
            // A translation request is answered with the rights that there are.
            perms = Perms::R;
            found = self.walk(&format, root, perms, memory, obs);
        }
        let found = found?;
        let rights = format.perms(&found.state);
        let dirty = perms.has(Perms::W) || found.raw & crate::paging::x86::D != 0;
        if !self.nested() {
            return Ok((Reached { to: found.to, size: found.size, perms: rights, cached: false }, dirty));
        }
        let asked = Asked { perms, ..*self.asked };
        let (below, clean) =
            host(self.setup, memory, &asked, self.entry, found.to, Space::GuestPhysical, obs)?;
        let size = if below.size.shift() < found.size.shift() { below.size } else { found.size };
        let perms = rights.and(below.perms.or(Perms::X));
        Ok((Reached { to: below.to, size, perms, cached: false }, dirty && clean))
    }

    fn walk<O: Observer>(
        &self,
        format: &X86,
        root: u64,
        perms: Perms,
        memory: &mut Memory,
        obs: &mut O,
    ) -> Result<Walked<X86State>, Event> {
        let how = Walker { actor: Actor::Iommu, stage: Stage::First };
        let input = AnyAddr { space: Space::Iova, raw: self.asked.at };
        let want = Want { perms, privileged: !self.asked.user };
        let refused = |why| match why {
            X86Fault::NotPresent => self.fault(),
            X86Fault::Denied => Event { present: true, denied: true, ..self.fault() },
            X86Fault::Reserved => Event { present: true, reserved: true, ..self.fault() },
        };
        if !self.nested() {
            return walk(format, &mut Direct, memory, how, root, input, want, obs).map_err(
                |error| match error {
                    WalkError::Entry { fault, .. } => refused(fault),
                    WalkError::Table { fault: never, .. } => match never {},
                    WalkError::Memory { at, error, .. } => {
                        unreadable(self.event(&faults::PAGE_TAB_HARDWARE_ERROR, at), error)
                    }
                },
            );
        }
        let host = self.entry.host(self.setup);
        let mut tables = self.below(&host);
        let result = walk(format, &mut tables, memory, how, root, input, want, obs);
        result.map_err(|error| match error {
            WalkError::Entry { fault, .. } => refused(fault),
            WalkError::Table { at, fault, .. } => self.below_refused(at, fault),
            WalkError::Memory { at, error, .. } => {
                // The event has the system-physical address.
                let at =
                    tables.locate(memory, at, false, &mut 0, &mut Off).map_or(at, |found| found.pa.raw());
                unreadable(self.event(&faults::PAGE_TAB_HARDWARE_ERROR, at), error)
            }
        })
    }

    fn below<'a>(&self, host: &'a AmdV1) -> Below<'a> {
        let root = crate::addr::PhysAddr::new(self.entry.words.address(dte::HOST_ROOT));
        Below(Nested { format: host, root, actor: Actor::Iommu, stage: Stage::Second })
    }

    /// The host tables refused a table of the guest, at this guest-physical address.
    fn below_refused(&self, at: u64, error: WalkError<AmdV1Fault, Never>) -> Event {
        let domain = self.entry.domain();
        let event = |code, address| Event {
            domain,
            pasid: None,
            user: false,
            write: false,
            between: true,
            ..self.asked.event(code, address)
        };
        match error {
            WalkError::Entry { fault, .. } => of_host(event(&faults::IO_PAGE_FAULT, at & !0xfff), fault),
            WalkError::Table { fault: never, .. } => match never {},
            WalkError::Memory { at, error, .. } => {
                unreadable(event(&faults::PAGE_TAB_HARDWARE_ERROR, at), error)
            }
        }
    }

    /// Through the GCR3 tables: 9 bits of the PASID a level, 2 in the third.
    fn root<O: Observer>(&self, memory: &mut Memory, obs: &mut O) -> Result<u64, Event> {
        let root = AnyAddr { space: Space::Physical, raw: self.entry.gcr3() };
        let input = AnyAddr { space: Space::Bus, raw: self.pasid.into() };
        obs.begin(Actor::Iommu, Scope::Walk { stage: Stage::Process, input, root, root_bits: 0 });
        let result = self.find(memory, obs);
        let verdict = match &result {
            Ok(_) => Verdict::Ok,
            Err(event) => Verdict::Fault(event.code),
        };
        obs.end(Actor::Iommu, verdict);
        result
    }

    fn find<O: Observer>(&self, memory: &mut Memory, obs: &mut O) -> Result<u64, Event> {
        let levels = self.entry.words.bits(dte::GLX) as u8 + 1;
        let pasid = u64::from(self.pasid);
        let bits = 9 * u32::from(levels);
        if !check(&PASIDS, pasid >> bits == 0, pasid, obs) {
            return Err(self.fault());
        }
        let by_guest = self.nested() && self.setup.on(control::GCR3_TRP_MODE);
        let mut table = self.entry.gcr3();
        // Bounded: levels.
        for level in (1..=levels).rev() {
            let index = pasid >> (9 * (u32::from(level) - 1)) & 0x1ff;
            let at = table.wrapping_add(index * 8);
            let pa = if by_guest { self.located(at, memory, obs)? } else { at };
            let space = if by_guest { Space::GuestPhysical } else { Space::Physical };
            let at = AnyAddr { space, raw: at };
            let place = Place { entry: &GCR3E, level, index: index as u32, at, pa };
            let words = place.read(&REACH, memory, obs).map_err(|trouble| {
                let event = self.event(&faults::PAGE_TAB_HARDWARE_ERROR, pa);
                Event { kind: error_type(trouble), ..event }
            })?;
            if !words.is_set(gcr3e::V) {
                place.record(&words, Verdict::Refused(&VALID), obs);
                return Err(self.fault());
            }
            if GCR3E.reserved_set(&words[..1], 64) {
                place.record(&words, Verdict::Refused(&RESERVED), obs);
                return Err(Event { present: true, reserved: true, ..self.fault() });
            }
            place.record(&words, Verdict::Ok, obs);
            table = words.address(gcr3e::GCR3);
        }
        Ok(table)
    }

    /// Where a guest-physical address of a GCR3 table is.
    fn located<O: Observer>(&self, at: u64, memory: &mut Memory, obs: &mut O) -> Result<u64, Event> {
        let host = self.entry.host(self.setup);
        let mut reads = 0;
        let located = self.below(&host).locate(memory, at, false, &mut reads, obs);
        located
            .map(|found| crate::addr::Address::raw(found.pa))
            .map_err(|error| self.below_refused(at, error))
    }
}
