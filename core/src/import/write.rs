//! The scenario's text: each line with the line that it was taken from.

use super::found::{Able, Bdf, Found, Maker, Source, Space};
use super::groups::Joined;
use super::maker;
use super::plan::{Item, Plan, Role};
use super::remark::Kind;
use super::space::line_range;
use crate::scenario::plain::acts;
use crate::scenario::Num;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt::Write;

/// The most characters of a comment.
const LONGEST: usize = 200;
/// The most bytes of a scenario are 256 KiB; comments go when they come near.
const MOST: usize = 200 << 10;
/// RAM that begins below this has room for a buffer below 4 GiB.
const LOW_END: u64 = (4 << 30) - (64 << 20);

/// Writes the scenario of a plan.
pub fn write(found: &Found, plan: &Plan, joined: &[Joined]) -> String {
    let mut out = Out { text: String::new(), found };
    let devices = plan.items.iter().filter(|i| i.role.is_none()).count();
    let units = found.units.len();
    out.plain("iommu-playground 1");
    out.plain(&format!("title \"An imported machine (devices: {devices}, IOMMUs: {units})\""));
    out.plain(&format!("title.zh \"导入的机器（设备 {devices} 个，IOMMU {units} 个）\""));
    let maker = maker::maker(found);
    machine(&mut out, maker, plan);
    policy(&mut out);
    map(&mut out, plan);
    for item in plan.items.iter().filter(|i| i.role.is_some()) {
        one(&mut out, item, plan);
    }
    for item in plan.items.iter().filter(|i| i.role.is_none()) {
        one(&mut out, item, plan);
    }
    for (at, why) in &plan.left {
        let function = found.at(*at);
        let from = function.map(|f| f.from);
        let name = function.map_or("", |f| f.name.as_str());
        let name = if name.is_empty() { String::new() } else { format!(" ({name})") };
        out.comment(&format!("{at}{name}: {}", why.en), from);
    }
    reserved(&mut out, plan);
    ids(&mut out, maker, plan);
    groups(&mut out, plan, joined);
    steps(&mut out, plan);
    out.text
}

struct Out<'a> {
    text: String,
    found: &'a Found,
}

impl Out<'_> {
    fn plain(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }
    /// A statement, and where it is from.
    fn line(&mut self, line: &str, said: &str, from: Option<Source>) {
        self.line_of(line, said, from, None);
    }
    /// A statement of two lines of the texts.
    fn line_of(&mut self, line: &str, said: &str, from: Option<Source>, also: Option<Source>) {
        let also = also.map_or_else(String::new, |also| format!(", {}", self.found.place(also)));
        self.cited(line, said, from, &also);
    }
    /// A statement of a line of the texts, and of others that are named behind it.
    fn cited(&mut self, line: &str, said: &str, from: Option<Source>, also: &str) {
        self.text.push_str(line);
        let mut place = from.map_or_else(|| "assumed".into(), |from| self.found.place(from));
        place += also;
        if self.text.len() < MOST {
            let _ = write!(self.text, "  # {}", comment(&place));
            if !said.is_empty() {
                let _ = write!(self.text, ": {}", comment(said));
            }
        }
        self.text.push('\n');
    }
    /// What is no statement.
    fn comment(&mut self, said: &str, from: Option<Source>) {
        self.comment_at("", said, from);
    }
    /// The same, as far in as what follows it.
    fn comment_at(&mut self, indent: &str, said: &str, from: Option<Source>) {
        if self.text.len() < MOST {
            let place = from.map_or_else(String::new, |from| format!(" ({})", self.found.place(from)));
            let _ = writeln!(self.text, "{indent}# {}{}", comment(said), comment(&place));
        }
    }
}

/// Text of a paste as part of a comment: one line, of a length that can be read.
fn comment(text: &str) -> String {
    let said: String =
        text.chars().map(|c| if c.is_control() || acts(c) { ' ' } else { c }).take(LONGEST + 1).collect();
    if said.chars().count() <= LONGEST {
        return said.trim_end().into();
    }
    // It ends between words, and says that it ends; the report has all of it.
    let cut: String = said.chars().take(LONGEST - 4).collect();
    let end = cut.rfind(' ').filter(|end| *end > cut.len() / 2).unwrap_or(cut.len());
    format!("{} ...", cut[..end].trim_end())
}

