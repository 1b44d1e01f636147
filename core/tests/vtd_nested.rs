//! What QEMU cannot be asked for with its `edu` device: nested and PASID-tagged translation, by properties.

use iommu_core::addr::{AddrRange, Iova, PageSize, Pasid, PhysAddr, RequesterId};
use iommu_core::iommu::vtd::context::{Kind, Route};
use iommu_core::iommu::vtd::first_stage::FirstStage;
use iommu_core::iommu::vtd::second_stage::SecondStage;
use iommu_core::iommu::vtd::walk::translate;
use iommu_core::iommu::vtd::{Config, Vtd};
use iommu_core::iommu::{
    Attachment, Ctx, DeviceCaps, DomainKind, Driver, Invalidation, Outcome, PasidTag, ProcessTables, Request,
    Unit,
};
use iommu_core::memory::Memory;
use iommu_core::paging::builder::{Build, Builder, Mapping};
use iommu_core::paging::FrameAlloc;
use iommu_core::paging::Want;
use iommu_core::trace::{Actor, Event, Off, Perms, Trace};
use proptest::prelude::*;

const GUEST_TABLES: u64 = 0x1_0000;
const GUEST_PAGES: u64 = 256;
const HOST: u64 = 0x4000_0000;

fn range(start: u64, len: u64) -> AddrRange<PhysAddr> {
    AddrRange::new(PhysAddr::new(start), len).unwrap()
}

/// Where guest page `n` is: scattered over host memory by a permutation.
fn host_page(page: u64, seed: u64) -> u64 {
    HOST + ((page * 77 + seed) % 1024) * 0x1000
}

struct World {
    /// The guest's tables scattered in host memory, under a second stage.
    nested: Memory,
    /// The same tables at their guest-physical addresses, as if these were physical.
    flat: Memory,
    route: Route,
}

fn route(kind: Kind) -> Route {
    Route {
        did: 5,
        pasid: Some(7),
        kind,
        first_root: 0,
        first: FirstStage::four_levels(),
        second_root: 0,
        second: SecondStage::four_levels(),
        fpd: false,
        scalable: true,
        supervisor: true,
        execute: true,
        canonical_bits: 48,
    }
}

fn world(pages: &[(u64, u64, u8)], host: &[u8], seed: u64) -> World {
    let mut nested = Memory::new();
    let mut flat = Memory::new();
    let mut route = route(Kind::Nested);
    let mut frames = FrameAlloc::new(range(0x1000_0000, 0x1000_0000));
    route.second_root = frames.frame().unwrap().raw();
    let identity = |at| Some(PhysAddr::new(at));
    let second = route.second;
    let mut below = Builder { format: &second, frames: &mut frames, place: identity, actor: Actor::Os };
    for page in 0..GUEST_PAGES {
        let from = page * 0x1000;
        // Tables of the guest may be read and written; its data pages as `host` says.
        let rights = if (16..64).contains(&page) { 3 } else { host[page as usize % host.len()] & 3 };
        let mapping = Mapping {
            from,
            to: host_page(page, seed),
            len: 0x1000,
            size: PageSize::SIZE_4K,
            perms: Perms(rights),
            user: true,
        };
        if rights != 0 {
            below.map(&mut nested, route.second_root, mapping, &mut Off).unwrap();
        }
    }
    let place = |at: u64| Some(PhysAddr::new(host_page(at >> 12, seed) | at & 0xfff));
    let first = route.first;
    for flatten in [true, false] {
        let mut frames = FrameAlloc::new(range(GUEST_TABLES, 0x3_0000));
        let root = frames.frame().unwrap().raw();
        route.first_root = root;
        for (from, to, rights) in pages {
            let perms = Perms::R.or(Perms(rights & 2));
            let user = rights & 4 != 0;
            let mapping =
                Mapping { from: from << 12, to: to << 12, len: 0x1000, size: PageSize::SIZE_4K, perms, user };
            // Mapping the same page twice, or running out of tables, is refused: then it is not there.
            if flatten {
                let place = identity;
                let _ = Builder { format: &first, frames: &mut frames, place, actor: Actor::Guest }
                    .map(&mut flat, root, mapping, &mut Off);
            } else {
                let _ = Builder { format: &first, frames: &mut frames, place, actor: Actor::Guest }.map(
                    &mut nested,
                    root,
                    mapping,
                    &mut Off,
                );
            }
        }
    }
    World { nested, flat, route }
}

