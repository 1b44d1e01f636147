//! Domains: ids, roots, table formats, and what the driver knows of devices.

use super::{DeviceCaps, DomainId, DomainKind, DriverError, DriverResult, Hardware, Programmer};
use crate::addr::{PhysAddr, RequesterId};
use crate::memory::Memory;
use crate::paging::builder::Mapping;
use crate::paging::leaves::{leaves, Leaves};
use alloc::collections::BTreeMap;

/// A domain's tables.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Domain {
    /// Which stage's format they have.
    pub kind: DomainKind,
    /// The root table.
    pub root: PhysAddr,
}

/// The domains that a driver made, and what devices can do.
#[derive(Clone, Debug, Default)]
pub struct Domains {
    list: BTreeMap<u16, Domain>,
    caps: BTreeMap<u32, DeviceCaps>,
    next: u16,
}

fn place(at: u64) -> Option<PhysAddr> {
    Some(PhysAddr::new(at))
}

impl Domains {
    /// Returns a domain.
    ///
    /// # Errors
    /// There is no such domain.
    pub fn get(&self, id: DomainId) -> DriverResult<Domain> {
        self.list.get(&id.0).copied().ok_or(DriverError::NoDomain(id))
    }

    /// Returns every domain's id, in order.
    pub fn ids(&self) -> impl Iterator<Item = DomainId> + '_ {
        self.list.keys().map(|id| DomainId(*id))
    }

    /// Returns whether this is a domain whose tables have the second stage's format.
    pub fn is_second(&self, id: DomainId) -> bool {
        self.get(id).is_ok_and(|domain| domain.kind == DomainKind::Stage2)
    }

    /// Returns what a device can do, as far as the driver knows.
    pub fn caps(&self, device: RequesterId) -> DeviceCaps {
        self.caps.get(&device.raw()).copied().unwrap_or_default()
    }

    /// Sets what a device can do.
    pub fn set_caps(&mut self, device: RequesterId, caps: DeviceCaps) {
        self.caps.insert(device.raw(), caps);
    }

    /// Returns the id of the domain that is made next: at least `first`.
    pub fn next(&self, first: u16) -> DomainId {
        DomainId(self.next.max(first))
    }

    /// Keeps a domain; later ones have higher ids.
    pub fn insert(&mut self, id: DomainId, domain: Domain) {
        self.next = id.0.saturating_add(1);
        self.list.insert(id.0, domain);
    }

    /// Returns what a domain's tables map, reading at most `limit` table pages.
    pub fn mappings<P: Programmer>(
        &self,
        programmer: &P,
        memory: &Memory,
        id: DomainId,
        limit: usize,
    ) -> Leaves {
        let Ok(Domain { kind, root }) = self.get(id) else { return Leaves::default() };
        match kind {
            DomainKind::Stage1 => leaves(&programmer.first(true), memory, root.raw(), place, limit),
            DomainKind::Stage2 => leaves(&programmer.second(true), memory, root.raw(), place, limit),
        }
    }
}

/// Maps in a domain's tables; invalidates nothing.
pub fn map<P: Programmer>(
    programmer: &P,
    hw: &mut impl Hardware,
    id: DomainId,
    mapping: Mapping,
) -> DriverResult {
    let Domain { kind, root } = hw.domains().get(id)?;
    match kind {
        // Requests without a PASID are user requests.
        DomainKind::Stage1 => hw.map(&programmer.first(false), root, Mapping { user: true, ..mapping }),
        DomainKind::Stage2 => hw.map(&programmer.second(false), root, mapping),
    }
}
