//! Unmapping: at once (strict), or later for many together (lazy, Linux's flush queue).

use super::super::{Env, OsError};
use super::{own, DeviceInfo, DmaApi, Group, Policy};
use crate::addr::{AddrRange, Iova, RequesterId};
use crate::iommu::{Driver, Invalidation};
use crate::trace::{Observer, OwnerState};
use alloc::{string::String, vec::Vec};

/// A range that was unmapped but may still be in caches.
#[derive(Clone, Debug)]
pub(super) struct Waiting {
    first: Iova,
    bytes: u64,
    buffer: String,
}

impl DmaApi {
    /// Clears the entries of `part` of the range `first`, `len`, and invalidates as the policy says. The IOVA range
    /// is given back once no cache can hold it.
    pub(super) fn unmap_pages<I: Driver, O: Observer>(
        &mut self,
        env: &mut Env<'_, I, O>,
        info: &DeviceInfo,
        first: Iova,
        len: u64,
        part: u64,
        buffer: &str,
    ) -> Result<(), OsError> {
        let ats = self.ats_of(info.group);
        let policy = self.policy;
        let Some(group) = self.groups.get_mut(&info.group) else { return Err(OsError::NoIommu) };
        let domain = group.domain;
        let Some(range) = AddrRange::new(first, part) else { return Ok(()) };
        env.with_iommu(|iommu, ctx| iommu.unmap(ctx, domain, range)).transpose()?;
        match policy {
            Policy::Lazy(room) => {
                if group.waiting.len() >= room.max(1) {
                    flush_group(env, group, &ats)?;
                }
                group.waiting.push(Waiting { first, bytes: len, buffer: buffer.into() });
                own(env.obs, buffer, OwnerState::StaleCached);
            }
            _ => {
                invalidate(env, Invalidation::Pages(domain, range))?;
                for device in ats {
                    invalidate(env, Invalidation::DeviceTlb(device, None, range))?;
                }
                group.iova.free(first, len);
                own(env.obs, buffer, OwnerState::Cpu);
            }
        }
        Ok(())
    }

    pub(super) fn ats_of(&self, group: u16) -> Vec<RequesterId> {
        self.devices.values().filter(|d| d.info.group == group && d.info.ats).map(|d| d.info.id).collect()
    }

    /// Ranges that were unmapped and wait for their invalidation, over all groups.
    pub fn waiting(&self) -> usize {
        self.groups.values().map(|g| g.waiting.len()).sum()
    }

    /// What the flush queue's timer does every 10 ms: one invalidation a domain, then the ranges are free.
    pub fn flush<I: Driver, O: Observer>(&mut self, env: &mut Env<'_, I, O>) -> Result<(), OsError> {
        let ids: Vec<u16> = self.groups.keys().copied().collect();
        for id in ids {
            let ats = self.ats_of(id);
            if let Some(group) = self.groups.get_mut(&id) {
                flush_group(env, group, &ats)?;
            }
        }
        Ok(())
    }
}

pub(super) fn flush_group<I: Driver, O: Observer>(
    env: &mut Env<'_, I, O>,
    group: &mut Group,
    ats: &[RequesterId],
) -> Result<(), OsError> {
    if group.waiting.is_empty() {
        return Ok(());
    }
    invalidate(env, Invalidation::Domain(group.domain))?;
    for device in ats {
        // The whole of the device's address space: 2^63 bytes is the most one request can say.
        if let Some(all) = AddrRange::new(Iova::new(0), 1 << 63) {
            invalidate(env, Invalidation::DeviceTlb(*device, None, all))?;
        }
    }
    for waiting in core::mem::take(&mut group.waiting) {
        group.iova.free(waiting.first, waiting.bytes);
        own(env.obs, &waiting.buffer, OwnerState::Cpu);
    }
    Ok(())
}

fn invalidate<I: Driver, O: Observer>(env: &mut Env<'_, I, O>, what: Invalidation) -> Result<(), OsError> {
    env.with_iommu(|iommu, ctx| iommu.invalidate(ctx, what)).transpose()?;
    Ok(())
}
