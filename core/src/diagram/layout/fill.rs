//! Fills a layout: pieces, borders, boxes of actors, wires.

use super::actors::Sized;
use super::bundles::Bundle;
use super::chain::{Part, Slot};
use super::rows::Rows;
use super::*;
use crate::diagram::pieces::What;
use crate::diagram::text::{clean, width};
use crate::diagram::words;
use alloc::vec::Vec;

/// Where one slot's box is.
#[derive(Clone, Copy)]
pub struct Box {
    pub left: i32,
    pub right: i32,
    /// Is there room kept for letters at the left, at the right?
    pub letters: (bool, bool),
}

/// Fills a layout.
pub struct Placer<'a, 'b> {
    pub scene: &'a Scene<'b>,
    pub lang: Lang,
    pub layout: Layout,
    /// Rows above the slots.
    pub dy: i32,
}

impl Placer<'_, '_> {
    pub fn text(&mut self, x: i32, y: i32, text: String, role: Role, of: Of) {
        if !text.is_empty() {
            self.layout.texts.push(Label { x, y, text, role, of });
        }
    }

    pub fn rule(&mut self, b: Box, y: i32, tick: bool) {
        self.layout.rules.push(Rule { x: b.left, width: b.right - b.left + 1, y, tick });
    }

    pub fn actor(&mut self, x: i32, y: i32, b: Sized) {
        let actor = &self.scene.stage.model.actors[b.actor];
        let touch = self.scene.lit_actors.get(&(b.actor as u16)).copied();
        let index = self.layout.actors.len();
        let placed = PlacedActor {
            key: actor.key.clone(),
            kind: actor.kind,
            x,
            y,
            width: b.width,
            height: b.height,
            touch,
        };
        self.layout.actors.push(placed);
        for (i, (name, line)) in b.lines.into_iter().enumerate() {
            let x = x + (b.width - width(&line)) / 2;
            let role = if name { Role::Actor } else { Role::ActorLine };
            self.text(x, y + 1 + i as i32, line, role, Of::Actor(index));
        }
    }

    /// What a piece shows now: a region's index, `None` for nothing; folds have a number of their own.
    fn content(&self, c: usize, i: usize) -> Option<(u32, bool)> {
        let piece = self.scene.pieces[c].get(i)?;
        match &piece.what {
            What::Region(r) => {
                self.scene.stage.shown(ColumnId(c as u16), *r, piece.first).map(|r| (r, false))
            }
            What::Gap => None,
            What::Fold(fold) => {
                let there = &self.scene.stage.regions[c];
                if fold.regions.iter().any(|r| there[*r as usize]) {
                    return Some((i as u32, true));
                }
                let first = fold.regions.first()?;
                self.scene.stage.shown(ColumnId(c as u16), *first, piece.first).map(|r| (r, false))
            }
        }
    }

    /// The border below piece `i`: `None` where both sides show the same, `Some(true)` for a mere mark.
    pub fn border(&self, c: usize, i: usize) -> Option<bool> {
        if i + 1 == self.scene.pieces[c].len() || self.content(c, i) != self.content(c, i + 1) {
            return Some(false);
        }
        let at = self.scene.pieces[c][i].first;
        let here = Point { column: ColumnId(c as u16), address: at };
        let arrows = self.scene.stage.model.arrows.iter().zip(&self.scene.stage.arrows);
        let mut ends = arrows.filter(|(_, there)| **there).flat_map(|(a, _)| [a.from.at, a.to.at]);
        ends.any(|p| p == here).then_some(true)
    }

    /// Nothing above the first region: worth a box only where there is room for one.
    pub fn above(&mut self, b: Box, c: usize, y: i32, h: i32) {
        let column = &self.scene.stage.model.columns[c];
        let Some(first) = self.scene.pieces[c].first().and_then(|p| p.last.checked_add(1)) else { return };
        if h < 3 {
            return;
        }
        self.rule(b, y, false);
        self.layout.pieces.push(PlacedPiece {
            column: column.key.clone(),
            content: Content::Gap,
            first,
            last: u64::MAX,
            x: b.left,
            width: b.right - b.left + 1,
            top: 2 * y + 1,
            bottom: 2 * (y + h) + 1,
            touch: None,
        });
    }

