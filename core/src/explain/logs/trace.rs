//! Trace events of the IOMMU core and of the DMA API: what was mapped, for whom, in which direction, and when not any more.

use super::causes::Cause;
use super::fault::Fault;
use super::found::{pattern, Captures, Format, Found, Mapping, Note, Pattern};
use super::scan::Scan;
use alloc::vec::Vec;

pub(super) static FORMAT: Format = Format {
    forms: &[],
    readers: &[],
    patterns: PATTERNS,
    codes: || Vec::new(),
    causes: |_: &Fault| -> &'static [&'static Cause] { &[] },
};

static PATTERNS: &[Pattern] = &[
    pattern!("trace-map" DmaApi Quiet
        "{stamp} map: IOMMU: iova={first} - {end} paddr={phys} size={size}"
        "Linux v3.10 and later, trace event iommu:map" => "" "" [] map),
    pattern!("trace-unmap" DmaApi Quiet
        "{stamp} unmap: IOMMU: iova={first} - {end} size={size} unmapped_size={_}"
        "Linux v3.10 and later, trace event iommu:unmap" => "" "" [] unmap),
    pattern!("trace-dma-map" DmaApi Quiet
        "{stamp} dma_map_phys: {device} dir={direction} dma_addr={first} size={size} phys_addr={phys} attrs="
        "Linux v7.0 and later (seen in v7.3), trace event dma:dma_map_phys" => "" "" [] dma_map),
    pattern!("trace-dma-map-page" DmaApi Quiet
        "{stamp} dma_map_page: {device} dir={direction} dma_addr={first} size={size} phys_addr={phys} attrs="
        "Linux v6.12 and later, trace event dma:dma_map_page" => "" "" [] dma_map),
    pattern!("trace-dma-map-resource" DmaApi Quiet
        "{stamp} dma_map_resource: {device} dir={direction} dma_addr={first} size={size} phys_addr={phys} attrs="
        "Linux v6.12 and later, trace event dma:dma_map_resource" => "" "" [] dma_map),
    pattern!("trace-dma-alloc" DmaApi Quiet
        "{stamp} dma_alloc: {device} dir={direction} dma_addr={first} size={size} virt_addr={_} flags="
        "Linux v6.12 and later, trace event dma:dma_alloc" => "" "" [] dma_map),
    pattern!("trace-dma-unmap" DmaApi Quiet
        "{stamp} dma_unmap_phys: {device} dir={direction} dma_addr={first} size={size} attrs="
        "Linux v7.0 and later (seen in v7.3), trace event dma:dma_unmap_phys" => "" "" [] dma_unmap),
    pattern!("trace-dma-unmap-page" DmaApi Quiet
        "{stamp} dma_unmap_page: {device} dir={direction} dma_addr={first} size={size} attrs="
        "Linux v6.12 and later, trace event dma:dma_unmap_page" => "" "" [] dma_unmap),
    pattern!("trace-dma-free" DmaApi Quiet
        "{stamp} dma_free: {device} dir={direction} dma_addr={first} size={size} virt_addr={_} attrs="
        "Linux v6.12 and later, trace event dma:dma_free" => "" "" [] dma_unmap),
];

fn mapping(captures: &Captures<'_>, found: &mut Found, mapped: bool, end: Option<u64>) {
    let (Some(first), Some(end)) = (captures.hex("first"), end) else { return };
    let direction = match captures.text("direction") {
        "TO_DEVICE" => Some("TO_DEVICE"),
        "FROM_DEVICE" => Some("FROM_DEVICE"),
        "BIDIRECTIONAL" => Some("BIDIRECTIONAL"),
        _ => None,
    };
    let device = captures.text("device");
    found.notes.push(Note::Mapping(Mapping {
        first,
        end,
        mapped,
        direction,
        device: (!device.is_empty()).then(|| device.into()),
        time: seconds(captures.text("stamp")),
    }));
}

/// `5.735305:` of a trace's stamp, in microseconds.
fn seconds(text: &str) -> Option<u64> {
    let (whole, part) = text.trim_end_matches(':').split_once('.')?;
    let micros = Scan(part).number()?;
    Some(Scan(whole).number()?.checked_mul(1_000_000)? + micros)
}

fn map(captures: &Captures<'_>, found: &mut Found) {
    mapping(captures, found, true, captures.hex("end"));
}

fn unmap(captures: &Captures<'_>, found: &mut Found) {
    mapping(captures, found, false, captures.hex("end"));
}

fn end(captures: &Captures<'_>) -> Option<u64> {
    captures.hex("first")?.checked_add(captures.number("size")?)
}

fn dma_map(captures: &Captures<'_>, found: &mut Found) {
    mapping(captures, found, true, end(captures));
}

fn dma_unmap(captures: &Captures<'_>, found: &mut Found) {
    mapping(captures, found, false, end(captures));
}
