//! The lines by which a kernel tells of a refused access, where they stand among those of a trace: `dmesg` has the trace's clock.

use super::super::found::Bdf;
use super::super::scan::{after, between, hex, word};
use super::line::{time, Event};
use alloc::string::String;

/// Returns the time, where the line has one, and the event.
pub fn parse(line: &str) -> Option<(Option<u64>, Event)> {
    let event = intel(line).or_else(|| amd(line)).or_else(|| smmu(line))?;
    let stamp = between(line, "[", "]").and_then(|stamp| time(stamp.trim()));
    Some((stamp, event))
}

/// The name that a trace has for a device.
fn device(text: &str) -> Option<String> {
    match Bdf::parse(text) {
        Some(at) => Some(at.whole()),
        None => (!text.is_empty() && !text.starts_with('(')).then(|| text.into()),
    }
}

/// `DMAR: [DMA Write NO_PASID] Request device [00:05.0] fault addr 0xfffff000 ...`, of all versions.
fn intel(line: &str) -> Option<Event> {
    let address = hex(word(after(line, "fault addr ")?))?;
    let device = device(between(line, "evice [", "]")?)?;
    Some(Event::Fault { device, address, write: Some(line.contains("DMA Write")) })
}

/// `nvme 0000:00:05.0: AMD-Vi: Event logged [IO_PAGE_FAULT domain=0x000a address=0xfffff040 flags=0x0020]`; older ones have `device=`.
fn amd(line: &str) -> Option<Event> {
    let rest = after(line, "IO_PAGE_FAULT ")?;
    let value = |mark: &str| after(rest, mark).map(word).and_then(hex);
    let named = after(rest, "device=").map(word);
    let named = named.or_else(|| line.split(": AMD-Vi:").next()?.split_whitespace().next_back());
    // The event's flags: RW, bit 5, says something only where PR, bit 4, is 1.
    let write = value("flags=").filter(|flags| flags & 0x10 != 0).map(|flags| flags & 0x20 != 0);
    Some(Event::Fault { device: device(named?)?, address: value("address=")?, write })
}

/// `arm-smmu-v3 9050000.smmuv3: event: F_TRANSLATION client: 0000:00:05.0 sid: 0x28 ssid: 0x0 iova: 0xfffff040 ipa: 0x0`.
fn smmu(line: &str) -> Option<Event> {
    let rest = after(line, "event: F_")?;
    let device = device(word(after(rest, "client: ")?))?;
    Some(Event::Fault { device, address: hex(word(after(rest, "iova: ")?))?, write: None })
}
