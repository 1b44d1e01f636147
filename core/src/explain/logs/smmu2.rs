//! Arm SMMUv1 and v2: the context fault that Linux prints, with its syndrome decoded.
//!
//! Bits are of the Arm System MMU Architecture Specification version 2.0 (IHI 0062), `SMMU_CBn_FSR` and
//! `SMMU_CBn_FSYNR0`.

use super::causes;
use super::fault::{Access, Arch, Fault};
use super::hints;
use super::items::{Found, Kind};
use super::scan::Scan;
use crate::addr::RequesterId;
use crate::spec::{Phrase, Text};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

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

/// `Unhandled context fault: fsr=0x402, iova=0x..., fsynr=0x..., cbfrsynra=0x..., cb=0`.
pub(super) fn context_fault(lines: &[&str]) -> Option<Found> {
    let mut text = String::from(super::scan::unquoted(lines.first()?));
    let mut taken = 1;
    if !text.contains("cb=") {
        if let Some(next) = lines.get(1).filter(|next| !next.contains("context fault")) {
            text.push_str(super::scan::unquoted(next));
            taken = 2;
        }
    }
    let body = Scan(&text).after("context fault:")?;
    let number = |key: &str| body.after(key).and_then(Scan::number);
    let fsr = number("fsr=")?;
    let address = number("iova=")?;
    let fsynr = number("fsynr=");
    let sid = number("cbfrsynra=").map(|sid| sid as u32 & 0xffff);
    // The class in the words of SMMUv3, whose causes are the same.
    let code = match () {
        () if fsr & 0x02 != 0 => 0x10,
        () if fsr & 0x80 != 0 => 0x11,
        () if fsr & 0x04 != 0 => 0x12,
        () if fsr & 0x08 != 0 => 0x13,
        () if fsr & 0x10 != 0 => 0x0b,
        () if fsr & 0x20 != 0 => 0x20,
        () => 0x01,
    };
    let access = fsynr.map(|bits| if bits & 0x10 != 0 { Access::Write } else { Access::Read });
    let fault = Fault {
        code: Some(code),
        device: sid.map(RequesterId::new),
        access,
        address: Some(address),
        ..Fault::default()
    };
    let name = FSR.iter().find(|(bit, ..)| fsr >> bit & 1 == 1).map_or("?", |f| f.1);
    let mut found = Found {
        taken,
        kind: Kind::Fault(fault),
        arch: Arch::SmmuV2,
        form: "smmuv2-context",
        title: Phrase::new(
            format!("SMMUv2 context fault {name} at {address:#x}"),
            format!("SMMUv2 上下文错误 {name}，地址 {address:#x}"),
        ),
        fields: Vec::new(),
        causes: causes::of(Arch::SmmuV2, &fault),
        scenario: None,
    };
    let (mut en, mut zh) = (String::new(), String::new());
    for (_, name, text) in FSR.iter().filter(|(bit, ..)| fsr >> bit & 1 == 1) {
        en.push_str(&format!("{name} {}; ", text.en));
        zh.push_str(&format!("{name} {}；", text.zh));
    }
    found.certain(
        Text::new("fault status (FSR)", "错误状态（FSR）"),
        format!("{fsr:#x}"),
        Phrase::new(String::from(en.trim_end_matches("; ")), String::from(zh.trim_end_matches('；'))),
    );
    found.certain(
        Text::new("input address", "输入地址"),
        format!("{address:#x}"),
        Text::new("the address that the device sent", "设备发出的地址"),
    );
    hints::address(&mut found, address);
    if let (Some(bits), Some(access)) = (fsynr, access) {
        found.certain(
            Text::new("access", "访问"),
            access.text(),
            Phrase::new(
                format!("FSYNR0 {bits:#x}: WNR = {}, level {}", bits >> 4 & 1, bits & 3),
                format!("FSYNR0 {bits:#x}：WNR = {}，级别 {}", bits >> 4 & 1, bits & 3),
            ),
        );
    }
    if let Some(sid) = sid {
        hints::device(&mut found, Arch::SmmuV2, &format!("{sid:#x}"), false);
    }
    if let Some(bank) = number("cb=") {
        found.certain(
            Text::new("context bank", "上下文组"),
            bank,
            Text::new("the translation context that refused", "拒绝访问的转换上下文"),
        );
    }
    Some(found)
}
