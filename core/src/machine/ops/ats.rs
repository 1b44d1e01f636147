//! Operations of a device that asks for translations: ATS, page requests.

use crate::addr::{Address, BusAddr, PageSize, Pasid};
use crate::dma::EngineAddr;
use crate::iommu::{
    Driver, Outcome, PageRequest, PageResponse, PasidTag, Refusal, Request, RequestKind, Unit,
};
use crate::machine::run::Stop;
use crate::machine::Machine;
use crate::memory::FRAME;
use crate::paging::Want;
use crate::platform::tlp::{AddressType, PasidPrefix, Status, Tlp};
use crate::scenario::ast::{self};
use crate::spec::{Rule, Text};
use crate::trace::{Actor, Event, Observer, Perms};

static NOTHING_THERE: Rule = Rule {
    text: Text::new(
        "the kernel answers Success, and the page is not there for this access",
        "内核答复 Success（成功），可是没有供这种访问的页",
    ),
    section: "PCIe 10.4.2",
};
static NO_PAGE: Rule = Rule {
    text: Text::new(
        "the answer allows nothing: the page is not there for this access",
        "应答里没有任何权限，因为要用的页不在内存里",
    ),
    section: "PCIe 10.2.3",
};

/// An error is another answer than one without rights.
pub(crate) static REFUSED: Rule = Rule {
    text: Text::new("the answer is an error and no translation", "应答是错误，没有转换结果"),
    section: "PCIe 10.2.3",
};

impl Machine {
    pub(in crate::machine) fn op_ats(&mut self, op: &ast::Ats) -> Result<(), Stop> {
        let device = self.device_named(&op.device)?;
        if self.hw.bridge_of(device).no_iommu {
            return Err(crate::os::OsError::NoIommu.into());
        }
        if !self.hw.devices[device].caps.ats {
            return Err(crate::os::OsError::DeviceLacks(Text::new(
                "ATS capability, or it is off (`ats` on its `device` line)",
                "ATS 能力，或未启用（在 `device` 一行写 `ats`）",
            ))
            .into());
        }
        let pasid = op.pasid.map(|p| p.value);
        let (at, found) = self.engine_address(&op.at, false, pasid)?;
        let EngineAddr::Bus(at) = at else { return Ok(()) };
        let len = op.len.map(|l| l.value).or(found.rest).unwrap_or(FRAME).min(16 << 20);
        let first = at.raw() & !(FRAME - 1);
        let last = at.raw().saturating_add(len.max(1) - 1);
        let mut page = first;
        // Bounded: at most 16 MiB of pages.
        while page <= last {
            self.translation_request(device, BusAddr::new(page), pasid, op.no_write);
            let Some(next) = page.checked_add(FRAME) else { break };
            page = next;
        }
        Ok(())
    }

    /// One ATS translation request; what is answered goes into the device's TLB.
    fn translation_request(
        &mut self,
        device: usize,
        at: BusAddr,
        pasid: Option<Pasid>,
        no_write: bool,
    ) -> bool {
        let (node, requester) = (self.hw.devices[device].node, self.hw.devices[device].requester);
        self.hw.tag = (self.hw.tag + 1) & 0x3ff;
        let prefix = pasid.map(|pasid| PasidPrefix { pasid, privileged: false, execute: false });
        let tlp = Tlp::memory(requester, self.hw.tag, false, at, 8)
            .with_kind(AddressType::TranslationRequest, no_write)
            .with_pasid(prefix);
        let kind = AddressType::TranslationRequest;
        let route = self.hw.topology.route_up(node, crate::platform::route::Request { requester, at, kind });
        self.hw.topology.tell(&route.steps, &tlp.encode(), 0, &mut self.trace);
        let request = Request {
            requester,
            pasid: pasid.map(|pasid| PasidTag { pasid, privileged: false, execute: false }),
            at: at.as_iova(),
            want: Perms::R,
            kind: RequestKind::Translation { no_write },
            bytes: 8,
            data: None,
        };
        let iommu_on = self.iommu_on() && !self.hw.devices[device].bypass;
        let outcome = match self.hw.iommu.as_mut().filter(|_| iommu_on) {
            Some(unit) => Some(unit.translate(&mut self.memory, &request, &mut self.trace)),
            None => None,
        };
        let answered = match outcome {
            Some(Outcome::Answer(t) | Outcome::Memory(t)) if t.perms != Perms::NONE => Some(t),
            _ => None,
        };
        // The completion carries one entry of eight bytes (PCIe 10.2.3), also where no page is found: then R = W = 0. An error is what
        // a unit says of a device that may not request translations, and of tables that are not as they must be.
        let refusal = match &outcome {
            Some(Outcome::Fault(fault)) => Some(fault.refusal),
            Some(_) => None,
            None => Some(Refusal::UnsupportedRequest),
        };
        let (status, bytes, rule) = match refusal {
            None | Some(Refusal::NoPermission) => (Status::Success, 8, &NO_PAGE),
            Some(Refusal::UnsupportedRequest) => (Status::UnsupportedRequest, 0, &REFUSED),
            Some(Refusal::CompleterAbort) => (Status::CompleterAbort, 0, &REFUSED),
        };
        let completion = tlp.completion(crate::addr::RequesterId::default(), status, bytes, 8, 0);
        self.hw.topology.tell(&route.back(), &completion.encode(), bytes.into(), &mut self.trace);
        let Some(t) = answered else {
            self.trace.step(Actor::Device(requester), Event::Check { rule, ok: false, value: at.raw() });
            return false;
        };
        let size = t.size.min(PageSize::SIZE_1G);
        self.hw.devices[device].tlb.keep(pasid, at.as_iova(), t.to, size, t.perms, &mut self.trace);
        true
    }

