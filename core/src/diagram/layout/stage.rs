//! The picture to draw, standing in a frame that may hold more than it: so that what is mapped later, or was
//! freed, leaves its place empty and nothing else moves from step to step.

use crate::diagram::model::*;
use alloc::{collections::BTreeMap, vec, vec::Vec};

/// A model with all that its frame has; what the model itself has is marked as shown.
pub struct Stage {
    /// Both together.
    pub model: Model,
    /// For each column, for each region: is it there now?
    pub regions: Vec<Vec<bool>>,
    /// For each arrow: is it there now?
    pub arrows: Vec<bool>,
    /// Where the drawn model's columns and actors, regions and arrows are in the stage.
    columns_at: Vec<ColumnId>,
    actors_at: Vec<ActorId>,
    regions_at: Vec<Vec<u32>>,
    arrows_at: Vec<u32>,
}

impl Stage {
    /// The model in its frame.
    pub fn new(model: &Model, frame: Option<&Model>) -> Stage {
        let Some(frame) = frame else {
            let all = |m: &Model| m.columns.iter().map(|c| vec![true; c.regions.len()]).collect();
            return Stage {
                regions: all(model),
                arrows: vec![true; model.arrows.len()],
                columns_at: (0..model.columns.len() as u16).map(ColumnId).collect(),
                actors_at: (0..model.actors.len() as u16).map(ActorId).collect(),
                regions_at: model.columns.iter().map(|c| (0..c.regions.len() as u32).collect()).collect(),
                arrows_at: (0..model.arrows.len() as u32).collect(),
                model: model.clone(),
            };
        };
        let mut stage = Stage {
            model: Model { title: model.title.clone(), token: None, lit: Vec::new(), ..frame.clone() },
            regions: frame.columns.iter().map(|c| vec![false; c.regions.len()]).collect(),
            arrows: vec![false; frame.arrows.len()],
            columns_at: Vec::new(),
            actors_at: Vec::new(),
            regions_at: Vec::new(),
            arrows_at: Vec::new(),
        };
        stage.add_columns(model);
        stage.add_actors(model);
        stage.add_arrows(model);
        stage.add_token_and_lights(model);
        stage
    }

    fn add_columns(&mut self, model: &Model) {
        let by_key: BTreeMap<_, _> =
            self.model.columns.iter().enumerate().map(|(i, c)| (c.key.clone(), i)).collect();
        for column in &model.columns {
            let at = by_key.get(&column.key).copied().unwrap_or_else(|| {
                self.model.columns.push(Column { regions: Vec::new(), ..column.clone() });
                self.regions.push(Vec::new());
                self.model.columns.len() - 1
            });
            self.columns_at.push(ColumnId(at as u16));
            let into = &mut self.model.columns[at].regions;
            let keys: BTreeMap<_, _> = into.iter().enumerate().map(|(i, r)| (r.key.clone(), i)).collect();
            let mut places = Vec::new();
            for region in &column.regions {
                match keys.get(&region.key) {
                    Some(&i) => {
                        into[i] = region.clone();
                        self.regions[at][i] = true;
                        places.push(i as u32);
                    }
                    None => {
                        into.push(region.clone());
                        self.regions[at].push(true);
                        places.push(into.len() as u32 - 1);
                    }
                }
            }
            self.regions_at.push(places);
        }
    }

    fn add_actors(&mut self, model: &Model) {
        for actor in &model.actors {
            let place = self.place(actor.place);
            let actor = Actor { place, ..actor.clone() };
            match self.model.actors.iter().position(|a| a.key == actor.key) {
                Some(i) => {
                    self.model.actors[i] = actor;
                    self.actors_at.push(ActorId(i as u16));
                }
                None => {
                    self.model.actors.push(actor);
                    self.actors_at.push(ActorId(self.model.actors.len() as u16 - 1));
                }
            }
        }
    }

    fn add_arrows(&mut self, model: &Model) {
        let keys: BTreeMap<_, _> =
            self.model.arrows.iter().enumerate().map(|(i, a)| (a.key.clone(), i)).collect();
        for arrow in &model.arrows {
            let end = |e: End| End { at: self.point(e.at), ..e };
            let arrow = Arrow { from: end(arrow.from), to: end(arrow.to), ..arrow.clone() };
            match keys.get(&arrow.key) {
                Some(&i) => {
                    self.model.arrows[i] = arrow;
                    self.arrows[i] = true;
                    self.arrows_at.push(i as u32);
                }
                None => {
                    self.model.arrows.push(arrow);
                    self.arrows.push(true);
                    self.arrows_at.push(self.model.arrows.len() as u32 - 1);
                }
            }
        }
    }

    fn add_token_and_lights(&mut self, model: &Model) {
        let anchor = |a: &Anchor| match *a {
            Anchor::Point(p) => Anchor::Point(self.point(p)),
            Anchor::Actor(a) => Anchor::Actor(self.actor(a)),
        };
        let token = model.token.as_ref().map(|t| Token {
            at: anchor(&t.at),
            path: t.path.iter().map(anchor).collect(),
            ..t.clone()
        });
        let lit = model.lit.iter().filter_map(|l| {
            let what = match l.what {
                Target::Arrow(i) => Target::Arrow(*self.arrows_at.get(i as usize)?),
                Target::Region(c, i) => {
                    Target::Region(self.column(c), *self.regions_at.get(c.0 as usize)?.get(i as usize)?)
                }
                Target::Actor(a) => Target::Actor(self.actor(a)),
            };
            Some(Lit { what, how: l.how })
        });
        let lit = lit.collect();
        self.model.token = token;
        self.model.lit = lit;
    }

    fn column(&self, c: ColumnId) -> ColumnId {
        // An id of no column stays one: the layout looks every id up.
        self.columns_at.get(c.0 as usize).copied().unwrap_or(ColumnId(u16::MAX))
    }
    fn actor(&self, a: ActorId) -> ActorId {
        self.actors_at.get(a.0 as usize).copied().unwrap_or(ActorId(u16::MAX))
    }
    fn point(&self, p: Point) -> Point {
        Point { column: self.column(p.column), ..p }
    }
    fn place(&self, p: Place) -> Place {
        match p {
            Place::LeftOf(c) => Place::LeftOf(self.column(c)),
            Place::RightOf(c) => Place::RightOf(self.column(c)),
            Place::Between(a, b) => Place::Between(self.column(a), self.column(b)),
        }
    }

    /// What a place of the stage shows now: the region itself if it is there, else the one behind it.
    pub fn shown(&self, column: ColumnId, region: u32, address: u64) -> Option<u32> {
        let (c, i) = (column.0 as usize, region as usize);
        if self.regions[c][i] {
            return Some(region);
        }
        let regions = self.model.columns[c].regions.iter().enumerate();
        let there = regions.filter(|(i, r)| self.regions[c][*i] && r.contains(address));
        there.min_by_key(|(i, r)| (r.last - r.first, usize::MAX - i)).map(|(i, _)| i as u32)
    }
}
