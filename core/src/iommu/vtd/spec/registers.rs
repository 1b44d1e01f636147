//! The registers with their fields, and what software may do to each (VT-d 11.4).

use crate::spec;

spec::values! {
    /// The values of TTM (VT-d 11.4.5).
    pub TTM_VALUES / ttm {
        LEGACY = 0 "legacy mode" "传统模式";
        SCALABLE = 1 "scalable mode" "可扩展模式";
        ABORT = 3 "abort-DMA mode" "中止 DMA 模式";
    }
    /// The granularities of a register-based invalidation.
    pub GRANULARITIES / granularity {
        GLOBAL = 1 "global" "全局";
        DOMAIN = 2 "domain-selective" "按域";
        SELECTIVE = 3 "device- or page-selective" "按设备或按页";
    }
    /// The values of IQEI: why IQE was set.
    pub IQE_CAUSES / iqe {
        TAIL = 1 "tail" "队列尾";
        FETCH = 2 "fetch" "读取";
        TYPE = 3 "type" "类型";
        RESERVED = 4 "reserved field" "保留字段";
    }
}

/// The bits of CAP.SAGAW: depths of second-stage tables.
pub mod sagaw {
    /// Tables of 3 levels, 39 bits.
    pub const LEVELS_3: u64 = levels(3);
    /// Tables of 4 levels, 48 bits.
    pub const LEVELS_4: u64 = levels(4);
    /// Tables of 5 levels, 57 bits.
    pub const LEVELS_5: u64 = levels(5);

    /// Returns the bit of tables of 2 to 6 levels.
    pub const fn levels(levels: u8) -> u64 {
        1 << (levels - 2)
    }
}
/// The bits of CAP.SSLPS: large pages of the second stage.
pub mod sslps {
    /// Pages of 2 MiB.
    pub const PAGE_2M: u64 = 1;
    /// Pages of 1 GiB.
    pub const PAGE_1G: u64 = 2;
}

spec::fields! {
    /// The control register of an event: fault, invalidation, page request.
    pub mod event_control: 32 bits {
        _  [29:0] reserved;
        IP [30]   flag "interrupt pending" "中断待发";
        IM [31]   flag rw "interrupt mask" "中断屏蔽";
    }
    /// The data register of an event.
    pub mod event_data: 32 bits {
        IMD [15:0]  value rw "interrupt message data" "中断消息数据";
        _   [31:16] reserved;
    }
    /// The address register of an event.
    pub mod event_address: 32 bits {
        _  [1:0]  reserved;
        MA [31:2] address(2) rw "message address" "消息地址";
    }
    /// The upper address register of an event.
    pub mod event_upper_address: 32 bits {
        MUA [31:0] value rw "message upper address" "消息高位地址";
    }
    /// The low half of a fault recording register.
    pub mod frcd_low: 64 bits {
        _  [11:0]  reserved;
        FI [63:12] address(12) "faulting page, or bits 63:48: interrupt index" "出错页，或位 63:48 为中断索引";
    }
    /// The high half of a fault recording register.
    pub mod frcd_high: 64 bits {
        SID  [15:0]  value "source id" "请求者 ID";
        _    [28:16] reserved;
        PRIV [29]    flag "privilege mode requested" "请求特权";
        EXE  [30]    flag "execute requested" "请求执行";
        PP   [31]    flag "PASID present" "带 PASID";
        FR   [39:32] value "fault reason" "错误码";
        PV   [59:40] value "PASID value" "PASID 值";
        AT   [61:60] value "address type" "地址类型";
        T    [62]    flag "1: read, 0: write" "1 为读，0 为写";
        F    [63]    flag w1c "fault: the record is valid" "F：故障记录有效";
    }
}

/// The interrupt index in the low half of a fault recording register, where the fault is one of interrupt remapping.
pub const INTERRUPT_INDEX: spec::Field = spec::Field::value("FI", 63, 48, "interrupt index", "中断索引");

