//! Domains: ids, roots, table formats, and what the driver knows of devices.

use super::{DeviceCaps, DomainId, DomainKind, DriverError, Hardware, Programmer};
use crate::addr::{AddrRange, Iova, PhysAddr, RequesterId};
use crate::iommu::registers::Mmio;
use crate::memory::Memory;
use crate::paging::builder::{Builder, Mapping};
use crate::paging::leaves::{leaves, Leaves};
use crate::trace::{Actor, Observer};
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
    pub fn get(&self, id: DomainId) -> Result<Domain, DriverError> {
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

    /// Returns what a device can do, as far as the driver was told.
    pub fn caps(&self, device: RequesterId) -> DeviceCaps {
        self.caps.get(&device.raw()).copied().unwrap_or_default()
    }

    /// Sets what a device can do.
    pub fn set_caps(&mut self, device: RequesterId, caps: DeviceCaps) {
        self.caps.insert(device.raw(), caps);
    }

    /// Makes a domain with empty tables.
    pub fn make<P: Programmer, M: Mmio, O: Observer>(
        &mut self,
        programmer: &mut P,
        hw: &mut Hardware<'_, '_, M, O>,
        kind: DomainKind,
    ) -> Result<DomainId, DriverError> {
        let id = DomainId(self.next.max(P::FIRST_DOMAIN));
        programmer.accepts_domain(kind, id)?;
        let (frames, align) = programmer.root_frames(kind);
        let root = hw.frames(frames, align)?;
        self.next = id.0.saturating_add(1);
        self.list.insert(id.0, Domain { kind, root });
        programmer.domain_made(self, hw, id)?;
        Ok(id)
    }

    /// Maps in a domain's tables; invalidates nothing.
    pub fn map<P: Programmer, M: Mmio, O: Observer>(
        &self,
        programmer: &P,
        hw: &mut Hardware<'_, '_, M, O>,
        id: DomainId,
        mapping: Mapping,
    ) -> Result<(), DriverError> {
        let Domain { kind, root } = self.get(id)?;
        let (frames, actor) = (&mut *hw.ctx.frames, Actor::Os);
        let (memory, obs) = (&mut *hw.ctx.memory, &mut *hw.ctx.obs);
        match kind {
            // Requests without a PASID are user requests.
            DomainKind::Stage1 => Builder { format: &programmer.first(false), frames, place, actor }.map(
                memory,
                root.raw(),
                Mapping { user: true, ..mapping },
                obs,
            )?,
            DomainKind::Stage2 => Builder { format: &programmer.second(false), frames, place, actor }.map(
                memory,
                root.raw(),
                mapping,
                obs,
            )?,
        };
        Ok(())
    }

    /// Clears the entries of a range; invalidates nothing.
    pub fn unmap<P: Programmer, M: Mmio, O: Observer>(
        &self,
        programmer: &P,
        hw: &mut Hardware<'_, '_, M, O>,
        id: DomainId,
        range: AddrRange<Iova>,
    ) -> Result<(), DriverError> {
        let Domain { kind, root } = self.get(id)?;
        let (frames, actor) = (&mut *hw.ctx.frames, Actor::Os);
        let (memory, obs) = (&mut *hw.ctx.memory, &mut *hw.ctx.obs);
        let (root, from, len) = (root.raw(), range.start.raw(), range.len());
        match kind {
            DomainKind::Stage1 => Builder { format: &programmer.first(false), frames, place, actor }
                .unmap(memory, root, from, len, obs)?,
            DomainKind::Stage2 => Builder { format: &programmer.second(false), frames, place, actor }
                .unmap(memory, root, from, len, obs)?,
        };
        Ok(())
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
