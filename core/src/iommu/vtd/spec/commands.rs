//! Commands: descriptors of the invalidation queue (VT-d 6.5.2), and the descriptor of the page request queue
//! (VT-d 7.4).

use crate::iommu::ats::RESPONSES;
use crate::spec::{self, EntryType, Field};

spec::values! {
    /// The types of descriptors, bits 6:0.
    pub KINDS / kind {
        CONTEXT_CACHE = 1 "context-cache invalidate" "上下文缓存失效";
        IOTLB = 2 "IOTLB invalidate" "IOTLB 失效";
        DEVICE_TLB = 3 "device-TLB invalidate" "设备 TLB 失效";
        INTERRUPT_CACHE = 4 "interrupt entry cache invalidate" "中断重映射表项缓存失效";
        WAIT = 5 "invalidation wait" "失效等待";
        PASID_IOTLB = 6 "PASID-based IOTLB invalidate" "基于 PASID 的 IOTLB 失效";
        PASID_CACHE = 7 "PASID-cache invalidate" "PASID 缓存失效";
        PASID_DEVICE_TLB = 8 "PASID-based device-TLB invalidate" "基于 PASID 的设备 TLB 失效";
        PAGE_RESPONSE = 9 "page group response" "页请求组响应";
    }
    /// Granularities of context-cache and IOTLB invalidations.
    pub GRANULARITIES / granularity {
        GLOBAL = 1 "global" "全局";
        DOMAIN = 2 "domain-selective" "按域";
        SELECTIVE = 3 "device- or page-selective" "按设备或按页";
    }
    /// Granularities of PASID-based IOTLB invalidations.
    pub PASID_GRANULARITIES / pasid_granularity {
        ALL = 2 "all of the PASID" "该 PASID 的全部";
        PAGES = 3 "pages of the PASID" "该 PASID 的若干页";
    }
    /// Granularities of PASID-cache invalidations.
    pub PASID_CACHE_GRANULARITIES / pasid_cache_granularity {
        DOMAIN = 0 "all PASIDs of the domain" "该域的全部 PASID";
        PASID = 1 "one PASID of the domain" "该域的一个 PASID";
        GLOBAL = 3 "global" "全局";
    }
}

const KIND: Field = Field::code("Type", 3, 0, KINDS, "type, bits 3:0", "类型，位 3:0");
const KIND_HIGH: Field = Field::value("TypeH", 11, 9, "type, bits 6:4", "类型，位 6:4");
const DOMAIN: Field = Field::value("DID", 31, 16, "domain id", "域 ID");

