//! A run on its way: in slices, with progress, so that a long one is seen to go on and can be stopped.

use crate::{lang, to_js, Session};
use iommu_core::budget::Limits;
use iommu_core::machine::run::Runner;
use iommu_core::view::{text, Player};
use std::cell::Cell;
use std::rc::Rc;
use wasm_bindgen::prelude::*;

/// Units of work between two looks at the clock: some milliseconds.
const LOOK: u64 = 250_000;
/// Progress is reported at most this often, in milliseconds.
const REPORT: f64 = 50.0;

/// A scenario that is being run.
#[wasm_bindgen]
pub struct Opening {
    runner: Runner,
    source: String,
    language: String,
}

#[wasm_bindgen]
impl Opening {
    /// Reads a scenario and builds its machine. What is wrong with it is thrown, as an array of `Trouble`. `beside`: the bytes of
    /// a run that is kept beside this one, which may take what is left of the limit.
    #[wasm_bindgen(constructor)]
    pub fn new(source: &str, language: &str, beside: f64) -> Result<Opening, JsValue> {
        let limits = Limits::HERE.beside(beside as u64);
        let runner = iommu_core::scenario::parse(source).and_then(|s| Runner::new(s, limits));
        let runner = runner.map_err(|p| to_js(&text::troubles(&p.0, lang(language))))?;
        Ok(Opening { runner, source: source.into(), language: language.into() })
    }

    /// Runs for about `milliseconds`, line by line. `progress(lines, of, steps)` is called now and then, within a long
    /// line too; when it answers `false` the run stops where it is. Returns whether the run is over.
    pub fn slice(&mut self, milliseconds: f64, progress: &js_sys::Function) -> Result<bool, JsValue> {
        let start = now();
        let reported = Rc::new(Cell::new(start));
        let report = {
            let (progress, reported) = (progress.clone(), reported.clone());
            move |lines: usize, of: usize, steps: usize| {
                let time = now();
                if time - reported.get() < REPORT {
                    return true;
                }
                reported.set(time);
                let answer = progress.call3(&JsValue::NULL, &lines.into(), &of.into(), &steps.into());
                answer.map_or(true, |answer| answer != JsValue::FALSE)
            }
        };
        let at = Rc::new(Cell::new(self.runner.progress()));
        // Has the time gone by within a line?
        let late = Rc::new(Cell::new(false));
        let within = {
            let (report, at, late) = (report.clone(), at.clone(), late.clone());
            move |_| {
                late.set(late.get() || now() - start >= milliseconds);
                report(at.get().lines, at.get().of, at.get().steps)
            }
        };
        self.runner.budget().watch(LOOK, Rc::new(within));
        let result = self.runner.advance(|here| {
            at.set(here);
            // Looking at the clock costs more than many a line does.
            !late.get() && (here.lines % 16 != 0 || now() - start < milliseconds)
        });
        self.runner.budget().unwatch();
        result.map_err(|p| to_js(&text::troubles(&p.0, lang(&self.language))))?;
        Ok(self.runner.is_over())
    }

    /// Ends the run where it is: what ran so far is kept.
    pub fn stop(&mut self) {
        self.runner.stop();
    }

    /// Returns what ran.
    pub fn finish(self) -> Session {
        Session::of(Player::of(self.runner.finish(), &self.source))
    }
}

impl Opening {
    /// Runs to the end without a stop, and returns what ran.
    pub(crate) fn whole(mut self) -> Result<Session, JsValue> {
        let result = self.runner.advance(|_| true);
        result.map_err(|p| to_js(&text::troubles(&p.0, lang(&self.language))))?;
        Ok(self.finish())
    }
}

/// Milliseconds on the clock of the worker or page that this runs in; always 0 where there is none.
fn now() -> f64 {
    let global = js_sys::global();
    let clock = match global.dyn_ref::<web_sys::WorkerGlobalScope>() {
        Some(worker) => worker.performance(),
        None => global.dyn_ref::<web_sys::Window>().and_then(web_sys::Window::performance),
    };
    clock.map_or(0.0, |clock| clock.now())
}
