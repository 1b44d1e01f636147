//! The capabilities of a function, as `lspci -vv` lists them: a line with its name, and lines of what is in it.

use crate::import::config;
use crate::import::found::{Able, Acs, Express, Function, Source};
use crate::import::scan::{after, leading, word};

/// The capability whose lines are read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Within {
    #[default]
    Nothing,
    Acs,
    Ats,
    Pri,
    Pasid,
    Sriov,
}

impl Within {
    /// A line that belongs to a capability.
    pub(super) fn detail(self, line: &str, function: &mut Function) {
        let enabled = |mark| after(line, mark).and_then(|rest| flag(rest, "Enable"));
        match self {
            Within::Acs => {
                let acs = function.acs.get_or_insert_with(Acs::default);
                if let Some(rest) = line.strip_prefix("ACSCap:") {
                    acs.can = config::acs_bits(|name| flag(rest, name) == Some(true));
                } else if let Some(rest) = line.strip_prefix("ACSCtl:") {
                    acs.on = Some(config::acs_bits(|name| flag(rest, name) == Some(true)));
                }
            }
            Within::Ats => on(&mut function.ats, enabled("ATSCtl:")),
            Within::Pri => on(&mut function.pri, enabled("PRICtl:")),
            Within::Pasid => on(&mut function.pasid, enabled("PASIDCtl:")),
            Within::Sriov => {
                if let Some(total) = after(line, "Total VFs: ").and_then(leading) {
                    function.virtual_functions = u16::try_from(total).ok();
                }
            }
            Within::Nothing => {}
        }
    }
}

fn on(able: &mut Able, enabled: Option<bool>) {
    if enabled.is_some() {
        *able = Some(enabled);
    }
}

/// `Name+` or `Name-` in a list.
fn flag(list: &str, name: &str) -> Option<bool> {
    // The first flag is behind a tab.
    list.split([' ', '\t', ',']).find_map(|word| match word.strip_prefix(name)? {
        "+" => Some(true),
        "-" => Some(false),
        _ => None,
    })
}

pub(super) fn capability(rest: &str, from: Source, function: &mut Function) -> Within {
    if rest.contains("<access denied>") {
        function.denied = true;
        return Within::Nothing;
    }
    function.listed = true;
    let text = rest.split_once("] ").map_or(rest, |(_, text)| text);
    let there = |able: &mut Able| {
        able.get_or_insert(None);
    };
    if text.starts_with("Express") {
        function.express = express(text).or(function.express);
    } else if let Some(msi) = text.strip_prefix("MSI: ") {
        // `Count=1/4`: how many are used of how many there are.
        let count = after(msi, "Count=").map(word).and_then(|c| leading(c.rsplit('/').next()?));
        function.msi = count.and_then(|c| u16::try_from(c).ok());
        function.cite("vectors", from);
    } else if let Some(msix) = text.strip_prefix("MSI-X: ") {
        function.msix = after(msix, "Count=").and_then(leading).and_then(|c| u16::try_from(c).ok());
    } else if text.contains("Access Control Services") {
        function.cite("acs", from);
        function.acs.get_or_insert_with(Acs::default);
        return Within::Acs;
    } else if text.contains("Address Translation Service") {
        function.cite("ats", from);
        there(&mut function.ats);
        return Within::Ats;
    } else if text.contains("Page Request Interface") {
        function.cite("pri", from);
        there(&mut function.pri);
        return Within::Pri;
    } else if text.contains("Process Address Space ID") {
        function.cite("pasid", from);
        there(&mut function.pasid);
        return Within::Pasid;
    } else if text.contains("Single Root I/O Virtualization") {
        return Within::Sriov;
    }
    Within::Nothing
}

/// `Express (v2) Root Port (Slot+), MSI 00`.
fn express(text: &str) -> Option<Express> {
    const NAMES: [(&str, Express); 9] = [
        ("PCI-Express to PCI", Express::ToPci),
        ("to PCI-Express Bridge", Express::FromPci),
        ("Root Complex Integrated", Express::Integrated),
        ("Root Complex Event", Express::Integrated),
        ("Root Port", Express::RootPort),
        ("Upstream Port", Express::Upstream),
        ("Downstream Port", Express::Downstream),
        ("Endpoint", Express::Endpoint),
        ("PCI/PCI-X", Express::ToPci),
    ];
    NAMES.iter().find(|(name, _)| text.contains(name)).map(|(_, kind)| *kind)
}
