//! QEMU's own messages: its error reports and trace events for emulated IOMMUs.

use super::amd::AMD_EVENTS;
use super::causes::{self, *};
use super::evidence::Clue;
use super::fault::{Access, Arch, Entry, Fault};
use super::forms::Form;
use super::found::{Format, Found, Here};
use super::hints;
use super::scan::{Device, Scan};
use super::scenario::Sketch;
use super::smmu::SMMU_EVENTS;
use super::{amd, riscv, smmu, vtd};
use crate::addr::RequesterId;
use crate::iommu::vtd::faults;
use crate::spec::{Phrase, Text};
use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;

pub(super) static FORMAT: Format = Format {
    forms: FORMS,
    readers: &[
        ("vtd_dmar_fault", vtd_line),
        ("vtd_iova_to_", vtd_line),
        ("detected translation failure", vtd_line),
        ("New fault is not recorded", vtd_line),
        ("vtd_irte_get", irte),
        ("riscv_iommu_flt", riscv_line),
        ("translation failed for iova", smmu_line),
        ("smmuv3_record_event", smmu_line),
        ("virtio_iommu_translate", virtio),
        ("amdvi_page_fault", amd_line),
        ("amdvi_invalid_dte", amd_line),
        ("amdvi_mode_invalid", amd_line),
        ("amdvi_dte_get_fail", amd_line),
        ("amdvi_get_pte_hwerror", amd_line),
    ],
    patterns: &[],
    codes: || Vec::new(),
    causes: causes::none,
};

macro_rules! form {
    ($name:literal $arch:ident $wording:literal $source:literal) => {
        Form { name: $name, arch: Arch::$arch, wording: $wording, source: $source }
    };
}

static FORMS: &[Form] = &[
    form!("qemu-vtd-trace" VtD "vtd_dmar_fault sid * fault * addr * write *" "QEMU 2.10 and later, trace event; the reason in decimal"),
    form!("qemu-vtd-walk" VtD "vtd_iova_to_slpte: detected slpte permission error (iova=*, level=*, slpte=*, write=*)" "QEMU 3.0 and later (sspte and fspte from 9.2; pasid from 7.2)"),
    form!("qemu-vtd-failure" VtD "vtd_iommu_translate: detected translation failure (dev=*, iova=*)" "QEMU 3.0 and later; device as bb:dd:ff"),
    form!("qemu-vtd-compressed" VtD "New fault is not recorded due to compression of faults" "QEMU 2.2 and later"),
    form!("qemu-vtd-irte" VtD "vtd_irte_get: detected non-present IRTE (index=*, high=*, low=*)" "QEMU 3.0 and later; also invalid IRTE SID (index=*, sid=*, source_id=*); numbers in decimal"),
    form!("qemu-riscv-trace" RiscV "riscv_iommu_flt * fault * reason: * iova: *" "QEMU 9.2 and later, trace event"),
    form!("qemu-smmuv3" SmmuV3 "smmuv3-iommu-memory-region-* translation failed for iova=* (*)" "QEMU 2.12 and later, with -d guest_errors"),
    form!("qemu-amd" AmdVi "amdvi_page_fault error: page fault accessing guest physical address *" "QEMU 2.9 and later, trace event"),
    form!("qemu-virtio" Virtio "virtio_iommu_translate permission error on *(*): allowed=*" "QEMU 5.0 and later, error report; also no mapping for *, sid=* is not known"),
];

