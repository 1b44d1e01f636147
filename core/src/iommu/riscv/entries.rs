//! Structures in memory: device and process directories, MSI page tables, queue records and commands, with the
//! specification's names and bit positions (RISC-V IOMMU, "Data structures" and "In-memory queue interface").

use crate::spec::{EntryType, Field, Text};

const fn flag(name: &'static str, bit: u16, en: &'static str, zh: &'static str) -> Field {
    Field::flag(name, bit, en, zh)
}
const V: Field = flag("V", 0, "valid", "有效");

macro_rules! entry {
    ($(#[$doc:meta])* $id:ident $en:literal $zh:literal $words:literal $section:literal; $($field:expr),* $(,)?) => {
        $(#[$doc])*
        pub static $id: EntryType = EntryType {
            name: Text::new($en, $zh),
            words: $words,
            section: $section,
            fields: &[$($field),*],
        };
    };
}

/// The values of iohgatp.MODE.
pub static IOHGATP_MODE: &[(u64, Text)] = &[
    (0, Text::new("Bare: no second stage", "Bare：无第二级转换")),
    (8, Text::new("Sv39x4", "Sv39x4")),
    (9, Text::new("Sv48x4", "Sv48x4")),
    (10, Text::new("Sv57x4", "Sv57x4")),
];
/// The values of MODE in iosatp, and of pdtp where PDTV is 1 (1 to 3).
pub static FSC_MODE: &[(u64, Text)] = &[
    (0, Text::new("Bare: no first stage", "Bare：无第一级转换")),
    (1, Text::new("PD8: process directory of 1 level (PDTV = 1)", "PD8：1 级进程目录（PDTV = 1）")),
    (2, Text::new("PD17: process directory of 2 levels (PDTV = 1)", "PD17：2 级进程目录（PDTV = 1）")),
    (3, Text::new("PD20: process directory of 3 levels (PDTV = 1)", "PD20：3 级进程目录（PDTV = 1）")),
    (8, Text::new("Sv39", "Sv39")),
    (9, Text::new("Sv48", "Sv48")),
    (10, Text::new("Sv57", "Sv57")),
];
static MSIPTP_MODE: &[(u64, Text)] =
    &[(0, Text::new("Off", "Off：关闭")), (1, Text::new("Flat MSI page table", "Flat：平坦 MSI 页表"))];
static MSI_MODE: &[(u64, Text)] = &[
    (1, Text::new("MRIF mode: into a memory-resident interrupt file", "MRIF 模式：写入驻留内存的中断文件")),
    (3, Text::new("basic translate mode: to an interrupt file", "基本转换模式：转到中断文件")),
];

entry!(
    /// Entry of the device directory that points at the next level (RISC-V IOMMU, non-leaf DDT entry).
    DDTE "non-leaf DDT entry" "非叶子设备目录项" 1 "RISC-V IOMMU, non-leaf DDT entry";
    V, Field::reserved(9, 1),
    Field::address("PPN", 53, 10, 12, "the next directory page", "下一级目录页"),
    Field::reserved(63, 54),
);

entry!(
    /// Entry of the process directory that points at the next level (RISC-V IOMMU, non-leaf PDT entry).
    PDTE "non-leaf PDT entry" "非叶子进程目录项" 1 "RISC-V IOMMU, non-leaf PDT entry";
    V, Field::reserved(9, 1),
    Field::address("PPN", 53, 10, 12, "the next directory page", "下一级目录页"),
    Field::reserved(63, 54),
);

macro_rules! device_context {
    ($(#[$doc:meta])* $id:ident $en:literal $zh:literal $words:literal; $($more:expr),*) => {
        entry!(
            $(#[$doc])*
            $id $en $zh $words "RISC-V IOMMU, device context";
            V,
            flag("EN_ATS", 1, "ATS requests and translated requests are allowed", "允许 ATS 请求与已转换请求"),
            flag("EN_PRI", 2, "page requests are allowed", "允许页请求"),
            flag("T2GPA", 3, "ATS answers are guest-physical addresses", "ATS 应答给出客户机物理地址"),
            flag("DTF", 4, "faults of translation are not recorded", "不记录转换错误"),
            flag("PDTV", 5, "fsc is a process-directory pointer (pdtp)", "fsc 是进程目录指针（pdtp）"),
            flag("PRPR", 6, "page responses carry the PASID", "页响应携带 PASID"),
            flag("GADE", 7, "hardware sets A and D of the second stage", "硬件更新第二级的 A、D 位"),
            flag("SADE", 8, "hardware sets A and D of the first stage", "硬件更新第一级的 A、D 位"),
            flag("DPE", 9, "requests without process_id use process_id 0", "不带 process_id 的请求使用 process_id 0"),
            flag("SBE", 10, "process directory and first stage are big-endian", "进程目录与第一级页表为大端"),
            flag("SXL", 11, "32-bit first stage", "32 位第一级"),
            Field::reserved(23, 12),
            Field::value("custom", 31, 24, "for the implementation", "供实现自定义"),
            Field::reserved(63, 32),
            Field::address("iohgatp.PPN", 107, 64, 12, "root of the second stage", "第二级页表根"),
            Field::value("iohgatp.GSCID", 123, 108, "guest soft-context id", "客户机软上下文 ID"),
            Field::code("iohgatp.MODE", 127, 124, IOHGATP_MODE, "second-stage mode", "第二级模式"),
            Field::reserved(139, 128),
            Field::value("ta.PSCID", 159, 140, "process soft-context id", "进程软上下文 ID"),
            Field::reserved(167, 160),
            Field::value("ta.RCID", 179, 168, "resource control id (QoS)", "资源控制 ID（QoS）"),
            Field::value("ta.MCID", 191, 180, "monitoring counter id (QoS)", "监控计数 ID（QoS）"),
            Field::address("fsc.PPN", 235, 192, 12, "root of the first stage or of the process directory",
                "第一级页表根或进程目录根"),
            Field::reserved(251, 236),
            Field::code("fsc.MODE", 255, 252, FSC_MODE, "first-stage or process-directory mode", "第一级或进程目录模式"),
            $($more),*
        );
    };
}

device_context!(
    /// Device context in base format (capabilities.MSI_FLAT = 0).
    DC_BASE "device context" "设备上下文" 4;
);
device_context!(
    /// Device context in extended format (capabilities.MSI_FLAT = 1).
    DC_EXTENDED "device context (extended format)" "设备上下文（扩展格式）" 8;
    Field::address("msiptp.PPN", 299, 256, 12, "root of the MSI page table", "MSI 页表根"),
    Field::reserved(315, 300),
    Field::code("msiptp.MODE", 319, 316, MSIPTP_MODE, "MSI page table mode", "MSI 页表模式"),
    Field::value("msi_addr_mask", 371, 320, "address bits (from 12) that number the interrupt files",
        "构成中断文件编号的地址位（自第 12 位起）"),
    Field::reserved(383, 372),
    Field::value("msi_addr_pattern", 435, 384, "the other address bits (from 12) of interrupt files",
        "中断文件地址的其余位（自第 12 位起）"),
    Field::reserved(447, 436),
    Field::reserved(511, 448)
);

entry!(
    /// Process context (RISC-V IOMMU, process context).
    PC "process context" "进程上下文" 2 "RISC-V IOMMU, process context";
    V,
    flag("ENS", 1, "supervisor requests are allowed", "允许特权请求"),
    flag("SUM", 2, "supervisor requests may reach user pages", "特权请求可访问用户页"),
    Field::reserved(11, 3),
    Field::value("PSCID", 31, 12, "process soft-context id", "进程软上下文 ID"),
    Field::reserved(63, 32),
    Field::address("fsc.PPN", 107, 64, 12, "root of the first stage", "第一级页表根"),
    Field::reserved(123, 108),
    Field::code("fsc.MODE", 127, 124, FSC_MODE, "first-stage mode", "第一级模式"),
);

entry!(
    /// MSI page-table entry in basic translate mode, M = 3 (AIA 8.5.1).
    MSI_PTE "MSI PTE" "MSI 页表项" 2 "AIA 8.5.1";
    V,
    Field::code("M", 2, 1, MSI_MODE, "mode", "模式"),
    Field::reserved(9, 3),
    Field::address("PPN", 53, 10, 12, "the interrupt file", "中断文件地址"),
    Field::reserved(62, 54),
    flag("C", 63, "custom format", "自定义格式"),
    // The second doubleword is free for software.
    Field::ignored(127, 64),
);

entry!(
    /// MSI page-table entry in MRIF mode, M = 1 (AIA 8.5.2).
    MSI_PTE_MRIF "MSI PTE (MRIF mode)" "MSI 页表项（MRIF 模式）" 2 "AIA 8.5.2";
    V,
    Field::code("M", 2, 1, MSI_MODE, "mode", "模式"),
    Field::reserved(6, 3),
    Field::address("MRIF_Address", 53, 7, 9, "the memory-resident interrupt file", "驻留内存的中断文件地址"),
    Field::reserved(62, 54),
    flag("C", 63, "custom format", "自定义格式"),
    Field::value("NID[9:0]", 73, 64, "notice identity, low bits", "通知中断标识低位"),
    Field::address("NPPN", 117, 74, 12, "page that takes the notice MSI", "接收通知 MSI 的页"),
    Field::reserved(123, 118),
    Field::value("NID[10]", 124, 124, "notice identity, high bit", "通知中断标识高位"),
    Field::reserved(127, 125),
);

entry!(
    /// One of 32 pairs of a memory-resident interrupt file: pending and enabled identities (AIA 8.3.1).
    MRIF "MRIF words" "MRIF 字" 2 "AIA 8.3.1";
    Field::value("eip", 63, 0, "pending identities", "待处理的中断标识"),
    Field::value("eie", 127, 64, "enabled identities", "已使能的中断标识"),
);

/// The values of TTYP (RISC-V IOMMU, fault queue).
pub static TTYP: &[(u64, Text)] = &[
    (0, Text::new("none: not caused by a request", "无：不是由请求引起")),
    (1, Text::new("untranslated read for execute", "未转换的取指读")),
    (2, Text::new("untranslated read", "未转换的读")),
    (3, Text::new("untranslated write/AMO", "未转换的写/AMO")),
    (5, Text::new("translated read for execute", "已转换的取指读")),
    (6, Text::new("translated read", "已转换的读")),
    (7, Text::new("translated write/AMO", "已转换的写/AMO")),
    (8, Text::new("PCIe ATS translation request", "PCIe ATS 转换请求")),
    (9, Text::new("PCIe message request", "PCIe 消息请求")),
];

entry!(
    /// Fault queue record (RISC-V IOMMU, fault queue).
    FAULT_RECORD "fault record" "错误记录" 4 "RISC-V IOMMU, fault queue";
    Field::value("CAUSE", 11, 0, "cause", "原因"),
    Field::value("PID", 31, 12, "process_id", "process_id"),
    flag("PV", 32, "PID is valid", "PID 有效"),
    flag("PRIV", 33, "supervisor privilege", "特权访问"),
    Field::code("TTYP", 39, 34, TTYP, "transaction type", "事务类型"),
    Field::value("DID", 63, 40, "device_id", "device_id"),
    Field::value("custom", 95, 64, "for the implementation", "供实现自定义"),
    Field::reserved(127, 96),
    Field::value("iotval", 191, 128, "the address of the request", "请求的地址"),
    Field::value("iotval2", 255, 192, "guest-physical address; bits 1:0: implicit access, write",
        "客户机物理地址；位 1:0：隐式访问、写"),
);

entry!(
    /// Page request queue record (RISC-V IOMMU, page request queue).
    PAGE_RECORD "page request record" "页请求记录" 2 "RISC-V IOMMU, page request queue";
    Field::reserved(11, 0),
    Field::value("PID", 31, 12, "process_id", "process_id"),
    flag("PV", 32, "PID is valid", "PID 有效"),
    flag("PRIV", 33, "supervisor privilege", "特权访问"),
    flag("EXEC", 34, "execute requested", "请求执行"),
    Field::reserved(39, 35),
    Field::value("DID", 63, 40, "device_id", "device_id"),
    flag("R", 64, "read wanted", "请求读"),
    flag("W", 65, "write wanted", "请求写"),
    flag("L", 66, "last of its group", "组内最后一个"),
    Field::value("PRGI", 75, 67, "page request group index", "页请求组编号"),
    Field::address("Page Address", 127, 76, 12, "the page", "页地址"),
);

entry!(
    /// IOTINVAL.VMA (RISC-V IOMMU, IOTINVAL).
    IOTINVAL_VMA "IOTINVAL.VMA" "IOTINVAL.VMA" 2 "RISC-V IOMMU, IOTINVAL";
    Field::value("opcode", 6, 0, "1", "1"),
    Field::value("func3", 9, 7, "0", "0"),
    flag("AV", 10, "only ADDR", "只针对 ADDR"),
    Field::reserved(11, 11),
    Field::value("PSCID", 31, 12, "process soft-context id", "进程软上下文 ID"),
    flag("PSCV", 32, "only PSCID", "只针对 PSCID"),
    flag("GV", 33, "only GSCID", "只针对 GSCID"),
    flag("NL", 34, "non-leaf entries too (with capabilities.NL)", "包括非叶子项（需 capabilities.NL）"),
    Field::reserved(43, 35),
    Field::value("GSCID", 59, 44, "guest soft-context id", "客户机软上下文 ID"),
    Field::reserved(72, 60),
    flag("S", 73, "ADDR is a range (with capabilities.S)", "ADDR 为区间（需 capabilities.S）"),
    Field::address("ADDR", 125, 74, 12, "the page", "页地址"),
    Field::reserved(127, 126),
);

entry!(
    /// IOTINVAL.GVMA (RISC-V IOMMU, IOTINVAL).
    IOTINVAL_GVMA "IOTINVAL.GVMA" "IOTINVAL.GVMA" 2 "RISC-V IOMMU, IOTINVAL";
    Field::value("opcode", 6, 0, "1", "1"),
    Field::value("func3", 9, 7, "1", "1"),
    flag("AV", 10, "only ADDR", "只针对 ADDR"),
    Field::reserved(11, 11),
    Field::reserved(31, 12),
    Field::reserved(32, 32),
    flag("GV", 33, "only GSCID", "只针对 GSCID"),
    flag("NL", 34, "non-leaf entries too (with capabilities.NL)", "包括非叶子项（需 capabilities.NL）"),
    Field::reserved(43, 35),
    Field::value("GSCID", 59, 44, "guest soft-context id", "客户机软上下文 ID"),
    Field::reserved(72, 60),
    flag("S", 73, "ADDR is a range (with capabilities.S)", "ADDR 为区间（需 capabilities.S）"),
    Field::address("ADDR", 125, 74, 12, "the page", "页地址"),
    Field::reserved(127, 126),
);

entry!(
    /// IOFENCE.C (RISC-V IOMMU, IOFENCE).
    IOFENCE "IOFENCE.C" "IOFENCE.C" 2 "RISC-V IOMMU, IOFENCE";
    Field::value("opcode", 6, 0, "2", "2"),
    Field::value("func3", 9, 7, "0", "0"),
    flag("AV", 10, "write DATA to ADDR when done", "完成后把 DATA 写到 ADDR"),
    flag("WSI", 11, "interrupt by wire when done", "完成后以线中断通知"),
    flag("PR", 12, "wait for earlier reads of devices", "等待设备先前的读"),
    flag("PW", 13, "wait for earlier writes of devices", "等待设备先前的写"),
    Field::reserved(31, 14),
    Field::value("DATA", 63, 32, "what is written", "写入的数据"),
    Field::address("ADDR", 125, 64, 2, "where it is written", "写入的地址"),
    Field::reserved(127, 126),
);

macro_rules! iodir {
    ($(#[$doc:meta])* $id:ident $name:literal $func:literal) => {
        entry!(
            $(#[$doc])*
            $id $name $name 2 "RISC-V IOMMU, IODIR";
            Field::value("opcode", 6, 0, "3", "3"),
            Field::value("func3", 9, 7, $func, $func),
            Field::reserved(11, 10),
            Field::value("PID", 31, 12, "process_id", "process_id"),
            Field::reserved(32, 32),
            flag("DV", 33, "only DID", "只针对 DID"),
            Field::reserved(39, 34),
            Field::value("DID", 63, 40, "device_id", "device_id"),
            Field::reserved(127, 64),
        );
    };
}
iodir!(
    /// IODIR.INVAL_DDT (RISC-V IOMMU, IODIR).
    IODIR_DDT "IODIR.INVAL_DDT" "0"
);
iodir!(
    /// IODIR.INVAL_PDT (RISC-V IOMMU, IODIR).
    IODIR_PDT "IODIR.INVAL_PDT" "1"
);

macro_rules! ats {
    ($(#[$doc:meta])* $id:ident $name:literal $func:literal) => {
        entry!(
            $(#[$doc])*
            $id $name $name 2 "RISC-V IOMMU, ATS commands";
            Field::value("opcode", 6, 0, "4", "4"),
            Field::value("func3", 9, 7, $func, $func),
            Field::reserved(11, 10),
            Field::value("PID", 31, 12, "process_id", "process_id"),
            flag("PV", 32, "PID is valid", "PID 有效"),
            flag("DSV", 33, "DSEG is valid", "DSEG 有效"),
            Field::reserved(39, 34),
            Field::value("RID", 55, 40, "routing id", "路由 ID"),
            Field::value("DSEG", 63, 56, "destination segment", "目标段号"),
            Field::value("PAYLOAD", 127, 64, "payload of the message", "消息载荷"),
        );
    };
}
ats!(
    /// ATS.INVAL (RISC-V IOMMU, ATS commands).
    ATS_INVAL "ATS.INVAL" "0"
);
ats!(
    /// ATS.PRGR (RISC-V IOMMU, ATS commands).
    ATS_PRGR "ATS.PRGR" "1"
);

entry!(
    /// A command whose opcode or function is not defined.
    UNKNOWN_COMMAND "command" "命令" 2 "RISC-V IOMMU, command queue";
    Field::value("opcode", 6, 0, "not defined", "未定义"),
    Field::value("func3", 9, 7, "function", "功能"),
    Field::value("operands", 63, 10, "operands", "操作数"),
    Field::value("operands", 127, 64, "operands", "操作数"),
);

/// The structure that a command's first word says it is.
pub const fn command(low: u64) -> &'static EntryType {
    match (low & 0x7f, low >> 7 & 7) {
        (1, 0) => &IOTINVAL_VMA,
        (1, 1) => &IOTINVAL_GVMA,
        (2, 0) => &IOFENCE,
        (3, 0) => &IODIR_DDT,
        (3, 1) => &IODIR_PDT,
        (4, 0) => &ATS_INVAL,
        (4, 1) => &ATS_PRGR,
        _ => &UNKNOWN_COMMAND,
    }
}

/// Is a reserved bit of the structure set?
pub fn reserved_set(entry: &'static EntryType, words: &[u64]) -> bool {
    use crate::spec::FieldKind;
    entry.fields.iter().any(|f| f.kind == FieldKind::Reserved && f.get(words) != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_cover_every_bit() {
        let all = [
            &DDTE,
            &PDTE,
            &DC_BASE,
            &DC_EXTENDED,
            &PC,
            &MSI_PTE,
            &MSI_PTE_MRIF,
            &MRIF,
            &FAULT_RECORD,
            &PAGE_RECORD,
            &IOTINVAL_VMA,
            &IOTINVAL_GVMA,
            &IOFENCE,
            &IODIR_DDT,
            &IODIR_PDT,
            &ATS_INVAL,
            &ATS_PRGR,
            &UNKNOWN_COMMAND,
        ];
        for entry in all {
            assert!(entry.covers_every_bit_once(), "{}", entry.name.en);
        }
    }
}
