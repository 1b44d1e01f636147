//! Places for everything that a run ever shows: made once, filled for each step.

use super::actors::Sized;
use super::bundles::{bundles, rows, Bundle};
use super::captions::{captions, Caption};
use super::chain::{slots, Slot};
use super::ground::Ground;
use super::index::Index;
use super::routes::{legs, routes, Gap, Legs, Routes, Way, MAX_TRACKS};
use super::rows::{At, Rows};
use super::seats::{heads, lanes, seats, size, Heads};
use super::streets::{Cell, Streets};
use super::*;
use crate::diagram::text::{clean, width, wrap};
use alloc::{collections::BTreeMap, vec, vec::Vec};

/// Of how many pieces a column has where it must be low, and of how few at last.
const FEW: [u16; 3] = [5, 4, 3];

/// From so many rows on what is met is folded into a few pieces: higher a picture is out of sight beside its inspector.
const HIGH: i32 = 34;

/// Where one slot's box is.
#[derive(Clone, Copy, Debug)]
pub struct Frame {
    pub left: i32,
    pub right: i32,
    /// Is there room kept for letters at the left, at the right?
    pub letters: (bool, bool),
}

/// The places of a run's picture. Nothing in it depends on a step or on the language.
#[derive(Clone, Debug)]
pub struct Plan {
    pub(super) ground: Ground,
    pub(super) index: Index,
    pub(super) mode: Mode,
    pub(super) slots: Vec<Slot>,
    pub(super) rows: Rows,
    pub(super) frames: Vec<Frame>,
    /// Lines of each column's head, in English and in Chinese.
    pub(super) heads: Vec<[Vec<(Role, String)>; 2]>,
    /// Boxes with their places.
    pub(super) actors: Vec<(i32, i32, Sized)>,
    pub(super) links: Vec<Vec<Cell>>,
    pub(super) bundles: Vec<Bundle>,
    /// The way of each bundle, if it has one.
    pub(super) ways: Vec<Option<Way>>,
    /// Arrows without a way.
    pub(super) lost: Vec<u32>,
    /// Words on bundles' ways.
    pub(super) captions: Vec<Option<Caption>>,
    /// Points that ever have a letter, and its place.
    pub(super) letters: BTreeMap<Point, Cell>,
    /// Rows above the slots.
    pub(super) dy: i32,
    pub(super) width: i32,
    pub(super) height: i32,
    /// Prices for the token's ways: there once everything else is in its place.
    pub(super) streets: Option<Streets>,
    /// Ways of the token that were found already.
    found: BTreeMap<(Vec<Cell>, Cell, Cell), Vec<Cell>>,
}

impl Plan {
    /// Makes places for a model that has everything that will be shown.
    pub fn new(mut all: Model, options: &Options) -> Plan {
        let mut options = options.clone();
        options.width = options.width.max(Options::MIN_WIDTH);
        let opened = options.focus.as_ref().is_some_and(|(what, ..)| what == crowd::FOLD);
        let folded = if opened { BTreeMap::new() } else { crowd::fold(&mut all) };
        let index = Index::new(&all, folded.clone());
        let most = options.budget.max(4);
        // Less is shown where that makes it as low as it should be.
        let budgets = [most, most * 3 / 4, most / 2, most / 3].map(|b| b.max(6).min(most));
        let mut plan = Plan::lowest(&all, &options, &index, &budgets);
        if plan.height > HIGH && !plan.is_low() {
            let least = Plan::lowest(&all, &options, &index, &[(most / 4).max(6).min(most)]);
            if least.height < plan.height && least.mode.stacked == plan.mode.stacked {
                plan = least;
            }
        }
        if !options.low || plan.is_low() {
            return plan;
        }
        // What only stands by goes before what takes part is folded into hardly anything.
        let aside = aside::leave_out(&mut all, options.width);
        let mut index = Index::new(&all, folded.clone());
        index.aside = aside;
        let fewer: Vec<u16> = budgets.into_iter().chain(FEW).collect();
        let mut lower = Plan::lowest(&all, &options, &index, &fewer);
        // Several address spaces below each other have much that nothing goes to.
        if !lower.is_low() && !lower.mode.stacked {
            index.ranges_aside = aside::leave_ranges_out(&mut all);
            let mut kept = Index::new(&all, folded);
            (kept.aside, kept.ranges_aside) = (index.aside, index.ranges_aside);
            let least = Plan::scant(&all, &options, &kept, &fewer);
            if least.height < lower.height && least.mode.stacked == lower.mode.stacked {
                lower = least;
            }
        }
        if lower.height < plan.height {
            lower
        } else {
            plan
        }
    }

