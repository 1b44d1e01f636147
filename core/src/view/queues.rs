//! The queues in memory at a position: what waits in them, and what was taken last.

use super::bits;
use super::history::RegisterState;
use super::types::{Hex, Queue, QueueEntry};
use crate::addr::Address;
use crate::iommu::ring::{QueueType, Ring};
use crate::iommu::Architecture;
use crate::memory::Memory;
use crate::spec::Lang;
use alloc::vec::Vec;

/// Entries already taken that are still shown: what the last few operations requested.
const TAKEN: u64 = 6;
/// Waiting entries that are shown.
const WAITING: u64 = 32;

/// Every queue of the IOMMU whose base register was written.
pub fn queues(
    architecture: Option<Architecture>,
    registers: &[RegisterState],
    memory: &Memory,
    lang: Lang,
) -> Vec<Queue> {
    let of_unit = |name: &str| registers.iter().find(|r| r.device.is_none() && r.register.name == name);
    let value = |name: &str| of_unit(name).map(|r| r.value);
    let set_up = architecture.map_or(&[][..], Architecture::queues).iter().filter_map(|q| {
        let ring = (q.ring)(value(q.base).filter(|base| *base != 0)?);
        let pointer = |name| value(name).unwrap_or(0);
        Some(one(q, ring, pointer(q.head), pointer(q.tail), memory, lang))
    });
    set_up.collect()
}

fn one(q: &QueueType, ring: Ring, head: u64, tail: u64, memory: &Memory, lang: Lang) -> Queue {
    let capacity = ring.entries;
    let waiting = ring.waiting(head, tail);
    let (head, tail) = (ring.index(head), ring.index(tail));
    let entry = |index: u64, waits: bool| {
        let at = ring.slot(index);
        let word = |w: u64| memory.peek_u64(at.wrapping_add(w * 8));
        let words: Vec<u64> = (0..ring.bytes / 8).map(word).collect();
        let entry = bits::structure((q.entry)(words[0]), at.raw(), &words, &[], lang);
        QueueEntry { index: index as u32, waits, entry }
    };
    // Memory before the head holds what was taken, as long as it was ever written.
    let written = |e: &QueueEntry| e.entry.words.iter().any(|word| word.0 != 0);
    let before = (1..=TAKEN.min((capacity - 1).saturating_sub(waiting)))
        .map(|back| (head + capacity - back) % capacity);
    let mut entries: Vec<QueueEntry> = before.map(|index| entry(index, false)).take_while(written).collect();
    entries.reverse();
    let shown = waiting.min(WAITING);
    entries.extend((0..shown).map(|n| entry((head + n) % capacity, true)));
    Queue {
        name: q.name.get(lang).into(),
        section: q.section.into(),
        base: Hex(ring.at),
        capacity,
        head: head as u32,
        tail: tail as u32,
        more: (waiting - shown) as u32,
        entries,
    }
}

#[cfg(test)]
mod tests {
    use crate::explain::Cast;
    use crate::machine::run::run;
    use crate::spec::Lang;
    use crate::view::Viewer;

    fn viewer(machine: &str) -> Viewer {
        let text = format!(
            "iommu-playground 1\nmachine {machine}\niommu strict\ndevice nic 00:03.0\nsteps\nalloc buf 4K\n\
             rx = dma_map_single nic buf from-device\ndma_unmap_single rx\ndma nic write 0xdead_0000 +64\n"
        );
        let run = run(&text).unwrap();
        let cast = Cast::of(&run.machine, &text);
        Viewer::new(run.machine.trace.clone(), run.machine.memories(), cast)
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
                assert_eq!(
                    u64::from(queue.head + waiting) % queue.capacity,
                    u64::from(queue.tail),
                    "{machine} at {at}"
                );
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

    #[test]
    fn the_largest_queue_wraps() {
        use super::*;
        use crate::iommu::riscv::spec::registers::{CQB, CQH, CQT};
        let state = |register, value| RegisterState { device: None, register, value };
        // 2^32 commands, of which the last and the first wait.
        let registers = [state(&CQB, 0x1f), state(&CQH, u32::MAX.into()), state(&CQT, 1)];
        let queue = &queues(Some(Architecture::Riscv), &registers, &Memory::new(), Lang::En)[0];
        let waits: Vec<u32> = queue.entries.iter().filter(|e| e.waits).map(|e| e.index).collect();
        assert_eq!((queue.capacity, waits), (1 << 32, alloc::vec![u32::MAX, 0]));
    }
}
