//! AMD-Vi: the event log as Linux and Xen print it.
//!
//! Codes and flags are of the AMD I/O Virtualization Technology (IOMMU) Specification (document 48882), section 2.5.

use super::causes::*;
use super::evidence::Clue;
use super::fault::{Access, Arch, Fault};
use super::forms::Form;
use super::found::{Format, Found, Here};
use super::hints;
use super::scan::{Device, Scan};
use super::scenario::Sketch;
use super::system::System;
use crate::iommu::amdvi::spec::events::{REQUEST_TYPES, TRANSLATION_TYPES};
use crate::spec::{FaultCode, Phrase, Text};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

pub(super) static FORMAT: Format = Format {
    forms: FORMS,
    readers: &[
        ("Event logged [", event),
        ("IO_PAGE_FAULT", event),
        ("ILLEGAL_DEV_TABLE_ENTRY", event),
        ("_HARDWARE_ERROR", event),
        ("RMP_HW_ERROR", event),
        ("ILLEGAL_COMMAND_ERROR", event),
        ("INVALID_DEVICE_REQUEST", event),
        ("INVALID_PPR_REQUEST", event),
        ("Completion-Wait loop timed out", status),
        ("Event log overflow", status),
        ("event log overflow", status),
        ("vent log restarting", status),
        ("PR log overflow", status),
        ("PR log restarting", status),
        ("A log overflow", status),
        ("A log restarting", status),
    ],
    patterns: &[],
    codes: || AMD_EVENTS.iter().map(|event| event.code).collect::<Vec<_>>(),
    causes,
};

macro_rules! form {
    ($name:literal $wording:literal $source:literal) => {
        Form { name: $name, arch: Arch::AmdVi, wording: $wording, source: $source }
    };
}

static FORMS: &[Form] = &[
    form!("amd-event" "AMD-Vi: Event logged [IO_PAGE_FAULT device=* domain=* address=* flags=*]" "Linux v2.6.26 and later; from v3.11 in front of it the device that Linux found, from v6.0 device with the segment"),
    form!("amd-event-iotlb" "AMD-Vi: Event logged [IOTLB_INV_TIMEOUT device=* address=*]" "Linux v2.6.26 and later"),
    form!("amd-unknown" "AMD-Vi: Event logged [UNKNOWN event[0]=* event[1]=* event[2]=* event[3]=*" "Linux v4.20 and later (before: UNKNOWN type=*)"),
    form!("amd-not-attached" "AMD-Vi: Event logged [Device not attached to domain properly]" "Linux v5.17 and later, with device=* domain=* on the next line"),
    form!("amd-xen" "AMD-Vi: IO_PAGE_FAULT: * d* addr * flags * *" "Xen 4.15 to 4.20, xen/drivers/passthrough/amd/iommu_init.c; 4.14 and before print the device as ssss:bb:dd.f too"),
    form!("amd-completion-wait" "AMD-Vi: Completion-Wait loop timed out" "Linux v2.6.31 and later"),
    form!("amd-overflow" "AMD-Vi: IOMMU Event log restarting" "Linux v6.4 and later, also PPR and GA; v5.0 to v6.3: IOMMU event log overflow"),
];

macro_rules! events {
    ($($code:literal $name:literal $section:literal $en:literal $zh:literal;)*) => {
        /// The events of the AMD-Vi event log.
        pub static AMD_EVENTS: &[FaultCode] = &[$(FaultCode {
            code: $code,
            name: $name,
            text: Text::new($en, $zh),
            section: concat!("AMD IOMMU ", $section),
        }),*];
    };
}

