//! Where interrupt messages go: each CPU architecture has a range of addresses to which a write of four bytes is an
//! interrupt, and says what address and data mean.

use super::its::{DOORBELL, FIRST_LPI};
use crate::addr::{AddrRange, PhysAddr};
use crate::spec::{Phrase, Rule, Text};
use crate::trace::{Actor, Event, InterruptKind, Observer};
use alloc::format;

/// The interrupt controllers that messages reach.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Controller {
    /// x86: local APICs behind FEEx_xxxxh (Intel SDM 3A 11.11).
    LocalApic,
    /// RISC-V: an interrupt file of 4 KiB for each hart (Advanced Interrupt Architecture, chapter 3).
    Imsic,
    /// Arm: the doorbell of a GICv3's Interrupt Translation Service (IHI 0069).
    Its,
}

/// Interrupt files of the machine's harts: that of hart *h* is 4 KiB times *h* from [`Controller::range`]'s start.
pub const IMSIC_FILES: u64 = 256;
/// Where they begin. No specification fixes that (a device tree says it); here it is where no RAM is, so that one
/// scenario fits both architectures.
pub const IMSIC: u64 = 0xf800_0000;

static ILLEGAL_VECTOR: Rule = Rule {
    text: Text::new(
        "a local APIC takes no vector below 16, it notes an illegal one in its error status (ESR, bit 6)",
        "本地 APIC 不接受小于 16 的向量，只在错误状态寄存器里记下（ESR 位 6）",
    ),
    section: "SDM 3A 11.5.3",
};
static NO_IDENTITY: Rule = Rule {
    text: Text::new(
        "an interrupt file has the identities 1 to 2047, and ignores a write of another number",
        "中断文件只有中断标识 1 到 2047，写入其他数值会被忽略",
    ),
    section: "AIA 3.1",
};

/// An interrupt message: what a device writes, where.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Message {
    /// The address.
    pub address: u64,
    /// The data.
    pub data: u32,
}

impl Controller {
    /// Returns how a device interrupts here, for those who know it otherwise; `None` on a PC.
    pub const fn elsewhere(self) -> Option<Text> {
        match self {
            Controller::LocalApic => None,
            Controller::Imsic => Some(Text::new(
                "an interrupt here is a write to an interrupt file from 0xf8000000 on, and 0xfee00000 to 0xfeefffff is no range of \
                 its own: `interrupt` sets one up, `msi` sends it",
                "这里的中断是写 0xf8000000 起的中断文件，0xfee00000 到 0xfeefffff 没有特殊含义；用 `interrupt` 设置，用 `msi` 发送",
            )),
            Controller::Its => Some(Text::new(
                "an interrupt here is a write to the doorbell of the ITS, 0x8000040 for devices behind the SMMU, and 0xfee00000 to \
                 0xfeefffff is no range of its own: `interrupt` sets one up, `msi` sends it",
                "这里的中断是写 ITS 的门铃，SMMU 后面的设备用 0x8000040；0xfee00000 到 0xfeefffff 没有特殊含义；用 `interrupt` 设置，用 `msi` 发送",
            )),
        }
    }

    /// The range of physical addresses.
    pub fn range(self) -> AddrRange<PhysAddr> {
        let (start, len) = match self {
            Controller::LocalApic => (0xfee0_0000, 1 << 20),
            Controller::Imsic => (IMSIC, IMSIC_FILES << 12),
            Controller::Its => (DOORBELL & !0xffff, 1 << 16),
        };
        AddrRange::new(PhysAddr::new(start), len).unwrap_or_else(AddrRange::whole)
    }

    /// Its name in a picture.
    pub const fn name(self) -> Text {
        match self {
            Controller::LocalApic => Text::new("interrupts (local APIC)", "中断（本地 APIC）"),
            Controller::Imsic => Text::new("interrupt files (IMSIC)", "中断文件（IMSIC）"),
            Controller::Its => Text::new("interrupts (GIC ITS)", "中断（GIC ITS）"),
        }
    }

