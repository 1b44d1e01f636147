//! What this machine does not do: one list, from which the page in `docs/` is written and to which the parser points when a
//! text uses such a word.

use crate::spec::Text;
use alloc::{format, string::String};

/// Something that engineers have and this machine has not.
#[derive(Clone, Copy, Debug)]
pub struct Absent {
    /// Words that would say it; no statement or keyword is among them.
    pub words: &'static [&'static str],
    /// What is missing.
    pub what: Text,
    /// What comes nearest to it.
    pub instead: Text,
}

/// The page that the list is written to, in the repository.
pub const PAGE: &str = "docs/not-done.md";

/// All of it.
pub static ABSENT: &[Absent] = &[
    a(
        &["move-window", "rebar"],
        t("Bridge windows that grow with a BAR: `resize` finds a place in the windows that there are.", "随 BAR 一起变大的桥窗口：`resize` 只在现有窗口里找位置。"),
        t("Declare the port's `window` as large as it must be, or move it by `cpu config-write`.", "把端口的 `window` 声明得足够大，或用 `cpu config-write` 移动它。"),
    ),
    a(
        &["host-bridge", "pcie", "mcfg"],
        t("An IOMMU for each segment, and I/O ports behind a second host bridge: one unit serves all bridges, and ports lead to the first.", "每个段各有一个 IOMMU、第二个主桥后面的 I/O 端口：这里所有主桥共用一个 IOMMU，端口只到第一个主桥。"),
        t("`bridge NAME segment N` has windows, buses and an MSI target of its own; `no-iommu` leaves it without translation.", "`bridge 名称 segment N` 有自己的窗口、总线和 MSI 目标地址；写 `no-iommu` 则不经转换。"),
    ),
    a(
        &["numvfs", "vf-migration", "mr-iov"],
        t("Virtual functions on another bus than their physical one, more of them than have a line, and multi-root I/O virtualization.", "与物理功能不在同一条总线上的虚拟功能，没有写出来的虚拟功能，以及多根 I/O 虚拟化（MR-IOV）。"),
        t("`sriov` at the device, and a `device ... vf-of` line for each virtual function; `cpu config-write` changes NumVFs.", "在设备下写 `sriov`，每个虚拟功能写一行 `device ... vf-of`；NumVFs 用 `cpu config-write` 修改。"),
    ),
    a(
        &["pcibridge", "pci-bridge"],
        t("A PCIe-to-PCI bridge as a port of its own, and several aliases of one device.", "作为独立端口的 PCIe-to-PCI 桥，以及一个设备的多个别名。"),
        t("`alias BDF` at the device behind it.", "在它后面的设备上写 `alias BDF`。"),
    ),
    a(
        &["emulated", "shadow", "vfio-shadow", "viommu"],
        t("An emulated IOMMU in a guest whose tables the host shadows.", "客户机里的模拟 IOMMU，由宿主机维护影子页表。"),
        t("`machine ... caching-mode` shows the invalidations that shadowing lives on; `domain NAME in VM` nests in hardware.", "`machine ... caching-mode` 展示影子页表所依赖的失效；`domain 名称 in 虚拟机` 是硬件嵌套。"),
    ),
    a(
        &["encrypted", "share", "unshare", "confidential", "sev", "tdx", "cca"],
        t("Private and shared guest memory: no memory is encrypted.", "私有与共享的客户机内存：没有加密内存。"),
        t("`swiotlb SIZE force` shows the copies that a confidential guest makes.", "`swiotlb 大小 force` 展示机密客户机要做的拷贝。"),
    ),
    a(
        &["ntb", "host2", "endpoint", "outbound"],
        t("A BAR that is a window into other memory, as of an endpoint or a non-transparent bridge.", "作为另一片内存窗口的 BAR，如端点模式或非透明桥（NTB）。"),
        t("`bar ... memory` has memory of its own behind it; `local ADDRESS -> bus ADDRESS` is the way back.", "`bar ... memory` 背后是设备自己的内存；反方向用 `local 地址 -> bus 地址`。"),
    ),
    a(
        &["output", "granule", "kernel-page", "pagesize"],
        t("An IOMMU with fewer output bits than memory has, granules other than 4 KiB, kernels with large base pages.", "输出位数少于内存的 IOMMU、4 KiB 以外的粒度、基本页更大的内核。"),
        t("`machine ... width BITS` limits the input; `page` the largest page.", "`machine ... width 位数` 限制输入；`page` 限制最大页。"),
    ),
    a(
        &["atomic", "atomicop", "fetchadd", "cas", "swap"],
        t("AtomicOps, and ports that do not route them.", "原子操作（AtomicOps），以及不转发它们的端口。"),
        t("`dma ... read` and `dma ... write`.", "`dma ... read` 与 `dma ... write`。"),
    ),
    a(
        &["relaxed", "no-snoop", "ido", "ordering"],
        t("Ordering attributes: packets arrive in the order in which they are sent.", "排序属性：数据包按发送顺序到达。"),
        t("`non-coherent` for a device that does not snoop.", "不做监听的设备用 `non-coherent`。"),
    ),
    a(
        &["dma_mapping_error", "dma_pool_create", "dma_alloc_attrs", "dma_map_sgtable"],
        t("DMA API calls that move nothing here: a mapping's error is what the step says, and pools are slices of coherent memory.", "在这里不产生效果的 DMA API：映射的错误由步骤给出，池只是一致性内存的切片。"),
        t("`expect error NAME`; `dma_alloc_coherent`; `dma_map_sg`.", "`expect error 名称`；`dma_alloc_coherent`；`dma_map_sg`。"),
    ),
    a(
        &["where", "run", "explain", "check"],
        t("Commands of `iommu-play` are no statements.", "`iommu-play` 的命令不是语句。"),
        t("`expect translation` and `expect arrived` say in a text where an address leads.", "在文本里用 `expect translation` 与 `expect arrived` 说明地址对应哪里。"),
    ),
];

