//! What the numbers of a fault suggest: conclusions, told apart from what the log says.

use super::evidence::Clue;
use super::fault::{Access, Arch, Fault};
use super::found::Found;
use super::scan::Scan;
use super::system::System;
use crate::spec::{Phrase, Text};
use alloc::format;

/// Who sent the request. `named_by_kernel`: the device is not in the record but in front of the message.
pub(super) fn device(found: &mut Found, arch: Arch, text: &str, named_by_kernel: bool) {
    let pci = Scan(text).device();
    let meaning = match (named_by_kernel, pci.is_some(), arch) {
        (true, ..) => Text::new(
            "the device that the kernel looked up by the recorded number",
            "内核根据记录的编号查到的设备",
        ),
        // The number that a bridge gives: device 0, function 0 of a bus that is behind something.
        (false, ..) if pci.as_ref().is_some_and(|pci| pci.id.bus() == 0 || pci.id.raw() & 0xff != 0) => {
            Text::new("as the request carried it", "设备发请求时带的编号")
        }
        (false, true, _) | (false, false, Arch::VtD | Arch::AmdVi) => Text::new(
            "as the request carried it; for a device behind a PCIe-to-PCI bridge that is number 00.0 of the bus behind the bridge, neither the device's own nor the bridge's",
            "设备发请求时带的编号；也可能代表 PCIe 转 PCI 桥之后的设备：桥把它们的编号一律换成次级总线（桥后面的总线）上的 00.0",
        ),
        (false, false, _) => Text::new(
            "as the unit saw it; for a PCI device firmware maps it from bus:device.function",
            "IOMMU 看到的编号；PCI 设备的编号由“总线:设备.功能”得出，对应关系由固件描述",
        ),
    };
    found.certain(arch.device_term(), text, meaning);
    if found.device.is_none() {
        found.device = Some(text.into());
    }
    let Some(pci) = pci else { return };
    if pci.wide_segment().is_some() {
        found.clue(Clue::Vmd);
        found.certain(
            Text::new("segment", "段"),
            format!("{:#x}", pci.segment),
            Text::new(
                "above 0xffff: a domain of the kernel's own making, behind an Intel VMD",
                "大于 0xffff：内核自行编号的 PCI 域，位于 Intel VMD 之后",
            ),
        );
    }
    if pci.segment == 0 && pci.id.bus() == 0 && pci.id.device() == 0 {
        found.clue(Clue::ChipsetDevice);
    }
}

/// The device whose own TLB an invalidation is for: it has ATS, so it is not behind a bridge.
pub(super) fn invalidated(found: &mut Found, arch: Arch, text: &str) {
    let meaning = Text::new("the device that the invalidation was sent to", "失效请求发往的设备");
    found.certain(arch.device_term(), text, meaning);
    if found.device.is_none() {
        found.device = Some(text.into());
    }
}

/// Evidence that the fields of a fault give.
pub(super) fn fault(found: &mut Found, fault: &Fault) {
    match fault.access {
        Some(Access::Read) => found.clue(Clue::IsRead),
        Some(Access::Write) => found.clue(Clue::IsWrite),
        Some(Access::Execute) => found.clue(Clue::IsFetch),
        Some(Access::Interrupt) => found.clue(Clue::IsInterrupt),
        None => {}
    }
    if matches!(fault.access, Some(Access::Read | Access::Write)) {
        found.clue(Clue::IsData);
    }
    if fault.pasid.is_some() {
        found.clue(Clue::WithPasid);
        if fault.address.is_some_and(|at| (0x5500_0000_0000..0x8000_0000_0000).contains(&at)) {
            found.clue(Clue::UserAddress);
        }
    }
    if fault.address == Some(0) {
        found.clue(Clue::AddressZero);
        if fault.access == Some(Access::Write) {
            found.clue(Clue::WriteToZero);
        }
    }
}

/// The indices of an address in tables of 9 bits a level.
pub(super) fn indices(found: &mut Found, address: u64) {
    let index = |level: u32| address >> (12 + 9 * (level - 1)) & 0x1ff;
    found.inferred(
        Text::new("table indices", "各级索引"),
        format!("{:#x} {:#x} {:#x} {:#x}", index(4), index(3), index(2), index(1)),
        Text::new(
            "entries read at levels 4, 3, 2, 1, if the tables have four levels",
            "若页表为四级，则依次读取第 4、3、2、1 级的这些项",
        ),
    );
}

/// The interrupt and end-of-interrupt range of AMD's HyperTransport, also sign-extended (48882, section 2.1.2).
pub(super) fn is_amd_interrupt(address: u64) -> bool {
    matches!(address & 0xff_ffff_ffff, 0xfd_f800_0000..=0xfd_f8ff_ffff)
        && matches!(address >> 40, 0 | 0xff_ffff)
}

pub(super) const AMD_INTERRUPTS: Text = Text::new(
    "the interrupt and end-of-interrupt range of AMD's HyperTransport, 0xfdf8000000 to 0xfdf8ffffff",
    "AMD HyperTransport 的中断与 EOI 区间 0xfdf8000000 至 0xfdf8ffffff",
);

