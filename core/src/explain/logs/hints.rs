//! What the numbers of a fault suggest: conclusions, told apart from what the log says.

use super::causes::FIRMWARE_DEVICE;
use super::fault::Arch;
use super::items::{Certainty, Field, Found, Item, Kind};
use super::scan::Scan;
use crate::spec::{Phrase, Text};
use alloc::format;
use alloc::string::ToString;

/// Who asked. `named_by_kernel`: the device is not in the record but in front of the message.
pub(super) fn device(found: &mut Found, arch: Arch, text: &str, named_by_kernel: bool) {
    let value = match (Scan(text).device(), Scan(text).hex()) {
        // A number alone is shown as PCI Express reads it too.
        (None, Some(id)) if id > 0 && id <= 0xffff => {
            format!("{text} ({})", crate::addr::RequesterId::new(id as u32))
        }
        _ => text.to_string(),
    };
    let meaning = match (named_by_kernel, Scan(text).device().is_some(), arch) {
        (true, ..) => Text::new(
            "the device that the kernel looked up by the recorded number",
            "内核根据记录的编号查到的设备",
        ),
        (false, true, _) | (false, false, Arch::VtD | Arch::AmdVi) => Text::new(
            "as the request carried it; behind a PCIe-to-PCI bridge it is the bridge's number",
            "请求所携带的编号；在 PCIe 转 PCI 桥之后则是桥的编号",
        ),
        (false, false, _) => Text::new(
            "as the unit saw it; for a PCI device firmware maps it from bus:device.function",
            "单元看到的编号；对 PCI 设备由固件从 总线:设备.功能 映射而来",
        ),
    };
    found.certain(arch.device_term(), value, meaning);
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

/// What the address looks like.
pub(super) fn address(found: &mut Found, address: u64) {
    let looks = match address {
        0..=0xfff => Text::new(
            "page 0: a descriptor that was never filled in, or a null pointer",
            "第 0 页：未填写的描述符，或空指针",
        ),
        0xfee0_0000..=0xfeef_ffff => Text::new(
            "the x86 interrupt range: an MSI address, which is never memory",
            "x86 中断区间：这是 MSI 地址，绝不是内存",
        ),
        0xf000_0000..=0xffff_ffff => Text::new(
            "just below 4 GiB: where Linux hands out DMA addresses first, so it was probably mapped once",
            "紧靠 4 GiB 之下：Linux 优先从这里分配 DMA 地址，很可能曾经映射过",
        ),
        0xffff_8000_0000_0000.. => Text::new(
            "a kernel virtual address (canonical, upper half): the driver passed a pointer",
            "内核虚拟地址（规范地址的高半部）：驱动传递了指针",
        ),
        0x7000_0000_0000..=0x7fff_ffff_ffff => Text::new(
            "a user virtual address (mmap area): shared virtual addressing, or a process's pointer",
            "用户虚拟地址（mmap 区）：共享虚拟寻址，或进程的指针",
        ),
        a if poison(a) => Text::new(
            "a poison pattern: memory that was freed or never written",
            "毒化模式：已释放或从未写入的内存",
        ),
        a if a >> 48 != 0 => {
            Text::new("above 48 bits: garbage, or a tagged pointer", "超过 48 位：垃圾值，或带标签的指针")
        }
        0x1000..=0xf_ffff => {
            Text::new("below 1 MiB: legacy memory, used by firmware", "低于 1 MiB：传统内存区，由固件使用")
        }
        _ => return,
    };
    found.inferred(Text::new("the address looks like", "地址特征"), format!("{address:#x}"), looks);
}

/// Patterns that kernels and drivers fill dead memory with.
fn poison(address: u64) -> bool {
    let low = address as u32;
    let bytes = address.to_le_bytes();
    matches!(low & 0xffff_f000, 0xdead_b000 | 0x6b6b_6000 | 0x5a5a_5000 | 0xaaaa_a000 | 0xcccc_c000)
        || matches!(address >> 32, 0xdead_0000 | 0xdead_beef)
        || (bytes[2] == bytes[3] && bytes[2] == bytes[4] && matches!(bytes[2], 0x6b | 0x5a | 0xaa | 0xcc))
}

/// The region in `DMAR: RMRR base: 0x... end: 0x...`.
pub(super) fn reserved_region(line: &str) -> Option<(u64, u64)> {
    let body = Scan(line).after("RMRR base:")?;
    Some((body.hex()?, body.after("end:")?.hex()?))
}

/// Is the address in a region that firmware reserves, as the same log says?
pub(super) fn add_reserved(item: &mut Item, regions: &[(u64, u64)]) {
    let Kind::Fault(fault) = &item.kind else { return };
    let Some(at) = fault.address else { return };
    let Some((first, last)) = regions.iter().find(|(first, last)| (*first..=*last).contains(&at)) else {
        return;
    };
    item.fields.push(Field {
        name: Text::new("reserved region", "保留区域"),
        value: Phrase::same(format!("{first:#x} .. {last:#x}")),
        meaning: Phrase::new(
            "the log lists this region (RMRR) as one that firmware's devices use: it must stay mapped for them",
            "日志中此区域（RMRR）由固件的设备使用：必须为其保持映射",
        ),
        certainty: Certainty::Inferred,
    });
    item.causes.retain(|cause| *cause != &FIRMWARE_DEVICE);
    item.causes.insert(0, &FIRMWARE_DEVICE);
    item.causes.truncate(4);
}

/// What the same fault at several addresses suggests.
pub(super) fn add_pattern(item: &mut Item) {
    let Kind::Fault(fault) = &item.kind else { return };
    let (Some(first), count) = (fault.address, item.repeats.len()) else { return };
    if count == 0 {
        return;
    }
    let (mut low, mut high, mut same, mut rising) = (first, first, true, true);
    let mut before = first;
    for at in item.repeats.iter().filter_map(|repeat| repeat.address) {
        low = low.min(at);
        high = high.max(at);
        same &= at == first;
        rising &= at > before && at - before <= 0x10000;
        before = at;
    }
    let meaning = match () {
        () if same => Text::new(
            "always the same page: a retry, or a ring that the device polls",
            "总是同一页：重试，或设备轮询的描述符环",
        ),
        () if rising => Text::new(
            "rising page by page: one long transfer through memory that is not mapped",
            "逐页递增：一次较长的传输穿过未映射的内存",
        ),
        () if high - low < 0x20_0000 => Text::new(
            "scattered within 2 MiB: one buffer or ring, used after it was unmapped",
            "分散在 2 MiB 之内：某个缓冲区或环在解除映射后仍被使用",
        ),
        () => Text::new(
            "far apart: many buffers at once, as after a reset, or wild addresses",
            "相距很远：同时涉及许多缓冲区（例如复位之后），或随机地址",
        ),
    };
    let value = match same {
        true => format!("{} x {first:#x}", count + 1),
        false => format!("{} x {low:#x} .. {high:#x}", count + 1),
    };
    item.fields.push(Field {
        name: Text::new("pattern", "规律"),
        value: Phrase::same(value),
        meaning: Phrase::from(meaning),
        certainty: Certainty::Inferred,
    });
}
