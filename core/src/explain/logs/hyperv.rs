//! Hyper-V: what Windows says when the IOMMU refuses an access, and what Linux's driver for Hyper-V's IOMMU says when
//! the hypervisor refuses a call.

use super::causes::*;
use super::fault::{Arch, Fault};
use super::forms::Form;
use super::found::{pattern, Captures, Format, Found, Here, Pattern};
use super::hints;
use super::scan::Scan;
use super::system::System;
use crate::spec::{Phrase, Text};
use alloc::format;
use alloc::vec::Vec;

pub(super) static FORMAT: Format = Format {
    forms: FORMS,
    readers: &[
        ("DRIVER_VERIFIER_DMA_VIOLATION (e6)", bug_check),
        ("IOMMU detected DMA violation", bug_check),
        ("bugcheck was: 0x000000e6", bug_check),
        ("BugCheck E6,", bug_check),
    ],
    patterns: PATTERNS,
    codes: || Vec::new(),
    causes: |_: &Fault| REFUSED,
};

const REFUSED: &[&Cause] = &[&DMA_PROTECTION, &UNMAPPED_EARLY, &NEVER_MAPPED, &FIRMWARE_DEVICE];

static FORMS: &[Form] = &[Form {
    name: "windows-dma-violation",
    arch: Arch::HyperV,
    wording: "DRIVER_VERIFIER_DMA_VIOLATION (e6) Arg1: *26, IOMMU detected DMA violation. Arg2: * Arg3: * Arg4: *",
    source: "Windows 10 1803 and later, bug check E6 as the debugger prints it; also BugCheck E6, {..} and event 1001",
}];

static PATTERNS: &[Pattern] = &[
    pattern!("windows-page-fault" HyperV Software
        "ILLEGAL_IOMMU_PAGE_FAULT (158{why...}"
        "Windows 8 and later, bug check 158"
        => "Windows: a page request came for a process (ASID) that is gone" "Windows：收到了针对已不存在的进程（ASID）的页请求"
        [PASID_NOT_BOUND, NOT_FLUSHED]),
    pattern!("hyperv-map" HyperV Software
        "hv_iommu_map_pages: Hyper-V status: {status} = {name} pgs:{_}/{_} iova:{iova}"
        "Linux patches of 2026, drivers/iommu/hyperv; the words of the status from v6.15"
        => "Hyper-V: the hypervisor refused to map {iova} for a device: {name}" "Hyper-V，hypervisor 拒绝为设备映射 {iova}：{name}"
        [NOT_PINNABLE, GUEST_ABOVE_WIDTH] address),
    pattern!("hyperv-status" HyperV Software
        "hv_iommu_{call}: Hyper-V status: {status} = {name}"
        "Linux patches of 2026, drivers/iommu/hyperv; the words of the status from v6.15"
        => "Hyper-V: the hypervisor refused a call of the IOMMU driver: {name}" "Hyper-V，hypervisor 拒绝了 IOMMU 驱动的调用：{name}"
        [NOT_ATTACHED, MAP_OVERLAP] linux),
    pattern!("hyperv-unmap" HyperV Software
        "hv_iommu_unmap_pages: could not delete all mappings ({iova}:{_}/{_})"
        "Linux patches of 2026, drivers/iommu/hyperv"
        => "Hyper-V: the range at {iova} was unmapped in part: a mapping is larger than it" "Hyper-V：{iova} 处的范围只解除了一部分映射，因为其中一个映射比它大"
        [MAP_OVERLAP, API_MISUSE] linux),
];

/// It is Linux's driver that prints what the hypervisor answered.
fn linux(_: &Captures<'_>, found: &mut Found) {
    found.system = System::Linux;
}

fn address(captures: &Captures<'_>, found: &mut Found) {
    found.system = System::Linux;
    if let Some(at) = captures.hex("iova") {
        hints::address(found, at);
    }
}

/// The four arguments of a bug check: in a list on the line, or one a line below it.
fn arguments(here: &Here<'_>) -> ([Option<u64>; 4], Vec<usize>) {
    let mut found = [None; 4];
    let mut used = Vec::new();
    let list = ["0x000000e6 (", "BugCheck E6, {"].into_iter().find_map(|key| Scan(here.text).after(key));
    if let Some(list) = list {
        for (slot, word) in found.iter_mut().zip(list.0.split([',', ')', '}'])) {
            *slot = Scan(word).hex();
        }
        return (found, used);
    }
    let mut take = |text: &str| {
        let Some(rest) = text.strip_prefix("Arg") else { return false };
        let Some((number, rest)) = rest.split_once(':') else { return false };
        match number.parse::<usize>() {
            Ok(number @ 1..=4) => found[number - 1] = Scan(rest).hex(),
            _ => return false,
        }
        true
    };
    take(here.text);
    for (offset, line) in here.rest.iter().enumerate().take(8) {
        let between = line.text.starts_with("An illegal DMA operation") || line.text.starts_with("Arguments");
        if line.used || !(take(&line.text) || between) {
            break;
        }
        used.push(offset);
    }
    (found, used)
}

/// `DRIVER_VERIFIER_DMA_VIOLATION (e6)` with its arguments; the first says which violation, 26h is the IOMMU's.
fn bug_check(here: &Here<'_>) -> Option<Found> {
    let ([first, object, at, kind], used) = arguments(here);
    let first = first?;
    if first != 0x26 {
        let mut found = Found::software(
            Arch::HyperV,
            "windows-dma-violation",
            Phrase::new(
                format!("Windows: Driver Verifier caught a driver misusing DMA (bug check E6, {first:#x})"),
                format!("Windows：Driver Verifier 发现驱动用错了 DMA（蓝屏代码 E6，{first:#x}）"),
            ),
        );
        found.causes = &[&API_MISUSE];
        found.used = used;
        return Some(found);
    }
    let fault = Fault { address: at, ..Fault::default() };
    let mut found = Found::fault(
        fault,
        Arch::HyperV,
        "windows-dma-violation",
        Phrase::new("Windows: the IOMMU refused an access", "Windows：IOMMU 拒绝了一次访问"),
    );
    found.causes = REFUSED;
    found.complete = at.is_some();
    found.used = used;
    if let Some(object) = object.filter(|object| *object != 0) {
        found.certain(
            Text::new("device object", "设备对象"),
            format!("{object:#x}"),
            Text::new(
                "the device that sent it; in the debugger !devobj names it",
                "发出请求的设备；调试器中 !devobj 可给出名称",
            ),
        );
    }
    if let Some(at) = at {
        found.inferred(
            Text::new("address", "地址"),
            format!("{at:#x}"),
            Text::new(
                "the third argument: usually the address that was refused",
                "第三个参数：通常是被拒绝的地址",
            ),
        );
        hints::address(&mut found, at);
    }
    if let Some(kind) = kind {
        found.certain(
            Text::new("fault type", "错误类型"),
            format!("{kind:#x}"),
            Text::new(
                "the hardware's own code; Windows does not say of which architecture",
                "硬件自己的代码；Windows 未说明属于哪种架构",
            ),
        );
    }
    Some(found)
}
