//! VFIO, iommufd and the IOMMU core: what keeps a device from being assigned, and what a mapping is refused for.

use super::causes::Cause;
use super::evidence::Clue;
use super::fault::{Arch, Fault};
use super::forms::Form;
use super::found::{pattern, Captures, Format, Found, Here, Note, Pattern};
use super::pattern::read;
use crate::spec::{Phrase, Text};
use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;

pub(super) static FORMAT: Format = Format {
    forms: FORMS,
    readers: &[("VFIO_MAP_DMA failed: ", map_dma_failed), ("IOMMU_IOAS_MAP failed: ", map_dma_failed)],
    patterns: PATTERNS,
    codes: || Vec::new(),
    causes: |_: &Fault| -> &'static [&'static Cause] { &[] },
};

/// QEMU prints it before the line with the numbers; alone, where only it was pasted.
static MAP_DMA: Pattern = pattern!("vfio-map-dma" Vfio Software
    "VFIO_MAP_DMA failed: {why...}"
    "QEMU 1.3 and later, hw/vfio, just before vfio_dma_map(..)"
    => "VFIO: memory could not be mapped: {why...}" "VFIO 无法映射内存：{why...}"
    [GUEST_ABOVE_WIDTH, RANGE_REFUSED, MEMLOCK, NOT_PINNABLE, MAP_OVERLAP] words);

static IOAS_MAP: Pattern = pattern!("iommufd-map" Vfio Software
    "IOMMU_IOAS_MAP failed: {why...}"
    "QEMU 9.0 and later, backends/iommufd.c, just before vfio_container_dma_map(..)"
    => "iommufd: memory could not be mapped: {why...}" "iommufd 无法映射内存：{why...}"
    [GUEST_ABOVE_WIDTH, RANGE_REFUSED, MEMLOCK, NOT_PINNABLE, MAP_OVERLAP] words);

macro_rules! form {
    ($pattern:ident) => {
        Form {
            name: $pattern.form.name,
            arch: $pattern.form.arch,
            wording: $pattern.form.wording,
            source: $pattern.form.source,
        }
    };
}

static FORMS: &[Form] = &[form!(MAP_DMA), form!(IOAS_MAP)];

fn map_dma_failed(here: &Here<'_>) -> Option<Found> {
    let numbers = here
        .rest
        .iter()
        .take(3)
        .any(|line| line.text.contains("vfio_dma_map(") || line.text.contains("vfio_container_dma_map("));
    match numbers {
        true => Some(Found::quiet(Arch::Vfio)),
        false => read(&MAP_DMA, here).or_else(|| read(&IOAS_MAP, here)),
    }
}

