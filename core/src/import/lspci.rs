//! `lspci` in its forms: `-v` to `-vvv`, `-nn`, `-x` to `-xxxx`, and lists that scripts make of it by group.

use super::config;
use super::found::{Able, Acs, Bar, Bdf, Bridge, Express, Found, Function, Source, Space, Window};
use super::remark::Kind;
use super::scan::{after, between, extent, hex, leading, size, word};
use crate::spec::Phrase;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// The most lines of an extended configuration space.
const MOST_BYTES: usize = 4096;

/// What is being read of `lspci`.
#[derive(Debug, Default)]
pub struct Lspci {
    /// The function whose lines these are.
    at: Option<Bdf>,
    /// The capability whose lines these are.
    within: Within,
    /// The bytes of its configuration space, as far as they came without a gap.
    bytes: Vec<u8>,
    bytes_from: Source,
    /// Where it reads as ones.
    silent: Option<Source>,
    /// The group that the list is at.
    group: Option<u32>,
    /// How many of the function's lines were read, the empty ones behind the last of them, and whether a copy put one behind each.
    read: usize,
    blanks: usize,
    spaced: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Within {
    #[default]
    Nothing,
    Acs,
    Ats,
    Pri,
    Pasid,
    Sriov,
}

impl Lspci {
    /// Reads a line; returns whether it is one of `lspci`.
    pub fn line(&mut self, line: &str, from: Source, found: &mut Found) -> bool {
        let indented = line.starts_with([' ', '\t']);
        if let Some(rest) =
            after(line.trim_start(), "IOMMU Group ").or_else(|| after(line.trim_start(), "IOMMU group "))
        {
            if !indented && self.group_line(rest, from, found) {
                return true;
            }
        }
        if self.headline(line.trim_start(), from, found) {
            return true;
        }
        if self.at.is_none() {
            return false;
        }
        let blanks = core::mem::take(&mut self.blanks);
        if blanks > 0 && self.read == 0 && line.starts_with('\t') {
            self.spaced = true;
        }
        if blanks > 0 && !self.spaced {
            self.end(found);
            return false;
        }
        let row = self.row(line.trim_start(), from);
        if !row && !indented {
            return false;
        }
        if !row {
            self.detail(line.trim(), from, found);
        }
        self.read += 1;
        true
    }

    /// An empty line ends the function, unless a copy put one behind each line.
    pub fn blank(&mut self, found: &mut Found) {
        self.blanks += 1;
        if self.blanks > 1 || self.read > 0 && !self.spaced {
            self.end(found);
        }
    }

    /// Ends the function that is being read.
    pub fn end(&mut self, found: &mut Found) {
        if let Some(at) = self.at.take() {
            let bytes = core::mem::take(&mut self.bytes);
            if !bytes.is_empty() {
                config::read(at, &bytes, self.bytes_from, found);
            }
            if let Some(from) = self.silent.take().filter(|_| found.at(at).is_some_and(|f| f.bars.is_empty()))
            {
                config::no_answer(at, from, found);
            }
        }
        self.within = Within::Nothing;
        (self.read, self.blanks, self.spaced) = (0, 0, false);
    }

    /// Ends the text: the next group list is another.
    pub fn finish(&mut self, found: &mut Found) {
        self.end(found);
        self.group = None;
    }

    /// `IOMMU Group 7 01:00.0 VGA ...`, or `IOMMU Group 7:` with its functions below.
    fn group_line(&mut self, rest: &str, from: Source, found: &mut Found) -> bool {
        let Some(number) = leading(rest).and_then(|n| u32::try_from(n).ok()) else { return false };
        let rest = rest.trim_start().trim_start_matches(|c: char| c.is_ascii_digit());
        let rest = rest.trim_start_matches([':', ' ', '\t', '-']);
        self.end(found);
        self.group = Some(number);
        found.kind("iommu groups", from);
        let _ = found.group(number, from);
        rest.is_empty() || self.headline(rest, from, found) || self.group.is_some()
    }

