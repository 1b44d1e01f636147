//! RISC-V: which link to break for each cause (RISC-V IOMMU 4.2).

use super::{hex, request, Draft, NOWHERE};
use crate::explain::logs::fault::{Access, Fault};
use alloc::format;

/// A non-leaf entry that leads nowhere: PPN in bits 53:10, V.
const ENTRY: u64 = NOWHERE >> 12 << 10 | 1;

pub(super) fn draft(fault: &Fault) -> Option<Draft> {
    let code = fault.code?;
    let known = fault.known?;
    let device = fault.device?;
    let address = fault.address?;
    let page = hex(address & !0xfff);
    let access = fault.access.unwrap_or(Access::Read);
    // Sv48: canonical addresses of 48 bits; the second stage takes 50 bits.
    let second = matches!(code, 20 | 21 | 23);
    let fits = if second { address >> 48 == 0 } else { address >> 47 == 0 };
    if !fits {
        return None;
    }
    let pasid = match code {
        1 | 12 | 260 | 265..=267 => Some(fault.pasid.unwrap_or(1)),
        _ => fault.pasid,
    };
    let mut draft = Draft::new("riscv");
    // 260 is the device that sends process_ids though its context has no process directory.
    if pasid.is_some() && code != 260 {
        draft.device.push_str(" pasid");
    }
    // Only a request with a process_id can ask to execute.
    let execute = matches!(code, 1 | 12);
    let processes = execute || matches!(code, 265..=267);
    let space = if processes { "app" } else { "d0" };
    match (pasid, code) {
        (Some(pasid), _) if processes => {
            draft.more.push(format!("process app pasid {pasid}"));
            draft.step(format!("bind dev to app pasid {pasid}"));
        }
        _ => {
            draft.step(format!("domain d0 stage {}", if second { 2 } else { 1 }));
            draft.step("attach dev to d0");
        }
    }
    draft.step(format!("map {space} {page} +4K rw"));
    let process = pasid.map(|pasid| format!("entry process dev pasid {pasid}"));
    match code {
        1 | 5 | 7 => draft.step(format!("entry page {space} {page} level 2 value {}", hex(ENTRY))),
        13 | 15 | 21 | 23 => {
            draft.note("Mapped and used in time: it works.", "在映射期间使用：正常。");
            draft.step(request(access, address, None, ""));
            draft.step("expect fault none");
            draft.note(
                "The likeliest story: the mapping goes, the device does not know.",
                "最可能的情形：映射已撤销，设备却不知道。",
            );
            draft.step(format!("unmap d0 {page} +4K"));
        }
        256 => draft.step("register write ddtp 0"),
        // Mapped, but not for execution.
        12 | 260 => {}
        257 => draft.step(format!("entry device dev level 2 value {}", hex(ENTRY))),
        258 => draft.step("entry device dev clear 1"),
        259 => draft.step("entry device dev set 0x1_0000_0000"),
        265 => draft.step(format!("{} level 2 value {}", process?, hex(ENTRY))),
        266 => draft.step(format!("{} clear 1", process?)),
        267 => draft.step(format!("{} set 8", process?)),
        _ => return None,
    }
    draft.step(request(access, address, pasid, if execute { " execute" } else { "" }));
    draft.step(format!("expect fault {code} at {}", hex(address)));
    draft.device = format!("dev {device}{}", draft.device);
    draft.title = (
        format!("From a log: {device} {}, cause {code}: {}", hex(address), known.text.en),
        format!("来自日志：{device} {}，原因 {code}：{}", hex(address), known.text.zh),
    );
    Some(draft)
}
