//! The DMA API, as a driver calls it (Linux Documentation/core-api/dma-api.rst; kernel/dma/direct.c and
//! drivers/iommu/dma-iommu.c behind it).
//!
//! A device's addresses come about in one of three ways. *Direct*: the physical address, through the host
//! bridge's inbound window. *Translated*: an IOVA of its group's domain, mapped page by page. *Bounced*: the
//! buffer is out of the device's reach, so a copy in the SWIOTLB pool stands in for it.
//!
//! Bounce buffers are filled on every map, also for data from the device, as Linux does since 5.18: a device
//! that writes only a part must not make the rest of the buffer appear to have changed.

mod coherent;
mod flush;
mod sg;
#[cfg(test)]
mod tests;

pub use coherent::Coherent;
pub use sg::{Piece, Segment, SgList};

use super::iova::IovaSpace;
use super::swiotlb::Swiotlb;
use super::{Env, OsError};
use crate::addr::{AddrRange, Address, BusAddr, Iova, PageSize, PhysAddr, RequesterId};
use crate::iommu::{Attachment, DomainId, DomainKind, Invalidation, Iommu};
use crate::paging::builder::Mapping;
use crate::platform::window::Direction as Way;
use crate::trace::{Actor, CostKind, Event, NameId, Observer, OwnerState, Perms, Scope, Verdict};
use alloc::{collections::BTreeMap, format, string::String, vec, vec::Vec};
use flush::Waiting;

/// Which way the data goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Direction {
    /// The device reads memory.
    ToDevice,
    /// The device writes memory.
    FromDevice,
    /// Both.
    Bidirectional,
}

impl Direction {
    /// As C names it.
    pub const fn name(self) -> &'static str {
        match self {
            Direction::ToDevice => "DMA_TO_DEVICE",
            Direction::FromDevice => "DMA_FROM_DEVICE",
            Direction::Bidirectional => "DMA_BIDIRECTIONAL",
        }
    }
    /// What a mapping must allow the device.
    pub const fn perms(self) -> Perms {
        match self {
            Direction::ToDevice => Perms::R,
            Direction::FromDevice => Perms::W,
            Direction::Bidirectional => Perms::RW,
        }
    }
    const fn reads(self) -> bool {
        !matches!(self, Direction::FromDevice)
    }
    const fn writes(self) -> bool {
        !matches!(self, Direction::ToDevice)
    }
}

/// What the operating system does with the IOMMU.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Policy {
    /// Nothing: addresses are direct.
    Direct,
    /// Devices are attached for pass-through: addresses are direct, through a unit that is on.
    PassThrough,
    /// Translated; unmapping invalidates before it returns.
    Strict,
    /// Translated; this many unmapped ranges wait before one invalidation clears them all (Linux: 255).
    Lazy(usize),
}

/// A device as its driver sees it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DeviceInfo {
    /// Its name.
    pub name: String,
    /// The requester id its requests carry.
    pub id: RequesterId,
    /// Its IOMMU group.
    pub group: u16,
    /// Address bits it drives: what its mask is until the driver narrows it.
    pub bits: u8,
    /// Its accesses see the CPU's cache.
    pub coherent: bool,
    /// It keeps translations of its own (ATS), which must be invalidated too.
    pub ats: bool,
    /// The longest segment that its scatter-gather takes; 64 KiB unless a driver says otherwise.
    pub max_segment: u32,
}

#[derive(Clone, Debug)]
struct Device {
    info: DeviceInfo,
    mask: u64,
}

/// The domain that the devices of one group share.
#[derive(Clone, Debug)]
struct Group {
    domain: DomainId,
    iova: IovaSpace,
    waiting: Vec<Waiting>,
}

/// A buffer in memory, as the caller describes it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Buffer<'a> {
    /// Its name.
    pub name: &'a str,
    /// Where it is.
    pub at: PhysAddr,
    /// How many bytes.
    pub bytes: u64,
    /// Where it came from.
    pub kind: BufferKind,
}

/// Where a buffer came from.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum BufferKind {
    /// `kmalloc` or whole pages: physically contiguous.
    #[default]
    Contiguous,
    /// `vmalloc`.
    Vmalloc,
    /// The kernel stack.
    Stack,
}

