//! Every wording that is read, with where it comes from, and the nearest of them for a line that is not.

use super::fault::Arch;
use alloc::vec::Vec;

/// One wording.
#[derive(PartialEq, Eq, Debug)]
pub struct Form {
    /// A short name, for tests and links.
    pub name: &'static str,
    /// Whose message it is.
    pub arch: Arch,
    /// The wording; `*` stands for what varies.
    pub wording: &'static str,
    /// Which program prints it, in which versions.
    pub source: &'static str,
}

macro_rules! forms {
    ($($name:literal $arch:ident $wording:literal $source:literal;)*) => {
        /// Every wording that [`parse_log`](super::parse_log) reads.
        pub static FORMS: &[Form] = &[$(Form {
            name: $name,
            arch: Arch::$arch,
            wording: $wording,
            source: $source,
        }),*];
    };
}

forms! {
    "vtd-status" VtD "DMAR: DRHD: handling fault status reg *" "Linux v2.6.28 and later, drivers/iommu/intel/dmar.c (before v3.19 without DMAR:)";
    "vtd-2.6" VtD "DMAR:[DMA Read] Request device [*] fault addr * DMAR:[fault reason *] *" "Linux v2.6.25 to v3.18, two lines, reason in decimal";
    "vtd-3.19" VtD "DMAR: [DMA Read] Request device [*] fault addr * [fault reason *] *" "Linux v3.19 to v5.5, reason in decimal";
    "vtd-5.6" VtD "DMAR: [DMA Read] Request device [*] PASID * fault addr * [fault reason *] *" "Linux v5.6 to v5.13, PASID ffffffff is none, reason in decimal";
    "vtd-5.14" VtD "DMAR: [DMA Read NO_PASID] Request device [*] fault addr * [fault reason *] *" "Linux v5.14 and later, reason in hexadecimal; v5.14 and v5.15 write [0xbb:0xdd.f]";
    "vtd-interrupt" VtD "DMAR: [INTR-REMAP] Request device [*] fault index * [fault reason *] *" "Linux v2.6.36 and later (before v3.19 two lines, INTR-REMAP:[fault reason)";
    "vtd-xen" VtD "[VT-D]DMAR:[DMA Read] Request device [*] fault addr * [VT-D]DMAR: reason * - *" "Xen 4.x, two lines, reason in hexadecimal";
    "vtd-invalidation" VtD "DMAR: VT-d detected Invalidation Time-out Error: SID *" "Linux v5.16 and later";
    "vtd-descriptor" VtD "DMAR: QI HEAD: * qw0 = *, qw1 = *" "Linux v5.16 and later";
    "vtd-cleared" VtD "DMAR: Invalidation Time-out Error (ITE) cleared" "Linux v5.16 and later";
    "vtd-prq-overflow" VtD "DMAR: IOMMU: * PRQ overflow detected" "Linux v5.13 and later";
    "vtd-prq-invalid" VtD "DMAR: IOMMU: * Invalid page request: * *" "Linux v5.6 and later (v4.4 to v5.5: Page request for invalid PASID)";
    "suppressed" VtD "dmar_fault: * callbacks suppressed" "Linux, lib/ratelimit.c";
    "vtd-walk" VtD "DMAR: Dump * table entries for IOVA *" "Linux v5.15 and later with CONFIG_DMAR_DEBUG";
    "vtd-translation-struct" VtD "IOMMU * Root Table Address: *" "Linux v5.2 and later, debugfs iommu/intel/dmar_translation_struct";
    "vtd-domain-struct" VtD "Device * @* IOVA_PFN PML5E PML4E PDPE PDE PTE" "Linux v5.8 and later, debugfs iommu/intel/domain_translation_struct (v6.7: a file each device and PASID)";
    "amd-event" AmdVi "AMD-Vi: Event logged [IO_PAGE_FAULT device=* domain=* address=* flags=*]" "Linux v2.6.26 and later; from v3.11 in front of it the device that Linux found, from v5.20 device with the segment";
    "amd-completion-wait" AmdVi "AMD-Vi: Completion-Wait loop timed out" "Linux v2.6.31 and later";
    "amd-overflow" AmdVi "AMD-Vi: IOMMU event log overflow" "Linux v5.0 and later (v6.4: IOMMU Event log restarting)";
    "smmuv3-raw" SmmuV3 "arm-smmu-v3 * event * received: * * * *" "Linux v4.2 and later, five lines";
    "smmuv3-decoded" SmmuV3 "arm-smmu-v3 * event: * client: * sid: * ssid: * iova: * ipa: *" "Linux v6.14 and later, after the raw words";
    "smmuv3-overflow" SmmuV3 "arm-smmu-v3 * EVTQ overflow detected -- events lost" "Linux v4.2 and later";
    "smmuv3-gerror" SmmuV3 "arm-smmu-v3 * unexpected global error reported (*), this could be serious" "Linux v4.2 and later";
    "smmuv3-sync" SmmuV3 "arm-smmu-v3 * CMD_SYNC timeout at * [hwprod *, hwcons *]" "Linux v4.19 and later";
    "smmuv2-context" SmmuV2 "arm-smmu * Unhandled context fault: fsr=*, iova=*, fsynr=*, cbfrsynra=*, cb=*" "Linux v3.12 and later (cbfrsynra from v5.2)";
    "riscv-linux" RiscV "riscv,iommu * Fault * devid: * iotval: * iotval2: *" "Linux v6.13 and later; the cause in decimal";
    "riscv-timeout" RiscV "riscv,iommu * Hardware error: command execution timeout" "Linux v6.13 and later";
    "qemu-vtd-trace" VtD "vtd_dmar_fault sid * fault * addr * write *" "QEMU 2.10 and later, trace event; the reason in decimal";
    "qemu-vtd-walk" VtD "vtd_iova_to_slpte: detected slpte permission error (iova=*, level=*, slpte=*, write=*)" "QEMU 3.0 and later (sspte from 9.2; pasid from 7.2)";
    "qemu-vtd-failure" VtD "vtd_iommu_translate: detected translation failure (dev=*, iova=*)" "QEMU 3.0 and later; device as bb:dd:ff";
    "qemu-vtd-compressed" VtD "New fault is not recorded due to compression of faults" "QEMU 2.2 and later";
    "qemu-riscv-trace" RiscV "riscv_iommu_flt * fault * reason: * iova: *" "QEMU 9.2 and later, trace event";
    "qemu-smmuv3" SmmuV3 "smmuv3-iommu-memory-region-* translation failed for iova=* (*)" "QEMU 2.12 and later, with -d guest_errors";
    "qemu-amd" AmdVi "amdvi_page_fault error: page fault accessing guest physical address *" "QEMU 2.9 and later, trace event";
}

