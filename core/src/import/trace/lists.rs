//! The entries of lists that are mapped, by their physical addresses: all that `dma_unmap_sg` names. One page may be in several lists
//! of a device at once, and several times in one.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

/// The most lists of one page among which the one that is unmapped is looked for.
const MOST_OF_A_PAGE: usize = 16;

/// The entries.
#[derive(Debug, Default)]
pub struct Lists {
    /// Device, physical address, the line that mapped the list, the address of the entry.
    entries: BTreeSet<(usize, u64, u64, u64)>,
    /// Where the entries of unmapped lists were.
    old: BTreeMap<(usize, u64), u64>,
}

impl Lists {
    /// Adds an entry of the list that a line mapped, up to a limit.
    pub fn add(&mut self, device: usize, physical: u64, line: u64, address: u64, most: usize) {
        self.old.remove(&(device, physical));
        if self.entries.len() < most {
            self.entries.insert((device, physical, line, address));
        }
    }

    /// Forgets an entry.
    pub fn remove(&mut self, device: usize, physical: u64, line: u64, address: u64) {
        self.entries.remove(&(device, physical, line, address));
    }

    /// Returns the address of an entry of a list.
    pub fn entry(&self, device: usize, physical: u64, line: u64) -> Option<u64> {
        let of = (device, physical, line);
        let entry = self.entries.range((of.0, of.1, of.2, 0)..=(of.0, of.1, of.2, u64::MAX)).next_back();
        entry.map(|(.., address)| *address)
    }

    /// Returns the lists that may be the one of these physical addresses, by the lines that mapped them, the latest first: those that
    /// have the most of them. Segments that were joined have no address, so a list need not have all.
    pub fn of(&self, device: usize, physical: &[u64]) -> Vec<u64> {
        let mut lines: Vec<u64> = Vec::new();
        let Some(first) = physical.iter().find(|at| self.latest(device, **at, u64::MAX).is_some()) else {
            return lines;
        };
        let mut before = u64::MAX;
        // Bounded: by the most lists of a page.
        while let Some(line) = self.latest(device, *first, before).filter(|_| lines.len() < MOST_OF_A_PAGE) {
            lines.push(line);
            before = line;
        }
        if lines.len() < 2 {
            return lines;
        }
        // A page that is in a list many times says no more than once.
        let pages: BTreeSet<u64> = physical.iter().copied().collect();
        let count = |line: u64| pages.iter().filter(|at| self.entry(device, **at, line).is_some()).count();
        let counts: Vec<usize> = lines.iter().map(|line| count(*line)).collect();
        let most = counts.iter().max().copied().unwrap_or(0);
        lines.into_iter().zip(counts).filter(|(_, count)| *count == most).map(|(line, _)| line).collect()
    }

    /// The line of the latest list with a page that was mapped before a line.
    fn latest(&self, device: usize, physical: u64, before: u64) -> Option<u64> {
        let lists = self.entries.range((device, physical, 0, 0)..(device, physical, before, 0));
        lists.map(|(_, _, line, _)| *line).next_back()
    }

    /// Takes the entries of a list that is unmapped: their addresses. Where none is there, where they were last.
    pub fn take(&mut self, device: usize, physical: &[u64], line: Option<u64>, memory: usize) -> Vec<u64> {
        let mut addresses = Vec::new();
        for at in physical {
            let Some((line, address)) = line.and_then(|l| Some((l, self.entry(device, *at, l)?))) else {
                continue;
            };
            addresses.push(address);
            self.entries.remove(&(device, *at, line, address));
            if self.old.len() < memory {
                self.old.insert((device, *at), address);
            }
        }
        if addresses.is_empty() {
            // All of it was unmapped before, or was mapped before the trace began.
            addresses = physical.iter().filter_map(|at| self.old.get(&(device, *at)).copied()).collect();
        }
        addresses
    }
}
