//! Bits of the tables that an IOMMU and a CPU read, changed where they stand in memory.

use crate::addr::{Address, Iova, Pasid, PhysAddr, RequesterId, Space};
use crate::iommu::{Attachment, Ctx, DomainId, Driver, DriverError, Invalidation, Unit};
use crate::machine::run::Stop;
use crate::machine::software::{DomainRef, Named};
use crate::machine::{problem, Machine};
use crate::scenario::ast::{self, Expectation};
use crate::scenario::{Bilingual, Problem, Span};
use crate::spec::{Localized, Phrase};
use crate::trace::{write_word, Actor, Event, Perms, Scope, Trace};
use alloc::{format, vec::Vec};

/// Levels of VT-d's device table (root, context) and of its process table (PASID directory, PASID table).
const DIRECTORY_LEVELS: usize = 2;

impl Machine {
    /// The entries that a walk for one request reads, recorded in a trace that is thrown away: how `entry ...` finds
    /// the word it edits, without knowing any architecture's tables.
    fn entries_read(
        &mut self,
        requester: RequesterId,
        pasid: Option<Pasid>,
        at: u64,
    ) -> Vec<(Scoped, PhysAddr)> {
        let trace = self.cold_walk(requester, pasid, at);
        let mut out = Vec::new();
        for step in trace.steps() {
            if let Event::Read { level, pa, entry, .. } = step.event {
                out.push((Scoped { level, words: entry.words }, pa));
            }
        }
        out
    }

    pub(in crate::machine) fn op_entry_page(&mut self, op: &ast::PageEntry) -> Result<(), Stop> {
        let pa = self.page_entry_at(op)?;
        self.edit((pa, 1), &op.edit, op.at.span)
    }

    /// Where the entry is that the walk of an address reads at a level.
    fn page_entry_at(&mut self, op: &ast::PageEntry) -> Result<PhysAddr, Problem> {
        let named = self.named(&op.space.value, op.space.span)?;
        let level = op.level.map_or(1, |l| l.value as u8);
        let space = match named {
            Named::Process(_) => Space::Virtual,
            Named::Vm(_) => Space::GuestPhysical,
            _ => Space::Iova,
        };
        let found = self.find(&op.at, space)?;
        if let Some(pa) = self.entry_of_level(named, found.at.raw, level) {
            return Ok(pa);
        }
        let read: Vec<u8> =
            (1..=6).rev().filter(|l| self.entry_of_level(named, found.at.raw, *l).is_some()).collect();
        let listed = read.iter().map(|l| format!("{l}")).collect::<Vec<_>>();
        let mut said = Phrase::new(
            format!("no walk of {} reads an entry of level {level}", found.at),
            format!("为 {} 查表时不会读到第 {level} 级的表项", found.at),
        );
        if let Some(first) = read.first() {
            said.en += &format!(": it reads those of level {}", listed.join(", "));
            said.zh += &format!("，只会读到第 {} 级的", listed.join("、"));
            if level > *first && !matches!(named, Named::Process(_)) {
                said.en += "; a larger `width` on the `machine` line gives tables of more levels";
                said.zh += "；`machine` 行上更大的 `width` 会让页表有更多级";
            }
        }
        Err(problem(op.at.span, said))
    }

    /// Walks the subject's own tables, telling a trace of our own, and takes the entry of the level.
    fn entry_of_level(&mut self, named: Named, at: u64, level: u8) -> Option<PhysAddr> {
        match named {
            Named::Process(process) => {
                let space = self.sw.processes[process].space;
                self.cpu_entry(&space, at, level)
            }
            Named::Vm(vm) => {
                let domain = self.sw.vms[vm].domain?;
                self.domain_entry(domain, at, level)
            }
            Named::Domain(domain) => match self.sw.domains[domain].kind {
                DomainRef::Host(id) => self.domain_entry(id, at, level),
                DomainRef::Guest { vm, tables } => {
                    let space = self.sw.guest_space(vm, tables.root);
                    self.cpu_entry(&space, at, level)
                }
            },
            Named::Device(device) => {
                let domain = self.domain_of(device)?;
                self.domain_entry(domain, at, level)
            }
            _ => None,
        }
    }

    fn cpu_entry(&mut self, space: &crate::mmu::AddressSpace, at: u64, level: u8) -> Option<PhysAddr> {
        let mut trace = Trace::new();
        let mut memory = self.memory.clone();
        let mut mmu = crate::mmu::Mmu::new(0);
        let want = crate::paging::Want::supervisor(Perms::NONE);
        let _ = mmu.translate(&mut memory, space, crate::addr::VirtAddr::new(at), want, &mut trace);
        // Stage 1 entries are those whose walk takes a virtual address.
        let mut stages = Vec::new();
        let mut last = None;
        for step in trace.steps() {
            match step.event {
                Event::Begin(Scope::Walk { input, .. }) => stages.push(input.space),
                Event::End(_) => {
                    stages.pop();
                }
                Event::Read { level: l, pa, .. } if stages.last() == Some(&Space::Virtual) => {
                    if l >= level {
                        last = Some((l, pa));
                    }
                    if l == level {
                        return Some(pa);
                    }
                }
                _ => {}
            }
        }
        // A large page ends above level 1: its entry is the one that "the last level" means then.
        last.filter(|_| level == 1).map(|l| l.1)
    }

