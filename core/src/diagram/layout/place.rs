//! Puts everything in its place, in one of the modes; says when it does not fit.

use super::actors::{abreast, flow, Sized};
use super::bundles::{bundles, rows, Bundle};
use super::chain::{slots, Part, Slot};
use super::fill::{Box, Placer};
use super::routes::{legs, routes, Gap, Routes, MAX_TRACKS};
use super::rows::{At, Rows};
use super::seats::{heads, seats, Heads};
use super::token::{self, Grid};
use super::*;
use crate::diagram::text::{clean, width, wrap};
use alloc::{string::String, vec::Vec};

/// A layout, and how many arrows had no track in it.
pub struct Placed {
    pub layout: Layout,
    pub squeezed: usize,
}

/// Places everything; `None` where it is wider than it may be.
pub fn place(scene: &Scene<'_>, mode: Mode) -> Option<Placed> {
    let groups = slots(&scene.stage.model, mode);
    if groups.is_empty() {
        return Some(Placed { layout: Layout::default(), squeezed: 0 });
    }
    let max = i32::from(scene.options.width);
    let mut seats = seats(scene, mode, &groups);
    let gutter = if mode.stacked && lettered(scene, mode, &groups[0], false) { 2 } else { 0 };
    let mut heads = heads(scene, mode, &groups, &mut seats, gutter);
    let slots: Vec<Slot> = groups
        .into_iter()
        .enumerate()
        .map(|(s, columns)| Slot::new(scene, columns, heads.inner[s], mode.pad, &heads.rows[s]))
        .collect();

    let (bundles, mut lost) = bundles(scene, &slots);
    let rows = rows(&slots, &bundles);
    let legs = legs(&slots, &bundles, &rows)?;
    let limit = if mode.stacked {
        ((max - gutter - heads.inner[0] - 2 - 3) / 2).clamp(0, MAX_TRACKS as i32) as usize
    } else {
        MAX_TRACKS
    };
    let routes = routes(&legs, limit, |g| {
        seats.between[g].iter().map(|b| b.width + 2).max().unwrap_or(0).max(mode.gap)
    });

    let start = seats.left.iter().map(|b| b.width + 1).max().unwrap_or(0);
    let (boxes, end) = columns(scene, mode, &slots, &heads, &routes.gaps, start);
    let at_right = end + 1;
    let wide = seats.right.iter().map(|b| b.width).max().map_or(end, |w| at_right + w);
    if wide > max && !mode.stacked {
        return None;
    }
    let wide = wide.min(max);

    let mut p = Placer { scene, lang: scene.options.lang, layout: Layout::default(), dy: 0 };
    let plan = Plan { mode, slots: &slots, rows: &rows, boxes: &boxes, routes: &routes };
    plan.title(&mut p, max);
    if !mode.stacked && !mode.sides {
        plan.actors_above(&mut p, seats.above.into_iter().flatten().collect(), wide, max);
    }
    plan.fill_slots(&mut p, &mut heads);
    plan.letters(&mut p);
    let mut squeezed = 0;
    let mut drawn: Vec<(usize, usize)> = Vec::new();
    for (i, b) in bundles.iter().enumerate() {
        if routes.out.contains(&i) {
            // Counted as in the frame, so that the mode is the same at every step.
            squeezed += b.arrows.len();
            lost += b.there(scene);
        } else if b.is_shown(scene) {
            let points = plan.way(&p, i, b, legs.pass_row.get(&i).copied());
            drawn.push((i, p.wire(b, points)));
        }
    }
    plan.actors_between(&mut p, seats.between);
    let mut bottom = legs.height + p.dy;
    bottom = bottom.max(p.side(seats.left, 0, &slots, &rows, heads.band));
    bottom = bottom.max(p.side(seats.right, at_right, &slots, &rows, heads.band));
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

/// Letters stand left of the box, but right of it on the devices' side: as in the HOWTO's figure.
fn right_side(scene: &Scene<'_>, mode: Mode, column: usize) -> bool {
    let space = scene.stage.model.columns[column].space;
    !mode.stacked && matches!(space, Space::Bus | Space::Iova | Space::Device)
}

/// Has one of these columns a letter at that side?
fn lettered(scene: &Scene<'_>, mode: Mode, columns: &[usize], right: bool) -> bool {
    let mut ends = scene.stage.model.arrows.iter().flat_map(|a| [a.from, a.to]);
    ends.any(|e| {
        let c = e.at.column.0 as usize;
        e.letter.is_some() && columns.contains(&c) && right_side(scene, mode, c) == right
    })
}

/// Columns of cells: where each slot's box is, beginning at `x`, and where the last gap ends.
fn columns(
    scene: &Scene<'_>,
    mode: Mode,
    slots: &[Slot],
    heads: &Heads,
    gaps: &[Gap],
    mut x: i32,
) -> (Vec<Box>, i32) {
    let last = slots.len() - 1;
    let mut boxes: Vec<Box> = Vec::new();
    for (s, slot) in slots.iter().enumerate() {
        let letters =
            (lettered(scene, mode, &slot.columns, false), lettered(scene, mode, &slot.columns, true));
        if letters.0 {
            x += 2;
        }
        // A title wider than its box must not reach into its neighbours.
        let lines = slot.columns.iter().flat_map(|c| &heads.lines[*c]);
        let widest = lines.map(|h| width(&h.1)).max().unwrap_or(0);
        let over = if mode.stacked { 0 } else { ((widest - slot.inner - 2 + 1) / 2).max(0) };
        if s == 0 {
            x += over;
        }
        boxes.push(Box { left: x, right: x + slot.inner + 1, letters });
        x += slot.inner + 2;
        if letters.1 {
            x += 2;
        }
        x += match gaps[s].cells {
            cells if s < last => cells + 2,
            0 => over,
            cells => cells,
        };
    }
    (boxes, x)
}

/// Where slots, their rows and their wires are.
struct Plan<'a> {
    mode: Mode,
    slots: &'a [Slot],
    rows: &'a Rows,
    boxes: &'a [Box],
    routes: &'a Routes,
}

