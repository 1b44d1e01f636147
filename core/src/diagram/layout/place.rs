//! Puts everything in its place, in one of the modes; says when it does not fit.

use super::actors::{abreast, flow, measure, Sized};
use super::chain::{inner_width, slots, Part, Slot};
use super::rows::{At, Rows};
use super::token::{self, Grid};
use super::wires::{tracks, Leg};
use super::*;
use crate::diagram::pieces::What;
use crate::diagram::text::{clean, width, wrap};
use crate::diagram::words;
use crate::spec::Lang;
use alloc::{format, vec};

/// The most wires side by side in one gap.
const MAX_TRACKS: usize = 14;

/// Several arrows with the same two ends.
struct Bundle {
    from: At,
    to: At,
    arrows: Vec<u32>,
    /// Ends with a letter, something lit: kept and aligned first.
    first: bool,
}

/// Where one slot's box is.
#[derive(Clone, Copy)]
struct Box {
    left: i32,
    right: i32,
    /// Is there room kept for letters at the left, at the right?
    letters: (bool, bool),
}

/// A layout, and how many arrows had no track in it.
pub struct Placed {
    pub layout: Layout,
    pub squeezed: usize,
}

/// The most bundles that end at a fold before none of them is drawn: they would only be a thicket.
const MAX_FOLDED: usize = 8;

