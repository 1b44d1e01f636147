//! Reads a message by its wording: literal text, and `{names}` for what varies.

use super::fault::{Access, Arch, Fault};
use super::found::{Captures, Found, Here, Join, Makes, Pattern};
use super::hints;
use super::report::Kind;
use super::scan::Scan;
use crate::spec::{Phrase, Text};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// The longest literal piece of a wording: what a line must have for the pattern to be tried.
pub(super) fn mark(wording: &'static str) -> &'static str {
    longest(&pieces(wording)).map_or("", |(_, text)| text)
}

/// The longest literal piece, the last of those, and which piece it is.
fn longest(pieces: &[Result<&'static str, &'static str>]) -> Option<(usize, &'static str)> {
    let literals = pieces.iter().enumerate().filter_map(|(at, piece)| Some((at, piece.err()?)));
    literals.max_by_key(|(_, text)| text.len())
}

/// A wording as captures (`Ok`) and literals (`Err`).
fn pieces(wording: &'static str) -> Vec<Result<&'static str, &'static str>> {
    let mut out = Vec::with_capacity(16);
    let mut rest = wording;
    // Bounded: the rest gets shorter.
    while let Some((literal, after)) = rest.split_once('{') {
        if !literal.is_empty() {
            out.push(Err(literal));
        }
        let Some((name, tail)) = after.split_once('}') else { break };
        out.push(Ok(name));
        rest = tail;
    }
    if !rest.is_empty() {
        out.push(Err(rest));
    }
    out
}

/// Holds the wording against a text: from its longest literal piece to the left, each capture one word, and to the
/// right, each capture up to the next literal; the last one is a word too, or the rest if its name ends in `...`.
pub(super) fn captures<'a>(wording: &'static str, text: &'a str) -> Option<Captures<'a>> {
    let pieces = pieces(wording);
    let (anchor, longest) = longest(&pieces)?;
    let mut from = 0;
    // Bounded: `from` moves on through the text.
    while let Some(at) = text[from..].find(longest).map(|at| at + from) {
        if let Some(found) = around(&pieces, anchor, longest, text, at) {
            return Some(found);
        }
        from = at + longest.len();
    }
    None
}

fn around<'a>(
    pieces: &[Result<&'static str, &'static str>],
    anchor: usize,
    longest: &str,
    text: &'a str,
    at: usize,
) -> Option<Captures<'a>> {
    let mut found = Vec::new();
    let mut head = &text[..at];
    let mut before = pieces[..anchor].iter().rev().peekable();
    // Bounded: a piece of the pattern each turn.
    while let Some(piece) = before.next() {
        match piece {
            Err(literal) => head = head.strip_suffix(literal)?,
            Ok(name) => {
                let start = match before.peek() {
                    Some(Err(literal)) => head.rfind(literal)? + literal.len(),
                    _ => head.rfind([' ', '\t']).map_or(0, |at| at + 1),
                };
                if start == head.len() || head[start..].contains(' ') {
                    return None;
                }
                found.push((*name, &head[start..]));
                head = &head[..start];
            }
        }
    }
    found.reverse();
    let mut tail = &text[at + longest.len()..];
    let mut rest = pieces[anchor + 1..].iter().peekable();
    // Bounded: a piece of the pattern each turn.
    while let Some(piece) = rest.next() {
        match piece {
            Err(literal) => tail = tail.trim_start_matches('\t').strip_prefix(literal)?,
            Ok(name) => {
                let end = match rest.peek() {
                    Some(Err(literal)) => tail.find(literal)?,
                    _ if name.ends_with("...") => tail.len(),
                    _ => tail.find([' ', '\t', ',', ';']).unwrap_or(tail.len()),
                };
                let value = tail[..end].trim();
                if value.is_empty() && !name.ends_with("...") {
                    return None;
                }
                found.push((*name, value));
                tail = &tail[end..];
            }
        }
    }
    Some(Captures(found))
}

/// What `dev_driver_string()` prints of a device without a driver: the name of its bus or, without one, of its class.
const BUSES: &[&str] = &["pci", "platform", "net", "usb", "block", "virtio", "amba", "acpi", "scsi", "misc"];

