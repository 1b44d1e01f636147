//! A scenario that has run, with everything a page may ask of it.

use super::frame::widen;
use super::stops::plan::Plan;
use super::types::{
    CheckChoice, CheckQuestion, Comparison, Course, Head, Parted, Question, Scene, Whereabouts,
};
use super::{compare, expected, export, predict, reach, scene, text, where_is, Viewer};
use crate::diagram::render::Theme;
use crate::diagram::{layout, Layout, Model, Options};
use crate::explain::check::Asked;
use crate::explain::logs::failing_step;
use crate::explain::Cast;
use crate::machine::{run, Check, Done, Record, Run};
use crate::picture::picture;
use crate::scenario::{presets, print, Problem, Problems, Scenario};
use crate::spec::{Lang, Phrase};
use alloc::{string::String, vec::Vec};

/// A column shows about this many ranges before it folds: what one screen holds.
const BUDGET: u16 = 14;
/// At most this many positions are looked at for the frame.
const FRAMES: usize = 48;

/// A scenario that has run.
#[derive(Clone, Debug)]
pub struct Player {
    scenario: Scenario,
    record: Record,
    frame: Model,
    /// The frame of this run and of the one beside it, while there is one: both are drawn in it.
    both: Option<Model>,
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
        let mut player = Player {
            record,
            frame: Model::default(),
            both: None,
            checks: run.checks,
            plan: Plan::of(&run.scenario, &run.done),
            scenario: run.scenario,
            done: run.done,
            stopped: run.stopped,
            viewer,
        };
        player.make_frame();
        player
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
        let mut both = self.frame.clone();
        widen(&mut both, &other.frame);
        (self.both, other.both) = (Some(both.clone()), Some(both));
        compare::compare(&self.viewer, &other.viewer)
    }
    /// This run by itself again.
    pub fn alone(&mut self) {
        self.both = None;
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
        let position = position.min(self.viewer.len());
        let Viewer { trace, cursor, .. } = &mut self.viewer;
        cursor.seek(trace, position);
        let mut model = picture(&self.record, trace, cursor, Phrase::default());
        if position <= self.start() as usize {
            // What only prepares is done; nothing has moved yet.
            (model.token, model.lit) = (None, Vec::new());
        }
        model
    }
    /// The frame: what is seen after any operation, or after enough of them when there are many.
    fn make_frame(&mut self) {
        let ends: Vec<usize> = super::course::ends(self.viewer.trace());
        let apart = ends.len().div_ceil(FRAMES).max(1);
        let mut frame = self.model(self.viewer.len());
        (frame.token, frame.lit) = (None, Vec::new());
        for end in ends.iter().step_by(apart) {
            let model = self.model(*end);
            widen(&mut frame, &model);
        }
        self.frame = frame;
    }
    /// The picture at a position, for elsewhere.
    pub fn draw(&mut self, position: usize, form: export::Form, theme: Theme, options: &Options) -> String {
        let mut model = self.model(position);
        model.title = export::title(&self.scenario);
        export::draw(&model, form, theme, options)
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
        let model = self.model(position);
        scene::scene(&self.laid_out(&model, width, focus, lang), lang)
    }
    fn laid_out(&self, model: &Model, width: u16, focus: Option<(String, u64, u64)>, lang: Lang) -> Layout {
        let options = Options { width, lang, focus, budget: BUDGET, tight: true, ..Options::default() };
        layout(model, Some(self.both.as_ref().unwrap_or(&self.frame)), &options)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagram::tests::{complete, no_overlap};
    use crate::scenario::presets::PRESETS;
    use crate::view::types::ScenePiece;

    /// What the page shows of every scenario, at every seventh stop, in windows of a phone to a wide screen.
    #[test]
    fn nothing_overlaps_or_is_lost_in_any_scenario_at_any_width() {
        for preset in PRESETS {
            let mut player = Player::open(preset.text).unwrap();
            let stops = player.viewer.stops();
            for (i, stop) in stops.iter().step_by(7).chain(stops.last()).enumerate() {
                let model = player.model(*stop as usize);
                for width in [36u16, 44, 60, 84, 116, 132] {
                    let lang = if (i + usize::from(width)) % 3 == 0 { Lang::Zh } else { Lang::En };
                    let layout = player.laid_out(&model, width, None, lang);
                    println!("{} at {stop}, {width}, {lang:?}", preset.name);
                    no_overlap(&layout, i32::from(width));
                    complete(&model, &layout);
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
            assert!(a.both.is_none());
        }
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
