//! Scenarios made from logs: the same device, address, PASID and access, ending at the same fault.
//!
//! A log says what was refused, not what was mapped before. So a scenario builds the smallest machine in which
//! the request would succeed, breaks the one link that the fault names, and sends the request. Where a dump shows
//! the entries themselves, they are used word for word.

mod amd;
mod riscv;
mod smmu;
mod tables;
mod vtd;

pub(super) use tables::{of_domain, of_translation_struct, of_walk};

use super::fault::{Access, Arch, Fault};
use crate::scenario::Num;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt::Write;

/// A scenario made from a log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Scenario {
    /// Its text, in the scenario language.
    pub text: String,
}

/// A scenario that is written once somebody wants it: of a log's many lines most join one that has its own.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Sketch {
    /// Of a fault.
    Of(Arch, Fault),
    /// Written already, from a dump.
    Written(Scenario),
}

impl Sketch {
    /// Writes it; none where there is none of such a fault.
    pub(super) fn write(self) -> Option<Scenario> {
        match self {
            Sketch::Of(arch, fault) => of(arch, &fault),
            Sketch::Written(scenario) => Some(scenario),
        }
    }
}

/// The scenario of a fault; none where the machine does not run the architecture or cannot come to this fault
/// at this address.
fn of(arch: Arch, fault: &Fault) -> Option<Scenario> {
    draft(arch, fault).map(Draft::finish)
}

/// The one place where an architecture gives the scenario of a fault: a new one is a file here and an arm.
fn draft(arch: Arch, fault: &Fault) -> Option<Draft> {
    match arch {
        Arch::VtD => vtd::draft(fault),
        Arch::RiscV => riscv::draft(fault),
        Arch::SmmuV3 => smmu::draft(fault),
        Arch::AmdVi => amd::draft(fault),
        _ => None,
    }
}

/// A page table pointer that leads nowhere: above all RAM of these machines, inside every host width.
const NOWHERE: u64 = 0x3f_ffff_f000;
/// The bits of a pointer in VT-d's entries.
const POINTER: u64 = 0xffff_ffff_ffff_f000;

/// A scenario being written.
#[derive(Default)]
struct Draft {
    title: (String, String),
    machine: String,
    policy: &'static str,
    /// RAM from here
    from: u64,
    /// up to here.
    ram: u64,
    device: String,
    /// Statements between the device and the steps.
    more: Vec<String>,
    steps: Vec<String>,
}

impl Draft {
    fn new(machine: impl Into<String>) -> Self {
        Draft { machine: machine.into(), policy: "strict", ram: 4 << 30, ..Draft::default() }
    }
    fn step(&mut self, line: impl Into<String>) {
        self.steps.push(line.into());
    }
    fn note(&mut self, en: &str, zh: &str) {
        self.steps.push(format!("note \"{en}\""));
        self.steps.push(format!("note.zh \"{zh}\""));
    }
    fn finish(self) -> Scenario {
        let mut text = String::from("iommu-playground 1\n");
        let _ = writeln!(text, "title \"{}\"\ntitle.zh \"{}\"", self.title.0, self.title.1);
        let _ = writeln!(
            text,
            "machine {}\niommu {}\nram {} .. {}",
            self.machine,
            self.policy,
            hex(self.from),
            size(self.ram)
        );
        let _ = writeln!(text, "device {}", self.device);
        for line in &self.more {
            let _ = writeln!(text, "{line}");
        }
        text.push_str("steps\n");
        for line in &self.steps {
            let _ = writeln!(text, "  {line}");
        }
        Scenario { text }
    }
}

/// A number as the language prints it: `0x7f00_0000_1000`.
fn hex(value: u64) -> String {
    Num::address(value).to_string()
}

/// A size in the largest unit that divides it.
fn size(bytes: u64) -> String {
    for (shift, unit) in [(40, 'T'), (30, 'G'), (20, 'M')] {
        if bytes != 0 && bytes % (1 << shift) == 0 {
            return format!("{}{unit}", bytes >> shift);
        }
    }
    hex(bytes)
}

/// The request of the log, as a `dma` statement. It stays inside its page, since only the page is known.
fn request(access: Access, address: u64, pasid: Option<u32>, extra: &str) -> String {
    let length = (0x1000 - address % 0x1000).min(64);
    let verb = if access == Access::Write { "write" } else { "read" };
    let mut line = format!("dma dev {verb} {} +{length}", hex(address));
    if let Some(pasid) = pasid {
        let _ = write!(line, " pasid {pasid}");
    }
    line.push_str(extra);
    line
}

#[cfg(test)]
mod tests;
