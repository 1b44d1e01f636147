//! The queues of a unit in memory: commands, faults and page requests (RISC-V IOMMU, "In-memory queue interface").

use super::entries::{command, FAULT_RECORD, PAGE_RECORD};
use crate::iommu::queue::{QueueType, Shape};
use crate::spec::{EntryType, Text};

const SECTION: &str = "RISC-V IOMMU 3";

/// All, in the order of their registers.
pub static QUEUES: [QueueType; 3] = [
    queue(Text::new("command queue", "命令队列"), ["cqb", "cqh", "cqt"], |cqb| shape(cqb, 16), command),
    queue(
        Text::new("fault queue", "错误队列"),
        ["fqb", "fqh", "fqt"],
        |fqb| shape(fqb, 32),
        |_| &FAULT_RECORD,
    ),
    queue(
        Text::new("page request queue", "页请求队列"),
        ["pqb", "pqh", "pqt"],
        |pqb| shape(pqb, 16),
        |_| &PAGE_RECORD,
    ),
];

const fn queue(
    name: Text,
    [base, head, tail]: [&'static str; 3],
    shape: fn(u64) -> Shape,
    entry: fn(u64) -> &'static EntryType,
) -> QueueType {
    let index = |_, register| register;
    QueueType { name, section: SECTION, base, head, tail, shape, index, slot, entry }
}

/// LOG2SZ-1 in bits 4:0, PPN in 53:10.
pub(super) fn shape(base: u64, bytes: u64) -> Shape {
    Shape { at: (base >> 10 & 0xfff_ffff_ffff) << 12, entries: 2 << (base & 0x1f), bytes }
}

/// Where an entry is. A queue is aligned to its size: the index is put into the address, not added.
pub(super) fn slot(shape: Shape, index: u64) -> u64 {
    shape.at | (index * shape.bytes)
}

/// The index after one.
pub(super) fn next(shape: Shape, index: u64) -> u64 {
    (index + 1) & (shape.entries - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registers_say_where_entries_are() {
        let shape = (QUEUES[1].shape)(0x12345 << 10 | 6);
        assert_eq!(shape, Shape { at: 0x1234_5000, entries: 128, bytes: 32 });
        assert_eq!((QUEUES[1].index)(shape, 127), 127);
        assert_eq!((slot(shape, 3), next(shape, 127)), (0x1234_5060, 0));
    }
}
