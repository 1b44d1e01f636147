//! The queues in memory at a position: what waits in them, and what was taken last.

use super::bits;
use super::history::RegisterState;
use super::types::{Hex, Queue, QueueEntry};
use crate::addr::PhysAddr;
use crate::iommu::queue::{self, QueueType, Shape};
use crate::memory::Memory;
use crate::spec::Lang;
use alloc::vec::Vec;

/// Entries already taken that are still shown: what the last few operations asked for.
const TAKEN: u32 = 6;
/// Waiting entries that are shown.
const WAITING: u32 = 32;

/// Every queue whose base register was written.
pub fn queues(registers: &[RegisterState], memory: &Memory, lang: Lang) -> Vec<Queue> {
    let of_unit = |name: &str| registers.iter().find(|r| r.device.is_none() && r.register.name == name);
    let value = |name: &str| of_unit(name).map(|r| r.value);
    let set_up = queue::queues().filter_map(|q| {
        let shape = (q.shape)(value(q.base).filter(|base| *base != 0)?);
        let index = |name| (q.index)(shape, value(name).unwrap_or(0)) % shape.entries.max(1);
        Some(one(q, shape, index(q.head), index(q.tail), memory, lang))
    });
    set_up.collect()
}

fn one(q: &QueueType, shape: Shape, head: u32, tail: u32, memory: &Memory, lang: Lang) -> Queue {
    let Shape { at, entries: capacity, bytes } = shape;
    // The queue has `capacity` - 1 entries at most: head = tail is empty.
    let waiting = if tail >= head { tail - head } else { capacity - head + tail };
    let words_at = |index: u32| -> Vec<u64> {
        let from = at.wrapping_add(u64::from(index) * u64::from(bytes));
        (0..u64::from(bytes / 8)).map(|w| memory.peek_u64(PhysAddr::new(from.wrapping_add(w * 8)))).collect()
    };
    let entry = |index: u32, waits: bool| {
        let words = words_at(index);
        let place = at.wrapping_add(u64::from(index) * u64::from(bytes));
        QueueEntry { index, waits, entry: bits::structure((q.entry)(words[0]), place, &words, &[], lang) }
    };
    // Memory before the head holds what was taken, as long as it was ever written.
    let taken = (1..=TAKEN.min(capacity - 1 - waiting.min(capacity - 1)))
        .map(|back| (head + capacity - back) % capacity)
        .take_while(|index| words_at(*index).iter().any(|w| *w != 0));
    let mut entries: Vec<QueueEntry> = taken.map(|index| entry(index, false)).collect();
    entries.reverse();
    let shown = waiting.min(WAITING);
    entries.extend((0..shown).map(|n| entry((head + n) % capacity, true)));
    Queue {
        name: q.name.get(lang).into(),
        section: q.section.into(),
        base: Hex(at),
        capacity,
        head,
        tail,
        more: waiting - shown,
        entries,
    }
}

#[cfg(test)]
mod tests {
    use crate::machine::run::run;
    use crate::spec::Lang;
    use crate::view::Viewer;

    fn viewer(machine: &str) -> Viewer {
        let text = format!(
            "iommu-playground 1\nmachine {machine}\niommu strict\ndevice nic 00:03.0\nsteps\nalloc buf 4K\n\
             rx = dma_map_single nic buf from-device\ndma_unmap_single rx\ndma nic write 0xdead_0000 +64\n"
        );
        let run = run(&text).unwrap();
        Viewer::new(run.machine.trace.clone(), run.machine.memory.clone(), Default::default())
    }

    #[test]
    fn what_was_posted_waits_until_it_is_taken() {
        for (machine, name) in [("vt-d", "invalidation queue"), ("riscv", "command queue")] {
            let mut viewer = viewer(machine);
            let (mut waited, mut taken) = (0, 0);
            for at in 0..=viewer.len() {
                let view = viewer.view(at, Lang::En);
                let Some(queue) = view.queues.iter().find(|q| q.name == name) else { continue };
                let waiting = queue.entries.iter().filter(|e| e.waits).count() as u32 + queue.more;
                assert_eq!((queue.head + waiting) % queue.capacity, queue.tail, "{machine} at {at}");
                waited = waited.max(waiting);
                taken = queue.entries.iter().filter(|e| !e.waits).count();
            }
            assert!(waited > 0, "{machine}: something waited");
            assert!(taken > 0, "{machine}: the last ones stay in sight");
        }
    }

    #[test]
    fn a_fault_waits_in_the_fault_queue() {
        let mut viewer = viewer("riscv");
        let view = viewer.view(usize::MAX, Lang::En);
        let faults = view.queues.iter().find(|q| q.name == "fault queue").expect("it is set up");
        let waits: Vec<_> = faults.entries.iter().filter(|e| e.waits).collect();
        assert_eq!(waits.len(), 1);
        assert!(waits[0].entry.fields.iter().any(|f| f.name == "CAUSE" && f.value.0 != 0));
    }
}
