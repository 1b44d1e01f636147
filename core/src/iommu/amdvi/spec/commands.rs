//! Entries of the command buffer (AMD 48882, commands; Linux, drivers/iommu/amd/iommu.c).

use crate::iommu::ats::RESPONSES;
use crate::spec::{self, Bits, EntryType};

spec::values! {
    /// Opcodes.
    pub OPCODES / opcode {
        COMPLETION_WAIT = 1 "COMPLETION_WAIT" "COMPLETION_WAIT（等待完成）";
        INVALIDATE_DEVTAB_ENTRY = 2 "INVALIDATE_DEVTAB_ENTRY" "INVALIDATE_DEVTAB_ENTRY（使设备表项失效）";
        INVALIDATE_IOMMU_PAGES = 3 "INVALIDATE_IOMMU_PAGES" "INVALIDATE_IOMMU_PAGES（使页转换失效）";
        INVALIDATE_IOTLB_PAGES = 4 "INVALIDATE_IOTLB_PAGES" "INVALIDATE_IOTLB_PAGES（使设备 IOTLB 失效）";
        INVALIDATE_INTERRUPT_TABLE = 5 "INVALIDATE_INTERRUPT_TABLE" "INVALIDATE_INTERRUPT_TABLE（使中断重映射表的缓存失效）";
        PREFETCH_IOMMU_PAGES = 6 "PREFETCH_IOMMU_PAGES" "PREFETCH_IOMMU_PAGES（预取页转换）";
        COMPLETE_PPR_REQUEST = 7 "COMPLETE_PPR_REQUEST" "COMPLETE_PPR_REQUEST（完成页请求）";
        INVALIDATE_IOMMU_ALL = 8 "INVALIDATE_IOMMU_ALL" "INVALIDATE_IOMMU_ALL（全部失效）";
    }
}

