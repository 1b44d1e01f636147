//! A scenario that has run, with everything a page may ask of it.

use super::stops::plan::Plan;
use super::types::{
    CheckChoice, CheckQuestion, Comparison, Course, Head, Parted, Question, Scene, Whereabouts,
};
use super::{compare, expected, export, predict, reach, scene, text, where_is, Viewer};
use crate::diagram::model::Fate;
use crate::diagram::render::Theme;
use crate::diagram::union::MET;
use crate::diagram::{Layout, Model, Options, Plan as Places};
use crate::explain::check::Asked;
use crate::explain::ending::Kind;
use crate::explain::logs::failing_step;
use crate::explain::Cast;
use crate::machine::{run, Check, Done, Record, Run};
use crate::picture::counted;
use crate::scenario::{presets, print, Problem, Problems, Scenario};
use crate::spec::{Lang, Phrase};
use crate::trace::{CacheOp, Event, Scope};
use alloc::{string::String, vec::Vec};

/// A column shows about this many ranges before it folds, and a picture has about this many rows: what one screen holds.
const BUDGET: u16 = 24;
const ROWS: u16 = 31;
/// What a low window holds: an embed, a phone.
const FEW_ROWS: u16 = 23;
/// Cells across on a desk, for what leaves the page too.
pub(super) const DESK: u16 = 183;
/// At most this many positions are looked at for what a run ever shows; what they miss widens it when it is met.
const LOOKS: usize = 256;
/// And about this many ranges and arrows in all of them together; a page of a table takes as long as some of these.
const LOOKED: usize = 200_000;
const TABLE: usize = 8;
/// Of many interrupts so many are looked at.
const FEW_INTERRUPTS: usize = 8;
/// At most this many sets of places are kept: of two widths or columns looked at closer, and of an export.
const PLANS: usize = 3;

/// A scenario that has run.
#[derive(Clone, Debug)]
pub struct Player {
    scenario: Scenario,
    record: Record,
    /// Everything that any picture of the run has, or, while another run is beside it, of both; once one is drawn.
    all: Option<Model>,
    /// What it has by itself, while another run is beside it.
    alone: Option<Model>,
    /// Places for it, by how they were asked for.
    plans: Vec<(Options, Places)>,
    checks: Vec<Check>,
    pub(super) done: Vec<Done>,
    pub(super) plan: Plan,
    stopped: Option<Problem>,
    /// Its trace and memory, at any position.
    pub viewer: Viewer,
}

