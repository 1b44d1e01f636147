//! Event log entries and peripheral page request log entries (AMD 48882, event logging; Linux, drivers/iommu/amd).

use crate::spec::{self, Bits, EntryType};

spec::values! {
    /// Event codes.
    pub CODES / code {
        ILLEGAL_DEV_TABLE_ENTRY = 1 "ILLEGAL_DEV_TABLE_ENTRY" "ILLEGAL_DEV_TABLE_ENTRY（设备表项非法）";
        IO_PAGE_FAULT = 2 "IO_PAGE_FAULT" "IO_PAGE_FAULT（I/O 缺页）";
        DEV_TAB_HARDWARE_ERROR = 3 "DEV_TAB_HARDWARE_ERROR" "DEV_TAB_HARDWARE_ERROR（设备表硬件错误）";
        PAGE_TAB_HARDWARE_ERROR = 4 "PAGE_TAB_HARDWARE_ERROR" "PAGE_TAB_HARDWARE_ERROR（页表硬件错误）";
        ILLEGAL_COMMAND_ERROR = 5 "ILLEGAL_COMMAND_ERROR" "ILLEGAL_COMMAND_ERROR（命令非法）";
        COMMAND_HARDWARE_ERROR = 6 "COMMAND_HARDWARE_ERROR" "COMMAND_HARDWARE_ERROR（命令硬件错误）";
        IOTLB_INV_TIMEOUT = 7 "IOTLB_INV_TIMEOUT" "IOTLB_INV_TIMEOUT（IOTLB 失效超时）";
        INVALID_DEVICE_REQUEST = 8 "INVALID_DEVICE_REQUEST" "INVALID_DEVICE_REQUEST（设备请求无效）";
        INVALID_PPR_REQUEST = 9 "INVALID_PPR_REQUEST" "INVALID_PPR_REQUEST（页请求无效）";
        EVENT_COUNTER_ZERO = 10 "EVENT_COUNTER_ZERO" "EVENT_COUNTER_ZERO（事件计数器归零）";
    }

    /// Type of hardware errors.
    pub HARDWARE_TYPES / hardware {
        MASTER_ABORT = 1 "master abort" "主设备中止（master abort）";
        TARGET_ABORT = 2 "target abort" "目标中止";
        DATA_ERROR = 3 "data error" "数据错误";
    }

    /// Type of INVALID_DEVICE_REQUEST where TR is 0 (illumos, amd_iommu_log.c; that 5 is IntCtl = 0 a kernel's line shows too).
    pub REQUEST_TYPES / request {
        READ_OF_INTERRUPTS = 0 "read, or non-posted write, in the interrupt range" "读取中断地址范围，或在其中做 non-posted 写";
        PRE_TRANSLATED = 1 "translated request of a device that may not have an IOTLB" "不允许有 IOTLB 的设备发出已转换请求";
        PORT_IO = 2 "port I/O of a device without it (IoCtl = 0)" "设备不允许端口 I/O（IoCtl = 0）";
        SYSTEM_MANAGEMENT = 3 "write to system management that SysMgt does not allow" "SysMgt 不允许的系统管理写";
        READ_OF_SYSTEM_MANAGEMENT = 4 "read, or non-posted write, in the system management range" "读取系统管理地址范围，或在其中做 non-posted 写";
        INTERRUPT = 5 "a posted write to the interrupt or end-of-interrupt range by a device whose table entry has IntCtl = 00b" "设备向中断/EOI 区间发出 posted 写，而它的设备表项里 IntCtl = 00b";
        RESERVED_INTERRUPT = 6 "write to the reserved interrupt range" "写保留的中断范围";
        UNTRANSLATED = 7 "system management or port I/O that is translated, without translation information (TV = 0)" "需转换的系统管理或端口 I/O 请求没有转换信息（TV = 0）";
    }

    /// Type of INVALID_DEVICE_REQUEST where TR is 1 (illumos, amd_iommu_log.c).
    pub TRANSLATION_TYPES / translation_request {
        NOT_ALLOWED = 0 "translation request of a device that may not have an IOTLB (I, V or TV is 0)" "不允许有 IOTLB 的设备发出转换请求（I、V 或 TV 为 0）";
        SPECIAL_RANGE = 1 "translation request for interrupts, port I/O or system management" "对中断、端口 I/O 或系统管理范围的转换请求";
    }

    /// Request types of the page request log.
    pub PPR_CODES / ppr_code {
        PAGE_SERVICE_REQUEST = 1 "PAGE_SERVICE_REQUEST" "PAGE_SERVICE_REQUEST（页服务请求）";
    }
}

