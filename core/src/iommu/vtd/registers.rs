//! The registers with their fields, in the specification's words (VT-d 11.4).

use crate::spec::{Field, Register, Text};

const fn r(
    name: &'static str,
    offset: u32,
    bytes: u8,
    en: &'static str,
    zh: &'static str,
    fields: &'static [Field],
) -> Register {
    Register { name, offset, bytes, meaning: Text::new(en, zh), fields, rw: 0, w1c: 0, section: "VT-d 11.4" }
}
const fn flag(name: &'static str, bit: u16, en: &'static str, zh: &'static str) -> Field {
    Field::flag(name, bit, en, zh)
}
const fn rsvd(hi: u16, lo: u16) -> Field {
    Field::reserved(hi, lo)
}
const fn val(name: &'static str, hi: u16, lo: u16, en: &'static str, zh: &'static str) -> Field {
    Field::value(name, hi, lo, en, zh)
}

static TTM: &[(u64, Text)] = &[
    (0, Text::new("legacy mode", "传统模式")),
    (1, Text::new("scalable mode", "可扩展模式")),
    (3, Text::new("abort-DMA mode", "中止 DMA 模式")),
];
static GRANULARITY: &[(u64, Text)] = &[
    (1, Text::new("global", "全局")),
    (2, Text::new("domain-selective", "按域")),
    (3, Text::new("device- or page-selective", "按设备或按页")),
];

const IM_IP: &[Field] = &[
    rsvd(29, 0),
    flag("IP", 30, "interrupt pending", "中断待发"),
    flag("IM", 31, "interrupt mask", "中断屏蔽"),
];
const DATA: &[Field] = &[val("IMD", 15, 0, "interrupt message data", "中断消息数据"), rsvd(31, 16)];
const ADDR: &[Field] = &[rsvd(1, 0), Field::address("MA", 31, 2, 2, "message address", "消息地址")];
const UADDR: &[Field] = &[val("MUA", 31, 0, "message upper address", "消息高位地址")];

