use super::super::cache::CpuCache;
use super::super::pages::{Pages, Zone};
use super::single::runs;
use super::*;
use crate::addr::PageSize;
use crate::iommu::Invalidation;
use crate::iommu::{Ctx, DeviceCaps, DriverError, FaultRecord, PageRequest, PageResponse, ProcessTables};
use crate::memory::Memory;
use crate::paging::builder::Mapping;
use crate::paging::FrameAlloc;
use crate::platform::bridges::{BridgeId, Bridges};
use crate::platform::window::HostBridge;
use crate::trace::Trace;
use proptest::prelude::*;

/// An IOMMU that is a flat map of pages with a list of what was invalidated: enough to test its callers.
#[derive(Default)]
struct Flat {
    pages: BTreeMap<u64, (u64, Perms)>,
    invalidated: Vec<Invalidation>,
    attached: BTreeMap<RequesterId, Attachment>,
}

impl Driver for Flat {
    fn start<O: Observer>(&mut self, _: &mut Ctx<'_, O>) -> Result<(), DriverError> {
        Ok(())
    }
    fn restart<O: Observer>(&mut self, _: &mut Ctx<'_, O>) -> Result<(), DriverError> {
        Ok(())
    }
    fn new_domain<O: Observer>(
        &mut self,
        _: &mut Ctx<'_, O>,
        _: DomainKind,
    ) -> Result<DomainId, DriverError> {
        Ok(DomainId(1))
    }
    fn domain_root(&self, _: DomainId) -> Option<PhysAddr> {
        None
    }
    fn mappings(&self, _: &Memory, _: DomainId, _: usize) -> crate::paging::leaves::Leaves {
        Default::default()
    }
    fn domain_tag(&self, _: DomainId) -> Option<u32> {
        None
    }
    fn set_caps(&mut self, _: RequesterId, _: DeviceCaps) {}
    fn attach<O: Observer>(
        &mut self,
        _: &mut Ctx<'_, O>,
        device: RequesterId,
        to: Attachment,
    ) -> Result<(), DriverError> {
        self.attached.insert(device, to);
        Ok(())
    }
    fn takes_processes(&self) -> Result<(), DriverError> {
        Ok(())
    }
    fn keeps_processes(&self) -> bool {
        true
    }
    fn bind<O: Observer>(
        &mut self,
        _: &mut Ctx<'_, O>,
        _: RequesterId,
        _: crate::addr::Pasid,
        _: Option<ProcessTables>,
    ) -> Result<(), DriverError> {
        Ok(())
    }
    fn map<O: Observer>(&mut self, _: &mut Ctx<'_, O>, _: DomainId, m: Mapping) -> Result<(), DriverError> {
        for offset in (0..m.len).step_by(4096) {
            let old = self.pages.insert(m.from + offset, (m.to + offset, m.perms));
            assert_eq!(old, None, "mapped twice");
        }
        Ok(())
    }
    fn unmap<O: Observer>(
        &mut self,
        _: &mut Ctx<'_, O>,
        _: DomainId,
        range: AddrRange<Iova>,
    ) -> Result<(), DriverError> {
        for offset in (0..range.len()).step_by(4096) {
            assert!(self.pages.remove(&(range.start.raw() + offset)).is_some(), "unmapped twice");
        }
        Ok(())
    }
    fn invalidate<O: Observer>(&mut self, _: &mut Ctx<'_, O>, what: Invalidation) -> Result<(), DriverError> {
        self.invalidated.push(what);
        Ok(())
    }
    fn default_stage(&self, _: bool) -> DomainKind {
        DomainKind::Stage2
    }
    fn take_faults<O: Observer>(&mut self, _: &mut Ctx<'_, O>) -> Result<Vec<FaultRecord>, DriverError> {
        Ok(Vec::new())
    }
    fn take_page_requests<O: Observer>(
        &mut self,
        _: &mut Ctx<'_, O>,
    ) -> Result<Vec<PageRequest>, DriverError> {
        Ok(Vec::new())
    }
    fn respond<O: Observer>(
        &mut self,
        _: &mut Ctx<'_, O>,
        _: &PageRequest,
        _: PageResponse,
    ) -> Result<(), DriverError> {
        Ok(())
    }
    fn address_bits(&self) -> u8 {
        48
    }
    fn page_sizes(&self) -> &'static [PageSize] {
        &[PageSize::SIZE_4K, PageSize::SIZE_2M, PageSize::SIZE_1G]
    }
}

