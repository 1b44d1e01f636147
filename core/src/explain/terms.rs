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
    ($($($field:ident).+ $en:literal $zh:literal;)*) => {
        /// The rows of the table, in the order of [`Terms`].
        pub static WORDS: &[Row] =
            &[$(Row { meaning: Text::new($en, $zh), name: |terms| terms.$($field).+ },)*];
    };
}

rows! {
    requester "who sent the request" "请求来自谁";
    process "which process it speaks for" "访问哪个进程的地址空间";
    domain.en "the tag of translations that belong together" "同属一组转换的标签";
    device_entry "the structure found by the requester" "按请求者找到的结构";
    process_entry "the structure found by the process" "按进程找到的结构";
    stage1 "the tables that processes have too" "进程也使用的页表";
    stage2 "the tables that hypervisors use for guests" "hypervisor（虚拟机监控器）为客户机使用的页表";
    iotlb "what remembers translations" "记住转换结果的缓存";
    device_cache.en "what remembers device entries" "记住设备表项的缓存";
    device_tlb.name.en "what a device remembers itself (ATS)" "设备自己记住转换结果的缓存（ATS）";
    commands "where software posts invalidations" "软件投放失效命令之处";
    faults "where faults are recorded" "记录转换错误之处";
    page_requests "where page requests wait" "页请求排队之处";
    interrupts "what turns interrupt messages into interrupts" "把中断消息变为中断的机制";
}

/// A Chinese word that was chosen where the field has several: what it is in English, the word, those that are not written
/// here (each is searched for all the same), and why.
#[derive(Debug)]
pub struct Choice {
    /// In English.
    pub en: &'static str,
    /// The word of the page, the program and these documents.
    pub zh: &'static str,
    /// Words that no sentence may have: they mean something else too, or a reader would take them for it.
    pub never: &'static [&'static str],
    /// Why.
    pub why: &'static str,
}

macro_rules! choices {
    ($($en:literal $zh:literal [$($never:literal),*] $why:literal;)*) => {
        /// The choices; `core/tests/chinese.rs` holds every text to them.
        pub static CHOSEN: &[Choice] =
            &[$(Choice { en: $en, zh: $zh, never: &[$($never),*], why: $why },)*];
    };
}