const BELOW_ISA: Text = Text::new(
    "below 16 MiB: Linux gives out such addresses in a domain once a device asked for a 24-bit mask there (seen with 7.3)",
    "低于 16 MiB：域中有设备设置过 24 位 DMA 掩码之后，Linux 会分配这样的地址（在 Linux 7.3 上见过）",
);

const LOW: Text = Text::new(
    "below 1 MiB: a null pointer with an offset, or a descriptor that was not filled in",
    "低于 1 MiB：多半是空指针加偏移，或没有填写的描述符",
);
/// A PC's physical memory begins with it.
const LEGACY: Text = Text::new(
    "below 1 MiB: as a physical address, legacy memory that a PC's firmware uses; else a null pointer with an offset",
    "低于 1 MiB：若是物理地址，就是 PC 固件使用的传统内存区；否则多半是空指针加偏移",
);

/// The last sixteenth below the next power of two: where addresses are given out first, from a mask's top down.
fn top(address: u64) -> u64 {
    let mask = u64::MAX >> address.leading_zeros();
    mask - (mask >> 4)
}

/// What the address looks like.
pub(super) fn address(found: &mut Found, address: u64) {
    let linux = found.system == System::Linux;
    let (looks, clue) = match address {
        0..=0xfff => (
            Text::new(
                "page 0: a descriptor that was never filled in, or a null pointer",
                "第 0 页：未填写的描述符，或空指针",
            ),
            Clue::PageZero,
        ),
        0xfee0_0000..=0xfeef_ffff if matches!(found.arch, Arch::VtD | Arch::AmdVi | Arch::Hypervisor | Arch::Virtio) => (
            Text::new(
                "the x86 interrupt range: an MSI address, which is never memory",
                "x86 中断区间：这是 MSI 地址，绝不是内存",
            ),
            Clue::MsiAddress,
        ),
        a if found.arch == Arch::AmdVi && is_amd_interrupt(a) => (
            AMD_INTERRUPTS,
            Clue::MsiAddress,
        ),
        a if a | 0xfff == u64::MAX => (
            match linux {
                true => Text::new(
                    "all ones: DMA_MAPPING_ERROR, the value of a mapping that failed, used as an address",
                    "全 1：DMA_MAPPING_ERROR，即映射失败的返回值，被当作地址使用",
                ),
                false => Text::new(
                    "all ones: the value of a mapping that failed, or of a register that does not answer",
                    "全 1：映射失败的返回值，或没有应答的寄存器的读数",
                ),
            },
            Clue::MappingError,
        ),
        0xffff_f000..=0xffff_ffff => (
            match linux {
                true if matches!(found.arch, Arch::SmmuV3 | Arch::SmmuV2) => Text::new(
                    "the last page below 4 GiB: where Linux on Arm maps the doorbell for interrupt messages first (an ITS), or a failed mapping (all ones) cut to 32 bits",
                    "4 GiB 以下的最后一页：Arm 上的 Linux 首先在此映射中断消息的门铃（ITS），或被截断为 32 位的映射失败值（全 1）",
                ),
                true => Text::new(
                    "the last page below 4 GiB: the first address that Linux gives out, or a failed mapping (all ones) cut to 32 bits",
                    "4 GiB 以下的最后一页：Linux 分配的第一个地址，或被截断为 32 位的映射失败值（全 1）",
                ),
                false => Text::new(
                    "the last page below 4 GiB: perhaps all ones, cut to 32 bits",
                    "4 GiB 以下的最后一页：可能是被截断为 32 位的全 1",
                ),
            },
            Clue::MappingError32,
        ),
        a if poison(a) => (
            Text::new(
                "a poison pattern: memory that was freed, or never written",
                "毒化模式：已释放或从未写入的内存",
            ),
            Clue::Poison,
        ),
        0xffff_8000_0000_0000.. => (
            Text::new(
                "a kernel virtual address: the driver passed a pointer instead of a DMA address",
                "内核虚拟地址：驱动传递了指针而不是 DMA 地址",
            ),
            Clue::KernelPointer,
        ),
        a if a >> 52 != 0 || a >> 48 != 0 && found.arch != Arch::Dart => (
            Text::new(
                "above 48 bits: mostly garbage or a tagged pointer; in a domain of 57 bits or more it may be a DMA address",
                "超过 48 位：多半是垃圾值或带标签的指针；域宽 57 位以上时也可能是正常的 DMA 地址",
            ),
            Clue::WildAddress,
        ),
        // What other systems than Linux give out first is not known.
        0xf000_0000..=0xffff_efff if !linux => return,
        // Linux gives out addresses from the top of a mask down.
        0x1_0000_0000..=0xff_ffff_ffff
            if linux
                && matches!(found.arch, Arch::VtD | Arch::AmdVi | Arch::SmmuV3 | Arch::SmmuV2)
                && address < top(address) =>
        {
            (
                Text::new(
                    "between 4 GiB and 1 TiB, not near the top of a mask: as physical addresses are, or those of a guest",
                    "在 4 GiB 与 1 TiB 之间，又不靠近任何 DMA 掩码的上限：像是物理地址，或客户机的地址",
                ),
                Clue::LooksPhysical,
            )
        }
        0x10_0000..=0xff_ffff if linux && matches!(found.arch, Arch::VtD | Arch::AmdVi | Arch::SmmuV3 | Arch::Virtio | Arch::RiscV) => {
            return found.inferred(Text::new("the address looks like", "地址特征"), format!("{address:#x}"), BELOW_ISA);
        }
        0x1000..=0xf_ffff | 0xf000_0000..=0xffff_efff | 0x7000_0000_0000..=0x7fff_ffff_ffff => {
            let looks = match address {
                0xfee0_0000..=0xfeef_ffff => Text::new(
                    "where interrupt messages go on some machines (on x86 always): then it was never memory",
                    "有些机器（包括所有 x86）的中断消息写到这里，在那些机器上它不是内存地址",
                ),
                0xf000_0000..=0xffff_efff => Text::new(
                    "just below 4 GiB: where Linux hands out DMA addresses first, so it was probably mapped once",
                    "紧靠 4 GiB 之下：Linux 优先从这里分配 DMA 地址，很可能曾经映射过",
                ),
                0x7000_0000_0000.. => Text::new(
                    "a user virtual address (mmap area): shared virtual addressing, or a process's pointer",
                    "用户虚拟地址（mmap 区）：共享虚拟寻址，或进程的指针",
                ),
                _ if matches!(found.arch, Arch::VtD | Arch::AmdVi | Arch::Hypervisor) => LEGACY,
                _ => LOW,
            };
            return found.inferred(Text::new("the address looks like", "地址特征"), format!("{address:#x}"), looks);
        }
        _ => return,
    };
    found.clue(clue);
    found.inferred(Text::new("the address looks like", "地址特征"), format!("{address:#x}"), looks);
}

