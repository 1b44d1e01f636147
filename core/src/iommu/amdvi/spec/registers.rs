//! The registers in memory-mapped I/O (AMD 48882, IOMMU MMIO registers; offsets as in Linux,
//! drivers/iommu/amd/amd_iommu_types.h, and FreeBSD, sys/x86/iommu/amd_reg.h). What is not modelled has no registers, and EFR
//! and ExtFeature2 say so: hardware events (0040h to 0050h), SMI filters (0060h to 00d8h), B logs (00f0h, 00f8h, 2050h to 2078h),
//! device-specific registers (0138h to 0148h), performance optimisation (016ch), virtual IOMMUs (0190h), MARC (0200h to 0258h),
//! automatic page responses and early warnings (2080h to 2090h), performance counters (4000h and 40000h).

use crate::spec;

spec::values! {
    /// The values of HATS and GATS, which are levels.
    pub LEVELS / levels {
        FOUR = 0 "4 levels" "4 级";
        FIVE = 1 "5 levels" "5 级";
        SIX = 2 "6 levels" "6 级";
    }
}

spec::values! {
    /// The values of InvTimeOut.
    pub INV_TIMEOUTS / inv_timeout {
        NONE = 0 "none" "不限";
        MILLISECOND_1 = 1 "1 ms" "1 ms";
        MILLISECONDS_10 = 2 "10 ms" "10 ms";
        MILLISECONDS_100 = 3 "100 ms" "100 ms";
        SECOND_1 = 4 "1 s" "1 s";
        SECONDS_10 = 5 "10 s" "10 s";
        SECONDS_100 = 6 "100 s" "100 s";
        RESERVED = 7 "reserved" "保留";
    }
}

spec::fields! {
    /// Base registers of buffers and logs.
    pub mod ring_base: 64 bits {
        _           [11:0]  reserved;
        BASE "Base" [51:12] address(12) rw "first page" "首页";
        _           [55:52] reserved;
        LEN "Len"   [59:56] value rw "log2 of the entries" "表项数的 log2";
        _           [63:60] reserved;
    }
    /// Heads and tails, in bytes.
    pub mod pointer: 64 bits {
        _         [3:0]   reserved;
        PTR "Ptr" [18:4]  value rw "entry" "表项";
        _         [63:19] reserved;
    }
    /// Segments of the device table.
    pub mod segment: 64 bits {
        SIZE "Size"       [8:0]   value rw "pages, less one" "页数减 1";
        _                 [11:9]  reserved;
        BASE "DevTabBase" [51:12] address(12) rw "the segment" "该段";
        _                 [63:52] reserved;
    }
    /// Interrupt control in x2APIC form.
    pub mod xt_interrupt: 64 bits {
        _                     [1:0]   reserved;
        DM                    [2]     flag rw "logical destination" "逻辑目标";
        _                     [7:3]   reserved;
        DESTINATION           [31:8]  value rw "APIC id, low bits" "APIC ID 低位";
        VECTOR                [39:32] value rw "vector" "向量";
        DELIVERY              [40]    flag rw "arbitrated" "arbitrated";
        _                     [55:41] reserved;
        DESTINATION_HIGH      [63:56] value rw "APIC id, high bits" "APIC ID 高位";
    }
}