choices! {
    "stage 1, stage 2" "第一阶段、第二阶段" ["第一级页表", "第二级页表", "第一级转换", "第二级转换"]
        "“级”只用来说多级页表的级（level）：“第二级页表”多半指第 2 级。合起来叫两阶段转换；“两级转换”只作搜索词";
    "pass-through of the IOMMU" "直通模式（iommu=pt）" ["IOMMU 直通"]
        "与设备直通相反：前者关掉转换，后者靠转换";
    "device passthrough" "设备直通（透传）" [] "“透传”在软件里还指原样转交，只作搜索词";
    "invalidation" "失效" ["作废", "无效化", "队列失效"] "内核中文文档的用法；动词写“使…失效”或“清除”；QI 写“队列式失效”，“队列失效”像是队列坏了";
    "bounce buffer" "回弹缓冲区" ["反弹", "弹跳", "中转缓冲"] "内核书籍最常用；“中转”只作动词";
    "host of a virtual machine" "宿主机" ["向主机退出"] "“主机”只用于 PCIe 的主机一侧";
    "VM exit" "VM exit" ["客户机退出", "退出到"] "“客户机退出”像是虚拟机关机，“退出到宿主机”像是离开容器";
    "posted interrupt; delivered" "posted 中断（直接投递）；送达" ["没有投递"] "两个词不能同用“投递”";
    "fault" "转换错误；故障记录、故障队列、故障日志；出错地址" ["错误地址", "错误记录", "错误队列", "错误日志"]
        "“错误”单用还指 error 和“不对”，“故障”像是硬件坏了；“错误地址”“错误记录”会读成“错的地址”“错的记录”";
    "page fault" "缺页（写缺页、读缺页、取指缺页）" ["页错误"] "“写页错误”会读成写错了页";
    "bus address; physical address" "总线域地址；物理地址（存储器域地址，也叫存储域地址）" ["总线地址"] "总线域、存储器域是国内 PCIe 书籍的说法";
    "device-local address" "设备本地地址" ["设备侧地址"] "“设备侧”常指从设备看到的总线域地址";
    "device_id, DeviceID" "设备标识" ["（设备号）"] "“设备号”是 BDF 里的 5 位编号";
    "process_id; process tables" "进程标识（即 PASID）；PASID 表，RISC-V 叫进程目录" ["进程号", "进程表从", "查进程表"] "“进程号”是 PID，“进程表”是操作系统的表";
    "interrupt remapping table" "中断重映射表" ["查中断表", "中断表项"] "“中断表”会被当成 IDT；表里的是中断重映射表项";
    "conformance" "一致性测试" [] "“一致性”单用指缓存一致性（coherent）";
    "hypervisor" "hypervisor（虚拟机监控器）" ["虚拟机监控程序"] "一个名字";
    "packet" "TLP（逐步说明里）；数据包（正文里）；网络包" [] "正文面向初学者，术语表里注明数据包即 TLP；网络上的写“网络包”";
    "root complex" "根复合体" ["root complex"] "通行译名";
    "peer to peer" "对等传输（P2P）" ["点对点"] "PCIe 的链路本身就叫点对点";
    "snoop" "监听" ["侦听", "窥探"] "一个名字";
    "payload" "载荷" [] "“负载”是 load";
    "bit" "位" ["比特"] "一个名字";
    "SVA" "共享虚拟寻址（SVA）" ["共享虚拟地址"] "共享的是寻址方式";
    "IOVA" "IOVA" ["IO 虚拟地址"] "术语表里注“I/O 虚拟地址”";
    "canonical address" "规范形式（canonical）的地址" ["规范地址"] "“规范”另指标准文本";
    "IOMMU unit" "IOMMU" ["该单元", "本单元", "的单元", "个单元"] "“单元”不知所指；SMMU 就写 SMMU";
    "is translated to" "转换为" ["就是物理地址", "就是客户机物理地址"] "“就是”说的是恒等";
    "address bits" "位地址" ["地址线"] "PCIe 没有地址线";
    "details" "详情" ["检视"] "大陆不用“检视”";
    "attach" "挂接" ["挂到"] "一个名字";
    "blocked" "拦截" ["拦下", "被阻止"] "一个名字";
    "flush" "刷新；写缓冲：冲刷" ["刷写"] "“刷写缓冲”读不断";
    "limit (of work, memory, sizes)" "上限" ["限度"] "名词只用“上限”；“限制”是动词，或用在总线限制、速率限制里";
    "guest" "客户机；对象叫虚拟机（`vm`）" [] "内核中文文档的用法";
    "requester id" "请求者 ID（Requester ID，即 BDF）" [] "原文在前，一次注明";
    "page group response" "页请求组响应" ["页组应答"] "规范里的名字";
    "trace of a run" "执行轨迹（轨迹）" ["执行跟踪", "我们的跟踪"] "机器运行时记下的每一步；内核的 trace 另有名字";
    "trace of a kernel (ftrace)" "跟踪记录、跟踪事件" ["追踪", "日志中的跟踪表", "日志中的跟踪显", "日志中的跟踪没"]
        "tracepoint 是跟踪事件，它们的输出是跟踪记录；“跟踪”单用只作动词";
    "follow (an address)" "跟随" ["跟踪这个地址", "跟踪的地址"] "调试器的用法；“跟踪”留给内核的 trace";
    "an address leads to" "对应、指向、到达" ["通向"] "“通向”说的是路，地址不是路";
}

/// The names that the page's own words have in common with the sentences and the glossary, in English and 中文, longer ones
/// before those within them. `www/src/named.ts` is written from this table; the page's words have `{name}` where one stands.
pub static NAMED: &[(&str, &str)] = &[
    ("dirty cache line", "脏缓存行"),
    ("bounce copy", "回弹副本"),
    ("page request", "页请求"),
    ("physical memory", "物理内存"),
    ("address space", "地址空间"),
    ("reading path", "阅读路线"),
    ("nested walk", "嵌套查表"),
    ("fault code", "错误码"),
    ("fault log", "故障日志"),
    ("stale hit", "陈旧命中"),
    ("stage 1", "第一阶段"),
    ("stage 2", "第二阶段"),
    ("invalidation", "失效"),
    ("interrupt", "中断"),
    ("inspector", "详情"),
    ("expectation", "期望"),
    ("scenario", "场景"),
    ("register", "寄存器"),
    ("mapping", "映射"),
    ("payload", "载荷"),
    ("command", "命令"),
    ("packet", "数据包"),
    ("buffer", "缓冲区"),
    ("device", "设备"),
    ("memory", "内存"),
    ("queue", "队列"),
    ("fault", "转换错误"),
    ("cache", "缓存"),
    ("entry", "表项"),
    ("stale", "陈旧"),
    ("term", "术语"),
    ("miss", "未命中"),
    ("walk", "查表"),
    ("log", "日志"),
    ("hit", "命中"),
];