macro_rules! events {
    ($($(#[$doc:meta])* $id:ident / $module:ident : $en:literal { $($row:tt)* })*) => {
        spec::structure! {$(
            $(#[$doc])*
            pub $id / $module: 2 words, "AMD 48882, event log", $en $en {
                $($row)*
                CODE "EventCode" [63:60] code(CODES) "event" "事件";
                ADDRESS "Address" [127:64] value "address" "地址";
            }
        )*}
    };
}

events! {
    /// A device table entry with reserved bits or values.
    ILLEGAL_DTE / illegal_dte: "ILLEGAL_DEV_TABLE_ENTRY" {
        DEVICE_ID "DeviceID"  [15:0]  value "DeviceID" "DeviceID";
        PASID_HIGH "PASID[19:16]" [19:16] value "PASID, high bits" "PASID 高位";
        _                     [31:20] reserved;
        PASID "PASID[15:0]"   [47:32] value "PASID, low bits" "PASID 低位";
        GN                    [48]    flag "guest address, with PASID" "客户机地址（带 PASID）";
        _                     [50:49] reserved;
        I                     [51]    flag "interrupt" "中断";
        _                     [52]    reserved;
        RW                    [53]    flag "write" "写";
        _                     [54]    reserved;
        RZ                    [55]    flag "reserved bit not zero" "保留位不为 0";
        TR                    [56]    flag "translation request" "转换请求";
        _                     [59:57] reserved;
    }
    /// A page or an interrupt that is not mapped, or not for this access.
    IO_PAGE_FAULT / io_page_fault: "IO_PAGE_FAULT" {
        DEVICE_ID "DeviceID"  [15:0]  value "DeviceID" "DeviceID";
        PASID_HIGH "PASID[19:16]" [19:16] value "PASID, high bits" "PASID 高位";
        _                     [31:20] reserved;
        DOMAIN "DomainID/PASID" [47:32] value "DomainID; with GN the low bits of the PASID" "DomainID；GN = 1 时为 PASID 低位";
        GN                    [48]    flag "guest address, with PASID" "客户机地址（带 PASID）";
        NX                    [49]    flag "execution was requested" "请求执行";
        US                    [50]    flag "user privilege" "用户特权级";
        I                     [51]    flag "interrupt" "中断";
        PR                    [52]    flag "the entry is present" "表项存在";
        RW                    [53]    flag "write" "写";
        PE                    [54]    flag "permission denied" "权限不足";
        RZ                    [55]    flag "reserved bit not zero, or level not allowed" "保留位不为 0，或级别不合法";
        TR                    [56]    flag "translation request" "转换请求";
        _                     [59:57] reserved;
    }
    /// Memory of the device table did not answer.
    DEV_TAB_ERROR / dev_tab_error: "DEV_TAB_HARDWARE_ERROR" {
        DEVICE_ID "DeviceID"  [15:0]  value "DeviceID" "DeviceID";
        _                     [50:16] reserved;
        I                     [51]    flag "interrupt" "中断";
        _                     [52]    reserved;
        RW                    [53]    flag "write" "写";
        _                     [55:54] reserved;
        TR                    [56]    flag "translation request" "转换请求";
        TYPE "Type"           [58:57] code(HARDWARE_TYPES) "error" "错误";
        _                     [59]    reserved;
    }
    /// Memory of page or interrupt tables did not answer.
    PAGE_TAB_ERROR / page_tab_error: "PAGE_TAB_HARDWARE_ERROR" {
        DEVICE_ID "DeviceID"  [15:0]  value "DeviceID" "DeviceID";
        PASID_HIGH "PASID[19:16]" [19:16] value "PASID, high bits" "PASID 高位";
        _                     [31:20] reserved;
        DOMAIN "DomainID/PASID" [47:32] value "DomainID; with GN the low bits of the PASID" "DomainID；GN = 1 时为 PASID 低位";
        GN                    [48]    flag "guest address, with PASID" "客户机地址（带 PASID）";
        _                     [50:49] reserved;
        I                     [51]    flag "interrupt" "中断";
        _                     [52]    reserved;
        RW                    [53]    flag "write" "写";
        _                     [55:54] reserved;
        TR                    [56]    flag "translation request" "转换请求";
        TYPE "Type"           [58:57] code(HARDWARE_TYPES) "error" "错误";
        _                     [59]    reserved;
    }
    /// A command that is not defined or has reserved bits; the address is the command's.
    ILLEGAL_COMMAND / illegal_command: "ILLEGAL_COMMAND_ERROR" {
        _                     [59:0]  reserved;
    }
    /// Memory of the command buffer, or of a store, did not answer; the address is that of the access.
    COMMAND_ERROR / command_error: "COMMAND_HARDWARE_ERROR" {
        _                     [56:0]  reserved;
        TYPE "Type"           [58:57] code(HARDWARE_TYPES) "error" "错误";
        _                     [59]    reserved;
    }
    /// A device did not answer an invalidation; the address is the command's.
    INV_TIMEOUT / inv_timeout: "IOTLB_INV_TIMEOUT" {
        DEVICE_ID "DeviceID"  [15:0]  value "DeviceID" "DeviceID";
        _                     [59:16] reserved;
    }
    /// A request that the device may not make.
    INVALID_REQUEST / invalid_request: "INVALID_DEVICE_REQUEST" {
        DEVICE_ID "DeviceID"  [15:0]  value "DeviceID" "DeviceID";
        PASID_HIGH "PASID[19:16]" [19:16] value "PASID, high bits" "PASID 高位";
        _                     [31:20] reserved;
        PASID "PASID[15:0]"   [47:32] value "PASID, low bits" "PASID 低位";
        GN                    [48]    flag "guest address, with PASID" "客户机地址（带 PASID）";
        US                    [49]    flag "user privilege" "用户特权级";
        _                     [55:50] reserved;
        TR                    [56]    flag "translation request" "转换请求";
        TYPE "Type"           [59:57] code(REQUEST_TYPES) "what was not allowed" "不允许的原因";
    }
    /// The same of a translation request (TR = 1), whose types are others.
    INVALID_TRANSLATION / invalid_translation: "INVALID_DEVICE_REQUEST" {
        DEVICE_ID "DeviceID"  [15:0]  value "DeviceID" "DeviceID";
        PASID_HIGH "PASID[19:16]" [19:16] value "PASID, high bits" "PASID 高位";
        _                     [31:20] reserved;
        PASID "PASID[15:0]"   [47:32] value "PASID, low bits" "PASID 低位";
        GN                    [48]    flag "guest address, with PASID" "客户机地址（带 PASID）";
        US                    [49]    flag "user privilege" "用户特权级";
        _                     [55:50] reserved;
        TR                    [56]    flag "translation request" "转换请求";
        TYPE "Type"           [59:57] code(TRANSLATION_TYPES) "what was not allowed" "不允许的原因";
    }
    /// A page request that the device may not make. PASID and PPRTag are where page requests have them, not where other
    /// events do (Linux, iommu_print_event); no source at hand has its flags.
    INVALID_PPR / invalid_ppr: "INVALID_PPR_REQUEST" {
        DEVICE_ID "DeviceID"  [15:0]  value "DeviceID" "DeviceID";
        PASID "PASID[15:0]"   [31:16] value "PASID, low bits" "PASID 低位";
        TAG "PPRTag[8:0]"     [40:32] value "page request group index" "页请求组编号";
        LAST "PPRTag[9]"      [41]    flag "last of its group" "组内最后一个";
        PASID_HIGH "PASID[19:16]" [45:42] value "PASID, high bits" "PASID 高位";
        _                     [59:46] reserved;
    }
    /// Any other code.
    UNKNOWN_EVENT / unknown: "event" {
        _                     [59:0]  ignored;
    }
}

spec::structure! {
    /// Peripheral page request log entry.
    pub PPR_ENTRY / ppr: 2 words, "AMD 48882, peripheral page request log", "page request log entry" "页请求日志表项" {
        DEVICE_ID "DeviceID"      [15:0]   value "DeviceID" "DeviceID";
        PASID "PASID[15:0]"       [31:16]  value "PASID, low bits" "PASID 低位";
        TAG "PPRTag[8:0]"         [40:32]  value "page request group index" "页请求组编号";
        LAST "PPRTag[9]"          [41]     flag "last of its group" "组内最后一个";
        PASID_HIGH "PASID[19:16]" [45:42]  value "PASID, high bits" "PASID 高位";
        _                         [48:46]  reserved;
        EXEC "NX"                 [49]     flag "execution wanted" "请求执行";
        READ "R"                  [50]     flag "read wanted" "请求读";
        _                         [52:51]  reserved;
        WRITE "W"                 [53]     flag "write wanted" "请求写";
        US                        [54]     flag "user privilege" "用户特权级";
        RZ                        [55]     flag "reserved bit not zero" "保留位不为 0";
        GN                        [56]     flag "guest address, with PASID" "客户机地址（带 PASID）";
        _                         [59:57]  reserved;
        CODE "Type"               [63:60]  code(PPR_CODES) "request" "请求";
        ADDRESS "Address"         [127:64] value "the page" "页地址";
    }
}

/// Returns which structure an event log entry with this first word is.
pub fn event(low: u64) -> &'static EntryType {
    match low.bits(unknown::CODE) {
        code::ILLEGAL_DEV_TABLE_ENTRY => &ILLEGAL_DTE,
        code::IO_PAGE_FAULT => &IO_PAGE_FAULT,
        code::DEV_TAB_HARDWARE_ERROR => &DEV_TAB_ERROR,
        code::PAGE_TAB_HARDWARE_ERROR => &PAGE_TAB_ERROR,
        code::ILLEGAL_COMMAND_ERROR => &ILLEGAL_COMMAND,
        code::COMMAND_HARDWARE_ERROR => &COMMAND_ERROR,
        code::IOTLB_INV_TIMEOUT => &INV_TIMEOUT,
        code::INVALID_DEVICE_REQUEST if low.is_set(invalid_request::TR) => &INVALID_TRANSLATION,
        code::INVALID_DEVICE_REQUEST => &INVALID_REQUEST,
        code::INVALID_PPR_REQUEST => &INVALID_PPR,
        _ => &UNKNOWN_EVENT,
    }
}
