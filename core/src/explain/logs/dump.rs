//! Tables as Linux dumps them: the walk after a VT-d fault (CONFIG_DMAR_DEBUG) and files of debugfs.

use super::causes;
use super::debugfs;
use super::dumped::{first_stage, Domain, Row, Walk};
use super::evidence::Clue;
use super::fault::{Access, Arch};
use super::forms::Form;
use super::found::{Format, Found, Here, Note};
use super::hints;
use super::report::Kind;
use super::scan::Scan;
use super::scenario::{self, Sketch};
use crate::addr::RequesterId;
use crate::spec::{Phrase, Text};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

pub(super) static FORMAT: Format = Format {
    forms: FORMS,
    readers: &[
        ("table entries for IOVA", walk),
        ("Root Table Address:", translation_struct),
        (" @0x", domain_struct),
        ("IR table address:", debugfs::interrupts),
        ("Invalidation queue on IOMMU", debugfs::queue),
        ("Register Base Address:", debugfs::registers),
        ("page table not present at level", end_of_walk),
        ("PTE not present at level", end_of_walk),
    ],
    patterns: &[],
    codes: || Vec::new(),
    causes: causes::none,
};

macro_rules! form {
    ($name:literal $wording:literal $source:literal) => {
        Form { name: $name, arch: Arch::VtD, wording: $wording, source: $source }
    };
}

static FORMS: &[Form] = &[
    form!("vtd-walk-end" "DMAR: page table not present at level *" "Linux since 2024-10 (before: \"PTE not present at level *\", the entry's own level), the walk's last line alone"),
    form!("vtd-walk" "DMAR: Dump * table entries for IOVA *" "Linux v5.15 and later with CONFIG_DMAR_DEBUG, which distributions leave out"),
    form!("vtd-translation-struct" "IOMMU * Root Table Address: *" "Linux v5.2 and later, debugfs iommu/intel/dmar_translation_struct (CONFIG_IOMMU_DEBUGFS)"),
    form!("vtd-domain-struct" "Device * @* IOVA_PFN PML5E PML4E PDPE PDE PTE" "Linux v5.8 and later, debugfs iommu/intel/domain_translation_struct (v6.7: a file each device and PASID)"),
    form!("vtd-ir-struct" "IR table address:* Entry SrcID DstID Vct IRTE_high IRTE_low" "Linux v5.2 and later, debugfs iommu/intel/ir_translation_struct"),
    form!("vtd-queue-dump" "Invalidation queue on IOMMU: * Base: * Head: * Tail: *" "Linux v5.5 and later, debugfs iommu/intel/invalidation_queue"),
    form!("vtd-registers" "IOMMU: * Register Base Address: * Name Offset Contents" "Linux v5.2 and later, debugfs iommu/intel/iommu_regset"),
];

/// A walk, and what it says.
pub(super) struct Dump {
    pub(super) walk: Walk,
    pub(super) found: Found,
}

/// The last line of such a walk without the ones above it. Linux prints the level of the table that is missing, one below the
/// entry that would lead to it; before October 2024 the entry's own.
fn end_of_walk(here: &Here<'_>) -> Option<Found> {
    let line = Scan(here.text);
    let (entry, below) = match line.after("page table not present at level") {
        Some(below) => (below.number()?.checked_add(1)?, true),
        None => (line.after("PTE not present at level")?.number()?, false),
    };
    let entry = Some(entry).filter(|entry| (1..=5).contains(entry))?;
    let mut found = Found::status(
        Arch::VtD,
        "vtd-walk-end",
        Phrase::new(
            "VT-d: the end of the walk that the kernel printed after a fault",
            "VT-d：转换出错后内核打印的查表过程，这是最后一行",
        ),
    );
    found.kind = Kind::Tables;
    let meaning = match entry {
        1 => Phrase::new(
            "the level 1 entry is empty: this page is not mapped",
            "第 1 级表项为空，这一页没有映射",
        ),
        _ => Phrase::new(
            format!("the level {entry} entry is empty: it leads to no table, and nothing below it is mapped"),
            format!("第 {entry} 级表项为空，没有下一级页表，它下面的地址都没有映射"),
        ),
    };
    let end = Phrase::new(format!("the level {entry} entry"), format!("第 {entry} 级表项"));
    // The number that is printed is of the table that is missing.
    let meaning = match below {
        true => Phrase::new(
            format!("{} (the line's number is of the table below it)", meaning.en),
            format!("{}（日志里的 level 是缺少的下一级页表的级号）", meaning.zh),
        ),
        false => meaning,
    };
    found.certain(Text::new("ends at", "停在"), end, meaning);
    Some(found)
}

