// Writes search.json: everything that the page's and the gallery's search looks through (www/src/search/types.ts), from
// what the command line tool says of the scenarios, terms and fault codes.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { initials } from "./pinyin.mjs";

/** What else people call what a scenario is about: words that neither its texts nor the terms in them have. */
const CALLED = {
  "address-space": "pointer virtual memory 指针 虚拟内存",
  "device-map": "显存 VRAM GPU 设备内部地址",
  "cache-line": "corruption false sharing 数据损坏",
  "fault-ladder": "DMAR error code dmesg 错误码 日志",
  "first-dma": "direct memory access beginner 入门",
  "forged-msi": "attack security interrupt injection 攻击 安全 伪造",
  "iotlb-reach": "slow performance hugepage huge page large page throughput 慢 性能 大页",
  lazy: "stale deferred flush security attack strict 陈旧 过期 安全 失效 作废 无效化 刷新 延迟 性能",
  "nested-walk":
    "stage1 stage2 一级转换 二级转换 页表遍历 性能 slow cost 24 two-dimensional page walk 2D 开销",
  "peer-to-peer": "P2PDMA GPUDirect ACS RDMA",
  "physical-address": "virt_to_phys iommu=pt passthrough bug",
  "relay-or-passthrough":
    "slow performance overhead VFIO virtio SR-IOV VM exit 性能 开销 直通 透传 设备直通 宿主机",
  "scatter-gather": "sglist scatterlist 分散 聚合",
  groups: "passthrough 透传 设备直通 VFIO SR-IOV 隔离",
  "guest-dma": "passthrough 透传 设备直通 虚拟化 安全 宿主机",
  "bounce-limit": "IO_TLB_SEGSIZE 弹跳缓冲 反弹缓冲 confidential 机密虚拟机 TDX SEV",
  "bounce-offset": "PRP NVME_CTRL_PAGE_SIZE alignment 对齐 弹跳缓冲",
  "guest-hole": "HyperTransport 1 TiB reserved region passthrough 透传 大内存 保留区",
  "inbound-window": "Raspberry Pi dma-ranges 树莓派 inbound ATU 入站窗口",
  kexec: "kdump crash kernel is_kdump_kernel copy_translation_tables 崩溃内核 转储",
  "iova-full": "ENOSPC leak 泄漏 IOVA 耗尽 4G limit",
  "mask-default": "pci_set_consistent_dma_mask coherent_dma_mask DMA_BIT_MASK FPGA XDMA",
  "mask-window": "ENOMEM xhci Raspberry Pi 树莓派 dma-ranges",
  "peer-bar": "P2PDMA GPUDirect RDMA dmabuf",
  "two-controllers":
    "dma-ranges bus_dma_region dma_range_map host bridge domain segment Raspberry Pi 5 RP1 PCIe controllers",
  "vf-ari": "SR-IOV sriov_numvfs virtual function PF VF ARI Forwarding virtfn",
  "resize-bar": "ReBAR Resizable BAR ENOSPC pci=realloc Above 4G Decoding",
  "root-ports": "NCCL GPUDirect setpci noacs P2P 多卡 卡死",
  "sva-refused": "SVM idxd DSA ENODEV sm_on 共享虚拟内存",
  "virtio-addresses": "VIRTIO_F_IOMMU_PLATFORM vIOMMU iommu_platform=on QEMU",
  "bar-window": "0xffffffff 全 F 读回全 1",
  "msi-hole": "MSI window 中断区间 保留区",
  "which-number": "RID SID DID 域号 源 ID",
  sva: "SVM 共享虚拟内存 PRI 页请求 process_id",
  direction: "DMA_FROM_DEVICE DMA_TO_DEVICE 权限 性能",
  soc: "embedded Raspberry Pi device tree dma-ranges 嵌入式 树莓派 设备树",
  "bus-offset":
    "存储器域 存储域地址 总线域 存储域 embedded Raspberry Pi device tree dma-ranges 嵌入式 树莓派 设备树",
  swiotlb: "slow bounce memcpy DMA_BIT_MASK 慢 弹跳缓冲 反弹缓冲 性能",
  "sync-for-cpu": "stale cache flush invalidate coherency dma_sync 陈旧 一致性 刷缓存",
  "two-stages":
    "stage1 stage2 一级转换 二级转换 GVA GPA HPA EPT 嵌套 宿主机 透传 VFIO KVM passthrough virtual machine guest 虚拟机 直通 虚拟化",
  "use-after-unmap": "stale use after free UAF 释放后使用",
  "why-iommu": "attack security protection Thunderbolt evil maid 攻击 安全 保护",
};

