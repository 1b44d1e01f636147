//! The registers of a configuration space with their fields, for traces and views.

use super::{cap, ext, ConfigSpace};
use crate::spec::{Field, Register, Text};

const fn flag(name: &'static str, bit: u16, en: &'static str, zh: &'static str) -> Field {
    Field::flag(name, bit, en, zh)
}
const fn rsvd(hi: u16, lo: u16) -> Field {
    Field::reserved(hi, lo)
}
const fn val(name: &'static str, hi: u16, lo: u16, en: &'static str, zh: &'static str) -> Field {
    Field::value(name, hi, lo, en, zh)
}

macro_rules! register {
    ($name:ident, $abbr:literal, $offset:literal, $bytes:literal, $en:literal, $zh:literal, $section:literal, $($field:expr),+ $(,)?) => {
        static $name: Register = Register {
            name: $abbr,
            offset: $offset,
            bytes: $bytes,
            meaning: Text::new($en, $zh),
            fields: &[$($field),+],
            rw: 0,
            w1c: 0,
            section: $section,
        };
    };
}

register!(
    VENDOR,
    "Vendor ID",
    0,
    2,
    "who made it",
    "厂商",
    "PCIe 7.5.1.1.1",
    val("VID", 15, 0, "vendor id", "厂商 ID")
);
register!(
    DEVICE,
    "Device ID",
    2,
    2,
    "which device it is",
    "设备型号",
    "PCIe 7.5.1.1.2",
    val("DID", 15, 0, "device id", "设备 ID")
);
register!(
    COMMAND,
    "Command",
    4,
    2,
    "what the function answers and sends",
    "功能响应与发出哪些访问",
    "PCIe 7.5.1.1.3",
    flag("IOSE", 0, "answers I/O accesses", "响应 I/O 访问"),
    flag("MSE", 1, "answers memory accesses", "响应内存访问"),
    flag("BME", 2, "may send requests", "可以发出请求"),
    rsvd(5, 3),
    flag("PER", 6, "parity error response", "奇偶错误响应"),
    rsvd(7, 7),
    flag("SERRE", 8, "may report errors", "可以上报错误"),
    rsvd(9, 9),
    flag("INTXD", 10, "INTx disabled", "禁用 INTx"),
    rsvd(15, 11)
);
register!(
    STATUS,
    "Status",
    6,
    2,
    "what happened to it",
    "状态",
    "PCIe 7.5.1.1.4",
    rsvd(2, 0),
    flag("IS", 3, "INTx pending", "INTx 待处理"),
    flag("CL", 4, "has a list of capabilities", "有能力链表"),
    rsvd(7, 5),
    flag("MDPE", 8, "master data parity error", "主设备数据奇偶错误"),
    rsvd(10, 9),
    flag("STA", 11, "signalled completer abort", "发出过 CA"),
    flag("RTA", 12, "received completer abort", "收到过 CA"),
    flag("RMA", 13, "received unsupported request", "收到过 UR"),
    flag("SSE", 14, "signalled system error", "上报过系统错误"),
    flag("DPE", 15, "detected parity error", "检测到奇偶错误")
);
register!(
    CLASS,
    "Class Code",
    8,
    4,
    "what kind of function it is",
    "功能类别",
    "PCIe 7.5.1.1.6",
    val("REV", 7, 0, "revision", "修订号"),
    val("CC", 31, 8, "class, sub-class, interface", "类别、子类、接口")
);

macro_rules! bar {
    ($name:ident, $abbr:literal, $offset:literal) => {
        register!(
            $name,
            $abbr,
            $offset,
            4,
            "base address",
            "基地址",
            "PCIe 7.5.1.2.1",
            flag("IO", 0, "1: I/O ports; 0: memory", "1 为 I/O 端口，0 为内存"),
            val(
                "TYPE",
                2,
                1,
                "0: 32 bits; 2: 64 bits, with the next BAR",
                "0 为 32 位，2 为 64 位（占用下一个 BAR）"
            ),
            flag("PREF", 3, "prefetchable", "可预取"),
            val("ADDR", 31, 4, "address; bits below the size stay 0", "地址；低于大小的位恒为 0")
        );
    };
}
bar!(BAR0, "BAR0", 0x10);
bar!(BAR1, "BAR1", 0x14);
bar!(BAR2, "BAR2", 0x18);
bar!(BAR3, "BAR3", 0x1c);
bar!(BAR4, "BAR4", 0x20);
bar!(BAR5, "BAR5", 0x24);

