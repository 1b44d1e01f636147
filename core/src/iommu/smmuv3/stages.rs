//! Both stages of translation (IHI 0070, 3.4; Arm ARM DDI 0487, D8).

use super::caches::{Caches, Mapped, Rights, Tag};
use super::config::Config;
use super::context::{Cd, Half, Setup, Ste, World};
use super::fault::Stopped;
use super::spec::events::{self, class};
use super::spec::{cd, ste};
use crate::addr::{AnyAddr, PhysAddr, Space};
use crate::memory::Memory;
use crate::paging::aarch64::{Aarch64, Aarch64State, FaultKind, Regime};
use crate::paging::walk::{Located, Walker};
use crate::paging::{walk, Direct, Tables, WalkError, Walked, Want};
use crate::spec::{Bits, FaultCode};
use crate::trace::{Actor, CacheOp, Observer, Perms, Stage};

/// What an access needs, seen by both stages.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Need {
    /// R, W, X.
    pub perms: Perms,
    /// Privileged.
    pub privileged: bool,
    /// Missing rights refuse; not so for ATS translation requests.
    pub check: bool,
}

/// What a stage found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Leaf {
    /// The output address, offset included.
    pub to: u64,
    /// log2 of its reach.
    pub shift: u8,
    /// What it allows.
    pub rights: Rights,
    /// nG is 0.
    pub global: bool,
}

/// Why stage 2 gave no address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum SecondFault {
    /// Its tables refuse, or have no place for the address.
    Refused(FaultKind),
    /// A table could not be read at this physical address.
    Aborted(u64),
    /// The address is wider than any the unit has: stage 1 is to blame.
    TooWide,
}

/// Stage 2 of a stream.
#[derive(Clone, Copy, Debug)]
pub struct Second {
    /// Its tables.
    pub format: Aarch64,
    /// The first one.
    pub root: u64,
    /// S2R: faults are recorded.
    pub recorded: bool,
    /// S2S: faults stall.
    pub stalls: bool,
}

impl Second {
    /// Returns the stage 2 of an entry that has one.
    pub fn of(setup: &Setup<'_>, entry: &Ste) -> Option<Self> {
        if !entry.stage2() {
            return None;
        }
        let format = entry.second(setup)?;
        Some(Second {
            format,
            root: format.root(entry.words.address(ste::S2TTB)),
            recorded: entry.words.is_set(ste::S2R),
            stalls: entry.words.is_set(ste::S2S),
        })
    }
}

/// What both walks of one transaction share.
pub struct Stages<'a, 'c> {
    /// The unit.
    pub config: &'a Config,
    /// Stage 2, where it is on.
    pub second: Option<Second>,
    /// The VMID that its translations are tagged with.
    pub vmid: Option<u16>,
    /// Where translations of stage 1 tables' pages are remembered, with [`Config::ipa_cache`].
    pub caches: Option<&'c mut Caches>,
}

/// Returns the event of a kind of fault.
pub const fn event(kind: FaultKind) -> &'static FaultCode {
    match kind {
        FaultKind::Translation => &events::F_TRANSLATION,
        FaultKind::AddressSize => &events::F_ADDR_SIZE,
        FaultKind::AccessFlag => &events::F_ACCESS,
        FaultKind::Permission => &events::F_PERMISSION,
    }
}

fn leaf(format: &Aarch64, found: &Walked<Aarch64State>, input: u64, perms: Perms, plain: bool) -> Leaf {
    let of = |privileged| format.allows(&found.state, privileged);
    let shift =
        if plain { found.size.shift() } else { format.reach(found.raw, found.level, input, found.to) };
    let dirty = perms.has(Perms::W) || !format.is_clean(found.raw);
    let rights = Rights { user: of(false), privileged: of(true), dirty };
    Leaf { to: found.to, shift, rights, global: found.state.global() }
}

impl Stages<'_, '_> {
    /// Walks stage 2 for one guest-physical address.
    fn walk_second<O: Observer>(
        &self,
        second: &Second,
        memory: &mut Memory,
        ipa: u64,
        need: Need,
        obs: &mut O,
    ) -> Result<(Leaf, u32), SecondFault> {
        if ipa >> self.config.address_bits() != 0 {
            return Err(SecondFault::TooWide);
        }
        let format = Aarch64 { check_perms: need.check, ..second.format };
        if !format.accepts(ipa) {
            return Err(SecondFault::Refused(FaultKind::Translation));
        }
        let how = Walker { actor: Actor::Iommu, stage: Stage::Second };
        let input = AnyAddr { space: Space::GuestPhysical, raw: ipa };
        let want = Want { perms: need.perms, privileged: need.privileged };
        match walk(&format, &mut Direct, memory, how, second.root, input, want, obs) {
            Ok(found) => {
                let plain = self.config.quirks.plain_tlb;
                Ok((leaf(&format, &found, ipa, need.perms, plain), found.reads))
            }
            Err(WalkError::Entry { fault, .. }) => Err(SecondFault::Refused(fault.kind())),
            Err(WalkError::Memory { at, .. } | WalkError::Table { at, .. }) => Err(SecondFault::Aborted(at)),
        }
    }

