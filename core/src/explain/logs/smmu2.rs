//! Arm SMMUv1 and v2: context faults and global faults as Linux, Xen and vendors' kernels print them.
//!
//! Bits are of the Arm System MMU Architecture Specification version 2.0 (IHI 0062): `SMMU_CBn_FSR`,
//! `SMMU_CBn_FSYNR0`, `SMMU_sGFSR`.

use super::causes::*;
use super::evidence::Clue;
use super::fault::{Access, Arch, Fault};
use super::forms::Form;
use super::found::{Format, Found, Here};
use super::hints;
use super::report::Kind;
use super::scan::Scan;
use super::smmu;
use super::system::System;
use crate::spec::{Phrase, Text};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

pub(super) static FORMAT: Format = Format {
    forms: FORMS,
    readers: &[
        ("context fault: ", context_fault),
        ("SID=0x", registers),
        ("Unexpected global fault", global_fault),
        ("Blocked unknown Stream ID", global_fault),
        ("GFSR 0x", syndrome),
    ],
    patterns: &[],
    codes: || CLASSES.iter().map(|class| class.1).collect::<Vec<_>>(),
    causes,
};

macro_rules! form {
    ($name:literal $wording:literal $source:literal) => {
        Form { name: $name, arch: Arch::SmmuV2, wording: $wording, source: $source }
    };
}

static FORMS: &[Form] = &[
    form!("smmuv2-context" "arm-smmu * Unhandled context fault: fsr=*, iova=*, fsynr=*, cbfrsynra=*, cb=*" "Linux v3.12 and later (cbfrsynra from v5.2); without fsr in v3.6 to v3.11, in Xen and in vendors' kernels"),
    form!("smmuv2-registers" "arm-smmu * FSR = * [*], SID=* FSYNR0 = * [*]" "Linux v6.12 and later, below the context fault; alone where the rate limit took that"),
    form!("smmuv2-global" "arm-smmu * Unexpected global fault, this could be serious GFSR *, GFSYNR0 *, GFSYNR1 *, GFSYNR2 *" "Linux v3.12 and later, arm_smmu_global_fault"),
    form!("smmuv2-blocked" "arm-smmu * Blocked unknown Stream ID *; boot with \"arm-smmu.disable_bypass=0\" to allow" "Linux v5.2 and later"),
];

const FSR: [(u8, &str, Text); 10] = [
    (1, "TF", Text::new("translation fault: no valid entry", "转换错误：没有有效表项")),
    (2, "AFF", Text::new("access flag fault", "访问标志错误")),
    (3, "PF", Text::new("permission fault", "权限错误")),
    (
        4,
        "EF",
        Text::new(
            "external fault: the bus refused a table read or the access",
            "外部错误：总线拒绝了读表或访问",
        ),
    ),
    (5, "TLBMCF", Text::new("TLB match conflict", "TLB 命中冲突")),
    (6, "TLBLKF", Text::new("TLB lock fault", "TLB 锁定错误")),
    (7, "ASF", Text::new("address size fault", "地址宽度错误")),
    (8, "UUT", Text::new("unsupported upstream transaction", "不支持的上游事务")),
    (30, "SS", Text::new("the transaction is stalled", "事务处于停顿")),
    (31, "MULTI", Text::new("more faults followed before this one was cleared", "清除前又发生了更多错误")),
];

/// The bit of FSR, and the event of SMMUv3 whose causes are the same.
const CLASSES: &[(u64, u16)] =
    &[(0x02, 0x10), (0x80, 0x11), (0x04, 0x12), (0x08, 0x13), (0x10, 0x0b), (0x20, 0x20)];

fn class(fsr: u64) -> u16 {
    CLASSES.iter().find(|(bit, _)| fsr & bit != 0).map_or(0x01, |class| class.1)
}

fn causes(fault: &Fault) -> &'static [&'static Cause] {
    match fault.code {
        // A device whose class of fault is not printed.
        None => &[&UNMAPPED_EARLY, &NEVER_MAPPED, &WRONG_DIRECTION, &FIRMWARE_DEVICE],
        _ => smmu::causes(fault),
    }
}

