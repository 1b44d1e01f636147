//! Boot lines of Linux that speak of the machine: functions, windows, IOMMUs, groups, RAM.

use super::config::WANTED;
use super::found::{
    keep, Acs, Bar, Bdf, Bridge, Express, Extent, Found, HostWindow, Inbound, Maker, Range, Reserved, Source,
    Space, Window,
};
use super::logged::Others;
use super::remark::Kind;
use super::scan::{after, between, hex, leading, message, word};
use super::units::unit;
use crate::spec::Phrase;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// What is being read of a boot log.
#[derive(Debug, Default)]
pub struct Dmesg {
    /// The bridge whose windows follow.
    bridge: Option<Bdf>,
    /// What the kernel found no place for, until it finds one: whose, which, and how it is told.
    unplaced: Vec<(Bdf, String, Source, Phrase)>,
    /// Places whose lines are of another function than the one that is kept.
    others: Others,
}

/// The most of those that are kept.
const MOST_UNPLACED: usize = 1024;

impl Dmesg {
    /// Reads a line; returns whether it says something of the machine.
    pub fn line(&mut self, line: &str, from: Source, found: &mut Found) -> bool {
        let text = &*message(line);
        let known = if let Some(rest) = text.strip_prefix("pci ") {
            self.function(rest, from, found)
        } else if let Some(rest) = of_driver(text) {
            self.function(rest, from, found)
        } else if text.starts_with("pci_bus ") || text.starts_with("PCI host bridge") {
            root(text, from, found)
        } else {
            let readers: [fn(&str, Source, &mut Found) -> bool; 5] = [group, ram, intel, others, policy];
            readers.iter().any(|reader| reader(text, from, found))
                || amd(text, "", from, found)
                || windows(text, from, found)
        };
        if known {
            found.kind("boot log", from);
        }
        known
    }

    /// `pci 0000:00:1c.0: ...`.
    fn function(&mut self, rest: &str, from: Source, found: &mut Found) -> bool {
        let Some((place, said)) = rest.split_once(": ") else { return false };
        let Some(at) = Bdf::parse(place) else { return false };
        if said.starts_with("AMD-Vi: ") {
            return amd(said, place, from, found);
        }
        let new = said.starts_with('[') && said.contains(" type ");
        let ids = between(said, "[", "]").and_then(|ids| ids.split_once(':')).filter(|_| new);
        let ids = ids.and_then(|(vendor, device)| Some((hex(vendor)? as u16, hex(device)? as u16)));
        if new && !self.others.begins(at, ids, from, found) || !new && self.others.has(at) {
            return true;
        }
        if group(said, from, found) {
            return true;
        }
        if let Some(rest) = after(said, " iommu group ") {
            match (said.split(' ').next(), leading(rest)) {
                (Some("Adding"), Some(number)) => found.join(at, number as u32, from),
                (Some("Removing"), _) => found.leave(at),
                _ => {}
            }
            return true;
        }
        if !new && found.at(at).is_none() {
            return false;
        }
        let Some(function) = found.function(at, from) else { return true };
        if new {
            function.ids = function.ids.or(ids);
            let class = after(said, "class ").map(word).and_then(hex).map(|class| (class >> 8) as u16);
            function.class = function.class.or(class);
            function.express = function.express.or_else(|| express(said));
            // Newest kernels say which functions have no capability of PCI Express, and so none of its others.
            function.listed |= said.contains(" conventional PCI") || said.contains(" CardBus bridge");
            return true;
        }
        if let Some(buses) = between(said, "PCI bridge to [bus ", "]") {
            let (first, last) = buses.split_once('-').unwrap_or((buses, buses));
            let last = last.split(' ').next().unwrap_or(last);
            let (Some(secondary), Some(subordinate)) = (hex(first), hex(last)) else { return false };
            let windows = function.bridge.take().map_or_else(Vec::new, |b| b.windows);
            let (secondary, subordinate) = (secondary as u8, subordinate as u8);
            function.bridge = Some(Bridge { secondary, subordinate, windows, from });
            self.bridge = Some(at);
            return true;
        }
        if said.trim_start().starts_with("bridge window ") && self.placed(at, said, from) {
            return true;
        }
        if let Some(window) = said.trim_start().strip_prefix("bridge window ") {
            // What its parent forwards, and it takes whatever else has not claimed, is printed behind its own windows.
            if window.ends_with("(subtractive decode)") {
                return true;
            }
            let Some((space, range, _)) = resource(window) else { return true };
            if let Some(bridge) = &mut function.bridge {
                bridge.windows.retain(|old| old.space != space);
                bridge.windows.push(Window { space, range, from });
            }
            return true;
        }
        // What older root ports of Intel have instead of the capability, Linux turns on whole (`pci_quirk_enable_intel_pch_acs`).
        if said.ends_with("PCH root port ACS workaround enabled") {
            function.acs = Some(Acs { can: WANTED, on: Some(WANTED) });
            function.cite("acs", from);
            return true;
        }
        let known = bar(said, from, &mut function.logged);
        self.placed(at, said, from) || known
    }