register!(
    BUSES,
    "Bus Numbers",
    0x18,
    4,
    "the buses around a bridge",
    "桥两侧的总线号",
    "PCIe 7.5.1.3.2",
    val("PRI", 7, 0, "the bus above", "上游总线"),
    val("SEC", 15, 8, "the bus below", "下游总线"),
    val("SUB", 23, 16, "the highest bus below", "下游最大总线号"),
    rsvd(31, 24)
);
register!(
    MEMORY,
    "Memory Base/Limit",
    0x20,
    4,
    "memory that a bridge forwards down",
    "桥向下转发的内存范围",
    "PCIe 7.5.1.3.8",
    rsvd(3, 0),
    Field::address("BASE", 15, 4, 20, "first MiB", "起始 MiB"),
    rsvd(19, 16),
    Field::address("LIMIT", 31, 20, 20, "last MiB", "末尾 MiB")
);
register!(
    PREFETCH,
    "Prefetchable Base/Limit",
    0x24,
    4,
    "prefetchable memory that a bridge forwards down",
    "桥向下转发的可预取内存范围",
    "PCIe 7.5.1.3.9",
    val("64", 3, 0, "1: upper halves follow", "1 表示有高 32 位"),
    Field::address("BASE", 15, 4, 20, "first MiB", "起始 MiB"),
    val("64", 19, 16, "1: upper halves follow", "1 表示有高 32 位"),
    Field::address("LIMIT", 31, 20, 20, "last MiB", "末尾 MiB")
);

register!(
    MSI_CONTROL,
    "MSI Control",
    2,
    2,
    "message signalled interrupts",
    "消息信号中断控制",
    "PCIe 7.7.1.2",
    flag("ME", 0, "enabled", "已启用"),
    val("MMC", 3, 1, "log2 of the vectors it has", "支持的向量数（log2）"),
    val("MME", 6, 4, "log2 of the vectors allowed", "启用的向量数（log2）"),
    flag("64", 7, "64-bit address", "64 位地址"),
    rsvd(15, 8)
);
register!(
    MSI_LOW,
    "MSI Address",
    4,
    4,
    "where an interrupt is written",
    "中断写入的地址",
    "PCIe 7.7.1.3",
    rsvd(1, 0),
    Field::address("ADDR", 31, 2, 2, "address", "地址")
);
register!(
    MSI_HIGH,
    "MSI Upper Address",
    8,
    4,
    "upper half of the address",
    "地址高 32 位",
    "PCIe 7.7.1.4",
    val("ADDR", 31, 0, "address", "地址")
);
register!(
    MSI_DATA,
    "MSI Data",
    12,
    2,
    "what is written",
    "写入的数据",
    "PCIe 7.7.1.5",
    val("DATA", 15, 0, "data", "数据")
);
register!(
    MSIX_CONTROL,
    "MSI-X Control",
    2,
    2,
    "interrupts by a table in a BAR",
    "MSI-X 控制",
    "PCIe 7.7.2.2",
    val("TS", 10, 0, "entries less one", "表项数减一"),
    rsvd(13, 11),
    flag("FM", 14, "all masked", "全部屏蔽"),
    flag("EN", 15, "enabled", "已启用")
);
register!(
    DEVICE_CONTROL,
    "Device Control",
    8,
    2,
    "how the function uses the link",
    "功能如何使用链路",
    "PCIe 7.5.3.4",
    val("ERR", 3, 0, "error reporting", "错误上报"),
    flag("RO", 4, "relaxed ordering allowed", "允许宽松排序"),
    val("MPS", 7, 5, "max payload: 128 << n bytes", "最大载荷：128 << n 字节"),
    flag("ETE", 8, "8-bit tags", "8 位标签"),
    rsvd(10, 9),
    flag("NS", 11, "no snoop allowed", "允许 No Snoop"),
    val("MRRS", 14, 12, "max read request: 128 << n bytes", "最大读请求：128 << n 字节"),
    rsvd(15, 15)
);