/// `Unhandled context fault: fsr=0x402, iova=0x..., fsynr=0x..., cbfrsynra=0x..., cb=0`, in every order.
fn context_fault(here: &Here<'_>) -> Option<Found> {
    let body = Scan(here.text).after("context fault:")?;
    let number = |key: &str| body.after(key).and_then(Scan::number);
    let address = number("iova=")?;
    let mut told = Told {
        fsr: number("fsr="),
        fsynr: number("fsynr=").or_else(|| number("fsynr0=")),
        sid: number("cbfrsynra=").map(|sid| sid & 0xffff),
        address: Some(address),
        bank: number("cb="),
    };
    // The vendor form: `sid=17(0x11 - AFI)`, and the entries that the driver walked.
    let vendor = body.after("sid=").map(|sid| sid.0);
    if let Some(inner) = vendor.and_then(|sid| sid.split_once('(')).map(|(_, inner)| Scan(inner)) {
        told.sid = inner.hex().or(told.sid);
    }
    let (name, _) = here.text.split_once("Unhandled").unwrap_or(("", ""));
    let mut used = Vec::new();
    let mut soft = None;
    for (offset, line) in here.rest.iter().enumerate().take(8) {
        let own = line.text.starts_with(name) && !line.used;
        if own && line.text.contains("FSR ") && line.text.contains("SID=") {
            told.fsr = told.fsr.or_else(|| Scan(&line.text).after("= ").and_then(Scan::hex));
            told.sid = told.sid.or_else(|| Scan(&line.text).after("SID=").and_then(Scan::number));
            used.push(offset);
        } else if own && line.text.contains("FSYNR0 ") && line.text.contains('[') {
            told.fsynr = told.fsynr.or_else(|| Scan(&line.text).after("= ").and_then(Scan::hex));
            used.push(offset);
        } else if let Some(walked) = Scan(&line.text).after("soft iova-to-phys=").filter(|_| own) {
            soft = walked.hex();
            used.push(offset);
        } else if own && line.text.contains("context fault") {
            break;
        }
    }
    let mut found = report(told, "smmuv2-context", here.system);
    found.used = used;
    found.complete = told.bank.is_some();
    if let Some(walked) = soft {
        let meaning = match walked {
            0 => {
                found.clue(Clue::EntryEmpty);
                Text::new(
                    "the driver's own walk: nothing is mapped there",
                    "驱动自己查表的结果：那里没有映射",
                )
            }
            _ => {
                found.clue(Clue::MappedNow);
                Text::new(
                    "the driver's own walk: the page is mapped now",
                    "驱动自己查表的结果：该页现在有映射",
                )
            }
        };
        found.certain(Text::new("walk", "查表"), format!("{walked:#x}"), meaning);
    }
    if let Some(who) = vendor.and_then(|sid| sid.split_once(" - ")).and_then(|(_, name)| name.split_once(')'))
    {
        found.certain(
            Text::new("client", "设备"),
            who.0,
            Text::new("the vendor's name of the stream", "厂商给该流的名称"),
        );
    }
    let entries: Vec<(&str, Option<u64>)> = ["pgd=", "pud=", "pmd=", "pte="]
        .into_iter()
        .map(|key| (key, body.after(key).and_then(Scan::hex)))
        .collect();
    if entries.iter().any(|(_, value)| value.is_some()) {
        let shown: Vec<String> =
            entries.iter().filter_map(|(key, value)| value.map(|value| format!("{key}{value:x}"))).collect();
        let last = entries.iter().rev().find_map(|(_, value)| *value);
        let meaning = match last {
            Some(0) => {
                found.clue(Clue::EntryEmpty);
                Text::new(
                    "the driver's own walk: the last entry is empty, nothing is mapped there",
                    "驱动自己查表的结果：末级表项为空，那里没有映射",
                )
            }
            _ => Text::new("the driver's own walk", "驱动自己查表的结果"),
        };
        found.certain(Text::new("walk", "查表"), shown.join(" "), meaning);
    }
    Some(found)
}

