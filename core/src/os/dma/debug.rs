//! What `CONFIG_DMA_API_DEBUG` notices: a driver that says something else than when it mapped.

use super::super::Env;
use super::{DeviceInfo, Direction, DmaApi, Mapped};
use crate::iommu::Driver;
use crate::trace::Observer;
use alloc::{format, string::String};

impl DmaApi {
    pub(super) fn check_said<I: Driver, O: Observer>(
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

    pub(super) fn check_direction<I: Driver, O: Observer>(
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

    pub(super) fn warn<I: Driver, O: Observer>(&mut self, env: &mut Env<'_, I, O>, text: String) {
        env.note(&text, &text);
        self.warnings.push(text);
    }
}
