//! A slot as a chain of parts: heads, borders, pieces.

use super::now::Now;
use super::rows::Elem;
use super::{both, Ground, Mode};
use crate::addr::{Bytes, Space};
use crate::diagram::model::*;
use crate::diagram::pieces::{Fold, Piece, What};
use crate::diagram::text::{clean, hex, width, wrap};
use crate::diagram::words;
use crate::spec::Lang;
use crate::trace::OwnerState;
use alloc::{format, string::String, vec, vec::Vec};

/// What a part of a chain is; pieces by column and index.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Part {
    /// An empty row between columns of one slot.
    Blank,
    /// The column's name.
    Head(usize),
    /// Room above the column's first region, so that a small region is not drawn tall to be in the right row.
    Above(usize),
    /// The border above the column's first piece.
    Top(usize),
    /// A piece.
    Piece(usize, usize),
    /// The border below a piece.
    Line(usize, usize),
    /// Who stands below a column, where slots stand below each other.
    Tail(usize),
}

/// The room of a piece.
#[derive(Clone, Copy, Default, Debug)]
pub struct Room {
    /// Name and address share one row.
    pub dense: bool,
    /// Nothing but room between what is above and below: half a row is enough, and it has no border of its own.
    pub slack: bool,
    /// Rows it needs.
    pub rows: i32,
}

/// What is written in a piece at a step.
#[derive(Clone, Default)]
pub struct Written {
    /// The name's lines.
    pub name: Vec<String>,
    /// Lines about regions behind.
    pub also: Vec<String>,
    /// The first address.
    pub address: Option<String>,
    /// In the middle of the row: sizes of gaps.
    pub middle: Option<String>,
}

/// One slot.
#[derive(Clone, Debug)]
pub struct Slot {
    /// Its columns, top first.
    pub columns: Vec<usize>,
    /// Cells inside the borders.
    pub inner: i32,
    /// Blanks inside each border.
    pub pad: i32,
    /// The chain.
    pub parts: Vec<Part>,
    /// What the rows solver sees of it.
    pub elems: Vec<Elem>,
    /// The room of each piece: by column (position in `columns`) and piece.
    pub rooms: Vec<Vec<Room>>,
    /// Which part each piece is, in the same order.
    wholes: Vec<Vec<usize>>,
}

/// Which columns stand in which slot, left to right.
pub fn slots(model: &Model, mode: Mode) -> Vec<Vec<usize>> {
    if mode.stacked {
        return vec![(0..model.columns.len()).collect()];
    }
    let bus = |c: usize| matches!(model.columns[c].space, Space::Bus | Space::Iova);
    // Addresses that lead to other addresses of the bus's side are a stage further from memory.
    let further = |c: usize| {
        let leads = |a: &Arrow| {
            let (from, to) = (usize::from(a.from.at.column.0), usize::from(a.to.at.column.0));
            from == c && to != c && to < model.columns.len() && bus(to)
        };
        model.arrows.iter().any(leads)
    };
    let side = |c: usize| match model.columns[c].space {
        Space::Virtual => 0,
        Space::GuestPhysical => 1,
        Space::Physical | Space::Port => 2,
        Space::Bus | Space::Iova if further(c) => 4,
        Space::Bus | Space::Iova => 3,
        Space::Device => 5,
    };
    let mut slots: Vec<Vec<usize>> = vec![Vec::new(); 6];
    for c in 0..model.columns.len() {
        slots[side(c)].push(c);
    }
    slots.retain(|s| !s.is_empty());
    slots
}

/// Name of a region with what is to be said of it.
fn name(units: bool, region: &Region, state: Option<OwnerState>, lang: Lang) -> String {
    let mut text = clean(region.label.get(lang), 60);
    if text.is_empty() {
        text = words::region(region.kind)[0].get(lang).into();
    }
    if units {
        // The whole of 64 bits has a size that 64 bits cannot say.
        if let Some(bytes) = (region.last - region.first).checked_add(1) {
            text = format!("{text}{}{}", words::comma(lang), Bytes(bytes));
        }
    }
    if let Some(state) = state {
        text = format!("{text} ({})", words::owner(state).get(lang));
    }
    text
}

