//! Intel VT-d: the fault report of Linux, from v2.6.25 on, and of Xen.

use super::causes::*;
use super::dump;
use super::evidence::Clue;
use super::fault::{Access, Arch, Entry, Fault};
use super::forms::Form;
use super::found::{Format, Found, Here, MISSING};
use super::hints;
use super::report::Kind;
use super::scan::{Device, Scan};
use super::scenario::Sketch;
use super::system::System;
use crate::iommu::vtd::faults;
use crate::spec::{Phrase, Text};
use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;

pub(super) static FORMAT: Format = Format {
    forms: FORMS,
    readers: &[
        ("[DMA ", fault),
        ("INTR-REMAP", fault),
        ("Request device [", fault),
        ("[fault reason ", second_half),
    ],
    patterns: &[],
    codes: || faults::ALL.iter().map(|fault| fault.code).collect::<Vec<_>>(),
    causes,
};

macro_rules! form {
    ($name:literal $wording:literal $source:literal) => {
        Form { name: $name, arch: Arch::VtD, wording: $wording, source: $source }
    };
}

static FORMS: &[Form] = &[
    form!("vtd-2.6" "DMAR:[DMA Read] Request device [*] fault addr * DMAR:[fault reason *] *" "Linux v2.6.25 to v3.18, two lines, reason in decimal"),
    form!("vtd-3.19" "DMAR: [DMA Read] Request device [*] fault addr * [fault reason *] *" "Linux v3.19 to v5.5, reason in decimal"),
    form!("vtd-5.6" "DMAR: [DMA Read] Request device [*] PASID * fault addr * [fault reason *] *" "Linux v5.6 to v5.13, PASID ffffffff is none, reason in decimal"),
    form!("vtd-5.14" "DMAR: [DMA Read NO_PASID] Request device [*] fault addr * [fault reason *] *" "Linux v5.14 and later, reason in hexadecimal; v5.14 and v5.15 write [0xbb:0xdd.f]; after v6.12 (seen in v7.3) with the segment, [0000:bb:dd.f]"),
    form!("vtd-interrupt" "DMAR: [INTR-REMAP] Request device [*] fault index * [fault reason *] *" "Linux v2.6.36 and later (before v3.19 two lines, INTR-REMAP:[fault reason); the segment as above"),
    form!("vtd-xen" "[VT-D]DMAR:[DMA Read] Request device [*] fault addr * [VT-D]DMAR: reason * - *" "Xen 4.x, two lines, reason in hexadecimal"),
];

/// What one report says.
#[derive(Clone, Copy, Default, PartialEq, Debug)]
struct Told<'a> {
    device: Option<Device<'a>>,
    access: Option<Access>,
    /// `Some(None)`: the line says that there is none.
    pasid: Option<Option<u32>>,
    address: Option<u64>,
    index: Option<u16>,
    reason: Option<u16>,
    /// Is each value followed by what must follow it?
    whole: bool,
}

/// `[DMA Read NO_PASID] Request device [bb:dd.f] fault addr 0x... [fault reason 0x06] ...` and its ancestors.
pub(super) fn fault(here: &Here<'_>) -> Option<Found> {
    let clean = here.text.replace("=3D", "=").replace("Request Device", "Request device");
    let text = clean.as_str();
    let told = read(text)?;
    let xen = here.line.xen || text.contains("[VT-D]");
    let form = match () {
        () if xen => "vtd-xen",
        () if told.access == Some(Access::Interrupt) => "vtd-interrupt",
        () if text.contains("PASID 0x") || text.contains("NO_PASID") => "vtd-5.14",
        () if text.contains("PASID") => "vtd-5.6",
        () if text.contains("DMAR:[fault") => "vtd-2.6",
        () => "vtd-3.19",
    };
    let system = if xen { System::Xen } else { here.system };
    let mut found = report(text, told, form, system);
    found.complete = told.whole;
    let words = text.rsplit(']').next().unwrap_or("").trim();
    found.words_follow = told.whole && words.len() < 72;
    if let Kind::Fault(fault) = found.kind {
        with_dump(here, fault, &mut found);
    }
    Some(found)
}

