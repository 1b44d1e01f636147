//! `lspci` in its forms: `-v` to `-vvv`, `-nn`, `-x` to `-xxxx`, `-mm`, `-vmm`, and lists that scripts make of it by group.

mod capability;
mod machine;
mod names;

use super::config;
use super::found::{Bar, Bdf, Bridge, Found, Function, Source, Space, Window};
use super::remark::Kind;
use super::scan::{after, between, extent, hex, leading, size, word};
use crate::spec::Phrase;
use alloc::format;
use alloc::vec::Vec;
use capability::{capability, Within};
use machine::Listed;
pub use names::code;
use names::{heading, ids_differ, last_ids, plain};

/// The most lines of an extended configuration space.
const MOST_BYTES: usize = 4096;

/// What scripts put in front of a function in a list by group.
const MARKS: [char; 11] = ['-', '>', '*', '•', '→', '└', '├', '─', '│', ' ', '\t'];

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
    /// The group that the list is at, and whether its functions stand indented below it.
    group: Option<u32>,
    below: bool,
    /// The function of a listing for programs that is being read.
    listed: Option<Listed>,
    /// How many of the function's lines were read, the empty ones behind the last of them, and whether a copy put one behind each.
    read: usize,
    blanks: usize,
    spaced: bool,
}

impl Lspci {
    /// Reads a line; returns whether it is one of `lspci`.
    pub fn line(&mut self, line: &str, from: Source, found: &mut Found) -> bool {
        if self.for_programs(line, from, found) {
            return true;
        }
        let indented = line.starts_with([' ', '\t']);
        if let Some(rest) = heading(line).filter(|_| !indented) {
            if self.group_line(rest, from, found) {
                return true;
            }
        }
        // What stands at the margin below a group's functions is none of them.
        if !indented && self.below {
            self.ungroup();
        }
        // Scripts put an arrow or a dot in front of what is in a group.
        let inner = match self.group {
            Some(_) => line.trim_start().trim_start_matches(MARKS),
            None => line.trim_start(),
        };
        if self.headline(inner, from, found) || self.places(inner, from, found) {
            self.below = indented && self.group.is_some();
            return true;
        }
        if !indented && !self.is_row(line) {
            self.ungroup();
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

    /// Reads a line of `-mm` or `-vmm`.
    fn for_programs(&mut self, line: &str, from: Source, found: &mut Found) -> bool {
        // An older `-vm` names the function by the key that its place has.
        let begins = Listed::begins(line, from);
        if self.listed.as_mut().is_some_and(|listed| begins.is_none() && listed.takes(line)) {
            return true;
        }
        let Some(listed) = begins.or_else(|| Listed::of_line(line.trim_start(), from)) else {
            if self.listed.is_some() {
                self.end(found);
            }
            return false;
        };
        self.end(found);
        self.listed = Some(listed);
        true
    }

    /// The function of a listing for programs is whole.
    fn end_listed(&mut self, found: &mut Found) {
        let Some(listed) = self.listed.take() else { return };
        let Some(at) = Bdf::parse(&listed.place) else { return };
        match listed.headline() {
            Some(line) => {
                let _ = self.headline(&line, listed.from, found);
            }
            None => {
                found.kind("lspci", listed.from);
                let _ = found.function(at, listed.from);
            }
        }
        if let Some(group) = listed.group {
            found.join(at, group, listed.from);
        }
        if let Some(function) = found.function(at, listed.from).filter(|_| listed.driver.is_some()) {
            function.driver = listed.driver;
        }
    }

    /// Ends the list by group: what follows is another text.
    pub fn ungroup(&mut self) {
        (self.group, self.below) = (None, false);
    }

    /// Is it a row of the configuration space of the function that is being read?
    fn is_row(&self, line: &str) -> bool {
        self.at.is_some() && offset(line).is_some()
    }

    /// An empty line ends the function, unless a copy put one behind each line.
    pub fn blank(&mut self, found: &mut Found) {
        // A listing for programs says itself where a function begins.
        if self.listed.is_some() {
            return;
        }
        self.blanks += 1;
        if self.blanks > 1 || self.read > 0 && !self.spaced {
            self.end(found);
        }
    }

    /// Ends the function that is being read.
    pub fn end(&mut self, found: &mut Found) {
        self.end_listed(found);
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
        self.ungroup();
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
        // Functions of the same group may follow, indented.
        self.below = self.headline(rest, from, found) || self.places(rest, from, found);
        true
    }

    /// Places of functions alone, as scripts print them below a group or behind it: `0000:00:01.0 0000:01:00.0`.
    fn places(&mut self, line: &str, from: Source, found: &mut Found) -> bool {
        let Some(group) = self.group else { return false };
        let words = || line.split([' ', '\t', ',']).filter(|word| !word.is_empty());
        if words().count() == 0 || !words().all(|word| Bdf::parse(word).is_some()) {
            return false;
        }
        self.end(found);
        words().filter_map(Bdf::parse).for_each(|at| found.join(at, group, from));
        true
    }

    /// `03:00.0 Ethernet controller [0200]: Intel Corporation I210 [8086:1533] (rev 03)`.
    fn headline(&mut self, line: &str, from: Source, found: &mut Found) -> bool {
        // Scripts mark functions that can be reset, and put ids in front.
        let whole = line;
        let mut line = line;
        // Bounded: each turn takes a mark away.
        while let Some((_, rest)) = line.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            line = rest.trim_start();
        }
        let Some((place, rest)) = line.split_once([' ', '\t']) else { return false };
        let Some(at) = Bdf::parse(place) else { return false };
        let marked = (whole.len() > line.len()).then(|| rest.trim_start().split_once("  ")).flatten();
        let Some((class, name)) = marked.or_else(|| rest.split_once(": ")) else { return false };
        if class.is_empty() || class.len() > 80 {
            return false;
        }
        self.end(found);
        found.kind("lspci", from);
        let group = self.group;
        let name = name.split("   Driver:").next().unwrap_or(name);
        let name = name.split(" (prog-if").next().unwrap_or(name).trim();
        let name = if name.is_empty() { class } else { name };
        let code = code(class);
        let ids = last_ids(whole);
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
        let Some((offset, bytes)) = offset(line) else { return false };
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

/// The offset of a row of the configuration space, and its bytes.
fn offset(line: &str) -> Option<(u64, &str)> {
    let (offset, bytes) = line.split_once(':')?;
    (2..=3).contains(&offset.len()).then(|| hex(offset)).flatten().map(|offset| (offset, bytes))
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