macro_rules! commands {
    ($($(#[$doc:meta])* $id:ident / $module:ident : $en:literal $zh:literal { $($low:tt)* } { $($high:tt)* })*) => {
        spec::structure! {$(
            $(#[$doc])*
            pub $id / $module: 2 words, "AMD 48882, commands", $en $zh {
                $($low)*
                OPCODE "OpCode" [63:60] code(OPCODES) "command" "命令";
                $($high)*
            }
        )*}
    };
}

commands! {
    /// A store, an interrupt, or both, once all earlier commands are done.
    COMPLETION_WAIT / wait: "COMPLETION_WAIT" "COMPLETION_WAIT" {
        S                    [0]      flag "store the data" "写入数据";
        I                    [1]      flag "interrupt" "产生中断";
        F                    [2]      flag "wait for earlier commands' queue" "等待先前命令";
        STORE "StoreAddress" [51:3]   address(3) "where to store" "写入地址";
        _                    [59:52]  reserved;
    } {
        DATA "StoreData"     [127:64] value "data" "数据";
    }
    /// Forgets a device table entry.
    DEVTAB / devtab: "INVALIDATE_DEVTAB_ENTRY" "INVALIDATE_DEVTAB_ENTRY" {
        DEVICE_ID "DeviceID" [15:0]   value "DeviceID" "DeviceID";
        _                    [59:16]  reserved;
    } {
        _                    [127:64] reserved;
    }
    /// Forgets translations of a domain.
    PAGES / pages: "INVALIDATE_IOMMU_PAGES" "INVALIDATE_IOMMU_PAGES" {
        PASID                [19:0]   value "PASID" "PASID";
        _                    [31:20]  reserved;
        DOMAIN_ID "DomainID" [47:32]  value "DomainID" "DomainID";
        _                    [59:48]  reserved;
    } {
        S                    [64]     flag "the ones below the address's lowest 0 say how many pages" "地址最低 0 位以下的 1 表示页数";
        PDE                  [65]     flag "directory entries too" "连同页目录项";
        GN                   [66]     flag "guest addresses of the PASID" "PASID 的客户机地址";
        _                    [75:67]  reserved;
        ADDRESS "Address"    [127:76] address(12) "first page" "首页";
    }
    /// Asks a device to forget translations in its own TLB.
    IOTLB / iotlb: "INVALIDATE_IOTLB_PAGES" "INVALIDATE_IOTLB_PAGES" {
        DEVICE_ID "DeviceID"      [15:0]   value "DeviceID" "DeviceID";
        PASID_MIDDLE "PASID[15:8]" [23:16] value "PASID, middle bits" "PASID 中间位";
        MAXPEND "Maxpend"         [31:24]  value "requests under way at most" "最大在途请求数";
        QUEUE_ID "QueueID"        [47:32]  value "queue" "队列";
        PASID_LOW "PASID[7:0]"    [55:48]  value "PASID, low bits" "PASID 低位";
        PASID_HIGH "PASID[19:16]" [59:56]  value "PASID, high bits" "PASID 高位";
    } {
        S                         [64]     flag "the ones below the address's lowest 0 say how many pages" "地址最低 0 位以下的 1 表示页数";
        _                         [65]     reserved;
        GN                        [66]     flag "guest addresses of the PASID" "PASID 的客户机地址";
        _                         [67]     reserved;
        TYPE "Type"               [69:68]  value "type" "类型";
        _                         [75:70]  reserved;
        ADDRESS "Address"         [127:76] address(12) "first page" "首页";
    }
    /// Forgets a device's interrupt entries.
    INTERRUPTS / interrupts: "INVALIDATE_INTERRUPT_TABLE" "INVALIDATE_INTERRUPT_TABLE" {
        DEVICE_ID "DeviceID" [15:0]   value "DeviceID" "DeviceID";
        _                    [59:16]  reserved;
    } {
        _                    [127:64] reserved;
    }
    /// Fetches translations before they are needed.
    PREFETCH / prefetch: "PREFETCH_IOMMU_PAGES" "PREFETCH_IOMMU_PAGES" {
        DEVICE_ID "DeviceID" [15:0]   value "DeviceID" "DeviceID";
        _                    [23:16]  reserved;
        COUNT "PFCount"      [31:24]  value "pages" "页数";
        PASID                [51:32]  value "PASID" "PASID";
        _                    [59:52]  reserved;
    } {
        S                    [64]     flag "page size" "页大小";
        _                    [65]     reserved;
        GN                   [66]     flag "guest addresses of the PASID" "PASID 的客户机地址";
        _                    [67]     reserved;
        INVAL "Inval"        [68]     flag "forget first" "先使其失效";
        _                    [75:69]  reserved;
        ADDRESS "Address"    [127:76] address(12) "first page" "首页";
    }
    /// Answers a page request group.
    COMPLETE_PPR / complete_ppr: "COMPLETE_PPR_REQUEST" "COMPLETE_PPR_REQUEST" {
        DEVICE_ID "DeviceID" [15:0]    value "DeviceID" "DeviceID";
        _                    [31:16]   reserved;
        PASID                [51:32]   value "PASID" "PASID";
        _                    [59:52]   reserved;
    } {
        _                    [65:64]   reserved;
        GN                   [66]      flag "the PASID is valid" "PASID 有效";
        _                    [95:67]   reserved;
        TAG "PPRTag"         [104:96]  value "page request group index" "页请求组编号";
        _                    [107:105] reserved;
        STATUS "Status"      [111:108] code(RESPONSES) "answer" "应答";
        _                    [127:112] reserved;
    }
    /// Forgets everything.
    ALL / all: "INVALIDATE_IOMMU_ALL" "INVALIDATE_IOMMU_ALL" {
        _                    [59:0]   reserved;
    } {
        _                    [127:64] reserved;
    }
    /// Any other opcode.
    UNKNOWN_COMMAND / unknown: "command" "命令" {
        _                    [59:0]   ignored;
    } {
        _                    [127:64] ignored;
    }
}

/// Returns which structure a command with this first word is.
pub fn command(low: u64) -> &'static EntryType {
    match low.bits(unknown::OPCODE) {
        opcode::COMPLETION_WAIT => &COMPLETION_WAIT,
        opcode::INVALIDATE_DEVTAB_ENTRY => &DEVTAB,
        opcode::INVALIDATE_IOMMU_PAGES => &PAGES,
        opcode::INVALIDATE_IOTLB_PAGES => &IOTLB,
        opcode::INVALIDATE_INTERRUPT_TABLE => &INTERRUPTS,
        opcode::PREFETCH_IOMMU_PAGES => &PREFETCH,
        opcode::COMPLETE_PPR_REQUEST => &COMPLETE_PPR,
        opcode::INVALIDATE_IOMMU_ALL => &ALL,
        _ => &UNKNOWN_COMMAND,
    }
}
