//! Fills the places of a plan with what a step shows.

use super::chain::{write, Part};
use super::now::Now;
use super::plan::{Frame, Plan};
use super::*;
use crate::diagram::pieces::What;
use crate::diagram::text::{clean, width, wrap};
use crate::diagram::words;
use alloc::{borrow::Cow, collections::BTreeSet, format, vec::Vec};

/// A layout on its way.
struct Filler<'a> {
    plan: &'a Plan,
    now: &'a Now<'a>,
    layout: Layout,
    /// Where arrows end that are there now.
    ends: BTreeSet<Point>,
}

impl Plan {
    /// The picture of one step. What this plan does not have a place for is not in it: see [`Plan::covers`].
    pub fn draw(&mut self, model: &Model, lang: Lang) -> Layout {
        let now = Now::new(self, model, lang);
        let layout = Layout { width: self.width, height: self.height, ..Layout::default() };
        let there = self.ground.model.arrows.iter().zip(&now.arrows).filter(|(_, there)| there.is_some());
        let ends = there.flat_map(|(a, _)| [a.from.at, a.to.at]).collect();
        let mut filler = Filler { plan: self, now: &now, layout, ends };
        filler.title();
        filler.actors();
        filler.slots();
        filler.letters();
        filler.wires();
        filler.edges();
        filler.note();
        let mut layout = filler.layout;
        layout.token = self.token(&now);
        layout
    }
}