spec::registers! {
    section "VT-d 11.4";
    VER / ver: "VER_REG" at 0x00, 4 bytes, "version" "版本" {
        MIN [3:0]  value "minor version" "次版本号";
        MAX [7:4]  value "major version" "主版本号";
        _   [31:8] reserved;
    }
    CAP / cap: "CAP_REG" at 0x08, 8 bytes, "capabilities" "能力" {
        ND      [2:0]   value "domains: 2^(4+2*ND)" "域数量：2^(4+2*ND)";
        AFL     [3]     flag "advanced fault logging" "高级故障日志";
        RWBF    [4]     flag "write-buffer flush needed" "需要写缓冲冲刷";
        PLMR    [5]     flag "protected low memory" "低端受保护内存";
        PHMR    [6]     flag "protected high memory" "高端受保护内存";
        CM      [7]     flag "caching mode" "缓存模式";
        SAGAW   [12:8]  value "page-table depths: bit 1 = 39, 2 = 48, 3 = 57 bits" "页表级数：位 1=39、2=48、3=57 位";
        _       [15:13] reserved;
        MGAW    [21:16] value "maximum guest address width - 1" "最大客户机地址位宽 - 1";
        ZLR     [22]    flag "zero-length reads of write-only pages" "支持只写页零长度读";
        _       [23]    reserved;
        FRO     [33:24] value "fault recording registers' offset / 16" "故障记录寄存器偏移 / 16";
        SSLPS   [37:34] value "second-stage large pages: bit 0 = 2 MiB, 1 = 1 GiB" "第二阶段大页：位 0=2 MiB、1=1 GiB";
        _       [38]    reserved;
        PSI     [39]    flag "page-selective invalidation" "按页失效";
        NFR     [47:40] value "fault recording registers - 1" "故障记录寄存器数量 - 1";
        MAMV    [53:48] value "maximum address mask value" "最大地址掩码";
        DWD     [54]    flag "write draining" "写排空";
        DRD     [55]    flag "read draining" "读排空";
        FS1GP   [56]    flag "first-stage 1 GiB pages" "第一阶段 1 GiB 页";
        _       [58:57] reserved;
        PI      [59]    flag "interrupt posting" "posted 中断（直接投递）";
        FS5LP   [60]    flag "first-stage 5-level paging" "第一阶段 5 级分页";
        ECMDS   [61]    flag "enhanced commands" "增强命令";
        ESIRTPS [62]    flag "enhanced set interrupt root pointer" "增强的设置中断根指针";
        ESRTPS  [63]    flag "enhanced set root pointer" "增强的设置根指针";
    }
    ECAP / ecap: "ECAP_REG" at 0x10, 8 bytes, "extended capabilities" "扩展能力" {
        C      [0]     flag "page walks are coherent" "查页表时监听 CPU 缓存";
        QI     [1]     flag "queued invalidation" "队列式失效（QI）";
        DT     [2]     flag "device TLBs" "设备 TLB";
        IR     [3]     flag "interrupt remapping" "中断重映射";
        EIM    [4]     flag "extended interrupt mode (x2APIC)" "扩展中断模式（x2APIC）";
        _      [5]     reserved;
        PT     [6]     flag "pass-through" "直通模式";
        SC     [7]     flag "snoop control" "监听控制";
        IRO    [17:8]  value "IOTLB registers' offset / 16" "IOTLB 寄存器偏移 / 16";
        _      [19:18] reserved;
        MHMV   [23:20] value "maximum handle mask value" "最大句柄掩码";
        _      [24]    reserved;
        MTS    [25]    flag "memory types" "内存类型";
        NEST   [26]    flag "nested translation" "嵌套转换";
        _      [28:27] reserved;
        PRS    [29]    flag "page requests" "页请求";
        ERS    [30]    flag "execute requests" "执行请求";
        SRS    [31]    flag "supervisor requests" "特权请求";
        _      [32]    reserved;
        NWFS   [33]    flag "no-write flag" "支持 NW 标志（查询不要求写权限）";
        EAFS   [34]    flag "extended accessed flag" "扩展访问位";
        PSS    [39:35] value "PASID bits - 1" "PASID 位数 - 1";
        PASID  [40]    flag "PASIDs" "PASID";
        DIT    [41]    flag "device-TLB invalidation throttle" "设备 TLB 失效限流";
        PDS    [42]    flag "page-request drain" "页请求排空";
        SMTS   [43]    flag "scalable mode" "可扩展模式";
        VCS    [44]    flag "virtual commands" "虚拟命令";
        SSADS  [45]    flag "second-stage accessed and dirty" "第二阶段访问位与脏位";
        SSTS   [46]    flag "second stage in scalable mode" "可扩展模式第二阶段转换";
        FSTS   [47]    flag "first stage" "第一阶段转换";
        SMPWCS [48]    flag "page-walk coherency of scalable mode" "可扩展模式遍历一致性";
        RPS    [49]    flag "RID_PASID" "RID_PASID";
        _      [63:50] reserved;
    }
    GCMD / gcmd: "GCMD_REG" at 0x18, 4 bytes, "global command" "全局命令" {
        _     [22:0] reserved;
        CFI   [23]   flag rw "compatibility format interrupts" "兼容格式中断";
        SIRTP [24]   flag rw "set interrupt remap table pointer" "设置中断重映射表指针";
        IRE   [25]   flag rw "interrupt remapping enable" "启用中断重映射";
        QIE   [26]   flag rw "queued invalidation enable" "启用队列式失效（QI）";
        WBF   [27]   flag rw "write-buffer flush" "写缓冲冲刷";
        EAFL  [28]   flag rw "enable advanced fault logging" "启用高级故障日志";
        SFL   [29]   flag rw "set fault log" "设置故障日志";
        SRTP  [30]   flag rw "set root table pointer" "设置根表指针";
        TE    [31]   flag rw "translation enable" "启用转换";
    }
    GSTS / gsts: "GSTS_REG" at 0x1c, 4 bytes, "global status" "全局状态" {
        _     [22:0] reserved;
        CFIS  [23]   flag "compatibility format interrupts pass" "兼容格式中断放行";
        IRTPS [24]   flag "interrupt remap table pointer set" "中断重映射表指针已设置";
        IRES  [25]   flag "interrupt remapping on" "中断重映射已启用";
        QIES  [26]   flag "queued invalidation on" "队列式失效（QI）已启用";
        WBFS  [27]   flag "write-buffer flush under way" "写缓冲冲刷中";
        AFLS  [28]   flag "advanced fault logging on" "高级故障日志已启用";
        FLS   [29]   flag "fault log set" "故障日志已设置";
        RTPS  [30]   flag "root table pointer set" "根表指针已设置";
        TES   [31]   flag "translation on" "转换已启用";
    }
    RTADDR / rtaddr: "RTADDR_REG" at 0x20, 8 bytes, "root table address" "根表地址" {
        _   [9:0]   reserved;
        TTM [11:10] code(TTM_VALUES) rw "translation table mode" "转换表模式";
        RTA [63:12] address(12) rw "root table" "根表地址";
    }
    CCMD / ccmd: "CCMD_REG" at 0x28, 8 bytes, "context command" "上下文命令" {
        DID  [15:0]  value rw "domain id" "域 ID";
        SID  [31:16] value rw "source id" "请求者 ID";
        FM   [33:32] value rw "function mask" "功能号掩码";
        _    [58:34] reserved;
        CAIG [60:59] code(GRANULARITIES) "granularity that was done" "实际完成的粒度";
        CIRG [62:61] code(GRANULARITIES) rw "granularity asked for" "请求的粒度";
        ICC  [63]    flag rw "invalidate context cache" "使上下文缓存失效";
    }
    FSTS / fsts: "FSTS_REG" at 0x34, 4 bytes, "fault status" "故障状态" {
        PFO [0]     flag w1c "primary fault overflow" "主故障溢出";
        PPF [1]     flag "primary pending fault" "主故障待处理";
        AFO [2]     flag "advanced fault overflow" "高级故障溢出";
        APF [3]     flag "advanced pending fault" "高级故障待处理";
        IQE [4]     flag w1c "invalidation queue error" "失效队列错误";
        ICE [5]     flag w1c "invalidation completion error" "失效完成错误";
        ITE [6]     flag w1c "invalidation time-out error" "失效超时错误";
        _   [7]     reserved;
        FRI [15:8]  value "first fault recording register with a record" "首个有记录的故障记录寄存器";
        _   [31:16] reserved;
    }
    FECTL / fectl: "FECTL_REG" at 0x38, 4 bytes, "fault event control" "故障事件控制" = event_control;
    FEDATA / fedata: "FEDATA_REG" at 0x3c, 4 bytes, "fault event data" "故障事件数据" = event_data;
    FEADDR / feaddr: "FEADDR_REG" at 0x40, 4 bytes, "fault event address" "故障事件地址" = event_address;
    FEUADDR / feuaddr: "FEUADDR_REG" at 0x44, 4 bytes, "fault event upper address" "故障事件高位地址" = event_upper_address;
    PMEN / pmen: "PMEN_REG" at 0x64, 4 bytes, "protected memory enable" "启用受保护内存" {
        PRS [0]    flag "protected regions on" "受保护区域已启用";
        _   [30:1] reserved;
        EPM [31]   flag "enable protected memory" "启用受保护内存";
    }
    PLMBASE / plmbase: "PLMBASE_REG" at 0x68, 4 bytes, "protected low memory base" "低端受保护内存基址" {
        PLMB [31:0] value "base" "基址";
    }
    PLMLIMIT / plmlimit: "PLMLIMIT_REG" at 0x6c, 4 bytes, "protected low memory limit" "低端受保护内存上限" {
        PLML [31:0] value "limit" "上限";
    }
    PHMBASE / phmbase: "PHMBASE_REG" at 0x70, 8 bytes, "protected high memory base" "高端受保护内存基址" {
        PHMB [63:0] value "base" "基址";
    }
    PHMLIMIT / phmlimit: "PHMLIMIT_REG" at 0x78, 8 bytes, "protected high memory limit" "高端受保护内存上限" {
        PHML [63:0] value "limit" "上限";
    }
    IQH / iqh: "IQH_REG" at 0x80, 8 bytes, "invalidation queue head" "失效队列头" {
        _  [3:0]   reserved;
        QH [18:4]  value "queue head, in 16 bytes" "队列头，单位 16 字节";
        _  [63:19] reserved;
    }
    IQT / iqt: "IQT_REG" at 0x88, 8 bytes, "invalidation queue tail" "失效队列尾" {
        _  [3:0]   reserved;
        QT [18:4]  value rw "queue tail, in 16 bytes" "队列尾，单位 16 字节";
        _  [63:19] reserved;
    }
    IQA / iqa: "IQA_REG" at 0x90, 8 bytes, "invalidation queue address" "失效队列地址" {
        QS  [2:0]   value rw "queue size: 2^QS pages of 4 KiB" "队列大小：2^QS 个 4 KiB 页";
        _   [10:3]  reserved;
        DW  [11]    flag rw "descriptors of 256 bits" "256 位描述符";
        IQA [63:12] address(12) rw "queue" "队列地址";
    }
    ICS / ics: "ICS_REG" at 0x9c, 4 bytes, "invalidation completion status" "失效完成状态" {
        IWC [0]    flag w1c "a wait descriptor with IF completed" "带 IF 的等待描述符已完成";
        _   [31:1] reserved;
    }
    IECTL / iectl: "IECTL_REG" at 0xa0, 4 bytes, "invalidation event control" "失效事件控制" = event_control;
    IEDATA / iedata: "IEDATA_REG" at 0xa4, 4 bytes, "invalidation event data" "失效事件数据" = event_data;
    IEADDR / ieaddr: "IEADDR_REG" at 0xa8, 4 bytes, "invalidation event address" "失效事件地址" = event_address;
    IEUADDR / ieuaddr: "IEUADDR_REG" at 0xac, 4 bytes, "invalidation event upper address" "失效事件高位地址" = event_upper_address;
    IQERCD / iqercd: "IQERCD_REG" at 0xb0, 8 bytes, "invalidation queue error record" "失效队列故障记录" {
        IQEI   [3:0]   value "cause of IQE: 1 tail, 2 fetch, 3 type, 4 reserved field" "IQE 原因：1 队列尾、2 读取、3 类型、4 保留字段";
        _      [31:4]  reserved;
        ITESID [47:32] value "source id of ITE" "ITE 的请求者 ID";
        ICESID [63:48] value "source id of ICE" "ICE 的请求者 ID";
    }
    IRTA / irta: "IRTA_REG" at 0xb8, 8 bytes, "interrupt remapping table address" "中断重映射表地址" {
        S    [3:0]   value rw "size: 2^(S+1) entries" "大小：2^(S+1) 项";
        _    [10:4]  reserved;
        EIME [11]    flag rw "extended interrupt mode enable" "启用扩展中断模式";
        IRTA [63:12] address(12) rw "table" "表地址";
    }
    PQH / pqh: "PQH_REG" at 0xc0, 8 bytes, "page request queue head" "页请求队列头" {
        _   [4:0]   reserved;
        PQH [18:5]  value rw "queue head, in 32 bytes" "队列头，单位 32 字节";
        _   [63:19] reserved;
    }
    PQT / pqt: "PQT_REG" at 0xc8, 8 bytes, "page request queue tail" "页请求队列尾" {
        _   [4:0]   reserved;
        PQT [18:5]  value rw "queue tail, in 32 bytes" "队列尾，单位 32 字节";
        _   [63:19] reserved;
    }
    PQA / pqa: "PQA_REG" at 0xd0, 8 bytes, "page request queue address" "页请求队列地址" {
        PQS [2:0]   value rw "queue size: 2^PQS pages of 4 KiB" "队列大小：2^PQS 个 4 KiB 页";
        _   [11:3]  reserved;
        PQA [63:12] address(12) rw "queue" "队列地址";
    }
    PRS / prs: "PRS_REG" at 0xdc, 4 bytes, "page request status" "页请求状态" {
        PPR [0]    flag w1c "pending page request" "有待处理的页请求";
        PRO [1]    flag w1c "page request overflow" "页请求溢出";
        _   [31:2] reserved;
    }
    PECTL / pectl: "PECTL_REG" at 0xe0, 4 bytes, "page request event control" "页请求事件控制" = event_control;
    PEDATA / pedata: "PEDATA_REG" at 0xe4, 4 bytes, "page request event data" "页请求事件数据" = event_data;
    PEADDR / peaddr: "PEADDR_REG" at 0xe8, 4 bytes, "page request event address" "页请求事件地址" = event_address;
    PEUADDR / peuaddr: "PEUADDR_REG" at 0xec, 4 bytes, "page request event upper address" "页请求事件高位地址" = event_upper_address;
}