events! {
    0x1 "ILLEGAL_DEV_TABLE_ENTRY" "2.5.2" "the device table entry is valid but malformed (a reserved bit, an illegal encoding), or forbids this kind of request" "设备表项有效但不合法（保留位不为 0 或编码非法），或不允许此类请求";
    0x2 "IO_PAGE_FAULT" "2.5.3" "the IOMMU refused the access: page not present, no permission, or an interrupt that is not remapped" "IOMMU 拒绝了该访问：页不存在、权限不足，或中断没有重映射";
    0x3 "DEV_TAB_HARDWARE_ERROR" "2.5.4" "reading the device table failed on the bus" "读取设备表时总线出错";
    0x4 "PAGE_TAB_HARDWARE_ERROR" "2.5.5" "reading a page table failed on the bus" "读取页表时总线出错";
    0x5 "ILLEGAL_COMMAND_ERROR" "2.5.6" "the command buffer holds a command that the IOMMU rejects" "命令缓冲区中有 IOMMU 拒绝的命令";
    0x6 "COMMAND_HARDWARE_ERROR" "2.5.7" "reading the command buffer failed on the bus" "读取命令缓冲区时总线出错";
    0x7 "IOTLB_INV_TIMEOUT" "2.5.8" "a device did not answer an invalidation of its own TLB in time" "设备没有及时响应对其自身 TLB 的失效请求";
    0x8 "INVALID_DEVICE_REQUEST" "2.5.9" "the device sent a request of a kind that is not allowed here" "设备发出了此处不允许的请求";
    0x9 "INVALID_PPR_REQUEST" "2.5.10" "the device sent a page request that is not allowed" "设备发出了不允许的页请求";
    0xa "EVENT_COUNTER_ZERO" "2.5.11" "an event counter ran down to zero" "事件计数器归零";
    0xb "GUEST_EVENT_FAULT" "2.5" "a guest's event could not be written" "无法写入客户机事件";
    0xc "VIOMMU_HARDWARE_ERROR" "2.5" "the virtual IOMMU met a hardware error" "虚拟 IOMMU 遇到硬件错误";
    0xd "RMP_PAGE_FAULT" "2.5" "the reverse map table (SEV-SNP) refused the access" "反向映射表（SEV-SNP）拒绝了访问";
    0xe "RMP_HW_ERROR" "2.5" "reading the reverse map table failed" "读取反向映射表失败";
}

/// The bits that Linux prints as `flags`: bits 59:48 of the event (section 2.5.3).
const FLAGS: [(u8, &str, Text); 9] = [
    (8, "TR", Text::new("it was a translation request (ATS)", "这是转换请求（ATS）")),
    (
        7,
        "RZ",
        Text::new("a reserved bit was not zero, or the level was wrong", "保留位不为 0，或页表级别有误"),
    ),
    (6, "PE", Text::new("permission was missing", "权限不足")),
    (5, "RW", Text::new("a write", "写")),
    (
        4,
        "PR",
        Text::new("the page was present (or the interrupt entry valid)", "页存在（或中断重映射表项有效）"),
    ),
    (3, "I", Text::new("it was an interrupt request", "这是中断请求")),
    (2, "US", Text::new("with user privilege", "以用户权限")),
    (1, "NX", Text::new("an instruction fetch", "取指")),
    (0, "GN", Text::new("with a PASID, by the guest page tables", "请求带 PASID，查的是客户机页表")),
];

/// `Event logged [NAME key=value ...]`, in every version's spelling, and Xen's `NAME: ssss:bb:dd.f dN addr N flags N`.
pub(super) fn event(here: &Here<'_>) -> Option<Found> {
    let text = here.text;
    if let Some(body) = Scan(text).after("Event logged [UNKNOWN") {
        return unknown(body);
    }
    if text.contains("Device not attached to domain properly") {
        return Some(not_attached(here));
    }
    let code = AMD_EVENTS.iter().find(|event| text.contains(event.name))?;
    let body = Scan(text).after(code.name)?;
    if let Some(body) = body.0.strip_prefix(':').filter(|body| body.contains(" addr ")) {
        return xen(code, Scan(body), here);
    }
    // Prose that mentions an event has none of its fields.
    let wrapped = body.0.trim().is_empty();
    if !wrapped
        && !["device=", "domain=", "address=", "flags=", "vmg_tag="].iter().any(|key| body.0.contains(key))
    {
        return None;
    }
    let record = text.contains("Event logged [")
        || body.0.split_whitespace().next().is_some_and(|word| word.contains('='));
    if !record {
        return None;
    }
    let fields = body.0.split(']').next().unwrap_or(body.0);
    let ended = body.0.contains(']');
    // Each word of the record is a key and a value: anything else is a value that a line break cut.
    let tidy = fields
        .split_whitespace()
        .all(|word| word.contains('=') && !word.ends_with('=') && !word.ends_with("=0x"));
    let body = Scan(fields);
    let named = body.after("device=").and_then(Scan::device);
    let device = named.or_else(|| before_message(text));
    let form = if code.code == 7 { "amd-event-iotlb" } else { "amd-event" };
    let mut found = decoded(code, form, body, device, named.is_none(), here);
    found.complete = ended && tidy || tidy && fields.contains("flags=") && !wrapped;
    taken_dump(&mut found, here);
    Some(found)
}

