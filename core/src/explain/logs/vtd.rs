//! Intel VT-d: the fault report of Linux, from v2.6.25 on, and of Xen.

use super::causes;
use super::fault::{Access, Arch, Fault};
use super::hints;
use super::items::{Found, Kind};
use super::scan::{has_prefix, unquoted, Device, Scan};
use super::scenario;
use crate::iommu::vtd::faults;
use crate::spec::{Phrase, Text};
use alloc::format;
use alloc::string::{String, ToString};

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
}

impl Told<'_> {
    fn complete(&self) -> bool {
        self.reason.is_some() && (self.address.is_some() || self.index.is_some())
    }
}

/// `[DMA Read NO_PASID] Request device [bb:dd.f] fault addr 0x... [fault reason 0x06] ...` and its ancestors.
///
/// Before v3.19 the reason stood on a line of its own; a mail wraps the line anywhere. So up to three more lines
/// are joined while something is missing.
pub(super) fn fault(lines: &[&str]) -> Option<Found> {
    let mut text = joinable(lines[0]);
    let mut taken = 1;
    while !read(&text)?.complete() {
        let Some(next) = lines.get(taken).filter(|_| taken < 4).filter(|next| continues(next)) else { break };
        text.push(' ');
        text.push_str(&joinable(next));
        taken += 1;
    }
    let told = read(&text)?;
    let xen = text.contains("[VT-D]");
    let form = match () {
        () if xen => "vtd-xen",
        () if told.access == Some(Access::Interrupt) => "vtd-interrupt",
        () if text.contains("PASID 0x") || text.contains("NO_PASID") => "vtd-5.14",
        () if text.contains("PASID") => "vtd-5.6",
        () if text.contains("DMAR:[fault") => "vtd-2.6",
        () => "vtd-3.19",
    };
    Some(report(&text, told, taken, form))
}

/// A line as it joins another: without quotation marks and without the soft line breaks of mail.
fn joinable(line: &str) -> String {
    let line = unquoted(line);
    line.strip_suffix('=').unwrap_or(line).replace("=3D", "=")
}

/// May this line belong to the report that began above it?
fn continues(line: &str) -> bool {
    if line.contains("Request device") || line.contains("fault status reg") || line.contains(" for IOVA") {
        return false;
    }
    line.contains("fault reason")
        || line.contains("reason ")
        || line.contains("fault addr")
        || !has_prefix(line)
}

fn read(text: &str) -> Option<Told<'_>> {
    let after = Scan(text).after("Request device")?;
    let head = Scan(text).before("Request device")?;
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
    Some(Told {
        device: after.device(),
        access,
        pasid,
        address: after.after("fault addr").and_then(Scan::hex),
        index: after.after("fault index").and_then(Scan::hex).map(|index| index as u16),
        reason: reason(after),
    })
}

/// The reason: hexadecimal after `0x` (Linux from v5.14), before `h` or after a bare `reason` (Xen), else decimal.
fn reason(text: Scan<'_>) -> Option<u16> {
    let code = match text.after("fault reason ") {
        Some(at) if at.0.trim_start().starts_with("0x") => at.hex()?,
        Some(at) if at.word().ends_with('h') => at.hex()?,
        Some(at) => at.number()?,
        None => text.after(": reason ").and_then(Scan::hex)?,
    };
    u16::try_from(code).ok()
}

