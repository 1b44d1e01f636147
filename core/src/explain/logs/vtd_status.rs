//! Intel VT-d: messages about the unit itself: its status register, invalidation errors, page requests.

use super::causes::{self, *};
use super::evidence::Clue;
use super::fault::Arch;
use super::forms::Form;
use super::found::{Format, Found, Here, Join};
use super::hints;
use super::scan::Scan;
use super::story::suppressed_title;
use crate::addr::RequesterId;
use crate::spec::{Phrase, Text};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

pub(super) static FORMAT: Format = Format {
    forms: FORMS,
    readers: &[
        ("fault status reg", status),
        ("VT-d detected Invalidation", invalidation),
        ("QI HEAD:", descriptor),
        ("QI PRIOR:", descriptor),
        ("Error (IQE) cleared", cleared),
        ("Error (ICE) cleared", cleared),
        ("Error (ITE) cleared", cleared),
        ("PRQ overflow", page_requests),
        ("nvalid page request", page_requests),
        ("Page request for invalid PASID", page_requests),
        ("Page request without PASID", page_requests),
        ("for vPFN ", already_mapped),
        ("callbacks suppressed", suppressed),
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
    form!("vtd-status" "DMAR: DRHD: handling fault status reg *" "Linux v2.6.28 and later, drivers/iommu/intel/dmar.c (before v3.19 without DMAR:)"),
    form!("vtd-invalidation" "DMAR: VT-d detected Invalidation Time-out Error: SID *" "Linux v5.16 and later"),
    form!("vtd-descriptor" "DMAR: QI HEAD: * qw0 = *, qw1 = *" "Linux v5.16 and later"),
    form!("vtd-cleared" "DMAR: Invalidation Time-out Error (ITE) cleared" "Linux v5.16 and later"),
    form!("vtd-prq-overflow" "DMAR: IOMMU: * PRQ overflow detected" "Linux v5.13 and later"),
    form!("vtd-prq-invalid" "DMAR: IOMMU: * Invalid page request: * *" "Linux v5.6 and later (v4.4 to v5.5: Page request for invalid PASID)"),
    form!("vtd-pte-set" "DMAR: ERROR: DMA PTE for vPFN * already set (to * not *)" "Linux v2.6.31 and later, drivers/iommu/intel/iommu.c, __domain_mapping (DMAR: in front since v3.19)"),
    form!("suppressed" "*: * callbacks suppressed" "Linux, lib/ratelimit.c"),
];

/// Bits of the fault status register (VT-d 11.4.9).
const FSTS: [(u8, &str, Text); 8] = [
    (0, "PFO", Text::new("a fault was lost: all records were in use", "故障记录溢出：所有记录都已占用")),
    (1, "PPF", Text::new("a fault record waits", "有待处理的故障记录")),
    (2, "AFO", Text::new("advanced fault log overflow", "高级故障日志溢出")),
    (3, "APF", Text::new("an advanced fault log entry waits", "有待处理的高级故障日志项")),
    (
        4,
        "IQE",
        Text::new("invalidation queue error: a descriptor was rejected", "失效队列错误：描述符被拒绝"),
    ),
    (
        5,
        "ICE",
        Text::new("invalidation completion error: a device answered wrongly", "失效完成错误：设备的应答有误"),
    ),
    (6, "ITE", Text::new("invalidation time-out: a device did not answer", "失效超时：设备没有应答")),
    (7, "PRO", Text::new("page request queue overflow", "页请求队列溢出")),
];

/// `DRHD: handling fault status reg 3`.
fn status(here: &Here<'_>) -> Option<Found> {
    let value = Scan(here.text).after("fault status reg")?.hex()?;
    let value = u32::try_from(value).ok()?;
    if value == u32::MAX {
        let mut found = Found::status(
            Arch::VtD,
            "vtd-status",
            Phrase::new(
                "VT-d: the fault status register reads as all ones: the unit does not answer",
                "VT-d：故障状态寄存器读出全 1，IOMMU 没有应答",
            ),
        );
        found.certain(
            Text::new("FSTS_REG", "FSTS_REG"),
            format!("{value:#x}"),
            Text::new(
                "no value of this register: hardware that is off or gone reads as all ones",
                "不是该寄存器的有效值：关闭或消失的硬件读出全 1",
            ),
        );
        found.clue(Clue::AllOnes);
        found.causes = &[&UNIT_GONE];
        return Some(found);
    }
    let mut found = Found::status(
        Arch::VtD,
        "vtd-status",
        Phrase::new(
            format!("VT-d: the fault status register holds {value:#x}"),
            format!("VT-d：故障状态寄存器为 {value:#x}"),
        ),
    );
    found.join = Join::Announces;
    let (mut en, mut zh) = (String::new(), String::new());
    for (_, name, text) in FSTS.iter().filter(|(bit, ..)| value >> bit & 1 == 1) {
        en.push_str(&format!("{name} ({}); ", text.en));
        zh.push_str(&format!("{name}（{}）；", text.zh));
    }
    let meaning = match value & 0xff {
        0 => Phrase::new("nothing is pending", "没有待处理的内容"),
        _ => Phrase::new(en.trim_end_matches("; ").to_string(), zh.trim_end_matches('；').to_string()),
    };
    found.certain(Text::new("FSTS_REG", "FSTS_REG"), format!("{value:#x}"), meaning);
    if value & 2 != 0 {
        found.certain(
            Text::new("fault record index (FRI)", "故障记录索引（FRI）"),
            value >> 8 & 0xff,
            Text::new("the first record that waits", "第一条待处理的记录"),
        );
    }
    if value & 0x70 != 0 {
        found.causes = &[&DEVICE_GONE, &BAD_DESCRIPTOR];
    }
    Some(found)
}

/// `VT-d detected Invalidation Queue Error: Reason f` and its two sisters (from v5.16).
fn invalidation(here: &Here<'_>) -> Option<Found> {
    let body = Scan(here.text).after("VT-d detected Invalidation ")?;
    let (title, causes): (_, &'static [&'static Cause]) = match body.word() {
        "Queue" => (
            Phrase::new(
                "VT-d: an invalidation descriptor was rejected (IQE)",
                "VT-d：失效描述符被拒绝（IQE）",
            ),
            &[&BAD_DESCRIPTOR, &CORRUPTED],
        ),
        "Time-out" => (
            Phrase::new(
                "VT-d: a device did not answer an invalidation (ITE)",
                "VT-d：设备没有应答失效请求（ITE）",
            ),
            &[&DEVICE_GONE, &LINK_ERROR],
        ),
        "Completion" => (
            Phrase::new(
                "VT-d: an unexpected answer to an invalidation came in (ICE)",
                "VT-d：收到意外的失效应答（ICE）",
            ),
            &[&DEVICE_GONE, &ALIAS],
        ),
        _ => return None,
    };
    let mut found = Found::status(Arch::VtD, "vtd-invalidation", title);
    let ones = body.after("Reason ").and_then(Scan::hex) == Some(0xf)
        || body.after("SID ").and_then(Scan::hex) == Some(0xffff);
    if ones {
        found.title = Phrase::new(
            "VT-d: the invalidation error reads as all ones: the unit does not answer, no descriptor was rejected",
            "VT-d：失效错误寄存器读出全 1，这是 IOMMU 没有应答，并非描述符被拒绝",
        );
        found.clue(Clue::AllOnes);
        found.certain(
            Text::new("IQERCD_REG", "IQERCD_REG"),
            Text::new("f, ffff", "f、ffff"),
            Text::new(
                "all ones in every field: hardware that is off or gone",
                "每个字段均为全 1：硬件已关闭或消失",
            ),
        );
        found.causes = &[&UNIT_GONE];
        return Some(found);
    }
    if let Some(reason) = body.after("Reason ").and_then(Scan::hex) {
        // VT-d 11.4.9.9, IQERCD_REG, field IQEI.
        let meaning = match reason {
            0 => Text::new("not recorded by this unit", "该 IOMMU 没有记录"),
            1 => Text::new("the tail pointer is not valid", "尾指针无效"),
            2 => Text::new("the descriptor could not be fetched", "无法读取描述符"),
            3 => Text::new("the descriptor's type is not valid", "描述符类型无效"),
            4 => Text::new("a reserved field is not zero", "保留字段非零"),
            5 => Text::new("the descriptor's width does not fit the queue", "描述符宽度与队列不符"),
            _ => Text::new(
                "another error of a descriptor (VT-d 11.4.9.9)",
                "描述符的其他错误（VT-d 11.4.9.9）",
            ),
        };
        found.certain(Text::new("reason (IQEI)", "原因（IQEI）"), format!("{reason:#x}"), meaning);
    }
    if let Some(sid) = body.after("SID ").and_then(Scan::hex) {
        match sid {
            0 => found.inferred(
                Text::new("SID", "SID"),
                "0",
                Text::new(
                    "units before revision 4 of the specification do not record it; the descriptor below names the device",
                    "早于规范第 4 版的 IOMMU 不记录该值；下面的描述符指出设备",
                ),
            ),
            sid => hints::invalidated(&mut found, Arch::VtD, &RequesterId::new(sid as u32).to_string()),
        }
    }
    found.causes = causes;
    Some(found)
}

