//! One buffer at a time: direct, bounced, or through the IOMMU's tables.

use super::super::{Env, OsError};
use super::flush::flush_group;
use super::pieces::{copy, whole_pages};
use super::{
    close, open, own, Buffer, BufferKind, Device, DeviceInfo, Direction, DmaApi, Mapped, Params, Path, Piece,
    Way,
};
use crate::addr::{AddrRange, Address, BusAddr, Iova, PageSize, PhysAddr, RequesterId};
use crate::iommu::{DomainId, Driver, Invalidation};
use crate::paging::builder::Mapping;
use crate::platform::bridges::BridgeId;
use crate::trace::{Actor, Event, NameId, Observer, OwnerState};
use alloc::{format, vec, vec::Vec};

impl DmaApi {
    /// `dma_map_single` (and `dma_map_page`): the address that the device may use from now on.
    pub fn map_single<I: Driver, O: Observer>(
        &mut self,
        env: &mut Env<'_, I, O>,
        device: RequesterId,
        buffer: Buffer<'_>,
        direction: Direction,
        skip_cpu_sync: bool,
    ) -> Result<BusAddr, OsError> {
        let name = &self.device(device)?.info.name;
        let args = format!("{name}, {} ({}), {}, {}", buffer.name, buffer.at, buffer.bytes, direction.name());
        open(env.obs, "dma_map_single", &args);
        let result = self.map_one(env, device, buffer, direction, skip_cpu_sync, false);
        close(env.obs, result.as_ref().map(|at| Some(at.any())).map_err(OsError::rule));
        result
    }

    pub(super) fn map_one<I: Driver, O: Observer>(
        &mut self,
        env: &mut Env<'_, I, O>,
        device: RequesterId,
        buffer: Buffer<'_>,
        direction: Direction,
        skip_cpu_sync: bool,
        listed: bool,
    ) -> Result<BusAddr, OsError> {
        match buffer.kind {
            BufferKind::Contiguous => {}
            BufferKind::Vmalloc => return Err(OsError::Vmalloc),
            BufferKind::Stack => return Err(OsError::Stack),
        }
        let memory = AddrRange::new(buffer.at, buffer.bytes).ok_or(OsError::Empty)?;
        let piece = Piece { at: buffer.at, bytes: buffer.bytes };
        let Device { info, params, .. } = self.device(device)?.clone();
        let mask = params.mask;
        let (dma, path) = if self.domain(device).is_some() {
            if !skip_cpu_sync {
                self.for_device(env, &info, memory, direction)?;
            }
            let iova = self.map_pages(env, &info, mask, &[piece], direction)?;
            let first = iova.page(PageSize::SIZE_4K);
            let pages = whole_pages(buffer.at, buffer.bytes);
            (iova.as_bus(), Path::Translated(first, pages))
        } else {
            self.map_direct(env, &info, params, memory, direction, skip_cpu_sync)?
        };
        let state = match path {
            Path::Bounced(_) => OwnerState::Bounced,
            _ => OwnerState::Device,
        };
        own(env.obs, buffer.name, state);
        let mapped = Mapped {
            name: buffer.name.into(),
            dma,
            bytes: buffer.bytes,
            direction,
            pieces: vec![piece],
            path,
            listed,
        };
        self.check_overlap(env, &info, piece, direction);
        self.live.insert((device, dma.raw()), mapped);
        Ok(dma)
    }

    /// Without translation: as it is if the device can reach it, else bounced.
    pub(super) fn map_direct<I: Driver, O: Observer>(
        &mut self,
        env: &mut Env<'_, I, O>,
        info: &DeviceInfo,
        Params { mask, min_align, .. }: Params,
        memory: AddrRange<PhysAddr>,
        direction: Direction,
        skip_cpu_sync: bool,
    ) -> Result<(BusAddr, Path), OsError> {
        let force = self.swiotlb.as_ref().is_some_and(|s| s.force);
        let reach = reachable(env, info.bridge, memory, mask);
        if let (Ok(dma), false) = (&reach, force) {
            if !skip_cpu_sync {
                self.for_device(env, info, memory, direction)?;
            }
            return Ok((*dma, Path::Direct));
        }
        let Some(pool) = self.swiotlb.as_mut() else {
            return reach.map(|dma| (dma, Path::Direct));
        };
        let slots = pool.alloc(memory.len(), memory.start.raw() & min_align, min_align)?;
        let bounce = AddrRange::new(slots, memory.len()).ok_or(OsError::Empty)?;
        let dma =
            reachable(env, info.bridge, bounce, mask).inspect_err(|_| pool.free(slots, memory.len()))?;
        copy(env, memory.start, slots, memory.len())?;
        if !skip_cpu_sync {
            self.for_device(env, info, bounce, direction)?;
        }
        Ok((dma, Path::Bounced(slots)))
    }

