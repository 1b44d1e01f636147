//! Registers at their offsets (RISC-V IOMMU, "Memory-mapped register interface").

use crate::spec;

spec::values! {
    /// The values of ddtp.iommu_mode.
    pub MODES / mode {
        OFF = 0 "Off: every request is refused" "Off：拒绝所有请求";
        BARE = 1 "Bare: addresses pass untranslated" "Bare：地址不经转换直接通过";
        LEVELS_1 = 2 "1LVL" "1 级目录";
        LEVELS_2 = 3 "2LVL" "2 级目录";
        LEVELS_3 = 4 "3LVL" "3 级目录";
    }
}

spec::fields! {
    /// The base registers of the three queues.
    pub mod queue_base: 64 bits {
        LOG2SZ "LOG2SZ-1" [4:0]   value rw "log2 of the number of entries, minus 1" "队列项数的对数减 1";
        _                   [9:5]   reserved;
        PPN                 [53:10] address(12) rw "the queue" "队列地址";
        _                   [63:54] reserved;
    }
}

spec::registers! {
    section "RISC-V IOMMU, " + name;
    CAPABILITIES / capabilities: "capabilities" at 0, 8 bytes, "what the unit can do" "IOMMU 支持的能力" {
        VERSION "version"         [7:0]   value "version of the specification" "规范版本";
        SV32 "Sv32"               [8]     flag "Sv32" "Sv32";
        SV39 "Sv39"               [9]     flag "Sv39" "Sv39";
        SV48 "Sv48"               [10]    flag "Sv48" "Sv48";
        SV57 "Sv57"               [11]    flag "Sv57" "Sv57";
        _                         [13:12] reserved;
        SVRSW60T59B "Svrsw60t59b" [14]    flag "bits 60:59 of PTEs are software's" "页表项 60:59 位供软件使用";
        SVPBMT "Svpbmt"           [15]    flag "page-based memory types" "基于页的内存类型";
        SV32X4 "Sv32x4"           [16]    flag "Sv32x4" "Sv32x4";
        SV39X4 "Sv39x4"           [17]    flag "Sv39x4" "Sv39x4";
        SV48X4 "Sv48x4"           [18]    flag "Sv48x4" "Sv48x4";
        SV57X4 "Sv57x4"           [19]    flag "Sv57x4" "Sv57x4";
        _                         [20]    reserved;
        AMO_MRIF                  [21]    flag "atomic updates of MRIFs" "原子更新 MRIF";
        MSI_FLAT                  [22]    flag "MSI page tables" "MSI 页表";
        MSI_MRIF                  [23]    flag "MRIF mode" "MRIF 模式";
        AMO_HWAD                  [24]    flag "hardware update of A and D" "硬件更新 A、D 位";
        ATS                       [25]    flag "PCIe ATS and page requests" "PCIe ATS 与页请求";
        T2GPA                     [26]    flag "ATS answers of guest-physical addresses" "ATS 应答客户机物理地址";
        END                       [27]    flag "both byte orders" "支持两种字节序";
        IGS                       [29:28] value "interrupts: 0 MSI, 1 wire, 2 both" "中断方式：0 MSI，1 线中断，2 两者";
        HPM                       [30]    flag "performance counters" "性能计数器";
        DBG                       [31]    flag "debug translation" "调试转换";
        PAS                       [37:32] value "bits of a physical address" "物理地址位数";
        PD8                       [38]    flag "process directory of 1 level" "1 级进程目录";
        PD17                      [39]    flag "process directory of 2 levels" "2 级进程目录";
        PD20                      [40]    flag "process directory of 3 levels" "3 级进程目录";
        QOSID                     [41]    flag "QoS ids" "QoS ID";
        NL                        [42]    flag "invalidation of non-leaf entries" "可使非叶子项失效";
        S                         [43]    flag "invalidation of ranges" "可按区间失效";
        _                         [55:44] reserved;
        CUSTOM "custom"           [63:56] value "for the implementation" "供实现自定义";
    }
    FCTL / fctl: "fctl" at 8, 4 bytes, "features control" "功能控制" {
        BE  [0]    flag rw "structures are big-endian" "数据结构为大端";
        WSI [1]    flag rw "interrupts by wire instead of MSI" "以线中断代替 MSI";
        GXL [2]    flag rw "32-bit second stage" "32 位第二阶段";
        _   [31:3] reserved;
    }
    DDTP / ddtp: "ddtp" at 16, 8 bytes, "device directory table pointer" "设备目录表指针" {
        IOMMU_MODE "iommu_mode" [3:0]   code(MODES) rw "mode" "模式";
        BUSY "busy"             [4]     flag "a write is being taken in" "写入正在生效";
        _                       [9:5]   reserved;
        PPN                     [53:10] address(12) rw "root of the device directory" "设备目录根";
        _                       [63:54] reserved;
    }
    CQB / cqb: "cqb" at 24, 8 bytes, "command queue base" "命令队列基址" = queue_base;
    CQH / cqh: "cqh" at 32, 4 bytes, "command queue head" "命令队列头" {
        INDEX "index" [31:0] value "the command to take next" "下一条要取的命令";
    }
    CQT / cqt: "cqt" at 36, 4 bytes, "command queue tail" "命令队列尾" {
        INDEX "index" [31:0] value rw "where software writes next" "软件下一次写入处";
    }
    FQB / fqb: "fqb" at 40, 8 bytes, "fault queue base" "故障队列基址" = queue_base;
    FQH / fqh: "fqh" at 48, 4 bytes, "fault queue head" "故障队列头" {
        INDEX "index" [31:0] value rw "the record software reads next" "软件下一条要读的记录";
    }
    FQT / fqt: "fqt" at 52, 4 bytes, "fault queue tail" "故障队列尾" {
        INDEX "index" [31:0] value "where the unit writes next" "IOMMU 下一次写入处";
    }
    PQB / pqb: "pqb" at 56, 8 bytes, "page request queue base" "页请求队列基址" = queue_base;
    PQH / pqh: "pqh" at 64, 4 bytes, "page request queue head" "页请求队列头" {
        INDEX "index" [31:0] value rw "the request software reads next" "软件下一条要读的请求";
    }
    PQT / pqt: "pqt" at 68, 4 bytes, "page request queue tail" "页请求队列尾" {
        INDEX "index" [31:0] value "where the unit writes next" "IOMMU 下一次写入处";
    }
    CQCSR / cqcsr: "cqcsr" at 72, 4 bytes, "command queue control and status" "命令队列控制与状态" {
        CQEN "cqen"             [0]     flag rw "enable" "使能";
        CIE "cie"               [1]     flag rw "may interrupt" "允许中断";
        _                       [7:2]   reserved;
        CQMF "cqmf"             [8]     flag w1c "memory fault" "访问队列内存出错";
        CMD_TO "cmd_to"         [9]     flag w1c "a command timed out" "命令超时";
        CMD_ILL "cmd_ill"       [10]    flag w1c "illegal command" "非法命令";
        FENCE_W_IP "fence_w_ip" [11]    flag w1c "IOFENCE.C with WSI is done" "带 WSI 的 IOFENCE.C 已完成";
        _                       [15:12] reserved;
        CQON "cqon"             [16]    flag "active" "已激活";
        BUSY "busy"             [17]    flag "busy" "忙";
        _                       [27:18] reserved;
        CUSTOM "custom"         [31:28] value "for the implementation" "供实现自定义";
    }
    FQCSR / fqcsr: "fqcsr" at 76, 4 bytes, "fault queue control and status" "故障队列控制与状态" {
        FQEN "fqen"     [0]     flag rw "enable" "使能";
        FIE "fie"       [1]     flag rw "may interrupt" "允许中断";
        _               [7:2]   reserved;
        FQMF "fqmf"     [8]     flag w1c "memory fault" "访问队列内存出错";
        FQOF "fqof"     [9]     flag w1c "overflow" "溢出";
        _               [15:10] reserved;
        FQON "fqon"     [16]    flag "active" "已激活";
        BUSY "busy"     [17]    flag "busy" "忙";
        _               [27:18] reserved;
        CUSTOM "custom" [31:28] value "for the implementation" "供实现自定义";
    }
    PQCSR / pqcsr: "pqcsr" at 80, 4 bytes, "page request queue control and status" "页请求队列控制与状态" {
        PQEN "pqen"     [0]     flag rw "enable" "使能";
        PIE "pie"       [1]     flag rw "may interrupt" "允许中断";
        _               [7:2]   reserved;
        PQMF "pqmf"     [8]     flag w1c "memory fault" "访问队列内存出错";
        PQOF "pqof"     [9]     flag w1c "overflow" "溢出";
        _               [15:10] reserved;
        PQON "pqon"     [16]    flag "active" "已激活";
        BUSY "busy"     [17]    flag "busy" "忙";
        _               [27:18] reserved;
        CUSTOM "custom" [31:28] value "for the implementation" "供实现自定义";
    }
    IPSR / ipsr: "ipsr" at 84, 4 bytes, "interrupt pending" "中断待处理" {
        CIP "cip"   [0]    flag w1c "command queue" "命令队列";
        FIP "fip"   [1]    flag w1c "fault queue" "故障队列";
        PMIP "pmip" [2]    flag w1c "performance counters" "性能计数器";
        PIP "pip"   [3]    flag w1c "page request queue" "页请求队列";
        _           [31:4] reserved;
    }
    ICVEC / icvec: "icvec" at 760, 8 bytes, "vectors of the interrupt causes" "中断原因对应的向量" {
        CIV "civ"   [3:0]   value rw "command queue" "命令队列";
        FIV "fiv"   [7:4]   value rw "fault queue" "故障队列";
        PMIV "pmiv" [11:8]  value rw "performance counters" "性能计数器";
        PIV "piv"   [15:12] value rw "page request queue" "页请求队列";
        _           [63:16] reserved;
    }
    MSI_ADDR_0 / msi_addr_0: "msi_addr_0" at 768, 8 bytes, "address of interrupt vector 0" "向量 0 的消息地址" {
        _    [1:0]   reserved;
        ADDR [55:2]  address(2) rw "address" "地址";
        _    [63:56] reserved;
    }
    MSI_DATA_0 / msi_data_0: "msi_data_0" at 776, 4 bytes, "data of interrupt vector 0" "向量 0 的消息数据" {
        DATA "data" [31:0] value rw "data" "数据";
    }
    MSI_VEC_CTL_0 / msi_vec_ctl_0: "msi_vec_ctl_0" at 780, 4 bytes, "control of interrupt vector 0" "向量 0 的控制" {
        M [0]    flag rw "masked" "屏蔽";
        _ [31:1] reserved;
    }
}

