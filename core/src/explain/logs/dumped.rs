//! Tables as a kernel prints them: words, at the addresses that they have there.

use super::fault::Access;
use crate::addr::RequesterId;
use alloc::vec::Vec;

/// The entries of one walk, as the kernel read them after a fault.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub(super) struct Walk {
    pub(super) address: u64,
    /// The device of the fault above it, if there is one.
    pub(super) device: Option<RequesterId>,
    /// What it wanted.
    pub(super) access: Option<Access>,
    /// Low and high word.
    pub(super) root: Option<(u64, u64)>,
    pub(super) scalable: bool,
    pub(super) context: Option<(u64, u64)>,
    pub(super) directory: Option<u64>,
    pub(super) process: Vec<u64>,
    /// Level and value, from the root down.
    pub(super) entries: Vec<(u8, u64)>,
}

/// One device of `dmar_translation_struct`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Row {
    pub(super) device: RequesterId,
    pub(super) root: (u64, u64),
    pub(super) context: (u64, u64),
    pub(super) pasid: Option<u32>,
    /// The first three words of the PASID-table entry.
    pub(super) process: [u64; 3],
}

/// The tables of one device, from `domain_translation_struct`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Domain {
    pub(super) device: RequesterId,
    pub(super) pasid: Option<u32>,
    pub(super) tables: u64,
    /// Page number, and the entries at levels 5 to 1.
    pub(super) pages: Vec<(u64, [u64; 5])>,
    /// Rows of which not every word is understood.
    pub(super) unread: usize,
}

/// Are these tables of the first stage? Linux sets U/S in every first-stage entry, and bit 2 is never set in its second-stage entries;
/// a process (a PASID other than 0) has tables of the first stage, whose entries may be for the supervisor alone.
pub(super) fn first_stage(domain: &Domain) -> Option<bool> {
    let (_, entries) = domain.pages.first()?;
    let top = entries.iter().find(|&&entry| entry != 0)?;
    Some(top & 4 != 0 || domain.pasid.is_some_and(|pasid| pasid > 0))
}
