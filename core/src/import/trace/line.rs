//! One line of a trace, as `trace`, `trace-cmd report` and `perf script` print it: the events of `iommu`, `dma` and `swiotlb`.

use super::super::scan::{after, between, hex, number, word};
use alloc::string::String;
use alloc::vec::Vec;

/// When and where in the trace.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Moment {
    /// Nanoseconds.
    pub time: u64,
    /// The line, counted from 1.
    pub line: u64,
}

/// What an event did.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Event {
    /// The IOMMU's tables got a mapping (`iommu:map`); whose, the event does not say.
    TableMap { iova: u64, physical: u64, size: u64 },
    /// The IOMMU's tables lost one (`iommu:unmap`), of which so much was there.
    TableUnmap { iova: u64, size: u64, done: u64 },
    /// A buffer was mapped for a device, or memory allocated for it; `list` if it was mapped as a list, which is unmapped as one.
    Map { device: String, parts: Vec<Part>, direction: Direction, coherent: bool, list: bool },
    /// It was unmapped, or freed.
    Unmap { device: String, address: u64, size: u64, direction: Direction, coherent: bool },
    /// A list was unmapped; the event has the physical addresses of its entries.
    UnmapList { device: String, physical: Vec<u64>, direction: Direction },
    /// A buffer was synchronised for the CPU or the device.
    Sync { device: String, parts: Vec<(u64, u64)>, direction: Direction },
    /// A domain lost whatever it had in a range.
    UnmapRange { device: String, address: u64, size: u64 },
    /// A device's access to an address was translated: the mapping that it went through.
    Access { device: String, address: u64, part: Part, write: Option<bool> },
    /// A device was refused an address (`iommu:io_page_fault`); whether it wrote, and for which process, where that is said. Without a
    /// name where the device is not said.
    Fault { device: String, address: u64, write: Option<bool>, pasid: Option<u32>, place: Place },
    /// A device was attached to a domain, whose name is known or not, or detached from it.
    Attach { device: String, domain: Option<String>, leaves: bool },
    /// A device came into a group, or left it.
    Group { device: String, group: u64, leaves: bool },
    /// A mapping bounced.
    Bounced { device: String, size: u64 },
    /// A mapping or an allocation failed.
    Failed { device: String },
    /// The IOTLB was told to forget a range, or all.
    Flush { range: Option<(u64, u64)> },
}

/// How it is known between which events a refused access comes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    /// By its place among the lines.
    Line,
    /// By its time alone: of those of the same time it is not known which came first.
    Time,
    /// Not at all.
    Unknown,
    /// Not at all: its time is of another clock.
    Clocks,
    /// It is of no concern: no page was looked at.
    Entry,
    /// It is of no concern: the device is not known, as its line has no segment and several of the trace's have its number.
    Segment,
}

/// A mapped range.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Part {
    /// The address that the device uses.
    pub address: u64,
    /// The physical address; none where the event does not say.
    pub physical: Option<u64>,
    /// Bytes.
    pub size: u64,
}

/// Which way data may go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Direction {
    /// The device reads.
    ToDevice,
    /// The device writes.
    FromDevice,
    /// Both.
    Both,
    /// None: what such a mapping is for, only a debugger knows.
    None,
}

impl Direction {
    /// A name, or the number of `enum dma_data_direction`.
    fn parse(word: &str) -> Direction {
        match word.strip_prefix("0x").unwrap_or(word) {
            "TO_DEVICE" | "1" => Direction::ToDevice,
            "FROM_DEVICE" | "2" => Direction::FromDevice,
            "NONE" | "3" => Direction::None,
            _ => Direction::Both,
        }
    }
    /// Returns its name in Linux.
    pub const fn name(self) -> &'static str {
        match self {
            Direction::ToDevice => "TO_DEVICE",
            Direction::FromDevice => "FROM_DEVICE",
            Direction::Both => "BIDIRECTIONAL",
            Direction::None => "NONE",
        }
    }
}

/// A line of a trace of Linux.
#[derive(Debug, PartialEq, Eq)]
pub struct Read<'a> {
    /// Nanoseconds; none where the clock counts without a unit (`counter`, `x86-tsc`).
    pub time: Option<u64>,
    /// The event's name.
    pub name: &'a str,
    /// What it says of itself.
    text: &'a str,
    /// The line has no time of the log's clock.
    pub is_bare: bool,
}