/// Every register with a fixed offset.
pub static REGISTERS: &[Register] = &[
    r(
        "VER_REG",
        0x00,
        4,
        "version",
        "版本",
        &[
            val("MIN", 3, 0, "minor version", "次版本号"),
            val("MAX", 7, 4, "major version", "主版本号"),
            rsvd(31, 8),
        ],
    ),
    r(
        "CAP_REG",
        0x08,
        8,
        "capabilities",
        "能力",
        &[
            val("ND", 2, 0, "domains: 2^(4+2*ND)", "域数量：2^(4+2*ND)"),
            flag("AFL", 3, "advanced fault logging", "高级错误日志"),
            flag("RWBF", 4, "write-buffer flush needed", "需要刷写缓冲"),
            flag("PLMR", 5, "protected low memory", "低端受保护内存"),
            flag("PHMR", 6, "protected high memory", "高端受保护内存"),
            flag("CM", 7, "caching mode", "缓存模式"),
            val(
                "SAGAW",
                12,
                8,
                "page-table depths: bit 1 = 39, 2 = 48, 3 = 57 bits",
                "页表级数：位 1=39、2=48、3=57 位",
            ),
            rsvd(15, 13),
            val("MGAW", 21, 16, "maximum guest address width - 1", "最大客户机地址位宽 - 1"),
            flag("ZLR", 22, "zero-length reads of write-only pages", "支持只写页零长度读"),
            rsvd(23, 23),
            val("FRO", 33, 24, "fault recording registers' offset / 16", "错误记录寄存器偏移 / 16"),
            val(
                "SSLPS",
                37,
                34,
                "second-stage large pages: bit 0 = 2 MiB, 1 = 1 GiB",
                "第二级大页：位 0=2 MiB、1=1 GiB",
            ),
            rsvd(38, 38),
            flag("PSI", 39, "page-selective invalidation", "按页失效"),
            val("NFR", 47, 40, "fault recording registers - 1", "错误记录寄存器数量 - 1"),
            val("MAMV", 53, 48, "maximum address mask value", "最大地址掩码"),
            flag("DWD", 54, "write draining", "写排空"),
            flag("DRD", 55, "read draining", "读排空"),
            flag("FS1GP", 56, "first-stage 1 GiB pages", "第一级 1 GiB 页"),
            rsvd(58, 57),
            flag("PI", 59, "interrupt posting", "中断投递"),
            flag("FS5LP", 60, "first-stage 5-level paging", "第一级 5 级分页"),
            flag("ECMDS", 61, "enhanced commands", "增强命令"),
            flag("ESIRTPS", 62, "enhanced set interrupt root pointer", "增强的设置中断根指针"),
            flag("ESRTPS", 63, "enhanced set root pointer", "增强的设置根指针"),
        ],
    ),
    r(
        "ECAP_REG",
        0x10,
        8,
        "extended capabilities",
        "扩展能力",
        &[
            flag("C", 0, "page walks are coherent", "页表遍历保持一致"),
            flag("QI", 1, "queued invalidation", "队列失效"),
            flag("DT", 2, "device TLBs", "设备 TLB"),
            flag("IR", 3, "interrupt remapping", "中断重映射"),
            flag("EIM", 4, "extended interrupt mode (x2APIC)", "扩展中断模式（x2APIC）"),
            rsvd(5, 5),
            flag("PT", 6, "pass-through", "直通"),
            flag("SC", 7, "snoop control", "监听控制"),
            val("IRO", 17, 8, "IOTLB registers' offset / 16", "IOTLB 寄存器偏移 / 16"),
            rsvd(19, 18),
            val("MHMV", 23, 20, "maximum handle mask value", "最大句柄掩码"),
            rsvd(24, 24),
            flag("MTS", 25, "memory types", "内存类型"),
            flag("NEST", 26, "nested translation", "嵌套转换"),
            rsvd(28, 27),
            flag("PRS", 29, "page requests", "页请求"),
            flag("ERS", 30, "execute requests", "执行请求"),
            flag("SRS", 31, "supervisor requests", "特权请求"),
            rsvd(32, 32),
            flag("NWFS", 33, "no-write flag", "不写标志"),
            flag("EAFS", 34, "extended accessed flag", "扩展访问位"),
            val("PSS", 39, 35, "PASID bits - 1", "PASID 位数 - 1"),
            flag("PASID", 40, "PASIDs", "PASID"),
            flag("DIT", 41, "device-TLB invalidation throttle", "设备 TLB 失效限流"),
            flag("PDS", 42, "page-request drain", "页请求排空"),
            flag("SMTS", 43, "scalable mode", "可扩展模式"),
            flag("VCS", 44, "virtual commands", "虚拟命令"),
            flag("SSADS", 45, "second-stage accessed and dirty", "第二级访问位与脏位"),
            flag("SSTS", 46, "second stage in scalable mode", "可扩展模式第二级转换"),
            flag("FSTS", 47, "first stage", "第一级转换"),
            flag("SMPWCS", 48, "page-walk coherency of scalable mode", "可扩展模式遍历一致性"),
            flag("RPS", 49, "RID_PASID", "RID_PASID"),
            rsvd(63, 50),
        ],
    ),
    r(
        "GCMD_REG",
        0x18,
        4,
        "global command",
        "全局命令",
        &[
            rsvd(22, 0),
            flag("CFI", 23, "compatibility format interrupts", "兼容格式中断"),
            flag("SIRTP", 24, "set interrupt remap table pointer", "设置中断重映射表指针"),
            flag("IRE", 25, "interrupt remapping enable", "启用中断重映射"),
            flag("QIE", 26, "queued invalidation enable", "启用队列失效"),
            flag("WBF", 27, "write-buffer flush", "刷写缓冲"),
            flag("EAFL", 28, "enable advanced fault logging", "启用高级错误日志"),
            flag("SFL", 29, "set fault log", "设置错误日志"),
            flag("SRTP", 30, "set root table pointer", "设置根表指针"),
            flag("TE", 31, "translation enable", "启用转换"),
        ],
    ),
    r(
        "GSTS_REG",
        0x1c,
        4,
        "global status",
        "全局状态",
        &[
            rsvd(22, 0),
            flag("CFIS", 23, "compatibility format interrupts pass", "兼容格式中断放行"),
            flag("IRTPS", 24, "interrupt remap table pointer set", "中断重映射表指针已设置"),
            flag("IRES", 25, "interrupt remapping on", "中断重映射已启用"),
            flag("QIES", 26, "queued invalidation on", "队列失效已启用"),
            flag("WBFS", 27, "write-buffer flush under way", "写缓冲刷新中"),
            flag("AFLS", 28, "advanced fault logging on", "高级错误日志已启用"),
            flag("FLS", 29, "fault log set", "错误日志已设置"),
            flag("RTPS", 30, "root table pointer set", "根表指针已设置"),
            flag("TES", 31, "translation on", "转换已启用"),
        ],
    ),
    r(
        "RTADDR_REG",
        0x20,
        8,
        "root table address",
        "根表地址",
        &[
            rsvd(9, 0),
            Field::code("TTM", 11, 10, TTM, "translation table mode", "转换表模式"),
            Field::address("RTA", 63, 12, 12, "root table", "根表地址"),
        ],
    ),
    r(
        "CCMD_REG",
        0x28,
        8,
        "context command",
        "上下文命令",
        &[
            val("DID", 15, 0, "domain id", "域 ID"),
            val("SID", 31, 16, "source id", "源 ID"),
            val("FM", 33, 32, "function mask", "功能号掩码"),
            rsvd(58, 34),
            Field::code("CAIG", 60, 59, GRANULARITY, "granularity that was done", "实际完成的粒度"),
            Field::code("CIRG", 62, 61, GRANULARITY, "granularity asked for", "请求的粒度"),
            flag("ICC", 63, "invalidate context cache", "使上下文缓存失效"),
        ],
    ),
    r(
        "FSTS_REG",
        0x34,
        4,
        "fault status",
        "错误状态",
        &[
            flag("PFO", 0, "primary fault overflow", "主错误溢出"),
            flag("PPF", 1, "primary pending fault", "主错误待处理"),
            flag("AFO", 2, "advanced fault overflow", "高级错误溢出"),
            flag("APF", 3, "advanced pending fault", "高级错误待处理"),
            flag("IQE", 4, "invalidation queue error", "失效队列错误"),
            flag("ICE", 5, "invalidation completion error", "失效完成错误"),
            flag("ITE", 6, "invalidation time-out error", "失效超时错误"),
            rsvd(7, 7),
            val("FRI", 15, 8, "first fault recording register with a record", "首个有记录的错误记录寄存器"),
            rsvd(31, 16),
        ],
    ),
    r("FECTL_REG", 0x38, 4, "fault event control", "错误事件控制", IM_IP),
    r("FEDATA_REG", 0x3c, 4, "fault event data", "错误事件数据", DATA),
    r("FEADDR_REG", 0x40, 4, "fault event address", "错误事件地址", ADDR),
    r("FEUADDR_REG", 0x44, 4, "fault event upper address", "错误事件高位地址", UADDR),
    r(
        "PMEN_REG",
        0x64,
        4,
        "protected memory enable",
        "启用受保护内存",
        &[
            flag("PRS", 0, "protected regions on", "受保护区域已启用"),
            rsvd(30, 1),
            flag("EPM", 31, "enable protected memory", "启用受保护内存"),
        ],
    ),
    r(
        "PLMBASE_REG",
        0x68,
        4,
        "protected low memory base",
        "低端受保护内存基址",
        &[val("PLMB", 31, 0, "base", "基址")],
    ),
    r(
        "PLMLIMIT_REG",
        0x6c,
        4,
        "protected low memory limit",
        "低端受保护内存上限",
        &[val("PLML", 31, 0, "limit", "上限")],
    ),
    r(
        "PHMBASE_REG",
        0x70,
        8,
        "protected high memory base",
        "高端受保护内存基址",
        &[val("PHMB", 63, 0, "base", "基址")],
    ),
    r(
        "PHMLIMIT_REG",
        0x78,
        8,
        "protected high memory limit",
        "高端受保护内存上限",
        &[val("PHML", 63, 0, "limit", "上限")],
    ),
    r(
        "IQH_REG",
        0x80,
        8,
        "invalidation queue head",
        "失效队列头",
        &[rsvd(3, 0), val("QH", 18, 4, "queue head, in 16 bytes", "队列头，单位 16 字节"), rsvd(63, 19)],
    ),
    r(
        "IQT_REG",
        0x88,
        8,
        "invalidation queue tail",
        "失效队列尾",
        &[rsvd(3, 0), val("QT", 18, 4, "queue tail, in 16 bytes", "队列尾，单位 16 字节"), rsvd(63, 19)],
    ),
    r(
        "IQA_REG",
        0x90,
        8,
        "invalidation queue address",
        "失效队列地址",
        &[
            val("QS", 2, 0, "queue size: 2^QS pages of 4 KiB", "队列大小：2^QS 个 4 KiB 页"),
            rsvd(10, 3),
            flag("DW", 11, "descriptors of 256 bits", "256 位描述符"),
            Field::address("IQA", 63, 12, 12, "queue", "队列地址"),
        ],
    ),
    r(
        "ICS_REG",
        0x9c,
        4,
        "invalidation completion status",
        "失效完成状态",
        &[flag("IWC", 0, "a wait descriptor with IF completed", "带 IF 的等待描述符已完成"), rsvd(31, 1)],
    ),
    r("IECTL_REG", 0xa0, 4, "invalidation event control", "失效事件控制", IM_IP),
    r("IEDATA_REG", 0xa4, 4, "invalidation event data", "失效事件数据", DATA),
    r("IEADDR_REG", 0xa8, 4, "invalidation event address", "失效事件地址", ADDR),
    r("IEUADDR_REG", 0xac, 4, "invalidation event upper address", "失效事件高位地址", UADDR),
    r(
        "IQERCD_REG",
        0xb0,
        8,
        "invalidation queue error record",
        "失效队列错误记录",
        &[
            val(
                "IQEI",
                3,
                0,
                "cause of IQE: 1 tail, 2 fetch, 3 type, 4 reserved field",
                "IQE 原因：1 队列尾、2 读取、3 类型、4 保留字段",
            ),
            rsvd(31, 4),
            val("ITESID", 47, 32, "source id of ITE", "ITE 的源 ID"),
            val("ICESID", 63, 48, "source id of ICE", "ICE 的源 ID"),
        ],
    ),
    r(
        "IRTA_REG",
        0xb8,
        8,
        "interrupt remapping table address",
        "中断重映射表地址",
        &[
            val("S", 3, 0, "size: 2^(S+1) entries", "大小：2^(S+1) 项"),
            rsvd(10, 4),
            flag("EIME", 11, "extended interrupt mode enable", "启用扩展中断模式"),
            Field::address("IRTA", 63, 12, 12, "table", "表地址"),
        ],
    ),
    r(
        "PQH_REG",
        0xc0,
        8,
        "page request queue head",
        "页请求队列头",
        &[rsvd(4, 0), val("PQH", 18, 5, "queue head, in 32 bytes", "队列头，单位 32 字节"), rsvd(63, 19)],
    ),
    r(
        "PQT_REG",
        0xc8,
        8,
        "page request queue tail",
        "页请求队列尾",
        &[rsvd(4, 0), val("PQT", 18, 5, "queue tail, in 32 bytes", "队列尾，单位 32 字节"), rsvd(63, 19)],
    ),
    r(
        "PQA_REG",
        0xd0,
        8,
        "page request queue address",
        "页请求队列地址",
        &[
            val("PQS", 2, 0, "queue size: 2^PQS pages of 4 KiB", "队列大小：2^PQS 个 4 KiB 页"),
            rsvd(11, 3),
            Field::address("PQA", 63, 12, 12, "queue", "队列地址"),
        ],
    ),
    r(
        "PRS_REG",
        0xdc,
        4,
        "page request status",
        "页请求状态",
        &[
            flag("PPR", 0, "pending page request", "有待处理的页请求"),
            flag("PRO", 1, "page request overflow", "页请求溢出"),
            rsvd(31, 2),
        ],
    ),
    r("PECTL_REG", 0xe0, 4, "page request event control", "页请求事件控制", IM_IP),
    r("PEDATA_REG", 0xe4, 4, "page request event data", "页请求事件数据", DATA),
    r("PEADDR_REG", 0xe8, 4, "page request event address", "页请求事件地址", ADDR),
    r("PEUADDR_REG", 0xec, 4, "page request event upper address", "页请求事件高位地址", UADDR),
];