struct World {
    iommu: Flat,
    memory: Memory,
    frames: FrameAlloc,
    pages: Pages,
    cache: CpuCache,
    bridges: Bridges,
    obs: Trace,
    api: DmaApi,
}

const NIC: RequesterId = RequesterId::bdf(0, 3, 0);

macro_rules! env {
    ($w:ident) => {
        Env {
            iommu: Some(&mut $w.iommu),
            memory: &mut $w.memory,
            frames: &mut $w.frames,
            pages: &mut $w.pages,
            cache: &mut $w.cache,
            bridges: &$w.bridges,
            obs: &mut $w.obs,
        }
    };
}

fn range(at: u64, len: u64) -> AddrRange<PhysAddr> {
    AddrRange::new(PhysAddr::new(at), len).unwrap()
}

fn world(policy: Policy, bits: u8, coherent: bool, pool: Option<u64>) -> World {
    let swiotlb = pool.map(|bytes| Swiotlb::new(PhysAddr::new(0x80_0000), bytes, false));
    let mut w = World {
        iommu: Flat::default(),
        memory: Memory::new(),
        frames: FrameAlloc::new(range(0x10_0000, 1 << 20)),
        pages: Pages::new(&[range(0x100_0000, 1 << 24), range(1 << 32, 1 << 24)]),
        cache: CpuCache::new(64, if coherent { 0 } else { 1024 }),
        bridges: HostBridge::new().into(),
        obs: Trace::new(),
        api: DmaApi::new(policy, DomainKind::Stage2, swiotlb),
    };
    let info = DeviceInfo {
        name: "nic".into(),
        id: NIC,
        ids: vec![NIC],
        group: 0,
        bridge: BridgeId(0),
        direct: false,
        bits,
        coherent,
        ats: false,
    };
    let msi = AddrRange::new(Iova::new(0xfee0_0000), 1 << 20).unwrap();
    let mut env = env!(w);
    w.api.add_device(&mut env, info, &[msi]).unwrap();
    w
}

fn buffer(at: u64, bytes: u64) -> Buffer<'static> {
    Buffer { name: "rx", at: PhysAddr::new(at), bytes, kind: BufferKind::Contiguous }
}

impl World {
    fn map(&mut self, at: u64, bytes: u64, direction: Direction) -> Result<BusAddr, OsError> {
        let mut env = env!(self);
        self.api.map_single(&mut env, NIC, buffer(at, bytes), direction, false)
    }
    fn unmap(&mut self, at: BusAddr) -> Result<(), OsError> {
        let mut env = env!(self);
        self.api.unmap_single(&mut env, NIC, at, None, None, false)
    }
    fn sync(&mut self, at: BusAddr, for_cpu: bool) -> Result<(), OsError> {
        let mut env = env!(self);
        self.api.sync_single(&mut env, NIC, at, None, None, for_cpu)
    }
    fn cpu(&mut self, at: u64) -> u8 {
        let mut byte = [0];
        self.cache.read(&mut self.memory, Actor::Cpu, PhysAddr::new(at), &mut byte, &mut self.obs).unwrap();
        byte[0]
    }
    fn store(&mut self, at: u64, byte: u8) {
        let at = PhysAddr::new(at);
        self.cache.write(&mut self.memory, Actor::Cpu, at, &[byte], &mut self.obs).unwrap();
    }
    /// What the device sees at a DMA address, through its translation.
    fn device(&mut self, at: u64) -> u64 {
        match self.api.policy() {
            Policy::Strict | Policy::Lazy(_) => self.iommu.pages[&(at & !0xfff)].0 + (at & 0xfff),
            _ => self.bridges.get(BridgeId(0)).to_phys(BusAddr::new(at)).unwrap().raw(),
        }
    }
}