fn bdf(at: Bdf) -> String {
    Bdf { segment: 0, ..at }.to_string()
}

fn machine(out: &mut Out<'_>, (maker, from): (Option<Maker>, Option<Source>), plan: &Plan) {
    let unit = maker::unit(out.found);
    let on = |value: Option<u64>, bit: u32| value.is_some_and(|value| value >> bit & 1 == 1);
    let mut words = String::new();
    let mut said = maker.map_or("", Maker::name).to_string();
    match maker {
        Some(Maker::Intel) => {
            words.push_str("vt-d");
            if let Some((cap, ecap)) = unit.and_then(|u| u.cap.zip(u.more)) {
                // VT-d specification, 11.4.2 and 11.4.3: SAGAW, SLLPS, SMTS, DT, PRS, CM, IR.
                words.push_str(if ecap >> 43 & 1 == 1 { " scalable" } else { " legacy" });
                let width = maker::sagaw(cap);
                words += &width.map_or(String::new(), |width| format!(" width {width}"));
                words.push_str(match cap >> 34 & 3 {
                    0 => " page 4K",
                    1 => " page 2M",
                    _ => " page 1G",
                });
                words.push_str(if ecap >> 3 & 1 == 1 { "" } else { " interrupt-remapping off" });
                words.push_str(if ecap >> 2 & 1 == 1 { " ats" } else { "" });
                // Page requests of extended mode, which revision 3.0 took away, have no tables on the machine here.
                let (requests, scalable) = (ecap >> 29 & 1 == 1, ecap >> 43 & 1 == 1);
                words.push_str(if requests && scalable { " pri" } else { "" });
                words.push_str(if cap >> 7 & 1 == 1 { " caching-mode" } else { "" });
                said += &format!(", cap {cap:#x} ecap {ecap:#x}");
                if requests && !scalable {
                    said.push_str("; its page requests (PRS) without scalable mode (SMTS) are left out");
                }
            }
        }
        Some(Maker::Amd) => {
            // Page requests come of devices that have an IOTLB.
            let iotlb = maker::amd_translates_for_devices(out.found).0;
            words.push_str(if iotlb { "amd-vi ats" } else { "amd-vi" });
            // AMD I/O Virtualization specification, extended feature register: PPRSup is bit 1.
            words.push_str(if iotlb && on(unit.and_then(|u| u.more), 1) { " pri" } else { "" });
        }
        Some(Maker::Smmu3) => words.push_str("smmuv3"),
        Some(Maker::RiscV) => words.push_str("riscv"),
        Some(Maker::Smmu2) => {
            words.push_str("smmuv3");
            said.push_str(", which the machine here does not have: an SMMUv3 in its place");
        }
        Some(Maker::Virtio | Maker::Other) => {
            words.push_str("none");
            said.push_str(", which the machine here does not have");
        }
        None => words.push_str("none"),
    }
    // The registers that the words follow from, where they are known.
    let from = unit.and_then(|unit| unit.able_from).filter(|_| from.is_some()).or(from);
    out.line(&format!("machine {words}"), &said, from);
    for unit in out.found.units.iter().take(64) {
        let at = unit.at.map_or(String::new(), |at| format!(" at {}", Num::address(at)));
        let place = unit
            .scope_from
            .filter(|from| *from != unit.from)
            .map(|from| format!(", {}", out.found.place(from)));
        let place = place.unwrap_or_default();
        let scope = if unit.scope.is_empty() { String::new() } else { format!(": {}{place}", unit.scope) };
        out.comment(&format!("{}{at}{scope}", unit.maker.name()), Some(unit.from));
    }
    for remark in plan.remarks.iter().chain(&out.found.remarks).filter(|r| r.kind == Kind::Damaged).take(64) {
        out.comment(&remark.what.en, remark.from);
    }
}

