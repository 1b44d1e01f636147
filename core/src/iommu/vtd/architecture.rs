//! What VT-d is called and what its unit can do, for callers that list architectures.

use super::{faults, Config, Vtd, QUEUES};
use crate::iommu::architecture::{Ability, Board, Descriptor, Terms, UnitType};
use crate::iommu::AnyIommu;
use crate::spec::Text;
use crate::trace::CacheType;

/// Intel VT-d.
pub static ARCHITECTURE: Descriptor = Descriptor {
    word: "vt-d",
    other_words: &["vtd", "intel", "x86", "x86-64", "dmar", "intel-iommu"],
    name: "VT-d",
    label: "Intel VT-d",
    title: "Intel VT-d",
    machine: Text::new("Intel VT-d.", "Intel VT-d。"),
    only: Text::new("On VT-d.", "在 VT-d 上。"),
    terms: Terms {
        requester: "requester id (BDF)",
        process: "PASID",
        no_process: Text::new(
            "PASID 0, which stands for a request without one",
            "PASID 0（请求不带 PASID 时用它）",
        ),
        domain: Text::new("domain id", "domain id"),
        device_entry: "context entry",
        process_entry: "PASID-table entry",
        stage1: "first stage",
        stage2: "second stage",
        between: Text::new("guest-physical address", "客户机物理地址"),
        iotlb: "IOTLB",
        device_cache: Text::new("context cache", "上下文缓存"),
        device_tlb: CacheType::device_tlb("Device-TLB", "Device-TLB"),
        commands: "invalidation queue",
        faults: "fault recording registers",
        page_requests: "page request queue",
        interrupts: "interrupt remapping table",
        device_tables: Text::new("the root and context tables", "根表和上下文表"),
        process_tables: Text::new("the PASID tables", "PASID 表"),
        interrupt_tables: Text::new("the interrupt remapping table", "中断重映射表"),
    },
    unit: UnitType {
        new: |wanted| Config::of(wanted).map(|config| AnyIommu::Vtd(Vtd::new(config))),
        faults: faults::ALL,
        silent: &[],
        queues: &QUEUES,
        id_bits: 16,
        // Legacy mode, which a machine has unless its line says `scalable`, has no process tables.
        abilities: &[
            Ability::TableModes,
            Ability::InterruptTable,
            Ability::WriteOnly,
            Ability::PostedInterrupts,
            Ability::SvaNeedsAts,
            Ability::ReservedRegions,
        ],
        board: Board::PC,
    },
};
