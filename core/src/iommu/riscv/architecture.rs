//! What the RISC-V IOMMU is called and what its unit can do, for callers that list architectures.

use super::{faults, Config, Riscv, QUEUES};
use crate::addr::PhysAddr;
use crate::iommu::architecture::{Ability, Board, Descriptor, Terms, UnitType};
use crate::iommu::AnyIommu;
use crate::mmu::arch::Cpu;
use crate::platform::interrupts::Controller;
use crate::spec::Text;
use crate::trace::CacheType;

/// The RISC-V IOMMU.
pub static ARCHITECTURE: Descriptor = Descriptor {
    word: "riscv",
    other_words: &["risc", "risc-v", "riscv64", "rv64", "riscv-iommu"],
    name: "RISC-V",
    label: "RISC-V",
    title: "RISC-V IOMMU",
    machine: Text::new("The RISC-V IOMMU.", "RISC-V IOMMU。"),
    only: Text::new("On RISC-V.", "在 RISC-V 上。"),
    terms: Terms {
        requester: "device_id",
        process: "process_id",
        no_process: Text::new(
            "process_id 0, which stands for a request without one",
            "process_id 0（请求不带 process_id 时用它）",
        ),
        domain: Text::new("GSCID and PSCID", "GSCID 与 PSCID"),
        device_entry: "device context (DC)",
        process_entry: "process context (PC)",
        stage1: "first stage (iosatp)",
        stage2: "second stage (iohgatp)",
        between: Text::new("guest-physical address", "客户机物理地址"),
        iotlb: "IOATC",
        device_cache: Text::new("DDT cache", "设备目录缓存"),
        device_tlb: CacheType::device_tlb("DevATC", "DevATC"),
        commands: "command queue (CQ)",
        faults: "fault/event queue (FQ)",
        page_requests: "page-request queue (PQ)",
        interrupts: "MSI page table",
        device_tables: Text::new("the device directory", "设备目录"),
        process_tables: Text::new("the process directory", "进程目录"),
        interrupt_tables: Text::new("the MSI page table", "MSI 页表"),
    },
    unit: UnitType {
        new: |wanted| Config::of(wanted).map(|config| AnyIommu::Riscv(Riscv::new(config))),
        faults: faults::ALL,
        silent: &[],
        queues: &QUEUES,
        id_bits: 24,
        abilities: &[Ability::Processes, Ability::InterruptFiles, Ability::IdMap],
        board: Board {
            cpu: Cpu::Riscv,
            interrupts: Controller::Imsic,
            // No specification says where: a device tree does.
            registers: PhysAddr::new(0xf700_0000),
            ..Board::PC
        },
    },
};