/// The state whose word is the longest: room is kept for it, so that rows do not move when the state changes.
fn longest_state(lang: Lang) -> OwnerState {
    use OwnerState::*;
    let all = [Cpu, Device, Both, Bounced, StaleCached, DirtyLine, Freed];
    all.into_iter().max_by_key(|s| width(words::owner(*s).get(lang))).unwrap_or(Cpu)
}

fn is_dense(kind: RegionKind) -> bool {
    matches!(kind, RegionKind::Table | RegionKind::Queue | RegionKind::Registers | RegionKind::Msi)
}

/// Does this piece only stand between others: no name, no address, no arrow's end?
fn is_slack(ground: &Ground, c: usize, piece: &Piece) -> bool {
    let bare = match piece.what {
        What::Gap => true,
        What::Region(_) => !piece.named && !piece.starts && piece.also.is_empty(),
        What::Fold(_) => false,
    };
    ground.options.tight && !ground.options.units && bare && !piece.holds_one(&ground.ends[c])
}

/// How many there are in a fold, of which stage where they all are tables of one.
fn folded(regions: &[Region], fold: &Fold, count: usize, lang: Lang) -> String {
    let stage = |i: &u32| -> Option<&str> {
        let region = regions.get(*i as usize).filter(|r| r.kind == RegionKind::Table)?;
        let first = region.label.get(lang).split(' ').next()?;
        STAGES.into_iter().find(|stage| *stage == first)
    };
    let many = words::folded(count, fold.kind, lang);
    let first = fold.regions.first().and_then(stage);
    match first.filter(|first| fold.regions.iter().all(|i| stage(i) == Some(first))) {
        Some(stage) => format!("{many} {stage}"),
        None => many,
    }
}

/// What a table's name begins with that is of a stage.
const STAGES: [&str; 2] = ["S1", "S2"];

/// Stands in a list with its like, without a border between them.
fn is_listed(ground: &Ground, c: usize, piece: &Piece) -> bool {
    match &piece.what {
        What::Region(i) => is_dense(ground.model.columns[c].regions[*i as usize].kind),
        What::Fold(_) => true,
        What::Gap => false,
    }
}

/// How wide a slot's boxes want to be inside.
pub fn inner_width(ground: &Ground, columns: &[usize], mode: Mode) -> i32 {
    let mut inner = 8;
    let units = ground.options.units;
    for &c in columns {
        let regions = &ground.model.columns[c].regions;
        for piece in &ground.pieces[c] {
            if piece.starts {
                inner = inner.max(width(&hex(piece.first)));
            }
            match &piece.what {
                What::Region(i) => {
                    let region = &regions[*i as usize];
                    let wide = both(|lang| width(&name(units, region, None, lang)));
                    if piece.named {
                        inner = inner.max(wide.min(mode.cap));
                    }
                    if piece.named && piece.starts && (is_dense(region.kind) || ground.scant) {
                        inner = inner.max((wide + 2 + width(&hex(piece.first))).min(mode.line));
                    }
                }
                What::Fold(fold) => {
                    let wide = both(|lang| width(&folded(regions, fold, fold.regions.len(), lang)));
                    inner = inner.max(wide.min(mode.cap));
                    // Its address beside it, as a table has it; a low picture needs what that takes for its height.
                    if !ground.options.low {
                        inner = inner.max((wide + 2 + width(&hex(piece.first))).min(mode.line));
                    }
                    if let [one] = fold.regions[..] {
                        let wide = both(|lang| width(&name(units, &regions[one as usize], None, lang)));
                        inner = inner.max(wide.min(mode.cap));
                    }
                }
                What::Gap => {}
            }
        }
    }
    inner + 2 * mode.pad
}

