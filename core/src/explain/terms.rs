//! One name a thing, for each architecture: what VT-d, RISC-V, Arm and AMD call the same idea.
//!
//! Sources: Intel VT-d rev. 4 (3.4 and 9), RISC-V IOMMU 1.0 (2.1 and 3), Arm SMMUv3 (IHI 0070, 3.2 to 3.4), AMD
//! I/O Virtualization Technology rev. 3 (2.2). `docs/terms.md` is written from this table.

use crate::iommu::architecture::Terms;
use crate::spec::Text;

/// A thing that every architecture has, under its own name.
#[derive(Debug)]
pub struct Row {
    /// What it is.
    pub meaning: Text,
    /// Its name in an architecture's [`Terms`].
    pub name: fn(&Terms) -> &'static str,
}

macro_rules! rows {
    ($($field:ident $en:literal $zh:literal;)*) => {
        /// The rows of the table, in the order of [`Terms`].
        pub static WORDS: &[Row] =
            &[$(Row { meaning: Text::new($en, $zh), name: |terms| terms.$field },)*];
    };
}

rows! {
    requester "who sent the request" "请求来自谁";
    process "which process it speaks for" "代表哪个进程";
    domain "the tag of translations that belong together" "同属一组转换的标签";
    device_entry "the structure found by the requester" "按请求者找到的结构";
    process_entry "the structure found by the process" "按进程找到的结构";
    stage1 "the tables that processes have too" "进程也使用的页表";
    stage2 "the tables that hypervisors use for guests" "虚拟机监控程序为客户机使用的页表";
    iotlb "what remembers translations" "记住转换结果的缓存";
    device_cache "what remembers device entries" "记住设备表项的缓存";
    commands "where software posts invalidations" "软件投放失效命令之处";
    faults "where faults are recorded" "记录错误之处";
    page_requests "where page requests wait" "页请求排队之处";
    interrupts "what turns interrupt messages into interrupts" "把中断消息变为中断的机制";
}

/// The names of addresses, in both languages: English, 中文, what it is.
pub static ADDRESSES: [(Text, Text); 8] = [
    (
        Text::new("virtual address (VA; GVA in a guest)", "虚拟地址"),
        Text::new("what a process uses", "进程使用的地址"),
    ),
    (
        Text::new("guest-physical address (GPA)", "客户机物理地址"),
        Text::new("what a guest believes is physical", "客户机眼中的物理地址"),
    ),
    (
        Text::new("physical address (PA, HPA)", "物理地址 / 存储域地址"),
        Text::new(
            "what the CPU emits after its MMU (and EPT): RAM, MMIO",
            "CPU 经 MMU（和 EPT）后发出的地址：内存、MMIO",
        ),
    ),
    (
        Text::new("bus address", "总线域地址"),
        Text::new(
            "what travels on PCIe: BAR values and DMA addresses",
            "PCIe 上传输的地址：BAR 的值与 DMA 地址",
        ),
    ),
    (
        Text::new("IOVA", "IO 虚拟地址"),
        Text::new("a bus address that an IOMMU translates", "由 IOMMU 转换的总线域地址"),
    ),
    (
        Text::new("device-local address", "设备侧地址"),
        Text::new(
            "what a device's own engine emits, before the device's own map",
            "设备自身引擎发出、经设备内部映射之前的地址",
        ),
    ),
    (
        Text::new("requester id (BDF)", "请求者 ID"),
        Text::new("bus:device.function in the packet", "数据包中的 总线:设备.功能"),
    ),
    (
        Text::new("PASID", "进程地址空间 ID"),
        Text::new("which process the packet speaks for", "数据包代表哪个进程"),
    ),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explain::glossary::GLOSSARY;
    use crate::iommu::Architecture;
    use std::fmt::Write;

    #[test]
    fn everything_has_a_name_in_every_architecture() {
        for row in WORDS {
            let names = Architecture::ALL.map(|a| (row.name)(&a.describe().terms));
            assert!(names.iter().all(|n| !n.is_empty()), "{}", row.meaning.en);
        }
    }

    /// `docs/terms.md` is this table; `UPDATE_GOLDEN=1` writes it anew.
    #[test]
    fn the_document_says_the_same() {
        let mut doc = String::from(
            "# Terms\n\nOne name a thing, the same in the program, the page and these documents. Written from \
             `core/src/explain/terms.rs` \
             and `glossary.rs`; a test holds them together.\n\n## Addresses and ids / 地址与标识\n\n\
             | term | 中文 | meaning | 含义 |\n|---|---|---|---|\n",
        );
        for (name, meaning) in &ADDRESSES {
            writeln!(doc, "| {} | {} | {} | {} |", name.en, name.zh, meaning.en, meaning.zh).unwrap();
        }
        for chapter in GLOSSARY {
            write!(
                doc,
                "\n## {} / {}\n\n| term | 中文 | meaning | 含义 |\n|---|---|---|---|\n",
                chapter.title.en, chapter.title.zh
            )
            .unwrap();
            for term in chapter.terms {
                let (name, meaning) = (term.name, term.meaning);
                writeln!(doc, "| {} | {} | {} | {} |", name.en, name.zh, meaning.en, meaning.zh).unwrap();
            }
        }
        doc.push_str(
            "\n## The same idea, four architectures / 同一概念在四种体系结构中的名称\n\n\
             | what | 含义 |",
        );
        let architectures = Architecture::ALL.map(Architecture::describe);
        architectures.iter().for_each(|a| write!(doc, " {} |", a.title).unwrap());
        doc += &format!("\n|---|---|{}\n", "---|".repeat(architectures.len()));
        for row in WORDS {
            write!(doc, "| {} | {} |", row.meaning.en, row.meaning.zh).unwrap();
            architectures.iter().for_each(|a| write!(doc, " {} |", (row.name)(&a.terms)).unwrap());
            doc.push('\n');
        }
        doc.push_str("\nThe playground has a machine of each.\n");
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/terms.md");
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(path, &doc).unwrap();
        }
        assert!(std::fs::read_to_string(path).is_ok_and(|d| d == doc), "docs/terms.md is not this table");
    }
}