static PATTERNS: &[Pattern] = &[
    pattern!("vfio-not-viable" Vfio Software
        "vfio {device} group {group} is not viable"
        "QEMU 2.12 and later, hw/vfio (before: vfio error: *: group * is not viable)"
        => "VFIO: group {group} of {device} is not viable: a member is bound to a host driver" "VFIO：{device} 所在的组 {group} 不可用，组内有成员绑定在宿主机驱动上"
        [GROUP_MEMBER_BOUND]),
    pattern!("vfio-not-viable-dpdk" Vfio Software
        "{device} VFIO group is not viable! Not all devices in IOMMU group bound to VFIO or unbound"
        "DPDK 16.11 and later, lib/eal"
        => "VFIO: the group of {device} is not viable: a member is bound to a host driver" "VFIO：{device} 所在的组不可用，组内有成员绑定在宿主机驱动上"
        [GROUP_MEMBER_BOUND]),
    pattern!("vfio-dma-map" Vfio Software
        "vfio_dma_map({_}, {gpa}, {size}, {hva}) = {errno} ({why...})"
        "QEMU 1.3 and later, hw/vfio (vfio_container_dma_map from 9.2)"
        => "VFIO: the guest's memory at {gpa} could not be mapped: {errno}" "VFIO：无法映射客户机 {gpa} 处的内存（错误码 {errno}）"
        [GUEST_ABOVE_WIDTH, RANGE_REFUSED, MEMLOCK, NOT_PINNABLE, MAP_OVERLAP] dma_map),
    pattern!("vfio-dma-map-9.2" Vfio Software
        "vfio_container_dma_map({_}, {gpa}, {size}, {hva}) = {errno} ({why...})"
        "QEMU 9.2 and later, hw/vfio"
        => "VFIO: the guest's memory at {gpa} could not be mapped: {errno}" "VFIO：无法映射客户机 {gpa} 处的内存（错误码 {errno}）"
        [GUEST_ABOVE_WIDTH, RANGE_REFUSED, MEMLOCK, NOT_PINNABLE, MAP_OVERLAP] dma_map),
    pattern!("vfio-dma-map-tight" Vfio Software
        "vfio_dma_map({_},{gpa},{size},{hva})={errno}({why...})"
        "the same as containerd and its shims pass it on"
        => "VFIO: the guest's memory at {gpa} could not be mapped: {errno}" "VFIO：无法映射客户机 {gpa} 处的内存（错误码 {errno}）"
        [GUEST_ABOVE_WIDTH, RANGE_REFUSED, MEMLOCK, NOT_PINNABLE, MAP_OVERLAP] dma_map),
    pattern!("rust-vmm-dma-map" Vfio Software
        "IommuDmaMap(Error({errno}))"
        "rust-vmm vfio-ioctls 0.2 and later: Cloud Hypervisor, Dragonball"
        => "VFIO: the guest's memory could not be mapped: error {errno}" "VFIO：无法映射客户机内存（错误码 {errno}）"
        [GUEST_ABOVE_WIDTH, RANGE_REFUSED, MEMLOCK, NOT_PINNABLE, MAP_OVERLAP] dma_map),
    pattern!("rust-vmm-ioas-map" Vfio Software
        "failed to map an IOVA range to the IOAS: {why...}"
        "Cloud Hypervisor 50 and later with iommufd"
        => "iommufd: memory could not be mapped: {why...}" "iommufd 无法映射内存：{why...}"
        [GUEST_ABOVE_WIDTH, RANGE_REFUSED, MEMLOCK, NOT_PINNABLE, MAP_OVERLAP] words),
    pattern!("vfio-memlock" Vfio Software
        "RLIMIT_MEMLOCK ({memlock}) exceeded"
        "Linux v3.6 and later, drivers/vfio/vfio_iommu_type1.c"
        => "VFIO: the process may lock only {memlock} bytes of memory, and wants more" "VFIO：进程只允许锁定 {memlock} 字节内存，而它需要更多"
        [MEMLOCK]),
    pattern!("vfio-group-split" Vfio Software
        "vfio {device} group {group} used in multiple address spaces"
        "QEMU 2.12 and later, hw/vfio"
        => "VFIO: the devices of group {group} are in different address spaces of the guest" "VFIO：组 {group} 的设备位于客户机的不同地址空间"
        [GROUP_SPLIT]),
    pattern!("vfio-width" Vfio Software
        "iommu width ({bits}) is not sufficient for the mapped address ({gpa})"
        "Linux v2.6.26 to v6.6, intel_iommu_map"
        => "VT-d: the address {gpa} is above the {bits} bits of the IOMMU" "VT-d：地址 {gpa} 超出 IOMMU 的 {bits} 位地址宽度"
        [GUEST_ABOVE_WIDTH] above),
    pattern!("vfio-rmrr-dmar" Vfio Software
        "{driver} {device} DMAR: Device is ineligible for IOMMU domain attach due to platform RMRR requirement."
        "Linux v5.9 and later, drivers/iommu/intel/iommu.c"
        => "VFIO: firmware claims memory for {device} (RMRR), so it cannot be assigned" "VFIO：固件为 {device} 声明了内存（RMRR），因此无法直通"
        [RMRR_ON_DEVICE]),
    pattern!("vfio-rmrr" Vfio Software
        "{driver} {device} Device is ineligible for IOMMU domain attach due to platform RMRR requirement. Contact your platform vendor."
        "Linux v3.17 and later, drivers/iommu/intel/iommu.c (DMAR: in front from v5.9)"
        => "VFIO: firmware claims memory for {device} (RMRR), so it cannot be assigned" "VFIO：固件为 {device} 声明了内存（RMRR），因此无法直通"
        [RMRR_ON_DEVICE]),
    pattern!("vfio-direct" Vfio Software
        "{driver} {device} Firmware has requested this device have a 1:1 IOMMU mapping, rejecting configuring the device without a 1:1 mapping. Contact your platform vendor."
        "Linux v6.6 and later, drivers/iommu/iommu.c"
        => "VFIO: firmware wants memory mapped to itself for {device}, so it cannot be assigned" "VFIO：固件要求为 {device} 做恒等映射，因此无法直通"
        [RMRR_ON_DEVICE]),
    pattern!("vfio-no-group" Vfio Software
        "vfio {device} no iommu_group found: {why...}"
        "QEMU 2.12 and later, hw/vfio"
        => "VFIO: {device} is in no IOMMU group: the IOMMU is off, or does not see it" "VFIO：{device} 不属于任何 IOMMU 组，要么 IOMMU 未启用，要么 IOMMU 管不到它"
        [FIRMWARE_TABLES, NOT_ATTACHED]),
    pattern!("vfio-unsafe-interrupts" Vfio Software
        "No interrupt remapping support. Use the module param \"allow_unsafe_interrupts\" to enable VFIO IOMMU support on this platform"
        "Linux v3.6 and later, drivers/vfio/vfio_iommu_type1.c (iommufd has the same parameter)"
        => "VFIO: interrupt remapping is off, so devices are not assigned" "VFIO：中断重映射未启用，因此不允许直通设备"
        [IR_INACTIVE, FIRMWARE_TABLES]),
    pattern!("vfio-blocked-reset" Vfio Software
        "{driver} {device} vfio_bar_restore: reset recovery - restoring BARs"
        "Linux v3.17 and later, drivers/vfio/pci"
        => "VFIO: {device} was reset behind the guest's back" "VFIO：{device} 在客户机不知情时被复位"
        [RESET_OUTSIDE] vfio_device),
];