fn decoded(
    code: &'static FaultCode,
    form: &'static str,
    body: Scan<'_>,
    device: Option<Device<'_>>,
    named_by_kernel: bool,
    here: &Here<'_>,
) -> Found {
    let number = |key: &str| body.after(key).and_then(Scan::hex);
    let flags = number("flags=");
    let page_fault = code.code == 2;
    let bit = |bit: u32| flags.is_some_and(|flags| flags >> bit & 1 == 1);
    // I with an address that no interrupt has contradicts itself.
    let address = number("address=").or_else(|| number("gpa=")).or_else(|| number("spa="));
    let at_interrupts =
        address.is_none_or(|at| matches!(at, 0xfee0_0000..=0xfeef_ffff) || hints::is_amd_interrupt(at));
    let interrupt = page_fault && bit(3);
    let contradiction = interrupt && !at_interrupts;
    let emulator =
        page_fault && address == Some(0) && number("domain=") == Some(0) && matches!(flags, Some(0x9 | 0xa));
    let access = match () {
        // QEMU's pattern: 9 is a read, a is a write.
        () if emulator => Some(if flags == Some(0xa) { Access::Write } else { Access::Read }),
        () if !page_fault || contradiction => None,
        () if interrupt => Some(Access::Interrupt),
        // RW says something only when PR = 1, TR = 0, I = 0 (section 2.5.3).
        () if bit(4) && !bit(8) => Some(if bit(5) { Access::Write } else { Access::Read }),
        () => None,
    };
    let pasid = number("pasid=").map(|p| p as u32).filter(|_| bit(0) && !emulator);
    let fault = Fault {
        code: Some(code.code),
        known: Some(code),
        device: device.map(|d| d.id),
        segment: device.and_then(|d| d.wide_segment()),
        pasid,
        access,
        address: address.filter(|_| !emulator),
        flags: flags.map(|flags| flags as u16).filter(|_| !emulator && !contradiction),
        ..Fault::default()
    };
    let (who_en, who_zh) = match device {
        Some(device) => (format!(" of {}", device.text), format!("，设备 {}", device.text)),
        None => (String::new(), String::new()),
    };
    let title = Phrase::new(format!("AMD-Vi {}{who_en}", code.name), format!("AMD-Vi {}{who_zh}", code.name));
    let mut found = Found::fault(fault, Arch::AmdVi, form, title);
    found.system = here.system;
    found.causes = causes(&fault);
    if here.system == System::Xen && page_fault && !interrupt {
        found.clue(Clue::XenMaps);
    }
    found.scenario = (!emulator && !contradiction).then_some(Sketch::Of(Arch::AmdVi, fault));
    found.certain(Text::new("event", "事件"), format!("{:#x} {}", code.code, code.name), code.text);
    if let Some(device) = device {
        match code.code {
            // IOTLB_INV_TIMEOUT: the device did not send it.
            7 if !named_by_kernel => hints::invalidated(&mut found, Arch::AmdVi, device.text),
            _ => hints::device(&mut found, Arch::AmdVi, device.text, named_by_kernel),
        }
    }
    hints::fault(&mut found, &fault);
    // Linux prints the field of a PAGE_TAB_HARDWARE_ERROR as a PASID whatever GN says; with GN = 0 it is the DomainID.
    let is_domain = pasid.is_none() && matches!(code.code, 2 | 4);
    let domain = number("domain=").or_else(|| number("pasid=").filter(|_| is_domain));
    if let Some(domain) = domain {
        if domain == 0 && page_fault && !emulator && !interrupt && here.system == System::Linux {
            found.clue(Clue::DomainZero);
        }
        found.certain(
            Text::new("domain id", "域 ID"),
            format!("{domain:#06x}"),
            match emulator {
                true => Text::new("QEMU leaves it 0", "QEMU 没有填写，总是 0"),
                false => Text::new(
                    "the domain in the device table entry; 0 is often a device that nothing was attached to",
                    "设备表项中的域；0 往往表示设备没有挂接到任何域",
                ),
            },
        );
    }
    if let Some(value) = number("pasid=").filter(|_| !is_domain) {
        let meaning = match pasid {
            Some(_) => Text::new("the process that the request speaks for", "请求访问哪个进程的地址空间"),
            None => Text::new("not valid: the flag GN is 0", "无效：标志 GN 为 0"),
        };
        found.certain(Arch::AmdVi.process_term(), format!("{value:#x}"), meaning);
    }
    address_field(&mut found, code, address, emulator, interrupt && !contradiction);
    if let Some(flags) = flags {
        match emulator {
            true => found.certain(
                Text::new("flags", "标志"),
                format!("{flags:#06x}"),
                Text::new(
                    "as QEMU writes them, 0x9 for a read and 0xa for a write: they are not the flags of the specification",
                    "QEMU 写入的值，0x9 表示读，0xa 表示写：不能按规范解读成标志位",
                ),
            ),
            false => flags_field(&mut found, code.code, flags),
        }
        evidence(&mut found, code.code, flags, interrupt && !contradiction && !emulator);
    }
    if emulator {
        found.clue(Clue::EmulatorPattern);
        found.inferred(
            Text::new("access", "访问"),
            if access == Some(Access::Write) { Access::Write.text() } else { Access::Read.text() },
            Text::new(
                "QEMU's amd-iommu (seen in 11.1.3) writes flags 0x0009 for a read and 0x000a for a write, and leaves out the address, the domain and, behind bridges, the bus: the record is not to be taken at its word",
                "QEMU 的 amd-iommu（见于 11.1.3）用标志 0x0009 表示读、0x000a 表示写，地址和域都写成 0，桥后设备的总线号也没有写：这条记录不能按字面理解",
            ),
        );
    } else if contradiction {
        found.clue(Clue::Contradiction);
        found.inferred(
            Text::new("contradiction", "矛盾"),
            "I",
            Text::new(
                "the flag I says interrupt, and the address is no interrupt address: one of them is wrong",
                "标志 I 表示中断，但地址不是中断地址：两者必有一误",
            ),
        );
    } else if interrupt {
        found.causes = INTERRUPT;
        found.certain(
            Text::new("access", "访问"),
            Access::Interrupt.text(),
            Text::new("the flag I: the interrupt table entry refused it", "标志 I：中断重映射表项拒绝了它"),
        );
    } else if let Some(access) = access {
        found.certain(
            Text::new("access", "访问"),
            access.text(),
            Text::new(
                "the flag RW, which counts because PR = 1",
                "由标志 RW 得出（1 为写，0 为读）；PR = 1 时它才有效",
            ),
        );
    } else if page_fault && flags.is_some() {
        found.inferred(
            Text::new("access", "访问"),
            Text::new("not recorded", "未记录"),
            Text::new(
                "RW and PE say something only when PR = 1, and it is 0",
                "RW 与 PE 仅在 PR = 1 时有意义，而此处为 0",
            ),
        );
    }
    found
}

