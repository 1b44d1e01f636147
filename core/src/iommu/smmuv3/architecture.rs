//! What SMMUv3 is called and what its unit can do, for whoever lists architectures.

use crate::addr::PhysAddr;
use crate::iommu::architecture::{Board, Descriptor, Terms};
use crate::mmu::arch::Cpu;
use crate::platform::interrupts::Controller;
use crate::spec::Text;

/// Arm SMMUv3.
pub static ARCHITECTURE: Descriptor = Descriptor {
    word: "smmuv3",
    name: "SMMUv3",
    label: "Arm SMMUv3",
    title: "Arm SMMUv3",
    machine: Text::new("Arm SMMUv3.", "Arm SMMUv3。"),
    only: Text::new("On SMMUv3.", "在 SMMUv3 上。"),
    terms: Terms {
        requester: "StreamID",
        process: "SubstreamID",
        domain: "VMID and ASID",
        device_entry: "Stream Table Entry (STE)",
        process_entry: "Context Descriptor (CD)",
        stage1: "stage 1",
        stage2: "stage 2",
        iotlb: "TLB",
        device_cache: "configuration cache",
        commands: "Command queue",
        faults: "Event queue",
        page_requests: "PRI queue",
        interrupts: "GIC ITS",
    },
    // The unit below is held against recordings, but scenarios cannot have it yet: presets and their answers come first.
    unit: None,
};

/// The machine around the unit.
pub static BOARD: Board = Board {
    cpu: Cpu::Aarch64,
    interrupts: Controller::Its,
    // Where QEMU's virt machine has it; ACPI's IORT or a device tree says so.
    registers: PhysAddr::new(0x0905_0000),
};
