//! Tables as Linux dumps them: the walk after a VT-d fault (CONFIG_DMAR_DEBUG) and two files of debugfs.

use super::fault::Arch;
use super::items::{Found, Kind};
use super::scan::{unquoted, Scan};
use super::scenario;
use crate::addr::RequesterId;
use crate::spec::{Phrase, Text};
use alloc::format;
use alloc::vec::Vec;

/// The entries of one walk, as the kernel read them after a fault.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub(super) struct Walk {
    pub(super) address: u64,
    /// Low and high word.
    pub(super) root: Option<(u64, u64)>,
    pub(super) scalable: bool,
    pub(super) context: Option<(u64, u64)>,
    pub(super) directory: Option<u64>,
    pub(super) process: Vec<u64>,
    /// Level and value, from the root down.
    pub(super) entries: Vec<(u8, u64)>,
}

/// `Dump dmar1 table entries for IOVA 0x...` and the lines below it.
pub(super) fn walk(lines: &[&str]) -> Option<Found> {
    let address = Scan(lines.first()?).after("table entries for IOVA")?.hex()?;
    let mut walk = Walk { address, ..Walk::default() };
    let mut found = Found::status(
        1,
        Arch::VtD,
        "vtd-walk",
        Phrase::new(
            format!("VT-d: the tables for {address:#x}, as the kernel read them after the fault"),
            format!("VT-d：出错后内核读出的 {address:#x} 的各级表"),
        ),
    );
    found.kind = Kind::Tables;
    let pair = |line: Scan<'_>| Some((line.after("low ")?.hex()?, line.after("hi ")?.hex()?));
    while let Some(line) = lines.get(found.taken).map(|line| Scan(unquoted(line))) {
        if let Some(body) = line.after("scalable mode root entry:") {
            let Some((low, high)) = pair(body) else { break };
            walk.root = Some((low, high));
            walk.scalable = true;
            present(&mut found, Text::new("root entry", "根表项"), &[low, high], low | high);
        } else if let Some(low) = line.after("root entry: ").and_then(Scan::hex) {
            walk.root = Some((low, 0));
            present(&mut found, Text::new("root entry", "根表项"), &[low], low);
        } else if let Some(body) = line.after("context entry:") {
            let Some((low, high)) = pair(body) else { break };
            walk.context = Some((low, high));
            present(&mut found, Text::new("context entry", "上下文表项"), &[low, high], low);
        } else if let Some(entry) = line.after("pasid dir entry:").and_then(Scan::hex) {
            walk.directory = Some(entry);
            present(&mut found, Text::new("PASID-directory entry", "PASID 目录项"), &[entry], entry);
        } else if let Some(word) =
            line.after("pasid table entry[").and_then(|l| l.after("]:")).and_then(Scan::hex)
        {
            walk.process.push(word);
            if walk.process.len() == 1 {
                present(&mut found, Text::new("PASID-table entry", "PASID 表项"), &[word], word);
            }
        } else if let Some(body) = line.after("pte level:") {
            let (Some(level), Some(value)) = (body.number(), body.after("pte value:").and_then(Scan::hex))
            else {
                break;
            };
            let level = level.min(9) as u8;
            walk.entries.push((level, value));
            let meaning = match value {
                0 => Phrase::new(format!("level {level}: empty"), format!("第 {level} 级：空")),
                _ => Phrase::new(
                    format!(
                        "level {level}: bits 1:0 {}{}, address {:#x}",
                        value >> 1 & 1,
                        value & 1,
                        value & 0xf_ffff_ffff_f000
                    ),
                    format!(
                        "第 {level} 级：位 1:0 为 {}{}，地址 {:#x}",
                        value >> 1 & 1,
                        value & 1,
                        value & 0xf_ffff_ffff_f000
                    ),
                ),
            };
            found.certain(Text::new("paging entry", "页表项"), format!("{value:#018x}"), meaning);
        } else if line.0.contains("not present") && !line.0.contains("fault") {
            found.taken += 1;
            found.certain(
                Text::new("ends", "结束于"),
                line.0.rsplit(": ").next().unwrap_or(line.0),
                Text::new("here the kernel's walk ended", "内核的遍历在此结束"),
            );
            break;
        } else {
            break;
        }
        found.taken += 1;
    }
    found.scenario = scenario::of_walk(&walk);
    Some(found)
}

