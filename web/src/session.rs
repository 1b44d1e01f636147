//! A scenario that has run, and what the page may ask about it.

use crate::{lang, to_js, Opening};
use iommu_core::addr::RequesterId;
use iommu_core::diagram::{render::Theme, Options};
use iommu_core::view::export::Form;
use iommu_core::view::memory::Shape;
use iommu_core::view::types::Depth;
use iommu_core::view::Player;
use wasm_bindgen::prelude::*;

/// A scenario that has run.
#[wasm_bindgen]
pub struct Session {
    player: Player,
}

impl Session {
    pub(crate) fn of(player: Player) -> Self {
        Session { player }
    }
}

#[wasm_bindgen]
impl Session {
    /// Runs a scenario. What is wrong with it is thrown, as an array of `Trouble`.
    #[wasm_bindgen(constructor)]
    pub fn new(source: &str, language: &str) -> Result<Session, JsValue> {
        Opening::new(source, language, 0.0)?.whole()
    }
    /// The last position.
    pub fn len(&self) -> usize {
        self.player.viewer.len()
    }
    /// The bytes that it takes, as its budget counts them.
    pub fn bytes(&self) -> f64 {
        self.player.viewer.trace().budget().bytes() as f64
    }
    /// Is there no step?
    pub fn is_empty(&self) -> bool {
        self.player.viewer.is_empty()
    }
    /// What the scenario says about itself.
    #[wasm_bindgen(unchecked_return_type = "import('iommu-view').Head")]
    pub fn head(&self, language: &str) -> JsValue {
        to_js(&self.player.head(lang(language)))
    }
    /// What does not change with the position.
    #[wasm_bindgen(unchecked_return_type = "import('iommu-view').Course")]
    pub fn course(&self, language: &str) -> JsValue {
        to_js(&self.player.course(lang(language)))
    }
    /// The positions of who is shown reads, from the first idea on: walks and repeats are one each.
    pub fn reads(&self) -> Vec<u32> {
        self.player.reads()
    }
    /// The stops inside a stop (`depth` is `idea`, `operation` or `read`).
    #[wasm_bindgen(unchecked_return_type = "import('iommu-view').Stop[]")]
    pub fn inside(&self, depth: &str, from: u32, to: u32, language: &str) -> JsValue {
        let depth = Depth::named(depth).unwrap_or_default();
        to_js(&self.player.inside(depth, from, to, lang(language)))
    }
    /// The positions of every single step that is worth a stop.
    pub fn stops(&self) -> Vec<u32> {
        self.player.viewer.stops()
    }
    /// What the page shows at a position.
    #[wasm_bindgen(unchecked_return_type = "import('iommu-view').View")]
    pub fn view(&mut self, position: usize, language: &str) -> JsValue {
        to_js(&self.player.viewer.view(position, lang(language)))
    }
    /// 256 bytes of memory at a position, so many in a row: of physical memory, or of the own memory of the device with
    /// the requester id `of`. From the address (hexadecimal text) on, or `around` it; without one around what was touched
    /// last, whosever it is.
    #[wasm_bindgen(unchecked_return_type = "import('iommu-view').Dump")]
    pub fn dump(
        &mut self,
        position: usize,
        of: Option<u32>,
        at: &str,
        around: bool,
        across: u8,
        language: &str,
    ) -> JsValue {
        let shape = Shape { rows: 256 / u32::from(across.max(8)), across };
        let (of, lang) = (of.map(RequesterId::new), lang(language));
        let viewer = &mut self.player.viewer;
        to_js(&match hex(at) {
            Some(at) if around => viewer.dump_around(position, of, at, shape, lang),
            Some(at) => viewer.dump(position, of, at, shape, lang),
            None => viewer.dump_touched(position, shape, lang),
        })
    }
    /// The picture at a position, at most so many cells wide, for a window that is low or not; with more of a column (by its key) seen between two
    /// addresses, which are hexadecimal text.
    // What JavaScript passes is flat.
    #[allow(clippy::too_many_arguments)]
    #[wasm_bindgen(unchecked_return_type = "import('iommu-view').Scene")]
    pub fn scene(
        &mut self,
        position: usize,
        width: u16,
        low: bool,
        column: Option<String>,
        first: &str,
        last: &str,
        language: &str,
    ) -> JsValue {
        let focus = column.and_then(|column| Some((column, hex(first)?, hex(last)?)));
        to_js(&self.player.scene_in(position, (width, low), focus, lang(language)))
    }
    /// What an address (hexadecimal text) of a column of the picture is, and who can reach its byte.
    #[wasm_bindgen(unchecked_return_type = "import('iommu-view').Whereabouts | null")]
    pub fn names(&mut self, position: usize, column: &str, at: &str, language: &str) -> JsValue {
        to_js(&hex(at).and_then(|at| self.player.names(position, column, at, lang(language))))
    }
    /// The picture at a position in a form (`svg`, `ascii`, `unicode`, `c`, `rst`, `markdown`) as the command line
    /// gives it.
    pub fn draw(&mut self, position: usize, form: &str, width: u16, language: &str, theme: &str) -> String {
        let form = Form::named(form).unwrap_or(Form::Svg);
        let theme = match theme {
            "light" => Theme::Light,
            "dark" => Theme::Dark,
            _ => Theme::Auto,
        };
        let mut options = match form {
            Form::Svg => Player::as_on_the_page(lang(language)),
            Form::Text(..) => Options { lang: lang(language), ..Options::default() },
        };
        if width > 0 {
            options.width = width;
        }
        self.player.draw(position, form, theme, &options)
    }
    /// An animated SVG of the positions `from` to `to`, or of the run's ideas where `from` is not before `to`.
    pub fn film(&mut self, from: usize, to: usize, language: &str, theme: &str) -> String {
        let options = Player::as_on_the_page(lang(language));
        let theme = match theme {
            "dark" => Theme::Dark,
            _ => Theme::Light,
        };
        if from < to {
            self.player.film(from, to, theme, &options)
        } else {
            self.player.film_of_ideas(theme, &options)
        }
    }
    /// The ideas of the run as a page (HTML) that prints.
    pub fn handout(&mut self, language: &str) -> String {
        self.player.handout(lang(language))
    }
    /// What an address (or a name that the scenario gave) is at a position, and who can reach its byte.
    #[wasm_bindgen(js_name = whereIs, unchecked_return_type = "import('iommu-view').Whereabouts[]")]
    pub fn where_is(&mut self, position: usize, what: &str, language: &str) -> JsValue {
        to_js(&self.player.where_is(position, what, lang(language)))
    }
    /// The whole trace as JSON.
    #[wasm_bindgen(js_name = traceJson)]
    pub fn trace_json(&self, language: &str) -> String {
        self.player.trace_json(lang(language))
    }
    /// This run beside another: positions that belong together, and the first that differ. Both are drawn in one layout from
    /// now on.
    #[wasm_bindgen(unchecked_return_type = "import('iommu-view').Comparison")]
    pub fn compare(&mut self, other: &mut Session) -> JsValue {
        to_js(&self.player.compare(&mut other.player))
    }
    /// Draws this run by itself again.
    pub fn alone(&mut self) {
        self.player.alone();
    }
    /// What this run and another came to, where they part.
    #[wasm_bindgen(unchecked_return_type = "import('iommu-view').Parted")]
    pub fn parted(&self, other: &Session, language: &str) -> JsValue {
        to_js(&self.player.parted(&other.player, lang(language)))
    }
    /// The question at the end of a scenario of the reader's path, by its name, or `null`.
    #[wasm_bindgen(js_name = checkQuestion, unchecked_return_type = "import('iommu-view').CheckQuestion | null")]
    pub fn check_question(&self, name: &str, language: &str) -> JsValue {
        to_js(&self.player.check(name, lang(language)))
    }
    /// A question about the step that ends at a position, or `null`.
    #[wasm_bindgen(unchecked_return_type = "import('iommu-view').Question | null")]
    pub fn question(&self, position: usize, language: &str) -> JsValue {
        to_js(&self.player.question(position, lang(language)))
    }
}

/// A number as the page has it, in hexadecimal.
fn hex(text: &str) -> Option<u64> {
    u64::from_str_radix(text.trim_start_matches("0x"), 16).ok()
}
