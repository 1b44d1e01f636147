//! Regions that firmware or Linux wants mapped to themselves for a device (RMRR, IVMD, RMR, `direct` of sysfs): which of them are
//! lines of the scenario, and how much of them. A run maps them page by page, and what is left of the addresses is for buffers.

use super::found::{Bdf, Extent, Found, Reserved, Source};
use super::maker;
use super::remark::{Kind, Remarks};
use super::space::line_range;
use crate::spec::Phrase;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// The most bytes of all regions together.
const ROOM: u64 = 1 << 30;
const PAGE: u64 = 4096;
/// The most regions that are written.
const MOST: usize = 1024;

/// A region of the scenario: a line, or a comment.
#[derive(Clone, Debug)]
pub struct Region {
    /// The statement or the comment.
    pub text: String,
    /// As sysfs calls it.
    pub kind: String,
    /// Where it was read.
    pub from: Source,
    /// It is a statement.
    pub is_line: bool,
}

/// Returns the regions, in the order of the texts; `devices` by place, with their names.
pub fn regions(found: &Found, devices: &[(Bdf, &str)], remarks: &mut Remarks) -> Vec<Region> {
    let width = maker::width(found);
    // Devices of one group share their tables, so no address is written twice.
    let mut done: Vec<Extent> = Vec::new();
    let mut room = ROOM;
    let mut out = Vec::new();
    for region in found.reserved.iter().take(MOST) {
        let of_group = region.group.and_then(|g| found.groups.iter().find(|group| group.number == g));
        let functions = match of_group {
            Some(group) if region.functions.is_empty() => &group.functions,
            _ => &region.functions,
        };
        let device = devices.iter().find(|(at, _)| functions.contains(at)).map(|(_, name)| name);
        let device = device.filter(|_| region.kind.starts_with("direct"));
        let mut comment = |range: Extent, why: &str| {
            let text = format!("{} region{} {range}{why}", region.kind, who(region));
            out.push(Region { text, kind: region.kind.clone(), from: region.from, is_line: false });
        };
        let Some(device) = device.filter(|_| !done.iter().any(|old| old.meets(region.range))) else {
            comment(region.range, "");
            continue;
        };
        let (kept, why) = cut(region.range, width, room);
        if let Some(why) = why {
            let left = match kept {
                Some(kept) => Extent { first: kept.last + 1, last: region.range.last },
                None => region.range,
            };
            comment(left, &format!(": {}", why.en));
            let said = Phrase::new(
                format!("{left} of the {} region{} {}: {}", region.kind, who(region), region.range, why.en),
                format!("{} 区域 {} 中的 {left}：{}", region.kind, region.range, why.zh),
            );
            remarks.at(Kind::Left, region.from, said);
        }
        if let Some(kept) = kept {
            done.push(kept);
            room -= kept.bytes();
            let text = format!("reserved {device} {}", line_range(kept));
            out.push(Region { text, kind: region.kind.clone(), from: region.from, is_line: true });
        }
    }
    out
}

/// What of a region is written, and why not all of it.
fn cut(range: Extent, width: u32, room: u64) -> (Option<Extent>, Option<Phrase>) {
    if range.first % PAGE != 0 || range.last.wrapping_add(1) % PAGE != 0 {
        return (None, Some(Phrase::new("not of whole pages of 4 KiB", "不是整数个 4 KiB 页")));
    }
    let limit = (1u64 << width) - 1;
    let beyond = Phrase::new(
        format!("the machine here has addresses of {width} bits"),
        format!("这里的机器只有 {width} 位地址"),
    );
    if range.first > limit {
        return (None, Some(beyond));
    }
    let last = range.last.min(limit);
    if last - range.first >= room {
        let why = Phrase::new(
            "a scenario maps 1 GiB of such regions to themselves, not more",
            "场景最多为这类区域建立 1 GiB 的恒等映射",
        );
        let kept = room.checked_sub(1).map(|over| Extent { first: range.first, last: range.first + over });
        return (kept, Some(why));
    }
    let why = (last < range.last).then_some(beyond);
    (Some(Extent { first: range.first, last }), why)
}

/// Whom a region is for, in words.
fn who(region: &Reserved) -> String {
    let group = region.group.map(|group| format!("group {group}"));
    let named = region.functions.iter().map(ToString::to_string);
    let who: Vec<String> = group.into_iter().chain(named).chain(region.others.iter().cloned()).collect();
    if who.is_empty() {
        String::new()
    } else {
        format!(" of {}", who.join(", "))
    }
}
