//! AMD-Vi: which link to break for each event and its flags (AMD 48882, event log).

use super::{hex, request, Draft, NOWHERE};
use crate::explain::logs::fault::{Access, Fault};
use crate::iommu::amdvi::spec::events::{invalid_request, io_page_fault as io};
use crate::paging::amdv1::{pde, pte};
use crate::paging::x86;
use crate::spec::{Bits, Field};
use alloc::format;
use alloc::string::String;

/// The first bit of an event that Linux prints as a flag.
const FLAGS_FROM: u16 = 48;
/// A reserved bit of a device table entry, and of page table entries.
const RESERVED_OF_DEVICE: u64 = 1 << 2;
const RESERVED_OF_PAGE: u64 = 1 << 52;
/// NextLevel 7 of a page whose size its level does not have.
const WRONG_SIZE: u64 = pde::NEXT_LEVEL.mask();

pub(super) fn draft(fault: &Fault) -> Option<Draft> {
    let (code, known, device) = (fault.code?, fault.known?, fault.device?);
    let words = u64::from(fault.flags.unwrap_or(0)) << FLAGS_FROM;
    let is = |flag: Field| words.is_set(flag);
    // Page faults of translation requests are not logged; of a PASID's other events the log does not say what its tables were.
    if is(io::TR) && code != 8 || !matches!(code, 2 | 9) && fault.pasid.is_some() {
        return None;
    }
    let address = fault.address?;
    // RW is recorded of pages that are not present too.
    let access = if is(io::RW) { Access::Write } else { fault.access.unwrap_or(Access::Read) };
    let mut draft = match code {
        1 | 2 if is(io::I) => interrupt(code, words)?,
        1 => {
            let mut draft = mapped(address, 57)?;
            draft.step(format!("entry device dev set {}", hex(RESERVED_OF_DEVICE)));
            draft.step(request(access, address, None, ""));
            draft
        }
        2 if is(io::GN) => guest(fault, address, access, words)?,
        2 => page(address, access, words)?,
        4 => {
            // The address is that of the entry which did not answer: the request's own is not in the log.
            let mut draft = mapped(0x10_0000, 48)?;
            draft.step(format!("entry page d0 0x10_0000 level 2 set {}", hex(NOWHERE & !0xfff)));
            draft.step(request(access, 0x10_0000, None, ""));
            draft
        }
        3 => {
            // The address is that of the entry; of the request the log has nothing but its kind.
            let mut draft = mapped(0x10_0000, 48)?;
            // Of the full size, as far as there is memory.
            draft.step(format!("register write DevTabBase {}", hex(NOWHERE | 0x1ff)));
            draft.step("invalidate device-cache");
            let access = if is(io::RW) { Access::Write } else { Access::Read };
            draft.step(request(access, 0x10_0000, None, ""));
            draft
        }
        8 if is(io::TR) => translation(words.bits(invalid_request::TYPE), address)?,
        8 => invalid(words.bits(invalid_request::TYPE), address)?,
        9 => page_request(fault, address)?,
        _ => return None,
    };
    let page = fault.address.filter(|_| code == 2 && !is(io::I));
    let at = page.map_or(String::new(), |at| format!(" at {}", hex(at)));
    draft.step(format!("expect fault {}{at}", hex(code.into())));
    draft.device = format!("dev {device}{}", draft.device);
    draft.title = (
        format!("From a log: {device} {}, {}: {}", hex(address), known.name, known.text.en),
        format!("来自日志：{device} {}，{}：{}", hex(address), known.name, known.text.zh),
    );
    Some(draft)
}

/// A device in a domain that maps one page, of as many bits at most.
fn mapped(address: u64, most: u32) -> Option<Draft> {
    let wide = address >> 48 != 0;
    if address >> most != 0 {
        return None;
    }
    let mut draft = Draft::new(if wide { "amd-vi width 57" } else { "amd-vi" });
    draft.step("domain d0 stage 2");
    draft.step("attach dev to d0");
    draft.step(format!("map d0 {} +4K rw", hex(address & !0xfff)));
    Some(draft)
}

/// Mapped, used, unmapped, used.
fn unmapped(draft: &mut Draft, space: &str, address: u64, use_it: &str) {
    draft.note("Mapped and used in time: it works.", "在映射期间使用：正常。");
    draft.step(use_it);
    draft.step("expect fault none");
    draft.note(
        "The likeliest story: the mapping goes, the device does not know.",
        "最可能的情形：映射已撤销，设备却不知道。",
    );
    draft.step(format!("unmap {space} {} +4K", hex(address & !0xfff)));
}

fn page(address: u64, access: Access, words: u64) -> Option<Draft> {
    let mut draft = mapped(address, 57)?;
    let entry = format!("entry page d0 {}", hex(address & !0xfff));
    let right = if access == Access::Write { pte::IW } else { pte::IR };
    match (words.is_set(io::PR), words.is_set(io::PE), words.is_set(io::RZ)) {
        (false, ..) => unmapped(&mut draft, "d0", address, &request(access, address, None, "")),
        (true, true, _) => draft.step(format!("{entry} clear {}", hex(right.mask()))),
        (true, false, true) => draft.step(format!("{entry} set {}", hex(RESERVED_OF_PAGE))),
        (true, false, false) => draft.step(format!("{entry} level 2 set {}", hex(WRONG_SIZE))),
    }
    draft.step(request(access, address, None, ""));
    Some(draft)
}