const both = ({ en, zh }) => [en, zh];

/** The names of a term: "SWIOTLB (bounce buffer)" is called either. */
const names = ({ name }) =>
  [name.en, name.zh].flatMap((text) =>
    text
      .split(/[(),（），、]/)
      .map((part) => part.trim())
      .filter((part) => part.length > 1),
  );

/** Whether a text uses one of these names, as a word of its own where it is Latin. */
function uses(text, called) {
  return called.some((name) =>
    /^[\x20-\x7e]+$/.test(name)
      ? new RegExp(
          `(?<![A-Za-z0-9_])${name.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}s?(?![A-Za-z0-9_])`,
          "i",
        ).test(text)
      : text.includes(name),
  );
}

/** Fault codes that a scenario expects, by architecture: `expect fault vt-d 0x5 riscv 15`. */
function expected(text) {
  const codes = { "vt-d": [], riscv: [], "amd-vi": [], smmuv3: [] };
  for (const [, list] of text.matchAll(/^\s*expect fault ([^\n]*)$/gm))
    for (const [, arch, code] of list.matchAll(/(vt-d|riscv|amd-vi|smmuv3) (0x[0-9a-f]+|\d+)/g))
      codes[arch].push(`0x${Number(code).toString(16)}`);
  return codes;
}

/** The searched data; `texts` are the scenarios' texts by name. */
export function searchIndex(gallery, texts) {
  const prose = (s) => [s.title, s.answer, ...s.notes].flatMap(both).join("\n");
  const terms = gallery.terms.flatMap((chapter) => chapter.terms);
  const using = new Map(terms.map((term) => [term, []]));
  const topics = new Map(gallery.topics.map((topic) => [topic.name, both(topic).join(" ")]));
  const codes = new Map(gallery.scenarios.map((s) => [s.name, expected(texts[s.name] ?? "")]));
  const scenarios = gallery.scenarios.map((s) => {
    const used = terms.filter((term) => uses(prose(s), names(term)));
    for (const term of used) using.get(term).push(s.name);
    return {
      name: s.name,
      title: both(s.title),
      answer: both(s.answer),
      notes: s.notes.map(both),
      more: [
        ...s.topics.map((topic) => topics.get(topic)),
        ...s.sources,
        s.difficulty.en,
        s.difficulty.zh,
        ...used.flatMap(names),
        ...used.map((term) => term.also ?? ""),
        ...[
          s.title.zh,
          ...s.topics.map((topic) => topics.get(topic)),
          ...used.map(({ name }) => name.zh),
        ].map(initials),
        ...(s.says ?? []).flatMap(both),
        CALLED[s.name] ?? "",
      ].join(" "),
      codes: [...new Set(Object.values(codes.get(s.name)).flat())],
    };
  });
  const chapters = gallery.terms.map(({ title, terms }) => ({
    title: both(title),
    terms: terms.map((term) => ({
      name: both(term.name),
      meaning: both(term.meaning),
      also: [term.also ?? "", initials(`${term.name.zh} ${term.also ?? ""}`)].join(" ").trim(),
      scenarios: using.get(term),
    })),
  }));
  const faults = (gallery.faults ?? []).map(({ arch, code, name, meaning, section }) => ({
    arch,
    code: `0x${code.toString(16)}`,
    name,
    meaning: both(meaning),
    section,
    scenarios: gallery.scenarios
      .map((s) => s.name)
      .filter((name) =>
        codes.get(name)[arch.toLowerCase().replace("risc-v", "riscv")]?.includes(`0x${code.toString(16)}`),
      ),
  }));
  const path = gallery.path.map((stage) => ({ title: both(stage), scenarios: stage.scenarios }));
  return { path, scenarios, chapters, faults };
}

export function writeSearch(into, gallery) {
  const texts = JSON.parse(readFileSync("target/pkg/texts.json", "utf8"));
  writeFileSync(join(into, "search.json"), JSON.stringify(searchIndex(gallery, texts)));
}