const fn a(words: &'static [&'static str], what: Text, instead: Text) -> Absent {
    Absent { words, what, instead }
}

const fn t(en: &'static str, zh: &'static str) -> Text {
    Text::new(en, zh)
}

/// Returns what the machine lacks that `word` would say, if it is one of the list.
pub(super) fn of(word: &str) -> Option<&'static Absent> {
    ABSENT.iter().find(|absent| absent.words.contains(&word))
}

/// Returns the page: everything that the machine does not do, and what comes nearest.
pub fn markdown(zh: bool) -> String {
    let mut out = String::from(if zh {
        "# 这台机器不做的事\n\nEnglish: [not-done.md](not-done.md)\n\n本页由解析器所用的同一份列表生成；场景里写了这些词，错误信息会指向这里。\n\n| 词 | 缺什么 | 最接近的办法 |\n|---|---|---|\n"
    } else {
        "# What this machine does not do\n\n中文版：[not-done.zh.md](not-done.zh.md)\n\nThis page is written from the list that the parser uses: a scenario with one of these words gets a message that points \
         here.\n\n| words | what is missing | what comes nearest |\n|---|---|---|\n"
    });
    for absent in ABSENT {
        let pick = |text: Text| if zh { text.zh } else { text.en };
        let words: alloc::vec::Vec<String> = absent.words.iter().map(|w| format!("`{w}`")).collect();
        out += &format!("| {} | {} | {} |\n", words.join(", "), pick(absent.what), pick(absent.instead));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::{parse, reference};
    use super::*;

    #[test]
    fn a_word_of_the_list_is_none_of_the_language_and_gets_the_page() {
        let verbs = reference::reference();
        for absent in ABSENT {
            for word in absent.words {
                assert!(verbs.iter().all(|e| e.verb != *word), "{word} is a statement");
                let problems = parse(&format!("iommu-playground 1\nsteps\n{word} x\n")).unwrap_err();
                assert!(problems.0[0].message.en.contains(absent.what.en), "{word}: {problems}");
            }
        }
        let device = parse("iommu-playground 1\ndevice nic 00:03.0 pci-bridge 4\n").unwrap_err();
        assert!(
            device.0[0].message.en.contains("PCIe-to-PCI") && device.0[0].message.zh.contains(PAGE),
            "{device}"
        );
        let near = parse("iommu-playground 1\ndevic nic 00:03.0\n").unwrap_err();
        assert!(near.0[0].suggestion.is_some() && !near.0[0].message.en.contains(PAGE));
    }
}