/// Through a PASID's tables.
fn guest(fault: &Fault, address: u64, access: Access, words: u64) -> Option<Draft> {
    let pasid = fault.pasid.filter(|pasid| *pasid < 1 << 18)?;
    if address >> 47 != 0 {
        return None;
    }
    let (execute, user) = (words.is_set(io::NX), words.is_set(io::US));
    let extra = match (execute, user) {
        (true, true) => " execute",
        (false, true) => "",
        (true, false) => " privileged execute",
        (false, false) => " privileged",
    };
    let mut draft = Draft::new("amd-vi");
    draft.device.push_str(" pasid");
    draft.more.push(format!("process app pasid {pasid}"));
    draft.step(format!("bind dev to app pasid {pasid}"));
    let entry = format!("entry page app {}", hex(address & !0xfff));
    let rights = if execute { "rwx" } else { "rw" };
    draft.step(format!("map app {} +4K {rights}", hex(address & !0xfff)));
    let ask = request(access, address, Some(pasid), extra);
    match (words.is_set(io::PR), words.is_set(io::PE), words.is_set(io::RZ)) {
        (false, ..) => unmapped(&mut draft, "app", address, &ask),
        (true, true, _) if execute => draft.step(format!("{entry} set {}", hex(x86::XD))),
        (true, true, _) if access == Access::Write => draft.step(format!("{entry} clear {}", hex(x86::RW))),
        // To the kernel every page that is there can be read.
        (true, true, _) if !user => return None,
        (true, true, _) => draft.step(format!("{entry} clear {}", hex(x86::US))),
        (true, false, true) => draft.step(format!("{entry} level 4 set {}", hex(x86::PS))),
        _ => return None,
    }
    draft.step(ask);
    Some(draft)
}

/// A message that its table, or its device's entry, does not let through.
fn interrupt(code: u16, words: u64) -> Option<Draft> {
    let mut draft = mapped(0x10_0000, 48)?;
    draft.more.push("  vectors 1".into());
    match (code, words.is_set(io::PR)) {
        // IntCtl is reserved.
        (1, _) => draft.step("entry device dev word 2 set 0x3000_0000_0000_0000"),
        // Nobody filled in the entry.
        (_, false) => {}
        _ => return None,
    }
    draft.step("msi dev entry 5");
    Some(draft)
}

/// What a device may not send.
fn invalid(kind: u64, address: u64) -> Option<Draft> {
    use crate::iommu::amdvi::spec::events::request as of;
    let mut draft = mapped(0x10_0000, 48)?;
    let interrupts = address >> 20 == 0xfee || address >> 24 == 0xfdf8;
    let management = address >> 20 == 0xfd_f91;
    let ports = address >> 25 == 0xfd_fc00_0000 >> 25;
    let (access, extra) = match kind {
        of::READ_OF_INTERRUPTS if interrupts => (Access::Read, ""),
        of::PRE_TRANSLATED if address >> 48 == 0 => (Access::Read, " translated"),
        of::PORT_IO if ports => (Access::Write, ""),
        of::SYSTEM_MANAGEMENT if management => (Access::Write, ""),
        of::READ_OF_SYSTEM_MANAGEMENT if management => (Access::Read, ""),
        of::RESERVED_INTERRUPT if (0xfd_0000_0000..0xfd_f800_0000).contains(&address) => (Access::Write, ""),
        of::UNTRANSLATED if ports => {
            // IoCtl = 2, and then no translation information.
            draft.step("entry device dev word 1 set 0x10_0000_0000");
            draft.step("entry device dev clear 2");
            (Access::Write, "")
        }
        of::INTERRUPT => {
            draft.more.push("  vectors 1".into());
            draft.step("entry device dev word 2 clear 0x3000_0000_0000_0000");
            draft.step("msi dev entry 5");
            return Some(draft);
        }
        _ => return None,
    };
    draft.step(request(access, address, None, extra));
    Some(draft)
}

/// A translation request of a device that may not make it.
fn translation(kind: u64, address: u64) -> Option<Draft> {
    use crate::iommu::amdvi::spec::events::translation_request as of;
    let special = address >> 32 == 0xfd && address & 0xffff_ffff >= 0xfc00_0000;
    let mut draft = match kind {
        of::NOT_ALLOWED => mapped(address, 47)?,
        of::SPECIAL_RANGE if special => mapped(0x10_0000, 48)?,
        _ => return None,
    };
    draft.machine.push_str(" ats");
    draft.device.push_str(" ats");
    if kind == of::NOT_ALLOWED {
        // I = 0: the device may not keep translations.
        draft.step("entry device dev word 1 clear 0x1_0000_0000");
    }
    draft.step(format!("ats dev {} +4K", hex(address & !0xfff)));
    Some(draft)
}

/// A page request of a device whose entry does not let it make any (PPR = 0).
fn page_request(fault: &Fault, address: u64) -> Option<Draft> {
    if address >> 47 != 0 {
        return None;
    }
    let mut draft = Draft::new("amd-vi ats pri");
    draft.device.push_str(" pasid ats pri");
    let pasid = fault.pasid.unwrap_or(1);
    draft.more.push(format!("process app pasid {pasid}"));
    draft.step(format!("bind dev to app pasid {pasid}"));
    draft.step("entry device dev clear 0x10_0000_0000_0000");
    draft.step(format!("page-request dev read {} pasid {pasid}", hex(address)));
    Some(draft)
}