spec::registers! {
    section "AMD 48882, IOMMU MMIO registers";
    DEVICE_TABLE / device_table: "DevTabBase" at 0x0, 8 bytes, "device table base address" "设备表基址" {
        SIZE "Size"       [8:0]   value rw "pages, less one" "页数减 1";
        _                 [11:9]  reserved;
        BASE "DevTabBase" [51:12] address(12) rw "the device table" "设备表";
        _                 [63:52] reserved;
    }
    COMMAND_BASE / command_base: "ComBase" at 0x8, 8 bytes, "command buffer base address" "命令缓冲区基址" = ring_base;
    EVENT_BASE / event_base: "EventBase" at 0x10, 8 bytes, "event log base address" "事件日志基址" = ring_base;
    CONTROL / control: "Control" at 0x18, 8 bytes, "IOMMU control" "IOMMU 控制" {
        IOMMU_EN "IommuEn"         [0]     flag rw "the IOMMU works" "启用 IOMMU";
        HT_TUN_EN "HtTunEn"        [1]     flag rw "HyperTransport tunnel" "HyperTransport 隧道";
        EVENT_LOG_EN "EventLogEn"  [2]     flag rw "event log" "启用事件日志";
        EVENT_INT_EN "EventIntEn"  [3]     flag rw "event log interrupt" "启用事件日志中断";
        WAIT_INT_EN "ComWaitIntEn" [4]     flag rw "COMPLETION_WAIT interrupt" "启用 COMPLETION_WAIT 中断";
        INV_TIMEOUT "InvTimeOut"   [7:5]   code(INV_TIMEOUTS) rw "time-out of invalidations of device TLBs" "设备 TLB 失效超时";
        PASS_PW "PassPW"           [8]     flag rw "pass posted writes" "PassPW";
        RES_PASS_PW "ResPassPW"    [9]     flag rw "responses pass posted writes" "ResPassPW";
        COHERENT "Coherent"        [10]    flag rw "the unit's own reads snoop" "自身读取监听缓存";
        ISOC "Isoc"                [11]    flag rw "isochronous" "等时";
        CMD_BUF_EN "CmdBufEn"      [12]    flag rw "command buffer" "启用命令缓冲区";
        PPR_LOG_EN "PPRLogEn"      [13]    flag rw "page request log" "启用页请求日志";
        PPR_INT_EN "PPRIntEn"      [14]    flag rw "page request log interrupt" "启用页请求日志中断";
        PPR_EN "PPREn"             [15]    flag rw "page requests" "启用页请求";
        GT_EN "GTEn"               [16]    flag rw "guest translation" "启用客户机转换";
        GA_EN "GAEn"               [17]    flag rw "interrupt table entries have 128 bits" "中断重映射表项为 128 位";
        CRW                        [21:18] value rw "reserved for use" "保留备用";
        SMIF_EN "SmiFEn"           [22]    flag rw "SMI filter" "SMI 过滤";
        SLF_WB_DIS "SlfWBDis"      [23]    flag rw "no self write-back" "禁用自回写";
        SMIF_LOG_EN "SmiFLogEn"    [24]    flag rw "SMI filter log" "SMI 过滤日志";
        GAM_EN "GAMEn"             [27:25] value rw "guest virtual APIC mode" "客户机虚拟 APIC 模式";
        GA_LOG_EN "GALogEn"        [28]    flag rw "GA log" "启用 GA 日志";
        GA_INT_EN "GAIntEn"        [29]    flag rw "GA log interrupt" "启用 GA 日志中断";
        DUAL_PPR "DualPprLogEn"    [31:30] value rw "second page request log" "第二页请求日志";
        DUAL_EVENT "DualEventLogEn" [33:32] value rw "second event log" "第二事件日志";
        SEGMENTS "DevTblSegEn"     [36:34] value rw "segments of the device table" "设备表分段";
        PRIV_ABORT "PrivAbrtEn"    [38:37] value rw "privilege aborts" "特权中止";
        PPR_AUTO "PprAutoRspEn"    [39]    flag rw "automatic page responses" "自动页应答";
        MARC_EN "MarcEn"           [40]    flag rw "memory access routing" "内存访问路由";
        BLOCK_STOP "BlkStopMrkEn"  [41]    flag rw "block StopMark" "阻止 StopMark";
        PPR_AUTO_ON "PprAutoRspAon" [42]   flag rw "automatic page responses always" "始终自动页应答";
        REMAP_MODE "NumIntRemapMode" [44:43] value rw "entries of interrupt tables at most" "中断重映射表项数上限";
        EPH_EN "EPHEn"             [45]    flag rw "enhanced page request handling" "增强页请求处理";
        HAD_UPDATE "HADUpdate"     [47:46] value rw "accessed and dirty bits of host tables" "宿主机页表 A、D 更新";
        GD_DISABLE "GDUpdateDis"   [48]    flag rw "no dirty bits of guest tables" "不更新客户机页表 D 位";
        _                          [49]    reserved;
        XT_EN "XTEn"               [50]    flag rw "destinations have 32 bits (x2APIC)" "目标为 32 位（x2APIC）";
        INTCAP_XT "IntCapXTEn"     [51]    flag rw "the unit's own interrupts in x2APIC form" "自身中断使用 x2APIC";
        VCMD_EN "vCmdEn"           [52]    flag rw "virtual commands" "虚拟命令";
        VIOMMU_EN "viommuEn"       [53]    flag rw "virtual IOMMUs" "虚拟 IOMMU";
        GA_DISABLE "GAUpdateDis"   [54]    flag rw "no accessed bits of guest tables" "不更新客户机页表 A 位";
        GAPPI_EN "GAPPIEn"         [55]    flag rw "guest APIC physical interrupts" "客户机 APIC 物理中断";
        TMPM "TMPMEn"              [56]    flag rw "tiered memory page migration" "分层内存页迁移";
        _                          [57]    reserved;
        GCR3_TRP_MODE "GCR3TRPMode" [58]   flag rw "the GCR3 table is at a guest-physical address" "GCR3 表位于客户机物理地址";
        IRT_CACHE_DIS "IRTCacheDis" [59]   flag rw "interrupt entries are not cached" "不缓存中断重映射表项";
        GST_BUFFER "GstBufferTRPMode" [60] flag rw "guest buffers" "客户机缓冲区";
        SNP_AVIC "SNPAVICEn"       [63:61] value rw "AVIC with SNP" "SNP 下的 AVIC";
    }
    EXCLUSION_BASE / exclusion_base: "ExclBase" at 0x20, 8 bytes, "exclusion range base" "排除范围基址" {
        EX_EN "ExEn"   [0]     flag rw "the range is excluded from translation" "该范围不经转换";
        ALLOW "Allow"  [1]     flag rw "for all devices" "对所有设备";
        _              [11:2]  reserved;
        BASE "Base"    [51:12] address(12) rw "first page" "首页";
        _              [63:52] reserved;
    }
    EXCLUSION_LIMIT / exclusion_limit: "ExclLimit" at 0x28, 8 bytes, "exclusion range limit" "排除范围界限" {
        _              [11:0]  reserved;
        LIMIT "Limit"  [51:12] address(12) rw "last page" "末页";
        _              [63:52] reserved;
    }
    EFR / efr: "ExtFeature" at 0x30, 8 bytes, "extended features" "扩展特性" {
        PREF_SUP "PreFSup"    [0]     flag "PREFETCH_IOMMU_PAGES" "支持预取";
        PPR_SUP "PPRSup"      [1]     flag "page requests" "支持页请求";
        XT_SUP "XTSup"        [2]     flag "x2APIC" "支持 x2APIC";
        NX_SUP "NXSup"        [3]     flag "execute protection and privilege" "支持禁止执行与特权级";
        GT_SUP "GTSup"        [4]     flag "guest translation" "支持客户机转换";
        GAPPI_SUP "GAPPISup"  [5]     flag "guest APIC physical interrupts" "支持客户机 APIC 物理中断";
        IA_SUP "IASup"        [6]     flag "INVALIDATE_IOMMU_ALL" "支持全部失效";
        GA_SUP "GASup"        [7]     flag "guest virtual APIC" "支持客户机虚拟 APIC";
        HE_SUP "HESup"        [8]     flag "hardware error registers" "支持硬件错误寄存器";
        PC_SUP "PCSup"        [9]     flag "performance counters" "支持性能计数器";
        HATS                  [11:10] code(LEVELS) "host tables" "宿主机页表";
        GATS                  [13:12] code(LEVELS) "guest tables" "客户机页表";
        GLX_SUP "GLXSup"      [15:14] value "levels of GCR3 tables, less one" "GCR3 表级数减 1";
        SMIF_SUP "SmiFSup"    [17:16] value "SMI filter" "SMI 过滤";
        SMIF_RC "SmiFRC"      [20:18] value "SMI filter registers" "SMI 过滤寄存器";
        GAM_SUP "GAMSup"      [23:21] value "guest virtual APIC modes" "客户机虚拟 APIC 模式";
        DUAL_PPR "DualPprLogSup" [25:24] value "second page request log" "第二页请求日志";
        _                     [27:26] reserved;
        DUAL_EVENT "DualEventLogSup" [29:28] value "second event log" "第二事件日志";
        _                     [30]    reserved;
        SATS_SUP "SATSSup"    [31]    flag "secure ATS" "安全 ATS";
        PAS_MAX "PASMax"      [36:32] value "bits of a PASID, less one" "PASID 位数减 1";
        US_SUP "USSup"        [37]    flag "user and supervisor pages" "支持用户/特权页";
        SEGMENTS "DevTblSegSup" [39:38] value "segments of the device table" "设备表分段";
        PPR_EARLY "PprOvrflwEarlySup" [40] flag "early warning of overflow" "溢出预警";
        PPR_AUTO "PprAutoRspSup" [41]  flag "automatic page responses" "自动页应答";
        MARC "MarcSup"        [43:42] value "memory access routing" "内存访问路由";
        BLOCK_STOP "BlkStopMrkSup" [44] flag "block StopMark" "阻止 StopMark";
        PERF_OPT "PerfOptSup" [45]    flag "performance optimisation" "性能优化";
        MSI_CAP "MsiCapMmioSup" [46]  flag "the MSI capability is among these registers" "MSI 能力可由 MMIO 访问";
        SNOOP_SUP "SnoopAttrSup" [47] flag "snoop attributes" "支持监听属性";
        GIO_SUP "GIoSup"      [48]    flag "guest I/O protection" "客户机 I/O 保护";
        HA_SUP "HASup"        [49]    flag "accessed bits of host tables" "更新宿主机页表 A 位";
        EPH_SUP "EPHSup"      [50]    flag "enhanced page request handling" "增强页请求处理";
        ATTR_FW "AttrFWSup"   [51]    flag "attributes are forwarded" "属性转发";
        HD_SUP "HDSup"        [52]    flag "dirty bits of host tables" "更新宿主机页表 D 位";
        V2_HD_DIS "V2HDDisSup" [53]   flag "dirty bits of guest tables can be turned off" "可关闭客户机页表 D 位";
        INV_TYPE "InvIotlbTypeSup" [54] flag "type of INVALIDATE_IOTLB_PAGES" "失效类型";
        VIOMMU "viommuSup"    [55]    flag "virtual IOMMUs" "虚拟 IOMMU";
        VM_GUARD "VmGuardIOSup" [56]  flag "VM guard" "VM 保护";
        VM_TABLE "VmTableSize" [60:57] value "size of the VM table" "VM 表大小";
        GA_DIS_SUP "GAUpdateDisSup" [61] flag "accessed bits of guest tables can be turned off" "可关闭客户机页表 A 位";
        FORCE_PHYS "ForcePhyDestSup" [62] flag "destinations can be forced physical" "可强制物理目标";
        SNP_SUP "SNPSup"      [63]    flag "secure nested paging" "支持 SNP";
    }
    PPR_BASE / ppr_base: "PPRLogBase" at 0x38, 8 bytes, "page request log base address" "页请求日志基址" = ring_base;
    GA_BASE / ga_base: "GALogBase" at 0xe0, 8 bytes, "GA log base address" "GA 日志基址" = ring_base;
    GA_TAIL_AT / ga_tail_at: "GALogTailAddr" at 0xe8, 8 bytes, "where the tail of the GA log is stored" "GA 日志尾指针写入地址" {
        _             [2:0]   reserved;
        ADDR "GATAddr" [51:3] address(3) rw "address" "地址";
        _             [63:52] reserved;
    }
    SEGMENT_1 / segment_1: "DevTabSeg1" at 0x100, 8 bytes, "device table segment 1" "设备表第 1 段" = segment;
    SEGMENT_2 / segment_2: "DevTabSeg2" at 0x108, 8 bytes, "device table segment 2" "设备表第 2 段" = segment;
    SEGMENT_3 / segment_3: "DevTabSeg3" at 0x110, 8 bytes, "device table segment 3" "设备表第 3 段" = segment;
    SEGMENT_4 / segment_4: "DevTabSeg4" at 0x118, 8 bytes, "device table segment 4" "设备表第 4 段" = segment;
    SEGMENT_5 / segment_5: "DevTabSeg5" at 0x120, 8 bytes, "device table segment 5" "设备表第 5 段" = segment;
    SEGMENT_6 / segment_6: "DevTabSeg6" at 0x128, 8 bytes, "device table segment 6" "设备表第 6 段" = segment;
    SEGMENT_7 / segment_7: "DevTabSeg7" at 0x130, 8 bytes, "device table segment 7" "设备表第 7 段" = segment;
    MSI_VECTOR_0 / msi_vector_0: "MsiVector0" at 0x150, 4 bytes, "MSI vector 0 (miscellaneous information 0)" "MSI 向量 0（杂项信息 0）" {
        EVENT "MsiNum"       [4:0]   value "message of events" "事件日志的消息号";
        GVA_SIZE "GVAsize"   [7:5]   value "size of guest virtual addresses" "客户机虚拟地址大小";
        PA_SIZE "PAsize"     [14:8]  value "bits of physical addresses" "物理地址位数";
        VA_SIZE "VAsize"     [21:15] value "bits of addresses that are translated" "被转换地址的位数";
        ATS_RESV "HtAtsResv" [22]    flag "HyperTransport's ATS range is reserved" "HyperTransport 的 ATS 地址范围保留";
        _                    [26:23] reserved;
        PPR "MsiNumPPR"      [31:27] value "message of page requests" "页请求日志的消息号";
    }
    MSI_VECTOR_1 / msi_vector_1: "MsiVector1" at 0x154, 4 bytes, "MSI vector 1 (miscellaneous information 1)" "MSI 向量 1（杂项信息 1）" {
        GA "MsiNumGA" [4:0]  value "message of the GA log" "GA 日志的消息号";
        _             [31:5] reserved;
    }
    MSI_CAP / msi_cap: "MsiCapHeader" at 0x158, 4 bytes, "MSI capability header" "MSI 能力头" {
        ID "MsiCapId"     [7:0]   value "capability id" "能力 ID";
        NEXT "MsiCapPtr"  [15:8]  value "next capability" "下一能力";
        EN "MsiEn"        [16]    flag rw "messages are sent" "启用 MSI";
        MULTI "MsiMultMessCap" [19:17] value "messages" "消息数";
        MULTI_EN "MsiMultMessEn" [22:20] value rw "messages in use" "启用的消息数";
        WIDE "Msi64BitEn" [23]    flag "64-bit address" "64 位地址";
        _                 [31:24] reserved;
    }
    MSI_ADDR_LOW / msi_addr_low: "MsiAddrLo" at 0x15c, 4 bytes, "MSI address, low" "MSI 地址低位" {
        _    [1:0]  reserved;
        ADDR [31:2] address(2) rw "address" "地址";
    }
    MSI_ADDR_HIGH / msi_addr_high: "MsiAddrHi" at 0x160, 4 bytes, "MSI address, high" "MSI 地址高位" {
        ADDR [31:0] value rw "address" "地址";
    }
    MSI_DATA / msi_data: "MsiData" at 0x164, 4 bytes, "MSI data" "MSI 数据" {
        DATA [15:0]  value rw "data" "数据";
        _    [31:16] reserved;
    }
    MSI_MAP / msi_map: "MsiMapCap" at 0x168, 4 bytes, "MSI mapping capability" "MSI 映射能力" {
        ID    [7:0]   value "capability id" "能力 ID";
        _     [15:8]  reserved;
        EN    [16]    flag "enabled" "启用";
        FIXED [17]    flag "fixed" "固定";
        _     [26:18] reserved;
        TYPE  [31:27] value "type" "类型";
    }
    XT_GENERAL / xt_general: "XTGenIntCtl" at 0x170, 8 bytes, "event log interrupt, x2APIC form" "事件日志中断（x2APIC）" = xt_interrupt;
    XT_PPR / xt_ppr: "XTPPRIntCtl" at 0x178, 8 bytes, "page request log interrupt, x2APIC form" "页请求日志中断（x2APIC）" = xt_interrupt;
    XT_GA / xt_ga: "XTGAIntCtl" at 0x180, 8 bytes, "GA log interrupt, x2APIC form" "GA 日志中断（x2APIC）" = xt_interrupt;
    EFR2 / efr2: "ExtFeature2" at 0x1a0, 8 bytes, "extended features 2" "扩展特性 2" {
        _                         [1:0]   reserved;
        TMPM_SUP "TMPMSup"        [2]     flag "tiered memory page migration" "分层内存页迁移";
        GCR3_SUP "GCR3TRPModeSup" [3]     flag "GCR3 tables at guest-physical addresses" "GCR3 表可位于客户机物理地址";
        GAPPI_DIS "GAPPIDisSup"   [4]     flag "guest APIC physical interrupts can be masked" "可屏蔽客户机 APIC 物理中断";
        SNP_AVIC "SNPAVICSup"     [7:5]   value "AVIC with SNP" "SNP 下的 AVIC";
        REMAP_SUP "NumIntRemapSup" [9:8]  value "entries of interrupt tables at most" "中断重映射表项数上限";
        _                         [10]    reserved;
        HT_IGNORE "HTRangeIgnore" [11]    flag "the ranges of HyperTransport's messages are ordinary addresses" "HyperTransport 消息地址范围按普通地址处理";
        _                         [63:12] reserved;
    }
    COMMAND_HEAD / command_head: "CmdBufHead" at 0x2000, 8 bytes, "command buffer head" "命令缓冲区头" = pointer;
    COMMAND_TAIL / command_tail: "CmdBufTail" at 0x2008, 8 bytes, "command buffer tail" "命令缓冲区尾" = pointer;
    EVENT_HEAD / event_head: "EventLogHead" at 0x2010, 8 bytes, "event log head" "事件日志头" = pointer;
    EVENT_TAIL / event_tail: "EventLogTail" at 0x2018, 8 bytes, "event log tail" "事件日志尾" = pointer;
    STATUS / status: "Status" at 0x2020, 8 bytes, "IOMMU status" "IOMMU 状态" {
        EVENT_OVERFLOW "EventOverflow" [0]     flag w1c "the event log was full: entries are lost" "事件日志已满：记录丢失";
        EVENT_INT "EventLogInt"        [1]     flag w1c "an event was logged" "已记录事件";
        WAIT_INT "ComWaitInt"          [2]     flag w1c "COMPLETION_WAIT with i = 1 is done" "i = 1 的 COMPLETION_WAIT 已完成";
        EVENT_RUN "EventLogRun"        [3]     flag "the event log works" "事件日志在运行";
        CMD_RUN "CmdBufRun"            [4]     flag "commands are fetched" "命令缓冲区在运行";
        PPR_OVERFLOW "PPROverflow"     [5]     flag w1c "the page request log was full" "页请求日志已满";
        PPR_INT "PPRInt"               [6]     flag w1c "a page request was logged" "已记录页请求";
        PPR_RUN "PPRLogRun"            [7]     flag "the page request log works" "页请求日志在运行";
        GA_RUN "GALogRun"              [8]     flag "the GA log works" "GA 日志在运行";
        GA_OVERFLOW "GALOverflow"      [9]     flag w1c "the GA log was full" "GA 日志已满";
        GA_INT "GAInt"                 [10]    flag w1c "a GA entry was logged" "已记录 GA 表项";
        PPR_B_OVERFLOW "PPROvrflwB"    [11]    flag w1c "page request log B was full" "页请求日志 B 已满";
        PPR_ACTIVE "PPRLogActive"      [12]    flag "page request log B is used" "使用页请求日志 B";
        _                              [14:13] reserved;
        EVENT_B_OVERFLOW "EventOvrflwB" [15]   flag w1c "event log B was full" "事件日志 B 已满";
        EVENT_ACTIVE "EventLogActive"  [16]    flag "event log B is used" "使用事件日志 B";
        PPR_B_EARLY "PPROvrflwEarlyB"  [17]    flag w1c "early warning, page request log B" "页请求日志 B 预警";
        PPR_EARLY "PPROverflowEarly"   [18]    flag w1c "early warning, page request log" "页请求日志预警";
        _                              [63:19] reserved;
    }
    PPR_HEAD / ppr_head: "PPRLogHead" at 0x2030, 8 bytes, "page request log head" "页请求日志头" = pointer;
    PPR_TAIL / ppr_tail: "PPRLogTail" at 0x2038, 8 bytes, "page request log tail" "页请求日志尾" = pointer;
    GA_HEAD / ga_head: "GALogHead" at 0x2040, 8 bytes, "GA log head" "GA 日志头" {
        _         [2:0]   reserved;
        PTR "Ptr" [15:3]  value rw "entry" "表项";
        _         [63:16] reserved;
    }
    GA_TAIL / ga_tail: "GALogTail" at 0x2048, 8 bytes, "GA log tail" "GA 日志尾" {
        _         [2:0]   reserved;
        PTR "Ptr" [15:3]  value rw "entry" "表项";
        _         [63:16] reserved;
    }
}
