//! A scenario that has run, with everything a page may ask of it.

use super::picture::Painter;
use super::types::{Head, Scene};
use super::{scene, text, Viewer};
use crate::diagram::{layout, Model, Options};
use crate::explain::Cast;
use crate::machine::{run, Check, Machine};
use crate::scenario::{Problems, Scenario};
use crate::spec::Lang;
use alloc::{string::ToString, vec::Vec};

/// A column shows about so many ranges before it folds: what one screen holds.
const BUDGET: u16 = 14;

/// A scenario that has run.
#[derive(Clone, Debug)]
pub struct Player {
    scenario: Scenario,
    painter: Painter,
    checks: Vec<Check>,
    /// Its trace and memory, at any position.
    pub viewer: Viewer,
}

impl Player {
    /// Reads and runs a text.
    pub fn open(source: &str) -> Result<Self, Problems> {
        let run = run(source)?;
        let Machine { memory, trace, .. } = run.machine.clone();
        let cast = Cast {
            devices: run.machine.hw.devices.iter().map(|d| (d.requester, d.name.clone())).collect(),
            lines: source.lines().map(ToString::to_string).collect(),
        };
        let viewer = Viewer::new(trace, memory, cast);
        let painter = Painter::new(run.machine, &run.scenario, &viewer);
        Ok(Player { scenario: run.scenario, painter, checks: run.checks, viewer })
    }
    /// What the scenario says about itself.
    pub fn head(&self, lang: Lang) -> Head {
        text::head(&self.scenario, lang)
    }
    /// What it expected, and whether that held.
    pub fn checks(&self) -> &[Check] {
        &self.checks
    }
    /// The picture at a position.
    pub fn model(&mut self, position: usize) -> Model {
        self.painter.model(&mut self.viewer, position)
    }
    /// The picture at a position, laid out at most so many cells wide.
    pub fn scene(&mut self, position: usize, width: u16, lang: Lang) -> Scene {
        let model = self.model(position);
        let options = Options { width, lang, budget: BUDGET, ..Options::default() };
        scene::scene(&layout(&model, Some(self.painter.frame()), &options), lang)
    }
}
