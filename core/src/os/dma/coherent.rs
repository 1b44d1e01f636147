//! `dma_alloc_coherent`: memory that CPU and device may both touch at any time.

use super::super::pages::{Zone, SCATTERED};
use super::super::{Env, OsError};
use super::single::reachable;
use super::{close, open, own, Device, Direction, DmaApi, Piece};
use crate::addr::{AddrRange, Address, BusAddr, PageSize, RequesterId};
use crate::iommu::Driver;
use crate::platform::window::Direction as Way;
use crate::trace::{write_data, Actor, Observer, OwnerState};
use alloc::{format, string::String, vec, vec::Vec};

/// An allocation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Coherent {
    /// Its name.
    pub name: String,
    /// The address for the device.
    pub dma: BusAddr,
    /// The memory: one piece, or single pages where only an IOMMU makes them one.
    pub pieces: Vec<Piece>,
    /// Bytes, whole pages.
    pub bytes: u64,
}

impl DmaApi {
    /// `dma_alloc_coherent`: zeroed, whole pages, within the device's mask. On a machine whose devices do not
    /// snoop, the CPU goes past its cache there from now on.
    pub fn alloc_coherent<I: Driver, O: Observer>(
        &mut self,
        env: &mut Env<'_, I, O>,
        device: RequesterId,
        name: &str,
        bytes: u64,
    ) -> Result<Coherent, OsError> {
        let known = self.device(device)?.clone();
        open(env.obs, "dma_alloc_coherent", &format!("{}, {bytes}", known.info.name));
        let result = self.alloc(env, device, &known, name, bytes);
        close(env.obs, result.as_ref().map(|c| Some(c.dma.any())).map_err(OsError::rule));
        result
    }

    fn alloc<I: Driver, O: Observer>(
        &mut self,
        env: &mut Env<'_, I, O>,
        device: RequesterId,
        known: &Device,
        name: &str,
        bytes: u64,
    ) -> Result<Coherent, OsError> {
        let Device { info, params, .. } = known;
        let mask = &params.coherent_mask;
        let bytes = bytes.max(1).checked_next_multiple_of(4096).ok_or(OsError::Empty)?;
        if known.own.is_some() {
            return self.alloc_own(env, device, name, bytes);
        }
        let translated = self.domain(device).is_some();
        let pieces: Vec<Piece> = if translated {
            match env.pages.alloc(bytes, 1, Zone::ANY, name) {
                Ok(at) => vec![Piece { at, bytes }],
                Err(none) => {
                    if !env.obs.keep(bytes / 4096 * SCATTERED) {
                        return Err(none.into());
                    }
                    let pages = env.pages.scatter(bytes / 4096, Zone::ANY, name)?;
                    pages.into_iter().map(|at| Piece { at, bytes: 4096 }).collect()
                }
            }
        } else {
            let limit = phys_limit(env.bridges.get(info.bridge), *mask, bytes)?;
            vec![Piece { at: env.pages.alloc(bytes, 1, Zone::below(limit), name)?, bytes }]
        };
        let dma = if translated {
            self.map_pages(env, info, *mask, &pieces, Direction::Bidirectional).map(|iova| iova.as_bus())
        } else {
            match AddrRange::new(pieces[0].at, bytes) {
                Some(range) => reachable(env, info.bridge, range, *mask),
                None => Err(OsError::Empty),
            }
        };
        let dma = dma.inspect_err(|_| pieces.iter().for_each(|p| env.pages.free(p.at, p.bytes)))?;
        for piece in &pieces {
            zero(env, *piece)?;
            if let Some(range) = AddrRange::new(piece.at, piece.bytes) {
                if !info.coherent && env.cache.is_on() {
                    env.cache.set_uncached(env.memory, range, env.obs)?;
                }
            }
        }
        own(env.obs, name, OwnerState::Both);
        let made = Coherent { name: name.into(), dma, pieces, bytes };
        self.coherent.insert((device, dma.raw()), made.clone());
        Ok(made)
    }

    /// `dma_free_coherent`.
    pub fn free_coherent<I: Driver, O: Observer>(
        &mut self,
        env: &mut Env<'_, I, O>,
        device: RequesterId,
        at: BusAddr,
    ) -> Result<(), OsError> {
        let info = self.device(device)?.info.clone();
        let bytes = self.coherent.get(&(device, at.raw())).map_or(0, |c| c.bytes);
        open(env.obs, "dma_free_coherent", &format!("{}, {bytes}, {at}", info.name));
        let result = match self.coherent.remove(&(device, at.raw())) {
            None => Err(OsError::NotMapped(at)),
            Some(gone) if self.free_own(device, at, gone.bytes) => {
                own(env.obs, &gone.name, OwnerState::Freed);
                Ok(())
            }
            Some(gone) => {
                let unmapped = if self.domain(device).is_some() {
                    let first = at.as_iova().page(PageSize::SIZE_4K);
                    self.unmap_pages(env, &info, first, gone.bytes, gone.bytes, &gone.name)
                } else {
                    Ok(())
                };
                for piece in &gone.pieces {
                    if let Some(range) = AddrRange::new(piece.at, piece.bytes) {
                        env.cache.set_cached(range);
                    }
                    env.pages.free(piece.at, piece.bytes);
                }
                own(env.obs, &gone.name, OwnerState::Freed);
                unmapped
            }
        };
        close(env.obs, result.as_ref().map(|_| None).map_err(OsError::rule));
        result
    }

    /// Every live allocation.
    pub fn coherent(&self) -> impl Iterator<Item = (RequesterId, &Coherent)> + '_ {
        self.coherent.iter().map(|((device, _), c)| (*device, c))
    }
}

/// Zeroes memory that is not zero yet.
pub(super) fn zero<I: Driver, O: Observer>(env: &mut Env<'_, I, O>, piece: Piece) -> Result<(), OsError> {
    let mut page = [0; 4096];
    // Bounded: pages of a buffer, which is at most 1 GiB.
    for offset in (0..piece.bytes).step_by(4096) {
        let at = piece.at.wrapping_add(offset);
        env.memory.peek_bytes(at, &mut page);
        if page.iter().any(|b| *b != 0) {
            write_data(env.memory, env.obs, Actor::Os, at, &[0; 4096])?;
        }
    }
    Ok(())
}

/// The highest physical address whose DMA address is within `mask`.
fn phys_limit(bridge: &crate::platform::window::HostBridge, mask: u64, bytes: u64) -> Result<u64, OsError> {
    if bridge.inbound_identity() {
        return Ok(mask);
    }
    let last = |w: &crate::platform::window::Window| {
        let bus = w.bus.last().raw().min(mask);
        w.to_phys(BusAddr::new(bus)).map(|at| at.raw())
    };
    // Without any: every window begins above what the device can send.
    let lowest = bridge.of(Way::Inbound).map(|w| w.bus.start).min().unwrap_or_default();
    let limit = bridge.of(Way::Inbound).filter_map(last).max();
    limit.ok_or(OsError::Mask { at: lowest, bytes, mask })
}