    /// The entry that the tables of a host domain hold for an IOVA at a level.
    fn domain_entry(&mut self, domain: DomainId, at: u64, level: u8) -> Option<PhysAddr> {
        let device = self.sw.attached.iter().position(|a| *a == Some(domain));
        let scratch = device.map(|d| self.hw.devices[d].requester);
        let requester = match scratch {
            Some(requester) => requester,
            None => {
                // No device is in the domain: lend it one that does not exist, on a copy of the machine.
                let mut copy = self.clone();
                let ghost = RequesterId::bdf(0, 31, 7);
                copy.with_unit(|unit, ctx| unit.attach(ctx, ghost, Attachment::Domain(domain))).ok()?;
                return page_entry(&copy.entries_read(ghost, None, at), level);
            }
        };
        page_entry(&self.entries_read(requester, None, at), level)
    }

    pub(in crate::machine) fn op_entry_device(&mut self, op: &ast::DeviceEntry) -> Result<(), Stop> {
        let place = self.device_entry_at(op)?;
        self.edit(place, &op.edit, op.device.span)
    }

    fn device_entry_at(&mut self, op: &ast::DeviceEntry) -> Result<Place, Problem> {
        let requester = match ast::requester_of(&op.device) {
            Some(id) => id,
            None => self.hw.devices[self.device_named(&op.device)?].requester,
        };
        let level = op.level.map_or(1, |l| l.value);
        self.structure_at(requester, None, Which::Device, level, op.device.span)
    }

    pub(in crate::machine) fn op_entry_process(&mut self, op: &ast::ProcessEntry) -> Result<(), Stop> {
        let place = self.process_entry_at(op)?;
        self.edit(place, &op.edit, op.device.span)
    }

    fn process_entry_at(&mut self, op: &ast::ProcessEntry) -> Result<Place, Problem> {
        let device = self.device_named(&op.device)?;
        let requester = self.hw.devices[device].requester;
        let pasid = op.pasid.map(|p| p.value).filter(|p| p.raw() != 0);
        let level = op.level.map_or(1, |l| l.value);
        self.structure_at(requester, pasid, Which::Process, level, op.device.span)
    }

    /// Holds the bits of an entry against what is expected of them; an entry that no walk reads is a failure, too.
    pub(in crate::machine) fn expect_entry(&mut self, e: &Expectation) -> Option<Bilingual> {
        let (place, want) = match e {
            Expectation::EntryPage(op) => (self.page_entry_at(op).map(|pa| (pa, 1)), &op.edit),
            Expectation::EntryDevice(op) => (self.device_entry_at(op), &op.edit),
            Expectation::EntryProcess(op) => (self.process_entry_at(op), &op.edit),
            _ => return None,
        };
        let (pa, at) = match place.and_then(|place| Ok((place.0, word_of(place, want)?))) {
            Ok(found) => found,
            Err(problem) => return Some(problem.message),
        };
        let word = self.memory.peek_u64(at);
        (!want.describes(word)).then(|| {
            Bilingual::new(format!("the entry at {pa} is {word:#x}"), format!("{pa} 处的表项是 {word:#x}"))
        })
    }

    /// Where the entry of a structure is that a request's walk reads before page tables.
    fn structure_at(
        &mut self,
        requester: RequesterId,
        pasid: Option<Pasid>,
        which: Which,
        level: u64,
        span: Span,
    ) -> Result<Place, Problem> {
        // Structures are read before page tables: root and context, then the process tables.
        let list: Vec<_> =
            self.structures_read(requester, pasid).into_iter().filter(|r| r.0 == which).collect();
        let place = if list.iter().any(|r| r.1 != 0) {
            // The trace says which level each has, where some walks have fewer than others.
            list.iter().rfind(|r| u64::from(r.1) == level)
        } else {
            // Level 1 is the last of a whole walk; a walk that an earlier edit cut short read only its beginning.
            let levels = list.len().max(DIRECTORY_LEVELS);
            levels.checked_sub(level as usize).and_then(|i| list.get(i))
        };
        place.map(|p| (p.2, p.3)).ok_or_else(|| {
            let problem = problem(span, self.no_entry(requester, which, level, list.len()));
            // Another machine's directories have as many levels.
            if self.iommu_on() {
                problem.lacking()
            } else {
                problem
            }
        })
    }

