//! Everything that any picture of a run has, as one model: laid out in this frame, nothing moves between steps.

use crate::diagram::model::{ColumnId, End, Model, Place, Point};
use alloc::{collections::BTreeSet, vec::Vec};

/// Adds to `frame` what `model` has and the frame has not, by keys.
pub fn widen(frame: &mut Model, model: &Model) {
    let mut columns: Vec<ColumnId> = Vec::new();
    for column in &model.columns {
        let at = frame.columns.iter().position(|c| c.key == column.key).unwrap_or_else(|| {
            frame.add_column(column.key.clone(), column.space, column.title.clone(), column.owner.clone());
            frame.columns.len() - 1
        });
        columns.push(ColumnId(at as u16));
        let into = &mut frame.columns[at].regions;
        // By a set: a run may have thousands of buffers, and a frame is made of many models.
        let mut known: BTreeSet<_> = into.iter().map(|r| r.key.clone()).collect();
        into.extend(column.regions.iter().filter(|r| known.insert(r.key.clone())).cloned());
    }
    let id = |c: ColumnId| columns.get(usize::from(c.0)).copied().unwrap_or(c);
    let end = |e: End| End { at: Point { column: id(e.at.column), ..e.at }, ..e };
    let mut known: BTreeSet<_> = frame.arrows.iter().map(|a| a.key.clone()).collect();
    for arrow in &model.arrows {
        if known.insert(arrow.key.clone()) {
            let mut arrow = arrow.clone();
            (arrow.from, arrow.to) = (end(arrow.from), end(arrow.to));
            frame.arrows.push(arrow);
        }
    }
    for actor in &model.actors {
        if !frame.actors.iter().any(|a| a.key == actor.key) {
            let mut actor = actor.clone();
            actor.place = match actor.place {
                Place::LeftOf(c) => Place::LeftOf(id(c)),
                Place::RightOf(c) => Place::RightOf(id(c)),
                Place::Between(a, b) => Place::Between(id(a), id(b)),
            };
            frame.actors.push(actor);
        }
    }
}
