//! A slot as a chain of parts: heads, borders, pieces.

use super::rows::Elem;
use super::{Mode, Scene};
use crate::addr::{Bytes, Space};
use crate::diagram::model::*;
use crate::diagram::pieces::{Piece, What};
use crate::diagram::text::{clean, hex, width, wrap};
use crate::diagram::words;
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
}

/// What is written in a piece.
#[derive(Clone, Default)]
pub struct Written {
    /// The name's lines.
    pub name: Vec<String>,
    /// Lines about regions behind.
    pub also: Vec<String>,
    /// The first address.
    pub address: Option<String>,
    /// Name and address share one row.
    pub dense: bool,
    /// Nothing but room between what is above and below: half a row is enough, and it has no border of its own.
    pub slack: bool,
    /// In the middle of the row: folds and gaps.
    pub middle: Option<String>,
    /// Rows it needs.
    pub rows: i32,
}

/// One slot.
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
    /// What is written in each piece: by column (position in `columns`) and piece.
    pub written: Vec<Vec<Written>>,
}

/// Which columns stand in which slot, left to right.
pub fn slots(model: &Model, mode: Mode) -> Vec<Vec<usize>> {
    if mode.stacked {
        return vec![(0..model.columns.len()).collect()];
    }
    let side = |space: Space| match space {
        Space::Virtual => 0,
        Space::GuestPhysical => 1,
        Space::Physical | Space::Port => 2,
        Space::Bus | Space::Iova => 3,
        Space::Device => 4,
    };
    let mut slots: Vec<Vec<usize>> = vec![Vec::new(); 5];
    for (c, column) in model.columns.iter().enumerate() {
        slots[side(column.space)].push(c);
    }
    slots.retain(|s| !s.is_empty());
    slots
}

/// Name of a region with what is to be said of it.
fn name(scene: &Scene<'_>, region: &Region, state: Option<OwnerState>) -> String {
    let lang = scene.options.lang;
    let mut text = clean(region.label.get(lang), 60);
    if text.is_empty() {
        text = words::region(region.kind)[0].get(lang).into();
    }
    if scene.options.units {
        // The whole of 64 bits has a size that 64 bits cannot say.
        if let Some(bytes) = (region.last - region.first).checked_add(1) {
            text = format!("{text}, {}", Bytes(bytes));
        }
    }
    if let Some(state) = state {
        text = format!("{text} ({})", words::owner(state).get(lang));
    }
    text
}

/// The state whose word is the longest: room is kept for it, so that rows do not move when the state changes.
fn longest_state(scene: &Scene<'_>) -> OwnerState {
    use OwnerState::*;
    let all = [Cpu, Device, Both, Bounced, StaleCached, DirtyLine, Freed];
    all.into_iter().max_by_key(|s| width(words::owner(*s).get(scene.options.lang))).unwrap_or(Cpu)
}

fn is_dense(kind: RegionKind) -> bool {
    matches!(kind, RegionKind::Table | RegionKind::Queue | RegionKind::Registers | RegionKind::Msi)
}

/// Does this piece only stand between others: no name, no address, no arrow's end?
fn is_slack(scene: &Scene<'_>, c: usize, piece: &Piece) -> bool {
    let bare = match piece.what {
        What::Gap => true,
        What::Region(_) => !piece.named && !piece.starts && piece.also.is_empty(),
        What::Fold(_) => false,
    };
    let ends = scene.stage.model.arrows.iter().flat_map(|a| [a.from.at, a.to.at]);
    let inside = |p: Point| p.column.0 as usize == c && (piece.first..=piece.last).contains(&p.address);
    scene.options.tight && !scene.options.units && bare && !{ ends }.any(inside)
}

/// Stands in a list with its like, without a border between them.
fn is_listed(scene: &Scene<'_>, c: usize, piece: &Piece) -> bool {
    match &piece.what {
        What::Region(i) => is_dense(scene.stage.model.columns[c].regions[*i as usize].kind),
        What::Fold(_) => true,
        What::Gap => false,
    }
}