    #[allow(clippy::too_many_arguments)] // a piece has a column, an index, a place in its chain
    pub fn piece(
        &mut self,
        slot: &Slot,
        b: Box,
        (at, c, i): (usize, usize, usize),
        (y, h): (i32, i32),
        k: usize,
        rows: &Rows,
        s: usize,
    ) {
        let scene = self.scene;
        let piece = &scene.pieces[c][i];
        let column = &scene.stage.model.columns[c];
        let there = &scene.stage.regions[c];
        // Up to the middle of a border, or to the edge of a row where there is none.
        let is_line = |k: usize| matches!(slot.parts.get(k), Some(Part::Line(..) | Part::Top(_)));
        let slack = |i: usize| slot.is_slack(c, i);
        let start = if is_line(k.wrapping_sub(1)) {
            2 * (rows.row((s, k - 1)) + self.dy) + 1
        } else if i > 0 && slack(i - 1) && rows.height((s, k - 1)) > 0 {
            2 * y - 1
        } else {
            2 * y
        };
        // Room without a border of its own has one in its last row, if it has a row.
        let border = slack(i) && h > 0;
        if border && self.border(c, i).is_some() {
            self.rule(b, y + h - 1, false);
        }
        let end = if is_line(k + 1) {
            2 * (rows.row((s, k + 1)) + self.dy) + 1
        } else {
            2 * (y + h) - i32::from(border)
        };
        let key = |r: &u32| column.regions[*r as usize].key.clone();
        let mut touch = None;
        let content = match (&piece.what, self.content(c, i)) {
            (What::Fold(fold), Some((_, true))) => {
                let keys = fold.regions.iter().filter(|r| there[**r as usize]).map(key).collect();
                let lit = fold.regions.iter().filter_map(|r| scene.lit_regions.get(&(c as u16, *r)));
                touch = lit.copied().max();
                Content::Fold { keys, kind: fold.kind }
            }
            (_, None) => Content::Gap,
            (_, Some((r, _))) => {
                let region = &column.regions[r as usize];
                touch = scene.lit_regions.get(&(c as u16, r)).copied();
                let also = piece.also.iter().filter(|r| there[**r as usize]);
                touch = also
                    .clone()
                    .filter_map(|r| scene.lit_regions.get(&(c as u16, *r)).copied())
                    .chain(touch)
                    .max();
                Content::Region {
                    key: region.key.clone(),
                    kind: region.kind,
                    label: clean(region.label.get(self.lang), 60),
                    owner: clean(region.owner.get(self.lang), 60),
                    state: region.state,
                    whole: (region.first, region.last),
                    also: also.map(key).collect(),
                }
            }
        };
        let written = &slot.written[at][i];
        let fold = matches!(content, Content::Fold { .. });
        let joins = i > 0 && !fold && self.border(c, i - 1).is_none();
        match self.layout.pieces.last_mut().filter(|p| joins && p.bottom == start) {
            // The same as above it, with no border between.
            Some(above) => {
                if let (Content::Region { also, .. }, Content::Region { also: more, .. }) =
                    (&mut above.content, content)
                {
                    also.extend(more);
                }
                (above.first, above.bottom) = (piece.first, end);
                above.touch = above.touch.max(touch);
            }
            None => self.layout.pieces.push(PlacedPiece {
                column: column.key.clone(),
                content,
                first: piece.first,
                last: piece.last,
                x: b.left,
                width: slot.inner + 2,
                top: start,
                bottom: end,
                touch,
            }),
        }
        let of = Of::Piece(self.layout.pieces.len() - 1);
        let left = b.left + 1 + slot.pad;
        let room = slot.inner - 2 * slot.pad;
        if let Some(middle) = &written.middle {
            let x = left + (room - width(middle)) / 2;
            self.text(x, y + (h - 1) / 2, middle.clone(), Role::Gap, of);
        }
        for (n, line) in written.name.iter().enumerate() {
            let x = if fold && !written.dense { left + (room - width(line)) / 2 } else { left };
            self.text(x, y + n as i32, line.clone(), if fold { Role::Fold } else { Role::Name }, of);
        }
        for (n, line) in written.also.iter().enumerate() {
            self.text(left, y + (written.name.len() + n) as i32, line.clone(), Role::Also, of);
        }
        if let Some(address) = &written.address {
            let x = if written.dense { left + room - width(address) } else { left };
            self.text(x, y + h - 1, address.clone(), Role::Address, of);
        }
    }

    pub fn wire(&mut self, b: &Bundle, points: Vec<(i32, i32)>) -> usize {
        let model = &self.scene.stage.model;
        let there: Vec<u32> =
            b.arrows.iter().copied().filter(|a| self.scene.stage.arrows[*a as usize]).collect();
        let first = &model.arrows[there[0] as usize];
        let state = there.iter().map(|a| model.arrows[*a as usize].state).max().unwrap_or_default();
        let touch = there.iter().filter_map(|a| self.scene.lit_arrows.get(a)).max().copied();
        let mut label = clean(first.label.get(self.lang), 60);
        if label.is_empty() {
            let [a, b] = words::arrow(first.kind);
            label = words::join(a.get(self.lang), b.get(self.lang));
        }
        self.layout.wires.push(Wire {
            points,
            keys: there.iter().map(|a| model.arrows[*a as usize].key.clone()).collect(),
            kind: first.kind,
            state,
            perms: first.perms,
            label,
            touch,
        });
        self.layout.wires.len() - 1
    }

    /// Actors in a column of cells beside the slots, each about where its address space is.
    pub fn side(&mut self, boxes: Vec<Sized>, x: i32, slots: &[Slot], rows: &Rows, band: i32) -> i32 {
        let mut wishes: Vec<(i32, Sized)> = boxes
            .into_iter()
            .map(|b| {
                let place = self.scene.stage.model.actors[b.actor].place;
                let (Place::LeftOf(c) | Place::RightOf(c) | Place::Between(_, c)) = place;
                let mut span: Option<(i32, i32)> = None;
                for (s, slot) in slots.iter().enumerate() {
                    for (k, part) in slot.parts.iter().enumerate() {
                        if let Part::Top(i) | Part::Line(i, _) = part {
                            if *i == c.0 as usize {
                                let row = rows.row((s, k));
                                span = Some(span.map_or((row, row), |(a, _)| (a, row)));
                            }
                        }
                    }
                }
                let (top, bottom) = span.unwrap_or((band, band));
                ((top + bottom + 1) / 2 - b.height / 2 + self.dy, b)
            })
            .collect();
        wishes.sort_by_key(|w| w.0);
        // Those that stand at one column's middle spread around it.
        let mut next = band + self.dy;
        let total: i32 = wishes.iter().map(|w| w.1.height + 1).sum();
        let mean = wishes.iter().map(|w| w.0 + w.1.height / 2).sum::<i32>() / (wishes.len().max(1) as i32);
        let crowded = wishes.windows(2).any(|w| w[0].0 + w[0].1.height >= w[1].0);
        if crowded {
            next = next.max(mean - total / 2);
        }
        for (wish, b) in wishes {
            let y = if crowded { next } else { wish.max(next) };
            next = y + b.height + 1;
            self.actor(x, y, b);
        }
        next - 1
    }
}