/// Types of invalidation descriptors (VT-d 6.5.2).
const DESCRIPTORS: [(u64, Text); 10] = [
    (1, Text::new("context-cache invalidate", "上下文缓存失效")),
    (2, Text::new("IOTLB invalidate", "IOTLB 失效")),
    (3, Text::new("device-TLB invalidate", "设备 TLB 失效")),
    (4, Text::new("interrupt entry cache invalidate", "中断重映射表项缓存失效")),
    (5, Text::new("invalidation wait", "失效等待")),
    (6, Text::new("PASID-based IOTLB invalidate", "基于 PASID 的 IOTLB 失效")),
    (7, Text::new("PASID-cache invalidate", "PASID 缓存失效")),
    (8, Text::new("PASID-based device-TLB invalidate", "基于 PASID 的设备 TLB 失效")),
    (9, Text::new("page group response", "页请求组响应")),
    (10, Text::new("page stream response", "页流响应")),
];

/// `QI HEAD: Device-TLB Invalidation qw0 = 0x..., qw1 = 0x...`, and `QI PRIOR`.
fn descriptor(here: &Here<'_>) -> Option<Found> {
    let line = Scan(here.text);
    let (which, body) = match line.after("QI HEAD:") {
        Some(body) => (Text::new("at the head of the queue", "队列头部"), body),
        None => (Text::new("before the head of the queue", "队列头部之前"), line.after("QI PRIOR:")?),
    };
    let low = body.after("qw0 =")?.hex()?;
    let high = body.after("qw1 =").and_then(Scan::hex);
    // Bits 11:9 extend the type of 3:0.
    let kind = low & 0xf | low >> 5 & 0x70;
    let name = DESCRIPTORS.iter().find(|(code, _)| *code == kind).map(|d| d.1);
    let text = name.unwrap_or(Text::new("no known type", "未知类型"));
    let mut found = Found::status(
        Arch::VtD,
        "vtd-descriptor",
        Phrase::new(
            format!("VT-d descriptor {}: {}", which.en, text.en),
            format!("VT-d {}的描述符：{}", which.zh, text.zh),
        ),
    );
    // Below the error that it belongs to it is more of the same.
    found.join = Join::More;
    if low == 0 {
        found.title = Phrase::new(
            format!("VT-d descriptor {}: all zeros", which.en),
            format!("VT-d {}的描述符：全 0", which.zh),
        );
        found.inferred(
            Text::new("words", "内容"),
            "0",
            Text::new(
                "no descriptor: the queue could not be read, or nothing was written there",
                "没有描述符：无法读取队列，或该处未写入",
            ),
        );
        return Some(found);
    }
    found.certain(Text::new("type", "类型"), kind, text);
    found.certain(
        Text::new("words", "内容"),
        match high {
            Some(high) => format!("{low:#x} {high:#x}"),
            None => format!("{low:#x}"),
        },
        which,
    );
    match (kind, high) {
        (3, high) => {
            let sid = RequesterId::new((low >> 32) as u32 & 0xffff);
            hints::invalidated(&mut found, Arch::VtD, &sid.to_string());
            physical_function(&mut found, low >> 52 << 4 | low >> 12 & 0xf);
            if let Some(high) = high {
                device_range(&mut found, high);
            }
        }
        (8, high) => {
            let sid = RequesterId::new((low >> 16) as u32 & 0xffff);
            hints::invalidated(&mut found, Arch::VtD, &sid.to_string());
            pasid(&mut found, low >> 32 & 0xf_ffff);
            if let Some(high) = high {
                device_range(&mut found, high);
            }
        }
        (2, Some(high)) => {
            domain(&mut found, low >> 16 & 0xffff);
            address(&mut found, high & !0xfff);
        }
        (6, Some(high)) => {
            domain(&mut found, low >> 16 & 0xffff);
            pasid(&mut found, low >> 32 & 0xf_ffff);
            address(&mut found, high & !0xfff);
        }
        (7, _) => {
            domain(&mut found, low >> 16 & 0xffff);
            pasid(&mut found, low >> 32 & 0xf_ffff);
        }
        (1, _) => domain(&mut found, low >> 16 & 0xffff),
        (5, Some(high)) => found.certain(
            Text::new("status", "状态"),
            format!("{:#x} <- {:#x}", high & !3, low >> 32),
            Text::new(
                "what is written where, when all before is done",
                "前面的命令全部完成后，要写入的地址与数据",
            ),
        ),
        _ => {}
    }
    Some(found)
}

