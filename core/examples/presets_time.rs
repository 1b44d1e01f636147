//! Runs every preset some times and prints the least nanoseconds of a round of all: what `tools/limits.mjs` compares
//! between a build that draws from budgets and one that does not.

use iommu_core::machine::run;
use iommu_core::scenario::presets::PRESETS;
use std::hint::black_box;
use std::time::Instant;

fn main() {
    let rounds = std::env::args().nth(1).and_then(|n| n.parse().ok()).unwrap_or(20);
    let round = |_| {
        let start = Instant::now();
        for preset in PRESETS {
            black_box(run(preset.text).map_or(0, |run| run.machine.trace.len()));
        }
        start.elapsed().as_nanos()
    };
    println!("{}", (0..rounds).map(round).min().unwrap_or(0));
}