fn policy(out: &mut Out<'_>) {
    let policy = &out.found.policy;
    let domain = policy.domain.as_ref();
    let (word, from) = if let Some(from) = policy.off {
        ("off", Some(from))
    } else if let Some((_, from)) = domain.filter(|(domain, _)| domain == "Passthrough") {
        ("pass-through", Some(*from))
    } else if let Some((lazy, from)) = policy.lazy {
        (if lazy { "lazy" } else { "strict" }, Some(from))
    } else {
        // Groups state it too: DMA-FQ is lazy.
        let kind = |kind: &str| {
            out.found
                .groups
                .iter()
                .filter_map(|g| g.kind.as_ref())
                .find(|(k, _)| k == kind)
                .map(|(_, from)| *from)
        };
        match (kind("DMA-FQ"), kind("DMA"), kind("identity")) {
            (Some(from), ..) => ("lazy", Some(from)),
            (_, Some(from), _) => ("strict", Some(from)),
            (.., Some(from)) => ("pass-through", Some(from)),
            _ => ("strict", None),
        }
    };
    out.line(&format!("iommu {word}"), "", from);
}

fn map(out: &mut Out<'_>, plan: &Plan) {
    for (range, from) in &plan.map.ram {
        out.line(&format!("ram {}", line_range(*range)), "", *from);
    }
    if let Some((range, from)) = plan.map.ports {
        out.line(&format!("ports {}", line_range(range)), "", from);
    }
    for (window, known) in &plan.map.windows {
        let prefetch = if window.space == Space::Prefetch { " prefetch" } else { "" };
        let line =
            format!("bridge cpu {} -> bus {}{prefetch}", line_range(window.cpu), Num::address(window.bus));
        out.line(&line, "", known.then_some(window.from));
    }
    for window in &plan.map.inbound {
        let line = format!("bridge bus {} -> cpu {}", line_range(window.bus), Num::address(window.cpu));
        out.line(&line, "", Some(window.from));
    }
    if let Some((range, from)) = out.found.swiotlb {
        // Where it is depends on the RAM that was written.
        out.comment(
            &format!("swiotlb {} at {}", Num::size(range.bytes()), Num::address(range.first)),
            Some(from),
        );
    }
}

fn one(out: &mut Out<'_>, item: &Item, plan: &Plan) {
    let Some(function) = out.found.at(item.at) else { return };
    let word = match item.role {
        Some(Role::Root) => "rootport",
        Some(Role::Upstream) => "switch",
        Some(Role::Downstream) => "port",
        None => "device",
    };
    let mut line = format!("{word} {} {}", item.name, bdf(item.at));
    if let Some(behind) = item.behind.and_then(|i| plan.items.get(i)) {
        line += &format!(" behind {}", behind.name);
    }
    let of_device = item.role.is_none();
    let mut cites = String::new();
    for (has, word) in [
        (of_device && is_on(function.pasid), "pasid"),
        (of_device && is_on(function.ats), "ats"),
        (of_device && is_on(function.pri), "pri"),
        (item.acs, "acs"),
    ] {
        if has {
            line += &format!(" {word}");
            if let Some(from) = function.cited(word).filter(|from| *from != function.from) {
                cites += &format!(", {word} {}", out.found.place(from));
            }
        }
    }
    if let Some(alias) = item.alias {
        line += &format!(" alias {}", bdf(alias));
    }
    // What of the line is of another text than the function's first says so.
    let elsewhere = |from: Option<Source>| {
        from.filter(|from| from.file != function.from.file).map(|from| out.found.place(from))
    };
    let name = elsewhere(function.name_from).map_or(String::new(), |place| format!(" ({place})"));
    let group = elsewhere(function.group_from).map_or(String::new(), |place| format!(", {place}"));
    let group = function.group.map_or(String::new(), |number| format!(" (group {number}{group})"));
    out.cited(&line, format!("{}{name}{group}", function.name).trim(), Some(function.from), &cites);
    let vectors = function.msi.unwrap_or(0).clamp(0, 32);
    let vectored = item.role.is_none() && vectors > 1;
    let last = item.lines.iter().rposition(|line| line.not.is_none());
    for (at, line) in item.lines.iter().enumerate() {
        let indent = if vectored || last.is_some_and(|last| at < last) { "  " } else { "" };
        match &line.not {
            None => out.line_of(&format!("  {}", line.text), "", line.from, line.also),
            Some(why) => out.comment_at(indent, &format!("  {}: {}", line.text, why.en), line.from),
        }
    }
    if vectored {
        let from = function.cited("vectors").unwrap_or(function.from);
        out.line(&format!("  vectors {vectors}"), "", Some(from));
    }
}

