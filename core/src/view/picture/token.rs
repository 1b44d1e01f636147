//! The token: the address on its way at a position, and what the step touches, out of the trace.

use super::places::Places;
use crate::addr::{AnyAddr, Space};
use crate::diagram::model::{ActorId, Anchor, ArrowKind, Fate, Lit, Model, Point, Target, Token, Touch};
use crate::explain::scopes;
use crate::trace::{Actor, CacheOp, Event, InterruptKind, Scope, Trace, Verdict};
use alloc::{format, vec::Vec};

/// Adds token and lights to a model for a position.
pub fn add(model: &mut Model, trace: &Trace, position: usize, places: &Places) {
    let Some(index) = position.checked_sub(1) else { return };
    let around = scopes::around(trace, index);
    let from = around.first().copied().unwrap_or(index);
    let mut way = Way { path: Vec::new(), at: None, fate: Fate::Moving, last_was_read: false };
    for i in from..=index {
        way.follow(model, trace, i, places);
    }
    light(model, trace, index, places);
    if let (Some(at), Some(anchor)) = (way.at, way.path.last().copied()) {
        model.token = Some(Token {
            address: at.raw,
            space: at.space,
            at: anchor,
            path: way.path,
            fate: way.fate,
            load: Default::default(),
        });
    }
}

struct Way {
    path: Vec<Anchor>,
    at: Option<AnyAddr>,
    fate: Fate,
    last_was_read: bool,
}

impl Way {
    fn follow(&mut self, model: &Model, trace: &Trace, i: usize, places: &Places) {
        let step = &trace.steps()[i];
        let point = |at: AnyAddr| {
            places.column_of(at.space).map(|column| Anchor::Point(Point { column, address: at.raw }))
        };
        match step.event {
            Event::Begin(Scope::CpuAccess { at, .. }) => self.start(actor(model, "cpu"), at, point(at)),
            Event::Begin(Scope::Transfer { requester, at, .. }) => {
                self.start(actor(model, &format!("dev:{requester}")), at, point(at));
            }
            Event::Begin(Scope::Translation { requester, at, .. }) => {
                if self.path.is_empty() || self.fate != Fate::Moving {
                    self.start(actor(model, &format!("dev:{requester}")), at, point(at));
                }
                self.go(at, actor(model, "iommu"));
            }
            Event::Read { pa, .. } => {
                // One table after another: the token is where it reads, its way leads to the last.
                if self.last_was_read {
                    self.path.pop();
                }
                let at = AnyAddr { space: Space::Physical, raw: pa.raw() };
                self.go(at, point(at));
                self.last_was_read = true;
            }
            Event::End(Verdict::Leaf { to, .. }) if to.space == Space::Physical => {
                if self.last_was_read {
                    self.path.pop();
                }
                self.go(to, point(to));
            }
            Event::Window { to, hit: true, .. } => self.go(to, point(to)),
            Event::Window { hit: false, .. } => self.fate = Fate::Dead,
            Event::Data { pa, .. } | Event::Load { pa, .. } if !self.path.is_empty() => {
                let at = AnyAddr { space: Space::Physical, raw: pa.raw() };
                self.go(at, point(at));
                if self.fate == Fate::Moving {
                    self.fate = Fate::Arrived;
                }
            }
            Event::Cache { op: CacheOp::Stale, .. } => self.fate = Fate::Stale,
            Event::Fault { .. } => self.fate = Fate::Dead,
            Event::Interrupt { kind, .. } => {
                self.fate = if kind == InterruptKind::Blocked { Fate::Dead } else { Fate::Interrupt };
            }
            _ => {}
        }
    }
    fn start(&mut self, who: Option<Anchor>, at: AnyAddr, place: Option<Anchor>) {
        self.path.clear();
        self.path.extend(who);
        self.fate = Fate::Moving;
        self.last_was_read = false;
        self.go(at, place);
    }
    fn go(&mut self, at: AnyAddr, place: Option<Anchor>) {
        self.at = Some(at);
        self.last_was_read = false;
        if self.path.last() != place.as_ref() {
            self.path.extend(place);
        }
    }
}

fn actor(model: &Model, key: &str) -> Option<Anchor> {
    id(model, key).map(Anchor::Actor)
}

fn id(model: &Model, key: &str) -> Option<ActorId> {
    model.actors.iter().position(|a| a.key == key).map(|i| ActorId(i as u16))
}

fn light(model: &mut Model, trace: &Trace, index: usize, places: &Places) {
    let step = &trace.steps()[index];
    let mut lit = Vec::new();
    let mut region = |model: &Model, at: AnyAddr, how| {
        let Some(column) = places.column_of(at.space) else { return };
        if let Some((i, _)) = model.region_at(Point { column, address: at.raw }) {
            lit.push(Lit { what: Target::Region(column, i), how });
        }
    };
    let physical = |raw| AnyAddr { space: Space::Physical, raw };
    match step.event {
        Event::Read { pa, verdict, .. } => {
            let how = if let Verdict::Refused(_) = verdict { Touch::Refused } else { Touch::Read };
            region(model, physical(pa.raw()), how);
        }
        Event::Write { pa, .. } | Event::WriteRun { pa, .. } | Event::Data { pa, .. } => {
            region(model, physical(pa.raw()), Touch::Written);
        }
        Event::Load { pa, .. } => region(model, physical(pa.raw()), Touch::Read),
        Event::Fault { at, .. } => region(model, at, Touch::Refused),
        _ => {}
    }
    let who = match step.actor {
        Actor::Cpu | Actor::Mmu | Actor::Os => Some("cpu".into()),
        Actor::Iommu => Some("iommu".into()),
        Actor::Device(requester) => Some(format!("dev:{requester}")),
        Actor::RootComplex => Some("bridge".into()),
        _ => None,
    };
    if let Some(id) = who.and_then(|key| id(model, &key)) {
        let how = if let Event::Fault { .. } = step.event { Touch::Refused } else { Touch::Used };
        lit.push(Lit { what: Target::Actor(id), how });
    }
    // The arrow that the step's address went along.
    let went = match step.event {
        Event::End(Verdict::Leaf { .. }) => {
            scopes::opener(trace, index).and_then(|i| match trace.steps()[i].event {
                Event::Begin(Scope::Translation { at, .. } | Scope::CpuAccess { at, .. }) => Some(at),
                Event::Begin(Scope::Walk { input, .. }) => Some(input),
                _ => None,
            })
        }
        Event::Window { from, hit: true, .. } => Some(from),
        Event::Cache { op: CacheOp::Hit | CacheOp::Stale, line, .. } if line.shift > 0 => {
            Some(AnyAddr { space: Space::Iova, raw: line.from })
        }
        _ => None,
    };
    if let Some((at, column)) = went.and_then(|at| Some((at, places.column_of(at.space)?))) {
        let point = Point { column, address: at.raw };
        let arrow = model.arrows.iter().position(|a| a.kind != ArrowKind::Copy && a.convert(point).is_some());
        lit.extend(arrow.map(|i| Lit { what: Target::Arrow(i as u32), how: Touch::Used }));
    }
    model.lit = lit;
}