spec::structure! {
    /// Context-cache invalidate descriptor.
    pub CONTEXT_CACHE / context_cache: 2 words, "VT-d 6.5.2.1", "context-cache invalidate descriptor" "上下文缓存失效描述符" {
        TYPE      = KIND;
        G   [5:4]    code(GRANULARITIES) "granularity" "粒度";
        _   [8:6]    reserved;
        TYPE_HIGH = KIND_HIGH;
        _   [15:12]  reserved;
        DID       = DOMAIN;
        SID [47:32]  value "source id" "请求者 ID";
        FM  [49:48]  value "function mask" "功能号掩码";
        _   [63:50]  reserved;
        _   [127:64] reserved;
    }

    /// PASID-cache invalidate descriptor.
    pub PASID_CACHE / pasid_cache: 4 words, "VT-d 6.5.2.2", "PASID-cache invalidate descriptor" "PASID 缓存失效描述符" {
        TYPE      = KIND;
        G     [5:4]     code(PASID_CACHE_GRANULARITIES) "granularity" "粒度";
        _     [8:6]     reserved;
        TYPE_HIGH = KIND_HIGH;
        _     [15:12]   reserved;
        DID       = DOMAIN;
        PASID [51:32]   value "PASID" "PASID";
        _     [63:52]   reserved;
        _     [127:64]  reserved;
        _     [191:128] reserved;
        _     [255:192] reserved;
    }

    /// IOTLB invalidate descriptor.
    pub IOTLB / iotlb: 2 words, "VT-d 6.5.2.3", "IOTLB invalidate descriptor" "IOTLB 失效描述符" {
        TYPE      = KIND;
        G    [5:4]    code(GRANULARITIES) "granularity" "粒度";
        DW   [6]      flag "drain writes" "排空写";
        DR   [7]      flag "drain reads" "排空读";
        _    [8]      reserved;
        TYPE_HIGH = KIND_HIGH;
        _    [15:12]  reserved;
        DID       = DOMAIN;
        _    [63:32]  reserved;
        AM   [69:64]  value "address mask: 2^AM pages" "地址掩码：2^AM 页";
        IH   [70]     flag "invalidation hint: leaves only" "失效提示：仅叶子项";
        _    [75:71]  reserved;
        ADDR [127:76] address(12) "address" "地址";
    }

    /// PASID-based IOTLB invalidate descriptor.
    pub PASID_IOTLB / pasid_iotlb: 4 words, "VT-d 6.5.2.4", "PASID-based IOTLB invalidate descriptor" "基于 PASID 的 IOTLB 失效描述符" {
        TYPE      = KIND;
        G     [5:4]     code(PASID_GRANULARITIES) "granularity" "粒度";
        _     [8:6]     reserved;
        TYPE_HIGH = KIND_HIGH;
        _     [15:12]   reserved;
        DID       = DOMAIN;
        PASID [51:32]   value "PASID" "PASID";
        _     [63:52]   reserved;
        AM    [69:64]   value "address mask: 2^AM pages" "地址掩码：2^AM 页";
        IH    [70]      flag "invalidation hint: leaves only" "失效提示：仅叶子项";
        _     [75:71]   reserved;
        ADDR  [127:76]  address(12) "address" "地址";
        _     [191:128] reserved;
        _     [255:192] reserved;
    }

    /// Device-TLB invalidate descriptor.
    pub DEVICE_TLB / device_tlb: 2 words, "VT-d 6.5.2.5", "device-TLB invalidate descriptor" "设备 TLB 失效描述符" {
        TYPE      = KIND;
        _      [8:4]    reserved;
        TYPE_HIGH = KIND_HIGH;
        PFSID  [15:12]  value "physical function's source id, bits 3:0" "物理功能请求者 ID 位 3:0";
        MIP    [20:16]  value "most invalidations pending" "最大未完成失效数";
        _      [31:21]  reserved;
        SID    [47:32]  value "source id" "请求者 ID";
        _      [51:48]  reserved;
        PFSIDH [63:52]  value "physical function's source id, bits 15:4" "物理功能请求者 ID 位 15:4";
        S      [64]     flag "size: more than one page, in the address's low ones" "大小：多页，由地址低位的 1 编码";
        _      [75:65]  reserved;
        ADDR   [127:76] address(12) "address" "地址";
    }

    /// PASID-based device-TLB invalidate descriptor.
    pub PASID_DEVICE_TLB / pasid_device_tlb: 4 words, "VT-d 6.5.2.6", "PASID-based device-TLB invalidate descriptor" "基于 PASID 的设备 TLB 失效描述符" {
        TYPE      = KIND;
        MIP    [8:4]     value "most invalidations pending" "最大未完成失效数";
        TYPE_HIGH = KIND_HIGH;
        PFSID  [15:12]   value "physical function's source id, bits 3:0" "物理功能请求者 ID 位 3:0";
        SID    [31:16]   value "source id" "请求者 ID";
        PASID  [51:32]   value "PASID" "PASID";
        PFSIDH [63:52]   value "physical function's source id, bits 15:4" "物理功能请求者 ID 位 15:4";
        G      [64]      flag "global: every PASID" "全局：所有 PASID";
        _      [74:65]   reserved;
        S      [75]      flag "size: more than one page, in the address's low ones" "大小：多页，由地址低位的 1 编码";
        ADDR   [127:76]  address(12) "address" "地址";
        _      [191:128] reserved;
        _      [255:192] reserved;
    }

    /// Interrupt entry cache invalidate descriptor.
    pub INTERRUPT_CACHE / interrupt_cache: 2 words, "VT-d 6.5.2.7", "interrupt entry cache invalidate descriptor" "中断重映射表项缓存失效描述符" {
        TYPE      = KIND;
        G    [4]      flag "1: the entries from IIDX on; 0: all" "1：从 IIDX 起的若干项；0：全部";
        _    [8:5]    reserved;
        TYPE_HIGH = KIND_HIGH;
        _    [26:12]  reserved;
        IM   [31:27]  value "index mask: 2^IM entries" "索引掩码：2^IM 项";
        IIDX [47:32]  value "interrupt index" "中断索引";
        _    [63:48]  reserved;
        _    [127:64] reserved;
    }

    /// Invalidation wait descriptor.
    pub WAIT / wait: 2 words, "VT-d 6.5.2.8", "invalidation wait descriptor" "失效等待描述符" {
        TYPE      = KIND;
        IF     [4]      flag "interrupt flag" "中断标志";
        SW     [5]      flag "status write" "写状态";
        FN     [6]      flag "fence" "栅栏";
        PD     [7]      flag "page-request drain" "排空页请求";
        _      [8]      reserved;
        TYPE_HIGH = KIND_HIGH;
        _      [31:12]  reserved;
        STDATA [63:32]  value "status data" "状态数据";
        _      [65:64]  reserved;
        STADDR [127:66] address(2) "status address" "状态地址";
    }

    /// Page group response descriptor.
    pub PAGE_RESPONSE / page_response: 4 words, "VT-d 7.6", "page group response descriptor" "页请求组响应描述符" {
        TYPE      = KIND;
        PP    [4]       flag "PASID present" "带 PASID";
        _     [8:5]     reserved;
        TYPE_HIGH = KIND_HIGH;
        RC    [15:12]   code(RESPONSES) "response code" "响应码";
        RID   [31:16]   value "requester id" "请求者 ID";
        PASID [51:32]   value "PASID" "PASID";
        _     [63:52]   reserved;
        _     [65:64]   reserved;
        LPIG  [66]      flag "last page in group" "组内最后一页";
        PRGI  [75:67]   value "page request group index" "页请求组索引";
        _     [127:76]  reserved;
        _     [191:128] reserved;
        _     [255:192] reserved;
    }

    /// A descriptor whose type is not known.
    pub UNKNOWN / unknown: 2 words, "VT-d 6.5.2", "invalidation descriptor of unknown type" "未知类型的失效描述符" {
        TYPE      = KIND;
        _ [8:4]    ignored;
        TYPE_HIGH = KIND_HIGH;
        _ [63:12]  ignored;
        _ [127:64] ignored;
    }

    /// Page request descriptor.
    pub PAGE_REQUEST / page_request: 4 words, "VT-d 7.4.1", "page request descriptor" "页请求描述符" {
        TYPE "Type" [7:0]     value "type: 1" "类型：1";
        PP          [8]       flag "PASID present" "带 PASID";
        _           [15:9]    reserved;
        RID         [31:16]   value "requester id" "请求者 ID";
        PASID       [51:32]   value "PASID" "PASID";
        EXE         [52]      flag "execute requested" "请求执行";
        PRIV        [53]      flag "privilege mode requested" "请求特权";
        _           [63:54]   reserved;
        RD          [64]      flag "read requested" "请求读";
        WR          [65]      flag "write requested" "请求写";
        LPIG        [66]      flag "last page in group" "组内最后一页";
        PRGI        [75:67]   value "page request group index" "页请求组索引";
        ADDR        [127:76]  address(12) "address" "地址";
        _           [191:128] reserved;
        _           [255:192] reserved;
    }
}

/// Returns the type that a descriptor's first word says: bits 6:4 of it are apart from bits 3:0.
pub const fn kind_of(low: u64) -> u64 {
    KIND.get(&[low]) | KIND_HIGH.get(&[low]) << 4
}

/// Returns the descriptor of a type, if there is one; those of four words need a queue of 256-bit descriptors.
pub const fn of_kind(kind: u64) -> Option<&'static EntryType> {
    Some(match kind {
        kind::CONTEXT_CACHE => &CONTEXT_CACHE,
        kind::IOTLB => &IOTLB,
        kind::DEVICE_TLB => &DEVICE_TLB,
        kind::INTERRUPT_CACHE => &INTERRUPT_CACHE,
        kind::WAIT => &WAIT,
        kind::PASID_IOTLB => &PASID_IOTLB,
        kind::PASID_CACHE => &PASID_CACHE,
        kind::PASID_DEVICE_TLB => &PASID_DEVICE_TLB,
        kind::PAGE_RESPONSE => &PAGE_RESPONSE,
        _ => return None,
    })
}
