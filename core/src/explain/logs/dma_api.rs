//! The kernel's DMA API: what it says when a mapping fails, and what its debug checks find in drivers.

use super::causes::Cause;
use super::evidence::Clue;
use super::fault::Fault;
use super::found::{pattern, Captures, Format, Found, Here, Join, Pattern};
use super::pattern::read;
use crate::spec::{Phrase, Text};
use alloc::format;
use alloc::vec::Vec;

pub(super) static FORMAT: Format = Format {
    forms: &[],
    readers: &[(": DMA-API: ", named_first)],
    patterns: PATTERNS,
    codes: || Vec::new(),
    causes: |_: &Fault| -> &'static [&'static Cause] { &[] },
};

static PATTERNS: &[Pattern] = &[
    pattern!("swiotlb-full" DmaApi Software
        "{driver} {device} swiotlb buffer is full (sz: {size} bytes), total {total} (slots), used {used} (slots)"
        "Linux v5.1 and later, kernel/dma/swiotlb.c"
        => "swiotlb: no bounce buffer of {size} bytes for {device}" "swiotlb：无法为 {device} 提供 {size} 字节的回弹缓冲区"
        [SWIOTLB_LEAK, SWIOTLB_SMALL, SWIOTLB_SCATTERED, SWIOTLB_BURST, SWIOTLB_NONE] swiotlb),
    pattern!("swiotlb-full-old" DmaApi Software
        "{driver} {device} swiotlb buffer is full (sz: {size} bytes)"
        "Linux v2.6.27 to v5.0, lib/swiotlb.c"
        => "swiotlb: no bounce buffer of {size} bytes for {device}" "swiotlb：无法为 {device} 提供 {size} 字节的回弹缓冲区"
        [SWIOTLB_SMALL, SWIOTLB_LEAK, SWIOTLB_SCATTERED, SWIOTLB_BURST, SWIOTLB_NONE] swiotlb),
    pattern!("swiotlb-out-of-space" DmaApi Software
        "{driver} {device} DMA: Out of SW-IOMMU space for {size} bytes"
        "Linux v4.9 to v4.20, lib/swiotlb.c, after the line above (before: at device *)"
        => "swiotlb: the mapping of {size} bytes for {device} failed" "swiotlb：为 {device} 映射 {size} 字节失败"
        [SWIOTLB_SMALL, SWIOTLB_LEAK, SWIOTLB_SCATTERED, SWIOTLB_BURST, SWIOTLB_NONE] out_of_space),
    pattern!("dma-overflow" DmaApi Software
        "{driver} {device} overflow {dmaaddr}+{size} of DMA mask {mask} bus limit {limit}"
        "Linux v5.5 and later, kernel/dma/direct.c (v4.20 to v5.4: bus mask)"
        => "DMA API: a buffer of {device} is out of its reach" "DMA API：{device} 的缓冲区超出其可达范围"
        [SMALL_MASK, SWIOTLB_NONE] reach),
    pattern!("dma-overflow-4.20" DmaApi Software
        "{driver} {device} overflow {dmaaddr}+{size} of DMA mask {mask} bus mask {limit}"
        "Linux v4.20 to v5.4, kernel/dma/direct.c"
        => "DMA API: a buffer of {device} is out of its reach" "DMA API：{device} 的缓冲区超出其可达范围"
        [SMALL_MASK, SWIOTLB_NONE] reach),
    pattern!("dma-overflow-5.9" DmaApi Software
        "{driver} {device} DMA addr {dmaaddr}+{size} overflow (mask {mask}, bus limit {limit})."
        "Linux v5.9 and later, include/linux/dma-direct.h and kernel/dma/direct.h"
        => "DMA API: a buffer of {device} is out of its reach" "DMA API：{device} 的缓冲区超出其可达范围"
        [SMALL_MASK, SWIOTLB_NONE] reach),
    pattern!("dma-vmalloc" DmaApi Software
        "{driver} {device} rejecting DMA map of vmalloc memory"
        "Linux v5.4 and later, include/linux/dma-mapping.h"
        => "DMA API: {device} was given vmalloc memory to map" "DMA API：拒绝为 {device} 映射 vmalloc 内存"
        [VMALLOC_BUFFER]),
    pattern!("dma-48-bit" DmaApi Software
        "{driver} {device} Using {bits}-bit DMA addresses"
        "Linux v6.4 and later, drivers/iommu/dma-iommu.c"
        => "IOMMU: the 32-bit addresses of {device} ran out once" "IOMMU：{device} 的 32 位地址曾经用尽"
        [IOVA_LEAK]),
    pattern!("dma-mask-old" DmaApi Software
        "{driver} {device} Too small DMA mask{why...}"
        "Linux v4.20 and later, arch and bus code"
        => "DMA API: the mask of {device} is too small" "DMA API：{device} 的掩码太小"
        [SMALL_MASK]),
    pattern!("dma-debug-size" DmaApi Software
        "DMA-API: {driver} {device} device driver frees DMA memory with different size [device address={dmaaddr}] [map size={mapsize} bytes] [unmap size={unmapsize} bytes]"
        "Linux v4.20 and later with CONFIG_DMA_API_DEBUG, kernel/dma/debug.c"
        => "DMA-API: the driver {driver} unmaps another size than it mapped" "DMA-API：驱动 {driver} 解除映射的大小与映射时不同"
        [API_MISUSE]),
    pattern!("dma-debug-direction" DmaApi Software
        "DMA-API: {driver} {device} device driver frees DMA memory with different direction [device address={dmaaddr}] [size={size} bytes] [mapped with {mapped}] [unmapped with {unmapped}]"
        "Linux v4.20 and later with CONFIG_DMA_API_DEBUG, kernel/dma/debug.c"
        => "DMA-API: the driver {driver} unmaps with another direction than it mapped" "DMA-API：驱动 {driver} 解除映射的方向与映射时不同"
        [API_MISUSE] direction),
    pattern!("dma-debug-function" DmaApi Software
        "DMA-API: {driver} {device} device driver frees DMA memory with wrong function [device address={dmaaddr}] [size={size} bytes] [mapped as {mapped}] [unmapped as {unmapped}]"
        "Linux v4.20 and later with CONFIG_DMA_API_DEBUG, kernel/dma/debug.c"
        => "DMA-API: the driver {driver} unmaps with the wrong function" "DMA-API：驱动 {driver} 用错了解除映射的函数"
        [API_MISUSE]),
    pattern!("dma-debug-sg-count" DmaApi Software
        "DMA-API: {driver} {device} device driver frees DMA sg list with different entry count [map count={count}] [unmap count={ucount}]"
        "Linux v4.20 and later with CONFIG_DMA_API_DEBUG, kernel/dma/debug.c"
        => "DMA-API: the driver {driver} unmaps a list with another number of entries: it must be the number given to dma_map_sg" "DMA-API：驱动 {driver} 解除映射时传入的项数与映射时不同，应传当初传给 dma_map_sg 的项数"
        [API_MISUSE] sg_count),
    pattern!("dma-debug-not-mapped" DmaApi Software
        "DMA-API: {driver} {device} device driver tries to free DMA memory it has not allocated [device address={dmaaddr}] [size={size} bytes]"
        "Linux v4.20 and later with CONFIG_DMA_API_DEBUG, kernel/dma/debug.c"
        => "DMA-API: the driver {driver} unmaps what is not mapped (or twice)" "DMA-API：驱动 {driver} 解除了不存在的映射（或重复解除）"
        [API_MISUSE]),
    pattern!("dma-debug-cpu-address" DmaApi Software
        "DMA-API: {driver} {device} device driver frees DMA memory with different CPU address [device address={dmaaddr}] [size={size} bytes] [cpu alloc address={_}] [cpu free address={_}]"
        "Linux v4.20 and later with CONFIG_DMA_API_DEBUG, kernel/dma/debug.c"
        => "DMA-API: the driver {driver} frees coherent memory at another CPU address" "DMA-API：驱动 {driver} 释放一致性内存时给出的 CPU 地址与分配时不同"
        [API_MISUSE]),
    pattern!("dma-debug-sync-unmapped" DmaApi Software
        "DMA-API: {driver} {device} device driver tries to sync DMA memory it has not allocated [device address={dmaaddr}] [size={size} bytes]"
        "Linux v4.20 and later with CONFIG_DMA_API_DEBUG, kernel/dma/debug.c"
        => "DMA-API: the driver {driver} synchronises what is not mapped" "DMA-API：驱动 {driver} 同步了没有映射的内存"
        [API_MISUSE]),
    pattern!("dma-debug-sync-outside" DmaApi Software
        "DMA-API: {driver} {device} device driver syncs DMA memory outside allocated range [device address={dmaaddr}] [allocation size={mapsize} bytes] [sync offset+size={size}]"
        "Linux v4.20 and later with CONFIG_DMA_API_DEBUG, kernel/dma/debug.c"
        => "DMA-API: the driver {driver} synchronises past the end of its mapping" "DMA-API：驱动 {driver} 的同步越过了映射末尾"
        [API_MISUSE]),
    pattern!("dma-debug-sync-direction" DmaApi Software
        "DMA-API: {driver} {device} device driver syncs DMA memory with different direction [device address={dmaaddr}] [size={size} bytes] [mapped with {mapped}] [synced with {synced}]"
        "Linux v4.20 and later with CONFIG_DMA_API_DEBUG, kernel/dma/debug.c"
        => "DMA-API: the driver {driver} synchronises with another direction than it mapped" "DMA-API：驱动 {driver} 同步的方向与映射时不同"
        [API_MISUSE] synced),
    pattern!("dma-debug-sync-cpu" DmaApi Software
        "DMA-API: {driver} {device} device driver syncs device read-only DMA memory for cpu [device address={dmaaddr}] [size={size} bytes] [mapped with {mapped}] [synced with {synced}]"
        "Linux v4.20 and later with CONFIG_DMA_API_DEBUG, kernel/dma/debug.c"
        => "DMA-API: the driver {driver} synchronises for the CPU what the device only reads" "DMA-API：驱动 {driver} 对设备只读不写的内存（映射为 DMA_TO_DEVICE）做了 sync_for_cpu"
        [API_MISUSE] synced),
    pattern!("dma-debug-sync-device" DmaApi Software
        "DMA-API: {driver} {device} device driver syncs device write-only DMA memory to device [device address={dmaaddr}] [size={size} bytes] [mapped with {mapped}] [synced with {synced}]"
        "Linux v4.20 and later with CONFIG_DMA_API_DEBUG, kernel/dma/debug.c"
        => "DMA-API: the driver {driver} synchronises for the device what it only writes" "DMA-API：驱动 {driver} 为设备同步了设备只写的内存"
        [API_MISUSE] synced),
    pattern!("dma-debug-unchecked" DmaApi Software
        "DMA-API: {driver} {device} device driver failed to check map error[device address={dmaaddr}] [size={size} bytes] [mapped as {mapped}]"
        "Linux v4.20 and later with CONFIG_DMA_API_DEBUG, kernel/dma/debug.c (v3.9 to v4.19: the name before DMA-API)"
        => "DMA-API: the driver {driver} does not check whether a mapping failed" "DMA-API：驱动 {driver} 没有检查映射是否失败"
        [NOT_CHECKED]),
    pattern!("dma-debug-cacheline" DmaApi Software
        "DMA-API: {driver} {device} cacheline tracking EEXIST, overlapping mappings aren't supported"
        "Linux v5.15 and later with CONFIG_DMA_API_DEBUG, kernel/dma/debug.c"
        => "DMA-API: two mappings of {device} share a cache line" "DMA-API：{device} 的两个映射共用一个缓存行"
        [OVERLAPPING_MAPPINGS]),
    pattern!("dma-debug-mapped-twice" DmaApi Software
        "DMA-API: {driver} {device} exceeded {count} overlapping mappings of cacheline {why...}"
        "Linux v4.20 and later with CONFIG_DMA_API_DEBUG, kernel/dma/debug.c"
        => "DMA-API: a cache line of {device} is mapped too often at once" "DMA-API：{device} 的一个缓存行被同时映射过多次"
        [OVERLAPPING_MAPPINGS]),
    pattern!("dma-debug-stack" DmaApi Software
        "DMA-API: {driver} {device} device driver maps memory from stack {why...}"
        "Linux v4.20 and later with CONFIG_DMA_API_DEBUG, kernel/dma/debug.c (also from vmalloc area)"
        => "DMA-API: the driver {driver} maps memory on the stack" "DMA-API：驱动 {driver} 映射了栈上的内存"
        [VMALLOC_BUFFER]),
    pattern!("dma-debug-kernel-text" DmaApi Software
        "DMA-API: {driver} {device} device driver maps memory from kernel text or rodata [addr={phys}] [len={size}]"
        "Linux v4.20 and later with CONFIG_DMA_API_DEBUG, kernel/dma/debug.c"
        => "DMA-API: the driver {driver} maps the kernel's own code or constants" "DMA-API：驱动 {driver} 映射了内核代码或只读数据"
        [API_MISUSE]),
    pattern!("dma-debug-segment" DmaApi Software
        "DMA-API: {driver} {device} mapping sg segment longer than device claims to support [len={size}] [max={limit}]"
        "Linux v4.20 and later with CONFIG_DMA_API_DEBUG_SG, kernel/dma/debug.c"
        => "DMA-API: a segment of {device} is longer than the device claims to take" "DMA-API：{device} 的 scatterlist 有一段超过了设备声明的最大长度"
        [API_MISUSE]),
    pattern!("dma-debug-boundary" DmaApi Software
        "DMA-API: {driver} {device} mapping sg segment across boundary [start={phys}] [end={_}] [boundary={limit}]"
        "Linux v4.20 and later with CONFIG_DMA_API_DEBUG_SG, kernel/dma/debug.c"
        => "DMA-API: a segment of {device} crosses the boundary that the device must not cross" "DMA-API：{device} 的 scatterlist 有一段跨越了设备不得跨越的边界"
        [API_MISUSE]),
    pattern!("dma-debug-leak" DmaApi Software
        "DMA-API: {driver} {device} device driver has pending DMA allocations while released from device [count={count}]"
        "Linux v4.20 and later with CONFIG_DMA_API_DEBUG, kernel/dma/debug.c"
        => "DMA-API: the driver {driver} was unbound with {count} mappings left" "DMA-API：驱动 {driver} 解绑时仍有 {count} 个映射"
        [API_MISUSE]),
    pattern!("dma-debug-invalid" DmaApi Software
        "DMA-API: {driver} {device} device driver tries to free an invalid DMA memory address"
        "Linux v4.20 and later with CONFIG_DMA_API_DEBUG, kernel/dma/debug.c"
        => "DMA-API: the driver {driver} unmaps DMA_MAPPING_ERROR: a mapping had failed" "DMA-API：驱动 {driver} 把 DMA_MAPPING_ERROR 当作地址解除映射，而那次映射早已失败"
        [MAPPING_ERROR_USED, NOT_CHECKED]),
];

