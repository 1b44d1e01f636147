//! Registers at their offsets (RISC-V IOMMU, "Memory-mapped register interface").

use super::config::Config;
use crate::iommu::registers::{Access, RegisterFile};
use crate::spec::{Field, Register, Text};

/// Offsets of the registers.
pub mod offset {
    /// capabilities.
    pub const CAPABILITIES: u32 = 0;
    /// Features control.
    pub const FCTL: u32 = 8;
    /// Device directory table pointer.
    pub const DDTP: u32 = 16;
    /// Command queue base.
    pub const CQB: u32 = 24;
    /// Command queue head.
    pub const CQH: u32 = 32;
    /// Command queue tail.
    pub const CQT: u32 = 36;
    /// Fault queue base.
    pub const FQB: u32 = 40;
    /// Fault queue head.
    pub const FQH: u32 = 48;
    /// Fault queue tail.
    pub const FQT: u32 = 52;
    /// Page request queue base.
    pub const PQB: u32 = 56;
    /// Page request queue head.
    pub const PQH: u32 = 64;
    /// Page request queue tail.
    pub const PQT: u32 = 68;
    /// Command queue control and status.
    pub const CQCSR: u32 = 72;
    /// Fault queue control and status.
    pub const FQCSR: u32 = 76;
    /// Page request queue control and status.
    pub const PQCSR: u32 = 80;
    /// Interrupt pending.
    pub const IPSR: u32 = 84;
    /// Interrupt causes to vectors.
    pub const ICVEC: u32 = 760;
    /// MSI configuration table, 16 entries of 16 bytes.
    pub const MSI_CFG_TBL: u32 = 768;
}

/// Bits of the queues' control and status registers.
pub mod csr {
    /// The queue is enabled.
    pub const EN: u64 = 1;
    /// It may interrupt.
    pub const IE: u64 = 2;
    /// Memory of the queue failed.
    pub const MF: u64 = 1 << 8;
    /// Command time-out; overflow of the fault and page request queues.
    pub const TO_OF: u64 = 1 << 9;
    /// Illegal command.
    pub const ILL: u64 = 1 << 10;
    /// IOFENCE.C with WSI is done.
    pub const FENCE: u64 = 1 << 11;
    /// The queue is active.
    pub const ON: u64 = 1 << 16;
}

macro_rules! registers {
    ($($id:ident $name:literal $offset:literal $bytes:literal $en:literal $zh:literal [$($field:expr),* $(,)?];)*) => {
        $(
            #[doc = concat!($name, ": ", $en, ".")]
            pub static $id: Register = Register {
                name: $name,
                offset: $offset,
                bytes: $bytes,
                meaning: Text::new($en, $zh),
                fields: &[$($field),*],
                rw: 0,
                w1c: 0,
                section: concat!("RISC-V IOMMU, ", $name),
            };
        )*
        /// All registers, in the order of offsets; of the MSI table only what is used by views.
        pub static ALL: &[&Register] = &[$(&$id),*];
    };
}

const fn flag(name: &'static str, bit: u16, en: &'static str, zh: &'static str) -> Field {
    Field::flag(name, bit, en, zh)
}
const fn ppn(en: &'static str, zh: &'static str) -> Field {
    Field::address("PPN", 53, 10, 12, en, zh)
}
const fn index(en: &'static str, zh: &'static str) -> Field {
    Field::value("index", 31, 0, en, zh)
}
static MODES: &[(u64, Text)] = &[
    (0, Text::new("Off: every request is refused", "Off：拒绝所有请求")),
    (1, Text::new("Bare: addresses pass untranslated", "Bare：地址不经转换直接通过")),
    (2, Text::new("1LVL", "1 级目录")),
    (3, Text::new("2LVL", "2 级目录")),
    (4, Text::new("3LVL", "3 级目录")),
];

