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

use crate::spec::{self, Register};

/// Bytes of the register block.
pub const BYTES: u32 = 0x48;

spec::values! {
    /// Why a transfer ended early: CODE of STATUS, ERROR of a descriptor.
    pub ERRORS / error {
        NONE = 0 "no error" "无错误";
        UNSUPPORTED = 1 "unsupported request" "不支持的请求（UR）";
        ABORT = 2 "completer abort" "完成者中止（CA）";
        POISONED = 3 "poisoned data" "数据已损坏";
        DESCRIPTOR = 4 "bad descriptor: misaligned, or the list is too long" "描述符无效：未对齐或链表过长";
        BUS_MASTER = 5 "bus mastering is off" "未启用总线主控";
        MAP = 6 "the device's map leads nowhere" "设备本地地址无映射";
        TOO_LONG = 7 "the block runs past the end of the 64-bit address space" "数据块超出 64 位地址空间的末尾";
    }
}

spec::registers! {
    section "dma-engine: registers";
    CONTROL / control: "CONTROL" at 0x00, 4 bytes, "how the next transfer is done" "下一次传输的方式" {
        WRITE [0]    flag rw "the device writes memory" "设备写内存";
        LIST  [1]    flag rw "a linked list of descriptors" "使用描述符链表";
        IRQ   [2]    flag rw "interrupt at the end" "结束后中断";
        LOCAL [3]    flag rw "ADDRESS is the device's own" "ADDRESS 为设备本地地址";
        PASID [4]    flag rw "requests carry the PASID" "请求携带 PASID";
        BLIND [5]    flag rw "carry on after a refused write" "写被拒绝后继续";
        _     [31:6] reserved;
    }
    STATUS / status: "STATUS" at 0x04, 4 bytes, "how the transfer stands" "传输状态" {
        BUSY  [0]    flag "a transfer is going on" "正在传输";
        DONE  [1]    flag w1c "a transfer came to its end" "传输已结束";
        ERROR [2]    flag w1c "it ended early" "提前结束";
        _     [3]    reserved;
        CODE  [6:4]  code(ERRORS) "why" "原因";
        _     [31:7] reserved;
    }
    ADDRESS / address: "ADDRESS" at 0x08, 8 bytes, "address in memory, as the engine uses it" "内存地址（引擎所用）" {
        ADDRESS [63:0] value rw "address in memory, as the engine uses it" "内存地址（引擎所用）";
    }
    LENGTH / length: "LENGTH" at 0x10, 8 bytes, "bytes" "字节数" {
        LENGTH [63:0] value rw "bytes" "字节数";
    }
    DEVICE / device: "DEVICE" at 0x18, 8 bytes, "address in the device's own memory" "设备自身内存中的地址" {
        DEVICE [63:0] value rw "address in the device's own memory" "设备自身内存中的地址";
    }
    LIST / list: "LIST" at 0x20, 8 bytes, "the first descriptor's address" "第一个描述符的地址" {
        LIST [63:0] value rw "the first descriptor's address" "第一个描述符的地址";
    }
    MOVED / moved: "MOVED" at 0x28, 8 bytes, "bytes moved" "已传输字节数" {
        MOVED [63:0] value "bytes moved" "已传输字节数";
    }
    PASID / pasid: "PASID" at 0x30, 4 bytes, "for which process" "所属进程" {
        PASID [19:0]  value rw "the PASID" "PASID";
        EXEC  [20]    flag rw "execute requested" "请求执行权限";
        PRIV  [21]    flag rw "privileged mode requested" "请求特权模式";
        _     [31:22] reserved;
    }
    VECTOR / vector: "VECTOR" at 0x34, 4 bytes, "the interrupt to send" "要发送的中断" {
        VECTOR [31:0] value rw "the interrupt to send" "要发送的中断";
    }
    DOORBELL / doorbell: "DOORBELL" at 0x38, 4 bytes, "any write starts the transfer" "写入即启动传输" {
        DOORBELL [31:0] value "any write starts the transfer" "写入即启动传输";
    }
    DESCRIPTORS / descriptors: "DESCRIPTORS" at 0x3c, 4 bytes, "descriptors handled" "已处理描述符数" {
        DESCRIPTORS [31:0] value "descriptors handled" "已处理描述符数";
    }
    STOPPED / stopped: "STOPPED" at 0x40, 8 bytes, "where the transfer stopped" "传输停止的地址" {
        STOPPED [63:0] value "where the transfer stopped" "传输停止的地址";
    }
}

/// The register that holds byte `offset`.
pub fn at(offset: u32) -> Option<&'static Register> {
    ALL.iter().copied().find(|r| (r.offset..r.offset + u32::from(r.bytes)).contains(&offset))
}
