//! VT-d: which link to break for each fault reason (VT-d 7.1.3, 5.1.4.1).

use super::{hex, request, Draft, NOWHERE, POINTER};
use crate::explain::logs::fault::{Access, Entry, Fault};
use alloc::format;
use alloc::string::String;

/// What the log gives, with what it leaves open filled in.
struct Given {
    code: u16,
    address: u64,
    page: u64,
    pasid: Option<u32>,
    access: Access,
    devfn: u8,
    index: u16,
    entry: Option<Entry>,
}

/// The tables that a code speaks of.
#[derive(Clone, Copy, PartialEq)]
enum Base {
    /// Root and context table, second stage.
    Legacy,
    /// Scalable mode, a second-stage domain.
    Second,
    /// Scalable mode: a process's tables with a PASID, a first-stage domain without.
    First,
    /// Scalable mode: a process of a guest.
    Nested,
}

pub(super) fn draft(fault: &Fault) -> Option<Draft> {
    let code = fault.code?;
    fault.known?;
    let device = fault.device.unwrap_or(crate::addr::RequesterId::bdf(0, 3, 0));
    let device = crate::addr::RequesterId::new(u32::from(device.bdf16()));
    let address = fault.address.unwrap_or(0);
    let given = Given {
        code,
        address,
        page: address & !0xfff,
        pasid: fault.pasid,
        // A reason that names the access is surer than the message's word for it (an AtomicOp is printed as a read).
        access: match code {
            0x05 | 0x85 => Access::Write,
            0x06 | 0x86 => Access::Read,
            _ => fault.access.unwrap_or(Access::Read),
        },
        devfn: device.devfn(),
        index: fault.index.unwrap_or(0),
        entry: fault.entry,
    };
    let interrupt = matches!(code, 0x20..=0x28);
    if !interrupt && matches!(address, 0xfee0_0000..=0xfeef_ffff) != (code == 0x29) {
        // Such an address never reaches the tables.
        return None;
    }
    let mut draft = if interrupt { interrupts(&given)? } else { memory(&given)? };
    draft.device = format!("dev {device}{}", draft.device);
    let name = fault.known?.name;
    let (en, zh) = (fault.known?.text.en, fault.known?.text.zh);
    let at = if interrupt { String::new() } else { format!(" {}", hex(given.address)) };
    draft.title = (
        format!("From a log: {device}{at}, reason {code:#04x} {name}: {en}"),
        format!("来自日志：{device}{at}，原因 {code:#04x} {name}：{zh}"),
    );
    Some(draft)
}

/// The address width of the tables in which `code` can happen at `address`; none if in none of them.
fn width(code: u16, address: u64, base: Base) -> Option<u8> {
    if matches!(code, 0x04 | 0x83) {
        if base == Base::First {
            return None;
        }
        return [39, 48].into_iter().find(|&bits| address >> bits != 0);
    }
    if code == 0x80 {
        // The first stage has four levels here: bits 63:47 must be alike.
        let top = (address as i64) >> 47;
        return (top != 0 && top != -1).then_some(48);
    }
    match base {
        Base::Legacy | Base::Second => [48, 57].into_iter().find(|&bits| address >> bits == 0),
        Base::First | Base::Nested => (address >> 47 == 0).then_some(48),
    }
}

fn base(code: u16, pasid: Option<u32>) -> Base {
    match code {
        0x01..=0x0e | 0x29..=0x32 => Base::Legacy,
        0x70..=0x73 | 0x80..=0x82 | 0x5c | 0x5d => Base::First,
        0x74..=0x77 | 0x84 => Base::Nested,
        // The others happen with either; a PASID in the log decides.
        // A second stage behind a PASID is the one below a guest's process.
        0x78..=0x7b if pasid.is_some() => Base::Nested,
        _ if pasid.is_some() => Base::First,
        _ => Base::Second,
    }
}