/// How a mapping came about.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Path {
    /// The physical address, through the inbound window.
    Direct,
    /// A copy in the pool, here.
    Bounced(PhysAddr),
    /// An IOVA range of the group's domain: first page, bytes of whole pages.
    Translated(Iova, u64),
}

/// A live mapping.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mapped {
    /// The buffer's name.
    pub name: String,
    /// The address for the device.
    pub dma: BusAddr,
    /// How many bytes.
    pub bytes: u64,
    /// Which way.
    pub direction: Direction,
    /// The memory, piece by piece.
    pub pieces: Vec<Piece>,
    /// How it came about.
    pub path: Path,
    /// It is one entry of a list.
    pub listed: bool,
}

impl Mapped {
    /// Where byte `offset` of the mapping is in the caller's memory.
    pub fn place(&self, mut offset: u64) -> Option<PhysAddr> {
        for piece in &self.pieces {
            if offset < piece.bytes {
                return piece.at.checked_add(offset);
            }
            offset -= piece.bytes;
        }
        None
    }
}

/// The DMA API of one machine.
#[derive(Clone, Debug)]
pub struct DmaApi {
    policy: Policy,
    kind: DomainKind,
    /// Mapping is followed by an invalidation too (VT-d's caching mode).
    sync_map: bool,
    swiotlb: Option<Swiotlb>,
    devices: BTreeMap<RequesterId, Device>,
    groups: BTreeMap<u16, Group>,
    live: BTreeMap<(RequesterId, u64), Mapped>,
    coherent: BTreeMap<(RequesterId, u64), Coherent>,
    warnings: Vec<String>,
}

/// The end of an address mask of `bits`.
fn mask_of(bits: u8) -> u64 {
    if bits >= 64 {
        u64::MAX
    } else {
        (1 << bits) - 1
    }
}

impl DmaApi {
    /// The API with a policy, the stage that its domains' tables are, and the bounce pool.
    pub fn new(policy: Policy, kind: DomainKind, swiotlb: Option<Swiotlb>) -> Self {
        DmaApi {
            policy,
            kind,
            sync_map: false,
            swiotlb,
            devices: BTreeMap::new(),
            groups: BTreeMap::new(),
            live: BTreeMap::new(),
            coherent: BTreeMap::new(),
            warnings: Vec::new(),
        }
    }