/// `DMAR:[fault reason 05] PTE Write access is not set` of kernels before v3.19, without the line above it.
fn second_half(here: &Here<'_>) -> Option<Found> {
    let head = Scan(here.text).before("[fault reason ")?.0.trim_end();
    let alone = matches!(head, "DMAR:" | "INTR-REMAP:");
    let reason = reason(Scan(here.text)).filter(|_| alone)?;
    let access = (head == "INTR-REMAP:").then_some(Access::Interrupt);
    Some(report(here.text, Told { reason: Some(reason), access, ..Told::default() }, "vtd-2.6", here.system))
}

/// The tables that a kernel with CONFIG_DMAR_DEBUG prints right under a fault: what refused is then seen, not guessed.
fn with_dump(here: &Here<'_>, mut fault: Fault, found: &mut Found) {
    let Some(at) = here.rest.iter().take(3).position(|line| line.text.contains("table entries for IOVA"))
    else {
        return;
    };
    let below = Here { text: &here.rest[at].text, line: &here.rest[at], rest: &here.rest[at + 1..], ..*here };
    let Some(dump) = dump::walk_of(&below, fault.device, fault.access) else { return };
    if fault.address.is_some_and(|address| address & !0xfff != dump.walk.address & !0xfff) {
        return;
    }
    found.used.push(at);
    found.used.extend(dump.found.used.iter().map(|offset| at + 1 + offset));
    found.fields.extend(dump.found.fields);
    found.notes.extend(dump.found.notes);
    let Some(&(level, value)) = dump.walk.entries.last() else { return };
    fault.entry = Some(Entry { level, value });
    let (read, write) = (value & 1 == 1, value & 2 == 2);
    let (clue, text) = match fault.access {
        _ if value == 0 => (
            Clue::EntryEmpty,
            Text::new("the table entry is empty: the page is not mapped", "表项为空：该页没有映射"),
        ),
        Some(Access::Write) if read && !write => (
            Clue::EntryOtherRight,
            Text::new(
                "the page is mapped, for reading only (as DMA_TO_DEVICE does): the device wrote",
                "该页有映射，但只读（即 DMA_TO_DEVICE 的映射），而设备在写",
            ),
        ),
        Some(Access::Read) if write && !read => (
            Clue::EntryOtherRight,
            Text::new(
                "the page is mapped, for writing only (as DMA_FROM_DEVICE does): the device read",
                "该页有映射，但只写（即 DMA_FROM_DEVICE 的映射），而设备在读",
            ),
        ),
        _ => return,
    };
    found.clue(clue);
    found.certain(Text::new("the entry that refused", "导致拒绝的表项"), format!("{value:#x}"), text);
    found.scenario = dump.found.scenario.or(Some(Sketch::Of(Arch::VtD, fault)));
    found.kind = Kind::Fault(fault);
}

