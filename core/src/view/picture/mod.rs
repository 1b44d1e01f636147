//! The picture of a run at a position: columns, regions and arrows out of the machine, the token out of the trace.
//!
//! Whether a mapping is there at a position is not remembered but asked: of the tables, as they stand in memory
//! then. What the machine will ever have is the frame, so that nothing moves from step to step.

mod places;
mod token;

use super::Viewer;
use crate::addr::{AnyAddr, Iova, Pasid, PhysAddr, RequesterId, Space};
use crate::diagram::model::{Arrow, ArrowKind, ArrowState, Model, Point};
use crate::iommu::{Iommu, Outcome, PasidTag, Request, RequestKind};
use crate::machine::history;
use crate::machine::Machine;
use crate::memory::Memory;
use crate::mmu;
use crate::paging::Want;
use crate::scenario::{symbols, Scenario};
use crate::spec::Phrase;
use crate::trace::{CacheKind, Event, Perms};
use alloc::{collections::BTreeMap, string::String, vec::Vec};
use places::{Mapping, Places};

/// What of a run the pictures are drawn from, gathered once.
#[derive(Clone, Debug)]
pub struct Painter {
    machine: Machine,
    places: Places,
    frame: Model,
    /// The position after which a name means something.
    born: BTreeMap<String, usize>,
}

impl Painter {
    /// For a machine that has run; its trace and memory are the viewer's.
    pub fn new(machine: Machine, scenario: &Scenario, viewer: &Viewer) -> Self {
        let ends: BTreeMap<u32, usize> = super::course::lines(viewer.trace()).into_iter().collect();
        let born = symbols(scenario).into_iter();
        let born = born.filter_map(|s| Some((s.name, *ends.get(&s.span.line)?))).collect();
        let places = Places::new(&machine, viewer.trace());
        let mut painter = Painter { machine, places, frame: Model::default(), born };
        painter.frame = painter.all();
        painter
    }

    /// All that will ever be seen.
    pub fn frame(&self) -> &Model {
        &self.frame
    }

    fn all(&self) -> Model {
        let mut model = self.places.columns(&self.machine, |_| true, |_| true);
        for (i, mapping) in self.places.mappings.iter().enumerate() {
            if let Some(to) = mapping.expected {
                model.arrows.push(self.arrow(i, mapping, to, ArrowState::Live));
            }
        }
        model
    }

    /// The picture at a position.
    pub fn model(&self, viewer: &mut Viewer, position: usize) -> Model {
        let position = position.min(viewer.len());
        let cached = iotlb(viewer, position);
        let mut states: Vec<Option<(PhysAddr, ArrowState)>> = Vec::new();
        let memory = viewer.memory_for_asking(position);
        for mapping in &self.places.mappings {
            let now = self.ask(memory, mapping);
            let line = cached
                .iter()
                .find(|l| mapping.by_iommu() && l.0 <= mapping.from.raw && mapping.from.raw <= l.1);
            states.push(match (now, line) {
                (Some(to), Some(_)) => Some((to, ArrowState::Cached)),
                (Some(to), None) => Some((to, ArrowState::Live)),
                (None, Some(line)) => {
                    Some((PhysAddr::new(line.2 + (mapping.from.raw - line.0)), ArrowState::Stale))
                }
                (None, None) => None,
            });
        }
        let alive = |name: &str| self.born.get(name).is_none_or(|b| *b <= position);
        let mapped = |i: usize| {
            let m: &Mapping = &self.places.mappings[i];
            alive(&m.name) && (states[i].is_some() || m.always)
        };
        let mut model = self.places.columns(&self.machine, alive, mapped);
        let seen = position;
        model.columns.iter_mut().for_each(|c| c.regions.retain(|r| self.places.table_seen(&r.key, seen)));
        for region in model.columns.iter_mut().flat_map(|c| &mut c.regions) {
            if let Some((name, _)) = region.key.strip_prefix("pa/").and_then(|k| k.split_once(':')) {
                region.state = self.places.owner(name, position);
            }
        }
        for (i, mapping) in self.places.mappings.iter().enumerate() {
            if let (true, Some((to, state))) = (alive(&mapping.name), states[i]) {
                model.arrows.push(self.arrow(i, mapping, to.raw(), state));
            }
        }
        token::add(&mut model, viewer.trace(), position, &self.places);
        model
    }

