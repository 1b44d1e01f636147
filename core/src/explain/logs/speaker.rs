//! What of a cause holds for the speaker of a message: another system than Linux has none of its means, and another
//! architecture than VT-d does not follow its specification.

use super::causes::Cause;
use super::fault::Arch;
use super::report::Item;
use crate::spec::{Lang, Text};
use alloc::string::String;
use alloc::vec::Vec;

/// Forms of other systems than Linux begin with one of these.
const OTHER_SYSTEMS: [&str; 8] =
    ["amd-xen", "xen-", "freebsd-", "illumos-", "openbsd-", "esxi-", "sel4-", "genode-"];

/// What only Linux has: boot parameters, files, calls, trace events, configuration.
const LINUX: [&str; 20] = [
    "iommu=",
    "iommu.",
    "pci=",
    "swiotlb",
    "page_poison",
    "/proc",
    "/sys",
    "debugfs",
    "CONFIG_",
    "dmesg",
    "kdump",
    "kexec",
    "iommu:",
    "dma_map",
    "dma_mapping",
    "dma_set",
    "iommu_sva",
    "Linux",
    "iommu_groups",
    "lspci -k",
];

/// Returns whether the message is Linux's, or one of a program on top of it.
fn is_linux(item: &Item) -> bool {
    let other =
        item.form.is_some_and(|form| OTHER_SYSTEMS.iter().any(|system| form.name.starts_with(system)));
    !other && !matches!(item.arch, Some(Arch::Hypervisor | Arch::HyperV))
}

/// Returns how to tell a cause of this item, without the sentences that name what the speaker's system has not.
pub(super) fn how_to_tell(item: &Item, cause: &Cause, lang: Lang) -> String {
    let text = cause.how_to_tell.get(lang);
    if is_linux(item) {
        return text.into();
    }
    let end = match lang {
        Lang::En => ". ",
        Lang::Zh => "。",
    };
    let kept: String = text
        .split_inclusive(end)
        .filter(|sentence| !LINUX.iter().any(|word| sentence.contains(word)))
        .collect();
    match kept.trim_end() {
        "" => Text::new(
            "no general way is known on this system: look in its own record of mappings.",
            "在该系统上没有已知的通用方法：请查看其自身的映射记录。",
        )
        .get(lang)
        .into(),
        kept => kept.into(),
    }
}

/// Returns what taught a cause of this item: no section of a specification that is not the speaker's.
pub(super) fn taught_by(item: &Item, cause: &Cause) -> Vec<&'static str> {
    let vtd = item.arch == Some(Arch::VtD);
    cause.taught_by.iter().copied().filter(|source| vtd || !source.starts_with("VT-d ")).collect()
}

#[cfg(test)]
mod tests {
    use super::super::{causes, parse_log};
    use super::*;

    #[test]
    fn other_systems_get_no_advice_that_only_linux_can_follow() {
        for log in [
            "(XEN) AMD-Vi: IO_PAGE_FAULT: 0000:0b:00.0 d3 addr 00000000fe0a9000 flags 0x30 RW PR\n",
            "(XEN) AMD-Vi: IO_PAGE_FAULT: 0000:0b:00.0 d3 addr 00000000fe0a9000 flags 0 \n",
            "DMAR0: nvme0: pci1:0:0 sid 100 fault acc 1 adt 0x0 reason 0x6 addr 79000000\n",
            "WARNING: drhd generated a fault event when translating DMA read\n on address 0x79000000 for PCI(1, 0, 0), the reason is:\n Read not allowed\n",
            "IOMMU Fault detected for 0000:da:00.0 (vmgfx0/1a2b) IOaddr: 0xa2fc6a000 Mask: 0x6\n",
        ] {
            let report = parse_log(log);
            let item = &report.items[0];
            assert!(!item.causes.is_empty(), "{log}");
            for likely in &item.causes {
                for lang in [Lang::En, Lang::Zh] {
                    let said = how_to_tell(item, likely.cause, lang);
                    assert!(!said.is_empty() && !LINUX.iter().any(|word| said.contains(word)), "{said}");
                }
            }
        }
    }

    #[test]
    fn linux_gets_all_of_it() {
        let report =
            parse_log("DMAR: [DMA Read] Request device [01:00.0] fault addr 79000000 [fault reason 06] x\n");
        let item = &report.items[0];
        for cause in causes::CAUSES {
            assert_eq!(how_to_tell(item, cause, Lang::En), cause.how_to_tell.en);
            assert_eq!(taught_by(item, cause), cause.taught_by);
        }
    }

    #[test]
    fn no_section_of_another_architecture() {
        let log = "arm-smmu 15000000.iommu: Unhandled context fault: fsr=0x408, iova=0xffe000000, fsynr=0x160053, cbfrsynra=0x741, cb=9\n";
        let report = parse_log(log);
        assert!(causes::CAUSES.iter().all(|cause| {
            taught_by(&report.items[0], cause).iter().all(|source| !source.starts_with("VT-d"))
        }));
    }
}