macro_rules! acs {
    ($name:ident, $abbr:literal, $offset:literal, $en:literal, $zh:literal) => {
        register!(
            $name,
            $abbr,
            $offset,
            2,
            $en,
            $zh,
            "PCIe 7.7.11",
            flag("SV", 0, "source validation", "来源验证"),
            flag("TB", 1, "translation blocking", "阻止已转换请求"),
            flag("RR", 2, "peer-to-peer request redirect", "对等传输（P2P）请求重定向"),
            flag("CR", 3, "peer-to-peer completion redirect", "对等传输（P2P）完成重定向"),
            flag("UF", 4, "upstream forwarding", "上游转发"),
            flag("EC", 5, "peer-to-peer egress control", "对等传输（P2P）出口控制"),
            flag("DT", 6, "direct translated peer-to-peer", "已转换请求可直达"),
            rsvd(7, 7),
            val("EVS", 15, 8, "egress vector size", "出口向量大小")
        );
    };
}
acs!(ACS_CAP, "ACS Capability", 4, "what access control it has", "支持的访问控制");
acs!(ACS_CONTROL, "ACS Control", 6, "what access control is on", "启用的访问控制");
register!(
    ATS_CONTROL,
    "ATS Control",
    6,
    2,
    "translation requests",
    "转换请求控制",
    "PCIe 10.5.1.3",
    val("STU", 4, 0, "smallest translation unit: 4 KiB << n", "最小转换单元：4 KiB << n"),
    rsvd(14, 5),
    flag("EN", 15, "enabled", "已启用")
);
register!(
    PRI_CONTROL,
    "PRI Control",
    4,
    2,
    "page requests",
    "页请求控制",
    "PCIe 10.5.2.3",
    flag("EN", 0, "enabled", "已启用"),
    flag("RST", 1, "reset", "复位"),
    rsvd(15, 2)
);
register!(
    PASID_CONTROL,
    "PASID Control",
    6,
    2,
    "requests with a PASID",
    "PASID 控制",
    "PCIe 7.8.9.3",
    flag("EN", 0, "enabled", "已启用"),
    flag("EXE", 1, "execute requested allowed", "允许请求执行权限"),
    flag("PRIV", 2, "privileged mode allowed", "允许特权模式"),
    rsvd(15, 3)
);

register!(
    SRIOV_CONTROL,
    "SR-IOV Control",
    8,
    2,
    "whether virtual functions are there",
    "虚拟功能（VF）是否存在",
    "PCIe 9.3.3.3",
    flag("VFE", 0, "virtual functions are there", "虚拟功能存在"),
    rsvd(2, 1),
    flag("VFMSE", 3, "they answer memory accesses", "响应内存访问"),
    flag("ARI", 4, "functions past the first eight are reached", "第八个以后的功能可以到达"),
    rsvd(15, 5)
);
register!(
    SRIOV_TOTAL,
    "TotalVFs",
    14,
    2,
    "how many virtual functions there can be",
    "最多有多少个虚拟功能",
    "PCIe 9.3.3.6",
    val("N", 15, 0, "how many", "个数")
);
register!(
    SRIOV_COUNT,
    "NumVFs",
    16,
    2,
    "how many virtual functions software wants",
    "软件要多少个虚拟功能",
    "PCIe 9.3.3.7",
    val("N", 15, 0, "how many", "个数")
);
register!(
    SRIOV_FIRST,
    "First VF Offset",
    20,
    2,
    "from the physical function's id to the first virtual one's",
    "从物理功能的 ID 到第一个虚拟功能",
    "PCIe 9.3.3.9",
    val("OFF", 15, 0, "ids further", "相差多少个 ID")
);
register!(
    SRIOV_STRIDE,
    "VF Stride",
    22,
    2,
    "from one virtual function's id to the next",
    "相邻两个虚拟功能的 ID 之差",
    "PCIe 9.3.3.10",
    val("N", 15, 0, "ids further", "相差多少个 ID")
);
register!(
    DEVICE_CONTROL_2,
    "Device Control 2",
    40,
    2,
    "how the function uses the link, continued",
    "功能如何使用链路（续）",
    "PCIe 7.5.3.16",
    val("CTO", 4, 0, "completion timeout", "完成超时"),
    flag("ARI", 5, "forwards configuration requests for all 256 functions", "转发全部 256 个功能的配置请求"),
    flag("AR", 6, "may send AtomicOps", "可以发出原子操作"),
    flag("AEB", 7, "lets no AtomicOps out", "不让原子操作离开"),
    flag("IDOR", 8, "ID-based ordering for requests", "请求按 ID 排序"),
    flag("IDOC", 9, "ID-based ordering for completions", "完成按 ID 排序"),
    flag("LTR", 10, "latency tolerance reporting", "上报延迟容忍度"),
    val("ETC", 15, 11, "emergency power, tags, OBFF, prefixes", "应急功耗、标签、OBFF、前缀")
);