const TO: Direction = Direction::ToDevice;
const FROM: Direction = Direction::FromDevice;

#[test]
fn direct_addresses_are_physical_ones() {
    let mut w = world(Policy::Direct, 64, true, None);
    assert_eq!(w.map(0x100_0040, 1500, FROM).unwrap().raw(), 0x100_0040);
    w.unmap(BusAddr::new(0x100_0040)).unwrap();
    assert_eq!(w.unmap(BusAddr::new(0x100_0040)), Err(OsError::NotMapped(BusAddr::new(0x100_0040))));
    assert_eq!(w.api.take_warnings().len(), 1);
}

#[test]
fn an_inbound_offset_is_in_every_handle() {
    let mut w = world(Policy::Direct, 64, true, None);
    let mut bridge = HostBridge::new();
    bridge.add("ram", Way::Inbound, PhysAddr::new(0), BusAddr::new(0x4_0000_0000), 1 << 32, false).unwrap();
    w.bridges = bridge.into();
    assert_eq!(w.map(0x100_0040, 1500, FROM).unwrap().raw(), 0x4_0100_0040);
    assert_eq!(w.map(1 << 32, 1500, FROM), Err(OsError::NoWindow(PhysAddr::new(1 << 32))));
}

#[test]
fn out_of_reach_is_refused_or_bounced() {
    let mut w = world(Policy::Direct, 32, true, None);
    assert!(matches!(w.map(1 << 32, 100, TO), Err(OsError::Mask { mask: 0xffff_ffff, .. })));
    let mut w = world(Policy::Direct, 32, true, Some(8192));
    w.memory.write_bytes(PhysAddr::new(1 << 32), b"up there").unwrap();
    let dma = w.map(1 << 32, 5000, Direction::Bidirectional).unwrap();
    assert_eq!(dma.raw(), 0x80_0000);
    assert_eq!(w.memory.peek_u64(PhysAddr::new(0x80_0000)).to_le_bytes(), *b"up there");
    w.memory.write_bytes(PhysAddr::new(0x80_0000), b"returned").unwrap();
    assert_eq!(w.cpu(1 << 32), b'u');
    w.sync(dma, true).unwrap();
    assert_eq!(w.cpu(1 << 32), b'r');
    let full = w.map((1 << 32) + 0x8000, 3000, TO).unwrap_err();
    assert_eq!(full.name(), "swiotlb-full");
    assert!(full.to_string().starts_with("swiotlb buffer is full (sz: 3000 bytes), total 4 (slots), used 3"));
    w.unmap(dma).unwrap();
    w.map((1 << 32) + 0x8000, 3000, TO).unwrap();
}

#[test]
fn strict_unmapping_invalidates_at_once_and_lazy_later() {
    let mut w = world(Policy::Strict, 64, true, None);
    let a = w.map(0x100_0800, 0x1000, FROM).unwrap();
    assert_eq!(a.raw(), 0xffff_e800, "two pages, aligned to two");
    w.unmap(a).unwrap();
    let pages = AddrRange::new(Iova::new(0xffff_e000), 0x2000).unwrap();
    assert_eq!(w.iommu.invalidated, [Invalidation::Pages(DomainId(1), pages)]);

    let mut w = world(Policy::Lazy(2), 64, true, None);
    let handles: Vec<_> = (0..3).map(|i| w.map(0x100_0000 + i * 4096, 64, FROM).unwrap()).collect();
    for (i, handle) in handles.iter().enumerate() {
        w.unmap(*handle).unwrap();
        assert_eq!((w.iommu.invalidated.len(), w.api.waiting()), if i == 2 { (1, 1) } else { (0, i + 1) });
    }
    let again = w.map(0x100_0000, 64, FROM).unwrap();
    assert!(handles[..2].contains(&again), "what was flushed is given again");
    let mut env = env!(w);
    w.api.flush(&mut env).unwrap();
    assert_eq!((w.iommu.invalidated.len(), w.api.waiting()), (2, 0));
}

