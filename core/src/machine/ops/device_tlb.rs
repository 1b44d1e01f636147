//! What the kernel makes devices' own TLBs forget: translations that their IOMMU's caches must not keep either. The IOMMU passes
//! each command on to its device when it carries it out, before a wait behind it is done.
//!
//! Version 1 of the language left that to steps (`invalidate device-tlb`), where mappings are not the DMA API's or a process's.

use crate::addr::{AddrRange, Iova, Pasid};
use crate::iommu::{DomainId, Driver, Invalidation, Unit};
use crate::machine::{Device, Hardware, Machine};
use crate::scenario::{Problem, Span};
use alloc::vec::Vec;

/// A device, the PASID of what it keeps, and the pages.
type Kept = (usize, Option<Pasid>, AddrRange<Iova>);

impl Machine {
    /// Does something in which the unit may carry out commands: it reaches the devices' own TLBs meanwhile.
    pub(in crate::machine) fn with_links<T>(&mut self, act: impl FnOnce(&mut Self) -> T) -> T {
        let Hardware { iommu, devices, .. } = &mut self.hw;
        let able = |device: &&mut Device| device.caps.ats;
        if let Some(unit) = iommu {
            for device in devices.iter_mut().filter(able) {
                unit.device_tlbs().lend(device.tlb.take(), device.caps.id);
            }
        }
        let done = act(self);
        let Hardware { iommu, devices, .. } = &mut self.hw;
        if let Some(unit) = iommu {
            for (device, tlb) in devices.iter_mut().filter(able).zip(unit.device_tlbs().take_back()) {
                device.tlb = tlb;
            }
        }
        done
    }

    /// Does the kernel know of a TLB of this device's? It turns ATS on where device and IOMMU have it.
    fn has_device_tlb(&self, device: usize) -> bool {
        let d = &self.hw.devices[device];
        self.version >= 2 && self.iommu_on() && self.takes.0 && d.caps.ats && !d.bypass
    }

    fn command(&mut self, kept: Vec<Kept>, span: Span) -> Result<(), Problem> {
        for (device, pasid, range) in kept {
            let requester = self.hw.devices[device].requester;
            let what = Invalidation::DeviceTlb(requester, pasid, range);
            self.driver(span, |unit, ctx| unit.invalidate(ctx, what))?;
        }
        Ok(())
    }

    /// Pages of a domain are unmapped: of a host's, or of `guest`'s tables above it.
    pub(in crate::machine) fn unmapped_in_devices(
        &mut self,
        domain: DomainId,
        guest: Option<usize>,
        range: AddrRange<Iova>,
        span: Span,
    ) -> Result<(), Problem> {
        let mut kept: Vec<Kept> = Vec::new();
        let devices = (0..self.hw.devices.len()).filter(|device| self.has_device_tlb(*device));
        for device in devices {
            if self.domain_of(device) == Some(domain) {
                let above = self.sw.attachments.iter().rev().find(|a| a.device == device);
                match (above.and_then(|a| a.stage1), guest) {
                    (above, guest) if above == guest => kept.push((device, None, range)),
                    // Which of the guest's pages led to these nobody knows.
                    (Some(_), None) => kept.push((device, None, AddrRange::whole())),
                    _ => {}
                }
            }
            let bound = self.sw.bound.iter().filter(|b| b.0 == device && guest.is_none());
            let below = bound.filter(|b| {
                let vm = self.sw.processes[b.2].vm;
                vm.is_some_and(|vm| self.sw.vms[vm].domain == Some(domain))
            });
            kept.extend(below.map(|b| (device, Some(b.1), AddrRange::whole())));
        }
        self.command(kept, span)
    }

    /// A device meets other tables from now on, or none: what it keeps of the old ones goes. Processes stay bound, unless
    /// everything is `blocked`.
    pub(in crate::machine) fn attached_anew(
        &mut self,
        device: usize,
        blocked: bool,
        span: Span,
    ) -> Result<(), Problem> {
        // Out of no tables it can have nothing.
        let had_none = self.sw.attached_to[device].as_deref() == Some("blocked");
        if !self.has_device_tlb(device) || had_none {
            return Ok(());
        }
        let mut kept: Vec<Kept> = [(device, None, AddrRange::whole())].into();
        let bound = self.sw.bound.iter().filter(|b| b.0 == device && blocked);
        kept.extend(bound.map(|b| (device, Some(b.1), AddrRange::whole())));
        self.command(kept, span)
    }
}