/// `e1000 0000:00:07.0: DMA-API: device driver ...`: before v4.20 the device's name came first.
fn named_first(here: &Here<'_>) -> Option<Found> {
    let (name, says) = here.text.split_once(": DMA-API: ")?;
    let words = name.rfind(' ').and_then(|at| name[..at].rfind(' ')).map_or(name, |at| &name[at + 1..]);
    let text = format!("DMA-API: {words}: {says}");
    let here = Here { text: &text, ..*here };
    PATTERNS
        .iter()
        .filter(|pattern| pattern.form.name.starts_with("dma-debug"))
        .find_map(|pattern| read(pattern, &here))
}

/// Slots within which those of a mapping lie side by side (IO_TLB_SEGSIZE).
const GROUP: u64 = 128;
/// The largest mapping that swiotlb can bounce: that many slots of 2 KiB.
const LARGEST: u64 = GROUP * 2048;

fn swiotlb(captures: &Captures<'_>, found: &mut Found) {
    if let Some(size) = captures.number("size") {
        if size > LARGEST {
            found.clue(Clue::TooLargeForBounce);
        }
    }
    let (Some(total), Some(used)) = (captures.number("total"), captures.number("used")) else { return };
    // Slots are of 2 KiB.
    let wanted = captures.number("size").map_or(0, |size| size.div_ceil(2048));
    match total {
        0 => found.clue(Clue::PoolMissing),
        // What is full has no room for anything: that says nothing of the request.
        _ if used.saturating_mul(10) >= total.saturating_mul(8) => found.clue(Clue::PoolFull),
        _ if wanted <= LARGEST / 2048 && wanted > total.saturating_sub(used) => {
            found.clue(Clue::TooLargeForPool);
        }
        _ if used.saturating_mul(4) < total => found.clue(Clue::PoolEmpty),
        _ => {}
    }
    // To leave no run of `wanted` slots free in a group, one of each `wanted` of its slots must be in use.
    if wanted > 0 && wanted <= GROUP && total > 0 && used < (total / GROUP).saturating_mul(GROUP / wanted) {
        found.clue(Clue::SlotsAdjacent);
    }
    let percent = used.saturating_mul(100).checked_div(total);
    if let Some(percent) = percent {
        let little = percent == 0 && used > 0;
        found.inferred(
            Text::new("fill", "占用"),
            match little {
                true => Phrase::new("under 1 %", "不到 1%"),
                false => Phrase::new(format!("{percent} %"), format!("{percent}%")),
            },
            Text::new(
                "of the pool; a request needs contiguous slots, so it can fail below 100 %",
                "池的占用率；请求需要连续的槽，因此不到 100% 也会失败",
            ),
        );
    }
}

