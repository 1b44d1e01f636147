//! AMD-Vi: the event log as Linux prints it.
//!
//! Codes and flags are of the AMD I/O Virtualization Technology (IOMMU) Specification (document 48882), section 2.5.

use super::causes::{self, Cause};
use super::fault::{Access, Arch, Fault};
use super::items::{Found, Kind};
use super::scan::{unquoted, Device, Scan};
use super::{hints, items};
use crate::spec::{FaultCode, Phrase, Text};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

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
    0x1 "ILLEGAL_DEV_TABLE_ENTRY" "2.5.2" "the device table entry is invalid, or forbids this kind of request" "设备表项无效，或不允许此类请求";
    0x2 "IO_PAGE_FAULT" "2.5.3" "translation refused the access: page not present, no permission, or an interrupt that is not remapped" "转换拒绝了访问：页不存在、权限不足，或中断没有重映射";
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
    0xe "RMP_HARDWARE_ERROR" "2.5" "reading the reverse map table failed" "读取反向映射表失败";
}

/// The bits that Linux prints as `flags`: bits 59:48 of the event (section 2.5.3).
const FLAGS: [(u8, &str, Text); 9] = [
    (8, "TR", Text::new("it was a translation request (ATS)", "这是转换请求（ATS）")),
    (7, "RZ", Text::new("a reserved bit was not zero, or the level was wrong", "保留位非零，或级别有误")),
    (6, "PE", Text::new("permission was missing", "权限不足")),
    (5, "RW", Text::new("a write", "写")),
    (4, "PR", Text::new("the page was present (or the interrupt entry valid)", "页存在（或中断表项有效）")),
    (3, "I", Text::new("it was an interrupt request", "这是中断请求")),
    (2, "US", Text::new("with user privilege", "以用户权限")),
    (1, "NX", Text::new("an instruction fetch", "取指")),
    (0, "GN", Text::new("with a PASID, through guest tables", "带 PASID，经过客户机表")),
];

/// `Event logged [NAME key=value ...]`, in every version's spelling.
pub(super) fn event(lines: &[&str]) -> Option<Found> {
    let line = unquoted(lines.first()?);
    // A list mail wraps after any word; the record ends with `]`.
    let mut text = String::from(line);
    let mut taken = 1;
    let known = |text: &str| AMD_EVENTS.iter().find(|event| text.contains(event.name));
    while taken < 3
        && taken < lines.len()
        && (known(&text).is_none() || !text.contains("flags") && !text.contains(']'))
    {
        let next = unquoted(lines[taken]);
        if next.contains("Event logged") || super::scan::has_prefix(next) {
            break;
        }
        text.push(' ');
        text.push_str(next);
        taken += 1;
    }
    let code = known(&text)?;
    let body = Scan(&text).after(code.name)?;
    let number = |key: &str| body.after(key).and_then(Scan::hex);
    let named = body.after("device=").and_then(Scan::device);
    let device = named.or_else(|| before_message(&text));
    let flags = number("flags=");
    let interrupt = code.code == 2 && flags.is_some_and(|f| f & 8 != 0);
    let access = flags.filter(|_| code.code == 2).map(|f| match () {
        () if f & 8 != 0 => Access::Interrupt,
        () if f & 2 != 0 => Access::Execute,
        () if f & 0x20 != 0 => Access::Write,
        () => Access::Read,
    });
    let pasid = number("pasid=").map(|p| p as u32).filter(|_| flags.is_some_and(|f| f & 1 != 0));
    let address = number("address=").or_else(|| number("gpa=")).or_else(|| number("spa="));
    let fault = Fault {
        code: Some(code.code),
        known: Some(code),
        device: device.map(|d| d.id),
        pasid,
        access,
        address,
        ..Fault::default()
    };
    let (who_en, who_zh) = match device {
        Some(device) => (format!(" of {}", device.text), format!("，设备 {}", device.text)),
        None => (String::new(), String::new()),
    };
    let mut found = Found {
        taken,
        kind: Kind::Fault(fault),
        arch: Arch::AmdVi,
        form: "amd-event",
        title: Phrase::new(format!("AMD-Vi {}{who_en}", code.name), format!("AMD-Vi {}{who_zh}", code.name)),
        fields: Vec::new(),
        causes: match interrupt {
            true => [&causes::IR_NOT_PRESENT, &causes::STALE_RING, &causes::IR_CONFIG].to_vec(),
            false => causes::of(Arch::AmdVi, &fault),
        },
        scenario: None,
    };
    found.certain(Text::new("event", "事件"), format!("{:#x} {}", code.code, code.name), code.text);
    if let Some(device) = device {
        hints::device(&mut found, Arch::AmdVi, device.text, named.is_none());
    }
    if let Some(domain) = number("domain=") {
        found.certain(
            Text::new("domain id", "域 ID"),
            format!("{domain:#06x}"),
            Text::new(
                "the domain in the device table entry; 0 is often a device that nothing was attached to",
                "设备表项中的域；0 往往表示没有连接任何域的设备",
            ),
        );
    }
    if let Some(value) = number("pasid=") {
        let meaning = match pasid {
            Some(_) => Text::new("the process that the request speaks for", "请求所代表的进程"),
            None => Text::new("not valid: the flag GN is 0", "无效：标志 GN 为 0"),
        };
        found.certain(Arch::AmdVi.process_term(), format!("{value:#x}"), meaning);
    }
    if let Some(address) = address {
        let meaning = match code.code {
            5 | 6 => Text::new("the physical address of the command", "命令的物理地址"),
            0xd | 0xe => Text::new("a guest-physical or system-physical address", "客户机物理或系统物理地址"),
            _ if interrupt => Text::new("the address of the interrupt message", "中断消息的地址"),
            _ => Text::new("the address that the device sent", "设备发出的地址"),
        };
        found.certain(Text::new("address", "地址"), format!("{address:#x}"), meaning);
        if code.code == 2 && !interrupt {
            hints::address(&mut found, address);
        }
    }
    if let Some(flags) = flags {
        let (mut en, mut zh) = (String::new(), String::new());
        for (_, name, text) in FLAGS.iter().filter(|(bit, ..)| flags >> bit & 1 == 1) {
            en.push_str(&format!("{name} {}; ", text.en));
            zh.push_str(&format!("{name} {}；", text.zh));
        }
        if code.code == 2 && !interrupt && flags & 0x10 == 0 {
            en.push_str("PR is 0: the page was not present; ");
            zh.push_str("PR 为 0：页不存在；");
        }
        if en.is_empty() {
            en.push_str("no flag of section 2.5 is set");
            zh.push_str("没有第 2.5 节所列的标志");
        }
        found.certain(
            Text::new("flags", "标志"),
            format!("{flags:#06x}"),
            Phrase::new(String::from(en.trim_end_matches("; ")), String::from(zh.trim_end_matches('；'))),
        );
    }
    taken_dump(&mut found, lines);
    Some(found)
}