registers! {
    CAPABILITIES "capabilities" 0 8 "what the unit can do" "单元支持的能力" [
        Field::value("version", 7, 0, "version of the specification", "规范版本"),
        flag("Sv32", 8, "Sv32", "Sv32"), flag("Sv39", 9, "Sv39", "Sv39"), flag("Sv48", 10, "Sv48", "Sv48"),
        flag("Sv57", 11, "Sv57", "Sv57"), Field::reserved(13, 12),
        flag("Svrsw60t59b", 14, "bits 60:59 of PTEs are software's", "页表项 60:59 位供软件使用"),
        flag("Svpbmt", 15, "page-based memory types", "基于页的内存类型"),
        flag("Sv32x4", 16, "Sv32x4", "Sv32x4"), flag("Sv39x4", 17, "Sv39x4", "Sv39x4"),
        flag("Sv48x4", 18, "Sv48x4", "Sv48x4"), flag("Sv57x4", 19, "Sv57x4", "Sv57x4"),
        Field::reserved(20, 20), flag("AMO_MRIF", 21, "atomic updates of MRIFs", "原子更新 MRIF"),
        flag("MSI_FLAT", 22, "MSI page tables", "MSI 页表"), flag("MSI_MRIF", 23, "MRIF mode", "MRIF 模式"),
        flag("AMO_HWAD", 24, "hardware update of A and D", "硬件更新 A、D 位"),
        flag("ATS", 25, "PCIe ATS and page requests", "PCIe ATS 与页请求"),
        flag("T2GPA", 26, "ATS answers of guest-physical addresses", "ATS 应答客户机物理地址"),
        flag("END", 27, "both byte orders", "支持两种字节序"),
        Field::value("IGS", 29, 28, "interrupts: 0 MSI, 1 wire, 2 both", "中断方式：0 MSI，1 线中断，2 两者"),
        flag("HPM", 30, "performance counters", "性能计数器"), flag("DBG", 31, "debug translation", "调试转换"),
        Field::value("PAS", 37, 32, "bits of a physical address", "物理地址位数"),
        flag("PD8", 38, "process directory of 1 level", "1 级进程目录"),
        flag("PD17", 39, "process directory of 2 levels", "2 级进程目录"),
        flag("PD20", 40, "process directory of 3 levels", "3 级进程目录"),
        flag("QOSID", 41, "QoS ids", "QoS ID"), flag("NL", 42, "invalidation of non-leaf entries", "可使非叶子项失效"),
        flag("S", 43, "invalidation of ranges", "可按区间失效"), Field::reserved(55, 44),
        Field::value("custom", 63, 56, "for the implementation", "供实现自定义"),
    ];
    FCTL "fctl" 8 4 "features control" "功能控制" [
        flag("BE", 0, "structures are big-endian", "数据结构为大端"),
        flag("WSI", 1, "interrupts by wire instead of MSI", "以线中断代替 MSI"),
        flag("GXL", 2, "32-bit second stage", "32 位第二级"), Field::reserved(31, 3),
    ];
    DDTP "ddtp" 16 8 "device directory table pointer" "设备目录表指针" [
        Field::code("iommu_mode", 3, 0, MODES, "mode", "模式"),
        flag("busy", 4, "a write is being taken in", "写入正在生效"), Field::reserved(9, 5),
        ppn("root of the device directory", "设备目录根"), Field::reserved(63, 54),
    ];
    CQB "cqb" 24 8 "command queue base" "命令队列基址" [
        Field::value("LOG2SZ-1", 4, 0, "log2 of the number of entries, minus 1", "队列项数的对数减 1"),
        Field::reserved(9, 5), ppn("the queue", "队列地址"), Field::reserved(63, 54),
    ];
    CQH "cqh" 32 4 "command queue head" "命令队列头" [index("the command to take next", "下一条要取的命令")];
    CQT "cqt" 36 4 "command queue tail" "命令队列尾" [index("where software writes next", "软件下一次写入处")];
    FQB "fqb" 40 8 "fault queue base" "错误队列基址" [
        Field::value("LOG2SZ-1", 4, 0, "log2 of the number of entries, minus 1", "队列项数的对数减 1"),
        Field::reserved(9, 5), ppn("the queue", "队列地址"), Field::reserved(63, 54),
    ];
    FQH "fqh" 48 4 "fault queue head" "错误队列头" [index("the record software reads next", "软件下一条要读的记录")];
    FQT "fqt" 52 4 "fault queue tail" "错误队列尾" [index("where the unit writes next", "单元下一次写入处")];
    PQB "pqb" 56 8 "page request queue base" "页请求队列基址" [
        Field::value("LOG2SZ-1", 4, 0, "log2 of the number of entries, minus 1", "队列项数的对数减 1"),
        Field::reserved(9, 5), ppn("the queue", "队列地址"), Field::reserved(63, 54),
    ];
    PQH "pqh" 64 4 "page request queue head" "页请求队列头" [index("the request software reads next", "软件下一条要读的请求")];
    PQT "pqt" 68 4 "page request queue tail" "页请求队列尾" [index("where the unit writes next", "单元下一次写入处")];
    CQCSR "cqcsr" 72 4 "command queue control and status" "命令队列控制与状态" [
        flag("cqen", 0, "enable", "使能"), flag("cie", 1, "may interrupt", "允许中断"), Field::reserved(7, 2),
        flag("cqmf", 8, "memory fault", "内存错误"), flag("cmd_to", 9, "a command timed out", "命令超时"),
        flag("cmd_ill", 10, "illegal command", "非法命令"),
        flag("fence_w_ip", 11, "IOFENCE.C with WSI is done", "带 WSI 的 IOFENCE.C 已完成"),
        Field::reserved(15, 12), flag("cqon", 16, "active", "已激活"), flag("busy", 17, "busy", "忙"),
        Field::reserved(27, 18), Field::value("custom", 31, 28, "for the implementation", "供实现自定义"),
    ];
    FQCSR "fqcsr" 76 4 "fault queue control and status" "错误队列控制与状态" [
        flag("fqen", 0, "enable", "使能"), flag("fie", 1, "may interrupt", "允许中断"), Field::reserved(7, 2),
        flag("fqmf", 8, "memory fault", "内存错误"), flag("fqof", 9, "overflow", "溢出"), Field::reserved(15, 10),
        flag("fqon", 16, "active", "已激活"), flag("busy", 17, "busy", "忙"), Field::reserved(27, 18),
        Field::value("custom", 31, 28, "for the implementation", "供实现自定义"),
    ];
    PQCSR "pqcsr" 80 4 "page request queue control and status" "页请求队列控制与状态" [
        flag("pqen", 0, "enable", "使能"), flag("pie", 1, "may interrupt", "允许中断"), Field::reserved(7, 2),
        flag("pqmf", 8, "memory fault", "内存错误"), flag("pqof", 9, "overflow", "溢出"), Field::reserved(15, 10),
        flag("pqon", 16, "active", "已激活"), flag("busy", 17, "busy", "忙"), Field::reserved(27, 18),
        Field::value("custom", 31, 28, "for the implementation", "供实现自定义"),
    ];
    IPSR "ipsr" 84 4 "interrupt pending" "中断待处理" [
        flag("cip", 0, "command queue", "命令队列"), flag("fip", 1, "fault queue", "错误队列"),
        flag("pmip", 2, "performance counters", "性能计数器"), flag("pip", 3, "page request queue", "页请求队列"),
        Field::reserved(31, 4),
    ];
    ICVEC "icvec" 760 8 "vectors of the interrupt causes" "中断原因对应的向量" [
        Field::value("civ", 3, 0, "command queue", "命令队列"), Field::value("fiv", 7, 4, "fault queue", "错误队列"),
        Field::value("pmiv", 11, 8, "performance counters", "性能计数器"),
        Field::value("piv", 15, 12, "page request queue", "页请求队列"), Field::reserved(63, 16),
    ];
    MSI_ADDR_0 "msi_addr_0" 768 8 "address of interrupt vector 0" "向量 0 的消息地址" [
        Field::reserved(1, 0), Field::address("ADDR", 55, 2, 2, "address", "地址"), Field::reserved(63, 56),
    ];
    MSI_DATA_0 "msi_data_0" 776 4 "data of interrupt vector 0" "向量 0 的消息数据" [
        Field::value("data", 31, 0, "data", "数据"),
    ];
    MSI_VEC_CTL_0 "msi_vec_ctl_0" 780 4 "control of interrupt vector 0" "向量 0 的控制" [
        flag("M", 0, "masked", "屏蔽"), Field::reserved(31, 1),
    ];
}

