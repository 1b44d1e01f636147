//! The queues of a unit in memory: commands, faults and page requests (RISC-V IOMMU, "In-memory queue interface").

use super::spec::commands::command;
use super::spec::registers::queue_base;
use super::spec::structures::{FAULT_RECORD, PAGE_RECORD};
use crate::iommu::ring::{Pointers, QueueType, Ring};
use crate::spec::{Bits, EntryType, Text};

const SECTION: &str = "RISC-V IOMMU 3";

/// All, in the order of their registers.
pub static QUEUES: [QueueType; 3] = [
    queue(Text::new("command queue", "命令队列"), ["cqb", "cqh", "cqt"], |cqb| ring(cqb, 16), command),
    queue(
        Text::new("fault queue", "故障队列"),
        ["fqb", "fqh", "fqt"],
        |fqb| ring(fqb, 32),
        |_| &FAULT_RECORD,
    ),
    QueueType {
        pages: true,
        ..queue(
            Text::new("page request queue", "页请求队列"),
            ["pqb", "pqh", "pqt"],
            |pqb| ring(pqb, 16),
            |_| &PAGE_RECORD,
        )
    },
];

const fn queue(
    name: Text,
    [base, head, tail]: [&'static str; 3],
    ring: fn(u64) -> Ring,
    entry: fn(u64) -> &'static EntryType,
) -> QueueType {
    QueueType { name, section: SECTION, base, head, tail, ring, entry, pages: false }
}

/// Returns the ring that a base register says.
pub(super) fn ring(base: u64, bytes: u64) -> Ring {
    let (at, entries) = (base.address(queue_base::PPN), 2 << base.bits(queue_base::LOG2SZ));
    Ring { at, entries, bytes, pointers: Pointers::Index }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::addr::PhysAddr;

    #[test]
    fn registers_say_where_entries_are() {
        let ring = (QUEUES[1].ring)(0x12345 << 10 | 6);
        assert_eq!((ring.at, ring.entries, ring.bytes), (0x1234_5000, 128, 32));
        assert_eq!((ring.slot(3), ring.next(127)), (PhysAddr::new(0x1234_5060), 0));
    }
}