impl Filler<'_> {
    fn text(&mut self, x: i32, y: i32, text: String, role: Role, of: Of) {
        self.text_at(x, y, 4 * y + 2, text, role, of);
    }
    fn text_at(&mut self, x: i32, y: i32, middle: i32, text: String, role: Role, of: Of) {
        if !text.is_empty() {
            self.layout.texts.push(Label { x, y, middle, text, role, of });
        }
    }

    fn rule(&mut self, b: Frame, y: i32, tick: bool) {
        self.layout.rules.push(Rule { x: b.left, width: b.right - b.left + 1, y, tick });
    }

    fn title(&mut self) {
        self.layout.summary = clean(self.now.model.title.get(self.now.lang), 200);
        if self.plan.dy == 0 {
            return;
        }
        let title = clean(self.now.model.title.get(self.now.lang), 120);
        let max = i32::from(self.plan.ground.options.width);
        let lines = wrap(&title, max).into_iter().filter(|l| !l.is_empty());
        for (y, line) in (0..self.plan.dy - 1).zip(lines) {
            self.text(0, y, line, Role::Title, Of::All);
        }
    }

    fn actors(&mut self) {
        let lang = usize::from(self.now.lang == Lang::Zh);
        for (x, y, b) in &self.plan.actors {
            let actor = &self.plan.ground.model.actors[b.actor];
            let index = self.layout.actors.len();
            self.layout.actors.push(PlacedActor {
                key: actor.key.clone(),
                kind: actor.kind,
                x: *x,
                y: *y,
                width: b.width,
                height: b.height,
                touch: self.now.actors_lit.get(&b.actor).copied(),
                holds: if actor.kind == ActorKind::Fold { self.plan.folded() } else { Vec::new() },
            });
            let mut lines = Cow::Borrowed(&b.lines[lang]);
            if actor.kind == ActorKind::Fold {
                // Who of those inside acts, if one does.
                let inner = b.width - 4;
                let who = self.now.inside.map(|a| clean(crowd::who(a).get(self.now.lang), 60));
                let mut who = who.map_or(Vec::new(), |who| wrap(&who, inner)).into_iter();
                let lines = lines.to_mut();
                for (name, line) in lines.iter_mut() {
                    if !*name {
                        *line = who.next().unwrap_or_default();
                    }
                }
                lines.retain(|(_, line)| !line.is_empty());
            }
            // In the middle of the box, also where the other language needs more lines.
            let spare = b.height - 2 - lines.len() as i32;
            for (i, (name, line)) in (0..).zip(lines.iter()) {
                let x = x + (b.width - width(line)) / 2;
                let role = if *name { Role::Actor } else { Role::ActorLine };
                let row = y + 1 + spare / 2 + i;
                let middle = 4 * (y + 1 + i) + 2 + 2 * spare;
                self.text_at(x, row, middle, line.clone(), role, Of::Actor(index));
            }
        }
        self.layout.links = self.plan.links.clone();
    }

    /// Heads, borders and pieces of all slots.
    fn slots(&mut self) {
        let plan = self.plan;
        let (rows, tight) = (&plan.rows, plan.ground.options.tight);
        let lang = usize::from(self.now.lang == Lang::Zh);
        for (s, slot) in plan.slots.iter().enumerate() {
            let b = plan.frames[s];
            for (k, part) in slot.parts.iter().enumerate() {
                let (y, h) = (rows.row((s, k)) + plan.dy, rows.height((s, k)));
                match *part {
                    Part::Blank | Part::Tail(_) => {}
                    Part::Above(c) => self.above(b, c, y, h),
                    Part::Head(c) => {
                        // Just above the box, or with a row between where all heads are in one band.
                        let band = i32::from(!plan.mode.stacked && !tight && slot.columns[0] == c);
                        let lines = &plan.heads[c][lang];
                        let from = y + h - band - lines.len() as i32;
                        for (i, (role, line)) in (0..).zip(lines) {
                            let x = if plan.mode.stacked {
                                b.left
                            } else {
                                b.left + (slot.inner + 2 - width(line)).div_euclid(2)
                            };
                            self.text(x, from + i, line.clone(), *role, Of::All);
                        }
                    }
                    Part::Top(_) => self.rule(b, y, false),
                    Part::Piece(c, i) => self.piece(b, (s, k), (c, i), (y, h)),
                    Part::Line(c, _) if plan.ground.pieces[c].is_empty() => self.rule(b, y, false),
                    Part::Line(c, i) => {
                        // Below a piece without a border of its own, where that takes no row.
                        let next = || slot.is_slack(c, i + 1) && rows.height((s, k + 1)) == 0;
                        let tick = self.border(c, i).or_else(|| self.border(c, i + 1).filter(|_| next()));
                        if let Some(tick) = tick {
                            self.rule(b, y, tick);
                        }
                    }
                }
            }
        }
    }

    /// What a piece shows now: a region's index, `None` for nothing; folds have a number of their own.
    fn content(&self, c: usize, i: usize) -> Option<(u32, bool)> {
        let piece = self.plan.ground.pieces[c].get(i)?;
        match &piece.what {
            What::Region(r) => self.now.shown(c, *r, piece.first).map(|r| (r, false)),
            What::Gap => None,
            What::Fold(fold) => {
                if fold.regions.iter().any(|r| self.now.region(c, *r).is_some()) {
                    return Some((i as u32, true));
                }
                let first = fold.regions.first()?;
                self.now.shown(c, *first, piece.first).map(|r| (r, false))
            }
        }
    }

    /// The border below piece `i`: `None` where both sides show the same, `Some(true)` for a mere mark.
    fn border(&self, c: usize, i: usize) -> Option<bool> {
        let pieces = &self.plan.ground.pieces[c];
        if i + 1 >= pieces.len() || self.content(c, i) != self.content(c, i + 1) {
            return Some(false);
        }
        let here = Point { column: ColumnId(c as u16), address: pieces[i].first };
        self.ends.contains(&here).then_some(true)
    }

    /// Nothing above the first region: worth a box only where there is room for one.
    fn above(&mut self, b: Frame, c: usize, y: i32, h: i32) {
        let column = &self.plan.ground.model.columns[c];
        let top = self.plan.ground.pieces[c].first().and_then(|p| p.last.checked_add(1));
        let Some(first) = top.filter(|_| h >= 3) else { return };
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

    fn piece(&mut self, b: Frame, (s, k): (usize, usize), (c, i): (usize, usize), (y, h): (i32, i32)) {
        let (plan, now) = (self.plan, self.now);
        let (slot, rows) = (&plan.slots[s], &plan.rows);
        let piece = &plan.ground.pieces[c][i];
        let column = &plan.ground.model.columns[c];
        // Up to the middle of a border, or to the edge of a row where there is none.
        let is_line = |k: usize| matches!(slot.parts.get(k), Some(Part::Line(..) | Part::Top(_)));
        let slack = |i: usize| slot.is_slack(c, i);
        let start = if is_line(k.wrapping_sub(1)) {
            2 * (rows.row((s, k - 1)) + plan.dy) + 1
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
            2 * (rows.row((s, k + 1)) + plan.dy) + 1
        } else {
            2 * (y + h) - i32::from(border)
        };
        let touch_of = |r: &u32| now.touch(c, *r, piece.first, piece.last);
        let key = |r: &u32| now.region(c, *r).map(|r| r.key.clone());
        let mut touch = None;
        let content = match (&piece.what, self.content(c, i)) {
            (What::Fold(fold), Some((_, true))) => {
                touch = fold.regions.iter().filter_map(touch_of).max();
                Content::Fold { keys: fold.regions.iter().filter_map(key).collect(), kind: fold.kind }
            }
            (_, None) => Content::Gap,
            (_, Some((r, _))) => {
                touch = piece.also.iter().chain([&r]).filter_map(touch_of).max();
                let region = now.region(c, r).unwrap_or(&column.regions[r as usize]);
                Content::Region {
                    key: region.key.clone(),
                    kind: region.kind,
                    label: clean(region.label.get(now.lang), 60),
                    owner: clean(region.owner.get(now.lang), 60),
                    state: region.state,
                    whole: (region.first, region.last),
                    also: piece.also.iter().filter_map(key).collect(),
                }
            }
        };
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
        self.words((s, c, i), b, fold, (y, h), start + end);
    }

    /// What is written in a piece: in its middle, the address of a tall one where it starts.
    fn words(
        &mut self,
        (s, c, i): (usize, usize, usize),
        b: Frame,
        fold: bool,
        (y, h): (i32, i32),
        span: i32,
    ) {
        let plan = self.plan;
        let slot = &plan.slots[s];
        let (left, room) = (b.left + 1 + slot.pad, slot.inner - 2 * slot.pad);
        let at = slot.columns.iter().position(|x| *x == c).unwrap_or(0);
        let kept = slot.rooms[at][i];
        if kept.slack {
            return;
        }
        // An address below a fold's words, also where only the rows of others make room for it.
        let kept =
            if fold && !kept.dense { super::chain::Room { rows: kept.rows.max(h), ..kept } } else { kept };
        let written = write(&plan.ground, self.now, c, &plan.ground.pieces[c][i], kept, room);
        let of = Of::Piece(self.layout.pieces.len() - 1);
        if let Some(middle) = written.middle {
            let x = left + (room - width(&middle)) / 2;
            self.text_at(x, y + (h - 1) / 2, span, middle, Role::Gap, of);
        }
        let address = written.address.map(|a| (a, kept.dense));
        let lines = (written.name.len() + written.also.len()) as i32;
        let apart = address.as_ref().is_some_and(|a| !a.1);
        // All of it as one block in the middle; where there is much room the address keeps to the start of the range.
        let block = lines + i32::from(apart);
        let low = apart && h > block + 2;
        let block = if low { lines } else { block };
        let from = y + (h - block).max(0) / 2;
        let middle = |n: i32| span + 2 * (2 * n - (block - 1));
        let named = written.name.into_iter().map(|l| (l, if fold { Role::Fold } else { Role::Name }));
        let lines = named.chain(written.also.into_iter().map(|l| (l, Role::Also)));
        for (n, (line, role)) in (0..).zip(lines) {
            let centered = role == Role::Fold && !kept.dense && !apart;
            let x = if centered { left + (room - width(&line)) / 2 } else { left };
            self.text_at(x, from + n, middle(n), line, role, of);
        }
        if let Some((address, dense)) = address {
            let x = if dense { left + room - width(&address) } else { left };
            let n = if dense { 0 } else { block - 1 };
            let (row, middle) = if low { (y + h - 1, 4 * (y + h - 1) + 2) } else { (from + n, middle(n)) };
            self.text_at(x, row, middle, address, Role::Address, of);
        }
    }

    /// The letters of points, beside their boxes; of two in one place the first.
    fn letters(&mut self) {
        let mut taken: Vec<(i32, i32)> = Vec::new();
        for (at, &letter) in &self.now.letters {
            let Some(&(x, y)) = self.plan.letters.get(at) else { continue };
            if !taken.contains(&(x, y)) {
                taken.push((x, y));
                let letter = if letter.is_ascii_alphanumeric() { letter } else { '?' };
                self.text(x, y, String::from(letter), Role::Letter, Of::All);
            }
        }
    }

    /// Wires that are there, and words on the first of each kind in a gap.
    fn wires(&mut self) {
        let (plan, now) = (self.plan, self.now);
        let lang = usize::from(now.lang == Lang::Zh);
        let mut said = Vec::new();
        // Those that bend join others at their ends: in front of them, so that nothing is cut where they meet.
        let corners = |i: &usize| plan.ways.get(*i).and_then(|w| w.as_ref()).map_or(0, |w| w.points.len());
        let mut order: Vec<usize> = (0..plan.bundles.len()).collect();
        order.sort_by_key(corners);
        for i in order {
            let bundle = &plan.bundles[i];
            let there = bundle.arrows.iter().filter_map(|a| Some((*a, now.arrows[*a as usize]?)));
            let there: Vec<(u32, &Arrow)> = there.collect();
            let (Some(Some(way)), Some((_, first))) = (plan.ways.get(i), there.first()) else {
                continue;
            };
            let mut label = clean(first.label.get(now.lang), 60);
            if label.is_empty() {
                let [a, b] = words::arrow(first.kind);
                label = words::join(a.get(now.lang), b.get(now.lang));
            }
            let w = self.layout.wires.len();
            self.layout.wires.push(Wire {
                points: way.points.clone(),
                keys: there.iter().map(|a| a.1.key.clone()).collect(),
                kind: first.kind,
                state: there.iter().map(|a| a.1.state).max().unwrap_or_default(),
                perms: first.perms,
                label,
                touch: there.iter().filter_map(|a| now.arrows_lit.get(&a.0)).max().copied(),
                touching: way.touching,
            });
            let caption = plan.captions.get(i).and_then(Option::as_ref);
            if let Some(caption) = caption.filter(|c| !said.contains(&&c.same)) {
                said.push(&caption.same);
                // The picture is as tall in either language.
                for (_, y, _) in caption.lines.iter().flatten() {
                    self.layout.height = self.layout.height.max(y + 1);
                }
                for (x, y, line) in &caption.lines[lang] {
                    self.text(*x, *y, line.clone(), Role::Wire, Of::Wire(w));
                }
            }
        }
        let lost = plan.lost.iter().filter(|a| now.arrows[**a as usize].is_some());
        self.layout.left_out = lost.count();
    }

    /// How large all of it is: known once everything is there.
    fn edges(&mut self) {
        let l = &mut self.layout;
        let texts = l.texts.iter().map(|t| (t.x + width(&t.text), t.y + 1));
        let actors = l.actors.iter().map(|a| (a.x + a.width, a.y + a.height));
        let links = l.links.iter().flatten().map(|p| (p.0 + 1, p.1 + 1));
        for (x, y) in texts.chain(actors).chain(links) {
            (l.width, l.height) = (l.width.max(x), l.height.max(y));
        }
    }

    /// What there was no room for; its room is kept where there ever is such a thing.
    fn note(&mut self) {
        let plan = self.plan;
        let said = |lost: usize, lang: Lang| match lang {
            Lang::En if lost == 1 => "1 mapping is not drawn".into(),
            Lang::En => format!("{lost} mappings are not drawn"),
            Lang::Zh => format!("有 {lost} 个映射未画出"),
        };
        if plan.lost.is_empty() {
            return;
        }
        let max = i32::from(plan.ground.options.width);
        let rows = both(|lang| wrap(&said(plan.lost.len(), lang), max).len() as i32);
        let widest =
            |lang| wrap(&said(plan.lost.len(), lang), max).iter().map(|l| width(l)).max().unwrap_or(0);
        self.layout.width = self.layout.width.max(both(widest));
        // The plan's own height has them already, but while it is made.
        let from = if plan.streets.is_none() { self.layout.height + 1 } else { plan.height - rows };
        if self.layout.left_out > 0 {
            for (y, line) in (from..).zip(wrap(&said(self.layout.left_out, self.now.lang), max)) {
                self.text(0, y, line, Role::Note, Of::All);
            }
        }
        self.layout.height = self.layout.height.max(from + rows);
    }
}
