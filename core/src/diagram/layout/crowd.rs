//! Many devices, of which few take part: the others become one box. The pass before all others, made once for a run.

use crate::diagram::model::*;
use crate::diagram::text::width;
use crate::spec::{Lang, Phrase};
use alloc::{collections::BTreeMap, format, string::String, vec, vec::Vec};

/// The key of the box, and the column's key in [`Options::focus`](super::Options::focus) that opens it.
pub const FOLD: &str = "fold:devices";
/// Devices that are all drawn.
const CROWD: usize = 12;
/// The most that are drawn of a crowd: those who take part come first.
const SHOWN: usize = 8;
/// Those that are drawn also where fewer take part.
const LEAST: usize = 3;

/// Folds a crowd of devices, and the ports above none but them. Returns which box each folded actor is in, by key.
pub fn fold(model: &mut Model) -> BTreeMap<String, String> {
    let devices: Vec<usize> =
        (0..model.actors.len()).filter(|a| model.actors[*a].kind == ActorKind::Device).collect();
    if devices.len() <= CROWD {
        return BTreeMap::new();
    }
    let mut first = devices.clone();
    first.sort_by_key(|d| !model.actors[*d].acts);
    let acting = devices.iter().filter(|d| model.actors[**d].acts).count();
    first.truncate(acting.clamp(LEAST, SHOWN));
    let mut gone: Vec<bool> = vec![false; model.actors.len()];
    for d in devices.iter().filter(|d| !first.contains(d)) {
        gone[*d] = true;
    }
    let count = devices.len() - first.len();
    let at = |a: ActorId| usize::from(a.0);
    // A port that leads to nobody who is drawn, from the lowest up.
    for _ in 0..model.actors.len() {
        let mut more = false;
        for (a, actor) in model.actors.iter().enumerate() {
            let mut below = model.links.iter().filter(|l| at(l.0) == a).map(|l| at(l.1)).peekable();
            let port = actor.kind == ActorKind::Switch && !actor.acts && below.peek().is_some();
            if port && !gone[a] && below.all(|b| gone[b]) {
                (gone[a], more) = (true, true);
            }
        }
        if !more {
            break;
        }
    }
    // The longest of those who act inside: room for its name is kept.
    let inside = || model.actors.iter().zip(&gone).filter(|(a, gone)| **gone && a.acts).map(|(a, _)| a);
    let line = inside().map(who).max_by_key(|name| width(name.get(Lang::En)));
    let name = Phrase::new(format!("... and {count} more devices"), format!("……还有 {count} 个设备"));
    let place = devices.iter().find(|d| gone[**d]).map(|d| model.actors[*d].place);
    let mut keys = BTreeMap::new();
    let mut moved: Vec<Option<u16>> = Vec::new();
    let mut kept: Vec<Actor> = Vec::new();
    for (actor, gone) in core::mem::take(&mut model.actors).into_iter().zip(&gone) {
        if *gone {
            keys.insert(actor.key, String::from(FOLD));
            moved.push(None);
        } else {
            moved.push(Some(kept.len() as u16));
            kept.push(actor);
        }
    }
    model.actors = kept;
    let links = core::mem::take(&mut model.links);
    if let Some(place) = place {
        let fold = model.add_actor(FOLD, ActorKind::Fold, place, name, line.into_iter().collect());
        for (above, below) in links {
            let Some(above) = moved[at(above)] else { continue };
            let below = moved[at(below)].map_or(fold, ActorId);
            if !model.links.contains(&(ActorId(above), below)) {
                model.links.push((ActorId(above), below));
            }
        }
    }
    (model.token, model.lit) = (None, Vec::new());
    keys
}

/// A folded actor by its name and its first line.
pub fn who(actor: &Actor) -> Phrase {
    let of = |lang: Lang| {
        let line = actor.lines.first().map_or("", |line| line.get(lang));
        String::from(format!("{} {line}", actor.name.get(lang)).trim())
    };
    Phrase::new(of(Lang::En), of(Lang::Zh))
}
