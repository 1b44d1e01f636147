//! One step's model, seen from the places that were made for all steps.

use super::Plan;
use crate::diagram::model::*;
use crate::spec::Lang;
use alloc::{collections::BTreeMap, vec, vec::Vec};

/// What is there at one step.
pub struct Now<'a> {
    pub lang: Lang,
    pub model: &'a Model,
    /// For each column of the plan, for each region: the model's, while it is there.
    regions: Vec<Vec<Option<&'a Region>>>,
    /// For each arrow of the plan: the model's, while it is there.
    pub arrows: Vec<Option<&'a Arrow>>,
    /// What the step touches, by the plan's indices; of a region also where.
    regions_lit: BTreeMap<(usize, u32), (Touch, Option<u64>)>,
    pub arrows_lit: BTreeMap<u32, Touch>,
    pub actors_lit: BTreeMap<usize, Touch>,
    /// Whom the step touches last of those who are folded into a box.
    pub inside: Option<&'a Actor>,
    /// Letters by point.
    pub letters: BTreeMap<Point, char>,
    /// The token's way and place, with the plan's ids.
    pub way: Vec<Anchor>,
    /// The way of the interrupt that came after it.
    pub interrupt: Vec<Anchor>,
}

impl<'a> Now<'a> {
    /// Finds the places of a step's model. What the plan does not have has none.
    pub fn new(plan: &Plan, model: &'a Model, lang: Lang) -> Now<'a> {
        let all = &plan.ground.model;
        let mut now = Now {
            lang,
            model,
            regions: all.columns.iter().map(|c| vec![None; c.regions.len()]).collect(),
            arrows: vec![None; all.arrows.len()],
            regions_lit: BTreeMap::new(),
            arrows_lit: BTreeMap::new(),
            actors_lit: BTreeMap::new(),
            inside: None,
            letters: BTreeMap::new(),
            way: Vec::new(),
            interrupt: Vec::new(),
        };
        let columns: Vec<Option<usize>> =
            model.columns.iter().map(|c| plan.index.columns.get(&c.key).copied()).collect();
        let column = |c: ColumnId| columns.get(usize::from(c.0)).copied().flatten();
        let point = |p: Point| Some(Point { column: ColumnId(column(p.column)? as u16), ..p });
        let mut regions_at: Vec<Vec<Option<u32>>> = Vec::new();
        for (at, own) in columns.iter().zip(&model.columns) {
            let place = |r: &'a Region| {
                let found = plan.index.region((*at)?, r)?;
                now.regions[(*at)?][found as usize] = Some(r);
                Some(found)
            };
            regions_at.push(own.regions.iter().map(place).collect());
        }
        // What led to nothing is marked in the place of what is there at other times.
        for (at, own) in columns.iter().zip(&model.columns) {
            let Some(c) = *at else { continue };
            let marks = own.regions.iter().filter(|r| r.key.starts_with(USED));
            for used in marks.filter(|r| plan.index.region(c, r).is_none()) {
                let was = |r: &Region| {
                    matches!(r.kind, RegionKind::Buffer | RegionKind::Hole) && r.first & !0xfff == used.first
                };
                if let Some(i) = all.columns[c].regions.iter().position(was) {
                    now.regions[c][i] = now.regions[c][i].or(Some(used));
                }
            }
        }
        let mut arrows_at: Vec<Option<u32>> = Vec::new();
        for arrow in &model.arrows {
            let found = point(arrow.from.at)
                .zip(point(arrow.to.at))
                .and_then(|(from, to)| plan.index.arrow(arrow, from, to));
            if let Some(i) = found {
                now.arrows[i as usize] = Some(arrow);
            }
            arrows_at.push(found);
            for end in [arrow.from, arrow.to] {
                if let (Some(at), Some(letter)) = (point(end.at), end.letter) {
                    now.letters.insert(at, letter);
                }
            }
        }
        let actors: Vec<Option<usize>> =
            model.actors.iter().map(|a| plan.index.actors.get(&a.key).copied()).collect();
        let folded = |(a, at): (&Actor, &Option<usize>)| {
            at.is_some_and(|at| all.actors[at].kind == ActorKind::Fold && a.kind != ActorKind::Fold)
        };
        let mut inside = model.actors.iter().zip(&actors).filter(|(a, _)| a.acts);
        now.inside = inside.rfind(|(a, at)| folded((a, at))).map(|(a, _)| a);
        for lit in &model.lit {
            match lit.what {
                Target::Arrow(i) => {
                    if let Some(i) = arrows_at.get(i as usize).copied().flatten() {
                        now.arrows_lit.insert(i, lit.how);
                    }
                }
                Target::Region(c, i) => {
                    let found = regions_at.get(usize::from(c.0)).and_then(|r| r.get(i as usize)).copied();
                    if let (Some(c), Some(i)) = (column(c), found.flatten()) {
                        now.regions_lit.insert((c, i), (lit.how, lit.at));
                    }
                }
                Target::Actor(a) => {
                    if let Some(a) = actors.get(usize::from(a.0)).copied().flatten() {
                        now.actors_lit.insert(a, lit.how);
                    }
                }
            }
        }
        if let Some(token) = &model.token {
            let anchor = |a: &Anchor| match *a {
                Anchor::Point(p) => point(p).map(Anchor::Point),
                Anchor::Actor(a) => {
                    let at = actors.get(usize::from(a.0)).copied().flatten()?;
                    Some(Anchor::Actor(ActorId(at as u16)))
                }
            };
            now.way = token.path.iter().filter_map(anchor).collect();
            if token.path.last() != Some(&token.at) {
                now.way.extend(anchor(&token.at));
            }
            now.interrupt = token.interrupt.iter().filter_map(anchor).collect();
        }
        now
    }

    /// A region of the plan, while it is there.
    pub fn region(&self, column: usize, region: u32) -> Option<&'a Region> {
        self.regions[column].get(region as usize).copied().flatten()
    }

    /// What a place of the plan shows now: the region itself if it is there, else the one behind it.
    pub fn shown(&self, column: usize, region: u32, address: u64) -> Option<u32> {
        if self.region(column, region).is_some() {
            return Some(region);
        }
        let there = self.regions[column].iter().enumerate().filter_map(|(i, r)| Some((i, (*r)?)));
        let there = there.filter(|(_, r)| r.contains(address));
        there.min_by_key(|(i, r)| (r.last - r.first, usize::MAX - i)).map(|(i, _)| i as u32)
    }

    /// Whether the token is in the part of a region between two addresses.
    pub fn holds_token(&self, column: usize, region: u32, first: u64, last: u64) -> bool {
        let Some(Anchor::Point(at)) = self.way.last() else { return false };
        let here = usize::from(at.column.0) == column && (first..=last).contains(&at.address);
        here && self.region(column, region).is_some_and(|r| r.contains(at.address))
    }

    /// How the step touches the part of a region between two addresses.
    pub fn touch(&self, column: usize, region: u32, first: u64, last: u64) -> Option<Touch> {
        let (how, at) = self.regions_lit.get(&(column, region))?;
        at.is_none_or(|at| (first..=last).contains(&at)).then_some(*how)
    }
}