impl Player {
    /// Reads and runs a text.
    pub fn open(source: &str) -> Result<Self, Problems> {
        Ok(Self::of(run(source)?, source))
    }
    /// Shows a run of the text `source`.
    pub fn of(run: Run, source: &str) -> Self {
        let cast = Cast::of_run(&run, source);
        // The machine ends here: what is left of it is the trace, the memory and the record.
        let mut machine = run.machine;
        let (trace, memories) = (core::mem::take(&mut machine.trace), machine.take_memories());
        let record = Record::of(&machine);
        let viewer = Viewer::new(trace, memories, cast);
        Player {
            record,
            all: None,
            alone: None,
            plans: Vec::new(),
            checks: run.checks,
            plan: Plan::of(&run.scenario, &run.done),
            scenario: run.scenario,
            done: run.done,
            stopped: run.stopped,
            viewer,
        }
    }
    /// What the scenario says about itself.
    pub fn head(&self, lang: Lang) -> Head {
        text::head(&self.scenario, lang)
    }
    /// What it expected, and whether that held.
    pub fn checks(&self) -> &[Check] {
        &self.checks
    }
    /// What does not change with the position.
    pub fn course(&self, lang: Lang) -> Course {
        let checks = expected::expected(&self.checks, &self.done, &self.viewer.cast().lines, lang);
        let mut course = self.viewer.course(lang);
        reach::tell(self.viewer.trace(), self.record.at(self.viewer.len()), &mut course.lanes);
        let (ideas, operations) = (self.ideas(lang), self.operations(lang));
        let stopped = text::troubles(self.stopped.as_slice(), lang).pop();
        let refused = failing_step(&self.done, self.viewer.trace()).map(|at| at as u32);
        Course { start: self.start(), ideas, operations, checks, refused, stopped, ..course }
    }
    /// This run beside another one: from now on both are drawn with all that either has, each thing at one place.
    pub fn compare(&mut self, other: &mut Player) -> Comparison {
        self.alone();
        other.alone();
        let mut both = self.whole().clone();
        both.widen(other.whole());
        for player in [&mut *self, &mut *other] {
            player.plans.clear();
            player.alone = player.all.replace(both.clone());
        }
        compare::compare(&self.viewer, &other.viewer)
    }
    /// This run by itself again.
    pub fn alone(&mut self) {
        if let Some(alone) = self.alone.take() {
            self.plans.clear();
            self.all = Some(alone);
        }
    }
    /// What this run and another came to, where they part.
    pub fn parted(&self, other: &Player, lang: Lang) -> Parted {
        let changed = self.head(lang).changed.is_some_and(|text| text == print(&other.scenario));
        compare::parted(&self.viewer, &other.viewer, changed, lang)
    }
    /// The question at the end of a scenario of the reader's path.
    pub fn check(&self, name: &str, lang: Lang) -> Option<CheckQuestion> {
        let (trace, cast) = (self.viewer.trace(), self.viewer.cast());
        let cursor = || self.viewer.cursor.clone();
        let asked = Asked { record: &self.record, cursor: &cursor, trace, cast, done: &self.done };
        let check = asked.check(presets::checks::check(name)?)?;
        let choices = check.choices.iter().map(|choice| CheckChoice {
            text: choice.text.get(lang).into(),
            right: choice.right,
            reason: choice.reason.get(lang).into(),
        });
        Some(CheckQuestion { text: check.text.get(lang).into(), choices: choices.collect() })
    }
    /// The question about the step that ends at a position, before it is done.
    pub fn question(&self, position: usize, lang: Lang) -> Option<Question> {
        predict::question(self.viewer.trace(), position, lang)
    }
    /// The picture at a position.
    pub fn model(&mut self, position: usize) -> Model {
        self.look(position).0
    }
    /// The picture at a position, and what it cost to make: things in it, and about as many looks at entries of tables.
    fn look(&mut self, position: usize) -> (Model, usize) {
        let position = position.min(self.viewer.len());
        let Viewer { trace, cursor, .. } = &mut self.viewer;
        cursor.seek(trace, position);
        let (mut model, tables) = counted(&self.record, trace, cursor, Phrase::default());
        if position <= self.start() as usize {
            // What only prepares is done; nothing has moved yet.
            (model.token, model.lit) = (None, Vec::new());
        }
        model.mark_acting();
        // Whether it was meant to be there is known when its operation is over.
        if let Some(token) = &mut model.token {
            let over = self.viewer.cast().ending(token.until.saturating_sub(1));
            let over = over.filter(|ending| ending.steps.end == token.until).map(|ending| ending.kind);
            // Also where bytes are overwritten at once, and where nobody answers: that is no refusal.
            if matches!(
                (over, token.fate),
                (Some(Kind::Wrong), Fate::Arrived) | (Some(Kind::Lost), Fate::Arrived | Fate::Dead)
            ) {
                token.fate = Fate::Wrong;
            }
        }
        let things = model.arrows.len() + model.columns.iter().map(|c| c.regions.len()).sum::<usize>();
        (model, things + tables * TABLE)
    }
    /// Where operations end in which a device or the CPU reaches for an address.
    fn moves(&self) -> Vec<usize> {
        let trace = self.viewer.trace();
        let sets_out =
            |event: &Event| matches!(event, Event::Begin(Scope::Transfer { .. } | Scope::CpuAccess { .. }));
        let ends = super::course::ends(trace);
        let mut moves: Vec<usize> = (trace.steps().iter().enumerate())
            .filter(|(_, step)| sets_out(&step.event))
            .filter_map(|(i, _)| ends.get(ends.partition_point(|end| *end <= i)).copied())
            .collect();
        moves.dedup();
        moves
    }
    /// Looks through the run for everything that it ever shows: after each operation, and where tables or caches have
    /// changed within one; at some of these where they are many.
    fn look_through(&mut self) -> Model {
        let mut looks: Vec<usize> = super::course::ends(self.viewer.trace());
        let changes = |event: &Event| match event {
            Event::Cache { op, .. } => !matches!(op, CacheOp::Hit | CacheOp::Miss),
            Event::Write { .. } | Event::WriteRun { .. } | Event::Interrupt { .. } | Event::End(_) => true,
            _ => false,
        };
        let start = self.start() as usize;
        let inner: Vec<usize> = (self.viewer.trace().steps().iter().enumerate())
            .filter(|(i, step)| *i >= start && changes(&step.event))
            .map(|(i, _)| i + 1)
            .collect();
        if looks.len() + inner.len() <= LOOKS {
            looks.extend(inner);
            looks.sort_unstable();
            looks.dedup();
        }
        let (mut all, size) = self.look(self.viewer.len());
        all.met = all.meets();
        (all.token, all.lit) = (None, Vec::new());
        // Fewer where each is of thousands of buffers, or of large tables.
        let apart = looks.len().div_ceil((LOOKED / size.max(1)).clamp(1, LOOKS)).max(1);
        // But among thousands of lines those where something moves are not missed, as long as they are few.
        let moves = self.moves();
        // Nor are interrupts, on the way of which the CPU is.
        let told = self.viewer.trace().steps().iter().enumerate();
        let told = told.filter(|(_, step)| matches!(step.event, Event::Interrupt { .. }));
        let told: Vec<usize> = told.map(|(i, _)| i + 1).take(FEW_INTERRUPTS).collect();
        let moves = moves.iter().take(if apart > 1 { MET } else { 0 });
        let moves = moves.chain(&told);
        for look in moves.chain(looks.iter().step_by(apart)) {
            let model = self.model(*look);
            all.widen(&model);
        }
        all.title = export::title(&self.scenario);
        all
    }
    /// Everything that any picture of the run has.
    fn whole(&mut self) -> &mut Model {
        let known = self.all.take();
        let all = known.unwrap_or_else(|| self.look_through());
        self.all.insert(all)
    }
    /// A picture in the places of its run.
    pub(super) fn lay_out(&mut self, model: &Model, options: &Options) -> Layout {
        // The language has no part in the places.
        let asked = Options { lang: Lang::En, ..options.clone() };
        let known = self.plans.iter().position(|(o, plan)| *o == asked && plan.covers(model));
        let mut entry = match known {
            Some(at) => self.plans.remove(at),
            None => {
                if self.whole().widen(model) {
                    self.plans.clear();
                }
                self.plans.truncate(PLANS - 1);
                (asked.clone(), Places::new(self.whole().clone(), &asked))
            }
        };
        let layout = entry.1.draw(model, options.lang);
        self.plans.insert(0, entry);
        layout
    }
    /// The picture at a position, for elsewhere.
    pub fn draw(&mut self, position: usize, form: export::Form, theme: Theme, options: &Options) -> String {
        let mut model = self.model(position);
        model.title = export::title(&self.scenario);
        let layout = self.lay_out(&model, options);
        export::draw(&layout, form, theme, options.lang)
    }
    /// What an address is at a position, whosever it may be, and who can reach its byte.
    pub fn where_is(&mut self, position: usize, what: &str, lang: Lang) -> Vec<Whereabouts> {
        let Viewer { trace, cursor, .. } = &mut self.viewer;
        cursor.seek(trace, position.min(trace.len()));
        where_is::whereabouts(&self.record, trace, cursor, what, None, lang)
    }
    /// What an address of a column of the picture is at a position, and who can reach its byte.
    pub fn names(&mut self, position: usize, column: &str, at: u64, lang: Lang) -> Option<Whereabouts> {
        let position = position.min(self.viewer.len());
        let of = where_is::of_column(self.record.at(position), column)?;
        let Viewer { trace, cursor, .. } = &mut self.viewer;
        cursor.seek(trace, position);
        Some(where_is::names(&self.record, trace, cursor, of, at, lang))
    }
    /// The trace as JSON.
    pub fn trace_json(&self, lang: Lang) -> String {
        export::trace_json(self.viewer.trace(), &self.checks, self.viewer.cast(), lang)
    }
    /// The picture at a position, laid out at most `width` cells wide. In `focus` (a column's key, first and last
    /// address) more is seen, elsewhere in that column less.
    pub fn scene(
        &mut self,
        position: usize,
        width: u16,
        focus: Option<(String, u64, u64)>,
        lang: Lang,
    ) -> Scene {
        self.scene_in(position, (width, false), focus, lang)
    }
    /// The same for a window that is so wide, and low or not.
    pub fn scene_in(
        &mut self,
        position: usize,
        (width, low): (u16, bool),
        focus: Option<(String, u64, u64)>,
        lang: Lang,
    ) -> Scene {
        let model = self.model(position);
        let options = Options { lang, focus, ..Player::on_screen(width) };
        let options = if low { Options { low, rows: FEW_ROWS, ..options } } else { options };
        scene::scene(&self.lay_out(&model, &options), lang)
    }
    /// How the page draws on a desk: so is drawn what leaves it as a picture.
    pub fn as_on_the_page(lang: Lang) -> Options {
        Options { lang, ..Player::on_screen(DESK) }
    }
    /// How the page draws: with somewhat smaller letters rather than with another order of the machine, but on a phone.
    fn on_screen(width: u16) -> Options {
        let most = if width < 100 { width } else { width + width / 9 };
        Options { width, most, budget: BUDGET, tight: true, rows: ROWS, ..Options::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagram::layout::Content;
    use crate::diagram::tests::{complete, no_overlap};
    use crate::scenario::presets::PRESETS;
    use crate::view::types::ScenePiece;
    use alloc::collections::BTreeMap;
    use alloc::format;

    /// What the page shows of every scenario, at every seventh stop, in windows of a phone to a wide screen.
    #[test]
    fn nothing_overlaps_or_is_lost_in_any_scenario_at_any_width() {
        for preset in PRESETS {
            let mut player = Player::open(preset.text).unwrap();
            let stops = player.viewer.stops();
            // A width at a time: places are made once for it.
            for width in [36u16, 60, 104, 116, 132, 200] {
                for (i, stop) in stops.iter().step_by(stops.len() / 40 + 7).chain(stops.last()).enumerate() {
                    let model = player.model(*stop as usize);
                    let lang = if (i + usize::from(width)) % 3 == 0 { Lang::Zh } else { Lang::En };
                    let options = Options { lang, ..Player::on_screen(width) };
                    let layout = player.lay_out(&model, &options);
                    println!("{} at {stop}, {width}, {lang:?}", preset.name);
                    no_overlap(&layout, i32::from(options.most));
                    complete(&model, &layout);
                    if width < 130 {
                        let low = Options { low: true, rows: FEW_ROWS, ..options };
                        no_overlap(&player.lay_out(&model, &low), i32::from(low.most));
                    }
                }
            }
        }
    }

    /// Both pictures of a comparison are of one size, with what both have at the same place across; down a column it may move
    /// only where the change moves a range of addresses.
    #[test]
    fn two_runs_are_drawn_in_one_layout() {
        // Where a change moves a window (bus-offset), a column may become higher.
        for preset in PRESETS.iter().take_while(|p| p.name != "bus-offset") {
            let mut a = Player::open(preset.text).unwrap();
            let Some(changed) = a.head(Lang::En).changed else { continue };
            let mut b = Player::open(&changed).unwrap();
            a.compare(&mut b);
            let (mut both, mut moved) = (0, 0);
            for width in [36, 66, 116] {
                let scene = |p: &mut Player| {
                    let end = p.viewer.len();
                    p.scene(end, width, None, Lang::En)
                };
                let (left, right) = (scene(&mut a), scene(&mut b));
                assert_eq!((left.width, left.height), (right.width, right.height), "{}", preset.name);
                for one in &left.pieces {
                    let same = |two: &&ScenePiece| {
                        (&one.column, &one.kind, one.first, one.last)
                            == (&two.column, &two.kind, two.first, two.last)
                    };
                    let Some(two) = right.pieces.iter().find(same) else { continue };
                    assert_eq!((one.x, one.width), (two.x, two.width), "{}, {width}: {one:?}", preset.name);
                    both += 1;
                    moved += usize::from(one.top != two.top);
                }
            }
            assert!(moved * 3 <= both, "{}: {moved} of {both} moved", preset.name);
            a.alone();
            assert!(a.alone.is_none());
        }
    }

    /// Left, top, width and height of each thing.
    type Spots = BTreeMap<String, (i32, i32, i32, i32)>;

    /// Everything that has a place, with its place: boxes by what they are, and how large the picture is.
    fn places(layout: &Layout) -> (i32, i32, Spots) {
        let mut places = BTreeMap::new();
        for p in &layout.pieces {
            // A range is in as many pieces as what lies in front of it leaves of it: each edge is a place.
            if let Content::Region { .. } | Content::Fold { .. } = p.content {
                places.insert(format!("{} ends {:x}", p.column, p.last), (p.x, p.top, p.width, 0));
                places.insert(format!("{} starts {:x}", p.column, p.first), (p.x, p.bottom, p.width, 0));
            }
        }
        for a in &layout.actors {
            places.insert(format!("actor {}", a.key), (a.x, a.y, a.width, a.height));
        }
        (layout.width, layout.height, places)
    }

    #[test]
    fn while_a_run_is_stepped_nothing_moves_and_chinese_stands_where_english_does() {
        for preset in PRESETS {
            let mut player = Player::open(preset.text).unwrap();
            // What prepares the machine is not stepped through.
            let start = player.start();
            let stops: Vec<u32> = player.viewer.stops().into_iter().filter(|stop| *stop >= start).collect();
            // Of the longest runs some are left out: they repeat themselves. A desk, beside the inspector, a phone; and low.
            for (width, low, looks) in
                [(132, false, 300), (92, false, 40), (44, false, 40), (119, true, 40), (52, true, 40)]
            {
                let mut seen = Spots::new();
                let mut size = None;
                for stop in stops.iter().step_by(stops.len() / looks + 1) {
                    let model = player.model(*stop as usize);
                    let draw = |player: &mut Player, lang| {
                        let options = Options { lang, ..Player::on_screen(width) };
                        let rows = if low { FEW_ROWS } else { ROWS };
                        player.lay_out(&model, &Options { low, rows, ..options })
                    };
                    let (across, down, now) = places(&draw(&mut player, Lang::En));
                    let chinese = places(&draw(&mut player, Lang::Zh));
                    assert_eq!(chinese, (across, down, now.clone()), "{} at {stop}, {width}", preset.name);
                    let first = *size.get_or_insert((across, down));
                    assert_eq!(first, (across, down), "{} at {stop}, {width}", preset.name);
                    for (key, place) in now {
                        let before = *seen.entry(key.clone()).or_insert(place);
                        assert_eq!(before, place, "{}: {key} moved at {stop}, {width}", preset.name);
                    }
                }
            }
        }
    }

    /// In a document's column (118 cells) three address spaces below each other are as low as one elsewhere: ranges that nothing
    /// goes to are not drawn, but everything that is met is.
    #[test]
    fn in_a_low_window_several_spaces_below_each_other_share_its_rows() {
        let preset = PRESETS.iter().find(|p| p.name == "stream-id").unwrap();
        let mut player = Player::open(preset.text).unwrap();
        let end = player.viewer.len();
        for lang in [Lang::En, Lang::Zh] {
            let low = player.scene_in(end, (118, true), None, lang);
            assert!(low.height <= 23, "{}", low.height);
            let mapped = low.pieces.iter().filter(|p| p.first.0 == 0xffff_f000).count();
            assert_eq!(mapped, 3);
        }
        let desk = player.scene(end, 132, None, Lang::En);
        assert!(desk.pieces.iter().any(|p| p.kind == "msi"));
    }

    /// Beside the inspector in a window of 1280 pixels there are 116 cells.
    #[test]
    fn beside_the_inspector_the_machine_stands_in_the_order_that_it_has_without() {
        for preset in PRESETS {
            let mut player = Player::open(preset.text).unwrap();
            let model = player.model(player.viewer.len());
            let mut order = |width| {
                let layout = player.lay_out(&model, &Player::on_screen(width));
                let mut all: Vec<(i32, String)> =
                    layout.actors.iter().map(|a| (2 * a.x + a.width, a.key.clone())).collect();
                all.sort();
                // Those below each other have one middle.
                let columns: Vec<Vec<String>> = all
                    .chunk_by(|a, b| a.0 == b.0)
                    .map(|same| same.iter().map(|(_, key)| key.clone()).collect())
                    .collect();
                let columns_of =
                    layout.pieces.iter().map(|p| (p.column.clone(), p.x)).collect::<BTreeMap<_, _>>();
                let mut spaces: Vec<(i32, String)> =
                    columns_of.into_iter().map(|(key, x)| (x, key)).collect();
                spaces.sort();
                (columns, spaces.into_iter().map(|(_, key)| key).collect::<Vec<_>>())
            };
            assert_eq!(order(116), order(200), "{}", preset.name);
        }
    }

    /// Whom the token's way begins at, and whom or what it ends at, as drawn.
    fn ends_of_way(layout: &Layout) -> Option<[String; 2]> {
        let token = layout.token.as_ref()?;
        let who = |(x, y): (i32, i32)| {
            let inside = |a: &&crate::diagram::layout::PlacedActor| {
                (a.x..a.x + a.width).contains(&x) && (a.y..a.y + a.height).contains(&y)
            };
            layout.actors.iter().find(inside).map_or("a place".into(), |a| a.key.clone())
        };
        Some([who(*token.path.first()?), who(token.at)])
    }

    /// Whoever sent a packet or began an access stands at the beginning of its way, however many places it came by.
    #[test]
    fn the_whole_way_of_an_operation_is_drawn_from_who_began_it() {
        let begins = |event: &Event| {
            matches!(
                event,
                Event::Packet { .. } | Event::Begin(Scope::Transfer { .. } | Scope::CpuAccess { .. })
            )
        };
        let mut ways = 0;
        for preset in PRESETS {
            let mut player = Player::open(preset.text).unwrap();
            let mut from = player.start() as usize;
            for at in super::super::course::ends(player.viewer.trace()) {
                let moves =
                    player.viewer.trace().steps().range(from.min(at)..at).iter().any(|s| begins(&s.event));
                from = from.max(at);
                if !moves {
                    continue;
                }
                let model = player.model(at);
                let layout = player.lay_out(&model, &Player::on_screen(132));
                let [who, _] = ends_of_way(&layout).expect(preset.name);
                let known =
                    who == "cpu" || who.starts_with("dev:") || who == crate::diagram::layout::crowd::FOLD;
                assert!(known, "{} at {at}: from {who}", preset.name);
                ways += 1;
            }
        }
        assert!(ways > 150, "{ways}");
    }

    #[test]
    fn what_the_cpu_reads_comes_back_to_it_and_what_it_writes_stays() {
        let ends = |name: &str| {
            let preset = PRESETS.iter().find(|p| p.name == name).unwrap();
            let mut player = Player::open(preset.text).unwrap();
            let ends = super::super::course::ends(player.viewer.trace());
            let of = |at: usize| {
                let model = player.model(at);
                ends_of_way(&player.lay_out(&model, &Player::on_screen(132))).unwrap()
            };
            let start = ends.iter().rev().take(3).rev().copied().map(of);
            start.map(|[from, to]| format!("{from} to {to}")).collect::<Vec<_>>()
        };
        let [write, read] = ["cpu to dev:nic", "cpu to cpu"];
        assert_eq!(ends("mmio"), [read, write, read], "of configuration space, then of a register");
        assert_eq!(ends("io-ports"), [write, "cpu to a place", read]);
    }

    /// Forty devices, a thousand buffers, the longest name there may be: folded, nothing over anything, and in a time that
    /// does not grow with the square of it (counted by what the picture has, not by a clock).
    #[test]
    fn a_crowd_folds() {
        let mut text =
            format!("iommu-playground 1\ntitle \"{}\"\nmachine vt-d\nram 0 .. 1G\n", "long ".repeat(40));
        for i in 0..40 {
            text += &format!(
                "device {}{i} {:02x}:{:02x}.0\n",
                "d".repeat(if i == 7 { 38 } else { 1 }),
                i / 20,
                4 + i % 20
            );
        }
        text += &format!("steps\nalloc {} 4K\n", "n".repeat(40));
        for i in 0..1000 {
            text += &format!("alloc b{i} 4K\n");
        }
        text += "rx = dma_map_single d0 b7 from-device\ndma d0 write rx +64\n";
        let mut player = Player::open(&text).unwrap();
        let end = player.viewer.len();
        for width in [36u16, 60, 132] {
            for at in [end / 2, end] {
                let model = player.model(at);
                let layout = player.lay_out(&model, &Player::on_screen(width));
                no_overlap(&layout, i32::from(width));
                complete(&model, &layout);
                let pieces = layout.pieces.len();
                assert!(pieces < 400, "{width} at {at}: {pieces} pieces");
            }
        }
    }

    /// A thousand buffers, with lines after that.
    fn thousand(after: &str) -> Player {
        let mut text =
            String::from("iommu-playground 1\nmachine vt-d\nram 0 .. 1G\ndevice nic 00:03.0\nsteps\n");
        for i in 0..1000 {
            text += &format!("alloc b{i} 4K\n");
        }
        Player::open(&(text + after)).unwrap()
    }

    #[test]
    fn of_a_thousand_buffers_the_one_that_is_hit_is_drawn_in_its_place() {
        let mut player = thousand("rx = dma_map_single nic b507 from-device\ndma nic write rx +64\n");
        let end = player.viewer.len();
        for width in [36u16, 60, 132] {
            let mut spot = None;
            for at in [end - 30, end - 3, end] {
                let model = player.model(at);
                let layout = player.lay_out(&model, &Player::on_screen(width));
                no_overlap(&layout, i32::from(width));
                complete(&model, &layout);
                let hit = layout.pieces.iter().find(|p| {
                    matches!(&p.content, Content::Region { label, .. } if p.column == "pa" && label == "b507")
                });
                let hit = hit.unwrap_or_else(|| panic!("{width} at {at}: folded away"));
                assert_eq!(*spot.get_or_insert((hit.x, hit.top, hit.bottom)), (hit.x, hit.top, hit.bottom));
                assert_eq!(hit.last - hit.first, 0xfff);
                assert!(layout.pieces.iter().any(|p| matches!(p.content, Content::Fold { .. })));
                if at == end {
                    let token = layout.token.unwrap().at.1;
                    assert!((hit.top..=hit.bottom).contains(&(2 * token + 1)), "{token} in {hit:?}");
                }
            }
        }
    }

    #[test]
    fn where_too_many_are_hit_to_be_drawn_the_fold_names_the_one_at_hand() {
        let mut after = String::new();
        for i in 0..60 {
            after += &format!("r{i} = dma_map_single nic b{} from-device\ndma nic write r{i} +64\n", 16 * i);
        }
        let mut player = thousand(&after);
        let ends = super::super::course::ends(player.viewer.trace());
        for (n, at) in ends.iter().rev().take(120).rev().skip(1).step_by(2).enumerate() {
            for lang in [Lang::En, Lang::Zh] {
                let model = player.model(*at);
                let layout = player.lay_out(&model, &Options { lang, ..Player::on_screen(132) });
                let named = format!("b{}", 16 * n);
                let said = |text: &str| text.split(|c: char| !c.is_ascii_alphanumeric()).any(|w| w == named);
                assert!(layout.texts.iter().any(|t| said(&t.text)), "{named} at {at}, {lang:?}");
            }
        }
    }

    /// A letter names the very byte at which the mark stands: it is read beside it.
    #[test]
    fn a_mark_does_not_lie_on_a_letter() {
        use crate::diagram::layout::Role;
        let mut beside = 0;
        for preset in PRESETS {
            let mut player = Player::open(preset.text).unwrap();
            for at in super::super::course::ends(player.viewer.trace()) {
                let model = player.model(at);
                let layout = player.lay_out(&model, &Player::on_screen(132));
                let Some(token) = &layout.token else { continue };
                for letter in layout.texts.iter().filter(|t| t.role == Role::Letter && t.y == token.at.1) {
                    let apart = (letter.x - token.at.0).abs();
                    assert!(apart >= 2, "{} at {at}: {} and {:?}", preset.name, letter.text, token.at);
                    beside += usize::from(apart <= 2);
                }
            }
        }
        assert!(beside > 0, "no mark came near a letter");
    }

    #[test]
    fn a_run_begins_with_a_picture_at_rest() {
        for preset in PRESETS {
            let mut player = Player::open(preset.text).unwrap();
            let start = player.course(Lang::En).start as usize;
            let model = player.model(start);
            assert!(model.token.is_none() && model.lit.is_empty(), "{}", preset.name);
        }
    }
}