fn walk(here: &Here<'_>) -> Option<Found> {
    walk_of(here, None, None).map(|dump| dump.found)
}

/// `Dump dmar1 table entries for IOVA 0x...` and the lines below it. `device`: whose walk it is, if that is known.
pub(super) fn walk_of(here: &Here<'_>, device: Option<RequesterId>, access: Option<Access>) -> Option<Dump> {
    let address = Scan(here.text).after("table entries for IOVA")?.hex()?;
    let mut walk = Walk { address, device, access, ..Walk::default() };
    let mut found = Found::status(
        Arch::VtD,
        "vtd-walk",
        Phrase::new(
            format!("VT-d: the tables for {address:#x}, as the kernel read them after the fault"),
            format!("VT-d：出错后内核读出的 {address:#x} 的各级表"),
        ),
    );
    found.kind = Kind::Tables;
    let upper = device.map(|device| device.devfn() >= 0x80);
    let pair = |line: Scan<'_>| Some((line.after("low ")?.hex()?, line.after("hi ")?.hex()?));
    for (offset, line) in here.rest.iter().enumerate().take(64) {
        let line = Scan(&line.text);
        if let Some(body) = line.after("scalable mode root entry:") {
            let Some((low, high)) = pair(body) else { break };
            walk.root = Some((low, high));
            walk.scalable = true;
            found.notes.push(Note::Scalable);
            root_halves(&mut found, low, high, upper);
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
            if walk.process.len() == 3 {
                let words = [walk.process[0], walk.process[1], walk.process[2]];
                process_entry(&mut found, words);
            }
        } else if let Some(body) = line.after("pte level:") {
            let (Some(level), Some(value)) = (body.number(), body.after("pte value:").and_then(Scan::hex))
            else {
                break;
            };
            let level = level.min(9) as u8;
            walk.entries.push((level, value));
            paging_entry(&mut found, level, value, walk.process.first().map(|word| word >> 6 & 7 == 1));
        } else if line.0.contains("not present") && !line.0.contains("fault") {
            found.used.push(offset);
            found.certain(
                Text::new("ends", "结束于"),
                line.0.rsplit(": ").next().unwrap_or(line.0),
                Text::new("here the kernel's walk ended", "内核查表到此结束"),
            );
            break;
        } else if found.used.is_empty() && offset < 2 {
            // Another CPU's line between.
            continue;
        } else {
            break;
        }
        found.used.push(offset);
    }
    found.scenario = scenario::of_walk(&walk).map(Sketch::Written);
    Some(Dump { walk, found })
}

/// The two halves of a scalable-mode root entry: each for half of the bus (VT-d 9.2).
fn root_halves(found: &mut Found, low: u64, high: u64, upper: Option<bool>) {
    let at = |half: u64| match half & 1 {
        1 => {
            Phrase::new(format!("at {:#x}", half & POINTER), format!("的上下文表位于 {:#x}", half & POINTER))
        }
        _ => Phrase::new("have no table (P = 0)", "没有上下文表（P = 0）"),
    };
    let (lower, higher) = (at(low), at(high));
    let (this_en, this_zh) = match upper {
        Some(false) => ("; this device: the low half", "；本设备使用低半部"),
        Some(true) => ("; this device: the high half", "；本设备使用高半部"),
        None => ("", ""),
    };
    found.certain(
        Text::new("root entry", "根表项"),
        format!("{low:#018x} {high:#018x}"),
        Phrase::new(
            format!("devices 00 to 0f {}, 10 to 1f {}{this_en}", lower.en, higher.en),
            format!("设备 00 至 0f {}，设备 10 至 1f {}{this_zh}", lower.zh, higher.zh),
        ),
    );
}

const POINTER: u64 = 0xf_ffff_ffff_f000;

/// A scalable-mode PASID-table entry, by its first three words (VT-d 9.6).
fn process_entry(found: &mut Found, words: [u64; 3]) {
    let [zero, one, two] = words;
    let kind = kind_of_process(zero);
    let tables = match zero >> 6 & 7 {
        1 => two & POINTER,
        _ => zero & POINTER,
    };
    let meaning = match zero & 1 {
        0 => Phrase::new("not present (P = 0)", "不存在（P = 0）"),
        _ => Phrase::new(
            format!("PGTT = {}: {}, tables at {tables:#x}, domain {}", zero >> 6 & 7, kind.en, one & 0xffff),
            format!("PGTT = {}：{}，页表位于 {tables:#x}，域 {}", zero >> 6 & 7, kind.zh, one & 0xffff),
        ),
    };
    if zero & 1 != 0 && zero >> 6 & 7 == 1 {
        found.clue(Clue::FirstStageOnly);
    }
    let value = format!("{zero:#018x} {one:#018x} {two:#018x}");
    found.certain(Text::new("PASID-table entry", "PASID 表项"), value, meaning);
}

