//! The wasm-bindgen layer: what the page may ask of the core.

use wasm_bindgen::prelude::*;

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
