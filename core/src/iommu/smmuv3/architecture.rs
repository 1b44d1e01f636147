//! What SMMUv3 is called and what its unit can do, for those that list architectures.

use super::spec::events;
use super::{Config, Smmuv3, QUEUES};
use crate::addr::PhysAddr;
use crate::iommu::architecture::{Ability, Board, Descriptor, Terms, UnitType};
use crate::iommu::AnyIommu;
use crate::mmu::arch::Cpu;
use crate::platform::interrupts::Controller;
use crate::platform::its::SMMU;
use crate::spec::Text;
use crate::trace::CacheType;

/// Arm SMMUv3.
pub static ARCHITECTURE: Descriptor = Descriptor {
    word: "smmuv3",
    other_words: &["arm", "arm64", "aarch64", "armv8", "smmu", "smmu-v3", "gic", "gicv3", "its"],
    name: "SMMUv3",
    label: "Arm SMMUv3",
    title: "Arm SMMUv3",
    machine: Text::new("Arm SMMUv3.", "Arm SMMUv3。"),
    only: Text::new("On SMMUv3.", "在 SMMUv3 上。"),
    terms: Terms {
        requester: "StreamID",
        process: "SubstreamID",
        // IHI 0070, 5.2: with STE.S1CDMax = 0 there is one CD, and STE.S1DSS = 0b10 takes CD 0 for such requests.
        no_process: Text::new(
            "CD 0, that of requests without a SubstreamID",
            "CD 0（请求不带 SubstreamID 时用它）",
        ),
        domain: Text::new("VMID and ASID", "VMID 与 ASID"),
        device_entry: "Stream Table Entry (STE)",
        process_entry: "Context Descriptor (CD)",
        stage1: "stage 1",
        stage2: "stage 2",
        between: Text::new("IPA", "IPA"),
        iotlb: "TLB",
        device_cache: Text::new("STE cache", "STE 缓存"),
        device_tlb: CacheType::device_tlb("ATC", "ATC"),
        commands: "Command queue",
        faults: "Event queue",
        page_requests: "PRI queue",
        interrupts: "GIC ITS",
        device_tables: Text::new("the stream table", "流表"),
        process_tables: Text::new("the context descriptors", "上下文描述符表"),
        interrupt_tables: Text::new("the ITS's tables", "ITS 的表"),
    },
    unit: UnitType {
        new: |wanted| Ok(AnyIommu::SmmuV3(Smmuv3::new(Config::of(wanted)?))),
        faults: events::ALL,
        silent: &[&super::unit::ABORTED, &super::unit::STALLED],
        queues: &QUEUES,
        id_bits: 16,
        abilities: &[Ability::Processes, Ability::DeviceEvents, Ability::IdMap, Ability::ReservedRegions],
        board: BOARD,
    },
};

/// The machine around the unit.
const BOARD: Board = Board {
    cpu: Cpu::Aarch64,
    interrupts: Controller::Its,
    registers: PhysAddr::new(SMMU),
    // Two pages of 64 KiB, and the ITS's registers behind them.
    register_bytes: 0x3_0000,
    // As on QEMU's virt machine: the first GiB is for devices, with a low PCI window in it and a high one far above RAM.
    ram: (1 << 30, 4 << 30),
    windows: &[(0x1000_0000, 0x2eff_0000, false), (0x80_0000_0000, 1 << 39, true)],
};