fn address_field(found: &mut Found, code: &FaultCode, address: Option<u64>, emulator: bool, interrupt: bool) {
    let Some(address) = address else { return };
    let meaning = match code.code {
        _ if emulator => Text::new("QEMU writes 0 in place of the address", "QEMU 没有填写，总是 0"),
        3 | 4 => Text::new("the system-physical address that could not be read", "无法读取的系统物理地址"),
        5 | 6 => Text::new("the physical address of the command", "命令的物理地址"),
        7 => Text::new(
            "the physical address of the invalidation command that was not answered",
            "未得到应答的失效命令的物理地址",
        ),
        0xd | 0xe => Text::new("a guest-physical or system-physical address", "客户机物理或系统物理地址"),
        1 => Text::new("the address that the device sent, or of the entry", "设备发出的地址，或表项的地址"),
        _ if interrupt => Text::new("the address of the interrupt message", "中断消息的地址"),
        _ => Text::new("the address that the device sent", "设备发出的地址"),
    };
    found.certain(Text::new("address", "地址"), format!("{address:#x}"), meaning);
    if matches!(code.code, 2 | 8) && !emulator && !interrupt {
        hints::address(found, address);
    } else if interrupt && hints::is_amd_interrupt(address) {
        // No evidence: that an interrupt goes there is right.
        found.inferred(
            Text::new("the address looks like", "地址特征"),
            format!("{address:#x}"),
            hints::AMD_INTERRUPTS,
        );
    }
}