fn pages() -> impl Strategy<Value = Vec<(u64, u64, u8)>> {
    // A few regions far apart, so that tables are shared and not.
    let from = (0u64..3, 0u64..6).prop_map(|(region, page)| region * 0x4_0001 + page);
    proptest::collection::vec((from, 64u64..300, any::<u8>()), 1..16)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// Nested = the first stage, whose tables and result go through the second: the same as composing two walks.
    #[test]
    fn nested_is_two_walks_composed(
        pages in pages(),
        host in proptest::collection::vec(any::<u8>(), 8),
        seed in any::<u16>(),
        probes in proptest::collection::vec((any::<prop::sample::Index>(), 0u64..0x1000, any::<bool>(), any::<bool>(), any::<bool>()), 8),
    ) {
        let mut w = world(&pages, &host, u64::from(seed));
        let config = Config::playground();
        let first = Route { kind: Kind::First, ..w.route };
        let second = Route { kind: Kind::Second, ..w.route };
        for (which, offset, write, privileged, miss) in probes {
            let at = pages[which.index(pages.len())].0 << 12 | offset;
            let at = if miss { at ^ 0x20_0000 } else { at };
            let want = Want { perms: if write { Perms::W } else { Perms::R }, privileged };
            let nested = translate(&config, &w.route, &mut w.nested, at, want, &mut Off);
            let one = translate(&config, &first, &mut w.flat, at, want, &mut Off);
            let expected = match one {
                Err(failure) => Err(failure.code),
                Ok(one) => translate(&config, &second, &mut w.nested, one.to, Want::user(want.perms), &mut Off)
                    .map(|two| (one, two))
                    .map_err(|failure| failure.code),
            };
            match (nested, expected) {
                (Ok(n), Ok((one, two))) => {
                    prop_assert_eq!(n.to, two.to);
                    prop_assert_eq!(n.size, one.size.min(two.size));
                    prop_assert_eq!(n.user, one.user.and(two.user));
                    prop_assert_eq!(n.supervisor, one.supervisor.and(two.supervisor));
                    // 4 entries, each behind 4 reads, and 4 reads for the result: 24.
                    prop_assert_eq!(n.reads, one.reads + (one.reads + 1) * two.reads);
                    prop_assert_eq!(n.reads, 24);
                }
                (n, e) => {
                    prop_assert_eq!(n.map(|r| r.to).map_err(|f| f.code.code), e.map(|(_, r)| r.to).map_err(|c| c.code))
                }
            }
        }
        // Accessed and dirty bits of the guest's tables are the same, wherever the tables are.
        for page in 16..64 {
            for word in 0..512 {
                let at = PhysAddr::new(page * 0x1000 + word * 8);
                let there = PhysAddr::new(host_page(page, u64::from(seed)) + word * 8);
                prop_assert_eq!(w.flat.peek_u64(at), w.nested.peek_u64(there), "{:#x}", at.raw());
            }
        }
    }

    /// A table of the first stage that the second stage refuses is a fault of its own.
    #[test]
    fn a_refused_table_page_has_its_own_code(level in 1u8..=4, how in 0usize..4) {
        let mut w = world(&[(0x1234, 80, 6)], &[3], 1);
        let config = Config::playground();
        let at = 0x123_4000;
        // The page of the table of `level`, and the entry that maps it in the second stage.
        let mut table = w.route.first_root;
        for l in (level + 1..=4).rev() {
            let entry = table + (at >> (3 + 9 * u32::from(l)) & 0x1ff) * 8;
            table = w.flat.peek_u64(PhysAddr::new(entry)) & 0xf_ffff_f000;
        }
        let second = w.route.second;
        let mut frames = FrameAlloc::new(range(0x8000_0000, 0x1000));
        let builder = Builder { format: &second, frames: &mut frames, place: |a| Some(PhysAddr::new(a)), actor: Actor::Os };
        let (_, entry, raw) = builder.lookup(&w.nested, w.route.second_root, table).unwrap();
        let (new, code) = match how {
            0 => (0, if level == 4 { 0x75 } else { 0x76 }),
            1 => (raw & !1, if level == 4 { 0x75 } else { 0x76 }),
            2 => (raw & !2, 0x77),
            _ => (raw | 1 << 50, 0x7a),
        };
        w.nested.write_u64(entry, new).unwrap();
        let got = translate(&config, &w.route, &mut w.nested, at, Want::user(Perms::R), &mut Off);
        prop_assert_eq!(got.map_err(|f| f.code.code).unwrap_err(), code);
    }

    /// The width checks of both stages.
    #[test]
    fn addresses_beyond_a_width_are_refused(high in 48u32..63) {
        let mut w = world(&[(1, 80, 6)], &[3], 1);
        let config = Config::playground();
        let first = Route { kind: Kind::First, ..w.route };
        let second = Route { kind: Kind::Second, ..w.route };
        let mut ask = |route: &Route, at| {
            translate(&config, route, &mut w.nested, at, Want::user(Perms::R), &mut Off).map_err(|f| f.code.code)
        };
        prop_assert_eq!(ask(&first, 0x1000 | 1 << high).unwrap_err(), 0x80);
        prop_assert_eq!(ask(&second, 0x1000 | 1 << high).unwrap_err(), 0x83);
        let legacy = Route { scalable: false, ..second };
        prop_assert_eq!(ask(&legacy, 0x1000 | 1 << high).unwrap_err(), 0x4);
    }
}

