//! Several pictures of one machine as one that has everything any of them has.

use super::model::{ActorId, Arrow, ColumnId, End, Model, Place, Point, Region, USED};
use crate::spec::Lang;
use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};

/// At most this many ranges that a token is in are kept in mind: more could not be shown.
pub const MET: usize = 32;

/// What makes a thing in a place that thing. A name may come to mean another range: that is a thing of its own.
fn same_region(region: &Region) -> (u64, u64, &str) {
    (region.first, region.last, &region.key)
}

/// What makes a wire that wire.
fn same_arrow(arrow: &Arrow) -> (Point, Point, &str) {
    (arrow.from.at, arrow.to.at, &arrow.key)
}

impl Model {
    /// Adds what `other` has and this has not; says whether there was any such thing. What only one step has
    /// (token and lights) is not taken, but for which ranges its token is in.
    pub fn widen(&mut self, other: &Model) -> bool {
        let mut grew = false;
        let mut columns: Vec<ColumnId> = Vec::new();
        for column in &other.columns {
            let at = self.columns.iter().position(|c| c.key == column.key).unwrap_or_else(|| {
                grew = true;
                let (title, owner) = (column.title.clone(), column.owner.clone());
                self.add_column(column.key.clone(), column.space, title, owner);
                self.columns.len() - 1
            });
            columns.push(ColumnId(at as u16));
            let own = &mut self.columns[at];
            grew |= column.reached && !own.reached;
            own.reached |= column.reached;
            // Room for the longest owner that a column ever has.
            if column.owner.get(Lang::En).len() > own.owner.get(Lang::En).len() {
                own.owner = column.owner.clone();
                grew = true;
            }
            // By a set: a run may have thousands of buffers, and is looked at many times.
            let known: BTreeSet<_> = own.regions.iter().map(same_region).collect();
            let new = column.regions.iter().filter(|r| !known.contains(&same_region(r)));
            let new: Vec<Region> = new.cloned().collect();
            grew |= !new.is_empty();
            own.regions.extend(new);
            // An address that led to nothing has the place of what ever is there, and else a mark of its own.
            let there: Vec<(u64, u64)> = (own.regions.iter())
                .filter(|r| r.key.starts_with(USED))
                .filter(|used| {
                    let holds = |r: &Region| !r.key.starts_with(USED) && r.contains(used.first);
                    own.regions.iter().any(holds)
                })
                .map(|r| (r.first, r.last))
                .collect();
            own.regions.retain(|r| !r.key.starts_with(USED) || !there.contains(&(r.first, r.last)));
        }
        let id = |c: ColumnId| columns.get(usize::from(c.0)).copied().unwrap_or(c);
        let end = |e: End| End { at: Point { column: id(e.at.column), ..e.at }, ..e };
        let others: Vec<Arrow> = (other.arrows.iter())
            .map(|arrow| Arrow { from: end(arrow.from), to: end(arrow.to), ..arrow.clone() })
            .collect();
        let known: BTreeMap<_, usize> =
            self.arrows.iter().enumerate().map(|(i, arrow)| (same_arrow(arrow), i)).collect();
        let found: Vec<Option<usize>> =
            others.iter().map(|arrow| known.get(&same_arrow(arrow)).copied()).collect();
        for (arrow, found) in others.into_iter().zip(found) {
            let Some(own) = found.and_then(|i| self.arrows.get_mut(i)) else {
                self.arrows.push(arrow);
                grew = true;
                continue;
            };
            for (mine, other) in [(&mut own.from, arrow.from), (&mut own.to, arrow.to)] {
                if mine.letter.is_none() && other.letter.is_some() {
                    mine.letter = other.letter;
                    grew = true;
                }
            }
        }
        for at in other.met.iter().copied().chain(other.meets()) {
            let at = Point { column: id(at.column), ..at };
            if self.met.len() < MET && !self.met.contains(&at) {
                self.met.push(at);
                grew = true;
            }
        }
        let mut actors: Vec<ActorId> = Vec::new();
        for actor in &other.actors {
            let at = self.actors.iter().position(|a| a.key == actor.key).unwrap_or_else(|| {
                let mut actor = actor.clone();
                actor.place = match actor.place {
                    Place::LeftOf(c) => Place::LeftOf(id(c)),
                    Place::RightOf(c) => Place::RightOf(id(c)),
                    Place::Between(a, b) => Place::Between(id(a), id(b)),
                };
                self.actors.push(actor);
                grew = true;
                self.actors.len() - 1
            });
            let own = &mut self.actors[at];
            grew |= actor.acts && !own.acts;
            own.acts |= actor.acts;
            grew |= actor.passed && !own.passed;
            own.passed |= actor.passed;
            actors.push(ActorId(at as u16));
        }
        for (above, below) in &other.links {
            let at = |a: &ActorId| actors.get(usize::from(a.0)).copied();
            if let (Some(above), Some(below)) = (at(above), at(below)) {
                if !self.links.contains(&(above, below)) {
                    self.links.push((above, below));
                    grew = true;
                }
            }
        }
        grew
    }
}