/// The flags in words: those that count (section 2.5.3), or the type of the event.
fn flags_field(found: &mut Found, code: u16, flags: u64) {
    let (mut en, mut zh) = (String::new(), String::new());
    let present = flags >> 4 & 1 == 1;
    for (bit, name, text) in FLAGS.iter().filter(|(bit, ..)| flags >> bit & 1 == 1) {
        // PE, RZ and RW mean nothing while PR = 0, in a page fault.
        if code == 2 && !present && matches!(bit, 5..=7) {
            en.push_str(&format!("{name} (says nothing: PR is 0); "));
            zh.push_str(&format!("{name}（无意义：PR 为 0）；"));
            continue;
        }
        en.push_str(&format!("{name} {}; ", text.en));
        zh.push_str(&format!("{name} {}；", text.zh));
    }
    if code == 2 && flags & 0x18 == 0 {
        en.push_str("PR is 0: the page was not present; ");
        zh.push_str("PR 为 0：页不存在；");
    }
    // Bits 59:57 of the event, where it has a type.
    let kind = flags >> 9 & 7;
    match (code, kind) {
        (8, kind) => {
            let table = if flags >> 8 & 1 == 1 { TRANSLATION_TYPES } else { REQUEST_TYPES };
            let text = table.iter().find(|(value, _)| *value == kind).map(|(_, text)| *text);
            let text = text.unwrap_or(Text::new("reserved", "保留"));
            en.push_str(&format!("type {kind:03b}b: {} (AMD 48882, section 2.5.9); ", text.en));
            zh.push_str(&format!("类型 {kind:03b}b：{}（AMD 48882 第 2.5.9 节）；", text.zh));
        }
        (3 | 4 | 6, kind) => {
            let (name_en, name_zh) = match kind & 3 {
                1 => ("01b: master abort", "01b：主设备中止"),
                2 => ("10b: target abort", "10b：目标中止"),
                3 => ("11b: data error", "11b：数据错误"),
                _ => ("00b: reserved", "00b：保留"),
            };
            en.push_str(&format!("type {name_en}; "));
            zh.push_str(&format!("类型 {name_zh}；"));
        }
        _ => {}
    }
    if en.is_empty() {
        en.push_str("no flag of AMD 48882, section 2.5, is set");
        zh.push_str("AMD 48882 第 2.5 节所列的标志都没有");
    }
    found.certain(
        Text::new("flags", "标志"),
        format!("{flags:#06x}"),
        Phrase::new(String::from(en.trim_end_matches("; ")), String::from(zh.trim_end_matches('；'))),
    );
}

/// What the flags are evidence of.
fn evidence(found: &mut Found, code: u16, flags: u64, interrupt: bool) {
    let bit = |bit: u32| flags >> bit & 1 == 1;
    match code {
        2 if interrupt => {}
        2 if bit(4) => {
            found.clue(Clue::PagePresent);
            if bit(7) {
                found.clue(Clue::ReservedBit);
            } else if bit(6) {
                found.clue(Clue::PermissionMissing);
            }
        }
        2 if !bit(3) => found.clue(Clue::PageAbsent),
        1 if bit(7) => found.clue(Clue::ReservedBit),
        8 if flags >> 9 & 7 == 5 => found.clue(Clue::PostedWrite),
        _ => {}
    }
    if code == 2 && !bit(0) {
        found.clue(Clue::NoPasid);
    }
}