/// The words that follow: `DTE[n]: ...` after a bad device table entry, `CMD[n]: ...` after a bad command.
fn taken_dump(found: &mut Found, lines: &[&str]) {
    let mut words = Vec::new();
    let mut name = "";
    while let Some(line) = lines.get(found.taken).filter(|_| words.len() < 4) {
        let Some(mark) = ["DTE[", "CMD["].into_iter().find(|mark| line.contains(mark)) else { break };
        let Some(word) = Scan(line).after(mark).and_then(|s| s.after(":")).and_then(Scan::hex) else { break };
        name = mark.trim_end_matches('[');
        words.push(word);
        found.taken += 1;
    }
    let shown: Vec<String> = words.iter().map(|word| format!("{word:016x}")).collect();
    match name {
        "DTE" => {
            let mode = words[0] >> 9 & 7;
            let (v, tv) = (words[0] & 1, words[0] >> 1 & 1);
            found.certain(
                Text::new("device table entry", "设备表项"),
                shown.join(" "),
                Phrase::new(
                    format!(
                        "V={v} TV={tv} Mode={mode} root={:#x} (section 2.2.2.1)",
                        words[0] & 0xf_ffff_ffff_f000
                    ),
                    format!(
                        "V={v} TV={tv} Mode={mode} 根表={:#x}（第 2.2.2.1 节）",
                        words[0] & 0xf_ffff_ffff_f000
                    ),
                ),
            );
        }
        "CMD" => found.certain(
            Text::new("command", "命令"),
            shown.join(" "),
            Text::new("the words of the rejected command", "被拒绝命令的内容"),
        ),
        _ => {}
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
pub(super) fn status(lines: &[&str]) -> Option<Found> {
    let line = lines.first()?;
    let (form, title, causes): (_, _, &[&'static Cause]) = if line.contains("Completion-Wait") {
        (
            "amd-completion-wait",
            Phrase::new("AMD-Vi: a command was not finished in time", "AMD-Vi：命令没有及时完成"),
            &[&causes::DEVICE_GONE, &causes::BAD_DESCRIPTOR],
        )
    } else if line.contains("AMD-Vi") || line.contains("IOMMU") {
        (
            "amd-overflow",
            Phrase::new("AMD-Vi: the event log was full, events are lost", "AMD-Vi：事件日志已满，事件丢失"),
            &[&causes::UNMAPPED_EARLY, &causes::STALE_RING],
        )
    } else {
        return None;
    };
    let mut found = items::Found::status(1, Arch::AmdVi, form, title);
    found.causes = causes.to_vec();
    Some(found)
}

/// The usual causes of an event.
pub(super) fn causes(code: u16) -> Vec<&'static Cause> {
    use causes::*;
    let list: &[&Cause] = match code {
        0x1 => &[&NOT_ATTACHED, &ATS_BLOCKED, &STALE_RING],
        0x2 => &[&UNMAPPED_EARLY, &NEVER_MAPPED, &WRONG_DIRECTION, &FIRMWARE_DEVICE],
        0x3 | 0x4 | 0x6 | 0xe => &[&TABLE_UNREADABLE, &CORRUPTED, &MEMORY_ERROR],
        0x5 => &[&BAD_DESCRIPTOR, &CORRUPTED],
        0x7 => &[&DEVICE_GONE, &ATS_BLOCKED],
        0x8 => &[&ATS_BLOCKED, &MSI_RANGE, &ALIAS],
        0x9 => &[&NO_PAGE_REQUEST, &PASID_CONFIG, &STALE_RING],
        0xd => &[&ENCRYPTED, &UNMAPPED_EARLY],
        _ => &[&BAD_ENTRY, &CORRUPTED],
    };
    list.to_vec()
}
