//! A descriptor in memory: four words that name one block, contiguous in the address the engine uses, and the
//! next descriptor.

use super::registers::ERRORS;
use crate::spec::{self, Bits};
use alloc::vec::Vec;

/// Bytes of a descriptor. It must be aligned to this.
pub const BYTES: u64 = 32;

/// What a descriptor says.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Descriptor {
    /// The block's address, as the engine uses it.
    pub address: u64,
    /// Its length in bytes.
    pub length: u32,
    /// The device writes memory; otherwise it reads it.
    pub write: bool,
    /// The address is the device's own, before its map.
    pub local: bool,
    /// Interrupt when this block is done.
    pub interrupt: bool,
    /// Where in the device's own memory.
    pub device: u64,
    /// The next descriptor's address, if there is one.
    pub next: Option<u64>,
    /// Set by the engine: the block was handled.
    pub done: bool,
    /// Set by the engine: how it ended; see [`super::registers::ERRORS`].
    pub error: u8,
}

impl Descriptor {
    /// The four words in memory.
    pub fn encode(&self) -> [u64; 4] {
        use descriptor::*;
        ZERO.with(ADDRESS, self.address)
            .with(LENGTH, self.length.into())
            .with_flag(WRITE, self.write)
            .with_flag(IRQ, self.interrupt)
            .with_flag(LOCAL, self.local)
            .with_flag(HAS_NEXT, self.next.is_some())
            .with(ERROR, self.error.into())
            .with_flag(DONE, self.done)
            .with(DEVICE, self.device)
            .with(NEXT, self.next.unwrap_or(0))
    }

    /// Reads the four words.
    pub fn decode(words: [u64; 4]) -> Self {
        use descriptor::*;
        Descriptor {
            address: words.bits(ADDRESS),
            length: words.bits(LENGTH) as u32,
            write: words.is_set(WRITE),
            local: words.is_set(LOCAL),
            interrupt: words.is_set(IRQ),
            device: words.bits(DEVICE),
            next: words.is_set(HAS_NEXT).then_some(words.bits(NEXT)),
            done: words.is_set(DONE),
            error: words.bits(ERROR) as u8,
        }
    }

    /// The bytes in memory, little-endian.
    pub fn bytes(&self) -> [u8; BYTES as usize] {
        let bytes: Vec<u8> = self.encode().iter().flat_map(|w| w.to_le_bytes()).collect();
        bytes.try_into().unwrap_or([0; BYTES as usize])
    }
}

spec::structure! {
    /// The structure, for traces and views.
    pub DESCRIPTOR / descriptor: 4 words, "dma-engine: descriptors", "DMA descriptor" "DMA 描述符" {
        ADDRESS         [63:0]    value "the block's address, as the engine uses it" "数据块地址（引擎所用）";
        LENGTH          [95:64]   value "bytes" "字节数";
        WRITE           [96]      flag "the device writes memory" "设备写内存";
        IRQ             [97]      flag "interrupt when done" "完成后中断";
        LOCAL           [98]      flag "the address is the device's own" "地址为设备本地地址";
        HAS_NEXT "NEXT" [99]      flag "there is a next descriptor" "还有下一个描述符";
        _               [123:100] reserved;
        ERROR           [126:124] code(ERRORS) "how it ended; the engine writes it" "结束原因，由引擎写入";
        DONE            [127]     flag "handled; the engine writes it" "已处理，由引擎写入";
        DEVICE          [191:128] value "where in the device's own memory" "设备自身内存中的位置";
        NEXT            [255:192] value "the next descriptor's address" "下一个描述符的地址";
    }
}
