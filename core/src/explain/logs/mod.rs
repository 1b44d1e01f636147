//! Fault logs of real machines: what a kernel or an emulator printed, decoded field by field, with the usual
//! causes and a scenario that ends at the same fault.
//!
//! [`parse_log`] takes any paste: whole boot logs, a mail quoted twice and wrapped, a dump out of debugfs. It reads
//! forward only, so its time grows with the length of the text, and it never fails: a line that it does not
//! understand is an item too, with the nearest form that it knows.
//!
//! The wordings are collected, with the version each comes from, in [`FORMS`] and in `core/tests/data/faultlogs`.

mod amd;
mod causes;
mod dump;
mod fault;
mod forms;
mod hints;
mod items;
mod qemu;
mod render;
mod riscv;
mod riscv_codes;
mod scan;
mod scenario;
mod smmu;
mod smmu2;
mod stop;
mod vtd;
mod vtd_status;

pub use amd::AMD_EVENTS;
pub use causes::Cause;
pub use fault::{Access, Arch, Entry, Fault};
pub use forms::{Form, FORMS};
pub use items::{Certainty, Field, Item, Kind, Lines, Repeat, Report};
pub use render::render;
pub use scenario::Scenario;
pub use smmu::SMMU_EVENTS;
pub use stop::failing_step;

use alloc::vec::Vec;

/// Reads a log. Lines are counted from 1; the items come in the order of their first line.
pub fn parse_log(text: &str) -> Report {
    let lines: Vec<&str> = text.lines().collect();
    let mut report = items::Builder::new(lines.len());
    let mut at = 0;
    while let Some(rest) = lines.get(at..).filter(|rest| !rest.is_empty()) {
        let taken = match recognise(rest) {
            Some(found) => {
                let taken = found.taken.clamp(1, rest.len());
                report.found(at + 1, found);
                taken
            }
            None => {
                report.not_found(at + 1, rest[0]);
                1
            }
        };
        at += taken;
    }
    report.finish()
}

/// Tries each reader whose mark the first line bears. The marks are few and looked for left to right, so a line
/// costs a fixed number of passes.
fn recognise(lines: &[&str]) -> Option<items::Found> {
    let line = lines.first()?;
    // Most lines of a boot log have none of these letters at all.
    const READERS: &[(&str, items::Reader)] = &[
        ("Request device", vtd::fault),
        ("fault status reg", vtd_status::status),
        ("VT-d detected", vtd_status::invalidation),
        ("QI HEAD", vtd_status::descriptor),
        ("QI PRIOR", vtd_status::descriptor),
        ("Error (I", vtd_status::cleared),
        ("PRQ overflow", vtd_status::page_requests),
        ("age request", vtd_status::page_requests),
        ("callbacks suppressed", vtd_status::suppressed),
        ("table entries for IOVA", dump::walk),
        ("Root Table Address", dump::translation_struct),
        (" @0x", dump::domain_struct),
        ("Event logged [", amd::event),
        ("IO_PAGE_FAULT", amd::event),
        ("ILLEGAL_DEV_TABLE_ENTRY", amd::event),
        ("TAB_HARDWARE_ERROR", amd::event),
        ("INVALID_DEVICE_REQUEST", amd::event),
        ("INVALID_PPR_REQUEST", amd::event),
        ("Completion-Wait loop", amd::status),
        ("event log overflow", amd::status),
        ("received:", smmu::raw),
        (" client: ", smmu::decoded),
        ("EVTQ overflow", smmu::status),
        ("could be serious", smmu::status),
        ("CMD_SYNC timeout", smmu::status),
        ("context fault", smmu2::context_fault),
        ("iotval:", riscv::fault),
        ("command execution timeout", riscv::status),
        ("vtd_", qemu::vtd),
        ("New fault is not recorded", qemu::vtd),
        ("riscv_iommu_flt", qemu::riscv),
        (" reason: 0x", qemu::riscv),
        ("smmuv3", qemu::smmu),
        ("amdvi_", qemu::amd),
    ];
    READERS.iter().filter(|(mark, _)| line.contains(mark)).find_map(|(_, reader)| reader(lines))
}

#[cfg(test)]
mod tests;
