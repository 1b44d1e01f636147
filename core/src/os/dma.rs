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
mod debug;
mod flush;
mod pieces;
mod pool;
mod restart;
mod sg;
mod single;
mod sync;
#[cfg(test)]
mod tests;

pub use coherent::Coherent;
pub use pieces::Piece;
pub use sg::{Segment, SgList};

use super::iova::IovaSpace;
use super::swiotlb::Swiotlb;
use super::{Env, OsError};
use crate::addr::{AddrRange, Address, BusAddr, Iova, PhysAddr, RequesterId};
use crate::iommu::{Attachment, DomainId, DomainKind, Driver};
use crate::platform::bridges::BridgeId;
use crate::platform::window::Direction as Way;
use crate::trace::{Actor, Event, Observer, OwnerState, Perms, Scope, Verdict};
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::{format, string::String, vec::Vec};
use flush::Waiting;
use pool::OwnMemory;

/// Which way the data goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Direction {
    /// The device reads memory.
    #[default]
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
    /// Every id that they may carry, in the order they are attached
    /// ([`Topology::requesters`](crate::platform::topology::Topology::requesters)).
    pub ids: Vec<RequesterId>,
    /// Its IOMMU group.
    pub group: u16,
    /// The host bridge that it is behind: whose windows its addresses go through (`dev->dma_range_map`).
    pub bridge: BridgeId,
    /// No IOMMU is behind that bridge.
    pub direct: bool,
    /// Address bits it drives: what its mask is until the driver narrows it.
    pub bits: u8,
    /// Its accesses see the CPU's cache.
    pub coherent: bool,
    /// It keeps translations of its own (ATS), which must be invalidated too.
    pub ats: bool,
}

/// What a driver has said of its device (`struct device_dma_parameters`, and the two masks).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Params {
    /// The last address of mappings.
    pub mask: u64,
    /// The last address of coherent memory.
    pub coherent_mask: u64,
    /// The longest segment of a list, in bytes.
    pub max_segment: u64,
    /// No segment crosses an address whose bits of this mask are 0.
    pub boundary: u64,
    /// Bits of an address that a bounce buffer keeps.
    pub min_align: u64,
}

impl Params {
    /// What Linux assumes until a driver says otherwise, with masks of `bits`.
    pub fn new(bits: u8) -> Self {
        let mask = mask_of(bits);
        Params { mask, coherent_mask: mask, max_segment: 64 << 10, boundary: u32::MAX.into(), min_align: 0 }
    }
}

#[derive(Clone, Debug)]
struct Device {
    info: DeviceInfo,
    params: Params,
    /// Memory of its own for coherent allocations.
    own: Option<OwnMemory>,
}

/// The domain that the devices of one group share.
#[derive(Clone, Debug)]
struct Group {
    domain: DomainId,
    iova: IovaSpace,
    /// What is kept out of `iova`.
    reserved: Vec<AddrRange<Iova>>,
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
    /// Devices that still use the tables of the kernel before this one.
    adopted: BTreeSet<RequesterId>,
    /// The kernel has CONFIG_DMA_API_DEBUG: misuse is logged in its words.
    debug: bool,
}

/// The end of an address mask of `bits`.
pub fn mask_of(bits: u8) -> u64 {
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
            adopted: BTreeSet::new(),
            debug: false,
        }
    }

    /// Makes every mapping invalidate too, as a unit that caches what is not present needs.
    pub fn set_sync_map(&mut self, on: bool) {
        self.sync_map = on;
    }
    /// Logs misuse in the words of CONFIG_DMA_API_DEBUG.
    pub fn set_debug(&mut self, on: bool) {
        self.debug = on;
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
        let info = &self.devices.get(&device)?.info;
        Some(self.groups.get(&info.group).filter(|_| !info.direct)?.domain)
    }
    /// The IOVA space of a device's group.
    pub fn iova(&self, device: RequesterId) -> Option<&IovaSpace> {
        self.groups.get(&self.devices.get(&device)?.info.group).map(|g| &g.iova)
    }
    /// What `CONFIG_DMA_API_DEBUG` would have said since the last call.
    pub fn take_warnings(&mut self) -> Vec<String> {
        core::mem::take(&mut self.warnings)
    }

    /// Makes a device known and gives it what the policy says: its group's domain, pass-through, or nothing.
    /// `reserved` are the addresses that an IOVA must never be: the interrupt range, windows of bridges.
    pub fn add_device<I: Driver, O: Observer>(
        &mut self,
        env: &mut Env<'_, I, O>,
        info: DeviceInfo,
        reserved: &[AddrRange<Iova>],
    ) -> Result<(), OsError> {
        let id = info.id;
        let attachment = match self.policy {
            _ if info.direct => None,
            Policy::Direct => None,
            Policy::PassThrough => Some(Attachment::PassThrough),
            Policy::Strict | Policy::Lazy(_) => match self.groups.get_mut(&info.group) {
                Some(group) => {
                    reserved.iter().for_each(|r| group.iova.reserve(*r));
                    group.reserved.extend_from_slice(reserved);
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
                            self.groups.insert(info.group, {
                                let reserved = reserved.to_vec();
                                Group { domain, iova, reserved, waiting: Vec::new() }
                            });
                            Some(Attachment::Domain(domain))
                        }
                        None => None,
                    }
                }
            },
        };
        if let Some(to) = attachment {
            for id in &info.ids {
                env.with_iommu(|iommu, ctx| iommu.attach(ctx, *id, to)).transpose()?;
            }
        }
        let params = Params::new(info.bits);
        self.devices.insert(id, Device { info, params, own: None });
        Ok(())
    }

    /// Attaches a device to what the policy gives it, again: after a guest has given it back.
    pub fn reattach<I: Driver, O: Observer>(
        &mut self,
        env: &mut Env<'_, I, O>,
        device: RequesterId,
    ) -> Result<(), OsError> {
        let to = match (self.policy, self.domain(device)) {
            (_, Some(domain)) => Attachment::Domain(domain),
            (Policy::Direct, None) => return Ok(()),
            (_, None) => Attachment::PassThrough,
        };
        for id in &self.device(device)?.info.ids {
            env.with_iommu(|iommu, ctx| iommu.attach(ctx, *id, to)).transpose()?;
        }
        Ok(())
    }

    /// A call by which a driver says something of its device: `call` is its name, `args` what it is given.
    pub fn set_params<I: Driver, O: Observer>(
        &mut self,
        env: &mut Env<'_, I, O>,
        device: RequesterId,
        (call, args): (&'static str, &str),
        set: impl FnOnce(&mut Params),
    ) -> Result<(), OsError> {
        let known = self.devices.get_mut(&device).ok_or(OsError::NoDevice(device))?;
        // The kernel takes the driver's word: it cannot know how many bits the device really drives.
        set(&mut known.params);
        open(env.obs, call, &format!("{}, {args}", known.info.name));
        close(env.obs, Ok(None));
        Ok(())
    }
    /// What the driver of a device has said of it.
    pub fn params(&self, device: RequesterId) -> Option<Params> {
        self.devices.get(&device).map(|d| d.params)
    }

    fn device(&self, id: RequesterId) -> Result<&Device, OsError> {
        self.devices.get(&id).ok_or(OsError::NoDevice(id))
    }
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
