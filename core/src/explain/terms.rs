//! One name a thing, for each architecture: what VT-d, RISC-V, Arm and AMD call the same idea.
//!
//! Sources: Intel VT-d rev. 4 (3.4 and 9), RISC-V IOMMU 1.0 (2.1 and 3), Arm SMMUv3 (IHI 0070, 3.2 to 3.4), AMD
//! I/O Virtualization Technology rev. 3 (2.2). `docs/terms.md` is written from this table.

use crate::spec::Text;

/// An architecture whose words are known.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Architecture {
    /// Intel VT-d.
    Vtd,
    /// RISC-V IOMMU.
    Riscv,
    /// Arm SMMUv3 (words only: there is no such unit here).
    Smmu,
    /// AMD I/O Virtualization Technology (words only: there is no such unit here).
    Amd,
}

/// An idea that every architecture has, under its own name.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Idea {
    /// Who sent the request.
    Requester,
    /// Which process it speaks for.
    Process,
    /// The tag of translations that belong together.
    Domain,
    /// The structure found by the requester.
    DeviceEntry,
    /// The structure found by the process.
    ProcessEntry,
    /// The tables of stage 1.
    Stage1,
    /// The tables of stage 2.
    Stage2,
    /// What remembers translations.
    Iotlb,
    /// What remembers device entries.
    DeviceCache,
    /// Where software posts invalidations.
    Commands,
    /// Where faults are recorded.
    Faults,
    /// Where page requests wait.
    PageRequests,
    /// What turns interrupt messages into interrupts.
    Interrupts,
}

/// A row of the table.
#[derive(Debug)]
pub struct Row {
    /// The idea.
    pub idea: Idea,
    /// What it is.
    pub meaning: Text,
    /// VT-d, RISC-V, Arm, AMD.
    pub names: [&'static str; 4],
}

const fn row(idea: Idea, en: &'static str, zh: &'static str, names: [&'static str; 4]) -> Row {
    Row { idea, meaning: Text::new(en, zh), names }
}

/// The table.
pub static WORDS: [Row; 13] = [
    row(
        Idea::Requester,
        "who sent the request",
        "请求来自谁",
        ["requester id (BDF)", "device_id", "StreamID", "DeviceID"],
    ),
    row(
        Idea::Process,
        "which process it speaks for",
        "代表哪个进程",
        ["PASID", "process_id", "SubstreamID", "PASID"],
    ),
    row(
        Idea::Domain,
        "the tag of translations that belong together",
        "同属一组转换的标签",
        ["domain id", "GSCID and PSCID", "VMID and ASID", "DomainID"],
    ),
    row(
        Idea::DeviceEntry,
        "the structure found by the requester",
        "按请求者找到的结构",
        ["context entry", "device context (DC)", "Stream Table Entry (STE)", "Device Table Entry (DTE)"],
    ),
    row(
        Idea::ProcessEntry,
        "the structure found by the process",
        "按进程找到的结构",
        ["PASID-table entry", "process context (PC)", "Context Descriptor (CD)", "GCR3 table entry"],
    ),
    row(
        Idea::Stage1,
        "the tables that processes have too",
        "进程也使用的页表",
        ["first stage", "first stage (iosatp)", "stage 1", "guest page tables (v2)"],
    ),
    row(
        Idea::Stage2,
        "the tables that hypervisors use for guests",
        "虚拟机监控程序为客户机使用的页表",
        ["second stage", "second stage (iohgatp)", "stage 2", "host page tables (v1)"],
    ),
    row(Idea::Iotlb, "what remembers translations", "记住转换结果的缓存", ["IOTLB", "IOATC", "TLB", "IOTLB"]),
    row(
        Idea::DeviceCache,
        "what remembers device entries",
        "记住设备表项的缓存",
        ["context cache", "DDT cache", "configuration cache", "device table entry cache"],
    ),
    row(
        Idea::Commands,
        "where software posts invalidations",
        "软件投放失效命令之处",
        ["invalidation queue", "command queue (CQ)", "Command queue", "command buffer"],
    ),
    row(
        Idea::Faults,
        "where faults are recorded",
        "记录错误之处",
        ["fault recording registers", "fault/event queue (FQ)", "Event queue", "event log"],
    ),
    row(
        Idea::PageRequests,
        "where page requests wait",
        "页请求排队之处",
        ["page request queue", "page-request queue (PQ)", "PRI queue", "peripheral page request log"],
    ),
    row(
        Idea::Interrupts,
        "what turns interrupt messages into interrupts",
        "把中断消息变为中断的机制",
        ["interrupt remapping table", "MSI page table", "GIC ITS", "interrupt remapping table"],
    ),
];

/// What an architecture calls an idea.
pub fn word(architecture: Architecture, idea: Idea) -> &'static str {
    let column = match architecture {
        Architecture::Vtd => 0,
        Architecture::Riscv => 1,
        Architecture::Smmu => 2,
        Architecture::Amd => 3,
    };
    WORDS.iter().find(|row| row.idea == idea).map_or("", |row| row.names[column])
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
    use std::fmt::Write;

    #[test]
    fn every_idea_has_a_word_everywhere() {
        for row in &WORDS {
            assert!(row.names.iter().all(|n| !n.is_empty()));
            assert_eq!(word(Architecture::Smmu, row.idea), row.names[2]);
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
             | what | 含义 | Intel VT-d | RISC-V IOMMU | Arm SMMUv3 | AMD-Vi |\n|---|---|---|---|---|---|\n",
        );
        for row in &WORDS {
            let [a, b, c, d] = row.names;
            writeln!(doc, "| {} | {} | {a} | {b} | {c} | {d} |", row.meaning.en, row.meaning.zh).unwrap();
        }
        doc.push_str("\nArm and AMD are named for readers who come from there: the playground's machines are VT-d and RISC-V.\n");
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/terms.md");
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(path, &doc).unwrap();
        }
        assert!(std::fs::read_to_string(path).is_ok_and(|d| d == doc), "docs/terms.md is not this table");
    }
}