const INTERRUPT: &[&Cause] = &[&IR_NOT_PRESENT, &STALE_RING, &IR_CONFIG];

/// Xen: `IO_PAGE_FAULT: 0000:0b:00.0 d3 addr 00000000fe0a9000 flags 0x30 RW PR`.
fn xen(code: &'static FaultCode, body: Scan<'_>, here: &Here<'_>) -> Option<Found> {
    // Whoever pasted it may have hidden the device or the address.
    let device = body.device();
    let domain = body.after(" d").and_then(Scan::number);
    let address = body.after(" addr ")?;
    let flags = body.after(" flags ").and_then(Scan::hex);
    if device.is_none() && flags.is_none() {
        return None;
    }
    let mut text = String::new();
    if let Some(address) = address.hex() {
        text.push_str(&format!("address={address:#x} "));
    }
    if let Some(flags) = flags {
        text.push_str(&format!("flags={flags:#x}"));
    }
    let here = Here { system: System::Xen, ..*here };
    let mut found = decoded(code, "amd-xen", Scan(&text), device, false, &here);
    if address.hex().is_none() {
        found.inferred(
            Text::new("address", "地址"),
            address.word(),
            Text::new(
                "not a number: part of it was taken out of the paste",
                "不是数字：给出的日志里部分内容被隐去",
            ),
        );
    }
    if let Some(domain) = domain {
        found.certain(
            Text::new("Xen domain", "Xen 域"),
            format!("d{domain}"),
            Text::new(
                "the virtual machine that owns the device; d0 is the control domain",
                "拥有该设备的虚拟机；d0 为控制域",
            ),
        );
    }
    found.complete = flags.is_some();
    Some(found)
}

/// `UNKNOWN event[0]=0x... event[1]=0x...`: the type is bits 31:28 of word 1, the device bits 15:0 of word 0.
fn unknown(body: Scan<'_>) -> Option<Found> {
    let zero = body.after("event[0]=").and_then(Scan::hex)?;
    let one = body.after("event[1]=").and_then(Scan::hex);
    let kind = one.map(|word| (word >> 28 & 0xf) as u16);
    let device = crate::addr::RequesterId::new(zero as u32 & 0xffff);
    let known = kind.and_then(|kind| AMD_EVENTS.iter().find(|event| event.code == kind));
    let fault = Fault { code: kind, known, device: Some(device), ..Fault::default() };
    let title = Phrase::new(
        format!("AMD-Vi: an event that Linux does not name, of {device}"),
        format!("AMD-Vi：Linux 未命名的事件，设备 {device}"),
    );
    let mut found = Found::fault(fault, Arch::AmdVi, "amd-unknown", title);
    found.complete = one.is_some() && body.0.contains("event[3]=");
    found.causes = causes(&fault);
    if let Some(kind) = kind {
        let meaning = known.map_or(
            Text::new("not an event of section 2.5", "不是 AMD 48882 第 2.5 节中的事件"),
            |event| event.text,
        );
        found.certain(Text::new("event", "事件"), format!("{kind:#x}"), meaning);
    }
    hints::device(&mut found, Arch::AmdVi, &device.to_string(), false);
    Some(found)
}

/// `Device not attached to domain properly` and the line `device=... domain=...` below it: software's own check.
fn not_attached(here: &Here<'_>) -> Found {
    let below = here
        .rest
        .iter()
        .take(2)
        .position(|line| line.text.contains("device=") && line.text.contains("domain="));
    let text = below.map_or(here.text, |at| &here.rest[at].text);
    let device = Scan(text).after("device=").and_then(Scan::device);
    let mut found = Found::software(
        Arch::AmdVi,
        "amd-not-attached",
        Phrase::new(
            "AMD-Vi: the driver took a device for attached whose domain is another",
            "AMD-Vi：驱动以为设备已挂接到该域，而设备实际属于另一个域",
        ),
    );
    found.used.extend(below);
    if let Some(device) = device {
        hints::device(&mut found, Arch::AmdVi, device.text, false);
    }
    if let Some(domain) = Scan(text).after("domain=").and_then(Scan::hex) {
        found.certain(
            Text::new("domain id", "域 ID"),
            format!("{domain:#06x}"),
            Text::new("the domain that the event names", "事件所指的域"),
        );
    }
    found.causes = &[&NOT_ATTACHED, &ALIAS];
    found
}