/// `vtd_dmar_fault sid 0x10 fault 5 addr 0x1000 write 1`, and the error reports of the walk
/// (`vtd_iova_to_slpte: detected ...` before 9.2, `..._sspte`, `..._fspte` after).
fn vtd_line(here: &Here<'_>) -> Option<Found> {
    let line = here.text;
    if line.contains("New fault is not recorded") {
        return Some(Found::status(
            Arch::VtD,
            "qemu-vtd-compressed",
            Phrase::new(
                "QEMU: a fault of the same device was pending already; this one left no record",
                "QEMU：同一设备已有待处理的错误；此次没有记录",
            ),
        ));
    }
    if let Some(body) = Scan(line).after("vtd_dmar_fault") {
        let sid = RequesterId::new(body.after("sid ")?.hex()? as u32 & 0xffff);
        let code = body.after("fault ")?.number()? as u16;
        let address = body.after("addr ")?.hex()?;
        let write = body.after("write ").and_then(Scan::number);
        let fault = Fault {
            code: Some(code),
            known: faults::by_code(code),
            device: Some(sid),
            access: write.map(|w| if w == 0 { Access::Read } else { Access::Write }),
            address: Some(address),
            ..Fault::default()
        };
        return Some(finish(fault, "qemu-vtd-trace", None, false));
    }
    let failure = |line: &str| -> Option<(RequesterId, u64)> {
        let body = Scan(line).after("detected translation failure")?;
        let device: Device<'_> = body.after("dev=")?.device()?;
        Some((device.id, body.after("iova=").and_then(Scan::hex)?))
    };
    let text = line;
    if let Some((device, iova)) = failure(text) {
        let fault = Fault { device: Some(device), address: Some(iova), ..Fault::default() };
        return Some(finish(fault, "qemu-vtd-failure", None, false));
    }
    let body = Scan(text).after(": detected ")?;
    let first_stage = text.contains("flpte") || text.contains("fspte");
    let address = body.after("iova=").and_then(Scan::hex);
    let write = body.after("write=").and_then(Scan::number).map(|w| w != 0);
    let entry = match (body.after("level=").and_then(Scan::loose_hex), body.after("pte=").and_then(Scan::hex))
    {
        (Some(level @ 1..=5), Some(value)) => Some(Entry { level: level as u8, value }),
        _ => None,
    };
    let code = match () {
        () if body.starts("slpte permission") || body.starts("sspte permission") => {
            if write == Some(true) {
                5
            } else {
                6
            }
        }
        () if body.starts("IOVA overflow") => 4,
        () if body.starts("read error") => {
            if first_stage {
                0x70
            } else {
                7
            }
        }
        () if body.0.contains("reserve non-zero") => {
            if first_stage {
                0x72
            } else {
                0xc
            }
        }
        () if body.starts("non canonical") => 0x80,
        () => return None,
    };
    let pasid = body.after("pasid=").and_then(Scan::hex).map(|p| p as u32).filter(|&p| p != u32::MAX);
    let mut fault = Fault {
        code: Some(code),
        known: faults::by_code(code),
        pasid,
        access: write.map(|w| if w { Access::Write } else { Access::Read }),
        address,
        entry,
        ..Fault::default()
    };
    // The report of the caller follows and names the device.
    let next = here
        .rest
        .iter()
        .take(3)
        .position(|next| failure(&next.text).is_some_and(|(_, iova)| Some(iova) == address));
    if let Some((device, _)) = next.and_then(|at| failure(&here.rest[at].text)) {
        fault.device = Some(device);
    }
    // So may its trace event, of the same fault.
    let traced = here.rest.iter().take(3).position(|line| {
        Scan(&line.text).after("vtd_dmar_fault").and_then(|body| body.after("addr ")).and_then(Scan::hex)
            == address
            && line.text.contains("vtd_dmar_fault")
    });
    let mut found = finish(fault, "qemu-vtd-walk", entry, true);
    found.used.extend(next);
    found.used.extend(traced);
    // The parenthesis that ends it may be on the next line of a mail.
    found.complete = text.contains(')');
    Some(found)
}