    /// As low as it should be, where it can.
    fn is_low(&self) -> bool {
        let options = &self.ground.options;
        let fits = self.height <= i32::from(options.rows);
        options.rows == 0 || fits || self.mode.stacked && !options.low
    }

    /// With as much folded as makes it as low as it should be.
    fn lowest(all: &Model, options: &Options, index: &Index, budgets: &[u16]) -> Plan {
        Plan::lowest_of(index, budgets, options, |budget| Ground::new(all.clone(), options, budget))
    }

    /// The same with rows shared wherever they can be.
    fn scant(all: &Model, options: &Options, index: &Index, budgets: &[u16]) -> Plan {
        let ground = |budget| Ground { scant: true, ..Ground::new(all.clone(), options, budget) };
        Plan::lowest_of(index, budgets, options, ground)
    }

    fn lowest_of(index: &Index, budgets: &[u16], options: &Options, ground: impl Fn(u16) -> Ground) -> Plan {
        let mut best: Option<Plan> = None;
        for &budget in budgets {
            let ground = ground(budget);
            // Addresses of folds have rows of their own where that is as low too.
            let closer = ground.spare.then(|| Ground { spare: false, ..ground.clone() });
            for ground in [Some(ground), closer].into_iter().flatten() {
                let plan = Plan::of(ground, index);
                if plan.is_low() {
                    return plan;
                }
                let lower = best.as_ref().is_none_or(|b| {
                    plan.height < b.height && (options.low || plan.mode.stacked == b.mode.stacked)
                });
                if lower {
                    best = Some(plan);
                }
            }
        }
        best.unwrap_or_else(|| Plan::of(ground(options.budget), index))
    }

    /// Whether everything of a model has its place here.
    pub fn covers(&self, model: &Model) -> bool {
        let aside = |key: &str| self.index.aside.contains(key);
        // What was left out has no place, as long as nothing goes there.
        const ASIDE: ColumnId = ColumnId(u16::MAX);
        let mut columns = Vec::new();
        for column in &model.columns {
            if !column.reached && aside(&column.key) {
                columns.push(ASIDE);
                continue;
            }
            let Some(&at) = self.index.columns.get(&column.key) else { return false };
            // Where an address led to nothing in the middle of an operation, its mark may be missing; nothing moves for it.
            let needed = column.regions.iter().filter(|r| !r.key.starts_with(USED));
            let left_out = |r: &Region| {
                !self.index.ranges_aside.is_empty()
                    && self.index.ranges_aside.contains(&(column.key.clone(), r.key.clone()))
            };
            if needed.clone().any(|r| self.index.region(at, r).is_none() && !left_out(r)) {
                return false;
            }
            columns.push(ColumnId(at as u16));
        }
        let point = |p: Point| {
            let column = columns.get(usize::from(p.column.0)).copied().unwrap_or(p.column);
            Point { column, ..p }
        };
        let by = |a: &Actor| !a.passed && aside(&a.key);
        let gone = |p: Point| point(p).column == ASIDE;
        let idle = |a: &Arrow| a.kind == ArrowKind::Window && !self.index.ranges_aside.is_empty();
        // A range that is met later has its place, if in a fold: nothing moves for it.
        model.actors.iter().all(|a| self.index.actors.contains_key(&a.key) || by(a))
            && model.arrows.iter().filter(|a| !gone(a.from.at) && !gone(a.to.at) && !idle(a)).all(|a| {
                let found = self.index.arrow(a, point(a.from.at), point(a.to.at));
                let Some(own) = found.and_then(|i| self.ground.model.arrows.get(i as usize)) else {
                    return false;
                };
                let lettered = |own: End, e: End| own.letter.is_some() || e.letter.is_none();
                lettered(own.from, a.from) && lettered(own.to, a.to)
            })
    }

    /// The keys of those who are folded.
    pub(super) fn folded(&self) -> Vec<String> {
        let fold = self.index.actors.get(crowd::FOLD);
        let inside = self.index.actors.iter().filter(|(key, at)| Some(*at) == fold && *key != crowd::FOLD);
        inside.map(|(key, _)| key.clone()).collect()
    }

