//! The pages that hold tables and queues: found where hardware read an entry, so that the token can be seen to
//! walk them.

use crate::diagram::model::{Region, RegionKind};
use crate::machine::history::TablePage;
use crate::spec::{EntryType, Phrase};
use alloc::{format, string::String, vec::Vec};

/// Bytes of a page.
const PAGE: u64 = 4096;

/// Regions of the physical column for pages of tables. They are those that hardware read up to the end of the
/// operation in hand: so within an operation nothing moves.
pub(super) fn regions(pages: &[TablePage]) -> Vec<Region> {
    let region = |&TablePage { page, entry, .. }: &TablePage| {
        let (kind, name) = holder(entry)?;
        let key = format!("pa/table/{page:x}");
        let mut region = Region::new(key, page, page + (PAGE - 1), kind, short(&name));
        region.owner = name;
        Some(region)
    };
    pages.iter().filter_map(region).collect()
}

/// What a page of such entries is called.
fn holder(entry: &EntryType) -> Option<(RegionKind, Phrase)> {
    let en = entry.name.en.split(" (").next().unwrap_or_default();
    let zh = entry.name.zh.split('（').next().unwrap_or_default();
    let zh = zh.trim().trim_end_matches("的一半");
    if let Some(en) = en.strip_suffix(" entry") {
        if let Some(directory) = en.strip_prefix("non-leaf ") {
            let zh = if directory == "DDT" { "设备目录表（DDT）" } else { "进程目录表（PDT）" };
            return Some((RegionKind::Table, Phrase::new(directory, zh)));
        }
        let en = en.strip_prefix("half of a ").unwrap_or(en);
        let mut name = String::from(en);
        for part in ["-table", "-directory", "-pointer"] {
            name = name.replace(part, &part.replace('-', " "));
        }
        if !["table", "directory"].iter().any(|end| name.ends_with(end)) {
            name.push_str(" table");
        }
        return Some((RegionKind::Table, Phrase::new(name, zh.trim_end_matches('项'))));
    }
    // RISC-V names the entries by letters, and a table by its entries.
    let stage = ["first-stage", "second-stage"].iter().find(|stage| en.starts_with(*stage));
    if let Some(stage) = stage.filter(|_| en.ends_with("PTE")) {
        let zh = if *stage == "first-stage" { "第一阶段页表" } else { "第二阶段页表" };
        return Some((RegionKind::Table, Phrase::new(format!("{stage} page table"), zh)));
    }
    let directory = match en {
        "device context" => Phrase::new("device contexts", "设备上下文"),
        "process context" => Phrase::new("process contexts", "进程目录叶子项"),
        "MSI PTE" => Phrase::new("MSI page table", "MSI 页表"),
        _ => Phrase::default(),
    };
    if !directory.en.is_empty() {
        return Some((RegionKind::Table, directory));
    }
    // Arm calls the entries of a page table descriptors, by their stage and level.
    if let Some(stage) = ["stage 1 ", "stage 2 "].iter().find(|stage| en.starts_with(*stage)) {
        let (en, zh) = (stage.trim_end(), if *stage == "stage 1 " { "第一阶段" } else { "第二阶段" });
        return Some((RegionKind::Table, Phrase::new(format!("{en} page table"), format!("{zh}页表"))));
    }
    if en.contains("context descriptor") {
        return Some((RegionKind::Table, Phrase::new("context descriptors", "上下文描述符")));
    }
    if en.contains("stream table descriptor") {
        return Some((RegionKind::Table, Phrase::new("stream table", "流表")));
    }
    if en.contains("descriptor") || en.contains("command") {
        return Some((RegionKind::Queue, Phrase::new("queue", "队列")));
    }
    None
}

/// The name by letters where it has some, as specifications use them for tables and Linux for stages (the legend of the page
/// says which is which): a picture has a row for each table.
fn short(name: &Phrase) -> Phrase {
    const LETTERS: [(&str, &str); 10] = [
        ("second-stage", "S2"),
        ("first-stage", "S1"),
        ("stage 2", "S2"),
        ("stage 1", "S1"),
        ("page directory pointer table", "PDPT"),
        ("PDPT table", "PDPT"),
        ("page directory", "PD"),
        ("page table", "PT"),
        ("PML4 table", "PML4"),
        ("PML5 table", "PML5"),
    ];
    let mut en = name.en.clone();
    for (long, letters) in LETTERS {
        en = en.replace(long, letters);
    }
    if en == name.en {
        name.clone()
    } else {
        Phrase::same(en)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::Text;

    #[test]
    fn a_page_of_entries_is_a_table() {
        let name = |en, zh| {
            let entry = EntryType { name: Text::new(en, zh), words: 1, fields: &[], section: "" };
            holder(&entry).map(|(_, p)| (p.en, p.zh))
        };
        let pair = |a: &str, b: &str| Some((String::from(a), String::from(b)));
        assert_eq!(name("root entry", "根表项"), pair("root table", "根表"));
        assert_eq!(name("page-table entry", "页表项"), pair("page table", "页表"));
        assert_eq!(
            name("PDPT entry (1 GiB page)", "页目录指针表项（1 GiB 页）"),
            pair("PDPT table", "页目录指针表")
        );
        assert_eq!(
            name("EPT page-directory entry", "EPT 页目录项"),
            pair("EPT page directory", "EPT 页目录")
        );
        assert_eq!(name("fault record", "故障记录"), None);
        // Arm's descriptors are entries of tables, and no queue's.
        let s1 = name("stage 1 page descriptor", "第一阶段页描述符");
        assert_eq!(s1, pair("stage 1 page table", "第一阶段页表"));
        assert_eq!(
            name("context descriptor", "上下文描述符（CD）"),
            pair("context descriptors", "上下文描述符")
        );
        assert_eq!(name("level 1 stream table descriptor", "一级流表描述符"), pair("stream table", "流表"));
        assert_eq!(name("invalidation wait descriptor", "失效等待描述符"), pair("queue", "队列"));
        assert_eq!(short(&Phrase::same("stage 1 page table")).zh, "S1 PT");
        assert_eq!(short(&Phrase::same("second-stage page directory")).zh, "S2 PD");
        assert_eq!(short(&Phrase::new("root table", "根表")).zh, "根表");
    }
}