/// What else people call a term of the glossary or an address, for the search: the term's English name, and other words.
pub static ALSO: &[(&str, &str)] = &[
    ("page table", "页表遍历 查表 page walk"),
    ("EPT (extended page table)", "二级转换 第二级页表 stage2 SLAT"),
    ("page fault", "页错误 缺页 page fault"),
    ("host bridge", "HOST 主桥 host bridge RC"),
    ("device passthrough", "透传 设备透传 PCI passthrough VFIO SR-IOV"),
    ("shadow page table", "影子页表 影页表"),
    ("huge page", "巨页 hugepage large page"),
    (
        "stage 1, stage 2",
        "stage1 stage2 两级转换 一级转换 二级转换 一级页表 二级页表 第一级 第二级 第一阶段页表 第二阶段页表 嵌套",
    ),
    ("pass-through (of the IOMMU)", "直通 透传模式 passthrough iommu=pt bypass"),
    ("identity mapping", "一对一映射 1:1 映射"),
    ("invalidation", "作废 无效 无效化 刷新 flush"),
    ("strict, lazy", "延迟刷新 延迟模式 deferred flush"),
    ("fault", "故障 错误 IOMMU 故障 DMAR 错误"),
    ("SWIOTLB (bounce buffer)", "反弹缓冲区 弹跳缓冲 中转缓冲区 bounce buffer"),
    ("interrupt remapping", "中断投递 posted interrupt 直接投递"),
    ("guest, host; exit", "主机 宿主机 虚拟机 客户机退出 VMM hypervisor"),
    ("peer to peer", "点对点 P2P P2PDMA 对等 DMA"),
    ("snoop", "侦听 窥探"),
    ("PASID (process address space id)", "进程号 process_id"),
    ("SVA (shared virtual addressing)", "共享虚拟地址 SVM 共享虚拟内存"),
    ("physical address (PA, HPA)", "存储器域地址 存储域地址 存储域 存储器域 主机物理地址 宿主机物理地址 SPA"),
    ("bus address", "总线地址 PCI 总线域"),
    ("IOVA", "IO 虚拟地址"),
    ("device-local address", "设备侧地址 显存地址"),
    ("requester id (BDF)", "RID 源 ID source id Requester ID"),
    ("streaming mapping", "流式 DMA"),
    ("coherent memory", "一致性 DMA 一致性映射"),
    ("coherent (DMA)", "缓存一致性"),
    ("SMMU (SMMUv3)", "SMMUv2"),
];

/// Returns what else people call a term, by its English name.
pub fn also(name: &str) -> &'static str {
    ALSO.iter().find(|(term, _)| *term == name).map_or("", |(_, words)| words)
}

/// Latin words that stand in Chinese sentences, beside abbreviations, names of registers, fields, commands and functions, and the
/// names that a scenario gives.
pub static LATIN: &[&str] = &[
    "AMD-Vi",
    "Arm",
    "Mode",
    "Off",
    "Range",
    "Span",
    "abort",
    "dma-buf",
    "exit",
    "virtio",
    "Cpl",
    "CplD",
    "GiB",
    "Intel",
    "KiB",
    "Linux",
    "MiB",
    "StreamID",
    "TiB",
    "VT-d",
    "cap",
    "fetch",
    "flush",
    "function",
    "hypervisor",
    "iommu",
    "iommu-map",
    "kmalloc",
    "lazy",
    "nents",
    "posted",
    "snoop",
    "stage",
    "strict",
    "vmalloc",
];

