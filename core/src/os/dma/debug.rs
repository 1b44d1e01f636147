//! What `CONFIG_DMA_API_DEBUG` notices: a driver that says something else than when it mapped (Linux kernel/dma/debug.c).
//!
//! Where the scenario has `dma-api-debug` the words are the kernel's, every one of them; without it a driver that unmaps or
//! synchronises something else is named in fewer words.

use super::super::Env;
use super::sg::Segment;
use super::{DeviceInfo, Direction, DmaApi, Mapped, Params, Piece};
use crate::addr::{BusAddr, RequesterId};
use crate::iommu::Driver;
use crate::trace::Observer;
use alloc::{format, string::String};

/// Bytes of the lines in which the kernel looks for mappings that share one (`L1_CACHE_BYTES`).
const LINE: u64 = 64;

impl DmaApi {
    pub(super) fn check_said<I: Driver, O: Observer>(
        &mut self,
        env: &mut Env<'_, I, O>,
        info: &DeviceInfo,
        mapped: &Mapped,
        bytes: u64,
        direction: Direction,
    ) {
        let size = mapped.bytes;
        if bytes != mapped.bytes {
            let rest = format!("[map size={size} bytes] [unmap size={bytes} bytes]");
            self.misuse(env, info, "frees DMA memory with different size", mapped.dma, &rest);
        }
        if direction != mapped.direction {
            let (was, now) = (mapped.direction.name(), direction.name());
            let mut rest = format!("[mapped with {was}] [unmapped with {now}]");
            if self.debug {
                rest = format!("[size={size} bytes] {rest}");
            }
            self.misuse(env, info, "frees DMA memory with different direction", mapped.dma, &rest);
        }
    }

    /// A mapping was synchronised, at `at` for `bytes`.
    pub(super) fn check_direction<I: Driver, O: Observer>(
        &mut self,
        env: &mut Env<'_, I, O>,
        info: &DeviceInfo,
        mapped: &Mapped,
        direction: Direction,
        for_cpu: bool,
    ) {
        if mapped.direction == Direction::Bidirectional {
            return;
        }
        let (was, now) = (mapped.direction.name(), direction.name());
        let mut rest = format!("[mapped with {was}] [synced with {now}]");
        if self.debug {
            rest = format!("[size={} bytes] {rest}", mapped.bytes);
        }
        if direction != mapped.direction {
            self.misuse(env, info, "syncs DMA memory with different direction", mapped.dma, &rest);
        }
        let other = match (self.debug, for_cpu) {
            // What the device only reads the CPU has no new bytes of, and the other way round.
            (true, true) if mapped.direction == Direction::ToDevice && direction != Direction::ToDevice => {
                "syncs device read-only DMA memory for cpu"
            }
            (true, false)
                if mapped.direction == Direction::FromDevice && direction != Direction::FromDevice =>
            {
                "syncs device write-only DMA memory to device"
            }
            _ => return,
        };
        self.misuse(env, info, other, mapped.dma, &rest);
    }

    /// A mapping that there is not was given back or (`sync`) synchronised, or more of one than there is.
    pub(super) fn check_known<I: Driver, O: Observer>(
        &mut self,
        env: &mut Env<'_, I, O>,
        info: &DeviceInfo,
        (at, bytes): (BusAddr, u64),
        sync: bool,
    ) {
        let rest = if self.debug { format!("[size={bytes} bytes]") } else { String::new() };
        match (sync, self.debug) {
            (false, _) => self.misuse(env, info, "tries to free DMA memory it has not allocated", at, &rest),
            (true, true) => {
                self.misuse(env, info, "tries to sync DMA memory it has not allocated", at, &rest)
            }
            (true, false) => {}
        }
    }