/// How wide a slot's boxes want to be inside.
pub fn inner_width(scene: &Scene<'_>, columns: &[usize], mode: Mode) -> i32 {
    let mut inner = 8;
    for &c in columns {
        let regions = &scene.stage.model.columns[c].regions;
        for piece in &scene.pieces[c] {
            if piece.starts {
                inner = inner.max(width(&hex(piece.first)));
            }
            match &piece.what {
                What::Region(i) => {
                    let region = &regions[*i as usize];
                    let wide = width(&name(scene, region, None));
                    if piece.named {
                        inner = inner.max(wide.min(mode.cap));
                    }
                    if piece.named && piece.starts && is_dense(region.kind) {
                        inner = inner.max((wide + 2 + width(&hex(piece.first))).min(mode.cap + 12));
                    }
                }
                What::Fold(fold) => {
                    inner =
                        inner.max(width(&fold_text(scene, fold.regions.len(), fold.kind)).min(mode.cap + 4));
                }
                What::Gap => {}
            }
        }
    }
    inner + 2 * mode.pad
}

fn fold_text(scene: &Scene<'_>, count: usize, kind: Option<RegionKind>) -> String {
    let [one, many] = kind.map_or([words::REGIONS; 2], words::region);
    let lang = scene.options.lang;
    match lang {
        crate::spec::Lang::En => format!("{count} {}", if count == 1 { one } else { many }.get(lang)),
        crate::spec::Lang::Zh => format!("{count} 个{}", one.get(lang)),
    }
}

impl Slot {
    /// Builds the chain. `head_rows` are the rows of the first head; the others take what they need.
    pub fn new(scene: &Scene<'_>, columns: Vec<usize>, inner: i32, pad: i32, heads: &[i32]) -> Slot {
        let mut slot = Slot { columns, inner, pad, parts: vec![], elems: vec![], written: vec![] };
        for (at, &rows) in heads.iter().enumerate().take(slot.columns.len()) {
            let c = slot.columns[at];
            if at > 0 {
                slot.push(Part::Blank, 1, 5);
            }
            slot.push(Part::Head(c), rows, 0);
            slot.push(Part::Above(c), 0, 4);
            slot.push(Part::Top(c), 1, 0);
            let pieces = &scene.pieces[c];
            let mut written: Vec<Written> =
                pieces.iter().map(|piece| write(scene, ColumnId(c as u16), piece, inner - 2 * pad)).collect();
            for p in 1..pieces.len().saturating_sub(1) {
                if !written[p - 1].slack && is_slack(scene, c, &pieces[p]) {
                    written[p] = Written { slack: true, ..Written::default() };
                }
            }
            if pieces.is_empty() {
                slot.push(Part::Line(c, 0), 1, 0);
            }
            for (p, piece) in pieces.iter().enumerate() {
                let stretch = match &piece.what {
                    What::Gap => 4,
                    What::Region(i) => match scene.stage.model.columns[c].regions[*i as usize].kind {
                        RegionKind::Ram | RegionKind::Mmio | RegionKind::Hole if !piece.named => 3,
                        RegionKind::Ram | RegionKind::Mmio | RegionKind::Hole => 2,
                        _ => 1,
                    },
                    What::Fold(_) => 1,
                };
                slot.push(Part::Piece(c, p), written[p].rows, stretch);
                // Tables stand in a list, without a border between them.
                let list =
                    |p: usize| written.get(p).is_some_and(|w| w.dense) && is_listed(scene, c, &pieces[p]);
                if !(list(p) && list(p + 1) || written[p].slack) {
                    slot.push(Part::Line(c, p), 1, 0);
                }
            }
            slot.written.push(written);
        }
        slot
    }

    fn push(&mut self, part: Part, rows: i32, stretch: u8) {
        self.parts.push(part);
        self.elems.push(Elem { rows, stretch });
    }

    /// Is this part a fold?
    pub fn is_fold(&self, scene: &Scene<'_>, part: usize) -> bool {
        match self.parts.get(part) {
            Some(Part::Piece(c, p)) => matches!(scene.pieces[*c][*p].what, What::Fold(_)),
            _ => false,
        }
    }

    /// Is this piece of a column nothing but room?
    pub fn is_slack(&self, c: usize, p: usize) -> bool {
        let at = self.columns.iter().position(|x| *x == c);
        at.and_then(|at| self.written[at].get(p)).is_some_and(|w| w.slack)
    }

