//! Every kernel under divan: `cargo bench -p iommu-bench`, with a filter such as `-- nested` if wanted. The table of
//! ratios is `./build.sh bench`.

use divan::{counter::ItemsCount, Bencher};
use iommu_bench::{find, names};

fn main() {
    divan::main();
}

#[divan::bench(args = names(), sample_count = 20)]
fn kernel(bencher: Bencher, name: &str) {
    let kernel = find(name).expect("a kernel");
    let run = (kernel.make)();
    bencher.counter(ItemsCount::new(kernel.items)).bench_local(run);
}