    /// Ends a text: what has no place by now stays without.
    pub fn finish(&mut self, found: &mut Found) {
        for (_, _, from, what) in self.unplaced.drain(..) {
            found.remark(Kind::Contradiction, from, what);
        }
    }

    /// `BAR 4 [mem size 0x00100000]: can't assign; no space`, `can't claim BAR 0 [...]: address conflict with ...`, and `assigned`, which
    /// ends either.
    fn placed(&mut self, at: Bdf, said: &str, from: Source) -> bool {
        let said = said.trim_start();
        let claimed = said.strip_prefix("can't claim ");
        let part = claimed.unwrap_or(said);
        let name = match (part.strip_prefix("BAR ").and_then(leading), part.strip_prefix("bridge window [")) {
            (Some(number), _) => format!("BAR {number}"),
            (None, Some(what)) => format!("bridge window ({})", word(what)),
            (None, None) => return false,
        };
        let conflict = claimed.and_then(|_| after(part, "address conflict with "));
        let no_place =
            ["can't assign", "failed to assign", "no space for"].iter().any(|mark| part.contains(mark));
        let known = self.unplaced.iter().position(|(of, which, ..)| *of == at && *which == name);
        let what = match conflict {
            Some(other) => Phrase::new(
                format!("{at} {name}: the kernel cannot claim its address, which conflicts with {other}"),
                format!("{at} {name}：内核无法占用它的地址，与 {other} 冲突"),
            ),
            None if no_place => Phrase::new(
                format!("{at} {name}: the kernel found no place for it"),
                format!("{at} {name}：内核没有为它找到地址"),
            ),
            None => {
                if let Some(known) = known.filter(|_| part.contains("assigned")) {
                    self.unplaced.remove(known);
                }
                return false;
            }
        };
        if known.is_none() && self.unplaced.len() < MOST_UNPLACED {
            self.unplaced.push((at, name, from, what));
        }
        true
    }
}

/// What Linux itself says of a function that has a driver, whose name then stands where `pci` did (`pci_info` prints
/// `dev_driver_string`): `nvme 0000:01:00.0: Adding to iommu group 7`. What the driver says stays its own.
fn of_driver(text: &str) -> Option<&str> {
    let (driver, rest) = text.split_once(' ')?;
    let (place, said) = rest.split_once(": ")?;
    let said = said.trim_start();
    let assigned = ["]: assigned", ": assigned [", ": can't assign", "failed to assign", "no space for ["];
    let assigned = assigned.iter().any(|mark| said.contains(mark));
    let known = said.starts_with("Adding to iommu group ")
        || said.starts_with("Removing from iommu group ")
        || said.starts_with("PCI bridge to [bus ")
        || said.starts_with("bridge window [")
        || said.starts_with("BAR ") && assigned;
    (known && !driver.ends_with(':') && Bdf::parse(place).is_some()).then_some(rest)
}