fn read(text: &str) -> Option<Told<'_>> {
    let after = Scan(text).after("Request device")?;
    let head = Scan(text).before("Request device")?;
    // Prose that has the words has no bracket after them, and nothing of a fault.
    if !after.starts("[") || !(after.0.contains("fault") || after.0.contains("reason") || after.0.len() < 48)
    {
        return None;
    }
    let interrupt = head.0.contains("INTR-REMAP");
    let kind = head.after("[DMA ").map(Scan::word).unwrap_or("");
    let access = match () {
        () if interrupt => Some(Access::Interrupt),
        () if kind.eq_ignore_ascii_case("read") => Some(Access::Read),
        () if kind.eq_ignore_ascii_case("write") => Some(Access::Write),
        () => None,
    };
    let pasid = match head.after("PASID ").or_else(|| after.after("PASID ")).and_then(Scan::hex) {
        // Linux v5.6 to v5.13 printed -1 for "none".
        Some(0xffff_ffff) => Some(None),
        Some(pasid) => Some(Some(pasid as u32 & 0xf_ffff)),
        None if head.0.contains("NO_PASID") => Some(None),
        None => None,
    };
    let value = after.after("fault addr").or_else(|| after.after("fault index"));
    let end = |scan: Scan<'_>| {
        scan.0.find("[fault reason").or_else(|| scan.0.find("reason ")).unwrap_or(scan.0.len())
    };
    // Between the value and the reason: nothing, but the name that begins the second line of old kernels and of Xen.
    let between = value.map(|scan| {
        scan.0[..end(scan)].split_whitespace().filter(|word| !word.ends_with(':')).collect::<Vec<_>>()
    });
    let reason = reason(after);
    let tokens = between.as_ref().map_or(0, |words| {
        words.iter().position(|word| word.ends_with(',')).map_or(words.len(), |at| at + 1)
    });
    Some(Told {
        device: after.device(),
        access,
        pasid,
        address: after.after("fault addr").and_then(Scan::hex),
        index: after.after("fault index").and_then(Scan::hex).map(|index| index as u16),
        reason,
        whole: reason.is_some() && tokens <= 1,
    })
}

/// The reason: hexadecimal after `0x` (Linux from v5.14), before `h` or after a bare `reason` (Xen), else decimal.
fn reason(text: Scan<'_>) -> Option<u16> {
    let code = match text.after("fault reason ") {
        Some(at) if at.0.trim_start().starts_with("0x") => at.hex()?,
        Some(at) if at.word().ends_with('h') => {
            u64::from_str_radix(at.word().trim_end_matches('h'), 16).ok()?
        }
        Some(at) => at.number()?,
        None => text.after(": reason ").and_then(Scan::hex)?,
    };
    u16::try_from(code).ok()
}