    fn arrow(&self, index: usize, mapping: &Mapping, to: u64, state: ArrowState) -> Arrow {
        let point = |column, address| Point { column, address };
        let letters = self.places.letters(index);
        Arrow {
            key: alloc::format!("map{index}"),
            from: crate::diagram::model::End {
                at: point(mapping.column, mapping.from.raw),
                letter: letters.0,
            },
            to: crate::diagram::model::End { at: point(mapping.into, to), letter: letters.1 },
            len: mapping.len,
            kind: self.kind(mapping),
            state,
            perms: Perms::RW,
            label: Phrase::default(),
        }
    }

    fn kind(&self, mapping: &Mapping) -> ArrowKind {
        match mapping.from.space {
            Space::Virtual if mapping.who.is_none() => ArrowKind::Mmu,
            Space::GuestPhysical => ArrowKind::Ept,
            Space::Physical => ArrowKind::Window,
            _ if !self.machine.iommu_on() => {
                if mapping.expected == Some(mapping.from.raw) {
                    ArrowKind::Identity
                } else {
                    ArrowKind::Window
                }
            }
            _ if mapping.expected == Some(mapping.from.raw) => ArrowKind::Identity,
            _ if mapping.pasid.is_some() && self.machine.sw.vms.is_empty() => ArrowKind::Stage1,
            _ if mapping.pasid.is_some() => ArrowKind::Nested,
            _ => ArrowKind::Stage2,
        }
    }

    /// Where a mapping leads now, by the tables as they stand in memory.
    fn ask(&self, memory: &mut Memory, mapping: &Mapping) -> Option<PhysAddr> {
        if mapping.always {
            return mapping.expected.map(PhysAddr::new);
        }
        if let Some(owner) = mapping.owner {
            let space = self.machine.space(owner)?;
            let at = crate::addr::VirtAddr::new(mapping.from.raw);
            return mmu::peek(memory, &space, at, Want::supervisor(Perms::R)).ok().map(|t| t.to);
        }
        let who = mapping.who?;
        let at = AnyAddr { space: Space::Iova, raw: mapping.from.raw };
        match &self.machine.hw.iommu {
            Some(unit) if self.machine.iommu_on() => [Perms::R, Perms::W].into_iter().find_map(|want| {
                match unit.peek(memory, &request(who, mapping.pasid, at.raw, want)) {
                    Outcome::Memory(t) => Some(t.to),
                    _ => None,
                }
            }),
            _ => mapping.expected.map(PhysAddr::new),
        }
    }
}

fn request(who: RequesterId, pasid: Option<Pasid>, at: u64, want: Perms) -> Request {
    Request {
        requester: who,
        pasid: pasid.map(|pasid| PasidTag { pasid, privileged: false, execute: false }),
        at: Iova::new(at),
        want,
        kind: RequestKind::Untranslated,
        bytes: 1,
        data: None,
    }
}

/// What the IOTLB holds at a position: first, last, where to.
fn iotlb(viewer: &Viewer, position: usize) -> Vec<(u64, u64, u64)> {
    let trace = viewer.trace();
    if !trace.steps()[..position].iter().any(|s| matches!(s.event, Event::Cache { .. })) {
        return Vec::new();
    }
    let caches = history::caches(trace, position).into_iter().filter(|c| c.cache.kind == CacheKind::Iotlb);
    caches
        .flat_map(|c| c.lines.into_values())
        .map(|l| (l.from, l.from + ((1u64 << l.shift.min(63)) - 1), l.to))
        .collect()
}
