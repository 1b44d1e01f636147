//! Domains of the IOMMU: what their tables map, and what caches still hold.

use super::{Col, Painter, RUNS};
use crate::addr::PhysAddr;
use crate::diagram::model::{ArrowKind, ArrowState, Region, RegionKind};
use crate::iommu::DomainId;
use crate::os::dma::Direction;
use crate::paging::leaves::{leaves, Run as Mapped};
use crate::platform::bridges::BridgeId;
use crate::scenario::ast::Policy;
use crate::spans::Spans;
use crate::spec::{Phrase, Text};
use crate::trace::{CacheKind, Perms};
use alloc::{format, string::String, vec::Vec};

impl Painter<'_> {
    pub(super) fn domains(&mut self) {
        let now = self.now;
        for handle in now.handles() {
            let col = self.bus_of(handle.device);
            for (n, (bus, len)) in handle.segments.iter().take(RUNS).enumerate() {
                let key = format!("bus/{}.{n}", handle.name);
                let last = bus.raw().saturating_add(len.saturating_sub(1));
                let mut region =
                    Region::new(key, bus.raw(), last, RegionKind::Buffer, Phrase::same(handle.name.clone()));
                let way = match handle.direction {
                    Direction::ToDevice => Text::new("to device", "设备读"),
                    Direction::FromDevice => Text::new("from device", "设备写"),
                    Direction::Bidirectional => Text::new("both ways", "双向"),
                };
                let device = &now.devices()[handle.device].name;
                region.owner =
                    Phrase::new(format!("{device} ({})", way.en), format!("{device}（{}）", way.zh));
                self.region(col, region);
            }
            if let (Some((bus, _)), Some((pa, _))) = (handle.segments.first(), handle.pieces.first()) {
                // X and Y belong to the buffer that the first handle maps.
                if self.letters.values().all(|l| *l != 'Z') {
                    let y = self.spaces.get(&Col::Physical).map(|c| (*c, pa.raw()));
                    if y.is_some_and(|y| self.letters.get(&y) == Some(&'Y')) {
                        self.letter(col, bus.raw(), 'Z');
                    }
                }
            }
        }
        let through = now.policy() == Policy::PassThrough;
        if (0..now.devices().len()).any(|d| !now.is_translated(d) || through) {
            for handle in now.handles().filter(|h| !now.is_translated(h.device) || through) {
                let mut offset = 0;
                let pieces = Spans::new(handle.pieces.iter().map(|(at, len)| (at.raw(), *len, 0)));
                for (bus, len) in handle.segments.iter().take(RUNS) {
                    // Direct: through the inbound window, to where the bytes the device touches really are.
                    if let Some(pa) = now.bridge_of(handle.device).to_phys(*bus) {
                        if !pieces.hold(pa.raw(), pa.raw().saturating_add(1)) {
                            let label = Phrase::new("bounce buffer", "回弹缓冲区");
                            let key = format!("pa/bounce.{}", handle.name);
                            let last = pa.raw() + (len - 1);
                            self.region(
                                Col::Physical,
                                Region::new(key, pa.raw(), last, RegionKind::Bounce, label),
                            );
                            if let Some((to, _)) = handle.pieces.first() {
                                self.arrow(
                                    format!("copy:{}", handle.name),
                                    (Col::Physical, pa.raw()),
                                    (Col::Physical, to.raw()),
                                    *len,
                                    ArrowKind::Copy,
                                    ArrowState::Live,
                                    Perms::RW,
                                    Phrase::default(),
                                );
                            }
                        }
                        let col = self.bus_of(handle.device);
                        self.arrow(
                            format!("dma:{}/{offset:x}", handle.name),
                            (col, bus.raw()),
                            (Col::Physical, pa.raw()),
                            *len,
                            ArrowKind::Identity,
                            ArrowState::Live,
                            Perms::RW,
                            Phrase::default(),
                        );
                    }
                    offset += len;
                }
            }
            return;
        }
        let mut seen: Vec<DomainId> = Vec::new();
        for device in 0..now.devices().len() {
            let Some(domain) = self.domain(device).filter(|d| !seen.contains(d)) else { continue };
            seen.push(domain);
            self.domain_arrows(device, domain);
        }
    }

    pub(super) fn domain_arrows(&mut self, device: usize, domain: DomainId) {
        let now = self.now;
        let found = now.mappings(self.memory, domain, self.tables());
        self.read += found.tables.len();
        let col = self.bus_of(device);
        let vm = now.guest_of(domain);
        let runs: Vec<Mapped> = found.runs.iter().take(RUNS).copied().collect();
        let range = now.interrupts().range();
        let (first, last) = (range.start.raw(), range.last().raw());
        // What an MSI page table leads to is cached too, and is no mapping of the domain that could be undone.
        let messages = first..=last;
        let lines: Vec<_> = self
            .caches
            .iter()
            .filter(|c| c.cache.kind == CacheKind::Iotlb)
            .flat_map(|c| c.lines.values().copied())
            .filter(|l| now.translates(domain, l))
            .filter(|l| !(messages.contains(&l.from) && messages.contains(&l.to)))
            .collect();
        for run in &runs {
            let named = self.named_at(col, run.from);
            if !named {
                // What a guest's domain maps besides its RAM: where the unit itself reads its directories.
                let vm = vm.filter(|vm| vm.gpa(PhysAddr::new(run.to)).is_some());
                let label = match vm {
                    Some(vm) => Phrase::new(format!("RAM of {}", vm.name), format!("{} 的内存", vm.name)),
                    None => Phrase::new("mapped", "已映射"),
                };
                let key = format!("bus/{domain}.{:x}", run.from);
                self.region(
                    col,
                    Region::new(key, run.from, run.from + (run.len - 1), RegionKind::Buffer, label.clone()),
                );
                if !self.named_at(Col::Physical, run.to) {
                    let key = format!("pa/{domain}.{:x}", run.to);
                    self.region(
                        Col::Physical,
                        Region::new(key, run.to, run.to + (run.len - 1), RegionKind::Buffer, label),
                    );
                }
            }
            let cached = lines.iter().any(|l| {
                let inside = l.from >= run.from && l.from - run.from < run.len;
                inside && l.to == run.to + (l.from - run.from)
            });
            let state = if cached { ArrowState::Cached } else { ArrowState::Live };
            let (from, to) = (self.start_of(col, run.from), run.to);
            let skip = from - run.from;
            self.arrow(
                format!("iommu:{domain}/{:x}", run.from),
                (col, from),
                (Col::Physical, to + skip),
                run.len - skip,
                ArrowKind::Stage2,
                state,
                run.perms,
                Phrase::default(),
            );
        }
        for line in lines {
            let len = 1u64 << line.shift.min(40);
            let backed = runs.iter().any(|r| {
                let inside = line.from >= r.from && line.from - r.from < r.len;
                inside && line.to == r.to + (line.from - r.from)
            });
            if !backed {
                let key = format!("bus/stale.{:x}", line.from);
                if !self.named_at(col, line.from) {
                    let label = Phrase::new("unmapped, still cached", "已解除映射，仍在缓存中");
                    self.region(
                        col,
                        Region::new(key, line.from, line.from + (len - 1), RegionKind::Hole, label),
                    );
                }
                self.arrow(
                    format!("stale:{domain}/{:x}", line.from),
                    (col, line.from),
                    (Col::Physical, line.to),
                    len,
                    ArrowKind::Stage2,
                    ArrowState::Stale,
                    line.perms,
                    Phrase::default(),
                );
            }
        }
        let label = Phrase::new("interrupt messages", "中断消息");
        self.region(col, Region::new("bus/msi", first, last, RegionKind::Msi, label));
    }

    /// The bus that a guest's devices are on: that of the first one attached.
    fn guest_bus(&self) -> Col {
        Col::Bus(self.now.first_attached().map_or(BridgeId(0), |d| self.now.bridge_id(d)))
    }

    /// What guests' own tables map: a stage 1 whose addresses lead into guest-physical ones, which the stage 2 below
    /// takes on.
    pub(super) fn inner_domains(&mut self) {
        let now = self.now;
        for domain in now.guest_domains() {
            let Some(guest) = now.vms().get(domain.vm) else { continue };
            let place = |gpa| guest.place(gpa);
            let found = leaves(&now.format(), self.memory, domain.root, place, self.tables());
            self.read += found.tables.len();
            for run in found.runs.iter().take(RUNS) {
                let label = Phrase::new("mapped by the guest", "客户机映射");
                let page = |key: String, first: u64| {
                    Region::new(key, first, first + (run.len - 1), RegionKind::Buffer, label.clone())
                };
                let name = domain.name;
                self.region(Col::Inner(domain.index), page(format!("inner:{name}/{:x}", run.from), run.from));
                self.region(self.guest_bus(), page(format!("bus/{name}.{:x}", run.to), run.to));
                self.arrow(
                    format!("stage1:{name}/{:x}", run.from),
                    (Col::Inner(domain.index), run.from),
                    (self.guest_bus(), run.to),
                    run.len,
                    ArrowKind::Stage1,
                    ArrowState::Live,
                    run.perms,
                    Phrase::new("stage 1", "第一阶段"),
                );
                let Some(place) = guest.place(run.to) else { continue };
                self.region(Col::Physical, page(format!("pa/{name}.{:x}", run.to), place.raw()));
                self.arrow(
                    format!("stage2:{name}/{:x}", run.to),
                    (self.guest_bus(), run.to),
                    (Col::Physical, place.raw()),
                    run.len,
                    ArrowKind::Stage2,
                    ArrowState::Live,
                    Perms::RWX,
                    Phrase::new("stage 2", "第二阶段"),
                );
            }
        }
    }

    /// Is there a region of a named thing at an address (not only RAM or a window)?
    pub(super) fn named_at(&self, col: Col, address: u64) -> bool {
        self.spaces.get(&col).and_then(|id| self.model.column(*id)).is_some_and(|c| {
            c.regions.iter().any(|r| {
                (r.first & !0xfff..=r.last | 0xfff).contains(&address)
                    && !matches!(r.kind, RegionKind::Ram | RegionKind::Mmio)
            })
        })
    }

    /// The first byte of the named thing in the page at `address`: where an arrow of that page begins.
    pub(super) fn start_of(&self, col: Col, address: u64) -> u64 {
        let regions =
            self.spaces.get(&col).and_then(|id| self.model.column(*id)).map(|c| c.regions.as_slice());
        regions
            .unwrap_or(&[])
            .iter()
            .filter(|r| r.kind == RegionKind::Buffer && r.first > address && r.first - address < 4096)
            .map(|r| r.first)
            .min()
            .unwrap_or(address)
    }
}