    /// Translates the address of a descriptor or a table by stage 2: out of the TLB, where it keeps such, or by a walk.
    fn implicit<O: Observer>(
        &mut self,
        second: &Second,
        memory: &mut Memory,
        ipa: u64,
        write: bool,
        obs: &mut O,
    ) -> Result<(Leaf, u32), SecondFault> {
        let perms = if write { Perms::RW } else { Perms::R };
        let need = Need { perms, privileged: self.config.quirks.privileged, check: true };
        let keeps = self.config.ipa_cache;
        let tag = Tag { world: World::Ipa, vmid: self.vmid, asid: None, page: ipa, shift: 0 };
        if let Some(caches) = self.caches.as_deref_mut().filter(|_| keeps) {
            if let Some((slot, tag, entry)) = caches.find(tag) {
                let usable = !write || entry.second.user.has(perms) && entry.second.dirty;
                if usable && (entry.second.user.has(Perms::R) || self.config.quirks.plain_tlb) {
                    caches.tlb.entries().used(CacheOp::Hit, slot, &tag, &entry, obs);
                    let to = entry.to | ipa & ((1 << tag.shift) - 1);
                    return Ok((Leaf { to, shift: tag.shift, rights: entry.second, global: true }, 0));
                }
            }
        }
        let (found, reads) = self.walk_second(second, memory, ipa, need, obs)?;
        if let Some(caches) = self.caches.as_deref_mut().filter(|_| keeps) {
            let mask = (1u64 << found.shift) - 1;
            let tag = Tag { page: ipa & !mask, shift: found.shift, ..tag };
            let mapped = Mapped { to: found.to & !mask, ipa: None, first: Rights::ALL, second: found.rights };
            caches.tlb.insert(tag, mapped, obs);
        }
        Ok((found, reads))
    }

    fn second_stopped(&self, second: &Second, fault: SecondFault, ipa: u64, class: u64) -> Stopped {
        let (recorded, stalls) = (second.recorded, second.stalls);
        match fault {
            SecondFault::Refused(kind) => {
                Stopped { recorded, stalls, s2: true, class, address: ipa, ..Stopped::new(event(kind)) }
            }
            SecondFault::Aborted(pa) => {
                Stopped { s2: true, class, address: pa, ..Stopped::new(&events::F_WALK_EABT) }
            }
            // The address of a context descriptor is not held against stage 1's sizes (IHI 0070, 3.4.3).
            SecondFault::TooWide if class == class::CD && !self.config.quirks.s2only_wide_silent => {
                self.second_stopped(second, SecondFault::Refused(FaultKind::Translation), ipa, class)
            }
            SecondFault::TooWide => Stopped {
                recorded: !self.config.quirks.s2only_wide_silent,
                class,
                ..Stopped::new(&events::F_ADDR_SIZE)
            },
        }
    }

    /// Returns the physical address of a context descriptor.
    pub fn descriptor<O: Observer>(
        &mut self,
        memory: &mut Memory,
        at: u64,
        obs: &mut O,
    ) -> Result<u64, Stopped> {
        let Some(second) = self.second else { return Ok(at) };
        let read = self.config.quirks.fetch_rnw.then_some(true);
        match self.implicit(&second, memory, at, false, obs) {
            Ok((found, _)) => Ok(found.to),
            Err(fault) => Err(Stopped { read, ..self.second_stopped(&second, fault, at, class::CD) }),
        }
    }

    /// Returns the physical address of a first table, ahead of its use.
    pub fn first_table<O: Observer>(
        &mut self,
        memory: &mut Memory,
        at: u64,
        obs: &mut O,
    ) -> Result<u64, Stopped> {
        let Some(second) = self.second else { return Ok(at) };
        let read = self.config.quirks.fetch_rnw.then_some(true);
        match self.implicit(&second, memory, at, false, obs) {
            Ok((found, _)) => Ok(found.to),
            Err(fault) => Err(Stopped { read, ..self.second_stopped(&second, fault, at, class::TT) }),
        }
    }

    /// Stage 2 for the address that the transaction is about.
    pub fn second<O: Observer>(
        &mut self,
        memory: &mut Memory,
        ipa: u64,
        need: Need,
        obs: &mut O,
    ) -> Result<Leaf, Stopped> {
        let Some(second) = self.second else {
            return Ok(Leaf { to: ipa, shift: 63, rights: Rights::ALL, global: true });
        };
        self.walk_second(&second, memory, ipa, need, obs)
            .map(|found| found.0)
            .map_err(|fault| self.second_stopped(&second, fault, ipa, class::IN))
    }

