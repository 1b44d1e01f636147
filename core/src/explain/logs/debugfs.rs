//! Three more files of VT-d's debugfs: the interrupt remapping table, the invalidation queue, the registers.

use super::fault::Arch;
use super::found::{Found, Here, Note};
use super::report::Kind;
use super::scan::Scan;
use crate::addr::RequesterId;
use crate::spec::{Phrase, Text};
use alloc::format;
use alloc::vec::Vec;

/// What a queue says whose head is where its tail is.
pub(super) const ALL_DONE: Text = Text::new(
    "head and tail are equal: the unit has done all that it was given",
    "头尾相同：IOMMU 已处理完全部请求",
);
/// Rows that are shown one by one.
const SHOWN: usize = 16;

/// `IR table address:200000`, its heading, and a line for each entry that is present.
pub(super) fn interrupts(here: &Here<'_>) -> Option<Found> {
    let address = Scan(here.text).after("IR table address:")?.hex()?;
    let mut found = Found::status(
        Arch::VtD,
        "vtd-ir-struct",
        Phrase::new(
            format!("VT-d: the interrupt remapping table at {address:#x}"),
            format!("VT-d：位于 {address:#x} 的中断重映射表"),
        ),
    );
    found.kind = Kind::Tables;
    let mut count = 0;
    for (offset, line) in here.rest.iter().enumerate() {
        if line.text.trim_start().starts_with("Entry") {
            found.used.push(offset);
            continue;
        }
        let Some((index, source, high, low)) = row(&line.text) else { break };
        found.used.push(offset);
        count += 1;
        let owner = RequesterId::new(u32::from(source));
        // VT-d 9.9: vector 23:16, mode bit 15 (posted), delivery mode 7:5, trigger bit 4.
        let entry = match low >> 15 & 1 {
            1 => Phrase::new(format!("{owner}, posted"), format!("{owner}，posted 格式")),
            _ => {
                let (vector, to) = (low >> 16 & 0xff, low >> 32);
                Phrase::new(
                    format!("{owner}, vector {vector:#x}, destination {to:#x}"),
                    format!("{owner}，向量 {vector:#x}，目标 {to:#x}"),
                )
            }
        };
        found.notes.push(Note::Remapped(index, source, entry.clone()));
        if count <= SHOWN {
            found.certain(
                Text::new("entry", "表项"),
                format!("{index}"),
                Phrase::new(
                    format!("{} ({high:016x} {low:016x})", entry.en),
                    format!("{}（{high:016x} {low:016x}）", entry.zh),
                ),
            );
        }
    }
    found.certain(
        Text::new("entries", "表项数"),
        count as u64,
        Text::new(
            "that are present, each with the only source that may use it",
            "存在的表项，各自只允许一个来源使用",
        ),
    );
    Some(found)
}

/// ` 0     ff:00.0 00000000 27  000000000004ff00 0000000000270009`.
fn row(text: &str) -> Option<(u16, u16, u64, u64)> {
    let mut columns = text.split_whitespace();
    let index = columns.next()?.parse().ok()?;
    let source = Scan(columns.next()?).device()?.id.bdf16();
    let rest: Vec<&str> = columns.collect();
    let [.., high, low] = rest[..] else { return None };
    Some((index, source, Scan(high).hex()?, Scan(low).hex()?))
}

/// `Invalidation queue on IOMMU: dmar0`, ` Base: 0x1c8000 Head: 74 Tail: 74`, and the descriptors.
pub(super) fn queue(here: &Here<'_>) -> Option<Found> {
    let unit = Scan(here.text).after("Invalidation queue on IOMMU:")?.word();
    let head_line = Scan(&here.rest.first()?.text);
    let base = head_line.after("Base:")?.hex()?;
    let (head, tail) = (head_line.after("Head:")?.number()?, head_line.after("Tail:")?.number()?);
    let mut found = Found::status(
        Arch::VtD,
        "vtd-queue-dump",
        Phrase::new(format!("VT-d: the invalidation queue of {unit}"), format!("VT-d：{unit} 的失效队列")),
    );
    found.kind = Kind::Tables;
    let mut count = 0u64;
    for (offset, line) in here.rest.iter().enumerate() {
        let mut columns = line.text.split_whitespace();
        let number = columns.next().and_then(|word| word.parse::<u64>().ok());
        let heading = offset == 0 || line.text.trim_start().starts_with("Index");
        if !heading && (number.is_none() || columns.clone().count() < 3) {
            break;
        }
        count += u64::from(!heading);
        found.used.push(offset);
    }
    let meaning = match head == tail {
        true => ALL_DONE,
        false => Text::new("the unit has not reached the tail yet", "IOMMU 尚未处理到队尾"),
    };
    let value = Phrase::new(
        format!("{base:#x}, head {head}, tail {tail}"),
        format!("{base:#x}，头 {head}，尾 {tail}"),
    );
    found.certain(Text::new("queue", "队列"), value, meaning);
    found.certain(
        Text::new("descriptors", "描述符"),
        count,
        Text::new("in the dump, old ones included", "转储中的数量，含旧的"),
    );
    Some(found)
}