    /// In the first mode that fits.
    fn of(ground: Ground, index: &Index) -> Plan {
        if ground.model.columns.is_empty() {
            return Plan::empty(ground, index);
        }
        // With room for the arrows' own words, where there is any.
        let first = |modes: &[Mode], ground: &Ground| {
            modes.iter().find_map(|mode| {
                let said = Plan::in_mode(ground, index, *mode, true);
                said.or_else(|| Plan::in_mode(ground, index, *mode, false))
            })
        };
        let wider = |ground: &Ground| {
            let mut wider = ground.clone();
            wider.options.width = ground.options.most;
            (ground.options.most > ground.options.width).then(|| first(&BESIDE[TIGHTEST..], &wider)).flatten()
        };
        let plan = first(&BESIDE, &ground).or_else(|| wider(&ground)).or_else(|| first(&BELOW, &ground));
        plan.unwrap_or_else(|| Plan::empty(ground, index))
    }

    fn empty(ground: Ground, index: &Index) -> Plan {
        Plan {
            ground,
            index: index.clone(),
            mode: BESIDE[0],
            slots: vec![],
            rows: Rows::new(vec![], 0),
            frames: vec![],
            heads: vec![],
            actors: vec![],
            links: vec![],
            bundles: vec![],
            ways: vec![],
            lost: vec![],
            captions: vec![],
            letters: BTreeMap::new(),
            dy: 0,
            width: 0,
            height: 0,
            streets: None,
            found: BTreeMap::new(),
        }
    }

    /// Places everything; `None` where it is wider than it may be.
    fn in_mode(ground: &Ground, index: &Index, mode: Mode, said: bool) -> Option<Plan> {
        let groups = slots(&ground.model, mode);
        let max = i32::from(ground.options.width);
        let mut seats = seats(ground, mode, &groups);
        let gutter = if mode.stacked && lettered(ground, mode, &groups[0], false) { 2 } else { 0 };
        let heads = heads(ground, mode, &groups, &mut seats, gutter);
        // Too wide even without a wire: the long work of rows and tracks is spared.
        if !mode.stacked && heads.inner.iter().map(|w| w + 2).sum::<i32>() > max {
            return None;
        }
        let slots: Vec<Slot> = groups
            .into_iter()
            .enumerate()
            .map(|(s, columns)| {
                let (rows, tails) = (&heads.rows[s], &heads.tail_rows[s]);
                Slot::new(ground, columns, heads.inner[s], mode.pad, rows, tails)
            })
            .collect();

        let (bundles, mut lost) = bundles(ground, &slots);
        let rows = rows(&slots, &bundles, i32::from(ground.options.rows));
        let legs = legs(&slots, &bundles, &rows)?;
        let limit = if mode.stacked {
            ((max - gutter - heads.inner[0] - 2 - 3) / 2).clamp(0, MAX_TRACKS as i32) as usize
        } else {
            MAX_TRACKS
        };
        let words = |g: usize| {
            let at = |b: &&Bundle| said && b.from.0.min(b.to.0) == g && b.from.0.abs_diff(b.to.0) == 1;
            let own = bundles.iter().filter(at).filter_map(|b| ground.model.arrows.get(b.arrows[0] as usize));
            own.map(|a| own_words(a) + 2).max().unwrap_or(0)
        };
        let wish = |g: usize| (size(mode, &seats.between[g]).0 + 2).max(mode.gap).max(words(g));
        let routes = routes(&legs, limit, wish);

        let start = seats.left.iter().map(|b| b.width + 1).max().unwrap_or(0);
        let (frames, end) = columns(ground, mode, &slots, &heads, &routes.gaps, start);
        let between = if ground.model.links.is_empty() { 1 } else { 4 };
        let mut lane_x = Vec::new();
        let mut wide = end;
        for lane in &seats.right {
            lane_x.push(wide + if lane_x.is_empty() { 1 } else { between });
            wide = lane_x.last().unwrap_or(&wide) + lane.iter().map(|b| b.width).max().unwrap_or(0);
        }
        if wide > max && !mode.stacked {
            return None;
        }
        let dy = title_rows(ground, max);
        let mut plan = Plan {
            mode,
            frames,
            rows,
            slots,
            bundles,
            dy,
            width: wide.min(max),
            height: legs.height + dy,
            ..Plan::empty(ground.clone(), index)
        };
        plan.seat(seats, &heads, &lane_x);
        plan.heads = heads.lines;
        plan.set_letters();
        plan.set_ways(&legs, &routes);
        lost.extend(routes.out.iter().flat_map(|b| &plan.bundles[*b].arrows));
        plan.lost = lost;
        // What is there with everything in its place.
        let everything = plan.ground.model.clone();
        let mut ghost = plan.draw(&everything, Lang::En);
        plan.width = ghost.width;
        plan.height = ghost.height;
        // Columns below each other leave no room beside their wires.
        let ways = if mode.stacked { &[][..] } else { &plan.ways };
        plan.captions =
            captions(&plan.ground.model, &plan.bundles, ways, &mut ghost, plan.ground.options.tight);
        plan.streets = Some(Streets::new(&ghost));
        Some(plan)
    }

