//! A line of `perf trace`: an event's fields as those of a call, `dma:dma_unmap_phys(device: "0000:00:05.0", size: 4096, dir: 2)`, and
//! milliseconds since it began. A field that is 0 is left out, an address is hexadecimal, other numbers are decimal with a sign
//! (`trace__fprintf_tp_fields` in tools/perf/builtin-trace.c).

use super::super::scan::hex;
use super::line::time;
use alloc::format;
use alloc::string::String;
use core::fmt::Write;

/// Returns the line as `trace-cmd report -R` has it; none where it is no such line.
pub fn raw(line: &str) -> Option<String> {
    let (before, name, fields) = call(line)?;
    // `-T` has a time of the tracer's clock, in milliseconds too; a duration stands in brackets, and is none of an event.
    let millis = before.split_whitespace().next().and_then(time)? / 1000;
    let mut out = format!("{}.{:09}: {name}: ", millis / 1_000_000_000, millis % 1_000_000_000);
    let value = |key: &str| {
        let at = fields.match_indices(key).find(|(at, _)| {
            let starts = *at == 0 || fields[..*at].ends_with(", ");
            starts && fields[at + key.len()..].starts_with(": ")
        });
        let value = at.map(|(at, _)| &fields[at + key.len() + 2..])?;
        Some(value.split(", ").next().unwrap_or(value).trim().trim_matches('"'))
    };
    let first = if name.starts_with("dma_") || name == "io_page_fault" { "device" } else { "iova" };
    // The address of a mapping at 0 is left out like any 0; a device's name is not.
    let named = value(first).or(Some("0").filter(|_| first == "iova"))?;
    let _ = write!(out, "{first}={}", number(named));
    for key in [
        "iova",
        "dma_addr",
        "addr",
        "phys_addr",
        "paddr",
        "virt_addr",
        "size",
        "unmapped_size",
        "flags",
        "dir",
    ] {
        let expected = matches!(key, "iova" | "dma_addr") && value("addr").is_none();
        if let Some(value) = value(key).or(Some("0").filter(|_| expected)).filter(|_| key != first) {
            let value = value.strip_prefix("DMA_").unwrap_or(value);
            let _ = write!(out, " {key}={}", number(value));
        }
    }
    Some(out)
}

/// What is before a call of an event of mappings, the event's name, and what is in its brackets.
fn call(line: &str) -> Option<(&str, &str, &str)> {
    for room in ["dma:", "iommu:"] {
        let Some(at) = line.find(room) else { continue };
        let rest = &line[at + room.len()..];
        let end = rest.bytes().position(|b| !b.is_ascii_alphanumeric() && b != b'_')?;
        let fields = rest[end..].strip_prefix('(')?;
        let inside = fields.trim_end().strip_suffix(')').unwrap_or(fields);
        let name = &rest[..end];
        // Lists are arrays, which it does not print.
        let is_ours = match room {
            "dma:" => name.starts_with("dma_") && !name.contains("_sg"),
            _ => matches!(name, "map" | "unmap" | "io_page_fault"),
        };
        return is_ours.then_some((&line[..at], name, inside));
    }
    None
}

/// A number below 0 is one of 64 bits whose highest is set.
fn number(text: &str) -> String {
    match text.parse::<i64>() {
        Ok(number) if number < 0 => format!("{:#x}", number as u64),
        _ if text.starts_with("0x") && hex(text).is_none() => String::from("0"),
        _ => text.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::trace::line::{read, Direction, Event, Part};

    #[test]
    fn a_call_is_read_as_the_event_that_it_is() {
        let of = |line: &str| {
            let raw = raw(line)?;
            let read = read(&raw)?;
            Some((read.time?, read.event()?))
        };
        let line = "     2.500 nvme/1234 dma:dma_map_phys(device: \"0000:00:05.0\", phys_addr: 0x2fb9000, dma_addr: 0xffffc000, size: 4096, dir: 2)";
        let part = Part { address: 0xffff_c000, physical: Some(0x2fb_9000), size: 4096 };
        let map = Event::Map {
            device: "0000:00:05.0".into(),
            parts: [part].into(),
            direction: Direction::FromDevice,
            coherent: false,
            list: false,
        };
        assert_eq!(of(line), Some((2_500_000, map)));
        // A direction by its name; what is 0 is left out.
        let line = "  2.600 ( 0.001 ms): a b/7 dma:dma_unmap_phys(device: \"0000:00:05.0\", addr: 0xffffc000, size: 4096, dir: DMA_TO_DEVICE)";
        let unmap = |direction| Event::Unmap {
            device: "0000:00:05.0".into(),
            address: 0xffff_c000,
            size: 4096,
            direction,
            coherent: false,
        };
        assert_eq!(of(line), Some((2_600_000, unmap(Direction::ToDevice))));
        assert_eq!(
            of("2.600 a/7 iommu:map(paddr: 4096, size: 4096)"),
            Some((2_600_000, Event::TableMap { iova: 0, physical: 4096, size: 4096 }))
        );
        assert_eq!(
            of("2.600 a/7 iommu:unmap(iova: -4096, size: 4096, unmapped_size: 4096)"),
            Some((2_600_000, Event::TableUnmap { iova: 0xffff_ffff_ffff_f000, size: 4096, done: 4096 }))
        );
        // A list's arrays are not printed, and a line of another form is none.
        for line in [
            "2.600 a/7 dma:dma_map_sg(device: \"0000:00:05.0\", dir: 2)",
            "a 7 [001] 100.000001: dma:dma_map_phys: 0000:00:05.0 dir=FROM_DEVICE",
            "2.600 a/7 dma:(",
            "dma:dma_map_phys(",
        ] {
            assert_eq!(raw(line), None, "{line}");
        }
    }
}