    /// `dma_map_resource`: memory that is no RAM, such as another device's BAR. Where nothing translates, the physical
    /// address is given as it is, whatever the bridge would make of it (`dma_direct_map_resource`).
    pub fn map_resource<I: Driver, O: Observer>(
        &mut self,
        env: &mut Env<'_, I, O>,
        device: RequesterId,
        name: &str,
        range: AddrRange<PhysAddr>,
        direction: Direction,
    ) -> Result<BusAddr, OsError> {
        let Device { info, params, .. } = self.device(device)?.clone();
        let (at, bytes) = (range.start, range.len());
        open(env.obs, "dma_map_resource", &format!("{}, {at}, {bytes}, {}", info.name, direction.name()));
        let piece = Piece { at, bytes };
        let result = if self.domain(device).is_some() {
            self.map_pages(env, &info, params.mask, &[piece], direction).map(|iova| {
                let path = Path::Translated(iova.page(PageSize::SIZE_4K), whole_pages(at, bytes));
                (iova.as_bus(), path)
            })
        } else if range.last().raw() > params.mask {
            Err(OsError::Mask { at: BusAddr::new(at.raw()), bytes, mask: params.mask })
        } else {
            Ok((BusAddr::new(at.raw()), Path::Direct))
        };
        close(env.obs, result.as_ref().map(|(dma, _)| Some(dma.any())).map_err(OsError::rule));
        let (dma, path) = result?;
        let mapped =
            Mapped { name: name.into(), dma, bytes, direction, pieces: vec![piece], path, listed: false };
        self.live.insert((device, dma.raw()), mapped);
        Ok(dma)
    }

    /// Takes an IOVA range for pieces that follow each other in it and maps their pages. The address of the
    /// first byte.
    pub(super) fn map_pages<I: Driver, O: Observer>(
        &mut self,
        env: &mut Env<'_, I, O>,
        info: &DeviceInfo,
        mask: u64,
        pieces: &[Piece],
        direction: Direction,
    ) -> Result<Iova, OsError> {
        let (sync, ats) = (self.sync_map, self.ats_of(info.group));
        let group = self.groups.get_mut(&info.group).ok_or(OsError::NoIommu)?;
        let total: u64 = pieces.iter().map(|p| whole_pages(p.at, p.bytes)).sum();
        let first = pieces.first().ok_or(OsError::Empty)?;
        let base = match group.iova.alloc(total, mask) {
            Ok(base) => base,
            Err(none) if group.waiting.is_empty() => return Err(none.into()),
            Err(_) => {
                // What waits for its invalidation is room too.
                flush_group(env, group, &ats)?;
                group.iova.alloc(total, mask)?
            }
        };
        env.obs.spend(group.iova.take_looked());
        let domain = group.domain;
        let mut at = base;
        let mut done = Vec::new();
        for piece in pieces {
            let len = whole_pages(piece.at, piece.bytes);
            let to = piece.at.page(PageSize::SIZE_4K);
            let mapped = env.with_iommu(|iommu, ctx| {
                let sizes = iommu.page_sizes();
                for run in runs(at.raw(), to.raw(), len, sizes) {
                    let (from, to, len, size) = run;
                    let perms = direction.perms();
                    done.push((from, len, size));
                    iommu.map(ctx, domain, Mapping { from, to, len, size, perms, user: true })?;
                }
                Ok(())
            });
            let mapped: Option<Result<(), crate::iommu::DriverError>> = mapped;
            if let Some(Err(error)) = mapped {
                take_back(env, domain, &done);
                group.iova.free(base, total);
                return Err(error.into());
            }
            at = at.wrapping_add(len);
        }
        if sync {
            if let Some(range) = AddrRange::new(base, total) {
                let what = Invalidation::Pages(domain, range);
                env.with_iommu(|iommu, ctx| iommu.invalidate(ctx, what)).transpose()?;
            }
        }
        Ok(base.wrapping_add(first.at.offset(PageSize::SIZE_4K)))
    }

    /// `dma_unmap_single`. `bytes` and `direction` are what the driver says, right or wrong; `None` is what it
    /// said when it mapped.
    pub fn unmap_single<I: Driver, O: Observer>(
        &mut self,
        env: &mut Env<'_, I, O>,
        device: RequesterId,
        at: BusAddr,
        bytes: Option<u64>,
        direction: Option<Direction>,
        skip_cpu_sync: bool,
    ) -> Result<(), OsError> {
        let name = self.device(device)?.info.name.clone();
        let known = self.live.get(&(device, at.raw()));
        let said = bytes.or(known.map(|m| m.bytes)).unwrap_or(0);
        let way = direction.or(known.map(|m| m.direction)).unwrap_or(Direction::Bidirectional);
        open(env.obs, "dma_unmap_single", &format!("{name}, {at}, {said}, {}", way.name()));
        let result = self.unmap_one(env, device, at, said, way, skip_cpu_sync);
        close(env.obs, result.as_ref().map(|_| None).map_err(OsError::rule));
        result
    }