pub fn place(scene: &Scene<'_>, mode: Mode) -> Option<Placed> {
    let model = &scene.stage.model;
    let max = i32::from(scene.options.width);
    let lang = scene.options.lang;
    let groups = slots(model, mode);
    if groups.is_empty() {
        return Some(Placed { layout: Layout::default(), squeezed: 0 });
    }
    let last = groups.len() - 1;

    // Letters stand left of the box, but right of it on the devices' side: as in the HOWTO's figure.
    let right_side = |c: usize| {
        !mode.stacked && matches!(model.columns[c].space, Space::Bus | Space::Iova | Space::Device)
    };
    let lettered = |columns: &[usize], right: bool| {
        let mut ends = model.arrows.iter().flat_map(|a| [a.from, a.to]);
        ends.any(|e| {
            let c = e.at.column.0 as usize;
            e.letter.is_some() && columns.contains(&c) && right_side(c) == right
        })
    };

    // Boxes of actors: beside, in the gaps, or above.
    let mut left: Vec<Sized> = vec![];
    let mut right: Vec<Sized> = vec![];
    let mut between: Vec<Vec<Sized>> = vec![vec![]; last + 1];
    let mut above: Vec<Vec<Sized>> = vec![vec![]; model.columns.len().max(1)];
    let slot_of = |c: ColumnId| groups.iter().position(|g| g.contains(&(c.0 as usize)));
    for (i, actor) in model.actors.iter().enumerate() {
        let boxed = measure(scene, i, if mode.sides { 14 } else { 16 }, scene.options.tight && !mode.sides);
        match (actor.place, mode.sides) {
            (Place::LeftOf(_), true) => left.push(boxed),
            (Place::RightOf(_), true) => right.push(boxed),
            (Place::Between(..), true) if last == 0 => right.push(boxed),
            (Place::Between(a, b), true) => {
                let (a, b) = (slot_of(a).unwrap_or(0), slot_of(b).unwrap_or(last));
                between[a.min(b).min(last.saturating_sub(1))].push(boxed);
            }
            (Place::LeftOf(c) | Place::RightOf(c) | Place::Between(_, c), false) => {
                let at = (c.0 as usize).min(above.len() - 1);
                above[at].push(boxed);
            }
        }
    }

    // Widths of boxes, then what stands in the heads, then the chains.
    let gutter = if mode.stacked && lettered(&groups[0], false) { 2 } else { 0 };
    let mut heads: Vec<Vec<(Role, String)>> = vec![vec![]; model.columns.len()];
    let mut head_boxes: Vec<Vec<(i32, i32, Sized)>> = vec![vec![]; model.columns.len()];
    let mut inners = Vec::new();
    let mut head_rows: Vec<Vec<i32>> = Vec::new();
    for columns in &groups {
        let mut inner = inner_width(scene, columns, mode);
        if mode.stacked {
            // Boxes of actors stand above the columns, left of the wires' channel.
            let boxes = above.iter().flatten().map(|b| b.width - gutter - 2).max().unwrap_or(0);
            inner = inner.max(boxes).min(max - gutter - 2 - 8);
        }
        inners.push(inner);
        let mut rows = Vec::new();
        for &c in columns {
            let room = if mode.stacked { inner + 2 } else { inner + 4 };
            let column = &model.columns[c];
            let title = wrap(&clean(column.title.get(lang), 60), room.min(24));
            let owner = clean(column.owner.get(lang), 80);
            heads[c] = title.into_iter().filter(|t| !t.is_empty()).map(|t| (Role::Column, t)).collect();
            if !owner.is_empty() {
                heads[c].extend(wrap(&owner, room).into_iter().map(|t| (Role::Owner, t)));
            }
            let mut tall = 0;
            if mode.stacked {
                (head_boxes[c], tall) = flow(core::mem::take(&mut above[c]), gutter + inner + 2);
            }
            rows.push(heads[c].len() as i32 + tall);
        }
        head_rows.push(rows);
    }
    // The first heads are as high as the highest of them, or as the boxes in the gaps.
    let boxes_high = between.iter().map(|b| b.iter().map(|b| b.height).sum::<i32>()).max().unwrap_or(0);
    let band = head_rows.iter().map(|r| r[0]).max().unwrap_or(0).max(boxes_high)
        + i32::from(!mode.stacked && !scene.options.tight);
    for rows in &mut head_rows {
        rows[0] = band;
    }
    let slots: Vec<Slot> = groups
        .into_iter()
        .enumerate()
        .map(|(s, columns)| Slot::new(scene, columns, inners[s], mode.pad, &head_rows[s]))
        .collect();

    // Arrows by their two ends.
    let mut by_ends: BTreeMap<(At, At), usize> = BTreeMap::new();
    let mut bundles: Vec<Bundle> = Vec::new();
    let (mut lost, mut squeezed) = (0, 0);
    for (i, arrow) in model.arrows.iter().enumerate() {
        let end = |e: End| -> Option<At> {
            let c = e.at.column.0 as usize;
            let s = slots.iter().position(|s| s.columns.contains(&c))?;
            Some((s, slots[s].end(scene, c, e.at.address)?))
        };
        let (Some(from), Some(to)) = (end(arrow.from), end(arrow.to)) else {
            lost += usize::from(scene.stage.arrows[i]);
            continue;
        };
        if from == to {
            // Both ends are in one fold.
            lost += usize::from(scene.stage.arrows[i]);
            continue;
        }
        let first = arrow.from.letter.is_some() || scene.lit_arrows.contains_key(&(i as u32));
        let at = *by_ends.entry((from, to)).or_insert_with(|| {
            bundles.push(Bundle { from, to, arrows: vec![], first: false });
            bundles.len() - 1
        });
        bundles[at].arrows.push(i as u32);
        bundles[at].first |= first && arrow.from.letter.is_some();
    }

    let folded = |b: &Bundle| [b.from, b.to].iter().any(|at| slots[at.0].is_fold(scene, at.1));
    let quiet =
        |b: &Bundle| !b.first && folded(b) && !b.arrows.iter().any(|a| scene.lit_arrows.contains_key(a));
    if bundles.iter().filter(|b| quiet(b)).count() > MAX_FOLDED {
        let there = |b: &&Bundle| b.arrows.iter().filter(|a| scene.stage.arrows[**a as usize]).count();
        lost += bundles.iter().filter(|b| quiet(b)).map(|b| there(&b)).sum::<usize>();
        bundles.retain(|b| !quiet(b));
    }

    // Rows.
    let mut rows = Rows::new(slots.iter().map(|s| s.elems.clone()).collect());
    for pass in [true, false] {
        for b in bundles.iter().filter(|b| b.first == pass && b.from.0 != b.to.0) {
            rows.align(b.from, b.to);
        }
    }
    for _ in 0..24 {
        let Some((a, b)) = meeting(&bundles, &rows) else { break };
        if !rows.part(a, b) {
            break;
        }
    }
    let mut height = rows.total();

    // Legs of wires in gaps; wires that pass a slot take a row there that is free.
    let shown = |b: &Bundle| b.arrows.iter().any(|a| scene.stage.arrows[*a as usize]);
    let mut legs: Vec<Vec<(usize, Leg)>> = vec![vec![]; last + 1];
    let mut passed: Vec<(usize, i32)> = Vec::new();
    let mut pass_row: BTreeMap<usize, i32> = BTreeMap::new();
    let mut order: Vec<usize> = (0..bundles.len()).collect();
    order.sort_by_key(|&i| !bundles[i].first);
    for &i in &order {
        let b = &bundles[i];
        let (y1, y2) = (rows.row(b.from), rows.row(b.to));
        let (s1, s2) = (b.from.0, b.to.0);
        let (l, r) = (s1.min(s2), s1.max(s2));
        let leg = |from_right, to_right, from, to| Leg { from_right, to_right, from, to };
        match r - l {
            0 => legs[l].push((i, leg(false, false, y1, y2))),
            1 => legs[l].push((i, leg(s1 > s2, s2 > s1, y1, y2))),
            _ => {
                let free = |row: i32| {
                    (l + 1..r).all(|s| {
                        let taken = slots[s].parts.iter().enumerate().any(|(k, part)| {
                            let (from, h) = (rows.row((s, k)), rows.height((s, k)));
                            *part != Part::Blank && (from..from + h).contains(&row)
                        });
                        !taken && !passed.contains(&(s, row))
                    })
                };
                let wish = (y1 + y2) / 2;
                let row = (0..height + 200).filter(|r| free(*r)).min_by_key(|r| (r - wish).abs())?;
                passed.extend((l + 1..r).map(|s| (s, row)));
                height = height.max(row + 1);
                pass_row.insert(i, row);
                let forward = s1 < s2;
                let (yl, yr) = if forward { (y1, y2) } else { (y2, y1) };
                let gap = |from_right: bool, a: i32, z: i32| {
                    if from_right {
                        leg(true, false, a, z)
                    } else {
                        leg(false, true, a, z)
                    }
                };
                let (first, second) = if forward { ((yl, row), (row, yr)) } else { ((row, yl), (yr, row)) };
                legs[l].push((i, gap(!forward, first.0, first.1)));
                for legs in &mut legs[l + 1..r - 1] {
                    legs.push((i, gap(!forward, row, row)));
                }
                legs[r - 1].push((i, gap(!forward, second.0, second.1)));
            }
        }
    }

    // Tracks, and with them the width of each gap.
    let limit = if mode.stacked {
        ((max - gutter - inners[0] - 2 - 3) / 2).clamp(0, MAX_TRACKS as i32) as usize
    } else {
        MAX_TRACKS
    };
    let mut track: BTreeMap<(usize, usize), usize> = BTreeMap::new();
    let mut out: Vec<usize> = Vec::new();
    let mut gaps: Vec<(i32, usize)> = Vec::new();
    for (g, legs) in legs.iter().enumerate() {
        let plain: Vec<Leg> = legs.iter().map(|l| l.1).collect();
        let (of, count, left_out) = tracks(&plain, limit);
        for (k, t) in of.iter().enumerate() {
            if let Some(t) = t {
                track.insert((g, legs[k].0), *t);
            }
        }
        out.extend(left_out.iter().map(|k| legs[*k].0));
        let boxes = between[g].iter().map(|b| b.width + 2).max().unwrap_or(0);
        let need = if count > 0 { 2 * count as i32 + 3 } else { 0 };
        let cells = if g < last { need.max(mode.gap).max(boxes) } else { need };
        gaps.push((cells, count));
    }

    // Columns of cells.
    let mut x = left.iter().map(|b| b.width + 1).max().unwrap_or(0);
    let mut boxes: Vec<Box> = Vec::new();
    for (s, slot) in slots.iter().enumerate() {
        let letters = (lettered(&slot.columns, false), lettered(&slot.columns, true));
        if letters.0 {
            x += 2;
        }
        // A title wider than its box must not reach into its neighbours.
        let widest = slot.columns.iter().flat_map(|c| &heads[*c]).map(|h| width(&h.1)).max().unwrap_or(0);
        let over = if mode.stacked { 0 } else { ((widest - slot.inner - 2 + 1) / 2).max(0) };
        if s == 0 {
            x += over;
        }
        boxes.push(Box { left: x, right: x + slot.inner + 1, letters });
        x += slot.inner + 2;
        if letters.1 {
            x += 2;
        }
        if s < last {
            x += gaps[s].0 + 2;
        } else if gaps[s].0 > 0 {
            x += gaps[s].0;
        } else {
            x += over;
        }
    }
    let right_x = x + 1;
    let wide = if right.is_empty() { x } else { right_x + right.iter().map(|b| b.width).max().unwrap_or(0) };
    if wide > max && !mode.stacked {
        return None;
    }
    let wide = wide.min(max);

    // Everything above the slots moves them down.
    let mut p = Placer { scene, lang, layout: Layout::default(), dy: 0 };
    if scene.options.title {
        for line in wrap(&clean(model.title.get(lang), 120), max).into_iter().filter(|l| !l.is_empty()) {
            p.text(0, p.dy, line, Role::Title, Of::All);
            p.dy += 1;
        }
        p.dy += i32::from(p.dy > 0);
    }
    if !mode.stacked && !mode.sides {
        let all: Vec<Sized> = above.iter_mut().flat_map(core::mem::take).collect();
        let wish = |b: &Sized| {
            let of =
                |c: ColumnId| slots.iter().position(|s| s.columns.contains(&(c.0 as usize))).unwrap_or(0);
            match model.actors[b.actor].place {
                Place::LeftOf(c) => boxes[of(c)].left,
                Place::RightOf(c) => boxes[of(c)].right + 1 - b.width,
                Place::Between(a, c) => (boxes[of(a)].right + boxes[of(c)].left - b.width) / 2,
            }
        };
        let (placed, tall) = abreast(all, wish, wide).unwrap_or_else(|all| flow(all, max));
        for (bx, by, b) in placed {
            p.actor(bx, p.dy + by, b);
        }
        p.dy += tall + i32::from(tall > 0);
    }

    // Slots: heads, borders, pieces.
    for (s, slot) in slots.iter().enumerate() {
        let b = boxes[s];
        for (k, part) in slot.parts.iter().enumerate() {
            let (y, h) = (rows.row((s, k)) + p.dy, rows.height((s, k)));
            match *part {
                Part::Blank => {}
                Part::Above(c) => p.above(b, c, y, h),
                Part::Head(c) => {
                    let lines = &heads[c];
                    for (bx, by, sized) in core::mem::take(&mut head_boxes[c]) {
                        p.actor(bx, y + by, sized);
                    }
                    // Just above the box, or with a row between where all heads are in one band.
                    let band = i32::from(!mode.stacked && !scene.options.tight && slot.columns[0] == c);
                    let from = y + h - band - lines.len() as i32;
                    for (i, (role, line)) in lines.iter().enumerate() {
                        let x = if mode.stacked {
                            b.left
                        } else {
                            b.left + (slot.inner + 2 - width(line)).div_euclid(2)
                        };
                        p.text(x, from + i as i32, line.clone(), *role, Of::All);
                    }
                }
                Part::Top(_) => p.rule(b, y, false),
                Part::Piece(c, i) => {
                    let at = slot.columns.iter().position(|x| *x == c).unwrap_or(0);
                    p.piece(slot, b, (at, c, i), (y, h), k, &rows, s);
                }
                Part::Line(c, i) => {
                    if scene.pieces[c].is_empty() {
                        p.rule(b, y, false);
                    } else if let Some(tick) = p.border(c, i).or_else(|| {
                        // Below a piece without a border of its own, where that takes no row.
                        let next = slot.is_slack(c, i + 1) && rows.height((s, k + 1)) == 0;
                        p.border(c, i + 1).filter(|_| next)
                    }) {
                        p.rule(b, y, tick);
                    }
                }
            }
        }
    }
    for (&at, &letter) in &scene.letters {
        let c = at.column.0 as usize;
        let Some((s, k)) = slots
            .iter()
            .position(|s| s.columns.contains(&c))
            .and_then(|s| Some((s, slots[s].end(scene, c, at.address)?)))
        else {
            continue;
        };
        let x = if right_side(c) { boxes[s].right + 2 } else { boxes[s].left - 2 };
        let y = rows.row((s, k)) + p.dy;
        // Two points in one fold, each with a letter: the first is shown.
        let taken = p.layout.texts.iter().any(|t| t.role == Role::Letter && (t.x, t.y) == (x, y));
        if !taken {
            let mut text = String::new();
            text.push(if letter.is_ascii_alphanumeric() { letter } else { '?' });
            p.text(x, y, text, Role::Letter, Of::All);
        }
    }

    // Wires.
    let mut drawn: Vec<(usize, usize)> = Vec::new();
    for (i, b) in bundles.iter().enumerate() {
        if out.contains(&i) {
            // Counted as in the frame, so that the mode is the same at every step.
            squeezed += b.arrows.len();
            lost += b.arrows.iter().filter(|a| scene.stage.arrows[**a as usize]).count();
            continue;
        }
        if !shown(b) {
            continue;
        }
        let edge = |at: At, right: bool| {
            let y = rows.row(at) + p.dy;
            let bx = boxes[at.0];
            let x = if right { bx.right + 2 } else { bx.left - 2 };
            let letter = p.layout.texts.iter().any(|t| t.role == Role::Letter && (t.x, t.y) == (x, y));
            (if letter { x + if right { 2 } else { -2 } } else { x }, y)
        };
        let gap_x = |g: usize, t: usize| {
            let start = boxes[g].right + 2 + if boxes[g].letters.1 { 2 } else { 0 };
            let (cells, count) = gaps[g];
            let used = 2 * count as i32 - 1;
            // The channel at the right of the last slot hugs it.
            let inner = if g < last { cells } else { used + 2 };
            start + (inner - used) / 2 + 2 * t as i32
        };
        let (s1, s2) = (b.from.0, b.to.0);
        let mut points: Vec<(i32, i32)> = Vec::new();
        let vertical = |points: &mut Vec<(i32, i32)>, g: usize, y2: i32| {
            if let Some(&t) = track.get(&(g, i)) {
                let x = gap_x(g, t);
                let y1 = points.last().map_or(y2, |q| q.1);
                points.push((x, y1));
                points.push((x, y2));
            }
        };
        if s1 == s2 {
            points.push(edge(b.from, true));
            let end = edge(b.to, true);
            vertical(&mut points, s1, end.1);
            points.push(end);
        } else {
            let forward = s1 < s2;
            points.push(edge(b.from, forward));
            let end = edge(b.to, !forward);
            let row = pass_row.get(&i).map_or(end.1, |r| r + p.dy);
            if forward {
                for g in s1..s2 {
                    vertical(&mut points, g, if g + 1 == s2 { end.1 } else { row });
                }
            } else {
                for g in (s2..s1).rev() {
                    vertical(&mut points, g, if g == s2 { end.1 } else { row });
                }
            }
            points.push(end);
        }
        points.dedup();
        drawn.push((i, p.wire(b, points)));
    }

    // Actors beside the slots and in the gaps.
    for (g, stack) in between.into_iter().enumerate() {
        let Some(next) = boxes.get(g + 1) else { continue };
        let (from, to) = (boxes[g].right + 1, next.left - 1);
        let mut y = p.dy;
        for b in stack {
            let x = from + (to - from + 1 - b.width).div_euclid(2);
            let h = b.height;
            p.actor(x, y, b);
            y += h;
        }
    }
    let mut bottom = height + p.dy;
    bottom = bottom.max(p.side(left, 0, &slots, &rows, band));
    bottom = bottom.max(p.side(right, right_x, &slots, &rows, band));
    p.layout.width = wide;
    p.layout.height = bottom;
    p.wire_words(&bundles, &drawn, mode);
    p.layout.left_out = lost;
    p.layout.height = p.layout.texts.iter().map(|t| t.y + 1).max().unwrap_or(0).max(p.layout.height);
    let sides: Vec<(i32, i32)> = boxes.iter().map(|b| (b.left, b.right)).collect();
    p.layout.token =
        token::place(scene, &p.layout, &Grid { slots: &slots, rows: &rows, sides: &sides, dy: p.dy });
    p.notes(max, lost);
    let mut layout = p.layout;
    layout.width = layout.texts.iter().map(|t| t.x + width(&t.text)).max().unwrap_or(0).max(layout.width);
    let ends = layout.actors.iter().map(|a| a.x + a.width);
    layout.width = ends.max().unwrap_or(0).max(layout.width);
    Some(Placed { layout, squeezed })
}