/// The registers at ECAP.IRO, at the offsets that the playground's unit has them.
pub mod iotlb_registers {
    use super::*;
    spec::registers! {
        section "VT-d 11.4";
        IVA / iva: "IVA_REG" at 0xf0, 8 bytes, "invalidate address" "失效地址" {
            AM   [5:0]   value rw "address mask" "地址掩码";
            IH   [6]     flag rw "invalidation hint: leaves only" "失效提示：仅叶子项";
            _    [11:7]  reserved;
            ADDR [63:12] address(12) rw "address" "地址";
        }
        IOTLB / iotlb: "IOTLB_REG" at 0xf8, 8 bytes, "IOTLB invalidate" "IOTLB 失效" {
            _    [31:0]  reserved;
            DID  [47:32] value rw "domain id" "域 ID";
            DW   [48]    flag rw "drain writes" "排空写";
            DR   [49]    flag rw "drain reads" "排空读";
            _    [56:50] reserved;
            IAIG [58:57] code(GRANULARITIES) "granularity that was done" "实际完成的粒度";
            _    [59]    reserved;
            IIRG [61:60] code(GRANULARITIES) rw "granularity asked for" "请求的粒度";
            _    [62]    reserved;
            IVT  [63]    flag rw "invalidate IOTLB" "使 IOTLB 失效";
        }
    }
}

