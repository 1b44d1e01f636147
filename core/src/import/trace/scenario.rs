//! A scenario of a refused access: what the trace saw mapped there, what became of it, and the access.

use super::finding::{Aside, Finding, Mapping, Was};
use super::line::{Direction, Moment};
use crate::import::found::Bdf;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

const PAGE: u64 = 4096;
/// What the tables of the machine that is written translate: 47 bits, half of its 48.
const WIDTH: u64 = 1 << 47;
/// RAM that every machine here has; what lies higher is added.
const LOW_RAM: u64 = 3 << 30;

/// Returns the scenario of a refused access; none for what is no access, and where no machine of the language has such addresses.
pub(super) fn scenario(now: Moment, finding: &Finding) -> Option<String> {
    let Finding::Fault { device, address, write, was, .. } = finding else { return None };
    let (mapping, unmapped) = match was.for_group() {
        Was::Mapped(mapping) | Was::Other(mapping) => (Some(mapping), None),
        Was::Unmapped(mapping, then) | Was::Lost(mapping, then) => (Some(mapping), Some(*then)),
        Was::Unseen | Was::UnmappedUnseen(..) | Was::Aside(_, Aside::Another(..)) => (None, None),
        // What is not known no scenario shows.
        Was::Aside(..)
        | Was::Tables(..)
        | Was::NoTables
        | Was::NoDevice(_)
        | Was::Process(_)
        | Was::Cut(_)
        | Was::MappedUnseen(..)
        | Was::Perhaps(..)
        | Was::Sometime
        | Was::Clocks
        | Was::Before(_)
        | Was::After(_)
        | Was::TooMany
        | Was::Entry
        | Was::Segment(_) => return None,
        Was::Failed(_) => (None, None),
        Was::Never(near) => (near.as_ref().map(|(mapping, _)| mapping), None),
    };
    // Which it was a trace may not say: a read is the less that a device can ask for.
    let (access, verb_en, verb_zh) = match write {
        Some(true) => ("write", "writes", "写入"),
        Some(false) => ("read", "reads", "读取"),
        None => ("read", "asks for", "访问"),
    };
    let pages = mapping.map(pages);
    let physical = mapping.and_then(|m| m.part.physical).map_or(0x10_0000, |at| at & !(PAGE - 1));
    let (first, bytes) = pages.unwrap_or((*address, 0));
    let high = [first.checked_add(bytes)?, address.checked_add(PAGE)?].into_iter().max()?;
    let end = physical.checked_add(bytes.max(PAGE))?;
    let in_hole = end > LOW_RAM && physical < 4 << 30;
    if high > WIDTH || end > WIDTH || in_hole {
        return None;
    }
    let at = Bdf::parse(device)
        .filter(|at| at.segment == 0)
        .map_or_else(|| "00:03.0".into(), |at| format!("{at}"));
    let mut lines = Vec::from([
        "iommu-playground 1".into(),
        format!("title \"A refused access of a trace: {device} {verb_en} {address:#x}\""),
        format!("title.zh \"跟踪记录里一次被拒绝的访问：{device} {verb_zh} {address:#x}\""),
        "machine vt-d legacy width 48".into(),
        "iommu strict".into(),
        "ram 0 .. 3G".into(),
    ]);
    if end > LOW_RAM {
        lines.push(format!("ram 4G .. {:#x}", end.next_multiple_of(1 << 30)));
    }
    lines.extend([
        format!("device dev {at}"),
        "steps".into(),
        "  domain d".into(),
        "  attach dev to d".into(),
    ]);
    if let (Some(m), Some((first, bytes))) = (mapping, pages) {
        let rights = match m.direction {
            Direction::ToDevice => "r",
            Direction::FromDevice => "w",
            Direction::Both | Direction::None => "rw",
        };
        let (line, way, start, size) = (m.since.line, m.direction.name(), m.part.address, m.part.size);
        note(
            &mut lines,
            &format!("Line {line} of the trace maps {size} bytes at {start:#x}, {way}: the device may {} these pages.", may(rights).0),
            &format!("跟踪记录第 {line} 行映射 {start:#x} 处的 {size} 字节，{way}：设备可以{}这些页。", may(rights).1),
        );
        lines.push(format!("  map d {first:#x} +{bytes:#x} -> {physical:#x} {rights}"));
        if let Some(then) = unmapped {
            let line = then.line;
            note(
                &mut lines,
                &format!("Line {line} unmaps it: the pages leave the tables, and the IOTLB forgets them."),
                &format!("第 {line} 行解除映射：这些页从页表里去掉，IOTLB 也忘掉它们。"),
            );
            lines.push(format!("  unmap d {first:#x} +{bytes:#x}"));
        }
    }
    let line = now.line;
    note(
        &mut lines,
        &format!("Line {line}: the device {verb_en} {address:#x}, and is refused. The walk shows where."),
        &format!("第 {line} 行：设备{verb_zh} {address:#x}，被拒绝。看查表停在哪里。"),
    );
    lines.push(format!("  dma dev {access} {address:#x} +1"));
    // A page that was mapped for this is translated: then it is something else that refused, which no trace tells.
    if !matches!(was, Was::Mapped(_)) {
        lines.push("  expect fault any".into());
    }
    Some(lines.join("\n") + "\n")
}

fn note(lines: &mut Vec<String>, en: &str, zh: &str) {
    lines.push(format!("  note \"{en}\""));
    lines.push(format!("  note.zh \"{zh}\""));
}

const fn may(rights: &str) -> (&'static str, &'static str) {
    match rights.as_bytes() {
        b"r" => ("read", "读"),
        b"w" => ("write", "写"),
        _ => ("read and write", "读写"),
    }
}

/// The whole pages that a mapping lies in.
fn pages(m: &Mapping) -> (u64, u64) {
    let first = m.part.address & !(PAGE - 1);
    let end = m.part.address.saturating_add(m.part.size.max(1)).min(WIDTH).next_multiple_of(PAGE);
    (first, end.saturating_sub(first).max(PAGE))
}
