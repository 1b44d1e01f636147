//! A descriptor in memory: four words that name one block, contiguous in the address the engine uses, and the
//! next descriptor.

use crate::spec::{EntryType, Field, FieldKind, Text};
use alloc::vec::Vec;

/// Bytes of a descriptor. It must be aligned to this.
pub const BYTES: u64 = 32;

const WRITE: u64 = 1 << 32;
const IRQ: u64 = 1 << 33;
const LOCAL: u64 = 1 << 34;
const NEXT: u64 = 1 << 35;
const DONE: u64 = 1 << 63;

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
        let flag = |on: bool, bit: u64| if on { bit } else { 0 };
        let control = u64::from(self.length)
            | flag(self.write, WRITE)
            | flag(self.interrupt, IRQ)
            | flag(self.local, LOCAL)
            | flag(self.next.is_some(), NEXT)
            | u64::from(self.error & 7) << 60
            | flag(self.done, DONE);
        [self.address, control, self.device, self.next.unwrap_or(0)]
    }

    /// Reads the four words.
    pub fn decode(words: [u64; 4]) -> Self {
        let [address, control, device, next] = words;
        let on = |bit: u64| control & bit != 0;
        Descriptor {
            address,
            length: control as u32,
            write: on(WRITE),
            local: on(LOCAL),
            interrupt: on(IRQ),
            device,
            next: on(NEXT).then_some(next),
            done: on(DONE),
            error: (control >> 60 & 7) as u8,
        }
    }

    /// The bytes in memory, little-endian.
    pub fn bytes(&self) -> [u8; BYTES as usize] {
        let bytes: Vec<u8> = self.encode().iter().flat_map(|w| w.to_le_bytes()).collect();
        bytes.try_into().unwrap_or([0; BYTES as usize])
    }
}

/// The structure, for traces and views.
pub static DESCRIPTOR: EntryType = EntryType {
    name: Text::new("DMA descriptor", "DMA 描述符"),
    words: 4,
    section: "dma-engine: descriptors",
    fields: &[
        Field::value(
            "ADDRESS",
            63,
            0,
            "the block's address, as the engine uses it",
            "数据块地址（引擎所用）",
        ),
        Field::value("LENGTH", 95, 64, "bytes", "字节数"),
        Field::flag("WRITE", 96, "the device writes memory", "设备写内存"),
        Field::flag("IRQ", 97, "interrupt when done", "完成后中断"),
        Field::flag("LOCAL", 98, "the address is the device's own", "地址为设备侧地址"),
        Field::flag("NEXT", 99, "there is a next descriptor", "还有下一个描述符"),
        Field::reserved(123, 100),
        Field {
            name: "ERROR",
            hi: 126,
            lo: 124,
            meaning: Text::new("how it ended; the engine writes it", "结束原因，由引擎写入"),
            kind: FieldKind::Enum(super::registers::ERRORS),
        },
        Field::flag("DONE", 127, "handled; the engine writes it", "已处理，由引擎写入"),
        Field::value("DEVICE", 191, 128, "where in the device's own memory", "设备自身内存中的位置"),
        Field::value("NEXT", 255, 192, "the next descriptor's address", "下一个描述符的地址"),
    ],
};