fn memory(given: &Given) -> Option<Draft> {
    let code = given.code;
    let base = base(code, given.pasid);
    let needs_pasid = matches!(code, 0x31 | 0x45 | 0x46 | 0x5c | 0x5d | 0x82) || base == Base::Nested;
    // Legacy mode knows no PASID: what comes with one never gets to its tables.
    let logged = given.pasid.filter(|_| base != Base::Legacy || matches!(code, 0x30..=0x32));
    let pasid = logged.or(needs_pasid.then_some(1));
    let asks_first = matches!(code, 0x0d | 0x44);
    let asks_page = matches!(code, 0x32 | 0x47);
    let bits = width(code, given.address, base)?;

    let mode = if base == Base::Legacy { "legacy" } else { "scalable" };
    let mut draft = Draft::new(format!("vt-d {mode} width {bits}"));
    // RTA.3: a unit in legacy mode takes no page requests; the device makes one all the same.
    for (flag, on) in [(" ats", asks_first || asks_page), (" pri", asks_page && base != Base::Legacy)] {
        if on {
            draft.machine.push_str(flag);
        }
    }
    for (flag, on) in [(" pasid", pasid.is_some()), (" ats", asks_first || asks_page), (" pri", asks_page)] {
        if on {
            draft.device.push_str(flag);
        }
    }
    // Which tables, under which name.
    let processes = base == Base::Nested || base == Base::First && pasid.is_some();
    let space = if processes { "app" } else { "d0" };
    let bound = pasid.filter(|_| base != Base::Legacy);
    match (base, bound) {
        (Base::Nested, Some(pasid)) => {
            draft.more.push("vm guest ram 0 +64M at 0x4000_0000".into());
            draft.more.push(format!("process app in guest pasid {pasid}"));
            draft.step("attach dev to guest");
            draft.step(format!("bind dev to app pasid {pasid}"));
        }
        (Base::First | Base::Second, Some(pasid)) => {
            draft.more.push(format!("process app pasid {pasid}"));
            draft.step(format!("bind dev to app pasid {pasid}"));
        }
        _ => {
            draft.step(format!("domain d0 stage {}", if base == Base::First { 1 } else { 2 }));
            draft.step("attach dev to d0");
        }
    }
    let space = if bound.is_some() { "app" } else { space };
    let mapped = !matches!(code, 0x04 | 0x29 | 0x80 | 0x83);
    let to = match code {
        0x0e | 0x87 => " -> 0xfee0_0000",
        // A page of the guest that holds none of its tables.
        0x78..=0x7a if base == Base::Nested => GUEST_PAGE_TO,
        _ => "",
    };
    let rights = if code == 0x85 { "r" } else { "rw" };
    if mapped {
        draft.step(format!("map {space} {} +4K{to} {rights}", hex(given.page)));
    }
    if base == Base::Nested && matches!(code, 0x78..=0x7a) {
        below_guest(code, &mut draft);
    } else {
        breaking(given, &mut draft, space, bound)?;
    }
    let extra = match code {
        0x5c | 0x82 => " execute",
        0x5d => " privileged",
        _ => "",
    };
    let clause = pasid.map_or(String::new(), |pasid| format!(" pasid {pasid}"));
    if asks_first {
        draft.step(format!("ats dev {} +4K{clause}", hex(given.page)));
    } else if asks_page {
        let verb = if given.access == Access::Write { "write" } else { "read" };
        draft.step(format!("page-request dev {verb} {}{clause}", hex(given.page)));
    } else {
        draft.step(request(given.access, given.address, pasid, extra));
    }
    match code {
        // The record of an interrupt fault has an index in place of the address.
        0x29 => draft.step("expect fault 0x29"),
        _ => draft.step(format!("expect fault {code:#x} at {}", hex(given.page))),
    }
    Some(draft)
}

/// A guest-physical page, as a target of `map` and by itself.
const GUEST_PAGE_TO: &str = " -> 0x300_0000";
const GUEST_PAGE: &str = "0x300_0000";