#[test]
fn scattered_pages_become_one_segment_where_there_is_an_iommu() {
    let piece = |at, bytes| Piece { at: PhysAddr::new(at), bytes };
    let pieces = [piece(0x100_5000, 4096), piece(0x100_2000, 4096), piece(0x100_9000, 100)];
    let odd = [piece(0x100_5800, 0x800), piece(0x100_2000, 4096), piece(0x100_9010, 100)];
    let mut w = world(Policy::Strict, 64, true, None);
    let mut env = env!(w);
    let list = w.api.map_sg(&mut env, NIC, "list", &pieces, TO).unwrap();
    assert_eq!((list.nents(), list.orig_nents, list.segments[0].bytes), (1, 3, 8292));
    let other = w.api.map_sg(&mut env, NIC, "odd", &odd, TO).unwrap();
    assert_eq!(other.nents(), 2, "the last one does not start on a page");
    assert_eq!(other.at(0x800 + 4096 + 5).unwrap(), other.segments[1].dma.wrapping_add(5));
    w.api.unmap_sg(&mut env, NIC, &list, None, false).unwrap();
    w.api.unmap_sg(&mut env, NIC, &other, None, false).unwrap();
    assert!(w.iommu.pages.is_empty());
    let many: Vec<_> = (0..40).map(|i| piece(0x100_0000 + i * 8192, 4096)).collect();
    let mut env = env!(w);
    let list = w.api.map_sg(&mut env, NIC, "many", &many, TO).unwrap();
    assert_eq!(list.nents(), 3, "no segment is longer than 64 KiB");
    let mut w = world(Policy::Direct, 64, true, None);
    let mut env = env!(w);
    let list = w.api.map_sg(&mut env, NIC, "list", &pieces, TO).unwrap();
    assert_eq!((list.nents(), list.segments[1].dma.raw()), (3, 0x100_2000));
}

#[test]
fn a_failed_list_leaves_nothing_mapped() {
    let mut w = world(Policy::Direct, 32, true, Some(4096));
    let pieces = [Piece { at: PhysAddr::new(1 << 32), bytes: 4096 }; 2];
    let mut env = env!(w);
    assert!(w.api.map_sg(&mut env, NIC, "list", &pieces, FROM).is_err());
    assert_eq!((w.api.live().count(), w.api.swiotlb().unwrap().slots().1), (0, 0));
}

#[test]
fn without_snooping_the_syncs_decide_what_is_seen() {
    let mut w = world(Policy::Strict, 64, false, None);
    w.store(0x100_0000, 1);
    let dma = w.map(0x100_0000, 64, Direction::Bidirectional).unwrap();
    let pa = PhysAddr::new(w.device(dma.raw()));
    assert_eq!(w.memory.peek_u64(pa) as u8, 1, "mapping wrote the line back");
    w.cpu(0x100_0000);
    w.memory.write_bytes(pa, &[2]).unwrap();
    assert_eq!(w.cpu(0x100_0000), 1, "yesterday's byte");
    w.sync(dma, true).unwrap();
    assert_eq!(w.cpu(0x100_0000), 2);
    w.store(0x100_0000, 3);
    assert_eq!(w.memory.peek_u64(pa) as u8, 2);
    w.sync(dma, false).unwrap();
    assert_eq!(w.memory.peek_u64(pa) as u8, 3);
    w.memory.write_bytes(pa, &[4]).unwrap();
    w.unmap(dma).unwrap();
    assert_eq!(w.cpu(0x100_0000), 4);
}

