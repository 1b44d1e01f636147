//! Where things are in a plan, by their keys.

use super::*;
use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};

/// Where things are in the plan.
#[derive(Clone, Debug, Default)]
pub struct Index {
    pub columns: BTreeMap<String, usize>,
    regions: Vec<BTreeMap<String, Vec<u32>>>,
    arrows: BTreeMap<String, Vec<u32>>,
    pub actors: BTreeMap<String, usize>,
    /// Keys of columns and actors that were left out.
    pub aside: BTreeSet<String>,
    /// Keys of ranges that were left out, with those of their columns.
    pub ranges_aside: BTreeSet<(String, String)>,
    /// Ranges and ends, to tell those with one key apart.
    ranges: Vec<Vec<(u64, u64)>>,
    ends: Vec<(Point, Point)>,
}

impl Index {
    pub(super) fn new(model: &Model, folded: BTreeMap<String, String>) -> Index {
        let mut index = Index::default();
        for (c, column) in model.columns.iter().enumerate() {
            index.columns.entry(column.key.clone()).or_insert(c);
            let mut of: BTreeMap<String, Vec<u32>> = BTreeMap::new();
            for (i, region) in (0..).zip(&column.regions) {
                of.entry(region.key.clone()).or_default().push(i);
            }
            index.regions.push(of);
            index.ranges.push(column.regions.iter().map(|r| (r.first, r.last)).collect());
        }
        for (i, arrow) in (0..).zip(&model.arrows) {
            index.arrows.entry(arrow.key.clone()).or_default().push(i);
            index.ends.push((arrow.from.at, arrow.to.at));
        }
        for (i, actor) in model.actors.iter().enumerate() {
            index.actors.entry(actor.key.clone()).or_insert(i);
        }
        for (key, fold) in folded {
            if let Some(at) = index.actors.get(&fold).copied() {
                index.actors.entry(key).or_insert(at);
            }
        }
        index
    }
    /// A region of a column.
    pub fn region(&self, column: usize, region: &Region) -> Option<u32> {
        let same = |i: &&u32| self.ranges[column][**i as usize] == (region.first, region.last);
        self.regions[column].get(&region.key)?.iter().find(same).copied()
    }
    /// An arrow, with the plan's points for its ends.
    pub fn arrow(&self, arrow: &Arrow, from: Point, to: Point) -> Option<u32> {
        self.arrows.get(&arrow.key)?.iter().find(|i| self.ends[**i as usize] == (from, to)).copied()
    }
}
