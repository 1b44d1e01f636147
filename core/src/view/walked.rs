//! The tables that requests walk: how much memory they take.
//!
//! A page is one of them where it was read in a walk anywhere in the run, or where an entry of such a page leads to it. The
//! structure of an entry does not tell: a CPU's stage 2 has the IOMMU's own entries on some architectures, and a process has
//! one set of tables for both, which the CPU names otherwise on others. Tables that are found by guest-physical addresses count
//! where they are read: the pointers to them, and in them, lead nowhere in physical memory.

use super::met::reads_tables;
use crate::addr::{PhysAddr, Space};
use crate::memory::FRAME;
use crate::spec::{EntryType, Field, FieldKind};
use crate::trace::{Event, Scope, Trace};
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::{vec, vec::Vec};

/// The tables that requests walk in one run: by page, the step that first wrote to it.
pub struct Walked(BTreeMap<u64, usize>);

/// By page, the steps that wrote entries of tables there.
type Written = BTreeMap<u64, Vec<usize>>;

impl Walked {
    /// Finds them.
    pub fn of(trace: &Trace) -> Self {
        let (written, Read { pages: read, guest, named }) = (written(trace), Read::of(trace));
        let entries = |page: &u64| written.get(page).into_iter().flatten().filter_map(|at| entry(trace, *at));
        // An entry leads to the structures that are walked, as software writes them, and to no others.
        let mut types: Vec<&'static EntryType> = Vec::new();
        for (entry, ..) in read.iter().flat_map(entries) {
            if !types.iter().any(|known| core::ptr::eq(*known, entry)) {
                types.push(entry);
            }
        }
        let is = |page: &u64| entries(page).any(|(entry, ..)| types.iter().any(|t| core::ptr::eq(*t, entry)));
        let mut since = BTreeMap::new();
        let mut ahead: Vec<u64> = read.iter().copied().collect();
        // Bounded: what follows of a page is done once, and there are no more pages than were written.
        while let Some(page) = ahead.pop() {
            let Some(steps) = written.get(&page) else { continue };
            if since.insert(page, steps[0]).is_some() {
                continue;
            }
            if guest.contains(&page) {
                continue;
            }
            for (entry, pa, words) in entries(&page) {
                ahead.extend(led_to(entry, pa, words).into_iter().filter(|to| !named.contains(to) && is(to)));
            }
        }
        Walked(since)
    }

    /// Returns how many bytes of memory they take at a position.
    pub fn bytes(&self, to: usize) -> u64 {
        self.0.values().filter(|since| **since < to).count() as u64 * FRAME
    }
}

/// What is read on the way of requests, anywhere in the run.
#[derive(Default)]
struct Read {
    /// The pages.
    pages: BTreeSet<u64>,
    /// Those of them that were found by a guest-physical address.
    guest: BTreeSet<u64>,
    /// What that address names them.
    named: BTreeSet<u64>,
}

impl Read {
    fn of(trace: &Trace) -> Self {
        let mut read = Read::default();
        let mut commands = 0u32;
        let mut scopes: Vec<bool> = Vec::new();
        for step in trace.steps().iter() {
            match step.event {
                Event::Begin(scope) => {
                    let command = matches!(scope, Scope::Command { .. });
                    commands += u32::from(command);
                    scopes.push(command);
                }
                Event::End(_) => commands -= u32::from(scopes.pop().unwrap_or(false)),
                Event::Read { pa, at, .. } if reads_tables(step.actor) && commands == 0 => {
                    read.pages.insert(pa.raw() / FRAME);
                    if at.space != Space::Physical {
                        read.guest.insert(pa.raw() / FRAME);
                        read.named.insert(at.raw / FRAME);
                    }
                }
                _ => {}
            }
        }
        read
    }
}

fn written(trace: &Trace) -> Written {
    let mut pages = Written::new();
    for at in 0..trace.len() {
        let Some((_, pa, words)) = entry(trace, at) else { continue };
        let last = pa.raw() + (words.len() as u64 * 8).max(1) - 1;
        for page in pa.raw() / FRAME..=last / FRAME {
            pages.entry(page).or_default().push(at);
        }
    }
    pages
}

/// What a step wrote of a structure: of which, where and which words.
fn entry(trace: &Trace, at: usize) -> Option<(&'static EntryType, PhysAddr, Vec<u64>)> {
    match trace.steps().get(at)?.event {
        Event::Write { entry: Some(entry), pa, new, .. } => Some((entry, pa, vec![new])),
        Event::WriteRun { entry, pa, new, .. } => Some((entry, pa, trace.get_words(new).to_vec())),
        _ => None,
    }
}

/// The pages to which the addresses in these words lead, the first of which is at `pa`.
fn led_to(entry: &EntryType, pa: PhysAddr, words: Vec<u64>) -> Vec<u64> {
    let count = usize::from(entry.words.max(1));
    let mut pages = Vec::new();
    for (n, word) in words.into_iter().enumerate() {
        let mut whole = vec![0; count];
        let place = (pa.raw() as usize / 8 + n) % count;
        whole[place] = word;
        let here = |field: &&Field| {
            matches!(field.kind, FieldKind::Address { .. }) && usize::from(field.lo) / 64 == place
        };
        for field in entry.fields.iter().filter(here) {
            pages.push((field.get(&whole) << field.shift()) / FRAME);
        }
    }
    pages
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::iommu::Architecture;
    use crate::machine::run;
    use crate::scenario::presets::by_name;

    /// KiB of a preset's tables at its end, by machine.
    fn at_the_end(preset: &str) -> [u64; 4] {
        Architecture::ALL.map(|architecture| {
            let text = by_name(preset).unwrap().text_on(architecture).unwrap();
            let trace = run(&text).unwrap().machine.trace;
            Walked::of(&trace).bytes(trace.len()) / 1024
        })
    }

    /// A guest of 64 MiB in pages of 4 KiB takes 32 last tables and 3 above them, once: what its CPU walks is not counted.
    #[test]
    fn the_tables_of_a_guest_s_cpu_are_not_those_of_its_device() {
        let devices = [2, 3, 2, 1];
        assert_eq!(at_the_end("groups"), devices.map(|pages| (32 + 3 + pages) * 4));
    }

    /// Also where a guest-physical address is, as a number, that of such a table.
    #[test]
    fn a_guest_physical_pointer_leads_to_no_table_of_the_host() {
        let kib = at_the_end("nested-walk");
        assert!(kib.iter().all(|kib| (200..300).contains(kib)), "{kib:?}");
    }

    /// The tables of a process are there when it maps, however the CPU calls their entries.
    #[test]
    fn a_process_s_tables_count_before_the_iommu_writes_to_them() {
        for architecture in Architecture::ALL {
            let text = by_name("sva").unwrap().text_on(architecture).unwrap();
            let done = run(&text).unwrap();
            let (trace, walked) = (&done.machine.trace, Walked::of(&done.machine.trace));
            let dma = |at: &usize| {
                matches!(trace.steps().get(*at).unwrap().event, Event::Begin(Scope::Translation { .. }))
            };
            let first = (0..trace.len()).find(dma).unwrap();
            assert_eq!(walked.bytes(first), walked.bytes(trace.len()), "{architecture:?}");
        }
    }
}
