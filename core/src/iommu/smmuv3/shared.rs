//! The queues of a unit in memory: commands, events and page requests (IHI 0070, 3.5).

use super::spec::commands::command;
use super::spec::events::{record, PAGE_REQUEST};
use super::spec::registers::queue_base;
use crate::iommu::ring::{Pointers, QueueType, Ring};
use crate::spec::Bits;
use crate::spec::{EntryType, Text};

const SECTION: &str = "IHI 0070 3.5";

/// All, in the order of their registers.
pub static QUEUES: [QueueType; 3] = [
    queue(
        Text::new("command queue", "命令队列"),
        ["SMMU_CMDQ_BASE", "SMMU_CMDQ_CONS", "SMMU_CMDQ_PROD"],
        |base| ring(base, 19, 16),
        command,
    ),
    queue(
        Text::new("event queue", "事件队列"),
        ["SMMU_EVENTQ_BASE", "SMMU_EVENTQ_CONS", "SMMU_EVENTQ_PROD"],
        |base| ring(base, 19, 32),
        record,
    ),
    QueueType {
        pages: true,
        ..queue(
            Text::new("page request queue", "页请求队列"),
            ["SMMU_PRIQ_BASE", "SMMU_PRIQ_CONS", "SMMU_PRIQ_PROD"],
            |base| ring(base, 19, 16),
            |_| &PAGE_REQUEST,
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

/// Returns the ring that a base register says, of entries of `bytes`, at most 2^`largest` of them. Its address is aligned
/// to its size.
pub fn ring(base: u64, largest: u64, bytes: u64) -> Ring {
    let entries = 1u64 << base.bits(queue_base::LOG2SIZE).min(largest);
    let at = base.address(queue_base::ADDR) & !(entries * bytes - 1);
    Ring { at, entries, bytes, pointers: Pointers::Wrapping }
}
