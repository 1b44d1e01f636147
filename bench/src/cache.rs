//! IOTLB look-ups at several sizes: hit, miss and thrash.

use crate::setup::{scattered, ADDRESSES};
use crate::Kernel;
use iommu_core::iommu::cache::{mix, Cache, Key};
use std::hint::black_box;

pub const SIZES: [usize; 4] = [64, 1024, 16_384, 65_536];

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

fn filled(size: usize) -> Cache<Tag, u64> {
    let mut cache = Cache::new(size);
    for page in 0..size as u64 {
        cache.insert(Tag { domain: 1, page }, page << 12);
    }
    cache
}

pub fn add(all: &mut Vec<Kernel>) {
    for size in SIZES {
        let hit = move || {
            let mut cache = filled(size);
            let live: Vec<Tag> = (0..size as u64)
                .map(|page| Tag { domain: 1, page })
                .filter(|t| cache.peek(t).is_some())
                .collect();
            let order: Vec<Tag> =
                scattered(1 << 20).into_iter().map(|i| live[i as usize % live.len()]).collect();
            move || order.iter().fold(0, |sum, tag| sum ^ cache.get(black_box(tag)).map_or(0, |(_, v)| v))
        };
        let miss = move || {
            let mut cache = filled(size);
            let all: Vec<Tag> = (0..ADDRESSES).map(|page| Tag { domain: 2, page }).collect();
            move || all.iter().filter(|tag| cache.get(black_box(tag)).is_some()).count() as u64
        };
        let thrash = move || {
            let mut cache = filled(size);
            let mut page = size as u64;
            move || {
                for _ in 0..ADDRESSES {
                    page += 1;
                    let tag = Tag { domain: 1, page };
                    if cache.get(black_box(&tag)).is_none() {
                        cache.insert(tag, page);
                    }
                }
                cache.len() as u64
            }
        };
        all.extend([
            Kernel::new(format!("iotlb/hit/{size}"), ADDRESSES, hit).within(8.0),
            Kernel::new(format!("iotlb/miss/{size}"), ADDRESSES, miss),
            Kernel::new(format!("iotlb/miss and insert (thrash)/{size}"), ADDRESSES, thrash),
        ]);
    }
}