impl Plan<'_> {
    /// The title, above everything.
    fn title(&self, p: &mut Placer<'_, '_>, max: i32) {
        if !p.scene.options.title {
            return;
        }
        let title = clean(p.scene.stage.model.title.get(p.lang), 120);
        for line in wrap(&title, max).into_iter().filter(|l| !l.is_empty()) {
            p.text(0, p.dy, line, Role::Title, Of::All);
            p.dy += 1;
        }
        p.dy += i32::from(p.dy > 0);
    }

    /// Actors in a row above the slots, which it moves down.
    fn actors_above(&self, p: &mut Placer<'_, '_>, all: Vec<Sized>, wide: i32, max: i32) {
        let of = |c: ColumnId| self.slots.iter().position(|s| s.columns.contains(&(c.0 as usize)));
        let at = |c: ColumnId| self.boxes[of(c).unwrap_or(0)];
        let wish = |b: &Sized| match p.scene.stage.model.actors[b.actor].place {
            Place::LeftOf(c) => at(c).left,
            Place::RightOf(c) => at(c).right + 1 - b.width,
            Place::Between(a, c) => (at(a).right + at(c).left - b.width) / 2,
        };
        let (placed, tall) = abreast(all, wish, wide).unwrap_or_else(|all| flow(all, max));
        for (x, y, b) in placed {
            p.actor(x, p.dy + y, b);
        }
        p.dy += tall + i32::from(tall > 0);
    }

    /// Heads, borders and pieces of all slots.
    fn fill_slots(&self, p: &mut Placer<'_, '_>, heads: &mut Heads) {
        let (rows, tight) = (self.rows, p.scene.options.tight);
        for (s, slot) in self.slots.iter().enumerate() {
            let b = self.boxes[s];
            for (k, part) in slot.parts.iter().enumerate() {
                let (y, h) = (rows.row((s, k)) + p.dy, rows.height((s, k)));
                match *part {
                    Part::Blank => {}
                    Part::Above(c) => p.above(b, c, y, h),
                    Part::Head(c) => {
                        for (bx, by, sized) in core::mem::take(&mut heads.boxes[c]) {
                            p.actor(bx, y + by, sized);
                        }
                        // Just above the box, or with a row between where all heads are in one band.
                        let band = i32::from(!self.mode.stacked && !tight && slot.columns[0] == c);
                        let lines = &heads.lines[c];
                        let from = y + h - band - lines.len() as i32;
                        for (i, (role, line)) in lines.iter().enumerate() {
                            let x = if self.mode.stacked {
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
                        p.piece(slot, b, (at, c, i), (y, h), k, rows, s);
                    }
                    Part::Line(c, _) if p.scene.pieces[c].is_empty() => p.rule(b, y, false),
                    Part::Line(c, i) => {
                        // Below a piece without a border of its own, where that takes no row.
                        let next = || slot.is_slack(c, i + 1) && rows.height((s, k + 1)) == 0;
                        let tick = p.border(c, i).or_else(|| p.border(c, i + 1).filter(|_| next()));
                        if let Some(tick) = tick {
                            p.rule(b, y, tick);
                        }
                    }
                }
            }
        }
    }

    /// The letters of points, beside their boxes.
    fn letters(&self, p: &mut Placer<'_, '_>) {
        let scene = p.scene;
        for (&at, &letter) in &scene.letters {
            let c = at.column.0 as usize;
            let slot = self.slots.iter().position(|s| s.columns.contains(&c));
            let Some((s, k)) = slot.and_then(|s| Some((s, self.slots[s].end(scene, c, at.address)?))) else {
                continue;
            };
            let right = right_side(scene, self.mode, c);
            let x = if right { self.boxes[s].right + 2 } else { self.boxes[s].left - 2 };
            let y = self.rows.row((s, k)) + p.dy;
            // Two points in one fold, each with a letter: the first is shown.
            if !is_letter(p, x, y) {
                let letter = if letter.is_ascii_alphanumeric() { letter } else { '?' };
                p.text(x, y, String::from(letter), Role::Letter, Of::All);
            }
        }
    }

    /// Where a wire leaves a slot: beside its box, or beside the letter there.
    fn edge(&self, p: &Placer<'_, '_>, at: At, right: bool) -> (i32, i32) {
        let (b, y) = (self.boxes[at.0], self.rows.row(at) + p.dy);
        let (x, more) = if right { (b.right + 2, 2) } else { (b.left - 2, -2) };
        (if is_letter(p, x, y) { x + more } else { x }, y)
    }

    /// The column of cells of a track.
    fn track_x(&self, gap: usize, track: usize) -> i32 {
        let b = self.boxes[gap];
        let start = b.right + 2 + if b.letters.1 { 2 } else { 0 };
        let Gap { cells, tracks } = self.routes.gaps[gap];
        let used = 2 * tracks as i32 - 1;
        // The channel at the right of the last slot hugs it.
        let inner = if gap + 1 < self.slots.len() { cells } else { used + 2 };
        start + (inner - used) / 2 + 2 * track as i32
    }

    /// The corners of a wire, which passes the slots between its ends in `pass`.
    fn way(&self, p: &Placer<'_, '_>, i: usize, b: &Bundle, pass: Option<i32>) -> Vec<(i32, i32)> {
        let (s1, s2) = (b.from.0, b.to.0);
        // Within one slot both ends are at its right.
        let forward = s1 <= s2;
        let mut points = Vec::from([self.edge(p, b.from, forward)]);
        let end = self.edge(p, b.to, s1 >= s2);
        let row = pass.map_or(end.1, |r| r + p.dy);
        let mut vertical = |gap: usize, to: i32| {
            if let Some(&t) = self.routes.track.get(&(gap, i)) {
                let x = self.track_x(gap, t);
                let from = points.last().map_or(to, |q| q.1);
                points.extend([(x, from), (x, to)]);
            }
        };
        if s1 == s2 {
            vertical(s1, end.1);
        } else if forward {
            (s1..s2).for_each(|g| vertical(g, if g + 1 == s2 { end.1 } else { row }));
        } else {
            (s2..s1).rev().for_each(|g| vertical(g, if g == s2 { end.1 } else { row }));
        }
        points.push(end);
        points.dedup();
        points
    }

    /// Actors in the gaps, in the band of the heads.
    fn actors_between(&self, p: &mut Placer<'_, '_>, between: Vec<Vec<Sized>>) {
        for (g, stack) in between.into_iter().enumerate() {
            let Some(next) = self.boxes.get(g + 1) else { continue };
            let (from, to) = (self.boxes[g].right + 1, next.left - 1);
            let mut y = p.dy;
            for b in stack {
                let x = from + (to - from + 1 - b.width).div_euclid(2);
                let h = b.height;
                p.actor(x, y, b);
                y += h;
            }
        }
    }
}

/// Is there a letter in this cell?
fn is_letter(p: &Placer<'_, '_>, x: i32, y: i32) -> bool {
    p.layout.texts.iter().any(|t| t.role == Role::Letter && (t.x, t.y) == (x, y))
}