/// `reg 0x10: [mem 0xa133e000-0xa133e0ff 64bit pref]`, or of newer kernels `BAR 0 [mem ...]`.
fn bar(said: &str, from: Source, bars: &mut Vec<Bar>) -> bool {
    let index = if let Some(register) = said.strip_prefix("reg 0x") {
        let Some(offset) = hex(register.split(':').next().unwrap_or("")) else { return false };
        offset.checked_sub(0x10).map(|offset| offset / 4)
    } else {
        let Some(rest) = said.strip_prefix("BAR ") else { return false };
        leading(rest)
    };
    let Some(index) = index.filter(|index| *index < 6).map(|index| index as u8) else { return false };
    let Some((space, range, wide)) =
        after(said, "[").and_then(|_| resource(&said[said.find('[').unwrap_or(0)..]))
    else {
        return false;
    };
    let old = bars.iter().position(|bar| bar.index == index);
    // Firmware's address comes first, what Linux assigned after it: the last one counts.
    if let Some(old) = old {
        bars.remove(old);
    }
    bars.push(Bar { index, space, wide, at: range.first, size: range.bytes(), from });
    true
}

/// `[mem 0xd0c00000-0xd0cfffff 64bit pref window]`: what for, where, and whether it takes two registers.
fn resource(text: &str) -> Option<(Space, Extent, bool)> {
    let inside = between(text, "[", "]")?;
    let mut words = inside.split_whitespace();
    let kind = words.next()?;
    let place = words.next()?;
    let (first, last) = place.split_once('-')?;
    let range = Extent::new(hex(first)?, hex(last)?)?;
    let flags: Vec<&str> = words.collect();
    let pref = flags.contains(&"pref");
    let space = match (kind, pref) {
        ("io", _) => Space::Io,
        ("mem", false) => Space::Memory,
        ("mem", true) => Space::Prefetch,
        _ => return None,
    };
    Some((space, range, flags.contains(&"64bit")))
}

fn express(said: &str) -> Option<Express> {
    const NAMES: [(&str, Express); 7] = [
        ("PCIe Root Port", Express::RootPort),
        ("PCIe Switch Upstream", Express::Upstream),
        ("PCIe Switch Downstream", Express::Downstream),
        ("PCIe to PCI", Express::ToPci),
        ("to PCIe", Express::FromPci),
        ("PCIe Root Complex", Express::Integrated),
        ("Endpoint", Express::Endpoint),
    ];
    NAMES.iter().find(|(name, _)| said.contains(name)).map(|(_, kind)| *kind)
}

/// `pci_bus 0000:00: root bus resource [mem 0x80000000-0xfeafffff window] (bus address [0x..-0x..])`.
fn root(text: &str, from: Source, found: &mut Found) -> bool {
    let Some(rest) = after(text, "root bus resource ") else { return text.contains("root bus resource") };
    let place = after(text, "pci_bus ").and_then(|rest| word(rest).trim_end_matches(':').split_once(':'));
    let place = place.and_then(|(segment, bus)| Some((hex(segment)? as u32, hex(bus)? as u8)));
    if let Some((segment, bus)) = place {
        found.root(segment, bus);
    }
    let Some((space, cpu, _)) = resource(rest) else { return true };
    let bus = between(rest, "(bus address [", "-").and_then(hex).unwrap_or(cpu.first);
    let (domain, root) = place.unzip();
    host(found, HostWindow { cpu, bus, space, domain, root, from });
    true
}

/// Adds a window of the host bridge that was not met before.
pub fn host(found: &mut Found, window: HostWindow) {
    let io = window.space == Space::Io;
    let next = found.windows.len();
    let known = found.window_of.get(&(window.cpu, io)).and_then(|at| found.windows.get_mut(*at));
    match known {
        Some(old) => {
            old.domain = old.domain.or(window.domain);
            // What two root buses say they have is neither's alone.
            old.root = old.root.filter(|root| window.root.is_none_or(|other| other == *root));
        }
        None => {
            keep(&mut found.windows, window);
            if found.windows.len() > next {
                found.window_of.insert((window.cpu, io), next);
            }
        }
    }
}