fn report(text: &str, told: Told<'_>, form: &'static str, system: System) -> Found {
    let known = told.reason.and_then(faults::by_code);
    let ones = told.reason == Some(0xff)
        && told.address.is_none_or(|at| at | 0xfff == u64::MAX)
        && told.device.is_some_and(|device| device.id.bdf16() == 0xffff);
    if ones {
        let mut found = Found::status(
            Arch::VtD,
            form,
            Phrase::new(
                "VT-d: the fault record reads as all ones: the unit does not answer, no fault happened",
                "VT-d：故障记录读出全 1，这是 IOMMU 没有应答，并没有发生转换错误",
            ),
        );
        found.system = system;
        found.causes = &[&UNIT_GONE];
        found.clue(Clue::AllOnes);
        found.certain(
            Text::new("record", "记录"),
            Text::new("ff:1f.7, 0xff", "ff:1f.7、0xff"),
            Text::new(
                "device, address and reason are all ones: what a read of hardware that is off or gone returns",
                "设备、地址、原因均为全 1：读取已关闭或已消失的硬件时的返回值",
            ),
        );
        return found;
    }
    let fault = Fault {
        code: told.reason,
        known,
        device: told.device.map(|device| device.id),
        segment: told.device.and_then(|device| device.wide_segment()),
        pasid: told.pasid.flatten(),
        access: told.access,
        address: told.address,
        index: told.index.filter(|_| told.reason != Some(0x25)),
        ..Fault::default()
    };
    let device = told.device.map_or("?", |device| device.text);
    let (en, zh) = match (known, told.reason) {
        (Some(known), _) => (known.text.en.to_string(), known.text.zh.to_string()),
        (None, Some(code)) => (format!("reason {code:#x}"), format!("原因 {code:#x}")),
        (None, None) => ("reason missing".to_string(), "日志里没有错误码".to_string()),
    };
    let title = Phrase::new(format!("VT-d, device {device}: {en}"), format!("VT-d，设备 {device}：{zh}"));
    let mut found = Found::fault(fault, Arch::VtD, form, title);
    found.system = system;
    found.causes = causes(&fault);
    if system == System::Xen && matches!(fault.code, None | Some(0x05 | 0x06)) {
        found.clue(Clue::XenMaps);
    }
    reason_field(&mut found, &fault, text.contains("fault reason"));
    if let Some(device) = told.device {
        hints::device(&mut found, Arch::VtD, device.text, false);
        // What firmware left to the display is below 4 GiB.
        if device.id.bdf16() == 0x10
            && told.address.is_none_or(|at| at < 1 << 32)
            && matches!(fault.code, None | Some(0x01 | 0x02 | 0x05..=0x0c | 0x39 | 0x41 | 0x71))
        {
            found.clue(Clue::GraphicsDevice);
        }
    }
    hints::fault(&mut found, &fault);
    match fault.code {
        Some(0x01 | 0x02 | 0x39 | 0x41 | 0x51 | 0x59) if fault.pasid.is_none() => found.clue(Clue::NoDomain),
        Some(0x71) => found.clue(Clue::PageAbsent),
        Some(0x25) => found.clue(Clue::CompatibilityFormat),
        // The tables of a display that firmware left running are firmware's: their words prove nothing.
        Some(0x0a..=0x0c) if found.clues.has(Clue::GraphicsDevice) => {}
        Some(0x0a..=0x0c | 0x3a | 0x42 | 0x52 | 0x5a | 0x72 | 0x7a) => found.clue(Clue::ReservedBit),
        Some(0x81) => found.clue(Clue::UserPrivilege),
        Some(0x82 | 0x5c) => found.clue(Clue::IsFetch),
        _ => {}
    }
    // Only an AtomicOp needs both rights and is shown as a read: its type is 11b, of which Linux prints one bit.
    if told.access == Some(Access::Read) && matches!(fault.code, Some(0x05 | 0x85)) {
        found.inferred(
            Text::new("access and reason", "访问与原因"),
            "AtomicOp?",
            Text::new(
                "the message says read, the reason says write: an AtomicOp, or a kernel that prints the type wrongly",
                "消息为读，原因却是写：可能是原子操作，或内核打印的类型有误",
            ),
        );
    }
    if let Some(access) = told.access {
        let meaning = match access {
            Access::Interrupt => Text::new("the device raised an interrupt", "设备发出了中断"),
            Access::Write => Text::new("data from the device to memory", "数据从设备到内存"),
            _ => Text::new("data from memory to the device", "数据从内存到设备"),
        };
        found.certain(Text::new("access", "访问"), access.text(), meaning);
    }
    process(&mut found, told);
    if let Some(index) = told.index {
        let meaning = match told.reason {
            Some(0x25) => Phrase::new(
                "means nothing: a message of the old format has no handle, so no index was computed (VT-d 5.1.4.1)",
                "无意义：旧格式的消息没有句柄，因此没有计算索引（VT-d 5.1.4.1）",
            ),
            _ => Phrase::new(
                format!("entry {index} of the interrupt remapping table, at IRTA + {:#x}", u32::from(index) * 16),
                format!("中断重映射表的 {index} 号表项（从 0 起编号），位于 IRTA + {:#x}", u32::from(index) * 16),
            ),
        };
        found.certain(Text::new("interrupt index", "中断索引"), format!("{index:#x}"), meaning);
    }
    match (told.address, Scan(text).after("fault addr").map(Scan::word)) {
        (Some(address), _) => {
            found.certain(
                Text::new("fault address", "出错地址"),
                format!("{address:#x}"),
                Text::new(
                    "the page of the address that the device sent; bits 11:0 are not recorded",
                    "设备发出的地址所在的页；位 11:0 不记录",
                ),
            );
            if fault.code.is_some_and(walked) {
                hints::indices(&mut found, address);
            }
            hints::address(&mut found, address);
        }
        (None, Some(hidden)) if !hidden.is_empty() && !hidden.ends_with(':') && told.access != Some(Access::Interrupt) => found
            .inferred(
            Text::new("fault address", "出错地址"),
            hidden,
            Text::new(
                "not a number: part of it was taken out of the paste. The scenario uses an address made up for it",
                "不是数字：给出的日志里部分内容被隐去。生成的场景改用示例地址",
            ),
        ),
        _ => {}
    }
    if let Some(reg) = Scan(text).after("iommu reg =").and_then(Scan::hex) {
        found.certain(
            Text::new("unit", "IOMMU"),
            format!("{reg:#x}"),
            Text::new("where Xen maps the unit's registers", "Xen 把该 IOMMU 的寄存器映射到这里"),
        );
    }
    found.scenario = Some(Sketch::Of(Arch::VtD, fault));
    found
}

