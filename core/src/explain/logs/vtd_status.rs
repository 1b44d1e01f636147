//! Intel VT-d: messages about the unit itself: its status register, invalidation errors, page requests.

use super::causes::{self, Cause};
use super::fault::Arch;
use super::hints;
use super::items::Found;
use super::scan::{unquoted, Scan};
use crate::addr::RequesterId;
use crate::spec::{Phrase, Text};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// Bits of the fault status register (VT-d 11.4.9).
const FSTS: [(u8, &str, Text); 8] = [
    (0, "PFO", Text::new("a fault was lost: all records were in use", "有错误丢失：所有记录都已占用")),
    (1, "PPF", Text::new("a fault record waits", "有待处理的错误记录")),
    (2, "AFO", Text::new("advanced fault log overflow", "高级错误日志溢出")),
    (3, "APF", Text::new("an advanced fault log entry waits", "有待处理的高级错误日志项")),
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
pub(super) fn status(lines: &[&str]) -> Option<Found> {
    let value = Scan(lines.first()?).after("fault status reg")?.hex()? as u32;
    let mut found = Found::status(
        1,
        Arch::VtD,
        "vtd-status",
        Phrase::new(
            format!("VT-d: the fault status register holds {value:#x}"),
            format!("VT-d：错误状态寄存器为 {value:#x}"),
        ),
    );
    let (mut en, mut zh) = (String::new(), String::new());
    for (_, name, text) in FSTS.iter().filter(|(bit, ..)| value >> bit & 1 == 1) {
        en.push_str(&format!("{name} {}; ", text.en));
        zh.push_str(&format!("{name} {}；", text.zh));
    }
    let meaning = match value & 0xff {
        0 => Phrase::new("nothing is pending", "没有待处理的内容"),
        _ => Phrase::new(en.trim_end_matches("; ").to_string(), zh.trim_end_matches('；').to_string()),
    };
    found.certain(Text::new("FSTS_REG", "FSTS_REG"), format!("{value:#x}"), meaning);
    if value & 2 != 0 {
        found.certain(
            Text::new("fault record index (FRI)", "错误记录索引（FRI）"),
            value >> 8 & 0xff,
            Text::new("the first record that waits", "第一条待处理的记录"),
        );
    }
    if value == u32::MAX {
        found.inferred(
            Text::new("all ones", "全 1"),
            format!("{value:#x}"),
            Text::new(
                "the unit itself does not answer: its registers read as all ones",
                "单元本身无响应：寄存器读出全 1",
            ),
        );
    }
    if value & 0x70 != 0 {
        found.causes = [&causes::DEVICE_GONE, &causes::BAD_DESCRIPTOR].to_vec();
    }
    Some(found)
}

/// `VT-d detected Invalidation Queue Error: Reason f` and its two sisters (from v5.16).
pub(super) fn invalidation(lines: &[&str]) -> Option<Found> {
    let body = Scan(unquoted(lines.first()?)).after("VT-d detected Invalidation ")?;
    let (title, causes): (_, &[&'static Cause]) = match body.word() {
        "Queue" => (
            Phrase::new(
                "VT-d: an invalidation descriptor was rejected (IQE)",
                "VT-d：失效描述符被拒绝（IQE）",
            ),
            &[&causes::BAD_DESCRIPTOR, &causes::CORRUPTED],
        ),
        "Time-out" => (
            Phrase::new(
                "VT-d: a device did not answer an invalidation (ITE)",
                "VT-d：设备没有应答失效请求（ITE）",
            ),
            &[&causes::DEVICE_GONE, &causes::ATS_BLOCKED],
        ),
        "Completion" => (
            Phrase::new(
                "VT-d: an unexpected answer to an invalidation came in (ICE)",
                "VT-d：收到意外的失效应答（ICE）",
            ),
            &[&causes::DEVICE_GONE, &causes::ALIAS],
        ),
        _ => return None,
    };
    let mut found = Found::status(1, Arch::VtD, "vtd-invalidation", title);
    if let Some(reason) = body.after("Reason ").and_then(Scan::hex) {
        // VT-d 11.4.9.9, IQERCD_REG, field IQEI.
        let meaning = match reason {
            0 => Text::new("not recorded by this unit", "该单元没有记录"),
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
                    "早于规范第 4 版的单元不记录该值；下面的描述符指出设备",
                ),
            ),
            0xffff => found.inferred(
                Text::new("SID", "SID"),
                "0xffff",
                Text::new("all ones: the register could not be read", "全 1：无法读取寄存器"),
            ),
            sid => hints::device(&mut found, Arch::VtD, &RequesterId::new(sid as u32).to_string(), false),
        }
    }
    found.causes = causes.to_vec();
    Some(found)
}