/// The names of addresses, in both languages: English, 中文, what it is.
pub static ADDRESSES: [(Text, Text); 8] = [
    (
        Text::new("virtual address (VA; GVA in a guest)", "虚拟地址（VA；客户机里叫 GVA）"),
        Text::new("what a process uses", "进程使用的地址"),
    ),
    (
        Text::new("guest-physical address (GPA)", "客户机物理地址（GPA）"),
        Text::new("what a guest believes is physical", "客户机眼中的物理地址"),
    ),
    (
        Text::new("physical address (PA, HPA)", "物理地址（存储器域地址，也叫存储域地址）"),
        Text::new(
            "what the CPU emits after its MMU (and EPT): RAM, MMIO",
            "CPU 经 MMU（和 EPT）后发出的地址：内存、MMIO",
        ),
    ),
    (
        Text::new("bus address", "总线域地址（总线地址）"),
        Text::new(
            "what travels on PCIe: BAR values and DMA addresses",
            "PCIe 上传输的地址：BAR 的值与 DMA 地址",
        ),
    ),
    (
        Text::new("IOVA", "IOVA（I/O 虚拟地址）"),
        Text::new("a bus address that an IOMMU translates", "由 IOMMU 转换的总线域地址"),
    ),
    (
        Text::new("device-local address", "设备本地地址（设备内部地址）"),
        Text::new(
            "what a device's own engine emits, before the device's own map",
            "设备自身引擎发出、经设备内部映射之前的地址",
        ),
    ),
    (
        Text::new("requester id (BDF)", "请求者 ID（Requester ID，即 BDF）"),
        Text::new("bus:device.function in the packet", "数据包里的“总线:设备.功能”"),
    ),
    (
        Text::new("PASID", "PASID（进程地址空间 ID）"),
        Text::new(
            "which process the packet speaks for: no PID of Linux",
            "这个请求访问哪个进程的地址空间；不是 Linux 的 PID",
        ),
    ),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explain::glossary::GLOSSARY;
    use crate::iommu::Architecture;
    use std::fmt::Write;

    #[test]
    fn other_words_are_of_terms() {
        let known = GLOSSARY.iter().flat_map(|chapter| chapter.terms).map(|term| term.name.en);
        let known: Vec<&str> = known.chain(ADDRESSES.iter().map(|(name, _)| name.en)).collect();
        for (term, _) in ALSO {
            assert!(known.contains(term), "{term}");
        }
    }

    #[test]
    fn everything_has_a_name_in_every_architecture() {
        for row in WORDS {
            let names = Architecture::ALL.map(|a| (row.name)(&a.describe().terms));
            assert!(names.iter().all(|n| !n.is_empty()), "{}", row.meaning.en);
        }
    }

    /// A name of the glossary that the page has too is the same there.
    #[test]
    fn names_of_the_page_are_those_of_the_glossary() {
        let mut both = 0;
        for (name, zh) in NAMED {
            let said =
                |term: &&crate::explain::glossary::Term| term.name.en.split([' ', ',']).next() == Some(name);
            for term in GLOSSARY.iter().flat_map(|chapter| chapter.terms).filter(said) {
                both += 1;
                assert!(term.name.zh.starts_with(zh), "{name}: {zh}, {}", term.name.zh);
            }
            for choice in CHOSEN {
                assert!(choice.never.iter().all(|never| !zh.contains(never)), "{name}: {zh}");
            }
        }
        assert!(both >= 3, "{both}");
    }

    /// `www/src/named.ts` is written from this table by `UPDATE_GOLDEN=1`.
    #[test]
    fn the_page_has_these_names() {
        let mut file = String::from(
            "// The names of things, as the sentences and the glossary have them: English, 中文. Written from `NAMED` in\n\
             // core/src/explain/terms.rs, by its test with UPDATE_GOLDEN=1.\n\
             export const NAMED: Readonly<Record<string, string>> = {\n",
        );
        for (name, zh) in NAMED {
            let key = if name.contains(' ') { format!("{name:?}") } else { (*name).into() };
            writeln!(file, "  {key}: {zh:?},").unwrap();
        }
        file.push_str("};\n");
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../www/src/named.ts");
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(path, &file).unwrap();
        }
        assert!(std::fs::read_to_string(path).is_ok_and(|f| f == file), "www/src/named.ts is not this table");
    }

    /// `docs/terms.md` is this table; `UPDATE_GOLDEN=1` writes it anew.
    #[test]
    fn the_document_says_the_same() {
        let mut doc = String::from(
            "# Terms / 术语\n\nOne name a thing, the same in the program, the page and these documents. Written from \
             `core/src/explain/terms.rs` \
             and `glossary.rs`; a test holds them together.\n\n一物一名：程序、页面和文档用的是同一张表，由 \
             `core/src/explain/terms.rs` 和 `glossary.rs` 生成。\n\n## Addresses and ids / 地址与标识\n\n\
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
        doc.push_str("\n## Chinese words that were chosen / 用词的取舍\n\n| English | 中文 | 不用 | 理由 |\n|---|---|---|---|\n");
        for choice in CHOSEN {
            let never = choice.never.join("、");
            writeln!(doc, "| {} | {} | {never} | {} |", choice.en, choice.zh, choice.why).unwrap();
        }
        doc.push_str(
            "\n## The same idea, four architectures / 同一概念在四种架构中的名称\n\n\
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