    /// A mapping was given back by the call of another kind: `(mapped as a list, unmapped as a list)`.
    pub fn check_function<I: Driver, O: Observer>(
        &mut self,
        env: &mut Env<'_, I, O>,
        device: RequesterId,
        at: BusAddr,
        (was, now): (bool, bool),
    ) {
        let Some(bytes) = self.live.get(&(device, at.raw())).map(|m| m.bytes) else { return };
        let Some(info) = self.devices.get(&device).map(|d| d.info.clone()) else { return };
        if !self.debug || was == now {
            return;
        }
        let kind = |list| if list { "scatter-gather" } else { "phy" };
        let rest = format!("[size={bytes} bytes] [mapped as {}] [unmapped as {}]", kind(was), kind(now));
        self.misuse(env, &info, "frees DMA memory with wrong function", at, &rest);
    }

    /// A new mapping shares a line with one that the device may write too.
    pub(super) fn check_overlap<I: Driver, O: Observer>(
        &mut self,
        env: &mut Env<'_, I, O>,
        info: &DeviceInfo,
        piece: Piece,
        direction: Direction,
    ) {
        if !self.debug || direction == Direction::ToDevice {
            return;
        }
        let line = piece.at.raw() / LINE;
        // As the kernel does it: by the line in which a mapping begins, of all devices.
        let shares = |m: &Mapped| {
            m.direction != Direction::ToDevice && m.pieces.iter().any(|p| p.at.raw() / LINE == line)
        };
        env.obs.spend(self.live.len() as u64);
        if self.live.values().any(shares) {
            let text = format!(
                "DMA-API: {}: cacheline tracking EEXIST, overlapping mappings aren't supported",
                self.called(info)
            );
            self.warn(env, text);
        }
    }

    /// A list was mapped: its entries and segments against what the device takes.
    pub(super) fn check_segments<I: Driver, O: Observer>(
        &mut self,
        env: &mut Env<'_, I, O>,
        info: &DeviceInfo,
        pieces: &[Piece],
        segments: &[Segment],
        params: Params,
    ) {
        if !self.debug {
            return;
        }
        env.obs.spend(pieces.len() as u64 + segments.len() as u64);
        let called = self.called(info);
        let Params { max_segment, boundary, .. } = params;
        if let Some(long) = pieces.iter().find(|p| p.bytes > max_segment) {
            let text = format!(
                "DMA-API: {called}: mapping sg segment longer than device claims to support [len={}] [max={max_segment}]",
                long.bytes
            );
            self.warn(env, text);
        }
        let ends = |s: &Segment| (s.dma.raw(), s.dma.raw().wrapping_add(s.bytes.saturating_sub(1)));
        if let Some((start, end)) = segments.iter().map(ends).find(|(a, b)| (a ^ b) & !boundary != 0) {
            let text = format!(
                "DMA-API: {called}: mapping sg segment across boundary [start={start:#018x}] [end={end:#018x}] [boundary={boundary:#018x}]"
            );
            self.warn(env, text);
        }
    }

    /// Driver and device as a kernel line names them: the driver is called as the device is.
    fn called(&self, info: &DeviceInfo) -> String {
        let id = info.id;
        format!("{} {:04x}:{:02x}:{:02x}.{}", info.name, id.segment(), id.bus(), id.device(), id.function())
    }

    fn misuse<I: Driver, O: Observer>(
        &mut self,
        env: &mut Env<'_, I, O>,
        info: &DeviceInfo,
        what: &str,
        at: BusAddr,
        rest: &str,
    ) {
        let (called, at) = match self.debug {
            true => (self.called(info), format!("{:#018x}", at.raw())),
            false => (info.name.clone(), format!("{at}")),
        };
        let gap = if rest.is_empty() { "" } else { " " };
        self.warn(env, format!("DMA-API: {called}: device driver {what} [device address={at}]{gap}{rest}"));
    }

    pub(super) fn warn<I: Driver, O: Observer>(&mut self, env: &mut Env<'_, I, O>, text: String) {
        env.note(&text, &text);
        self.warnings.push(text);
    }
}