/// Reads a line up to the event's name; none where it is no line of a trace.
pub fn read(line: &str) -> Option<Read<'_>> {
    let counted = stamped(line, time).or_else(|| {
        // Other words may be digits and a colon: only a name that is known makes it a time.
        let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit()).then_some(0);
        let read = stamped(line, |text| digits(text).filter(|_| !text.is_empty()))?;
        is_ours(read.name, read.text).then_some(Read { time: None, ..read })
    });
    counted.or_else(|| bare(line))
}

/// A line without a time (`options/context-info` off), or with microseconds since the trace began and a mark of how many have passed
/// (`options/latency-format`): `21us+: dma_unmap_phys: ...`.
fn bare(line: &str) -> Option<Read<'_>> {
    let since = line.match_indices("us").find_map(|(at, _)| {
        let digit = line[..at].ends_with(|c: char| c.is_ascii_digit());
        let rest = line[at + 2..].strip_prefix([' ', '+', '!', '#', '*', '@', '$'])?;
        rest.strip_prefix(": ").filter(|_| digit)
    });
    let (name, text) = since.unwrap_or(line).trim_start().split_once(": ")?;
    let name = name.rsplit(':').next().unwrap_or(name);
    let text = text.trim();
    is_ours(name, text).then_some(Read { time: None, name, text, is_bare: true })
}

/// Returns whether a line seems to be one of an event of mappings in a form that is not read (`perf trace`).
pub fn seems(line: &str) -> bool {
    ["dma:dma_", "iommu:map(", "iommu:unmap("].iter().any(|mark| {
        after(line, mark).is_some_and(|rest| {
            rest.split(')').next().is_some_and(|call| line.contains('(') && call.contains("addr"))
        })
    })
}

/// A line whose first word that is a time is the event's.
fn stamped(line: &str, time: impl Fn(&str) -> Option<u64>) -> Option<Read<'_>> {
    let mut rest = line;
    // The time is the first word of digits, a point, digits and a colon.
    // Bounded: each turn passes a word.
    let (time, rest) = loop {
        // Tracers put spaces between; a comm of other characters is of no concern.
        let start = rest.bytes().position(|b| !b.is_ascii_whitespace())?;
        rest = &rest[start..];
        let end = rest.bytes().position(|b| b.is_ascii_whitespace())?;
        if let Some(time) = rest[..end].strip_suffix(':').and_then(&time) {
            break (time, &rest[end..]);
        }
        rest = &rest[end..];
    };
    let mut named = rest.trim_start().split_once(char::is_whitespace)?;
    // `perf script -F +period` has how many events the line stands for between.
    if named.0.bytes().all(|b| b.is_ascii_digit()) {
        named = named.1.trim_start().split_once(char::is_whitespace)?;
    }
    // `trace-cmd report --ts-diff` has how long it was since the one before.
    if named.0.starts_with("(+") {
        named = named.1.trim_start().split_once(char::is_whitespace)?;
    }
    let (name, text) = named;
    let name = name.strip_suffix(':')?;
    let name = name.rsplit(':').next().unwrap_or(name);
    let text = text.trim();
    // `trace-cmd report` says so of an event whose format it cannot follow, and prints its fields as they are, as it does with `-R`.
    let text = text.strip_prefix("[FAILED TO PARSE]").map_or(text, str::trim_start);
    Some(Read { time: Some(time), name, text, is_bare: false })
}

/// Whether an event's fields are printed as they are, each with its name, numbers as C writes them.
fn is_raw(text: &str) -> bool {
    text.starts_with("device=") || text.starts_with("iova=")
}

/// The device that an event of the DMA API is about, with which it begins.
fn device(text: &str) -> &str {
    word(text.strip_prefix("device=").unwrap_or(text))
}

/// Whether an event is one of mappings, which is to be understood.
fn is_ours(name: &str, text: &str) -> bool {
    const NAMES: &[&str] =
        &["dma_map_", "dma_unmap_", "dma_sync_", "dma_alloc", "dma_free", "io_page_fault", "swiotlb_bounced"];
    NAMES.iter().any(|begin| name.starts_with(begin))
        || matches!(name, "map" | "unmap") && (text.starts_with("IOMMU:") || is_raw(text))
}

