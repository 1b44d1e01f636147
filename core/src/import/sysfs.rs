//! `/sys/kernel/iommu_groups`, as `find`, `grep -r .`, `ls -l`, `ls -R`, `head` and `tree` print it, and the links that devices have to it.

use super::found::{keep, Bdf, Extent, Found, Reserved, Source};
use super::remark::Kind;
use super::scan::{after, hex};
use crate::spec::Phrase;
use alloc::format;

/// What of a group the lines below a heading are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Part {
    Devices,
    Kind,
    Regions,
    /// What is of no concern, or not said yet.
    Other,
}

impl Part {
    fn named(name: &str) -> Option<Part> {
        match name {
            "devices" => Some(Part::Devices),
            "type" => Some(Part::Kind),
            "reserved_regions" => Some(Part::Regions),
            "" | "name" => Some(Part::Other),
            _ => None,
        }
    }
}

/// What is being read of sysfs: whose lines follow a heading (`ls -l`, `head`, `tree`).
#[derive(Debug, Default)]
pub struct Sysfs {
    /// The group of the heading, and the part of it.
    below: Option<(u32, Part)>,
    /// A tree of the groups is being read.
    tree: bool,
}

impl Sysfs {
    /// Reads a line; returns whether it is one of the groups.
    pub fn line(&mut self, line: &str, from: Source, found: &mut Found) -> bool {
        let known = self.branch(line, from, found)
            || of_device(line, from, found)
            || self.path(line, from, found)
            || self.below(line, from, found);
        if !known {
            self.finish();
        }
        known
    }

    /// Ends the list: what follows is of no heading.
    pub fn finish(&mut self) {
        *self = Self::default();
    }

    /// A path of a group's part, alone or as a heading, or with what it holds behind it.
    fn path(&mut self, line: &str, from: Source, found: &mut Found) -> bool {
        let text = line.trim();
        let Some(rest) = of_groups(text) else { return false };
        // The command that prints them may stand in front: `$ ls /sys/kernel/iommu_groups/7/devices`.
        let alone = rest.trim_end_matches(" <==").trim_end_matches([':', '/']);
        let is_heading = !alone.contains(char::is_whitespace);
        if alone.is_empty() {
            (self.below, self.tree) = (None, true);
            return true;
        }
        let (number, held) = rest.split_once('/').unwrap_or((alone, ""));
        let Ok(number) = number.parse::<u32>() else { return false };
        let part = Part::named(alone.split_once('/').map_or("", |(_, part)| part));
        if let Some(part) = part.filter(|_| is_heading) {
            (self.below, self.tree) = (Some((number, part)), true);
            return true;
        }
        self.below = None;
        if let Some(name) = held.strip_prefix("devices/").filter(|name| !name.starts_with([' ', '/'])) {
            let name = name.split([' ', '/']).next().unwrap_or(name).trim_end_matches(':');
            device(name, number, from, found)
        } else if let Some(kind) = held.strip_prefix("type:") {
            kind_line(kind.trim(), number, from, found);
            true
        } else if let Some(region) = held.strip_prefix("reserved_regions:") {
            region_line(region, number, from, found)
        } else {
            false
        }
    }

    /// A line below a heading: devices as `ls` lists them, a type or regions as the file has them.
    fn below(&mut self, line: &str, from: Source, found: &mut Found) -> bool {
        let Some((number, part)) = self.below else { return false };
        match part {
            Part::Devices => listed(line, number, from, found),
            Part::Kind if KINDS.contains(&line.trim()) => {
                kind_line(line.trim(), number, from, found);
                true
            }
            Part::Regions if line.trim().starts_with("0x") => region_line(line, number, from, found),
            _ => false,
        }
    }