    /// Why no walk for a requester reads an entry of a level, and what would.
    fn no_entry(&self, requester: RequesterId, which: Which, level: u64, levels: usize) -> Phrase {
        let Some(architecture) = self.architecture.filter(|_| self.hw.iommu.is_some()) else {
            return DriverError::NoIommu.phrase();
        };
        let (terms, name) = (&architecture.describe().terms, architecture.name());
        let entry = match which {
            Which::Device => terms.device_entry,
            Which::Process => terms.process_entry,
        };
        match (which, levels) {
            (Which::Process, 0) => Phrase::new(
                format!(
                    "no {entry} is read for {requester}: its {} leads to page tables directly, or nowhere; a device has one once a process is bound to it (`bind`, then `pasid` names it)",
                    terms.device_entry
                ),
                format!(
                    "为 {requester} 查表时不会读到 {entry}：它的 {} 直接指向页表，或不指向任何地方；设备绑定进程之后才有（先 `bind`，再用 `pasid` 指明）",
                    terms.device_entry
                ),
            ),
            _ => Phrase::new(
                format!(
                    "no entry of level {level} is read for {requester}: on {name} {entry} is level 1, and the walk for it has {levels} level{}",
                    if levels == 1 { "" } else { "s" }
                ),
                format!("为 {requester} 查表时不会读到第 {level} 级的表项：{name} 上 {entry} 是第 1 级，为它查表一共 {levels} 级"),
            ),
        }
    }

    /// What the unit, on a copy of the machine with every cache empty, does to answer one read.
    pub(in crate::machine) fn cold_walk(
        &self,
        requester: RequesterId,
        pasid: Option<Pasid>,
        at: u64,
    ) -> Trace {
        let mut trace = Trace::new();
        let Some(unit) = self.hw.iommu.as_ref() else { return trace };
        let mut cold = unit.clone();
        let (mut memory, mut frames) = (self.memory.clone(), self.sw.frames.clone());
        let mut ctx = Ctx { memory: &mut memory, frames: &mut frames, obs: &mut trace };
        let _ = cold.invalidate(&mut ctx, Invalidation::All);
        trace.clear();
        let mut request = crate::iommu::Request::new(requester, Iova::new(at), Perms::R, 8);
        request.pasid =
            pasid.map(|pasid| crate::iommu::PasidTag { pasid, privileged: false, execute: false });
        let _ = cold.translate(&mut memory, &request, &mut trace);
        trace
    }

    fn structures_read(
        &mut self,
        requester: RequesterId,
        pasid: Option<Pasid>,
    ) -> Vec<(Which, u8, PhysAddr, u8)> {
        let trace = self.cold_walk(requester, pasid, 0);
        let mut stage = Vec::new();
        let mut out = Vec::new();
        for step in trace.steps() {
            match step.event {
                Event::Begin(Scope::Walk { stage: s, .. }) => stage.push(Some(s)),
                Event::Begin(_) => stage.push(None),
                Event::End(_) => {
                    stage.pop();
                }
                Event::Read { pa, level, entry, .. } => match stage.last().copied().flatten() {
                    Some(crate::trace::Stage::Device) => out.push((Which::Device, level, pa, entry.words)),
                    Some(crate::trace::Stage::Process) => out.push((Which::Process, level, pa, entry.words)),
                    _ => {}
                },
                _ => {}
            }
        }
        out
    }

    fn edit(&mut self, (pa, words): Place, edit: &ast::Edit, span: Span) -> Result<(), Stop> {
        let at = word_of((pa, words), edit)?;
        let new = edit.apply(self.memory.peek_u64(at));
        write_word(&mut self.memory, &mut self.trace, Actor::Author, None, at, new)
            .map_err(|e| problem(span, e))?;
        Ok(())
    }
}

/// Where an entry is, and of how many words.
type Place = (PhysAddr, u8);

/// Returns where the word of an entry is that an edit names; the entry must have it.
fn word_of((pa, words): Place, edit: &ast::Edit) -> Result<PhysAddr, Problem> {
    match edit.word {
        Some(word) if word.value >= u64::from(words) => Err(problem(
            word.span,
            Phrase::new(
                format!(
                    "the entry has {words} word{} of 8 bytes, counted from 0: it has no word {}",
                    if words == 1 { "" } else { "s" },
                    word.value
                ),
                format!("这个表项有 {words} 个 8 字节的字，从 0 数起，没有第 {} 字", word.value),
            ),
        )),
        word => Ok(pa.wrapping_add(word.map_or(0, |w| w.value) * 8)),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Which {
    Device,
    Process,
}

/// An entry read, as far as finding it again needs.
#[derive(Clone, Copy)]
struct Scoped {
    level: u8,
    words: u8,
}

fn page_entry(reads: &[(Scoped, PhysAddr)], level: u8) -> Option<PhysAddr> {
    let pages = || reads.iter().filter(|r| r.0.words == 1 && r.0.level > 0);
    let exact = pages().rfind(|r| r.0.level == level);
    // A large page ends above level 1: its entry is the one that "the last level" means then.
    exact.or_else(|| pages().next_back().filter(|_| level == 1)).map(|r| r.1)
}