/// `IOMMU: dmar0 Register Base Address: fed90000`, a heading, and a line for each register.
pub(super) fn registers(here: &Here<'_>) -> Option<Found> {
    let body = Scan(here.text).after("IOMMU:")?;
    let unit = body.word();
    let base = body.after("Register Base Address:")?.hex()?;
    let mut found = Found::status(
        Arch::VtD,
        "vtd-registers",
        Phrase::new(
            format!("VT-d: the registers of {unit} at {base:#x}"),
            format!("VT-d：{unit} 的寄存器，位于 {base:#x}"),
        ),
    );
    found.kind = Kind::Tables;
    for (offset, line) in here.rest.iter().enumerate() {
        let mut columns = line.text.split_whitespace();
        let (name, at, value) = (columns.next(), columns.next(), columns.next());
        if name == Some("Name") {
            found.used.push(offset);
            continue;
        }
        let (Some(name), Some(_), Some(value)) =
            (name, at.and_then(|n| Scan(n).hex()), value.and_then(|n| Scan(n).hex()))
        else {
            break;
        };
        found.used.push(offset);
        if let Some(meaning) = register(name, value) {
            found.certain(Text::new("register", "寄存器"), format!("{name} {value:#x}"), meaning);
        }
        if name == "RTADDR" && value >> 10 & 3 == 1 {
            found.notes.push(Note::Scalable);
        }
    }
    Some(found)
}

/// The registers that say most of a fault, in words; the flags from the table of the specification.
fn register(name: &str, value: u64) -> Option<Phrase> {
    match name {
        "CAP" => {
            let width = (value >> 16 & 0x3f) + 1;
            let domains = 1u64 << (4 + 2 * (value & 7));
            Some(Phrase::new(
                format!("{domains} domains, addresses of {width} bits (MGAW)"),
                format!("{domains} 个域，地址 {width} 位（MGAW）"),
            ))
        }
        "RTADDR" => Some(match value >> 10 & 3 {
            0 => Phrase::new("legacy mode (TTM = 0)", "传统模式（TTM = 0）"),
            1 => Phrase::new("scalable mode (TTM = 1)", "可扩展模式（TTM = 1）"),
            _ => Phrase::new("a reserved mode, or all blocked", "保留模式，或全部拦截"),
        }),
        "FSTS" | "GSTS" => {
            // VT-d 11.4.9 and 11.4.5.
            const FAULT: &[(u8, &str)] =
                &[(0, "PFO"), (1, "PPF"), (4, "IQE"), (5, "ICE"), (6, "ITE"), (7, "PRO")];
            const GLOBAL: &[(u8, &str)] = &[
                (23, "CFIS"),
                (24, "IRTPS"),
                (25, "IRES"),
                (26, "QIES"),
                (27, "WBFS"),
                (28, "AFLS"),
                (29, "FLS"),
                (30, "RTPS"),
                (31, "TES"),
            ];
            let bits = if name == "FSTS" { FAULT } else { GLOBAL };
            let set: Vec<&str> =
                bits.iter().filter(|(bit, _)| value >> bit & 1 == 1).map(|(_, name)| *name).collect();
            Some(match set.is_empty() {
                true => Phrase::new("no bit is set", "没有置 1 的位"),
                false => {
                    Phrase::new(format!("set: {}", set.join(", ")), format!("为 1 的位：{}", set.join("、")))
                }
            })
        }
        _ => None,
    }
}