/// Whether a capability is there and nothing says that it is off.
fn is_on(able: Able) -> bool {
    able.is_some_and(|on| on != Some(false))
}

/// Regions that are mapped to themselves for a device.
fn reserved(out: &mut Out<'_>, plan: &Plan) {
    for region in &plan.regions {
        match region.is_line {
            true => out.line(&region.text, &region.kind, Some(region.from)),
            false => out.comment(&region.text, Some(region.from)),
        }
    }
}

fn ids(out: &mut Out<'_>, (maker, _): (Option<Maker>, Option<Source>), plan: &Plan) {
    if !matches!(maker, Some(Maker::Smmu3 | Maker::Smmu2 | Maker::RiscV)) {
        return;
    }
    // On a machine of the language ids are wired as requester ids are: a line would be firmware that is wrong, and its transfers fail.
    for item in plan.items.iter().filter(|i| i.role.is_none()) {
        if let Some((id, from)) = out.found.id_of(item.at).filter(|(id, _)| *id != u32::from(item.at.id())) {
            let id = Num::address(u64::from(id));
            out.comment(
                &format!("iommu-map {} -> {id}; the machine here has the requester id for it", item.name),
                Some(from),
            );
        }
    }
}

fn groups(out: &mut Out<'_>, plan: &Plan, joined: &[Joined]) {
    for group in &out.found.groups {
        let mut who: Vec<String> = Vec::new();
        for at in &group.functions {
            let item = plan.items.iter().find(|i| i.at == *at);
            who.push(item.map_or_else(|| at.to_string(), |i| i.name.clone()));
        }
        who.extend(group.others.iter().cloned());
        let kind = group.kind.as_ref().map_or(String::new(), |(kind, from)| match *from == group.from {
            true => format!(" ({kind})"),
            false => format!(" ({kind}, {})", out.found.place(*from)),
        });
        out.comment(&format!("group {}{kind}: {}", group.number, who.join(" ")), Some(group.from));
        for why in joined.iter().filter(|j| j.number == group.number).flat_map(|j| &j.why) {
            out.comment(&format!("  {}", why.en), None);
        }
    }
}

/// One transfer, to go on from.
fn steps(out: &mut Out<'_>, plan: &Plan) {
    out.plain("steps");
    let devices = || plan.items.iter().filter(|i| i.role.is_none());
    let class = |item: &Item, wanted: u16| {
        out.found
            .at(item.at)
            .and_then(|f| f.class)
            .is_some_and(|class| class >> 8 == wanted || class == wanted)
    };
    let by_class =
        [0x02, 0x01, 0x0c03, 0x03].into_iter().find_map(|wanted| devices().find(|i| class(i, wanted)));
    let other = || devices().find(|i| !class(i, 0x06) && i.at.id() != 0);
    let Some(device) = by_class.or_else(other).or_else(|| devices().next()) else {
        out.plain("  # No device was found: `device nic 00:03.0` above `steps` makes one, and then");
        out.plain("  # dma nic write 0x10_0000 +64");
        return;
    };
    let name = device.name.clone();
    // A buffer is below 4 GiB unless it is said to be high; a machine may have RAM only above.
    let low = plan.map.ram.iter().any(|(range, _)| range.first < LOW_END);
    out.plain(if low { "  alloc buf 4K" } else { "  alloc buf 4K high" });
    out.plain(&format!("  rx = dma_map_single {name} buf from-device"));
    out.plain(&format!("  note \"{name} writes into the buffer that was mapped for it.\""));
    out.plain(&format!("  note.zh \"{name} 写入为它映射的缓冲区。\""));
    out.plain(&format!("  dma {name} write rx +64"));
    out.plain("  expect fault none");
}