/// `FSR    = 00000408 [Format=2 PF], SID=0x741` without the line above it, and `FSYNR0 = ...` below.
fn registers(here: &Here<'_>) -> Option<Found> {
    let body = Scan(here.text).after("FSR ")?;
    let fsr = body.after("= ")?.hex()?;
    let mut told = Told { fsr: Some(fsr), sid: body.after("SID=").and_then(Scan::number), ..Told::default() };
    let below = here.rest.iter().take(4).position(|line| line.text.contains("FSYNR0 ") && !line.used);
    if let Some(at) = below {
        told.fsynr = Scan(&here.rest[at].text).after("= ").and_then(Scan::hex);
    }
    let mut found = report(told, "smmuv2-registers", here.system);
    found.used.extend(below);
    Some(found)
}

/// What a context fault's lines say.
#[derive(Clone, Copy, Default)]
struct Told {
    fsr: Option<u64>,
    fsynr: Option<u64>,
    sid: Option<u64>,
    address: Option<u64>,
    bank: Option<u64>,
}

fn report(told: Told, form: &'static str, system: System) -> Found {
    let access = told.fsynr.map(|bits| match (bits >> 6 & 1, bits >> 4 & 1) {
        (1, _) => Access::Execute,
        (_, 1) => Access::Write,
        _ => Access::Read,
    });
    let fault = Fault {
        code: told.fsr.map(class),
        stream: told.sid.and_then(|sid| u32::try_from(sid).ok()),
        access,
        address: told.address,
        ..Fault::default()
    };
    let name = told.fsr.and_then(|fsr| FSR.iter().find(|(bit, ..)| fsr >> bit & 1 == 1)).map_or("", |f| f.1);
    let (at_en, at_zh) = match told.address {
        Some(address) => (format!(" at {address:#x}"), format!("，地址 {address:#x}")),
        None => (String::new(), String::new()),
    };
    let space = if name.is_empty() { "" } else { " " };
    let title = Phrase::new(
        format!("SMMUv2 context fault{space}{name}{at_en}"),
        format!("SMMUv2 上下文转换错误{space}{name}{at_zh}"),
    );
    let mut found = Found::fault(fault, Arch::SmmuV2, form, title);
    found.system = system;
    found.causes = causes(&fault);
    if system == System::Xen && matches!(fault.code, None | Some(0x10)) {
        found.clue(Clue::XenMaps);
    }
    match told.fsr {
        Some(fsr) => {
            let (en, zh) = bits(&FSR, fsr);
            found.certain(
                Text::new("fault status (FSR)", "故障状态（FSR）"),
                format!("{fsr:#x}"),
                Phrase::new(en, zh),
            );
            match class(fsr) {
                0x10 => found.clue(Clue::PageAbsent),
                0x13 => {
                    found.clue(Clue::PagePresent);
                    found.clue(Clue::PermissionMissing);
                }
                _ => {}
            }
        }
        None => found.inferred(
            Text::new("fault status (FSR)", "故障状态（FSR）"),
            Text::new("not in this line", "没有打印"),
            Text::new(
                "this form has no FSR, so the class of the fault is unknown",
                "此格式不含 FSR，因此错误类别未知",
            ),
        ),
    }
    if let Some(address) = told.address {
        found.certain(
            Text::new("input address", "输入地址"),
            format!("{address:#x}"),
            Text::new("the address that the device sent", "设备发出的地址"),
        );
        hints::address(&mut found, address);
    }
    hints::fault(&mut found, &fault);
    if let (Some(bits), Some(access)) = (told.fsynr, access) {
        let privilege =
            if bits >> 5 & 1 == 1 { ("privileged", "特权") } else { ("unprivileged", "非特权") };
        found.certain(
            Text::new("access", "访问"),
            access.text(),
            Phrase::new(
                format!(
                    "FSYNR0 {bits:#x}: WNR = {}, IND = {}, {}, level {}",
                    bits >> 4 & 1,
                    bits >> 6 & 1,
                    privilege.0,
                    bits & 3
                ),
                format!(
                    "FSYNR0 {bits:#x}：WNR = {}，IND = {}，{}，第 {} 级",
                    bits >> 4 & 1,
                    bits >> 6 & 1,
                    privilege.1,
                    bits & 3
                ),
            ),
        );
    }
    if let Some(sid) = told.sid {
        hints::device(&mut found, Arch::SmmuV2, &format!("{sid:#x}"), false);
    }
    if let Some(bank) = told.bank {
        found.certain(
            Text::new("context bank", "上下文 bank（CB）"),
            bank,
            Text::new("the translation context that refused", "拒绝访问的转换上下文"),
        );
    }
    found
}

