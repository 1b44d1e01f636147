//! What of a trace does not change with the position, looked up once.

use crate::spec::EntryType;
use crate::trace::{Event, Scope, Trace};
use alloc::{collections::BTreeSet, vec::Vec};

/// At most this many pages of tables and queues are kept: the first ones that hardware read.
const PAGES: usize = 48;
/// Bytes of a page.
const PAGE: u64 = 4096;

/// A page in which hardware read an entry.
#[derive(Clone, Copy, Debug)]
pub struct TablePage {
    /// Its first address in physical memory.
    pub page: u64,
    /// The first structure that was read in it.
    pub entry: &'static EntryType,
    /// The step that read it, as an index.
    step: usize,
}

/// Where operations begin, and which pages of tables were read first.
#[derive(Clone, Debug, Default)]
pub struct Landmarks {
    operations: Vec<usize>,
    pages: Vec<TablePage>,
    end: usize,
}

impl Landmarks {
    /// Those of a trace.
    pub fn new(trace: &Trace) -> Self {
        let mut found = Landmarks { end: trace.len(), ..Landmarks::default() };
        let mut seen = BTreeSet::new();
        for (step, event) in trace.steps().iter().map(|s| &s.event).enumerate() {
            match *event {
                Event::Begin(Scope::Operation { .. }) => found.operations.push(step),
                Event::Read { entry, pa, .. } if found.pages.len() < PAGES => {
                    let page = pa.raw() & !(PAGE - 1);
                    if seen.insert(page) {
                        found.pages.push(TablePage { page, entry, step });
                    }
                }
                _ => {}
            }
        }
        found
    }

    /// The pages of tables read up to the end of the operation that position `at` is in, by address.
    pub fn tables(&self, at: usize) -> Vec<TablePage> {
        let next = self.operations.partition_point(|begin| *begin < at);
        let end = self.operations.get(next).copied().unwrap_or(self.end);
        let mut pages: Vec<_> = self.pages.iter().filter(|p| p.step < end).copied().collect();
        pages.sort_unstable_by_key(|p| p.page);
        pages
    }
}