impl Slot {
    /// Builds the chain. `heads` are the rows of each head, `tails` those of what stands below each column.
    pub fn new(
        ground: &Ground,
        columns: Vec<usize>,
        inner: i32,
        pad: i32,
        heads: &[i32],
        tails: &[i32],
    ) -> Slot {
        let mut slot =
            Slot { columns, inner, pad, parts: vec![], elems: vec![], rooms: vec![], wholes: vec![] };
        for (at, &rows) in heads.iter().enumerate().take(slot.columns.len()) {
            let c = slot.columns[at];
            if at > 0 {
                slot.push(Part::Blank, 1, 5);
            }
            slot.push(Part::Head(c), rows, 0);
            slot.push(Part::Above(c), 0, 4);
            slot.push(Part::Top(c), 1, 0);
            let pieces = &ground.pieces[c];
            let mut rooms: Vec<Room> =
                pieces.iter().map(|piece| room(ground, c, piece, inner - 2 * pad)).collect();
            for p in 1..pieces.len().saturating_sub(1) {
                if !rooms[p - 1].slack && is_slack(ground, c, &pieces[p]) {
                    rooms[p] = Room { slack: true, ..Room::default() };
                }
            }
            if pieces.is_empty() {
                slot.push(Part::Line(c, 0), 1, 0);
            }
            let mut wholes = Vec::with_capacity(pieces.len());
            for (p, piece) in pieces.iter().enumerate() {
                let stretch = match &piece.what {
                    What::Gap => 4,
                    What::Region(i) => match ground.model.columns[c].regions[*i as usize].kind {
                        RegionKind::Ram | RegionKind::Mmio | RegionKind::Hole if !piece.named => 3,
                        RegionKind::Ram | RegionKind::Mmio | RegionKind::Hole => 2,
                        _ => 1,
                    },
                    What::Fold(_) => 1,
                };
                wholes.push(slot.parts.len());
                slot.push(Part::Piece(c, p), rooms[p].rows, stretch);
                // Tables stand in a list, without a border between them.
                let list =
                    |p: usize| rooms.get(p).is_some_and(|r| r.dense) && is_listed(ground, c, &pieces[p]);
                // A row below mere room would be too low for words without its own border.
                let low = p > 0 && rooms[p - 1].slack;
                if !(list(p) && list(p + 1) && !low || rooms[p].slack) {
                    slot.push(Part::Line(c, p), 1, 0);
                }
            }
            if tails.get(at).is_some_and(|rows| *rows > 0) {
                slot.push(Part::Tail(c), tails[at], 0);
            }
            slot.rooms.push(rooms);
            slot.wholes.push(wholes);
        }
        slot
    }

    fn push(&mut self, part: Part, rows: i32, stretch: u8) {
        self.parts.push(part);
        self.elems.push(Elem { rows, stretch });
    }

    /// Is this part a fold?
    pub fn is_fold(&self, ground: &Ground, part: usize) -> bool {
        match self.parts.get(part) {
            Some(Part::Piece(c, p)) => matches!(ground.pieces[*c][*p].what, What::Fold(_)),
            _ => false,
        }
    }

    /// Is this piece of a column nothing but room?
    pub fn is_slack(&self, c: usize, p: usize) -> bool {
        let at = self.columns.iter().position(|x| *x == c);
        at.and_then(|at| self.rooms[at].get(p)).is_some_and(|w| w.slack)
    }

    /// The part that an arrow to `address` of column `c` ends at.
    pub fn end(&self, ground: &Ground, c: usize, address: u64) -> Option<usize> {
        let pieces = &ground.pieces[c];
        let p = pieces.partition_point(|p| p.first > address);
        let piece = pieces.get(p).filter(|piece| piece.last >= address)?;
        let at = self.columns.iter().position(|x| *x == c)?;
        let whole = self.wholes.get(at).and_then(|wholes| wholes.get(p)).copied();
        // The border below a piece is the next part, where it has one.
        let line = whole.map(|k| k + 1).filter(|k| self.parts.get(*k) == Some(&Part::Line(c, p)));
        match piece.what {
            What::Fold(_) => whole,
            // The border above it is the nearest that is drawn.
            _ if self.is_slack(c, p) => whole.and_then(|k| k.checked_sub(1)),
            _ if piece.first == address => line.or(whole),
            _ => whole,
        }
    }
}