/// Returns the registers of a unit as after reset.
pub fn file(config: &Config) -> RegisterFile {
    let mut file = RegisterFile::new();
    // Addresses have bits up to capabilities.PAS.
    let ppn =
        1u64.checked_shl(config.phys_bits()).map_or(u64::MAX, |v| v - 1) >> 12 << 10 & 0x003f_ffff_ffff_fc00;
    let queue = csr::EN | csr::IE;
    for register in ALL.iter().filter(|r| r.offset < offset::MSI_CFG_TBL) {
        let access = match register.offset {
            offset::FCTL => Access::write(config.fctl_writable),
            offset::DDTP => Access::write(ppn | 0xf),
            offset::CQB | offset::FQB | offset::PQB => Access::write(ppn | 0x1f),
            offset::CQT | offset::FQH | offset::PQH => Access::write(u64::MAX),
            offset::CQCSR => Access::write(queue).and_clear(csr::MF | csr::TO_OF | csr::ILL | csr::FENCE),
            offset::FQCSR | offset::PQCSR => Access::write(queue).and_clear(csr::MF | csr::TO_OF),
            offset::IPSR => Access::clear(u64::MAX),
            offset::ICVEC => Access::write(0xffff),
            _ => Access::READ_ONLY,
        };
        file.declare(register, access);
    }
    // Sixteen vectors; views see the first.
    for vector in 0..16 {
        let at = offset::MSI_CFG_TBL + vector * 16;
        file.declare_at(&MSI_ADDR_0, at, Access::write(0x00ff_ffff_ffff_fffc), vector == 0);
        file.declare_at(&MSI_DATA_0, at + 8, Access::write(u64::MAX), vector == 0);
        file.declare_at(&MSI_VEC_CTL_0, at + 12, Access::write(1), vector == 0);
    }
    file.put(offset::CAPABILITIES, 8, config.capabilities);
    file.put(offset::FCTL, 4, config.fctl);
    file
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_cover_every_bit() {
        for r in ALL {
            assert!(crate::spec::covers(r.fields, u16::from(r.bytes) * 8), "{}", r.name);
        }
    }
}
