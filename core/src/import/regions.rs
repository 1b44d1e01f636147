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
    let mut done: Vec<(Extent, &str)> = Vec::new();
    let mut room = ROOM;
    let mut out = Vec::new();
    for region in found.reserved.iter().take(MOST) {
        let of_group = region.group.and_then(|g| found.groups.iter().find(|group| group.number == g));
        let functions = match of_group {
            Some(group) if region.functions.is_empty() => &group.functions,
            _ => &region.functions,
        };
        let device = devices.iter().find(|(at, _)| functions.contains(at)).map(|(_, name)| *name);
        let device = device.filter(|_| region.kind.starts_with("direct"));
        let mut comment = |range: Extent, why: &str| {
            let text = format!("{} region{} {range}{why}", region.kind, who(region));
            out.push(Region { text, kind: region.kind.clone(), from: region.from, is_line: false });
        };
        let before = device.and_then(|_| done.iter().find(|(old, _)| old.meets(region.range)));
        let Some(device) = device.filter(|_| before.is_none()) else {
            comment(region.range, "");
            let same = before.is_some_and(|old| (old.0, Some(old.1)) == (region.range, device));
            if region.kind.starts_with("direct") && !same {
                unwritten(found, region, before.map(|(old, of)| (*old, *of)), remarks);
            }
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
            done.push((kept, device));
            room -= kept.bytes();
            let text = format!("reserved {device} {}", line_range(kept));
            out.push(Region { text, kind: region.kind.clone(), from: region.from, is_line: true });
        }
    }
    out
}

/// Says why a region is no line: whose it is is not known, none of its group is a device of the scenario, or another has its addresses.
fn unwritten(found: &Found, region: &Reserved, before: Option<(Extent, &str)>, remarks: &mut Remarks) {
    let (kind, range) = (&region.kind, region.range);
    let nobodys = |r: &Reserved| r.functions.is_empty() && r.others.is_empty() && r.group.is_none();
    let (of, said) = match (before, region.group) {
        (Some((old, device)), _) => (
            Kind::Left,
            Phrase::new(
                format!("the {kind} region {range}{} shares addresses with {old}, which is written for {device}", who(region)),
                format!("{kind} 区域 {range} 与已为 {device} 写入的 {old} 重叠"),
            ),
        ),
        (None, Some(group)) => (
            Kind::Left,
            Phrase::new(
                format!("the {kind} region {range} of group {group} has no line: none of the group is among the devices"),
                format!("{kind} 区域 {range} 属于组 {group}，组内没有设备在场景里，未写入"),
            ),
        ),
        // The boot log has the addresses; the table may have been read too, or the groups.
        (None, None) if nobodys(region) => {
            if found.reserved.iter().any(|r| r.range == range && !nobodys(r)) {
                return;
            }
            (
                Kind::Missing,
                Phrase::new(
                    format!("no text says whose the {kind} region {range} is: the firmware's table or /sys/kernel/iommu_groups does"),
                    format!("所给文本没有说明 {kind} 区域 {range} 属于哪个设备；可补上固件的表或 /sys/kernel/iommu_groups 的内容"),
                ),
            )
        }
        (None, None) => return,
    };
    remarks.at(of, region.from, said);
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