/// Two ends of different wires that came to stand in one row at the two sides of a gap.
fn meeting(bundles: &[Bundle], rows: &Rows) -> Option<(At, At)> {
    let straight = |b: &Bundle| rows.row(b.from) == rows.row(b.to);
    for a in bundles.iter().filter(|b| !straight(b)) {
        for b in bundles {
            for p in [a.from, a.to] {
                for q in [b.from, b.to] {
                    if p.0.abs_diff(q.0) == 1 && rows.row(p) == rows.row(q) {
                        return Some((p, q)).filter(|_| !joined(bundles, p, q));
                    }
                }
            }
        }
    }
    None
}

fn joined(bundles: &[Bundle], p: At, q: At) -> bool {
    bundles.iter().any(|b| (b.from, b.to) == (p, q) || (b.to, b.from) == (p, q))
}

/// Fills a layout.
struct Placer<'a, 'b> {
    scene: &'a Scene<'b>,
    lang: Lang,
    layout: Layout,
    /// Rows above the slots.
    dy: i32,
}

impl Placer<'_, '_> {
    fn text(&mut self, x: i32, y: i32, text: String, role: Role, of: Of) {
        if !text.is_empty() {
            self.layout.texts.push(Label { x, y, text, role, of });
        }
    }

    fn rule(&mut self, b: Box, y: i32, tick: bool) {
        self.layout.rules.push(Rule { x: b.left, width: b.right - b.left + 1, y, tick });
    }

