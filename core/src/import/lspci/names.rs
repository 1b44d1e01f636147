//! What functions and groups are called: classes, ids, and the headings of lists by group.

use crate::import::scan::{between, hex};
use alloc::string::String;

/// What follows the words of a group's heading: `IOMMU Group 7:`, `### IOMMU Group 7 ###`, `iommu_group 7`, `Group:  7`, `Group 7:`.
pub(super) fn heading(line: &str) -> Option<&str> {
    let line = line.trim_start_matches(['#', '*', '=', '-', ' ']);
    let named = ["IOMMU", "iommu"].iter().find_map(|word| line.strip_prefix(word));
    let rest = named.unwrap_or(line).trim_start_matches([' ', '_', '-']);
    let rest = ["Group", "group"].iter().find_map(|word| rest.strip_prefix(word))?;
    let number = rest.trim_start_matches([':', ' ', '\t', '#']);
    let digits = number.len() - number.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let colon = rest.starts_with(':') || number[digits..].starts_with(':') || number[digits..].ends_with('#');
    (digits > 0 && (named.is_some() || colon)).then_some(number)
}

/// The code of a class: `[0200]`, or `0200` of `-n`, or by its name.
pub fn code(class: &str) -> Option<u16> {
    let bracket = between(class, "[", "]").filter(|c| c.len() == 4).and_then(hex);
    let bare = || Some(class.strip_prefix("Class ").unwrap_or(class)).filter(|c| c.len() == 4).and_then(hex);
    let code = bracket.or_else(bare).map(|c| c as u16);
    code.or_else(|| CLASSES.iter().find(|(name, _)| class.starts_with(name)).map(|(_, code)| *code))
}

/// The names of classes as `pci.ids` has them.
const CLASSES: &[(&str, u16)] = &[
    ("SCSI storage controller", 0x0100),
    ("IDE interface", 0x0101),
    ("RAID bus controller", 0x0104),
    ("SATA controller", 0x0106),
    ("Serial Attached SCSI controller", 0x0107),
    ("Non-Volatile memory controller", 0x0108),
    ("Mass storage controller", 0x0180),
    ("Ethernet controller", 0x0200),
    ("Infiniband controller", 0x0207),
    ("Network controller", 0x0280),
    ("VGA compatible controller", 0x0300),
    ("3D controller", 0x0302),
    ("Display controller", 0x0380),
    ("Multimedia video controller", 0x0400),
    ("Multimedia audio controller", 0x0401),
    ("Multimedia controller", 0x0480),
    ("Audio device", 0x0403),
    ("RAM memory", 0x0500),
    ("Memory controller", 0x0580),
    ("Host bridge", 0x0600),
    ("ISA bridge", 0x0601),
    ("PCI bridge", 0x0604),
    ("CardBus bridge", 0x0607),
    ("Bridge", 0x0680),
    ("Serial controller", 0x0700),
    ("Communication controller", 0x0780),
    ("PIC", 0x0800),
    ("SD Host controller", 0x0805),
    ("IOMMU", 0x0806),
    ("System peripheral", 0x0880),
    ("FireWire (IEEE 1394)", 0x0c00),
    ("USB controller", 0x0c03),
    ("USB Controller", 0x0c03),
    ("SMBus", 0x0c05),
    ("Serial bus controller", 0x0c80),
    ("Signal processing controller", 0x1180),
    ("Processing accelerators", 0x1200),
    ("Encryption controller", 0x1080),
];

/// The last `[vvvv:dddd]`, or `vvvv:dddd` of `-n`.
pub(super) fn last_ids(text: &str) -> Option<(u16, u16)> {
    let pair = |text: &str| {
        let (vendor, device) = text.split_once(':')?;
        let fine = vendor.len() == 4 && device.len() == 4;
        fine.then_some((hex(vendor)? as u16, hex(device)? as u16))
    };
    let bracketed = text.rsplit('[').find_map(|part| pair(part.split(']').next()?));
    bracketed.or_else(|| text.split_whitespace().find_map(pair))
}

/// A name and the id behind it in brackets: `Intel Corporation [8086]`.
pub(super) fn bracketed(text: &str) -> Option<(&str, &str)> {
    let (name, id) = text.strip_suffix(']')?.rsplit_once(" [")?;
    (id.len() == 4 && hex(id).is_some()).then_some((name, id))
}

/// A name without ids and revision: the same function listed twice in two forms is one.
pub(super) fn plain(name: &str) -> String {
    let name = name.split(" [").next().unwrap_or(name);
    name.split(" (rev").next().unwrap_or(name).trim().into()
}

/// Whether two lines speak of two functions: their ids say so, or there are none to say that they do not.
pub(super) fn ids_differ(a: Option<(u16, u16)>, b: Option<(u16, u16)>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => a != b,
        (None, None) => true,
        _ => false,
    }
}
