//! `/proc/iomem` and `/proc/ioports`: ranges inside ranges, two spaces deeper each.

use super::found::{keep, Extent, Found, Maker, Range, Source};
use super::remark::Kind;
use super::scan::extent;
use super::units::unit;
use crate::spec::Phrase;
use alloc::vec::Vec;

/// Reads a line of either; returns whether it is one.
pub fn line(line: &str, from: Source, found: &mut Found) -> bool {
    let Some((place, name)) = line.split_once(" : ") else { return false };
    // `grep` writes the file's name in front.
    let indented = place.rsplit(':').next().unwrap_or(place);
    let place = indented.trim_start_matches([' ', '\t']);
    let depth = (indented.len() - place.len()) / 2;
    let Some((first, last)) = place.split_once('-') else { return false };
    // Both are padded to the width of the smallest: an address of more digits is as long as it is (`r_show` in kernel/resource.c).
    let padded = first.len() == last.len() || (8..last.len()).contains(&first.len());
    if !padded || !(4..=16).contains(&first.len()) || name.is_empty() {
        return false;
    }
    let Some(range) = extent(place) else { return false };
    let ports = first.len() == 4;
    found.kind(if ports { "/proc/ioports" } else { "/proc/iomem" }, from);
    if range.last == 0 {
        // What the kernel shows to those who may not see addresses.
        let said = Phrase::new(
            "all addresses are 0: read by somebody without the right to see them (read it as root)",
            "地址全为 0：读取者无权查看（请以 root 身份读取）",
        );
        found.remark_once(Kind::Missing, Source { line: 0, ..from }, said);
        return true;
    }
    if let Some(maker) = maker(name.trim()).filter(|_| !ports) {
        let _ = unit(found, maker, Some(range.first), called(name.trim()), from);
    }
    let one = Range { depth, range, name: name.trim().into(), from };
    keep(if ports { &mut found.ports } else { &mut found.memory }, one);
    true
}

/// Takes away the indentation that all ranges of a file have, as a forum's post gives it to a whole listing; where it is lost, what is
/// within what the ranges themselves say: each comes after the one that it is in, and those side by side have nothing in common.
pub fn outdent(found: &mut Found) {
    for ranges in [&mut found.memory, &mut found.ports] {
        for file in 0..found.files.len() {
            let of = |range: &&mut Range| range.from.file == file;
            let least = ranges.iter_mut().filter(of).map(|range| range.depth).min().unwrap_or(0);
            ranges.iter_mut().filter(of).for_each(|range| range.depth -= least);
            if ranges.iter_mut().filter(of).all(|range| range.depth == 0) {
                let mut around: Vec<Extent> = Vec::new();
                for one in ranges.iter_mut().filter(of) {
                    // Bounded: each turn takes one away.
                    while around.last().is_some_and(|outer| !outer.holds(one.range)) {
                        around.pop();
                    }
                    one.depth = around.len();
                    around.push(one.range);
                }
            }
        }
    }
}

/// Whose registers a range of this name has.
fn maker(name: &str) -> Option<Maker> {
    let number = |rest: &str| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_digit());
    match name {
        "amd_iommu" => Some(Maker::Amd),
        _ if name.strip_prefix("dmar").is_some_and(number) => Some(Maker::Intel),
        _ if name.starts_with("arm-smmu-v3") => Some(Maker::Smmu3),
        _ if name.starts_with("arm-smmu") => Some(Maker::Smmu2),
        _ => None,
    }
}

/// What the boot log calls the unit of such a range: the device's name, which is no more than `amd_iommu` for all of AMD's.
fn called(name: &str) -> &str {
    match name {
        "amd_iommu" => "",
        _ => name.split(' ').next().unwrap_or(name),
    }
}