    /// `03:00.0 Ethernet controller [0200]: Intel Corporation I210 [8086:1533] (rev 03)`.
    fn headline(&mut self, line: &str, from: Source, found: &mut Found) -> bool {
        // Scripts mark functions that can be reset.
        let line = line.strip_prefix("[RESET]").map_or(line, str::trim_start);
        let Some((place, rest)) = line.split_once([' ', '\t']) else { return false };
        let Some(at) = Bdf::parse(place) else { return false };
        let Some((class, name)) = rest.split_once(": ") else { return false };
        if class.is_empty() || class.len() > 80 {
            return false;
        }
        self.end(found);
        found.kind("lspci", from);
        let group = self.group;
        let name = name.split(" (prog-if").next().unwrap_or(name).trim();
        let name = if name.is_empty() { class } else { name };
        let code = code(class);
        let ids = last_ids(rest);
        let Some(function) = found.function(at, from) else { return true };
        let other = !function.name.is_empty()
            && plain(&function.name) != plain(name)
            && ids_differ(function.ids, ids);
        if other {
            let before = function.name.clone();
            let said = Phrase::new(
                format!("two functions at {at}: \"{before}\" and \"{name}\"; the first is kept"),
                format!("{at} 处有两个功能：“{before}”和“{name}”，保留前一个"),
            );
            found.remark(Kind::Contradiction, from, said);
        } else {
            if function.name.is_empty() || function.name == config::UNNAMED {
                function.name = name.into();
                function.name_from = Some(from);
            }
            function.class = function.class.or(code);
            function.ids = function.ids.or(ids);
            self.at = Some(at);
            self.silent = rest.contains("(rev ff)").then_some(from);
        }
        self.bytes.clear();
        self.within = Within::Nothing;
        if let Some(group) = group.filter(|_| !other) {
            found.join(at, group, from);
        }
        true
    }

    /// `10: 04 00 40 91 00 00 00 00 ...` of `-x`.
    fn row(&mut self, line: &str, from: Source) -> bool {
        let Some((offset, bytes)) = line.split_once(':') else { return false };
        if !(2..=3).contains(&offset.len()) {
            return false;
        }
        let Some(offset) = hex(offset) else { return false };
        let mut row = [0u8; 16];
        let mut count = 0;
        for byte in bytes.split_whitespace() {
            match (hex(byte).filter(|_| byte.len() == 2), row.get_mut(count)) {
                (Some(value), Some(place)) => *place = value as u8,
                _ => return false,
            }
            count += 1;
        }
        if count == 0 {
            return false;
        }
        if offset as usize == self.bytes.len() && self.bytes.len() < MOST_BYTES {
            if offset == 0 {
                self.bytes_from = from;
            }
            self.bytes.extend_from_slice(&row[..count]);
        }
        true
    }