/// `... ranges:` of a host bridge in a device tree: `MEM 0x0600000000..0x0603ffffff -> 0x00f8000000`, `IB MEM ...`.
fn windows(text: &str, from: Source, found: &mut Found) -> bool {
    let Some(rest) = after(text, ":").filter(|rest| rest.contains("..") && rest.contains(" -> ")) else {
        return false;
    };
    let inbound = rest.contains("IB MEM");
    if !inbound && !rest.contains(" MEM ") {
        return false;
    }
    let Some((range, to)) = after(rest, "MEM ").and_then(|rest| rest.trim_start().split_once(" -> ")) else {
        return false;
    };
    let Some((first, last)) = range.split_once("..") else { return false };
    let Some(range) = hex(first.trim()).zip(hex(last.trim())).and_then(|(a, b)| Extent::new(a, b)) else {
        return false;
    };
    let Some(to) = hex(word(to)) else { return false };
    if inbound {
        // The bus address is on the right here too.
        if let Some(bus) = Extent::sized(to, range.bytes()) {
            keep(&mut found.inbound, Inbound { bus, cpu: range.first, from });
        }
    } else {
        host(found, HostWindow { cpu: range, bus: to, space: Space::Memory, domain: None, root: None, from });
    }
    true
}

/// `iommu: Adding device 0000:00:02.0 to group 1` of older kernels.
fn group(text: &str, from: Source, found: &mut Found) -> bool {
    let Some(rest) = text.strip_prefix("iommu: Adding device ") else { return false };
    let Some((place, number)) = rest.split_once(" to group ") else { return false };
    if let (Some(at), Some(number)) = (Bdf::parse(place), leading(number)) {
        found.join(at, number as u32, from);
    }
    true
}

/// `BIOS-e820: [mem 0x0000000000100000-0x00000000bcd43fff] usable`.
fn ram(text: &str, from: Source, found: &mut Found) -> bool {
    let e820 = text.starts_with("BIOS-e820: ");
    // The ranges of a machine without this: `  node   0: [mem 0x...-0x...]`.
    let node = text.starts_with("node ") && text.contains(": [mem ");
    // Newest kernels have its size between, and the name of `/proc/iomem`.
    if e820 && !["usable", "(usable)", "System RAM"].iter().any(|end| text.ends_with(end)) {
        return true;
    }
    if !e820 && !node {
        return false;
    }
    let range = match text.find('[') {
        Some(at) => resource(&text[at..]).map(|(_, range, _)| range),
        // Before Linux 3.4 the end is the address behind the last: `0000000000100000 - 00000000bf780000 (usable)`.
        None => after(text, "BIOS-e820: ")
            .and_then(|rest| rest.split_once(" - "))
            .and_then(|(first, end)| Extent::new(hex(first.trim())?, hex(word(end))?.checked_sub(1)?)),
    };
    if let Some(range) = range {
        keep(&mut found.ram, Range { depth: 0, range, name: "System RAM".into(), from });
    }
    true
}

fn intel(text: &str, from: Source, found: &mut Found) -> bool {
    // In lower case by Linux 3.x, without a space by older ones.
    let Some(rest) = ["DMAR: ", "DMAR:", "dmar: "].iter().find_map(|mark| text.strip_prefix(mark)) else {
        return false;
    };
    if let Some(base) = after(rest, "DRHD base: ").map(word).and_then(hex) {
        // INCLUDE_PCI_ALL is bit 0, in the boot line as in the table.
        let all = after(rest, "flags: ").map(word).and_then(hex).is_some_and(|flags| flags & 1 == 1);
        if let Some(unit) = unit(found, Maker::Intel, Some(base), "", from) {
            unit.all |= all;
        }
    } else if let Some(base) = after(rest, "reg_base_addr ").map(word).and_then(hex) {
        let value = |mark: &str| after(rest, mark).map(word).and_then(hex);
        let (cap, more) = (value(" cap "), value(" ecap "));
        if let Some(unit) = unit(found, Maker::Intel, Some(base), "", from) {
            (unit.cap, unit.more) = (cap.or(unit.cap), more.or(unit.more));
            unit.able_from = Some(from);
        }
    } else if rest.starts_with("RMRR base: ") {
        let base = after(rest, "RMRR base: ").map(word).and_then(hex);
        let end = after(rest, "end: ").map(word).and_then(hex);
        if let Some(range) = base.zip(end).and_then(|(base, end)| Extent::new(base, end)) {
            let kind = "direct".into();
            keep(
                &mut found.reserved,
                Reserved { range, kind, functions: [].into(), others: [].into(), group: None, from },
            );
        }
    } else if rest.starts_with("IOMMU disabled") {
        found.policy.off = Some(from);
    } else {
        return rest.starts_with("IOMMU enabled") || rest.contains("Virtualization Technology");
    }
    true
}