fn finish(fault: Fault, form: &'static str, entry: Option<Entry>, inferred: bool) -> Found {
    let (en, zh) = match fault.known {
        Some(known) => (known.text.en.to_string(), known.text.zh.to_string()),
        None => ("a translation failed".to_string(), "一次转换失败".to_string()),
    };
    let title = Phrase::new(format!("QEMU VT-d: {en}"), format!("QEMU VT-d：{zh}"));
    let mut found = Found::fault(fault, Arch::VtD, form, title);
    found.causes = vtd::causes(&fault);
    hints::fault(&mut found, &fault);
    if let Some(entry) = entry {
        let (read, write) = (entry.value & 1 == 1, entry.value & 2 == 2);
        match fault.access {
            _ if entry.value == 0 => found.clue(Clue::EntryEmpty),
            Some(Access::Write) if read && !write => found.clue(Clue::EntryOtherRight),
            Some(Access::Read) if write && !read => found.clue(Clue::EntryOtherRight),
            _ => {}
        }
    }
    if let Some(known) = fault.known {
        let (name, value) = (Text::new("fault reason", "错误码"), hints::numbered(known));
        match inferred {
            // QEMU prints what it saw; the reason that it then records follows from its source.
            true => found.inferred(name, value, known.text),
            false => found.certain(name, value, known.text),
        }
    }
    if let Some(device) = fault.device {
        hints::device(&mut found, Arch::VtD, &device.to_string(), false);
    }
    if let Some(access) = fault.access {
        found.certain(
            Text::new("access", "访问"),
            access.text(),
            Text::new("what the device wanted", "设备想做的操作"),
        );
    }
    if let Some(pasid) = fault.pasid {
        let meaning = Text::new("the process that the request speaks for", "请求访问哪个进程的地址空间");
        found.certain(Arch::VtD.process_term(), format!("{pasid:#x}"), meaning);
    }
    if let Some(address) = fault.address {
        let meaning = Text::new("the address that the device sent", "设备发出的地址");
        found.certain(Text::new("fault address", "出错地址"), format!("{address:#x}"), meaning);
        hints::address(&mut found, address);
    }
    if let Some(entry) = entry {
        let meaning = match entry.value {
            0 => Phrase::new(
                format!("the entry at level {} is empty: nothing is mapped there", entry.level),
                format!("第 {} 级的表项为空：那里没有映射", entry.level),
            ),
            _ => Phrase::new(
                format!("the entry at level {} that refused", entry.level),
                format!("第 {} 级拒绝访问的表项", entry.level),
            ),
        };
        found.certain(Text::new("entry", "表项"), format!("{:#x}", entry.value), meaning);
    }
    found.scenario = Some(Sketch::Of(Arch::VtD, fault));
    found
}

/// `riscv_iommu_flt riscv.iommu: fault 0001:02.0 reason: 0xd iova: 0x1000`: the first four digits are the bus.
fn riscv_line(here: &Here<'_>) -> Option<Found> {
    let body = Scan(here.text).after("fault ")?;
    let (bus, rest) = body.word().split_once(':')?;
    let (device, function) = rest.split_once('.')?;
    let part = |text: &str| Scan(text).hex();
    let (bus, device, function) = (part(bus)?, part(device)?, Scan(function).number()?);
    if bus > 0xffff || device > 31 || function > 7 {
        return None;
    }
    let id = RequesterId::new((bus << 8 | device << 3 | function) as u32);
    let code = body.after("reason: ")?.number()?;
    let iova = body.after("iova: ")?.number()?;
    Some(riscv::report(u16::try_from(code).ok()?, id, Some(iova), None, "qemu-riscv-trace"))
}

