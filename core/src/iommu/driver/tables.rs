//! Directories that a driver makes page by page, when an entry is first needed.

use super::{DriverResult, Hardware};
use crate::addr::PhysAddr;
use alloc::collections::BTreeMap;

/// A page of a directory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Page {
    /// Where it is.
    pub at: PhysAddr,
    /// The address that pointers to it have: the same, unless a second stage lies between.
    pub pointer: u64,
}

/// The pages of a directory, by what an architecture numbers them with.
#[derive(Clone, Debug)]
pub struct Directory<K> {
    pages: BTreeMap<K, Page>,
}

impl<K> Default for Directory<K> {
    fn default() -> Self {
        Directory { pages: BTreeMap::new() }
    }
}

impl<K: Ord + Copy> Directory<K> {
    /// Returns the page, if it was made.
    pub fn get(&self, key: K) -> Option<Page> {
        self.pages.get(&key).copied()
    }

    /// Keeps a page.
    pub fn insert(&mut self, key: K, page: Page) {
        self.pages.insert(key, page);
    }

    /// Forgets the pages that do not match: software will make them anew.
    pub fn retain(&mut self, matches: impl Fn(&K) -> bool) {
        self.pages.retain(|key, _| matches(key));
    }

    /// Returns the page, made of one zeroed frame if it is missing; `link` then writes the entry that points at it.
    pub fn get_or_make<H: Hardware>(
        &mut self,
        key: K,
        hw: &mut H,
        link: impl FnOnce(&mut H, Page) -> DriverResult,
    ) -> DriverResult<Page> {
        if let Some(page) = self.get(key) {
            return Ok(page);
        }
        let at = hw.frame()?;
        let page = Page { at, pointer: at.raw() };
        link(hw, page)?;
        self.insert(key, page);
        Ok(page)
    }
}