/// The range of a Device-TLB invalidation: with S (bit 0) the lowest bit from 12 up that is 0 gives its size
/// (VT-d 6.5.2.5, as the PCI Express ATS specification has it).
fn device_range(found: &mut Found, high: u64) {
    let (start, size) = match high & 1 {
        0 => (high & !0xfff, Some(0x1000)),
        _ => {
            let bit = (high >> 12).trailing_ones() + 12;
            let size = 1u64.checked_shl(bit + 1);
            (size.map_or(0, |size| high & !0xfff & !(size - 1)), size)
        }
    };
    let (en, zh) = match size {
        Some(size) => {
            (format!("{size:#x} bytes from {start:#x}"), format!("从 {start:#x} 起 {size:#x} 字节"))
        }
        None => ("the whole address space".to_string(), "整个地址空间".to_string()),
    };
    let meaning = match high & 1 {
        1 => Text::new("what was to be forgotten: S = 1, so the lowest 0 bit of the address from bit 12 up gives the size", "要失效的范围：S = 1，地址中从位 12 起最低的 0 位给出大小"),
        _ => Text::new("what was to be forgotten: S = 0, one page", "要失效的范围：S = 0，一页"),
    };
    found.certain(Text::new("range", "范围"), Phrase::new(en, zh), meaning);
}

