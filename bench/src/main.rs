//! Measures every kernel and prints, as JSON lines, its nanoseconds for one item: the least of many runs, kernels of
//! one group in turn. `tools/bench.mjs` makes the table of it.

use iommu_bench::{kernels, Kernel, Run};
use std::time::{Duration, Instant};

/// Kernels are run until they took so long, or so often.
const TIME: Duration = Duration::from_millis(400);
const RUNS: u32 = 800;
const TURN: u32 = 4;

fn main() {
    let wanted = std::env::args().nth(1).unwrap_or_default();
    let all: Vec<Kernel> = kernels().into_iter().filter(|k| k.name.starts_with(&wanted)).collect();
    for group in all.chunk_by(|a, b| a.group() == b.group()) {
        // Large set-ups one by one, the rest together.
        let together =
            if matches!(group[0].group(), "mappings" | "scenario" | "dma" | "map") { 1 } else { group.len() };
        for part in group.chunks(together) {
            measure(part);
        }
    }
}

fn measure(kernels: &[Kernel]) {
    let mut ready: Vec<(Run, f64, Duration, u32)> =
        kernels.iter().map(|k| ((k.make)(), f64::INFINITY, Duration::ZERO, 0)).collect();
    loop {
        let mut done = true;
        for (kernel, (run, least, spent, runs)) in kernels.iter().zip(&mut ready) {
            if *runs > 0 && (*spent > TIME || *runs > RUNS) {
                continue;
            }
            done = false;
            // A few in a row: the first finds the processor's caches as the kernel before it left them.
            for _ in 0..TURN {
                let start = Instant::now();
                std::hint::black_box(run());
                let took = start.elapsed();
                *least = least.min(took.as_secs_f64() * 1e9 / kernel.items as f64);
                *spent += took;
                *runs += 1;
            }
        }
        if done {
            break;
        }
    }
    for (kernel, (_, least, ..)) in kernels.iter().zip(ready) {
        let beside = kernel.beside.as_ref().map(|(other, hold)| (other, hold.unwrap_or(0.0)));
        let (other, ratio) = beside.map_or((String::new(), 0.0), |(o, h)| (o.clone(), h));
        let hold = kernel.hold.unwrap_or(0.0);
        println!(
            "{{\"name\":{:?},\"ns\":{least:.3},\"beside\":{other:?},\"ratio\":{ratio},\"hold\":{hold}}}",
            kernel.name
        );
    }
}