/// Bits at the same places in the control and status registers of the three queues.
pub mod csr {
    use super::{cqcsr, fqcsr, pqcsr};
    /// The queue is enabled.
    pub const EN: u64 = cqcsr::CQEN.mask();
    /// It may interrupt.
    pub const IE: u64 = cqcsr::CIE.mask();
    /// Memory of the queue failed.
    pub const MF: u64 = cqcsr::CQMF.mask();
    /// A command timed out.
    pub const TO: u64 = cqcsr::CMD_TO.mask();
    /// Overflow of the fault and page request queues.
    pub const OF: u64 = fqcsr::FQOF.mask();
    /// An illegal command.
    pub const ILL: u64 = cqcsr::CMD_ILL.mask();
    /// IOFENCE.C with WSI is done.
    pub const FENCE: u64 = cqcsr::FENCE_W_IP.mask();
    /// The queue is active.
    pub const ON: u64 = cqcsr::CQON.mask();
    const _: () = assert!(
        EN == fqcsr::FQEN.mask()
            && EN == pqcsr::PQEN.mask()
            && IE == fqcsr::FIE.mask()
            && IE == pqcsr::PIE.mask()
    );
    const _: () = assert!(
        MF == fqcsr::FQMF.mask()
            && MF == pqcsr::PQMF.mask()
            && ON == fqcsr::FQON.mask()
            && ON == pqcsr::PQON.mask()
    );
    const _: () = assert!(OF == pqcsr::PQOF.mask());
}

/// Where the table of the 16 interrupt messages begins.
pub const MSI_TABLE: u32 = msi_addr_0::OFFSET;
/// Bytes of an entry of that table.
pub const MSI_BYTES: u32 = 16;
