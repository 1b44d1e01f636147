//! The queues of a unit in memory: invalidation (VT-d 6.5.2) and page requests (VT-d 7.4).

use super::descriptors::{self, PAGE_REQUEST, UNKNOWN};
use crate::iommu::ring::{Pointers, QueueType, Ring};
use crate::spec::Text;

/// Both, in the order of their registers.
pub static QUEUES: [QueueType; 2] = [
    QueueType {
        name: Text::new("invalidation queue", "失效队列"),
        section: "VT-d 6.5.2",
        base: "IQA_REG",
        head: "IQH_REG",
        tail: "IQT_REG",
        // DW: descriptors of 256 bits (VT-d 11.4, invalidation queue address register).
        ring: |iqa| ring(iqa, if iqa >> 11 & 1 != 0 { 32 } else { 16 }),
        entry: |low| descriptors::of_type(descriptors::kind(low)).map_or(&UNKNOWN, |(entry, _)| entry),
    },
    QueueType {
        name: Text::new("page request queue", "页请求队列"),
        section: "VT-d 7.4",
        base: "PQA_REG",
        head: "PQH_REG",
        tail: "PQT_REG",
        ring: |pqa| ring(pqa, 32),
        entry: |_| &PAGE_REQUEST,
    },
];

/// QS and PQS: 2^n pages of 4 KiB. Head and tail are offsets in bytes.
fn ring(base: u64, bytes: u64) -> Ring {
    Ring { at: base & !0xfff, entries: (4096 << (base & 7)) / bytes, bytes, pointers: Pointers::Bytes }
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
        assert_eq!(descriptor(5).name.en, descriptors::of_type(5).unwrap().0.name.en);
        assert!(core::ptr::eq(descriptor(0xf), &UNKNOWN));
    }
}
