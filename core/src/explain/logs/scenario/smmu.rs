//! Arm SMMUv3: which link to break for each event (IHI 0070, 7.3).

use super::{hex, request, Draft, NOWHERE};
use crate::addr::RequesterId;
use crate::explain::logs::fault::{Access, Fault};
use alloc::format;
use alloc::string::String;

/// Events whose record has the address of the request.
const fn has_address(code: u16) -> bool {
    matches!(code, 0x05 | 0x07 | 0x0b | 0x10..=0x13)
}

/// EATS in the second word of a stream table entry.
const EATS: &str = "word 1 clear 0x3000_0000";
/// Where a device's translated transaction was before it was translated.
const BEFORE: u64 = 0x10_0000;
/// An address that 32 bits cannot hold: above all RAM of these machines.
const BEYOND_32_BITS: &str = "0x2_0000_0000";

pub(super) fn draft(fault: &Fault) -> Option<Draft> {
    let code = fault.code?;
    let known = fault.known?;
    // On the board here a StreamID is a requester id.
    let device = fault.device.or_else(|| fault.stream.filter(|id| *id <= 0xffff).map(RequesterId::new))?;
    let address = if has_address(code) { fault.address? } else { fault.address.unwrap_or(0x10_0000) };
    let access = fault.access.unwrap_or(Access::Read);
    let second = fault.second.is_some();
    // Of a nested stream the log does not say what stage 1 was.
    // What F_TRANSL_FORBIDDEN is about has been translated: it is physical.
    let (address, physical) = match code {
        0x07 => (BEFORE | address & 0xfff, address),
        _ => (address, address),
    };
    let page = hex(address & !0xfff);
    if physical >> 48 != 0
        || access == Access::Execute
        || fault.second.is_some_and(|ipa| ipa != address & !0xfff)
        // These two do not say which substream.
        || matches!(code, 0x06 | 0x07) && fault.pasid.is_some()
    {
        return None;
    }
    // A request without one meets F_STREAM_DISABLED; a StreamID is refused before there is a SubstreamID to look at.
    let pasid = match code {
        0x06 => None,
        0x08 => Some(fault.pasid.unwrap_or(1)),
        _ => fault.pasid,
    };
    let ats = matches!(code, 0x05 | 0x07);
    let mut draft = Draft::new(if ats { "smmuv3 ats" } else { "smmuv3" });
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
    if ats {
        draft.device.push_str(" ats device-tlb 8");
    }
    draft.step(match code {
        0x07 => format!("map {space} {page} +4K -> {} rw", hex(physical & !0xfff)),
        0x11 => format!("map {space} {page} +4K -> {BEYOND_32_BITS} rw"),
        _ => format!("map {space} {page} +4K rw"),
    });
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
        0x05 | 0x07 => {
            if code == 0x07 {
                draft.note("The device asks once and keeps the answer.", "设备询问一次并保留应答。");
                draft.step(format!("ats dev {page}"));
                draft.step(request(access, address, pasid, ""));
                draft.step("expect fault none");
            }
            draft.note(
                "Its stream table entry lets it use ATS no longer: EATS is 0.",
                "其流表项不再允许 ATS：EATS 为 0。",
            );
            draft.step(format!("entry device dev {EATS}"));
            draft.step("invalidate device-cache");
        }
        0x11 => {
            draft.note(
                "Its tables are to give addresses of 32 bits, and the page is above them.",
                "其页表的输出规定为 32 位，而该页在其之上。",
            );
            // S2PS of the entry, IPS of the descriptor.
            draft.step(match second {
                true => "entry device dev word 2 clear 0x7_0000_0000_0000".into(),
                false => format!("{process} clear 0x7_0000_0000"),
            });
        }
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
    draft.step(match (code, pasid) {
        (0x05, Some(pasid)) => format!("ats dev {page} pasid {pasid}"),
        (0x05, None) => format!("ats dev {page}"),
        _ => request(access, address, pasid, ""),
    });
    // The device asks for pages, and what it asks with has no offset.
    let address = match code {
        0x05 => address & !0xfff,
        0x07 => physical,
        _ => address,
    };
    let at = if has_address(code) { format!(" at {}", hex(address)) } else { String::new() };
    draft.step(format!("expect fault {}{at}", hex(code.into())));
    draft.device = format!("dev {device}{}", draft.device);
    draft.title = (
        format!("From a log: {device} {}, {}: {}", hex(address), known.name, known.text.en),
        format!("来自日志：{device} {}，{}：{}", hex(address), known.name, known.text.zh),
    );
    Some(draft)
}
