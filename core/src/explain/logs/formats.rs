//! The one list of speakers.

use super::forms::Form;
use super::found::Format;
use super::{
    amd, amd_debugfs, amd_registers, boot, dma_api, dump, events, firmware, hyperv, others, qemu, riscv,
    smmu, smmu2, systems, trace, vfio, vtd, vtd_status, words,
};

/// Every speaker, in the order in which its marks are tried.
pub(super) static FORMATS: &[&Format] = &[
    &vtd::FORMAT,
    &vtd_status::FORMAT,
    &dump::FORMAT,
    &amd::FORMAT,
    &amd_debugfs::FORMAT,
    &amd_registers::FORMAT,
    &smmu::FORMAT,
    &smmu2::FORMAT,
    &riscv::FORMAT,
    &qemu::FORMAT,
    &others::FORMAT,
    &dma_api::FORMAT,
    &vfio::FORMAT,
    &systems::FORMAT,
    &hyperv::FORMAT,
    &trace::FORMAT,
    &boot::FORMAT,
    &events::FORMAT,
    &firmware::FORMAT,
    &words::FORMAT,
];

/// Returns every wording that [`parse_log`](super::parse_log) reads.
pub fn forms() -> impl Iterator<Item = &'static Form> {
    FORMATS
        .iter()
        .flat_map(|format| format.forms.iter().chain(format.patterns.iter().map(|pattern| &pattern.form)))
}

/// Returns the form with this name.
pub(super) fn by_name(name: &str) -> Option<&'static Form> {
    forms().find(|form| form.name == name)
}