/// Breaks the second stage below the page, and only there: the guest's own tables stay readable.
fn below_guest(code: u16, draft: &mut Draft) {
    match code {
        0x78 => {
            draft.step(format!("entry page guest {GUEST_PAGE} level 2 clear {}", hex(POINTER)));
            draft.step(format!("entry page guest {GUEST_PAGE} level 2 set {}", hex(NOWHERE)));
        }
        0x79 => draft.step(format!("unmap guest {GUEST_PAGE} +4K")),
        _ => draft.step(format!("entry page guest {GUEST_PAGE} level 1 set 0x8_0000_0000_0000")),
    }
}

/// The statements that break the link that the reason names.
fn breaking(given: &Given, draft: &mut Draft, space: &str, pasid: Option<u32>) -> Option<()> {
    let code = given.code;
    let at = hex(given.page);
    let pasid = pasid.map_or(String::new(), |pasid| format!(" pasid {pasid}"));
    let upper = if code >= 0x38 && given.devfn >= 0x80 { " word 1" } else { "" };
    let nowhere = hex(NOWHERE);
    let pointer = hex(POINTER);
    // A pointer is replaced in two edits: first away, then in.
    let redirect = |draft: &mut Draft, entry: &str, to: &str| {
        draft.step(format!("{entry} clear {pointer}"));
        draft.step(format!("{entry} set {to}"));
    };
    // RTADDR_REG, then GCMD_REG with TE, SRTP and QIE.
    let root = |draft: &mut Draft, value: u64| {
        draft.step(format!("register write RTADDR_REG {}", hex(value)));
        draft.step("register write GCMD_REG 0xc400_0000");
    };
    match code {
        0x01 | 0x39 => draft.step(format!("entry device dev level 2{upper} clear 1")),
        0x02 | 0x41 => draft.step("entry device dev clear 1"),
        0x03 => draft.step("entry device dev word 1 set 7"),
        0x05 | 0x06 | 0x71 | 0x79 => match given.entry {
            Some(entry) if entry.level <= 4 => {
                draft.note("The entry as the log shows it.", "日志中给出的表项。");
                draft.step(format!(
                    "entry page {space} {at} level {} value {}",
                    entry.level,
                    hex(entry.value)
                ));
            }
            _ => {
                draft.note("Mapped and used in time: it works.", "在映射期间使用：正常。");
                draft.step(request(given.access, given.address, parsed(&pasid), ""));
                draft.step("expect fault none");
                draft.note(
                    "The likeliest story: the mapping goes, the device does not know.",
                    "最可能的情形：映射已撤销，设备却不知道。",
                );
                draft.step(format!("unmap {space} {at} +4K"));
            }
        },
        0x07 | 0x70 | 0x78 => redirect(draft, &format!("entry page {space} {at} level 2"), &nowhere),
        0x08 => root(draft, NOWHERE),
        0x38 => root(draft, NOWHERE | 0x400),
        0x30 => root(draft, 0x800),
        0x09 | 0x40 => draft.step(format!("entry device dev level 2{upper} value {}", hex(NOWHERE | 1))),
        0x0a | 0x3a => draft.step(format!("entry device dev level 2{upper} set 2")),
        0x0b => draft.step("entry device dev word 1 set 0x80"),
        0x42 => draft.step("entry device dev word 1 set 0x8000_0000_0000_0000"),
        0x0c | 0x72 | 0x7a => {
            draft.step(format!("entry page {space} {at} level 1 set 0x8_0000_0000_0000"));
        }
        0x0d => draft.step("entry device dev clear 0xc"),
        0x44 => draft.step("entry device dev clear 4"),
        0x45 => draft.step("entry device dev clear 8"),
        0x46 if given.pasid.is_none_or(|pasid| pasid < 1 << 13) => return None,
        0x46 => draft.step("entry device dev clear 0xe00"),
        0x47 => draft.step("entry device dev clear 0x10"),
        0x48 => {
            draft.step("entry device dev clear 0xe00");
            draft.step("entry device dev word 1 set 0xf_ffff");
        }
        0x50 => redirect(draft, "entry device dev", &nowhere),
        0x51 => draft.step(format!("entry process dev{pasid} level 2 clear 1")),
        0x52 => draft.step(format!("entry process dev{pasid} level 2 set 4")),
        0x58 => redirect(draft, &format!("entry process dev{pasid} level 2"), &nowhere),
        0x59 => draft.step(format!("entry process dev{pasid} clear 1")),
        0x5a => draft.step(format!("entry process dev{pasid} set 0x400")),
        0x5b => draft.step(format!("entry process dev{pasid} set 0x1c0")),
        0x5c => draft.step(format!("entry process dev{pasid} word 2 clear 2")),
        0x5d => draft.step(format!("entry process dev{pasid} word 2 clear 1")),
        0x73 => redirect(draft, &format!("entry process dev{pasid} word 2"), &nowhere),
        0x7b => redirect(draft, &format!("entry process dev{pasid}"), &nowhere),
        // Guest-physical addresses past the guest's memory.
        0x75 => redirect(draft, &format!("entry process dev{pasid} word 2"), "0x8000_0000"),
        0x76 => redirect(draft, &format!("entry page {space} {at} level 2"), "0x8000_0000"),
        0x81 => draft.step(format!("entry page {space} {at} level 1 clear 4")),
        0x82 => {
            draft.step(format!("entry process dev{pasid} word 2 set 0x22"));
            draft.step(format!("entry page {space} {at} level 1 set 0x8000_0000_0000_0000"));
        }
        0x86 => {
            // Only the second stage can allow a write and not a read.
            if space != "d0" {
                return None;
            }
            draft.step(format!("entry page {space} {at} level 1 clear 1"));
        }
        0x04 | 0x0e | 0x29 | 0x31 | 0x32 | 0x80 | 0x83 | 0x85 | 0x87 => {}
        _ => return None,
    }
    Some(())
}

