//! The kernels that are measured, each beside what it is held against. They are run by divan (`benches/kernels.rs`),
//! by the table of ratios (`src/main.rs`), and as WebAssembly in Node.js and Chromium (`wasm`).

mod cache;
mod floor;
mod map;
#[cfg(not(target_arch = "wasm32"))]
mod others;
mod scenario;
mod setup;
mod walk;
#[cfg(target_arch = "wasm32")]
pub mod wasm;

/// One thing measured.
pub struct Kernel {
    /// `group/what/size`. Kernels of one group are measured in turn, so that their ratios are of one time.
    pub name: String,
    /// What is counted by one run.
    pub items: u64,
    /// Makes it ready; what comes out does one run.
    pub make: Box<dyn Fn() -> Run>,
    /// The kernel it is held against, and the ratio it has to hold, if one is set (DESIGN, section 8).
    pub beside: Option<(String, Option<f64>)>,
    /// The nanoseconds it has to hold, if that is set.
    pub hold: Option<f64>,
}

/// Does one run; the result keeps the compiler from leaving it out.
pub type Run = Box<dyn FnMut() -> u64>;

impl Kernel {
    fn new<R: FnMut() -> u64 + 'static>(
        name: impl Into<String>,
        items: u64,
        make: impl Fn() -> R + 'static,
    ) -> Self {
        Kernel {
            name: name.into(),
            items,
            make: Box::new(move || Box::new(make())),
            beside: None,
            hold: None,
        }
    }
    fn beside(mut self, other: &str) -> Self {
        self.beside = Some((other.into(), None));
        self
    }
    fn at_most(mut self, ratio: f64, other: &str) -> Self {
        self.beside = Some((other.into(), Some(ratio)));
        self
    }
    fn within(mut self, nanoseconds: f64) -> Self {
        self.hold = Some(nanoseconds);
        self
    }
    /// What stands before the first `/`.
    pub fn group(&self) -> &str {
        self.name.split('/').next().unwrap_or_default()
    }
}

/// Every kernel, group by group.
pub fn kernels() -> Vec<Kernel> {
    let mut all = Vec::new();
    walk::add(&mut all);
    cache::add(&mut all);
    map::add(&mut all);
    scenario::add(&mut all);
    #[cfg(not(target_arch = "wasm32"))]
    others::add(&mut all);
    all.sort_by_key(|k| {
        ["walk", "cold", "nested", "levels", "mappings", "iotlb", "map", "dma", "scenario"]
            .iter()
            .position(|g| *g == k.group())
    });
    all
}

/// Their names.
pub fn names() -> Vec<String> {
    kernels().into_iter().map(|k| k.name).collect()
}

/// The kernel of this name.
pub fn find(name: &str) -> Option<Kernel> {
    kernels().into_iter().find(|k| k.name == name)
}
