//! The queues of a unit in memory: invalidation (VT-d 6.5.2) and page requests (VT-d 7.4).

use super::spec::commands::{kind_of, of_kind, PAGE_REQUEST, UNKNOWN};
use super::spec::registers::{iqa, pqa};
use crate::iommu::ring::{Pointers, QueueType, Ring};
use crate::spec::{Bits, Text};

/// Both, in the order of their registers.
pub static QUEUES: [QueueType; 2] = [
    QueueType {
        name: Text::new("invalidation queue", "失效队列"),
        section: "VT-d 6.5.2",
        base: "IQA_REG",
        head: "IQH_REG",
        tail: "IQT_REG",
        ring: |base| commands(base, true),
        entry: |low| of_kind(kind_of(low)).unwrap_or(&UNKNOWN),
        pages: false,
    },
    QueueType {
        name: Text::new("page request queue", "页请求队列"),
        section: "VT-d 7.4",
        base: "PQA_REG",
        head: "PQH_REG",
        tail: "PQT_REG",
        ring: page_requests,
        entry: |_| &PAGE_REQUEST,
        pages: true,
    },
];

/// Returns the ring of the invalidation queue, whose descriptors have 256 bits where DW is 1 and the unit has scalable
/// mode, else 128.
pub fn commands(base: u64, scalable: bool) -> Ring {
    ring(base, if scalable && base.is_set(iqa::DW) { 32 } else { 16 })
}

/// Returns the ring of the page request queue.
pub fn page_requests(base: u64) -> Ring {
    ring(base, 32)
}

/// QS and PQS: 2^n pages of 4 KiB. They and the addresses are at the same bits in both registers; head and tail are
/// offsets in bytes.
fn ring(base: u64, bytes: u64) -> Ring {
    let entries = (4096 << base.bits(pqa::PQS)) / bytes;
    Ring { at: base.address(pqa::PQA), entries, bytes, pointers: Pointers::Bytes }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::addr::PhysAddr;

    #[test]
    fn registers_say_where_entries_are() {
        let ring = (QUEUES[0].ring)(0x1234_5000 | 1 << 11 | 2);
        assert_eq!((ring.at, ring.entries, ring.bytes), (0x1234_5000, 512, 32));
        assert_eq!(ring.index(0x40), 2);
        assert_eq!((QUEUES[0].ring)(0x5000).entries, 256);
        assert_eq!(ring.slot(2), PhysAddr::new(0x1234_5040));
        let descriptor = QUEUES[0].entry;
        assert_eq!(descriptor(5).name.en, of_kind(5).unwrap().name.en);
        assert!(core::ptr::eq(descriptor(0xf), &UNKNOWN));
    }
}