fn bits(table: &[(u8, &str, Text)], value: u64) -> (String, String) {
    let (mut en, mut zh) = (String::new(), String::new());
    for (_, name, text) in table.iter().filter(|(bit, ..)| value >> bit & 1 == 1) {
        en.push_str(&format!("{name} {}; ", text.en));
        zh.push_str(&format!("{name} {}；", text.zh));
    }
    (String::from(en.trim_end_matches("; ")), String::from(zh.trim_end_matches('；')))
}

const GFSR: [(u8, &str, Text); 10] = [
    (0, "ICF", Text::new("invalid context fault", "无效的上下文转换错误")),
    (
        1,
        "USF",
        Text::new("unidentified stream fault: no entry knows this stream", "流无法识别：没有表项匹配该流"),
    ),
    (2, "SMCF", Text::new("stream match conflict: two entries match", "流匹配冲突：两个表项同时命中")),
    (3, "UCBF", Text::new("unimplemented context bank", "未实现的上下文 bank")),
    (4, "UCIF", Text::new("unimplemented context interrupt", "未实现的上下文中断")),
    (
        5,
        "CAF",
        Text::new(
            "configuration access fault: an access to the unit's own registers was refused",
            "配置访问错误：对该 IOMMU 自身寄存器的访问被拒绝",
        ),
    ),
    (6, "EF", Text::new("external fault", "外部错误")),
    (7, "PF", Text::new("permission fault", "权限错误")),
    (8, "UUT", Text::new("unsupported upstream transaction", "不支持的上游事务")),
    (31, "MULTI", Text::new("more faults followed before this one was cleared", "清除前又发生了更多错误")),
];

/// `Unexpected global fault, this could be serious` or `Blocked unknown Stream ID 0x42a; ...`, and the registers below.
fn global_fault(here: &Here<'_>) -> Option<Found> {
    let blocked = Scan(here.text).after("Blocked unknown Stream ID").map(|sid| sid.number());
    let (name, _) = here.text.split_once(if blocked.is_some() { "Blocked" } else { "Unexpected" })?;
    let below = here.rest.iter().take(6).position(|line| {
        !line.used && line.text.contains("GFSR 0x") && (name.is_empty() || line.text.starts_with(name))
    });
    let text = match (below, here.text.contains("GFSR 0x")) {
        (_, true) => here.text,
        (Some(at), _) => &here.rest[at].text,
        (None, _) => "",
    };
    let form = if blocked.is_some() { "smmuv2-blocked" } else { "smmuv2-global" };
    let mut found = global(text, blocked.flatten(), form);
    if !here.text.contains("GFSR 0x") {
        found.used.extend(below);
    }
    found.complete = !text.is_empty() || blocked.is_some();
    Some(found)
}

/// The registers without the line above them.
fn syndrome(here: &Here<'_>) -> Option<Found> {
    here.text.contains("GFSYNR1").then(|| global(here.text, None, "smmuv2-global"))
}

