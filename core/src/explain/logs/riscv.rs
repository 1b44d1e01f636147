//! RISC-V IOMMU: the fault report of Linux (since v6.13).

use super::causes;
use super::fault::{Access, Arch, Fault};
use super::hints;
use super::items::{Found, Kind};
use super::scan::{unquoted, Scan};
use super::scenario;
use crate::addr::RequesterId;
use crate::spec::{FaultCode, Phrase, Text};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// The cause, in the table of the RISC-V room.
pub(super) fn by_code(code: u16) -> Option<&'static FaultCode> {
    super::riscv_codes::CAUSES.iter().find(|cause| cause.code == code)
}

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
pub(super) fn fault(lines: &[&str]) -> Option<Found> {
    let body = Scan(unquoted(lines.first()?)).after("Fault ")?;
    let code = body.number()? as u16;
    let device = body.after("devid:")?.hex()? as u32;
    let iotval = body.after("iotval:")?.hex()?;
    let iotval2 = body.after("iotval2:").and_then(Scan::hex).unwrap_or(0);
    Some(report(code, RequesterId::new(device), iotval, Some(iotval2), 1, "riscv-linux"))
}

/// A fault by its numbers, as Linux and QEMU print them.
pub(super) fn report(
    code: u16,
    device: RequesterId,
    iotval: u64,
    iotval2: Option<u64>,
    taken: usize,
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
        address: Some(iotval),
        second: iotval2.filter(|_| guest).map(|v| v & !3),
        ..Fault::default()
    };
    let name = known.map_or("unknown cause", |known| known.name);
    let mut found = Found {
        taken,
        kind: Kind::Fault(fault),
        arch: Arch::RiscV,
        form,
        title: Phrase::new(
            format!("RISC-V IOMMU cause {code}: {name}"),
            format!("RISC-V IOMMU 原因 {code}：{}", known.map_or("未知", |known| known.text.zh)),
        ),
        fields: Vec::new(),
        causes: causes::of(Arch::RiscV, &fault),
        scenario: None,
    };
    found.certain(
        Text::new("cause", "原因"),
        format!("{code} {name}"),
        known.map_or(Text::new("not a cause of the specification", "不是规范中的原因"), |known| {
            known.text
        }),
    );
    hints::device(&mut found, Arch::RiscV, &format!("{:#x}", device.raw()), false);
    match access {
        Some(access) => found.certain(
            Text::new("access", "访问"),
            access.text(),
            Text::new("follows from the cause", "由原因可知"),
        ),
        None => found.inferred(
            Text::new("access", "访问"),
            "?",
            Text::new(
                "not printed: TTYP is in the record but not in this message",
                "未打印：TTYP 在记录中，但不在此消息里",
            ),
        ),
    }
    found.certain(
        Text::new("iotval", "iotval"),
        format!("{iotval:#x}"),
        Text::new("the IOVA of the transaction", "该事务的 IOVA"),
    );
    hints::address(&mut found, iotval);
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
                        "正在读取的第一级页表的客户机物理地址",
                    ),
                    (true, true) => Text::new(
                        "the guest-physical address of a first-stage table that was being written (A or D)",
                        "正在写入（A 或 D）的第一级页表的客户机物理地址",
                    ),
                },
            )
        } else {
            (format!("{iotval2:#x}"), Text::new("holds nothing for this cause", "对此原因没有内容"))
        };
        found.certain(Text::new("iotval2", "iotval2"), value, meaning);
    }
    found.scenario = scenario::of(Arch::RiscV, &fault);
    found
}

/// Messages about the unit itself.
pub(super) fn status(lines: &[&str]) -> Option<Found> {
    lines.first()?.contains("Hardware error").then(|| {
        let mut found = Found::status(
            1,
            Arch::RiscV,
            "riscv-timeout",
            Phrase::new(
                String::from("RISC-V IOMMU: commands were not finished in time"),
                String::from("RISC-V IOMMU：命令没有及时完成"),
            ),
        );
        found.causes = [&causes::DEVICE_GONE, &causes::BAD_DESCRIPTOR].to_vec();
        found
    })
}