/// The words that follow: `DTE[n]: ...` after a bad device table entry, `CMD[n]: ...` after a bad command.
fn taken_dump(found: &mut Found, here: &Here<'_>) {
    let mut words = Vec::new();
    let mut name = "";
    for (offset, line) in here.rest.iter().enumerate().take(8) {
        if words.len() == 4 {
            break;
        }
        let Some(mark) = ["DTE[", "CMD["].into_iter().find(|mark| line.text.contains(mark)) else {
            if words.is_empty() && offset < 2 {
                continue;
            }
            break;
        };
        let Some(word) = Scan(&line.text).after(mark).and_then(|s| s.after(":")).and_then(Scan::hex) else {
            break;
        };
        name = mark.trim_end_matches('[');
        words.push(word);
        found.used.push(offset);
    }
    let shown: Vec<String> = words.iter().map(|word| format!("{word:016x}")).collect();
    match name {
        "DTE" => device_entry(found, &words, shown.join(" ")),
        "CMD" => found.certain(
            Text::new("command", "命令"),
            shown.join(" "),
            Text::new("the words of the rejected command", "被拒绝命令的内容"),
        ),
        _ => {}
    }
}

/// A device table entry (section 2.2.2.1).
pub(super) fn device_entry(found: &mut Found, words: &[u64], shown: String) {
    let bits = |word: usize, hi: u32, lo: u32| {
        words.get(word).map_or(0, |value| value >> lo & ((1 << (hi - lo + 1)) - 1))
    };
    let mode = bits(0, 11, 9);
    let (v, tv, ppr, gv, glx) =
        (bits(0, 0, 0), bits(0, 1, 1), bits(0, 52, 52), bits(0, 55, 55), bits(0, 57, 56));
    let (ir, iw, domain) = (bits(0, 61, 61), bits(0, 62, 62), bits(1, 15, 0));
    // GCR3 table root pointer: bits 14:12 in DTE 60:58, bits 30:15 in DTE 79:64+16, bits 51:31 in DTE 127:107.
    let gcr3 = bits(0, 60, 58) << 12 | bits(1, 31, 16) << 15 | bits(1, 63, 43) << 31;
    let host = bits(0, 51, 12) << 12;
    let (root_en, root_zh) = match (mode, gv) {
        (0, 1) => (
            format!("guest tables only: GCR3 table at {gcr3:#x}"),
            format!("只有客户机页表，GCR3 表位于 {gcr3:#x}"),
        ),
        (0, _) => ("no tables: addresses pass as they are".into(), "没有页表：地址原样通过".into()),
        (_, 1) => (
            format!("host tables at {host:#x}, {mode} levels; GCR3 table at {gcr3:#x}"),
            format!("宿主机页表位于 {host:#x}，{mode} 级；GCR3 表位于 {gcr3:#x}"),
        ),
        _ => (
            format!("host tables at {host:#x}, {mode} levels"),
            format!("宿主机页表位于 {host:#x}，{mode} 级"),
        ),
    };
    found.certain(
        Text::new("device table entry", "设备表项"),
        shown,
        Phrase::new(
            format!("V={v} TV={tv} Mode={mode} PPR={ppr} GV={gv} GLX={glx} IR={ir} IW={iw} DomainID={domain:#x}; {root_en} (section 2.2.2.1)"),
            format!("V={v} TV={tv} Mode={mode} PPR={ppr} GV={gv} GLX={glx} IR={ir} IW={iw} DomainID={domain:#x}；{root_zh}（第 2.2.2.1 节）"),
        ),
    );
    if v == 1 {
        found.clue(Clue::EntryValid);
    }
    if v == 1 && (ppr == 1 || gv == 1) {
        found.inferred(
            Text::new("features", "特性"),
            format!("PPR={ppr} GV={gv}"),
            Text::new(
                "each of these must be enabled in the unit's control register (PPREn, GTEn and, where it is used, EPHEn); an entry that asks for one that is off is illegal",
                "这些特性都必须在 IOMMU 的控制寄存器中启用（PPREn、GTEn，以及所用到的 EPHEn）；表项使用了未启用的特性即为非法",
            ),
        );
    } else if v == 1 && tv == 1 && mode == 0 && gv == 0 {
        found.clue(Clue::IdentityEntry);
        found.inferred(
            Text::new("features", "特性"),
            "Mode=0 GV=0",
            Text::new(
                "an identity entry: where SNP is enabled this is illegal by itself",
                "恒等表项：若启用了 SNP，它本身就是非法的",
            ),
        );
    }
}