const NIC: RequesterId = RequesterId::bdf(0, 3, 0);

fn unit() -> (Vtd, Memory, FrameAlloc) {
    (Vtd::new(Config::playground()), Memory::new(), FrameAlloc::new(range(0x10_0000, 0x400_0000)))
}

fn tagged(at: u64, pasid: u32, want: Perms) -> Request {
    let tag = PasidTag { pasid: Pasid::new(pasid).unwrap(), privileged: false, execute: false };
    Request { pasid: Some(tag), ..Request::new(NIC, Iova::new(at), want, 8) }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Each PASID of a device sees its own tables, whatever the caches hold, and forgets alone.
    #[test]
    fn pasids_do_not_mix(ops in proptest::collection::vec((0u32..4, 0u64..8, 0u8..8), 1..60)) {
        let (mut unit, mut memory, mut frames) = unit();
        let mut obs = Off;
        macro_rules! ctx { () => { &mut Ctx { memory: &mut memory, frames: &mut frames, obs: &mut obs } } }
        unit.set_caps(NIC, DeviceCaps { pasid: true, ..DeviceCaps::default() });
        unit.start(ctx!()).unwrap();
        unit.attach(ctx!(), NIC, Attachment::PassThrough).unwrap();
        let format = FirstStage::four_levels();
        let place = |at| Some(PhysAddr::new(at));
        let mut roots = vec![];
        for pasid in 0..4u32 {
            let root = frames.frame().unwrap().raw();
            roots.push(root);
            // The last two are processes of one guest-less host; all in one domain, told apart by PASID only.
            unit.bind(ctx!(), NIC, Pasid::new(pasid + 1).unwrap(), Some(ProcessTables { root, levels: 4, asid: 1, below: None })).unwrap();
        }
        // What is mapped, and what may still be cached.
        let mut mapped = vec![[None::<u64>; 8]; 4];
        let mut stale = vec![[None::<u64>; 8]; 4];
        let mut next = 0x8000_0000u64;
        for (process, page, op) in ops {
            let (p, i) = (process as usize, page as usize);
            let at = 0x40_0000 + page * 0x1000;
            let pasid = Pasid::new(process + 1).unwrap();
            match op {
                0 | 1 if mapped[p][i].is_none() => {
                    let mapping = Mapping { from: at, to: next, len: 0x1000, size: PageSize::SIZE_4K, perms: Perms::RW, user: true };
                    Builder { format: &format, frames: &mut frames, place, actor: Actor::Os }
                        .map(&mut memory, roots[p], mapping, &mut Off).unwrap();
                    mapped[p][i] = Some(next);
                    next += 0x1000;
                }
                2 if mapped[p][i].is_some() => {
                    Builder { format: &format, frames: &mut frames, place, actor: Actor::Os }
                        .unmap(&mut memory, roots[p], at, 0x1000, &mut Off).unwrap();
                    mapped[p][i] = None;
                }
                3 => {
                    let all = Invalidation::PasidAll(iommu_core::iommu::DomainId(1), pasid);
                    unit.invalidate(ctx!(), all).unwrap();
                    stale[p] = [None; 8];
                }
                4 => {
                    let page = AddrRange::new(Iova::new(at), 0x1000).unwrap();
                    let one = Invalidation::PasidPages(iommu_core::iommu::DomainId(1), pasid, page);
                    unit.invalidate(ctx!(), one).unwrap();
                    stale[p][i] = None;
                }
                _ => {
                    let outcome = unit.translate(&mut memory, &tagged(at, process + 1, Perms::W), &mut Off);
                    match outcome {
                        Outcome::Memory(t) if t.cached => prop_assert_eq!(Some(t.to.raw()), stale[p][i]),
                        Outcome::Memory(t) => {
                            prop_assert_eq!(stale[p][i], None);
                            prop_assert_eq!(Some(t.to.raw()), mapped[p][i]);
                            stale[p][i] = mapped[p][i];
                        }
                        Outcome::Fault(f) => {
                            prop_assert_eq!(f.code.code, 0x71);
                            prop_assert_eq!((mapped[p][i], stale[p][i]), (None, None));
                        }
                        other => prop_assert!(false, "{:?}", other),
                    }
                }
            }
        }
    }

    /// Caches of any size give what no caches give, as long as nothing changes behind them.
    #[test]
    fn caches_change_nothing_but_the_cost(
        sizes in (0u16..4, 0u16..4, 0u16..20),
        map in proptest::collection::vec((0u64..40, any::<bool>()), 1..30),
        probes in proptest::collection::vec((0u64..40, any::<bool>()), 1..60),
        legacy in any::<bool>(),
    ) {
        let mut config = if legacy { Config::legacy() } else { Config::playground() };
        config.caches.context = sizes.0;
        config.caches.pasid = sizes.1;
        config.caches.iotlb = sizes.2;
        let (mut unit, mut memory, mut frames) = (Vtd::new(config), Memory::new(), unit().2);
        let mut obs = Off;
        macro_rules! ctx { () => { &mut Ctx { memory: &mut memory, frames: &mut frames, obs: &mut obs } } }
        unit.start(ctx!()).unwrap();
        let domain = unit.new_domain(ctx!(), DomainKind::Stage2).unwrap();
        unit.attach(ctx!(), NIC, Attachment::Domain(domain)).unwrap();
        for (page, write) in map {
            let perms = if write { Perms::RW } else { Perms::R };
            let mapping = Mapping { from: page << 12, to: (page + 0x1000) << 12, len: 0x1000, size: PageSize::SIZE_4K, perms, user: true };
            let _ = unit.map(ctx!(), domain, mapping);
        }
        for (page, write) in probes {
            let request = Request::new(NIC, Iova::new(page << 12 | 0x10), if write { Perms::W } else { Perms::R }, 8);
            let cold = unit.peek(&mut memory, &request);
            let warm = unit.translate(&mut memory, &request, &mut Off);
            match (cold, warm) {
                (Outcome::Memory(a), Outcome::Memory(b)) => prop_assert_eq!((a.to, a.size, a.perms), (b.to, b.size, b.perms)),
                // A read-only page in the IOTLB is refused as a right, not as a missing entry: the same code here.
                (Outcome::Fault(a), Outcome::Fault(b)) => prop_assert_eq!(a.code.code, b.code.code),
                (a, b) => prop_assert!(false, "{:?} {:?}", a, b),
            }
        }
    }

    /// Whatever stands in memory, in registers and in a packet: an answer, and no panic.
    #[test]
    fn nothing_makes_the_unit_panic(
        words in proptest::collection::vec((0u64..512, any::<u64>()), 0..64),
        registers in proptest::collection::vec((0u32..0x120, any::<u64>(), any::<bool>()), 0..40),
        requests in proptest::collection::vec((any::<u64>(), any::<u16>(), proptest::option::of(0u32..1 << 20), 0u8..8, any::<u32>()), 0..20),
        legacy in any::<bool>(),
    ) {
        let config = if legacy { Config::legacy() } else { Config::playground() };
        let (mut unit, mut memory) = (Vtd::new(config), Memory::new());
        for (at, word) in words {
            // Pointers mostly lead back into the same few pages.
            let word = if word & 3 != 0 { word & 0xfff | (word >> 20 & 7) << 12 } else { word };
            memory.write_u64(PhysAddr::new(at * 64 % 0x8000), word | 1).unwrap();
        }
        let mut trace = Trace::new();
        for (at, value, wide) in registers {
            unit.write_register(&mut memory, at & !3, if wide { 8 } else { 4 }, value, &mut trace);
        }
        unit.write_register(&mut memory, 0x18, 4, 1 << 31 | 1 << 25, &mut trace);
        for (at, source, pasid, bits, data) in requests {
            let mut request = Request::new(RequesterId::new(source.into()), Iova::new(at), if bits & 1 != 0 { Perms::W } else { Perms::R }, 4);
            request.pasid = pasid.map(|p| PasidTag { pasid: Pasid::new(p).unwrap(), privileged: bits & 2 != 0, execute: bits & 4 != 0 });
            request.data = Some(data);
            unit.translate(&mut memory, &request, &mut trace);
            request.at = Iova::new(0xfee0_0000 | at & 0xf_ffff);
            unit.translate(&mut memory, &request, &mut trace);
        }
        // Scopes are closed.
        let depth = trace.steps().iter().fold(0i64, |d, s| d + match s.event { Event::Begin(_) => 1, Event::End(_) => -1, _ => 0 });
        prop_assert_eq!(depth, 0);
    }
}