fn physical_function(found: &mut Found, id: u64) {
    found.certain(
        Text::new("PFSID", "PFSID"),
        RequesterId::new(id as u32 & 0xffff).to_string(),
        Text::new(
            "the physical function that the device belongs to (bits 63:52 and 15:12)",
            "设备所属的物理功能（位 63:52 与 15:12）",
        ),
    );
}

fn address(found: &mut Found, address: u64) {
    found.certain(
        Text::new("address", "地址"),
        format!("{address:#x}"),
        Text::new("what was to be forgotten", "要失效的地址"),
    );
}

fn domain(found: &mut Found, id: u64) {
    found.certain(
        Text::new("domain id", "域 ID"),
        format!("{id:#x}"),
        Text::new("whose translations", "哪个域的转换"),
    );
}

fn pasid(found: &mut Found, pasid: u64) {
    found.certain(
        Arch::VtD.process_term(),
        format!("{pasid:#x}"),
        Text::new("whose translations", "哪个进程的转换"),
    );
}

/// `Invalidation Time-out Error (ITE) cleared`.
fn cleared(here: &Here<'_>) -> Option<Found> {
    let line = here.text;
    line.contains("Invalidation").then_some(())?;
    line.contains("cleared").then(|| {
        let mut found = Found::status(
            Arch::VtD,
            "vtd-cleared",
            Phrase::new(
                "VT-d: the error was cleared and the queue goes on",
                "VT-d：错误已清除，队列继续运行",
            ),
        );
        found.join = Join::More;
        found
    })
}