/// The IOTLB registers, at ECAP.IRO.
pub static IVA: Register = r(
    "IVA_REG",
    0xf0,
    8,
    "invalidate address",
    "失效地址",
    &[
        val("AM", 5, 0, "address mask", "地址掩码"),
        flag("IH", 6, "invalidation hint: leaves only", "失效提示：仅叶子项"),
        rsvd(11, 7),
        Field::address("ADDR", 63, 12, 12, "address", "地址"),
    ],
);
/// The IOTLB registers, at ECAP.IRO + 8.
pub static IOTLB: Register = r(
    "IOTLB_REG",
    0xf8,
    8,
    "IOTLB invalidate",
    "IOTLB 失效",
    &[
        rsvd(31, 0),
        val("DID", 47, 32, "domain id", "域 ID"),
        flag("DW", 48, "drain writes", "排空写"),
        flag("DR", 49, "drain reads", "排空读"),
        rsvd(56, 50),
        Field::code("IAIG", 58, 57, GRANULARITY, "granularity that was done", "实际完成的粒度"),
        rsvd(59, 59),
        Field::code("IIRG", 61, 60, GRANULARITY, "granularity asked for", "请求的粒度"),
        rsvd(62, 62),
        flag("IVT", 63, "invalidate IOTLB", "使 IOTLB 失效"),
    ],
);

