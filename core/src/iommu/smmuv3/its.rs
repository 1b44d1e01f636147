//! The registers of the ITS, which this board has behind the SMMU's, and its command queue (IHI 0069): what the tables of
//! [`Its`] are filled by.

use crate::addr::{Address, PhysAddr};
use crate::iommu::registers::{RegisterFile, Registers};
use crate::memory::Memory;
use crate::platform::its::Its;
use crate::spec::{self, Bits};
use crate::trace::{Actor, Observer};

spec::registers! {
    section "IHI 0069";
    GITS_CTLR / gits_ctlr: "GITS_CTLR" at 0x0, 4 bytes, "control" "控制" {
        ENABLED "Enabled" [0] flag rw "messages are translated, commands taken" "转换消息、执行命令";
        _ [30:1] reserved; QUIESCENT "Quiescent" [31] flag "nothing is under way" "没有进行中的操作";
    }
    GITS_CBASER / gits_cbaser: "GITS_CBASER" at 0x80, 8 bytes, "command queue" "命令队列" {
        SIZE "Size" [7:0] value rw "pages of 4 KiB, less one" "4 KiB 页数减一";
        _ [9:8] reserved; SHAREABILITY "Shareability" [11:10] value rw "shareability" "可共享性";
        ADDR "Physical_Address" [51:12] address(12) rw "the queue" "队列地址";
        _ [52] reserved; OUTER "OuterCache" [55:53] value rw "outer cacheability" "外部可缓存性";
        _ [58:56] reserved; INNER "InnerCache" [61:59] value rw "inner cacheability" "内部可缓存性";
        _ [62] reserved; VALID "Valid" [63] flag rw "there is a queue" "队列有效";
    }
    GITS_CWRITER / gits_cwriter: "GITS_CWRITER" at 0x88, 8 bytes, "where software writes next" "软件下一次写入处" {
        RETRY "Retry" [0] flag rw "go on after a stall" "停顿后继续"; _ [4:1] reserved;
        OFFSET_ "Offset" [19:5] address(5) rw "in bytes" "字节偏移"; _ [63:20] reserved;
    }
    GITS_CREADR / gits_creadr: "GITS_CREADR" at 0x90, 8 bytes, "the next command" "下一条命令" {
        STALLED "Stalled" [0] flag "commands stopped" "命令已停止"; _ [4:1] reserved;
        OFFSET_ "Offset" [19:5] address(5) "in bytes" "字节偏移"; _ [63:20] reserved;
    }
    GITS_BASER0 / gits_baser0: "GITS_BASER0" at 0x100, 8 bytes, "the table of devices" "设备表" = table_base;
    GITS_BASER1 / gits_baser1: "GITS_BASER1" at 0x108, 8 bytes, "the table of collections" "集合表" = table_base;
}

spec::values! {
    /// What a table of the ITS is for.
    pub TYPE_VALUES / table_type {
        DEVICES = 1 "devices" "设备";
        COLLECTIONS = 4 "collections" "集合";
    }
}

spec::fields! {
    /// A table's base.
    pub mod table_base: 64 bits {
        SIZE "Size" [7:0] value rw "pages, less one" "页数减一";
        PAGE_SIZE "Page_Size" [9:8] value rw "0: 4 KiB" "0 表示 4 KiB";
        SHAREABILITY "Shareability" [11:10] value rw "shareability" "可共享性";
        ADDR "Physical_Address" [47:12] address(12) rw "the table" "表地址";
        ENTRY "Entry_Size" [52:48] value "bytes of an entry, less one" "表项字节数减一";
        OUTER "OuterCache" [55:53] value rw "outer cacheability" "外部可缓存性";
        TYPE "Type" [58:56] code(TYPE_VALUES) "what it is for" "用途";
        INNER "InnerCache" [61:59] value rw "inner cacheability" "内部可缓存性";
        INDIRECT "Indirect" [62] flag rw "two levels" "两级表";
        VALID "Valid" [63] flag rw "there is a table" "表有效";
    }
}

/// Declares the registers at `window` of a file, as after reset.
pub fn declare(file: &mut RegisterFile, window: u32) {
    for register in ALL {
        file.declare_at(register, window + register.offset, u64::MAX, true);
    }
    let entry = |kind| 0u64.with(table_base::ENTRY, 7).with(table_base::TYPE, kind);
    file.put(window + gits_baser0::OFFSET, 8, entry(table_type::DEVICES));
    file.put(window + gits_baser1::OFFSET, 8, entry(table_type::COLLECTIONS));
    file.put(window + gits_ctlr::OFFSET, 4, gits_ctlr::QUIESCENT.mask());
}

/// Does what follows from a write to a register: commands are taken.
pub fn after_write<U: Registers, O: Observer>(
    unit: &mut U,
    window: u32,
    memory: &mut Memory,
    at: u32,
    obs: &mut O,
) {
    let commands = [gits_ctlr::OFFSET, gits_cwriter::OFFSET, gits_cbaser::OFFSET].map(|o| window + o);
    if !commands.contains(&at) {
        return;
    }
    let (queue, head) = (unit.file().get(window + gits_cbaser::OFFSET, 8), window + gits_creadr::OFFSET);
    if at == window + gits_cbaser::OFFSET {
        // A new queue begins at its start.
        return unit.set_by(Actor::Interrupts, head, 8, 0, obs);
    }
    let its = its(unit.file(), window);
    if !its.enabled || !queue.is_set(gits_cbaser::VALID) {
        return;
    }
    let bytes = (queue.bits(gits_cbaser::SIZE) + 1) << 12;
    let tail = unit.file().get(window + gits_cwriter::OFFSET, 8).address(gits_cwriter::OFFSET_) % bytes;
    for _ in 0..bytes / 32 {
        let next = unit.file().get(head, 8).address(gits_creadr::OFFSET_) % bytes;
        if next == tail || !obs.spend(1) {
            return;
        }
        let at = PhysAddr::new(queue.address(gits_cbaser::ADDR) + next);
        let mut words = [0; 4];
        for (i, word) in words.iter_mut().enumerate() {
            // What cannot be read is no command.
            *word = memory.read_u64(at.wrapping_add(i as u64 * 8)).unwrap_or(0);
        }
        its.obey(memory, &words, obs);
        let next = 0u64.with_address(gits_creadr::OFFSET_, (next + 32) % bytes);
        unit.set_by(Actor::Interrupts, head, 8, next, obs);
    }
}

/// Returns the ITS whose registers are at `window` of a file.
pub fn its(file: &RegisterFile, window: u32) -> Its {
    let table = |at| file.get(window + at, 8);
    let base = |word: u64| PhysAddr::new(word.address(table_base::ADDR));
    Its {
        enabled: file.get(window + gits_ctlr::OFFSET, 4).is_set(gits_ctlr::ENABLED),
        devices: base(table(gits_baser0::OFFSET)),
        collections: base(table(gits_baser1::OFFSET)),
    }
}
