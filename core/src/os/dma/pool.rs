//! `dma_declare_coherent_memory`: memory of one device, from which its coherent allocations come and from nowhere else
//! (Linux kernel/dma/coherent.c). The bus address is the caller's word; nobody checks that it leads to the memory.

use super::super::{Env, OsError};
use super::coherent::zero;
use super::{close, open, own, Coherent, DmaApi, Piece};
use crate::addr::{AddrRange, Address, BusAddr, PhysAddr, RequesterId};
use crate::iommu::Driver;
use crate::trace::{Observer, OwnerState};
use alloc::{format, vec, vec::Vec};

const PAGE: u64 = 4096;

/// Memory of one device.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct OwnMemory {
    range: AddrRange<PhysAddr>,
    dma: BusAddr,
    /// What is given: first page and pages, both powers of two apart.
    given: Vec<(u64, u64)>,
}

impl OwnMemory {
    /// The first free run of `bytes`, at a multiple of its size in pages rounded up to a power of two
    /// (`bitmap_find_free_region`).
    fn take(&mut self, bytes: u64) -> Option<u64> {
        let pages = bytes.div_ceil(PAGE).max(1).checked_next_power_of_two()?;
        let free = |at: &u64| self.given.iter().all(|(first, n)| first + n <= *at || at + pages <= *first);
        let room = self.range.len() / PAGE;
        // Bounded: what is given, and one more.
        let mut starts: Vec<u64> =
            self.given.iter().map(|(first, n)| (first + n).next_multiple_of(pages)).collect();
        starts.push(0);
        starts.sort_unstable();
        let at = starts.into_iter().filter(|at| at + pages <= room).find(free)?;
        self.given.push((at, pages));
        Some(at * PAGE)
    }
}

impl DmaApi {
    /// `dma_declare_coherent_memory`: `range`, which the device is told to find from `dma` on.
    pub fn declare_coherent<I: Driver, O: Observer>(
        &mut self,
        env: &mut Env<'_, I, O>,
        device: RequesterId,
        range: AddrRange<PhysAddr>,
        dma: BusAddr,
    ) -> Result<(), OsError> {
        let known = self.devices.get_mut(&device).ok_or(OsError::NoDevice(device))?;
        let args = format!("{}, {}, {dma}, {}", known.info.name, range.start, range.len());
        open(env.obs, "dma_declare_coherent_memory", &args);
        let result = match known.own {
            Some(_) => Err(OsError::PoolBusy),
            None => {
                // Where it is not RAM there is nothing to keep from the allocator.
                let _ = env.pages.take(range, &known.info.name);
                known.own = Some(OwnMemory { range, dma, given: Vec::new() });
                Ok(())
            }
        };
        close(env.obs, result.as_ref().map(|_| None).map_err(OsError::rule));
        result
    }

    pub(super) fn alloc_own<I: Driver, O: Observer>(
        &mut self,
        env: &mut Env<'_, I, O>,
        device: RequesterId,
        name: &str,
        bytes: u64,
    ) -> Result<Coherent, OsError> {
        let memory =
            self.devices.get_mut(&device).and_then(|d| d.own.as_mut()).ok_or(OsError::NoDevice(device))?;
        let (range, first) = (memory.range, memory.dma);
        let offset = memory.take(bytes).ok_or(OsError::PoolFull { bytes, pool: range })?;
        let piece = Piece { at: range.start.wrapping_add(offset), bytes };
        zero(env, piece)?;
        own(env.obs, name, OwnerState::Both);
        let made =
            Coherent { name: name.into(), dma: first.wrapping_add(offset), pieces: vec![piece], bytes };
        self.coherent.insert((device, made.dma.raw()), made.clone());
        Ok(made)
    }

    /// Gives back what came out of a device's own memory; `false` when it did not.
    pub(super) fn free_own(&mut self, device: RequesterId, at: BusAddr, bytes: u64) -> bool {
        let Some(memory) = self.devices.get_mut(&device).and_then(|d| d.own.as_mut()) else { return false };
        let Some(offset) =
            at.raw().checked_sub(memory.dma.raw()).filter(|o| *o + bytes <= memory.range.len())
        else {
            return false;
        };
        let before = memory.given.len();
        memory.given.retain(|(first, _)| *first != offset / PAGE);
        memory.given.len() != before
    }
}
