//! RISC-V IOMMU: the fault report of Linux (since v6.13).

use super::causes::*;
use super::evidence::Clue;
use super::fault::{Access, Arch, Fault};
use super::forms::Form;
use super::found::{Format, Found, Here, MISSING};
use super::hints;
use super::scan::Scan;
use super::scenario::Sketch;
use crate::addr::RequesterId;
use crate::iommu::riscv::faults;
pub(super) use crate::iommu::riscv::faults::by_code;
use crate::spec::{Phrase, Text};
use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;

pub(super) static FORMAT: Format = Format {
    forms: FORMS,
    readers: &[("devid: ", fault), ("command execution timeout", status), ("fault queue", status)],
    patterns: &[],
    codes: || faults::ALL.iter().map(|cause| cause.code).collect::<Vec<_>>(),
    causes,
};

static FORMS: &[Form] = &[
    Form {
        name: "riscv-linux",
        arch: Arch::RiscV,
        wording: "riscv,iommu * Fault * devid: * iotval: * iotval2: *",
        source:
            "Linux v6.13 and later; the cause in decimal; iommu_pci in front where the unit is a PCI device",
    },
    Form {
        name: "riscv-timeout",
        arch: Arch::RiscV,
        wording: "riscv,iommu * Hardware error: command execution timeout",
        source: "Linux v6.13 and later",
    },
];

/// What was wanted, as far as the cause tells: the causes from 256 on are the same for every access.
pub(super) fn access_of(code: u16) -> Option<Access> {
    match code {
        1 | 12 | 20 => Some(Access::Execute),
        4 | 5 | 13 | 21 => Some(Access::Read),
        6 | 7 | 15 | 23 => Some(Access::Write),
        _ => None,
    }
}

/// `Fault 13 devid: 0x100 iotval: 1000 iotval2: 0`: the cause in decimal, the values in hexadecimal without `0x`.
fn fault(here: &Here<'_>) -> Option<Found> {
    let body = Scan(here.text).after("Fault ")?;
    let code = u16::try_from(body.number()?).ok()?;
    let device = u32::try_from(body.after("devid:")?.hex()?).ok()?;
    let iotval = body.after("iotval:").and_then(Scan::hex);
    let iotval2 = body.after("iotval2:").and_then(Scan::hex);
    let mut found = report(code, RequesterId::new(device), iotval, iotval2, "riscv-linux");
    found.complete = iotval2.is_some();
    Some(found)
}

/// A fault by its numbers, as Linux and QEMU print them.
pub(super) fn report(
    code: u16,
    device: RequesterId,
    iotval: Option<u64>,
    iotval2: Option<u64>,
    form: &'static str,
) -> Found {
    let known = by_code(code);
    let access = access_of(code);
    let guest = matches!(code, 20 | 21 | 23);
    let fault = Fault {
        code: Some(code),
        known,
        device: Some(device),
        access,
        // What iotval holds when no transaction address belongs to the cause (section 4.2) is not an address.
        address: iotval,
        second: iotval2.filter(|_| guest).map(|v| v & !3),
        ..Fault::default()
    };
    let name = known.map_or("unknown cause", |known| known.name);
    let title = Phrase::new(
        format!("RISC-V IOMMU cause {code}: {name}"),
        format!("RISC-V IOMMU 原因码 {code}：{}", known.map_or("未知", |known| known.text.zh)),
    );
    let mut found = Found::fault(fault, Arch::RiscV, form, title);
    found.causes = causes(&fault);
    hints::fault(&mut found, &fault);
    found.certain(
        Text::new("cause", "原因码"),
        format!("{code} {name}"),
        known.map_or(Text::new("not a cause of the specification", "不是规范中的原因码"), |known| {
            known.text
        }),
    );
    hints::device(&mut found, Arch::RiscV, &format!("{:#x}", device.raw()), false);
    match access {
        Some(access) => found.certain(
            Text::new("access", "访问"),
            access.text(),
            Text::new("follows from the cause", "由原因码可知"),
        ),
        None => found.inferred(
            Text::new("access", "访问"),
            MISSING,
            Text::new(
                "not printed: the record says what kind of access it was (field TTYP), this message does not",
                "记录里的 TTYP 字段写明是哪种访问，但内核没有打印",
            ),
        ),
    }
    if device.raw() > 0 && device.raw() <= 0xffff {
        found.inferred(
            Text::new("as a PCI number", "换算成 PCI 编号"),
            RequesterId::new(device.raw()).to_string(),
            Text::new(
                "if firmware maps PCI numbers to device_ids one to one",
                "前提是固件让 device_id 等于 BDF",
            ),
        );
    }
    if let Some(iotval) = iotval {
        found.certain(
            Text::new("iotval", "iotval"),
            format!("{iotval:#x}"),
            Text::new("the IOVA of the transaction", "该事务的 IOVA"),
        );
        hints::address(&mut found, iotval);
    }
    // IMSICs are below 4 GiB in the platforms that Linux runs on; buffers come from the top of that space.
    if code == 15 && iotval.is_some_and(|at| at & 0xfff == 0 && (0x2000_0000..0x4000_0000).contains(&at)) {
        found.clue(Clue::MessageTarget);
    }
    match code {
        258 | 266 => found.clue(Clue::NoDomain),
        13 => {
            found.clue(Clue::NoPasid);
            // Seen with Linux 7.3: a buffer for the other direction is readable all the same.
            found.clue(Clue::ReadableAnyway);
        }
        15 => found.clue(Clue::NoPasid),
        _ => {}
    }
    if let Some(iotval2) = iotval2 {
        let (value, meaning) = if guest {
            let implicit = iotval2 & 1 == 1;
            (
                format!("{:#x}", iotval2 & !3),
                match (implicit, iotval2 & 2 == 2) {
                    (false, _) => Text::new(
                        "the guest-physical address of the access itself",
                        "该访问自身的客户机物理地址",
                    ),
                    (true, false) => Text::new(
                        "the guest-physical address of a first-stage table that was being read",
                        "正在读取的第一阶段页表的客户机物理地址",
                    ),
                    (true, true) => Text::new(
                        "the guest-physical address of a first-stage table that was being written (A or D)",
                        "正在写入（A 或 D）的第一阶段页表的客户机物理地址",
                    ),
                },
            )
        } else if iotval2 != 0 && Some(iotval2) == iotval {
            (
                format!("{iotval2:#x}"),
                Text::new(
                    "the specification has 0 here; QEMU (seen in 11.1.3) repeats the IOVA",
                    "规范规定此处为 0；QEMU（11.1.3 如此）会在这里再写一遍 IOVA",
                ),
            )
        } else {
            (format!("{iotval2:#x}"), Text::new("holds nothing for this cause", "这个原因不用此字段"))
        };
        found.certain(Text::new("iotval2", "iotval2"), value, meaning);
    }
    found.scenario = Some(Sketch::Of(Arch::RiscV, fault));
    found
}

