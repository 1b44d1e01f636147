//! Another kernel takes over (kexec): its DMA API knows of no mapping, while devices may go on with the old ones.

use super::super::{Env, OsError};
use super::{DmaApi, IovaSpace, Params, Swiotlb};
use crate::addr::RequesterId;
use crate::iommu::{Driver, DriverError};
use crate::trace::Observer;

impl DmaApi {
    /// Forgets every mapping, as a kernel that has just booted. Each group gets a domain of its own, and each device is
    /// attached to it, or, with `adopt`, stays on the old kernel's tables until it is first mapped for (Linux:
    /// `is_attach_deferred`, `iommu_deferred_attach`).
    pub fn restart<I: Driver, O: Observer>(
        &mut self,
        env: &mut Env<'_, I, O>,
        adopt: bool,
    ) -> Result<(), OsError> {
        self.live.clear();
        self.coherent.clear();
        self.adopted.clear();
        self.swiotlb = self.swiotlb.take().map(|old| match old.range() {
            Some(range) => Swiotlb::new(range.start, range.len(), old.force),
            None => old,
        });
        let kind = self.kind;
        for group in self.groups.values_mut() {
            let made: Option<Result<_, DriverError>> =
                env.with_iommu(|iommu, ctx| Ok((iommu.new_domain(ctx, kind)?, iommu.address_bits())));
            let Some((domain, bits)) = made.transpose()? else { continue };
            group.domain = domain;
            group.iova = IovaSpace::new(bits);
            group.reserved.iter().for_each(|range| group.iova.reserve(*range));
            group.waiting.clear();
        }
        let devices: alloc::vec::Vec<RequesterId> = self.devices.keys().copied().collect();
        for id in devices {
            if let Some(device) = self.devices.get_mut(&id) {
                device.params = Params::new(device.info.bits);
                device.own = None;
            }
            match adopt {
                true => drop(self.adopted.insert(id)),
                false => self.reattach(env, id)?,
            }
        }
        Ok(())
    }

    /// Attaches a device that is still on the old kernel's tables to its domain; `false` where it is none.
    pub fn settle<I: Driver, O: Observer>(
        &mut self,
        env: &mut Env<'_, I, O>,
        device: RequesterId,
    ) -> Result<bool, OsError> {
        match self.adopted.remove(&device) {
            true => self.reattach(env, device).map(|()| true),
            false => Ok(false),
        }
    }
}