    /// Makes every mapping invalidate too, as a unit that caches what is not present needs.
    pub fn set_sync_map(&mut self, on: bool) {
        self.sync_map = on;
    }
    /// The policy.
    pub fn policy(&self) -> Policy {
        self.policy
    }
    /// The bounce pool.
    pub fn swiotlb(&self) -> Option<&Swiotlb> {
        self.swiotlb.as_ref()
    }
    /// The live mapping that a DMA address of a device lies in.
    pub fn find(&self, device: RequesterId, at: BusAddr) -> Option<&Mapped> {
        let (_, mapped) = self.live.range(..=(device, at.raw())).next_back()?;
        let inside = at.raw().checked_sub(mapped.dma.raw())? < mapped.bytes;
        (inside && self.live.contains_key(&(device, mapped.dma.raw()))).then_some(mapped)
    }
    /// Every live mapping, by device and address.
    pub fn live(&self) -> impl Iterator<Item = (RequesterId, &Mapped)> + '_ {
        self.live.iter().map(|((device, _), mapped)| (*device, mapped))
    }
    /// The domain of a device's group, when its addresses are translated.
    pub fn domain(&self, device: RequesterId) -> Option<DomainId> {
        let group = self.devices.get(&device)?.info.group;
        Some(self.groups.get(&group)?.domain)
    }
    /// The IOVA space of a device's group.
    pub fn iova(&self, device: RequesterId) -> Option<&IovaSpace> {
        self.groups.get(&self.devices.get(&device)?.info.group).map(|g| &g.iova)
    }
    /// What `CONFIG_DMA_API_DEBUG` would have said since this was last asked.
    pub fn take_warnings(&mut self) -> Vec<String> {
        core::mem::take(&mut self.warnings)
    }

    /// Makes a device known and gives it what the policy says: its group's domain, pass-through, or nothing.
    /// `reserved` are the addresses that an IOVA must never be: the interrupt range, windows of bridges.
    pub fn add_device<I: Iommu, O: Observer>(
        &mut self,
        env: &mut Env<'_, I, O>,
        info: DeviceInfo,
        reserved: &[AddrRange<Iova>],
    ) -> Result<(), OsError> {
        let id = info.id;
        let attachment = match self.policy {
            Policy::Direct => None,
            Policy::PassThrough => Some(Attachment::PassThrough),
            Policy::Strict | Policy::Lazy(_) => match self.groups.get_mut(&info.group) {
                Some(group) => {
                    reserved.iter().for_each(|r| group.iova.reserve(*r));
                    Some(Attachment::Domain(group.domain))
                }
                None => {
                    let kind = self.kind;
                    let made =
                        env.with_iommu(|iommu, ctx| Ok((iommu.new_domain(ctx, kind)?, iommu.address_bits())));
                    let made: Option<Result<_, crate::iommu::DriverError>> = made;
                    match made.transpose()? {
                        Some((domain, bits)) => {
                            let mut iova = IovaSpace::new(bits);
                            reserved.iter().for_each(|r| iova.reserve(*r));
                            self.groups.insert(info.group, Group { domain, iova, waiting: Vec::new() });
                            Some(Attachment::Domain(domain))
                        }
                        None => None,
                    }
                }
            },
        };
        if let Some(to) = attachment {
            env.with_iommu(|iommu, ctx| iommu.attach(ctx, id, to)).transpose()?;
        }
        let mask = mask_of(info.bits);
        self.devices.insert(id, Device { info, mask });
        Ok(())
    }

    /// Attaches a device to what the policy gives it, again: after a guest has given it back.
    pub fn reattach<I: Iommu, O: Observer>(
        &mut self,
        env: &mut Env<'_, I, O>,
        device: RequesterId,
    ) -> Result<(), OsError> {
        let to = match (self.policy, self.domain(device)) {
            (_, Some(domain)) => Attachment::Domain(domain),
            (Policy::Direct, None) => return Ok(()),
            (_, None) => Attachment::PassThrough,
        };
        env.with_iommu(|iommu, ctx| iommu.attach(ctx, device, to)).transpose()?;
        Ok(())
    }

    /// `dma_set_mask_and_coherent`.
    pub fn set_mask<I: Iommu, O: Observer>(
        &mut self,
        env: &mut Env<'_, I, O>,
        device: RequesterId,
        bits: u8,
    ) -> Result<(), OsError> {
        let known = self.devices.get_mut(&device).ok_or(OsError::NoDevice(device))?;
        let args = format!("{}, DMA_BIT_MASK({bits})", known.info.name);
        known.mask = mask_of(bits).min(mask_of(known.info.bits));
        open(env.obs, "dma_set_mask_and_coherent", &args);
        close(env.obs, Ok(None));
        Ok(())
    }

    fn device(&self, id: RequesterId) -> Result<&Device, OsError> {
        self.devices.get(&id).ok_or(OsError::NoDevice(id))
    }

    // ---- streaming mappings ----

    /// `dma_map_single` (and `dma_map_page`): the address that the device may use from now on.
    pub fn map_single<I: Iommu, O: Observer>(
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

    fn map_one<I: Iommu, O: Observer>(
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
        let Device { info, mask } = self.device(device)?.clone();
        let (dma, path) = if self.domain(device).is_some() {
            if !skip_cpu_sync {
                self.for_device(env, &info, memory, direction)?;
            }
            let iova = self.map_pages(env, &info, mask, &[piece], direction)?;
            let first = iova.page(PageSize::SIZE_4K);
            let pages = whole_pages(buffer.at, buffer.bytes);
            (iova.as_bus(), Path::Translated(first, pages))
        } else {
            self.map_direct(env, &info, mask, memory, direction, skip_cpu_sync)?
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
        self.live.insert((device, dma.raw()), mapped);
        Ok(dma)
    }

    /// Without translation: as it is if the device can reach it, else bounced.
    fn map_direct<I: Iommu, O: Observer>(
        &mut self,
        env: &mut Env<'_, I, O>,
        info: &DeviceInfo,
        mask: u64,
        memory: AddrRange<PhysAddr>,
        direction: Direction,
        skip_cpu_sync: bool,
    ) -> Result<(BusAddr, Path), OsError> {
        let force = self.swiotlb.as_ref().is_some_and(|s| s.force);
        let reach = reachable(env, memory, mask);
        if let (Ok(dma), false) = (&reach, force) {
            if !skip_cpu_sync {
                self.for_device(env, info, memory, direction)?;
            }
            return Ok((*dma, Path::Direct));
        }
        let Some(pool) = self.swiotlb.as_mut() else {
            return reach.map(|dma| (dma, Path::Direct));
        };
        let slots = pool.alloc(memory.len())?;
        let bounce = AddrRange::new(slots, memory.len()).ok_or(OsError::Empty)?;
        let dma = reachable(env, bounce, mask).inspect_err(|_| pool.free(slots, memory.len()))?;
        copy(env, memory.start, slots, memory.len())?;
        if !skip_cpu_sync {
            self.for_device(env, info, bounce, direction)?;
        }
        Ok((dma, Path::Bounced(slots)))
    }

    /// Takes an IOVA range for pieces that follow each other in it and maps their pages. The address of the
    /// first byte.
    fn map_pages<I: Iommu, O: Observer>(
        &mut self,
        env: &mut Env<'_, I, O>,
        info: &DeviceInfo,
        mask: u64,
        pieces: &[Piece],
        direction: Direction,
    ) -> Result<Iova, OsError> {
        let sync = self.sync_map;
        let group = self.groups.get_mut(&info.group).ok_or(OsError::NoIommu)?;
        let total: u64 = pieces.iter().map(|p| whole_pages(p.at, p.bytes)).sum();
        let first = pieces.first().ok_or(OsError::Empty)?;
        let base = match group.iova.alloc(total, mask) {
            Ok(base) => base,
            Err(none) if group.waiting.is_empty() => return Err(none.into()),
            Err(_) => {
                // What waits for its invalidation is room too.
                flush::flush_group(env, group, &[])?;
                group.iova.alloc(total, mask)?
            }
        };
        let domain = group.domain;
        let mut at = base;
        for piece in pieces {
            let len = whole_pages(piece.at, piece.bytes);
            let to = piece.at.page(PageSize::SIZE_4K);
            let mapped = env.with_iommu(|iommu, ctx| {
                let sizes = iommu.page_sizes();
                for run in runs(at.raw(), to.raw(), len, sizes) {
                    let (from, to, len, size) = run;
                    let perms = direction.perms();
                    iommu.map(ctx, domain, Mapping { from, to, len, size, perms, user: true })?;
                }
                Ok(())
            });
            let mapped: Option<Result<(), crate::iommu::DriverError>> = mapped;
            if let Some(Err(error)) = mapped {
                // Take back what was mapped before it failed; what was not is no error.
                for page in (base.raw()..at.raw().saturating_add(len)).step_by(4096) {
                    if let Some(page) = AddrRange::new(Iova::new(page), 4096) {
                        let _ = env.with_iommu(|iommu, ctx| iommu.unmap(ctx, domain, page));
                    }
                }
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
    pub fn unmap_single<I: Iommu, O: Observer>(
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

    fn unmap_one<I: Iommu, O: Observer>(
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
            let text = format!(
                "DMA-API: {}: device driver tries to free DMA memory it has not allocated [device address={at}]",
                info.name
            );
            self.warn(env, text);
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

    /// Hands `bytes` of a mapping over, from `offset`: to the CPU, or to the device.
    #[allow(clippy::too_many_arguments)]
    fn sync<I: Iommu, O: Observer>(
        &mut self,
        env: &mut Env<'_, I, O>,
        info: &DeviceInfo,
        mapped: &Mapped,
        offset: u64,
        bytes: u64,
        direction: Direction,
        for_cpu: bool,
    ) -> Result<(), OsError> {
        if let Path::Bounced(slots) = mapped.path {
            let bounce = AddrRange::new(slots.wrapping_add(offset), bytes);
            let (Some(bounce), Some(memory)) = (bounce, mapped.place(offset)) else { return Ok(()) };
            if for_cpu {
                self.for_cpu(env, info, bounce, direction)?;
                if direction.writes() {
                    copy(env, bounce.start, memory, bytes)?;
                }
            } else {
                if direction.reads() {
                    copy(env, memory, bounce.start, bytes)?;
                }
                self.for_device(env, info, bounce, direction)?;
            }
            return Ok(());
        }
        for range in sg::part(&mapped.pieces, offset, bytes) {
            if for_cpu {
                self.for_cpu(env, info, range, direction)?;
            } else {
                self.for_device(env, info, range, direction)?;
            }
        }
        Ok(())
    }

    /// `dma_sync_single_for_cpu` and `dma_sync_single_for_device`: hands a part of a mapping over.
    #[allow(clippy::too_many_arguments)]
    pub fn sync_single<I: Iommu, O: Observer>(
        &mut self,
        env: &mut Env<'_, I, O>,
        device: RequesterId,
        at: BusAddr,
        bytes: Option<u64>,
        direction: Option<Direction>,
        for_cpu: bool,
    ) -> Result<(), OsError> {
        let info = self.device(device)?.info.clone();
        let mapped = self.find(device, at).cloned();
        let offset = mapped.as_ref().map_or(0, |m| at.raw() - m.dma.raw());
        let said = bytes.or(mapped.as_ref().map(|m| m.bytes - offset)).unwrap_or(0);
        let way = direction.or(mapped.as_ref().map(|m| m.direction)).unwrap_or(Direction::Bidirectional);
        let call = if for_cpu { "dma_sync_single_for_cpu" } else { "dma_sync_single_for_device" };
        open(env.obs, call, &format!("{}, {at}, {said}, {}", info.name, way.name()));
        let result = match &mapped {
            None => Err(OsError::NotMapped(at)),
            Some(mapped) => {
                self.check_direction(env, &info, mapped, way);
                let bytes = said.min(mapped.bytes - offset);
                let done = self.sync(env, &info, mapped, offset, bytes, way, for_cpu);
                let bounced = matches!(mapped.path, Path::Bounced(_));
                let device = if bounced { OwnerState::Bounced } else { OwnerState::Device };
                own(env.obs, &mapped.name, if for_cpu { OwnerState::Cpu } else { device });
                done
            }
        };
        close(env.obs, result.as_ref().map(|_| None).map_err(OsError::rule));
        result
    }

    /// `arch_sync_dma_for_device` on a machine whose devices do not snoop: dirty lines go to memory.
    fn for_device<I: Iommu, O: Observer>(
        &self,
        env: &mut Env<'_, I, O>,
        info: &DeviceInfo,
        range: AddrRange<PhysAddr>,
        _: Direction,
    ) -> Result<(), OsError> {
        if !info.coherent && env.cache.is_on() {
            env.cache.clean(env.memory, range, env.obs)?;
        }
        Ok(())
    }

    /// `arch_sync_dma_for_cpu`: lines that may be older than memory are dropped.
    fn for_cpu<I: Iommu, O: Observer>(
        &self,
        env: &mut Env<'_, I, O>,
        info: &DeviceInfo,
        range: AddrRange<PhysAddr>,
        direction: Direction,
    ) -> Result<(), OsError> {
        if !info.coherent && env.cache.is_on() && direction.writes() {
            env.cache.invalidate(env.memory, range, env.obs)?;
        }
        Ok(())
    }

    fn check_said<I: Iommu, O: Observer>(
        &mut self,
        env: &mut Env<'_, I, O>,
        info: &DeviceInfo,
        mapped: &Mapped,
        bytes: u64,
        direction: Direction,
    ) {
        if bytes != mapped.bytes {
            let text = format!(
                "DMA-API: {}: device driver frees DMA memory with different size [device address={}] \
                 [map size={} bytes] [unmap size={bytes} bytes]",
                info.name, mapped.dma, mapped.bytes
            );
            self.warn(env, text);
        }
        if direction != mapped.direction {
            let text = format!(
                "DMA-API: {}: device driver frees DMA memory with different direction [device address={}] \
                 [mapped with {}] [unmapped with {}]",
                info.name,
                mapped.dma,
                mapped.direction.name(),
                direction.name()
            );
            self.warn(env, text);
        }
    }

    fn check_direction<I: Iommu, O: Observer>(
        &mut self,
        env: &mut Env<'_, I, O>,
        info: &DeviceInfo,
        mapped: &Mapped,
        direction: Direction,
    ) {
        if direction != mapped.direction && mapped.direction != Direction::Bidirectional {
            let text = format!(
                "DMA-API: {}: device driver syncs DMA memory with different direction [device address={}] \
                 [mapped with {}] [synced with {}]",
                info.name,
                mapped.dma,
                mapped.direction.name(),
                direction.name()
            );
            self.warn(env, text);
        }
    }

    fn warn<I: Iommu, O: Observer>(&mut self, env: &mut Env<'_, I, O>, text: String) {
        env.note(&text, &text);
        self.warnings.push(text);
    }
}

/// The device's address of `memory`, when all of it is within its reach.
fn reachable<I: Iommu, O: Observer>(
    env: &mut Env<'_, I, O>,
    memory: AddrRange<PhysAddr>,
    mask: u64,
) -> Result<BusAddr, OsError> {
    let dma = env.bridge.dma_addr(memory.start).ok_or(OsError::NoWindow(memory.start))?;
    let last = env.bridge.dma_addr(memory.last()).ok_or(OsError::NoWindow(memory.last()))?;
    if last.raw() > mask || last.raw() - dma.raw().min(last.raw()) != memory.len() - 1 {
        return Err(OsError::Mask { at: dma, bytes: memory.len(), mask });
    }
    if O::ON && !env.bridge.inbound_identity() {
        let name = env
            .bridge
            .of(Way::Inbound)
            .find(|w| w.cpu.contains(memory.start))
            .map_or(NameId(0), |w| env.obs.name(&w.name));
        let event = Event::Window { name, from: memory.start.any(), to: dma.any(), hit: true };
        env.obs.step(Actor::Os, event);
    }
    Ok(dma)
}

/// A copy by the CPU, through its cache, counted.
fn copy<I: Iommu, O: Observer>(
    env: &mut Env<'_, I, O>,
    from: PhysAddr,
    to: PhysAddr,
    bytes: u64,
) -> Result<(), OsError> {
    let mut data = vec![0; 4096];
    let mut done = 0;
    while done < bytes {
        let n = (bytes - done).min(4096) as usize;
        env.cache.read(env.memory, Actor::Os, from.wrapping_add(done), &mut data[..n], env.obs)?;
        env.cache.write(env.memory, Actor::Os, to.wrapping_add(done), &data[..n], env.obs)?;
        done += n as u64;
    }
    if O::ON {
        env.obs.step(Actor::Os, Event::Cost { kind: CostKind::CopiedBytes, amount: bytes });
    }
    Ok(())
}

/// Bytes of the whole pages that `bytes` at `at` touch.
fn whole_pages(at: PhysAddr, bytes: u64) -> u64 {
    (at.offset(PageSize::SIZE_4K) + bytes).max(1).next_multiple_of(4096)
}

/// Cuts a mapping into runs of the largest pages that fit, as `iommu_pgsize` does: from, to, bytes, page size.
fn runs(from: u64, to: u64, len: u64, sizes: &[PageSize]) -> Vec<(u64, u64, u64, PageSize)> {
    let mut runs: Vec<(u64, u64, u64, PageSize)> = Vec::new();
    let mut done = 0;
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

fn open<O: Observer>(obs: &mut O, name: &'static str, args: &str) {
    if O::ON {
        let args = obs.name(args);
        obs.begin(Actor::Os, Scope::Api { name, args });
    }
}

/// Ends a call: with the address it returned, if it did.
fn close<O: Observer>(obs: &mut O, result: Result<Option<crate::addr::AnyAddr>, &'static crate::spec::Rule>) {
    let verdict = match result {
        Ok(Some(at)) => Verdict::Next(at),
        Ok(None) => Verdict::Ok,
        Err(rule) => Verdict::Refused(rule),
    };
    obs.end(Actor::Os, verdict);
}

fn own<O: Observer>(obs: &mut O, name: &str, state: OwnerState) {
    if O::ON {
        let buffer = obs.name(name);
        obs.step(Actor::Os, Event::Owner { buffer, state });
    }
}
