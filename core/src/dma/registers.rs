//! The engine's registers, in the BAR that holds them.
//!
//! | offset | bytes | name | what |
//! |---|---|---|---|
//! | 0x00 | 4 | CONTROL | how the next transfer is done |
//! | 0x04 | 4 | STATUS | busy, done, error; done and error clear by writing 1 |
//! | 0x08 | 8 | ADDRESS | in memory, as the engine uses it |
//! | 0x10 | 8 | LENGTH | bytes |
//! | 0x18 | 8 | DEVICE | in the device's own memory |
//! | 0x20 | 8 | LIST | the first descriptor |
//! | 0x28 | 8 | MOVED | bytes moved by the last transfer; read only |
//! | 0x30 | 4 | PASID | for which process |
//! | 0x34 | 4 | VECTOR | the interrupt to send |
//! | 0x38 | 4 | DOORBELL | any write starts the transfer; reads 0 |
//! | 0x3c | 4 | DESCRIPTORS | descriptors handled by the last transfer; read only |
//! | 0x40 | 8 | STOPPED | where the last transfer stopped; read only |

use crate::spec::{Field, FieldKind, Register, Text};

/// Bytes of the register block.
pub const BYTES: u32 = 0x48;

/// Bits of CONTROL.
pub mod control {
    /// The device writes memory; otherwise it reads it.
    pub const WRITE: u32 = 1;
    /// A linked list at LIST; otherwise one block at ADDRESS.
    pub const LIST: u32 = 1 << 1;
    /// Send the interrupt of VECTOR at the end.
    pub const IRQ: u32 = 1 << 2;
    /// ADDRESS is the device's own, before its map.
    pub const LOCAL: u32 = 1 << 3;
    /// Requests carry the PASID register.
    pub const PASID: u32 = 1 << 4;
    /// Carry on after a refused write, as a device must that is never told of it.
    pub const BLIND: u32 = 1 << 5;
    /// All bits that are there.
    pub const ALL: u32 = 0x3f;
}

/// Bits of STATUS.
pub mod status {
    /// A transfer is going on.
    pub const BUSY: u32 = 1;
    /// A transfer came to its end.
    pub const DONE: u32 = 1 << 1;
    /// It ended early: bits 6:4 say why.
    pub const ERROR: u32 = 1 << 2;
}

/// Why a transfer ended early: bits 6:4 of STATUS, ERROR of a descriptor.
pub static ERRORS: &[(u64, Text)] = &[
    (0, Text::new("no error", "无错误")),
    (1, Text::new("unsupported request", "不支持的请求（UR）")),
    (2, Text::new("completer abort", "完成者中止（CA）")),
    (3, Text::new("poisoned data", "数据已损坏")),
    (4, Text::new("bad descriptor: misaligned, or the list is too long", "描述符无效：未对齐或链表过长")),
    (5, Text::new("bus mastering is off", "未启用总线主控")),
    (6, Text::new("the device's map leads nowhere", "设备侧地址无映射")),
];

macro_rules! register {
    ($(#[$doc:meta])* $name:ident, $abbr:literal, $offset:literal, $bytes:literal, $en:literal, $zh:literal, $($field:expr),+ $(,)?) => {
        $(#[$doc])*
        pub static $name: Register = Register {
            name: $abbr,
            offset: $offset,
            bytes: $bytes,
            meaning: Text::new($en, $zh),
            fields: &[$($field),+],
            rw: 0,
            w1c: 0,
            section: "dma-engine: registers",
        };
    };
}
macro_rules! whole {
    ($(#[$doc:meta])* $name:ident, $abbr:literal, $offset:literal, $bytes:literal, $hi:literal, $en:literal, $zh:literal) => {
        register!($(#[$doc])* $name, $abbr, $offset, $bytes, $en, $zh, Field::value($abbr, $hi, 0, $en, $zh));
    };
}

register!(
    /// How the next transfer is done.
    CONTROL, "CONTROL", 0x00, 4, "how the next transfer is done", "下一次传输的方式",
    Field::flag("WRITE", 0, "the device writes memory", "设备写内存"),
    Field::flag("LIST", 1, "a linked list of descriptors", "使用描述符链表"),
    Field::flag("IRQ", 2, "interrupt at the end", "结束后中断"),
    Field::flag("LOCAL", 3, "ADDRESS is the device's own", "ADDRESS 为设备侧地址"),
    Field::flag("PASID", 4, "requests carry the PASID", "请求携带 PASID"),
    Field::flag("BLIND", 5, "carry on after a refused write", "写被拒绝后继续"),
    Field::reserved(31, 6)
);
register!(
    /// Busy, done, error.
    STATUS, "STATUS", 0x04, 4, "how the transfer stands", "传输状态",
    Field::flag("BUSY", 0, "a transfer is going on", "正在传输"),
    Field::flag("DONE", 1, "a transfer came to its end", "传输已结束"),
    Field::flag("ERROR", 2, "it ended early", "提前结束"),
    Field::reserved(3, 3),
    Field { name: "CODE", hi: 6, lo: 4, meaning: Text::new("why", "原因"), kind: FieldKind::Enum(ERRORS) },
    Field::reserved(31, 7)
);
whole!(
    /// In memory, as the engine uses it.
    ADDRESS, "ADDRESS", 0x08, 8, 63, "address in memory, as the engine uses it", "内存地址（引擎所用）");
whole!(
    /// Bytes.
    LENGTH, "LENGTH", 0x10, 8, 63, "bytes", "字节数");
whole!(
    /// In the device's own memory.
    DEVICE, "DEVICE", 0x18, 8, 63, "address in the device's own memory", "设备自身内存中的地址");
whole!(
    /// The first descriptor.
    LIST, "LIST", 0x20, 8, 63, "the first descriptor's address", "第一个描述符的地址");
whole!(
    /// Bytes moved.
    MOVED, "MOVED", 0x28, 8, 63, "bytes moved", "已传输字节数");
register!(
    /// For which process.
    PASID, "PASID", 0x30, 4, "for which process", "所属进程",
    Field::value("PASID", 19, 0, "the PASID", "PASID"),
    Field::flag("EXEC", 20, "execute requested", "请求执行权限"),
    Field::flag("PRIV", 21, "privileged mode requested", "请求特权模式"),
    Field::reserved(31, 22)
);
whole!(
    /// The interrupt to send.
    VECTOR, "VECTOR", 0x34, 4, 31, "the interrupt to send", "要发送的中断");
whole!(
    /// Any write starts.
    DOORBELL, "DOORBELL", 0x38, 4, 31, "any write starts the transfer", "写入即启动传输");
whole!(
    /// Descriptors handled.
    DESCRIPTORS, "DESCRIPTORS", 0x3c, 4, 31, "descriptors handled", "已处理描述符数");
whole!(
    /// Where it stopped.
    STOPPED, "STOPPED", 0x40, 8, 63, "where the transfer stopped", "传输停止的地址");

/// All of them, by offset.
pub static ALL: [&Register; 12] = [
    &CONTROL,
    &STATUS,
    &ADDRESS,
    &LENGTH,
    &DEVICE,
    &LIST,
    &MOVED,
    &PASID,
    &VECTOR,
    &DOORBELL,
    &DESCRIPTORS,
    &STOPPED,
];

/// The register that holds byte `offset`.
pub fn at(offset: u32) -> Option<&'static Register> {
    ALL.into_iter().find(|r| (r.offset..r.offset + u32::from(r.bytes)).contains(&offset))
}
