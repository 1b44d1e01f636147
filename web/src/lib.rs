//! The wasm-bindgen layer: what the page may ask of the core.