fn process(found: &mut Found, told: Told<'_>) {
    let first_stage = matches!(told.reason, Some(0x70..=0x77 | 0x80..=0x82 | 0x90 | 0x91));
    let scalable = matches!(told.reason, Some(0x50..=0x5d | 0x83..=0x87));
    match told.pasid {
        Some(Some(pasid)) => found.certain(
            Arch::VtD.process_term(),
            format!("{pasid:#x}"),
            Text::new("the process that the request speaks for", "请求访问哪个进程的地址空间"),
        ),
        Some(None) => {
            found.clue(Clue::NoPasid);
            let meaning = match first_stage {
                true => Text::new(
                    "a request without PASID: ordinary DMA, with no process involved; in scalable mode it may go through first-stage tables, as the reason says that it did here",
                    "请求不带 PASID，是普通 DMA，与进程无关；可扩展模式下它可以走第一阶段页表，由错误码可知这里就是",
                ),
                false if scalable => Text::new(
                    "a request without PASID: ordinary DMA of the kernel; no process is involved",
                    "请求不带 PASID：内核的普通 DMA；与进程无关",
                ),
                false => Text::new("a request without PASID: ordinary DMA", "请求不带 PASID：普通 DMA"),
            };
            found.certain(Arch::VtD.process_term(), Text::new("none", "无"), meaning);
        }
        None if matches!(told.access, Some(Access::Read | Access::Write)) => {
            found.clue(Clue::NoPasid);
            found.inferred(
                Arch::VtD.process_term(),
                Text::new("none?", "可能没有"),
                Text::new("this form of the message has no PASID", "此格式的消息不含 PASID"),
            );
        }
        None => {}
    }
}