    /// The message that interrupts CPU (or hart) `cpu` with `vector` (or interrupt identity), with no remapping between.
    pub const fn message(self, cpu: u32, vector: u32) -> Message {
        match self {
            // Compatibility format (VT-d 5.1.2.1): destination 7:0 in 19:12.
            Controller::LocalApic => {
                Message { address: 0xfee0_0000 | ((cpu & 0xff) as u64) << 12, data: vector }
            }
            // The ITS knows whom an event interrupts: its tables decide, not the message.
            Controller::Its => Message { address: DOORBELL, data: vector },
            Controller::Imsic => Message { address: IMSIC + ((cpu & 0xff) as u64) * 4096, data: vector },
        }
    }

    /// Returns the number by which CPUs know the interrupt that a scenario calls a vector: an ITS delivers LPIs, which count
    /// from 8192.
    pub const fn number(self, vector: u64) -> u64 {
        match self {
            Controller::Its => FIRST_LPI as u64 + vector,
            Controller::LocalApic | Controller::Imsic => vector,
        }
    }

    /// Returns what the number by which CPUs know an interrupt is called: a vector of x86, an interrupt identity in an interrupt file of
    /// RISC-V (Advanced Interrupt Architecture, 3.1), an INTID of a GIC.
    pub fn called(self, number: u32) -> Phrase {
        match self {
            Controller::LocalApic => Phrase::new(format!("vector {number:#x}"), format!("向量 {number:#x}")),
            Controller::Imsic => {
                Phrase::new(format!("identity {number:#x}"), format!("中断标识 {number:#x}"))
            }
            Controller::Its => Phrase::same(format!("INTID {number}")),
        }
    }

    /// Returns why no CPU gets an interrupt of this number, if none does.
    pub fn refuses(self, number: u32) -> Option<&'static Rule> {
        match self {
            Controller::LocalApic => (number < 16).then_some(&ILLEGAL_VECTOR),
            Controller::Imsic => (!(1..=2047).contains(&number)).then_some(&NO_IDENTITY),
            // An LPI is what its tables say: there is one, or the message is dropped before.
            Controller::Its => None,
        }
    }

    /// Returns whether the number of a message says which interrupt it is: an NMI, SMI, INIT or ExtINT has no use for a vector.
    pub const fn has_vector(self, message: Message) -> bool {
        match self {
            // Delivery mode in 10:8: 0 fixed, 1 lowest priority (SDM 3A 11.11).
            Controller::LocalApic => message.data >> 8 & 7 <= 1,
            Controller::Imsic | Controller::Its => true,
        }
    }

    /// Records an interrupt that was sent to a CPU: as it arrives, or that the controller takes none of this number.
    pub fn arrive<O: Observer>(
        self,
        by: Actor,
        (vector, destination): (u32, u32),
        kind: InterruptKind,
        obs: &mut O,
    ) {
        // What is stored in memory for a guest comes to no controller.
        let comes = !matches!(kind, InterruptKind::Posted | InterruptKind::Stored | InterruptKind::Blocked);
        let Some(rule) = self.refuses(vector).filter(|_| comes) else {
            return obs.step(by, Event::Interrupt { vector, destination, kind });
        };
        obs.step(Actor::Interrupts, Event::Check { rule, ok: false, value: vector.into() });
        let kind = InterruptKind::Blocked;
        obs.step(Actor::Interrupts, Event::Interrupt { vector, destination, kind });
    }

    /// Whom a message interrupts, and with what: (vector or identity, CPU or hart). `None` where it is none.
    pub fn decode(self, message: Message) -> Option<(u32, u32)> {
        if !self.range().contains(PhysAddr::new(message.address)) {
            return None;
        }
        let cpu = (message.address >> 12 & 0xff) as u32;
        match self {
            Controller::LocalApic => Some((message.data & 0xff, cpu)),
            // seteipnum_le, the only register of a file's page that devices write, is its first word (AIA 3.5).
            Controller::Imsic => (message.address & 0xfff == 0).then_some((message.data, cpu)),
            Controller::Its => (message.address == DOORBELL).then_some((message.data, 0)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_read_as_they_were_made() {
        for controller in [Controller::LocalApic, Controller::Imsic, Controller::Its] {
            for (cpu, vector) in [(0, 0x41), (3, 0xff), (255, 1)] {
                // An event says no CPU.
                let cpu = if controller == Controller::Its { 0 } else { cpu };
                assert_eq!(controller.decode(controller.message(cpu, vector)), Some((vector, cpu)));
            }
            assert_eq!(controller.decode(Message { address: 0x1000, data: 1 }), None);
        }
    }
}
