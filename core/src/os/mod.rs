//! What the operating system does: Linux's DMA API and what is under it.
//!
//! * [`dma`]: `dma_map_*`, `dma_alloc_coherent`, `dma_sync_*`: direct, through an IOMMU, or bounced
//! * [`iova`]: the IOVA allocator; [`swiotlb`]: the bounce pool; [`pages`]: RAM; [`cache`]: the CPU's data cache
//! * [`sva`]: a device works in a process's address space
//! * [`vfio`]: a device is given to a guest; [`relay`]: or the host does its DMA for it
//!
//! Software here talks to the IOMMU through [`crate::iommu::Driver`] only, and to memory through the CPU's cache.

pub mod cache;
pub mod dma;
pub mod error;
pub mod iova;
pub mod pages;
pub mod relay;
pub mod sva;
pub mod swiotlb;
pub mod vfio;

pub use error::OsError;

use crate::iommu::{Ctx, Driver};
use crate::memory::Memory;
use crate::paging::FrameAlloc;
use crate::platform::bridges::Bridges;
use crate::trace::{Actor, Event, Observer};
use cache::CpuCache;
use pages::Pages;

/// What the operating system works with.
pub struct Env<'a, I, O> {
    /// The IOMMU, when there is one and it is on.
    pub iommu: Option<&'a mut I>,
    /// Physical memory.
    pub memory: &'a mut Memory,
    /// Frames for tables.
    pub frames: &'a mut FrameAlloc,
    /// RAM for everything else.
    pub pages: &'a mut Pages,
    /// The CPU's data cache.
    pub cache: &'a mut CpuCache,
    /// The host bridges.
    pub bridges: &'a Bridges,
    /// Who hears.
    pub obs: &'a mut O,
}

impl<I: Driver, O: Observer> Env<'_, I, O> {
    /// Does something with the IOMMU, when there is one.
    pub(crate) fn with_iommu<T>(&mut self, act: impl FnOnce(&mut I, &mut Ctx<'_, O>) -> T) -> Option<T> {
        let iommu = self.iommu.as_deref_mut()?;
        let mut ctx = Ctx { memory: self.memory, frames: self.frames, obs: self.obs };
        Some(act(iommu, &mut ctx))
    }

    /// Says something in the trace.
    pub(crate) fn note(&mut self, en: &str, zh: &str) {
        if O::ON {
            let (en, zh) = (self.obs.name(en), self.obs.name(zh));
            self.obs.step(Actor::Os, Event::Note { en, zh });
        }
    }
}