/// `smmuv3-iommu-memory-region-16-0 translation failed for iova=0x1000 (SMMU_EVT_F_TRANSLATION)` and the trace
/// event `smmuv3_record_event`.
fn smmu_line(here: &Here<'_>) -> Option<Found> {
    let line = Scan(here.text);
    let failed = line.after("translation failed for iova=");
    let body = failed.or_else(|| line.after("smmuv3_record_event"))?;
    let event = SMMU_EVENTS.iter().find(|event| body.0.contains(event.name));
    let address = failed.and_then(Scan::hex);
    let sid = body.after("sid=").and_then(Scan::number).map(|sid| sid as u32);
    let fault =
        Fault { code: event.map(|event| event.code), known: event, stream: sid, address, ..Fault::default() };
    let name = event.map_or("a translation failed", |event| event.name);
    let title = Phrase::new(format!("QEMU SMMUv3: {name}"), format!("QEMU SMMUv3：{name}"));
    let mut found = Found::fault(fault, Arch::SmmuV3, "qemu-smmuv3", title);
    found.causes = smmu::causes(&fault);
    hints::fault(&mut found, &fault);
    if let Some(event) = event {
        found.certain(Text::new("event", "事件"), format!("{:#04x} {}", event.code, event.name), event.text);
    }
    if let Some(address) = address {
        let meaning = Text::new("the address that the device sent", "设备发出的地址");
        found.certain(Text::new("input address", "输入地址"), format!("{address:#x}"), meaning);
        hints::address(&mut found, address);
    }
    match (sid, line.after("memory-region-").and_then(Scan::number)) {
        (Some(sid), _) => hints::device(&mut found, Arch::SmmuV3, &format!("{sid:#x}"), false),
        (None, Some(devfn)) => found.inferred(
            Text::new("device", "设备"),
            format!("??:{:02x}.{}", devfn >> 3 & 31, devfn & 7),
            Text::new(
                "from the region's name: device and function; the bus is not told",
                "来自区域名称：设备号与功能号；总线号未给出",
            ),
        ),
        (None, None) => {}
    }
    Some(found)
}

/// The trace events `amdvi_page_fault`, `amdvi_invalid_dte`, `amdvi_dte_get_fail` and their sisters.
fn amd_line(here: &Here<'_>) -> Option<Found> {
    let line = Scan(here.text);
    let (code, body) = [
        ("amdvi_page_fault", 0x2),
        ("amdvi_invalid_dte", 0x1),
        ("amdvi_mode_invalid", 0x1),
        ("amdvi_dte_get_fail", 0x3),
        ("amdvi_get_pte_hwerror", 0x4),
    ]
    .into_iter()
    .find_map(|(name, code)| line.after(name).map(|body| (code, body)))?;
    let known = AMD_EVENTS.iter().find(|event| event.code == code)?;
    let address = body.after("0x").and_then(Scan::hex);
    let fault = Fault { code: Some(code), known: Some(known), address, ..Fault::default() };
    let title = Phrase::new(format!("QEMU AMD-Vi: {}", known.name), format!("QEMU AMD-Vi：{}", known.name));
    let mut found = Found::fault(fault, Arch::AmdVi, "qemu-amd", title);
    found.causes = amd::causes(&fault);
    found.certain(Text::new("event", "事件"), format!("{code:#x} {}", known.name), known.text);
    if let Some(address) = address {
        let meaning = match code {
            2 => Text::new("the address that the device sent", "设备发出的地址"),
            _ => Text::new("where the structure is", "该结构所在的地址"),
        };
        found.certain(Text::new("address", "地址"), format!("{address:#x}"), meaning);
    }
    Some(found)
}