fn kind_of_process(word: u64) -> Text {
    match word >> 6 & 7 {
        1 => Text::new("first stage only", "仅第一阶段"),
        2 => Text::new("second stage only", "仅第二阶段"),
        3 => Text::new("nested", "嵌套"),
        4 => Text::new("pass-through", "直通模式"),
        _ => Text::new("a reserved type", "保留类型"),
    }
}

/// A paging entry with its rights, which the two stages keep in different bits.
fn paging_entry(found: &mut Found, level: u8, value: u64, first_stage: Option<bool>) {
    let at = value & POINTER;
    // Bits 0 to 2: present, R/W and U/S in first-stage entries (VT-d 9.7), R and W in those of the second (9.8).
    let bit = |n: u8| value >> n & 1;
    let rights = match (first_stage.unwrap_or(false), bit(0), bit(1)) {
        (true, 0, _) => "P = 0".into(),
        (true, _, writes) => format!("P = 1, R/W = {writes}, U/S = {}", bit(2)),
        (false, 0, 0) => "R = W = 0".into(),
        (false, _, 0) => "R".into(),
        (false, 0, _) => "W".into(),
        (false, ..) => String::from("R, W"),
    };
    let meaning = match value {
        0 => Phrase::new(format!("level {level}: empty"), format!("第 {level} 级：空")),
        _ => Phrase::new(
            format!("level {level}: {rights}, address {at:#x}"),
            format!("第 {level} 级：{}，地址 {at:#x}", rights.replace(", ", "、")),
        ),
    };
    found.certain(Text::new("paging entry", "页表项"), format!("{value:#018x}"), meaning);
}

/// An entry with its present bit and its pointer.
fn present(found: &mut Found, name: Text, words: &[u64], low: u64) {
    let mut value = String::new();
    for word in words {
        value.push_str(&format!("{}{word:#018x}", if value.is_empty() { "" } else { " " }));
    }
    let at = low & POINTER;
    let meaning = match low & 1 {
        1 => Phrase::new(format!("present, points to {at:#x}"), format!("存在，指向 {at:#x}")),
        _ => Phrase::new("not present (P = 0)", "不存在（P = 0）"),
    };
    found.certain(name, value, meaning);
}