/// The room of a piece: enough for everything that is ever written in it, in either language.
fn room(ground: &Ground, c: usize, piece: &Piece, inner: i32) -> Room {
    let regions = &ground.model.columns[c].regions;
    let units = ground.options.units;
    let one = Room { rows: 1, ..Room::default() };
    match &piece.what {
        What::Gap => one,
        What::Fold(fold) => {
            let all = |lang| folded(regions, fold, fold.regions.len(), lang);
            let address = width(&hex(piece.first));
            if both(|lang| width(&all(lang))) + 1 + address <= inner {
                return Room { dense: true, ..one };
            }
            // The address below it, where rows are not short.
            let address = i32::from(ground.spare && address <= inner);
            Room { rows: both(|lang| wrap(&all(lang), inner).len() as i32) + address, ..one }
        }
        What::Region(i) => {
            let region = &regions[*i as usize];
            let dense =
                is_dense(region.kind) || ground.options.tight && (region.state.is_none() || ground.scant);
            if piece.named && piece.starts && dense && piece.also.is_empty() {
                let name = both(|lang| width(&name(units, region, None, lang)));
                if name + 1 + width(&hex(piece.first)) <= inner {
                    return Room { dense: true, ..one };
                }
            }
            let lines = |text: &dyn Fn(Lang) -> String| both(|lang| wrap(&text(lang), inner).len() as i32);
            let mut rows = 0;
            if piece.named {
                // The longest state may break better than a short one.
                rows += lines(&|lang| name(units, region, region.state.map(|_| longest_state(lang)), lang))
                    .max(lines(&|lang| name(units, region, region.state, lang)));
                let taller = taller(region.kind, piece.last - piece.first);
                rows += if ground.options.tight { taller / 2 } else { taller };
            }
            let mut behind: Vec<i32> = Vec::new();
            for &j in &piece.also {
                let other = &regions[j as usize];
                // The same name once more says nothing.
                let same = |lang| name(units, other, None, lang) == name(units, region, None, lang);
                if !(piece.named && same(Lang::En) && same(Lang::Zh)) {
                    behind.push(lines(&|lang| format!("({})", name(units, other, other.state, lang))));
                }
            }
            // Of many, the longest that may be named at a step.
            behind.sort_unstable_by(|a, b| b.cmp(a));
            rows += behind.iter().take(BEHIND).sum::<i32>();
            rows += i32::from(piece.starts);
            Room { rows: rows.max(1), ..one }
        }
    }
}

/// At most this many lines say what else is where a piece is; the last of many says how many more there are.
const BEHIND: usize = 4;