    fn detail(&mut self, line: &str, from: Source, found: &mut Found) {
        let Some(at) = self.at else { return };
        if let Some(group) = after(line, "IOMMU group: ").or_else(|| after(line, "IOMMU group ")) {
            if let Some(group) = leading(group).and_then(|n| u32::try_from(n).ok()) {
                found.join(at, group, from);
            }
        }
        let Some(function) = found.function(at, from) else { return };
        if let Some(rest) = line.strip_prefix("Capabilities: ") {
            self.within = capability(rest, from, function);
        } else if let Some(rest) = line.strip_prefix("Bus: primary=") {
            let bus =
                |mark: &str| after(rest, mark).and_then(|v| hex(word(v))).and_then(|v| u8::try_from(v).ok());
            if let (Some(secondary), Some(subordinate)) = (bus("secondary="), bus("subordinate=")) {
                let windows = function.bridge.take().map_or_else(Vec::new, |b| b.windows);
                function.bridge = Some(Bridge { secondary, subordinate, windows, from });
            }
        } else if let Some((kind, rest)) = line.split_once(" behind bridge: ") {
            window(kind, rest, from, function);
        } else if let Some((index, rest)) = region(line, function) {
            // Within SR-IOV a region is a BAR of the virtual functions.
            if self.within == Within::Sriov {
                return;
            }
            if let Some(bar) = bar(index, rest, from) {
                function.bars.retain(|old| old.index != bar.index);
                function.bars.push(bar);
            } else if let Some(word) =
                ["<unassigned>", "<ignored>", "<invalid-value>"].into_iter().find(|word| rest.contains(word))
            {
                let name = if line.starts_with("Region ") { format!("BAR {index}") } else { "BAR".into() };
                let said = Phrase::new(
                    format!("{at} {name} has no address: {word}"),
                    format!("{at} {name} 没有地址：{word}"),
                );
                found.remark(Kind::Missing, from, said);
            }
        } else if line.starts_with("Status: Cap- ") {
            // It has no list of capabilities: the list is known to be empty.
            function.listed = true;
        } else if let Some(driver) = line.strip_prefix("Kernel driver in use: ") {
            function.driver = Some(driver.trim().into());
        } else {
            self.within.detail(line, function);
        }
    }
}

impl Within {
    /// A line that belongs to a capability.
    fn detail(self, line: &str, function: &mut Function) {
        let enabled = |mark| after(line, mark).and_then(|rest| flag(rest, "Enable"));
        match self {
            Within::Acs => {
                let acs = function.acs.get_or_insert_with(Acs::default);
                if let Some(rest) = line.strip_prefix("ACSCap:") {
                    acs.can = config::acs_bits(|name| flag(rest, name) == Some(true));
                } else if let Some(rest) = line.strip_prefix("ACSCtl:") {
                    acs.on = Some(config::acs_bits(|name| flag(rest, name) == Some(true)));
                }
            }
            Within::Ats => on(&mut function.ats, enabled("ATSCtl:")),
            Within::Pri => on(&mut function.pri, enabled("PRICtl:")),
            Within::Pasid => on(&mut function.pasid, enabled("PASIDCtl:")),
            Within::Sriov => {
                if let Some(total) = after(line, "Total VFs: ").and_then(leading) {
                    function.virtual_functions = u16::try_from(total).ok();
                }
            }
            Within::Nothing => {}
        }
    }
}

fn on(able: &mut Able, enabled: Option<bool>) {
    if enabled.is_some() {
        *able = Some(enabled);
    }
}

/// `Name+` or `Name-` in a list.
fn flag(list: &str, name: &str) -> Option<bool> {
    // The first flag is behind a tab.
    list.split([' ', '\t', ',']).find_map(|word| match word.strip_prefix(name)? {
        "+" => Some(true),
        "-" => Some(false),
        _ => None,
    })
}

fn capability(rest: &str, from: Source, function: &mut Function) -> Within {
    if rest.contains("<access denied>") {
        function.denied = true;
        return Within::Nothing;
    }
    function.listed = true;
    let text = rest.split_once("] ").map_or(rest, |(_, text)| text);
    let there = |able: &mut Able| {
        able.get_or_insert(None);
    };
    if text.starts_with("Express") {
        function.express = express(text).or(function.express);
    } else if let Some(msi) = text.strip_prefix("MSI: ") {
        // `Count=1/4`: how many are used of how many there are.
        let count = after(msi, "Count=").map(word).and_then(|c| leading(c.rsplit('/').next()?));
        function.msi = count.and_then(|c| u16::try_from(c).ok());
        function.cite("vectors", from);
    } else if let Some(msix) = text.strip_prefix("MSI-X: ") {
        function.msix = after(msix, "Count=").and_then(leading).and_then(|c| u16::try_from(c).ok());
    } else if text.contains("Access Control Services") {
        function.cite("acs", from);
        function.acs.get_or_insert_with(Acs::default);
        return Within::Acs;
    } else if text.contains("Address Translation Service") {
        function.cite("ats", from);
        there(&mut function.ats);
        return Within::Ats;
    } else if text.contains("Page Request Interface") {
        function.cite("pri", from);
        there(&mut function.pri);
        return Within::Pri;
    } else if text.contains("Process Address Space ID") {
        function.cite("pasid", from);
        there(&mut function.pasid);
        return Within::Pasid;
    } else if text.contains("Single Root I/O Virtualization") {
        return Within::Sriov;
    }
    Within::Nothing
}

/// `Express (v2) Root Port (Slot+), MSI 00`.
fn express(text: &str) -> Option<Express> {
    const NAMES: [(&str, Express); 9] = [
        ("PCI-Express to PCI", Express::ToPci),
        ("to PCI-Express Bridge", Express::FromPci),
        ("Root Complex Integrated", Express::Integrated),
        ("Root Complex Event", Express::Integrated),
        ("Root Port", Express::RootPort),
        ("Upstream Port", Express::Upstream),
        ("Downstream Port", Express::Downstream),
        ("Endpoint", Express::Endpoint),
        ("PCI/PCI-X", Express::ToPci),
    ];
    NAMES.iter().find(|(name, _)| text.contains(name)).map(|(_, kind)| *kind)
}

/// `Memory behind bridge: fd500000-fd6fffff [size=2M]`; a window that is off is none.
fn window(kind: &str, rest: &str, from: Source, function: &mut Function) {
    let space = match kind {
        "I/O" => Space::Io,
        "Memory" => Space::Memory,
        "Prefetchable memory" => Space::Prefetch,
        _ => return,
    };
    let range = extent(word(rest)).filter(|_| !rest.contains("[disabled]"));
    let Some(range) = range else { return };
    if let Some(bridge) = &mut function.bridge {
        bridge.windows.retain(|old| old.space != space);
        bridge.windows.push(Window { space, range, from });
    }
}

/// `Region 0: ...` with its number; in the shorter form the next one.
fn region<'a>(line: &'a str, function: &Function) -> Option<(u8, &'a str)> {
    if let Some(rest) = line.strip_prefix("Region ") {
        let (index, rest) = rest.split_once(": ")?;
        return Some((index.parse().ok().filter(|i| *i < 6)?, rest));
    }
    let short = unmarked(line);
    let short = short.starts_with("Memory at ") || short.starts_with("I/O ports at ");
    let next = function.bars.iter().map(|b| b.index + 1 + u8::from(b.wide)).max().unwrap_or(0);
    (short && next < 6).then_some((next, line))
}