/// An entry with its present bit and its pointer.
fn present(found: &mut Found, name: Text, words: &[u64], low: u64) {
    let mut value = alloc::string::String::new();
    for word in words {
        value.push_str(&format!("{}{word:#018x}", if value.is_empty() { "" } else { " " }));
    }
    let at = low & 0xf_ffff_ffff_f000;
    let meaning = match low & 1 {
        1 => Phrase::new(format!("present, points to {at:#x}"), format!("存在，指向 {at:#x}")),
        _ => Phrase::new("not present (P = 0)", "不存在（P = 0）"),
    };
    found.certain(name, value, meaning);
}

/// One device of `dmar_translation_struct`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Row {
    pub(super) device: RequesterId,
    pub(super) root: (u64, u64),
    pub(super) context: (u64, u64),
    pub(super) pasid: Option<u32>,
    /// The first three words of the PASID-table entry.
    pub(super) process: [u64; 3],
}

/// `IOMMU dmar0: Root Table Address: 0x...`, its heading, and a line for each device and PASID.
pub(super) fn translation_struct(lines: &[&str]) -> Option<Found> {
    let head = Scan(unquoted(lines.first()?));
    let address = head.after("Root Table Address:")?.hex()?;
    let mut found = Found::status(
        1,
        Arch::VtD,
        "vtd-translation-struct",
        Phrase::new(
            format!("VT-d: root, context and PASID entries; root table at {address:#x}"),
            format!("VT-d：根表、上下文与 PASID 表项；根表位于 {address:#x}"),
        ),
    );
    found.kind = Kind::Tables;
    let mut rows = Vec::new();
    while let Some(line) = lines.get(found.taken).map(|line| unquoted(line)) {
        match row(line) {
            Some(row) => rows.push(row),
            None if line.starts_with("B.D.F") => {}
            None => break,
        }
        found.taken += 1;
    }
    found.certain(
        Text::new("root table", "根表"),
        format!("{address:#x}"),
        Text::new("its physical address (RTADDR_REG)", "其物理地址（RTADDR_REG）"),
    );
    found.certain(
        Text::new("entries", "表项"),
        rows.len(),
        Text::new("devices and PASIDs with an entry", "有表项的设备与 PASID"),
    );
    for row in rows.iter().take(16) {
        let value = match row.pasid {
            Some(pasid) => format!("{} PASID {pasid}", row.device),
            None => format!("{}", row.device),
        };
        let meaning = match row.pasid {
            Some(_) => {
                let kind = match row.process[0] >> 6 & 7 {
                    1 => Text::new("first stage only", "仅第一级"),
                    2 => Text::new("second stage only", "仅第二级"),
                    3 => Text::new("nested", "嵌套"),
                    4 => Text::new("pass-through", "直通"),
                    _ => Text::new("a reserved type", "保留类型"),
                };
                Phrase::new(
                    format!("scalable mode, {}, domain {}", kind.en, row.process[1] & 0xffff),
                    format!("可扩展模式，{}，域 {}", kind.zh, row.process[1] & 0xffff),
                )
            }
            None => {
                let kind = match row.context.0 >> 2 & 3 {
                    0 => Text::new("second-stage tables", "第二级页表"),
                    1 => Text::new("second-stage tables, device-TLB allowed", "第二级页表，允许设备 TLB"),
                    2 => Text::new("pass-through", "直通"),
                    _ => Text::new("a reserved type", "保留类型"),
                };
                Phrase::new(
                    format!(
                        "legacy mode, {}, domain {}, tables at {:#x}",
                        kind.en,
                        row.context.1 >> 8 & 0xffff,
                        row.context.0 & !0xfff
                    ),
                    format!(
                        "传统模式，{}，域 {}，页表位于 {:#x}",
                        kind.zh,
                        row.context.1 >> 8 & 0xffff,
                        row.context.0 & !0xfff
                    ),
                )
            }
        };
        found.certain(Text::new("device", "设备"), value, meaning);
    }
    found.scenario = scenario::of_translation_struct(&rows);
    Some(found)
}

/// `00:02.0\t<root hi>:<root lo>\t<context hi>:<context lo>\t-1 \t<word 2>:<word 1>:<word 0>`.
fn row(line: &str) -> Option<Row> {
    let mut columns = line.split_whitespace();
    let device = Scan(columns.next()?).device()?.id;
    let numbers = |text: &str| -> Option<Vec<u64>> { text.split(':').map(|n| Scan(n).hex()).collect() };
    let root = numbers(columns.next()?)?;
    let context = numbers(columns.next()?)?;
    let pasid = columns.next()?;
    let process = numbers(columns.next()?)?;
    let ([high, low], [context_high, context_low], [two, one, zero]) =
        (&root[..], &context[..], &process[..])
    else {
        return None;
    };
    Some(Row {
        device,
        root: (*low, *high),
        context: (*context_low, *context_high),
        pasid: if pasid == "-1" { None } else { Some(u32::try_from(Scan(pasid).number()?).ok()?) },
        process: [*zero, *one, *two],
    })
}