static HEADER: [&Register; 5] = [&VENDOR, &DEVICE, &COMMAND, &STATUS, &CLASS];
static ENDPOINT: [&Register; 6] = [&BAR0, &BAR1, &BAR2, &BAR3, &BAR4, &BAR5];
static BRIDGE: [&Register; 5] = [&BAR0, &BAR1, &BUSES, &MEMORY, &PREFETCH];
static MSI: [&Register; 4] = [&MSI_CONTROL, &MSI_LOW, &MSI_HIGH, &MSI_DATA];
static MSIX: [&Register; 1] = [&MSIX_CONTROL];
static PCIE: [&Register; 2] = [&DEVICE_CONTROL, &DEVICE_CONTROL_2];
static SRIOV: [&Register; 5] = [&SRIOV_CONTROL, &SRIOV_TOTAL, &SRIOV_COUNT, &SRIOV_FIRST, &SRIOV_STRIDE];
static ACS: [&Register; 2] = [&ACS_CAP, &ACS_CONTROL];
static ATS: [&Register; 1] = [&ATS_CONTROL];
static PRI: [&Register; 1] = [&PRI_CONTROL];
static PASID: [&Register; 1] = [&PASID_CONTROL];

impl ConfigSpace {
    /// Every register with a table of fields, its offset in the space, and its value.
    pub fn registers(&self) -> alloc::vec::Vec<(&'static Register, u16, u64)> {
        let header = if self.port_type().is_bridge() { &BRIDGE[..] } else { &ENDPOINT[..] };
        let mut all: alloc::vec::Vec<_> = HEADER.iter().chain(header).map(|r| (*r, 0)).collect();
        for (id, at) in self.capabilities() {
            let found = match id {
                cap::MSI => &MSI[..],
                cap::MSIX => &MSIX[..],
                cap::PCIE => &PCIE[..],
                _ => &[],
            };
            all.extend(found.iter().map(|r| (*r, at)));
        }
        for (id, at) in self.extended() {
            let found = match id {
                ext::ACS => &ACS[..],
                ext::ATS => &ATS[..],
                ext::SRIOV => &SRIOV[..],
                ext::PRI => &PRI[..],
                ext::PASID => &PASID[..],
                _ => &[],
            };
            all.extend(found.iter().map(|r| (*r, at)));
        }
        let value = |(r, base): (&'static Register, u16)| {
            let at = base + r.offset as u16;
            (r, at, u64::from(self.read(at, r.bytes)))
        };
        all.into_iter().map(value).collect()
    }
}

/// The register that holds byte `offset` of a space, with the offset of its first byte.
pub fn register_at(space: &ConfigSpace, offset: u16) -> Option<(&'static Register, u16)> {
    let holds = |r: &Register, at: u16| (at..at + u16::from(r.bytes)).contains(&offset);
    space.registers().into_iter().find(|(r, at, _)| holds(r, *at)).map(|(r, at, _)| (r, at))
}

#[cfg(test)]
mod tests {
    use super::super::{Ids, PortType};
    use super::*;

    #[test]
    fn every_register_covers_its_bits_once() {
        for port in [PortType::Endpoint, PortType::RootPort] {
            let mut c = ConfigSpace::new(port, Ids { vendor: 1, device: 2, class: 3 });
            c.add_pcie(256);
            c.add_msi(1, true);
            c.add_msix(4, 0, 0, 0x800);
            c.add_acs(0x7f);
            c.add_ats(1);
            c.add_pri(1);
            c.add_pasid(20);
            c.add_sriov(8, 1, 1, 3);
            let all = c.registers();
            assert!(all.len() > 15);
            for (r, at, _) in all {
                assert!(crate::spec::covers(r.fields, u16::from(r.bytes) * 8), "{}", r.name);
                assert_eq!(register_at(&c, at).map(|(found, _)| found.name), Some(r.name));
            }
        }
    }
}