fn global(text: &str, blocked: Option<u64>, form: &'static str) -> Found {
    let number = |key: &str| Scan(text).after(key).and_then(Scan::number);
    let (gfsr, syndrome, stream) =
        (number("GFSR "), number("GFSYNR0 "), number("GFSYNR1 ").map(|value| value & 0xffff));
    // A refused access to the unit's registers is no transaction of a stream.
    let sid = stream.filter(|_| gfsr.is_none_or(|gfsr| gfsr & 0xff != 0x20)).or(blocked);
    let name = gfsr.and_then(|gfsr| GFSR.iter().find(|(bit, ..)| gfsr >> bit & 1 == 1));
    let (what_en, what_zh) = match (name, blocked) {
        (Some((_, name, _)), _) => (format!("global fault {name}"), format!("全局错误 {name}")),
        (None, Some(_)) => ("an unknown stream was blocked".into(), "拦截了未知的流".into()),
        (None, None) => ("a global fault".into(), "全局错误".into()),
    };
    let (sid_en, sid_zh) = match sid {
        Some(sid) => (format!(", stream {sid:#x}"), format!("，流 {sid:#x}")),
        None => (String::new(), String::new()),
    };
    let access = syndrome.map(|bits| if bits >> 1 & 1 == 1 { Access::Write } else { Access::Read });
    let fault = Fault { stream: sid.and_then(|sid| u32::try_from(sid).ok()), access, ..Fault::default() };
    let title = Phrase::new(format!("SMMUv2: {what_en}{sid_en}"), format!("SMMUv2：{what_zh}{sid_zh}"));
    let mut found = Found::fault(fault, Arch::SmmuV2, form, title);
    if let Some(gfsr) = gfsr {
        let (en, zh) = bits(&GFSR, gfsr);
        found.certain(
            Text::new("global status (GFSR)", "全局状态（GFSR）"),
            format!("{gfsr:#x}"),
            Phrase::new(en, zh),
        );
        if gfsr & 2 != 0 {
            found.clue(Clue::StreamUnknown);
        }
        if gfsr & 4 != 0 {
            found.clue(Clue::StreamMatchesTwo);
        }
    } else if blocked.is_some() {
        found.clue(Clue::StreamUnknown);
    }
    if let Some(sid) = sid {
        hints::device(&mut found, Arch::SmmuV2, &format!("{sid:#x}"), false);
    }
    if let (Some(bits), Some(access)) = (syndrome, access) {
        found.certain(
            Text::new("access", "访问"),
            access.text(),
            Phrase::new(
                format!("GFSYNR0 {bits:#x}: WNR = {}", bits >> 1 & 1),
                format!("GFSYNR0 {bits:#x}：WNR = {}", bits >> 1 & 1),
            ),
        );
    }
    if blocked.is_some() {
        found.inferred(
            Text::new("advice in the message", "消息中的建议"),
            "disable_bypass=0",
            Text::new(
                "it lets every undescribed device reach all memory: describe the device (iommus, iommu-map, IORT) instead",
                "它会让固件没有描述的设备都能访问全部内存；正确的做法是在固件里补上该设备的描述（iommus、iommu-map、IORT）",
            ),
        );
    }
    found.causes = match gfsr {
        // No transaction of a device.
        Some(gfsr) if gfsr & 0x1ff == 0x20 => {
            found.kind = Kind::Status;
            &[]
        }
        Some(gfsr) if gfsr & 0xf0 != 0 && gfsr & 6 == 0 => &[&TABLE_UNREADABLE, &BAD_ENTRY, &CORRUPTED],
        Some(gfsr) if gfsr & 6 == 4 => &[&STREAM_CONFLICT],
        // Two entries that match are no unknown stream: the unit has a bit of its own for them.
        Some(gfsr) if gfsr & 6 == 2 => &[&UNKNOWN_STREAM, &NO_TRANSLATION_YET],
        None if blocked.is_some() => &[&UNKNOWN_STREAM, &NO_TRANSLATION_YET],
        _ => &[&UNKNOWN_STREAM, &NO_TRANSLATION_YET, &STREAM_CONFLICT],
    };
    found
}