    /// A line of `tree`: a group's number, a part's name, or a device.
    fn branch(&mut self, line: &str, from: Source, found: &mut Found) -> bool {
        let marks = ['│', '├', '└', '─', '|', '`', '-', ' ', '\u{a0}', '\t'];
        let name = line.trim_start_matches(marks);
        let drawn = &line[..line.len() - name.len()];
        if !self.tree || !["── ", "--\u{a0}", "──\u{a0}", "-- "].iter().any(|mark| drawn.ends_with(mark))
        {
            return false;
        }
        if let Some(number) = name.trim_end_matches('/').parse().ok().filter(|_| !name.starts_with('+')) {
            self.below = Some((number, Part::Other));
        } else if let Some((number, part)) = self.below {
            match Part::named(name.trim_end_matches('/')) {
                Some(part) => self.below = Some((number, part)),
                None if part == Part::Devices => return listed(name, number, from, found),
                None => {}
            }
        }
        true
    }
}

/// What `type` holds (`iommu_group_show_type` in drivers/iommu/iommu.c).
const KINDS: [&str; 7] = ["blocked", "identity", "unmanaged", "DMA", "DMA-FQ", "DMA-SVA", "unknown"];

/// What a path has behind the folder of the groups; from within the folder (`./7/devices/...`) only where it has a part's name.
fn of_groups(text: &str) -> Option<&str> {
    if let Some(rest) =
        after(text, "iommu_groups").filter(|rest| rest.is_empty() || rest.starts_with(['/', ':']))
    {
        return Some(rest.trim_start_matches('/'));
    }
    let path = text.strip_prefix("==> ").unwrap_or(text);
    let path = path.strip_prefix("./").unwrap_or(path);
    let (number, rest) = path.split_once('/')?;
    let is_number = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
    let parts = ["devices/", "devices:", "type:", "type <==", "reserved_regions:", "reserved_regions <=="];
    (is_number && parts.iter().any(|part| rest.starts_with(part))).then_some(path)
}

/// `.../0000:01:00.0/iommu_group -> ../../../kernel/iommu_groups/7`, as `ls -l` prints a device's link.
fn of_device(line: &str, from: Source, found: &mut Found) -> bool {
    let Some((path, group)) = line.split_once("/iommu_group -> ") else { return false };
    let number = after(group, "iommu_groups/").and_then(|number| number.trim().parse().ok());
    let name = path.rsplit(['/', ' ']).next().unwrap_or(path);
    number.is_some_and(|number| device(name, number, from, found))
}

/// Devices as `ls` lists them: one a line with its link, or several side by side.
fn listed(line: &str, number: u32, from: Source, found: &mut Found) -> bool {
    if let Some((before, _)) = line.split_once(" -> ") {
        return before.split_whitespace().last().is_some_and(|name| device(name, number, from, found));
    }
    let words = || line.split_whitespace().map(|word| word.trim_end_matches('@'));
    // `total 0`, in any language.
    if words().count() == 2 && line.ends_with(" 0") {
        return true;
    }
    let is_name = |name: &str| {
        name.contains(['.', ':'])
            && name.ends_with(|c: char| c.is_ascii_alphanumeric())
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b".:-_".contains(&b))
    };
    words().count() > 0 && words().all(is_name) && words().all(|name| device(name, number, from, found))
}

/// Puts a device into a group, a function of PCI or another by its name.
fn device(name: &str, number: u32, from: Source, found: &mut Found) -> bool {
    found.kind("iommu_groups", from);
    match Bdf::parse(name) {
        Some(at) => found.join(at, number, from),
        None => {
            if let Some(group) = found.group(number, from) {
                if !group.others.iter().any(|other| other == name) {
                    keep(&mut group.others, name.into());
                }
            }
        }
    }
    true
}

fn kind_line(kind: &str, number: u32, from: Source, found: &mut Found) {
    found.kind("iommu_groups", from);
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
    found.kind("iommu_groups", from);
    let kind = words.next().unwrap_or("reserved").into();
    let _ = found.group(number, from);
    let (functions, others) = ([].into(), [].into());
    keep(&mut found.reserved, Reserved { range, kind, functions, others, group: Some(number), from });
    true
}