/// What a capture is called and means: one table for all patterns, so that one thing has one name.
const NAMES: &[(&str, Text, Text)] = &[
    ("unit", Text::new("unit", "IOMMU"), Text::new("the IOMMU that reports it", "报告这次错误的 IOMMU")),
    ("device", Text::new("device", "设备"), Text::new("the device that the message names", "消息所指的设备")),
    (
        "driver",
        Text::new("driver", "驱动"),
        Text::new("the driver bound to the device", "绑定到该设备的驱动"),
    ),
    ("iova", Text::new("address", "地址"), Text::new("the address that the device sent", "设备发出的地址")),
    (
        "gpa",
        Text::new("guest address", "客户机地址"),
        Text::new("the guest-physical address that is to be mapped", "要映射的客户机物理地址"),
    ),
    (
        "larb",
        Text::new("larb", "larb"),
        Text::new("the local arbiter that the master is behind", "主设备所在的本地仲裁器"),
    ),
    (
        "port",
        Text::new("port", "端口"),
        Text::new("which port of the arbiter: the master itself", "仲裁器的端口，即主设备"),
    ),
    (
        "layer",
        Text::new("layer", "层"),
        Text::new("which of the two entries of the hardware", "硬件的两个入口之一"),
    ),
    (
        "master",
        Text::new("master", "主设备"),
        Text::new("the number of the device at this unit", "设备在该 IOMMU 上的编号"),
    ),
    (
        "stream",
        Text::new("stream", "流"),
        Text::new("the number of the device at this unit", "设备在该 IOMMU 上的编号"),
    ),
    (
        "endpoint",
        Text::new("endpoint", "端点"),
        Text::new(
            "the device's number; for PCI bus, device and function",
            "端点的编号；对 PCI 设备，由总线号、设备号、功能号组成",
        ),
    ),
    ("domain", Text::new("domain", "域"), Text::new("the domain of the device", "设备所在的域")),
    (
        "status",
        Text::new("status", "状态"),
        Text::new("the unit's fault status, raw", "IOMMU 的故障状态（原始值）"),
    ),
    (
        "code",
        Text::new("code", "代码"),
        Text::new(
            "the unit's fault code; its bits differ by generation",
            "IOMMU 的错误代码；各代的位定义不同",
        ),
    ),
    (
        "name",
        Text::new("reason", "错误原因"),
        Text::new("the reason, as the driver decodes it", "驱动解码出的原因"),
    ),
    (
        "type",
        Text::new("type", "类型"),
        Text::new("the unit's fault type, raw", "IOMMU 的错误类型（原始值）"),
    ),
    (
        "memlock",
        Text::new("limit", "上限"),
        Text::new("bytes that the process may lock", "允许该进程锁定的字节数"),
    ),
    ("size", Text::new("size", "大小"), Text::new("bytes of the request", "请求的字节数")),
    ("mapsize", Text::new("mapped size", "映射大小"), Text::new("bytes that were mapped", "映射时的字节数")),
    (
        "unmapsize",
        Text::new("unmapped size", "解除映射大小"),
        Text::new("bytes that the driver unmaps", "驱动解除映射的字节数"),
    ),
    (
        "dmaaddr",
        Text::new("DMA address", "DMA 地址"),
        Text::new("an address for the device", "给设备用的地址"),
    ),
    (
        "phys",
        Text::new("physical address", "物理地址"),
        Text::new("where the buffer is in memory", "缓冲区在内存中的位置"),
    ),
    (
        "mask",
        Text::new("DMA mask", "DMA 掩码"),
        Text::new("what the driver says that the device can address", "驱动声明的设备寻址范围"),
    ),
    (
        "limit",
        Text::new("bus limit", "总线限制"),
        Text::new(
            "what the bus between them can carry; 0 is no limit",
            "设备与内存之间的总线能到达的范围；0 表示没有限制",
        ),
    ),
    (
        "total",
        Text::new("pool", "池"),
        Text::new("slots of 2 KiB in the pool of bounce buffers", "回弹缓冲池的槽数（每槽 2 KiB）"),
    ),
    ("used", Text::new("in use", "在用"), Text::new("slots in use", "正在使用的槽数")),
    (
        "mapped",
        Text::new("mapped as", "映射时的方向或类别"),
        Text::new("its direction, or the kind of call, at the mapping", "映射时传入的方向，或所用函数的类别"),
    ),
    (
        "unmapped",
        Text::new("unmapped as", "解除映射时的方向或类别"),
        Text::new(
            "its direction, or the kind of call, at the unmapping",
            "解除映射时传入的方向，或所用函数的类别",
        ),
    ),
    (
        "synced",
        Text::new("synchronised as", "同步时的方向"),
        Text::new("what the driver says now", "驱动这次同步时传入的方向"),
    ),
    (
        "count",
        Text::new("mapped entries", "映射的项数"),
        Text::new("entries of the list at the mapping", "映射时列表的项数"),
    ),
    (
        "ucount",
        Text::new("unmapped entries", "解除映射的项数"),
        Text::new("entries of the list now", "解除映射时传入的项数"),
    ),
    ("old", Text::new("entry there", "已有表项"), Text::new("what the table holds", "表中的内容")),
    ("new", Text::new("entry to write", "待写表项"), Text::new("what was to be written", "将要写入的内容")),
    ("group", Text::new("group", "组"), Text::new("the IOMMU group", "IOMMU 组")),
    (
        "hva",
        Text::new("virtual address", "虚拟地址"),
        Text::new("where the memory is in the virtual machine's process", "内存在虚拟机进程中的位置"),
    ),
    ("errno", Text::new("error", "错误码"), Text::new("what the kernel answered", "内核的返回值")),
    (
        "irq",
        Text::new("interrupt", "中断"),
        Text::new("the interrupt or I/O APIC that the message names", "消息所指的中断或 I/O APIC"),
    ),
    ("why...", Text::new("says", "原文"), Text::new("the rest of the message", "消息的其余部分")),
    ("why", Text::new("says", "原文"), Text::new("the kernel's own words", "内核的原话")),
    (
        "pe",
        Text::new("partitionable endpoint", "可分区端点（PE）"),
        Text::new("what was frozen: devices behind one TCE table", "被冻结的对象，即共用一张 TCE 表的设备"),
    ),
    ("phb", Text::new("host bridge", "主桥"), Text::new("the PCI host bridge", "PCI 主桥")),
    ("bits", Text::new("address width", "地址宽度"), Text::new("how many bits an address has", "地址的位数")),
    ("call", Text::new("call", "调用"), Text::new("which call of the driver failed", "驱动的哪个调用失败")),
    ("slid", Text::new("StreamID", "StreamID（流号）"), Text::new("as the unit saw it", "IOMMU 看到的编号")),
    (
        "pgd",
        Text::new("directory entry", "目录项"),
        Text::new("the first level, as the driver read it", "第一级，由驱动读出"),
    ),
    (
        "pte",
        Text::new("page entry", "页表项"),
        Text::new("the last level, as the driver read it", "末级，由驱动读出"),
    ),
];