    /// Stage 1: gives a guest-physical address where there is stage 2, else a physical one.
    pub fn first<O: Observer>(
        &mut self,
        memory: &mut Memory,
        entry: &Cd,
        half: &Half,
        at: u64,
        need: Need,
        obs: &mut O,
    ) -> Result<Leaf, Stopped> {
        let quirks = self.config.quirks;
        let mut format = Aarch64 { check_perms: need.check, ..half.format };
        if quirks.privileged {
            format.regime = Regime::El2 { wxn: false };
        }
        let pointer = [entry.words.address(cd::TTB0), entry.words.address(cd::TTB1)][half.index];
        let root = format.root(pointer);
        let input = AnyAddr { space: Space::Iova, raw: at };
        let want = Want { perms: need.perms, privileged: need.privileged };
        let how = Walker { actor: Actor::Iommu, stage: Stage::First };
        let recorded = entry.words.is_set(cd::R);
        let stalls = entry.words.is_set(cd::S);
        let own = |kind| Stopped { recorded, stalls, ..Stopped::new(event(kind)) };
        // A table that could not be read: CLASS is TT at stage 1 too (IHI 0070, 7.3.12).
        let abort = |pa| Stopped { class: class::TT, address: pa, ..Stopped::new(&events::F_WALK_EABT) };
        let result = match self.second {
            None => walk(&format, &mut Direct, memory, how, root, input, want, obs).map_err(|e| match e {
                WalkError::Entry { fault, .. } => own(fault.kind()),
                WalkError::Memory { at, .. } | WalkError::Table { at, .. } => abort(at),
            }),
            Some(second) => {
                let ahead = quirks.ttb_eager.then(|| format.root(entry.tables[half.index]));
                let mut tables = Guest {
                    stages: self,
                    second,
                    granule: format.granule.shift(),
                    root,
                    ahead,
                    first: true,
                    last: 0,
                };
                let found = walk(&format, &mut tables, memory, how, root, input, want, obs);
                let last = tables.last;
                found.map_err(|e| match e {
                    WalkError::Entry { fault, .. } => own(fault.kind()),
                    WalkError::Memory { .. } => abort(last),
                    WalkError::Table { fault: TableFault { ipa, fault, write }, .. } => {
                        let stopped = self.second_stopped(&second, fault, ipa, class::TT);
                        let stopped = Stopped { table_write: write, ..stopped };
                        if !quirks.nested_tt_as_s1 {
                            stopped
                        } else if stopped.code == Some(&events::F_WALK_EABT) {
                            Stopped { s2: false, address: ipa, ..stopped }
                        } else {
                            Stopped { s2: false, address: ipa, recorded, stalls, ..stopped }
                        }
                    }
                })
            }
        };
        result.map(|found| leaf(&format, &found, at, need.perms, quirks.plain_tlb))
    }
}

/// Why the table of a stage 1 could not be located.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct TableFault {
    ipa: u64,
    fault: SecondFault,
    write: bool,
}

/// Stage 1 tables at guest-physical addresses.
struct Guest<'s, 'a, 'c> {
    stages: &'s mut Stages<'a, 'c>,
    second: Second,
    granule: u8,
    root: u64,
    /// Where the first table is, when that was found out ahead.
    ahead: Option<u64>,
    /// The first table has not been read yet.
    first: bool,
    /// The physical address last given.
    last: u64,
}

impl Tables for Guest<'_, '_, '_> {
    type Fault = TableFault;
    const SPACE: Space = Space::GuestPhysical;

    fn locate<O: Observer>(
        &mut self,
        memory: &mut Memory,
        at: u64,
        update: bool,
        reads: &mut u32,
        obs: &mut O,
    ) -> Result<Located, TableFault> {
        let first = core::mem::take(&mut self.first);
        if let Some(table) = self.ahead.filter(|_| first) {
            self.last = table + (at - self.root);
            return Ok(Located { pa: PhysAddr::new(self.last), writable: false });
        }
        let base = match (self.stages.config.quirks.tt_base_only, first) {
            (false, _) => at,
            (true, true) => self.root,
            (true, false) => at & !((1u64 << self.granule) - 1),
        };
        let second = self.second;
        let (found, more) = self
            .stages
            .implicit(&second, memory, base, update, obs)
            .map_err(|fault| TableFault { ipa: base, fault, write: update })?;
        *reads += more;
        self.last = found.to + (at - base);
        let writable = found.rights.user.has(Perms::W) && found.rights.dirty;
        Ok(Located { pa: PhysAddr::new(self.last), writable })
    }
}
