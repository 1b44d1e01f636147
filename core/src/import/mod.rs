//! A machine from texts of a running system: `lspci`, `/proc/iomem`, boot logs, groups, firmware's tables, device trees, in any
//! mixture, whole or in part. Nothing here runs a machine: texts become facts ([`Found`]), facts a scenario ([`Import`]).
//!
//! The way of a text, each file importing only from those before it in this list: `scan` finds words and numbers; `remark` and
//! `found` are the data; `logged` keeps what a boot log says apart from what the running system does; one file a kind of text
//! reads it (`lspci` with `config` and `tree`, `iomem`, `sysfs`, `dmesg`, `monitor`, `hexdump`, `acpi`, `dts`); `copied` takes away
//! what a copy did to a line; `reader` tells the kinds apart, line by line; `groups` says why functions are in one group; `maker`, `names`, `space`, `regions`, `plan`, `beyond` decide what the scenario can say;
//! `write` writes it; `account` is the shape of what is said to a reader, and `report` says it.

pub mod account;
mod acpi;
mod beyond;
mod config;
mod copied;
mod dmesg;
mod dts;
pub mod found;
mod groups;
mod hexdump;
mod iomem;
mod logged;
mod lspci;
mod maker;
mod monitor;
mod names;
mod plan;
mod reader;
mod regions;
mod remark;
mod report;
mod roots;
mod scan;
mod space;
mod sysfs;
pub mod trace;
mod tree;
mod units;
mod write;

pub use found::Found;
pub use groups::Joined;
pub use reader::{read, Input};
pub use remark::{Kind, Remark};
pub use report::report;

use alloc::string::String;
use alloc::vec::Vec;

/// What came of texts: the facts, the scenario, and what is to be said about both.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Import {
    /// The facts, each with its line.
    pub found: Found,
    /// The scenario, which parses and runs; empty where nothing of a machine was found.
    pub scenario: String,
    /// The groups of several functions, and why they are groups.
    pub joined: Vec<Joined>,
    /// What is damaged, contradictory, missing, assumed, left out; the worst first.
    pub remarks: Vec<Remark>,
}

impl Import {
    /// Returns whether the texts are of no machine, not even of a damaged table of one: what is missing then is nobody's concern.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty() && self.remarks.iter().all(|remark| remark.kind != Kind::Damaged)
    }
}

/// Reads texts and makes a scenario of what they say.
pub fn import(inputs: &[Input<'_>]) -> Import {
    let found = read(inputs);
    let plan = plan::plan(&found);
    let joined = groups::joined(&found);
    let scenario = if found.is_empty() { String::new() } else { write::write(&found, &plan, &joined) };
    let mut remarks = found.remarks.clone();
    let beyond = beyond::say(&found, &plan);
    remarks.extend(plan.remarks);
    remarks.extend(beyond);
    remarks.sort_by_key(|remark| (remark.kind, remark.from));
    remarks.dedup();
    Import { found, scenario, joined, remarks }
}