/// Reads a message by a pattern.
pub(super) fn read(pattern: &'static Pattern, here: &Here<'_>) -> Option<Found> {
    let captures = captures(pattern.form.wording, here.text)?;
    let title = Phrase::new(filled(pattern.title.en, &captures), filled(pattern.title.zh, &captures));
    let arch = pattern.form.arch;
    let kind = match pattern.makes {
        Makes::Fault => Kind::Fault(fault(&captures)),
        Makes::Status => Kind::Status,
        Makes::Software => Kind::Software,
        Makes::Quiet => Kind::Boot,
        Makes::More => Kind::Tables,
    };
    let fault = match &kind {
        Kind::Fault(fault) => Some(*fault),
        _ => None,
    };
    let mut found = Found::new(kind, arch, pattern.form.name, title);
    found.causes = pattern.causes;
    found.complete = !here.text.ends_with(',');
    found.join = match pattern.makes {
        Makes::Quiet => Join::Quiet,
        Makes::More => Join::More,
        _ => Join::Alone,
    };
    for (name, value) in &captures.0 {
        if pattern.makes == Makes::Quiet {
            break;
        }
        if matches!(*name, "access" | "_") || *name == "code" && arch == Arch::S390 {
            continue;
        }
        let Some((_, label, meaning)) = NAMES.iter().find(|(have, ..)| have == name) else { continue };
        if *name == "driver" && BUSES.contains(value) {
            let label = Text::new("bus or class", "总线或类");
            let meaning =
                Text::new("what Linux prints where no driver is bound", "没有绑定驱动时，Linux 打印这个名字");
            found.certain(label, *value, meaning);
            continue;
        }
        let device = matches!(*name, "device" | "unit" | "driver");
        if *name == "device" {
            found.device = Some(device_name(value).into());
        }
        let shown = if device || *name == "name" { value.trim_end_matches(':') } else { value };
        let shown = written(name, shown);
        // A number that runs into letters is unknown: OMAP's format string prints "px" for its number.
        if matches!(*name, "pgd" | "pte") && captures.hex(name).is_none() {
            let meaning = Text::new("not a number, as printed", "打印的内容不是数字");
            found.inferred(*label, Text::new("unknown", "未知"), meaning);
            continue;
        }
        // A bracket alone says nothing.
        if shown.contains(|c: char| c.is_alphanumeric()) || shown.chars().any(|c| c == '?') {
            found.certain(*label, shown, *meaning);
        }
    }
    if let Some(fault) = fault {
        if let Some(access) = fault.access {
            let meaning = Text::new("what the device wanted", "设备想做的操作");
            found.certain(Text::new("access", "访问"), access.text(), meaning);
        }
        found.device = found.device.or_else(|| fault.device.map(|id| id.to_string()));
        if let Some(address) = fault.address {
            hints::address(&mut found, address);
        }
        hints::fault(&mut found, &fault);
    }
    if let Some(more) = pattern.more {
        more(&captures, &mut found);
    }
    Some(found)
}

