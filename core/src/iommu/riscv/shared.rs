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
    QueueType { name, section: SECTION, base, head, tail, shape, index: |_, register| register as u32, entry }
}

/// LOG2SZ-1 in bits 4:0, PPN in 53:10.
fn shape(base: u64, bytes: u32) -> Shape {
    // A queue of 2^32 entries is allowed; no memory here holds so many.
    let entries = 2u64 << (base & 0x1f);
    Shape { at: (base >> 10 & 0xfff_ffff_ffff) << 12, entries: entries.min(u32::MAX.into()) as u32, bytes }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registers_say_where_entries_are() {
        let shape = (QUEUES[1].shape)(0x12345 << 10 | 6);
        assert_eq!(shape, Shape { at: 0x1234_5000, entries: 128, bytes: 32 });
        assert_eq!((QUEUES[1].index)(shape, 127), 127);
    }
}