impl Read<'_> {
    /// Returns the event; none where it is not understood, or is of nothing that counts.
    pub fn event(&self) -> Option<Event> {
        event(self.name, self.text)
    }
    /// Returns whether it should have been understood: what failed, and says so, is none of a mapping.
    pub fn is_unread(&self) -> bool {
        is_ours(self.name, self.text)
    }
    /// Returns what it says after the event's name.
    pub fn said(&self) -> &str {
        self.text
    }
    /// Returns the device that it is about, which such events begin with.
    pub fn device(&self) -> &str {
        device(self.text)
    }
    /// Returns whether it maps.
    pub fn is_map(&self) -> bool {
        self.name.starts_with("dma_map_")
    }
    /// Returns whether the kernel has left entries of a list out.
    pub fn is_truncated(&self) -> bool {
        self.name.contains("_sg") && self.text.contains(" [TRUNCATED]")
    }
}

/// Returns the time in nanoseconds and the event of a line of Linux; none where it is no event that is known.
#[cfg(test)]
pub fn parse(line: &str) -> Option<(u64, Event)> {
    let read = read(line)?;
    Some((read.time?, read.event()?))
}

/// Returns nanoseconds of `SECONDS.PART`.
pub fn time(text: &str) -> Option<u64> {
    let (seconds, part) = text.split_once('.')?;
    let digits = |t: &str| !t.is_empty() && t.len() <= 12 && t.bytes().all(|b| b.is_ascii_digit());
    if !digits(seconds) || !digits(part) || part.len() > 9 {
        return None;
    }
    let nanos = part.parse::<u64>().ok()? * 10u64.pow(9 - part.len() as u32);
    seconds.parse::<u64>().ok()?.checked_mul(1_000_000_000)?.checked_add(nanos)
}

/// What a mapping that failed has for an address: DMA_MAPPING_ERROR.
const FAILED: u64 = u64::MAX;

/// A descriptor of VT-d's invalidation queue: `TYPE UNIT: QW0 QW1 QW2 QW3`. Those of the IOTLB count (VT-d 6.5.2.3, 6.5.2.4).
fn descriptor(text: &str) -> Option<Event> {
    let (kind, rest) = text.split_once(' ')?;
    if kind != "iotlb_inv" && kind != "p_iotlb_inv" {
        return None;
    }
    let mut words = rest.split_once(": ").map_or("", |(_, words)| words).split_whitespace().filter_map(hex);
    let range = words.next().zip(words.next()).and_then(|(low, high)| {
        // Granularity 3 is a page of a domain, or of a process, and as many around it as its mask says.
        (low >> 4 & 3 == 3).then(|| (high & !0xfff, 0x1000u64 << (high & 0x3f).min(51)))
    });
    Some(Event::Flush { range })
}

