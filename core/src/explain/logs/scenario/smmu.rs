//! Arm SMMUv3: which link to break for each event (IHI 0070, 7.3).

use super::{hex, request, Draft, NOWHERE};
use crate::addr::RequesterId;
use crate::explain::logs::fault::{Access, Fault};
use alloc::format;
use alloc::string::String;

/// Events whose record has the address of the request.
const fn has_address(code: u16) -> bool {
    matches!(code, 0x0b | 0x10..=0x13)
}

pub(super) fn draft(fault: &Fault) -> Option<Draft> {
    let code = fault.code?;
    let known = fault.known?;
    // On the board here a StreamID is a requester id.
    let device = fault.device.or_else(|| fault.stream.filter(|id| *id <= 0xffff).map(RequesterId::new))?;
    let address = if has_address(code) { fault.address? } else { fault.address.unwrap_or(0x10_0000) };
    let page = hex(address & !0xfff);
    let access = fault.access.unwrap_or(Access::Read);
    let second = fault.second.is_some();
    // Of a nested stream the log does not say what stage 1 was.
    if address >> 48 != 0
        || access == Access::Execute
        || fault.second.is_some_and(|ipa| ipa != address & !0xfff)
        // With a SubstreamID only number 0 meets F_STREAM_DISABLED, and no process has that.
        || code == 0x06 && fault.pasid.is_some()
    {
        return None;
    }
    // A request without one meets F_STREAM_DISABLED; a StreamID is refused before there is a SubstreamID to look at.
    let pasid = match code {
        0x06 => None,
        0x08 => Some(fault.pasid.unwrap_or(1)),
        _ => fault.pasid,
    };
    let mut draft = Draft::new("smmuv3");
    draft.from = 1 << 30;
    // 08h is the device that sends SubstreamIDs though its entry has room for one descriptor only.
    let processes = code == 0x06 || pasid.is_some() && code != 0x08;
    if second && processes {
        return None;
    }
    let space = if processes { "app" } else { "d0" };
    let number = pasid.unwrap_or(1);
    if processes {
        draft.device.push_str(" pasid");
        draft.more.push(format!("process app pasid {number}"));
        // Requests without a SubstreamID are refused, not those of the process: S1DSS is 00b.
        if code == 0x06 {
            draft.step("attach dev to blocked");
        }
        draft.step(format!("bind dev to app pasid {number}"));
    } else {
        draft.step(format!("domain d0 stage {}", if second { 2 } else { 1 }));
        draft.step("attach dev to d0");
    }
    draft.step(format!("map {space} {page} +4K rw"));
    let process = match processes {
        true => format!("entry process dev pasid {number}"),
        false => "entry process dev".into(),
    };
    let leaf = format!("entry page {space} {page}");
    match code {
        0x02 => draft.step("entry device dev level 2 clear 0x1f"),
        0x03 => draft.step(format!("entry device dev level 2 value {}", hex(NOWHERE | 9))),
        0x04 => draft.step("entry device dev clear 1"),
        // The process is bound, but this request names none.
        0x06 | 0x08 => {}
        0x09 if processes => draft.step(format!("{process} level 2 value {}", hex(NOWHERE | 1))),
        0x09 => draft.step(format!("entry device dev value {}", hex(NOWHERE | 0xb))),
        0x0a => draft.step(format!("{process} clear 0x8000_0000")),
        0x0b => draft.step(format!("{leaf} level 2 value {}", hex(NOWHERE | 3))),
        0x10 => {
            draft.note("Mapped and used in time: it works.", "在映射期间使用：正常。");
            draft.step(request(access, address, pasid, ""));
            draft.step("expect fault none");
            draft.note(
                "The likeliest story: the mapping goes, the device does not know.",
                "最可能的情形：映射已撤销，设备却不知道。",
            );
            draft.step(format!("unmap {space} {page} +4K"));
        }
        0x12 => draft.step(format!("{leaf} clear 0x400")),
        0x13 => draft.step(match (second, access) {
            (false, Access::Write) => format!("{leaf} set 0x80"),
            (false, _) => format!("{leaf} clear 0x40"),
            (true, Access::Write) => format!("{leaf} clear 0x80"),
            (true, _) => format!("{leaf} clear 0x40"),
        }),
        _ => return None,
    }
    draft.step(request(access, address, pasid, ""));
    let at = if has_address(code) { format!(" at {}", hex(address)) } else { String::new() };
    draft.step(format!("expect fault {}{at}", hex(code.into())));
    draft.device = format!("dev {device}{}", draft.device);
    draft.title = (
        format!("From a log: {device} {}, {}: {}", hex(address), known.name, known.text.en),
        format!("来自日志：{device} {}，{}：{}", hex(address), known.name, known.text.zh),
    );
    Some(draft)
}