/// The number in ` pasid N`.
fn parsed(clause: &str) -> Option<u32> {
    clause.rsplit(' ').next()?.parse().ok()
}

fn interrupts(given: &Given) -> Option<Draft> {
    let index = given.index;
    let mut draft = Draft::new("vt-d interrupt-remapping on");
    draft.more.push("  vectors 1".into());
    draft.step("domain d0");
    draft.step("attach dev to d0");
    let entry = format!("interrupt {index} vector 0x41 source dev");
    let send = format!("msi dev entry {index}");
    let handle = u64::from(index & 0x7fff) << 5 | u64::from(index >> 15) << 2;
    match given.code {
        0x20 => {
            draft.note(
                "Bits 31:16 of the data must be 0 in the remappable format.",
                "可重映射格式中数据的位 31:16 必须为 0。",
            );
            draft.step(entry);
            draft.step(format!("msi dev address {} data 0x1_0000", hex(0xfee0_0018 | handle)));
        }
        0x21 => draft.step(send),
        0x22 => {
            draft.step(format!("{entry} not-present"));
            draft.step(send);
        }
        0x23 => {
            draft.step(entry);
            draft.step(format!("register write IRTA_REG {}", hex(NOWHERE | 0xf)));
            draft.step("register write GCMD_REG 0x8700_0000");
            draft.step(send);
        }
        0x25 => draft.step("msi dev vector 0x41"),
        0x26 => {
            let other = if given.devfn == 0xff { "00:1f.6" } else { "00:1f.7" };
            draft.step(format!("interrupt {index} vector 0x41 source {other}"));
            draft.step(send);
        }
        _ => return None,
    }
    draft.step("expect interrupt none");
    draft.step(format!("expect fault {:#x}", given.code));
    Some(draft)
}