fn event(name: &str, text: &str) -> Option<Event> {
    let hex: fn(&str) -> Option<u64> = if is_raw(text) { number } else { hex };
    let value = |mark: &str| after(text, mark).map(word).and_then(hex);
    let decimal = |mark: &str| after(text, mark).map(word).and_then(number);
    let direction = || Direction::parse(after(text, "dir=").map_or("", word));
    let device = || String::from(device(text));
    // None where it is printed otherwise (`ARRAY[..]`). It is no longer than what is read of a line.
    let list = |mark: &str| -> Option<Vec<u64>> {
        let inside = after(text, mark)?.strip_prefix('{')?.split('}').next()?;
        Some(inside.split(',').filter_map(hex).collect())
    };
    let no_memory =
        || after(text, "virt_addr=").is_some_and(|at| at.starts_with("(null)") || hex(word(at)) == Some(0));
    let failed = name.ends_with("_err")
        || name.starts_with("dma_map_") && value("dma_addr=") == Some(FAILED)
        // A refused allocation has no address, neither the device's nor the CPU's.
        || name.starts_with("dma_alloc") && match value("dma_addr=") {
            Some(FAILED) => true,
            Some(0) => no_memory(),
            _ => false,
        };
    if failed && is_ours(name, text) {
        return Some(Event::Failed { device: device() });
    }
    Some(match name {
        "map" => {
            Event::TableMap { iova: value("iova=")?, physical: value("paddr=")?, size: decimal(" size=")? }
        }
        "unmap" => {
            let size = decimal(" size=")?;
            Event::TableUnmap { iova: value("iova=")?, size, done: decimal("unmapped_size=").unwrap_or(size) }
        }
        "dma_map_page" | "dma_map_phys" | "dma_map_resource" => {
            let part = Part {
                address: value("dma_addr=").filter(|at| *at != FAILED)?,
                physical: value("phys_addr="),
                size: decimal(" size=")?,
            };
            Event::Map {
                device: device(),
                parts: [part].into(),
                direction: direction(),
                coherent: false,
                list: false,
            }
        }
        "dma_alloc" | "dma_alloc_pages" | "dma_alloc_sgt" => {
            let address = value("dma_addr=").filter(|at| *at != FAILED)?;
            let part = Part { address, physical: None, size: decimal(" size=")? };
            Event::Map {
                device: device(),
                parts: [part].into(),
                direction: direction(),
                coherent: true,
                list: false,
            }
        }
        "dma_map_sg" => {
            // What was cut before its end has no sizes.
            let (addresses, sizes) = (list("dma_addrs=")?, list("sizes=")?);
            let physical = list("phys_addrs=").unwrap_or_default();
            let parts = addresses.iter().zip(&sizes).enumerate().map(|(i, (address, size))| Part {
                address: *address,
                size: *size,
                physical: physical.get(i).copied(),
            });
            // Entries that were joined to the one before have neither.
            let parts = parts.filter(|part| part.address != FAILED && part.size > 0);
            Event::Map {
                device: device(),
                parts: parts.collect(),
                direction: direction(),
                coherent: false,
                list: true,
            }
        }
        "dma_unmap_page" | "dma_unmap_phys" | "dma_unmap_resource" | "dma_free" | "dma_free_pages"
        | "dma_free_sgt" => Event::Unmap {
            device: device(),
            // The field of an unmap has a shorter name than what is printed of it.
            address: value("dma_addr=").or_else(|| value(" addr="))?,
            size: decimal(" size=")?,
            direction: direction(),
            coherent: name.starts_with("dma_free"),
        },
        "dma_unmap_sg" => {
            Event::UnmapList { device: device(), physical: list("phys_addrs=")?, direction: direction() }
        }
        "dma_sync_single_for_cpu" | "dma_sync_single_for_device" => {
            let parts = [(value("dma_addr=")?, decimal(" size=")?)].into();
            Event::Sync { device: device(), parts, direction: direction() }
        }
        "dma_sync_sg_for_cpu" | "dma_sync_sg_for_device" => {
            let parts = list("dma_addrs=")?.into_iter().zip(list("sizes=")?);
            let parts = parts.filter(|(address, size)| *address != FAILED && *size > 0).collect();
            Event::Sync { device: device(), parts, direction: direction() }
        }
        "io_page_fault" => {
            // `IOMMU:driver 0000:00:04.0 iova=0x... flags=0x0000`
            let device = text.split_whitespace().rev().find(|w| !w.contains('='))?;
            // IOMMU_FAULT_WRITE is 1.
            let write = value("flags=").map(|flags| flags & 1 != 0);
            let address = value("iova=")?;
            Event::Fault { device: device.into(), address, write, pasid: None, place: Place::Line }
        }
        "attach_device_to_domain" | "detach_device_from_domain" => Event::Attach {
            device: after(text, "device=").map(word)?.into(),
            domain: None,
            leaves: name.starts_with("detach"),
        },
        "add_device_to_group" | "remove_device_from_group" => Event::Group {
            device: after(text, "device=").map(word)?.into(),
            group: group_of(text)?,
            leaves: name.starts_with("remove"),
        },
        "swiotlb_bounced" => {
            Event::Bounced { device: after(text, "dev_name: ").map(word)?.into(), size: decimal("size=")? }
        }
        // A flush of a device's own cache (`devtlb`) leaves the IOTLB as it is.
        "cache_tag_flush_range" | "cache_tag_flush_all" => {
            if after(text, "type ").is_some_and(|kind| word(kind).contains("devtlb")) {
                return None;
            }
            // Before the range the device's PASID is in brackets too.
            let range = after(text, " did ").and_then(|rest| between(rest, "[", "]"));
            let range = range.and_then(|range| range.split_once('-'));
            let range = range.and_then(|(first, last)| Some((hex(first)?, hex(last)?)));
            Event::Flush {
                range: range.map(|(first, last)| (first, last.saturating_sub(first).saturating_add(1))),
            }
        }
        "qi_submit" => descriptor(text)?,
        _ => return None,
    })
}

/// What an event says of a device's group: its number.
fn group_of(text: &str) -> Option<u64> {
    after(text, "groupID=").or_else(|| after(text, "gid=")).map(word).and_then(number)
}