    /// Gives boxes beside and between the slots, and in heads and tails, their places.
    fn seat(&mut self, seats: super::seats::Seats, heads: &Heads, lane_x: &[i32]) {
        let (dy, band) = (self.dy, heads.band);
        let model = &self.ground.model;
        for (g, row) in seats.between.into_iter().enumerate() {
            let Some(next) = self.frames.get(g + 1) else { continue };
            let (from, to) = (self.frames[g].right + 1, next.left - 1);
            let (wide, tall) = size(self.mode, &row);
            let room = to - from + 1;
            let (mut x, mut y) = (from + (room - wide).div_euclid(2), dy);
            for b in row {
                if self.mode.narrow {
                    let (x, high) = (from + (room - b.width).div_euclid(2), b.height);
                    self.actors.push((x, y, b));
                    y += high;
                } else {
                    let wide = b.width;
                    self.actors.push((x, y + tall - b.height, b));
                    x += wide + 1;
                }
            }
        }
        let left = [seats.left];
        let at = lanes(&self.ground, &left, &self.slots, &self.rows, band, dy);
        let [left] = left;
        self.actors.extend(left.into_iter().zip(&at[0]).map(|(b, y)| (0, *y, b)));
        let at = lanes(&self.ground, &seats.right, &self.slots, &self.rows, band, dy);
        for ((lane, ys), x) in seats.right.into_iter().zip(at).zip(lane_x) {
            self.actors.extend(lane.into_iter().zip(ys).map(|(b, y)| (*x, y, b)));
        }
        for (s, slot) in self.slots.iter().enumerate() {
            for (k, part) in slot.parts.iter().enumerate() {
                let boxes = match *part {
                    super::chain::Part::Head(c) => &heads.boxes[c],
                    super::chain::Part::Tail(c) => &heads.tails[c],
                    _ => continue,
                };
                let y = self.rows.row((s, k)) + dy;
                self.actors.extend(boxes.iter().map(|(bx, by, b)| (*bx, y + by, b.clone())));
            }
        }
        // What wires them together: from the one nearer to memory to the right, then up or down.
        if !self.mode.stacked {
            let of = |a: ActorId| self.actors.iter().find(|(_, _, b)| b.actor == usize::from(a.0));
            for (above, below) in &model.links {
                let (Some((ax, ay, a)), Some((bx, by, b))) = (of(*above), of(*below)) else { continue };
                let (y0, y1) = (ay + a.height / 2, by + b.height / 2);
                let (x0, turn, x1) = (ax + a.width, bx - 2, bx - 1);
                if x0 > turn {
                    continue;
                }
                let mut way = vec![(x0, y0), (turn, y0), (turn, y1), (x1, y1)];
                way.dedup();
                self.links.push(way);
            }
        }
        let bottom = self.actors.iter().map(|(_, y, b)| y + b.height).max().unwrap_or(0);
        self.height = self.height.max(bottom);
    }

    /// The places of all letters that there ever are; of two at one place the first.
    fn set_letters(&mut self) {
        let ends = self.ground.model.arrows.iter().flat_map(|a| [a.from, a.to]);
        let mut points: Vec<Point> = ends.filter(|e| e.letter.is_some()).map(|e| e.at).collect();
        points.sort_unstable();
        for at in points {
            let c = at.column.0 as usize;
            let slot = self.slots.iter().position(|s| s.columns.contains(&c));
            let Some((s, k)) = slot.and_then(|s| Some((s, self.slots[s].end(&self.ground, c, at.address)?)))
            else {
                continue;
            };
            let right = right_side(&self.ground, self.mode, c);
            let x = if right { self.frames[s].right + 2 } else { self.frames[s].left - 2 };
            self.letters.entry(at).or_insert((x, self.rows.row((s, k)) + self.dy));
        }
    }

    /// Where a wire leaves a slot, beside its box or the letter there, and whether it is the box.
    fn edge(&self, at: At, right: bool) -> (Cell, bool) {
        let (b, y) = (self.frames[at.0], self.rows.row(at) + self.dy);
        let (x, more) = if right { (b.right + 2, 2) } else { (b.left - 2, -2) };
        let letter = self.letters.values().any(|cell| *cell == (x, y));
        ((if letter { x + more } else { x }, y), !letter)
    }

