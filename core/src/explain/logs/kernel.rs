//! What Linux prints for a fault that a unit recorded: the way from a rung of a ladder to a line of a log. Forms are those of
//! real boots (Linux 7.3.4), or of its drivers where no boot met such a fault; the readers of this room read each line back,
//! which the tests hold.

use crate::addr::RequesterId;
use crate::iommu::amdvi::spec::events::{illegal_dte, io_page_fault};
use crate::iommu::amdvi::spec::registers::CONTROL;
use crate::iommu::smmuv3::spec::events::fetch;
use crate::iommu::Architecture;
use crate::spec::{FaultCode, Field, Register};
use alloc::{format, string::String, vec, vec::Vec};

/// A fault as a unit recorded it.
#[derive(Clone, Copy, Debug)]
pub struct Recorded<'a> {
    /// Whose unit.
    pub architecture: Architecture,
    /// The code.
    pub code: &'static FaultCode,
    /// The device.
    pub device: RequesterId,
    /// The address in its request.
    pub at: u64,
    /// It wanted to write.
    pub write: bool,
    /// The words of the record; none where it is in registers.
    pub words: &'a [u64],
    /// The words of the table entry that was read last.
    pub entry: &'a [u64],
    /// The unit's control register, where the driver prints it.
    pub control: Option<u64>,
}

/// VT-d's reasons as its driver words them, by number.
const REASONS: [&str; 14] = [
    "Software",
    "Present bit in root entry is clear",
    "Present bit in context entry is clear",
    "Invalid context entry",
    "Access beyond MGAW",
    "PTE Write access is not set",
    "PTE Read access is not set",
    "Next page table ptr is invalid",
    "Root table address invalid",
    "Context table ptr is invalid",
    "non-zero reserved fields in RTP",
    "non-zero reserved fields in CTP",
    "non-zero reserved fields in PTE",
    "PCE for translation request specifies blocking",
];

/// What Linux prints as the flags of an AMD-Vi event.
const FLAGS: Field = Field::value("flags", 59, 48, "flags", "标志");

/// What was being done when an event came up, by its CLASS, as the driver words it.
const CLASSES: [&str; 3] = ["CD fetch", "Stage 1 translation table fetch", "Input address caused fault"];
const CLASS: Field = Field::value("CLASS", 105, 104, "what was done", "当时在做什么");

/// Is this the register whose value Linux prints with a fault?
pub fn is_printed(register: &'static Register) -> bool {
    core::ptr::eq(register, &CONTROL)
}

/// Returns the lines that Linux prints, without time and host.
pub fn linux(fault: &Recorded) -> Vec<String> {
    let Recorded { code, device, at, write, words, entry, control, .. } = *fault;
    let bdf = format!("0000:{device}");
    let number = device.raw();
    match fault.architecture {
        Architecture::Vtd => {
            let page = at & !0xfff;
            let way = if write { "Write" } else { "Read" };
            let reason = REASONS.get(usize::from(code.code)).copied().unwrap_or("Unknown");
            vec![format!(
                "DMAR: [DMA {way} NO_PASID] Request device [{bdf}] fault addr {page:#x} [fault reason {:#04x}] {reason}",
                code.code
            )]
        }
        Architecture::Riscv => {
            vec![format!(
                "riscv,iommu 3010000.iommu: Fault {} devid: {number:#x} iotval: {at:x} iotval2: 0",
                code.code
            )]
        }
        Architecture::SmmuV3 => {
            let unit = "arm-smmu-v3 9050000.smmuv3:";
            let mut lines = vec![format!("{unit} event {:#04x} received:", code.code)];
            lines.extend(words.iter().map(|word| format!("{unit} \t{word:#018x}")));
            let who = format!("{unit} event: {} client: {bdf} sid: {number:#x} ssid: 0x0", code.name);
            // Only an event about an address, or about a read of a table, says one.
            match code.name {
                "F_TRANSLATION" | "F_ADDR_SIZE" | "F_ACCESS" | "F_PERMISSION" => {
                    lines.push(format!("{who} iova: {at:#x} ipa: 0x0"));
                }
                "F_STE_FETCH" | "F_CD_FETCH" | "F_VMS_FETCH" => {
                    let fetched = fetch::FETCH_ADDR.get(words) << fetch::FETCH_ADDR.shift();
                    lines.push(format!("{who} fetch_addr: {fetched:#x}"));
                    return lines;
                }
                _ => {
                    lines.push(who);
                    return lines;
                }
            }
            let way = if write { "write" } else { "read" };
            if let Some(class) = CLASSES.get(CLASS.get(words) as usize) {
                lines.push(format!("{unit} unpriv data {way} s1 \"{class}\" stag: 0x0"));
            }
            lines
        }
        Architecture::AmdVi => {
            let flags = FLAGS.get(words);
            let event = code.name;
            let said = if event == "DEV_TAB_HARDWARE_ERROR" {
                format!("{event} device={bdf} address={at:#x} flags={flags:#06x}")
            } else if event == "IO_PAGE_FAULT" {
                let domain = io_page_fault::DOMAIN.get(words);
                format!("{event} domain={domain:#06x} address={at:#x} flags={flags:#06x}")
            } else {
                let pasid = illegal_dte::PASID.get(words);
                // Four digits in one of its lines, five in the others.
                let digits = if event == "PAGE_TAB_HARDWARE_ERROR" { 6 } else { 7 };
                format!("{event} device={bdf} pasid={pasid:#0digits$x} address={at:#x} flags={flags:#06x}")
            };
            // A page fault is said of the device, the rest of the unit.
            let who =
                if event == "IO_PAGE_FAULT" { format!("pci {bdf}") } else { String::from("iommu ivhd0") };
            let mut lines = vec![format!("{who}: AMD-Vi: Event logged [{said}]")];
            if event == "ILLEGAL_DEV_TABLE_ENTRY" {
                lines.extend(control.map(|value| format!("{who}: AMD-Vi: Control Reg : {value:#x}")));
                lines.extend(
                    entry.iter().enumerate().map(|(n, word)| format!("AMD-Vi: DTE[{n}]: {word:016x}")),
                );
            }
            lines
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explain::logs::{parse_log, Kind};

    #[test]
    fn every_line_is_read_back_as_the_fault_that_it_was() {
        let device = RequesterId::new(0x18);
        for architecture in Architecture::ALL {
            for code in architecture.faults().iter().filter(|code| code.code <= 0x1ff) {
                // An event of an SMMU says its number and its device in its own words.
                let words = [u64::from(code.code) | 0x18 << 32, 1 << 35, 0x10_0000, 0];
                let fault = Recorded {
                    architecture,
                    code,
                    device,
                    at: 0x10_0000,
                    write: true,
                    words: &words,
                    entry: &[],
                    control: Some(0x1),
                };
                let lines = linux(&fault).join("\n");
                let report = parse_log(&lines);
                let read = report.items.iter().find_map(|item| match &item.kind {
                    Kind::Fault(read) => Some(read),
                    _ => None,
                });
                let Some(read) = read else {
                    // Codes of interrupts and of software have lines of their own.
                    continue;
                };
                assert_eq!(read.code, Some(code.code), "{lines}");
            }
        }
    }
}