fn dma_map(captures: &Captures<'_>, found: &mut Found) {
    let clue = match captures.text("errno").trim_start_matches('-') {
        "12" => Clue::ErrnoMemory,
        "14" => Clue::ErrnoFault,
        "17" => Clue::ErrnoExists,
        "22" => Clue::ErrnoInvalid,
        _ => return,
    };
    found.clue(clue);
    width(captures.hex("gpa"), captures.hex("size"), found);
    let odd = ["gpa", "size", "hva"].iter().any(|name| captures.hex(name).is_some_and(|at| at & 0xfff != 0));
    if odd && clue == Clue::ErrnoInvalid {
        found.clue(Clue::RangeOdd);
    }
}

fn words(captures: &Captures<'_>, found: &mut Found) {
    let why = captures.text("why...");
    for (word, clue) in [
        ("Cannot allocate memory", Clue::ErrnoMemory),
        ("Bad address", Clue::ErrnoFault),
        ("File exists", Clue::ErrnoExists),
        ("Invalid argument", Clue::ErrnoInvalid),
        ("-12", Clue::ErrnoMemory),
        ("-14", Clue::ErrnoFault),
        ("-17", Clue::ErrnoExists),
        ("-22", Clue::ErrnoInvalid),
    ] {
        if why.starts_with(word) {
            found.clue(clue);
        }
    }
}

fn above(_: &Captures<'_>, found: &mut Found) {
    found.clue(Clue::AboveWidth);
}

/// How many bits the end of the range needs: the usual width of client machines is 39.
fn width(gpa: Option<u64>, size: Option<u64>, found: &mut Found) {
    let (Some(gpa), Some(size)) = (gpa, size) else { return };
    let last = gpa.saturating_add(size.saturating_sub(1));
    let bits = 64 - last.leading_zeros();
    found.inferred(
        Text::new("needs", "需要"),
        Phrase::new(format!("{bits} bits"), format!("{bits} 位")),
        Text::new(
            "the width that the IOMMU's tables must have; 39 on many client machines, 48 on servers",
            "IOMMU 页表必须具备的宽度；许多台式机和笔记本为 39 位，服务器为 48 位",
        ),
    );
    found.clue(if bits > 39 { Clue::AboveWidth } else { Clue::FitsWidth });
    if gpa <= 0xfeef_ffff && last >= 0xfee0_0000 {
        found.clue(Clue::RangeReserved);
    }
    if gpa <= 0xff_ffff_ffff && last >= 0xfd_0000_0000 {
        found.clue(Clue::AcrossHole);
    }
}

fn vfio_device(captures: &Captures<'_>, found: &mut Found) {
    found.notes.push(Note::Vfio(captures.text("device").trim_end_matches(':').to_string()));
}
