//! What QEMU's monitor shows of a machine: `info pci` (functions, BARs, bridges) and `info mtree -f` (RAM, the IOMMU's registers).

use super::found::{keep, Bar, Bdf, Bridge, Extent, Found, Maker, Range, Source, Space, Window};
use super::lspci;
use super::remark::Kind;
use super::scan::{between, hex, leading};
use super::units::unit;
use crate::spec::Phrase;
use alloc::format;

/// What is being read of the monitor.
#[derive(Debug, Default)]
pub struct Monitor {
    /// The function whose lines these are.
    at: Option<Bdf>,
    /// The flat view is that of the system's memory.
    system: bool,
}

impl Monitor {
    /// Reads a line; returns whether it is one of these commands.
    pub fn line(&mut self, line: &str, from: Source, found: &mut Found) -> bool {
        let text = line.trim();
        if let Some(place) = text.strip_prefix("Bus ").filter(|rest| rest.contains(", device ")) {
            self.at = function(place);
            let Some(at) = self.at else { return false };
            found.kind("QEMU info pci", from);
            let _ = found.function(at, from);
            return true;
        }
        if let Some(root) = text.strip_prefix("Root memory region: ") {
            self.system = root == "system";
            return true;
        }
        if text.starts_with("FlatView #") {
            (self.system, self.at) = (false, None);
            return true;
        }
        if self.system && line.starts_with("  ") && text.contains(" (prio ") {
            range(text, from, found);
            return true;
        }
        match self.at {
            Some(at) if line.starts_with("    ") => {
                detail(at, text, from, found);
                true
            }
            _ => {
                self.at = None;
                false
            }
        }
    }

    /// Ends the text.
    pub fn finish(&mut self) {
        *self = Monitor::default();
    }
}

/// Says of a line that it is one of a CPU's map, and what to use instead; returns whether it is one. A row of a dump looks much like it.
pub fn of_the_cpu(text: &str, from: Source, found: &mut Found) -> bool {
    let is_one = is_of_the_cpu(text);
    if is_one {
        let said = Phrase::new(
            "`info mem` and `info tlb` show the CPU's map of virtual addresses, which no device uses: `info pci` and `info mtree -f` show the machine, `xp` the IOMMU's tables",
            "`info mem` 和 `info tlb` 显示的是 CPU 的虚拟地址映射，与设备无关：`info pci` 和 `info mtree -f` 显示机器，`xp` 显示 IOMMU 的页表",
        );
        found.remark_once(Kind::Left, from, said);
    }
    is_one
}

/// A line of `info mem` (`FIRST-END SIZE urw`) or `info tlb` (`VIRTUAL: PHYSICAL XGPDACTUW`), or one of these commands behind its prompt.
fn is_of_the_cpu(text: &str) -> bool {
    if let Some(command) = text.strip_prefix("(qemu) ") {
        return matches!(command.trim(), "info mem" | "info tlb");
    }
    let mut words = text.split_whitespace();
    let (Some(place), Some(number), Some(flags), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return false;
    };
    let is_address = |text: &str| matches!(text.len(), 8 | 16) && hex(text).is_some();
    let of = |length: usize, all: &[u8]| flags.len() == length && flags.bytes().all(|b| all.contains(&b));
    let mem = place.split_once('-').is_some_and(|(first, end)| is_address(first) && is_address(end));
    let tlb = place.strip_suffix(':').is_some_and(is_address);
    is_address(number) && (mem && of(3, b"urw-") || tlb && of(9, b"XGPDACTUW-"))
}

/// `0, device   4, function 0:`, all in decimal.
fn function(place: &str) -> Option<Bdf> {
    let mut numbers =
        place.split(',').map(|part| leading(part.trim_start_matches(|c: char| !c.is_ascii_digit())));
    let (bus, device, function) = (numbers.next()??, numbers.next()??, numbers.next()??);
    (bus < 256 && device < 32 && function < 8).then_some(Bdf {
        segment: 0,
        bus: bus as u8,
        device: device as u8,
        function: function as u8,
    })
}

