//! What AMD-Vi is called and what its unit can do, for callers that list architectures.

use super::{faults, AmdVi, Config, QUEUES};
use crate::addr::PhysAddr;
use crate::iommu::architecture::{Ability, Board, Descriptor, Terms, UnitType};
use crate::iommu::AnyIommu;
use crate::mmu::arch::Cpu;
use crate::platform::interrupts::Controller;
use crate::spec::Text;
use crate::trace::CacheType;

/// AMD-Vi.
pub static ARCHITECTURE: Descriptor = Descriptor {
    word: "amd-vi",
    other_words: &["amd", "amdvi", "amd-iommu"],
    name: "AMD-Vi",
    label: "AMD-Vi",
    title: "AMD-Vi",
    machine: Text::new("AMD-Vi, with an AMD CPU.", "AMD-Vi，配 AMD CPU。"),
    only: Text::new("On AMD-Vi.", "在 AMD-Vi 上。"),
    terms: Terms {
        requester: "DeviceID",
        process: "PASID",
        no_process: Text::new(
            "PASID 0, which stands for a request without one",
            "PASID 0（请求不带 PASID 时用它）",
        ),
        domain: Text::new("DomainID", "DomainID"),
        device_entry: "Device Table Entry (DTE)",
        process_entry: "GCR3 table entry",
        stage1: "guest page tables (v2)",
        stage2: "host page tables (v1)",
        between: Text::new("guest-physical address", "客户机物理地址"),
        iotlb: "IOMMU TLB",
        device_cache: Text::new("device table entry cache", "设备表项缓存"),
        // Not the unit's, which is the IOMMU TLB (AMD 48882).
        device_tlb: CacheType::device_tlb("IOTLB (in the device)", "IOTLB（设备内）"),
        commands: "command buffer",
        faults: "event log",
        page_requests: "peripheral page request log",
        interrupts: "interrupt remapping table",
        device_tables: Text::new("the device table", "设备表"),
        process_tables: Text::new("the GCR3 table", "GCR3 表"),
        interrupt_tables: Text::new("the interrupt remapping table", "中断重映射表"),
    },
    unit: UnitType {
        new: |wanted| Config::of(wanted).map(|config| AnyIommu::AmdVi(AmdVi::new(config))),
        faults: faults::ALL,
        silent: &[],
        queues: &QUEUES,
        id_bits: 16,
        abilities: &[
            Ability::Processes,
            Ability::InterruptTable,
            Ability::WriteOnly,
            Ability::PostedInterrupts,
            Ability::ReservedRegions,
        ],
        board: Board {
            cpu: Cpu::Amd64,
            interrupts: Controller::LocalApic,
            // Where firmware of EPYC machines often puts one; the IVRS says where.
            registers: PhysAddr::new(0xfeb8_0000),
            register_bytes: 16 << 10,
            ..Board::PC
        },
    },
};
