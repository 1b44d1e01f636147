//! Trace events of the IOMMU core and of the DMA API: those of refused accesses, and the others' wordings, which only `import::trace`
//! replays.

use super::causes::Cause;
use super::fault::{Access, Fault};
use super::found::{pattern, Captures, Format, Found, Pattern};
use super::report::Kind;
use super::scan::Scan;
use crate::spec::Text;
use alloc::vec::Vec;

pub(super) static FORMAT: Format = Format {
    forms: &[],
    readers: &[],
    patterns: PATTERNS,
    codes: || Vec::new(),
    causes: |_: &Fault| -> &'static [&'static Cause] { &[] },
};

static PATTERNS: &[Pattern] = &[
    pattern!("trace-fault" Vfio Fault
        "{stamp} io_page_fault: IOMMU:{driver} {device} iova={iova} flags={flags}"
        "Linux, include/trace/events/iommu.h: trace event iommu:io_page_fault, as trace and trace-cmd report print it"
        => "IOMMU core: {device} was refused at {iova}" "IOMMU 核心：{device} 访问 {iova} 被拒绝"
        [UNMAPPED_EARLY, NEVER_MAPPED, PHYSICAL_ADDRESS, WRONG_DIRECTION] fault),
    pattern!("trace-fault-perf" Vfio Fault
        "{stamp} iommu:io_page_fault: IOMMU:{driver} {device} iova={iova} flags={flags}"
        "Linux, include/trace/events/iommu.h: trace event iommu:io_page_fault, as perf script prints it"
        => "IOMMU core: {device} was refused at {iova}" "IOMMU 核心：{device} 访问 {iova} 被拒绝"
        [UNMAPPED_EARLY, NEVER_MAPPED, PHYSICAL_ADDRESS, WRONG_DIRECTION] fault),
    pattern!("trace-qi-submit" VtD Quiet
        "{stamp} qi_submit: {_} {unit}: {_} {_} {_} {_}"
        "Linux (seen in v7.3), trace event intel_iommu:qi_submit: a descriptor of the invalidation queue" => "" "" []),
    pattern!("trace-cache-tag" VtD Quiet
        "{stamp} cache_tag_flush_range: {unit} {_} type {_} did {_} {_} addr {_} mask {_}"
        "Linux (seen in v7.3), trace event intel_iommu:cache_tag_flush_range" => "" "" []),
    pattern!("trace-map" DmaApi Quiet
        "{stamp} map: IOMMU: iova={first} - {end} paddr={phys} size={size}"
        "Linux v3.10 and later, trace event iommu:map" => "" "" []),
    pattern!("trace-unmap" DmaApi Quiet
        "{stamp} unmap: IOMMU: iova={first} - {end} size={size} unmapped_size={_}"
        "Linux v3.10 and later, trace event iommu:unmap" => "" "" []),
    pattern!("trace-dma-map" DmaApi Quiet
        "{stamp} dma_map_phys: {device} dir={direction} dma_addr={first} size={size} phys_addr={phys} attrs="
        "Linux v7.0 and later (seen in v7.3), trace event dma:dma_map_phys" => "" "" []),
    pattern!("trace-dma-map-page" DmaApi Quiet
        "{stamp} dma_map_page: {device} dir={direction} dma_addr={first} size={size} phys_addr={phys} attrs="
        "Linux v6.12 and later, trace event dma:dma_map_page" => "" "" []),
    pattern!("trace-dma-map-resource" DmaApi Quiet
        "{stamp} dma_map_resource: {device} dir={direction} dma_addr={first} size={size} phys_addr={phys} attrs="
        "Linux v6.12 and later, trace event dma:dma_map_resource" => "" "" []),
    pattern!("trace-dma-alloc" DmaApi Quiet
        "{stamp} dma_alloc: {device} dir={direction} dma_addr={first} size={size} virt_addr={_} flags="
        "Linux v6.12 and later, trace event dma:dma_alloc" => "" "" []),
    pattern!("trace-dma-unmap" DmaApi Quiet
        "{stamp} dma_unmap_phys: {device} dir={direction} dma_addr={first} size={size} attrs="
        "Linux v7.0 and later (seen in v7.3), trace event dma:dma_unmap_phys" => "" "" []),
    pattern!("trace-dma-unmap-page" DmaApi Quiet
        "{stamp} dma_unmap_page: {device} dir={direction} dma_addr={first} size={size} attrs="
        "Linux v6.12 and later, trace event dma:dma_unmap_page" => "" "" []),
    pattern!("trace-dma-free" DmaApi Quiet
        "{stamp} dma_free: {device} dir={direction} dma_addr={first} size={size} virt_addr={_} attrs="
        "Linux v6.12 and later, trace event dma:dma_free" => "" "" []),
];

/// `flags` is 0 for a read and 1 for a write; the event has no code, and does not say which IOMMU refused.
fn fault(captures: &Captures<'_>, found: &mut Found) {
    found.time = seconds(captures.text("stamp"));
    let (value, meaning, access) = match captures.hex("flags") {
        Some(0) => (
            "0x0000",
            Text::new("IOMMU_FAULT_READ: the device read", "IOMMU_FAULT_READ，即设备在读"),
            Some(Access::Read),
        ),
        Some(1) => (
            "0x0001",
            Text::new("IOMMU_FAULT_WRITE: the device wrote", "IOMMU_FAULT_WRITE，即设备在写"),
            Some(Access::Write),
        ),
        _ => (
            captures.text("flags"),
            Text::new("neither a read (0) nor a write (1)", "既不是读（0），也不是写（1）"),
            None,
        ),
    };
    found.certain(Text::new("flags", "标志"), value, meaning);
    if let (Kind::Fault(fault), Some(access)) = (&mut found.kind, access) {
        fault.access = Some(access);
        found.certain(
            Text::new("access", "访问"),
            access.text(),
            Text::new("what the device wanted", "设备想做的操作"),
        );
    }
    found.certain(
        Text::new("why", "原因"),
        Text::new("not in the event", "不在事件里"),
        Text::new(
            "the event has neither a code nor the IOMMU: those are in the kernel log, if this driver prints there",
            "这个事件不带错误码，也不说是哪个 IOMMU；驱动若在内核日志里另外打印一行，就看那一行",
        ),
    );
}

/// `5.735305:` of a trace's stamp, in microseconds.
fn seconds(text: &str) -> Option<u64> {
    let (whole, part) = text.trim_end_matches(':').split_once('.')?;
    let micros = Scan(part).number()?;
    Some(Scan(whole).number()?.checked_mul(1_000_000)? + micros)
}
