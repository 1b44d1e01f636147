//! The wasm-bindgen layer: what the page may ask of the core. Values go over as plain objects whose TypeScript
//! types are generated from [`iommu_core::view::types`].

mod opening;
mod session;

use iommu_core::scenario;
use iommu_core::spec::Lang;
use iommu_core::view::{across, links, sweep, text};
use serde::Serialize;
use wasm_bindgen::prelude::*;

pub use opening::Opening;
pub use session::Session;

/// Sends panics to the console, readable. Called once by the page.
#[wasm_bindgen(start)]
pub fn start() {
    console_error_panic_hook::set_once();
}

/// The version of the core.
#[wasm_bindgen]
pub fn version() -> String {
    env!("CARGO_PKG_VERSION").into()
}

fn lang(name: &str) -> Lang {
    if name == "zh" {
        Lang::Zh
    } else {
        Lang::En
    }
}

/// A value of the core as a plain JavaScript object: missing things are `null`.
fn to_js(value: &impl Serialize) -> JsValue {
    let serializer = serde_wasm_bindgen::Serializer::json_compatible();
    value.serialize(&serializer).unwrap_or(JsValue::NULL)
}

/// The gallery.
#[wasm_bindgen(unchecked_return_type = "import('iommu-view').Card[]")]
pub fn gallery(language: &str) -> JsValue {
    to_js(&text::gallery(lang(language)))
}

/// What is wrong with a text, before it runs.
#[wasm_bindgen(unchecked_return_type = "import('iommu-view').Trouble[]")]
pub fn check(source: &str, language: &str) -> JsValue {
    to_js(&text::troubles(&scenario::parse_all(source).1, lang(language)))
}

/// What could be written at a place (line and column from 1).
#[wasm_bindgen(unchecked_return_type = "import('iommu-view').Offer")]
pub fn offer(source: &str, line: u32, column: u32, language: &str) -> JsValue {
    to_js(&text::offer(source, line, column, lang(language)))
}

/// Reads a link's fragment.
#[wasm_bindgen(js_name = readLink, unchecked_return_type = "import('iommu-view').Linked")]
pub fn read_link(fragment: &str, language: &str) -> JsValue {
    to_js(&links::read(fragment, lang(language)))
}

/// The fragment of a scenario, or nothing when its text is too long. Empty words are left out.
#[wasm_bindgen(js_name = writeLink)]
pub fn write_link(
    text: &str,
    preset: Option<String>,
    at: Option<u32>,
    view: &str,
    language: &str,
    theme: &str,
    depth: &str,
) -> Option<String> {
    links::write(text, preset.as_deref(), at, view, language, theme, depth)
}

/// The text of a preset as it is written.
#[wasm_bindgen(js_name = presetText)]
pub fn preset_text(name: &str) -> Option<String> {
    scenario::presets::by_name(name).map(|preset| preset.text.into())
}

/// A scenario on another architecture, by the word after `machine`, or `null` where it cannot be turned. `preset` is the one that it
/// is an edit of.
#[wasm_bindgen(unchecked_return_type = "import('iommu-view').Turned | null")]
pub fn turned(source: &str, preset: Option<String>, architecture: &str, language: &str) -> JsValue {
    to_js(&across::turned(source, preset.as_deref(), architecture, lang(language)))
}

/// A scenario on every architecture, idea beside idea.
#[wasm_bindgen(unchecked_return_type = "import('iommu-view').Across")]
pub fn across(source: &str, preset: Option<String>, language: &str) -> JsValue {
    to_js(&across::across(source, preset.as_deref(), lang(language)))
}

/// The texts that a run can be compared with, each with what makes it another one.
#[wasm_bindgen(unchecked_return_type = "import('iommu-view').Variant[]")]
pub fn variants(source: &str) -> JsValue {
    to_js(&text::variants(source))
}

/// The text with a `poke` line before a line, or after it and what is expected of it, and that line's number. The address and
/// the value are hexadecimal text.
#[wasm_bindgen(js_name = withPoke, unchecked_return_type = "import('iommu-view').Poked | null")]
pub fn with_poke(source: &str, line: u32, after: bool, at: &str, value: &str, why: &str) -> JsValue {
    let number = |text: &str| u64::from_str_radix(text.trim_start_matches("0x"), 16).ok();
    let poked =
        number(at).zip(number(value)).map(|(at, value)| text::with_poke(source, line, after, at, value, why));
    to_js(&poked)
}

/// The terms of the glossary that a text uses.
#[wasm_bindgen(unchecked_return_type = "import('iommu-view').TermUse[]")]
pub fn terms(text: &str, language: &str) -> JsValue {
    to_js(&text::terms(text, lang(language)))
}

/// What the machine counts for each value of the quantity that a scenario's answer depends on, on a machine by the word after
/// `machine`, or `null`.
#[wasm_bindgen(unchecked_return_type = "import('iommu-view').Sweep | null")]
pub fn sweep(name: &str, machine: &str, language: &str) -> JsValue {
    to_js(&sweep::sweep(name, machine, lang(language)))
}

/// The classes of a text's characters, for colour.
#[wasm_bindgen(unchecked_return_type = "import('iommu-view').Coloured[]")]
pub fn colours(source: &str) -> JsValue {
    to_js(&text::colours(source))
}