/// The line after "buffer is full" says the same of the same mapping.
fn out_of_space(captures: &Captures<'_>, found: &mut Found) {
    swiotlb(captures, found);
    found.join = Join::More;
    found.fields.clear();
}

fn reach(captures: &Captures<'_>, found: &mut Found) {
    let (Some(at), Some(mask)) = (captures.hex("dmaaddr"), captures.hex("mask")) else { return };
    let bits = 64 - mask.leading_zeros();
    let meaning = match at > mask {
        true => Text::new(
            "the buffer begins above what the mask lets the device address",
            "缓冲区起始地址高于掩码允许的范围",
        ),
        false => Text::new(
            "the buffer's end is above what the mask lets the device address, or the bus limits it",
            "缓冲区末尾高于掩码允许的范围，或受总线限制",
        ),
    };
    found.inferred(
        Text::new("reach", "可达范围"),
        Phrase::new(format!("{bits} bits"), format!("{bits} 位")),
        meaning,
    );
}

fn synced(_: &Captures<'_>, found: &mut Found) {
    found.preset = Some("sync-for-cpu");
}

fn direction(_: &Captures<'_>, found: &mut Found) {
    found.preset = Some("direction");
}

fn sg_count(_: &Captures<'_>, found: &mut Found) {
    found.preset = Some("scatter-gather");
}