/// The device in `ahci 0000:02:00.0: AMD-Vi: Event logged ...`: the word before the message.
fn before_message(text: &str) -> Option<Device<'_>> {
    let head = Scan(text).before("AMD-Vi").or_else(|| Scan(text).before("Event logged"))?.0;
    head.rsplit(' ')
        .map(|word| word.trim_end_matches(':'))
        .find_map(|word| Scan(word).device().filter(|device| device.text == word))
}

/// Messages about the unit itself.
fn status(here: &Here<'_>) -> Option<Found> {
    let line = here.text;
    if !line.contains("AMD-Vi") {
        return None;
    }
    let (form, title, causes): (_, _, &'static [&'static Cause]) = match () {
        () if line.contains("Completion-Wait") => (
            "amd-completion-wait",
            Phrase::new("AMD-Vi: a command was not finished in time", "AMD-Vi：命令没有及时完成"),
            &[&DEVICE_GONE, &LINK_ERROR, &BAD_DESCRIPTOR],
        ),
        () if line.contains("PPR log") || line.contains("PR log") => (
            "amd-overflow",
            Phrase::new(
                "AMD-Vi: the page request log was full; it starts again",
                "AMD-Vi：页请求日志已满，重新开始",
            ),
            &[&PROCESS_UNMAPPED, &PASID_NOT_BOUND],
        ),
        () if line.contains("GA log") || line.contains("A log ") => (
            "amd-overflow",
            Phrase::new(
                "AMD-Vi: the guest interrupt log was full; it starts again",
                "AMD-Vi：客户机中断日志已满，重新开始",
            ),
            &[&STALE_RING],
        ),
        () => (
            "amd-overflow",
            Phrase::new("AMD-Vi: the event log was full, events are lost", "AMD-Vi：事件日志已满，事件丢失"),
            &[&UNMAPPED_EARLY, &STALE_RING],
        ),
    };
    let mut found = Found::status(Arch::AmdVi, form, title);
    found.causes = causes;
    Some(found)
}

/// The causes of an event, in the order that holds without evidence.
pub(super) fn causes(fault: &Fault) -> &'static [&'static Cause] {
    match fault.code {
        Some(0x1) => &[&NOT_ATTACHED, &ATS_BLOCKED, &CONTROL_NOT_RESTORED, &STALE_RING],
        Some(0x2) if fault.access == Some(Access::Interrupt) => INTERRUPT,
        Some(0x2) if fault.pasid.is_some() => &[&PROCESS_UNMAPPED, &PASID_NOT_BOUND, &NO_PAGE_REQUEST],
        Some(0x2) => &[&UNMAPPED_EARLY, &NEVER_MAPPED, &WRONG_DIRECTION, &PHYSICAL_ADDRESS, &FIRMWARE_DEVICE],
        Some(0x3 | 0x4 | 0x6 | 0xe) => &[&TABLE_UNREADABLE, &CORRUPTED, &MEMORY_ERROR],
        Some(0x5) => &[&BAD_DESCRIPTOR, &CORRUPTED],
        Some(0x7) => &[&DEVICE_GONE, &LINK_ERROR],
        Some(0x8) => &[&ATS_BLOCKED, &CHIPSET_INTERRUPT, &STALE_RING, &ALIAS],
        Some(0x9) => &[&NO_PAGE_REQUEST, &PASID_CONFIG, &STALE_RING],
        Some(0xd) => &[&ENCRYPTED, &UNMAPPED_EARLY],
        _ => &[&BAD_ENTRY, &CORRUPTED],
    }
}
