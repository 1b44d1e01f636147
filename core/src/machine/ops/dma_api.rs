//! The kernel's DMA API as scenarios call it: names and buffers on this side, [`crate::os`] on the other.

use crate::addr::{AddrRange, Bytes, Iova, PhysAddr, Space, VirtAddr};
use crate::iommu::AnyIommu;
use crate::machine::resolve::wrong;
use crate::machine::run::{OsError, Stop};
use crate::machine::software::{parts, Buffer, DmaState, Handle, Named, Owner};
use crate::machine::{limits, os_problem, problem, Machine};
use crate::os::dma::{self as api, BufferKind, DeviceInfo, DmaApi, Piece};
use crate::os::Env;
use crate::platform::map::RegionKind;
use crate::platform::window::Direction as Way;
use crate::scenario::ast::{self, AllocKind};
use crate::scenario::{Problem, Span};
use crate::spec::{Phrase, Text};
use crate::trace::Trace;
use alloc::{string::String, vec::Vec};

impl Machine {
    /// Lends the DMA API with what it works on.
    pub(in crate::machine) fn with_os<T>(
        &mut self,
        act: impl FnOnce(&mut DmaApi, &mut Env<'_, AnyIommu, Trace>) -> T,
    ) -> T {
        self.with_state(|state, env| act(&mut state.api, env))
    }

    /// Lends the operating system's state with what it works on.
    pub(in crate::machine) fn with_state<T>(
        &mut self,
        act: impl FnOnce(&mut DmaState, &mut Env<'_, AnyIommu, Trace>) -> T,
    ) -> T {
        let on = self.iommu_on();
        self.with_links(|machine| {
            let mut env = Env {
                iommu: machine.hw.iommu.as_mut().filter(|_| on),
                memory: &mut machine.memory,
                frames: &mut machine.sw.frames,
                pages: &mut machine.sw.pages,
                cache: &mut machine.sw.cache,
                bridges: &machine.hw.bridges,
                obs: &mut machine.trace,
            };
            act(&mut machine.sw.dma, &mut env)
        })
    }

    /// Makes every device known to the DMA API, which gives it its group's domain.
    pub(in crate::machine) fn add_devices(&mut self, span: Span) -> Result<(), Problem> {
        let mut always: Vec<AddrRange<Iova>> = Vec::new();
        // What an IOVA must never be: interrupt messages, and what bridges claim for other devices.
        let messages = self.hw.interrupts.range();
        always.extend(AddrRange::new(Iova::new(messages.start.raw()), messages.len()));
        always.extend(self.sw.reserved_iovas.iter().copied());
        for device in 0..self.hw.devices.len() {
            if !self.hw.topology.is_configured(self.hw.devices[device].node) {
                continue;
            }
            let bridge = self.hw.bridge_of(device);
            let mut reserved = always.clone();
            for window in bridge.of(Way::Outbound) {
                reserved.extend(AddrRange::new(window.bus.start.as_iova(), window.bus.len()));
            }
            // What the bridge takes itself never comes to memory.
            reserved.extend(bridge.msi_target.and_then(|at| AddrRange::new(at.as_iova(), 4)));
            let direct = bridge.no_iommu;
            let group = self.group(device);
            let d = &self.hw.devices[device];
            let info = DeviceInfo {
                name: d.name.clone(),
                id: d.requester,
                ids: self.hw.topology.requesters(d.node).collect(),
                group,
                bridge: self.hw.bridge_id(device),
                direct,
                // Linux assumes 32 until the driver says otherwise; version 1 of the language did not.
                bits: if self.version >= 2 { 32 } else { d.bits },
                coherent: d.coherent,
                ats: d.caps.ats,
            };
            let id = d.requester;
            self.with_os(|api, env| api.add_device(env, info, &reserved)).map_err(|e| os_problem(span, e))?;
            self.set_attached(device, self.sw.dma.api.domain(id));
        }
        Ok(())
    }

    fn handle(&self, name: &ast::Name) -> Result<usize, Problem> {
        match self.named(&name.value, name.span)? {
            Named::Handle(index) => Ok(index),
            _ => Err(wrong(name.span, &name.value, "a DMA address", "DMA 地址")),
        }
    }

    fn add_handle(&mut self, handle: Handle) {
        let index = self.sw.handles.len();
        self.sw.name(self.trace.len(), &handle.name, Named::Handle(index));
        self.sw.handles.push(handle);
    }

    /// A place in a buffer as the DMA API takes it: the buffer, the offset, its memory from there on.
    #[allow(clippy::type_complexity)] // buffer, offset, pieces
    fn source(&self, at: &ast::Loc<VirtAddr>) -> Result<(usize, u64, Vec<(PhysAddr, u64)>), Problem> {
        let found = self.find(at, Space::Virtual)?;
        let Some(Named::Buffer(index)) = found.named else {
            return Err(Problem::new(
                at.span,
                "a buffer from `alloc` must stand here",
                "此处应为 `alloc` 得到的缓冲区",
            ));
        };
        let buffer = &self.sw.buffers[index];
        let pieces = parts(&buffer.pieces, found.offset, u64::MAX).collect();
        Ok((index, found.offset, pieces))
    }

    pub(in crate::machine) fn op_coherent(&mut self, op: &ast::AllocCoherent) -> Result<(), Stop> {
        let device = self.driven(&op.device)?;
        self.settle(device)?;
        let id = self.hw.devices[device].requester;
        if op.size.value > crate::machine::limits::BUFFER {
            let most = Bytes(crate::machine::limits::BUFFER);
            return Err(problem(
                op.size.span,
                Phrase::new(
                    alloc::format!("a buffer has at most {most}"),
                    alloc::format!("缓冲区最大 {most}"),
                ),
            )
            .into());
        }
        let name = op.name.value.clone();
        let made = self.with_os(|api, env| api.alloc_coherent(env, id, &name, op.size.value))?;
        let pieces: Vec<_> = made.pieces.iter().map(|p| (p.at, p.bytes)).collect();
        // The kernel's view: the direct map where the memory is one piece.
        let va = pieces.first().map(|p| self.sw.kernel_va(p.0));
        let buffer = self.sw.buffers.len();
        self.sw.buffers.push(Buffer {
            born: self.trace.len(),
            name: name.clone(),
            size: op.size.value,
            kind: AllocKind::Contiguous,
            owner: Owner::Kernel,
            private: false,
            va,
            pieces: pieces.clone(),
            freed: false,
            died: usize::MAX,
        });
        self.add_handle(Handle {
            born: self.trace.len(),
            name,
            device,
            segments: alloc::vec![(made.dma, op.size.value)],
            pieces,
            buffer: Some((buffer, 0)),
            direction: api::Direction::Bidirectional,
            live: true,
            died: usize::MAX,
            coherent: true,
            list: None,
        });
        Ok(())
    }

    pub(in crate::machine) fn op_free_coherent(&mut self, op: &ast::HandleOnly) -> Result<(), Stop> {
        let index = self.handle(&op.handle)?;
        let (device, at) = (self.sw.handles[index].device, self.sw.handles[index].dma(0).unwrap_or_default());
        let id = self.hw.devices[device].requester;
        self.with_os(|api, env| api.free_coherent(env, id, at))?;
        self.sw.handles[index].live = false;
        self.sw.handles[index].died = self.trace.len();
        Ok(())
    }

    /// `dma_map_single`, or `dma_map_page`: that takes a page, so it matters not what else is mapped beside it.
    pub(in crate::machine) fn op_map_single(&mut self, op: &ast::MapSingle, page: bool) -> Result<(), Stop> {
        let device = self.driven(&op.device)?;
        self.settle(device)?;
        let id = self.hw.devices[device].requester;
        let (index, offset, pieces) = self.source(&op.buffer)?;
        let buffer = &self.sw.buffers[index];
        let room = buffer.size.saturating_sub(offset);
        let bytes = op.len.map_or(room, |l| l.value);
        if let Some(len) = op.len.filter(|l| l.value > room) {
            let (said, room, name) = (Bytes(bytes), Bytes(room), &buffer.name);
            return Err(problem(
                len.span,
                Phrase::new(
                    alloc::format!("{said} do not lie in {name}: from here on it has {room}"),
                    alloc::format!("{name} 放不下 {said}：从此处起只有 {room}"),
                ),
            )
            .into());
        }
        let within = pieces.first().is_some_and(|p| p.1 >= bytes);
        let kind = match buffer.kind {
            _ if page && within => BufferKind::Contiguous,
            AllocKind::Vmalloc | AllocKind::Scattered => BufferKind::Vmalloc,
            AllocKind::Stack => BufferKind::Stack,
            AllocKind::Contiguous => BufferKind::Contiguous,
        };
        let (Some(first), name) = (pieces.first().copied(), buffer.name.clone()) else {
            return Err(problem(
                op.buffer.span,
                Text::new("this is past the end of the buffer", "超出了缓冲区末尾"),
            )
            .into());
        };
        let way = op.direction.value;
        let source = api::Buffer { name: &name, at: first.0, bytes, kind };
        let dma = self.with_os(|api, env| api.map_single(env, id, source, way, op.skip_cpu_sync))?;
        self.add_handle(Handle {
            born: self.trace.len(),
            name: op.name.value.clone(),
            device,
            segments: alloc::vec![(dma, bytes)],
            pieces,
            buffer: Some((index, offset)),
            direction: way,
            live: true,
            died: usize::MAX,
            coherent: false,
            list: None,
        });
        Ok(())
    }

    pub(in crate::machine) fn op_map_resource(&mut self, op: &ast::MapResource) -> Result<(), Stop> {
        let device = self.driven(&op.device)?;
        self.settle(device)?;
        let id = self.hw.devices[device].requester;
        let (pa, found) = self.physical(&op.at)?;
        let len = self.length(op.len.map(|l| l.value), &found, None, op.at.span)?;
        let range = AddrRange::new(pa, len).filter(|_| len <= limits::BUFFER);
        let range = range
            .ok_or_else(|| problem(op.at.span, Text::new("at most 1 GiB of a BAR", "最多是 BAR 的 1 GiB")))?;
        let ram = |at| self.hw.map.find(at).is_some_and(|r| r.kind == RegionKind::Ram);
        if ram(range.start) || ram(range.last()) {
            // The kernel warns: memory with a page is for dma_map_page.
            let message = Phrase::new(
                alloc::format!("dma_map_resource is for BARs; {range} is RAM"),
                alloc::format!("dma_map_resource 只能用于 BAR，而 {range} 是内存"),
            );
            return Err(Stop::Os(OsError::new("ram", message)));
        }
        let (name, way) = (op.name.value.clone(), op.direction.value);
        let dma = self.with_os(|api, env| api.map_resource(env, id, &name, range, way))?;
        self.add_handle(Handle {
            born: self.trace.len(),
            name,
            device,
            segments: alloc::vec![(dma, len)],
            pieces: alloc::vec![(pa, len)],
            buffer: None,
            direction: way,
            live: true,
            died: usize::MAX,
            coherent: false,
            list: None,
        });
        Ok(())
    }

    pub(in crate::machine) fn op_map_sg(&mut self, op: &ast::MapSg) -> Result<(), Stop> {
        let device = self.driven(&op.device)?;
        self.settle(device)?;
        let id = self.hw.devices[device].requester;
        let mut pieces: Vec<Piece> = Vec::new();
        let mut first = None;
        for at in &op.buffers {
            let (index, offset, part) = self.source(at)?;
            first.get_or_insert((index, offset));
            pieces.extend(part.iter().map(|(at, bytes)| Piece { at: *at, bytes: *bytes }));
        }
        let name = first.map_or(String::new(), |(b, _)| self.sw.buffers[b].name.clone());
        let way = op.direction.value;
        let list = self.with_os(|api, env| api.map_sg(env, id, &name, &pieces, way))?;
        self.add_handle(Handle {
            born: self.trace.len(),
            name: op.name.value.clone(),
            device,
            segments: list.segments.iter().map(|s| (s.dma, s.bytes)).collect(),
            pieces: pieces.iter().map(|p| (p.at, p.bytes)).collect(),
            buffer: first,
            direction: way,
            live: true,
            died: usize::MAX,
            coherent: false,
            list: Some(list),
        });
        Ok(())
    }

    /// `dma_unmap_single`, or as a list (`sg`): what the handle is decides what is undone, as the debug checks say when
    /// the driver called the other one.
    pub(in crate::machine) fn op_unmap_handle(
        &mut self,
        op: &ast::UnmapHandle,
        sg: bool,
    ) -> Result<(), Stop> {
        let index = self.handle(&op.handle)?;
        let handle = self.sw.handles[index].clone();
        let id = self.hw.devices[handle.device].requester;
        let way = op.direction.map(|d| d.value);
        self.with_os(|api, env| {
            let at = handle.dma(0).unwrap_or_default();
            api.check_function(env, id, at, (handle.list.is_some(), sg));
        });
        self.with_os(|api, env| match &handle.list {
            Some(list) => api.unmap_sg(env, id, list, way, op.skip_cpu_sync),
            None => {
                let at = handle.dma(0).unwrap_or_default();
                // A BAR has no lines in the CPU's cache.
                let skip = op.skip_cpu_sync || handle.buffer.is_none();
                api.unmap_single(env, id, at, op.len.map(|l| l.value), way, skip)
            }
        })?;
        self.sw.handles[index].live = false;
        self.sw.handles[index].died = self.trace.len();
        Ok(())
    }

    pub(in crate::machine) fn op_sync(&mut self, op: &ast::Sync, for_cpu: bool) -> Result<(), Stop> {
        let found = self.find(&op.at, Space::Bus)?;
        let Some(Named::Handle(index)) = found.named else {
            return Err(problem(
                op.at.span,
                Text::new(
                    "a DMA address from `dma_map_...` must stand here",
                    "此处应为 `dma_map_...` 得到的 DMA 地址",
                ),
            )
            .into());
        };
        let handle = self.sw.handles[index].clone();
        let id = self.hw.devices[handle.device].requester;
        let way = op.direction.map(|d| d.value);
        let at = crate::addr::BusAddr::new(found.at.raw);
        self.with_os(|api, env| match &handle.list {
            Some(list) => api.sync_sg(env, id, list, way, for_cpu),
            None => api.sync_single(env, id, at, op.len.map(|l| l.value), way, for_cpu),
        })?;
        Ok(())
    }

    /// `dma_set_mask` and its like: `streaming` and `coherent` are the masks that the call sets.
    pub(in crate::machine) fn op_set_mask(
        &mut self,
        op: &ast::SetMask,
        call: &'static str,
        (streaming, coherent): (bool, bool),
    ) -> Result<(), Stop> {
        let bits = op.bits.value.min(64) as u8;
        let args = alloc::format!("DMA_BIT_MASK({bits})");
        self.set_params(&op.device, (call, &args), |p| {
            let mask = api::mask_of(bits);
            p.mask = if streaming { mask } else { p.mask };
            p.coherent_mask = if coherent { mask } else { p.coherent_mask };
        })
    }

    /// `dma_set_mask`: in version 1 of the language it was `dma_set_mask_and_coherent`.
    pub(in crate::machine) fn op_set_streaming_mask(&mut self, op: &ast::SetMask) -> Result<(), Stop> {
        match self.version {
            0 | 1 => self.op_set_mask(op, "dma_set_mask_and_coherent", (true, true)),
            _ => self.op_set_mask(op, "dma_set_mask", (true, false)),
        }
    }

    /// `dma_set_max_seg_size` and its like.
    pub(in crate::machine) fn op_set_segment(
        &mut self,
        op: &ast::SetSegment,
        call: &'static str,
        set: impl FnOnce(&mut api::Params, u64),
    ) -> Result<(), Stop> {
        let value = op.value.value;
        let mask = call != "dma_set_max_seg_size";
        if mask && value & value.wrapping_add(1) != 0 {
            return Err(problem(
                op.value.span,
                Phrase::new(
                    alloc::format!("{value:#x} is no mask of low bits such as 0xfff"),
                    alloc::format!("{value:#x} 不是低位掩码（如 0xfff）"),
                ),
            )
            .into());
        }
        let args = if mask { alloc::format!("{value:#x}") } else { alloc::format!("{value}") };
        self.set_params(&op.device, (call, &args), |p| set(p, value))
    }

    fn set_params(
        &mut self,
        device: &ast::Name,
        call: (&'static str, &str),
        set: impl FnOnce(&mut api::Params),
    ) -> Result<(), Stop> {
        let id = self.hw.devices[self.driven(device)?].requester;
        Ok(self.with_os(|api, env| api.set_params(env, id, call, set))?)
    }

    pub(in crate::machine) fn op_declare_coherent(&mut self, op: &ast::DeclareCoherent) -> Result<(), Stop> {
        let id = self.hw.devices[self.driven(&op.device)?].requester;
        let (at, len) = self.range(&op.range, Space::Physical)?;
        let whole = at.at.raw % 4096 == 0 && len % 4096 == 0;
        let range = AddrRange::new(PhysAddr::new(at.at.raw), len).filter(|_| whole && len <= limits::BUFFER);
        let range = range.ok_or_else(|| {
            problem(op.range.span, Text::new("whole pages, at most 1 GiB", "应为整页，最多 1 GiB"))
        })?;
        let bus = crate::addr::BusAddr::new(self.find(&op.bus, Space::Bus)?.at.raw);
        Ok(self.with_os(|api, env| api.declare_coherent(env, id, range, bus))?)
    }

    /// The bytes of memory that a guest's buffer is in, for the host that relays.
    pub(in crate::machine) fn guest_pieces(&self, vm: usize, at: u64, len: u64) -> Result<Vec<Piece>, Stop> {
        let v = &self.sw.vms[vm];
        match v.place_all(at, len) {
            Some(at) => Ok(alloc::vec![Piece { at, bytes: len }]),
            None => Err(problem(
                Span::default(),
                Phrase::new(
                    alloc::format!("{at:#x} {} is not in this guest's RAM", Bytes(len)),
                    alloc::format!("{at:#x} {} 不在这个客户机的内存里", Bytes(len)),
                ),
            )
            .into()),
        }
    }
}