    pub(super) fn unmap_one<I: Driver, O: Observer>(
        &mut self,
        env: &mut Env<'_, I, O>,
        device: RequesterId,
        at: BusAddr,
        bytes: u64,
        direction: Direction,
        skip_cpu_sync: bool,
    ) -> Result<(), OsError> {
        let info = self.device(device)?.info.clone();
        let Some(mapped) = self.live.remove(&(device, at.raw())) else {
            self.check_known(env, &info, (at, bytes), false);
            return Err(OsError::NotMapped(at));
        };
        self.check_said(env, &info, &mapped, bytes, direction);
        let bytes = bytes.min(mapped.bytes);
        if !skip_cpu_sync {
            self.sync(env, &info, &mapped, 0, bytes, direction, true)?;
        }
        match mapped.path {
            Path::Direct => own(env.obs, &mapped.name, OwnerState::Cpu),
            Path::Bounced(slots) => {
                if let Some(pool) = self.swiotlb.as_mut() {
                    pool.free(slots, mapped.bytes);
                }
                own(env.obs, &mapped.name, OwnerState::Cpu);
            }
            Path::Translated(first, len) => {
                // The driver's length decides what is unmapped; the rest stays, as a bug does.
                let offset = at.raw() - first.raw();
                let part = (offset + bytes).max(1).next_multiple_of(4096).min(len);
                self.unmap_pages(env, &info, first, len, part, &mapped.name)?;
            }
        }
        Ok(())
    }
}

/// Takes back runs of mappings (from, bytes, page size) of which the last one failed at some page: what follows that
/// page was never mapped.
fn take_back<I: Driver, O: Observer>(
    env: &mut Env<'_, I, O>,
    domain: DomainId,
    runs: &[(u64, u64, PageSize)],
) {
    let Some(((from, len, size), whole)) = runs.split_last() else { return };
    let whole = whole.iter().map(|(from, len, _)| (*from, *len));
    let pages =
        (*from..from.saturating_add(*len)).step_by(size.bytes() as usize).map(|at| (at, size.bytes()));
    for (from, len) in whole.chain(pages) {
        let Some(range) = AddrRange::new(Iova::new(from), len) else { return };
        if !matches!(env.with_iommu(|iommu, ctx| iommu.unmap(ctx, domain, range)), Some(Ok(()))) {
            return;
        }
    }
}

/// The device's address of `memory`, when all of it is within its reach.
pub(super) fn reachable<I: Driver, O: Observer>(
    env: &mut Env<'_, I, O>,
    bridge: BridgeId,
    memory: AddrRange<PhysAddr>,
    mask: u64,
) -> Result<BusAddr, OsError> {
    let bridge = env.bridges.get(bridge);
    let dma = bridge.dma_addr(memory.start).ok_or(OsError::NoWindow(memory.start))?;
    let last = bridge.dma_addr(memory.last()).ok_or(OsError::NoWindow(memory.last()))?;
    if last.raw() > mask || last.raw() - dma.raw().min(last.raw()) != memory.len() - 1 {
        return Err(OsError::Mask { at: dma, bytes: memory.len(), mask });
    }
    if O::ON && !bridge.inbound_identity() {
        let name = bridge
            .of(Way::Inbound)
            .find(|w| w.cpu.contains(memory.start))
            .map_or(NameId(0), |w| env.obs.name(&w.name));
        let event = Event::Window { name, from: memory.start.any(), to: dma.any(), hit: true };
        env.obs.step(Actor::Os, event);
    }
    Ok(dma)
}

/// Cuts a mapping into runs of the largest pages that fit, as `iommu_pgsize` does: from, to, bytes, page size.
pub(super) fn runs(from: u64, to: u64, len: u64, sizes: &[PageSize]) -> Vec<(u64, u64, u64, PageSize)> {
    let mut runs: Vec<(u64, u64, u64, PageSize)> = Vec::new();
    let mut done = 0;
    // Bounded: pages of a buffer, which is at most 1 GiB.
    while done < len {
        let fits = |s: &&PageSize| ((from + done) | (to + done)) & s.mask() == 0 && s.bytes() <= len - done;
        let size = sizes.iter().rev().find(fits).copied().unwrap_or(PageSize::SIZE_4K);
        match runs.last_mut() {
            Some(run) if run.3 == size => run.2 += size.bytes(),
            _ => runs.push((from + done, to + done, size.bytes(), size)),
        }
        done += size.bytes();
    }
    runs
}