/// `vtd_irte_get: detected non-present IRTE (index=4096, high=0x0, low=0x0)` and
/// `vtd_irte_get: invalid IRTE SID (index=1, sid=32, source_id=65280)`.
fn irte(here: &Here<'_>) -> Option<Found> {
    let body = Scan(here.text).after("vtd_irte_get")?;
    let index = body.after("index=")?.number()?;
    let wrong = body.after("sid=").and_then(Scan::number).filter(|_| body.0.contains("IRTE SID"));
    let code = match () {
        () if wrong.is_some() => 0x26,
        () if body.0.contains("non-present") => 0x22,
        () if body.0.contains("reserved") => 0x24,
        () => return None,
    };
    let fault = Fault {
        code: Some(code),
        known: faults::by_code(code),
        device: wrong.map(|sid| RequesterId::new(sid as u32 & 0xffff)),
        access: Some(Access::Interrupt),
        index: u16::try_from(index).ok(),
        ..Fault::default()
    };
    let mut found = finish(fault, "qemu-vtd-irte", None, true);
    found.complete = body.0.contains(')');
    found.certain(
        Text::new("interrupt index", "中断索引"),
        format!("{index:#x}"),
        Text::new(
            "the entry of the interrupt remapping table; QEMU prints it in decimal",
            "中断重映射表项；QEMU 以十进制打印",
        ),
    );
    if let Some(owner) = body.after("source_id=").and_then(Scan::number) {
        found.certain(
            Text::new("entry's source", "表项的来源"),
            RequesterId::new(owner as u32 & 0xffff).to_string(),
            Text::new("the only device that may use this entry", "唯一可以使用该表项的设备"),
        );
    }
    Some(found)
}

/// `virtio_iommu_translate permission error on 0xfef100(2): allowed=1` and its sisters.
fn virtio(here: &Here<'_>) -> Option<Found> {
    let body = Scan(here.text).after("virtio_iommu_translate")?;
    let refused = body.after("permission error on ");
    let missing = body.after("no mapping for ");
    let unknown = body.0.contains("is not known");
    let address = refused.or(missing).and_then(Scan::loose_hex);
    if refused.is_none() && missing.is_none() && !unknown {
        return None;
    }
    let wanted = refused.and_then(|body| body.after("(")).and_then(Scan::number);
    let allowed = body.after("allowed=").and_then(Scan::number);
    // QEMU's IOMMUAccessFlags: 1 read, 2 write.
    let access = wanted.and_then(|flags| match flags {
        1 => Some(Access::Read),
        2 => Some(Access::Write),
        _ => None,
    });
    let sid = body.after("sid=").and_then(Scan::number).and_then(|sid| u32::try_from(sid).ok());
    let fault = Fault { stream: sid, access, address, ..Fault::default() };
    let title = match (refused, missing) {
        (Some(_), _) => Phrase::new(
            "QEMU virtio-iommu: the mapping does not allow this access",
            "QEMU virtio-iommu：映射不允许这次访问",
        ),
        (_, Some(_)) => {
            Phrase::new("QEMU virtio-iommu: nothing is mapped there", "QEMU virtio-iommu：该地址没有映射")
        }
        _ => Phrase::new("QEMU virtio-iommu: the endpoint is not known", "QEMU virtio-iommu：未知的端点"),
    };
    let mut found = Found::fault(fault, Arch::Virtio, "qemu-virtio", title);
    hints::fault(&mut found, &fault);
    found.causes = match () {
        () if unknown => &[&NOT_ATTACHED, &ALIAS, &STALE_RING],
        () => &[&UNMAPPED_EARLY, &NEVER_MAPPED, &WRONG_DIRECTION, &PHYSICAL_ADDRESS],
    };
    if let Some(address) = address {
        found.certain(
            Text::new("address", "地址"),
            format!("{address:#x}"),
            Text::new("the address that the device sent", "设备发出的地址"),
        );
        hints::address(&mut found, address);
    }
    if let Some(access) = access {
        found.certain(
            Text::new("access", "访问"),
            access.text(),
            Text::new("what the device wanted", "设备想做的操作"),
        );
    }
    if let Some(allowed) = allowed {
        let rights = match allowed {
            0 => Text::new("nothing", "无"),
            1 => Text::new("read", "读"),
            2 => Text::new("write", "写"),
            _ => Text::new("read and write", "读与写"),
        };
        found.certain(
            Text::new("allowed", "允许"),
            rights,
            Text::new("what the mapping lets the device do", "映射允许设备做的操作"),
        );
        found.clue(Clue::PagePresent);
        found.clue(Clue::PermissionMissing);
    }
    if missing.is_some() {
        found.clue(Clue::PageAbsent);
    }
    Some(found)
}
