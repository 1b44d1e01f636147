//! The targets of the fuzzer (`fuzz/`), run without one: its corpus, what it once found, and a few changes of each. A find becomes
//! a file in `fuzz/found/TARGET`, which this runs from then on.

#[path = "../../fuzz/src/targets.rs"]
mod targets;

use std::path::{Path, PathBuf};

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut all: Vec<_> =
        std::fs::read_dir(folder).into_iter().flatten().filter_map(|e| Some(e.ok()?.path())).collect();
    all.sort();
    all
}

/// Changes some bytes, always the same ones for a seed.
fn change(data: &[u8], seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = |n: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as usize % n.max(1)
    };
    let mut out = data.to_vec();
    for _ in 0..1 + next(4) {
        let at = next(out.len());
        match next(5) {
            _ if out.is_empty() => out.push(next(256) as u8),
            0 => out[at] = next(256) as u8,
            1 => out[at] ^= 1 << next(8),
            2 => drop(out.remove(at)),
            3 => out.truncate(at),
            _ => {
                let end = (at + 1 + next(40)).min(out.len());
                let piece = out[at..end].to_vec();
                let to = next(out.len());
                out.splice(to..to, piece);
            }
        }
    }
    out
}

#[test]
fn every_target_takes_its_corpus_what_was_found_and_changes_of_both() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz");
    for (name, target) in targets::ALL {
        let corpus = files(&root.join("corpus").join(name));
        let found = files(&root.join("found").join(name));
        assert!(corpus.len() >= 5, "{name} has a corpus");
        let started = std::time::Instant::now();
        let mut count = 0;
        for (i, path) in corpus.iter().chain(&found).enumerate() {
            let data = std::fs::read(path).expect("a file");
            println!("{}", path.display());
            target(&data);
            count += 1;
            // Changes while there is time: a slow machine tries fewer, the corpus always.
            for seed in 0..20 {
                if started.elapsed().as_secs() < 10 {
                    target(&change(&data, seed + 100 * i as u64));
                    count += 1;
                }
            }
        }
        println!("{name}: {count} inputs");
    }
}
