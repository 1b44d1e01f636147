//! Dumps as tables of a scenario: the words that the kernel printed, at the addresses that they name.

use super::{hex, request, Draft, Scenario, POINTER};
use crate::addr::RequesterId;
use crate::explain::logs::dumped::{first_stage, Domain, Row, Walk};
use crate::explain::logs::fault::Access;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::vec::Vec;

/// At most this many pages of a dump go into a scenario: more would not fit a link.
const MOST_PAGES: usize = 128;

/// The address that an entry of VT-d points to.
fn pointer(entry: u64) -> u64 {
    entry & 0xf_ffff_ffff_f000
}

/// Words to be poked, by address; and the least power of two of RAM that holds them.
#[derive(Default)]
struct Words(BTreeMap<u64, u64>);

impl Words {
    fn put(&mut self, at: u64, word: u64) {
        self.0.insert(at, word);
    }
    /// The page tables on the way to one page: `entries` holds level and word, from the top down.
    fn path(&mut self, root: u64, address: u64, entries: impl Iterator<Item = (u8, u64)>) {
        let mut table = root;
        for (level, entry) in entries {
            let index = address >> (12 + 9 * (u32::from(level) - 1)) & 0x1ff;
            self.put(table + index * 8, entry);
            table = pointer(entry);
        }
    }
    fn ram(&self) -> u64 {
        let top = self.0.keys().next_back().map_or(0, |at| at + 0x1000);
        top.next_power_of_two().clamp(4 << 30, 1 << 44)
    }
    fn poke(&self, draft: &mut Draft) {
        for (at, word) in &self.0 {
            draft.step(format!("poke {} {}", hex(*at), hex(*word)));
        }
    }
}

/// The tables of one device, and a read of its first page.
pub(in super::super) fn of_domain(domain: &Domain) -> Option<Scenario> {
    let (first, entries) = domain.pages.first()?;
    let first_stage = first_stage(domain)?;
    let levels = 5 - entries.iter().position(|&entry| entry != 0)? as u8;
    let scalable = first_stage || domain.pasid.is_some();
    let (3..=5, true) = (levels, !first_stage || levels == 4) else { return None };
    let mut words = Words::default();
    for (number, entries) in domain.pages.iter().take(MOST_PAGES) {
        let path = entries.iter().enumerate().map(|(i, &entry)| (5 - i as u8, entry));
        words.path(domain.tables, number << 12, path.filter(|&(level, entry)| level <= levels && entry != 0));
    }
    let bits = 12 + 9 * levels;
    let mode = if scalable { "scalable" } else { "legacy" };
    let mut draft = Draft::new(format!("vt-d {mode} width {bits}"));
    draft.ram = words.ram();
    let pasid = domain.pasid.filter(|&pasid| pasid != 0);
    draft.device = format!("dev {}{}", domain.device, if pasid.is_some() { " pasid" } else { "" });
    let entry = match pasid {
        Some(pasid) => {
            draft.more.push(format!("process app pasid {pasid}"));
            draft.step(format!("bind dev to app pasid {pasid}"));
            format!("entry process dev pasid {pasid} word 2")
        }
        None => {
            draft.step(format!("domain d0 stage {}", if first_stage { 1 } else { 2 }));
            draft.step("attach dev to d0");
            match (scalable, first_stage) {
                (false, _) => "entry device dev".into(),
                (true, true) => "entry process dev word 2".into(),
                (true, false) => "entry process dev".into(),
            }
        }
    };
    draft.note("The tables of the dump, word for word.", "转储中的页表，逐字写入。");
    words.poke(&mut draft);
    draft.step(format!("{entry} clear {}", hex(POINTER)));
    draft.step(format!("{entry} set {}", hex(domain.tables)));
    draft.step(request(Access::Read, first << 12, pasid, ""));
    let left = domain.pages.len().saturating_sub(MOST_PAGES);
    let more = if left == 0 {
        ("".into(), "".into())
    } else {
        (format!(" ({left} pages left out)"), format!("（省略 {left} 页）"))
    };
    draft.title = (
        format!("From a dump: the tables of {} at {}{}", domain.device, hex(domain.tables), more.0),
        format!("来自转储：设备 {} 位于 {} 的页表{}", domain.device, hex(domain.tables), more.1),
    );
    Some(draft.finish())
}