/// The fault recording registers at CAP.FRO, low and high half in turn, at the offsets that the playground's unit has
/// them.
pub mod fault_registers {
    use super::*;
    spec::registers! {
        section "VT-d 11.4";
        FRCD_0_LOW / frcd_0_low: "FRCD_REG[0].lo" at 0x400, 8 bytes, "fault record, low half" "故障记录，低半部" = frcd_low;
        FRCD_0_HIGH / frcd_0_high: "FRCD_REG[0].hi" at 0x408, 8 bytes, "fault record, high half" "故障记录，高半部" = frcd_high;
        FRCD_1_LOW / frcd_1_low: "FRCD_REG[1].lo" at 0x410, 8 bytes, "fault record, low half" "故障记录，低半部" = frcd_low;
        FRCD_1_HIGH / frcd_1_high: "FRCD_REG[1].hi" at 0x418, 8 bytes, "fault record, high half" "故障记录，高半部" = frcd_high;
        FRCD_2_LOW / frcd_2_low: "FRCD_REG[2].lo" at 0x420, 8 bytes, "fault record, low half" "故障记录，低半部" = frcd_low;
        FRCD_2_HIGH / frcd_2_high: "FRCD_REG[2].hi" at 0x428, 8 bytes, "fault record, high half" "故障记录，高半部" = frcd_high;
        FRCD_3_LOW / frcd_3_low: "FRCD_REG[3].lo" at 0x430, 8 bytes, "fault record, low half" "故障记录，低半部" = frcd_low;
        FRCD_3_HIGH / frcd_3_high: "FRCD_REG[3].hi" at 0x438, 8 bytes, "fault record, high half" "故障记录，高半部" = frcd_high;
        FRCD_4_LOW / frcd_4_low: "FRCD_REG[4].lo" at 0x440, 8 bytes, "fault record, low half" "故障记录，低半部" = frcd_low;
        FRCD_4_HIGH / frcd_4_high: "FRCD_REG[4].hi" at 0x448, 8 bytes, "fault record, high half" "故障记录，高半部" = frcd_high;
        FRCD_5_LOW / frcd_5_low: "FRCD_REG[5].lo" at 0x450, 8 bytes, "fault record, low half" "故障记录，低半部" = frcd_low;
        FRCD_5_HIGH / frcd_5_high: "FRCD_REG[5].hi" at 0x458, 8 bytes, "fault record, high half" "故障记录，高半部" = frcd_high;
        FRCD_6_LOW / frcd_6_low: "FRCD_REG[6].lo" at 0x460, 8 bytes, "fault record, low half" "故障记录，低半部" = frcd_low;
        FRCD_6_HIGH / frcd_6_high: "FRCD_REG[6].hi" at 0x468, 8 bytes, "fault record, high half" "故障记录，高半部" = frcd_high;
        FRCD_7_LOW / frcd_7_low: "FRCD_REG[7].lo" at 0x470, 8 bytes, "fault record, low half" "故障记录，低半部" = frcd_low;
        FRCD_7_HIGH / frcd_7_high: "FRCD_REG[7].hi" at 0x478, 8 bytes, "fault record, high half" "故障记录，高半部" = frcd_high;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::Register;
    use alloc::vec::Vec;

    #[test]
    fn registers_do_not_overlap() {
        let groups = [ALL, iotlb_registers::ALL, fault_registers::ALL];
        let mut all: Vec<&Register> = groups.iter().copied().flatten().copied().collect();
        all.sort_by_key(|r| r.offset);
        assert!(all.windows(2).all(|w| w[0].offset + u32::from(w[0].bytes) <= w[1].offset));
    }
}