/// The PCI number in a device's name, or the name.
pub(super) fn device_name(text: &str) -> &str {
    text.trim_end_matches(':').rsplit(' ').next().unwrap_or(text)
}

fn fault(captures: &Captures<'_>) -> Fault {
    // Where it may be empty the name says so.
    let access = match captures.text("access") {
        "" => captures.text("access..."),
        access => access,
    };
    let is = |words: &[&str]| words.iter().any(|word| access.eq_ignore_ascii_case(word));
    Fault {
        code: captures.number("code").and_then(|code| u16::try_from(code).ok()),
        device: Scan(device_name(captures.text("device"))).device().map(|device| device.id),
        stream: ["stream", "master", "endpoint", "slid"]
            .into_iter()
            .find_map(|name| captures.number(name))
            .and_then(|number| u32::try_from(number).ok()),
        access: match () {
            () if is(&["write", "wr", "W", "WRITE", "AW FAULT"]) => Some(Access::Write),
            () if is(&["read", "rd", "R", "READ"]) => Some(Access::Read),
            () if is(&["X"]) => Some(Access::Execute),
            () => None,
        },
        address: captures.hex("iova"),
        ..Fault::default()
    }
}

/// An address as the rest of the answer writes it, `0xffdac000`, however the log does; anything else as it is printed.
fn written(name: &str, text: &str) -> String {
    let address = matches!(name, "iova" | "gpa" | "hva").then(|| text.strip_prefix("0x").unwrap_or(text));
    match address.map(|digits| u64::from_str_radix(digits, 16)) {
        Some(Ok(address)) => format!("{address:#x}"),
        _ => text.into(),
    }
}

/// The title with its captures filled in.
fn filled(title: &str, captures: &Captures<'_>) -> String {
    let mut out = String::new();
    let mut rest = title;
    // Bounded: the rest gets shorter.
    while let Some((literal, after)) = rest.split_once('{') {
        out.push_str(literal);
        let Some((name, tail)) = after.split_once('}') else { break };
        out.push_str(&written(name, captures.text(name).trim_end_matches(':')));
        rest = tail;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn captures_are_found_on_both_sides_of_the_longest_piece() {
        let wording = "{driver} {device}: overflow {phys}+{size} of DMA mask {mask} bus limit {limit}";
        let text =
            "xhci_hcd 0000:03:00.0: overflow 0x0000000730e81000+270336 of DMA mask ffffffff bus limit 0";
        let found = captures(wording, text).unwrap();
        assert_eq!(found.text("device"), "0000:03:00.0");
        assert_eq!(found.text("driver"), "xhci_hcd");
        assert_eq!((found.hex("phys"), found.number("size")), (Some(0x730e81000), Some(270336)));
        assert_eq!(found.text("limit"), "0");
        assert!(captures(wording, "overflow of DMA mask").is_none());
    }
}
