//! The kernels for JavaScript, which keeps the time.

use crate::{kernels, Run};
use wasm_bindgen::prelude::*;

/// Names of the kernels.
#[wasm_bindgen]
pub fn names() -> Vec<String> {
    crate::names()
}

/// A kernel made ready.
#[wasm_bindgen]
pub struct Ready {
    run: Run,
    items: f64,
}

#[wasm_bindgen]
impl Ready {
    /// The kernel of this number.
    #[wasm_bindgen(constructor)]
    pub fn new(number: usize) -> Ready {
        let kernel = kernels().swap_remove(number);
        Ready { run: (kernel.make)(), items: kernel.items as f64 }
    }
    /// What one run counts.
    pub fn items(&self) -> f64 {
        self.items
    }
    /// One run.
    pub fn run(&mut self) -> f64 {
        (self.run)() as f64
    }
}