/// The causes of a reason, in the order that holds without evidence (VT-d 7.1.3).
pub(super) fn causes(fault: &Fault) -> &'static [&'static Cause] {
    let process = fault.pasid.is_some();
    match fault.code {
        None => &[&UNMAPPED_EARLY, &NEVER_MAPPED, &STALE_RING],
        // No entry for the bus or the device.
        Some(0x01 | 0x39) => &[&NOT_ATTACHED, &COPIED_TABLES, &ALIAS, &STALE_RING],
        Some(0x02 | 0x41) => &[&NOT_ATTACHED, &ALIAS, &STALE_RING, &COPIED_TABLES],
        Some(0x03 | 0x0a | 0x0b | 0x3a | 0x42 | 0x43 | 0x52 | 0x5a | 0x5b) => {
            &[&BAD_ENTRY, &CORRUPTED, &COPIED_TABLES]
        }
        // Before any table is read: what is in the tables is no cause.
        Some(0x04 | 0x83) => &[&TOO_WIDE, &PHYSICAL_ADDRESS],
        Some(0x74 | 0x84) => &[&TOO_WIDE, &PHYSICAL_ADDRESS, &CORRUPTED],
        // In second-stage tables "not present" is "neither read nor write allowed", so 5 and 6 are also the plain miss.
        Some(0x05 | 0x06) => {
            &[&UNMAPPED_EARLY, &NEVER_MAPPED, &WRONG_DIRECTION, &PHYSICAL_ADDRESS, &FIRMWARE_DEVICE]
        }
        Some(0x79 | 0x85 | 0x86) => &[&UNMAPPED_EARLY, &NEVER_MAPPED, &WRONG_DIRECTION, &STAGE2_HOLE],
        Some(0x75..=0x77) => &[&STAGE2_HOLE, &WRONG_DIRECTION, &CORRUPTED],
        Some(0x07 | 0x08 | 0x09 | 0x30 | 0x38 | 0x40 | 0x50 | 0x58 | 0x70 | 0x73 | 0x78 | 0x7b) => {
            &[&TABLE_UNREADABLE, &CORRUPTED, &COPIED_TABLES]
        }
        Some(0x0c | 0x72 | 0x7a) => &[&SUPERPAGE, &BAD_ENTRY, &CORRUPTED],
        Some(0x0d | 0x31 | 0x32 | 0x44 | 0x47) => &[&ATS_BLOCKED, &BAD_ENTRY, &STALE_RING],
        Some(0x0e | 0x87) => &[&MSI_RANGE, &NEVER_MAPPED, &CORRUPTED],
        Some(0x45 | 0x46 | 0x48) => &[&PASID_CONFIG, &PASID_NOT_BOUND, &BAD_ENTRY],
        Some(0x51) if process => &[&PASID_NOT_BOUND, &NOT_FLUSHED, &COPIED_TABLES],
        Some(0x59) if process => &[&PASID_NOT_BOUND, &NOT_ATTACHED, &COPIED_TABLES],
        Some(0x51 | 0x59) => &[&NOT_ATTACHED, &STALE_RING, &COPIED_TABLES],
        Some(0x5c) => &[&NO_EXECUTE, &PASID_CONFIG, &BAD_ENTRY],
        Some(0x5d) => &[&USER_BIT, &PASID_CONFIG, &BAD_ENTRY],
        Some(0x71) if process => &[&PROCESS_UNMAPPED, &NO_PAGE_REQUEST, &UNMAPPED_EARLY, &NOT_FLUSHED],
        Some(0x71) => &[&UNMAPPED_EARLY, &NEVER_MAPPED, &PHYSICAL_ADDRESS, &STALE_RING],
        Some(0x80) if process => &[&TOO_WIDE, &PROCESS_UNMAPPED, &PHYSICAL_ADDRESS],
        Some(0x80) => &[&TOO_WIDE, &PHYSICAL_ADDRESS],
        Some(0x81) => &[&USER_BIT, &PROCESS_UNMAPPED, &BAD_ENTRY],
        Some(0x82) => &[&NO_EXECUTE, &PROCESS_UNMAPPED, &BAD_ENTRY],
        Some(0x7c | 0x90 | 0x91) => &[&BAD_ENTRY, &TABLE_UNREADABLE],
        Some(0x20 | 0x21 | 0x24) => &[&IR_CONFIG, &CORRUPTED, &IR_NOT_PRESENT],
        Some(0x22) => &[&IR_NOT_PRESENT, &NOT_FLUSHED, &IR_STALE],
        Some(0x23) => &[&TABLE_UNREADABLE, &CORRUPTED],
        Some(0x25) => &[&IR_COMPATIBILITY, &GUEST_MSI, &STALE_RING],
        Some(0x26) => &[&IR_WRONG_SOURCE, &ALIAS, &IR_GIVEN_AWAY],
        Some(0x29) => &[&MSI_RANGE, &NEVER_MAPPED, &CORRUPTED],
        _ if fault.access == Some(Access::Interrupt) => &[&IR_CONFIG, &IR_NOT_PRESENT],
        _ => &[&BAD_ENTRY, &CORRUPTED, &STALE_RING],
    }
}