    /// The column of cells of a track.
    fn track_x(&self, routes: &Routes, gap: usize, track: usize) -> i32 {
        let b = self.frames[gap];
        let start = b.right + 2 + if b.letters.1 { 2 } else { 0 };
        let Gap { cells, tracks } = routes.gaps[gap];
        let used = 2 * tracks as i32 - 1;
        // The channel at the right of the last slot hugs it.
        let inner = if gap + 1 < self.slots.len() { cells } else { used + 2 };
        start + (inner - used) / 2 + 2 * track as i32
    }

    /// The corners of all wires.
    fn set_ways(&mut self, legs: &Legs, routes: &Routes) {
        let way = |(i, b): (usize, &Bundle)| {
            if routes.out.contains(&i) {
                return None;
            }
            let (s1, s2) = (b.from.0, b.to.0);
            // Within one slot both ends are at its right.
            let forward = s1 <= s2;
            let (start, tail) = self.edge(b.from, forward);
            let (end, head) = self.edge(b.to, s1 >= s2);
            let mut points = vec![start];
            let row = legs.pass_row.get(&i).map_or(end.1, |r| r + self.dy);
            let mut vertical = |gap: usize, to: i32| {
                if let Some(&t) = routes.track.get(&(gap, i)) {
                    let x = self.track_x(routes, gap, t);
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
            Some(Way { points, touching: [tail, head] })
        };
        self.ways = self.bundles.iter().enumerate().map(way).collect();
    }

    /// The token's way between two cells, beside that of whom it follows.
    pub(super) fn way(&mut self, after: &[Cell], from: Cell, to: Cell) -> Vec<Cell> {
        let Some(streets) = &self.streets else { return vec![from, to] };
        let find =
            || if after.is_empty() { streets.way(from, to) } else { streets.beside(after).way(from, to) };
        self.found.entry((after.to_vec(), from, to)).or_insert_with(find).clone()
    }
}

/// The cells of the longest word that is an arrow's own: without it, it has no caption.
fn own_words(arrow: &Arrow) -> i32 {
    both(|lang| {
        let label = clean(arrow.label.get(lang), 60);
        label.split(' ').map(width).max().unwrap_or(0)
    })
}

/// Rows of the title, in the language in which it needs more.
fn title_rows(ground: &Ground, max: i32) -> i32 {
    if !ground.options.title {
        return 0;
    }
    let rows = both(|lang| {
        let title = clean(ground.model.title.get(lang), 120);
        wrap(&title, max).iter().filter(|l| !l.is_empty()).count() as i32
    });
    rows + i32::from(rows > 0)
}

/// Letters stand left of the box, but right of it on the devices' side: as in the HOWTO's figure.
fn right_side(ground: &Ground, mode: Mode, column: usize) -> bool {
    let space = ground.model.columns[column].space;
    !mode.stacked && matches!(space, Space::Bus | Space::Iova | Space::Device)
}

/// Has one of these columns a letter at that side?
fn lettered(ground: &Ground, mode: Mode, columns: &[usize], right: bool) -> bool {
    let mut ends = ground.model.arrows.iter().flat_map(|a| [a.from, a.to]);
    ends.any(|e| {
        let c = e.at.column.0 as usize;
        e.letter.is_some() && columns.contains(&c) && right_side(ground, mode, c) == right
    })
}

/// Columns of cells: where each slot's box is, beginning at `x`, and where the last gap ends.
fn columns(
    ground: &Ground,
    mode: Mode,
    slots: &[Slot],
    heads: &Heads,
    gaps: &[Gap],
    mut x: i32,
) -> (Vec<Frame>, i32) {
    let last = slots.len() - 1;
    let mut frames: Vec<Frame> = Vec::new();
    for (s, slot) in slots.iter().enumerate() {
        let letters =
            (lettered(ground, mode, &slot.columns, false), lettered(ground, mode, &slot.columns, true));
        if letters.0 {
            x += 2;
        }
        // A title wider than its box must not reach into its neighbours.
        let lines = slot.columns.iter().flat_map(|c| heads.lines[*c].iter().flatten());
        let widest = lines.map(|h| width(&h.1)).max().unwrap_or(0);
        let over = if mode.stacked { 0 } else { ((widest - slot.inner - 2 + 1) / 2).max(0) };
        if s == 0 {
            x += over;
        }
        frames.push(Frame { left: x, right: x + slot.inner + 1, letters });
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
    (frames, x)
}