/// `of` is the function that the line is about, where it begins with one.
fn amd(text: &str, of: &str, from: Source, found: &mut Found) -> bool {
    let Some(rest) = text.strip_prefix("AMD-Vi: ") else { return false };
    // `Found IOMMU at 0000:00:00.2 cap 0x40`, of old kernels `Extended features:  PreF PPR GT IA`, without the register, and of
    // newest ones nothing else than that it can count.
    const NAMED: [&str; 3] = ["Found IOMMU ", "Extended features: ", "IOMMU performance counters supported"];
    if NAMED.iter().any(|begin| rest.starts_with(begin)) {
        let of = after(rest, "IOMMU at ").map_or(of, word);
        let _ = unit(found, Maker::Amd, None, of, from);
    } else if rest.starts_with("Lazy IO/TLB flushing enabled") {
        found.policy.lazy = Some((true, from));
    } else if rest.starts_with("IO/TLB flush on unmap enabled") {
        found.policy.lazy = Some((false, from));
    } else if rest.contains("Extended features (") {
        let value =
            between(rest, "Extended features (", ")").and_then(|v| hex(v.split(',').next().unwrap_or(v)));
        if let Some(unit) = unit(found, Maker::Amd, None, of, from) {
            if unit.more.is_none() {
                (unit.more, unit.able_from) = (value, Some(from));
            }
        }
    } else if rest.starts_with("AMD IOMMU disabled") {
        found.policy.off = Some(from);
    } else {
        return false;
    }
    true
}

fn others(text: &str, from: Source, found: &mut Found) -> bool {
    let (maker, said) = match text.split_once(' ') {
        Some(("arm-smmu-v3", rest)) => (Maker::Smmu3, rest),
        Some(("arm-smmu", rest)) => (Maker::Smmu2, rest),
        Some(("riscv,iommu", rest)) => (Maker::RiscV, rest),
        Some(("virtio_iommu", rest)) => (Maker::Virtio, rest),
        _ => return false,
    };
    // `arm-smmu-v3 9050000.smmuv3: ias 44-bit, oas 44-bit (features 0x...)`
    if !["ias ", "oas ", "probing hardware", "using ", "input address: "]
        .iter()
        .any(|mark| said.contains(mark))
    {
        return false;
    }
    let at = said.split(['.', ':']).next().filter(|name| name.len() >= 5).and_then(hex);
    let name = said.split(": ").next().unwrap_or_default();
    let _ = unit(found, maker, at, name, from);
    true
}

fn policy(text: &str, from: Source, found: &mut Found) -> bool {
    if let Some(domain) = after(text, "iommu: Default domain type: ") {
        found.policy.domain = Some((word(domain).into(), from));
    } else if let Some(rest) = after(text, "TLB invalidation policy: ") {
        found.policy.lazy = Some((rest.starts_with("lazy"), from));
    } else if text.starts_with("software IO TLB: mapped ")
        || text.starts_with("PCI-DMA: Using software bounce")
    {
        if let Some((_, range, _)) = text.find('[').and_then(|at| resource(&text[at..])) {
            // Older kernels print the address behind the last.
            let last = range.last & !0xfff;
            let last = if range.last == last { range.last.wrapping_sub(1) } else { range.last };
            found.swiotlb = Extent::new(range.first, last).map(|range| (range, from));
        }
    } else {
        return false;
    }
    true
}
