//! IOMMUs as texts name them: by where their registers are, by what the kernel calls them, or not at all. Which names are of one unit
//! is decided when all texts are read, so that their order says nothing.

use super::found::{Found, Maker, Source, Unit};
use alloc::string::String;
use alloc::vec::Vec;

/// The most that are kept.
const MOST: usize = 1024;

/// Returns the unit that a text tells of, new if it was not met before; `name` is empty where the text has none.
pub fn unit<'a>(
    found: &'a mut Found,
    maker: Maker,
    at: Option<u64>,
    name: &str,
    from: Source,
) -> Option<&'a mut Unit> {
    let same = |unit: &Unit| match at {
        Some(_) => unit.at == at,
        // A text that names none is of whichever: of the first.
        None => unit.name == name || name.is_empty(),
    };
    let place = match found.units.iter().position(|unit| unit.maker == maker && same(unit)) {
        Some(place) => place,
        None if found.units.len() >= MOST => return None,
        None => {
            found.units.push(Unit {
                maker,
                at,
                name: name.into(),
                scope: String::new(),
                all: false,
                cap: None,
                more: None,
                iotlb: None,
                from,
                able_from: None,
                scope_from: None,
            });
            found.units.len() - 1
        }
    };
    let unit = found.units.get_mut(place)?;
    if unit.name.is_empty() {
        unit.name = name.into();
    }
    Some(unit)
}

/// Joins the units without an address with those that have one: with that of the same name, else with one that no other has been
/// joined with. A name that all others have is a unit of its own.
pub fn join(found: &mut Found) {
    let (mut units, nameless): (Vec<Unit>, Vec<Unit>) =
        core::mem::take(&mut found.units).into_iter().partition(|unit| unit.at.is_some());
    // What has a name of its own goes first: the rest is of any.
    let (named, rest): (Vec<Unit>, Vec<Unit>) = nameless.into_iter().partition(|unit| !unit.name.is_empty());
    for one in named.into_iter().chain(rest) {
        let of = |unit: &Unit| unit.maker == one.maker;
        let same = units.iter().position(|unit| of(unit) && unit.name == one.name);
        let free = || units.iter().position(|unit| of(unit) && (unit.name.is_empty() || one.name.is_empty()));
        match same.or_else(free).and_then(|place| units.get_mut(place)) {
            Some(unit) => take(unit, one),
            None => units.push(one),
        }
    }
    found.units = units;
}

/// Adds what another text says of a unit.
fn take(unit: &mut Unit, other: Unit) {
    if unit.name.is_empty() {
        unit.name = other.name;
    }
    if unit.more.is_none() && unit.cap.is_none() {
        (unit.cap, unit.more, unit.able_from) = (other.cap, other.more, other.able_from);
    }
    unit.iotlb = unit.iotlb.or(other.iotlb);
    unit.all |= other.all;
    if unit.scope.is_empty() {
        (unit.scope, unit.scope_from) = (other.scope, other.scope_from);
    }
}