    fn actor(&mut self, x: i32, y: i32, b: Sized) {
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
    fn border(&self, c: usize, i: usize) -> Option<bool> {
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
    fn above(&mut self, b: Box, c: usize, y: i32, h: i32) {
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
    fn piece(
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

    fn wire(&mut self, b: &Bundle, points: Vec<(i32, i32)>) -> usize {
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
    fn side(&mut self, boxes: Vec<Sized>, x: i32, slots: &[Slot], rows: &Rows, band: i32) -> i32 {
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

    /// Words on wires: once for each kind in each gap, above and below the first straight one.
    fn wire_words(&mut self, bundles: &[Bundle], drawn: &[(usize, usize)], mode: Mode) {
        if mode.stacked {
            return;
        }
        let mut done: Vec<(ArrowKind, i32, String)> = Vec::new();
        for &(i, w) in drawn {
            let wire = &self.layout.wires[w];
            let [tail, head] = wire.points[..] else { continue };
            let (x0, x1, y) = (tail.0.min(head.0), tail.0.max(head.0), head.1);
            let arrow = &self.scene.stage.model.arrows[bundles[i].arrows[0] as usize];
            let own = clean(arrow.label.get(self.lang), 60);
            let kind = wire.kind;
            if done.contains(&(kind, x0, own.clone())) {
                continue;
            }
            let room = x1 - x0 + 1;
            let fits = |t: &str| t.split(' ').all(|w| width(w) <= room);
            let said = if own.is_empty() {
                words::arrow(kind).iter().all(|t| fits(t.get(self.lang)))
            } else {
                fits(&own)
            };
            if !said {
                continue;
            }
            let lines: Vec<String> = if own.is_empty() {
                words::arrow(kind).iter().flat_map(|t| wrap(t.get(self.lang), room)).collect()
            } else {
                wrap(&own, room)
            };
            // One line above; of two, one above and one below; of more, two below.
            let rows: &[i32] = match lines.len() {
                1 => &[-1],
                2 => &[-1, 1],
                3 => &[-1, 1, 2],
                4 => &[-2, -1, 1, 2],
                _ => continue,
            };
            // In the middle if that is free, else as near to it as can be.
            let widest = lines.iter().map(|l| width(l)).max().unwrap_or(0);
            let middle = x0 + (room - widest).div_euclid(2);
            let mut starts: Vec<i32> = (x0..=x1 + 1 - widest).collect();
            starts.sort_by_key(|x| (x - middle).abs());
            let place = |start: i32, l: &String, dy: i32| (start + (widest - width(l)).div_euclid(2), y + dy);
            let free = |start: &i32| {
                lines.iter().zip(rows).all(|(l, &dy)| {
                    let (x, y) = place(*start, l, dy);
                    self.is_free(x - 1, y, width(l) + 2)
                })
            };
            if let Some(start) = starts.into_iter().find(free) {
                for (line, &dy) in lines.iter().zip(rows) {
                    let (x, y) = place(start, line, dy);
                    self.text(x, y, line.clone(), Role::Wire, Of::Wire(w));
                }
                done.push((kind, x0, own));
            }
        }
    }

    /// Is nothing in these cells?
    fn is_free(&self, x: i32, y: i32, cells: i32) -> bool {
        let end = x + cells;
        let l = &self.layout;
        if x < 0 || y < 0 || end > l.width {
            return false;
        }
        let wires = l.wires.iter().all(|w| {
            w.points.windows(2).all(|s| {
                let (ax, bx) = (s[0].0.min(s[1].0), s[0].0.max(s[1].0));
                let (ay, by) = (s[0].1.min(s[1].1), s[0].1.max(s[1].1));
                y < ay || y > by || end <= ax || x > bx
            })
        });
        let texts = l.texts.iter().all(|t| t.y != y || end <= t.x || x >= t.x + width(&t.text));
        let actors =
            l.actors.iter().all(|a| y < a.y || y >= a.y + a.height || end <= a.x || x >= a.x + a.width);
        let pieces = l
            .pieces
            .iter()
            .all(|p| 2 * y + 2 <= p.top || 2 * y > p.bottom || end <= p.x || x >= p.x + p.width);
        let rules = l.rules.iter().all(|r| r.y != y || end <= r.x || x >= r.x + r.width);
        wires && texts && actors && pieces && rules
    }

    /// What there was no room for.
    fn notes(&mut self, max: i32, lost: usize) {
        self.layout.summary = clean(self.scene.stage.model.title.get(self.lang), 200);
        if lost == 0 {
            return;
        }
        let text = match self.lang {
            Lang::En if lost == 1 => "1 mapping is not drawn".into(),
            Lang::En => format!("{lost} mappings are not drawn"),
            Lang::Zh => format!("有 {lost} 个映射未画出"),
        };
        let mut y = self.layout.height + 1;
        for line in wrap(&text, max) {
            self.text(0, y, line, Role::Note, Of::All);
            y += 1;
        }
        self.layout.height = y;
    }
}