fn report(text: &str, told: Told<'_>, taken: usize, form: &'static str) -> Found {
    let known = told.reason.and_then(faults::by_code);
    let fault = Fault {
        code: told.reason,
        known,
        device: told.device.map(|device| device.id),
        pasid: told.pasid.flatten(),
        access: told.access,
        address: told.address,
        index: told.index,
        ..Fault::default()
    };
    let device = told.device.map_or("?", |device| device.text);
    let (en, zh) = match (known, told.reason) {
        (Some(known), _) => (known.text.en.to_string(), known.text.zh.to_string()),
        (None, Some(code)) => (format!("reason {code:#x}"), format!("原因 {code:#x}")),
        (None, None) => ("reason missing".to_string(), "缺少原因".to_string()),
    };
    let mut found = Found {
        taken,
        kind: Kind::Fault(fault),
        arch: Arch::VtD,
        form,
        title: Phrase::new(format!("VT-d, device {device}: {en}"), format!("VT-d，设备 {device}：{zh}")),
        fields: alloc::vec::Vec::new(),
        causes: causes::of(Arch::VtD, &fault),
        scenario: None,
    };
    reason_field(&mut found, &fault);
    if let Some(device) = told.device {
        hints::device(&mut found, Arch::VtD, device.text, false);
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
    match told.pasid {
        Some(Some(pasid)) => found.certain(
            Arch::VtD.process_term(),
            format!("{pasid:#x}"),
            Text::new("the process that the request speaks for", "请求所代表的进程"),
        ),
        Some(None) => found.certain(
            Arch::VtD.process_term(),
            Text::new("none", "无"),
            Text::new(
                "a request without PASID; in scalable mode RID_PASID selects the entry",
                "请求不带 PASID；可扩展模式下由 RID_PASID 选择表项",
            ),
        ),
        None if told.access != Some(Access::Interrupt) => found.inferred(
            Arch::VtD.process_term(),
            Text::new("none?", "无？"),
            Text::new("this form of the message has no PASID", "此格式的消息不含 PASID"),
        ),
        None => {}
    }
    if let Some(index) = told.index {
        found.certain(
            Text::new("interrupt index", "中断索引"),
            format!("{index:#x}"),
            Phrase::new(
                format!(
                    "entry {index} of the interrupt remapping table, at IRTA + {:#x}",
                    u32::from(index) * 16
                ),
                format!("中断重映射表第 {index} 项，位于 IRTA + {:#x}", u32::from(index) * 16),
            ),
        );
    }
    if let Some(address) = told.address {
        found.certain(
            Text::new("fault address", "错误地址"),
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
    if text.contains("iommu reg =") {
        if let Some(reg) = Scan(text).after("iommu reg =").and_then(Scan::hex) {
            found.certain(
                Text::new("unit", "单元"),
                format!("{reg:#x}"),
                Text::new("where Xen maps the unit's registers", "Xen 映射该单元寄存器的地址"),
            );
        }
    }
    found.scenario = scenario::of(Arch::VtD, &fault);
    found
}

fn reason_field(found: &mut Found, fault: &Fault) {
    let name = Text::new("fault reason", "错误原因");
    match (fault.known, fault.code) {
        (Some(known), _) => {
            found.certain(name, format!("{:#04x} {}", known.code, known.name), known.text);
            let at = stopped_at(known.code);
            let follows = Text::new("follows from the reason (VT-d 7.1.3)", "由原因可知（VT-d 7.1.3）");
            found.certain(Text::new("stopped at", "停在"), at, follows);
        }
        (None, Some(code)) => found.certain(
            name,
            format!("{code:#04x}"),
            Text::new("not a reason of the VT-d specification", "不是 VT-d 规范中的原因"),
        ),
        (None, None) => found.inferred(
            name,
            "?",
            Text::new(
                "missing from the paste; before Linux v3.19 it stands on the next line",
                "粘贴内容中缺失；Linux v3.19 之前它在下一行",
            ),
        ),
    }
}

/// Did the walk of the paging structures decide: do the indices of the address matter?
fn walked(code: u16) -> bool {
    matches!(code, 0x05..=0x07 | 0x0c | 0x70..=0x7d | 0x81 | 0x82 | 0x85 | 0x86 | 0x90 | 0x91)
}

/// Which structure refused: it follows from the reason alone (VT-d 7.1.3).
fn stopped_at(code: u16) -> Text {
    match code {
        0x01 | 0x08 | 0x0a | 0x38..=0x3a => Text::new("the root entry of the bus", "该总线的根表项"),
        0x02 | 0x03 | 0x09 | 0x0b | 0x0d | 0x40..=0x48 => {
            Text::new("the context entry of the device", "该设备的上下文表项")
        }
        0x20 | 0x25 | 0x29 => Text::new("the interrupt message itself", "中断消息本身"),
        0x21 => Text::new("the bounds of the interrupt remapping table", "中断重映射表的边界"),
        0x22..=0x24 | 0x26 => Text::new("the interrupt remapping table entry", "中断重映射表项"),
        0x27 | 0x28 => Text::new("the posted-interrupt descriptor", "投递中断描述符"),
        0x30..=0x32 => Text::new("the root table address register", "根表地址寄存器"),
        0x50..=0x52 => Text::new("the PASID-directory entry", "PASID 目录项"),
        0x58..=0x5d => Text::new("the PASID-table entry", "PASID 表项"),
        0x70..=0x77 | 0x81 | 0x90 | 0x91 => {
            Text::new("an entry of the first-stage tables", "第一级页表中的一项")
        }
        0x05..=0x07 | 0x0c | 0x78..=0x7d => {
            Text::new("an entry of the second-stage tables", "第二级页表中的一项")
        }
        0x04 | 0x80 | 0x83 => Text::new("the input address, before any table", "输入地址，尚未查表"),
        0x0e | 0x84 | 0x87 => Text::new("the output address, after the walk", "遍历之后的输出地址"),
        _ => Text::new("an entry of the tables of either stage", "两级页表中的某一项"),
    }
}