/// The entries of one walk, and the request that met them.
pub(in super::super) fn of_walk(walk: &Walk) -> Option<Scenario> {
    let (low, _) = walk.context?;
    let mut words = Words::default();
    let mut draft = Draft::new(if walk.scalable { "vt-d scalable" } else { "vt-d legacy width 48" });
    let device = walk.device.unwrap_or(RequesterId::bdf(0, 3, 0));
    draft.device = format!("dev {}", RequesterId::new(u32::from(device.bdf16())));
    let root = match walk.scalable {
        false => pointer(low),
        true => {
            let process = &walk.process;
            match process.first()? >> 6 & 7 {
                1 => pointer(*process.get(2)?),
                2 => pointer(process[0]),
                _ => return None,
            }
        }
    };
    let first_stage = walk.scalable && walk.process[0] >> 6 & 7 == 1;
    words.path(root, walk.address, walk.entries.iter().copied().filter(|(level, _)| (1..=5).contains(level)));
    draft.ram = words.ram();
    draft.step(format!("domain d0 stage {}", if first_stage { 1 } else { 2 }));
    draft.step("attach dev to d0");
    draft.note("The entries of the log, word for word.", "日志中的表项，逐字写入。");
    words.poke(&mut draft);
    let entry = match (walk.scalable, first_stage) {
        (false, _) => "entry device dev",
        (true, true) => "entry process dev word 2",
        (true, false) => "entry process dev",
    };
    draft.step(format!("{entry} clear {}", hex(POINTER)));
    draft.step(format!("{entry} set {}", hex(root)));
    if walk.scalable && walk.process[0] & 1 == 0 {
        draft.step("entry process dev clear 1");
    }
    draft.step(request(walk.access.unwrap_or(Access::Write), walk.address, None, ""));
    draft.title = (
        format!("From a log: the tables for {}", hex(walk.address)),
        format!("来自日志：{} 的各级表", hex(walk.address)),
    );
    Some(draft.finish())
}

/// The context entries of the first devices, as written by the kernel. The page tables are not in this dump, so
/// each device is given a request that ends at the first of them.
pub(in super::super) fn of_translation_struct(rows: &[Row]) -> Option<Scenario> {
    let legacy: Vec<&Row> = rows.iter().filter(|row| row.pasid.is_none()).take(8).collect();
    let first = legacy.first()?;
    let mut words = Words::default();
    for row in &legacy {
        let at = pointer(row.root.0) + u64::from(row.device.devfn()) * 16;
        words.put(at, row.context.0);
        words.put(at + 8, row.context.1);
    }
    let bits = 30 + 9 * (first.context.1 & 7);
    let mut draft =
        Draft::new(format!("vt-d legacy width {}", if bits == 39 || bits == 57 { bits } else { 48 }));
    draft.ram = words.ram();
    draft.device = format!("dev {}", first.device);
    for (i, row) in legacy.iter().enumerate().skip(1) {
        draft.more.push(format!("device dev{i} {}", row.device));
    }
    draft.step("domain d0 stage 2");
    draft.step("attach dev to d0");
    draft.note("The context entries of the dump, word for word.", "转储中的上下文表项，逐字写入。");
    words.poke(&mut draft);
    let mut buses: Vec<u8> = Vec::new();
    for row in &legacy {
        if buses.contains(&row.device.bus()) {
            continue;
        }
        buses.push(row.device.bus());
        let any = RequesterId::bdf(row.device.bus(), row.device.device(), row.device.function());
        draft.step(format!("entry device {any} level 2 value {}", hex(row.root.0)));
    }
    draft.note("The page tables are not in this dump.", "此转储不含页表。");
    for (i, _) in legacy.iter().enumerate() {
        let name = if i == 0 { "dev".into() } else { format!("dev{i}") };
        draft.step(format!("dma {name} read 0x10_0000 +64"));
    }
    draft.title = (
        format!("From a dump: root and context entries of {} devices", legacy.len()),
        format!("来自转储：{} 个设备的根表与上下文表项", legacy.len()),
    );
    Some(draft.finish())
}
