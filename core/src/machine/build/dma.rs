//! The DMA API and the CPU's data cache as a scenario declares them.

use crate::addr::{AddrRange, Iova};
use crate::iommu::{AnyIommu, DomainKind, Driver};
use crate::machine::problem;
use crate::machine::software::DmaState;
use crate::os::cache::CpuCache;
use crate::os::dma::{self as api, DmaApi};
use crate::os::pages::{Pages, Zone};
use crate::os::sva::Sva;
use crate::os::swiotlb::Swiotlb;
use crate::scenario::ast::{Coherence, Policy};
use crate::scenario::outline::Outline;
use crate::scenario::Problem;
use crate::spec::Text;
use alloc::vec::Vec;

/// The CPU's data cache as the `cache` line says: none where every device snoops.
pub(super) fn cpu_cache(outline: &Outline<'_>) -> CpuCache {
    let non_coherent = outline.cache.is_some_and(|c| c.coherence.value == Coherence::NonCoherent)
        || outline
            .devices
            .iter()
            .any(|d| d.device.coherence.is_some_and(|c| c.value == Coherence::NonCoherent));
    let line = outline.cache.and_then(|c| c.line).map_or(64, |l| l.value.clamp(16, 4096) as u32);
    CpuCache::new(line, if non_coherent { 512 } else { 0 })
}

/// IOVAs that no device may be given, as the scenario says.
pub(super) fn reserved_iovas(outline: &Outline<'_>) -> Result<Vec<AddrRange<Iova>>, Problem> {
    let each = outline.reserved_iovas.iter();
    each.map(|r| r.range.addresses().ok_or_else(|| super::bad_range(r.range.span))).collect()
}

impl DmaState {
    /// Creates what the scenario declares.
    pub(super) fn declared(
        outline: &Outline<'_>,
        policy: Policy,
        unit: Option<&AnyIommu>,
        pages: &mut Pages,
    ) -> Result<Self, Problem> {
        let flush_after = outline.iommu.and_then(|p| p.flush).map_or(255, |n| n.value.max(1));
        let stage = outline.iommu.and_then(|p| p.stage).map(|s| s.value);
        let kind = match (stage, unit) {
            (Some(1), _) => DomainKind::Stage1,
            (None, Some(unit)) => unit.default_stage(outline.devices.iter().any(|d| d.device.pasid)),
            _ => DomainKind::Stage2,
        };
        let none = outline.machine.is_some_and(|m| m.arch.value.is_none());
        let policy = match policy {
            _ if none => api::Policy::Direct,
            Policy::Off => api::Policy::Direct,
            Policy::PassThrough => api::Policy::PassThrough,
            Policy::Strict => api::Policy::Strict,
            Policy::Lazy => api::Policy::Lazy(flush_after as usize),
        };
        let swiotlb = match &outline.swiotlb {
            None => None,
            Some(pool) => {
                let size = pool.size.value;
                let at = match &pool.at {
                    Some(at) => {
                        let at = at.address().ok_or_else(|| {
                            problem(at.span, Text::new("an address must stand here", "此处应为地址"))
                        })?;
                        let range = AddrRange::new(at, size.max(1)).ok_or_else(|| {
                            problem(
                                pool.span,
                                Text::new(
                                    "the pool runs past the end of 64 bits",
                                    "缓冲池超出 64 位地址空间",
                                ),
                            )
                        })?;
                        pages.take(range, "swiotlb").map_err(|e| problem(pool.span, e))?;
                        at
                    }
                    None => {
                        let low = Zone { from: 0, to: u32::MAX.into() };
                        pages.alloc(size, 4096, low, "swiotlb").map_err(|e| problem(pool.span, e))?
                    }
                };
                Some(Swiotlb::new(at, size, pool.force))
            }
        };
        let mut api = DmaApi::new(policy, kind, swiotlb);
        api.set_debug(outline.dma_debug.is_some());
        Ok(DmaState { api, sva: Sva::new(), kind, pending: Vec::new(), flush_after })
    }
}