    pub(in crate::machine) fn op_page_request(
        &mut self,
        op: &ast::PageRequest,
    ) -> Result<Option<PageResponse>, Stop> {
        let device = self.device_named(&op.device)?;
        if !self.hw.devices[device].caps.pri {
            return Err(crate::os::OsError::DeviceLacks(Text::new(
                "page request capability, or it is off (`pri` on its `device` line)",
                "页请求能力，或未启用（在 `device` 一行写 `pri`）",
            ))
            .into());
        }
        let pasid = op.pasid.map(|p| p.value);
        let (at, _) = self.engine_address(&op.at, false, pasid)?;
        let EngineAddr::Bus(at) = at else { return Ok(None) };
        let want = if op.access.value == ast::Access::Write { Perms::W } else { Perms::R };
        self.page_request(device, at, want, pasid, op.response.map(|r| r.value))
    }

    /// What a device with ATS and page requests does before it uses pages of a process that are not there: it has them
    /// brought in, and requests their translation. Version 1 of the language left that to steps.
    pub(in crate::machine) fn bring_in(
        &mut self,
        device: usize,
        (at, len): (BusAddr, u64),
        want: Perms,
        pasid: Pasid,
    ) -> Result<(), Stop> {
        let caps = self.hw.devices[device].caps;
        let able = self.version >= 2 && self.takes == (true, true) && caps.ats && caps.pri;
        let process = self.sw.bound.iter().find(|b| (b.0, b.1) == (device, pasid)).map(|b| b.2);
        let (Some(process), true) = (process, able) else { return Ok(()) };
        let last = at.raw().saturating_add(len.max(1) - 1);
        let mut page = at.page(PageSize::SIZE_4K).raw();
        // Pages of a transfer draw from the budget.
        while page <= last && self.trace.spend(1) {
            let space = self.sw.processes[process].space;
            let va = crate::addr::VirtAddr::new(page);
            let there = |machine: &mut Self| {
                crate::mmu::peek(&mut machine.memory, &space, va, Want::user(want)).is_ok()
            };
            if !there(self) {
                self.page_request(device, BusAddr::new(page), want, Some(pasid), None)?;
                if there(self) {
                    self.translation_request(device, BusAddr::new(page), Some(pasid), false);
                }
            }
            let Some(next) = page.checked_add(FRAME) else { break };
            page = next;
        }
        Ok(())
    }

    /// A page request and its answer: what the kernel says to the device, where the request came to it.
    fn page_request(
        &mut self,
        device: usize,
        at: BusAddr,
        want: Perms,
        pasid: Option<Pasid>,
        response: Option<ast::Response>,
    ) -> Result<Option<PageResponse>, Stop> {
        let requester = self.hw.devices[device].requester;
        let request = PageRequest {
            requester,
            pasid,
            at: at.as_iova().page(PageSize::SIZE_4K),
            want,
            last: true,
            group: 0,
        };
        if !self.iommu_on() {
            return Err(crate::os::OsError::NoIommu.into());
        }
        let queued = match self.hw.iommu.as_mut() {
            Some(unit) => unit.page_request(&mut self.memory, &request, &mut self.trace),
            None => false,
        };
        if !queued {
            return Ok(None);
        }
        self.sw.page_requests += 1;
        // The OS's handler: reads the queue, brings pages in, answers the group.
        let waiting =
            self.with_unit(|unit, ctx| unit.take_page_requests(ctx)).map_err(crate::os::OsError::Driver)?;
        let mut given = None;
        for request in waiting {
            let process = self
                .sw
                .bound
                .iter()
                .find(|b| self.hw.devices[b.0].requester == request.requester && Some(b.1) == request.pasid)
                .map(|b| b.2);
            let answer = match (response, process) {
                (Some(ast::Response::Success), process) => {
                    self.answer_success(process, &request);
                    PageResponse::Success
                }
                (Some(ast::Response::Failure), _) => PageResponse::ResponseFailure,
                (Some(ast::Response::Invalid), _) => PageResponse::InvalidRequest,
                (None, Some(process)) if self.brought_in(process, &request) => PageResponse::Success,
                (None, _) => PageResponse::InvalidRequest,
            };
            given = Some(answer);
            self.with_unit(|unit, ctx| unit.respond(ctx, &request, answer))
                .map_err(crate::os::OsError::Driver)?;
        }
        Ok(given)
    }

    /// What a handler does that answers Success whatever it finds: it brings the page in; a page that is not there then is told.
    fn answer_success(&mut self, process: Option<usize>, request: &PageRequest) {
        let there = match process {
            Some(process) => self.brought_in(process, request),
            // Without a process it is a page of the device's own domain, which nobody brings in.
            None => {
                let access = Request::new(request.requester, request.at, request.want, 1);
                let unit = self.hw.iommu.as_ref();
                unit.is_some_and(|unit| matches!(unit.peek(&mut self.memory, &access), Outcome::Memory(_)))
            }
        };
        if !there {
            let (rule, value) = (&NOTHING_THERE, request.at.raw());
            self.trace.step(Actor::Os, Event::Check { rule, ok: false, value });
        }
    }

    /// Brings the page of a request in, where it is not there already. Returns whether it is there then, for this access.
    fn brought_in(&mut self, process: usize, request: &PageRequest) -> bool {
        let at = crate::addr::VirtAddr::new(request.at.raw());
        self.page_in(process, at, request.want) || {
            let space = self.sw.processes[process].space;
            crate::mmu::peek(&mut self.memory, &space, at, Want::user(request.want)).is_ok()
        }
    }
}
