//! Other systems than Linux: FreeBSD, OpenBSD, illumos, seL4, Genode, VMware ESXi; and what Xen prints below a fault.

use super::amd;
use super::causes::{Cause, FIRMWARE_DEVICE, NEVER_MAPPED, PHYSICAL_ADDRESS, UNMAPPED_EARLY};
use super::evidence::Clue;
use super::fault::{Access, Arch, Fault};
use super::forms::Form;
use super::found::{Format, Found, Here, Join, MISSING};
use super::hints;
use super::report::Kind;
use super::scan::Scan;
use super::system::System;
use super::vtd;
use crate::addr::RequesterId;
use crate::spec::{Phrase, Text};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

pub(super) static FORMAT: Format = Format {
    forms: FORMS,
    readers: &[
        (" fault acc ", freebsd),
        ("Fault Overflow", freebsd_overflow),
        ("generated a fault event when translating DMA", illumos),
        ("io page fault dev=", openbsd),
        ("iotlb invalidation timeout dev=", openbsd_timeout),
        ("IOMMU: DMA ", sel4),
        ("Fault: hi=0x", genode),
        ("IOMMU Fault detected for", esxi),
        ("DMAR Fault IOMMU Unit", esxi_intel),
        (" root @ ", xen_amd_walk),
        ("print_vtd_entries:", xen_vtd_walk),
    ],
    patterns: &[],
    codes: || Vec::new(),
    causes: |_: &Fault| PLAIN,
};

const PLAIN: &[&Cause] = &[&UNMAPPED_EARLY, &NEVER_MAPPED, &PHYSICAL_ADDRESS, &FIRMWARE_DEVICE];

macro_rules! form {
    ($name:literal $arch:ident $wording:literal $source:literal) => {
        Form { name: $name, arch: Arch::$arch, wording: $wording, source: $source }
    };
}

static FORMS: &[Form] = &[
    form!("freebsd-dmar" VtD "DMAR*: *: pci*:*:* sid * fault acc * adt * reason * addr *" "FreeBSD 11 and later, sys/x86/iommu/intel_fault.c; all numbers of the record, the reason in hexadecimal"),
    form!("freebsd-overflow" VtD "DMAR*: Fault Overflow" "FreeBSD 11 and later, sys/x86/iommu/intel_fault.c"),
    form!("illumos-immu" VtD "* generated a fault event when translating DMA * on address * for PCI(*, *, *), the reason is: *" "illumos, usr/src/uts/i86pc/io/immu_regs.c and immu_intrmap.c; the device in decimal"),
    form!("openbsd-amd" AmdVi "io page fault dev=* did=* addr=*" "OpenBSD 7.0 and later, sys/dev/acpi/acpidmar.c, ivhd_show_event; the flags in words on the next line"),
    form!("openbsd-amd-timeout" AmdVi "iotlb invalidation timeout dev=* address=*" "OpenBSD 7.0 and later, sys/dev/acpi/acpidmar.c, ivhd_show_event"),
    form!("sel4-vtd" VtD "IOMMU: DMA * page fault from * (bus: */dev: */fun: *) on address *:* with reason code *" "seL4, src/plat/pc99/machine/intel-vtd.c, vtd_process_faults"),
    form!("genode-vtd" VtD "Fault: hi=*, reason=*, type=*, AT=*, * Source=*, info=*" "Genode 23.11 and later, the platform driver's fault records; the halves of the record as they are"),
    form!("esxi-fault" Hypervisor "IOMMU Fault detected for * (*) IOaddr: * Mask: *" "VMware ESXi, a knowledge base article quotes it"),
    form!("esxi-dmar" VtD "DMAR Fault IOMMU Unit *: R/W=*, Device * Faulting addr = * Fault Reason = * -> *" "VMware ESXi 5 and later, vmkernel log of Intel machines"),
    form!("xen-amd-walk" AmdVi "* root @ * (* levels) dfn=* L*[*] = * *" "Xen 4.16 and later with iommu=debug, amd_iommu_print_entries, below the fault"),
    form!("xen-vtd-walk" VtD "print_vtd_entries: iommu #* dev * gmfn * root_entry[*] = * context[*] = * l*[*] = *" "Xen 3.4 and later with iommu=debug, below the fault"),
];