/// RID_PASID is the PASID of requests without one where ECAP.RPS is 1; elsewhere PASID 0 is (VT-d 9.4).
#[test]
fn rid_pasid_counts_where_the_unit_has_it() {
    for support in [false, true] {
        for present in [0u64, 5] {
            let mut config = Config::playground();
            config.ecap = config.ecap & !(1 << 49) | u64::from(support) << 49;
            let (mut unit, mut memory) = (Vtd::new(config), Memory::new());
            // Root, context entry with RID_PASID 5, directory, and one pass-through entry.
            let context = 0x2000 + u64::from(NIC.bdf16()) * 32;
            let entry = 0x4000 + present * 64;
            for (at, word) in [
                (0x1000, 0x2001),
                (context, 0x3001),
                (context + 8, 5),
                (0x3000, 0x4001),
                (entry, 4 << 6 | 2 << 2 | 1),
                (entry + 8, 1),
            ] {
                memory.write_u64(PhysAddr::new(at), word).unwrap();
            }
            unit.write_register(&mut memory, 0x20, 8, 0x1000 | 1 << 10, &mut Off);
            unit.write_register(&mut memory, 0x18, 4, 1 << 30, &mut Off);
            unit.write_register(&mut memory, 0x18, 4, 1 << 31, &mut Off);
            let request = Request::new(NIC, Iova::new(0x5000), Perms::R, 8);
            let reached = matches!(unit.translate(&mut memory, &request, &mut Off), Outcome::Memory(_));
            assert_eq!(reached, (present == 5) == support, "RPS {support}, entry {present}");
        }
    }
}

#[test]
fn formats_agree_on_what_a_table_is() {
    let (first, second) = (FirstStage::four_levels(), SecondStage::four_levels());
    assert_eq!(first.as_table(first.table(0x5000, 3), 3), Some(0x5000));
    assert_eq!(second.as_table(second.table(0x5000, 3), 3), Some(0x5000));
    assert_eq!(second.as_table(second.leaf(0x4000_0000, 3, Perms::RW, true), 3), None);
}