    /// The part that an arrow to `address` of column `c` ends at.
    pub fn end(&self, scene: &Scene<'_>, c: usize, address: u64) -> Option<usize> {
        let pieces = &scene.pieces[c];
        let p = pieces.partition_point(|p| p.first > address);
        let piece = pieces.get(p).filter(|piece| piece.last >= address)?;
        let line = self.parts.iter().position(|x| *x == Part::Line(c, p));
        let whole = self.parts.iter().position(|x| *x == Part::Piece(c, p));
        match piece.what {
            What::Fold(_) => whole,
            // The border above it is the nearest that is drawn.
            _ if self.is_slack(c, p) => whole.and_then(|k| k.checked_sub(1)),
            _ if piece.first == address => line.or(whole),
            _ => whole,
        }
    }
}

/// What is written in a piece, and the rows that takes: as many as it takes when all of the frame is there.
fn write(scene: &Scene<'_>, column: ColumnId, piece: &Piece, inner: i32) -> Written {
    let regions = &scene.stage.model.columns[column.0 as usize].regions;
    let there = &scene.stage.regions[column.0 as usize];
    let mut w = Written { rows: 1, ..Written::default() };
    match &piece.what {
        What::Gap => {
            if scene.options.units {
                w.middle = (piece.last - piece.first)
                    .checked_add(1)
                    .map(|n| format!("{}", Bytes(n)))
                    .filter(|t| width(t) <= inner);
            }
        }
        What::Fold(fold) => {
            let count = fold.regions.iter().filter(|i| there[**i as usize]).count();
            let all = fold_text(scene, fold.regions.len(), fold.kind);
            let address = hex(piece.first);
            if width(&all) + 1 + width(&address) <= inner {
                w.dense = true;
                if count > 0 {
                    w.name = vec![fold_text(scene, count, fold.kind)];
                    w.address = Some(address);
                }
                return w;
            }
            let lines = wrap(&all, inner);
            w.rows = lines.len() as i32;
            if count > 0 {
                w.name = wrap(&fold_text(scene, count, fold.kind), inner);
                w.name.truncate(lines.len());
            }
        }
        What::Region(i) => {
            let region = &regions[*i as usize];
            let here = there[*i as usize];
            let address = piece.starts.then(|| hex(piece.first));
            let dense = is_dense(region.kind) || scene.options.tight && region.state.is_none();
            if piece.named && address.is_some() && dense && piece.also.is_empty() {
                let text = name(scene, region, None);
                let address_width = address.as_deref().map_or(0, width);
                if width(&text) + 1 + address_width <= inner {
                    w.dense = true;
                    if here {
                        w.name = vec![text];
                        w.address = address;
                    }
                    return w;
                }
            }
            // While it is not there, what it will hide is seen in its place.
            let instead = piece.also.iter().find(|j| !here && there[**j as usize]);
            if let Some(&j) = instead {
                w.name = wrap(&name(scene, &regions[j as usize], None), inner);
            }
            let mut rows = 0;
            if piece.named {
                let room = region.state.map(|_| longest_state(scene));
                let text = name(scene, region, room);
                rows += wrap(&text, inner).len() as i32;
                if here {
                    w.name = wrap(&name(scene, region, region.state), inner);
                    // The longest state may break better than a short one, never worse by more than it has rows.
                    rows = rows.max(w.name.len() as i32);
                }
                let taller = taller(region.kind, piece.last - piece.first);
                rows += if scene.options.tight { taller / 2 } else { taller };
            }
            for &i in &piece.also {
                let behind = &regions[i as usize];
                let text = name(scene, behind, behind.state);
                // The same name once more says nothing.
                if piece.named && text == name(scene, region, region.state) {
                    continue;
                }
                let lines = wrap(&format!("({text})"), inner);
                rows += lines.len() as i32;
                if there[i as usize] && instead != Some(&i) {
                    w.also.extend(lines);
                }
            }
            if let Some(address) = address {
                rows += 1;
                let starts = |j: &u32| regions[*j as usize].first == piece.first;
                w.address = Some(address).filter(|_| here || instead.is_some_and(starts));
            }
            w.rows = rows.max(1);
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