/// `hidden`: the message has the word, and no number after it.
fn reason_field(found: &mut Found, fault: &Fault, hidden: bool) {
    let name = Text::new("fault reason", "错误码");
    match (fault.known, fault.code) {
        (Some(known), _) => {
            found.certain(name, hints::numbered(known), known.text);
            let at = stopped_at(known.code);
            let follows = match known.code {
                0x20..=0x29 => {
                    Text::new("follows from the reason (VT-d 5.1.4.1)", "由错误码推得（VT-d 5.1.4.1）")
                }
                _ => Text::new("follows from the reason (VT-d 7.1.3)", "由错误码推得（VT-d 7.1.3）"),
            };
            found.certain(Text::new("stopped at", "停在"), at, follows);
        }
        (None, Some(code)) => found.certain(
            name,
            format!("{code:#04x}"),
            Text::new("not a reason of the VT-d specification", "不是 VT-d 规范中的原因"),
        ),
        (None, None) => found.inferred(
            name,
            MISSING,
            match found.system {
                _ if hidden => Text::new(
                    "not a number: part of it was taken out of the paste",
                    "不是数字：给出的日志里部分内容被隐去",
                ),
                System::Xen => Text::new(
                    "missing from the paste; Xen prints it on the next line",
                    "给出的日志里没有；Xen 打印在下一行",
                ),
                _ => Text::new(
                    "missing from the paste; before Linux v3.19 it was on the next line",
                    "给出的日志里没有；Linux v3.19 之前打印在下一行",
                ),
            },
        ),
    }
}

/// Did the walk of the paging structures decide: do the indices of the address matter?
pub(super) fn walked(code: u16) -> bool {
    matches!(code, 0x05..=0x07 | 0x0c | 0x70..=0x7d | 0x81 | 0x82 | 0x85 | 0x86 | 0x90 | 0x91)
}

/// Which structure refused: it follows from the reason alone (VT-d 7.1.3, of interrupts 5.1.4.1).
fn stopped_at(code: u16) -> Text {
    match code {
        0x01 | 0x08 | 0x0a | 0x38..=0x3a => Text::new("the root entry of the bus", "该总线的根表项"),
        0x02 | 0x03 | 0x09 | 0x0b | 0x0d | 0x40..=0x48 => {
            Text::new("the context entry of the device", "该设备的上下文表项")
        }
        0x20 | 0x25 | 0x29 => Text::new("the interrupt message itself", "中断消息本身"),
        0x21 => Text::new("the bounds of the interrupt remapping table", "中断重映射表的边界"),
        0x22..=0x24 | 0x26 => Text::new("the interrupt remapping table entry", "中断重映射表项"),
        0x27 | 0x28 => Text::new("the posted-interrupt descriptor", "posted 中断描述符"),
        0x30..=0x32 => Text::new("the root table address register", "根表地址寄存器"),
        0x50..=0x52 => Text::new("the PASID-directory entry", "PASID 目录项"),
        0x58..=0x5d => Text::new("the PASID-table entry", "PASID 表项"),
        0x70..=0x77 | 0x81 | 0x90 | 0x91 => {
            Text::new("an entry of the first-stage tables", "第一阶段页表中的一项")
        }
        0x05..=0x07 | 0x0c | 0x78..=0x7d => {
            Text::new("an entry of the second-stage tables", "第二阶段页表中的一项")
        }
        0x04 => Text::new(
            "the check of the input address, before any page table is read (the root and context tables have been)",
            "检查输入地址这一步，根表、上下文表已查过，还没有查页表",
        ),
        0x80 | 0x83 => Text::new(
            "the check of the input address, before any page table is read (the root, context and PASID tables have been)",
            "检查输入地址这一步，根表、上下文表和 PASID 表已查过，还没有查页表",
        ),
        0x0e | 0x84 | 0x87 => Text::new("the output address, after the walk", "查表得到的输出地址"),
        _ => {
            Text::new("an entry of the first-stage or second-stage tables", "第一阶段或第二阶段页表中的一项")
        }
    }
}
