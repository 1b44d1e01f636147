//! Fault logs of real machines: what a kernel, a hypervisor or an emulator printed, decoded field by field, with the
//! likely causes by the evidence of the log, and a scenario that ends at the same fault.
//!
//! [`parse_log`] takes any paste: whole boot logs, a mail quoted twice and wrapped, a dump out of debugfs;
//! [`LogReader`] takes it line by line. Both read forward only, so their time grows with the length of the text, and
//! never fail.
//!
//! The way of a line, each file importing only from those before it in this list: `scan` and `marks` find words and
//! numbers; `input` takes away what stands around a message; `system`, `fault`, `forms`, `causes`, `evidence`,
//! `report` and `judged` are the data; `found`, `pattern`, `hints` are what readers are made of; one file a speaker reads its messages and exports
//! its `FORMAT`; `formats` is the one list of them; `recognise` asks the readers
//! whose marks a line has; `story` joins findings; `reader` drives it, and `refused` for a replay of a trace; `render` and `docs` print.

mod amd;
mod amd_debugfs;
mod amd_registers;
mod boot;
mod causes;
mod debugfs;
mod dma_api;
mod docs;
mod dump;
mod dumped;
mod events;
mod evidence;
mod fault;
mod firmware;
mod formats;
mod forms;
mod found;
mod hints;
mod hyperv;
mod input;
mod judged;
pub mod kernel;
mod marks;
mod others;
mod pattern;
mod qemu;
mod reader;
mod recognise;
mod refused;
mod render;
mod report;
mod riscv;
mod scan;
mod scenario;
mod smmu;
mod smmu2;
mod stop;
mod story;
mod system;
mod systems;
mod trace;
mod vfio;
mod vtd;
mod vtd_status;
mod words;

#[cfg(feature = "serde")]
pub mod answer;
#[cfg(feature = "serde")]
pub mod schema;

pub use amd::AMD_EVENTS;
pub use causes::{Cause, CAUSES};
pub use docs::{causes_table, forms_table};
pub use evidence::{Clue, Clues, Likely, Rule, Weight, RULES};
pub use fault::{Access, Arch, Entry, Fault};
pub use formats::forms;
pub use forms::Form;
#[cfg(feature = "import")]
pub(crate) use input::{bare, shown};
pub use judged::{Judged, Verdict};
pub use reader::LogReader;
pub use refused::{Refused, RefusedReader};
pub use render::render;
pub use report::{Certainty, Field, Item, Kind, Lines, Moment, Report, Story};
pub use scenario::Scenario;
pub use smmu::SMMU_EVENTS;
pub use stop::failing_step;
pub use system::{System, Whom};

/// Reads a log. Lines are counted from 1; the items come in the order of their first line.
pub fn parse_log(text: &str) -> Report {
    let mut reader = LogReader::new();
    for line in text.lines() {
        reader.line(line);
    }
    reader.finish()
}

#[cfg(test)]
mod tests;
