//! Handing a mapping over: what `dma_sync_*` does to bounce buffers and to the CPU's cache.

use super::super::{Env, OsError};
use super::pieces::{copy, part};
use super::{close, open, own, DeviceInfo, Direction, DmaApi, Mapped, Path};
use crate::addr::{AddrRange, Address, BusAddr, PhysAddr, RequesterId};
use crate::iommu::Driver;
use crate::trace::{Observer, OwnerState};
use alloc::format;

impl DmaApi {
    /// Hands `bytes` of a mapping over, from `offset`: to the CPU, or to the device.
    #[allow(clippy::too_many_arguments)]
    pub(super) fn sync<I: Driver, O: Observer>(
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
        for range in part(&mapped.pieces, offset, bytes) {
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
    pub fn sync_single<I: Driver, O: Observer>(
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
            None => {
                self.check_known(env, &info, (at, said), true);
                Err(OsError::NotMapped(at))
            }
            Some(mapped) => {
                // The kernel looks for a mapping that holds all of it.
                match said > mapped.bytes - offset {
                    true => self.check_known(env, &info, (at, said), true),
                    false => self.check_direction(env, &info, mapped, way, for_cpu),
                }
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
    pub(super) fn for_device<I: Driver, O: Observer>(
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
    pub(super) fn for_cpu<I: Driver, O: Observer>(
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
}