/// Messages about the unit itself.
fn status(here: &Here<'_>) -> Option<Found> {
    here.text.contains("Hardware error").then(|| {
        let title =
            Phrase::new("RISC-V IOMMU: commands were not finished in time", "RISC-V IOMMU：命令没有及时完成");
        let mut found = Found::status(Arch::RiscV, "riscv-timeout", title);
        found.causes = &[&DEVICE_GONE, &BAD_DESCRIPTOR];
        found
    })
}

/// The causes of a code, in the order that holds without evidence (RISC-V IOMMU 4.2).
pub(super) fn causes(fault: &Fault) -> &'static [&'static Cause] {
    // An interrupt file of an IMSIC is a page of its own; messages go to its first word.
    let message = fault.access == Some(Access::Write) && fault.address.is_some_and(|at| at & 0xfff == 0);
    match fault.code {
        Some(1 | 5 | 7) => &[&TABLE_UNREADABLE, &CORRUPTED, &PHYSICAL_ADDRESS],
        Some(4 | 6) => &[&MISALIGNED, &CORRUPTED],
        Some(12) => &[&NO_EXECUTE, &PROCESS_UNMAPPED, &UNMAPPED_EARLY],
        Some(15) if message => &[&UNMAPPED_EARLY, &NEVER_MAPPED, &MSI_UNMAPPED, &WRONG_DIRECTION],
        Some(13 | 15) => &[&UNMAPPED_EARLY, &NEVER_MAPPED, &WRONG_DIRECTION, &ACCESS_FLAG],
        Some(20 | 21 | 23) => &[&STAGE2_HOLE, &NEVER_MAPPED, &BAD_ENTRY],
        Some(256) => &[&UNIT_OFF, &STALE_RING, &NOT_ATTACHED],
        Some(257 | 261 | 265) => &[&TABLE_UNREADABLE, &CORRUPTED, &COPIED_TABLES],
        Some(258) => &[&NOT_ATTACHED, &ALIAS, &NOT_FLUSHED],
        Some(259 | 263 | 267) => &[&BAD_ENTRY, &CORRUPTED, &NOT_FLUSHED],
        Some(260) => &[&TYPE_BLOCKED, &PASID_CONFIG, &ATS_BLOCKED],
        Some(262) => &[&IR_NOT_PRESENT, &NEVER_MAPPED, &IR_CONFIG],
        Some(264) => &[&TABLE_UNREADABLE, &MISALIGNED, &CORRUPTED],
        Some(266) => &[&PASID_NOT_BOUND, &PASID_CONFIG, &NOT_FLUSHED],
        Some(268..=274) => &[&MEMORY_ERROR, &CORRUPTED],
        _ => &[&CORRUPTED, &BAD_ENTRY],
    }
}