#[test]
fn coherent_memory_needs_no_sync() {
    for policy in [Policy::Strict, Policy::Direct] {
        let mut w = world(policy, 32, false, None);
        let mut env = env!(w);
        let c = w.api.alloc_coherent(&mut env, NIC, "ring", 100).unwrap();
        assert_eq!(c.bytes, 4096);
        let pa = c.pieces[0].at.raw();
        assert_eq!(w.device(c.dma.raw()), pa);
        w.store(pa, 7);
        assert_eq!(w.memory.peek_u64(PhysAddr::new(pa)) as u8, 7);
        let mut env = env!(w);
        w.api.free_coherent(&mut env, NIC, c.dma).unwrap();
        assert!(w.api.free_coherent(&mut env!(w), NIC, c.dma).is_err());
        assert!(w.iommu.pages.is_empty());
        assert_eq!(w.pages.alloc(4096, 1, Zone::ANY, "x").unwrap().raw(), pa);
    }
}

#[test]
fn what_a_driver_says_wrongly_is_done_and_said() {
    let mut w = world(Policy::Strict, 64, true, None);
    let dma = w.map(0x100_0000, 0x3000, TO).unwrap();
    let mut env = env!(w);
    w.api.unmap_single(&mut env, NIC, dma, Some(0x1000), Some(FROM), false).unwrap();
    assert_eq!(w.iommu.pages.len(), 2, "the rest stays mapped");
    let said = w.api.take_warnings();
    assert!(said[0].contains("different size") && said[1].contains("different direction"), "{said:?}");
    let mut env = env!(w);
    let bad = |kind| Buffer { kind, ..buffer(0x100_0000, 64) };
    for (kind, want) in [(BufferKind::Vmalloc, OsError::Vmalloc), (BufferKind::Stack, OsError::Stack)] {
        assert_eq!(w.api.map_single(&mut env, NIC, bad(kind), TO, false), Err(want));
    }
    assert_eq!(w.api.map_single(&mut env, NIC, buffer(0, 0), TO, false), Err(OsError::Empty));
}

#[test]
fn large_pages_are_used_where_both_sides_allow() {
    let sizes = Flat::default().page_sizes();
    let got = runs(0x1f_f000, 0x3f_f000, 0x40_2000, sizes);
    let (k, m) = (PageSize::SIZE_4K, PageSize::SIZE_2M);
    assert_eq!(
        got,
        [
            (0x1f_f000, 0x3f_f000, 0x1000, k),
            (0x20_0000, 0x40_0000, 0x40_0000, m),
            (0x60_0000, 0x80_0000, 0x1000, k)
        ]
    );
    assert_eq!(runs(0x20_0000, 0x1000, 0x20_0000, sizes), [(0x20_0000, 0x1000, 0x20_0000, k)]);
}

proptest! {
    /// Every live mapping leads to its own memory; when all are unmapped, nothing is left.
    #[test]
    fn handles_lead_to_their_memory(
        lazy: bool,
        ops in proptest::collection::vec((0u64..0x80_0000, 1u64..40_000, any::<u8>()), 1..60),
    ) {
        let mut w = world(if lazy { Policy::Lazy(5) } else { Policy::Strict }, 64, true, None);
        let mut live: Vec<(BusAddr, u64, u64)> = Vec::new();
        for (at, bytes, which) in ops {
            if which % 3 == 0 && !live.is_empty() {
                let (dma, ..) = live.swap_remove(which as usize % live.len());
                w.unmap(dma).unwrap();
            } else {
                let at = 0x100_0000 + at;
                live.push((w.map(at, bytes, FROM).unwrap(), at, bytes));
            }
            for (dma, at, bytes) in &live {
                prop_assert_eq!(w.device(dma.raw()), *at);
                prop_assert_eq!(w.device(dma.raw() + bytes - 1), at + bytes - 1);
            }
        }
        for (dma, ..) in live {
            w.unmap(dma).unwrap();
        }
        prop_assert!(w.iommu.pages.is_empty());
    }
}