/// Types of invalidation descriptors (VT-d 6.5.2).
const DESCRIPTORS: [(u64, Text); 10] = [
    (1, Text::new("context-cache invalidate", "上下文缓存失效")),
    (2, Text::new("IOTLB invalidate", "IOTLB 失效")),
    (3, Text::new("device-TLB invalidate", "设备 TLB 失效")),
    (4, Text::new("interrupt entry cache invalidate", "中断表项缓存失效")),
    (5, Text::new("invalidation wait", "失效等待")),
    (6, Text::new("PASID-based IOTLB invalidate", "基于 PASID 的 IOTLB 失效")),
    (7, Text::new("PASID-cache invalidate", "PASID 缓存失效")),
    (8, Text::new("PASID-based device-TLB invalidate", "基于 PASID 的设备 TLB 失效")),
    (9, Text::new("page group response", "页组应答")),
    (10, Text::new("page stream response", "页流应答")),
];

/// `QI HEAD: Device-TLB Invalidation qw0 = 0x..., qw1 = 0x...`, and `QI PRIOR`.
pub(super) fn descriptor(lines: &[&str]) -> Option<Found> {
    let line = Scan(unquoted(lines.first()?));
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
        1,
        Arch::VtD,
        "vtd-descriptor",
        Phrase::new(
            format!("VT-d descriptor {}: {}", which.en, text.en),
            format!("VT-d {}的描述符：{}", which.zh, text.zh),
        ),
    );
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
            hints::device(&mut found, Arch::VtD, &sid.to_string(), false);
            if let Some(high) = high {
                address(&mut found, high & !0xfff);
            }
        }
        (8, high) => {
            let sid = RequesterId::new((low >> 16) as u32 & 0xffff);
            hints::device(&mut found, Arch::VtD, &sid.to_string(), false);
            pasid(&mut found, low >> 32 & 0xf_ffff);
            if let Some(high) = high {
                address(&mut found, high & !0xfff);
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
            Text::new("what is written where, when all before is done", "此前全部完成后写入的地址与数据"),
        ),
        _ => {}
    }
    Some(found)
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
pub(super) fn cleared(lines: &[&str]) -> Option<Found> {
    let line = lines.first()?;
    line.contains("Invalidation").then_some(())?;
    line.contains("cleared").then(|| {
        Found::status(
            1,
            Arch::VtD,
            "vtd-cleared",
            Phrase::new("VT-d: the error was cleared and the queue goes on", "VT-d：错误已清除，队列继续"),
        )
    })
}

/// `IOMMU: dmar1: PRQ overflow detected`, `IOMMU: dmar1: Page request ...`.
pub(super) fn page_requests(lines: &[&str]) -> Option<Found> {
    let line = unquoted(lines.first()?);
    let (form, title, causes): (_, _, &[&'static Cause]) = match () {
        () if line.contains("PRQ overflow detected") => (
            "vtd-prq-overflow",
            Phrase::new(
                "VT-d: the page request queue was full; requests were answered as invalid",
                "VT-d：页请求队列已满；请求被应答为无效",
            ),
            &[&causes::PROCESS_UNMAPPED, &causes::PASID_NOT_BOUND],
        ),
        () if line.contains("PRQ overflow cleared") => (
            "vtd-prq-overflow",
            Phrase::new("VT-d: the page request queue has room again", "VT-d：页请求队列已有空间"),
            &[],
        ),
        () if line.contains("IOMMU:")
            && (line.contains("Invalid page request") || line.contains("Page request")) =>
        {
            (
                "vtd-prq-invalid",
                Phrase::new("VT-d: a page request was refused", "VT-d：页请求被拒绝"),
                &[&causes::PASID_NOT_BOUND, &causes::PROCESS_UNMAPPED],
            )
        }
        () => return None,
    };
    let mut found = Found::status(1, Arch::VtD, form, title);
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
        pasid(&mut found, first >> 32 & 0xf_ffff);
        address(&mut found, second & !0xfff);
    }
    found.causes = causes.to_vec();
    Some(found)
}

/// `dmar_fault: 29 callbacks suppressed`.
pub(super) fn suppressed(lines: &[&str]) -> Option<Found> {
    let line = unquoted(lines.first()?);
    let head = Scan(line).before(" callbacks suppressed")?.0;
    let (who, count) = head.rsplit_once(' ')?;
    let who = who.trim_end_matches(':').rsplit([' ', ':']).next()?;
    let arch = match () {
        () if who.contains("dmar") || who.contains("qi_") => Arch::VtD,
        () if who.contains("amd_iommu") || who.contains("iommu_print_event") => Arch::AmdVi,
        () if who.contains("arm_smmu_evtq") => Arch::SmmuV3,
        () if who.contains("arm_smmu") => Arch::SmmuV2,
        () if who.contains("riscv_iommu") => Arch::RiscV,
        () => return None,
    };
    let count = Scan(count).number()?;
    let mut found = Found::status(
        1,
        arch,
        "suppressed",
        Phrase::new(format!("{count} messages were not printed"), format!("有 {count} 条消息未打印")),
    );
    found.certain(
        Text::new("not printed", "未打印"),
        count,
        Text::new(
            "the kernel limits the rate: there were more faults than the log shows",
            "内核限制打印速率：实际错误比日志显示的更多",
        ),
    );
    Some(found)
}