/// A BAR without the mark before it: `[virtual]` where only the system knows of it (of a virtual function the physical one has it),
/// `[enhanced]` where the capability of Enhanced Allocation states it.
fn unmarked(text: &str) -> &str {
    ["[virtual] ", "[enhanced] "].iter().fold(text, |text, mark| text.strip_prefix(mark).unwrap_or(text))
}

/// `Memory at fe800000 (64-bit, prefetchable) [size=16K]`.
fn bar(index: u8, rest: &str, from: Source) -> Option<Bar> {
    let (io, text) = match unmarked(rest).strip_prefix("I/O ports at ") {
        Some(text) => (true, text),
        None => (false, unmarked(rest).strip_prefix("Memory at ")?),
    };
    let at = hex(word(text))?;
    // The fixed ports of an IDE controller, which no register has: `lspci` calls them memory.
    let io = io || rest.starts_with("[virtual] ") && at < 0x400;
    let space = match (io, text.contains("non-prefetchable")) {
        (true, _) => Space::Io,
        (_, true) => Space::Memory,
        _ => Space::Prefetch,
    };
    let size = between(text, "[size=", "]").and_then(size).unwrap_or(0);
    Some(Bar { index, space, wide: text.contains("64-bit"), at, size, from })
}

/// The code of a class: `[0200]`, or `0200` of `-n`, or by its name.
pub fn code(class: &str) -> Option<u16> {
    let bracket = between(class, "[", "]").filter(|c| c.len() == 4).and_then(hex);
    let bare = || Some(class.strip_prefix("Class ").unwrap_or(class)).filter(|c| c.len() == 4).and_then(hex);
    let code = bracket.or_else(bare).map(|c| c as u16);
    code.or_else(|| CLASSES.iter().find(|(name, _)| class.starts_with(name)).map(|(_, code)| *code))
}

/// The names of classes as `pci.ids` has them.
const CLASSES: &[(&str, u16)] = &[
    ("SCSI storage controller", 0x0100),
    ("IDE interface", 0x0101),
    ("RAID bus controller", 0x0104),
    ("SATA controller", 0x0106),
    ("Serial Attached SCSI controller", 0x0107),
    ("Non-Volatile memory controller", 0x0108),
    ("Mass storage controller", 0x0180),
    ("Ethernet controller", 0x0200),
    ("Infiniband controller", 0x0207),
    ("Network controller", 0x0280),
    ("VGA compatible controller", 0x0300),
    ("3D controller", 0x0302),
    ("Display controller", 0x0380),
    ("Multimedia video controller", 0x0400),
    ("Multimedia audio controller", 0x0401),
    ("Multimedia controller", 0x0480),
    ("Audio device", 0x0403),
    ("RAM memory", 0x0500),
    ("Memory controller", 0x0580),
    ("Host bridge", 0x0600),
    ("ISA bridge", 0x0601),
    ("PCI bridge", 0x0604),
    ("CardBus bridge", 0x0607),
    ("Bridge", 0x0680),
    ("Serial controller", 0x0700),
    ("Communication controller", 0x0780),
    ("PIC", 0x0800),
    ("SD Host controller", 0x0805),
    ("IOMMU", 0x0806),
    ("System peripheral", 0x0880),
    ("FireWire (IEEE 1394)", 0x0c00),
    ("USB controller", 0x0c03),
    ("USB Controller", 0x0c03),
    ("SMBus", 0x0c05),
    ("Serial bus controller", 0x0c80),
    ("Signal processing controller", 0x1180),
    ("Processing accelerators", 0x1200),
    ("Encryption controller", 0x1080),
];

/// The last `[vvvv:dddd]`, or `vvvv:dddd` of `-n`.
fn last_ids(text: &str) -> Option<(u16, u16)> {
    let pair = |text: &str| {
        let (vendor, device) = text.split_once(':')?;
        let fine = vendor.len() == 4 && device.len() == 4;
        fine.then_some((hex(vendor)? as u16, hex(device)? as u16))
    };
    let bracketed = text.rsplit('[').find_map(|part| pair(part.split(']').next()?));
    bracketed.or_else(|| text.split_whitespace().find_map(pair))
}

/// A name without ids and revision: the same function listed twice in two forms is one.
fn plain(name: &str) -> String {
    let name = name.split(" [").next().unwrap_or(name);
    name.split(" (rev").next().unwrap_or(name).trim().into()
}

/// Whether two lines speak of two functions: their ids say so, or there are none to say that they do not.
fn ids_differ(a: Option<(u16, u16)>, b: Option<(u16, u16)>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => a != b,
        (None, None) => true,
        _ => false,
    }
}
