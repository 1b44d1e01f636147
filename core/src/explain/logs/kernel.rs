//! What Linux prints for a fault that a unit recorded: the way from a rung of a ladder to a line of a log. Forms are those of
//! real boots (Linux 7.3.4); the readers of this room read each line back, which the tests hold.

use crate::addr::RequesterId;
use crate::iommu::amdvi::spec::events::{illegal_dte, io_page_fault};
use crate::iommu::Architecture;
use crate::spec::{FaultCode, Field};
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

/// Returns the lines that Linux prints, without time and host.
pub fn linux(fault: &Recorded) -> Vec<String> {
    let Recorded { code, device, at, write, words, .. } = *fault;
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
            // Events about the tables of devices have no address.
            if code.name.starts_with("C_") {
                lines.push(who);
                return lines;
            }
            lines.push(format!("{who} iova: {at:#x} ipa: 0x0"));
            let way = if write { "write" } else { "read" };
            if let Some(class) = CLASSES.get(CLASS.get(words) as usize) {
                lines.push(format!("{unit} unpriv data {way} s1 \"{class}\" stag: 0x0"));
            }
            lines
        }
        Architecture::AmdVi => {
            let flags = FLAGS.get(words);
            let event = code.name;
            let said = if event == "IO_PAGE_FAULT" {
                let domain = io_page_fault::DOMAIN.get(words);
                format!("{event} domain={domain:#06x} address={at:#x} flags={flags:#06x}")
            } else {
                let pasid = illegal_dte::PASID.get(words);
                format!("{event} device={bdf} pasid={pasid:#07x} address={at:#x} flags={flags:#06x}")
            };
            let who = if event == "IO_PAGE_FAULT" { format!("pci {bdf}: ") } else { String::new() };
            vec![format!("{who}AMD-Vi: Event logged [{said}]")]
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
        for architecture in Architecture::WITH_UNIT {
            for code in architecture.faults().iter().filter(|code| code.code <= 0x1ff) {
                // An event of an SMMU says its number and its device in its own words.
                let words = [u64::from(code.code) | 0x18 << 32, 1 << 35, 0x10_0000, 0];
                let fault =
                    Recorded { architecture, code, device, at: 0x10_0000, write: true, words: &words };
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