/// The tables of one device, from `domain_translation_struct`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Domain {
    pub(super) device: RequesterId,
    pub(super) pasid: Option<u32>,
    pub(super) tables: u64,
    /// Page number, and the entries at levels 5 to 1.
    pub(super) pages: Vec<(u64, [u64; 5])>,
}

/// `Device 0000:00:02.0 @0x...`, `IOVA_PFN PML5E ...`, and a line for each page.
pub(super) fn domain_struct(lines: &[&str]) -> Option<Found> {
    let head = Scan(unquoted(lines.first()?));
    let device = head.after("Device ")?.device()?;
    let tables = head.after("@")?.hex()?;
    let pasid = head.after("with pasid ").and_then(Scan::hex).map(|p| p as u32 & 0xf_ffff);
    let mut domain = Domain { device: device.id, pasid, tables, pages: Vec::new() };
    let mut found = Found::status(
        1,
        Arch::VtD,
        "vtd-domain-struct",
        Phrase::new(
            format!("VT-d: page tables of {} at {tables:#x}", device.text),
            format!("VT-d：设备 {} 的页表，位于 {tables:#x}", device.text),
        ),
    );
    found.kind = Kind::Tables;
    while let Some(line) = lines.get(found.taken).map(|line| unquoted(line)) {
        match page(line) {
            Some(page) => domain.pages.push(page),
            None if line.starts_with("IOVA_PFN") => {}
            None => break,
        }
        found.taken += 1;
    }
    super::hints::device(&mut found, Arch::VtD, device.text, false);
    if let Some(pasid) = pasid {
        let meaning = match pasid {
            0 => Text::new(
                "requests without PASID use this entry (RID_PASID)",
                "不带 PASID 的请求使用此项（RID_PASID）",
            ),
            _ => Text::new("the process of these tables", "这些页表所属的进程"),
        };
        found.certain(Arch::VtD.process_term(), format!("{pasid:#x}"), meaning);
    }
    found.certain(
        Text::new("pages", "页"),
        domain.pages.len(),
        Text::new("leaves of the tables, each with the entries on its way", "页表的叶子，各带沿途的表项"),
    );
    if let Some(stage) = first_stage(&domain) {
        let meaning = match stage {
            true => Text::new(
                "the entries have the first stage's bits (U/S, accessed)",
                "表项带有第一级的位（U/S、访问位）",
            ),
            false => Text::new("the entries have only read, write and snoop", "表项只有读、写与侦听位"),
        };
        found.inferred(Text::new("stage", "转换级"), if stage { "1" } else { "2" }, meaning);
    }
    for (number, entries) in domain.pages.iter().take(8) {
        let leaf = entries.iter().copied().rfind(|&entry| entry != 0).unwrap_or(0);
        found.certain(
            Text::new("page", "页"),
            format!("{:#x}", number << 12),
            Phrase::new(
                format!("-> {:#x}, last entry {leaf:#x}", leaf & 0xf_ffff_ffff_f000),
                format!("-> {:#x}，末级表项 {leaf:#x}", leaf & 0xf_ffff_ffff_f000),
            ),
        );
    }
    found.scenario = scenario::of_domain(&domain);
    Some(found)
}

/// Are these tables of the first stage? Linux sets U/S in every first-stage entry, and bit 2 is never set in
/// its second-stage entries.
pub(super) fn first_stage(domain: &Domain) -> Option<bool> {
    let (_, entries) = domain.pages.first()?;
    let top = entries.iter().find(|&&entry| entry != 0)?;
    Some(top & 4 != 0)
}

/// `0x0000000fffff |\t<PML5E>\t<PML4E>\t<PDPE>\t<PDE>\t<PTE>`.
fn page(line: &str) -> Option<(u64, [u64; 5])> {
    let (number, rest) = line.split_once('|')?;
    let number = Scan(number).hex().filter(|number| number >> 52 == 0)?;
    let mut entries = [0; 5];
    let mut columns = rest.split_whitespace();
    for entry in &mut entries {
        *entry = Scan(columns.next()?).hex()?;
    }
    Some((number, entries))
}