/// What is written in a piece at a step. Never more rows than it has.
pub fn write(ground: &Ground, now: &Now<'_>, c: usize, piece: &Piece, room: Room, inner: i32) -> Written {
    let (units, lang) = (ground.options.units, now.lang);
    let there = |i: u32| now.region(c, i);
    let mut w = Written::default();
    match &piece.what {
        What::Gap => {
            if units {
                let size = (piece.last - piece.first).checked_add(1);
                w.middle = size.map(|n| format!("{}", Bytes(n))).filter(|t| width(t) <= inner);
            }
        }
        What::Fold(fold) => {
            let count = fold.regions.iter().filter(|i| there(**i).is_some()).count();
            if count > 0 {
                // The one that the token is in, or the step touches, is named.
                let touched = |i: &&u32| {
                    now.holds_token(c, **i, piece.first, piece.last)
                        || now.touch(c, **i, piece.first, piece.last).is_some()
                };
                let hit = fold.regions.iter().find(touched).and_then(|i| there(*i));
                let many = folded(&ground.model.columns[c].regions, fold, count, lang);
                // Where what is there begins, and not the room below it, which folds with it.
                let begins = |region: &Region| region.first.max(piece.first);
                let lowest = fold.regions.iter().filter_map(|i| there(*i)).map(begins).min();
                let first = hit.map_or(lowest, |region| Some(begins(region))).map(hex);
                // It may be longer than the one that had room beside the words.
                let left = |address: &str| if room.dense { inner - 1 - width(address) } else { inner };
                w.address = first.filter(|a| width(if room.dense { &many } else { a }) <= left(a));
                let left = w.address.as_deref().map_or(inner, left);
                // One alone is called by its name, where there is room for it.
                let mut those = fold.regions.iter().filter_map(|i| there(*i));
                let one = hit.or(those.next().filter(|_| count == 1));
                let one = one.map(|region| name(units, region, None, lang));
                let said = [one.as_ref().filter(|_| count > 1).map(|one| words::of(one, &many, lang)), one];
                let said = said.into_iter().flatten().find(|name| width(name) <= left);
                w.name = wrap(&said.unwrap_or(many), inner);
                if !room.dense && w.name.len() as i32 >= room.rows {
                    w.address = None;
                }
                w.name.truncate(room.rows.max(1) as usize);
            }
        }
        What::Region(i) => {
            let here = there(*i);
            let address = piece.starts.then(|| hex(piece.first));
            // What is seen there instead may begin there too.
            let behind_starts = || {
                let shown = now.shown(c, *i, piece.first).and_then(there);
                shown.is_some_and(|r| r.first == piece.first)
            };
            if room.dense {
                if let Some(region) = here {
                    let room = inner - 1 - address.as_deref().map_or(0, width);
                    let said = [name(units, region, region.state, lang), name(units, region, None, lang)];
                    // A mark in the place of a shorter name may have no room.
                    w.name = said.into_iter().find(|said| width(said) <= room).into_iter().collect();
                    w.address = address;
                } else if behind_starts() {
                    w.address = address;
                }
                return w;
            }
            // While it is not there, what it will hide is seen in its place.
            let instead =
                piece.also.iter().find_map(|j| there(*j).filter(|_| here.is_none()).map(|r| (*j, r)));
            if let Some((_, region)) = instead {
                w.name = wrap(&name(units, region, None, lang), inner);
            } else if let (true, Some(region)) = (piece.named, here) {
                w.name = wrap(&name(units, region, region.state, lang), inner);
            }
            let mut behind: Vec<Vec<String>> = Vec::new();
            for &j in &piece.also {
                let Some(other) = there(j).filter(|_| instead.is_none_or(|(i, _)| i != j)) else { continue };
                let text = name(units, other, other.state, lang);
                let same = here.is_some_and(|r| piece.named && text == name(units, r, r.state, lang));
                if !same {
                    behind.push(wrap(&format!("({text})"), inner));
                }
            }
            if behind.len() > BEHIND {
                let more = behind.len() - (BEHIND - 1);
                behind.truncate(BEHIND - 1);
                behind.push(vec![match lang {
                    Lang::En => format!("(... and {more} more)"),
                    Lang::Zh => format!("(……还有 {more} 个)"),
                }]);
            }
            w.also = behind.concat();
            let starts = |r: &Region| r.first == piece.first;
            let starts = || instead.is_some_and(|(_, r)| starts(r)) || behind_starts();
            w.address = address.filter(|_| here.is_some() || starts());
            let lines = (room.rows - i32::from(w.address.is_some())).max(0) as usize;
            w.name.truncate(lines);
            w.also.truncate(lines - w.name.len());
        }
    }
    w
}

/// Large ranges are drawn a little taller: enough to see which is larger, not to scale.
fn taller(kind: RegionKind, size: u64) -> i32 {
    match kind {
        RegionKind::Ram | RegionKind::Mmio | RegionKind::DeviceMemory | RegionKind::Hole => {
            i32::from(size >= 16 << 20) + i32::from(size >= 1 << 30)
        }
        _ => 0,
    }
}