const FRCD_LOW: &[Field] = &[
    rsvd(11, 0),
    Field::address(
        "FI",
        63,
        12,
        12,
        "faulting page, or bits 63:48: interrupt index",
        "出错页，或位 63:48 为中断索引",
    ),
];
const FRCD_HIGH: &[Field] = &[
    val("SID", 15, 0, "source id", "源 ID"),
    rsvd(28, 16),
    flag("PRIV", 29, "privilege mode requested", "请求特权"),
    flag("EXE", 30, "execute requested", "请求执行"),
    flag("PP", 31, "PASID present", "带 PASID"),
    val("FR", 39, 32, "fault reason", "错误原因"),
    val("PV", 59, 40, "PASID value", "PASID 值"),
    val("AT", 61, 60, "address type", "地址类型"),
    flag("T", 62, "1: read, 0: write", "1 为读，0 为写"),
    flag("F", 63, "fault: the record is valid", "错误：记录有效"),
];
macro_rules! frcd {
    ($($n:literal $low:literal $high:literal $offset:literal)*) => {
        /// The fault recording registers of the playground's unit, at CAP.FRO: low and high halves.
        pub static FRCD: &[(Register, Register)] = &[$((
            r($low, $offset, 8, "fault record, low half", "错误记录，低半部", FRCD_LOW),
            r($high, $offset + 8, 8, "fault record, high half", "错误记录，高半部", FRCD_HIGH),
        )),*];
    };
}
frcd! {
    0 "FRCD_REG[0].lo" "FRCD_REG[0].hi" 0x400
    1 "FRCD_REG[1].lo" "FRCD_REG[1].hi" 0x410
    2 "FRCD_REG[2].lo" "FRCD_REG[2].hi" 0x420
    3 "FRCD_REG[3].lo" "FRCD_REG[3].hi" 0x430
    4 "FRCD_REG[4].lo" "FRCD_REG[4].hi" 0x440
    5 "FRCD_REG[5].lo" "FRCD_REG[5].hi" 0x450
    6 "FRCD_REG[6].lo" "FRCD_REG[6].hi" 0x460
    7 "FRCD_REG[7].lo" "FRCD_REG[7].hi" 0x470
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::covers;
    use alloc::vec::Vec;

    #[test]
    fn fields_cover_each_bit_once_and_registers_do_not_overlap() {
        let mut all: Vec<&Register> = REGISTERS.iter().chain([&IVA, &IOTLB]).collect();
        all.extend(FRCD.iter().flat_map(|(a, b)| [a, b]));
        all.sort_by_key(|r| r.offset);
        for r in &all {
            assert!(covers(r.fields, u16::from(r.bytes) * 8), "{}", r.name);
        }
        assert!(all.windows(2).all(|w| w[0].offset + u32::from(w[0].bytes) <= w[1].offset));
    }
}