/// `IOMMU: dmar1: PRQ overflow detected`, `IOMMU: dmar1: Page request ...`.
fn page_requests(here: &Here<'_>) -> Option<Found> {
    let line = here.text;
    let (form, title, causes): (_, _, &'static [&'static Cause]) = match () {
        () if line.contains("PRQ overflow detected") => (
            "vtd-prq-overflow",
            Phrase::new(
                "VT-d: the page request queue was full; requests were answered as invalid",
                "VT-d：页请求队列已满；请求被应答为无效",
            ),
            &[&PROCESS_UNMAPPED, &PASID_NOT_BOUND],
        ),
        () if line.contains("PRQ overflow cleared") => (
            "vtd-prq-overflow",
            Phrase::new("VT-d: the page request queue has room again", "VT-d：页请求队列已有空间"),
            &[],
        ),
        () if line.contains("Page request without PASID") => (
            "vtd-prq-invalid",
            Phrase::new("VT-d: a page request without PASID was refused", "VT-d：不带 PASID 的页请求被拒绝"),
            &[&PASID_CONFIG, &PASID_NOT_BOUND],
        ),
        () if line.contains("Invalid page request:") || line.contains("IOMMU:") => (
            "vtd-prq-invalid",
            Phrase::new("VT-d: a page request was refused", "VT-d：页请求被拒绝"),
            &[&PASID_NOT_BOUND, &PROCESS_UNMAPPED],
        ),
        () => return None,
    };
    let mut found = Found::status(Arch::VtD, form, title);
    let words: Vec<u64> = match Scan(line).after("page request:") {
        Some(body) => body
            .0
            .split(' ')
            .filter(|w| w.len() == 8 || w.len() == 16)
            .filter_map(|w| Scan(w).hex())
            .collect(),
        None => Vec::new(),
    };
    if let [first, second, ..] = words[..] {
        // VT-d 7.5.1.1: page request descriptor.
        hints::device(
            &mut found,
            Arch::VtD,
            &RequesterId::new((first >> 16) as u32 & 0xffff).to_string(),
            false,
        );
        if first >> 8 & 1 == 1 {
            pasid(&mut found, first >> 32 & 0xf_ffff);
        } else {
            found.causes = &[&PASID_CONFIG, &PASID_NOT_BOUND];
        }
        found.certain(
            Text::new("address", "地址"),
            format!("{:#x}", second & !0xfff),
            Text::new("the page that the device asks for", "设备请求调入的页"),
        );
    }
    // The words of the request follow the line that says what is wrong with it.
    if !words.is_empty() {
        found.join = Join::More;
    }
    if found.causes.is_empty() {
        found.causes = causes;
    }
    Some(found)
}

