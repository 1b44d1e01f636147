//! What VT-d is called and what its unit can do, for callers that list architectures.

use super::{faults, Config, Vtd, QUEUES};
use crate::iommu::architecture::{Ability, Board, Descriptor, Terms, UnitType};
use crate::iommu::AnyIommu;
use crate::spec::Text;

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
        domain: "domain id",
        device_entry: "context entry",
        process_entry: "PASID-table entry",
        stage1: "first stage",
        stage2: "second stage",
        iotlb: "IOTLB",
        device_cache: "context cache",
        device_tlb: "Device-TLB",
        commands: "invalidation queue",
        faults: "fault recording registers",
        page_requests: "page request queue",
        interrupts: "interrupt remapping table",
    },
    unit: UnitType {
        new: |wanted| Config::of(wanted).map(|config| AnyIommu::Vtd(Vtd::new(config))),
        faults: faults::ALL,
        silent: &[],
        queues: &QUEUES,
        // Legacy mode, which a machine has unless its line says `scalable`, has no process tables.
        abilities: &[
            Ability::TableModes,
            Ability::InterruptTable,
            Ability::WriteOnly,
            Ability::PostedInterrupts,
            Ability::SvaNeedsAts,
        ],
        board: Board::PC,
    },
};