fn detail(at: Bdf, text: &str, from: Source, found: &mut Found) {
    let Some(function) = found.function(at, from) else { return };
    if let Some((class, ids)) = text.split_once(": PCI device ") {
        let ids =
            ids.split_once(':').and_then(|(vendor, device)| Some((hex(vendor)? as u16, hex(device)? as u16)));
        // A class that QEMU has no name for is a number, in decimal.
        let number = class.strip_prefix("Class ").and_then(leading).and_then(|n| u16::try_from(n).ok());
        let number = number.or((class == "VGA controller").then_some(0x0300));
        function.class = function.class.or(number).or_else(|| lspci::code(class));
        function.ids = function.ids.or(ids);
        if function.name.is_empty() {
            function.name = match ids {
                Some((vendor, device)) => format!("{class} [{vendor:04x}:{device:04x}]"),
                None => class.into(),
            };
            function.name_from = Some(from);
        }
        return;
    }
    let bus = |mark: &str| {
        let number = text.strip_prefix(mark).and_then(leading)?;
        u8::try_from(number).ok()
    };
    if let Some(secondary) = bus("secondary bus ") {
        let bridge = Bridge { secondary, subordinate: secondary, windows: [].into(), from };
        function.bridge = Some(bridge).filter(|bridge| bridge.secondary != 0);
    } else if let (Some(last), Some(bridge)) = (bus("subordinate bus "), &mut function.bridge) {
        bridge.subordinate = last.max(bridge.secondary);
    } else if let Some((name, rest)) = text.split_once(" range [") {
        let space = match name {
            "IO" => Space::Io,
            "memory" => Space::Memory,
            "prefetchable memory" => Space::Prefetch,
            _ => return,
        };
        let ends = rest.trim_end_matches(']').split_once(", ");
        // One that ends before it begins forwards nothing.
        let range = ends.and_then(|(first, last)| Extent::new(hex(first)?, hex(last)?));
        if let (Some(range), Some(bridge)) = (range, &mut function.bridge) {
            bridge.windows.push(Window { space, range, from });
        }
    } else if let Some((index, rest)) = text.strip_prefix("BAR").and_then(|rest| rest.split_once(": ")) {
        let index = leading(index).filter(|index| *index < 6);
        let place = rest.split_once(" at ").and_then(|(kind, place)| {
            let first = hex(place.split(' ').next()?)?;
            Some((kind, Extent::new(first, hex(between(place, "[", "]")?)?)?))
        });
        let (Some(index), Some((kind, range))) = (index, place) else { return };
        let space = match (kind.starts_with("I/O"), kind.contains("prefetchable")) {
            (true, _) => Space::Io,
            (_, true) => Space::Prefetch,
            _ => Space::Memory,
        };
        let (index, wide) = (index as u8, kind.starts_with("64 bit"));
        function.bars.push(Bar { index, space, wide, at: range.first, size: range.bytes(), from });
    }
}

/// `0000000000100000-000000001fffffff (prio 0, ram): pc.ram @0000000000100000`.
fn range(text: &str, from: Source, found: &mut Found) {
    let Some((place, rest)) = text.split_once(" (prio ") else { return };
    let Some((kind, name)) = rest.split_once("): ") else { return };
    let range = place.split_once('-').and_then(|(first, last)| Extent::new(hex(first)?, hex(last)?));
    let (Some(range), name) = (range, name.split(" @").next().unwrap_or(name)) else { return };
    found.kind("QEMU info mtree", from);
    if kind.ends_with(", ram") && name.ends_with(".ram") {
        let known = found.ram.iter().any(|old| old.range == range);
        if !known {
            keep(&mut found.ram, Range { depth: 0, range, name: "System RAM".into(), from });
        }
        return;
    }
    let maker = match name {
        "intel_iommu" => Maker::Intel,
        "amdvi-mmio" => Maker::Amd,
        "arm-smmuv3" => Maker::Smmu3,
        _ => return,
    };
    let _ = unit(found, maker, Some(range.first), "", from);
}
