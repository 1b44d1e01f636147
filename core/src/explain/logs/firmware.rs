//! What a kernel complains of in firmware's tables (DMAR, IVRS), and what follows for interrupt remapping.

use super::causes::{Cause, FIRMWARE_TABLES};
use super::evidence::Clue;
use super::fault::{Arch, Fault};
use super::forms::Form;
use super::found::{pattern, Captures, Format, Found, Here, Pattern};
use crate::spec::{Phrase, Text};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

pub(super) static FORMAT: Format = Format {
    forms: FORMS,
    readers: &[
        ("DMAR-IR: ", trouble),
        ("[Firmware Bug]", trouble),
        ("DMAR: ", trouble),
        ("AMD-Vi: ", trouble),
    ],
    patterns: PATTERNS,
    codes: || Vec::new(),
    causes: |_: &Fault| -> &'static [&'static Cause] { &[] },
};

static FORMS: &[Form] = &[Form {
    name: "fw-bug",
    arch: Arch::VtD,
    wording: "DMAR: [Firmware Bug]: *",
    source: "Linux v2.6.32 and later, drivers/iommu/intel and drivers/iommu/amd; the words are quoted",
}];

static PATTERNS: &[Pattern] = &[
    pattern!("fw-ioapic-vtd" VtD Software
        "DMAR-IR: [Firmware Bug]: ioapic {irq} has no mapping iommu, interrupt remapping will be disabled"
        "Linux v2.6.39 and later, drivers/iommu/intel/irq_remapping.c"
        => "VT-d: firmware names no unit for I/O APIC {irq}, so interrupt remapping stays off" "VT-d：固件没有为 I/O APIC {irq} 指定 IOMMU，中断重映射因此关闭"
        [FIRMWARE_TABLES, IR_INACTIVE] firmware_bug),
    pattern!("ir-vulnerable" VtD Software
        "DMAR-IR: Failed to enable irq remapping. You are vulnerable to irq-injection attacks."
        "Linux v4.0 and later, drivers/iommu/intel/irq_remapping.c"
        => "VT-d: interrupt remapping is off: a device can raise any interrupt" "VT-d：中断重映射未启用，设备可以触发任意中断"
        [IR_INACTIVE, FIRMWARE_TABLES] remapping_off_fact),
    pattern!("fw-ioapic-amd" AmdVi Software
        "AMD-Vi: [Firmware Bug]: : IOAPIC[{irq}] not in IVRS table"
        "Linux v3.9 and later, drivers/iommu/amd/init.c (also [Firmware Bug]: AMD-Vi: in front)"
        => "AMD-Vi: firmware's table lacks I/O APIC {irq}" "AMD-Vi：固件表缺少 I/O APIC {irq}"
        [FIRMWARE_TABLES, IR_INACTIVE] firmware_bug),
    pattern!("fw-ioapic-amd-old" AmdVi Software
        "[Firmware Bug]: AMD-Vi: IOAPIC[{irq}] not in IVRS table"
        "Linux v3.9 to v5.x, drivers/iommu/amd_iommu_init.c"
        => "AMD-Vi: firmware's table lacks I/O APIC {irq}" "AMD-Vi：固件表缺少 I/O APIC {irq}"
        [FIRMWARE_TABLES, IR_INACTIVE] firmware_bug),
    pattern!("fw-southbridge" AmdVi Software
        "No southbridge IOAPIC found"
        "Linux v3.9 and later, drivers/iommu/amd/init.c; seen on QEMU too"
        => "AMD-Vi: firmware's table lacks the southbridge's I/O APIC, so interrupt remapping stays off" "AMD-Vi：固件表缺少南桥的 I/O APIC，中断重映射因此关闭"
        [FIRMWARE_TABLES, IR_INACTIVE] firmware_bug),
    pattern!("fw-rmrr" VtD Software
        "DMAR: [Firmware Bug]: No firmware reserved region can cover this RMRR [{why}], contact BIOS vendor for fixes"
        "Linux v4.16 and later, drivers/iommu/intel/iommu.c"
        => "VT-d: firmware's RMRR {why} is not in memory that firmware reserved: the kernel may use the same pages" "VT-d：固件的 RMRR {why} 不在固件保留的内存里，内核可能把这些页另作他用"
        [FIRMWARE_TABLES] firmware_bug),
    pattern!("fw-rmrr-bad" VtD Software
        "Your BIOS is broken; bad RMRR [{why}]"
        "Linux v2.6.30 and later, drivers/iommu/intel/iommu.c"
        => "VT-d: firmware's RMRR {why} makes no sense" "VT-d：固件的 RMRR {why} 不合理"
        [FIRMWARE_TABLES] firmware_bug),
    pattern!("fw-dmar-broken" VtD Software
        "Your BIOS is broken; {why...}"
        "Linux v2.6.30 and later, drivers/iommu/intel/dmar.c"
        => "VT-d: firmware's DMAR table is wrong: {why...}" "VT-d，固件的 DMAR 表有误：{why...}"
        [FIRMWARE_TABLES] firmware_bug),
    pattern!("vtd-relaxable" VtD Software
        "DMAR: Intel-IOMMU: assuming all RMRRs are relaxable. {why...}"
        "kernels with the relax_rmrr patch, as of Proxmox"
        => "VT-d: this kernel treats every RMRR as relaxable: assigned devices may fight firmware" "VT-d：这个内核把所有 RMRR 都当作可放宽的（relaxable），直通设备可能与固件冲突"
        [FIRMWARE_TABLES]),
];

fn firmware_bug(_: &Captures<'_>, found: &mut Found) {
    found.clue(Clue::FirmwareBug);
}

fn remapping_off_fact(_: &Captures<'_>, found: &mut Found) {
    found.inferred(
        Text::new("what follows", "影响"),
        "allow_unsafe_interrupts",
        Text::new(
            "VFIO assigns no device unless this parameter is set; DMA translation is not affected",
            "除非设置该参数，VFIO 不会直通任何设备；DMA 转换不受影响",
        ),
    );
}

/// A line of a VT-d or AMD-Vi driver that reports trouble with firmware's tables and has no form of its own: the
/// kernel's words are quoted.
fn trouble(here: &Here<'_>) -> Option<Found> {
    let text = here.text;
    let arch = match () {
        () if text.starts_with("DMAR") => Arch::VtD,
        () if text.starts_with("AMD-Vi")
            || text.contains("AMD-Vi:") && text.starts_with("[Firmware Bug]") =>
        {
            Arch::AmdVi
        }
        () if text.starts_with("[Firmware Bug]") && (text.contains("DMAR") || text.contains("RMRR")) => {
            Arch::VtD
        }
        () => return None,
    };
    if !text.contains("[Firmware Bug]") {
        return None;
    }
    let mut words: String = text.chars().take(160).collect();
    if let Some(at) = words.find("[Firmware Bug]") {
        words = words[at + "[Firmware Bug]".len()..].trim_start_matches([':', ' ']).to_string();
    }
    let title = Phrase::new(
        format!("{}: firmware's tables: {words}", arch.name()),
        format!("{}，固件表：{words}", arch.name()),
    );
    let mut found = Found::software(arch, "fw-bug", title);
    found.clue(Clue::FirmwareBug);
    found.causes = &[&FIRMWARE_TABLES];
    Some(found)
}
