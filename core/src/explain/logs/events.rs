//! Marks in time: sleep, resets, PCI Express errors, devices that go away or are assigned. Faults elsewhere in the log
//! are held against them.

use super::causes::{Cause, LINK_ERROR};
use super::fault::{Arch, Fault};
use super::forms::Form;
use super::found::{Format, Found, Here, Note};
use super::pattern::device_name;
use super::scan::Scan;
use crate::spec::Phrase;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

pub(super) static FORMAT: Format = Format {
    forms: FORMS,
    readers: &[
        ("PM: suspend exit", resumed),
        ("PM: resume ", resumed),
        ("PM: hibernation: hibernation exit", resumed),
        (" reset", reset),
        ("AER: ", aer),
        ("PCIe Bus Error:", aer),
        ("vfio-pci ", vfio),
        ("Link Down", removed),
        ("Card not present", removed),
        ("Slot(", removed),
        ("Removing from iommu group", removed),
    ],
    patterns: &[],
    codes: || Vec::new(),
    causes: |_: &Fault| -> &'static [&'static Cause] { &[] },
};

static FORMS: &[Form] = &[Form {
    name: "pcie-aer",
    arch: Arch::Pcie,
    wording: "* PCIe Bus Error: severity=Uncorrectable*, type=*",
    source: "Linux v2.6.19 and later, drivers/pci/pcie/aer.c",
}];

fn resumed(_: &Here<'_>) -> Option<Found> {
    let mut found = Found::quiet(Arch::Pcie);
    found.notes.push(Note::Resumed);
    Some(found)
}

/// A reset that a driver, VFIO or the PCI core reports, with the device before the colon.
fn reset(here: &Here<'_>) -> Option<Found> {
    let text = here.text;
    const SAYS: [&str; 10] = [
        "performing reset",
        "GPU reset begin",
        "GPU reset",
        "resetting controller",
        "reset controller",
        "FLR reset",
        "function level reset",
        "bus reset",
        "mode1 reset",
        "device reset",
    ];
    if !SAYS.iter().any(|says| text.contains(says)) {
        return None;
    }
    let mut found = Found::quiet(Arch::Pcie);
    found.notes.push(Note::Reset(pci_name(text)));
    Some(found)
}

/// The first PCI number among a line's first words.
fn pci_name(text: &str) -> Option<String> {
    text.split(' ').take(4).map(|word| word.trim_end_matches(':')).find_map(|word| {
        Scan(word).device().filter(|device| device.text == word).map(|device| String::from(device.text))
    })
}

fn aer(here: &Here<'_>) -> Option<Found> {
    let text = here.text;
    if !["rror", "evere", "orrected"].iter().any(|word| text.contains(word)) {
        return None;
    }
    // The device is in front, or the one that the root port names.
    let named = ["received from ", "received: ", "from "]
        .into_iter()
        .find_map(|key| Scan(text).after(key).and_then(Scan::device).map(|device| String::from(device.text)));
    let name = named.or_else(|| pci_name(text))?;
    let uncorrectable = text.contains("ncorrect") || text.contains("Fatal") || text.contains("severity=Un");
    let mut found = Found::quiet(Arch::Pcie);
    if uncorrectable && text.contains("PCIe Bus Error") {
        found = Found::status(
            Arch::Pcie,
            "pcie-aer",
            Phrase::new(
                format!("PCI Express: an uncorrectable error of {name}"),
                format!("PCI Express：{name} 的不可纠正错误"),
            ),
        );
        found.causes = &[&LINK_ERROR];
        found.device = Some(name.clone());
    }
    found.notes.push(Note::Aer(name));
    Some(found)
}

fn vfio(here: &Here<'_>) -> Option<Found> {
    let name = Scan(here.text).after("vfio-pci ")?;
    let device = name.device()?;
    let mut found = Found::quiet(Arch::Vfio);
    found.notes.push(Note::Vfio(device.text.into()));
    // A reset that VFIO reports is a reset.
    if here.text.contains("reset") {
        found.notes.push(Note::Reset(Some(device.text.into())));
    }
    Some(found)
}

fn removed(here: &Here<'_>) -> Option<Found> {
    let text = here.text;
    if !["Link Down", "Card not present", "Removing from iommu group"].iter().any(|says| text.contains(says))
    {
        return None;
    }
    let name = pci_name(text)?;
    let mut found = Found::quiet(Arch::Pcie);
    found.notes.push(Note::Removed(device_name(&name).into()));
    Some(found)
}