/// A fault reason by its number, and by its name where that says more than the number.
pub(super) fn numbered(known: &crate::spec::FaultCode) -> alloc::string::String {
    match known.name_is_number() {
        true => format!("{:#04x}", known.code),
        false => format!("{:#04x} {}", known.code, known.name),
    }
}

/// Patterns that kernels and drivers fill dead memory with.
fn poison(address: u64) -> bool {
    let low = address as u32;
    let bytes = address.to_le_bytes();
    matches!(low & 0xffff_f000, 0xdead_b000 | 0x6b6b_6000 | 0x5a5a_5000 | 0xaaaa_a000 | 0xcccc_c000)
        || matches!(address >> 32, 0xdead_0000 | 0xdead_beef)
        || (bytes[2] == bytes[3] && bytes[2] == bytes[4] && matches!(bytes[2], 0x6b | 0x5a | 0xaa | 0xcc))
}

/// What the same fault at several addresses suggests, from their number, bounds and order.
pub(super) fn pattern(
    times: u64,
    first: u64,
    low: u64,
    high: u64,
    rising: bool,
) -> Option<(Phrase, Phrase, Option<Clue>)> {
    if times < 2 {
        return None;
    }
    let pages = (high >> 12) - (low >> 12);
    let same = low == high;
    let (meaning, clue) = match () {
        () if same => (
            Text::new(
                "always the same address: a retry, or a ring that the device polls",
                "总是同一地址：重试，或设备轮询的描述符环",
            ),
            Some(Clue::SamePage),
        ),
        () if pages == 0 => (
            Text::new(
                "within one page: one buffer, read or written piece by piece",
                "在同一页之内：一个缓冲区，分段读写",
            ),
            Some(Clue::SamePage),
        ),
        // As many pages as faults, in order: not two pages that happen to rise.
        () if rising && pages + 1 >= 3 && pages < times.saturating_mul(2) => (
            Text::new(
                "rising page by page: one long transfer through memory that is not mapped",
                "逐页递增：一次较长的传输落在没有映射的地址上",
            ),
            None,
        ),
        () if high - low < 0x20_0000 => (
            Text::new("scattered within 2 MiB: one buffer or ring", "分散在 2 MiB 之内：同一个缓冲区或环"),
            None,
        ),
        () => (
            Text::new(
                "far apart: many buffers at once, as after a reset, or wild addresses",
                "相距很远：同时涉及许多缓冲区（例如复位之后），或随机地址",
            ),
            Some(Clue::SpreadFar),
        ),
    };
    let value = match same {
        true => Phrase::new(format!("{times} x {first:#x}"), format!("{times} 次，都是 {first:#x}")),
        false => Phrase::new(
            format!("{times} x {low:#x} .. {high:#x}"),
            format!("{times} 次，{low:#x} 至 {high:#x}"),
        ),
    };
    Some((value, Phrase::from(meaning), clue))
}
