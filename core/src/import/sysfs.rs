//! `/sys/kernel/iommu_groups`, as `find` and `grep -r .` print it: a line for each device, type and reserved region.

use super::found::{keep, Bdf, Extent, Found, Reserved, Source};
use super::remark::Kind;
use super::scan::{after, hex};
use crate::spec::Phrase;
use alloc::format;

/// Reads a line; returns whether it is one of the groups.
pub fn line(line: &str, from: Source, found: &mut Found) -> bool {
    let Some(rest) = after(line, "iommu_groups/") else { return false };
    let Some((number, rest)) = rest.split_once('/') else { return false };
    let Ok(number) = number.parse::<u32>() else { return false };
    let known = if let Some(device) = rest.strip_prefix("devices/") {
        let device = device.split([' ', '/']).next().unwrap_or(device).trim();
        match Bdf::parse(device) {
            Some(at) => found.join(at, number, from),
            None if device.is_empty() => return false,
            None => {
                if let Some(group) = found.group(number, from) {
                    if !group.others.iter().any(|other| other == device) {
                        keep(&mut group.others, device.into());
                    }
                }
            }
        }
        true
    } else if let Some(kind) = rest.strip_prefix("type:") {
        kind_line(kind.trim(), number, from, found);
        true
    } else if let Some(region) = rest.strip_prefix("reserved_regions:") {
        region_line(region, number, from, found)
    } else {
        false
    };
    if known {
        found.kind("iommu_groups", from);
    }
    known
}

fn kind_line(kind: &str, number: u32, from: Source, found: &mut Found) {
    let Some(group) = found.group(number, from) else { return };
    let before = group.kind.replace((kind.into(), from)).filter(|(before, _)| before != kind);
    if let Some((before, first)) = before {
        let first = found.place(first);
        let said = Phrase::new(
            format!("group {number} is {before} ({first}) and {kind}; the last counts"),
            format!("组 {number} 的类型既是 {before}（{first}）又是 {kind}，采用后者"),
        );
        found.remark(Kind::Contradiction, from, said);
    }
}

/// `0x00000000fee00000 0x00000000feefffff msi`.
fn region_line(text: &str, number: u32, from: Source, found: &mut Found) -> bool {
    let mut words = text.split_whitespace();
    let mut address = || words.next().and_then(hex);
    let Some(range) = address().zip(address()).and_then(|(first, last)| Extent::new(first, last)) else {
        return false;
    };
    let kind = words.next().unwrap_or("reserved").into();
    let _ = found.group(number, from);
    let (functions, others) = ([].into(), [].into());
    keep(&mut found.reserved, Reserved { range, kind, functions, others, group: Some(number), from });
    true
}