/// `IOMMU dmar0: Root Table Address: 0x...`, its heading, and a line for each device and PASID.
pub(super) fn translation_struct(here: &Here<'_>) -> Option<Found> {
    let head = Scan(here.text);
    let address = head.after("Root Table Address:")?.hex()?;
    let mut found = Found::status(
        Arch::VtD,
        "vtd-translation-struct",
        Phrase::new(
            format!("VT-d: root, context and PASID entries; root table at {address:#x}"),
            format!("VT-d：根表、上下文与 PASID 表项；根表位于 {address:#x}"),
        ),
    );
    found.kind = Kind::Tables;
    let mut rows = Vec::new();
    for (offset, line) in here.rest.iter().enumerate() {
        match row(&line.text) {
            Some(row) => rows.push(row),
            None if line.text.starts_with("B.D.F") => {}
            None => break,
        }
        found.used.push(offset);
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
                let kind = kind_of_process(row.process[0]);
                Phrase::new(
                    format!("scalable mode, {}, domain {}", kind.en, row.process[1] & 0xffff),
                    format!("可扩展模式，{}，域 {}", kind.zh, row.process[1] & 0xffff),
                )
            }
            None => {
                let kind = match row.context.0 >> 2 & 3 {
                    0 => Text::new("second-stage tables", "第二阶段页表"),
                    1 => Text::new("second-stage tables, device-TLB allowed", "第二阶段页表，允许设备 TLB"),
                    2 => Text::new("pass-through", "直通模式"),
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
    found.scenario = scenario::of_translation_struct(&rows).map(Sketch::Written);
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

/// `Device 0000:00:02.0 @0x...`, `IOVA_PFN PML5E ...`, and a line for each page.
pub(super) fn domain_struct(here: &Here<'_>) -> Option<Found> {
    let head = Scan(here.text);
    if !head.starts("Device ") {
        return None;
    }
    let device = head.after("Device ")?.device()?;
    let tables = head.after("@")?.hex()?;
    let pasid = head.after("with pasid ").and_then(Scan::hex).map(|p| p as u32 & 0xf_ffff);
    let mut domain = Domain { device: device.id, pasid, tables, pages: Vec::new(), unread: 0 };
    let mut found = Found::status(
        Arch::VtD,
        "vtd-domain-struct",
        Phrase::new(
            format!("VT-d: page tables of {} at {tables:#x}", device.text),
            format!("VT-d：设备 {} 的页表，位于 {tables:#x}", device.text),
        ),
    );
    found.kind = Kind::Tables;
    for (offset, line) in here.rest.iter().enumerate() {
        match page(&line.text) {
            Some(page) => domain.pages.push(page),
            None if line.text.starts_with("IOVA_PFN") => {}
            // It hides none of those behind it.
            None if is_unread(&line.text) => domain.unread += 1,
            None => break,
        }
        found.used.push(offset);
    }
    hints::device(&mut found, Arch::VtD, device.text, false);
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
        Text::new("pages", "页数"),
        domain.pages.len(),
        Text::new(
            "leaves of the tables, each with the entries on its way",
            "末级表项的个数；每个都列出了沿途的表项",
        ),
    );
    if domain.unread > 0 {
        found.certain(
            Text::new("rows not understood", "未读懂的行"),
            domain.unread,
            Text::new("pages that may be any", "可能是任何页"),
        );
    }
    if let Some(stage) = first_stage(&domain) {
        let meaning = match stage {
            true if domain.pasid.is_some_and(|pasid| pasid > 0) => {
                Text::new("Linux gives a PASID tables of the first stage", "Linux 给 PASID 用第一阶段页表")
            }
            true => Text::new(
                "the entries have the first stage's bits (U/S, accessed)",
                "表项带有第一阶段的位（U/S、访问位）",
            ),
            false => Text::new("the entries have only read, write and snoop", "表项只有读、写与监听位"),
        };
        found.inferred(Text::new("stage", "转换阶段"), if stage { "1" } else { "2" }, meaning);
    }
    for (number, entries) in domain.pages.iter().take(8) {
        let leaf = entries.iter().copied().rfind(|&entry| entry != 0).unwrap_or(0);
        found.certain(
            Text::new("page", "页"),
            format!("{:#x}", number << 12),
            Phrase::new(
                format!("-> {:#x}, last entry {leaf:#x}", leaf & 0xf_ffff_ffff_f000),
                format!("映射到 {:#x}，末级表项 {leaf:#x}", leaf & 0xf_ffff_ffff_f000),
            ),
        );
    }
    found.scenario = scenario::of_domain(&domain).map(Sketch::Written);
    Some(found)
}

/// The tables of a device again, from the line that names it and those after it: for the addresses that are asked of them.
pub(super) fn domain<'a>(head: &'a str, rows: impl Iterator<Item = &'a str>) -> Option<Domain> {
    let head = Scan(head);
    let (device, tables) = (head.after("Device ")?.device()?.id, head.after("@")?.hex()?);
    let pasid = head.after("with pasid ").and_then(Scan::hex).map(|p| p as u32 & 0xf_ffff);
    let (mut pages, mut unread) = (Vec::new(), 0);
    for row in rows {
        pages.extend(page(row));
        unread += usize::from(is_unread(row));
    }
    Some(Domain { device, pasid, tables, pages, unread })
}

/// `0x0000000fffff |\t<PML5E>\t<PML4E>\t<PDPE>\t<PDE>\t<PTE>`.
fn page(line: &str) -> Option<(u64, [u64; 5])> {
    let (number, rest) = line.split_once('|')?;
    let number = Scan(number).hex().filter(|number| number >> 52 == 0)?;
    let mut entries = [0; 5];
    let mut count = 0;
    for word in rest.split_whitespace() {
        *entries.get_mut(count)? = Scan(word).hex()?;
        count += 1;
    }
    // Newer kernels print no word below a page of 2 MiB or 1 GiB (`dump_page_info` in drivers/iommu/intel/debugfs.c).
    (count >= 3).then_some((number, entries))
}

/// A row of a device's tables, wherever it stands: behind a line that is none, or further from its heading than is looked.
pub(super) fn is_row(line: &str) -> bool {
    line.starts_with("0x") && line.contains('|')
}

/// A row of which not every word is understood: a page that may be any.
fn is_unread(line: &str) -> bool {
    is_row(line) && page(line).is_none()
}
