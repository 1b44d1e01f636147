//! QEMU's own messages: its error reports and trace events for emulated IOMMUs.

use super::amd::AMD_EVENTS;
use super::causes;
use super::fault::{Access, Arch, Entry, Fault};
use super::hints;
use super::items::{Found, Kind};
use super::scan::{unquoted, Device, Scan};
use super::smmu::SMMU_EVENTS;
use super::{riscv, scenario};
use crate::addr::RequesterId;
use crate::iommu::vtd::faults;
use crate::spec::{Phrase, Text};
use alloc::format;
use alloc::string::{String, ToString};

/// `vtd_dmar_fault sid 0x10 fault 5 addr 0x1000 write 1`, and the error reports of the walk
/// (`vtd_iova_to_slpte: detected ...` before 9.2, `..._sspte`, `..._fspte` after).
pub(super) fn vtd(lines: &[&str]) -> Option<Found> {
    let line = unquoted(lines.first()?);
    if line.contains("New fault is not recorded") {
        return Some(Found::status(
            1,
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
        return Some(finish(fault, 1, "qemu-vtd-trace", None, false));
    }
    let failure = |line: &str| -> Option<(RequesterId, u64)> {
        let body = Scan(line).after("detected translation failure")?;
        let device: Device<'_> = body.after("dev=")?.device()?;
        Some((device.id, body.after("iova=").and_then(Scan::hex)?))
    };
    // A wrapped mail: up to two more lines, until the parenthesis closes.
    let mut text = String::from(line);
    let mut taken = 1;
    while text.contains("detected") && !text.contains(')') && taken < 3 {
        let Some(next) = lines.get(taken).filter(|next| !next.contains("vtd_")) else { break };
        text.push(' ');
        text.push_str(unquoted(next));
        taken += 1;
    }
    if let Some((device, iova)) = failure(&text) {
        let fault = Fault { device: Some(device), address: Some(iova), ..Fault::default() };
        return Some(finish(fault, taken, "qemu-vtd-failure", None, false));
    }
    let body = Scan(&text).after(": detected ")?;
    let first_stage = text.contains("flpte") || text.contains("fspte");
    let address = body.after("iova=").and_then(Scan::hex);
    let write = body.after("write=").and_then(Scan::number).map(|w| w != 0);
    let entry = match (body.after("level=").and_then(Scan::hex), body.after("pte=").and_then(Scan::hex)) {
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
    if let Some((device, iova)) = lines.get(taken).and_then(|next| failure(next)) {
        if Some(iova) == address {
            fault.device = Some(device);
            taken += 1;
        }
    }
    Some(finish(fault, taken, "qemu-vtd-walk", entry, true))
}

fn finish(fault: Fault, taken: usize, form: &'static str, entry: Option<Entry>, inferred: bool) -> Found {
    let (en, zh) = match fault.known {
        Some(known) => (known.text.en.to_string(), known.text.zh.to_string()),
        None => ("a translation failed".to_string(), "一次转换失败".to_string()),
    };
    let mut found = Found {
        taken,
        kind: Kind::Fault(fault),
        arch: Arch::VtD,
        form,
        title: Phrase::new(format!("QEMU VT-d: {en}"), format!("QEMU VT-d：{zh}")),
        fields: alloc::vec::Vec::new(),
        causes: causes::of(Arch::VtD, &fault),
        scenario: None,
    };
    if let Some(known) = fault.known {
        let (name, value) =
            (Text::new("fault reason", "错误原因"), format!("{:#04x} {}", known.code, known.name));
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
        let meaning = Text::new("the process that the request speaks for", "请求所代表的进程");
        found.certain(Arch::VtD.process_term(), format!("{pasid:#x}"), meaning);
    }
    if let Some(address) = fault.address {
        let meaning = Text::new("the address that the device sent", "设备发出的地址");
        found.certain(Text::new("fault address", "错误地址"), format!("{address:#x}"), meaning);
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
    found.scenario = scenario::of(Arch::VtD, &fault);
    found
}

/// `riscv_iommu_flt riscv.iommu: fault 0001:02.0 reason: 0xd iova: 0x1000`: the first four digits are the bus.
pub(super) fn riscv(lines: &[&str]) -> Option<Found> {
    let body = Scan(unquoted(lines.first()?)).after("fault ")?;
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
    Some(riscv::report(u16::try_from(code).ok()?, id, iova, None, 1, "qemu-riscv-trace"))
}

/// `smmuv3-iommu-memory-region-16-0 translation failed for iova=0x1000 (SMMU_EVT_F_TRANSLATION)` and the trace
/// event `smmuv3_record_event`.
pub(super) fn smmu(lines: &[&str]) -> Option<Found> {
    let line = Scan(unquoted(lines.first()?));
    let failed = line.after("translation failed for iova=");
    let body = failed.or_else(|| line.after("smmuv3_record_event"))?;
    let event = SMMU_EVENTS.iter().find(|event| body.0.contains(event.name));
    let address = failed.and_then(Scan::hex);
    let sid = body.after("sid=").and_then(Scan::number).map(|sid| sid as u32);
    let fault = Fault {
        code: event.map(|event| event.code),
        known: event,
        device: sid.map(RequesterId::new),
        address,
        ..Fault::default()
    };
    let name = event.map_or("a translation failed", |event| event.name);
    let mut found = Found {
        taken: 1,
        kind: Kind::Fault(fault),
        arch: Arch::SmmuV3,
        form: "qemu-smmuv3",
        title: Phrase::new(format!("QEMU SMMUv3: {name}"), format!("QEMU SMMUv3：{name}")),
        fields: alloc::vec::Vec::new(),
        causes: causes::of(Arch::SmmuV3, &fault),
        scenario: None,
    };
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
pub(super) fn amd(lines: &[&str]) -> Option<Found> {
    let line = Scan(unquoted(lines.first()?));
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
    let mut found = Found {
        taken: 1,
        kind: Kind::Fault(fault),
        arch: Arch::AmdVi,
        form: "qemu-amd",
        title: Phrase::new(format!("QEMU AMD-Vi: {}", known.name), format!("QEMU AMD-Vi：{}", known.name)),
        fields: alloc::vec::Vec::new(),
        causes: causes::of(Arch::AmdVi, &fault),
        scenario: None,
    };
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
