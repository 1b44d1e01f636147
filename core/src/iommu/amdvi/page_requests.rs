//! Page requests of devices: the log that software reads, or the refusal that the device gets at once (AMD 48882,
//! peripheral page request log).

use super::context::OfDevice;
use super::faults;
use super::queues::PAGE_REQUESTS;
use super::records::{emit_page_request, Event};
use super::request::{Asked, Refused};
use super::spec::registers::{control, efr};
use super::spec::structures::dte;
use super::{caches::Device, AmdViUnit};
use crate::iommu::traced_cache::get_or_load;
use crate::iommu::{PageRequest, PasidTag, Request, RequestKind};
use crate::memory::Memory;
use crate::trace::{Observer, Recorded};

impl AmdViUnit {
    /// Takes a page request into the log. `false`: the unit answers it itself.
    pub(super) fn take_page_request<O: Observer>(
        &mut self,
        memory: &mut Memory,
        request: &PageRequest,
        obs: &mut O,
    ) -> bool {
        if !self.config.has(efr::PPR_SUP) || !self.control(control::PPR_EN) {
            return false;
        }
        let pasid = request.pasid.map(|pasid| PasidTag { pasid, privileged: false, execute: false });
        let kind = RequestKind::Translation { no_write: false };
        let asked = Request { pasid, kind, ..Request::new(request.requester, request.at, request.want, 8) };
        let config = self.config;
        let asked = Asked::new(&asked, &config);
        let setup = self.setup(&config, asked.device, false);
        let source = OfDevice { setup: &setup, asked: &asked };
        let refused =
            match get_or_load(Some(&mut self.caches.devices), Device(asked.device), &source, memory, obs) {
                // Without an IOTLB of its own a device has no page requests to make; nor for a PASID without guest
                // tables.
                Ok(entry)
                    if [dte::V, dte::TV, dte::I, dte::PPR].iter().all(|flag| entry.is(*flag))
                        && (request.pasid.is_none() || entry.guest(&setup, &asked).is_some()) =>
                {
                    None
                }
                Ok(_) => {
                    let event = Event::new(&faults::INVALID_PPR_REQUEST, request.at.raw());
                    let (group, last) = (request.group, request.last);
                    Some(Refused::with(Event {
                        device: asked.device,
                        pasid: asked.pasid,
                        group,
                        last,
                        ..event
                    }))
                }
                Err(refused) => Some(refused),
            };
        match refused {
            None => {
                matches!(self.put(memory, &PAGE_REQUESTS, &emit_page_request(request), obs), Recorded::At(_))
            }
            Some(refused) => {
                if let Some(event) = &refused.event {
                    let recorded = self.log(memory, event, obs);
                    self.tell(event, request.want, recorded, obs);
                }
                false
            }
        }
    }
}