/// A VT-d record that another system prints: read as Linux's, since the numbers are the same.
fn vtd_record(
    write: bool,
    device: RequesterId,
    address: u64,
    reason: u64,
    (form, system): (&'static str, System),
    here: &Here<'_>,
) -> Option<Found> {
    let text = format!(
        "DMAR: [DMA {}] Request device [{device}] fault addr {address:#x} [fault reason {reason:#04x}]",
        if write { "Write" } else { "Read" }
    );
    let mut found = vtd::fault(&Here { text: &text, system, ..*here })?;
    found.form = form;
    found.words_follow = false;
    found.used.clear();
    Some(found)
}

/// `DMAR0: nvme0: pci1:0:0 sid 100 fault acc 1 adt 0x0 reason 0x6 addr 79000000`.
fn freebsd(here: &Here<'_>) -> Option<Found> {
    let body = Scan(here.text);
    if !here.text.contains("DMAR") || !here.text.contains(" sid ") {
        return None;
    }
    let sid = body.after(" sid ")?.hex()?;
    let read = body.after(" acc ")?.number()? == 1;
    let kind = body.after(" adt ").and_then(Scan::hex);
    let reason = body.after(" reason ")?.hex()?;
    let address = body.after(" addr ")?.hex()?;
    let mut found = vtd_record(
        !read,
        RequesterId::new(sid as u32 & 0xffff),
        address,
        reason,
        ("freebsd-dmar", System::FreeBsd),
        here,
    )?;
    if let Some(kind) = kind {
        let meaning = match kind {
            0 => Text::new("an untranslated request", "未转换的请求"),
            1 => Text::new("a translation request (ATS)", "转换请求（ATS）"),
            2 => Text::new("an already translated request (ATS)", "已转换的请求（ATS）"),
            _ => Text::new("reserved", "保留"),
        };
        found.certain(Text::new("address type (AT)", "地址类型（AT）"), kind, meaning);
    }
    let name = here.text.split(": ").nth(1).unwrap_or("");
    if !name.is_empty() && !name.starts_with('<') && !name.starts_with("pci") {
        found.certain(
            Text::new("driver", "驱动"),
            name,
            Text::new("as FreeBSD calls the device", "FreeBSD 中的设备名"),
        );
    }
    Some(found)
}

fn freebsd_overflow(here: &Here<'_>) -> Option<Found> {
    here.text.contains("DMAR").then(|| {
        let mut found = Found::status(
            Arch::VtD,
            "freebsd-overflow",
            Phrase::new(
                "VT-d: fault records were lost: all were in use (PFO)",
                "VT-d：故障记录全部占用，后面的丢失了（PFO）",
            ),
        );
        found.system = System::FreeBsd;
        found.causes = &[&UNMAPPED_EARLY, &NEVER_MAPPED];
        found
    })
}

/// `WARNING: drhd generated a fault event when translating DMA read`, and two more lines.
fn illumos(here: &Here<'_>) -> Option<Found> {
    let body = Scan(here.text).after("when translating DMA ")?;
    let access = match body.word() {
        "read" => Access::Read,
        "write" => Access::Write,
        _ => return None,
    };
    let mut text = String::from(body.0);
    let mut used = Vec::new();
    for (offset, line) in here.rest.iter().enumerate().take(4) {
        if text.contains("reason is:") && !text.trim_end().ends_with("is:") {
            break;
        }
        if line.used || line.text.contains("generated a fault event") {
            break;
        }
        text.push(' ');
        text.push_str(&line.text);
        used.push(offset);
    }
    let body = Scan(&text);
    let address = body.after("on address ").and_then(Scan::hex);
    let numbers: Vec<u64> = body
        .after("PCI(")
        .map(|list| {
            list.0.split(')').next().unwrap_or("").split(',').filter_map(|n| n.trim().parse().ok()).collect()
        })
        .unwrap_or_default();
    let device = match numbers[..] {
        [bus, device, function] if bus < 256 && device < 32 && function < 8 => {
            Some(RequesterId::bdf(bus as u8, device as u8, function as u8))
        }
        _ => None,
    };
    let fault = Fault { device, access: Some(access), address, ..Fault::default() };
    let title = match device {
        Some(device) => Phrase::new(
            format!("VT-d (illumos), device {device}: an access was refused"),
            format!("VT-d（illumos），设备 {device}：访问被拒绝"),
        ),
        None => Phrase::new("VT-d (illumos): an access was refused", "VT-d（illumos）：访问被拒绝"),
    };
    let mut found = Found::fault(fault, Arch::VtD, "illumos-immu", title);
    found.system = System::Illumos;
    found.used = if address.is_some() { used } else { Vec::new() };
    found.causes = PLAIN;
    hints::fault(&mut found, &fault);
    if let Some(device) = device {
        hints::device(&mut found, Arch::VtD, &device.to_string(), false);
    }
    found.certain(
        Text::new("access", "访问"),
        access.text(),
        Text::new("what the device wanted", "设备想做的操作"),
    );
    if let Some(address) = address {
        found.certain(
            Text::new("address", "地址"),
            format!("{address:#x}"),
            Text::new("the address that the device sent", "设备发出的地址"),
        );
        hints::address(&mut found, address);
    }
    match body.after("reason is:").map(|reason| reason.0.trim()) {
        Some(reason) if !reason.is_empty() => {
            found.certain(
                Text::new("reason", "错误原因"),
                reason,
                Text::new("in the words of the specification", "规范中的原话"),
            );
        }
        _ => found.inferred(
            Text::new("reason", "错误原因"),
            MISSING,
            Text::new(
                "missing from the paste: illumos prints it two lines below",
                "给出的日志里没有：illumos 打印在其下两行",
            ),
        ),
    }
    Some(found)
}

/// `io page fault dev=00:14.0 did=0x0001 addr=0x...`, and the flags in words on the next line.
fn openbsd(here: &Here<'_>) -> Option<Found> {
    let body = Scan(here.text).after("io page fault dev=")?;
    let device = body.device()?;
    let domain = body.after("did=")?.hex()?;
    let address = body.after("addr=")?.hex()?;
    let below = here.rest.first().filter(|line| line.text.contains("present") && line.text.contains(", "));
    let has = |word: &str| below.is_some_and(|line| line.text.split(", ").any(|part| part.trim() == word));
    let flags = below.map(|_| {
        let bit = |on: bool, bit: u32| u64::from(on) << bit;
        bit(has("present"), 4)
            | bit(has("write"), 5)
            | bit(has("no perm"), 6)
            | bit(has("reserved bit"), 7)
            | bit(has("interrupt"), 3)
            | bit(has("translation"), 8)
    });
    let mut text = format!(
        "AMD-Vi: Event logged [IO_PAGE_FAULT device={} domain={domain:#06x} address={address:#x}",
        device.text
    );
    if let Some(flags) = flags {
        text.push_str(&format!(" flags={flags:#06x}"));
    }
    text.push(']');
    let mut found = amd::event(&Here { text: &text, system: System::OpenBsd, ..*here })?;
    found.form = "openbsd-amd";
    found.complete = true;
    found.used = if flags.is_some() { [0].to_vec() } else { Vec::new() };
    Some(found)
}

fn openbsd_timeout(here: &Here<'_>) -> Option<Found> {
    let body = Scan(here.text).after("iotlb invalidation timeout dev=")?;
    let device = body.device()?;
    let address = body.after("address=")?.hex()?;
    let text =
        format!("AMD-Vi: Event logged [IOTLB_INV_TIMEOUT device={} address={address:#x}]", device.text);
    let mut found = amd::event(&Here { text: &text, system: System::OpenBsd, ..*here })?;
    found.form = "openbsd-amd-timeout";
    found.used.clear();
    Some(found)
}

/// `IOMMU: DMA read page fault from 0x100 (bus: 0x1/dev: 0x0/fun: 0x0) on address 0x0:79000000 with reason code 0x6`.
fn sel4(here: &Here<'_>) -> Option<Found> {
    let body = Scan(here.text).after("IOMMU: DMA ")?;
    let write = match body.word() {
        "read" => false,
        "write" => true,
        _ => return None,
    };
    let part = |key: &str| body.after(key).and_then(Scan::hex);
    let bus = part("bus: ").or_else(|| part("bus="))?;
    let device = part("dev: ").or_else(|| part("dev="))?;
    let function = part("fun: ").or_else(|| part("fun="))?;
    if bus > 255 || device > 31 || function > 7 {
        return None;
    }
    let address = body.after("on address ")?;
    let (high, low) = (address.hex()?, address.after(":")?.hex()?);
    let reason = body.after("reason code ")?.hex()?;
    let id = RequesterId::bdf(bus as u8, device as u8, function as u8);
    vtd_record(write, id, high << 32 | low & 0xffff_ffff, reason, ("sel4-vtd", System::SeL4), here)
}

/// `Fault: hi=0xc0000006000000a0, reason=0x6, type=0x1, AT=0x0, EXE=0x0, PRIV=0x0, PP=0x0, Source=0xa0, info=0xcaffe`: the
/// upper half of the record (VT-d 11.4.14.1) has all but the page.
fn genode(here: &Here<'_>) -> Option<Found> {
    let body = Scan(here.text);
    let high = body.after("Fault: hi=")?.hex()?;
    let page = body.after("info=")?.hex().filter(|page| page >> 52 == 0)?;
    let source = RequesterId::new(high as u32 & 0xffff);
    vtd_record(
        high >> 62 & 1 == 0,
        source,
        page << 12,
        high >> 32 & 0xff,
        ("genode-vtd", System::Genode),
        here,
    )
}

/// `IOMMU Fault detected for 0000:da:00.0 (vmgfx0/1a2b) IOaddr: 0xa2fc6a000 Mask: 0x6`.
fn esxi(here: &Here<'_>) -> Option<Found> {
    let body = Scan(here.text).after("IOMMU Fault detected for ")?;
    let device = body.device()?;
    let address = body.after("IOaddr: ").and_then(Scan::hex);
    let fault =
        Fault { device: Some(device.id), segment: device.wide_segment(), address, ..Fault::default() };
    let title = Phrase::new(
        format!("ESXi: the IOMMU refused an access of {}", device.text),
        format!("ESXi：IOMMU 拒绝了 {} 的访问", device.text),
    );
    let mut found = Found::fault(fault, Arch::Hypervisor, "esxi-fault", title);
    found.complete = address.is_some();
    found.causes = PLAIN;
    hints::device(&mut found, Arch::Hypervisor, device.text, false);
    if let Some(name) = body.after("(").and_then(|name| name.before(")")) {
        found.certain(
            Text::new("name", "名称"),
            name.0,
            Text::new("as ESXi calls the device, and its driver's number", "ESXi 中的设备名与驱动编号"),
        );
    }
    if let Some(address) = address {
        found.certain(
            Text::new("address", "地址"),
            format!("{address:#x}"),
            Text::new("the address that the device sent", "设备发出的地址"),
        );
        hints::address(&mut found, address);
    }
    if let Some(mask) = body.after("Mask: ").and_then(Scan::hex) {
        found.certain(
            Text::new("mask", "掩码"),
            format!("{mask:#x}"),
            Text::new("as printed; ESXi does not say what it means", "原样打印；ESXi 未说明其含义"),
        );
    }
    Some(found)
}

/// `DMAR Fault IOMMU Unit #0: R/W=R, Device 00:02.0 Faulting addr = 0x1000 Fault Reason = 0x0c -> ...`.
fn esxi_intel(here: &Here<'_>) -> Option<Found> {
    let body = Scan(here.text).after("DMAR Fault IOMMU Unit")?;
    let write = body.after("R/W=")?.0.starts_with('W');
    let device = body.after("Device ")?.device()?;
    let address = body.after("Faulting addr = ")?.hex()?;
    let reason = body.after("Fault Reason = ")?.hex()?;
    vtd_record(write, device.id, address, reason, ("esxi-dmar", System::Esxi), here)
}

/// `0000:0b:00.0 root @ 21f0ad (3 levels) dfn=fe0a9` and `L3[003] = 0 np` below it: Xen's own walk.
fn xen_amd_walk(here: &Here<'_>) -> Option<Found> {
    // The device may be hidden in the paste.
    let device = Scan(here.text).device();
    let name = device.map_or("?", |device| device.text);
    let body = Scan(here.text).after(" root @ ")?;
    let root = body.hex()?;
    let page = body.after("dfn=")?.hex()?;
    let mut found = Found::status(
        Arch::AmdVi,
        "xen-amd-walk",
        Phrase::new(
            format!("AMD-Vi: Xen's walk of {:#x} for {name}", page << 12),
            format!("AMD-Vi：Xen 为 {name} 查 {:#x} 的各级表", page << 12),
        ),
    );
    found.system = System::Xen;
    found.kind = Kind::Tables;
    found.join = Join::More;
    found.device = device.map(|device| device.text.into());
    found.certain(
        Text::new("root", "页表根"),
        format!("{:#x}", root << 12),
        Text::new("where the tables begin", "顶级页表的位置"),
    );
    let mut last = None;
    for (offset, line) in here.rest.iter().enumerate().take(8) {
        let Some(rest) = line.text.strip_prefix('L') else { break };
        let Some((index, value)) = rest.split_once("] = ") else { break };
        let Some(value) = Scan(value).hex() else { break };
        found.used.push(offset);
        let meaning = match (value, value & 1) {
            (0, _) => Phrase::new("empty: not present", "空：不存在"),
            (_, 0) => Phrase::new("not present (PR = 0)", "不存在（PR = 0）"),
            _ => {
                // Host page table entry: IR 61, IW 62 (48882, 2.2.3).
                let (read, write) = (value >> 61 & 1, value >> 62 & 1);
                Phrase::new(
                    format!("to {:#x}, IR={read} IW={write}", value & 0xf_ffff_ffff_f000),
                    format!("指向 {:#x}，IR={read} IW={write}", value & 0xf_ffff_ffff_f000),
                )
            }
        };
        last = Some(value);
        found.certain(Text::new("paging entry", "页表项"), format!("L{index}] = {value:#x}"), meaning);
    }
    match last {
        Some(value) if value & 1 == 0 => found.clue(Clue::EntryEmpty),
        Some(value) if value >> 61 & 3 != 3 => found.clue(Clue::EntryOtherRight),
        _ => {}
    }
    Some(found)
}

/// `print_vtd_entries: iommu #0 dev 0000:00:1f.2 gmfn 7e` and Xen's walk below it.
fn xen_vtd_walk(here: &Here<'_>) -> Option<Found> {
    let body = Scan(here.text).after("print_vtd_entries:")?;
    let device = body.after("dev ")?.device()?;
    let page = body.after("gmfn ")?.hex()?;
    let mut found = Found::status(
        Arch::VtD,
        "xen-vtd-walk",
        Phrase::new(
            format!("VT-d: Xen's walk of {:#x} for {}", page << 12, device.text),
            format!("VT-d：Xen 为 {} 查 {:#x} 的各级表", device.text, page << 12),
        ),
    );
    found.system = System::Xen;
    found.kind = Kind::Tables;
    found.join = Join::More;
    found.device = Some(device.text.into());
    for (offset, line) in here.rest.iter().enumerate().take(12) {
        let text = line.text.trim();
        let ours =
            ["root_entry", "context", "l1", "l2", "l3", "l4", "l5"].iter().any(|name| text.starts_with(name));
        if !ours {
            break;
        }
        found.used.push(offset);
        if text.ends_with("not present") {
            found.clue(Clue::EntryEmpty);
        }
        let (name, value) = text.split_once(" = ").unwrap_or((text, ""));
        let value = if value.is_empty() { name } else { value };
        found.certain(Text::new("entry", "表项"), value, Phrase::same(name));
    }
    Some(found)
}
