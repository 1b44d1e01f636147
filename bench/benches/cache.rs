//! IOTLB look-ups at several sizes: hit, miss and thrash, beside `vm-memory`'s `Iotlb`.

use divan::{black_box, counter::ItemsCount, Bencher};
use iommu_bench::scattered;
use iommu_core::iommu::cache::{mix, Cache, Key};

fn main() {
    divan::main();
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Tag {
    domain: u32,
    page: u64,
}

impl Key for Tag {
    fn hash(&self) -> u64 {
        mix(self.page, u64::from(self.domain))
    }
}

const SIZES: [usize; 4] = [64, 1024, 16_384, 65_536];

fn filled(size: usize) -> (Cache<Tag, u64>, Vec<Tag>) {
    let mut cache = Cache::new(size);
    for page in 0..size as u64 {
        cache.insert(Tag { domain: 1, page }, page << 12);
    }
    let live = (0..size as u64).map(|page| Tag { domain: 1, page }).filter(|t| cache.peek(t).is_some());
    let live: Vec<_> = live.collect();
    (cache, live)
}

#[divan::bench(args = SIZES)]
fn hit(bencher: Bencher, size: usize) {
    let (mut cache, live) = filled(size);
    let order: Vec<Tag> =
        scattered(1 << 20, 4096).into_iter().map(|i| live[i as usize % live.len()]).collect();
    bencher.counter(ItemsCount::new(order.len())).bench_local(|| {
        order.iter().fold(0, |sum, tag| sum ^ cache.get(black_box(tag)).map_or(0, |(_, v)| v))
    });
}

#[divan::bench(args = SIZES)]
fn miss(bencher: Bencher, size: usize) {
    let (mut cache, _) = filled(size);
    bencher.counter(ItemsCount::new(4096usize)).bench_local(|| {
        (0..4096u64).filter(|i| cache.get(black_box(&Tag { domain: 2, page: *i })).is_some()).count()
    });
}

#[divan::bench(args = SIZES)]
fn thrash(bencher: Bencher, size: usize) {
    let (mut cache, _) = filled(size);
    let mut page = size as u64;
    bencher.counter(ItemsCount::new(4096usize)).bench_local(|| {
        for _ in 0..4096 {
            page += 1;
            let tag = Tag { domain: 1, page };
            if cache.get(&tag).is_none() {
                cache.insert(tag, page);
            }
        }
        cache.len()
    });
}

#[divan::bench(args = SIZES)]
fn vm_memory_iotlb_hit(bencher: Bencher, size: usize) {
    use vm_memory::{iommu::Iotlb, GuestAddress, Permissions};
    let mut iotlb = Iotlb::new();
    for page in 0..size as u64 {
        // Every other page, so that neighbours do not merge into one range.
        let at = GuestAddress(page << 13);
        iotlb.set_mapping(at, GuestAddress(page << 12), 4096, Permissions::ReadWrite).expect("mapped");
    }
    let order: Vec<u64> = scattered(1 << 20, 4096).into_iter().map(|i| (i % size as u64) << 13).collect();
    bencher.counter(ItemsCount::new(order.len())).bench_local(|| {
        order
            .iter()
            .map(|at| {
                Iotlb::lookup(&iotlb, GuestAddress(black_box(*at)), 8, Permissions::Read).is_ok() as u64
            })
            .sum::<u64>()
    });
}
