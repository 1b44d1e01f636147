//! Interrupt remapping table entries and interrupt messages (AMD 48882; Linux, drivers/iommu/amd/amd_iommu_types.h).

use crate::spec;

spec::values! {
    /// The values of IntType, and the delivery modes of a message.
    pub TYPES / int_type {
        FIXED = 0 "fixed" "fixed";
        ARBITRATED = 1 "arbitrated (lowest priority)" "arbitrated（最低优先级）";
        SMI = 2 "SMI" "SMI";
        RESERVED_3 = 3 "reserved" "保留";
        NMI = 4 "NMI" "NMI";
        INIT = 5 "INIT" "INIT";
        RESERVED_6 = 6 "reserved" "保留";
        EXTINT = 7 "ExtInt" "ExtInt";
    }
}

spec::structure! {
    /// Two interrupt table entries of 32 bits: the table is read by doublewords of memory, the entry is the half that the
    /// index selects.
    pub IRTE32 / irte32: 1 words, "AMD 48882, interrupt remapping tables", "interrupt table entry (32-bit)" "中断重映射表项（32 位）" {
        REMAP_EN "RemapEn"     [0]     flag "remapping is enabled" "启用重映射";
        SUP_IOPF "SupIOPF"     [1]     flag "IO_PAGE_FAULT is not logged" "不记录 IO_PAGE_FAULT";
        INT_TYPE "IntType"     [4:2]   code(TYPES) "interrupt type" "中断类型";
        RQ_EOI "RqEoi"         [5]     flag "an EOI is requested" "请求 EOI";
        DM                     [6]     flag "logical destination" "逻辑目标";
        GUEST_MODE "GuestMode" [7]     flag "guest mode (128-bit entries only)" "客户机模式（仅 128 位表项）";
        DESTINATION "Destination" [15:8]  value "APIC id" "APIC ID";
        VECTOR "Vector"        [23:16] value "vector" "向量";
        _                      [31:24] reserved;
        _                      [63:32] ignored;
    }

    /// Interrupt table entry of 128 bits, GuestMode = 0.
    pub IRTE128 / irte128: 2 words, "AMD 48882, interrupt remapping tables", "interrupt table entry (128-bit)" "中断重映射表项（128 位）" {
        REMAP_EN "RemapEn"     [0]       flag "remapping is enabled" "启用重映射";
        SUP_IOPF "SupIOPF"     [1]       flag "IO_PAGE_FAULT is not logged" "不记录 IO_PAGE_FAULT";
        INT_TYPE "IntType"     [4:2]     code(TYPES) "interrupt type" "中断类型";
        RQ_EOI "RqEoi"         [5]       flag "an EOI is requested" "请求 EOI";
        DM                     [6]       flag "logical destination" "逻辑目标";
        GUEST_MODE "GuestMode" [7]       flag "0: remapped" "0：重映射";
        DESTINATION "Destination[23:0]" [31:8] value "APIC id, low bits" "APIC ID 低位";
        _                      [63:32]   reserved;
        VECTOR "Vector"        [71:64]   value "vector" "向量";
        _                      [119:72]  reserved;
        DESTINATION_HIGH "Destination[31:24]" [127:120] value "APIC id, high bits" "APIC ID 高位";
    }

    /// Interrupt table entry of 128 bits, GuestMode = 1: to a guest's virtual APIC (AVIC).
    pub IRTE_GUEST / irte_guest: 2 words, "AMD 48882, interrupt remapping tables", "interrupt table entry (guest mode)" "中断重映射表项（客户机模式）" {
        REMAP_EN "RemapEn"     [0]       flag "remapping is enabled" "启用重映射";
        SUP_IOPF "SupIOPF"     [1]       flag "IO_PAGE_FAULT is not logged" "不记录 IO_PAGE_FAULT";
        GA_LOG_INTR "GALogIntr" [2]      flag "log and interrupt where the guest does not run" "客户机未运行时记录并中断";
        _                      [5:3]     reserved;
        IS_RUN "IsRun"         [6]       flag "the guest runs" "客户机正在运行";
        GUEST_MODE "GuestMode" [7]       flag "1: to a guest" "1：送往客户机";
        DESTINATION "Destination[23:0]" [31:8] value "physical APIC id, low bits" "物理 APIC ID 低位";
        GA_TAG "GATag"         [63:32]   value "tag for the GA log" "GA 日志标签";
        VECTOR "Vector"        [71:64]   value "vector" "向量";
        _                      [75:72]   reserved;
        GA_ROOT "GATableRoot"  [115:76]  address(12) "the guest's virtual APIC backing page" "客户机虚拟 APIC 后备页";
        _                      [119:116] reserved;
        DESTINATION_HIGH "Destination[31:24]" [127:120] value "physical APIC id, high bits" "物理 APIC ID 高位";
    }

    /// Eight words of the request register of a virtual APIC backing page, 16 bytes apart.
    pub VAPIC_IRR / vapic_irr: 1 words, "AMD APM volume 2, AVIC", "virtual APIC, interrupt request register" "虚拟 APIC 中断请求寄存器" {
        IRR [31:0]  value "pending vectors" "待处理向量";
        _   [63:32] ignored;
    }

    /// GA log entry.
    pub GA_ENTRY / ga_entry: 1 words, "AMD 48882, guest virtual APIC log", "GA log entry" "GA 日志表项" {
        GA_TAG "GATag"       [31:0]  value "tag of the entry" "表项标签";
        DEVICE_ID "DeviceID" [47:32] value "DeviceID" "DeviceID";
        _                    [59:48] reserved;
        CODE "Code"          [63:60] value "1: an interrupt for a guest" "1：客户机中断";
    }
}

spec::fields! {
    /// The data of an interrupt message (MSI).
    pub mod message: 32 bits {
        VECTOR  [7:0]   value "vector" "向量";
        TYPE    [10:8]  code(TYPES) "delivery mode" "传送模式";
        _       [13:11] ignored;
        LEVEL   [14]    flag "assert" "置位";
        TRIGGER [15]    flag "level-triggered" "电平触发";
        _       [31:16] ignored;
    }

    /// An APIC id of 32 bits, as the two parts of Destination hold it.
    pub mod apic_id: 32 bits {
        LOW  [23:0]  value "low bits" "低位";
        HIGH [31:24] value "high bits" "高位";
    }

    /// The address of an interrupt message, bits 19:0 of FEEx_xxxx.
    pub mod address: 32 bits {
        _           [1:0]   ignored;
        DM          [2]     flag "logical destination" "逻辑目标";
        RH          [3]     flag "redirection hint" "重定向提示";
        _           [11:4]  ignored;
        DESTINATION [19:12] value "APIC id" "APIC ID";
        RANGE       [31:20] value "FEEh" "FEEh";
    }

    /// An interrupt message in HyperTransport's form, FD_F8xx_xxxxh: the fields of a 32-bit interrupt table entry.
    pub mod ht_message: 40 bits {
        _           [1:0]   ignored;
        TYPE        [4:2]   code(TYPES) "delivery mode" "传送模式";
        RQ_EOI      [5]     flag "an EOI is requested" "请求 EOI";
        DM          [6]     flag "logical destination" "逻辑目标";
        _           [7]     ignored;
        DESTINATION [15:8]  value "APIC id" "APIC ID";
        VECTOR      [23:16] value "vector" "向量";
        RANGE       [39:24] value "FDF8h" "FDF8h";
    }
}