/// The form with this name.
pub(super) fn by_name(name: &str) -> Option<&'static Form> {
    FORMS.iter().find(|form| form.name == name)
}

/// What every kernel says of its IOMMUs at boot and when devices come: nothing is wrong.
pub(super) fn is_boot_message(line: &str) -> bool {
    const WORDS: [&str; 30] = [
        "Adding to iommu group",
        "Removing from iommu group",
        "DMAR: Host address width",
        "DMAR: DRHD base:",
        "DMAR: RMRR base:",
        "DMAR: ATSR flags:",
        "DMAR: SATC flags:",
        "DMAR: RHSA base:",
        "DMAR: No RMRR found",
        "DMAR: No ATSR found",
        "DMAR: No SATC found",
        "DMAR: IOMMU enabled",
        "DMAR: IOMMU feature",
        "DMAR: Intel(R) Virtualization Technology",
        "reg_base_addr",
        "Using Queued invalidation",
        "DMAR-IR:",
        "ACPI: DMAR 0x",
        "ACPI: IVRS 0x",
        "iommu: Default domain type",
        "iommu: DMA domain TLB invalidation policy",
        "AMD-Vi: Using global IVHD",
        "AMD-Vi: Found IOMMU",
        "AMD-Vi: Extended features",
        "AMD-Vi: Interrupt remapping enabled",
        "AMD-Vi: Virtual APIC enabled",
        "AMD-Vi: AMD IOMMUv2",
        "perf/amd_iommu: Detected",
        "ias ",
        " entries for ",
    ];
    WORDS.iter().any(|word| line.contains(word))
}

/// Is the line worth showing among thousands although it is not understood?
pub(super) fn speaks_of_iommu(line: &str) -> bool {
    const WORDS: [&str; 10] = [
        "DMAR",
        "AMD-Vi",
        "arm-smmu",
        "iommu",
        "IOMMU",
        "PAGE_FAULT",
        "INTR-REMAP",
        "vtd_",
        "amdvi",
        "smmuv3",
    ];
    WORDS.iter().any(|word| line.contains(word))
}

/// Phrase of at least three letters: what two lines can have in common.
fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).filter(|word| {
        word.len() > 2 && !word.starts_with("0x") && word.bytes().any(|b| b.is_ascii_alphabetic())
    })
}

/// The form that shares most words with the line, if it shares a good part of them.
///
/// Only the first words of a line count, so that a line of any length costs the same.
pub(super) fn nearest(line: &str) -> Option<&'static Form> {
    const MOST: usize = 24;
    let line: Vec<&str> = words(line).take(MOST).collect();
    let score = |form: &Form| {
        let (mut shared, mut all) = (0, 0);
        for word in words(form.wording) {
            all += 1;
            shared += usize::from(line.iter().any(|have| have.eq_ignore_ascii_case(word)));
        }
        (shared, all)
    };
    FORMS
        .iter()
        .map(|form| (score(form), form))
        .filter(|((shared, all), _)| *shared >= 2 && shared * 3 >= *all)
        .max_by(|((a, n), _), ((b, m), _)| (a * m).cmp(&(b * n)).then(a.cmp(b)))
        .map(|(_, form)| form)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documentation_lists_every_form() {
        let docs = include_str!("../../../../docs/fault-logs.md");
        for form in FORMS {
            let row = alloc::format!("| {} | `{}` | {} |", form.arch.name(), form.wording, form.source);
            assert!(docs.contains(&row), "docs/fault-logs.md lacks:\n{row}");
        }
    }

    #[test]
    fn names_are_unique_and_every_form_is_nearest_to_itself() {
        for (i, form) in FORMS.iter().enumerate() {
            assert!(FORMS[..i].iter().all(|f| f.name != form.name), "{}", form.name);
            let near = nearest(form.wording).expect(form.name);
            let same = |f: &Form| words(f.wording).collect::<Vec<_>>();
            // Wordings of successive versions share all their words.
            assert!(
                near == form || same(form).iter().all(|w| same(near).contains(w)),
                "{} {}",
                form.name,
                near.name
            );
        }
        assert_eq!(nearest("usb 1-1: new high-speed USB device number 2 using xhci_hcd"), None);
    }
}