/// `dmar_fault: 29 callbacks suppressed`.
fn suppressed(here: &Here<'_>) -> Option<Found> {
    let head = Scan(here.text).before(" callbacks suppressed")?.0;
    let (who, count) = head.rsplit_once(' ')?;
    let who = who.trim_end_matches(':').rsplit([' ', ':']).next()?;
    let arch = match () {
        () if who.contains("dmar") || who.contains("qi_") => Arch::VtD,
        () if who.contains("amd_iommu") || who.contains("iommu_print_event") => Arch::AmdVi,
        () if ["arm_smmu_evtq", "arm_smmu_dump", "arm_smmu_gerror", "arm_smmu_handle"]
            .iter()
            .any(|name| who.contains(name)) =>
        {
            Arch::SmmuV3
        }
        () if who.contains("arm_smmu") => Arch::SmmuV2,
        () if who.contains("riscv_iommu") => Arch::RiscV,
        () if who.contains("viommu") => Arch::Virtio,
        () if who.contains("swiotlb") => Arch::DmaApi,
        () if who.contains("tegra_mc") => Arch::Tegra,
        () if who.contains("mtk_iommu") => Arch::MediaTek,
        () if who.contains("apple_dart") => Arch::Dart,
        () if who.contains("rk_iommu") => Arch::Rockchip,
        () if who.contains("exynos_sysmmu") => Arch::Exynos,
        () if who.contains("ipmmu") => Arch::Renesas,
        () => return None,
    };
    let count = Scan(count).number()?;
    let mut found = Found::status(arch, "suppressed", suppressed_title(count));
    // One item for each source, whatever the counts are.
    found.device = None;
    found.join = Join::Suppressed(count);
    found.certain(
        Text::new("held back", "限速次数"),
        count,
        Text::new(
            "the kernel limits the rate: there were more faults than the log shows; this counts attempts to print, of which a fault may make several (on VT-d about three)",
            "内核限制了打印速率，实际的错误比日志里的多；这是尝试打印的次数，一个错误可能占好几次（VT-d 上约三次）",
        ),
    );
    let limit = match arch {
        Arch::VtD => Text::new(
            "Linux prints about three VT-d faults in five seconds, then at most one bare status line; older kernels may differ",
            "Linux 每五秒约打印三条 VT-d 错误，其后至多再有一条状态行；更早的内核可能不同",
        ),
        _ => Text::new(
            "Linux prints at most ten such faults in five seconds",
            "Linux 每五秒最多打印十条此类错误",
        ),
    };
    found.inferred(Text::new("rate limit", "速率限制"), who, limit);
    Some(found)
}

/// `DMAR: ERROR: DMA PTE for vPFN 0xf1e7e already set (to f1e7e003 not 172025001)`.
fn already_mapped(here: &Here<'_>) -> Option<Found> {
    let body = Scan(here.text).after("DMA PTE for vPFN")?;
    let page = body.hex()?;
    let values = body.after("already set (to ")?;
    let (old, new) = (values.hex()?, values.after("not ")?.hex());
    let at = page << 12;
    let target = |value: u64| value & 0xf_ffff_ffff_f000;
    // Records of one kind are counted together, so each kind has a title of its own.
    let (clue, title) = match () {
        () if Some(old) == new => (
            Clue::OldEqualsNew,
            Phrase::new(
                "VT-d: the kernel mapped a page again to where it is mapped already; nothing was refused",
                "VT-d：内核把页再次映射到原来的目标；这是内核自查的告警，并没有设备访问被拒绝",
            ),
        ),
        () if target(old) == at => (
            Clue::OldIsIdentity,
            Phrase::new(
                "VT-d: the kernel mapped a page that is mapped to itself already; nothing was refused",
                "VT-d：内核要映射的页已有恒等映射；这是内核自查的告警，并没有设备访问被拒绝",
            ),
        ),
        () => (
            Clue::OldIsOther,
            Phrase::new(
                "VT-d: the kernel mapped a page that has another entry already; nothing was refused",
                "VT-d：内核要映射的页已有别的表项；这是内核自查的告警，并没有设备访问被拒绝",
            ),
        ),
    };
    let mut found = Found::software(Arch::VtD, "vtd-pte-set", title);
    found.complete = new.is_some();
    found.certain(
        Text::new("page", "页"),
        format!("{at:#x}"),
        Text::new("the I/O virtual address that was to be mapped", "将要映射的 IOVA"),
    );
    let rights = |value: u64| match (value & 1, value & 2) {
        (0, 0) => "R = W = 0",
        (1, 0) => "R",
        (0, _) => "W",
        _ => "R, W",
    };
    let entry = |value: u64| {
        Phrase::new(
            format!("to {:#x}, {}", target(value), rights(value)),
            format!("指向 {:#x}，{}", target(value), rights(value).replace(", ", "、")),
        )
    };
    found.certain(Text::new("entry there", "已有表项"), format!("{old:#x}"), entry(old));
    if let Some(new) = new {
        found.certain(Text::new("entry to write", "待写表项"), format!("{new:#x}"), entry(new));
    }
    found.clue(clue);
    found.causes = &[&RMRR_GIVEN_OUT, &MAPPED_TWICE, &STALE_ENTRY_LEFT];
    Some(found)
}
