//! Where there are few rows: address spaces that nothing ever goes through are left out, with their arrows and with who
//! stands beside them. A pass before all others, made once for a run.

use crate::diagram::model::*;
use crate::diagram::union::MET;
use alloc::{collections::BTreeSet, string::String, vec::Vec};

/// Narrower than that there is no room beside memory for a CPU that only works on its own.
const NARROW: u16 = 88;

/// Leaves out what only stands by. Returns the keys of columns and actors that are gone; none where nothing would be left
/// to see.
pub fn leave_out(model: &mut Model, width: u16) -> BTreeSet<String> {
    let physical = model.columns.iter().position(|c| c.space == Space::Physical);
    let stays = |c: &Column| c.reached || c.space == Space::Physical;
    let kept: Vec<bool> = model.columns.iter().map(stays).collect();
    let Some(physical) = physical.filter(|_| kept.iter().filter(|kept| **kept).count() > 1) else {
        return BTreeSet::new();
    };
    let mut next = 0;
    let moved: Vec<Option<ColumnId>> = kept
        .iter()
        .map(|kept| {
            next += u16::from(*kept);
            kept.then(|| ColumnId(next - 1))
        })
        .collect();
    let now = |c: ColumnId| moved.get(usize::from(c.0)).copied().flatten();
    // Who stands by a column that is gone and acts stands by memory.
    let memory = moved[physical].unwrap_or(ColumnId(0));
    let mut gone = BTreeSet::new();
    for (column, kept) in core::mem::take(&mut model.columns).into_iter().zip(&kept) {
        if *kept {
            model.columns.push(column);
        } else {
            gone.insert(column.key);
        }
    }
    let mut actors: Vec<Option<ActorId>> = Vec::new();
    for mut actor in core::mem::take(&mut model.actors) {
        let beside = match actor.place {
            Place::LeftOf(c) | Place::RightOf(c) => now(c).is_some(),
            Place::Between(a, b) => now(a).is_some() && now(b).is_some(),
        };
        let of_cpu = matches!(actor.kind, ActorKind::Cpu | ActorKind::Mmu);
        let stays = if width < NARROW { actor.passed } else { actor.acts };
        if of_cpu && !stays && (!beside || width < NARROW) {
            gone.insert(actor.key);
            actors.push(None);
            continue;
        }
        let stands = |c| now(c).unwrap_or(memory);
        actor.place = match actor.place {
            Place::LeftOf(c) => Place::LeftOf(stands(c)),
            Place::RightOf(c) => Place::RightOf(stands(c)),
            Place::Between(a, b) => Place::Between(stands(a), stands(b)),
        };
        actors.push(Some(ActorId(model.actors.len() as u16)));
        model.actors.push(actor);
    }
    let at = |a: ActorId| actors.get(usize::from(a.0)).copied().flatten();
    model.links = model.links.iter().filter_map(|(a, b)| Some((at(*a)?, at(*b)?))).collect();
    let point = |p: Point| Some(Point { column: now(p.column)?, ..p });
    let end = |e: End| Some(End { at: point(e.at)?, ..e });
    let arrows = core::mem::take(&mut model.arrows);
    let arrow = |a: Arrow| Some(Arrow { from: end(a.from)?, to: end(a.to)?, ..a });
    model.arrows = arrows.into_iter().filter_map(arrow).collect();
    model.met = model.met.iter().filter_map(|p| point(*p)).collect();
    (model.token, model.lit) = (None, Vec::new());
    gone
}

/// Where even that leaves too many rows: in address spaces of the bus's side also ranges that nothing ever goes to, as
/// windows of the bridge and doorbells, with what leads to a window. Returns their keys, with those of their columns.
pub fn leave_ranges_out(model: &mut Model) -> BTreeSet<(String, String)> {
    // Of more places than are kept it is not known where nothing goes.
    if model.met.len() >= MET {
        return BTreeSet::new();
    }
    let at = |p: Point| (usize::from(p.column.0), p.address);
    let leads = |a: &&Arrow| a.kind != ArrowKind::Window;
    let ends = model.arrows.iter().filter(leads).flat_map(|a| [a.from.at, a.to.at]);
    let needed: BTreeSet<(usize, u64)> = model.met.iter().copied().chain(ends).map(at).collect();
    let (mut gone, mut ranges) = (BTreeSet::new(), Vec::new());
    for (c, column) in model.columns.iter_mut().enumerate() {
        if !matches!(column.space, Space::Bus | Space::Iova) {
            continue;
        }
        let key = &column.key;
        column.regions.retain(|region| {
            use RegionKind::{Hole, Mmio, Msi, Reserved};
            let idle = matches!(region.kind, Mmio | Msi | Hole | Reserved) && !region.key.starts_with(USED);
            let stays = !idle || needed.range((c, region.first)..=(c, region.last)).next().is_some();
            if !stays {
                gone.insert((key.clone(), region.key.clone()));
                ranges.push((c, region.first..=region.last));
            }
            stays
        });
    }
    let inside = |p: Point| {
        let (c, address) = at(p);
        ranges.iter().any(|(column, range)| *column == c && range.contains(&address))
    };
    model.arrows.retain(|a| !inside(a.from.at) && !inside(a.to.at));
    gone
}
